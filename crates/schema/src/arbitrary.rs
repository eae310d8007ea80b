//! Whatever a file holds, reading it ends with a message or an error, never a panic.

use crate::{
    Bounds, Column, ColumnType, Number, Schema,
    tfmd::{self, from_binary, from_text, to_text},
};
use proptest::prelude::*;
use prost::Message as _;

fn yaml() -> String {
    let schema = Schema {
        columns: vec![
            Column {
                domain: Some(vec!["Cash".into(), "12".into(), "y: z".into()]),
                min_domain_mass: Some(0.99),
                ..Column::new("payment type: \"方式\"", ColumnType::String)
            },
            Column {
                range: Some(Bounds {
                    min: Some(Number::Integer(0)),
                    max: Some(Number::Float(500.5)),
                }),
                ..Column::new("b.c", ColumnType::Float)
            },
        ],
        ..Schema::default()
    };
    schema.to_yaml()
}

const TEXT: &str = "feature {\n  name: \"a\"\n  type: BYTES\n  presence { min_fraction: 1.0 min_count: 1 }\n  domain: 'd'\n}\nstring_domain { name: \"d\" value: \"\\303\\277\" value: \"x\" }\ndefault_environment: \"t\"\n";

const STATISTICS: &str = "datasets {\n  num_examples: 3\n  features {\n    path { step: \"a\" }\n    type: FLOAT\n    num_stats { mean: 1.5 max: inf min: nan histograms { buckets { low_value: -1e300 } type: QUANTILES } }\n  }\n}\n";

/// A text with some of its characters replaced, removed or doubled.
fn damaged(text: impl Into<String>) -> impl Strategy<Value = String> {
    let text = text.into();
    let wounds = prop::collection::vec((any::<prop::sample::Index>(), 0..4, any::<char>()), 1..6);
    wounds.prop_map(move |wounds| {
        let mut characters: Vec<char> = text.chars().collect();
        for (at, how, character) in wounds {
            if characters.is_empty() {
                break;
            }
            let at = at.index(characters.len());
            match how {
                0 => characters[at] = character,
                1 => drop(characters.remove(at)),
                2 => characters.insert(at, character),
                _ => characters.truncate(at),
            }
        }
        characters.into_iter().collect()
    })
}

fn read_all(text: &str) {
    drop(Schema::from_yaml("any.yaml", text));
    drop(from_text::<tfmd::Schema>("any.pbtxt", text));
    drop(from_text::<tfmd::DatasetFeatureStatisticsList>(
        "any.pbtxt",
        text,
    ));
    drop(from_text::<tfmd::data_validation::ValidationConfig>(
        "any.pbtxt",
        text,
    ));
}

#[test]
fn the_texts_that_are_damaged_are_whole() {
    assert!(Schema::from_yaml("s", &yaml()).is_ok());
    assert!(from_text::<tfmd::Schema>("s", TEXT).is_ok());
    assert!(from_text::<tfmd::DatasetFeatureStatisticsList>("s", STATISTICS).is_ok());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        read_all(&text);
    }

    #[test]
    fn damaged_files_are_read_or_refused(
        yaml in damaged(yaml()),
        schema in damaged(TEXT),
        statistics in damaged(STATISTICS),
    ) {
        read_all(&yaml);
        read_all(&schema);
        read_all(&statistics);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(schema) = from_binary::<tfmd::Schema>("any.pb", &bytes) {
            drop(to_text(&schema));
        }
        if let Ok(list) = from_binary::<tfmd::DatasetFeatureStatisticsList>("any.pb", &bytes) {
            drop(to_text(&list));
        }
    }

    #[test]
    fn damaged_bytes_are_read_or_refused(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let list: tfmd::DatasetFeatureStatisticsList = from_text("s", STATISTICS).unwrap();
        let mut bytes = list.encode_to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(list) = from_binary::<tfmd::DatasetFeatureStatisticsList>("any.pb", &bytes) {
            drop(to_text(&list));
        }
    }
}
