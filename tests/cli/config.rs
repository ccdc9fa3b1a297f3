//! `config`: the file, what it decides, and what happens if it is broken.

use std::{collections::BTreeSet, fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use crate::harness::{Home, done};

const FILE: &str = "config/claude-cli/config.toml";

fn has(args: &str, wanted: &str) -> bool {
    args.lines().any(|line| line == wanted)
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let home = Home::new();
    home.write(
        FILE,
        "model = \"from-the-file\"\nsystem = \"file\"\ntag = [\"from=file\", \"more=1\"]\nlog_text = true\n",
    );
    for (variable, flag, wanted) in [
        ("", None, "--model=from-the-file"),
        ("from-the-environment", None, "--model=from-the-environment"),
        ("from-the-environment", Some("--model=from-a-flag"), "--model=from-a-flag"),
    ] {
        let mut command = home.fake("tell", ["query", "hi"]);
        command.args(flag);
        if !variable.is_empty() {
            command.env("CLAUDE_CLI_MODEL", variable);
        }
        assert_eq!(done(&mut command).code, Some(0));
        let args = home.note("args");
        assert!(has(&args, wanted) && has(&args, "--system-prompt=file"), "{args}");
    }
    assert_eq!(home.runs()[0].tags, BTreeSet::from(["from=file".to_owned(), "more=1".to_owned()]));
    let found = home.json(["analytics", "runs", "--search", "hi"]);
    assert_eq!(found["runs"].as_array().unwrap().len(), 3, "the file turned --log-text on");

    home.write("other.toml", "model = \"from-another-file\"");
    let other = home.path("other.toml");
    let ask = |args: &[&str], by_variable: bool| {
        let mut command = home.fake("tell", args.iter().copied());
        if by_variable {
            command.env("CLAUDE_CLI_CONFIG", &other);
        }
        assert_eq!(done(&mut command).code, Some(0));
        home.note("args")
    };
    let named = format!("--config={}", other.display());
    for args in [ask(&["query", "hi", &named], false), ask(&["query", "hi"], true)] {
        assert!(has(&args, "--model=from-another-file") && !args.contains("--system-prompt"), "{args}");
    }
}

#[test]
fn a_file_of_the_config_decides_the_backend_and_the_program() {
    let home = Home::new();
    home.write(FILE, format!("claude = \"{}\"\nbackend = \"claude\"\n", crate::harness::FAKE_CLAUDE));
    let mut command = home.cli(["query", "hi"]);
    let run = done(command.env("FAKE", "tell").env("FAKE_DIR", home.folder.path()));
    assert_eq!((run.code, run.out.as_str()), (Some(0), "Grüße\n"), "{run:?}");
    let mut command = home.cli(["doctor"]);
    let told = done(command.env("FAKE", "tell").env("FAKE_DIR", home.folder.path())).out;
    assert!(told.contains("tests/data/claude.sh"), "doctor looks at the same one: {told}");
}

#[test]
fn what_is_set_is_got_and_comments_survive() {
    let home = Home::new();
    let before = "# my settings\n\nmodel = \"opus\" # the big one\n# patience\ntimeout = \"10m\"\n\n[aliases]\n# cheap\nfast = \"claude-haiku-4-5\" # small\n";
    home.write(FILE, before);
    for (key, value) in [
        ("model", "sonnet"),
        ("retries", "7"),
        ("log_text", "true"),
        ("tag", "team=a, env=ci"),
        ("max_cost", "0.5"),
        ("aliases.fast", "claude-haiku-5-5"),
        ("aliases.big", "opus"),
    ] {
        let set = home.run(["config", "set", key, value]);
        assert_eq!(set.code, Some(0), "{key}: {set:?}");
        let got = home.run(["config", "get", key]).out;
        assert_eq!(got.replace(' ', ""), format!("{}\n", value.replace(' ', "")), "{key}");
    }
    let text = home.note(FILE);
    for comment in ["# my settings", "# the big one", "# patience", "# cheap", "# small"] {
        assert!(text.contains(comment), "{comment} is gone: {text}");
    }
    assert!(text.contains("model = \"sonnet\" # the big one\n"), "{text}");
    assert_eq!(home.run(["config", "unset", "model"]).code, Some(0));
    assert_eq!(home.run(["config", "unset", "model"]).code, Some(0), "twice is once");
    assert_eq!(home.run(["config", "unset", "aliases.big"]).code, Some(0));
    let unset = home.run(["config", "get", "model"]);
    assert_eq!(unset.code, Some(1));
    assert!(unset.err.contains("`model` is not set"), "{unset:?}");

    let shown = home.json(["config", "get"]);
    let keys = shown["keys"].as_array().unwrap();
    let value = |name: &str| keys.iter().find(|key| key["key"] == name).unwrap()["value"].clone();
    assert_eq!((value("retries"), value("model")), (json!("7"), Value::Null));
    assert_eq!(value("aliases.fast"), "claude-haiku-5-5");

    // And it counts.
    let asked = done(&mut home.fake("tell", ["query", "--model", "fast", "hi"]));
    assert_eq!(asked.code, Some(0), "{asked:?}");
    assert!(has(&home.note("args"), "--model=claude-haiku-5-5"));
    assert!(has(&home.note("args"), "--max-budget-usd=0.50"));
}

#[test]
fn a_link_stays_a_link() {
    let home = Home::new();
    let real = home.write("dotfiles/claude.toml", "# mine\n");
    fs::create_dir_all(home.path("config/claude-cli")).unwrap();
    symlink(&real, home.path(FILE)).unwrap();
    assert_eq!(home.run(["config", "set", "model", "opus"]).code, Some(0));
    assert!(fs::symlink_metadata(home.path(FILE)).unwrap().is_symlink());
    assert!(fs::read_to_string(real).unwrap().contains("model = \"opus\""));
}

#[test]
fn what_cannot_be_is_refused_with_its_place_and_a_suggestion() {
    for (text, says) in [
        ("# a\nmodle = \"opus\"\n", "config.toml:2: unknown key `modle`; did you mean `model`?"),
        ("timeout = \"10m\"\n\nretries = \"four\"\n", "config.toml:3: `retries` is a whole number"),
        ("log_text = \"yes\"\n", "config.toml:1: `log_text` is true or false"),
        ("tag = \"a=b\"\n", "config.toml:1: `tag` is a list of texts"),
        ("backend = \"magic\"\n", "config.toml: `backend`: invalid value 'magic'"),
        ("timeout = \"soon\"\n", "config.toml: `timeout`: invalid value 'soon'"),
        ("tag = [\"novalue\"]\n", "config.toml: `tag`: invalid value 'novalue'"),
        ("aliases = 3\n", "config.toml:1: `aliases` is a table"),
        ("[aliases]\nfast = 3\n", "alias `fast` is not a text"),
        ("model = \"opus\n", "config.toml: TOML parse error at line 1"),
    ] {
        let home = Home::new();
        home.write(FILE, text);
        let run = done(&mut home.fake("tell", ["query", "hi"]));
        assert_eq!(run.code, Some(2), "{text}: {run:?}");
        assert!(run.err.contains(says), "{text}: {run:?}");
        assert!(!home.path("pid").exists(), "nothing was run");
        // How one repairs it goes on.
        let doctor = home.run(["doctor"]);
        assert_eq!(doctor.code, Some(1), "{doctor:?}");
        assert!(doctor.out.contains("claude-cli config edit"), "{doctor:?}");
        assert_eq!(home.run(["config", "path"]).out.trim(), home.path(FILE).to_str().unwrap());
        assert_eq!(home.run(["config", "get"]).code, Some(0));
    }
    let home = Home::new();
    home.write(FILE, "modle = \"opus\" # typo\nretries = 1\n");
    assert_eq!(home.run(["config", "unset", "modle"]).code, Some(0));
    assert_eq!(done(&mut home.fake("tell", ["query", "hi"])).code, Some(0));
    for (args, says) in [
        (vec!["set", "modle", "opus"], "unknown key `modle`; did you mean `model`?"),
        (vec!["unset", "modle"], "did you mean `model`?"),
        (vec!["get", "tiemout"], "did you mean `timeout`?"),
        (vec!["set", "timeout", "soon"], "`timeout`: invalid value 'soon'"),
        (vec!["set", "tag", "a=b,novalue"], "'novalue'"),
        (vec!["set", "retries", "-1"], "retries"),
        (vec!["set", "max_cost", "0"], "an amount in dollars"),
    ] {
        let refused = home.run(["config"].into_iter().chain(args.iter().copied()));
        assert_eq!(refused.code, Some(2), "{args:?}: {refused:?}");
        assert!(refused.err.contains(says), "{args:?}: {refused:?}");
        assert_eq!(home.note(FILE), "retries = 1\n", "{args:?}");
    }
}

#[test]
fn edit_opens_the_editor_and_checks_what_it_left() {
    let home = Home::new();
    let editor = home.path("editor.sh");
    home.write("editor.sh", "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$0.args\"\nprintf '%s\\n' \"$NEW\" > \"$2\"\n");
    fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let edit = |new: &str| {
        let mut command = home.cli(["config", "edit"]);
        done(command.env("EDITOR", format!("{} --wait", editor.display())).env("NEW", new))
    };
    assert_eq!(edit("model = \"opus\"").code, Some(0));
    assert_eq!(home.note("editor.sh.args").lines().next(), Some("--wait"));
    assert_eq!(home.run(["config", "get", "model"]).out, "opus\n");
    let wrong = edit("modle = 1");
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("did you mean `model`?"), "{wrong:?}");
    assert_eq!(edit("model = \"sonnet\"").code, Some(0), "and it can be edited again");
    let mut command = home.cli(["config", "edit"]);
    let failed = done(command.env("VISUAL", "false"));
    assert_eq!(failed.code, Some(1), "{failed:?}");
}

