//! A table is what a plain search finds, and its parts merge to it.

use super::*;
use crate::units::{UnitKind, mix};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Row = (u32, u32, [u16; FOLDS], u64);

fn rows(table: &NgramCounts) -> BTreeMap<String, Row> {
    table
        .ngrams()
        .map(|n| {
            (
                n.text(),
                (n.count(), n.documents(), n.folds(), n.source_bits()),
            )
        })
        .collect()
}

fn table(texts: &[(String, u8)], config: NgramConfig) -> NgramCounts {
    let mut table = NgramCounts::new(config);
    for (text, fold) in texts {
        table.update(text, *fold, None);
    }
    table
}

/// What a plain search of the texts finds.
fn plain(texts: &[(String, u8)], config: NgramConfig) -> BTreeMap<String, Row> {
    let mut seen = BTreeSet::new();
    let mut expected: BTreeMap<String, Row> = BTreeMap::new();
    let mut reader = UnitReader::default();
    for (text, fold) in texts {
        reader.read(text);
        if !seen.insert(reader.document_hash()) {
            continue;
        }
        let mut of_text: BTreeMap<String, u32> = BTreeMap::new();
        for run in reader.runs() {
            for from in 0..run.units().len() {
                for to in from + 1..=run.units().len().min(from + usize::from(config.max_units)) {
                    let units = run.units()[from..to].iter();
                    let words = units.filter(|unit| unit.kind == UnitKind::Word).count();
                    if words <= usize::from(config.max_words) {
                        *of_text.entry(run.text(from, to).into()).or_default() += 1;
                    }
                }
            }
        }
        for (ngram, count) in of_text {
            let row = expected.entry(ngram).or_default();
            (row.0, row.1) = (row.0 + count, row.1 + 1);
            row.2[usize::from(*fold)] += 1;
            row.3 |= 1 << (mix(reader.document_hash()) >> 58);
        }
    }
    expected
}

fn small_texts() -> impl Strategy<Value = Vec<(String, u8)>> {
    prop::collection::vec(("[甲乙丙丁，a b]{1,9}", 0..7_u8), 0..30)
}

#[test]
fn counts_are_those_made_by_hand() {
    let mut table = NgramCounts::default();
    table.update("班味，班味重", 0, None);
    table.update("没有班味", 3, Some(7));
    table.update("没有 班味!", 3, Some(7));
    table.update("没有班味！！", 4, Some(8));
    let ngram = table.find("班味").unwrap();
    // The last text is a copy of the second; the third is cut otherwise.
    assert_eq!((ngram.count(), ngram.documents()), (4, 3));
    assert_eq!(ngram.folds()[..4], [1, 0, 0, 2]);
    assert_eq!(ngram.source_bits().count_ones(), 2);
    assert_eq!(
        (table.texts(), table.documents(), table.units()),
        (4, 3, 13)
    );
    assert_eq!(table.find("有班味").map(|n| n.documents()), Some(1));
    assert!(table.find("味班").is_none() && table.find("味，班").is_none());
    assert!(table.is_exact() && table.absent_bound() == 0);
}

#[test]
fn a_unit_that_is_new_and_stands_twice_in_a_text_is_one_ngram() {
    let mut table = NgramCounts::default();
    table.update("丁丁", 0, None);
    assert_eq!(table.len(), 2);
    assert_eq!(
        table.find("丁").map(|n| (n.count(), n.documents())),
        Some((2, 1))
    );
}

#[test]
fn ngrams_end_at_six_units_and_at_four_words() {
    let mut table = NgramCounts::default();
    table.update("一二三四五六七", 0, None);
    table.update("one two three four five", 0, None);
    assert_eq!(table.ngrams().map(|n| n.length()).max(), Some(6));
    assert!(table.find("two three four five").is_some());
    assert_eq!(table.ngrams().map(|n| n.words()).max(), Some(4));
    let of_length = |units| table.ngrams_of_length(units).map(|n| n.length());
    assert!((1..9).all(|units| of_length(units).all(|length| length == units)));
    assert_eq!(
        (1..9).map(|units| of_length(units).count()).sum::<usize>(),
        table.len()
    );
    assert_eq!(table.find("one two").unwrap().text(), "one two");
}

