//! What help and man pages say beside the options: exit codes, environment,
//! files and examples.

use std::fmt::Write;

/// A term and what it means.
pub(crate) type Entry = (&'static str, &'static str);

/// Every exit code: in a line that fits a narrow terminal, and as the man page
/// has it.
pub(crate) const EXIT_CODES: [(&str, &str, &str); 9] = [
    ("0", "it worked", "It worked. A reader of our output that closed its pipe early is no failure, either."),
    ("1", "a failure with no code of its own", "A failure with no code of its own."),
    ("2", "usage: a wrong option, value or config file", "Usage: a wrong option, value or config file."),
    (
        "3",
        "a gate: cost, threshold, regression, no data",
        "A gate tripped: --max-cost was reached, --fail-over was exceeded, a --threshold did not hold, `bench` found \
         something certainly slower, a cost that is needed is unknown, or there is no data to judge by.",
    ),
    (
        "4",
        "authentication: no credentials, or refused",
        "Authentication: there are no credentials, or they were refused (401, 403).",
    ),
    (
        "5",
        "rate limited or overloaded, after the retries",
        "Rate limited or overloaded (429, 529), also after the retries.",
    ),
    ("6", "one of our time limits", "One of our time limits: --timeout, --first-token-timeout or --idle-timeout."),
    (
        "7",
        "the model did not deliver",
        "The model did not deliver: the result is an error, the turns ran out, the answer is empty, cut off or does \
         not follow --json-schema, or a tool was denied under --fail-on-denied.",
    ),
    ("130", "interrupted by SIGINT or SIGTERM", "Interrupted by SIGINT or SIGTERM."),
];

/// Which of several codes counts, and where they come from.
pub(crate) const PRECEDENCE: &str = "Where two apply, the first of 130, 6, 4, 5, 3, 7, 1 counts. \
    They come from the real cause, whatever `claude` itself exits with.";

/// The variables that are read. An option wins over its variable, a variable
/// over the config file.
pub(crate) const ENVIRONMENT: [Entry; 18] = [
    ("CLAUDE_CLI_DB", "The ledger, as --db."),
    ("CLAUDE_CLI_CONFIG", "The config file, as --config."),
    ("CLAUDE_CLI_FORMAT", "How reports are written, as --format."),
    ("CLAUDE_CLI_MODEL", "The model, as --model."),
    ("CLAUDE_CLI_CLAUDE", "The claude program, as --claude."),
    ("CLAUDE_CLI_TAGS", "Tags of every run, as KEY=VALUE, separated by commas; --tag adds to them."),
    ("CLAUDE_CLI_TOKEN", "The token that clients of `serve` have to know, if no --token-file names one."),
    (
        "ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN",
        "The credentials of the api backend. They are read from the environment alone, and never stored or shown.",
    ),
    ("ANTHROPIC_BASE_URL", "Where the Messages API is, if it is a gateway or a simulator."),
    ("NODE_EXTRA_CA_CERTS", "Further certificate authorities of the api backend, as --ca-file."),
    ("HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY", "The proxy of the api backend, and what goes without."),
    ("NO_COLOR", "If it is set, there is no colour, unless --color=always."),
    ("CLICOLOR_FORCE", "If it is set and not 0, there is colour also where there is no terminal."),
    ("COLUMNS", "The width of tables, if it is not that of the terminal."),
    ("TZ", "The time zone, unless --tz names one."),
    (
        "XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_CACHE_HOME",
        "Where the files below are; ~/.config, ~/.local/share and ~/.cache if unset.",
    ),
    ("VISUAL, EDITOR", "What `config edit` opens the config file with."),
    ("PATH", "Where claude and the commands of others, claude-cli-NAME, are looked for."),
];

/// The files that are read or written.
pub(crate) const FILES: [Entry; 6] = [
    (
        "$XDG_DATA_HOME/claude-cli/ledger.db",
        "The ledger, an SQLite file, with ledger.db-wal and ledger.db-shm while it is open.",
    ),
    (
        "$XDG_DATA_HOME/claude-cli/ledger.db.spool/",
        "Records that could not be written in time; the next command that can write the ledger takes them in.",
    ),
    (
        "$XDG_CONFIG_HOME/claude-cli/config.toml",
        "Defaults of options, and names for models; see claude-cli-config(1).",
    ),
    (
        "$XDG_CACHE_HOME/claude-cli/cache.db",
        "Answers and reports that were given before; it can be deleted at any time.",
    ),
    ("$XDG_CONFIG_HOME/claude-cli/templates/NAME.md", "Templates, for --template NAME."),
    (
        "$XDG_CONFIG_HOME/claude-cli/prices.json",
        "A price table that takes the place of the built-in one if its as_of is later.",
    ),
];

