//! Files of statistics and schemas, text or binary, and what people are shown of results.

use super::anomaly_info::Severity;
use super::{
    Anomalies, AnomalyInfo, DatasetFeatureStatisticsList, Named, Schema, from_binary, from_text,
    to_text,
};
use crate::SchemaError;
use similar::TextDiff;
use std::fmt::Write as _;

/// Reads a message, as binary where the name ends in `.pb` or the bytes are no text.
///
/// # Errors
/// [`SchemaError::Protobuf`] or [`SchemaError::Binary`] where it is no such message.
pub fn read_message<M: Named>(name: &str, bytes: &[u8]) -> Result<M, SchemaError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !name.ends_with(".pb") => from_text(name, text),
        _ => from_binary(name, bytes),
    }
}

/// Reads statistics of all slices; statistics alone, as text, are a list of one.
///
/// # Errors
/// Those of [`read_message`] for the list.
pub fn read_statistics(
    name: &str,
    bytes: &[u8],
) -> Result<DatasetFeatureStatisticsList, SchemaError> {
    read_message(name, bytes).or_else(|error| {
        let alone = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| from_text(name, text).ok());
        Ok(DatasetFeatureStatisticsList {
            datasets: vec![alone.ok_or(error)?],
        })
    })
}

/// The gravest severity of all anomalies; none where there are no anomalies.
pub fn gravest(anomalies: &Anomalies) -> Option<Severity> {
    let infos = anomalies
        .anomaly_info
        .values()
        .chain(&anomalies.dataset_anomaly_info);
    infos
        .map(AnomalyInfo::severity)
        .reduce(super::reason::graver)
}

/// The anomalies for people: one line for each reason.
pub fn anomalies_table(anomalies: &Anomalies) -> String {
    const FITS: &str = "a string takes any text";
    if anomalies.data_missing() {
        return "unknown: the statistics are of no example\n".to_owned();
    }
    let mut text = String::new();
    let dataset = anomalies
        .dataset_anomaly_info
        .iter()
        .map(|info| ("(dataset)", info));
    let features = anomalies
        .anomaly_info
        .iter()
        .map(|(path, info)| (path.as_str(), info));
    for (place, info) in dataset.chain(features) {
        let severity = info.severity().as_str_name().to_lowercase();
        for reason in &info.reason {
            let kind = reason.r#type().as_str_name();
            let words = match reason.description() {
                "" => reason.short_description(),
                long => long.trim_end(),
            };
            writeln!(text, "{severity:<8} {place}  {kind}: {words}").expect(FITS);
        }
    }
    if text.is_empty() {
        text.push_str("no anomalies\n");
    }
    text
}

/// What an update would change, as a unified diff of the text forms; empty for nothing.
pub fn schema_diff(before: &Schema, after: &Schema) -> String {
    let (before, after) = (to_text(before), to_text(after));
    TextDiff::from_lines(&before, &after)
        .unified_diff()
        .header("schema", "updated schema")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_alone_are_read_as_a_list_of_one() {
        let alone = read_statistics("s.pbtxt", b"num_examples: 3").unwrap();
        let listed = read_statistics("s.pbtxt", b"datasets { num_examples: 3 }").unwrap();
        assert_eq!(alone, listed);
        let binary = prost::Message::encode_to_vec(&alone);
        assert_eq!(read_statistics("s.pb", &binary).unwrap(), alone);
    }

    #[test]
    fn a_diff_shows_what_changes() {
        let before = from_text("a", "feature { name: 'x' type: INT }").unwrap();
        let after = from_text("b", "feature { name: 'x' type: FLOAT }").unwrap();
        let diff = schema_diff(&before, &after);
        assert!(diff.contains("-  type: INT\n+  type: FLOAT\n"), "{diff}");
        assert_eq!(schema_diff(&before, &before), "");
    }
}
