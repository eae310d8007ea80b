//! Row-level skew: the same rows in two sources, compared feature by feature.
//!
//! Rows are joined by key columns; of each pair every other column is compared. The
//! counts are those of TFDV's feature skew detector: a null is a feature that the row
//! lacks, and a pair where both lack it counts for nothing.

mod compare;
mod rounded;

use self::{compare::Comparer, rounded::rounded_udf};
use crate::{
    EngineError, Rows,
    rows::{collect, spawn_all},
};
use datafusion::{
    arrow::{
        array::{AsArray, RecordBatch},
        datatypes::{DataType, Int64Type},
    },
    common::JoinType,
    dataframe::DataFrame,
    functions_aggregate::expr_fn::{count, sum},
    logical_expr::{Expr, cast, when},
    prelude::{ident, lit},
};
use futures::StreamExt;
use std::{collections::BTreeSet, sync::Arc};

pub use compare::{SkewPair, SkewValue};

/// How two sources are compared row by row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkewRequest {
    /// Columns that together name a row.
    pub keys: Vec<String>,
    /// Columns that are not compared.
    pub ignore: Vec<String>,
    /// Digits after the point to which floating-point numbers are rounded before they are
    /// compared, keys too; exactly as they are where absent.
    pub float_digits: Option<u8>,
    /// Whether a key may name several rows: each of one side is then compared with each
    /// of the other.
    pub allow_duplicate_keys: bool,
    /// Pairs with a difference that are kept, at most.
    pub samples: usize,
}

/// The comparison of one column over all pairs of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeatureSkew {
    /// The column.
    pub feature: String,
    /// Pairs whose base row has it.
    pub base_count: u64,
    /// Pairs whose test row has it.
    pub test_count: u64,
    /// Pairs where both have the same value.
    pub match_count: u64,
    /// Pairs where only the base row has it.
    pub base_only: u64,
    /// Pairs where only the test row has it.
    pub test_only: u64,
    /// Pairs where both have it, with other values.
    pub mismatch_count: u64,
}

impl FeatureSkew {
    /// Pairs that differ: `base_only`, `test_only` and `mismatch_count` together.
    pub fn diff_count(&self) -> u64 {
        self.base_only + self.test_only + self.mismatch_count
    }

    fn add(&mut self, other: &Self) {
        self.base_count += other.base_count;
        self.test_count += other.test_count;
        self.match_count += other.match_count;
        self.base_only += other.base_only;
        self.test_only += other.test_only;
        self.mismatch_count += other.mismatch_count;
    }
}

/// How the keys of two sources meet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyMatches {
    /// Base rows with a whole key.
    pub base_with_key: u64,
    /// Test rows with a whole key.
    pub test_with_key: u64,
    /// Base rows that lack a part of the key; they are not compared.
    pub base_without_key: u64,
    /// Test rows that lack a part of the key; they are not compared.
    pub test_without_key: u64,
    /// Distinct keys of both sides together.
    pub keys: u64,
    /// Keys of the test side that the base side lacks.
    pub keys_missing_in_base: u64,
    /// Keys of the base side that the test side lacks.
    pub keys_missing_in_test: u64,
    /// Keys that name several rows of a side.
    pub duplicate_keys: u64,
    /// Pairs of rows of the same key.
    pub pairs: u64,
}

/// What the comparison of two sources found.
#[derive(Debug, Clone, PartialEq)]
pub struct RowSkew {
    /// How the keys meet.
    pub keys: KeyMatches,
    /// Pairs with a difference in any column.
    pub skewed_pairs: u64,
    /// One for each compared column, those of the base side first.
    pub features: Vec<FeatureSkew>,
    /// Some of the pairs that differ: which ones depends on their keys alone.
    pub samples: Vec<SkewPair>,
}

/// Prefix of a column's name in the joined rows, by its side.
const SIDES: [&str; 2] = ["driftline_base_", "driftline_test_"];

