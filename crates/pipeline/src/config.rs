//! The YAML of a pipeline.
//!
//! Unknown keys are errors, and every error points at its line and column.
//! `${NAME}` in an unquoted value is taken from the environment; secrets are never
//! written here but named (`env:NAME`, `file:PATH`).

mod alerts;
mod email;
mod engine;
mod mistakes;
mod models;
mod multivariate;
mod profiles;
mod schedule;
mod terms;
mod time;
mod tls;
mod topic;
mod values;
mod webhook;

pub use alerts::{AlertField, AlertsConfig};
pub use email::EmailTarget;
pub use engine::{ClusterUrl, EngineSettings};
pub use models::{ChallengerConfig, ModelConfig, PerformanceMeasure, TargetsConfig};
pub use multivariate::{MeasureConfig, MultivariateConfig, MultivariateMeasure};
pub use profiles::{PostedConfig, ProfilesConfig};
pub use schedule::{CatchUp, CronText, ScheduleConfig, ZoneName};
pub use terms::{TermsConfig, WatchLimit};
pub use time::{EvaluateConfig, TimeConfig};
pub use tls::TlsConfig;
pub use topic::{RegistryConfig, TopicConfig, TopicFormat, TopicSetting, TopicStart};
pub use values::{Duration, Name, RoleName};
pub use webhook::{
    BodyEncoding, SecretReference, SuccessRule, TargetFormat, Topic, TopicTarget, WebhookTarget,
};

use crate::{PipelineError, TermDecisions};
use driftline_verdict::ActionPolicy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A pipeline: what is compared with what, and what follows from it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Its name: letters, digits, `-` and `_`. Names the output folder and the monitor.
    pub name: Name,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The training data.
    pub baseline: SourceConfig,
    /// The live data.
    pub live: SourceConfig,
    /// How rows are laid out in time; without it the live data is one window and
    /// blocks of the baseline are taken in row order.
    #[serde(default)]
    pub time: Option<TimeConfig>,
    /// SQL over the table `source`, for both sides: dedupe, filters, derived columns.
    #[serde(default)]
    pub prepare: Option<String>,
    /// Damaged records of TFRecord files that are left out, at most, on either side.
    #[serde(default)]
    pub skip_corrupt: u64,
    /// A file of rules for `is_advert`, in place of the shipped ones.
    #[serde(default)]
    pub advert_rules: Option<PathBuf>,
    /// A schema file; inferred from the baseline where it is left out.
    #[serde(default)]
    pub schema: Option<PathBuf>,
    /// The environment of the schema that the live data is of; without it every column of the
    /// schema is expected.
    #[serde(default)]
    pub environment: Option<String>,
    /// Files of the words of vocabularies that the schema names, one a line, or TFRecords.
    #[serde(default)]
    pub vocabularies: BTreeMap<String, PathBuf>,
    /// Roles of columns, where they are not what the data suggests.
    #[serde(default)]
    pub roles: BTreeMap<String, RoleName>,
    /// Columns that are read but neither profiled nor checked.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Columns whose values split the rows into slices.
    #[serde(default)]
    pub slices: Vec<String>,
    /// Models that score the rows, by the name of their columns.
    #[serde(default)]
    pub models: BTreeMap<Name, ModelConfig>,
    /// True values, as far as they are known.
    #[serde(default)]
    pub targets: Option<TargetsConfig>,
    /// How drift is judged.
    #[serde(default)]
    pub drift: DriftConfig,
    /// New terms and watched words.
    #[serde(default)]
    pub terms: Option<TermsConfig>,
    /// SQL aggregates with limits, for each window.
    #[serde(default)]
    pub rules: Vec<RuleConfig>,
    /// How many rows a window must have.
    #[serde(default)]
    pub volume: VolumeConfig,
    /// The greatest age of the newest row; older live data is stale.
    #[serde(default)]
    pub freshness: Option<FreshnessConfig>,
    /// Examples shown to people.
    #[serde(default)]
    pub examples: ExamplesConfig,
    /// What findings lead to.
    #[serde(default)]
    pub actions: ActionsConfig,
    /// How findings become alerts.
    #[serde(default)]
    pub alerts: AlertsConfig,
    /// When `driftline serve` runs it; by default at the interval that `serve` is given.
    #[serde(default)]
    pub schedule: Option<ScheduleConfig>,
    /// Seed of every sample and replay.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Where queries run.
    #[serde(default)]
    pub engine: EngineSettings,
    /// Folder of the file, against which its paths are read.
    #[serde(skip)]
    pub folder: PathBuf,
}

