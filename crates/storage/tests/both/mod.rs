//! What the conformance suites share.

/// Runs each of these `async fn(Arc<D>)`, `D` being any database, on a fresh SQLite and on a fresh PostgreSQL database.
macro_rules! on_both {
    ($($name:ident,)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                let store = storage::sqlite::Database::open(&folder.path().join("kith.db")).unwrap();
                super::$name(std::sync::Arc::new(store)).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let database = testkit::postgres::database().unwrap();
                let store = storage::postgres::Database::open(&database.url(), 8).await.unwrap();
                super::$name(std::sync::Arc::new(store)).await;
            })+
        }
    };
}
pub(crate) use on_both;
