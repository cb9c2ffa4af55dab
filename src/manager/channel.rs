//! Frames over a stream of bytes: in the clear (a unix socket), or in records of Noise (everything else, and a unix
//! socket of a manager with a key).
//!
//! A frame is a length (32 bits) and as many bytes. Encrypted, the stream of frames is cut into records: a length (16
//! bits) and a Noise transport message (noiseprotocol.org, revision 34, §5.1), at most 65,535 bytes. What comes in is
//! held as it comes; nothing is allocated because somebody announced it.

use super::Key;
use crate::{Error, Result};
use snow::{Builder, HandshakeState, StatelessTransportState};
use std::sync::Arc;

/// One key, known to both sides: mutual authentication, a fresh key for each connection, no certificates. The cipher is
/// the client's choice: AES where its processor has instructions for it (3 times as fast there), else ChaCha20.
const CHACHA: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";
const AES: &str = "Noise_NNpsk0_25519_AESGCM_BLAKE2s";
/// Both sides mean the same protocol.
const PROLOGUE: &[u8] = b"mproc manager 1";
/// The authenticator of a record.
const TAG: usize = 16;
/// The longest content of a record.
const RECORD: usize = 65_535 - TAG;
/// The longest message of a handshake: an ephemeral key and two authenticators are 64.
pub(super) const HANDSHAKE: usize = 256;

/// What both sides send first: the protocol's name and version, and how it goes on, or why not.
pub(super) const PREAMBLE: usize = 8;
const MAGIC: &[u8; 6] = b"MPROC1";

/// How a client wants to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mode {
    Plain = 0,
    ChaCha = 1,
    Aes = 2,
}

impl Mode {
    /// Encrypted, by what is fast on this machine.
    pub(super) fn encrypted() -> Mode {
        #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
        let has_aes = std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
        #[cfg(target_arch = "aarch64")]
        let has_aes =
            std::arch::is_aarch64_feature_detected!("aes") && std::arch::is_aarch64_feature_detected!("pmull");
        #[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64")))]
        let has_aes = false;
        if has_aes {
            Mode::Aes
        } else {
            Mode::ChaCha
        }
    }
}

/// Why a server does not go on. The texts are the client's: a server tells no more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Refusal {
    /// It wants a key.
    KeyWanted = 0x81,
    /// It has none.
    NoKey = 0x82,
    /// Not this one.
    WrongKey = 0x83,
    /// Not this user.
    WrongUser = 0x84,
    /// There are too many clients.
    Full = 0x85,
    /// Another version of the protocol, or not the protocol.
    Version = 0x86,
}

impl Refusal {
    fn error(self) -> Error {
        match self {
            Refusal::KeyWanted => Error::Refused("the manager wants a key"),
            Refusal::NoKey => Error::Refused("the manager has no key: it cannot show that it is the right one"),
            Refusal::WrongKey => Error::Refused("the manager has another key"),
            Refusal::WrongUser => Error::Refused("the manager belongs to another user"),
            Refusal::Full => Error::Quota("the manager has as many clients as it takes"),
            Refusal::Version => Error::Protocol("the manager speaks another version"),
        }
    }
}

pub(super) fn preamble(last: u8) -> [u8; PREAMBLE] {
    let mut bytes = [0; PREAMBLE];
    bytes[..6].copy_from_slice(MAGIC);
    bytes[6] = last;
    bytes
}

/// What a client's preamble asks for.
pub(super) fn mode(bytes: &[u8; PREAMBLE]) -> Option<Mode> {
    match bytes {
        [head @ .., 0, 0] if head == MAGIC => Some(Mode::Plain),
        [head @ .., 1, 0] if head == MAGIC => Some(Mode::ChaCha),
        [head @ .., 2, 0] if head == MAGIC => Some(Mode::Aes),
        _ => None,
    }
}

/// What a server's preamble says to a client that asked for `mode`.
pub(super) fn answer(bytes: &[u8; PREAMBLE], mode: Mode) -> Result<()> {
    if !bytes.starts_with(b"MPROC") {
        return Err(Error::Refused("what answers there is no manager"));
    }
    if &bytes[..6] != MAGIC {
        return Err(Refusal::Version.error());
    }
    use Refusal::{Full, KeyWanted, NoKey, Version, WrongKey, WrongUser};
    let refusals = [KeyWanted, NoKey, WrongKey, WrongUser, Full, Version];
    match bytes[6] {
        last if last == mode as u8 => Ok(()),
        last => Err(refusals.into_iter().find(|&r| r as u8 == last).map_or(Refusal::Version.error(), Refusal::error)),
    }
}

/// A handshake under way.
pub(super) struct Handshake(Box<HandshakeState>);

fn noise(_: snow::Error) -> Error {
    // Whatever it is in detail: an attacker has no business to know, and a user has the wrong key.
    Error::Refused("the other side has another key")
}

impl Handshake {
    pub(super) fn new(key: &Key, initiator: bool, mode: Mode) -> Result<Handshake> {
        let pattern = if mode == Mode::Aes { AES } else { CHACHA };
        let params = pattern.parse().map_err(|_| Error::NotSupported("the encryption"))?;
        let builder = Builder::new(params).prologue(PROLOGUE).and_then(|b| b.psk(0, &key.0));
        let state = builder.and_then(|b| if initiator { b.build_initiator() } else { b.build_responder() });
        state.map(|state| Handshake(Box::new(state))).map_err(noise)
    }

