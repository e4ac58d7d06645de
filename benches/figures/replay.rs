//! `kubectl opex replay` over a trace of rollouts and cron jobs, piped in; and over one four times as long.

use std::fmt::{Display, Write as _};
use std::hint::black_box;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use serde::de::IgnoredAny;
use serde_json::json;

use super::cluster::{BEGIN, cluster_budget, plan, time};
use super::measure::{self, cpu_of_children, least, peak_of};
use super::table::{Figure, Target};
use super::template::Template;

/// Pod events of the shorter trace.
const EVENTS: u64 = 125_000;
/// Pods at a time. Half of them belong to Deployments, half to Jobs of CronJobs.
const LANES: u64 = 2000;
/// Lanes of one Deployment or CronJob.
const WIDTH: u64 = 10;
/// Pending, bound, running, finished or being deleted, gone.
const LIFE: u64 = 5;
/// Lives between two rollouts of a Deployment.
const ROLLOUT: u64 = 4;
const NAMESPACES: u64 = 100;
const EVENTS_PER_SECOND: u64 = 2;

/// What a replay took.
struct Replayed {
    cpu: Duration,
    peak: u64,
}

/// Writes a trace.
struct Writer {
    pod: Template,
    version: u64,
    line: String,
}

/// The Pod that lives in a lane.
struct LanePod {
    lane: u64,
    life: u64,
    born: i64,
}

pub fn figures() -> Vec<Figure> {
    let (short, long) = (replay(EVENTS), replay(4 * EVENTS));
    let rate = (4 * EVENTS) as f64 / long.cpu.as_secs_f64();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    vec![
        Figure {
            what: "replay: Pod events a second and core",
            floor: Some(scanned()),
            measured: rate,
            unit: "/s",
            target: Target::AtLeast(80_000.0),
        },
        Figure {
            what: "replay: resident, 4 times the length (floor: once)",
            floor: Some(megabytes(short.peak)),
            measured: megabytes(long.peak),
            unit: "MB",
            target: Target::AtMost(1.1 * megabytes(short.peak)),
        },
    ]
}

fn replay(events: u64) -> Replayed {
    let before = cpu_of_children();
    let seconds = (events / EVENTS_PER_SECOND + 1).cast_signed();
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-opex"))
        .args(["replay", "--from", &time(BEGIN), "--to", &time(BEGIN + seconds), "-f"])
        .arg(manifests())
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("start kubectl-opex");
    let pid = child.id();
    let watch = thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = peak_of(pid) {
            peak = now;
            thread::sleep(Duration::from_millis(10));
        }
        peak
    });
    let mut stdin = BufWriter::with_capacity(1 << 20, child.stdin.take().expect("piped"));
    Writer::default().write(events, &mut stdin).expect("write the trace");
    drop(stdin);
    assert!(child.wait().expect("wait for kubectl-opex").success(), "the replay failed");
    let peak = watch.join().expect("watch its memory");
    Replayed { cpu: cpu_of_children().saturating_sub(before), peak }
}

/// Lines of a trace a second, where they are read as JSON and nothing is kept.
fn scanned() -> f64 {
    let mut trace = Vec::new();
    Writer::default().write(LANES * LIFE, &mut trace).expect("memory");
    let trace = String::from_utf8(trace).expect("JSON");
    let scan = least(5, || {
        measure::time(|| {
            for line in trace.lines() {
                black_box(serde_json::from_str::<IgnoredAny>(line)).expect("JSON");
            }
        })
    });
    trace.lines().count() as f64 / scan.as_secs_f64()
}

/// A plan, a budget for everything and one for each namespace, as a file.
fn manifests() -> PathBuf {
    let own = |n| {
        let mut budget = cluster_budget("team");
        budget["kind"] = json!("Budget");
        budget["metadata"] = json!({"name": "team", "namespace": format!("team-{n}")});
        budget
    };
    let mut items = vec![plan("0.031611", 1), cluster_budget("everything")];
    items.extend((0..NAMESPACES).map(own));
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("replay-manifests.json");
    fs::write(&path, json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()).expect("write manifests");
    path
}

// === impl Writer ===

impl Default for Writer {
    fn default() -> Self {
        Self { pod: Template::new(include_str!("pod.json")), version: 1000, line: String::new() }
    }
}

