//! Errors, behind a `black_box`, so that they are made.

use std::{hint::black_box, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use super::{Case, Work};
use crate::{Error, Limit, ProcessFailure, Result};

pub(super) const CASES: [Case; 2] = [
    Case::new("timeout", "a time limit's error", |_| timeouts()),
    Case::new("process", "a program's error", |_| processes()),
];

/// The error of a time limit, of what the compiler cannot know before.
#[inline]
#[must_use]
pub fn timeout_error() -> Error {
    Error::Timeout { limit: black_box(Limit::Idle), after: black_box(Duration::from_secs(30)) }
}

/// The error of a program that ended without a result, likewise.
#[inline]
#[must_use]
pub fn process_error() -> Error {
    let status = Some(black_box(ExitStatus::from_raw(256)));
    Error::process(black_box("claude"), ProcessFailure::NoResult { status, skipped: 0 })
}

#[allow(clippy::unnecessary_wraps, reason = "others write files")]
fn timeouts() -> Result<Work> {
    Ok(Box::new(|times| {
        for _ in 0..times {
            drop(black_box(timeout_error()));
        }
        Ok(times)
    }))
}

#[allow(clippy::unnecessary_wraps, reason = "others write files")]
fn processes() -> Result<Work> {
    Ok(Box::new(|times| {
        for _ in 0..times {
            drop(black_box(process_error()));
        }
        Ok(times)
    }))
}
