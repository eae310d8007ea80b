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
use driftline_statistics::{ColumnProfile, ColumnReader};
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
    type State = ColumnProfile;
    type Reader = ColumnReader;

    fn empty(&self) -> ColumnProfile {
        ColumnProfile::new(&self.data_type, self.text)
    }

    fn reader(&self, columns: &[ArrayRef]) -> Result<ColumnReader, EngineError> {
        Ok(ColumnReader::new(&columns[0]))
    }

    fn update(state: &mut ColumnProfile, reader: &ColumnReader, row: usize) {
        state.update_row(reader, row);
    }

    fn merge(state: &mut ColumnProfile, other: &ColumnProfile) -> Result<(), EngineError> {
        Ok(state.merge(other)?)
    }

    fn encode(state: &ColumnProfile) -> Vec<u8> {
        state.to_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<ColumnProfile, EngineError> {
        Ok(ColumnProfile::from_bytes(bytes)?)
    }

    fn size_bytes(state: &ColumnProfile) -> usize {
        state.size_bytes()
    }
}
