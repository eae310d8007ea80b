//! The most frequent values, by counters that are cut down together.
//!
//! Every value has a counter until there are too many of them; then the counter at the
//! place `KEPT + 1` from the top is taken off all of them, and those that are used
//! up go (Misra and Gries 1982, "Finding repeated elements"; in this batched form, which
//! keeps its bound under any merging, Agarwal et al. 2012, "Mergeable Summaries"). Each
//! cut by `c` takes `c` off more than `KEPT` counters, so all cuts together are at most
//! the number of values divided by `KEPT + 1`.
//!
//! The counters are our own and not the frequent-items sketch of Apache DataSketches
//! because values come in batches here: a value that is seen for the first time is
//! looked up by its hash alone, and its text is copied only if it outlives the batch.
//! In a column of very many values nearly none does. The bytes are those of that
//! sketch, whose readers, and states that were written by it, go on working.

use crate::{allocated, codec, table};
use datasketches::frequencies::{ErrorType, FrequentItemsSketch};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::collections::hash_map::Entry;
use xxhash_rust::xxh3::xxh3_64;

/// Up to this many distinct values every count is exact.
pub const EXACT_VALUES: usize = 4_096;
/// Counters that a cut leaves at most: a count is off by less than all values / 3,073.
const KEPT: usize = 3_072;
/// Values at the cut itself that a cut leaves as examples, where all are equally rare. Each
/// keeps a count of 1, which is made up for by the counters below the cut, of which there
/// are more.
const EXAMPLES: usize = 64;
/// Counters while a batch is counted: as many as the table of 8,192 slots has room for,
/// since each cut has to look at all of them.
const ROOM: usize = 7_168;
/// How often the frequent values occur.
#[derive(Debug, Clone, Default)]
pub struct HeavyHitters {
    counters: FxHashMap<u64, Counter>,
    total: u64,
    /// What was taken off every counter that was there all the time.
    cut: u64,
    /// Memory of the texts that are held.
    text_bytes: usize,
}

#[derive(Debug, Clone)]
struct Counter {
    count: u64,
    text: Text,
}

#[derive(Debug, Clone)]
enum Text {
    Held(Box<str>),
    /// Its place in the batch that is being counted.
    InBatch(u32),
}

/// One value and how often it occurred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    /// The value as text.
    pub value: String,
    /// Its number of occurrences (an upper bound where the sketch is not exact).
    pub count: u64,
}

/// One value of a batch: its place, the hash of its text, and how often it occurs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InBatch {
    pub(crate) place: u32,
    pub(crate) hash: u64,
    pub(crate) count: u64,
}

impl HeavyHitters {
    /// Counts one occurrence.
    pub fn update(&mut self, value: &str) {
        self.update_with_count(value, 1);
    }

    /// Counts `count` occurrences.
    pub fn update_with_count(&mut self, value: &str, count: u64) {
        let hash = xxh3_64(value.as_bytes());
        let place = 0;
        self.update_batch([InBatch { place, hash, count }], |_| value.into());
    }

    /// Counts the values of a batch, each by the XXH3 hash of the text that `text` gives
    /// for its place.
    pub(crate) fn update_batch(
        &mut self,
        batch: impl IntoIterator<Item = InBatch>,
        text: impl Fn(u32) -> Box<str>,
    ) {
        // What this batch brought, so that only these are looked at for their text.
        let mut fresh = Vec::new();
        for InBatch { place, hash, count } in batch {
            if count == 0 {
                continue;
            }
            self.total = self.total.saturating_add(count);
            match self.counters.entry(hash) {
                Entry::Occupied(mut known) => {
                    let known = &mut known.get_mut().count;
                    *known = known.saturating_add(count);
                }
                Entry::Vacant(vacant) => {
                    let text = Text::InBatch(place);
                    vacant.insert(Counter { count, text });
                    fresh.push(hash);
                    if self.counters.len() == ROOM {
                        self.cut_down();
                    }
                }
            }
        }
        if self.counters.len() > EXACT_VALUES {
            self.cut_down();
        }
        let held = &mut self.text_bytes;
        let mut hold = |counter: &mut Counter| {
            if let Text::InBatch(place) = counter.text {
                let text = text(place);
                *held += allocated(text.len());
                counter.text = Text::Held(text);
            }
        };
        if fresh.len() < self.counters.len() {
            for hash in fresh {
                self.counters.get_mut(&hash).map(&mut hold);
            }
        } else {
            self.counters.values_mut().for_each(hold);
        }
    }

    /// Adds the counts of another summary.
    pub fn merge(&mut self, other: &Self) {
        // Saturating: bytes of a damaged file can hold any counts.
        self.total = self.total.saturating_add(other.total);
        self.cut = self.cut.saturating_add(other.cut);
        other.counters.iter().for_each(|(&hash, theirs)| {
            let mine = self.counters.entry(hash);
            let mine = mine.or_insert_with(|| {
                self.text_bytes += theirs.text.size_bytes();
                Counter {
                    count: 0,
                    text: theirs.text.clone(),
                }
            });
            mine.count = mine.count.saturating_add(theirs.count);
        });
        if self.counters.len() > EXACT_VALUES {
            self.cut_down();
        }
    }

