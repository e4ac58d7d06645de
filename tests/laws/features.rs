//! What a trace can have beside Pods, claims, load balancers and plain prices, each switched on by its name.

use serde_json::{Value, json};

/// Something that a cluster or a plan has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    Discounts,
    Minimums,
    Categories,
    NodePrices,
    AllowedNamespaces,
    Tiers,
    /// By listed weights and evenly.
    Recurring,
    /// That they come to an end.
    Until,
    /// In proportion to usage.
    RecurringByUsage,
    Idle,
    SharedNamespaces,
    Devices,
    Objects,
    Samples,
    PerNamespace,
    /// Limits and thresholds that change.
    Thresholds,
    ExchangeRates,
    /// Seasons, peaks, what is left over, and overrides.
    Seasons,
}

pub type Features = &'static [Feature];

/// All of them.
pub const EVERY: Features = &[
    Feature::Discounts,
    Feature::Minimums,
    Feature::Categories,
    Feature::NodePrices,
    Feature::AllowedNamespaces,
    Feature::Tiers,
    Feature::Recurring,
    Feature::Until,
    Feature::RecurringByUsage,
    Feature::Idle,
    Feature::SharedNamespaces,
    Feature::Devices,
    Feature::Objects,
    Feature::Samples,
    Feature::PerNamespace,
    Feature::Thresholds,
    Feature::ExchangeRates,
    Feature::Seasons,
];

/// Choices, one after the other, that are the same for the same seed.
pub struct Dice(u64);

// === impl Dice ===

impl Dice {
    pub fn new(seed: &[u8]) -> Self {
        Self(
            seed.iter()
                .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)),
        )
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    pub fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    pub fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.roll(of.len() as u64)).expect("a small number")]
    }
}

/// Adds to a plan's spec what is switched on.
pub fn extend_plan(spec: &mut Value, features: Features, seed: &[u8]) {
    let mut dice = Dice::new(seed);
    let shares = [Feature::RecurringByUsage, Feature::Idle, Feature::SharedNamespaces];
    // How tiers are split is left open, and so are shares by what they make of it: plans in dollars do not share.
    let dollars = spec["currency"] == "USD";
    let separate = features.iter().any(|feature| shares.contains(feature));
    for feature in features {
        match feature {
            Feature::Discounts => spec["discounts"] = discounts(&mut dice),
            Feature::Minimums => spec["minimumPerPod"] = minimums(&mut dice),
            Feature::Categories => spec["categories"] = categories(&mut dice),
            Feature::NodePrices => node_price(spec, &mut dice),
            Feature::AllowedNamespaces => allowed(spec, &mut dice),
            Feature::Tiers if dollars || !separate => tiers(spec, &mut dice),
            Feature::Recurring => recurring(spec, &mut dice),
            Feature::Until => until(spec, &mut dice),
            Feature::RecurringByUsage if !dollars => recurring_by_usage(spec, &mut dice),
            Feature::Idle if !dollars => {
                spec["sharing"]["idle"] = json!({"by": dice.pick(&["Keep", "Even", "Usage", "Usage"])});
            }
            Feature::SharedNamespaces if !dollars => shared_namespaces(spec, &mut dice),
            Feature::Devices => {
                let price = dice.pick(&["0.95", "0"]);
                spec["devices"] = json!([{"deviceClass": dice.pick(&["gpu", "mig"]), "pricePerHour": price}]);
            }
            Feature::Objects => objects(spec, &mut dice),
            Feature::ExchangeRates => exchange_rates(spec, dollars, &mut dice),
            _ => {}
        }
    }
}

