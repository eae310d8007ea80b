//! What one column says, and what in it cannot both hold.

use super::{
    constraint::owner_of,
    read::{Entries, Reader},
    tree::{Key, Node, Value},
};
use crate::{
    BooleanDomain, Column, ColumnDrift, ColumnType, Presence, Role, SchemaError, SpelledNumber,
    tfmd::{self, feature::DomainInfo},
};
use prost_reflect::DynamicMessage;
use std::collections::BTreeSet;

/// Keys of a column that are read and written as TensorFlow Metadata names them. What a
/// feature has beyond them is under `tfdv`, because the column has other words for it.
pub(crate) const GENERIC_KEYS: [&str; 25] = [
    "deprecated",
    "group_presence",
    "shape",
    "value_counts",
    "int_domain",
    "float_domain",
    "string_domain",
    "struct_domain",
    "natural_language_domain",
    "image_domain",
    "audio_domain",
    "video_domain",
    "content_chunk_domain",
    "mid_domain",
    "url_domain",
    "time_domain",
    "time_of_day_domain",
    "annotation",
    "skew_comparator",
    "drift_comparator",
    "in_environment",
    "not_in_environment",
    "lifecycle_stage",
    "validation_derived_source",
    "sequence_metadata",
];

impl Column {
    /// Whether `domain` is a key that its type has.
    pub(super) fn takes_domain(&self) -> bool {
        matches!(self.column_type, ColumnType::String | ColumnType::Any)
    }
}

