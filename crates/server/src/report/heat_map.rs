use super::{axis::number, svg::Svg};

/// Values in rows and columns.
#[derive(Debug)]
pub(crate) struct Grid<'a> {
    /// Names of the rows.
    pub(crate) rows: &'a [String],
    /// Names of the columns.
    pub(crate) columns: &'a [String],
    /// The values, row by row; `None` where there is none.
    pub(crate) values: &'a [Vec<Option<f64>>],
    /// The magnitude of full colour.
    pub(crate) full: f64,
    /// What the values are.
    pub(crate) what: &'a str,
}

const ROW: f64 = 30.0;
/// Width of a letter of a name, about.
const LETTER: f64 = 7.0;

/// A cell for each value: the darker the larger, one colour above zero and another below, its number in it.
pub(crate) fn heat_map(label: &str, grid: &Grid<'_>) -> String {
    let longest = |names: &[String]| {
        names
            .iter()
            .map(|name| name.chars().count())
            .max()
            .unwrap_or(0) as f64
    };
    let left = LETTER * longest(grid.rows) + 14.0;
    let top = 0.72 * LETTER * longest(grid.columns) + 26.0;
    let cell = 46.0;
    let slant = 0.72 * LETTER * longest(grid.columns);
    let across = left + cell * grid.columns.len() as f64;
    let bottom = top + ROW * grid.rows.len() as f64;
    let mut svg = Svg::new((across + slant).max(left + 300.0), bottom + 44.0, label);
    for (column, name) in grid.columns.iter().enumerate() {
        let x = left + cell * (column as f64 + 0.5);
        svg.slanted("name", (x, top - 8.0), name);
    }
    for (row, (name, values)) in grid.rows.iter().zip(grid.values).enumerate() {
        let y = top + ROW * row as f64;
        svg.text("name end", (left - 8.0, y + ROW / 2.0 + 4.0), name);
        for (column, value) in values.iter().enumerate() {
            let at = (left + cell * column as f64, y);
            let Some(value) = *value else {
                svg.rect("unknown", at, (cell - 2.0, ROW - 2.0), "not known");
                continue;
            };
            let strength = (value.abs() / grid.full).min(1.0);
            let class = if value >= 0.0 { "above" } else { "below" };
            let tip = format!("{name}, {}: {}", grid.columns[column], number(value));
            svg.tinted(
                class,
                strength.min(0.999),
                (at, (cell - 2.0, ROW - 2.0)),
                &tip,
            );
            let class = if strength > 0.6 {
                "value strong"
            } else {
                "value"
            };
            let middle = (at.0 + cell / 2.0 - 1.0, y + ROW / 2.0 + 3.0);
            svg.text(class, middle, &short(value));
        }
    }
    key(&mut svg, (left, bottom + 12.0), grid);
    svg.finish()
}

/// What the colours mean: from the magnitude of full colour below zero, if any value is, to that above.
fn key(svg: &mut Svg, (x, y): (f64, f64), grid: &Grid<'_>) {
    let mut values = grid.values.iter().flatten().flatten();
    let low = if values.any(|&value| value < 0.0) {
        -1.0
    } else {
        0.0
    };
    let steps = 9;
    for step in 0..steps {
        let value = low + (1.0 - low) * f64::from(step) / f64::from(steps - 1);
        let class = if value >= 0.0 { "above" } else { "below" };
        let at = (x + 36.0 + 16.0 * f64::from(step), y);
        let tip = number(value * grid.full);
        svg.tinted(class, value.abs().min(0.999), (at, (16.0, 14.0)), &tip);
    }
    svg.text("tick end", (x + 30.0, y + 12.0), &number(low * grid.full));
    let end = x + 36.0 + 16.0 * f64::from(steps);
    svg.text(
        "tick",
        (end + 6.0, y + 12.0),
        &format!("{}   {}", number(grid.full), grid.what),
    );
}

/// Two decimals without the zero in front.
fn short(value: f64) -> String {
    let text = format!("{:.2}", value.abs());
    let text = text.strip_prefix('0').unwrap_or(&text);
    let sign = if value < 0.0 && text != ".00" {
        "\u{2212}"
    } else {
        ""
    };
    format!("{sign}{text}")
}
