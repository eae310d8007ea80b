//! What an entry of `constraints` looks like.

use crate::{Severity, constraint::Direction};
use serde_json::{Value, json};

/// The JSON Schema of the list `constraints`, of a table or of a column.
pub(super) fn list() -> Value {
    json!({
        "description": "Rules about rows, each with how many rows may break it.",
        "type": "array",
        "items": {"$ref": "#/$defs/Constraint"},
    })
}

/// The JSON Schema of one constraint.
pub(super) fn constraint() -> Value {
    let names = json!({"anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
    ]});
    let bounds = json!({
        "type": "object",
        "properties": {
            "min": {"type": "integer", "minimum": 0},
            "max": {"type": "integer", "minimum": 0},
        },
        "additionalProperties": false,
    });
    let scalar = json!({"type": ["string", "number", "boolean"]});
    let end = json!({"anyOf": [
        scalar,
        {
            "type": "object",
            "properties": {"column": {"type": "string"}},
            "required": ["column"],
            "additionalProperties": false,
        },
    ]});
    let directions: Vec<&str> = Direction::ALL.iter().map(|d| d.name()).collect();
    let severities = Severity::ALL.map(Severity::name);
    let rules = [
        (
            "key",
            described(
                "No two rows have the same values in these columns; `true` in a column's own list.",
                json!({"anyOf": [{"const": true}, names]}),
            ),
        ),
        (
            "regex",
            described(
                "A part of every string matches; `^` and `$` bind it to the ends.",
                json!({"type": "string"}),
            ),
        ),
        (
            "monotone",
            described(
                "Values go one way from row to row.",
                json!({"enum": directions}),
            ),
        ),
        (
            "between",
            described(
                "Values lie between ends, each a value or what another column has; `above` and `below` are exclusive.",
                json!({
                    "type": "object",
                    "properties": {"min": end, "max": end, "above": end, "below": end},
                    "additionalProperties": false,
                }),
            ),
        ),
        (
            "in_set",
            described(
                "Values are among these.",
                json!({"type": "array", "items": scalar, "minItems": 1}),
            ),
        ),
        (
            "length",
            described("Strings have this many characters.", bounds),
        ),
        (
            "references",
            described(
                "Values are found in another source, read against the folder of this file.",
                json!({
                    "type": "object",
                    "properties": {"source": {"type": "string"}, "key": names},
                    "required": ["source"],
                    "additionalProperties": false,
                }),
            ),
        ),
        (
            "freshness",
            described(
                "The newest time is at most this old: 30m, 6h, 2d, 1w.",
                json!({"type": "string"}),
            ),
        ),
        (
            "sql",
            described(
                "An expression of SQL over the columns, true or false for a row.",
                json!({"type": "string"}),
            ),
        ),
    ];
    let one_of: Vec<Value> = rules
        .iter()
        .map(|(key, _)| json!({"required": [key]}))
        .collect();
    let mut properties: serde_json::Map<String, Value> = rules
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    for (key, value) in [
        (
            "name",
            described("What messages call it.", json!({"type": "string"})),
        ),
        (
            "column",
            described(
                "The column that it is about, in the list of the table.",
                json!({"type": "string"}),
            ),
        ),
        (
            "columns",
            described(
                "The columns of `references`, in the list of the table.",
                names.clone(),
            ),
        ),
        (
            "nulls",
            described(
                "Of a `key`: `ignore` leaves rows with a null out, `equal` takes null for a value.",
                json!({"enum": ["ignore", "equal"]}),
            ),
        ),
        (
            "by",
            described(
                "Of `monotone`: columns that say which row comes first; the order of the files without.",
                names.clone(),
            ),
        ),
        (
            "per",
            described(
                "Of `monotone`: columns that split the rows into series of their own.",
                names,
            ),
        ),
        (
            "where",
            described(
                "An expression of SQL: other rows are left alone.",
                json!({"type": "string"}),
            ),
        ),
        (
            "at_most",
            described(
                "How many rows may break it: a share such as 0.001 or `0.1 %`, or `12 rows`; none by default.",
                json!({"anyOf": [
                    {"type": "number", "minimum": 0, "maximum": 1},
                    {"type": "string"},
                ]}),
            ),
        ),
        (
            "severity",
            described("How bad a breach is.", json!({"enum": severities})),
        ),
        (
            "examples",
            described(
                "Broken values that are shown, 5 by default.",
                json!({"type": "integer", "minimum": 0, "maximum": 20}),
            ),
        ),
    ] {
        properties.insert(key.to_owned(), value);
    }
    json!({
        "description": "A rule about rows: exactly one of key, regex, monotone, between, in_set, length, references, freshness, sql.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "oneOf": one_of,
    })
}

fn described(what: &str, mut value: Value) -> Value {
    value["description"] = what.into();
    value
}
