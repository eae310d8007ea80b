//! How far a window is from the baseline, and whether that is surprising.
//!
//! A fixed threshold on a distance is wrong at almost every window size, so each
//! measure is judged by its own null distribution, learnt from the baseline:
//!
//! 1. [`Calibrator::new`] counts the baseline's blocks on fixed cells ([`grid`]);
//! 2. [`Calibrator::judge`] replays stretches of the baseline as if they were windows
//!    of the live one's size ([`replay`]), sets one limit for all tests together
//!    ([`threshold_card`]), and judges the window by it ([`compare`]);
//! 3. [`WindowNull`] does the same for what is measured once for each window, such as several
//!    columns together ([`multivariate`]);
//! 4. [`verify`] shows on held-out stretches that the stated rate is kept;
//! 5. [`AlertMemory`] tells over windows when a finding is worth an alert, and until when.
//!
//! Pure: profiles in, measurements out; the seed is an argument, and the same input
//! gives the same bits.

mod alert;
mod boosted;
mod companions;
pub mod compare;
pub mod concentration;
mod effect;
mod error;
pub mod grid;
pub mod measure;
mod memory;
pub mod multivariate;
pub mod performance;
pub mod plan;
pub mod preset;
pub mod rate_share;
pub mod replay;
pub mod season;
pub mod sequence;
mod tail;
mod thin;
pub mod threshold_card;
pub mod two_sample;
pub mod verify;
mod window_null;
pub mod workings;

pub use alert::{AlertMemory, AlertPolicy, Observation, Phase};
pub use companions::companions;
pub use compare::{Judged, Judgement, Measurement, Skipped};
pub use concentration::{Concentration, SlicedProfiles};
pub use error::DriftError;
pub use grid::{Counts, Evidence, Grid};
pub use measure::{Measure, Role};
pub use plan::{Plan, PlannedTest};
pub use replay::{Block, Calibrator, ColumnSettings, Profiles, Series, Settings, WindowShape};
pub use season::{Alike, Season};
pub use sequence::{SequenceCard, SlowDrift, SummedTest, Sums};
pub use tail::Tail;
pub use threshold_card::{Basis, ColumnKey, NotCalibrated, SliceRows, TestCard, ThresholdCard};
pub use window_null::{WindowNull, WindowValue};
pub use workings::{LimitWorkings, Workings};
