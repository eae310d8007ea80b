//! From anomalies to the rows behind them.

use crate::{PipelineError, constraints::row_predicate, single::SingleSource};
use driftline_engine::{
    ColumnInfo, Engine, OffendingRequest, OffendingRow, Parts, RowCheck, RowTable, RowTest, Rows,
    Source, ValueTest,
};
use driftline_schema::{
    Anomaly, AnomalyType, Role, Schema,
    constraint::{Placed, Rule},
    tfmd::{
        self, Feature, FeaturePath, FeatureType,
        feature::{DomainInfo, ShapeType},
    },
};
use driftline_statistics::features;
use serde_json::{Value, json};

/// Rows behind anomalies, and anomalies behind which there are none.
#[derive(Debug, Clone, Default)]
pub struct Offending {
    /// The columns that are shown beside the values.
    pub show: Vec<String>,
    /// The anomaly, by its place, and a row of it.
    pub rows: Vec<(usize, OffendingRow)>,
    /// Anomalies, by their place, that are about no single row, and why.
    pub without_rows: Vec<(usize, &'static str)>,
}

impl SingleSource {
    /// The first `limit` rows behind each anomaly, by a second pass over `rows`, which are
    /// this source's. `show` names further columns to show, `*` all; where it names none,
    /// those whose role is `id` or `key` are shown.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn offending(
        &self,
        engine: &Engine,
        rows: &Rows,
        schema: &Schema,
        anomalies: &[Anomaly],
        limit: usize,
        show: &[String],
    ) -> Result<Offending, PipelineError> {
        let theirs = tfmd::Schema::from(schema);
        let mut places = Vec::new();
        let mut request = OffendingRequest {
            rows: limit,
            show: shown(rows, schema, show),
            ..OffendingRequest::default()
        };
        let mut found = Offending {
            show: request.show.clone(),
            ..Offending::default()
        };
        for (place, anomaly) in anomalies.iter().enumerate() {
            let check = match constraint(schema, anomaly) {
                Some(placed) => rule_check(placed, &rows.columns()),
                None => row_check(schema, &theirs, anomaly),
            };
            match check {
                Ok(check) => {
                    places.push(place);
                    request.checks.push(check);
                }
                Err(reason) => found.without_rows.push((place, reason)),
            }
        }
        if request.checks.is_empty() {
            return Ok(found);
        }
        // What a query made, or came once, has no file to be looked up in.
        let by_file = self.prepare.is_none() && self.source != "-";
        let offending = if by_file {
            let source = Source {
                skip_corrupt: self.skip_corrupt,
                ..Source::new(&self.source)
            };
            engine.offending(&source, &request).await?
        } else {
            rows.offending(&request).await?
        };
        let offending = offending.into_iter();
        found.rows = offending.map(|row| (places[row.check], row)).collect();
        Ok(found)
    }
}

fn shown(rows: &Rows, schema: &Schema, show: &[String]) -> Vec<String> {
    let columns = rows.columns().into_iter().map(|column| column.name);
    if show.iter().any(|name| name == "*") {
        return columns.collect();
    }
    if !show.is_empty() {
        return show.to_vec();
    }
    let names = |name: &String| {
        let role = schema.column(name).and_then(|column| column.role);
        matches!(role, Some(Role::Id | Role::Key))
    };
    columns.filter(names).collect()
}

/// The rule about rows that an anomaly breaks.
fn constraint<'a>(schema: &'a Schema, anomaly: &Anomaly) -> Option<Placed<'a>> {
    let label = anomaly.constraint.as_ref()?;
    schema.all_constraints().into_iter().find(|placed| {
        placed.label() == *label
            && placed.column == anomaly.column.as_deref()
            && placed.constraint.rule.anomaly_type() == anomaly.kind
    })
}

/// The test by which rows break a rule.
fn rule_check(placed: Placed<'_>, columns: &[ColumnInfo]) -> Result<RowCheck, &'static str> {
    let path = placed.column.map(features::FeaturePath::column);
    match row_predicate(placed, columns) {
        Some((sql, filter)) => Ok(RowCheck {
            path: path.unwrap_or_default(),
            test: RowTest::False { sql, filter },
        }),
        None => Err(match placed.constraint.rule {
            Rule::Freshness(_) => "it is about the newest row",
            _ => "a row breaks it beside others; the anomaly shows values of such rows",
        }),
    }
}

/// The test by which rows fail an anomaly's constraint.
fn row_check(
    schema: &Schema,
    theirs: &tfmd::Schema,
    anomaly: &Anomaly,
) -> Result<RowCheck, &'static str> {
    const WHOLE: &str = "it is about the column as a whole, not about single rows";
    let Some(column) = &anomaly.column else {
        return Err("it is about the rows as a whole");
    };
    let path = FeaturePath::parse(column).map_err(|_| WHOLE)?;
    let root = path.steps().first().map_or("", String::as_str);
    let check = |path: &FeaturePath, test| RowCheck {
        path: engine_path(path),
        test,
    };
    if let Some(parts) = parts(theirs, root, anomaly.kind) {
        let (value, parts) = parts;
        return Ok(check(&value, RowTest::Parts(parts)));
    }
    let own = schema.column(root).filter(|_| path.len() == 1);
    let feature = tfmd::lookup::feature(theirs, &path).ok();
    let test = row_test(anomaly.kind, own, feature, theirs).ok_or(match anomaly.kind {
        AnomalyType::SchemaNewColumn => "every row has the new column",
        AnomalyType::SchemaMissingColumn => "no row has the column",
        kind if kind.name().starts_with("COMPARATOR_") => {
            "it compares the column with other data as a whole"
        }
        _ => WHOLE,
    })?;
    Ok(check(&path, test))
}

