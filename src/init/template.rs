//! The commented configuration of a new party.

use super::{NewParty, OWN_RESOURCE_SERVER, OWN_SECRET};

/// Writes it. Every value is quoted as TOML, so that no organization's name can break the file.
pub(super) fn configuration(party: &NewParty, development_ca: bool) -> String {
    let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut text = HEAD
        .replace("{party}", &quote(party.preset.name))
        .replace("{organization}", &quote(&party.organization))
        .replace(
            "{jurisdictions}",
            &format!("[{}]", quote(&party.jurisdiction)),
        )
        .replace("{origin}", &quote(&party.origin))
        .replace("{address}", &quote(&party.address.to_string()))
        .replace(
            "{internal_address}",
            &quote(&party.internal_address.to_string()),
        );
    text.push_str(if development_ca {
        DEVELOPMENT_TRUST
    } else {
        TRUST
    });
    if party.preset.authorization_server {
        text.push_str(&AUTHORIZATION_SERVER.replace("{prefix}", &quote(party.preset.name)));
        text.push_str(PAGES);
    }
    if party.preset.authorization_server {
        let own = OWN_ISSUER
            .replace("{origin}", &quote(&party.origin))
            .replace("{prefix}", &quote(party.preset.name))
            .replace("{client_id}", &quote(OWN_RESOURCE_SERVER))
            .replace("{secret}", &quote(OWN_SECRET))
            .replace(
                "{jurisdictions}",
                &format!("[{}]", quote(&party.jurisdiction)),
            );
        text.push_str(RESOURCE_SERVER);
        text.push_str(&own);
    } else {
        text.push_str(NO_ISSUER_YET);
    }
    text.push_str(FOREIGN_ISSUER);
    text.push_str(CLIENT);
    text
}

const HEAD: &str = r#"# A party of vitalgate. File names are relative to this file; secrets are files, never values.
# Check it with `vitalgate config check FILE`. On SIGHUP a running server reads it and the files that it names
# again: roles, partners, keys and certificate. Addresses, database, limits and log change at the next start.

party = {party}
organization = {organization}
# What registrations here may name, and the jurisdiction of records hosted here.
jurisdictions = {jurisdictions}
# How everybody else reaches this party: https://host[:port], nothing after it.
public_origin = {origin}
data_directory = "data"
# "sqlite", or "postgres://user@host/database" shared by any number of nodes.
database = "sqlite"
# database_password_file = "secrets/database"
# database_ca_file = "tls/database-ca.pem"
# database_connections = 16

[listen]
address = {address}
# /health, /ready and /metrics; plain HTTP, so loopback only.
internal_address = {internal_address}
# A renewed certificate is taken into use within seconds. Watch certificate_not_after_seconds in /metrics.
certificate_file = "tls/certificate.pem"
private_key_file = "tls/private-key.pem"
# trusted_proxies = ["10.1.0.0/24"]      # whose X-Forwarded-For says who a request is from: docs/behind-a-proxy.md

# What is refused for its size, number or slowness; these are the defaults.
[limits]
handshake_timeout_s = 5
header_timeout_s = 10
body_timeout_s = 30
idle_timeout_s = 60
drain_timeout_s = 25
connections = 4000
header_bytes = 16384
header_count = 100
form_bytes = 65536
record_bytes = 10000000
batch_entries = 100
authorization_server_requests = 512
resource_server_requests = 256

[log]
format = "human" # or "json"
filter = "info"

# docs/audit.md. Audit rows stay for ever unless a time is said.
[audit]
# retention_days = 2555
# Syslog receivers over TLS (RFC 5425); each row arrives at least once.
# [[audit.destinations]]
# name = "siem"
# address = "siem.example.gov:6514"
# ca_file = "tls/siem-ca.pem"
# certificate_file = "tls/to-siem.pem"        # where the receiver asks for our certificate
# private_key_file = "tls/to-siem-key.pem"
# close_notify_required = false               # for a receiver that only ends TCP: docs/audit.md

"#;

const DEVELOPMENT_TRUST: &str = r#"# Whom this party trusts when it calls others. A development authority was made for this directory:
# partners must trust tls/ca.pem, and this party must trust theirs. A file may hold several, one after the other.
[outbound]
ca_file = "tls/ca.pem"
platform_roots = true
"#;

const TRUST: &str = r#"# Whom this party trusts when it calls others: the operating system's authorities, and those of ca_file.
[outbound]
platform_roots = true
# ca_file = "tls/partners.pem"
# private_networks = ["10.0.0.0/8"]     # where a client's jwks_uri may lie, besides the public internet
"#;

const AUTHORIZATION_SERVER: &str = r#"
# Decides who may act here. Clients, resource servers and people are registered with the commands
# `client`, `resource-server` and `user`.
[authorization_server]
token_prefix = {prefix}
# It makes its signing keys itself and replaces them in time; they lie in the database, sealed under this key.
signing_algorithms = ["ES256", "RS256"]
signing_key_lifetime_days = 90
key_encryption_key_file = "keys/key-encryption.key"     # or VITALGATE_KEY_ENCRYPTION_KEY, base64
refresh_key_file = "keys/refresh.key"
access_token_lifetime_s = 300
refresh_token_lifetime_s = 86400
authorization_code_lifetime_s = 60
session_idle_s = 1800
session_absolute_s = 43200
second_factor_required_for = ["administrator"]          # of registrar, clerk, auditor, administrator
login_failures_per_account = 10
login_failures_per_source = 100
login_failure_window_s = 900
# Where people sign in with their organization's own account: docs/single-sign-on.md says what goes here.
# [[authorization_server.identity_providers]]
"#;

