//! Back from a Statement: which stretch its lines of graduated prices belong to.
//!
//! A line says a unit price and no time. Where the ledger's own account comes to what is shown, it stands: a standby
//! has seen it all. Otherwise a resource's stretches are filled in the order in which they came, each
//! from the lines at its own prices and no further than its steps reach. What no stretch claims was used before.

use std::collections::{BTreeMap, HashMap};

use super::{Grade, Regimes, stretches};
use crate::engine::ledger::LineKey;
use crate::engine::ledger::graduated::{by_rate, by_steps, is_same};
use crate::engine::money::{Unit, UnitPrice, apportion};
use crate::engine::rate::{RateId, Rates};
use crate::facts::Name;

type Priced = (Name, Option<UnitPrice>);

/// Lines by the plan and unit price that they show.
type Lines = BTreeMap<Priced, Vec<(LineKey, i128)>>;

impl Regimes<'_> {
    /// Lines of a Statement by the ledger's own rates. `own` is its own account of the same instant.
    pub fn recall(
        &self,
        rates: &mut Rates,
        shown: &HashMap<LineKey, i128>,
        own: &[(LineKey, i128)],
    ) -> HashMap<LineKey, i128> {
        let expanded = by_steps(rates, own.to_vec(), &stretches(rates, &by_rate(own)));
        let mut recalled = HashMap::new();
        let mut graduated: BTreeMap<(Name, Unit), Lines> = BTreeMap::new();
        for (key, quantity) in shown.clone() {
            let rate = rates.get(key.rate);
            if rate.correction || quantity <= 0 || self.resource(&rate.name, &rate.unit).is_none() {
                recalled.insert(key, quantity);
                continue;
            }
            let priced = (rate.plan.clone(), rate.price.clone());
            let position = graduated.entry((rate.name.clone(), rate.unit.clone())).or_default();
            position.entry(priced).or_default().push((key, quantity));
        }
        for ((name, unit), mut lines) in graduated {
            let Some((resource, slices)) = self.resource(&name, &unit) else { continue };
            let counts = |key: &LineKey| {
                let rate = rates.get(key.rate);
                !rate.correction && (&rate.name, &rate.unit) == (&name, &unit)
            };
            if is_same(shown, &expanded, counts) {
                recalled.extend(own.iter().filter(|(key, _)| counts(key)).cloned());
                continue;
            }
            let order = |(key, _): &(LineKey, i128)| (key.namespace.clone(), key.workload.clone(), key.rate);
            for lines in lines.values_mut() {
                lines.sort_by_key(order);
            }
            let grades = self.grades(resource, slices);
            let taken = self.fill(resource, &grades, &lines);
            for (priced, lines) in lines {
                share_out(rates, &grades, &taken[&priced], &lines, &mut recalled);
            }
        }
        recalled
    }

    /// The resource of a rate that is graduated at some time, and how many share one of it.
    fn resource<'n>(&self, name: &'n str, unit: &Unit) -> Option<(&'n str, u32)> {
        let (resource, slices) = match unit {
            Unit::DeviceMilliseconds { replicas } if *replicas > 1 => {
                (name.strip_suffix(&format!("/{replicas}")).unwrap_or(name), *replicas)
            }
            _ => (name, 1),
        };
        self.first(resource).map(|_| (resource, slices))
    }

    /// What each stretch takes of the lines at each price.
    fn fill(&self, resource: &str, grades: &[(&Name, Grade)], lines: &Lines) -> HashMap<Priced, Vec<i128>> {
        let sum = |lines: &Vec<(LineKey, i128)>| lines.iter().map(|(_, quantity)| quantity).sum::<i128>();
        let mut left: HashMap<_, _> = lines.iter().map(|(priced, lines)| (priced.clone(), sum(lines))).collect();
        let mut taken: HashMap<_, _> = lines.keys().map(|priced| (priced.clone(), vec![0; grades.len()])).collect();
        // What was used at a price from before the first graduated one, or at one that no stretch has.
        let before = |priced: &Priced| {
            let flat = self.0[..self.first(resource).unwrap_or_default()].iter();
            let price = |list: Option<&crate::engine::rate::PriceList>| list?.prices.get(resource).cloned();
            flat.into_iter().any(|regime| *regime.plan == priced.0 && price(regime.list) == priced.1)
        };
        let claimed = |priced: &Priced| {
            let mut steps = grades.iter().flat_map(|(plan, grade)| grade.steps.iter().map(move |step| (*plan, step)));
            steps.any(|(plan, step)| *plan == priced.0 && step.price == priced.1)
        };
        let mut position = 0;
        for (priced, left) in &mut left {
            if before(priced) || !claimed(priced) {
                position += std::mem::take(left);
            }
        }
        for (i, (plan, grade)) in grades.iter().enumerate() {
            for step in grade.steps.iter() {
                let room = step.end.map_or(i128::MAX, |end| (end - position).max(0));
                let priced = ((*plan).clone(), step.price.clone());
                let there = left.get_mut(&priced);
                let part = there.as_ref().map_or(0, |there| room.min(**there));
                if let Some(there) = there {
                    *there -= part;
                    taken.get_mut(&priced).expect("as left")[i] += part;
                }
                position += part;
                if part < room {
                    break;
                }
            }
        }
        taken
    }
}

/// Shares the lines at one price out to the stretches that took of them; what nobody took stays as it was read.
fn share_out(
    rates: &mut Rates,
    grades: &[(&Name, Grade)],
    taken: &[i128],
    lines: &[(LineKey, i128)],
    recalled: &mut HashMap<LineKey, i128>,
) {
    let rows: Vec<_> = lines.iter().map(|(_, quantity)| *quantity).collect();
    let rest = rows.iter().sum::<i128>() - taken.iter().sum::<i128>();
    let columns: Vec<_> = taken.iter().copied().chain([rest]).collect();
    for ((key, _), parts) in lines.iter().zip(apportion(&columns, &rows)) {
        for (i, part) in parts.into_iter().enumerate().filter(|(_, part)| *part != 0) {
            let rate: RateId = grades.get(i).map_or(key.rate, |(_, grade)| rates.graduated(key.rate, grade));
            *recalled.entry(LineKey { rate, ..key.clone() }).or_default() += part;
        }
    }
}
