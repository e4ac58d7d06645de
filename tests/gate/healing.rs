//! A gate never stops healing: in namespaces that are blocked, Pods are deleted, nodes lost and drained, workloads rolled
//! out, back, restarted, put to sleep and woken, at random. Then all runs as its spec says, and no controller was refused
//! anything but growth. `SOAK=1` goes on for five minutes; `SEED=…` does the same again.

use std::env;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use opex_cluster::{Cluster, Component, Options, needs_own_cluster, wait_for};
use serde_json::Value;

use crate::ground::Ground;
use crate::installed::prepared_on;

const STATES: [(&str, &str); 2] = [("block-scale-up", "opex-heals-scale-up"), ("block", "opex-heals-block")];

/// What is scaled, and its ceiling: what it had when the gate closed. The last one an autoscaler scales as well.
const SCALED: [(&str, &str, u32); 5] = [
    ("deployments.apps", "web", 3),
    ("statefulsets.apps", "data", 2),
    ("replicasets.apps", "bare", 2),
    ("replicationcontrollers", "old", 2),
    ("deployments.apps", "busy", 3),
];

/// What rolls out.
const ROLLED: [&str; 3] = ["deploy/web", "sts/data", "ds/agent"];

/// How long what was lost may take to be back: a lost node's Pods are waited for.
const RECOVERY: Duration = Duration::from_mins(4);

/// A sequence of numbers that look random (Knuth's MMIX).
struct Dice(u64);

/// What happens to a namespace.
struct Life<'a> {
    ground: &'a Ground<'a>,
    dice: Dice,
    drained: Option<String>,
    happened: Vec<String>,
}

