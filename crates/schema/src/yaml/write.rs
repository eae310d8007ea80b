//! The schema written as a person would.
//!
//! By hand, for the sake of the short form (`{min: 1, max: 1}`), which no general writer
//! chooses well.

use super::{
    column::GENERIC_KEYS,
    constraint::put_constraints,
    message_tree::{Tree, fields, message},
    read,
};
use crate::{Bounds, Column, Schema, tfmd};
use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
};

pub(super) const HEADER: &str = "\
# What each column should be; `driftline validate` checks data against it.
# A key that is left out is not checked; a column without `presence` may be missing.
";

/// A list or map longer than this is written one part a line.
pub(super) const MAX_LINE: usize = 80;

pub(super) fn schema(out: &mut String, schema: &Schema) -> fmt::Result {
    writeln!(out, "format_version: {}", Schema::FORMAT_VERSION)?;
    bounds(out, "", "rows", schema.rows)?;
    own_keys_of_schema(out, schema)?;
    let other = &schema.other;
    let mut generic = other.clone();
    if let Some(domains) = domains(&other.string_domain) {
        generic.string_domain.clear();
        if let Tree::Map(entries) = &domains
            && !entries.is_empty()
        {
            domains.put(out, "", "domains")?;
        }
    }
    if generic != tfmd::Schema::default() {
        for (key, tree) in fields(&tfmd::dynamic(&generic)) {
            debug_assert!(read::GENERIC_KEYS.contains(&key.as_str()), "{key}");
            tree.put(out, "", &key)?;
        }
    }
    columns(out, "", &schema.columns)
}

/// Shared domains as a map, where each has a name of its own.
fn domains(domains: &[tfmd::StringDomain]) -> Option<Tree> {
    let mut seen = BTreeSet::new();
    let mut entries = Vec::with_capacity(domains.len());
    for domain in domains {
        let name = domain.name.clone()?;
        if !seen.insert(name.clone()) {
            return None;
        }
        let mut domain = domain.clone();
        domain.name = None;
        entries.push((scalar(&name), message(&tfmd::dynamic(&domain))));
    }
    Some(Tree::Map(entries))
}

/// The keys of a table that TensorFlow Metadata has no words for.
pub(super) fn own_keys_of_schema(out: &mut String, schema: &Schema) -> fmt::Result {
    if !schema.severity_overrides.is_empty() {
        writeln!(out, "severity_overrides:")?;
        for (kind, severity) in &schema.severity_overrides {
            writeln!(out, "  {}: {}", kind.name(), severity.name())?;
        }
    }
    put_constraints(out, "", &schema.constraints)
}

fn columns(out: &mut String, indent: &str, columns: &[Column]) -> fmt::Result {
    if columns.is_empty() {
        return writeln!(out, "{indent}columns: {{}}");
    }
    writeln!(out, "{indent}columns:")?;
    for column in columns {
        put_key(out, &format!("{indent}  "), &scalar(&column.name))?;
        out.push('\n');
        self::column(out, &format!("{indent}    "), column)?;
    }
    Ok(())
}

/// Writes a key and its colon. YAML takes a key without a mark only up to 1,024
/// characters.
pub(super) fn put_key(out: &mut String, indent: &str, key: &str) -> fmt::Result {
    if key.chars().count() <= 1_000 {
        write!(out, "{indent}{key}:")
    } else {
        write!(out, "{indent}? {key}\n{indent}:")
    }
}

