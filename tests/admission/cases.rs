//! Manifests and what becomes of them, one line each: in YAML's flow style, the `spec` alone.

/// A manifest that is created.
pub struct Case {
    pub kind: &'static str,
    pub name: &'static str,
    pub spec: &'static str,
    /// Part of what the API server says when it refuses it.
    pub says: &'static str,
}

/// A manifest that is created and then changed.
pub struct Edit {
    pub kind: &'static str,
    pub name: &'static str,
    pub before: &'static str,
    pub after: &'static str,
    /// Part of what the API server says; `None` where the change is allowed.
    pub says: Option<&'static str>,
}

pub const fn budget(spec: &'static str, says: &'static str) -> Case {
    Case { kind: "Budget", name: "b", spec, says }
}

pub const fn plan(spec: &'static str, says: &'static str) -> Case {
    Case { kind: "PricePlan", name: "p", spec, says }
}

pub const fn grant(spec: &'static str, says: &'static str) -> Case {
    Case { kind: "BudgetOverride", name: "o", spec, says }
}

pub const fn cluster_budget(spec: &'static str, says: &'static str) -> Case {
    Case { kind: "ClusterBudget", name: "c", spec, says }
}

pub const NAME_52: &str = "a234567890123456789012345678901234567890123456789012";
pub const NAME_53: &str = "a2345678901234567890123456789012345678901234567890123";
pub const NAME_TOO_LONG: &str = "a budget's name has at most 52 characters";
pub const WHOLE_OR_QUOTED: &str = r#"write an amount with at most 28 significant digits and one point, without sign or exponent, such as 1000 or "1000.50""#;
pub const INTEGER_OR_STRING: &str =
    r#"spec.limit.amount: Invalid value: "number": spec.limit.amount in body must be of type integer,string: "number""#;
pub const SHORTEN: &str = "Too long: may not be more than 29 bytes";
pub const NOT_ACTUAL_ZONE: &str = "timeZone must be an IANA time zone such as Europe/Paris, America/New_York or UTC";
pub const ONE_OF: &str =
    "set either every (Day, Week, Month, Quarter or Year), or start and end of a fixed window, not both";
pub const PODS_MAY_NOT_BLOCK: &str = "with a podSelector a budget may only Notify and Warn, because a gate closes the whole namespace: use Notify or Warn, or remove the podSelector";

const NOT_BY_FORECAST: &str = "scaling down lowers the forecast, which would put everything back and begin again";
const NOTHING_SCALES: &str = "add a threshold with this action, or leave scaleDown out";

pub const BILLED_ALREADY: &str = "what is billed already, or makes Pods, is no object";
pub const EVERY_TIER_BUT_THE_LAST: &str = "every tier but the last has an upTo, and the last has none";
pub const UP_TO_ASCENDS: &str = "upTo counts from 0 and ascends: each is above the one before";

