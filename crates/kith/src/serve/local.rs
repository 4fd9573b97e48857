//! The way in for who administers on the server's own machine: a socket in the data folder, which nobody but its owner can enter.
//!
//! A request is a line of JSON, and so is its answer. `kith admin promote` asks here while a server runs, so that what it
//! changes is told to those it is about as if it had come by the API.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as Client;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use accounts::AccountStore;
use anyhow::{Context, anyhow};
use notifications::in_app::InApp;
use protocol::{ServerRole, UserId};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::admin;

const NAME: &str = "admin.sock";
/// A longer request is none of ours.
const REQUEST_BYTES: u64 = 4096;
/// How long one side waits for the other.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Give a user a role.
    Promote {
        /// A username, email, phone or user id.
        user: String,
        /// What they are to be.
        role: ServerRole,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(UserId),
    Refused(String),
}

/// The socket, open. It goes with the server.
pub(super) struct Door {
    listener: UnixListener,
    path: PathBuf,
}

impl Door {
    /// Opens it. Without one (the folder is on a file system without sockets, its path is too long) the server does its work;
    /// what is administered then reaches it through the database.
    pub(super) fn open(folder: &Path) -> Option<Self> {
        let path = folder.join(NAME);
        // Of a server that was killed: the lock on the folder says that there is no other.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path).and_then(|listener| {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        });
        match listener {
            Ok(listener) => Some(Self { listener, path }),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "no socket for kith admin");
                None
            }
        }
    }

    /// Serves, one after another, until the task is aborted.
    pub(super) async fn serve(self, accounts: Arc<dyn AccountStore>, notices: Arc<InApp>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let served = tokio::time::timeout(TIMEOUT, serve(stream, &*accounts, &notices)).await;
                    if let Ok(Err(error)) = served {
                        tracing::debug!(%error, "the socket for kith admin");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the socket for kith admin");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

async fn serve(mut stream: UnixStream, accounts: &dyn AccountStore, notices: &InApp) -> anyhow::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    tokio::io::BufReader::new(reader.take(REQUEST_BYTES)).read_line(&mut line).await?;
    let Request::Promote { user, role } = serde_json::from_str(&line)?;
    let answer = match admin::give_role(accounts, notices, &user, role).await {
        Ok(user) => Answer::Done(user),
        Err(error) => Answer::Refused(format!("{error:#}")),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    Ok(())
}

/// Asks the server that runs on this folder. None if there is none to be asked.
pub(crate) fn ask(folder: &Path, request: &Request) -> Option<anyhow::Result<UserId>> {
    let mut stream = match Client::connect(folder.join(NAME)) {
        Ok(stream) => stream,
        Err(error) => {
            // None runs, or one without a socket.
            let expected = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused);
            let denied = error.kind() == ErrorKind::PermissionDenied;
            return (denied || !expected && super::data_folder_in_use(folder))
                .then(|| Err(error).with_context(|| format!("{}", folder.join(NAME).display())));
        }
    };
    let mut asked = || {
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.write_all(format!("{}\n", serde_json::to_string(request)?).as_bytes())?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        match serde_json::from_str(&line)? {
            Answer::Done(user) => Ok(user),
            Answer::Refused(why) => Err(anyhow!(why)),
        }
    };
    Some(asked().context("the server that runs here"))
}