#[test]
fn the_published_schema_accepts_a_full_file_and_nothing_else() {
    let home = Home::new();
    let schema = home.json(["config", "schema"]);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let full = json!({
        "backend": "api", "model": "opus", "system": "be brief", "timeout": "10m", "first_token_timeout": 30,
        "idle_timeout": "none", "retries": 2, "max_tokens": 100, "max_cost": 0.5, "claude": "/bin/claude",
        "ca_file": "/etc/ca.pem", "tag": ["a=b"], "log_text": false, "format": "json", "db": "/tmp/ledger.db",
        "tz": "UTC", "color": "never", "cache_size": 64, "token_file": "/etc/token", "aliases": { "fast": "haiku" },
    });
    let known: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(known, full.as_object().unwrap().keys().collect(), "every key is in the full file");
    assert!(
        validator.is_valid(&full),
        "{:?}",
        validator.iter_errors(&full).map(|e| e.to_string()).collect::<Vec<_>>()
    );
    // What the schema accepts, the program does, too.
    let text: String = full
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| *name != "aliases")
        .map(|(name, value)| format!("{name} = {value}\n"))
        .collect();
    home.write(FILE, format!("{text}[aliases]\nfast = \"haiku\"\n"));
    let got = home.run(["config", "get", "max_cost"]);
    assert_eq!((got.code, got.out.as_str()), (Some(0), "0.5\n"), "{got:?}");
    let doctor = home.json(["doctor", "--format", "json"]);
    let check = doctor["checks"].as_array().unwrap().iter().find(|check| check["check"] == "config").unwrap();
    assert_eq!(check["state"], "ok", "{check}");
    for wrong in [
        json!({ "modle": "opus" }),
        json!({ "backend": "magic" }),
        json!({ "retries": "2" }),
        json!({ "log_text": "yes" }),
        json!({ "tag": "a=b" }),
        json!({ "aliases": { "fast": 1 } }),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}

#[test]
fn the_prices_in_force_are_shown() {
    let home = Home::new();
    let all = home.json(["config", "prices"]);
    assert_eq!(all["schema"], "claude-cli/prices@1");
    assert!(all["models"].as_array().unwrap().len() > 5);
    home.write(
        "config/claude-cli/prices.json",
        r#"{"as_of":"2999-01","models":{"house-model":{"input":1.5,"output":2}}}"#,
    );
    let own = home.json(["config", "prices"]);
    assert_eq!((&own["as_of"], &own["models"][0]["model"]), (&"2999-01".into(), &"house-model".into()));
    assert_eq!(own["models"][0]["input"], 1.5);
    home.write("config/claude-cli/prices.json", "{");
    let broken = home.run(["config", "prices"]);
    assert_eq!(broken.code, Some(0));
    assert_eq!(broken.err.matches("using the built-in prices").count(), 1, "{}", broken.err);
}
