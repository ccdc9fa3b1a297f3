//! The whole of `claude-cli import` over a big history, side by side with the
//! tools that people use for it, in turn in one run.
//!
//! `make bench-neighbours` installs them below `target/` and sets `CCUSAGE` and
//! `TOKSCALE` (a command line each). Without one, that column is left out. The
//! program measured is `CLAUDE_CLI`, else the release build.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use claude_cli::simulate::History;

fn main() {
    let args: Vec<String> = env::args().collect();
    let asked = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)?.parse().ok());
    if args.iter().any(|arg| arg == "--test") {
        // `cargo test --benches` only wants to see that it builds.
        return;
    }
    let mib: u64 = asked("--mib").unwrap_or(1024);
    let rounds: usize = asked("--rounds").map_or(5, |rounds: u64| rounds as usize);
    let bench = Bench::new(mib);
    let mut steps: Vec<(&str, Vec<Duration>)> = Vec::new();
    let mut memory: Vec<(&str, u64)> = Vec::new();
    for round in 0..=rounds {
        bench.forget();
        let mut step = |name: &'static str, command: &mut Command| {
            let started = Instant::now();
            let output = run(command);
            let took = started.elapsed();
            // The first round warms the page cache.
            if round > 0 {
                match steps.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, times)) => times.push(took),
                    None => steps.push((name, vec![took])),
                }
            }
            output
        };
        step("cat … | wc -l", &mut bench.wc());
        step("claude-cli import", &mut bench.ours(&["import", "--format", "json"]));
        step("… with nothing new", &mut bench.ours(&["analytics", "summary", "--by", "model", "--format", "csv"]));
        bench.append(1 << 20);
        step("… after 1 MB more", &mut bench.ours(&["analytics", "summary", "--by", "model", "--format", "csv"]));
        bench.cut();
        for (name, variable) in [("ccusage", "CCUSAGE"), ("tokscale", "TOKSCALE")] {
            if let Some(mut command) = bench.neighbour(variable) {
                step(name, &mut command);
            }
        }
        if round == rounds {
            bench.forget();
            memory.push(("claude-cli import", peak(&mut bench.ours(&["import", "--format", "json"]))));
            for (name, variable) in [("ccusage", "CCUSAGE"), ("tokscale", "TOKSCALE")] {
                memory.extend(bench.neighbour(variable).map(|mut command| (name, peak(&mut command))));
            }
        }
    }
    println!("{} MB in {} files; medians of {rounds} (least to most)", bench.bytes / 1_000_000, bench.files);
    let ours = median(&mut steps.iter_mut().find(|(name, _)| *name == "claude-cli import").expect("it ran").1);
    for (name, times) in &mut steps {
        let middle = median(times);
        println!(
            "{name:<20} {:>8.1} ms   ({:.1} to {:.1})   {:.2}× of our import",
            millis(middle),
            millis(times[0]),
            millis(times[times.len() - 1]),
            middle.as_secs_f64() / ours.as_secs_f64()
        );
    }
    for (name, kb) in memory {
        println!("{name:<20} {:>8} MB at most", kb / 1000);
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The most memory a command takes, in kB, as GNU time tells; 0 without it.
fn peak(command: &mut Command) -> u64 {
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["-f", "%M"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            timed.env(name, value);
        }
    }
    let Ok(output) = timed.stdin(Stdio::null()).stdout(Stdio::null()).output() else { return 0 };
    let told = String::from_utf8_lossy(&output.stderr);
    told.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or(0)
}

struct Bench {
    history: PathBuf,
    home: PathBuf,
    program: PathBuf,
    bytes: u64,
    files: u64,
}

impl Bench {
    fn new(mib: u64) -> Self {
        let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("neighbours-{mib}"));
        let (history, home) = (root.join("claude"), root.join("home"));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&home).expect("the folder can be made");
        let files = (mib * 2 / 5).max(4) as usize;
        let made = History { files, bytes: mib << 20, days: 90, ..History::default() };
        let expected = made.write(&history).expect("the history can be written");
        // Whoever looks below the home folder finds the same.
        std::os::unix::fs::symlink(&history, home.join(".claude")).expect("a link can be made");
        let release = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release/claude-cli");
        let program = env::var_os("CLAUDE_CLI").map_or(release, PathBuf::from);
        Self { history, home, program, bytes: expected.bytes, files: expected.files }
    }

    fn within(&self, mut command: Command) -> Command {
        for name in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
            command.env_remove(name);
        }
        command.env("HOME", &self.home).env("CLAUDE_CONFIG_DIR", &self.history).env("TZ", "UTC");
        command
    }

    fn ours(&self, args: &[&str]) -> Command {
        let mut command = self.within(Command::new(&self.program));
        command.args(args);
        command
    }

    fn wc(&self) -> Command {
        let mut command = self.within(Command::new("sh"));
        command.args(["-c", "find \"$CLAUDE_CONFIG_DIR\" -name '*.jsonl' -print0 | xargs -0 cat | wc -l"]);
        command
    }

    fn neighbour(&self, variable: &str) -> Option<Command> {
        let line = env::var(variable).ok().filter(|line| !line.is_empty())?;
        let mut command = self.within(Command::new("sh"));
        command.args(["-c", &line]);
        Some(command)
    }

    /// Takes our ledger away.
    fn forget(&self) {
        let _ = fs::remove_dir_all(self.home.join(".local"));
    }

    fn grown(&self) -> PathBuf {
        self.history.join("projects/grown/grown.jsonl")
    }

    /// Adds a session's worth of lines to a file that is known.
    fn append(&self, bytes: usize) {
        let path = self.grown();
        fs::create_dir_all(path.parent().expect("it has one")).expect("the folder can be made");
        let mut file = fs::File::create(path).expect("the file can be made");
        let filler = "x".repeat(2_500);
        for n in 0..bytes / 3_000 {
            let line = format!(
                r#"{{"type":"assistant","sessionId":"grown","cwd":"/grown","uuid":"u{n}","timestamp":"2026-04-01T00:{:02}:{:02}.000Z","requestId":"req_grown{n}","message":{{"id":"msg_grown{n}","model":"claude-haiku-4-5","role":"assistant","content":[{{"type":"text","text":"{filler}"}}],"usage":{{"input_tokens":3,"output_tokens":{n},"cache_read_input_tokens":900,"cache_creation_input_tokens":20}}}}}}"#,
                n / 60 % 60,
                n % 60
            );
            writeln!(file, "{line}").expect("the file can be written");
        }
    }

    fn cut(&self) {
        let _ = fs::remove_file(self.grown());
    }
}
