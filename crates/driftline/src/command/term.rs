//! `driftline term`: a person's word on terms; and the forms that `driftline terms` prints.

use crate::{
    args::{self, TermClassName, TermsFormat},
    exit_code, output,
};
use driftline_pipeline::{TermDecision, TermDecisions};
use driftline_verdict::{FindingKind, Report, TermClass, report};
use driftline_vocabulary::TermClass as Class;
use miette::IntoDiagnostic;

pub(crate) fn decide(verb: args::TermVerb) -> miette::Result<u8> {
    let (decision, decided) = match verb {
        args::TermVerb::Accept(decided) => (TermDecision::Accept, decided),
        args::TermVerb::Ignore(decided) => (TermDecision::Ignore, decided),
        args::TermVerb::Class { class, decided } => {
            let class = match class {
                TermClassName::Coinage => Class::Coinage,
                TermClassName::Entity => Class::Entity,
                TermClassName::Surge => Class::Surge,
            };
            (TermDecision::Class(class), decided)
        }
    };
    let file = &decided.decisions;
    let mut decisions = TermDecisions::read_or_new(file)?;
    for term in &decided.terms {
        decisions.decide(term, decision);
    }
    output::put(&decisions.to_yaml(), Some(file))?;
    Ok(exit_code::PASS)
}

/// The terms of a run in the wanted form.
pub(super) fn shown(shown: &Report, format: TermsFormat) -> miette::Result<String> {
    let terms = &shown.terms;
    Ok(match format {
        TermsFormat::Table => report::term_table(shown),
        TermsFormat::Json => {
            let findings: Vec<_> = (shown.run.windows.iter())
                .flat_map(|window| &window.findings)
                .filter(|finding| finding.kind == FindingKind::Term)
                .collect();
            serde_json::to_string_pretty(&serde_json::json!({
                "items": terms,
                "findings": findings,
            }))
            .into_diagnostic()?
        }
        TermsFormat::Csv => {
            let mut rows = csv::Writer::from_writer(Vec::new());
            rows.write_record([
                "term",
                "class",
                "tier",
                "first_seen",
                "first_alarm",
                "documents",
                "in_baseline",
                "score",
            ])
            .into_diagnostic()?;
            for term in terms {
                rows.write_record([
                    term.term.as_str(),
                    term.class.name(),
                    term.tier.name(),
                    &term.first_seen,
                    &term.first_alarm,
                    &term.count.to_string(),
                    &term.baseline_count.to_string(),
                    &format!("{:.3}", term.score),
                ])
                .into_diagnostic()?;
            }
            String::from_utf8(rows.into_inner().into_diagnostic()?).into_diagnostic()?
        }
        // jieba reads a line as `word frequency tag`, parted by spaces: a term of several
        // words has no line.
        TermsFormat::Jieba => (terms.iter())
            .filter(|term| !term.term.contains(' '))
            .map(|term| {
                let tag = match term.class {
                    TermClass::Entity => "nz",
                    TermClass::Coinage | TermClass::Surge => "n",
                };
                format!("{} {} {tag}\n", term.term, term.count.max(1))
            })
            .collect(),
        TermsFormat::Tokens => (terms.iter())
            .map(|term| format!("{}\n", term.term))
            .collect(),
    })
}
