use std::{fmt, time::Duration};

use tonic::{
    metadata::{Ascii, MetadataValue},
    transport::{Certificate, ClientTlsConfig, Endpoint},
};

use crate::{Error, RetryPolicy, ThrottlePolicy};

/// How to call.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a call may take, all attempts together. The server is told what is left of it.
    pub timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// When to try again.
    pub retry: RetryPolicy,
    /// When not to call at all.
    pub throttle: ThrottlePolicy,
    /// What the server knows the caller by.
    pub token: Option<Token>,
    /// Certificates (PEM) that servers' certificates must be signed by; without any, the system's are trusted. For addresses
    /// that begin with `https`.
    pub authorities: Option<Vec<u8>>,
    /// What the server is shown, where it asks for a certificate.
    pub identity: Option<Identity>,
    /// Whether interactive requests of others come first.
    pub bulk: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            retry: RetryPolicy::default(),
            throttle: ThrottlePolicy::default(),
            token: None,
            authorities: None,
            identity: None,
            bulk: false,
        }
    }
}

impl Options {
    /// How to reach a server.
    pub(crate) fn endpoint(&self, address: &str) -> Result<Endpoint, Error> {
        let wrong = |source| Error::Address {
            address: address.to_owned(),
            source,
        };
        let endpoint = Endpoint::from_shared(address.to_owned()).map_err(wrong)?;
        let endpoint = endpoint
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            // Answers to calls that nobody waits for any more are counted as the server's errors, and a thousand of them would
            // end the connection for all other calls. Servers are trusted here.
            .http2_max_local_error_reset_streams(None)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20);
        match address.starts_with("https") {
            true => endpoint
                .tls_config(self.tls())
                .map_err(|source| Error::Credentials {
                    what: "a certificate or its key",
                    source: source.into(),
                }),
            false => Ok(endpoint),
        }
    }

    fn tls(&self) -> ClientTlsConfig {
        let tls = match &self.authorities {
            Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        match &self.identity {
            Some(Identity { certificates, key }) => {
                tls.identity(tonic::transport::Identity::from_pem(certificates, key))
            }
            None => tls,
        }
    }
}

/// A certificate to show, and its key.
#[derive(Clone)]
pub struct Identity {
    /// The certificate and those between it and the authority's, in PEM.
    pub certificates: Vec<u8>,
    /// The key, in PEM.
    pub key: Vec<u8>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// What a server knows a caller by. It is not shown in logs.
#[derive(Debug, Clone)]
pub struct Token(MetadataValue<Ascii>);

impl Token {
    /// A token; white space around it is no part of it.
    ///
    /// # Errors
    ///
    /// If it has characters that cannot be sent.
    pub fn new(token: &str) -> Result<Self, Error> {
        let mut value: MetadataValue<Ascii> =
            format!("Bearer {}", token.trim())
                .parse()
                .map_err(|source| Error::Credentials {
                    what: "the token",
                    source: Box::new(source),
                })?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// What is sent as `authorization`.
    pub(crate) fn value(&self) -> MetadataValue<Ascii> {
        self.0.clone()
    }
}