fn default_seed() -> u64 {
    20_260_101
}

/// Where rows come from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// A file, glob, directory, URL, or `-` for standard input. Relative paths are read
    /// against the pipeline's folder. Live data may be a topic,
    /// `kafka://broker:9092,other:9092/topic`, which `driftline serve` reads window by window.
    #[serde(default)]
    pub source: String,
    /// SQL over the table `source` for this side alone, before the pipeline's own
    /// `prepare`: which part of a file it is.
    #[serde(default)]
    pub prepare: Option<String>,
    /// How a topic is read, where the source is one.
    #[serde(default)]
    pub topic: Option<TopicConfig>,
    /// Whether live data only has files added to it: a run then reads the files of the windows
    /// that changed since the last one, and judges those.
    #[serde(default)]
    pub incremental: bool,
    /// Live data that comes as profiles instead of rows, in the place of `source`.
    #[serde(default)]
    pub profiles: Option<ProfilesConfig>,
}

impl SourceConfig {
    /// A source that is taken as it is.
    pub fn of(source: String) -> Self {
        Self {
            source,
            prepare: None,
            topic: None,
            incremental: false,
            profiles: None,
        }
    }

    /// Brokers and topic, where it is one.
    pub fn brokers_and_topic(&self) -> Option<(&str, &str)> {
        topic::parts(&self.source)?.ok()
    }
}

/// How drift is judged.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DriftConfig {
    /// Stated rate of false alarms of the whole pipeline for one window.
    pub false_alarm_rate: f64,
    /// Whether the text that terms are sought in is also judged by the stretch of a window
    /// that shares nothing with the rest of it; that test has six tenths of the rate. Where
    /// nothing is said, windows of 28 blocks and more are.
    pub novel_stretch: Option<bool>,
    /// Several columns judged together; that has a fifth of the rate.
    pub multivariate: Option<MultivariateConfig>,
    /// Per column.
    pub columns: BTreeMap<String, ColumnDriftConfig>,
}

impl Default for DriftConfig {
    fn default() -> Self {
        Self {
            false_alarm_rate: 0.01,
            novel_stretch: None,
            multivariate: None,
            columns: BTreeMap::new(),
        }
    }
}

/// How drift of one column is judged.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnDriftConfig {
    /// The least effect that matters, in each measure's own unit, instead of the
    /// measure's documented default.
    pub min_effect: Option<f64>,
    /// Whether a window in which this column cannot be judged is unknown.
    pub required: bool,
}

/// A SQL aggregate of every window, with limits.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// Its name.
    pub name: String,
    /// A SQL aggregate expression over the prepared and scored rows.
    pub sql: String,
    /// The least value that holds.
    #[serde(default)]
    pub min: Option<f64>,
    /// The greatest value that holds.
    #[serde(default)]
    pub max: Option<f64>,
    /// Holds while the value is no more unusual than this share of the baseline's own
    /// windows (two-sided).
    #[serde(default)]
    pub baseline_rate: Option<f64>,
    /// How bad a broken rule is.
    #[serde(default = "default_rule_severity")]
    pub severity: driftline_verdict::Severity,
    /// Unit of the value, for the report.
    #[serde(default)]
    pub unit: String,
    /// A SQL condition on the rows that the rule is about. Where it does not hold, the texts of these rows
    /// tell whether they look coordinated.
    #[serde(default)]
    pub about: Option<String>,
}

fn default_rule_severity() -> driftline_verdict::Severity {
    driftline_verdict::Severity::Error
}

/// How many rows a window must have.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VolumeConfig {
    /// The least number of rows.
    pub min_rows: Option<u64>,
    /// The greatest number of rows.
    pub max_rows: Option<u64>,
}

