//! Checks of what is read.

use super::{EPOCH, Make, Pair, history, holds, one, rows, same, seen};
use crate::{
    Result,
    store::{
        Dimension, Filter, Level, RollupQuery, RowKind, RowQuery, SessionOrder, SessionQuery, Simulated, Span,
        Sums, SumsQuery, sums_of_rows,
    },
};

const HOUR: i64 = 3_600_000;

/// Every dimension and many filters, over pieces that begin and end anywhere.
pub(super) fn sums(make: Make<'_>) -> Result<()> {
    let Pair { mut writer, reader } = make()?;
    writer.append(&history())?;
    let days: Vec<i64> = (0..6).map(|n| EPOCH + 11 * HOUR / 2 + n * 24 * HOUR).collect();
    let hours = (0..100).map(|n| EPOCH + n * HOUR).collect();
    let odd = vec![EPOCH + 7, EPOCH + HOUR + 13, EPOCH + 40 * HOUR + 1, EPOCH + 90 * HOUR + 999];
    let filter = |set: fn(&mut Filter)| {
        let mut filter = Filter::default();
        set(&mut filter);
        filter
    };
    let filters = [
        Filter::default(),
        filter(|f| f.model = Some("claude-opus-4-8".to_owned())),
        filter(|f| f.project = Some("/home/me/project-1".to_owned())),
        filter(|f| f.branch = Some(String::new())),
        filter(|f| f.host = Some("nowhere".to_owned())),
        filter(|f| (f.agent, f.user) = (Some("main".to_owned()), Some("me".to_owned()))),
    ];
    let mut queries = Vec::new();
    for cuts in [vec![i64::MIN, i64::MAX], days, hours, odd, vec![EPOCH], Vec::new()] {
        for filter in &filters {
            for (n, by) in Dimension::ALL.into_iter().enumerate() {
                let (cuts, filter, durations) = (cuts.clone(), filter.clone(), n % 2 == 0);
                queries.push(SumsQuery { cuts, by, filter, durations, simulated: Simulated::Exclude });
            }
        }
    }
    let answers = reader.sums(&queries)?;
    same("answers", &answers.len(), &queries.len())?;
    for (query, said) in queries.iter().zip(answers) {
        same(&format!("{query:?}"), &said, &sums_of_rows(&*reader, query)?)?;
    }
    Ok(())
}

/// Cells of every level and dimension, and when their requests were.
pub(super) fn cells(make: Make<'_>) -> Result<()> {
    let Pair { mut writer, reader } = make()?;
    writer.append(&history())?;
    let rows = rows(&*reader)?;
    for level in Level::ALL {
        for dimension in Dimension::ALL {
            let (since, until, simulated) = (EPOCH, EPOCH + 48 * HOUR, Simulated::Exclude);
            let since = level.start_of(since);
            let query = RollupQuery { level, dimension, since, until, key: None, simulated };
            let mut expected = std::collections::BTreeMap::<(i64, String), Sums>::new();
            let in_cells = |ts: i64| (since..until).contains(&level.start_of(ts));
            for row in rows.iter().filter(|row| in_cells(row.ts)) {
                for key in dimension.values(row) {
                    expected.entry((level.start_of(row.ts), key.to_owned())).or_default().add(&row.sums());
                }
            }
            let cells = reader.rollups(&query)?;
            let said = cells.into_iter().map(|cell| ((cell.start, cell.key), cell.sums)).collect();
            same(&format!("{query:?}"), &said, &expected)?;
            if dimension == Dimension::All {
                let spans = expected.iter().filter_map(|((start, _), sums)| {
                    Some(Span { start: *start, first: sums.first?, last: sums.last? })
                });
                same(&format!("spans of {query:?}"), &reader.spans(&query)?, &spans.collect())?;
            }
        }
    }
    Ok(())
}

