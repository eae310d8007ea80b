//! Rules about rows: how many rows break each, and which values those have.
//!
//! All rules but keys are counted in one scan: each becomes a column that is 1 where
//! a row keeps it, 0 where it breaks it and null where it says nothing. A
//! key is a group of its own, so it is counted by the query engine's grouping, which
//! goes to temporary files where it must; the same by a window function
//! would hold all rows in memory.
//!
//! A rule that cannot be planned, or fails on the rows, is told apart from the others:
//! they are counted all the same.

use crate::window::WINDOW;
use crate::{
    EngineError, Rows,
    mentions::{cut, mask},
    rows::collect,
    window::{Span, Windows},
};
use datafusion::{
    arrow::{
        array::{Array, AsArray, RecordBatch},
        datatypes::{DataType, Int64Type, TimestampMicrosecondType},
    },
    common::{
        Column, JoinType, ScalarValue,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    dataframe::DataFrame,
    functions_aggregate::expr_fn::{count, sum},
    functions_window::{expr_fn::row_number, lead_lag::lag},
    logical_expr::{Expr, ExprFunctionExt, ExprSchemable, cast, not},
    prelude::{SessionContext, ident, lit, when},
};
use std::collections::BTreeMap;

/// What the names of added columns begin with.
const ADDED: &str = "driftline_";
const ORDER: &str = "driftline_order";
const COUNT: &str = "driftline_count";

/// A rule about rows.
#[derive(Debug, Clone)]
pub struct RowRule {
    /// What must hold.
    pub test: RuleTest,
    /// An expression of SQL: rows for which it is not true are left alone.
    pub filter: Option<String>,
}

/// What must hold of a row.
#[derive(Debug, Clone)]
pub enum RuleTest {
    /// An expression of SQL is true. A row for which it is null says nothing.
    Predicate(String),
    /// No other row of the window has the same values in these columns.
    Key {
        /// The columns.
        columns: Vec<String>,
        /// Null is a value like others; else a row with a null says nothing.
        nulls_equal: bool,
    },
    /// The value does not turn back from that of the row before it. Rows with a null in
    /// `column` or `by` say nothing and stand in nobody's way.
    Monotone {
        /// The column.
        column: String,
        /// Greater values follow smaller ones; else the other way round.
        increasing: bool,
        /// Equal values may not follow each other.
        strict: bool,
        /// Columns that rows are ordered by, then by `column` itself; none for the order
        /// of the files.
        by: Vec<String>,
        /// Columns whose values split the rows into series.
        per: Vec<String>,
    },
    /// Other rows have the same values. A row with a null says nothing.
    Reference {
        /// The columns.
        columns: Vec<String>,
        /// The other rows.
        rows: Box<Rows>,
        /// Their columns, one for each of `columns`.
        key: Vec<String>,
    },
}

/// How many rows keep and break a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleCount {
    /// Rows that its filter leaves.
    pub rows: u64,
    /// Rows of these that say something.
    pub judged: u64,
    /// Rows that break it.
    pub broken: u64,
}

/// Values that rows have which break a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenValue {
    /// The value, or `column=value` of several; texts and integers masked as
    /// [examples](Rows::mentions) are.
    pub value: String,
    /// Rows that have it and break the rule.
    pub rows: u64,
}

/// What is known of a rule by window, `None` for all rows where no windows are asked
/// for and for rows without a time where they are.
pub type ByWindow<T> = BTreeMap<Option<Span>, T>;

