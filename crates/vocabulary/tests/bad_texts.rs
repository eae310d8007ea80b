//! Texts that nobody wishes for: bounded memory and time, and no alarm for the wrong reason.

use driftline_statistics::ngrams::{NgramConfig, NgramCounts};
use driftline_vocabulary::{BaselineVocabulary, Term, TermConfig, TermFinder, Tier};

const DAYS: u8 = 7;

/// Texts of a small language, by a seeded generator.
struct Writer(u64);

impl Writer {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn text(&mut self) -> String {
        let letter = |rank: u64| char::from_u32(0x5000 + rank as u32).unwrap_or('甲');
        (0..10)
            .map(|_| letter(self.next(30) * self.next(30)))
            .collect()
    }
}

fn usual(counts: &mut NgramCounts, seed: u64, texts: usize) {
    let mut writer = Writer(seed);
    for i in 0..texts {
        counts.update(&writer.text(), (i % usize::from(DAYS)) as u8, None);
    }
}

fn baseline(texts: usize) -> BaselineVocabulary {
    let mut counts = NgramCounts::new(NgramConfig::baseline());
    usual(&mut counts, 1, texts);
    BaselineVocabulary::freeze(&counts)
}

/// What is told of eight windows, the last two of which have bad texts beside the usual ones.
fn told(baseline: &BaselineVocabulary, mut bad: impl FnMut(&mut NgramCounts)) -> Vec<Term> {
    let mut finder = TermFinder::new(baseline, TermConfig::default());
    let mut told = Vec::new();
    for window in 0..8 {
        let mut counts = NgramCounts::new(NgramConfig::window());
        usual(&mut counts, 2 + window, 200);
        if window >= 6 {
            bad(&mut counts);
        }
        assert!(counts.size_bytes() < 128 << 20, "{}", counts.size_bytes());
        told.extend(finder.observe(window as i64, counts));
    }
    told.retain(|term| term.tier >= Tier::Alarm);
    told
}

fn assert_nothing_is_told(what: &str, bad: impl FnMut(&mut NgramCounts)) {
    let told = told(&baseline(6_000), bad);
    assert!(told.is_empty(), "{what}: {told:?}");
}

#[test]
fn short_and_empty_texts_say_nothing() {
    assert_nothing_is_told("one character", |counts| {
        for day in 0..DAYS {
            for text in ["新", "", " ", "!", "7", "\0", "\u{fffd}"] {
                counts.update(text, day, None);
            }
        }
    });
}

#[test]
fn a_text_of_ten_megabytes_is_cut_and_is_one_document() {
    let mut writer = Writer(9);
    let long: String = (0..350_000).map(|_| writer.text()).collect();
    assert!(long.len() > 10_000_000);
    assert_nothing_is_told("ten megabytes", |counts| {
        let before = counts.documents();
        counts.update(&long, 0, None);
        assert_eq!(counts.documents(), before + 1);
    });
}

#[test]
fn one_text_a_million_times_is_one_document() {
    let mut counts = NgramCounts::new(NgramConfig::window());
    for _ in 0..1_000_000 {
        counts.update("加群领红包", 0, None);
    }
    assert_eq!((counts.texts(), counts.documents()), (1_000_000, 1));
    assert!(counts.size_bytes() < 1 << 20);
    assert_nothing_is_told("copies", |window| {
        for i in 0..10_000 {
            window.update("加群领红包", (i % DAYS as usize) as u8, None);
        }
    });
}

#[test]
fn padding_and_marks_make_no_new_words() {
    // A usual text, every character of which is followed by something invisible or a mark.
    for padding in ["\u{200b}", "\u{200d}", "\u{feff}", "\u{2060}"] {
        assert_nothing_is_told("padding", |counts| {
            let mut writer = Writer(3);
            for day in 0..DAYS {
                for _ in 0..5 {
                    let padded: String = (writer.text().chars())
                        .flat_map(|c| [c.to_string(), padding.to_owned()])
                        .collect();
                    counts.update(&padded, day, None);
                }
            }
        });
    }
}

#[test]
fn other_scripts_are_read_and_do_not_panic() {
    for text in [
        "שלום עולם",
        "مرحبا بالعالم",
        "e\u{301}e\u{301}\u{302}\u{303}\u{304}\u{305}",
        "😂😂😂😂👨‍👩‍👧‍👦🏳️‍🌈",
        "สวัสดีชาวโลก",
        "漢字カタカナひらがな한국어latinкириллица",
        "\u{202e}olleh\u{202c}",
        "\u{d7ff}\u{e000}\u{10ffff}",
    ] {
        let mut counts = NgramCounts::new(NgramConfig::window());
        counts.update(&text.repeat(1_000), 0, None);
        counts.update(text, 0, None);
        assert!(counts.documents() <= 2, "{text}");
        told(&baseline(1_000), |window| window.update(text, 0, None));
    }
}

#[test]
fn empty_windows_and_windows_out_of_order_tell_nothing_new() {
    let baseline = baseline(6_000);
    let mut finder = TermFinder::new(&baseline, TermConfig::default());
    let mut told = Vec::new();
    for (at, start) in [5, 3, 9, 9, 0, 7, i64::MAX, i64::MIN]
        .into_iter()
        .enumerate()
    {
        let mut counts = NgramCounts::new(NgramConfig::window());
        if at % 3 != 0 {
            usual(&mut counts, at as u64 + 2, 200);
        }
        told.extend(finder.observe(start, counts));
    }
    told.retain(|term: &Term| term.tier >= Tier::Alarm);
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn a_baseline_shorter_than_a_window_makes_no_alarm_of_its_own_language() {
    // Ten texts to learn from and two hundred a window: nothing was seen often enough to say
    // that it is new.
    let told = told(&baseline(10), |_| ());
    assert!(told.len() <= 2, "{told:?}");
}

#[test]
fn a_column_that_becomes_constant_is_no_term() {
    let baseline = baseline(6_000);
    let mut finder = TermFinder::new(&baseline, TermConfig::default());
    let mut told = Vec::new();
    for window in 0..20 {
        let mut counts = NgramCounts::new(NgramConfig::window());
        for i in 0..500 {
            counts.update("暂无内容", (i % DAYS as usize) as u8, None);
        }
        told.extend(finder.observe(window, counts));
    }
    assert!(told.iter().all(|term| term.tier == Tier::Watch), "{told:?}");
}