/// How old live data may be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreshnessConfig {
    /// The greatest age of the newest row at the time of the run.
    pub max_age: Duration,
}

/// Examples shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExamplesConfig {
    /// Names, addresses and numbers are replaced.
    #[default]
    Masked,
    /// No example leaves the data.
    None,
}

/// What findings lead to.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ActionsConfig {
    /// When retraining is asked for.
    pub policy: ActionPolicy,
    /// Who is told over HTTP.
    pub webhooks: Vec<WebhookTarget>,
    /// Which topics of Kafka are told.
    pub topics: Vec<TopicTarget>,
    /// Who is told by e-mail.
    pub emails: Vec<EmailTarget>,
}

impl Pipeline {
    /// A pipeline of two sources and nothing but defaults. Relative paths are read
    /// against the working directory.
    pub fn of_sources(name: Name, baseline: String, live: String) -> Self {
        Self {
            name,
            description: String::new(),
            baseline: SourceConfig::of(baseline),
            live: SourceConfig::of(live),
            time: None,
            prepare: None,
            skip_corrupt: 0,
            advert_rules: None,
            schema: None,
            environment: None,
            vocabularies: BTreeMap::new(),
            roles: BTreeMap::new(),
            ignore: Vec::new(),
            slices: Vec::new(),
            models: BTreeMap::new(),
            targets: None,
            drift: DriftConfig::default(),
            terms: None,
            rules: Vec::new(),
            volume: VolumeConfig::default(),
            freshness: None,
            examples: ExamplesConfig::default(),
            actions: ActionsConfig::default(),
            alerts: AlertsConfig::default(),
            schedule: None,
            seed: default_seed(),
            engine: EngineSettings::default(),
            folder: PathBuf::new(),
        }
    }

