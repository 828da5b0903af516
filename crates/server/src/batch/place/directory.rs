use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use crossfade_ingest::run_of_scores;

use super::{Place, is_scores};
use crate::files::write_atomically;

/// A directory. Files are written in it under hidden names, and renamed.
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path.to_path_buf()))
    }
}

impl Place for Directory {
    fn name(&self, file: &str) -> String {
        self.draft(file).display().to_string()
    }

    fn read(&self, file: &str) -> anyhow::Result<Option<Vec<u8>>> {
        match fs::read(self.draft(file)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", self.name(file))),
        }
    }

    fn write(&self, file: &str, bytes: &[u8]) -> anyhow::Result<()> {
        write_atomically(&self.draft(file), bytes)
            .with_context(|| format!("{} cannot be written", self.name(file)))
    }

    fn scores(&self) -> anyhow::Result<Vec<(String, Option<String>)>> {
        let failed = || format!("cannot list {}", self.0.display());
        let mut scores = Vec::new();
        for entry in fs::read_dir(&self.0).with_context(failed)? {
            let entry = entry.with_context(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_scores(&name) {
                scores.push((name, run_of_scores(&entry.path())?));
            }
        }
        Ok(scores)
    }

    fn draft(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    fn publish(&self, _: &str) -> anyhow::Result<()> {
        // Its writer has renamed it.
        Ok(())
    }
}
