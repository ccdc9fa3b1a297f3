//! `--dry-run`: what would be run.

use std::io::{Write, stdout};

use claude_cli::{
    client::{
        API_VERSION, DEFAULT_BASE_URL, Secrets, claude_args, estimate, find_claude, messages_body, within_budget,
        without_secrets,
    },
    pricing::PriceTable,
};
use serde_json::{Value, json};

use super::{Prepared, PromptArgs};
use crate::context::variable;

const SCHEMA: &str = "claude-cli/plan@1";
/// The model where none is asked for and the program's choice is not known.
pub(crate) const USUAL_MODEL: &str = "sonnet";

/// Prints what would be run, as JSON and without secrets, and about what it
/// would cost.
pub(crate) fn show_plan(prepared: &Prepared, args: &PromptArgs, prices: &PriceTable) -> anyhow::Result<()> {
    let request = prepared.query.request();
    let backend = args.planned_backend(prepared);
    let model = prices.resolve_alias(request.model.as_deref().unwrap_or(USUAL_MODEL)).to_owned();
    let estimate = estimate(request, &model, prices);
    let usd = |nanos: Option<i64>| nanos.map(|nanos| nanos as f64 / 1e9);
    let run = match backend {
        "claude" => {
            let found = args.claude.clone().or_else(find_claude);
            let name = found.map_or_else(|| "claude".to_owned(), |path| path.display().to_string());
            program(&name, &claude_args(request), &request.prompt_with_files()?)
        }
        _ => post(&messages_body(&within_budget(request, &model, prices)?, &model)),
    };
    // The program takes as many turns as it likes, unless it is told a budget.
    let ceiling = if backend == "claude" {
        request.max_cost
    } else {
        estimate.ceiling.min(request.max_cost.or(estimate.ceiling))
    };
    let mut plan = json!({
        "schema": SCHEMA,
        "backend": backend,
        "model": if backend == "claude" { json!(request.model) } else { json!(model) },
        "run": run,
        "estimate": {
            "model": model,
            "prompt_tokens": estimate.input_tokens,
            "prompt_cost_usd": usd(estimate.input_cost),
            "ceiling_usd": usd(ceiling),
        },
    });
    Secrets::of_environment().mask_json(&mut plan);
    let mut out = stdout().lock();
    serde_json::to_writer_pretty(&mut out, &plan)?;
    out.write_all(b"\n")?;
    Ok(())
}

fn program(name: &str, args: &[String], prompt: &str) -> Value {
    let argv: Vec<&str> = std::iter::once(name).chain(args.iter().map(String::as_str)).collect();
    json!({ "argv": argv, "stdin": prompt })
}

fn post(body: &Value) -> Value {
    let url = variable("ANTHROPIC_BASE_URL").unwrap_or_else(|| DEFAULT_BASE_URL.to_owned());
    // Whether it is a key or a token is worth showing, what it is, is not.
    let (header, masked) = match (variable("ANTHROPIC_API_KEY"), variable("ANTHROPIC_AUTH_TOKEN")) {
        (Some(_), _) => ("x-api-key", "***"),
        (None, Some(_)) => ("authorization", "Bearer ***"),
        (None, None) => ("x-api-key", "(not set)"),
    };
    json!({
        "method": "POST",
        "url": format!("{}/v1/messages", without_secrets(&url)),
        "headers": { header: masked, "anthropic-version": API_VERSION },
        "body": body,
    })
}
