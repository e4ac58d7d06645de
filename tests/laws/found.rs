//! What a new process finds when nobody was there: it goes on from it as if it had seen what happened.

use serde_json::{Value, json};

use crate::leaving::{Statements, closed, contents, lived, statements};
use crate::reference::{Change, Event, Seconds};
use crate::server::RETAINED;
use crate::simulation::Simulation;
use crate::traces::window;

const DAY: Seconds = 86_400;

/// Everybody ends, `found` happens, and a new process comes.
fn find(found: impl FnOnce(&mut Simulation, Seconds) -> Vec<(Change, Value)>) -> (Simulation, Statements, Seconds) {
    let start = window().0 / DAY * DAY + 3600;
    let mut simulation = lived(start, start + 300, Vec::new());
    let before = statements(&simulation);
    simulation.end_all();
    for (change, object) in found(&mut simulation, start) {
        simulation.happen(&Event { at: start + 400, change, last_seen: None, object });
    }
    simulation.pass_until(start + 450);
    simulation.join();
    (simulation, before, start)
}

fn named<'a>(statements: &'a Statements, name: &str) -> &'a Value {
    &statements[&("a".to_owned(), name.to_owned())]
}

#[test]
fn an_edit_to_another_currency_ends_the_statement_where_it_was_metered() {
    let (mut simulation, before, start) = find(|_, start| {
        let [_, mut budget, _, mut plan, _] = contents(start);
        (plan["metadata"]["name"], plan["metadata"]["uid"]) = (json!("dollars"), json!("dollars"));
        plan["spec"]["currency"] = json!("USD");
        budget["spec"]["pricePlan"] = json!("dollars");
        vec![(Change::Added, plan), (Change::Modified, budget)]
    });
    simulation.pass_until(start + 900);
    let after = statements(&simulation);
    let euros = named(&after, "day-2025-03-29");
    let then = named(&before, "day-2025-03-29");
    assert_eq!((&euros["phase"], &euros["watermark"]), (&json!("Closed"), &then["watermark"]));
    assert_eq!(euros["lines"], merged(&then["lines"]));
    let dollars = named(&after, "day-2025-03-29.2");
    assert_eq!((&dollars["phase"], &dollars["currency"]), (&json!("Open"), &json!("USD")));
    assert!(dollars["lines"].as_array().expect("lines").iter().all(|line| line["plan"] == "dollars"), "{dollars:#}");
}

#[test]
fn a_statement_that_an_edit_cut_is_closed() {
    let (mut simulation, before, start) = find(|simulation, _| {
        // Another was opened after it, over the same time, and nobody closed the first.
        let all = simulation.statements();
        let first = all["statements"].as_array().expect("a list")[0].clone();
        assert_eq!(first["metadata"]["name"], "day-2025-03-29");
        let mut second = first;
        second["metadata"]["name"] = json!("day-2025-03-29.2");
        second["metadata"]["uid"] = json!("second");
        second["spec"]["watermark"] = json!("2025-03-29T01:04:59Z");
        (second["spec"]["lines"], second["spec"]["total"]) = (json!([]), json!("0.0000000000"));
        vec![(Change::Added, second)]
    });
    simulation.pass_until(start + 900);
    let after = statements(&simulation);
    let first = named(&after, "day-2025-03-29");
    assert_eq!(
        (&first["phase"], &first["watermark"]),
        (&json!("Closed"), &named(&before, "day-2025-03-29")["watermark"])
    );
    assert_eq!(named(&after, "day-2025-03-29.2")["phase"], "Open");
}

#[test]
fn the_statement_of_a_budget_that_is_gone_is_closed_after_its_period() {
    let (mut simulation, before, start) = find(|simulation, _| {
        simulation.remove(opex_operator::engine::observed::Source::Budgets, "a/short");
        Vec::new()
    });
    simulation.pass_until(start + 1300);
    let after = statements(&simulation);
    let name = "short-2025-03-29";
    assert_eq!(named(&after, name)["phase"], "Closed");
    assert_eq!(named(&after, name)["lines"], merged(&named(&before, name)["lines"]), "nothing is metered without it");
}

#[test]
fn no_more_closed_ones_are_remembered_than_late_facts_are_netted_into() {
    let (simulation, _, _) = find(|_, start| {
        let closed = |ago| (Change::Added, closed("a", "", start - 3600 - ago * DAY));
        (1..=9).map(closed).collect()
    });
    // Both open ones, and two of what is closed.
    assert_eq!(simulation.ledgers(), 4);
}

#[test]
fn no_more_are_kept_of_a_budget_that_is_gone() {
    // Whether it leads before its lists are complete, or after.
    for surplus in [1, 2] {
        let kept = i64::try_from(RETAINED).expect("few");
        let (mut simulation, _, start) = find(|_, start| {
            let gone = |ago| {
                let mut statement = closed("a", "gone-", start - 3600 - ago * DAY);
                statement["spec"]["budgetRef"]["name"] = json!("gone");
                (Change::Added, statement)
            };
            (1..=kept + surplus).map(gone).collect()
        });
        simulation.pass_until(start + 900);
        let left = statements(&simulation).into_values().filter(|spec| spec["budgetRef"]["name"] == "gone").count();
        assert_eq!(left, RETAINED, "of {surplus} too many");
    }
}

/// Lines as a closed Statement has them: without workloads.
fn merged(lines: &Value) -> Value {
    let mut lines = lines.clone();
    for line in lines.as_array_mut().into_iter().flatten() {
        line.as_object_mut().expect("a line").remove("workload");
    }
    lines
}
