//! One control plane: where it lives, how it starts, and that it ends.
//!
//! Everything of a cluster is in one directory: the programs (links), keys, data, logs, kubeconfig,
//! caches of kubectl and Helm. Its control plane is laid out and started by kwokctl, on ports of
//! ours and on the loopback alone.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::run;
use crate::current;
use crate::options::Options;
use crate::ports::Ports;
use crate::programs::{Programs, cache_dir};
use crate::reaper::{MEMBER, Reaper};
use crate::wait::wait_until;

const NODE_STAGES: &str = include_str!("../kwok/nodes.yaml");
const POD_STAGES: &str = include_str!("../kwok/pods.yaml");
/// How far the memory of a program in Go grows before it looks for garbage: a tenth of its work is that, at the usual 100.
const GARBAGE: &str = "400";

/// A running control plane, embedded or (`CLUSTER=current`) the user's own.
///
/// Dropping it ends the embedded one and removes its directory; so does the end of this process,
/// however it comes.
#[derive(Debug)]
pub struct Cluster {
    name: String,
    dir: PathBuf,
    kubeconfig: PathBuf,
    programs: Option<Programs>,
    reaper: Option<Reaper>,
    // After the reaper: the block is free when nothing listens on it any more.
    ports: Ports,
}

impl Cluster {
    /// Starts a cluster that ends with this value, or with this process.
    ///
    /// With `CLUSTER=current` it is the user's own: entered by one process at a time, where nothing is that tests make,
    /// and left as it was.
    pub fn start(options: &Options) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let dir = env::temp_dir().canonicalize()?.join(format!(
            "opex-{}-{}-{}",
            options.name,
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        if current::current_is_wanted()? { Self::adopt(options.name.clone(), dir) } else { Self::create(options, dir) }
    }

    /// Starts a cluster in the directory that is known by its name, where [`Cluster::open`] finds
    /// it. It too ends with this value, unless [`Cluster::keep`] is called.
    pub fn up(options: &Options) -> Result<Self> {
        let dir = dev_dir(&options.name)?;
        if dir.exists() {
            bail!("there is a cluster {} already", options.name);
        }
        Self::create(options, dir)
    }

    /// As [`Cluster::up`], of the user's own cluster, which is known by this name meanwhile.
    pub fn borrow(name: &str) -> Result<Self> {
        let dir = dev_dir(name)?;
        if dir.exists() {
            bail!("there is a cluster {name} already");
        }
        Self::adopt(name.to_owned(), dir)
    }

    /// Lets the cluster outlive this value and this process, until [`Cluster::down`].
    pub fn keep(mut self) -> Result<()> {
        self.reaper.take().map_or(Ok(()), Reaper::dismiss)
    }

    /// Opens a cluster that was kept; dropping this value leaves it running.
    pub fn open(name: &str) -> Result<Self> {
        let dir = dev_dir(name)?;
        let kubeconfig = dir.join("kubeconfig");
        if !kubeconfig.exists() {
            bail!("there is no cluster {name}");
        }
        // A borrowed cluster has no control plane here.
        let programs = dir.join("kwokctl.yaml").exists().then(Programs::build).transpose()?;
        Ok(Self {
            name: name.to_owned(),
            kubeconfig,
            dir,
            programs,
            ports: Ports::claim(&cache_dir()?.join("ports"))?,
            reaper: None,
        })
    }

    /// Ends the cluster of this name, if there is one, and says whether.
    pub fn down(name: &str) -> Result<bool> {
        let dir = dev_dir(name)?;
        if !dir.exists() {
            return Ok(false);
        }
        drop(Reaper::watch(&dir)?);
        Ok(true)
    }

    /// Whether nodes are simulated and components may be harmed: not the user's own cluster.
    pub fn is_embedded(&self) -> bool {
        self.programs.is_some()
    }

    /// The API server's minor version: 37 of Kubernetes 1.37.
    pub fn minor(&self) -> u32 {
        let version = self.kubectl(["get", "--raw", "/version"]).json().unwrap_or_default();
        let minor = version["minor"].as_str().unwrap_or_default();
        minor.trim_end_matches('+').parse().unwrap_or_default()
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The cluster's directory; files put there are removed with it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A line of JSON for each request of the user that is audited: its metadata.
    pub fn audit_log(&self) -> PathBuf {
        self.control_plane_dir().join("logs/audit.log")
    }

    /// A port on the loopback that nobody else uses.
    pub fn port(&self) -> u16 {
        self.ports.next()
    }

    /// The environment in which kubectl, Helm and an operator reach this cluster. A process that has
    /// it ends with the cluster.
    pub fn env(&self) -> Vec<(&'static str, OsString)> {
        let mut env = vec![
            (MEMBER, self.dir.clone().into()),
            ("KUBECONFIG", self.kubeconfig.clone().into()),
            ("KUBECACHEDIR", self.dir.join("cache").into()),
        ];
        for (name, dir) in
            [("HELM_CACHE_HOME", "helm/cache"), ("HELM_CONFIG_HOME", "helm/config"), ("HELM_DATA_HOME", "helm/data")]
        {
            env.push((name, self.dir.join(dir).into()));
        }
        if let Some(programs) = &self.programs {
            env.push(("PATH", programs.search_path()));
        }
        env
    }

    /// The same environment as lines for a shell's `eval`, without what would end that shell with
    /// the cluster.
    pub fn exports(&self) -> Vec<String> {
        let inherited = env::var("PATH").unwrap_or_default();
        let line = |(key, value): (&str, OsString)| {
            let value = value.to_string_lossy().replace('\'', r"'\''");
            match value.strip_suffix(&inherited).filter(|_| key == "PATH") {
                Some(ours) => format!("export PATH='{ours}'\"$PATH\""),
                None => format!("export {key}='{value}'"),
            }
        };
        self.env().into_iter().filter(|(name, _)| *name != MEMBER).map(line).collect()
    }

    /// A command of the control plane's programs, or of `PATH` for the user's own cluster.
    pub fn command(&self, program: &str) -> Command {
        let mut command = match &self.programs {
            Some(programs) => Command::new(programs.path(program)),
            None => Command::new(program),
        };
        command.envs(self.env()).env("GOGC", GARBAGE);
        command
    }

    /// Makes a namespace and waits for the ServiceAccount that its first Pod needs.
    pub fn create_namespace(&self, name: &str) -> Result<()> {
        let labels = serde_json::json!({current::MADE: "true"});
        let namespace = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": labels},
        });
        self.kubectl_with_input(["create", "-f", "-"], &namespace.to_string()).ok()?;
        self.wait_for_service_account(name)
    }

