//! What the operator is told: the file first, then the environment, then flags; the last that speaks counts.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::cluster::defaults::{DefaultError, DefaultObject};
use crate::cluster::sample::INTERVAL;
use crate::facts::Seconds;
use crate::prometheus::{Endpoint, EndpointError};

/// Where the operator is installed unless something else is said.
pub const NAMESPACE: &str = "opex-system";

/// How the operator runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Absent: made of the kube-system Namespace's UID.
    pub cluster_name: Option<String>,
    /// The operator's own namespace.
    pub namespace: String,
    pub writes_per_second: i64,
    pub lag: Seconds,
    /// How often it is asked what Pods use.
    pub sample_interval: Seconds,
    /// Closed Statements of a budget that are kept.
    pub retained_statements: usize,
    /// Where `/metrics`, `/livez` and `/readyz` are served: `ADDRESS:PORT`, or `:PORT` on every address.
    pub listen: String,
    pub log_level: Option<String>,
    pub record: Option<PathBuf>,
    pub defaults: Vec<DefaultObject>,
    /// Absent: what meters count is not known.
    pub prometheus: Option<Endpoint>,
}

/// What one source says, and what it leaves to the others.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Said {
    pub cluster_name: Option<String>,
    pub namespace: Option<String>,
    pub writes_per_second: Option<i64>,
    #[serde(deserialize_with = "lag")]
    pub lag: Option<SignedDuration>,
    #[serde(deserialize_with = "sample_interval")]
    pub sample_interval: Option<SignedDuration>,
    pub retained_statements: Option<usize>,
    pub listen: Option<String>,
    pub log_level: Option<String>,
    #[serde(skip)]
    pub record: Option<PathBuf>,
    pub defaults: Vec<Value>,
    pub prometheus: Option<Endpoint>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{}: {error}", path.display())]
    ReadFile { path: PathBuf, error: std::io::Error },
    #[error("{}: {message}", path.display())]
    ReadYaml { path: PathBuf, message: String },
    #[error(transparent)]
    Prometheus(#[from] EndpointError),
    #[error(transparent)]
    Defaults(#[from] DefaultError),
    #[error("{name} must be {expected}, not {got}")]
    OutOfRange { name: &'static str, expected: &'static str, got: String },
}

// === impl Said ===

impl Said {
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigError::ReadFile { path: path.to_owned(), error })?;
        Self::parse(&text).map_err(|message| ConfigError::ReadYaml { path: path.to_owned(), message })
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(text).map_err(|error| plain(&error.to_string()))
    }
}

fn lag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SignedDuration>, D::Error> {
    duration("lag", deserializer)
}

fn sample_interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SignedDuration>, D::Error> {
    duration("sampleInterval", deserializer)
}

fn duration<'de, D: Deserializer<'de>>(name: &str, deserializer: D) -> Result<Option<SignedDuration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| D::Error::custom(format!("{name} must be a duration such as 10s, not {text:?}")))
}

/// The first line says it all; an excerpt follows.
fn plain(error: &str) -> String {
    let first = error.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}

// === impl Config ===

