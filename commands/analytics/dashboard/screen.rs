//! A dashboard drawn to a width; it takes the height that it needs.

use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Constraint, Rect},
    style::{Color, Modifier, Style},
    text::{Line as Text, Span},
    widgets::{Block, BorderType, Cell, Row, Table, Widget},
};

use super::page::{Line, Page, Section};
use crate::chart::spark;

/// From this width on, two narrow tables stand side by side.
const TWO_COLUMNS: u16 = 100;
/// A label or a value, and room beside it.
const TILE: u16 = 17;
/// Longer names of what a table is of lose their beginning.
const KEY: usize = 48;
const GAP: u16 = 1;
const BORDERS: u16 = 2;
const NARROWEST: u16 = 40;

/// Draws a page.
pub(super) fn draw(page: &Page, width: u16) -> Buffer {
    let width = width.max(NARROWEST);
    let rows = arranged(&page.tables, width);
    let tiles = tiles_height(page, width);
    let lines = if page.lines.is_empty() { 0 } else { page.lines.len() as u16 + BORDERS };
    let height = 1 + tiles + lines + rows.iter().map(|row| row.height).sum::<u16>();
    let mut screen = Buffer::empty(Rect::new(0, 0, width, height));
    title(&page.title, Rect::new(0, 0, width, 1), &mut screen);
    draw_tiles(page, Rect::new(0, 1, width, tiles), &mut screen);
    let mut top = 1 + tiles;
    if lines > 0 {
        draw_lines(&page.lines, Rect::new(0, top, width, lines), &mut screen);
        top += lines;
    }
    for row in rows {
        let count = row.tables.len() as u16;
        for (n, table) in row.tables.iter().enumerate() {
            let left = n as u16 * (width + GAP) / count;
            let right = if n as u16 + 1 == count { width } else { (n as u16 + 1) * (width + GAP) / count - GAP };
            draw_table(table, Rect::new(left, top, right - left, height_of(table)), &mut screen);
        }
        top += row.height;
    }
    screen
}

/// Tables beside each other.
struct Beside<'a> {
    tables: Vec<&'a Section>,
    height: u16,
}

const fn height_of(table: &Section) -> u16 {
    table.report.rows.len() as u16 + 1 + BORDERS
}

fn arranged(tables: &[Section], width: u16) -> Vec<Beside<'_>> {
    let mut rows: Vec<Beside<'_>> = Vec::new();
    for table in tables {
        match rows.last_mut() {
            Some(row) if width >= TWO_COLUMNS && table.narrow && row.tables.len() == 1 && row.tables[0].narrow => {
                row.height = row.height.max(height_of(table));
                row.tables.push(table);
            }
            _ => rows.push(Beside { tables: vec![table], height: height_of(table) }),
        }
    }
    rows
}

/// The name of the program only where there is room for it.
fn title(text: &str, place: Rect, screen: &mut Buffer) {
    const NAME: &str = "claude-cli  ";
    let fits = NAME.len() + text.chars().count() <= usize::from(place.width);
    let name = Span::styled(if fits { NAME } else { "" }, Modifier::BOLD);
    Text::from(vec![name, Span::raw(text)]).render(place, screen);
}

fn tiles_across(width: u16) -> u16 {
    (width / TILE).max(1)
}

fn tiles_height(page: &Page, width: u16) -> u16 {
    // The label, the value, and a line between.
    (page.tiles.len() as u16).div_ceil(tiles_across(width)) * 3
}

fn draw_tiles(page: &Page, place: Rect, screen: &mut Buffer) {
    let across = tiles_across(place.width);
    for (n, (label, value, color)) in page.tiles.iter().enumerate() {
        let (x, y) = (n as u16 % across * TILE, n as u16 / across * 3);
        let at = |down: u16| Rect::new(place.x + x, place.y + y + down, TILE - 1, 1).intersection(place);
        Text::styled(*label, Modifier::DIM).render(at(1), screen);
        Text::styled(value.as_str(), Style::new().fg(*color).bold()).render(at(2), screen);
    }
}

