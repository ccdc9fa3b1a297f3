//! Ledgers of several machines, made up for the tests of what moves between them.

use claude_cli::store::{Batch, Ledger, SqliteLedger, Witness, WitnessKind};

use crate::harness::Home;

/// 2026-07-01, in UTC milliseconds.
pub(crate) const JULY: i64 = 1_782_864_000_000;
pub(crate) const HOUR: i64 = 3_600_000;

/// The n-th request of a machine: every fifth is on a model without a price,
/// every seventh failed.
pub(crate) fn request(host: &str, n: i64) -> Witness {
    let mut w = Witness::default();
    w.by = WitnessKind::Transcript;
    w.ts = JULY + n * HOUR;
    w.session = Some(format!("{host}-{}", n / 10).into());
    w.project = Some(format!("/home/{host}/a, \"b\"").into());
    w.branch = Some("main".into());
    w.host = Some(host.into());
    w.user = Some("tester".into());
    w.agent = Some(if n % 3 == 0 { "subagent" } else { "main" }.into());
    if n % 2 == 0 {
        w.tags = ["team=a".to_owned(), format!("host={host}")].into();
    }
    if n % 7 == 6 {
        w.uuid = Some(format!("{host}-line-{n}"));
        w.error = Some("overloaded_error".to_owned());
        return w;
    }
    w.message_id = Some(format!("msg_{host}_{n}"));
    w.request_id = Some(format!("req_{host}_{n}"));
    w.model = Some(if n % 5 == 4 { "brand-new-model" } else { "claude-haiku-4-5" }.into());
    w.usage.input_tokens = 1000 + n.unsigned_abs();
    w.usage.output_tokens = 10;
    w.usage.cache_read_tokens = 7;
    w.duration_ms = (n % 4 == 0).then_some(120);
    w
}

/// Appends witnesses to the ledger of a home.
pub(crate) fn record(home: &Home, witnesses: Vec<Witness>) {
    let mut ledger = SqliteLedger::open(&home.ledger_path()).unwrap();
    ledger.append(&Batch { witnesses, ..Batch::default() }).unwrap();
}

/// A home whose ledger holds so many requests of a machine.
pub(crate) fn machine(host: &str, requests: i64) -> Home {
    let home = Home::new();
    record(&home, (0..requests).map(|n| request(host, n)).collect());
    home
}
