//! `driftline calibrate`: what a pipeline's limits will do.

use crate::{
    args::{Calibrate, Format},
    command, exit_code,
    output::{self, Progress},
};
use driftline_engine::EngineConfig;
use driftline_pipeline::{Pipeline, calibrate};
use miette::IntoDiagnostic;

pub(crate) async fn calibrate(
    verb: Calibrate,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<u8> {
    let engine = command::engine(config)?;
    let progress = Progress::new(quiet);
    progress.say("learning the baseline");
    let (text, wanted, code) = match verb {
        Calibrate::Plan(arguments) => {
            let pipeline = Pipeline::read(&arguments.pipeline)?;
            let planned = calibrate::plan(&engine, &pipeline).await?;
            let text = match arguments.output.format {
                Format::Table => calibrate::plan_table(&pipeline, &planned),
                Format::Json => serde_json::to_string_pretty(&planned).into_diagnostic()?,
            };
            let code = match planned.plan.not_calibrated {
                Some(_) => exit_code::UNREADABLE,
                None => exit_code::PASS,
            };
            (text, arguments.output, code)
        }
        Calibrate::Verify(arguments) => {
            let pipeline = Pipeline::read(&arguments.pipeline)?;
            let verified = calibrate::verify(&engine, &pipeline, arguments.parts.into()).await?;
            let text = match arguments.output.format {
                Format::Table => calibrate::verification_table(&verified),
                Format::Json => serde_json::to_string_pretty(&verified).into_diagnostic()?,
            };
            // Alarms that the stated rate does not explain.
            let code = match verified.verification.interval.0 > verified.verification.stated {
                true => exit_code::FAIL,
                false => exit_code::PASS,
            };
            (text, arguments.output, code)
        }
    };
    drop(progress);
    output::put(&text, wanted.output.as_deref())?;
    Ok(code)
}
