//! The kernel's account of processes: CPU time and memory, from /proc.

use std::fs;

use anyhow::{Context as _, anyhow, bail};

/// Clock ticks of /proc in a second. The kernel's interface has had this value on every platform for decades.
const TICKS_PER_S: f64 = 100.0;

/// A process, and those it started and still runs if `children`.
#[derive(Debug, Clone, Copy)]
struct Watched {
    pid: u32,
    children: bool,
}

/// The processes that are watched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Processes {
    server: Watched,
    postgres: Option<Watched>,
}

/// CPU seconds used up to a moment, in user and kernel mode, by all threads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cpu {
    pub(super) server_s: f64,
    pub(super) postgres_s: f64,
    pub(super) client_s: f64,
}

/// Resident memory at a moment, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rss {
    pub(super) server: u64,
    /// The sum over all of PostgreSQL's processes, without what they share: proportional set sizes.
    pub(super) postgres: u64,
}

impl std::ops::Sub for Cpu {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self {
            server_s: self.server_s - earlier.server_s,
            postgres_s: self.postgres_s - earlier.postgres_s,
            client_s: self.client_s - earlier.client_s,
        }
    }
}

impl Processes {
    /// The server with this process id, or the one that listens on `port`.
    pub(super) fn find(server: Option<u32>, postgres: Option<u32>, port: u16) -> anyhow::Result<Self> {
        let pid = match server {
            Some(pid) => pid,
            None => listener(port)?,
        };
        let watched = Self {
            server: Watched { pid, children: false },
            postgres: postgres.map(|pid| Watched { pid, children: true }),
        };
        watched.cpu()?;
        Ok(watched)
    }

    pub(super) fn server_pid(&self) -> u32 {
        self.server.pid
    }

    pub(super) fn watches_postgres(&self) -> bool {
        self.postgres.is_some()
    }

    pub(super) fn cpu(&self) -> anyhow::Result<Cpu> {
        let own = Watched { pid: std::process::id(), children: false };
        Ok(Cpu {
            server_s: self.server.cpu_s()?,
            postgres_s: self.postgres.map_or(Ok(0.0), |postgres| postgres.cpu_s())?,
            client_s: own.cpu_s()?,
        })
    }

    pub(super) fn rss(&self) -> anyhow::Result<Rss> {
        let postgres = self.postgres.map_or(Ok(0), |postgres| postgres.memory("smaps_rollup", "Pss:"))?;
        Ok(Rss { server: self.server.memory("status", "VmRSS:")?, postgres })
    }
}

impl Watched {
    fn cpu_s(self) -> anyhow::Result<f64> {
        let own = Stat::read(self.pid)?;
        let mut ticks = own.own_ticks;
        if self.children {
            // Those that ended are in the parent's account, those that run in their own.
            ticks += own.ended_children_ticks;
            ticks += children(self.pid)?.iter().map(|child| child.own_ticks).sum::<u64>();
        }
        Ok(ticks as f64 / TICKS_PER_S)
    }

    fn memory(self, file: &str, field: &str) -> anyhow::Result<u64> {
        let mut sum = kilobytes(self.pid, file, field)?;
        if self.children {
            // One may have ended meanwhile.
            sum += children(self.pid)?
                .iter()
                .filter_map(|child| kilobytes(child.pid, file, field).ok())
                .sum::<u64>();
        }
        Ok(sum * 1024)
    }
}

/// What /proc/PID/stat says, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    pid: u32,
    parent: u32,
    own_ticks: u64,
    ended_children_ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
        Self::parse(pid, &text).ok_or_else(|| anyhow!("/proc/{pid}/stat has an unknown form"))
    }

    fn parse(pid: u32, text: &str) -> Option<Self> {
        // The name, in parentheses, may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        // proc(5) counts from 1, and the two fields before are cut off.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            pid,
            parent: u32::try_from(number(4)?).ok()?,
            own_ticks: number(14)? + number(15)?,
            ended_children_ticks: number(16)? + number(17)?,
        })
    }
}

fn children(parent: u32) -> anyhow::Result<Vec<Stat>> {
    Ok(processes()?.filter_map(|pid| Stat::read(pid).ok()).filter(|stat| stat.parent == parent).collect())
}

fn processes() -> anyhow::Result<impl Iterator<Item = u32>> {
    Ok(fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

fn kilobytes(pid: u32, file: &str, field: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).with_context(|| format!("process {pid}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
    number.ok_or_else(|| anyhow!("/proc/{pid}/{file} has no {field}"))
}

/// The process that listens on a TCP port of this machine.
fn listener(port: u16) -> anyhow::Result<u32> {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets: Vec<String> = tables
        .iter()
        .flat_map(|table| listening_inodes(table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    for pid in processes()? {
        // Other users' processes cannot be looked into.
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        let links = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        if links
            .filter_map(|link| link.into_os_string().into_string().ok())
            .any(|link| sockets.contains(&link))
        {
            return Ok(pid);
        }
    }
    bail!("no process found that listens on port {port}: name the server's with --pid")
}

/// Inodes of the sockets in a table of /proc/net that listen on a port.
fn listening_inodes(table: &str, port: u16) -> Vec<&str> {
    const LISTEN: &str = "0A";
    let mut inodes = Vec::new();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let local = fields.get(1).and_then(|local| u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok());
        if local == Some(port) && fields.get(3) == Some(&LISTEN) {
            inodes.extend(fields.get(9).copied());
        }
    }
    inodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_an_odd_name_is_read() {
        let text = "42 (a) b (c) S 7 42 42 0 -1 4194560 9 0 0 0 120 34 5 6 20 0 3 0 99 1 2";
        let expected = Stat { pid: 42, parent: 7, own_ticks: 154, ended_children_ticks: 11 };
        assert_eq!(Stat::parse(42, text), Some(expected));
        assert_eq!(Stat::parse(42, "42 (x) S 7"), None);
    }

    #[test]
    fn the_listener_of_a_port_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(listener(port).unwrap(), std::process::id());
        drop(socket);
        assert!(listener(port).is_err());
    }

    #[test]
    fn one_s_own_account_grows_and_holds_memory() {
        let processes = Processes::find(Some(std::process::id()), Some(std::process::id()), 0).unwrap();
        let before = processes.cpu().unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_millis(60);
        while std::time::Instant::now() < until {}
        let used = processes.cpu().unwrap() - before;
        assert!(used.server_s >= 0.01 && used.client_s >= 0.01, "{used:?}");
        let rss = processes.rss().unwrap();
        assert!(rss.server > 1_000_000 && rss.postgres > 100_000, "{rss:?}");
    }
}
