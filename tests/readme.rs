//! The README: every command in it runs, and prints what is shown below it.
//!
//! What the demo shows is compared with the demo; everything else is run in a cluster of its own, in
//! the order of the text. What stands above the first section is what a reader sees in the end, and
//! is run last.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use opex_cluster::{Cluster, Options, Process, demo, needs_own_cluster, wait_until};

const README: &str = include_str!("../README.md");
const MAKEFILE: &str = include_str!("../Makefile");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const OPERATOR: &str = env!("CARGO_BIN_EXE_opex-operator");

/// Figures need a pass or two of the operator.
const PATIENCE: Duration = Duration::from_secs(30);

/// A command as typed, and what is shown below it.
#[derive(Debug, PartialEq)]
struct Example {
    command: String,
    shown: Vec<String>,
}

#[test]
fn the_readme_tells_the_truth() {
    if needs_own_cluster() {
        return;
    }
    let programs = Path::new(OPERATOR).parent().unwrap();
    let transcript = thread::scope(|scope| {
        let demo = scope.spawn(|| demo::rehearse(programs).unwrap());
        let cluster = Cluster::start(&Options::new("readme").nodes(3)).unwrap();
        let operator = introduce(&cluster);
        let transcript = demo.join().unwrap();
        drop(operator);
        transcript
    });
    let shown: Vec<_> = examples(README).into_iter().filter(is_of_demo).collect();
    assert!(shown.len() > 1, "the README shows something of the demo");
    for example in &shown {
        let answer = answer_in(&transcript, &example.command)
            .unwrap_or_else(|| panic!("the demo does not show {}", example.command));
        compare(example, &answer).unwrap();
    }
}

#[test]
fn what_is_made_can_be_made() {
    let targets: Vec<_> = MAKEFILE.lines().filter_map(|line| Some(line.split_once(": ##")?.0)).collect();
    let made = README.split(['`', '\n']).filter_map(|text| Some(text.split_once("make ")?.1));
    let made: Vec<_> = made.filter(|target| !target.contains(' ')).collect();
    assert!(made.contains(&"demo") && made.contains(&"test"), "{made:?}");
    for target in made {
        assert!(targets.contains(&target), "there is no make {target}: {targets:?}");
    }
}

/// Follows the README with the commands that are not the demo's; the operator starts where Helm has
/// installed it.
fn introduce(cluster: &Cluster) -> Option<Process> {
    let (above, below) = README.split_at(README.find("\n## ").unwrap());
    let mut operator = None;
    for example in examples(below).iter().chain(&examples(above)).filter(|example| !is_of_demo(example)) {
        if example.command.starts_with("make ") {
            continue;
        }
        // A reader looks again when a figure is not there yet, but types no command twice that fails.
        let look = || compare(example, &run(cluster, &example.command));
        wait_until(&example.command, PATIENCE, look).unwrap();
        if example.command.starts_with("helm install ") {
            operator = Some(cluster.start_operator(Path::new(OPERATOR), "operator").unwrap());
        }
    }
    operator
}

/// The namespace of the demo.
fn is_of_demo(example: &Example) -> bool {
    example.command.contains("-n store") || example.shown.iter().any(|line| line.starts_with("store "))
}

#[track_caller]
fn run(cluster: &Cluster, command: &str) -> String {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec 2>&1\n{command}")]).envs(cluster.env()).current_dir(ROOT);
    let output = shell.output().unwrap();
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "`{command}` failed:\n{answer}");
    answer
}

/// What a transcript shows below a command the last time that it is typed.
fn answer_in(transcript: &str, command: &str) -> Option<String> {
    let start = transcript.rfind(&format!("\n$ {command}\n"))?;
    let answer = transcript[start..].split("\n$ ").nth(1)?;
    Some(answer.split_once('\n')?.1.to_owned())
}

/// Every line that is shown must be in the answer, in this order, up to figures and times.
fn compare(example: &Example, answer: &str) -> anyhow::Result<()> {
    let mut lines = answer.lines().map(shape);
    for shown in example.shown.iter().filter(|line| line.as_str() != "...") {
        let wanted = shape(shown);
        anyhow::ensure!(
            lines.any(|line| line == wanted),
            "`{}` does not print {shown:?} ({wanted:?}), but:\n{answer}",
            example.command
        );
    }
    Ok(())
}

/// A line without its figures and times, and with single spaces: `store # # EUR # BlockScaleUp # #`.
fn shape(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let number = |letter: char| letter.is_ascii_digit() || ".:-+TZsmhdy%".contains(letter);
        if word.contains(|letter: char| letter.is_ascii_digit()) && word.chars().all(number) {
            return "#".to_owned();
        }
        let mut shape = String::new();
        for letter in word.chars() {
            if !letter.is_ascii_digit() {
                shape.push(letter);
            } else if !shape.ends_with('#') {
                shape.push('#');
            }
        }
        shape
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The commands of the fenced `console` and `sh` blocks.
fn examples(markdown: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut fence = None;
    for line in markdown.lines() {
        let example = |command: &str| Example { command: command.to_owned(), shown: Vec::new() };
        match (fence, line.strip_prefix("```")) {
            (None, Some(language)) => fence = Some(language),
            (Some(_), Some(_)) => fence = None,
            (Some("sh"), None) => examples.push(example(line)),
            (Some("console"), None) => match (line.strip_prefix("$ "), examples.last_mut()) {
                (Some(command), _) => examples.push(example(command)),
                (None, Some(last)) if !line.is_empty() => last.shown.push(line.to_owned()),
                _ => {}
            },
            _ => {}
        }
    }
    examples
}

#[test]
fn blocks_are_read_as_commands_with_their_output() {
    let markdown = "a\n```console\n$ b c\nd\n\ne\n$ f\n```\n```yaml\ng\n```\n```sh\nmake h\n```\n";
    let example = |command: &str, shown: &[&str]| Example {
        command: command.to_owned(),
        shown: shown.iter().map(|line| (*line).to_owned()).collect(),
    };
    assert_eq!(examples(markdown), [example("b c", &["d", "e"]), example("f", &[]), example("make h", &[])]);
}

#[test]
fn figures_differ_and_words_do_not() {
    assert_eq!(shape("store   16.03 EUR 2026-12-01 3d4h"), shape("store 1.2   EUR 2027-01-01 5s"));
    assert_eq!(shape("Up to 4 replicas (16.00 EUR)."), shape("Up to 10 replicas (1000.00 EUR)."));
    assert_ne!(shape("store 16.03 EUR Open"), shape("store 16.03 EUR Warn"));
    let example = Example { command: "x".into(), shown: vec!["a 1".into(), "...".into(), "c".into()] };
    assert!(compare(&example, "a 2\nb\nc").is_ok());
    assert!(compare(&example, "c\na 2").is_err(), "the order counts");
}

#[test]
fn the_last_of_equal_commands_is_meant() {
    let transcript = "[1/2] A\n$ x y\none\n$ z\n\n[2/2] B\n$ x y\ntwo\nthree\n$ z\n";
    assert_eq!(answer_in(transcript, "x y").as_deref(), Some("two\nthree"));
    assert_eq!(answer_in(transcript, "x"), None);
}
