//! Asks for one window at a time: all its queries, again and again until all are answered or known to be unanswerable.
//!
//! Where Prometheus does not answer at all the window waits for it, and those after it. Where it answers others, and one
//! query again and again takes too long, that one is given up for the window.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use futures::{StreamExt, TryStreamExt};
use tokio::task::JoinSet;

use super::Endpoint;
use super::client::{Prometheus, QueryError};
use crate::cluster::backoff::Backoff;
use crate::engine::counted::{Answer, Counted, Question, Subject};
use crate::engine::machine::Event;
use crate::facts::count::{Unknown, by_namespace, whole};
use crate::facts::{Name, Seconds};

/// Queries under way at a time.
const CONCURRENT: usize = 4;

/// How often a query that takes too long is tried.
const TRIES: u32 = 3;

/// In a query, the window's length.
const WINDOW: &str = "$window";

/// See the module's documentation.
#[derive(Debug)]
pub struct Asker {
    endpoint: Endpoint,
    client: Option<Prometheus>,
    under_way: JoinSet<Result<Answer, Failure>>,
    backoff: Backoff,
    /// When to ask again at the earliest.
    due: Instant,
    /// How often each query of a window took too long.
    slow: (Seconds, HashMap<Subject, u32>),
}

/// Why a window was not answered.
#[derive(Debug)]
struct Failure {
    error: QueryError,
    /// The query that took too long.
    slow: Option<Subject>,
}

// === impl Asker ===

impl Asker {
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            client: None,
            under_way: JoinSet::new(),
            backoff: Backoff::default(),
            due: Instant::now(),
            slow: (Seconds::MIN, HashMap::new()),
        }
    }

    /// Whether it has nothing to do.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_empty() && self.due <= Instant::now()
    }

    pub fn ask(&mut self, question: Question) {
        if self.slow.0 != question.from {
            self.slow = (question.from, HashMap::new());
        }
        let (endpoint, client) = (self.endpoint.clone(), self.client.clone());
        let given_up = self.slow.1.iter().filter(|(_, tries)| **tries >= TRIES).map(|(subject, _)| subject.clone());
        let given_up: Vec<_> = given_up.collect();
        let client = match client.map_or_else(|| Prometheus::connect(&endpoint), Ok) {
            Ok(client) => client,
            Err(error) => {
                self.under_way.spawn(async { Err(Failure { error, slow: None }) });
                return;
            }
        };
        self.client = Some(client.clone());
        self.under_way.spawn(async move { answer(&client, question, &given_up).await });
    }

    /// What came of it, for the machine; never, while nothing is under way.
    pub async fn next(&mut self) -> Event {
        let Some(done) = self.under_way.join_next().await else { return std::future::pending().await };
        let failed = |error: String| Failure { error: QueryError::Unreachable(error), slow: None };
        match done.unwrap_or_else(|error| Err(failed(error.to_string()))) {
            Ok(answer) => {
                self.backoff.succeeded();
                Event::Answered(answer)
            }
            Err(Failure { error, slow }) => {
                // Certificates may be others by then.
                self.client = None;
                self.due = Instant::now() + self.backoff.failed();
                if let Some(slow) = slow {
                    *self.slow.1.entry(slow).or_default() += 1;
                }
                Event::Silent(error.to_string().into())
            }
        }
    }
}

async fn answer(client: &Prometheus, question: Question, given_up: &[Subject]) -> Result<Answer, Failure> {
    let Question { from, to, queries } = question;
    let length = to - from;
    let answered = futures::stream::iter(queries).map(async |(subject, query): (Subject, Name)| {
        if given_up.contains(&subject) {
            return Ok((subject, Err(Unknown::TooLong)));
        }
        let query = query.replace(WINDOW, &format!("{length}s"));
        match client.query(&query, to).await {
            Ok(series) if series.is_empty() => {
                let counted =
                    if has_samples(client, from, to).await? { Ok(nothing(&subject)) } else { Err(Unknown::NoSamples) };
                Ok((subject, counted))
            }
            Ok(series) => {
                let counted = match &subject {
                    Subject::Meter { .. } => by_namespace(&series).map(Counted::ByNamespace),
                    Subject::Value(_) => whole(&series).map(Counted::Whole),
                };
                Ok((subject, counted))
            }
            Err(QueryError::Unanswerable(unknown)) => Ok((subject, Err(unknown))),
            Err(error @ QueryError::TooLong(_)) => Err(Failure { error, slow: Some(subject) }),
            Err(error) => Err(Failure { error, slow: None }),
        }
    });
    let mut counts: Vec<_> = answered.buffer_unordered(CONCURRENT).try_collect().await?;
    counts.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Answer { from, to, counts })
}

/// Nothing was counted.
fn nothing(subject: &Subject) -> Counted {
    match subject {
        Subject::Meter { .. } => Counted::ByNamespace(BTreeMap::new()),
        Subject::Value(_) => Counted::Whole(0),
    }
}

/// Whether Prometheus scraped anything twice in a window, as an increase takes it: if not, an empty answer does not say
/// that there was nothing.
async fn has_samples(client: &Prometheus, from: Seconds, to: Seconds) -> Result<bool, Failure> {
    let scraped = client.query(&format!("count(count_over_time(up[{}s]) > 1)", to - from), to).await;
    match scraped {
        Ok(series) => Ok(!series.is_empty()),
        Err(error) => Err(Failure { error, slow: None }),
    }
}
