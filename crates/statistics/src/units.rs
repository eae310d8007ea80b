//! Text as a sequence of units.
