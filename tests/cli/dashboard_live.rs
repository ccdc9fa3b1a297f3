//! `analytics dashboard --live`: a terminal that follows the ledger.

use std::path::Path;

use claude_cli::store::{Batch, Budget, Ledger, Period, SqliteLedger, Witness};
use rustix::{process::Signal, termios::tcgetattr};

use crate::{
    harness::{Home, done},
    pty::Terminal,
};

const LIVE: [&str; 4] = ["analytics", "dashboard", "--live", "--no-import"];
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

fn commit(path: &Path, project: &str, millidollars: i64) {
    let mut w = Witness::default();
    w.message_id = Some(format!("msg_{project}"));
    w.ts = jiff::Timestamp::now().as_millisecond();
    w.model = Some("claude-opus-4-8".into());
    w.project = Some(project.into());
    w.usage.output_tokens = 1_000;
    w.cost = Some(millidollars * 1_000_000);
    let mut batch = Batch::default();
    batch.witnesses.push(w);
    SqliteLedger::open(path).unwrap().append(&batch).unwrap();
}

/// What is on the screen after all that was written to it: only cells that
/// changed are, each after the cursor was put there.
fn plain(shown: &str) -> String {
    let mut screen = vec![vec![' '; 200]; 60];
    let (mut x, mut y) = (0, 0);
    let mut rest = shown.chars();
    while let Some(c) = rest.next() {
        if c != '\x1b' {
            if let Some(cell) = screen.get_mut(y).and_then(|row| row.get_mut(x)) {
                *cell = c;
            }
            x += 1;
            continue;
        }
        let mut sequence = String::new();
        for c in rest.by_ref() {
            sequence.push(c);
            if c.is_ascii_alphabetic() {
                break;
            }
        }
        if let Some(place) = sequence.strip_prefix('[').and_then(|text| text.strip_suffix('H'))
            && let Some((row, column)) = place.split_once(';')
        {
            (y, x) = (row.parse::<usize>().unwrap() - 1, column.parse::<usize>().unwrap() - 1);
        }
    }
    screen.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned() + "\n").collect()
}

fn waits_for(terminal: &Terminal, text: &str) {
    crate::harness::wait_until(text, || plain(&terminal.shown()).contains(text));
}

#[test]
fn it_shows_what_another_process_commits_and_an_alert() {
    let home = Home::new();
    let path = home.ledger_path();
    commit(&path, "/first", 250);
    let mut budget = Budget::default();
    (budget.name, budget.limit, budget.period) = ("team".to_owned(), 1_000_000_000, Period::Month);
    budget.warn_percent = 80;
    SqliteLedger::open(&path).unwrap().set_budget(&budget).unwrap();
    let mut terminal = Terminal::new(120);
    let before = tcgetattr(terminal.end()).unwrap();
    let mut child = terminal.start(home.cli(LIVE).env("TERM", "xterm-256color"));
    waits_for(&terminal, "/first");
    for words in ["Today", "This month", "Burn rate", "7d", "help", "quit", "live"] {
        assert!(plain(&terminal.shown()).contains(words), "{words}: {:?}", plain(&terminal.shown()));
    }
    assert_ne!(tcgetattr(terminal.end()).unwrap().local_modes, before.local_modes, "keys come as they are typed");
    commit(&path, "/second", 600);
    waits_for(&terminal, "/second");
    waits_for(&terminal, "budget team: more than 80 % of $1.00 a month spent ($0.85)");
    terminal.types("?");
    waits_for(&terminal, "scroll by a line");
    terminal.types("q");
    assert_eq!(child.ends(), Some(0));
    let after = tcgetattr(terminal.end()).unwrap();
    assert_eq!((after.local_modes, after.input_modes), (before.local_modes, before.input_modes));
    assert!(terminal.shown().contains(LEAVE), "{:?}", terminal.shown());
}

#[test]
fn signals_and_keys_that_end_it_leave_the_terminal_as_it_was() {
    for how in [Some(Signal::TERM), Some(Signal::INT), None] {
        let home = Home::new();
        let mut terminal = Terminal::new(80);
        let before = tcgetattr(terminal.end()).unwrap();
        let mut child = terminal.start(home.cli(LIVE).env("TERM", "xterm-256color"));
        waits_for(&terminal, "live");
        assert!(terminal.shown().contains(ENTER));
        match how {
            Some(how) => child.signal(how),
            None => terminal.types("\x03"),
        }
        assert_eq!(child.ends(), Some(130), "{how:?}");
        let after = tcgetattr(terminal.end()).unwrap();
        assert_eq!(after.local_modes, before.local_modes, "{how:?}");
        let shown = terminal.shown();
        assert!(shown.contains(LEAVE) && shown.contains("\x1b[?25h"), "the cursor is back: {shown:?}");
    }
}

#[test]
fn without_a_terminal_it_says_so() {
    let home = Home::new();
    let refused = done(&mut home.cli(LIVE));
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""));
    assert!(
        refused.err.contains("--live draws on a terminal") && refused.err.contains("serve"),
        "{}",
        refused.err
    );
    let (code, shown) = Terminal::new(80).run(&mut home.cli([&LIVE[..], &["--format", "json"]].concat()));
    assert!(code == Some(2) && shown.contains("leave out --format"), "{shown}");
    let (code, shown) = Terminal::new(80).run(&mut home.cli([&LIVE[..], &["--since", "soon"]].concat()));
    assert!(code == Some(2) && shown.contains("`soon` is no time") && !shown.contains(ENTER), "{shown:?}");
}

#[test]
fn without_colours_nothing_is_coloured() {
    let home = Home::new();
    commit(&home.ledger_path(), "/first", 250);
    let mut terminal = Terminal::new(100);
    let mut child = terminal.start(home.cli(LIVE).env("TERM", "xterm-256color").env("NO_COLOR", "1"));
    waits_for(&terminal, "/first");
    terminal.types("q");
    assert_eq!(child.ends(), Some(0));
    for code in ["\x1b[38;5;", "\x1b[31m", "\x1b[32m"] {
        assert!(!terminal.shown().contains(code), "{:?}", terminal.shown());
    }
}
