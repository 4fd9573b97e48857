//! The process as Linux sees it, under the names that Prometheus' own libraries use. Elsewhere there is nothing to read.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::sampled::{counter, gauge};

/// Reads `/proc/self` whenever it is asked.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        if let Some(bytes) = resident_bytes() {
            gauge(encoder, "process_resident_memory_bytes", "Memory in use", bytes)?;
        }
        if let Some(seconds) = cpu_seconds() {
            counter(encoder, "process_cpu_seconds", "CPU time, user and system", seconds)?;
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // The one that reads them is open, too.
            let open = files.count().saturating_sub(1) as u64;
            gauge(encoder, "process_open_fds", "Open files and sockets", open)?;
        }
        if let Some(limit) = max_files() {
            gauge(encoder, "process_max_fds", "Files and sockets that may be open", limit)?;
        }
        Ok(())
    }
}

/// proc_pid_statm(5)
fn resident_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// proc_pid_stat(5): utime and stime, the 14th and 15th field. The second is a name, which may hold anything.
fn cpu_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// proc_pid_limits(5): the soft limit; None if there is none.
fn max_files() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
