//! The plain sentences at the head of every report: is today's data still the data the model
//! was trained on, what moved, since when, and what to do.

use crate::report::format;
use crate::report::format::{amount, count, counted, subject};
use crate::{ActionKind, Finding, FindingKind, Run, Severity, TermTier, Verdict, Window};
use std::collections::BTreeSet;

/// What a reader needs first.
pub(crate) struct Summary {
    /// The newest window's verdict, or the run's where that is not a kind of pass;
    /// unknown where there is no window.
    pub(crate) verdict: Verdict,
    /// A short answer.
    pub(crate) answer: String,
    /// One sentence that explains the answer.
    pub(crate) sentence: String,
    /// What moved, worst first, at most three.
    pub(crate) moved: Vec<Moved>,
    /// Findings that `moved` leaves out, terms not counted.
    pub(crate) more: usize,
    /// New words of the newest window, surges left out.
    pub(crate) new_terms: Vec<String>,
    /// What to do.
    pub(crate) to_do: String,
    /// How many windows have which verdict, and the run's own verdict.
    pub(crate) run: String,
}

/// One thing that moved.
pub(crate) struct Moved {
    pub(crate) subject: String,
    /// The measured value against its limit, where it has one.
    pub(crate) amount: Option<String>,
    pub(crate) since: Since,
}

/// For how long the same thing has been found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Since {
    /// Name of the first of the windows in a row that end with the newest.
    pub(crate) first: String,
    /// Windows in a row that end with the newest.
    pub(crate) in_a_row: usize,
    /// Windows with it in the whole run.
    pub(crate) in_all: usize,
}

impl Since {
    /// In words.
    pub(crate) fn sentence(&self) -> String {
        let row = match self.in_a_row {
            0 | 1 => "new in this window".to_owned(),
            row => format!("since {}, {row} windows in a row", self.first),
        };
        if self.in_all > self.in_a_row {
            format!("{row} ({} in all)", self.in_all)
        } else {
            row
        }
    }
}

/// What stays the same when a thing is found again.
type Identity = (FindingKind, String);

fn identity(finding: &Finding) -> Identity {
    (finding.kind, subject(finding))
}

/// Which window has which finding of at least a warning, so that "since when" is one walk.
pub(crate) struct History<'a> {
    windows: &'a [Window],
    found: Vec<BTreeSet<Identity>>,
}

impl<'a> History<'a> {
    pub(crate) fn of(windows: &'a [Window]) -> Self {
        let found = windows
            .iter()
            .map(|window| {
                window
                    .findings
                    .iter()
                    .filter(|finding| finding.severity >= Severity::Warning)
                    .map(identity)
                    .collect()
            })
            .collect();
        Self { windows, found }
    }

    /// For how long a finding of the newest window has been there.
    pub(crate) fn since(&self, finding: &Finding) -> Since {
        let identity = identity(finding);
        let in_a_row = self
            .found
            .iter()
            .rev()
            .take_while(|found| found.contains(&identity))
            .count();
        let place = self.windows.len().saturating_sub(in_a_row.max(1));
        Since {
            first: self
                .windows
                .get(place)
                .map(|window| format::window_name(window, place))
                .unwrap_or_default(),
            in_a_row,
            in_all: self
                .found
                .iter()
                .filter(|found| found.contains(&identity))
                .count(),
        }
    }
}

