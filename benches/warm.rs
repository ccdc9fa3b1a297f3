//! A batch on `claude` programs that are kept running, beside starting one for
//! each prompt.
//!
//! In turn, and against one simulated API on loopback: `claude -p` two at a
//! time, as a shell script would, and `claude-cli query --batch --jobs 2`, from
//! its start to its end. Each has to give the same answers, and each prompt a
//! conversation of its own; a run that does not is no figure.
//!
//! `CLAUDE_CLI_TEST_CLAUDE=$(.ci/install-claude) cargo bench --bench warm -- --prompts 100 --rounds 3`

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

const BINARY: &str = env!("CARGO_BIN_EXE_claude-cli");
const AT_ONCE: usize = 2;

/// A server, a home and a program.
struct World {
    home: PathBuf,
    url: String,
    claude: PathBuf,
    server: Child,
}

impl World {
    fn new(claude: PathBuf) -> Self {
        let home = env::temp_dir().join(format!("claude-cli-warm-{}", std::process::id()));
        fs::create_dir_all(home.join("work")).expect("a temporary folder");
        let mut server = Command::new(BINARY)
            .args(["simulate", "--echo", "--ttft", "5ms", "--token-interval", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the simulator starts");
        let mut url = String::new();
        BufReader::new(server.stdout.as_mut().expect("a pipe")).read_line(&mut url).expect("an address");
        Self { home, url: url.trim().to_owned(), claude, server }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.home.join("work"))
            .env("HOME", &self.home)
            .env("XDG_DATA_HOME", self.home.join("data"))
            .env("CLAUDE_CONFIG_DIR", self.home.join("claude"))
            .env("CLAUDE_CLI_CLAUDE", &self.claude)
            .env("ANTHROPIC_BASE_URL", &self.url)
            .env("ANTHROPIC_API_KEY", "any")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("DISABLE_AUTOUPDATER", "1")
            .stderr(Stdio::null());
        command
    }

    /// `claude -p`, so many at once as the machine has cores.
    fn cold(&self, prompts: &[String]) -> Duration {
        let next = AtomicUsize::new(0);
        let started = Instant::now();
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Some(prompt) = prompts.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let output = self
                            .command(&self.claude)
                            .args(["-p", prompt])
                            .stdin(Stdio::null())
                            .output()
                            .expect("claude starts");
                        assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), prompt);
                    }
                });
            }
        });
        started.elapsed()
    }

    fn batch(&self, prompts: &[String], options: &[&str]) -> Duration {
        let lines: Vec<String> = prompts.iter().map(|prompt| format!("{{\"prompt\":\"{prompt}\"}}")).collect();
        let file = self.home.join("in.jsonl");
        fs::File::create(&file).and_then(|mut f| f.write_all(lines.join("\n").as_bytes())).expect("a file");
        let started = Instant::now();
        let output = self
            .command(Path::new(BINARY))
            .args(["query", "--backend", "claude", "--jobs", &AT_ONCE.to_string(), "--batch"])
            .arg(&file)
            .args(options)
            .output()
            .expect("the batch starts");
        let took = started.elapsed();
        let results: Vec<serde_json::Value> = output
            .stdout
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("a result"))
            .collect();
        assert_eq!(results.len(), prompts.len());
        for (result, prompt) in results.iter().zip(prompts) {
            assert_eq!(result["result"].as_str(), Some(prompt.as_str()));
        }
        let sessions: BTreeSet<_> = results.iter().map(|result| result["session_id"].to_string()).collect();
        assert_eq!(sessions.len(), prompts.len(), "a conversation for each prompt");
        took
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.home);
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let args: Vec<String> = env::args().collect();
    // `cargo test --benches` only wants to see that it runs.
    if args.iter().any(|arg| arg == "--test") {
        return;
    }
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<usize>().ok()
    };
    let Some(claude) = env::var_os("CLAUDE_CLI_TEST_CLAUDE") else {
        println!("SKIPPED: set CLAUDE_CLI_TEST_CLAUDE to the `claude` program");
        return;
    };
    let world = World::new(claude.into());
    let sizes = number("--prompts").map_or_else(|| vec![20, 100], |n| vec![n]);
    // The first run of a home does more than others.
    world.cold(&["hello".to_owned()]);
    for n in sizes {
        let prompts: Vec<String> = (1..=n).map(|n| format!("prompt number {n}")).collect();
        let rounds = number("--rounds").unwrap_or(3).max(1);
        let (mut cold, mut warm, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let warm_first = fastrand::bool();
            let early = warm_first.then(|| world.batch(&prompts, &[]));
            let slow = world.cold(&prompts).as_secs_f64();
            let fast = early.unwrap_or_else(|| world.batch(&prompts, &[])).as_secs_f64();
            println!("  {n} prompts: claude -p {slow:.2} s, batch {fast:.2} s");
            ratios.push(slow / fast);
            cold.push(slow);
            warm.push(fast);
        }
        println!(
            "{n} prompts, {AT_ONCE} at once, medians of {rounds}: claude -p {:.2} s, batch {:.2} s, ratio {:.1}",
            median(&mut cold),
            median(&mut warm),
            median(&mut ratios),
        );
    }
}