pub const ACCEPTED: &[Case] = &[
    budget("{}", ""),
    Case { kind: "Budget", name: NAME_52, spec: "{}", says: "" },
    budget("{limit: {amount: 0, currency: EUR}}", ""),
    budget("{limit: {amount: 1000, currency: JPY}}", ""),
    budget("{limit: {amount: '1000.50', currency: KWD}}", ""),
    budget("{limit: {amount: '0.00', currency: EUR}}", ""),
    budget("{limit: {amount: '0.0000000000000000000000000000000001', currency: EUR}}", ""),
    budget("{limit: {amount: '0.0001234567890123456789012345678', currency: EUR}}", ""),
    budget("{limit: {amount: '1234567890123456789012345678', currency: EUR}}", ""),
    budget("{limit: {amount: '12345678901234.12345678901234', currency: EUR}}", ""),
    budget("{period: {every: Day, timeZone: Pacific/Apia}}", ""),
    budget("{period: {every: Week, startWeekday: Sunday, timeZone: America/Argentina/Buenos_Aires}}", ""),
    budget("{period: {every: Month, startDay: 31, timeZone: Etc/GMT+5}}", ""),
    budget("{period: {every: Quarter, startMonth: 4, startDay: 6}}", ""),
    budget("{period: {every: Year, startMonth: 12, startDay: 31}}", ""),
    budget("{period: {start: '2026-11-26T00:00:00+01:00', end: '2026-12-01T00:00:00Z', timeZone: Europe/Paris}}", ""),
    budget(
        "{limit: {amount: 1, currency: EUR}, thresholds: [{percent: 80, action: Notify}, {percent: 80, of: Forecast, action: Block}]}",
        "",
    ),
    budget(
        "{limit: {amount: 1, currency: EUR}, thresholds: [{percent: 1, action: Warn}, {percent: 10000, action: BlockScaleUp}]}",
        "",
    ),
    budget("{podSelector: {matchLabels: {app: web}}}", ""),
    budget(
        "{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [a, b]}, {key: x/y, operator: Exists}]}}",
        "",
    ),
    budget("{scaleCeiling: Current, pricePlan: production}", ""),
    budget("{limit: {amount: 1, currency: EUR}, thresholds: [{action: Block}, {percent: 110, action: ScaleDown}]}", ""),
    budget("{limit: {amount: 1, currency: EUR}, thresholds: [{action: ScaleDown}], scaleDown: {}}", ""),
    cluster_budget(
        "{mode: PerNamespace, limit: {amount: 1, currency: EUR}, thresholds: [{action: ScaleDown}], scaleDown: {floor: 0, dryRun: true}}",
        "",
    ),
    budget(
        "{value: {unit: order, query: 'sum(increase(orders_total[$window]))'}, thresholds: [{percent: 80, action: Notify}, {of: UnitCost, above: '0.05', action: Notify}, {percent: 150, of: UnitCost, above: '0.05', action: Warn}]}",
        "",
    ),
    cluster_budget(
        "{mode: Shared, namespaceSelector: {matchLabels: {department: shop}}, limit: {amount: 1, currency: EUR}}",
        "",
    ),
    cluster_budget("{includeIdle: true}", ""),
    cluster_budget("{includeIdle: false, podSelector: {matchLabels: {app: web}}}", ""),
    plan("{currency: EUR, sharing: {}}", ""),
    plan("{currency: EUR, sharing: {idle: {by: Keep}}}", ""),
    plan(
        "{currency: EUR, sharing: {idle: {by: Even}, namespaces: {selector: {matchLabels: {a: b}}, by: Weights, weights: {a: 2, b: '0.5'}}}}",
        "",
    ),
    plan(
        "{currency: EUR, sharing: {idle: {by: Usage}, namespaces: {selector: {matchExpressions: [{key: a, operator: Exists}]}, by: Usage}}}",
        "",
    ),
    cluster_budget(
        "{mode: PerNamespace, podSelector: {matchLabels: {app: web}}, limit: {amount: 1, currency: EUR}}",
        "",
    ),
    plan("{currency: EUR, estimate: true, pricesPerHour: {cpu: 1, memory: '0.004237', nvidia.com/gpu: '0'}}", ""),
    plan("{currency: EUR, storage: [{className: fast, pricePerGiBHour: '0.1'}, {pricePerGiBMonth: '0.04'}]}", ""),
    plan(
        "{currency: EUR, timeZone: Europe/Paris, recurring: [{name: x, category: Support, amount: '1500', every: Month, from: 2025-01-31, until: 2026-01-01, booking: OnChargeDate, allocate: {by: Namespaces, namespaces: {a: '2', b: '0.5'}}}]}",
        "",
    ),
    plan(
        "{currency: EUR, recurring: [{name: x, amount: 1, every: Year, from: 2025-01-31, allocate: {by: Usage, selector: {matchLabels: {a: b}}}}]}",
        "",
    ),
    plan(
        "{currency: EUR, meters: [{name: egress, category: Network, unit: GiB, price: '0.08', query: 'sum by (namespace) (increase(egress_bytes_total[$window])) / 2^30'}, {name: lookups, unit: 1000 lookups, price: 1, query: 'x[$window]'}]}",
        "",
    ),
    plan("{currency: EUR, nodeClasses: [{name: a, selector: {matchLabels: {a: b}}, pricePerNodeHour: '0.192'}]}", ""),
    plan(
        "{currency: EUR, categories: [{selector: {matchLabels: {a: b}}, category: Database}, {selector: {}, category: Other}]}",
        "",
    ),
    plan("{currency: EUR, allowedNamespaces: {selector: {matchLabels: {a: b}}}}", ""),
    plan(
        "{currency: EUR, objects: [{name: a, kind: ConfigMap, pricePerHour: 1}, {name: b, group: '', kind: Secret, pricePerHour: 1}, {name: c, group: rds.aws.upbound.io, kind: Instance, selector: {matchLabels: {a: b}}, pricePerHour: '0.34', category: Database}, {name: d, group: example.com, kind: Pod, pricePerHour: 0}]}",
        "",
    ),
    plan(
        "{currency: EUR, devices: [{deviceClass: gpu.nvidia.com, pricePerHour: '0.95'}, {deviceClass: x, pricePerHour: 0}], discounts: [{name: a, percent: 5, resources: [device/gpu.nvidia.com]}]}",
        "",
    ),
    plan(
        "{currency: EUR, pricesPerHour: {memory: 1}, tiers: {cpu: [{upTo: '0.00001', price: '0.04'}, {upTo: 5000, price: 1}, {price: 0}], ephemeral-storage: [{upTo: '1000.29', price: 1}, {upTo: '9999999999.99', price: 1}, {price: 1}], nvidia.com/gpu: [{price: 1}]}}",
        "",
    ),
    plan("{currency: EUR, minimumPerPod: {cpu: 1, memory: '0.5Gi', nvidia.com/gpu: '1'}}", ""),
    plan(
        "{currency: EUR, discounts: [{name: a, percent: 100}, {name: b, percent: '12.5', resources: [cpu, nvidia.com/gpu, storage]}]}",
        "",
    ),
    grant("{budgetRef: {kind: ClusterBudget, name: c}, until: '2026-11-28T06:00:00Z', reason: why, grantedBy: me}", ""),
];

