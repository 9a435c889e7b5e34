//! Administration for people in browsers.

pub(crate) mod pages;
