//! Which devices a ResourceClaim holds at an instant (Dynamic Resource Allocation).

use num_bigint::BigInt;
use serde_json::Value;

use super::Seconds;
use super::amounts::price;
use super::prices::{Rate, net};
use super::world::{Thing, time};

/// The device classes of what is allocated, one for each device.
pub fn held_at(claim: &Thing, instant: Seconds) -> Vec<String> {
    let Some(version) = allocated_at(claim, instant) else { return Vec::new() };
    let results = version["status"]["allocation"]["devices"]["results"].as_array().into_iter().flatten();
    let billed = results.filter(|result| result["adminAccess"] != true);
    billed.filter_map(|result| class(version, result["request"].as_str()?)).collect()
}

/// The version that holds at an instant, if something is allocated then: the first one that shows it from then on.
fn allocated_at(claim: &Thing, instant: Seconds) -> Option<&Value> {
    let allocation = |version: &Value| version["status"]["allocation"].clone();
    let same = |(_, one): &_, (_, next): &_| allocation(one).is_null() == allocation(next).is_null();
    let mut free_from = Seconds::MIN;
    let mut spells = claim.versions.chunk_by(same).peekable();
    while let Some(spell) = spells.next() {
        let (seen, first) = &spell[0];
        if allocation(first).is_null() {
            free_from = *seen;
            continue;
        }
        let since = time(&allocation(first)["allocationTimestamp"]).unwrap_or(*seen).max(free_from);
        let until = spells.peek().map_or(Seconds::MAX, |after| after[0].0);
        if since <= instant && instant < until && claim.lives_at(instant) {
            let shown = spell.iter().rev().find(|(at, _)| *at <= instant);
            return Some(&shown.unwrap_or(&spell[0]).1);
        }
    }
    None
}

/// The class that a request names: REQUEST, or REQUEST/ALTERNATIVE.
fn class(claim: &Value, named: &str) -> Option<String> {
    let (name, alternative) = named.split_once('/').map_or((named, None), |(name, other)| (name, Some(other)));
    let find = |list: &'_ Value, name: &str| {
        list.as_array().into_iter().flatten().find(|one| one["name"] == name).cloned().unwrap_or_default()
    };
    let request = find(&claim["spec"]["devices"]["requests"], name);
    let chosen = match alternative {
        Some(alternative) => find(&request["firstAvailable"], alternative),
        None if request["exactly"].is_object() => request["exactly"].clone(),
        None => request,
    };
    chosen["deviceClassName"].as_str().map(ToOwned::to_owned)
}

/// What a device of a class costs.
pub fn rate(plan: Option<&Value>, class: &str) -> Rate {
    let mut entries = plan.and_then(|plan| plan["devices"].as_array()).into_iter().flatten();
    let hourly = entries.find(|entry| entry["deviceClass"] == class).and_then(|entry| price(&entry["pricePerHour"]));
    let name = format!("device/{class}");
    let price = hourly.map(|price| net(plan, &name, price));
    Rate { price, scale: 1000, ..Rate::new(&name, "device-milliseconds", BigInt::from(3_600_000)) }
}
