//! Objects behind URLs: `s3://`, `gs://`, `az://`, `http://`, `https://`.
//!
//! An object is copied into a temporary file first, by one request. The readers go over a text
//! file twice and over a Parquet file once for some columns at a time; meanwhile the object may
//! be replaced, and half of one and half of the other would be a table that never was. What was
//! listed and what came are compared, so a change is an error.

mod aws_profile;

use super::{
    discover::{is_data, is_pattern},
    elsewhere,
};
use crate::EngineError;
use futures::{StreamExt, TryStreamExt};
use object_store_cloud::{
    ClientOptions, Error, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey},
    azure::MicrosoftAzureBuilder,
    gcp::GoogleCloudStorageBuilder,
    http::HttpBuilder,
    path::Path as Key,
};
use std::{io::Write, path::Path, time::Duration};
use tempfile::{NamedTempFile, TempPath};

/// Objects that are copied at a time.
const COPIES_AT_ONCE: usize = 8;
/// Requests after the first that one fails for; and for how long.
const RETRIES: usize = 4;
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// Whether a location is a URL.
pub(super) fn is_url(location: &str) -> bool {
    location.contains("://")
}

/// An object as it was listed.
#[derive(Debug, Clone)]
pub(super) struct Object {
    /// Its URL.
    pub(super) name: String,
    pub(super) size_bytes: u64,
    /// Another for other content: the entity tag, or the time of the last change.
    pub(super) version: String,
    key: Key,
}

/// The objects of a URL, in the order of their names.
pub(super) fn list(location: &str) -> Result<Vec<Object>, EngineError> {
    let bucket = Bucket::of(location)?;
    block_on(|| bucket.list())?
}

/// The wanted objects of a URL, each in a temporary file.
pub(super) fn copies(
    location: &str,
    is_wanted: impl Fn(&str) -> bool + Sync,
) -> Result<Vec<(String, TempPath)>, EngineError> {
    let bucket = Bucket::of(location)?;
    block_on(|| async {
        let mut objects = bucket.list().await?;
        objects.retain(|object| is_wanted(&object.name));
        futures::stream::iter(objects)
            .map(|object| bucket.copy(object))
            .buffered(COPIES_AT_ONCE)
            .try_collect()
            .await
    })?
}

/// Makes and runs a future on a thread of its own: sources are opened from threads with and without a
/// runtime.
fn block_on<T: Send, F: Future<Output = T>>(
    future: impl FnOnce() -> F + Send,
) -> Result<T, EngineError> {
    let failed = |reason: String| EngineError::Query { reason };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.map(|runtime| runtime.block_on(future()))
        });
        let done = thread
            .join()
            .map_err(|_| failed("the copy of an object ended unexpectedly".into()))?;
        done.map_err(|error| failed(error.to_string()))
    })
}

struct Bucket<'a> {
    location: &'a str,
    /// Scheme and host, to which the keys of objects are added.
    root: String,
    key: &'a str,
    scheme: &'a str,
    store: Box<dyn ObjectStore>,
}

