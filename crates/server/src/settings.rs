//! All settings in one place: defaults, overridden by a TOML file, overridden by `CROSSFADE_*` variables. Flags come last
//! and are the command line's affair.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::Context;
use crossfade_content::{
    AutoencoderConfig, ClusterConfig, FactorMapConfig, LabelConfig, PcaConfig, Schema, TasteConfig,
};
use crossfade_eval::{Holdout, Order};
use crossfade_experiments::Experiment;
use crossfade_ingest::{PlayOptions, TrackColumns};
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

use crate::grpc::ServeOptions;

mod tune;

pub use tune::{Range, SpaceSettings, TuneSettings};

/// Prefix of the environment's settings; two underscores part a section from its field, as in
/// `CROSSFADE_FACTORISATION__DIM`.
const PREFIX: &str = "CROSSFADE_";
/// Variables with that prefix that are no settings.
const NO_SETTINGS: [&str; 4] = ["config_file", "log", "server", "token"];

/// A file with every setting at its default, and what each means.
pub const DEFAULTS: &str = include_str!("settings/defaults.toml");

/// Everything that can be set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Threads for training and scoring; 0 means one per core. Results do not depend on it.
    pub threads: usize,
    /// How plays are read.
    pub plays: PlayOptions,
    /// How tracks are read.
    pub tracks: TrackColumns,
    /// How factors are learned.
    pub factorisation: crossfade_mf::Config,
    /// How tracks are embedded by what is known of them.
    pub content: ContentSettings,
    /// How tracks are found.
    pub index: crossfade_index::Config,
    /// How a training is checked and its blend learned.
    pub validation: ValidationSettings,
    /// How a training that is going on is kept.
    pub checkpoint: CheckpointSettings,
    /// How settings of the factorisation are searched for.
    pub tune: TuneSettings,
    /// How bundles are kept.
    pub bundles: BundleSettings,
    /// How requests are served.
    pub serve: ServeOptions,
    /// Which rankings are compared while serving, by the name of the experiment.
    pub experiments: BTreeMap<String, Experiment>,
}

/// How tracks are embedded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContentSettings {
    /// By what.
    pub embedder: EmbedderKind,
    /// Which columns count and how each is read; not for `provided`.
    pub schema: Schema,
    /// For `pca`.
    pub pca: PcaConfig,
    /// For `autoencoder`.
    pub autoencoder: AutoencoderConfig,
    /// How factors are predicted of tracks without listeners.
    pub factors: FactorMapConfig,
    /// How listening becomes a taste vector.
    pub taste: TasteConfig,
    /// How tracks are clustered.
    pub clusters: ClusterConfig,
    /// How labels are predicted that only some tracks have.
    pub labels: LabelConfig,
}

/// Which embedder makes content vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbedderKind {
    /// Principal components of the numeric columns beside codes of names.
    #[default]
    Pca,
    /// Codes of an autoencoder of the numeric columns beside codes of names.
    Autoencoder,
    /// Vectors that came with the tracks, in the `embedding` column.
    Provided,
}

/// How a training is checked on plays it does not see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValidationSettings {
    /// Users whose hidden plays the rankings are measured on; 0 skips the check, and with it a second training.
    pub users: usize,
    /// Further users, on whose hidden plays the blend is learned.
    pub learning_users: usize,
    /// Share of each such user's tracks that is hidden, above 0 and below 1.
    pub fraction: f64,
    /// Users with fewer distinct tracks are not chosen; at least 2.
    pub min_tracks: usize,
    /// Where whole tracks are hidden: tracks with fewer listeners are not chosen.
    pub min_listeners: usize,
    /// Whether the latest tracks are hidden or any.
    pub order: Order,
    /// Seed of the draw.
    pub seed: u64,
    /// Lengths of the lists that are measured.
    pub cutoffs: Vec<usize>,
    /// Whether the check also tells how many epochs are enough.
    pub early_stopping: EarlyStopping,
}

