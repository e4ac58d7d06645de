//! What an API server need not serve, or not to the operator: what comes late is neither lost nor counted twice.

use std::collections::HashSet;

use opex_operator::api::Line;
use opex_operator::engine::machine::{Event as News, Machine, Relist};
use opex_operator::engine::observed::{Source, Tag};
use opex_operator::facts::{Kind, ObjectId};
use serde_json::{Value, json};

use crate::leaving::lived;
use crate::reference::Seconds;
use crate::server::{Server, applied};
use crate::simulation::Simulation;
use crate::traces::{text, window};

const DAY: Seconds = 86_400;

/// A ResourceClaim that holds one device, since when it does not say unless told.
fn device_claim(at: Seconds, since: Option<Seconds>) -> Value {
    let mut allocation = json!({"devices": {"results": [{"request": "gpu", "device": "gpu-0"}]}});
    if let Some(since) = since {
        allocation["allocationTimestamp"] = text(since);
    }
    json!({
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim",
        "metadata": {"namespace": "a", "name": "gpu", "uid": "gpu", "creationTimestamp": text(at)},
        "spec": {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu"}}]}},
        "status": {"allocation": allocation},
    })
}

/// Everybody ended 300 s after the beginning; what the API server held.
fn ended(since: impl Fn(Seconds) -> Option<Seconds>) -> (Server, Seconds) {
    let start = window().0 / DAY * DAY + 3600;
    let simulation: Simulation = lived(start, start + 300, vec![device_claim(start, since(start))]);
    (simulation.backup(), start)
}

/// For how many seconds a device, or an object, is billed by the day, as of `at`.
fn billed(machine: &mut Machine, at: Seconds) -> i64 {
    machine.pass(at);
    let shown = machine.statements(at).into_iter().find(|shown| shown.name.starts_with("day-")).expect("a Statement");
    let lines = shown.spec.lines.iter().filter(|line| !line.rate.starts_with("cpu"));
    let quantity = |line: &Line| line.quantity.as_ref().expect("a quantity").parse::<i64>().expect("a number");
    lines.map(|line| quantity(line) / if line.rate.starts_with("device/") { 1000 } else { 1 }).sum()
}

fn list_late(machine: &mut Machine, server: &Server, at: Seconds) {
    list_of(Source::ResourceClaims, machine, server, at);
}

fn list_of(listed: Source, machine: &mut Machine, server: &Server, at: Seconds) {
    for ((source, _), object) in server.objects.iter().filter(|((source, _), _)| *source == listed) {
        for event in applied(*source, object) {
            machine.ingest(event, at);
        }
    }
    let tag = Tag { source: listed, version: server.version };
    machine.ingest(News::Listed { tag, held: None }, at);
}

fn restamped(server: &mut Server) {
    let key = (Source::ResourceClaims, "a/gpu".to_owned());
    let mut claim = server.objects[&key].clone();
    claim["metadata"]["labels"] = json!({"touched": "true"});
    server.stamp(&mut claim);
    server.objects.insert(key, claim);
}

#[test]
fn an_allocation_that_bears_no_time_goes_on_over_a_restart() {
    for since in [None, Some(0)] {
        let (server, start) = ended(|start| since.map(|_: i32| start));
        let mut machine = server.listed(start + 340, true);
        assert_eq!(billed(&mut machine, start + 400), 400, "{since:?}");
    }
}

#[test]
fn what_a_statement_had_seen_is_not_counted_twice_when_it_is_listed_late() {
    for touched in [false, true] {
        let (mut server, start) = ended(Some);
        if touched {
            restamped(&mut server);
        }
        let mut machine = server.listed_but(start + 310, true, &[Source::ResourceClaims]);
        let metered = billed(&mut machine, start + 400);
        assert!((200..300).contains(&metered), "{metered}");
        list_late(&mut machine, &server, start + 500);
        assert_eq!(billed(&mut machine, start + 600), 600, "touched: {touched}");
        let statement = &machine.statements(start + 600)[0].spec;
        let gaps: Vec<_> = statement.gaps.iter().map(|gap| gap.reason.as_str()).collect();
        assert_eq!(gaps.last(), Some(&"resourceclaims could not be watched"));
        assert_eq!(statement.observed["resourceclaims"], server.version.to_string());
    }
}

/// Nobody could see them before: they count from when they began.
#[test]
fn what_nobody_could_see_is_counted_once_it_is_seen() {
    let start = window().0 / DAY * DAY + 3600;
    let server = lived(start, start + 1, Vec::new()).backup();
    let mut machine = server.listed_but(start + 10, true, &[Source::ResourceClaims]);
    assert_eq!(billed(&mut machine, start + 100), 0);
    let mut later = server.clone();
    let mut claim = device_claim(start, Some(start + 50));
    later.stamp(&mut claim);
    later.objects.insert((Source::ResourceClaims, "a/gpu".to_owned()), claim);
    list_late(&mut machine, &later, start + 200);
    assert_eq!(billed(&mut machine, start + 250), 200);
}

/// A plan that bills what is not watched says so, and so do its budgets, until it is.
#[test]
fn a_plan_that_bills_what_is_not_watched_says_so() {
    let (mut server, start) = ended(Some);
    let key = (Source::PricePlans, "/default".to_owned());
    let mut plan = server.objects[&key].clone();
    plan["spec"]["devices"] = json!([{"deviceClass": "gpu", "pricePerHour": 1}]);
    server.stamp(&mut plan);
    server.objects.insert(key, plan);
    let mut machine = server.listed_but(start + 310, true, &[Source::ResourceClaims]);
    machine.pass(start + 320);
    let ready = |machine: &Machine, at| {
        let shown = machine.shown(at);
        let status = &shown.budgets[0].status;
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready").expect("a condition");
        (
            ready.status.clone(),
            ready.reason.clone(),
            ready.message.clone(),
            format!("{:?}", status.prices.expect("prices")),
        )
    };
    let (status, reason, message, prices) = ready(&machine, start + 320);
    assert_eq!((&*status, &*reason, &*prices), ("True", "NotWatched", "Incomplete"));
    assert!(message.contains("resourceclaims: the operator may not list and watch them"), "{message}");
    list_late(&mut machine, &server, start + 330);
    machine.pass(start + 340);
    assert_eq!(ready(&machine, start + 340).1, "Unpriced");
}

fn database(at: Seconds) -> Value {
    json!({
        "apiVersion": "db.example.com/v1", "kind": "Postgres",
        "metadata": {"namespace": "a", "name": "db", "uid": "db", "creationTimestamp": text(at)},
    })
}

fn databases() -> Source {
    Source::Objects(Kind::of("db.example.com", "Postgres").expect("a kind"))
}

/// The plan is edited: it names databases, or not any more.
fn edit(server: &mut Server, names: bool) -> Vec<News> {
    let key = (Source::PricePlans, "/default".to_owned());
    let mut plan = server.objects[&key].clone();
    let entry = json!({"name": "db", "group": "db.example.com", "kind": "Postgres", "pricePerHour": 1});
    plan["spec"]["objects"] = if names { json!([entry]) } else { json!([]) };
    server.stamp(&mut plan);
    plan["metadata"]["generation"] = json!(server.version);
    let events = applied(Source::PricePlans, &plan);
    server.objects.insert(key, plan);
    events
}

/// A kind that no plan names for a while is not watched then. What went meanwhile ended when nobody named it, what is
/// still there counts again, and nothing is a gap.
#[test]
fn a_kind_counts_while_a_plan_names_it() {
    for stays in [false, true] {
        let start = window().0 / DAY * DAY + 3600;
        let mut server = lived(start, start + 1, vec![database(start)]).backup();
        edit(&mut server, true);
        let mut machine = server.listed(start + 10, true);
        assert_eq!(billed(&mut machine, start + 100), 90, "since the edit was seen");
        for event in edit(&mut server, false) {
            machine.ingest(event, start + 100);
        }
        assert_eq!(billed(&mut machine, start + 300), 90);
        for event in edit(&mut server, true) {
            machine.ingest(event, start + 300);
        }
        let ids = if stays { [ObjectId::of(Some("db"), "", None, "db")].into() } else { HashSet::new() };
        let tag = Tag { source: databases(), version: server.version };
        machine.ingest(News::Listed { tag, held: Some(Relist { ids, last_heard: start + 101 }) }, start + 301);
        assert_eq!(billed(&mut machine, start + 400), if stays { 190 } else { 90 });
        let statement = &machine.statements(start + 400)[0].spec;
        assert!(statement.gaps.is_empty(), "{:?}", statement.gaps);
        assert_eq!(statement.observed["Postgres.db.example.com"], server.version.to_string());
    }
}

/// It is waited for at the start, but not in vain; what was metered is not counted twice when it comes late.
#[test]
fn a_restart_goes_on_from_what_a_statement_had_seen_of_a_kind() {
    let start = window().0 / DAY * DAY + 3600;
    let mut simulation = lived(start, start + 1, vec![database(start)]);
    let mut server = simulation.backup();
    edit(&mut server, true);
    simulation.restore_and_end(server);
    simulation.join();
    simulation.pass_until(start + 300);
    let server = simulation.backup();
    let mut machine = server.listed_but(start + 310, true, &[databases()]);
    let metered = billed(&mut machine, start + 400);
    assert!((200..300).contains(&metered), "{metered}");
    list_of(databases(), &mut machine, &server, start + 420);
    assert_eq!(billed(&mut machine, start + 500), 499, "since the edit a second after the beginning");
}
