//! Laws that hold for every trace, whatever happened in it. A failing case is shrunk to the shortest trace that still
//! fails, and printed line by line.

#[path = "reference/reference.rs"]
mod reference;
#[path = "laws/traces.rs"]
mod traces;

use jiff::Timestamp;
use opex_operator::replay::trace::Trace;
use opex_operator::replay::{Options, Replay};
use proptest::prelude::*;
use serde_json::Value;

use reference::{Input, compare};

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

/// `PROPTEST_CASES` overrides the number of cases.
fn config(cases: u32) -> ProptestConfig {
    let config = ProptestConfig { max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { ProptestConfig { cases, ..config } }
}

proptest! {
    #![proptest_config(config(256))]

    /// The engine's lines are those of the reference, to the integer, and every Statement adds up.
    #[test]
    fn the_engine_agrees_with_the_reference(steps in traces::steps(40)) {
        let input = traces::input(&steps);
        let report = replay(&input);
        let mut faults: Vec<_> = report["statements"].as_array().expect("a list").iter().flat_map(compare::faults).collect();
        faults.extend(compare::differences(&compare::bills(&report), &reference::bills(&input)));
        prop_assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), traces::shown(&input.trace));
    }
}
