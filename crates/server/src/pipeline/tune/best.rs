use std::path::Path;

use anyhow::Context;
use toml::{Table, Value};

use super::TuneReport;
use crate::{files::write_atomically, settings::Settings};

/// Writes `settings` with the best trial's factorisation to a file for `--config`: what differs from the defaults, and all
/// of the factorisation. The file appears complete or not at all.
///
/// # Errors
///
/// If it cannot be written.
pub fn write_settings(path: &Path, settings: &Settings, report: &TuneReport) -> anyhow::Result<()> {
    let mut settings = settings.clone();
    settings.factorisation = report.best.config.clone();
    let mut table = changes(
        Table::try_from(&settings)?,
        &Table::try_from(Settings::default())?,
    );
    table.insert(
        "factorisation".into(),
        Value::try_from(&settings.factorisation)?,
    );
    let text = format!(
        "# {} {:.6} on hidden plays of {} users; the best of {} trials.\n\n{}",
        report.metric,
        report.best.score,
        report.users,
        report.trials.len(),
        toml::to_string(&table)?
    );
    write_atomically(path, text.as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// The entries that differ from the defaults.
fn changes(table: Table, defaults: &Table) -> Table {
    let differing = table.into_iter().filter_map(|(name, value)| {
        let default = defaults.get(&name);
        match (value, default) {
            (value, default) if Some(&value) == default => None,
            (Value::Table(inner), Some(Value::Table(default))) => {
                Some((name, Value::Table(changes(inner, default))))
            }
            (value, _) => Some((name, value)),
        }
    });
    differing.collect()
}
