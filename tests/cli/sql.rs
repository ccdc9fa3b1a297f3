//! `analytics sql`: every question, and no answer that changes anything.

use std::{fs, io::Read, process::Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    harness::{Done, Home, done, drain, ends, fed, signal},
    machines::{machine, record, request},
};

fn ask(home: &Home, query: &str) -> Value {
    home.json(["analytics", "sql", query])
}

#[test]
fn the_views_have_the_columns_they_promise() {
    let home = machine("desk", 3);
    let schema = home.json(["analytics", "sql", "--schema"]);
    assert_eq!(schema["schema"], "claude-cli/sql-views@1");
    let expected = [
        (
            "requests_v1",
            "time,time_ms,day,kind,message_id,request_id,session_id,run_id,model,project,branch,agent,claude_version,source,user,host,tags,input_tokens,output_tokens,cache_read_tokens,cache_write_5m_tokens,cache_write_1h_tokens,total_tokens,web_searches,cost_usd,cost_nanos,cost_reported_nanos,cost_calculated_nanos,priced_as_of,duration_ms,ttft_ms,error,simulated",
        ),
        (
            "runs_v1",
            "run_id,started,started_ms,ended,command,backend,model,session_id,project,user,host,tags,exit,error,attempts,ttft_ms,duration_ms,cost_usd,cost_nanos,cached,simulated",
        ),
        (
            "sessions_v1",
            "session_id,first,last,project,branch,model,requests,errors,input_tokens,output_tokens,cache_read_tokens,cache_write_5m_tokens,cache_write_1h_tokens,total_tokens,web_searches,cost_usd,cost_nanos,unpriced_requests,simulated",
        ),
        (
            "days_v1",
            "day,requests,errors,input_tokens,output_tokens,cache_read_tokens,cache_write_5m_tokens,cache_write_1h_tokens,total_tokens,web_searches,cost_usd,cost_nanos,unpriced_requests",
        ),
    ];
    for ((name, columns), said) in expected.iter().zip(schema["views"].as_array().unwrap()) {
        assert_eq!(said["name"], *name);
        let said: Vec<_> =
            said["columns"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
        assert_eq!(said.join(","), *columns, "columns are only ever added, at the end");
        let csv = home.run(["analytics", "sql", "--format", "csv", &format!("SELECT * FROM {name} LIMIT 1")]);
        assert_eq!(csv.out.lines().next().unwrap(), *columns);
    }
}

#[test]
fn views_say_what_reports_say() {
    let home = machine("desk", 60);
    assert_eq!(done(&mut home.fake("tell", ["query", "--tag", "team=a", "hi"])).code, Some(0));
    let mut simulated = request("desk", 70);
    simulated.simulated = true;
    record(&home, vec![simulated]);
    let totals = home.json(["analytics", "summary"])["totals"].clone();
    for query in [
        "SELECT sum(kind = 'request') AS requests, sum(error IS NOT NULL) AS errors, sum(input_tokens) AS \
         input_tokens, sum(total_tokens) AS total_tokens, sum(cost_nanos) / 1e9 AS cost_usd, \
         sum(cost_nanos IS NULL AND total_tokens > 0) AS unpriced_requests FROM requests_v1",
        "SELECT sum(requests) AS requests, sum(errors) AS errors, sum(input_tokens) AS input_tokens, \
         sum(total_tokens) AS total_tokens, sum(cost_nanos) / 1e9 AS cost_usd, \
         sum(unpriced_requests) AS unpriced_requests FROM days_v1",
        "SELECT sum(requests) AS requests, sum(errors) AS errors, sum(input_tokens) AS input_tokens, \
         sum(total_tokens) AS total_tokens, sum(cost_nanos) / 1e9 AS cost_usd, \
         sum(unpriced_requests) AS unpriced_requests FROM sessions_v1",
    ] {
        let row = &ask(&home, query)["rows"][0];
        for (name, value) in row.as_object().unwrap() {
            assert_eq!(*value, totals[name], "{name} of {query}");
        }
    }
    let days = ask(&home, "SELECT day, requests, cost_usd FROM days_v1 ORDER BY day LIMIT 2");
    assert_eq!(days["columns"], json!(["day", "requests", "cost_usd"]));
    assert_eq!((&days["rows"][0]["day"], &days["rows"][0]["requests"]), (&"2026-07-01".into(), &24.into()));
    let first = &ask(&home, "SELECT * FROM requests_v1 WHERE time_ms = 1782864000000")["rows"][0];
    assert_eq!((&first["time"], &first["host"]), (&"2026-07-01T00:00:00.000Z".into(), &"desk".into()));
    assert_eq!((&first["tags"], &first["source"]), (&r#"["host=desk","team=a"]"#.into(), &"transcript".into()));
    let run = &ask(&home, "SELECT * FROM runs_v1")["rows"][0];
    let listed = &home.json(["analytics", "runs"])["runs"][0];
    for (ours, theirs) in [
        ("run_id", "id"),
        ("backend", "backend"),
        ("cost_usd", "cost_usd"),
        ("exit", "exit"),
        ("attempts", "attempts"),
        ("ttft_ms", "ttft_ms"),
    ] {
        assert_eq!(run[ours], listed[theirs], "{ours}");
    }
    assert_eq!((&run["tags"], &run["cached"]), (&r#"["team=a"]"#.into(), &0.into()));
    let count = "SELECT count(*) AS n FROM requests_v1 WHERE simulated";
    assert_eq!(ask(&home, count)["rows"][0]["n"], 0);
    assert_eq!(home.json(["analytics", "sql", "--include-simulated", count])["rows"][0]["n"], 1);
}

#[test]
fn every_format_shows_null_as_nothing() {
    let home = machine("desk", 1);
    let query = "SELECT NULL AS a, 'x, \"y\"' AS b, 1.5 AS c, x'00ff' AS d, 7 AS b";
    let answer = ask(&home, query);
    assert_eq!(answer["schema"], "claude-cli/sql@1");
    let row = json!({ "a": null, "b": "x, \"y\"", "c": 1.5, "d": "00ff", "b_2": 7 });
    assert_eq!(answer["rows"][0], row);
    let said = |format: &str| home.run(["analytics", "sql", "--format", format, query]).out;
    assert_eq!(serde_json::from_str::<Value>(&said("ndjson")).unwrap(), row);
    assert_eq!(said("csv"), "a,b,c,d,b\r\n,\"x, \"\"y\"\"\",1.5,00ff,7\r\n");
    assert!(said("markdown").contains("|   | x, \"y\" | 1.5 | 00ff | 7 |"), "{}", said("markdown"));
    assert!(said("table").contains("00ff"));
    let piped = fed(&mut home.cli(["analytics", "sql", "-"]), b"SELECT 1 AS one; -- and no more\n");
    assert!(piped.out.contains("\"one\": 1"), "{piped:?}");
}

#[test]
fn nothing_can_be_written() {
    let home = machine("desk", 5);
    let before = fs::read(home.ledger_path()).unwrap();
    let aside = home.path("aside.db");
    for query in [
        "DELETE FROM requests",
        "DELETE FROM requests RETURNING id",
        "INSERT INTO names (kind, value) VALUES (1, 'x') RETURNING id",
        "UPDATE main.requests SET input = 0",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t AS SELECT 1",
        "DROP VIEW requests_v1",
        "DROP TABLE requests",
        "VACUUM",
        &format!("VACUUM INTO '{}'", aside.display()),
        &format!("ATTACH '{}' AS other", aside.display()),
        "BEGIN IMMEDIATE",
        "PRAGMA user_version = 9",
        "REINDEX",
        "SELECT load_extension('x')",
    ] {
        let refused = home.run(["analytics", "sql", query]);
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{query}: {refused:?}");
    }
    for query in ["PRAGMA journal_mode = DELETE", "PRAGMA query_only = 0", "PRAGMA wal_checkpoint(TRUNCATE)"] {
        home.run(["analytics", "sql", query]);
    }
    assert!(!aside.exists());
    assert_eq!(fs::read(home.ledger_path()).unwrap(), before);
    assert_eq!(home.rows().len(), 5);
    home.verify();
}

#[test]
fn errors_are_told_in_sqlites_words() {
    let home = machine("desk", 1);
    for (query, words) in [
        ("SELEC 1", "syntax error"),
        ("SELECT x FROM requests_v1", "no such column: x"),
        ("SELECT * FROM absent", "no such table: absent"),
        ("SELECT json('{')", "malformed JSON"),
        ("SELECT 1; SELECT 2", "one query at a time"),
        ("", "there is no query"),
        ("/* nothing */", "there is no query"),
    ] {
        let refused = home.run(["analytics", "sql", query]);
        assert_eq!(refused.code, Some(2), "{query}: {refused:?}");
        assert!(refused.err.contains(words), "{query}: {refused:?}");
    }
    let none: Done = Home::new().run(["analytics", "sql", "SELECT 1"]);
    assert_eq!(none.code, Some(1));
    assert!(none.err.contains("no ledger yet"), "{none:?}");
}

#[test]
fn a_query_without_end_can_be_interrupted() {
    let home = machine("desk", 1);
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    for how in [Signal::INT, Signal::TERM] {
        let mut command = home.cli(["analytics", "sql", "--format", "ndjson", endless]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut [0; 8]).unwrap();
        signal(&child, how);
        let reader = std::thread::spawn(move || drain(out));
        assert_eq!(ends(&mut child), Some(130));
        reader.join().unwrap();
        assert_eq!(drain(child.stderr.take().unwrap()), "claude-cli: error: interrupted\n");
    }
}