impl<'a> Bucket<'a> {
    fn of(location: &'a str) -> Result<Self, EngineError> {
        let (scheme, rest) = location.split_once("://").unwrap_or(("", location));
        let (host, key) = rest.split_once('/').unwrap_or((rest, ""));
        let root = format!("{scheme}://{host}");
        // A second call finds the provider of the first, which is the same.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let retry = RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRY_TIMEOUT,
            ..RetryConfig::default()
        };
        let store: Result<Box<dyn ObjectStore>, Error> = match scheme {
            "s3" | "s3a" => s3(host, retry).map(|store| Box::new(store) as _),
            "gs" => GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(host)
                .with_retry(retry)
                .build()
                .map(|store| Box::new(store) as _),
            "az" | "azure" | "abfs" | "abfss" => MicrosoftAzureBuilder::from_env()
                .with_url(&root)
                .with_retry(retry)
                .build()
                .map(|store| Box::new(store) as _),
            "kafka" => {
                return Err(EngineError::Topic {
                    topic: key.into(),
                    reason: "`driftline serve` reads topics, window by window".into(),
                });
            }
            "http" | "https" if key.contains('?') => {
                return Err(EngineError::Unreadable {
                    file: location.into(),
                    reason: "a URL with a query is not asked for; fetch it and pipe it: \
                             `curl … | driftline … -`"
                        .into(),
                });
            }
            "http" | "https" => HttpBuilder::new()
                .with_url(&root)
                .with_client_options(ClientOptions::new().with_allow_http(true))
                .with_retry(retry)
                .build()
                .map(|store| Box::new(store) as _),
            _ => {
                return Err(
                    elsewhere::database(scheme).unwrap_or_else(|| EngineError::Scheme {
                        location: location.into(),
                        scheme: scheme.into(),
                    }),
                );
            }
        };
        let store = store.map_err(|error| EngineError::Remote {
            location: location.into(),
            reason: reason(&error),
        })?;
        Ok(Self {
            location,
            root,
            key,
            scheme,
            store,
        })
    }

    fn has_folders(&self) -> bool {
        !matches!(self.scheme, "http" | "https")
    }

    fn key(&self, key: &str) -> Result<Key, EngineError> {
        // What comes over HTTP is written as URLs are; names of objects are as they are.
        let parsed = match self.has_folders() {
            true => Key::parse(key),
            false => Key::from_url_path(key),
        };
        parsed.map_err(|error| EngineError::Unreadable {
            file: self.location.into(),
            reason: error.to_string(),
        })
    }

    async fn list(&self) -> Result<Vec<Object>, EngineError> {
        let mut found = match is_pattern(self.key) && self.has_folders() {
            true => self.matches().await?,
            false => self.object_or_folder().await?,
        };
        found.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(found.into_iter().map(|meta| self.object(meta)).collect())
    }

    async fn matches(&self) -> Result<Vec<ObjectMeta>, EngineError> {
        let wrong = |reason: String| EngineError::Pattern {
            pattern: self.location.into(),
            reason,
        };
        let pattern = glob::Pattern::new(self.key).map_err(|error| wrong(error.to_string()))?;
        let special = self.key.find(['*', '?', '[']).unwrap_or(self.key.len());
        let plain = self.key.get(..special).unwrap_or_default();
        let folder = plain.rsplit_once('/').map_or("", |(folder, _)| folder);
        let options = glob::MatchOptions {
            require_literal_separator: true,
            ..glob::MatchOptions::new()
        };
        let mut found = self.below(folder).await?;
        found.retain(|meta| pattern.matches_with(meta.location.as_ref(), options));
        if found.is_empty() {
            return Err(EngineError::NoMatch {
                pattern: self.location.into(),
            });
        }
        Ok(found)
    }

    async fn object_or_folder(&self) -> Result<Vec<ObjectMeta>, EngineError> {
        let missing = || EngineError::NoObject {
            location: self.location.into(),
        };
        if !self.key.is_empty() && !self.key.ends_with('/') {
            match self.store.head(&self.key(self.key)?).await {
                Ok(meta) => return Ok(vec![meta]),
                Err(Error::NotFound { .. }) if self.has_folders() => {}
                Err(error) => return Err(self.failed(self.location, error)),
            }
        } else if !self.has_folders() {
            return Err(missing());
        }
        let mut found = self.below(self.key).await?;
        if found.is_empty() && !self.key.is_empty() && !self.key.ends_with('/') {
            return Err(missing());
        }
        let above = self.key.split('/').filter(|part| !part.is_empty()).count();
        for meta in &found {
            let name: Vec<&str> = meta.location.as_ref().split('/').skip(above).collect();
            if let Some(refused) = elsewhere::lake_table(self.location, &name.join("/")) {
                return Err(refused);
            }
        }
        found.retain(|meta| {
            let name: &str = meta.location.as_ref();
            let mut below = name.split('/').skip(above);
            is_data(Path::new(name)) && !below.any(|part| part.starts_with(['.', '_']))
        });
        if found.is_empty() {
            return Err(EngineError::NoDataFiles {
                directory: self.location.into(),
            });
        }
        Ok(found)
    }

    /// All objects below a folder. Folders themselves, which some tools make as objects of no
    /// bytes, are none.
    async fn below(&self, folder: &str) -> Result<Vec<ObjectMeta>, EngineError> {
        let prefix = self.key(folder.trim_end_matches('/'))?;
        let prefix = Some(&prefix).filter(|prefix| prefix.parts().next().is_some());
        let found: Result<Vec<ObjectMeta>, Error> = self.store.list(prefix).try_collect().await;
        found.map_err(|error| self.failed(self.location, error))
    }

    fn object(&self, meta: ObjectMeta) -> Object {
        Object {
            name: format!("{}/{}", self.root, meta.location),
            size_bytes: meta.size,
            version: version(&meta),
            key: meta.location,
        }
    }

    async fn copy(&self, object: Object) -> Result<(String, TempPath), EngineError> {
        let Object { name, key, .. } = &object;
        let failed = |error| self.failed(name, error);
        let answer = self.store.get(key).await.map_err(failed)?;
        if version(&answer.meta) != object.version {
            return Err(EngineError::Changed { file: object.name });
        }
        let unwritable = |error| EngineError::unwritable(&std::env::temp_dir(), error);
        let mut file = NamedTempFile::new().map_err(unwritable)?;
        let mut chunks = answer.into_stream();
        let mut copied = 0;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(failed)?;
            copied += chunk.len() as u64;
            file.write_all(&chunk).map_err(unwritable)?;
        }
        if copied != object.size_bytes {
            return Err(EngineError::Changed { file: object.name });
        }
        file.flush().map_err(unwritable)?;
        Ok((object.name, file.into_temp_path()))
    }

    fn failed(&self, name: &str, error: Error) -> EngineError {
        match error {
            Error::NotFound { .. } => EngineError::NoObject {
                location: name.into(),
            },
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => EngineError::Denied {
                location: name.into(),
                credentials: credentials(self.scheme).into(),
            },
            Error::Precondition { .. } => EngineError::Changed { file: name.into() },
            // Of a list that fails only the text says why.
            error => match reason(&error) {
                reason if reason.contains("404 Not Found") => EngineError::NoObject {
                    location: name.into(),
                },
                reason if reason.contains("403 Forbidden") => EngineError::Denied {
                    location: name.into(),
                    credentials: credentials(self.scheme).into(),
                },
                reason => EngineError::Remote {
                    location: name.into(),
                    reason,
                },
            },
        }
    }
}