#[test]
fn ten_thousand_copies_of_a_text_are_one_document() {
    let mut table = NgramCounts::default();
    for _ in 0..10_000 {
        table.update("全网最低价", 0, None);
    }
    assert_eq!((table.texts(), table.documents()), (10_000, 1));
    assert_eq!(table.find("最低价").unwrap().count(), 1);
}

#[test]
fn sources_are_counted_until_there_are_many() {
    assert_eq!(source_count(0), Some(0.0));
    assert_eq!(source_count(1).map(f64::round), Some(1.0));
    // 64 ln 2, where half of the bits are set.
    assert!((source_count(u64::MAX >> 32).unwrap() - 44.361_419_555_836_5).abs() < 1e-9);
    assert_eq!(source_count(u64::MAX), None);
}

#[test]
fn tables_past_their_cap_stay_within_it_and_tell_by_how_much_they_are_short() {
    let config = NgramConfig {
        max_ngrams: 500,
        ..NgramConfig::default()
    };
    let texts: Vec<(String, u8)> = (0..4_000_u64)
        .map(|i| {
            // A few frequent words among characters that hardly repeat.
            let noise = |k: u64| char::from_u32(0x4e00 + (mix(i * 7 + k) % 5_000) as u32).unwrap();
            let word = ["班味", "硬控", "搭子"][(mix(i) % 3) as usize];
            (
                format!("{}{}{word}{}", noise(1), noise(2), noise(3)),
                (i % 7) as u8,
            )
        })
        .collect();
    let exact = table(&texts, NgramConfig::baseline());
    let (left, right) = texts.split_at(1_500);
    let mut merged = table(left, config);
    merged.merge(&table(right, config));
    for short in [table(&texts, config), merged] {
        assert!(short.len() <= 500 && !short.is_exact());
        for ngram in exact.ngrams() {
            match short.find(&ngram.text()) {
                Some(found) => assert!(found.count() + short.shortfall() >= ngram.count()),
                None => assert!(ngram.count() <= short.absent_bound(), "{}", ngram.text()),
            }
        }
        for word in ["班味", "硬控", "搭子"] {
            let (found, truth) = (short.find(word).unwrap(), exact.find(word).unwrap());
            assert!(found.count() > truth.count() * 9 / 10, "{word}");
        }
        let copy = NgramCounts::from_bytes(&short.to_bytes()).unwrap();
        assert_eq!(
            (rows(&copy), copy.absent_bound()),
            (rows(&short), short.absent_bound())
        );
    }
}

/// Read by themselves, some of their units would be cut otherwise.
#[test]
fn bytes_of_texts_with_loose_marks_are_read_back() {
    for text in [
        "if __name__ == '__main__'",
        "薴拜",
        "哈'\u{64e},\u{64e} é·_ς·好",
        "i̇\u{64e}",
    ] {
        let mut table = NgramCounts::default();
        table.update(text, 0, None);
        let bytes = table.to_bytes();
        let copy = NgramCounts::from_bytes(&bytes).unwrap();
        assert_eq!(copy.to_bytes(), bytes, "{text}");
    }
}

