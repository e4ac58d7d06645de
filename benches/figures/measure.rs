//! Time and memory of a piece of work, and of another process.

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

/// The least time of `runs`: what others on this machine add is no part of it.
pub fn least(runs: usize, mut work: impl FnMut() -> Duration) -> Duration {
    (0..runs).map(|_| work()).min().expect("a run at least")
}

/// How long this takes. What takes many turns of the scheduler is measured by the CPU time of this thread.
pub fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let (start, cpu) = (Instant::now(), cpu());
    black_box(work());
    let wall = start.elapsed();
    if wall < Duration::from_millis(50) { wall } else { self::cpu().saturating_sub(cpu) }
}

/// CPU time of this thread, up to its last turn.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(text.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number"))
}

/// Nanoseconds for each of `n`.
pub fn each(all: Duration, n: u64) -> f64 {
    all.as_nanos() as f64 / n as f64
}

pub fn millis(all: Duration) -> f64 {
    all.as_secs_f64() * 1e3
}

/// Resident bytes of this process: now, and at most so far.
pub fn resident() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    (field(&status, "VmRSS:"), field(&status, "VmHWM:"))
}

/// The most resident bytes of another process so far; none once it is gone.
pub fn peak_of(pid: u32) -> Option<u64> {
    std::fs::read_to_string(format!("/proc/{pid}/status"))
        .ok()
        .map(|status| field(&status, "VmHWM:"))
        .filter(|b| *b > 0)
}

/// CPU time of the children that this process has waited for.
pub fn cpu_of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit_once(')').expect("pid (name) …").1;
    let ticks = |n: usize| after_name.split_whitespace().nth(n).and_then(|t| t.parse::<u64>().ok()).expect("a number");
    // Fields 16 and 17, in hundredths of a second.
    Duration::from_millis((ticks(13) + ticks(14)) * 10)
}

/// Runs one measurement in a process of its own, and returns the numbers it prints.
pub fn apart(what: &str) -> Vec<u64> {
    let own = std::env::current_exe().expect("this binary");
    let output = Command::new(own).args(["--apart", what]).output().expect("run itself");
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace().map(|number| number.parse().expect("a number")).collect()
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or_default() * 1024
}
