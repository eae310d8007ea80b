//! `driftline profile --format tfdv-pbtxt|tfdv-pb|tfrecord`.

use crate::{
    args::{self, ProfileFormat},
    command::{self, CommandError},
    exit_code, output,
};
use driftline_engine::EngineConfig;
use driftline_pipeline::{
    PipelineError,
    feature_statistics::{FeatureStatistics, StatisticsOptions},
};
use driftline_schema::tfmd;
use std::{io::Write, path::Path};

/// Writes statistics as TFDV's message.
pub(super) async fn profile(
    arguments: args::Profile,
    format: ProfileFormat,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<u8> {
    if arguments.time.time.is_some() || arguments.time.window.is_some() {
        return Err(CommandError::Usage {
            argument: "--time",
            reason: "TFDV's statistics know no windows; filter rows in `--prepare`, or slice by `--slice-sql`".into(),
        }
        .into());
    }
    let options = arguments
        .feature_statistics
        .options(&arguments.by, |file| Ok(StatisticsOptions::read(file)?))?;
    let engine = command::engine(config)?;
    let source = command::single(&arguments.source)?;
    let FeatureStatistics {
        list,
        skipped,
        bounds,
    } = source.feature_statistics(&engine, &options).await?;
    let file = arguments.output.as_deref();
    match format {
        ProfileFormat::TfdvPb => put_bytes(&tfmd::to_binary(&list), file)?,
        ProfileFormat::Tfrecord => {
            put_bytes(&driftline_engine::tfrecord(&tfmd::to_binary(&list)), file)?;
        }
        _ => output::put(&tfmd::to_text(&list), file)?,
    }
    // A column without statistics is told even where nothing else is.
    for reason in skipped {
        output::tell(&format!("skipped: {reason}"));
    }
    if !quiet {
        for bound in bounds {
            output::tell(&format!("not exact: {bound}"));
        }
    }
    Ok(exit_code::PASS)
}

fn put_bytes(bytes: &[u8], file: Option<&Path>) -> Result<(), CommandError> {
    let Some(path) = file else {
        let mut out = std::io::stdout().lock();
        return match out.write_all(bytes).and_then(|()| out.flush()) {
            // A reader that closed the pipe has seen enough.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(CommandError::Unwritable {
                    path: "standard output".into(),
                    reason: error.to_string(),
                })
            }
            _ => Ok(()),
        };
    };
    Ok(driftline_engine::write_atomically(path, bytes).map_err(PipelineError::from)?)
}
