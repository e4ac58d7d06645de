//! Objects of one resource in pages, so that never more than one page is held.

use std::time::Duration;

use kube::Client;
use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::connect::said;
use crate::engine::observed::Source;
use crate::observe::resource::collection_path;

/// Objects of a page.
const PAGE: u32 = 500;

/// The same of Statements, which have up to 64 kB each.
const STATEMENTS: u32 = 50;

/// The longest that a page may take.
const ANSWER: Duration = Duration::from_secs(30);

/// A list being read.
pub struct Pages {
    client: Client,
    source: Source,
    request: Request,
    params: ListParams,
    over: bool,
    version: u64,
}

/// Why a list cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("list {what}: the API server does not know them; is opex-operator installed in this cluster?")]
    Unknown { what: Source },
    #[error("list {what}: {}; with the rights for one namespace, name it with --namespace", said(.error))]
    Forbidden { what: Source, error: kube::Error },
    #[error("list {what}: {}", said(.error))]
    Request { what: Source, error: kube::Error },
    #[error("list {what}: {0}", what = .1)]
    Build(kube::core::request::Error, Source),
    #[error("list {what}: no answer within {} s", ANSWER.as_secs())]
    NoAnswer { what: Source },
    #[error("list {what}: {error}")]
    Read { what: Source, error: serde_json::Error },
}

/// One page as the API server sends it.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    pub metadata: PageMeta,
    #[serde(borrow, default)]
    pub items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PageMeta {
    pub resource_version: String,
    #[serde(rename = "continue")]
    pub next: String,
}

// === impl ListError ===

impl ListError {
    /// What could not be listed.
    pub fn what(&self) -> Source {
        match self {
            Self::Unknown { what }
            | Self::Forbidden { what, .. }
            | Self::Request { what, .. }
            | Self::Build(_, what)
            | Self::NoAnswer { what }
            | Self::Read { what, .. } => *what,
        }
    }
}

// === impl Pages ===

impl Pages {
    /// Of all namespaces, or of one; those that a label selector picks.
    pub fn of(client: Client, source: Source, namespace: Option<&str>, selector: Option<&str>) -> Self {
        Self::at(client, source, collection_path(source, namespace), selector)
    }

    /// Of what is at this path.
    pub fn at(client: Client, source: Source, path: String, selector: Option<&str>) -> Self {
        let mut params = ListParams::default().limit(if source == Source::Statements { STATEMENTS } else { PAGE });
        params.label_selector = selector.map(str::to_owned);
        Self { client, source, request: Request::new(path), params, over: false, version: 0 }
    }

    /// The resourceVersion that the list is of, once a page was read.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The objects of the next page; none after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<Box<RawValue>>>, ListError> {
        if self.over {
            return Ok(None);
        }
        let what = self.source;
        let request = self.request.list(&self.params).map_err(|error| ListError::Build(error, what))?;
        let answer = timeout(ANSWER, self.client.request_text(request)).await;
        let text = answer.map_err(|_| ListError::NoAnswer { what })?.map_err(|error| match &error {
            kube::Error::Api(status) if status.code == 404 => ListError::Unknown { what },
            kube::Error::Api(status) if status.code == 403 => ListError::Forbidden { what, error },
            _ => ListError::Request { what, error },
        })?;
        let page: Page<'_> = serde_json::from_str(&text).map_err(|error| ListError::Read { what, error })?;
        self.version = page.metadata.resource_version.parse().unwrap_or(self.version);
        self.over = page.metadata.next.is_empty();
        self.params.continue_token = Some(page.metadata.next);
        Ok(Some(page.items.into_iter().flatten().map(ToOwned::to_owned).collect()))
    }
}
