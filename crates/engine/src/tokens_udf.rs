//! `tokens(model, text)`: how well a model's tokenizer knows a text.

use crate::{EngineError, score_udf::Scorers, window::literal};
use datafusion::{
    arrow::datatypes::DataType,
    error::Result,
    logical_expr::{
        ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};
use driftline_scorer::TokenStatistics;
use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

/// `tokens(model, text)`: a struct of the share of words outside the vocabulary, the share of
/// unknown tokens and the tokens a character.
pub(crate) fn tokens_udf(scorers: Arc<Scorers>) -> ScalarUDF {
    ScalarUDF::new_from_impl(Tokens {
        signature: Signature::any(2, Volatility::Immutable),
        scorers,
    })
}

#[derive(Debug)]
struct Tokens {
    signature: Signature,
    scorers: Arc<Scorers>,
}

impl PartialEq for Tokens {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.scorers, &other.scorers)
    }
}

impl Eq for Tokens {}

impl Hash for Tokens {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.scorers).hash(state);
    }
}

impl ScalarUDFImpl for Tokens {
    fn name(&self) -> &str {
        "tokens"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(TokenStatistics::data_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scorer = self.scorers.get(&literal(&args, 0)?)?;
        let texts = args.args[1].to_array(args.number_rows)?;
        let statistics = scorer.token_statistics(&texts).map_err(EngineError::from)?;
        Ok(ColumnarValue::Array(Arc::new(statistics)))
    }
}

/// The models of a function `tokens`.
#[cfg(feature = "cluster")]
pub(crate) fn scorers_of(function: &ScalarUDF) -> Option<&Scorers> {
    Some(&function.inner().downcast_ref::<Tokens>()?.scorers)
}
