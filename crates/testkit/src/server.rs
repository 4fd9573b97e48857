//! The real binary under test: `kith serve` on a database of its own, killed, stopped and started again at the same
//! address. The path of the binary is a parameter: only the crate that builds it knows it.

use std::{
    env,
    ffi::OsStr,
    hash::{BuildHasher, RandomState},
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    http::{self, Answer},
    postgres,
    process::Process,
};

/// Starting includes recovery after a crash under load, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Longer than the server lets requests in progress finish.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// What the line begins with that names the address.
const READY: &str = "Kith listens on http://";
/// What every user of a test has.
pub const PASSWORD: &str = "correct horse battery";

/// Where a server under test stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// A file in the server's data folder.
    Sqlite,
    /// A fresh database on the PostgreSQL that all tests share.
    Postgres,
    /// A PostgreSQL of its own, with fsync on, that can be crashed: [`TestServer::crash_database`].
    CrashablePostgres,
}

#[derive(Debug)]
enum Database {
    Sqlite,
    Shared(postgres::Database),
    Own(Box<postgres::Server>, postgres::Database),
}

/// A running `kith serve`. Dropping it kills it and removes its data.
#[derive(Debug)]
pub struct TestServer {
    binary: PathBuf,
    settings: Vec<(String, String)>,
    /// A program that becomes the server, with its arguments; empty for none.
    wrapper: Vec<String>,
    address: SocketAddr,
    process: Process,
    database: Database,
    // Last: removed after all above are gone.
    folder: TempDir,
}

/// A signed-in device of a registered user.
#[derive(Debug, Clone)]
pub struct Account {
    /// The name it registered with.
    pub username: String,
    /// `u_…`
    pub user: String,
    /// `d_…`
    pub device: String,
    /// For requests and connections.
    pub access_token: String,
    /// For another pair.
    pub refresh_token: String,
}

impl TestServer {
    /// Starts the server and waits until it listens.
    ///
    /// # Errors
    /// When it does not start; quotes its log.
    pub fn start(binary: impl AsRef<Path>, store: Store) -> io::Result<Self> {
        Self::with_settings(binary, store, &[])
    }

    /// As [`start`](Self::start), with settings by their names in the environment, such as `KITH_LIMITS_…`.
    ///
    /// # Errors
    /// When it does not start; quotes its log.
    pub fn with_settings(
        binary: impl AsRef<Path>,
        store: Store,
        settings: &[(&str, &str)],
    ) -> io::Result<Self> {
        Self::wrapped(binary, store, settings, &[])
    }

