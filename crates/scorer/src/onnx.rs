//! What an ONNX file says of itself, rewritten into operators that the runtime knows.
//!
//! Exporters emit operators that tract lacks (trees that regress, scalers, maps of labels).
//! Nearly all of them are a few standard operators in other words, so the graph is
//! rewritten at load ([`rewrite`]) instead of teaching the runtime new ones; what is left
//! is listed by name before anything runs ([`operators`]).

mod operators;
mod rewrite;
mod tensor;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use tract_onnx::pb::{self, tensor_proto::DataLocation};
use tract_onnx::prelude::Framework;

use crate::ScorerError;
use crate::bundle::read_model;
pub use operators::{Operator, Runs};
pub use tensor::{Axis, Element, TensorSpec};

/// How much of what a parser says is repeated.
const MOST_SAID: usize = 300;

/// A parsed and rewritten ONNX file.
#[derive(Debug, Clone)]
pub struct Graph {
    pub(crate) proto: pb::ModelProto,
    /// What it reads.
    pub inputs: Vec<TensorSpec>,
    /// What it gives.
    pub outputs: Vec<TensorSpec>,
    /// Its operators, by name, as they were before the rewriting.
    pub operators: Vec<Operator>,
    /// Names of its classes, where it carries them.
    pub labels: Vec<String>,
    /// Who wrote the file: `skl2onnx 1.20.0`.
    pub producer: String,
    /// Version of the standard operators.
    pub opset: i64,
}

impl Graph {
    /// Reads a file whole; its outputs are those of the file.
    ///
    /// # Errors
    /// [`ScorerError::Missing`], [`ScorerError::Unreadable`], [`ScorerError::TooLarge`] for
    /// the file; [`ScorerError::Model`] for what is in it. Operators that do not run are no
    /// error here: they are in [`operators`](Self::operators).
    pub fn read(path: &Path) -> Result<Self, ScorerError> {
        Self::read_outputs(path, None)
    }

    /// As [`read`](Self::read), of some outputs alone: what only others need is dropped.
    pub(crate) fn read_outputs(path: &Path, outputs: Option<&[&str]>) -> Result<Self, ScorerError> {
        let bytes = read_model(path)?;
        Self::parse(&bytes, outputs).map_err(|problem| ScorerError::Model {
            path: path.to_owned(),
            problem,
        })
    }

    /// That of a model which another server runs: what it reads and gives, and no operators.
    pub(crate) fn of_server(inputs: Vec<TensorSpec>, outputs: Vec<TensorSpec>) -> Self {
        Self {
            proto: pb::ModelProto {
                graph: Some(pb::GraphProto::default()),
                ..Default::default()
            },
            inputs,
            outputs,
            operators: Vec::new(),
            labels: Vec::new(),
            producer: String::new(),
            opset: 0,
        }
    }

    fn parse(mut bytes: &[u8], outputs: Option<&[&str]>) -> Result<Self, String> {
        if bytes.is_empty() {
            return Err("the file is empty".to_owned());
        }
        let onnx = tract_onnx::onnx();
        let mut proto = onnx.proto_model_for_read(&mut bytes).map_err(|error| {
            // Of a graph in graphs each of them is named.
            let said: String = format!("{error:#}").chars().take(MOST_SAID).collect();
            format!("it is no ONNX file, or a damaged one: {said}")
        })?;
        let opset = proto
            .opset_import
            .iter()
            .find(|import| import.domain.is_empty() || import.domain == "ai.onnx")
            .map_or(0, |import| import.version);
        let producer = format!("{} {}", proto.producer_name, proto.producer_version);
        let graph = proto
            .graph
            .as_mut()
            .filter(|graph| !graph.output.is_empty())
            .ok_or("it is no ONNX file, or an empty graph: it has no outputs")?;
        weights_inside(graph)?;
        let constants: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
        graph
            .input
            .retain(|input| !constants.contains(input.name.as_str()));
        if let Some(wanted) = outputs {
            select(graph, wanted)?;
        }
        prune(graph);
        let mut operators = operators::list(graph);
        let rewritten = rewrite::rewrite(graph, opset);
        prune(graph);
        // Shapes that the file hints at may contradict those that are set.
        graph.value_info.clear();
        let known = |op_type: &str| onnx.op_register.0.contains_key(op_type);
        operators::judge(&mut operators, graph, &rewritten.operators, known);
        let inputs = graph
            .input
            .iter()
            .map(TensorSpec::of)
            .collect::<Result<_, _>>()?;
        let outputs = graph.output.iter().map(TensorSpec::of_output).collect();
        Ok(Self {
            inputs,
            outputs,
            operators,
            labels: rewritten.labels,
            producer: producer.trim().to_owned(),
            opset,
            proto,
        })
    }

    /// Operators that do not run, each with its node and what to do, in one sentence; none
    /// where all run.
    pub(crate) fn missing(&self) -> Option<String> {
        let missing: Vec<String> = self
            .operators
            .iter()
            .filter_map(|operator| {
                let advice = operator.advice.as_ref()?;
                Some(format!(
                    "`{}` (node `{}`): {advice}",
                    operator.name, operator.node
                ))
            })
            .collect();
        (!missing.is_empty()).then(|| format!("operators that do not run: {}", missing.join("; ")))
    }

