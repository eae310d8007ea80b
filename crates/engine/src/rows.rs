//! Prepared rows: what a pipeline asks of its data.

use crate::{
    EngineError,
    engine::Shared,
    output,
    profile_rows::{ProfileRows, Spool},
    slice::{self, Slice},
    source::{SourceTable, temporary_table},
    window::{Span, Windows, event_time, instant_type},
};
use chrono_tz::Tz;
use datafusion::{
    arrow::{
        array::{Array, AsArray, RecordBatch},
        datatypes::{DataType, SchemaRef, TimestampMicrosecondType},
    },
    common::{ScalarValue, runtime::SpawnedTask, tree_node::TreeNodeRecursion},
    dataframe::DataFrame,
    execution::SendableRecordBatchStream,
    execution::{context::SQLOptions, memory_pool::MemoryPool},
    functions_aggregate::expr_fn::{max, min},
    logical_expr::{Expr, LogicalPlan, cast},
    parquet::{
        arrow::ArrowWriter,
        basic::{Compression, ZstdLevel},
        file::properties::WriterProperties,
    },
    physical_plan::{common::spawn_buffered, stream::RecordBatchStreamAdapter},
    prelude::{SessionContext, ident, lit},
};
use driftline_statistics::{ColumnProfile, ValueType};
use futures::StreamExt;
use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    io::Write,
    path::Path,
    sync::Arc,
};
use tempfile::NamedTempFile;
use tokio::task::JoinSet;

/// Rows that roles are inferred from.
pub const ROLES_SAMPLE_ROWS: usize = 65_536;

/// Rows of a row group of Parquet files written here.
const ROW_GROUP_ROWS: usize = 128 * 1_024;

/// Columns of Parquet files in one pass of a profile. A page and a dictionary of a mebibyte
/// each for every column and thread: some 130 MiB with two threads.
///
/// Parquet keeps columns apart, so a pass reads no more than its own: of a table of
/// thousands of columns, only some have their pages and states in memory at a time. A text
/// file is read whole in any case, and once.
pub(crate) const COLUMNS_AT_ONCE: usize = 32;

/// What the states of a pass may take, of the memory limit: a quarter. While they are
/// handed from thread to thread, their bytes are there beside them, and not counted.
const SHARE_OF_STATES: usize = 4;
/// What a state of a slice is expected to take: that of 500 different numbers. There can be
/// larger ones, and what does not fit the limit goes to temporary files; but that is slow.
const EXPECTED_STATE_BYTES: usize = 16 << 10;

/// Name of the table in SQL.
pub(crate) const TABLE: &str = "source";

/// A column of [`Rows`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// Its Arrow type.
    pub data_type: DataType,
}

/// A column to be profiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileColumn {
    /// Its name.
    pub name: String,
    /// Whether it is free text, where it holds strings.
    pub text: bool,
}

/// What to profile.
#[derive(Debug, Clone, Default)]
pub struct ProfileRequest {
    /// The columns, all read in one scan.
    pub columns: Vec<ProfileColumn>,
    /// Windows by event time; without them all rows are one.
    pub windows: Option<Windows>,
    /// Columns by each of whose values the rows are profiled as well.
    pub slices: Vec<String>,
}

/// The profile of a column over the rows of a window and a slice.
#[derive(Debug, Clone)]
pub struct ProfileRow {
    /// The window; `None` where no windows were asked for, and for the rows whose
    /// time is null where they were.
    pub span: Option<Span>,
    /// The slice; `None` for all rows.
    pub slice: Option<Slice>,
    /// The column's name.
    pub column: String,
    /// The model whose scores it holds, as `name/version`; `None` where it holds no scores, and
    /// where that is not known.
    pub model: Option<String>,
    /// Its profile.
    pub profile: ColumnProfile,
}

/// Rows that can be queried as often as wanted; nothing is read before.
#[derive(Clone)]
pub struct Rows {
    shared: Arc<Shared>,
    plan: LogicalPlan,
    /// Rows come and go one by one: nothing in the plan depends on their order.
    row_wise: bool,
    one_stream: bool,
    /// The table, where these are its rows and nothing else.
    table: Option<Arc<SourceTable>>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("columns", &self.columns())
            .finish_non_exhaustive()
    }
}

