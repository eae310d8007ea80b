//! The schema as YAML: read with all its mistakes, written as a person would.
//!
//! A derived reader stops at the first mistake. So the text is first read into a tree
//! that knows where everything stands, and the schema is then taken out of the
//! tree key by key: a wrong value is noted with its place, and reading goes on.
//! Writing is by hand for the sake of the short form (`{min: 1, max: 1}`), which no
//! general writer chooses well.

use crate::{
    AnomalyType, BooleanDomain, Bounds, Column, ColumnType, Number, Presence, Role, Schema,
    SchemaError, Severity, SpelledNumber,
};
use miette::{NamedSource, SourceSpan};
use serde::de::{self, Deserialize, Deserializer};
use serde_saphyr::Spanned;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
};

/// The most nodes of a file: a hundred times those of a table of 10,000 columns with
/// the usual constraints.
const MAX_NODES: usize = 20_000_000;

/// The most events that aliases may stand for, in all.
const MAX_REPLAYED: usize = 200_000;

impl Schema {
    /// Reads a schema file; `name` is what messages call it, usually its path.
    ///
    /// # Errors
    /// [`SchemaError::Invalid`] with every mistake in the file and its place. Where the
    /// text is no YAML at all, the one mistake is [`SchemaError::Syntax`].
    pub fn from_yaml(name: &str, text: &str) -> Result<Self, SchemaError> {
        let mut reader = Reader::default();
        let schema = match parse(text) {
            Ok(root) => reader.schema(&root),
            Err(mistake) => {
                reader.mistakes.push(mistake);
                Self::default()
            }
        };
        if reader.mistakes.is_empty() {
            return Ok(schema);
        }
        reader.mistakes.sort_by_key(place_of);
        Err(SchemaError::Invalid {
            name: name.to_owned(),
            yaml: NamedSource::new(name, text.to_owned()).with_language("yaml"),
            mistakes: reader.mistakes,
        })
    }

    /// The schema as a file that [`from_yaml`](Self::from_yaml) reads back as the same.
    pub fn to_yaml(&self) -> String {
        let mut out = String::from(HEADER);
        write_schema(&mut out, self).expect("writing to a string cannot fail");
        out
    }
}

fn place_of(mistake: &SchemaError) -> usize {
    use miette::Diagnostic as _;
    mistake
        .labels()
        .and_then(|mut labels| labels.next())
        .map_or(0, |label| label.offset())
}

// ---- The tree -----------------------------------------------------------------

/// A piece of YAML and where it stands, in bytes.
struct Node {
    start: usize,
    end: usize,
    value: Value,
}

enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

struct Key {
    name: String,
    at: SourceSpan,
}

impl Node {
    fn at(&self) -> SourceSpan {
        (self.start, self.end - self.start).into()
    }

    fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl Node {
    /// Takes the closing bracket of `{…}` and `[…]` in, which no part reaches to.
    fn close(&mut self, text: &str) {
        let nodes: &mut dyn Iterator<Item = &mut Self> = match &mut self.value {
            Value::List(nodes) => &mut nodes.iter_mut(),
            Value::Map(entries) => &mut entries.iter_mut().map(|(_, node)| node),
            _ => return,
        };
        let mut inner = self.end;
        for node in nodes {
            node.close(text);
            inner = inner.max(node.end);
        }
        let bracket = match text.as_bytes().get(self.start) {
            Some(b'{') => '}',
            Some(b'[') => ']',
            _ => return,
        };
        let rest = text.get(inner..).unwrap_or_default();
        let gap = rest.len() - rest.trim_start_matches([' ', '\n', ',']).len();
        let closed = rest
            .get(gap..)
            .is_some_and(|rest| rest.starts_with(bracket));
        self.end = inner + if closed { gap + 1 } else { 0 };
    }
}

fn parse(text: &str) -> Result<Node, SchemaError> {
    let budget = serde_saphyr::budget! {
        max_nodes: MAX_NODES,
        max_events: 2 * MAX_NODES,
        max_documents: 1,
    };
    let options = serde_saphyr::options! {
        budget: budget,
        // An alias may stand for constraints that columns share, not for a bomb.
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
        },
        // A second key is a mistake like others, noted by the reader.
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        // `no` and `on` are words in YAML 1.2, and values that columns really have.
        strict_booleans: true,
        // Where a number must be finite, the reader says so in its own words.
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
    };
    let root = serde_saphyr::from_str_with_options::<Node>(text, options);
    let mut root = root.map_err(|error| {
        let message = error.without_snippet().to_string();
        // The place is shown in the text itself.
        let message = match message.rsplit_once(" at line ") {
            Some((what, _)) => what.to_owned(),
            None => message,
        };
        let at = error
            .location()
            .map_or(0, |place| byte_of(text, place.line(), place.column()));
        SchemaError::Syntax {
            message,
            at: at.into(),
        }
    })?;
    root.close(text);
    Ok(root)
}