    pub(crate) fn graph(&self) -> &pb::GraphProto {
        self.proto
            .graph
            .as_ref()
            .expect("`parse` refuses a file without a graph")
    }

    /// Whether a row's values depend on the rows that are scored with it, because all
    /// share one scale.
    pub fn shares_scales(&self) -> bool {
        self.operators
            .iter()
            .any(|operator| operator.name == "DynamicQuantizeLinear")
    }

    /// The greatest integer that an input may hold, where it is an index into a table.
    pub(crate) fn greatest_index(&self, input: &str) -> Option<i64> {
        let graph = self.graph();
        let mut same: HashSet<&str> = HashSet::from([input]);
        let mut greatest: Option<i64> = None;
        // Nodes are in an order in which each comes after what it reads.
        for node in &graph.node {
            let reads = |at: usize| {
                node.input
                    .get(at)
                    .is_some_and(|n| same.contains(n.as_str()))
            };
            match node.op_type.as_str() {
                "Cast" | "Identity" | "Unsqueeze" | "Squeeze" | "Reshape" | "Transpose"
                | "Flatten" | "Concat" | "Slice" | "Expand" | "Clip"
                    if reads(0) =>
                {
                    same.extend(node.output.iter().map(String::as_str));
                }
                "Gather" if reads(1) => {
                    let table = graph.initializer.iter().find(|t| t.name == node.input[0]);
                    let axis = rewrite::attribute(node, "axis").map_or(0, |a| a.i);
                    let size = table.and_then(|t| t.dims.get(usize::try_from(axis).ok()?));
                    greatest = match (greatest, size) {
                        (Some(known), Some(size)) => Some(known.min(size - 1)),
                        (None, Some(size)) => Some(size - 1),
                        (known, None) => known,
                    };
                }
                _ => {}
            }
        }
        greatest
    }
}

/// Refuses weights in files beside the model: a bundle is one file.
fn weights_inside(graph: &pb::GraphProto) -> Result<(), String> {
    let of_nodes = graph
        .node
        .iter()
        .flat_map(|node| &node.attribute)
        .filter_map(|attribute| attribute.t.as_ref());
    for tensor in graph.initializer.iter().chain(of_nodes) {
        if tensor.data_location == Some(DataLocation::External as i32) {
            let file = tensor
                .external_data
                .iter()
                .find(|entry| entry.key == "location")
                .map_or("another file", |entry| entry.value.as_str());
            return Err(format!(
                "the weights `{}` are not in the file but in `{file}`; save the model with its \
                 weights inside: onnx.save_model(onnx.load(path), path, save_as_external_data=False)",
                tensor.name
            ));
        }
    }
    Ok(())
}

fn select(graph: &mut pb::GraphProto, wanted: &[&str]) -> Result<(), String> {
    let mut chosen = Vec::new();
    for name in wanted {
        let output = graph.output.iter().find(|output| output.name == *name);
        let inner = || {
            let made = graph.node.iter().flat_map(|node| &node.output);
            made.into_iter()
                .find(|made| made == name)
                .map(|made| pb::ValueInfoProto {
                    name: made.clone(),
                    ..Default::default()
                })
        };
        chosen.push(output.cloned().or_else(inner).ok_or_else(|| {
            let known: Vec<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
            format!(
                "it has no output `{name}`; its outputs are {}",
                known.join(", ")
            )
        })?);
    }
    graph.output = chosen;
    Ok(())
}

/// Drops nodes and weights that no output needs.
fn prune(graph: &mut pb::GraphProto) {
    let mut needed: BTreeSet<String> = graph.output.iter().map(|o| o.name.clone()).collect();
    let made_by: HashMap<&str, usize> = graph
        .node
        .iter()
        .enumerate()
        .flat_map(|(at, node)| node.output.iter().map(move |name| (name.as_str(), at)))
        .collect();
    let mut keep = vec![false; graph.node.len()];
    let mut open: Vec<String> = needed.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let Some(&at) = made_by.get(name.as_str()) else {
            continue;
        };
        if std::mem::replace(&mut keep[at], true) {
            continue;
        }
        let mut read = Vec::new();
        names_read(&graph.node[at], &mut read);
        for name in read {
            if needed.insert(name.to_owned()) {
                open.push(name.to_owned());
            }
        }
    }
    let mut kept = keep.into_iter();
    graph.node.retain(|_| kept.next().unwrap_or(true));
    graph
        .initializer
        .retain(|tensor| needed.contains(&tensor.name));
}

/// Names that a node reads, those of its inner graphs included.
fn names_read<'a>(node: &'a pb::NodeProto, into: &mut Vec<&'a str>) {
    into.extend(
        node.input
            .iter()
            .filter(|name| !name.is_empty())
            .map(String::as_str),
    );
    for attribute in &node.attribute {
        for graph in attribute.g.iter().chain(&attribute.graphs) {
            into.extend(graph.output.iter().map(|output| output.name.as_str()));
            for node in &graph.node {
                names_read(node, into);
            }
        }
    }
}
