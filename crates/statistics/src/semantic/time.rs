//! Whether values are times, and how they are written.
//!
//! TFDV, `time_stats_generator.py`: strings against formats of `strptime`, integers
//! against the ranges that times since 1970 have between 1990 and 2030. The format that
//! most values match is the feature's, where enough do.

use super::{LEAST_VALUES, MATCH_SHARE, byte_values, integers};
use crate::features::FeatureType;
use arrow_array::{Array, ArrayRef};
use regex::{RegexSet, RegexSetBuilder};
use std::{fmt, sync::LazyLock};

/// How integers count time since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IntegerTimeFormat {
    /// Days.
    Days,
    /// Seconds.
    Seconds,
    /// Thousandths of seconds.
    Milliseconds,
    /// Millionths of seconds.
    Microseconds,
    /// Thousand-millionths of seconds.
    Nanoseconds,
}

impl IntegerTimeFormat {
    const ALL: [Self; 5] = [
        Self::Days,
        Self::Seconds,
        Self::Milliseconds,
        Self::Microseconds,
        Self::Nanoseconds,
    ];

    /// Its number in `TimeDomain.IntegerTimeFormat` of TensorFlow Metadata.
    pub fn number(self) -> i32 {
        match self {
            Self::Days => 5,
            Self::Seconds => 1,
            Self::Milliseconds => 2,
            Self::Microseconds => 3,
            Self::Nanoseconds => 4,
        }
    }

    fn per_day(self) -> i64 {
        match self {
            Self::Days => 1,
            Self::Seconds => 86_400,
            Self::Milliseconds => 86_400_000,
            Self::Microseconds => 86_400_000_000,
            Self::Nanoseconds => 86_400_000_000_000,
        }
    }

    /// Whether a value counts from 1990-01-01 to before 2030-01-01 (7,305 and 21,915
    /// days after 1970-01-01), in UTC.
    fn holds(self, value: i64) -> bool {
        (7_305 * self.per_day()..21_915 * self.per_day()).contains(&value)
    }
}

/// A way to write a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeFormat {
    /// As text, by a pattern of `strptime`.
    Text(&'static str),
    /// As an integer.
    Integer(IntegerTimeFormat),
}

/// What a domain says of it, in the text form of TensorFlow Metadata's `TimeDomain`.
impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(pattern) => write!(f, "time_domain {{string_format: '{pattern}'}}"),
            Self::Integer(format) => {
                write!(f, "time_domain {{integer_format: {}}}", format.number())
            }
        }
    }
}

const DATES: [&str; 17] = [
    "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%y-%m-%d", "%y/%m/%d", "%m-%d-%Y", "%m/%d/%Y", "%m%d%Y",
    "%m-%d-%y", "%m/%d/%y", "%d-%m-%Y", "%d/%m/%Y", "%d%m%Y", "%d-%B-%Y", "%d-%m-%y", "%d/%m/%y",
    "%d-%B-%y",
];

const TIMES: [&str; 3] = ["%H:%M", "%H:%M:%S", "%H:%M:%S.%f"];

const WHOLE: &str = "%a %b %d %H:%M:%S %Y";

struct Formats {
    names: Vec<&'static str>,
    patterns: RegexSet,
}

/// Dates, times, the whole form, then each date with each time behind `T` or a blank:
/// the order in which a tie is decided.
static FORMATS: LazyLock<Formats> = LazyLock::new(|| {
    let mut names: Vec<&'static str> = DATES.into_iter().chain(TIMES).collect();
    names.push(WHOLE);
    for date in DATES {
        for time in TIMES {
            for between in ["T", " "] {
                // Made once for the life of the process.
                names.push(String::leak(format!("{date}{between}{time}")));
            }
        }
    }
    let patterns = RegexSetBuilder::new(names.iter().map(|name| pattern(name)))
        .unicode(true)
        .size_limit(64 << 20)
        .build()
        .expect("the patterns are fixed and a test compiles them");
    Formats { names, patterns }
});

