//! Text as people read it, in one way of writing it.

use super::{
    MAX_REPEATS, MAX_ROUNDS, UnitKind,
    fold::fold_characters,
    token::{Token, Tokens},
};

/// Text in the form in which Driftline compares it.
///
/// NFKC, lower case, simplified characters; zero-width and direction marks, links,
/// e-mail addresses, @names, the marks (not the words) of `#topics#`, emoji skin
/// tones and surplus white space are gone; a unit repeated three times or more
/// stands twice. Punctuation and numbers stay. Applying it again changes nothing.
///
/// Conversion to simplified characters is by character, so 乾隆 becomes 干隆.
///
/// ```
/// use driftline_statistics::units::normalize_text;
/// assert_eq!(normalize_text("＠小明 哈哈哈哈！ https://a.cn/x #遊戲#"), "哈哈! 游戏");
/// ```
pub fn normalize_text(text: &str) -> String {
    let mut folded = fold_characters(text);
    // Cutting something out can bring two characters together that then fold as
    // one; nearly always the second round changes nothing.
    for _ in 0..MAX_ROUNDS {
        let mut cut = String::with_capacity(folded.len());
        write_normalized(&folded, &mut cut);
        let again = fold_characters(&cut);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

fn write_normalized(folded: &str, out: &mut String) {
    let mut last_unit = "";
    let mut last_token = None;
    let mut repeats = 0;
    let mut spaced = false;
    for (token, piece) in Tokens::new(folded) {
        match token {
            Token::Space => spaced = true,
            Token::Link | Token::Name | Token::TopicMark => {
                spaced = true;
                repeats = 0;
            }
            Token::Unit(kind) => {
                let broken = spaced && kind != UnitKind::Word;
                repeats =
                    if !broken && repeats > 0 && last_unit == piece && last_token == Some(token) {
                        repeats + 1
                    } else {
                        1
                    };
                (last_unit, last_token) = (piece, Some(token));
                if repeats <= MAX_REPEATS {
                    write_piece(out, piece, spaced);
                }
                spaced = false;
            }
            Token::Number | Token::Other => {
                repeats = 0;
                write_piece(out, piece, spaced);
                spaced = false;
            }
        }
    }
}

fn write_piece(out: &mut String, piece: &str, spaced: bool) {
    if spaced && !out.is_empty() {
        out.push(' ');
    }
    out.push_str(piece);
}
