//! From a pipeline's `live` to the topic that it is.

use crate::{EvaluationError, TopicSource};
use driftline_engine::EngineConfig;
use driftline_pipeline::{Pipeline, config::TopicSetting};
use std::collections::BTreeMap;

/// The topic of a pipeline, if its live data is one.
#[cfg(not(feature = "kafka"))]
pub(crate) async fn source(
    pipeline: &Pipeline,
    _config: &EngineConfig,
) -> Result<Option<TopicSource>, EvaluationError> {
    match pipeline.live.brokers_and_topic() {
        None => Ok(None),
        Some(_) => Err(
            "this build reads no topics: build it with `--features kafka`, which compiles \
             librdkafka"
                .into(),
        ),
    }
}

#[cfg(feature = "kafka")]
pub(crate) use kafka::{plain_settings, source};

/// Settings whose files are read against the pipeline's folder.
pub(crate) fn placed_settings(
    pipeline: &Pipeline,
    settings: &BTreeMap<String, TopicSetting>,
) -> BTreeMap<String, TopicSetting> {
    let settings = settings.iter().map(|(name, setting)| {
        let setting = match setting {
            TopicSetting::Secret(reference) => TopicSetting::Secret(pipeline.placed(reference)),
            plain => plain.clone(),
        };
        (name.clone(), setting)
    });
    settings.collect()
}

#[cfg(feature = "kafka")]
mod kafka {
    use super::{
        BTreeMap, EngineConfig, EvaluationError, Pipeline, TopicSetting, TopicSource,
        placed_settings,
    };
    use crate::{OpenTopic, delivery::read_secret, schema_registry::HttpRegistry};
    use async_trait::async_trait;
    use driftline_engine::{
        ColumnInfo, Engine, Source,
        topic::{
            Avro, Decoder, DecoderOptions, KafkaOptions, KafkaTopic, PayloadFormat, Protobuf, Topic,
        },
    };
    use driftline_pipeline::config::{TopicConfig, TopicFormat, TopicStart};
    use secrecy::ExposeSecret as _;
    use std::{sync::Arc, time::Duration};

    /// The topic of a pipeline, if its live data is one.
    pub(crate) async fn source(
        pipeline: &Pipeline,
        config: &EngineConfig,
    ) -> Result<Option<TopicSource>, EvaluationError> {
        let (Some((brokers, name)), Some(time)) =
            (pipeline.live.brokers_and_topic(), &pipeline.time)
        else {
            return Ok(None);
        };
        let topic = pipeline.live.topic.clone().unwrap_or_default();
        let panes = time.panes()?;
        let seconds =
            |time: driftline_pipeline::config::Duration| Duration::from_secs(time.seconds());
        let group = format!("driftline-{}", pipeline.name);
        let opener = Kafka(KafkaOptions {
            brokers: brokers.to_owned(),
            topic: name.to_owned(),
            group: topic.group.clone().unwrap_or(group),
            settings: plain_settings(&placed_settings(pipeline, &topic.settings))
                .map_err(|error| format!("`topic.settings`: {error}"))?,
            from_beginning: topic.start == TopicStart::Beginning,
            next_offsets: BTreeMap::new(),
        });
        Ok(Some(TopicSource {
            topic: name.to_owned(),
            decoder: Decoder::new(DecoderOptions {
                format: format(pipeline, &topic, name)?,
                windows: panes.panes().clone(),
                columns: columns(pipeline, config).await?,
                key: topic.key.clone(),
                timestamp: topic.timestamp.clone(),
                headers: topic.headers.clone(),
            }),
            panes,
            out_of_orderness: seconds(topic.out_of_orderness),
            allowed_lateness: seconds(topic.allowed_lateness),
            idle: seconds(topic.idle),
            max_ahead: seconds(topic.max_ahead),
            max_dead_share: topic.max_dead_share,
            max_state_bytes: topic.max_state_mib.saturating_mul(1 << 20),
            opener: Arc::new(opener),
        }))
    }

