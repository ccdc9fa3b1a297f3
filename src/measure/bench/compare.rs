//! Whether something became slower.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    results::Results,
    run::Pairs,
    statistics::{Shift, paired_shift, shift},
};

/// How certain a change has to be.
const CONFIDENCE: f64 = 0.999;

/// What became of a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verdict {
    /// Slower by more than the limit, and certainly so.
    Slower,
    /// Faster by more than the limit, and certainly so.
    Faster,
    /// Certainly within the limit.
    Same,
    /// Too noisy to say.
    Open,
}

/// How a benchmark changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaseChange {
    /// `suite/case`.
    pub name: String,
    /// By how much it is slower, as a share: 0.1 is 10%; negative is faster.
    pub change: f64,
    /// The lower end of the interval; `None` if it has none.
    pub low: Option<f64>,
    /// The upper end of the interval.
    pub high: Option<f64>,
    /// What that means.
    pub verdict: Verdict,
}

/// How two builds, or now and then, compare.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Comparison {
    /// What it is compared with.
    pub with: String,
    /// How an interval comes about.
    pub test: String,
    /// How certain it is that an interval covers the change.
    pub confidence: f64,
    /// How much slower a benchmark may be, as a share.
    pub limit: f64,
    /// The benchmarks that both have.
    pub cases: Vec<CaseChange>,
    /// Benchmarks that one of them lacks.
    pub without_counterpart: Vec<String>,
}

impl Comparison {
    /// Compares two builds that took turns: what is told is how much slower ours is.
    #[must_use]
    pub fn of_pairs(with: &str, pairs: &Pairs, limit: f64) -> Self {
        let changes = pairs.log_ratios.iter();
        Self {
            with: with.to_owned(),
            test: "Hodges-Lehmann shift of paired log ratios, exact Wilcoxon signed-rank interval".to_owned(),
            confidence: CONFIDENCE,
            limit,
            cases: changes.map(|(name, ratios)| change(name, paired_shift(ratios, CONFIDENCE), limit)).collect(),
            without_counterpart: pairs.without_counterpart.clone(),
        }
    }

    /// Compares with earlier results; both as multiples of the reference, so that
    /// a machine that has become slower is no regression.
    #[must_use]
    pub fn of_results(with: &str, old: &Results, new: &Results, limit: f64) -> Self {
        let logs = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<f64>>();
        let before: BTreeMap<&str, &[f64]> =
            old.cases.iter().map(|case| (case.name.as_str(), case.relative.as_slice())).collect();
        let known = |case: &&super::CaseResult| before.contains_key(case.name.as_str());
        let cases = new.cases.iter().filter_map(|case| {
            let before = before.get(case.name.as_str())?;
            Some(change(&case.name, shift(&logs(before), &logs(&case.relative), CONFIDENCE), limit))
        });
        Self {
            with: with.to_owned(),
            test: "Hodges-Lehmann shift of log ratios to the reference, exact Mann-Whitney interval".to_owned(),
            confidence: CONFIDENCE,
            limit,
            cases: cases.collect(),
            without_counterpart: new.cases.iter().filter(|c| !known(c)).map(|case| case.name.clone()).collect(),
        }
    }

    /// The benchmarks that are slower than they may be.
    pub fn regressions(&self) -> impl Iterator<Item = &CaseChange> {
        self.cases.iter().filter(|case| case.verdict == Verdict::Slower)
    }
}

fn change(name: &str, shift: Shift, limit: f64) -> CaseChange {
    let slower = (1.0 + limit).ln();
    let verdict = match shift {
        Shift { low, .. } if low > slower => Verdict::Slower,
        Shift { high, .. } if high < -slower => Verdict::Faster,
        Shift { low, high, .. } if low >= -slower && high <= slower => Verdict::Same,
        _ => Verdict::Open,
    };
    let share = |log: f64| log.exp_m1();
    let end = |log: f64| log.is_finite().then(|| share(log));
    CaseChange {
        name: name.to_owned(),
        change: share(shift.estimate),
        low: end(shift.low),
        high: end(shift.high),
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fifteen pairs; in some of 256 of them something else has the machine to itself.
    fn pairs(ratio: f64, noise: f64, disturbed: u8, seed: u64) -> Pairs {
        let mut rng = fastrand::Rng::with_seed(seed);
        let ratios = (0..15).map(|_| {
            let burst = if rng.u8(..) < disturbed { rng.f64() - 0.5 } else { 0.0 };
            ratio.ln() + noise * (rng.f64() - 0.5) + burst
        });
        Pairs { log_ratios: vec![("parse/x".to_owned(), ratios.collect())], without_counterpart: Vec::new() }
    }

    #[test]
    fn noise_is_no_regression_and_a_regression_is_one() {
        let slower = |ratio: f64, disturbed: u8| {
            let found = |&seed: &u64| {
                let pairs = pairs(ratio, 0.06, disturbed, seed);
                Comparison::of_pairs("x", &pairs, 0.03).regressions().count() == 1
            };
            (0..200).filter(found).count()
        };
        assert_eq!((slower(1.0, 16), slower(0.9, 16), slower(1.0, 0)), (0, 0, 0));
        assert_eq!(slower(1.1, 0), 200);
        let noisy = slower(1.1, 2);
        assert!(noisy >= 180, "{noisy}");
        let verdict = |ratio, noise| Comparison::of_pairs("x", &pairs(ratio, noise, 0, 1), 0.03).cases[0].verdict;
        assert_eq!(verdict(0.9, 0.02), Verdict::Faster);
        assert_eq!(verdict(1.0, 0.02), Verdict::Same);
        assert_eq!(verdict(1.03, 0.02), Verdict::Open);
    }
}
