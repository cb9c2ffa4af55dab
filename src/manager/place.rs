//! An object here or there: the memory itself, or a proxy of what a manager has.

use super::client::{Link, Proxy};
use super::wire::{Reader, Writer};
use crate::shm::header::Kind;
use crate::shm::{Domain, Handle};
use crate::{Error, Result};
use std::sync::Arc;

/// Where objects are made and found: a domain of this machine, or a manager's.
#[derive(Clone)]
pub enum Site {
    /// A domain.
    Domain(Domain),
    /// A manager's, through a connection.
    Manager(Arc<Link>),
}

impl Site {
    /// The domain of this machine, for what only those can do.
    ///
    /// # Errors
    /// [`Error::NotSupported`].
    pub fn near(&self) -> Result<&Domain> {
        match self {
            Site::Domain(domain) => Ok(domain),
            Site::Manager(_) => Err(Error::NotSupported("a manager's domain")),
        }
    }

    /// Removes a name.
    ///
    /// # Errors
    /// As [`Domain::unlink`]; what the connection says.
    pub fn unlink(&self, name: &str) -> Result<()> {
        match self {
            Site::Domain(domain) => domain.unlink(name),
            Site::Manager(link) => link.delete(name),
        }
    }
}

/// An object.
pub enum Place<T> {
    /// In the memory of this process; with the reference to it that a manager holds for us, if it came from one.
    Near(T, Option<Proxy>),
    /// Behind a connection.
    Far(Proxy),
}

/// A kind of object as a client makes and opens it: implemented by `objects::X` in the module of that kind.
pub trait Kindred: Sized {
    /// Its number.
    const KIND: Kind;
    /// How to create one.
    type New;
    /// How to open one that is there.
    type Open;

    /// What kind of operation one is.
    fn class(op: u8) -> super::Class;
    /// In the memory of this machine.
    fn create(domain: &Domain, name: Option<&str>, new: &Self::New) -> Result<(Self, bool)>;
    /// In the memory of this machine.
    fn open(domain: &Domain, name: &str, open: &Self::Open) -> Result<Self>;
    /// From a handle.
    fn import(handle: &Handle, open: &Self::Open) -> Result<Self>;
    /// A handle.
    fn export(&self) -> Result<Handle>;
    /// Whether an existing object may be opened instead of creating one (MPROC_EXIST_OK).
    fn exist_ok(new: &Self::New) -> bool;
    /// How to open what was just created.
    fn as_open(new: &Self::New) -> Self::Open;
    /// For the server's `create`.
    fn put_new(new: &Self::New, out: &mut Writer) -> Result<()>;
    /// For the server's `export`.
    fn put_open(_open: &Self::Open, _out: &mut Writer) -> Result<()> {
        Ok(())
    }
    /// Whether what the server has is what was to be opened.
    fn check(_facts: &mut Reader, _open: &Self::Open) -> Result<()> {
        Ok(())
    }
}

/// [`Kindred`] for a kind that is opened with [`crate::objects::ObjectOptions`] alone; what differs between those is given:
/// what it is made from, the object's options in that, the classes of its operations, and what a server has to know to
/// make one.
macro_rules! kindred {
    (
        $kind:ident from $new:ty,
        object: |$n:ident| $object:expr,
        class: |$op:ident| $class:expr,
        put: |$p:ident, $out:ident| $put:expr
    ) => {
        impl Kindred for objects::$kind {
            const KIND: Kind = Kind::$kind;
            type New = $new;
            type Open = crate::objects::ObjectOptions;

            fn class($op: u8) -> Class {
                $class
            }

            fn create(domain: &crate::shm::Domain, name: Option<&str>, new: &$new) -> Result<(Self, bool)> {
                objects::$kind::create(domain, name, *new)
            }

            fn open(domain: &crate::shm::Domain, name: &str, open: &Self::Open) -> Result<Self> {
                objects::$kind::open(domain, name, *open)
            }

            fn import(handle: &Handle, open: &Self::Open) -> Result<Self> {
                objects::$kind::import(handle, *open)
            }

            fn export(&self) -> Result<Handle> {
                self.export()
            }

            fn exist_ok(new: &$new) -> bool {
                Self::as_open(new).exist_ok
            }

            fn as_open($n: &$new) -> Self::Open {
                $object
            }

            fn put_new($p: &$new, $out: &mut crate::manager::wire::Writer) -> Result<()> {
                let () = $put;
                Ok(())
            }
        }
    };
}
pub(super) use kindred;

impl<T> Place<T> {
    /// Whether each operation is a request to a manager.
    pub fn is_remote(&self) -> bool {
        matches!(self, Place::Far(_))
    }

    /// The object in this process's memory.
    ///
    /// # Errors
    /// [`Error::NotSupported`] if it is behind a connection.
    #[inline]
    pub fn near(&self) -> Result<&T> {
        match self {
            Place::Near(object, _) => Ok(object),
            Place::Far(_) => Err(Error::NotSupported("this works on memory, and the object is behind a connection")),
        }
    }

    /// The manager's reference, if a manager has it.
    pub fn proxy(&self) -> Option<&Proxy> {
        match self {
            Place::Near(_, proxy) => proxy.as_ref(),
            Place::Far(proxy) => Some(proxy),
        }
    }
}

impl<T> From<T> for Place<T> {
    fn from(object: T) -> Place<T> {
        Place::Near(object, None)
    }
}

impl<T: Kindred> Place<T> {
    /// Creates an object, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// As the kind's own; what the connection says.
    pub fn create(site: &Site, name: Option<&str>, new: &T::New) -> Result<(Place<T>, bool)> {
        match site {
            Site::Domain(domain) => T::create(domain, name, new).map(|(object, existed)| (object.into(), existed)),
            Site::Manager(link) => {
                let mut options = Writer::default();
                T::put_new(new, &mut options)?;
                let (proxy, existed) = link.create(T::KIND, T::class, name, T::exist_ok(new), &options)?;
                Place::reached(proxy, &T::as_open(new)).map(|place| (place, existed))
            }
        }
    }

    /// Opens an object by name.
    ///
    /// # Errors
    /// As the kind's own; what the connection says.
    pub fn open(site: &Site, name: &str, open: &T::Open) -> Result<Place<T>> {
        match site {
            Site::Domain(domain) => T::open(domain, name, open).map(Place::from),
            Site::Manager(link) => Place::reached(link.open(T::KIND, T::class, name)?, open),
        }
    }

    /// The memory of what a manager has, if it gives that, or the proxy.
    fn reached(proxy: Proxy, open: &T::Open) -> Result<Place<T>> {
        if !proxy.link().gives_memory() {
            T::check(&mut proxy.facts(), open)?;
            return Ok(Place::Far(proxy));
        }
        let mut how = Writer::default();
        T::put_open(open, &mut how)?;
        let handle = proxy.link().export(&proxy, &how)?;
        T::import(&handle, open).map(|object| Place::Near(object, Some(proxy)))
    }

    /// Opens what a handle leads to.
    ///
    /// # Errors
    /// As the kind's own.
    pub fn import(handle: &Handle, open: &T::Open) -> Result<Place<T>> {
        T::import(handle, open).map(Place::from)
    }

    /// A handle that can travel.
    ///
    /// # Errors
    /// As the kind's own; [`Error::NotSupported`] behind a connection.
    pub fn export(&self) -> Result<Handle> {
        self.near()?.export()
    }
}