pub const REFUSED: &[Case] = &[
    // names
    Case { kind: "Budget", name: NAME_53, spec: "{}", says: NAME_TOO_LONG },
    Case { kind: "ClusterBudget", name: NAME_53, spec: "{}", says: NAME_TOO_LONG },
    // money
    budget("{limit: {amount: many, currency: EUR}}", WHOLE_OR_QUOTED),
    budget("{limit: {amount: '', currency: EUR}}", WHOLE_OR_QUOTED),
    budget("{limit: {amount: '1e3', currency: EUR}}", WHOLE_OR_QUOTED),
    budget("{limit: {amount: '1,000', currency: EUR}}", WHOLE_OR_QUOTED),
    budget("{limit: {amount: '-1', currency: EUR}}", WHOLE_OR_QUOTED),
    budget("{limit: {amount: -1, currency: EUR}}", WHOLE_OR_QUOTED),
    budget("{limit: {amount: 1000.50, currency: EUR}}", INTEGER_OR_STRING),
    budget(
        "{limit: {amount: '12345678901234567890123456789', currency: EUR}}",
        "spec.limit.amount in body should match",
    ),
    budget("{limit: {amount: '123456789012345.12345678901234', currency: EUR}}", SHORTEN),
    budget("{limit: {amount: '0.00012345678901234567890123456789', currency: EUR}}", WHOLE_OR_QUOTED),
    budget(
        "{limit: {amount: '0.000000000000000000000000000000000000000000000000000000000000000', currency: EUR}}",
        "may not be more than 64",
    ),
    budget("{limit: {amount: 1000}}", "spec.limit.currency: Required value"),
    budget("{limit: {currency: EUR}}", "spec.limit.amount: Required value"),
    // currencies
    budget(
        "{limit: {amount: 1, currency: ABC}}",
        r#"spec.limit.currency: Unsupported value: "ABC": supported values: "AED""#,
    ),
    budget("{limit: {amount: 1, currency: eur}}", r#"spec.limit.currency: Unsupported value: "eur""#),
    budget("{limit: {amount: 1, currency: XAU}}", r#"spec.limit.currency: Unsupported value: "XAU""#),
    // periods
    budget(
        "{period: {every: Fortnight}}",
        r#"spec.period.every: Unsupported value: "Fortnight": supported values: "Day", "Week", "Month", "Quarter", "Year""#,
    ),
    budget("{period: {every: Month, startDay: 32}}", "spec.period.startDay in body should be less than or equal to 31"),
    budget(
        "{period: {every: Month, startDay: 0}}",
        "spec.period.startDay in body should be greater than or equal to 1",
    ),
    budget(
        "{period: {every: Year, startMonth: 13}}",
        "spec.period.startMonth in body should be less than or equal to 12",
    ),
    budget("{period: {every: Week, startWeekday: Funday}}", r#"spec.period.startWeekday: Unsupported value: "Funday""#),
    budget(
        "{period: {every: Week, startDay: 3}}",
        "startDay goes with every: Month, Quarter or Year; a week begins on its startWeekday",
    ),
    budget("{period: {every: Month, startMonth: 3}}", "startMonth goes with every: Quarter or Year"),
    budget("{period: {every: Month, startWeekday: Monday}}", "startWeekday goes with every: Week"),
    budget("{period: {every: Month, timeZone: Mars/Phobos}}", NOT_ACTUAL_ZONE),
    budget("{period: {every: Month, timeZone: Local}}", NOT_ACTUAL_ZONE),
    budget("{period: {every: Month, timeZone: '+02:00'}}", "spec.period.timeZone in body should match"),
    budget("{period: {every: Month, timeZone: ''}}", "spec.period.timeZone"),
    budget("{period: {}}", ONE_OF),
    budget("{period: {every: Month, start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z'}}", ONE_OF),
    budget("{period: {start: '2026-11-01T00:00:00Z'}}", "a fixed window needs both start and end"),
    budget("{period: {end: '2026-11-01T00:00:00Z'}}", "a fixed window needs both start and end"),
    budget("{period: {start: '2026-12-01T00:00:00Z', end: '2026-11-01T00:00:00Z'}}", "spec.period.end: Invalid value"),
    budget(
        "{period: {start: '2026-12-01T00:00:00Z', end: '2026-12-01T01:00:00+01:00'}}",
        "end must be later than start",
    ),
    budget(
        "{period: {start: '2026-12-01T00:00:00Z', end: '9999-12-31T23:59:59Z'}}",
        "end must be before the year 9999",
    ),
    budget(
        "{period: {start: tomorrow, end: '2026-11-01T00:00:00Z'}}",
        "spec.period.start in body must be of type date-time",
    ),
    budget(
        "{period: {start: '2026-11-01', end: '2026-12-01T00:00:00Z'}}",
        "spec.period.start in body must be of type date-time",
    ),
    budget(
        "{period: {start: '2026-11-01T00:00:00+99:99', end: '2026-12-01T00:00:00Z'}}",
        "spec.period.start in body should match",
    ),
    // thresholds
    budget(
        "{thresholds: []}",
        "leave thresholds out for the default (Notify at 80, Warn at 100), or list at least one",
    ),
    budget(
        "{thresholds: [{percent: 0, action: Warn}]}",
        "spec.thresholds[0].percent in body should be greater than or equal to 1",
    ),
    budget(
        "{thresholds: [{percent: 10001, action: Warn}]}",
        "spec.thresholds[0].percent in body should be less than or equal to 10000",
    ),
    budget("{thresholds: [{percent: 79.5, action: Warn}]}", "must be of type integer"),
    budget(
        "{thresholds: [{percent: 80, action: Delete}]}",
        r#"spec.thresholds[0].action: Unsupported value: "Delete": supported values: "Notify", "Warn", "BlockScaleUp", "Block", "ScaleDown""#,
    ),
    budget(
        "{thresholds: [{percent: 80, of: Hope, action: Warn}]}",
        r#"spec.thresholds[0].of: Unsupported value: "Hope""#,
    ),
    budget("{thresholds: [{percent: 80}]}", "spec.thresholds[0].action: Required value"),
    budget(
        "{thresholds: [{percent: 80, action: Warn}, {percent: 80, of: Actual, action: Block}]}",
        "spec.thresholds[1]: Duplicate value",
    ),
    budget("{podSelector: {matchLabels: {app: web}}, thresholds: [{percent: 100, action: Block}]}", PODS_MAY_NOT_BLOCK),
    budget(
        "{podSelector: {matchLabels: {app: web}}, thresholds: [{percent: 100, action: BlockScaleUp}]}",
        PODS_MAY_NOT_BLOCK,
    ),
    budget("{podSelector: {matchLabels: {app: web}}, thresholds: [{action: ScaleDown}]}", PODS_MAY_NOT_BLOCK),
    // how far it scales down
    budget("{thresholds: [{percent: 110, of: Forecast, action: ScaleDown}]}", NOT_BY_FORECAST),
    cluster_budget("{thresholds: [{percent: 110, of: Forecast, action: ScaleDown}]}", NOT_BY_FORECAST),
    budget("{scaleDown: {floor: 1}}", NOTHING_SCALES),
    budget("{scaleDown: {}, thresholds: [{action: Block}]}", NOTHING_SCALES),
    cluster_budget("{scaleDown: {dryRun: true}}", NOTHING_SCALES),
    budget(
        "{scaleDown: {floor: -1}, thresholds: [{action: ScaleDown}]}",
        "spec.scaleDown.floor in body should be greater than or equal to 0",
    ),
    budget(
        "{scaleDown: {floor: 100001}, thresholds: [{action: ScaleDown}]}",
        "spec.scaleDown.floor in body should be less than or equal to 100000",
    ),
    budget("{scaleDown: {floor: '50%'}, thresholds: [{action: ScaleDown}]}", "must be of type integer"),
    budget("{scaleDown: {floor: 1, dryrun: true}, thresholds: [{action: ScaleDown}]}", "unknown field"),
    // the rest of a Budget
    budget(
        "{scaleCeiling: Sky}",
        r#"spec.scaleCeiling: Unsupported value: "Sky": supported values: "Peak24h", "Current""#,
    ),
    budget("{pricePlan: Not_A_Name}", "spec.pricePlan in body should match"),
    budget(r#"{contact: "two\nlines"}"#, "spec.contact in body should match"),
    budget(
        "{podSelector: {matchExpressions: [{key: app, operator: Gt, values: ['1']}]}}",
        r#"Unsupported value: "Gt": supported values: "In", "NotIn", "Exists", "DoesNotExist""#,
    ),
    budget(
        "{podSelector: {matchExpressions: [{key: app, operator: In}]}}",
        "In and NotIn need at least one entry in values",
    ),
    budget(
        "{podSelector: {matchExpressions: [{key: app, operator: Exists, values: [a]}]}}",
        "Exists and DoesNotExist take no values",
    ),
    budget("{podSelector: {matchLabels: {app: 'two words'}}}", "spec.podSelector.matchLabels.app in body should match"),
    budget("{limits: {amount: 1, currency: EUR}}", r#"unknown field "spec.limits""#),
    // what a ClusterBudget has of a Budget, and of its own
    cluster_budget("{thresholds: []}", "leave thresholds out for the default"),
    cluster_budget("{period: {every: Month, timeZone: Mars/Phobos}}", NOT_ACTUAL_ZONE),
    cluster_budget(
        "{podSelector: {matchLabels: {app: web}}, thresholds: [{percent: 100, action: Block}]}",
        PODS_MAY_NOT_BLOCK,
    ),
    cluster_budget(
        "{includeIdle: true, podSelector: {matchLabels: {app: web}}}",
        "leave includeIdle or the podSelector out",
    ),
    cluster_budget("{includeIdle: true, mode: PerNamespace}", "leave includeIdle out, or make this Shared"),
    cluster_budget(
        "{mode: Private}",
        r#"spec.mode: Unsupported value: "Private": supported values: "Shared", "PerNamespace""#,
    ),
    // overrides
    grant(
        "{budgetRef: {kind: Budget, name: b}, until: '2026-11-28T06:00:00Z', grantedBy: me}",
        "spec.reason: Required value",
    ),
    grant(
        "{budgetRef: {kind: Budget, name: b}, until: '2026-11-28T06:00:00Z', reason: ' ', grantedBy: me}",
        "spec.reason in body should match",
    ),
    grant(
        "{budgetRef: {kind: Budget, name: b}, until: '2026-11-28T06:00:00Z', reason: why}",
        "spec.grantedBy: Required value",
    ),
    grant("{budgetRef: {kind: Budget, name: b}, reason: why, grantedBy: me}", "spec.until: Required value"),
    grant(
        "{budgetRef: {kind: Budget, name: b}, until: soon, reason: why, grantedBy: me}",
        "spec.until in body must be of type date-time",
    ),
    grant(
        "{budgetRef: {kind: Pod, name: b}, until: '2026-11-28T06:00:00Z', reason: why, grantedBy: me}",
        r#"spec.budgetRef.kind: Unsupported value: "Pod": supported values: "Budget", "ClusterBudget""#,
    ),
    grant(
        "{budgetRef: {kind: Budget, name: b}, until: '2026-11-28T06:00:00Z', extraAmount: '1e3', reason: why, grantedBy: me}",
        "write an amount with at most 28 significant digits",
    ),
];
