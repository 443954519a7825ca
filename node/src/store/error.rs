//! Why a data directory cannot be used: what a person reads, on one line.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a data directory cannot be used. The program ends with 6.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It is something else.
    #[error("the data directory {} is not a directory: choose another --data-dir", .0.display())]
    NotADirectory(PathBuf),
    /// A directory is made, but not those above it: it may be a slip of the pen.
    #[error("the data directory {} cannot be made, for there is no {}: make that first, or choose another --data-dir", .path.display(), .parent.display())]
    NoParent {
        /// The directory.
        path: PathBuf,
        /// What would have to be there.
        parent: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write to the data directory {}: {why}: make it writable, with room on its disk, or choose another --data-dir", .path.display())]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Another process uses it.
    #[error("the data directory {} is in use by {}: end that one first, or choose another --data-dir", .path.display(), holder(*.by))]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The number of that process, if it could be read.
        by: Option<u32>,
    },
    /// What is there is not what was written. It is not used again.
    #[error("the data directory {} is damaged ({what}): {aside}", .path.display())]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// What was found.
        what: String,
        /// Where it is from here on.
        aside: Aside,
    },
    /// A later program wrote it. Nothing was changed.
    #[error("the data directory {} was written by a newer version of this program (tables {found}, known {known}): use that version, or choose another --data-dir", .path.display())]
    Newer {
        /// The directory.
        path: PathBuf,
        /// The version of its tables.
        found: i64,
        /// The latest that this program knows.
        known: usize,
    },
    /// Its `history.db` is something else. Nothing was changed.
    #[error("the data directory {} has a history.db of another program: choose another --data-dir", .0.display())]
    Foreign(PathBuf),
    /// Its file system has no room for a write-ahead log.
    #[error("the file system of the data directory {} cannot hold a database in use: choose a --data-dir on a local disk", .0.display())]
    Unsuitable(PathBuf),
    /// The disk failed.
    #[error("cannot read the data directory {}: {why}: check the disk", .path.display())]
    Disk {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

/// What became of a store that is damaged.
#[derive(Debug)]
pub enum Aside {
    /// It was moved there.
    Moved(PathBuf),
    /// It could not be moved.
    Stuck(io::Error),
}

impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved(to) => write!(
                f,
                "it was moved to {}; start again as a new member, which gets the history from the others",
                to.display()
            ),
            Self::Stuck(error) => write!(f, "move it away, for that failed ({error}), or choose another --data-dir"),
        }
    }
}

fn holder(process: Option<u32>) -> String {
    process.map_or_else(|| "another process".into(), |number| format!("process {number}"))
}
