//! The rules of a table or a column, read and written.

use super::{
    read::{Entries, Reader},
    tree::{Node, Value},
    write::{put_key, scalar},
};
use crate::{
    Bounds, Column, ColumnType, Number, Schema, SchemaError, Severity,
    constraint::{
        Between, Constraint, Direction, End, Place, Rule, Scalar, Tolerance, duration, seconds,
    },
};
use std::fmt::{self, Write as _};

/// The keys of which a constraint has exactly one.
const RULES: [&str; 9] = [
    "key",
    "regex",
    "monotone",
    "between",
    "in_set",
    "length",
    "references",
    "freshness",
    "sql",
];

/// What the list of constraints belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Table,
    Column(ColumnType),
}

/// What a key does not take, and what it does.
struct Refusal {
    problem: String,
    help: &'static str,
}

fn refusal(problem: impl Into<String>, help: &'static str) -> Refusal {
    Refusal {
        problem: problem.into(),
        help,
    }
}

impl Reader {
    /// Takes the list `constraints`.
    pub(super) fn constraints(
        &mut self,
        entries: &mut Entries<'_>,
        owner: Owner,
    ) -> Vec<Constraint> {
        let Some(node) = entries.take("constraints") else {
            return Vec::new();
        };
        let Value::List(nodes) = &node.value else {
            self.wrong_type(&entries.place, "constraints", "a list of rules", node);
            return Vec::new();
        };
        let mut read = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let place = match (owner, entries.place.as_str()) {
                (Owner::Table, _) => format!("constraint {}", index + 1),
                (Owner::Column(_), place) => format!("{place}, constraint {}", index + 1),
            };
            read.extend(self.constraint(&place, node, owner));
        }
        read
    }

    fn constraint(&mut self, place: &str, node: &Node, owner: Owner) -> Option<Constraint> {
        let mut entries = self.entries(place, "constraints", node)?;
        let before = self.mistakes.len();
        let given: Vec<&'static str> = RULES
            .into_iter()
            .filter(|rule| entries.peek(rule).is_some())
            .collect();
        let rule = match given.as_slice() {
            [rule] => self.rule(place, rule, &mut entries, owner),
            [] => {
                let problem = refusal(
                    format!("a constraint has one of {}", RULES.join(", ")),
                    "say what must hold, such as `sql: fare >= 0`",
                );
                self.refuse(place, node, problem);
                // What its other keys are is not worth telling.
                return None;
            }
            several => {
                let problem = refusal(
                    format!("`{}` and `{}` are two rules", several[0], several[1]),
                    "make them two constraints",
                );
                self.refuse(place, node, problem);
                return None;
            }
        };
        let name = entries.take("name");
        let name = name.and_then(|n| self.text(place, "name", n));
        let column = match owner {
            Owner::Table => entries.take("column"),
            Owner::Column(_) => None,
        };
        let column = column.and_then(|n| self.text(place, "column", n));
        let filter = entries.take("where");
        let filter = filter.and_then(|n| self.text(place, "where", n));
        let at_most = match entries.take("at_most") {
            Some(node) => self.tolerance(place, node),
            None => Some(Tolerance::default()),
        };
        let severity = entries
            .take("severity")
            .and_then(|n| self.name(place, "severity", n, &Severity::ALL, Severity::name));
        let examples = entries.take("examples");
        let examples = examples.and_then(|n| {
            let most = crate::Anomaly::MAX_EVIDENCE as u64;
            let count = self.count(place, "examples", n)?;
            if count > most {
                self.out_of_range(place, "examples", count.to_string(), "from 0 to 20", n);
                return None;
            }
            Some(count)
        });
        let sql = entries.peek_taken_sql(node);
        self.finish(entries);
        let constraint = Constraint {
            name,
            column,
            rule: rule?,
            filter,
            at_most: at_most?,
            severity,
            examples,
            place: Place {
                constraint: Some((node.start, node.end - node.start)),
                sql,
            },
        };
        if self.mistakes.len() == before {
            self.agreement(place, node, owner, &constraint);
        }
        (self.mistakes.len() == before).then_some(constraint)
    }

    fn rule(
        &mut self,
        place: &str,
        rule: &'static str,
        entries: &mut Entries<'_>,
        owner: Owner,
    ) -> Option<Rule> {
        let node = entries.take(rule)?;
        match rule {
            "key" => {
                let columns = match (&node.value, owner) {
                    (Value::Bool(true), Owner::Column(_)) => Vec::new(),
                    (_, Owner::Column(_)) => {
                        self.wrong_type(place, rule, "true", node);
                        return None;
                    }
                    (_, Owner::Table) => self.names(place, rule, node)?,
                };
                let nulls_equal = match entries.take("nulls") {
                    None => false,
                    Some(node) => match self.text(place, "nulls", node)?.as_str() {
                        "ignore" => false,
                        "equal" => true,
                        other => {
                            let problem = refusal(
                                format!("`nulls` cannot be `{other}`"),
                                "`ignore` leaves rows with a null out, `equal` takes null for a value",
                            );
                            self.refuse(place, node, problem);
                            return None;
                        }
                    },
                };
                Some(Rule::Key {
                    columns,
                    nulls_equal,
                })
            }
            "regex" => {
                let pattern = self.text(place, rule, node)?;
                if let Err(error) = regex::Regex::new(&pattern) {
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default();
                    let reason = reason.trim_start_matches("error: ").to_owned();
                    let problem = refusal(
                        format!("`regex` is no regular expression: {reason}"),
                        "look at the syntax of the crate `regex`; in single quotes YAML leaves \\ alone",
                    );
                    self.refuse(place, node, problem);
                    return None;
                }
                Some(Rule::Regex(pattern))
            }
            "monotone" => {
                let direction = self.name(place, "monotone", node, Direction::ALL, Direction::name);
                let mut list = |key| match entries.take(key) {
                    Some(node) => self.names(place, key, node),
                    None => Some(Vec::new()),
                };
                let (by, per) = (list("by"), list("per"));
                Some(Rule::Monotone {
                    direction: direction?,
                    by: by?,
                    per: per?,
                })
            }
            "between" => self.between(place, node).map(Rule::Between),
            "in_set" => {
                let Value::List(nodes) = &node.value else {
                    self.wrong_type(place, rule, "a list of values", node);
                    return None;
                };
                if nodes.is_empty() {
                    let problem = refusal("`in_set` allows no value at all", "list the values");
                    self.refuse(place, node, problem);
                    return None;
                }
                let values = nodes.iter().map(|n| self.scalar(place, rule, n));
                let values: Vec<Option<Scalar>> = values.collect();
                values.into_iter().collect::<Option<_>>().map(Rule::InSet)
            }
            "length" => {
                let mut ends = self.entries(place, rule, node)?;
                let mut end = |key: &'static str| match ends.take(key) {
                    Some(node) => self.count(place, key, node).map(Some),
                    None => Some(None),
                };
                let (min, max) = (end("min"), end("max"));
                self.finish(ends);
                let bounds = Bounds {
                    min: min?,
                    max: max?,
                };
                self.not_empty(place, node, rule, bounds.min, bounds.max)?;
                Some(Rule::Length(bounds))
            }
            "references" => {
                let mut inner = self.entries(place, rule, node)?;
                let source = match inner.take("source") {
                    Some(node) => self.text(place, "references.source", node),
                    None => {
                        let problem = refusal(
                            "`references` does not say in which source",
                            "add `source: FILE`, read against the folder of this file",
                        );
                        self.refuse(place, node, problem);
                        None
                    }
                };
                let key = match inner.take("key") {
                    Some(node) => self.names(place, "references.key", node),
                    None => Some(Vec::new()),
                };
                self.finish(inner);
                let columns = match entries.take("columns") {
                    Some(node) => self.names(place, "columns", node),
                    None => Some(Vec::new()),
                };
                Some(Rule::References {
                    columns: columns?,
                    source: source?,
                    key: key?,
                })
            }
            "freshness" => {
                let text = self.text(place, rule, node)?;
                let seconds = seconds(&text);
                if seconds.is_none() {
                    let problem = refusal(
                        format!("`{text}` is no length of time"),
                        "write 30m, 6h, 2d or 1w",
                    );
                    self.refuse(place, node, problem);
                }
                seconds.map(Rule::Freshness)
            }
            _ => self.text(place, rule, node).map(Rule::Sql),
        }
    }

    fn between(&mut self, place: &str, node: &Node) -> Option<Between> {
        let mut entries = self.entries(place, "between", node)?;
        let mut end = |key: &'static str| match entries.take(key) {
            Some(node) => self.end(place, key, node).map(Some),
            None => Some(None),
        };
        let (min, max) = (end("min"), end("max"));
        let (above, below) = (end("above"), end("below"));
        self.finish(entries);
        let between = Between {
            min: min?,
            max: max?,
            above: above?,
            below: below?,
        };
        if between.ends().next().is_none() {
            let problem = refusal(
                "`between` has no end",
                "add `min`, `max`, `above` (exclusive) or `below` (exclusive)",
            );
            self.refuse(place, node, problem);
            return None;
        }
        let number = |end: &Option<End>| match end {
            Some(End::Value(Scalar::Number(number))) => Some(*number),
            _ => None,
        };
        self.not_empty(
            place,
            node,
            "between",
            number(&between.min),
            number(&between.max),
        )?;
        Some(between)
    }

    fn not_empty<T: Into<Number>>(
        &mut self,
        place: &str,
        node: &Node,
        key: &str,
        min: Option<T>,
        max: Option<T>,
    ) -> Option<()> {
        if let (Some(min), Some(max)) = (min.map(Into::into), max.map(Into::into))
            && min.is_above(max)
        {
            self.mistakes.push(SchemaError::EmptyRange {
                place: place.to_owned(),
                key: key.to_owned(),
                min: min.to_string(),
                max: max.to_string(),
                at: node.at(),
            });
            return None;
        }
        Some(())
    }

    fn end(&mut self, place: &str, key: &str, node: &Node) -> Option<End> {
        if !matches!(node.value, Value::Map(_)) {
            return self.scalar(place, key, node).map(End::Value);
        }
        let mut entries = self.entries(place, key, node)?;
        let column = entries.take("column");
        self.finish(entries);
        match column {
            Some(node) => self.text(place, "column", node).map(End::Column),
            None => {
                let problem = refusal(
                    format!("`{key}` is a map without `column`"),
                    "write a value, or `{column: NAME}` for what another column has",
                );
                self.refuse(place, node, problem);
                None
            }
        }
    }

    fn scalar(&mut self, place: &str, key: &str, node: &Node) -> Option<Scalar> {
        match &node.value {
            Value::Text(text) => Some(Scalar::Text(text.clone())),
            Value::Bool(flag) => Some(Scalar::Flag(*flag)),
            _ => self.number(place, key, node).map(Scalar::Number),
        }
    }

    /// One name, or a list of different ones.
    fn names(&mut self, place: &str, key: &str, node: &Node) -> Option<Vec<String>> {
        let names = match &node.value {
            Value::Text(name) => vec![name.clone()],
            Value::List(nodes) if !nodes.is_empty() => {
                let names: Vec<Option<String>> =
                    nodes.iter().map(|n| self.text(place, key, n)).collect();
                names.into_iter().collect::<Option<Vec<_>>>()?
            }
            _ => {
                self.wrong_type(place, key, "a column, or a list of columns", node);
                return None;
            }
        };
        if let Some(twice) = names
            .iter()
            .enumerate()
            .find_map(|(index, name)| names[..index].contains(name).then_some(name))
        {
            let problem = refusal(
                format!("`{key}` names `{twice}` twice"),
                "remove one of them",
            );
            self.refuse(place, node, problem);
            return None;
        }
        Some(names)
    }

    /// `0.001`, `0.1 %` or `12 rows`.
    fn tolerance(&mut self, place: &str, node: &Node) -> Option<Tolerance> {
        let read = match &node.value {
            Value::Integer(0) => Some(Tolerance::default()),
            Value::Float(share) => Some(Tolerance::Share(*share)),
            Value::Text(text) => {
                if let Some(percent) = text.strip_suffix('%') {
                    let percent = percent.trim().parse::<f64>().ok();
                    percent.map(|percent| Tolerance::Share(percent / 100.0))
                } else {
                    let rows = text.strip_suffix("rows").or(text.strip_suffix("row"));
                    rows.and_then(|rows| rows.trim().parse().ok())
                        .map(Tolerance::Rows)
                }
            }
            _ => None,
        };
        let read = read.filter(|tolerance| match tolerance {
            Tolerance::Share(share) => (0.0..=1.0).contains(share),
            Tolerance::Rows(_) => true,
        });
        if read.is_none() {
            let problem = refusal(
                "`at_most` is no share and no number of rows",
                "write a share such as `0.001` or `0.1 %`, or `12 rows`",
            );
            self.refuse(place, node, problem);
        }
        read
    }

    /// What of a constraint does not go together.
    fn agreement(&mut self, place: &str, node: &Node, owner: Owner, constraint: &Constraint) {
        let rule = &constraint.rule;
        let of_rows = matches!(
            rule,
            Rule::Key { .. } | Rule::References { .. } | Rule::Sql(_)
        );
        if owner == Owner::Table {
            let columns = matches!(rule, Rule::References { columns, .. } if !columns.is_empty());
            if constraint.column.is_none() && !of_rows {
                let problem = refusal(
                    format!("`{}` does not say of which column", rule.key()),
                    "add `column: NAME`, or move it to the column's own `constraints`",
                );
                self.refuse(place, node, problem);
            } else if constraint.column.is_some() && (matches!(rule, Rule::Key { .. }) || columns) {
                let problem = refusal(
                    "`column` and a list of columns say the same thing",
                    "keep one of them",
                );
                self.refuse(place, node, problem);
            } else if constraint.column.is_none()
                && matches!(rule, Rule::References { columns, .. } if columns.is_empty())
            {
                let problem = refusal(
                    "`references` does not say of which columns",
                    "add `columns: [NAME, …]`",
                );
                self.refuse(place, node, problem);
            }
        }
        if let Rule::References { columns, key, .. } = rule
            && !key.is_empty()
            && key.len() != columns.len().max(1)
        {
            let problem = refusal(
                format!(
                    "`references.key` has {} columns, for {} here",
                    key.len(),
                    columns.len().max(1)
                ),
                "name one column of the other source for each of these",
            );
            self.refuse(place, node, problem);
        }
        if let Owner::Column(kind) = owner
            && matches!(rule, Rule::Regex(_) | Rule::Length(_))
            && !matches!(kind, ColumnType::String | ColumnType::Any)
        {
            let problem = refusal(
                format!("`{}` does not fit the type `{}`", rule.key(), kind.name()),
                "it is for strings",
            );
            self.refuse(place, node, problem);
        }
        if matches!(rule, Rule::Freshness(_))
            && (constraint.filter.is_some() || !constraint.at_most.is_none())
        {
            let problem = refusal(
                "`freshness` is about the newest row alone",
                "remove `where` and `at_most`",
            );
            self.refuse(place, node, problem);
        }
    }

    /// Columns that a constraint names and the schema does not know.
    pub(super) fn known_columns(&mut self, schema: &Schema) {
        let known: Vec<&str> = schema.columns.iter().map(|c| c.name.as_str()).collect();
        for placed in schema.all_constraints() {
            for column in placed.columns() {
                let at = placed.constraint.place.constraint;
                if let (false, Some(at)) = (known.contains(&column), at) {
                    self.mistakes.push(SchemaError::UnknownName {
                        place: format!("constraint `{}`", placed.label()),
                        key: "column of this schema".to_owned(),
                        found: column.to_owned(),
                        help: super::suggestion::suggestion(column, &known),
                        at: at.into(),
                    });
                }
            }
        }
    }

    fn refuse(&mut self, place: &str, node: &Node, refusal: Refusal) {
        self.mistakes.push(SchemaError::Constraint {
            place: place.to_owned(),
            problem: refusal.problem,
            help: refusal.help.to_owned(),
            at: node.at(),
        });
    }
}

