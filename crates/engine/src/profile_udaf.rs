//! `profile(column)` and `profile(column, 'text')`: the profile of a column as a
//! SQL aggregate, whose value and state are the bytes of a [`ColumnProfile`].

use crate::{
    EngineError,
    state::{Groups, Summary, Whole},
    window::literal_of,
};
use datafusion::{
    arrow::{
        array::ArrayRef,
        datatypes::{DataType, Field, FieldRef},
    },
    common::{exec_err, plan_err},
    error::Result,
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, TypeSignature,
        Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
        utils::AggregateOrderSensitivity,
        utils::format_state_name,
    },
    physical_expr::expressions::Literal,
};
use driftline_statistics::{ColumnAccumulator, ColumnProfile, ColumnReader};
use std::sync::Arc;

/// The aggregate, which refuses more than `max_groups` groups.
pub(crate) fn profile_udaf(max_groups: usize) -> AggregateUDF {
    AggregateUDF::new_from_impl(ProfileFunction {
        signature: Signature::one_of(
            vec![TypeSignature::Any(1), TypeSignature::Any(2)],
            Volatility::Immutable,
        ),
        max_groups,
    })
}

/// The limit of groups of a function `profile`.
#[cfg(feature = "cluster")]
pub(crate) fn max_groups_of(function: &AggregateUDF) -> Option<usize> {
    Some(
        function
            .inner()
            .downcast_ref::<ProfileFunction>()?
            .max_groups,
    )
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ProfileFunction {
    signature: Signature,
    max_groups: usize,
}

impl AggregateUDFImpl for ProfileFunction {
    fn name(&self) -> &str {
        "profile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [_] | [_, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View] => {
                Ok(DataType::Binary)
            }
            _ => plan_err!("profile takes a column, and 'text' where the column is free text"),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Whole::new(summary(&args)?)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "profile");
        Ok(vec![Arc::new(Field::new(name, DataType::Binary, true))])
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(summary(&args)?, self.max_groups)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

fn summary(args: &AccumulatorArgs) -> Result<ProfileSummary> {
    if args.is_distinct {
        return exec_err!("profile(DISTINCT …) is not supported; select the distinct rows first");
    }
    Ok(ProfileSummary {
        data_type: args.expr_fields[0].data_type().clone(),
        text: match args.exprs.get(1) {
            None => false,
            Some(role) => match role
                .downcast_ref::<Literal>()
                .and_then(|role| literal_of(role.value()))
            {
                Some("text") => true,
                _ => return exec_err!("the second argument of profile can only be 'text'"),
            },
        },
    })
}

#[derive(Debug, Clone)]
struct ProfileSummary {
    data_type: DataType,
    text: bool,
}

impl Summary for ProfileSummary {
    type State = ColumnAccumulator;
    type Reader = ColumnReader;

    fn empty(&self) -> ColumnAccumulator {
        ColumnAccumulator::new(&self.data_type, self.text)
    }

    fn reader(&self, columns: &[ArrayRef]) -> Result<ColumnReader, EngineError> {
        Ok(ColumnReader::new(&columns[0]))
    }

    fn update_all(state: &mut ColumnAccumulator, reader: &ColumnReader, _: usize) {
        state.update_all(reader);
    }

    fn update_rows(state: &mut ColumnAccumulator, reader: &ColumnReader, rows: &[u32]) {
        state.update_rows(reader, rows);
    }

    fn merge(state: &mut ColumnAccumulator, other: &ColumnAccumulator) -> Result<(), EngineError> {
        Ok(state.merge(other)?)
    }

    fn encode(state: ColumnAccumulator) -> Vec<u8> {
        state.into_profile().to_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<ColumnAccumulator, EngineError> {
        Ok(ColumnProfile::from_bytes(bytes)?.into())
    }

    fn size_bytes(state: &ColumnAccumulator) -> usize {
        state.size_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{Float64Array, StringArray};

    /// Bytes that a column of a group may take, whatever its rows: what the
    /// documentation of [`crate::Rows::profile`] promises.
    const NUMBERS_BOUND: usize = 160 << 10;
    const CATEGORIES_BOUND: usize = 1_600 << 10;

    fn most_bytes(
        data_type: DataType,
        text: bool,
        batches: impl Iterator<Item = ArrayRef>,
    ) -> usize {
        let mut groups = Groups::new(ProfileSummary { data_type, text }, 10);
        let mut most = 0;
        for batch in batches {
            groups
                .update_batch(&[Arc::clone(&batch)], &vec![0; batch.len()], None, 1)
                .unwrap();
            most = most.max(groups.size());
        }
        most
    }

    #[test]
    fn memory_is_bounded_however_many_rows_and_values() {
        const ROWS: u64 = 1_000_000;
        let numbers = (0..ROWS / 8_192).map(|batch| {
            let values = (0..8_192).map(|row| ((batch * 8_192 + row) as f64).sin());
            Arc::new(Float64Array::from_iter_values(values)) as ArrayRef
        });
        let most = most_bytes(DataType::Float64, false, numbers);
        eprintln!("a million different numbers: {most} bytes");
        assert!(most < NUMBERS_BOUND, "{most}");
        // Twelve rows of each, so that the table of frequent values stays full.
        let texts = || {
            (0..6).map(|batch| {
                let values = (0..8_192).map(|row| format!("{:0200}", (batch * 8_192 + row) / 12));
                Arc::new(StringArray::from_iter_values(values)) as ArrayRef
            })
        };
        for text in [false, true] {
            let most = most_bytes(DataType::Utf8, text, texts());
            eprintln!("4,096 different strings of 200 bytes, text {text}: {most} bytes");
            assert!((3_000 * 200..CATEGORIES_BOUND).contains(&most), "{most}");
        }
    }

    #[test]
    fn a_group_takes_memory_from_its_first_row_on_and_gives_it_back() {
        let summary = ProfileSummary {
            data_type: DataType::Float64,
            text: false,
        };
        let mut groups = Groups::new(summary, 10);
        assert_eq!(groups.size(), 0);
        let values: ArrayRef = Arc::new(Float64Array::from_iter_values((0..5_000).map(f64::from)));
        groups
            .update_batch(&[values], &[3; 5_000], None, 4)
            .unwrap();
        let size = groups.size();
        assert!(size > 10_000);
        let states = groups.state(datafusion::logical_expr::EmitTo::All).unwrap();
        assert!(groups.size() < size / 10);
        groups.merge_batch(&states, &[0, 0, 0, 0], 1).unwrap();
        assert!(groups.size() > states[0].get_array_memory_size() / 2);
    }
}
