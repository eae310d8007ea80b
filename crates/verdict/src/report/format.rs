//! How numbers, times and names are written, the same in every report.

use crate::{Finding, FindingKind, Window};
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The minus sign and the spaces are those of print, so that columns of digits line up.
const MINUS: char = '−';

/// A number with three significant digits; whole thousands are grouped.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    let digits = if value.is_nan() {
        return "not a number".to_owned();
    } else if size.is_infinite() {
        "∞".to_owned()
    } else if size < f64::MIN_POSITIVE {
        "0".to_owned()
    } else if !(5e-5..1e15).contains(&size) {
        format!("{size:.1e}").replace('-', "−")
    } else if size >= 1000.0 {
        count(size.round() as u64)
    } else {
        // Three significant digits: 123, 12.3, 1.23, 0.123, 0.0123.
        let places = (2 - size.log10().floor() as i32).max(0) as usize;
        format!("{size:.places$}")
    };
    if value < 0.0 {
        format!("{MINUS}{digits}")
    } else {
        digits
    }
}

/// A whole number in groups of three.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number with its unit; a `share`, or a `share of documents`, is written in per cent.
pub(crate) fn quantity(value: f64, unit: &str) -> String {
    let unit = clip(unit, 30);
    match (unit.as_str(), unit.strip_prefix("share")) {
        ("", _) => number(value),
        (_, Some(of)) => format!("{} %{of}", number(value * 100.0)),
        (unit, None) => format!("{} {unit}", number(value)),
    }
}

/// A probability, never rounded to zero.
pub(crate) fn probability(value: f64) -> String {
    if value < 0.001 {
        "< 0.001".to_owned()
    } else {
        number(value)
    }
}

/// A count with its noun, in singular or plural.
pub(crate) fn counted(value: usize, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(value as u64))
}

/// An instant without what says nothing: midnight is a date, seconds of zero are left out.
pub(crate) fn instant(rfc3339: &str) -> String {
    let Some((date, time)) = rfc3339.split_once('T') else {
        return rfc3339.to_owned();
    };
    match time.get(..5) {
        Some("00:00") | None => date.to_owned(),
        Some(minutes) => format!("{date} {minutes}"),
    }
}

/// Characters of an instant that are shown; a proper one has fewer.
const NAME: usize = 40;

/// What a window is called: its start, or its number where the data has no time.
pub(crate) fn window_name(window: &Window, place: usize) -> String {
    match &window.start {
        Some(start) => clip(&instant(start), NAME),
        None => format!("window {}", place + 1),
    }
}

/// From where to where a window goes.
pub(crate) fn window_span(window: &Window, place: usize) -> String {
    match (&window.start, &window.end) {
        (Some(start), Some(end)) => format!(
            "{} to {}",
            clip(&instant(start), NAME),
            clip(&instant(end), NAME)
        ),
        _ => window_name(window, place),
    }
}

/// A name of the configuration as words.
pub(crate) fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// What a finding is about, in a few words: its term, or its column and measure.
pub(crate) fn subject(finding: &Finding) -> String {
    let measure = finding.measure.as_deref().map(|measure| {
        if finding.kind == FindingKind::Anomaly || finding.kind == FindingKind::Rule {
            measure.to_owned()
        } else {
            words(measure)
        }
    });
    let mut subject = match (&finding.term, &finding.column, measure) {
        (Some(term), _, _) => term.clone(),
        (None, Some(column), Some(measure)) => format!("{column} ({measure})"),
        (None, Some(column), None) => column.clone(),
        (None, None, Some(measure)) => measure,
        (None, None, None) => finding.kind.name().to_owned(),
    };
    if let Some(slice) = &finding.slice {
        subject.push_str(&format!(" where {slice}"));
    }
    subject
}

/// The value against its limit, in words.
pub(crate) fn amount(finding: &Finding) -> Option<String> {
    let unit = finding.unit.as_deref().unwrap_or_default();
    let value = finding.value?;
    let shown = quantity(value, unit);
    Some(match finding.threshold {
        // A limit can be missed on either side, so the side is said.
        Some(limit) => {
            let side = if value < limit { "below" } else { "above" };
            format!("{shown}, {side} the limit of {}", quantity(limit, unit))
        }
        None => shown,
    })
}

/// Whether a character of the data would do something to what stands around it: line ends and
/// other control characters, which a terminal obeys, and marks of direction (Unicode
/// Standard Annex 9), which show what follows in another order.
pub fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text on one line, in which what [`misleads`] is written as Rust escapes it.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(misleads) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for character in text.chars() {
        match misleads(character) {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// At most so many characters, on one line and without what [`misleads`].
pub(crate) fn clip(text: &str, characters: usize) -> String {
    let mut line = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !misleads(*c));
    let mut clipped: String = line.by_ref().take(characters).collect();
    if line.next().is_some() {
        clipped.pop();
        clipped.push('…');
    }
    clipped
}

/// Text cut to so many columns of a terminal; a Chinese character fills two.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let mut fitted: String = text
        .chars()
        .take_while(|character| {
            used += character.width().unwrap_or(0);
            used <= columns
        })
        .collect();
    fitted.push('…');
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_significant_digits() {
        let written = [
            (0.0, "0"),
            (0.041_26, "0.0413"),
            (0.9996, "1.000"),
            (12.345, "12.3"),
            (123.4, "123"),
            (-4_518.6, "−4,519"),
            (1_234_567.0, "1,234,567"),
            (0.000_012, "1.2e−5"),
        ];
        for (value, text) in written {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_share_is_written_in_per_cent() {
        assert_eq!(quantity(0.0413, "share"), "4.13 %");
        assert_eq!(quantity(0.0413, "bits"), "0.0413 bits");
    }

    #[test]
    fn a_probability_is_never_zero() {
        assert_eq!(probability(0.0), "< 0.001");
        assert_eq!(probability(0.012), "0.0120");
    }

    #[test]
    fn midnight_is_a_date() {
        assert_eq!(instant("2023-01-02T00:00:00Z"), "2023-01-02");
        assert_eq!(instant("2023-01-02T14:30:00+08:00"), "2023-01-02 14:30");
        assert_eq!(instant("7"), "7");
    }

    #[test]
    fn chinese_text_is_cut_by_the_columns_it_fills() {
        assert_eq!(fit("情绪价值", 8), "情绪价值");
        assert_eq!(fit("情绪价值", 6), "情绪…");
    }

    #[test]
    fn clipping_counts_characters_and_drops_control_characters() {
        assert_eq!(clip("退钱\u{0}哥", 3), "退钱哥");
        assert_eq!(clip("一二三四五", 3), "一二…");
        assert_eq!(clip("a\nb", 9), "a b");
    }
}
