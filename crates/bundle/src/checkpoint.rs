//! What a training that is going on has put aside, so that it can be taken up again.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crossfade_catalog::Vocab;
use crossfade_matrix::{Csr, Dense};
use crossfade_mf::Factors;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, Fingerprint, Store, sealed, sealed::Sealed};

/// Directory of a store that holds the checkpoint.
const DIRECTORY: &str = ".checkpoint";
/// Held locked by the training that owns the checkpoint, for as long as it lives.
const LOCK: &str = ".checkpoint.lock";
/// Factors and how they came about.
const FACTORS: &str = "factors";
/// What was found on hidden plays before.
const FINDINGS: &str = "findings";
/// The layout this program writes and reads.
const FORMAT: u32 = 1;
/// Numbers that are turned into bytes at once.
const CHUNK: usize = 1 << 14;

/// The place in a store where one training keeps its checkpoint. Other trainings stay out for as long as this lives.
#[derive(Debug)]
pub struct Checkpoints {
    root: PathBuf,
    directory: PathBuf,
    /// The lock goes when the process does, however it ends.
    _lock: File,
}

/// What factors are made of besides the number of epochs: equal origins, equal factors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Layout of the checkpoint.
    pub format: u32,
    /// How many users there are.
    pub users: usize,
    /// How many tracks there are.
    pub tracks: usize,
    /// How many pairs of user and track there are.
    pub pairs: usize,
    /// BLAKE3 over ids and plays, see [`Fingerprint::of_data`].
    pub data: String,
    /// The configuration of the factorisation, without its number of epochs.
    pub factorisation: Value,
    /// The fingerprint of what is known of the tracks, where factors depend on that.
    #[serde(default)]
    pub descriptions: Option<String>,
}

/// How far a training had come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointHead {
    /// What it learns from, and how.
    pub origin: Origin,
    /// Epochs that are done.
    pub epochs: usize,
    /// Length of the factors.
    pub dim: usize,
    /// What there is to tell of these epochs.
    pub reports: Value,
}

/// A verified checkpoint.
#[derive(Debug)]
pub struct Checkpoint {
    /// How far the training had come.
    pub head: CheckpointHead,
    sealed: Sealed,
    /// Where the numbers begin.
    start: usize,
}

impl Store {
    /// The place for a training's checkpoint. Nothing is written yet.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] while another training is going on in this store; or if the lock cannot be made.
    pub fn checkpoints(&self) -> Result<Checkpoints, Error> {
        let root = self.root().to_owned();
        let path = root.join(LOCK);
        let lock = File::create(&path).map_err(Error::io("create", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { root }),
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
        }
        Ok(Checkpoints {
            directory: root.join(DIRECTORY),
            root,
            _lock: lock,
        })
    }
}

impl Checkpoints {
    /// Where the checkpoint lies, if there is one.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether there is a checkpoint, intact or not.
    pub fn exists(&self) -> bool {
        self.directory.join(FACTORS).exists()
    }

    /// Puts factors in the place of the checkpoint before, which stays until these are complete and durable: whatever
    /// happens on the way, there is one or the other.
    ///
    /// `users` and `tracks` have `head.dim` numbers for each user and track.
    ///
    /// # Errors
    ///
    /// If they cannot be written; the checkpoint before is then still there.
    pub fn save(&self, head: &CheckpointHead, users: &[f32], tracks: &[f32]) -> Result<(), Error> {
        let json = to_json(head);
        sealed::replace(&self.file(FACTORS)?, |file| {
            file.write_all(&(json.len() as u64).to_le_bytes())?;
            file.write_all(&json)?;
            write_numbers(file, users)?;
            write_numbers(file, tracks)
        })
    }

    /// The checkpoint, if there is one.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is damaged; the message names the file.
    pub fn load(&self) -> Result<Option<Checkpoint>, Error> {
        Sealed::open(&self.directory.join(FACTORS))?
            .map(Checkpoint::new)
            .transpose()
    }

