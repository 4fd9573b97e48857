//! Where a sign-in rests between commands: one file per profile that only its owner can read.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use client::{BoxFuture, Error, Vault};
use protocol::{DeviceId, Tokens, UserInfo};
use serde::{Deserialize, Serialize};

use super::Failure;

/// How the file of a sign-in ends.
const SIGN_IN: &str = "json";
/// A longer name would be no profile's.
const NAME_MAX: usize = 64;
/// How long another process may hold the lock: it makes one call to the server meanwhile.
const LOCK_TIMEOUT: Duration = Duration::from_secs(40);
const LOCK_POLL: Duration = Duration::from_millis(25);

/// A sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    /// The server's address.
    pub(super) server: String,
    /// Whom to trust that it is that server, besides the machine's authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ca_file: Option<PathBuf>,
    /// Who.
    pub(super) user: UserInfo,
    /// This device's session.
    pub(super) device: DeviceId,
    #[serde(flatten)]
    pub(super) tokens: Tokens,
}

/// A named place for a sign-in.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    folder: PathBuf,
    name: String,
}

impl Profile {
    /// The profile of that name in the user's configuration folder.
    pub(super) fn open(name: &str) -> Result<Self, Failure> {
        let home =
            || Some(PathBuf::from(env::var_os("HOME").filter(|home| !home.is_empty())?).join(".config"));
        // The specification says to ignore a relative one.
        let set = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
        let folder =
            set.or_else(home).ok_or_else(|| Failure::failed("neither XDG_CONFIG_HOME nor HOME is set"))?;
        Self::in_folder(folder.join("kith"), name)
    }

    pub(super) fn in_folder(folder: PathBuf, name: &str) -> Result<Self, Failure> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
        if name.is_empty() || name.len() > NAME_MAX || name.starts_with('.') || !name.chars().all(fits) {
            let rule = "a profile's name is 1 to 64 letters, digits, -, _ or ., and does not begin with .";
            return Err(Failure::usage(format!("{name:?}: {rule}")));
        }
        Ok(Self { folder, name: name.to_owned() })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A file of this profile.
    pub(super) fn file(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.name))
    }

    /// The sign-in kept here, if any.
    pub(super) fn load(&self) -> Result<Option<Account>, Failure> {
        let file = self.file(SIGN_IN);
        let failed = |error: io::Error| Failure::failed(format!("{}: {error}", file.display()));
        let text = match File::open(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
            Ok(mut open) => {
                let mode = open.metadata().map_err(failed)?.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    let file = file.display();
                    return Err(Failure::failed(format!(
                        "{file} holds secrets but others can reach it (mode {mode:03o}): chmod 600 it, and if you do \
                         not trust who could read it, kith logout and sign in again"
                    )));
                }
                let mut text = String::new();
                io::Read::read_to_string(&mut open, &mut text).map_err(failed)?;
                text
            }
        };
        let wrong =
            |error| Failure::failed(format!("{} is damaged ({error}): sign in again", file.display()));
        serde_json::from_str(&text).map(Some).map_err(wrong)
    }

    /// Keeps a sign-in: all of it or, after a crash, what was there before.
    pub(super) fn save(&self, account: &Account) -> Result<(), Failure> {
        let text =
            serde_json::to_string_pretty(account).map_err(|error| Failure::failed(error.to_string()))?;
        self.keep(SIGN_IN, &text)
    }

    /// Replaces a file of this profile: all of it or, after a crash, nothing.
    pub(super) fn keep(&self, ending: &str, text: &str) -> Result<(), Failure> {
        let file = self.file(ending);
        self.write(&file, text).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))
    }

    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        self.make_folder()?;
        let temporary = self.folder.join(format!(".{}.{}.tmp", self.name, std::process::id()));
        // A left-over of a process with the same number.
        let _ = fs::remove_file(&temporary);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(&self.folder)?.sync_all()
    }

    fn make_folder(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        if fs::metadata(&self.folder)?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(&self.folder, Permissions::from_mode(0o700))?;
        }
        Ok(())
    }

    /// Forgets the sign-in.
    pub(super) fn delete(&self) -> Result<(), Failure> {
        match fs::remove_file(self.file(SIGN_IN)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Failure::failed(format!("{}: {error}", self.file(SIGN_IN).display())))
            }
            _ => Ok(()),
        }
    }

    /// Waits until no other process changes the sign-in; ends when the file is dropped.
    pub(super) async fn lock(&self) -> Result<File, Failure> {
        let path = self.file("lock");
        let failed = |error: io::Error, path: &Path| Failure::failed(format!("{}: {error}", path.display()));
        self.make_folder().map_err(|error| failed(error, &path))?;
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(|error| failed(error, &path))?;
        let started = tokio::time::Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(failed(error, &path)),
                Err(TryLockError::WouldBlock) if started.elapsed() > LOCK_TIMEOUT => {
                    return Err(Failure::failed(format!(
                        "{} stays locked by another process",
                        path.display()
                    )));
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_POLL).await,
            }
        }
    }
}

