//! The price rules, each with figures worked out by hand.

use claude_cli::{
    Usage,
    pricing::{PriceTable, format_usd, normalize, parse_usd_nanos},
};
use proptest::prelude::*;

fn usage(input: u64, output: u64) -> Usage {
    let mut usage = Usage::default();
    usage.input_tokens = input;
    usage.output_tokens = output;
    usage
}

fn cost(model: &str, usage: &Usage) -> Option<i64> {
    PriceTable::embedded().cost(model, usage)
}

#[test]
fn each_kind_of_token_has_its_rate() {
    // claude-opus-4-8: 5 / 25 / 0.5 / 6.25 / 10 dollars per million.
    let mut all = usage(1_000_000, 100_000);
    assert_eq!(cost("claude-opus-4-8", &all), Some(7_500_000_000));
    all.cache_read_tokens = 1_000_000;
    all.cache_write_5m_tokens = 1_000_000;
    all.cache_write_1h_tokens = 1_000_000;
    assert_eq!(cost("claude-opus-4-8", &all), Some(7_500_000_000 + 500_000_000 + 6_250_000_000 + 10_000_000_000));
    // What the real program reported for this request: 0.0005 dollars.
    assert_eq!(cost("claude-opus-4-8", &usage(25, 15)), Some(500_000));
}

#[test]
fn a_tier_applies_to_every_token_of_a_request_above_its_threshold() {
    // claude-haiku-5-5: 0.1 / 0.5 up to 100,000 prompt tokens, 0.5 / 2.5 above.
    assert_eq!(cost("claude-haiku-5-5", &usage(100_000, 1000)), Some(10_000_000 + 500_000));
    assert_eq!(cost("claude-haiku-5-5", &usage(100_001, 1000)), Some(50_000_500 + 2_500_000));
    // Cache reads and writes count towards the threshold; output does not.
    let mut cached = usage(1, 0);
    cached.cache_read_tokens = 100_000;
    assert_eq!(cost("claude-haiku-5-5", &cached), Some(500 + 5_000_000));
    assert_eq!(cost("claude-haiku-5-5", &usage(1, 200_000)), Some(100 + 100_000_000));
    // 200,000 is a threshold, too.
    assert_eq!(cost("claude-sonnet-4-20250514", &usage(200_001, 0)), Some(1_200_006_000));
}

#[test]
fn speed_place_and_batch_have_their_factors() {
    let mut fast = usage(1000, 1000);
    fast.fast = true;
    assert_eq!(cost("claude-opus-5", &fast), Some(60_000_000), "twice 30 dollars per million");
    assert_eq!(cost("claude-opus-5-fast", &usage(1000, 1000)), Some(60_000_000));
    assert_eq!(cost("claude-opus-4-6", &fast), None, "a fast mode it does not have has no price");
    let mut us = usage(1000, 1000);
    us.us_inference = true;
    assert_eq!(cost("claude-opus-5", &us), Some(33_000_000));
    assert_eq!(cost("claude-haiku-4-5", &us), Some(6_000_000), "no factor is a factor of one");
    let mut batch = usage(1000, 1000);
    batch.batch = true;
    assert_eq!(cost("claude-opus-5", &batch), Some(15_000_000));
    batch.input_tokens = 300_000;
    assert_eq!(
        cost("claude-haiku-5-5", &batch),
        Some(300_000 * 250 + 1000 * 1250),
        "batch rates rise with the tier"
    );
}

#[test]
fn web_searches_cost_a_cent_each_whatever_the_factor() {
    let mut searched = usage(0, 0);
    searched.web_searches = 3;
    searched.us_inference = true;
    assert_eq!(cost("claude-opus-5", &searched), Some(30_000_000));
}

#[test]
fn half_a_nano_dollar_rounds_to_even() {
    // claude-haiku-5-5: cache reads at 0.01 dollars per million are 10 nano-dollars
    // a token; batch ones at 5. US inference makes that 5.5 and 16.5.
    let mut odd = Usage::default();
    odd.batch = true;
    odd.us_inference = true;
    odd.cache_read_tokens = 1;
    assert_eq!(cost("claude-haiku-5-5", &odd), Some(6), "5.5 is halfway, 6 is even");
    odd.cache_read_tokens = 3;
    assert_eq!(cost("claude-haiku-5-5", &odd), Some(16), "16.5 is halfway, 16 is even");
}

#[test]
fn unknown_models_have_no_price_and_no_match_is_fuzzy() {
    for model in ["gpt-9", "<synthetic>", "", "claude-opus-4-8-mini", "claude-opus", "my-claude-opus-4-8"] {
        assert_eq!(cost(model, &usage(1, 1)), None, "{model}");
    }
}

#[test]
fn every_spelling_of_a_model_is_one_model() {
    for name in [
        "claude-opus-4-8",
        " Claude-Opus-4-8 ",
        "claude-opus-4-8[1m]",
        "anthropic/claude-opus-4-8",
        "us.anthropic.claude-opus-4-8-v1:0",
        "global.anthropic.claude-opus-4-8-v1:0",
        "bedrock/eu.anthropic.claude-opus-4-8-v2:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-8-v1:0",
    ] {
        assert_eq!(normalize(name).name, "claude-opus-4-8", "{name}");
        assert_eq!(cost(name, &usage(25, 15)), Some(500_000), "{name}");
    }
    assert_eq!(normalize("claude-sonnet-4@20250514").name, "claude-sonnet-4-20250514");
    assert_eq!(cost("claude-sonnet-4@20250514", &usage(1, 0)), Some(3000));
    assert_eq!(cost("claude-opus-4-8-20261231", &usage(25, 15)), Some(500_000), "a date the table does not list");
    assert_eq!(cost("sonnet", &usage(1, 0)), cost("claude-sonnet-5-5", &usage(1, 0)));
}

