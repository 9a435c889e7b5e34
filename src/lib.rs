//! The `vitalgate` program: wiring, files, terminal. Protocol decisions stand in the role crates.

pub mod certificates;
pub mod cli;
pub mod config;
pub mod demo;
pub mod files;
pub mod init;
pub mod peer;
pub mod sample;
pub mod sandbox;
pub mod serve;
pub mod telemetry;
