//! Where everything stands, as gauges.

use std::fmt::Error;
use std::sync::PoisonError;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::{Figures, Labels, Latest};
use crate::api::Gate;
use crate::cluster::write::gate_label;
use crate::engine::machine::BudgetFigures;

/// A gauge's labels and value.
type Sample = (Labels, f64);

// === impl Latest ===

impl Collector for Latest {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (figures, offset) = &*latest;
        for (name, help, samples) in gauges(figures, *offset) {
            if samples.is_empty() {
                continue;
            }
            if let [(labels, value)] = samples.as_slice()
                && labels.is_empty()
            {
                ConstGauge::new(*value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
                continue;
            }
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (labels, value) in &samples {
                ConstGauge::new(*value).encode(metric.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

fn gauges(figures: &Figures, offset: f64) -> Vec<(&'static str, &'static str, Vec<Sample>)> {
    let own = |value: f64| vec![(Labels::new(), value)];
    let lag = figures.shown.watermark_lag.map(exact).map(own).unwrap_or_default();
    let mut gauges = vec![
        ("leader", "1 where this replica writes", own(f64::from(u8::from(figures.leading)))),
        ("clock_offset_seconds", "How far the API server's clock is ahead of this host's", own(offset)),
        ("facts", "Objects that are metered", own(exact(i64::try_from(figures.shown.facts).unwrap_or(i64::MAX)))),
        ("watermark_lag_seconds", "Time since the oldest watermark of an open Statement", lag),
    ];
    if figures.leading {
        gauges.extend([
            ("budget_limit", "What may be spent in the period", budgets(figures, |b| amount(b.status.limit.as_ref()))),
            ("budget_spent", "What was spent in the period", budgets(figures, |b| amount(b.status.spent.as_ref()))),
            (
                "budget_forecast",
                "What the period will cost if what runs now runs on",
                budgets(figures, |b| amount(b.status.forecast.as_ref().map(|forecast| &forecast.amount))),
            ),
            ("budget_used_ratio", "What was spent, by the limit", budgets(figures, used)),
            ("budget_threshold_crossed", "1 for a threshold that is crossed, else 0", thresholds(figures)),
            ("namespace_spent", "What a namespace was spent on in the period", namespaces(figures)),
            ("gate", "1 for what admission does in a namespace", gates(figures)),
        ]);
    }
    gauges
}

fn budgets(figures: &Figures, value: impl Fn(&BudgetFigures) -> Option<f64>) -> Vec<Sample> {
    let sample = |budget: &BudgetFigures| {
        let currency = budget.status.currency.as_ref().map(iso_currency::Currency::code).unwrap_or_default();
        let mut labels = who(figures, budget);
        labels.push(("currency", currency.to_owned()));
        Some((labels, value(budget)?))
    };
    figures.shown.budgets.iter().filter_map(sample).collect()
}

fn thresholds(figures: &Figures) -> Vec<Sample> {
    let samples = figures.shown.budgets.iter().flat_map(|budget| {
        budget.status.thresholds.iter().map(move |threshold| {
            let mut labels = who(figures, budget);
            labels.extend([("percent", threshold.percent.to_string()), ("of", format!("{:?}", threshold.of))]);
            (labels, f64::from(u8::from(threshold.crossed_at.is_some())))
        })
    });
    samples.collect()
}

fn who(figures: &Figures, budget: &BudgetFigures) -> Labels {
    vec![
        ("cluster", figures.cluster.clone()),
        ("namespace", budget.key.namespace.as_deref().unwrap_or_default().to_owned()),
        ("budget", budget.key.name.to_string()),
    ]
}

fn namespaces(figures: &Figures) -> Vec<Sample> {
    let sample = |(namespace, currency, spent): &(_, iso_currency::Currency, String)| {
        let namespace: &crate::facts::Name = namespace;
        let labels = vec![
            ("cluster", figures.cluster.clone()),
            ("namespace", namespace.to_string()),
            ("currency", currency.code().to_owned()),
        ];
        Some((labels, amount(Some(spent))?))
    };
    figures.shown.namespaces.iter().filter_map(sample).collect()
}

fn gates(figures: &Figures) -> Vec<Sample> {
    let closed = figures.shown.gates.iter().filter(|(_, gate)| *gate != Gate::Open);
    let sample = |(namespace, gate): &(crate::facts::Name, Gate)| {
        let state = gate_label(*gate)?;
        Some((vec![("namespace", namespace.to_string()), ("state", state.to_owned())], 1.0))
    };
    closed.filter_map(sample).collect()
}

/// Of nothing nothing is used; of a limit of nothing whatever was spent is too much.
fn used(budget: &BudgetFigures) -> Option<f64> {
    let (spent, limit) = (amount(budget.status.spent.as_ref())?, amount(budget.status.limit.as_ref())?);
    Some(if limit > 0.0 {
        spent / limit
    } else if spent > 0.0 {
        1.0
    } else {
        0.0
    })
}

fn amount(text: Option<&String>) -> Option<f64> {
    text?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn exact(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use iso_currency::Currency;

    use super::*;
    use crate::api::{BudgetStatus, Forecast, Mode};
    use crate::engine::budget::BudgetKey;
    use crate::engine::machine::Shown;
    use crate::metrics::Metrics;

    fn figures(leading: bool) -> Figures {
        let status = BudgetStatus {
            currency: Some(Currency::EUR),
            limit: Some("1000.00".to_owned()),
            spent: Some("412.37".to_owned()),
            forecast: Some(Forecast { amount: "1500.00".to_owned(), exhausts_at: None }),
            ..BudgetStatus::default()
        };
        let budget = BudgetFigures {
            key: BudgetKey::of(Some("team-a".into()), "a\"b".into()),
            spec: Arc::default(),
            mode: Mode::Shared,
            namespace_selector: None,
            include_idle: false,
            is_child: false,
            status: Arc::new(status),
            namespaces: None,
        };
        let shown = Shown {
            budgets: vec![budget],
            namespaces: vec![("team-a".into(), Currency::EUR, "12.50".to_owned())],
            gates: vec![("team-a".into(), Gate::Block), ("team-b".into(), Gate::Open)],
            facts: 7,
            watermark_lag: Some(12),
        };
        Figures { cluster: "prod".to_owned(), leading, shown }
    }

    #[test]
    fn the_leader_shows_every_figure() {
        let metrics = Metrics::default();
        metrics.counters.wrote("Namespace");
        metrics.counters.failed("Conflict");
        metrics.counters.passed(std::time::Duration::from_millis(1));
        let text = metrics.text(figures(true), 0.25).unwrap();
        let labels = r#"{cluster="prod",namespace="team-a",budget="a\"b",currency="EUR"}"#;
        let expected = [
            format!("opex_budget_limit{labels} 1000.0"),
            format!("opex_budget_spent{labels} 412.37"),
            format!("opex_budget_forecast{labels} 1500.0"),
            format!("opex_budget_used_ratio{labels} 0.41237"),
            r#"opex_namespace_spent{cluster="prod",namespace="team-a",currency="EUR"} 12.5"#.to_owned(),
            r#"opex_gate{namespace="team-a",state="block"} 1.0"#.to_owned(),
            "opex_facts 7.0".to_owned(),
            "opex_watermark_lag_seconds 12.0".to_owned(),
            "opex_clock_offset_seconds 0.25".to_owned(),
            "opex_leader 1.0".to_owned(),
            r#"opex_api_writes_total{kind="Namespace"} 1"#.to_owned(),
            r#"opex_errors_total{class="Conflict"} 1"#.to_owned(),
            "opex_pass_duration_seconds_count 1".to_owned(),
        ];
        for line in expected {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(!text.contains("team-b"), "an open gate is no sample:\n{text}");
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_standby_shows_nothing_twice() {
        let text = Metrics::default().text(figures(false), 0.0).unwrap();
        assert!(text.contains("opex_leader 0.0"));
        assert!(!text.contains("opex_budget_spent"), "{text}");
    }
}
