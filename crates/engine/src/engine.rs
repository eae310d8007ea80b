//! The session: memory, threads and functions that all queries share.

use crate::{
    EngineError, Rows, Source,
    cluster::{self, ClusterAddress},
    oov_udf::{Vocabularies, out_of_vocabulary_udf},
    profile_udaf::profile_udaf,
    score_udf::Scorers,
    source::{SourceTable, open_source},
    text_udf::{self, AdvertRules},
    vocabulary_udaf::{TIME_FOLD, vocabulary_udaf},
    window::{EVENT_TIME, LISTED_END, LISTED_START, WINDOW_END, WINDOW_START, WINDOW_STARTS},
};
use datafusion::{
    catalog::MemoryCatalogProviderList,
    execution::{
        SessionState, SessionStateBuilder,
        memory_pool::MemoryPool,
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    prelude::{SessionConfig, SessionContext},
};
use driftline_scorer::Scorer;
use driftline_vocabulary::BaselineVocabulary;
use std::{fmt, num::NonZeroUsize, path::PathBuf, sync::Arc};

/// Rows of a batch: what a query handles at once.
pub(crate) const BATCH_ROWS: usize = 8_192;

/// Groups of a batch where each has the states of some columns beside it: of 10 KiB each, a
/// batch is of some MiB, and those of several temporary files are read at once.
const BATCH_GROUPS: usize = 128;

/// What queries may use.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Bytes that the states of queries may take; sorting, distinct rows and groups
    /// go to temporary files past that.
    pub memory_limit_bytes: usize,
    /// Streams that a query is split into; `None` for as many as there are cores, and for 16 on
    /// a cluster.
    ///
    /// Results are the same in every run. Another number can change the last digits
    /// of a mean and, within their stated error, quantiles of large columns.
    pub threads: Option<NonZeroUsize>,
    /// Windows times slices of a query, at most.
    pub max_groups: usize,
    /// A file of rules for `is_advert`, in place of the shipped one.
    pub advert_rules: Option<PathBuf>,
    /// A cluster that runs the queries; this process by default.
    pub cluster: Option<ClusterAddress>,
}

impl Default for EngineConfig {
    /// 1 GiB, all cores, 20,000 groups, the shipped rules.
    fn default() -> Self {
        Self {
            memory_limit_bytes: 1 << 30,
            threads: None,
            max_groups: 20_000,
            advert_rules: None,
            cluster: None,
        }
    }
}

