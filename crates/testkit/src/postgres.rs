//! Private PostgreSQL servers from Debian's binaries, each in a temporary folder and on a socket in it: no port to
//! collide on, nothing of the machine's own PostgreSQL touched. They end with the process that started them.
//!
//! Most tests want [`database`]: a fresh one on a server that all share. Crash tests start a [`Server`] of their own.

use std::{
    env, fs,
    hash::{BuildHasher, RandomState},
    io::{self, Seek, Write},
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    poll,
    process::{children, runs, signal},
    watchdog::Watchdog,
};

/// Names a running server by URL, whose user may create databases; without it the first test that needs one starts
/// one for its process. `make test` sets it (see `with-postgres`), so that a run starts one server.
pub const SHARED_VARIABLE: &str = "KITH_TEST_POSTGRES";

/// Starting includes recovery after a crash under load, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// PostgreSQL refuses to run as root; Debian's package brings this user.
const UNPRIVILEGED_USER: &str = "postgres";
/// The superuser inside the database, whoever runs it.
const SUPERUSER: &str = "postgres";

/// How a private server runs.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether commits reach the disk. Off by default: most tests are quicker without. A test that cuts the power would
    /// need it; one that kills processes has the kernel's cache still, but measures and promises are made with it on.
    pub fsync: bool,
    /// Further settings, as in `postgresql.conf`.
    pub settings: Vec<(String, String)>,
    /// Files of the data folder by name, such as `server.crt` or `pg_hba.conf`, the server's own and closed to others. Those
    /// that `initdb` made are replaced.
    pub files: Vec<(String, String)>,
}

impl Options {
    /// Listens on port 5432 of an address besides its socket (see [`own_host`](crate::server::own_host)), with TLS where
    /// there is a certificate and its key (PEM), and lets in whom `hba`, lines as in `pg_hba.conf`, lets in.
    #[must_use]
    pub fn on_network(address: Ipv4Addr, tls: Option<(&str, &str)>, hba: &str) -> Self {
        let setting = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let mut options = Self {
            settings: vec![setting("listen_addresses", &address.to_string())],
            files: vec![setting("pg_hba.conf", &format!("local all all trust\n{hba}\n"))],
            ..Self::default()
        };
        if let Some((certificate, key)) = tls {
            options.settings.push(setting("ssl", "on"));
            options.files.extend([setting("server.crt", certificate), setting("server.key", key)]);
        }
        options
    }
}

/// A private server. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Server {
    options: Options,
    admin: Arc<Admin>,
    child: Option<Child>,
    watchdog: Watchdog,
    // Last: removed after all above are gone.
    folder: TempDir,
}

