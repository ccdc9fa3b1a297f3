//! Making errors, behind a `black_box`, so that they are made.

use std::hint::black_box;

use claude_cli::{
    Error,
    measure::suites::{process_error, timeout_error},
};
use criterion::Criterion;

pub(crate) fn creation(c: &mut Criterion) {
    let mut group = c.benchmark_group("errors");
    group.bench_function("timeout", |b| b.iter(timeout_error));
    group.bench_function("process", |b| b.iter(process_error));
    // The original's: a string in an enum.
    group.bench_function("string", |b| b.iter(|| Error::Invalid(black_box("the process failed").to_owned())));
    group.finish();
}
