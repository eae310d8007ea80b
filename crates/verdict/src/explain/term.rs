//! A term: how often, against what, how sure.

use super::{Section, exact};
use crate::{Evidence, Finding, TermClass, TermTier, report::format::count};

pub(super) fn sections(finding: &Finding) -> Vec<Section> {
    let mut sections = vec![Section {
        title: "what was counted",
        sentences: Vec::new(),
        rows: counts(finding),
    }];
    sections.push(Section::words("how the value is made", contrast(finding)));
    let mut standing = Vec::new();
    standing.extend(finding.class.map(|class| {
        match class {
            TermClass::Coinage => "Coinage: a word or sense that the baseline does not have.",
            TermClass::Entity => "Entity: a name of a person, place, work or event.",
            TermClass::Surge => "Surge: a known word that rises; it is listed and told to nobody.",
        }
        .to_owned()
    }));
    standing.extend(finding.tier.map(|tier| {
        match tier {
            TermTier::Watch => "Watch: worth an eye, and told to nobody.",
            TermTier::Alarm => "Alarm: sure enough to be told.",
            TermTier::Confirmed => "Confirmed: still there after several windows.",
        }
        .to_owned()
    }));
    standing.extend(
        finding
            .first_seen
            .as_ref()
            .map(|first| format!("First seen in the window that begins {first}.")),
    );
    sections.push(Section::words("what kind of term", standing));
    if finding.evidence.len() > COUNTS {
        sections.push(signs(&finding.evidence[COUNTS..]));
    }
    if let Some(origin) = &finding.origin {
        let sentence = origin.sentence();
        sections.push(Section::words("where it comes from", vec![sentence]));
    }
    if !finding.examples.is_empty() {
        sections.push(Section::words("examples", finding.examples.clone()));
    }
    sections
}

/// Evidence that counts something; behind it stands what the term was judged by.
const COUNTS: usize = 2;

fn signs(evidence: &[Evidence]) -> Section {
    let head = ["", "value", "nats for a new word"]
        .map(str::to_owned)
        .to_vec();
    let row = |evidence: &Evidence| {
        vec![
            evidence.label.clone(),
            exact(evidence.window),
            exact(evidence.contribution),
        ]
    };
    Section {
        title: "what it looks like",
        sentences: vec![
            "What each sign is worth to a new word against the most probable of the other three; \
             with a constant they add up to the logarithm of the ratio of the two probabilities."
                .to_owned(),
        ],
        rows: std::iter::once(head)
            .chain(evidence.iter().map(row))
            .collect(),
    }
}

fn counts(finding: &Finding) -> Vec<Vec<String>> {
    let mut rows = vec![["", "baseline", "window"].map(str::to_owned).to_vec()];
    for evidence in finding.evidence.iter().take(COUNTS) {
        rows.push(vec![
            evidence.label.clone(),
            exact(evidence.baseline),
            exact(evidence.window),
        ]);
    }
    if let Some(documents) = finding.window_rows {
        rows.push(vec![
            "documents in all".into(),
            String::new(),
            count(documents),
        ]);
    }
    rows
}

fn contrast(finding: &Finding) -> Vec<String> {
    let mut sentences = vec![
        "The logarithm of a Bayes factor: how much better two rates explain the counts than one, \
         by a two-sample Gamma–Poisson model with the prior Gamma(½, units of the window). Days \
         with the term are counted rather than texts, and the first sighting is taken off."
            .to_owned(),
    ];
    if let Some(value) = finding.value {
        sentences.push(format!(
            "It is {}: the term is e^{} = {} times likelier to have a rate of its own than that of the baseline.",
            exact(value),
            exact(value),
            exact(value.exp()),
        ));
    }
    if let Some(ratio) = finding.effect_lower {
        sentences.push(format!(
            "Its rate is at least {} times that of the baseline (lower bound of the ratio).",
            exact(ratio)
        ));
    }
    sentences
}
