//! What a term is that the dictionary does not have: a new word, a usual phrase, a name or a piece.
//!
//! Whoever makes up a word may use the characters of a name, and whoever names a series may use
//! everyday words, so no sign tells alone. Ten signs that are known when the term is told are
//! weighed by a multinomial logistic regression, fitted on labelled terms of headlines.

use serde::{Deserialize, Serialize};

/// How probable it is that a term is each of four things; they add up to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nature {
    /// A word or set phrase that is new, or has a new sense.
    pub new_word: f64,
    /// Words in their usual sense, which only the dictionary does not have together.
    pub usual_phrase: f64,
    /// A name of a person, a place, an organisation, a work, a product or an event.
    pub name: f64,
    /// A piece of something, or words that only happen to be neighbours.
    pub piece: f64,
    /// What it was told by.
    pub signs: Vec<Sign>,
}

/// Something that is seen of a term.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sign {
    /// Which one.
    pub name: String,
    /// How much of it there is.
    pub value: f64,
    /// What that is worth, in nats, to a usual phrase, a name and a piece, each against a new word.
    pub nats: [f64; 3],
}

/// Weights in nats a unit of the sign: for a usual phrase, a name and a piece, each against a new word.
type Weights = [f64; 3];

/// What is worth so much without any sign.
const CONSTANT: Weights = [0.89, 0.95, 3.37];

/// The signs, in the order of [`Seen`], with their weights.
///
/// Fitted by `benches/term_nature.py` on the terms told of headlines of 2022 and 2023 with the labels of
/// `benches/labels`.
const SIGNS: [(&str, Weights); 10] = [
    ("characters of names", [-0.13, 0.83, 0.18]),
    ("neighbours of names", [0.33, 2.03, 1.15]),
    ("family name", [0.42, 2.63, 0.89]),
    ("foreign letters", [-0.63, 1.76, -2.40]),
    ("cohesion in bits", [-0.08, 0.06, -0.40]),
    ("no word within", [-0.95, -0.30, -1.68]),
    ("stands alone", [-0.67, 4.11, 1.27]),
    ("sixteenths of the baseline", [0.14, 0.12, -0.03]),
    ("loose end", [-0.71, -3.50, 1.68]),
    ("cut through a word", [-1.53, -0.64, 2.75]),
];

/// What is seen of a term.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// How much its characters are those of names, in nats a character.
    pub(super) characters: f64,
    /// How much what stands beside it stands beside names, in nats.
    pub(super) neighbours: f64,
    /// Whether it is a family name with one or two more characters.
    pub(super) family_name: bool,
    /// Whether it is all Latin letters, among other writing.
    pub(super) foreign: bool,
    /// Cohesion in bits.
    pub(super) cohesion: f64,
    /// Whether the dictionary finds no word of two characters in it.
    pub(super) no_word_within: bool,
    /// Share of its occurrences that begin a run, times the share that end one.
    pub(super) alone: f64,
    /// Sixteenths of the baseline's time that have it.
    pub(super) sixteenths: u32,
    /// Whether it begins or ends with a character that mostly belongs to something else.
    pub(super) loose_end: bool,
    /// Share of its occurrences in which the dictionary has a word across its border.
    pub(super) cut_through: f64,
}

impl Nature {
    /// Of a term of which that is seen.
    pub(super) fn of(seen: &Seen) -> Self {
        let when = |holds: bool| f64::from(u8::from(holds));
        let values = [
            seen.characters,
            seen.neighbours,
            when(seen.family_name),
            when(seen.foreign),
            seen.cohesion,
            when(seen.no_word_within),
            seen.alone,
            f64::from(seen.sixteenths),
            when(seen.loose_end),
            seen.cut_through,
        ];
        let sign = |(&(name, weights), value): (&(&str, Weights), f64)| Sign {
            name: name.to_owned(),
            value,
            nats: weights.map(|weight| weight * value),
        };
        let signs: Vec<Sign> = SIGNS.iter().zip(values).map(sign).collect();
        let odds = [0, 1, 2].map(|kind| {
            let nats: f64 = signs.iter().map(|sign| sign.nats[kind]).sum();
            (CONSTANT[kind] + nats).exp()
        });
        let all = 1.0 + odds.iter().sum::<f64>();
        let [usual_phrase, name, piece] = odds.map(|odds| odds / all);
        Self {
            new_word: 1.0 / all,
            usual_phrase,
            name,
            piece,
            signs,
        }
    }

    /// The signs with what each is worth, in nats, to a new word against the most probable of the
    /// other three; the greatest first.
    pub fn reasons(&self) -> Vec<(&Sign, f64)> {
        let others = [self.usual_phrase, self.name, self.piece];
        let rival = (0..others.len()).max_by(|&a, &b| others[a].total_cmp(&others[b]));
        let worth = |sign: &Sign| rival.map_or(0.0, |rival| -sign.nats[rival]);
        let mut reasons: Vec<(&Sign, f64)> =
            self.signs.iter().map(|sign| (sign, worth(sign))).collect();
        reasons.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word() -> Seen {
        Seen {
            neighbours: -1.0,
            cohesion: 8.0,
            no_word_within: true,
            ..Seen::default()
        }
    }

    #[test]
    fn names_pieces_and_words_are_told_apart() {
        let name = Nature::of(&Seen {
            characters: 2.0,
            neighbours: 0.8,
            alone: 0.3,
            ..word()
        });
        let piece = Nature::of(&Seen {
            neighbours: 0.0,
            cohesion: 4.0,
            no_word_within: false,
            loose_end: true,
            cut_through: 0.5,
            ..Seen::default()
        });
        let word = Nature::of(&word());
        assert!(name.name > 0.9, "{name:?}");
        assert!(piece.piece > 0.9, "{piece:?}");
        assert!(word.new_word > word.name && word.piece < 0.1, "{word:?}");
    }

    #[test]
    fn the_signs_and_the_constant_are_the_ratio_of_two_probabilities() {
        let nature = Nature::of(&word());
        let all = nature.new_word + nature.usual_phrase + nature.name + nature.piece;
        assert!((all - 1.0).abs() < 1e-12);
        let others = [nature.usual_phrase, nature.name, nature.piece];
        let rival = (0..3)
            .max_by(|&a, &b| others[a].total_cmp(&others[b]))
            .unwrap();
        let nats: f64 = nature.reasons().iter().map(|(_, nats)| nats).sum();
        let ratio = (nature.new_word / others[rival]).ln();
        assert!((nats - CONSTANT[rival] - ratio).abs() < 1e-9);
    }
}
