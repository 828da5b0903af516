use std::{fs::File, io::Write, path::Path};

use chrono::{DateTime, Utc};
use crossfade_blend::Engine;
use crossfade_index::Recall;

use crate::{Counts, Error, FileEntry, Fingerprint, Manifest, checksum, manifest, model};

/// Everything a new bundle is made of.
#[derive(Debug)]
pub struct Publication<'a> {
    /// What answers from it.
    pub engine: &'a Engine,
    /// How much of the exact answers its graph finds, by content weight; empty without a graph.
    pub recall: Vec<Recall>,
    /// Version of the program that trained it.
    pub program_version: &'a str,
    /// When it was trained.
    pub created_at: DateTime<Utc>,
    /// What was found on the way: metrics, recall, settings.
    pub training: serde_json::Value,
}

/// Writes all files of a bundle and returns its manifest and the version it is to have.
pub(crate) fn write_bundle(
    directory: &Path,
    publication: &Publication<'_>,
) -> Result<(Manifest, String), Error> {
    let model = publication.engine.model();
    let names = model::write(directory, publication.engine)?;
    let files = names
        .iter()
        .map(|name| checksum::entry(directory, name))
        .collect::<Result<Vec<FileEntry>, Error>>()?;
    let manifest = Manifest {
        format: manifest::FORMAT,
        program_version: publication.program_version.to_owned(),
        created_at: publication.created_at,
        counts: Counts {
            users: model.users.len() as u64,
            tracks: model.tracks.len() as u64,
            pairs: model.history.nnz() as u64,
            dim: model.track_factors.columns() as u32,
            content_dim: model.embeddings.columns() as u32,
        },
        data_fingerprint: Fingerprint::of_data(&model.users, &model.tracks.ids, &model.history),
        factorisation: model.factorisation.clone(),
        learned_tracks: Some(model.learned_tracks as u64),
        taste: model.taste.clone(),
        index: model.index.clone(),
        recall: publication.recall.clone(),
        costs: publication.engine.index().costs().cloned(),
        blend: model.parameters.clone(),
        clusters: publication.engine.clusters().to_vec(),
        labels: model.labels.reports(),
        training: publication.training.clone(),
        files,
    };
    let (bytes, version) = manifest.seal();
    let path = directory.join(manifest::FILE);
    File::create_new(&path)
        .and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        })
        .map_err(Error::io("write", &path))?;
    Ok((manifest, version))
}
