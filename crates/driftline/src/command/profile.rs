//! `driftline profile` and `driftline merge`.

mod tfdv;

use crate::{
    args::{self, ProfileFormat},
    command, exit_code, output,
};
use driftline_engine::{EngineConfig, profile_file};
use driftline_pipeline::{
    PipelineError, estimate,
    single::{self, SingleSource},
};
use miette::IntoDiagnostic;

pub(crate) async fn profile(
    arguments: args::Profile,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<u8> {
    let mut source = command::single(&arguments.source)?;
    source.time = arguments.time.time.clone();
    source.window = match &arguments.time.window {
        Some(width) => Some(width.parse().map_err(PipelineError::from)?),
        None => None,
    };
    source.time_zone = arguments.time.time_zone.clone();
    source.by = arguments.by.clone();
    if arguments.estimate {
        return estimate(&arguments, &source, &config).await;
    }
    if let Some(
        format @ (ProfileFormat::TfdvPbtxt | ProfileFormat::TfdvPb | ProfileFormat::Tfrecord),
    ) = arguments.format
    {
        return tfdv::profile(arguments, format, config, quiet).await;
    }
    if arguments.feature_statistics.is_given() {
        return Err(command::CommandError::Usage {
            argument: "--format",
            reason: "options of TFDV's statistics are for `--format tfdv-pbtxt`, `tfdv-pb` and `tfrecord`".into(),
        }
        .into());
    }
    let engine = command::engine(config)?;
    let profile = source.profile(&engine).await?;
    let file = arguments.output.as_deref();
    let to_parquet = file.is_some_and(|path| path.extension().is_some_and(|e| e == "parquet"));
    let format = arguments.format.unwrap_or(if to_parquet {
        ProfileFormat::Parquet
    } else {
        ProfileFormat::Table
    });
    match (format, file) {
        (ProfileFormat::Parquet, Some(path)) => {
            profile_file::write(path, profile.rows).map_err(PipelineError::from)?;
        }
        (ProfileFormat::Parquet, None) => {
            return Err(command::CommandError::Usage {
                argument: "--format parquet",
                reason: "a profile file is not printed; name one with `-o FILE.parquet`".into(),
            }
            .into());
        }
        (ProfileFormat::Json, _) => {
            output::put_with(file, |out| {
                single::write_profile_json(profile, &mut *out)?;
                // Files end with the brace.
                if file.is_none() {
                    writeln!(out)?;
                }
                Ok(())
            })?;
        }
        (_, _) => output::put(&single::profile_table(profile)?, file)?,
    }
    Ok(exit_code::PASS)
}

async fn estimate(
    arguments: &args::Profile,
    source: &SingleSource,
    config: &EngineConfig,
) -> miette::Result<u8> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is where the clock is"
    )]
    let start = std::time::Instant::now();
    let estimate = estimate::estimate(source, config, &|| start.elapsed()).await?;
    let text = match arguments.format {
        None | Some(ProfileFormat::Table) => estimate.table(),
        Some(ProfileFormat::Json) => {
            serde_json::to_string_pretty(&estimate.json()).into_diagnostic()?
        }
        Some(_) => {
            return Err(command::CommandError::Usage {
                argument: "--estimate",
                reason: "an estimate is printed as `--format table` or `--format json`".into(),
            }
            .into());
        }
    };
    output::put(&text, arguments.output.as_deref())?;
    Ok(exit_code::PASS)
}

pub(crate) fn merge(arguments: args::Merge) -> miette::Result<u8> {
    let mut parts = Vec::new();
    for path in &arguments.profiles {
        parts.extend(profile_file::read(path).map_err(PipelineError::from)?);
    }
    let merged = profile_file::merge(parts).map_err(PipelineError::from)?;
    profile_file::write(&arguments.output, merged.iter().map(Ok)).map_err(PipelineError::from)?;
    Ok(exit_code::PASS)
}
