//! What a Pod weighs in the machine, and the whole process.

use std::collections::HashMap;
use std::hint::black_box;

use super::cluster::{Cluster, PODS};
use super::measure::{apart, resident};
use super::table::{Figure, Target};

const MB: f64 = 1e6;

pub fn figures() -> Vec<Figure> {
    let without = apart("without-pods");
    let with = apart("with-pods");
    let floor = apart("facts");
    let each = |bytes: u64| bytes as f64 / PODS as f64;
    vec![
        Figure {
            what: "memory of a Pod, its lines and names included",
            floor: Some(each(floor[0])),
            measured: each(with[0].saturating_sub(without[0])),
            unit: "B",
            target: Target::AtMost(256.0),
        },
        Figure {
            what: "resident, 150,000 Pods and 5,000 budgets, settled",
            floor: Some(without[0] as f64 / MB),
            measured: with[0] as f64 / MB,
            unit: "MB",
            target: Target::AtMost(96.0),
        },
        Figure {
            what: "resident at most, first lists and first writes",
            floor: None,
            measured: with[1] as f64 / MB,
            unit: "MB",
            target: Target::AtMost(128.0),
        },
    ]
}

/// One measurement in a process of its own: prints resident bytes, now and at most.
pub fn apart_from_others(what: &str) {
    let (now, most) = match what {
        "without-pods" => settled(0),
        "with-pods" => settled(PODS),
        "facts" => facts(),
        _ => panic!("no measurement is named {what}"),
    };
    println!("{now} {most}");
}

fn settled(pods: u64) -> (u64, u64) {
    let cluster = Cluster::settled(pods);
    let resident = resident();
    black_box(&cluster.machine);
    resident
}

/// A fact of 48 bytes under its UID, and nothing else.
fn facts() -> (u64, u64) {
    let before = resident().0;
    let mut facts: HashMap<u128, [u64; 6]> = HashMap::with_capacity(PODS as usize);
    facts.extend((0..PODS).map(|n| (u128::from(n), [n; 6])));
    let after = resident();
    black_box(&facts);
    (after.0 - before, after.1)
}
