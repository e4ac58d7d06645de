//! What an API server need not serve, or not to the operator: what comes late is neither lost nor counted twice.

use opex_operator::engine::machine::{Event as News, Machine};
use opex_operator::engine::observed::{Source, Tag};
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

/// For how many seconds a device is billed by the day, as of `at`.
fn billed(machine: &mut Machine, at: Seconds) -> i64 {
    machine.pass(at);
    let shown = machine.statements(at).into_iter().find(|shown| shown.name.starts_with("day-")).expect("a Statement");
    let lines = shown.spec.lines.iter().filter(|line| line.rate.starts_with("device/"));
    lines.map(|line| line.quantity.as_ref().expect("a quantity").parse::<i64>().expect("a number") / 1000).sum()
}

fn list_late(machine: &mut Machine, server: &Server, at: Seconds) {
    for ((source, _), object) in server.objects.iter().filter(|((source, _), _)| *source == Source::ResourceClaims) {
        for event in applied(*source, object) {
            machine.ingest(event, at);
        }
    }
    let tag = Tag { source: Source::ResourceClaims, version: server.version };
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
