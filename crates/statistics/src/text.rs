//! Free text: lengths, scripts, repeats, and what is needed to replay it.
//!
//! Drift of text is judged by replaying windows out of the baseline, and text comes
//! in documents: thinning it word by word would break up the dependence between the
//! words of a document and make the null far too narrow. So beside counts of hashed
//! unit bigrams, the profile keeps a sample of whole documents, each with its
//! bigrams. The sample is the texts of least hash (bottom-k): of two samples the
//! least k together are those of the union, whatever the order of merging.

use crate::{
    allocated,
    categorical::CategoricalProfile,
    numeric::NumericProfile,
    units::{UnitReader, extend_hash, is_emoji, mix},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use unicode_script::{Script, UnicodeScript};

/// Cells into which bigrams of units are hashed.
pub const CELLS: usize = 4_096;

/// Distinct texts in the sample of a profile.
pub const SAMPLE_SIZE: usize = 512;

/// Bigrams kept of a text in the sample, from its beginning.
pub const MAX_SAMPLED_CELLS: usize = 64;

/// Which texts a sample holds depends on their hash and this alone.
const SAMPLE_SEED: u64 = 0x5851_f42d_4c95_7f2d;

/// Mergeable summary of a column of free text.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TextProfile {
    characters: NumericProfile,
    units: NumericProfile,
    bytes: NumericProfile,
    scripts: [u64; ScriptGroup::ALL.len()],
    with_emoji: u64,
    with_link: u64,
    with_repeat: u64,
    values: CategoricalProfile,
    /// Empty until the first text.
    cells: Vec<u32>,
    sample: BTreeMap<u64, SampledText>,
    #[serde(skip)]
    reader: UnitReader,
}

/// A distinct text of the sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledText {
    /// How often the text occurred, by its normal form.
    pub count: u32,
    /// Cells of its first [`MAX_SAMPLED_CELLS`] bigrams, in order.
    pub cells: Vec<u16>,
}

/// Scripts as they are told apart in a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScriptGroup {
    /// Han characters.
    Han,
    /// Hiragana, katakana and bopomofo.
    Kana,
    /// Hangul.
    Hangul,
    /// Latin letters.
    Latin,
    /// Cyrillic letters.
    Cyrillic,
    /// Arabic letters.
    Arabic,
    /// Letters of any other script.
    OtherLetter,
    /// Digits and other numerals.
    Digit,
    /// Emoji.
    Emoji,
    /// White space.
    Space,
    /// Punctuation, symbols and everything else.
    Other,
}

impl ScriptGroup {
    /// Every group, in the order in which profiles list them.
    pub const ALL: [Self; 11] = [
        Self::Han,
        Self::Kana,
        Self::Hangul,
        Self::Latin,
        Self::Cyrillic,
        Self::Arabic,
        Self::OtherLetter,
        Self::Digit,
        Self::Emoji,
        Self::Space,
        Self::Other,
    ];

    /// The group of a character.
    pub fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' => return Self::Latin,
            '0'..='9' => return Self::Digit,
            '\u{4e00}'..='\u{9fff}' => return Self::Han,
            // The long vowel mark is common to both kana, which Unicode calls no script.
            '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' => {
                return Self::Kana;
            }
            ' ' | '\t' | '\n' | '\r' => return Self::Space,
            '\0'..='\u{7f}' => return Self::Other,
            _ if c.is_whitespace() => return Self::Space,
            _ if is_emoji(c) => return Self::Emoji,
            _ => {}
        }
        match c.script() {
            Script::Han => Self::Han,
            Script::Hiragana | Script::Katakana | Script::Bopomofo => Self::Kana,
            Script::Hangul => Self::Hangul,
            Script::Latin => Self::Latin,
            Script::Cyrillic => Self::Cyrillic,
            Script::Arabic => Self::Arabic,
            _ if c.is_alphabetic() => Self::OtherLetter,
            _ if c.is_numeric() => Self::Digit,
            _ => Self::Other,
        }
    }

    /// The name by which reports and files call the group.
    pub fn name(self) -> &'static str {
        match self {
            Self::Han => "han",
            Self::Kana => "kana",
            Self::Hangul => "hangul",
            Self::Latin => "latin",
            Self::Cyrillic => "cyrillic",
            Self::Arabic => "arabic",
            Self::OtherLetter => "other_letter",
            Self::Digit => "digit",
            Self::Emoji => "emoji",
            Self::Space => "space",
            Self::Other => "other",
        }
    }
}