/// Where a line and a column, both from 1 and in characters, are in bytes.
fn byte_of(text: &str, line: u64, column: u64) -> usize {
    let before = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1) as usize);
    let start: usize = before.map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let mut characters = rest.char_indices();
    let inside = characters.nth(column.saturating_sub(1) as usize);
    start + inside.map_or(rest.len(), |(index, _)| index)
}

/// Start and length in bytes.
fn span(location: &serde_saphyr::Location) -> (usize, usize) {
    let span = location.span();
    let start = span.byte_offset().unwrap_or(0) as usize;
    (start, span.byte_len().unwrap_or(0) as usize)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        let (start, length) = span(&spanned.referenced);
        // A list or map reaches to the end of its last part.
        let inner = match &spanned.value {
            Value::List(nodes) => nodes.last().map(|node| node.end),
            Value::Map(entries) => entries.last().map(|(_, node)| node.end),
            _ => None,
        };
        Ok(Self {
            start,
            end: inner.unwrap_or(0).max(start + length),
            value: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any YAML")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Integer(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value::Integer(value.into()))
            }

            fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
                Ok(Value::Integer(value))
            }

            fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
                Ok(i128::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Float(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(Value::Text(value.to_owned()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut nodes = Vec::new();
                while let Some(node) = seq.next_element()? {
                    nodes.push(node);
                }
                Ok(Value::List(nodes))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, node)) = map.next_entry::<Spanned<String>, Node>()? {
                    let at = span(&key.referenced).into();
                    entries.push((
                        Key {
                            name: key.value,
                            at,
                        },
                        node,
                    ));
                }
                Ok(Value::Map(entries))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

// ---- Reading the schema out of the tree ---------------------------------------

#[derive(Default)]
struct Reader {
    mistakes: Vec<SchemaError>,
}

/// The entries of a map, taken out one by one.
struct Entries<'a> {
    place: String,
    at: SourceSpan,
    left: Vec<(&'a Key, &'a Node)>,
    known: Vec<&'static str>,
}

impl<'a> Entries<'a> {
    fn take(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        let index = self.left.iter().position(|(k, _)| k.name == key)?;
        Some(self.left.remove(index).1)
    }
}

impl Reader {
    fn schema(&mut self, root: &Node) -> Schema {
        let mut schema = Schema::default();
        let empty = Node {
            value: Value::Map(Vec::new()),
            ..*root
        };
        let root = if matches!(root.value, Value::Null) {
            &empty
        } else {
            root
        };
        let Some(mut entries) = self.entries("the schema", "top level", root) else {
            return schema;
        };
        match entries.take("format_version") {
            None => self.mistakes.push(SchemaError::MissingKey {
                place: entries.place.clone(),
                key: "format_version",
                example: "`format_version: 1` at the top",
                at: (entries.at.offset(), 0).into(),
            }),
            Some(node) => match node.value {
                Value::Integer(version) if version == i128::from(Schema::FORMAT_VERSION) => {}
                Value::Integer(found) => self.mistakes.push(SchemaError::FormatVersion {
                    found,
                    at: node.at(),
                }),
                _ => self.wrong_type(&entries.place, "format_version", "a whole number", node),
            },
        }
        schema.rows = self.bounds(&mut entries, "rows", Self::count);
        schema.severity_overrides = entries
            .take("severity_overrides")
            .map(|node| self.severity_overrides(node))
            .unwrap_or_default();
        match entries.take("columns") {
            None => self.mistakes.push(SchemaError::MissingKey {
                place: entries.place.clone(),
                key: "columns",
                example: "`columns:` with one entry a column",
                at: (entries.at.offset(), 0).into(),
            }),
            Some(node) => {
                if let Some(columns) = self.entries("the schema", "columns", node) {
                    for (key, node) in columns.left {
                        schema.columns.push(self.column(key, node));
                    }
                }
            }
        }
        self.finish(entries);
        schema
    }

    fn severity_overrides(&mut self, node: &Node) -> BTreeMap<AnomalyType, Severity> {
        let mut overrides = BTreeMap::new();
        let place = "the schema";
        let Some(entries) = self.entries(place, "severity_overrides", node) else {
            return overrides;
        };
        for (key, node) in entries.left {
            let kind = AnomalyType::ALL.iter().find(|kind| kind.name() == key.name);
            if kind.is_none() {
                self.mistakes.push(SchemaError::UnknownName {
                    place: place.to_owned(),
                    key: "anomaly type",
                    found: key.name.clone(),
                    help: suggestion_of(&key.name, AnomalyType::ALL, AnomalyType::name),
                    at: key.at,
                });
            }
            let severity = self.name(place, "severity", node, &Severity::ALL, Severity::name);
            if let (Some(&kind), Some(severity)) = (kind, severity) {
                overrides.insert(kind, severity);
            }
        }
        overrides
    }

    fn column(&mut self, key: &Key, node: &Node) -> Column {
        let mut column = Column::new(key.name.clone(), ColumnType::Any);
        let place = format!("column `{}`", key.name);
        if !matches!(node.value, Value::Map(_)) {
            self.wrong_type(
                "columns",
                &key.name,
                "a map, such as `{type: string}`",
                node,
            );
            return column;
        }
        let Some(mut entries) = self.entries(&place, &key.name, node) else {
            return column;
        };
        let mistakes_before = self.mistakes.len();
        match entries.take("type") {
            Some(node) => {
                let read = self.name(&place, "type", node, ColumnType::ALL, ColumnType::name);
                column.column_type = read.unwrap_or(ColumnType::Any);
            }
            None => self.mistakes.push(SchemaError::MissingKey {
                place: place.clone(),
                key: "type",
                example: "a type, such as `type: string`, or `type: any`",
                at: key.at,
            }),
        }
        let role = entries.take("role");
        column.role = role.and_then(|n| self.name(&place, "role", n, Role::ALL, Role::name));
        column.presence = entries
            .take("presence")
            .and_then(|n| self.presence(&place, n));
        column.valency = self.bounds(&mut entries, "valency", Self::count);
        let domain = entries.take("domain");
        column.domain = domain.and_then(|n| self.domain(&place, n));
        let mass = entries.take("min_domain_mass");
        column.min_domain_mass = mass.and_then(|n| self.share(&place, "min_domain_mass", n));
        let boolean = entries.take("boolean");
        column.boolean = boolean.and_then(|n| self.boolean(&place, n));
        let holds = entries.take("holds");
        column.holds = holds
            .and_then(|n| self.name(&place, "holds", n, SpelledNumber::ALL, SpelledNumber::name));
        let range = entries
            .left
            .iter()
            .find(|(k, _)| k.name == "range")
            .map(|e| e.1);
        column.range = self.bounds(&mut entries, "range", Self::number);
        let nan = entries.take("disallow_nan");
        column.disallow_nan = nan.is_some_and(|n| self.flag(&place, "disallow_nan", n));
        let inf = entries.take("disallow_inf");
        column.disallow_inf = inf.is_some_and(|n| self.flag(&place, "disallow_inf", n));
        let length = entries
            .left
            .iter()
            .find(|(k, _)| k.name == "length")
            .map(|e| e.1);
        column.length = self.bounds(&mut entries, "length", Self::count);
        column.unique = self.bounds(&mut entries, "unique", Self::count);
        self.finish(entries);
        // What contradicts what is only sure once each key is right in itself.
        if self.mistakes.len() == mistakes_before {
            let parts = Parts {
                role,
                domain,
                mass,
                boolean,
                holds,
                range,
                nan,
                inf,
                length,
            };
            self.contradictions(&place, &column, &parts);
        }
        column
    }

    fn contradictions(&mut self, place: &str, column: &Column, parts: &Parts<'_>) {
        let kind = column.column_type;
        let of = |types: &[ColumnType]| kind == ColumnType::Any || types.contains(&kind);
        let string = of(&[ColumnType::String]);
        let number =
            of(&[ColumnType::Integer, ColumnType::Float]) || (string && column.holds.is_some());
        let float =
            of(&[ColumnType::Float]) || (string && column.holds == Some(SpelledNumber::Float));
        let mut refuse = |node: Option<&Node>, wrong: bool, problem: String, help: &str| {
            if let (Some(node), true) = (node, wrong) {
                self.mistakes.push(SchemaError::Contradiction {
                    place: place.to_owned(),
                    problem,
                    help: help.to_owned(),
                    at: node.at(),
                });
            }
        };
        let not_for = |key: &str| format!("`{key}` does not fit the type `{}`", kind.name());
        let text = column.role == Some(Role::Text);
        refuse(
            parts.role,
            text && !string,
            format!("the role `text` does not fit the type `{}`", kind.name()),
            "only strings are text",
        );
        for (key, node) in [
            ("domain", parts.domain),
            ("boolean", parts.boolean),
            ("holds", parts.holds),
        ] {
            refuse(
                node,
                text && string,
                format!(
                    "`{key}` does not fit the role `text`, whose values are not counted one by one"
                ),
                "make it `role: category`, or remove the key",
            );
        }
        refuse(
            parts.domain,
            !string,
            not_for("domain"),
            "a domain lists strings",
        );
        refuse(
            parts.holds,
            !string,
            not_for("holds"),
            "only strings spell numbers",
        );
        refuse(
            parts.length,
            !string,
            not_for("length"),
            "only strings have a length",
        );
        refuse(
            parts.range,
            !number,
            not_for("range"),
            "only numbers have a range; for strings that spell numbers add `holds: integer` or `holds: float`",
        );
        for (key, node) in [("disallow_nan", parts.nan), ("disallow_inf", parts.inf)] {
            refuse(
                node,
                !float,
                not_for(key),
                "only floats can be NaN or infinite",
            );
        }
        let (integer, float) = (ColumnType::Integer, ColumnType::Float);
        refuse(
            parts.boolean,
            !of(&[integer, float, ColumnType::Boolean, ColumnType::String]),
            not_for("boolean"),
            "numbers and strings can be boolean",
        );
        if let Some(boolean) = &column.boolean {
            let named = boolean.true_value.is_some() || boolean.false_value.is_some();
            refuse(
                parts.boolean,
                kind == ColumnType::String && !named,
                "`boolean` does not say which strings mean true and false".to_owned(),
                "add `true_value` and `false_value`",
            );
            refuse(
                parts.boolean,
                [integer, float, ColumnType::Boolean].contains(&kind) && named,
                format!(
                    "`true_value` and `false_value` do not fit the type `{}`",
                    kind.name()
                ),
                "write `boolean: {}`: 1 is true and 0 is false",
            );
        }
        let exclusive = [
            ("domain", parts.domain),
            ("boolean", parts.boolean),
            ("holds", parts.holds),
            ("range", parts.range.filter(|_| column.holds.is_none())),
        ];
        let mut set = exclusive
            .iter()
            .filter_map(|(key, node)| node.map(|n| (key, n)));
        if let (Some((first, _)), Some((second, node))) = (set.next(), set.next()) {
            refuse(
                Some(node),
                true,
                format!("`{first}` and `{second}` both say which values are allowed"),
                "keep one of them",
            );
        }
        refuse(
            parts.mass,
            parts.domain.is_none(),
            "`min_domain_mass` needs a `domain`".to_owned(),
            "add the domain, or remove the key",
        );
    }

    fn presence(&mut self, place: &str, node: &Node) -> Option<Presence> {
        let mut entries = self.entries(place, "presence", node)?;
        let min_fraction = entries.take("min_fraction");
        let min_count = entries.take("min_count");
        let presence = Presence {
            min_fraction: min_fraction.and_then(|n| self.share(place, "presence.min_fraction", n)),
            min_count: min_count.and_then(|n| self.count(place, "presence.min_count", n)),
        };
        self.finish(entries);
        Some(presence)
    }

    fn boolean(&mut self, place: &str, node: &Node) -> Option<BooleanDomain> {
        let mut entries = self.entries(place, "boolean", node)?;
        let true_value = entries.take("true_value");
        let false_value = entries.take("false_value");
        let boolean = BooleanDomain {
            true_value: true_value.and_then(|n| self.text(place, "true_value", n)),
            false_value: false_value.and_then(|n| self.text(place, "false_value", n)),
        };
        if let (Some(yes), Some(no), Some(node)) =
            (&boolean.true_value, &boolean.false_value, false_value)
            && yes == no
        {
            self.mistakes.push(SchemaError::DuplicateValue {
                place: place.to_owned(),
                key: "boolean",
                value: no.clone(),
                at: node.at(),
            });
        }
        self.finish(entries);
        Some(boolean)
    }

    fn domain(&mut self, place: &str, node: &Node) -> Option<Vec<String>> {
        let Value::List(nodes) = &node.value else {
            self.wrong_type(place, "domain", "a list of strings", node);
            return None;
        };
        if nodes.is_empty() {
            self.mistakes.push(SchemaError::Contradiction {
                place: place.to_owned(),
                problem: "`domain` allows no value at all".to_owned(),
                help: "list the values, or remove the key".to_owned(),
                at: node.at(),
            });
        }
        let mut seen = BTreeSet::new();
        let mut values = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let Some(value) = self.text(place, &format!("domain[{index}]"), node) else {
                continue;
            };
            if !seen.insert(value.clone()) {
                self.mistakes.push(SchemaError::DuplicateValue {
                    place: place.to_owned(),
                    key: "domain",
                    value: value.clone(),
                    at: node.at(),
                });
            }
            values.push(value);
        }
        Some(values)
    }

    /// Reads `{min, max}`, whose ends are read by `read`.
    fn bounds<T: Copy + Into<Number>>(
        &mut self,
        entries: &mut Entries<'_>,
        key: &'static str,
        read: fn(&mut Self, &str, &str, &Node) -> Option<T>,
    ) -> Option<Bounds<T>> {
        let node = entries.take(key)?;
        let place = entries.place.clone();
        let mut ends = self.entries(&place, key, node)?;
        let (min, max) = (ends.take("min"), ends.take("max"));
        let bounds = Bounds {
            min: min.and_then(|n| read(self, &place, &format!("{key}.min"), n)),
            max: max.and_then(|n| read(self, &place, &format!("{key}.max"), n)),
        };
        self.finish(ends);
        if let (Some(min), Some(max)) = (bounds.min, bounds.max) {
            let (min, max): (Number, Number) = (min.into(), max.into());
            if min.is_above(max) {
                self.mistakes.push(SchemaError::EmptyRange {
                    place,
                    key: key.to_owned(),
                    min: min.to_string(),
                    max: max.to_string(),
                    at: node.at(),
                });
            }
        }
        Some(bounds)
    }

    fn entries<'a>(&mut self, place: &str, key: &str, node: &'a Node) -> Option<Entries<'a>> {
        let Value::Map(map) = &node.value else {
            self.wrong_type(place, key, "a map", node);
            return None;
        };
        let mut seen = BTreeSet::new();
        let mut left = Vec::with_capacity(map.len());
        for (key, node) in map {
            if seen.insert(key.name.as_str()) {
                left.push((key, node));
            } else {
                self.mistakes.push(SchemaError::DuplicateKey {
                    place: place.to_owned(),
                    key: key.name.clone(),
                    at: key.at,
                });
            }
        }
        Some(Entries {
            place: place.to_owned(),
            at: node.at(),
            left,
            known: Vec::new(),
        })
    }

    /// Notes the keys that nobody took.
    fn finish(&mut self, entries: Entries<'_>) {
        for (key, _) in entries.left {
            self.mistakes.push(SchemaError::UnknownKey {
                place: entries.place.clone(),
                key: key.name.clone(),
                help: suggestion(&key.name, &entries.known),
                at: key.at,
            });
        }
    }

    fn name<T: Copy>(
        &mut self,
        place: &str,
        key: &'static str,
        node: &Node,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Option<T> {
        let Value::Text(found) = &node.value else {
            self.wrong_type(place, key, "a word", node);
            return None;
        };
        let value = all.iter().copied().find(|&value| name(value) == found);
        if value.is_none() {
            self.mistakes.push(SchemaError::UnknownName {
                place: place.to_owned(),
                key,
                found: found.clone(),
                help: suggestion_of(found, all, name),
                at: node.at(),
            });
        }
        value
    }

    fn text(&mut self, place: &str, key: &str, node: &Node) -> Option<String> {
        if let Value::Text(text) = &node.value {
            return Some(text.clone());
        }
        self.wrong_type(place, key, "text in quotes", node);
        None
    }

    fn flag(&mut self, place: &str, key: &'static str, node: &Node) -> bool {
        if let Value::Bool(flag) = node.value {
            return flag;
        }
        self.wrong_type(place, key, "true or false", node);
        false
    }

    fn count(&mut self, place: &str, key: &str, node: &Node) -> Option<u64> {
        let Value::Integer(value) = node.value else {
            self.wrong_type(place, key, "a whole number", node);
            return None;
        };
        let count = u64::try_from(value).ok();
        if count.is_none() {
            self.out_of_range(place, key, value.to_string(), "0 or more", node);
        }
        count
    }

    fn share(&mut self, place: &str, key: &str, node: &Node) -> Option<f64> {
        let value = self.number(place, key, node)?.as_f64();
        if (0.0..=1.0).contains(&value) {
            return Some(value);
        }
        self.out_of_range(place, key, value.to_string(), "from 0 to 1", node);
        None
    }

    fn number(&mut self, place: &str, key: &str, node: &Node) -> Option<Number> {
        match node.value {
            Value::Integer(value) => {
                Some(i64::try_from(value).map_or(Number::Float(value as f64), Number::Integer))
            }
            Value::Float(value) if value.is_finite() => Some(Number::Float(value)),
            Value::Float(value) => {
                self.out_of_range(place, key, value.to_string(), "finite", node);
                None
            }
            _ => {
                self.wrong_type(place, key, "a number", node);
                None
            }
        }
    }

    fn out_of_range(
        &mut self,
        place: &str,
        key: &str,
        value: String,
        allowed: &'static str,
        node: &Node,
    ) {
        self.mistakes.push(SchemaError::OutOfRange {
            place: place.to_owned(),
            key: key.to_owned(),
            value,
            allowed,
            at: node.at(),
        });
    }

    fn wrong_type(&mut self, place: &str, key: &str, expected: &'static str, node: &Node) {
        self.mistakes.push(SchemaError::WrongType {
            place: place.to_owned(),
            key: key.to_owned(),
            expected,
            found: node.kind(),
            at: node.at(),
        });
    }
}

