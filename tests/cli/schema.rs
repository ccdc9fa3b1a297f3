//! `--json-schema`: checked here, asked again within bounds.

use serde_json::{Value, json};

use crate::harness::{Home, Simulator, done};

const SCHEMA: &str = r#"{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}"#;

/// A run of the program that answers with a text, and perhaps by schema.
fn answer(id: u32, text: &str, structured: Option<Value>) -> String {
    let usage = json!({ "input_tokens": 100, "output_tokens": 10 });
    let mut result = json!({
        "type": "result", "subtype": "success", "is_error": false, "result": text, "session_id": "s",
        "uuid": format!("r{id}"), "total_cost_usd": 0.25, "usage": usage,
        "modelUsage": { "claude-opus-4-8": { "inputTokens": 100, "outputTokens": 10, "costUSD": 0.25 } },
    });
    if let Some(structured) = structured {
        result["structured_output"] = structured;
    }
    format!("{result}\n")
}

fn ask<'a>(home: &Home, answers: &[String], args: impl IntoIterator<Item = &'a str>) -> crate::harness::Done {
    let answers: Vec<_> = answers.iter().map(String::as_str).collect();
    done(
        home.scripted(&answers, ["query", "--json-schema", SCHEMA, "who?"])
            .args(args.into_iter().collect::<Vec<_>>()),
    )
}

#[test]
fn an_answer_that_follows_is_printed_as_json() {
    for (text, structured) in [
        (r#"{"name": "Ada"}"#, None),
        ("```json\n{\"name\": \"Ada\"}\n```\n", None),
        ("```\n{\"name\": \"Ada\"}\n```", None),
        ("``` JSON\n{\"name\":\"Ada\"}```", None),
        ("Here you are.", Some(json!({ "name": "Ada" }))),
        ("", Some(json!({ "name": "Ada" }))),
    ] {
        let home = Home::new();
        let run = ask(&home, &[answer(1, text, structured)], []);
        assert_eq!(
            (run.code, run.out.as_str(), run.err.as_str()),
            (Some(0), "{\"name\":\"Ada\"}\n", ""),
            "{text}"
        );
        assert!(home.note("args-1").contains("--json-schema={\"type\":\"object\""), "{}", home.note("args-1"));
    }
}

#[test]
fn one_that_does_not_is_asked_for_again_with_what_was_wrong() {
    let home = Home::new();
    let answers = [answer(1, "no idea", None), answer(2, "{}", None), answer(3, r#"{"name":"Ada"}"#, None)];
    let run = ask(&home, &answers, ["--output", "json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.err.matches("asking again").count(), 2, "{run:?}");
    assert_eq!(home.note("stdin-1"), "who?");
    assert!(
        home.note("stdin-2")
            .starts_with("who?\n\nYour last answer did not follow the JSON schema: it is not JSON")
    );
    assert!(home.note("stdin-3").contains("\"name\" is a required property"), "{}", home.note("stdin-3"));
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["result"], r#"{"name":"Ada"}"#);
    assert_eq!(json["cost_usd"], 0.75, "all three cost something");
    assert_eq!(json["usage"]["input_tokens"], 300);
    let exits: Vec<_> = home.runs().into_iter().map(|run| run.exit.unwrap()).collect();
    assert_eq!(exits, ["ok", "not_delivered", "not_delivered"]);
    home.verify();
}

#[test]
fn after_the_last_retry_it_is_not_delivered() {
    for (retries, asked) in [("0", "1"), ("1", "2")] {
        let home = Home::new();
        let answers = [answer(1, "no", None), answer(2, "{\"name\": 3}", None), answer(3, "never asked", None)];
        let run = ask(&home, &answers, ["--schema-retries", retries]);
        assert_eq!((run.code, run.out.as_str()), (Some(7), ""), "{run:?}");
        assert!(run.err.contains("the answer does not follow the schema"), "{run:?}");
        assert_eq!(home.note("n").trim(), asked);
    }
}

#[test]
fn asking_again_ends_where_the_budget_does() {
    let home = Home::new();
    let answers = [answer(1, "no", None), answer(2, "no", None), answer(3, r#"{"name":"Ada"}"#, None)];
    let run = ask(&home, &answers, ["--max-cost", "0.5"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.err.contains("over budget: 0.5000 USD of 0.50"), "{run:?}");
    assert_eq!(home.note("n").trim(), "2");
    assert!(home.note("args-2").contains("--max-budget-usd=0.25"), "what is left: {}", home.note("args-2"));
}

#[test]
fn the_api_is_made_to_answer_by_a_tool() {
    let home = Home::new();
    let args = ["--ttft", "0", "--token-interval", "0", "--reply", r#"{"name":"Ada"}"#];
    let simulator = Simulator::start(&home, args);
    let schema = home.write("schema.json", SCHEMA);
    let schema = schema.to_str().unwrap();
    let run = done(&mut home.api(&simulator.url, ["query", "--json-schema", schema, "who?"]));
    assert_eq!((run.code, run.out.as_str()), (Some(0), "{\"name\":\"Ada\"}\n"), "{run:?}");
    let plan = done(&mut home.api(&simulator.url, ["query", "--dry-run", "--json-schema", schema, "who?"]));
    let plan: Value = serde_json::from_str(&plan.out).unwrap();
    let body = &plan["run"]["body"];
    assert_eq!(body["tool_choice"], json!({ "type": "tool", "name": body["tools"][0]["name"] }));
    assert_eq!(body["tools"][0]["input_schema"], serde_json::from_str::<Value>(SCHEMA).unwrap());

    let home = Home::new();
    let wrong = Simulator::start(&home, ["--ttft", "0", "--token-interval", "0", "--reply", "{\"name\":3}"]);
    let run = done(&mut home.api(&wrong.url, ["stream", "--json-schema", schema, "who?"]));
    assert_eq!((run.code, run.out.as_str()), (Some(7), ""), "not even `stream` shows it: {run:?}");
    assert!(run.err.contains("3 is not of type \"string\" (at `/name`)"), "{run:?}");
    assert_eq!(wrong.requests().len(), 3);
}

#[test]
fn what_is_no_schema_is_refused() {
    let home = Home::new();
    let file = home.write("no.json", "not json");
    for (schema, code, says) in [
        (file.to_str().unwrap(), 2, "no.json: not JSON"),
        ("{", 2, "--json-schema: not JSON"),
        (r#"{"type": "nonsense"}"#, 2, "--json-schema: not a JSON schema"),
        ("/nonexistent.json", 1, "cannot read the schema /nonexistent.json"),
    ] {
        let refused = done(&mut home.fake("tell", ["query", "--json-schema", schema, "hi"]));
        assert_eq!(refused.code, Some(code), "{refused:?}");
        assert!(refused.err.contains(says), "{refused:?}");
        assert!(!home.path("pid").exists());
    }
}
