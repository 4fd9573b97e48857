//! Holds the services' clock against the machine's, and tells of what it finds.

use std::sync::Arc;
use std::time::Duration;

use platform::{ClockNews, SteadyClock};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Never ends.
pub(super) async fn watch(clock: Arc<SteadyClock>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match clock.look() {
            Some(ClockNews::Jumped(by)) => {
                tracing::warn!(
                    seconds = by / 1_000,
                    "the machine's clock has jumped; it is followed if that lasts"
                );
            }
            Some(ClockNews::CameBack) => tracing::info!("the machine's clock is back where it was"),
            Some(ClockNews::Followed(by)) => {
                tracing::error!(
                    seconds = by / 1_000,
                    "the machine's clock has jumped for good, and is followed"
                );
            }
            None => {}
        }
    }
}
