//! Pieces of words by byte-pair encoding and by a unigram model, as Hugging Face's
//! `tokenizer.json` describes them: the families of GPT-2, RoBERTa and Llama, and those of
//! SentencePiece.
//!
//! What a file asks for is done or refused by name, so that a text is never cut otherwise than
//! the model was trained on. Only special tokens are not looked for in texts: what somebody
//! writes as `</s>` is text.

use super::bpe::Bpe;
use super::normal::Normal;
use super::pieces::{Frame, Pieces};
use super::split::Split;
use super::unigram::Unigram;
use serde_json::Value;

/// A tokenizer of one of the two kinds.
#[derive(Debug)]
pub(super) struct SubWord {
    normal: Vec<Normal>,
    split: Vec<Split>,
    model: Model,
    frame: Frame,
}

#[derive(Debug)]
enum Model {
    Bpe(Bpe),
    Unigram(Unigram),
}

impl SubWord {
    pub(super) fn of_hugging_face(file: &Value) -> Result<Self, String> {
        let model = &file["model"];
        let tokenizer = Self {
            normal: Normal::read(&file["normalizer"])?,
            split: Split::read(&file["pre_tokenizer"])?,
            model: match model["type"].as_str() {
                Some("BPE") => Model::Bpe(Bpe::read(model)?),
                Some("Unigram") => Model::Unigram(Unigram::read(model)?),
                // Older files do not say.
                None if model["merges"].is_array() => Model::Bpe(Bpe::read(model)?),
                other => {
                    return Err(format!(
                        "its model is `{}`; of Hugging Face's tokenizers WordPiece, BPE and Unigram run",
                        other.unwrap_or("of no type")
                    ));
                }
            },
            frame: Frame::of(&file["post_processor"]),
        };
        let least = match &tokenizer.model {
            Model::Bpe(bpe) => bpe.least(),
            Model::Unigram(_) => 0,
        };
        let Frame { before, after } = &tokenizer.frame;
        match before.iter().chain(after).copied().fold(least, i64::min) {
            0 => Ok(tokenizer),
            least => Err(format!(
                "it has a token of the number {least}; they are 0 or more"
            )),
        }
    }
}

impl Pieces for SubWord {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn unknown(&self) -> Option<i64> {
        match &self.model {
            Model::Bpe(bpe) => bpe.unknown(),
            Model::Unigram(unigram) => Some(unigram.unknown()),
        }
    }

    fn words(&self, text: &str) -> Vec<String> {
        let mut text = text.to_owned();
        for step in &self.normal {
            text = step.apply(text);
        }
        let mut words = vec![text];
        for step in &self.split {
            let parts = words.into_iter().enumerate();
            words = parts
                .flat_map(|(at, word)| step.apply(&word, at == 0))
                .collect();
        }
        words.retain(|word| !word.is_empty());
        words
    }

    fn cut(&self, word: &str, into: &mut Vec<i64>) {
        match &self.model {
            Model::Bpe(bpe) => bpe.cut(word, into),
            Model::Unigram(unigram) => unigram.cut(word, into),
        }
    }

    fn greatest_piece(&self) -> i64 {
        match &self.model {
            Model::Bpe(bpe) => bpe.greatest(),
            Model::Unigram(unigram) => unigram.greatest(),
        }
    }

    fn characters(&self, word: &str) -> usize {
        match self.split.iter().any(Split::is_of_bytes) {
            true => super::split::characters_of_bytes(word),
            false => word
                .chars()
                .filter(|c| *c != '▁' && !c.is_whitespace())
                .count(),
        }
    }
}

/// Refuses what a file asks for and is not done.
pub(super) fn refused<T>(part: &str, what: &Value) -> Result<T, String> {
    let kind = what["type"]
        .as_str()
        .map_or_else(|| what.to_string(), str::to_owned);
    Err(format!(
        "its {part} `{kind}` does not run; take a tokenizer without it, or tokens by character, word \
         or hash"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{fs, path::Path};

    const FILES: [&str; 4] = ["byte-level", "byte-fallback", "unigram", "lower-words"];

    fn json(name: &str) -> Value {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokenizers");
        let text = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn tokenizer(name: &str) -> SubWord {
        SubWord::of_hugging_face(&json(name)).unwrap()
    }

    #[test]
    fn numbers_are_those_of_hugging_faces_library() {
        let expected = json("expected");
        let texts = expected["texts"].as_array().unwrap();
        for name in FILES {
            let tokenizer = tokenizer(name);
            let numbers = expected["numbers"][name].as_array().unwrap();
            for (text, numbers) in texts.iter().zip(numbers) {
                let text = text.as_str().unwrap();
                let numbers = numbers.as_array().unwrap();
                let mut numbers: Vec<i64> = numbers.iter().filter_map(Value::as_i64).collect();
                if numbers.len() == tokenizer.frame().len() {
                    // A text with nothing in it is not read.
                    numbers.clear();
                }
                assert_eq!(tokenizer.encode(text, 1_000), numbers, "{name}: {text:?}");
            }
        }
    }

    #[test]
    fn a_cut_text_keeps_its_frame_and_words_are_counted() {
        let tokens = tokenizer("byte-level");
        let cut = tokens.encode("The film was long", 4);
        assert_eq!((cut.len(), cut[0], cut[3]), (4, 0, 2));
        let counted = tokens.count("lowest 好", 100);
        assert_eq!(
            (counted.words, counted.characters, counted.unknown),
            (2, 7, 0)
        );
        let unknown = tokenizer("unigram").count("The ᚠ film", 100);
        assert_eq!(
            (unknown.words, unknown.characters, unknown.unknown),
            (3, 8, 1)
        );
    }

    #[test]
    fn what_is_not_done_is_refused_by_name() {
        for (part, value, says) in [
            (
                "/model/type",
                "WordLevel".into(),
                "its model is `WordLevel`",
            ),
            ("/model/dropout", 0.1.into(), "`dropout`"),
            ("/model/vocab/a", (-7).into(), "a token of the number -7"),
            (
                "/model/end_of_word_suffix",
                "</w>".into(),
                "`end_of_word_suffix`",
            ),
            ("/model/merges/0", "a zz".into(), "`merges` name"),
            (
                "/pre_tokenizer/type",
                "Split".into(),
                "its pre-tokenizer `Split` does not run",
            ),
        ] {
            let mut file = json("byte-level");
            *file.pointer_mut(part).unwrap() = value;
            let error = SubWord::of_hugging_face(&file).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let mut file = json("unigram");
        file["model"]["unk_id"] = Value::Null;
        assert!(
            SubWord::of_hugging_face(&file)
                .unwrap_err()
                .contains("`unk_id`")
        );
    }

    proptest! {
        #[test]
        fn any_text_has_numbers_of_the_vocabulary(text in any::<String>(), at in 0..FILES.len()) {
            let tokenizer = tokenizer(FILES[at]);
            let greatest = tokenizer.greatest_id();
            let numbers = tokenizer.encode(&text, 64);
            prop_assert!(numbers.len() <= 64);
            prop_assert!(numbers.iter().all(|number| (0..=greatest).contains(number)));
        }
    }
}
