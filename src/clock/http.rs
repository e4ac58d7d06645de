//! Reads the time off the `Date` header of every answer of the API server.

use std::task::{Context, Poll};
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header};
use tower::{Layer, Service};

use super::Clock;
use crate::facts::Seconds;

/// The layer of the client that does so.
#[derive(Clone, Debug)]
pub struct ReadDate(pub Clock);

/// See [`ReadDate`].
#[derive(Clone, Debug)]
pub struct DateReader<S> {
    clock: Clock,
    inner: S,
}

// === impl ReadDate ===

impl<S> Layer<S> for ReadDate {
    type Service = DateReader<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DateReader { clock: self.0.clone(), inner }
    }
}

// === impl DateReader ===

impl<S, A, B> Service<Request<A>> for DateReader<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (clock, sent) = (self.clock.clone(), Instant::now());
        let answer = self.inner.call(request);
        async move {
            let answer = answer.await?;
            if let Some(date) = date(answer.headers()) {
                clock.learn(date, sent, Instant::now());
            }
            Ok(answer)
        }
        .boxed()
    }
}

fn date(headers: &HeaderMap) -> Option<Seconds> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().parse_zoned(text).ok()?;
    Some(zoned.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_answers_are_read() {
        let cases = [
            ("Sat, 21 Nov 2026 10:03:00 GMT", Some(1_795_255_380)),
            ("Sat, 21 Nov 2026 10:03:00 +0000", Some(1_795_255_380)),
            ("soon", None),
        ];
        for (text, expected) in cases {
            let headers = HeaderMap::from_iter([(header::DATE, text.parse().unwrap())]);
            assert_eq!(date(&headers), expected, "{text}");
        }
        assert_eq!(date(&HeaderMap::new()), None);
    }
}
