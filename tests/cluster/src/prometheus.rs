//! A real Prometheus on the loopback, and something for it to scrape.
//!
//! Debian's package is taken where it is installed, as continuous integration does; else it is built like the programs
//! of the control plane.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::operator::get;
use crate::wait::wait_until;
use crate::{Cluster, Process};

/// Prometheus, scraping every second; it ends with this value. One that is started again under its name has the samples
/// of the one before.
#[derive(Debug)]
pub struct Prometheus {
    /// Its process.
    pub process: Process,
    address: String,
    run: Command,
    name: String,
}

/// A program with counters, as Prometheus scrapes them.
#[derive(Clone, Debug)]
pub struct Counters {
    address: String,
    /// By their whole name, labels included: `egress_bytes_total{namespace="a"}`.
    values: Arc<Mutex<BTreeMap<String, f64>>>,
}

impl Prometheus {
    /// Starts it, and waits until it answers.
    pub fn start(cluster: &Cluster, name: &str, counters: &Counters) -> Result<Self> {
        let (folder, address) = (cluster.dir().join(name), format!("127.0.0.1:{}", cluster.port()));
        fs::create_dir_all(&folder)?;
        let config = folder.join("prometheus.yml");
        let scrapes = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             scrape_configs:\n- {{job_name: counters, honor_labels: true, static_configs: [{{targets: ['{}']}}]}}\n",
            counters.address
        );
        fs::write(&config, scrapes)?;
        let mut run = Command::new(cluster.command("prometheus").get_program());
        run.arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"));
        let process = Process::start(cluster, name, &run)?;
        let mut started = Self { process, address, run, name: name.to_owned() };
        started.wait_until_ready()?;
        Ok(started)
    }

    /// Its address, as in a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it answers to an instant query, by the label namespace: numbers as text.
    pub fn query(&self, query: &str, at: i64) -> Result<BTreeMap<String, String>> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (status, body) = get(&self.address, &format!("/api/v1/query?time={at}&query={escaped}"))?;
        ensure!(status == 200, "{status}: {body}");
        let answer: serde_json::Value = serde_json::from_str(&body)?;
        let series = answer["data"]["result"].as_array().context("no vector")?;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        Ok(series.iter().map(|one| (text(&one["metric"]["namespace"]), text(&one["value"][1]))).collect())
    }

    /// Starts it again after it was killed, where it was.
    pub fn start_again(&mut self, cluster: &Cluster) -> Result<()> {
        self.process = Process::start(cluster, &self.name, &self.run)?;
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let address = self.address.clone();
        wait_until("Prometheus", Duration::from_mins(1), || {
            let (status, body) = get(&address, "/-/ready")?;
            ensure!(status == 200, "{status}: {body}");
            Ok(())
        })
        .with_context(|| self.process.log())
    }
}

impl Counters {
    /// Serves them on a port of the cluster for as long as this process lives.
    pub fn serve(cluster: &Cluster) -> Result<Self> {
        let address = (Ipv4Addr::LOCALHOST, cluster.port());
        let listener = TcpListener::bind(address).context("listening for scrapes")?;
        let counters = Self { address: format!("127.0.0.1:{}", address.1), values: Arc::default() };
        let served = counters.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                // What breaks is tried again a second later.
                let _ = served.answer(connection);
            }
        });
        Ok(counters)
    }

    /// Counts `more` of it.
    pub fn add(&self, name: &str, more: f64) {
        *self.lock().entry(name.to_owned()).or_default() += more;
    }

    fn answer(&self, mut connection: std::net::TcpStream) -> Result<()> {
        connection.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut lines = BufReader::new(connection.try_clone()?).lines();
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        let mut text = String::new();
        for (name, value) in self.lock().iter() {
            writeln!(text, "{name} {value}")?;
        }
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
        write!(connection, "{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len())?;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, f64>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
