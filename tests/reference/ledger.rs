//! The lines of each Statement: what was known when it closed, and what was found later.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::periods::Period;
use super::recurring::charge;
use super::spells::{Closing, Statement, statements};
use super::tally::Tally;
use super::usage::{costs, metered, used};
use super::world::{Known, World, events};
use super::{Bill, Input, Seconds};

pub fn bills(input: &Input) -> BTreeMap<(String, String), Bill> {
    let events = events(input);
    let worlds: Vec<_> = (0..=events.len()).map(|known| World::of(&events[..known], input)).collect();
    let statements = statements(&worlds[events.len()], input);
    let known = |statement: &Statement| known_at_closing(statement, &events);
    let mut tallies = vec![Tally::default(); statements.len()];
    for (i, statement) in statements.iter().enumerate() {
        let closing = &worlds[known(statement)];
        let mut before = billed(closing, closing, statement);
        tallies[i].merge(&before);
        for later in known(statement)..events.len() {
            let after = billed(&worlds[later + 1], closing, statement);
            if let Some(open) = open_at(&statements, statement, events[later].at).filter(|open| *open != i) {
                tallies[open].correct(&after, &before);
            }
            before = after;
        }
    }
    let bill = |(statement, tally): (&Statement, Tally)| {
        let closed_at = Some(statement.closes.instant()).filter(|at| *at <= input.to);
        let (period, currency) = (statement.period.clone(), statement.currency.clone());
        let Period { label, start, end } = period;
        let Tally { lines, split, charges } = tally.cleared();
        let bill = Bill { label, start, end, currency, closed_at, lines, split, charges };
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

/// What a Statement bills of what is known; shares are in proportion to what was known when it closed.
fn billed(world: &World, closing: &World, statement: &Statement) -> Tally {
    let mut tally = metered(world, &statement.owner, &statement.windows);
    for window in &statement.windows {
        let known = OnceCell::new();
        let costs = || known.get_or_init(|| costs(&used(closing, &window.2, &[statement.so_far(closing)]), |_| true));
        charge(world, &statement.owner, window, &|| costs().clone(), &mut tally);
    }
    tally
}
