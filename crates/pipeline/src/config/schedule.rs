//! When a pipeline runs: `schedule:` of a pipeline.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{fmt, str::FromStr};

/// When `driftline serve` runs a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Minute, hour, day of the month, month, day of the week, as `cron` reads them.
    pub cron: CronText,
    /// The time zone of the hours, as in the IANA database.
    #[serde(default)]
    pub time_zone: ZoneName,
    /// What happens to runs whose time passed while no server ran.
    #[serde(default)]
    pub catch_up: CatchUp,
}

/// What happens to runs whose time passed while no server ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// One run at once stands for all of them.
    #[default]
    Once,
    /// Each is made up for, oldest first, as of its time.
    All,
    /// They are left out.
    Skip,
}

impl ScheduleConfig {
    /// The first time after this one; `None` where there is none, as for the 30th of February.
    ///
    /// An hour that a change of the clocks leaves out runs at its end; one that comes twice runs
    /// the first time.
    pub fn next_after(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = instant.with_timezone(&self.time_zone.0);
        let next = self.cron.cron.find_next_occurrence(&local, false).ok()?;
        Some(next.with_timezone(&Utc)).filter(|next| *next > instant)
    }

    /// What no single value shows to be wrong.
    pub(super) fn mistake(&self) -> Option<(&'static str, String)> {
        // Any instant before the first of any use: the pattern has no year.
        let some_day = DateTime::from_timestamp(1_700_000_000, 0)?;
        if self.next_after(some_day).is_none() {
            return Some(("cron", format!("`{}` never comes", self.cron)));
        }
        None
    }
}

/// A cron pattern of five fields.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct CronText {
    text: String,
    #[schemars(skip)]
    cron: croner::Cron,
}

impl FromStr for CronText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |reason: String| {
            format!(
                "`{text}` is no cron pattern: {reason}; write five fields, as `0 6 * * 1-5` for \
                 six o'clock on weekdays"
            )
        };
        let fields = text.split_whitespace().count();
        if fields != 5 && !text.trim().starts_with('@') {
            return Err(wrong(format!("it has {fields} fields")));
        }
        let cron = text.parse::<croner::Cron>().map_err(|error| {
            let said = error.to_string();
            wrong(said.trim_end_matches('.').to_owned())
        })?;
        Ok(Self {
            text: text.trim().to_owned(),
            cron,
        })
    }
}

impl<'de> Deserialize<'de> for CronText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

impl fmt::Display for CronText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The name of a time zone; UTC unless one is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct ZoneName(pub Tz);

impl Default for ZoneName {
    fn default() -> Self {
        Self(Tz::UTC)
    }
}

impl<'de> Deserialize<'de> for ZoneName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let zone = text.parse().map_err(|_| {
            D::Error::custom(format!(
                "`{text}` is no time zone: write one of the IANA database, as `Asia/Shanghai`"
            ))
        })?;
        Ok(Self(zone))
    }
}

impl Serialize for ZoneName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(cron: &str, zone: &str) -> ScheduleConfig {
        ScheduleConfig {
            cron: cron.parse().unwrap(),
            time_zone: ZoneName(zone.parse().unwrap()),
            catch_up: CatchUp::Once,
        }
    }

    /// The next times after an instant, in the schedule's zone.
    fn next(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let schedule = schedule(cron, zone);
        let mut at: DateTime<Utc> = after.parse().unwrap();
        let mut found = Vec::new();
        for _ in 0..count {
            at = schedule.next_after(at).unwrap();
            found.push(at.with_timezone(&schedule.time_zone.0).to_rfc3339());
        }
        found
    }

    #[test]
    fn hours_are_those_of_the_zone() {
        assert_eq!(
            next("0 6 * * 1-5", "Asia/Shanghai", "2026-11-26T21:00:00Z", 2),
            ["2026-11-27T06:00:00+08:00", "2026-11-30T06:00:00+08:00"].map(str::to_owned)
        );
    }

    /// Clocks went from 02:00 to 03:00 on 2026-03-29, and from 03:00 to 02:00 on 2026-10-25.
    #[test]
    fn a_day_with_a_change_of_the_clocks_has_one_run() {
        let spring = next("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
        assert_eq!(spring[1], "2026-03-30T02:30:00+02:00");
        assert!(spring[0].starts_with("2026-03-29T03:"), "{}", spring[0]);
        let autumn = next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(
            autumn,
            ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
        );
    }

    #[test]
    fn the_29th_of_february_comes_every_four_years_and_the_30th_never() {
        assert_eq!(
            next("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1),
            ["2028-02-29T00:00:00+00:00"]
        );
        assert!(schedule("0 0 29 2 *", "UTC").mistake().is_none());
        let never = schedule("0 0 30 2 *", "UTC").mistake().unwrap();
        assert!(never.1.contains("never comes"), "{}", never.1);
    }

    #[test]
    fn a_pattern_that_is_none_says_how_to_write_one() {
        for wrong in [
            "",
            "every day",
            "0 6 * *",
            "0 0 6 * * *",
            "61 * * * *",
            "0 25 * * *",
        ] {
            let said = wrong.parse::<CronText>().unwrap_err();
            assert!(said.contains("0 6 * * 1-5"), "{wrong}: {said}");
        }
        assert!("@daily".parse::<CronText>().is_ok());
    }
}
