//! What is said to a model's server, and how its answers are read.
//!
//! The Open Inference Protocol's version 2 is that of
//! <https://github.com/kserve/open-inference-protocol>, TensorFlow Serving's REST that of
//! <https://www.tensorflow.org/tfx/serving/api_rest>, in its columnar form.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tract_onnx::prelude::Tensor;

use crate::onnx::{Axis, Element, TensorSpec};

/// How a model's server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// The Open Inference Protocol, version 2, over HTTP: KServe, Triton, MLServer, OpenVINO.
    OpenInference,
    /// TensorFlow Serving's REST predict, with the signature `serving_default`.
    TensorflowServing,
}

const SIGNATURE: &str = "serving_default";

impl Protocol {
    /// The first part of the path.
    pub(super) fn stem(self) -> &'static str {
        match self {
            Self::OpenInference => "v2",
            Self::TensorflowServing => "v1",
        }
    }

    pub(super) fn metadata_path(self) -> String {
        match self {
            Self::OpenInference => String::new(),
            Self::TensorflowServing => "/metadata".to_owned(),
        }
    }

    pub(super) fn predict_path(self) -> &'static str {
        match self {
            Self::OpenInference => "/infer",
            Self::TensorflowServing => ":predict",
        }
    }

    /// Inputs and outputs of a model.
    pub(super) fn read_metadata(
        self,
        told: &Value,
    ) -> Result<(Vec<TensorSpec>, Vec<TensorSpec>), String> {
        let specs = |key: &str| -> Result<Vec<TensorSpec>, String> {
            let found = match self {
                Self::OpenInference => told[key].as_array().map(|tensors| {
                    let name = |tensor: &Value| tensor["name"].as_str().unwrap_or("").to_owned();
                    let all = tensors.iter().map(|tensor| (name(tensor), tensor));
                    all.collect::<Vec<_>>()
                }),
                Self::TensorflowServing => {
                    let signatures = &told["metadata"]["signature_def"]["signature_def"];
                    let tensors = signatures[SIGNATURE][key].as_object();
                    tensors.map(|tensors| {
                        let all = tensors.iter().map(|(name, tensor)| (name.clone(), tensor));
                        all.collect()
                    })
                }
            };
            found
                .ok_or_else(|| format!("the server tells no `{key}` of the model"))?
                .into_iter()
                .map(|(name, tensor)| self.spec(name, tensor))
                .collect()
        };
        let inputs = specs("inputs")?;
        if let Some(text) = inputs
            .iter()
            .find(|spec| spec.datum_type_or_none().is_none())
        {
            return Err(format!(
                "the input `{}` is of a type that no numbers are made for; serve the part of the \
                 model behind the encoding of texts",
                text.name
            ));
        }
        Ok((inputs, specs("outputs")?))
    }

    fn spec(self, name: String, tensor: &Value) -> Result<TensorSpec, String> {
        let (element, sizes) = match self {
            Self::OpenInference => (&tensor["datatype"], tensor["shape"].as_array().cloned()),
            Self::TensorflowServing => {
                let dims = tensor["tensor_shape"]["dim"].as_array();
                let sizes = dims.map(|dims| dims.iter().map(|dim| dim["size"].clone()).collect());
                (&tensor["dtype"], sizes)
            }
        };
        let size = |value: &Value| {
            // Protocol buffers write 64-bit integers as strings.
            let text = value.as_str().and_then(|text| text.parse().ok());
            value.as_i64().or(text).unwrap_or(-1)
        };
        let axes = sizes.map(|sizes: Vec<Value>| {
            let axis =
                |value| usize::try_from(size(value)).map_or(Axis::Free(String::new()), Axis::Fixed);
            sizes.iter().map(axis).collect()
        });
        Ok(TensorSpec {
            element: element.as_str().and_then(element_named),
            name,
            axes,
        })
    }

    /// A batch as the body of a request.
    pub(super) fn request(
        self,
        specs: &[TensorSpec],
        inputs: &[Tensor],
        outputs: &[TensorSpec],
    ) -> Result<Value, String> {
        match self {
            Self::OpenInference => {
                let inputs = specs
                    .iter()
                    .zip(inputs)
                    .map(|(spec, tensor)| {
                        Ok(json!({
                            "name": spec.name,
                            "shape": tensor.shape(),
                            "datatype": spec.element.map_or("FP32", open_inference_name),
                            "data": numbers(spec, tensor)?,
                        }))
                    })
                    .collect::<Result<Vec<_>, String>>()?;
                let outputs: Vec<Value> = outputs.iter().map(|o| json!({"name": o.name})).collect();
                Ok(json!({"inputs": inputs, "outputs": outputs}))
            }
            Self::TensorflowServing => {
                let mut named = Map::new();
                for (spec, tensor) in specs.iter().zip(inputs) {
                    let nested = nested(numbers(spec, tensor)?, tensor.shape());
                    named.insert(spec.name.clone(), nested);
                }
                Ok(json!({"signature_name": SIGNATURE, "inputs": named}))
            }
        }
    }

    /// The outputs that are wanted, from the body of an answer.
    pub(super) fn read_answer(
        self,
        answer: &Value,
        outputs: &[TensorSpec],
    ) -> Result<Vec<Tensor>, String> {
        outputs
            .iter()
            .map(|output| {
                let name = &output.name;
                let lacks = || format!("the answer lacks the output `{name}`");
                match self {
                    Self::OpenInference => {
                        let all = answer["outputs"].as_array().ok_or_else(lacks)?;
                        let found = all.iter().find(|o| o["name"] == name.as_str());
                        let found = found.ok_or_else(lacks)?;
                        let shape: Vec<usize> = found["shape"]
                            .as_array()
                            .into_iter()
                            .flatten()
                            .filter_map(|length| usize::try_from(length.as_u64()?).ok())
                            .collect();
                        tensor(name, &found["data"], Some(shape))
                    }
                    Self::TensorflowServing => {
                        // A single output stands alone, several by their names.
                        let all = &answer["outputs"];
                        let found = if all.is_object() { &all[name] } else { all };
                        tensor(name, found, None)
                    }
                }
            })
            .collect()
    }
}

