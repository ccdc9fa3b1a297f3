//! `analytics dashboard`: the same page in every form and at every width.

use claude_cli::store::{Batch, Budget, Ledger, Period, SqliteLedger, Witness};

use crate::{
    harness::{Home, done},
    pty::Terminal,
};

/// Twelve projects over three days, an error, a model without a price, and a
/// budget that is spent.
fn filled() -> Home {
    let home = Home::new();
    let mut batch = Batch::default();
    let first = "2026-08-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    for n in 0..60i64 {
        let mut w = Witness::default();
        w.message_id = Some(format!("m{n}"));
        w.ts = first + n * 3_600_000;
        w.model = Some(if n == 7 { "brand-new" } else { "claude-opus-4-8" }.into());
        w.project = Some(format!("/home/you/a/long/way/to/project-{}|x", n % 12).into());
        w.session = Some(format!("session-{}", n % 5).into());
        w.usage.output_tokens = 1000;
        w.duration_ms = Some(100 + n);
        w.error = (n == 9).then(|| "overloaded_error".into());
        batch.witnesses.push(w);
    }
    let mut ledger = SqliteLedger::open(&home.ledger_path()).unwrap();
    ledger.append(&batch).unwrap();
    let mut budget = Budget::default();
    (budget.name, budget.limit, budget.period) = ("team".to_owned(), 1_000, Period::Day);
    ledger.set_budget(&budget).unwrap();
    home
}

const RANGE: [&str; 6] = ["analytics", "dashboard", "--since", "2026-08-01", "--until", "2026-08-03"];

#[test]
fn it_fits_every_width_and_says_the_same() {
    let home = filled();
    for width in [60u16, 80, 120, 200] {
        let mut command = home.cli(RANGE);
        command.env("NO_COLOR", "1");
        let (code, shown) = Terminal::new(width).run(&mut command);
        assert_eq!(code, Some(0), "{shown}");
        assert!(!shown.contains('\x1b'), "{shown:?}");
        for line in shown.lines() {
            assert!(line.trim_end().chars().count() <= usize::from(width), "{width}: {line}");
        }
        for words in [
            "2026-08-01 00:00 – 2026-08-04 00:00 UTC",
            "Success rate",
            "98.3 %",
            "Over time",
            "Models",
            "brand-new",
            "Projects (8 of 12)",
            "project-3|x",
            "Costliest sessions",
            "Budgets",
            "team",
            "Recent errors",
            "overloaded_error",
        ] {
            assert!(shown.contains(words), "{width}: {words}\n{shown}");
        }
        let beside = shown.lines().any(|line| line.contains("Models") && line.contains("Projects"));
        assert_eq!(beside, width >= 100, "{shown}");
    }
    let (_, coloured) = Terminal::new(80).run(&mut home.cli(RANGE));
    assert!(coloured.contains("\x1b[0;"), "{coloured:?}");
}

#[test]
fn it_is_json_in_a_pipe_and_a_document_if_asked() {
    let home = filled();
    let json = home.json(RANGE);
    assert_eq!(json["schema"], "claude-cli/dashboard@1");
    assert_eq!((&json["totals"]["requests"], &json["totals"]["errors"]), (&60.into(), &1.into()));
    assert_eq!(json["projects"].as_array().unwrap().len(), 12, "JSON has all");
    let summary = home.json(["analytics", "summary", "--since", "2026-08-01", "--until", "2026-08-03"]);
    assert_eq!(json["totals"]["cost_usd"], summary["totals"]["cost_usd"]);
    let line = home.run(RANGE.into_iter().chain(["--format", "ndjson"])).out;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap()["totals"], json["totals"]);
    let markdown = home.run(RANGE.into_iter().chain(["--format", "markdown"])).out;
    assert!(markdown.starts_with("## 2026-08-01 00:00 – "), "{markdown}");
    assert!(markdown.contains("### Projects (8 of 12)") && markdown.contains(r"project-3\|x"), "{markdown}");
    let csv = home.run(RANGE.into_iter().chain(["--format", "csv"]));
    assert!(csv.code == Some(2) && csv.err.contains("more than one table"), "{csv:?}");
}

#[test]
fn nothing_is_said_to_be_nothing() {
    let home = Home::new();
    let shown = done(home.cli(["analytics", "dashboard", "--format", "table"]).env("COLUMNS", "80"));
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.err.contains("no requests in this range"), "{shown:?}");
    assert!(shown.out.contains("Requests") && !shown.out.contains("Models"), "{shown:?}");
}
