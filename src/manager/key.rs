//! Keys: a secret that a manager and its clients share.

use crate::sys::{file, process};
use crate::{Error, Result};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// 32 secret bytes. They are random, never a password: whoever can talk to a manager could try passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub [u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.fill(0);
        // The bytes are looked at: so they are really written (std::hint::black_box keeps the compiler from knowing).
        std::hint::black_box(&self.0);
    }
}

/// What a key file has: the digits and a newline.
const DIGITS: usize = 64;

impl Key {
    /// A new one, from the system's random numbers.
    ///
    /// # Errors
    /// [`Error::Sys`].
    pub fn generate() -> Result<Key> {
        let mut bytes = [0; 32];
        for half in bytes.chunks_exact_mut(16) {
            half.copy_from_slice(&process::random_id()?);
        }
        Ok(Key(bytes))
    }

    /// From a file with 64 hexadecimal digits, which belongs to this user or root and which nobody else can read.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Access`], [`Error::Invalid`], [`Error::Sys`].
    pub fn load(path: &Path) -> Result<Key> {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let mut file =
            OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| failed("open", &error))?;
        let stat = file::stat(file.as_fd())?;
        if !stat.is_regular() || (stat.uid != process::euid() && stat.uid != 0) || stat.mode & 0o077 != 0 {
            return Err(Error::Access(
                "a key file is a regular file of this user's (or root's) that nobody else can read",
            ));
        }
        let mut text = Vec::with_capacity(DIGITS + 2);
        Read::by_ref(&mut file)
            .take(DIGITS as u64 + 2)
            .read_to_end(&mut text)
            .map_err(|error| failed("read", &error))?;
        Key::parse(text.strip_suffix(b"\n").unwrap_or(&text))
    }

    fn parse(digits: &[u8]) -> Result<Key> {
        let mut bytes = [0; 32];
        if digits.len() != DIGITS {
            return Err(Error::invalid("a key file has 64 hexadecimal digits"));
        }
        for (to, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit =
                |c: u8| char::from(c).to_digit(16).ok_or(Error::invalid("a key file has 64 hexadecimal digits"));
            *to = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(Key(bytes))
    }

    /// Into a new file that only this user can read.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NotFound`] (the directory), [`Error::Access`], [`Error::Sys`].
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut text = String::with_capacity(DIGITS + 1);
        for byte in self.0 {
            let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        }
        text.push('\n');
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| failed("open", &error))?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| {
            let _ = std::fs::remove_file(path); // half a key is none; the error to report is the other one
            failed("write", &error)
        })
    }
}

fn failed(call: &'static str, error: &std::io::Error) -> Error {
    match error.raw_os_error().unwrap_or(0) {
        libc::ENOENT | libc::ENOTDIR => Error::NotFound("the key file, or its directory,"),
        libc::EEXIST => Error::Exists,
        libc::EACCES | libc::EPERM | libc::ELOOP => Error::Access("the key file"),
        errno => Error::Sys { call, errno },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_saved_for_this_user_alone_and_read_again() {
        let dir = std::env::temp_dir().join(format!("mproc-key-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("key");
        let key = Key::generate().unwrap();
        key.save(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(key.save(&path), Err(Error::Exists));
        assert_eq!(Key::load(&path), Ok(key.clone()));
        assert_ne!(Key::generate().unwrap(), key);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        assert!(matches!(Key::load(&path), Err(Error::Access(_))));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(Key::load(&path), Err(Error::NotFound(_))));
        for wrong in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &format!("{}\n\n", "0".repeat(64))] {
            std::fs::write(&path, wrong).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
            assert!(matches!(Key::load(&path), Err(Error::Invalid(_))), "{wrong:?}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