impl TextProfile {
    /// Adds one text.
    pub fn update(&mut self, text: &str) {
        let mut characters = 0_u32;
        for c in text.chars() {
            characters += 1;
            self.scripts[ScriptGroup::of(c) as usize] += 1;
        }
        self.reader.read(text);
        self.characters.update(characters.into());
        self.units.update(self.reader.unit_count() as f64);
        self.bytes.update(text.len() as f64);
        self.with_emoji += u64::from(self.reader.has_emoji());
        self.with_link += u64::from(self.reader.has_link());
        self.with_repeat += u64::from(self.reader.has_repeat());
        self.values.update(text);

        self.cells.resize(CELLS, 0);
        for_each_cell(&self.reader, |cell| {
            let count = &mut self.cells[usize::from(cell)];
            *count = count.saturating_add(1);
        });
        let priority = mix(self.reader.document_hash() ^ SAMPLE_SEED);
        if let Some(sampled) = self.sample.get_mut(&priority) {
            sampled.count = sampled.count.saturating_add(1);
        } else if self.sample.len() < SAMPLE_SIZE
            || self
                .sample
                .last_key_value()
                .is_some_and(|(&last, _)| priority < last)
        {
            let mut cells = Vec::new();
            for_each_cell(&self.reader, |cell| {
                if cells.len() < MAX_SAMPLED_CELLS {
                    cells.push(cell);
                }
            });
            self.sample
                .insert(priority, SampledText { count: 1, cells });
            self.trim_sample();
        }
    }

    fn trim_sample(&mut self) {
        while self.sample.len() > SAMPLE_SIZE {
            self.sample.pop_last();
        }
    }

    /// Adds the texts of another profile.
    pub fn merge(&mut self, other: &Self) {
        self.characters.merge(&other.characters);
        self.units.merge(&other.units);
        self.bytes.merge(&other.bytes);
        for (mine, theirs) in self.scripts.iter_mut().zip(other.scripts) {
            *mine = mine.saturating_add(theirs);
        }
        self.with_emoji += other.with_emoji;
        self.with_link += other.with_link;
        self.with_repeat += other.with_repeat;
        self.values.merge(&other.values);
        self.cells
            .resize(self.cells.len().max(other.cells.len()), 0);
        for (mine, &theirs) in self.cells.iter_mut().zip(&other.cells) {
            *mine = mine.saturating_add(theirs);
        }
        for (&priority, theirs) in &other.sample {
            self.sample
                .entry(priority)
                .and_modify(|mine| mine.count = mine.count.saturating_add(theirs.count))
                .or_insert_with(|| theirs.clone());
        }
        self.trim_sample();
    }

    /// The greatest of its counts.
    pub(crate) fn counted(&self) -> u64 {
        let lengths = [&self.characters, &self.units, &self.bytes];
        let texts = [self.with_emoji, self.with_link, self.with_repeat];
        (lengths.into_iter().map(NumericProfile::counted))
            .chain(texts)
            .fold(self.values.counted(), u64::max)
    }

    /// Number of texts.
    pub fn texts(&self) -> u64 {
        self.characters.count()
    }

    /// Lengths in characters (Unicode scalar values).
    pub fn characters(&self) -> &NumericProfile {
        &self.characters
    }

    /// Lengths in units ([`crate::units`]), stretched repeats cut to two.
    pub fn units(&self) -> &NumericProfile {
        &self.units
    }

    /// Lengths in bytes of UTF-8.
    pub fn bytes(&self) -> &NumericProfile {
        &self.bytes
    }

    /// Characters by script, in the order of [`ScriptGroup::ALL`].
    pub fn scripts(&self) -> impl Iterator<Item = (ScriptGroup, u64)> {
        ScriptGroup::ALL.into_iter().zip(self.scripts)
    }

    /// Texts with an emoji.
    pub fn with_emoji(&self) -> u64 {
        self.with_emoji
    }

    /// Texts with a link or an e-mail address.
    pub fn with_link(&self) -> u64 {
        self.with_link
    }

    /// Texts in which a unit stands three times or more in a row.
    pub fn with_repeat(&self) -> u64 {
        self.with_repeat
    }

    /// Distinct texts, by their bytes.
    pub fn distinct(&self) -> crate::DistinctEstimate {
        self.values.distinct()
    }

    /// The texts as values: how often the most frequent occur, how many are empty.
    pub fn values(&self) -> &CategoricalProfile {
        &self.values
    }

    /// Counts of hashed bigrams of units: [`CELLS`] of them, or none if there was no text.
    /// A run of one unit counts as a bigram of its own.
    pub fn cells(&self) -> &[u32] {
        &self.cells
    }

    /// A sample of at most [`SAMPLE_SIZE`] distinct texts, with how often each occurred:
    /// every distinct normal form is as likely to be in it as every other.
    pub fn sample(&self) -> impl ExactSizeIterator<Item = &SampledText> {
        self.sample.values()
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        // Nodes of the tree are two thirds full.
        let node = size_of::<(u64, SampledText)>() * 3 / 2;
        let sampled = self.sample.values();
        let sampled = sampled.map(|text| node + allocated(2 * text.cells.capacity()));
        size_of::<Self>()
            + self.characters.size_bytes()
            + self.units.size_bytes()
            + self.bytes.size_bytes()
            + self.values.size_bytes()
            + self.cells.capacity() * size_of::<u32>()
            + sampled.sum::<usize>()
    }
}

/// The cell of a bigram, or of a run's only unit, by the hashes of its units.
pub fn cell(unit_hashes: impl IntoIterator<Item = u64>) -> u16 {
    let hash = unit_hashes.into_iter().fold(0, extend_hash);
    (mix(hash) % CELLS as u64) as u16
}