/// Another limit for a budget.
pub fn extend_limit(spec: &mut Value, features: Features, seed: &[u8]) {
    let mut dice = Dice::new(seed);
    let currency = if dice.one_in(4) { "USD" } else { "EUR" };
    spec["limit"] = json!({"amount": dice.pick(&["0", "0.05", "0.7", "3", "12.34", "100"]), "currency": currency});
    let threshold = |percent: u64| json!({"percent": percent, "of": "Actual", "action": "Notify"});
    let (low, high) = (1 + dice.roll(80), 90 + dice.roll(900));
    spec["thresholds"] = json!([threshold(low), threshold(high)]);
    if !features.contains(&Feature::Seasons) {
        return;
    }
    if dice.one_in(2) {
        spec["plannedLimits"] = json!([{"period": "2025-04-01", "amount": "1.5"}, {"months": [3, 12], "amount": 4}]);
    }
    if dice.one_in(2) {
        spec["peaks"] = json!([{"from": "2025-04-02", "to": "2025-04-03", "extraAmount": "0.75"}]);
    }
    if dice.one_in(2) {
        spec["rollover"] = json!({"unspentPercent": dice.pick(&["20", "100"]).parse::<u8>().expect("a number")});
    }
    if dice.one_in(3) {
        spec["overrides"] = json!({"maxPercent": 10, "maxPerPeriod": 2});
    }
}

/// Of the other currency, in any order of dates.
fn exchange_rates(spec: &mut Value, dollars: bool, dice: &mut Dice) {
    let currency = if dollars { "EUR" } else { "USD" };
    let mut rates = Vec::new();
    for date in ["2025-04-01", "2025-01-01", "2025-03-31"] {
        if dice.one_in(2) {
            rates.push(json!({"currency": currency, "rate": dice.pick(&["1.1", "0.9", "0.7"]), "asOf": date}));
        }
    }
    spec["exchangeRates"] = json!(rates);
}

fn objects(spec: &mut Value, dice: &mut Dice) {
    let entry = |name: &str, kind: &str, selector: Value, price: &str| {
        json!({"name": name, "group": "rds.aws.upbound.io", "kind": kind, "selector": selector, "pricePerHour": price,
            "category": "Database"})
    };
    let big = json!({"matchLabels": {"size": "big"}});
    let mut objects = vec![entry("bucket", "Bucket", json!({}), dice.pick(&["0.3", "0.7"]))];
    if dice.one_in(2) {
        objects.insert(0, entry("big", "Instance", big, "2"));
    }
    if dice.one_in(2) {
        objects.push(entry("any", "Instance", json!({}), dice.pick(&["1", "0.1"])));
    }
    spec["objects"] = json!(objects);
}

fn allowed(spec: &mut Value, dice: &mut Dice) {
    if dice.one_in(4) {
        let team = dice.pick(&["shop", "lab"]);
        spec["allowedNamespaces"] = json!({"selector": {"matchLabels": {"team": team}}});
    }
}

fn recurring(spec: &mut Value, dice: &mut Dice) {
    spec["timeZone"] = json!(dice.pick(&["UTC", "Europe/Berlin", "Asia/Kathmandu"]));
    for i in 0..dice.roll(3) {
        push(spec, "recurring", entry(i, dice));
    }
}

fn recurring_by_usage(spec: &mut Value, dice: &mut Dice) {
    let mut entry = entry(9, dice);
    entry["allocate"] = json!({"by": "Usage"});
    if dice.one_in(2) {
        entry["allocate"]["selector"] = json!({"matchLabels": {"team": dice.pick(&["shop", "lab"])}});
    }
    push(spec, "recurring", entry);
}

fn until(spec: &mut Value, dice: &mut Dice) {
    for entry in spec.get_mut("recurring").and_then(Value::as_array_mut).into_iter().flatten() {
        let end = dice.pick(&["2025-04-01", "2025-04-02", "2026-01-01"]);
        if dice.one_in(3) && !entry["every"].is_null() && entry["from"].as_str() < Some(end) {
            entry["until"] = json!(end);
        }
    }
}

fn shared_namespaces(spec: &mut Value, dice: &mut Dice) {
    let by = dice.pick(&["Even", "Usage", "Weights"]);
    let mut rule = json!({"selector": {"matchLabels": {"opex.dev/shared": "true"}}, "by": by});
    if by == "Weights" {
        rule["weights"] = json!({"a": "2", "b": "1.5", "elsewhere": 1});
    }
    spec["sharing"]["namespaces"] = rule;
}

fn discounts(dice: &mut Dice) -> Value {
    let names = ["cpu", "memory", "example.com/gpu", "storage", "load-balancer", "device/gpu", "object/bucket"];
    let one = |i: u64, dice: &mut Dice| {
        let mut discount = json!({"name": format!("d{i}"), "percent": dice.pick(&["10", "33.3", "0.5", "100", "0"])});
        if !dice.one_in(3) {
            let first = dice.pick(&names);
            let second = dice.pick(&names);
            discount["resources"] = if first == second { json!([first]) } else { json!([first, second]) };
        }
        discount
    };
    (0..dice.roll(3)).map(|i| one(i, dice)).collect()
}