/// The expression that a format stands for. As in TFDV, what is no directive stands for
/// itself in an expression, so the dot before fractions of a second is any character;
/// and a line break may follow, which Python's `$` lets pass. Digits are those of ASCII.
fn pattern(format: &str) -> String {
    let mut pattern = String::from(r"\A(?:");
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            pattern.push(character);
            continue;
        }
        pattern.push_str(match characters.next() {
            Some('a') => "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
            Some('b') => "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
            Some('B') => {
                "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
            }
            Some('f') => "[0-9]{1,6}",
            Some('d') => "(?:3[01]|[12][0-9]|0[1-9]|[1-9]| [1-9])",
            Some('H') => "(?:2[0-3]|[01][0-9]|[0-9])",
            Some('y') => "[0-9]{2}",
            Some('Y') => "[0-9]{4}",
            Some('m') => "(?:1[0-2]|0[1-9]|[1-9])",
            Some('M') => "(?:[0-5][0-9]|[0-9])",
            // TFDV writes leap seconds as 600 and 601.
            Some('S') => "(?:60[01]|[0-5][0-9]|[0-9])",
            _ => unreachable!("the formats above have these directives alone"),
        });
    }
    pattern.push_str(r")\n?\z");
    pattern
}

/// How many values were looked at, and how many match each format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeFormats {
    considered: u64,
    invalid: bool,
    /// In the order of their first match, which decides ties.
    matches: Vec<(TimeFormat, u64)>,
}

impl TimeFormats {
    /// Adds the innermost values of a feature. Empty strings, nulls, bytes that are no
    /// UTF-8 and values that are neither strings nor integers rule times out for good.
    pub fn update(&mut self, feature_type: FeatureType, values: &ArrayRef) {
        if self.invalid {
            return;
        }
        match feature_type {
            FeatureType::String => self.update_strings(values),
            FeatureType::Int => {
                self.considered += values.len() as u64;
                for value in integers(values) {
                    for format in IntegerTimeFormat::ALL {
                        if format.holds(value) {
                            self.add(TimeFormat::Integer(format), 1);
                        }
                    }
                }
            }
            FeatureType::Float | FeatureType::Struct => self.invalid = true,
        }
    }

    fn update_strings(&mut self, values: &ArrayRef) {
        let texts: Option<Vec<&str>> = byte_values(values)
            .into_iter()
            .map(|bytes| std::str::from_utf8(bytes).ok().filter(|t| !t.is_empty()))
            .collect();
        let Some(texts) = texts.filter(|_| values.null_count() == 0) else {
            self.invalid = true;
            return;
        };
        self.considered += texts.len() as u64;
        for text in texts {
            for format in FORMATS.patterns.matches(text) {
                self.add(TimeFormat::Text(FORMATS.names[format]), 1);
            }
        }
    }

    fn add(&mut self, format: TimeFormat, count: u64) {
        match self.matches.iter_mut().find(|(known, _)| *known == format) {
            Some((_, matches)) => *matches += count,
            None => self.matches.push((format, count)),
        }
    }

    /// Adds what was seen elsewhere, later in the order of rows.
    pub fn merge(&mut self, other: &Self) {
        self.considered += other.considered;
        self.invalid |= other.invalid;
        for (format, count) in &other.matches {
            self.add(*format, *count);
        }
    }

    /// The format of the feature and the share of its values that match it, by the
    /// usual bounds: 100 values, 0.8 of them matching.
    pub fn format(&self) -> Option<(TimeFormat, f64)> {
        self.format_by(LEAST_VALUES, MATCH_SHARE)
    }

