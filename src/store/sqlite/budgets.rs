//! The `budgets` and `alerts` tables.

use rusqlite::{Connection, Row, TransactionBehavior, types::Type};
use serde::{Serialize, de::DeserializeOwned};

use super::generations;
use crate::store::{Alert, Budget};

fn record<T: DeserializeOwned>(row: &Row<'_>) -> rusqlite::Result<T> {
    let text: String = row.get(0)?;
    serde_json::from_str(&text).map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, e.into()))
}

fn text(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
}

/// All budgets, by name.
pub(crate) fn all(db: &Connection) -> rusqlite::Result<Vec<Budget>> {
    db.prepare_cached("SELECT record FROM budgets ORDER BY name")?.query_map([], record)?.collect()
}

/// The latest alerts, the newest first.
pub(crate) fn alerts(db: &Connection, limit: Option<u32>) -> rusqlite::Result<Vec<Alert>> {
    db.prepare_cached("SELECT record FROM alerts ORDER BY at DESC, budget, threshold DESC LIMIT ?1")?
        .query_map([limit.map_or(-1, i64::from)], record)?
        .collect()
}

pub(crate) fn set(db: &mut Connection, budget: &Budget) -> rusqlite::Result<()> {
    let db = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    generations::changed_beside_days(&db)?;
    db.execute("INSERT OR REPLACE INTO budgets (name, record) VALUES (?1, ?2)", (&budget.name, text(budget)?))?;
    db.commit()
}

pub(crate) fn remove(db: &mut Connection, name: &str) -> rusqlite::Result<bool> {
    let db = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    generations::changed_beside_days(&db)?;
    let removed = db.execute("DELETE FROM budgets WHERE name = ?1", [name])? > 0;
    db.commit()?;
    Ok(removed)
}

/// Records crossings, and returns those that were not recorded before. Of a
/// period and a threshold there is one, unless the limit is another one now.
pub(crate) fn record_alerts(db: &mut Connection, crossed: &[Alert]) -> rusqlite::Result<Vec<Alert>> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut new = Vec::new();
    for alert in crossed {
        let written = tx.execute(
            "INSERT INTO alerts (budget, period, threshold, at, record) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (budget, period, threshold) DO UPDATE SET at = excluded.at, record = excluded.record \
             WHERE json_extract(record, '$.limit') <> json_extract(excluded.record, '$.limit')",
            (&alert.budget, alert.since, alert.threshold, alert.at, text(alert)?),
        )?;
        if written > 0 {
            new.push(alert.clone());
        }
    }
    if !new.is_empty() {
        generations::changed_beside_days(&tx)?;
    }
    tx.commit()?;
    Ok(new)
}
