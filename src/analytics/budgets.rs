//! What was spent of a budget, and where that leads.

use jiff::tz::TimeZone;

use super::{GroupBy, SummaryQuery, TimeRange, calendar, summary};
use crate::{
    Result,
    pricing::format_usd,
    store::{Alert, Budget, CostMode, LedgerReader, Period, Simulated, Sums},
};

/// How a period's end is projected: spending goes on as it went since its start.
pub const PROJECTION_METHOD: &str = "linear by elapsed time";
/// Before this share of a period has passed, nothing is projected.
const TOO_EARLY: f64 = 0.01;

/// How a budget stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BudgetState {
    /// Less was spent than it warns at.
    Ok,
    /// More was spent than it warns at.
    Warning,
    /// More was spent than its limit.
    Over,
}

impl BudgetState {
    /// Its name: `ok`, `warning` or `over`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Over => "over",
        }
    }
}

/// A budget in its current period.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BudgetStatus {
    /// The budget.
    pub budget: Budget,
    /// The period's start, UTC milliseconds.
    pub since: i64,
    /// The period's end, exclusive.
    pub until: i64,
    /// The time it was looked at, UTC milliseconds.
    pub now: i64,
    /// What its requests in the period amount to.
    pub sums: Sums,
    /// Models with requests whose cost is unknown.
    pub unpriced_models: Vec<String>,
    /// Which cost counted.
    pub cost: CostMode,
}

/// The start and the end of the period that holds `now`.
pub(crate) fn period(tz: &TimeZone, period: Period, now: i64) -> (i64, i64) {
    match period {
        Period::Day => (calendar::midnight(tz, now, 0), calendar::midnight(tz, now, 1)),
        Period::Week => {
            let monday = calendar::monday(tz, now);
            (monday, calendar::midnight(tz, monday, 7))
        }
        Period::Month => {
            let first = calendar::month(tz, now);
            // 32 days after the first of a month it is the next one.
            (first, calendar::month(tz, calendar::midnight(tz, first, 32)))
        }
    }
}

/// Looks at a budget in the period that holds `now` (UTC milliseconds).
///
/// # Errors
/// If the ledger cannot be read.
pub fn budget_status(
    reader: &dyn LedgerReader,
    budget: Budget,
    (now, tz): (i64, &TimeZone),
    cost: CostMode,
    simulated: Simulated,
) -> Result<BudgetStatus> {
    let (since, until) = period(tz, budget.period, now);
    let range = TimeRange { since: Some(since), until: Some(until), tz: tz.clone() };
    let filter = budget.filter.clone();
    let answer =
        summary(reader, SummaryQuery { filter, cost, simulated, ..SummaryQuery::new(range, GroupBy::Month) })?;
    let (sums, unpriced_models) = (answer.totals, answer.unpriced_models);
    Ok(BudgetStatus { budget, since, until, now, sums, unpriced_models, cost })
}

/// The thresholds that these budgets have crossed and no alert was recorded of.
///
/// # Errors
/// If the ledger cannot be read.
pub fn new_crossings(reader: &dyn LedgerReader, budgets: &[BudgetStatus]) -> Result<Vec<Alert>> {
    let mut crossed: Vec<Alert> = budgets.iter().flat_map(BudgetStatus::crossed).collect();
    if !crossed.is_empty() {
        let recorded = reader.alerts(None)?;
        let same = |old: &Alert, new: &Alert| {
            (&old.budget, old.since, old.threshold, old.limit)
                == (&new.budget, new.since, new.threshold, new.limit)
        };
        crossed.retain(|new| !recorded.iter().any(|old| same(old, new)));
    }
    Ok(crossed)
}

impl BudgetStatus {
    /// What is known to have been spent, in nano-dollars.
    #[must_use]
    pub const fn spent(&self) -> i64 {
        self.sums.cost.get(self.cost)
    }

    /// The share of the limit that was spent; `None` of a limit of 0.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.budget.limit > 0).then(|| self.spent() as f64 / self.budget.limit as f64)
    }

    /// What will have been spent at the period's end, in nano-dollars, if it
    /// goes on as it went since its start ([`PROJECTION_METHOD`]); `None` in the
    /// first hundredth of the period, which says nothing of the rest.
    #[must_use]
    pub fn projected(&self) -> Option<i64> {
        let elapsed = (self.now - self.since) as f64 / (self.until - self.since) as f64;
        (elapsed >= TOO_EARLY).then(|| (self.spent() as f64 / elapsed.min(1.0)).round() as i64)
    }

    fn is_beyond(&self, percent: u8) -> bool {
        i128::from(self.spent()) * 100 > i128::from(self.budget.limit) * i128::from(percent)
    }

    /// How it stands. A threshold is crossed when more was spent, not as much.
    #[must_use]
    pub fn state(&self) -> BudgetState {
        match (self.is_beyond(100), self.is_beyond(self.budget.warn_percent)) {
            (true, _) => BudgetState::Over,
            (_, true) => BudgetState::Warning,
            _ => BudgetState::Ok,
        }
    }

    /// Whether nothing is known of the period.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.requests == 0 && self.sums.total_tokens() == 0
    }

    /// Why a gate on this budget trips, if it does: too much was spent, a cost
    /// is unknown, or there is no data.
    #[must_use]
    pub fn trips(&self, allow_unpriced: bool) -> Option<String> {
        let (name, period) = (&self.budget.name, self.budget.period.name());
        if self.is_empty() {
            return Some(format!("budget {name}: there is no data for this {period}"));
        }
        if self.state() == BudgetState::Over {
            let exact = |nanos| format_usd(nanos, 2, true);
            let (spent, limit) = (exact(self.spent()), exact(self.budget.limit));
            return Some(format!("budget {name}: spent ${spent} this {period}, limit ${limit}"));
        }
        let unpriced = self.sums.unpriced.get(self.cost);
        (unpriced > 0 && !allow_unpriced).then(|| {
            let models = self.unpriced_models.join(", ");
            format!(
                "budget {name}: the cost of {unpriced} requests is unknown ({models}); --allow-unpriced lets them pass"
            )
        })
    }

    /// The thresholds that are crossed.
    #[must_use]
    pub fn crossed(&self) -> Vec<Alert> {
        let mut thresholds = vec![self.budget.warn_percent, 100];
        thresholds.dedup();
        thresholds
            .into_iter()
            .filter(|&percent| self.is_beyond(percent))
            .map(|threshold| Alert {
                budget: self.budget.name.clone(),
                period: self.budget.period,
                since: self.since,
                threshold,
                at: self.now,
                limit: self.budget.limit,
                spent: self.spent(),
            })
            .collect()
    }
}
