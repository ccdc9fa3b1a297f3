//! Writing many rows by few statements.
//!
//! To begin and end a statement takes SQLite about as long as to insert a row.
//! Whoever inserts many undoes the whole transaction if one of them fails: `OR
//! ROLLBACK` says so, and spares SQLite a journal to undo the statement alone.

use std::sync::OnceLock;

use rusqlite::{CachedStatement, Connection};

/// Rows of one statement.
const ROWS: usize = 32;

/// How to insert rows into a table.
pub(crate) struct Insert {
    /// What stands before the values, as far as `VALUES`.
    into: &'static str,
    columns: usize,
    /// What stands behind them.
    tail: &'static str,
    /// The statements for one row and for many, once they were put together.
    one: OnceLock<String>,
    many: OnceLock<String>,
}

/// What was bound to a parameter last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Number(Option<i64>),
    Bytes,
}

impl Insert {
    pub(crate) const fn new(into: &'static str, columns: usize, tail: &'static str) -> Self {
        Self { into, columns, tail, one: OnceLock::new(), many: OnceLock::new() }
    }

    fn prepare<'db>(&self, db: &'db Connection, rows: usize) -> rusqlite::Result<CachedStatement<'db>> {
        let known = if rows == 1 { &self.one } else { &self.many };
        db.prepare_cached(known.get_or_init(|| {
            let row = format!("({})", vec!["?"; self.columns].join(","));
            format!("{} VALUES {} {}", self.into, vec![row.as_str(); rows].join(","), self.tail)
        }))
    }

    /// Inserts rows in their order, each as `bind` says. Where SQLite gives
    /// them ids, these follow each other up to the last one.
    pub(crate) fn write<T>(
        &self,
        db: &Connection,
        rows: &[T],
        bind: impl Fn(&mut Binder<'_, '_>, &T) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let (whole, rest) = rows.split_at(rows.len() - rows.len() % ROWS);
        for (rows, at_once) in [(whole, ROWS), (rest, 1)] {
            if rows.is_empty() {
                continue;
            }
            let mut statement = self.prepare(db, at_once)?;
            let mut bound = vec![Bound::Number(None); at_once * self.columns];
            for rows in rows.chunks(at_once) {
                let mut binder = Binder { statement: &mut statement, bound: &mut bound, at: 0 };
                for row in rows {
                    bind(&mut binder, row)?;
                }
                statement.raw_execute()?;
            }
        }
        Ok(())
    }
}

/// Binds one value after another. Numbers that a parameter has already are
/// left: most columns of neighbours are equal.
pub(crate) struct Binder<'a, 'db> {
    statement: &'a mut CachedStatement<'db>,
    bound: &'a mut [Bound],
    at: usize,
}

impl Binder<'_, '_> {
    pub(crate) fn number(&mut self, number: i64) -> rusqlite::Result<()> {
        self.optional(Some(number))
    }

    pub(crate) fn optional(&mut self, number: Option<i64>) -> rusqlite::Result<()> {
        let bound = Bound::Number(number);
        if self.bound[self.at] != bound {
            self.statement.raw_bind_parameter(self.at + 1, number)?;
            self.bound[self.at] = bound;
        }
        self.at += 1;
        Ok(())
    }

    pub(crate) fn text(&mut self, text: Option<&str>) -> rusqlite::Result<()> {
        let Some(text) = text else { return self.optional(None) };
        self.bound[self.at] = Bound::Bytes;
        self.at += 1;
        self.statement.raw_bind_parameter(self.at, text)
    }

    pub(crate) fn blob(&mut self, blob: &[u8]) -> rusqlite::Result<()> {
        self.bound[self.at] = Bound::Bytes;
        self.at += 1;
        self.statement.raw_bind_parameter(self.at, blob)
    }
}
