//! The API described for machines, as OpenAPI 3.1 says; served at `/api/openapi.json`.
//!
//! An operation is described where it is routed (`routes.rs`), and its types describe
//! themselves: OpenAPI 3.1 takes JSON Schema 2020-12 as it is. So nothing can be answered that
//! is not described, and nothing described that is not answered.

use crate::api::Api;
use crate::api::change::{KEY_CHARACTERS, is_change};
use crate::api::guard;
use crate::api::long_poll::DURATION_PATTERN;
use crate::api::problem::Described;
use axum::http::Method;
use axum::routing::MethodRouter;
use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One method of one path: what does it, and what it is.
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) handler: MethodRouter<Api>,
    summary: &'static str,
    parameters: Option<SchemaOf>,
    body: Option<Taken>,
    answer: Answer,
    has_tag: bool,
}

/// The body that is taken.
enum Taken {
    Json(SchemaOf),
    /// A file of this content type.
    File(&'static str),
}

/// What is answered where all is well.
enum Answer {
    Json(u16, SchemaOf),
    /// Of this content type.
    Text(&'static str),
}

impl Operation {
    pub(crate) fn new(
        method: Method,
        path: &'static str,
        handler: MethodRouter<Api>,
        summary: &'static str,
    ) -> Self {
        Self {
            has_tag: method == Method::GET,
            method,
            path,
            handler,
            summary,
            parameters: None,
            body: None,
            answer: Answer::Text("text/plain"),
        }
    }

    /// The parameters behind the `?`.
    pub(crate) fn parameters<T: JsonSchema>(mut self) -> Self {
        self.parameters = Some(T::json_schema);
        self
    }

    /// The JSON body that it takes.
    pub(crate) fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(Taken::Json(SchemaGenerator::subschema_for::<T>));
        self
    }

    /// The file that it takes as its body.
    pub(crate) fn takes_file(mut self, content_type: &'static str) -> Self {
        self.body = Some(Taken::File(content_type));
        self
    }

    /// The JSON that it answers with 200.
    pub(crate) fn answers<T: JsonSchema>(self) -> Self {
        self.answers_with::<T>(200)
    }

    /// The JSON that it answers, and the status of it.
    pub(crate) fn answers_with<T: JsonSchema>(mut self, status: u16) -> Self {
        self.answer = Answer::Json(status, SchemaGenerator::subschema_for::<T>);
        self
    }

    /// What it answers, where that is no JSON and has no tag.
    pub(crate) fn answers_text(mut self, content_type: &'static str) -> Self {
        self.answer = Answer::Text(content_type);
        self.has_tag = false;
        self
    }

    fn described(&self, schemas: &mut Schemas) -> Value {
        let mut parameters: Vec<Value> = self
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| {
                json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
            })
            .collect();
        if let Some(schema) = self.parameters {
            parameters.extend(query(schema(&mut schemas.taken)));
        }
        if self.has_tag {
            let any = json!({"type": "string"});
            parameters.push(header("If-None-Match", "Tags that the client knows.", &any));
        }
        if matches!(self.answer, Answer::Text("text/event-stream")) {
            let what = "The last event that the client has seen.";
            parameters.push(header("Last-Event-ID", what, &json!({"type": "string"})));
        }
        if self.method == Method::POST {
            let what = "A key under which the change is made once within 24 hours.";
            let key = json!({"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS,
                "pattern": "^[ -~]+$"});
            parameters.push(header("Idempotency-Key", what, &key));
        }
        let mut described = json!({
            "operationId": self.name(),
            "summary": self.summary,
            "parameters": parameters,
            "responses": self.responses(schemas),
        });
        if guard::is_open(self.path) {
            described["security"] = json!([]);
        } else {
            let scope = guard::needed(&self.method, self.path).name();
            let needs = format!("Where keys are required, needs the scope `{scope}`.");
            described["description"] = needs.into();
        }
        if let Some(body) = &self.body {
            let content = match body {
                Taken::Json(schema) => {
                    let schema = schema(&mut schemas.taken);
                    json!({"application/json": {"schema": schema}})
                }
                Taken::File(content_type) => {
                    json!({*content_type: {"schema": {"type": "string", "format": "binary"}}})
                }
            };
            described["requestBody"] = json!({"required": true, "content": content});
        }
        described
    }

