//! What pictures are drawn with: a few shapes and words, on any backend.

use std::sync::OnceLock;

use plotters::{
    backend::DrawingBackend,
    style::{
        Color, FontFamily, FontStyle, IntoFont, RGBColor, ShapeStyle, TextStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

use crate::{Error, Result};

/// Registered under the name that an SVG asks its reader for.
const FAMILY: FontFamily<'static> = FontFamily::SansSerif;
/// The backends take the height of a line for the size of a font.
const LINE_TO_SIZE: f64 = 1.24;

/// The font that comes along, once.
fn font() -> Result<()> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let register =
        || register_font(FAMILY.as_str(), FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_ok();
    match REGISTERED.get_or_init(register) {
        true => Ok(()),
        false => Err(Error::Invalid("the built-in font cannot be read".to_owned())),
    }
}

/// How a text is set.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) size: i32,
    pub(super) color: RGBColor,
    pub(super) across: HPos,
    pub(super) down: VPos,
}

/// A backend, in units that are the same for all of them.
pub(super) struct Canvas<B> {
    backend: B,
    scale: i32,
    /// How far text is moved down, in parts of its size.
    drop: f64,
}

impl<B: DrawingBackend> Canvas<B> {
    /// A canvas of words, which whoever shows it sets.
    pub(super) const fn of_words(backend: B) -> Self {
        Self { backend, scale: 1, drop: 0.0 }
    }

    /// A canvas of so many pixels a unit. Its backend sets text a little too
    /// high: by so much, compared with what an SVG asks for.
    pub(super) const fn of_pixels(backend: B, scale: u32) -> Self {
        Self { backend, scale: scale as i32, drop: 0.14 }
    }

    fn at(&self, (x, y): (i32, i32)) -> (i32, i32) {
        (x * self.scale, y * self.scale)
    }

    /// A filled rectangle, its lower right corner exclusive.
    pub(super) fn fill(&mut self, from: (i32, i32), to: (i32, i32), color: RGBColor) -> Result<()> {
        if from.0 >= to.0 || from.1 >= to.1 {
            return Ok(());
        }
        let (from, to) = (self.at(from), self.at(to));
        drawn(self.backend.draw_rect(from, to, &color, true))
    }

    pub(super) fn line(&mut self, points: &[(i32, i32)], width: u32, color: RGBColor) -> Result<()> {
        let points: Vec<_> = points.iter().map(|&point| self.at(point)).collect();
        let style = ShapeStyle::from(&color).stroke_width(width * self.scale as u32);
        if self.drop == 0.0 {
            return drawn(self.backend.draw_path(points, &style));
        }
        // Where a line of pixels turns back, its backend would draw a spike: each part is a line of its own.
        for part in points.windows(2) {
            drawn(self.backend.draw_path(part.iter().copied(), &style))?;
        }
        let round = width * self.scale as u32 / 2;
        let corners = points.iter().skip(1).take(points.len().saturating_sub(2)).filter(|_| width > 1);
        for &corner in corners {
            drawn(self.backend.draw_circle(corner, round, &color, true))?;
        }
        Ok(())
    }

    pub(super) fn dot(&mut self, at: (i32, i32), radius: u32, color: RGBColor) -> Result<()> {
        drawn(self.backend.draw_circle(self.at(at), radius * self.scale as u32, &color, true))
    }

    fn style(&self, text: Text) -> TextStyle<'static> {
        let size = f64::from(text.size * self.scale) * LINE_TO_SIZE;
        let font = (FAMILY, size).into_font();
        let mut style = TextStyle::from(font).pos(Pos::new(text.across, text.down));
        style.color = text.color.to_backend_color();
        style
    }

    pub(super) fn text(&mut self, words: &str, at: (i32, i32), text: Text) -> Result<()> {
        font()?;
        let style = self.style(text);
        let (x, y) = self.at(at);
        let drop = (f64::from(text.size * self.scale) * self.drop).round() as i32;
        drawn(self.backend.draw_text(words, &style, (x, y + drop)))
    }

    /// How wide a text gets.
    pub(super) fn width(&self, words: &str, text: Text) -> Result<i32> {
        font()?;
        let (width, _) = self.backend.estimate_text_size(words, &self.style(text)).map_err(failed)?;
        Ok(i32::try_from(width).unwrap_or(i32::MAX) / self.scale)
    }

    pub(super) fn finish(&mut self) -> Result<()> {
        drawn(self.backend.present())
    }
}

fn failed(e: impl std::error::Error) -> Error {
    Error::Invalid(format!("cannot draw the plot: {e}"))
}

fn drawn<E: std::error::Error>(result: std::result::Result<(), E>) -> Result<()> {
    result.map_err(failed)
}