fn frame(title: &str) -> Block<'_> {
    let title = Span::styled(format!(" {title} "), Modifier::BOLD);
    Block::bordered().border_type(BorderType::Rounded).border_style(Modifier::DIM).title(title)
}

fn draw_lines(lines: &[Line], place: Rect, screen: &mut Buffer) {
    let block = frame("Over time");
    let inside = block.inner(place);
    block.render(place, screen);
    let widest =
        |texts: &mut dyn Iterator<Item = usize>| u16::try_from(texts.max().unwrap_or(0)).unwrap_or(u16::MAX);
    let names = widest(&mut lines.iter().map(|line| line.name.chars().count()));
    let values = widest(&mut lines.iter().map(|line| line.most.chars().count()));
    let room = inside.width.saturating_sub(names + values + 4);
    for (n, line) in lines.iter().enumerate() {
        let y = inside.y + n as u16;
        Text::raw(line.name).render(Rect::new(inside.x + 1, y, names, 1).intersection(inside), screen);
        let spark = Text::styled(spark(&line.values, room.into()), line.color);
        spark.render(Rect::new(inside.x + names + 2, y, room, 1).intersection(inside), screen);
        let most = Text::styled(line.most.as_str(), Modifier::DIM).alignment(Alignment::Right);
        most.render(
            Rect::new(inside.right().saturating_sub(values + 1), y, values, 1).intersection(inside),
            screen,
        );
    }
}

fn draw_table(section: &Section, place: Rect, screen: &mut Buffer) {
    let report = &section.report;
    let block = frame(&section.title);
    let inside = block.inner(place);
    block.render(place, screen);
    let shown = report.columns_within(Some(inside.width.into()));
    let cell = |n: usize, text: &str| {
        let right = report.columns[shown[n]].right;
        let text = if n == 0 { tail(text, room_of_key(section, &shown, inside.width)) } else { text.to_owned() };
        Cell::from(Text::raw(text).alignment(if right { Alignment::Right } else { Alignment::Left }))
    };
    let header = Row::new(shown.iter().enumerate().map(|(n, &i)| cell(n, report.columns[i].title)))
        .style(Style::new().add_modifier(Modifier::DIM));
    let rows = report.rows.iter().zip(&section.colors).map(|(row, &color)| {
        let style = if color == Color::Reset { Style::new() } else { Style::new().fg(color).bold() };
        Row::new(shown.iter().enumerate().map(|(n, &i)| cell(n, &row[i].shown))).style(style)
    });
    let widths = shown.iter().enumerate().map(|(n, &i)| match n {
        0 => Constraint::Fill(1),
        _ => Constraint::Length(content(section, i)),
    });
    let table = Table::new(rows, widths).header(header).column_spacing(2);
    let padded = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
    Widget::render(table, padded, screen);
}

/// The width of what is in a column.
fn content(section: &Section, column: usize) -> u16 {
    let cells = section.report.rows.iter().map(|row| row[column].shown.chars().count());
    let widest = cells.max().unwrap_or(0).max(section.report.columns[column].title.chars().count());
    u16::try_from(widest).unwrap_or(u16::MAX)
}

/// What the other columns leave to the first.
fn room_of_key(section: &Section, shown: &[usize], width: u16) -> usize {
    let others: u16 = shown.iter().skip(1).map(|&i| content(section, i) + 2).sum();
    usize::from(width.saturating_sub(others + 2)).min(KEY.max(usize::from(width / 2)))
}

/// The end of a text: of a path, that is what tells it from others.
fn tail(text: &str, room: usize) -> String {
    let length = text.chars().count();
    if length <= room {
        return text.to_owned();
    }
    let end: String = text.chars().skip(length - room.saturating_sub(1)).collect();
    format!("…{end}")
}
