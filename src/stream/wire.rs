//! The fields of the protocol's objects, each still unread JSON.
//!
//! A line is scanned once for the fields this crate knows; each is then read on
//! its own and leniently: a field of the wrong type counts as absent, so that
//! one odd field never costs a whole line.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    FinalUsage,
    json::Cursor,
    read_usage::{ReadUsage, whole_number},
};
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

/// A count: a whole number, also one written as `12.0`; anything else is none.
pub(super) fn count(field: Field<'_>) -> Option<u64> {
    whole_number(field?.get())
}

/// A usage object.
pub(super) fn usage(field: Field<'_>) -> Option<FinalUsage> {
    ReadUsage::read(&mut Cursor::new(field?.get().as_bytes())).map(|read| read.usage)
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
