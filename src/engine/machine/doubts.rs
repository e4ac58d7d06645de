//! What a plan or a budget says that can hardly be meant. It is done as it is written; the condition Ready says so.

use super::{BudgetState, Entry, Machine};
use crate::api::ChargeFrequency;
use crate::engine::allocation::bearing;
use crate::engine::budget::Budget;
use crate::engine::money::Exact;
use crate::engine::node_price::is_split_over;
use crate::engine::rate::{ClassPrices, PriceList};
use crate::engine::recurring::{Bearers, Charge, Due};
use crate::facts::{Name, Seconds};

/// What came longer ago is history; what recurs has its first date in the past more often than not.
const HISTORY: Seconds = 31 * 86_400;
const DAY: Seconds = 86_400;

/// Most names in one sentence.
const NAMED: usize = 3;

impl Machine {
    /// What is doubtful about each plan.
    pub fn doubtful(&self, now: Seconds) -> impl Iterator<Item = (&Name, Vec<String>)> {
        self.plans.keys().map(move |name| (name, self.doubts(name, now))).filter(|(_, doubts)| !doubts.is_empty())
    }

    /// What is doubtful about a plan as it is now.
    pub(super) fn doubts(&self, plan: &Name, now: Seconds) -> Vec<String> {
        let Some(list) = self.world.price_list(plan, now) else { return Vec::new() };
        let whole = list.classes.iter().filter(|class| matches!(class.prices, ClassPrices::Node(_)));
        let tiered: Vec<_> = list.tiers.keys().filter(|resource| is_split_over(resource)).collect();
        let twice = whole.flat_map(|class| tiered.iter().map(|resource| (&class.name, *resource)));
        let twice = twice.map(|(class, resource)| {
            format!(
                "nodeClasses {class}: pricePerNodeHour is not split over {resource}, which has tiers and is paid for beside the node: give {resource} a price in pricesPerHour instead"
            )
        });
        let borne = list.recurring.iter().filter(|charge| !charge.is_over(now));
        let borne = borne.filter_map(|charge| self.unborne(charge, now));
        let late = list.recurring.iter().filter_map(|charge| self.too_late(plan, charge, now));
        twice.chain(borne).chain(late).collect()
    }

    /// Which part of a charge falls to namespaces that do not exist.
    fn unborne(&self, charge: &Charge, now: Seconds) -> Option<String> {
        match &charge.bearers {
            Bearers::Listed(parts) => {
                let there = |name: &Name| self.world.namespaces.get(name).is_some_and(|one| one.is_there(now));
                // A trace need not tell of Namespaces.
                let told = !self.world.namespaces.is_empty();
                let missing: Vec<_> = parts.iter().filter(|(name, _)| told && !there(name)).collect();
                let part: Exact = missing.iter().map(|(_, part)| *part).sum();
                let names: Vec<_> = missing.iter().take(NAMED).map(|(name, _)| name.as_str()).collect();
                let more = if missing.len() > NAMED { " and others" } else { "" };
                (!missing.is_empty()).then(|| {
                    format!(
                        "{}: {part} of it falls to namespaces that do not exist, {}{more}, and is on no budget: create them, or name others in allocate.namespaces",
                        charge.name,
                        names.join(", ")
                    )
                })
            }
            Bearers::Even(selector) | Bearers::Usage(selector) => {
                let nobody = bearing(&self.world, selector, now).next().is_none();
                nobody.then(|| {
                    format!(
                        "{}: no namespace matches allocate.selector, so that it is on no budget: label one, or mend the selector",
                        charge.name
                    )
                })
            }
        }
    }

    /// A charge that fell due before the plan had it is not booked for that date (COST_RULES 16).
    fn too_late(&self, plan: &Name, charge: &Charge, now: Seconds) -> Option<String> {
        let first = charge.first_booked().filter(|first| now - first < HISTORY)?;
        let versions = &self.world.plans.get(plan)?.versions;
        let same = |one: &Charge| one.name == charge.name && one.from == charge.from;
        let has = |list: &PriceList| list.recurring.iter().any(same);
        let (since, _) = versions.iter().find(|(_, list)| list.as_deref().is_some_and(has))?;
        let once = charge.frequency() == ChargeFrequency::OneTime;
        let late = first < *since && (once || since - first < DAY);
        let (name, from) = (&charge.name, charge.from);
        late.then(|| {
            if once {
                format!("{name}: its date, {from}, was over when the plan had it, so that it is booked nowhere: date it later than the edit")
            } else {
                format!("{name}: its first date, {from}, was over when the plan had it, and is not booked; the next one is")
            }
        })
    }

    /// What came before a budget did, and is not in its first Statement.
    pub(super) fn came_before(&self, state: &BudgetState, spec: &Budget, entry: &Entry, now: Seconds) -> Vec<String> {
        let (begun, since) = (entry.ledger.window.start, state.since);
        let made_within = since > begun && entry.ledger.span.from == since && self.settings.from != Some(since);
        if !made_within || !spec.terms.charges {
            return Vec::new();
        }
        let Some(list) = spec.terms.price_list(&self.world, now) else { return Vec::new() };
        let had = |charge: &Charge, at| {
            let list = self.world.price_list(&spec.terms.plan, at);
            list.is_some_and(|list| list.recurring.iter().any(|one| one.name == charge.name))
        };
        let booked = |charge: &&Charge| {
            charge.due(begun, since).iter().any(|due| matches!(due, Due::Booked(at) if had(charge, *at)))
        };
        let falls_here = |charge: &&Charge| match &charge.bearers {
            Bearers::Listed(parts) => parts.iter().any(|(name, _)| spec.terms.scope.holds(&self.world, name, now)),
            Bearers::Even(selector) | Bearers::Usage(selector) => {
                bearing(&self.world, selector, now).any(|name| spec.terms.scope.holds(&self.world, name, now))
            }
        };
        let charges = list.recurring.iter().filter(booked).filter(falls_here);
        charges.map(|charge| charge.name.to_string()).collect()
    }
}
