use std::{
    collections::BTreeSet,
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::Context;
use crossfade_ingest::{ScoreWriter, Scores, run_of_scores};

use super::run::Run;
use crate::files::write_atomically;

/// What the run is; readers of Parquet pass over names that begin so.
const MANIFEST: &str = "_manifest.json";

/// The directory that a run writes to.
pub(super) struct Output<'a> {
    directory: &'a Path,
    run: String,
    /// Numbers of complete files.
    present: BTreeSet<usize>,
    /// The file being written.
    open: Option<(usize, ScoreWriter)>,
    rows: u64,
}

impl<'a> Output<'a> {
    /// Takes the directory for a run: one that is new or empty, or one with the manifest of the same run.
    ///
    /// # Errors
    ///
    /// If it holds files of another run, or cannot be written to.
    pub(super) fn open(directory: &'a Path, run: &Run) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        let manifest = directory.join(MANIFEST);
        let written = match fs::read(&manifest) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", manifest.display()));
            }
        };
        if let Some(differences) = written.as_deref().and_then(|bytes| run.differences(bytes)) {
            anyhow::bail!(
                "{} is of another run: {differences}. Choose another directory, or remove this one",
                manifest.display()
            );
        }
        let output = Self {
            directory,
            run: run.id(),
            present: present(directory, run)?,
            open: None,
            rows: 0,
        };
        if written.is_none() {
            write_atomically(&manifest, run.manifest().as_bytes())
                .with_context(|| format!("{} cannot be written", manifest.display()))?;
        }
        Ok(output)
    }

    /// Which of these files are complete.
    pub(super) fn found(&self, wanted: &Range<usize>) -> Vec<usize> {
        self.present.range(wanted.clone()).copied().collect()
    }

    /// Appends rows to a file; the one before is completed when another begins.
    pub(super) fn write(&mut self, part: usize, rows: Scores<'_>) -> anyhow::Result<()> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != part) {
            self.close()?;
            let writer = ScoreWriter::create(path(self.directory, part), &self.run)?;
            self.open = Some((part, writer));
        }
        if let Some((_, writer)) = &mut self.open {
            writer.write(rows)?;
        }
        Ok(())
    }

    /// Completes the last file and tells how many rows were written.
    pub(super) fn finish(mut self) -> anyhow::Result<u64> {
        self.close()?;
        Ok(self.rows)
    }

    fn close(&mut self) -> anyhow::Result<()> {
        if let Some((_, writer)) = self.open.take() {
            self.rows += writer.finish()?;
        }
        Ok(())
    }
}

fn path(directory: &Path, part: usize) -> PathBuf {
    directory.join(format!("part-{part:05}.parquet"))
}

/// The complete files, all of which must be of this run: whoever reads the directory reads all of them.
fn present(directory: &Path, run: &Run) -> anyhow::Result<BTreeSet<usize>> {
    let listed = fs::read_dir(directory);
    let listed = listed.with_context(|| format!("cannot list {}", directory.display()))?;
    let (ours, mut present) = (run.id(), BTreeSet::new());
    for entry in listed {
        let entry = entry.with_context(|| format!("cannot list {}", directory.display()))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(['_', '.']) || !name.ends_with(".parquet") {
            continue;
        }
        let file = entry.path();
        let part = name
            .strip_prefix("part-")
            .and_then(|name| name.strip_suffix(".parquet"));
        let part: Option<usize> = part.and_then(|part| part.parse().ok());
        let part = part.filter(|&part| part < run.parts && path(directory, part) == file);
        let its_run = run_of_scores(&file)?;
        match part.filter(|_| its_run.as_ref() == Some(&ours)) {
            Some(part) => present.insert(part),
            None => anyhow::bail!(
                "{} is not of this run. Choose another directory, or remove it",
                file.display()
            ),
        };
    }
    Ok(present)
}