pub(super) fn sessions(make: Make<'_>) -> Result<()> {
    let Pair { mut writer, reader } = make()?;
    writer.append(&history())?;
    for order in [SessionOrder::Last, SessionOrder::Cost] {
        for (since, until) in
            [(None, None), (Some(EPOCH + 30 * HOUR), Some(EPOCH + 31 * HOUR)), (Some(EPOCH), None)]
        {
            let query = SessionQuery { since, until, order, ..SessionQuery::default() };
            let all = reader.sessions(&query)?;
            let rank = |sums: &Sums| match order {
                SessionOrder::Last => sums.last.unwrap_or(i64::MIN),
                SessionOrder::Cost => sums.cost.auto,
            };
            holds("the greatest come first", all.is_sorted_by(|a, b| rank(&a.sums) >= rank(&b.sums)))?;
            let some = reader.sessions(&SessionQuery { limit: Some(5), ..query })?;
            same("the first five", &some, &all[..all.len().min(5)].to_vec())?;
            for session in &all {
                let mut sums = Sums::default();
                let mut last = None;
                let filter = Filter { session: Some(session.session.clone()), ..Filter::default() };
                reader.requests(&RowQuery { filter, ..RowQuery::default() }, &mut |row| {
                    sums.add(&row.sums());
                    last = Some((row.project, row.branch, row.model));
                })?;
                same(&session.session, &session.sums, &sums)?;
                let said = (session.project.clone(), session.branch.clone(), session.model.clone());
                same(&session.session, &Some(said), &last)?;
                let at = sums.last.unwrap_or(i64::MIN);
                let inside = since.is_none_or(|since| at >= since) && until.is_none_or(|until| at < until);
                holds("only sessions of the range are told", inside)?;
            }
        }
    }
    Ok(())
}

pub(super) fn moments(make: Make<'_>) -> Result<()> {
    let Pair { mut writer, reader } = make()?;
    writer.append(&history())?;
    let all = rows(&*reader)?;
    let mut failed: Vec<i64> = all.iter().filter(|row| row.error.is_some()).map(|row| row.ts).collect();
    failed.reverse();
    let told = |query: &RowQuery, limit| -> Result<Vec<i64>> {
        Ok(reader.recent_errors(query, limit)?.iter().map(|row| row.ts).collect())
    };
    same("all errors", &told(&RowQuery::default(), 1_000)?, &failed)?;
    same("the latest error", &told(&RowQuery::default(), 1)?, &failed[..failed.len().min(1)].to_vec())?;
    let until = failed.first().copied();
    let before = RowQuery { until, ..RowQuery::default() };
    same("errors before the latest", &told(&before, 1_000)?, &failed[failed.len().min(1)..].to_vec())?;

    let mut requests: Vec<i64> = all.iter().filter(|row| row.kind == RowKind::Request).map(|row| row.ts).collect();
    requests.reverse();
    let latest = |query: &RowQuery, limit| -> Result<Vec<i64>> {
        Ok(reader.recent_requests(query, limit)?.iter().map(|row| row.ts).collect())
    };
    same("all requests", &latest(&RowQuery::default(), 100_000)?, &requests)?;
    same("the latest requests", &latest(&RowQuery::default(), 3)?, &requests[..requests.len().min(3)].to_vec())?;

    let total = || -> Result<i64> {
        let answer = reader.sums(&[SumsQuery::between(None, None)])?;
        Ok(answer.into_iter().flatten().map(|row| row.sums.requests).sum())
    };
    let generation = writer.generation()?;
    let moment = reader.snapshot()?;
    let (before, rows_before) = (total()?, all.len());
    writer.append(&one(seen("msg_later", EPOCH, 1)))?;
    // A ledger without snapshots tells what is new at once; half of it is wrong.
    same("what one moment holds", &(total()? - before), &((rows(&*reader)?.len() - rows_before) as i64))?;
    drop(moment);
    same("what is committed is seen", &total()?, &(before + 1))?;
    // Its own commits do not change the writer's number; nothing may be read into it.
    same("the writer's generation", &writer.generation()?, &generation)
}
