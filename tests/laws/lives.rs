//! What befalls an operator that lives through a trace changes nothing in its Statements.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use crate::features::Feature;
use crate::reference::{Bill, Input, Seconds, compare};
use crate::sharing::{with_a_late_budget, with_sharing};
use crate::simulation::{Fate, live, live_seldom};
use crate::{config, replay, sampled, totals, traces, with_charges};

/// What befalls the replicas, in seconds from the beginning.
fn fates(kinds: &'static [Fate], most: usize) -> impl Strategy<Value = Vec<(u16, Fate)>> {
    prop::collection::vec((0_u16..9000, prop::sample::select(kinds)), 0..most)
}

/// Without those failovers in which whoever takes over has not yet been there for two minutes, and so lacks samples.
fn apart(fates: &[(u16, Fate)]) -> Vec<(u16, Fate)> {
    let mut fates = fates.to_vec();
    fates.sort_by_key(|(at, _)| *at);
    let mut over = None;
    fates.retain(|(at, fate)| {
        let early = matches!(fate, Fate::Failover) && over.is_some_and(|over| at - over < 120);
        over = if matches!(fate, Fate::Failover) && !early { Some(*at) } else { over };
        !early
    });
    fates
}

/// When a live operator has persisted everything, `lag` before `to`, it shows what a replay up to there shows; when
/// exactly it closed a Statement is its own business.
fn lives_as_it_replays(input: &Input, replicas: usize, fates: &[(u16, Fate)]) -> Result<(), TestCaseError> {
    let fates: Vec<_> = fates.iter().map(|(at, fate)| (input.from + Seconds::from(*at), *fate)).collect();
    let lived = live(&input.trace, input.to, replicas, &fates);
    let replayed = replay(&Input { to: input.to - 10, ..input.clone() });
    let unclosed = |report: &Value| -> BTreeMap<_, _> {
        let bills = compare::bills(report).into_iter();
        bills.map(|(name, bill)| (name, Bill { closed_at: None, ..bill })).collect()
    };
    let mut faults: Vec<_> = lived["statements"].as_array().expect("a list").iter().flat_map(compare::faults).collect();
    faults.extend(compare::differences(&unclosed(&lived), &unclosed(&replayed)));
    let (totals, expected) = (totals(&lived), totals(&replayed));
    if totals != expected {
        faults.push(format!("totals\n  engine:    {totals:?}\n  reference: {expected:?}"));
    }
    let shown = || faults.join("\n").replace("engine:", "lived:").replace("reference:", "replayed:");
    prop_assert!(faults.is_empty(), "{}\n{fates:?}\n{}", shown(), traces::shown(&input.trace));
    Ok(())
}

proptest! {
    #![proptest_config(config(3))]

    /// The ledger does not depend on when and how often anybody looked, nor on lost writes.
    #[test]
    fn when_passes_ran_does_not_matter(
        steps in traces::steps(30),
        fates in fates(&[Fate::Pass, Fate::Sweep, Fate::Lost, Fate::Unanswered], 12),
    ) {
        lives_as_it_replays(&traces::calm(&steps), 1, &fates)?;
        lives_as_it_replays(&traces::calm_with(&steps, &[Feature::Samples]), 1, &fates)?;
    }

    /// Nor on what is forgotten of the past, over days.
    #[test]
    fn what_is_forgotten_does_not_matter(
        steps in prop::collection::vec((0_u16..20_000, any::<[u8; 6]>()), 1..60),
        sweeps in prop::collection::vec(0_u32..1_000_000, 1..20),
    ) {
        let input = traces::long(&steps);
        let fates: Vec<_> = sweeps.iter().map(|at| (input.from + Seconds::from(*at), Fate::Sweep)).collect();
        let bills = |fates: &[_]| compare::bills(&live_seldom(&input.trace, input.to, 1, fates));
        let faults = compare::differences(&bills(&fates), &bills(&[]));
        prop_assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), traces::shown(&input.trace));
    }

    /// A standby that has seen everything goes on where the leader stopped.
    #[test]
    fn which_replica_wrote_does_not_matter(
        steps in traces::steps(30),
        fates in fates(&[Fate::Pass, Fate::Failover, Fate::Lost, Fate::Unanswered], 12),
    ) {
        lives_as_it_replays(&traces::calm(&steps), 2, &fates)?;
        lives_as_it_replays(&with_charges(traces::calm(&steps)), 2, &fates)?;
        lives_as_it_replays(&with_sharing(traces::calm(&steps)), 2, &fates)?;
        lives_as_it_replays(&traces::calm_with(&steps, &[Feature::Samples]), 2, &apart(&fates))?;
    }

    /// Nor when the Budgets of a ClusterBudget were written.
    #[test]
    fn when_a_child_is_written_does_not_matter(
        steps in traces::steps(40),
        fates in fates(&[Fate::Pass, Fate::Sweep, Fate::Failover, Fate::Lost, Fate::Unanswered], 12),
    ) {
        lives_as_it_replays(&traces::calm_with(&steps, &[Feature::PerNamespace]), 2, &fates)?;
    }

    /// Nor does how far its watches were behind when it took over.
    #[test]
    fn a_standby_that_is_behind_catches_up(
        pods in prop::collection::vec((0_u16..900, 0_u16..600, any::<u8>(), any::<u8>()), 8..20),
        deaf in prop::collection::vec((0_u16..1500, 1_u16..90), 1..6),
    ) {
        let fates: Vec<_> = deaf.iter().flat_map(|(at, long)| [(*at, Fate::Deaf), (at + long, Fate::Failover)]).collect();
        lives_as_it_replays(&traces::own_times(&pods, &[]), 2, &fates)?;
    }

    /// Nor is anything guessed of what was used while nobody was there.
    #[test]
    fn what_was_used_unseen_is_marked_and_not_guessed(
        every in 10_u16..150, late in 0_u16..60, starts in prop::collection::vec(30_u16..3000, 0..6),
    ) {
        let faults = sampled::restarted(every, late, &starts);
        prop_assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    /// A process that comes after a crash goes on from the Statements and what still exists.
    #[test]
    fn restarts_do_not_matter_to_pods_that_carry_their_times(
        pods in prop::collection::vec((0_u16..6000, 0_u16..3000, any::<u8>(), any::<u8>()), 1..8),
        edits in prop::collection::vec((0_u16..7000, any::<u8>()), 0..4),
        fates in fates(&[Fate::Pass, Fate::ColdStart, Fate::Lost, Fate::Unanswered], 8),
    ) {
        lives_as_it_replays(&traces::own_times(&pods, &edits), 1, &fates)?;
        lives_as_it_replays(&with_charges(traces::own_times(&pods, &edits)), 1, &fates)?;
        lives_as_it_replays(&with_a_late_budget(with_sharing(traces::own_times(&pods, &edits))), 1, &fates)?;
    }
}
