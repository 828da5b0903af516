use std::collections::BTreeMap;

use serde::Serialize;
use toml::{Table, Value};

use super::{
    args::{Config, ConfigVerb},
    ui::{Ui, print},
};
use crate::settings::{DEFAULTS, Settings};

/// What a check found.
#[derive(Debug, Serialize)]
struct Checked {
    /// Settings that are not the defaults, by name.
    changed: BTreeMap<String, Value>,
}

pub(super) fn run(args: &Config, settings: &Settings, ui: &Ui) -> anyhow::Result<()> {
    match &args.verb {
        ConfigVerb::Show { defaults: true } => print(DEFAULTS.trim_end()),
        ConfigVerb::Show { defaults: false } => {
            let text = toml::to_string_pretty(settings)?;
            ui.result(settings, |_| text.trim_end().to_owned())
        }
        ConfigVerb::Check { file } => {
            let checked = match file {
                Some(file) => check(&Settings::load(Some(file))?)?,
                None => check(settings)?,
            };
            ui.result(&checked, text)
        }
    }
}

fn check(settings: &Settings) -> anyhow::Result<Checked> {
    let mut changed = named(settings)?;
    let defaults = named(&Settings::default())?;
    changed.retain(|name, value| defaults.get(name) != Some(value));
    Ok(Checked { changed })
}

fn text(checked: &Checked) -> String {
    let changed = checked.changed.iter();
    let lines: String = changed
        .map(|(name, value)| format!("\n{name} = {value}"))
        .collect();
    match lines.is_empty() {
        true => "The settings are valid, and all are the defaults.".to_owned(),
        false => format!("The settings are valid. These are not the defaults:\n{lines}"),
    }
}

/// Every setting by its name, such as `serve.listen`.
fn named(settings: &Settings) -> anyhow::Result<BTreeMap<String, Value>> {
    let mut found = BTreeMap::new();
    gather(String::new(), Table::try_from(settings)?, &mut found);
    Ok(found)
}

fn gather(prefix: String, table: Table, found: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        let name = format!("{prefix}{key}");
        if let Value::Table(table) = value {
            gather(format!("{name}."), table, found);
        } else {
            found.insert(name, value);
        }
    }
}
