//! The suites of `claude-cli bench`, the same functions, under criterion.
//!
//! `cargo bench --bench suites -- parse`

use std::time::Duration;

use claude_cli::measure::suites::{Place, SUITES};
use criterion::Criterion;
use plotters::style::{FontStyle, register_font};

fn main() {
    // As the other reports: our own pictures bring their font.
    let font = register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    assert!(font.is_ok(), "the font is sound");
    let mut criterion = Criterion::default().configure_from_args();
    let place = Place::new();
    for suite in SUITES {
        let mut group = criterion.benchmark_group(suite.name);
        for case in suite.cases {
            // What is made up is made up only for what is asked for.
            let mut prepared = None;
            group.bench_function(case.name, |b| {
                let work = prepared.get_or_insert_with(|| case.prepare(&place).expect("its data can be made up"));
                b.iter_custom(|times| {
                    let started = std::time::Instant::now();
                    std::hint::black_box(work(times).expect("it works"));
                    started.elapsed().max(Duration::from_nanos(1))
                });
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
