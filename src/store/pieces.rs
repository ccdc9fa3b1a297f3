//! Pieces of time that are added up by themselves.

use std::{collections::HashMap, hash::Hash};

use super::{LedgerReader, RequestRow, RowQuery, Sums, SumsQuery, SumsRow};
use crate::Result;

/// Sums by piece and key, while they are added up.
///
/// What comes in is mostly in order of time, so that the piece of one is the
/// piece of the last, or the next one.
#[derive(Debug, Default)]
pub(crate) struct Pieces<K> {
    sums: Vec<(usize, K, Sums)>,
    /// Where in `sums` they are.
    index: HashMap<(usize, K), usize>,
    /// The last one that was asked for, and the last piece found.
    latest: usize,
    piece: usize,
}

impl<K: Ord + Hash + Clone> Pieces<K> {
    /// The piece that a time is in; `None` if it is in none.
    pub(crate) fn find(&mut self, cuts: &[i64], ts: i64) -> Option<usize> {
        let holds =
            |n: usize| cuts.get(n).is_some_and(|&at| at <= ts) && cuts.get(n + 1).is_some_and(|&at| ts < at);
        if !holds(self.piece) {
            self.piece = if holds(self.piece + 1) {
                self.piece + 1
            } else {
                cuts.partition_point(|&at| at <= ts).checked_sub(1)?
            };
        }
        holds(self.piece).then_some(self.piece)
    }

    pub(crate) fn of(&mut self, piece: usize, key: K) -> &mut Sums {
        let is_latest = self.sums.get(self.latest).is_some_and(|(p, k, _)| *p == piece && *k == key);
        if !is_latest {
            let sums = &mut self.sums;
            self.latest = *self.index.entry((piece, key)).or_insert_with_key(|(piece, key)| {
                sums.push((*piece, key.clone(), Sums::default()));
                sums.len() - 1
            });
        }
        &mut self.sums[self.latest].2
    }

    /// Sums that are complete but for single rows.
    pub(crate) fn put(&mut self, piece: usize, key: K, sums: Sums) {
        *self.of(piece, key) = sums;
    }

    pub(crate) fn into_sums(self) -> Vec<(usize, K, Sums)> {
        self.sums
    }
}

impl Pieces<String> {
    /// Adds what a row counts for, if a question is about it.
    pub(crate) fn add_row(&mut self, query: &SumsQuery, row: &RequestRow) {
        let Some(piece) = self.find(&query.cuts, row.ts) else { return };
        let mut sums = row.sums();
        if !query.durations {
            sums.durations = super::Histogram::default();
        }
        for key in query.by.values(row) {
            self.of(piece, key.to_owned()).add(&sums);
        }
    }

    pub(crate) fn into_rows(self) -> Vec<SumsRow> {
        let mut rows: Vec<SumsRow> =
            self.sums.into_iter().map(|(piece, key, sums)| SumsRow { piece, key, sums }).collect();
        rows.sort_by(|a, b| (a.piece, &a.key).cmp(&(b.piece, &b.key)));
        rows
    }
}

/// Answers a question from single rows: right, but as slow as there are many.
///
/// # Errors
/// If the ledger cannot be read.
pub fn sums_of_rows(reader: &(impl LedgerReader + ?Sized), query: &SumsQuery) -> Result<Vec<SumsRow>> {
    let mut pieces = Pieces::default();
    let (Some(&since), Some(&until)) = (query.cuts.first(), query.cuts.last()) else { return Ok(Vec::new()) };
    let rows = RowQuery {
        since: Some(since),
        until: Some(until),
        filter: query.filter.clone(),
        simulated: query.simulated,
    };
    reader.requests(&rows, &mut |row| pieces.add_row(query, &row))?;
    Ok(pieces.into_rows())
}
