//! `driftline report`: a stored run again.

use crate::{
    args,
    command::{self, CommandError},
    exit_code,
};

pub(crate) async fn report(arguments: args::ReportArguments) -> miette::Result<u8> {
    let store = command::store(&arguments.store.store, true).await?;
    let found = store.report(&arguments.run).await;
    store.close().await;
    let found = found.map_err(|error| command::shown(error.into()))?;
    let report = found.ok_or_else(|| CommandError::Missing {
        what: format!(
            "the store {} has no run `{}`",
            arguments.store.store, arguments.run
        ),
    })?;
    super::run::print(&report, &arguments.output)?;
    Ok(exit_code::PASS)
}
