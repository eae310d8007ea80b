//! Functions for community text in SQL: `normalize_text`, `is_advert`, `keywords`,
//! `seeded_hash`.

use crate::EngineError;
use datafusion::{
    arrow::{
        array::{AsArray, BooleanArray, Int64Array, ListBuilder, StringBuilder},
        compute::cast,
        datatypes::{DataType, Field, Int64Type},
    },
    common::{ScalarValue, exec_err},
    error::Result,
    logical_expr::{
        ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};
use driftline_statistics::units::normalize_text;
use jieba_rs::Jieba;
use regex::Regex;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    hash::{Hash, Hasher},
    path::Path,
    sync::{Arc, LazyLock},
};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const SHIPPED_RULES: &str = include_str!("advert_rules.txt");

/// Rules by which a text is an advertisement; the shipped ones explain the format.
#[derive(Debug, Clone)]
pub struct AdvertRules {
    rules: Arc<Vec<Rule>>,
    /// What they were read from.
    #[cfg(feature = "cluster")]
    text: Arc<str>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    all_of: Vec<Regex>,
}

impl AdvertRules {
    /// The rules that come with the engine.
    pub fn shipped() -> Self {
        static SHIPPED: LazyLock<AdvertRules> = LazyLock::new(|| {
            AdvertRules::parse("advert_rules.txt", SHIPPED_RULES)
                .expect("a test reads the shipped rules")
        });
        SHIPPED.clone()
    }

    /// Reads a file of rules.
    ///
    /// # Errors
    /// [`EngineError::Missing`] and [`EngineError::Unreadable`] for the file,
    /// [`EngineError::Rules`] with the line for what is in it.
    pub fn read(file: &Path) -> Result<Self, EngineError> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| EngineError::io(&name, &error))?;
        Self::parse(&name, &text)
    }

    /// Reads rules from text; `file` is what errors call it.
    ///
    /// # Errors
    /// [`EngineError::Rules`].
    pub fn parse(file: &str, text: &str) -> Result<Self, EngineError> {
        let mut rules = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |reason: String| EngineError::Rules {
                file: file.to_owned(),
                line: index as u64 + 1,
                reason,
            };
            let (name, patterns) = line
                .split_once(':')
                .filter(|(name, patterns)| !name.trim().is_empty() && !patterns.trim().is_empty())
                .ok_or_else(|| wrong("a rule is `name: expression`".into()))?;
            let all_of = patterns
                .split(" && ")
                .map(|pattern| {
                    Regex::new(pattern.trim()).map_err(|error| {
                        let error = error.to_string();
                        let last = error.lines().last().unwrap_or_default();
                        wrong(format!(
                            "`{}` is no regular expression: {last}",
                            pattern.trim()
                        ))
                    })
                })
                .collect::<Result<Vec<Regex>, _>>()?;
            rules.push(Rule {
                name: name.trim().to_owned(),
                all_of,
            });
        }
        if rules.is_empty() {
            return Err(EngineError::Rules {
                file: file.to_owned(),
                line: 1,
                reason: "no rule in the file".into(),
            });
        }
        Ok(Self {
            rules: Arc::new(rules),
            #[cfg(feature = "cluster")]
            text: text.into(),
        })
    }

    /// The text that [`parse`](Self::parse) reads.
    #[cfg(feature = "cluster")]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Name of the first rule by which a text is an advertisement.
    pub fn matching(&self, text: &str) -> Option<&str> {
        let text: Cow<str> = match is_nfkc_quick(text.chars()) {
            IsNormalized::Yes => text.into(),
            _ => text.nfkc().collect::<String>().into(),
        };
        let text = text.to_lowercase();
        self.rules
            .iter()
            .find(|rule| rule.all_of.iter().all(|pattern| pattern.is_match(&text)))
            .map(|rule| rule.name.as_str())
    }
}

/// `normalize_text(text)`: see [`normalize_text`].
pub(crate) fn normalize_text_udf() -> ScalarUDF {
    ScalarUDF::new_from_impl(NormalizeText {
        signature: Signature::any(1, Volatility::Immutable),
    })
}

/// `is_advert(text)`: whether a rule holds; null for null.
pub(crate) fn is_advert_udf(rules: AdvertRules) -> ScalarUDF {
    ScalarUDF::new_from_impl(IsAdvert {
        signature: Signature::any(1, Volatility::Immutable),
        rules,
    })
}

