//! Events in an order in which no API server tells them: the machine need not be right, but it goes on.

use std::collections::HashSet;

use opex_operator::engine::machine::{Event as News, Relist};
use opex_operator::engine::observed::Tag;
use opex_operator::engine::write::{Outcome, Write};
use serde_json::json;

use crate::reference::{Event, Seconds};
use crate::server::{applied, deleted, lonely, place};

/// Feeds a machine the events of a trace in disorder, with times that jump and answers that nobody asked for.
pub fn disturb(trace: &[Event], disorder: &[(u8, u8, u32)]) {
    let mut machine = lonely(trace.first().map_or(0, |event| event.at));
    let mut writes = Vec::new();
    for (what, which, jump) in disorder {
        let event = &trace[usize::from(*which) % trace.len()];
        let at = event.at + Seconds::from((*jump >> (jump % 32)) % 3_000_000) - 1000;
        let Some((source, _)) = place(&event.object) else { continue };
        let mut object = event.object.clone();
        object["metadata"]["resourceVersion"] = json!((jump % 1000).to_string());
        let news = match what % 8 {
            0..=2 => applied(source, &object),
            3 => deleted(source, &object, (jump % 2 == 0).then_some(at - 100)),
            4 => vec![News::Leading(jump % 3 != 0)],
            5 => vec![News::Listed {
                tag: Tag { source, version: 7 },
                held: Some(Relist { ids: HashSet::new(), last_heard: at }),
            }],
            6 => vec![News::Heard { tag: Tag { source, version: u64::from(*jump) } }],
            _ => answers(&writes, *jump),
        };
        for event in news {
            machine.ingest(event, at);
        }
        if what.is_multiple_of(3) {
            writes = machine.pass(at).writes;
        }
        if what.is_multiple_of(5) {
            machine.sweep();
            machine.checkpoint(at);
        }
        let _ = (machine.shown(at), machine.statements(at), machine.waiting(), machine.troubles());
    }
}

fn answers(writes: &[Write], by: u32) -> Vec<News> {
    let outcome = match by % 4 {
        0 => Outcome::Conflict,
        1 => Outcome::Gone,
        2 => Outcome::Failed,
        _ => Outcome::Written { version: Some(by.to_string()) },
    };
    writes.iter().map(|write| News::Done { key: write.key(), outcome: outcome.clone() }).collect()
}
