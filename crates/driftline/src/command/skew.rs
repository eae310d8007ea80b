//! `driftline skew`.

use crate::{
    args::{self, Format},
    command::{self, CommandError},
    exit_code, output,
};
use driftline_engine::{EngineConfig, SkewRequest};
use driftline_pipeline::{single::SingleSource, skew};
use driftline_verdict::Verdict;
use miette::IntoDiagnostic;

pub(crate) async fn skew(arguments: args::Skew, config: EngineConfig) -> miette::Result<u8> {
    if let Some(share) = arguments.max_share
        && !(0.0..=1.0).contains(&share)
    {
        return Err(CommandError::Usage {
            argument: "--max-share",
            reason: format!("{share} is no share between 0 and 1"),
        }
        .into());
    }
    let engine = command::engine(config)?;
    let side = |location: &str| SingleSource {
        source: location.to_owned(),
        skip_corrupt: arguments.skip_corrupt,
        prepare: arguments.prepare.clone(),
        ..SingleSource::default()
    };
    let request = SkewRequest {
        keys: arguments.key.clone(),
        ignore: arguments.ignore.clone(),
        float_digits: arguments.float_digits,
        allow_duplicate_keys: arguments.allow_duplicate_keys,
        samples: arguments.samples,
    };
    let base = side(&arguments.base).rows(&engine).await?;
    let test = side(&arguments.test).rows(&engine).await?;
    let found = base
        .skew(&test, &request)
        .await
        .map_err(driftline_pipeline::PipelineError::from)?;
    let verdict = skew::verdict(&found, arguments.max_share);
    let text = match arguments.output.format {
        Format::Table => skew::table(&found, verdict),
        Format::Json => {
            serde_json::to_string_pretty(&skew::json(&found, verdict)).into_diagnostic()?
        }
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(match verdict {
        Verdict::Unknown => exit_code::UNREADABLE,
        verdict => exit_code::of_verdict(verdict, false),
    })
}
