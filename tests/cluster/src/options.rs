//! What kind of cluster a test asks for.

/// What kind of cluster to start.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Its name: letters, digits and dashes.
    pub name: String,
    /// How many simulated nodes it has ([`crate::Cluster::nodes`] changes it).
    pub nodes: usize,
    /// Whether metrics-server runs, for `kubectl top` and HorizontalPodAutoscalers.
    pub metrics: bool,
    /// Feature gates of all components, instead of those of the variable `FEATURE_GATES`: `WatchList=false,WatchListClient=false`.
    pub feature_gates: String,
    /// Whether the components' own limits on queries are lifted, for load.
    pub unlimited: bool,
    /// The user whose requests the API server writes down.
    pub audited: Option<String>,
}

impl Options {
    /// A cluster without nodes.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// With this many simulated nodes.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// With metrics-server.
    #[must_use]
    pub fn metrics(mut self) -> Self {
        self.metrics = true;
        self
    }

    /// With feature gates: `WatchList=false,WatchListClient=false`.
    #[must_use]
    pub fn feature_gates(mut self, gates: &str) -> Self {
        gates.clone_into(&mut self.feature_gates);
        self
    }

    /// With an audit log of what this user asks for ([`crate::Cluster::audit_log`]).
    #[must_use]
    pub fn audited(mut self, user: &str) -> Self {
        self.audited = Some(user.to_owned());
        self
    }

    /// Without the components' limits on queries.
    #[must_use]
    pub fn unlimited(mut self) -> Self {
        self.unlimited = true;
        self
    }
}
