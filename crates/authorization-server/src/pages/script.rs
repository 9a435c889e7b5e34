//! The one script: passkeys need one, nothing else does.

use std::sync::LazyLock;

use axum::response::Response;

use super::answer;

/// The script, under a name that changes with it.
pub(super) async fn passkey() -> Response {
    answer::asset("text/javascript; charset=utf-8", PASSKEY)
}

/// `/assets/passkey-<hash>.js`.
pub(super) fn passkey_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| answer::asset_path("passkey", "js", PASSKEY));
    &PATH
}

const PASSKEY: &str = include_str!("../../assets/passkey.js");