fn engine_path(path: &FeaturePath) -> features::FeaturePath {
    features::FeaturePath::new(path.steps().iter().cloned())
}

fn row_test(
    kind: AnomalyType,
    own: Option<&driftline_schema::Column>,
    feature: Option<&Feature>,
    schema: &tfmd::Schema,
) -> Option<RowTest> {
    use AnomalyType as A;
    let range = own.and_then(|column| column.range);
    let length = own.and_then(|column| column.length);
    let domain = feature.and_then(|feature| feature.domain_info.as_ref());
    let value = |test| Some(RowTest::Value(test));
    match kind {
        A::FeatureTypeNotPresent
        | A::FeatureTypeLowFractionPresent
        | A::FeatureTypeLowNumberPresent => Some(RowTest::Absent),
        A::FeatureTypeLowNumberValues | A::FeatureTypeHighNumberValues => {
            let bound = |bound: Option<i64>| bound.and_then(|bound| u64::try_from(bound).ok());
            let ends = |count: &tfmd::ValueCount| match kind {
                A::FeatureTypeLowNumberValues => (bound(count.min), None),
                _ => (None, bound(count.max)),
            };
            Some(RowTest::Lengths(match &feature?.shape_type {
                Some(ShapeType::ValueCount(count)) => vec![ends(count)],
                Some(ShapeType::ValueCounts(levels)) => {
                    levels.value_count.iter().map(ends).collect()
                }
                _ => return None,
            }))
        }
        A::InvalidFeatureShape => match &feature?.shape_type {
            Some(ShapeType::Shape(shape)) => {
                let sizes = shape
                    .dim
                    .iter()
                    .map(|dim| u64::try_from(dim.size()).unwrap_or(0));
                Some(RowTest::NotThisMany(sizes.product()))
            }
            _ => None,
        },
        A::EnumTypeUnexpectedStringValues => {
            let values = match domain? {
                DomainInfo::StringDomain(domain) => &domain.value,
                DomainInfo::Domain(name) => {
                    let mut shared = schema.string_domain.iter();
                    &shared.find(|domain| domain.name() == name)?.value
                }
                _ => return None,
            };
            value(ValueTest::NotIn(values.iter().cloned().collect()))
        }
        A::EnumTypeInvalidUtf8 => value(ValueTest::NotUtf8),
        A::BoolTypeUnexpectedString => match domain? {
            DomainInfo::BoolDomain(domain) => {
                let words = [&domain.true_value, &domain.false_value];
                value(ValueTest::NotIn(
                    words.into_iter().flatten().cloned().collect(),
                ))
            }
            _ => None,
        },
        A::BoolTypeSmallInt | A::BoolTypeBigInt | A::BoolTypeUnexpectedFloat => {
            value(ValueTest::NotBoolean)
        }
        A::IntTypeNotIntString => value(ValueTest::NotInteger),
        A::FloatTypeStringNotFloat => value(ValueTest::NotNumber),
        A::IntTypeSmallInt | A::FloatTypeSmallFloat => value(ValueTest::Below(
            range
                .and_then(|range| range.min)
                .map(|min| min.as_f64())
                .or(match domain? {
                    DomainInfo::IntDomain(domain) => domain.min.map(|min| min as f64),
                    DomainInfo::FloatDomain(domain) => domain.min.map(f64::from),
                    _ => None,
                })?,
        )),
        A::IntTypeBigInt | A::FloatTypeBigFloat => value(ValueTest::Above(
            range
                .and_then(|range| range.max)
                .map(|max| max.as_f64())
                .or(match domain? {
                    DomainInfo::IntDomain(domain) => domain.max.map(|max| max as f64),
                    DomainInfo::FloatDomain(domain) => domain.max.map(f64::from),
                    _ => None,
                })?,
        )),
        A::FloatTypeHasNan => value(ValueTest::Nan),
        A::FloatTypeHasInf => value(ValueTest::Infinite),
        A::LengthTooShort => value(ValueTest::Shorter(length?.min?)),
        A::LengthTooLong => value(ValueTest::Longer(length?.max?)),
        A::MaxImageByteSizeExceeded => match domain? {
            DomainInfo::ImageDomain(domain) => value(ValueTest::MoreBytes(
                u64::try_from(domain.max_image_byte_size()).unwrap_or(0),
            )),
            _ => None,
        },
        // Strings where numbers are expected: most often one cell of a column that is none.
        A::UnexpectedDataType => match feature?.r#type() {
            FeatureType::Int => value(ValueTest::NotInteger),
            FeatureType::Float => value(ValueTest::NotNumber),
            _ => None,
        },
        _ => None,
    }
}