    /// How messages of a topic hold their rows.
    fn format(
        pipeline: &Pipeline,
        topic: &TopicConfig,
        name: &str,
    ) -> Result<PayloadFormat, EvaluationError> {
        let file = || -> Result<(Vec<u8>, String), EvaluationError> {
            let path = topic.schema.as_ref().ok_or("`schema` is missing")?;
            let path = pipeline.path(path).display().to_string();
            match std::fs::read(&path) {
                Ok(bytes) => Ok((bytes, path)),
                Err(error) => Err(format!("`topic.schema`: {path} cannot be read: {error}").into()),
            }
        };
        Ok(match (topic.format, &topic.registry) {
            (TopicFormat::Json, _) => PayloadFormat::Json,
            (TopicFormat::Csv, _) => PayloadFormat::Csv {
                columns: topic.columns.clone(),
                delimiter: u8::try_from(topic.delimiter).map_err(|_| "`delimiter` is not ASCII")?,
            },
            (TopicFormat::Avro, Some(registry)) => {
                let login = registry.login.as_ref().map(|login| {
                    let read = read_secret(&pipeline.placed(login));
                    read.map_err(|error| format!("`topic.registry.login`: `{login}` {error}"))
                });
                let login = login.transpose()?;
                let registry = HttpRegistry::new(&registry.url, login.as_ref(), name)
                    .map_err(|reason| format!("`topic`: {reason}"))?;
                PayloadFormat::Avro(Avro::with_registry(Arc::new(registry)))
            }
            (TopicFormat::Avro, None) => {
                let (bytes, path) = file()?;
                let schema = String::from_utf8_lossy(&bytes).into_owned();
                let avro = Avro::with_schema(schema, topic.framed);
                PayloadFormat::Avro(avro.map_err(|reason| format!("{path}: {reason}"))?)
            }
            (TopicFormat::Protobuf, _) => {
                let (bytes, path) = file()?;
                let message = topic.message.as_deref().ok_or("`message` is missing")?;
                let protobuf = Protobuf::new(&bytes, message, topic.framed);
                PayloadFormat::Protobuf(protobuf.map_err(|reason| format!("{path}: {reason}"))?)
            }
        })
    }

    /// The columns of the training data, before it is prepared; none where it is a frozen
    /// baseline, which knows only the prepared ones.
    async fn columns(
        pipeline: &Pipeline,
        config: &EngineConfig,
    ) -> Result<Vec<ColumnInfo>, EvaluationError> {
        let location = pipeline.source(&pipeline.baseline);
        if std::path::Path::new(&location)
            .join("manifest.json")
            .exists()
        {
            return Ok(Vec::new());
        }
        let source = Source {
            skip_corrupt: pipeline.skip_corrupt,
            ..Source::new(location)
        };
        let rows = Engine::new(config.clone())?.open(&source).await?;
        Ok(rows.columns())
    }

    /// Settings with their values, secrets as they stand now.
    ///
    /// # Errors
    /// The setting whose secret cannot be read.
    pub(crate) fn plain_settings(
        settings: &BTreeMap<String, TopicSetting>,
    ) -> Result<BTreeMap<String, String>, String> {
        let plain = settings.iter().map(|(name, setting)| {
            let value = match setting {
                TopicSetting::Plain(value) => value.clone(),
                TopicSetting::Secret(reference) => {
                    let secret = read_secret(reference)
                        .map_err(|error| format!("`{name}`: `{reference}` {error}"))?;
                    secret.expose_secret().trim_end().to_owned()
                }
            };
            Ok((name.clone(), value))
        });
        plain.collect()
    }

    struct Kafka(KafkaOptions);

    #[async_trait]
    impl OpenTopic for Kafka {
        async fn open(
            &self,
            next_offsets: BTreeMap<i32, i64>,
        ) -> Result<Box<dyn Topic>, EvaluationError> {
            let options = KafkaOptions {
                next_offsets,
                ..self.0.clone()
            };
            let opened = tokio::task::spawn_blocking(move || KafkaTopic::open(options)).await??;
            Ok(Box::new(opened))
        }
    }
}
