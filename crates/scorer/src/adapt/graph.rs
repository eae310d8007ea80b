//! The head as ONNX, behind an encoder's graph or a table of hashed characters.

use tract_onnx::pb::{
    self,
    attribute_proto::AttributeType,
    tensor_proto::DataType,
    tensor_shape_proto::{Dimension, dimension},
    type_proto,
};

use prost::Message;

use super::logistic::Head;

/// Name of the output.
pub(super) const LOGITS: &str = "driftline_logits";
/// Name of the input of a graph without an encoder.
pub(super) const TOKENS: &str = "tokens";

const WEIGHTS: &str = "driftline_weights";
const BIAS: &str = "driftline_bias";

/// The mean of the weights of a text's characters.
pub(super) fn of_characters(head: &Head) -> Vec<u8> {
    let mean = pb::AttributeProto {
        name: "axes".into(),
        r#type: AttributeType::Ints as i32,
        ints: vec![1],
        ..Default::default()
    };
    let keep = pb::AttributeProto {
        name: "keepdims".into(),
        r#type: AttributeType::Int as i32,
        i: 0,
        ..Default::default()
    };
    let graph = pb::GraphProto {
        name: "adapted".into(),
        node: vec![
            node(
                "Gather",
                &[WEIGHTS, TOKENS],
                "driftline_of_characters",
                vec![],
            ),
            node(
                "ReduceMean",
                &["driftline_of_characters"],
                "driftline_mean",
                vec![mean, keep],
            ),
            node("Add", &["driftline_mean", BIAS], LOGITS, vec![]),
        ],
        initializer: constants(head),
        input: vec![value(TOKENS, DataType::Int64, &["rows", "length"])],
        output: vec![value(LOGITS, DataType::Float, &["rows", "labels"])],
        ..Default::default()
    };
    let model = pb::ModelProto {
        ir_version: 8,
        producer_name: "driftline".into(),
        opset_import: vec![pb::OperatorSetIdProto {
            version: 17,
            ..Default::default()
        }],
        graph: Some(graph),
        ..Default::default()
    };
    model.encode_to_vec()
}

/// An encoder's graph whose only output is the head's, of its output `embedding`.
pub(super) fn behind(encoder: &[u8], embedding: &str, head: &Head) -> Result<Vec<u8>, String> {
    let mut model = pb::ModelProto::decode(encoder).map_err(|error| error.to_string())?;
    let graph = model.graph.as_mut().ok_or("it has no graph")?;
    let flat = "driftline_embedding";
    let shape = "driftline_embedding_shape";
    // An embedding may have axes of length 1 behind the rows.
    graph.node.extend([
        node("Reshape", &[embedding, shape], flat, vec![]),
        node("MatMul", &[flat, WEIGHTS], "driftline_product", vec![]),
        node("Add", &["driftline_product", BIAS], LOGITS, vec![]),
    ]);
    graph.initializer.extend(constants(head));
    graph.initializer.push(pb::TensorProto {
        name: shape.into(),
        dims: vec![2],
        data_type: DataType::Int64 as i32,
        int64_data: vec![-1, head.width as i64],
        ..Default::default()
    });
    graph.output = vec![value(LOGITS, DataType::Float, &["rows", "labels"])];
    Ok(model.encode_to_vec())
}

fn constants(head: &Head) -> Vec<pb::TensorProto> {
    let constant = |name: &str, dims: &[usize], values: &[f32]| pb::TensorProto {
        name: name.into(),
        dims: dims.iter().map(|length| *length as i64).collect(),
        data_type: DataType::Float as i32,
        float_data: values.to_vec(),
        ..Default::default()
    };
    vec![
        constant(WEIGHTS, &[head.width, head.classes], &head.weights),
        constant(BIAS, &[head.classes], &head.bias),
    ]
}

fn node(
    operator: &str,
    inputs: &[&str],
    output: &str,
    attribute: Vec<pb::AttributeProto>,
) -> pb::NodeProto {
    pb::NodeProto {
        name: format!("{output}_node"),
        op_type: operator.into(),
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec![output.to_owned()],
        attribute,
        ..Default::default()
    }
}

fn value(name: &str, element: DataType, axes: &[&str]) -> pb::ValueInfoProto {
    let dim = |axis: &&str| Dimension {
        value: Some(dimension::Value::DimParam((*axis).to_owned())),
        ..Default::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: element as i32,
        shape: Some(pb::TensorShapeProto {
            dim: axes.iter().map(dim).collect(),
        }),
    };
    pb::ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(pb::TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}
