//! JSON Web Signature, Key and Token behind one policy: RFC 7515, 7517, 7518, 7519, 7638, and the
//! advice of RFC 8725. The library below only computes signatures; what may be signed, by which key
//! and for how long is decided here.

mod algorithm;
pub mod client_assertion;
pub mod id_token;
pub mod issued;
mod jwk;
mod jws;
mod public_key;
mod signing_key;

use std::sync::Once;

pub use self::algorithm::Algorithm;
pub use self::jwk::{Jwk, JwkError, Jwks};
pub use self::signing_key::{KeyError, SigningKey};

/// Chooses aws-lc for the signatures of this process; calling it again does nothing. Everything
/// here does so itself. Without it the library panics at first use as soon as any other crate of
/// the program enables its second implementation.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // An error says that somebody else has chosen before: then there is a choice, which is the
        // point.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    });
}
