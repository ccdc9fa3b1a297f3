//! Lines as the `claude` program writes them.

/// Prose of `size` bytes that needs no escapes.
fn prose(size: usize) -> String {
    "Lorem ipsum dolor sit amet, consectetur. ".chars().cycle().take(size).collect()
}

/// Source code of `size` bytes, as it stands in JSON: an escape every 20 bytes.
fn code(size: usize) -> String {
    let text =
        r#"    let x = 1;\n    println!(\"{}\", x);\n    // a comment that is longer\n"#.repeat(size / 60 + 1);
    let mut text = text[..size].trim_end_matches('\\').to_owned();
    text.push_str(&"x".repeat(size - text.len()));
    text
}

fn fill(frame: &str, size: usize, text: fn(usize) -> String) -> String {
    frame.replace('@', &text(size.saturating_sub(frame.len() - 1)))
}

/// A bare event of the Messages API: the shortest message with a text of its own.
#[must_use]
pub fn bare(size: usize) -> String {
    let frame = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@"}}"#;
    fill(frame, size, prose)
}

/// A text delta of the `claude` program.
#[must_use]
pub fn delta(size: usize) -> String {
    let frame = r#"{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@"}},"session_id":"c91e42ba-8794-4bf5-8695-c24f7251c673","parent_tool_use_id":null,"uuid":"9d2a600c-0c17-42b7-bb9a-22c041efc827"}"#;
    fill(frame, size, prose)
}

/// The same with code in it.
#[must_use]
pub fn code_delta(size: usize) -> String {
    let frame = r#"{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@"}},"session_id":"c91e42ba-8794-4bf5-8695-c24f7251c673","parent_tool_use_id":null,"uuid":"9d2a600c-0c17-42b7-bb9a-22c041efc827"}"#;
    fill(frame, size, code)
}

/// A whole answer.
#[must_use]
pub fn assistant(size: usize) -> String {
    let frame = r#"{"type":"assistant","message":{"model":"claude-opus-4-8","id":"msg_01ABCDEFGHIJKLMNOPQRST","type":"message","role":"assistant","content":[{"type":"text","text":"@"}],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"cache_creation_input_tokens":100,"cache_read_input_tokens":12000,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":0},"output_tokens":7,"service_tier":"standard"}},"parent_tool_use_id":null,"session_id":"c91e42ba-8794-4bf5-8695-c24f7251c673","uuid":"9d2a600c-0c17-42b7-bb9a-22c041efc827"}"#;
    fill(frame, size, prose)
}

/// A tool's answer: a file of source code.
#[must_use]
pub fn tool_result(size: usize) -> String {
    let frame = r#"{"type":"user","message":{"role":"user","content":[{"tool_use_id":"toolu_01ABCDEF","type":"tool_result","content":"@"}]},"parent_tool_use_id":null,"session_id":"c91e42ba-8794-4bf5-8695-c24f7251c673","uuid":"9d2a600c-0c17-42b7-bb9a-22c041efc827"}"#;
    fill(frame, size, code)
}

/// The end of a run.
#[must_use]
pub fn result(size: usize) -> String {
    let frame = r#"{"type":"result","subtype":"success","is_error":false,"api_error_status":null,"duration_ms":2314,"duration_api_ms":2290,"ttft_ms":812,"num_turns":1,"result":"@","stop_reason":"end_turn","session_id":"c91e42ba-8794-4bf5-8695-c24f7251c673","total_cost_usd":0.0125,"usage":{"input_tokens":3,"cache_creation_input_tokens":100,"cache_read_input_tokens":12000,"output_tokens":207,"server_tool_use":{"web_search_requests":0},"service_tier":"standard"},"permission_denials":[],"uuid":"9d2a600c-0c17-42b7-bb9a-22c041efc827"}"#;
    fill(frame, size, prose)
}