    /// Takes the first count that is not to be kept off all of them.
    fn cut_down(&mut self) {
        let repeated = self.counters.values().filter(|c| c.count > 1).count();
        // In a column of very many values nearly all came once since the last cut.
        let cut = if repeated <= KEPT {
            1
        } else {
            let mut counts: Vec<u64> = self.counters.values().map(|c| c.count).collect();
            *counts.select_nth_unstable_by(KEPT, |a, b| b.cmp(a)).1
        };
        let at_cut = self.counters.iter().filter(|(_, c)| c.count == cut);
        let mut examples: Vec<u64> = at_cut.map(|(&hash, _)| hash).collect();
        if examples.len() > EXAMPLES {
            // Those of the least hashes, which are the same in every run.
            examples.select_nth_unstable(EXAMPLES);
            examples.truncate(EXAMPLES);
        }
        examples.sort_unstable();
        let held = &mut self.text_bytes;
        self.counters.retain(|hash, counter| {
            let example = counter.count == cut && examples.binary_search(hash).is_ok();
            let kept = counter.count > cut || example;
            if example {
                counter.count = 1;
            } else if kept {
                counter.count -= cut;
            } else {
                *held -= counter.text.size_bytes();
            }
            kept
        });
        self.cut = self.cut.saturating_add(cut);
    }

    /// All values counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Greatest error of a count; 0 while every value is counted exactly.
    pub fn error(&self) -> u64 {
        self.cut
    }

    /// Whether every count is exact and no value is missing.
    pub fn is_exact(&self) -> bool {
        self.cut == 0
    }

    /// The values kept, most frequent first, ties by value.
    pub fn values(&self) -> Vec<ValueCount> {
        let mut values: Vec<ValueCount> = self
            .texts()
            .map(|(text, count)| ValueCount {
                value: text.to_owned(),
                count: count.saturating_add(self.cut),
            })
            .collect();
        values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        values
    }

    /// The values kept with the counts that are certain, in no order.
    fn texts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counters.values().map(|counter| match &counter.text {
            Text::Held(text) => (&**text, counter.count),
            Text::InBatch(_) => unreachable!("a batch's texts are held when it has been counted"),
        })
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        table(self.counters.capacity(), size_of::<(u64, Counter)>()) + self.text_bytes
    }
}

impl Text {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Held(text) => allocated(text.len()),
            Self::InBatch(_) => 0,
        }
    }
}

/// Head of the bytes of a frequent-items sketch: words of the preamble, version of the
/// format, family.
const HEAD: [u8; 3] = [4, 1, 10];

