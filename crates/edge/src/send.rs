//! Profiles on their way to a server: as many tries as there is time for, none lost.

use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::spool::{Spool, Waiting, random};
use crate::{EdgeError, ServerArguments, tell};

/// What a profile is sent as.
const CONTENT_TYPE: &str = "application/octet-stream";
/// Wait before the second try; it doubles each time, up to the longest, and is drawn between a
/// half and one and a half of it, so that devices that failed together do not come back together.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Time for one request.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read, and characters of them that are told.
const MOST_BYTES: u64 = 64 << 10;
const MOST_SAID: usize = 300;
/// Characters of a name.
const NAME_CHARACTERS: usize = 64;
/// What a server says of a profile that it will never take (`code` of its problem).
const REFUSALS: [&str; 5] = [
    "bad_profile",
    "profile_unfit",
    "id_taken",
    "too_large",
    "not_bytes",
];

/// Where profiles are sent, and where they wait.
#[derive(Debug)]
pub(crate) struct Sending {
    url: String,
    key: Option<String>,
    spool: Spool,
    time: Duration,
    agent: ureq::Agent,
}

/// Why a profile was not taken.
enum Trouble {
    /// Another try may help, after this time where the server says so.
    Temporary(String, Option<Duration>),
    /// The server takes no profile as it is asked: a wrong key, no such monitor.
    Refused(String),
    /// It will never take this one.
    ProfileRefused(String),
}

