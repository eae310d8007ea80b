//! The list of words that are used otherwise than before, for people and for programs.

use crate::findings::number;
use driftline_engine::{Usage, WordUsage};
use driftline_verdict::report::aligned;
use serde_json::{Value, json};

/// The list for people: one line a word, then examples for and against each.
pub fn table(usage: &Usage) -> String {
    let mut text = format!(
        "{} of {} words; a list to read, not an alarm: most of it is the topics of the day\n",
        usage.words.len(),
        usage.compared
    );
    if !usage.not_compared.is_empty() {
        let words = usage.not_compared.join(" ");
        text.push_str(&format!("not compared, in too few texts: {words}\n"));
    }
    if usage.words.is_empty() {
        text.push_str(
            "too few words stand in so many texts of both sides (twenty are needed), or none changed \
             more than words like it; `--least-texts` asks for fewer\n",
        );
        return text;
    }
    let heading = [
        "word",
        "score",
        "divergence",
        "usual",
        "texts",
        "now with",
        "before with",
    ];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    for of in &usage.words {
        let [earlier, later, live] = of.texts;
        lines.push(vec![
            of.change.word.clone(),
            number(of.change.score),
            number(of.change.divergence),
            number(of.change.usual),
            format!("{} → {live}", u64::from(earlier) + u64::from(later)),
            of.came.join(" "),
            of.went.join(" "),
        ]);
    }
    text.push('\n');
    text.push_str(&aligned(&lines));
    for of in &usage.words {
        text.push_str(&format!("\n{}\n", of.change.word));
        let examples = of.examples.iter().map(|text| ("+", text));
        let against = of.counterexamples.iter().map(|text| ("−", text));
        for (sign, example) in examples.chain(against) {
            let example = example.escape_debug();
            text.push_str(&format!("  {sign} {example}\n"));
        }
    }
    text
}

/// The list for programs.
pub fn json(usage: &Usage) -> Value {
    json!({
        "compared": usage.compared,
        "not_compared": usage.not_compared,
        "items": usage.words.iter().map(word).collect::<Vec<_>>(),
    })
}

fn word(of: &WordUsage) -> Value {
    let [earlier, later, live] = of.texts;
    json!({
        "word": of.change.word,
        "score": of.change.score,
        "divergence": of.change.divergence,
        "usual_divergence": of.change.usual,
        "sampled_texts": of.change.texts,
        "baseline_texts": u64::from(earlier) + u64::from(later),
        "live_texts": live,
        "now_with": of.came,
        "before_with": of.went,
        "examples": of.examples,
        "counterexamples": of.counterexamples,
    })
}
