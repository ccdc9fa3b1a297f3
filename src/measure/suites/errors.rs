//! Errors, behind a `black_box`, so that they are made.

use std::{hint::black_box, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use super::{Case, Work};
use crate::{Error, Limit, ProcessFailure, Result};

pub(super) const CASES: [Case; 2] = [
    Case::new("timeout", "a time limit's error", |_| timeouts()),
    Case::new("process", "a program's error", |_| processes()),
];

#[allow(clippy::unnecessary_wraps, reason = "others write files")]
fn timeouts() -> Result<Work> {
    Ok(Box::new(|times| {
        for _ in 0..times {
            let after = black_box(Duration::from_secs(30));
            drop(black_box(Error::Timeout { limit: black_box(Limit::Idle), after }));
        }
        Ok(times)
    }))
}

#[allow(clippy::unnecessary_wraps, reason = "others write files")]
fn processes() -> Result<Work> {
    Ok(Box::new(|times| {
        for _ in 0..times {
            let status = Some(black_box(ExitStatus::from_raw(256)));
            let failure = ProcessFailure::NoResult { status, skipped: 0 };
            drop(black_box(Error::process(black_box("claude"), failure)));
        }
        Ok(times)
    }))
}
