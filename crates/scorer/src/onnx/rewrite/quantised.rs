//! Numbers that are rounded to 8 bits and back between operators of fractions (QDQ).
//!
//! The runtime fuses the pairs into products of integers, and the outputs are then other
//! ones than onnxruntime's. In fractions they say the same: a number is divided by the
//! scale, rounded to even, moved by the zero point and cut to the range of 8 bits.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{self, tensor_proto::DataType};

use super::attribute;
use super::emit::Emit;

/// What is known of a graph's constants and of the numbers that stay between the pairs.
pub(super) struct Quantised {
    /// Type and shape of each constant.
    constants: HashMap<String, (i32, Vec<i64>)>,
    /// What nothing but `DequantizeLinear` reads.
    between: HashSet<String>,
}

/// Scale and zero point of a node, as fractions.
struct Steps {
    scale: String,
    zero: Option<String>,
    range: (f32, f32),
}

impl Quantised {
    pub(super) fn of(graph: &pb::GraphProto) -> Self {
        let constants = graph.initializer.iter();
        let mut between: HashSet<String> = graph
            .node
            .iter()
            .filter(|node| node.op_type == "QuantizeLinear")
            .filter_map(|node| node.output.first().cloned())
            .collect();
        for node in &graph.node {
            let mut read = Vec::new();
            super::super::names_read(node, &mut read);
            let own = (node.op_type == "DequantizeLinear")
                .then(|| node.input.first())
                .flatten();
            for name in read
                .into_iter()
                .filter(|name| own.is_none_or(|own| own != name))
            {
                between.remove(name);
            }
        }
        for output in &graph.output {
            between.remove(&output.name);
        }
        Self {
            constants: constants
                .map(|t| (t.name.clone(), (t.data_type, t.dims.clone())))
                .collect(),
            between,
        }
    }

    pub(super) fn quantize(&self, node: &pb::NodeProto, emit: &mut Emit) -> Option<()> {
        let (x, output) = (node.input.first()?, node.output.first()?);
        if !self.between.contains(output) {
            return None;
        }
        let steps = self.steps(node, emit)?;
        let divided = emit.node("Div", &[x, &steps.scale], vec![]);
        let mut whole = emit.node("Round", &[&divided], vec![]);
        if let Some(zero) = &steps.zero {
            whole = emit.node("Add", &[&whole, zero], vec![]);
        }
        let (least, greatest) = steps.range;
        let (least, greatest) = (emit.floats(&[least], &[1]), emit.floats(&[greatest], &[1]));
        let cut = emit.node("Max", &[&whole, &least], vec![]);
        emit.node_named("Min", &[&cut, &greatest], vec![], output);
        Some(())
    }

    pub(super) fn dequantize(&self, node: &pb::NodeProto, emit: &mut Emit) -> Option<()> {
        let (x, output) = (node.input.first()?, node.output.first()?);
        if !self.between.contains(x) && !self.constants.contains_key(x) {
            return None;
        }
        let steps = self.steps(node, emit)?;
        let mut number = emit.cast(x, DataType::Float);
        if let Some(zero) = &steps.zero {
            number = emit.node("Sub", &[&number, zero], vec![]);
        }
        emit.node_named("Mul", &[&number, &steps.scale], vec![], output);
        Some(())
    }

    /// None where the steps are not constants of the file, or differ along an axis that is
    /// not known.
    fn steps(&self, node: &pb::NodeProto, emit: &mut Emit) -> Option<Steps> {
        let scale = node.input.get(1)?;
        let zero = node.input.get(2).filter(|name| !name.is_empty());
        let (scale_type, shape) = self.constants.get(scale)?;
        if *scale_type != DataType::Float as i32 || attribute(node, "block_size").is_some() {
            return None;
        }
        let kind = match zero {
            Some(zero) => self.constants.get(zero)?.0,
            None => DataType::Uint8 as i32,
        };
        let range = match DataType::try_from(kind).ok()? {
            DataType::Uint8 => (0.0, 255.0),
            DataType::Int8 => (-128.0, 127.0),
            DataType::Uint16 => (0.0, 65535.0),
            DataType::Int16 => (-32768.0, 32767.0),
            DataType::Int32 => (i32::MIN as f32, i32::MAX as f32),
            _ => return None,
        };
        let zero = zero.map(|zero| emit.cast(zero, DataType::Float));
        let one = shape.iter().product::<i64>() == 1;
        let along = match one {
            true => vec![1],
            false => {
                let (_, dimensions) = self.constants.get(node.input.first()?)?;
                let rank = dimensions.len() as i64;
                let axis = attribute(node, "axis").map_or(1, |a| a.i);
                let axis = usize::try_from(if axis < 0 { axis + rank } else { axis }).ok()?;
                let mut along = vec![1; dimensions.len()];
                *along.get_mut(axis)? = *dimensions.get(axis)?;
                along
            }
        };
        let shape = emit.integers(&along, &[along.len()]);
        let shaped = |emit: &mut Emit, name: &str| emit.node("Reshape", &[name, &shape], vec![]);
        Some(Steps {
            scale: shaped(emit, scale),
            zero: zero.map(|zero| shaped(emit, &zero)),
            range,
        })
    }
}
