//! The table of figures: what, its floor in the same run, what was measured, their ratio, and the target.

use comfy_table::{CellAlignment, Table, presets};

/// One line of the table.
pub struct Figure {
    pub what: &'static str,
    /// What the least that could do it takes, in the same run.
    pub floor: Option<f64>,
    pub measured: f64,
    pub unit: &'static str,
    pub target: Target,
}

/// What a figure should be.
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
    None,
}

/// All figures, for people.
pub fn print(figures: &[Figure]) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["WHAT", "FLOOR", "MEASURED", "UNIT", "RATIO", "TARGET", "MET"]);
    for figure in figures {
        table.add_row([
            figure.what.to_owned(),
            figure.floor.map(short).unwrap_or_default(),
            short(figure.measured),
            figure.unit.to_owned(),
            figure.floor.map(|floor| short(figure.measured / floor)).unwrap_or_default(),
            figure.target.text(),
            figure.target.met(figure.measured).to_owned(),
        ]);
    }
    for column in [1, 2, 4, 5] {
        table.column_mut(column).expect("seven").set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
}

// === impl Target ===

impl Target {
    fn text(&self) -> String {
        match self {
            Self::AtMost(most) => format!("≤ {}", short(*most)),
            Self::AtLeast(least) => format!("≥ {}", short(*least)),
            Self::None => String::new(),
        }
    }

    fn met(&self, measured: f64) -> &'static str {
        let met = match self {
            Self::AtMost(most) => measured <= *most,
            Self::AtLeast(least) => measured >= *least,
            Self::None => return "",
        };
        if met { "yes" } else { "NO" }
    }
}

/// Three digits or so.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
