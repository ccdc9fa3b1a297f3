//! The bytes of a request, within bounds.

use std::{io::Read as _, sync::Arc, time::Duration};

use axum::body::{Body, Bytes};
use flate2::bufread::MultiGzDecoder;
use futures_util::StreamExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::receiver::Refused;

/// What room is counted in.
const PIECE: usize = 1 << 10;
/// So many bytes are decompressed at a time.
const STEP: usize = 64 << 10;

/// Room for the bytes that all senders together may have here.
#[derive(Clone, Debug)]
pub(super) struct Rooms {
    pieces: Arc<Semaphore>,
}

/// What one request takes of it, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Room {
    rooms: Rooms,
    taken: Option<OwnedSemaphorePermit>,
}

impl Rooms {
    pub(super) fn new(bytes: usize) -> Self {
        Self { pieces: Arc::new(Semaphore::new((bytes / PIECE).clamp(1, Semaphore::MAX_PERMITS))) }
    }

    pub(super) fn room(&self) -> Room {
        Room { rooms: self.clone(), taken: None }
    }

    /// Bytes that may still be taken.
    pub(super) fn left(&self) -> usize {
        self.pieces.available_permits() * PIECE
    }
}

impl Room {
    /// Takes what is lacking to so many bytes.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), Refused> {
        let held = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let lacking = bytes.div_ceil(PIECE).saturating_sub(held);
        if lacking == 0 {
            return Ok(());
        }
        let lacking = u32::try_from(lacking).map_err(|_| Refused::Full)?;
        let more = Arc::clone(&self.rooms.pieces).try_acquire_many_owned(lacking).map_err(|_| Refused::Full)?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        Ok(())
    }
}

/// Reads a body of up to `limit` bytes, none of which takes longer than `time`.
pub(super) async fn read(body: Body, limit: usize, time: Duration, room: &mut Room) -> Result<Bytes, Refused> {
    let mut chunks = body.into_data_stream();
    let mut all = Vec::new();
    let collect = async {
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|e| Refused::Broken(e.to_string()))?;
            if all.len() + chunk.len() > limit {
                return Err(Refused::TooLarge(limit));
            }
            room.hold(all.len() + chunk.len())?;
            all.extend_from_slice(&chunk);
        }
        Ok(())
    };
    timeout(time, collect).await.map_err(|_| Refused::Slow(time))??;
    Ok(all.into())
}

/// Decompresses a body to up to `limit` bytes, which are counted as they come.
pub(super) fn gunzip(compressed: &[u8], limit: usize, room: &mut Room) -> Result<Bytes, Refused> {
    let mut gzip = MultiGzDecoder::new(compressed);
    let mut all = Vec::new();
    loop {
        let before = all.len();
        room.hold(compressed.len() + before + STEP)?;
        let read = gzip.by_ref().take(STEP as u64).read_to_end(&mut all);
        read.map_err(|e| Refused::Broken(format!("no gzip: {e}")))?;
        if all.len() > limit {
            return Err(Refused::TooLarge(limit));
        }
        if all.len() == before {
            return Ok(all.into());
        }
    }
}
