//! The texts with a term: some that show a person how it is used, and whether they look
//! written apart.
//!
//! Which texts are shown depends on the texts alone, not on their order: those
//! with the least hash. What could name a person is masked before anything is kept.

use crate::{EngineError, Rows};
use aho_corasick::AhoCorasick;
use chrono_tz::Tz;
use datafusion::{
    arrow::{
        array::{Array, AsArray},
        datatypes::TimestampMicrosecondType,
    },
    common::ScalarValue,
    logical_expr::lit,
};
use driftline_statistics::units::{UnitReader, normalize_text};
use driftline_vocabulary::Mentions;
use futures::StreamExt;
use regex::Regex;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::LazyLock,
};
use xxhash_rust::xxh3::xxh3_64;

/// Characters of an example, at most.
pub const EXAMPLE_CHARS: usize = 120;

/// Which texts are sought.
#[derive(Debug, Clone)]
pub struct MentionsRequest<'a> {
    /// The column of text.
    pub text: &'a str,
    /// The column of who wrote it, where there is one.
    pub author: Option<&'a str>,
    /// The time column, and the zone of times without one.
    pub time: Option<(&'a str, Tz)>,
    /// The terms, in normal form.
    pub terms: &'a [String],
    /// Examples of each, at most.
    pub examples: usize,
}

/// The texts with a term.
#[derive(Debug, Clone, Default)]
pub struct TermTexts {
    /// Different texts, masked and cut.
    pub examples: Vec<String>,
    /// What the texts say of where they come from.
    pub mentions: Mentions,
}

