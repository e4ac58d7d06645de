//! In which times a ledger shares in what is divided by a plan.
//!
//! What is divided is what came up in these times, so how usage stood when they began and ended has to be known for as
//! long as the ledger is open: it is marked there, and kept in the ledger's Statement (COST_RULES 22).

use std::collections::BTreeSet;

use litemap::LiteMap;

use super::change::kept;
use super::persist::time;
use super::restore::seen_before;
use super::{Entry, LedgerId, Machine};
use crate::api;
use crate::engine::accrual::Ramp;
use crate::engine::history::History;
use crate::engine::idle;
use crate::engine::item::Item;
use crate::engine::ledger::{Ledger, LineKey, joined};
use crate::engine::meter::{self, By, Growth, Terms};
use crate::engine::observed::Tag;
use crate::engine::rate::IDLE;
use crate::engine::statement;
use crate::facts::{Name, Seconds};

/// Most times that a Statement names, and most lines in them: of older ones it does not say how usage stood.
const MOST_SHARES: usize = 20;
const MOST_LINES: usize = 48;

impl Machine {
    /// How usage stands where budgets begin to share in it, or end to, is kept: of earlier instants nothing is known
    /// soon.
    pub(super) fn mark_usage(&mut self, at: Seconds) {
        let mut marks = Vec::new();
        for entry in self.ledgers.values() {
            for (by, from, until) in self.times(entry, at) {
                let Some(id) = self.usage_ledger(by, entry.ledger.bounds()) else { continue };
                marks.extend([Some(from), until].into_iter().flatten().map(|edge| (id, edge)));
            }
        }
        for (id, edge) in marks {
            self.ledgers.get_mut(&id).expect("found").ledger.mark(edge);
        }
    }

    /// As a Statement of `t` has them; none where they are the whole period under one plan.
    pub(super) fn shares(&self, entry: &Entry, t: Seconds) -> Vec<api::Share> {
        let mut shares = Vec::new();
        for (by, from, until) in self.times(entry, entry.ledger.clamp(t)) {
            let Some(usage) = self.usage_ledger(by, entry.ledger.bounds()).map(|id| &self.ledgers[&id].ledger) else {
                continue;
            };
            if from > usage.span.from || until.is_some() || !shares.is_empty() {
                shares.push(api::Share {
                    plan: by.0.to_string(),
                    basis: by.1,
                    from: time(from),
                    until: until.map(time),
                    before: Some(self.shared_lines(by.0, usage, from)),
                    after: until.map(|until| self.shared_lines(by.0, usage, until)),
                });
            }
        }
        let mut shares = shares.split_off(shares.len().saturating_sub(MOST_SHARES));
        let mut room = MOST_LINES;
        for share in shares.iter_mut().rev() {
            match room.checked_sub(share.lines()) {
                Some(left) => room = left,
                None => (room, share.before, share.after) = (0, None, None),
            }
        }
        shares
    }

    /// Takes over from a Statement how usage stood, and adds what it had not seen of that time.
    pub(super) fn adopt_shares(&mut self, statement: &api::Statement) {
        let spec = &statement.spec;
        let bounds = (spec.period.start.0.as_second(), spec.period.end.0.as_second());
        let cut = self.cut_of(statement).unwrap_or_default();
        let (watermark, moved) = (spec.watermark.0.as_second(), self.moved(spec));
        let known = watermark + self.settings.lag;
        let seen = |item: &Item, growth| {
            if moved { (growth, Tag::KNOWN) } else { seen_before(item, growth, &cut, watermark, known) }
        };
        for share in &spec.shares {
            let plan = Name::from(share.plan.as_str());
            let Some(id) = self.usage_ledger((&plan, share.basis), bounds) else { continue };
            let edges = [(Some(&share.from), &share.before), (share.until.as_ref(), &share.after)];
            for (at, lines) in edges.into_iter().filter_map(|(at, lines)| Some((at?.0.as_second(), lines.as_ref()?))) {
                if self.ledgers[&id].ledger.is_marked(at) {
                    continue;
                }
                let mut quantities = statement::read(lines, &mut self.rates).quantities;
                for (line, ramp) in self.unseen(id, at, watermark, &seen) {
                    *quantities.entry(line).or_default() += ramp.value(at);
                }
                self.ledgers.get_mut(&id).expect("found").ledger.adopt_mark(at, quantities);
            }
        }
    }

