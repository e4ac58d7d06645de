//! Laws that hold for every trace, whatever happened in it. A failing case is shrunk to the shortest trace that still
//! fails, and printed line by line.

#[path = "laws/children.rs"]
mod children;
#[path = "laws/cluster.rs"]
mod cluster;
#[path = "laws/disorder.rs"]
mod disorder;
#[path = "laws/edges.rs"]
mod edges;
#[path = "laws/features.rs"]
mod features;
#[path = "laws/flapping.rs"]
mod flapping;
#[path = "laws/found.rs"]
mod found;
#[path = "laws/holdings.rs"]
mod holdings;
#[path = "laws/leaving.rs"]
mod leaving;
#[path = "laws/limits.rs"]
mod limits;
#[path = "laws/lives.rs"]
mod lives;
#[path = "laws/meters.rs"]
mod meters;
#[path = "laws/optional.rs"]
mod optional;
#[path = "laws/parts.rs"]
mod parts;
#[path = "laws/prices.rs"]
mod prices;
#[path = "reference/reference.rs"]
mod reference;
#[path = "laws/rewound.rs"]
mod rewound;
#[path = "laws/sampled.rs"]
mod sampled;
#[path = "laws/scaling.rs"]
mod scaling;
#[path = "laws/server.rs"]
mod server;
#[path = "laws/sharing.rs"]
mod sharing;
#[path = "laws/showback.rs"]
mod showback;
#[path = "laws/simulation.rs"]
mod simulation;
#[path = "laws/traces.rs"]
mod traces;

use std::collections::BTreeMap;

use jiff::Timestamp;
use num_bigint::BigInt;
use num_traits::Signed;
use opex_operator::replay::trace::Trace;
use opex_operator::replay::{Options, Replay};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

use cluster::Manner;
use features::{EVERY, Feature, Features};
use reference::{Input, compare};
use simulation::Fate;

/// What `replay` prints.
fn replay(input: &Input) -> Value {
    let instant = |t| Timestamp::from_second(t).expect("an instant");
    let options = Options {
        from: instant(input.from),
        to: instant(input.to),
        namespace: "opex-system".to_owned(),
        cluster: "laws".to_owned(),
    };
    let lines = traces::lines(&input.trace);
    let report = Replay::new(options, Vec::new()).run(&mut Trace::new(lines.as_bytes()));
    serde_json::to_value(report.expect("a good trace")).expect("JSON")
}

/// Quantities by budget and kind of line, over all Statements.
fn quantities(report: &Value) -> BTreeMap<String, BigInt> {
    let mut sums = BTreeMap::new();
    for statement in report["statements"].as_array().expect("a list") {
        let ((namespace, _), bill) = compare::read(statement);
        for (key, quantity) in &bill.lines {
            let key = format!("{namespace} {} {key:?}", statement["spec"]["budgetRef"]);
            *sums.entry(key).or_insert_with(BigInt::default) += quantity;
        }
    }
    sums
}

/// The total of every Statement, charges by the calendar included.
fn totals(report: &Value) -> BTreeMap<String, String> {
    let statements = report["statements"].as_array().expect("a list").iter();
    let total = |one: &Value| {
        let ((namespace, name), _) = compare::read(one);
        (format!("{namespace}/{name}"), one["spec"]["total"].to_string())
    };
    statements.map(total).collect()
}

/// The same trace with plans that charge by the calendar as well.
fn with_charges(mut input: Input) -> Input {
    let charges = json!([
        {"name": "support", "amount": "31.25", "every": "Day", "from": "2025-03-01",
         "allocate": {"by": "Namespaces", "namespaces": {"a": "1", "b": "2"}}},
        {"name": "licence", "amount": 100, "every": "Week", "from": "2025-01-01", "allocate": {"by": "Even"}},
        {"name": "backup", "amount": 7, "every": "Day", "from": "2025-03-02", "booking": "OnChargeDate",
         "allocate": {"by": "Even", "selector": {"matchLabels": {"team": "shop"}}}},
    ]);
    for event in input.trace.iter_mut().filter(|event| event.object["kind"] == "PricePlan") {
        event.object["spec"]["recurring"] = charges.clone();
        event.object["spec"]["timeZone"] = json!("Europe/Berlin");
    }
    input
}