proptest! {
    #[test]
    fn counts_equal_those_of_a_plain_search(texts in small_texts(), max_units in 1..9_u8) {
        let config = NgramConfig { max_units, ..NgramConfig::default() };
        prop_assert_eq!(rows(&table(&texts, config)), plain(&texts, config));
    }

    /// Keys of so many units are no number that fits, so places are compared one by one.
    #[test]
    fn counts_of_long_ngrams_equal_those_of_a_plain_search(texts in small_texts()) {
        let config = NgramConfig { max_units: 200, max_words: 3, ..NgramConfig::default() };
        prop_assert_eq!(rows(&table(&texts, config)), plain(&texts, config));
    }

    #[test]
    fn a_table_that_its_ngrams_just_fill_is_exact_however_small_its_batches(texts in small_texts()) {
        let config = NgramConfig::default();
        let expected = plain(&texts, config);
        let full = NgramConfig { max_ngrams: expected.len() as u32, ..config };
        let table = table(&texts, full);
        prop_assert!(table.is_exact());
        prop_assert_eq!(rows(&table), expected);
    }

    #[test]
    fn to_ask_between_texts_changes_nothing(texts in small_texts()) {
        let mut asked = NgramCounts::default();
        for (text, fold) in &texts {
            asked.update(text, *fold, None);
            prop_assert_eq!(asked.is_empty(), asked.documents() == 0);
        }
        prop_assert_eq!(asked.to_bytes(), table(&texts, NgramConfig::default()).to_bytes());
    }

    #[test]
    fn parts_merge_to_the_whole(texts in small_texts(), parts in 1..4_u64) {
        let whole = table(&texts, NgramConfig::default());
        let mut reader = UnitReader::default();
        let mut shards = vec![NgramCounts::default(); parts as usize];
        for (text, fold) in &texts {
            reader.read(text);
            shards[(mix(reader.document_hash()) % parts) as usize].update(text, *fold, None);
        }
        let mut merged = NgramCounts::default();
        shards.iter().for_each(|shard| merged.merge(shard));
        let mut reversed = NgramCounts::default();
        shards.iter().rev().for_each(|shard| reversed.merge(shard));
        prop_assert_eq!(rows(&merged), rows(&whole));
        // Byte for byte, whatever the order.
        prop_assert_eq!(merged.to_bytes(), whole.to_bytes());
        prop_assert_eq!(reversed.to_bytes(), whole.to_bytes());
    }

    #[test]
    fn ngrams_lead_to_those_of_a_unit_more_on_either_side(texts in small_texts(), cut in 0..30_usize) {
        let (head, tail) = texts.split_at(cut.min(texts.len()));
        let mut table = table(head, NgramConfig::default());
        table.merge(&self::table(tail, NgramConfig::default()));
        let preceding = Preceding::new(&table);
        let by_units: BTreeMap<Vec<u64>, NgramId> = (table.ngrams())
            .map(|ngram| (ngram.unit_hashes(), ngram.id()))
            .collect();
        prop_assert_eq!(by_units.len(), table.len());
        for ngram in table.ngrams() {
            let units = ngram.unit_hashes();
            let longer = |is_longer: &dyn Fn(&[u64]) -> bool| -> BTreeSet<NgramId> {
                let ids = by_units.iter().filter(|(other, _)| {
                    other.len() == units.len() + 1 && is_longer(other)
                });
                ids.map(|(_, id)| *id).collect()
            };
            let behind: BTreeSet<NgramId> = ngram.extensions().map(|longer| longer.id()).collect();
            prop_assert_eq!(behind, longer(&|other| other.starts_with(&units)));
            let front = preceding.longer(&table, &ngram);
            let front: BTreeSet<NgramId> = front.map(|longer| longer.id()).collect();
            prop_assert_eq!(front, longer(&|other| other.ends_with(&units)));
            prop_assert_eq!(table.find_units(&units).map(|found| found.id()), Some(ngram.id()));
            prop_assert_eq!(table.ngram(ngram.id()).text(), ngram.text());
            prop_assert_eq!(Some(ngram.hash()), crate::units::ngram_hash(&ngram.text()));
            prop_assert_eq!(units.last().copied(), Some(ngram.last_hash()));
        }
    }

    #[test]
    fn bytes_are_read_back_whole_and_refused_cut(texts in small_texts(), cut in any::<prop::sample::Index>()) {
        let table = table(&texts, NgramConfig::default());
        let bytes = table.to_bytes();
        let copy = NgramCounts::from_bytes(&bytes).unwrap();
        prop_assert_eq!(rows(&copy), rows(&table));
        prop_assert_eq!(copy.to_bytes(), bytes.clone());
        prop_assert!(NgramCounts::from_bytes(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn changed_bytes_never_panic(texts in small_texts(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = table(&texts, NgramConfig::default()).to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(table) = NgramCounts::from_bytes(&bytes) {
            prop_assert_eq!(rows(&table).len(), table.len());
        }
    }
}
