//! The lines of each Statement: what was known when it closed, and what was found later.

use std::collections::BTreeMap;

use super::held::held_at;
use super::pods::Pod;
use super::spells::{Closing, Statement, statements};
use super::tally::Tally;
use super::tiers::Positions;
use super::world::{Known, World, events};
use super::{Bill, Input, Seconds};

pub fn bills(input: &Input) -> BTreeMap<(String, String), Bill> {
    let events = events(input);
    let worlds: Vec<_> = (0..=events.len()).map(|known| World::of(&events[..known], input.from)).collect();
    let statements = statements(&worlds[events.len()], input);
    let known = |statement: &Statement| known_at_closing(statement, &events);
    let mut tallies: Vec<_> = statements.iter().map(|one| metered(&worlds[known(one)], one)).collect();
    for (i, statement) in statements.iter().enumerate() {
        let mut before = metered(&worlds[known(statement)], statement);
        for later in known(statement)..events.len() {
            let after = metered(&worlds[later + 1], statement);
            if let Some(open) = open_at(&statements, statement, events[later].at).filter(|open| *open != i) {
                tallies[open].correct(&after, &before);
            }
            before = after;
        }
    }
    let bill = |(statement, tally): (&Statement, Tally)| {
        let closed_at = Some(statement.closes.instant()).filter(|at| *at <= input.to);
        let (period, currency) = (statement.period.clone(), statement.currency.clone());
        let Tally { lines, split } = tally.cleared();
        let bill =
            Bill { label: period.label, start: period.start, end: period.end, currency, closed_at, lines, split };
        ((statement.namespace.clone(), statement.name.clone()), bill)
    };
    statements.iter().zip(tallies).map(bill).collect()
}

/// How many events a Statement nets.
fn known_at_closing(statement: &Statement, events: &[Known]) -> usize {
    let decides = |event: &&Known| ["Budget", "ClusterBudget", "PricePlan", "Namespace"].contains(&event.kind.as_str());
    let (at, edited) = match statement.closes {
        Closing::Time(at) => (at, false),
        Closing::Event(at) | Closing::Gone(at) => (at, true),
    };
    let own = |event: &Known| {
        event.kind == statement.owner.0 && event.object["metadata"]["name"] == statement.owner.2.as_str()
    };
    let own = |event: &Known| event.at == at && !event.given && own(event);
    if let Some(edit) = events.iter().position(own).filter(|_| edited) {
        return edit;
    }
    let later = |event: &&Known| event.at >= at && !event.given;
    let first = events.iter().position(|event| later(&event) && (!edited || decides(&event)));
    first.unwrap_or(events.len())
}

/// The Statement of the same budget and currency that is open at an instant; of two, the one that closes first.
fn open_at(statements: &[Statement], closed: &Statement, at: Seconds) -> Option<usize> {
    let siblings = statements.iter().enumerate().filter(|(_, one)| one.owner == closed.owner);
    let begun = siblings.filter(|(_, one)| one.windows[0].0 <= at && at < one.closes.instant());
    let (i, open) = begun.min_by_key(|(_, one)| one.closes.instant())?;
    (open.currency == closed.currency).then_some(i)
}

/// Integrates over a Statement's time, one stretch without change after the other.
fn metered(world: &World, statement: &Statement) -> Tally {
    let mut tally = Tally::default();
    let mut positions = Positions::default();
    let pods: Vec<_> = world.all("Pod").filter_map(|pod| Pod::of(pod, world)).collect();
    for (from, to, spec) in &statement.windows {
        let inner = world.instants.range(from + 1..(*to).max(from + 1));
        let edges: Vec<_> = std::iter::once(from).chain(inner).chain([to]).copied().collect();
        for edge in edges.windows(2) {
            for held in held_at(world, &pods, &statement.owner, spec, edge[0]) {
                let amount = held.amount * (edge[1] - edge[0]);
                if held.goes_on {
                    positions.go_on(held.key, held.tiers, amount);
                } else {
                    tally.add(held.key, amount);
                }
            }
        }
    }
    positions.priced(&mut tally);
    tally
}
