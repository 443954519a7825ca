//! Moving a store that cannot be used out of the way. Nothing is ever deleted.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use super::open::Files;
use crate::timestamp::Timestamp;

/// How many stores may have been moved aside in the same millisecond.
const MAX_TRIES: usize = 100;

/// Moves everything but the lock into a directory beside it, which is returned; nothing if there is nothing to move.
pub(super) fn move_aside(files: &Files) -> io::Result<Option<PathBuf>> {
    let found: Vec<PathBuf> = paths(files).into_iter().filter(|path| path.exists()).collect();
    if found.is_empty() {
        return Ok(None);
    }
    let target = make_target(files)?;
    for path in found {
        if let Some(name) = path.file_name() {
            fs::rename(&path, target.join(name))?;
        }
    }
    Ok(Some(target))
}

/// The files that make up a store. The database goes first: without it nothing else is believed, should the rest stay.
fn paths(files: &Files) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for database in [files.history(), files.search()] {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = database.clone().into_os_string();
            path.push(suffix);
            paths.push(path.into());
        }
    }
    paths.extend([files.mark(), files.damaged()]);
    paths
}

fn make_target(files: &Files) -> io::Result<PathBuf> {
    let now = Timestamp::from(SystemTime::now()).to_string().replace(':', "-");
    let mut attempt = 0;
    loop {
        let suffix = if attempt == 0 { String::new() } else { format!("-{attempt}") };
        let target = files.directory.join(format!("damaged-{now}{suffix}"));
        match fs::create_dir(&target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < MAX_TRIES => attempt += 1,
            made => return made.map(|()| target),
        }
    }
}
