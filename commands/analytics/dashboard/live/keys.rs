//! What is typed, and that the window changed its size.

use std::time::Duration;

use anyhow::Context as _;
use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc::{Receiver, channel};

/// So often it is asked whether anyone still wants to know.
const ASK: Duration = Duration::from_millis(100);

/// Events of the terminal, read by a thread of its own.
pub(super) struct Keys {
    events: Receiver<Event>,
}

impl Keys {
    pub(super) fn read() -> anyhow::Result<Self> {
        let (sender, events) = channel(64);
        let read = move || {
            while !sender.is_closed() {
                match event::poll(ASK) {
                    Ok(false) => continue,
                    Ok(true) => {}
                    Err(_) => return,
                }
                let Ok(event) = event::read() else { return };
                if sender.blocking_send(event).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("keys".to_owned()).spawn(read).context("cannot start a thread")?;
        Ok(Self { events })
    }

    /// The next event; `None` if the terminal is gone.
    pub(super) async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}