    /// Reads a pipeline file; its relative paths are read against its folder.
    ///
    /// # Errors
    /// [`PipelineError::Unreadable`] where the file cannot be read,
    /// [`PipelineError::Yaml`] with line and column where its content is wrong.
    pub fn read(path: &Path) -> Result<Self, PipelineError> {
        let text = std::fs::read_to_string(path).map_err(|error| PipelineError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let mut pipeline = Self::parse(&text, &path.display().to_string(), environment)?;
        pipeline.folder = path.parent().unwrap_or(Path::new("")).to_owned();
        pipeline.check_certificates(&text, &path.display().to_string())?;
        pipeline.take_drift_of_schema()?;
        Ok(pipeline)
    }

    /// That the files of targets' certificates hold some.
    fn check_certificates(&self, text: &str, file: &str) -> Result<(), PipelineError> {
        let webhooks = self.actions.webhooks.iter();
        let webhooks = webhooks.map(|webhook| (&webhook.name, &webhook.tls));
        let emails = self.actions.emails.iter();
        let emails = emails.map(|email| (&email.name, &email.tls));
        for (name, tls) in webhooks.chain(emails) {
            let mistake = tls.as_ref().and_then(|tls| tls.file_mistake(self));
            if let Some((reference, message)) = mistake {
                let message = format!("target `{name}`: {message}");
                return Err(PipelineError::yaml_at(text, file, &reference, message));
            }
        }
        Ok(())
    }

    /// Takes what the schema file says of the drift of columns that the pipeline says
    /// nothing of.
    fn take_drift_of_schema(&mut self) -> Result<(), PipelineError> {
        let Some(schema) = &self.schema else {
            return Ok(());
        };
        for column in crate::baseline::read_schema(&self.path(schema))?.columns {
            if let Some(drift) = column.drift {
                let config = ColumnDriftConfig {
                    min_effect: drift.min_effect,
                    required: drift.required,
                };
                self.drift.columns.entry(column.name).or_insert(config);
            }
        }
        Ok(())
    }

    /// Reads a pipeline from text; `file` names it in errors and `environment` holds
    /// the values of `${NAME}`.
    ///
    /// # Errors
    /// [`PipelineError::Yaml`] with line and column, and with all the mistakes that can be told in one go.
    pub fn parse(
        text: &str,
        file: &str,
        environment: std::collections::HashMap<String, String>,
    ) -> Result<Self, PipelineError> {
        let options = serde_saphyr::Options::default().with_properties(environment);
        let read = |text: &str| serde_saphyr::from_str_with_options(text, options.clone());
        let pipeline: Self = read(text).map_err(|error| {
            let wrong = PipelineError::yaml(text, file, &error);
            let first_of = |text: &str| read(text).err();
            wrong.with_others(mistakes::after(error, text, file, first_of))
        })?;
        pipeline.check(text, file)?;
        Ok(pipeline)
    }

    /// What no single value shows.
    fn check(&self, text: &str, file: &str) -> Result<(), PipelineError> {
        let wrong =
            |key: &str, message: String| Err(PipelineError::yaml_at(text, file, key, message));
        if let Some((key, message)) = self.time.as_ref().and_then(TimeConfig::mistake) {
            return wrong(key, message);
        }
        self.check_sources(wrong)?;
        self.check_topic(wrong)?;
        if self.drift.novel_stretch == Some(true) && (self.terms.is_none() || self.time.is_none()) {
            return wrong(
                "novel_stretch",
                "`novel_stretch` needs `terms`, which says in which column, and `time`".to_owned(),
            );
        }
        if self.drift.multivariate.is_some() && self.time.as_ref().is_none_or(|t| t.gap.is_some()) {
            return wrong(
                "multivariate",
                "`multivariate` is judged by what the training data's own windows show: give \
                 `time`, with windows of one length, without `gap`"
                    .to_owned(),
            );
        }
        if self.terms.is_none() && self.rules.iter().any(|rule| rule.about.is_some()) {
            return wrong(
                "about",
                "`about` needs `terms`, which says in which column the texts of its rows are"
                    .to_owned(),
            );
        }
        let rate = self.drift.false_alarm_rate;
        if !(rate > 0.0 && rate <= 0.5) {
            return wrong(
                "false_alarm_rate",
                format!("{rate} is no rate of false alarms: write a share above 0 and up to 0.5"),
            );
        }
        for (column, config) in &self.drift.columns {
            if config
                .min_effect
                .is_some_and(|least| least.is_nan() || least < 0.0)
            {
                return wrong("min_effect", format!("`{column}`: `min_effect` is below 0"));
            }
        }
        for rule in &self.rules {
            if rule.min.is_none() && rule.max.is_none() && rule.baseline_rate.is_none() {
                return wrong(
                    &rule.name,
                    format!(
                        "rule `{}` has no limit: give `min`, `max` or `baseline_rate`",
                        rule.name
                    ),
                );
            }
        }
        if let Some((key, message)) = self.terms.as_ref().and_then(TermsConfig::mistake) {
            return wrong(key, message);
        }
        let schedule = self.schedule.as_ref().and_then(ScheduleConfig::mistake);
        if let Some((key, message)) = self.alerts.mistake().or(schedule) {
            return wrong(key, message);
        }
        let webhooks = self.actions.webhooks.iter().map(|webhook| &webhook.name);
        let topics = self.actions.topics.iter().map(|topic| &topic.name);
        let emails = self.actions.emails.iter().map(|email| &email.name);
        let mut names: Vec<&Name> = webhooks.chain(topics).chain(emails).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return wrong("actions", format!("two targets are named `{}`", twice[0]));
        }
        for topic in &self.actions.topics {
            if let Some((key, message)) = topic.mistake() {
                return wrong(key, format!("topic `{}`: {message}", topic.name));
            }
        }
        for email in &self.actions.emails {
            if let Some((key, message)) = email.mistake() {
                return wrong(key, format!("e-mail `{}`: {message}", email.name));
            }
        }
        let challengers = self.models.values().filter_map(|m| m.challenger.as_ref());
        if let Some((key, message)) = challengers.filter_map(ChallengerConfig::mistake).next() {
            return wrong(key, message);
        }
        if let Some((key, message)) = self.targets.as_ref().and_then(|t| t.mistake(self)) {
            return wrong(key, message);
        }
        for webhook in &self.actions.webhooks {
            if let Some((key, message)) = webhook.mistake() {
                return wrong(key, format!("webhook `{}`: {message}", webhook.name));
            }
        }
        Ok(())
    }

