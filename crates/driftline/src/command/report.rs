//! `driftline report`: a stored run again.

use crate::{
    args,
    command::{self, CommandError},
    exit_code, output,
};
use driftline_pipeline::tensorboard;
use driftline_verdict::Report;

pub(crate) async fn report(arguments: args::ReportArguments) -> miette::Result<u8> {
    let report = stored(&arguments.store, &arguments.run).await?;
    if let Some(folder) = &arguments.tensorboard {
        let written = tensorboard::write(&report, folder)?;
        output::tell(&format!(
            "{written} values for TensorBoard in {}",
            folder.display()
        ));
    }
    super::run::print(&report, &arguments.output)?;
    Ok(exit_code::PASS)
}

/// A run of the store.
pub(crate) async fn stored(store: &args::StoreArguments, run: &str) -> miette::Result<Report> {
    let opened = command::open_store(&store.store, true).await?;
    let found = opened.report(run).await;
    opened.close().await;
    let found = found.map_err(|error| command::shown(error.into()))?;
    Ok(found.ok_or_else(|| CommandError::Missing {
        what: format!("the store {} has no run `{run}`", store.store),
    })?)
}
