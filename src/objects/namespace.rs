//! The namespace: attributes by name. A dict inside.

use super::container::{Arena, ContainerOptions, Snapshot, What};
use super::datum::{Builder, Datum, Encoded, Reference};
use super::dict::Dict;
use super::options::ObjectOptions;
use crate::shm::header::Kind;
use crate::shm::{Domain, Handle, Source, Stored};
use crate::{Error, Result};

/// The longest name.
const NAME_MOST: usize = 255;

/// Attributes that processes share. A name has 1 to 255 bytes and does not begin with `_`.
pub struct Namespace(Dict);

impl Namespace {
    /// Creates a namespace and the arena it lives in, named or anonymous; the flag says whether an existing one was
    /// opened.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::Kind`], [`Error::Name`], [`Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: ContainerOptions) -> Result<(Namespace, bool)> {
        let (dict, existed) = Dict::create_as(domain, name, Kind::Namespace, options)?;
        Ok((Namespace(dict), existed))
    }

    /// Opens a namespace by name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Kind`], [`Error::Name`] …
    pub fn open(domain: &Domain, name: &str, options: ObjectOptions) -> Result<Namespace> {
        Dict::attach(Source::Name(domain, name), Kind::Namespace, options).map(Namespace)
    }

    /// Opens the namespace that a handle leads to.
    ///
    /// # Errors
    /// [`Error::Kind`], [`Error::Access`], [`Error::Corrupt`] …
    pub fn import(handle: &Handle, options: ObjectOptions) -> Result<Namespace> {
        Dict::attach(Source::Handle(handle), Kind::Namespace, options).map(Namespace)
    }

    /// A handle that can travel to other processes; for a root only.
    ///
    /// # Errors
    /// As [`Dict::export`].
    pub fn export(&self) -> Result<Handle> {
        self.0.export()
    }

    /// The arena it lives in.
    pub fn arena(&self) -> &Arena {
        self.0.arena()
    }

    /// A reference to it.
    pub fn reference(&self) -> Reference {
        self.0.reference()
    }

    /// A handle on an inner namespace.
    ///
    /// # Errors
    /// As [`Dict::follow`].
    pub fn follow(arena: &Arena, reference: Reference) -> Result<Namespace> {
        Dict::follow_as(arena, reference, Kind::Namespace).map(Namespace)
    }

    /// How many attributes.
    ///
    /// # Errors
    /// As [`Dict::len`].
    pub fn len(&self) -> Result<u64> {
        self.0.len()
    }

    /// Whether there are none.
    ///
    /// # Errors
    /// As [`Dict::len`].
    pub fn is_empty(&self) -> Result<bool> {
        self.0.is_empty()
    }

    /// Takes all attributes away, at once.
    ///
    /// # Errors
    /// As [`Dict::len`].
    pub fn clear(&self) -> Result<()> {
        self.0.clear()
    }

    /// Hands an attribute to `f`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] if the name cannot be one; those of `f`.
    pub fn get<R>(&self, name: &str, f: impl FnOnce(&Stored) -> Result<R>) -> Result<R> {
        self.0.get(&key(name)?, f)
    }

    /// Sets an attribute.
    ///
    /// # Errors
    /// As [`Dict::set`].
    pub fn set(&self, name: &str, value: &Encoded) -> Result<()> {
        self.0.set(&key(name)?, value)
    }

    /// As [`Namespace::set`], for the holder of a lock with that fencing token.
    ///
    /// # Errors
    /// As [`Dict::set_if_token`].
    pub fn set_if_token(&self, name: &str, value: &Encoded, token: u64) -> Result<()> {
        self.0.set_if_token(&key(name)?, value, token)
    }

    /// Whether there is such an attribute.
    ///
    /// # Errors
    /// As [`Namespace::get`].
    pub fn contains(&self, name: &str) -> Result<bool> {
        self.0.contains(&key(name)?)
    }

    /// Takes an attribute away.
    ///
    /// # Errors
    /// As [`Namespace::get`].
    pub fn delete(&self, name: &str) -> Result<()> {
        self.0.delete(&key(name)?)
    }

    /// As [`Namespace::delete`], for the holder of a lock with that fencing token.
    ///
    /// # Errors
    /// As [`Dict::delete_if_token`].
    pub fn delete_if_token(&self, name: &str, token: u64) -> Result<()> {
        self.0.delete_if_token(&key(name)?, token)
    }

    /// Adds to a number: see [`Dict::add`].
    ///
    /// # Errors
    /// As [`Dict::add`].
    pub fn add(&self, name: &str, delta: &Datum) -> Result<Datum<'static>> {
        self.0.add(&key(name)?, delta)
    }

    /// Appends to a list: see [`Dict::append_to`].
    ///
    /// # Errors
    /// As [`Dict::append_to`].
    pub fn append_to(&self, name: &str, value: &Encoded) -> Result<()> {
        self.0.append_to(&key(name)?, value)
    }

    /// Sets an attribute if it is what is expected: see [`Dict::compare_exchange`].
    ///
    /// # Errors
    /// As [`Dict::compare_exchange`].
    pub fn compare_exchange(&self, name: &str, expected: &Encoded, desired: &Encoded) -> Result<bool> {
        self.0.compare_exchange(&key(name)?, expected, desired)
    }

    /// A copy of all attributes as they are at one moment, in the order of their names.
    ///
    /// # Errors
    /// As [`Dict::len`].
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.0.snapshot(What::Items)?.sorted()
    }

    /// Adds its content, a map, to a builder: see [`Dict::copy`].
    ///
    /// # Errors
    /// As [`Dict::copy`].
    pub fn copy(&self, deep: bool, into: &mut Builder) -> Result<()> {
        self.0.copy(deep, into)
    }
}

fn key(name: &str) -> Result<Encoded<'_>> {
    if name.is_empty() || name.len() > NAME_MOST || name.starts_with('_') {
        return Err(Error::invalid("an attribute's name has 1 to 255 bytes and does not begin with '_'"));
    }
    Datum::Str(name).encode()
}