impl Rows {
    pub(crate) fn of_table(shared: Arc<Shared>, table: SourceTable) -> Result<Self, EngineError> {
        let one_stream = table.is_one_stream();
        let table = Arc::new(table);
        let provider = Arc::clone(&table);
        let frame = shared.session(false, true).read_table(provider)?;
        Ok(Self {
            shared,
            plan: frame.into_unoptimized_plan(),
            row_wise: true,
            one_stream,
            table: Some(table),
        })
    }

    /// The columns in their order.
    pub fn columns(&self) -> Vec<ColumnInfo> {
        self.plan
            .schema()
            .fields()
            .iter()
            .map(|field| ColumnInfo {
                name: field.name().clone(),
                data_type: field.data_type().clone(),
            })
            .collect()
    }

    /// The rows that a `SELECT` over the table `source` gives. Names of columns are
    /// case-sensitive, with or without quotes.
    ///
    /// # Errors
    /// [`EngineError::Sql`] and [`EngineError::UnknownColumn`]; only queries are allowed.
    pub async fn prepare(&self, sql: &str) -> Result<Self, EngineError> {
        let context = self.session();
        context.register_table(TABLE, self.frame(&context).into_view())?;
        let queries_only = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let frame = context.sql_with_options(sql, queries_only).await?;
        self.derive(frame)
    }

    /// The rows with columns added, or replaced where the name is taken: name and
    /// SQL expression of each. Expressions see the columns as they were.
    ///
    /// # Errors
    /// [`EngineError::Sql`] and [`EngineError::UnknownColumn`].
    pub async fn with_columns(&self, columns: &[(String, String)]) -> Result<Self, EngineError> {
        let frame = self.frame(&self.session());
        let mut selected: Vec<Expr> = self
            .columns()
            .into_iter()
            .filter(|old| columns.iter().all(|(name, _)| *name != old.name))
            .map(|old| ident(old.name))
            .collect();
        for (name, sql) in columns {
            selected.push(frame.parse_sql_expr(sql)?.alias(name));
        }
        self.derive(frame.select(selected)?)
    }

    /// The rows, computed once and kept in temporary files, which go with the last
    /// clone of the result. Memory is bounded by the engine's limit. On a cluster nothing is
    /// kept: each query computes the rows that it reads.
    ///
    /// # Errors
    /// What the rows' query fails with; [`EngineError::Unwritable`] for a full disk.
    pub async fn materialise(&self) -> Result<Self, EngineError> {
        self.write_down(self.session()).await
    }

    /// As [`materialise`](Self::materialise), by one thread: rows that are
    /// [in the order of their files](Self::is_in_file_order) stay so.
    ///
    /// # Errors
    /// As [`materialise`](Self::materialise).
    pub async fn materialise_in_order(&self) -> Result<Self, EngineError> {
        self.write_down(self.ordered_session()).await
    }

    /// Whether each row comes of one row of the source, so that reading the source in order
    /// gives them in order: not after `GROUP BY`, `DISTINCT` or a join.
    pub fn is_in_file_order(&self) -> bool {
        self.row_wise
    }

    async fn write_down(&self, context: SessionContext) -> Result<Self, EngineError> {
        if !self.shared.writes_down() {
            return Ok(self.clone());
        }
        let frame = self.frame(&context);
        let schema = output_schema(&frame);
        let streams = frame.execute_stream_partitioned().await?;
        let mut tasks = JoinSet::new();
        for (place, stream) in streams.into_iter().enumerate() {
            let schema = Arc::clone(&schema);
            tasks.spawn(async move {
                let mut file = NamedTempFile::new()
                    .map_err(|error| EngineError::unwritable(&std::env::temp_dir(), error))?;
                let path = file.path().to_owned();
                write_stream(stream, schema, file.as_file_mut(), &path).await?;
                Ok::<_, EngineError>((place, file.into_temp_path()))
            });
        }
        let mut files = Vec::new();
        while let Some(done) = tasks.join_next().await {
            files.push(done.map_err(|error| EngineError::Query {
                reason: error.to_string(),
            })??);
        }
        files.sort_by_key(|(place, _)| *place);
        let files = files.into_iter().map(|(_, file)| file).collect();
        Self::of_table(Arc::clone(&self.shared), temporary_table(schema, files)?)
    }

