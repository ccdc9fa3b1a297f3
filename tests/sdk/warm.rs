//! Programs that are kept running: conversations of their own, and no doubt.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::{Duration, Instant},
};

use claude_cli::{Client, Response, client::BackendKind};
use tempfile::TempDir;

struct Warm {
    folder: TempDir,
    client: Client,
}

/// A line of the stand-in's log.
#[derive(Debug)]
struct Prompt {
    process: i32,
    session: String,
}

impl Warm {
    fn new(how: &str, most: usize, uses: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let env = BTreeMap::from([
            ("WARM".to_owned(), how.to_owned()),
            ("WARM_DIR".to_owned(), folder.path().display().to_string()),
        ]);
        let client = Client::builder()
            .backend(BackendKind::Claude)
            .claude_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/warm-claude.sh"))
            .env(env)
            .warm(most, uses)
            .build();
        Self { folder, client }
    }

    async fn ask(&self, prompt: &str) -> claude_cli::Result<Response> {
        self.client.query(prompt).send().await
    }

    /// Asks one after the other; the answers.
    async fn answers(&self, prompts: &[&str]) -> Vec<String> {
        let mut answers = Vec::new();
        for prompt in prompts {
            answers.push(self.ask(prompt).await.unwrap().text().to_owned());
        }
        answers
    }

    fn prompts(&self) -> Vec<Prompt> {
        let log = fs::read_to_string(self.folder.path().join("prompts")).unwrap();
        log.lines()
            .map(|line| {
                let (process, rest) = line.split_once(' ').unwrap();
                let session = rest.split(' ').next().unwrap().to_owned();
                Prompt { process: process.parse().unwrap(), session }
            })
            .collect()
    }

    fn processes(&self) -> BTreeSet<i32> {
        self.prompts().iter().map(|prompt| prompt.process).collect()
    }

    /// Closes, and nothing is left.
    async fn close(&self) {
        self.client.close().await;
        for process in self.processes() {
            assert!(!Path::new(&format!("/proc/{process}/cmdline")).exists() || is_zombie(process), "{process}");
        }
    }
}