fn minimums(dice: &mut Dice) -> Value {
    let mut minimums = json!({});
    for (name, least) in [("cpu", "150m"), ("memory", "100.5Mi"), ("example.com/gpu", "1"), ("ephemeral-storage", "1k")]
    {
        if dice.one_in(3) {
            minimums[name] = json!(least);
        }
    }
    minimums
}

fn categories(dice: &mut Dice) -> Value {
    let web = json!({"selector": {"matchLabels": {"app": "web"}}, "category": dice.pick(&["Backup", "Security"])});
    let any = json!({"selector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}, "category": "Database"});
    match dice.roll(4) {
        0 => json!([]),
        1 => json!([web]),
        2 => json!([any]),
        _ => json!([web, any]),
    }
}

/// A class at a price for the whole node, before or behind the other.
fn node_price(spec: &mut Value, dice: &mut Dice) {
    let spot = dice.pick(&["true", "false"]);
    let class = json!({"name": "whole", "selector": {"matchLabels": {"spot": spot}}, "pricePerNodeHour": "7.1"});
    let mut classes = spec["nodeClasses"].as_array().cloned().unwrap_or_default();
    match dice.roll(3) {
        0 => return,
        1 => classes.insert(0, class),
        _ => classes.push(class),
    }
    spec["nodeClasses"] = json!(classes);
}

/// Instead of some prices, tiers of some hours each.
fn tiers(spec: &mut Value, dice: &mut Dice) {
    for resource in ["cpu", "memory", "example.com/gpu"] {
        if dice.one_in(2) {
            let (first, second) = (1 + dice.roll(9), 10 + dice.roll(90));
            let cheap = json!({"price": dice.pick(&["0.01", "0"])});
            spec["tiers"][resource] = match dice.roll(3) {
                0 => json!([cheap]),
                1 => json!([{"upTo": first, "price": "0.5"}, cheap]),
                _ => json!([{"upTo": format!("{first}.5"), "price": "0.5"}, {"upTo": second, "price": "0.3"}, cheap]),
            };
            spec["pricesPerHour"].as_object_mut().expect("prices").remove(resource);
        }
    }
}

fn push(spec: &mut Value, list: &str, entry: Value) {
    match spec[list].as_array_mut() {
        Some(entries) => entries.push(entry),
        None => spec[list] = json!([entry]),
    }
}

fn entry(i: u64, dice: &mut Dice) -> Value {
    let mut entry = json!({
        "name": format!("r{i}"), "category": dice.pick(&["Support", "Software"]), "amount": dice.pick(&["100", "0.07"]),
        "from": dice.pick(&["2024-01-31", "2025-03-30", "2025-03-31", "2025-04-01"]),
    });
    if !dice.one_in(6) {
        entry["every"] = json!(dice.pick(&["Day", "Week", "Month", "Quarter", "Year"]));
    }
    if dice.one_in(2) && !entry["every"].is_null() {
        entry["booking"] = json!(dice.pick(&["Accrued", "OnChargeDate"]));
    }
    entry["allocate"] = match dice.roll(4) {
        0 => json!({"by": "Even"}),
        1 => json!({"by": "Even", "selector": {"matchLabels": {"team": dice.pick(&["shop", "lab"])}}}),
        2 => json!({"by": "Namespaces", "namespaces": {"a": "2", "b": "1"}}),
        _ => json!({"by": "Namespaces", "namespaces": {"b": "0.5", "elsewhere": 2}}),
    };
    entry
}

/// What a node has, if it tells.
pub fn capacity(seed: &[u8]) -> Value {
    match Dice::new(seed).roll(4) {
        0 => json!({"cpu": "4", "memory": "8Gi", "example.com/gpu": "8", "pods": "110", "ephemeral-storage": "100Gi"}),
        1 => json!({"cpu": "3920m", "memory": "7123456Ki"}),
        2 => json!({"memory": "7123456789", "example.com/gpu": "1"}),
        _ => json!({"ephemeral-storage": "100Gi"}),
    }
}
