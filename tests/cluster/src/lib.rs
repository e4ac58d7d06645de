//! A real Kubernetes control plane, embedded.
