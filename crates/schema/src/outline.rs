//! A schema told in a table: a line for each column.

use crate::{BooleanDomain, Bounds, Column, Number, Schema, yaml::constraint_text};

/// The most values of a domain that are named.
const MOST_VALUES: usize = 5;

impl Schema {
    /// Every column with its path, those inside structs after their struct.
    pub fn all_columns(&self) -> Vec<(String, &Column)> {
        fn walk<'a>(columns: &'a [Column], prefix: &str, out: &mut Vec<(String, &'a Column)>) {
            for column in columns {
                let path = format!("{prefix}{}", column.name);
                out.push((path.clone(), column));
                walk(&column.columns, &format!("{path}."), out);
            }
        }
        let mut out = Vec::new();
        walk(&self.columns, "", &mut out);
        out
    }

    /// A heading, a line for each column (path, type, role, presence, values) and one for
    /// each constraint of the table.
    pub fn outline(&self) -> Vec<Vec<String>> {
        let heading = ["column", "type", "role", "presence", "values"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        for (path, column) in self.all_columns() {
            rows.push(vec![
                path,
                column.column_type.name().to_owned(),
                column.role.map_or("", |role| role.name()).to_owned(),
                presence(column),
                self.values(column),
            ]);
        }
        for constraint in &self.constraints {
            let mut row = vec![String::new(); heading.len()];
            row[0] = "(rows)".to_owned();
            row[heading.len() - 1] = constraint_text(constraint);
            rows.push(row);
        }
        rows
    }

    fn values(&self, column: &Column) -> String {
        let mut parts = Vec::new();
        if let Some(name) = column.shared_domain() {
            parts.push(format!("`{name}`:"));
        }
        if let Some(values) = self.domain(column) {
            let named: Vec<&str> = values
                .iter()
                .take(MOST_VALUES)
                .map(String::as_str)
                .collect();
            let more = values.len().saturating_sub(MOST_VALUES);
            let and = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            parts.push(format!("{}{and}", named.join(", ")));
        }
        if let Some(BooleanDomain {
            true_value,
            false_value,
        }) = &column.boolean
        {
            let yes = true_value.as_deref().unwrap_or("1");
            let no = false_value.as_deref().unwrap_or("0");
            parts.push(format!("{yes} or {no}"));
        }
        if let Some(holds) = column.holds {
            parts.push(format!("spells {}", holds.name()));
        }
        if let Some(range) = column.range.filter(|range| {
            *range
                != Bounds {
                    min: None,
                    max: None,
                }
        }) {
            parts.push(span(range.min, range.max));
        }
        if let Some(length) = column.length {
            let ends = (length.min.map(Number::from), length.max.map(Number::from));
            parts.push(format!("{} characters", span(ends.0, ends.1)));
        }
        if !column.constraints.is_empty() {
            let rules: Vec<String> = column.constraints.iter().map(constraint_text).collect();
            parts.push(rules.join("; "));
        }
        parts.join(" ")
    }
}

fn span(min: Option<Number>, max: Option<Number>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("from {min}"),
        (None, Some(max)) => format!("up to {max}"),
        (None, None) => "any".to_owned(),
    }
}

fn presence(column: &Column) -> String {
    let Some(presence) = column.presence else {
        return "may be missing".to_owned();
    };
    match (presence.min_fraction, presence.min_count) {
        (Some(share), _) if share >= 1.0 => "every row".to_owned(),
        (Some(share), _) if share > 0.0 => format!("at least {share:?} of the rows"),
        (_, Some(1)) => "at least 1 row".to_owned(),
        (_, Some(count)) if count > 0 => format!("at least {count} rows"),
        _ => "may be missing".to_owned(),
    }
}