impl HeavyHitters {
    fn to_bytes(&self) -> Vec<u8> {
        let mut texts: Vec<(&str, u64)> = self.texts().collect();
        texts.sort_unstable();
        let mut bytes = HEAD.to_vec();
        // The table of DataSketches is a power of two and at most three quarters full.
        let table = (texts.len() * 4).div_ceil(3).max(8).next_power_of_two();
        let largest = (EXACT_VALUES * 4).div_ceil(3).next_power_of_two();
        bytes.extend([largest.ilog2() as u8, table.ilog2() as u8, 0, 0, 0]);
        bytes.extend((texts.len() as u32).to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(self.total.to_le_bytes());
        bytes.extend(self.cut.to_le_bytes());
        for (_, count) in &texts {
            bytes.extend(count.to_le_bytes());
        }
        for (text, _) in &texts {
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes
    }
}

/// Nothing, or the bytes of a sketch.
impl Serialize for HeavyHitters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Bytes(Vec<u8>);
        impl Serialize for Bytes {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&self.0)
            }
        }
        (self.total > 0)
            .then(|| Bytes(self.to_bytes()))
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for HeavyHitters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(bytes) = Option::<codec::ByteBuffer>::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        let sketch =
            FrequentItemsSketch::<String>::deserialize(&bytes.0).map_err(D::Error::custom)?;
        let mut read = Self {
            total: sketch.total_weight(),
            cut: sketch.maximum_error(),
            ..Self::default()
        };
        for row in sketch.frequent_items(ErrorType::NoFalseNegatives) {
            let hash = xxh3_64(row.item().as_bytes());
            let counter = Counter {
                count: row.lower_bound(),
                text: Text::Held(row.item().as_str().into()),
            };
            read.text_bytes += counter.text.size_bytes();
            if counter.count == 0 || read.counters.insert(hash, counter).is_some() {
                return Err(D::Error::custom("a value is counted twice or never"));
            }
        }
        let counts = read.counters.values().map(|counter| counter.count);
        if counts.fold(0, u64::saturating_add) > read.total {
            return Err(D::Error::custom(
                "the values occur more often than all of them",
            ));
        }
        if read.counters.len() > EXACT_VALUES {
            read.cut_down();
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_exact_and_ordered() {
        let mut hitters = HeavyHitters::default();
        for value in ["b", "a", "b", "c", "a", "b"] {
            hitters.update(value);
        }
        let values: Vec<_> = hitters
            .values()
            .into_iter()
            .map(|v| (v.value, v.count))
            .collect();
        assert_eq!(values, [("b".into(), 3), ("a".into(), 2), ("c".into(), 1)]);
        assert!(hitters.is_exact());
    }

    #[test]
    fn counts_that_only_a_damaged_file_can_hold_do_not_overflow() {
        let mut hitters = HeavyHitters::default();
        hitters.update_with_count("a", u64::MAX);
        hitters.merge(&hitters.clone());
        hitters.update("a");
        let count = hitters.values()[0].count;
        assert_eq!((hitters.total(), count), (u64::MAX, u64::MAX));
    }

    #[test]
    fn a_frequent_value_survives_a_flood_of_rare_ones() {
        let mut hitters = HeavyHitters::default();
        for n in 0..50_000 {
            hitters.update(&format!("rare {n}"));
            if n % 10 == 0 {
                hitters.update("often");
            }
        }
        let first = &hitters.values()[0];
        assert_eq!(first.value, "often");
        assert!(hitters.error() <= hitters.total() / (KEPT as u64 + 1));
        assert!(first.count.abs_diff(5_000) <= hitters.error());
        assert!(!hitters.is_exact());
    }

    #[test]
    fn parts_merge_to_the_whole_while_exact() {
        let (mut left, mut right, mut whole) = (
            HeavyHitters::default(),
            HeavyHitters::default(),
            HeavyHitters::default(),
        );
        for n in 0..1_000 {
            let value = (n % 37).to_string();
            whole.update(&value);
            if n % 3 == 0 { &mut left } else { &mut right }.update(&value);
        }
        left.merge(&right);
        left.merge(&HeavyHitters::default());
        assert_eq!(left.values(), whole.values());
        let back: HeavyHitters = codec::decode(&codec::encode(&left)).unwrap();
        assert_eq!(back.values(), whole.values());
        assert_eq!(
            codec::encode(&left),
            codec::encode(&whole),
            "the same values give the same bytes"
        );
    }

    #[test]
    fn states_of_the_frequent_items_sketch_are_read_and_written() {
        let mut theirs = FrequentItemsSketch::<String>::new(4_096).unwrap();
        let mut ours = HeavyHitters::default();
        for n in 0..3_000_u64 {
            theirs.update_with_count(n.to_string(), n % 7 + 1);
            ours.update_with_count(&n.to_string(), n % 7 + 1);
        }
        let read = Some(serde_bytes(&theirs.serialize()));
        let read: HeavyHitters = codec::decode(&codec::encode(&read)).unwrap();
        assert_eq!(read.values(), ours.values());
        let written = FrequentItemsSketch::<String>::deserialize(&ours.to_bytes()).unwrap();
        assert_eq!(written.total_weight(), ours.total());
        assert_eq!(written.estimate("2999"), 2_999 % 7 + 1);
    }

    fn serde_bytes(bytes: &[u8]) -> Vec<u8> {
        bytes.to_vec()
    }

    #[test]
    fn batches_of_any_size_keep_the_bound() {
        use rand::{RngExt, SeedableRng};
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        // Half of the values are one of 50, each as often as the others.
        let values: Vec<String> = (0..100_000)
            .map(|n| match random.random_range(0..100_u32) {
                common @ 0..50 => format!("common {common}"),
                _ => format!("rare {n}"),
            })
            .collect();
        let mut truth = std::collections::BTreeMap::<&str, u64>::new();
        for value in &values {
            *truth.entry(value).or_default() += 1;
        }
        for size in [1, 1_000, 8_192, 100_000] {
            let mut parts = [HeavyHitters::default(), HeavyHitters::default()];
            for (part, batch) in values.chunks(size).enumerate() {
                let counted = batch.iter().zip(0..).map(|(value, place)| InBatch {
                    place,
                    hash: xxh3_64(value.as_bytes()),
                    count: 1,
                });
                parts[part % 2]
                    .update_batch(counted, |place| batch[place as usize].as_str().into());
            }
            let [mut hitters, second] = parts;
            hitters.merge(&second);
            assert_eq!(hitters.total(), 100_000);
            assert!(hitters.error() <= 100_000 / (KEPT as u64 + 1), "{size}");
            assert!(hitters.values().len() <= EXACT_VALUES);
            for value in hitters.values() {
                let true_count = truth[value.value.as_str()];
                assert!(
                    (true_count..=true_count + hitters.error()).contains(&value.count),
                    "{size}: {value:?} is {true_count}"
                );
            }
            assert!(
                hitters.values()[..50]
                    .iter()
                    .all(|v| v.value.starts_with("common"))
            );
        }
    }
}
