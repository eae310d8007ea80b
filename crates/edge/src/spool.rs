//! Profiles that wait for the server: one file each, written before the first try to send it and
//! removed when the server has taken it. A process that dies in between leaves what it had.
//!
//! The name of a file is its id at the server, so that one that was taken without this device
//! having heard of it counts once. Ids sort by the time at which they were made.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::file::write_whole;
use crate::{EdgeError, tell};

/// How a profile that waits is named, and one that the server refused for good.
const WAITING: &str = "parquet";
const REFUSED: &str = "refused";

/// The folder of one monitor and edge.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    most_bytes: u64,
}

/// A profile that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) id: String,
    path: PathBuf,
}

impl Spool {
    /// The folder for what goes to this monitor from this edge.
    pub(crate) fn open(
        folder: &Path,
        monitor: &str,
        edge: &str,
        most_bytes: u64,
    ) -> Result<Self, EdgeError> {
        let spool = Self {
            folder: folder.join(monitor).join(edge),
            most_bytes,
        };
        let made = std::fs::create_dir_all(&spool.folder);
        made.map_err(|error| spool.unwritable(&error))?;
        Ok(spool)
    }

    fn unwritable(&self, error: &std::io::Error) -> EdgeError {
        EdgeError::Unwritable {
            place: self.folder.display().to_string(),
            reason: error.to_string(),
        }
    }

    pub(crate) fn folder(&self) -> String {
        self.folder.display().to_string()
    }

    /// Adds a profile. Where all takes more than it may, the oldest go, for they are the likeliest
    /// to come too late; each is named.
    pub(crate) fn add(&self, content: &[u8]) -> Result<(), EdgeError> {
        let mut all = self.files()?;
        let mut bytes = content.len() as u64 + all.iter().map(|(_, bytes)| bytes).sum::<u64>();
        all.reverse();
        while bytes > self.most_bytes
            && let Some((path, size)) = all.pop()
        {
            std::fs::remove_file(&path).map_err(|error| self.unwritable(&error))?;
            bytes -= size;
            tell(&format!(
                "the spool is full (--spool-mib): {} is dropped and was never taken",
                path.display()
            ));
        }
        write_whole(&self.folder.join(new_id()).with_extension(WAITING), content)
    }

    /// What waits, the oldest first.
    pub(crate) fn waiting(&self) -> Result<Vec<Waiting>, EdgeError> {
        let waiting = self.files()?.into_iter().filter_map(|(path, _)| {
            let waits = path.extension().is_some_and(|ending| ending == WAITING);
            let id = path.file_stem()?.to_str()?.to_owned();
            waits.then_some(Waiting { id, path })
        });
        Ok(waiting.collect())
    }

    /// Its content; `None` where another process has sent it meanwhile.
    pub(crate) fn read(&self, waiting: &Waiting) -> Result<Option<Vec<u8>>, EdgeError> {
        match std::fs::read(&waiting.path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(EdgeError::Unreadable {
                place: waiting.path.display().to_string(),
                reason: error.to_string(),
            }),
        }
    }

    /// The server has taken it.
    pub(crate) fn taken(&self, waiting: &Waiting) -> Result<(), EdgeError> {
        self.gone(std::fs::remove_file(&waiting.path))
    }

    /// The server will never take it; it stays for somebody to look at, as long as there is room.
    pub(crate) fn refused(&self, waiting: &Waiting) -> Result<(), EdgeError> {
        let refused = waiting.path.with_extension(REFUSED);
        self.gone(std::fs::rename(&waiting.path, refused))
    }

    fn gone(&self, ended: std::io::Result<()>) -> Result<(), EdgeError> {
        match ended {
            // Another process was faster.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            ended => ended.map_err(|error| self.unwritable(&error)),
        }
    }

    /// Files with their bytes, the oldest first.
    fn files(&self) -> Result<Vec<(PathBuf, u64)>, EdgeError> {
        let entries = std::fs::read_dir(&self.folder).map_err(|error| self.unwritable(&error))?;
        let files = entries.flatten().filter_map(|entry| {
            let path = entry.path();
            let ending = path.extension()?;
            let is_ours = ending == WAITING || ending == REFUSED;
            is_ours.then_some((path, entry.metadata().ok()?.len()))
        });
        let mut files: Vec<(PathBuf, u64)> = files.collect();
        files.sort();
        Ok(files)
    }
}

/// A number that nobody chooses.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// An id that no other profile of this device has, and that sorts by time.
fn new_id() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "an id is of the moment, and nothing is computed from it"
    )]
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = now.map_or(0, |since| since.as_nanos());
    format!("{nanos:024x}-{:016x}", random())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(folder: &Path, most_bytes: u64) -> Spool {
        Spool::open(folder, "shop", "kiosk", most_bytes).unwrap()
    }

    #[test]
    fn what_waits_is_there_for_the_next_process_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let first = spool(folder.path(), 1_000);
        first.add(b"one").unwrap();
        first.add(b"two").unwrap();
        let next = spool(folder.path(), 1_000);
        let waiting = next.waiting().unwrap();
        let content = |at: usize| next.read(&waiting[at]).unwrap().unwrap();
        assert_eq!((content(0), content(1)), (b"one".to_vec(), b"two".to_vec()));
        next.taken(&waiting[0]).unwrap();
        next.refused(&waiting[1]).unwrap();
        assert!(next.waiting().unwrap().is_empty());
        assert_eq!(
            next.files().unwrap().len(),
            1,
            "what was refused can be looked at"
        );
        assert!(next.read(&waiting[0]).unwrap().is_none());
        next.taken(&waiting[0]).unwrap();
        let other = Spool::open(folder.path(), "shop", "other", 1_000).unwrap();
        other.add(b"x").unwrap();
        assert!(next.waiting().unwrap().is_empty(), "each edge has its own");
    }

    #[test]
    fn the_oldest_go_where_there_is_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(folder.path(), 10);
        for content in [&b"aaaa"[..], b"bbbb", b"cccc"] {
            spool.add(content).unwrap();
        }
        let waiting = spool.waiting().unwrap();
        let contents = waiting.iter().map(|one| spool.read(one).unwrap().unwrap());
        assert_eq!(contents.collect::<Vec<_>>(), [b"bbbb", b"cccc"]);
    }
}
