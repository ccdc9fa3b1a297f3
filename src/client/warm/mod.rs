//! The `claude` program, kept running from one prompt to the next.
//!
//! Starting it takes most of a second; a prompt on one that runs already takes
//! a few hundredths. Between two prompts it is told `/clear`, which begins a
//! new conversation with an id of its own; no other message of its protocol
//! does. What the program itself notes of that command, some 100 tokens without
//! anything of earlier prompts, is in the new conversation.
//!
//! A process is used for one conversation after another only as long as there
//! is no doubt: not after a prompt that used tools (they may have changed its
//! folder or left something running), that failed, or that was cancelled, nor
//! once it says anything unexpected. Where a version of the program does not
//! begin anew as it should, each prompt gets a process of its own, as without this.

mod pool;
mod process;
mod totals;

use std::{path::PathBuf, sync::Arc};

use tokio_util::sync::CancellationToken;

use self::{
    pool::{Pool, Shape},
    process::Turn,
};
use super::{
    Backend, ClaudeBackend, EventSender, Request, RunFuture, Session,
    backend::CloseFuture,
    process::{claude_args, secrets_of},
};
use crate::{Result, StreamFormat};

/// Options of the program that are of one conversation, of one prompt, or of how
/// we speak with it.
const OF_ONE_PROMPT: [&str; 16] = [
    "-c",
    "--continue",
    "-r",
    "--resume",
    "--session-id",
    "--fork-session",
    "--from-pr",
    "-n",
    "--name",
    "--max-turns",
    "--max-budget-usd",
    "--input-format",
    "--output-format",
    "--replay-user-messages",
    "--bg",
    "--background",
];

/// Runs prompts through `claude` programs that are kept running.
#[derive(Debug)]
pub struct WarmBackend {
    program: PathBuf,
    cold: Arc<ClaudeBackend>,
    pool: Arc<Pool>,
}

impl WarmBackend {
    /// A backend that runs `program`, keeps at most `most` of them, and uses
    /// each for at most `uses` prompts.
    #[must_use]
    pub fn new(program: PathBuf, most: usize, uses: u32) -> Self {
        let cold = Arc::new(ClaudeBackend::new(program.clone()));
        Self { program, cold, pool: Arc::new(Pool::new(most, uses)) }
    }

    async fn run_warm(
        &self,
        request: &Request,
        events: &EventSender,
        cancel: &CancellationToken,
    ) -> Result<Option<()>> {
        let prompt = request.prompt_with_files()?;
        let shape = Shape { args: warm_args(request), env: request.env.clone(), cwd: request.cwd.clone() };
        loop {
            let mut process = self.pool.take(shape.clone(), &self.program, request).await?;
            let was_used = process.was_used();
            match process.turn(&prompt, request.limits, events, cancel).await {
                Ok(Turn::Answered) => {
                    self.pool.give_back(process);
                    return Ok(Some(()));
                }
                Ok(Turn::Lost) => {
                    // It said nothing of this prompt: another process may.
                    self.pool.end(process);
                    if !was_used {
                        return Ok(None);
                    }
                }
                Err(e) => {
                    self.pool.gone();
                    return Err(process.fail(e).await);
                }
            }
        }
    }
}

impl Backend for WarmBackend {
    fn name(&self) -> &'static str {
        "claude"
    }

    fn run(self: Arc<Self>, request: Request, events: EventSender, cancel: CancellationToken) -> RunFuture {
        Box::pin(async move {
            if can_be_warm(&request) && self.pool.is_trusted() {
                let secrets = secrets_of(&request);
                let ran = self.run_warm(&request, &events, &cancel).await;
                if ran.map_err(|e| secrets.mask_error(e))?.is_some() {
                    return Ok(());
                }
                // A process of its own says better what is wrong, or does better.
                self.pool.distrust("it ended without a word");
            }
            Arc::clone(&self.cold).run(request, events, cancel).await
        })
    }

    fn close(self: Arc<Self>) -> CloseFuture {
        Box::pin(async move { self.pool.close().await })
    }
}

/// Whether nothing about a request asks for a process of its own.
fn can_be_warm(request: &Request) -> bool {
    let of_one_prompt = |arg: &String| {
        let option = arg.split_once('=').map_or(arg.as_str(), |(option, _)| option);
        OF_ONE_PROMPT.contains(&option)
    };
    request.session == Session::New
        && matches!(request.format, StreamFormat::StreamJson)
        && request.max_cost.is_none()
        // A command of the program, which may change what comes after it.
        && !request.prompt.trim_start().starts_with('/')
        && !request.claude_args.iter().any(of_one_prompt)
}

fn warm_args(request: &Request) -> Vec<String> {
    let mut args = claude_args(request);
    args.insert(1, "--input-format=stream-json".to_owned());
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_process_of_its_own_gets_one() {
        assert!(can_be_warm(&Request::new("hello /clear")));
        assert!(!can_be_warm(&Request::new(" /model haiku")));
        let with = |arg: &str| {
            let mut request = Request::new("hello");
            request.claude_args.push(arg.to_owned());
            can_be_warm(&request)
        };
        assert!(with("--allowedTools=Bash") && with("--settings=--resume"));
        assert!(!with("--resume=abc") && !with("-c") && !with("--max-turns") && !with("--output-format=text"));
        let mut request = Request::new("hello");
        request.max_cost = Some(1);
        assert!(!can_be_warm(&request));
    }
}
