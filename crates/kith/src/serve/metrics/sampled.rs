//! What is counted only when it is asked for.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use gateway::{FanOut, Gateway};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::serve::health::Readiness;

/// Who is connected, what was brought to them, and who was told to wait or to sync again.
pub(super) struct Connections {
    pub(super) fan_out: Arc<FanOut>,
    pub(super) gateway: Arc<Gateway>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connections")
    }
}

/// Whether what comes can be kept.
pub(in crate::serve) struct Room {
    pub(in crate::serve) readiness: Arc<Readiness>,
    /// The data folder.
    pub(in crate::serve) folder: PathBuf,
}

impl fmt::Debug for Room {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Room")
    }
}

impl Collector for Room {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "1 while messages can be written, as far as is known";
        gauge(&mut encoder, "kith_writes_available", help, self.readiness.can_write().into())?;
        match rustix::fs::statvfs(&self.folder) {
            Ok(room) => {
                let free = room.f_bavail.saturating_mul(room.f_frsize);
                gauge(&mut encoder, "kith_disk_free_bytes", "Free where the data folder is", free)
            }
            Err(_) => Ok(()),
        }
    }
}

impl Collector for Connections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.fan_out.connected();
        gauge(&mut encoder, "kith_connections", "Signed-in hub connections", counts.connections as u64)?;
        gauge(&mut encoder, "kith_users_online", "Users with at least one connection", counts.users as u64)?;
        counter(&mut encoder, "kith_deliveries", "Events handed to connections", self.fan_out.delivered())?;
        let help = "Connections that fell so far behind that they were told to sync again";
        counter(&mut encoder, "kith_resyncs", help, self.gateway.resyncs())?;
        let (name, help) = ("kith_rate_limited", "Requests, sign-ins and connections refused, by limit");
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (limit, count) in self.gateway.refused() {
            ConstCounter::new(count).encode(family.encode_family(&[("limit", limit)])?)?;
        }
        Ok(())
    }
}

pub(super) fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

pub(super) fn counter<N>(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: N) -> fmt::Result
where
    ConstCounter<N>: EncodeMetric,
{
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}
