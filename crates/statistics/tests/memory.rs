//! What an accumulator says it holds is what the allocator gave it.
//!
//! A memory limit is worth as much as the sizes that are counted against it. One test alone
//! is in this program, so that nothing else allocates while it counts.

#![expect(unsafe_code, reason = "an allocator that counts is an unsafe trait")]

use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray,
    types::Int32Type,
};
use driftline_statistics::{
    ColumnAccumulator, ColumnReader, DistinctCount,
    features::{DatasetStatistics, FeatureOptions},
    ngrams::NgramCounts,
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

/// What the C library's allocator takes for a request: eight bytes of its own, in steps of
/// 16, at least 32.
fn taken(bytes: usize) -> usize {
    (bytes + 8).next_multiple_of(16).max(32)
}

// SAFETY: every call is handed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(taken(layout.size()), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(taken(layout.size()), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Fails where the state that `make` gives says something else than what it took, by more
/// than a tenth and half a KiB.
fn assert_honest<T>(what: &str, make: impl Fn() -> T, size: impl Fn(&T) -> usize) {
    // What is made once for the whole process, such as tables of characters, is no state.
    drop(make());
    let before = HELD.load(Relaxed);
    let state = Box::new(make());
    let held = HELD.load(Relaxed) - before;
    let said = size(&state);
    eprintln!("{what}: holds {held} bytes, says {said}");
    assert!(
        said.abs_diff(held) <= held / 10 + 512,
        "{what}: holds {held} bytes, says {said}"
    );
}

fn column(name: &str, array: impl Fn() -> ArrayRef, text: bool) {
    let whole = || {
        let array = array();
        let mut state = ColumnAccumulator::new(array.data_type(), text);
        state.update_all(&ColumnReader::new(&array));
        state
    };
    assert_honest(name, whole, ColumnAccumulator::size_bytes);
    // As the rows of one of many slices come: a few of each batch.
    let slice = || {
        let array = array();
        let mut state = ColumnAccumulator::new(array.data_type(), text);
        let rows: Vec<u32> = (0..array.len() as u32).step_by(5).collect();
        for rows in rows.chunks(3) {
            state.update_rows(&ColumnReader::new(&array), rows);
        }
        state
    };
    let name = format!("{name}, a slice of it");
    assert_honest(&name, slice, ColumnAccumulator::size_bytes);
    let read = || {
        ColumnAccumulator::from(
            driftline_statistics::ColumnProfile::from_bytes(&slice().into_profile().to_bytes())
                .expect("what was written"),
        )
    };
    assert_honest(
        &format!("{name}, read"),
        read,
        ColumnAccumulator::size_bytes,
    );
}

fn numbers(rows: usize, different: usize) -> ArrayRef {
    let values = (0..rows).map(|row| ((row % different) as f64).sin());
    Arc::new(Float64Array::from_iter_values(values))
}

fn texts(rows: usize, different: usize, tail: usize) -> ArrayRef {
    let values = (0..rows).map(|row| format!("value {}{}", row % different, "x".repeat(tail)));
    Arc::new(StringArray::from_iter_values(values))
}

#[test]
fn a_state_says_what_it_holds() {
    for (rows, different) in [(10, 10), (1_000, 3), (1_000, 1_000), (100_000, 100_000)] {
        let name = format!("{rows} rows of {different} numbers");
        column(&name, || numbers(rows, different), false);
        for tail in [0, 100] {
            for text in [false, true] {
                let name = format!("{rows} rows of {different} strings, {tail} more, text {text}");
                column(&name, || texts(rows, different, tail), text);
            }
        }
    }
    let flags = || Arc::new(BooleanArray::from(vec![true, false, true])) as ArrayRef;
    column("booleans", flags, false);
    let dictionary = || {
        let values: Vec<String> = (0..5_000)
            .map(|row| format!("word {}", row % 700))
            .collect();
        let array: DictionaryArray<Int32Type> = values.iter().map(String::as_str).collect();
        Arc::new(array) as ArrayRef
    };
    column("a dictionary", dictionary, false);
    let distinct = || {
        let mut count = DistinctCount::default();
        (0..1_500_u32).for_each(|n| count.update(&n.to_le_bytes()));
        count
    };
    assert_honest("distinct values", distinct, |count| {
        size_of::<DistinctCount>() + count.size_bytes()
    });
    for (rows, different) in [(1_000, 10), (50_000, 20_000)] {
        let features = || {
            let batch = RecordBatch::try_from_iter([
                ("number", numbers(rows, different)),
                ("word", texts(rows, different, 20)),
                (
                    "category",
                    Arc::new(Int64Array::from_iter_values(
                        (0..rows as i64).map(|n| n % 7),
                    )),
                ),
            ]);
            let mut state = DatasetStatistics::new(Arc::new(FeatureOptions::default()));
            state
                .update(&batch.expect("columns of one length"))
                .expect("plain columns");
            state
        };
        let name = format!("features of {rows} rows, {different} values");
        assert_honest(&name, features, DatasetStatistics::size_bytes);
    }
    let ngrams = || {
        let mut counts = NgramCounts::default();
        (0..20_000).for_each(|n| counts.update(&format!("ab{} cd{}", n % 777, n % 131), 0, None));
        counts.shrink_to_fit();
        counts
    };
    assert_honest("n-grams", ngrams, NgramCounts::size_bytes);
}