    /// All rows. They must fit in memory.
    ///
    /// # Errors
    /// What the rows' query fails with.
    pub async fn collect(&self) -> Result<Vec<RecordBatch>, EngineError> {
        collect(self.frame(&self.session())).await
    }

    /// The first rows, in the order of the files.
    ///
    /// # Errors
    /// What the rows' query fails with.
    pub async fn head(&self, rows: usize) -> Result<Vec<RecordBatch>, EngineError> {
        let context = self.shared.session(false, true);
        collect(self.frame(&context).limit(0, Some(rows))?).await
    }

    /// Writes all rows to a Parquet file, beside it and renamed; a target that is no
    /// regular file is written in place. Returns the number of rows.
    ///
    /// # Errors
    /// What the rows' query fails with, and [`EngineError::Unwritable`].
    pub async fn write_parquet(&self, path: &Path) -> Result<u64, EngineError> {
        // Streams of a cluster are computed at once, and written in their order.
        let context = match self.shared.writes_down() {
            true => self.ordered_session(),
            false => self.session(),
        };
        let frame = self.frame(&context);
        let schema = output_schema(&frame);
        let streams = frame.execute_stream_partitioned().await?;
        let streams = streams.into_iter().map(|one| spawn_buffered(one, 1));
        let streams: Vec<_> = streams.collect();
        let stream = RecordBatchStreamAdapter::new(
            Arc::clone(&schema),
            futures::stream::iter(streams).flatten(),
        );
        let stream: SendableRecordBatchStream = Box::pin(stream);
        let mut file = output::Output::create(path)?;
        let rows = write_stream(stream, schema, &mut file, path).await?;
        file.commit()?;
        Ok(rows)
    }

    /// First and last time of a column, in microseconds since 1970-01-01T00:00:00Z;
    /// `None` where all are null or there are no rows.
    ///
    /// # Errors
    /// [`EngineError::NotATime`] with a value that does not parse;
    /// [`EngineError::UnknownColumn`].
    pub async fn time_range(
        &self,
        column: &str,
        zone: Tz,
    ) -> Result<Option<(i64, i64)>, EngineError> {
        self.check_columns([column])?;
        let frame = self.frame(&self.session());
        let time = || event_time(ident(column), column, zone);
        let found = frame.aggregate(
            vec![],
            vec![min(time()).alias("first"), max(time()).alias("last")],
        )?;
        let found = collect(found).await?;
        let value = |index: usize| {
            let batch = found.first()?;
            let times = batch
                .column(index)
                .as_primitive::<TimestampMicrosecondType>();
            (!times.is_empty() && times.is_valid(0)).then(|| times.value(0))
        };
        Ok(value(0).zip(value(1)))
    }

    /// The profiles of the first [`ROLES_SAMPLE_ROWS`] rows of columns of strings, as
    /// categories: the values are what tells a text from a category or an identifier. Of
    /// other columns the type tells what they are for, and their profiles are of no rows.
    ///
    /// # Errors
    /// What the rows' query fails with.
    pub async fn roles_sample(&self) -> Result<Vec<(ColumnInfo, ColumnProfile)>, EngineError> {
        self.first_rows(holds_strings).await
    }

    /// The profiles of the first [`ROLES_SAMPLE_ROWS`] rows of all columns, with strings as
    /// categories.
    ///
    /// # Errors
    /// What the rows' query fails with.
    pub async fn first_profiles(&self) -> Result<Vec<(ColumnInfo, ColumnProfile)>, EngineError> {
        self.first_rows(|_| true).await
    }

