//! PricePlans that are refused.

use crate::cases::*;

pub const REFUSED: &[Case] = &[
    plan("{}", "spec.currency: Required value"),
    plan("{currency: EUR, timeZone: Mars/Phobos}", NOT_ACTUAL_ZONE),
    // values
    budget("{value: {unit: order}}", "query: Required value"),
    budget("{value: {unit: order, query: 'sum(x)'}}", "a query says with $window over which time it counts"),
    budget(
        "{thresholds: [{of: UnitCost, above: '0.05', action: Notify}]}",
        "of: UnitCost needs to know what is counted: set value",
    ),
    budget(
        "{value: {unit: order, query: 'x[$window]'}, thresholds: [{of: UnitCost, action: Notify}]}",
        "of: UnitCost is compared with above, and nothing else is",
    ),
    budget(
        "{thresholds: [{percent: 80, above: '0.05', action: Notify}]}",
        "of: UnitCost is compared with above, and nothing else is",
    ),
    budget(
        "{value: {unit: order, query: 'x[$window]'}, thresholds: [{of: UnitCost, above: 1, action: Block}]}",
        "so of: UnitCost may only Notify and Warn",
    ),
    budget(
        "{value: {unit: order, query: 'x[$window]'}, thresholds: [{of: UnitCost, above: 0.05, action: Notify}]}",
        "above in body must be of type integer,string",
    ),
    // meters
    plan("{currency: EUR, meters: [{name: x, unit: GiB, price: 1}]}", "query: Required value"),
    plan("{currency: EUR, meters: [{name: x, price: 1, query: 'x[$window]'}]}", "unit: Required value"),
    plan("{currency: EUR, meters: [{name: x, unit: GiB, query: 'x[$window]'}]}", "price: Required value"),
    plan(
        "{currency: EUR, meters: [{name: x, unit: GiB, price: 1, query: 'increase(x[5m])'}]}",
        "a query says with $window over which time it counts",
    ),
    plan(
        "{currency: EUR, meters: [{name: x, unit: GiB, price: '-1', query: 'x[$window]'}]}",
        "price in body should match",
    ),
    plan(
        "{currency: EUR, meters: [{name: x/y, unit: GiB, price: 1, query: 'x[$window]'}]}",
        "name in body should match",
    ),
    plan("{currency: EUR, meters: [{name: x, unit: '€', price: 1, query: 'x[$window]'}]}", "unit in body should match"),
    plan(
        "{currency: EUR, meters: [{name: x, category: Fun, unit: GiB, price: 1, query: 'x[$window]'}]}",
        "category: Unsupported value",
    ),
    plan(
        "{currency: EUR, meters: [{name: x, unit: GiB, price: 1, query: 'x[$window]'}, {name: x, unit: GiB, price: 1, query: 'x[$window]'}]}",
        "Duplicate value",
    ),
    // recurring charges
    plan("{currency: EUR, recurring: [{name: x, amount: 1, from: 2025-13-01, allocate: {by: Even}}]}", "should match"),
    plan(
        "{currency: EUR, recurring: [{name: x, amount: '-1', from: 2025-01-01, allocate: {by: Even}}]}",
        "spec.recurring[0].amount in body should match",
    ),
    plan(
        "{currency: EUR, recurring: [{name: x, amount: 1, every: Fortnight, from: 2025-01-01, allocate: {by: Even}}]}",
        "Unsupported value",
    ),
    plan(
        "{currency: EUR, recurring: [{name: x, amount: 1, every: Month, from: 2025-01-01}]}",
        "allocate: Required value",
    ),
    plan(
        "{currency: EUR, recurring: [{name: x, amount: 1, every: Month, from: 2025-02-01, until: 2025-02-01, allocate: {by: Even}}]}",
        "until must be later than from",
    ),
    plan(
        "{currency: EUR, recurring: [{name: x, amount: 1, from: 2025-02-01, until: 2025-03-01, allocate: {by: Even}}]}",
        "set every as well, or leave until out",
    ),
    plan(
        "{currency: EUR, recurring: [{name: x, amount: 1, from: 2025-02-01, allocate: {by: Namespaces}}]}",
        "by: Namespaces needs the weights in namespaces",
    ),
    plan(
        "{currency: EUR, recurring: [{name: x, amount: 1, from: 2025-02-01, allocate: {by: Even, namespaces: {a: 1}}}]}",
        "leave them out otherwise",
    ),
    plan(
        "{currency: EUR, recurring: [{name: x, amount: 1, from: 2025-02-01, allocate: {by: Namespaces, namespaces: {a: 1}, selector: {}}}]}",
        "leave the selector out, or use by: Even",
    ),
    plan(
        "{currency: EUR, recurring: [{name: x, amount: 1, from: 2025-02-01, allocate: {by: Even}}, {name: x, amount: 2, from: 2025-02-01, allocate: {by: Even}}]}",
        "Duplicate value",
    ),
    // who bears what is nobody's own
    plan("{currency: EUR, sharing: {idle: {}}}", "spec.sharing.idle.by: Required value"),
    plan("{currency: EUR, sharing: {idle: {by: Weights}}}", r#"supported values: "Keep", "Even", "Usage""#),
    plan("{currency: EUR, sharing: {namespaces: {by: Even}}}", "spec.sharing.namespaces.selector: Required value"),
    plan(
        "{currency: EUR, sharing: {namespaces: {selector: {matchLabels: {a: b}}}}}",
        "spec.sharing.namespaces.by: Required value",
    ),
    plan(
        "{currency: EUR, sharing: {namespaces: {selector: {}, by: Even}}}",
        "an empty selector would share every namespace",
    ),
    plan(
        "{currency: EUR, sharing: {namespaces: {selector: {matchLabels: {a: b}}, by: Keep}}}",
        r#"supported values: "Even", "Usage", "Weights""#,
    ),
    plan(
        "{currency: EUR, sharing: {namespaces: {selector: {matchLabels: {a: b}}, by: Weights}}}",
        "by: Weights needs weights",
    ),
    plan(
        "{currency: EUR, sharing: {namespaces: {selector: {matchLabels: {a: b}}, by: Even, weights: {a: 1}}}}",
        "leave them out otherwise",
    ),
    plan(
        "{currency: EUR, sharing: {namespaces: {selector: {matchLabels: {a: b}}, by: Weights, weights: {a: -1}}}}",
        "should be greater than or equal to 0",
    ),
    plan("{currency: ABC}", r#"spec.currency: Unsupported value: "ABC""#),
    plan("{currency: EUR, pricesPerHour: {cpu: '1e-3'}}", "spec.pricesPerHour.cpu in body should match"),
    plan(
        "{currency: EUR, pricesPerHour: {cpu: -1}}",
        "spec.pricesPerHour.cpu in body should be greater than or equal to 0",
    ),
    plan(
        "{currency: EUR, pricesPerHour: {cpu: 0.03}}",
        "spec.pricesPerHour.cpu in body must be of type integer,string",
    ),
    plan("{currency: EUR, pricesPerHour: {cpu: '1.2345678901234567890123456789'}}", SHORTEN),
    // objects
    plan("{currency: EUR, objects: [{name: a, kind: ConfigMap}]}", "pricePerHour: Required value"),
    plan("{currency: EUR, objects: [{name: a, pricePerHour: 1}]}", "kind: Required value"),
    plan("{currency: EUR, objects: [{kind: ConfigMap, pricePerHour: 1}]}", "name: Required value"),
    plan("{currency: EUR, objects: [{name: a/b, kind: ConfigMap, pricePerHour: 1}]}", "name in body should match"),
    plan("{currency: EUR, objects: [{name: a, kind: configmaps, pricePerHour: 1}]}", "kind in body should match"),
    plan(
        "{currency: EUR, objects: [{name: a, group: apps/v1, kind: X, pricePerHour: 1}]}",
        "group in body should match",
    ),
    plan("{currency: EUR, objects: [{name: a, kind: Pod, pricePerHour: 1}]}", BILLED_ALREADY),
    plan("{currency: EUR, objects: [{name: a, group: '', kind: Service, pricePerHour: 1}]}", BILLED_ALREADY),
    plan("{currency: EUR, objects: [{name: a, kind: PersistentVolumeClaim, pricePerHour: 1}]}", BILLED_ALREADY),
    plan("{currency: EUR, objects: [{name: a, group: apps, kind: Deployment, pricePerHour: 1}]}", BILLED_ALREADY),
    plan(
        "{currency: EUR, objects: [{name: a, group: resource.k8s.io, kind: ResourceClaim, pricePerHour: 1}]}",
        BILLED_ALREADY,
    ),
    plan(
        "{currency: EUR, objects: [{name: a, group: billing.opex.dev, kind: Budget, pricePerHour: 1}]}",
        "name another group",
    ),
    plan(
        "{currency: EUR, objects: [{name: a, kind: ConfigMap, pricePerHour: 1, category: Databases}]}",
        "Unsupported value",
    ),
    plan(
        "{currency: EUR, objects: [{name: a, kind: ConfigMap, pricePerHour: '-1'}]}",
        "spec.objects[0].pricePerHour in body should match",
    ),
    plan(
        "{currency: EUR, objects: [{name: a, kind: ConfigMap, pricePerHour: 1, selector: {matchExpressions: [{key: a, operator: In}]}}]}",
        "In and NotIn need at least one entry in values",
    ),
    plan(
        "{currency: EUR, objects: [{name: a, kind: ConfigMap, pricePerHour: 1}, {name: a, kind: Secret, pricePerHour: 2}]}",
        "Duplicate value",
    ),
    // devices
    plan("{currency: EUR, devices: [{deviceClass: gpu.nvidia.com}]}", "pricePerHour: Required value"),
    plan("{currency: EUR, devices: [{pricePerHour: 1}]}", "deviceClass: Required value"),
    plan("{currency: EUR, devices: [{deviceClass: GPU, pricePerHour: 1}]}", "deviceClass in body should match"),
    plan("{currency: EUR, devices: [{deviceClass: '', pricePerHour: 1}]}", "deviceClass in body should"),
    plan(
        "{currency: EUR, devices: [{deviceClass: a, pricePerHour: '-1'}]}",
        "spec.devices[0].pricePerHour in body should match",
    ),
    plan("{currency: EUR, devices: [{deviceClass: a, pricePerHour: 0.5}]}", "must be of type integer,string"),
    plan(
        "{currency: EUR, devices: [{deviceClass: a, pricePerHour: 1}, {deviceClass: a, pricePerHour: 2}]}",
        "Duplicate value",
    ),
    plan("{currency: EUR, pricePerLoadBalancerHour: '-0.025'}", "spec.pricePerLoadBalancerHour in body should match"),
    plan(
        "{currency: EUR, nodeClasses: [{name: spot, pricesPerHour: {cpu: 1}}]}",
        "spec.nodeClasses[0].selector: Required value",
    ),
    plan(
        "{currency: EUR, nodeClasses: [{name: spot, selector: {}, pricesPerHour: {cpu: 1}}]}",
        "an empty selector would match every node: name at least one label, and write prices for all nodes into spec.pricesPerHour",
    ),
    plan(
        "{currency: EUR, nodeClasses: [{name: a, selector: {matchLabels: {x: z}}, pricesPerHour: {}}]}",
        "should have at least 1 properties",
    ),
    plan(
        "{currency: EUR, nodeClasses: [{name: a/b, selector: {matchLabels: {x: z}}, pricesPerHour: {cpu: 1}}]}",
        "spec.nodeClasses[0].name in body should match",
    ),
    plan(
        "{currency: EUR, nodeClasses: [{name: storage, selector: {matchLabels: {x: z}}, pricesPerHour: {cpu: 1}}]}",
        "begin the names of other rates: choose another name",
    ),
    plan(
        "{currency: EUR, nodeClasses: [{name: a, selector: {matchLabels: {x: z}}, pricesPerHour: {cpu: 1}}, {name: a, selector: {matchLabels: {x: z}}, pricesPerHour: {cpu: 2}}]}",
        "spec.nodeClasses[1]: Duplicate value",
    ),
    plan(
        "{currency: EUR, nodeClasses: [{name: a, selector: {matchLabels: {a: b}}}]}",
        "set exactly one of pricesPerHour and pricePerNodeHour",
    ),
    plan(
        "{currency: EUR, nodeClasses: [{name: a, selector: {matchLabels: {a: b}}, pricePerNodeHour: 1, pricesPerHour: {cpu: 1}}]}",
        "set exactly one of pricesPerHour and pricePerNodeHour",
    ),
    plan(
        "{currency: EUR, categories: [{selector: {matchLabels: {a: b}}, category: Databases}]}",
        r#"spec.categories[0].category: Unsupported value: "Databases": supported values: "Compute""#,
    ),
    plan("{currency: EUR, categories: [{category: Database}]}", "spec.categories[0].selector: Required value"),
    plan(
        "{currency: EUR, pricesPerHour: {cpu: 1}, tiers: {cpu: [{price: 1}]}}",
        "leave it in pricesPerHour or in tiers",
    ),
    plan("{currency: EUR, tiers: {cpu: []}}", "spec.tiers.cpu in body should have at least 1 items"),
    plan("{currency: EUR, tiers: {cpu: [{upTo: 1, price: 1}]}}", EVERY_TIER_BUT_THE_LAST),
    plan("{currency: EUR, tiers: {cpu: [{price: 1}, {price: 1}]}}", EVERY_TIER_BUT_THE_LAST),
    plan("{currency: EUR, tiers: {cpu: [{upTo: 2, price: 1}, {upTo: 1, price: 1}, {price: 1}]}}", UP_TO_ASCENDS),
    plan("{currency: EUR, tiers: {cpu: [{upTo: '2', price: 1}, {upTo: '2.0', price: 1}, {price: 1}]}}", UP_TO_ASCENDS),
    plan("{currency: EUR, tiers: {cpu: [{upTo: '0.0', price: 1}, {price: 1}]}}", UP_TO_ASCENDS),
    plan("{currency: EUR, tiers: {cpu: [{upTo: 0, price: 1}, {price: 1}]}}", "should be greater than or equal to 1"),
    plan("{currency: EUR, tiers: {cpu: [{upTo: '1.000001', price: 1}, {price: 1}]}}", "upTo in body should match"),
    plan("{currency: EUR, tiers: {memory: [{upTo: '1.001', price: 1}, {price: 1}]}}", "write at most two decimals"),
    plan(
        "{currency: EUR, tiers: {hugepages-2Mi: [{upTo: '9999999999.999', price: 1}, {price: 1}]}}",
        "write at most two decimals",
    ),
    plan("{currency: EUR, tiers: {cpu: [{upTo: 1}]}}", "price: Required value"),
    plan("{currency: EUR, allowedNamespaces: {}}", "spec.allowedNamespaces.selector: Required value"),
    plan("{currency: EUR, minimumPerPod: {memory: 32Mb}}", "spec.minimumPerPod.memory in body should match"),
    plan("{currency: EUR, minimumPerPod: {cpu: '-1'}}", "spec.minimumPerPod.cpu in body should match"),
    plan(
        "{currency: EUR, discounts: [{name: a, percent: 101}]}",
        "spec.discounts[0].percent in body should be less than or equal to 100",
    ),
    plan("{currency: EUR, discounts: [{name: a, percent: '100.5'}]}", "spec.discounts[0].percent in body should match"),
    plan(
        "{currency: EUR, discounts: [{name: a, percent: 1}, {name: a, percent: 2}]}",
        "spec.discounts[1]: Duplicate value",
    ),
    plan(
        "{currency: EUR, discounts: [{name: a, percent: 1, resources: []}]}",
        "spec.discounts[0].resources in body should have at least 1 items",
    ),
    plan(
        "{currency: EUR, discounts: [{name: a, percent: 1, resources: [cpus]}]}",
        "a discount names a resource such as cpu",
    ),
    plan(
        "{currency: EUR, storage: [{pricePerGiBMonth: 1}, {className: fast, pricePerGiBMonth: 2}]}",
        "each className has one entry",
    ),
    plan(
        "{currency: EUR, storage: [{className: fast, pricePerGiBMonth: 1}, {className: fast, pricePerGiBMonth: 2}]}",
        "each className has one entry",
    ),
    plan(
        "{currency: EUR, discounts: [{name: a, percent: 1, resources: [storage/fast]}]}",
        "storage for claims of all classes",
    ),
    plan("{currency: EUR, storage: [{className: fast}]}", "set exactly one of pricePerGiBHour and pricePerGiBMonth"),
    plan(
        "{currency: EUR, storage: [{pricePerGiBHour: 1, pricePerGiBMonth: 1}]}",
        "set exactly one of pricePerGiBHour and pricePerGiBMonth",
    ),
];