impl Rows {
    /// The texts with each term, whose normal form has it; terms without any are not listed.
    /// Take the rows of one window by [`within`](Rows::within).
    ///
    /// Masked in examples are links, e-mail addresses, @names and numbers of five digits or
    /// more (also with spaces or hyphens in between).
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`], [`EngineError::NotATime`], and what the rows' query
    /// fails with.
    pub async fn mentions(
        &self,
        request: &MentionsRequest<'_>,
    ) -> Result<BTreeMap<String, TermTexts>, EngineError> {
        let finder = Finder::new(request.terms);
        self.gathered(request, |text| finder.terms_of(text)).await
    }

    /// All texts, as those with a term are told by [`mentions`](Self::mentions); terms are not asked for.
    ///
    /// # Errors
    /// As [`mentions`](Self::mentions).
    pub async fn all_mentions(
        &self,
        request: &MentionsRequest<'_>,
    ) -> Result<TermTexts, EngineError> {
        let mut found = self.gathered(request, |_| BTreeSet::from([""])).await?;
        Ok(found.remove("").unwrap_or_default())
    }

    /// Texts by what they are told of for.
    async fn gathered<'t>(
        &self,
        request: &MentionsRequest<'_>,
        terms_of: impl Fn(&str) -> BTreeSet<&'t str>,
    ) -> Result<BTreeMap<String, TermTexts>, EngineError> {
        let author = match request.author {
            Some(author) => self.text_expr(author)?,
            None => lit(ScalarValue::Utf8(None)),
        };
        let time = self.time_expr(request.time)?;
        let columns = vec![
            self.text_expr(request.text)?.alias("text"),
            author.alias("author"),
            time.alias("time"),
        ];
        let mut stream = self.ordered_frame(columns)?.execute_stream().await?;
        let mut reader = UnitReader::default();
        let mut found: BTreeMap<&str, (Kept, Mentions)> = BTreeMap::new();
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            let authors = batch.column(1).as_string::<i32>();
            let times = batch.column(2).as_primitive::<TimestampMicrosecondType>();
            for (row, text) in batch.column(0).as_string::<i32>().iter().enumerate() {
                let Some(text) = text else { continue };
                let normal = normalize_text(text);
                for term in terms_of(&normal) {
                    let (kept, mentions) = found.entry(term).or_default();
                    let author = authors.is_valid(row).then(|| authors.value(row));
                    let author = author.map(|author| xxh3_64(author.as_bytes()));
                    let at = times.is_valid(row).then(|| times.value(row));
                    mentions.add(&mut reader, (&normal, term), author, at);
                    let example = cut(&mask(text), term);
                    kept.insert((xxh3_64(example.as_bytes()), example));
                    if kept.len() > request.examples {
                        kept.pop_last();
                    }
                }
            }
        }
        let texts = found.into_iter().map(|(term, (kept, mentions))| {
            let examples = kept.into_iter().map(|(_, example)| example).collect();
            (term.to_owned(), TermTexts { examples, mentions })
        });
        Ok(texts.collect())
    }
}

/// Examples in the order of their hashes, so that the same are kept in whatever order rows come.
type Kept = BTreeSet<(u64, String)>;

/// Finds all terms of a text in one pass over it.
struct Finder<'t> {
    terms: &'t [String],
    automaton: AhoCorasick,
}

impl<'t> Finder<'t> {
    fn new(terms: &'t [String]) -> Self {
        let automaton = AhoCorasick::new(terms).expect("terms have fewer than 2³¹ bytes");
        Self { terms, automaton }
    }

    /// The different terms of a text; one of Latin letters not inside a longer word.
    fn terms_of(&self, text: &str) -> BTreeSet<&'t str> {
        self.automaton
            .find_overlapping_iter(text)
            .filter(|found| !found.is_empty() && stands_alone(text, found.range()))
            .map(|found| self.terms[found.pattern()].as_str())
            .collect()
    }
}

/// Whether what stands at a place is not a piece of a longer Latin word or number.
fn stands_alone(text: &str, place: Range<usize>) -> bool {
    let joins = |a: Option<char>, b: Option<char>| {
        let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        latin(a) && latin(b)
    };
    let (before, rest) = text.split_at(place.start);
    let (term, after) = rest.split_at(place.len());
    !joins(before.chars().next_back(), term.chars().next())
        && !joins(term.chars().next_back(), after.chars().next())
}

/// A text without what could name a person.
pub(crate) fn mask(text: &str) -> String {
    static MASKS: LazyLock<[(Regex, &str); 4]> = LazyLock::new(|| {
        [
            (r"(?i)(?:https?://|www\.)[^\s\p{Han}，。！？、]+", "[link]"),
            (r"(?i)[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+", "[mail]"),
            (r"[@＠][\w·-]{1,30}", "@…"),
            (r"\d(?:[\s-]?\d){4,}", "[number]"),
        ]
        .map(|(pattern, mask)| (Regex::new(pattern).expect("a test masks with each"), mask))
    });
    let mut masked = Cow::Borrowed(text.trim());
    for (pattern, mask) in MASKS.iter() {
        if let Cow::Owned(changed) = pattern.replace_all(&masked, *mask) {
            masked = Cow::Owned(changed);
        }
    }
    masked.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most [`EXAMPLE_CHARS`] characters of a text, around the term if it is found.
pub(crate) fn cut(text: &str, term: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= EXAMPLE_CHARS {
        return text.to_owned();
    }
    let lower = text.to_lowercase();
    let place = lower.find(term).map_or(0, |bytes| {
        lower
            .get(..bytes)
            .map_or(0, |before| before.chars().count())
    });
    let start = place
        .saturating_sub(EXAMPLE_CHARS / 3)
        .min(characters.len() - EXAMPLE_CHARS);
    let end = start + EXAMPLE_CHARS;
    let mut example = String::new();
    if start > 0 {
        example.push('…');
    }
    example.extend(&characters[start..end]);
    if end < characters.len() {
        example.push('…');
    }
    example
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_name_a_person_is_masked() {
        for (text, masked) in [
            ("看 https://t.cn/A6x?q=1 转发", "看 [link] 转发"),
            ("@小明 你好＠Tom-2", "@… 你好@…"),
            ("电话138 1234-5678联系", "电话[number]联系"),
            ("mail me: a.b@c.com!", "mail me: [mail]!"),
            ("2023年涨了5.2%", "2023年涨了5.2%"),
            ("微信１２３４５６", "微信[number]"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }

    #[test]
    fn a_latin_term_is_a_word_of_its_own() {
        for (text, term, found) in [
            ("we love art", "art", true),
            ("a party", "art", false),
            ("a party of art", "art", true),
            ("小米su7太帅", "su7", true),
            ("小米su77", "su7", false),
            ("我破防了", "破防", true),
            ("x", "", false),
        ] {
            let terms = [term.to_owned()];
            let finder = Finder::new(&terms);
            assert_eq!(finder.terms_of(text).len(), usize::from(found), "{text}");
        }
    }

    #[test]
    fn terms_within_and_across_one_another_are_all_found_once() {
        let terms = ["破防", "防了", "我破防了", "破防"].map(str::to_owned);
        let found = Finder::new(&terms);
        let found: Vec<&str> = found.terms_of("我破防了 破防").into_iter().collect();
        assert_eq!(found, ["我破防了", "破防", "防了"]);
    }

    #[test]
    fn long_texts_are_cut_around_the_term() {
        let text = format!("{}破防{}", "前".repeat(300), "后".repeat(300));
        let example = cut(&text, "破防");
        assert!(example.contains("破防") && example.chars().count() == EXAMPLE_CHARS + 2);
        assert!(cut(&text, "没有").starts_with("前"));
    }
}
