//! From the windows of a run to alerts, and to what is told of them.
//!
//! What a window says about an alert is counted once. A window that is evaluated again, because
//! it is still open or its data came late, can only make things worse: a finding that was there
//! is not unseen, one that is there by now is seen. So no alert flickers while a window fills.
//!
//! Of a first run nobody is told what was over before it, as with windows. Later on an alert
//! that began and ended while nobody looked is told from its beginning to its end.
//!
//! That a pipeline cannot be evaluated is an alert of its own, with attempts in the place of
//! windows; the first that succeeds ends it.
//!
//! Another baseline judges anew: what fires and is not in the newest window is over at once,
//! what was pending begins from the start.

use crate::delivery::Target;
use crate::event::{self, EventSettings};
use chrono::{DateTime, TimeDelta, Utc};
use driftline_drift::{AlertMemory, AlertPolicy, Observation, Phase};
use driftline_pipeline::config::{AlertField, AlertsConfig, Topic};
use driftline_store::{Alert, AlertChanges, AlertState, AlertsBefore, DecideAlerts, NewEvent};
use driftline_verdict::{AlertKey, FindingKind, Run, Severity, Sighting, Window, holds_back};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// The alerts of one evaluation.
#[derive(Debug)]
pub(crate) struct RunAlerts<'a> {
    pub(crate) monitor: &'a str,
    /// The run, or why there is none.
    pub(crate) evaluated: Result<&'a Run, &'a str>,
    pub(crate) config: &'a AlertsConfig,
    pub(crate) targets: &'a [Target],
    pub(crate) settings: &'a EventSettings,
    pub(crate) now: DateTime<Utc>,
}

/// What is remembered of one alert.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Track {
    /// Without the newest window.
    before: AlertMemory,
    /// With it.
    now: AlertMemory,
    /// What the newest window said.
    newest: Observation,
    /// The newest window: its end, or a name of its content where it has none.
    counted: Option<String>,
    /// The baseline that it was compared with.
    baseline_id: String,
}

impl Track {
    /// Counts a window, or counts the newest one again if it is worse now. Says whether that
    /// changed anything.
    fn count(&mut self, window: &Window, seen: Observation, policy: &AlertPolicy) -> bool {
        let place = self
            .counted
            .as_deref()
            .map_or(Ordering::Greater, |counted| place(window, counted));
        match place {
            Ordering::Less => return false,
            Ordering::Equal if seen <= self.newest => return false,
            Ordering::Equal => {}
            Ordering::Greater => self.before = self.now.clone(),
        }
        self.now = self.before.after(seen, policy);
        self.newest = seen;
        self.counted = Some(name(window));
        true
    }
}

/// What a window is known by.
fn name(window: &Window) -> String {
    match &window.end {
        Some(end) => end.clone(),
        None => event::name_of(&json!(window)),
    }
}

/// Where a window lies beside the one of that name. Without a time, another content is newer.
fn place(window: &Window, counted: &str) -> Ordering {
    let end = window.end.as_deref().and_then(event::instant);
    match (end, event::instant(counted)) {
        (Some(end), Some(counted)) => end.cmp(&counted),
        _ if name(window) == counted => Ordering::Equal,
        _ => Ordering::Greater,
    }
}

/// What alerts that are told together have in common: the values of `group_by`.
type Group = Vec<Option<String>>;

/// An alert after the run, and what is to be told.
struct Followed {
    alert: Alert,
    tell_firing: bool,
    tell_resolved: bool,
}

impl Followed {
    /// An alert of which nothing new is known.
    fn untold(alert: Alert) -> Self {
        Self {
            alert,
            tell_firing: false,
            tell_resolved: false,
        }
    }
}

