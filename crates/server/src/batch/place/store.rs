use std::{
    fs::{File, remove_file},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use bytes::Bytes;
use crossfade_ingest::run_of_remote_scores;
use object_store::{
    Error, ObjectMeta, ObjectStore, ObjectStoreExt, buffered::BufWriter, parse_url_opts,
    path::Path as Key,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use url::Url;

use super::{Place, is_scores};

/// Bytes that are read of a draft and sent at once.
const PIECE: usize = 1 << 20;

/// A prefix in an object store. Files are written to a temporary directory and uploaded; an object appears when its upload is
/// complete.
///
/// Credentials and endpoints come from the environment, by the names that each provider's own tools use
/// (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME`, …).
pub(super) struct Store {
    url: String,
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    scratch: TempDir,
    runtime: Runtime,
}

impl Store {
    pub(super) fn open(url: &str) -> anyhow::Result<Self> {
        let failed = || format!("{url} cannot be opened");
        let parsed = Url::parse(url).with_context(failed)?;
        // There is one already if something else has needed one.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let (store, prefix) = parse_url_opts(&parsed, environment).with_context(failed)?;
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            store: store.into(),
            prefix,
            scratch: TempDir::new().context("no temporary directory can be made")?,
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .context("no threads can be started")?,
        })
    }

    fn key(&self, file: &str) -> Key {
        self.prefix.clone().join(file)
    }

    /// The objects right under the prefix.
    fn list(&self) -> anyhow::Result<Vec<ObjectMeta>> {
        let listed = self.store.list_with_delimiter(Some(&self.prefix));
        let listed = self.runtime.block_on(listed);
        let listed = listed.with_context(|| format!("cannot list {}", self.url))?;
        Ok(listed.objects)
    }

    fn run_of(&self, object: &ObjectMeta) -> anyhow::Result<Option<String>> {
        let read = |range| -> io::Result<Bytes> {
            let bytes = self.store.get_range(&object.location, range);
            self.runtime.block_on(bytes).map_err(io::Error::other)
        };
        let name = self.name(object.location.filename().unwrap_or_default());
        Ok(run_of_remote_scores(Path::new(&name), object.size, &read)?)
    }

    async fn upload(&self, file: &str) -> anyhow::Result<()> {
        let mut draft = File::open(self.draft(file))?;
        let mut upload = BufWriter::new(Arc::clone(&self.store), self.key(file));
        let mut sent = send(&mut draft, &mut upload).await;
        if sent.is_ok() {
            sent = tokio::io::AsyncWriteExt::shutdown(&mut upload)
                .await
                .map_err(Into::into);
        }
        if sent.is_err() {
            // What was sent would be kept, and paid for. The reason is what failed before.
            let _ = upload.abort().await;
        }
        sent
    }
}

async fn send(draft: &mut File, upload: &mut BufWriter) -> anyhow::Result<()> {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        draft.take(PIECE as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok(());
        }
        upload.put(piece.into()).await?;
    }
}

impl Place for Store {
    fn name(&self, file: &str) -> String {
        format!("{}/{file}", self.url)
    }

    fn read(&self, file: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let key = self.key(file);
        let read = async { self.store.get(&key).await?.bytes().await };
        match self.runtime.block_on(read) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", self.name(file))),
        }
    }

    fn write(&self, file: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let key = self.key(file);
        let put = self.store.put(&key, bytes.to_vec().into());
        let put = self.runtime.block_on(put);
        put.with_context(|| format!("{} cannot be written", self.name(file)))?;
        Ok(())
    }

    fn scores(&self) -> anyhow::Result<Vec<(String, Option<String>)>> {
        let mut scores = Vec::new();
        for object in self.list()? {
            let name = object.location.filename().unwrap_or_default();
            if is_scores(name) {
                scores.push((name.to_owned(), self.run_of(&object)?));
            }
        }
        Ok(scores)
    }

    fn draft(&self, file: &str) -> PathBuf {
        self.scratch.path().join(file)
    }

    fn publish(&self, file: &str) -> anyhow::Result<()> {
        let uploaded = self.runtime.block_on(self.upload(file));
        uploaded.with_context(|| format!("{} cannot be uploaded", self.name(file)))?;
        remove_file(self.draft(file)).context("an uploaded draft cannot be removed")
    }
}
