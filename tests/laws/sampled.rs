//! Pods of which samples are taken all the time, and an operator that is not there all the time.

use jiff::Timestamp;
use num_bigint::BigInt;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Manner};
use crate::features::Feature;
use crate::parts::{containers, scheduled};
use crate::reference::{Input, Seconds, compare};
use crate::replay;
use crate::simulation::{Fate, live};
use crate::traces::{text, window};

/// What each sample says that a Pod uses.
const MILLICORES: i64 = 250;

/// How long all of it takes.
const LONG: Seconds = 3600;

const PODS: [&str; 3] = ["p0", "p1", "p2"];

/// Three Pods run, and samples of them are taken every so many seconds and seen a while later, some Pods before others.
/// At some instants the operator ends and comes again. What it bills of the basis Usage is no more than what it would
/// have if it had always been there, and what is missing is of time that is marked.
pub fn restarted(every: u16, late: u16, starts: &[u16]) -> Vec<String> {
    let input = sampled(Seconds::from(every), Seconds::from(late));
    let starts: Vec<_> = starts.iter().map(|at| (input.from + Seconds::from(*at), Fate::ColdStart)).collect();
    let lived = live(&input.trace, input.to, 1, &starts);
    let replayed = replay(&Input { to: input.to - 10, ..input });
    let mut faults: Vec<_> = statements(&lived).flat_map(compare::faults).collect();
    let cpu = |report: &Value, name: &str| -> BigInt {
        let (_, bill) = statements(report).map(compare::read).find(|((_, of), _)| of == name).expect("a Statement");
        bill.lines.iter().filter(|(key, _)| key.rate == "cpu").map(|(_, quantity)| quantity).sum()
    };
    let name = "shop-2025-03-29";
    let (has, should) = (cpu(&lived, name), cpu(&replayed, name));
    let there = statements(&lived).find(|one| one["metadata"]["name"] == name).expect("a Statement");
    let marked = BigInt::from(marked(there) * MILLICORES) * PODS.len();
    if has > should || &should - &has > marked {
        faults.push(format!("{name}: {has} of {should}, of which {marked} may be missing: {}", there["spec"]["gaps"]));
    }
    faults
}

fn sampled(every: Seconds, late: Seconds) -> Input {
    // In the afternoon, so that the day does not end meanwhile.
    let from = window().0 - 6 * 3600;
    let mut cluster = Cluster::new(from, Manner::Calm, &[Feature::Samples]);
    let mut due: Vec<(Seconds, Option<Seconds>, &str)> = PODS.iter().map(|pod| (from, None, *pod)).collect();
    for round in 0..LONG / every {
        for (i, pod) in (0..).zip(PODS) {
            let taken = from + 1 + round * every + i * 3;
            due.push((taken + late + i % 2, Some(taken), pod));
        }
    }
    due.sort_unstable();
    for (at, taken, pod) in due {
        cluster.at = at;
        match taken {
            None => cluster.put(
                "Pod",
                "a",
                pod,
                json!({
                    "metadata": {"creationTimestamp": text(from)},
                    "spec": {"nodeName": "n1", "containers": containers([1, 1])},
                    "status": {"phase": "Running", "conditions": [scheduled(from)]},
                }),
            ),
            Some(taken) => {
                let usage = json!({"cpu": format!("{MILLICORES}m")});
                cluster.put("PodMetrics", "a", pod, json!({
                    "metadata": {}, "timestamp": text(taken), "window": "15s", "containers": [{"name": "app", "usage": usage}],
                }));
            }
        }
    }
    Input { from, to: from + LONG, given: Vec::new(), trace: cluster.trace }
}

fn statements(report: &Value) -> impl Iterator<Item = &Value> {
    report["statements"].as_array().expect("a list").iter()
}

/// How many seconds of a Statement are marked as estimated.
fn marked(statement: &Value) -> Seconds {
    let second =
        |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok()).expect("a time").as_second();
    let gaps = statement["spec"]["gaps"].as_array().into_iter().flatten();
    let estimated = gaps.filter(|gap| gap["reason"].as_str().is_some_and(|reason| reason.starts_with("estimated")));
    estimated.map(|gap| second(&gap["to"]) - second(&gap["from"])).sum()
}