impl Reader {
    pub(super) fn column(&mut self, prefix: &str, key: &Key, node: &Node) -> Column {
        let mut column = Column::new(key.name.clone(), ColumnType::Any);
        let path = format!("{prefix}{}", key.name);
        let place = format!("column `{path}`");
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
            Some(node) => column.column_type = self.column_type(&place, node),
            None => self.mistakes.push(SchemaError::MissingKey {
                place: place.clone(),
                key: "type",
                example: "a type, such as `type: string`, or `type: any`",
                at: key.at,
            }),
        }
        let parts = Parts {
            role: entries.peek("role"),
            domain: entries.peek("domain"),
            mass: entries.peek("min_domain_mass"),
            boolean: entries.peek("boolean"),
            holds: entries.peek("holds"),
            range: entries.peek("range"),
            nan: entries.peek("disallow_nan"),
            inf: entries.peek("disallow_inf"),
            length: entries.peek("length"),
            constraints: entries.peek("constraints").filter(|_| !prefix.is_empty()),
            columns: entries.peek("columns"),
            column: key,
        };
        let unnamed = entries.take("unnamed");
        column.unnamed = unnamed
            .and_then(|n| self.flag(&place, "unnamed", n))
            .unwrap_or(false);
        column.presence = entries
            .take("presence")
            .and_then(|n| self.presence(&place, n));
        column.valency = self.bounds(&mut entries, "valency", Self::count);
        let mut shared = None;
        match entries.take("domain") {
            Some(Node {
                value: Value::Text(name),
                ..
            }) => shared = Some(name.clone()),
            Some(node) => column.domain = self.domain(&place, node),
            None => {}
        }
        let mass = entries.take("min_domain_mass");
        column.min_domain_mass = mass.and_then(|n| self.share(&place, "min_domain_mass", n));
        let boolean = entries.take("boolean");
        column.boolean = boolean.and_then(|n| self.boolean(&place, n));
        let holds = entries.take("holds");
        column.holds = holds
            .and_then(|n| self.name(&place, "holds", n, SpelledNumber::ALL, SpelledNumber::name));
        column.range = self.bounds(&mut entries, "range", Self::number);
        for (key, flag) in [
            ("disallow_nan", &mut column.disallow_nan),
            ("disallow_inf", &mut column.disallow_inf),
        ] {
            let node = entries.take(key);
            *flag = node
                .and_then(|n| self.flag(&place, key, n))
                .unwrap_or(false);
        }
        self.own_constraints(&mut entries, &mut column);
        column.unique = self.bounds(&mut entries, "unique", Self::count);
        self.other_keys(&mut entries, &mut column);
        if let Some(name) = shared {
            match column.other.domain_info {
                None => column.other.domain_info = Some(DomainInfo::Domain(name)),
                Some(_) => self.either(&place, "domain", "another domain", key.at),
            }
        }
        if let Some(node) = entries.take("columns") {
            column.columns = self.columns(&place, &format!("{path}."), node);
        }
        self.finish(entries);
        // What contradicts what is only sure once each key is right in itself.
        if self.mistakes.len() == mistakes_before {
            self.contradictions(&place, &column, &parts);
            self.alternatives(&place, &column, &parts);
        }
        column
    }

    fn column_type(&mut self, place: &str, node: &Node) -> ColumnType {
        self.name(place, "type", node, ColumnType::ALL, ColumnType::name)
            .unwrap_or(ColumnType::Any)
    }

    /// Keys that TensorFlow Metadata has no words for, but for the type.
    fn own_constraints(&mut self, entries: &mut Entries<'_>, column: &mut Column) {
        let place = entries.place.clone();
        let role = entries.take("role");
        column.role = role.and_then(|n| self.name(&place, "role", n, Role::ALL, Role::name));
        column.length = self.bounds(entries, "length", Self::count);
        let drift = entries.take("drift");
        column.drift = drift.and_then(|n| self.drift(&place, n));
        column.constraints = self.constraints(entries, owner_of(column));
    }

    /// Reads a map of nothing but own keys; `None` where it is no map.
    pub(super) fn own_keys_of_column(
        &mut self,
        root: &Node,
    ) -> Option<(Column, Option<ColumnType>)> {
        let mut entries = self.entries("the column", "own keys", root)?;
        let node = entries.take("type");
        let kind = node.map(|node| self.column_type("the column", node));
        let mut column = Column::new("", kind.unwrap_or(ColumnType::Any));
        self.own_constraints(&mut entries, &mut column);
        self.finish(entries);
        Some((column, kind))
    }

    /// Keys that are those of TensorFlow Metadata, and those under `tfdv`.
    fn other_keys(&mut self, entries: &mut Entries<'_>, column: &mut Column) {
        let descriptor = tfmd::descriptor::<tfmd::Feature>();
        let place = entries.place.clone();
        let mut message = DynamicMessage::new(descriptor.clone());
        let rest = entries.take("tfdv");
        entries.known.extend(GENERIC_KEYS);
        self.fields(entries, "", &mut message, |name| {
            GENERIC_KEYS.contains(&name)
        });
        if let Some(node) = rest
            && let Some(mut entries) = self.entries(&place, "tfdv", node)
        {
            self.fields(&mut entries, "tfdv.", &mut message, |_| true);
            self.unknown(entries, &descriptor);
        }
        if message.fields().next().is_some() {
            column.other = message
                .transcode_to()
                .expect("a message of this descriptor has this type");
        }
    }

    /// Own keys and those of TensorFlow Metadata that say the same thing.
    fn alternatives(&mut self, place: &str, column: &Column, parts: &Parts<'_>) {
        let other = &column.other;
        let own_domain = [
            ("domain", column.domain.is_some()),
            ("boolean", column.boolean.is_some()),
            ("holds", column.holds.is_some()),
            ("range", column.range.is_some()),
            ("disallow_nan", column.disallow_nan),
            ("disallow_inf", column.disallow_inf),
        ];
        let domain = own_domain.iter().find(|(_, set)| *set).map(|(key, _)| *key);
        let stated = other.domain_info.is_some();
        let with_struct = !matches!(other.domain_info, None | Some(DomainInfo::StructDomain(_)));
        for (own, wrong, key) in [
            (
                "presence",
                column.presence.is_some() && other.presence_constraints.is_some(),
                "`group_presence` or `tfdv.presence`",
            ),
            (
                "valency",
                column.valency.is_some() && other.shape_type.is_some(),
                "`shape` or `value_counts`",
            ),
            (
                domain.unwrap_or("domain"),
                domain.is_some() && stated,
                "another domain",
            ),
            (
                "columns",
                !column.columns.is_empty() && (with_struct || domain.is_some()),
                "another domain",
            ),
            (
                "min_domain_mass",
                column.min_domain_mass.is_some() && other.distribution_constraints.is_some(),
                "`tfdv.distribution_constraints`",
            ),
            (
                "unique",
                column.unique.is_some() && other.unique_constraints.is_some(),
                "`tfdv.unique_constraints`",
            ),
            (
                "unnamed",
                column.unnamed && other.name.is_some(),
                "`tfdv.name`",
            ),
            (
                "type",
                column.column_type != ColumnType::Any && other.r#type.is_some(),
                "`tfdv.type`",
            ),
        ] {
            if wrong {
                self.mistakes.push(SchemaError::Contradiction {
                    place: place.to_owned(),
                    problem: format!("`{own}` and {key} say the same thing"),
                    help: "keep one of them".to_owned(),
                    at: parts.column.at,
                });
            }
        }
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
        refuse(
            parts.constraints,
            true,
            "a column inside a struct has no `constraints`".to_owned(),
            "make it an `sql` of the table, such as `sql: trip['fare'] >= 0`",
        );
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
            parts.columns,
            !of(&[ColumnType::Struct]),
            not_for("columns"),
            "only a struct has columns",
        );
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

    fn drift(&mut self, place: &str, node: &Node) -> Option<ColumnDrift> {
        let mut entries = self.entries(place, "drift", node)?;
        let (min_effect, required) = (entries.take("min_effect"), entries.take("required"));
        let drift = ColumnDrift {
            min_effect: min_effect.and_then(|n| {
                let value = self.number(place, "drift.min_effect", n)?.as_f64();
                if value < 0.0 {
                    let text = value.to_string();
                    self.out_of_range(place, "drift.min_effect", text, "0 or more", n);
                    return None;
                }
                Some(value)
            }),
            required: required
                .and_then(|n| self.flag(place, "drift.required", n))
                .unwrap_or(false),
        };
        self.finish(entries);
        Some(drift)
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
    /// Where the column is inside a struct.
    constraints: Option<&'a Node>,
    columns: Option<&'a Node>,
    column: &'a Key,
}
