//! The JSON Schema of a schema file, for editors that complete and check YAML.

mod constraint;

use crate::{AnomalyType, Schema, tfmd, yaml};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

/// The JSON Schema of a schema file, for editors that complete and check YAML.
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Schema).to_value();
    // An optional key may be left out; writing `null` for it is a mistake.
    remove_null(&mut schema);
    if let Some(properties) = schema.get_mut("properties").and_then(|p| p.as_object_mut()) {
        properties.insert(
            "format_version".into(),
            serde_json::json!({
                "description": "Version of this file format.",
                "const": Schema::FORMAT_VERSION,
            }),
        );
    }
    // The derived schema leaves the keys of a map open.
    let names: Vec<&str> = AnomalyType::ALL.iter().map(|kind| kind.name()).collect();
    schema["properties"]["severity_overrides"]["propertyNames"] =
        serde_json::json!({"enum": names});
    schema["required"] = serde_json::json!(["format_version", "columns"]);
    let mut definitions = Definitions::default();
    let table = tfmd::descriptor::<tfmd::Schema>();
    let mut keys = definitions.fields(&table, |name| yaml::SCHEMA_KEYS.contains(&name));
    let domain = definitions.message(&tfmd::descriptor::<tfmd::StringDomain>());
    keys.insert(
        "domains".to_owned(),
        json!({
            "description": "Values that columns share: a list by its name, which `domain` of a column names.",
            "type": "object",
            "additionalProperties": domain,
        }),
    );
    extend(&mut schema["properties"], keys);
    let feature = tfmd::descriptor::<tfmd::Feature>();
    let mut keys = definitions.fields(&feature, |name| yaml::COLUMN_KEYS.contains(&name));
    let mut rest = definitions.message(&feature);
    if let Some(rest) = rest.as_object_mut() {
        let told = "What TensorFlow Metadata says of the feature that no other key can say.";
        rest.insert("description".to_owned(), told.into());
    }
    keys.insert("tfdv".to_owned(), rest);
    let column = &mut schema["$defs"]["Column"]["properties"];
    let own = column["domain"].take();
    let mut described = json!({"anyOf": [own, {"type": "string"}]});
    described["description"] = described["anyOf"][0]["description"].take();
    if let Some(own) = described["anyOf"][0].as_object_mut() {
        own.remove("description");
    }
    column["domain"] = described;
    extend(column, keys);
    column["constraints"] = constraint::list();
    schema["properties"]["constraints"] = constraint::list();
    schema["$defs"]["Constraint"] = constraint::constraint();
    extend(&mut schema["$defs"], definitions.written);
    schema
}

fn extend(object: &mut Value, with: Map<String, Value>) {
    if let Some(object) = object.as_object_mut() {
        object.extend(with);
    }
}

/// What the messages of TensorFlow Metadata look like in YAML.
#[derive(Default)]
struct Definitions {
    written: Map<String, Value>,
}

impl Definitions {
    /// A reference to a message, whose definition is written on first use.
    fn message(&mut self, descriptor: &MessageDescriptor) -> Value {
        let name = format!("tfmd.{}", local_name(descriptor.full_name()));
        let reference = json!({"$ref": format!("#/$defs/{name}")});
        if self.written.contains_key(&name) {
            return reference;
        }
        // There already, for messages that hold themselves.
        self.written.insert(name.clone(), Value::Null);
        let map = json!({
            "type": "object",
            "properties": self.fields(descriptor, |_| true),
            "additionalProperties": false,
        });
        let written = match yaml::principal(descriptor) {
            Some(field) => json!({"anyOf": [map, self.field(&field)]}),
            None => map,
        };
        self.written.insert(name, written);
        reference
    }

    fn fields(
        &mut self,
        descriptor: &MessageDescriptor,
        wanted: impl Fn(&str) -> bool,
    ) -> Map<String, Value> {
        descriptor
            .fields()
            .filter(|field| wanted(field.name()))
            .map(|field| (field.name().to_owned(), self.field(&field)))
            .collect()
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        if field.is_map()
            && let Kind::Message(entry) = field.kind()
        {
            let part = self.single(&entry.map_entry_value_field().kind());
            return json!({"type": "object", "additionalProperties": part});
        }
        let single = self.single(&field.kind());
        if !field.is_list() {
            return single;
        }
        let list = json!({"type": "array", "items": single});
        match field.kind() {
            Kind::Message(_) => list,
            _ => json!({"anyOf": [list, single]}),
        }
    }

    fn single(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Message(descriptor) => self.message(descriptor),
            Kind::Enum(descriptor) => {
                let names = descriptor.values().map(|value| value.name().to_lowercase());
                json!({"enum": names.collect::<Vec<_>>()})
            }
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"base64": {"type": "string"}},
                    "required": ["base64"],
                    "additionalProperties": false,
                },
            ]}),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Double | Kind::Float => json!({"type": "number"}),
            Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => {
                json!({"type": "integer", "minimum": 0})
            }
            _ => json!({"type": "integer"}),
        }
    }
}

/// A message's name without its package.
fn local_name(full_name: &str) -> &str {
    let package = "tensorflow.metadata.v0.";
    full_name.strip_prefix(package).unwrap_or(full_name)
}

/// Takes `null` out of every `type` and `anyOf`.
fn remove_null(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(object) => {
            if let Some(serde_json::Value::Array(types)) = object.get_mut("type") {
                types.retain(|t| t != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".into(), only);
                }
            }
            if let Some(serde_json::Value::Array(options)) = object.get_mut("anyOf") {
                options.retain(|o| o.get("type").is_none_or(|t| t != "null"));
                if let [serde_json::Value::Object(only)] = options.as_slice() {
                    let only = only.clone();
                    object.remove("anyOf");
                    object.extend(only);
                }
            }
            object.values_mut().for_each(remove_null);
        }
        serde_json::Value::Array(array) => array.iter_mut().for_each(remove_null),
        _ => {}
    }
}