impl DecideAlerts for RunAlerts<'_> {
    fn decide(&self, before: &AlertsBefore) -> AlertChanges {
        let windows = self.evaluated.map_or(&[][..], |run| &run.windows);
        let sightings: Vec<Sighting<'_>> = windows
            .iter()
            .map(|window| Sighting::of(window, self.config.severity))
            .collect();
        let known: BTreeMap<&AlertKey, &Alert> = before
            .alerts
            .iter()
            .map(|alert| (&alert.key, alert))
            .collect();
        let mut keys: BTreeSet<&AlertKey> = known.keys().copied().collect();
        keys.extend(sightings.iter().flat_map(|sighting| sighting.seen().keys()));
        let unevaluated = unevaluated();
        if self.evaluated.is_err() {
            keys.insert(&unevaluated);
        }

        let mut changes = AlertChanges::default();
        let mut firing = Vec::new();
        let mut resolved = Vec::new();
        let mut all_firing = Vec::new();
        for key in keys {
            let known = known.get(key).copied();
            let followed = match (key.kind, self.evaluated) {
                (FindingKind::Evaluation, _) => self.attempt(key, known, before),
                (_, Ok(run)) => self.follow(run, key, known, before, &sightings),
                // Nothing was looked at.
                (_, Err(_)) => known.cloned().map(Followed::untold),
            };
            match followed {
                Some(followed) => {
                    if followed.alert.state == AlertState::Firing {
                        all_firing.push(self.group_of(key));
                    }
                    if followed.tell_firing {
                        firing.push(followed.alert.clone());
                    }
                    if followed.tell_resolved {
                        resolved.push(followed.alert.clone());
                    }
                    if known != Some(&followed.alert) {
                        changes.written.push(followed.alert);
                    }
                }
                None => changes
                    .forgotten
                    .extend(known.map(|alert| alert.id.clone())),
            }
        }
        changes.events = self.events("alert.firing", firing, &all_firing);
        let over = self.events("alert.resolved", resolved, &all_firing);
        changes.events.extend(over);
        changes
    }
}

