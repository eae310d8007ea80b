//! New nodes and constants, under names that nothing else has.

use std::collections::HashSet;

use tract_onnx::pb::{self, attribute_proto::AttributeType, tensor_proto::DataType};

/// Collects the nodes of the rewritten graph.
pub(super) struct Emit {
    nodes: Vec<pb::NodeProto>,
    constants: Vec<pb::TensorProto>,
    taken: HashSet<String>,
    next: usize,
    opset: i64,
}

impl Emit {
    pub(super) fn new(graph: &pb::GraphProto, opset: i64) -> Self {
        let inputs = graph.input.iter().map(|value| &value.name);
        let made = graph
            .node
            .iter()
            .flat_map(|node| node.output.iter().chain([&node.name]));
        let constants = graph.initializer.iter().map(|tensor| &tensor.name);
        Self {
            nodes: Vec::new(),
            constants: Vec::new(),
            taken: inputs.chain(made).chain(constants).cloned().collect(),
            next: 0,
            opset,
        }
    }

    /// A node as it is.
    pub(super) fn keep(&mut self, node: pb::NodeProto) {
        self.nodes.push(node);
    }

    /// The nodes, and the constants behind those given.
    pub(super) fn into_parts(
        self,
        mut constants: Vec<pb::TensorProto>,
    ) -> (Vec<pb::NodeProto>, Vec<pb::TensorProto>) {
        constants.extend(self.constants);
        (self.nodes, constants)
    }

    pub(super) fn fresh(&mut self) -> String {
        loop {
            let name = format!("rewritten_{}", self.next);
            self.next += 1;
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }

    /// A node of one output; the name of that output.
    pub(super) fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<pb::AttributeProto>,
    ) -> String {
        let output = self.fresh();
        self.node_named(operator, inputs, attributes, &output);
        output
    }

    /// A node whose output has this name.
    pub(super) fn node_named(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<pb::AttributeProto>,
        output: &str,
    ) {
        let name = self.fresh();
        self.nodes.push(pb::NodeProto {
            name,
            op_type: operator.to_owned(),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: attributes,
            ..Default::default()
        });
    }

    pub(super) fn cast(&mut self, input: &str, to: DataType) -> String {
        self.node("Cast", &[input], vec![integer("to", i64::from(to as i32))])
    }

    /// Adds an axis of length 1 behind the last.
    pub(super) fn new_last_axis(&mut self, input: &str) -> String {
        if self.opset == 0 || self.opset >= 13 {
            let axes = self.integers(&[-1], &[1]);
            self.node("Unsqueeze", &[input, &axes], vec![])
        } else {
            self.node("Unsqueeze", &[input], vec![integer_list("axes", &[-1])])
        }
    }

    pub(super) fn floats(&mut self, values: &[f32], shape: &[usize]) -> String {
        self.constant(pb::TensorProto {
            dims: dimensions(shape),
            data_type: DataType::Float as i32,
            float_data: values.to_vec(),
            ..Default::default()
        })
    }

    pub(super) fn integers(&mut self, values: &[i64], shape: &[usize]) -> String {
        self.constant(pb::TensorProto {
            dims: dimensions(shape),
            data_type: DataType::Int64 as i32,
            int64_data: values.to_vec(),
            ..Default::default()
        })
    }

    fn constant(&mut self, mut tensor: pb::TensorProto) -> String {
        tensor.name = self.fresh();
        let name = tensor.name.clone();
        self.constants.push(tensor);
        name
    }
}

fn dimensions(shape: &[usize]) -> Vec<i64> {
    shape
        .iter()
        .map(|&length| i64::try_from(length).unwrap_or(i64::MAX))
        .collect()
}

pub(super) fn integer(name: &str, value: i64) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Int as i32,
        i: value,
        ..Default::default()
    }
}

pub(super) fn integer_list(name: &str, values: &[i64]) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Ints as i32,
        ints: values.to_vec(),
        ..Default::default()
    }
}

pub(super) fn float_list(name: &str, values: &[f32]) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Floats as i32,
        floats: values.to_vec(),
        ..Default::default()
    }
}
