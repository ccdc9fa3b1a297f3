//! The lines of a transcript.

use std::io::Write;

use fastrand::Rng;

use super::{expected::Totals, words::Words};

/// What the lines of a session have in common.
pub(super) struct Frame {
    pub(super) session: String,
    pub(super) project: String,
    pub(super) branch: &'static str,
    pub(super) version: &'static str,
    /// As transcripts write it, and its canonical name.
    pub(super) model: (&'static str, &'static str),
    /// Cache writes are split by lifetime.
    pub(super) split: bool,
    /// Of those, all live for an hour.
    pub(super) long: bool,
}

/// A request, as it was in the end.
pub(super) struct Request {
    pub(super) message_id: String,
    pub(super) request_id: Option<String>,
    pub(super) model: (&'static str, &'static str),
    pub(super) usage: Totals,
    pub(super) fast: bool,
    /// Its advisor's model, input and output.
    pub(super) advisor: Option<(&'static str, u64, u64)>,
}

/// Where a usage line stands.
#[derive(Clone, Copy, Default)]
pub(super) struct Place<'a> {
    pub(super) sidechain: bool,
    pub(super) agent: Option<&'a str>,
    /// The request's id is left out here.
    pub(super) without_request_id: bool,
    pub(super) is_progress: bool,
}

/// Milliseconds as transcripts write them.
pub(super) fn time(millis: i64) -> String {
    // Civil from days, for dates from 1970.
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second, milli) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Random letters and digits.
pub(super) fn id(rng: &mut Rng, prefix: &str, length: usize) -> String {
    let mut id = String::with_capacity(prefix.len() + length);
    id.push_str(prefix);
    id.extend((0..length).map(|_| rng.alphanumeric()));
    id
}

/// A random UUID, version 4.
pub(super) fn uuid(rng: &mut Rng) -> String {
    uuid::Builder::from_random_bytes(rng.u128(..).to_le_bytes()).into_uuid().to_string()
}

macro_rules! put {
    ($into:expr, $($arg:tt)*) => {
        // A vector takes all that is written to it.
        let _ = write!($into, $($arg)*);
    };
}

impl Frame {
    fn begin(&self, place: Place<'_>, rng: &mut Rng, into: &mut Vec<u8>) {
        put!(
            into,
            r#"{{"parentUuid":"{}","isSidechain":{},"userType":"external","cwd":"{}","sessionId":"{}","version":"{}","gitBranch":"{}""#,
            uuid(rng),
            place.sidechain,
            self.project,
            self.session,
            self.version,
            self.branch
        );
        if let Some(agent) = place.agent {
            put!(into, r#","agentId":"{agent}""#);
        }
    }

    /// A prompt, or the result of a tool.
    pub(super) fn user(
        &self,
        place: Place<'_>,
        at: i64,
        length: usize,
        rng: &mut Rng,
        words: &Words,
        into: &mut Vec<u8>,
    ) {
        self.begin(place, rng, into);
        put!(
            into,
            r#","type":"user","message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"{}","content":""#,
            id(rng, "toolu_", 24)
        );
        let quotes = rng.u8(..50) == 0;
        if quotes {
            into.extend_from_slice(
                br#"{\"type\":\"assistant\",\"message\":{\"id\":\"msg_quoted\",\"usage\":{\"input_tokens\":999999999,\"output_tokens\":999999999}},\"timestamp\":\"2026-01-01T00:00:00.000Z\"}\n"#,
            );
        }
        let mut left = length;
        while left > 0 {
            let piece = left.min(1 << 18);
            words.write(rng, piece, into);
            left -= piece;
        }
        put!(into, r#""}}]}},"uuid":"{}","timestamp":"{}""#, uuid(rng), time(at));
        if quotes {
            into.extend_from_slice(
                br#","toolUseResult":{"status":"completed","usage":{"input_tokens":999999999,"output_tokens":999999999}}"#,
            );
        }
        into.extend_from_slice(b"}\n");
    }

    /// A snapshot of a request.
    #[allow(clippy::too_many_arguments, reason = "all of them differ from line to line")]
    pub(super) fn usage(
        &self,
        request: &Request,
        output: u64,
        place: Place<'_>,
        at: i64,
        length: usize,
        rng: &mut Rng,
        words: &Words,
        into: &mut Vec<u8>,
    ) {
        if place.is_progress {
            self.begin(Place { agent: None, ..place }, rng, into);
            put!(
                into,
                r#","type":"progress","data":{{"type":"agent_progress","agentId":"{}","prompt":"","normalizedMessages":[],"message":{{"#,
                place.agent.unwrap_or_default()
            );
        } else {
            self.begin(place, rng, into);
            into.push(b',');
        }
        put!(
            into,
            r#""type":"assistant","message":{{"model":"{}","id":"{}","type":"message","role":"assistant","content":[{{"type":"text","text":""#,
            request.model.0,
            request.message_id
        );
        words.write(rng, length, into);
        let usage = &request.usage;
        let (short, long) = (usage.cache_write_5m_tokens, usage.cache_write_1h_tokens);
        put!(
            into,
            r#""}}],"stop_reason":null,"stop_sequence":null,"usage":{{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{}"#,
            usage.input_tokens,
            short + long,
            usage.cache_read_tokens
        );
        if self.split {
            put!(
                into,
                r#","cache_creation":{{"ephemeral_5m_input_tokens":{short},"ephemeral_1h_input_tokens":{long}}}"#
            );
        }
        put!(into, r#","output_tokens":{output},"service_tier":"standard""#);
        if usage.web_searches > 0 {
            put!(into, r#","server_tool_use":{{"web_search_requests":{}}}"#, usage.web_searches);
        }
        if request.fast {
            put!(into, r#","speed":"fast""#);
        }
        if let Some((model, input, output)) = request.advisor {
            put!(
                into,
                r#","iterations":[{{"type":"advisor_message","model":"{model}","input_tokens":{input},"output_tokens":{output}}}]"#
            );
        }
        into.extend_from_slice(b"}}");
        if let Some(id) = request.request_id.as_ref().filter(|_| !place.without_request_id) {
            put!(into, r#","requestId":"{id}""#);
        }
        put!(into, r#","uuid":"{}","timestamp":"{}"}}"#, uuid(rng), time(at));
        if place.is_progress {
            put!(
                into,
                r#"}},"toolUseID":"agent_{0}","uuid":"{1}","timestamp":"{2}"}}"#,
                request.message_id,
                uuid(rng),
                time(at + 3)
            );
        }
        into.push(b'\n');
    }

    /// A failed attempt.
    pub(super) fn failure(&self, at: i64, rng: &mut Rng, into: &mut Vec<u8>) {
        self.begin(Place::default(), rng, into);
        put!(
            into,
            r#","type":"assistant","message":{{"id":"{}","model":"<synthetic>","role":"assistant","type":"message","usage":{{"input_tokens":0,"output_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"service_tier":null}},"content":[{{"type":"text","text":"API Error: overloaded"}}]}},"error":"overloaded","isApiErrorMessage":true,"uuid":"{}","timestamp":"{}"}}"#,
            uuid(rng),
            uuid(rng),
            time(at)
        );
        into.push(b'\n');
    }
}
