//! Waiting for a condition: the tests' only clock.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// Between two looks: short at first, then a quarter of what was waited, for each look costs a process or a request.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_millis(500);

/// Polls until `condition` holds; an error after `timeout` says what it waited for.
pub fn wait_for(what: &str, timeout: Duration, mut condition: impl FnMut() -> bool) -> Result<()> {
    wait_until(what, timeout, || condition().then_some(()).ok_or_else(|| anyhow!("not so yet")))
}

/// Polls until `attempt` succeeds and returns its value; an error after `timeout` says what it
/// waited for and why the last attempt failed.
pub fn wait_until<T>(what: &str, timeout: Duration, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if started.elapsed() >= timeout => {
                return Err(error.context(format!("waited {timeout:?} for {what}")));
            }
            Err(_) => thread::sleep((started.elapsed() / 4).clamp(SHORTEST, LONGEST)),
        }
    }
}
