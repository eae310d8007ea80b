//! A source, or statistics, checked against a schema and compared with other data.
//!
//! The schema decides what is read: statistics of every column, in one scan, and profiles
//! of the columns that state what statistics do not tell, in a second one.

use crate::{PipelineError, feature_statistics, single::SingleSource, tfdv_files::read_statistics};
use driftline_engine::{Engine, FeatureRequest, ProfileColumn, ProfileRequest, Rows};
use driftline_schema::{
    Role, Schema,
    check::{self, Checked, Data, Unevaluated},
    tfmd::{
        self, DatasetFeatureStatistics, FeaturePath, Inputs, data_validation::ValidationConfig,
        feature::DomainInfo, statistics::NaturalLanguageGenerator,
    },
};
use driftline_statistics::{
    ColumnProfile, ValueType,
    features::{FeatureOptions, NewGenerator, PerFeature},
    semantic::ImageGenerator,
};
use driftline_verdict::{Finding, NotEvaluated, Run, Window, window_verdict};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Distinct values of a column that are compared with a domain one by one.
const VALUES: usize = 4_096;

/// What data is compared with, and how grave what is.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// The environment that the data is of.
    pub environment: Option<String>,
    /// The span before: drift.
    pub previous: Option<Compared>,
    /// An earlier version of the same span.
    pub previous_version: Option<Compared>,
    /// What is served: skew.
    pub serving: Option<Compared>,
    /// The new features that are anomalies; all where there are none.
    pub features_needed: BTreeSet<FeaturePath>,
    /// Severities.
    pub config: Option<ValidationConfig>,
    /// Files of the words that the schema's vocabularies have.
    pub vocabularies: BTreeMap<String, PathBuf>,
}

/// Data to compare with.
#[derive(Debug, Clone)]
pub enum Compared {
    /// TFDV's statistics.
    Statistics(PathBuf),
    /// A source, whose statistics are made.
    Source(Box<SingleSource>),
}

/// What a validation found.
#[derive(Debug, Clone)]
pub struct Validated {
    /// Rows that were checked.
    pub rows: u64,
    /// Anomalies, and what could not be checked.
    pub checked: Checked,
    /// Rules about rows that could not be asked.
    pub unasked: Vec<NotEvaluated>,
}

/// Statistics and what else is known of a source.
pub(crate) struct Known {
    pub(crate) statistics: DatasetFeatureStatistics,
    pub(crate) types: BTreeMap<String, ValueType>,
    pub(crate) skipped: BTreeSet<FeaturePath>,
}

/// What statistics of a source must hold to be checked against a schema.
pub(crate) struct Reader {
    request: FeatureRequest,
}

impl Reader {
    /// A reader for which constraints of a vocabulary without a file are not available, as
    /// TFDV has it.
    pub(crate) fn new(
        schema: &tfmd::Schema,
        vocabularies: &BTreeMap<String, PathBuf>,
    ) -> Result<Self, PipelineError> {
        Ok(Self::of(schema, vocabularies)?.0)
    }

    /// A reader that must have the file of every vocabulary that the schema names.
    pub(crate) fn with_all_words(
        schema: &tfmd::Schema,
        vocabularies: &BTreeMap<String, PathBuf>,
    ) -> Result<Self, PipelineError> {
        match Self::of(schema, vocabularies)? {
            (reader, None) => Ok(reader),
            (_, Some(name)) => Err(PipelineError::Configuration {
                message: format!(
                    "the schema asks for the vocabulary `{name}`; name its file under `vocabularies`: `{name}: FILE`"
                ),
            }),
        }
    }

