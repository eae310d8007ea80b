//! `driftline init`: a first pipeline from the data.

use crate::{
    args,
    command::{self, CommandError},
    exit_code, output,
};
use driftline_engine::EngineConfig;
use driftline_pipeline::init::{InitRequest, Starter, starter};

pub(crate) async fn init(
    arguments: args::Init,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<u8> {
    let folder = &arguments.out;
    let files = [Starter::PIPELINE, Starter::SCHEMA].map(|name| folder.join(name));
    // Told before the data is read, and again impossible once it was: nothing is lost.
    if let Some(there) = files.iter().find(|file| file.exists() && !arguments.force) {
        return Err(CommandError::Usage {
            argument: "--out",
            reason: format!(
                "{} is there; name another folder, or replace it with `--force`",
                there.display()
            ),
        }
        .into());
    }
    let name = arguments.name.map(|name| name.parse()).transpose();
    let name = name.map_err(|reason| CommandError::Usage {
        argument: "--name",
        reason,
    })?;
    let engine = command::engine(config)?;
    let made = starter(
        &engine,
        &InitRequest {
            source: arguments.source,
            live: arguments.live,
            name,
            folder: folder.clone(),
        },
    )
    .await?;
    std::fs::create_dir_all(folder).map_err(|error| CommandError::Unwritable {
        path: folder.display().to_string(),
        reason: error.to_string(),
    })?;
    let [pipeline, schema] = &files;
    output::put(&made.schema, Some(schema))?;
    output::put(&made.pipeline, Some(pipeline))?;
    if !quiet {
        for choice in &made.choices {
            output::tell(choice);
        }
        output::tell(&format!(
            "wrote {} and {}; now: driftline run {}",
            pipeline.display(),
            schema.display(),
            pipeline.display()
        ));
    }
    Ok(exit_code::PASS)
}