    /// Columns that are not wanted have profiles of no rows.
    async fn first_rows(
        &self,
        wanted: impl Fn(&ColumnInfo) -> bool,
    ) -> Result<Vec<(ColumnInfo, ColumnProfile)>, EngineError> {
        let columns = self.columns();
        let of = columns.iter().filter(|column| wanted(column));
        let request = ProfileRequest {
            columns: of
                .map(|column| ProfileColumn {
                    name: column.name.clone(),
                    text: false,
                })
                .collect(),
            ..ProfileRequest::default()
        };
        // In the order of the files: the first rows are the same in every run.
        let read = Reading {
            parallel: false,
            most_rows: Some(ROLES_SAMPLE_ROWS),
        };
        let mut profiles = self.profile_as(&request, read).await?.gather()?.into_iter();
        let sample = columns.into_iter().map(|column| {
            let profile = match wanted(&column) {
                true => profiles.next().map(|row| row.profile),
                false => None,
            };
            let profile = profile.unwrap_or_else(|| ColumnProfile::new(&column.data_type, false));
            (column, profile)
        });
        Ok(sample.collect())
    }

    /// Profiles all columns of a request: over all rows, and over every slice, of every
    /// window. Text files are read once, and kept as temporary Parquet files where there are
    /// slices; of Parquet files every column is read once, some columns at a time, the fewer
    /// the more groups there are.
    ///
    /// A column of a group takes at most 160 KiB where it holds numbers or times and
    /// 1.6 MiB where it holds strings, however many rows there are; most take far
    /// less. That is for each of the engine's threads. What does not fit the memory
    /// limit is an error, or goes to temporary files where there are groups.
    ///
    /// Rows are ordered by window (rows without a time last), slice (all rows first)
    /// and column as requested. Windows between the first and the last that have no
    /// rows are there, with profiles of no rows, for all rows but not for slices.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`], [`EngineError::NotATime`],
    /// [`EngineError::TooManyGroups`], [`EngineError::OutOfMemory`], and what the
    /// rows' query fails with.
    pub async fn profile(&self, request: &ProfileRequest) -> Result<Vec<ProfileRow>, EngineError> {
        self.profiles(request).await?.gather()
    }

    /// As [`profile`](Self::profile), one after the other: those of thousands of slices need
    /// not be in memory together.
    ///
    /// # Errors
    /// As [`profile`](Self::profile).
    pub async fn profiles(&self, request: &ProfileRequest) -> Result<ProfileRows, EngineError> {
        let read = Reading {
            parallel: self.row_wise,
            most_rows: None,
        };
        self.profile_as(request, read).await
    }

    async fn profile_as(
        &self,
        request: &ProfileRequest,
        read: Reading,
    ) -> Result<ProfileRows, EngineError> {
        let names = request.columns.iter().map(|column| &column.name);
        self.check_columns(names.chain(&request.slices))?;
        if let Some(windows) = &request.windows {
            self.check_columns([&windows.column])?;
        }
        let mut request = request.clone();
        let mut seen = HashSet::new();
        request.slices.retain(|slice| seen.insert(slice.clone()));
        let names: Vec<String> = request.columns.iter().map(|c| c.name.clone()).collect();
        let mut spool = Spool::new(self.shared.pool());
        if names.is_empty() {
            return spool.finish(names);
        }
        let max_groups = self.shared.max_groups;
        let grouped = request.windows.is_some() || !request.slices.is_empty();
        let texts = request.columns.iter().filter(|column| column.text);
        let texts = texts.map(|column| column.name.as_str()).collect();
        let table = self.table.as_ref();
        let Some(files) = table.and_then(|table| table.for_profile(&texts)) else {
            if table.is_some() && !request.slices.is_empty() && self.shared.writes_down() {
                // There may be slices of which only some columns fit memory at a time, and
                // reading text for each of them would take longer than writing it down.
                let written = self.materialise().await?;
                return Box::pin(written.profile_as(&request, read)).await;
            }
            let session = self.shared.session(read.parallel, self.one_stream);
            let frame = read.first(self.frame(&session))?;
            let spool = slice::profile(frame, request, max_groups, spool).await?;
            return spool.finish(names);
        };
        let files = Arc::new(files);
        let one_stream = !read.parallel || files.streams(self.shared.threads) == 1;
        let session = match grouped {
            true => self.shared.session_of_groups(read.parallel, one_stream),
            false => self.shared.session(read.parallel, one_stream),
        };
        let mut rest = &request.columns[..];
        while !rest.is_empty() {
            let (columns, after) =
                rest.split_at(self.columns_at_once(grouped, &spool).min(rest.len()));
            rest = after;
            let request = ProfileRequest {
                columns: columns.to_vec(),
                ..request.clone()
            };
            let columns = columns.iter().map(|column| &column.name);
            let groups = request.windows.iter().map(|windows| &windows.column);
            let wanted = columns.chain(groups).chain(&request.slices);
            let scan = files.scan(wanted.map(String::as_str))?;
            let frame = read.first(session.read_table(Arc::new(scan))?)?;
            spool = slice::profile(frame, request, max_groups, spool).await?;
        }
        spool.finish(names)
    }