/// The tokens of one sign-in. Once the profile holds another, these are gone.
#[derive(Debug, Clone)]
pub(super) struct ProfileVault {
    pub(super) profile: Profile,
    pub(super) device: DeviceId,
}

impl ProfileVault {
    fn account(&self) -> Result<Account, Error> {
        let account = self.profile.load().map_err(vault)?;
        account.filter(|account| account.device == self.device).ok_or(Error::SignedOut)
    }
}

impl Vault for ProfileVault {
    fn load(&self) -> Result<Tokens, Error> {
        Ok(self.account()?.tokens)
    }

    fn save(&self, tokens: &Tokens) -> Result<(), Error> {
        let account = Account { tokens: tokens.clone(), ..self.account()? };
        self.profile.save(&account).map_err(vault)
    }

    fn forget(&self, stale: &Tokens) -> Result<(), Error> {
        match self.account() {
            Ok(account) if account.tokens == *stale => self.profile.delete().map_err(vault),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Send>, Error>> {
        Box::pin(async {
            let lock = self.profile.lock().await.map_err(vault)?;
            Ok(Box::new(lock) as Box<dyn Send>)
        })
    }
}

fn vault(failure: Failure) -> Error {
    Error::Vault(failure.message().to_owned())
}

#[cfg(test)]
mod tests {
    use protocol::UserId;

    use super::*;

    fn account(number: u8) -> Account {
        Account {
            ca_file: None,
            server: "http://127.0.0.1:8080".to_owned(),
            user: UserInfo {
                id: UserId::compose(1, [1; 10]),
                username: Some("alice".into()),
                name: "A".into(),
            },
            device: DeviceId::compose(1, [number; 10]),
            tokens: Tokens {
                access_token: "a".to_owned(),
                access_expires_at: 1,
                refresh_token: "r".to_owned(),
                refresh_expires_at: 2,
            },
        }
    }

    fn profile(folder: &tempfile::TempDir) -> Profile {
        Profile::in_folder(folder.path().join("kith"), "alice").unwrap()
    }

    #[test]
    fn what_is_kept_reads_back_and_is_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let profile = profile(&folder);
        assert_eq!(profile.load(), Ok(None));
        profile.save(&account(1)).unwrap();
        profile.save(&account(2)).unwrap();
        assert_eq!(profile.load(), Ok(Some(account(2))));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&profile.folder), mode(&profile.file(SIGN_IN))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&profile.folder).unwrap().count(), 1, "no temporary file stays");
        profile.delete().unwrap();
        profile.delete().unwrap();
        assert_eq!(profile.load(), Ok(None));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let profile = profile(&folder);
        profile.save(&account(1)).unwrap();
        fs::set_permissions(profile.file(SIGN_IN), Permissions::from_mode(0o640)).unwrap();
        assert!(profile.load().unwrap_err().message().contains("mode 640"));
        fs::set_permissions(profile.file(SIGN_IN), Permissions::from_mode(0o600)).unwrap();
        fs::write(profile.file(SIGN_IN), "{").unwrap();
        assert!(profile.load().unwrap_err().message().contains("damaged"));
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", "..", ".x", "a/b", "../x", "a b", &"x".repeat(65)] {
            assert!(Profile::in_folder(PathBuf::new(), name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_vault_keeps_the_tokens_of_its_own_sign_in_only() {
        let folder = tempfile::tempdir().unwrap();
        let profile = profile(&folder);
        profile.save(&account(1)).unwrap();
        let vault = ProfileVault { profile: profile.clone(), device: account(1).device };
        let fresh = Tokens { access_token: "b".to_owned(), ..account(1).tokens };
        vault.save(&fresh).unwrap();
        assert_eq!(vault.load(), Ok(fresh));
        vault.forget(&account(1).tokens).unwrap();
        assert!(vault.load().is_ok(), "those were renewed meanwhile");

        profile.save(&account(2)).unwrap();
        assert_eq!(vault.load(), Err(Error::SignedOut));
        assert_eq!(vault.save(&account(1).tokens), Err(Error::SignedOut));
        assert_eq!(profile.load(), Ok(Some(account(2))));
    }

    #[tokio::test]
    async fn one_at_a_time_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let profile = profile(&folder);
        let held = profile.lock().await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(100), profile.lock()).await.is_err());
        drop(held);
        assert!(profile.lock().await.is_ok());
    }
}