const PAGES: &str = r##"
# What people see when they sign in. Texts are plain; the Spanish ones stand beside the English ones.
[pages]
# name = "Office of Vital Records"                      # instead of the organization
# logo_file = "logo.svg"                                # SVG or PNG, at most 100 KB
# accent_color = { light = "#1b4f91", dark = "#8ab8f5" }
# help = "The service desk answers on workdays from 8 to 5."
# help_es = "La mesa de ayuda atiende los días hábiles de 8 a 5."
# help_url = "https://help.example/"
# help_email = "desk@help.example"
# help_phone = "+1 555 0100"
# legal_banner = "For authorized use only. All use is recorded and may be monitored."
# legal_banner_es = "Solo para uso autorizado. Todo uso queda registrado y puede ser supervisado."
"##;

const RESOURCE_SERVER: &str = r#"
# Hosts records. Every request is introspected at the issuer that the token's prefix names.
[resource_server]
introspection_cache_max_age_s = 0
validation = "warn"                                     # off, warn or enforce: what becomes of records with structural problems
# Records lie sealed in the database. Without this key nobody reads them again: keep a copy, and not with the database.
record_key_file = "keys/record.key"                     # or VITALGATE_RECORD_KEY; several lines: docs/encryption-at-rest.md
require_if_match = true                                 # an update must name the version that it changes (428)
# cors_allowed_origins = ["https://app.example"]          # of registered applications that run in browsers
# roles = { clerk = "user/Bundle.crs" }                   # less than a role may do anyway, never more
# [[resource_server.withholding]]                         # especially sensitive parts: docs/withholding.md
# groups = ["ssn"]
# unless_scope = "sensitive/ssn"                          # tokens with this word see them
"#;

/// A resource server without an issuer would refuse everybody; it begins when the first is known.
const NO_ISSUER_YET: &str = r#"
# Hosts records. Every request is introspected at the issuer that the token's prefix names.
# Take the # away here and below once a partner's authorization server knows this resource server.
# [resource_server]
# introspection_cache_max_age_s = 0
# validation = "warn"                                   # off, warn or enforce: what becomes of records with structural problems
# Records lie sealed in the database. Without this key nobody reads them again: keep a copy, and not with the database.
# record_key_file = "keys/record.key"                   # or VITALGATE_RECORD_KEY; several lines: docs/encryption-at-rest.md
# require_if_match = true                               # an update must name the version that it changes (428)
# cors_allowed_origins = ["https://app.example"]        # of registered applications that run in browsers
# roles = { clerk = "user/Bundle.crs" }                 # less than a role may do anyway, never more
# [[resource_server.withholding]]                       # especially sensitive parts: docs/withholding.md
# groups = ["ssn"]
# unless_scope = "sensitive/ssn"                        # tokens with this word see them
"#;

const OWN_ISSUER: &str = r#"
# Our own authorization server is an issuer like every other: asked over HTTPS.
[[resource_server.issuers]]
issuer = {origin}
token_prefix = {prefix}
client_id = {client_id}
client_secret_file = {secret}
organizations = ["*"]
jurisdictions = {jurisdictions}
record_types = ["birth", "fetal-death"]
"#;

const FOREIGN_ISSUER: &str = r#"
# Another organization's authorization server whose tokens open our records (we introspect there):
# [[resource_server.issuers]]
# issuer = "https://vro.example"
# token_prefix = "vro"
# client_id = "ehr-resource-server"
# client_secret_file = "secrets/vro-introspection"
# organizations = ["*"]
# jurisdictions = ["MA"]
# record_types = ["birth", "fetal-death"]
# facilities = ["1234567893"]             # by NPI or another identifier; without this line no limit
# scope = "system/Bundle.rs"              # the widest; also jurisdiction, record-type, event-year, composition.type
# default_role = "clerk"                  # of its people, if it knows no roles
# signed_introspection = true             # only signed answers count (RFC 9701)
"#;

const CLIENT: &str = r#"
# Gets tokens from peers and delivers records to them.
[client]
cookie_key_file = "keys/cookie.key"

# [[client.peers]]
# name = "vro"
# issuer = "https://vro.example"
# fhir = "https://vro.example/fhir"
# resources = ["https://ehr.example/fhir"]      # our own FHIR base: its records are read with the same tokens
# [client.peers.api]                            # without a person
# client_id = "ehr-api"
# private_key_file = "keys/es384.pem"           # the peer registers keys/jwks.json; or client_secret_file = "secrets/…"
# alg = "ES384"
# scope = "system/Bundle.crs"
# [client.peers.human]                          # for people, in the browser: /client/login?peer=vro
# client_id = "ehr-web"
# client_secret_file = "secrets/vro-web"
# scope = "user/Bundle.crs"
# redirect_uri = "https://ehr.example/client/callback"
# [client.peers.native]                         # for `vitalgate login vro`: a public client, http://127.0.0.1/callback
# client_id = "ehr-native"
# scope = "user/Bundle.crs"
"#;