impl Writer {
    /// So many Pod events, in the order of lanes; their owners come before them and go after them.
    fn write(&mut self, events: u64, out: &mut impl Write) -> io::Result<()> {
        for n in 0..NAMESPACES {
            let metadata = json!({"name": format!("team-{n}"), "uid": format!("namespace-{n}")});
            self.event("ADDED", BEGIN, |line| {
                *line += &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}).to_string();
            });
        }
        for event in 0..events {
            let at = BEGIN + (event / EVENTS_PER_SECOND).cast_signed();
            let (lane, cycle) = (event % LANES, event / LANES);
            let (life, step) = (cycle / LIFE, cycle % LIFE);
            let pod = LanePod { lane, life, born: at - (step * LANES / EVENTS_PER_SECOND).cast_signed() };
            if step == 0 && pod.brings_owner() {
                self.owner("ADDED", &pod, at);
            }
            self.pod_event(&pod, step, at);
            if step == LIFE - 1 && pod.is_job() {
                self.owner("DELETED", &pod, at);
            }
            if self.line.len() > 1 << 16 {
                out.write_all(self.line.as_bytes())?;
                self.line.clear();
            }
        }
        out.write_all(self.line.as_bytes())?;
        self.line.clear();
        out.flush()
    }

    fn pod_event(&mut self, pod: &LanePod, step: u64, at: i64) {
        let change = ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"][step as usize];
        let finished = step >= 3 && pod.is_job();
        let template = std::mem::take(&mut self.pod);
        let version = self.version;
        self.event(change, at, |line| {
            let values: [(&str, &dyn Display); 14] = [
                ("NAMESPACE", &pod.namespace()),
                ("WORKLOAD", &pod.workload()),
                ("HASH", &pod.hash()),
                ("POD", &format_args!("{:05x}", pod.life)),
                ("UID", &format_args!("00000001-0000-4000-8000-{:06x}{:06x}", pod.lane, pod.life)),
                ("VERSION", &version),
                ("NODE", &if step == 0 { String::new() } else { format!("node-{}", pod.lane % 50) }),
                ("OWNERAPI", &if pod.is_job() { "batch/v1" } else { "apps/v1" }),
                ("OWNERKIND", &if pod.is_job() { "Job" } else { "ReplicaSet" }),
                ("OWNERUID", &pod.owner_uid()),
                (
                    "PHASE",
                    &if finished {
                        "Succeeded"
                    } else {
                        ["Pending", "Pending", "Running", "Running", "Running"][step as usize]
                    },
                ),
                ("STATE", &if finished { "terminated" } else { "running" }),
                ("CREATED", &time(pod.born)),
                ("FINISHED", &time(at)),
            ];
            template.fill(&values, line);
        });
        self.pod = template;
    }

    fn owner(&mut self, change: &str, pod: &LanePod, at: i64) {
        let (api, kind, top_api, top) = if pod.is_job() {
            ("batch/v1", "Job", "batch/v1", "CronJob")
        } else {
            ("apps/v1", "ReplicaSet", "apps/v1", "Deployment")
        };
        let object = json!({
            "apiVersion": api, "kind": kind,
            "metadata": {
                "name": format!("{}-{}", pod.workload(), pod.hash()), "namespace": pod.namespace(), "uid": pod.owner_uid(),
                "creationTimestamp": time(pod.born),
                "ownerReferences": [
                    {"apiVersion": top_api, "kind": top, "name": pod.workload(), "uid": pod.workload(), "controller": true},
                ],
            },
            "spec": {"replicas": WIDTH},
        });
        self.event(change, at, |line| *line += &object.to_string());
    }

    fn event(&mut self, change: &str, at: i64, object: impl FnOnce(&mut String)) {
        self.version += 1;
        write!(self.line, r#"{{"at":"{}","type":"{change}","object":"#, time(at)).expect("a string takes everything");
        object(&mut self.line);
        self.line += "}\n";
    }
}

// === impl LanePod ===

impl LanePod {
    fn is_job(&self) -> bool {
        self.lane / WIDTH % 2 == 1
    }

    fn brings_owner(&self) -> bool {
        self.is_job() || (self.lane.is_multiple_of(WIDTH) && self.life.is_multiple_of(ROLLOUT))
    }

    fn namespace(&self) -> String {
        format!("team-{}", self.lane / WIDTH % NAMESPACES)
    }

    fn workload(&self) -> String {
        format!("{}-{}", if self.is_job() { "report" } else { "service" }, self.lane / WIDTH)
    }

    /// Of a Deployment's ReplicaSet, or a number of the Job.
    fn hash(&self) -> String {
        if self.is_job() {
            format!("{:03x}{:05x}", self.lane, self.life)
        } else {
            format!("{:08x}", self.life / ROLLOUT)
        }
    }

    fn owner_uid(&self) -> String {
        let (lane, life) =
            if self.is_job() { (self.lane, self.life) } else { (self.lane / WIDTH, self.life / ROLLOUT) };
        format!("00000002-{:04x}-4000-8000-{lane:06x}{life:06x}", u16::from(self.is_job()))
    }
}
