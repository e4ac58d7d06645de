//! Objects of any kind that a plan names: what they cost, and whose they are.

use serde_json::Value;

use super::Seconds;
use super::amounts::price;
use super::prices::{Rate, net};
use super::selector::matches;
use super::world::World;

/// The namespace, category and rate of each object that is there at an instant.
pub fn held_at(world: &World, plan: Option<&Value>, instant: Seconds) -> Vec<(String, String, Rate)> {
    let entries: Vec<_> = plan.and_then(|plan| plan["objects"].as_array()).into_iter().flatten().collect();
    let kind = |entry: &Value| {
        format!("{}/{}", entry["group"].as_str().unwrap_or(""), entry["kind"].as_str().expect("a kind"))
    };
    let mut held = Vec::new();
    for (name, things) in &world.things {
        let entries: Vec<_> = entries.iter().filter(|entry| kind(entry) == *name).collect();
        for thing in things.iter().filter(|one| one.made(world.from) <= instant && one.lives_at(instant)) {
            let labels = &thing.at(instant)["metadata"]["labels"];
            let Some(entry) = entries.iter().find(|entry| matches(&entry["selector"], labels)) else { continue };
            let of = ["crossplane.io/claim-namespace", "opex.dev/namespace"];
            let of = of.iter().find_map(|label| labels[label].as_str()).unwrap_or("");
            let namespace = if thing.namespace().is_empty() { of } else { thing.namespace() };
            let rate_name = format!("object/{}", entry["name"].as_str().expect("a name"));
            let price = price(&entry["pricePerHour"]).map(|price| net(plan, &rate_name, price));
            let rate = Rate { price, ..Rate::new(&rate_name, "seconds", 3600.into()) };
            held.push((namespace.to_owned(), entry["category"].as_str().unwrap_or("Other").to_owned(), rate));
        }
    }
    held
}