/// Opens sources and runs their queries. Cheap to clone; clones share one memory limit.
#[derive(Debug, Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    state: SessionState,
    runtime: Arc<RuntimeEnv>,
    scorers: Arc<Scorers>,
    vocabularies: Arc<Vocabularies>,
    pub(crate) threads: usize,
    pub(crate) max_groups: usize,
    pub(crate) memory_limit_bytes: usize,
    pub(crate) cluster: Option<ClusterAddress>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("threads", &self.threads)
            .field("max_groups", &self.max_groups)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine with the functions of this crate beside DataFusion's own: the
    /// aggregates `profile` and `vocabulary`, and `score`, `out_of_vocabulary`,
    /// `normalize_text`, `is_advert`, `keywords`, `event_time`, `time_fold`,
    /// `window_start` and `window_end`.
    ///
    /// # Errors
    /// [`EngineError::Rules`], [`EngineError::Missing`] and
    /// [`EngineError::Unreadable`] for the file of advertisement rules;
    /// [`EngineError::Cluster`] for a cluster where this program was built without.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let rules = match &config.advert_rules {
            Some(file) => AdvertRules::read(file)?,
            None => AdvertRules::shipped(),
        };
        let streams = match &config.cluster {
            Some(_) => NonZeroUsize::new(cluster::DEFAULT_STREAMS),
            None => std::thread::available_parallelism().ok(),
        };
        let threads = config.threads.or(streams).map_or(1, NonZeroUsize::get);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_limit(config.memory_limit_bytes, 1.0)
            .build_arc()?;
        let scorers = Arc::new(Scorers::default());
        let vocabularies = Arc::new(Vocabularies::default());
        let state = SessionStateBuilder::new()
            .with_config(session_config())
            .with_runtime_env(Arc::clone(&runtime))
            .with_default_features();
        let state = match &config.cluster {
            #[cfg(feature = "cluster")]
            Some(address) => cluster::planned_for(state, address),
            #[cfg(not(feature = "cluster"))]
            Some(address) => return Err(cluster::not_built(&address.to_string())),
            None => state,
        };
        let context = SessionContext::new_with_state(state.build());
        context.register_udaf(profile_udaf(config.max_groups));
        context.register_udaf(vocabulary_udaf(config.max_groups));
        for function in [
            text_udf::normalize_text_udf(),
            text_udf::is_advert_udf(rules),
            text_udf::keywords_udf(),
            text_udf::seeded_hash_udf(),
            crate::score_udf::score_udf(Arc::clone(&scorers)),
            crate::tokens_udf::tokens_udf(Arc::clone(&scorers)),
            EVENT_TIME.clone(),
            WINDOW_START.clone(),
            WINDOW_END.clone(),
            WINDOW_STARTS.clone(),
            LISTED_START.clone(),
            LISTED_END.clone(),
            TIME_FOLD.clone(),
            out_of_vocabulary_udf(Arc::clone(&vocabularies)),
        ] {
            context.register_udf(function);
        }
        Ok(Self {
            shared: Arc::new(Shared {
                state: context.state(),
                runtime,
                scorers,
                vocabularies,
                threads,
                max_groups: config.max_groups,
                memory_limit_bytes: config.memory_limit_bytes,
                cluster: config.cluster,
            }),
        })
    }

    /// Finds the files of a source and looks at each of them: see [`Source`].
    ///
    /// CSV and JSON Lines are read once from end to end here, for types that fit all
    /// rows; nothing is kept of them but the schema. Of a cluster, it is this process that reads
    /// them for that; what is asked of the rows then is read by executors.
    ///
    /// # Errors
    /// Every kind of bad file has its variant of [`EngineError`].
    pub async fn open(&self, source: &Source) -> Result<Rows, EngineError> {
        if let Some(cluster) = &self.shared.cluster
            && source.location == "-"
        {
            return Err(cluster.failed(
                "standard input is read by this process alone; write it to a file that the \
                 executors see by the same path",
            ));
        }
        let source = source.clone();
        let table = tokio::task::spawn_blocking(move || open_source(&source))
            .await
            .map_err(|error| EngineError::Query {
                reason: error.to_string(),
            })??;
        self.rows(table)
    }

    /// Makes a model known to SQL as `score('name', column, …)`, with the columns of its
    /// manifest in their order: a struct of what it gives. A name that is taken gets the new
    /// model.
    pub fn add_scorer(&self, name: &str, scorer: Scorer) {
        self.shared.scorers.add(name, scorer);
    }

    /// The model of this name.
    ///
    /// # Errors
    /// [`EngineError::UnknownName`].
    pub fn scorer(&self, name: &str) -> Result<Scorer, EngineError> {
        self.shared.scorers.get(name)
    }

    /// Makes a frozen vocabulary known to SQL as `out_of_vocabulary('name', text)`, the
    /// share of a text that it does not know, and for training texts
    /// `out_of_vocabulary('name', text, fold)`, which asks the half of the training time
    /// that the fold is not in. A name that is taken gets the new vocabulary.
    pub fn add_vocabulary(&self, name: &str, vocabulary: Arc<BaselineVocabulary>) {
        self.shared.vocabularies.add(name, vocabulary);
    }

    /// The functions and settings of every query.
    #[cfg(feature = "cluster")]
    pub(crate) fn state(&self) -> &SessionState {
        &self.shared.state
    }

    /// Bytes that queries have reserved from the memory limit right now.
    pub fn reserved_bytes(&self) -> usize {
        self.shared.runtime.memory_pool.reserved()
    }

    /// A session whose queries run on one thread.
    pub(crate) fn ordered_session(&self) -> SessionContext {
        self.shared.session(false, true)
    }

    pub(crate) fn rows(&self, table: SourceTable) -> Result<Rows, EngineError> {
        Rows::of_table(Arc::clone(&self.shared), table)
    }
}

impl Shared {
    /// A session of its own, so that the table `source` of one query is not that of
    /// another.
    ///
    /// `parallel` splits rows among threads; without it a query reads its rows in
    /// the order of the files, which is slower and the same whatever is asked.
    /// `one_stream` says that the rows come in one stream, which batches may leave
    /// in turn; several streams that swap batches would be in another order each run.
    pub(crate) fn session(&self, parallel: bool, one_stream: bool) -> SessionContext {
        self.session_with(BATCH_ROWS, parallel, one_stream)
    }

    /// As [`session`](Self::session), for queries over tables whose groups have states: what
    /// goes from one step to the next is a few groups at a time. Tables are read in batches
    /// of [`BATCH_ROWS`] in any case.
    pub(crate) fn session_of_groups(&self, parallel: bool, one_stream: bool) -> SessionContext {
        self.session_with(BATCH_GROUPS, parallel, one_stream)
    }

    /// Whether rows that are asked for again and again are worth writing down: not those of a
    /// cluster, whose executors would not see the files.
    pub(crate) fn writes_down(&self) -> bool {
        self.cluster.is_none()
    }

    /// The memory that queries take.
    pub(crate) fn pool(&self) -> Arc<dyn MemoryPool> {
        Arc::clone(&self.runtime.memory_pool)
    }

    fn session_with(&self, batch: usize, parallel: bool, one_stream: bool) -> SessionContext {
        let config = session_config()
            .with_batch_size(batch)
            .with_target_partitions(if parallel { self.threads } else { 1 })
            .with_round_robin_repartition(one_stream);
        #[cfg(feature = "cluster")]
        let config = match self.cluster {
            // A scan of files splits its batches into such of this size, and sums would differ.
            Some(_) => cluster::on_cluster(config)
                .with_batch_size(BATCH_ROWS)
                .with_round_robin_repartition(false),
            None => config,
        };
        let state = SessionStateBuilder::new_from_existing(self.state.clone())
            .with_config(config)
            .with_catalog_list(Arc::new(MemoryCatalogProviderList::new()))
            .build();
        SessionContext::new_with_state(state)
    }
}

fn session_config() -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(false);
    let options = config.options_mut();
    // Columns are called what the data call them, `Title` and `title` being two.
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.parquet.schema_force_view_types = false;
    options.optimizer.repartition_file_min_size = 1 << 20;
    config
}
