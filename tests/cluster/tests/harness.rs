//! The harness keeps its promises: a cluster starts, heals, and leaves nothing behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use opex_cluster::{Cluster, Component, Node, Options, Process, needs_own_cluster, needs_simulated_nodes, wait_for};
use serde_json::Value;

const MINUTE: Duration = Duration::from_mins(1);
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/opex-operator");
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
const BUDGETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds/budgets.yaml");

#[test]
fn a_cluster_starts_and_survives_faults() {
    if needs_own_cluster() {
        return;
    }
    let started = Instant::now();
    let cluster = Cluster::start(&Options::new("harness").nodes(3)).unwrap();
    println!("ready after {:.1} s", started.elapsed().as_secs_f64());

    cluster.kubectl(["create", "deployment", "web", "--image=none", "--replicas=3"]).expect();
    cluster.kubectl(["rollout", "status", "deployment/web", "--timeout=60s"]).expect();

    for component in [Component::ApiServer, Component::Etcd, Component::ControllerManager] {
        let before = cluster.pid(component).unwrap();
        let killed = Instant::now();
        cluster.restart(component).unwrap();
        println!("{component:?} is back after {:.1} s", killed.elapsed().as_secs_f64());
        assert_ne!(cluster.pid(component).unwrap(), before);
    }
    cluster.kubectl(["scale", "deployment/web", "--replicas=5"]).expect();
    cluster.kubectl(["rollout", "status", "deployment/web", "--timeout=60s"]).expect();

    cluster.nodes(1).unwrap();
    let nodes = cluster.get(["nodes"]).unwrap();
    assert_eq!(nodes["items"].as_array().map(Vec::len), Some(1));
    let gpu = Node::new("gpu").label("class", "gpu").capacity("example.com/gpu", "8");
    cluster.add_nodes(&[gpu]).unwrap();
    let node = cluster.get(["node", "gpu"]).unwrap();
    assert_eq!(node["status"]["capacity"]["example.com/gpu"], "8");
}

#[test]
fn pods_live_as_long_as_they_say() {
    if needs_simulated_nodes() {
        return;
    }
    let cluster = Cluster::start(&Options::new("pods").nodes(1)).unwrap();
    cluster.apply(PODS).expect();
    let pod = |name: &str| cluster.get(["pod", name]);
    let in_phase = |name: &str, phase: &str| {
        wait_for(&format!("Pod {name} to be {phase}"), MINUTE, || {
            pod(name).is_ok_and(|pod| pod["status"]["phase"] == phase)
        })
        .unwrap();
        pod(name).unwrap()
    };
    // Not zero, as with the Stages that KWOK ships; a busy machine is late.
    let ran = seconds(&in_phase("completes", "Succeeded"));
    assert!((3..30).contains(&ran), "ran for {ran} s");
    let failed = in_phase("fails", "Failed");
    assert_eq!(terminated(&failed)["exitCode"], 7);

    in_phase("ends", "Running");
    in_phase("vanishes", "Running");
    let watch = ["get", "pods", "-l", "deleted=soon", "--watch-only", "--output-watch-events", "-o", "json"];
    let mut kubectl = cluster.command("kubectl");
    let watch = Process::start(&cluster, "watch", kubectl.args(watch)).unwrap();
    // The watch has begun when it reports a change.
    let mut changes = 0;
    wait_for("the watch to report a change", MINUTE, || {
        changes += 1;
        let label = format!("change={changes}");
        let labelled = cluster.kubectl(["label", "pod", "vanishes", "--overwrite", &label]);
        labelled.status.success() && watch.log().contains("vanishes")
    })
    .unwrap();
    cluster.kubectl(["delete", "pod", "ends", "vanishes"]).expect();
    wait_for("both deletions", MINUTE, || watch.log().matches("\"DELETED\"").count() == 2).unwrap();
    let last = |name: &str| {
        serde_json::Deserializer::from_str(&watch.log())
            .into_iter::<Value>()
            .map_while(Result::ok)
            .filter(|event| event["type"] == "DELETED" && event["object"]["metadata"]["name"] == name)
            .map(|event| event["object"].clone())
            .next()
            .unwrap()
    };
    assert_eq!(last("ends")["status"]["phase"], "Failed");
    assert!(terminated(&last("ends"))["finishedAt"].is_string());
    assert_eq!(last("vanishes")["status"]["phase"], "Running");
    assert!(terminated(&last("vanishes")).is_null());
}

#[test]
fn an_autoscaler_sees_annotated_usage() {
    if needs_simulated_nodes() {
        return;
    }
    let cluster = Cluster::start(&Options::new("hpa").nodes(1).metrics()).unwrap();
    cluster.apply(AUTOSCALED).expect();
    wait_for("the autoscaler to scale to its maximum", 4 * MINUTE, || {
        cluster.get(["deployment", "busy"]).is_ok_and(|deployment| deployment["spec"]["replicas"] == 4)
    })
    .unwrap();
}

