//! What budgets crossed, told once.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use jiff::tz::TimeZone;

use super::{read::budget_statuses, state::LiveAlert};
use crate::{
    Result,
    analytics::{BudgetStatus, new_crossings},
    store::{Alert, CostMode, Ledger, LedgerReader, Simulated, SqliteLedger},
};

/// Which alerts there are, and which of them were told.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    /// Ids of those that were told, or were there before anyone looked.
    told: Option<BTreeSet<String>>,
    /// Those of budgets' current periods, by id.
    active: BTreeMap<String, LiveAlert>,
}

impl Alerts {
    pub(super) const fn active(&self) -> &BTreeMap<String, LiveAlert> {
        &self.active
    }

    /// Looks at all budgets at a time (UTC milliseconds) in a zone, records what
    /// was crossed and is not recorded, and returns what was not told before.
    /// The first time, only what is crossed now and not recorded is news.
    pub(super) fn look(
        &mut self,
        reader: &dyn LedgerReader,
        path: &Path,
        at: (i64, &TimeZone),
    ) -> Result<Vec<LiveAlert>> {
        let budgets = budget_statuses(reader, at, CostMode::default(), Simulated::default())?;
        let crossed = new_crossings(reader, &budgets)?;
        let recorded: Vec<Alert> =
            reader.alerts(None)?.into_iter().filter(|alert| is_active(alert, &budgets)).collect();
        let told =
            self.told.get_or_insert_with(|| recorded.iter().map(|alert| LiveAlert::from(alert).id).collect());
        if crossed.iter().any(|alert| !told.contains(&LiveAlert::from(alert).id)) {
            record(path, &crossed);
        }
        let all = recorded.iter().chain(&crossed).map(LiveAlert::from);
        self.active = all.map(|alert| (alert.id.clone(), alert)).collect();
        let mut news: Vec<LiveAlert> =
            self.active.values().filter(|alert| !told.contains(&alert.id)).cloned().collect();
        news.sort_by(|a, b| (&a.at, a.threshold_percent).cmp(&(&b.at, b.threshold_percent)));
        // What is over is forgotten: there would be ever more of them.
        *told = self.active.keys().cloned().collect();
        Ok(news)
    }
}

/// Whether an alert is of the current period and limit of a budget.
fn is_active(alert: &Alert, budgets: &[BudgetStatus]) -> bool {
    budgets.iter().any(|status| {
        (&status.budget.name, status.since, status.budget.limit) == (&alert.budget, alert.since, alert.limit)
    })
}

/// A ledger that cannot be written costs the record, not the alert.
fn record(path: &Path, crossed: &[Alert]) {
    let written = SqliteLedger::open(path).and_then(|mut ledger| ledger.record_alerts(crossed));
    if let Err(e) = written {
        tracing::warn!("alerts could not be recorded: {e}");
    }
}
