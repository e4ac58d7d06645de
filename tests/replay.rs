//! `kubectl opex replay` as a program: compressed traces, memory that does not grow with the trace, a bar on a terminal.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{fs, thread};

use jiff::Timestamp;

const PLUGIN: &str = env!("CARGO_BIN_EXE_kubectl-opex");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const FROM: &str = "2026-11-01T00:00:00Z";
const TO: &str = "2026-11-04T00:00:00Z";

/// The trace of docs/cost-model.md, in each form that it may be kept in.
fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let plain = fs::read(Path::new(ROOT).join("docs/cost-model/trace.jsonl")).unwrap();
    vec![("jsonl", plain.clone()), ("gz", gzip(&plain)), ("zst", zstd(&plain))]
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 0).unwrap()
}

/// A file of this test, under a name that says nothing of what is in it.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replay-{name}"));
    fs::write(&path, bytes).unwrap();
    path
}

fn replay(trace: &Path) -> Command {
    let mut command = Command::new(PLUGIN);
    command.args(["replay", "--from", FROM, "--to", TO, "-f"]);
    command.arg(Path::new(ROOT).join("docs/cost-model/prices.yaml")).arg(trace);
    command
}

/// Runs it with something on its standard input.
fn fed(mut command: Command, input: Vec<u8>) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start the plugin");
    let mut stdin = child.stdin.take().unwrap();
    let feeder = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    // What fails early reads no further.
    let _ = feeder.join().unwrap();
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_compressed_trace_is_a_trace() {
    for (form, bytes) in forms() {
        let path = file(&format!("form-{form}"), &bytes);
        let printed = replay(&path).output().unwrap();
        assert!(text(&printed.stdout).contains("1.1445046849  EUR"), "{form}: {printed:?}");
        assert_eq!(text(&printed.stderr), "", "{form}");
        assert_eq!(fed(replay(Path::new("-")), bytes).stdout, printed.stdout, "{form} from standard input");
    }
}

#[test]
fn what_is_wrong_is_told_with_the_number_of_its_line() {
    let broken = fs::read(Path::new(ROOT).join("tests/cli/broken.jsonl")).unwrap();
    for (form, bytes) in [("gz", gzip(&broken)), ("zst", zstd(&broken))] {
        let path = file(&format!("broken-{form}"), &bytes);
        let output = replay(&path).output().unwrap();
        assert!(!output.status.success());
        assert!(text(&output.stderr).contains("line 3: EOF while parsing an object"), "{form}: {output:?}");
    }
    for (form, bytes) in forms().split_off(1) {
        let path = file(&format!("cut-{form}"), &bytes[..bytes.len() - 4]);
        let output = replay(&path).output().unwrap();
        assert!(!output.status.success());
        let error = text(&output.stderr);
        let line = error.split_once("line ").and_then(|(_, rest)| rest.split_once(':')).expect("a line").0;
        assert!((1..=11).contains(&line.parse().unwrap()), "{form}: {error}");
    }
}

#[test]
fn a_bar_is_drawn_on_a_terminal() {
    let path = file("bar", &forms()[0].1);
    let command = format!("{PLUGIN} replay --from {FROM} --to {TO} {}", path.display());
    // util-linux's: gives the command a terminal, and writes down what it shows.
    let shown = Command::new("script").args(["-qec", &command, "/dev/null"]).stdin(Stdio::null()).output().unwrap();
    let shown = text(&shown.stdout);
    assert!(shown.contains("100 % of") && shown.contains("events/s"), "{shown:?}");
}

