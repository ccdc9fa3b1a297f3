//! The built program, from its start to its end.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::timing::Timing;

const QUESTIONS: [(&str, &[&str]); 8] = [
    ("dashboard of 7 days", &["analytics", "dashboard", "--since", "2026-10-25", "--until", "2026-10-31"]),
    ("dashboard of a year", &["analytics", "dashboard", "--since", "2025-11-01", "--until", "2026-10-31"]),
    ("summary by day", &["analytics", "summary", "--by", "day"]),
    ("summary by model", &["analytics", "summary", "--by", "model"]),
    ("summary by project", &["analytics", "summary", "--by", "project"]),
    ("blocks of 7 days", &["analytics", "blocks", "--since", "2026-10-25", "--until", "2026-10-31"]),
    ("blocks of a year", &["analytics", "blocks", "--since", "2025-11-01", "--limit", "2000"]),
    (
        "hourly series of 30 days",
        &[
            "timeseries",
            "--since",
            "2026-10-02",
            "--until",
            "2026-10-31",
            "--bucket",
            "1h",
            "--metric",
            "cost,commands,success_rate,response_time",
        ],
    ),
];

pub(crate) fn run(ledger: &Path, rounds: usize) {
    let program = env::var_os("CLAUDE_CLI")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release/claude-cli"), PathBuf::from);
    if rounds == 0 || !program.exists() {
        println!("left out: there is no {}", program.display());
        return;
    }
    println!("| command | UTC | half-hour zone | most memory |\n|---|--:|--:|--:|");
    for (name, args) in QUESTIONS {
        let command = |zone: &str| {
            let mut command = Command::new(&program);
            command.args(args).args(["--no-import", "--no-cache", "--format", "json", "--tz", zone]);
            command.arg("--db").arg(ledger).stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        if !command("UTC").stderr(Stdio::null()).status().expect("it starts").success() {
            println!("| {name} | not there | | |");
            continue;
        }
        let medians = ["UTC", "Asia/Kolkata"].map(|zone| {
            Timing::of(rounds, || {
                assert!(command(zone).status().expect("it starts").success(), "{name}");
            })
            .median
        });
        let memory = peak(&command("Asia/Kolkata")).map_or("unknown".to_owned(), |kb| format!("{} MB", kb / 1000));
        println!("| {name} | {:.1} ms | {:.1} ms | {memory} |", medians[0], medians[1]);
    }
}

/// The most memory a command takes, in kB, as GNU time tells.
fn peak(command: &Command) -> Option<u64> {
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["-f", "%M"]).arg(command.get_program()).args(command.get_args());
    let output = timed.stdin(Stdio::null()).stdout(Stdio::null()).output().ok()?;
    String::from_utf8_lossy(&output.stderr).lines().last()?.trim().parse().ok()
}