/// Numbers in the order of rows, whole where the input wants whole ones.
fn numbers(spec: &TensorSpec, tensor: &Tensor) -> Result<Vec<Value>, String> {
    let failed = |error: tract_onnx::prelude::TractError| format!("{error:#}");
    if spec.element.is_some_and(Element::is_float) {
        let floats = tensor.cast_to::<f32>().map_err(failed)?;
        let floats = floats
            .try_as_plain_ram()
            .and_then(|t| Ok(t.as_slice::<f32>()?.to_vec()));
        return Ok(floats
            .map_err(failed)?
            .into_iter()
            .map(Value::from)
            .collect());
    }
    let whole = tensor.cast_to::<i64>().map_err(failed)?;
    let whole = whole
        .try_as_plain_ram()
        .and_then(|t| Ok(t.as_slice::<i64>()?.to_vec()));
    let of_bool = spec.element == Some(Element::Bool);
    let value = |number: i64| {
        if of_bool {
            Value::from(number != 0)
        } else {
            number.into()
        }
    };
    Ok(whole.map_err(failed)?.into_iter().map(value).collect())
}

/// Flat numbers as lists of lists.
fn nested(flat: Vec<Value>, shape: &[usize]) -> Value {
    let mut level = flat;
    for length in shape.iter().skip(1).rev() {
        let mut outer = Vec::new();
        let mut numbers = level.into_iter().peekable();
        while numbers.peek().is_some() {
            outer.push(Value::Array(
                numbers.by_ref().take((*length).max(1)).collect(),
            ));
        }
        level = outer;
    }
    Value::Array(level)
}

/// An output of any nesting; its first axis is the rows.
fn tensor(name: &str, data: &Value, shape: Option<Vec<usize>>) -> Result<Tensor, String> {
    let rows = data.as_array().map_or(0, Vec::len);
    let mut flat = Vec::new();
    flatten(name, data, &mut flat)?;
    let shape = match shape {
        Some(shape) if shape.iter().product::<usize>() == flat.len() => shape,
        Some(shape) => {
            return Err(format!(
                "the output `{name}` has {} values for the shape {shape:?}",
                flat.len()
            ));
        }
        None if rows > 0 && flat.len() % rows == 0 => vec![rows, flat.len() / rows],
        None => return Err(format!("the output `{name}` has rows of different length")),
    };
    Tensor::from_shape(&shape, &flat).map_err(|error| format!("{error:#}"))
}

fn flatten(name: &str, data: &Value, into: &mut Vec<f32>) -> Result<(), String> {
    match data {
        Value::Array(values) => values
            .iter()
            .try_for_each(|value| flatten(name, value, into)),
        Value::Bool(value) => {
            into.push(f32::from(u8::from(*value)));
            Ok(())
        }
        // Not a number, in JSON.
        Value::Null => {
            into.push(f32::NAN);
            Ok(())
        }
        Value::Number(value) => {
            into.push(value.as_f64().unwrap_or(f64::NAN) as f32);
            Ok(())
        }
        other => Err(format!(
            "the output `{name}` holds {other}, which is no number"
        )),
    }
}

const TYPES: [(Element, &str, &str); 13] = [
    (Element::Float16, "FP16", "DT_HALF"),
    (Element::Float32, "FP32", "DT_FLOAT"),
    (Element::Float64, "FP64", "DT_DOUBLE"),
    (Element::Int8, "INT8", "DT_INT8"),
    (Element::Int16, "INT16", "DT_INT16"),
    (Element::Int32, "INT32", "DT_INT32"),
    (Element::Int64, "INT64", "DT_INT64"),
    (Element::Uint8, "UINT8", "DT_UINT8"),
    (Element::Uint16, "UINT16", "DT_UINT16"),
    (Element::Uint32, "UINT32", "DT_UINT32"),
    (Element::Uint64, "UINT64", "DT_UINT64"),
    (Element::Bool, "BOOL", "DT_BOOL"),
    (Element::String, "BYTES", "DT_STRING"),
];

fn element_named(name: &str) -> Option<Element> {
    let known = TYPES
        .iter()
        .find(|(_, open, tensorflow)| *open == name || *tensorflow == name);
    known.map(|(element, ..)| *element)
}

fn open_inference_name(element: Element) -> &'static str {
    let known = TYPES.iter().find(|(known, ..)| *known == element);
    known.map_or("FP32", |(_, name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_numbers_become_lists_of_lists_and_back() {
        let flat: Vec<Value> = (0..12).map(Value::from).collect();
        let lists = nested(flat, &[2, 3, 2]);
        assert_eq!(
            lists,
            json!([[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]])
        );
        let back = tensor("x", &lists, None).unwrap();
        assert_eq!(back.shape(), [2, 6]);
        assert!(tensor("x", &json!([[1], [2, 3]]), None).is_err());
        assert!(
            tensor("x", &json!([["a"]]), None)
                .unwrap_err()
                .contains("no number")
        );
    }
}
