//! ResourceClaims (Dynamic Resource Allocation): which devices are held, by their class.
//!
//! A claim holds what its allocation lists, whether a Pod uses it or not (COST_RULES 41). Which class a device is of
//! stands in the request that it was allocated for.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::metadata::Metadata;
use super::time::Time;
use super::{Allocated, Amounts, DeviceClaimFact, Name, Problem, nullable};

/// A ResourceClaim as it is read from the API server or from a trace.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimDeviceClaim {
    #[serde(deserialize_with = "nullable::or_default")]
    pub metadata: Metadata,
    #[serde(deserialize_with = "nullable::or_default")]
    pub spec: DeviceClaimSpec,
    #[serde(deserialize_with = "nullable::or_default")]
    pub status: DeviceClaimStatus,
}

/// What is read of a claim's `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct DeviceClaimSpec {
    #[serde(deserialize_with = "nullable::or_default")]
    pub devices: Asked,
}

/// What a claim asks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Asked {
    #[serde(deserialize_with = "nullable::list")]
    pub requests: Vec<Request>,
}

/// One request: for exactly this, or for the first available of several. Before v1 the class stood in the request itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Request {
    #[serde(deserialize_with = "nullable::or_default")]
    pub name: String,
    #[serde(deserialize_with = "nullable::or_default")]
    pub device_class_name: String,
    pub exactly: Option<Exactly>,
    #[serde(deserialize_with = "nullable::list")]
    pub first_available: Vec<Alternative>,
}

/// What exactly is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Exactly {
    #[serde(deserialize_with = "nullable::or_default")]
    pub device_class_name: String,
}

/// One of several that would do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Alternative {
    #[serde(deserialize_with = "nullable::or_default")]
    pub name: String,
    #[serde(deserialize_with = "nullable::or_default")]
    pub device_class_name: String,
}

/// What is read of a claim's `status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct DeviceClaimStatus {
    pub allocation: Option<Allocation>,
}

/// What was allocated, and when.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Allocation {
    pub allocation_timestamp: Time,
    #[serde(deserialize_with = "nullable::or_default")]
    pub devices: Given,
}

/// The devices of an allocation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Given {
    #[serde(deserialize_with = "nullable::list")]
    pub results: Vec<Device>,
}

/// One device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Device {
    /// `REQUEST`, or `REQUEST/ALTERNATIVE`.
    #[serde(deserialize_with = "nullable::or_default")]
    pub request: String,
    #[serde(deserialize_with = "nullable::or_default")]
    pub admin_access: bool,
}

// === impl DeviceClaimFact ===

impl DeviceClaimFact {
    /// What one version of a ResourceClaim says.
    pub fn project(claim: &SlimDeviceClaim) -> Self {
        let SlimDeviceClaim { metadata, spec, status } = claim;
        let mut problems = Vec::new();
        metadata.check(metadata.created(), &mut problems);
        let allocated = status.allocation.as_ref().map(|allocation| {
            let field = "status.allocation.allocationTimestamp";
            allocation.allocation_timestamp.check(&mut problems, || field.to_owned());
            let since = allocation.allocation_timestamp.seconds();
            Allocated { since, devices: counted(&spec.devices, &allocation.devices, &mut problems) }
        });
        Self { namespace: metadata.namespace(), name: metadata.name(), allocated, problems }
    }
}

/// How many devices of each class are billed: what administrators look at is free.
fn counted(asked: &Asked, given: &Given, problems: &mut Vec<Problem>) -> Amounts {
    let mut counted: BTreeMap<Name, i128> = BTreeMap::new();
    for (i, device) in given.results.iter().enumerate().filter(|(_, device)| !device.admin_access) {
        match asked.class(&device.request) {
            Some(class) => *counted.entry(class.into()).or_default() += 1,
            None => problems.push(Problem {
                field: format!("status.allocation.devices.results[{i}].request"),
                message: format!("{:?} names no request of spec.devices with a device class", device.request),
            }),
        }
    }
    counted.into_iter().collect()
}

// === impl Asked ===

impl Asked {
    /// The device class of a request, or of one of its alternatives.
    fn class(&self, named: &str) -> Option<&str> {
        let (name, alternative) = named.split_once('/').map_or((named, None), |(name, one)| (name, Some(one)));
        let request = self.requests.iter().find(|request| request.name == name)?;
        let class = match (alternative, &request.exactly) {
            (Some(wanted), _) => &request.first_available.iter().find(|one| one.name == wanted)?.device_class_name,
            (None, Some(exactly)) => &exactly.device_class_name,
            (None, None) => &request.device_class_name,
        };
        Some(class.as_str()).filter(|class| !class.is_empty())
    }
}

#[cfg(test)]
mod tests;
