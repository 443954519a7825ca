//! How much was known to be on disk, kept beside the database.
//!
//! SQLite rolls back a write-ahead log at its first damaged frame, and cannot tell a torn tail, which nobody was promised,
//! from damage to what was synced long ago: it would come back, without a word, as it was before promises that others rely
//! on. So after each sync the number of synced commits is written into a file of its own, which is not synced: one short
//! system call. The mark never runs ahead of the database, so after a loss of power it may be behind, which is no harm; a
//! database that is behind the mark has lost something.

use std::fs::{File, OpenOptions};
use std::hash::Hasher as _;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use fnv::FnvHasher;
use transport::PeerId;

/// What the mark says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    /// Whose database it stands beside.
    pub(super) id: PeerId,
    /// How many commits of it were synced, at least.
    pub(super) commits: u64,
}

/// The file, open to be written.
#[derive(Debug)]
pub(super) struct MarkFile(File);

impl Mark {
    /// Reads the mark. One that is missing or torn says nothing.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One line of constant length: the id, the number, and a checksum of both.
    fn line(self) -> String {
        let said = format!("{} {:020}", self.id, self.commits);
        let sum = sum(&said);
        format!("{said} {sum:016x}\n")
    }

    fn parse(text: &str) -> Option<Self> {
        let (said, check) = text.strip_suffix('\n')?.rsplit_once(' ')?;
        let (id, commits) = said.split_once(' ')?;
        let mark = Self { id: PeerId::new(id.parse().ok()?), commits: commits.parse().ok()? };
        (u64::from_str_radix(check, 16).ok()? == sum(said)).then_some(mark)
    }
}

impl MarkFile {
    /// Opens the file, and makes it if need be.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().write(true).create(true).truncate(false).open(path).map(Self)
    }

    /// Replaces what it says.
    pub(super) fn write(&self, mark: Mark) -> io::Result<()> {
        self.0.write_all_at(mark.line().as_bytes(), 0)
    }
}

fn sum(said: &str) -> u64 {
    let mut hasher = FnvHasher::default();
    hasher.write(said.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_last() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mark");
        assert_eq!(Mark::read(&path).unwrap(), None);
        let (file, id) = (MarkFile::open(&path).unwrap(), PeerId::random());
        for commits in [u64::MAX, 7] {
            file.write(Mark { id, commits }).unwrap();
            assert_eq!(Mark::read(&path).unwrap(), Some(Mark { id, commits }));
        }
    }

    #[test]
    fn a_torn_mark_says_nothing() {
        let line = Mark { id: PeerId::random(), commits: 12 }.line();
        assert!(Mark::parse(&line).is_some());
        assert_eq!(Mark::parse(&line[..line.len() - 1]), None);
        assert_eq!(Mark::parse(&line.replace("12 ", "13 ")), None);
        assert_eq!(Mark::parse(""), None);
    }
}
