//! One watch for each resource, for the life of the process; of kinds that plans name, while one does.
//!
//! Where the server grants it the list comes as a stream, object by object; where it refuses that to the first watch of
//! a kind, in pages. Nothing is kept of an object but what [`super::follow`] keeps, and nothing here can fail: what
//! goes wrong is shown on the [`Board`] and tried again.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{AsyncBufRead, AsyncBufReadExt};
use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::backoff::{Backoff, random};
use super::board::{Board, State};
use super::connect::said;
use super::follow::{Follower, Halt, News, Report};
use super::list::Page;
use super::objects::{Billed, discover};
use super::request::get;
use crate::clock::Clock;
use crate::engine::machine::Unwatched;
use crate::engine::observed::Source;
use crate::facts::Kind;
use crate::observe::resource::path;

/// A watch that says nothing for this long is opened again: a bookmark comes every minute, most of the time.
const SILENCE: Duration = Duration::from_secs(75);

/// A watch that goes on from a version and was not refused for so long is under way.
const PROOF: Duration = Duration::from_secs(1);

/// The longest that a server takes to begin its answer.
const ANSWER: Duration = Duration::from_secs(30);

/// How often a kind that is missing is asked for again.
const MISSING: Duration = Duration::from_secs(2);

/// The same of one that need not be there.
const NOT_SERVED: Duration = Duration::from_secs(10);

/// Objects in one page of a list.
const PAGE: usize = 500;

/// After so many refusals in a row a list is due: the server may know nothing of the version that we go on from.
const REFUSALS: u32 = 3;

/// What all watches share.
#[derive(Clone, Debug)]
pub struct Watches {
    pub reports: mpsc::Sender<Report>,
    pub board: Board,
    pub clock: Clock,
    /// Whether a trace is written.
    pub recording: bool,
}

/// One watch.
struct Watch {
    client: Client,
    source: Source,
    /// Where it is; of a kind that a plan names, once that is found out.
    path: Option<String>,
    /// What plans name, where that decides.
    named: Option<watch::Receiver<BTreeSet<Kind>>>,
    follower: Follower,
    shared: Watches,
    /// The server refuses lists as streams.
    paged: bool,
    refusals: u32,
    backoff: Backoff,
}

/// Why a watch ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum WatchError {
    #[error("{}", said(.0))]
    Request(kube::Error),
    #[error("read: {0}")]
    Read(std::io::Error),
    #[error("read the list: {0}")]
    ReadList(serde_json::Error),
    #[error("{message} ({code})")]
    Refused { code: u16, message: String },
    #[error("no such kind")]
    NoSuchKind,
    #[error("expired")]
    Expired,
    #[error("no answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    /// No line for [`SILENCE`].
    #[error("nothing heard")]
    Silent,
    /// Nobody listens any more.
    #[error("stopped")]
    Stopped,
}

// === impl Watches ===

impl Watches {
    /// Watches everything, until nobody listens any more; what plans name, as long as it is told of them.
    pub fn spawn(&self, client: &Client) -> Billed {
        for source in Source::ALL {
            tokio::spawn(self.watch(client, source, None).run());
        }
        let (billed, mut named) = Billed::new();
        let (watches, client) = (self.clone(), client.clone());
        tokio::spawn(async move {
            let mut known = BTreeSet::new();
            while named.changed().await.is_ok() {
                let kinds = named.borrow_and_update().clone();
                for kind in kinds.into_iter().filter(|kind| known.insert(*kind)) {
                    let watch = watches.watch(&client, Source::Objects(kind), Some(named.clone()));
                    tokio::spawn(watch.run());
                }
            }
        });
        billed
    }

    fn watch(&self, client: &Client, source: Source, named: Option<watch::Receiver<BTreeSet<Kind>>>) -> Watch {
        self.board.set(source, State::Listing);
        Watch {
            client: client.clone(),
            source,
            path: named.is_none().then(|| path(source)),
            named,
            follower: Follower::new(source, self.recording),
            shared: self.clone(),
            paged: false,
            refusals: 0,
            backoff: Backoff::default(),
        }
    }
}

