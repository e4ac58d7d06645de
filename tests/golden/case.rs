//! One case: how it is written, and how it is run.

use std::path::Path;

use jiff::Timestamp;
use opex_operator::replay::trace::Trace;
use opex_operator::replay::{Options, Replay, manifest};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::reference::{Change, Event, Input};
use crate::shorthand::Objects;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The rule or vector that it holds the engine to.
    pub rule: String,
    /// What happens, and what follows from it.
    pub says: String,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Objects that exist from `from` on, as with `-f`.
    #[serde(default)]
    given: Vec<Value>,
    /// The same as the text of a file.
    manifest: Option<String>,
    /// `{at, added|modified|deleted: OBJECT, lastSeen, recording}`, or `{at, recording, listed: v1/Pod}`, or a line as text; with `every` and `until` again and again.
    #[serde(default)]
    trace: Vec<Value>,
    pub expect: Expect,
    /// Why the reference does not know this, if it does not.
    pub no_reference: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// By `NAMESPACE/NAME`: all that there are.
    pub statements: Option<serde_json::Map<String, Value>>,
    #[serde(default)]
    pub budgets: serde_json::Map<String, Value>,
    #[serde(default, rename = "clusterBudgets")]
    pub cluster_budgets: serde_json::Map<String, Value>,
    /// What was wrong and did not stop the rest, and what is doubtful: `CLASS ABOUT: MESSAGE`, or a part of it.
    #[serde(default)]
    pub troubles: Vec<String>,
    /// Why nothing is printed.
    pub error: Option<String>,
}

/// What came of a case.
pub struct Outcome {
    pub report: Result<Value, String>,
    pub troubles: Vec<String>,
    pub input: Option<Input>,
}

// === impl Case ===

impl Case {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a file");
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn run(&self, name: &str) -> Outcome {
        let mut objects = Objects::new(self.from);
        let given: Vec<_> = self.given.iter().map(|object| objects.given(object)).collect();
        let lines: Vec<_> = self.trace.iter().flat_map(repeated).map(|line| written(&line, &mut objects)).collect();
        let input = self.input(&given, &lines);
        let text: String =
            lines.iter().map(|line| line.as_str().map_or_else(|| line.to_string(), ToOwned::to_owned) + "\n").collect();
        let manifest = self
            .manifest
            .clone()
            .unwrap_or_else(|| given.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        let mut troubles = Vec::new();
        let report = self.replay(name, &manifest, &text, &mut troubles);
        Outcome { report, troubles, input }
    }

    fn replay(&self, name: &str, manifest: &str, trace: &str, troubles: &mut Vec<String>) -> Result<Value, String> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("golden-{}", name.replace('/', "-")));
        std::fs::write(&path, manifest).expect("a writable directory");
        let manifests = manifest::read(&path).map_err(|error| error.to_string())?;
        let options =
            Options { from: self.from, to: self.to, namespace: "opex-system".to_owned(), cluster: "golden".to_owned() };
        let replayed = Replay::new(options, manifests).run(&mut Trace::new(trace.as_bytes()));
        let report = replayed.map_err(|error| error.to_string())?;
        troubles.extend(report.troubles.told.iter().map(|one| format!("{} {}: {}", one.class, one.about, one.message)));
        troubles
            .extend(report.notes().filter(|note| note.starts_with("PricePlan ") || note.contains("plannedLimits[")));
        Ok(serde_json::to_value(&report).expect("JSON"))
    }

    fn input(&self, given: &[Value], lines: &[Value]) -> Option<Input> {
        if self.no_reference.is_some() || self.expect.error.is_some() || self.manifest.is_some() {
            return None;
        }
        let trace = lines.iter().map(event).collect();
        Some(Input { from: self.from.as_second(), to: self.to.as_second(), given: given.to_vec(), trace })
    }
}

// === impl Outcome ===

impl Outcome {
    pub fn shown(&self) -> String {
        let report = match &self.report {
            Ok(report) => serde_json::to_string_pretty(report).expect("JSON"),
            Err(error) => error.clone(),
        };
        format!("{report}\ntroubles: {:#?}", self.troubles)
    }
}

/// The line, and with `every` so many seconds the same again before `until`.
fn repeated(line: &Value) -> Vec<Value> {
    let instant = |name: &str| line[name].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let Some(seconds) = line["every"].as_u64() else { return vec![line.clone()] };
    let (from, until) = (instant("at").expect("at"), instant("until").expect("until"));
    let again = |at: Timestamp| {
        let mut line = line.clone();
        line["at"] = json!(at);
        line
    };
    from.series(jiff::Span::new().seconds(i64::try_from(seconds).expect("few")))
        .take_while(|at| *at < until)
        .map(again)
        .collect()
}

/// A line of the trace: JSON, or text that is no JSON.
fn written(line: &Value, objects: &mut Objects) -> Value {
    if line.is_string() {
        return line.clone();
    }
    let at = &line["at"];
    if let Some((api_version, kind)) = line["listed"].as_str().and_then(|listed| listed.rsplit_once('/')) {
        let list = json!({"apiVersion": api_version, "kind": format!("{kind}List"), "metadata": {}});
        return json!({"at": at, "type": "ADDED", "recording": line["recording"], "object": list});
    }
    for change in ["added", "modified", "deleted"] {
        let short = &line[change];
        if short.is_object() {
            let object = objects.version(change, short, at);
            let mut event = json!({"at": at, "type": change.to_uppercase(), "object": object});
            for more in ["lastSeen", "recording"] {
                if !line[more].is_null() {
                    event[more] = line[more].clone();
                }
            }
            return event;
        }
    }
    panic!("neither added nor modified nor deleted: {line}")
}

fn event(line: &Value) -> Event {
    let second =
        |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok()).map(Timestamp::as_second);
    let change = match line["type"].as_str() {
        Some("ADDED") => Change::Added,
        Some("MODIFIED") => Change::Modified,
        _ => Change::Deleted,
    };
    let at = second(&line["at"]).unwrap_or_else(|| panic!("at: {line}"));
    Event { at, change, last_seen: second(&line["lastSeen"]), object: line["object"].clone() }
}
