//! Administration over HTTP. What may be done is decided in [`administration::decision`](crate::administration).

pub(crate) mod api;
mod export;
pub(crate) mod pages;