    fn responses(&self, schemas: &mut Schemas) -> Map<String, Value> {
        let mut responses = Map::new();
        let (status, content) = match &self.answer {
            Answer::Json(status, schema) => {
                let schema = schema(&mut schemas.given);
                (*status, json!({"application/json": {"schema": schema}}))
            }
            Answer::Text(content_type) => {
                (200, json!({*content_type: {"schema": {"type": "string"}}}))
            }
        };
        let mut answer = json!({"description": "What was asked for.", "content": content});
        if self.has_tag {
            answer["headers"] = json!({"ETag": {"schema": {"type": "string"}}});
            let known = json!({"description": "The client has it already."});
            responses.insert("304".to_owned(), known);
        }
        if let Some(Taken::File(_)) = self.body {
            // One that came before is answered as it was first.
            responses.insert("200".to_owned(), answer.clone());
        }
        responses.insert(status.to_string(), answer);
        for status in self.refusals() {
            let problem = json!({"$ref": "#/components/responses/Problem"});
            responses.insert(status.to_string(), problem);
        }
        responses
    }

    /// Statuses of the problems that it may answer.
    fn refusals(&self) -> Vec<u16> {
        let mut refusals = vec![400, 500, 503];
        if !guard::is_open(self.path) {
            refusals.extend([401, 403, 429]);
        }
        if self.path.contains('{') {
            refusals.push(404);
        }
        if is_change(&self.method) {
            refusals.extend([409, 413, 415, 422]);
        }
        if let Some(Taken::File(_)) = self.body {
            refusals.extend([404, 507]);
        }
        refusals
    }

    /// `get_monitors_id_status` for `GET /api/v1/monitors/{id}/status`.
    fn name(&self) -> String {
        let path = self.path.trim_start_matches("/api/v1");
        let words = path
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty());
        let mut name = self.method.as_str().to_ascii_lowercase();
        for word in words {
            name.push('_');
            name.push_str(word);
        }
        name
    }
}

/// What may be left out of what clients send is not what may be missing in answers.
struct Schemas {
    taken: SchemaGenerator,
    given: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let of = |contract| {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings.contract = contract;
            settings.meta_schema = None;
            settings.into_generator()
        };
        Self {
            taken: of(Contract::Deserialize),
            given: of(Contract::Serialize),
        }
    }

    fn into_definitions(mut self) -> Map<String, Value> {
        let mut all = self.taken.take_definitions(true);
        all.extend(self.given.take_definitions(true));
        all
    }
}

/// The document of these operations.
pub(crate) fn document(operations: &[Operation]) -> Value {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let methods = paths
            .entry(operation.path)
            .or_insert_with(|| Value::Object(Map::new()));
        let method = operation.method.as_str().to_ascii_lowercase();
        methods[method] = operation.described(&mut schemas);
    }
    let problem = schemas.given.subschema_for::<Described<'_>>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Driftline's status API",
            "version": "1",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "What monitors say to those who poll. Only additions are made under `v1`, and enums may grow.",
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "responses": {"Problem": {
                "description": "What is wrong, as RFC 9457 says.",
                "content": {"application/problem+json": {"schema": problem}},
            }},
            "schemas": schemas.into_definitions(),
        },
    })
}

fn header(name: &str, what: &str, schema: &Value) -> Value {
    json!({"name": name, "in": "header", "description": what, "schema": schema})
}

/// The parameters that are the fields of a type.
fn query(schema: Schema) -> Vec<Value> {
    let mut schema = schema.to_value();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let Some(fields) = schema["properties"].as_object_mut() else {
        return Vec::new();
    };
    let parameters = std::mem::take(fields).into_iter().map(|(name, field)| {
        let mut field = present(field);
        let what = field.as_object_mut().and_then(|f| f.remove("description"));
        let what = what.unwrap_or_else(|| {
            Value::from(match name.as_str() {
                "page_size" => "Items of a page, at most 1,000; 100 unless said.",
                "page_token" => "`next_page_token` of the page before, with the same filter.",
                _ => "",
            })
        });
        match name.as_str() {
            "page_size" => field["minimum"] = 1.into(),
            "wait" | "max_age" => field["pattern"] = DURATION_PATTERN.into(),
            _ => {}
        }
        let required = required.contains(&Value::from(name.as_str()));
        json!({"name": name, "in": "query", "description": what, "required": required, "schema": field})
    });
    parameters.collect()
}

/// The schema of a parameter that is there: one that is left out is left out, not null.
fn present(mut schema: Value) -> Value {
    let is_null = |one: &Value| *one == json!({"type": "null"}) || *one == json!("null");
    if let Some(types) = schema["type"].as_array_mut() {
        types.retain(|one| !is_null(one));
        if let [one] = types.as_slice() {
            schema["type"] = one.clone();
        }
    }
    let choices = schema["anyOf"].as_array().cloned().unwrap_or_default();
    let choices: Vec<Value> = choices.into_iter().filter(|one| !is_null(one)).collect();
    if let ([Value::Object(one)], Value::Object(schema)) = (choices.as_slice(), &mut schema) {
        schema.remove("anyOf");
        schema.extend(one.clone());
    }
    // Indexing has made what was not there.
    if let Value::Object(schema) = &mut schema {
        schema.retain(|_, value| !value.is_null());
    }
    schema
}