    /// Columns of the next pass. How many groups there are, the first tells.
    fn columns_at_once(&self, grouped: bool, spool: &Spool) -> usize {
        if !grouped {
            return COLUMNS_AT_ONCE;
        }
        let groups = spool.groups();
        if groups == 0 {
            return 1;
        }
        let states = self.shared.memory_limit_bytes / SHARE_OF_STATES / EXPECTED_STATE_BYTES;
        (states / (groups * self.shared.threads)).clamp(1, COLUMNS_AT_ONCE)
    }

    /// The rows whose time is in a span.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`]; a time that does not parse shows when the
    /// rows are read.
    pub fn within(&self, column: &str, zone: Tz, span: Span) -> Result<Self, EngineError> {
        self.check_columns([column])?;
        let instant = |us| {
            lit(ScalarValue::TimestampMicrosecond(
                Some(us),
                Some("UTC".into()),
            ))
        };
        let time = event_time(ident(column), column, zone);
        let inside = time
            .clone()
            .gt_eq(instant(span.start_us))
            .and(time.lt(instant(span.end_us)));
        self.derive(self.frame(&self.session()).filter(inside)?)
    }

    /// Some columns, whose rows come in the order of the files.
    pub(crate) fn ordered_frame(&self, columns: Vec<Expr>) -> Result<DataFrame, EngineError> {
        Ok(self.ordered_rows().select(columns)?)
    }

    /// All columns, whose rows come in the order of the files.
    pub(crate) fn ordered_rows(&self) -> DataFrame {
        self.frame(&self.shared.session(false, true))
    }

    /// The instants of a time column; null where there is none.
    pub(crate) fn time_expr(&self, time: Option<(&str, Tz)>) -> Result<Expr, EngineError> {
        let Some((column, zone)) = time else {
            return Ok(cast(lit(ScalarValue::Null), instant_type()));
        };
        self.check_columns([column])?;
        Ok(event_time(ident(column), column, zone))
    }

    /// A column of text.
    pub(crate) fn text_expr(&self, column: &str) -> Result<Expr, EngineError> {
        self.check_columns([column])?;
        Ok(cast(ident(column), DataType::Utf8))
    }

