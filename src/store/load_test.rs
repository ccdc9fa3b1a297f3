//! Load tests, as the ledger keeps them.

/// What came of a load test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLoadTest {
    /// Its id.
    pub id: String,
    /// UTC milliseconds.
    pub started_at: i64,
    /// A name that was given to it.
    pub name: Option<String>,
    /// The whole of it, as JSON.
    pub record: String,
}
