//! The pure rooms stay pure: facts and engine hold no floating point, no client, no clock, no task, no IO, so that
//! `run` and `replay` cannot differ (STYLE.md, "The shape of this house").

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Paths that a pure room may not name, and why; `kube::Client` forbids everything below it too.
const FORBIDDEN: &[(&str, &str)] = &[
    ("tokio", "tasks belong to the drivers"),
    ("futures", "tasks belong to the drivers"),
    ("kube::client", "clients belong to src/cluster"),
    ("kube::Client", "clients belong to src/cluster"),
    ("kube::api", "clients belong to src/cluster"),
    ("kube::Api", "clients belong to src/cluster"),
    ("kube::config", "clients belong to src/cluster"),
    ("kube::Config", "clients belong to src/cluster"),
    ("kube::runtime", "watches belong to src/cluster"),
    ("kube_client", "clients belong to src/cluster"),
    ("kube_runtime", "watches belong to src/cluster"),
    ("http", "requests belong to src/cluster"),
    ("hyper", "requests belong to src/cluster"),
    ("reqwest", "requests belong to src/cluster"),
    ("tower", "requests belong to src/cluster"),
    ("axum", "servers belong to src/web"),
    ("std::time", "time comes in as an argument"),
    ("core::time", "time comes in as an argument"),
    ("jiff::Timestamp::now", "time comes in as an argument"),
    ("jiff::Zoned::now", "time comes in as an argument"),
    ("Timestamp::now", "time comes in as an argument"),
    ("Zoned::now", "time comes in as an argument"),
    ("std::fs", "IO belongs to the drivers"),
    ("std::net", "IO belongs to the drivers"),
    ("std::io", "IO belongs to the drivers"),
    ("std::env", "configuration comes in as an argument"),
    ("std::process", "IO belongs to the drivers"),
    ("std::thread", "tasks belong to the drivers"),
    ("rand", "nothing here is random"),
    ("crate::cluster", "data flows one way"),
    ("crate::replay", "data flows one way"),
    ("crate::cli", "data flows one way"),
    ("crate::web", "data flows one way"),
    ("crate::clock", "time comes in as an argument"),
];

/// A word, a number or a sign, and the line it stands on.
#[derive(Clone, Debug, PartialEq)]
struct Token {
    text: String,
    line: usize,
}

#[test]
fn facts_and_engine_are_pure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for room in ["src/facts", "src/engine"] {
        files.push(root.join(room).with_extension("rs"));
        rust_files(&root.join(room), &mut files);
    }
    assert!(files.len() > 4, "the rooms moved: {files:?}");
    let mut report = String::new();
    for file in files {
        let source = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for (line, what) in offences(&source) {
            let file = file.strip_prefix(root).unwrap().display();
            writeln!(report, "{file}:{line}: {what}").unwrap();
        }
    }
    assert!(report.is_empty(), "facts and engine are pure:\n{report}");
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What a source may not contain, by line.
fn offences(source: &str) -> Vec<(usize, String)> {
    let tokens = tokens(source);
    let floats = tokens.iter().filter(|token| is_float(&token.text));
    let mut found: Vec<_> = floats.map(|token| (token.line, format!("`{}`: no floating point", token.text))).collect();
    for path in paths(&tokens) {
        let forbidden = FORBIDDEN.iter().find(|(forbidden, _)| {
            path.text.strip_prefix(forbidden).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        });
        if let Some((_, why)) = forbidden {
            found.push((path.line, format!("`{}`: {why}", path.text)));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// `f64`, `as_secs_f64`, `1.5`, `1e3`, `2f32`.
fn is_float(token: &str) -> bool {
    let number = token.starts_with(|first: char| first.is_ascii_digit());
    let radix = ["0x", "0b", "0o"].iter().any(|prefix| token.starts_with(prefix));
    if number {
        return !radix
            && (token.contains('.') || token.contains(['e', 'E']) && !token.ends_with("size") || token.contains('f'));
    }
    token.split('_').any(|part| part == "f32" || part == "f64")
}

/// Every path of the source, `use` trees spelled out. A leading `::` or `r#` makes no difference.
fn paths(tokens: &[Token]) -> Vec<Token> {
    let mut found = Vec::new();
    let mut position = 0;
    while position < tokens.len() {
        position = path(tokens, position, "", &mut found).max(position + 1);
    }
    found
}

/// Reads the path or the tree at `position`, under `prefix`; returns the position after it.
fn path(tokens: &[Token], mut position: usize, prefix: &str, found: &mut Vec<Token>) -> usize {
    let text = |position: usize| tokens.get(position).map_or("", |token| token.text.as_str());
    let mut whole = prefix.to_owned();
    while is_word(text(position)) {
        if !whole.is_empty() {
            whole.push_str("::");
        }
        whole.push_str(text(position));
        let line = tokens[position].line;
        position += 1;
        match (text(position), text(position + 1)) {
            ("::", "{") => return tree(tokens, position + 2, &whole, found),
            ("::", next) if is_word(next) => position += 1,
            _ => {
                found.push(Token { text: whole, line });
                return position;
            }
        }
    }
    position
}

/// The branches of a `use` tree up to its closing brace.
fn tree(tokens: &[Token], mut position: usize, prefix: &str, found: &mut Vec<Token>) -> usize {
    while let Some(token) = tokens.get(position) {
        match token.text.as_str() {
            "}" => return position + 1,
            _ => position = path(tokens, position, prefix, found).max(position + 1),
        }
    }
    position
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first == '_' || first.is_alphabetic()) && token != "as"
}

/// Splits a source into words, numbers and signs; comments, texts and characters are left out.
fn tokens(source: &str) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let line = source[..source.len() - rest.len()].matches('\n').count() + 1;
        let length = skipped(rest);
        if length > 0 {
            rest = &rest[length..];
            continue;
        }
        let after_dot = found.last().is_some_and(|token| token.text == ".");
        let length = match first {
            '_' | 'a'..='z' | 'A'..='Z' => word_length(rest),
            '0'..='9' => number_length(rest, after_dot),
            ':' if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        if !first.is_whitespace() {
            found.push(Token { text: rest[..length].to_owned(), line });
        }
        rest = &rest[length..];
    }
    found
}

fn word_length(text: &str) -> usize {
    text.find(|letter: char| letter != '_' && !letter.is_alphanumeric()).unwrap_or(text.len())
}

/// A number with its fraction, unless it is the field of a tuple (`pair.0`) or begins a range (`0..5`).
fn number_length(text: &str, field: bool) -> usize {
    let whole = word_length(text);
    match text[whole..].strip_prefix('.') {
        Some(rest) if !field && !rest.starts_with(['.', '_']) && !rest.starts_with(char::is_alphabetic) => {
            whole + 1 + word_length(rest)
        }
        _ => whole,
    }
}

/// Length of the comment, text or character that the source begins with, else 0.
fn skipped(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return text.find("*/").map_or(text.len(), |end| end + 2);
    }
    let raw = text.strip_prefix("br").or_else(|| text.strip_prefix('r')).unwrap_or("");
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    if raw[hashes..].starts_with('"') {
        let close = format!("\"{}", "#".repeat(hashes));
        let begin = text.len() - raw.len() + hashes + 1;
        return text[begin..].find(&close).map_or(text.len(), |end| begin + end + close.len());
    }
    match text.strip_prefix('b').filter(|rest| rest.starts_with(['"', '\''])).unwrap_or(text) {
        quoted if quoted.starts_with('"') => text.len() - quoted.len() + closing(quoted, '"'),
        quoted if is_character(quoted) => text.len() - quoted.len() + closing(quoted, '\''),
        _ => 0,
    }
}

