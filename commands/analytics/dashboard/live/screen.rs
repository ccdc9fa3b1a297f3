//! The screen: what is on it, and what keys do.

use claude_cli::live::{LiveAlert, LiveState};
use ratatui::{
    Frame,
    buffer::Buffer,
    crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, BorderType, Clear, Paragraph, Widget},
};

use super::page;
use crate::{
    analytics::dashboard::{PageArgs, screen::draw},
    context::Context,
};

/// Ranges that a key chooses.
const RANGES: [(char, &str); 5] = [('1', "today"), ('2', "24h"), ('3', "7d"), ('4', "30d"), ('5', "all")];
const DEFAULT: usize = 2;

const HELP: [(&str, &str); 6] = [
    ("1 … 5", "today, 24 hours, 7 days, 30 days, all"),
    ("← →", "the range before, the next one"),
    ("↑ ↓  k j", "scroll by a line"),
    ("PgUp PgDn", "by a page; Home and End to the ends"),
    ("x", "take down an alert"),
    ("q  Ctrl-C", "quit"),
];

/// What is shown, beside the state.
pub(super) struct Screen<'a> {
    context: &'a Context,
    top: u32,
    /// The range of the command line, if it names one.
    own: Option<String>,
    /// Which of the ranges; `None` for the own one.
    at: Option<usize>,
    scroll: u16,
    /// How far it may be scrolled, and how much of the page is seen.
    most: u16,
    seen: u16,
    help: bool,
    alert: Option<LiveAlert>,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    None,
    /// Another range.
    Range,
    Quit,
    Interrupt,
}

impl<'a> Screen<'a> {
    pub(super) fn new(args: &PageArgs, context: &'a Context) -> Self {
        let own = args.report.range_text();
        let at = if own.is_some() { None } else { Some(DEFAULT) };
        Self { context, top: args.top, own, at, scroll: 0, most: 0, seen: 0, help: false, alert: None }
    }

    pub(super) fn range(&self) -> &str {
        self.at.map_or(self.own.as_deref().unwrap_or_default(), |at| RANGES[at].1)
    }

    pub(super) fn alert(&mut self, alert: LiveAlert) {
        self.alert = Some(alert);
    }

    /// What an event asks for; `None` is the end of the terminal.
    pub(super) fn take(&mut self, event: Option<Event>) -> Action {
        match event {
            None => Action::Quit,
            Some(Event::Key(key)) if key.kind != KeyEventKind::Release => self.press(key),
            Some(_) => Action::None,
        }
    }