impl Rows {
    /// Compares these rows, the base, with those of a test side.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`] for a key or a column to ignore that neither side
    /// has, [`EngineError::NoKey`] without keys, [`EngineError::DuplicateKeys`] where a
    /// key names several rows and may not, [`EngineError::OutOfMemory`], and what the
    /// rows' queries fail with.
    pub async fn skew(&self, test: &Rows, request: &SkewRequest) -> Result<RowSkew, EngineError> {
        if request.keys.is_empty() {
            return Err(EngineError::NoKey);
        }
        let names = |rows: &Rows| -> Vec<String> {
            rows.columns()
                .into_iter()
                .map(|column| column.name)
                .collect()
        };
        let (base_names, test_names) = (names(self), names(test));
        self.check_columns(&request.keys)?;
        test.check_columns(&request.keys)?;
        let mut features = base_names.clone();
        features.extend(
            test_names
                .iter()
                .filter(|n| !base_names.contains(n))
                .cloned(),
        );
        if let Some(unknown) = request.ignore.iter().find(|n| !features.contains(n)) {
            return Err(EngineError::unknown_column(unknown, &features));
        }
        features.retain(|name| !request.keys.contains(name) && !request.ignore.contains(name));
        let keys = self.key_matches(test, request).await?;
        if keys.duplicate_keys > 0 && !request.allow_duplicate_keys {
            return Err(EngineError::DuplicateKeys {
                keys: request.keys.clone(),
                count: keys.duplicate_keys,
            });
        }
        let base = self.side(0, test, request, &features)?;
        let test = test.side(1, self, request, &features)?;
        let on: [Vec<String>; 2] = SIDES.map(|side| key_names(side, request));
        let joined = base.join(
            test,
            JoinType::Inner,
            &on[0].iter().map(String::as_str).collect::<Vec<_>>(),
            &on[1].iter().map(String::as_str).collect::<Vec<_>>(),
            None,
        )?;
        let comparer = Arc::new(Comparer::new(request, features, joined.schema().as_arrow()));
        let streams = joined.execute_stream_partitioned().await?;
        let parts = spawn_all(streams, |_, mut stream| {
            let comparer = Arc::clone(&comparer);
            async move {
                let mut found = comparer.start();
                while let Some(batch) = stream.next().await {
                    comparer.add(&mut found, &batch?)?;
                    tokio::task::yield_now().await;
                }
                Ok(found)
            }
        })
        .await?;
        let mut whole = comparer.start();
        for part in parts {
            comparer.merge(&mut whole, part);
        }
        Ok(comparer.finish(whole, keys))
    }

    /// One side with its keys and the columns that are compared, under the names of the
    /// joined rows. Rows that lack a part of the key are left out.
    fn side(
        &self,
        side: usize,
        other: &Rows,
        request: &SkewRequest,
        features: &[String],
    ) -> Result<DataFrame, EngineError> {
        let context = spilling(self);
        let frame = self.frame(&context);
        let mut selected = self.key_exprs(side, other, request);
        let own: BTreeSet<String> = self.columns().into_iter().map(|c| c.name).collect();
        for (place, name) in features.iter().enumerate() {
            if own.contains(name) {
                selected.push(ident(name).alias(format!("{}{place}", SIDES[side])));
            }
        }
        let mut frame = frame.select(selected)?;
        for name in key_names(SIDES[side], request) {
            frame = frame.filter(ident(name).is_not_null())?;
        }
        Ok(frame)
    }

    /// The keys in a type that both sides have: their own, or text.
    fn key_exprs(&self, side: usize, other: &Rows, request: &SkewRequest) -> Vec<Expr> {
        let type_of = |rows: &Rows, name: &str| {
            let columns = rows.columns();
            columns
                .into_iter()
                .find(|column| column.name == name)
                .map(|column| column.data_type)
        };
        let names = key_names(SIDES[side], request);
        let keys = request.keys.iter().zip(names);
        keys.map(|(key, name)| {
            let (own, theirs) = (type_of(self, key), type_of(other, key));
            let mut value = ident(key);
            if let (Some(digits), Some(own)) = (request.float_digits, &own)
                && own.is_floating()
            {
                value = rounded_udf(digits, own.clone()).call(vec![value]);
            }
            if own != theirs || own.is_some_and(|own| own.is_nested()) {
                value = cast(value, DataType::Utf8);
            }
            value.alias(name)
        })
        .collect()
    }

