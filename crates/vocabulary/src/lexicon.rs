//! Which words are known whatever the baseline says, what is a name, and what is cut out
//! of a sentence.
//!
//! A year of headlines does not hold all of a language, so jieba's dictionary is asked
//! too; never its hidden Markov model, which makes up words of its own.
//!
//! Whether a new word is a name is told by its characters: 斯, 娅 and 镇 stand in names,
//! 控, 烂 and 的 hardly ever. How much more often each does was counted in the dictionary
//! (`name_characters.txt`). With a fifth of the dictionary held out, 0.977 of the pairs of a
//! name and another word are put in the right order by the mean over the characters, and of
//! those that are called names 0.97 are
//! (`benches/name_characters.py dict.txt --held-out`).

use jieba_rs::Jieba;
use rustc_hash::FxHashMap;
use std::sync::{LazyLock, OnceLock};

/// Log odds, in nats, from which a word that the dictionary does not have is a name: for the
/// mean of its characters, and for their sum, since two characters say less than three.
const NAME: f64 = 1.0;
const NAME_IN_ALL: f64 = 3.0;

/// The dictionary's tags of people, places and organisations.
const NAME_TAGS: [&str; 5] = ["nr", "nrt", "nrfg", "ns", "nt"];

/// By place in the word (first, middle, last) and character: log odds of names, in nats.
static NAME_CHARACTERS: LazyLock<FxHashMap<(Place, char), i8>> = LazyLock::new(|| {
    let lines = include_str!("name_characters.txt").lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| {
            let mut fields = line.split(' ');
            let (place, nats, characters) = (fields.next(), fields.next(), fields.next());
            let place = match place {
                Some("first") => Place::First,
                Some("middle") => Place::Middle,
                _ => Place::Last,
            };
            let nats: i8 = nats.and_then(|nats| nats.parse().ok()).unwrap_or(0);
            let characters = characters.unwrap_or_default().chars();
            characters.map(move |character| ((place, character), nats))
        })
        .collect()
});

/// Place of a character in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    First,
    Middle,
    Last,
}

/// The most frequent Chinese family names; with those of one character that are
/// mostly used as other words left out.
const FAMILY_NAMES: &str = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭罗宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢\
    蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔崔康毛邱秦江史顾侯邵孟龙万段\
    钱汤尹黎易武乔贺赖龚樊兰殷施洪翟安倪严牛温芦季俞章鲁葛伍韦毕聂焦向柳邢骆岳齐梅庄涂辛管祝\
    佟纪凌裴奚翁曲肖闫宁费檀虞";

/// Characters that relate what follows to something before: an n-gram that begins
/// with one is mostly cut out of a sentence (在乌, 对俄, 被辞退了).
const RELATING_FIRST: &str = "在对与就被给把和的是称让";

/// Characters that something must follow (任嘉伦说, 普京称).
const RELATING_LAST: &str = "说称被将与在和";

fn jieba() -> &'static Jieba {
    static DICTIONARY: OnceLock<Jieba> = OnceLock::new();
    DICTIONARY.get_or_init(Jieba::new)
}

/// Whether the dictionary has `word`, which must be in normal form.
pub fn is_known(word: &str) -> bool {
    jieba().has_word(word)
}

/// Whether `text` is a name of a person, a place or an organisation: the dictionary says so
/// and its characters, too (its tags are wrong at times), or the dictionary does not have it and its
/// characters are those of names.
///
/// Only words of two to five ideographs are told; names of works and events have no form of
/// their own.
pub fn is_name(text: &str) -> bool {
    let Some(score) = name_score(text) else {
        return false;
    };
    if is_known(text) {
        score >= NAME && is_tagged_as_name(text)
    } else {
        let in_all = score * text.chars().count() as f64;
        score >= NAME && in_all >= NAME_IN_ALL || score > 0.0 && is_like_a_person(text)
    }
}

