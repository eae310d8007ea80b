//! Builds that differ refuse each other: the same plan could mean something else to them.

use crate::EngineError;
use datafusion::{
    common::{
        config::{ConfigEntry, ConfigExtension, ExtensionOptions},
        config_err,
    },
    error::Result,
    prelude::SessionConfig,
};
use std::any::Any;

/// What tells this build from others: a hash of everything that gives a plan or a state its
/// meaning, made by the build script.
const BUILD: &str = env!("DRIFTLINE_BUILD");

/// The build of who asks, which goes with every query among its settings; empty at first.
#[derive(Debug, Clone, Default)]
struct Asking(String);

impl ConfigExtension for Asking {
    const PREFIX: &'static str = "driftline";
}

impl ExtensionOptions for Asking {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        if key != "build" {
            return config_err!("there is no setting driftline.{key}");
        }
        value.clone_into(&mut self.0);
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        vec![ConfigEntry {
            key: "driftline.build".into(),
            value: Some(self.0.clone()),
            description: "the build of who asks",
        }]
    }
}

/// The settings of a query that this program asks.
pub(super) fn asking(config: SessionConfig) -> SessionConfig {
    config.with_option_extension(Asking(BUILD.to_owned()))
}

/// Settings that take the build of whoever asks.
pub(super) fn asked(config: SessionConfig) -> SessionConfig {
    config.with_option_extension(Asking::default())
}

/// Refuses a query of another build. `here` is where this process is.
pub(super) fn check(config: &SessionConfig, here: &str) -> Result<()> {
    let asking = config.options().extensions.get::<Asking>();
    let theirs = asking.map_or("", |asking| asking.0.as_str());
    if theirs == BUILD {
        return Ok(());
    }
    let theirs = match theirs {
        "" => "a program that names no build".to_owned(),
        build => format!("build {build}"),
    };
    Err(EngineError::Cluster {
        address: here.to_owned(),
        reason: format!(
            "it is of build {BUILD} and was asked by {theirs}; run the same program everywhere"
        ),
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballista_core::extension::SessionConfigHelperExt;

    #[test]
    fn a_query_of_another_build_is_refused() {
        let sent = asking(SessionConfig::new()).to_key_value_pairs();
        let config = asked(SessionConfig::new()).update_from_key_value_pair(&sent);
        assert!(check(&config, "df://a:1").is_ok());
        for other in ["", "0123456789abcdef"] {
            let mut config = asked(SessionConfig::new());
            config.options_mut().set("driftline.build", other).unwrap();
            let error = check(&config, "df://a:1").unwrap_err().to_string();
            assert!(error.contains("run the same program everywhere"), "{error}");
        }
    }
}
