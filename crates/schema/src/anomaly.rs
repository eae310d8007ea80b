//! A broken constraint, in TFDV's terms.
//!
//! TFDV gathers all reasons of a column under one entry. Here each reason is an
//! [`Anomaly`] of its own, in the order in which TFDV checks, so that a severity, a
//! number and a piece of evidence belong to exactly one rule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How bad an anomaly is. Everything is an error unless the schema says otherwise.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Makes a window warn.
    Warning,
    /// Makes a window fail.
    Error,
}

impl Severity {
    /// Every severity, from mild to bad.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Error];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Declares [`AnomalyType`] once: the variant, its name and its meaning.
macro_rules! anomaly_types {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// Which constraint was broken.
        ///
        /// Names are those of TFDV's `AnomalyInfo.Type`, but for the few that
        /// [`is_own`](Self::is_own) marks.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[non_exhaustive]
        pub enum AnomalyType {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl AnomalyType {
            /// Every type that can be raised.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name in files and messages.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

anomaly_types! {
    /// There are no rows; nothing else is checked. TFDV says so by a flag of this name.
    DataMissing = "DATA_MISSING",
    /// Fewer rows than `rows.min`.
    DatasetLowNumExamples = "DATASET_LOW_NUM_EXAMPLES",
    /// More rows than `rows.max`.
    DatasetHighNumExamples = "DATASET_HIGH_NUM_EXAMPLES",
    /// A column that the schema does not know.
    SchemaNewColumn = "SCHEMA_NEW_COLUMN",
    /// A required column is absent from the data.
    SchemaMissingColumn = "SCHEMA_MISSING_COLUMN",
    /// A required column is there and holds nothing but nulls.
    FeatureTypeNotPresent = "FEATURE_TYPE_NOT_PRESENT",
    /// Fewer values than `presence.min_count`.
    FeatureTypeLowNumberPresent = "FEATURE_TYPE_LOW_NUMBER_PRESENT",
    /// A smaller share of rows has a value than `presence.min_fraction`.
    FeatureTypeLowFractionPresent = "FEATURE_TYPE_LOW_FRACTION_PRESENT",
    /// A row has fewer values than `valency.min`.
    FeatureTypeLowNumberValues = "FEATURE_TYPE_LOW_NUMBER_VALUES",
    /// A row has more values than `valency.max`.
    FeatureTypeHighNumberValues = "FEATURE_TYPE_HIGH_NUMBER_VALUES",
    /// The data are of another type than `type`.
    UnexpectedDataType = "UNEXPECTED_DATA_TYPE",
    /// Values outside `domain`.
    EnumTypeUnexpectedStringValues = "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
    /// An integer below 0 in a `boolean` column.
    BoolTypeSmallInt = "BOOL_TYPE_SMALL_INT",
    /// An integer above 1 in a `boolean` column.
    BoolTypeBigInt = "BOOL_TYPE_BIG_INT",
    /// A number other than 0 and 1 in a `boolean` column of floats.
    BoolTypeUnexpectedFloat = "BOOL_TYPE_UNEXPECTED_FLOAT",
    /// A string that is neither `true_value` nor `false_value`.
    BoolTypeUnexpectedString = "BOOL_TYPE_UNEXPECTED_STRING",
    /// A string that spells no integer in a column that `holds: integer`.
    IntTypeNotIntString = "INT_TYPE_NOT_INT_STRING",
    /// An integer below `range.min`.
    IntTypeSmallInt = "INT_TYPE_SMALL_INT",
    /// An integer above `range.max`.
    IntTypeBigInt = "INT_TYPE_BIG_INT",
    /// A string that spells no number in a column that `holds: float`.
    FloatTypeStringNotFloat = "FLOAT_TYPE_STRING_NOT_FLOAT",
    /// A number below `range.min`.
    FloatTypeSmallFloat = "FLOAT_TYPE_SMALL_FLOAT",
    /// A number above `range.max`.
    FloatTypeBigFloat = "FLOAT_TYPE_BIG_FLOAT",
    /// NaN where `disallow_nan` is set.
    FloatTypeHasNan = "FLOAT_TYPE_HAS_NAN",
    /// An infinity where `disallow_inf` is set.
    FloatTypeHasInf = "FLOAT_TYPE_HAS_INF",
    /// Fewer distinct values than `unique.min`.
    FeatureTypeLowUnique = "FEATURE_TYPE_LOW_UNIQUE",
    /// More distinct values than `unique.max`.
    FeatureTypeHighUnique = "FEATURE_TYPE_HIGH_UNIQUE",
    /// `unique` is set and distinct values were not counted.
    FeatureTypeNoUnique = "FEATURE_TYPE_NO_UNIQUE",
    /// Lists are nested deeper, or less deep, than `valency` or `value_counts` say.
    ValueNestednessMismatch = "VALUE_NESTEDNESS_MISMATCH",
    /// Lists do not have the fixed lengths of `shape`, or values are missing.
    InvalidFeatureShape = "INVALID_FEATURE_SHAPE",
    /// Strings of a `domain` that are no UTF-8.
    EnumTypeInvalidUtf8 = "ENUM_TYPE_INVALID_UTF8",
    /// A domain that does not suit the type, by the schema or by the data.
    DomainInvalidForType = "DOMAIN_INVALID_FOR_TYPE",
    /// A feature of the schema without a name.
    FeatureMissingName = "FEATURE_MISSING_NAME",
    /// A feature of the schema without a type.
    FeatureMissingType = "FEATURE_MISSING_TYPE",
    /// A constraint that no data can meet or that contradicts another.
    InvalidSchemaSpecification = "INVALID_SCHEMA_SPECIFICATION",
    /// A domain that is not there, or that contradicts itself.
    InvalidDomainSpecification = "INVALID_DOMAIN_SPECIFICATION",
    /// The data looks like a domain that the schema does not state.
    SemanticDomainUpdate = "SEMANTIC_DOMAIN_UPDATE",
    /// Fewer images of a known format than `image_domain` asks for.
    LowSupportedImageFraction = "LOW_SUPPORTED_IMAGE_FRACTION",
    /// An image of more bytes than `image_domain` allows.
    MaxImageByteSizeExceeded = "MAX_IMAGE_BYTE_SIZE_EXCEEDED",
    /// The vocabulary covers less of the text than `natural_language_domain` asks for.
    FeatureCoverageTooLow = "FEATURE_COVERAGE_TOO_LOW",
    /// Tokens are shorter on average than `natural_language_domain` asks for.
    FeatureCoverageTooShortAvgTokenLength = "FEATURE_COVERAGE_TOO_SHORT_AVG_TOKEN_LENGTH",
    /// A token is in a smaller share of the sequences than its constraint asks for.
    SequenceValueTooSmallFraction = "SEQUENCE_VALUE_TOO_SMALL_FRACTION",
    /// A token is in a larger share of the sequences than its constraint allows.
    SequenceValueTooLargeFraction = "SEQUENCE_VALUE_TOO_LARGE_FRACTION",
    /// A sequence has a token less often than its constraint asks for.
    SequenceValueTooFewOccurrences = "SEQUENCE_VALUE_TOO_FEW_OCCURRENCES",
    /// A sequence has a token more often than its constraint allows.
    SequenceValueTooManyOccurrences = "SEQUENCE_VALUE_TOO_MANY_OCCURRENCES",
    /// Rows with an index and without the value of a sparse feature.
    SparseFeatureMissingValue = "SPARSE_FEATURE_MISSING_VALUE",
    /// Rows with the value and without an index of a sparse feature.
    SparseFeatureMissingIndex = "SPARSE_FEATURE_MISSING_INDEX",
    /// Value and index of a sparse feature have different lengths.
    SparseFeatureLengthMismatch = "SPARSE_FEATURE_LENGTH_MISMATCH",
    /// A sparse feature is called like another feature.
    SparseFeatureNameCollision = "SPARSE_FEATURE_NAME_COLLISION",
    /// Rows with the weight and without the value of a weighted feature.
    WeightedFeatureMissingValue = "WEIGHTED_FEATURE_MISSING_VALUE",
    /// Rows with the value and without the weight of a weighted feature.
    WeightedFeatureMissingWeight = "WEIGHTED_FEATURE_MISSING_WEIGHT",
    /// Value and weight of a weighted feature have different lengths.
    WeightedFeatureLengthMismatch = "WEIGHTED_FEATURE_LENGTH_MISMATCH",
    /// A weighted feature is called like another feature.
    WeightedFeatureNameCollision = "WEIGHTED_FEATURE_NAME_COLLISION",
    /// The statistics say that a feature is derived, and the schema does not.
    DerivedFeatureInvalidSource = "DERIVED_FEATURE_INVALID_SOURCE",
    /// A derived feature is not in the stage of derived ones.
    DerivedFeatureBadLifecycle = "DERIVED_FEATURE_BAD_LIFECYCLE",
    /// A value's share moved further than `infinity_norm` of a comparator allows.
    ComparatorLInftyHigh = "COMPARATOR_L_INFTY_HIGH",
    /// The Jensen-Shannon divergence is above that of a comparator.
    ComparatorJensenShannonDivergenceHigh = "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
    /// A value's count moved further than `normalized_abs_difference` of a comparator allows.
    ComparatorNormalizedAbsoluteDifferenceHigh = "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
    /// What is compared with lacks the column.
    ComparatorControlDataMissing = "COMPARATOR_CONTROL_DATA_MISSING",
    /// Fewer rows, for each that was there before, than a comparator of row counts asks for.
    ComparatorLowNumExamples = "COMPARATOR_LOW_NUM_EXAMPLES",
    /// More rows, for each that was there before, than a comparator of row counts allows.
    ComparatorHighNumExamples = "COMPARATOR_HIGH_NUM_EXAMPLES",
    /// A string shorter than `length.min`. Driftline's own: TFDV has no lengths.
    LengthTooShort = "LENGTH_TOO_SHORT",
    /// A string longer than `length.max`. Driftline's own: TFDV has no lengths.
    LengthTooLong = "LENGTH_TOO_LONG",
    /// The profile does not hold what a constraint of the schema needs.
    StatsNotAvailable = "STATS_NOT_AVAILABLE",
    /// An expression of a custom validation is false.
    CustomValidation = "CUSTOM_VALIDATION",
    /// Rows that share their `key` with another row. Driftline's own.
    KeyNotUnique = "KEY_NOT_UNIQUE",
    /// Strings that a `regex` does not match. Driftline's own.
    RegexNotMatched = "REGEX_NOT_MATCHED",
    /// Values that turn back where they should be `monotone`. Driftline's own.
    NotMonotone = "NOT_MONOTONE",
    /// Values outside what `between` allows. Driftline's own.
    NotBetween = "NOT_BETWEEN",
    /// Values that are none of an `in_set`. Driftline's own.
    NotInSet = "NOT_IN_SET",
    /// Strings shorter or longer than a constraint's `length`. Driftline's own.
    LengthNotBetween = "LENGTH_NOT_BETWEEN",
    /// Values that the source of `references` does not have. Driftline's own.
    ReferenceNotFound = "REFERENCE_NOT_FOUND",
    /// The newest row is older than `freshness`. Driftline's own.
    DataStale = "DATA_STALE",
    /// Rows for which the `sql` of a constraint is false. Driftline's own.
    SqlNotTrue = "SQL_NOT_TRUE",
}

impl AnomalyType {
    /// The type of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|kind| kind.name() == name).copied()
    }

    /// Whether this is Driftline's own, without a counterpart in `AnomalyInfo.Type`.
    pub fn is_own(self) -> bool {
        matches!(
            self,
            Self::DataMissing
                | Self::LengthTooShort
                | Self::LengthTooLong
                | Self::KeyNotUnique
                | Self::RegexNotMatched
                | Self::NotMonotone
                | Self::NotBetween
                | Self::NotInSet
                | Self::LengthNotBetween
                | Self::ReferenceNotFound
                | Self::DataStale
                | Self::SqlNotTrue
        )
    }
}

impl fmt::Display for AnomalyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value that the schema does not allow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnexpectedValue {
    /// The value, as the profile holds it.
    pub value: String,
    /// Rows that have it.
    pub count: u64,
    /// `count` as a share of all values of the column, in `[0, 1]`.
    pub share: f64,
}

/// One constraint of a schema that a profile breaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Anomaly {
    /// Which constraint.
    pub kind: AnomalyType,
    /// The column; absent where the anomaly is about the rows as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// How bad it is, the schema's overrides applied.
    pub severity: Severity,
    /// A few words, the same for every anomaly of this kind.
    pub short_description: String,
    /// What was expected, what was found, and how sure that is.
    pub description: String,
    /// The constraint that is broken: its name, or its rule in words. Absent for keys of
    /// the schema that are no list of constraints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<String>,
    /// Rows that break the constraint, where they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The limit in the schema, in the unit of `actual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
    /// What was found: a count, a share or a value, as the kind has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<f64>,
    /// Values behind it, most frequent first, at most [`MAX_EVIDENCE`](Self::MAX_EVIDENCE).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<UnexpectedValue>,
}

impl Anomaly {
    /// The most values that are named; the description says how many are left out.
    pub const MAX_EVIDENCE: usize = 20;

    /// One without numbers, evidence or the name of a constraint.
    pub(crate) fn new(
        kind: AnomalyType,
        column: Option<String>,
        severity: Severity,
        short_description: impl Into<String>,
        description: String,
    ) -> Self {
        Self {
            kind,
            column,
            severity,
            short_description: short_description.into(),
            description,
            constraint: None,
            count: None,
            expected: None,
            actual: None,
            evidence: Vec::new(),
        }
    }
}