impl RunAlerts<'_> {
    /// Follows the alert that the pipeline cannot be evaluated; `None` where it came to nothing.
    fn attempt(
        &self,
        key: &AlertKey,
        known: Option<&Alert>,
        before: &AlertsBefore,
    ) -> Option<Followed> {
        let memory: AlertMemory = known
            .and_then(|alert| serde_json::from_str(&alert.memory).ok())
            .unwrap_or_default();
        let was = known.map(|alert| alert.state);
        let mut alert = known.cloned().unwrap_or_else(|| self.unseen(key));
        alert.severity = Severity::Error;
        let seen = match self.evaluated {
            Ok(_) => Observation::Clear,
            Err(reason) => {
                reason.clone_into(&mut alert.message);
                Observation::Seen
            }
        };
        let policy = AlertPolicy {
            clear_for: 1,
            cool_down: 0,
            ..self.policy()
        };
        let memory = memory.after(seen, &policy);
        alert.state = state_of(memory.phase(), was)?;
        let memory = serde_json::to_string(&memory).expect("words and numbers are JSON");
        self.date(&mut alert, was, memory);
        Some(self.tell(alert, was, false, false, before))
    }

    /// Follows one alert through the windows of the run; `None` where it came to nothing.
    fn follow(
        &self,
        run: &Run,
        key: &AlertKey,
        known: Option<&Alert>,
        before: &AlertsBefore,
        sightings: &[Sighting<'_>],
    ) -> Option<Followed> {
        let mut track: Track = known
            .and_then(|alert| serde_json::from_str(&alert.memory).ok())
            .unwrap_or_default();
        let was = known.map(|alert| alert.state);
        let mut alert = known.cloned().unwrap_or_else(|| self.unseen(key));
        let mut policy = self.policy();
        let mut looked_at = sightings;
        let says_something =
            |sighting: &&Sighting<'_>| sighting.observation(key) != Observation::Unknown;
        if track.baseline_id != run.baseline_id
            && let Some(newest) = sightings.iter().rposition(|one| says_something(&one))
        {
            let firing = track.now.phase() == Phase::Firing;
            if firing {
                policy.clear_for = 1;
                looked_at = &sightings[newest..];
            }
            track = Track {
                now: if firing {
                    track.now
                } else {
                    AlertMemory::default()
                },
                baseline_id: run.baseline_id.clone(),
                ..Track::default()
            };
        }

        let mut fired_unseen = false;
        for sighting in looked_at {
            let window = sighting.window();
            let phase = track.now.phase();
            let seen = sighting.observation(key);
            // True values of a window may come after newer windows were judged without theirs.
            if key.kind == FindingKind::Performance && seen == Observation::Unknown {
                continue;
            }
            if !track.count(window, seen, &policy) {
                continue;
            }
            if let Some(finding) = sighting.seen().get(key) {
                alert.severity = finding.severity;
                alert.message.clone_from(&finding.message);
                alert.value = finding.value;
                alert.threshold = finding.threshold;
                alert.run_id = Some(run.run_id.clone());
                alert.baseline_id = Some(run.baseline_id.clone());
                alert.window_start.clone_from(&window.start);
                alert.window_end.clone_from(&window.end);
            }
            let fires = phase != Phase::Firing && track.now.phase() == Phase::Firing;
            fired_unseen |= fires && is_news(run, window, before);
        }

        alert.state = match state_of(track.now.phase(), was) {
            Some(state) => state,
            None if fired_unseen => AlertState::Resolved,
            None => return None,
        };
        let memory = serde_json::to_string(&track).expect("words and numbers are JSON");
        self.date(&mut alert, was, memory);
        let newest = run.newest_window();
        let is_held_back = newest.is_some_and(|window| holds_back(window, &alert.key));
        let followed = self.tell(alert, was, fired_unseen, is_held_back, before);
        // What began and was over before anybody could be told was never an alert.
        let is_history = was.is_none()
            && followed.alert.state == AlertState::Resolved
            && !followed.tell_resolved;
        (!is_history).then_some(followed)
    }

    /// An alert that nothing is known of.
    fn unseen(&self, key: &AlertKey) -> Alert {
        Alert {
            id: format!("alert_{}", event::name_of(&json!([self.monitor, key]))),
            monitor: self.monitor.to_owned(),
            key: key.clone(),
            state: AlertState::Pending,
            severity: self.config.severity,
            message: String::new(),
            value: None,
            threshold: None,
            run_id: self.evaluated.ok().map(|run| run.run_id.clone()),
            baseline_id: self.evaluated.ok().map(|run| run.baseline_id.clone()),
            window_start: None,
            window_end: None,
            pending_at: self.now,
            fired_at: None,
            resolved_at: None,
            told_at: None,
            told_count: 0,
            memory: String::new(),
            updated_at: self.now,
        }
    }

    fn policy(&self) -> AlertPolicy {
        AlertPolicy {
            windows: self.config.confirm.windows,
            of: self.config.confirm.of,
            clear_for: self.config.clear_for,
            cool_down: self.config.cool_down,
        }
    }

    /// Sets the times that follow from a change of state.
    fn date(&self, alert: &mut Alert, was: Option<AlertState>, memory: String) {
        if was == Some(AlertState::Resolved) && alert.state != AlertState::Resolved {
            alert.pending_at = self.now;
            alert.fired_at = None;
            alert.resolved_at = None;
            alert.told_at = None;
            alert.told_count = 0;
        }
        if alert.state != AlertState::Pending && alert.fired_at.is_none() {
            alert.fired_at = Some(self.now);
        }
        if alert.state == AlertState::Resolved && was != Some(AlertState::Resolved) {
            alert.resolved_at = Some(self.now);
        }
        if alert.memory != memory || was != Some(alert.state) {
            alert.memory = memory;
            alert.updated_at = self.now;
        }
    }

    /// Decides what is told. Nobody is told of what is silenced, or of what the newest window's
    /// broken data may have made; both are told as soon as that is over, if they still fire.
    fn tell(
        &self,
        mut alert: Alert,
        was: Option<AlertState>,
        fired_unseen: bool,
        is_held_back: bool,
        before: &AlertsBefore,
    ) -> Followed {
        let is_silenced = before
            .silences
            .iter()
            .any(|silence| silence.is_about(&alert));
        let is_over = alert.state == AlertState::Resolved && was != Some(AlertState::Resolved);
        let tell_firing = !is_silenced
            && match alert.state {
                AlertState::Pending => false,
                AlertState::Firing => !is_held_back && self.is_due(&alert),
                AlertState::Resolved => is_over && fired_unseen && alert.told_at.is_none(),
            };
        if tell_firing {
            alert.told_at = Some(self.now);
            alert.told_count += 1;
            alert.updated_at = self.now;
        }
        let tell_resolved = is_over && !is_silenced && alert.told_at.is_some();
        Followed {
            alert,
            tell_firing,
            tell_resolved,
        }
    }

    fn is_due(&self, alert: &Alert) -> bool {
        match (alert.told_at, self.config.repeat_interval) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(told), Some(interval)) => {
                let interval = i64::try_from(interval.seconds()).unwrap_or(i64::MAX);
                self.now - told >= TimeDelta::try_seconds(interval).unwrap_or(TimeDelta::MAX)
            }
        }
    }

    /// One event for each group, or one for all where there are too many.
    fn events(&self, kind: &str, alerts: Vec<Alert>, all_firing: &[Group]) -> Vec<NewEvent> {
        let mut groups: BTreeMap<Group, Vec<Alert>> = BTreeMap::new();
        for alert in alerts {
            let group = self.group_of(&alert.key);
            groups.entry(group).or_default().push(alert);
        }
        if groups.len() > self.config.max_events {
            let all = std::mem::take(&mut groups).into_values().flatten();
            groups.insert(Vec::new(), all.collect());
        }
        groups
            .into_iter()
            .map(|(group, alerts)| {
                // Where all are told in one, the group has no values.
                let firing = all_firing
                    .iter()
                    .filter(|other| group.is_empty() || **other == group)
                    .count();
                self.event(kind, &group, alerts, firing)
            })
            .collect()
    }

    fn group_of(&self, key: &AlertKey) -> Group {
        let fields = self.config.group_by.iter();
        fields.map(|field| field_of(key, *field)).collect()
    }

    fn event(
        &self,
        kind: &str,
        group: &[Option<String>],
        mut alerts: Vec<Alert>,
        still_firing: usize,
    ) -> NewEvent {
        alerts.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.key.cmp(&b.key)));
        let told: Vec<Value> = alerts
            .iter()
            .map(|alert| {
                let began = alert.pending_at.timestamp_millis();
                json!([alert.id, alert.told_count, began])
            })
            .collect();
        let group: Map<String, Value> = self
            .config
            .group_by
            .iter()
            .zip(group)
            .map(|(field, value)| (field.name().to_owned(), json!(value)))
            .collect();
        let mut data = Map::new();
        data.insert("monitor".to_owned(), self.monitor.into());
        let run = self.evaluated.ok();
        let run_id = run.map(|run| run.run_id.as_str());
        data.insert("run_id".to_owned(), run_id.into());
        data.insert(
            "baseline_id".to_owned(),
            run.map(|run| run.baseline_id.as_str()).into(),
        );
        data.insert("group".to_owned(), group.into());
        data.insert("count".to_owned(), alerts.len().into());
        data.insert("still_firing".to_owned(), still_firing.into());
        event::insert_links(&mut data, self.monitor, run_id, self.settings);
        event::insert_bounded(&mut data, "alerts", alerts.iter().map(told_alert));
        NewEvent {
            id: format!("evt_{}", event::name_of(&json!([self.monitor, kind, told]))),
            kind: kind.to_owned(),
            data,
            targets: event::told(self.targets, Topic::Alert),
        }
    }
}

