//! What the tiny API server does with what a replica wants written.

use opex_operator::cluster::write::gate_label;
use opex_operator::engine::machine::Event as News;
use opex_operator::engine::observed::Source;
use opex_operator::engine::write::{Outcome, Write};
use serde_json::{Value, json};

use super::{Simulation, instant};
use crate::children;

impl Simulation {
    pub(super) fn carry_out(&mut self, writes: Vec<Write>) {
        let trouble = self.trouble.filter(|(_, until)| self.now < *until);
        for write in writes {
            if let Write::Event { key, note, .. } = &write {
                let first = self.replicas[0].notes.entry(format!("{key:?}")).or_insert_with(|| note.clone());
                assert_eq!(first, note, "a retry tells the same");
            }
            let done = trouble.is_none_or(|(done, _)| done);
            if let (Write::Scale { scale, .. }, Some(scales)) = (&write, &mut self.scales) {
                // What is lost was done in part.
                let outcome = scales.carry_out(*scale, done);
                let outcome = if trouble.is_some() { Outcome::Failed } else { outcome };
                self.replicas[0].machine.ingest(News::Done { key: write.key(), outcome }, self.now);
                continue;
            }
            let outcome = if done { self.write(&write) } else { Outcome::Failed };
            let outcome = if trouble.is_some() { Outcome::Failed } else { outcome };
            self.replicas[0].machine.ingest(News::Done { key: write.key(), outcome }, self.now);
        }
        let again = self.replicas[0].machine.wake();
        self.replicas[0].wake = again.map(|wake| wake.max(self.now + 1));
    }

    fn write(&mut self, write: &Write) -> Outcome {
        match write {
            Write::Statement { namespace, name, budget, version, spec } => {
                let key = (Source::Statements, format!("{namespace}/{name}"));
                let there = self.server.objects.get(&key).map(|object| object["metadata"]["resourceVersion"].clone());
                let expected = version.as_ref().map(|version| json!(version));
                if there != expected {
                    return if there.is_some() { Outcome::Conflict } else { Outcome::Gone };
                }
                return self.put_statement(namespace, name, &budget.name, &json!(&**spec));
            }
            Write::Copy { original: (from, of), namespace, name, budget, spec } => {
                let there = self.server.objects.get(&(Source::Statements, format!("{from}/{of}")));
                let spec = spec.as_ref().map(|spec| json!(&**spec)).or_else(|| Some(there?["spec"].clone()));
                let Some(spec) = spec else { return Outcome::Gone };
                if self.server.objects.contains_key(&(Source::Statements, format!("{namespace}/{name}"))) {
                    return Outcome::Conflict;
                }
                return self.put_statement(namespace, name, &budget.name, &spec);
            }
            Write::RemoveStatement { namespace, name } => {
                self.remove(Source::Statements, &format!("{namespace}/{name}"));
            }
            Write::Child { key, write } => {
                let place = format!("{}/{}", key.namespace.as_deref().unwrap_or(""), key.name);
                match children::written(&self.server, key, write, self.now) {
                    Ok(Some(budget)) => self.store(Source::Budgets, place, budget),
                    Ok(None) => self.remove(Source::Budgets, &place),
                    Err(outcome) => return outcome,
                }
            }
            Write::BudgetStatus { budget, status, namespaces } => {
                let source = if budget.namespace.is_some() { Source::Budgets } else { Source::ClusterBudgets };
                let key = format!("{}/{}", budget.namespace.as_deref().unwrap_or(""), budget.name);
                let mut status = json!(&**status);
                if let Some(namespaces) = namespaces {
                    status["namespaces"] = json!(namespaces);
                }
                return self.set_status(source, key, status);
            }
            Write::PlanStatus { name, status } => {
                return self.set_status(Source::PricePlans, format!("/{name}"), json!(status));
            }
            Write::OverrideStatus { namespace, name, status } => {
                return self.set_status(Source::BudgetOverrides, format!("{namespace}/{name}"), json!(status));
            }
            Write::Event { key, about, note, .. } => {
                let event = (key.reason(), note.clone());
                self.server.events.entry(format!("{key:?} {:?}", about.uid)).or_insert(event);
            }
            Write::Gate { .. } if self.scales.is_some() => return self.set_gate(write),
            Write::Gate { .. } | Write::Scale { .. } => {}
        }
        Outcome::Written { version: Some(self.server.version.to_string()) }
    }

    /// A Namespace that goes takes nothing new.
    fn put_statement(&mut self, namespace: &str, name: &str, budget: &str, spec: &Value) -> Outcome {
        let key = format!("{namespace}/{name}");
        if namespace != "opex-system" && !self.server.objects.contains_key(&(Source::Statements, key.clone())) {
            match self.server.objects.get(&(Source::Namespaces, format!("/{namespace}"))) {
                Some(there) if there["metadata"]["deletionTimestamp"].is_null() => {}
                Some(_) => return Outcome::Failed,
                None => return Outcome::Gone,
            }
        }
        let object = json!({
            "apiVersion": "billing.opex.dev/v1alpha1",
            "kind": "Statement",
            "metadata": {
                "namespace": namespace,
                "name": name,
                "uid": format!("statement-{namespace}-{name}"),
                "labels": {"opex.dev/budget": budget},
                "managedFields": [{"manager": "opex-operator", "operation": "Apply", "time": instant(self.now)}],
            },
            "spec": spec,
        });
        self.store(Source::Statements, key, object);
        Outcome::Written { version: Some(self.server.version.to_string()) }
    }

    fn set_gate(&mut self, write: &Write) -> Outcome {
        let Write::Gate { namespace, gate, message, ceilings, scaled_down } = write else { unreachable!("a gate") };
        let key = format!("/{namespace}");
        let Some(mut object) = self.server.objects.get(&(Source::Namespaces, key.clone())).cloned() else {
            return Outcome::Gone;
        };
        object["metadata"]["labels"]["opex.dev/gate"] = json!(gate_label(*gate));
        object["metadata"]["annotations"] = json!({
            "opex.dev/gate-message": message, "opex.dev/ceilings": ceilings, "opex.dev/scaled-down": scaled_down,
        });
        for kind in ["labels", "annotations"] {
            object["metadata"][kind].as_object_mut().expect("a map").retain(|_, value| !value.is_null());
        }
        self.store(Source::Namespaces, key, object);
        Outcome::Written { version: Some(self.server.version.to_string()) }
    }

    fn set_status(&mut self, source: Source, key: String, status: Value) -> Outcome {
        let Some(mut object) = self.server.objects.get(&(source, key.clone())).cloned() else { return Outcome::Gone };
        object["status"] = status;
        self.store(source, key, object);
        Outcome::Written { version: Some(self.server.version.to_string()) }
    }
}
