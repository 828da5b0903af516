//! Encrypted connections, with certificates that may be exchanged while serving.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
        server::{VerifierBuilderError, WebPkiClientVerifier},
    },
    server::TlsStream,
};
use tokio_stream::wrappers::ReceiverStream;

use super::options::ServeOptions;

/// How long a client may take to agree on encryption.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections that agree on encryption at once.
const AGREEING: usize = 256;

/// What callers are shown and what they must show, from files that may change while serving. Every connection is made with
/// what was there last.
#[derive(Debug)]
pub(super) struct Certificates {
    files: Files,
    config: ArcSwap<ServerConfig>,
    /// The hash of the files' bytes.
    read: Mutex<blake3::Hash>,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot read {file}")]
    Read {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{file} is not PEM with what is needed")]
    Pem {
        file: PathBuf,
        #[source]
        source: pem::Error,
    },
    #[error("{file} has no certificate")]
    Empty { file: PathBuf },
    #[error("{file} and its key cannot be used")]
    Certificate {
        file: PathBuf,
        #[source]
        source: rustls::Error,
    },
    #[error("{file} is not fit to check callers by")]
    ClientAuthority {
        file: PathBuf,
        #[source]
        source: VerifierBuilderError,
    },
}

impl Certificates {
    /// What the options name, if they name anything.
    pub(super) fn open(options: &ServeOptions) -> Result<Option<Self>, Error> {
        let (Some(certificate), Some(key)) = (&options.tls_certificate, &options.tls_key) else {
            return Ok(None);
        };
        let files = Files {
            certificate: certificate.clone(),
            key: key.clone(),
            client_ca: options.tls_client_ca.clone(),
        };
        let read = Read::of(&files)?;
        Ok(Some(Self {
            config: ArcSwap::from_pointee(read.config(&files)?),
            read: Mutex::new(read.hash()),
            files,
        }))
    }

    /// Reads the files again; whether they have changed. On an error everything stays as it was.
    pub(super) fn reload(&self) -> Result<bool, Error> {
        let read = Read::of(&self.files)?;
        let hash = read.hash();
        // Nothing panics while it is held.
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == hash {
            return Ok(false);
        }
        self.config.store(Arc::new(read.config(&self.files)?));
        *known = hash;
        Ok(true)
    }

    /// The connections of a listener once they are encrypted. Those that are slow to agree hold up no others.
    pub(super) fn accept(
        self: Arc<Self>,
        listener: TcpListener,
    ) -> ReceiverStream<io::Result<TlsStream<TcpStream>>> {
        let (agreed, connections) = mpsc::channel(AGREEING);
        tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(AGREEING));
            loop {
                let (place, stream) = tokio::select! {
                    () = agreed.closed() => return,
                    next = next(&listener, &places) => next,
                };
                let acceptor = TlsAcceptor::from(self.config.load_full());
                let agreed = agreed.clone();
                tokio::spawn(async move {
                    let _place = place;
                    match time::timeout(PATIENCE, acceptor.accept(stream)).await {
                        // If nobody takes it, the server has ended.
                        Ok(Ok(stream)) => drop(agreed.send(Ok(stream)).await),
                        Ok(Err(error)) => tracing::debug!(%error, "a connection was not encrypted"),
                        Err(_) => tracing::debug!("a connection was too slow to be encrypted"),
                    }
                });
            }
        });
        ReceiverStream::new(connections)
    }
}

/// The next connection, once there is a place for it.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (Option<tokio::sync::OwnedSemaphorePermit>, TcpStream) {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // As on plain connections; one that cannot be set so still works.
                let _ = stream.set_nodelay(true);
                return (place, stream);
            }
            Err(error) => {
                // Out of files, most likely: not to be tried again at once.
                tracing::warn!(%error, "a connection was not accepted");
                time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// The bytes of the files.
struct Read {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Read {
    fn of(files: &Files) -> Result<Self, Error> {
        let read = |file: &PathBuf| {
            fs::read(file).map_err(|source| Error::Read {
                file: file.clone(),
                source,
            })
        };
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: read(&files.key)?,
            client_ca: files.client_ca.as_ref().map(read).transpose()?,
        })
    }

    fn hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for part in [
            Some(&self.certificate),
            Some(&self.key),
            self.client_ca.as_ref(),
        ] {
            let bytes = part.map_or(&[][..], Vec::as_slice);
            hasher.update(&bytes.len().to_le_bytes()).update(bytes);
        }
        hasher.finalize()
    }

    fn config(&self, files: &Files) -> Result<ServerConfig, Error> {
        let unusable = |source| Error::Certificate {
            file: files.certificate.clone(),
            source,
        };
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let config = match (&self.client_ca, &files.client_ca) {
            (Some(pem), Some(file)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(pem, file)? {
                    roots.add(certificate).map_err(unusable)?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .build()
                    .map_err(|source| Error::ClientAuthority {
                        file: file.clone(),
                        source,
                    })?;
                config.with_client_cert_verifier(verifier)
            }
            _ => config.with_no_client_auth(),
        };
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|source| Error::Pem {
            file: files.key.clone(),
            source,
        })?;
        let certificates = certificates(&self.certificate, &files.certificate)?;
        let mut config = config
            .with_single_cert(certificates, key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

fn certificates(pem: &[u8], file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| Error::Pem {
            file: file.to_owned(),
            source,
        })?;
    match found.is_empty() {
        true => Err(Error::Empty {
            file: file.to_owned(),
        }),
        false => Ok(found),
    }
}
