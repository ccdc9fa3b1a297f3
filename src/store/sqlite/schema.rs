//! The tables, and how they came to be: migrations are only ever appended.

use rusqlite::{Connection, TransactionBehavior};

/// Step `n` takes a ledger from version `n` to version `n + 1`.
const MIGRATIONS: [&str; 5] = [
    "
-- Every text that repeats: models, projects, sessions, tags, …
CREATE TABLE names (
  id    INTEGER PRIMARY KEY,
  kind  INTEGER NOT NULL,
  value TEXT NOT NULL,
  UNIQUE (kind, value)
) STRICT;

-- One row per API request (kind 0), advisor call (1) or remainder (2).
-- Rows of one identity group carry the id of its first row as group_id; the
-- first row itself has none, and most groups have no other.
CREATE TABLE requests (
  id             INTEGER PRIMARY KEY,
  group_id       INTEGER,
  kind           INTEGER NOT NULL,
  part           INTEGER NOT NULL,
  counted        INTEGER NOT NULL,
  ts             INTEGER NOT NULL,
  first_ts       INTEGER NOT NULL,
  message_id     TEXT,
  request_id     TEXT,
  uuid           TEXT,
  sidechain      INTEGER NOT NULL,
  session        INTEGER,
  run            TEXT,
  model          INTEGER,
  project        INTEGER,
  branch         INTEGER,
  version        INTEGER,
  agent          INTEGER,
  source         INTEGER NOT NULL,
  user           INTEGER,
  host           INTEGER,
  tags           INTEGER,
  input          INTEGER NOT NULL,
  output         INTEGER NOT NULL,
  cache_read     INTEGER NOT NULL,
  cache_write_5m INTEGER NOT NULL,
  cache_write_1h INTEGER NOT NULL,
  web_searches   INTEGER NOT NULL,
  modifiers      INTEGER NOT NULL,
  reported       INTEGER,
  share          INTEGER,
  calculated     INTEGER,
  priced_as_of   INTEGER,
  duration_ms    INTEGER,
  ttft_ms        INTEGER,
  error          INTEGER,
  simulated      INTEGER NOT NULL,
  -- What the columns do not say of a row's witnesses; see rows.rs.
  state          TEXT
) STRICT;
CREATE INDEX requests_ts ON requests (ts);
CREATE INDEX requests_session ON requests (session, ts) WHERE session IS NOT NULL;
CREATE INDEX requests_run ON requests (run) WHERE run IS NOT NULL;
CREATE INDEX requests_group ON requests (group_id) WHERE group_id IS NOT NULL;

-- Hash of a message id, request id or line id: the identity group that knows it.
CREATE TABLE request_keys (
  key      INTEGER PRIMARY KEY,
  group_id INTEGER NOT NULL
) STRICT;

-- The cells of groups that have more than one.
CREATE TABLE cells (
  group_id   INTEGER NOT NULL,
  n          INTEGER NOT NULL,
  message_id TEXT,
  request_id TEXT,
  uuid       TEXT,
  state      TEXT NOT NULL,
  PRIMARY KEY (group_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
  id         TEXT PRIMARY KEY,
  started_at INTEGER NOT NULL,
  ended_at   INTEGER,
  session    INTEGER,
  result_id  TEXT,
  simulated  INTEGER NOT NULL,
  record     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_started ON runs (started_at);
CREATE INDEX runs_result ON runs (result_id) WHERE result_id IS NOT NULL;
CREATE INDEX runs_session ON runs (session, started_at, ended_at) WHERE session IS NOT NULL;

CREATE TABLE rollups (
  level           INTEGER NOT NULL,
  dimension       INTEGER NOT NULL,
  start           INTEGER NOT NULL,
  name            INTEGER NOT NULL,
  simulated       INTEGER NOT NULL,
  requests        INTEGER NOT NULL,
  errors          INTEGER NOT NULL,
  input           INTEGER NOT NULL,
  output          INTEGER NOT NULL,
  cache_read      INTEGER NOT NULL,
  cache_write_5m  INTEGER NOT NULL,
  cache_write_1h  INTEGER NOT NULL,
  web_searches    INTEGER NOT NULL,
  cost_auto       INTEGER NOT NULL,
  cost_calculated INTEGER NOT NULL,
  cost_reported   INTEGER NOT NULL,
  unpriced_auto   INTEGER NOT NULL,
  unpriced_calculated INTEGER NOT NULL,
  unpriced_reported   INTEGER NOT NULL,
  first           INTEGER,
  last            INTEGER,
  durations       BLOB NOT NULL,
  PRIMARY KEY (level, dimension, start, name, simulated)
) STRICT, WITHOUT ROWID;
",
    "
-- Prompts and answers, where the user wants them kept: zlib, and an index
-- without a copy of them.
CREATE TABLE run_texts (
  n      INTEGER PRIMARY KEY,
  run    TEXT NOT NULL UNIQUE,
  prompt BLOB NOT NULL,
  answer BLOB NOT NULL
) STRICT;
CREATE VIRTUAL TABLE run_text_index USING fts5 (prompt, answer, content = '', contentless_delete = 1);
",
    "
-- How far each transcript has been read.
CREATE TABLE sources (
  path        BLOB PRIMARY KEY,
  device      INTEGER NOT NULL,
  inode       INTEGER NOT NULL,
  size        INTEGER NOT NULL,
  modified    INTEGER NOT NULL,
  read_to     INTEGER NOT NULL,
  fingerprint BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Requests that no other kind of witness would know by an id.
CREATE INDEX requests_anonymous ON requests (session)
  WHERE message_id IS NULL AND request_id IS NULL AND kind = 0 AND error IS NULL;

-- Sessions stand in the rollups as a dimension of their own: one cell each.
CREATE INDEX rollups_sessions_last ON rollups (last) WHERE dimension = 9;
CREATE INDEX rollups_sessions_cost ON rollups (cost_auto) WHERE dimension = 9;

-- What may be spent, and when that was crossed.
CREATE TABLE budgets (
  name   TEXT PRIMARY KEY,
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE alerts (
  budget    TEXT NOT NULL,
  period    INTEGER NOT NULL,
  threshold INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  record    TEXT NOT NULL,
  PRIMARY KEY (budget, period, threshold)
) STRICT, WITHOUT ROWID;

-- Rows of days before this one (UTC milliseconds) were dropped; their
-- identities (group 0) and rollups are kept.
CREATE TABLE pruned (
  before INTEGER NOT NULL
) STRICT;
",
    "
-- What tells that answers about a day may be others now. The row of all of time
-- (the smallest day there is) has the latest generation.
CREATE TABLE generations (
  day        INTEGER PRIMARY KEY,
  generation INTEGER NOT NULL
) STRICT;

-- Both orders of sessions, each with what the other one is chosen by; and the
-- costliest of each day.
DROP INDEX rollups_sessions_last;
DROP INDEX rollups_sessions_cost;
CREATE INDEX rollups_sessions_last ON rollups (last, cost_auto) WHERE dimension = 9;
CREATE INDEX rollups_sessions_cost ON rollups (cost_auto, last) WHERE dimension = 9;
CREATE INDEX rollups_sessions_day ON rollups (last / 86400000, cost_auto, last) WHERE dimension = 9;

-- Failed requests, the latest of which are told.
CREATE INDEX requests_errors ON requests (ts) WHERE error IS NOT NULL AND counted = 1;

-- An entry of a table without row ids spills to a page of its own from about
-- 1,000 bytes on, and many states are just a little longer.
CREATE TABLE cells_by_row (
  group_id   INTEGER NOT NULL,
  n          INTEGER NOT NULL,
  message_id TEXT,
  request_id TEXT,
  uuid       TEXT,
  state      TEXT NOT NULL,
  PRIMARY KEY (group_id, n)
) STRICT;
INSERT INTO cells_by_row (group_id, n, message_id, request_id, uuid, state)
  SELECT group_id, n, message_id, request_id, uuid, state FROM cells ORDER BY group_id, n;
DROP TABLE cells;
ALTER TABLE cells_by_row RENAME TO cells;

-- From this row on, `request_keys` may lack some; empty if it lacks none.
CREATE TABLE unkeyed (
  first INTEGER NOT NULL
) STRICT;
",
    "
-- What came of load tests. They are no requests of anyone's, and in no total.
CREATE TABLE load_tests (
  id         TEXT PRIMARY KEY,
  started_at INTEGER NOT NULL,
  name       TEXT,
  record     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
",
];

/// From this version on, rollups are kept by branch and by session, too.
const BRANCHES_AND_SESSIONS: usize = 3;

/// From this version on, there are cells of six hours and of four weeks.
const LONGER_CELLS: usize = 4;

/// Why a ledger cannot be brought to this program's version.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MigrateError {
    #[error(
        "written by a newer claude-cli (its version is {0}, this program knows {known}); upgrade claude-cli",
        known = MIGRATIONS.len()
    )]
    Newer(i64),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Refuses what a newer program wrote, and says whether migrations are due.
pub(crate) fn is_current(db: &Connection) -> Result<bool, MigrateError> {
    let found = version(db)?;
    if found > MIGRATIONS.len() as i64 {
        return Err(MigrateError::Newer(found));
    }
    Ok(found == MIGRATIONS.len() as i64)
}

/// Brings a ledger up to date. Several processes may try at once.
pub(crate) fn migrate(db: &mut Connection) -> Result<(), MigrateError> {
    if is_current(db)? {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Someone else may have been faster while we waited for the lock.
    let from = usize::try_from(version(&tx)?).unwrap_or(0);
    for step in MIGRATIONS.iter().skip(from) {
        tx.execute_batch(step)?;
    }
    if (1..BRANCHES_AND_SESSIONS).contains(&from) {
        super::verify::rebuild(&tx, &mut super::names::Names::default())?;
    } else if (1..LONGER_CELLS).contains(&from) {
        super::verify::rebuild_longer(&tx)?;
    }
    // What was kept of another ledger's answers is not this one's.
    super::generations::changed_beside_days(&tx)?;
    tx.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    tx.commit()?;
    Ok(())
}
