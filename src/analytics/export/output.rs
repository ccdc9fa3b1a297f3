//! Where an export goes.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Stdout, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

use crate::{Error, Result};

const BUFFER: usize = 1 << 16;

/// A file that is there whole or not at all: written beside its place, and
/// moved there once it is finished.
#[derive(Debug)]
pub struct WholeFile {
    file: File,
    aside: PathBuf,
    place: PathBuf,
    finished: bool,
}

impl WholeFile {
    /// Begins the file that is to be at `path`. What is there stays until the
    /// new one is finished; a link stays, and what it points to is replaced.
    ///
    /// # Errors
    /// If there is no such folder, or it cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut name = OsString::from(".");
        name.push(place.file_name().ok_or(io::ErrorKind::IsADirectory)?);
        name.push(format!(".{:016x}.part", fastrand::u64(..)));
        let aside = place.with_file_name(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&aside)?;
        Ok(Self { file, aside, place, finished: false })
    }

    /// Moves it to its place.
    ///
    /// # Errors
    /// If it cannot be written to the end.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.aside, &self.place)?;
        self.finished = true;
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if !self.finished {
            // Half a file is of no use; if it cannot be removed, it stays under its own name.
            let _ = fs::remove_file(&self.aside);
        }
    }
}

#[derive(Debug)]
enum Destination {
    Stdout(Stdout),
    Whole(WholeFile),
    /// A pipe or a device: nothing to be replaced.
    Open(File),
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::Whole(file) => file.write(bytes),
            Self::Open(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::Whole(file) => file.flush(),
            Self::Open(file) => file.flush(),
        }
    }
}

/// What an export is written to: stdout or a file, packed if its name ends
/// with `.gz`.
#[derive(Debug)]
pub struct ExportOutput(Encoded);

#[derive(Debug)]
enum Encoded {
    Plain(BufWriter<Destination>),
    Gzip(Box<GzEncoder<BufWriter<Destination>>>),
}

impl ExportOutput {
    /// Standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self(Encoded::Plain(BufWriter::with_capacity(BUFFER, Destination::Stdout(io::stdout()))))
    }

    /// A file, see [`WholeFile`]; what is no regular file is written as it is.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn file(path: &Path) -> Result<Self> {
        let special = fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
        let open = || {
            Ok(if special {
                Destination::Open(OpenOptions::new().write(true).open(path)?)
            } else {
                Destination::Whole(WholeFile::create(path)?)
            })
        };
        let file = open().map_err(|e| Error::io(format!("cannot write {}", path.display()), e))?;
        let out = BufWriter::with_capacity(BUFFER, file);
        let packed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
        Ok(Self(if packed {
            Encoded::Gzip(Box::new(GzEncoder::new(out, Compression::fast())))
        } else {
            Encoded::Plain(out)
        }))
    }

    /// Writes what is left, and puts the file in its place.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> Result<()> {
        let finish = || {
            let out = match self.0 {
                Encoded::Plain(out) => out,
                Encoded::Gzip(out) => out.finish()?,
            };
            match out.into_inner().map_err(io::IntoInnerError::into_error)? {
                Destination::Whole(file) => file.finish(),
                mut other => other.flush(),
            }
        };
        finish().map_err(|e| Error::io("cannot write the export", e))
    }
}

impl Write for ExportOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Encoded::Plain(out) => out.write(bytes),
            Encoded::Gzip(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Encoded::Plain(out) => out.flush(),
            Encoded::Gzip(out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_finished_was_never_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("export.csv");
        fs::write(&path, "before").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
