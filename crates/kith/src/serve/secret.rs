//! The key that tokens are signed with.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, anyhow};
use data_encoding::HEXLOWER_PERMISSIVE;
use platform::{Randomness, SystemRandomness};

use crate::settings;

/// The key that is set, or the one in the data folder, made at the first start.
pub(super) fn key(server: &settings::Server) -> anyhow::Result<[u8; 32]> {
    if let Some(set) = &server.secret_key {
        return parse(set.expose()).context("server.secret_key");
    }
    let path = server.data.join("secret.key");
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text).with_context(|| path.display().to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut key = [0; 32];
            SystemRandomness.fill(&mut key);
            write_private(&path, format!("{}\n", HEXLOWER_PERMISSIVE.encode(&key)).as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Whether the key that is set, or the one in the data folder, is one; none if the first start will make it.
pub(crate) fn check_key(server: &settings::Server) -> anyhow::Result<Option<()>> {
    let there = server.secret_key.is_some() || server.data.join("secret.key").exists();
    there.then(|| key(server).map(drop)).transpose()
}

/// Another key, for one purpose.
pub(super) fn derive(key: &[u8; 32], purpose: &str) -> [u8; 32] {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

fn parse(text: &str) -> anyhow::Result<[u8; 32]> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok();
    let key = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    key.ok_or_else(|| anyhow!("expected 64 hexadecimal digits"))
}

/// Readable by its owner alone, and whole or not there at all.
pub(super) fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret.key");
        let set = settings::Server { data: folder.path().to_owned(), ..settings::Server::default() };
        let made = key(&set).expect("a key");
        assert_eq!(key(&set).expect("a key"), made);
        assert_eq!(parse(&fs::read_to_string(&path).expect("read")).expect("parsed"), made);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).expect("metadata").permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "abc", &"0".repeat(63), &"g".repeat(64)] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn purposes_have_keys_of_their_own() {
        assert_ne!(derive(&[1; 32], "a"), derive(&[1; 32], "b"));
        assert_ne!(derive(&[1; 32], "a"), derive(&[2; 32], "a"));
    }
}