#[test]
#[expect(clippy::disallowed_methods, reason = "any number will do")]
fn whatever_happens_heals() {
    if needs_own_cluster() {
        return;
    }
    let length = if env::var_os("SOAK").is_some() { Duration::from_mins(5) } else { Duration::from_secs(45) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = env::var("SEED").map_or(now, |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let cluster = prepared_on(&Options::new("healing").nodes(4).metrics(), &[]);
    let grounds = STATES.map(|(state, namespace)| closed(&cluster, state, namespace));
    let began = grounds[0].now();
    thread::scope(|scope| {
        for (index, ground) in (0..).zip(&grounds) {
            scope.spawn(move || live(ground, Dice(seed + index), length));
        }
    });
    for ground in &grounds {
        all_runs(ground);
        let ran = || ground.field("cronjob/minutely", ".status.lastSuccessfulTime");
        wait_for("a run of the CronJob", RECOVERY, || ran().parse::<jiff::Timestamp>().is_ok_and(|t| t > began))
            .unwrap();
        ground.settle_within(RECOVERY, "job/batch", ".status.succeeded", "4");
    }
    only_growth_was_denied(&cluster);
}

/// A namespace in which all runs, and whose gate is closed.
fn closed<'a>(cluster: &'a Cluster, state: &str, namespace: &'a str) -> Ground<'a> {
    let ground = Ground::on(cluster, namespace, &[include_str!("healing.yaml").to_owned()]);
    all_runs(&ground);
    let measured = r#".status.conditions[?(@.type=="ScalingActive")].status"#;
    ground.settle_within(RECOVERY, "hpa/busy", measured, "True");
    let ceilings: Vec<_> = SCALED.iter().map(|(kind, name, most)| format!("{kind}/{name}={most}")).collect();
    ground.gate(state, Some(&ceilings.join(" ")));
    ground
}

fn live(ground: &Ground<'_>, dice: Dice, length: Duration) {
    let mut life = Life { ground, dice, drained: None, happened: Vec::new() };
    let begun = Instant::now();
    while begun.elapsed() < length {
        life.goes_on();
    }
    life.ends();
    println!("{}: {}", life.ground.namespace, life.happened.join(", "));
}

/// As many Pods are ready as each spec says, of what it says now.
fn all_runs(ground: &Ground<'_>) {
    for (kind, name, _) in SCALED {
        let object = format!("{kind}/{name}");
        let is = |object: &Value, path: &str| object.pointer(path).and_then(Value::as_u64).unwrap_or_default();
        wait_for(&format!("{object} of {} to run", ground.namespace), RECOVERY, || {
            let object = ground.kubectl(&format!("get {object} -ojson")).json().unwrap();
            let observed = is(&object, "/metadata/generation") == is(&object, "/status/observedGeneration");
            let rolls = object["spec"]["template"].is_object()
                && kind != "replicasets.apps"
                && kind != "replicationcontrollers";
            let wanted = is(&object, "/spec/replicas");
            observed
                && is(&object, "/status/readyReplicas") == wanted
                && (!rolls || is(&object, "/status/updatedReplicas") == wanted)
        })
        .unwrap_or_else(|error| panic!("{error:#}\n{}", ground.kubectl(&format!("describe {object}"))));
    }
    // What its status counts may be of before a node came back.
    let sorted = |command: &str| {
        let mut names: Vec<_> = ground.kubectl(command).expect().split_whitespace().map(str::to_owned).collect();
        names.sort();
        names
    };
    wait_for(&format!("an agent of {} on each node", ground.namespace), RECOVERY, || {
        sorted("get pods -l app=agent --field-selector=status.phase=Running -ojsonpath={.items[*].spec.nodeName}")
            == sorted("get nodes -ojsonpath={.items[*].metadata.name}")
    })
    .unwrap();
}

/// The controllers' own words, and the events about what they could not do.
fn only_growth_was_denied(cluster: &Cluster) {
    let is_growth = |line: &str| line.contains("scale-up of deployments/busy to ");
    let log = cluster.log(Component::ControllerManager);
    let denied: Vec<_> = log.lines().filter(|line| line.contains("ValidatingAdmissionPolicy 'opex-")).collect();
    let wrong: Vec<_> = denied.iter().filter(|line| !is_growth(line)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let events =
        cluster.kubectl(["get", "events", "-A", "-ojsonpath={range .items[*]}{.message}{.note}{\"\\n\"}{end}"]);
    let wrong: Vec<_> =
        events.expect().lines().filter(|line| line.contains("'opex-") && !is_growth(line)).map(str::to_owned).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

// === impl Dice ===

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

// === impl Life ===

impl Life<'_> {
    fn goes_on(&mut self) {
        match self.dice.roll(9) {
            0 => self.loses_a_pod("delete"),
            1 => self.loses_a_pod("evict"),
            2 => self.loses_a_node(),
            3 => self.drains_a_node(),
            4 => self.rolls_out(),
            5 => self.sleeps_and_wakes(),
            6 => self.uses(),
            7 => self.runs_once(),
            _ => self.asks_for_growth(),
        }
    }

    /// Does what must be admitted.
    fn does(&mut self, command: &str) {
        self.ground.kubectl(command).expect();
        self.happened.push(command.to_owned());
    }

    /// The same, unless there is nothing to do, in these words.
    fn tries(&mut self, command: &str, nothing: &[&str]) {
        let tried = self.ground.kubectl(command);
        assert!(tried.status.success() || nothing.iter().any(|words| tried.stderr.contains(words)), "{tried}");
        self.happened.push(command.to_owned());
    }

    fn pick(&mut self, what: &str) -> Option<String> {
        let found = self.ground.kubectl(&format!("get {what} -oname")).expect();
        let found: Vec<_> = found.lines().collect();
        (!found.is_empty()).then(|| found[self.dice.roll(found.len())].to_owned())
    }

    fn loses_a_pod(&mut self, how: &str) {
        let Some(pod) = self.pick("pods") else { return };
        if how == "delete" {
            return self.does(&format!("delete {pod} --wait=false --ignore-not-found"));
        }
        let name = pod.trim_start_matches("pod/");
        let evicted = self.ground.evict(name);
        assert!(evicted.status.success() || evicted.stderr.contains("NotFound"), "{evicted}");
        self.happened.push(format!("evict {pod}"));
    }

    /// One at a time: the other namespace may be at it.
    fn loses_a_node(&mut self) {
        self.does("delete node node-3 --ignore-not-found --wait=false");
        self.comes_back();
    }

    fn comes_back(&self) {
        let back = || self.ground.cluster.nodes(4).is_ok();
        wait_for("the node", RECOVERY, back).unwrap();
    }

    fn drains_a_node(&mut self) {
        if let Some(drained) = self.drained.take() {
            return self.does(&format!("uncordon {drained}"));
        }
        let node = format!("node-{}", self.dice.roll(2));
        self.does(&format!("drain {node} --ignore-daemonsets --force --pod-selector=app --timeout=120s"));
        self.drained = Some(node);
    }

    fn rolls_out(&mut self) {
        let what = ROLLED[self.dice.roll(ROLLED.len())];
        match self.dice.roll(3) {
            0 => self.tries(&format!("rollout restart {what}"), &["within the past second"]),
            1 => {
                let image = self.dice.roll(1000);
                self.does(&format!("set image {what} c=busybox:{image}"));
            }
            _ => self.tries(&format!("rollout undo {what}"), &["no rollout history", "no last revision"]),
        }
    }

    fn sleeps_and_wakes(&mut self) {
        let (kind, name, most) = SCALED[self.dice.roll(SCALED.len())];
        self.does(&format!("scale {kind}/{name} --replicas=0"));
        self.does(&format!("scale {kind}/{name} --replicas={most}"));
    }

    /// What its Pods use makes an autoscaler go down, up to the ceiling, or ask for more and be refused.
    fn uses(&mut self) {
        let cpu = ["1m", "10m"][self.dice.roll(2)];
        // One of them may go meanwhile.
        let command = format!("annotate pods -l app=busy --overwrite kwok.x-k8s.io/usage-cpu={cpu}");
        self.tries(&command, &["NotFound"]);
    }

    fn runs_once(&mut self) {
        let name = self.happened.len();
        self.does(&format!("create job by-hand-{name} --from=cronjob/minutely"));
    }

    fn asks_for_growth(&mut self) {
        let (kind, name, most) = SCALED[self.dice.roll(SCALED.len() - 1)];
        let refused = self.ground.kubectl(&format!("scale {kind}/{name} --replicas={}", most + 1)).expect_refused();
        assert!(refused.contains("(Forbidden)") && refused.contains("'opex-scale-gate'"), "{refused}");
        self.happened.push(format!("refused: more of {kind}/{name}"));
    }

    fn ends(&mut self) {
        if let Some(drained) = self.drained.take() {
            self.does(&format!("uncordon {drained}"));
        }
        self.comes_back();
    }
}