/// Examples of a command: what one types, and what it does.
pub(crate) fn examples(command: &str) -> &'static [Entry] {
    match command {
        "query" => &[
            ("git diff | claude-cli query \"review this\"", "A prompt with a file or a pipe for stdin."),
            ("claude-cli query -o json \"hi\" | jq -r .result", "The answer, its tokens, cost and times as JSON."),
            (
                "claude-cli query --max-cost 0.50 --timeout 5m \"hi\"",
                "Within limits: exits with 3 or 6 beyond them.",
            ),
            (
                "claude-cli query --batch prompts.jsonl --jobs 4 > answers.jsonl",
                "Every line of a file, four at once, and an answer a line.",
            ),
            (
                "claude-cli query \"run the tests\" -- --allowedTools=Bash",
                "What follows -- goes to claude untouched.",
            ),
        ],
        "stream" => &[
            ("claude-cli stream \"explain src/main.rs\"", "The answer as it comes."),
            (
                "claude -p \"hi\" --output-format stream-json --verbose | claude-cli stream - > run.jsonl",
                "Records what another program runs, and passes it on byte for byte.",
            ),
        ],
        "summary" => &[
            ("claude-cli analytics summary --since 7d --by model", "The last seven days, by model."),
            ("claude-cli analytics summary --since today --fail-over 20", "Exits with 3 above 20 USD."),
        ],
        "sessions" => {
            &[("claude-cli analytics sessions --since 7d --sort cost", "The costliest sessions of a week.")]
        }
        "blocks" => &[
            ("claude-cli analytics blocks --active", "The window in use, its burn rate, and where that leads."),
            ("claude-cli analytics blocks --token-limit max", "Shares of the most that a window ever took."),
        ],
        "budget" => &[
            (
                "claude-cli analytics budget set ci --limit 50 --period week --tag team=ci",
                "What requests with a tag may cost a week.",
            ),
            ("claude-cli analytics budget check --fail-over", "Exits with 3 if a budget is crossed."),
        ],
        "statusline" => &[(
            "echo '{}' | claude-cli statusline",
            "What the status line would say; in settings.json it is the statusLine's command.",
        )],
        "export" => &[
            (
                "claude-cli analytics export --output machine.ndjson.gz",
                "All that another ledger needs; `claude-cli import machine.ndjson.gz` takes it in there.",
            ),
            ("claude-cli analytics export --format csv --since 7d", "The last seven days, for a spreadsheet."),
            (
                "claude-cli analytics export --parquet usage",
                "A Parquet file for each day, for DuckDB and its like.",
            ),
        ],
        "sql" => &[
            (
                "claude-cli analytics sql \"SELECT project, sum(cost_usd) FROM requests_v1 GROUP BY 1 ORDER BY 2 DESC\"",
                "What each project cost.",
            ),
            ("claude-cli analytics sql --schema", "The views and their columns."),
        ],
        "prune" => &[
            ("claude-cli analytics prune --before 52w --dry-run", "How many rows are older than a year."),
            ("claude-cli analytics prune --before 52w --vacuum", "Drops them, and makes the file smaller."),
        ],
        "timeseries" => &[
            (
                "claude-cli timeseries --bucket 1d --since 30d --metric cost,tokens",
                "Cost and tokens of every day, for 30 days.",
            ),
            (
                "claude-cli timeseries --since 7d --metric cost,response_time --plot week.svg",
                "A picture of the week.",
            ),
        ],
        "dashboard" => &[
            ("claude-cli analytics dashboard", "The last seven days."),
            ("claude-cli analytics dashboard --live", "A screen that stays, and follows what is recorded."),
            (
                "claude-cli analytics dashboard --since 2026-08-01 --format markdown",
                "Since August, as a document.",
            ),
        ],
        "cache" => &[
            (
                "claude-cli analytics cache stats",
                "What is kept, how often it was of use, and the time that saved.",
            ),
            ("claude-cli analytics cache clear --kind summary", "Forget what is kept of summaries."),
            ("claude-cli analytics cache warm", "Have the answers ready to what is asked most."),
        ],
        "bench" => &[
            (
                "claude-cli bench parse --against old/claude-cli",
                "Whether parsing became slower: exits with 3 if it certainly did.",
            ),
            ("claude-cli bench query --runs 10 --model haiku --model sonnet \"hi\"", "Two models, side by side."),
        ],
        "profile" => &[
            (
                "claude-cli profile query --runs 5 --trace query.json \"hi\"",
                "The phases of a query, and a trace for ui.perfetto.dev.",
            ),
            (
                "claude-cli profile import --flame import.svg",
                "Where the time of a first import goes, as a flame graph.",
            ),
            (
                "claude-cli profile serve --runs 20 '/api/summary?by=day'",
                "Where the time of a request to `serve` goes.",
            ),
        ],
        "serve" => &[
            (
                "claude-cli serve --watch",
                "The page at http://127.0.0.1:4318, with what sessions spend as they go on.",
            ),
            (
                "claude-cli serve --listen 0.0.0.0:4318 --token-file token --host dash.example",
                "For others, too: they are asked for the token.",
            ),
            ("curl -s '127.0.0.1:4318/api/summary?by=model&since=7d'", "What `analytics summary` says, as JSON."),
        ],
        "loadtest" => &[
            (
                "claude-cli loadtest --rate 50 --poisson --duration 1m --report report.html",
                "The simulated API, by 50 independent requests a second, and a report with charts.",
            ),
            (
                "claude-cli loadtest --threshold 'ttft.p(95)<800' --threshold 'failed.rate<0.01'",
                "A gate for CI: exits with 3 if one does not hold, or has no data.",
            ),
            (
                "claude-cli loadtest --slo 'ttft<800,itl<50' --find-max --rate 5 --duration 30s",
                "The highest rate at which 99 % of the requests keep that.",
            ),
            (
                "claude-cli loadtest --target https://api.anthropic.com --rate 1 --max-cost 0.50",
                "The real API, for half a dollar at most.",
            ),
            (
                "claude-cli loadtest --target http://127.0.0.1:8080 --scenario dashboard --rate 200",
                "The dashboard of a running `claude-cli serve`.",
            ),
        ],
        "simulate" => &[
            (
                "claude-cli simulate --echo --log requests.jsonl",
                "Prints the address to put into ANTHROPIC_BASE_URL, and answers with what it was asked.",
            ),
            (
                "claude-cli simulate --profile slow.toml --faults overloaded=0.01,cut=0.01 --stall 30s:1.4s",
                "An API on a bad day: drawn times, errors, and a pause of 1.4 s every 30 s.",
            ),
        ],
        "config" => &[
            ("claude-cli config set model sonnet", "The default of --model."),
            ("claude-cli config prices opus", "What the opus models cost."),
        ],
        "completions" => &[
            ("source <(claude-cli completions bash)", "For ~/.bashrc; the same for zsh, after compinit."),
            ("claude-cli completions fish | source", "For ~/.config/fish/config.fish."),
        ],
        _ => &[],
    }
}

