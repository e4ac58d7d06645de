//! What the API server would answer, asked by a dry run: its own policies decide, in the name of whoever asks, and
//! nothing is stored.

use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

use super::connect::{REQUEST, said};
use super::request::send;

/// The field manager of what is never written.
const FIELD_MANAGER: &str = "kubectl-opex";

/// What was asked.
#[derive(Clone, Debug)]
pub enum Question<'a> {
    /// Server-side apply, of whatever was there before.
    Apply(&'a Value),
    Create(&'a Value),
    /// Of a scale subresource.
    Scale(i64),
    Delete,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "answer", content = "message")]
pub enum Answer {
    Admitted,
    Refused(String),
    /// Whoever asks has no right to do it, so no policy was asked.
    NotAsked(String),
}

/// The answer, the warnings with it, and the object as it would be.
#[derive(Clone, Debug)]
pub struct Asked {
    pub answer: Answer,
    pub warnings: Vec<String>,
    pub object: Option<Value>,
}

/// No answer that says anything of the request.
#[derive(Debug, thiserror::Error)]
pub enum DryRunError {
    #[error("no answer within {} s", REQUEST.as_secs())]
    Silent,
    #[error("{}", said(.0))]
    Request(kube::Error),
    #[error("the API server answers {status}: {message}")]
    Failed { status: u16, message: String },
}

// === impl Question ===

impl Question<'_> {
    /// Asks at the path of the object; to create one, at that of its collection.
    pub async fn ask(&self, client: &Client, path: &str) -> Result<Asked, DryRunError> {
        let request = self.request(path).map(Body::from);
        let answer = timeout(REQUEST, async {
            let (head, body) = client.send(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, kube::Error>((head, body))
        });
        let (head, body) = answer.await.map_err(|_| DryRunError::Silent)?.map_err(DryRunError::Request)?;
        let object: Value = serde_json::from_slice(&body).unwrap_or_default();
        let warnings = warnings(&head.headers);
        if head.status.is_success() {
            return Ok(Asked { answer: Answer::Admitted, warnings, object: Some(object) });
        }
        let message = object["message"].as_str().map_or_else(|| head.status.to_string(), str::to_owned);
        let answer = match head.status.as_u16() {
            403 if is_without_right(&message) => Answer::NotAsked(message),
            status @ (401 | 429 | 500..) => return Err(DryRunError::Failed { status, message }),
            _ => Answer::Refused(message),
        };
        Ok(Asked { answer, warnings, object: None })
    }

    fn request(&self, path: &str) -> Request<Vec<u8>> {
        let query = format!("?dryRun=All&fieldManager={FIELD_MANAGER}");
        let json = |value: &Value| serde_json::to_vec(value).expect("JSON");
        match self {
            Self::Apply(object) => {
                let (uri, kind) = (format!("{path}{query}&force=true"), "application/apply-patch+yaml");
                send(Method::PATCH, &uri, kind, json(object))
            }
            Self::Create(object) => send(Method::POST, &format!("{path}{query}"), "application/json", json(object)),
            Self::Scale(replicas) => {
                let body = json(&serde_json::json!({"spec": {"replicas": replicas}}));
                send(Method::PATCH, &format!("{path}/scale{query}"), "application/merge-patch+json", body)
            }
            Self::Delete => send(Method::DELETE, &format!("{path}?dryRun=All"), "application/json", Vec::new()),
        }
    }
}

/// The words of the API server's own authorization; a policy or a quota that forbids something has others.
fn is_without_right(message: &str) -> bool {
    message.contains(" is forbidden: User \"") && message.contains("\" cannot ")
}

/// `299 - "text"`, for each.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let texts = headers.get_all(http::header::WARNING).iter().filter_map(|value| {
        let quoted = std::str::from_utf8(value.as_bytes()).ok()?.splitn(3, ' ').nth(2)?;
        Some(quoted.strip_prefix('"')?.strip_suffix('"')?.replace("\\\"", "\"").replace("\\\\", "\\"))
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_read_as_the_api_server_writes_them() {
        let text = r#"299 - "Validation failed: Budget \"team\" is used up""#;
        let headers = HeaderMap::from_iter([(http::header::WARNING, text.parse().unwrap())]);
        assert_eq!(warnings(&headers), [r#"Validation failed: Budget "team" is used up"#]);
    }

    #[test]
    fn a_missing_right_is_no_refusal_by_a_policy() {
        let right = r#"deployments.apps "web" is forbidden: User "jane" cannot patch resource "deployments/scale" in API group "apps" in the namespace "team""#;
        let policy = r#"deployments.apps "web" is forbidden: ValidatingAdmissionPolicy 'opex-scale-gate' with binding 'b' denied request: no"#;
        assert!(is_without_right(right) && !is_without_right(policy));
    }
}
