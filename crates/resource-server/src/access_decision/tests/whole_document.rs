//! What hands out whole Bundles needs the right to read them, whatever it asks for.

use super::*;

/// `$document` against the scope: what it needs of Composition, and to read Bundles.
#[test]
fn whole_documents_need_both_words() {
    use Denial::{InsufficientScope, RecordScope};
    let record = facts("A", None, "MA", BIRTH);
    let lacks = |resource_type, permission| Err((InsufficientScope, resource_type, permission));
    let unreached = Err((RecordScope, "", READ));
    type Outcome = Result<(), (Denial, &'static str, Permission)>;
    let rows: &[(&str, Permission, Outcome)] = &[
        ("system/Composition.r", READ, lacks("Bundle", READ)),
        ("system/Composition.s", SEARCH, lacks("Bundle", READ)),
        ("system/Composition.cruds", READ, lacks("Bundle", READ)),
        ("system/Composition.read", SEARCH, lacks("Bundle", READ)),
        ("system/Bundle.cruds", READ, lacks("Composition", READ)),
        ("system/Bundle.cruds", SEARCH, lacks("Composition", SEARCH)),
        (
            "system/Composition.r system/Bundle.s",
            READ,
            lacks("Bundle", READ),
        ),
        (
            "system/Composition.r system/Bundle.r",
            SEARCH,
            lacks("Composition", SEARCH),
        ),
        (
            "system/Composition.r user/Bundle.r",
            READ,
            lacks("Composition", READ),
        ),
        ("system/Composition.r system/Bundle.r", READ, Ok(())),
        ("system/Composition.s system/Bundle.r", SEARCH, Ok(())),
        ("system/*.r", READ, Ok(())),
        ("system/*.read", SEARCH, Ok(())),
        ("user/Composition.r user/Bundle.r", READ, Ok(())),
        (
            "system/Composition.r system/Bundle.r?jurisdiction=MA",
            READ,
            Ok(()),
        ),
        (
            "system/Composition.r system/Bundle.r?jurisdiction=NJ",
            READ,
            unreached,
        ),
        (
            "system/Composition.r?jurisdiction=NJ system/Bundle.r",
            READ,
            unreached,
        ),
        (
            "system/Composition.r?jurisdiction=MA system/Bundle.r?jurisdiction=NJ",
            READ,
            lacks("Bundle", READ),
        ),
    ];
    for (scope, permission, expected) in rows {
        let mut rights = rights(scope, Some("A"), "MA NJ", &[BIRTH, FETAL], OWN);
        if *scope == "system/Composition.r user/Bundle.r" {
            rights.acting = REGISTRAR;
        }
        let asked = Asked {
            resource_type: "Composition",
            permission: *permission,
        };
        let got = decide_with_bundle(&rights, &IssuerLimits::none(), asked)
            .map_err(|(denial, asked)| {
                let whole = asked.resource_type == "Bundle";
                let name = if whole { "Bundle" } else { "Composition" };
                (denial, name, asked.permission)
            })
            .and_then(|permit| match permit.admit(&record) {
                Ok(_) => Ok(()),
                Err(denial) => Err((denial, "", READ)),
            });
        assert_eq!(got, *expected, "{scope} {permission:?}");
    }
}