    /// As [`format`](Self::format), with bounds of one's own.
    pub fn format_by(&self, least_values: u64, match_share: f64) -> Option<(TimeFormat, f64)> {
        if self.invalid || self.considered < least_values {
            return None;
        }
        // The first of those with most matches.
        let mut best: Option<(TimeFormat, u64)> = None;
        for &(format, count) in &self.matches {
            if best.is_none_or(|(_, most)| count > most) {
                best = Some((format, count));
            }
        }
        let (format, count) = best?;
        let share = count as f64 / self.considered as f64;
        (share >= match_share).then_some((format, share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{BinaryArray, Int64Array, StringArray};
    use proptest::prelude::*;
    use std::{collections::BTreeMap, sync::Arc};

    fn of(values: &[&str]) -> TimeFormats {
        let mut formats = TimeFormats::default();
        let array: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
        formats.update(FeatureType::String, &array);
        formats
    }

    fn matched(values: &[&str]) -> BTreeMap<String, u64> {
        let matches = of(values).matches.into_iter();
        matches
            .map(|(format, count)| match format {
                TimeFormat::Text(pattern) => (pattern.to_owned(), count),
                TimeFormat::Integer(format) => (format!("{format:?}"), count),
            })
            .collect()
    }

    /// Rows of TFDV's `time_stats_generator_test.py`:
    /// `tensorflow_data_validation/statistics/generators/time_stats_generator_test.py:TimeStatsGeneratorValidFormatsTest.test_time_stats_generator_valid_formats_date_only_formats:p`,
    /// `tensorflow_data_validation/statistics/generators/time_stats_generator_test.py:TimeStatsGeneratorValidFormatsTest.test_time_stats_generator_valid_formats_time_only_formats:p`,
    /// `tensorflow_data_validation/statistics/generators/time_stats_generator_test.py:TimeStatsGeneratorValidFormatsTest.test_time_stats_generator_valid_formats_combined_formats:p`.
    #[test]
    fn values_match_the_formats_that_tfdv_matches() {
        let cases: [(&[&str], &[&str]); 3] = [
            (
                &[
                    "2018-11-30",
                    "2018/11/30",
                    "20181130",
                    "18-11-30",
                    "18/11/30",
                    "30-November-2018",
                ],
                &[
                    "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%y-%m-%d", "%d-%m-%y", "%y/%m/%d",
                    "%d/%m/%y", "%d-%B-%Y",
                ],
            ),
            (
                &["23:59", "23:59:58", "23:59:58.123456"],
                &["%H:%M", "%H:%M:%S", "%H:%M:%S.%f"],
            ),
            (
                &[
                    "2018-11-30T23:59",
                    "2018/11/30 23:59",
                    "Fri Nov 30 10:47:02 2018",
                ],
                &["%Y-%m-%dT%H:%M", "%Y/%m/%d %H:%M", "%a %b %d %H:%M:%S %Y"],
            ),
        ];
        for (values, formats) in cases {
            let expected = formats
                .iter()
                .map(|format| ((*format).to_owned(), 1))
                .collect();
            assert_eq!(matched(values), expected);
        }
    }

    #[test]
    fn a_format_is_proposed_where_enough_values_have_it() {
        let mut formats = of(&["2018-11-30"; 81]);
        assert_eq!(formats.format(), None, "too few values");
        formats.merge(&of(&["not a time"; 19]));
        let (format, share) = formats.format().unwrap();
        assert_eq!(
            format.to_string(),
            "time_domain {string_format: '%Y-%m-%d'}"
        );
        assert!((share - 0.81).abs() < 1e-12);
        formats.merge(&of(&["not a time"; 2]));
        assert_eq!(formats.format(), None, "too few of them match");
    }

    #[test]
    fn integers_are_times_of_the_unit_that_puts_them_between_1990_and_2030() {
        for (value, format) in [
            (7_305, Some(IntegerTimeFormat::Days)),
            (21_914, Some(IntegerTimeFormat::Days)),
            (21_915, None),
            (631_152_000, Some(IntegerTimeFormat::Seconds)),
            (1_893_456_000, None),
            (1_700_000_000_000, Some(IntegerTimeFormat::Milliseconds)),
            (1_700_000_000_000_000, Some(IntegerTimeFormat::Microseconds)),
            (
                1_700_000_000_000_000_000,
                Some(IntegerTimeFormat::Nanoseconds),
            ),
            (0, None),
            (i64::MIN, None),
        ] {
            let mut formats = TimeFormats::default();
            let array: ArrayRef = Arc::new(Int64Array::from(vec![value]));
            formats.update(FeatureType::Int, &array);
            let found = formats.format_by(1, 0.5).map(|(format, _)| format);
            assert_eq!(found, format.map(TimeFormat::Integer), "{value}");
        }
    }

    #[test]
    fn an_empty_string_rules_times_out() {
        let mut formats = of(&["2018-11-30"; 200]);
        formats.merge(&of(&["2018-11-30", ""]));
        assert_eq!(formats.format(), None);
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"\xff"[..]]));
        let mut formats = of(&["2018-11-30"; 200]);
        formats.update(FeatureType::String, &bytes);
        assert_eq!(formats.format(), None);
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(
            values in prop::collection::vec("[0-9]{1,4}[-/][0-9]{1,2}[-/][0-9]{1,4}|[a-z]{1,3}", 0..60),
            cut in any::<prop::sample::Index>(),
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let (head, tail) = values.split_at(cut.index(values.len() + 1));
            let mut merged = of(head);
            merged.merge(&of(tail));
            prop_assert_eq!(merged, of(&values));
        }
    }
}
