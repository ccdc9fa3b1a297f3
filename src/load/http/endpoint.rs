//! Where requests go.

use std::{net::SocketAddr, path::Path, sync::Arc};

use reqwest::Url;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::connection::Io;
use crate::{Error, Result};

/// A server, looked up once: what the name server takes is not the server's time.
#[derive(Clone)]
pub(in crate::load) struct Endpoint {
    addresses: Vec<SocketAddr>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// For the `host` header.
    pub(in crate::load) authority: String,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Looks a server up.
    pub(in crate::load) async fn find(url: &Url, ca_file: Option<&Path>) -> Result<Self> {
        let refuse = |why: String| Error::Invalid(format!("the target {url}: {why}"));
        let host = url.host_str().ok_or_else(|| refuse("it names no host".to_owned()))?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default().ok_or_else(|| refuse("it has no port".to_owned()))?;
        let tls = match url.scheme() {
            "http" => None,
            "https" => {
                let name = ServerName::try_from(bare.to_owned()).map_err(|e| refuse(e.to_string()))?;
                Some((TlsConnector::from(Arc::new(tls(ca_file)?)), name))
            }
            other => return Err(refuse(format!("`{other}` is not spoken here, only http and https"))),
        };
        let addresses: Vec<_> =
            lookup_host((bare, port)).await.map_err(|e| Error::io(format!("cannot look up {host}"), e))?.collect();
        if addresses.is_empty() {
            return Err(refuse("its host has no address".to_owned()));
        }
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self { addresses, tls, authority })
    }

    /// Whether every address is this machine's own.
    pub(in crate::load) fn is_loopback(&self) -> bool {
        self.addresses.iter().all(|address| address.ip().is_loopback())
    }

    pub(super) async fn open(&self) -> std::io::Result<Io> {
        let stream = TcpStream::connect(&self.addresses[..]).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Io::Plain(stream),
            Some((connector, name)) => Io::Tls(Box::new(connector.connect(name.clone(), stream).await?)),
        })
    }
}

fn tls(ca_file: Option<&Path>) -> Result<ClientConfig> {
    use rustls_platform_verifier::BuilderVerifierExt;
    let failed = |e: rustls::Error| Error::Invalid(format!("TLS cannot be set up: {e}"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(failed)?;
    let Some(file) = ca_file else {
        return Ok(builder.with_platform_verifier().map_err(failed)?.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let unread = |e: &dyn std::fmt::Display| Error::Invalid(format!("--ca-file {}: {e}", file.display()));
    for certificate in CertificateDer::pem_file_iter(file).map_err(|e| unread(&e))? {
        roots.add(certificate.map_err(|e| unread(&e))?).map_err(failed)?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
