//! Which operators of a graph run, and what to do about those that do not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tract_onnx::pb;

/// One operator of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operator {
    /// Its name; one of another domain than the standard ones has the domain before it.
    pub name: String,
    /// How many nodes are one.
    pub nodes: usize,
    /// The first of them.
    pub node: String,
    /// How it runs.
    pub runs: Runs,
    /// What to do, where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// How an operator runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// As it is.
    AsItIs,
    /// In other words.
    Rewritten,
    /// Not at all.
    No,
}

/// Domains whose operators the runtime finds by name alone.
const DOMAINS: [&str; 5] = [
    "",
    "ai.onnx",
    "ai.onnx.ml",
    "com.microsoft",
    "ai.onnx.contrib",
];

pub(super) fn list(graph: &pb::GraphProto) -> Vec<Operator> {
    let mut operators = BTreeMap::new();
    count(graph, &mut operators);
    operators.into_values().collect()
}

fn count(graph: &pb::GraphProto, into: &mut BTreeMap<String, Operator>) {
    for node in &graph.node {
        let name = name(node);
        let operator = into.entry(name.clone()).or_insert_with(|| Operator {
            name,
            nodes: 0,
            node: node_name(node).to_owned(),
            runs: Runs::AsItIs,
            advice: None,
        });
        operator.nodes += 1;
        for attribute in &node.attribute {
            for inner in attribute.g.iter().chain(&attribute.graphs) {
                count(inner, into);
            }
        }
    }
}

/// Judges operators by what the rewritten graph still holds of them.
pub(super) fn judge(
    operators: &mut [Operator],
    graph: &pb::GraphProto,
    rewritten: &BTreeSet<&'static str>,
    known: impl Fn(&str) -> bool,
) {
    let left = list(graph);
    for operator in operators {
        let still = left.iter().find(|left| left.name == operator.name);
        operator.runs = match still {
            Some(_) if known(&operator.name) => Runs::AsItIs,
            Some(still) => {
                operator.node.clone_from(&still.node);
                operator.advice = Some(advice(&operator.name).to_owned());
                Runs::No
            }
            None if rewritten.contains(operator.name.as_str()) => Runs::Rewritten,
            // Only a part that is not needed had it.
            None => Runs::AsItIs,
        };
    }
}

fn name(node: &pb::NodeProto) -> String {
    if DOMAINS.contains(&node.domain.as_str()) {
        node.op_type.clone()
    } else {
        format!("{}.{}", node.domain, node.op_type)
    }
}

fn node_name(node: &pb::NodeProto) -> &str {
    let outputs = || node.output.iter().map(String::as_str);
    Some(node.name.as_str())
        .filter(|name| !name.is_empty())
        .or_else(|| outputs().find(|name| !name.is_empty()))
        .unwrap_or("without a name")
}

fn advice(operator: &str) -> &'static str {
    match operator {
        "StringNormalizer" | "TfIdfVectorizer" | "Tokenizer" | "StringSplit" | "StringConcat"
        | "LabelEncoder" | "OneHotEncoder" | "DictVectorizer" | "CategoryMapper" => {
            "it works on texts, or on more values than are rewritten; let the manifest encode the \
             column (`tokenizer`, `categories`, `buckets`) and export the part of the model behind it"
        }
        "SVMClassifier" => {
            "export the decision as matrix products (hummingbird-ml does), or use a linear or tree model"
        }
        "TreeEnsembleRegressor" | "TreeEnsembleClassifier" => {
            "trees that are joined by MIN or MAX, or transformed by PROBIT or SOFTMAX_ZERO; export \
             with sums and LOGISTIC or SOFTMAX"
        }
        "TreeEnsemble" => {
            "export with version 3 of ai.onnx.ml: target_opset={'': 17, 'ai.onnx.ml': 3}"
        }
        "Loop" | "SequenceAt" | "SequenceConstruct" | "SequenceEmpty" | "SequenceInsert"
        | "SplitToSequence" | "ConcatFromSequence" => {
            "export without loops over data: a fixed number of steps, or an LSTM or Scan operator"
        }
        _ => {
            "export with standard operators of version 17, or replace the layer by one that is made \
             of them"
        }
    }
}
