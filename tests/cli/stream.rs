//! `stream`: deltas as they come, and `stream -` as a transparent pipe.

use std::{
    io::{Read, Write},
    process::Stdio,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use crate::harness::{Home, PLANTED_KEY, RUN, Simulator, done, ends, fed};

#[test]
fn an_answer_is_shown_as_it_comes() {
    let home = Home::new();
    let args = ["--reply", "ab", "--chunk-chars", "1", "--ttft", "0", "--stall-after", "1", "--stall", "1500ms"];
    let simulator = Simulator::start(&home, args);
    let mut command = home.cli(["stream", "--backend", "api", "hi"]);
    command.env("ANTHROPIC_API_KEY", PLANTED_KEY).env("ANTHROPIC_BASE_URL", &simulator.url);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut byte = [0];
    stdout.read_exact(&mut byte).unwrap();
    let first = Instant::now();
    assert_eq!(&byte, b"a");
    stdout.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"b");
    assert!(first.elapsed() > Duration::from_secs(1), "the first piece did not wait for the second");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), ends(&mut child)), ("\n", Some(0)));
}

#[test]
fn what_is_recorded_is_the_same_as_for_a_query() {
    let home = Home::new();
    let piped = fed(&mut home.cli(["stream", "-", "--stats"]), RUN.as_bytes());
    assert_eq!((piped.code, piped.out.as_str()), (Some(0), RUN));
    assert!(piped.err.starts_with("claude-opus-4-8 · 25 in (+14 cached), 15 out · $0.0006"), "{}", piped.err);
    let other = Home::new();
    assert_eq!(done(&mut other.fake("tell", ["query", "hi"])).code, Some(0));
    let (ours, theirs) = (&home.rows()[0], &other.rows()[0]);
    assert_eq!(ours.sums().cost, theirs.sums().cost);
    assert_eq!(ours.sums().total_tokens(), theirs.sums().total_tokens());
    assert_eq!((&ours.message_id, &ours.model), (&theirs.message_id, &theirs.model));
    assert_eq!(home.runs()[0].backend, "stdin");
}

#[test]
fn a_stream_recorded_twice_counts_once() {
    let home = Home::new();
    for _ in 0..2 {
        assert_eq!(fed(&mut home.cli(["stream", "-"]), RUN.as_bytes()).code, Some(0));
    }
    let totals = &home.json(["analytics", "summary"])["totals"];
    assert_eq!((&totals["requests"], &totals["output_tokens"]), (&1.into(), &15.into()));
    assert_eq!(totals["cost_usd"], 0.000_564_5);
    home.verify();
}

#[test]
fn a_stream_without_a_result_is_passed_on_and_is_a_failure() {
    let home = Home::new();
    let half: String = RUN.lines().take(5).map(|line| format!("{line}\n")).collect();
    let done = fed(&mut home.cli(["stream", "-"]), half.as_bytes());
    assert_eq!((done.code, done.out), (Some(1), half));
    assert!(done.err.contains("ended without a result"), "{}", done.err);
    assert_eq!(home.rows()[0].input_tokens, 25, "what was spent is recorded all the same");
}

#[test]
fn an_error_in_the_stream_decides_the_exit_code() {
    let home = Home::new();
    let line =
        r#"{"type":"result","subtype":"success","is_error":true,"api_error_status":529,"result":"Overloaded"}"#;
    let done = fed(&mut home.cli(["stream", "-"]), line.as_bytes());
    assert_eq!((done.code, done.out.as_str()), (Some(5), line), "not even a line end is added");
}

#[test]
fn what_comes_slowly_goes_on_at_once() {
    let home = Home::new();
    let mut command = home.cli(["stream", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    for piece in [&b"{\"type\":"[..], b"\"sys", b"tem\"}", b"\n", b"noise"] {
        stdin.write_all(piece).unwrap();
        let mut back = vec![0; piece.len()];
        stdout.read_exact(&mut back).unwrap();
        assert_eq!(back, piece);
    }
    drop(stdin);
    assert_eq!(ends(&mut child), Some(1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_put_in_comes_out(
        lines in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                Just(br#"{"type":"system","subtype":"init","session_id":"s"}"#.to_vec()),
                Just(b"\r\n\n".to_vec()),
            ],
            0..12,
        ),
    ) {
        let home = Home::new();
        let input = lines.join(&b'\n');
        let mut command = home.cli(["stream", "-", "--no-record"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&input).unwrap();
        let mut output = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
        child.wait().unwrap();
        prop_assert_eq!(output, input);
    }
}
