//! A Pod from its JSON to its fact, beside a scan of the same bytes that keeps nothing.

use std::hint::black_box;

use opex_operator::engine::observed::Source;
use opex_operator::observe::Observed;
use serde::de::IgnoredAny;

use super::cluster::Pods;
use super::measure::{each, least, time};
use super::table::{Figure, Target};

const RUN: u64 = 2000;

pub fn figures() -> Vec<Figure> {
    let template = Pods::new();
    let pods: Vec<_> = (0..RUN).map(|n| template.json(n)).collect();
    let per_pod = |work: &dyn Fn(&str)| {
        let all = least(21, || time(|| pods.iter().for_each(|pod| work(pod))));
        each(all, RUN) / 1e3
    };
    let scan = per_pod(&|pod| {
        black_box(serde_json::from_str::<IgnoredAny>(pod)).expect("JSON");
    });
    let project = per_pod(&|pod| {
        black_box(Observed::read(Source::Pods, pod)).expect("a Pod");
    });
    vec![Figure {
        what: "parse and project one Pod of 7.5 kB",
        floor: Some(scan),
        measured: project,
        unit: "µs",
        target: Target::AtMost(10.0),
    }]
}
