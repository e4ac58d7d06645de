//! What the Budgets of a ClusterBudget come to: the sum of what each of them shows, so that it adds up for whoever reads
//! both.

use std::borrow::Cow;

use super::Machine;
use crate::api::{BudgetStatus, BurnRate, Forecast};
use crate::engine::budget::BudgetKey;
use crate::engine::money::{Exact, amount_text, parse_exact, used_percent};
use crate::facts::{Name, Seconds};

impl Machine {
    /// Sums, where all of them are in one currency and have the figure.
    pub(super) fn fill_totals(&self, status: &mut BudgetStatus, key: &BudgetKey, now: Seconds) {
        let children: Vec<_> = self.shown_children(key, now).into_iter().map(|(_, shown)| shown).collect();
        let Some(money) = children.first().and_then(|first| first.currency) else { return };
        if children.iter().any(|child| child.currency != Some(money)) {
            return;
        }
        let sum = |figure: &dyn Fn(&BudgetStatus) -> Option<&String>| {
            let amounts = children.iter().map(|child| figure(child).and_then(|text| parse_exact(text).ok()));
            amounts
                .collect::<Option<Vec<_>>>()
                .map(|amounts| amounts.iter().fold(Exact::default(), |sum, one| sum + one))
        };
        let text = |amount: &Exact| amount_text(amount, money);
        let (spent, limit) = (sum(&|child| child.spent.as_ref()), sum(&|child| child.limit.as_ref()));
        status.currency = Some(money);
        status.spent = spent.as_ref().map(text);
        status.limit = limit.as_ref().map(text);
        if let (Some(spent), Some(limit)) = (&spent, &limit) {
            status.remaining = Some(text(&(limit - spent)));
            status.used_percent = Some(used_percent(spent, limit));
        }
        status.fixed = sum(&|child| child.fixed.as_ref()).as_ref().map(text);
        status.committed = sum(&|child| child.committed.as_ref()).as_ref().map(text);
        let forecast = sum(&|child| child.forecast.as_ref().map(|forecast| &forecast.amount));
        status.forecast = forecast.map(|amount| Forecast { amount: text(&amount), exhausts_at: None });
        let rate = sum(&|child| child.burn_rate.as_ref().map(|rate| &rate.per_day));
        status.burn_rate = rate.map(|amount| BurnRate { per_day: text(&amount) });
        status.updated = children.iter().filter_map(|child| child.updated.clone()).min();
    }

    /// In which of its namespaces a condition of that kind holds.
    pub(super) fn children_with(&self, key: &BudgetKey, kind: &str, now: Seconds) -> Vec<Name> {
        let holds = |shown: &BudgetStatus| shown.conditions.iter().any(|c| c.type_ == kind && c.status == "True");
        let children = self.shown_children(key, now).into_iter().filter(|(_, shown)| holds(shown));
        children.map(|(namespace, _)| namespace).collect()
    }

    /// Its Budgets as they were shown last; in a replay nothing was.
    fn shown_children(&self, key: &BudgetKey, now: Seconds) -> Vec<(Name, Cow<'_, BudgetStatus>)> {
        let child = |namespace: Name| {
            let child = BudgetKey::of(Some(namespace.clone()), key.name.clone());
            let state = self.budgets.get(&child).filter(|state| state.exists && state.is_child)?;
            let shown =
                if self.settings.replay { Cow::Owned(self.status(&child, now)) } else { Cow::Borrowed(&*state.status) };
            Some((namespace, shown))
        };
        self.selected(key, now).into_iter().filter_map(child).collect()
    }
}