/// The value of a sparse or weighted feature, and the test of its parts.
fn parts(schema: &tfmd::Schema, name: &str, kind: AnomalyType) -> Option<(FeaturePath, Parts)> {
    use AnomalyType as A;
    let (value, parts) = match kind {
        A::SparseFeatureMissingValue
        | A::SparseFeatureMissingIndex
        | A::SparseFeatureLengthMismatch => {
            let mut sparse = schema.sparse_feature.iter();
            let sparse = sparse.find(|sparse| sparse.name() == name)?;
            let value = sparse.value_feature.as_ref()?;
            let indices = sparse.index_feature.iter();
            (
                FeaturePath::new([value.name()]),
                indices
                    .map(|index| features::FeaturePath::column(index.name()))
                    .collect(),
            )
        }
        A::WeightedFeatureMissingValue
        | A::WeightedFeatureMissingWeight
        | A::WeightedFeatureLengthMismatch => {
            let mut weighted = schema.weighted_feature.iter();
            let weighted = weighted.find(|weighted| weighted.name() == name)?;
            let path = |path: &Option<tfmd::Path>| path.as_ref().map(FeaturePath::from);
            let weight = path(&weighted.weight_feature)?;
            (path(&weighted.feature)?, vec![engine_path(&weight)])
        }
        _ => return None,
    };
    Some((
        value,
        match kind {
            A::SparseFeatureMissingValue | A::WeightedFeatureMissingValue => Parts::NoValue(parts),
            A::SparseFeatureMissingIndex | A::WeightedFeatureMissingWeight => Parts::NoPart(parts),
            _ => Parts::OtherLength(parts),
        },
    ))
}

impl Offending {
    /// The rows as a table that can be written.
    pub fn table(&self, anomalies: &[Anomaly]) -> RowTable {
        RowTable {
            before: ["anomaly", "column", "file"].map(str::to_owned).to_vec(),
            after: std::iter::once("value".to_owned())
                .chain(self.show.iter().cloned())
                .collect(),
            rows: self
                .rows
                .iter()
                .map(|(place, row)| {
                    let anomaly = &anomalies[*place];
                    (
                        vec![
                            Some(anomaly.kind.name().to_owned()),
                            anomaly.column.clone(),
                            row.file.clone(),
                        ],
                        row.row,
                        std::iter::once(row.value.clone())
                            .chain(row.shown.iter().cloned())
                            .collect(),
                    )
                })
                .collect(),
        }
    }

    /// The rows for people: one a line, then the anomalies without rows.
    pub fn text(&self, anomalies: &[Anomaly]) -> String {
        let table = self.table(anomalies);
        let mut lines: Vec<Vec<String>> = vec![
            table
                .before
                .iter()
                .cloned()
                .chain(["row".to_owned()])
                .chain(table.after.iter().cloned())
                .collect(),
        ];
        let cell = |cell: &Option<String>| match cell {
            Some(text) => one_line(text),
            None => "–".to_owned(),
        };
        for (before, row, after) in &table.rows {
            let line = before.iter().map(cell).chain([row.to_string()]);
            lines.push(line.chain(after.iter().map(cell)).collect());
        }
        let mut text = String::new();
        if lines.len() > 1 {
            text.push_str(&driftline_verdict::report::aligned(&lines));
        }
        for (place, reason) in &self.without_rows {
            let anomaly = &anomalies[*place];
            let column = anomaly.column.as_deref().unwrap_or("(rows)");
            text.push_str(&format!(
                "no rows: {} of {column}: {reason}\n",
                anomaly.kind
            ));
        }
        text
    }

    /// The rows for programs.
    pub fn json(&self, anomalies: &[Anomaly]) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|(place, row)| {
                let anomaly = &anomalies[*place];
                let shown = self.show.iter().zip(&row.shown);
                let shown: serde_json::Map<String, Value> = shown
                    .map(|(name, value)| (name.clone(), json!(value)))
                    .collect();
                json!({
                    "anomaly": anomaly.kind,
                    "column": anomaly.column,
                    "file": row.file,
                    "row": row.row,
                    "value": row.value,
                    "shown": shown,
                })
            })
            .collect();
        let without: Vec<Value> = self
            .without_rows
            .iter()
            .map(|(place, reason)| {
                let anomaly = &anomalies[*place];
                json!({ "anomaly": anomaly.kind, "column": anomaly.column, "reason": reason })
            })
            .collect();
        json!({ "rows": rows, "without_rows": without })
    }
}

fn one_line(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_debug());
        } else {
            line.push(character);
        }
    }
    line
}