    fn adopt(name: String, dir: PathBuf) -> Result<Self> {
        make_private(&dir)?;
        let kubeconfig = dir.join("kubeconfig");
        let mut cluster = Self {
            name,
            reaper: Some(Reaper::watch(&dir)?),
            dir,
            programs: None,
            ports: Ports::claim(&cache_dir()?.join("ports"))?,
            kubeconfig,
        };
        current::copy_context(&cluster.kubeconfig)?;
        let lock = current::take_turns(&cluster.kubeconfig, &cache_dir()?.join("current"))?;
        current::refuse_busy(&cluster)?;
        current::refuse_used(&cluster)?;
        current::prepare_to_leave(&cluster.dir)?;
        let without_lock = cluster.reaper.replace(Reaper::watch_locked(&cluster.dir, lock)?);
        without_lock.map_or(Ok(()), Reaper::dismiss)?;
        Ok(cluster)
    }

    fn create(options: &Options, dir: PathBuf) -> Result<Self> {
        let programs = Programs::build()?;
        let ports = Ports::claim(&cache_dir()?.join("ports"))?;
        make_private(&dir)?;
        let reaper = Reaper::watch(&dir)?;
        let cluster = Self {
            kubeconfig: dir.join("kubeconfig"),
            name: options.name.clone(),
            dir,
            programs: Some(programs),
            ports,
            reaper: Some(reaper),
        };
        cluster.create_control_plane(options)?;
        cluster.wait_for_controllers()?;
        cluster.nodes(options.nodes)?;
        if options.metrics {
            cluster.enable_metrics()?;
        }
        Ok(cluster)
    }

