//! Copies of a database that goes on working, and looks at one that nobody migrates.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::{Policy, embedded};
use crate::Failure;
use crate::inspection::{Inspection, SCHEMA_VERSION, newest};

/// Writes all that is committed now into the file `to`, which must be missing or empty. Whoever writes meanwhile is not
/// delayed. The copy is not forced to the disk.
///
/// # Errors
/// There is no database, or the copy cannot be written.
pub fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let to = to.to_str().ok_or_else(|| Failure::Settings(format!("{}: not Unicode", to.display())))?;
    open(from)?.execute("VACUUM INTO ?1", [to])?;
    Ok(())
}

/// Looks whether the file is in order: quickly, or `thoroughly` with every index held against its table.
///
/// # Errors
/// There is no database.
pub fn inspect(path: &Path, thoroughly: bool) -> Result<Inspection, Failure> {
    let connection = open(path)?;
    let check = if thoroughly { "PRAGMA integrity_check" } else { "PRAGMA quick_check" };
    let mut rows = connection.prepare(check)?;
    let found = rows.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    Ok(Inspection {
        schema: schema(&connection)?,
        newest: newest(embedded::migrations::runner().get_migrations()),
        problems: found.into_iter().filter(|line| line != "ok").collect(),
        clock: None,
        wire: None,
    })
}

/// The version of the tables; 0 without any.
pub(super) fn schema(connection: &Connection) -> Result<u64, Failure> {
    let table = "SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history'";
    let migrated = connection.query_row(table, [], |_| Ok(())).optional()?.is_some();
    let schema: Option<i64> =
        if migrated { connection.query_row(SCHEMA_VERSION, [], |row| row.get(0))? } else { None };
    Ok(schema.and_then(|version| u64::try_from(version).ok()).unwrap_or(0))
}

fn open(path: &Path) -> Result<Connection, Failure> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(Policy::default().busy_timeout)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::super::Database;
    use super::*;

    #[tokio::test]
    async fn a_copy_holds_what_is_committed_and_inspects_well() {
        let folder = tempfile::tempdir().unwrap();
        let (path, to) = (folder.path().join("kith.db"), folder.path().join("copy.db"));
        assert!(inspect(&path, false).is_err(), "there is none");
        let database = Database::open(&path).unwrap();
        let write = |text| {
            database.write(move |transaction| {
                transaction.execute_batch("CREATE TABLE IF NOT EXISTS note (text TEXT)")?;
                transaction.execute("INSERT INTO note VALUES (?1)", [text])
            })
        };
        write("before").await.unwrap();
        copy(&path, &to).unwrap();
        write("after").await.unwrap();
        let texts = |path| {
            let connection = open(path).unwrap();
            let mut rows = connection.prepare("SELECT text FROM note").unwrap();
            rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<Vec<String>, _>>().unwrap()
        };
        assert_eq!(
            (texts(&path), texts(&to)),
            (vec!["before".into(), "after".into()], vec!["before".into()])
        );
        let inspection = inspect(&to, true).unwrap();
        assert_eq!((inspection.schema, inspection.problems), (inspection.newest, Vec::new()));
        assert!(copy(&path, &to).is_err(), "the copy is not written over");
    }

    #[test]
    fn a_file_that_is_none_is_no_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kith.db");
        std::fs::write(&path, "x".repeat(10_000)).unwrap();
        assert!(inspect(&path, false).is_err());
    }
}
