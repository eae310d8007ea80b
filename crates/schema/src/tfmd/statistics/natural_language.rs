//! Statistics of features that a schema says hold natural language: TFDV's
//! `NLStatsGenerator`, whose result is a message of its own.

use crate::tfmd::{
    Feature, NaturalLanguageDomain, NaturalLanguageStatistics, RankHistogram, Schema,
    feature::DomainInfo,
    histogram::Bucket,
    natural_language_statistics::{TokenStatistics as TokenMessage, token_statistics},
    rank_histogram, sequence_value_constraints,
};
use driftline_statistics::{
    StatisticsError,
    features::{
        CustomStatistic, CustomValue, FeatureGenerator, FeatureOptions, FeaturePath, FeatureRows,
    },
    semantic::{SequenceCounts, SequenceRules, Token, TokenStatistics, Vocabulary},
};
use prost::Message as _;
use std::{collections::BTreeMap, sync::Arc};

/// The full name of the message.
const MESSAGE: &str = "tensorflow.metadata.v0.NaturalLanguageStatistics";

/// The statistics of tokens and sequences, for the features that have rules.
#[derive(Debug, Clone, Default)]
pub struct NaturalLanguageGenerator {
    rules: Arc<BTreeMap<FeaturePath, SequenceRules>>,
    /// Parts of a sequence in which the places of tokens are told.
    parts: usize,
    /// Buckets of the distributions of lengths; 0 for none.
    quantile_buckets: usize,
    /// Buckets of the ranks of tokens; 0 for none.
    rank_buckets: usize,
}

/// What is known of a feature: whether it has rules, and what was counted.
#[derive(Debug, Clone, Default)]
pub struct LanguageState {
    without_rules: bool,
    counts: SequenceCounts,
}

impl NaturalLanguageGenerator {
    /// The statistics that a schema asks for, with histograms as the other statistics
    /// have them. A domain that names no vocabulary and no tokens asks for nothing.
    ///
    /// # Errors
    /// The name of a vocabulary that the schema asks for and `vocabularies` lacks.
    pub fn new(
        schema: &Schema,
        vocabularies: &BTreeMap<String, Vocabulary>,
        options: &FeatureOptions,
    ) -> Result<Self, String> {
        let mut rules = BTreeMap::new();
        leaves(
            &schema.feature,
            &FeaturePath::default(),
            &mut |path, domain| {
                if let Some(found) = rules_of(domain, vocabularies)? {
                    rules.insert(path, found);
                }
                Ok(())
            },
        )?;
        Ok(Self {
            rules: Arc::new(rules),
            parts: options.standard_buckets,
            quantile_buckets: options.quantile_buckets,
            rank_buckets: options.rank_buckets,
        })
    }

    /// Whether no feature has rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

fn leaves(
    features: &[Feature],
    parent: &FeaturePath,
    see: &mut dyn FnMut(FeaturePath, &NaturalLanguageDomain) -> Result<(), String>,
) -> Result<(), String> {
    for feature in features {
        let path = parent.child(feature.name());
        match &feature.domain_info {
            Some(DomainInfo::NaturalLanguageDomain(domain)) => see(path, domain)?,
            Some(DomainInfo::StructDomain(fields)) => leaves(&fields.feature, &path, see)?,
            _ => {}
        }
    }
    Ok(())
}

fn rules_of(
    domain: &NaturalLanguageDomain,
    vocabularies: &BTreeMap<String, Vocabulary>,
) -> Result<Option<SequenceRules>, String> {
    let coverage = domain.coverage.clone().unwrap_or_default();
    let name = domain.vocabulary();
    if name.is_empty()
        && coverage.excluded_string_tokens.is_empty()
        && coverage.excluded_int_tokens.is_empty()
        && coverage.oov_string_tokens.is_empty()
    {
        return Ok(None);
    }
    let vocabulary = match name {
        "" => None,
        name => Some(vocabularies.get(name).cloned().ok_or(name)?),
    };
    let lengths = domain
        .sequence_length_constraints
        .clone()
        .unwrap_or_default();
    let tokens = |words: Vec<String>, numbers: Vec<i64>| {
        let words = words.into_iter().map(Token::Word);
        words
            .chain(numbers.into_iter().map(Token::Number))
            .collect()
    };
    Ok(Some(SequenceRules {
        vocabulary,
        excluded: tokens(
            coverage.excluded_string_tokens,
            coverage.excluded_int_tokens,
        ),
        outside_words: coverage.oov_string_tokens.into_iter().collect(),
        uncounted: tokens(lengths.excluded_string_value, lengths.excluded_int_value),
        asked: domain
            .token_constraints
            .iter()
            .map(|constraint| match &constraint.value {
                Some(sequence_value_constraints::Value::IntValue(number)) => Token::Number(*number),
                Some(sequence_value_constraints::Value::StringValue(word)) => {
                    Token::Word(word.clone())
                }
                None => Token::Word(String::new()),
            })
            .collect(),
    }))
}

impl FeatureGenerator for NaturalLanguageGenerator {
    type State = LanguageState;

