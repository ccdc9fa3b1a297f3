//! 5-hour blocks against a plain walk over all rows.

use std::collections::BTreeMap;

use claude_cli::{
    analytics::{BLOCK_MILLIS, BlocksQuery, GroupBy, SummaryQuery, TimeRange, blocks, parse_zone, summary},
    store::{CostMode, Filter, RequestRow, Simulated, Sums, Witness},
};
use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;

use crate::analytics::{ZONES, filter, full, moment, witness};

const HOUR: i64 = 3_600_000;

/// The rule as it is written: a block starts at the UTC hour of its first
/// request; a new one when 5 h or more have passed since its start, or more
/// than 5 h since the last request.
fn walked(rows: &[&RequestRow]) -> Vec<(i64, i64, i64, Sums)> {
    let mut blocks: Vec<(i64, i64, i64, Sums)> = Vec::new();
    for row in rows {
        match blocks.last_mut() {
            Some((start, _, last, sums)) if row.ts - *start < 5 * HOUR && row.ts - *last <= 5 * HOUR => {
                *last = row.ts;
                sums.add(&row.sums());
            }
            _ => blocks.push((row.ts - row.ts.rem_euclid(HOUR), row.ts, row.ts, row.sums())),
        }
    }
    blocks
}

/// Requests with steps between them that end and do not end blocks: long busy
/// times without a break, and breaks of about 5 hours.
fn busy() -> impl Strategy<Value = Vec<Witness>> {
    let step = prop_oneof![
        6 => 0..3 * HOUR,
        2 => 5 * HOUR - 2..5 * HOUR + 2,
        1 => Just(5 * HOUR),
        1 => 4 * HOUR..40 * HOUR,
        1 => (0..6_i64).prop_map(|n| n * HOUR),
    ];
    (moment(), prop::collection::vec((witness(), step), 0..120)).prop_map(|(start, steps)| {
        let mut ts = start;
        steps
            .into_iter()
            .map(|(mut witness, step)| {
                ts += step;
                witness.ts = ts;
                witness
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn blocks_are_those_of_a_plain_walk(
        witnesses in busy(),
        filter in filter(),
        cut in (prop::option::of(0.0..1.0_f64), prop::option::of(0.0..1.0_f64)),
        zone in prop::sample::select(ZONES.to_vec()),
    ) {
        let full = full(witnesses);
        let rows: Vec<&RequestRow> =
            full.rows.iter().filter(|row| !row.simulated && filter.accepts(row)).collect();
        let walked = walked(&rows);
        let (begin, end) = match (rows.first(), rows.last()) {
            (Some(first), Some(last)) => (first.ts - HOUR, last.ts + 7 * HOUR),
            _ => (0, 1),
        };
        let at = |share: f64| begin + ((end - begin) as f64 * share) as i64;
        let (since, until) = (cut.0.map(at), cut.1.map(at));
        let range = TimeRange { since, until, tz: parse_zone(zone).unwrap() };
        let query =
            BlocksQuery { range: range.clone(), filter: filter.clone(), simulated: Simulated::Exclude };
        let told: Vec<(i64, i64, i64, Sums)> = blocks(&full.ledger, &query)
            .unwrap()
            .into_iter()
            .map(|block| (block.start, block.first, block.last, block.sums))
            .collect();
        let expected: Vec<(i64, i64, i64, Sums)> = walked
            .iter()
            .filter(|block| since.is_none_or(|since| block.0 + BLOCK_MILLIS > since))
            .filter(|block| until.is_none_or(|until| block.0 < until))
            .cloned()
            .collect();
        prop_assert_eq!(told, expected);

        // A summary by block counts only what is in its range.
        let query = SummaryQuery { filter, ..SummaryQuery::new(range.clone(), GroupBy::Block) };
        let answer = summary(&full.ledger, query).unwrap();
        let mut groups: BTreeMap<String, Sums> = BTreeMap::new();
        for row in rows.iter().filter(|row| range.contains(row.ts)) {
            let block = walked.iter().rfind(|block| block.0 <= row.ts).unwrap();
            let at = Timestamp::from_millisecond(block.0).unwrap().to_zoned_datetime(range.tz.clone());
            groups.entry(at.strftime("%Y-%m-%dT%H:%M%:z").to_string()).or_default().add(&row.sums());
        }
        let said: BTreeMap<String, Sums> =
            answer.groups.iter().map(|group| (group.key.clone(), group.sums.clone())).collect();
        prop_assert_eq!(said, groups);
    }
}

fn request(ts: i64, tokens: u64) -> Witness {
    let mut witness = Witness::default();
    witness.ts = ts;
    witness.model = Some("claude-opus-4-8".into());
    witness.usage.output_tokens = tokens;
    witness
}

#[test]
fn an_active_block_burns_and_is_projected_to_its_end() {
    let start = 1_785_000_000_000 / HOUR * HOUR;
    let first = start + HOUR / 2;
    let full = full(vec![request(first, 60_000), request(first + HOUR, 60_000)]);
    let query = BlocksQuery {
        range: TimeRange::all(TimeZone::UTC),
        filter: Filter::default(),
        simulated: Simulated::Exclude,
    };
    let found = blocks(&full.ledger, &query).unwrap();
    let [block] = found.as_slice() else { panic!("{found:?}") };
    let now = start + 2 * HOUR;
    assert!(block.is_active(now));
    assert!(!block.is_active(start + 5 * HOUR), "its end has come");
    assert!(!block.is_active(start - 1), "it has not begun");
    let rate = block.burn_rate(CostMode::Auto).unwrap();
    assert_eq!(rate.tokens_per_minute, 2000.0);
    let spent = block.sums.cost.auto as f64 / 1e9;
    assert!((rate.usd_per_hour.unwrap() - spent).abs() < 1e-9);
    assert_eq!(block.remaining(now), 3 * HOUR);
    let projection = block.projection(CostMode::Auto, now).unwrap();
    assert_eq!(projection.total_tokens, 120_000 + 3 * 60 * 2000);
    assert!((projection.cost_usd.unwrap() - 4.0 * spent).abs() < 1e-9);
}

#[test]
fn a_single_request_has_no_rate() {
    let full = full(vec![request(1_785_000_000_000, 5)]);
    let query = BlocksQuery {
        range: TimeRange::all(TimeZone::UTC),
        filter: Filter::default(),
        simulated: Simulated::Exclude,
    };
    let block = &blocks(&full.ledger, &query).unwrap()[0];
    assert_eq!(block.burn_rate(CostMode::Auto), None);
    assert_eq!(block.projection(CostMode::Auto, block.start + 1), None);
}
