//! `out_of_vocabulary(baseline, text[, fold])`: the share of a text that the
//! training data does not know, as a column that drifts like any other.

#[cfg(feature = "cluster")]
mod shipped;

use crate::{EngineError, window::literal};
use datafusion::{
    arrow::{
        array::{Array, AsArray, Float64Array},
        compute::cast,
        datatypes::{DataType, Int64Type},
    },
    error::Result,
    logical_expr::{
        ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
        Volatility,
    },
};
use driftline_vocabulary::{BaselineVocabulary, OovReader};
use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::{Arc, PoisonError, RwLock},
};

/// The vocabularies that SQL can name.
#[derive(Debug, Default)]
pub(crate) struct Vocabularies(RwLock<BTreeMap<String, Arc<BaselineVocabulary>>>);

impl Vocabularies {
    pub(crate) fn add(&self, name: &str, vocabulary: Arc<BaselineVocabulary>) {
        let mut vocabularies = self.0.write().unwrap_or_else(PoisonError::into_inner);
        vocabularies.insert(name.to_owned(), vocabulary);
    }

    fn get(&self, name: &str) -> Result<Arc<BaselineVocabulary>, EngineError> {
        let vocabularies = self.0.read().unwrap_or_else(PoisonError::into_inner);
        vocabularies
            .get(name)
            .cloned()
            .ok_or_else(|| EngineError::UnknownName {
                kind: "vocabulary".into(),
                name: name.to_owned(),
                known: vocabularies.keys().cloned().collect(),
            })
    }
}

/// The function; `fold` is the part of the training data that a training text is of.
pub(crate) fn out_of_vocabulary_udf(vocabularies: Arc<Vocabularies>) -> ScalarUDF {
    ScalarUDF::new_from_impl(OutOfVocabulary {
        signature: Signature::one_of(
            vec![TypeSignature::Any(2), TypeSignature::Any(3)],
            Volatility::Immutable,
        ),
        vocabularies,
    })
}

#[derive(Debug)]
struct OutOfVocabulary {
    signature: Signature,
    vocabularies: Arc<Vocabularies>,
}

impl PartialEq for OutOfVocabulary {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.vocabularies, &other.vocabularies)
    }
}

impl Eq for OutOfVocabulary {}

impl Hash for OutOfVocabulary {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.vocabularies).hash(state);
    }
}

impl ScalarUDFImpl for OutOfVocabulary {
    fn name(&self) -> &str {
        "out_of_vocabulary"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let vocabulary = self.vocabularies.get(&literal(&args, 0)?)?;
        let texts = cast(&args.args[1].to_array(args.number_rows)?, &DataType::Utf8)?;
        let folds = match args.args.get(2) {
            Some(folds) => Some(cast(&folds.to_array(args.number_rows)?, &DataType::Int64)?),
            None => None,
        };
        let folds = folds
            .as_ref()
            .map(|folds| folds.as_primitive::<Int64Type>());
        let mut reader = OovReader::default();
        let shares: Float64Array = texts
            .as_string::<i32>()
            .iter()
            .enumerate()
            .map(|(row, text)| {
                let fold = folds
                    .filter(|folds| folds.is_valid(row))
                    .and_then(|folds| u8::try_from(folds.value(row)).ok());
                text.and_then(|text| reader.share(&vocabulary, text, fold))
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(shares)))
    }
}

/// The vocabularies of a function `out_of_vocabulary`.
#[cfg(feature = "cluster")]
pub(crate) fn vocabularies_of(function: &ScalarUDF) -> Option<&Vocabularies> {
    Some(
        &function
            .inner()
            .downcast_ref::<OutOfVocabulary>()?
            .vocabularies,
    )
}
