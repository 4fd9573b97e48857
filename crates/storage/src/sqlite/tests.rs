//! What the threads must survive: jobs that fail, panic, are no longer waited for, or find the disk full.

use super::*;

struct Bench {
    database: Database,
    folder: tempfile::TempDir,
}

async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("kith.db")).unwrap();
    let create = "CREATE TABLE note (text TEXT PRIMARY KEY)";
    database.write(move |transaction| transaction.execute_batch(create)).await.unwrap();
    Bench { database, folder }
}

impl Bench {
    async fn write(&self, text: &str) -> Result<(), Failure> {
        let text = text.to_owned();
        self.database
            .write(move |transaction| transaction.execute("INSERT INTO note VALUES (?1)", [text]).map(drop))
            .await
    }

    async fn notes(&self) -> Vec<String> {
        let read = |connection: &Connection| {
            let mut notes = connection.prepare("SELECT text FROM note ORDER BY text")?;
            notes.query_map([], |row| row.get(0))?.collect()
        };
        self.database.read(read).await.unwrap()
    }

    /// Keeps the writer busy until the sender is used, so that what comes meanwhile is one transaction.
    async fn busy(&self) -> std::sync::mpsc::Sender<()> {
        let (release, wait) = std::sync::mpsc::channel();
        let (starts, started) = tokio::sync::oneshot::channel();
        let database = self.database.clone();
        tokio::spawn(async move {
            let hold = move |_: &Transaction<'_>| {
                let _ = starts.send(());
                let _ = wait.recv();
                Ok(())
            };
            database.write(hold).await
        });
        started.await.unwrap();
        release
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_job_undoes_only_itself() {
    let bench = bench().await;
    bench.write("a").await.unwrap();
    let release = bench.busy().await;
    let failing = bench.database.write(|transaction| {
        transaction.execute("INSERT INTO note VALUES ('gone')", [])?;
        transaction.execute("INSERT INTO note VALUES ('a')", [])
    });
    let panicking = bench.database.write(|transaction| -> rusqlite::Result<()> {
        transaction.execute("INSERT INTO note VALUES ('gone, too')", [])?;
        panic!("on purpose")
    });
    let releasing = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        release.send(()).unwrap();
    };
    let (b, failed, c, panicked, d, ()) =
        tokio::join!(bench.write("b"), failing, bench.write("c"), panicking, bench.write("d"), releasing);
    b.unwrap();
    c.unwrap();
    d.unwrap();
    assert!(failed.unwrap_err().to_string().contains("UNIQUE"));
    assert!(panicked.unwrap_err().to_string().contains("panicked"));
    assert_eq!(bench.notes().await, ["a", "b", "c", "d"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn panics_kill_neither_writer_nor_readers() {
    let bench = bench().await;
    for _ in 0..Policy::default().readers * 2 {
        let write = bench.database.write(|_| -> rusqlite::Result<()> { panic!("on purpose") });
        assert!(write.await.unwrap_err().to_string().contains("panicked"));
        let read = bench.database.read(|_| -> rusqlite::Result<()> { panic!("on purpose") });
        assert!(read.await.unwrap_err().to_string().contains("panicked"));
    }
    bench.write("a").await.unwrap();
    assert_eq!(bench.notes().await, ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_no_more_leave_no_full_queue() {
    let bench = bench().await;
    let release = bench.busy().await;
    // Far more than the queue holds, each given up at once.
    let given_up = 1_500;
    let mut started = 0;
    for number in 0..given_up {
        let text = format!("{number:05}");
        let waited = tokio::time::timeout(Duration::from_micros(1), bench.write(&text)).await;
        started += usize::from(!matches!(waited, Ok(Err(_))));
    }
    assert_eq!(started, given_up, "nobody was turned away");
    release.send(()).unwrap();
    bench.write("last").await.unwrap();
    assert!(bench.notes().await.contains(&"last".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_an_error_until_there_is_room_again() {
    let bench = bench().await;
    let room = |pages: i64| {
        let set = move |transaction: &Transaction<'_>| {
            let used: i64 = transaction.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            transaction.query_row(&format!("PRAGMA max_page_count = {}", used + pages), [], |_| Ok(()))
        };
        bench.database.write(set)
    };
    room(20).await.unwrap();
    let big = "x".repeat(2_000);
    let mut kept = Vec::new();
    let mut refused = 0;
    for round in 0..20 {
        // Several in each transaction.
        let texts: Vec<_> = (0..4).map(|part| format!("{round:02} {part} {big}")).collect();
        let release = bench.busy().await;
        let (one, two, three, four, ()) = tokio::join!(
            bench.write(&texts[0]),
            bench.write(&texts[1]),
            bench.write(&texts[2]),
            bench.write(&texts[3]),
            async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                release.send(()).unwrap();
            }
        );
        for (text, result) in texts.into_iter().zip([one, two, three, four]) {
            match result {
                Ok(()) => kept.push(text),
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().contains("full"), "{error}");
                }
            }
        }
    }
    assert!(refused > 0 && !kept.is_empty(), "{refused} refused, {} kept", kept.len());
    assert_eq!(bench.notes().await, kept, "what was answered is there, and nothing else");
    room(1_000).await.unwrap();
    bench.write("zzz").await.unwrap();
    kept.push("zzz".to_owned());
    assert_eq!(bench.notes().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_gone_takes_no_further_jobs() {
    let bench = bench().await;
    let release = bench.busy().await;
    // As SQLite does by itself when it cannot undo a single statement.
    let rolled_back = bench.database.write(|transaction| transaction.execute_batch("ROLLBACK"));
    let (before, gone, after, ()) =
        tokio::join!(bench.write("before"), rolled_back, bench.write("after"), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            release.send(()).unwrap();
        });
    assert!(before.unwrap_err().to_string().contains("rolled back"));
    assert!(gone.is_err());
    after.unwrap();
    assert_eq!(bench.notes().await, ["after"], "answered means there, refused means not there");
}

#[tokio::test]
async fn closing_does_what_waits_and_leaves_one_file() {
    let bench = bench().await;
    let release = bench.busy().await;
    let queued = {
        let database = bench.database.clone();
        tokio::spawn(async move {
            database.write(|transaction| transaction.execute("INSERT INTO note VALUES ('queued')", [])).await
        })
    };
    tokio::task::yield_now().await;
    let closing = tokio::spawn({
        let database = bench.database.clone();
        async move { database.close().await }
    });
    release.send(()).unwrap();
    closing.await.unwrap();
    assert!(matches!(queued.await.unwrap(), Ok(1)), "it came before the end");
    assert!(matches!(bench.write("late").await, Err(Failure::Closed)));
    assert!(matches!(bench.database.read(|_| Ok(())).await, Err(Failure::Closed)));
    bench.database.close().await;
    let files: Vec<_> =
        bench.folder.path().read_dir().unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["kith.db"]);
}
