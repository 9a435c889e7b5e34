//! What the whole-system tests share.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests; and each test file uses its own part of this"
)]

pub mod deliveries;
pub mod http;
pub mod office;
pub mod pair;
pub mod party;
pub mod timing;
