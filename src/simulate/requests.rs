//! Made-up requests, as telemetry and transcripts would tell of them.

use std::ops::Range;

use crate::store::{Witness, WitnessKind};

/// Models and how many of twenty sessions use them; the last one has no price.
const MODELS: [(&str, u64); 6] = [
    ("claude-sonnet-4-6", 8),
    ("claude-opus-4-8", 5),
    ("claude-haiku-4-5", 3),
    ("claude-sonnet-4-5", 2),
    ("claude-opus-4-6", 1),
    ("a-model-without-a-price", 1),
];
const DAY: f64 = 86_400_000.0;
/// Between two requests of a session, on average, in milliseconds.
const PAUSE: f64 = 45_000.0;

/// A history of requests: sessions in projects and on branches, evenly spread
/// over days, so that each quarter-hour has some. Every other session is told by
/// telemetry, with durations and reported costs; the others by transcripts. One
/// request in a hundred failed.
///
/// The same history is the same every time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requests {
    /// Draws everything.
    pub seed: u64,
    /// So many requests in all.
    pub count: u64,
    /// So many sessions, or one a request if there are fewer.
    pub sessions: u64,
    /// So many projects.
    pub projects: u64,
    /// So many branches.
    pub branches: u64,
    /// When the first session begins, UTC milliseconds.
    pub since: i64,
    /// Over how many days the sessions begin.
    pub days: u32,
}

impl Requests {
    /// So many requests, in sessions of 40, of 20 projects and 200 branches, over
    /// so many days before `until` (UTC milliseconds).
    #[must_use]
    pub fn before(until: i64, count: u64, days: u32) -> Self {
        let since = until - i64::from(days) * DAY as i64;
        Self { seed: 1, count, sessions: (count / 40).max(1), projects: 20, branches: 200, since, days }
    }

    /// What is told of each of them: session by session, in the order in which
    /// these begin.
    pub fn witnesses(&self) -> impl Iterator<Item = Witness> + use<> {
        let asked = self.clone();
        let sessions = asked.sessions.clamp(1, asked.count.max(1));
        (0..sessions).flat_map(move |n| asked.session(n, share(asked.count, sessions, n)))
    }

    /// The `n`-th session, with the requests of these numbers.
    fn session(&self, n: u64, numbers: Range<u64>) -> impl Iterator<Item = Witness> + use<> {
        let mut draw = fastrand::Rng::with_seed(self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ n);
        let begin =
            self.since as f64 + f64::from(self.days) * DAY * (numbers.start as f64 / self.count.max(1) as f64);
        let end = self.since + (f64::from(self.days) * DAY) as i64;
        let by = if n.is_multiple_of(2) { WitnessKind::Telemetry } else { WitnessKind::Transcript };
        let session = format!("{:08x}-5e55-4000-8000-{n:012x}", draw.u32(..));
        let project = format!("/home/me/project-{}", draw.u64(..self.projects.max(1)));
        let branch = match draw.u64(..4) {
            0 => "main".to_owned(),
            _ => format!("topic-{}", draw.u64(..self.branches.max(1))),
        };
        let model = drawn_model(&mut draw);
        let mut ts = begin;
        let mut context = 12_000 + draw.u64(..8_000);
        numbers.map(move |number| {
            ts += -PAUSE * (1.0 - draw.f64()).ln();
            let mut w = Witness {
                by,
                ts: (ts as i64).min(end - 1),
                message_id: Some(format!("msg_{number:024x}")),
                request_id: Some(format!("req_{number:024x}")),
                session: Some(session.as_str().into()),
                project: Some(project.as_str().into()),
                branch: Some(branch.as_str().into()),
                version: Some("2.1.197".into()),
                agent: Some(if draw.u8(..5) == 0 { "subagent" } else { "main" }.into()),
                user: Some("me".into()),
                host: Some("here".into()),
                model: Some(model.into()),
                ..Witness::default()
            };
            if by == WitnessKind::Telemetry {
                // Log-normal: a median of 8 s, one in twenty over 35 s.
                let normal = (0..12).map(|_| draw.f64()).sum::<f64>() - 6.0;
                w.duration_ms = Some((8_000.0 * (0.9 * normal).exp()) as i64);
            }
            if draw.u8(..100) == 0 {
                w.error = Some(if draw.bool() { "overloaded_error" } else { "rate_limit_error" }.into());
                return w;
            }
            let (output, written) = (20 + draw.u64(..1_500), 200 + draw.u64(..3_000));
            w.usage.input_tokens = 4 + draw.u64(..20);
            w.usage.output_tokens = output;
            w.usage.cache_read_tokens = context;
            w.usage.cache_write_5m_tokens = written;
            context = (context + written).min(160_000);
            if by == WitnessKind::Telemetry && draw.u8(..10) > 0 {
                w.cost = Some((output * 15_000 + written * 3_750 + context * 300) as i64);
            }
            w
        })
    }
}

/// The numbers of the `n`-th of so many equal shares.
fn share(count: u64, shares: u64, n: u64) -> Range<u64> {
    let edge = |n: u64| (u128::from(count) * u128::from(n) / u128::from(shares)) as u64;
    edge(n)..edge(n + 1)
}

fn drawn_model(draw: &mut fastrand::Rng) -> &'static str {
    let all: u64 = MODELS.iter().map(|model| model.1).sum();
    let mut left = draw.u64(..all);
    for (model, weight) in MODELS {
        if left < weight {
            return model;
        }
        left -= weight;
    }
    MODELS[0].0
}
