//! What can go wrong when profiles are merged or read back.

/// An error of this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatisticsError {
    /// Two profiles of one column hold different kinds of values.
    #[error(
        "a profile of {left} values cannot be merged with one of {right} values; cast the column to one type in `prepare`"
    )]
    KindMismatch {
        /// Kind of the profile merged into.
        left: &'static str,
        /// Kind of the other profile.
        right: &'static str,
    },
    /// Bytes that are no profile state, or were cut or changed on the way.
    #[error("these bytes are no profile state: {reason}; make the profile again from its source")]
    Corrupt {
        /// What did not fit.
        reason: String,
    },
    /// More rows than a count holds exactly.
    #[error("a profile of more than 2^53 rows: that many are not counted exactly")]
    TooManyRows,
    /// State written by a newer version of the format.
    #[error(
        "the profile state has format version {found}, this build reads up to {supported}; use a newer build"
    )]
    Version {
        /// The version found in the bytes.
        found: u8,
        /// The greatest version that this build reads.
        supported: u8,
    },
    /// A text that is no path of a feature.
    #[error(
        "`{text}` is no path of a feature: {reason}; write steps with dots between, quoted like 'a.b' where one holds a dot"
    )]
    Path {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A column that has no statistics.
    #[error("`{feature}` of type {data_type} has no statistics: {reason}")]
    Unsupported {
        /// The feature.
        feature: String,
        /// Its Arrow type.
        data_type: String,
        /// Why.
        reason: String,
    },
    /// A feature that is of one type in some rows and of another in others.
    #[error(
        "`{feature}` holds {left} values in some rows and {right} values in others; cast it to one type in `prepare`"
    )]
    FeatureType {
        /// The feature.
        feature: String,
        /// Its type so far.
        left: &'static str,
        /// The type found.
        right: &'static str,
    },
    /// A feature whose lists are deeper in some rows than in others.
    #[error(
        "`{feature}` has {left} levels of lists in some rows and {right} in others; bring it to one form in `prepare`"
    )]
    FeatureDepth {
        /// The feature.
        feature: String,
        /// Its depth so far.
        left: usize,
        /// The depth found.
        right: usize,
    },
    /// A column that cannot weigh rows.
    #[error("`{column}` cannot weigh rows: {reason}")]
    Weight {
        /// The column.
        column: String,
        /// Why.
        reason: String,
    },
    /// Parts of a sparse or weighted feature that lie in different lists.
    #[error(
        "`{part}` does not have a row for each row of `{value}`, whose part the schema says it is"
    )]
    Parts {
        /// The value.
        value: String,
        /// The part.
        part: String,
    },
    /// A feature or label without lift.
    #[error("lift of `{feature}`: {reason}")]
    Lift {
        /// The feature.
        feature: String,
        /// Why there is none.
        reason: String,
    },
    /// A value that rows cannot be sliced by.
    #[error("rows cannot be sliced by `{column}`: {reason}")]
    SliceValue {
        /// The column.
        column: String,
        /// Why.
        reason: String,
    },
}