/// How the check tells how many epochs are enough: the factors are measured after each epoch, on the hidden plays of the
/// users that the blend is learned on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EarlyStopping {
    /// Whether to do so; otherwise all of `factorisation.epochs` are run.
    pub enabled: bool,
    /// After how many epochs without a gain training stops, at least 1.
    pub patience: usize,
    /// The least gain that counts, as a share of the best quality so far; less is taken for noise.
    pub min_gain: f64,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self {
            enabled: false,
            patience: 2,
            min_gain: 0.002,
        }
    }
}

impl Default for ValidationSettings {
    fn default() -> Self {
        Self {
            users: 1_000,
            learning_users: 500,
            fraction: 0.2,
            min_tracks: 5,
            min_listeners: 5,
            order: Order::Latest,
            seed: 1,
            cutoffs: vec![20, 100],
            early_stopping: EarlyStopping::default(),
        }
    }
}

impl ValidationSettings {
    /// Draws both kinds of users at once.
    pub fn holdout(&self) -> Holdout {
        Holdout {
            users: self.users.saturating_add(self.learning_users),
            fraction: self.fraction,
            min_tracks: self.min_tracks,
            order: self.order,
            seed: self.seed,
        }
    }

    fn validate(&self) -> anyhow::Result<()> {
        let fraction = self.fraction;
        anyhow::ensure!(
            fraction > 0.0 && fraction < 1.0,
            "validation.fraction is {fraction}; it must lie between 0 and 1"
        );
        anyhow::ensure!(
            !self.cutoffs.is_empty() && self.cutoffs.iter().all(|k| (1..=1_000).contains(k)),
            "validation.cutoffs must name at least one length from 1 to 1000"
        );
        let EarlyStopping {
            patience, min_gain, ..
        } = self.early_stopping;
        anyhow::ensure!(
            patience >= 1,
            "validation.early_stopping.patience must be at least 1"
        );
        anyhow::ensure!(
            (0.0..1.0).contains(&min_gain),
            "validation.early_stopping.min_gain is {min_gain}; it must be 0 or more and below 1"
        );
        Ok(())
    }
}

/// How a training that is going on is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointSettings {
    /// Seconds of training after which the end of an epoch is saved; 0 saves every epoch. Epochs that take longer are always
    /// saved. Writing takes time and room in proportion to the factors, so that more pays where epochs are short; a killed
    /// training then loses this many seconds at most, or else one epoch.
    pub every_seconds: f64,
}

impl Default for CheckpointSettings {
    fn default() -> Self {
        Self { every_seconds: 0.0 }
    }
}

impl CheckpointSettings {
    /// The time after which the end of an epoch is saved.
    pub(crate) fn interval(&self) -> Duration {
        Duration::try_from_secs_f64(self.every_seconds).unwrap_or(Duration::MAX)
    }

    fn validate(&self) -> anyhow::Result<()> {
        let seconds = self.every_seconds;
        anyhow::ensure!(
            seconds >= 0.0,
            "checkpoint.every_seconds is {seconds}; it must be 0 or more"
        );
        Ok(())
    }
}

/// How bundles are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BundleSettings {
    /// How many bundles stay in a store after publishing, at least 1; the oldest go, the active one never does.
    pub keep: usize,
}

impl Default for BundleSettings {
    fn default() -> Self {
        Self { keep: 5 }
    }
}

