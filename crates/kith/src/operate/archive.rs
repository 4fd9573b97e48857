//! The form of a backup: a tar of three files, the first of which describes the others.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The first entry.
pub(super) const MANIFEST: &str = "manifest.json";
/// The database.
pub(super) const DATABASE: &str = "kith.db";
/// The key that tokens are signed with, where it is a file.
pub(super) const SECRET_KEY: &str = "secret.key";
/// The form described here.
pub(super) const FORMAT: u32 = 1;

/// What a backup says about itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// [`FORMAT`], or a later one.
    pub(super) format: u32,
    /// The version of the program that made it.
    pub(super) kith: String,
    /// Milliseconds since the Unix epoch.
    pub(super) made_at: i64,
    /// The version of the database's tables.
    pub(super) schema: u64,
    /// The database's size.
    pub(super) database_bytes: u64,
    /// The database's SHA-256, in hexadecimal.
    pub(super) database_sha256: String,
}

/// A file that is removed unless it is kept.
pub(super) struct Unfinished(Option<PathBuf>);

impl Unfinished {
    /// Makes the file, empty, readable by its owner alone.
    pub(super) fn create(path: &Path) -> io::Result<(Self, File)> {
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        Ok((Self(Some(path.to_owned())), file))
    }

    pub(super) fn keep(mut self) {
        self.0 = None;
    }

    /// Gives the file its name, and puts that on the disk.
    pub(super) fn rename(mut self, to: &Path) -> io::Result<()> {
        if let Some(path) = &self.0 {
            fs::rename(path, to)?;
            self.0 = None;
        }
        sync_folder_of(to)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

/// The path with something after its last name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Removes what reading a database leaves beside it, when nobody else has it open: it is empty.
pub(super) fn remove_log(database: &Path) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(beside(database, suffix));
    }
}

pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Copies all there is, and answers how many bytes with which SHA-256.
pub(super) fn digest(mut from: impl Read, mut to: impl Write) -> io::Result<(u64, String)> {
    let (mut sha, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, HEXLOWER.encode(&sha.finalize())));
        }
        to.write_all(&buffer[..read])?;
        sha.update(&buffer[..read]);
        bytes += read as u64;
    }
}
