//! The `claude` program's life: what it is given, how it ends, and that
//! nothing of it is left.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use claude_cli::{
    Client, ClientBuilder, Error, Event, Limit,
    client::{BackendKind, Limits},
};
use tempfile::TempDir;

/// Long enough for a busy machine, short enough to notice a hang.
const SOON: Duration = Duration::from_secs(20);

struct Fake {
    folder: TempDir,
    env: BTreeMap<String, String>,
}

impl Fake {
    fn new(how: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let env = BTreeMap::from([
            ("FAKE".to_owned(), how.to_owned()),
            ("FAKE_DIR".to_owned(), folder.path().display().to_string()),
        ]);
        Self { folder, env }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn client(&self) -> ClientBuilder {
        Client::builder()
            .backend(BackendKind::Claude)
            .claude_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/claude.sh"))
            .env(self.env.clone())
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn pid(&self, name: &str) -> i32 {
        self.read(name).trim().parse().unwrap()
    }

    async fn gone(&self, name: &str) {
        let pid = self.pid(name);
        wait_until(&format!("{name} ({pid}) to be gone"), || !alive(pid)).await;
    }
}

/// Whether a process runs; one that ended and was not reaped does not.
fn alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    match stat {
        Ok(stat) => !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => {
            rustix::process::Pid::from_raw(pid).is_some_and(|p| rustix::process::test_kill_process(p).is_ok())
        }
    }
}

async fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + SOON;
    while !done() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn events(client: ClientBuilder, prompt: &str) -> (Vec<Event>, Option<Error>) {
    let mut stream = client.build().query(prompt).stream().await.unwrap();
    let (mut events, mut error) = (Vec::new(), None);
    while let Some(event) = stream.next_event().await {
        match event {
            Ok(event) => events.push(event),
            Err(e) => error = Some(e),
        }
    }
    (events, error)
}

fn limits(first_token: u64, idle: u64, total: u64) -> Limits {
    let millis = |n: u64| (n > 0).then(|| Duration::from_millis(n));
    Limits { first_token: millis(first_token), idle: millis(idle), total: millis(total) }
}

#[tokio::test]
async fn a_query_is_answered() {
    let fake = Fake::new("tell");
    let response =
        fake.client().model("opus").system("--be brief").build().query("-- hello?").send().await.unwrap();
    assert_eq!(response.text(), "Grüße");
    assert_eq!(response.model(), Some("claude-opus-4-8"));
    assert_eq!(response.usage().output_tokens, 15);
    assert_eq!(response.cost_nanos(), Some(564_500));
    assert_eq!(response.session_id(), Some("c91e42ba-8794-4bf5-8695-c24f7251c673"));
    assert_eq!(fake.read("stdin"), "-- hello?");
    assert_eq!(
        fake.read("args").lines().collect::<Vec<_>>(),
        [
            "-p",
            "--output-format=stream-json",
            "--verbose",
            "--include-partial-messages",
            "--model=opus",
            "--system-prompt=--be brief"
        ],
        "every option is one token"
    );
}

#[tokio::test]
async fn a_long_prompt_arrives_whole() {
    let fake = Fake::new("tell");
    let prompt = "äöü \"quoted\" \\ $HOME `date`\n".repeat(40_000);
    fake.client().build().query(prompt.clone()).send().await.unwrap();
    assert_eq!(fake.read("stdin"), prompt);
}

#[tokio::test]
async fn a_program_that_ignores_its_prompt_still_answers() {
    let fake = Fake::new("deaf");
    let response = fake.client().build().query("x".repeat(1 << 20)).send().await.unwrap();
    assert_eq!(response.text(), "Grüße");
}

#[tokio::test]
async fn lines_that_are_no_json_are_skipped() {
    let fake = Fake::new("noise");
    let (events, error) = events(fake.client(), "hi").await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(events.len(), 10);
}

#[tokio::test]
async fn a_program_that_hangs_after_its_result_has_answered() {
    let fake = Fake::new("hang-after-result");
    let started = Instant::now();
    let response = fake.client().build().query("hi").send().await.unwrap();
    assert_eq!(response.text(), "Grüße");
    assert!(started.elapsed() < SOON);
    assert!(!alive(fake.pid("pid")));
}

#[tokio::test]
async fn what_it_leaves_behind_is_ended() {
    let fake = Fake::new("children");
    let (events, error) = events(fake.client(), "hi").await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(events.len(), 10);
    fake.gone("child").await;
    fake.gone("grandchild").await;
}

#[tokio::test]
async fn its_last_words_are_shown_when_it_fails() {
    let fake = Fake::new("boom");
    let (events, error) = events(fake.client(), "hi").await;
    assert!(events.is_empty());
    let text = error.unwrap().to_string();
    assert!(text.contains("exited with code 3 without a result"), "{text}");
    assert!(text.contains("unknown option --frobnicate"), "{text}");
}

#[tokio::test]
async fn neither_the_result_nor_the_exit_code_alone_is_believed() {
    let fake = Fake::new("success-then-boom");
    let error = fake.client().build().query("hi").send().await.unwrap_err();
    assert!(error.to_string().contains("reported success, but exited with code 1"), "{error}");
    assert!(error.to_string().contains("the hook failed"), "{error}");
    for exit in ["0", "1"] {
        let fake = Fake::new("error").with("FAKE_STATUS", "529").with("FAKE_EXIT", exit);
        let error = fake.client().build().query("hi").send().await.unwrap_err();
        assert!(error.is_overloaded(), "{error}");
        assert_eq!(error.exit_code(), 5);
    }
    let fake = Fake::new("truncated");
    let error = fake.client().build().query("hi").send().await.unwrap_err();
    assert!(error.to_string().contains("exited with code 0 without a result"), "{error}");
}

#[tokio::test]
async fn answers_that_deliver_nothing_are_errors() {
    for how in ["empty", "max-turns"] {
        let error = Fake::new(how).client().build().query("hi").send().await.unwrap_err();
        assert!(error.is_not_delivered(), "{how}: {error}");
        assert_eq!(error.exit_code(), 7);
    }
    let error =
        Fake::new("error").with("FAKE_STATUS", "401").client().build().query("hi").send().await.unwrap_err();
    assert!(error.is_auth(), "{error}");
    assert_eq!(error.exit_code(), 4);
}

#[tokio::test]
async fn each_limit_ends_the_run_and_says_which() {
    for (how, limits, limit, before) in [
        ("silent", limits(200, 0, 0), Limit::FirstToken, 0),
        ("silent", limits(0, 0, 200), Limit::Total, 0),
        ("stall", limits(15_000, 200, 0), Limit::Idle, 5),
        ("stall", limits(0, 0, 400), Limit::Total, 5),
    ] {
        let fake = Fake::new(how);
        let (events, error) = events(fake.client().limits(limits), "hi").await;
        match error {
            Some(Error::Timeout { limit: reached, .. }) => assert_eq!(reached, limit, "{how}"),
            other => panic!("{how}: {other:?}"),
        }
        assert_eq!(events.len(), before, "{how}: what came before is not lost");
        fake.gone("pid").await;
    }
}

#[tokio::test]
async fn a_program_that_ignores_sigterm_is_killed() {
    let fake = Fake::new("stubborn");
    let (events, error) = events(fake.client().limits(limits(0, 300, 0)), "hi").await;
    assert!(error.unwrap().is_timeout());
    assert_eq!(events.len(), 5);
    fake.gone("pid").await;
}

#[tokio::test]
async fn cancelling_ends_everything_before_the_stream_ends() {
    let fake = Fake::new("running-children");
    let mut stream = fake.client().build().query("hi").stream().await.unwrap();
    for _ in 0..5 {
        stream.next_event().await.unwrap().unwrap();
    }
    stream.cancel();
    let error = loop {
        match stream.next_event().await.unwrap() {
            Ok(_) => {}
            Err(e) => break e,
        }
    };
    assert!(error.is_interrupted());
    assert!(stream.next_event().await.is_none());
    fake.gone("pid").await;
    fake.gone("child").await;
}

#[tokio::test]
async fn dropping_the_stream_ends_everything() {
    let fake = Fake::new("running-children");
    let mut stream = fake.client().build().query("hi").stream().await.unwrap();
    stream.next_event().await.unwrap().unwrap();
    drop(stream);
    fake.gone("pid").await;
    fake.gone("child").await;
}

#[tokio::test]
async fn a_slow_reader_holds_the_program_back() {
    let fake = Fake::new("flood");
    let mut stream = fake.client().build().query("hi").stream().await.unwrap();
    stream.next_event().await.unwrap().unwrap();
    let lines = || fs::read_to_string(fake.path("lines")).map_or(0_u64, |n| n.trim().parse().unwrap_or(0));
    // It writes until the channel, the decoder and the pipe are full, and then waits.
    let (mut last, mut still) = (0, 0);
    wait_until("the program to be held back", || {
        let now = lines();
        still = if now > 0 && now == last { still + 1 } else { 0 };
        last = now;
        still >= 50
    })
    .await;
    assert!(last < 300, "{last} lines of 8 KiB were taken in for a reader who read one");
    drop(stream);
    fake.gone("pid").await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error_with_its_name() {
    let client = Client::builder().backend(BackendKind::Claude).claude_path("/nowhere/claude").build();
    let error = client.query("hi").send().await.unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/claude: cannot start it: "), "{error}");
    assert_eq!(error.exit_code(), 1);
}