impl Config {
    /// What `first` says counts, then what `then` says, then the defaults.
    pub fn of(first: Said, then: Said) -> Result<Self, ConfigError> {
        let full = |text: Option<String>| text.filter(|text| !text.is_empty());
        let lag = first.lag.or(then.lag).map_or(10, |lag| lag.as_secs());
        let interval = first.sample_interval.or(then.sample_interval);
        let sample_interval = interval.map_or(INTERVAL, |interval| interval.as_secs());
        let writes_per_second = first.writes_per_second.or(then.writes_per_second).unwrap_or(20);
        let retained_statements = first.retained_statements.or(then.retained_statements).unwrap_or(13);
        let defaults = if first.defaults.is_empty() { then.defaults } else { first.defaults };
        let config = Self {
            cluster_name: full(first.cluster_name).or(full(then.cluster_name)),
            namespace: full(first.namespace).or(full(then.namespace)).unwrap_or_else(|| NAMESPACE.to_owned()),
            writes_per_second,
            lag,
            sample_interval,
            retained_statements,
            listen: full(first.listen).or(full(then.listen)).unwrap_or_else(|| ":8080".to_owned()),
            log_level: full(first.log_level).or(full(then.log_level)),
            record: first.record.or(then.record),
            defaults: DefaultObject::read(&defaults)?,
            prometheus: first.prometheus.or(then.prometheus).filter(|endpoint| !endpoint.url.is_empty()),
        };
        config.prometheus.as_ref().map_or(Ok(()), Endpoint::check)?;
        if !(0..=300).contains(&lag) {
            return Err(ConfigError::OutOfRange { name: "lag", expected: "0s to 5m", got: format!("{lag}s") });
        }
        if !(10..=60).contains(&sample_interval) {
            let got = format!("{sample_interval}s");
            return Err(ConfigError::OutOfRange { name: "sampleInterval", expected: "10s to 60s", got });
        }
        if !(1..=1000).contains(&writes_per_second) {
            let got = writes_per_second.to_string();
            return Err(ConfigError::OutOfRange { name: "writesPerSecond", expected: "1 to 1000", got });
        }
        if !(12..=1000).contains(&retained_statements) {
            let got = retained_statements.to_string();
            return Err(ConfigError::OutOfRange { name: "retainedStatements", expected: "12 to 1000", got });
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::counted::Counting;

    const CHART: &str = r#"
clusterName: "prod-eu-1"
namespace: opex-system
writesPerSecond: 20
lag: 10s
prometheus:
  url: https://prometheus.monitoring:9090/prom
  bearerTokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token
  window: 5m
retainedStatements: 24
defaults:
- apiVersion: billing.opex.dev/v1alpha1
  kind: PricePlan
  metadata:
    name: default
  spec:
    currency: EUR
    pricesPerHour: {cpu: "0.031611"}
"#;

    #[test]
    fn a_file_as_the_chart_writes_it() {
        let config = Config::of(Said::default(), Said::parse(CHART).unwrap()).unwrap();
        assert_eq!(config.cluster_name.as_deref(), Some("prod-eu-1"));
        assert_eq!((config.writes_per_second, config.lag, config.defaults.len()), (20, 10, 1));
        assert_eq!(config.retained_statements, 24);
        assert_eq!(config.listen, ":8080");
        let prometheus = config.prometheus.unwrap();
        assert_eq!(prometheus.counting(), Counting { window: 300, delay: 30 });
        assert_eq!((prometheus.timeout.as_secs(), prometheus.ca_file), (10, None));
    }

    #[test]
    fn flags_count_more_than_the_file_and_nothing_is_a_default() {
        let flags =
            Said { lag: Some(SignedDuration::from_secs(3)), listen: Some("[::1]:9".to_owned()), ..Said::default() };
        let config = Config::of(flags, Said::parse(CHART).unwrap()).unwrap();
        assert_eq!((config.lag, config.listen.as_str()), (3, "[::1]:9"));
        assert_eq!(config.namespace, "opex-system");

        let config = Config::of(Said::default(), Said::parse("").unwrap()).unwrap();
        assert_eq!((config.cluster_name, config.lag, config.writes_per_second), (None, 10, 20));
        assert_eq!(config.sample_interval, 60);
        assert_eq!(config.retained_statements, 13);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("clusterNmae: x", "clusterNmae"),
            ("lag: soon", "lag"),
            ("sampleInterval: often", "sampleInterval"),
            ("writesPerSecond: many", "line 1 column 18"),
            ("[", "line 1"),
        ];
        for (text, expected) in cases {
            let error = Said::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let cases = [
            ("lag: 1h", "lag must be 0s to 5m, not 3600s"),
            ("sampleInterval: 1s", "sampleInterval must be 10s to 60s, not 1s"),
            ("writesPerSecond: 0", "writesPerSecond must be 1 to 1000, not 0"),
            ("retainedStatements: 11", "retainedStatements must be 12 to 1000, not 11"),
            ("defaults: [{kind: Pod}]", "defaults[0]"),
            ("prometheus: {url: prometheus}", "prometheus.url must be an http or https address"),
            ("prometheus: {url: 'ftp://a'}", "prometheus.url must be"),
            ("prometheus: {url: 'http://a', window: 7m}", "prometheus.window must be 10s to 1h, and a part of an hour"),
            ("prometheus: {url: 'http://a', window: 5s}", "prometheus.window must be 10s to 1h"),
            ("prometheus: {url: 'http://a', delay: 2h}", "prometheus.delay must be 0s to 1h"),
            ("prometheus: {url: 'http://a', timeout: 0s}", "prometheus.timeout must be 1s to 2m"),
        ];
        for (text, expected) in cases {
            let error = Config::of(Said::default(), Said::parse(text).unwrap()).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