/// Mean log odds, in nats a character, that the characters of `text` are those of a name;
/// `None` for what is not two to five ideographs.
fn name_score(text: &str) -> Option<f64> {
    let characters: Vec<char> = text.chars().collect();
    let last = characters.len().checked_sub(1)?;
    let ideographs = (characters.iter()).all(|c| matches!(c, '\u{4e00}'..='\u{9fff}'));
    if !(1..=4).contains(&last) || !ideographs {
        return None;
    }
    let nats = |(at, &character): (usize, &char)| {
        let place = match at {
            0 => Place::First,
            at if at == last => Place::Last,
            _ => Place::Middle,
        };
        let nats = NAME_CHARACTERS.get(&(place, character));
        nats.map_or(0.0, |&nats| f64::from(nats))
    };
    let sum: f64 = characters.iter().enumerate().map(nats).sum();
    Some(sum / characters.len() as f64)
}

fn is_tagged_as_name(word: &str) -> bool {
    match jieba().tag(word, false).as_slice() {
        [only] => NAME_TAGS.contains(&only.tag),
        _ => false,
    }
}

/// Whether `text` is a family name and one or two more characters that the dictionary makes
/// no word of.
fn is_like_a_person(text: &str) -> bool {
    let length = text.chars().count();
    (2..=3).contains(&length)
        && text
            .chars()
            .next()
            .is_some_and(|first| FAMILY_NAMES.contains(first))
        && jieba().cut(text, false).len() == length
}

/// How much a new term looks like a word rather than like a phrase of known words, a foreign
/// name or half of a Chinese one: 1, halved for each.
///
/// It orders lists and nothing else. The halves are a judgement made by reading the terms of
/// 2023, where few of these three forms were a new word or sense; they are fitted to nothing.
pub fn word_likeness(text: &str) -> f64 {
    let words = jieba().cut(text, false);
    let phrase = words.len() > 1 && words.iter().all(|word| word.word.chars().nth(1).is_some());
    let foreign = text.is_ascii();
    let name = name_score(text).is_some_and(|score| score > 0.0);
    [phrase, foreign, name]
        .into_iter()
        .filter(|&holds| holds)
        .fold(1.0, |likeness, _| likeness / 2.0)
}

/// Whether `text` begins or ends with a character that ties it to what is around it.
pub fn is_cut_out(text: &str) -> bool {
    let (first, last) = (text.chars().next(), text.chars().next_back());
    first.is_some_and(|c| RELATING_FIRST.contains(c))
        || last.is_some_and(|c| RELATING_LAST.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_known_words_are_known_and_new_ones_are_not() {
        for word in ["优雅", "遥遥领先", "天花板", "乌克兰"] {
            assert!(is_known(word), "{word}");
        }
        for word in ["搭子", "班味", "显眼包", "i人", "尊嘟假嘟"] {
            assert!(!is_known(word), "{word}");
        }
    }

    #[test]
    fn pieces_of_sentences_are_told_from_words() {
        assert!(["在乌", "普京称", "被辞退了"].into_iter().all(is_cut_out));
        assert!(
            !["麻了", "一种很新的", "i人", "", "gpt"]
                .into_iter()
                .any(is_cut_out)
        );
    }

    #[test]
    fn names_are_told_from_coinages() {
        for name in [
            "张颂文",
            "卢昱晓",
            "于适",
            "刘畊宏",
            "泽连斯基",
            "郑钦文",
            "佩洛西",
            "乌克兰",
            "孙珍妮",
            "哈马斯",
        ] {
            assert!(is_name(name), "{name}");
        }
        for word in [
            "显眼包",
            "搭子",
            "白人饭",
            "公主请",
            "嘴替",
            "麻了",
            "chatgpt",
            "王子奇遇记",
            "硬控",
            "红温",
            "班味",
            "遥遥领先",
            "水灵灵",
            "",
            "王",
        ] {
            assert!(!is_name(word), "{word}");
        }
    }

    #[test]
    fn words_stand_before_phrases_and_names() {
        for (text, likeness) in [
            ("显眼包", 1.0),
            ("i人", 1.0),
            ("演唱会门票", 0.5),
            ("kakao", 0.5),
            ("宫远征", 0.5),
            ("", 0.5),
        ] {
            assert!((word_likeness(text) - likeness).abs() < 1e-9, "{text}");
        }
    }

    #[test]
    fn the_characters_of_names_are_read() {
        assert!(NAME_CHARACTERS.len() > 6_000);
        assert_eq!(NAME_CHARACTERS.get(&(Place::First, '丽')), Some(&3));
    }
}
