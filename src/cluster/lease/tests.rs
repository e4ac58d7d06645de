use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Mutex;
use std::task::{Context, Poll};

use http::{Response, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};
use tower::Service;

use super::*;

/// An API server that holds one Lease.
#[derive(Clone)]
struct Server(Arc<Mutex<Option<Value>>>);

impl Service<Request<Body>> for Server {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// Answers a GET; whoever writes was slower than somebody else.
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let refused = |code: StatusCode| (code, json!({"kind": "Status", "code": code.as_u16(), "status": "Failure"}));
        let (code, body) = match (request.method(), &*self.0.lock().unwrap()) {
            (&Method::GET, Some(lease)) => (StatusCode::OK, lease.clone()),
            (&Method::GET, None) => refused(StatusCode::NOT_FOUND),
            _ => refused(StatusCode::CONFLICT),
        };
        ready(Ok(Response::builder().status(code).body(body.to_string().into_bytes().into()).unwrap()))
    }
}

fn elector(server: Server) -> Elector {
    let (leading, _) = watch::channel(true);
    let (_, ask) = watch::channel(None);
    let (asked, _) = watch::channel(None);
    let mut elector = Elector {
        client: Client::new(server, "opex-system"),
        clock: Clock::default(),
        path: "/apis/coordination.k8s.io/v1/namespaces/opex-system/leases".to_owned(),
        me: "me".to_owned(),
        claim: Claim::default(),
        leading,
        ask,
        asked,
        lease: None,
        seen: None,
        failing: false,
    };
    elector.take_in(Some(serde_json::from_value(lease("me")).unwrap()));
    elector.claim.extend(Instant::now() + DURATION);
    elector
}

fn lease(holder: &str) -> Value {
    let spec =
        json!({"holderIdentity": holder, "leaseDurationSeconds": 10, "renewTime": "2026-11-21T10:03:00.000000Z"});
    json!({"metadata": {"name": NAME, "resourceVersion": "7"}, "spec": spec})
}

#[tokio::test]
async fn a_lease_that_another_holds_ends_the_claim_at_once() {
    let server = Server(Arc::new(Mutex::new(Some(lease("other")))));
    let mut elector = elector(server);
    // The renewal fails, which may have been the question of a standby; a look shows that it was not.
    elector.turn().await.unwrap();
    assert!(elector.claim.holds());
    elector.turn().await.unwrap();
    assert!(!elector.claim.holds());
}

#[tokio::test]
async fn a_lease_that_is_still_ours_is_kept() {
    let server = Server(Arc::new(Mutex::new(Some(lease("me")))));
    let mut elector = elector(server);
    for _ in 0..4 {
        elector.turn().await.unwrap();
        assert!(elector.claim.holds());
    }
}
