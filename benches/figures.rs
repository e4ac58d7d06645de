//! Speed and memory at the size of the largest cluster, each figure beside its floor in the same run: `make bench`.
//!
//! `cargo bench --bench figures -- engine parse` measures these alone; all there are: memory, engine, parse, replay, gate.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]

#[path = "figures/cluster.rs"]
mod cluster;
#[path = "figures/engine.rs"]
mod engine;
#[path = "figures/gate.rs"]
mod gate;
#[path = "figures/measure.rs"]
mod measure;
#[path = "figures/memory.rs"]
mod memory;
#[path = "figures/parse.rs"]
mod parse;
#[path = "figures/replay.rs"]
mod replay;
#[path = "figures/table.rs"]
mod table;
#[path = "figures/template.rs"]
mod template;

use table::Figure;

type Group = (&'static str, fn() -> Vec<Figure>);

const GROUPS: [Group; 5] = [
    ("memory", memory::figures),
    ("engine", engine::figures),
    ("parse", parse::figures),
    ("replay", replay::figures),
    ("gate", gate::figures),
];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [flag, what] = arguments.as_slice()
        && flag == "--apart"
    {
        return memory::apart_from_others(what);
    }
    let mut figures = Vec::new();
    for (name, group) in GROUPS {
        if arguments.is_empty() || arguments.iter().any(|wanted| wanted == name) {
            eprintln!("measuring {name} …");
            figures.extend(group());
        }
    }
    table::print(&figures);
}
