//! What targets share: bytes as a file that the engine reads as a user's.

use driftline_engine::{Engine, EngineConfig, Source};
use std::{io::Write, num::NonZeroUsize};

/// Reads some bytes from a file of a name and looks at all its rows. Whatever they are,
/// the answer is rows or an error.
pub fn read(ending: &str, bytes: &[u8], skip_corrupt: u64) {
    let mut file = tempfile::Builder::new()
        .suffix(ending)
        .tempfile()
        .expect("a temporary file");
    file.write_all(bytes).expect("room for a few bytes");
    let source = Source {
        skip_corrupt,
        ..Source::new(file.path().display().to_string())
    };
    let config = EngineConfig {
        threads: NonZeroUsize::new(1),
        ..EngineConfig::default()
    };
    let engine = Engine::new(config).expect("the shipped rules");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        if let Ok(rows) = engine.open(&source).await {
            drop(rows.collect().await);
        }
    });
}