impl Rows {
    /// Counts for each rule, in their order, how many rows keep and break it; windows
    /// without rows are left out.
    ///
    /// # Errors
    /// Of a rule: [`EngineError::Sql`] with the place in its own text,
    /// [`EngineError::UnknownColumn`], and what its query fails with.
    pub async fn count_broken(
        &self,
        rules: &[RowRule],
        windows: Option<&Windows>,
    ) -> Vec<Result<ByWindow<RuleCount>, EngineError>> {
        let mut counts: Vec<Result<ByWindow<RuleCount>, EngineError>> = Vec::new();
        let mut planned = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let plan = match &rule.test {
                RuleTest::Key { .. } => {
                    counts.push(self.count_key(rule, windows).await);
                    continue;
                }
                _ => self.plan_alone(rule, windows),
            };
            match plan {
                Ok(()) => {
                    planned.push(index);
                    counts.push(Ok(BTreeMap::new()));
                }
                Err(error) => counts.push(Err(error)),
            }
        }
        let together: Vec<&RowRule> = planned.iter().map(|index| &rules[*index]).collect();
        match self.count_rows(&together, windows).await {
            Ok(found) => {
                for (index, found) in planned.into_iter().zip(found) {
                    counts[index] = Ok(found);
                }
            }
            // One of them fails on the rows: which one shows when each is asked alone.
            Err(_) => {
                for index in planned {
                    let alone = self.count_rows(&[&rules[index]], windows).await;
                    counts[index] = alone.map(|found| found.into_iter().next().unwrap_or_default());
                }
            }
        }
        counts
    }

    /// What rows have that break a rule: at most `limit` different values for each window,
    /// the most frequent first.
    ///
    /// # Errors
    /// As [`count_broken`](Self::count_broken).
    pub async fn broken_values(
        &self,
        rule: &RowRule,
        windows: Option<&Windows>,
        limit: usize,
    ) -> Result<ByWindow<Vec<BrokenValue>>, EngineError> {
        let grouped = match &rule.test {
            RuleTest::Key { columns, .. } => {
                let groups = self.key_groups(rule, windows)?;
                let mut chosen = vec![ident(WINDOW)];
                chosen.extend(columns.iter().map(ident));
                chosen.push(ident(COUNT));
                groups
                    .filter(ident("driftline_judged").and(ident(COUNT).gt(lit(1_i64))))?
                    .select(chosen)?
            }
            _ => {
                let context = self.context_of(&[rule]);
                let (frame, verdicts) = self.verdicts(&context, &[rule], windows)?;
                let (_, verdict) = &verdicts[0];
                let mut group = vec![ident(WINDOW)];
                group.extend(self.shown(&context, rule)?.into_iter().map(ident));
                frame
                    .filter(verdict.clone().eq(lit(0_i64)))?
                    .aggregate(group, vec![count(lit(1_i64)).alias(COUNT)])?
            }
        };
        self.most_frequent(grouped, windows, limit).await
    }

    async fn most_frequent(
        &self,
        grouped: DataFrame,
        windows: Option<&Windows>,
        limit: usize,
    ) -> Result<ByWindow<Vec<BrokenValue>>, EngineError> {
        const PLACE: &str = "driftline_place";
        let names: Vec<String> = grouped
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .filter(|name| name != WINDOW && name != COUNT)
            .collect();
        let masked: Vec<bool> = names
            .iter()
            .map(|name| {
                let kind = grouped.schema().field_with_unqualified_name(name);
                kind.is_ok_and(|field| {
                    let kind = match field.data_type() {
                        DataType::Dictionary(_, value) => value,
                        other => other,
                    };
                    !kind.is_floating() && !kind.is_temporal() && *kind != DataType::Boolean
                })
            })
            .collect();
        let mut chosen = vec![ident(WINDOW), ident(COUNT)];
        chosen.extend(
            names
                .iter()
                .map(|name| cast(ident(name), DataType::Utf8).alias(name)),
        );
        let mut order = vec![ident(COUNT).sort(false, false)];
        order.extend(names.iter().map(|name| ident(name).sort(true, false)));
        let place = row_number()
            .partition_by(vec![ident(WINDOW)])
            .order_by(order.clone())
            .build()?
            .alias(PLACE);
        let mut ranked = chosen.clone();
        ranked.push(place);
        let mut sorted = vec![ident(WINDOW).sort(true, false)];
        sorted.extend(order);
        let kept = grouped
            .select(ranked)?
            .filter(ident(PLACE).lt_eq(lit(limit as u64)))?
            .sort(sorted)?;
        let mut found: ByWindow<Vec<BrokenValue>> = BTreeMap::new();
        for batch in collect(kept).await? {
            let rows = batch.column(1).as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                let parts: Vec<String> = names
                    .iter()
                    .zip(&masked)
                    .enumerate()
                    .map(|(index, (name, masked))| {
                        let values = batch.column(index + 2).as_string::<i32>();
                        let value = match (values.is_null(row), *masked) {
                            (true, _) => "null".to_owned(),
                            (false, true) => cut(&mask(values.value(row)), ""),
                            (false, false) => values.value(row).to_owned(),
                        };
                        match names.len() {
                            1 => value,
                            _ => format!("{name}={value}"),
                        }
                    })
                    .collect();
                found
                    .entry(span(&batch, row, windows))
                    .or_default()
                    .push(BrokenValue {
                        value: parts.join(", "),
                        rows: rows.value(row).unsigned_abs(),
                    });
            }
        }
        Ok(found)
    }

    /// Whether a rule can be planned by itself.
    fn plan_alone(&self, rule: &RowRule, windows: Option<&Windows>) -> Result<(), EngineError> {
        let context = self.context_of(&[rule]);
        self.verdicts(&context, &[rule], windows).map(drop)
    }

    async fn count_rows(
        &self,
        rules: &[&RowRule],
        windows: Option<&Windows>,
    ) -> Result<Vec<ByWindow<RuleCount>>, EngineError> {
        let mut counts = vec![BTreeMap::new(); rules.len()];
        if rules.is_empty() {
            return Ok(counts);
        }
        let context = self.context_of(rules);
        let (frame, verdicts) = self.verdicts(&context, rules, windows)?;
        let mut sums = Vec::new();
        for (index, (inside, verdict)) in verdicts.into_iter().enumerate() {
            let broken = when(verdict.clone().eq(lit(0_i64)), lit(1_i64)).end()?;
            sums.push(count(inside).alias(format!("rows_{index}")));
            sums.push(count(verdict).alias(format!("judged_{index}")));
            sums.push(count(broken).alias(format!("broken_{index}")));
        }
        let counted = frame.aggregate(vec![ident(WINDOW)], sums)?;
        for batch in collect(counted).await? {
            for row in 0..batch.num_rows() {
                let span = span(&batch, row, windows);
                for (index, counts) in counts.iter_mut().enumerate() {
                    let number = |at: usize| number(&batch, 1 + 3 * index + at, row);
                    counts.insert(
                        span,
                        RuleCount {
                            rows: number(0),
                            judged: number(1),
                            broken: number(2),
                        },
                    );
                }
            }
        }
        Ok(counts)
    }

    async fn count_key(
        &self,
        rule: &RowRule,
        windows: Option<&Windows>,
    ) -> Result<ByWindow<RuleCount>, EngineError> {
        let groups = self.key_groups(rule, windows)?;
        let judged = ident("driftline_judged");
        let rows_where = |condition: Expr| -> Result<Expr, EngineError> {
            Ok(sum(when(condition, ident(COUNT)).otherwise(lit(0_i64))?))
        };
        let counted = groups.aggregate(
            vec![ident(WINDOW)],
            vec![
                sum(ident(COUNT)).alias("rows"),
                rows_where(judged.clone())?.alias("judged"),
                rows_where(judged.and(ident(COUNT).gt(lit(1_i64))))?.alias("broken"),
            ],
        )?;
        let mut counts = BTreeMap::new();
        for batch in collect(counted).await? {
            for row in 0..batch.num_rows() {
                let count = RuleCount {
                    rows: number(&batch, 1, row),
                    judged: number(&batch, 2, row),
                    broken: number(&batch, 3, row),
                };
                counts.insert(span(&batch, row, windows), count);
            }
        }
        Ok(counts)
    }

    /// One row for each window and key: the window, the key, whether it counts as one,
    /// and how many rows have it.
    fn key_groups(
        &self,
        rule: &RowRule,
        windows: Option<&Windows>,
    ) -> Result<DataFrame, EngineError> {
        let RuleTest::Key {
            columns,
            nulls_equal,
        } = &rule.test
        else {
            return Err(EngineError::Query {
                reason: "the rule is no key".into(),
            });
        };
        self.check_columns(columns)?;
        let context = self.session();
        let mut frame = self.with_window(&context, windows, false)?;
        if let Some(filter) = &rule.filter {
            let filter = filter_condition(&frame, filter)?;
            frame = frame.filter(filter)?;
        }
        let judged = if *nulls_equal {
            lit(true)
        } else {
            present(columns)
        };
        let mut group = vec![ident(WINDOW)];
        group.extend(columns.iter().map(ident));
        group.push(judged.alias("driftline_judged"));
        Ok(frame.aggregate(group, vec![count(lit(1_i64)).alias(COUNT)])?)
    }

    /// The rows with two columns for each rule: 1 where the rule is about the row, else
    /// null, and 1 where the row keeps it, 0 where it breaks it, else null. Numbers, because
    /// a planner and an executor may differ on whether `x IS TRUE` can be null.
    fn verdicts(
        &self,
        context: &SessionContext,
        rules: &[&RowRule],
        windows: Option<&Windows>,
    ) -> Result<(DataFrame, Vec<(Expr, Expr)>), EngineError> {
        let ordered = rules.iter().any(|rule| in_file_order(rule));
        let mut frame = self.with_window(context, windows, ordered)?;
        let own: Vec<Expr> = self.columns().into_iter().map(|c| ident(c.name)).collect();
        let mut kept: Vec<Expr> = own;
        kept.push(ident(WINDOW));
        if ordered {
            kept.push(ident(ORDER));
        }
        let mut verdicts = Vec::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            let inside = match &rule.filter {
                Some(filter) => Some(filter_condition(&frame, filter)?),
                None => None,
            };
            let (inside_name, verdict_name) = (
                format!("driftline_in_{index}"),
                format!("driftline_ok_{index}"),
            );
            let holds = match &rule.test {
                RuleTest::Predicate(sql) => condition(&frame, sql)?,
                RuleTest::Key { .. } => {
                    return Err(EngineError::Query {
                        reason: "a key is counted by itself".into(),
                    });
                }
                RuleTest::Monotone {
                    column,
                    increasing,
                    strict,
                    by,
                    per,
                } => {
                    self.check_columns(by.iter().chain(per).chain([column]))?;
                    let mut needed = by.clone();
                    needed.push(column.clone());
                    let judged = match &inside {
                        Some(inside) => inside.clone().and(present(&needed)),
                        None => present(&needed),
                    };
                    let judged = when(judged, lit(1_i64)).otherwise(lit(0_i64))?;
                    // Rows that say nothing are a series of their own.
                    let mut series = vec![ident(WINDOW), judged.clone()];
                    series.extend(per.iter().map(ident));
                    let mut order: Vec<_> = by
                        .iter()
                        .map(|name| ident(name).sort(true, false))
                        .collect();
                    match by.is_empty() {
                        true => order.push(ident(ORDER).sort(true, false)),
                        // Of rows at one place the order is unknown, so the one that
                        // speaks for them is taken.
                        false => order.push(ident(column).sort(*increasing, false)),
                    }
                    let name = format!("driftline_before_{index}");
                    let before = lag(ident(column), Some(1), None)
                        .partition_by(series)
                        .order_by(order)
                        .build()?
                        .alias(&name);
                    let mut selected = kept.clone();
                    selected.push(before);
                    frame = frame.select(selected)?;
                    kept.push(ident(&name));
                    let (value, before) = (ident(column), ident(&name));
                    let follows = match (increasing, strict) {
                        (true, false) => value.gt_eq(before.clone()),
                        (true, true) => value.gt(before.clone()),
                        (false, false) => value.lt_eq(before.clone()),
                        (false, true) => value.lt(before.clone()),
                    };
                    when(present(&needed), before.is_null().or(follows)).end()?
                }
                RuleTest::Reference { columns, rows, key } => {
                    self.check_columns(columns)?;
                    rows.check_columns(key)?;
                    let found = format!("driftline_found_{index}");
                    let name = |at: usize| format!("driftline_reference_{index}_{at}");
                    let keys: Vec<Expr> = key
                        .iter()
                        .enumerate()
                        .map(|(at, column)| ident(column).alias(name(at)))
                        .collect();
                    let mut marked: Vec<Expr> = (0..key.len()).map(|at| ident(name(at))).collect();
                    marked.push(lit(true).alias(&found));
                    let other = rows
                        .frame(context)
                        .select(keys)?
                        .distinct()?
                        .select(marked)?;
                    let equal = columns
                        .iter()
                        .enumerate()
                        .map(|(at, column)| ident(column).eq(ident(name(at))));
                    let mut selected = kept.clone();
                    selected.push(ident(&found));
                    frame = frame
                        .join_on(other, JoinType::Left, equal)?
                        .select(selected)?;
                    kept.push(ident(&found));
                    when(present(columns), ident(&found).is_not_null()).end()?
                }
            };
            let verdict = when(holds.clone(), lit(1_i64))
                .when(not(holds), lit(0_i64))
                .end()?;
            let (inside, verdict) = match inside {
                Some(inside) => (
                    when(inside.clone(), lit(1_i64)).end()?,
                    when(inside, verdict).end()?,
                ),
                None => (lit(1_i64), verdict),
            };
            let mut selected = kept.clone();
            selected.push(inside.alias(&inside_name));
            selected.push(verdict.alias(&verdict_name));
            frame = frame.select(selected)?;
            kept.push(ident(&inside_name));
            kept.push(ident(&verdict_name));
            verdicts.push((ident(inside_name), ident(verdict_name)));
        }
        Ok((frame, verdicts))
    }

    /// The rows with the start of their window, and their number where order matters.
    pub(crate) fn with_window(
        &self,
        context: &SessionContext,
        windows: Option<&Windows>,
        ordered: bool,
    ) -> Result<DataFrame, EngineError> {
        let mut selected: Vec<Expr> = self.columns().into_iter().map(|c| ident(c.name)).collect();
        if ordered {
            selected.push(row_number().alias(ORDER));
        }
        let frame = self.frame(context);
        match windows {
            Some(windows) => {
                self.check_columns([&windows.column])?;
                Ok(windows.select(frame, selected)?)
            }
            None => {
                let none = ScalarValue::TimestampMicrosecond(None, Some("UTC".into()));
                selected.push(lit(none).alias(WINDOW));
                Ok(frame.select(selected)?)
            }
        }
    }

    /// A session that keeps the order of the files where a rule asks for it.
    fn context_of(&self, rules: &[&RowRule]) -> SessionContext {
        match rules.iter().any(|rule| in_file_order(rule)) {
            true => self.ordered_session(),
            false => self.session(),
        }
    }

    /// The columns that show what is wrong with a row.
    fn shown(&self, context: &SessionContext, rule: &RowRule) -> Result<Vec<String>, EngineError> {
        let names = match &rule.test {
            RuleTest::Key { columns, .. } | RuleTest::Reference { columns, .. } => columns.clone(),
            RuleTest::Monotone {
                column, by, per, ..
            } => per.iter().chain(by).chain([column]).cloned().collect(),
            RuleTest::Predicate(sql) => {
                let predicate = self.frame(context).parse_sql_expr(sql)?;
                let mut named = Vec::new();
                predicate.apply(|part| {
                    if let Expr::Column(Column { name, .. }) = part
                        && !named.contains(name)
                    {
                        named.push(name.clone());
                    }
                    Ok(TreeNodeRecursion::Continue)
                })?;
                named
            }
        };
        let plain: Vec<String> = self
            .columns()
            .into_iter()
            .filter(|column| !column.data_type.is_nested())
            .map(|column| column.name)
            .collect();
        Ok(names
            .into_iter()
            .filter(|name| plain.contains(name))
            .collect())
    }
}

