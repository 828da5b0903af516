use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crossfade_blend::Engine;

use crate::{
    Bundle, Error, Manifest, checksum, damaged,
    draft::{self, Draft},
    manifest, model,
    publish::{Publication, write_bundle},
};

/// Names the active version.
const CURRENT: &str = "CURRENT";
/// Serialises writers of the store.
const LOCK: &str = ".lock";

/// A directory of bundles, one of which is active.
///
/// Readers need no lock: a version's directory appears complete and never changes, and `CURRENT` is replaced in one
/// rename. Any number of processes may share a store.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// A bundle's name and description.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The version, which is also its directory's name. Later versions sort behind earlier ones.
    pub version: String,
    /// What is in it.
    pub manifest: Manifest,
    /// Whether it is the active one.
    pub active: bool,
}

impl Store {
    /// The store in an existing directory.
    ///
    /// # Errors
    ///
    /// If `root` is not a directory.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, Error> {
        let root = root.into();
        let is_directory = fs::metadata(&root)
            .map_err(Error::io("open", &root))?
            .is_dir();
        if !is_directory {
            return Err(Error::io("open", &root)(
                io::ErrorKind::NotADirectory.into(),
            ));
        }
        Ok(Self { root })
    }

    /// The store in a directory that is made if it is missing.
    ///
    /// # Errors
    ///
    /// If the directory cannot be made.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, Error> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(Error::io("create", &root))?;
        Self::open(root)
    }

    /// Where the store lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The versions in the store, oldest first, whether or not they are intact.
    ///
    /// # Errors
    ///
    /// If the directory cannot be listed.
    pub fn versions(&self) -> Result<Vec<String>, Error> {
        let mut versions = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(Error::io("list", &self.root))? {
            let entry = entry.map_err(Error::io("list", &self.root))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_version(&name) && entry.path().is_dir() {
                versions.push(name);
            }
        }
        versions.sort_unstable();
        Ok(versions)
    }

    /// The active version.
    ///
    /// # Errors
    ///
    /// If there is none, or `CURRENT` does not name a version of this store.
    pub fn current(&self) -> Result<String, Error> {
        let path = self.root.join(CURRENT);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let root = self.root.clone();
                return Err(Error::NoneActive { root });
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(damaged(&path, "it is not text"));
            }
            result => result.map_err(Error::io("read", &path))?,
        };
        let version = text.trim_end();
        if !is_version(version) || !self.directory(version).is_dir() {
            let found = format!("it names {version:?}, which is no bundle of this store");
            return Err(damaged(&path, found));
        }
        Ok(version.to_owned())
    }

    /// Describes a version without verifying its large files.
    ///
    /// # Errors
    ///
    /// If there is no such version or its manifest is damaged.
    pub fn summary(&self, version: &str) -> Result<Summary, Error> {
        let manifest = self.manifest(version)?;
        Ok(Summary {
            version: version.to_owned(),
            manifest,
            active: self.current().is_ok_and(|current| current == version),
        })
    }

    /// Checks every file of a version against its checksum.
    ///
    /// # Errors
    ///
    /// The first file that is damaged or missing.
    pub fn verify(&self, version: &str) -> Result<Manifest, Error> {
        let manifest = self.manifest(version)?;
        let directory = self.directory(version);
        for file in &manifest.files {
            checksum::verify(&directory, file)?;
        }
        Ok(manifest)
    }

    /// Verifies a version and maps it into memory.
    ///
    /// # Errors
    ///
    /// If there is no such version, or any of its files is damaged.
    pub fn load(&self, version: &str) -> Result<Bundle, Error> {
        let manifest = self.verify(version)?;
        let engine = model::open(&self.directory(version), &manifest)?;
        Ok(Bundle {
            version: version.to_owned(),
            manifest,
            engine,
        })
    }

    /// Writes a bundle next to the others, and makes it the active one. Whatever happens on the way, a reader sees either
    /// the whole of it or nothing.
    ///
    /// `accept` is handed the bundle as it reads back from disk, and may refuse it.
    ///
    /// # Errors
    ///
    /// If anything cannot be written, or the bundle is refused; the store is then as it was.
    pub fn publish<E: From<Error>>(
        &self,
        publication: &Publication<'_>,
        accept: impl FnOnce(&Engine) -> Result<(), E>,
    ) -> Result<String, E> {
        let draft = {
            let _lock = self.lock()?;
            draft::sweep(&self.root)?;
            Draft::new(&self.root)?
        };
        let (manifest, version) = write_bundle(draft.directory(), publication)?;
        accept(&model::open(draft.directory(), &manifest)?)?;
        let _lock = self.lock()?;
        draft.publish(&self.directory(&version))?;
        self.point_current_at(&version)?;
        Ok(version)
    }

    /// Verifies a version and makes it the active one.
    ///
    /// # Errors
    ///
    /// If there is no such version or it is damaged; the active version then stays what it was.
    pub fn activate(&self, version: &str) -> Result<(), Error> {
        self.verify(version)?;
        let _lock = self.lock()?;
        self.point_current_at(version)
    }

    /// Makes a bundle that was just loaded, and so verified, the active one.
    ///
    /// # Errors
    ///
    /// If the pointer to it cannot be written; the active version then stays what it was.
    pub fn activate_loaded(&self, bundle: &Bundle) -> Result<(), Error> {
        let _lock = self.lock()?;
        self.point_current_at(&bundle.version)
    }

    /// The newest version older than the active one, which a rollback activates.
    ///
    /// # Errors
    ///
    /// If there is no active version, or none older.
    pub fn rollback_target(&self) -> Result<String, Error> {
        let current = self.current()?;
        let older = self
            .versions()?
            .into_iter()
            .rfind(|version| *version < current);
        older.ok_or_else(|| Error::NothingOlder {
            root: self.root.clone(),
            version: current,
        })
    }

    /// Removes the oldest bundles until `keep` are left. The active one is never removed. Returns what was removed.
    ///
    /// # Errors
    ///
    /// If a bundle cannot be removed.
    pub fn prune(&self, keep: usize) -> Result<Vec<String>, Error> {
        let _lock = self.lock()?;
        let versions = self.versions()?;
        let current = self.current()?;
        let surplus = versions.len().saturating_sub(keep);
        let mut removed = Vec::new();
        for version in versions {
            if removed.len() == surplus {
                break;
            }
            if version != current {
                self.remove(&version)?;
                removed.push(version);
            }
        }
        Ok(removed)
    }

    fn remove(&self, version: &str) -> Result<(), Error> {
        // First out of the readers' sight in one step, then file by file.
        let path = self.directory(version);
        let doomed = self.root.join(format!(".draft-removed-{version}"));
        fs::rename(&path, &doomed).map_err(Error::io("remove", &path))?;
        fs::remove_dir_all(&doomed).map_err(Error::io("remove", &doomed))
    }

    fn manifest(&self, version: &str) -> Result<Manifest, Error> {
        let directory = self.directory(version);
        if !is_version(version) || !directory.is_dir() {
            return Err(Error::UnknownVersion {
                root: self.root.clone(),
                version: version.to_owned(),
            });
        }
        Manifest::read(&directory, version)
    }

    fn directory(&self, version: &str) -> PathBuf {
        self.root.join(version)
    }

    fn lock(&self) -> Result<File, Error> {
        let path = self.root.join(LOCK);
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        file.lock().map_err(Error::io("lock", &path))?;
        Ok(file)
    }

    fn point_current_at(&self, version: &str) -> Result<(), Error> {
        let temporary = self.root.join(".CURRENT");
        let path = self.root.join(CURRENT);
        File::create(&temporary)
            .and_then(|mut file| {
                file.write_all(format!("{version}\n").as_bytes())?;
                file.sync_all()
            })
            .map_err(Error::io("write", &temporary))?;
        fs::rename(&temporary, &path).map_err(Error::io("replace", &path))?;
        draft::sync_directory(&self.root)
    }
}

/// Whether a name has the shape that [`manifest::Manifest`] gives to versions. Keeps names from outside from walking out
/// of the store.
fn is_version(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_digit())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && name != manifest::FILE
}