    /// This side's message.
    pub(super) fn write(&mut self, payload: &[u8]) -> Result<Vec<u8>> {
        let mut message = vec![0; HANDSHAKE];
        let len = self.0.write_message(payload, &mut message).map_err(noise)?;
        message.truncate(len);
        Ok(message)
    }

    /// The other side's.
    pub(super) fn read(&mut self, message: &[u8]) -> Result<()> {
        let mut payload = [0; HANDSHAKE];
        self.0.read_message(message, &mut payload).map(|_| ()).map_err(noise)
    }

    /// When both are through.
    pub(super) fn finish(self) -> Result<(Sealer, Opener)> {
        let state = Arc::new(self.0.into_stateless_transport_mode().map_err(noise)?);
        Ok((Sealer { noise: Some(state.clone()), number: 0 }, Opener { noise: Some(state), number: 0 }))
    }
}

/// The way out.
#[derive(Default)]
pub(super) struct Sealer {
    noise: Option<Arc<StatelessTransportState>>,
    /// Of the next record: never the same twice.
    number: u64,
}

impl Sealer {
    /// Appends bytes of the stream of frames to `out`, as they go over the wire.
    pub(super) fn seal(&mut self, stream: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let Some(noise) = &self.noise else {
            out.extend_from_slice(stream);
            return Ok(());
        };
        for piece in stream.chunks(RECORD) {
            let (at, len) = (out.len(), piece.len() + TAG);
            out.extend_from_slice(&(len as u16).to_le_bytes());
            out.resize(at + 2 + len, 0);
            let sealed = noise.write_message(self.number, piece, &mut out[at + 2..]);
            if sealed.map_err(|_| Error::Protocol("a record could not be sealed"))? != len {
                return Err(Error::Protocol("a record could not be sealed"));
            }
            self.number += 1;
        }
        Ok(())
    }
}

/// The way in.
#[derive(Default)]
pub(super) struct Opener {
    noise: Option<Arc<StatelessTransportState>>,
    number: u64,
}

/// What came in, and is not taken yet.
pub(super) struct Incoming {
    opener: Opener,
    /// Records that are not whole yet (encrypted only).
    raw: Vec<u8>,
    /// The stream of frames, from `at` on.
    stream: Vec<u8>,
    at: usize,
    /// The longest frame.
    most: usize,
}

/// What an empty buffer may keep.
const KEEP: usize = 16 << 10;

impl Incoming {
    pub(super) fn new(opener: Opener, most: usize) -> Incoming {
        Incoming { opener, raw: Vec::new(), stream: Vec::new(), at: 0, most }
    }

    /// Bytes from the wire.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.tidy();
        let Some(noise) = &self.opener.noise else {
            self.stream.extend_from_slice(bytes);
            return Ok(());
        };
        // Usually whole records come, and none is left over.
        let mut rest = bytes;
        let joined;
        let held = std::mem::take(&mut self.raw);
        if !held.is_empty() {
            joined = [held.as_slice(), bytes].concat();
            rest = &joined;
        }
        while let Some((head, tail)) = rest.split_first_chunk::<2>() {
            let len = usize::from(u16::from_le_bytes(*head));
            if len < TAG {
                return Err(Error::Protocol("a record without an authenticator"));
            }
            let Some((record, after)) = tail.split_at_checked(len) else { break };
            let at = self.stream.len();
            self.stream.resize(at + len - TAG, 0);
            let opened = noise.read_message(self.opener.number, record, &mut self.stream[at..]);
            if opened.ok() != Some(len - TAG) {
                self.stream.truncate(at);
                return Err(Error::Refused("a record is not the other side's"));
            }
            self.opener.number += 1;
            rest = after;
        }
        self.raw = rest.to_vec();
        Ok(())
    }

    /// The next whole frame.
    pub(super) fn frame(&mut self) -> Result<Option<&[u8]>> {
        let Some((head, rest)) = self.stream[self.at..].split_first_chunk::<4>() else { return Ok(None) };
        let len = u32::from_le_bytes(*head) as usize;
        if len > self.most {
            return Err(Error::Protocol("a frame is longer than it may be"));
        }
        if rest.len() < len {
            return Ok(None);
        }
        let at = self.at + 4;
        self.at = at + len;
        Ok(Some(&self.stream[at..at + len]))
    }

    /// Whether nothing is left over.
    pub(super) fn is_empty(&self) -> bool {
        self.raw.is_empty() && self.at == self.stream.len()
    }

    /// Forgets what was taken; a connection at rest holds next to nothing.
    pub(super) fn tidy(&mut self) {
        if self.at == self.stream.len() {
            self.stream.clear();
            self.at = 0;
            if self.stream.capacity() > KEEP {
                self.stream = Vec::new();
            }
        } else if self.at > KEEP {
            self.stream.drain(..self.at);
            self.at = 0;
        }
    }

    /// The longest frame from now on.
    pub(super) fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    /// Bytes that it holds.
    pub(super) fn held(&self) -> usize {
        self.raw.len() + self.stream.len() - self.at
    }
}
