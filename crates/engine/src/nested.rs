//! Nested columns, taken apart into the columns that a profile can summarise.
//!
//! A struct's fields are columns of the same rows: `address.city`. A list's values are
//! rows of their own, so they are columns of other rows: `tags[]`, `orders[].price`,
//! and `grid[][]` for lists in lists. The nested column itself stays, for its rows and
//! nulls. What cannot be summarised at all is told with its reason, and the rest stands.

use crate::{ColumnInfo, EngineError, Rows};
use datafusion::{
    arrow::{
        array::{Array, AsArray, ListArray},
        datatypes::{DataType, Field, TimeUnit},
    },
    common::{UnnestOptions, exec_err, plan_err},
    error::Result,
    functions::core::expr_fn::get_field,
    logical_expr::{
        ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
        cast,
    },
    prelude::{ident, lit},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

/// A column that is counted, but not summarised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedColumn {
    /// Its name.
    pub column: String,
    /// Its type.
    pub data_type: DataType,
    /// Why, and the way out.
    pub reason: &'static str,
}

/// Rows, with the columns of them that are to be profiled.
#[derive(Debug, Clone)]
pub struct LeafRows {
    /// The rows: those of the table, or one for each value of a list.
    pub rows: Rows,
    /// Their columns to be profiled; there may be others.
    pub columns: Vec<String>,
}

/// A table taken apart.
#[derive(Debug, Clone)]
pub struct Leaves {
    /// The rows of the table first, then those of each list.
    pub parts: Vec<LeafRows>,
    /// What none of them holds.
    pub skipped: Vec<SkippedColumn>,
}

/// A step into a nested value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Values,
}

/// A value that is not nested, or cannot be looked into.
#[derive(Debug, Clone)]
struct Leaf {
    column: String,
    steps: Vec<Step>,
    data_type: DataType,
}

impl Rows {
    /// Takes nested columns apart. `keep` names columns that every part must have: the
    /// time, and what slices are by.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`] for what is to be kept and is not there.
    pub fn leaves(&self, keep: &[String]) -> Result<Leaves, EngineError> {
        self.check_columns(keep)?;
        let columns = self.columns();
        let mut names: BTreeSet<String> = columns.iter().map(|c| c.name.clone()).collect();
        let mut skipped = Vec::new();
        let mut flat: Vec<(String, Expr)> = Vec::new();
        let mut lists: Vec<List> = Vec::new();
        for column in &columns {
            // A column that is nothing but itself is read as it is, unless its type asks
            // for something else.
            let mut leaves = Vec::new();
            find(
                &column.name,
                &mut Vec::new(),
                &column.data_type,
                &mut leaves,
            );
            for leaf in leaves {
                if let Some(reason) = unprofiled(&leaf.data_type) {
                    skipped.push(SkippedColumn {
                        column: leaf.name(false),
                        data_type: leaf.data_type.clone(),
                        reason,
                    });
                }
                let itself = leaf.steps.is_empty();
                if itself && convert(ident(&leaf.column), &leaf.data_type).is_none() {
                    continue;
                }
                let mut name = leaf.name(false);
                if !itself && !names.insert(name.clone()) {
                    name = leaf.name(true);
                    names.insert(name.clone());
                }
                match leaf.steps.iter().rposition(|step| *step == Step::Values) {
                    None => flat.push((name, leaf.expr(ident(&leaf.column), 0))),
                    Some(last) => {
                        let (to_list, below) = leaf.steps.split_at(last + 1);
                        let list = lists
                            .iter_mut()
                            .find(|list| list.column == leaf.column && list.steps == to_list);
                        let leaf_expr = leaf.expr(ident(ITEM), to_list.len());
                        debug_assert!(below.iter().all(|step| *step != Step::Values));
                        match list {
                            Some(list) => list.leaves.push((name, leaf_expr)),
                            None => lists.push(List {
                                column: leaf.column.clone(),
                                data_type: column.data_type.clone(),
                                steps: to_list.to_vec(),
                                leaves: vec![(name, leaf_expr)],
                            }),
                        }
                    }
                }
            }
        }
        let mut parts = vec![self.with_leaves(&columns, &flat)?];
        for list in lists {
            parts.push(self.values_of(&list, keep)?);
        }
        Ok(Leaves { parts, skipped })
    }

