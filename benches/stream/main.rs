//! The streaming core, and beside each part a plain `serde_json` and `tokio::mpsc`
//! that materialises the same fields: a checksum over them is compared.
//!
//! `cargo bench --bench stream`

mod errors;
mod lines;
mod ours;
mod parsing;
mod passing;
mod plain;

use criterion::{criterion_group, criterion_main};

criterion_group!(
    benches,
    parsing::messages,
    parsing::parts,
    parsing::documents,
    passing::sizes,
    passing::buffers,
    passing::readers,
    errors::creation
);
criterion_main!(benches);
