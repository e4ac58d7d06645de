//! Objects of one resource in pages, so that never more than one page is held.

use std::time::Duration;

use kube::Client;
use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::connect::said;
use super::resource::collection_path;
use crate::engine::observed::Source;

/// Objects of a page. A Statement has up to 64 kB.
const PAGE: u32 = 50;

/// The longest that a page may take.
const ANSWER: Duration = Duration::from_secs(30);

/// A list being read.
pub struct Pages {
    client: Client,
    source: Source,
    request: Request,
    params: ListParams,
    over: bool,
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

// === impl Pages ===

impl Pages {
    /// Of all namespaces, or of one; those that a label selector picks.
    pub fn of(client: Client, source: Source, namespace: Option<&str>, selector: Option<&str>) -> Self {
        let mut params = ListParams::default().limit(PAGE);
        params.label_selector = selector.map(str::to_owned);
        Self { client, source, request: Request::new(collection_path(source, namespace)), params, over: false }
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
        self.over = page.metadata.next.is_empty();
        self.params.continue_token = Some(page.metadata.next);
        Ok(Some(page.items.into_iter().flatten().map(ToOwned::to_owned).collect()))
    }
}