    fn press(&mut self, key: KeyEvent) -> Action {
        let help = std::mem::take(&mut self.help);
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Action::Interrupt,
            KeyCode::Char('q') => return Action::Quit,
            KeyCode::Esc if !help => return Action::Quit,
            KeyCode::Char('?' | 'h') => self.help = !help,
            KeyCode::Char('x') => self.alert = None,
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.scroll = self.scroll.saturating_add(1),
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(self.seen),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll = self.scroll.saturating_add(self.seen),
            KeyCode::Home | KeyCode::Char('g') => self.scroll = 0,
            KeyCode::End | KeyCode::Char('G') => self.scroll = self.most,
            KeyCode::Left => return self.choose(self.at.map_or(DEFAULT, |at| at.saturating_sub(1))),
            KeyCode::Right => return self.choose(self.at.map_or(DEFAULT, |at| (at + 1).min(RANGES.len() - 1))),
            KeyCode::Char(key) => {
                if let Some(at) = RANGES.iter().position(|range| range.0 == key) {
                    return self.choose(at);
                }
            }
            _ => {}
        }
        Action::None
    }

    fn choose(&mut self, at: usize) -> Action {
        if self.at == Some(at) {
            return Action::None;
        }
        self.at = Some(at);
        self.scroll = 0;
        Action::Range
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, state: Option<&LiveState>) {
        let banner = u16::from(self.alert.is_some());
        let [above, body, below] =
            Layout::vertical([Constraint::Length(banner), Constraint::Min(0), Constraint::Length(1)])
                .areas(frame.area());
        if let Some(alert) = &self.alert {
            let style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD | Modifier::REVERSED);
            frame.render_widget(Paragraph::new(format!(" {}", page::alert(alert))).style(style), above);
        }
        match state {
            Some(state) => self.draw_page(frame.buffer_mut(), body, state),
            None => frame.render_widget(Paragraph::new("reading the ledger …").style(Modifier::DIM), body),
        }
        self.draw_keys(frame.buffer_mut(), below, state);
        if self.help {
            draw_help(frame.buffer_mut(), body);
        }
        if !self.context.colors_stdout() {
            for cell in &mut frame.buffer_mut().content {
                (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
            }
        }
    }

    /// As much of the page as there is room for.
    fn draw_page(&mut self, screen: &mut Buffer, place: Rect, state: &LiveState) {
        let page = page::page(state, self.top as usize, self.context);
        let drawn = draw(&page, place.width);
        self.seen = place.height;
        self.most = drawn.area.height.saturating_sub(place.height);
        self.scroll = self.scroll.min(self.most);
        for y in 0..place.height.min(drawn.area.height - self.scroll) {
            for x in 0..place.width.min(drawn.area.width) {
                if let (Some(to), Some(from)) =
                    (screen.cell_mut((place.x + x, place.y + y)), drawn.cell((x, y + self.scroll)))
                {
                    *to = from.clone();
                }
            }
        }
    }

    fn draw_keys(&self, screen: &mut Buffer, place: Rect, state: Option<&LiveState>) {
        let mut keys = vec![Span::raw(" ")];
        for (at, (key, range)) in RANGES.iter().enumerate() {
            let style = if self.at == Some(at) { Modifier::REVERSED } else { Modifier::empty() };
            keys.push(Span::styled(format!(" {key} {range} "), style));
        }
        for (key, what) in [("↑↓", "scroll"), ("?", "help"), ("q", "quit")] {
            keys.push(Span::styled(format!("  {key}"), Modifier::BOLD));
            keys.push(Span::styled(format!(" {what}"), Modifier::DIM));
        }
        let keys = Line::from(keys);
        let more = self.most.saturating_sub(self.scroll);
        let more = if more > 0 { format!("↓ {more} more lines  ") } else { String::new() };
        let (word, color) = match state {
            Some(state) if state.problem.is_some() => ("stale", Color::Yellow),
            Some(_) => ("live", Color::Green),
            None => ("…", Color::Reset),
        };
        let mut right = vec![
            Span::styled(more, Modifier::DIM),
            Span::styled("● ", Style::new().fg(color)),
            Span::raw(format!("{word} ")),
        ];
        // Keys go before it where there is no room for all.
        if keys.width() + Line::from(right.clone()).width() > usize::from(place.width) {
            right.remove(0);
        }
        let right = Line::from(right);
        let width = u16::try_from(right.width()).unwrap_or(u16::MAX).min(place.width);
        keys.render(place, screen);
        right.render(Rect { x: place.right() - width, width, ..place }, screen);
    }
}

fn draw_help(screen: &mut Buffer, place: Rect) {
    let width = 54.min(place.width);
    let height = (HELP.len() as u16 + 2).min(place.height);
    let place =
        Rect { x: place.x + (place.width - width) / 2, y: place.y + (place.height - height) / 2, width, height };
    let lines: Vec<Line<'_>> = HELP
        .iter()
        .map(|(keys, what)| {
            Line::from(vec![Span::styled(format!(" {keys:<12}"), Modifier::BOLD), Span::raw(*what)])
        })
        .collect();
    let block = Block::bordered().border_type(BorderType::Rounded).title(" Keys ");
    Clear.render(place, screen);
    Paragraph::new(lines).block(block).render(place, screen);
}
