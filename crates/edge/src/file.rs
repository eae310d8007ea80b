//! Files that appear whole or not at all.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::EdgeError;

/// A power cut leaves the new name, too.
#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Writes a file beside its place and renames it.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), EdgeError> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let put = || {
        let mut file = File::create(&part)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&part, path)?;
        sync_folder(path)
    };
    put().map_err(|error| {
        // What is left of it is of no use to anybody.
        std::fs::remove_file(&part).unwrap_or_default();
        EdgeError::Unwritable {
            place: path.display().to_string(),
            reason: error.to_string(),
        }
    })
}
