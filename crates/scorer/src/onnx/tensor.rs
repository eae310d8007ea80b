//! Inputs and outputs of a graph: name, element type, axes.

use std::fmt;

use serde::Serialize;
use tract_onnx::pb::{self, tensor_proto::DataType, tensor_shape_proto::dimension, type_proto};
use tract_onnx::prelude::DatumType;

/// What a graph reads or gives under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorSpec {
    /// Its name in the graph.
    pub name: String,
    /// The type of its values; none where the file does not say.
    #[serde(rename = "type")]
    pub element: Option<Element>,
    /// Its axes, the rows first; none where the file does not say.
    pub axes: Option<Vec<Axis>>,
}

/// One axis of a tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Of this length.
    Fixed(usize),
    /// Of any length; equal names are equal lengths, no name is a length of its own.
    Free(String),
}

/// Type of a tensor's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Element {
    Float16,
    Float32,
    Float64,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Bool,
    String,
}

impl Element {
    fn of(number: i32) -> Option<Self> {
        Some(match DataType::try_from(number).ok()? {
            DataType::Float16 => Self::Float16,
            DataType::Float => Self::Float32,
            DataType::Double => Self::Float64,
            DataType::Int8 => Self::Int8,
            DataType::Int16 => Self::Int16,
            DataType::Int32 => Self::Int32,
            DataType::Int64 => Self::Int64,
            DataType::Uint8 => Self::Uint8,
            DataType::Uint16 => Self::Uint16,
            DataType::Uint32 => Self::Uint32,
            DataType::Uint64 => Self::Uint64,
            DataType::Bool => Self::Bool,
            DataType::String => Self::String,
            _ => return None,
        })
    }

    /// The runtime's type; none for text, which it has not.
    pub(crate) fn datum_type(self) -> Option<DatumType> {
        Some(match self {
            Self::Float16 => DatumType::F16,
            Self::Float32 => DatumType::F32,
            Self::Float64 => DatumType::F64,
            Self::Int8 => DatumType::I8,
            Self::Int16 => DatumType::I16,
            Self::Int32 => DatumType::I32,
            Self::Int64 => DatumType::I64,
            Self::Uint8 => DatumType::U8,
            Self::Uint16 => DatumType::U16,
            Self::Uint32 => DatumType::U32,
            Self::Uint64 => DatumType::U64,
            Self::Bool => DatumType::Bool,
            Self::String => return None,
        })
    }

    /// Whether values are fractions.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::Float16 | Self::Float32 | Self::Float64)
    }

    /// Its name in manifests and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float16 => "float16",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Bool => "bool",
            Self::String => "string",
        }
    }
}

impl TensorSpec {
    /// An input, whose type the runtime must know.
    pub(super) fn of(value: &pb::ValueInfoProto) -> Result<Self, String> {
        let spec = Self::of_output(value);
        let name = &spec.name;
        match spec.element {
            None => Err(format!(
                "the input `{name}` is no tensor of numbers; export the model with tensors as inputs"
            )),
            Some(Element::String) => Err(format!(
                "the input `{name}` is text, which the runtime has no type for; export the part \
                 of the model behind the encoding of texts, and let the manifest encode \
                 (`tokenizer`, `categories`)"
            )),
            Some(_) => Ok(spec),
        }
    }

    pub(super) fn of_output(value: &pb::ValueInfoProto) -> Self {
        let tensor = value.r#type.as_ref().and_then(|t| t.value.as_ref());
        let tensor = tensor.map(|type_proto::Value::TensorType(tensor)| tensor);
        Self {
            name: value.name.clone(),
            element: tensor.and_then(|tensor| Element::of(tensor.elem_type)),
            axes: tensor
                .and_then(|tensor| tensor.shape.as_ref())
                .map(|shape| shape.dim.iter().map(axis).collect()),
        }
    }

    /// The runtime's type; none for text and what is not known.
    pub(crate) fn datum_type_or_none(&self) -> Option<DatumType> {
        self.element.and_then(Element::datum_type)
    }

    /// Its type, where it is an input.
    pub(crate) fn datum_type(&self) -> DatumType {
        self.datum_type_or_none()
            .expect("inputs without a type of the runtime are refused when the file is read")
    }
}

fn axis(dimension: &pb::tensor_shape_proto::Dimension) -> Axis {
    match &dimension.value {
        // Some exporters write 0 or −1 for a free axis.
        Some(dimension::Value::DimValue(length)) if *length > 0 => {
            usize::try_from(*length).map_or(Axis::Free(String::new()), Axis::Fixed)
        }
        Some(dimension::Value::DimParam(name)) => Axis::Free(name.clone()),
        _ => Axis::Free(String::new()),
    }
}

impl fmt::Display for TensorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.element.map_or("?", Element::name))?;
        let Some(axes) = &self.axes else {
            return Ok(());
        };
        let axes: Vec<String> = axes
            .iter()
            .map(|axis| match axis {
                Axis::Fixed(length) => length.to_string(),
                Axis::Free(name) if name.is_empty() => "?".to_owned(),
                Axis::Free(name) => name.clone(),
            })
            .collect();
        write!(f, "[{}]", axes.join(", "))
    }
}