/// Where the keys of a column stand that can contradict each other.
struct Parts<'a> {
    role: Option<&'a Node>,
    domain: Option<&'a Node>,
    mass: Option<&'a Node>,
    boolean: Option<&'a Node>,
    holds: Option<&'a Node>,
    range: Option<&'a Node>,
    nan: Option<&'a Node>,
    inf: Option<&'a Node>,
    length: Option<&'a Node>,
}

fn suggestion_of<T: Copy>(found: &str, all: &[T], name: fn(T) -> &'static str) -> String {
    let known: Vec<&str> = all.iter().map(|&value| name(value)).collect();
    suggestion(found, &known)
}

/// The known word that was probably meant, or all of them.
fn suggestion(found: &str, known: &[&str]) -> String {
    let close = |word: &&&str| {
        let distance = edit_distance(found, word);
        (distance <= 2 && distance < word.len()) || (found.len() > 3 && word.contains(found))
    };
    match known
        .iter()
        .filter(close)
        .min_by_key(|word| edit_distance(found, word))
    {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("one of: {}", known.join(", ")),
    }
}

/// How many characters must be put in, taken out or replaced to get from one word to
/// the other (Levenshtein 1966). Only the start of a long word is looked at.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

// ---- Writing ------------------------------------------------------------------

const HEADER: &str = "\
# What each column should be; `driftline validate` checks data against it.
# A key that is left out is not checked; a column without `presence` may be missing.
";

