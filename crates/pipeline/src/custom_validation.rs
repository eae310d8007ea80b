//! Validations of one's own over statistics: the schema crate says what to ask, the engine
//! evaluates it.

use crate::PipelineError;
use driftline_engine::{DataType, Engine, EngineError, Field};
use driftline_schema::check::Checked;
use driftline_schema::tfmd::{
    DatasetFeatureStatisticsList,
    custom_validation::{
        Question, Shape, ShapeKind, anomalies, answered, questions, statistics_shape,
    },
    data_validation::CustomValidationConfig,
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Asks what a configuration says of statistics in an environment, and adds what is false
/// to what was found. `base` are the statistics that pairs compare with.
///
/// # Errors
/// [`PipelineError::Schema`] for slices and features that are not there,
/// [`PipelineError::Configuration`] for an expression that is wrong, or neither true nor
/// false.
pub async fn validate(
    engine: &Engine,
    config: &CustomValidationConfig,
    statistics: &DatasetFeatureStatisticsList,
    base: Option<&DatasetFeatureStatisticsList>,
    environment: Option<&str>,
    checked: &mut Checked,
) -> Result<(), PipelineError> {
    let questions = questions(config, statistics, base, environment)?;
    let mut answers = Vec::with_capacity(questions.len());
    for question in &questions {
        answers.push(answer(engine, question).await?);
    }
    answered(&mut checked.tfdv, &questions, &answers);
    checked.anomalies.extend(anomalies(&questions, &answers));
    Ok(())
}

async fn answer(engine: &Engine, question: &Question) -> Result<bool, PipelineError> {
    let shape = statistics_shape();
    let mut fields = Vec::new();
    let mut row = Map::new();
    for (name, values) in &question.statistics {
        let inner = shape.iter().map(field).collect();
        fields.push(Arc::new(Field::new(*name, DataType::Struct(inner), true)));
        row.insert((*name).to_owned(), values.clone());
    }
    // Of a single feature the fields can be named alone.
    if let [(_, Value::Object(values))] = question.statistics.as_slice() {
        fields.extend(shape.iter().map(|shape| Arc::new(field(shape))));
        row.extend(values.clone());
    }
    let unfit = |what: String| PipelineError::Configuration {
        message: format!("the custom validation `{}` {what}", question.sql),
    };
    match engine
        .is_true(fields, &Value::Object(row), &question.sql)
        .await
    {
        Ok(Some(holds)) => Ok(holds),
        Ok(None) => Err(unfit(
            "is null: a part of the statistics that it names is not set".into(),
        )),
        Err(error @ (EngineError::Sql { .. } | EngineError::UnknownColumn { .. })) => {
            Err(unfit(format!("is wrong: {error}")))
        }
        Err(error) => Err(error.into()),
    }
}

fn field(shape: &Shape) -> Field {
    let kind = match &shape.kind {
        ShapeKind::Boolean => DataType::Boolean,
        ShapeKind::Integer => DataType::Int64,
        ShapeKind::Unsigned => DataType::UInt64,
        ShapeKind::Float => DataType::Float64,
        ShapeKind::Text => DataType::Utf8,
        ShapeKind::Message(inner) => DataType::Struct(inner.iter().map(field).collect()),
    };
    match shape.repeated {
        true => Field::new_list(&shape.name, Field::new_list_field(kind, true), true),
        false => Field::new(&shape.name, kind, true),
    }
}
