//! Pods that start and stop, two hundred a minute, in three ways: those that end by themselves, those that are deleted
//! and say when they ended, and those that vanish without a word.

use std::time::{Duration, Instant};

use opex_cluster::wait_for;
use serde_json::{Value, json};

use crate::ground::Ground;

/// How many Pods are made at once.
const BATCH: usize = 10;

/// How often.
const EVERY: Duration = Duration::from_secs(3);

/// How a Pod ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, after some seconds.
    Finished,
    /// Deleted, with a last status that bears the time.
    Deleted,
    /// Deleted, without a last status: as from a lost node.
    Vanished,
}

/// The Namespaces of a load: of Pods that end in each way.
pub struct Load<'a> {
    pub grounds: [(End, Ground<'a>); 3],
    made: usize,
}

impl<'a> Load<'a> {
    pub fn new(grounds: [(End, Ground<'a>); 3]) -> Self {
        Self { grounds, made: 0 }
    }

    /// Makes and deletes Pods for so long; between two batches `meanwhile` is told which of how many comes.
    pub fn run(&mut self, length: Duration, mut meanwhile: impl FnMut(usize, usize)) {
        let begun = Instant::now();
        let batches = usize::try_from(length.as_secs() / EVERY.as_secs()).unwrap();
        for batch in 0..batches {
            self.make(batch);
            if let Some(before) = batch.checked_sub(2) {
                self.delete(before);
            }
            meanwhile(batch, batches);
            let next = EVERY * u32::try_from(batch + 1).unwrap();
            wait_for("the next batch", length, || begun.elapsed() >= next).unwrap();
        }
        self.delete(batches - 2);
        self.delete(batches - 1);
    }

    /// Half of them end by themselves, three of ten are deleted, two vanish.
    fn make(&mut self, batch: usize) {
        let mut pods = Vec::new();
        for i in 0..BATCH {
            let end = [End::Finished, End::Deleted, End::Finished, End::Vanished, End::Finished][i % 5];
            let end = if i == 8 { End::Deleted } else { end };
            self.made += 1;
            pods.push(pod(self.ground(end).namespace, self.made, batch, end));
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": pods}).to_string();
        self.grounds[0].1.cluster.kubectl_with_input(["create", "-f", "-"], &list).expect();
    }

    /// Deletes those of a batch that do not end by themselves.
    fn delete(&self, batch: usize) {
        for end in [End::Deleted, End::Vanished] {
            self.ground(end).kubectl(&format!("delete pods -l batch=b{batch} --wait=false")).expect();
        }
    }

    pub fn ground(&self, end: End) -> &Ground<'a> {
        &self.grounds.iter().find(|(of, _)| *of == end).unwrap().1
    }

    /// Waits until each Pod has ended.
    pub fn wait_for_ends(&self) {
        for (end, ground) in &self.grounds {
            wait_for(&format!("the end of the Pods in {}", ground.namespace), Duration::from_mins(2), || {
                let pods =
                    ground.kubectl("get pods --field-selector=status.phase!=Succeeded,status.phase!=Failed -oname");
                let pods = pods.expect();
                pods.is_empty() && (*end == End::Finished || ground.kubectl("get pods -oname").expect().is_empty())
            })
            .unwrap();
        }
    }

    /// How many Pods were made in each Namespace.
    pub fn count(&self, end: End) -> usize {
        let of_ten = match end {
            End::Finished => 5,
            End::Deleted => 3,
            End::Vanished => 2,
        };
        self.made * of_ten / BATCH
    }
}

fn pod(namespace: &str, number: usize, batch: usize, end: End) -> Value {
    let annotations = match end {
        End::Finished => json!({
            "test.opex.dev/run-for": format!("{}s", 1 + number * 7 % 13),
            "test.opex.dev/start-after": format!("{}s", number % 3),
            "test.opex.dev/exit-code": format!("{}", number % 2),
        }),
        End::Deleted => json!({"test.opex.dev/end-after": format!("{}s", number % 4)}),
        End::Vanished => json!({"test.opex.dev/end-after": format!("{}s", number % 2), "test.opex.dev/vanish": "true"}),
    };
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": namespace,
            "name": format!("p{number}"),
            "labels": {"batch": format!("b{batch}")},
            "annotations": annotations,
        },
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 30,
            "containers": [{"name": "c", "image": "busybox:1", "resources": {"requests": {"cpu": "10m"}}}],
        },
    })
}
