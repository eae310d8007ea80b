//! Texts of every kind as units, and what normalising them keeps.

use super::*;
use proptest::prelude::*;

fn units(text: &str) -> Vec<Vec<String>> {
    let mut reader = UnitReader::default();
    reader.read(text);
    reader
        .runs()
        .map(|run| {
            (0..run.units().len())
                .map(|i| run.text(i, i + 1).to_owned())
                .collect()
        })
        .collect()
}

#[test]
fn units_of_every_kind_of_text() {
    let table: &[(&str, &[&[&str]])] = &[
        ("", &[]),
        ("班味", &[&["班", "味"]]),
        ("小米SU7真香", &[&["小", "米", "su7", "真", "香"]]),
        ("小米 SU7", &[&["小", "米", "su7"]]),
        ("i人e人", &[&["i", "人", "e", "人"]]),
        ("i 人", &[&["i", "人"]]),
        ("city不city", &[&["city", "不", "city"]]),
        ("4S店", &[&["4s", "店"]]),
        // A space between characters, punctuation and numbers cut.
        ("张三 离婚", &[&["张", "三"], &["离", "婚"]]),
        (
            "新增12例，无死亡",
            &[&["新", "增"], &["例"], &["无", "死", "亡"]],
        ),
        ("退！退！退！", &[&["退"], &["退"], &["退"]]),
        ("3.14 1,000 50%", &[]),
        // Stretched repeats.
        ("哈哈哈哈哈", &[&["哈", "哈"]]),
        ("ha ha ha ha", &[&["ha", "ha"]]),
        ("😂😂😂😂", &[&["😂", "😂"]]),
        ("哈哈 哈哈", &[&["哈", "哈"], &["哈", "哈"]]),
        ("挖呀挖呀挖", &[&["挖", "呀", "挖", "呀", "挖"]]),
        // Links, addresses, names and topics.
        ("看https://t.cn/A6x?b=1真的", &[&["看"], &["真", "的"]]),
        ("t.cn/abc 好", &[&["好"]]),
        ("__init__的 a__b _c_", &[&["init"], &["的", "a__b"], &["c"]]),
        ("写信给a.b@example.com吧", &[&["写", "信", "给"], &["吧"]]),
        ("谢谢@小明_1 你好", &[&["谢", "谢"], &["你", "好"]]),
        (
            "#淄博烧烤#真火",
            &[&["淄", "博", "烧", "烤"], &["真", "火"]],
        ),
        ("see you @ 5pm", &[&["see", "you"], &["5pm"]]),
        // Width, case, traditional characters, padding.
        ("ＹＹＤＳ", &[&["yyds"]]),
        ("遊戲", &[&["游", "戏"]]),
        ("薴", &[&["苎"]]),
        ("躺\u{200b}平", &[&["躺", "平"]]),
        ("\u{feff}y\u{ad}yds\u{2060}", &[&["yyds"]]),
        // Kana, Hangul, Cyrillic, Arabic with marks, Hebrew, Thai.
        ("ラーメン", &[&["ラ", "ー", "メ", "ン"]]),
        ("한국어 문장", &[&["한국어", "문장"]]),
        ("Привет, мир", &[&["привет"], &["мир"]]),
        ("مَرْحَبًا بالعالم", &[&["مَرْحَبًا", "بالعالم"]]),
        ("שלום עולם", &[&["שלום", "עולם"]]),
        ("ไทยที่", &[&["ไ", "ท", "ย", "ที่"]]),
        // Composed and decomposed are one.
        ("cafe\u{301}", &[&["café"]]),
        ("café", &[&["café"]]),
        ("don't", &[&["don't"]]),
        // Emoji: joined whole, without skin tone, flags in pairs.
        ("👍🏽👍", &[&["👍", "👍"]]),
        ("👨‍👩‍👧好", &[&["👨‍👩‍👧", "好"]]),
        ("🇨🇳🇯🇵", &[&["🇨🇳", "🇯🇵"]]),
        ("❤️爱", &[&["❤", "爱"]]),
        ("1️⃣好", &[&["好"]]),
    ];
    for (text, expected) in table {
        assert_eq!(units(text), *expected, "{text}");
    }
}

