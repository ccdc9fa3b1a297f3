//! What a prompt will cost, before it is run.

use super::Request;
use crate::{Usage, pricing::PriceTable};

/// About this many bytes of text are a token. Fewer than in English prose, so
/// that code and other languages are not underestimated.
const BYTES_PER_TOKEN: u64 = 3;

pub(super) const fn text_tokens(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// A cost that is estimated before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Input tokens, about.
    pub input_tokens: u64,
    /// What they cost, in nano-dollars; `None` if the model has no known price.
    pub input_cost: Option<i64>,
    /// What one request costs at most, if its answer is as long as it may be.
    pub ceiling: Option<i64>,
}

/// Estimates one request to the Messages API. What the `claude` program adds to
/// a prompt (its system prompt and tools), and the turns it takes, are not in it.
#[must_use]
pub fn estimate(request: &Request, model: &str, prices: &PriceTable) -> Estimate {
    let text = |text: &str| text.len() as u64;
    let schema = request.json_schema.as_ref().map_or(0, |schema| text(&schema.to_string()));
    let bytes = text(&request.prompt) + request.system.as_deref().map_or(0, text) + schema;
    let files: u64 = request.files.iter().map(super::Attachment::tokens).sum();
    let input_tokens = text_tokens(bytes) + files;
    let input = Usage { input_tokens, ..Usage::default() };
    let most = Usage { output_tokens: request.max_tokens.into(), ..input.clone() };
    Estimate { input_tokens, input_cost: prices.cost(model, &input), ceiling: prices.cost(model, &most) }
}
