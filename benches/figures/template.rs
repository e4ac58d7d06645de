//! Objects as JSON text, as an API server sends them: a template with placeholders, filled many times.

use std::fmt::Write as _;

/// A text with `$NAME` placeholders, cut at them.
#[derive(Default)]
pub struct Template {
    /// What stands before each placeholder, and which it is.
    parts: Vec<(String, String)>,
    rest: String,
}

// === impl Template ===

impl Template {
    /// From JSON laid out to be read; filled, it is as compact as on the wire.
    pub fn new(json: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = compact(json);
        while let Some(start) = placeholder(&rest) {
            let name: String = rest[start + 1..].chars().take_while(char::is_ascii_uppercase).collect();
            let after = rest.split_off(start + 1 + name.len());
            rest.truncate(start);
            parts.push((rest, name));
            rest = after;
        }
        Self { parts, rest }
    }

    /// Appends the text with every placeholder filled.
    pub fn fill(&self, values: &[(&str, &dyn std::fmt::Display)], out: &mut String) {
        for (before, name) in &self.parts {
            out.push_str(before);
            let value = values.iter().find(|(known, _)| known == name);
            let (_, value) = value.unwrap_or_else(|| panic!("no value for ${name}"));
            write!(out, "{value}").expect("a string takes everything");
        }
        out.push_str(&self.rest);
    }
}

fn placeholder(text: &str) -> Option<usize> {
    text.match_indices('$').map(|(at, _)| at).find(|at| text[at + 1..].starts_with(|c: char| c.is_ascii_uppercase()))
}

/// Without white space between tokens.
fn compact(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let mut kept = |c: &char| {
        let keep = quoted || !c.is_ascii_whitespace();
        quoted ^= *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        keep
    };
    json.chars().filter(|c| kept(c)).collect()
}