    /// Keeps what was found on hidden plays. `key` is the [`Fingerprint`] of all that it depends on.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn save_findings(&self, key: &str, findings: &impl Serialize) -> Result<(), Error> {
        sealed::replace(&self.file(FINDINGS)?, |file| {
            file.write_all(&to_json(&(key, findings)))
        })
    }

    /// What was found on hidden plays under that key; `None` if nothing was, or under another one.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is damaged; the message names the file.
    pub fn findings<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let Some(sealed) = Sealed::open(&self.directory.join(FINDINGS))? else {
            return Ok(None);
        };
        let (found, findings): (String, Value) =
            serde_json::from_slice(sealed.content()).map_err(|error| sealed.damaged(error))?;
        if found != key {
            return Ok(None);
        }
        serde_json::from_value(findings)
            .map(Some)
            .map_err(|error| sealed.damaged(error))
    }

    /// Removes the checkpoint, if there is one.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub fn discard(&self) -> Result<(), Error> {
        // First out of sight in one step, then file by file; what is left of it goes with other abandoned drafts.
        let doomed = self.root.join(".draft-removed-checkpoint");
        match fs::rename(&self.directory, &doomed) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("remove", &self.directory)(error)),
            Ok(()) => fs::remove_dir_all(&doomed).map_err(Error::io("remove", &doomed)),
        }
    }

    /// The path of a file that is about to be written.
    fn file(&self, name: &str) -> Result<PathBuf, Error> {
        fs::create_dir_all(&self.directory).map_err(Error::io("create", &self.directory))?;
        Ok(self.directory.join(name))
    }
}

impl Origin {
    /// The origin of factors learned from `plays` under `config`, whatever its number of epochs.
    pub fn new([users, tracks]: [&Vocab; 2], plays: &Csr, config: &crossfade_mf::Config) -> Self {
        let mut factorisation =
            serde_json::to_value(config).expect("a configuration has string keys");
        if let Some(fields) = factorisation.as_object_mut() {
            fields.remove("epochs");
        }
        Self {
            format: FORMAT,
            users: users.len(),
            tracks: tracks.len(),
            pairs: plays.nnz(),
            data: Fingerprint::of_data(users, tracks, plays),
            factorisation,
            descriptions: None,
        }
    }

    /// In what `self` differs from what it was when a checkpoint was made, in words.
    pub fn differences(&self, before: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let sizes = [
            ("format", before.format as usize, self.format as usize),
            ("users", before.users, self.users),
            ("tracks", before.tracks, self.tracks),
            ("pairs of user and track", before.pairs, self.pairs),
        ];
        for (name, was, is) in sizes {
            if was != is {
                found.push(format!("{name}: {was} then, {is} now"));
            }
        }
        if found.is_empty() && self.data != before.data {
            found.push("ids or plays: as many as then, but others".to_owned());
        }
        let settings = (&before.factorisation, &self.factorisation);
        differing_settings("factorisation", settings, &mut found);
        if self.descriptions != before.descriptions {
            found.push("what is known of the tracks, or what factors are predicted by".to_owned());
        }
        found
    }
}

/// Tells of each setting below `name` that is not the same.
fn differing_settings(name: &str, (was, is): (&Value, &Value), found: &mut Vec<String>) {
    let (Value::Object(before), Value::Object(now)) = (was, is) else {
        if was != is {
            found.push(format!("{name}: {was} then, {is} now"));
        }
        return;
    };
    let added = now.keys().filter(|field| !before.contains_key(*field));
    for field in before.keys().chain(added) {
        let [was, is] = [before, now].map(|side| side.get(field).unwrap_or(&Value::Null));
        differing_settings(&format!("{name}.{field}"), (was, is), found);
    }
}

impl Checkpoint {
    fn new(sealed: Sealed) -> Result<Self, Error> {
        let cut_short = || sealed.damaged("its parts do not fit together");
        let (length, rest) = sealed.content().split_first_chunk().ok_or_else(cut_short)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| cut_short())?;
        let (json, numbers) = rest.split_at_checked(length).ok_or_else(cut_short)?;
        let head: CheckpointHead =
            serde_json::from_slice(json).map_err(|error| sealed.damaged(error))?;
        let rows = head.origin.users.checked_add(head.origin.tracks);
        let bytes = rows
            .and_then(|rows| rows.checked_mul(head.dim))
            .and_then(|count| count.checked_mul(size_of::<f32>()));
        if bytes != Some(numbers.len()) {
            return Err(cut_short());
        }
        Ok(Self {
            start: sealed.content().len() - numbers.len(),
            head,
            sealed,
        })
    }

    /// The factors of that moment.
    pub fn factors(&self) -> Factors {
        let CheckpointHead { origin, dim, .. } = &self.head;
        let numbers = &self.sealed.content()[self.start..];
        let (users, tracks) = numbers.split_at(origin.users * dim * size_of::<f32>());
        Factors {
            users: Dense::new(origin.users, *dim, read_numbers(users)),
            items: Dense::new(origin.tracks, *dim, read_numbers(tracks)),
        }
    }
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("what is kept has string keys")
}

fn write_numbers(file: &mut dyn Write, numbers: &[f32]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(CHUNK * size_of::<f32>());
    for chunk in numbers.chunks(CHUNK) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|number| number.to_le_bytes()));
        file.write_all(&bytes)?;
    }
    Ok(())
}

fn read_numbers(bytes: &[u8]) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().copied().map(f32::from_le_bytes).collect()
}
