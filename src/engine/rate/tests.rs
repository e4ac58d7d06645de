use super::*;
use crate::facts::no_amounts;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Arc::new(pairs.iter().map(|(k, v)| (Name::from(*k), Name::from(*v))).collect())
}

fn price(text: &str) -> UnitPrice {
    UnitPrice::parse(text).unwrap()
}

fn plan() -> PriceList {
    let spot = serde_json::from_value(serde_json::json!({"matchLabels": {"pool": "spot"}})).unwrap();
    PriceList {
        currency: "EUR".into(),
        prices: BTreeMap::from([("cpu".into(), price("0.03")), ("memory".into(), price("0.004"))]),
        classes: vec![NodeClass {
            name: "spot".into(),
            selector: Selector::compile(&spot).unwrap(),
            prices: ClassPrices::Units(BTreeMap::from([("cpu".into(), price("0.01"))])),
        }],
        storage: vec![
            StoragePrice { class: Some("fast".into()), price: price("0.0002"), monthly: false },
            StoragePrice { class: None, price: price("0.04"), monthly: true },
        ],
        ..PriceList::default()
    }
}

#[test]
fn names_follow_the_price() {
    let (on_demand, spot, sliced) =
        (labels(&[]), labels(&[("pool", "spot")]), labels(&[("nvidia.com/gpu.replicas", "4")]));
    let nothing = no_amounts();
    let resource = |resource, labels| Held::Resource { resource, node: OnNode { labels, capacity: &nothing } };
    for (held, name, unit, priced) in [
        (resource("cpu", &on_demand), "cpu", "millicore-seconds", true),
        (resource("cpu", &spot), "spot/cpu", "millicore-seconds", true),
        (resource("memory", &spot), "memory", "byte-seconds", true),
        (resource("hugepages-2Mi", &spot), "hugepages-2Mi", "byte-seconds", false),
        (resource("nvidia.com/gpu", &on_demand), "nvidia.com/gpu", "device-milliseconds", false),
        (resource("nvidia.com/gpu", &sliced), "nvidia.com/gpu/4", "device-milliseconds/4", false),
        (Held::Storage { class: "fast" }, "storage/fast", "byte-seconds", true),
        (Held::Storage { class: "slow" }, "storage", "byte-seconds/730h", true),
        (Held::LoadBalancer, "load-balancer", "seconds", false),
    ] {
        let rate = PriceList::rate(Some(&plan()), &"default".into(), held, None);
        assert_eq!(
            (&*rate.name, rate.unit.to_string().as_str(), rate.price.is_some()),
            (name, unit, priced),
            "{held:?}"
        );
    }
}

#[test]
fn a_missing_plan_prices_nothing_and_knows_no_class() {
    let (labels, capacity) = (labels(&[("pool", "spot")]), no_amounts());
    let node = OnNode { labels: &labels, capacity: &capacity };
    let rate = PriceList::rate(None, &"gone".into(), Held::Resource { resource: "cpu", node }, None);
    assert_eq!((&*rate.name, &*rate.plan, rate.price), ("cpu", "gone", None));
}