/// `'a'` and `'\n'` are characters, `'a` is a lifetime.
fn is_character(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next() == Some('\'') && (letters.next() == Some('\\') || letters.next() == Some('\''))
}

/// The length of a quoted text, its quotes included.
fn closing(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (position, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return position + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[test]
fn offences_are_found_with_their_line() {
    let cases: &[(&str, &[(usize, &str)])] = &[
        ("fn f(x: f64) {}", &[(1, "`f64`: no floating point")]),
        ("\nlet x = d.as_secs_f32();", &[(2, "`as_secs_f32`: no floating point")]),
        ("let x = 1.5;", &[(1, "`1.5`: no floating point")]),
        ("let x = 2.;", &[(1, "`2.`: no floating point")]),
        ("let x = 1e3;", &[(1, "`1e3`: no floating point")]),
        ("use tokio::sync::mpsc;", &[(1, "`tokio::sync::mpsc`: tasks belong to the drivers")]),
        ("use kube::{\n  Resource,\n  Client,\n};", &[(3, "`kube::Client`: clients belong to src/cluster")]),
        (
            "use kube::{Resource, runtime::{watcher, wait}};",
            &[
                (1, "`kube::runtime::wait`: watches belong to src/cluster"),
                (1, "`kube::runtime::watcher`: watches belong to src/cluster"),
            ],
        ),
        ("use std::{fmt, time::Duration as D};", &[(1, "`std::time::Duration`: time comes in as an argument")]),
        ("let now = jiff::Timestamp::now();", &[(1, "`jiff::Timestamp::now`: time comes in as an argument")]),
        ("let now = Timestamp::now();", &[(1, "`Timestamp::now`: time comes in as an argument")]),
        ("fn f() -> std::io::Result<()> {}", &[(1, "`std::io::Result`: IO belongs to the drivers")]),
        ("let a = ::std::fs::read(p);", &[(1, "`std::fs::read`: IO belongs to the drivers")]),
        ("const A: char = '\"'; use std::env;", &[(1, "`std::env`: configuration comes in as an argument")]),
        ("fn f<'a>(x: &'a str) { std::net::lookup() }", &[(1, "`std::net::lookup`: IO belongs to the drivers")]),
    ];
    for (source, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|(line, what)| (*line, (*what).to_owned())).collect();
        assert_eq!(offences(source), expected, "{source}");
    }
}

#[test]
fn what_only_looks_like_an_offence_passes() {
    let sources = [
        "// f64, tokio::spawn and 1.5\n/* std::fs */ //! std::time",
        "let a = \"f64 1.5 std::fs::read\"; let b = r#\"tokio::x \"f64\" \"#; let c = b\"1.5\";",
        "let a = pair.0.1; let b = 0..5; let c = 0x1e3; let d = 1.max(2); let e = 0xf64; let f = 3_usize; let g = 1u8;",
        "use kube::Resource; use std::collections::BTreeMap; use jiff::{Timestamp, Zoned};",
        "let timeline = tokio_like::x; mod std_time {} fn random() {}",
    ];
    for source in sources {
        assert_eq!(offences(source), [], "{source}");
    }
}
