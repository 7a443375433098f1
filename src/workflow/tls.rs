//! Whom the client trusts.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

use crate::workflow::Error;

/// Makes a configuration that trusts nobody, for connections that never use TLS: reading the machine's roots takes
/// longer than all the rest of a client's start.
pub(super) fn unused() -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let roots = rustls::RootCertStore::empty();
    Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
}

/// Makes a configuration that trusts the machine's roots, and those of a PEM file.
pub(crate) fn trusting(ca: Option<&Path>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let extra = ca.map(certificates).transpose()?.unwrap_or_default();
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone())?;
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let error = |why: String| Error::Ca { path: path.to_owned(), why };
    let pem = std::fs::read(path).map_err(|e| error(e.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(error("it holds none".to_owned())),
        Ok(found) => Ok(found),
        Err(e) => Err(error(e.to_string())),
    }
}