    /// Either side comes from somewhere, and profiles stand for live rows alone.
    fn check_sources(
        &self,
        wrong: impl Fn(&str, String) -> Result<(), PipelineError>,
    ) -> Result<(), PipelineError> {
        if self.baseline.profiles.is_some() {
            return wrong(
                "baseline",
                "`profiles` is for live data: a baseline's `source` may be a profile file".into(),
            );
        }
        if self.baseline.source.is_empty() {
            return wrong("baseline", "`source` is missing".to_owned());
        }
        let live = &self.live;
        let Some(profiles) = &live.profiles else {
            return match live.source.is_empty() {
                true => wrong("live", "give `source`, or `profiles`".to_owned()),
                false => Ok(()),
            };
        };
        let is_of_rows = !live.source.is_empty()
            || live.prepare.is_some()
            || live.topic.is_some()
            || live.incremental;
        if is_of_rows {
            return wrong(
                "profiles",
                "`source`, `prepare`, `topic` and `incremental` are for rows: leave them out \
                 beside `profiles`"
                    .to_owned(),
            );
        }
        let time = self.time.as_ref();
        if time.is_some_and(|time| time.slide.or(time.gap).is_some()) {
            return wrong(
                "profiles",
                "profiles are of windows that follow one another: leave out `slide` and `gap`"
                    .to_owned(),
            );
        }
        if matches!(profiles, ProfilesConfig::Posted(_)) && time.is_none() {
            return wrong(
                "profiles",
                "profiles that are posted are judged window by window: say in `time` which there \
                 are"
                .to_owned(),
            );
        }
        match profiles.mistake() {
            Some(said) => wrong("profiles", said.to_owned()),
            None => Ok(()),
        }
    }

    /// What a topic and incremental data need. A topic is live data, and has windows.
    fn check_topic(
        &self,
        wrong: impl Fn(&str, String) -> Result<(), PipelineError>,
    ) -> Result<(), PipelineError> {
        if self.baseline.topic.is_some() || topic::parts(&self.baseline.source).is_some() {
            return wrong(
                "baseline",
                "a topic never ends: the training data is read from files".to_owned(),
            );
        }
        if self.baseline.incremental {
            return wrong("incremental", "only live data is incremental".to_owned());
        }
        if self.live.incremental && (self.time.is_none() || self.live.source == "-") {
            return wrong(
                "incremental",
                "`incremental` needs files that can be read again, and `time`, which says in \
                 which windows their rows are"
                    .to_owned(),
            );
        }
        let time = self.time.as_ref();
        if self.live.incremental && time.is_some_and(|time| time.slide.or(time.gap).is_some()) {
            return wrong(
                "incremental",
                "which windows changed is known of windows that follow one another, without \
                 `slide` and `gap`"
                    .to_owned(),
            );
        }
        match topic::parts(&self.live.source) {
            None if self.live.topic.is_some() => wrong(
                "topic",
                "`topic` is for a source `kafka://broker:9092/topic`".to_owned(),
            ),
            None => Ok(()),
            Some(Err(message)) => wrong("live", message),
            Some(Ok(_)) if self.time.is_none() => wrong(
                "live",
                "a topic is judged window by window: say in `time` which column has the time"
                    .to_owned(),
            ),
            Some(Ok(_)) if self.schedule.is_some() => wrong(
                "schedule",
                "windows of a topic are judged as they close, not on a schedule".to_owned(),
            ),
            Some(Ok(_)) => match self.live.topic.as_ref().and_then(TopicConfig::mistake) {
                Some((key, message)) => wrong(key, message),
                None => Ok(()),
            },
        }
    }