/// Calls `found` with the cell of every bigram of the text read last.
fn for_each_cell(reader: &UnitReader, mut found: impl FnMut(u16)) {
    let mut cell_of =
        |units: &[crate::units::Unit]| found(cell(units.iter().map(|unit| unit.hash)));
    for run in reader.runs() {
        match run.units() {
            [only] => cell_of(std::slice::from_ref(only)),
            units => units.windows(2).for_each(&mut cell_of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn profile(texts: &[String]) -> TextProfile {
        let mut profile = TextProfile::default();
        texts.iter().for_each(|text| profile.update(text));
        profile
    }

    fn texts() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[甲乙a😂 ，1]{0,5}", 0..40)
    }

    /// What is exact however the parts are merged.
    fn exact(profile: &TextProfile) -> impl PartialEq + std::fmt::Debug + use<> {
        (
            profile.scripts,
            [
                profile.texts(),
                profile.with_emoji,
                profile.with_link,
                profile.with_repeat,
            ],
            [
                profile.characters.max(),
                profile.units.max(),
                profile.bytes.min(),
            ],
            profile.distinct().value,
            profile.values.values(),
            profile.cells.clone(),
            profile.sample.clone(),
        )
    }

    #[test]
    fn a_text_is_counted_in_every_way() {
        let profile = profile(&["哈哈哈 OK 12 😂 http://a.cn".to_owned(), "".to_owned()]);
        let scripts: BTreeMap<_, _> = profile.scripts().collect();
        assert_eq!(scripts[&ScriptGroup::Han], 3);
        assert_eq!(scripts[&ScriptGroup::Latin], 9);
        assert_eq!(scripts[&ScriptGroup::Digit], 2);
        assert_eq!(scripts[&ScriptGroup::Emoji], 1);
        assert_eq!(scripts[&ScriptGroup::Space], 4);
        assert_eq!(scripts[&ScriptGroup::Other], 4);
        assert_eq!(
            (
                profile.texts(),
                profile.with_emoji(),
                profile.with_link(),
                profile.with_repeat()
            ),
            (2, 1, 1, 1)
        );
        assert_eq!(profile.characters().max(), Some(23.0));
        assert_eq!(profile.units().max(), Some(4.0));
        assert_eq!(profile.bytes().max(), Some(32.0));
        // 哈哈, 哈ok, and the emoji by itself.
        assert_eq!(profile.cells().iter().sum::<u32>(), 3);
    }

    #[test]
    fn the_sample_holds_distinct_texts_and_how_often_each_came() {
        let texts: Vec<String> = (0..3_000)
            .map(|i| format!("word{} text", i % 1_500))
            .collect();
        let profile = profile(&texts);
        assert_eq!(profile.sample().len(), SAMPLE_SIZE);
        assert!(
            profile
                .sample()
                .all(|text| text.count == 2 && text.cells.len() == 1)
        );
        assert!(profile.size_bytes() < 1 << 20);
    }

    #[test]
    fn scripts_have_names_of_their_own() {
        let names: std::collections::BTreeSet<_> = ScriptGroup::ALL.map(ScriptGroup::name).into();
        assert_eq!(names.len(), ScriptGroup::ALL.len());
        for (position, group) in ScriptGroup::ALL.into_iter().enumerate() {
            assert_eq!(group as usize, position);
        }
        assert_eq!(
            ["ー", "한", "я", "ب", "ท", "½", "。"]
                .map(|t| ScriptGroup::of(t.chars().next().unwrap()).name()),
            [
                "kana",
                "hangul",
                "cyrillic",
                "arabic",
                "other_letter",
                "digit",
                "other"
            ]
        );
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole_in_any_order(texts in texts(), cut in any::<prop::sample::Index>()) {
            let (head, tail) = texts.split_at(cut.index(texts.len() + 1));
            let whole = exact(&profile(&texts));
            let (mut forward, mut backward) = (profile(head), profile(tail));
            forward.merge(&profile(tail));
            backward.merge(&profile(head));
            prop_assert_eq!(exact(&forward), whole);
            prop_assert_eq!(exact(&forward), exact(&backward));
        }

        #[test]
        fn merging_is_associative_past_the_sample_size(seed in any::<u32>()) {
            let part = |k: u32| profile(&(0..400).map(|i| format!("w{} x", seed.wrapping_add(k * 250 + i))).collect::<Vec<_>>());
            let [a, b, c] = [part(0), part(1), part(2)];
            let (mut left, mut right, mut tail) = (a.clone(), a, b.clone());
            left.merge(&b);
            left.merge(&c);
            tail.merge(&c);
            right.merge(&tail);
            prop_assert_eq!(left.sample, right.sample);
        }

        #[test]
        fn bytes_are_read_back(texts in texts()) {
            let profile = profile(&texts);
            let copy: TextProfile = crate::codec::decode(&crate::codec::encode(&profile)).unwrap();
            prop_assert_eq!(exact(&copy), exact(&profile));
        }
    }
}