    /// As [`with_settings`](Self::with_settings), started by a program that gets its command line after `wrapper` and
    /// becomes it (`exec`), such as `unshare --mount --`.
    ///
    /// # Errors
    /// When it does not start; quotes its log.
    pub fn wrapped(
        binary: impl AsRef<Path>,
        store: Store,
        settings: &[(&str, &str)],
        wrapper: &[&str],
    ) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("kith-server-").tempdir()?;
        let database = match store {
            Store::Sqlite => Database::Sqlite,
            Store::Postgres => Database::Shared(postgres::database()?),
            Store::CrashablePostgres => {
                let options = postgres::Options { fsync: true, ..postgres::Options::default() };
                let server = postgres::Server::start(options)?;
                let database = server.database()?;
                Database::Own(Box::new(server), database)
            }
        };
        let binary = binary.as_ref().to_owned();
        let settings: Vec<_> =
            settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let wrapper: Vec<_> = wrapper.iter().map(|&part| part.to_owned()).collect();
        let mut command = command(&wrapper, &binary, &settings, &database, folder.path());
        command.arg("serve").args(["--listen", &SocketAddr::from((own_host(), 0)).to_string()]);
        let mut process = Process::spawn(&mut command, folder.path().join("log"))?;
        let address = listening(&mut process)?;
        Ok(Self { binary, settings, wrapper, address, process, database, folder })
    }

    /// Where it listens, also after [`restart`](Self::restart).
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://…` without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The hub's address.
    #[must_use]
    pub fn hub_url(&self) -> String {
        format!("{}/hub", self.url())
    }

    /// The data folder, which the server makes.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        data(self.folder.path())
    }

    /// What the server has written since it was last started.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Another command of the same binary with the same settings, such as `admin otp`.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.wrapped_command(&[], arguments)
    }

    fn wrapped_command(&self, wrapper: &[String], arguments: &[&str]) -> Command {
        let mut command = command(wrapper, &self.binary, &self.settings, &self.database, self.folder.path());
        command.args(arguments);
        command
    }

    /// The process id, for signals and for reading `/proc`.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it as a crash would (SIGKILL).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.kill()
    }

    /// Asks it to end (SIGTERM), without waiting.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn ask_to_end(&mut self) -> io::Result<()> {
        crate::process::signal(self.process.id(), "TERM")
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait(STOP_LIMIT)
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn terminate(&mut self) -> io::Result<ExitStatus> {
        self.process.terminate(STOP_LIMIT)
    }

    /// Starts it again at the same address on the same data, and the database if that was crashed. One that still
    /// runs is killed.
    ///
    /// # Errors
    /// When it does not start; quotes its log.
    pub fn restart(&mut self) -> io::Result<()> {
        self.process.kill()?;
        self.restart_database()?;
        let listen = self.address.to_string();
        let mut command = self.wrapped_command(&self.wrapper, &["serve", "--listen", &listen]);
        self.process = Process::spawn(&mut command, self.folder.path().join("log"))?;
        let address = listening(&mut self.process)?;
        assert_eq!(address, self.address, "the address it was told to listen on");
        Ok(())
    }

    /// As [`restart`](Self::restart), with settings instead of those it had, or besides.
    ///
    /// # Errors
    /// When it does not start; quotes its log.
    pub fn restart_with(&mut self, settings: &[(&str, &str)]) -> io::Result<()> {
        for (name, value) in settings {
            self.settings.retain(|(known, _)| known != name);
            self.settings.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.restart()
    }

    /// Kills every process of the database at once. Does nothing where the database is a file.
    ///
    /// # Errors
    /// When the processes do not end.
    ///
    /// # Panics
    /// On the shared PostgreSQL, which belongs to other tests too.
    pub fn crash_database(&mut self) -> io::Result<()> {
        match &mut self.database {
            Database::Sqlite => Ok(()),
            Database::Shared(_) => panic!("start the server on Store::CrashablePostgres"),
            Database::Own(server, _) => server.crash(),
        }
    }

    /// The PostgreSQL that this server has to itself.
    ///
    /// # Panics
    /// On any store but [`Store::CrashablePostgres`].
    pub fn own_database(&mut self) -> &mut postgres::Server {
        match &mut self.database {
            Database::Own(server, _) => server,
            _ => panic!("start the server on Store::CrashablePostgres"),
        }
    }

    /// Starts the database again, if it was crashed.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart_database(&mut self) -> io::Result<()> {
        match &mut self.database {
            Database::Own(server, _) => server.restart(),
            _ => Ok(()),
        }
    }

    /// One REST request, with a token and a JSON body if there are any.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> io::Result<Answer> {
        http::request(self.address, method, path, token, body.map(Value::to_string).as_deref())
    }

    /// A POST of JSON without a token.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn post(&self, path: &str, body: &Value) -> io::Result<Answer> {
        self.request("POST", path, None, Some(body))
    }

    /// Registers a user with [`PASSWORD`] and signs them in.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn register(&self, username: &str) -> Account {
        let answer = self.post("/api/auth/register", &json!({ "username": username, "password": PASSWORD }));
        Account::signed_in(username, &answer.expect("an answer to registering"))
    }

    /// Signs a registered user in on another device.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn log_in(&self, username: &str) -> Account {
        let answer = self.post("/api/auth/login", &json!({ "username": username, "password": PASSWORD }));
        Account::signed_in(username, &answer.expect("an answer to signing in"))
    }
}

impl Account {
    /// The account that an answer signed in.
    ///
    /// # Panics
    /// When the answer is a refusal.
    #[must_use]
    pub fn signed_in(username: &str, answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{username}: {answer:?}");
        let text = |pointer: &str| {
            let value = answer.body.pointer(pointer).and_then(Value::as_str);
            value.unwrap_or_else(|| panic!("{pointer} in {}", answer.body)).to_owned()
        };
        Self {
            username: username.to_owned(),
            user: text("/user/id"),
            device: text("/device"),
            access_token: text("/accessToken"),
            refresh_token: text("/refreshToken"),
        }
    }
}

/// An address of this machine that no other server of any test has. A fixed port of 127.0.0.1 would not do: while the
/// server is down, anybody could get it, even the client that tries to connect to it.
#[must_use]
pub fn own_host() -> Ipv4Addr {
    let [_, b, c, d, ..] = RandomState::new().hash_one(()).to_ne_bytes();
    Ipv4Addr::new(127, b.max(1), c, d.clamp(1, 254))
}

fn listening(process: &mut Process) -> io::Result<SocketAddr> {
    let line = process.wait_for_line(READY, START_LIMIT)?;
    let address = line.split_once(READY).and_then(|(_, address)| address.trim().parse().ok());
    address.ok_or_else(|| io::Error::other(format!("no address in {line:?}")))
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Nothing of the environment that tests run in counts.
fn command(
    wrapper: &[String],
    binary: &Path,
    settings: &[(String, String)],
    database: &Database,
    folder: &Path,
) -> Command {
    let mut command = match wrapper {
        [] => Command::new(binary),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary);
            command
        }
    };
    for (name, _) in env::vars_os().filter(|(name, _)| is_ours(name)) {
        command.env_remove(name);
    }
    command.env("KITH_SERVER_DATA", data(folder)).env("NO_COLOR", "1");
    if let Database::Shared(database) | Database::Own(_, database) = database {
        command.env("KITH_DATABASE_URL", database.url());
    }
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command
}

fn is_ours(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("KITH_"))
}
