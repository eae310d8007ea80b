//! What can go wrong before a window is judged.

/// An error of this crate. Bad data is never an error: it is a judgement.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DriftError {
    /// A baseline without any block.
    #[error(
        "the baseline has no blocks of rows; check that its source has rows in the chosen span"
    )]
    NoBlocks,
    /// A false-alarm rate outside (0, 1).
    #[error(
        "a false-alarm rate of {rate} cannot be kept; state a number above 0 and below 1, such as 0.01 for one alarm in 100 windows"
    )]
    Rate {
        /// The rate asked for.
        rate: f64,
    },
    /// Too few replay draws for any limit.
    #[error("{draws} replay draws cannot hold a rate of {rate}; use at least {least}")]
    Draws {
        /// The draws asked for.
        draws: usize,
        /// The rate asked for.
        rate: f64,
        /// The least number of draws that can.
        least: usize,
    },
    /// A stored baseline or card of a newer format.
    #[error(
        "the {what} has format version {found}, this build reads up to {supported}; use a newer build or make the baseline again"
    )]
    Version {
        /// What was read.
        what: &'static str,
        /// The version found.
        found: u32,
        /// The greatest version that this build reads.
        supported: u32,
    },
    /// A stored baseline whose parts do not fit each other.
    #[error("the stored baseline is damaged: {reason}; make the baseline again")]
    Damaged {
        /// What does not fit.
        reason: String,
    },
    /// A span of blocks that does not lie within the baseline.
    #[error(
        "blocks {from} to {to} cannot be held out of {blocks}; choose a span within them that leaves a baseline"
    )]
    HeldOut {
        /// First block held out.
        from: usize,
        /// One past the last block held out.
        to: usize,
        /// Blocks there are.
        blocks: usize,
    },
}
