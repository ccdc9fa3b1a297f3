//! Making errors, behind a `black_box`, so that they are made.

use std::{hint::black_box, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use claude_cli::{Error, Limit, ProcessFailure};
use criterion::Criterion;

pub(crate) fn creation(c: &mut Criterion) {
    let mut group = c.benchmark_group("errors");
    group.bench_function("timeout", |b| {
        b.iter(|| Error::Timeout { limit: black_box(Limit::Idle), after: black_box(Duration::from_secs(30)) });
    });
    group.bench_function("process", |b| {
        b.iter(|| {
            let status = Some(black_box(ExitStatus::from_raw(256)));
            Error::process(black_box("claude"), ProcessFailure::NoResult { status, skipped: 0 })
        });
    });
    // The original's: a string in an enum.
    group.bench_function("string", |b| b.iter(|| Error::Invalid(black_box("the process failed").to_owned())));
    group.finish();
}
