//! The decoder and parser over lines as the real program writes them.

use claude_cli::{
    Error, Event, EventKind, MessageParser, StreamFormat,
    stream::{ApiEvent, ByteString, ContentBlock, Decoder, Delta, StreamEvent},
};

pub(crate) const RUN: &str = include_str!("../data/run.jsonl");

pub(crate) fn decode(format: StreamFormat, pieces: &[&[u8]]) -> Vec<Result<Event, String>> {
    let mut decoder = Decoder::new(format);
    let mut events = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(event) = decoder.next_event() {
            events.push(event.map_err(|e| e.to_string()));
        }
    }
    while let Some(event) = decoder.finish() {
        events.push(event.map_err(|e| e.to_string()));
    }
    events
}

fn parse(line: &str) -> EventKind {
    MessageParser::new(StreamFormat::StreamJson).parse_line(line).unwrap().unwrap().into_kind()
}

#[test]
fn a_run_is_decoded_line_by_line() {
    let events = decode(StreamFormat::StreamJson, &[RUN.as_bytes()]);
    assert_eq!(events.len(), 10);
    let events: Vec<Event> = events.into_iter().map(Result::unwrap).collect();
    for (event, line) in events.iter().zip(RUN.lines()) {
        assert_eq!(event.raw(), line.as_bytes(), "an event keeps its text");
    }
    let EventKind::Init(init) = events[0].kind() else { panic!("{:?}", events[0]) };
    assert_eq!(init.model.as_deref(), Some("claude-opus-4-8[1m]"));
    assert_eq!(init.tools, ["Task", "Bash"]);
    assert_eq!(init.version.as_deref(), Some("2.1.197"));
    assert_eq!(events[4].text_delta(), Some("Grüße"));
    let EventKind::Assistant(message) = events[5].kind() else { panic!("{:?}", events[5]) };
    assert_eq!(message.request_id.as_deref(), Some("req_0001"));
    assert_eq!(message.message.content.blocks(), [ContentBlock::Text("Grüße".into())]);
    let EventKind::Stream(StreamEvent { event: ApiEvent::MessageDelta { usage, .. }, .. }) = events[7].kind()
    else {
        panic!("{:?}", events[7])
    };
    assert!(!usage.has_input);
    assert_eq!(usage.usage.output_tokens, 15);
    let EventKind::Result(result) = events[9].kind() else { panic!("{:?}", events[9]) };
    assert_eq!(result.cost_nanos, Some(564_500));
    assert_eq!(result.model_usage.len(), 1);
    assert_eq!(result.model_usage[0].cost_nanos, Some(564_500));
    assert_eq!(result.usage.as_ref().unwrap().cache_write_5m_tokens, 10);
}

#[test]
fn what_is_unknown_is_kept() {
    let line = r#"{"type":"brand_new","field":{"deep":[1,2]}}"#;
    let event = MessageParser::new(StreamFormat::StreamJson).parse_line(line).unwrap().unwrap();
    assert_eq!(*event.kind(), EventKind::Unknown { kind: "brand_new".into() });
    assert_eq!(event.json().unwrap()["field"]["deep"][1], 2);
    let EventKind::Stream(stream) = parse(r#"{"type":"stream_event","event":{"type":"new_thing"}}"#) else {
        panic!()
    };
    assert_eq!(stream.event, ApiEvent::Unknown { kind: "new_thing".into() });
    assert_eq!(parse(r#"{"no":"type"}"#), EventKind::Unknown { kind: ByteString::new() });
}

#[test]
fn odd_fields_do_not_cost_the_line() {
    let EventKind::Result(result) = parse(
        r#"{"type":"result","subtype":"success","is_error":null,"duration_ms":"soon","num_turns":2.0,
            "total_cost_usd":1e-05,"usage":null,"modelUsage":{"m":{"inputTokens":-4,"outputTokens":3.0,"costUSD":null}},
            "permission_denials":[{},{}],"session_id":7}"#,
    ) else {
        panic!()
    };
    assert_eq!((result.is_error, result.duration_ms, result.num_turns), (false, None, Some(2)));
    assert_eq!(result.cost_nanos, Some(10_000));
    assert_eq!(result.model_usage[0].usage.input_tokens, 0);
    assert_eq!(result.model_usage[0].usage.output_tokens, 3);
    assert_eq!((result.permission_denials, result.session_id), (2, None));
}

#[test]
fn usage_knows_splits_modifiers_and_advisors() {
    let EventKind::Assistant(line) = parse(
        r#"{"type":"assistant","message":{"usage":{"input_tokens":1,"cache_creation_input_tokens":100,
            "cache_creation":{"ephemeral_1h_input_tokens":30,"ephemeral_5m_input_tokens":20},"speed":"fast",
            "inference_geo":"us","service_tier":"batch","server_tool_use":{"web_search_requests":2},
            "iterations":[{"type":"message","model":"x"},
                          {"type":"advisor_message","model":"claude-haiku-4-5","input_tokens":9,"output_tokens":8}]}}}"#,
    ) else {
        panic!()
    };
    let usage = line.message.usage.unwrap();
    assert_eq!((usage.cache_write_5m_tokens, usage.cache_write_1h_tokens), (70, 30), "the rest lives 5 minutes");
    assert!(usage.fast && usage.us_inference && usage.batch);
    assert_eq!(usage.web_searches, 2);
    assert_eq!(usage.advisors.len(), 1);
    assert_eq!((usage.advisors[0].usage.input_tokens, usage.advisors[0].usage.output_tokens), (9, 8));
}

