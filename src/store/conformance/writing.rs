//! Checks of what is written.

use super::{EPOCH, Make, Pair, history, holds, one, rows, same, seen};
use crate::{
    Result,
    store::{Alert, Batch, Budget, Entry, LedgerReader, Period, RowQuery, Run, RunQuery, Sums, SumsQuery},
};

const DAY: i64 = 86_400_000;

fn total(reader: &(impl LedgerReader + ?Sized)) -> Result<Sums> {
    let answer = reader.sums(&[SumsQuery::between(None, None)])?;
    Ok(answer.into_iter().flatten().next().map(|row| row.sums).unwrap_or_default())
}

pub(super) fn again(make: Make<'_>) -> Result<()> {
    let Pair { mut writer, reader } = make()?;
    writer.append(&Batch::default())?;
    holds("a new ledger is empty", rows(&*reader)?.is_empty())?;
    writer.append(&history())?;
    let once = (rows(&*reader)?, total(&*reader)?);
    same("requests", &once.1.requests, &300)?;
    writer.append(&history())?;
    same("rows and sums", &(rows(&*reader)?, total(&*reader)?), &once)
}

pub(super) fn order(make: Make<'_>) -> Result<()> {
    let (mut forward, mut backward) = (make()?, make()?);
    let snapshots = [seen("msg", EPOCH, 1), seen("msg", EPOCH + 900_001, 5), seen("msg", EPOCH + 5, 3)];
    for witness in history().witnesses.into_iter().chain(snapshots.clone()) {
        forward.writer.append(&one(witness))?;
    }
    let mut witnesses = history().witnesses;
    witnesses.extend(snapshots);
    witnesses.reverse();
    backward.writer.append(&Batch { witnesses, ..Batch::default() })?;
    same("rows", &rows(&*backward.reader)?, &rows(&*forward.reader)?)?;
    same("sums", &total(&*backward.reader)?, &total(&*forward.reader)?)
}

pub(super) fn best_snapshot(make: Make<'_>) -> Result<()> {
    let Pair { mut writer, reader } = make()?;
    writer.append(&one(seen("msg", EPOCH, 1)))?;
    writer.append(&one(seen("msg", EPOCH + 2 * DAY, 40)))?;
    writer.append(&one(seen("msg", EPOCH + DAY, 7)))?;
    let rows = rows(&*reader)?;
    same("rows", &rows.len(), &1)?;
    same("the counted snapshot", &(rows[0].output_tokens, rows[0].ts), &(40, EPOCH + 2 * DAY))?;
    let sums = total(&*reader)?;
    same("sums", &(sums.requests, sums.output_tokens), &(1, 40))?;
    same("first and last", &(sums.first, sums.last), &(Some(EPOCH + 2 * DAY), Some(EPOCH + 2 * DAY)))
}

pub(super) fn runs(make: Make<'_>) -> Result<()> {
    let Pair { mut writer, reader } = make()?;
    let run = |n: i64, ended_at: Option<i64>| {
        let (command, backend) = ("query".to_owned(), "claude".to_owned());
        Run { id: format!("run-{n}"), started_at: EPOCH + n, ended_at, command, backend, ..Run::default() }
    };
    for batch in [vec![run(1, Some(EPOCH + 9))], vec![run(1, None), run(2, None)], vec![run(3, None)]] {
        writer.append(&Batch { runs: batch, ..Batch::default() })?;
    }
    let told = reader.runs(&RunQuery::default())?;
    let ids: Vec<&str> = told.iter().map(|run| run.id.as_str()).collect();
    same("the newest first", &ids, &vec!["run-3", "run-2", "run-1"])?;
    same("the one that ended", &told[2].ended_at, &Some(EPOCH + 9))?;
    let some = reader.runs(&RunQuery { until: Some(EPOCH + 3), limit: Some(1), ..RunQuery::default() })?;
    same("one before the last", &some.iter().map(|run| run.id.as_str()).collect(), &vec!["run-2"])
}

fn budget(name: &str, limit: i64) -> Budget {
    Budget { name: name.to_owned(), limit, warn_percent: 80, ..Budget::default() }
}

pub(super) fn budgets(make: Make<'_>) -> Result<()> {
    let Pair { mut writer, reader } = make()?;
    for (name, limit) in [("b", 1), ("a", 2), ("b", 3)] {
        writer.set_budget(&budget(name, limit))?;
    }
    same("budgets by name", &reader.budgets()?, &vec![budget("a", 2), budget("b", 3)])?;
    same("removing", &(writer.remove_budget("a")?, writer.remove_budget("a")?), &(true, false))?;
    same("what is left", &reader.budgets()?, &vec![budget("b", 3)])
}

