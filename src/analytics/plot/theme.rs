//! The colours of a picture, for light and dark surroundings.

use std::fmt::Write;

use plotters::style::RGBColor;

use crate::analytics::Metric;

/// What a picture is to be shown on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlotTheme {
    /// An SVG that follows what shows it; a light PNG.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl PlotTheme {
    pub(super) const fn palette(self) -> &'static Palette {
        match self {
            Self::Auto | Self::Light => &LIGHT,
            Self::Dark => &DARK,
        }
    }
}

/// Colours by what they are for. Those of the series have a contrast of at
/// least 4.5 to 1 to their background.
pub(super) struct Palette {
    pub(super) background: RGBColor,
    pub(super) text: RGBColor,
    pub(super) faint: RGBColor,
    pub(super) grid: RGBColor,
    /// Behind buckets whose value is not known.
    pub(super) unknown: RGBColor,
    series: [RGBColor; 8],
}

const fn rgb(hex: u32) -> RGBColor {
    RGBColor((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const LIGHT: Palette = Palette {
    background: rgb(0xFF_FF_FF),
    text: rgb(0x1F_23_28),
    faint: rgb(0x59_63_6E),
    grid: rgb(0xE1_E4_E8),
    unknown: rgb(0xF3_E6_C4),
    series: [
        rgb(0x09_69_DA),
        rgb(0x1A_7F_37),
        rgb(0x82_50_DF),
        rgb(0xBC_4C_00),
        rgb(0x14_71_79),
        rgb(0xCF_22_2E),
        rgb(0x9A_67_00),
        rgb(0xBF_39_89),
    ],
};

const DARK: Palette = Palette {
    background: rgb(0x0D_11_17),
    text: rgb(0xE6_ED_F3),
    faint: rgb(0x91_98_A1),
    grid: rgb(0x2A_31_3C),
    unknown: rgb(0x4A_3B_12),
    series: [
        rgb(0x44_93_F8),
        rgb(0x3F_B9_50),
        rgb(0xAB_7D_F8),
        rgb(0xDB_6D_28),
        rgb(0x39_C5_CF),
        rgb(0xF8_51_49),
        rgb(0xD2_99_22),
        rgb(0xDB_61_A2),
    ],
};

impl Palette {
    /// The colour of a metric: the same in every picture.
    pub(super) fn series(&self, metric: Metric) -> RGBColor {
        let at = Metric::ALL.iter().position(|m| m.0 == metric).unwrap_or_default();
        self.series[at % self.series.len()]
    }

    fn all(&self) -> impl Iterator<Item = RGBColor> {
        [self.background, self.text, self.faint, self.grid, self.unknown].into_iter().chain(self.series)
    }

    /// A style sheet that turns the light colours of an SVG into the dark ones
    /// where dark is preferred: rules win over attributes.
    pub(super) fn switch() -> String {
        let mut css = "<style>@media (prefers-color-scheme: dark) {".to_owned();
        for (light, dark) in LIGHT.all().zip(DARK.all()) {
            for attribute in ["fill", "stroke"] {
                let (light, dark) = (hex(light), hex(dark));
                // Writing to a string cannot fail.
                let _ = write!(css, "[{attribute}=\"{light}\"]{{{attribute}:{dark}}}");
            }
        }
        css + "}</style>\n"
    }
}

fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(RGBColor(r, g, b): RGBColor) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    #[test]
    fn everything_that_is_read_stands_out() {
        for palette in [&LIGHT, &DARK] {
            for colour in palette.series.into_iter().chain([palette.text, palette.faint]) {
                let (a, b) = (luminance(colour), luminance(palette.background));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{colour:?} on {:?}: {contrast}", palette.background);
            }
        }
        let all: std::collections::BTreeSet<_> = LIGHT.all().map(hex).collect();
        assert_eq!(all.len(), LIGHT.all().count(), "no colour of the light palette has two meanings");
    }
}
