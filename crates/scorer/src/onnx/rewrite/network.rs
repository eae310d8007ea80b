//! What exporters of networks write differently.

use std::collections::HashSet;

use tract_onnx::pb;

use super::attribute;
use super::emit::Emit;

/// erfc(x) = 1 − erf(x): Keras writes the exact GELU with it, though ONNX has no such operator.
pub(super) fn complementary_error_function(node: &pb::NodeProto, emit: &mut Emit) -> Option<()> {
    let error = emit.node("Erf", &[node.input.first()?], vec![]);
    let one = emit.floats(&[1.0], &[1]);
    emit.node_named("Sub", &[&one, &error], vec![], node.output.first()?);
    Some(())
}

/// Names of values that are zero throughout, whatever their shape.
///
/// tf2onnx and PyTorch give a recurrent network an initial state of zeros that is built from
/// the batch's shape. Zero is the default, and the runtime cannot follow the building.
pub(super) struct Zeros(HashSet<String>);

impl Zeros {
    pub(super) fn of(graph: &pb::GraphProto) -> Self {
        let mut zeros: HashSet<String> = graph
            .initializer
            .iter()
            .filter(|tensor| is_zero(tensor))
            .map(|tensor| tensor.name.clone())
            .collect();
        // Nodes are in an order in which each comes after what it reads.
        for node in &graph.node {
            let zero = |name: &String| zeros.contains(name);
            let is_zero = match node.op_type.as_str() {
                "Constant" => attribute(node, "value")
                    .and_then(|a| a.t.as_ref())
                    .is_some_and(is_zero),
                "ConstantOfShape" => match attribute(node, "value").and_then(|a| a.t.as_ref()) {
                    Some(tensor) => is_zero(tensor),
                    None => true,
                },
                "Expand" | "Tile" | "Unsqueeze" | "Squeeze" | "Reshape" | "Identity" | "Cast"
                | "Transpose" | "Slice" | "Gather" => node.input.first().is_some_and(zero),
                "Concat" => node.input.iter().all(zero),
                _ => false,
            };
            if is_zero {
                zeros.extend(node.output.iter().cloned());
            }
        }
        Self(zeros)
    }

    /// Takes zeros off the initial states of a recurrent node.
    pub(super) fn forget_initial_state(&self, node: &mut pb::NodeProto) {
        for state in [5, 6] {
            if let Some(name) = node.input.get_mut(state)
                && self.0.contains(name)
            {
                name.clear();
            }
        }
        while node.input.last().is_some_and(String::is_empty) {
            node.input.pop();
        }
    }
}

fn is_zero(tensor: &pb::TensorProto) -> bool {
    let empty = tensor.raw_data.is_empty()
        && tensor.float_data.is_empty()
        && tensor.double_data.is_empty()
        && tensor.int32_data.is_empty();
    !empty
        && tensor.raw_data.iter().all(|byte| *byte == 0)
        && tensor.float_data.iter().all(|value| value.abs() == 0.0)
        && tensor.double_data.iter().all(|value| value.abs() == 0.0)
        && tensor.int32_data.iter().all(|value| *value == 0)
}
