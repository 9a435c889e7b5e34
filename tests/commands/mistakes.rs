//! `config check`: a mistake is told with the name of its setting, and in words for people.

use super::*;

/// Changes the configuration, and answers what `config check` says of it: the line of the mistake and its text.
fn told(party: &Party, from: &str, to: &str) -> (i64, String) {
    let good = std::fs::read_to_string(party.config()).unwrap();
    let line = change(party, from, to);
    let (code, said) = check(party);
    std::fs::write(party.config(), good).unwrap();
    assert_eq!(code, Some(1), "{to}: {said}");
    let place = format!("error: {}:", party.config().display());
    let first = said.lines().next().unwrap().strip_prefix(&place).unwrap();
    let (at, text) = first.split_once(": ").unwrap();
    let at: i64 = at.split(':').next().unwrap().parse().unwrap();
    (at + 1 - i64::try_from(line).unwrap(), text.to_owned())
}

const ISSUER: &str = "client_id = \"own-resource-server\"";
const MATCH: &str = "require_if_match = true";
const RETENTION: &str = "# retention_days = 2555";

#[test]
fn a_word_that_no_issuer_may_give_opens_nothing() {
    let party = Party::init("vro");
    let rule =
        "[[resource_server.withholding]]\ngroups = [\"ssn\"]\nunless_scope = \"sensitive/ssn\"\n";
    let good = std::fs::read_to_string(party.config()).unwrap();
    for (scope, right) in [
        ("", true),
        ("scope = \"system/Bundle.rs sensitive/ssn\"", true),
        ("scope = \"system/Bundle.rs sensitive/names\"", false),
    ] {
        let scoped = good.replacen(ISSUER, &format!("{ISSUER}\n{scope}"), 1);
        let text = scoped + "\n" + rule;
        std::fs::write(party.config(), &text).unwrap();
        let (code, said) = check(&party);
        assert_eq!(code, Some(i32::from(!right)), "{scope}: {said}");
        let line = format!(":{}:1: ", text.lines().count());
        let expected = "unless_scope must be in the scope of one of [[resource_server.issuers]]: \
             their tokens never have sensitive/ssn";
        assert!(right || said.contains(&(line + expected)), "{said}");
    }
}

#[test]
fn every_mistake_begins_with_the_name_of_its_setting() {
    let party = Party::init("vro");
    let rule = |text: &str| format!("{MATCH}\n[[resource_server.withholding]]\n{text}");
    for (from, to, line, expected) in [
        (
            MATCH,
            rule("groups = []"),
            3,
            "groups must name at least one of ssn",
        ),
        (
            MATCH,
            rule("groups = [\"ssn\"]\nfrom_roles = [\"boss\"]"),
            4,
            "from_roles must name some of registrar, clerk",
        ),
        (
            MATCH,
            format!("{MATCH}\ncors_allowed_origins = [\n  \"*\",\n]"),
            2,
            "cors_allowed_origins must be https://host or https://host:port",
        ),
        (
            "record_types = [\"birth\", ",
            "record_types = [\"death\", ".to_owned(),
            1,
            "record_types must be birth or fetal-death",
        ),
        (
            "validation = \"warn\"",
            "validation = \"wrn\"".to_owned(),
            1,
            "validation: unknown variant `wrn`",
        ),
        (
            ISSUER,
            format!("{ISSUER}\nscope = \"system/Bundle.sr\""),
            2,
            "scope: \"system/Bundle.sr\" permits nothing: look at the resource type, the order of cruds, and the query",
        ),
        (
            MATCH,
            format!(
                "{MATCH}\nroles = {{ clerk = \"user/Bundle.cruds\", auditor = \"user/Bundle.r\" }}"
            ),
            2,
            "roles: auditor: user/Bundle.r is nothing that the role may do; roles takes away and never gives",
        ),
        (
            MATCH,
            format!("{MATCH}\nroles = {{ clerk = \"user/Bundle.rs?jurisdiction=MA\" }}"),
            2,
            "roles: clerk: user/Bundle.rs?jurisdiction=MA must have no query: it would permit nothing",
        ),
    ] {
        let (at, text) = told(&party, from, &to);
        assert!(text.starts_with(expected), "{to}: {text}");
        assert_eq!(at, line, "{to}: {text}");
    }
    let before = std::fs::read_to_string(party.config()).unwrap();
    for roles in [
        "{ clerk = \"user/Bundle.crs user/Composition.r\", auditor = \"user/AuditEvent.rs\" }",
        "{ auditor = \"user/*.rs\", registrar = \"user/*.cruds\" }",
    ] {
        change(&party, MATCH, &format!("{MATCH}\nroles = {roles}"));
        assert_eq!(check(&party), (Some(0), String::new()), "{roles}");
        std::fs::write(party.config(), &before).unwrap();
    }
}

