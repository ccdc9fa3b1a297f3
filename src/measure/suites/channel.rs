//! From bytes, through the channel, to a reader.

use std::{collections::VecDeque, time::Duration};

use super::{Case, Work, lines, sums};
use crate::{
    Error, Result, StreamConfig, StreamConfigBuilder, StreamFormat,
    stream::{Decoder, channel},
};

pub(super) const CASES: [Case; 3] = [
    Case::new("bare_100", "100 messages of 100 B", |_| passed(&lines::bare(100), StreamConfig::default())),
    Case::new("delta_1k", "100 messages of 1 KB", |_| passed(&lines::delta(1_000), StreamConfig::default())),
    Case::new("adaptive_100", "100 messages of 100 B, the channel adapting", |_| {
        passed(&lines::bare(100), StreamConfigBuilder::new().adaptive_buffering(true).build())
    }),
];

const MESSAGES: usize = 100;
/// As the backends do.
const BATCH: usize = 32;

/// On one thread.
fn passed(line: &str, config: StreamConfig) -> Result<Work> {
    let text: &'static [u8] = format!("{line}\n").repeat(MESSAGES).leak().as_bytes();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|e| Error::io("cannot start the runtime", e))?;
    Ok(Box::new(move |times| {
        let mut sum = 0_u64;
        for _ in 0..times {
            sum = sum.wrapping_add(runtime.block_on(pass(text, config, None))?);
        }
        Ok(sum)
    }))
}

/// One task decodes and sends, this one reads everything of it, and pauses after
/// each message if it is told to. Returns the checksum.
///
/// # Errors
/// If the settings or a line are not sound.
pub async fn pass(text: &'static [u8], config: StreamConfig, pause: Option<Duration>) -> Result<u64> {
    let (sender, mut receiver) = channel(&config)?;
    let writer = tokio::spawn(async move {
        let mut decoder = Decoder::new(StreamFormat::StreamJson);
        let mut batch = VecDeque::new();
        for piece in text.chunks(64 << 10) {
            decoder.buffer_mut().extend_from_slice(piece);
            while let Some(event) = decoder.next_event() {
                batch.push_back(event?);
                if batch.len() == BATCH || sender.is_awaited() {
                    sender.send_all(&mut batch).await.map_err(|_| Error::Interrupted)?;
                }
            }
            sender.send_all(&mut batch).await.map_err(|_| Error::Interrupted)?;
        }
        Ok(())
    });
    let mut sum = 0;
    while let Some(event) = receiver.recv().await {
        sum += sums::sum(&event, true);
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
    }
    writer.await.map_err(|e| Error::Invalid(format!("the writer did not end: {e}")))??;
    Ok(sum)
}