    async fn key_matches(
        &self,
        test: &Rows,
        request: &SkewRequest,
    ) -> Result<KeyMatches, EngineError> {
        const COUNTS: [&str; 2] = ["driftline_base_rows", "driftline_test_rows"];
        let all = [self.count().await?, test.count().await?];
        let mut grouped = Vec::new();
        for (side, (own, other)) in [(self, test), (test, self)].into_iter().enumerate() {
            let frame = own.side(side, other, request, &[])?;
            let keys = key_names(SIDES[side], request).into_iter().map(ident);
            grouped.push(
                frame.aggregate(keys.collect(), vec![count(lit(1_i64)).alias(COUNTS[side])])?,
            );
        }
        let [base, test]: [DataFrame; 2] = grouped
            .try_into()
            .unwrap_or_else(|_| unreachable!("there are two sides"));
        let on: [Vec<String>; 2] = SIDES.map(|side| key_names(side, request));
        let joined = base.join(
            test,
            JoinType::Full,
            &on[0].iter().map(String::as_str).collect::<Vec<_>>(),
            &on[1].iter().map(String::as_str).collect::<Vec<_>>(),
            None,
        )?;
        let [b, t] = COUNTS;
        let one_if = |condition: Expr| -> Result<Expr, EngineError> {
            Ok(sum(when(condition, lit(1_i64)).otherwise(lit(0_i64))?))
        };
        let several = ident(b).gt(lit(1_i64)).or(ident(t).gt(lit(1_i64)));
        let found = joined.aggregate(
            vec![],
            vec![
                count(lit(1_i64)).alias("keys"),
                sum(ident(b)).alias("base"),
                sum(ident(t)).alias("test"),
                one_if(ident(b).is_null())?.alias("missing_in_base"),
                one_if(ident(t).is_null())?.alias("missing_in_test"),
                one_if(several.is_true())?.alias("duplicates"),
                sum(ident(b) * ident(t)).alias("pairs"),
            ],
        )?;
        let batches = collect(found).await?;
        let number = |column: usize| number(&batches, column);
        let (base_with_key, test_with_key) = (number(1), number(2));
        Ok(KeyMatches {
            base_with_key,
            test_with_key,
            base_without_key: all[0].saturating_sub(base_with_key),
            test_without_key: all[1].saturating_sub(test_with_key),
            keys: number(0),
            keys_missing_in_base: number(3),
            keys_missing_in_test: number(4),
            duplicate_keys: number(5),
            pairs: number(6),
        })
    }
}

/// A sum of counts; 0 over no rows.
fn number(batches: &[RecordBatch], column: usize) -> u64 {
    let values = batches.iter().filter(|batch| batch.num_rows() > 0);
    let values = values.filter_map(|batch| {
        let values = batch.column(column).as_primitive_opt::<Int64Type>()?;
        values.iter().next().flatten()
    });
    values.map(|value| u64::try_from(value).unwrap_or(0)).sum()
}

fn key_names(side: &str, request: &SkewRequest) -> Vec<String> {
    (0..request.keys.len())
        .map(|place| format!("{side}key_{place}"))
        .collect()
}

/// A session whose joins sort and go to temporary files where memory ends.
fn spilling(rows: &Rows) -> datafusion::prelude::SessionContext {
    let context = rows.session();
    let state = context.state_ref();
    state
        .write()
        .config_mut()
        .options_mut()
        .optimizer
        .prefer_hash_join = false;
    context
}