/// The findings of a window that are not terms, worst first; equal ones in their order. What moves with
/// another column is told by the finding of that.
pub(crate) fn worst_first(window: &Window) -> Vec<&Finding> {
    let mut findings: Vec<&Finding> = window
        .findings
        .iter()
        .filter(|finding| finding.kind != FindingKind::Term && finding.moves_with.is_none())
        .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Reads the newest window and what led to it.
pub(crate) fn summary(run: &Run) -> Summary {
    let tally = tally(run);
    let Some((newest, place)) = run.windows.last().zip(run.windows.len().checked_sub(1)) else {
        return Summary {
            verdict: Verdict::Unknown,
            answer: "It cannot be said.".into(),
            sentence: "No window of live data was evaluated.".into(),
            moved: Vec::new(),
            more: 0,
            new_terms: Vec::new(),
            to_do: "Check that the source has rows newer than the baseline.".into(),
            run: tally,
        };
    };
    let history = History::of(&run.windows);
    let worst: Vec<&Finding> = worst_first(newest)
        .into_iter()
        .filter(|finding| finding.severity >= Severity::Warning)
        .collect();
    let moved: Vec<Moved> = worst
        .iter()
        .take(3)
        .map(|finding| Moved {
            subject: subject(finding),
            amount: amount(finding),
            since: history.since(finding),
        })
        .collect();
    let broken = newest.findings.iter().find(|finding| {
        matches!(
            finding.kind,
            FindingKind::Anomaly | FindingKind::Volume | FindingKind::Freshness
        ) && finding.severity == Severity::Error
    });
    let span = format::window_span(newest, place);
    let new_terms = new_terms(newest);
    let because = match (worst.first(), moved.first()) {
        (Some(finding), Some(moved)) => {
            let since = match moved.since.in_a_row {
                0 | 1 => String::new(),
                row => format!(
                    ", as in each window since {} ({row} in a row)",
                    moved.since.first
                ),
            };
            if finding.threshold.is_some() {
                format!("{} is beyond its limit{since}", moved.subject)
            } else {
                let message = finding.message.trim_end_matches(['.', ' ']);
                format!("{message}{since}")
            }
        }
        _ if !new_terms.is_empty() => counted(new_terms.len(), "new word"),
        _ => "see the findings below".to_owned(),
    };
    let (answer, sentence) = match (newest.verdict, broken) {
        (Verdict::Pass, _) => (
            "Yes, still the same data.",
            format!("{span}: nothing differs by more than the baseline differs from itself."),
        ),
        (Verdict::Warn, _) => (
            "Mostly, but something moved.",
            format!("{span}: {because}. That is not enough to fail."),
        ),
        (Verdict::Fail, Some(broken)) => (
            "The data is broken.",
            format!("{span}: {}", sentence_of(&broken.message)),
        ),
        (Verdict::Fail, None) => ("No, the data has changed.", format!("{span}: {because}.")),
        (Verdict::Unknown, _) => (
            "It cannot be said.",
            match newest.not_evaluated.iter().find(|check| check.required) {
                Some(check) => format!(
                    "{span}: {} could not be evaluated: {}",
                    check.check,
                    sentence_of(&check.reason)
                ),
                None if newest.rows == 0 => format!("{span}: the window has no rows."),
                None => format!("{span}: a required check could not be made."),
            },
        ),
    };
    // The run is as bad as its worst window, and so is its exit code: a newest window
    // that is better must not hide that.
    let earlier = run
        .windows
        .iter()
        .filter(|window| window.verdict > newest.verdict);
    let hidden = newest.verdict <= Verdict::Warn && run.verdict >= Verdict::Unknown;
    let (answer, sentence) = match (hidden, earlier.count()) {
        (true, worse) if worse > 0 => {
            let windows = format!("{} of {}", count(worse as u64), run.windows.len());
            match run.verdict {
                Verdict::Fail => (
                    format!("{windows} windows failed."),
                    format!("The newest did not. {sentence}"),
                ),
                _ => (
                    format!("{windows} windows cannot be judged."),
                    format!("The newest can. {sentence}"),
                ),
            }
        }
        _ => (answer.to_owned(), sentence),
    };
    Summary {
        verdict: if hidden { run.verdict } else { newest.verdict },
        answer,
        sentence,
        more: worst.len().saturating_sub(moved.len()),
        moved,
        new_terms,
        to_do: to_do(run, newest, broken.is_some()),
        run: tally,
    }
}

/// A message as the end of a sentence.
fn sentence_of(message: &str) -> String {
    let message = message.trim_end();
    if message.ends_with(['.', '!', '?', '。']) {
        message.to_owned()
    } else {
        format!("{message}.")
    }
}

fn new_terms(window: &Window) -> Vec<String> {
    window
        .findings
        .iter()
        .filter(|finding| {
            finding.tier >= Some(TermTier::Alarm)
                && finding.class == Some(crate::TermClass::Coinage)
        })
        .filter_map(|finding| finding.term.clone())
        .collect()
}

fn to_do(run: &Run, newest: &Window, broken: bool) -> String {
    let retrain = run
        .actions
        .iter()
        .find(|action| action.kind == ActionKind::Retrain);
    match (newest.verdict, retrain) {
        _ if broken => "Repair the data first. No retraining is asked for while it is broken: \
                        a model must not learn from it."
            .into(),
        (_, Some(action)) => format!(
            "Retrain the model on newer data: {}",
            sentence_of(&action.reason)
        ),
        (Verdict::Fail, None) => "Look at what moved. Retraining is not asked for: that needs a \
                                  change confirmed over several windows of sound data."
            .into(),
        (Verdict::Unknown, None) => {
            "Find out why it could not be evaluated. This is not a pass.".into()
        }
        (Verdict::Warn, None) => "Nothing has to be done now; read the warnings below.".into(),
        (Verdict::Pass, None) => "Nothing.".into(),
    }
}

fn tally(run: &Run) -> String {
    let with = |verdict| {
        let windows = run
            .windows
            .iter()
            .filter(|window| window.verdict == verdict)
            .count();
        (windows > 0).then(|| format!("{} {}", count(windows as u64), verdict.name()))
    };
    let parts: Vec<String> = [
        Verdict::Fail,
        Verdict::Unknown,
        Verdict::Warn,
        Verdict::Pass,
    ]
    .into_iter()
    .filter_map(with)
    .collect();
    format!(
        "{}: {}",
        counted(run.windows.len(), "window"),
        if parts.is_empty() {
            "none".to_owned()
        } else {
            parts.join(", ")
        }
    )
}
