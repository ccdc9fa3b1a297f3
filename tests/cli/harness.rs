//! A home of its own for every test, and ways to run the binary in it.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use claude_cli::store::{LedgerReader, RequestRow, RowQuery, Run, RunQuery, Simulated, SqliteLedger};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_claude-cli");
pub(crate) const FAKE_CLAUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/claude.sh");
pub(crate) const RUN: &str = include_str!("../data/run.jsonl");
pub(crate) const PLANTED_KEY: &str = "sk-ant-planted-key-0123456789";

/// Long enough for a busy machine, short enough to notice a hang.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// An empty home, and nothing of the outer environment.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
}

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn ledger_path(&self) -> PathBuf {
        self.path("data/claude-cli/ledger.db")
    }

    /// A command that knows nothing but this home.
    pub(crate) fn isolated(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("XDG_DATA_HOME", self.path("data"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("TZ", "UTC")
            .env("USER", "tester")
            .stdin(Stdio::null());
        command
    }

    /// The binary.
    pub(crate) fn cli<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = self.isolated(BINARY);
        command.args(args);
        command
    }

    /// The binary over the stand-in for `claude` that behaves as told.
    pub(crate) fn fake<'a>(&self, how: &str, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = self.cli(args);
        command.env("CLAUDE_CLI_CLAUDE", FAKE_CLAUDE).env("FAKE", how).env("FAKE_DIR", self.folder.path());
        command
    }

    pub(crate) fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Done {
        done(&mut self.cli(args))
    }

    /// A report as JSON.
    pub(crate) fn json<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Value {
        let done = self.run(args);
        serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {done:?}"))
    }

    pub(crate) fn rows(&self) -> Vec<RequestRow> {
        let ledger = SqliteLedger::open(&self.ledger_path()).unwrap();
        let mut query = RowQuery::default();
        query.simulated = Simulated::Include;
        let mut rows = Vec::new();
        ledger.requests(&query, &mut |row| rows.push(row)).unwrap();
        rows
    }

    pub(crate) fn runs(&self) -> Vec<Run> {
        let mut query = RunQuery::default();
        query.simulated = Simulated::Include;
        SqliteLedger::open(&self.ledger_path()).unwrap().runs(&query).unwrap()
    }

    pub(crate) fn verify(&self) {
        let done = self.run(["analytics", "verify"]);
        assert_eq!(done.code, Some(0), "{done:?}");
    }

    /// The stand-in for `claude`, printing one of these after the other, a run each.
    pub(crate) fn scripted<'a>(&self, outputs: &[&str], args: impl IntoIterator<Item = &'a str>) -> Command {
        for (n, output) in outputs.iter().enumerate() {
            self.write(&format!("script-{}", n + 1), output);
        }
        let _ = fs::remove_file(self.path("n"));
        self.fake("script", args)
    }

    /// The binary over an API.
    pub(crate) fn api<'a>(&self, url: &str, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut args = args.into_iter();
        let mut command = self.cli(args.next());
        command
            .args(["--backend", "api"])
            .args(args)
            .env("ANTHROPIC_API_KEY", PLANTED_KEY)
            .env("ANTHROPIC_BASE_URL", url);
        command
    }

    /// Writes a file below this home.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn note(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub(crate) fn noted_pid(&self, name: &str) -> i32 {
        self.note(name).trim().parse().unwrap()
    }

    /// Everything below this home, as bytes.
    pub(crate) fn contains(&self, text: &str) -> Option<PathBuf> {
        fn search(folder: &Path, text: &[u8]) -> Option<PathBuf> {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    if let Some(found) = search(&path, text) {
                        return Some(found);
                    }
                } else if let Ok(content) = fs::read(&path)
                    && content.windows(text.len()).any(|window| window == text)
                {
                    return Some(path);
                }
            }
            None
        }
        search(self.folder.path(), text.as_bytes())
    }
}

pub(crate) fn done(command: &mut Command) -> Done {
    let output = command.output().unwrap();
    Done {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// [`done`] with something on stdin.
pub(crate) fn fed(command: &mut Command, input: &[u8]) -> Done {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || {
        // Whoever has read enough closes the pipe.
        let _ = std::io::Write::write_all(&mut stdin, &input);
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Done {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Waits for a child that must end by itself.
pub(crate) fn ends(child: &mut Child) -> Option<i32> {
    let mut code = None;
    wait_until("the program to end", || {
        code = child.try_wait().unwrap();
        code.is_some()
    });
    code.and_then(|status| status.code())
}

pub(crate) fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let until = Instant::now() + SOON;
    while !ready() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Whether a process runs; one that ended and was not reaped does not.
pub(crate) fn alive(pid: i32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => {
            rustix::process::Pid::from_raw(pid).is_some_and(|p| rustix::process::test_kill_process(p).is_ok())
        }
    }
}

/// A `claude-cli simulate` that ends with the test.
pub(crate) struct Simulator {
    child: Child,
    pub(crate) url: String,
    pub(crate) log: PathBuf,
}

impl Simulator {
    pub(crate) fn start<'a>(home: &Home, args: impl IntoIterator<Item = &'a str>) -> Self {
        let log = home.path("requests.jsonl");
        let mut command = home.cli(["simulate", "--log"]);
        command.arg(&log).args(args).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Self { child, url: url.trim().to_owned(), log }
    }

    pub(crate) fn requests(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a pipe to its end.
pub(crate) fn drain(mut from: impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    text
}
