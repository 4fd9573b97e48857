//! How much the server holds, as the gateway asks for it.

use async_trait::async_trait;
use gateway::Census;

use super::stores::Engine;

#[async_trait]
impl Census for Engine {
    async fn count(&self) -> Result<(u64, u64), String> {
        let counted = match self {
            Self::Sqlite(database) => database.census().await,
            Self::Postgres(database) => database.census().await,
        };
        counted.map_err(|error| error.to_string())
    }
}
