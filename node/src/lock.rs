//! One process at a time: a lock on a file in the directory, which the system gives up when the process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process;

use thiserror::Error;

/// Held as long as it lives. The file stays: taking it away would let two processes lock two files of one name.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
}

/// Why the directory is not this process's.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another holds it; which, if its number could be read.
    #[error("another process{} uses it", .0.map(|id| format!(" ({id})")).unwrap_or_default())]
    Held(Option<u32>),
    /// The file cannot be made or locked.
    #[error("{0}")]
    Io(io::Error),
}

impl DirectoryLock {
    /// Takes the lock without waiting, and leaves this process's number in the file for whoever is refused. The file is made if need be.
    ///
    /// # Errors
    ///
    /// Another holds it, or the file cannot be made or locked.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = opened.map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(holder(&mut file))),
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", process::id())).map_err(LockError::Io)?;
        Ok(Self { file })
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Closing the file would do, if no child process that is just being started had a copy of it.
        let _ = self.file.unlock();
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_free_when_it_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let lock = DirectoryLock::take(&path).unwrap();
        let Err(LockError::Held(by)) = DirectoryLock::take(&path) else { panic!("held twice") };
        assert_eq!(by, Some(process::id()));
        drop(lock);
        DirectoryLock::take(&path).unwrap();
    }
}