/// As the AWS SDKs find it: the environment, the profile's files, and what containers and
/// machines are given.
fn s3(bucket: &str, retry: RetryConfig) -> Result<AmazonS3, Error> {
    let mut builder = AmazonS3Builder::from_env();
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if !is_set("AWS_ACCESS_KEY_ID") && !is_set("AWS_WEB_IDENTITY_TOKEN_FILE") {
        for (key, value) in aws_profile::read() {
            if builder.get_config_value(&key).is_none() {
                builder = builder.with_config(key, value);
            }
        }
    }
    if let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL_S3") {
        builder = builder.with_endpoint(endpoint);
    }
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
    if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        builder = builder.with_allow_http(true);
    }
    builder.with_bucket_name(bucket).with_retry(retry).build()
}

/// What tells one content of an object from another.
fn version(meta: &ObjectMeta) -> String {
    match &meta.e_tag {
        Some(tag) => tag.clone(),
        None => meta.last_modified.to_rfc3339(),
    }
}

/// How credentials are given.
fn credentials(scheme: &str) -> &'static str {
    match scheme {
        "s3" | "s3a" => {
            "give credentials by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, by AWS_PROFILE, or by \
             the machine's role; for a public bucket set AWS_SKIP_SIGNATURE=true"
        }
        "gs" => {
            "give credentials by GOOGLE_APPLICATION_CREDENTIALS, or by `gcloud auth \
             application-default login`; for a public bucket set GOOGLE_SKIP_SIGNATURE=true"
        }
        "az" | "azure" | "abfs" | "abfss" => {
            "give credentials by AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or \
             AZURE_STORAGE_SAS_TOKEN; for a public container set AZURE_SKIP_SIGNATURE=true"
        }
        _ => "the server wants a login, which is not asked for here; fetch it and pipe it",
    }
}

/// What went wrong, on one line.
fn reason(error: &Error) -> String {
    let text = error.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