/// The same cases in every run; with `PROPTEST_CASES` so many new ones.
fn config(cases: u32) -> ProptestConfig {
    let config = ProptestConfig {
        max_shrink_iters: 20_000,
        max_shrink_time: 60_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        config
    } else {
        ProptestConfig { cases, rng_seed: RngSeed::Fixed(0), ..config }
    }
}

/// Whether all usage was kept from the beginning: of what came and went before, nobody knows any more, and a gap says so.
fn keeps_usage(report: &Value) -> bool {
    let gaps = report["statements"].as_array().into_iter().flatten().map(|one| one["spec"]["gaps"].to_string());
    !gaps.into_iter().any(|gaps| gaps.contains("usage was not kept from the beginning"))
}

/// The engine's lines are those of the reference, to the integer, and every Statement adds up.
fn as_the_reference(input: &Input) -> Result<(), TestCaseError> {
    let report = replay(input);
    if !keeps_usage(&report) {
        return Ok(());
    }
    let mut faults: Vec<_> =
        report["statements"].as_array().expect("a list").iter().flat_map(compare::faults).collect();
    faults.extend(compare::differences(&compare::bills(&report), &reference::bills(input)));
    prop_assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), traces::shown(&input.trace));
    Ok(())
}

/// What the engine can bill beside Pods, claims and load balancers at plain prices. What it learns goes here from
/// `features::EVERY`.
const BILLED: Features = &[
    Feature::Discounts,
    Feature::Minimums,
    Feature::Categories,
    Feature::NodePrices,
    Feature::PerNamespace,
    Feature::AllowedNamespaces,
    Feature::Tiers,
    Feature::Recurring,
    Feature::Until,
    Feature::Samples,
    Feature::Devices,
    Feature::Objects,
];

/// The same where nothing is seen late, and what is shared by usage as well: of how that is corrected after a Statement
/// has closed, the rules say little. Tiers and sharing are never on one plan.
const BILLED_IN_TIME: Features = &[
    Feature::Discounts,
    Feature::Minimums,
    Feature::Categories,
    Feature::NodePrices,
    Feature::PerNamespace,
    Feature::AllowedNamespaces,
    Feature::Recurring,
    Feature::Until,
    Feature::RecurringByUsage,
    Feature::Samples,
    Feature::Idle,
    Feature::SharedNamespaces,
];

/// What a limit can be made of.
const LIMITED: Features = &[Feature::Recurring, Feature::Thresholds, Feature::Seasons, Feature::ExchangeRates];

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn the_engine_agrees_with_the_reference(steps in traces::steps(40)) {
        as_the_reference(&traces::input(&steps))?;
    }

    #[test]
    fn the_engine_agrees_on_every_kind_of_cost(steps in traces::steps(40)) {
        as_the_reference(&traces::made(&steps, Manner::Wild, BILLED))?;
    }

    #[test]
    fn the_engine_agrees_on_what_is_seen_in_time(steps in traces::steps(40)) {
        as_the_reference(&traces::made(&steps, Manner::Punctual, BILLED_IN_TIME))?;
    }
}

proptest! {
    #![proptest_config(config(6))]

    #[test]
    fn the_reference_takes_nothing_back_but_by_corrections(steps in traces::steps(40)) {
        let input = traces::made(&steps, Manner::Wild, EVERY);
        for ((namespace, name), bill) in reference::bills(&input) {
            let fault = bill.lines.iter().find(|(key, quantity)| !key.correction && quantity.is_negative());
            prop_assert!(fault.is_none(), "{namespace}/{name}: {fault:?}\n{}", traces::shown(&input.trace));
        }
    }

    /// Σ namespaces + idle = Σ nodes.
    #[test]
    fn the_showback_adds_up(
        pods in prop::collection::vec((0_u16..8000, 1_u16..5000, 0_u16..600, 0_u16..900, any::<u8>()), 0..8),
        by in prop::sample::select(vec!["Keep", "Even", "Usage"]),
    ) {
        let input = showback::input(&pods, by);
        let report = replay(&input);
        let mut faults = showback::faults(&report, by);
        faults.extend(compare::differences(&compare::bills(&report), &reference::bills(&input)));
        prop_assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), traces::shown(&input.trace));
    }

    /// What is left of a limit, and when how much of it was spent, is as the reference says.
    #[test]
    fn the_engine_agrees_on_what_is_left(steps in traces::steps(40)) {
        let input = traces::made(&steps, Manner::Punctual, LIMITED);
        let faults = compare::differing_statuses(&replay(&input), &reference::statuses(&input));
        prop_assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), traces::shown(&input.trace));
    }

    /// What is metered in two parts of a time is what is metered in the whole of it.
    #[test]
    fn metering_is_additive(steps in traces::steps(40), part in 0_u32..10_000) {
        let whole = traces::punctual(&steps);
        let middle = whole.from + (whole.to - whole.from) * i64::from(part) / 10_000;
        prop_assume!(middle > whole.from);
        let first = quantities(&replay(&Input { to: middle, ..whole.clone() }));
        let mut parts = quantities(&replay(&Input { from: middle, ..whole.clone() }));
        for (key, quantity) in first {
            *parts.entry(key).or_default() += quantity;
        }
        prop_assert_eq!(parts, quantities(&replay(&whole)), "{}\n{}", middle, traces::shown(&whole.trace));
    }

    /// Whatever comes in whatever order, the machine goes on.
    #[test]
    fn nothing_makes_the_machine_panic(
        steps in traces::steps(30),
        disorder in prop::collection::vec(any::<(u8, u8, u32)>(), 1..60),
    ) {
        disorder::disturb(&traces::input(&steps).trace, &disorder);
    }
}

