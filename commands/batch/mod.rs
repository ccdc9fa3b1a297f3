//! `claude-cli query --batch`: many prompts, some at once.

mod args;
mod input;
mod output;
mod progress;
mod resume;
mod run;
mod spending;

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;
use claude_cli::ExitClass;
use futures_util::{StreamExt, stream::FuturesUnordered};

pub(crate) use self::args::BatchArgs;
use self::{
    input::Line,
    output::Output,
    progress::Progress,
    resume::Done,
    run::{Batch, Finished},
    spending::Spending,
};
use crate::{
    answers::Answers,
    context::Context,
    prompt::PromptArgs,
    recording::{Label, writer},
    signals::Interrupts,
};

/// So many prompts run at once where nothing else is asked for.
const JOBS: u16 = 2;

pub(crate) fn run(
    file: &Path,
    batch: &BatchArgs,
    args: &PromptArgs,
    context: &Context,
) -> anyhow::Result<ExitCode> {
    let done = match &batch.resume_from {
        Some(path) => {
            let (done, bad) = Done::read(path)?;
            if bad > 0 {
                context.note(&format!("{bad} lines of {} are no results: passed over", path.display()));
            }
            done
        }
        None => Done::default(),
    };
    let jobs = usize::from(batch.jobs.unwrap_or(JOBS));
    let shared = Batch {
        args,
        context,
        frame: args.frame(context, (!batch.cold).then_some(jobs))?,
        label: Label::of("query", args)?,
        writer: writer(args, context),
        spending: Spending::within(args.max_cost),
        answers: Answers::open(args, context),
    };
    // Nothing could be run: not to be said line by line.
    shared.frame.client().backend()?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    let run = Run {
        shared: &shared,
        done,
        ids: HashMap::new(),
        output: Output::new(!batch.unordered),
        progress: Progress::over(input::count(file), context),
        class: ExitClass::Ok,
    };
    let outcome = runtime.block_on(async {
        let outcome = run.drive(file, jobs).await;
        shared.frame.client().close().await;
        outcome
    });
    // A read of stdin that waits for ever must not hold up the end.
    runtime.shutdown_background();
    crate::recording::Unwritten::of(shared.writer).wait(context);
    outcome
}

/// A batch that runs.
struct Run<'a> {
    shared: &'a Batch<'a>,
    done: Done,
    /// The line of each id.
    ids: HashMap<String, u64>,
    output: Output,
    progress: Progress,
    /// The gravest of what went wrong.
    class: ExitClass,
}

impl Run<'_> {
    async fn drive(mut self, file: &Path, jobs: usize) -> anyhow::Result<ExitCode> {
        let mut lines = input::lines(file)?;
        let mut interrupts = Interrupts::catch()?;
        let mut running = FuturesUnordered::new();
        let mut interrupted = false;
        let mut more = true;
        // What cannot be written, or not be read, ends it; what runs is waited for.
        let mut failure = None;
        while more || !running.is_empty() {
            let may_begin = more && running.len() < jobs && self.output.has_room();
            tokio::select! {
                biased;
                () = interrupts.next(), if !interrupted => {
                    interrupted = true;
                    more = false;
                    self.shared.spending.stop.cancel();
                }
                Some(finished) = running.next(), if !running.is_empty() => {
                    if let Err(e) = self.finished(finished) {
                        more = false;
                        self.shared.spending.stop.cancel();
                        failure.get_or_insert(anyhow::Error::new(e).context("cannot write the results"));
                    }
                }
                line = lines.recv(), if may_begin => match line {
                    None => more = false,
                    Some(Err(e)) => {
                        more = false;
                        failure = Some(anyhow::Error::new(e).context("cannot read the batch"));
                    }
                    Some(Ok(line)) => match self.begin(line) {
                        Ok(Some(line)) => running.push(self.shared.run(line)),
                        Ok(None) => {}
                        Err(e) => {
                            more = false;
                            self.shared.spending.stop.cancel();
                            failure = Some(anyhow::Error::new(e).context("cannot write the results"));
                        }
                    },
                },
            }
        }
        if interrupted {
            self.note(ExitClass::Interrupted);
        }
        let (class, summary) = (self.class, self.progress.summary());
        let context = self.shared.context;
        drop(self.progress);
        context.note(&summary);
        match failure {
            Some(failure) => Err(failure),
            None => Ok(ExitCode::from(class.code())),
        }
    }

    /// Takes a line; `Some` if it is to be run.
    fn begin(&mut self, mut line: Line) -> io::Result<Option<Line>> {
        self.output.begin(line.index);
        if let Some(id) = &line.custom_id {
            match self.ids.entry(id.clone()) {
                Entry::Occupied(first) => {
                    line.item = Err(format!("its id `{id}` is that of line {}", first.get()));
                }
                Entry::Vacant(new) => {
                    new.insert(line.index);
                }
            }
        }
        if line.item.is_ok() && self.done.has(&line) {
            self.progress.left_out += 1;
            self.progress.show(self.shared.spending.total());
            return self.output.end(line.index, None).map(|()| None);
        }
        if line.item.is_ok() && self.shared.spending.is_used_up() {
            self.progress.not_run += 1;
            let finished = self.shared.not_run(&line);
            self.note(finished.class());
            self.progress.show(self.shared.spending.total());
            return self.output.end(line.index, Some(finished.result)).map(|()| None);
        }
        if line.item.is_err() {
            self.progress.bad += 1;
        }
        Ok(Some(line))
    }

    /// Takes what became of a line.
    fn finished(&mut self, finished: Finished) -> io::Result<()> {
        self.note(finished.class());
        let run = &finished.outcome.run;
        match &finished.error {
            None => {
                self.progress.answered += 1;
                self.progress.cached += u64::from(run.cached);
            }
            Some(e) => {
                // Bad lines are counted as such.
                if !run.id.is_empty() || !matches!(e, claude_cli::Error::Invalid(_)) {
                    self.progress.failed += 1;
                }
                self.progress.say(self.shared.context, &format!("line {}: {e}", finished.index));
            }
        }
        match run.cost {
            Some(cost) => self.progress.cost += cost,
            None => self.progress.unpriced += u64::from(!run.id.is_empty()),
        }
        self.progress.show(self.shared.spending.total());
        self.output.end(finished.index, Some(finished.result))
    }

    fn note(&mut self, class: ExitClass) {
        if class.rank() < self.class.rank() {
            self.class = class;
        }
    }
}
