//! What depends on more than one request: a run's remainders and shares, and
//! whose count of a session's errors is believed.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::{
    Touched,
    names::{NameKind, Names},
    rows::{COLUMNS, Stored},
    runs,
};
use crate::{
    pricing::PriceTable,
    store::{
        RowKind, Run,
        identity::CellKey,
        settle::{self, Claim, Remainder},
        witness::WitnessKind,
    },
};

/// A transcript's clock may lag behind the end of the run that made it write.
const WINDOW_SLACK_MS: i64 = 2_000;

/// What an append leaves to be settled beyond the rows it touched.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    runs: BTreeSet<String>,
    sessions: BTreeSet<String>,
    results: BTreeSet<String>,
}

impl Unsettled {
    /// Notes that a run's record changed. It may claim what another run of its
    /// session had, and give up what it had itself.
    pub(crate) fn run(&mut self, run: &Run, before: Option<&Run>) {
        self.runs.insert(run.id.clone());
        for record in [Some(run), before].into_iter().flatten() {
            self.sessions.extend(record.session.clone());
            self.results.extend(record.result_id.clone());
        }
    }
}

pub(crate) fn settle(
    db: &Connection,
    names: &mut Names,
    prices: &PriceTable,
    unsettled: Unsettled,
    touched: &mut Touched,
) -> rusqlite::Result<()> {
    let Unsettled { mut runs, mut sessions, results } = unsettled;
    let mut errors_of: BTreeSet<i64> = BTreeSet::new();
    for result_id in results {
        for run in runs::of_result(db, &result_id)? {
            runs.insert(run.id);
            sessions.extend(run.session);
        }
    }
    for session in sessions {
        let session = names.intern(db, NameKind::Session, &session)?;
        let of_session = runs::of_session(db, session)?;
        drop_stale_shares(db, session, &of_session, touched)?;
        runs.extend(of_session.into_iter().map(|run| run.id));
    }
    let ids: Vec<i64> = touched.before.keys().copied().collect();
    for id in ids {
        let after = row(db, id)?;
        let before = touched.before[&id].clone();
        for row in [before, after].into_iter().flatten() {
            runs.extend(row.run.clone());
            let Some(session) = row.session else { continue };
            if row.is_bare_error() {
                errors_of.insert(session);
            }
            // A row that says no run may fall into the time of any of its session's.
            if row.run.is_none() {
                runs.extend(runs::of_session(db, session)?.into_iter().map(|run| run.id));
            }
        }
    }
    for session in errors_of {
        settle_errors(db, session, touched)?;
    }
    for id in with_twins(db, runs)? {
        if let Some(run) = runs::get(db, &id)? {
            settle_run(db, names, prices, &run, touched)?;
        }
    }
    Ok(())
}

/// Runs, and those that read the same `result` lines as they.
fn with_twins(db: &Connection, mut runs: BTreeSet<String>) -> rusqlite::Result<BTreeSet<String>> {
    for id in runs.clone() {
        if let Some(result_id) = runs::get(db, &id)?.and_then(|run| run.result_id) {
            runs.extend(runs::of_result(db, &result_id)?.into_iter().map(|run| run.id));
        }
    }
    Ok(runs)
}

fn row(db: &Connection, id: i64) -> rusqlite::Result<Option<Stored>> {
    use rusqlite::OptionalExtension;
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM requests WHERE id = ?1"))?
        .query_row([id], Stored::read)
        .optional()
}

/// A session's failed attempts count as one kind of witness tells them: our
/// own run, else telemetry, else the transcript.
fn settle_errors(db: &Connection, session: i64, touched: &mut Touched) -> rusqlite::Result<()> {
    let rows: Vec<Stored> = db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM requests WHERE session = ?1 AND error IS NOT NULL"))?
        .query_map([session], Stored::read)?
        .filter(|row| row.as_ref().map_or(true, Stored::is_bare_error))
        .collect::<Result<_, _>>()?;
    let seen = rows.iter().fold(0, |mask, row| mask | row.source);
    let believed = WitnessKind::ALL.into_iter().map(WitnessKind::bit).find(|bit| seen & bit != 0).unwrap_or(0);
    for mut row in rows {
        let counted = row.source & believed != 0;
        if row.counted != counted {
            touched.changes(row.clone());
            row.counted = counted;
            row.write(db)?;
        }
    }
    Ok(())
}

/// Recomputes a run's shares and remainders from its totals and known rows.
fn settle_run(
    db: &Connection,
    names: &mut Names,
    prices: &PriceTable,
    run: &Run,
    touched: &mut Touched,
) -> rusqlite::Result<()> {
    let mut rows = rows_of(db, names, run)?;
    rows.sort_by(|a, b| (a.ts, &a.key, a.part).cmp(&(b.ts, &b.key, b.part)));
    let mut claims = Vec::with_capacity(rows.len());
    for row in &rows {
        claims.push(Claim {
            model: names.value_some(db, row.model)?,
            usage: row.usage.clone(),
            reported: row.reported,
            calculated: row.calculated,
        });
    }
    let settled = settle::settle(&run.totals, &claims, &|model, usage| prices.cost(model, usage));
    for (mut row, share) in rows.into_iter().zip(settled.shares) {
        if row.share != share {
            touched.changes(row.clone());
            row.share = share;
            row.write(db)?;
        }
    }
    write_remainders(db, names, prices, run, settled.remainders, touched)
}

