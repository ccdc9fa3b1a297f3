//! Writing an answer.

use std::io::{self, IsTerminal, Write, stderr, stdout};

use claude_cli::{
    Event, EventKind,
    stream::{ApiEvent, ContentBlock, StreamEvent},
};
use serde_json::Value;
use termimad::{Alignment, MadSkin};

use crate::{
    context::Context,
    prompt::{Output, PromptArgs},
};

/// Writes an answer as it comes, or when it is whole.
pub(super) struct Renderer {
    output: Output,
    /// Show text as it comes.
    live: bool,
    /// What was shown so far ends in the middle of a line.
    open_line: bool,
    shown: bool,
    /// Tool use and thinking are marked on stderr where a person reads along.
    marks: bool,
    /// In a faint colour.
    colors: bool,
    /// How Markdown is shown, and how wide, where it is shown as more than text.
    markdown: Option<(MadSkin, usize)>,
}

impl Renderer {
    pub(super) fn new(args: &PromptArgs, live: bool, context: &Context) -> Self {
        // What is shown as it comes cannot be laid out: a line's end is not known yet.
        // An answer by a schema is JSON, and not to be wrapped.
        let lay_out = !live && !args.plain && args.json_schema.is_none() && stdout().is_terminal();
        let skin = || {
            let mut skin = if context.colors_stdout() { MadSkin::default() } else { MadSkin::no_style() };
            // A centred title is lost on a wide terminal.
            skin.headers.iter_mut().for_each(|header| header.align = Alignment::Left);
            skin
        };
        Self {
            output: args.output,
            live,
            open_line: false,
            shown: false,
            marks: live && stderr().is_terminal() && !context.quiet(),
            colors: context.colors_stderr(),
            markdown: lay_out.then(|| (skin(), context.width())),
        }
    }

    pub(super) fn event(&mut self, event: &Event) -> io::Result<()> {
        match self.output {
            Output::StreamJson => {
                let mut out = stdout().lock();
                out.write_all(event.raw())?;
                out.write_all(b"\n")?;
                out.flush()
            }
            Output::Text if self.live => self.text(event),
            Output::Text | Output::Json => Ok(()),
        }
    }

    fn text(&mut self, event: &Event) -> io::Result<()> {
        if let Some(text) = event.text_delta() {
            if !text.is_empty() {
                let mut out = stdout().lock();
                out.write_all(text.as_bytes())?;
                // A delta is shown when it is there, not when a line is full.
                out.flush()?;
                self.open_line = !text.ends_with('\n');
                self.shown = true;
            }
            return Ok(());
        }
        let EventKind::Stream(StreamEvent { event: api, parent_tool_use_id: None, .. }) = event.kind() else {
            return Ok(());
        };
        match api {
            // What is said after a tool was used is a paragraph of its own.
            ApiEvent::MessageStart(_) if self.open_line => self.end_line(),
            ApiEvent::ContentBlockStart { block: ContentBlock::ToolUse { name, .. }, .. } => {
                self.mark(&format!("[tool: {name}]"))
            }
            ApiEvent::ContentBlockStart { block: ContentBlock::Thinking(_), .. } => self.mark("[thinking]"),
            _ => Ok(()),
        }
    }

    fn mark(&mut self, text: &str) -> io::Result<()> {
        if self.marks {
            if self.open_line {
                self.end_line()?;
            }
            if self.colors {
                eprintln!("\x1b[2m{text}\x1b[0m");
            } else {
                eprintln!("{text}");
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        let mut out = stdout().lock();
        out.write_all(b"\n")?;
        out.flush()?;
        self.open_line = false;
        Ok(())
    }

    /// Writes an answer from the cache; among messages it is the last one of a run.
    pub(super) fn kept(&mut self, answer: &str, json: &Value) -> io::Result<()> {
        if self.output != Output::StreamJson {
            return self.finish(Some(answer), json, false);
        }
        let line = serde_json::json!({
            "type": "result", "subtype": "success", "is_error": false, "result": answer, "cached": true,
            "num_turns": 0, "total_cost_usd": 0, "duration_ms": json["duration_ms"],
        });
        let mut out = stdout().lock();
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// Writes what is left to write. The text of a failed run is an error's
    /// text, and that is told elsewhere.
    pub(super) fn finish(&mut self, answer: Option<&str>, json: &Value, failed: bool) -> io::Result<()> {
        match self.output {
            Output::Json => {
                let mut out = stdout().lock();
                serde_json::to_writer_pretty(&mut out, json)?;
                out.write_all(b"\n")?;
                out.flush()
            }
            Output::Text if self.open_line => self.end_line(),
            Output::Text if !self.shown && !failed => {
                let text = answer.unwrap_or_default();
                let mut out = stdout().lock();
                if let Some((skin, width)) = &self.markdown {
                    write!(out, "{}", skin.text(text, Some(*width)))?;
                    return out.flush();
                }
                out.write_all(text.as_bytes())?;
                if !text.ends_with('\n') {
                    out.write_all(b"\n")?;
                }
                out.flush()
            }
            Output::Text | Output::StreamJson => Ok(()),
        }
    }
}
