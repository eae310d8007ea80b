//! From findings to a verdict, and from verdicts to actions.
//!
//! A model must not be trained on broken data, so a window whose data is broken never
//! counts towards retraining: neither when it is the newest one, nor as one of the windows
//! that confirm a drift.

use crate::report::format::subject;
use crate::{
    Action, ActionKind, Finding, FindingKind, NotEvaluated, Severity, TermClass, TermTier, Verdict,
    Window,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A window fails on any error; else it is unknown if a required check could not be
/// made; else it warns on any warning; else it passes.
pub fn window_verdict(rows: u64, findings: &[Finding], not_evaluated: &[NotEvaluated]) -> Verdict {
    let worst = findings.iter().map(|finding| finding.severity).max();
    if worst == Some(Severity::Error) {
        Verdict::Fail
    } else if rows == 0 || not_evaluated.iter().any(|check| check.required) {
        Verdict::Unknown
    } else if worst == Some(Severity::Warning) {
        Verdict::Warn
    } else {
        Verdict::Pass
    }
}

/// A run is the worst of its windows; a run over no window is unknown.
pub fn run_verdict(windows: &[Window]) -> Verdict {
    windows
        .iter()
        .map(|window| window.verdict)
        .max()
        .unwrap_or(Verdict::Unknown)
}

/// When findings turn into a request to retrain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ActionPolicy {
    /// How often a failing drift must be seen before it asks for retraining.
    pub confirm: Confirmation,
    /// The same for the share of text outside the baseline's vocabulary.
    pub confirm_out_of_vocabulary: Confirmation,
    /// Share of the documents that contain confirmed coinages, in `[0, 1]`, from which they
    /// ask for retraining.
    pub retrain_coinage_share: f64,
    /// Names of rules that speak against the data itself, such as a flood of advertisements
    /// or of copies: no retraining is asked for while one of them is broken.
    pub hold_while: Vec<String>,
}

impl Default for ActionPolicy {
    fn default() -> Self {
        Self {
            confirm: Confirmation { windows: 2, of: 3 },
            confirm_out_of_vocabulary: Confirmation { windows: 3, of: 3 },
            retrain_coinage_share: 0.005,
            hold_while: Vec::new(),
        }
    }
}

/// So many of the newest windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Windows that must show it; 0 reads as 1.
    pub windows: usize,
    /// Windows that are looked at, the newest and those before it.
    pub of: usize,
}

/// What the windows ask for: at most one `notify` and one `retrain`, in this order.
///
/// `notify` is about the newest window alone: an error, missing rows, stale data, a term that
/// somebody should see, or a finding that asks for it by name.
///
/// `retrain` needs a newest window whose data is sound: no broken schema, no missing volume,
/// nothing stale, none of the rules broken that the policy holds it back for, every required
/// check made. Then either a failing drift or loss of confidence
/// (a finding of severity error whose action is `retrain`) is confirmed over the last windows,
/// or confirmed coinages reach the share of documents that the policy names. Entities and
/// surges never count.
pub fn decide_actions(windows: &[Window], policy: &ActionPolicy) -> Vec<Action> {
    let Some(newest) = windows.last() else {
        return Vec::new();
    };
    let notify = notify_reasons(newest);
    let mut actions = Vec::new();
    if !notify.is_empty() {
        actions.push(action(ActionKind::Notify, notify, newest));
    }
    if is_sound(newest, policy) {
        let (mut retrain, mut asking) = confirmed_drift(windows, policy);
        if let Some((reason, window)) = coined_share(windows, policy) {
            retrain.push(reason);
            asking = asking.max(window);
        }
        if !retrain.is_empty() {
            actions.push(action(ActionKind::Retrain, retrain, &windows[asking]));
        }
    }
    actions
}

/// Reasons that are listed in one action before the rest is counted.
const REASONS: usize = 5;

fn action(kind: ActionKind, reasons: Vec<String>, window: &Window) -> Action {
    let more = reasons.len().saturating_sub(REASONS);
    let mut reason = reasons
        .into_iter()
        .take(REASONS)
        .collect::<Vec<_>>()
        .join("; ");
    if more > 0 {
        reason.push_str(&format!("; and {more} more"));
    }
    Action {
        kind,
        reason,
        window_start: window.start.clone(),
        window_end: window.end.clone(),
    }
}