#[test]
fn values_of_a_wrong_kind_are_told_in_plain_words() {
    let party = Party::init("vro");
    let cache = "introspection_cache_max_age_s = 0";
    for (from, to, expected) in [
        (
            cache,
            "introspection_cache_max_age_s = 90000",
            "introspection_cache_max_age_s must be a whole number from 0 to 255",
        ),
        (
            RETENTION,
            "retention_days = \"7y\"",
            "retention_days must be a whole number from 0 to 4294967295",
        ),
        (
            "session_idle_s = 1800",
            "session_idle_s = -1",
            "session_idle_s must be a whole number from 0 to 4294967295",
        ),
        (
            "connections = 4000",
            "connections = 0.5",
            "connections must be a whole number, 0 or more",
        ),
        (
            MATCH,
            "require_if_match = \"yes\"",
            "require_if_match must be true or false",
        ),
        (
            "party = \"vro\"",
            "party = 5",
            "party must be a text in quotation marks",
        ),
        (
            "organizations = [\"*\"]",
            "organizations = \"*\"",
            "organizations must be a list in brackets",
        ),
        (
            "internal_address = \"",
            "internal_address = \"x",
            "internal_address must be an IP address and a port, such as 127.0.0.1:8443",
        ),
    ] {
        assert_eq!(told(&party, from, to), (1, expected.to_owned()), "{to}");
    }
    // What fails before there are values has no setting.
    let (_, text) = told(&party, "party = \"vro\"", "party = \"vro");
    assert!(!text.starts_with("party"), "{text}");
    // A missing setting is named by its message, and a password is not repeated.
    let (_, text) = told(&party, "organization = ", "# organization = ");
    assert_eq!(text, "missing field `organization`");
    let (_, text) = told(
        &party,
        "database = \"sqlite\"",
        "database = [\"postgres://a:secret@db/vro\"]",
    );
    assert_eq!(text, "database must be a text in quotation marks");
}

#[test]
fn destinations_of_the_audit_are_told_by_their_name() {
    let party = Party::init("vro");
    let at = |name: &str, address: &str| {
        format!("[[audit.destinations]]\nname = \"{name}\"\naddress = \"{address}\"\n")
    };
    let before = std::fs::read_to_string(party.config()).unwrap();
    for address in ["[::1]:6514", "127.0.0.1:6514", "siem.example:6514"] {
        change(&party, RETENTION, &at("x", address));
        assert_eq!(check(&party), (Some(0), String::new()), "{address}");
        std::fs::write(party.config(), &before).unwrap();
    }
    let form = "address of x must be host:port, such as siem.example:6514 or [2001:db8::1]:6514";
    for (destinations, line, expected) in [
        (at("x", "siem.example"), 3, form),
        (at("x", "siem.example:0"), 3, form),
        (at("x", ":6514"), 3, form),
        (at("x", "[siem_example]:6514"), 3, form),
        (
            at("x", "siem.example:6514") + &at("x", "other.example:6514"),
            5,
            "name \"x\" is the name of another destination",
        ),
        (at("", "siem.example:6514"), 2, "name must not be empty"),
    ] {
        assert_eq!(
            told(&party, RETENTION, &destinations),
            (line, expected.to_owned()),
            "{destinations}"
        );
    }
}
