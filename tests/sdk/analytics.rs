//! What the analytics say against a plain sum over the rows.

use std::collections::BTreeMap;

use claude_cli::{
    Usage,
    analytics::{
        Bucket, GroupBy, Metric, SummaryQuery, TimeRange, TimeSeriesQuery, dollars, parse_zone, summary,
        timeseries,
    },
    store::{
        Batch, CostMode, Filter, Ledger, LedgerReader, RequestRow, RowQuery, Simulated, SqliteLedger, Sums,
        Witness, WitnessKind,
    },
};
use jiff::{Timestamp, civil::Weekday, tz::TimeZone};
use proptest::prelude::*;

/// Zones at whole hours, half hours and quarters, with and without clock
/// changes, one of them at midnight and one that moved by half an hour.
pub(crate) const ZONES: [&str; 9] = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Havana",
    "Pacific/Chatham",
    "-03:30",
];
const MODES: [CostMode; 3] = [CostMode::Auto, CostMode::Calculate, CostMode::Display];
const QUARTER: i64 = 15 * 60_000;

/// Around the clock changes of 2026: spring in the north, autumn in the south,
/// and the turn of a year.
pub(crate) fn moment() -> impl Strategy<Value = i64> {
    let around = prop::sample::select(vec![
        1_772_928_000_000_i64, // 8 March: New York, Havana
        1_774_746_000_000,     // 29 March: Berlin
        1_775_314_800_000,     // 4 April: Lord Howe, Chatham
        1_798_761_600_000,     // 1 January 2027
    ]);
    (around, -60 * 3600_i64..60 * 3600, prop_oneof![Just(0_i64), 0..1000_i64]).prop_map(|(at, seconds, millis)| {
        // Often on the edge of a quarter-hour, where mistakes would be.
        if seconds % 3 == 0 {
            (at + seconds * 1000) / QUARTER * QUARTER + millis % 2
        } else {
            at + seconds * 1000 + millis
        }
    })
}

pub(crate) fn witness() -> impl Strategy<Value = Witness> {
    let names = (0..3_usize, 0..3_usize, 0..3_usize, prop::collection::btree_set(0..3_u8, 0..3), 0..24_u8);
    let numbers =
        (0..5000_u64, 0..500_u64, 0..9000_u64, prop::option::of(1..90_000_i64), prop::option::of(0..9_i64));
    (moment(), names, numbers).prop_map(
        |(ts, (model, project, session, tags, odds), (i, o, r, duration, cost))| {
            let mut w = Witness::default();
            w.ts = ts;
            w.model = Some(["claude-opus-4-8", "claude-haiku-4-5", "a-model-without-a-price"][model].into());
            w.project = Some(["/a", "/b", ""][project]).filter(|p| !p.is_empty()).map(Into::into);
            w.session = (session < 2).then(|| format!("s{session}").into());
            w.branch = (odds % 3 > 0).then(|| ["main", "topic"][session % 2].into());
            w.user = (odds % 2 > 0).then(|| "me".into());
            w.host = Some(["here", "there"][project % 2].into());
            w.by = if odds % 4 == 3 { WitnessKind::Transcript } else { WitnessKind::Run };
            w.tags = tags.into_iter().map(|n| format!("team={n}")).collect();
            w.usage = Usage::default();
            w.usage.input_tokens = i;
            w.usage.output_tokens = o;
            w.usage.cache_read_tokens = r;
            w.duration_ms = duration;
            w.cost = cost.map(|c| c * 1_000_003);
            w.error = (odds % 12 == 0).then(|| "overloaded_error".to_owned());
            w.simulated = odds % 12 == 1;
            w
        },
    )
}

pub(crate) struct Full {
    _folder: tempfile::TempDir,
    pub(crate) ledger: SqliteLedger,
    pub(crate) rows: Vec<RequestRow>,
}

pub(crate) fn full(witnesses: Vec<Witness>) -> Full {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
    let witnesses = witnesses.into_iter().enumerate().map(|(n, mut w)| {
        w.message_id = Some(format!("msg_{n}"));
        w.request_id = Some(format!("req_{n}"));
        w
    });
    ledger.append(&Batch { witnesses: witnesses.collect(), ..Batch::default() }).unwrap();
    let mut rows = Vec::new();
    let mut query = RowQuery::default();
    query.simulated = Simulated::Include;
    ledger.requests(&query, &mut |row| rows.push(row)).unwrap();
    Full { _folder: folder, ledger, rows }
}