    /// The reader, and a vocabulary whose file is not named.
    fn of(
        schema: &tfmd::Schema,
        vocabularies: &BTreeMap<String, PathBuf>,
    ) -> Result<(Self, Option<String>), PipelineError> {
        let mut options = FeatureOptions {
            claims: check::claims(schema),
            rank_buckets: VALUES,
            ..FeatureOptions::default()
        };
        let mut generators: Vec<Arc<dyn NewGenerator>> = Vec::new();
        if has_images(&schema.feature) {
            generators.push(Arc::new(PerFeature(ImageGenerator::default())));
        }
        let mut words = BTreeMap::new();
        for (name, path) in vocabularies {
            words.insert(name.clone(), feature_statistics::vocabulary(path)?);
        }
        let missing = match NaturalLanguageGenerator::new(schema, &words, &options) {
            Ok(language) => {
                if !language.is_empty() {
                    generators.push(Arc::new(PerFeature(language)));
                }
                None
            }
            Err(name) => Some(name),
        };
        options.generators = generators;
        let request = FeatureRequest {
            options,
            ..FeatureRequest::default()
        };
        Ok((Self { request }, missing))
    }

    /// Only these columns.
    pub(crate) fn of_columns(mut self, columns: impl IntoIterator<Item = String>) -> Self {
        self.request.options.columns = Some(columns.into_iter().collect());
        self
    }

    pub(crate) async fn read(&self, rows: &Rows) -> Result<Known, PipelineError> {
        let found = rows.feature_statistics(&self.request).await?;
        let skipped = found.all.skipped().keys();
        Ok(Known {
            skipped: skipped
                .map(|path| FeaturePath::new(path.steps().iter().cloned()))
                .collect(),
            statistics: tfmd::statistics::message(&found.all, "")?,
            types: self.types(rows),
        })
    }

    fn types(&self, rows: &Rows) -> BTreeMap<String, ValueType> {
        let columns = rows.columns().into_iter();
        columns
            .filter(|column| self.request.options.looks_at(&column.name))
            .map(|column| (column.name, ValueType::of(&column.data_type)))
            .collect()
    }

    async fn compared(
        &self,
        engine: &Engine,
        given: Option<&Compared>,
    ) -> Result<Option<DatasetFeatureStatistics>, PipelineError> {
        Ok(match given {
            None => None,
            Some(Compared::Statistics(path)) => Some(read_statistics(path)?),
            Some(Compared::Source(source)) => {
                let rows = source.rows(engine).await?;
                Some(self.read(&rows).await?.statistics)
            }
        })
    }
}

fn has_images(features: &[tfmd::Feature]) -> bool {
    features.iter().any(|feature| match &feature.domain_info {
        Some(DomainInfo::ImageDomain(_)) => true,
        Some(DomainInfo::StructDomain(fields)) => has_images(&fields.feature),
        _ => false,
    })
}

/// Statistics of what data is compared with.
#[derive(Default)]
struct Controls {
    previous: Option<DatasetFeatureStatistics>,
    previous_version: Option<DatasetFeatureStatistics>,
    serving: Option<DatasetFeatureStatistics>,
}

impl Comparison {
    async fn controls(&self, engine: &Engine, reader: &Reader) -> Result<Controls, PipelineError> {
        let previous = self.previous.as_ref();
        let version = self.previous_version.as_ref();
        Ok(Controls {
            previous: reader.compared(engine, previous).await?,
            previous_version: reader.compared(engine, version).await?,
            serving: reader.compared(engine, self.serving.as_ref()).await?,
        })
    }

    fn inputs<'a>(&'a self, controls: &'a Controls) -> Inputs<'a> {
        Inputs {
            environment: self.environment.as_deref(),
            previous_span: controls.previous.as_ref(),
            previous_version: controls.previous_version.as_ref(),
            serving: controls.serving.as_ref(),
            features_needed: Some(&self.features_needed),
            config: self.config.as_ref(),
            diff_regions: false,
        }
    }
}

/// Checks TFDV's statistics.
///
/// # Errors
/// Those of the engine for sources to compare with, and of [`check::check`].
pub async fn of_statistics(
    engine: &Engine,
    statistics: &Path,
    schema: &Schema,
    comparison: &Comparison,
) -> Result<Validated, PipelineError> {
    let statistics = read_statistics(statistics)?;
    let reader = Reader::new(&schema.into(), &comparison.vocabularies)?;
    let controls = comparison.controls(engine, &reader).await?;
    let data = Data {
        statistics: &statistics,
        types: &BTreeMap::new(),
        skipped: &BTreeSet::new(),
        profiles: &[],
    };
    Ok(Validated {
        rows: statistics.num_examples,
        checked: check::check(schema, &data, &comparison.inputs(&controls))?,
        unasked: Vec::new(),
    })
}