/// `seeded_hash(text, seed)`: a number that orders texts at random, but the same way each
/// time: what samples are drawn by.
pub(crate) fn seeded_hash_udf() -> ScalarUDF {
    ScalarUDF::new_from_impl(SeededHash {
        signature: Signature::any(2, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SeededHash {
    signature: Signature,
}

impl ScalarUDFImpl for SeededHash {
    fn name(&self) -> &str {
        "seeded_hash"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let texts = cast(&args.args[0].to_array(args.number_rows)?, &DataType::Utf8)?;
        let seeds = cast(&args.args[1].to_array(args.number_rows)?, &DataType::Int64)?;
        let seeds = seeds.as_primitive::<Int64Type>();
        let hashes: Int64Array = texts
            .as_string::<i32>()
            .iter()
            .zip(seeds)
            .map(|(text, seed)| {
                let hash = xxh3_64_with_seed(text?.as_bytes(), seed?.cast_unsigned());
                Some(hash.cast_signed())
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(hashes)))
    }
}

/// `keywords(text, k)`: the k most salient words of a text, the most salient first.
pub(crate) fn keywords_udf() -> ScalarUDF {
    ScalarUDF::new_from_impl(Keywords {
        signature: Signature::any(2, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct NormalizeText {
    signature: Signature,
}

impl ScalarUDFImpl for NormalizeText {
    fn name(&self) -> &str {
        "normalize_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let texts = cast(&args.args[0].to_array(args.number_rows)?, &DataType::Utf8)?;
        let mut normalized = StringBuilder::new();
        for text in texts.as_string::<i32>() {
            normalized.append_option(text.map(normalize_text));
        }
        Ok(ColumnarValue::Array(Arc::new(normalized.finish())))
    }
}

/// The rules of a function `is_advert`.
#[cfg(feature = "cluster")]
pub(crate) fn rules_of(function: &ScalarUDF) -> Option<&AdvertRules> {
    Some(&function.inner().downcast_ref::<IsAdvert>()?.rules)
}

#[derive(Debug)]
struct IsAdvert {
    signature: Signature,
    rules: AdvertRules,
}

impl PartialEq for IsAdvert {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.rules.rules, &other.rules.rules)
    }
}

impl Eq for IsAdvert {}

impl Hash for IsAdvert {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.rules.rules).hash(state);
    }
}

impl ScalarUDFImpl for IsAdvert {
    fn name(&self) -> &str {
        "is_advert"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let texts = cast(&args.args[0].to_array(args.number_rows)?, &DataType::Utf8)?;
        let adverts: BooleanArray = texts
            .as_string::<i32>()
            .iter()
            .map(|text| text.map(|text| self.rules.matching(text).is_some()))
            .collect();
        Ok(ColumnarValue::Array(Arc::new(adverts)))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Keywords {
    signature: Signature,
}

impl ScalarUDFImpl for Keywords {
    fn name(&self) -> &str {
        "keywords"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        let item = Field::new_list_field(DataType::Utf8, true);
        Ok(DataType::List(Arc::new(item)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let count = match &args.args[1] {
            ColumnarValue::Scalar(ScalarValue::Int64(Some(count))) if (1..=100).contains(count) => {
                usize::try_from(*count).unwrap_or(1)
            }
            _ => return exec_err!("keywords(text, k): k must be a number from 1 to 100"),
        };
        let texts = cast(&args.args[0].to_array(args.number_rows)?, &DataType::Utf8)?;
        let mut lists = ListBuilder::new(StringBuilder::new());
        for text in texts.as_string::<i32>() {
            let Some(text) = text else {
                lists.append_null();
                continue;
            };
            for word in keywords(text, count) {
                lists.values().append_value(word);
            }
            lists.append(true);
        }
        Ok(ColumnarValue::Array(Arc::new(lists.finish())))
    }
}

static DICTIONARY: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// Occurrences of all words in jieba's dictionary.
const DICTIONARY_TOTAL: f64 = 6.01e7;

/// The `count` most salient words of one text, the most salient first, ties in
/// their order in the text.
///
/// The text is normalised and cut by jieba's dictionary (without its model for
/// unknown words). Of words of two characters or more that are nouns, verbs,
/// adjectives, idioms, abbreviations or not Chinese, the weight is: occurrences in
/// the text × length in characters, at most 4 × ln(60.1 million / occurrences in the
/// dictionary's corpus). Function words are dropped by their part of speech.
fn keywords(text: &str, count: usize) -> Vec<String> {
    let text = normalize_text(text);
    let mut weights: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    for (place, word) in DICTIONARY.tag(&text, false).into_iter().enumerate() {
        let characters = word.word.chars().count();
        if characters < 2 || !is_content(word.tag, word.word) {
            continue;
        }
        let (weight, _) = weights.entry(word.word).or_insert((0.0, place));
        let rarity = (DICTIONARY_TOTAL / DICTIONARY.suggest_freq(word.word).max(1) as f64).ln();
        *weight += characters.min(4) as f64 * rarity.max(0.0);
    }
    let mut words: Vec<(&str, (f64, usize))> = weights.into_iter().collect();
    words.sort_by(|(_, (a, first)), (_, (b, second))| b.total_cmp(a).then(first.cmp(second)));
    words
        .into_iter()
        .take(count)
        .map(|(word, _)| word.to_owned())
        .collect()
}

/// Whether a word says what a text is about, by jieba's part of speech.
fn is_content(tag: &str, word: &str) -> bool {
    match tag.as_bytes().first() {
        Some(b'n' | b'a' | b'i' | b'l' | b'j' | b'z') => true,
        // Not 是, 有 and their like, which are verbs too.
        Some(b'v') => tag != "vshi" && tag != "vyou",
        // `x` and `eng` are what the dictionary does not know; numbers and marks are among them.
        Some(b'x' | b'e') => word.chars().any(char::is_alphabetic),
        _ => false,
    }
}