    /// What people said of the terms; nothing where no file is named.
    ///
    /// # Errors
    /// As [`TermDecisions::read`].
    pub fn term_decisions(&self) -> Result<TermDecisions, PipelineError> {
        let file = self
            .terms
            .as_ref()
            .and_then(|terms| terms.decisions.as_ref());
        file.map_or_else(
            || Ok(TermDecisions::default()),
            |file| TermDecisions::read(&self.path(file)),
        )
    }

    /// A path of the file, read against the file's folder.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// A secret's reference, its file read against the file's folder.
    pub fn placed(&self, reference: &SecretReference) -> SecretReference {
        match reference {
            SecretReference::File(path) => SecretReference::File(self.path(path)),
            named => named.clone(),
        }
    }

    /// Files beside the data that say what is evaluated: the schema, rules, vocabularies. A change
    /// of one is a change of the pipeline; models are looked after where they are loaded.
    pub fn files(&self) -> Vec<PathBuf> {
        let single = self.schema.iter().chain(&self.advert_rules);
        single
            .chain(self.vocabularies.values())
            .map(|path| self.path(path))
            .collect()
    }

    /// A source of the file, read against the file's folder; `-` stays standard input.
    pub fn source(&self, source: &SourceConfig) -> String {
        self.location(&source.source)
    }

    /// A path or pattern, read against the file's folder; URLs and `-` stay what they are.
    pub(crate) fn location(&self, location: &str) -> String {
        match location == "-" || location.contains("://") {
            true => location.to_owned(),
            false => self.folder.join(location).display().to_string(),
        }
    }

