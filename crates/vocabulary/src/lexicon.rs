//! Which words are known whatever the baseline says, what looks like a person's
//! name, and what is cut out of a sentence.
//!
//! A year of headlines does not hold all of a language, so jieba's dictionary is asked
//! too; never its hidden Markov model, which makes up words of its own.

use jieba_rs::Jieba;
use std::sync::OnceLock;

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

/// Whether `text` looks like the name of a person: a family name and one or two more
/// characters that the dictionary makes no word of.
pub fn is_person_name(text: &str) -> bool {
    let length = text.chars().count();
    (2..=3).contains(&length)
        && text
            .chars()
            .next()
            .is_some_and(|first| FAMILY_NAMES.contains(first))
        && jieba().cut(text, false).len() == length
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
        for name in ["张颂文", "卢昱晓", "于适", "刘畊宏"] {
            assert!(is_person_name(name), "{name}");
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
        ] {
            assert!(!is_person_name(word), "{word}");
        }
    }
}
