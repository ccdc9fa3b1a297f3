//! What goes into a prompt: files, templates, conversations; and what a dry
//! run says of it.

use std::{fs, process::Stdio};

use serde_json::{Value, json};

use crate::harness::{FAKE_CLAUDE, Home, PLANTED_KEY, Simulator, done, fed};

/// The smallest beginnings of what they are.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";
const PDF: &[u8] = b"%PDF-1.7 rest";

/// The messages of the last request.
fn sent(simulator: &Simulator) -> Value {
    simulator.requests().last().unwrap()["messages"].clone()
}

fn api(home: &Home) -> Simulator {
    Simulator::start(home, ["--ttft", "0", "--token-interval", "0", "--log-bodies"])
}

#[test]
fn text_files_stand_in_the_prompt() {
    let home = Home::new();
    let (one, two) = (home.write("one.rs", "fn one() {}\n"), home.write("zwei.txt", "Grüße"));
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    let prompt = format!(
        "<file name=\"{one}\">\nfn one() {{}}\n\n</file>\n\n<file name=\"{two}\">\nGrüße\n</file>\n\nreview"
    );
    let run = done(&mut home.fake("tell", ["query", "--file", one, "-f", two, "review"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(home.note("stdin"), prompt);
    // With files, the prompt may be left out, and stdin still counts.
    assert_eq!(fed(&mut home.fake("tell", ["query", "--file", two]), b"from stdin").code, Some(0));
    assert!(home.note("stdin").ends_with("</file>\n\nfrom stdin"), "{}", home.note("stdin"));

    let simulator = api(&home);
    let run = done(&mut home.api(&simulator.url, ["query", "--file", two, "review"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    let content = &sent(&simulator)[0]["content"];
    assert_eq!(content[0], json!({ "type": "text", "text": format!("<file name=\"{two}\">\nGrüße\n</file>") }));
    assert_eq!(content[1], json!({ "type": "text", "text": "review" }));
}

#[test]
fn images_and_pdfs_go_to_the_api_and_are_refused_for_the_program() {
    let home = Home::new();
    let (image, pdf) = (home.write("a.bin", PNG), home.write("b.bin", PDF));
    let (image, pdf) = (image.to_str().unwrap(), pdf.to_str().unwrap());
    let simulator = api(&home);
    let run = done(&mut home.api(&simulator.url, ["query", "-f", image, "-f", pdf, "what is it?"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    let content = &sent(&simulator)[0]["content"];
    assert_eq!((&content[0]["type"], &content[0]["source"]["media_type"]), (&"image".into(), &"image/png".into()));
    assert_eq!(content[0]["source"]["data"], "iVBORw0KGgpyZXN0");
    let media = &content[1]["source"]["media_type"];
    assert_eq!((&content[1]["type"], media), (&"document".into(), &"application/pdf".into()));
    for dry in [&[][..], &["--dry-run"]] {
        let refused = done(home.fake("tell", ["query", "-f", image, "what is it?"]).args(dry));
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{refused:?}");
        assert!(refused.err.contains("images and PDFs need `--backend api`"), "{refused:?}");
        assert!(!home.path("pid").exists(), "nothing was run");
    }
    let junk = home.write("junk", [0xff, 0xfe, 0, 1]);
    for (file, says) in [
        (junk.to_str().unwrap(), "neither UTF-8 text, nor a PNG"),
        ("/nonexistent/file", "cannot read /nonexistent/file"),
        ("/", "cannot read /"),
    ] {
        let refused = done(&mut home.fake("tell", ["query", "-f", file, "hi"]));
        assert!(matches!(refused.code, Some(1 | 2)) && refused.err.contains(says), "{refused:?}");
    }
}

fn template(home: &Home, name: &str, text: &str) {
    home.write(&format!("config/claude-cli/templates/{name}.md"), text);
}

#[test]
fn templates_are_filled_in() {
    let home = Home::new();
    template(&home, "plain", "Review this:");
    template(&home, "vars", "Translate {{input}} to {{ lang }} for {{who}}.");
    template(&home, "head", "+++\nmodel = \"opus\"\nsystem = \"be brief\"\n+++\nSay {{input}}");
    template(&home, "windows", "+++\r\nmodel = \"haiku\"\r\n+++\r\nSay {{input}}");
    template(&home, "empty-head", "+++\n+++\nSay {{input}}");
    template(
        &home,
        "braces",
        "{{ .Values.image }} {{#if x}} {{}} {{{x}}} {{ unclosed, ${{ secrets.KEY }} and {{input}}",
    );
    for (args, prompt) in [
        (&["-t", "plain", "fn x() {}"][..], "Review this:\n\nfn x() {}"),
        (&["-t", "plain"], "Review this:"),
        (
            &["-t", "vars", "--var", "lang= French ", "--var", "who=a=b", "hello"],
            "Translate hello to  French  for a=b.",
        ),
        (&["-t", "head", "hello"], "Say hello"),
        (&["-t", "windows", "hello"], "Say hello"),
        (&["-t", "empty-head", "hello"], "Say hello"),
        (
            &["-t", "braces", "--var", "x=X", "hello {{x}}"],
            "{{ .Values.image }} {{#if x}} {{}} {X} {{ unclosed, ${{ secrets.KEY }} and hello {{x}}",
        ),
    ] {
        let run = done(home.fake("tell", ["query"]).args(args));
        assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
        assert_eq!(home.note("stdin"), prompt);
    }
    done(&mut home.fake("tell", ["query", "-t", "head", "hello"]));
    assert!(
        home.note("args").contains("--model=opus\n") && home.note("args").contains("--system-prompt=be brief")
    );
    done(&mut home.fake("tell", ["query", "-t", "head", "-m", "sonnet", "hello"]));
    assert!(home.note("args").contains("--model=sonnet\n"), "an option wins over the template");
    assert_eq!(fed(&mut home.fake("tell", ["query", "-t", "plain"]), b"piped").code, Some(0));
    assert_eq!(home.note("stdin"), "Review this:\n\npiped");
}

#[test]
fn a_template_that_does_not_fit_is_refused() {
    let home = Home::new();
    template(&home, "vars", "To {{lang}}: {{input}}");
    template(&home, "open", "+++\nmodel = \"opus\"\nno end");
    template(&home, "odd", "+++\ntemperature = \"1\"\n+++\nx");
    for (args, says) in [
        (&["-t", "vars", "hi"][..], "needs a value: --var lang=…"),
        (&["-t", "vars", "--var", "lang=x", "--var", "land=y", "hi"], "template `vars` has no {{land}}"),
        (&["-t", "vars", "--var", "lang=x", "--var", "lang=y", "hi"], "--var lang is given twice"),
        (&["-t", "vars", "--var", "lang=x", "--var", "input=y", "hi"], "--var input"),
        (&["-t", "vars", "--var", "lang", "hi"], "a variable is KEY=VALUE"),
        (&["--var", "lang=x", "hi"], "--template"),
        (&["-t", "open", "hi"], "the head that begins with +++ has no end"),
        (&["-t", "odd", "hi"], "unknown key `temperature`"),
        (&["-t", "nowhere", "hi"], "no template `nowhere`"),
        (&["-t", "../vars", "hi"], "no template `../vars`"),
    ] {
        let refused = done(home.fake("tell", ["query"]).args(args));
        assert_eq!(refused.code, Some(2), "{args:?}: {refused:?}");
        assert!(refused.err.contains(says), "{args:?}: {refused:?}");
        assert!(!home.path("pid").exists());
    }
    let unknown = done(&mut home.fake("tell", ["query", "-t", "nowhere", "hi"]));
    assert!(unknown.err.contains("odd, open, vars"), "the known ones are named: {unknown:?}");
}

#[test]
fn a_conversation_is_gone_on_with_by_single_tokens() {
    let home = Home::new();
    for (args, tokens, not) in [
        (&["-c"][..], &["--continue"][..], "--fork-session"),
        (&["--continue", "--fork"], &["--continue", "--fork-session"], "--resume"),
        (&["--resume", "abc"], &["--resume=abc"], "--fork-session"),
        (&["-r", "abc", "--fork"], &["--resume=abc", "--fork-session"], "--continue"),
        // Not to be taken for an option of the program.
        (&["--resume=--dangerously-skip-permissions"], &["--resume=--dangerously-skip-permissions"], "--continue"),
    ] {
        let run = done(home.fake("tell", ["query", "hi"]).args(args));
        assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
        let given = home.note("args");
        let given: Vec<_> = given.lines().collect();
        for token in tokens {
            assert!(given.contains(token), "{token}: {given:?}");
        }
        assert!(!given.iter().any(|arg| arg.starts_with(not)), "{given:?}");
    }
    for (args, says) in [
        (&["--fork"][..], "--fork needs --continue or --resume"),
        (&["--continue", "--resume", "x"], "cannot be used with"),
        (&["--backend", "simulated", "--continue"], "need the `claude` program"),
        (&["--backend", "simulated", "--resume", "x", "--dry-run"], "need the `claude` program"),
        (&["--backend", "simulated", "--", "--allowedTools=Bash"], "takes no arguments of the `claude` program"),
    ] {
        let refused = done(home.fake("tell", ["query", "hi"]).args(args));
        assert_eq!(refused.code, Some(2), "{args:?}: {refused:?}");
        assert!(refused.err.contains(says), "{args:?}: {refused:?}");
    }
}

#[test]
fn a_dash_is_stdin() {
    let home = Home::new();
    assert_eq!(fed(&mut home.fake("tell", ["query", "-"]), b"from stdin").code, Some(0));
    assert_eq!(home.note("stdin"), "from stdin");
}

fn plan(command: &mut std::process::Command) -> Value {
    let run = done(command.arg("--dry-run"));
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
    serde_json::from_str(&run.out).unwrap()
}

#[test]
fn a_dry_run_shows_the_program_as_it_would_be_run() {
    let home = Home::new();
    let file = home.write("note.txt", "text");
    let args =
        ["query", "--model", "opus", "--max-cost", "0.25", "-f", file.to_str().unwrap(), "hi", "--", "--x=1"];
    let plan = plan(home.fake("tell", ["query"]).args(&args[1..8]).args(["--resume", "s"]));
    assert_eq!((&plan["schema"], &plan["backend"]), (&"claude-cli/plan@1".into(), &"claude".into()));
    let argv: Vec<_> = plan["run"]["argv"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    assert_eq!(argv[..2], [FAKE_CLAUDE, "-p"]);
    for token in ["--model=opus", "--max-budget-usd=0.25", "--resume=s"] {
        assert!(argv.contains(&token), "{argv:?}");
    }
    assert!(!home.path("pid").exists() && !home.path("data").exists(), "nothing was run or recorded");
    // It is what is run.
    assert_eq!(done(home.fake("tell", ["query"]).args(&args[1..8]).args(["--resume", "s"])).code, Some(0));
    assert_eq!(home.note("args").lines().collect::<Vec<_>>(), argv[1..]);
    assert_eq!(plan["run"]["stdin"], home.note("stdin"));
    assert_eq!(plan["estimate"]["ceiling_usd"], 0.25);
    let open = plan_of_unlimited(&home);
    assert_eq!(open["estimate"]["ceiling_usd"], Value::Null, "the program takes as many turns as it likes");
    assert_eq!(open["run"]["argv"].as_array().unwrap().last().unwrap(), "--x=1");
}

fn plan_of_unlimited(home: &Home) -> Value {
    let mut command = home.fake("tell", ["query", "--dry-run", "hi", "--", "--x=1"]);
    let run = done(&mut command);
    serde_json::from_str(&run.out).unwrap_or_else(|e| panic!("{e}: {run:?}"))
}

#[test]
fn a_dry_run_shows_the_request_that_would_be_sent() {
    let home = Home::new();
    let simulator = api(&home);
    let args =
        ["query", "--system", "be brief", "--max-tokens", "1000", "--model", "claude-opus-4-8", "hello you"];
    let plan = plan(&mut home.api(&simulator.url, args));
    assert_eq!(plan["backend"], "api");
    assert_eq!((&plan["run"]["method"], &plan["run"]["headers"]["x-api-key"]), (&"POST".into(), &"***".into()));
    assert_eq!(plan["run"]["url"], format!("{}/v1/messages", simulator.url));
    let body = &plan["run"]["body"];
    assert_eq!((&body["model"], &body["max_tokens"]), (&"claude-opus-4-8".into(), &1000.into()));
    assert_eq!(body["messages"], json!([{ "role": "user", "content": "hello you" }]));
    // 17 bytes are about 6 tokens at 5 USD, and 1,000 at 25 USD a million.
    let estimate = &plan["estimate"];
    assert_eq!(estimate["prompt_tokens"], 6);
    assert_eq!(estimate["prompt_cost_usd"], 0.00003);
    assert_eq!(estimate["ceiling_usd"], 0.02503);
    assert_eq!(simulator.requests().len(), 0);
    // A budget shortens the answer that is asked for, and is the ceiling.
    let mut command = home.api(&simulator.url, args);
    let tight = self::plan(command.args(["--max-cost", "0.01"]));
    assert!(tight["run"]["body"]["max_tokens"].as_u64().unwrap() < 400, "{tight}");
    assert_eq!(tight["estimate"]["ceiling_usd"], 0.01);
    let unknown = self::plan(&mut home.api(&simulator.url, ["query", "--model", "nobody-1", "hi"]));
    assert_eq!(unknown["estimate"]["ceiling_usd"], Value::Null, "unknown is not 0");
    let refused = done(&mut home.api(&simulator.url, ["query", "--model", "nobody-1", "--max-cost", "1", "hi"]));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("the price of nobody-1 is unknown"), "{refused:?}");
    let mut command = home.api(&simulator.url, ["query", "hi"]);
    let keyless = self::plan(command.env_remove("ANTHROPIC_API_KEY"));
    assert_eq!(keyless["run"]["headers"]["x-api-key"], "(not set)");
}

#[test]
fn texts_are_kept_only_if_that_is_wanted_and_are_found_again() {
    let home = Home::new();
    assert_eq!(done(&mut home.fake("tell", ["query", "about zebras"])).code, Some(0));
    assert_eq!(home.contains("zebras").filter(|path| path.starts_with(home.path("data"))), None);
    let run = done(&mut home.fake("tell", ["query", "--log-text", "--tag", "kind=animal", "about", "giraffes"]));
    assert_eq!(run.code, Some(0));
    let found = home.json(["analytics", "runs", "--search", "giraffes"]);
    let runs = found["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "{found}");
    assert_eq!((&runs[0]["prompt"], &runs[0]["answer"]), (&"about giraffes".into(), &"Grüße".into()));
    assert_eq!(home.json(["analytics", "runs", "--search", "Grüße"])["runs"].as_array().unwrap().len(), 1);
    assert_eq!(home.json(["analytics", "runs", "--search", "zebras"])["runs"], json!([]));
    assert_eq!(fed(&mut home.cli(["stream", "-", "--log-text"]), crate::harness::RUN.as_bytes()).code, Some(0));
    assert_eq!(home.json(["analytics", "runs", "--search", "Grüße"])["runs"].as_array().unwrap().len(), 2);
    let by_tag = home.json(["analytics", "summary", "--by", "tag"]);
    assert!(by_tag["groups"].as_array().unwrap().iter().any(|group| group["key"] == "kind=animal"), "{by_tag}");
    for (args, tags) in [(&["--tag", "novalue"][..], ""), (&[], "novalue")] {
        let refused = done(home.fake("tell", ["query", "hi"]).args(args).env("CLAUDE_CLI_TAGS", tags));
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.err.contains("a tag is KEY=VALUE"), "{refused:?}");
    }
}

#[test]
fn quiet_is_quiet_and_verbose_tells_what_is_done() {
    let home = Home::new();
    let simulator = Simulator::start(&home, ["--error-status", "529", "--error-first", "1", "--ttft", "0"]);
    let told = done(&mut home.api(&simulator.url, ["query", "-v", "hi"]));
    assert_eq!(told.code, Some(0), "{told:?}");
    for what in ["asking the API", "attempt=2", "trying again", "529", "committed to the ledger"] {
        assert!(told.err.contains(what), "{what}: {}", told.err);
    }
    assert!(!told.out.contains("asking") && !told.err.contains(PLANTED_KEY));
    let program = done(&mut home.fake("tell", ["query", "-v", "--system", "a long text", "hi"]));
    assert!(program.err.contains("starting the program") && program.err.contains("--system-prompt=(11 bytes)"));
    home.write("data/claude-cli/ledger.db", "this is no ledger, however long one looks at it ".repeat(50));
    for (flag, says) in [("--quiet", false), ("--stats", true)] {
        let run = done(&mut home.fake("tell", ["query", flag, "hi"]));
        assert_eq!((run.code, run.err.contains("warning")), (Some(0), says), "{run:?}");
    }
    let failed = done(&mut home.fake("boom", ["query", "--quiet", "hi"]));
    assert!(failed.err.starts_with("claude-cli: error: "), "errors are told all the same: {failed:?}");
    let both = home.run(["query", "--quiet", "--verbose", "hi"]);
    assert_eq!(both.code, Some(2));
}

#[test]
fn a_prompt_may_come_from_a_file_a_pipe_or_nowhere() {
    let home = Home::new();
    let file = home.write("prompt.txt", "from a file");
    let mut command = home.fake("tell", ["query"]);
    assert_eq!(done(command.stdin(fs::File::open(&file).unwrap())).code, Some(0));
    assert_eq!(home.note("stdin"), "from a file");
    let mut command = home.fake("tell", ["query", "just this"]);
    assert_eq!(done(command.stdin(Stdio::null())).code, Some(0));
    assert_eq!(home.note("stdin"), "just this");
}
