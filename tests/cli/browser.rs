//! The page of `serve` in a real browser.
//!
//! `CLAUDE_CLI_TEST_BROWSER` names the folder of the packages that drive it, as
//! `.ci/install-browser` prints it. Without it this test says so and passes,
//! unless `CLAUDE_CLI_REQUIRE_PEERS=1` asks for it.

use std::{env, path::Path, process::Command};

use claude_cli::store::{Batch, Budget, Ledger, Period, SqliteLedger, Witness, WitnessKind};

use crate::harness::{BINARY, Home, done};

const MINUTE: i64 = 60_000;
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");
const OUT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/browser");
const MODELS: [&str; 4] = ["claude-opus-4-8", "claude-sonnet-4-5", "claude-haiku-4-5", "brand-new"];
const PROJECTS: [&str; 6] = ["checkout", "search", "mobile-app", "data-platform", "infrastructure", "docs"];

/// Thirty days of a team of eight on three machines, busy in office hours, with
/// failures, an unpriced model, and budgets in every state.
fn fill(path: &Path) {
    let mut ledger = SqliteLedger::open(path).unwrap();
    let now = jiff::Timestamp::now().as_millisecond();
    let mut random = fastrand::Rng::with_seed(7);
    let mut batch = Batch::default();
    let mut at = now - 30 * 24 * 60 * MINUTE;
    let mut n = 0;
    while at < now {
        let hour = at.div_euclid(60 * MINUTE).rem_euclid(24);
        let pace = if (7..18).contains(&hour) { 8 } else { 70 };
        let person = random.i64(0..8);
        let model = [0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 3][random.usize(0..if n % 9 == 0 { 11 } else { 10 })];
        let mut w = Witness::default();
        w.by = WitnessKind::Telemetry;
        w.ts = at;
        w.request_id = Some(format!("req_{n:016}"));
        w.message_id = Some(format!("msg_{n:016}"));
        w.session = Some(
            format!("{:08x}-0000-4000-8000-{person:012}", at / (180 * MINUTE) * 2_654_435_761 % (1 << 32)).into(),
        );
        w.model = Some(MODELS[model].into());
        w.project = Some(format!("/home/dev/{}", PROJECTS[(person as usize + random.usize(0..2)) % 6]).into());
        w.branch = Some(["main", "feature/cart", "fix/flaky-test"][random.usize(0..3)].into());
        w.user = Some(format!("dev{}@team.example", person + 1).into());
        w.host = Some(["laptop", "runner-1", "runner-2"][random.usize(0..3)].into());
        w.usage.input_tokens = random.u64(50..4_000);
        w.usage.cache_read_tokens = random.u64(5_000..90_000);
        w.usage.output_tokens = random.u64(100..3_500);
        w.duration_ms = Some((1_200.0 * random.f64().mul_add(2.2, 0.2).exp()) as i64);
        if random.u8(0..60) == 0 {
            w.error = Some("overloaded_error".to_owned());
            w.usage = claude_cli::Usage::default();
        }
        batch.witnesses.push(w);
        at += random.i64(1..pace * MINUTE);
        n += 1;
    }
    ledger.append(&batch).unwrap();
    for (name, dollars, period) in
        [("team", 40, Period::Month), ("team-week", 400, Period::Week), ("daily", 1, Period::Day)]
    {
        let mut budget = Budget::default();
        (budget.name, budget.limit, budget.period) = (name.to_owned(), dollars * 1_000_000_000, period);
        budget.warn_percent = 80;
        ledger.set_budget(&budget).unwrap();
    }
}

fn node(home: &Home, script: &str) -> Command {
    let mut command = home.isolated("node");
    command.arg(format!("{SCRIPTS}/{script}")).env("PATH", env::var_os("PATH").unwrap());
    command
}

/// A script that drives a browser; none, and a word on stderr, where there is no
/// browser.
pub(crate) fn script(home: &Home, name: &str) -> Option<Command> {
    let Some(modules) = env::var_os("CLAUDE_CLI_TEST_BROWSER").filter(|path| !path.is_empty()) else {
        assert!(
            env::var_os("CLAUDE_CLI_REQUIRE_PEERS").is_none(),
            "CLAUDE_CLI_REQUIRE_PEERS is set, and CLAUDE_CLI_TEST_BROWSER names no folder"
        );
        eprintln!("SKIPPED: set CLAUDE_CLI_TEST_BROWSER to what .ci/install-browser prints to run this test");
        return None;
    };
    let mut command = node(home, name);
    let chromium = env::var_os("CHROMIUM").unwrap_or_else(|| "/usr/bin/chromium".into());
    command.env("BINARY", BINARY).env("MODULES", modules).env("CHROMIUM", chromium).env("OUT", OUT);
    Some(command)
}

#[test]
fn the_page_in_a_real_browser() {
    let home = Home::new();
    let Some(mut page) = script(&home, "page.mjs") else { return };
    let applied = done(&mut node(&home, "patch.mjs"));
    assert_eq!(applied.code, Some(0), "{}{}", applied.out, applied.err);
    fill(&home.ledger_path());
    // To be looked at by hand: `claude-cli serve --db target/tmp/browser/ledger.db`.
    std::fs::create_dir_all(OUT).unwrap();
    std::fs::copy(home.ledger_path(), format!("{OUT}/ledger.db")).unwrap();
    let shown = done(&mut page);
    eprint!("{}{}", applied.out, shown.out);
    assert_eq!(shown.code, Some(0), "{}{}", shown.out, shown.err);
}
