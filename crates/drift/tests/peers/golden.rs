//! Files of golden values.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// The folder of what is shared between working copies, where there is one.
pub(crate) fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared")
}

/// One file.
pub(crate) struct Golden(Value);

impl Golden {
    pub(crate) fn open(name: &str) -> Option<Self> {
        // Values of another run of the tools, of the same form, may be put in their place.
        let folder = std::env::var_os("PEER_GOLDEN")
            .map_or_else(|| shared().join("peer-golden"), PathBuf::from);
        let path = folder.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(Self(serde_json::from_str(&text).unwrap())),
            Err(_) => {
                eprintln!("SKIPPED: {} is not there", path.display());
                None
            }
        }
    }

    pub(crate) fn cases(&self) -> impl Iterator<Item = &Value> {
        self.0["cases"].as_array().unwrap().iter()
    }
}
