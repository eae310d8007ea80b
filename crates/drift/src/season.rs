//! Which stretches of a baseline are of a window's season.
//!
//! A night is unlike a day, and like other nights. Held against a baseline of all hours and
//! by stretches of any hour, it has to be stranger than the strangest hour of the week
//! before anybody is told, and a night that looks like a day is nearer to that baseline than
//! a night ever was. So a window shorter than a week is compared with the blocks of its own
//! hours of the week, and its null is of stretches that begin at its hour, give or take one,
//! as daylight saving time does.
//!
//! That takes ten weeks at least. Where the baseline has fewer, one weekday counts for
//! another and a day of the weekend for the other, and where that is not enough, one hour
//! of the day for another, and one of the night. A longer window sees all of a week.
//!
//! A holiday is a Sunday: whoever makes blocks says so with its hours.

use crate::replay::{Block, LEAST_WINDOWS};
use serde::{Deserialize, Serialize};

/// Hours of a week, of a day.
const WEEK: u16 = 168;
const DAY: u16 = 24;
/// First hour of the weekend.
const WEEKEND: u16 = 5 * DAY;
/// First hour of what counts as day, and the first after it.
const DAYLIGHT: std::ops::Range<u16> = 7..19;

/// Which hours count as one season.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alike {
    /// The same hour of the week, give or take one.
    HourOfWeek,
    /// The same hour of the day, give or take one, of weekdays or of weekends.
    HourOfDay,
    /// Days, or nights, of weekdays or of weekends.
    DayOrNight,
}

/// The season of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Season {
    /// The hour of the week that it begins with, from Monday's first.
    pub hour: u16,
    /// Which others are like it.
    pub alike: Alike,
}

impl Season {
    /// Whether an hour of the week is of this season.
    fn holds(self, hour: u16) -> bool {
        let near = |a: u16, b: u16, round: u16| {
            let ahead = (a % round + round - b % round) % round;
            ahead <= 1 || ahead == round - 1
        };
        let weekend = |hour: u16| hour >= WEEKEND;
        let daylight = |hour: u16| DAYLIGHT.contains(&(hour % DAY));
        match self.alike {
            Alike::HourOfWeek => near(self.hour, hour, WEEK),
            Alike::HourOfDay => weekend(self.hour) == weekend(hour) && near(self.hour, hour, DAY),
            Alike::DayOrNight => {
                weekend(self.hour) == weekend(hour) && daylight(self.hour) == daylight(hour)
            }
        }
    }

    /// Which season, in words: `the same hour of the week`.
    pub fn words(self) -> &'static str {
        match self.alike {
            Alike::HourOfWeek => "the same hour of the week",
            Alike::HourOfDay => "the same hour of weekdays or of weekends",
            Alike::DayOrNight => "days or nights of weekdays or of weekends",
        }
    }
}

/// The hours of the week of a baseline's blocks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Calendar {
    hours: Vec<u16>,
    /// Hours of one block.
    step: u16,
}

impl Calendar {
    /// The calendar of blocks in order of time; `None` where one of them has no hour, or
    /// blocks are shorter than an hour or longer than a day.
    pub(crate) fn of(blocks: &[Block]) -> Option<Self> {
        let hours: Vec<u16> = blocks
            .iter()
            .map(|block| Some(block.hour_of_week? % WEEK))
            .collect::<Option<_>>()?;
        // The most frequent step: gaps and holidays make others, and several blocks of one
        // hour make none.
        let step = |pair: &[u16]| (pair[1] + WEEK - pair[0]) % WEEK;
        let often = |step_of: u16| {
            hours
                .windows(2)
                .filter(|pair| step(pair) == step_of)
                .count()
        };
        let most = (1..=DAY).max_by_key(|&step| often(step))?;
        (often(most) > often(0)).then_some(Self { hours, step: most })
    }

    /// Blocks of the baseline.
    pub(crate) fn len(&self) -> usize {
        self.hours.len()
    }

    /// The season of a window of so many blocks that begins with this hour, if the baseline
    /// can be matched with it.
    pub(crate) fn season(&self, length: usize, hour: u16) -> Option<Season> {
        let hours = length.checked_mul(usize::from(self.step))?;
        if hours >= usize::from(WEEK) {
            return None;
        }
        let mut alike = vec![Alike::HourOfWeek];
        alike.extend((hours <= usize::from(DAY)).then_some(Alike::HourOfDay));
        alike.extend((hours <= usize::from(DAY / 2)).then_some(Alike::DayOrNight));
        let seasons = alike.into_iter().map(|alike| Season {
            hour: hour % WEEK,
            alike,
        });
        seasons.into_iter().find(|season| {
            let starts = self.starts(*season, length);
            apart(&starts, length).count() >= LEAST_WINDOWS
        })
    }

