//! Plans as bytes, with what is Driftline's own in them.
//!
//! Everything else, Ballista's operators too, is written by their own codecs.

use super::scan;
use crate::{EngineError, oov_udf, profile_udaf, score_udf, text_udf, tokens_udf, vocabulary_udaf};
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::{
    common::internal_err,
    error::{DataFusionError, Result},
    execution::TaskContext,
    logical_expr::{AggregateUDF, ScalarUDF},
    physical_plan::ExecutionPlan,
};
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use prost::Message;
use std::sync::Arc;

/// What begins the bytes of an operator of ours.
const OURS: &[u8] = b"driftline:";

/// A scan of ours.
#[derive(Clone, PartialEq, Message)]
struct ScanMessage {
    #[prost(bytes = "vec", tag = "1")]
    schema: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    parts: Vec<Vec<u8>>,
    #[prost(uint64, optional, tag = "3")]
    limit: Option<u64>,
}

/// Writes and reads plans with operators and functions of ours.
#[derive(Debug, Default)]
pub(super) struct PlanCodec {
    theirs: BallistaPhysicalExtensionCodec,
}

impl PhysicalExtensionCodec for PlanCodec {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(ours) = bytes.strip_prefix(OURS) else {
            return self.theirs.try_decode(bytes, inputs, context, converter);
        };
        let scan = ScanMessage::decode(ours).map_err(damaged)?;
        let schema = Arc::new(crate::source::schema_of_bytes(&scan.schema)?);
        let limit = scan.limit.map(|limit| limit as usize);
        Ok(scan::limited_parts_exec(schema, scan.parts, limit))
    }

    fn try_encode(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let Some(scan) = scan::Scan::of(plan.as_ref()) else {
            return self.theirs.try_encode(plan, bytes, converter);
        };
        bytes.extend_from_slice(OURS);
        let message = ScanMessage {
            schema: crate::source::bytes_of_schema(&scan.schema)?,
            parts: scan.parts.into_iter().map(<[u8]>::to_vec).collect(),
            limit: scan.limit.map(|limit| limit as u64),
        };
        message
            .encode(bytes)
            .map_err(|error| DataFusionError::External(Box::new(error)))
    }

    fn try_encode_udf(&self, function: &ScalarUDF, bytes: &mut Vec<u8>) -> Result<()> {
        if let Some(scorers) =
            score_udf::scorers_of(function).or_else(|| tokens_udf::scorers_of(function))
        {
            scorers.write(bytes)?;
        } else if let Some(vocabularies) = oov_udf::vocabularies_of(function) {
            vocabularies.write(bytes)?;
        } else if let Some(rules) = text_udf::rules_of(function) {
            bytes.extend_from_slice(rules.text().as_bytes());
        }
        Ok(())
    }

    fn try_decode_udf(&self, name: &str, bytes: &[u8]) -> Result<Arc<ScalarUDF>> {
        let function = match name {
            "score" => score_udf::score_udf(score_udf::Scorers::read(bytes)?),
            "tokens" => tokens_udf::tokens_udf(score_udf::Scorers::read(bytes)?),
            "out_of_vocabulary" => {
                oov_udf::out_of_vocabulary_udf(oov_udf::Vocabularies::read(bytes)?)
            }
            "is_advert" => text_udf::is_advert_udf(text_udf::AdvertRules::parse(
                "rules of advertisements",
                std::str::from_utf8(bytes).map_err(damaged)?,
            )?),
            _ => return self.theirs.try_decode_udf(name, bytes),
        };
        Ok(Arc::new(function))
    }

    fn try_encode_udaf(&self, function: &AggregateUDF, bytes: &mut Vec<u8>) -> Result<()> {
        let limit = profile_udaf::max_groups_of(function)
            .or_else(|| vocabulary_udaf::max_groups_of(function));
        if let Some(limit) = limit {
            bytes.extend_from_slice(&(limit as u64).to_le_bytes());
        }
        Ok(())
    }

    fn try_decode_udaf(&self, name: &str, bytes: &[u8]) -> Result<Arc<AggregateUDF>> {
        let Ok(limit) = bytes.try_into().map(u64::from_le_bytes) else {
            return internal_err!("the function {name} came without its limit");
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        match name {
            "profile" => Ok(Arc::new(profile_udaf::profile_udaf(limit))),
            "vocabulary" => Ok(Arc::new(vocabulary_udaf::vocabulary_udaf(limit))),
            _ => self.theirs.try_decode_udaf(name, bytes),
        }
    }
}

fn damaged(error: impl std::fmt::Display) -> EngineError {
    EngineError::Query {
        reason: format!("a plan arrived damaged: {error}"),
    }
}