    fn start(&self, _: &FeaturePath) -> LanguageState {
        LanguageState::default()
    }

    fn update(
        &self,
        state: &mut LanguageState,
        rows: &FeatureRows<'_>,
    ) -> Result<(), StatisticsError> {
        match (self.rules.get(rows.path), rows.feature_type) {
            (None, _) => state.without_rules |= !rows.nested.is_empty(),
            (Some(_), None) => {}
            (Some(rules), Some(feature_type)) => {
                state
                    .counts
                    .update(feature_type, rows.nested, rules, self.parts as u64);
            }
        }
        Ok(())
    }

    fn merge(&self, state: &mut LanguageState, other: LanguageState) {
        state.without_rules |= other.without_rules;
        state.counts.merge(&other.counts);
    }

    fn finish(&self, _: &FeaturePath, state: &LanguageState) -> Vec<CustomStatistic> {
        if state.without_rules || !state.counts.is_valid() {
            return Vec::new();
        }
        vec![CustomStatistic {
            name: "nl_statistics".into(),
            value: CustomValue::Message {
                type_name: MESSAGE.into(),
                bytes: self.message(&state.counts).encode_to_vec(),
            },
        }]
    }

    fn size_bytes(&self, state: &LanguageState) -> usize {
        size_of::<bool>() + state.counts.size_bytes()
    }
}

impl NaturalLanguageGenerator {
    fn message(&self, counts: &SequenceCounts) -> NaturalLanguageStatistics {
        let (least, most) = counts.sequence_range().unwrap_or_default();
        let histogram = |found: Option<_>| found.as_ref().map(super::histogram::message);
        let ranks = (self.rank_buckets > 0).then(|| {
            let ranks = counts.ranks().into_iter().take(self.rank_buckets);
            RankHistogram {
                buckets: (0..)
                    .zip(ranks)
                    .map(|(rank, token)| rank_histogram::Bucket {
                        low_rank: rank,
                        high_rank: rank,
                        label: token.value,
                        sample_count: token.count as f64,
                    })
                    .collect(),
                ..RankHistogram::default()
            }
        });
        NaturalLanguageStatistics {
            feature_coverage: counts.coverage().unwrap_or(0.0),
            avg_token_length: counts.mean_token_length().unwrap_or(0.0),
            token_length_histogram: histogram(counts.token_lengths(self.quantile_buckets)),
            min_sequence_length: signed(least),
            max_sequence_length: signed(most),
            sequence_length_histogram: histogram(counts.sequence_lengths(self.quantile_buckets)),
            reported_sequences: counts.reported().map(|found| found.text.clone()).collect(),
            token_statistics: counts
                .asked()
                .map(|(token, found)| self.token(token, found, counts.sequences()))
                .collect(),
            rank_histogram: ranks.filter(|ranks| !ranks.buckets.is_empty()),
            ..NaturalLanguageStatistics::default()
        }
    }

    fn token(&self, token: &Token, found: &TokenStatistics, sequences: u64) -> TokenMessage {
        let token = match token {
            Token::Word(word) => token_statistics::Token::StringToken(word.clone()),
            Token::Number(number) => token_statistics::Token::IntToken(*number),
        };
        let (Some((least, most)), true) = (found.per_sequence, found.sequences > 0) else {
            return TokenMessage {
                token: Some(token),
                ..TokenMessage::default()
            };
        };
        let parts = self.parts as f64;
        let buckets = found.positions.iter().map(|(place, count)| Bucket {
            low_value: *place as f64 / parts,
            high_value: (*place + 1) as f64 / parts,
            sample_count: *count as f64,
        });
        TokenMessage {
            token: Some(token),
            frequency: found.occurrences as f64,
            fraction_of_sequences: found.sequences as f64 / sequences as f64,
            per_sequence_min_frequency: least as f64,
            per_sequence_avg_frequency: found.occurrences as f64 / found.sequences as f64,
            per_sequence_max_frequency: most as f64,
            positions: Some(crate::tfmd::Histogram {
                buckets: buckets.collect(),
                ..crate::tfmd::Histogram::default()
            }),
        }
    }
}

fn signed(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