#[test]
fn nothing_is_left_after_kill_9() {
    if needs_own_cluster() {
        return;
    }
    let script = r#"dirname "$KUBECONFIG"; echo $$; exec sleep 600"#;
    let mut child =
        opex_cluster(&["run", "--nodes=1", "--", "sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let dir = PathBuf::from(lines.next().unwrap());
    let mut pids: Vec<u32> = vec![lines.next().unwrap().parse().unwrap()];
    for file in fs::read_dir(dir.join("kwok/clusters/run/pids")).unwrap() {
        pids.push(fs::read_to_string(file.unwrap().path()).unwrap().trim().parse().unwrap());
    }
    assert_eq!(pids.len(), Component::ALL.len() + 1);
    assert!(pids.iter().all(|pid| is_alive(*pid)));

    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("every process to be gone", MINUTE, || !pids.iter().any(|pid| is_alive(*pid))).unwrap();
    wait_for("the directory to be gone", MINUTE, || !dir.exists()).unwrap();
}

/// `opex-cluster down` returns when everything is gone, what somebody started again by hand included.
#[test]
fn nothing_is_left_when_down_is_done() {
    if needs_own_cluster() {
        return;
    }
    let name = format!("down-{}", std::process::id());
    let cluster = Cluster::up(&Options::new(&name).nodes(1)).unwrap();
    let dir = cluster.dir().to_owned();
    for component in [Component::ApiServer, Component::Scheduler] {
        let args = arguments(cluster.pid(component).unwrap());
        cluster.kill9(component).unwrap();
        // From another terminal, so to say: nothing of the cluster is in its environment.
        let by_hand = format!("nohup {args} >/dev/null 2>&1 & echo $!");
        let shell = Command::new("sh").args(["-c", &by_hand]).env_remove("OPEX_CLUSTER_DIR").output().unwrap();
        let pid = String::from_utf8(shell.stdout).unwrap();
        let file = dir.join(format!("kwok/clusters/{name}/pids/{}.pid", program(&args)));
        fs::write(file, pid.trim()).unwrap();
        // The scheduler ends when it begins before the API server answers.
        cluster.wait_until_ready(MINUTE).unwrap();
    }
    let pids = Component::ALL.map(|component| cluster.pid(component).unwrap());
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    let mut kubectl = cluster.command("kubectl");
    let watch = Process::start(&cluster, "watch", kubectl.args(["get", "pods", "-A", "--watch"])).unwrap();
    let server = cluster.kubectl(["config", "view", "--minify", "-ojsonpath={.clusters[0].cluster.server}"]).expect();
    let port: u16 = server.rsplit(':').next().unwrap().parse().unwrap();

    let down = opex_cluster(&["down", "--name", &name]).output().unwrap();
    let left: Vec<_> = pids.into_iter().chain([watch.pid()]).filter(|pid| is_alive(*pid)).collect();
    assert!(down.status.success(), "{}", String::from_utf8_lossy(&down.stderr));
    assert!(left.is_empty(), "{left:?} of {pids:?} are left");
    assert!(!dir.exists());
    TcpListener::bind(("127.0.0.1", port)).unwrap();
    let again = opex_cluster(&["down", "--name", &name]).output().unwrap();
    assert!(String::from_utf8_lossy(&again.stderr).contains("there is no cluster"));
}

/// A process's program and arguments.
fn arguments(pid: u32) -> String {
    let ps = Command::new("ps").args(["ww", "-o", "args=", "-p", &pid.to_string()]).output().unwrap();
    String::from_utf8(ps.stdout).unwrap().trim().to_owned()
}

/// The name of the program of a command line.
fn program(args: &str) -> &str {
    args.split(' ').next().unwrap().rsplit('/').next().unwrap()
}

#[test]
fn the_current_cluster_is_entered_with_care() {
    if needs_own_cluster() {
        return;
    }
    let users_own = Cluster::start(&Options::new("own").nodes(1)).unwrap();
    let enter = |force: &str| {
        let run = enter(&users_own, "kubectl create configmap entered").env("FORCE", force).output().unwrap();
        (run.status.success(), String::from_utf8_lossy(&run.stderr).into_owned())
    };
    let (entered, said) = enter("");
    assert!(entered && said.contains("CLUSTER=current: context kwok-own"), "{said}");
    users_own.kubectl(["delete", "configmap", "entered"]).expect();

    users_own.kubectl(["create", "namespace", "team-a"]).expect();
    let (entered, said) = enter("1");
    assert!(!entered && said.contains("would be made, and removed, here:\nnamespace/team-a"), "{said}");
    users_own.kubectl(["delete", "namespace", "team-a"]).expect();
    users_own.kubectl(["create", "-f", BUDGETS]).expect();
    let (entered, said) = enter("1");
    assert!(!entered && said.contains("customresourcedefinition.apiextensions.k8s.io/budgets"), "{said}");
    users_own.kubectl(["delete", "-f", BUDGETS]).expect();

    users_own.kubectl(["create", "deployment", "work", "--image=none", "--replicas=21"]).expect();
    users_own.kubectl(["rollout", "status", "deployment/work", "--timeout=60s"]).expect();
    let (entered, said) = enter("");
    assert!(!entered && said.contains("21 Pods outside kube-system"), "{said}");
    let (entered, said) = enter("1");
    assert!(entered, "{said}");
    users_own.kubectl(["get", "configmap", "entered"]).expect();
}

/// Who comes second waits until the first has removed what it made, however it went.
#[test]
fn the_current_cluster_is_left_as_it_was() {
    if needs_own_cluster() {
        return;
    }
    let users_own = Cluster::start(&Options::new("shared").nodes(1)).unwrap();
    users_own.kubectl(["create", "namespace", "users-own"]).expect();
    let before = everything(&users_own);
    let make = format!(
        "set -e; helm install opex-operator {CHART} -n opex-system --create-namespace --set replicaCount=0 >/dev/null; \
         kubectl apply -f {EXAMPLES}/00-namespaces.yaml -f {EXAMPLES}/budget.yaml >/dev/null; \
         kubectl label namespace team-a opex.dev/gate=block >/dev/null; \
         kubectl create namespace made >/dev/null; kubectl label namespace made test.opex.dev/made=true >/dev/null; \
         echo made; exec sleep 600"
    );
    let mut first = enter(&users_own, &make).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "made");
    assert_ne!(everything(&users_own), before);

    let mut second = enter(&users_own, "true").stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(second.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line.contains("waiting for their end")));
    first.kill().unwrap();
    first.wait().unwrap();
    let rest: Vec<_> = said.collect();
    assert!(second.wait().unwrap().success(), "{rest:?}");
    assert_eq!(everything(&users_own), before);
}