/// What the alert that a pipeline cannot be evaluated is known by.
fn unevaluated() -> AlertKey {
    AlertKey {
        kind: FindingKind::Evaluation,
        column: None,
        slice: None,
        measure: None,
        term: None,
    }
}

/// How far an alert has come; `None` where it came to nothing.
fn state_of(phase: Phase, was: Option<AlertState>) -> Option<AlertState> {
    match phase {
        Phase::Pending => Some(AlertState::Pending),
        Phase::Firing => Some(AlertState::Firing),
        Phase::Resolved => Some(AlertState::Resolved),
        Phase::Inactive => match was {
            Some(AlertState::Firing | AlertState::Resolved) => Some(AlertState::Resolved),
            Some(AlertState::Pending) | None => None,
        },
    }
}

/// Whether somebody could not have been told of this window before.
fn is_news(run: &Run, window: &Window, before: &AlertsBefore) -> bool {
    let end = window.end.as_deref().and_then(event::instant);
    let seen_until = before.seen_until.as_deref().and_then(event::instant);
    match (end, seen_until) {
        (Some(end), Some(seen_until)) => end > seen_until,
        _ => run.newest_window() == Some(window),
    }
}

fn field_of(key: &AlertKey, field: AlertField) -> Option<String> {
    match field {
        AlertField::Kind => Some(key.kind.name().to_owned()),
        AlertField::Column => key.column.clone(),
        AlertField::Slice => key.slice.clone(),
        AlertField::Measure => key.measure.clone(),
    }
}

fn told_alert(alert: &Alert) -> Value {
    let clipped = |text: &Option<String>| text.as_deref().map(event::clipped);
    json!({
        "id": alert.id,
        "state": alert.state,
        "kind": alert.key.kind,
        "severity": alert.severity,
        "column": clipped(&alert.key.column),
        "slice": clipped(&alert.key.slice),
        "measure": clipped(&alert.key.measure),
        "term": clipped(&alert.key.term),
        "value": alert.value,
        "threshold": alert.threshold,
        "message": event::clipped(&alert.message),
        "window": {"start": alert.window_start, "end": alert.window_end},
        "told": alert.told_count,
    })
}
