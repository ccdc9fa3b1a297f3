//! Time series as a picture, SVG or PNG: a panel a metric over one axis of time
//! in the zone of the question. Text is set in a font that comes along, so that
//! a picture looks the same on a machine without any.

mod canvas;
mod draw;
mod panel;
mod theme;

use plotters::prelude::{BitMapBackend, SVGBackend};

pub use self::theme::PlotTheme;
use self::{canvas::Canvas, draw::Layout, theme::Palette};
use super::TimeSeries;
use crate::{Error, Result};

/// Pixels of a PNG to a unit of the drawing, so that it is sharp on any screen.
const PNG_SCALE: u32 = 2;
const PNG_CHANNELS: usize = 3;

/// A picture of time series, yet to be drawn.
#[derive(Clone, Debug)]
pub struct Plot<'a> {
    series: &'a TimeSeries,
    title: String,
    theme: PlotTheme,
}

impl<'a> Plot<'a> {
    /// Of these series, under a title that names them.
    #[must_use]
    pub fn new(series: &'a TimeSeries) -> Self {
        let names: Vec<&str> = series.series.iter().map(|series| series.metric.title()).collect();
        let title = format!("{} per {}", names.join(", "), series.query.bucket);
        Self { series, title, theme: PlotTheme::default() }
    }

    /// With another title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// On another background.
    #[must_use]
    pub const fn theme(mut self, theme: PlotTheme) -> Self {
        self.theme = theme;
        self
    }

    /// As an SVG document. Under [`PlotTheme::Auto`] it is dark wherever what
    /// shows it prefers that.
    ///
    /// # Errors
    /// If text cannot be set.
    pub fn svg(&self) -> Result<String> {
        let layout = Layout::of(self.series);
        let mut text = String::new();
        let backend = SVGBackend::with_string(&mut text, layout.size());
        draw::draw(&mut Canvas::of_words(backend), &layout, self.series, &self.title, self.theme.palette())?;
        let start = text.find('>').map_or(0, |end| end + 1);
        let mut head = format!("\n<title>{}</title>\n", escaped(&self.title));
        if self.theme == PlotTheme::Auto {
            head.push_str(&Palette::switch());
        }
        text.insert_str(start, &head);
        Ok(text)
    }

    /// As a PNG file. Under [`PlotTheme::Auto`] it is light.
    ///
    /// # Errors
    /// If text cannot be set.
    pub fn png(&self) -> Result<Vec<u8>> {
        let layout = Layout::of(self.series);
        let (width, height) = layout.size();
        let (width, height) = (width * PNG_SCALE, height * PNG_SCALE);
        let mut pixels = vec![0; width as usize * height as usize * PNG_CHANNELS];
        let backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
        draw::draw(
            &mut Canvas::of_pixels(backend, PNG_SCALE),
            &layout,
            self.series,
            &self.title,
            self.theme.palette(),
        )?;
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
        written.map_err(|e| Error::Invalid(format!("cannot make a PNG: {e}")))?;
        Ok(file)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
