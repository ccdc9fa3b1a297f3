//! Listening to spans.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
    time::Instant,
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, filter::filter_fn, layer::Context, registry::LookupSpan};

use super::{FieldValue, Moment, SpanRecord, Trace, memory, trace::Fields};

/// Listens to this crate's spans and events between [`start`](Self::start) and
/// [`take`](Self::take). Clones share what they heard.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    heard: Arc<Mutex<Option<Heard>>>,
}

#[derive(Debug)]
struct Heard {
    started: Instant,
    trace: Trace,
    threads: Vec<ThreadId>,
    /// Spans that have not ended.
    open: Vec<bool>,
    /// The program that runs.
    child: Option<u32>,
    /// How many traces came before, so that spans of theirs are told apart.
    round: u64,
}

/// Where a span is in the trace of a round.
struct Place {
    at: usize,
    round: u64,
}

impl Collector {
    /// A collector that does not listen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What has to be a part of the process's `tracing` subscriber.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let ours = filter_fn(|metadata| {
            let target = metadata.target();
            target == "claude_cli" || target.starts_with("claude_cli::")
        });
        Listener { heard: Arc::clone(&self.heard) }.with_filter(ours)
    }

    /// Begins a trace; one that was begun and not taken is dropped.
    pub fn start(&self) {
        let mut heard = lock(&self.heard);
        let round = heard.as_ref().map_or(0, |heard| heard.round + 1);
        *heard = Some(Heard {
            started: Instant::now(),
            trace: Trace::default(),
            threads: Vec::new(),
            open: Vec::new(),
            child: None,
            round,
        });
    }

    /// Ends the trace. What has not ended by now ends now.
    #[must_use]
    pub fn take(&self) -> Trace {
        let mut heard = lock(&self.heard);
        let Some(heard) = heard.as_mut() else { return Trace::default() };
        let now = heard.started.elapsed();
        for (span, open) in heard.trace.spans.iter_mut().zip(&mut heard.open) {
            if std::mem::take(open) {
                span.end = now;
                span.allocated = allocated_since(span.allocated);
            }
        }
        heard.round += 1;
        heard.threads.clear();
        heard.open.clear();
        std::mem::take(&mut heard.trace)
    }
}

fn lock(heard: &Mutex<Option<Heard>>) -> MutexGuard<'_, Option<Heard>> {
    // A panic elsewhere leaves what was heard as it was.
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Heard {
    fn thread(&mut self) -> usize {
        let current = thread::current();
        self.threads.iter().position(|id| *id == current.id()).unwrap_or_else(|| {
            self.threads.push(current.id());
            let name = current.name().map_or_else(|| format!("thread {}", self.threads.len()), str::to_owned);
            self.trace.threads.push(name);
            self.threads.len() - 1
        })
    }

    /// A program's memory is known only while it runs: looked at whenever
    /// something ends, the last time when its result is there.
    fn look_at_child(&mut self) {
        if let Some(peak) = self.child.and_then(memory::peak_memory_of) {
            self.trace.child_peak = self.trace.child_peak.max(Some(peak));
        }
    }
}

struct Listener {
    heard: Arc<Mutex<Option<Heard>>>,
}

impl<S> Layer<S> for Listener
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut heard = lock(&self.heard);
        let (Some(heard), Some(span)) = (heard.as_mut(), context.span(id)) else { return };
        let mut fields = Fields::new();
        attributes.record(&mut Reading { fields: &mut fields, message: None });
        let parent = span.parent().and_then(|parent| {
            parent.extensions().get::<Place>().filter(|place| place.round == heard.round).map(|place| place.at)
        });
        let thread = heard.thread();
        let start = heard.started.elapsed();
        let place = Place { at: heard.trace.spans.len(), round: heard.round };
        let allocated = allocated();
        let name = attributes.metadata().name();
        heard.trace.spans.push(SpanRecord { name, parent, thread, start, end: start, fields, allocated });
        heard.open.push(true);
        span.extensions_mut().insert(place);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut heard = lock(&self.heard);
        let Some(heard) = heard.as_mut() else { return };
        let Some(at) = place(id, &context, heard.round) else { return };
        let Some(span) = heard.trace.spans.get_mut(at) else { return };
        let known = span.fields.len();
        values.record(&mut Reading { fields: &mut span.fields, message: None });
        let pid = span.fields[known..].iter().find(|(name, _)| *name == "pid").and_then(|(_, pid)| pid.as_int());
        if let Some(pid) = pid.and_then(|pid| u32::try_from(pid).ok()) {
            heard.child = Some(pid);
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut heard = lock(&self.heard);
        let Some(heard) = heard.as_mut() else { return };
        let mut fields = Fields::new();
        let mut reading = Reading { fields: &mut fields, message: None };
        event.record(&mut reading);
        let message = reading.message.unwrap_or_default();
        let (thread, at) = (heard.thread(), heard.started.elapsed());
        heard.trace.moments.push(Moment { message, thread, at, fields });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let mut heard = lock(&self.heard);
        let Some(heard) = heard.as_mut() else { return };
        let now = heard.started.elapsed();
        let Some(at) = place(&id, &context, heard.round) else { return };
        let Some(span) = heard.trace.spans.get_mut(at) else { return };
        span.end = now;
        span.allocated = allocated_since(span.allocated);
        if let Some(open) = heard.open.get_mut(at) {
            *open = false;
        }
        heard.look_at_child();
    }
}

fn place<S>(id: &Id, context: &Context<'_, S>, round: u64) -> Option<usize>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let span = context.span(id)?;
    let extensions = span.extensions();
    extensions.get::<Place>().filter(|place| place.round == round).map(|place| place.at)
}

fn allocated() -> Option<(u64, u64)> {
    #[cfg(feature = "count-allocations")]
    return super::allocations().map(|made| (made.count, made.bytes));
    #[cfg(not(feature = "count-allocations"))]
    None
}

fn allocated_since(then: Option<(u64, u64)>) -> Option<(u64, u64)> {
    allocated().zip(then).map(|(now, then)| (now.0 - then.0, now.1 - then.1))
}

struct Reading<'a> {
    fields: &'a mut Fields,
    message: Option<String>,
}

impl Visit for Reading<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = Some(text);
        } else {
            self.fields.push((field.name(), FieldValue::Text(text)));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.push((field.name(), FieldValue::Int(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_i64(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.push((field.name(), FieldValue::Float(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.push((field.name(), FieldValue::Bool(value)));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.push((field.name(), FieldValue::Text(value.to_owned())));
    }
}
