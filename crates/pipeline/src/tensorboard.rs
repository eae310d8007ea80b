//! A run's trends as event files of TensorBoard, so that drift stands beside training curves.
//!
//! TensorBoard draws one line for each folder with events and lays lines of one tag over each
//! other. So the windows' values, the limits and the baseline are a folder each, and a tag is a
//! quantity.
//!
//! Source of the format: `tensorflow/core/util/event.proto` and
//! `tensorflow/core/framework/summary.proto` of TensorFlow; records are those of TFRecord.

use crate::{PipelineError, baseline::unwritable};
use chrono::DateTime;
use driftline_engine::{tfrecord, write_atomically};
use driftline_verdict::{
    Report,
    report::model::{Trend, TrendPoint},
};
use prost::Message;
use std::{ffi::OsStr, path::Path};

/// The end of the names of files that are ours, and may be replaced.
const OURS: &str = ".driftline";

/// One line of each chart: its folder, and what of a window it shows.
type Line = (&'static str, fn(&TrendPoint) -> Option<f64>);

const LINES: [Line; 4] = [
    ("window", |point| point.value),
    ("limit", |point| point.limit),
    ("lower_limit", |point| point.lower_limit),
    ("baseline", |point| point.baseline),
];

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    /// Of the first record only.
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<SummaryValue>,
}

#[derive(Clone, PartialEq, Message)]
struct SummaryValue {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// Writes the trends of a report under a log directory of TensorBoard, in a folder of its
/// monitor; a step is a window, its time the window's. What an earlier run left there is replaced.
/// Returns how many values were written.
///
/// # Errors
/// [`PipelineError`] where the folder cannot be written.
pub fn write(report: &Report, log_directory: &Path) -> Result<usize, PipelineError> {
    let made = seconds(&report.run.created_at).unwrap_or(0.0);
    let name = format!("events.out.tfevents.{made:.0}{OURS}");
    let of_monitor = log_directory.join(&report.run.pipeline);
    let mut written = 0;
    for (folder, of_point) in LINES {
        let events = events(&report.trends, of_point, made);
        let folder = of_monitor.join(folder);
        if events.is_empty() && !folder.exists() {
            continue;
        }
        std::fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        written += events.len();
        let first = Event {
            wall_time: made,
            file_version: Some("brain.Event:2".to_owned()),
            ..Event::default()
        };
        let records = std::iter::once(first).chain(events);
        let bytes: Vec<u8> = records
            .flat_map(|event| tfrecord(&event.encode_to_vec()))
            .collect();
        let file = folder.join(&name);
        write_atomically(&file, &bytes)?;
        forget_others(&folder, &name).map_err(|error| unwritable(&folder, &error))?;
    }
    Ok(written)
}

/// Removes what earlier runs wrote: TensorBoard would draw all of it as one line.
fn forget_others(folder: &Path, newest: &str) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.ends_with(OURS));
        if is_ours && name != OsStr::new(newest) {
            std::fs::remove_file(folder.join(name))?;
        }
    }
    Ok(())
}

fn events(trends: &[Trend], of_point: fn(&TrendPoint) -> Option<f64>, made: f64) -> Vec<Event> {
    let mut events = Vec::new();
    for trend in trends {
        for (step, point) in trend.points.iter().enumerate() {
            let Some(value) = of_point(point).filter(|value| value.is_finite()) else {
                continue;
            };
            let value = SummaryValue {
                tag: tag(trend),
                simple_value: Some(value as f32),
            };
            events.push(Event {
                wall_time: seconds(&point.window).unwrap_or(made),
                step: i64::try_from(step).unwrap_or(i64::MAX),
                summary: Some(Summary {
                    values: vec![value],
                }),
                ..Event::default()
            });
        }
    }
    events
}

/// What comes before the first slash is the section that TensorBoard shows a chart in.
fn tag(trend: &Trend) -> String {
    let mut tag = format!("{}/{}", trend.group, trend.name);
    if let Some(measure) = &trend.measure {
        tag += &format!("/{measure}");
    }
    tag
}

fn seconds(rfc3339: &str) -> Option<f64> {
    let instant = DateTime::parse_from_rfc3339(rfc3339).ok()?;
    Some(instant.timestamp_micros() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_engine::tfrecords;
    use driftline_verdict::{Run, Verdict, report::model::BaselineSummary};

    fn report(created_at: &str, values: &[f64]) -> Report {
        let points = values.iter().enumerate().map(|(day, value)| TrendPoint {
            window: format!("2024-01-{:02}T00:00:00Z", day + 1),
            value: Some(*value),
            limit: Some(0.4),
            lower_limit: None,
            baseline: None,
            alarm: *value > 0.4,
        });
        Report {
            run: Run {
                format_version: Run::FORMAT_VERSION,
                verdict: Verdict::Fail,
                pipeline: "titles".to_owned(),
                run_id: "1".to_owned(),
                created_at: created_at.to_owned(),
                baseline_id: "sha256:0".to_owned(),
                windows: Vec::new(),
                actions: Vec::new(),
                notes: Vec::new(),
            },
            baseline: BaselineSummary {
                source: "titles of 2023".to_owned(),
                start: None,
                end: None,
                rows: 1,
                blocks: 1,
                calibration: String::new(),
            },
            trends: vec![Trend {
                group: "drift".to_owned(),
                name: "title".to_owned(),
                measure: Some("jensen_shannon".to_owned()),
                unit: "bits".to_owned(),
                limit_label: None,
                points: points.collect(),
            }],
            distributions: Vec::new(),
            terms: Vec::new(),
            models: Vec::new(),
        }
    }

    fn read(folder: &Path) -> Vec<Event> {
        let files: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
        let bytes = std::fs::read(files[0].as_ref().unwrap().path()).unwrap();
        let records = tfrecords("events", &bytes).unwrap().unwrap();
        let events = records.iter().map(|record| Event::decode(&record[..]));
        events.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn every_window_is_a_step_and_a_newer_run_takes_the_place_of_an_older() {
        let folder = tempfile::tempdir().unwrap();
        let older = report("2024-01-03T00:00:00Z", &[0.1]);
        assert_eq!(write(&older, folder.path()).unwrap(), 2);
        let newer = report("2024-01-04T00:00:00Z", &[0.1, f64::NAN, 0.5]);
        assert_eq!(write(&newer, folder.path()).unwrap(), 5);
        let events = read(&folder.path().join("titles/window"));
        assert_eq!(events[0].file_version.as_deref(), Some("brain.Event:2"));
        let told: Vec<_> = events[1..]
            .iter()
            .map(|event| {
                let value = &event.summary.as_ref().unwrap().values[0];
                (
                    event.step,
                    event.wall_time,
                    value.tag.as_str(),
                    value.simple_value,
                )
            })
            .collect();
        const TAG: &str = "drift/title/jensen_shannon";
        assert_eq!(
            told,
            [
                (0, 1_704_067_200.0, TAG, Some(0.1)),
                (2, 1_704_240_000.0, TAG, Some(0.5))
            ]
        );
        assert_eq!(read(&folder.path().join("titles/limit")).len(), 4);
        assert!(!folder.path().join("titles/baseline").exists());
    }
}
