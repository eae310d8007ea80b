//! Whatever a pipeline file holds, reading it ends with a pipeline or an error.

use crate::Pipeline;
use proptest::prelude::*;
use std::collections::HashMap;

const GATE: &str = include_str!("../../../pipelines/gate.yaml");
const QUICKSTART: &str = include_str!("../../../pipelines/quickstart.yaml");

/// A text with some of its characters replaced, removed or doubled.
fn damaged(text: &'static str) -> impl Strategy<Value = String> {
    let wounds = prop::collection::vec((any::<prop::sample::Index>(), 0..4, any::<char>()), 1..6);
    wounds.prop_map(move |wounds| {
        let mut characters: Vec<char> = text.chars().collect();
        for (at, how, character) in wounds {
            let at = at.index(characters.len().max(1));
            match how {
                _ if at >= characters.len() => {}
                0 => characters[at] = character,
                1 => drop(characters.remove(at)),
                2 => characters.insert(at, character),
                _ => characters.truncate(at),
            }
        }
        characters.into_iter().collect()
    })
}

fn read(text: &str) -> bool {
    Pipeline::parse(text, "any.yaml", HashMap::new()).is_ok()
}

#[test]
fn the_files_that_are_damaged_are_whole() {
    assert!(read(GATE) && read(QUICKSTART));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn damaged_pipelines_are_read_or_refused(
        gate in damaged(GATE),
        quickstart in damaged(QUICKSTART),
    ) {
        read(&gate);
        read(&quickstart);
    }
}