impl Sending {
    /// Checks the arguments and opens the spool; `None` where nothing is to be sent.
    pub(crate) fn new(arguments: &ServerArguments) -> Result<Option<Self>, EdgeError> {
        let (Some(server), Some(monitor), Some(edge)) =
            (&arguments.server, &arguments.monitor, &arguments.edge)
        else {
            return Ok(None);
        };
        let usage = |argument, reason: String| EdgeError::Usage { argument, reason };
        for (argument, name) in [("--monitor", monitor), ("--edge", edge)] {
            if !is_name(name) {
                let said = format!(
                    "`{name}` is not 1 to {NAME_CHARACTERS} letters, digits, `.`, `_` and `-`"
                );
                return Err(usage(argument, said));
            }
        }
        let server = server.trim_end_matches('/');
        let host = server.strip_prefix("http://");
        if host.is_none_or(|host| host.is_empty() || host.contains(['?', '#', '@'])) {
            let said = format!(
                "`{server}` is no address; write `http://HOST:PORT`, without a user or a query (a \
                 server behind TLS is reached through a proxy beside this process)"
            );
            return Err(usage("--server", said));
        }
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(REQUEST_TIME))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        let most_bytes = arguments.spool_mib.saturating_mul(1 << 20);
        Ok(Some(Self {
            url: format!("{server}/api/v1/profiles?monitor={monitor}&edge={edge}&id="),
            key: arguments.key.as_deref().map(read_key).transpose()?,
            spool: Spool::open(&arguments.spool, monitor, edge, most_bytes)?,
            time: Duration::from_secs(arguments.send_for),
            agent: config.into(),
        }))
    }

    /// Puts a profile into the spool and sends what is there, the oldest first.
    pub(crate) fn send(&self, file: &[u8]) -> Result<(), EdgeError> {
        self.spool.add(file)?;
        let until = now() + self.time;
        let waiting = self.spool.waiting()?;
        let (mut sent, mut refused) = (0, None);
        for (at, one) in waiting.iter().enumerate() {
            match self.send_one(one, until) {
                Ok(()) => sent += 1,
                Err(Trouble::ProfileRefused(reason)) => {
                    tell(&format!("{} is not taken: {reason}", one.id));
                    self.spool.refused(one)?;
                    refused = Some(reason);
                }
                Err(Trouble::Temporary(reason, _) | Trouble::Refused(reason)) => {
                    return Err(EdgeError::Unsent {
                        waiting: waiting.len() - at,
                        spool: self.spool.folder(),
                        reason,
                    });
                }
            }
        }
        tell(&format!("{sent} profiles sent"));
        match refused {
            Some(reason) => Err(EdgeError::Refused { reason }),
            None => Ok(()),
        }
    }

    fn send_one(&self, waiting: &Waiting, until: Instant) -> Result<(), Trouble> {
        let unreadable = |error: EdgeError| Trouble::Refused(error.to_string());
        let Some(content) = self.spool.read(waiting).map_err(unreadable)? else {
            return Ok(());
        };
        let mut wait = FIRST_WAIT;
        loop {
            let (reason, asked) = match self.post(&waiting.id, &content) {
                Ok(()) => return self.spool.taken(waiting).map_err(unreadable),
                Err(Trouble::Temporary(reason, asked)) => (reason, asked),
                Err(trouble) => return Err(trouble),
            };
            let pause = asked.unwrap_or(Duration::ZERO).max(jittered(wait));
            if now() + pause >= until {
                return Err(Trouble::Temporary(reason, asked));
            }
            std::thread::sleep(pause);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn post(&self, id: &str, content: &[u8]) -> Result<(), Trouble> {
        let mut request = self
            .agent
            .post(format!("{}{id}", self.url))
            .header("content-type", CONTENT_TYPE);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let answer = request.send(content);
        let mut answer = answer.map_err(|error| Trouble::Temporary(error.to_string(), None))?;
        let status = answer.status().as_u16();
        if matches!(status, 200 | 201) {
            return Ok(());
        }
        let after = answer.headers().get("retry-after");
        let after = after.and_then(|after| after.to_str().ok()?.trim().parse().ok());
        let mut said = String::new();
        let reader = answer.body_mut().as_reader();
        // What cannot be read is not told; the status is.
        let read = reader.take(MOST_BYTES).read_to_string(&mut said);
        let problem: Value = match read {
            Ok(_) => serde_json::from_str(&said).unwrap_or_default(),
            Err(_) => Value::Null,
        };
        let told = problem["detail"].as_str().unwrap_or(said.trim());
        let told: String = told.chars().take(MOST_SAID).collect();
        let reason = format!("the server says {status}: {told}");
        let is_refused = problem["code"]
            .as_str()
            .is_some_and(|code| REFUSALS.contains(&code));
        Err(match status {
            _ if is_refused => Trouble::ProfileRefused(reason),
            408 | 425 | 429 | 500..=599 => {
                Trouble::Temporary(reason, after.map(Duration::from_secs))
            }
            _ => Trouble::Refused(reason),
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a device waits for a server in real time"
)]
fn now() -> Instant {
    Instant::now()
}

/// Between a half and one and a half of a wait.
fn jittered(wait: Duration) -> Duration {
    let share = (random() % 1_000) as f64 / 1_000.0;
    wait.mul_f64(0.5 + share)
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    // A folder is named after it.
    let is_folder = !text.chars().all(|c| c == '.');
    (1..=NAME_CHARACTERS).contains(&text.len()) && text.chars().all(fits) && is_folder
}

/// A key that is named, never written out where lists of processes show it.
fn read_key(reference: &str) -> Result<String, EdgeError> {
    let wrong = |reason: String| EdgeError::Usage {
        argument: "--key",
        reason,
    };
    let read = match reference.split_once(':') {
        Some(("env", name)) => std::env::var(name).map_err(|error| error.to_string()),
        Some(("file", path)) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
        _ => {
            return Err(wrong(
                "a key is not written out but named: env:NAME or file:PATH".to_owned(),
            ));
        }
    };
    let key = read.map_err(|error| wrong(format!("`{reference}` cannot be read: {error}")))?;
    let key = key.trim();
    match !key.is_empty() && key.chars().all(|c| c.is_ascii_graphic()) {
        true => Ok(key.to_owned()),
        false => Err(wrong(format!("`{reference}` holds no key"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_a_server_takes_and_a_folder_may_have() {
        for good in ["kiosk-7", "a.b_c", "1"] {
            assert!(is_name(good), "{good}");
        }
        for wrong in ["", "..", ".", "a/b", "a b", "é", &"x".repeat(65)] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn waits_differ_and_stay_near() {
        let waits: Vec<Duration> = (0..50).map(|_| jittered(FIRST_WAIT)).collect();
        assert!(
            waits
                .iter()
                .all(|w| *w >= FIRST_WAIT / 2 && *w < FIRST_WAIT * 3 / 2)
        );
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }
}
