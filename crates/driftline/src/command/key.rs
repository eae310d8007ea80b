//! `driftline key`: who may use a server's status API.

use crate::{
    args::{self, Format, ScopeName},
    command::{self, CommandError},
    exit_code, output,
};
use driftline_monitor::{Clock, FreshKey, SystemClock};
use driftline_store::Scope;
use driftline_verdict::report::misleads;
use miette::IntoDiagnostic;

/// Characters of the name of a key.
const NAME_CHARACTERS: usize = 200;

pub(crate) async fn key(verb: args::KeyVerb) -> miette::Result<u8> {
    match verb {
        args::KeyVerb::Create(arguments) => create(arguments).await,
        args::KeyVerb::List(arguments) => list(arguments).await,
        args::KeyVerb::Rotate(arguments) => rotate(arguments).await,
        args::KeyVerb::Revoke(arguments) => revoke(arguments).await,
    }
}

async fn create(arguments: args::KeyCreate) -> miette::Result<u8> {
    let now = SystemClock.now();
    let expires = arguments
        .expires
        .as_deref()
        .map(|text| command::duration("--expires", text))
        .transpose()?;
    let scope = match arguments.scope {
        ScopeName::Gate => Scope::Gate,
        ScopeName::Read => Scope::Read,
        ScopeName::Write => Scope::Write,
        ScopeName::Admin => Scope::Admin,
    };
    if expires.is_some_and(|left| left.is_zero()) {
        return Err(CommandError::Usage {
            argument: "--expires",
            reason: "a key that has ended opens nothing: give a length of time above 0".into(),
        }
        .into());
    }
    let name = checked_name(&arguments.name)?;
    let fresh = FreshKey::new(name, scope, now, expires.map(|left| now + left));
    let store = command::open_store(&arguments.store.store, false).await?;
    let kept = store.add_key(&fresh.key, &fresh.secret_hash, None).await;
    command::ended(&store, kept).await?;
    output::put(&fresh.text, None)?;
    Ok(exit_code::PASS)
}

/// A name that stands in a list as one line and shows what it says.
fn checked_name(name: &str) -> Result<&str, CommandError> {
    let reason = match name {
        name if name.trim().is_empty() => "say whose the key is: the list tells keys apart by it",
        name if name.chars().count() > NAME_CHARACTERS => "at most 200 characters",
        name if name.chars().any(misleads) => {
            "it has line ends, control characters or marks of direction"
        }
        name => return Ok(name.trim()),
    };
    Err(CommandError::Usage {
        argument: "--name",
        reason: reason.into(),
    })
}

async fn list(arguments: args::KeyList) -> miette::Result<u8> {
    let store = command::open_store(&arguments.store.store, true).await?;
    let keys = store.keys().await;
    let keys = command::ended(&store, keys).await?;
    let text = match arguments.output.format {
        Format::Json => {
            serde_json::to_string_pretty(&serde_json::json!({ "items": keys })).into_diagnostic()?
        }
        Format::Table if keys.is_empty() => "no keys".to_owned(),
        Format::Table => {
            let lines = keys.iter().map(|key| {
                let until = key
                    .expires_at
                    .map_or_else(String::new, |end| format!("  until {end}"));
                format!("{}  {:<6} {}{until}", key.id, key.scope.name(), key.name)
            });
            lines.collect::<Vec<_>>().join("\n")
        }
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(exit_code::PASS)
}

async fn rotate(arguments: args::KeyRotate) -> miette::Result<u8> {
    let now = SystemClock.now();
    let until = now + command::duration("--overlap", &arguments.overlap)?;
    let store = command::open_store(&arguments.store.store, false).await?;
    let rotated = async {
        let Some((old, _)) = store.key(&arguments.id).await? else {
            return Ok(None);
        };
        // It is good for as long as the old one was from its beginning.
        let expires = old.expires_at.map(|end| now + (end - old.created_at));
        let fresh = FreshKey::new(&old.name, old.scope, now, expires);
        let instead_of = Some((old.id.as_str(), until));
        let kept = store.add_key(&fresh.key, &fresh.secret_hash, instead_of);
        Ok(kept.await?.then_some(fresh))
    };
    let rotated = rotated.await;
    let fresh = command::ended(&store, rotated).await?;
    let fresh = fresh.ok_or_else(|| no_key(&arguments.id))?;
    output::put(&fresh.text, None)?;
    Ok(exit_code::PASS)
}

async fn revoke(arguments: args::KeyRevoke) -> miette::Result<u8> {
    let store = command::open_store(&arguments.store.store, false).await?;
    let found = store.end_key(&arguments.id, SystemClock.now()).await;
    match command::ended(&store, found).await? {
        true => Ok(exit_code::PASS),
        false => Err(no_key(&arguments.id).into()),
    }
}

fn no_key(id: &str) -> CommandError {
    CommandError::Missing {
        what: format!("there is no key `{id}`: see `driftline key list`"),
    }
}
