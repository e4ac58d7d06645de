//! Requests as they are written here: a path of ours, a body of ours.

use http::{Method, Request, header};

/// Reads what is at `uri`.
pub(super) fn get(uri: &str) -> Request<Vec<u8>> {
    built(Request::get(uri), Vec::new())
}

/// Writes there.
pub(super) fn send(method: Method, uri: &str, content_type: &str, body: Vec<u8>) -> Request<Vec<u8>> {
    built(Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, content_type), body)
}

fn built(request: http::request::Builder, body: Vec<u8>) -> Request<Vec<u8>> {
    // Names of Kubernetes objects need no escaping.
    request.body(body).expect("our paths are URIs")
}
