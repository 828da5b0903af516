use std::{collections::BTreeSet, ops::Range};

use crossfade_ingest::{ScoreWriter, Scores};

use super::{place::Place, run::Run};

/// What the run is; readers of Parquet pass over names that begin so.
const MANIFEST: &str = "_manifest.json";

/// The place that a run writes to.
pub(super) struct Output<'a> {
    place: &'a dyn Place,
    run: String,
    /// Numbers of complete files.
    present: BTreeSet<usize>,
    /// The file being written.
    open: Option<(usize, ScoreWriter)>,
    rows: u64,
}

impl<'a> Output<'a> {
    /// Takes the place for a run: one that is new or empty, or one with the manifest of the same run.
    ///
    /// # Errors
    ///
    /// If it holds files of another run, or cannot be written to.
    pub(super) fn open(place: &'a dyn Place, run: &Run) -> anyhow::Result<Self> {
        let written = place.read(MANIFEST)?;
        if let Some(differences) = written.as_deref().and_then(|bytes| run.differences(bytes)) {
            anyhow::bail!(
                "{} is of another run: {differences}. Choose another directory, or remove this one",
                place.name(MANIFEST)
            );
        }
        let output = Self {
            place,
            run: run.id(),
            present: present(place, run)?,
            open: None,
            rows: 0,
        };
        if written.is_none() {
            place.write(MANIFEST, run.manifest().as_bytes())?;
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
            let writer = ScoreWriter::create(self.place.draft(&name(part)), &self.run)?;
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
        if let Some((part, writer)) = self.open.take() {
            self.rows += writer.finish()?;
            self.place.publish(&name(part))?;
        }
        Ok(())
    }
}

fn name(part: usize) -> String {
    format!("part-{part:05}.parquet")
}

/// The complete files, all of which must be of this run: whoever reads the place reads all of them.
fn present(place: &dyn Place, run: &Run) -> anyhow::Result<BTreeSet<usize>> {
    let (ours, mut present) = (run.id(), BTreeSet::new());
    for (file, its_run) in place.scores()? {
        let part = file
            .strip_prefix("part-")
            .and_then(|name| name.strip_suffix(".parquet"));
        let part: Option<usize> = part.and_then(|part| part.parse().ok());
        let part = part.filter(|&part| part < run.parts && name(part) == file);
        match part.filter(|_| its_run.as_ref() == Some(&ours)) {
            Some(part) => present.insert(part),
            None => anyhow::bail!(
                "{} is not of this run. Choose another directory, or remove it",
                place.name(&file)
            ),
        };
    }
    Ok(present)
}
