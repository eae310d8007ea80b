//! Rules about a single row as expressions of SQL.

use driftline_engine::DataType;
use driftline_schema::constraint::{Between, End, Rule, Scalar};

/// What must be true of a row; null where `column`, written as SQL, or another column
/// that the rule names has no value.
pub(super) fn predicate(rule: &Rule, column: &str, kind: Option<&DataType>) -> String {
    let string = is_string(kind);
    match rule {
        Rule::Sql(sql) => sql.clone(),
        Rule::Regex(pattern) => format!("CAST({column} AS VARCHAR) ~ {}", text(pattern)),
        Rule::Length(bounds) => {
            let length = format!("character_length(CAST({column} AS VARCHAR))");
            let ends = [(bounds.min, ">="), (bounds.max, "<=")];
            let ends: Vec<String> = ends
                .into_iter()
                .filter_map(|(end, sign)| Some(format!("{length} {sign} {}", end?)))
                .collect();
            match ends.is_empty() {
                true => format!("{length} >= 0"),
                false => ends.join(" AND "),
            }
        }
        Rule::InSet(values) => in_set(values, column, string),
        Rule::Between(between) => self::between(between, column, kind),
        // Those are asked of several rows; `compile` never sends them here.
        Rule::Key { .. } | Rule::Monotone { .. } | Rule::References { .. } | Rule::Freshness(_) => {
            "NULL".to_owned()
        }
    }
}

fn in_set(values: &[Scalar], column: &str, string: bool) -> String {
    let list = |wanted: fn(&Scalar) -> bool| {
        let values: Vec<String> = values
            .iter()
            .filter(|value| string || wanted(value))
            .map(|value| literal(value, string))
            .collect();
        (!values.is_empty()).then(|| format!("{column} IN ({})", values.join(", ")))
    };
    if string {
        return list(|_| true).unwrap_or_else(|| "false".to_owned());
    }
    let kinds = [
        list(|value| matches!(value, Scalar::Number(_))),
        list(|value| matches!(value, Scalar::Text(_))),
        list(|value| matches!(value, Scalar::Flag(_))),
    ];
    let kinds: Vec<String> = kinds.into_iter().flatten().collect();
    kinds.join(" OR ")
}

fn between(between: &Between, column: &str, kind: Option<&DataType>) -> String {
    let string = is_string(kind);
    let numbers = between
        .ends()
        .any(|(_, end)| matches!(end, End::Value(Scalar::Number(_))));
    // Strings that spell numbers are compared as what they spell.
    let value = match string && numbers {
        true => format!("TRY_CAST({column} AS DOUBLE)"),
        false => column.to_owned(),
    };
    let mut parts: Vec<String> = between
        .ends()
        .map(|(key, end)| {
            let sign = match key {
                "min" => ">=",
                "above" => ">",
                "max" => "<=",
                _ => "<",
            };
            let end = match end {
                End::Value(value) => literal(value, string && !numbers),
                End::Column(other) => crate::rows::quoted(other),
            };
            format!("{value} {sign} {end}")
        })
        .collect();
    // NaN lies beyond every number, above or below, and is inside nothing.
    if kind.is_some_and(DataType::is_floating) {
        parts.push(format!(
            "{column} BETWEEN CAST('-inf' AS DOUBLE) AND CAST('inf' AS DOUBLE)"
        ));
    }
    let all = parts.join(" AND ");
    match string && numbers {
        // A string that spells no number is outside.
        true => format!("CASE WHEN {column} IS NOT NULL THEN coalesce({all}, false) END"),
        false => all,
    }
}

fn is_string(kind: Option<&DataType>) -> bool {
    match kind {
        Some(DataType::Dictionary(_, value)) => value.is_string(),
        Some(kind) => kind.is_string(),
        None => false,
    }
}

fn literal(value: &Scalar, as_text: bool) -> String {
    match value {
        Scalar::Text(value) => text(value),
        other if as_text => text(&other.to_string()),
        other => other.to_string(),
    }
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_schema::Number;

    #[test]
    fn a_value_is_compared_as_its_column_is() {
        let values = vec![
            Scalar::Number(Number::Integer(1)),
            Scalar::Text("it's".into()),
            Scalar::Flag(true),
        ];
        let rule = Rule::InSet(values);
        assert_eq!(
            predicate(&rule, "\"a\"", Some(&DataType::Utf8)),
            "\"a\" IN ('1', 'it''s', 'true')"
        );
        assert_eq!(
            predicate(&rule, "\"a\"", Some(&DataType::Int64)),
            "\"a\" IN (1) OR \"a\" IN ('it''s') OR \"a\" IN (true)"
        );
        let rule = Rule::Between(Between {
            min: Some(End::Value(Scalar::Number(Number::Float(0.5)))),
            below: Some(End::Column("b".into())),
            ..Between::default()
        });
        assert_eq!(
            predicate(&rule, "\"a\"", Some(&DataType::Int64)),
            "\"a\" >= 0.5 AND \"a\" < \"b\""
        );
    }
}
