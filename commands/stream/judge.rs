//! How a run that ended is to be judged.

use claude_cli::{Error, client::verdict_after, stream::RunResult};

use crate::prompt::PromptArgs;

/// Of several things that went wrong, the one that decides the exit code.
pub(super) fn gravest(errors: impl IntoIterator<Item = Error>) -> Option<Error> {
    errors.into_iter().min_by_key(|error| error.exit_class().rank())
}

/// All that is wrong with a result; `told` is the kind of error that was
/// reported before it.
pub(super) fn judge(
    result: &RunResult,
    told: Option<&str>,
    max_cost: Option<i64>,
    args: &PromptArgs,
) -> Vec<Error> {
    let mut wrong = Vec::new();
    if let (Some(limit), "error_max_budget_usd") = (max_cost, &*result.subtype) {
        wrong.push(Error::OverBudget { spent: result.cost_nanos.unwrap_or(limit), limit });
    }
    if let Err(e) = verdict_after(result, told) {
        // An answer by schema need not say anything besides.
        let answered = e.is_not_delivered() && !result.is_error && result.structured_output.is_some();
        wrong.extend((!answered).then_some(e));
    }
    let denied = result.permission_denials;
    if args.fail_on_denied && denied > 0 {
        let what = if denied == 1 { "the use of a tool was" } else { "uses of tools were" };
        let count = if denied == 1 { String::new() } else { format!("{denied} ") };
        wrong.push(Error::NotDelivered(format!("{count}{what} denied (--allowedTools=… after `--`)")));
    }
    wrong
}

/// Whether the answer ends where it had to, and not where it should.
pub(super) fn is_cut_off(result: &RunResult) -> bool {
    !result.is_error && result.stop_reason.as_deref() == Some("max_tokens")
}
