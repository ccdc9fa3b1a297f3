//! Sessions, one after another.

use std::path::PathBuf;

use fastrand::Rng;
use memchr::memmem;

use super::{
    expected::{Expected, Totals},
    lines::{Frame, Place, Request, id, uuid},
    words::Words,
};

const MODELS: [(&str, &str); 4] = [
    ("claude-opus-4-8", "claude-opus-4-8"),
    ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20250929"),
    ("claude-opus-4-7[1m]", "claude-opus-4-7"),
    ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5-20251001"),
];
const SMALL_MODEL: (&str, &str) = ("claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001");
const ADVISOR: &str = "claude-opus-4-8";
const BRANCHES: [&str; 4] = ["main", "fix/timeouts", "feature-import", "HEAD"];
const VERSIONS: [&str; 3] = ["2.0.76", "2.1.150", "2.1.197"];
const PROJECTS: u64 = 7;
/// Between two requests go about so many bytes of prompts and tool results.
const BETWEEN: usize = 1250;

/// Writes sessions; some go on from the one before.
pub(super) struct Author<'a> {
    rng: Rng,
    words: &'a Words,
    before: Option<(Frame, Vec<u8>)>,
}

/// The files of a session, and what is in them.
#[derive(Default)]
pub(super) struct Session {
    main: (PathBuf, Vec<u8>),
    agents: Vec<(PathBuf, Vec<u8>)>,
    /// What counts: model and sums, once per request.
    counted: Vec<(Option<&'static str>, Totals)>,
    usage_lines: u64,
}

impl Session {
    pub(super) fn bytes(&self) -> u64 {
        self.files().map(|(_, text)| text.len() as u64).sum()
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (PathBuf, &[u8])> {
        std::iter::once(&self.main).chain(&self.agents).map(|(path, text)| (path.clone(), text.as_slice()))
    }

    pub(super) fn count(&self, expected: &mut Expected) {
        for (model, totals) in &self.counted {
            expected.add(*model, totals);
        }
        expected.usage_lines += self.usage_lines;
        expected.files += self.files().count() as u64;
        expected.bytes += self.bytes();
    }

    fn add(&mut self, request: &Request) {
        self.counted.push((Some(request.model.1), request.usage));
        if let Some((model, input_tokens, output_tokens)) = request.advisor {
            self.counted.push((Some(model), Totals { input_tokens, output_tokens, ..Totals::default() }));
        }
    }
}

impl<'a> Author<'a> {
    pub(super) fn new(seed: u64, words: &'a Words) -> Self {
        Self { rng: Rng::with_seed(seed), words, before: None }
    }

    fn frame(&mut self) -> Frame {
        let project = self.rng.u64(..PROJECTS);
        Frame {
            session: uuid(&mut self.rng),
            project: format!("/home/me/code/project-{project}"),
            branch: BRANCHES[self.rng.usize(..BRANCHES.len())],
            version: VERSIONS[self.rng.usize(..VERSIONS.len())],
            model: MODELS[self.rng.usize(..MODELS.len())],
            split: self.rng.u8(..4) != 0,
            long: self.rng.bool(),
        }
    }

    fn path(frame: &Frame) -> PathBuf {
        PathBuf::from(frame.project.replace('/', "-")).join(&frame.session)
    }

    /// A session that begins at `at`, of about so many bytes.
    pub(super) fn session(&mut self, mut at: i64, bytes: u64) -> Session {
        let mut frame = self.frame();
        let mut session = Session::default();
        let mut text = Vec::with_capacity(bytes as usize + 65_536);
        if self.rng.u8(..12) == 0
            && let Some((before, lines)) = &self.before
        {
            frame.project.clone_from(&before.project);
            session.usage_lines += fork(&before.session, lines, &frame.session, bytes as usize / 4, &mut text);
        }
        let mut context = 15_000;
        let mut agents_bytes = 0;
        // A third of the sessions have a subagent.
        let mut until_subagent = (self.rng.u8(..3) == 0).then(|| self.rng.u8(..20));
        loop {
            at += self.rng.i64(2_000..60_000);
            self.between(&frame, at, &mut text);
            context += self.rng.u64(50..1500);
            if context > 170_000 {
                context = 20_000;
            }
            match self.rng.u8(..100) {
                0 => {
                    frame.failure(at, &mut self.rng, &mut text);
                    session.usage_lines += 1;
                    session.counted.push((None, Totals { requests: 1, errors: 1, ..Totals::default() }));
                }
                _ if until_subagent == Some(0) => {
                    until_subagent = None;
                    agents_bytes += self.subagent(&frame, at, &mut text, &mut session);
                }
                _ => {
                    until_subagent = until_subagent.map(|requests| requests.saturating_sub(1));
                    let request = self.request(&frame, context);
                    self.snapshots(&frame, &request, Place::default(), at, &mut text, &mut session);
                    session.add(&request);
                    if self.rng.u8(..50) == 0 {
                        self.replay(&frame, request, at, &mut text, &mut session);
                    }
                }
            }
            if (text.len() + agents_bytes) as u64 >= bytes {
                break;
            }
        }
        let path = Self::path(&frame);
        session.main = (path.with_extension("jsonl"), text);
        self.before = Some((frame, session.main.1.clone()));
        session
    }

    /// A session with one line of about `length` bytes.
    pub(super) fn giant(&mut self, at: i64, length: u64) -> Session {
        let frame = self.frame();
        let mut session = Session::default();
        let mut text = Vec::new();
        frame.user(Place::default(), at, length as usize, &mut self.rng, self.words, &mut text);
        let request = self.request(&frame, 20_000);
        self.snapshots(&frame, &request, Place::default(), at + 9_000, &mut text, &mut session);
        session.add(&request);
        session.main = (Self::path(&frame).with_extension("jsonl"), text);
        session
    }