    /// The table, with leaves in place of the columns of their names, or behind.
    fn with_leaves(
        &self,
        columns: &[ColumnInfo],
        flat: &[(String, Expr)],
    ) -> Result<LeafRows, EngineError> {
        let leaves: BTreeSet<&String> = flat.iter().map(|(name, _)| name).collect();
        let mut selected: Vec<Expr> = columns
            .iter()
            .filter(|column| !leaves.contains(&column.name))
            .map(|column| ident(&column.name))
            .collect();
        let mut names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let known: BTreeSet<&String> = columns.iter().map(|column| &column.name).collect();
        for (name, expr) in flat {
            selected.push(expr.clone().alias(name));
            if !known.contains(name) {
                names.push(name.clone());
            }
        }
        let rows = if flat.is_empty() {
            self.clone()
        } else {
            self.select(selected)?
        };
        Ok(LeafRows {
            rows,
            columns: names,
        })
    }

    /// One row for each value of a list that is not null.
    fn values_of(&self, list: &List, keep: &[String]) -> Result<LeafRows, EngineError> {
        let kept = || keep.iter().enumerate();
        // Names of the user's own could be those of a step between.
        let hidden = |place: usize| format!("driftline_kept_{place}");
        let mut rows = self.clone();
        let mut value = ident(&list.column);
        let mut data_type = list.data_type.clone();
        let mut first = true;
        for step in &list.steps {
            match step {
                Step::Field(name) => {
                    value = get_field(value, name.as_str());
                    data_type = field_type(&data_type, name);
                }
                Step::Values => {
                    let mut selected: Vec<Expr> = kept()
                        .map(|(place, name)| {
                            let kept = if first {
                                ident(name)
                            } else {
                                ident(hidden(place))
                            };
                            kept.alias(hidden(place))
                        })
                        .collect();
                    selected.push(as_list(value, &data_type).alias(ITEM));
                    rows = rows.select(selected)?.unnest(ITEM)?;
                    value = ident(ITEM);
                    data_type = value_type(&data_type);
                    first = false;
                }
            }
        }
        let mut selected: Vec<Expr> = kept()
            .map(|(place, name)| ident(hidden(place)).alias(name))
            .collect();
        selected.extend(
            list.leaves
                .iter()
                .map(|(name, expr)| expr.clone().alias(name)),
        );
        Ok(LeafRows {
            rows: rows.select(selected)?,
            columns: list.leaves.iter().map(|(name, _)| name.clone()).collect(),
        })
    }

    fn select(&self, columns: Vec<Expr>) -> Result<Self, EngineError> {
        self.derive(self.frame(&self.session()).select(columns)?)
    }

    fn unnest(&self, column: &str) -> Result<Self, EngineError> {
        let options = UnnestOptions::new().with_preserve_nulls(false);
        let frame = self.frame(&self.session());
        self.derive(frame.unnest_columns_with_options(&[column], options)?)
    }
}

/// The value of a list, while it is a row of its own.
const ITEM: &str = "driftline_item";

/// A list whose values are rows, and the leaves in them.
struct List {
    column: String,
    data_type: DataType,
    steps: Vec<Step>,
    leaves: Vec<(String, Expr)>,
}

impl Leaf {
    /// `orders[].price`; a step that holds a dot or a bracket is quoted, and every step
    /// where `quoted`.
    fn name(&self, quoted: bool) -> String {
        let mut name = self.column.clone();
        for step in &self.steps {
            match step {
                Step::Values => name.push_str("[]"),
                Step::Field(field) => {
                    name.push('.');
                    if quoted || field.is_empty() || field.contains(['.', '[', ']', '\'']) {
                        name.push_str(&format!("'{}'", field.replace('\'', "''")));
                    } else {
                        name.push_str(field);
                    }
                }
            }
        }
        name
    }

    /// The leaf inside of a value that is reached by the first `done` steps.
    fn expr(&self, value: Expr, done: usize) -> Expr {
        let reached = self.steps[done..]
            .iter()
            .fold(value, |value, step| match step {
                Step::Field(name) => get_field(value, name.as_str()),
                Step::Values => value,
            });
        convert(reached.clone(), &self.data_type).unwrap_or(reached)
    }
}

