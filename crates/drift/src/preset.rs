//! The numbers and decisions of other drift tools, from the same rows.
//!
//! A team that moves here from another tool can print what that tool would have said and
//! compare. Each preset names its measures as the tool names them, picks the test that the
//! tool would pick, and decides by the tool's own threshold. The formulas are written from
//! the tools' documentation and from what they print; where one is odd (an uncorrected tie,
//! a threshold that is never reached), it is odd here too and its documentation says so.
//!
//! Presets work on exact values: rows, or a profile while it is exact. A profile that has
//! become a sketch is refused rather than compared approximately, and what needs the order
//! of rows or pairs of columns needs rows.

mod categories;
mod column;
pub mod evidently;
pub mod histogram;
pub mod nannyml;
pub(crate) mod numpy_random;
mod request;
pub mod tfdv;
pub mod whylogs;

pub use categories::{Categories, CategoryPair};
pub use column::{Column, Kind, Refused, Values};
pub use request::{Outcome, PresetError, State};

/// A tool whose numbers are reproduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preset {
    /// TensorFlow Data Validation 1.21.
    Tfdv,
    /// Evidently 0.7.
    Evidently,
    /// NannyML 0.13.
    NannyMl,
    /// whylogs 1.6.
    Whylogs,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 4] = [Self::Tfdv, Self::Evidently, Self::NannyMl, Self::Whylogs];

    /// Its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tfdv => "tfdv",
            Self::Evidently => "evidently",
            Self::NannyMl => "nannyml",
            Self::Whylogs => "whylogs",
        }
    }

    /// The measures of the tool by its own names, with what each is for.
    pub fn measures(self) -> Vec<MeasureInfo> {
        match self {
            Self::Tfdv => tfdv::Measure::ALL.map(tfdv::Measure::info).to_vec(),
            Self::Evidently => evidently::Measure::ALL
                .map(evidently::Measure::info)
                .to_vec(),
            Self::NannyMl => nannyml::Measure::ALL.map(nannyml::Measure::info).to_vec(),
            Self::Whylogs => whylogs::Measure::ALL.map(whylogs::Measure::info).to_vec(),
        }
    }
}

/// A measure of a preset and the kinds of column that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeasureInfo {
    /// The tool's name for it.
    pub name: &'static str,
    /// Kinds of column.
    pub kinds: &'static [Kind],
}

impl MeasureInfo {
    /// Whether it is for columns of this kind.
    pub fn fits(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// A tool's measure by name, if it is for a kind of column.
///
/// # Errors
/// [`PresetError::UnknownMeasure`] with the names that there are, and
/// [`PresetError::WrongKind`] with those that fit.
pub fn measure_of(preset: Preset, name: &str, kind: Kind) -> Result<MeasureInfo, PresetError> {
    let all = preset.measures();
    let Some(found) = all.iter().find(|info| info.name == name) else {
        return Err(PresetError::UnknownMeasure {
            preset: preset.name(),
            name: name.to_owned(),
            known: all.iter().map(|info| info.name).collect(),
        });
    };
    if found.fits(kind) {
        return Ok(*found);
    }
    Err(PresetError::WrongKind {
        name: name.to_owned(),
        kind,
        fitting: all
            .iter()
            .filter(|info| info.fits(kind))
            .map(|info| info.name)
            .collect(),
    })
}