/// The steps in which a Namespace goes.
fn goings() -> impl Strategy<Value = Vec<leaving::Step>> {
    use Fate::{ColdStart, Failover, Lagging, Lost, Pass, Sweep, Unanswered};
    let fates = vec![Pass, Sweep, Lost, Unanswered, Lagging, Failover, ColdStart];
    let fate = prop::option::weighted(0.4, prop::sample::select(fates));
    prop::collection::vec((any::<u8>(), prop_oneof![Just(0_u16), 0_u16..40, 0_u16..1000], fate), 8)
}

proptest! {
    #![proptest_config(config(24))]

    /// Each edge is told once: by whoever leads then, or by whoever leads after, however often it takes.
    #[test]
    fn each_edge_is_told_once(
        fates in prop::collection::vec(
            (
                prop::sample::select(vec![0_i64, 715, 895, 1495]),
                0_i64..30,
                prop::sample::select(vec![Fate::Pass, Fate::Failover, Fate::Lost, Fate::Unanswered]),
            ),
            0..12,
        ),
    ) {
        let fates: Vec<_> = fates.into_iter().map(|(edge, after, fate)| (edge + after, fate)).collect();
        let faults = edges::told(&fates);
        prop_assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    /// What Prometheus counts is billed once, whoever asked for it and however long it did not answer.
    #[test]
    fn what_prometheus_counts_is_billed_once(
        fates in prop::collection::vec(
            (
                0_i64..9000,
                prop::sample::select(vec![
                    Fate::Pass, Fate::Sweep, Fate::Lost, Fate::Unanswered, Fate::Silent, Fate::Failover, Fate::ColdStart,
                ]),
            ),
            0..14,
        ),
        edits in prop::collection::vec(0_i64..9000, 0..4),
    ) {
        let faults = meters::billed(&fates, &edits);
        prop_assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    /// Whatever befalls the operator while a Namespace goes, each of its Statements is kept, once, and nothing is
    /// billed twice or lost.
    #[test]
    fn statements_outlive_their_namespace(
        after_midnight in prop::sample::select(vec![300, 590, 1800]), steps in goings(),
    ) {
        let faults = leaving::leave(after_midnight, &steps).faults();
        prop_assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

proptest! {
    #![proptest_config(config(12))]

    /// Nor does it matter to what a budget may spend, and to when so much of it was spent, who computed it and when.
    #[test]
    fn a_limit_is_the_same_whoever_asks(
        look in prop::sample::select(limits::LOOKS.to_vec()),
        fates in prop::collection::vec(
            (
                prop::sample::select(vec![60_i64, 90, 192, 205, 210]),
                -900_i64..1200,
                prop::sample::select(vec![Fate::Pass, Fate::Failover, Fate::ColdStart, Fate::Lost, Fate::Unanswered]),
            ),
            0..12,
        ),
    ) {
        let fates: Vec<_> = fates.into_iter().map(|(minute, after, fate)| (minute * 60 + after, fate)).collect();
        let faults = limits::differ(look, &fates);
        prop_assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