fn name(by: GroupBy, row: &RequestRow, tz: &TimeZone) -> Vec<String> {
    let at = Timestamp::from_millisecond(row.ts).unwrap().to_zoned_datetime(tz.clone());
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    match by {
        GroupBy::Day => vec![at.strftime("%Y-%m-%d").to_string()],
        GroupBy::Month => vec![at.strftime("%Y-%m").to_string()],
        GroupBy::Week => {
            let mut day = at.date();
            while day.weekday() != Weekday::Monday {
                day = day.yesterday().unwrap();
            }
            vec![day.to_string()]
        }
        GroupBy::Hour => vec![at.strftime("%Y-%m-%dT%H:00%:z").to_string()],
        GroupBy::Model => vec![text(&row.model)],
        GroupBy::Project => vec![text(&row.project)],
        GroupBy::Session => vec![text(&row.session)],
        GroupBy::Source => vec![row.source.clone()],
        GroupBy::Tag => row.tags.clone(),
        GroupBy::Branch => vec![text(&row.branch)],
        GroupBy::Agent => vec![text(&row.agent)],
        GroupBy::User => vec![text(&row.user)],
        GroupBy::Host => vec![text(&row.host)],
        _ => unreachable!(),
    }
}

/// Nothing, one value or two; some known, some unknown, one that never was.
pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    let one = prop::sample::select(vec![
        ("model", "claude-opus-4-8"),
        ("model", "a-model-without-a-price"),
        ("project", "/a"),
        ("project", ""),
        ("branch", "main"),
        ("branch", "never"),
        ("session", "s0"),
        ("session", ""),
        ("agent", ""),
        ("user", "me"),
        ("host", "there"),
        ("tag", "team=1"),
    ]);
    prop::collection::vec(one, 0..3).prop_map(|chosen| {
        let mut filter = Filter::default();
        for (name, value) in chosen {
            let field = match name {
                "model" => &mut filter.model,
                "project" => &mut filter.project,
                "branch" => &mut filter.branch,
                "session" => &mut filter.session,
                "agent" => &mut filter.agent,
                "user" => &mut filter.user,
                "host" => &mut filter.host,
                _ => &mut filter.tag,
            };
            *field = Some(value.to_owned());
        }
        filter
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_summary_is_the_sum_of_its_rows(
        witnesses in prop::collection::vec(witness(), 0..60),
        zone in prop::sample::select(ZONES.to_vec()),
        since in prop::option::of(moment()),
        until in prop::option::of(moment()),
        include in any::<bool>(),
        filter in filter(),
    ) {
        let Full { ledger, rows, .. } = full(witnesses);
        let tz = parse_zone(zone).unwrap();
        let range = TimeRange { since, until, tz: tz.clone() };
        let simulated = if include { Simulated::Include } else { Simulated::Exclude };
        let counted: Vec<&RequestRow> = rows
            .iter()
            .filter(|row| range.contains(row.ts) && (include || !row.simulated) && filter.accepts(row))
            .collect();
        // Blocks have a test of their own.
        for by in GroupBy::ALL.map(|(by, _)| by).into_iter().filter(|by| *by != GroupBy::Block) {
            let mut totals = Sums::default();
            let mut groups: BTreeMap<String, Sums> = BTreeMap::new();
            for row in &counted {
                totals.add(&row.sums());
                for key in name(by, row, &tz) {
                    groups.entry(key).or_default().add(&row.sums());
                }
            }
            // Half-hour zones: an hour that starts at a half hour has the name of its local hour, and where
            // clocks move by half an hour two pieces of an hour share it: compared by name.
            let query = SummaryQuery {
                simulated, filter: filter.clone(), ..SummaryQuery::new(range.clone(), by)
            };
            let answer = summary(&ledger, query).unwrap();
            prop_assert_eq!(&answer.totals, &totals, "totals by {:?} in {}", by, zone);
            let mut said: BTreeMap<String, Sums> = BTreeMap::new();
            for group in &answer.groups {
                said.entry(group.key.clone()).or_default().add(&group.sums);
            }
            prop_assert_eq!(said, groups, "by {:?} in {}", by, zone);
        }
        for mode in MODES {
            let query = SummaryQuery {
                cost: mode, simulated, filter: filter.clone(), ..SummaryQuery::new(range.clone(), GroupBy::Day)
            };
            let answer = summary(&ledger, query).unwrap();
            let known: i64 = counted.iter().filter_map(|row| row.cost(mode)).sum();
            prop_assert_eq!(answer.totals.cost.get(mode), known);
            let unknown: std::collections::BTreeSet<String> = counted
                .iter()
                .filter(|row| row.cost(mode).is_none() && row.sums().total_tokens() > 0)
                .map(|row| row.model.clone().unwrap_or_default())
                .collect();
            prop_assert_eq!(answer.unpriced_models, unknown.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_time_series_is_the_sum_of_its_rows(
        witnesses in prop::collection::vec(witness(), 0..60),
        zone in prop::sample::select(ZONES.to_vec()),
        edges in (moment(), moment()),
        bucket in prop::sample::select(vec!["15m", "45m", "1h", "5h", "6h", "1d", "2d", "1w", "3w"]),
        filter in filter(),
    ) {
        let Full { ledger, rows, .. } = full(witnesses);
        let (since, until) = (edges.0.min(edges.1), edges.0.max(edges.1) + 1);
        let metrics: Vec<Metric> = Metric::ALL.iter().map(|m| m.0).collect();
        let bucket = bucket.parse::<Bucket>().unwrap();
        let mut query = TimeSeriesQuery::new((since, until), parse_zone(zone).unwrap(), bucket, metrics);
        query.filter = filter.clone();
        // A year in quarter-hours is more than anyone asks for here.
        prop_assume!((until - since) / query.bucket.millis() < 40_000);
        let answer = timeseries(&ledger, query).unwrap();
        let starts: Vec<i64> = answer.series[0].points.iter().map(|p| p.0).collect();
        prop_assert!(starts.windows(2).all(|w| w[0] < w[1]));
        prop_assert!(starts[0] <= since && *starts.last().unwrap() < until);
        for (i, &start) in starts.iter().enumerate() {
            let end = starts.get(i + 1).copied().unwrap_or(i64::MAX);
            let mut sums = Sums::default();
            for row in rows.iter().filter(|row| !row.simulated && filter.accepts(row)) {
                if (start.max(since)..end.min(until)).contains(&row.ts) {
                    sums.add(&row.sums());
                }
            }
            let expected = [
                dollars(&sums, CostMode::Auto),
                Some(sums.requests as f64),
                sums.success_rate(),
                sums.durations.quantile(0.5),
                Some(sums.total_tokens() as f64),
                Some(sums.errors as f64),
                sums.durations.quantile(0.95),
                sums.durations.quantile(0.99),
            ];
            let said: Vec<Option<f64>> = answer.series.iter().map(|series| series.points[i].1).collect();
            prop_assert_eq!(said, expected, "bucket {} of {} in {}", i, bucket, zone);
        }
    }

    /// Of sorted durations, the quantile that a histogram tells is at most 3% off.
    #[test]
    fn quantiles_are_close(mut values in prop::collection::vec(0..100_000_000_u64, 1..200), q in 0.0..=1.0_f64) {
        let mut histogram = claude_cli::store::Histogram::default();
        for &value in &values {
            histogram.record(value);
        }
        values.sort_unstable();
        let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
        let exact = values[rank - 1] as f64;
        let told = histogram.quantile(q).unwrap();
        prop_assert!((told - exact).abs() <= exact * 0.03 + 0.5, "{told} for {exact}");
    }
}

fn range(since: Option<&str>, until: Option<&str>, zone: &str) -> (Option<i64>, Option<i64>) {
    let now: Timestamp = "2026-08-15T13:20:00Z".parse().unwrap();
    let range = TimeRange::parse(since, until, now, parse_zone(zone).unwrap()).unwrap();
    (range.since, range.until)
}

fn at(text: &str) -> Option<i64> {
    Some(text.parse::<Timestamp>().unwrap().as_millisecond())
}

#[test]
fn ranges_are_read_as_people_write_them() {
    assert_eq!(range(None, None, "UTC"), (None, None));
    let august = range(Some("2026-08-01"), Some("2026-08-31"), "Europe/Berlin");
    assert_eq!(august, (at("2026-07-31T22:00:00Z"), at("2026-08-31T22:00:00Z")), "the last day counts whole");
    assert_eq!(range(Some("7d"), None, "UTC").0, at("2026-08-08T13:20:00Z"));
    assert_eq!(range(Some("90m"), Some("now"), "UTC").0, at("2026-08-15T11:50:00Z"));
    assert_eq!(range(Some("today"), None, "Asia/Kathmandu").0, at("2026-08-14T18:15:00Z"));
    assert_eq!(
        range(Some("yesterday"), Some("yesterday"), "UTC"),
        (at("2026-08-14T00:00:00Z"), at("2026-08-15T00:00:00Z"))
    );
    assert_eq!(range(Some("2026-08-01T10:00"), None, "America/New_York").0, at("2026-08-01T14:00:00Z"));
    assert_eq!(range(Some("2026-08-01T10:00:00Z"), None, "America/New_York").0, at("2026-08-01T10:00:00Z"));
}

#[test]
fn nonsense_is_refused_with_a_way_out() {
    let now: Timestamp = "2026-08-15T13:20:00Z".parse().unwrap();
    for (since, until, says) in [
        (Some("2026-13-01"), None, "`2026-13-01` is no time"),
        (Some("soon"), None, "use a date"),
        (Some(""), None, "is no time"),
        (Some("7y"), None, "is no time"),
        (Some("2026-08-02"), Some("2026-08-01"), "--since is not before --until"),
        (Some("99999999999w"), None, "is no time"),
    ] {
        let error = TimeRange::parse(since, until, now, TimeZone::UTC).unwrap_err();
        assert!(error.to_string().contains(says), "{since:?}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
    assert!(parse_zone("Mars/Olympus").unwrap_err().to_string().contains("Europe/Berlin"));
    for bucket in ["10m", "0h", "0d", "36h", "367d", "1.5h", "", "h", "99999999999999d", "€"] {
        assert!(bucket.parse::<Bucket>().is_err(), "{bucket}");
    }
    for bucket in ["15m", "90m", "1h", "1d", "2d", "1w", "366d"] {
        assert!(bucket.parse::<Bucket>().is_ok(), "{bucket}");
    }
}

#[test]
fn days_that_go_together_are_counted_from_a_monday() {
    let Full { ledger, .. } = full(Vec::new());
    let tz = parse_zone("Europe/Berlin").unwrap();
    let starts = |since: &str, bucket: &str| {
        let range = (at(since).unwrap(), at("2026-04-06T00:00:00Z").unwrap());
        let query = TimeSeriesQuery::new(range, tz.clone(), bucket.parse().unwrap(), vec![Metric::Cost]);
        let points = timeseries(&ledger, query).unwrap().series.remove(0).points;
        points
            .into_iter()
            .map(|(start, _)| Timestamp::from_millisecond(start).unwrap().to_string())
            .collect::<Vec<_>>()
    };
    // The clocks change on 29 March, and the grid does not depend on where one looks first.
    let weeks = ["2026-03-15T23:00:00Z", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"];
    assert_eq!(starts("2026-03-18T12:00:00Z", "1w"), [&weeks[..], &["2026-04-05T22:00:00Z"]].concat());
    assert_eq!(starts("2026-03-18T12:00:00Z", "7d"), starts("2026-03-18T12:00:00Z", "1w"));
    let pairs = starts("2026-03-25T12:00:00Z", "2d");
    assert_eq!(
        pairs[..4],
        ["2026-03-23T23:00:00Z", "2026-03-25T23:00:00Z", "2026-03-27T23:00:00Z", "2026-03-29T22:00:00Z"]
    );
    assert_eq!(starts("2026-03-27T12:00:00Z", "2d"), pairs[1..]);
}