#[test]
fn every_model_and_alias_of_the_table_is_priced() {
    let table = PriceTable::embedded();
    assert!(table.models().count() > 20);
    let mut all = usage(1, 1);
    all.cache_read_tokens = 1;
    all.cache_write_5m_tokens = 1;
    all.cache_write_1h_tokens = 1;
    all.web_searches = 1;
    for (model, _) in table.models() {
        assert!(table.cost(model, &all).is_some_and(|cost| cost > 0), "{model}");
        let mut batch = all.clone();
        batch.batch = true;
        assert!(table.cost(model, &batch) < table.cost(model, &all), "{model}");
    }
    for (alias, model) in table.aliases() {
        assert!(table.get(model).is_some(), "{alias}");
    }
}

#[test]
fn a_table_that_makes_no_sense_names_the_place() {
    for (json, place) in [
        (r#"{"as_of":"2027","models":{"m":{"input":"five"}}}"#, "model m: input"),
        (r#"{"as_of":"2027","models":{"m":{"input":-1}}}"#, "model m: input"),
        (r#"{"as_of":"2027","models":{"m":{"tiers":[{"input":1}]}}}"#, "above_tokens"),
        (r#"{"models":{}}"#, "as_of"),
    ] {
        let error = PriceTable::from_json(json).unwrap_err().to_string();
        assert!(error.contains(place), "{error}");
    }
}

#[test]
fn a_newer_table_in_the_config_folder_wins() {
    let folder = tempfile::tempdir().unwrap();
    let load = || PriceTable::load(folder.path());
    assert_eq!(load().unwrap().as_of(), PriceTable::embedded().as_of());
    let write = |text: &str| std::fs::write(folder.path().join("prices.json"), text).unwrap();
    write(r#"{"as_of":"2099-01","models":{"claude-next":{"input":1,"output":2}}}"#);
    assert_eq!(load().unwrap().cost("claude-next", &usage(1, 1)), Some(3000));
    write(r#"{"as_of":"2001-01","models":{}}"#);
    assert_eq!(load().unwrap().as_of(), PriceTable::embedded().as_of());
    write("{");
    assert!(load().unwrap_err().to_string().contains("prices.json"));
}

#[test]
fn dollars_are_read_and_written_exactly() {
    assert_eq!(parse_usd_nanos("0.0005"), Some(500_000));
    assert_eq!(parse_usd_nanos("1e-05"), Some(10_000));
    assert_eq!(parse_usd_nanos("2.5E+1"), Some(25_000_000_000));
    assert_eq!(parse_usd_nanos("0.0000000005"), Some(0), "half to even");
    assert_eq!(parse_usd_nanos("0.0000000015"), Some(2), "half to even");
    assert_eq!(parse_usd_nanos("1e-400"), Some(0));
    for nonsense in ["", ".", "1.2.3", "x", "1e", "0x1", "1e99"] {
        assert_eq!(parse_usd_nanos(nonsense), None, "{nonsense}");
    }
    assert_eq!(format_usd(500_000, 4, false), "0.0005");
    assert_eq!(format_usd(-1_500_000_000, 2, true), "-1.50");
    assert_eq!(format_usd(123, 2, true), "0.000000123");
}

proptest! {
    #[test]
    fn money_survives_a_round_trip(nanos in any::<i64>()) {
        prop_assert_eq!(parse_usd_nanos(&format_usd(nanos, 0, true)), Some(nanos));
    }

    /// Against an independent computation in whole femto-dollars.
    #[test]
    fn cost_is_the_exact_sum_rounded_once(
        input in 0..2_000_000_u64, output in 0..200_000_u64, read in 0..2_000_000_u64,
        short in 0..1_000_000_u64, long in 0..1_000_000_u64, us in any::<bool>(),
    ) {
        let mut u = usage(input, output);
        (u.cache_read_tokens, u.cache_write_5m_tokens, u.cache_write_1h_tokens) = (read, short, long);
        u.us_inference = us;
        // claude-opus-5-5 in pico-dollars a token, and the factor 1.1 as 11 / 10.
        let pico: u128 = [(input, 4_000_000_u128), (output, 20_000_000), (read, 200_000), (short, 5_000_000), (long, 8_000_000)]
            .iter().map(|(n, rate)| u128::from(*n) * rate).sum();
        let (num, den) = if us { (pico * 11, 10_000_u128) } else { (pico, 1000) };
        let (q, r) = (num / den, num % den);
        let rounded = q + u128::from(2 * r > den || (2 * r == den && q % 2 == 1));
        prop_assert_eq!(cost("claude-opus-5-5", &u), Some(i64::try_from(rounded).unwrap()));
    }

    #[test]
    fn normalising_never_panics_and_settles(name in "\\PC{0,40}") {
        let once = normalize(&name).name;
        let _ = normalize(&once);
    }
}
