//! The most load that keeps a service level.

use super::result::{MaxFound, RunResult};
use crate::Result;

/// What is searched, and how exactly.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Search {
    /// `rate` or `users`.
    pub of: String,
    /// Where to begin.
    pub from: f64,
    /// No more than this is tried.
    pub most: f64,
    /// The share of the requests that have to keep the level. Default: 0.99.
    pub attain: f64,
    /// The search ends when what holds and what does not are this close, as a
    /// share. Default: 0.05.
    pub within: f64,
    /// Whether only whole numbers can be tried.
    pub whole: bool,
}

impl Search {
    /// The most requests a second.
    #[must_use]
    pub fn of_rate(from: f64, most: f64) -> Self {
        Self { of: "rate".to_owned(), from, most, attain: 0.99, within: 0.05, whole: false }
    }

    /// The most users.
    #[must_use]
    pub fn of_users(from: f64, most: f64) -> Self {
        Self { of: "users".to_owned(), whole: true, ..Self::of_rate(from, most) }
    }
}

/// Whether a run kept the level.
fn keeps(run: &RunResult, attain: f64) -> bool {
    let good = run.goodput.is_none_or(|goodput| goodput.share >= attain);
    good && run.holds() && run.generator.valid && run.counts.dropped == 0 && run.counts.ok > 0
}

/// Doubles the load until the level is not kept, and then halves the distance
/// between what keeps it and what does not. Every run is returned, too.
///
/// # Errors
/// What `run` returns.
pub fn find_max(
    search: &Search,
    mut run: impl FnMut(f64) -> Result<RunResult>,
) -> Result<(MaxFound, Vec<RunResult>)> {
    let (mut best, mut failed_at, mut runs) = (None, None, Vec::new());
    let mut next = search.from.min(search.most);
    loop {
        let result = run(next)?;
        let ended = result.ended_by.is_some() && !result.thresholds.iter().any(|verdict| verdict.aborted);
        let kept = keeps(&result, search.attain);
        runs.push(result);
        if ended {
            // Interrupted, or out of money: what was found so far is told.
            break;
        }
        if kept {
            best = Some(next);
        } else {
            failed_at = Some(next);
        }
        let step = match (best, failed_at) {
            (Some(best), None) if best >= search.most => break,
            (Some(best), None) => (best * 2.0).min(search.most),
            (None, Some(failed)) => failed / 2.0,
            (Some(best), Some(failed)) if failed - best > best * search.within => f64::midpoint(best, failed),
            _ => break,
        };
        let step = if search.whole { step.floor() } else { step };
        // Nothing is left between the two, or below the least.
        if Some(step) == best
            || Some(step) == failed_at
            || step < search.from / 1024.0
            || (search.whole && step < 1.0)
        {
            break;
        }
        next = step;
    }
    Ok((MaxFound { of: search.of.clone(), value: best, failed_at, attain: search.attain }, runs))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::load::{Generator, Goodput, RunCounts};

    /// A server that keeps the level up to a load.
    fn served(value: f64, limit: f64) -> RunResult {
        let share = if value <= limit { 1.0 } else { 0.5 };
        RunResult {
            counts: RunCounts { ok: 1, ..RunCounts::default() },
            goodput: Some(Goodput { requests: 1, share, rate: value }),
            generator: Generator { valid: true, ..Generator::default() },
            ..RunResult::default()
        }
    }

    #[test]
    fn a_run_that_says_nothing_of_the_server_keeps_nothing() {
        let search = Search::of_rate(10.0, 100.0);
        let invalid = |value| Ok(RunResult { generator: Generator::default(), ..served(value, 1e9) });
        assert_eq!(find_max(&search, invalid).unwrap().0.value, None);
        let dropping = |value| {
            let mut run = served(value, 1e9);
            run.counts.dropped = 1;
            Ok(run)
        };
        assert_eq!(find_max(&search, dropping).unwrap().0.value, None);
    }

    #[test]
    fn an_interrupted_search_tells_what_it_found() {
        let mut left = 2;
        let (found, runs) = find_max(&Search::of_rate(1.0, 100.0), |value| {
            left -= 1;
            Ok(RunResult { ended_by: (left == 0).then(|| "it was interrupted".to_owned()), ..served(value, 50.0) })
        })
        .unwrap();
        assert_eq!((found.value, runs.len()), (Some(1.0), 2));
    }

    proptest! {
        #[test]
        fn the_limit_is_found_closely(from in 1.0..50.0f64, limit in 1.0..5_000.0f64) {
            let search = Search::of_rate(from, 10_000.0);
            let (found, runs) = find_max(&search, |value| Ok(served(value, limit))).unwrap();
            prop_assert!(runs.len() <= 30, "{} runs", runs.len());
            let (value, failed) = (found.value.unwrap(), found.failed_at.unwrap());
            prop_assert!(value <= limit && limit < failed, "{value} to {failed}");
            prop_assert!(failed - value <= value * search.within * 1.001, "{value} to {failed}");
        }

        #[test]
        fn of_whole_numbers_the_very_limit(from in 1u32..20, limit in 1u32..19) {
            let search = Search::of_users(from.into(), 1_000.0);
            let (found, runs) = find_max(&search, |value| Ok(served(value, limit.into()))).unwrap();
            prop_assert!(runs.len() <= 20);
            prop_assert_eq!(found.value, Some(limit.into()));
        }
    }
}
