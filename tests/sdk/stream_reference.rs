//! The parser against a plain `serde_json` reference, over lines as they are
//! written and lines that something happened to. `fuzz/` runs the same check.

#[path = "../../fuzz/src/reference.rs"]
mod reference;

use proptest::prelude::*;

use crate::{stream::RUN, stream_properties::any_json};

/// Lines with all that a line can have.
const LINES: &str = r#"{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\n\"b\" \\ \u00e9 \ud83d\ude00 ü"}},"session_id":"s-1","parent_tool_use_id":null,"uuid":"u-1","request_id":"req_1"}
{"type":"stream_event","event":{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"Bash","input":{}}},"parent_tool_use_id":"toolu_0"}
{"session_id":"late","event":{"delta":{"partial_json":"{\"a\":","type":"input_json_delta"},"index":2,"type":"content_block_delta"},"type":"stream_event"}
{"type":"stream_event","event":{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15,"input_tokens":3.0}}}
{"type":"assistant","message":{"id":"msg_1","model":"claude-opus-4-8","content":[{"type":"text","text":"x\ty"},{"type":"thinking","thinking":"hm"},{"type":"tool_use","id":"t","name":"n","input":{"a":[1,2.5e3,null,true]}},{"type":"image"},7],"usage":{"input_tokens":1,"cache_creation_input_tokens":100,"cache_creation":{"ephemeral_1h_input_tokens":30,"ephemeral_5m_input_tokens":20},"server_tool_use":{"web_search_requests":2},"iterations":[{"type":"advisor_message","model":"m","input_tokens":9}]},"stop_reason":null},"error":"overloaded"}
{"type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":"fn main() {\n\t\"x\"\n}"}]},"session_id":"s"}
{"type":"user","content":"hello \\ there"}
{"type":"Assistant","content":"Test"}
{"type":"system","subtype":"api_retry","attempt":2,"error_status":529,"error":"overloaded_error","retry_delay_ms":500,"uuid":"u"}
{"type":"result","subtype":"success","is_error":false,"result":"done\n","modelUsage":{"b":{"inputTokens":4},"a":{"outputTokens":3,"costUSD":0.5}},"permission_denials":[{},{}],"structured_output":{"k":[1]},"num_turns":2}
{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}
{"type":"message_start","message":{"id":"msg_2","content":[],"usage":{"input_tokens":10,"cache_read_input_tokens":5}}}
{"type":"ping"}{"type":"ping"}
{"type":"text","text":""abc}
{"type":"system","type":"result","a":[[[[{"b":{"c":[1,[2,{"d":{}}]]}}]]]],"subtype":"init"}
"#;

/// Pieces that a random byte would hardly hit upon.
const PIECES: [&str; 24] = [
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\x",
    "\\",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "tru",
    "-",
    "01",
    "1e999",
    "1.",
    "\t",
    "\n",
    "\u{0}",
    "ü",
    "\"type\":\"result\",",
    "{\"type\":",
];

fn mutate(random: &mut fastrand::Rng, lines: &[&str]) -> Vec<u8> {
    let mut line = lines[random.usize(..lines.len())].as_bytes().to_vec();
    for _ in 0..random.usize(..4) {
        let at = random.usize(..=line.len());
        let to = (at + random.usize(..12)).min(line.len());
        match random.u8(..6) {
            0 => line.truncate(at),
            1 => drop(line.drain(at..to)),
            2 => drop(line.splice(at..at, PIECES[random.usize(..PIECES.len())].bytes())),
            3 => drop(line.splice(at..to, PIECES[random.usize(..PIECES.len())].bytes())),
            4 => line.get_mut(at).into_iter().for_each(|byte| *byte = random.u8(..)),
            _ => {
                let other = lines[random.usize(..lines.len())].as_bytes();
                let from = random.usize(..other.len());
                let until = (from + random.usize(..80)).min(other.len());
                line.splice(at..to, other[from..until].iter().copied());
            }
        }
    }
    line
}

#[test]
fn lines_as_they_are_written_and_as_they_should_not_be() {
    let lines: Vec<&str> = RUN.lines().chain(LINES.lines()).collect();
    lines.iter().for_each(|line| reference::check(line.as_bytes()));
    for text in
        ["", " \t", "null", "[]", "\"\"", "{", "{}", "{} ", "{}x", "{\"a\":1,}", "{,}", "\u{feff}{}", "{\"a\" 1}"]
    {
        reference::check(text.as_bytes());
    }
    reference::check(b"{\"a\":\"\xff\"}");
    for depth in [1, 63, 64, 65, 128, 129, 10_000] {
        let (open, close) = ("{\"a\":[".repeat(depth), "]}".repeat(depth));
        reference::check(format!("{open}{close}").as_bytes());
        reference::check(format!("{open}{}", close.replacen("]}", "}]", 1)).as_bytes());
        reference::check(format!("{open}{}", &close[1..]).as_bytes());
    }
}

/// A bounded run of what `make fuzz` does without end, the same every time.
#[test]
fn lines_that_something_happened_to() {
    let lines: Vec<&str> = RUN.lines().chain(LINES.lines()).collect();
    let mut random = fastrand::Rng::with_seed(0x5eed);
    for _ in 0..40_000 {
        reference::check(&mutate(&mut random, &lines));
    }
}

proptest! {
    #[test]
    fn lines_of_any_members(value in any_json()) {
        reference::check(value.to_string().as_bytes());
        let spaced = serde_json::to_string_pretty(&value).unwrap();
        reference::check(spaced.as_bytes());
    }

    /// Strings longer than what is looked at together, full of escapes, sound and
    /// not, that begin anywhere.
    #[test]
    fn long_strings_of_escapes(
        before in 0..70_usize,
        pieces in prop::collection::vec(prop::sample::select(STRINGS.to_vec()), 0..60),
    ) {
        let (blanks, text) = (" ".repeat(before), pieces.concat());
        let line = format!(
            r#"{{{blanks}"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{text}"}}}}"#
        );
        reference::check(line.as_bytes());
    }
}

/// What such strings are made of; few of it makes them unsound.
const STRINGS: [&str; 24] = [
    "a",
    "bc",
    "def",
    "    ",
    "twelve bytes",
    "a longer stretch of text without any escape, past a block's end",
    "é",
    "😀",
    "\\n",
    "\\n",
    "\\t",
    "\\\"",
    "\\\"",
    "\\\\",
    "\\\\",
    "\\/",
    "\\b",
    "\\f",
    "\\u0041",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\r",
    "\\",
];