impl Settings {
    /// Reads the settings: defaults, then `file`, then the environment.
    ///
    /// # Errors
    ///
    /// If the file is missing or malformed, names a setting that does not exist, or a value is out of range. The message
    /// says which and where it came from.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(file) = file {
            figment = figment.merge(Toml::file_exact(file));
        }
        let environment = Env::prefixed(PREFIX).ignore(&NO_SETTINGS).split("__");
        let settings: Self = figment
            .merge(environment)
            .extract()
            .context("the settings are not valid")?;
        settings.validate()?;
        Ok(settings)
    }

    /// Checks every range.
    ///
    /// # Errors
    ///
    /// The first setting out of range.
    pub fn validate(&self) -> anyhow::Result<()> {
        self.plays.validate().context("in [plays]")?;
        self.tracks.validate().context("in [tracks]")?;
        self.factorisation
            .validate()
            .context("in [factorisation]")?;
        self.content
            .schema
            .validate()
            .context("in [content.schema]")?;
        self.content.pca.validate().context("in [content.pca]")?;
        self.content
            .autoencoder
            .validate()
            .context("in [content.autoencoder]")?;
        self.content
            .factors
            .validate()
            .context("in [content.factors]")?;
        self.content
            .taste
            .validate()
            .context("in [content.taste]")?;
        self.validate_labels().context("in [content.labels]")?;
        self.index.validate().context("in [index]")?;
        self.validation.validate()?;
        self.checkpoint.validate()?;
        self.tune.validate()?;
        anyhow::ensure!(self.bundles.keep > 0, "bundles.keep must be at least 1");
        self.serve.validate()?;
        for (name, experiment) in &self.experiments {
            let place = || format!("in [experiments.{name}]");
            experiment.validate(name).with_context(place)?;
        }
        Ok(())
    }

    fn validate_labels(&self) -> anyhow::Result<()> {
        let labels = &self.content.labels;
        labels.validate()?;
        let is_read = |name: &&String| self.tracks.features.contains(name);
        if let Some(column) = labels.numbers.iter().find(|name| !is_read(name)) {
            anyhow::bail!(
                "numbers names `{column}`, which is not read; add it to `features` in [tracks]"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use toml::{Table, Value};

    use super::*;

    /// The names of all settings in a table.
    fn names(prefix: &str, table: &Table) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (key, value) in table {
            if let Value::Table(table) = value {
                found.extend(names(&format!("{prefix}{key}."), table));
            } else {
                found.insert(format!("{prefix}{key}"));
            }
        }
        found
    }

    #[test]
    fn the_file_of_defaults_has_every_setting_at_its_default_and_says_what_it_means() {
        let read: Settings = toml::from_str(DEFAULTS).unwrap();
        assert_eq!(read, Settings::default());
        let file = names("", &DEFAULTS.parse().unwrap());
        let all = names("", &Table::try_from(Settings::default()).unwrap());
        assert_eq!(file, all);
        let mut last = "";
        for line in DEFAULTS.lines() {
            let is_setting = line.contains(" = ") && !line.starts_with([' ', '#', '{']);
            assert!(
                !is_setting || last.starts_with("# "),
                "{line} is not explained"
            );
            last = line;
        }
    }

    #[test]
    fn the_example_of_an_experiment_has_every_setting_at_its_default_and_says_what_it_means() {
        let (_, example) = DEFAULTS.split_once("\n[experiments]\n").unwrap();
        let lines: Vec<&str> = example
            .lines()
            .map(|line| line.strip_prefix("# ").unwrap())
            .collect();
        let read: Settings = toml::from_str(&lines.join("\n")).unwrap();
        read.validate().unwrap();
        let [(name, found)] = read.experiments.iter().collect::<Vec<_>>()[..] else {
            panic!("there is one example");
        };
        assert_eq!(name, "weights");
        let plain = Experiment {
            arms: found.arms.clone(),
            start: found.start,
            end: found.end,
            exploration: Some(Default::default()),
            ..Experiment::default()
        };
        assert_eq!(*found, plain);
        assert!(found.start.is_some() && found.end.is_some());
        let section = |text: &str| {
            let table: Table = text.parse().unwrap();
            let Some(Value::Table(experiments)) = table.get("experiments") else {
                panic!("there are experiments");
            };
            names("", experiments)
        };
        let all = section(&toml::to_string(&read).unwrap());
        assert_eq!(section(&lines.join("\n")), all);
        // Dates are told as TOML has them, too.
        let bare = lines
            .join("\n")
            .replace("\"2026-01-01T00:00:00Z\"", "2026-01-01T00:00:00Z");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bare).unwrap();
        assert_eq!(
            Settings::load(Some(file.path())).unwrap().experiments,
            read.experiments
        );
        let mut last = "";
        for line in lines {
            let is_setting = line.contains(" = ") && !line.starts_with([' ', '#', '{']);
            let explained = last.starts_with("# ") || last.starts_with("start = ");
            assert!(!is_setting || explained, "{line} is not explained");
            last = line;
        }
    }
}
