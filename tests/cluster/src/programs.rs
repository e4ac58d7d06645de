//! Which programs the control plane is made of, and where their binaries are.
//!
//! Each is built from a Go module pinned beside this crate, once, into a cache that is keyed by
//! version, shared between checkouts and outside `target/`: `${OPEX_CACHE:-~/.cache/opex-operator}`.
//! Only what is missing is built. Two builders do not clash: one waits for the other's lock.

use std::env;
use std::ffi::OsString;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The Kubernetes version that is built unless the variable `KUBERNETES` names another.
const KUBERNETES: &str = "1.37.2";

/// Leaves out what Prometheus finds targets with in clouds.
const TAGS: &str = "remove_all_sd";

/// A Go module of ours, and the binaries that come from it.
struct Program {
    name: &'static str,
    version: &'static str,
    /// Directory under `go/` whose go.mod pins the version.
    module: &'static str,
    /// File name of each binary, and the package that it is built from.
    binaries: &'static [(&'static str, &'static str)],
    /// Build time with an empty cache on two cores.
    minutes: f64,
    /// Whether one that is installed does as well, of whatever version.
    or_installed: bool,
}

/// Every version in one table; another Kubernetes minor is one more row and module (`KUBERNETES=1.30.14`).
const PROGRAMS: &[Program] = &[
    Program {
        name: "etcd",
        version: "3.7.3",
        module: "etcd",
        binaries: &[("etcd", "go.etcd.io/etcd/server/v3")],
        minutes: 0.5,
        or_installed: false,
    },
    Program {
        name: "kubernetes",
        version: KUBERNETES,
        module: "kubernetes",
        binaries: &[
            ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
            ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
            ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        ],
        minutes: 5.0,
        or_installed: false,
    },
    // The oldest minor on which the policies are at home.
    Program {
        name: "kubernetes",
        version: "1.30.14",
        module: "kubernetes-1.30",
        binaries: &[
            ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
            ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
            ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        ],
        minutes: 3.5,
        or_installed: false,
    },
    Program {
        name: "kwok",
        version: "0.8.0",
        module: "kwok",
        binaries: &[("kwok", "sigs.k8s.io/kwok/cmd/kwok"), ("kwokctl", "sigs.k8s.io/kwok/cmd/kwokctl")],
        minutes: 1.5,
        or_installed: false,
    },
    Program {
        name: "helm",
        version: "4.3.1",
        module: "helm",
        binaries: &[("helm", "helm.sh/helm/v4/cmd/helm")],
        minutes: 3.0,
        or_installed: false,
    },
    Program {
        name: "metrics-server",
        version: "0.9.0",
        module: "metrics-server",
        binaries: &[("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server")],
        minutes: 3.0,
        or_installed: false,
    },
    // As a library, Prometheus 3.16 is 0.316. Its answers have been the same for years.
    Program {
        name: "prometheus",
        version: "0.316.0",
        module: "prometheus",
        binaries: &[("prometheus", "github.com/prometheus/prometheus/cmd/prometheus")],
        minutes: 2.5,
        or_installed: true,
    },
];

/// The built programs of one control plane.
#[derive(Clone, Debug)]
pub struct Programs {
    cache: PathBuf,
    kubernetes: String,
}

impl Programs {
    /// Builds what the cache lacks, with a line of progress per program on standard error.
    pub fn build() -> Result<Self> {
        let kubernetes = env::var("KUBERNETES").unwrap_or_else(|_| KUBERNETES.to_owned());
        let kubernetes = kubernetes.trim_start_matches('v').to_owned();
        if !rows(&kubernetes).any(|row| row.name == "kubernetes") {
            let known: Vec<_> = PROGRAMS.iter().filter(|row| row.name == "kubernetes").map(|row| row.version).collect();
            bail!("KUBERNETES={kubernetes} has no pinned module here; there is {}", known.join(", "));
        }
        let programs = Self { cache: cache_dir()?, kubernetes };
        for row in rows(&programs.kubernetes) {
            row.build_into(&programs.cache)?;
        }
        Ok(programs)
    }

    /// The Kubernetes version, without a `v`.
    pub fn kubernetes_version(&self) -> &str {
        &self.kubernetes
    }

    /// The path of a binary, `kube-apiserver` say.
    ///
    /// # Panics
    /// When no program has a binary of that name.
    pub fn path(&self, binary: &str) -> PathBuf {
        let row = rows(&self.kubernetes).find(|row| row.binaries.iter().any(|(name, _)| *name == binary));
        let row = row.unwrap_or_else(|| panic!("no program is called {binary}"));
        row.installed().unwrap_or_else(|| row.dir(&self.cache).join(binary))
    }

