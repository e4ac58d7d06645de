//! The watches against a real API server: lists as streams and in pages, kinds that are missing, a server that restarts.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use opex_cluster::{Cluster, Component, Options, needs_own_cluster, wait_for};
use opex_operator::clock::Clock;
use opex_operator::cluster::board::Board;
use opex_operator::cluster::follow::{News, Report};
use opex_operator::cluster::watch::Watches;
use opex_operator::engine::observed::Source;
use tokio::sync::mpsc;
use tokio::time::timeout;

const NAMESPACE: &str = "opex-watch";
const PATIENCE: Duration = Duration::from_mins(1);

/// Everything reported so far, by source.
struct Heard {
    reports: mpsc::Receiver<Report>,
    board: Board,
    seen: BTreeMap<Source, Vec<String>>,
}

impl Heard {
    async fn of(kubeconfig: &Path) -> Self {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let client = kube::Client::try_from(config).unwrap();
        let (sender, reports) = mpsc::channel(1024);
        let board = Board::default();
        let watches = Watches { reports: sender, board: board.clone(), clock: Clock::default(), recording: true };
        watches.spawn(&client);
        Self { reports, board, seen: BTreeMap::new() }
    }

    /// Listens until the reports of a source fulfil a condition.
    async fn until(&mut self, source: Source, what: &str, fulfilled: impl Fn(&[String]) -> bool) {
        let heard = timeout(PATIENCE, async {
            while !fulfilled(self.seen.entry(source).or_default()) {
                let report = self.reports.recv().await.expect("the watches go on");
                self.seen.entry(report.source).or_default().push(told(&report));
            }
        });
        let heard = heard.await.is_ok();
        assert!(heard, "{what}: {:?}, waiting for {:?}", self.seen[&source], self.board.waiting());
    }

    fn of_source(&self, source: Source) -> &[String] {
        self.seen.get(&source).map_or(&[], Vec::as_slice)
    }
}

/// The event in a word, and the object's name where it was recorded.
fn told(report: &Report) -> String {
    let kind = match &report.news {
        News::Applied(_) => "applied",
        News::Deleted { .. } => "deleted",
        News::Listed { held: None, .. } => return "listed".to_owned(),
        News::Listed { .. } => return "relisted".to_owned(),
        News::Heard(_) => return "heard".to_owned(),
        News::Sampled { .. } | News::Unsampled(_) => unreachable!("no watch tells it"),
        News::Missed => "missed",
        News::Unwatched(why) => return format!("unwatched: {why:?}"),
        News::Trouble(trouble) => return format!("{} {}", trouble.class, trouble.message),
    };
    let Some(line) = &report.line else { return kind.to_owned() };
    let line: serde_json::Value = serde_json::from_str(&format!("{{{line}")).unwrap();
    assert!(line["object"]["kind"].is_string() && line["object"]["apiVersion"].is_string(), "{line}");
    format!("{kind} {}", line["object"]["metadata"]["name"].as_str().unwrap())
}

fn pod(cluster: &Cluster, name: &str) {
    cluster.kubectl(["-n", NAMESPACE, "run", name, "--image=none"]).expect();
}

fn crd(kind: &str) -> String {
    std::fs::read_to_string(format!("{}/crds/{kind}.yaml", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

async fn follows_a_cluster(options: &Options) {
    let cluster = Cluster::start(options).unwrap();
    cluster.create_namespace(NAMESPACE).unwrap();
    pod(&cluster, "first");
    let mut heard = Heard::of(cluster.kubeconfig()).await;
    let is = |text: &'static str| move |seen: &[String]| seen.iter().any(|seen| seen == text);
    heard.until(Source::Pods, "the first list", is("listed")).await;
    let before_list = heard.of_source(Source::Pods).iter().position(|seen| seen == "applied first");
    assert!(before_list.is_some(), "{:?}", heard.of_source(Source::Pods));

    wait_for("the missing kind to be named", PATIENCE, || {
        heard.board.waiting().iter().any(|line| line.starts_with("budgets: ") && line.contains("not installed"))
    })
    .unwrap();
    cluster.apply(&crd("budgets")).expect();
    heard.until(Source::Budgets, "a kind that was installed later", is("listed")).await;

    pod(&cluster, "second");
    heard.until(Source::Pods, "a new Pod", is("applied second")).await;
    cluster.kubectl(["-n", NAMESPACE, "delete", "pod", "second", "--now"]).expect();
    heard.until(Source::Pods, "its end", is("deleted second")).await;

    if cluster.is_embedded() {
        cluster.restart(Component::ApiServer).unwrap();
        pod(&cluster, "third");
        heard.until(Source::Pods, "a Pod after the restart", is("applied third")).await;
        cluster.kubectl(["-n", NAMESPACE, "delete", "pod", "first", "--now"]).expect();
        heard.until(Source::Pods, "an end after the restart", is("deleted first")).await;
    }
    let wrong: Vec<_> = heard.seen.values().flatten().filter(|seen| seen.starts_with("Unreadable")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let missed: Vec<_> = heard.of_source(Source::Pods).iter().filter(|seen| seen.starts_with("missed")).collect();
    assert!(missed.is_empty(), "nothing vanished unseen: {missed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_streamed() {
    opex_operator::cli::install_crypto();
    follows_a_cluster(&Options::new("streamed").nodes(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_paged_where_streams_are_refused() {
    if needs_own_cluster() {
        return;
    }
    opex_operator::cli::install_crypto();
    let gates = "WatchList=false,WatchListClient=false";
    follows_a_cluster(&Options::new("paged").nodes(1).feature_gates(gates)).await;
}