impl Rows {
    /// Whether an expression is false of a row that a filter leaves.
    pub(crate) fn is_false(&self, sql: &str, filter: Option<&str>) -> Result<Expr, EngineError> {
        let frame = self.frame(&self.ordered_session());
        let broken = condition(&frame, sql)?.is_false();
        Ok(match filter {
            Some(filter) => filter_condition(&frame, filter)?.is_true().and(broken),
            None => broken,
        })
    }
}

fn in_file_order(rule: &RowRule) -> bool {
    matches!(&rule.test, RuleTest::Monotone { by, .. } if by.is_empty())
}

/// Whether none of these columns is null.
fn present(columns: &[String]) -> Expr {
    columns
        .iter()
        .map(|column| ident(column).is_not_null())
        .reduce(Expr::and)
        .unwrap_or_else(|| lit(true))
}

/// The expression of a rule's filter; a mistake in it says that it is in there.
fn filter_condition(frame: &DataFrame, sql: &str) -> Result<Expr, EngineError> {
    condition(frame, sql).map_err(|error| match error {
        EngineError::Sql {
            message,
            line,
            column,
        } => EngineError::Sql {
            message: format!("in `where`: {message}"),
            line,
            column,
        },
        other => other,
    })
}

/// An expression of SQL that is true or false for a row.
pub(crate) fn condition(frame: &DataFrame, sql: &str) -> Result<Expr, EngineError> {
    let parsed = frame
        .parse_sql_expr(sql)
        .map_err(|error| match EngineError::from(error) {
            // Columns that were added here are nobody's to name.
            EngineError::UnknownColumn {
                column, columns, ..
            } => {
                let own = columns.into_iter().filter(|name| !name.starts_with(ADDED));
                EngineError::unknown_column(&column, &own.collect::<Vec<_>>())
            }
            error => error,
        })?;
    let refuse = |message: String| EngineError::Sql {
        message,
        line: None,
        column: None,
    };
    let mut aggregate = None;
    parsed.apply(|part| {
        if let Expr::AggregateFunction(_) | Expr::WindowFunction(_) = part {
            aggregate = Some(part.schema_name().to_string());
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if let Some(aggregate) = aggregate {
        return Err(refuse(format!(
            "`{aggregate}` is about many rows, and this expression is asked of each row by itself"
        )));
    }
    match parsed.get_type(frame.schema())? {
        DataType::Boolean | DataType::Null => Ok(parsed),
        other => Err(refuse(format!(
            "the expression gives {other}, not true or false; compare it with something"
        ))),
    }
}

fn span(batch: &RecordBatch, row: usize, windows: Option<&Windows>) -> Option<Span> {
    let starts = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    let windows = windows.filter(|_| starts.is_valid(row))?;
    windows.span_of(starts.value(row))
}

fn number(batch: &RecordBatch, column: usize, row: usize) -> u64 {
    let numbers = batch.column(column).as_primitive::<Int64Type>();
    match numbers.is_valid(row) {
        true => numbers.value(row).unsigned_abs(),
        false => 0,
    }
}
