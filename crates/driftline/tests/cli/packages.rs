//! What is under `packaging/`: it can be read, and what it starts is what the program takes.

use crate::desk::{root, until};
use crate::serve::{Server, failing_shop};
use serde::Deserialize as _;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join("packaging").join(name)).unwrap()
}

fn documents(name: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(&read(name))
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// Asserts that the program knows the verb and every option of a command line.
#[track_caller]
fn is_taken(arguments: &[String]) {
    let verb = arguments.iter().take_while(|one| !one.starts_with("--"));
    let help = Command::new(env!("CARGO_BIN_EXE_driftline"))
        .args(verb)
        .arg("--help")
        .output()
        .unwrap();
    assert!(help.status.success(), "{arguments:?}");
    let help = String::from_utf8(help.stdout).unwrap();
    for option in arguments.iter().filter(|one| one.starts_with("--")) {
        assert!(help.contains(option.as_str()), "{option} of {arguments:?}");
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn container(document: &Value) -> &Value {
    &document["spec"]["template"]["spec"]["containers"][0]
}

fn arguments(container: &Value) -> Vec<String> {
    let arguments = container["args"].as_array().unwrap();
    let text = |one: &Value| one.as_str().unwrap().to_owned();
    arguments.iter().map(text).collect()
}

#[test]
fn kubernetes_and_compose_start_a_cluster_that_the_program_knows() {
    let manifest = documents("kubernetes/cluster.yaml");
    let deployments: Vec<&Value> = manifest
        .iter()
        .filter(|one| one["kind"] == "Deployment")
        .collect();
    assert_eq!(deployments.len(), 2);
    for deployment in deployments {
        is_taken(&arguments(container(deployment)));
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        let own = &container(deployment)["securityContext"];
        assert_eq!(own["readOnlyRootFilesystem"], true);
    }
    assert!(manifest.iter().any(|one| one["kind"] == "NetworkPolicy"));
    let compose = documents("compose.cluster.yaml").remove(0);
    for service in [&compose["services"]["scheduler"], &compose["x-executor"]] {
        let command = service["command"].as_array().unwrap();
        let command = command.iter().map(|one| one.as_str().unwrap().to_owned());
        is_taken(&command.collect::<Vec<_>>());
        assert!(service["ports"].is_null());
    }
}

#[test]
fn kubernetes_starts_the_server_and_the_gate_as_nobody_in_particular() {
    let server = documents("kubernetes/driftline.yaml");
    let deployment = server
        .iter()
        .find(|one| one["kind"] == "Deployment")
        .unwrap();
    let gate = documents("kubernetes/gate.yaml").remove(0);
    for document in [deployment, &gate] {
        is_taken(&arguments(container(document)));
        let pod = &document["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        let own = &container(document)["securityContext"];
        assert_eq!(own["readOnlyRootFilesystem"], true);
        assert_eq!(own["allowPrivilegeEscalation"], false);
    }
    let probe = |name: &str| &container(deployment)[name]["httpGet"]["path"];
    assert_eq!(probe("livenessProbe"), "/livez");
    assert_eq!(probe("readinessProbe"), "/readyz");
    assert_eq!(probe("startupProbe"), "/readyz");
    let map = server
        .iter()
        .find(|one| one["kind"] == "ConfigMap")
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pipeline = folder.path().join("gate.yaml");
    std::fs::write(&pipeline, map["data"]["gate.yaml"].as_str().unwrap()).unwrap();
    driftline_pipeline::Pipeline::read(&pipeline).unwrap();
}

#[test]
fn systemd_starts_the_server() {
    let unit = read("driftline.service");
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    is_taken(&words(start.unwrap())[1..]);
    for told in [
        "DynamicUser=yes",
        "SuccessExitStatus=143",
        "TimeoutStopSec=30",
    ] {
        assert!(unit.contains(told), "{told}");
    }
}

/// Runs a script as a build server does, with `driftline` on the path and against a monitor that
/// fails; its exit code.
fn run_script(server: &Server, folder: &Path, script: &str, more: &[(&str, &str)]) -> i32 {
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let program = bin.join("driftline");
    if !program.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_driftline"), program).unwrap();
    }
    let url = server.url();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-e", "-o", "pipefail", "-c", script])
        .current_dir(folder)
        .env("PATH", path)
        .envs([("SERVER", url.as_str()), ("DRIFTLINE_SERVER", url.as_str())])
        .envs(more.iter().copied());
    bash.status().unwrap().code().unwrap()
}

#[test]
fn the_gates_of_build_servers_stop_where_the_monitor_fails() {
    let desk = failing_shop();
    let server = Server::start(&desk);
    until("the first run is stored", || {
        server.json("/api/v1/monitors/shop/status")["verdict"] == "fail"
    });
    let folder = tempfile::tempdir().unwrap();
    let here = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();

    let action = documents("github/action.yml").remove(0);
    let step = action["runs"]["steps"][0]["run"].as_str().unwrap();
    let (summary, output) = (here("summary"), here("output"));
    let inputs = [
        ("MONITOR", "shop"),
        ("MAX_AGE", "24h"),
        ("FAIL_ON", "fail"),
        ("GITHUB_STEP_SUMMARY", summary.as_str()),
        ("GITHUB_OUTPUT", output.as_str()),
    ];
    assert_eq!(run_script(&server, folder.path(), step, &inputs), 1);
    let told = std::fs::read_to_string(summary).unwrap();
    assert!(told.contains("fail  shop"), "{told}");
    assert_eq!(std::fs::read_to_string(output).unwrap(), "exit-code=1\n");

    let gitlab = documents("gitlab/gate.yml").remove(0);
    let line = gitlab[".driftline-gate"]["script"][0].as_str().unwrap();
    let age = gitlab[".driftline-gate"]["variables"]["DRIFTLINE_MAX_AGE"].as_str();
    let mut variables = vec![
        ("DRIFTLINE_MONITOR", "shop"),
        ("DRIFTLINE_MAX_AGE", age.unwrap()),
    ];
    assert_eq!(run_script(&server, folder.path(), line, &variables), 1);
    variables[0].1 = "nobody";
    assert_eq!(run_script(&server, folder.path(), line, &variables), 3);

    let job = documents("kubernetes/gate.yaml").remove(0);
    let line = arguments(container(&job)).join(" ");
    let line = line.replace("http://driftline:8080", "$SERVER");
    let line = line.replace("--monitor gate", "--monitor shop");
    let line = format!("driftline {line}");
    assert_eq!(run_script(&server, folder.path(), &line, &[]), 1, "{line}");
}

#[test]
fn the_image_runs_as_nobody_in_particular_and_the_wheel_carries_the_program() {
    let image = read("Containerfile");
    assert!(image.contains("USER 65532:65532"), "{image}");
    let last = image.rsplit("FROM ").next().unwrap();
    assert!(!last.contains("RUN "), "{last}");
    let wheel = read("pypi/pyproject.toml");
    assert!(wheel.contains("bindings = \"bin\""), "{wheel}");
    let manifest = "manifest-path = \"../../crates/driftline/Cargo.toml\"";
    assert!(wheel.contains(manifest), "{wheel}");
}

#[test]
fn grafana_asks_for_metrics_that_there_are() {
    let dashboard: Value = serde_json::from_str(&read("grafana/driftline.json")).unwrap();
    let documented = std::fs::read_to_string(root().join("docs/src/reference/status-api.md"));
    let documented = documented.unwrap();
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        let asks = panel["targets"][0]["expr"].as_str().unwrap();
        let words = asks.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for metric in words.filter(|word| word.starts_with("driftline_")) {
            assert!(documented.contains(&format!("`{metric}`")), "{metric}");
            asked += 1;
        }
    }
    assert!(asked >= 5);
}
