use super::*;

const LIMIT: Duration = Duration::from_secs(10);

fn shell(script: &str) -> (tempfile::TempDir, Process) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("/bin/sh");
    let process = Process::spawn(command.args(["-c", script]), folder.path().join("log")).unwrap();
    (folder, process)
}

#[test]
fn waits_for_a_whole_line() {
    let (_folder, mut process) = shell("echo one; echo listening on 4711 >&2; exec sleep 60");
    assert_eq!(process.wait_for_line("listening", LIMIT).unwrap(), "listening on 4711");
    assert!(process.log().starts_with("one\n"));
}

#[test]
fn an_early_end_is_an_error_that_quotes_the_log() {
    let (_folder, mut process) = shell("echo no such key: lisen; exit 2");
    let error = process.wait_for_line("listening", LIMIT).unwrap_err().to_string();
    assert!(error.contains("exit status: 2") && error.contains("no such key: lisen"), "{error}");
}

#[test]
fn waiting_has_a_bound() {
    let (_folder, mut process) = shell("exec sleep 60");
    let error = process.wait_for_line("never", Duration::from_millis(20)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn terminate_waits_for_the_process_to_tidy_up() {
    let (_folder, mut process) =
        shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done");
    process.wait_for_line("ready", LIMIT).unwrap();
    assert_eq!(process.terminate(LIMIT).unwrap().code(), Some(3));
    assert!(process.log().ends_with("bye\n"));
}

#[test]
fn dropping_kills() {
    let (_folder, process) = shell("exec sleep 60");
    let pid = process.id();
    assert!(runs(pid));
    drop(process);
    assert!(!runs(pid));
}

#[test]
fn a_second_run_reads_only_its_own_lines() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    for round in ["first", "second"] {
        let mut command = Command::new("/bin/sh");
        let mut process = Process::spawn(command.args(["-c", "echo ready $0", round]), &log).unwrap();
        assert_eq!(process.wait_for_line("ready", LIMIT).unwrap(), format!("ready {round}"));
        process.wait(LIMIT).unwrap();
    }
    assert_eq!(fs::read_to_string(&log).unwrap(), "ready first\nready second\n");
}

#[test]
fn the_watchdog_kills_when_its_owner_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let litter = folder.path().join("litter");
    fs::create_dir(&litter).unwrap();
    let mut orphan = Command::new("/bin/sleep").arg("60").spawn().unwrap();
    let mut watchdog = Watchdog::new("KILL", Some(&litter)).unwrap();
    watchdog.guard(orphan.id()).unwrap();
    drop(watchdog); // closes the pipe, as the kernel does for a killed process
    orphan.wait().unwrap();
    poll("the folder's removal", LIMIT, || Ok((!litter.exists()).then_some(()))).unwrap();
}

#[test]
fn the_watchdog_spares_a_released_process() {
    let mut child = Command::new("/bin/sleep").arg("60").spawn().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let litter = folder.path().join("litter");
    fs::create_dir(&litter).unwrap();
    let mut watchdog = Watchdog::new("KILL", Some(&litter)).unwrap();
    watchdog.guard(child.id()).unwrap();
    watchdog.release().unwrap();
    drop(watchdog);
    poll("the folder's removal", LIMIT, || Ok((!litter.exists()).then_some(()))).unwrap();
    assert!(runs(child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn finds_children() {
    let (_folder, mut process) = shell("sleep 60 & echo started $!; wait");
    let line = process.wait_for_line("started", LIMIT).unwrap();
    let sleep: u32 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert_eq!(children(process.id()), [sleep]);
    signal(sleep, "KILL").unwrap();
    process.wait(LIMIT).unwrap();
}
