//! Who bears what nobody has of their own: idle capacity, and namespaces that serve others.

use std::collections::{BTreeMap, BTreeSet};

use num_rational::BigRational;
use num_traits::Zero;
use serde_json::{Value, json};

use super::held::counts;
use super::idle::idle_at;
use super::plans::{plan_at, usable};
use super::pods::Pod;
use super::recurring::{Costs, by_cost, charge, evenly, selected, weighted};
use super::selector::matches;
use super::spells::{Owner, Statement};
use super::tally::Tally;
use super::usage::costs;
use super::world::World;
use super::{Charge, Seconds};

/// The time in which a Statement's budget used a plan on a basis, and its spec at the end of it.
struct Use<'a> {
    /// What is known, and what was when the Statement closed.
    world: &'a World,
    closing: &'a World,
    owner: &'a Owner,
    so_far: (Seconds, Seconds),
    plan: String,
    basis: Value,
    times: Vec<(Seconds, Seconds)>,
    spec: &'a Value,
}

/// Adds a Statement's parts of what is shared.
pub fn share(world: &World, closing: &World, statement: &Statement, tally: &mut Tally) {
    for using in uses(world, closing, statement) {
        let sharing = using.rule()["sharing"].clone();
        let adds_idle = using.spec["includeIdle"] == true;
        if sharing.is_null() && !adds_idle {
            continue;
        }
        let idle = using.idle();
        let given: BTreeMap<_, _> =
            idle.keys().map(|resource| (resource.clone(), using.idle_parts(&sharing["idle"], resource))).collect();
        for (resource, cost) in &idle {
            let rate = format!("idle/{resource}");
            for (namespace, part) in &given[resource] {
                using.line(&rate, namespace, cost * part, tally);
            }
            if adds_idle {
                let away: BigRational = given[resource].iter().map(|(_, part)| part).sum();
                tally.charge(using.charge(&rate, ""), cost * (BigRational::from_integer(1.into()) - away));
            }
        }
        using.namespaces(&sharing["namespaces"], &idle, &given, tally);
    }
}

fn uses<'a>(world: &'a World, closing: &'a World, statement: &'a Statement) -> Vec<Use<'a>> {
    let mut uses: Vec<Use<'a>> = Vec::new();
    for (from, to, spec) in statement.windows.iter().filter(|(_, _, spec)| spec["podSelector"].is_null()) {
        let plan = spec["pricePlan"].as_str().unwrap_or("default");
        let so_far = statement.so_far(closing);
        for (from, to) in world.stretches(*from, *to) {
            if usable(world, &statement.owner, plan, from).is_none() {
                continue;
            }
            if !uses.iter().any(|one| one.plan == plan && one.basis == spec["basis"]) {
                let (plan, basis, owner) = (plan.to_owned(), spec["basis"].clone(), &statement.owner);
                uses.push(Use { world, closing, owner, so_far, plan, basis, times: Vec::new(), spec });
            }
            let using = uses.iter_mut().find(|one| one.plan == plan && one.basis == spec["basis"]).expect("just put");
            using.times.push((from, to));
            using.spec = spec;
        }
    }
    uses
}

// === impl Use ===

