//! `kith restore`

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use storage::sqlite;
use tar::{Archive, Entry};

use super::archive::{
    DATABASE, FORMAT, MANIFEST, Manifest, SECRET_KEY, Unfinished, beside, digest, remove_log,
};

/// The longest description or key that is read, in bytes.
const SMALL_BYTES: u64 = 64 * 1024;

/// Makes a data folder from a backup, and tells what was done. The database is checked before it gets its name; if
/// anything is wrong, nothing stays behind.
///
/// # Errors
/// The folder is not empty, or the file is no whole backup that this program understands.
pub fn restore(file: &Path, folder: &Path) -> anyhow::Result<String> {
    let archive = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    make_empty(folder)?;
    let mut archive = Archive::new(io::BufReader::new(archive));
    let damaged = || format!("{} is no backup, or damaged", file.display());
    let mut entries = archive.entries().with_context(damaged)?;
    let first = entries.next().with_context(damaged)?.with_context(damaged)?;
    ensure!(is(&first, MANIFEST), "{}", damaged());
    let manifest: Manifest = serde_json::from_slice(&small(first)?).with_context(damaged)?;
    if manifest.format != FORMAT {
        bail!("{} was made by kith {}, in a form that this one does not know", file.display(), manifest.kith);
    }

    let (mut key, mut database) = (None, None);
    for entry in entries {
        let entry = entry.with_context(damaged)?;
        if is(&entry, SECRET_KEY) && key.is_none() {
            let (unfinished, mut to) = create(&folder.join(SECRET_KEY))?;
            io::Write::write_all(&mut to, &small(entry)?)?;
            to.sync_all()?;
            key = Some(unfinished);
        } else if is(&entry, DATABASE) && database.is_none() {
            let (unfinished, to) = create(&beside(&folder.join(DATABASE), ".part"))?;
            let (bytes, sha256) = digest(entry, &to).with_context(damaged)?;
            ensure!(
                (bytes, &sha256) == (manifest.database_bytes, &manifest.database_sha256),
                "{}: the database is not the one that was written",
                damaged()
            );
            to.sync_all()?;
            database = Some(unfinished);
        } else {
            bail!("{}: what is not known is in it", damaged());
        }
    }
    let database = database.with_context(|| format!("{}: no database is in it", damaged()))?;
    verify(&beside(&folder.join(DATABASE), ".part"), &manifest)?;
    let with_key = key.is_some();
    database.rename(&folder.join(DATABASE))?;
    if let Some(key) = key {
        key.keep();
    }
    let key = if with_key {
        String::new()
    } else {
        format!(". There is no {SECRET_KEY} in it: set server.secret_key, or everybody is signed out")
    };
    Ok(format!("{}: restored {} bytes, checked{key}", folder.display(), manifest.database_bytes))
}

fn verify(database: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    let inspection = sqlite::inspect(database, true).context("the database in the backup")?;
    remove_log(database);
    if let Some(problem) = inspection.problems.first() {
        bail!("the database in the backup is damaged: {problem}");
    }
    if inspection.schema > inspection.newest {
        bail!("the backup is of kith {}, which is newer than this one", manifest.kith);
    }
    Ok(())
}

/// The folder, for its owner alone, with nothing in it.
fn make_empty(folder: &Path) -> anyhow::Result<()> {
    match fs::read_dir(folder) {
        Ok(mut entries) => ensure!(entries.next().is_none(), "{} is not empty", folder.display()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            crate::serve::create_data_folder(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", folder.display())),
    }
    Ok(())
}

fn create(path: &Path) -> anyhow::Result<(Unfinished, File)> {
    Unfinished::create(path).with_context(|| format!("cannot write {}", path.display()))
}

fn is(entry: &Entry<'_, impl Read>, name: &str) -> bool {
    entry.header().entry_type().is_file() && entry.path_bytes().as_ref() == name.as_bytes()
}

fn small(entry: impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    entry.take(SMALL_BYTES).read_to_end(&mut content)?;
    Ok(content)
}
