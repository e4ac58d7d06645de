//! The lines of each Statement: what was known when it closed, and what was found later.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::periods::Period;
use super::recurring::charge;
use super::sharing::share;
use super::spells::{Closing, Statement, statements};
use super::tally::Tally;
use super::usage::{self, costs, metered};
use super::world::{Known, World, events};
use super::{Bill, Input, Seconds};

/// All Statements with what they bill, by all that is known in the end.
pub struct Ledger {
    pub world: World,
    pub statements: Vec<(Statement, Tally)>,
}

/// Works out what a trace costs.
pub fn ledger(input: &Input) -> Ledger {
    let events = events(input);
    let worlds = vec![OnceCell::new(); events.len() + 1];
    let world = |known: usize| worlds[known].get_or_init(|| World::of(&events[..known], input));
    let mut statements = statements(world(events.len()), input);
    statements.extend(usage::statements(world(events.len()), &statements));
    let mut tallies = vec![Tally::default(); statements.len()];
    for (i, statement) in statements.iter().enumerate() {
        let netted = known_at_closing(statement, &events);
        let billed = |known: usize| billed(world(known), world(netted), statement);
        tallies[i].merge(&billed(netted));
        // What is found while one and the same Statement is open is one difference.
        let open = |later: usize| open_at(&statements, statement, events[later].at).filter(|open| *open != i);
        let found: Vec<_> = (netted..events.len()).collect();
        for found in found.chunk_by(|one, next| open(*one) == open(*next)) {
            if let Some(open) = open(found[0]) {
                tallies[open].correct(&billed(found[found.len() - 1] + 1), &billed(found[0]));
            }
        }
    }
    let tallies = tallies.into_iter().map(Tally::cleared);
    Ledger { world: world(events.len()).clone(), statements: statements.into_iter().zip(tallies).collect() }
}

pub fn bills(input: &Input) -> BTreeMap<(String, String), Bill> {
    let bill = |(statement, tally): (Statement, Tally)| {
        let closed_at = Some(statement.closes.instant()).filter(|at| *at <= input.to);
        let Period { label, start, end } = statement.period;
        let (currency, Tally { lines, split, charges }) = (statement.currency, tally);
        let bill = Bill { label, start, end, currency, closed_at, lines, split, charges };
        let name = bill.told_apart(&statement.owner.0, &statement.name);
        ((statement.namespace, name), bill)
    };
    ledger(input).statements.into_iter().map(bill).collect()
}

/// How many events a Statement nets.
fn known_at_closing(statement: &Statement, events: &[Known]) -> usize {
    let decides = |event: &&Known| ["Budget", "ClusterBudget", "PricePlan", "Namespace"].contains(&event.kind.as_str());
    let (at, edited) = match statement.closes {
        Closing::Time(at) => (at, false),
        Closing::Event(at) | Closing::Gone(at) => (at, true),
    };
    let own = |event: &Known| {
        let kinds = [statement.owner.0.as_str(), "ClusterBudget"];
        kinds.contains(&event.kind.as_str()) && event.object["metadata"]["name"] == statement.owner.2.as_str()
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

/// What a Statement bills of what is known; shares are in proportion to what was known when it closed.
pub fn billed(world: &World, closing: &World, statement: &Statement) -> Tally {
    let mut tally = metered(world, &statement.owner, &statement.windows, &|_| true);
    if statement.owner.0 == "PricePlan" {
        return tally;
    }
    for window in &statement.windows {
        let costs = || costs(closing, &window.2, &[statement.so_far(closing)], None);
        charge(world, &statement.owner, window, &costs, &mut tally);
    }
    share(world, closing, statement, &mut tally);
    tally
}
