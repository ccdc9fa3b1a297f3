//! What to answer to a conversation.

use serde_json::{Value, json};

use super::{Config, Reply, answer::CHARS_PER_TOKEN};

/// One content block of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Block {
    Thinking(String),
    Text(String),
    ToolUse { name: String, input: String },
}

impl Block {
    /// What is streamed of it.
    pub(super) fn content(&self) -> &str {
        match self {
            Self::Thinking(text) | Self::Text(text) | Self::ToolUse { input: text, .. } => text,
        }
    }

    pub(super) const fn content_mut(&mut self) -> &mut String {
        match self {
            Self::Thinking(text) | Self::Text(text) | Self::ToolUse { input: text, .. } => text,
        }
    }
}

/// The blocks of the answer to a request.
pub(super) fn blocks(config: &Config, request: &Value, random: &mut fastrand::Rng) -> Vec<Block> {
    let mut blocks = Vec::new();
    if let Some(answer) = forced_call(config, request) {
        blocks.push(answer);
        return blocks;
    }
    if let Some(call) = next_call(config, request) {
        blocks.push(call);
        return blocks;
    }
    let profile = config.profile.as_ref();
    let thinking = match profile.and_then(|profile| profile.thinking_tokens.as_ref()) {
        Some(tokens) => Some(repeated(FILLER, tokens.draw_count(random))).filter(|text| !text.is_empty()),
        None => config.thinking.clone(),
    };
    blocks.extend(thinking.map(Block::Thinking));
    let text = match &config.reply {
        Reply::Text(text) => text.clone(),
        Reply::Echo => last_user_text(request),
    };
    blocks.push(Block::Text(match profile.and_then(|profile| profile.output_tokens.as_ref()) {
        Some(tokens) => repeated(if text.is_empty() { FILLER } else { &text }, tokens.draw_count(random).max(1)),
        None => text,
    }));
    blocks
}

/// What is thought where only the length matters.
const FILLER: &str = "one two three and four five six and so on, and then ";

/// A text over and over, until it is so many tokens long.
fn repeated(text: &str, tokens: usize) -> String {
    text.chars().cycle().take(tokens * CHARS_PER_TOKEN as usize).collect()
}

/// The reply as the input of a tool that the client demands to be called.
fn forced_call(config: &Config, request: &Value) -> Option<Block> {
    let choice = request.get("tool_choice").filter(|choice| choice["type"] == "tool")?;
    let reply = match &config.reply {
        Reply::Text(text) => text.clone(),
        Reply::Echo => last_user_text(request),
    };
    let input = serde_json::from_str::<Value>(&reply).ok().filter(Value::is_object);
    let input = input.unwrap_or_else(|| json!({ "text": reply }));
    Some(Block::ToolUse { name: choice["name"].as_str()?.to_owned(), input: input.to_string() })
}

/// The next tool call of the main conversation, if one is left.
fn next_call(config: &Config, request: &Value) -> Option<Block> {
    let messages = request["messages"].as_array()?;
    let tools = request["tools"].as_array()?;
    let offered = |name: &str| tools.iter().any(|tool| tool["name"] == name);
    if let Some(prompt) = &config.subagent
        && texts(messages.first()?).any(|text| text.contains(prompt.as_str()))
    {
        // The subagent's own conversation: it just answers.
        return None;
    }
    let done = messages.iter().flat_map(content).filter(|block| block["type"] == "tool_result").count();
    let mut calls: Vec<Block> = Vec::new();
    if let Some(prompt) = &config.subagent {
        let name = ["Task", "Agent"].into_iter().find(|name| offered(name))?;
        let input =
            json!({ "description": "a simulated task", "prompt": prompt, "subagent_type": "general-purpose" });
        calls.push(Block::ToolUse { name: name.to_owned(), input: input.to_string() });
    }
    calls.extend(
        config
            .tools
            .iter()
            .filter(|tool| offered(&tool.name))
            .map(|tool| Block::ToolUse { name: tool.name.clone(), input: tool.input.to_string() }),
    );
    calls.into_iter().nth(done)
}

fn content(message: &Value) -> impl Iterator<Item = &Value> {
    message["content"].as_array().into_iter().flatten()
}

fn texts(message: &Value) -> impl Iterator<Item = &str> {
    message["content"].as_str().into_iter().chain(content(message).filter_map(|block| block["text"].as_str()))
}

fn last_user_text(request: &Value) -> String {
    let messages = request["messages"].as_array();
    let users = messages.into_iter().flatten().rev().filter(|message| message["role"] == "user");
    users.flat_map(|message| texts(message).last()).next().unwrap_or_default().to_owned()
}

/// Characters of everything the model is sent, for the count of input tokens.
pub(super) fn prompt_chars(request: &Value) -> u64 {
    fn chars(value: &Value) -> u64 {
        match value {
            Value::String(text) => text.chars().count() as u64,
            Value::Array(values) => values.iter().map(chars).sum(),
            Value::Object(fields) => {
                fields.iter().filter(|(name, _)| *name != "type").map(|(_, v)| chars(v)).sum()
            }
            _ => 0,
        }
    }
    chars(&request["messages"]) + chars(&request["system"]) + chars(&request["tools"])
}