    /// Blocks with which a stretch of the season begins, without a gap in it.
    pub(crate) fn starts(&self, season: Season, length: usize) -> Vec<usize> {
        let ahead = self.step * (length.saturating_sub(1) % usize::from(DAY)) as u16;
        let whole = |&start: &usize| {
            let last = self.hours.get(start + length - 1);
            last.is_some_and(|last| (self.hours[start] + ahead) % DAY == last % DAY)
        };
        (0..self.hours.len())
            .filter(|&block| season.holds(self.hours[block]))
            .filter(whole)
            .collect()
    }

    /// Whether each block is of an hour that a window of the season holds.
    pub(crate) fn blocks(&self, season: Season, length: usize) -> Vec<bool> {
        let mut held = [false; WEEK as usize];
        for at in 0..length.min(usize::from(WEEK)) {
            let hour = (season.hour + at as u16 * self.step) % WEEK;
            let season = Season { hour, ..season };
            for (hour, held) in (0..WEEK).zip(&mut held) {
                *held |= season.holds(hour);
            }
        }
        self.hours
            .iter()
            .map(|&hour| held[usize::from(hour)])
            .collect()
    }
}

/// Of ascending starts, those of stretches that do not overlap, as many as there are.
pub(crate) fn apart(starts: &[usize], length: usize) -> impl Iterator<Item = usize> + '_ {
    let mut free = 0;
    starts.iter().copied().filter(move |&start| {
        let fits = start >= free;
        if fits {
            free = start + length;
        }
        fits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(hours: impl Iterator<Item = u16>) -> Calendar {
        let blocks: Vec<Block> = hours
            .map(|hour| Block {
                hour_of_week: Some(hour % WEEK),
                ..Block::default()
            })
            .collect();
        Calendar::of(&blocks).unwrap()
    }

    #[test]
    fn a_window_is_matched_as_finely_as_ten_stretches_allow() {
        let weeks = |weeks: u16| calendar(0..weeks * WEEK);
        let alike =
            |weeks_of: u16, length| weeks(weeks_of).season(length, 3).map(|season| season.alike);
        assert_eq!(alike(12, 6), Some(Alike::HourOfWeek));
        assert_eq!(alike(12, 24), Some(Alike::HourOfWeek));
        assert_eq!(alike(4, 24), Some(Alike::HourOfDay));
        assert_eq!(alike(1, 6), Some(Alike::DayOrNight));
        assert_eq!(
            alike(4, 48),
            None,
            "of a day and more only hours of the week are alike"
        );
        assert_eq!(alike(40, 168), None, "a week holds every hour");
    }

    #[test]
    fn stretches_of_the_season_begin_at_its_hour_and_have_no_gap() {
        // Days: every seventh is a Monday.
        let days = calendar((0..70).map(|day| day * DAY));
        let monday = days.season(1, 0).unwrap();
        assert_eq!(
            days.starts(monday, 1),
            (0..70).step_by(7).collect::<Vec<_>>()
        );
        assert_eq!(
            days.blocks(monday, 1).iter().filter(|held| **held).count(),
            10
        );
        // Hours, five of which are missing on the second Monday.
        let hours = (0..12 * WEEK).filter(|hour| !(WEEK + 5..WEEK + 10).contains(hour));
        let hours = calendar(hours);
        let night = hours.season(6, 4).unwrap();
        let starts = hours.starts(night, 6);
        assert_eq!(apart(&starts, 6).count(), 11);
        assert!(
            starts
                .iter()
                .all(|&start| [3, 4, 5].contains(&hours.hours[start]))
        );
    }

    #[test]
    fn hours_wrap_round_the_week() {
        let sunday = Season {
            hour: WEEK - 1,
            alike: Alike::HourOfWeek,
        };
        let held: Vec<u16> = (0..WEEK).filter(|&hour| sunday.holds(hour)).collect();
        assert_eq!(held, [0, WEEK - 2, WEEK - 1]);
        let saturday = Season {
            hour: WEEKEND,
            alike: Alike::HourOfDay,
        };
        let held: Vec<u16> = (0..WEEK).filter(|&hour| saturday.holds(hour)).collect();
        assert_eq!(held, [120, 121, 143, 144, 145, 167]);
    }
}
