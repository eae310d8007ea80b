//! Titles with their days, from a Parquet file.

use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};
use std::{collections::HashSet, fs::File, path::Path};

/// Titles with the day of their first appearance, in order of days; `path` is below the
/// repository's root. `None`, and a word on standard error, where the file is not there.
pub(crate) fn read(path: &str) -> Option<Vec<(i64, String)>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    let Ok(file) = File::open(&path) else {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    };
    let reader = SerializedFileReader::new(file).expect("a Parquet file");
    let mut rows = Vec::new();
    for row in reader.get_row_iter(None).expect("rows") {
        let (mut day, mut text) = (0, String::new());
        for (name, field) in row.expect("a row").get_column_iter() {
            match (name.as_str(), field) {
                ("date", Field::Date(value)) => day = i64::from(*value),
                ("text", Field::Str(value)) => text.clone_from(value),
                _ => {}
            }
        }
        rows.push((day, text));
    }
    rows.sort_by_key(|row| row.0);
    let mut seen = HashSet::new();
    rows.retain(|(_, text)| seen.insert(text.clone()));
    Some(rows)
}
