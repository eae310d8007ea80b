//! What all records of a file say about their features: the types of its columns.
//!
//! The rules are those of TensorFlow Data Validation's decoder (`tfx_bsl`,
//! `example_decoder.cc`): a feature has one kind in all records; a record that does not
//! name it, or names it without a kind, has no value there; a list without values is
//! there all the same. Feature lists become the children of the struct column
//! [`SEQUENCE`]. What is added here: a feature with exactly one value wherever it is
//! present is a plain column, which loses nothing; and bytes that are UTF-8 in every
//! record are text.

use super::example::{Feature, Kind, Record};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use std::{collections::BTreeMap, sync::Arc};

/// The column of the feature lists of a `tf.SequenceExample`, as TFDV calls it.
pub(crate) const SEQUENCE: &str = "##SEQUENCE##";

/// The features of the records seen so far.
#[derive(Debug, Default)]
pub(super) struct Facts {
    features: BTreeMap<String, FeatureFacts>,
    lists: BTreeMap<String, FeatureFacts>,
    /// Whether a record has feature lists, even if none is in them.
    sequences: bool,
}

#[derive(Debug, Default)]
struct FeatureFacts {
    /// The kind, and the first record that has it.
    kind: Option<(Kind, u64)>,
    /// Whether a record holds another number of values than one.
    many: bool,
    /// Whether a value is not UTF-8.
    binary: bool,
}

impl Facts {
    /// Adds a record.
    ///
    /// # Errors
    /// What is wrong with it, where a feature is of another kind than before.
    pub(super) fn add(&mut self, number: u64, record: &Record) -> Result<(), String> {
        if let Some(features) = &record.features {
            for (name, feature) in &features.feature {
                let facts = entry(&mut self.features, name);
                facts
                    .add(number, feature)
                    .map_err(|(found, known)| clash("feature", name, found, known))?;
            }
        }
        if let Some(lists) = &record.feature_lists {
            self.sequences = true;
            for (name, list) in &lists.feature_list {
                let facts = entry(&mut self.lists, name);
                for feature in &list.feature {
                    facts
                        .add(number, feature)
                        .map_err(|(found, known)| clash("feature list", name, found, known))?;
                }
            }
        }
        Ok(())
    }

    /// The columns, by name, as TFDV orders them; the feature lists come last.
    pub(super) fn schema(&self) -> Schema {
        let mut fields: Vec<Field> = self
            .features
            .iter()
            .map(|(name, facts)| Field::new(name, facts.column(), true))
            .collect();
        if self.sequences {
            let children: Fields = self
                .lists
                .iter()
                .map(|(name, facts)| Field::new(name, facts.sequence(), true))
                .collect();
            fields.push(Field::new(SEQUENCE, DataType::Struct(children), true));
        }
        Schema::new(fields)
    }
}

fn entry<'a>(of: &'a mut BTreeMap<String, FeatureFacts>, name: &str) -> &'a mut FeatureFacts {
    if !of.contains_key(name) {
        of.insert(name.to_owned(), FeatureFacts::default());
    }
    of.get_mut(name).expect("it was put there above")
}

fn clash(what: &str, name: &str, found: Kind, (known, first): (Kind, u64)) -> String {
    format!(
        "{what} `{name}` is a {} here, but a {} in record {first}; write one kind of value under a name",
        found.name(),
        known.name()
    )
}

impl FeatureFacts {
    fn add(&mut self, number: u64, feature: &Feature) -> Result<(), (Kind, (Kind, u64))> {
        let Some(values) = &feature.values else {
            return Ok(());
        };
        let kind = values.kind();
        match self.kind {
            None => self.kind = Some((kind, number)),
            Some(known) if known.0 != kind => return Err((kind, known)),
            Some(_) => {}
        }
        self.many |= values.len() != 1;
        self.binary |= kind == Kind::Bytes && !self.binary && !values.is_text();
        Ok(())
    }

    fn value(&self) -> DataType {
        self.kind
            .map_or(DataType::Null, |(kind, _)| kind.arrow(!self.binary))
    }

    fn column(&self) -> DataType {
        if self.many {
            DataType::List(item(self.value()))
        } else {
            self.value()
        }
    }

    fn sequence(&self) -> DataType {
        match self.kind {
            None => DataType::List(item(DataType::Null)),
            Some(_) => DataType::List(item(DataType::List(item(self.value())))),
        }
    }
}

fn item(data_type: DataType) -> FieldRef {
    Arc::new(Field::new_list_field(data_type, true))
}
