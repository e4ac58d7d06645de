//! The ends of logs: what a failure shows, because the files go with the cluster.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::{Cluster, Component};

/// Lines of a program under test.
pub(crate) const MANY: usize = 40;
/// Lines of each of several programs.
const FEW: usize = 5;

impl Cluster {
    /// What a component has written so far.
    pub fn log(&self, component: Component) -> String {
        let file = format!("{}.log", component.name());
        read(&self.control_plane_dir().join("logs").join(file))
    }

    /// The last lines of all components.
    pub(crate) fn component_tails(&self) -> String {
        let mut tails = String::new();
        for component in Component::ALL {
            let log = self.log(component);
            let _ = write!(tails, "\n{}:\n{}", component.name(), tail(&log, FEW));
        }
        tails
    }
}

/// A log, empty when there is none.
pub(crate) fn read(file: &Path) -> String {
    let bytes = fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The last lines.
pub(crate) fn tail(log: &str, lines: usize) -> String {
    let all: Vec<_> = log.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