fn is_zombie(process: i32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[tokio::test]
async fn one_process_holds_a_conversation_after_the_other() {
    let warm = Warm::new("", 2, 100);
    assert_eq!(warm.answers(&["a", "b", "c", "d"]).await, ["0:a", "0:b", "0:c", "0:d"]);
    assert_eq!(warm.processes().len(), 1);
    let sessions: BTreeSet<String> = warm.prompts().into_iter().map(|prompt| prompt.session).collect();
    assert_eq!(sessions.len(), 4);
    warm.close().await;
}

#[tokio::test]
async fn each_run_is_told_what_it_spent_itself() {
    let warm = Warm::new("", 1, 100);
    let mut sessions = BTreeSet::new();
    for prompt in ["a", "b", "c"] {
        let response = warm.ask(prompt).await.unwrap();
        assert_eq!((response.usage().input_tokens, response.usage().output_tokens), (10, 5));
        assert_eq!(response.cost_nanos(), Some(1_000_000));
        sessions.insert(response.session_id().unwrap().to_owned());
    }
    assert_eq!(sessions.len(), 3);
    warm.close().await;
}

#[tokio::test]
async fn prompts_at_once_have_processes_of_their_own_and_no_more() {
    let warm = Warm::new("", 3, 100);
    for _ in 0..3 {
        let all = tokio::join!(warm.ask("a"), warm.ask("b"), warm.ask("c"));
        for (answer, expected) in [(all.0, "0:a"), (all.1, "0:b"), (all.2, "0:c")] {
            assert_eq!(answer.unwrap().text(), expected);
        }
    }
    assert_eq!(warm.processes().len(), 3);
    warm.close().await;
}

#[tokio::test]
async fn a_process_is_used_so_often_and_not_more() {
    let warm = Warm::new("", 1, 2);
    assert_eq!(warm.answers(&["a", "b", "c", "d", "e"]).await.len(), 5);
    assert_eq!(warm.processes().len(), 3);
    warm.close().await;
}

#[tokio::test]
async fn after_any_doubt_there_is_another_process() {
    for how in ["tools", "stray"] {
        let warm = Warm::new(how, 1, 100);
        assert_eq!(warm.answers(&["a", "b", "c"]).await, ["0:a", "0:b", "0:c"], "{how}");
        assert_eq!(warm.processes().len(), 3, "{how}");
        warm.close().await;
    }
    let warm = Warm::new("", 1, 100);
    warm.answers(&["a"]).await;
    assert!(warm.ask("fail").await.unwrap_err().is_not_delivered());
    assert_eq!(warm.answers(&["b"]).await, ["0:b"]);
    assert_eq!(warm.processes().len(), 2);
    warm.close().await;
}

#[tokio::test]
async fn what_does_not_begin_anew_is_started_anew() {
    // It keeps its conversation, or takes the command for a prompt: found out
    // before a prompt is sent; after some tries nothing is kept running.
    for how in ["sticky", "prompt", "hangs"] {
        let warm = Warm::new(how, 1, 100);
        let prompts = if how == "hangs" { &["a", "b"][..] } else { &["a", "b", "c", "d", "e"] };
        for (answer, prompt) in warm.answers(prompts).await.into_iter().zip(prompts) {
            assert!(answer == format!("0:{prompt}") || answer == format!("cold 0:{prompt}"), "{how}: {answer}");
        }
        warm.close().await;
    }
}

#[tokio::test]
async fn an_answer_from_another_conversation_is_not_taken() {
    let warm = Warm::new("elsewhere", 1, 100);
    assert_eq!(warm.answers(&["a", "b", "c"]).await, ["0:a", "0:b", "0:c"]);
    warm.close().await;
}

#[tokio::test]
async fn a_process_that_goes_without_a_word_loses_no_prompt() {
    let warm = Warm::new("dies", 1, 100);
    assert_eq!(warm.answers(&["a", "b", "c"]).await, ["0:a", "0:b", "0:c"]);
    assert_eq!(warm.processes().len(), 3);
    warm.close().await;
}

#[tokio::test]
async fn a_program_that_cannot_be_kept_running_runs_as_ever() {
    let warm = Warm::new("mute", 2, 100);
    assert_eq!(warm.answers(&["a", "b"]).await, ["cold 0:a", "cold 0:b"]);
    warm.close().await;
}

#[tokio::test]
async fn a_prompt_that_is_a_command_has_a_process_of_its_own() {
    let warm = Warm::new("", 2, 100);
    assert_eq!(warm.answers(&["a", "/model haiku", "b"]).await, ["0:a", "cold 0:/model haiku", "0:b"]);
    assert_eq!(warm.processes().len(), 2);
    warm.close().await;
}

#[tokio::test]
async fn other_options_mean_another_process_within_the_bound() {
    let warm = Warm::new("", 1, 100);
    for model in ["one", "other", "one"] {
        let answer = warm.client.query("a").model(model).send().await.unwrap();
        assert_eq!(answer.text(), "0:a");
    }
    assert_eq!(warm.processes().len(), 3);
    warm.close().await;
}

#[tokio::test]
async fn limits_and_cancelling_leave_nothing_behind() {
    let warm = Warm::new("slow", 2, 100);
    let mut limits = claude_cli::client::Limits::default();
    limits.total = Some(Duration::from_millis(300));
    let error = warm.client.query("x").limits(limits).send().await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    let mut stream = warm.client.query("y").stream().await.unwrap();
    assert!(stream.next_event().await.unwrap().is_ok());
    let asked = Instant::now();
    stream.cancel();
    let mut last = None;
    while let Some(event) = stream.next_event().await {
        last = Some(event);
    }
    assert!(last.unwrap().unwrap_err().is_interrupted());
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert_eq!(warm.answers(&["quick"]).await, ["0:quick"]);
    assert_eq!(warm.processes().len(), 3);
    warm.close().await;
}