pub(super) fn alerts(make: Make<'_>) -> Result<()> {
    let Pair { mut writer, reader } = make()?;
    let alert = |threshold: u8, at: i64, limit: i64| {
        let (budget, period, since, spent) = ("b".to_owned(), Period::Month, EPOCH, 2 * limit);
        Alert { budget, period, since, threshold, at, limit, spent }
    };
    let both = [alert(80, 1, 10), alert(100, 1, 10)];
    same("the first time", &writer.record_alerts(&both)?, &both.to_vec())?;
    same("again", &writer.record_alerts(&[alert(80, 2, 10)])?, &Vec::new())?;
    let raised = [alert(80, 3, 20)];
    same("with another limit", &writer.record_alerts(&raised)?, &raised.to_vec())?;
    same("the newest first", &reader.alerts(None)?, &vec![alert(80, 3, 20), alert(100, 1, 10)])?;
    same("at most one", &reader.alerts(Some(1))?.len(), &1)
}

pub(super) fn prune(make: Make<'_>) -> Result<()> {
    let Pair { mut writer, reader } = make()?;
    writer.append(&history())?;
    let (before, all) = (total(&*reader)?, rows(&*reader)?.len());
    same("nothing is pruned yet", &reader.pruned_before()?, &None)?;
    let pruned = writer.prune(EPOCH + 2 * DAY + 5)?;
    same("the horizon", &reader.pruned_before()?, &Some(EPOCH + 2 * DAY))?;
    let left = rows(&*reader)?.len();
    same("rows dropped", &(pruned.rows as usize), &(all - left))?;
    holds("rows were dropped", pruned.rows > 0)?;
    same("what is counted", &total(&*reader)?, &before)?;
    writer.append(&history())?;
    same("what is counted, with all witnesses again", &total(&*reader)?, &before)?;
    same("rows", &rows(&*reader)?.len(), &left)
}

pub(super) fn reprice(make: Make<'_>) -> Result<()> {
    let Pair { mut writer, reader } = make()?;
    writer.append(&history())?;
    let before = (rows(&*reader)?, total(&*reader)?);
    let repriced = writer.reprice()?;
    same("rows looked at and changed", &(repriced.rows, repriced.changed), &(300, 0))?;
    same("rows and sums", &(rows(&*reader)?, total(&*reader)?), &before)
}

pub(super) fn export(make: Make<'_>) -> Result<()> {
    let (mut from, mut to) = (make()?, make()?);
    from.writer.append(&history())?;
    let mut batch = Batch::default();
    from.reader.export(&RowQuery::default(), &mut |entry| {
        match entry {
            Entry::Run(run) => batch.runs.push(*run),
            Entry::Request(_, records) | Entry::Uncounted(records) => batch.records.extend(records),
        }
        Ok(())
    })?;
    to.writer.append(&batch)?;
    same("rows", &rows(&*to.reader)?, &rows(&*from.reader)?)?;
    same("sums", &total(&*to.reader)?, &total(&*from.reader)?)
}

pub(super) fn generations(make: Make<'_>) -> Result<()> {
    let Pair { mut writer, reader } = make()?;
    let told = || -> Result<[i64; 4]> {
        Ok([
            reader.generation_of(Some(EPOCH), Some(EPOCH + DAY))?,
            reader.generation_of(Some(EPOCH + DAY + 5), Some(EPOCH + DAY + 9))?,
            reader.generation_of(Some(EPOCH + DAY), None)?,
            reader.generation_of(None, None)?,
        ])
    };
    writer.append(&one(seen("a", EPOCH, 1)))?;
    let first = told()?;
    writer.append(&one(seen("b", EPOCH + DAY, 1)))?;
    let second = told()?;
    same("a day that did not change", &second[0], &first[0])?;
    holds("a day that changed has a new one", (1..4).all(|n| second[n] > first[n]))?;
    writer.append(&one(seen("b", EPOCH + DAY, 1)))?;
    same("nothing new", &told()?, &second)?;
    writer.append(&one(seen("b", EPOCH + 3 * DAY, 9)))?;
    let third = told()?;
    holds("the day that a row left has a new one, too", third[1] > second[1] && third[0] == second[0])?;
    writer.set_budget(&budget("b", 1))?;
    let fourth = told()?;
    holds("a budget concerns all days", fourth.iter().zip(third).all(|(now, before)| *now > before))
}
