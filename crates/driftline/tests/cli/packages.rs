//! What is under `packaging/`: it can be read, and what it starts is what the program takes.

use crate::desk::root;
use serde::Deserialize as _;
use serde_json::Value;
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
    let help = Command::new(env!("CARGO_BIN_EXE_driftline"))
        .args([arguments[0].as_str(), "--help"])
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

#[test]
fn the_gates_of_build_servers_ask_as_the_program_is_asked() {
    let action = documents("github/action.yml").remove(0);
    let script = action["runs"]["steps"][0]["run"].as_str().unwrap();
    let script = script.replace("\\\n", " ");
    let line = script.lines().find(|line| line.contains("driftline gate"));
    let line = line.unwrap().split(" > ").next().unwrap().to_owned();
    is_taken(&words(&line)[1..]);
    let gitlab = documents("gitlab/gate.yml").remove(0);
    let line = gitlab[".driftline-gate"]["script"][0].as_str().unwrap();
    is_taken(&words(line)[1..]);
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
