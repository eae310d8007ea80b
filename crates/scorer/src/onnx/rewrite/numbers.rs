//! What scikit-learn's converters put before and behind a model.

use std::collections::BTreeSet;

use tract_onnx::pb::{self, tensor_proto::DataType};

use super::emit::{Emit, integer};
use super::{attribute, floats, integers, note_labels, text};

/// Values that a [`label_encoder`] is unrolled for.
const MOST_VALUES: usize = 1000;

/// (x − offset) · scale.
pub(super) fn scaler(node: &pb::NodeProto, emit: &mut Emit) -> Option<()> {
    let x = emit.cast(node.input.first()?, DataType::Float);
    let (offset, scale) = (floats(node, "offset"), floats(node, "scale"));
    let offset = emit.floats(offset, &[offset.len()]);
    let scale = emit.floats(scale, &[scale.len()]);
    let shifted = emit.node("Sub", &[&x, &offset], vec![]);
    emit.node_named("Mul", &[&shifted, &scale], vec![], node.output.first()?);
    Some(())
}

/// The value that stands for a missing one, put in its place.
pub(super) fn imputer(node: &pb::NodeProto, emit: &mut Emit) -> Option<()> {
    let x = node.input.first()?;
    let (of_floats, of_integers) = (
        floats(node, "imputed_value_floats"),
        integers(node, "imputed_value_int64s"),
    );
    let (is_missing, instead) = if of_floats.is_empty() {
        let missing = attribute(node, "replaced_value_int64").map_or(0, |a| a.i);
        let missing = emit.integers(&[missing], &[1]);
        (
            emit.node("Equal", &[x, &missing], vec![]),
            emit.integers(of_integers, &[of_integers.len()]),
        )
    } else {
        let missing = attribute(node, "replaced_value_float").map_or(0.0, |a| a.f);
        let is_missing = if missing.is_nan() {
            emit.node("IsNaN", &[x], vec![])
        } else {
            let missing = emit.floats(&[missing], &[1]);
            emit.node("Equal", &[x, &missing], vec![])
        };
        (is_missing, emit.floats(of_floats, &[of_floats.len()]))
    };
    emit.node_named(
        "Where",
        &[&is_missing, &instead, x],
        vec![],
        node.output.first()?,
    );
    Some(())
}

/// 1 above the threshold, else 0.
pub(super) fn binarizer(node: &pb::NodeProto, emit: &mut Emit) -> Option<()> {
    let x = emit.cast(node.input.first()?, DataType::Float);
    let threshold = attribute(node, "threshold").map_or(0.0, |a| a.f);
    let threshold = emit.floats(&[threshold], &[1]);
    let above = emit.node("Greater", &[&x, &threshold], vec![]);
    let to = integer("to", i64::from(DataType::Float as i32));
    emit.node_named("Cast", &[&above], vec![to], node.output.first()?);
    Some(())
}

/// Columns beside each other, as fractions.
pub(super) fn feature_vectorizer(node: &pb::NodeProto, emit: &mut Emit) -> Option<()> {
    let widths = integers(node, "inputdimensions");
    let parts: Vec<String> = node
        .input
        .iter()
        .enumerate()
        .map(|(at, input)| {
            let x = emit.cast(input, DataType::Float);
            match widths.get(at) {
                Some(&width) => {
                    let shape = emit.integers(&[0, width], &[2]);
                    emit.node("Reshape", &[&x, &shape], vec![])
                }
                None => x,
            }
        })
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    emit.node_named(
        "Concat",
        &parts,
        vec![integer("axis", 1)],
        node.output.first()?,
    );
    Some(())
}

/// One place for each known number, on a new last axis; an unknown one has zeros.
pub(super) fn one_hot(node: &pb::NodeProto, emit: &mut Emit) -> Option<()> {
    let known = integers(node, "cats_int64s");
    if known.is_empty() {
        return None;
    }
    let x = emit.cast(node.input.first()?, DataType::Int64);
    let x = emit.new_last_axis(&x);
    let known = emit.integers(known, &[known.len()]);
    let equal = emit.node("Equal", &[&x, &known], vec![]);
    let to = integer("to", i64::from(DataType::Float as i32));
    emit.node_named("Cast", &[&equal], vec![to], node.output.first()?);
    Some(())
}

/// Numbers for numbers, one comparison a known number; numbers for names of classes stay
/// numbers, and the names are kept, where nothing reads them but the user.
pub(super) fn label_encoder(
    node: &pb::NodeProto,
    emit: &mut Emit,
    outputs: &BTreeSet<String>,
    labels: &mut Vec<String>,
) -> Option<()> {
    let (input, output) = (node.input.first()?, node.output.first()?);
    let key_integers = integers(node, "keys_int64s");
    let key_floats = floats(node, "keys_floats");
    let names = attribute(node, "values_strings").map_or(&[][..], |a| a.strings.as_slice());
    if !names.is_empty() {
        let in_order = key_integers.iter().copied().eq(0..names.len() as i64);
        if !in_order || !outputs.contains(output) {
            return None;
        }
        *labels = names
            .iter()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect();
        emit.node_named("Identity", &[input], vec![], output);
        return Some(());
    }
    let keys = key_integers.len().max(key_floats.len());
    let value_integers = integers(node, "values_int64s");
    let value_floats = floats(node, "values_floats");
    if keys == 0 || keys > MOST_VALUES || value_integers.len().max(value_floats.len()) != keys {
        return None;
    }
    let to_integers = value_floats.is_empty();
    let mut value = if to_integers {
        let other = attribute(node, "default_int64").map_or(-1, |a| a.i);
        emit.integers(&[other], &[1])
    } else {
        let other = attribute(node, "default_float").map_or(-0.0, |a| a.f);
        emit.floats(&[other], &[1])
    };
    for at in 0..keys {
        let is_key = match key_floats.get(at) {
            Some(key) if key.is_nan() => emit.node("IsNaN", &[input], vec![]),
            Some(&key) => {
                let key = emit.floats(&[key], &[1]);
                emit.node("Equal", &[input, &key], vec![])
            }
            None => {
                let key = emit.integers(&[key_integers[at]], &[1]);
                emit.node("Equal", &[input, &key], vec![])
            }
        };
        let then = if to_integers {
            emit.integers(&[value_integers[at]], &[1])
        } else {
            emit.floats(&[value_floats[at]], &[1])
        };
        value = emit.node("Where", &[&is_key, &then, &value], vec![]);
    }
    emit.node_named("Identity", &[&value], vec![], output);
    Some(())
}

