//! Ends a process of ours when we end in whatever way, even killed: a shell of its own process group that reads a
//! pipe, which the kernel closes with us. `PR_SET_PDEATHSIG` would not do: it fires when the *thread* that started the
//! process ends, and the test harness runs each test on a thread of its own.

use std::{
    io::{self, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{ChildStdin, Command, Stdio},
};

/// Reads the guarded process id, line by line; at the end of the pipe kills the last one, waits until it is gone (or a
/// zombie, where the machine's first process reaps none) and removes the folder. An empty line means that there is
/// nothing to kill, so a reused id is never hit.
const SCRIPT: &str = r#"
pid=
while read -r line; do pid=$line; done
runs() { kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; }
if [ -n "$pid" ]; then
  kill "-$1" "$pid" 2>/dev/null
  tries=0
  while runs && [ "$tries" -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
fi
if [ -n "$2" ]; then rm -rf -- "$2"; fi
"#;

/// Guards at most one process and one temporary folder at a time.
#[derive(Debug)]
pub(crate) struct Watchdog {
    pipe: ChildStdin,
}

impl Watchdog {
    /// `signal` is a name as `kill` takes it ("KILL", "QUIT"). `folder` is removed once the process is gone.
    pub(crate) fn new(signal: &str, folder: Option<&Path>) -> io::Result<Self> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "watchdog", signal])
            .arg(folder.unwrap_or(Path::new("")))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0) // Ctrl-C in the terminal must not end the watchdog before its work
            .spawn()?;
        let pipe = child.stdin.take().expect("stdin is piped");
        // Reaps it, so that a long test process collects no zombies. It ends with the pipe.
        std::thread::spawn(move || child.wait());
        Ok(Self { pipe })
    }

    /// From now on guards this process, and no other.
    pub(crate) fn guard(&mut self, pid: u32) -> io::Result<()> {
        writeln!(self.pipe, "{pid}")
    }

    /// Guards no process. To be called before the process is reaped: after that its id may be another's.
    pub(crate) fn release(&mut self) -> io::Result<()> {
        writeln!(self.pipe)
    }
}
