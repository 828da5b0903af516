use std::fmt::Write;

/// What the pages look like.
const STYLE: &str = include_str!("style.css");

/// A page in the making.
#[derive(Debug)]
pub(crate) struct Page {
    title: String,
    lead: String,
    contents: String,
    body: String,
}

impl Page {
    /// A page without sections. `lead` is HTML.
    pub(crate) fn new(title: &str, lead: &str) -> Self {
        Self {
            title: escape(title),
            lead: lead.to_owned(),
            contents: String::new(),
            body: String::new(),
        }
    }

    /// Adds a section; `body` is HTML.
    pub(crate) fn section(&mut self, id: &str, heading: &str, body: &str) {
        let heading = escape(heading);
        self.contents += &format!("<a href=\"#{id}\">{heading}</a>");
        self.body += &format!("<section id=\"{id}\"><h2>{heading}</h2>{body}</section>\n");
    }

    /// The whole page. It forbids itself to load anything.
    pub(crate) fn finish(self, foot: &str) -> String {
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             <header><h1>{title}</h1>{lead}<nav>{contents}</nav></header>\n<main>\n{body}</main>\n\
             <footer>{foot}</footer>\n</body>\n</html>\n",
            title = self.title,
            lead = self.lead,
            contents = self.contents,
            body = self.body,
        )
    }
}

/// Text as HTML shows it.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            // No document may have these at all.
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A chart with what it says below it; both are HTML.
pub(crate) fn figure(chart: &str, caption: &str) -> String {
    format!("<figure><div class=\"chart\">{chart}</div><figcaption>{caption}</figcaption></figure>")
}

/// Which colour is which group.
pub(crate) fn legend<'a>(groups: impl Iterator<Item = (&'a str, usize)>) -> String {
    let mut html = String::from("<ul class=\"legend\">");
    for (name, group) in groups {
        let (colour, name) = (super::colour(group), escape(name));
        write!(html, "<li><i class=\"{colour}\"></i>{name}</li>")
            .expect("invariant: writing to a string cannot fail");
    }
    html + "</ul>"
}

/// Large numbers and what they are.
pub(crate) fn tiles(tiles: &[(String, &str)]) -> String {
    let tile = |(value, what): &(String, &str)| {
        format!(
            "<div><b>{}</b><span>{}</span></div>",
            escape(value),
            escape(what)
        )
    };
    let tiles: String = tiles.iter().map(tile).collect();
    format!("<div class=\"tiles\">{tiles}</div>")
}

/// What stands in a cell of a table.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    /// Plain text.
    Text(String),
    /// A number, to the right.
    Number(String),
    /// A share from 0 to 1, as a bar with its percentage.
    Share(f64),
    /// HTML.
    Html(String),
}

/// A table.
pub(crate) fn table(header: &[&str], rows: &[Vec<Cell>]) -> String {
    let mut html = String::from("<div class=\"scroll\"><table><thead><tr>");
    let is_number = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(column));
        cells.any(|cell| matches!(cell, Cell::Number(_)))
    };
    for (column, name) in header.iter().enumerate() {
        let class = if is_number(column) {
            " class=\"n\""
        } else {
            ""
        };
        html += &format!("<th{class}>{}</th>", escape(name));
    }
    html += "</tr></thead><tbody>";
    for row in rows {
        html += "<tr>";
        for cell in row {
            html += &match cell {
                Cell::Text(text) => format!("<td>{}</td>", escape(text)),
                Cell::Number(text) => format!("<td class=\"n\">{}</td>", escape(text)),
                Cell::Html(html) => format!("<td>{html}</td>"),
                Cell::Share(share) => format!(
                    "<td class=\"share\">{:.1} %<i style=\"width:{:.1}%\"></i></td>",
                    100.0 * share,
                    100.0 * share
                ),
            };
        }
        html += "</tr>";
    }
    html + "</tbody></table></div>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        let hostile = "</td><script>\"&'\u{1}";
        let html = table(&[hostile], &[vec![Cell::Text(hostile.into())]]);
        assert!(!html.contains("<script") && !html.contains('\u{1}'));
        assert!(html.contains("&lt;/td&gt;&lt;script&gt;&quot;&amp;&#39; "));
    }

    #[test]
    fn every_section_is_in_the_contents() {
        let mut page = Page::new("A & B", "<p>lead</p>");
        page.section("one", "First <part>", "<p>text</p>");
        let html = page.finish("foot");
        assert!(html.contains("<title>A &amp; B</title>"));
        assert!(html.contains("<a href=\"#one\">First &lt;part&gt;</a>"));
        assert!(html.contains("<section id=\"one\">"));
    }
}
