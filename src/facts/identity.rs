//! Who an object is, in 16 bytes: the same in every replica and in every replay.

use super::ObjectId;

impl ObjectId {
    pub const fn new(number: u128) -> Self {
        Self(number.to_be_bytes())
    }

    pub const fn number(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// A UID of the usual shape is kept as it is, any other one by its digest; an object without a UID is known by
    /// its kind, namespace and name. `kind` is as [`qualified`] writes it.
    pub fn of(uid: Option<&str>, kind: &str, namespace: Option<&str>, name: &str) -> Self {
        match uid.filter(|uid| !uid.is_empty()) {
            Some(uid) => Self::new(uuid(uid).unwrap_or_else(|| digest(&["uid", uid]))),
            None => Self::named(kind, namespace.unwrap_or_default(), name),
        }
    }

    /// An object by its name alone, whichever of that name it is.
    pub fn named(kind: &str, namespace: &str, name: &str) -> Self {
        Self::new(digest(&["name", kind, namespace, name]))
    }
}

/// A kind with its group, which tells apart kinds of one name: `Pod`, `ReplicaSet.apps`.
pub fn qualified(api_version: &str, kind: &str) -> String {
    match api_version.split_once('/') {
        Some((group, _)) => format!("{kind}.{group}"),
        None => kind.to_owned(),
    }
}

/// `8-4-4-4-12` hexadecimal digits, as a number.
fn uuid(text: &str) -> Option<u128> {
    if text.len() != 36 {
        return None;
    }
    text.bytes().enumerate().try_fold(0_u128, |value, (position, byte)| match position {
        8 | 13 | 18 | 23 => (byte == b'-').then_some(value),
        _ => Some(value << 4 | u128::from(char::from(byte).to_digit(16)?)),
    })
}

/// A zero byte ends each part.
fn digest(parts: &[&str]) -> u128 {
    fnv1a(parts.iter().flat_map(|part| part.bytes().chain([0])))
}

/// FNV-1a of 128 bits: stable, and short enough to be our own.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_uuid_is_its_number() {
        let id = ObjectId::of(Some("00000000-0000-0000-0000-0000000000ff"), "Pod", None, "x");
        assert_eq!(id, ObjectId::new(255));
        let upper = ObjectId::of(Some("6BA7B810-9DAD-11D1-80B4-00C04FD430C8"), "Pod", None, "x");
        assert_eq!(upper, ObjectId::new(0x6ba7_b810_9dad_11d1_80b4_00c0_4fd4_30c8));
    }

    #[test]
    fn everything_else_is_told_apart() {
        let ids = [
            ObjectId::of(Some("web"), "Pod", Some("a"), "web"),
            ObjectId::of(Some("6ba7b810-9dad-11d1-80b4-00c04fd430cg"), "Pod", Some("a"), "web"),
            ObjectId::of(Some("6ba7b810+9dad-11d1-80b4-00c04fd430c8"), "Pod", Some("a"), "web"),
            ObjectId::of(None, "Pod", Some("a"), "web"),
            ObjectId::of(None, "Pod", Some("b"), "web"),
            ObjectId::of(None, "Pod", Some("aw"), "eb"),
            ObjectId::of(None, "Node", None, "web"),
            ObjectId::of(None, "Service", None, "web"),
            ObjectId::of(None, "Service.serving.knative.dev", None, "web"),
        ];
        assert_eq!(BTreeSet::from(ids).len(), ids.len());
        assert_eq!(ObjectId::of(Some(""), "Pod", Some("a"), "web"), ids[3]);
        assert_eq!(ObjectId::of(Some("web"), "ReplicaSet.apps", None, "other"), ids[0]);
    }

    #[test]
    fn a_digest_never_changes() {
        // The first is of the published test vectors of FNV-1a.
        assert_eq!(fnv1a(b"a".iter().copied()), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        let id = ObjectId::of(None, "Pod", Some("team-a"), "web-0");
        assert_eq!(format!("{:032x}", id.number()), "d2c3891d9ed1889fc9aaeb5f672763c1");
    }

    #[test]
    fn a_kind_bears_its_group() {
        assert_eq!(qualified("v1", "Pod"), "Pod");
        assert_eq!(qualified("", "Pod"), "Pod");
        assert_eq!(qualified("apps/v1", "ReplicaSet"), "ReplicaSet.apps");
    }
}