    /// `PATH` with the binaries before everything else.
    pub fn search_path(&self) -> OsString {
        let ours = rows(&self.kubernetes).map(|row| row.dir(&self.cache));
        let inherited = env::var_os("PATH").unwrap_or_default();
        let dirs: Vec<_> = ours.chain(env::split_paths(&inherited)).collect();
        env::join_paths(dirs).unwrap_or(inherited)
    }
}

/// `${OPEX_CACHE:-${XDG_CACHE_HOME:-~/.cache}/opex-operator}`.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("OPEX_CACHE") {
        return Ok(dir.into());
    }
    let parent = match env::var_os("XDG_CACHE_HOME") {
        Some(dir) => dir.into(),
        None => env::home_dir().context("neither OPEX_CACHE nor XDG_CACHE_HOME nor HOME is set")?.join(".cache"),
    };
    Ok(parent.join("opex-operator"))
}

/// The rows of the table that make up a control plane of this Kubernetes version.
fn rows(kubernetes: &str) -> impl Iterator<Item = &'static Program> {
    PROGRAMS.iter().filter(move |row| row.name != "kubernetes" || row.version == kubernetes)
}

impl Program {
    /// The installed one, where that does.
    fn installed(&self) -> Option<PathBuf> {
        let [(name, _)] = self.binaries else { return None };
        let path = env::var_os("PATH").filter(|_| self.or_installed)?;
        env::split_paths(&path).map(|dir| dir.join(name)).find(|program| program.is_file())
    }

    fn dir(&self, cache: &Path) -> PathBuf {
        cache.join(format!("{}-v{}", self.name, self.version))
    }

    fn is_built(&self, cache: &Path) -> bool {
        let dir = self.dir(cache);
        self.binaries.iter().all(|(name, _)| dir.join(name).exists())
    }

    fn build_into(&self, cache: &Path) -> Result<()> {
        if self.installed().is_some() || self.is_built(cache) {
            return Ok(());
        }
        fs::create_dir_all(cache)?;
        let dir = self.dir(cache);
        let lock = File::create(dir.with_added_extension("lock"))?;
        if lock.try_lock().is_err() {
            eprintln!("{} {}: another build is under way", self.name, self.version);
            lock.lock()?;
        }
        if self.is_built(cache) {
            return Ok(());
        }
        let started = Instant::now();
        let expected = Duration::from_secs_f64(self.minutes * 60.0);
        eprintln!("{} {}: building, once (about {} on two cores)", self.name, self.version, minutes(expected));
        let partial = dir.with_added_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir_all(&partial)?;
        self.compile(&partial).with_context(|| format!("building {} {}", self.name, self.version))?;
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::rename(&partial, &dir)?;
        eprintln!("{} {}: built in {}", self.name, self.version, minutes(started.elapsed()));
        Ok(())
    }

    /// One `go build` for all binaries, so that what they share is compiled once.
    fn compile(&self, into: &Path) -> Result<()> {
        let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("go").join(self.module);
        let mut go = Command::new("go");
        go.current_dir(&module).env("GOWORK", "off").args([
            "build",
            "-trimpath",
            "-tags",
            TAGS,
            "-ldflags",
            &self.ldflags(),
            "-o",
        ]);
        match self.binaries {
            [(name, package)] => go.arg(into.join(name)).arg(package),
            several => go.arg(into.join("")).args(several.iter().map(|(_, package)| package)),
        };
        let status = go.status().context("running go (install Go 1.26 or newer)")?;
        if !status.success() {
            bail!("go build in {} failed: {status}", module.display());
        }
        Ok(())
    }

    /// Kubernetes takes its version from the linker.
    fn ldflags(&self) -> String {
        let mut flags = "-s -w".to_owned();
        if self.name == "kubernetes" {
            let version = self.version;
            let mut parts = version.split('.');
            let major = parts.next().unwrap_or_default();
            let minor = parts.next().unwrap_or_default();
            for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
                for (variable, value) in [
                    ("gitVersion", format!("v{version}")),
                    ("gitMajor", major.to_owned()),
                    ("gitMinor", minor.to_owned()),
                ] {
                    let _ = write!(flags, " -X {package}.{variable}={value}");
                }
            }
        }
        flags
    }
}

/// "20 s" or "4 min 51 s".
fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, s) => format!("{s} s"),
        (m, 0) => format!("{m} min"),
        (m, s) => format!("{m} min {s} s"),
    }
}
