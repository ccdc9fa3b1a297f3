//! The fields of the protocol's objects, each still unread JSON.
//!
//! A line is scanned once for the fields this crate knows; each is then read on
//! its own and leniently: a field of the wrong type counts as absent, so that
//! one odd field never costs a whole line.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{AdvisorUsage, Usage};
use crate::pricing::parse_usd_nanos;

/// A field as it stands in the line, if it does.
pub(super) type Field<'a> = Option<&'a RawValue>;

macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        pub(super) struct $name<'a> {
            $($(#[$attr])* #[serde(borrow, default)] pub(super) $field: Field<'a>,)*
        }
    };
}

object! {
    /// A `stream-json` line, or a bare API event.
    Line {
        #[serde(rename = "type")] kind, subtype, session_id, parent_tool_use_id, request_id, uuid,
        // stream_event, assistant, user
        event, message, content, error,
        // system/init
        model, cwd, tools, claude_code_version,
        // system/api_retry
        attempt, error_status, retry_delay_ms,
        // result
        is_error, api_error_status, result, duration_ms, ttft_ms, num_turns, total_cost_usd, usage,
        #[serde(rename = "modelUsage")] model_usage, permission_denials, structured_output, stop_reason,
    }
}

object! {
    /// An event of the Messages API.
    Api { #[serde(rename = "type")] kind, index, message, content_block, delta, usage, error }
}

object! {
    /// The `delta` of an API event.
    DeltaFields {
        #[serde(rename = "type")] kind, text, thinking, partial_json, stop_reason,
    }
}

object! {
    /// A message of the API.
    MessageFields { id, model, content, usage, stop_reason }
}

object! {
    /// A content block.
    BlockFields { #[serde(rename = "type")] kind, text, thinking, id, name, input, tool_use_id, is_error }
}

object! {
    /// An error object.
    ErrorFields { #[serde(rename = "type")] kind, message }
}

object! {
    UsageFields {
        input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens, cache_creation,
        server_tool_use, speed, inference_geo, service_tier, iterations,
        // Only within iterations.
        #[serde(rename = "type")] kind, model,
    }
}

object! {
    CacheCreation { ephemeral_5m_input_tokens, ephemeral_1h_input_tokens }
}

object! {
    ServerToolUse { web_search_requests }
}

object! {
    /// A model's entry in `modelUsage`.
    ModelUsageFields {
        #[serde(rename = "inputTokens")] input, #[serde(rename = "outputTokens")] output,
        #[serde(rename = "cacheReadInputTokens")] cache_read,
        #[serde(rename = "cacheCreationInputTokens")] cache_write,
        #[serde(rename = "webSearchRequests")] web_searches, #[serde(rename = "costUSD")] cost,
    }
}

/// Reads a field as whatever is asked for; a wrong type is as good as absent.
pub(super) fn read<'a, T: Deserialize<'a>>(field: Field<'a>) -> Option<T> {
    serde_json::from_str(field?.get()).ok()
}

/// Reads a field that must be an object to make sense.
pub(super) fn read_or_default<'a, T: Deserialize<'a> + Default>(field: Field<'a>) -> T {
    read(field).unwrap_or_default()
}

/// A text that is not empty.
pub(super) fn text(field: Field<'_>) -> Option<String> {
    read::<String>(field).filter(|text| !text.is_empty())
}

/// Counts are capped here, so that sums of millions of them stay exact.
const MOST: u64 = 1 << 52;

/// A count: a whole number, also one written as `12.0`; anything else is none.
pub(super) fn count(field: Field<'_>) -> Option<u64> {
    let text = field?.get();
    if let Ok(n) = text.parse::<u64>() {
        return Some(n.min(MOST));
    }
    let float: f64 = text.parse().ok()?;
    (float >= 0.0 && float.fract() == 0.0).then(|| (float as u64).min(MOST))
}

pub(super) fn small(field: Field<'_>) -> Option<u32> {
    u32::try_from(count(field)?).ok()
}

pub(super) fn status(field: Field<'_>) -> Option<u16> {
    u16::try_from(count(field)?).ok().filter(|s| *s != 0)
}

pub(super) fn usd_nanos(field: Field<'_>) -> Option<i64> {
    parse_usd_nanos(field?.get())
}

impl UsageFields<'_> {
    /// Whether the input side is given at all.
    pub(super) fn has_input(&self) -> bool {
        [self.input_tokens, self.cache_read_input_tokens, self.cache_creation_input_tokens]
            .into_iter()
            .any(|field| count(field).is_some())
    }

    pub(super) fn usage(&self) -> Usage {
        let split: CacheCreation<'_> = read_or_default(self.cache_creation);
        let total = count(self.cache_creation_input_tokens).unwrap_or(0);
        let long = count(split.ephemeral_1h_input_tokens).unwrap_or(0);
        let short = count(split.ephemeral_5m_input_tokens).unwrap_or(0);
        let tools: ServerToolUse<'_> = read_or_default(self.server_tool_use);
        let is = |field, word: &str| text(field).is_some_and(|value| value.eq_ignore_ascii_case(word));
        Usage {
            input_tokens: count(self.input_tokens).unwrap_or(0),
            output_tokens: count(self.output_tokens).unwrap_or(0),
            cache_read_tokens: count(self.cache_read_input_tokens).unwrap_or(0),
            // What the split does not cover lives for 5 minutes.
            cache_write_5m_tokens: short.max(total.saturating_sub(long)),
            cache_write_1h_tokens: long,
            web_searches: count(tools.web_search_requests).unwrap_or(0),
            fast: is(self.speed, "fast"),
            us_inference: is(self.inference_geo, "us"),
            batch: is(self.service_tier, "batch"),
            advisors: self.advisors(),
        }
    }

    fn advisors(&self) -> Vec<AdvisorUsage> {
        let iterations: Vec<&serde_json::value::RawValue> = read_or_default(self.iterations);
        iterations
            .into_iter()
            .filter_map(|raw| read::<UsageFields<'_>>(Some(raw)))
            .filter(|fields| text(fields.kind).as_deref() == Some("advisor_message"))
            .filter_map(|fields| {
                // An advisor has no advisors of its own.
                let usage = UsageFields { iterations: None, ..fields }.usage();
                Some(AdvisorUsage { model: text(fields.model)?, usage: Box::new(usage) })
            })
            .collect()
    }
}