impl Use<'_> {
    /// The last second of it.
    fn end(&self) -> Seconds {
        self.times.last().expect("some time").1 - 1
    }

    /// The plan at the end.
    fn rule(&self) -> &Value {
        plan_at(self.closing, &self.plan, self.end()).unwrap_or(&Value::Null)
    }

    fn by(&self) -> Value {
        json!({"pricePlan": self.plan, "basis": self.basis})
    }

    /// The cost of what was idle, by resource.
    fn idle(&self) -> Costs {
        let pods: Vec<_> = self.world.all("Pod").filter_map(|pod| Pod::of(pod, self.world)).collect();
        let mut costs = Costs::new();
        for (from, to) in &self.times {
            let plan = usable(self.world, self.owner, &self.plan, *from).expect("a plan in use");
            for (resource, cost) in idle_at(self.world, &pods, plan, *from) {
                let seconds = BigRational::from_integer((to - from).into());
                *costs.entry(resource).or_insert_with(BigRational::zero) += cost * seconds;
            }
        }
        costs
    }

    /// What the namespaces' objects cost in the period so far, of a resource or all of them.
    fn costs(&self, resource: Option<&str>) -> Costs {
        costs(self.closing, &self.by(), &[self.so_far], resource)
    }

    fn idle_parts(&self, idle: &Value, resource: &str) -> Vec<(String, BigRational)> {
        let all = selected(self.closing, &Value::Null, self.end());
        match idle["by"].as_str().unwrap_or("Keep") {
            "Keep" => Vec::new(),
            "Even" => evenly(&all),
            _ => by_cost(&all, &self.costs(Some(resource))),
        }
    }

    fn namespaces(
        &self,
        rule: &Value,
        idle: &Costs,
        given: &BTreeMap<String, Vec<(String, BigRational)>>,
        to: &mut Tally,
    ) {
        if rule.is_null() {
            return;
        }
        let shared = self.shared(&rule["selector"]);
        let there = selected(self.closing, &Value::Null, self.end());
        let others: Vec<_> = there.into_iter().filter(|name| !shared.contains(name)).collect();
        let parts = match rule["by"].as_str().expect("how it is shared") {
            "Even" => evenly(&others),
            "Usage" => by_cost(&others, &self.costs(None)),
            _ => weighted(&rule["weights"]),
        };
        let metered = costs(self.world, &self.by(), &self.times, None);
        for name in &shared {
            let own = metered.get(name).cloned().unwrap_or_else(BigRational::zero);
            let parts_of_idle =
                given.iter().flat_map(|(resource, parts)| parts.iter().map(move |part| (resource, part)));
            let of_idle = parts_of_idle.filter(|(_, (namespace, _))| namespace == name);
            let of_idle: BigRational = of_idle.map(|(resource, (_, part))| &idle[resource] * part).sum();
            let cost = own + self.recurring(name) + of_idle;
            for (namespace, part) in parts.iter().filter(|(namespace, _)| !shared.contains(namespace)) {
                self.line(&format!("shared/{name}"), namespace, &cost * part, to);
            }
        }
    }

    /// The namespaces that match at the end, or did when they went.
    fn shared(&self, selector: &Value) -> BTreeSet<String> {
        let known = self.closing.all("Namespace").filter(|one| one.made(self.closing.from) <= self.end());
        let names: BTreeSet<_> = known.map(|one| one.name().to_owned()).collect();
        let matching = names.into_iter().filter(|name| {
            let here = self.closing.named("Namespace", name).find(|one| one.lives_at(self.end()));
            let last = here.or_else(|| self.closing.named("Namespace", name).last()).expect("a namespace");
            matches(selector, &last.at(self.end())["metadata"]["labels"])
        });
        matching.collect()
    }

    /// What the calendar charges a namespace.
    fn recurring(&self, namespace: &str) -> BigRational {
        let owner = ("Namespace".to_owned(), namespace.to_owned(), String::new());
        let mut tally = Tally::default();
        for (from, to) in &self.times {
            charge(self.world, &owner, &(*from, *to, self.by()), &|| self.costs(None), &mut tally);
        }
        tally.charges.values().sum()
    }

    /// Adds a namespace's part if the budget counts it.
    fn line(&self, rate: &str, namespace: &str, cost: BigRational, tally: &mut Tally) {
        if counts(self.closing, self.owner, self.spec, namespace, self.end()) {
            tally.charge(self.charge(rate, namespace), cost);
        }
    }

    fn charge(&self, rate: &str, namespace: &str) -> Charge {
        let idle = rate.starts_with("idle/");
        Charge {
            namespace: namespace.to_owned(),
            plan: Some(self.plan.clone()),
            rate: rate.to_owned(),
            category: if idle { "Compute" } else { "Other" }.to_owned(),
            frequency: if idle { "UsageBased" } else { "" }.to_owned(),
            correction: false,
        }
    }
}