/// A list longer than this is written one value a line.
const MAX_LINE: usize = 80;

fn write_schema(out: &mut String, schema: &Schema) -> fmt::Result {
    writeln!(out, "format_version: {}", Schema::FORMAT_VERSION)?;
    write_bounds(out, "rows", schema.rows)?;
    if !schema.severity_overrides.is_empty() {
        writeln!(out, "severity_overrides:")?;
        for (kind, severity) in &schema.severity_overrides {
            writeln!(out, "  {}: {}", kind.name(), severity.name())?;
        }
    }
    if schema.columns.is_empty() {
        return writeln!(out, "columns: {{}}");
    }
    writeln!(out, "columns:")?;
    for column in &schema.columns {
        let key = scalar(&column.name);
        // YAML takes a key without a mark only up to 1,024 characters.
        if key.chars().count() <= 1_000 {
            writeln!(out, "  {key}:")?;
        } else {
            writeln!(out, "  ? {key}\n  :")?;
        }
        write_column(out, column)?;
    }
    Ok(())
}

fn write_column(out: &mut String, column: &Column) -> fmt::Result {
    writeln!(out, "    type: {}", column.column_type.name())?;
    if let Some(role) = column.role {
        writeln!(out, "    role: {}", role.name())?;
    }
    if let Some(presence) = column.presence {
        let fraction = presence.min_fraction.map(|share| format!("{share:?}"));
        let count = presence.min_count.map(|count| count.to_string());
        write_map(
            out,
            "    presence",
            &[("min_fraction", fraction), ("min_count", count)],
        )?;
    }
    write_bounds(out, "    valency", column.valency)?;
    if let Some(domain) = &column.domain {
        let values: Vec<String> = domain.iter().map(|value| scalar(value)).collect();
        let line = format!("    domain: [{}]", values.join(", "));
        if line.chars().count() <= MAX_LINE {
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "    domain:")?;
            for value in values {
                writeln!(out, "      - {value}")?;
            }
        }
    }
    if let Some(mass) = column.min_domain_mass {
        writeln!(out, "    min_domain_mass: {mass:?}")?;
    }
    if let Some(boolean) = &column.boolean {
        let value = |value: &Option<String>| value.as_deref().map(scalar);
        let (yes, no) = (value(&boolean.true_value), value(&boolean.false_value));
        write_map(
            out,
            "    boolean",
            &[("true_value", yes), ("false_value", no)],
        )?;
    }
    if let Some(holds) = column.holds {
        writeln!(out, "    holds: {}", holds.name())?;
    }
    write_bounds(out, "    range", column.range)?;
    for (key, flag) in [
        ("disallow_nan", column.disallow_nan),
        ("disallow_inf", column.disallow_inf),
    ] {
        if flag {
            writeln!(out, "    {key}: true")?;
        }
    }
    write_bounds(out, "    length", column.length)?;
    write_bounds(out, "    unique", column.unique)
}

fn write_bounds<T: fmt::Display>(
    out: &mut String,
    key: &str,
    bounds: Option<Bounds<T>>,
) -> fmt::Result {
    match bounds {
        None => Ok(()),
        Some(bounds) => {
            let text = |end: Option<T>| end.map(|value| value.to_string());
            write_map(
                out,
                key,
                &[("min", text(bounds.min)), ("max", text(bounds.max))],
            )
        }
    }
}

fn write_map(out: &mut String, key: &str, entries: &[(&str, Option<String>)]) -> fmt::Result {
    let entries: Vec<String> = entries
        .iter()
        .filter_map(|(key, value)| value.as_ref().map(|value| format!("{key}: {value}")))
        .collect();
    writeln!(out, "{key}: {{{}}}", entries.join(", "))
}

/// A string as YAML: bare where nobody could take it for something else, else in
/// double quotes.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // Control characters, the line ends of Unicode and what no YAML text may hold.
            c if c.is_control()
                || matches!(
                    c,
                    '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}'
                ) =>
            {
                let _infallible = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn is_plain(text: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' ');
    text.starts_with(char::is_alphabetic)
        && text.chars().all(inside)
        && !text.ends_with(' ')
        // Words that some YAML reader takes for something other than text.
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
}