/// Writes the lives of so many Pods, each with names, labels and a mistake of its own.
fn lives(pods: u64, out: &mut impl Write) -> std::io::Result<()> {
    let first: Timestamp = FROM.parse().unwrap();
    let time = |seconds: u64| first + jiff::SignedDuration::from_secs(seconds.cast_signed());
    for n in 0..pods {
        let (began, ended) = (time(10 * n), time(10 * n + 5));
        let job = n % 2 == 0;
        let owner =
            format!(r#""apiVersion":"batch/v1","kind":"Job","name":"job-{n}","uid":"job-{n}","controller":true"#);
        let owners = if job { format!(r#","ownerReferences":[{{{owner}}}]"#) } else { String::new() };
        let kept = format!(
            r#""kind":"Job","apiVersion":"batch/v1","metadata":{{"name":"job-{n}","namespace":"team-a","uid":"job-{n}"}}"#
        );
        let pod = |phase: &str, status: &str| {
            format!(
                r#"{{"kind":"Pod","apiVersion":"v1","metadata":{{"name":"p{n}","namespace":"team-a","uid":"pod-{n}","labels":{{"run":"r{n}"}}{owners}}},"spec":{{"nodeName":"node-{n}","containers":[{{"name":"c","resources":{{"requests":{{"cpu":"{}m","memory":"-1"}}}}}}]}},"status":{{"phase":"{phase}","startTime":"{began}"{status}}}}}"#,
                100 + n % 900,
            )
        };
        let node = format!(r#"{{"kind":"Node","apiVersion":"v1","metadata":{{"name":"node-{n}","uid":"node-{n}"}}}}"#);
        writeln!(out, r#"{{"at":"{began}","type":"ADDED","object":{node}}}"#)?;
        if job {
            writeln!(out, r#"{{"at":"{began}","type":"ADDED","object":{{{kept}}}}}"#)?;
        }
        writeln!(out, r#"{{"at":"{began}","type":"ADDED","object":{}}}"#, pod("Running", ""))?;
        let finished = format!(r#","containerStatuses":[{{"state":{{"terminated":{{"finishedAt":"{ended}"}}}}}}]"#);
        let last = pod("Succeeded", &finished);
        writeln!(out, r#"{{"at":"{ended}","type":"MODIFIED","object":{last}}}"#)?;
        writeln!(out, r#"{{"at":"{ended}","type":"DELETED","object":{last}}}"#)?;
        if job {
            writeln!(out, r#"{{"at":"{ended}","type":"DELETED","object":{{{kept}}}}}"#)?;
        }
        writeln!(out, r#"{{"at":"{ended}","type":"DELETED","object":{node}}}"#)?;
    }
    out.flush()
}

/// The most memory that a replay of so many Pods holds, in kB, and what it prints.
fn peak(pods: u64) -> (u64, String) {
    let budgets = file("budgets.yaml", BUDGETS.as_bytes());
    let mut command = Command::new(PLUGIN);
    command.args(["replay", "--from", FROM, "--to", "2027-11-01T00:00:00Z", "-f"]).arg(budgets).arg("-");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = BufWriter::new(child.stdin.take().unwrap());
    lives(pods, &mut stdin).unwrap();
    // All but what fits into the pipe and its buffer is taken in now.
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux");
    let kilobytes = most.trim().trim_end_matches(" kB").parse().unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    (kilobytes, text(&output.stdout))
}

/// One budget that looks ahead, one that does not, one over everything.
const BUDGETS: &str = "---
{apiVersion: billing.opex.dev/v1alpha1, kind: PricePlan, metadata: {name: default}, spec: {currency: EUR, pricesPerHour: {cpu: 1}}}
---
{apiVersion: billing.opex.dev/v1alpha1, kind: Budget, metadata: {name: ahead, namespace: team-a}, spec: {pricePlan: default, contact: c, limit: {amount: 9000, currency: EUR}, period: {every: Year}, thresholds: [{percent: 80, of: Forecast, action: Notify}]}}
---
{apiVersion: billing.opex.dev/v1alpha1, kind: Budget, metadata: {name: plain, namespace: team-a}, spec: {pricePlan: default, contact: c, period: {every: Year}}}
---
{apiVersion: billing.opex.dev/v1alpha1, kind: ClusterBudget, metadata: {name: all}, spec: {pricePlan: default, contact: c, period: {every: Year}}}
";

#[test]
fn memory_does_not_grow_with_the_trace() {
    let (short, _) = peak(5_000);
    let (long, printed) = peak(25_000);
    assert!(printed.contains("EUR"), "{printed}");
    assert!(long < short + 4096, "{short} kB for 5,000 Pods, {long} kB for 25,000");
}
