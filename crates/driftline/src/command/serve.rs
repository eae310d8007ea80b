//! `driftline serve`: pipelines at an interval, the outbox, the status API.

use crate::{args, command, exit_code, output};
use driftline_engine::EngineConfig;
use driftline_monitor::{
    CancellationToken, Evaluator, EventSettings, OidcSettings, PipelineEvaluator, ServeOptions,
    Server, api::ApiSettings,
};
use driftline_pipeline::Pipeline;
use std::{path::PathBuf, sync::Arc};

pub(crate) async fn serve(arguments: args::Serve, config: EngineConfig) -> miette::Result<u8> {
    let every = command::duration("--every", &arguments.every)?;
    let keep = arguments
        .keep
        .as_deref()
        .map(|text| command::duration("--keep", text))
        .transpose()?;
    let mut evaluators: Vec<Arc<dyn Evaluator>> = Vec::new();
    for path in &arguments.pipelines {
        let pipeline = Pipeline::read(path)?;
        let folder = PathBuf::from("driftline-out").join(pipeline.name.as_str());
        let evaluator = PipelineEvaluator::new(pipeline, config.clone(), Some(folder))
            .map_err(command::shown)?
            .watching(path.clone());
        evaluators.push(Arc::new(evaluator));
    }
    let oidc = match (&arguments.oidc_issuer, &arguments.oidc_audience) {
        (Some(issuer), Some(audience)) => {
            let settings = OidcSettings::new(issuer, audience, &arguments.oidc_scope_claim);
            Some(settings.map_err(command::shown)?)
        }
        _ => None,
    };
    let store = command::open_store(&arguments.store.store, false).await?;
    let options = ServeOptions {
        listen: arguments.listen,
        allow_remote: arguments.allow_remote,
        every,
        keep,
        api: ApiSettings {
            require_key: arguments.require_key,
            oidc,
            requests_per_second: arguments.rate_limit.map(Into::into),
            ..ApiSettings::default()
        },
        events: EventSettings {
            base_url: arguments.base_url,
            ..EventSettings::default()
        },
        ..ServeOptions::default()
    };
    let server = Server::bind(evaluators, store, options)
        .await
        .map_err(command::shown)?;
    output::tell(&format!("listening on http://{}", server.address()));
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let signal = tokio::spawn(async move {
        let code = crate::signalled().await;
        stop.cancel();
        code
    });
    server.run(shutdown).await.map_err(command::shown)?;
    // A server that was asked to end has ended well; the code says by whom.
    Ok(signal.await.unwrap_or(exit_code::TERMINATED))
}
