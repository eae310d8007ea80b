//! Names, lengths of time and roles, as they are written in a pipeline.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{fmt, str::FromStr};

/// A name of letters, digits, `-` and `_`, fit for folders, columns and URLs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a part of what this names.
    pub(crate) fn joined(&self, part: &str) -> Self {
        Self(format!("{}_{part}", self.0))
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !text.is_empty() && text.len() <= 64 && text.chars().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(format!(
                "`{text}` is no name: use 1 to 64 letters, digits, `-` and `_`"
            ))
        }
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A length of time written `10s`, `30m`, `1h`, `7d`, `2w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct Duration {
    seconds: u64,
}

impl Duration {
    /// A duration of so many minutes.
    pub fn from_minutes(minutes: u64) -> Self {
        Self {
            seconds: minutes * 60,
        }
    }

    /// Its length in seconds.
    pub fn seconds(self) -> u64 {
        self.seconds
    }

    /// Its length in microseconds.
    pub fn micros(self) -> i64 {
        i64::try_from(self.seconds)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000_000)
    }
}

const UNITS: [(&str, u64); 5] = [
    ("w", 604_800),
    ("d", 86_400),
    ("h", 3_600),
    ("m", 60),
    ("s", 1),
];

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no length of time: write 30m, 1h, 7d or 2w");
        let text = text.trim();
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(split);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let (_, seconds) = UNITS
            .iter()
            .find(|(name, _)| *name == unit.trim())
            .ok_or_else(wrong)?;
        match number.checked_mul(*seconds) {
            Some(0) | None => Err(wrong()),
            Some(seconds) if seconds > 100 * 366 * 86_400 => Err(wrong()),
            Some(seconds) => Ok(Self { seconds }),
        }
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, length) = UNITS
            .iter()
            .find(|(_, length)| self.seconds.is_multiple_of(*length))
            .expect("every duration is a multiple of a second");
        write!(f, "{}{unit}", self.seconds / length)
    }
}

/// A role, by its name in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(with = "driftline_schema::Role")]
pub struct RoleName(pub driftline_schema::Role);

impl<'de> Deserialize<'de> for RoleName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let roles = driftline_schema::Role::ALL;
        match roles.iter().find(|role| role.name() == text) {
            Some(role) => Ok(Self(*role)),
            None => {
                let known: Vec<&str> = roles.iter().map(|role| role.name()).collect();
                Err(D::Error::custom(format!(
                    "`{text}` is no role; the roles are {}",
                    known.join(", ")
                )))
            }
        }
    }
}
