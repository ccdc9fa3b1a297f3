//! `claude-cli stream -`: what comes on stdin goes to stdout byte for byte, and
//! is recorded on the way.

use std::{
    io::{self, Read, Write, stdin, stdout},
    process::ExitCode,
};

use anyhow::Context as _;
use claude_cli::{
    Error, StreamFormat,
    client::{Secrets, told_error},
    store::RunText,
    stream::Decoder,
};

use super::judge::{gravest, judge};
use crate::{
    context::Context,
    prompt::PromptArgs,
    recording::{Label, Recording, writer},
    status,
};

const CHUNK: usize = 64 << 10;

pub(super) fn run(args: &PromptArgs, context: &Context) -> anyhow::Result<ExitCode> {
    if let Some(option) = args.meaningless_for_stdin() {
        return Err(Error::Invalid(format!(
            "`stream -` records what another program ran: {option} means nothing here"
        ))
        .into());
    }
    let mut recording = Recording::start(&Label::of("stream", args)?, "stdin", writer(args, context));
    let mut decoder = Decoder::new(StreamFormat::StreamJson);
    let (mut input, mut output) = (stdin().lock(), stdout().lock());
    let mut chunk = vec![0; CHUNK];
    let mut skipped = 0_u64;
    let mut told = None;
    let mut failure: Option<anyhow::Error> = None;
    loop {
        let read = match input.read(&mut chunk) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => {
                failure = Some(anyhow::Error::new(e).context("cannot read stdin"));
                0
            }
        };
        if read > 0
            && let Err(e) = output.write_all(&chunk[..read]).and_then(|()| output.flush())
        {
            failure = Some(anyhow::Error::new(e).context("cannot write to stdout"));
        }
        decoder.push(&chunk[..read]);
        let ended = read == 0 || failure.is_some();
        while let Some(event) = if ended { decoder.finish() } else { decoder.next_event() } {
            match event {
                Ok(event) => {
                    recording.observe(&event);
                    told = told_error(&event).map(str::to_owned).or(told);
                }
                Err(_) => skipped += 1,
            }
        }
        if ended {
            break;
        }
    }
    let result = recording.recorder().result().cloned();
    let unfinished = || Error::process("stdin", "the stream ended without a result");
    let mut errors = result
        .as_ref()
        .map_or_else(|| vec![unfinished()], |result| judge(result, told.as_deref(), args.max_cost, args));
    let spent = recording.recorder().cost_so_far(&context.prices());
    errors.extend(args.max_cost.filter(|limit| spent > *limit).map(|limit| Error::OverBudget { spent, limit }));
    let secrets = Secrets::of_environment();
    let error = gravest(errors).map(|error| secrets.mask_error(error));
    // The prompt is not in the stream.
    let text = args.log_text.then(|| RunText {
        run: recording.recorder().run_id().to_owned(),
        prompt: String::new(),
        answer: secrets.mask(&result.and_then(|r| r.result).unwrap_or_default()).into_owned(),
    });
    let (outcome, record) = recording.finish(error.as_ref(), text);
    record.wait(context);
    if skipped > 0 {
        context.note(&format!("{skipped} lines were no JSON: passed on, not recorded"));
    }
    if args.stats {
        eprintln!("{}", status::line(&outcome));
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    super::finish(error).context("the recorded run failed")
}
