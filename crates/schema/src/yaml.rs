//! The schema as YAML: read with all its mistakes, written as a person would.
//!
//! A derived reader stops at the first mistake. So the text is first read into a tree
//! that knows where everything stands, and the schema is then taken out of the
//! tree key by key: a wrong value is noted with its place, and reading goes on.
//!
//! | what | read | write |
//! |---|---|---|
//! | the table | `read` | `write` |
//! | a column | `column` | `write` |
//! | rules about rows | `constraint` | `constraint` |
//! | what only TensorFlow Metadata names | `message` | `message_tree` |

mod column;
mod constraint;
mod message;
mod message_tree;
mod read;
mod suggestion;
mod tree;
mod write;

pub(crate) use column::GENERIC_KEYS as COLUMN_KEYS;
pub(crate) use constraint::one_line as constraint_text;
pub(crate) use message::principal;
pub(crate) use message_tree::field_text;
pub(crate) use read::GENERIC_KEYS as SCHEMA_KEYS;

use crate::{Column, Schema, SchemaError};
use miette::NamedSource;
use read::Reader;

impl Schema {
    /// Reads a schema file; `name` is what messages call it, usually its path.
    ///
    /// # Errors
    /// [`SchemaError::Invalid`] with every mistake in the file and its place. Where the
    /// text is no YAML at all, the one mistake is [`SchemaError::Syntax`].
    pub fn from_yaml(name: &str, text: &str) -> Result<Self, SchemaError> {
        let mut reader = Reader::default();
        let schema = match tree::parse(text) {
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
        let mut out = String::from(write::HEADER);
        write::schema(&mut out, self).expect("writing to a string cannot fail");
        out
    }

    /// The schema file as JSON, which is what a YAML reader makes of it.
    pub fn to_json(&self) -> serde_json::Value {
        tree::parse(&self.to_yaml())
            .expect("what is written is YAML")
            .into_json()
    }

    /// The keys of the table that TensorFlow Metadata has no words for, as YAML; empty
    /// where there are none.
    pub(crate) fn own_keys_to_yaml(&self) -> String {
        let mut out = String::new();
        write::own_keys_of_schema(&mut out, self).expect("writing to a string cannot fail");
        out
    }

    /// Reads what [`own_keys_to_yaml`](Self::own_keys_to_yaml) wrote into `self`; `None`
    /// and nothing changed where the text has a mistake.
    pub(crate) fn read_own_keys(&mut self, text: &str) -> Option<()> {
        let root = tree::parse(text).ok()?;
        let mut reader = Reader::default();
        let read = reader.own_keys_of_schema(&root)?;
        reader.mistakes.is_empty().then(|| self.take_own_keys(read))
    }
}

impl Column {
    /// The keys of a column that TensorFlow Metadata has no words for, as YAML; empty
    /// where there are none.
    pub(crate) fn own_keys_to_yaml(&self, with_type: bool) -> String {
        let mut out = String::new();
        write::own_keys_of_column(&mut out, self, with_type)
            .expect("writing to a string cannot fail");
        out
    }

    /// What [`own_keys_to_yaml`](Self::own_keys_to_yaml) wrote; `None` where the text has
    /// a mistake. The type is `None` where the text states none.
    pub(crate) fn from_own_keys(text: &str) -> Option<(Self, Option<crate::ColumnType>)> {
        let root = tree::parse(text).ok()?;
        let mut reader = Reader::default();
        let read = reader.own_keys_of_column(&root)?;
        reader.mistakes.is_empty().then_some(read)
    }
}

fn place_of(mistake: &SchemaError) -> usize {
    use miette::Diagnostic as _;
    mistake
        .labels()
        .and_then(|mut labels| labels.next())
        .map_or(0, |label| label.offset())
}
