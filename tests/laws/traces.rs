//! Random traces of a small cluster: objects that live as Kubernetes lets them live, seen late or at once.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::cluster::{Cluster, Manner};
use crate::features::Features;
use crate::reference::{Change, Event, Input, Seconds};

/// How many events set the scene, the same in every trace.
const SETTING: usize = 12;

/// One step: how long after the one before, and what is chosen.
pub type Step = (u16, [u8; 6]);

/// Steps of a trace.
pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![2 => Just(0_u16), 3 => 1_u16..700, 3 => 700_u16..20_000];
    prop::collection::vec((gap, any::<[u8; 6]>()), 1..most)
}

/// The time that is replayed: the end of March in Berlin, and the change to summer time.
pub fn window() -> (Seconds, Seconds) {
    let second = |text: &str| text.parse::<Timestamp>().expect("a time").as_second();
    (second("2025-03-29T20:00:00Z"), second("2025-04-02T09:00:00Z"))
}

/// The trace that some steps make.
pub fn input(steps: &[Step]) -> Input {
    made(steps, Manner::Wild, &[])
}

/// A trace in which nothing is seen late.
pub fn punctual(steps: &[Step]) -> Input {
    made(steps, Manner::Punctual, &[])
}

pub fn made(steps: &[Step], manner: Manner, features: Features) -> Input {
    let (from, to) = window();
    let mut cluster = Cluster::new(from - 40_000, manner, features);
    for (gap, choice) in steps {
        cluster.at += Seconds::from(*gap);
        cluster.step(*choice);
    }
    let trace = cluster.trace.into_iter().filter(|event| event.at <= to).collect();
    Input { from, to, given: Vec::new(), trace }
}

/// A trace of some hours around midnight, as a watch shows it; at its end nothing happens for a while.
pub fn calm(steps: &[Step]) -> Input {
    calm_with(steps, &[])
}

pub fn calm_with(steps: &[Step], features: Features) -> Input {
    calmly(steps, Manner::Calm, features, |gap| gap / 20)
}

/// The same over days, no more than of which a Statement is kept; now and then something is seen days late.
pub fn long(steps: &[Step]) -> Input {
    calmly(steps, Manner::Belated, &[], |gap| gap * 5)
}

fn calmly(steps: &[Step], manner: Manner, features: Features, gap: impl Fn(Seconds) -> Seconds) -> Input {
    // A little before midnight in Berlin.
    let from = window().0 + 10_000;
    let mut cluster = Cluster::new(from, manner, features);
    for (between, choice) in steps {
        cluster.at += 1 + gap(Seconds::from(*between));
        if cluster.at > from + 11 * 86_400 {
            break;
        }
        cluster.step(*choice);
    }
    Input { from, to: cluster.at + 900, given: Vec::new(), trace: cluster.trace }
}

/// Pods that carry their own times, and linger after they have ended: where one begins, for how long it runs, when its
/// end is seen, and what it asks for. The default plan is edited now and then.
pub fn own_times(pods: &[(u16, u16, u8, u8)], edits: &[(u16, u8)]) -> Input {
    let (from, _) = window();
    let mut cluster = Cluster::new(from, Manner::Calm, &[]);
    let mut due = Vec::new();
    for (i, (start, runs, late, x)) in pods.iter().enumerate() {
        let seen = from + 1 + Seconds::from(*start);
        let ended = seen + Seconds::from(*runs);
        due.push((seen, i, 0, *late, *x));
        due.push((ended + Seconds::from(late % 64), i, 1, *late, *x));
        due.push((ended + 1000, i, 2, *late, *x));
    }
    due.extend(edits.iter().map(|(at, x)| (from + 1 + Seconds::from(*at), 0, 3, 0, *x)));
    due.sort_unstable();
    for (at, i, what, late, x) in due {
        cluster.at = at;
        cluster.own_time(&format!("p{i}"), what, Seconds::from(late % 64), x);
    }
    Input { from, to: cluster.at + 900, given: Vec::new(), trace: cluster.trace }
}

/// The trace as its lines.
pub fn lines(trace: &[Event]) -> String {
    let line = |event: &Event| {
        let kind = match event.change {
            Change::Added => "ADDED",
            Change::Modified => "MODIFIED",
            Change::Deleted => "DELETED",
        };
        let mut line = json!({"at": text(event.at), "type": kind, "object": event.object});
        if let Some(seen) = event.last_seen {
            line["lastSeen"] = text(seen);
        }
        format!("{line}\n")
    };
    trace.iter().map(line).collect()
}

/// The trace for people: who they are, and what matters of them.
pub fn shown(trace: &[Event]) -> String {
    let line = |event: &Event| {
        let Event { at, change, last_seen, object } = event;
        let metadata = &object["metadata"];
        let kept = ["labels", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"];
        let kept: Map<_, _> = kept.iter().map(|key| ((*key).to_owned(), metadata[*key].clone())).collect();
        let kept: Map<_, _> = kept.into_iter().filter(|(_, value)| !value.is_null()).collect();
        let kept = Value::Object(kept);
        let seen = last_seen.map_or(String::new(), |seen| format!(" last seen {}", text(seen)));
        let (kind, namespace, name) = (&object["kind"], &metadata["namespace"], &metadata["name"]);
        let (uid, spec, status) = (&metadata["uid"], &object["spec"], &object["status"]);
        format!(
            "{} {change:?}{seen} {kind} {namespace}/{name} {uid}\n    {kept}\n    {spec}\n    {status}\n",
            text(*at)
        )
    };
    trace.iter().skip(SETTING).map(line).collect()
}

pub fn text(instant: Seconds) -> Value {
    json!(Timestamp::from_second(instant).expect("an instant"))
}
