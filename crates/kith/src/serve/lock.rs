//! One server for one data folder.

use std::fs::{self, File, TryLockError};
use std::path::Path;

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
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                bail!("another server already runs on the data folder {}", folder.display())
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }
}

/// Whether a server runs on the folder.
pub(crate) fn data_folder_in_use(folder: &Path) -> bool {
    let file = File::open(folder.join("kith.lock"));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
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
