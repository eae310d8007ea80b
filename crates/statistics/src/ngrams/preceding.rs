//! N-grams by what stands before them.

use super::{Ngram, NgramCounts, NgramId};

/// The pairs of a table by their last unit: where to look for the n-grams that have one unit
/// more in front.
#[derive(Debug)]
pub struct Preceding {
    pairs: Vec<NgramId>,
    /// By the number of a unit, where the pairs that end in it begin; and where all end.
    starts: Vec<u32>,
}

impl Preceding {
    /// Of the pairs of a table.
    pub fn new(counts: &NgramCounts) -> Self {
        let mut starts = vec![0_u32; counts.table().units.len() + 2];
        for pair in counts.ngrams_of_length(2) {
            starts[pair.last() as usize + 2] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let nothing = NgramId {
            at: 0,
            level: 0,
            tail: 0,
        };
        let mut pairs = vec![nothing; starts[starts.len() - 1] as usize];
        for pair in counts.ngrams_of_length(2) {
            let at = &mut starts[pair.last() as usize + 1];
            pairs[*at as usize] = pair.id();
            *at += 1;
        }
        Self { pairs, starts }
    }

    /// The n-grams with one unit more in front, of an n-gram of the same table.
    pub fn longer<'a>(
        &self,
        counts: &'a NgramCounts,
        ngram: &Ngram<'a>,
    ) -> impl Iterator<Item = Ngram<'a>> {
        let units = ngram.units();
        let first = units[0] as usize;
        let pairs = &self.pairs[self.starts[first] as usize..self.starts[first + 1] as usize];
        pairs.iter().filter_map(move |&pair| {
            (units[1..].iter()).try_fold(counts.ngram(pair), |ngram, &unit| ngram.extension(unit))
        })
    }
}
