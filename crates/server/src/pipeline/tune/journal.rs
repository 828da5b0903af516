use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use crossfade_bundle::Fingerprint;
use crossfade_eval::TestUser;
use crossfade_matrix::Csr;
use crossfade_mf::Config;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Trial, space::SearchSpace};
use crate::{
    files::sync_directory,
    settings::{Settings, TuneSettings},
};

/// The first line of a journal: which search it is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    /// Version of the format.
    crossfade_tune: u32,
    /// Fingerprint of the plays to train on and those to measure on.
    data: String,
    /// What trials and proposals depend on, but for how many there are to be.
    search: TuneSettings,
    /// What the search varies.
    base: Config,
}

const VERSION: u32 = 1;

impl Header {
    pub(super) fn new(
        train: &Csr,
        test: &[TestUser],
        (settings, space): (&Settings, &SearchSpace),
    ) -> Self {
        // More trials, or further lengths, continue a search; they do not make it another one. How many users are measured
        // on is part of the data.
        let neutral = TuneSettings::default();
        Self {
            crossfade_tune: VERSION,
            data: fingerprint(train, test),
            search: TuneSettings {
                trials: neutral.trials,
                dims: neutral.dims,
                users: neutral.users,
                ..settings.tune.clone()
            },
            base: Config {
                dim: 1,
                epochs: 1,
                ..space.base().clone()
            },
        }
    }

    /// Why trials of another header are not trials of this search.
    fn refuse(&self, found: &Self) -> Option<String> {
        if found.crossfade_tune != self.crossfade_tune {
            let (theirs, ours) = (found.crossfade_tune, self.crossfade_tune);
            return Some(format!(
                "its format is {theirs}, and this program writes {ours}"
            ));
        }
        if found.data != self.data {
            return Some(
                "its trials were measured on other plays, or on another part of them".into(),
            );
        }
        let changed = changed_fields("tune", &found.search, &self.search)
            .or_else(|| changed_fields("factorisation", &found.base, &self.base))?;
        Some(format!("its trials were made with another {changed}"))
    }
}

/// The first field of two structures that differs, as `section.field was A, is B`.
fn changed_fields<T: Serialize>(section: &str, was: &T, is: &T) -> Option<String> {
    let (was, is) = (
        serde_json::to_value(was).ok()?,
        serde_json::to_value(is).ok()?,
    );
    first_change(section, &was, &is)
}

fn first_change(name: &str, was: &serde_json::Value, is: &serde_json::Value) -> Option<String> {
    match (was.as_object(), is.as_object()) {
        (Some(was), Some(is)) => is.iter().find_map(|(field, is)| {
            let was = was.get(field).unwrap_or(&serde_json::Value::Null);
            first_change(&format!("{name}.{field}"), was, is)
        }),
        _ if was == is => None,
        _ => Some(format!("{name}: {was} instead of {is}")),
    }
}

/// The trials that have ended, as JSON lines: every one is on disk before the next begins.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens a journal, made if it is missing, and reads its trials. A last line that was torn by a kill is dropped.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or written, is in use, is damaged, or belongs to another search.
    pub(super) fn open(path: &Path, header: &Header) -> anyhow::Result<(Self, Vec<Trial>)> {
        let failed = || format!("the journal {} cannot be opened", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(failed)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => anyhow::bail!(
                "another search is writing the journal {}; give each its own",
                path.display()
            ),
            // Where files cannot be locked nobody is warned.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(failed)?;
        let whole = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |last| last + 1);
        let lines = std::str::from_utf8(&bytes[..whole])
            .ok()
            .with_context(|| format!("{} is not a journal: not text", path.display()))?;
        let trials = read(lines, header)
            .with_context(|| format!("the journal {} cannot be used", path.display()))?;
        file.set_len(whole as u64).with_context(failed)?;
        file.seek(SeekFrom::End(0)).with_context(failed)?;
        let mut journal = Self {
            file,
            path: path.to_path_buf(),
        };
        if whole == 0 {
            journal.append(header)?;
            sync_directory(path).with_context(failed)?;
        }
        Ok((journal, trials))
    }

    /// Adds a line and waits until it is on disk.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(super) fn append<T: Serialize>(&mut self, entry: &T) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file
            .write_all(&line)
            .and_then(|()| self.file.sync_data())
            .with_context(|| format!("the journal {} cannot be written", self.path.display()))
    }
}