fn column(out: &mut String, indent: &str, column: &Column) -> fmt::Result {
    writeln!(out, "{indent}type: {}", column.column_type.name())?;
    if let Some(role) = column.role {
        writeln!(out, "{indent}role: {}", role.name())?;
    }
    if column.unnamed {
        writeln!(out, "{indent}unnamed: true")?;
    }
    if let Some(presence) = column.presence {
        let fraction = presence.min_fraction.map(|share| format!("{share:?}"));
        let count = presence.min_count.map(|count| count.to_string());
        map(
            out,
            indent,
            "presence",
            &[("min_fraction", fraction), ("min_count", count)],
        )?;
    }
    bounds(out, indent, "valency", column.valency)?;
    if let Some(domain) = &column.domain {
        let values = domain.iter().map(|value| Tree::Scalar(scalar(value)));
        Tree::List(values.collect()).put(out, indent, "domain")?;
    } else if let Some(name) = column.shared_domain().filter(|_| column.takes_domain()) {
        writeln!(out, "{indent}domain: {}", scalar(name))?;
    }
    if let Some(mass) = column.min_domain_mass {
        writeln!(out, "{indent}min_domain_mass: {mass:?}")?;
    }
    if let Some(boolean) = &column.boolean {
        let value = |value: &Option<String>| value.as_deref().map(scalar);
        let (yes, no) = (value(&boolean.true_value), value(&boolean.false_value));
        map(
            out,
            indent,
            "boolean",
            &[("true_value", yes), ("false_value", no)],
        )?;
    }
    if let Some(holds) = column.holds {
        writeln!(out, "{indent}holds: {}", holds.name())?;
    }
    bounds(out, indent, "range", column.range)?;
    for (key, flag) in [
        ("disallow_nan", column.disallow_nan),
        ("disallow_inf", column.disallow_inf),
    ] {
        if flag {
            writeln!(out, "{indent}{key}: true")?;
        }
    }
    own_constraints(out, indent, column)?;
    bounds(out, indent, "unique", column.unique)?;
    other(out, indent, column)?;
    if !column.columns.is_empty() {
        columns(out, indent, &column.columns)?;
    }
    Ok(())
}

/// The keys of a column that TensorFlow Metadata has no words for.
pub(super) fn own_keys_of_column(
    out: &mut String,
    column: &Column,
    with_type: bool,
) -> fmt::Result {
    if with_type {
        writeln!(out, "type: {}", column.column_type.name())?;
    }
    if let Some(role) = column.role {
        writeln!(out, "role: {}", role.name())?;
    }
    own_constraints(out, "", column)
}

fn own_constraints(out: &mut String, indent: &str, column: &Column) -> fmt::Result {
    bounds(out, indent, "length", column.length)?;
    if let Some(drift) = column.drift {
        let effect = drift.min_effect.map(|effect| format!("{effect:?}"));
        let required = drift.required.then(|| "true".to_owned());
        let keys = [("min_effect", effect), ("required", required)];
        map(out, indent, "drift", &keys)?;
    }
    put_constraints(out, indent, &column.constraints)
}

/// What only TensorFlow Metadata names: under its own words where those mean nothing
/// else in a column, else under `tfdv`.
fn other(out: &mut String, indent: &str, column: &Column) -> fmt::Result {
    let mut other = column.other.clone();
    if column.takes_domain() && column.shared_domain().is_some() {
        other.domain_info = None;
    }
    if other == tfmd::Feature::default() {
        return Ok(());
    }
    let (generic, rest): (Vec<_>, Vec<_>) = fields(&tfmd::dynamic(&other))
        .into_iter()
        .partition(|(key, _)| GENERIC_KEYS.contains(&key.as_str()));
    for (key, tree) in generic {
        tree.put(out, indent, &key)?;
    }
    if !rest.is_empty() {
        Tree::Map(rest).put(out, indent, "tfdv")?;
    }
    Ok(())
}

fn bounds<T: fmt::Display>(
    out: &mut String,
    indent: &str,
    key: &str,
    bounds: Option<Bounds<T>>,
) -> fmt::Result {
    match bounds {
        None => Ok(()),
        Some(bounds) => {
            let text = |end: Option<T>| end.map(|value| value.to_string());
            map(
                out,
                indent,
                key,
                &[("min", text(bounds.min)), ("max", text(bounds.max))],
            )
        }
    }
}

fn map(
    out: &mut String,
    indent: &str,
    key: &str,
    entries: &[(&str, Option<String>)],
) -> fmt::Result {
    let entries: Vec<String> = entries
        .iter()
        .filter_map(|(key, value)| value.as_ref().map(|value| format!("{key}: {value}")))
        .collect();
    writeln!(out, "{indent}{key}: {{{}}}", entries.join(", "))
}

/// A string as YAML: bare where nobody could take it for something else, else in
/// double quotes.
pub(super) fn scalar(text: &str) -> String {
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