    /// JSON Schema of the file, for editors.
    pub fn json_schema() -> serde_json::Value {
        serde_json::to_value(schemars::schema_for!(Self)).expect("a JSON Schema is JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "name: a\nbaseline: {source: a.csv}\nlive: {source: b.csv}\n";

    fn parse(text: &str) -> Result<Pipeline, PipelineError> {
        let environment = [("DATA".to_string(), "/data".to_string())].into();
        Pipeline::parse(text, "p.yaml", environment)
    }

    fn message(text: &str) -> String {
        let error = parse(text).unwrap_err();
        let PipelineError::Yaml {
            message,
            line,
            column,
            ..
        } = &error
        else {
            panic!("not a YAML error: {error}");
        };
        format!("{line}:{column} {message}")
    }

    #[test]
    fn the_least_pipeline_has_defaults() {
        let pipeline = parse(LEAST).unwrap();
        assert!((pipeline.drift.false_alarm_rate - 0.01).abs() < 1e-12);
        assert_eq!(pipeline.actions.policy.confirm.windows, 2);
    }

    #[test]
    fn an_unknown_key_is_shown_with_its_place() {
        let said = message(&format!("{LEAST}widnow: 7d\n"));
        assert!(said.starts_with("4:1 "), "{said}");
        assert!(said.contains("widnow"), "{said}");
    }

    #[test]
    fn a_wrong_type_is_shown_with_its_place() {
        let said = message(&format!("{LEAST}seed: many\n"));
        assert!(said.starts_with("4:7 "), "{said}");
    }

    #[test]
    fn every_mistake_is_told_in_one_go_each_with_its_place() {
        let text = format!(
            "{LEAST}widnow: 7d\ntime: {{column: day, windw: 7d, block: [1]}}\nseed: many\nactions:\n  \
             webhooks:\n    - nam: them\n      name: x\n      on: [retrain]\n      url: https://example.com/\n      \
             timeout: 3\n    - name: y\n      on: [retrian]\n      url: https://example.com/\nalarms: {{}}\n"
        );
        let PipelineError::Yaml { line, others, .. } = parse(&text).unwrap_err() else {
            panic!("no YAML error");
        };
        let mut told = vec![line];
        for other in &others {
            let PipelineError::Yaml { line, .. } = other else {
                panic!("{other}");
            };
            told.push(*line);
        }
        told.sort_unstable();
        assert_eq!(told, [4, 5, 5, 6, 9, 13, 15, 17], "{others:?}");
        // What only follows from a mistake is none.
        let text = LEAST.replace("source: ", "sorce: ");
        let PipelineError::Yaml { others, .. } = parse(&text).unwrap_err() else {
            panic!("no YAML error");
        };
        assert!(
            others
                .iter()
                .all(|other| !other.to_string().contains("missing"))
        );
    }

    #[test]
    fn a_wrong_length_of_time_says_how_to_write_one() {
        let said = message(&format!(
            "{LEAST}time: {{column: d, window: 7 fortnights}}\n"
        ));
        assert!(said.contains("7d"), "{said}");
        assert!(said.starts_with("4:"), "{said}");
    }

    #[test]
    fn a_window_that_is_no_multiple_of_its_blocks_is_refused() {
        let said = message(&format!(
            "{LEAST}time:\n  column: d\n  window: 36h\n  block: 1d\n"
        ));
        assert!(said.starts_with("6:"), "{said}");
    }

    #[test]
    fn a_secret_written_out_is_refused_and_not_repeated() {
        let said = message(&format!(
            "{LEAST}actions:\n  webhooks:\n  - {{name: w, on: [notify], url: 'https://a.example', secret: whsec_abcdef}}\n"
        ));
        assert!(said.contains("env:NAME"), "{said}");
        assert!(!said.contains("whsec_abcdef"), "{said}");
    }

    #[test]
    fn an_alert_that_could_never_fire_or_end_is_refused() {
        for (wrong, said) in [
            ("for: {windows: 3, of: 2}", "in 3 of 2 windows"),
            ("for: {windows: 0, of: 2}", "in 0 of 2 windows"),
            ("clear_for: 0", "at least 1 window"),
            ("max_events: 0", "at least 1 event"),
        ] {
            let shown = message(&format!("{LEAST}alerts:\n  {wrong}\n"));
            assert!(
                shown.starts_with("5:") && shown.contains(said),
                "{wrong}: {shown}"
            );
        }
    }

    #[test]
    fn a_topic_has_windows_and_hides_its_passwords() {
        let topic = "name: a\nbaseline: {source: a.csv}\nlive:\n  source: kafka://b:9092/t\n";
        let time = "time: {column: at, window: 1h}\n";
        assert!(message(topic).contains("say in `time`"));
        let pipeline = parse(&format!("{topic}{time}")).unwrap();
        assert_eq!(pipeline.live.brokers_and_topic(), Some(("b:9092", "t")));
        for (wrong, said) in [
            ("{settings: {sasl.password: x}}", "env:NAME"),
            ("{format: csv}", "`columns` names the cells"),
            ("{max_dead_share: 2}", "2 is no share"),
            ("{format: avro}", "give `registry`, or a file"),
            (
                "{format: protobuf, schema: a.desc}",
                "its full name as `message`",
            ),
            ("{schema: a.avsc}", "are for `format: avro`"),
        ] {
            let shown = message(&format!("{topic}  topic: {wrong}\n{time}"));
            assert!(shown.contains(said), "{wrong}: {shown}");
        }
        let secret = format!("{topic}  topic: {{settings: {{sasl.password: 'env:P'}}}}\n{time}");
        parse(&secret).unwrap();
        assert!(message(&topic.replace("/t", "")).contains("names no topic"));
    }

    #[test]
    fn profiles_stand_in_the_place_of_live_rows_alone() {
        let live = |live: &str| LEAST.replace("{source: b.csv}", live);
        let time = "time: {column: d, window: 1d}\n";
        let files = parse(&live("{profiles: {files: edges/*.parquet}}")).unwrap();
        assert_eq!(
            files.live.profiles,
            Some(ProfilesConfig::Files("edges/*.parquet".into()))
        );
        let posted = live("{profiles: {posted: {allowed_lateness: 6h}}}");
        parse(&format!("{posted}{time}")).unwrap();
        assert!(message(&posted).contains("window by window"));
        for (wrong, said) in [
            ("{}", "give `source`, or `profiles`"),
            ("{profiles: {files: a, posted: {}}}", ""),
            ("{profiles: {files: a}, source: b.csv}", "are for rows"),
            (
                "{profiles: {files: 's3://bucket/a'}}",
                "files of this machine",
            ),
        ] {
            let shown = message(&live(wrong));
            assert!(shown.contains(said), "{wrong}: {shown}");
        }
        let slides = "time: {column: d, window: 1d, slide: 1h}\n";
        assert!(message(&format!("{posted}{slides}")).contains("follow one another"));
        let baseline = LEAST.replace("{source: a.csv}", "{profiles: {files: a}}");
        assert!(message(&baseline).contains("is for live data"));
        assert!(message(&LEAST.replace("{source: a.csv}", "{}")).contains("`source` is missing"));
    }

    #[test]
    fn a_topic_that_is_told_is_named_and_hides_its_passwords() {
        let told = |topic: &str| format!("{LEAST}actions:\n  topics:\n  - {{name: t, {topic}}}\n");
        parse(&told("on: [verdict], url: 'kafka://b:9092/verdicts'")).unwrap();
        for (wrong, said) in [
            (
                "on: [verdict], url: 'https://b/verdicts'",
                "its `url` is no topic",
            ),
            ("on: [verdict], url: 'kafka://b:9092'", "names no topic"),
            ("on: [], url: 'kafka://b:9092/t'", "`on` names nothing"),
            (
                "on: [alert], url: 'kafka://b:9092/t', settings: {sasl.password: x}",
                "env:NAME",
            ),
        ] {
            let shown = message(&told(wrong));
            assert!(shown.contains(said), "{wrong}: {shown}");
        }
    }

    #[test]
    fn windows_that_slide_and_sessions_are_whole_steps() {
        for (time, said) in [
            ("window: 1h, slide: 25m", "no multiple of a slide of 25m"),
            ("window: 1h, slide: 2h", "no multiple of a slide of 2h"),
            ("window: 1h, gap: 30s", "a gap of 30s is no whole minutes"),
            ("window: 1d, slide: 1h, gap: 1h", "give `slide` or `gap`"),
            ("window: 1d, slide: 1m", "in 1440 windows"),
        ] {
            let shown = message(&format!("{LEAST}time: {{column: at, {time}}}\n"));
            assert!(shown.contains(said), "{time}: {shown}");
        }
        for time in [
            "window: 1d, slide: 1h",
            "window: 1d, gap: 30m",
            "window: 1d, slide: 1d",
        ] {
            let pipeline = parse(&format!("{LEAST}time: {{column: at, {time}}}\n")).unwrap();
            pipeline.time.unwrap().panes().unwrap();
        }
        let changing = LEAST.replace("live: {", "live: {incremental: true, ");
        let shown = message(&format!(
            "{changing}time: {{column: at, window: 1d, gap: 1h}}\n"
        ));
        assert!(shown.contains("windows that follow one another"), "{shown}");
    }

    #[test]
    fn a_limit_of_a_word_that_nobody_watches_is_refused() {
        for (limit, said) in [
            ("退款: {max_share: 0.1}", "name it in `watch`"),
            ("退钱: {}", "give `max_share` or `max_documents`"),
            ("退钱: {max_share: 10}", "from 0 to 1"),
        ] {
            let terms =
                format!("terms:\n  column: x\n  watch: [退钱]\n  watch_limits:\n    {limit}\n");
            let shown = message(&format!("{LEAST}{terms}"));
            assert!(shown.contains(said), "{limit}: {shown}");
        }
    }

    #[test]
    fn the_environment_is_read_in_values_only() {
        let text = "name: a\nbaseline:\n  source: ${DATA}/a.csv\nlive: {source: b.csv}\n";
        assert_eq!(parse(text).unwrap().baseline.source, "/data/a.csv");
        assert!(message(&text.replace("DATA", "NOT_SET")).contains("NOT_SET"));
    }

    #[test]
    fn durations_print_as_they_are_written() {
        for text in ["10s", "30m", "1h", "7d", "2w", "90m"] {
            let duration: Duration = text.parse().unwrap();
            let again: Duration = duration.to_string().parse().unwrap();
            assert_eq!(duration, again);
        }
        for wrong in ["", "7", "d", "0d", "-1d", "1y", "99999999999999999999d"] {
            assert!(wrong.parse::<Duration>().is_err(), "{wrong}");
        }
    }
}
