//! One query an hour and metric, as the guide's "legacy" does it.

use std::path::Path;

use claude_cli::{
    analytics::{Bucket, Engine, Metric, TimeSeriesQuery},
    store::{LedgerReader, RowQuery, SqliteLedger, Sums},
};
use jiff::tz::TimeZone;

use super::timing::Timing;

const HOUR: i64 = 3_600_000;
/// Hours, the guide's queries, and its speed-up.
const GUIDE: [(i64, &str, &str); 3] =
    [(24, "96 → 4", "24×"), (168, "672 → 4", "168×"), (720, "2,880 → 4", "720×")];

pub(crate) fn run(path: &Path, rounds: usize) {
    let ledger = SqliteLedger::open_read_only(path).expect("the ledger opens").expect("a ledger");
    let engine = Engine::open(path).expect("the ledger opens");
    let until = crate::now().as_millisecond();
    println!("| range | guide's queries | guide's speed-up | a query an hour and metric | ours | times |");
    println!("|---|--:|--:|--:|--:|--:|");
    for (hours, queries, speedup) in GUIDE {
        let metrics = vec![Metric::Cost, Metric::Commands, Metric::SuccessRate, Metric::ResponseTime];
        let since = until - hours * HOUR;
        let naive = Timing::of(rounds.min(3), || {
            for metric in &metrics {
                for n in 0..hours {
                    let mut query = RowQuery::default();
                    query.since = Some(since + n * HOUR);
                    query.until = Some(since + (n + 1) * HOUR);
                    let mut sums = Sums::default();
                    ledger.requests(&query, &mut |row| sums.add(&row.sums())).expect("rows");
                    std::hint::black_box((metric, sums));
                }
            }
        });
        let ours = Timing::of(rounds, || {
            let query = TimeSeriesQuery::new((since, until), TimeZone::UTC, Bucket::HOUR, metrics.clone());
            std::hint::black_box(engine.timeseries(query).expect("series"));
        });
        println!(
            "| {hours} hours | {queries} | {speedup} | {:.1} ms | {:.3} ms | {:.0} |",
            naive.median,
            ours.median,
            naive.median / ours.median
        );
    }
}