/// Tells a unit of a text that, by itself, is another.
fn unstable(text: &str) -> Option<String> {
    let (mut reader, mut again) = (UnitReader::default(), UnitReader::default());
    reader.read(text);
    for run in reader.runs() {
        for (at, unit) in run.units().iter().enumerate() {
            let alone = run.text(at, at + 1);
            again.read(alone);
            let mut runs = again.runs();
            let same = matches!((runs.next(), runs.next()), (Some(only), None)
                if only.units().len() == 1 && only.units()[0].hash == unit.hash);
            if !same || hash_unit(alone) != unit.hash {
                return Some(alone.to_owned());
            }
        }
    }
    None
}

#[test]
fn every_character_is_the_same_unit_when_read_again() {
    let mut buffer = [0; 4];
    for c in '\0'..=char::MAX {
        assert_eq!(
            unstable(c.encode_utf8(&mut buffer)),
            None,
            "U+{:04X}",
            u32::from(c)
        );
    }
}

#[test]
fn what_else_a_text_holds_is_told() {
    let mut reader = UnitReader::default();
    reader.read("哈哈哈 😂 @a http://b.c");
    assert!(reader.has_repeat() && reader.has_emoji() && reader.has_name() && reader.has_link());
    reader.read("哈哈");
    assert!(
        !reader.has_repeat() && !reader.has_emoji() && !reader.has_name() && !reader.has_link()
    );
}

#[test]
fn normalisation_keeps_what_people_read() {
    for (text, expected) in [
        ("  A　B\t\nC ", "a b c"),
        ("新增１２例！", "新增12例!"),
        ("哈哈哈哈，ha ha ha!!!", "哈哈,ha ha!!!"),
        ("#話題#轉發@某人 http://t.cn/x", "话题 转发"),
        ("ﬁne ²", "fine 2"),
        ("İstanbul", "i̇stanbul"),
    ] {
        assert_eq!(normalize_text(text), expected, "{text}");
    }
}

#[test]
fn a_text_and_its_normal_form_are_the_same_document() {
    let mut reader = UnitReader::default();
    for text in [
        "小米ＳＵ7！！",
        "哈哈哈 😂😂😂 @a http://b.c 1,2 you're",
        "#話題#轉發",
    ] {
        reader.read(text);
        let hash = reader.document_hash();
        reader.read(&normalize_text(text));
        assert_eq!(reader.document_hash(), hash, "{text}");
    }
}

#[test]
fn documents_differ_by_their_words_and_cuts_only() {
    let hash = |text: &str| {
        let mut reader = UnitReader::default();
        reader.read(text);
        reader.document_hash()
    };
    assert_eq!(hash("新增12例"), hash("新增 3 例!"));
    assert_ne!(hash("新增例"), hash("新增1例"));
    assert_ne!(hash("张三"), hash("三张"));
}

#[test]
fn an_ngram_hash_is_that_of_its_units() {
    assert_eq!(ngram_hash("Ｉ人"), ngram_hash("i人"));
    assert_ne!(ngram_hash("班味"), ngram_hash("味班"));
    assert_eq!(ngram_hash("张三，李四"), None);
    assert_eq!(ngram_hash("12"), None);
    // Frozen: vocabularies on disk hold these.
    assert_eq!(ngram_hash("班味"), Some(2_337_555_291_274_337_016));
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing(text in "(\\PC|[哈h😂👍🏽 @#.:/\u{200d}\u{fe0f}é\u{301}1]){0,24}") {
        let once = normalize_text(&text);
        prop_assert_eq!(normalize_text(&once), once);
    }

    #[test]
    fn runs_cover_all_units_in_order(text in "(\\PC|[哈h😂👍🏽 @#.:/\u{200d}\u{fe0f}é\u{301}1]){0,24}") {
        let mut reader = UnitReader::default();
        reader.read(&text);
        let total: usize = reader.runs().map(|run| run.units().len()).sum();
        prop_assert_eq!(total, reader.unit_count());
        for run in reader.runs() {
            prop_assert!(!run.units().is_empty());
            prop_assert!(!run.text(0, run.units().len()).is_empty());
        }
    }
}