fn notify_reasons(window: &Window) -> Vec<String> {
    let mut reasons: Vec<String> = window
        .findings
        .iter()
        .filter(|finding| asks_to_notify(finding))
        .map(|finding| finding.message.clone())
        .collect();
    if window.rows == 0 && reasons.is_empty() {
        reasons.push("the window has no rows".to_owned());
    }
    reasons
}

pub(crate) fn asks_to_notify(finding: &Finding) -> bool {
    finding.severity == Severity::Error
        || finding.action == Some(ActionKind::Notify)
        || is_broken_data(finding)
        || (finding.kind == FindingKind::Term && finding.tier >= Some(TermTier::Alarm))
}

/// Findings that speak against the data itself, whatever the model makes of it.
fn is_broken_data(finding: &Finding) -> bool {
    match finding.kind {
        FindingKind::Anomaly => finding.severity == Severity::Error,
        FindingKind::Volume | FindingKind::Freshness => finding.severity >= Severity::Warning,
        _ => false,
    }
}

fn is_held(finding: &Finding, policy: &ActionPolicy) -> bool {
    finding.kind == FindingKind::Rule
        && finding
            .measure
            .as_ref()
            .is_some_and(|rule| policy.hold_while.contains(rule))
}

/// Whether a model could be trained on rows like these.
fn is_sound(window: &Window, policy: &ActionPolicy) -> bool {
    window.rows > 0
        && !window
            .findings
            .iter()
            .any(|finding| is_broken_data(finding) || is_held(finding, policy))
        && !window.not_evaluated.iter().any(|check| check.required)
}

/// The newest sound windows with their places, oldest first, out of the last `of`.
fn sound_among<'a>(
    windows: &'a [Window],
    of: usize,
    policy: &'a ActionPolicy,
) -> impl Iterator<Item = (usize, &'a Window)> {
    let first = windows.len().saturating_sub(of.max(1));
    windows
        .iter()
        .enumerate()
        .skip(first)
        .filter(|(_, window)| is_sound(window, policy))
}

/// What stays the same when a drift is seen again: which measure of a column trips may
/// change from window to window, the share outside the vocabulary has a rule of its own,
/// and a rule is known by its name.
type Identity = (FindingKind, Option<String>, Option<String>, String);

fn identity(finding: &Finding) -> Identity {
    let measure = finding.measure.as_deref().unwrap_or_default();
    let part = match finding.kind {
        FindingKind::Rule => measure,
        _ if is_out_of_vocabulary(finding) => "out of vocabulary",
        _ => "",
    };
    (
        finding.kind,
        finding.column.clone(),
        finding.slice.clone(),
        part.to_owned(),
    )
}

fn is_out_of_vocabulary(finding: &Finding) -> bool {
    finding
        .measure
        .as_deref()
        .is_some_and(|measure| measure.starts_with("out_of_vocabulary"))
}

fn asks_to_retrain(finding: &Finding) -> bool {
    matches!(
        finding.kind,
        FindingKind::Drift | FindingKind::Performance | FindingKind::Rule
    ) && finding.severity == Severity::Error
        && finding.action == Some(ActionKind::Retrain)
}

/// Reasons, and the place of the newest window that asks.
fn confirmed_drift(windows: &[Window], policy: &ActionPolicy) -> (Vec<String>, usize) {
    let looked_at = policy.confirm.of.max(policy.confirm_out_of_vocabulary.of);
    let mut seen: BTreeMap<Identity, (Vec<usize>, &Finding)> = BTreeMap::new();
    for (place, window) in sound_among(windows, looked_at, policy) {
        for finding in window.findings.iter().filter(|f| asks_to_retrain(f)) {
            let entry = seen
                .entry(identity(finding))
                .or_insert_with(|| (Vec::new(), finding));
            entry.1 = finding;
            if entry.0.last() != Some(&place) {
                entry.0.push(place);
            }
        }
    }
    let mut reasons = Vec::new();
    let mut asking = 0;
    for (places, finding) in seen.values() {
        let needed = if is_out_of_vocabulary(finding) {
            policy.confirm_out_of_vocabulary
        } else {
            policy.confirm
        };
        let of = needed.of.max(1);
        let recent = places
            .iter()
            .filter(|place| **place + of >= windows.len())
            .count();
        if recent >= needed.windows.max(1) {
            let of = of.min(windows.len());
            let windows = if of == 1 { "window" } else { "windows" };
            reasons.push(format!(
                "{} failed in {recent} of the last {of} {windows}",
                subject(finding)
            ));
            asking = asking.max(places.last().copied().unwrap_or_default());
        }
    }
    (reasons, asking)
}