    /// Prompts and tool results: many short ones, few long ones.
    fn between(&mut self, frame: &Frame, at: i64, text: &mut Vec<u8>) {
        for _ in 0..self.rng.u8(1..=2) {
            let length = match self.rng.u8(..10) {
                0 => self.rng.usize(BETWEEN..BETWEEN * 10),
                _ => self.rng.usize(BETWEEN / 10..BETWEEN * 3),
            };
            frame.user(Place::default(), at - 1000, length, &mut self.rng, self.words, text);
        }
    }

    fn request(&mut self, frame: &Frame, context: u64) -> Request {
        let rng = &mut self.rng;
        let written = rng.u64(..4000);
        let long = frame.split && frame.long;
        Request {
            message_id: id(rng, "msg_01", 22),
            request_id: (rng.u8(..200) != 0).then(|| id(rng, "req_011", 21)),
            model: if rng.u8(..12) == 0 { SMALL_MODEL } else { frame.model },
            usage: Totals {
                requests: 1,
                input_tokens: rng.u64(1..20),
                output_tokens: rng.u64(20..3000),
                cache_read_tokens: context,
                cache_write_5m_tokens: if long { 0 } else { written },
                cache_write_1h_tokens: if long { written } else { 0 },
                web_searches: if rng.u8(..100) == 0 { rng.u64(1..4) } else { 0 },
                ..Totals::default()
            },
            fast: rng.u8(..200) == 0,
            advisor: (rng.u8(..200) == 0).then(|| (ADVISOR, rng.u64(1..5000), rng.u64(1..900))),
        }
    }

    /// A line per content block, with growing counts; the last one is right.
    fn snapshots(
        &mut self,
        frame: &Frame,
        request: &Request,
        place: Place<'_>,
        mut at: i64,
        text: &mut Vec<u8>,
        session: &mut Session,
    ) {
        let blocks = self.rng.u64(1..=4);
        let mut output = self.rng.u64(1..=8);
        for block in 1..=blocks {
            at += self.rng.i64(100..3000);
            output = if block == blocks {
                request.usage.output_tokens
            } else {
                output.max(self.rng.u64(1..=request.usage.output_tokens))
            };
            let place = Place { without_request_id: block == 1 && self.rng.u8(..100) == 0, ..place };
            let length = self.rng.usize(100..1200);
            frame.usage(request, output, place, at, length, &mut self.rng, self.words, text);
            session.usage_lines += 1;
        }
    }

    /// A question on the side: the last request is told again under another
    /// request id, and an answer of its own follows.
    fn replay(&mut self, frame: &Frame, request: Request, at: i64, text: &mut Vec<u8>, session: &mut Session) {
        let again = Request {
            request_id: Some(id(&mut self.rng, "req_011", 21)),
            usage: Totals { cache_read_tokens: request.usage.cache_read_tokens + 50_000, ..request.usage },
            ..request
        };
        let place = Place { sidechain: true, ..Place::default() };
        frame.usage(&again, again.usage.output_tokens, place, at + 5000, 300, &mut self.rng, self.words, text);
        session.usage_lines += 1;
        let answer = self.request(frame, again.usage.cache_read_tokens);
        self.snapshots(frame, &answer, place, at + 6000, text, session);
        session.add(&answer);
    }

    /// A subagent: its own transcript, or only its progress, or both.
    fn subagent(&mut self, frame: &Frame, at: i64, text: &mut Vec<u8>, session: &mut Session) -> usize {
        let agent = id(&mut self.rng, "a", 7);
        let has_file = self.rng.u8(..3) != 0;
        let has_progress = !has_file || self.rng.bool();
        let place = Place { sidechain: true, agent: Some(&agent), ..Place::default() };
        let mut own = Vec::new();
        for n in 0..self.rng.i64(1..12) {
            let at = at + n * 9000;
            let request = self.request(frame, 5000 + n as u64 * 700);
            if has_file {
                let length = self.rng.usize(..BETWEEN * 2);
                frame.user(place, at, length, &mut self.rng, self.words, &mut own);
                self.snapshots(frame, &request, place, at, &mut own, session);
            }
            if has_progress {
                let place = Place { sidechain: false, is_progress: true, ..place };
                let output = request.usage.output_tokens;
                frame.usage(&request, output, place, at + 8000, 500, &mut self.rng, self.words, text);
                session.usage_lines += 1;
            }
            session.add(&request);
        }
        let bytes = own.len();
        if has_file {
            let path = Self::path(frame).join("subagents").join(format!("agent-{agent}.jsonl"));
            session.agents.push((path, own));
        }
        bytes
    }
}

/// Copies the first lines of a session into another one, as a resumed or forked
/// session does; gives how many of them tell of a request.
fn fork(from: &str, lines: &[u8], to: &str, bytes: usize, into: &mut Vec<u8>) -> u64 {
    let finder = memmem::Finder::new(from.as_bytes());
    let mut usage_lines = 0;
    for line in lines.split_inclusive(|&b| b == b'\n') {
        if into.len() + line.len() > bytes {
            break;
        }
        let mut rest = line;
        while let Some(found) = finder.find(rest) {
            into.extend_from_slice(&rest[..found]);
            into.extend_from_slice(to.as_bytes());
            rest = &rest[found + from.len()..];
        }
        into.extend_from_slice(rest);
        usage_lines += u64::from(
            memmem::find(line, br#","usage":{"input_tokens":999999999"#).is_none()
                && memmem::find(line, br#""usage":{"input_tokens":"#).is_some(),
        );
    }
    usage_lines
}