fn find(column: &str, steps: &mut Vec<Step>, data_type: &DataType, found: &mut Vec<Leaf>) {
    let mut into = |step: Step, data_type: &DataType| {
        steps.push(step);
        find(column, steps, data_type, found);
        steps.pop();
    };
    match data_type {
        DataType::Struct(fields) if !fields.is_empty() => {
            for field in fields {
                into(Step::Field(field.name().clone()), field.data_type());
            }
        }
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::Map(item, _) => into(Step::Values, item.data_type()),
        _ => found.push(Leaf {
            column: column.to_owned(),
            steps: steps.clone(),
            data_type: data_type.clone(),
        }),
    }
}

fn field_type(data_type: &DataType, name: &str) -> DataType {
    let DataType::Struct(fields) = data_type else {
        return DataType::Null;
    };
    fields
        .find(name)
        .map_or(DataType::Null, |(_, field)| field.data_type().clone())
}

fn value_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::Map(item, _) => item.data_type().clone(),
        _ => DataType::Null,
    }
}

/// Lists in a form that can be taken apart into rows.
fn as_list(value: Expr, data_type: &DataType) -> Expr {
    match data_type {
        DataType::ListView(item) => cast(value, DataType::List(Arc::new(as_nullable(item)))),
        DataType::Map(..) => ENTRIES.call(vec![value]),
        DataType::LargeListView(item) => {
            cast(value, DataType::LargeList(Arc::new(as_nullable(item))))
        }
        _ => value,
    }
}

static ENTRIES: LazyLock<ScalarUDF> = LazyLock::new(|| {
    ScalarUDF::new_from_impl(Entries {
        signature: Signature::any(1, Volatility::Immutable),
    })
});

/// The entries of a map as a list of structs, with the names that they have in the map.
/// DataFusion's `map_entries` gives them other names without renaming what they hold.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Entries {
    signature: Signature,
}

impl ScalarUDFImpl for Entries {
    fn name(&self) -> &str {
        "driftline_entries"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [DataType::Map(entries, _)] => Ok(DataType::List(Arc::clone(entries))),
            _ => plan_err!("entries are those of a map"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let map = arrays[0].as_map();
        let DataType::Map(entries, _) = map.data_type() else {
            return exec_err!("entries are those of a map");
        };
        let list = ListArray::try_new(
            Arc::clone(entries),
            map.offsets().clone(),
            Arc::new(map.entries().clone()),
            map.nulls().cloned(),
        )?;
        Ok(ColumnarValue::Array(Arc::new(list)))
    }
}

fn as_nullable(item: &Field) -> Field {
    Field::new_list_field(item.data_type().clone(), true)
}

/// Values of a type that is summarised in another form, where there is one: times of a
/// day and durations in seconds, runs as what they repeat.
fn convert(value: Expr, data_type: &DataType) -> Option<Expr> {
    let seconds = |unit: &TimeUnit| {
        let per_second = match unit {
            TimeUnit::Second => 1.0,
            TimeUnit::Millisecond => 1e3,
            TimeUnit::Microsecond => 1e6,
            TimeUnit::Nanosecond => 1e9,
        };
        let count = cast(value.clone(), DataType::Int64);
        cast(count, DataType::Float64) / lit(per_second)
    };
    match data_type {
        DataType::Duration(unit) | DataType::Time64(unit) => Some(seconds(unit)),
        DataType::Time32(unit) => {
            let count = cast(value.clone(), DataType::Int32);
            let per_second = if *unit == TimeUnit::Second { 1.0 } else { 1e3 };
            Some(cast(count, DataType::Float64) / lit(per_second))
        }
        DataType::RunEndEncoded(_, values) => {
            let plain = cast(value, values.data_type().clone());
            Some(convert(plain.clone(), values.data_type()).unwrap_or(plain))
        }
        _ => None,
    }
}

/// Why values of a type are counted but not summarised; `None` where they are.
fn unprofiled(data_type: &DataType) -> Option<&'static str> {
    match data_type {
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Some(
            "bytes are counted and not looked into; make text or numbers of them in `--prepare`",
        ),
        DataType::Interval(_) => {
            Some("an interval of months and days has no order; make a number of it in `--prepare`")
        }
        DataType::Union(..) => Some("its values are of several types; take one in `--prepare`"),
        DataType::Struct(_) => Some("it has no fields"),
        DataType::Dictionary(_, values) => unprofiled(values),
        DataType::RunEndEncoded(_, values) => unprofiled(values.data_type()),
        _ => None,
    }
}