#[test]
fn the_first_sdks_flat_message_is_understood() {
    let EventKind::Assistant(line) = parse(r#"{"type":"Assistant","content":"Test"}"#) else { panic!() };
    assert_eq!(line.message.content.blocks(), [ContentBlock::Text("Test".into())]);
}

#[test]
fn a_line_that_is_no_json_is_one_error_with_its_number() {
    let events = decode(StreamFormat::StreamJson, &[b"{\"type\":\"ping\"}\r\n\nnoise\n[1]\n{\"type\":\"ping\"}"]);
    assert_eq!(events.len(), 4, "{events:?}");
    assert!(events[0].is_ok() && events[3].is_ok());
    assert!(events[1].as_ref().unwrap_err().starts_with("line 3: "), "{events:?}");
    assert!(events[1].as_ref().unwrap_err().ends_with("noise"), "{events:?}");
    assert!(events[2].as_ref().unwrap_err().starts_with("line 4: not a JSON object"), "{events:?}");
}

#[test]
fn a_line_beyond_the_limit_is_refused_and_the_next_is_read() {
    for cut in [1, 7, 1000] {
        let mut decoder = Decoder::with_line_limit(StreamFormat::StreamJson, 64);
        let text = format!("{{\"type\":\"ping\"}}\n{}\n{{\"type\":\"ping\"}}\n", "x".repeat(500));
        let mut outcomes = Vec::new();
        for piece in text.as_bytes().chunks(cut) {
            decoder.push(piece);
            while let Some(event) = decoder.next_event() {
                outcomes.push(event);
            }
        }
        assert!(decoder.finish().is_none());
        assert_eq!(outcomes.len(), 3, "{outcomes:?}");
        assert!(matches!(outcomes[1], Err(Error::LineTooLong { line: 2, limit: 64 })), "{outcomes:?}");
        assert!(outcomes[2].is_ok());
    }
}

#[test]
fn server_sent_events_end_at_blank_lines_however_they_are_written() {
    for text in [
        "event: ping\ndata: {\"type\": \"ping\"}\n\n: comment\n\ndata: {\"type\":\ndata: \"message_stop\"}\nid: 1\n\n",
        "event: ping\r\ndata:{\"type\": \"ping\"}\r\n\r\ndata: {\"type\":\r\ndata:\"message_stop\"}\r\n\r\n",
        "\u{feff}data: {\"type\": \"ping\"}\r\rdata: {\"type\":\rdata: \"message_stop\"}\r\r",
        "data: {\"type\": \"ping\"}\n\ndata: {\"type\": \"message_stop\"}",
    ] {
        let events = decode(StreamFormat::Sse, &[text.as_bytes()]);
        let kinds: Vec<EventKind> = events.into_iter().map(|e| e.unwrap().into_kind()).collect();
        let bare = |event| EventKind::Stream(StreamEvent::bare(event));
        assert_eq!(kinds, [bare(ApiEvent::Ping), bare(ApiEvent::MessageStop)], "{text:?}");
    }
}

#[test]
fn text_is_passed_on_as_it_comes_and_never_cut_within_a_character() {
    let events = decode(StreamFormat::Text, &[b"no newline", b" caf\xC3", b"\xA9 \xFF!", b"\xE2\x82"]);
    let texts: Vec<ByteString> = events
        .into_iter()
        .map(|event| match event.unwrap().into_kind() {
            EventKind::Text(text) => text,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["no newline", " caf", "é \u{fffd}!", "\u{fffd}"]);
}

#[test]
fn a_json_document_is_a_message_or_an_array_of_them() {
    let one = decode(StreamFormat::Json, &[b"{\"type\":\n \"result\",", b" \"subtype\": \"success\"}\n"]);
    assert!(matches!(one[0].as_ref().unwrap().kind(), EventKind::Result(_)));
    let array = format!("[{}]", RUN.trim().replace('\n', ","));
    assert_eq!(
        decode(StreamFormat::Json, &[array.as_bytes()]),
        decode(StreamFormat::StreamJson, &[RUN.as_bytes()])
    );
    assert!(decode(StreamFormat::Json, &[b"[{"])[0].is_err());
}

#[test]
fn deltas_of_every_kind() {
    let delta = |json: &str| {
        let line = format!(r#"{{"type":"content_block_delta","index":2,"delta":{json}}}"#);
        match parse(&line) {
            EventKind::Stream(StreamEvent { event: ApiEvent::ContentBlockDelta { index: 2, delta }, .. }) => delta,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(delta(r#"{"type":"text_delta","text":"a"}"#), Delta::Text("a".into()));
    assert_eq!(delta(r#"{"type":"thinking_delta","thinking":"b"}"#), Delta::Thinking("b".into()));
    assert_eq!(delta(r#"{"type":"input_json_delta","partial_json":"{"}"#), Delta::InputJson("{".into()));
    assert_eq!(delta(r#"{"type":"signature_delta","signature":"s"}"#), Delta::Unknown("signature_delta".into()));
}

#[test]
fn formats_have_names() {
    for name in ["text", "json", "stream-json", "sse"] {
        assert_eq!(name.parse::<StreamFormat>().unwrap().to_string(), name);
    }
    assert!("xml".parse::<StreamFormat>().unwrap_err().to_string().contains("stream-json"));
}
