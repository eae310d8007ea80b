//! Trees and linear models: the runtime sums over trees, and names classes by number.

use tract_onnx::pb::{self, tensor_proto::DataType};

use super::emit::{Emit, float_list, integer, integer_list};
use super::numbers::class_count;
use super::{attribute, floats, integers, note_labels, text};

/// A classifier's label, from its own probabilities: the runtime's own is taken before they
/// are put in order, and it has no texts.
pub(super) fn classifier(
    node: &mut pb::NodeProto,
    emit: &mut Emit,
    integer_labels: &str,
    labels: &mut Vec<String>,
) -> Option<()> {
    note_labels(node, integer_labels, labels);
    let numbers = integers(node, integer_labels).to_vec();
    let count = class_count(node, integer_labels);
    if numbers.is_empty() {
        node.attribute
            .retain(|attribute| attribute.name != "classlabels_strings");
        let numbers: Vec<i64> = (0..count as i64).collect();
        node.attribute.push(integer_list(integer_labels, &numbers));
    }
    // One base value is of the second of two classes, whose sum alone is kept.
    let base = node
        .attribute
        .iter_mut()
        .find(|attribute| attribute.name == "base_values");
    if let Some(base) = base.filter(|base| base.floats.len() == 1 && count == 2) {
        base.floats.push(0.0);
    }
    let x = emit.cast(node.input.first()?, DataType::Float);
    node.input[0] = x;
    let label = node.output.first()?.clone();
    let scores = node.output.get(1).filter(|name| !name.is_empty()).cloned();
    let scores = scores.unwrap_or_else(|| emit.fresh());
    node.output = vec![emit.fresh(), scores.clone()];
    emit.keep(node.clone());
    if label.is_empty() {
        return Some(());
    }
    let axes = vec![integer("axis", 1), integer("keepdims", 0)];
    if numbers.is_empty() || numbers.iter().copied().eq(0..numbers.len() as i64) {
        emit.node_named("ArgMax", &[&scores], axes, &label);
    } else {
        let place = emit.node("ArgMax", &[&scores], axes);
        let numbers = emit.integers(&numbers, &[numbers.len()]);
        emit.node_named(
            "Gather",
            &[&numbers, &place],
            vec![integer("axis", 0)],
            &label,
        );
    }
    Some(())
}

/// Trees that regress are trees that classify without a transform: targets are classes. At
/// least three, since of two the runtime makes a probability and its complement.
pub(super) fn regressor(node: &pb::NodeProto, emit: &mut Emit) -> Option<()> {
    let targets = usize::try_from(attribute(node, "n_targets").map_or(1, |a| a.i)).ok()?;
    let classes = targets.max(3);
    let transform = text(node, "post_transform", "NONE");
    if transform != "NONE" && !(transform == "LOGISTIC" || transform == "SOFTMAX" && targets > 2) {
        return None;
    }
    let trees = integers(node, "nodes_treeids")
        .iter()
        .max()
        .map_or(1, |last| last + 1);
    let share = match text(node, "aggregate_function", "SUM") {
        "SUM" => 1.0,
        "AVERAGE" => 1.0 / trees as f64,
        _ => return None,
    };
    let weights: Vec<f32> = numbers(node, "target_weights")
        .into_iter()
        .map(|weight| (weight * share) as f32)
        .collect();
    let mut base: Vec<f32> = numbers(node, "base_values")
        .into_iter()
        .map(|v| v as f32)
        .collect();
    let mut attributes: Vec<pb::AttributeProto> = node
        .attribute
        .iter()
        .filter(|a| a.name.starts_with("nodes_") && !a.name.ends_with("_as_tensor"))
        .filter(|a| a.name != "nodes_values" && a.name != "nodes_hitrates")
        .cloned()
        .collect();
    let values: Vec<f32> = numbers(node, "nodes_values")
        .into_iter()
        .map(|v| v as f32)
        .collect();
    attributes.push(float_list("nodes_values", &values));
    for part in ["ids", "nodeids", "treeids"] {
        let of_targets = integers(node, &format!("target_{part}"));
        attributes.push(integer_list(&format!("class_{part}"), of_targets));
    }
    attributes.push(float_list("class_weights", &weights));
    let class_numbers: Vec<i64> = (0..classes as i64).collect();
    attributes.push(integer_list("classlabels_int64s", &class_numbers));
    if !base.is_empty() {
        base.resize(classes, 0.0);
        attributes.push(float_list("base_values", &base));
    }
    attributes.extend(attribute(node, "post_transform").cloned());

    let x = emit.cast(node.input.first()?, DataType::Float);
    let (label, sums) = (emit.fresh(), emit.fresh());
    emit.keep(pb::NodeProto {
        name: node.name.clone(),
        op_type: "TreeEnsembleClassifier".to_owned(),
        input: vec![x],
        output: vec![label, sums.clone()],
        attribute: attributes,
        ..Default::default()
    });
    let wanted: Vec<i64> = (0..targets as i64).collect();
    let wanted = emit.integers(&wanted, &[targets]);
    let output = node.output.first()?;
    emit.node_named(
        "Gather",
        &[&sums, &wanted],
        vec![integer("axis", 1)],
        output,
    );
    Some(())
}

/// Numbers that are written as a list of 32 bits or, under another name, as a tensor of 64.
fn numbers(node: &pb::NodeProto, name: &str) -> Vec<f64> {
    let short = floats(node, name);
    if !short.is_empty() {
        return short.iter().map(|&value| f64::from(value)).collect();
    }
    let tensor = attribute(node, &format!("{name}_as_tensor")).and_then(|a| a.t.as_ref());
    let Some(tensor) = tensor else {
        return Vec::new();
    };
    if !tensor.double_data.is_empty() {
        return tensor.double_data.clone();
    }
    if tensor.data_type == DataType::Double as i32 {
        let (whole, _) = tensor.raw_data.as_chunks::<8>();
        whole
            .iter()
            .map(|bytes| f64::from_le_bytes(*bytes))
            .collect()
    } else if tensor.float_data.is_empty() {
        let (whole, _) = tensor.raw_data.as_chunks::<4>();
        whole
            .iter()
            .map(|bytes| f64::from(f32::from_le_bytes(*bytes)))
            .collect()
    } else {
        tensor
            .float_data
            .iter()
            .map(|&value| f64::from(value))
            .collect()
    }
}