// === impl Watch ===

impl Watch {
    async fn run(mut self) {
        loop {
            let unnamed = unnamed(self.source, self.named.clone());
            let ended = tokio::select! {
                ended = self.once() => ended,
                () = unnamed => self.pause().await,
            };
            let wait = match ended {
                // The server ends each watch after a while.
                Ok(()) => Duration::ZERO,
                Err(WatchError::Stopped) => return,
                Err(error) => {
                    if let Err(WatchError::Stopped) = self.unwatched(&error).await {
                        return;
                    }
                    self.failed(&error)
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Notes what went wrong, and says how long to wait.
    fn failed(&mut self, error: &WatchError) -> Duration {
        let listing = self.follower.version().is_none();
        if let (WatchError::Silent, false) = (error, listing) {
            tracing::debug!(source = %self.source, "nothing heard: watching anew");
            return Duration::ZERO;
        }
        match error.code() {
            Some(410) => {
                tracing::debug!(source = %self.source, "the watch is too old: listing again");
                self.follower.begin_list();
            }
            Some(400 | 422) if listing && !self.paged => {
                tracing::info!(source = %self.source, %error, "no streaming lists here: listing in pages");
                self.paged = true;
                return Duration::ZERO;
            }
            Some(404) => {
                self.follower.begin_list();
                self.shared.board.set(self.source, State::Missing);
                self.path = self.path.take().filter(|_| self.named.is_none());
                return if self.source.is_optional() { NOT_SERVED } else { MISSING };
            }
            // The server has only just begun to serve this kind.
            Some(429) => {}
            Some(403) => self.shared.board.set(self.source, State::Forbidden),
            code => {
                self.refusals += u32::from(code.is_some());
                if self.refusals >= REFUSALS {
                    self.refusals = 0;
                    self.follower.begin_list();
                }
                self.shared.board.set(self.source, State::Broken(error.to_string()));
            }
        }
        self.backoff.failed()
    }

    /// Nobody waits for what is optional: that it cannot be watched is news.
    async fn unwatched(&mut self, error: &WatchError) -> Result<(), WatchError> {
        let why = match error.code() {
            Some(404) => Unwatched::NotServed,
            Some(403) => Unwatched::Forbidden,
            _ if self.follower.version().is_none() => Unwatched::Failed,
            _ => return Ok(()),
        };
        let report = Report { source: self.source, news: News::Unwatched(why), line: None };
        if self.source.is_optional() { self.report(&mut vec![report]).await } else { Ok(()) }
    }

    /// Waits until a plan names it again. What it was then is listed anew: what is gone ended when no plan named it.
    async fn pause(&mut self) -> Result<(), WatchError> {
        tracing::info!(source = %self.source, "no plan names it any more: not watched");
        self.follower.pause(self.shared.clock.second());
        let (Some(named), Source::Objects(kind)) = (&mut self.named, self.source) else { return Ok(()) };
        named.wait_for(|kinds| kinds.contains(&kind)).await.map_err(|_| WatchError::Stopped)?;
        Ok(())
    }

    async fn path(&mut self) -> Result<String, WatchError> {
        match (&self.path, self.source) {
            (None, Source::Objects(kind)) => {
                let (resource, path) = discover(&self.client, kind).await?;
                self.follower.spell(resource);
                Ok(self.path.insert(path).clone())
            }
            (known, source) => Ok(known.clone().unwrap_or_else(|| path(source))),
        }
    }

    async fn once(&mut self) -> Result<(), WatchError> {
        let path = self.path().await?;
        let query = match self.follower.version() {
            Some(version) => watch_from(version),
            None if self.paged => {
                self.list(&path).await?;
                return Ok(());
            }
            None => {
                self.follower.begin_list();
                streaming_list()
            }
        };
        let seconds = 300 + random() % 300;
        let request = get(&format!("{path}?{query}&timeoutSeconds={seconds}"));
        let answer = timeout(ANSWER, self.client.request_stream(request)).await;
        let lines = answer.map_err(|_| WatchError::NoAnswer(ANSWER))?.map_err(WatchError::Request)?;
        self.lines(std::pin::pin!(lines)).await
    }

    async fn lines(&mut self, mut lines: impl AsyncBufRead + Unpin) -> Result<(), WatchError> {
        let (mut line, mut reports) = (Vec::new(), Vec::new());
        let mut going = false;
        loop {
            let patience = if going || self.follower.is_listing() { SILENCE } else { PROOF };
            let Ok(read) = timeout(patience, lines.read_until(b'\n', &mut line)).await else {
                if patience == SILENCE {
                    return Err(WatchError::Silent);
                }
                going = true;
                self.going();
                self.follower.opened(&mut reports);
                self.report(&mut reports).await?;
                continue;
            };
            if read.map_err(WatchError::Read)? == 0 || line.last() != Some(&b'\n') {
                return Ok(());
            }
            let text = String::from_utf8_lossy(line.trim_ascii());
            let halted = self.follower.line(&text, self.shared.clock.second(), &mut reports);
            self.report(&mut reports).await?;
            halted?;
            line.clear();
            if !going && !self.follower.is_listing() {
                going = true;
                self.going();
            }
        }
    }

    /// Lists in pages; the watch goes on from there.
    async fn list(&mut self, path: &str) -> Result<(), WatchError> {
        self.follower.begin_list();
        let (mut next, mut reports) = (String::new(), Vec::new());
        loop {
            let request = get(&format!("{path}?limit={PAGE}&continue={next}"));
            let answer = timeout(SILENCE, self.client.request_text(request)).await;
            let text = answer.map_err(|_| WatchError::NoAnswer(SILENCE))?.map_err(WatchError::Request)?;
            let page: Page<'_> = serde_json::from_str(&text).map_err(WatchError::ReadList)?;
            let at = self.shared.clock.second();
            for item in page.items.into_iter().flatten() {
                self.follower.item(item.get(), &mut reports);
                self.report(&mut reports).await?;
            }
            next = page.metadata.next;
            if next.is_empty() {
                let version = page.metadata.resource_version.parse().unwrap_or_default();
                self.follower.end_list(version, at, &mut reports);
                self.going();
                return self.report(&mut reports).await;
            }
        }
    }

    fn going(&mut self) {
        self.refusals = 0;
        self.backoff.succeeded();
        self.shared.board.set(self.source, State::Watching);
    }

    async fn report(&mut self, reports: &mut Vec<Report>) -> Result<(), WatchError> {
        for report in reports.drain(..) {
            self.shared.reports.send(report).await.map_err(|_| WatchError::Stopped)?;
        }
        Ok(())
    }
}

// === impl WatchError ===

impl WatchError {
    /// What the server answered instead.
    fn code(&self) -> Option<u16> {
        match self {
            Self::Request(kube::Error::Api(status)) => Some(status.code),
            Self::Refused { code, .. } => Some(*code),
            Self::NoSuchKind => Some(404),
            Self::Expired => Some(410),
            Self::Request(_) | Self::Read(_) | Self::ReadList(_) | Self::NoAnswer(_) | Self::Silent | Self::Stopped => {
                None
            }
        }
    }
}

impl From<Halt> for WatchError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Expired => Self::Expired,
            Halt::Refused { code, message } => Self::Refused { code, message },
        }
    }
}

/// Resolves when plans name it no more; of what is always watched, never.
async fn unnamed(source: Source, named: Option<watch::Receiver<BTreeSet<Kind>>>) {
    match (source, named) {
        (Source::Objects(kind), Some(mut named)) => drop(named.wait_for(|kinds| !kinds.contains(&kind)).await),
        _ => std::future::pending().await,
    }
}

fn streaming_list() -> String {
    "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true".to_owned()
}

fn watch_from(version: u64) -> String {
    format!("watch=true&resourceVersion={version}&allowWatchBookmarks=true")
}
