//! `--cache`: answers that were given before.

use std::fs;

use serde_json::Value;

use crate::harness::{Done, Home, PLANTED_KEY, Simulator, done, fed};

const FAST: [&str; 5] = ["--ttft", "0ms", "--token-interval", "0", "--echo"];

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {done:?}"))
}

#[test]
fn the_same_question_is_asked_once() {
    let home = Home::new();
    let server = Simulator::start(&home, FAST);
    let ask = |args: &[&str]| {
        let all = ["query", "-o", "json", "--cache", "1h"].into_iter().chain(args.iter().copied());
        let done = done(&mut home.api(&server.url, all));
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
        json(&done)
    };
    let first = ask(&["what is it?"]);
    assert_eq!((&first["cached"], &first["result"]), (&false.into(), &"what is it?".into()));
    let again = ask(&["what is it?"]);
    assert_eq!((&again["cached"], &again["result"]), (&true.into(), &"what is it?".into()));
    assert_eq!((&again["cost_usd"], &again["model"]), (&0.0.into(), &first["model"]));
    assert_eq!((&again["attempts"], &again["usage"]["output_tokens"]), (&0.into(), &0.into()));
    assert_eq!(server.requests().len(), 1);
    let notes = home.write("notes.txt", "one");
    let different: [&[&str]; 5] = [
        &["what is that?"],
        &["--model", "haiku", "what is it?"],
        &["--system", "be brief", "what is it?"],
        &["--max-tokens", "100", "what is it?"],
        &["--no-stdin", "--file", notes.to_str().unwrap(), "what is it?"],
    ];
    for args in different {
        assert_eq!(ask(args)["cached"], false, "{args:?}");
        assert_eq!(ask(args)["cached"], true, "{args:?}");
    }
    home.write("notes.txt", "two");
    assert_eq!(ask(different[4])["cached"], false, "a file's content counts, not its name alone");
    // What limits a run does not change its answer.
    assert_eq!(ask(&["--timeout", "5m", "--max-cost", "3", "what is it?"])["cached"], true);
    assert_eq!(server.requests().len(), 7);
    // Recorded as what it is: runs without requests.
    let runs = home.runs();
    assert_eq!((runs.len(), runs.iter().filter(|run| run.cached).count()), (14, 7));
    assert!(runs.iter().filter(|run| run.cached).all(|run| run.cost == Some(0)));
    assert_eq!(home.rows().len(), 7);
    home.verify();
}

#[test]
fn every_output_shows_it() {
    let home = Home::new();
    let server = Simulator::start(&home, FAST);
    for (args, shown) in [
        (vec!["query"], "hello\n"),
        (vec!["query"], "hello\n"),
        (vec!["stream"], "hello\n"),
        (vec!["query", "-o", "stream-json"], "\"cached\":true"),
    ] {
        let done = done(&mut home.api(&server.url, args.into_iter().chain(["--cache", "1h", "hello"])));
        assert!(done.code == Some(0) && done.out.contains(shown), "{done:?}");
    }
    assert_eq!(server.requests().len(), 1);
    let done = done(&mut home.api(&server.url, ["query", "--cache", "1h", "--stats", "hello"]));
    assert!(done.err.contains("from the cache"), "{done:?}");
}

