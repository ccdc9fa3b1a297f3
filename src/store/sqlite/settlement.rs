//! What depends on more than one request: a run's remainders and shares, and
//! whose count of a session's errors is believed.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::{
    anonymous,
    names::{NameKind, Names},
    prune,
    rows::{COLUMNS, Stored},
    runs::{self, Sessions, WINDOW_SLACK_MS},
    touched::Touched,
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

/// What an append leaves to be settled beyond the rows it touched: the records
/// of runs that changed, as they are and as they were.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    records: Vec<Run>,
}

impl Unsettled {
    pub(crate) fn run(&mut self, run: &Run, before: Option<Run>) {
        self.records.push(run.clone());
        self.records.extend(before);
    }
}

pub(crate) fn settle(
    db: &Connection,
    names: &mut Names,
    prices: &PriceTable,
    unsettled: Unsettled,
    sessions: &mut Sessions,
    touched: &mut Touched,
) -> rusqlite::Result<()> {
    let mut records = unsettled.records;
    // Where two runs read the same `result` line, the first one counts it: a
    // new first takes that from the second.
    for result_id in records.iter().filter_map(|run| run.result_id.clone()).collect::<BTreeSet<_>>() {
        records.extend(runs::first_two_of_result(db, &result_id)?);
    }
    let mut runs = BTreeSet::new();
    let mut errors_of: BTreeSet<i64> = BTreeSet::new();
    for record in records {
        reclaim(db, names, &record, &mut runs, touched)?;
        runs.insert(record.id);
    }
    let of_sessions: BTreeSet<i64> = touched
        .rows()
        .flat_map(|change| [&change.before, &change.after])
        .flatten()
        .filter_map(|row| row.session)
        .collect();
    for session in of_sessions {
        if sessions.has_anonymous(db, session)? {
            anonymous::settle(db, names, prices, session, touched)?;
        }
    }
    for change in touched.rows() {
        for row in [&change.before, &change.after].into_iter().flatten() {
            if let Some(session) = row.session.filter(|_| row.is_bare_error()) {
                errors_of.insert(session);
            }
            match (&row.run, row.session) {
                (Some(run), _) => {
                    if let Some(result_id) = runs::get(db, run)?.and_then(|run| run.result_id) {
                        runs.extend(
                            runs::first_two_of_result(db, &result_id)?.into_iter().map(|run| run.id).take(1),
                        );
                    }
                    runs.insert(run.clone());
                }
                // A row that says no run may fall into the time of any of its session's.
                (None, Some(session)) => {
                    if sessions.has_runs(db, session)? {
                        runs.extend(runs::covering(db, session, row.ts)?.into_iter().map(|run| run.id));
                    }
                }
                (None, None) => {}
            }
        }
    }
    for session in errors_of {
        settle_errors(db, session, touched)?;
    }
    let horizon = prune::horizon(db)?;
    for id in runs {
        // The rows of an older one may be gone: what was settled then stands.
        if let Some(run) = runs::get(db, &id)?.filter(|run| run.started_at >= horizon) {
            settle_run(db, names, prices, &run, touched)?;
        }
    }
    Ok(())
}

/// Finds the runs that have to do with what a run may claim, and takes the
/// shares from rows that nobody claims any more.
fn reclaim(
    db: &Connection,
    names: &mut Names,
    run: &Run,
    runs: &mut BTreeSet<String>,
    touched: &mut Touched,
) -> rusqlite::Result<()> {
    let Some(session) = &run.session else { return Ok(()) };
    let session = names.intern(db, NameKind::Session, session)?;
    for mut row in unseen(db, session, run)? {
        runs.extend(runs::covering(db, session, row.ts)?.into_iter().map(|run| run.id));
        if row.share.is_some() && runs::claimant(db, session, row.ts)?.is_none() {
            let before = row.clone();
            row.share = None;
            touched.replace(db, before, row)?;
        }
    }
    Ok(())
}

/// The rows of a session that fall into a run's time and that no run saw.
fn unseen(db: &Connection, session: i64, run: &Run) -> rusqlite::Result<Vec<Stored>> {
    let Some(ended_at) = run.ended_at else { return Ok(Vec::new()) };
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM requests WHERE session = ?1 AND run IS NULL AND ts BETWEEN ?2 AND ?3"
    ))?
    .query_map((session, run.started_at, ended_at + WINDOW_SLACK_MS), Stored::read)?
    .collect()
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
            let before = row.clone();
            row.counted = counted;
            touched.replace(db, before, row)?;
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
            model: names.shared_some(db, row.model)?,
            usage: row.usage.clone(),
            reported: row.reported,
            calculated: row.calculated,
        });
    }
    let settled = settle::settle(&run.totals, &claims, &|model, usage| prices.cost(model, usage));
    for (mut row, share) in rows.into_iter().zip(settled.shares) {
        if row.share != share {
            let before = row.clone();
            row.share = share;
            touched.replace(db, before, row)?;
        }
    }
    write_remainders(db, names, prices, run, settled.remainders, touched)
}

/// The rows of a run: those that it, or another reader of the same `result`
/// line, saw, and those of its session that fall into its time and that no run
/// saw. Where two runs' times overlap, the earlier run has them.
fn rows_of(db: &Connection, names: &mut Names, run: &Run) -> rusqlite::Result<Vec<Stored>> {
    // Its rows are settled with the totals, by the run that counts those.
    if runs::is_superseded(db, run)? {
        return Ok(Vec::new());
    }
    let mut rows: Vec<Stored> = db
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM requests WHERE run = ?1 \
             OR run IN (SELECT id FROM runs WHERE result_id = ?2)"
        ))?
        .query_map([Some(&run.id), run.result_id.as_ref()], Stored::read)?
        .collect::<Result<_, _>>()?;
    if let Some(session) = &run.session {
        let session = names.intern(db, NameKind::Session, session)?;
        for row in unseen(db, session, run)? {
            if runs::claimant(db, session, row.ts)?.is_some_and(|first| first.id == run.id) {
                rows.push(row);
            }
        }
    }
    rows.retain(|row| row.kind != RowKind::Remainder && !row.is_bare_error() && row.counted);
    Ok(rows)
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
            touched.gone(before);
        }
        touched.write(db, row)?;
    }
    for gone in old {
        touched.delete(db, gone)?;
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
        joined: false,
        state: None,
    })
}