/// The rows of a run: those that it, or another reader of the same `result`
/// line, saw, and those of its session that fall into its time and that no run
/// saw. Where two runs' times overlap, the earlier
/// run has them.
fn rows_of(db: &Connection, names: &mut Names, run: &Run) -> rusqlite::Result<Vec<Stored>> {
    let billed = |row: &Stored| row.kind != RowKind::Remainder && !row.is_bare_error();
    let twins = match &run.result_id {
        Some(result_id) => runs::of_result(db, result_id)?.into_iter().map(|run| run.id).collect(),
        None => vec![run.id.clone()],
    };
    // Their rows are settled with the totals, by the run that counts those.
    if twins.first() != Some(&run.id) {
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    for twin in twins {
        let seen = db
            .prepare_cached(&format!("SELECT {COLUMNS} FROM requests WHERE run = ?1"))?
            .query_map([&twin], Stored::read)?
            .filter(|row| row.as_ref().map_or(true, billed))
            .collect::<Result<Vec<_>, _>>()?;
        rows.extend(seen);
    }
    let (Some(session), Some(ended_at)) = (&run.session, run.ended_at) else { return Ok(rows) };
    let session = names.intern(db, NameKind::Session, session)?;
    let others = runs::of_session(db, session)?;
    let unseen: Vec<Stored> = db
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM requests WHERE session = ?1 AND run IS NULL AND ts BETWEEN ?2 AND ?3"
        ))?
        .query_map((session, run.started_at, ended_at + WINDOW_SLACK_MS), Stored::read)?
        .collect::<Result<_, _>>()?;
    rows.extend(
        unseen
            .into_iter()
            .filter(|row| billed(row) && claimant(&others, row.ts).is_some_and(|first| first.id == run.id)),
    );
    Ok(rows)
}

/// The run that claims a row which no run saw: the first in whose time it falls.
fn claimant(runs: &[Run], ts: i64) -> Option<&Run> {
    runs.iter().find(|run| {
        !run.totals.is_empty()
            && run.ended_at.is_some_and(|end| (run.started_at..=end + WINDOW_SLACK_MS).contains(&ts))
    })
}

fn drop_stale_shares(db: &Connection, session: i64, runs: &[Run], touched: &mut Touched) -> rusqlite::Result<()> {
    let shared: Vec<Stored> = db
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM requests WHERE session = ?1 AND run IS NULL AND share IS NOT NULL"
        ))?
        .query_map([session], Stored::read)?
        .collect::<Result<_, _>>()?;
    for mut row in shared {
        if claimant(runs, row.ts).is_none() {
            touched.changes(row.clone());
            row.share = None;
            row.write(db)?;
        }
    }
    Ok(())
}

fn write_remainders(
    db: &Connection,
    names: &mut Names,
    prices: &PriceTable,
    run: &Run,
    remainders: Vec<Remainder>,
    touched: &mut Touched,
) -> rusqlite::Result<()> {
    let mut old: Vec<Stored> = db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM requests WHERE run = ?1 AND kind = 2"))?
        .query_map([&run.id], Stored::read)?
        .collect::<Result<_, _>>()?;
    for remainder in remainders {
        let mut row = remainder_row(db, names, prices, run, &remainder)?;
        if let Some(at) = old.iter().position(|o| o.model == row.model) {
            let before = old.swap_remove(at);
            row.id = before.id;
            if before.usage == row.usage {
                row.calculated = before.calculated;
                row.priced_as_of = before.priced_as_of;
            }
            if row == before {
                continue;
            }
            touched.changes(before);
        }
        let id = row.write(db)?;
        touched.wrote(id);
    }
    for gone in old {
        db.prepare_cached("DELETE FROM requests WHERE id = ?1")?.execute([gone.id])?;
        touched.changes(gone);
    }
    Ok(())
}

fn remainder_row(
    db: &Connection,
    names: &mut Names,
    prices: &PriceTable,
    run: &Run,
    remainder: &Remainder,
) -> rusqlite::Result<Stored> {
    let ts = run.ended_at.unwrap_or(run.started_at);
    let calculated = prices.cost(&remainder.model, &remainder.usage);
    let as_of = calculated.map(|_| prices.as_of());
    let tags = if run.tags.is_empty() { None } else { serde_json::to_string(&run.tags).ok() };
    Ok(Stored {
        id: 0,
        group_id: None,
        kind: RowKind::Remainder,
        part: 0,
        counted: true,
        ts,
        first_ts: ts,
        key: CellKey::default(),
        uuid: None,
        sidechain: false,
        session: names.intern_some(db, NameKind::Session, run.session.as_deref())?,
        run: Some(run.id.clone()),
        model: Some(names.intern(db, NameKind::Model, &remainder.model)?),
        project: names.intern_some(db, NameKind::Project, run.project.as_deref())?,
        branch: None,
        version: None,
        agent: None,
        source: WitnessKind::Run.bit(),
        user: names.intern_some(db, NameKind::User, run.user.as_deref())?,
        host: names.intern_some(db, NameKind::Host, run.host.as_deref())?,
        tags: names.intern_some(db, NameKind::TagSet, tags.as_deref())?,
        usage: remainder.usage.clone(),
        reported: None,
        share: remainder.share,
        calculated,
        priced_as_of: names.intern_some(db, NameKind::PriceTable, as_of)?,
        duration_ms: None,
        ttft_ms: None,
        error: None,
        simulated: run.simulated,
        state: None,
    })
}