impl Entries<'_> {
    /// Where the text of `sql` begins in the file, if it stands there as it is.
    fn peek_taken_sql(&self, node: &Node) -> Option<usize> {
        let Value::Map(entries) = &node.value else {
            return None;
        };
        let (_, sql) = entries.iter().find(|(key, _)| key.name == "sql")?;
        let Value::Text(text) = &sql.value else {
            return None;
        };
        match (sql.end - sql.start).checked_sub(text.len())? {
            0 => Some(sql.start),
            2 => Some(sql.start + 1),
            _ => None,
        }
    }
}

pub(super) fn put_constraints(
    out: &mut String,
    indent: &str,
    constraints: &[Constraint],
) -> fmt::Result {
    if constraints.is_empty() {
        return Ok(());
    }
    writeln!(out, "{indent}constraints:")?;
    for constraint in constraints {
        let mut keys = Vec::new();
        own_keys(constraint, &mut keys);
        for (index, (key, value)) in keys.iter().enumerate() {
            let start = if index == 0 { "- " } else { "  " };
            put_key(out, &format!("{indent}{start}"), key)?;
            writeln!(out, " {value}")?;
        }
    }
    Ok(())
}

fn own_keys(constraint: &Constraint, keys: &mut Vec<(&'static str, String)>) {
    let list = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| scalar(name)).collect();
        format!("[{}]", names.join(", "))
    };
    if let Some(name) = &constraint.name {
        keys.push(("name", scalar(name)));
    }
    if let Some(column) = &constraint.column {
        keys.push(("column", scalar(column)));
    }
    let rule = match &constraint.rule {
        Rule::Key { columns, .. } if columns.is_empty() => "true".to_owned(),
        Rule::Key { columns, .. } => list(columns),
        Rule::Regex(text) | Rule::Sql(text) => scalar(text),
        Rule::Monotone { direction, .. } => direction.name().to_owned(),
        Rule::Between(between) => {
            let ends: Vec<String> = between
                .ends()
                .map(|(key, end)| match end {
                    End::Value(value) => format!("{key}: {}", self::value(value)),
                    End::Column(column) => format!("{key}: {{column: {}}}", scalar(column)),
                })
                .collect();
            format!("{{{}}}", ends.join(", "))
        }
        Rule::InSet(values) => {
            let values: Vec<String> = values.iter().map(value).collect();
            format!("[{}]", values.join(", "))
        }
        Rule::Length(bounds) => {
            let end = |key: &str, end: Option<u64>| end.map(|end| format!("{key}: {end}"));
            let ends: Vec<String> = [end("min", bounds.min), end("max", bounds.max)]
                .into_iter()
                .flatten()
                .collect();
            format!("{{{}}}", ends.join(", "))
        }
        Rule::References { source, key, .. } => {
            let mut inner = format!("source: {}", scalar(source));
            if !key.is_empty() {
                inner.push_str(&format!(", key: {}", list(key)));
            }
            format!("{{{inner}}}")
        }
        Rule::Freshness(seconds) => duration(*seconds),
    };
    keys.push((constraint.rule.key(), rule));
    match &constraint.rule {
        Rule::Key {
            nulls_equal: true, ..
        } => keys.push(("nulls", "equal".to_owned())),
        Rule::References { columns, .. } if !columns.is_empty() => {
            keys.push(("columns", list(columns)));
        }
        Rule::Monotone { by, per, .. } => {
            for (key, columns) in [("by", by), ("per", per)] {
                if !columns.is_empty() {
                    keys.push((key, list(columns)));
                }
            }
        }
        _ => {}
    }
    if let Some(filter) = &constraint.filter {
        keys.push(("where", scalar(filter)));
    }
    match constraint.at_most {
        Tolerance::Share(share) if share > 0.0 => keys.push(("at_most", format!("{share:?}"))),
        Tolerance::Rows(rows) => keys.push(("at_most", format!("{rows} rows"))),
        Tolerance::Share(_) => {}
    }
    if let Some(severity) = constraint.severity {
        keys.push(("severity", severity.name().to_owned()));
    }
    if let Some(examples) = constraint.examples {
        keys.push(("examples", examples.to_string()));
    }
}

fn value(value: &Scalar) -> String {
    match value {
        Scalar::Text(text) => scalar(text),
        other => other.to_string(),
    }
}

/// A constraint on one line, as a person would say it in the file.
pub(crate) fn one_line(constraint: &Constraint) -> String {
    let mut keys = Vec::new();
    own_keys(constraint, &mut keys);
    let keys: Vec<String> = keys
        .iter()
        .map(|(key, value)| format!("{key}: {value}"))
        .collect();
    keys.join(", ")
}

/// The type that regular expressions and lengths are checked against.
pub(super) fn owner_of(column: &Column) -> Owner {
    Owner::Column(column.column_type)
}
