//! The texts behind the terms that are told: examples, and where they come from.

use crate::{
    PipelineError,
    baseline::author,
    config::{ExamplesConfig, Pipeline},
    findings::class_of,
    rows::time_zone,
    run::{Judged, JudgedWindow},
};
use driftline_engine::{MentionsRequest, Rows, TermTexts};
use driftline_verdict::{Origin, TermClass};
use driftline_vocabulary::Term;
use std::collections::BTreeMap;

/// Examples shown of a term.
const EXAMPLES: usize = 3;

/// The texts of every term that is told, by term.
pub(crate) async fn read(
    pipeline: &Pipeline,
    rows: &Rows,
    judged: &Judged,
) -> Result<BTreeMap<String, TermTexts>, PipelineError> {
    let Some(terms) = &pipeline.terms else {
        return Ok(BTreeMap::new());
    };
    if judged.series.is_empty() {
        return Ok(BTreeMap::new());
    }
    let wanted: Vec<String> = judged.series.keys().cloned().collect();
    let zone = time_zone(pipeline)?;
    let (time, author) = (pipeline.time.as_ref(), author(pipeline));
    let request = MentionsRequest {
        text: &terms.column,
        author: author.as_deref(),
        time: time.map(|time| (time.column.as_str(), zone)),
        terms: &wanted,
        examples: match pipeline.examples {
            ExamplesConfig::Masked => EXAMPLES,
            ExamplesConfig::None => 0,
        },
    };
    Ok(rows.mentions(&request).await?)
}

/// Where the texts of a term come from that is told in the last of some windows: those over
/// which it was counted. `None` of a name, whose texts are about one event, and of few texts.
pub(crate) fn origin(term: &Term, texts: &TermTexts, windows: &[JudgedWindow]) -> Option<Origin> {
    if class_of(term) == TermClass::Entity {
        return None;
    }
    let first = windows.len().saturating_sub(term.horizon);
    let span = |window: &JudgedWindow| window.live.span;
    let within = match (
        windows.get(first).and_then(span),
        windows.last().and_then(span),
    ) {
        (Some(first), Some(last)) => Some(first.start_us..last.end_us),
        _ => None,
    };
    let found = texts.mentions.origin(within)?;
    Some(Origin {
        texts: found.texts as u64,
        coordinated: found.is_coordinated(),
        near_copies: found.near_copies,
        top_authors: found.top_authors,
        ten_minutes: found.ten_minutes,
    })
}
