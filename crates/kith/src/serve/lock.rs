//! One server for one data folder, and for one SQLite file wherever it lies.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Held while the server runs; the system lets go of it however the process ends.
pub(super) struct DataLock {
    _file: File,
}

impl DataLock {
    /// Makes the folder if need be, for its owner alone, and takes the lock.
    pub(super) fn take(folder: &Path) -> anyhow::Result<Self> {
        create_data_folder(folder)
            .with_context(|| format!("cannot make the data folder {}", folder.display()))?;
        // The files may be writable where the folder is not, and SQLite makes new ones beside its own.
        let may = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
        rustix::fs::access(folder, may)
            .with_context(|| format!("cannot write in the data folder {}", folder.display()))?;
        let path = folder.join("kith.lock");
        let file = File::options().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot write in the data folder {}", folder.display()))?;
        let lock = Self::on(file, || format!("the data folder {}", folder.display()))?;
        if let Some(open) = open_to_others(folder) {
            let open = open.display();
            tracing::warn!("others on this machine may read {open}: chmod go= {open}");
        }
        Ok(lock)
    }

    /// Takes the lock of a SQLite file, in a file beside it: closing its own would let go of SQLite's locks.
    pub(super) fn take_of(database: &Path) -> anyhow::Result<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let file = File::options().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot open {}", Path::new(&path).display()))?;
        Self::on(file, || format!("the database {}", database.display()))
    }

    fn on(file: File, what: impl FnOnce() -> String) -> anyhow::Result<Self> {
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => bail!("another server already runs on {}", what()),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", what())),
        }
    }
}

/// Whether a server runs on the folder.
pub(crate) fn data_folder_in_use(folder: &Path) -> bool {
    let file = File::open(folder.join("kith.lock"));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// What others on this machine may read of the data, if anything: the folder, or a file in one that is open to them.
#[cfg(unix)]
pub(crate) fn open_to_others(folder: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let open = |path: &Path| fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
    let mut files = ["secret.key", "kith.db"].into_iter().map(|name| folder.join(name));
    open(folder).then(|| files.find(|file| open(file)).unwrap_or_else(|| folder.to_owned()))
}

/// What others may read is not known.
#[cfg(not(unix))]
pub(crate) fn open_to_others(_: &Path) -> Option<PathBuf> {
    None
}

/// Makes the folder, unless it is there, for its owner alone.
#[cfg(unix)]
pub(crate) fn create_data_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes the folder, unless it is there.
#[cfg(not(unix))]
pub(crate) fn create_data_folder(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)
}
