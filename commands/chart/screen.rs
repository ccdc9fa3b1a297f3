//! A drawn screen as lines of text, for what is printed and stays.

use std::io::{self, Write};

use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};

/// Writes a screen line by line, without blanks at the ends of lines.
pub(crate) fn write(out: &mut dyn Write, screen: &Buffer, colors: bool) -> io::Result<()> {
    for y in screen.area.rows().map(|row| row.y) {
        let cells: Vec<&Cell> =
            (0..screen.area.width).filter_map(|x| screen.cell((screen.area.x + x, y))).collect();
        let used = cells.iter().rposition(|cell| cell.symbol() != " ").map_or(0, |last| last + 1);
        let mut style = (Color::Reset, Modifier::empty());
        for cell in &cells[..used] {
            let wanted = (cell.fg, cell.modifier);
            if colors && wanted != style {
                write!(out, "\x1b[0{}m", codes(wanted))?;
                style = wanted;
            }
            out.write_all(cell.symbol().as_bytes())?;
        }
        if style != (Color::Reset, Modifier::empty()) {
            out.write_all(b"\x1b[0m")?;
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn codes((color, modifier): (Color, Modifier)) -> String {
    let mut codes = String::new();
    for (flag, code) in [(Modifier::BOLD, ";1"), (Modifier::DIM, ";2"), (Modifier::REVERSED, ";7")] {
        if modifier.contains(flag) {
            codes.push_str(code);
        }
    }
    codes.push_str(match color {
        Color::Red => ";31",
        Color::Green => ";32",
        Color::Yellow => ";33",
        Color::Magenta => ";35",
        Color::Cyan => ";36",
        _ => "",
    });
    codes
}
