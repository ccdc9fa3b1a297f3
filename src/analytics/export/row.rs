//! The figures of a row, under the names that they have in reports.

use serde::Serialize;

use crate::{
    analytics::iso,
    store::{CostMode, RequestRow, RowKind},
};

/// A row as others see it.
#[derive(Debug, Serialize)]
pub(super) struct Flat<'a> {
    pub(super) time: String,
    pub(super) kind: &'static str,
    pub(super) message_id: Option<&'a str>,
    pub(super) request_id: Option<&'a str>,
    pub(super) session_id: Option<&'a str>,
    pub(super) run_id: Option<&'a str>,
    pub(super) model: Option<&'a str>,
    pub(super) project: Option<&'a str>,
    pub(super) branch: Option<&'a str>,
    pub(super) agent: Option<&'a str>,
    pub(super) source: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) host: Option<&'a str>,
    pub(super) tags: &'a [String],
    pub(super) input_tokens: i64,
    pub(super) output_tokens: i64,
    pub(super) cache_read_tokens: i64,
    pub(super) cache_write_5m_tokens: i64,
    pub(super) cache_write_1h_tokens: i64,
    pub(super) total_tokens: i64,
    pub(super) web_searches: i64,
    pub(super) cost_usd: Option<f64>,
    pub(super) cost_nanos: Option<i64>,
    pub(super) cost_reported_nanos: Option<i64>,
    pub(super) cost_calculated_nanos: Option<i64>,
    pub(super) duration_ms: Option<i64>,
    pub(super) ttft_ms: Option<i64>,
    pub(super) error: Option<&'a str>,
    pub(super) simulated: bool,
}

pub(super) const fn kind(row: &RequestRow) -> &'static str {
    match row.kind {
        RowKind::Request => "request",
        RowKind::Advisor => "advisor",
        RowKind::Remainder => "remainder",
    }
}

pub(super) fn total_tokens(row: &RequestRow) -> i64 {
    row.sums().total_tokens()
}

impl<'a> Flat<'a> {
    pub(super) fn of(row: &'a RequestRow, mode: CostMode) -> Self {
        let cost = row.cost(mode);
        Self {
            time: iso(row.ts),
            kind: kind(row),
            message_id: row.message_id.as_deref(),
            request_id: row.request_id.as_deref(),
            session_id: row.session.as_deref(),
            run_id: row.run.as_deref(),
            model: row.model.as_deref(),
            project: row.project.as_deref(),
            branch: row.branch.as_deref(),
            agent: row.agent.as_deref(),
            source: &row.source,
            user: row.user.as_deref(),
            host: row.host.as_deref(),
            tags: &row.tags,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
            cache_read_tokens: row.cache_read_tokens,
            cache_write_5m_tokens: row.cache_write_5m_tokens,
            cache_write_1h_tokens: row.cache_write_1h_tokens,
            total_tokens: total_tokens(row),
            web_searches: row.web_searches,
            cost_usd: cost.map(|nanos| nanos as f64 / 1e9),
            cost_nanos: cost,
            cost_reported_nanos: row.cost_reported,
            cost_calculated_nanos: row.cost_calculated,
            duration_ms: row.duration_ms,
            ttft_ms: row.ttft_ms,
            error: row.error.as_deref(),
            simulated: row.simulated,
        }
    }
}