    pub(crate) fn check_columns<'a, S: AsRef<str> + 'a>(
        &self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<(), EngineError> {
        let fields = self.plan.schema().fields();
        let columns: HashSet<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        for name in names {
            if !columns.contains(name.as_ref()) {
                let columns: Vec<String> = self.columns().into_iter().map(|c| c.name).collect();
                return Err(EngineError::unknown_column(name.as_ref(), &columns));
            }
        }
        Ok(())
    }

    /// Number of rows.
    ///
    /// # Errors
    /// What the rows' query fails with.
    pub async fn count(&self) -> Result<u64, EngineError> {
        let frame = self.frame(&self.session());
        Ok(SpawnedTask::spawn(frame.count())
            .await
            .map_err(|error| EngineError::Query {
                reason: error.to_string(),
            })?? as u64)
    }

    /// The rows of a query over these as streams: one where their order matters.
    pub(crate) async fn streams(
        &self,
        parallel: bool,
        query: impl FnOnce(DataFrame) -> Result<DataFrame, EngineError>,
    ) -> Result<RowStreams, EngineError> {
        let context = if parallel {
            self.session()
        } else {
            self.shared.session(false, true)
        };
        let frame = query(self.frame(&context))?;
        Ok(RowStreams {
            pool: Arc::clone(&context.runtime_env().memory_pool),
            streams: frame.execute_stream_partitioned().await?,
        })
    }

    pub(crate) fn max_groups(&self) -> usize {
        self.shared.max_groups
    }

    pub(crate) fn session(&self) -> SessionContext {
        self.shared.session(self.row_wise, self.one_stream)
    }

    /// A session whose queries read the rows in the order of the files.
    pub(crate) fn ordered_session(&self) -> SessionContext {
        self.shared.session(false, true)
    }

    pub(crate) fn frame(&self, context: &SessionContext) -> DataFrame {
        DataFrame::new(context.state(), self.plan.clone())
    }

    pub(crate) fn derive(&self, frame: DataFrame) -> Result<Self, EngineError> {
        let plan = frame.into_unoptimized_plan();
        let mut seen = BTreeSet::new();
        for field in plan.schema().fields() {
            if !seen.insert(field.name()) {
                return Err(EngineError::Sql {
                    message: format!("two columns are named `{}`; rename one by AS", field.name()),
                    line: None,
                    column: None,
                });
            }
        }
        Ok(Self {
            shared: Arc::clone(&self.shared),
            row_wise: self.row_wise && is_row_wise(&plan)?,
            plan,
            one_stream: self.one_stream,
            table: None,
        })
    }
}

fn holds_strings(column: &ColumnInfo) -> bool {
    ValueType::of(&column.data_type) == ValueType::String
}

/// Which rows are read, and how.
#[derive(Debug, Clone, Copy)]
struct Reading {
    /// By all threads, each a part of them.
    parallel: bool,
    /// So many of the first rows.
    most_rows: Option<usize>,
}

impl Reading {
    fn first(self, frame: DataFrame) -> Result<DataFrame, EngineError> {
        Ok(match self.most_rows {
            Some(rows) => frame.limit(0, Some(rows))?,
            None => frame,
        })
    }
}

/// Streams of rows, and the pool that what is kept of them counts against.
pub(crate) struct RowStreams {
    pub(crate) streams: Vec<SendableRecordBatchStream>,
    pub(crate) pool: Arc<dyn MemoryPool>,
}

/// Runs a task for every stream and gives back what they end with, in their order.
pub(crate) async fn spawn_all<T, F>(
    streams: Vec<SendableRecordBatchStream>,
    task: impl Fn(usize, SendableRecordBatchStream) -> F,
) -> Result<Vec<T>, EngineError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, EngineError>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for (place, stream) in streams.into_iter().enumerate() {
        let task = task(place, stream);
        tasks.spawn(async move { Ok::<_, EngineError>((place, task.await?)) });
    }
    let mut done = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        done.push(ended.map_err(|error| EngineError::Query {
            reason: error.to_string(),
        })??);
    }
    done.sort_by_key(|(place, _)| *place);
    Ok(done.into_iter().map(|(_, ended)| ended).collect())
}

/// Runs a query in a task of its own, so that its caller can be dropped, or ask for
/// Ctrl-C, while a batch is being computed. Dropping the future ends the task at
/// the next batch.
pub(crate) async fn collect(frame: DataFrame) -> Result<Vec<RecordBatch>, EngineError> {
    let query = SpawnedTask::spawn(frame.collect());
    query
        .await
        .map_err(|error| EngineError::Query {
            reason: error.to_string(),
        })?
        .map_err(EngineError::from)
}

fn is_row_wise(plan: &LogicalPlan) -> Result<bool, EngineError> {
    let mut row_wise = true;
    plan.apply_with_subqueries(|node| {
        row_wise &= matches!(
            node,
            LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::TableScan(_)
                | LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::Unnest(_)
        );
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(row_wise)
}

fn output_schema(frame: &DataFrame) -> SchemaRef {
    Arc::new(frame.schema().as_arrow().clone())
}

/// Writes a stream as Parquet and returns the number of rows.
async fn write_stream<W: Write + Send>(
    mut stream: SendableRecordBatchStream,
    schema: SchemaRef,
    file: W,
    path: &Path,
) -> Result<u64, EngineError> {
    let failed =
        |error: datafusion::parquet::errors::ParquetError| EngineError::unwritable(path, error);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    let mut writer =
        ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(failed)?;
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        // A query's own schema may call a column non-null that the plan did not.
        let batch = batch.with_schema(Arc::clone(&schema))?;
        rows += batch.num_rows() as u64;
        writer.write(&batch).map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    Ok(rows)
}