impl SingleSource {
    /// Checks the rows of this source.
    ///
    /// # Errors
    /// Those of the engine, [`PipelineError::Configuration`] for a role of a column that
    /// is not there, and those of [`check::check`].
    pub async fn validate(
        &self,
        engine: &Engine,
        rows: &Rows,
        schema: &Schema,
        comparison: &Comparison,
    ) -> Result<Validated, PipelineError> {
        let reader = Reader::new(&schema.into(), &comparison.vocabularies)?;
        let columns = rows.columns();
        self.check_roles(columns.iter().map(|column| column.name.as_str()))?;
        let known = reader.read(rows).await?;
        let part = check::own_part(
            schema,
            comparison.environment.as_deref(),
            &known.types,
            &known.skipped,
        );
        let wanted = part.columns.iter().map(|column| {
            let role = self.roles.get(&column.name).or(column.role.as_ref());
            ProfileColumn {
                name: column.name.clone(),
                // Only a profile as text is sure to know every length.
                text: role.is_none_or(|role| *role == Role::Text),
            }
        });
        let request = ProfileRequest {
            columns: wanted.collect(),
            ..ProfileRequest::default()
        };
        let profiles = if request.columns.is_empty() {
            Vec::new()
        } else {
            rows.profile(&request).await?
        };
        let profiles: Vec<(String, &ColumnProfile)> = profiles
            .iter()
            .map(|row| (row.column.clone(), &row.profile))
            .collect();
        let controls = comparison.controls(engine, &reader).await?;
        let data = Data {
            statistics: &known.statistics,
            types: &known.types,
            skipped: &known.skipped,
            profiles: &profiles,
        };
        Ok(Validated {
            rows: known.statistics.num_examples,
            checked: check::check(schema, &data, &comparison.inputs(&controls))?,
            unasked: Vec::new(),
        })
    }
}

/// What a schema could not be checked for, in the words of a report.
pub(crate) fn not_evaluated(unevaluated: &Unevaluated) -> NotEvaluated {
    NotEvaluated {
        check: match &unevaluated.column {
            Some(column) => format!("{} of {column}", unevaluated.constraint),
            None => unevaluated.constraint.to_owned(),
        },
        reason: unevaluated.reason.clone(),
        required: unevaluated.required,
    }
}

impl Validated {
    /// The validation in the form of a run, so that every report draws it.
    pub fn run(&self, source: &str) -> Run {
        let rows = self.rows;
        // Without rows nothing is known, so nothing is broken either.
        let anomalies = self.checked.anomalies.iter().filter(|_| rows > 0);
        let findings: Vec<Finding> = anomalies
            .map(|anomaly| crate::findings::anomaly(anomaly, rows))
            .collect();
        let not_evaluated = if rows == 0 {
            vec![NotEvaluated {
                check: "schema".into(),
                reason: "the source has no rows".into(),
                required: true,
            }]
        } else {
            let unevaluated = self.checked.unevaluated.iter();
            let unevaluated = unevaluated.map(not_evaluated);
            unevaluated.chain(self.unasked.iter().cloned()).collect()
        };
        let verdict = window_verdict(rows, &findings, &not_evaluated);
        Run {
            format_version: Run::FORMAT_VERSION,
            verdict,
            pipeline: format!("validate {source}"),
            run_id: String::new(),
            created_at: String::new(),
            baseline_id: String::new(),
            windows: vec![Window {
                start: None,
                end: None,
                rows,
                verdict,
                findings,
                not_evaluated,
            }],
            actions: Vec::new(),
            notes: Vec::new(),
        }
    }
}
