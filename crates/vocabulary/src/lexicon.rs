//! Which words are known whatever the baseline says, what is a name, and what is cut out
//! of a sentence.
//!
//! A year of headlines does not hold all of a language, so jieba's dictionary is asked
//! too; never its hidden Markov model, which makes up words of its own.
//!
//! Whether a new word is a name is told by its characters and by what stands beside it: 斯,
//! 娅 and 镇 stand in names, 控, 烂 and 的 hardly ever. How much more often each does was
//! counted in the dictionary (`name_characters.txt`). With a fifth of the dictionary held
//! out, 0.977 of the pairs of a name and another word are put in the right order by the mean
//! over the characters (`benches/name_characters.py dict.txt --held-out`).

use jieba_rs::Jieba;
use rustc_hash::FxHashMap;
use std::sync::{LazyLock, OnceLock};

/// Mean log odds, in nats a character, from which a word that the dictionary tags as a name is one:
/// its tags are wrong at times.
const NAME: f64 = 1.0;

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

/// Characters that what begins with one is more often a piece than other n-grams are (个金容融).
const LOOSE_FIRST: &str = "的了是被在对与就给把和称让算有个次例后子谁";

/// Characters that what ends with one is more often a piece than other n-grams are (河南增).
const LOOSE_LAST: &str = "个一在后如增说称被将与和";

fn jieba() -> &'static Jieba {
    static DICTIONARY: OnceLock<Jieba> = OnceLock::new();
    DICTIONARY.get_or_init(Jieba::new)
}

/// Whether the dictionary has `word`, which must be in normal form.
pub fn is_known(word: &str) -> bool {
    jieba().has_word(word)
}

/// Whether the characters of a word that the dictionary does not have are those of a name: all that is
/// known where the training data show no names to learn from. The weights are those of a logistic
/// regression on 837 terms told of headlines of 2022 and 2023, labelled by reading them.
pub(crate) fn has_the_form_of_a_name(text: &str) -> bool {
    let person = if is_like_a_person(text) { 2.4 } else { 0.0 };
    0.65 * name_score(text).unwrap_or(0.0) + person > 0.5
}

/// Mean log odds, in nats a character, that the characters of `text` are those of a name;
/// `None` for what is not two to five ideographs.
pub(crate) fn name_score(text: &str) -> Option<f64> {
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

/// Whether the dictionary has `word` as a name; `None` where it has not, or its tag and the word's
/// characters disagree.
pub(crate) fn is_known_name(word: &str) -> Option<bool> {
    if !is_known(word) {
        return None;
    }
    match (is_tagged_as_name(word), name_score(word)) {
        (true, Some(score)) => (score >= NAME).then_some(true),
        (tagged, _) => (!tagged).then_some(false),
    }
}

fn is_tagged_as_name(word: &str) -> bool {
    match jieba().tag(word, false).as_slice() {
        [only] => NAME_TAGS.contains(&only.tag),
        _ => false,
    }
}

/// Whether `text` is a family name and one or two more characters that the dictionary makes
/// no word of.
pub(crate) fn is_like_a_person(text: &str) -> bool {
    let length = text.chars().count();
    (2..=3).contains(&length)
        && text
            .chars()
            .next()
            .is_some_and(|first| FAMILY_NAMES.contains(first))
        && has_no_word(text)
}

/// Characters of each word that the dictionary cuts `text` into.
pub(crate) fn word_lengths(text: &str) -> Vec<usize> {
    let words = jieba().cut(text, false);
    (words.iter())
        .map(|word| word.word.chars().count())
        .collect()
}

/// Whether the dictionary finds no word of two characters or more in `text`.
pub(crate) fn has_no_word(text: &str) -> bool {
    jieba().cut(text, false).len() == text.chars().count()
}

/// Whether `text` begins or ends with a character that mostly belongs to what is beside it.
pub(crate) fn has_a_loose_end(text: &str) -> bool {
    let (first, last) = (text.chars().next(), text.chars().next_back());
    first.is_some_and(|c| LOOSE_FIRST.contains(c)) || last.is_some_and(|c| LOOSE_LAST.contains(c))
}

/// Whether `text` begins, and whether it ends, with a character that ties it to what is around it.
pub(crate) fn relating_ends(text: &str) -> [bool; 2] {
    let (first, last) = (text.chars().next(), text.chars().next_back());
    [
        first.is_some_and(|c| RELATING_FIRST.contains(c)),
        last.is_some_and(|c| RELATING_LAST.contains(c)),
    ]
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
    fn pieces_of_sentences_are_tied_to_what_is_around() {
        for (text, ends) in [
            ("在乌", [true, false]),
            ("普京称", [false, true]),
            ("被他说", [true, true]),
            ("一种很新的", [false, false]),
            ("", [false, false]),
        ] {
            assert_eq!(relating_ends(text), ends, "{text}");
        }
    }

    #[test]
    fn characters_tell_names() {
        for name in [
            "张颂文",
            "卢昱晓",
            "于适",
            "刘畊宏",
            "泽连斯基",
            "佩洛西",
            "哈马斯",
        ] {
            assert!(has_the_form_of_a_name(name), "{name}");
        }
        for word in [
            "显眼包",
            "搭子",
            "嘴替",
            "麻了",
            "chatgpt",
            "硬控",
            "班味",
            "",
        ] {
            assert!(!has_the_form_of_a_name(word), "{word}");
        }
    }

    #[test]
    fn the_dictionary_has_names_and_words_and_some_that_it_mistakes() {
        for (word, known) in [
            ("乌克兰", Some(true)),
            ("遥遥领先", Some(false)),
            ("水灵灵", None),
            ("搭子", None),
        ] {
            assert_eq!(is_known_name(word), known, "{word}");
        }
    }

    #[test]
    fn pieces_have_loose_ends_and_names_no_words_within() {
        for piece in ["个金容融", "感染后", "河南增", "谁能拒绝"] {
            assert!(has_a_loose_end(piece), "{piece}");
        }
        for word in ["搭子", "i人", "一种很新的", "阳了", ""] {
            assert!(!has_a_loose_end(word), "{word}");
        }
        assert!(has_no_word("挖呀挖") && !has_no_word("雪糕刺客"));
    }

    #[test]
    fn the_characters_of_names_are_read() {
        assert!(NAME_CHARACTERS.len() > 6_000);
        assert_eq!(NAME_CHARACTERS.get(&(Place::First, '丽')), Some(&3));
    }
}
