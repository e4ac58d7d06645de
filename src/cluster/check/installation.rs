//! Whether there is an operator, at work, on an API server that can enforce what it decides.

use jiff::SignedDuration;
use k8s_openapi::api::coordination::v1::Lease;
use serde_json::Value;

use super::{Doctor, Finding, is_absent};
use crate::api::{GROUP, VERSION};

/// The first minor version in which admission policies are stable.
const OLDEST: u32 = 30;

/// A leader renews its Lease every two seconds; one that has not for so long is gone, or cannot.
const SILENT: SignedDuration = SignedDuration::from_secs(20);

/// How far the clock here may be off: times that people compare are then seconds apart.
const OFF: f64 = 5.0;

const KINDS: [&str; 5] = ["PricePlan", "Budget", "ClusterBudget", "BudgetOverride", "Statement"];

const INSTALL: &str = "helm upgrade --install opex-operator charts/opex-operator -n opex-system --create-namespace";

impl Doctor {
    pub(super) async fn installation(&self) -> Vec<Finding> {
        let about = "installation";
        let version = match self.client.apiserver_version().await {
            Ok(version) => version,
            Err(error) => return vec![Finding::unseen(about, "the API server", &error)],
        };
        let digits: String = version.minor.chars().take_while(char::is_ascii_digit).collect();
        let server = if digits.parse().is_ok_and(|minor: u32| minor < OLDEST) {
            let found = format!("Kubernetes {} has no stable admission policies: no gate closes", version.git_version);
            Finding::fault(about, found, format!("upgrade to Kubernetes 1.{OLDEST} or later"))
        } else {
            Finding::ok(about, format!("Kubernetes {}", version.git_version))
        };
        vec![server, self.kinds(about).await]
    }

    async fn kinds(&self, about: &'static str) -> Finding {
        let served: Value = match self.read(&format!("/apis/{GROUP}/{VERSION}")).await {
            Ok(served) => served,
            Err(error) if is_absent(&error) => {
                return Finding::fault(about, format!("there is no {GROUP}/{VERSION}"), INSTALL);
            }
            Err(error) => return Finding::unseen(about, "the kinds that are served", &error),
        };
        let resources = served["resources"].as_array().cloned().unwrap_or_default();
        let is_served = |kind: &&&str| resources.iter().any(|resource| resource["kind"] == **kind);
        let missing: Vec<_> = KINDS.iter().filter(|kind| !is_served(kind)).copied().collect();
        if missing.is_empty() {
            return Finding::ok(about, format!("the kinds of {GROUP}/{VERSION} are defined"));
        }
        Finding::fault(about, format!("not defined: {}", missing.join(", ")), INSTALL)
    }

    /// Whether a replica leads.
    pub(super) async fn operator(&self) -> Vec<Finding> {
        let about = "operator";
        let namespace = &self.namespace;
        let look = format!("kubectl get pods -n {namespace}; kubectl logs deploy/opex-operator -n {namespace}");
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/opex-operator");
        let lease: Lease = match self.read(&path).await {
            Ok(lease) => lease,
            Err(error) if is_absent(&error) => {
                let found = format!("no operator has ever led in namespace {namespace}");
                let remedy = format!("{look}; if it is installed elsewhere, name that namespace with -n");
                return vec![Finding::fault(about, found, remedy)];
            }
            Err(error) => return vec![Finding::unseen(about, "who leads", &error)],
        };
        let spec = lease.spec.unwrap_or_default();
        let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
        let silent = spec.renew_time.map(|renewed| self.clock.now().duration_since(renewed.0));
        vec![match (holder, silent) {
            (Some(holder), Some(silent)) if silent < SILENT => Finding::ok(about, format!("{holder} leads")),
            (Some(holder), Some(silent)) => {
                let found = format!("{holder} led, and has not been heard of for {} s", silent.as_secs());
                Finding::fault(about, found, look)
            }
            _ => Finding::fault(about, "no replica leads", look),
        }]
    }

    /// Of the clock here: the operator keeps the API server's time.
    pub(super) fn time(&self) -> Finding {
        let about = "clock";
        let off = self.clock.offset_seconds();
        if off.abs() <= OFF {
            return Finding::ok(about, "this machine and the API server agree on the time");
        }
        let found = format!(
            "the API server is {:.0} s {} this machine",
            off.abs(),
            if off > 0.0 { "ahead of" } else { "behind" }
        );
        Finding::warning(about, found, "keep time with NTP; what the operator writes is in the API server's time")
    }
}
