//! Labels of an object, small: they are kept of every Pod, and looked at where a selector or a price asks.

use super::Name;

/// Labels in order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LabelSet(Box<[(Name, Name)]>);

// === impl LabelSet ===

impl LabelSet {
    /// The value of a label.
    pub fn get(&self, key: &str) -> Option<&Name> {
        let found = self.0.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        Some(&self.0[found].1)
    }

    /// Keys with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Of a key that comes twice the later value counts.
impl FromIterator<(Name, Name)> for LabelSet {
    fn from_iter<T: IntoIterator<Item = (Name, Name)>>(labels: T) -> Self {
        let mut labels: Vec<_> = labels.into_iter().collect();
        labels.sort_by(|(a, _), (b, _)| a.cmp(b));
        labels.dedup_by(|(later, value), (earlier, kept)| {
            let same = later == earlier;
            if same {
                std::mem::swap(value, kept);
            }
            same
        });
        Self(labels.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there_and_the_later_of_two() {
        let pairs = [("b", "1"), ("a", "2"), ("c", "3"), ("a", "4")];
        let labels: LabelSet = pairs.into_iter().map(|(k, v)| (Name::from(k), Name::from(v))).collect();
        let found: Vec<_> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(found, ["a=4", "b=1", "c=3"]);
        assert_eq!((labels.get("a").map(AsRef::as_ref), labels.get("d")), (Some("4"), None));
    }
}
