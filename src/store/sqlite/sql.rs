//! SQL of the user's own, over views that stay as they are. It can only read.

use std::path::{Path, PathBuf};

use rusqlite::{
    Batch, Connection, ErrorCode, OpenFlags, Statement, fallible_iterator::FallibleIterator, types::ValueRef,
};

use super::{BUSY_TIMEOUT, SqliteLedger, VIEWS};
use crate::{Error, Result, store::Simulated};

/// The virtual machine's steps between two looks at whether it is to stop.
const STEPS: i32 = 10_000;

/// A ledger that answers SQL.
#[derive(Debug)]
pub struct SqlConsole {
    db: Connection,
    path: PathBuf,
}

/// What a query answers: the names of its columns, and the rows as they come.
#[derive(Debug)]
pub struct SqlAnswer<'a> {
    console: &'a SqlConsole,
    statement: Statement<'a>,
    columns: Vec<String>,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlValue {
    /// NULL.
    Null,
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// Text; what is no UTF-8 in it is replaced.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl From<ValueRef<'_>> for SqlValue {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(n) => Self::Integer(n),
            ValueRef::Real(x) => Self::Real(x),
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

impl SqlConsole {
    /// Opens the ledger at `path`, with [`VIEWS`] beside its tables; `None` if
    /// there is no ledger. A query ends once `interrupted` says so.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be opened.
    pub fn open(
        path: &Path,
        simulated: Simulated,
        interrupted: impl FnMut() -> bool + Send + 'static,
    ) -> Result<Option<Self>> {
        // Brings it up to date, which this connection could not.
        if SqliteLedger::open_read_only(path)?.is_none() {
            return Ok(None);
        }
        let open = || {
            let mut db = Connection::open_with_flags(
                path,
                OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )?;
            db.busy_timeout(BUSY_TIMEOUT)?;
            for view in &VIEWS {
                db.execute_batch(&view.create(simulated))?;
            }
            db.pragma_update(None, "query_only", true)?;
            db.progress_handler(STEPS, Some(interrupted))?;
            Ok(db)
        };
        let failed =
            |e: rusqlite::Error| Error::Store { path: path.display().to_string(), message: e.to_string() };
        Ok(Some(Self { db: open().map_err(failed)?, path: path.to_owned() }))
    }

    /// Prepares one query.
    ///
    /// # Errors
    /// [`Error::Invalid`] in SQLite's words if it is none, is more than one, or
    /// is no query: nothing can be written.
    pub fn query<'a>(&'a self, sql: &'a str) -> Result<SqlAnswer<'a>> {
        let mut statements = Batch::new(&self.db, sql);
        let failed = |e| self.error(e);
        let Some(statement) = statements.next().map_err(failed)? else {
            return Err(Error::Invalid("there is no query".to_owned()));
        };
        if statements.next().map_err(failed)?.is_some() {
            return Err(Error::Invalid("there is more than one statement: give one query at a time".to_owned()));
        }
        if !statement.readonly() || statement.column_count() == 0 {
            return Err(Error::Invalid(
                "this is no query: the ledger can only be read here, by SELECT, WITH, VALUES or EXPLAIN"
                    .to_owned(),
            ));
        }
        let columns = statement.column_names().map(str::to_owned).collect();
        Ok(SqlAnswer { console: self, statement, columns })
    }

    /// What goes wrong with a query is the query's fault, unless it is the file's.
    fn error(&self, e: rusqlite::Error) -> Error {
        match e.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Error::Interrupted,
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::SystemIoFailure
                | ErrorCode::OutOfMemory
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen,
            ) => Error::Store { path: self.path.display().to_string(), message: e.to_string() },
            _ => Error::Invalid(format!("sql: {e}")),
        }
    }
}

impl SqlAnswer<'_> {
    /// The names of the columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Reads the rows, one at a time; `each` may end it with an error.
    ///
    /// # Errors
    /// [`Error::Invalid`] in SQLite's words if it fails, [`Error::Interrupted`]
    /// if it was, or what `each` returns.
    pub fn each(mut self, each: &mut dyn FnMut(&[SqlValue]) -> Result<()>) -> Result<()> {
        let failed = |e| self.console.error(e);
        let mut rows = self.statement.query([]).map_err(failed)?;
        let mut values = Vec::with_capacity(self.columns.len());
        while let Some(row) = rows.next().map_err(failed)? {
            values.clear();
            for at in 0..self.columns.len() {
                values.push(row.get_ref(at).map_err(failed)?.into());
            }
            each(&values)?;
        }
        Ok(())
    }
}