/// Confirmed coinages of the last windows, each at its newest share of the documents. The
/// shares are added up: documents with two of them count twice, as the figure the limit was
/// chosen on does.
fn coined_share(windows: &[Window], policy: &ActionPolicy) -> Option<(String, usize)> {
    let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
    let mut asking = 0;
    for (place, window) in sound_among(windows, policy.confirm.of, policy) {
        for finding in window.findings.iter().filter(|f| is_confirmed_coinage(f)) {
            let documents = finding.window_rows.unwrap_or(window.rows);
            if let (Some(term), Some(count), 1..) = (&finding.term, finding.count, documents) {
                shares.insert(term, count as f64 / documents as f64);
                asking = place;
            }
        }
    }
    let share: f64 = shares.values().sum();
    if shares.is_empty() || share < policy.retrain_coinage_share {
        return None;
    }
    let terms: Vec<&str> = shares.keys().copied().take(REASONS).collect();
    let more = match shares.len() - terms.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some((
        format!(
            "confirmed new terms are in {:.1} % of the documents: {}{more}",
            share * 100.0,
            terms.join(", ")
        ),
        asking,
    ))
}

fn is_confirmed_coinage(finding: &Finding) -> bool {
    finding.kind == FindingKind::Term
        && finding.class == Some(TermClass::Coinage)
        && finding.tier == Some(TermTier::Confirmed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(rows: u64, findings: Vec<Finding>) -> Window {
        windows_of(rows, findings, Vec::new())
    }

    fn windows_of(rows: u64, findings: Vec<Finding>, not_evaluated: Vec<NotEvaluated>) -> Window {
        Window {
            start: None,
            end: None,
            rows,
            verdict: window_verdict(rows, &findings, &not_evaluated),
            findings,
            not_evaluated,
        }
    }

    fn drift(column: &str, measure: &str) -> Finding {
        Finding {
            column: Some(column.to_owned()),
            measure: Some(measure.to_owned()),
            action: Some(ActionKind::Retrain),
            ..Finding::new(FindingKind::Drift, Severity::Error, "it moved")
        }
    }

    fn term(class: TermClass, tier: TermTier, count: u64) -> Finding {
        Finding {
            term: Some(format!("{class:?}")),
            class: Some(class),
            tier: Some(tier),
            count: Some(count),
            ..Finding::new(FindingKind::Term, Severity::Info, "a new term")
        }
    }

    fn kinds(windows: &[Window]) -> Vec<ActionKind> {
        decide_actions(windows, &ActionPolicy::default())
            .into_iter()
            .map(|action| action.kind)
            .collect()
    }

    fn required() -> NotEvaluated {
        NotEvaluated {
            check: "schema".into(),
            reason: "no baseline".into(),
            required: true,
        }
    }

    #[test]
    fn a_window_without_rows_is_unknown_and_never_passes() {
        assert_eq!(window_verdict(0, &[], &[]), Verdict::Unknown);
        let warning = Finding::new(FindingKind::Volume, Severity::Warning, "few rows");
        assert_eq!(
            window_verdict(0, std::slice::from_ref(&warning), &[]),
            Verdict::Unknown
        );
        assert_eq!(
            window_verdict(9, std::slice::from_ref(&warning), &[]),
            Verdict::Warn
        );
        assert_eq!(window_verdict(9, &[], &[]), Verdict::Pass);
    }

    #[test]
    fn only_a_required_check_makes_a_window_unknown() {
        let optional = NotEvaluated {
            required: false,
            ..required()
        };
        assert_eq!(window_verdict(9, &[], &[optional]), Verdict::Pass);
        assert_eq!(window_verdict(9, &[], &[required()]), Verdict::Unknown);
        let error = drift("title", "jensen_shannon");
        assert_eq!(window_verdict(9, &[error], &[required()]), Verdict::Fail);
    }

    #[test]
    fn a_run_is_the_worst_of_its_windows() {
        let verdict = |verdicts: &[Verdict]| {
            run_verdict(
                &verdicts
                    .iter()
                    .map(|verdict| Window {
                        verdict: *verdict,
                        ..window(1, vec![])
                    })
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(verdict(&[]), Verdict::Unknown);
        assert_eq!(verdict(&[Verdict::Pass, Verdict::Warn]), Verdict::Warn);
        assert_eq!(
            verdict(&[Verdict::Unknown, Verdict::Warn]),
            Verdict::Unknown
        );
        assert_eq!(verdict(&[Verdict::Fail, Verdict::Unknown]), Verdict::Fail);
    }

    #[test]
    fn drift_asks_for_retraining_in_the_second_of_three_windows() {
        let bad = || window(9, vec![drift("title", "jensen_shannon")]);
        let good = || window(9, vec![]);
        assert_eq!(kinds(&[good(), good(), bad()]), [ActionKind::Notify]);
        let both = [ActionKind::Notify, ActionKind::Retrain];
        assert_eq!(kinds(&[bad(), good(), bad()]), both);
        assert_eq!(kinds(&[bad(), good(), good(), bad()]), [ActionKind::Notify]);
        assert_eq!(
            kinds(&[good(), bad(), bad(), good()]),
            [ActionKind::Retrain]
        );
    }

    #[test]
    fn two_columns_that_drift_once_confirm_nothing() {
        let windows = [
            window(9, vec![drift("title", "jensen_shannon")]),
            window(9, vec![drift("author", "jensen_shannon")]),
        ];
        assert_eq!(kinds(&windows), [ActionKind::Notify]);
    }

    #[test]
    fn out_of_vocabulary_share_needs_three_windows() {
        let bad = || window(9, vec![drift("title", "out_of_vocabulary_share")]);
        assert_eq!(kinds(&[bad(), bad()]), [ActionKind::Notify]);
        assert_eq!(
            kinds(&[bad(), bad(), bad()]),
            [ActionKind::Notify, ActionKind::Retrain]
        );
    }

    #[test]
    fn a_reason_names_the_column_the_measure_and_the_count() {
        let bad = || window(9, vec![drift("title", "jensen_shannon")]);
        let actions = decide_actions(&[bad(), bad()], &ActionPolicy::default());
        assert_eq!(
            actions[1].reason,
            "title (jensen shannon) failed in 2 of the last 2 windows"
        );
    }

    #[test]
    fn drift_of_a_broken_window_confirms_nothing() {
        let anomaly = Finding::new(FindingKind::Anomaly, Severity::Error, "a type changed");
        let windows = [
            window(9, vec![anomaly, drift("title", "jensen_shannon")]),
            window(9, vec![drift("title", "jensen_shannon")]),
        ];
        assert_eq!(kinds(&windows), [ActionKind::Notify]);
    }

    #[test]
    fn a_new_term_alone_notifies() {
        let told = term(TermClass::Coinage, TermTier::Alarm, 100);
        assert_eq!(kinds(&[window(1_000, vec![told])]), [ActionKind::Notify]);
        let watched = term(TermClass::Coinage, TermTier::Watch, 100);
        assert!(kinds(&[window(1_000, vec![watched])]).is_empty());
    }

    #[test]
    fn confirmed_coinages_ask_for_retraining_from_half_a_percent() {
        let of = |count| {
            window(
                1_000,
                vec![term(TermClass::Coinage, TermTier::Confirmed, count)],
            )
        };
        assert_eq!(kinds(&[of(4)]), [ActionKind::Notify]);
        assert_eq!(kinds(&[of(5)]), [ActionKind::Notify, ActionKind::Retrain]);
    }

    #[test]
    fn a_flood_of_copies_holds_retraining_back_where_the_policy_says_so() {
        let flood = Finding {
            measure: Some("copies".into()),
            ..Finding::new(FindingKind::Rule, Severity::Error, "half are copies")
        };
        let bad = || window(9, vec![drift("title", "jensen_shannon")]);
        let windows = [
            bad(),
            bad(),
            window(9, vec![drift("title", "jensen_shannon"), flood]),
        ];
        assert_eq!(kinds(&windows), [ActionKind::Notify, ActionKind::Retrain]);
        let policy = ActionPolicy {
            hold_while: vec!["copies".into()],
            ..ActionPolicy::default()
        };
        let actions = decide_actions(&windows, &policy);
        assert_eq!(actions.len(), 1);
        assert_eq!(actions[0].kind, ActionKind::Notify);
    }

    #[test]
    fn a_policy_is_read_from_the_keys_that_it_sets() {
        let policy: ActionPolicy =
            serde_json::from_str(r#"{"confirm": {"windows": 1, "of": 1}}"#).unwrap();
        assert_eq!(policy.confirm_out_of_vocabulary.windows, 3);
        let windows = [window(9, vec![drift("title", "jensen_shannon")])];
        assert_eq!(decide_actions(&windows, &policy).len(), 2);
        assert!(serde_json::from_str::<ActionPolicy>(r#"{"confrim": {}}"#).is_err());
    }

    fn any_finding() -> impl Strategy<Value = Finding> {
        (
            prop::sample::select(FindingKind::KNOWN.to_vec()),
            prop::sample::select(vec![Severity::Info, Severity::Warning, Severity::Error]),
            prop::option::of(prop::sample::select(vec![
                ActionKind::Notify,
                ActionKind::Retrain,
            ])),
            prop::sample::select(vec!["title", "author"]),
            prop::sample::select(vec!["jensen_shannon", "out_of_vocabulary_share"]),
            prop::sample::select(vec![
                TermClass::Coinage,
                TermClass::Entity,
                TermClass::Surge,
            ]),
            prop::sample::select(vec![TermTier::Watch, TermTier::Alarm, TermTier::Confirmed]),
            0_u64..100,
        )
            .prop_map(
                |(kind, severity, action, column, measure, class, tier, count)| {
                    let mut finding = Finding::new(kind, severity, "m");
                    finding.column = Some(column.to_owned());
                    finding.measure = Some(measure.to_owned());
                    finding.action = action;
                    if kind == FindingKind::Term {
                        finding.term = Some(format!("t{count}"));
                        finding.class = Some(class);
                        finding.tier = Some(tier);
                        finding.count = Some(count);
                    }
                    finding
                },
            )
    }

    fn any_windows() -> impl Strategy<Value = Vec<Window>> {
        prop::collection::vec(
            (
                0_u64..200,
                prop::collection::vec(any_finding(), 0..6),
                any::<bool>(),
            ),
            1..6,
        )
        .prop_map(|windows| {
            windows
                .into_iter()
                .map(|(rows, findings, unread)| {
                    windows_of(
                        rows,
                        findings,
                        if unread { vec![required()] } else { vec![] },
                    )
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn broken_data_never_asks_for_retraining(
            mut windows in any_windows(),
            kind in prop::sample::select(vec![
                FindingKind::Anomaly, FindingKind::Volume, FindingKind::Freshness,
            ]),
        ) {
            let newest = windows.last_mut().unwrap();
            newest.findings.push(Finding::new(kind, Severity::Error, "broken"));
            let kinds = kinds(&windows);
            prop_assert_eq!(kinds, vec![ActionKind::Notify]);
        }

        #[test]
        fn what_could_not_be_evaluated_never_asks_for_retraining(mut windows in any_windows()) {
            windows.last_mut().unwrap().not_evaluated.push(required());
            prop_assert!(!kinds(&windows).contains(&ActionKind::Retrain));
        }

        #[test]
        fn entities_and_surges_never_ask_for_retraining(mut windows in any_windows()) {
            for window in &mut windows {
                window.findings.retain(|f| {
                    f.kind == FindingKind::Term && f.class != Some(TermClass::Coinage)
                });
            }
            prop_assert!(!kinds(&windows).contains(&ActionKind::Retrain));
        }

        #[test]
        fn a_failing_newest_window_always_notifies(windows in any_windows()) {
            let newest = windows.last().unwrap();
            if newest.verdict == Verdict::Fail {
                prop_assert!(kinds(&windows).contains(&ActionKind::Notify));
            }
        }

        #[test]
        fn windows_older_than_those_looked_at_change_nothing(
            older in any_windows(), newest in prop::collection::vec(any_windows(), 3..4),
        ) {
            let newest: Vec<Window> =
                newest.into_iter().filter_map(|mut w| w.pop()).collect();
            let all: Vec<Window> = older.into_iter().chain(newest.clone()).collect();
            prop_assert_eq!(kinds(&newest), kinds(&all));
        }
    }
}
