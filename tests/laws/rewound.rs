//! The API server goes back to what it was some minutes ago, while the operator runs, or before it comes.

use serde_json::{Value, json};

use crate::leaving::{contents, lived, statements};
use crate::reference::{Change, Event, Seconds};
use crate::simulation::{Fate, Simulation};
use crate::traces::{text, window};

const DAY: Seconds = 86_400;

const REASON: &str = "the cluster was restored from a backup: what changed meanwhile is not counted";

/// The Statement by the day, as it stands at last.
fn day(simulation: &Simulation) -> Value {
    let all = statements(simulation).into_values();
    all.rev().find(|spec| spec["budgetRef"]["name"] == "day").expect("a Statement")
}

fn quantity(spec: &Value) -> Seconds {
    let lines = spec["lines"].as_array().expect("lines").iter();
    lines.map(|line| line["quantity"].as_str().expect("a quantity").parse::<Seconds>().expect("a number")).sum()
}

fn second(spec: &Value) -> Seconds {
    spec["watermark"].as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time").as_second()
}

fn reasons(spec: &Value) -> Vec<&str> {
    spec["gaps"].as_array().into_iter().flatten().filter_map(|gap| gap["reason"].as_str()).collect()
}

fn short_lived(at: Seconds) -> Value {
    let [.., mut pod] = contents(at);
    (pod["metadata"]["name"], pod["metadata"]["uid"]) = (json!("q"), json!("q"));
    pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("500m");
    pod
}

#[test]
fn a_running_operator_goes_on_from_memory() {
    let start = window().0 / DAY * DAY + 3600;
    for failover in [None, Some(2410), Some(2900)] {
        // The short Statement is closed between the backup and its return; a Pod that came then is gone.
        let mut simulation = lived(start, start + 1100, Vec::new());
        let backup = simulation.backup();
        simulation.pass_until(start + 2390);
        let object = short_lived(start + 2390);
        simulation.happen(&Event { at: start + 2390, change: Change::Added, last_seen: None, object });
        simulation.pass_until(start + 2400);
        let before = day(&simulation);
        simulation.restore(backup, start + 2395);
        if let Some(after) = failover {
            simulation.pass_until(start + after);
            simulation.suffer(Fate::Failover);
        }
        simulation.pass_until(start + 3600);
        let after = day(&simulation);
        assert!(second(&after) > second(&before), "{after:#}");
        assert_eq!(quantity(&after), 1000 * (second(&after) - start) + 500 * 5, "failover after {failover:?}");
        assert_eq!(reasons(&after), [REASON]);
        let mut short = statements(&simulation).into_values().filter(|spec| spec["budgetRef"]["name"] == "short");
        assert_eq!(short.next().expect("a Statement")["phase"], "Closed");
    }
}

#[test]
fn whoever_comes_after_it_starts_cold_and_notes_a_gap() {
    let start = window().0 / DAY * DAY + 3600;
    for ended in [None, Some(start + 2100)] {
        let mut simulation = lived(start, start + 1800, Vec::new());
        let backup = simulation.backup();
        simulation.pass_until(start + 2400);
        let statement = simulation.statements()["statements"].as_array().expect("a list")[0].clone();
        simulation.restore_and_end(backup);
        // What was written after the backup was taken is written again, or comes from another cluster.
        simulation.happen(&Event { at: start + 2500, change: Change::Modified, last_seen: None, object: statement });
        if let Some(ended) = ended {
            // Found at last, and not known to whoever wrote the Statement: its version says nothing any more.
            let [.., mut object] = contents(start);
            object["status"]["phase"] = json!("Succeeded");
            object["status"]["containerStatuses"] =
                json!([{"name": "app", "state": {"terminated": {"finishedAt": text(ended)}}}]);
            object["metadata"]["managedFields"] = json!([{"manager": "kubelet", "operation": "Update", "subresource": "status", "time": text(start + 2500)}]);
            simulation.happen(&Event { at: start + 2500, change: Change::Modified, last_seen: None, object });
        }
        simulation.pass_until(start + 2600);
        simulation.join();
        simulation.pass_until(start + 3600);
        let after = day(&simulation);
        let until = ended.unwrap_or(second(&after));
        assert_eq!(quantity(&after), 1000 * (until - start), "{ended:?}");
        assert_eq!(reasons(&after), [REASON]);
    }
}