impl Server {
    /// Makes a new database cluster and starts a server on it; returns when it takes connections (about a second).
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start; the latter quotes its log.
    pub fn start(options: Options) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("kith-pg-").tempdir()?;
        let watchdog = Watchdog::new("QUIT", Some(folder.path()))?;
        let admin = Arc::new(Admin::in_folder(folder.path()));
        let mut server = Self { options, admin, child: None, watchdog, folder };
        server.create_cluster()?;
        server.restart()?;
        Ok(server)
    }

    /// The URL of its administrative database. Its user may do anything.
    #[must_use]
    pub fn url(&self) -> String {
        self.admin.url("postgres")
    }

    /// Makes a fresh, empty database.
    ///
    /// # Errors
    /// When the server does not run.
    pub fn database(&self) -> io::Result<Database> {
        self.admin.create()
    }

    /// The process ids of the server: the first is the postmaster, the others its workers and one for each connection.
    /// Empty while it is stopped. Connections come and go, so a sum of CPU times over these is a lower bound.
    #[must_use]
    pub fn ids(&self) -> Vec<u32> {
        let Some(child) = &self.child else { return Vec::new() };
        let mut ids = vec![child.id()];
        ids.extend(children(child.id()));
        ids
    }

    /// Stops it as an operator would: connections are cut, all is written.
    ///
    /// # Errors
    /// When it does not stop in time.
    pub fn stop(&mut self) -> io::Result<()> {
        self.end("INT")
    }

    /// Kills all its processes at once (SIGKILL), as the machine's memory killer or a crash would.
    ///
    /// # Errors
    /// When they do not end in time.
    pub fn crash(&mut self) -> io::Result<()> {
        let ids = self.ids();
        for &id in &ids {
            let _ = signal(id, "KILL"); // a connection may just have ended by itself
        }
        self.end("KILL")?;
        poll("the end of PostgreSQL's processes", STOP_LIMIT, || {
            Ok((!ids.iter().any(|&id| runs(id))).then_some(()))
        })
    }

    /// Stops all its processes where they are (SIGSTOP): connections stay, and nothing answers.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn pause(&self) -> io::Result<()> {
        self.signal_all("STOP")
    }

    /// Lets it go on after [`pause`](Self::pause).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn resume(&self) -> io::Result<()> {
        self.signal_all("CONT")
    }

    fn signal_all(&self, name: &str) -> io::Result<()> {
        let ids = self.ids();
        let [postmaster, others @ ..] = &ids[..] else {
            return Err(io::Error::other("PostgreSQL does not run"));
        };
        signal(*postmaster, name)?;
        for &id in others {
            let _ = signal(id, name); // a connection may just have ended by itself
        }
        Ok(())
    }

    /// Cuts all connections of clients (`pg_terminate_backend`), and answers how many there were.
    ///
    /// # Errors
    /// When the server does not run.
    pub fn cut_connections(&self) -> io::Result<usize> {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let answer = self.admin.ask("postgres", sql)?;
        answer.trim().parse().map_err(|_| io::Error::other(format!("no number: {answer:?}")))
    }

    /// Starts it again after [`stop`](Self::stop) or [`crash`](Self::crash), on the same data and the same URL. Does
    /// nothing when it runs.
    ///
    /// # Errors
    /// When it does not start; quotes its log.
    pub fn restart(&mut self) -> io::Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        let data = self.data();
        let log = self.folder.path().join("log");
        let out = fs::File::options().create(true).append(true).open(&log)?;
        let mut command = self.program("postgres")?;
        command.arg("-D").arg(&data).arg("-k").arg(self.folder.path());
        let on_off = if self.options.fsync { "on" } else { "off" };
        let settings = [
            ("listen_addresses", ""),
            ("fsync", on_off),
            ("full_page_writes", on_off),
            ("max_connections", "200"),
        ];
        let extra = self.options.settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        for (key, value) in settings.into_iter().chain(extra) {
            command.arg("-c").arg(format!("{key}={value}"));
        }
        let mut child = command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).spawn()?;
        self.watchdog.guard(child.id())?;
        let ready = poll("PostgreSQL's start", START_LIMIT, || match child.try_wait()? {
            Some(status) => Err(io::Error::other(format!("PostgreSQL ended ({status})"))),
            None => Ok(is_ready(&data, child.id()).then_some(())),
        });
        self.child = Some(child);
        ready.map_err(|error| {
            let log = fs::read_to_string(&log).unwrap_or_default();
            io::Error::new(error.kind(), format!("{error}\n--- log ---\n{log}"))
        })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn create_cluster(&self) -> io::Result<()> {
        if is_root() {
            // Root may enter nevertheless; nobody else may.
            run(Command::new("chown").arg(UNPRIVILEGED_USER).arg(self.folder.path()))?;
        }
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o700))?;
        let mut initdb = self.program("initdb")?;
        initdb.arg("-D").arg(self.data()).args(["-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"]);
        run(initdb.args(["--locale=C.UTF-8", "--no-sync", "--no-instructions"]))?;
        for (name, content) in &self.options.files {
            let path = self.data().join(name);
            fs::write(&path, content)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            if is_root() {
                run(Command::new("chown").arg(UNPRIVILEGED_USER).arg(&path))?;
            }
        }
        Ok(())
    }

    /// One of PostgreSQL's programs, to be run as a user it accepts. The process started *is* that program: the
    /// wrapper replaces itself.
    fn program(&self, name: &str) -> io::Result<Command> {
        let program = binaries()?.join(name);
        let mut command = if is_root() {
            let mut setpriv = Command::new("setpriv");
            setpriv.args(["--reuid", UNPRIVILEGED_USER, "--regid", UNPRIVILEGED_USER, "--init-groups", "--"]);
            setpriv.arg(program);
            setpriv
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        Ok(command)
    }

    fn end(&mut self, how: &str) -> io::Result<()> {
        let _ = self.resume(); // one that is paused would not hear it
        let Some(child) = &mut self.child else { return Ok(()) };
        let _ = signal(child.id(), how); // it may have ended by itself
        // It stays a zombie, its id ours, until `try_wait` reaps it.
        let ended = poll("PostgreSQL's end", STOP_LIMIT, || Ok((!runs(child.id())).then_some(())));
        if ended.is_err() {
            child.kill()?;
        }
        self.watchdog.release()?;
        child.wait()?;
        self.child = None;
        ended
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.end("QUIT"); // nobody left to tell; the watchdog tries again
    }
}

/// A fresh database of one test. It is dropped some time after this handle is.
#[derive(Debug)]
pub struct Database {
    name: String,
    admin: Arc<Admin>,
}

impl Database {
    /// For `tokio_postgres::Config`'s parser, psql and `kith`: `postgres://USER@HOST/NAME`, where the host may be a
    /// percent-encoded folder that holds a socket.
    #[must_use]
    pub fn url(&self) -> String {
        self.admin.url(&self.name)
    }

