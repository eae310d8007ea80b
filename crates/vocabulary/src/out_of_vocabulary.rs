//! How much of a text the training data does not know.

use crate::BaselineVocabulary;
use driftline_statistics::{
    ngrams::FOLDS,
    units::{Run, Unit, UnitKind, UnitReader, extend_hash},
};

/// The folds of the first half of the training time, and those of the second.
const HALVES: [u16; 2] = [0x00ff, 0xff00];

/// Tells how much of a text the training data does not know: one reader for many texts.
///
/// Asked are the words of scripts that write spaces, and pairs of neighbouring characters
/// of those that do not. Between one year of headlines and the next, the share of unknown
/// pairs rose further above its own movement within a year than that of longer n-grams,
/// most of which are unknown anyway, and than that of a segmenter's words.
///
/// All training texts are asked of one half of the training time, the one that they are
/// not in. Asked of all folds but their own, they found the talk of the same fortnight
/// on both sides of them, which no live text ever does: the weeks of one half of a year
/// stood 2.3 to 4.9 standard deviations above those of the other. By halves it is -0.3
/// to 1.7 (2021 to 2023, both ways round).
#[derive(Debug, Clone, Default)]
pub struct OovReader {
    reader: UnitReader,
}

impl OovReader {
    /// Share of the text's words and pairs that half of the training time does not know;
    /// `None` where the text has none.
    ///
    /// Pass a training text's own fold: it is asked of the half that it is not in. A live
    /// text is asked of each half in turn, and the mean of the two is comparable with the
    /// mean over the training texts. Where the training texts fill one half only, a
    /// live text is asked of it and a training text of the folds that it is not in.
    pub fn share(
        &mut self,
        vocabulary: &BaselineVocabulary,
        text: &str,
        fold: Option<u8>,
    ) -> Option<f64> {
        let own = fold.map(|fold| 1_u16 << fold.min(FOLDS as u8 - 1));
        let two = HALVES.iter().all(|half| half & vocabulary.occupied != 0);
        let parts: &[u16] = match own {
            None if two => &HALVES,
            None => &[u16::MAX],
            Some(own) if !two => &[!own],
            Some(own) if own & HALVES[0] != 0 => &HALVES[1..],
            Some(_) => &HALVES[..1],
        };
        let (mut asked, mut unknown) = (0_u32, 0_u32);
        self.reader.read(text);
        for run in self.reader.runs() {
            for_each_item(&run, |hash| {
                let folds = vocabulary.folds_with(hash);
                for part in parts {
                    asked += 1;
                    unknown += u32::from(folds & part == 0);
                }
            });
        }
        (asked > 0).then(|| f64::from(unknown) / f64::from(asked))
    }
}

fn for_each_item(run: &Run<'_>, mut found: impl FnMut(u64)) {
    let spaced = |unit: &Unit| matches!(unit.kind, UnitKind::Word | UnitKind::Emoji);
    let units = run.units();
    for (at, unit) in units.iter().enumerate() {
        let hash = extend_hash(0, unit.hash);
        match units.get(at + 1) {
            _ if spaced(unit) => found(hash),
            Some(next) if !spaced(next) => found(extend_hash(hash, next.hash)),
            // A character between words, or by itself.
            _ if at == 0 || spaced(&units[at - 1]) => found(hash),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::tests::vocabulary;

    #[test]
    fn a_training_text_is_asked_of_the_other_half_and_a_live_text_of_both() {
        let vocabulary = vocabulary(&[
            ("甲乙丙", 0),
            ("乙丙 good", 7),
            ("甲乙 good", 8),
            ("news", 15),
        ]);
        let mut reader = OovReader::default();
        let mut share = |text: &str, fold| reader.share(&vocabulary, text, fold);
        // Known to the first half: 甲乙, 乙丙, good; to the second: 甲乙, good, news.
        assert_eq!(share("甲乙丙 good", Some(0)), Some(1.0 / 3.0));
        assert_eq!(share("甲乙丙 good", Some(7)), Some(1.0 / 3.0));
        assert_eq!(share("甲乙丙 good", Some(8)), Some(0.0));
        assert_eq!(share("甲乙丙 good", None), Some(1.0 / 6.0));
        assert_eq!(share("news bad", None), Some(0.75));
        assert_eq!(share("12，34", None), None);
        assert_eq!(share("", None), None);
    }

    #[test]
    fn training_texts_in_one_half_are_asked_of_the_parts_that_they_are_not_in() {
        let vocabulary = vocabulary(&[("甲乙丙", 0), ("乙丙丁 good", 1), ("good news", 2)]);
        let mut reader = OovReader::default();
        let mut share = |text: &str, fold| reader.share(&vocabulary, text, fold);
        assert_eq!(share("甲乙丙", None), Some(0.0));
        assert_eq!(share("甲乙丙", Some(0)), Some(0.5));
        // Pairs 甲乙 and 乙戊, the word good; the last character ends a pair.
        assert_eq!(share("甲乙戊 good", Some(0)), Some(2.0 / 3.0));
        assert_eq!(share("bad good", None), Some(0.5));
    }
}
