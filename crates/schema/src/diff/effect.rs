//! For whom a change breaks something.

use crate::Number;
use serde::Serialize;

/// For whom a change breaks something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// For nobody.
    None,
    /// For those who read the data: there may be values that were not there before.
    Readers,
    /// For those who write the data: values that were right are no longer.
    Writers,
    /// For both.
    Both,
}

impl Effect {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Readers => "readers",
            Self::Writers => "writers",
            Self::Both => "both",
        }
    }

    /// Whether readers can go on as they are.
    pub fn suits_readers(self) -> bool {
        matches!(self, Self::None | Self::Writers)
    }

    /// Whether writers can go on as they are.
    pub fn suits_writers(self) -> bool {
        matches!(self, Self::None | Self::Readers)
    }

    /// The effect of two changes together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (
            self.suits_readers() && other.suits_readers(),
            self.suits_writers() && other.suits_writers(),
        ) {
            (true, true) => Self::None,
            (false, true) => Self::Readers,
            (true, false) => Self::Writers,
            (false, false) => Self::Both,
        }
    }

    /// Whether something is narrower and whether it is wider, as an effect.
    pub(super) fn of(narrower: bool, wider: bool) -> Self {
        let writers = if narrower { Self::Writers } else { Self::None };
        let readers = if wider { Self::Readers } else { Self::None };
        writers.and(readers)
    }
}

/// What a field of TensorFlow Metadata is about.
pub(super) enum Kind {
    /// It limits what data may be: more of it is narrower.
    Constrains,
    /// It decides what is checked in a way that has no direction.
    Either,
    /// It says how the data is read.
    Read,
    /// It changes nothing about what data may be.
    Describes,
    /// Whether the column is in use; the effect is given.
    Use(Effect),
}

impl Kind {
    pub(super) fn effect(&self, before: bool, after: bool) -> Effect {
        match self {
            Self::Constrains => Effect::of(after, before),
            Self::Either => Effect::Both,
            Self::Read => Effect::Readers,
            Self::Describes => Effect::None,
            Self::Use(effect) => *effect,
        }
    }
}

/// Least and greatest; an absent end is open.
pub(super) type Range = (Option<Number>, Option<Number>);

/// What it means that one range takes the place of another.
pub(super) fn of_range(old: Range, new: Range) -> Effect {
    let raised = |old: Option<Number>, new: Option<Number>| match (old, new) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(old), Some(new)) => new.is_above(old),
    };
    let lowered = |old: Option<Number>, new: Option<Number>| match (old, new) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(old), Some(new)) => old.is_above(new),
    };
    let ((old_min, old_max), (new_min, new_max)) = (old, new);
    Effect::of(
        raised(old_min, new_min) || lowered(old_max, new_max),
        raised(new_min, old_min) || lowered(new_max, old_max),
    )
}
