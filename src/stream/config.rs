//! How streams buffer.

use std::sync::{PoisonError, RwLock};

use crate::{Error, Result};

/// What a setting may be at most: beyond it a buffer is no longer a bound.
const MOST_MESSAGES: usize = 1 << 20;
const MOST_BYTES: usize = 64 << 20;

/// The settings of streams that are started from now on.
static CURRENT: RwLock<StreamConfig> = RwLock::new(StreamConfig::new());

/// How a stream's messages are buffered between the backend that makes them and
/// the program that reads them.
///
/// ```
/// use claude_cli::{StreamConfigBuilder, set_stream_config};
///
/// let config = StreamConfigBuilder::new().channel_buffer_size(150).buffer_size_range(75, 750).build();
/// set_stream_config(config)?;
/// # Ok::<_, claude_cli::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamConfig {
    /// How many messages may wait for their reader; with
    /// [`adaptive_buffering`](Self::adaptive_buffering), at the start. Default: 100.
    pub channel_buffer_size: usize,
    /// How many bytes are set aside at a time for texts that cannot stay where
    /// they were read, because they hold escapes. Default: 4,096.
    pub string_capacity: usize,
    /// Whether the number of messages that may wait follows how fast they are
    /// read (see [`channel`](super::channel())). Default: no.
    pub adaptive_buffering: bool,
    /// The fewest messages that may wait, where the number follows. Default: 50.
    pub min_buffer_size: usize,
    /// The most messages that may wait, where the number follows. Default: 500.
    pub max_buffer_size: usize,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl StreamConfig {
    const fn new() -> Self {
        Self {
            channel_buffer_size: 100,
            string_capacity: 4096,
            adaptive_buffering: false,
            min_buffer_size: 50,
            max_buffer_size: 500,
        }
    }

    /// For long answers and much of them: 200 messages at first, between 100
    /// and 1,000 as they are read, and 8 KiB for texts.
    #[must_use]
    pub const fn performance() -> Self {
        Self {
            channel_buffer_size: 200,
            string_capacity: 8192,
            adaptive_buffering: true,
            min_buffer_size: 100,
            max_buffer_size: 1000,
        }
    }

    /// For short answers and many streams: 50 messages, and 2 KiB for texts.
    #[must_use]
    pub const fn memory_optimized() -> Self {
        Self {
            channel_buffer_size: 50,
            string_capacity: 2048,
            adaptive_buffering: false,
            min_buffer_size: 25,
            max_buffer_size: 100,
        }
    }

    /// Checks that a stream can work with these settings.
    ///
    /// # Errors
    /// [`Error::Invalid`] that says which setting cannot be, and why.
    pub fn check(&self) -> Result<()> {
        let wrong = |why: String| Err(Error::Invalid(format!("stream settings: {why}")));
        let counts = [
            ("channel_buffer_size", self.channel_buffer_size),
            ("min_buffer_size", self.min_buffer_size),
            ("max_buffer_size", self.max_buffer_size),
        ];
        for (name, count) in counts {
            if count == 0 {
                return wrong(format!(
                    "{name} is 0, and a channel that holds nothing passes nothing on: use at least 1"
                ));
            }
            if count > MOST_MESSAGES {
                return wrong(format!("{name} is {count}, which bounds no memory: use at most {MOST_MESSAGES}"));
            }
        }
        if self.string_capacity > MOST_BYTES {
            return wrong(format!(
                "string_capacity is {} bytes, set aside for every stream: use at most {MOST_BYTES}",
                self.string_capacity
            ));
        }
        let (size, least, most) = (self.channel_buffer_size, self.min_buffer_size, self.max_buffer_size);
        if least > most {
            return wrong(format!("min_buffer_size is {least}, more than the max_buffer_size of {most}"));
        }
        if self.adaptive_buffering && !(least..=most).contains(&size) {
            return wrong(format!(
                "channel_buffer_size is {size}, outside of min_buffer_size and max_buffer_size, {least} to {most}: \
                 move it, widen the range, or switch adaptive_buffering off"
            ));
        }
        Ok(())
    }
}

/// Makes a [`StreamConfig`], from its defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "settings do nothing until they are set"]
pub struct StreamConfigBuilder {
    config: StreamConfig,
}

impl StreamConfigBuilder {
    /// Starts from the defaults.
    pub const fn new() -> Self {
        Self { config: StreamConfig::new() }
    }

    /// How many messages may wait for their reader.
    pub const fn channel_buffer_size(mut self, messages: usize) -> Self {
        self.config.channel_buffer_size = messages;
        self
    }

    /// How many bytes are set aside at a time for texts.
    pub const fn string_capacity(mut self, bytes: usize) -> Self {
        self.config.string_capacity = bytes;
        self
    }

    /// Whether the number of messages that may wait follows how fast they are read.
    pub const fn adaptive_buffering(mut self, adaptive: bool) -> Self {
        self.config.adaptive_buffering = adaptive;
        self
    }

    /// Between what numbers it does so.
    pub const fn buffer_size_range(mut self, least: usize, most: usize) -> Self {
        self.config.min_buffer_size = least;
        self.config.max_buffer_size = most;
        self
    }

    /// The settings. They are checked where they are used: by
    /// [`set_stream_config`] and by [`channel`](super::channel()).
    #[must_use]
    pub const fn build(self) -> StreamConfig {
        self.config
    }
}

/// Sets how streams buffer that are started from now on, in the whole process.
/// It may be set again at any time.
///
/// # Errors
/// [`Error::Invalid`] for settings no stream can work with; what was set before
/// then stays.
pub fn set_stream_config(config: StreamConfig) -> Result<()> {
    config.check()?;
    *CURRENT.write().unwrap_or_else(PoisonError::into_inner) = config;
    Ok(())
}

/// The settings of streams that are started now.
#[must_use]
pub fn stream_config() -> StreamConfig {
    *CURRENT.read().unwrap_or_else(PoisonError::into_inner)
}