/// Runs a script on somebody's own cluster.
fn enter(users_own: &Cluster, script: &str) -> Command {
    let mut run = opex_cluster(&["run", "--", "sh", "-c", script]);
    run.envs(users_own.env()).env("CLUSTER", "current").env_remove("FORCE");
    run
}

/// The names of what a user would miss or wonder about.
fn everything(cluster: &Cluster) -> String {
    let kinds =
        "namespace,crd,clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding";
    cluster.kubectl(["get", kinds, "-oname"]).expect()
}

fn opex_cluster(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opex-cluster"));
    command.args(args);
    command
}

/// A process that runs; not one that waits for its parent to notice its end.
fn is_alive(pid: u32) -> bool {
    let ps = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8_lossy(&ps.stdout).into_owned();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

fn terminated(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]["state"]["terminated"]
}

/// How long the first container says that it ran.
fn seconds(pod: &Value) -> i64 {
    let at = |key: &str| {
        let time = terminated(pod)[key].as_str().unwrap();
        let clock = time[11..19].split(':').map(|part| part.parse::<i64>().unwrap());
        clock.fold(0, |sum, part| sum * 60 + part)
    };
    (at("finishedAt") - at("startedAt")).rem_euclid(24 * 3600)
}

const AUTOSCALED: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: busy}
spec:
  replicas: 1
  selector: {matchLabels: {app: busy}}
  template:
    metadata: {labels: {app: busy}, annotations: {kwok.x-k8s.io/usage-cpu: 900m}}
    spec:
      containers:
      - {name: c, image: none, resources: {requests: {cpu: 500m}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: busy}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: busy}
  minReplicas: 1
  maxReplicas: 4
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
";

const PODS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: completes, annotations: {test.opex.dev/run-for: 3s}}
spec: {containers: [{name: c, image: none}]}
---
apiVersion: v1
kind: Pod
metadata: {name: fails, annotations: {test.opex.dev/run-for: 1s, test.opex.dev/exit-code: "7"}}
spec: {containers: [{name: c, image: none}]}
---
apiVersion: v1
kind: Pod
metadata: {name: ends, labels: {deleted: soon}}
spec: {containers: [{name: c, image: none}]}
---
apiVersion: v1
kind: Pod
metadata: {name: vanishes, labels: {deleted: soon}, annotations: {test.opex.dev/vanish: "true"}}
spec: {containers: [{name: c, image: none}]}
"#;
