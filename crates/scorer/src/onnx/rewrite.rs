//! Operators that the runtime lacks, in terms of those it has.
//!
//! Every formula is that of the operator's page in the ONNX specification (ai.onnx and
//! ai.onnx.ml); the tests hold them to onnxruntime's outputs.

mod emit;
mod network;
mod numbers;
mod quantised;
mod trees;

use std::collections::BTreeSet;

use tract_onnx::pb;

use emit::Emit;

/// What was done to a graph.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    /// Operators of which at least one node was put in other words.
    pub(super) operators: BTreeSet<&'static str>,
    /// Names of classes that nodes carried.
    pub(super) labels: Vec<String>,
}

/// What a node becomes.
enum Becomes {
    /// Other nodes, which were emitted.
    Others(&'static str),
    /// Itself, changed in place or not.
    Itself,
}

/// What is known of the whole graph before a node is looked at.
struct Known {
    zeros: network::Zeros,
    quantised: quantised::Quantised,
    outputs: BTreeSet<String>,
}

/// Puts what the runtime lacks into other words, as far as this knows how.
pub(super) fn rewrite(graph: &mut pb::GraphProto, opset: i64) -> Rewritten {
    let mut rewritten = Rewritten::default();
    let known = Known {
        zeros: network::Zeros::of(graph),
        quantised: quantised::Quantised::of(graph),
        outputs: graph.output.iter().map(|o| o.name.clone()).collect(),
    };
    let mut emit = Emit::new(graph, opset);
    for mut node in std::mem::take(&mut graph.node) {
        match becomes(&mut node, &mut emit, &known, &mut rewritten.labels) {
            Becomes::Others(operator) => {
                rewritten.operators.insert(operator);
            }
            Becomes::Itself => emit.keep(node),
        }
    }
    (graph.node, graph.initializer) = emit.into_parts(std::mem::take(&mut graph.initializer));
    rewritten
}

fn becomes(
    node: &mut pb::NodeProto,
    emit: &mut Emit,
    known: &Known,
    labels: &mut Vec<String>,
) -> Becomes {
    let (operator, emitted) = match node.op_type.as_str() {
        "ZipMap" => ("ZipMap", zip_map(node, emit, labels)),
        "Scaler" => ("Scaler", numbers::scaler(node, emit)),
        "Imputer" => ("Imputer", numbers::imputer(node, emit)),
        "Binarizer" => ("Binarizer", numbers::binarizer(node, emit)),
        "FeatureVectorizer" => ("FeatureVectorizer", numbers::feature_vectorizer(node, emit)),
        "OneHotEncoder" => ("OneHotEncoder", numbers::one_hot(node, emit)),
        "LabelEncoder" => (
            "LabelEncoder",
            numbers::label_encoder(node, emit, &known.outputs, labels),
        ),
        "SVMRegressor" => ("SVMRegressor", numbers::svm_regressor(node, emit)),
        "TreeEnsembleRegressor" => ("TreeEnsembleRegressor", trees::regressor(node, emit)),
        "TreeEnsembleClassifier" => (
            "TreeEnsembleClassifier",
            trees::classifier(node, emit, "classlabels_int64s", labels),
        ),
        "LinearClassifier" => (
            "LinearClassifier",
            trees::classifier(node, emit, "classlabels_ints", labels),
        ),
        "Erfc" => ("Erfc", network::complementary_error_function(node, emit)),
        "QuantizeLinear" => ("QuantizeLinear", known.quantised.quantize(node, emit)),
        "DequantizeLinear" => ("DequantizeLinear", known.quantised.dequantize(node, emit)),
        "LSTM" | "GRU" | "RNN" => {
            known.zeros.forget_initial_state(node);
            return Becomes::Itself;
        }
        _ => return Becomes::Itself,
    };
    match emitted {
        Some(()) => Becomes::Others(operator),
        None => Becomes::Itself,
    }
}

/// A map from label to probability is the matrix of probabilities again.
fn zip_map(node: &pb::NodeProto, emit: &mut Emit, labels: &mut Vec<String>) -> Option<()> {
    note_labels(node, "classlabels_int64s", labels);
    emit.node_named(
        "Identity",
        &[node.input.first()?],
        vec![],
        node.output.first()?,
    );
    Some(())
}

/// Keeps the names of classes that a node carries as text or numbers.
fn note_labels(node: &pb::NodeProto, integers: &str, labels: &mut Vec<String>) {
    let texts = attribute(node, "classlabels_strings").map(|a| a.strings.as_slice());
    let found: Vec<String> = match texts {
        Some(texts) if !texts.is_empty() => texts
            .iter()
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .collect(),
        _ => attribute(node, integers)
            .map(|a| a.ints.iter().map(i64::to_string).collect())
            .unwrap_or_default(),
    };
    if !found.is_empty() {
        *labels = found;
    }
}

/// A node's attribute.
pub(super) fn attribute<'a>(node: &'a pb::NodeProto, name: &str) -> Option<&'a pb::AttributeProto> {
    node.attribute
        .iter()
        .find(|attribute| attribute.name == name)
}

fn floats<'a>(node: &'a pb::NodeProto, name: &str) -> &'a [f32] {
    attribute(node, name).map_or(&[], |a| a.floats.as_slice())
}

fn integers<'a>(node: &'a pb::NodeProto, name: &str) -> &'a [i64] {
    attribute(node, name).map_or(&[], |a| a.ints.as_slice())
}

fn text<'a>(node: &'a pb::NodeProto, name: &str, default: &'a str) -> &'a str {
    attribute(node, name).map_or(default, |a| std::str::from_utf8(&a.s).unwrap_or(default))
}
