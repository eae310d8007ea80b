//! The same comparison for the rows of each slice: a value of a column, on both sides.

use super::{
    MeasuredWindow, PresetRequest, Sides, configuration, not_evaluated, side::Side, whole,
    wishes::Plan,
};
use crate::{PipelineError, rows::quoted};
use driftline_engine::{ProfileColumn, ProfileRequest, Rows};
use std::collections::BTreeSet;

/// Slices of a column, at most: each is read by itself.
const MOST_SLICES: usize = 200;

/// Adds what is measured of each slice to the window of all rows.
///
/// # Errors
/// [`PipelineError::Configuration`] for a column that is not there, has too many values, or
/// of which only profiles are known; those of the engine.
pub(crate) async fn measure(
    sides: &Sides<'_>,
    request: &PresetRequest,
    plan: &Plan,
    window: &mut MeasuredWindow,
) -> Result<(), PipelineError> {
    for by in &sides.source.by {
        let (ours, theirs) = (rows(&sides.baseline, by)?, rows(&sides.window, by)?);
        let (known, found) = (values(ours, by).await?, values(theirs, by).await?);
        for value in known.union(&found) {
            let slice = format!("{by}={value}");
            if let Some(missing) = [(&known, "baseline"), (&found, "window")]
                .into_iter()
                .find(|(values, _)| !values.contains(value))
            {
                let reason = format!("the {} has no such rows", missing.1);
                window.not_evaluated.push(not_evaluated(&slice, reason));
                continue;
            }
            let condition = format!(
                "SELECT * FROM source WHERE CAST({} AS VARCHAR) = '{}'",
                quoted(by),
                value.replace('\'', "''")
            );
            let of_slice = Sides {
                baseline: Side::of_rows(ours.prepare(&condition).await?),
                window: Side::of_rows(theirs.prepare(&condition).await?),
                source: sides.source,
            };
            // A column has one value in its own slice.
            let plan = plan.without(by);
            let measured = whole::measure(&of_slice, request, plan).await?;
            for mut found in measured.windows {
                for measured in &mut found.measured {
                    measured.slice = Some(slice.clone());
                }
                for missing in &mut found.not_evaluated {
                    missing.check = format!("{} of {slice}", missing.check);
                }
                window.measured.extend(found.measured);
                window.not_evaluated.extend(found.not_evaluated);
            }
        }
    }
    Ok(())
}

fn rows<'a>(side: &'a Side, by: &str) -> Result<&'a Rows, PipelineError> {
    match side {
        Side::Rows { rows, columns } if columns.iter().any(|column| column.name == by) => Ok(rows),
        Side::Rows { columns, .. } => {
            let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            Err(configuration(format!(
                "`--by` names `{by}`, which is no column of both sides; there are {}",
                known.join(", ")
            )))
        }
        Side::Profiles(_) => Err(configuration(
            "slices are rows, and a side is a profile; give the source itself",
        )),
    }
}

async fn values(rows: &Rows, by: &str) -> Result<BTreeSet<String>, PipelineError> {
    let text = format!(
        "SELECT CAST({} AS VARCHAR) AS slice FROM source",
        quoted(by)
    );
    let request = ProfileRequest {
        columns: vec![ProfileColumn {
            name: "slice".into(),
            text: false,
        }],
        ..ProfileRequest::default()
    };
    let profiles = rows.prepare(&text).await?.profile(&request).await?;
    let found = profiles.iter().filter_map(|row| row.profile.categorical());
    let found: Vec<_> = found.flat_map(|profile| profile.values()).collect();
    if found.len() > MOST_SLICES {
        return Err(configuration(format!(
            "`{by}` has more than {MOST_SLICES} values; slice by a column of fewer, or choose rows by `--prepare`"
        )));
    }
    Ok(found.into_iter().map(|value| value.value).collect())
}