/// The exit codes, for the end of `--help`.
pub(crate) fn exit_codes() -> String {
    let mut text = "Exit codes:\n".to_owned();
    for (code, meaning, _) in EXIT_CODES {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {code:<4} {meaning}");
    }
    text + "\n" + PRECEDENCE
}

/// The examples of a command, for the end of its `--help`.
pub(crate) fn shown_examples(command: &str) -> String {
    let mut text = "Examples:".to_owned();
    for (typed, meaning) in examples(command) {
        let _ = write!(text, "\n  {typed}\n      {meaning}");
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn codes_fit_a_narrow_terminal() {
        for (code, meaning, _) in EXIT_CODES {
            assert!(7 + meaning.len() <= 60, "{code}");
        }
    }

    #[test]
    fn examples_are_understood() {
        for command in [
            "query",
            "stream",
            "summary",
            "sessions",
            "blocks",
            "budget",
            "statusline",
            "export",
            "sql",
            "prune",
            "timeseries",
            "cache",
            "dashboard",
            "bench",
            "profile",
            "simulate",
            "config",
            "completions",
        ] {
            assert!(!examples(command).is_empty(), "{command}");
            for (typed, _) in examples(command) {
                let ours = typed.split('|').map(str::trim).find(|part| part.contains("claude-cli ")).unwrap();
                let ours = ours[ours.find("claude-cli ").unwrap()..].split(" > ").next().unwrap();
                let mut words = Vec::new();
                for (i, part) in ours.trim_end_matches(')').split('"').enumerate() {
                    if i % 2 == 1 {
                        words.push(part.to_owned());
                    } else {
                        words.extend(part.split_whitespace().map(str::to_owned));
                    }
                }
                let read = Cli::try_parse_from(&words);
                assert!(read.is_ok(), "{typed}: {}", read.unwrap_err());
            }
        }
    }
}
