//! Models on their way to executors: the folder of a bundle, and the hash of what is in it.
//!
//! An executor loads a bundle once, from the same path, and refuses one of other content: two
//! versions of a model in one column would be drift of our own making.

use super::{Named, Scorers};
use crate::EngineError;
use driftline_scorer::Scorer;
use prost::Message;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError, RwLock},
};
use xxhash_rust::xxh3::Xxh3;

/// Models that an executor keeps loaded; all are forgotten when there is one more.
const MOST_LOADED: usize = 16;

#[derive(Clone, PartialEq, Message)]
struct ModelsMessage {
    #[prost(message, repeated, tag = "1")]
    models: Vec<ModelMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct ModelMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    folder: String,
    #[prost(string, tag = "3")]
    content: String,
}

/// A bundle by its place and content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bundle {
    folder: PathBuf,
    content: String,
}

static LOADED: LazyLock<Mutex<BTreeMap<Bundle, Scorer>>> = LazyLock::new(Mutex::default);

impl Bundle {
    fn of(folder: &Path) -> Result<Self, EngineError> {
        let unreadable =
            |error: std::io::Error| EngineError::io(&folder.display().to_string(), &error);
        let folder = fs::canonicalize(folder).map_err(unreadable)?;
        Ok(Self {
            content: content(&folder).map_err(unreadable)?,
            folder,
        })
    }

    pub(super) fn load(&self) -> Result<Scorer, EngineError> {
        // Held while a bundle is loaded, so that the tasks of a stage load it once.
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scorer) = loaded.get(self) {
            return Ok(scorer.clone());
        }
        let folder = self.folder.display().to_string();
        let unreadable = |reason: String| EngineError::Unreadable {
            file: folder.clone(),
            reason,
        };
        let here = content(&self.folder).map_err(|error| {
            unreadable(format!(
                "the model bundle is not there for an executor of the cluster ({error}); \
                 executors read bundles by the same path as the client"
            ))
        })?;
        if here != self.content {
            return Err(unreadable(
                "the model bundle of an executor of the cluster is another one; give all the same"
                    .into(),
            ));
        }
        let scorer = Scorer::load(&self.folder).map_err(|error| unreadable(error.to_string()))?;
        if loaded.len() >= MOST_LOADED {
            loaded.clear();
        }
        loaded.insert(self.clone(), scorer.clone());
        Ok(scorer)
    }
}

/// A hash of the names and bytes of the files in a folder.
fn content(folder: &Path) -> std::io::Result<String> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    let mut hash = Xxh3::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().as_encoded_bytes();
        let bytes = fs::read(&file)?;
        for part in [name, bytes.as_slice()] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    Ok(format!("{:032x}", hash.digest128()))
}

impl Scorers {
    /// Writes where each model is.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) -> Result<(), EngineError> {
        let models = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let models = models.iter().map(|(name, named)| {
            let bundle = match named {
                Named::Loaded(scorer) => Bundle::of(scorer.folder())?,
                Named::InFolder(bundle) => bundle.clone(),
            };
            Ok(ModelMessage {
                name: name.clone(),
                folder: bundle.folder.display().to_string(),
                content: bundle.content,
            })
        });
        let message = ModelsMessage {
            models: models.collect::<Result<_, EngineError>>()?,
        };
        message.encode(bytes).map_err(|error| EngineError::Query {
            reason: error.to_string(),
        })
    }

    /// What [`write`](Self::write) wrote. Nothing is loaded yet.
    pub(crate) fn read(bytes: &[u8]) -> Result<Arc<Self>, EngineError> {
        let message = ModelsMessage::decode(bytes).map_err(|error| EngineError::Query {
            reason: format!("models arrived damaged: {error}"),
        })?;
        let models = message.models.into_iter().map(|model| {
            let bundle = Bundle {
                folder: model.folder.into(),
                content: model.content,
            };
            (model.name, Named::InFolder(bundle))
        });
        Ok(Arc::new(Self(RwLock::new(models.collect()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("manifest.yaml"), "name: a").unwrap();
        let sent = Bundle::of(folder.path()).unwrap();
        assert_eq!(Bundle::of(folder.path()).unwrap(), sent);
        fs::write(folder.path().join("manifest.yaml"), "name: b").unwrap();
        let error = sent.load().unwrap_err().to_string();
        assert!(error.contains("another one"), "{error}");
        fs::remove_dir_all(folder.path()).unwrap();
        let error = sent.load().unwrap_err().to_string();
        assert!(error.contains("same path"), "{error}");
    }
}
