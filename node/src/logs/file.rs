//! A log file a day, under one name that always leads to the newest.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use node::Timestamp;
use tracing::warn;
use tracing_appender::rolling::{RollingFileAppender, Rotation};

/// How much of a [`Timestamp`] is its day.
const DAY: usize = "2026-11-21".len();

/// `NAME.DAY.log`, and `NAME.log`, which leads there.
#[derive(Debug)]
pub(super) struct DailyFile {
    directory: PathBuf,
    name: String,
    appender: RollingFileAppender,
    /// The file that `NAME.log` leads to.
    leads_to: String,
    /// Whether the file may end within a line.
    may_be_torn: bool,
}

impl DailyFile {
    /// Opens the file of this day.
    ///
    /// # Errors
    ///
    /// It cannot be written, or there is a file where the link is to be.
    pub(super) fn open(directory: &Path, name: &str) -> io::Result<Self> {
        free_for_a_link(&directory.join(format!("{name}.log")))?;
        let appender = appender(directory, name)?;
        let (directory, name) = (directory.to_owned(), name.to_owned());
        let mut opened = Self { directory, name, appender, leads_to: String::new(), may_be_torn: true };
        opened.lead(opened.of_today())?;
        Ok(opened)
    }

    /// Appends a line, its line feed included: all of it or, if that fails, nothing.
    ///
    /// # Errors
    ///
    /// The disk takes nothing.
    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.come_back()?;
        if self.may_be_torn {
            if ends_within_a_line(&self.path())? {
                self.appender.write_all(b"\n")?;
            }
            self.may_be_torn = false;
        }
        let written = write_whole(&mut self.appender, line);
        self.lead_on();
        written.map_err(|torn| {
            // Where the rest cannot be taken back, the next line begins behind a line feed.
            self.may_be_torn = torn.written > 0 && take_back(&self.path(), torn.written).is_err();
            torn.error
        })
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.appender.flush()
    }

    /// Begins anew if the file was removed: what is written to it would be gone.
    fn come_back(&mut self) -> io::Result<()> {
        if self.path().exists() {
            return Ok(());
        }
        self.appender = appender(&self.directory, &self.name)?;
        self.lead(self.of_today())?;
        self.may_be_torn = true;
        warn!("{}.log was removed while it was written: it begins anew", self.name);
        Ok(())
    }

    /// Leads to the file of a day that has begun, once that is there.
    fn lead_on(&mut self) {
        let file = self.of_today();
        if file != self.leads_to && self.directory.join(&file).exists() {
            if let Err(error) = self.lead(file.clone()) {
                warn!(%error, "{}.log still leads to {}", self.name, self.leads_to);
            }
            self.leads_to = file;
        }
    }

    /// The link has the file's name alone, so that the directory may be moved or copied.
    fn lead(&mut self, file: String) -> io::Result<()> {
        let link = self.directory.join(format!("{}.log", self.name));
        let beside = self.directory.join(format!(".{}.log.new", self.name));
        free_for_a_link(&link)?;
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        symlink(&file, &beside)?;
        fs::rename(&beside, &link)?;
        self.leads_to = file;
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.directory.join(&self.leads_to)
    }

    fn of_today(&self) -> String {
        let now = Timestamp::from(SystemTime::now()).to_string();
        format!("{}.{}.log", self.name, now.get(..DAY).unwrap_or(&now))
    }
}

/// What has begun to be written, and how much of it was.
#[derive(Debug)]
struct Torn {
    error: io::Error,
    written: u64,
}

fn appender(directory: &Path, name: &str) -> io::Result<RollingFileAppender> {
    let builder = RollingFileAppender::builder().rotation(Rotation::DAILY);
    builder.filename_prefix(name).filename_suffix("log").build(directory).map_err(io::Error::other)
}

/// What is no link is somebody's file, and not to be replaced.
fn free_for_a_link(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_symlink()) {
        let why = format!("{} is there already and no link: it is not replaced", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
    }
    Ok(())
}

fn write_whole(to: &mut impl Write, line: &[u8]) -> Result<(), Torn> {
    let mut rest = line;
    while !rest.is_empty() {
        let error = match to.write(rest) {
            Ok(0) => io::ErrorKind::WriteZero.into(),
            Ok(written) => {
                rest = &rest[written..];
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        return Err(Torn { error, written: (line.len() - rest.len()) as u64 });
    }
    Ok(())
}

/// Cuts off the last bytes of a file.
fn take_back(path: &Path, bytes: u64) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    let length = file.metadata()?.len();
    file.set_len(length.saturating_sub(bytes))
}

/// Whether the last byte of a file is none that ends a line. A program that was killed leaves such a one.
fn ends_within_a_line(path: &Path) -> io::Result<bool> {
    let found = fs::metadata(path)?;
    if !found.is_file() || found.len() == 0 {
        return Ok(false);
    }
    let mut file = File::open(path)?;
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn opened() -> (TempDir, DailyFile) {
        let directory = TempDir::new().unwrap();
        let file = DailyFile::open(directory.path(), "chat").unwrap();
        (directory, file)
    }

    fn read(directory: &TempDir) -> String {
        fs::read_to_string(directory.path().join("chat.log")).unwrap()
    }

    #[test]
    fn the_link_has_the_name_of_the_file_alone() {
        let (directory, mut file) = opened();
        file.append(b"one\n").unwrap();
        let target = fs::read_link(directory.path().join("chat.log")).unwrap();
        assert_eq!(target, PathBuf::from(file.of_today()));
        assert_eq!(read(&directory), "one\n");
    }

    #[test]
    fn the_link_follows_a_day_that_begins() {
        let (directory, mut file) = opened();
        file.append(b"one\n").unwrap();
        fs::write(directory.path().join("chat.2000-01-01.log"), "").unwrap();
        file.lead("chat.2000-01-01.log".into()).unwrap();
        file.append(b"two\n").unwrap();
        assert_eq!((read(&directory), file.of_today()), ("one\ntwo\n".into(), file.leads_to.clone()));
    }

    #[test]
    fn somebodys_file_is_not_replaced_by_a_link() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("chat.log"), "mine").unwrap();
        let error = DailyFile::open(directory.path(), "chat").unwrap_err();
        assert!(error.to_string().contains("chat.log is there already"), "{error}");
        assert_eq!(read(&directory), "mine");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_log_that_is_removed_begins_anew() {
        let (directory, mut file) = opened();
        file.append(b"one\n").unwrap();
        fs::remove_dir_all(directory.path()).unwrap();
        file.append(b"two\n").unwrap();
        assert_eq!(read(&directory), "two\n");
    }

    /// A disk with so much room.
    struct Disk(File, usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = self.1.min(bytes.len());
            self.1 -= taken;
            if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { self.0.write(&bytes[..taken]) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_does_not_fit_leaves_nothing_behind() {
        let (directory, mut file) = opened();
        file.append(b"one\n").unwrap();
        let mut disk = Disk(File::options().append(true).open(file.path()).unwrap(), 3);
        let torn = write_whole(&mut disk, b"two\n").unwrap_err();
        assert_eq!((torn.written, read(&directory)), (3, "one\ntwo".into()));
        take_back(&file.path(), torn.written).unwrap();
        file.append(b"three\n").unwrap();
        assert_eq!(read(&directory), "one\nthree\n");
    }

    #[test]
    fn what_was_torn_before_ends_before_the_next_line() {
        let (directory, mut file) = opened();
        fs::write(file.path(), "tor").unwrap();
        file.append(b"one\n").unwrap();
        file.append(b"two\n").unwrap();
        assert_eq!(read(&directory), "tor\none\ntwo\n");
    }
}