    /// What is news of Pods that had ended by `t`.
    fn unseen(
        &mut self,
        id: LedgerId,
        t: Seconds,
        watermark: Seconds,
        seen: &dyn Fn(&Item, Growth) -> (Growth, Tag),
    ) -> Vec<(LineKey, Ramp)> {
        let Self { world, rates, ledgers, .. } = self;
        let entry = &ledgers[&id];
        let (budget, span) = (&entry.budget, &entry.ledger.span);
        let (mut learned, mut growths, mut nodes) = (Vec::new(), Vec::new(), BTreeSet::new());
        let ended = world.items.values().flat_map(LiteMap::values).filter(|item| item.end < t);
        for item in ended.filter(|item| news(item, seen).is_some()) {
            nodes.extend(item.node());
            meter::growth(world, rates, span, item, Seconds::MIN, 1, &mut growths);
            learned.extend(growths.drain(..).map(|growth| seen(item, kept(budget, growth))));
        }
        for node in nodes.into_iter().filter(|_| entry.meters_idle()) {
            learned.extend(idle::known_growth(world, rates, span, node, watermark, |pod| news(pod, seen)));
        }
        let is_usage = |growth: &Growth| growth.line != LineKey::UNSAMPLED;
        let learned = learned.into_iter().filter(|(growth, tag)| *tag != Tag::KNOWN && is_usage(growth));
        let ramp = |Growth { line, at, rate, step }, tag| (line, Ramp { at, rate, step, tag });
        learned.map(|(growth, tag)| ramp(growth, tag)).collect()
    }

    /// The ledger of what everybody uses under a plan in that period.
    pub(super) fn usage_ledger(&self, by: By<'_>, bounds: (Seconds, Seconds)) -> Option<LedgerId> {
        let of_plan = self.usages.iter().enumerate().filter(|(_, usage)| usage.by() == by);
        let mut ids = of_plan.filter_map(|(i, _)| self.billing.get(&self.usage_key(i))).flatten();
        ids.find(|id| self.ledgers[id].ledger.bounds() == bounds).copied()
    }

    /// By plan and basis, from when, and until when where that is over by `t`; in order.
    fn times<'a>(&'a self, entry: &'a Entry, t: Seconds) -> Vec<(By<'a>, Seconds, Option<Seconds>)> {
        let span = &entry.ledger.span;
        let mut times = Vec::new();
        for by in self.shared_by(entry) {
            let uses = joined(&span.uses(&self.world, by, t.saturating_add(1)));
            let ended = |to: Seconds| Some(to).filter(|to| *to <= t && *to < span.until);
            times.extend(uses.into_iter().map(|(from, to)| (by, from, ended(to))));
        }
        times.sort_by_key(|(_, from, _)| *from);
        times
    }

    /// Of how usage stood at `t`, what may be shared: what was idle, and what shared namespaces had used.
    fn shared_lines(&self, plan: &Name, usage: &Ledger, t: Seconds) -> Vec<api::Line> {
        let shared = |namespace: &Name| self.is_ever_shared(plan, namespace);
        let lines = usage.within(&self.rates, &[(usage.span.from, t)]).into_iter();
        let counts = |(namespace, rate): &(Option<Name>, _)| match namespace {
            Some(namespace) => shared(namespace),
            None => self.rates.get(*rate).name.starts_with(IDLE),
        };
        let lines = lines.filter(|(of, _)| counts(of));
        let lines = lines.map(|((namespace, rate), quantity)| (LineKey { namespace, workload: None, rate }, quantity));
        statement::lines(&self.rates, lines)
    }
}

/// Where a Statement does not say how usage stood when it began to share in it, a restart counts all of the period.
pub(super) fn unkept(spec: &api::StatementSpec) -> impl Iterator<Item = api::Gap> {
    let unkept = spec.shares.iter().filter(|share| share.before.is_none());
    unkept.map(|share| api::Gap {
        from: spec.period.start.clone(),
        to: share.from.clone(),
        reason: format!("PricePlan {}: what is shared of the time before is too much to be kept apart", share.plan),
    })
}

/// What tells that a Pod has ended, where that is news.
pub(super) fn news(pod: &Item, seen: &dyn Fn(&Item, Growth) -> (Growth, Tag)) -> Option<Tag> {
    let end = Growth { line: LineKey::NOTHING, at: pod.end, rate: -1, step: 0 };
    Some(seen(pod, end).1).filter(|tag| *tag != Tag::KNOWN)
}

/// What a budget asked for in a Statement's time, as far as that tells: now it asks for `current`.
pub(super) fn shared_terms(current: Option<&Terms>, shares: &[api::Share]) -> History<Option<Terms>> {
    let Some(current) = current.filter(|_| !shares.is_empty()) else {
        return History::starting(Seconds::MIN, current.cloned());
    };
    let apart = Some(Terms { charges: false, idle: false, ..current.clone() });
    let mut terms = History::starting(Seconds::MIN, apart.clone());
    for (i, share) in shares.iter().enumerate() {
        let by_it = Terms {
            pods: None,
            charges: true,
            basis: share.basis,
            plan: share.plan.as_str().into(),
            ..current.clone()
        };
        terms.set(share.from.0.as_second(), Some(by_it));
        if let Some(until) = &share.until {
            let last = i + 1 == shares.len();
            terms.set(until.0.as_second(), if last { Some(current.clone()) } else { apart.clone() });
        }
    }
    terms
}
