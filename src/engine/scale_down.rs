//! Which workloads of a namespace are scaled down, from what to what, and what of it is put back.
//!
//! What each of them had before is put down in a [`Record`] first, by its UID, and then it is changed. One rule serves
//! the way down and the way back: a value is changed where it is the one that the operator set, or was about to replace.
//! Any other is someone's, and stays; so does a workload that was made anew.

mod record;
mod workload;

pub use record::{Entry, Record};
pub use workload::{Kind, Workload};

use workload::Floor;

/// Where every workload runs as it did before.
const RESTORED: Option<i64> = None;

/// What is to be done, in this order: the record is written, then the steps are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub record: Record,
    pub steps: Vec<Step>,
    pub left: Vec<Left>,
    /// Bytes that the record may still grow by.
    room: usize,
}

/// One change of one workload, bound to the version that it was decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub kind: Kind,
    pub name: String,
    pub uid: String,
    pub version: String,
    pub from: i64,
    pub to: i64,
    /// Of a ScaledObject, what its annotation is to be.
    pub paused: Option<String>,
}

/// A workload that is not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// `Deployment/web`
    pub workload: String,
    pub why: Why,
}

/// Why that is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its controller decides how many there are, and would put it back.
    Owned(String),
    /// It is not what the operator set.
    Changed { value: i64, set: i64 },
    /// Its annotation is no floor.
    Unreadable(String),
    /// What was put down of it was changed by hand, and cannot be read.
    Unrecorded,
    /// There is no place to put down what it is.
    Full,
}

// === impl Plan ===

impl Plan {
    /// What of the workloads found is to be scaled down to `floor`, or without one put back.
    pub fn of(record: &Record, found: &[Workload], floor: Option<i64>) -> Self {
        let mut plan = Self { record: record.clone(), room: record.room(), ..Self::default() };
        let mut found: Vec<_> = found.iter().collect();
        found.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        if floor == RESTORED {
            found.reverse();
            plan.record.entries.retain(|uid, _| found.iter().any(|workload| workload.uid == *uid));
        }
        for workload in found {
            if record.unread.contains_key(&workload.uid) {
                plan.leave(workload, Why::Unrecorded);
            } else if let Some(entry) = record.entries.get(&workload.uid) {
                plan.follow(workload, entry, floor);
            } else if let Some(floor) = floor {
                plan.take(workload, floor);
            }
        }
        plan
    }

    /// A workload of which it is written down what it was.
    fn follow(&mut self, workload: &Workload, entry: &Entry, floor: Option<i64>) {
        let lowest = floor.map_or(i64::MAX, |floor| workload.lowest(floor));
        let (value, target) = (workload.value, entry.was.min(lowest));
        let is_ours = value == entry.set || value == entry.from;
        if is_ours && value != target {
            self.step(workload, target, entry.paused.clone());
        }
        let is_back = floor == RESTORED && (!is_ours || value == target);
        if is_back {
            self.record.entries.remove(&workload.uid);
        } else if is_ours {
            self.put(workload, Entry { from: value, set: target, ..entry.clone() });
        }
        if !is_ours && value != target {
            self.leave(workload, Why::Changed { value, set: entry.set });
        }
    }

    /// A workload that was left alone so far.
    fn take(&mut self, workload: &Workload, floor: i64) {
        let (value, target) = (workload.value, workload.lowest(floor));
        let entry = Entry {
            kind: workload.kind,
            name: workload.name.clone(),
            was: value,
            from: value,
            set: target,
            paused: workload.paused.clone(),
        };
        match (&workload.owner, workload.own_floor()) {
            (_, Floor::Unreadable(text)) if value > 0 => self.leave(workload, Why::Unreadable(text)),
            _ if value <= target => {}
            (Some(owner), _) => self.leave(workload, Why::Owned(owner.clone())),
            _ if entry.bytes() > self.room => self.leave(workload, Why::Full),
            _ => {
                self.room -= entry.bytes();
                self.put(workload, entry);
                self.step(workload, target, None);
            }
        }
    }

    fn put(&mut self, workload: &Workload, entry: Entry) {
        self.record.entries.insert(workload.uid.clone(), entry);
    }

    fn step(&mut self, workload: &Workload, to: i64, paused: Option<String>) {
        let Workload { kind, name, uid, version, value, .. } = workload.clone();
        self.steps.push(Step { kind, name, uid, version, from: value, to, paused });
    }

    fn leave(&mut self, workload: &Workload, why: Why) {
        self.left.push(Left { workload: workload.to_string(), why });
    }
}

// === impl Step ===

impl Step {
    /// Takes note in the record that it was taken.
    pub fn settle(&self, record: &mut Record, floor: Option<i64>) {
        match (record.entries.get_mut(&self.uid), floor) {
            (Some(entry), Some(_)) => entry.from = entry.set,
            _ => drop(record.entries.remove(&self.uid)),
        }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, name, from, to, .. } = self;
        match (kind, *to) {
            (Kind::CronJobs, 0) => write!(f, "{}/{name} suspended", kind.singular()),
            (Kind::ScaledObjects, 0) => write!(f, "{}/{name} paused", kind.singular()),
            (Kind::CronJobs | Kind::ScaledObjects, _) => write!(f, "{}/{name} resumed", kind.singular()),
            _ => write!(f, "{}/{name} from {from} to {to}", kind.singular()),
        }
    }
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { workload, why } = self;
        match why {
            Why::Owned(owner) => write!(f, "{workload}: {owner} decides"),
            Why::Changed { value, set } => write!(f, "{workload}: was set to {set}, and is {value}"),
            Why::Unreadable(text) => write!(f, "{workload}: opex.dev/floor {text:?} is neither a number nor keep"),
            Why::Unrecorded => write!(f, "{workload}: what is recorded of it cannot be read"),
            Why::Full => write!(f, "{workload}: the record of the namespace is full"),
        }
    }
}

#[cfg(test)]
mod tests;
