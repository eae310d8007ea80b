//! The word that was probably meant.

pub(super) fn suggestion_of<T: Copy>(
    found: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> String {
    let known: Vec<&str> = all.iter().map(|&value| name(value)).collect();
    suggestion(found, &known)
}

/// The known word that was probably meant, or all of them.
pub(super) fn suggestion(found: &str, known: &[&str]) -> String {
    let close = |word: &&&str| {
        let distance = edit_distance(found, word);
        (distance <= 2 && distance < word.len()) || (found.len() > 3 && word.contains(found))
    };
    match known
        .iter()
        .filter(close)
        .min_by_key(|word| edit_distance(found, word))
    {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("one of: {}", known.join(", ")),
    }
}

/// How many characters must be put in, taken out or replaced to get from one word to
/// the other (Levenshtein 1966). Only the start of a long word is looked at.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
