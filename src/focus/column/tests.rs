use super::*;

const GUIDE: &str = include_str!("../../../docs/focus.md");

#[test]
fn a_rate_without_its_class_is_what_is_measured() {
    for (rate, measured) in [
        ("cpu", "cpu"),
        ("spot/cpu", "cpu"),
        ("m5.xlarge/memory", "memory"),
        ("hugepages-2Mi", "hugepages-2Mi"),
        ("nvidia.com/gpu", "nvidia.com/gpu"),
        ("nvidia.com/gpu/4", "nvidia.com/gpu"),
        ("g2/nvidia.com/gpu/4", "nvidia.com/gpu"),
        ("load-balancer", "load-balancer"),
        ("storage/fast", "storage"),
        ("recurring/support", "recurring"),
        ("idle/nvidia.com/gpu", "idle"),
    ] {
        assert_eq!(meter(rate), measured);
    }
}

/// The tables of the guide are these.
#[test]
fn the_guide_has_every_column_and_category() {
    let columns = COLUMNS.iter().map(|column| {
        let kind = match column.kind {
            OneOf(_) | Text => "String",
            Decimal => "Decimal",
            Currency => "Currency",
            DateTime => "Date/Time",
            KeyValue => "Key-Value",
        };
        let null = if column.nullable { "yes" } else { "no" };
        format!("| {} | {:?} | {kind} | {null} | {} |", column.name, column.level, column.filled)
    });
    let categories = category::ALL.map(|category| {
        let Service { category: of, subcategory, name } = Service::of(category);
        format!("| {category:?} | {of} | {subcategory} | {name} |")
    });
    let wanted: Vec<_> = columns.chain(categories).collect();
    let headings = ["| Column |", "| category |", "|---"];
    let shown: Vec<_> = GUIDE
        .lines()
        .filter(|line| line.starts_with('|') && !headings.iter().any(|heading| line.starts_with(heading)))
        .collect();
    assert_eq!(shown, wanted, "\n{}", wanted.join("\n"));
}

#[test]
fn services_are_of_the_lists() {
    for category in category::ALL {
        let Service { category, subcategory, .. } = Service::of(category);
        assert!(category::CATEGORIES.contains(&category) && category::SUBCATEGORIES.contains(&subcategory));
    }
}