    fn create_control_plane(&self, options: &Options) -> Result<()> {
        fs::write(self.dir.join("kwokctl.yaml"), self.configuration()?)?;
        let mut create = self.kwokctl();
        create
            .args(["create", "cluster", "--runtime", "binary", "-v", "ERROR"])
            .args(["--timeout", "90s", "--wait", "60s"])
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(["--enable-crds", "Metric,ClusterResourceUsage"])
            .args(["--extra-args", "etcd=unsafe-no-fsync=true"]);
        // There is one of each: without an election none ends because it was too slow to renew a lease.
        for controller in ["kube-controller-manager", "kube-scheduler"] {
            create.arg("--extra-args").arg(format!("{controller}=leader-elect=false"));
        }
        // Nobody waits for the autoscaler's usual quarter of a minute.
        for (period, value) in [("sync-period", "5s"), ("initial-readiness-delay", "5s")] {
            create
                .arg("--extra-args")
                .arg(format!("kube-controller-manager=horizontal-pod-autoscaler-{period}={value}"));
        }
        let gates = env::var("FEATURE_GATES").unwrap_or_default();
        let gates = if options.feature_gates.is_empty() { &gates } else { &options.feature_gates };
        if !gates.is_empty() {
            create.args(["--kube-feature-gates", gates]);
        }
        if options.unlimited {
            create.arg("--disable-qps-limits");
        }
        if let Some(user) = &options.audited {
            let policy = self.dir.join("audit.yaml");
            fs::write(&policy, audit_policy(user))?;
            create.arg("--kube-audit-policy").arg(policy);
        }
        run(&mut create, None).ok().with_context(|| format!("starting the control plane{}", self.component_tails()))?;
        Ok(())
    }

    /// kwokctl, told which cluster and which directory is meant.
    pub(crate) fn kwokctl(&self) -> Command {
        let mut kwokctl = self.command("kwokctl");
        kwokctl
            .env("KWOK_WORKDIR", self.dir.join("kwok"))
            .args(["--name", &self.name, "--config"])
            .arg(self.dir.join("kwokctl.yaml"));
        if let Some(programs) = &self.programs {
            kwokctl.env("KWOK_KUBE_VERSION", format!("v{}", programs.kubernetes_version()));
        }
        kwokctl
    }

    /// Where kwokctl keeps this cluster: `pids/`, `logs/`, `pki/`.
    pub(crate) fn control_plane_dir(&self) -> PathBuf {
        self.dir.join("kwok/clusters").join(&self.name)
    }

    /// The options that kwokctl has no flags for, and the Stages: simulated kubelets.
    fn configuration(&self) -> Result<String> {
        let programs = self.programs.as_ref().context("no programs were built")?;
        let mut options = serde_json::json!({
            "bindAddress": "127.0.0.1",
            "etcdPort": self.port(),
            "etcdPeerPort": self.port(),
            "kubeApiserverPort": self.port(),
            "kubeControllerManagerPort": self.port(),
            "kubeSchedulerPort": self.port(),
            "kwokControllerPort": self.port(),
        });
        for (option, program) in [
            ("etcdBinary", "etcd"),
            ("kubeApiserverBinary", "kube-apiserver"),
            ("kubeControllerManagerBinary", "kube-controller-manager"),
            ("kubeSchedulerBinary", "kube-scheduler"),
            ("kwokControllerBinary", "kwok"),
            ("kubectlBinary", "kubectl"),
        ] {
            options[option] = programs.path(program).display().to_string().into();
        }
        let configuration = serde_json::json!({
            "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
            "kind": "KwokctlConfiguration",
            "options": options,
        });
        Ok(format!("{configuration}\n---\n{NODE_STAGES}---\n{POD_STAGES}"))
    }

    /// A controller that begins before a slow API server answers gives up and ends: it is begun again.
    fn wait_for_controllers(&self) -> Result<()> {
        let begun = || {
            self.revive_what_ended()?;
            self.has_service_account("default")
        };
        wait_until("the controllers", Duration::from_mins(2), begun).with_context(|| self.component_tails())
    }

    fn wait_for_service_account(&self, namespace: &str) -> Result<()> {
        let what = format!("the default ServiceAccount of {namespace}");
        wait_until(&what, Duration::from_mins(1), || self.has_service_account(namespace))
            .with_context(|| self.component_tails())
    }

    fn has_service_account(&self, namespace: &str) -> Result<()> {
        self.kubectl(["get", "serviceaccount", "default", "-n", namespace]).ok().map(drop)
    }
}

/// What one user asks for, and nothing else.
fn audit_policy(user: &str) -> String {
    serde_json::json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "users": [user]}, {"level": "None"}],
    })
    .to_string()
}

/// Makes a directory for keys and tokens.
fn make_private(dir: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    Ok(())
}

/// The directory of the cluster that [`Cluster::up`] starts under this name.
fn dev_dir(name: &str) -> Result<PathBuf> {
    let clusters = cache_dir()?.join("clusters");
    fs::create_dir_all(&clusters)?;
    Ok(clusters.canonicalize()?.join(name))
}
