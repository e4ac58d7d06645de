//! Kinds of objects that only a plan knows: each known by a small number, so that it costs no more than a kind of ours.
//!
//! Numbers are given out as kinds are met, for the life of the process; nothing depends on their order.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use super::identity::qualified;

/// A kind with its API group.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(u16);

/// What is known of each; a few, for good.
static KNOWN: RwLock<Vec<&'static str>> = RwLock::new(Vec::new());

// === impl Kind ===

impl Kind {
    /// The kind of a group, which is empty for the core; none where there are more than anybody could bill.
    pub fn of(group: &str, kind: &str) -> Option<Self> {
        let version = if group.is_empty() { String::new() } else { format!("{group}/") };
        Self::named(&qualified(&version, kind))
    }

    /// The kind that is written so: `Instance.rds.aws.upbound.io`, `ConfigMap`.
    pub fn named(name: &str) -> Option<Self> {
        let number = |known: &[&str]| known.iter().position(|one| *one == name);
        let known = number(&KNOWN.read().unwrap_or_else(PoisonError::into_inner));
        let number = known.or_else(|| {
            let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
            number(&known).or_else(|| {
                known.push(Box::leak(name.to_owned().into_boxed_str()));
                Some(known.len() - 1)
            })
        });
        number.and_then(|number| u16::try_from(number).ok()).map(Self)
    }

    /// As it is written, with its group.
    pub fn name(self) -> &'static str {
        KNOWN.read().unwrap_or_else(PoisonError::into_inner)[usize::from(self.0)]
    }

    /// Group and kind.
    pub fn parts(self) -> (&'static str, &'static str) {
        let (kind, group) = self.name().split_once('.').unwrap_or((self.name(), ""));
        (group, kind)
    }

    /// The resource's name as Kubernetes guesses it from a kind (`meta.UnsafeGuessKindToResource`).
    pub fn plural(self) -> String {
        let singular = self.parts().1.to_lowercase();
        match singular.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None if singular.ends_with('s') => format!("{singular}es"),
            None => format!("{singular}s"),
        }
    }
}

/// By name, whatever the numbers.
impl Ord for Kind {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        if self == other { std::cmp::Ordering::Equal } else { self.name().cmp(other.name()) }
    }
}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kind_is_one_number() {
        let instance = Kind::of("rds.aws.upbound.io", "Instance").unwrap();
        assert_eq!(instance.name(), "Instance.rds.aws.upbound.io");
        assert_eq!(instance.parts(), ("rds.aws.upbound.io", "Instance"));
        assert_eq!(Kind::named("Instance.rds.aws.upbound.io"), Some(instance));
        let core = Kind::of("", "ConfigMap").unwrap();
        assert_eq!((core.name(), core.parts()), ("ConfigMap", ("", "ConfigMap")));
        assert!(core < instance && core != instance);
        let plurals = ["Rollout", "Policy", "Redis"].map(|kind| Kind::of("example.com", kind).unwrap().plural());
        assert_eq!(plurals, ["rollouts", "policies", "redises"]);
    }
}
