//! Files that are complete or not there.

use crate::EngineError;
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};
use tempfile::{NamedTempFile, TempPath};

/// Writes a whole file: beside its target, then in its place. A target that is no
/// regular file (a pipe, `/dev/null`) is written in place.
///
/// # Errors
/// [`EngineError::Unwritable`], with the old file left as it was.
pub fn write_atomically(target: &Path, bytes: &[u8]) -> Result<(), EngineError> {
    let mut output = Output::create(target)?;
    output
        .write_all(bytes)
        .map_err(|error| EngineError::unwritable(target, error))?;
    output.commit()
}

/// A file being written beside its target, which it replaces when it is complete.
/// A target that is no regular file (a pipe, `/dev/null`) is written in place.
#[derive(Debug)]
pub struct Output {
    file: File,
    target: PathBuf,
    beside: Option<TempPath>,
}

impl Output {
    /// Begins a file.
    ///
    /// # Errors
    /// [`EngineError::Unwritable`].
    pub fn create(target: &Path) -> Result<Self, EngineError> {
        let failed = |error: io::Error| EngineError::unwritable(target, error);
        let in_place = target.metadata().is_ok_and(|found| !found.is_file());
        let (file, beside) = if in_place {
            (
                OpenOptions::new()
                    .write(true)
                    .open(target)
                    .map_err(failed)?,
                None,
            )
        } else {
            let directory = match target.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            let (file, path) = NamedTempFile::new_in(directory)
                .map_err(failed)?
                .into_parts();
            (file, Some(path))
        };
        Ok(Self {
            file,
            target: target.to_owned(),
            beside,
        })
    }

    /// Puts the file in its place; dropped before that, it leaves nothing.
    ///
    /// # Errors
    /// [`EngineError::Unwritable`], with the old file left as it was.
    pub fn commit(mut self) -> Result<(), EngineError> {
        let failed = |error: io::Error| EngineError::unwritable(&self.target, error);
        self.file.flush().map_err(failed)?;
        if let Some(beside) = self.beside {
            share(&self.file).map_err(failed)?;
            beside
                .persist(&self.target)
                .map_err(|error| EngineError::unwritable(&self.target, error.error))?;
        }
        Ok(())
    }
}

/// Temporary files are their owner's alone; a result is for whoever may read the rest.
#[cfg(unix)]
fn share(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn share(_: &File) -> io::Result<()> {
    Ok(())
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