fn read(lines: &str, header: &Header) -> anyhow::Result<Vec<Trial>> {
    let mut lines = lines.lines().enumerate();
    let Some((_, first)) = lines.next() else {
        return Ok(Vec::new());
    };
    let found: Header = parse((0, first))?;
    if let Some(reason) = header.refuse(&found) {
        anyhow::bail!("{reason}; name another file with --journal, or remove this one");
    }
    lines.map(parse).collect()
}

fn parse<T: DeserializeOwned>((number, line): (usize, &str)) -> anyhow::Result<T> {
    serde_json::from_str(line).with_context(|| format!("line {} is damaged", number + 1))
}

fn fingerprint(train: &Csr, test: &[TestUser]) -> String {
    let mut fingerprint = Fingerprint::default();
    fingerprint.value(&train.columns());
    for user in 0..train.rows() {
        let row = train.row(user);
        fingerprint.integers(row.indices).numbers(row.values);
    }
    for user in test {
        fingerprint.integers(&[user.user]).integers(&user.tracks);
    }
    fingerprint.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(change: impl Fn(&mut Settings)) -> Header {
        let mut settings = Settings::default();
        change(&mut settings);
        let train = Csr::from_triplets(1, 2, vec![(0, 1, 1.0)]).unwrap();
        let space = SearchSpace::new(&settings.tune.space, &settings.factorisation, &train);
        Header::new(&train, &[], (&settings, &space))
    }

    fn trial(number: usize) -> Trial {
        let mut trial = Trial::new(number, vec![0.1, 1.0 / 3.0], Config::default());
        trial.scores = vec![0.1, 0.123_456_789_012_345_67];
        trial
    }

    #[test]
    fn trials_read_back_and_a_torn_last_line_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let header = header(|_| ());
        for number in 1..4 {
            let (mut journal, trials) = Journal::open(&path, &header).unwrap();
            let expected: Vec<Trial> = (1..number).map(trial).collect();
            assert_eq!(trials, expected);
            journal.append(&trial(number)).unwrap();
            journal.file.write_all(b"{\"trial\":9,\"conf").unwrap();
        }
    }

    #[test]
    fn the_journal_of_another_search_is_refused_with_what_differs() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        drop(Journal::open(&path, &header(|_| ())).unwrap());
        let refused = |change: fn(&mut Settings)| match Journal::open(&path, &header(change)) {
            Ok(_) => String::new(),
            Err(error) => format!("{error:#}"),
        };
        assert!(refused(|settings| settings.tune.seed = 7).contains("tune.seed: 1 instead of 7"));
        let other = refused(|settings| settings.tune.space.alpha0 = [0.1, 0.5]);
        assert!(other.contains("tune.space.alpha0"), "{other}");
        let other = refused(|settings| settings.factorisation.seed = 3);
        assert!(other.contains("factorisation.seed"), "{other}");
        assert_eq!(refused(|settings| settings.tune.trials = 99), "");
        assert_eq!(refused(|settings| settings.factorisation.dim = 9), "");
    }

    #[test]
    fn a_damaged_line_is_named_and_a_journal_in_use_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let header = header(|_| ());
        let (mut journal, _) = Journal::open(&path, &header).unwrap();
        let error = Journal::open(&path, &header).unwrap_err();
        assert!(format!("{error:#}").contains("another search"));
        journal.file.write_all(b"nonsense\n").unwrap();
        drop(journal);
        let error = Journal::open(&path, &header).unwrap_err();
        assert!(
            format!("{error:#}").contains("line 2 is damaged"),
            "{error:#}"
        );
    }
}
