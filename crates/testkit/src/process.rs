//! A child process under test: its output in a file, readiness awaited by looking, killed when dropped and when the
//! test itself is killed.

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use crate::{poll, watchdog::Watchdog};

/// How much of the log's end an error quotes, in bytes.
const LOG_TAIL_BYTES: usize = 4096;

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// Where this process's own output starts: a log file may hold earlier runs.
    log_start: usize,
    ended: Option<ExitStatus>,
    watchdog: Watchdog,
}

impl Process {
    /// Starts the program in a process group of its own, with standard output and error appended to the file `log`.
    ///
    /// # Errors
    /// When the log cannot be opened or the program cannot be started.
    pub fn spawn(command: &mut Command, log: impl Into<PathBuf>) -> io::Result<Self> {
        let log = log.into();
        let name = command.get_program().to_string_lossy().into_owned();
        let out = File::options().create(true).append(true).open(&log)?;
        let log_start = usize::try_from(out.metadata()?.len()).unwrap_or(usize::MAX);
        let mut watchdog = Watchdog::new("KILL", None)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        watchdog.guard(child.id())?;
        Ok(Self { name, child, log, log_start, ended: None, watchdog })
    }

    /// The process id, for signals and for reading `/proc`.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that this process has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(self.log_start..).unwrap_or_default()).into_owned()
    }

    /// Waits for a whole line that contains `part` and answers it.
    ///
    /// # Errors
    /// When the process ends before, or the limit passes; both quote the end of the log.
    pub fn wait_for_line(&mut self, part: &str, limit: Duration) -> io::Result<String> {
        self.wait_until(&format!("a line with {part:?}"), limit, |process| {
            let log = process.log();
            let whole = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            let mut lines = whole.filter(|line| line.contains(part));
            lines.next().map(str::to_owned)
        })
    }

    /// Whether it has ended by itself, and how.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
            if self.ended.is_some() {
                self.watchdog.release()?;
            }
        }
        Ok(self.ended)
    }

    /// Waits for the process to end by itself.
    ///
    /// # Errors
    /// When the limit passes.
    pub fn wait(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        poll(&what, limit, || self.ended()).map_err(|error| self.explain(&error))
    }

    /// Kills it as a crash would (SIGKILL) and waits until it is gone. Killing it twice is no error.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> io::Result<()> {
        if self.ended()?.is_none() {
            self.child.kill()?;
            self.watchdog.release()?;
            self.ended = Some(self.child.wait()?);
        }
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// When the limit passes. The process then still runs.
    pub fn terminate(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        if self.ended()?.is_none() {
            signal(self.id(), "TERM")?;
        }
        self.wait(limit)
    }

    fn wait_until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut look: impl FnMut(&Self) -> Option<T>,
    ) -> io::Result<T> {
        poll(what, limit, || {
            let ended = self.ended()?; // before the look: what it wrote last still counts
            match (look(self), ended) {
                (None, Some(status)) => Err(io::Error::other(format!("ended ({status}) before {what}"))),
                (found, _) => Ok(found),
            }
        })
        .map_err(|error| self.explain(&error))
    }

    fn explain(&self, error: &io::Error) -> io::Error {
        let log = self.log();
        let tail = log.get(log.ceil_char_boundary(log.len().saturating_sub(LOG_TAIL_BYTES))..);
        let text = format!("{}: {error}\n--- log ---\n{}", self.name, tail.unwrap_or_default());
        io::Error::new(error.kind(), text)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill(); // nobody left to tell; the watchdog tries again
    }
}

/// Sends a signal by name ("TERM", "STOP") to a process that is known to be ours.
///
/// # Errors
/// When there is no such process.
pub fn signal(pid: u32, name: &str) -> io::Result<()> {
    // The shell's own `kill`: Debian's minimal image has no program of that name.
    let script = format!("kill -{name} {pid}");
    let done = Command::new("/bin/sh").args(["-c", &script]).stderr(Stdio::null()).status()?;
    if done.success() { Ok(()) } else { Err(io::Error::other(format!("no signal {name} to {pid}: {done}"))) }
}

/// The processes that `pid` has started and that still run.
#[must_use]
pub fn children(pid: u32) -> Vec<u32> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok());
    pids.filter(|&child| parent(child) == Some(pid)).collect()
}

/// Whether the process still runs. One that has ended and was not yet waited for does not.
#[must_use]
pub fn runs(pid: u32) -> bool {
    stat_field(pid, 3).is_some_and(|state| !matches!(state.as_str(), "Z" | "X"))
}

fn parent(pid: u32) -> Option<u32> {
    stat_field(pid, 4)?.parse().ok()
}

/// A field of `/proc/PID/stat`, counted from 1 as in proc(5); from the third on, since the second, the program's name in
/// parentheses, may itself hold spaces and parentheses.
fn stat_field(pid: u32, number: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(number - 3).map(str::to_owned)
}

#[cfg(test)]
mod tests;
