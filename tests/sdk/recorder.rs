//! What a run's events become in the ledger.

use claude_cli::{
    Error, Event, MessageParser, StreamFormat,
    store::{
        Batch, CostMode, Ledger, LedgerReader, Outcome, Recorder, RequestRow, RowKind, RowQuery, RunStart,
        SqliteLedger,
    },
};

use crate::stream::RUN;

fn events(lines: &str) -> Vec<Event> {
    let parser = MessageParser::new(StreamFormat::StreamJson);
    lines.lines().map(|line| parser.parse_line(line).unwrap().unwrap()).collect()
}

fn record(lines: &str, error: Option<&Error>) -> (Outcome, Vec<RequestRow>) {
    let mut recorder = Recorder::start(RunStart {
        command: "query".to_owned(),
        backend: "claude".to_owned(),
        reports_cost: true,
        ..RunStart::default()
    });
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
    for event in events(lines) {
        recorder.observe(&event);
        let batch: Batch = recorder.take_batch();
        ledger.append(&batch).unwrap();
    }
    let (outcome, batch) = recorder.finish(error);
    ledger.append(&batch).unwrap();
    assert!(ledger.verify(false).unwrap().problems.is_empty());
    let mut rows = Vec::new();
    ledger.requests(&RowQuery::default(), &mut |row| rows.push(row)).unwrap();
    (outcome, rows)
}

#[test]
fn a_run_with_partial_messages_is_one_exact_row() {
    let (outcome, rows) = record(RUN, None);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    let row = &rows[0];
    assert_eq!((row.message_id.as_deref(), row.request_id.as_deref()), (Some("msg_0001"), Some("req_0001")));
    assert_eq!((row.input_tokens, row.output_tokens), (25, 15));
    assert_eq!((row.cache_read_tokens, row.cache_write_5m_tokens), (4, 10));
    assert_eq!(row.cost_reported, Some(564_500));
    assert_eq!(row.model.as_deref(), Some("claude-opus-4-8"));
    assert!(row.duration_ms.is_some() && row.error.is_none());
    assert_eq!((outcome.usage.output_tokens, outcome.run.cost), (15, Some(564_500)));
    assert_eq!((outcome.run.exit.as_deref(), outcome.run.attempts), (Some("ok"), 1));
}

#[test]
fn without_partial_messages_the_rest_is_a_remainder() {
    let lines: Vec<&str> = RUN.lines().filter(|line| !line.contains("stream_event")).collect();
    let (outcome, rows) = record(&lines.join("\n"), None);
    assert_eq!(rows.iter().map(|row| row.kind).collect::<Vec<_>>(), [RowKind::Request, RowKind::Remainder]);
    assert_eq!(rows.iter().map(|row| row.output_tokens).sum::<i64>(), 15);
    assert_eq!(rows.iter().filter_map(|row| row.cost(CostMode::Auto)).sum::<i64>(), 564_500);
    assert_eq!((outcome.usage.output_tokens, outcome.run.cost), (15, Some(564_500)));
}

#[test]
fn a_run_that_breaks_off_keeps_what_it_spent() {
    let lines: Vec<&str> = RUN.lines().take(5).collect();
    let (outcome, rows) = record(&lines.join("\n"), Some(&Error::Interrupted));
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].input_tokens, rows[0].error.as_deref()), (25, Some("interrupted")));
    assert_eq!((outcome.run.exit.as_deref(), outcome.run.ended_at.is_some()), (Some("interrupted"), true));
}

#[test]
fn every_failed_attempt_is_a_row_without_tokens() {
    let retry = |n: u8| {
        format!(
            r#"{{"type":"system","subtype":"api_retry","attempt":{n},"error_status":529,"error":"overloaded","retry_delay_ms":5,"session_id":"s","uuid":"u{n}"}}"#
        )
    };
    let lines = format!("{}\n{}\n{RUN}", retry(1), retry(2));
    let (outcome, rows) = record(&lines, None);
    let failed: Vec<_> = rows.iter().filter(|row| row.error.is_some()).collect();
    assert_eq!(failed.len(), 2);
    assert!(
        failed
            .iter()
            .all(|row| row.error.as_deref() == Some("overloaded_error") && row.sums().total_tokens() == 0)
    );
    assert_eq!(outcome.run.attempts, 3);
}

#[test]
fn what_a_subagent_says_is_its_own() {
    let side = RUN
        .lines()
        .filter(|line| line.contains("stream_event"))
        .map(|line| {
            line.replace("\"parent_tool_use_id\":null", "\"parent_tool_use_id\":\"toolu_1\"")
                .replace("msg_0001", "msg_side")
                .replace("req_0001", "req_side")
        })
        .collect::<Vec<_>>()
        .join("\n");
    // Between the lines of the main conversation.
    let (head, tail) = RUN.split_at(RUN.find("{\"type\":\"assistant\"").unwrap());
    let (outcome, rows) = record(&format!("{head}{side}\n{tail}"), None);
    let agents: Vec<_> = rows
        .iter()
        .filter(|row| row.kind == RowKind::Request)
        .map(|row| (row.message_id.as_deref().unwrap(), row.agent.as_deref().unwrap(), row.output_tokens))
        .collect();
    assert!(
        agents.contains(&("msg_0001", "main", 15)) && agents.contains(&("msg_side", "subagent", 15)),
        "{agents:?}"
    );
    assert_eq!(outcome.run.attempts, 2);
}
