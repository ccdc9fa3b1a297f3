//! The suite for ledgers, on the one there is and on others made of it.

use std::cell::Cell;

use claude_cli::{
    Result,
    store::{
        Alert, Budget, Entry, FoundText, Ledger, LedgerReader, RequestRow, RollupQuery, RollupRow, RowQuery, Run,
        RunQuery, SessionQuery, SessionRow, Source, Span, SqliteLedger, SumsQuery, SumsRow,
        conformance::{self, Pair},
        sums_of_rows,
    },
};

fn check<R: LedgerReader + 'static>(reader: impl Fn(SqliteLedger) -> R) -> Result<Vec<&'static str>> {
    let folder = tempfile::tempdir().unwrap();
    let n = Cell::new(0);
    conformance::check(&mut || {
        n.set(n.get() + 1);
        let path = folder.path().join(format!("{}.db", n.get()));
        let writer: Box<dyn Ledger> = Box::new(SqliteLedger::open(&path)?);
        Ok(Pair { writer, reader: Box::new(reader(SqliteLedger::open(&path)?)) })
    })
}

#[test]
fn the_sqlite_ledger_conforms() {
    assert_eq!(check(|ledger| ledger).unwrap().len(), 14);
}

/// Reads another ledger, with a fault.
struct Plain(SqliteLedger, Fault);

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    SumsOfRows,
    LatestErrorMissing,
    LastCellMissing,
}

impl LedgerReader for Plain {
    fn sums(&self, queries: &[SumsQuery]) -> Result<Vec<Vec<SumsRow>>> {
        match self.1 {
            Fault::SumsOfRows => queries.iter().map(|query| sums_of_rows(self, query)).collect(),
            _ => self.0.sums(queries),
        }
    }
    fn generation_of(&self, since: Option<i64>, until: Option<i64>) -> Result<i64> {
        self.0.generation_of(since, until)
    }
    fn rollups(&self, query: &RollupQuery) -> Result<Vec<RollupRow>> {
        let mut cells = self.0.rollups(query)?;
        if self.1 == Fault::LastCellMissing {
            cells.pop();
        }
        Ok(cells)
    }
    fn spans(&self, query: &RollupQuery) -> Result<Vec<Span>> {
        self.0.spans(query)
    }
    fn requests(&self, query: &RowQuery, each: &mut dyn FnMut(RequestRow)) -> Result<()> {
        self.0.requests(query, each)
    }
    fn recent_errors(&self, query: &RowQuery, limit: u32) -> Result<Vec<RequestRow>> {
        let mut found = self.0.recent_errors(query, limit)?;
        if self.1 == Fault::LatestErrorMissing && !found.is_empty() {
            found.remove(0);
        }
        Ok(found)
    }
    fn runs(&self, query: &RunQuery) -> Result<Vec<Run>> {
        self.0.runs(query)
    }
    fn sessions(&self, query: &SessionQuery) -> Result<Vec<SessionRow>> {
        self.0.sessions(query)
    }
    fn export(&self, query: &RowQuery, each: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()> {
        self.0.export(query, each)
    }
    fn pruned_before(&self) -> Result<Option<i64>> {
        self.0.pruned_before()
    }
    fn sources(&self) -> Result<Vec<Source>> {
        self.0.sources()
    }
    fn search(&self, words: &str, limit: u32) -> Result<Vec<FoundText>> {
        self.0.search(words, limit)
    }
    fn budgets(&self) -> Result<Vec<Budget>> {
        self.0.budgets()
    }
    fn alerts(&self, limit: Option<u32>) -> Result<Vec<Alert>> {
        self.0.alerts(limit)
    }
}

#[test]
fn what_does_not_conform_is_told() {
    let failure = |fault| check(move |ledger| Plain(ledger, fault)).unwrap_err().to_string();
    let plain = failure(Fault::SumsOfRows);
    assert!(plain.contains("what is pruned stays counted"), "rows that are gone cannot be added up: {plain}");
    let missing = failure(Fault::LatestErrorMissing);
    assert!(missing.contains("errors are told newest first"), "{missing}");
    let fewer = failure(Fault::LastCellMissing);
    assert!(fewer.contains("cells are those of the rows"), "{fewer}");
}
