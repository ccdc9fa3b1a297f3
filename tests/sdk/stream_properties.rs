//! The decoder against a plain reference, and against every way to cut a stream.

use claude_cli::{
    EventKind, MessageParser, StreamFormat,
    stream::{ApiEvent, Delta, StreamEvent},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stream::{RUN, decode};

pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["system", "init", "assistant", "result", "text_delta", "user"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        let name = prop::sample::select(vec![
            "type",
            "subtype",
            "event",
            "message",
            "content",
            "usage",
            "delta",
            "id",
            "model",
            "text",
            "modelUsage",
            "iterations",
            "cache_creation",
            "input_tokens",
            "total_cost_usd",
            "error",
            "index",
            "anything",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn cuts(text: &[u8], at: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = at.iter().map(|i| i.index(text.len() + 1)).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| text[pair[0]..pair[1]].to_vec()).collect()
}

proptest! {
    #[test]
    fn how_a_stream_is_cut_does_not_matter(
        at in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        crlf in any::<bool>(),
        format in prop::sample::select(vec![StreamFormat::StreamJson, StreamFormat::Sse, StreamFormat::Json]),
    ) {
        let mut text = match format {
            StreamFormat::Sse => RUN.lines().map(|line| format!("event: x\ndata: {line}\n\n")).collect(),
            StreamFormat::Json => format!("[{}]", RUN.trim().replace('\n', ",")),
            _ => RUN.to_owned(),
        };
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        let pieces = cuts(text.as_bytes(), &at);
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(decode(format, &pieces), decode(format, &[text.as_bytes()]));
    }

    #[test]
    fn text_is_the_same_however_it_is_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        at in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let joined = |pieces: &[&[u8]]| -> (Vec<u8>, String) {
            let mut raw = Vec::new();
            let mut text = String::new();
            for event in decode(StreamFormat::Text, pieces) {
                let event = event.unwrap();
                raw.extend_from_slice(event.raw());
                if let EventKind::Text(piece) = event.into_kind() { text.push_str(&piece); }
            }
            (raw, text)
        };
        let pieces = cuts(&bytes, &at);
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let (raw, text) = joined(&pieces);
        prop_assert_eq!(&raw, &bytes, "no byte is lost");
        // Where a character is broken may differ by how many marks stand for it.
        if std::str::from_utf8(&bytes).is_ok() {
            prop_assert_eq!(text, String::from_utf8(bytes).unwrap());
        }
    }

    #[test]
    fn whatever_comes_is_an_event_or_an_error_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        format in prop::sample::select(vec![
            StreamFormat::StreamJson, StreamFormat::Sse, StreamFormat::Json, StreamFormat::Text,
        ]),
    ) {
        let _ = decode(format, &[&bytes]);
    }

    #[test]
    fn every_object_is_an_event_and_nothing_else_is(value in any_json()) {
        let text = value.to_string();
        let parsed = MessageParser::new(StreamFormat::StreamJson).parse_line(&text);
        if value.is_object() {
            let event = parsed.unwrap().unwrap();
            prop_assert_eq!(event.raw(), text.as_bytes(), "nothing is lost");
            prop_assert_eq!(event.json().unwrap(), serde_json::from_str::<Value>(&text).unwrap());
        } else {
            prop_assert!(parsed.is_err());
        }
    }

    /// Against a reference that walks a plain `serde_json::Value`.
    #[test]
    fn text_deltas_are_those_of_a_plain_parser(
        text in "\\PC{0,30}", session in "[a-z0-9-]{1,12}", index in 0..9_u32, parent in prop::option::of("[a-z]{1,5}"),
    ) {
        let line = json!({
            "type": "stream_event", "session_id": session, "parent_tool_use_id": parent,
            "event": { "type": "content_block_delta", "index": index, "delta": { "type": "text_delta", "text": text } },
        });
        let event = MessageParser::new(StreamFormat::StreamJson).parse_line(&line.to_string()).unwrap().unwrap();
        let EventKind::Stream(StreamEvent { event: api, session_id, parent_tool_use_id, .. }) = event.kind() else {
            panic!("{event:?}")
        };
        let delta = Delta::Text(line["event"]["delta"]["text"].as_str().unwrap().into());
        prop_assert_eq!(api, &ApiEvent::ContentBlockDelta { index, delta });
        prop_assert_eq!(session_id.as_deref(), line["session_id"].as_str());
        prop_assert_eq!(parent_tool_use_id.as_deref(), line["parent_tool_use_id"].as_str());
    }
}