    /// Runs SQL (or a file's, with psql's own commands) in it, and answers what it prints: a line a row, values separated
    /// by `|`.
    ///
    /// # Errors
    /// What psql says.
    pub fn run(&self, sql: &str) -> io::Result<String> {
        self.admin.ask(&self.name, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.admin.dropped.lock().unwrap_or_else(PoisonError::into_inner).push(self.name.clone());
    }
}

/// Makes a fresh, empty database on the server that the tests share (without fsync), which is started when it is first
/// needed.
///
/// # Errors
/// When the server cannot be started or reached.
pub fn database() -> io::Result<Database> {
    static SHARED: OnceLock<Result<Arc<Admin>, String>> = OnceLock::new();
    // Never dropped, as no static is: the watchdog ends it.
    static STARTED: OnceLock<Server> = OnceLock::new();
    let admin = SHARED.get_or_init(|| match env::var(SHARED_VARIABLE) {
        Ok(url) => Ok(Arc::new(Admin::from_url(&url)?)),
        Err(_) => {
            let server = Server::start(Options::default()).map_err(|error| error.to_string())?;
            Ok(Arc::clone(&STARTED.get_or_init(|| server).admin))
        }
    });
    admin.as_ref().map_err(|error| io::Error::other(error.as_str()))?.create()
}

/// Makes and drops databases on one server.
#[derive(Debug)]
struct Admin {
    /// What stands before and after the database's name in a URL.
    url: (String, String),
    /// Databases whose tests are over. Dropped when the next is made: a server that ends needs none dropped.
    dropped: Mutex<Vec<String>>,
}

impl Admin {
    fn in_folder(folder: &Path) -> Self {
        let host = percent_encode(&folder.to_string_lossy());
        Self { url: (format!("postgres://{SUPERUSER}@{host}/"), String::new()), dropped: Mutex::default() }
    }

    fn from_url(url: &str) -> Result<Self, String> {
        let wrong = || format!("{SHARED_VARIABLE}: expected postgres://USER@HOST/DATABASE, found {url:?}");
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (host, path) = rest.split_once('/').ok_or_else(wrong)?;
        let query = path.find('?').map_or("", |at| &path[at..]);
        Ok(Self { url: (format!("{scheme}://{host}/"), query.to_owned()), dropped: Mutex::default() })
    }

    fn url(&self, database: &str) -> String {
        format!("{}{database}{}", self.url.0, self.url.1)
    }

    fn ask(&self, database: &str, sql: &str) -> io::Result<String> {
        let mut psql = Command::new(binaries()?.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database), "-f", "-"]);
        let mut file = tempfile::tempfile()?;
        file.write_all(sql.as_bytes())?;
        file.rewind()?;
        let output = psql.stdin(file).output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(io::Error::other(format!("psql: {}", String::from_utf8_lossy(&output.stderr))))
    }

    fn create(self: &Arc<Self>) -> io::Result<Database> {
        let name = format!("kith_{:016x}", RandomState::new().hash_one(()));
        let done = std::mem::take(&mut *self.dropped.lock().unwrap_or_else(PoisonError::into_inner));
        let mut psql = Command::new(binaries()?.join("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url("postgres")]);
        // template0: nobody can be connected to it, which would be in the way of the copy.
        psql.args(["-c", &format!("CREATE DATABASE {name} TEMPLATE template0")]);
        for old in done {
            psql.args(["-c", &format!("DROP DATABASE IF EXISTS {old} WITH (FORCE)")]);
        }
        run(&mut psql)?;
        Ok(Database { name, admin: Arc::clone(self) })
    }
}

/// The folder of the newest PostgreSQL installed from Debian's packages, `psql` and `pg_dump` among it.
///
/// # Errors
/// When there is none.
pub fn binaries() -> io::Result<PathBuf> {
    let folders = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let versions = folders.filter_map(|folder| {
        let version: u32 = folder.file_name().to_str()?.parse().ok()?;
        let binaries = folder.path().join("bin");
        binaries.join("initdb").exists().then_some((version, binaries))
    });
    let newest = versions.max().map(|(_, binaries)| binaries);
    newest.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no PostgreSQL here: run scripts/test-deps"))
}

/// What `pg_ctl` looks at: the eighth line of `postmaster.pid` says `ready`, once the first names this process (the
/// file of a crashed run names another).
fn is_ready(data: &Path, pid: u32) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines().map(str::trim);
    lines.next() == Some(&pid.to_string()) && lines.nth(6) == Some("ready")
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn percent_encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn run(command: &mut Command) -> io::Result<Output> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{:?} {}: {said}", command.get_program(), output.status)))
}

#[cfg(test)]
mod tests;
