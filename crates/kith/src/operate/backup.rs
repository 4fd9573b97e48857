//! `kith backup`

use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek};
use std::path::Path;

use anyhow::{Context, bail};
use platform::{Clock, SystemClock};
use storage::sqlite;
use tar::{Builder, Header};

use super::archive::{
    DATABASE, FORMAT, MANIFEST, Manifest, SECRET_KEY, Unfinished, beside, digest, remove_log,
};
use crate::settings::{DatabaseUrl, Settings};

/// Writes everything that the server has acknowledged so far into one file, and tells what was done. The server may run
/// and is not delayed. Besides the file there is room needed for another copy of the database, for a while.
///
/// # Errors
/// The file is there already or cannot be written, there is no data, or it is in PostgreSQL.
pub fn backup(settings: &Settings, file: &Path) -> anyhow::Result<String> {
    let DatabaseUrl::Sqlite(database) = settings.database_url() else {
        bail!(
            "the database is PostgreSQL, which brings its own ways: see pg_dump in docs/operating.md, and keep \
             {} as well",
            settings.server.data.join(SECRET_KEY).display()
        );
    };
    if file.exists() {
        bail!("{} is there already", file.display());
    }
    if !database.exists() {
        bail!("there is no database {}", database.display());
    }
    let cannot = || format!("cannot write {}", file.display());
    let copy_path = beside(file, ".db-part");
    let (_copy, mut copy) = Unfinished::create(&copy_path).with_context(cannot)?;
    sqlite::copy(&database, &copy_path).with_context(|| format!("cannot copy {}", database.display()))?;
    let schema = sqlite::inspect(&copy_path, false)?.schema;
    remove_log(&copy_path);
    let (database_bytes, database_sha256) = digest(&copy, io::sink())?;
    copy.rewind()?;

    let made_at = SystemClock.now();
    let manifest = Manifest {
        format: FORMAT,
        kith: env!("CARGO_PKG_VERSION").to_owned(),
        made_at,
        schema,
        database_bytes,
        database_sha256,
    };
    let (unfinished, tar) = Unfinished::create(&beside(file, ".part")).with_context(cannot)?;
    let mut tar = Builder::new(io::BufWriter::new(tar));
    let manifest = serde_json::to_vec_pretty(&manifest)?;
    add(&mut tar, MANIFEST, made_at, manifest.len() as u64, &manifest[..]).with_context(cannot)?;
    let key_path = settings.server.data.join(SECRET_KEY);
    let key = match fs::read(&key_path) {
        Ok(key) => Some(key),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", key_path.display())),
    };
    if let Some(key) = &key {
        add(&mut tar, SECRET_KEY, made_at, key.len() as u64, &key[..]).with_context(cannot)?;
    }
    add(&mut tar, DATABASE, made_at, database_bytes, &copy).with_context(cannot)?;
    let tar: File =
        tar.into_inner().and_then(|it| it.into_inner().map_err(io::Error::from)).with_context(cannot)?;
    tar.sync_all().with_context(cannot)?;
    unfinished.rename(file).with_context(cannot)?;
    let key = if key.is_some() { "with" } else { "without" };
    Ok(format!("{}: the database of {database_bytes} bytes, {key} the file {SECRET_KEY}", file.display()))
}

fn add(
    tar: &mut Builder<impl io::Write>,
    name: &str,
    made_at: i64,
    bytes: u64,
    content: impl io::Read,
) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(made_at / 1_000).unwrap_or(0));
    tar.append_data(&mut header, name, content)
}
