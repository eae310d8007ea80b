//! The texts behind the terms that are told, and behind rules: examples, and where they come from.

use crate::{
    PipelineError,
    baseline::author,
    config::{ExamplesConfig, Pipeline, RuleConfig},
    findings::class_of,
    judge::{Judged, JudgedWindow},
    rows::time_zone,
};
use driftline_engine::{MentionsRequest, Rows, TermTexts};
use driftline_verdict::{Finding, FindingKind, Origin, TermClass, Window};
use driftline_vocabulary::Term;
use std::collections::BTreeMap;

/// Examples shown of a term.
const EXAMPLES: usize = 3;
/// Newest windows of which it is told where the rows come from that a broken rule is about.
const WINDOWS_OF_RULES: usize = 6;

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
    let author = author(pipeline);
    let request = request(pipeline, &terms.column, author.as_deref(), &wanted)?;
    Ok(rows.mentions(&request).await?)
}

fn request<'a>(
    pipeline: &'a Pipeline,
    text: &'a str,
    author: Option<&'a str>,
    terms: &'a [String],
) -> Result<MentionsRequest<'a>, PipelineError> {
    let zone = time_zone(pipeline)?;
    let time = pipeline.time.as_ref();
    Ok(MentionsRequest {
        text,
        author,
        time: time.map(|time| (time.column.as_str(), zone)),
        terms,
        examples: match pipeline.examples {
            ExamplesConfig::Masked => EXAMPLES,
            ExamplesConfig::None => 0,
        },
    })
}

/// Adds to what is told of rules where the texts of the rows that they are about come from, in the newest
/// windows in which they do not hold.
pub(crate) async fn tell_of_rules(
    pipeline: &Pipeline,
    rows: &Rows,
    judged: &[JudgedWindow],
    shown: &mut [Window],
) -> Result<(), PipelineError> {
    let Some(terms) = &pipeline.terms else {
        return Ok(());
    };
    let author = author(pipeline);
    let request = request(pipeline, &terms.column, author.as_deref(), &[])?;
    let about = |finding: &Finding| {
        let is_of = |rule: &&RuleConfig| finding.measure.as_deref() == Some(rule.name.as_str());
        let rule = pipeline.rules.iter().find(is_of);
        rule.filter(|_| finding.kind == FindingKind::Rule)?
            .about
            .as_deref()
    };
    let about_of = |condition: &str| format!("SELECT * FROM source WHERE ({condition})");
    // A mistake in it shows at once, not when the rule breaks.
    for rule in &pipeline.rules {
        if let Some(condition) = &rule.about {
            rows.prepare(&about_of(condition)).await.map_err(|error| {
                let message = format!("`about` of the rule `{}`: {error}", rule.name);
                PipelineError::Configuration { message }
            })?;
        }
    }
    let windows = judged.iter().zip(shown).rev();
    let broken = windows.filter(|(_, window)| window.findings.iter().any(|f| about(f).is_some()));
    for (judged, window) in broken.take(WINDOWS_OF_RULES) {
        let of_window = match (&pipeline.time, judged.live.span) {
            (Some(time), Some(span)) => rows.within(&time.column, judged.live.zone, span)?,
            _ => rows.clone(),
        };
        for finding in &mut window.findings {
            let Some(condition) = about(finding) else {
                continue;
            };
            let texts = of_window
                .prepare(&about_of(condition))
                .await?
                .all_mentions(&request)
                .await?;
            finding.origin = texts.mentions.origin(None).map(told);
            if let Some(origin) = &finding.origin {
                let sentence = format!("; where {condition}: {}", origin.sentence());
                finding.message.push_str(&sentence);
            }
            finding.examples = texts.examples;
        }
    }
    Ok(())
}

fn told(found: driftline_vocabulary::Origin) -> Origin {
    Origin {
        texts: found.texts as u64,
        coordinated: found.is_coordinated(),
        near_copies: found.near_copies,
        top_authors: found.top_authors,
        ten_minutes: found.ten_minutes,
    }
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
    texts.mentions.origin(within).map(told)
}
