//! The streaming core, and beside each part a plain `serde_json` and `tokio::mpsc`
//! that materialises the same fields: a checksum over them is compared.
//!
//! `cargo bench --bench stream`

mod errors;
mod parsing;
mod passing;
mod plain;

use criterion::{Criterion, criterion_group};
use plotters::style::{FontStyle, register_font};

criterion_group!(
    benches,
    parsing::messages,
    parsing::parts,
    parsing::documents,
    passing::sizes,
    passing::buffers,
    passing::readers,
    passing::recovery,
    errors::creation
);
fn main() {
    // Our own pictures bring their font, and for that plotters looks for none on
    // the machine: so criterion's reports need one, too.
    let font = register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    assert!(font.is_ok(), "the font is sound");
    benches();
    Criterion::default().configure_from_args().final_summary();
}
