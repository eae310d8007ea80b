//! `score(model, column, …)`: what a model makes of a row, as a column like any other.

#[cfg(feature = "cluster")]
mod shipped;

use crate::{
    EngineError,
    window::{literal, literal_of},
};
use datafusion::{
    arrow::{
        array::Array,
        datatypes::{DataType, Field, FieldRef},
    },
    common::{internal_err, plan_err},
    error::Result,
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
    },
};
use driftline_scorer::Scorer;
use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::{Arc, PoisonError, RwLock},
};

/// The models that SQL can name.
#[derive(Debug, Default)]
pub(crate) struct Scorers(RwLock<BTreeMap<String, Named>>);

#[derive(Debug, Clone)]
enum Named {
    Loaded(Scorer),
    /// One that is loaded when it is first asked for.
    #[cfg(feature = "cluster")]
    InFolder(shipped::Bundle),
}

impl Scorers {
    pub(crate) fn add(&self, name: &str, scorer: Scorer) {
        let mut models = self.0.write().unwrap_or_else(PoisonError::into_inner);
        models.insert(name.to_owned(), Named::Loaded(scorer));
    }

    pub(crate) fn get(&self, name: &str) -> Result<Scorer, EngineError> {
        let models = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match models.get(name) {
            Some(Named::Loaded(scorer)) => Ok(scorer.clone()),
            #[cfg(feature = "cluster")]
            Some(Named::InFolder(bundle)) => bundle.load(),
            None => Err(EngineError::UnknownName {
                kind: "model".into(),
                name: name.to_owned(),
                known: models.keys().cloned().collect(),
            }),
        }
    }
}

/// `score(model, column, …)` with the columns that the model's manifest names, in its
/// order: a struct of what the model gives, null where there is nothing to score.
pub(crate) fn score_udf(scorers: Arc<Scorers>) -> ScalarUDF {
    ScalarUDF::new_from_impl(ScoreFunction {
        signature: Signature::variadic_any(Volatility::Immutable),
        scorers,
    })
}

#[derive(Debug)]
struct ScoreFunction {
    signature: Signature,
    scorers: Arc<Scorers>,
}

impl PartialEq for ScoreFunction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.scorers, &other.scorers)
    }
}

impl Eq for ScoreFunction {}

impl Hash for ScoreFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.scorers).hash(state);
    }
}

impl ScalarUDFImpl for ScoreFunction {
    fn name(&self) -> &str {
        "score"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type of a score depends on the model, not on types alone")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let name = args.scalar_arguments.first().copied().flatten();
        let Some(name) = name.and_then(literal_of) else {
            return plan_err!("argument 1 of score must be a model's name in quotes");
        };
        let scorer = self.scorers.get(name)?;
        Ok(Arc::new(Field::new(self.name(), scorer.score_type(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scorer = self.scorers.get(&literal(&args, 0)?)?;
        let columns = args.args[1..]
            .iter()
            .map(|column| column.to_array(args.number_rows))
            .collect::<Result<Vec<_>>>()?;
        let scores = scorer.score_columns(&columns).map_err(EngineError::from)?;
        debug_assert_eq!(scores.data_type(), &scorer.score_type());
        Ok(ColumnarValue::Array(Arc::new(scores)))
    }
}

/// The models of a function `score`.
#[cfg(feature = "cluster")]
pub(crate) fn scorers_of(function: &ScalarUDF) -> Option<&Scorers> {
    Some(&function.inner().downcast_ref::<ScoreFunction>()?.scorers)
}