#[test]
fn an_answer_is_too_old_when_it_is() {
    let home = Home::new();
    let server = Simulator::start(&home, FAST);
    for (age, asked) in [("1h", 1), ("1h", 1), ("1ms", 2), ("1h", 3), ("1h", 3)] {
        done(&mut home.api(&server.url, ["query", "--cache", age, "hello"]));
        assert_eq!(server.requests().len(), asked, "{age}");
    }
    // Without it, nothing is looked up or kept; and it may be deleted at any time.
    done(&mut home.api(&server.url, ["query", "hello"]));
    assert_eq!(server.requests().len(), 4);
    fs::remove_dir_all(home.path("cache")).unwrap();
    done(&mut home.api(&server.url, ["query", "--cache", "1h", "hello"]));
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn only_answers_are_kept() {
    let home = Home::new();
    let server = Simulator::start(&home, FAST.into_iter().chain(["--error-first", "1", "--error-status", "529"]));
    let failed = done(&mut home.api(&server.url, ["query", "--cache", "1h", "--retries", "0", "hello"]));
    assert_eq!(failed.code, Some(5), "{failed:?}");
    let cut = done(
        &mut home.api(&server.url, ["query", "--cache", "1h", "--max-tokens", "2", "a long question, is it not?"]),
    );
    assert_eq!(cut.code, Some(7), "{cut:?}");
    for args in [vec!["hello"], vec!["--max-tokens", "2", "a long question, is it not?"]] {
        let all = ["query", "-o", "json", "--cache", "1h"].into_iter().chain(args);
        assert_eq!(json(&done(&mut home.api(&server.url, all)))["cached"], false);
    }
}

#[test]
fn a_damaged_cache_is_replaced_and_is_no_failure() {
    let home = Home::new();
    let server = Simulator::start(&home, FAST);
    home.write("cache/claude-cli/cache.db", "this is no cache");
    let first = done(&mut home.api(&server.url, ["query", "--cache", "1h", "hello"]));
    assert_eq!((first.code, first.out.as_str()), (Some(0), "hello\n"));
    assert!(first.err.contains("warning: the cache ") && first.err.contains("replaced"), "{first:?}");
    let second = done(&mut home.api(&server.url, ["query", "--cache", "1h", "hello"]));
    assert_eq!((second.err.as_str(), server.requests().len()), ("", 1));
}

#[test]
fn runs_that_may_use_tools_are_refused_unless_forced() {
    let home = Home::new();
    let ask = |args: &[&str]| {
        let all = ["query", "--backend", "claude", "-o", "json"].into_iter().chain(args.iter().copied());
        done(&mut home.fake("tell", all))
    };
    let refused = ask(&["--cache", "1h", "hello"]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{refused:?}");
    assert!(refused.err.contains("--tools=") && refused.err.contains("--cache-with-tools"), "{refused:?}");
    for args in
        [&["--cache", "1h", "--cache-with-tools", "hello"][..], &["--cache", "1h", "hello", "--", "--tools="]]
    {
        assert_eq!(json(&ask(args))["cached"], false, "{args:?}");
        assert_eq!(json(&ask(args))["cached"], true, "{args:?}");
    }
    let resumed = ask(&["--cache", "1h", "--resume", "abc", "hello", "--", "--tools="]);
    assert_eq!(resumed.code, Some(2), "{resumed:?}");
}

#[test]
fn neither_prompts_nor_keys_are_in_the_file() {
    let home = Home::new();
    let server = Simulator::start(&home, ["--ttft", "0ms", "--reply", "an answer"]);
    let prompt = "a prompt nobody may find";
    done(&mut home.api(&server.url, ["query", "--cache", "1h", prompt]));
    assert_eq!(home.contains(prompt), None);
    assert_eq!(home.contains(PLANTED_KEY), None);
    // An answer that repeats a key is not kept.
    let server = Simulator::start(&home, FAST);
    for _ in 0..2 {
        let done = done(&mut home.api(&server.url, ["query", "-o", "json", "--cache", "1h", PLANTED_KEY]));
        assert_eq!(json(&done)["cached"], false);
    }
    assert_eq!(home.contains(PLANTED_KEY), None);
}

#[test]
fn the_bound_holds_and_a_batch_uses_it_too() {
    let home = Home::new();
    let server = Simulator::start(&home, FAST);
    let lines = "{\"prompt\":\"a\"}\n{\"prompt\":\"b\"}\n{\"prompt\":\"c\"}\n";
    for asked in [3, 3] {
        let done = fed(&mut home.api(&server.url, ["query", "--cache", "1h", "--batch", "-"]), lines.as_bytes());
        assert_eq!(done.code, Some(0), "{done:?}");
        assert_eq!(server.requests().len(), asked);
        assert!(asked == 3 || done.err.contains("(3 from the cache)"), "{done:?}");
    }
    let tiny = fed(
        &mut home.api(&server.url, ["query", "--cache", "1h", "--cache-size", "0", "--batch", "-"]),
        lines.as_bytes(),
    );
    assert!(tiny.err.contains("(3 from the cache)"), "reading needs no room: {tiny:?}");
    let done = done(&mut home.api(&server.url, ["query", "--cache", "1h", "--cache-size", "0", "d"]));
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
}
