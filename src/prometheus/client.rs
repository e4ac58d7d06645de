//! Instant queries over HTTP, as Prometheus, Thanos, Mimir and VictoriaMetrics answer them.

use std::fmt::Write as _;
use std::time::Duration;

use http::{Request, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::client::Body;
use kube::config::AuthInfo;
use kube::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::timeout;

use super::Endpoint;
use super::answer;
use crate::cluster::connect::said;
use crate::facts::Seconds;
use crate::facts::count::{Series, Unknown};

/// Most bytes of an answer: what all namespaces of the largest cluster take, many times over.
const MOST: usize = 16 << 20;

/// A way to Prometheus.
#[derive(Clone)]
pub struct Prometheus {
    client: Client,
    timeout: Duration,
}

/// Why a query was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    ReadCertificates(std::path::PathBuf, String),
    #[error("client: {0}")]
    Build(String),
    /// Nobody is there, or nobody who answers questions.
    #[error("{0}")]
    Unreachable(String),
    /// It was asked, and had too much to do.
    #[error("no answer within {} s", .0.as_secs())]
    TooLong(Duration),
    /// It was asked, and will never answer this.
    #[error("{0}")]
    Unanswerable(Unknown),
}

// === impl Prometheus ===

impl Prometheus {
    pub fn connect(endpoint: &Endpoint) -> Result<Self, QueryError> {
        let url: Uri = endpoint.url.parse().map_err(|error| QueryError::Build(format!("{error}")))?;
        let mut config = Config::new(url);
        config.default_retry = false;
        if let Some(path) = &endpoint.ca_file {
            let failed = |error: &dyn std::fmt::Display| QueryError::ReadCertificates(path.clone(), error.to_string());
            let read = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
            let certificates: Result<Vec<_>, _> = read.map(|one| one.map(|one| one.to_vec())).collect();
            config.root_cert = Some(certificates.map_err(|error| failed(&error))?);
        }
        if let Some(path) = &endpoint.bearer_token_file {
            let token_file = Some(path.display().to_string());
            config.auth_info = AuthInfo { token_file, ..AuthInfo::default() };
        }
        let timeout = Duration::try_from(endpoint.timeout).unwrap_or_default();
        config.connect_timeout = Some(timeout);
        config.read_timeout = Some(timeout);
        let client = Client::try_from(config).map_err(|error| QueryError::Build(said(&error)))?;
        Ok(Self { client, timeout })
    }

    /// What a query comes to at an instant.
    pub async fn query(&self, query: &str, at: Seconds) -> Result<Vec<Series>, QueryError> {
        let limit = self.timeout.as_secs();
        let uri = format!("/api/v1/query?time={at}&timeout={limit}s&query={}", escaped(query));
        match timeout(self.timeout, self.get(&uri)).await {
            Ok(text) => answer::series(&text?).map_err(QueryError::Unanswerable),
            Err(_) => Err(QueryError::TooLong(self.timeout)),
        }
    }

    async fn get(&self, uri: &str) -> Result<String, QueryError> {
        let unreachable = |error: &dyn std::fmt::Display| QueryError::Unreachable(error.to_string());
        let request = Request::get(uri).body(Body::empty()).map_err(|error| unreachable(&error))?;
        let answer = self.client.send(request).await.map_err(|error| unreachable(&said(&error)))?;
        let status = answer.status();
        let body = match Limited::new(answer.into_body(), MOST).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(QueryError::Unanswerable(Unknown::TooMany)),
            Err(error) => return Err(unreachable(&error)),
        };
        let text = String::from_utf8_lossy(&body).into_owned();
        match status.as_u16() {
            200..=299 => Ok(text),
            // Prometheus: a query that is wrong, and one that cannot be carried out.
            400 | 422 => Err(QueryError::Unanswerable(Unknown::Refused(answer::refusal(&text)))),
            // A query that takes too long.
            503 if text.contains("\"errorType\":\"timeout\"") => Err(QueryError::TooLong(self.timeout)),
            code => Err(QueryError::Unreachable(format!("{code} {}", answer::refusal(&text)))),
        }
    }
}

impl std::fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prometheus").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// As a part of a URL's query.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_escaped() {
        assert_eq!(escaped("sum(x{a=~\"b+\"}[60s]) / 2^30"), "sum%28x%7Ba%3D~%22b%2B%22%7D%5B60s%5D%29%20%2F%202%5E30");
        assert_eq!(escaped("é&"), "%C3%A9%26");
    }
}