/// The sum of kernels with the support vectors, weighted, plus rho.
pub(super) fn svm_regressor(node: &pb::NodeProto, emit: &mut Emit) -> Option<()> {
    let x = emit.cast(node.input.first()?, DataType::Float);
    let coefficients = floats(node, "coefficients");
    let vectors = floats(node, "support_vectors");
    let kernel = match floats(node, "kernel_params") {
        &[gamma, coef0, degree] => (gamma, coef0, degree),
        _ => (0.0, 0.0, 3.0),
    };
    let count = attribute(node, "n_supports").map_or(0, |a| a.i);
    let products = if count <= 0 {
        x
    } else {
        let rows = coefficients.len();
        let width = vectors.len().checked_div(rows).filter(|width| *width > 0)?;
        svm_kernel(node, emit, &x, vectors, (rows, width), kernel)?
    };
    let weights = emit.floats(coefficients, &[coefficients.len(), 1]);
    let sum = emit.node("MatMul", &[&products, &weights], vec![]);
    let rho = emit.floats(&[floats(node, "rho").first().copied().unwrap_or(0.0)], &[1]);
    let value = emit.node("Add", &[&sum, &rho], vec![]);
    let output = node.output.first()?;
    if attribute(node, "one_class").is_some_and(|a| a.i == 1) {
        let (zero, inside, outside) = (
            emit.floats(&[0.0], &[1]),
            emit.floats(&[1.0], &[1]),
            emit.floats(&[-1.0], &[1]),
        );
        let above = emit.node("Greater", &[&value, &zero], vec![]);
        emit.node_named("Where", &[&above, &inside, &outside], vec![], output);
    } else {
        emit.node_named("Identity", &[&value], vec![], output);
    }
    Some(())
}

/// Kernel of every row with every support vector.
fn svm_kernel(
    node: &pb::NodeProto,
    emit: &mut Emit,
    x: &str,
    vectors: &[f32],
    (rows, width): (usize, usize),
    (gamma, coef0, degree): (f32, f32, f32),
) -> Option<String> {
    let mut transposed = vec![0.0; vectors.len()];
    for (row, vector) in vectors.chunks(width).enumerate() {
        for (column, value) in vector.iter().enumerate() {
            transposed[column * rows + row] = *value;
        }
    }
    let across = emit.floats(&transposed, &[width, rows]);
    let dot = emit.node("MatMul", &[x, &across], vec![]);
    let scaled = |emit: &mut Emit| {
        let (gamma, coef0) = (emit.floats(&[gamma], &[1]), emit.floats(&[coef0], &[1]));
        let product = emit.node("Mul", &[&dot, &gamma], vec![]);
        emit.node("Add", &[&product, &coef0], vec![])
    };
    Some(match text(node, "kernel_type", "LINEAR") {
        "LINEAR" => dot,
        "POLY" => {
            let base = scaled(emit);
            let degree = emit.floats(&[degree], &[1]);
            emit.node("Pow", &[&base, &degree], vec![])
        }
        "SIGMOID" => {
            let inner = scaled(emit);
            emit.node("Tanh", &[&inner], vec![])
        }
        "RBF" => {
            // |x − v|² = |x|² − 2 x·v + |v|²
            let ones = emit.floats(&vec![1.0; width], &[width, 1]);
            let squares = emit.node("Mul", &[x, x], vec![]);
            let of_x = emit.node("MatMul", &[&squares, &ones], vec![]);
            let of_v: Vec<f32> = vectors
                .chunks(width)
                .map(|vector| vector.iter().map(|value| value * value).sum())
                .collect();
            let of_v = emit.floats(&of_v, &[1, rows]);
            let two = emit.floats(&[2.0], &[1]);
            let twice = emit.node("Mul", &[&dot, &two], vec![]);
            let distance = emit.node("Sub", &[&of_x, &twice], vec![]);
            let distance = emit.node("Add", &[&distance, &of_v], vec![]);
            let factor = emit.floats(&[-gamma], &[1]);
            let exponent = emit.node("Mul", &[&distance, &factor], vec![]);
            emit.node("Exp", &[&exponent], vec![])
        }
        _ => return None,
    })
}

/// As [`note_labels`], for a classifier's node.
pub(super) fn class_count(node: &pb::NodeProto, integers_name: &str) -> usize {
    let mut labels = Vec::new();
    note_labels(node, integers_name, &mut labels);
    labels.len()
}
