//! The manager: servers and connections to them.

use super::arena::mproc_iter_t;
use super::array::mproc_array_t;
use super::barrier::mproc_barrier_t;
use super::boundary::{
    borrow, c_name, c_str, copy_options, copy_struct_out, copy_text_out, free, give, opt_str, out, run, wait,
};
use super::cancel::mproc_cancel_t;
use super::condition::mproc_condition_t;
use super::datum::{mproc_builder_t, mproc_datum_t, plain_in};
use super::dict::mproc_dict_t;
use super::domain::mproc_domain_t;
use super::event::mproc_event_t;
use super::handle::*;
use super::key::{key_in, mproc_key_t};
use super::list::mproc_list_t;
use super::lock::mproc_lock_t;
use super::namespace::mproc_namespace_t;
use super::pipe::mproc_pipe_t;
use super::queue::mproc_queue_t;
use super::rlock::mproc_rlock_t;
use super::rwlock::mproc_rwlock_t;
use super::semaphore::mproc_semaphore_t;
use super::value::mproc_value_t;
use crate::manager::{Address, ConnectOptions, Link, Proxy, Server, ServerOptions, Site};
use crate::objects::{Builder, Datum, Snapshot, What};
use crate::sync::{Limits, Timeout};
use crate::{Error, Result};
use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;
use std::time::Duration;

/// A manager: a server that has objects, and a connection to it. One that was started has the server inside this
/// process; one that was connected to has it elsewhere. The objects are made and found in its domain, with the functions
/// of their kinds: see mproc_manager_domain().
///
/// Near (a unix socket) a client gets the memory: its operations need no server. Far (tcp) each operation is a request
/// to the server, encrypted; operations that wait hold up nobody else. What works on memory only (pointers, messages
/// in place, descriptors for event loops, handles that travel) is MPROC_ENOTSUP there. Each function on a remote object
/// can also return MPROC_ECONNECTION (there is no connection, or no answer within the timeout of
/// mproc_connect_options_t), MPROC_ESTALE (another server is at the address, or the object is gone), MPROC_EQUOTA and
/// MPROC_EPROTOCOL, and blocks for the answer.
///
/// When a connection ends, for whatever reason, it is for everybody else as if its process had died: locks pass on as
/// MPROC_RECOVERED, permits and leased messages return, barriers break, ends of pipes close, references to objects are
/// dropped. A process whose connection was lost makes a new one to the same server by itself. What it had asked for and
/// that is bound to the lost session (locks, permits, leases, creating) returns MPROC_ECONNECTION; everything else is
/// asked again, and the server does not do it twice (as long as the answers that were on their way had no more than 4 MiB,
/// or were one; and the connection is made again within 6 seconds).
///
/// After fork() the child makes a connection of its own when it needs one.
pub struct mproc_manager_t {
    link: Arc<Link>,
    domain: mproc_domain_t,
    server: Option<Server>,
}

/// mproc_manager_options_t.flags: any user of the machine may connect to the unix sockets, with the key. Without it
/// only the server's own user, and root.
pub const MPROC_MANAGER_ANY_USER: u32 = 1;
/// mproc_connect_options_t.flags: proxies, also where the memory could be had (as "?memory=never" in the address).
pub const MPROC_CONNECT_PROXY: u32 = 1;

/// What a server allows. Initialise with MPROC_MANAGER_OPTIONS_INIT; a field that is 0 has its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_manager_options_t {
    /// sizeof(mproc_manager_options_t)
    pub size: usize,
    /// MPROC_MANAGER_ANY_USER
    pub flags: u32,
    /// Leave 0.
    pub reserved: u32,
    /// Clients: 10,000.
    pub max_clients: u32,
    /// Connections that are not authenticated yet: 64. When there are more, the oldest is dropped.
    pub max_unauthenticated: u32,
    /// Requests that wait or take long, of all clients: 4,096. Each has a thread.
    pub max_waiting: u32,
    /// The same, of one client: 1,024.
    pub client_in_flight: u32,
    /// Objects: 100,000.
    pub max_objects: u64,
    /// Bytes of memory that the objects may take, a container as many as its limit: no bound.
    pub max_bytes: u64,
    /// Objects that one client created and that exist: 10,000.
    pub client_objects: u64,
    /// Bytes that those may take: no bound.
    pub client_bytes: u64,
    /// The longest message, either way: 16 MiB. 2 MiB to 1 GiB.
    pub max_message: u64,
    /// Nanoseconds for a connection to authenticate itself: 5 s.
    pub handshake_timeout_ns: i64,
    /// tcp: a client whose machine is silent for so many nanoseconds is gone: 15 s. In seconds, at least 3.
    pub keepalive_ns: i64,
}

/// How to connect. Initialise with MPROC_CONNECT_OPTIONS_INIT; a field that is 0 has its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_connect_options_t {
    /// sizeof(mproc_connect_options_t)
    pub size: usize,
    /// MPROC_CONNECT_PROXY
    pub flags: u32,
    /// Leave 0.
    pub reserved: u32,
    /// Nanoseconds for connecting, and for an answer beyond the operation's own timeout: 10 s.
    pub timeout_ns: i64,
    /// How long a lost connection is tried anew for a request that is under way, in nanoseconds: 2 s; at most 30 s; -1:
    /// not at all, it fails. The next request connects in any case.
    pub reconnect_ns: i64,
    /// tcp: a server whose machine is silent for so many nanoseconds is gone: 15 s. In seconds, at least 3.
    pub keepalive_ns: i64,
}

/// What a server is like right now.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_manager_info_t {
    /// Which one it is: another one after each start.
    pub instance: [u8; 16],
    /// How long it has been there.
    pub uptime_ns: u64,
    /// Clients, with the connection of mproc_manager_start().
    pub clients: u64,
    /// Connections that are not authenticated (yet).
    pub unauthenticated: u64,
    /// Objects; also inner containers and iterators that a client has a proxy of.
    pub objects: u64,
    /// Bytes of memory that the objects may take, a container as many as its limit.
    pub bytes: u64,
    /// Requests that wait, or take long.
    pub waiting: u64,
    /// Requests so far.
    pub requests: u64,
    /// Connections refused so far.
    pub refused: u64,
    /// Procedures registered.
    pub procedures: u32,
    /// The server's process.
    pub pid: u32,
}

/// A procedure that clients can call: see mproc_manager_register(). It puts its result into `result`: one datum, or
/// nothing for nil. It runs in a thread of the server's, several at a time, and without signals.
///
/// @param argument  what the caller passed; it and what it points to live during the call
/// @param payload   as registered
/// @return MPROC_OK, or a negative status, which the caller gets; with a string in `result` as its text
pub type mproc_procedure_t =
    Option<unsafe extern "C" fn(argument: mproc_datum_t, result: *mut mproc_builder_t, payload: *mut c_void) -> c_int>;

/// Starts a manager: a server with threads of its own inside this process, and a near connection to it. It ends with
/// mproc_manager_close(), or with the process; a forked child does not have it, but can connect to it.
///
/// @param addresses         where it listens: "unix:/path" (near) and "tcp:host:port" (far; port 0: any that is free; no
///                          host: loopback), separated by ','. NULL: a private unix socket for this process's children
///                          (mproc_manager_address()), that ends with the process
/// @param key               the secret of all clients; NULL: none. Then there is no tcp. With it unix sockets want it, too
/// @param options           NULL: defaults
/// @param[out] manager_out  close it with mproc_manager_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL output, not an address, unknown flag, negative time
/// @retval MPROC_EAUTH   tcp, or any user, without a key   @retval MPROC_EEXIST  somebody listens there
/// @retval MPROC_ENOENT  the socket's directory is not there   @retval MPROC_EACCES  it does not let us in
/// @retval MPROC_ECONNECTION  no such host   @retval MPROC_ENOTSUP  "redis:"
/// @retval MPROC_ENOSPC MPROC_ENOMEM MPROC_ESYS
/// Blocks: briefly; to look up a host as long as that takes.  Threads: any.  Fork: see above.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_manager_start(
    addresses: *const c_char,
    key: *const mproc_key_t,
    options: *const mproc_manager_options_t,
    manager_out: *mut *mut mproc_manager_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (addresses, key, options, manager_out) =
            unsafe { (opt_str(addresses)?, key_in(key)?, copy_options(options)?, out(manager_out)?) };
        let addresses = addresses.map_or(Ok(Vec::new()), Address::parse_all)?;
        let server = Server::start(&addresses, key, server_options(options)?, None)?;
        let link = server.connect(ConnectOptions::default())?;
        manager_out.write(give(mproc_manager_t::new(link, Some(server))));
        Ok(0)
    })
}

/// Connects to a manager.
///
/// @param address           "unix:/path": near, or with "?memory=never" by proxies; "tcp:host:port": far
/// @param key               the manager's secret; NULL: none. tcp wants one
/// @param options           NULL: defaults
/// @param[out] manager_out  close it with mproc_manager_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL, not an address, unknown flag, negative time
/// @retval MPROC_ECONNECTION  nobody listens there, or does not answer
/// @retval MPROC_EAUTH   another key, a key where there is none, none where there is one, another user; or it is no
///                       manager    @retval MPROC_EACCES  the socket does not let us in
/// @retval MPROC_EPROTOCOL  another version    @retval MPROC_EQUOTA  it has as many clients as it takes
/// @retval MPROC_ENOTSUP  "redis:"    @retval MPROC_ESYS
/// Blocks: up to options->timeout_ns.  Threads: any.  Fork: the child makes a connection of its own.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_manager_connect(
    address: *const c_char,
    key: *const mproc_key_t,
    options: *const mproc_connect_options_t,
    manager_out: *mut *mut mproc_manager_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (address, key, options, manager_out) =
            unsafe { (c_str(address)?, key_in(key)?, copy_options(options)?, out(manager_out)?) };
        let link = Link::connect(Address::parse(address)?, key, connect_options(options)?)?;
        manager_out.write(give(mproc_manager_t::new(link, None)));
        Ok(0)
    })
}

/// Ends the handle. The connection ends with the last handle on an object of the manager's. A server that was started
/// ends here: clients get MPROC_ECONNECTION, and go on with memory that they have; it waits for procedures that are
/// running; so it is not for a procedure to call. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_manager_close(manager: *mut mproc_manager_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(manager) }
}

/// The manager's domain, for the functions of all kinds of objects.
///
/// - mproc_<kind>_create() with a name creates an object; with MPROC_EXIST_OK it gets one that is there. The object stays
///   until its name is deleted (mproc_domain_unlink()) and nobody refers to it any more, or the server ends.
///   MPROC_PERSIST has no meaning.
/// - mproc_<kind>_create() without a name creates one that lives as long as a client refers to it.
/// - mproc_<kind>_open() gets one by its name, or by what mproc_object_name() says of one without.
///
/// @param[out] domain_out  lives as long as the handle on the manager; do not close it. It has no directory, sweeping
///                         or members: those functions say MPROC_ENOTSUP
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_manager_domain(
    manager: *const mproc_manager_t,
    domain_out: *mut *const mproc_domain_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (manager, domain_out) = unsafe { (borrow(manager)?, out(domain_out)?) };
        domain_out.write(&manager.domain);
        Ok(0)
    })
}

/// Where a server that was started listens (with the port that it got), or where this connection leads.
///
/// @param index         0, 1 …: in the order in which they were given
/// @param buf,cap       where to, and its size with the NUL
/// @param[out] len_out  bytes needed with the NUL; also written on MPROC_EMSGSIZE. May be NULL.
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOENT  there are not so many
/// @retval MPROC_EMSGSIZE  cap too small
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_manager_address(
    manager: *const mproc_manager_t,
    index: u32,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let manager = unsafe { borrow(manager) }?;
        let all = match &manager.server {
            Some(server) => server.addresses(),
            None => std::slice::from_ref(manager.link.address()),
        };
        let address = all.get(index as usize).ok_or(Error::NotFound("an address of that index"))?;
        // SAFETY: buf has cap bytes; len_out is NULL or valid.
        unsafe { copy_text_out(&address.to_string(), buf, cap, len_out) }
    })
}

/// The objects that have names, in the order of their names.
///
/// @param[out] iter_out  for mproc_iter_next(): name, and a map {"kind": MPROC_KIND_..., "clients": how many refer to
///                       it, "bytes": of memory}; close it with mproc_iter_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOMEM   @retval others  see mproc_manager_t
/// Blocks: for the answer.  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_manager_list(
    manager: *const mproc_manager_t,
    iter_out: *mut *mut mproc_iter_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (manager, iter_out) = unsafe { (borrow(manager)?, out(iter_out)?) };
        let mut all = Snapshot::new(What::Items);
        for listed in manager.link.list()? {
            let mut value = Builder::new();
            value.begin_map()?;
            for (key, number) in
                [("kind", u64::from(listed.kind)), ("clients", u64::from(listed.clients)), ("bytes", listed.bytes)]
            {
                value.add(&Datum::Str(key))?;
                value.add(&Datum::UInt(number))?;
            }
            value.end()?;
            all.push(&Datum::Str(&listed.name).encode()?.to_vec(), value.finish()?)?;
        }
        iter_out.write(give(mproc_iter_t::pairs(all)));
        Ok(0)
    })
}

/// Whether the server answers.
///
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits; 0: as long as the connection's options say
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or bad timeout   @retval MPROC_ECONNECTION  it does not
/// @retval others  see mproc_manager_t
/// Blocks: up to timeout_ns and the connection's own timeout.  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_manager_ping(manager: *const mproc_manager_t, timeout_ns: i64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        let manager = unsafe { borrow(manager) }?;
        manager.link.ping(Limits::new(Timeout::from_ns(timeout_ns)?, None)).map(|()| 0)
    })
}

/// What the server is like right now.
///
/// @param[out] info_out  filled    @param info_size  sizeof(mproc_manager_info_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval others  see mproc_manager_t
/// Blocks: for the answer.  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_manager_info(
    manager: *const mproc_manager_t,
    info_out: *mut mproc_manager_info_t,
    info_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented; info_out has info_size bytes.
        unsafe {
            let i = borrow(manager)?.link.info()?;
            let info = mproc_manager_info_t {
                instance: i.instance,
                uptime_ns: i.uptime_ns,
                clients: i.clients,
                unauthenticated: i.unauthenticated,
                objects: i.objects,
                bytes: i.bytes,
                waiting: i.waiting,
                requests: i.requests,
                refused: i.refused,
                procedures: i.procedures,
                pid: i.pid,
            };
            copy_struct_out(&info, info_out, info_size)
        }
    })
}

/// Registers a procedure that clients can call by its name: the counterpart of BaseManager.register().
///
/// @param name       1 to 200 of [A-Za-z0-9._-], not starting with a dot
/// @param procedure  see mproc_procedure_t; must stay as long as the server
/// @param payload    passed to it; NULL if not needed
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENAME  not a name
/// @retval MPROC_EEXIST  there is one of that name
/// @retval MPROC_ENOTSUP  the server is another process's: only who started it registers
/// Blocks: no.  Threads: any, concurrently.  Fork: the child has no server.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_manager_register(
    manager: *const mproc_manager_t,
    name: *const c_char,
    procedure: mproc_procedure_t,
    payload: *mut c_void,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (manager, name) = unsafe { (borrow(manager)?, c_name(name)?) };
        let server = manager.server.as_ref().ok_or(Error::NotSupported("the server is another process's"))?;
        let procedure = procedure.ok_or(Error::invalid("the procedure is NULL"))?;
        let payload = Payload(payload);
        server.register(
            name,
            Arc::new(move |argument, result| {
                let payload = &payload;
                let mut builder = mproc_builder_t::default();
                // SAFETY: a procedure that stays as long as the server (contract of this function), called as its type
                // says; the argument's bytes and the builder live during the call.
                let status = unsafe { procedure(argument.into(), &mut builder, payload.0) };
                let answer = builder.0.datum();
                if status < 0 {
                    let text = match answer {
                        Ok(Datum::Str(text)) => text.to_owned(),
                        _ => format!("the procedure failed: {}", super::status::name_of(status)),
                    };
                    return Err(Error::Far { status, errno: 0, text });
                }
                if builder.0.is_empty() {
                    return Ok(());
                }
                result.add(&answer?)
            }),
        )?;
        Ok(0)
    })
}

/// Calls a procedure that the server's program registered, and waits for its result. If the connection is lost
/// meanwhile it is asked for again, and does not run twice.
///
/// @param name      its name    @param argument  any datum; what it is for is the procedure's business
/// @param result    the result is added here; it must be ready for a value. NULL: not wanted
/// @param timeout_ns,cancel  how long to wait for the result; the procedure runs on
/// @retval MPROC_OK  @retval MPROC_ENOENT  no such procedure    @retval MPROC_EINVAL  NULL, no datum, bad timeout
/// @retval MPROC_ETIMEDOUT MPROC_ECANCELED  it has not ended yet; it may
/// @retval MPROC_ENOMEM   @retval others  what the procedure returned; see mproc_manager_t
/// Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_manager_call(
    manager: *const mproc_manager_t,
    name: *const c_char,
    argument: mproc_datum_t,
    result: *mut mproc_builder_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented; the builder is used by one thread at a time.
        unsafe {
            let (manager, name, limits) = (borrow(manager)?, c_str(name)?, wait(timeout_ns, cancel)?);
            let argument = plain_in(&argument)?;
            manager.link.call(name, &argument, limits, |bytes| match result.as_mut() {
                Some(result) => result.0.add_encoded(bytes),
                None => Ok(()),
            })?;
            Ok(0)
        }
    })
}

/// Whether each operation on an object is a request to a server: it came from a manager, and not as memory.
///
/// @param kind             MPROC_KIND_...    @param object  a live handle of that kind; not NULL
/// @param[out] remote_out  1 or 0
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or no such kind
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_object_is_remote(kind: u32, object: *const c_void, remote_out: *mut c_int) -> c_int {
    run(|| {
        // SAFETY: a live handle of that kind (contract of the function); remote_out is NULL or valid.
        let ((_, remote), remote_out) = unsafe { (object_in(kind, object)?, out(remote_out)?) };
        remote_out.write(c_int::from(remote));
        Ok(0)
    })
}

/// The name under which other clients of the manager can open an object: its own or, for an anonymous one, '#' and a
/// number. Give it to them as text: as an argument, or inside a datum.
///
/// @param kind             MPROC_KIND_...    @param object  a live handle of that kind; not NULL
/// @param buf,cap          where to, and its size with the NUL; 202 bytes are enough
/// @param[out] len_out     bytes needed with the NUL; also written on MPROC_EMSGSIZE. May be NULL.
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or no such kind   @retval MPROC_EMSGSIZE  cap too small
/// @retval MPROC_ENOENT  it is no manager's    @retval MPROC_ENOTSUP  inside another object: pass on a reference to it
/// @retval others  see mproc_manager_t
/// Blocks: for the answer.  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_object_name(
    kind: u32,
    object: *const c_void,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> c_int {
    run(|| {
        // SAFETY: a live handle of that kind (contract of the function).
        let (proxy, _) = unsafe { object_in(kind, object) }?;
        let proxy: &Proxy = proxy.ok_or(Error::NotFound("a manager that has the object"))?;
        let name = proxy.link().name_of(proxy)?;
        // SAFETY: buf has cap bytes; len_out is NULL or valid.
        unsafe { copy_text_out(&name, buf, cap, len_out) }
    })
}

impl mproc_manager_t {
    fn new(link: Arc<Link>, server: Option<Server>) -> mproc_manager_t {
        mproc_manager_t { domain: mproc_domain_t(Site::Manager(link.clone())), link, server }
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }
}

/// A pointer of the program's, that threads of the server pass back to it.
struct Payload(*mut c_void);

// SAFETY: the library only passes it on; what it points to is the program's business, which is told that the procedure
// runs in several threads.
unsafe impl Send for Payload {}
// SAFETY: as above.
unsafe impl Sync for Payload {}

/// What a manager has of an object, and whether it is remote.
///
/// # Safety
/// `object` is NULL or a live handle of that kind.
unsafe fn object_in<'a>(kind: u32, object: *const c_void) -> Result<(Option<&'a Proxy>, bool)> {
    macro_rules! of {
        ($type:ty) => {{
            // SAFETY: NULL or a live handle of that kind (this function's contract).
            let place = &unsafe { borrow(object.cast::<$type>()) }?.0;
            (place.proxy(), place.is_remote())
        }};
    }
    Ok(match kind {
        MPROC_KIND_LOCK => of!(mproc_lock_t),
        MPROC_KIND_VALUE => of!(mproc_value_t),
        MPROC_KIND_ARRAY => of!(mproc_array_t),
        MPROC_KIND_QUEUE => of!(mproc_queue_t),
        MPROC_KIND_PIPE => of!(mproc_pipe_t),
        MPROC_KIND_RLOCK => of!(mproc_rlock_t),
        MPROC_KIND_RWLOCK => of!(mproc_rwlock_t),
        MPROC_KIND_SEMAPHORE => of!(mproc_semaphore_t),
        MPROC_KIND_CONDITION => of!(mproc_condition_t),
        MPROC_KIND_EVENT => of!(mproc_event_t),
        MPROC_KIND_BARRIER => of!(mproc_barrier_t),
        MPROC_KIND_DICT => of!(mproc_dict_t),
        MPROC_KIND_LIST => of!(mproc_list_t),
        MPROC_KIND_NAMESPACE => of!(mproc_namespace_t),
        _ => return Err(Error::invalid("no such kind of object")),
    })
}

fn server_options(options: Option<mproc_manager_options_t>) -> Result<ServerOptions> {
    let default = ServerOptions::default();
    let Some(o) = options else { return Ok(default) };
    if o.flags & !MPROC_MANAGER_ANY_USER != 0 || o.reserved != 0 {
        return Err(Error::invalid("unknown flags of a manager"));
    }
    let or = |n: u64, default: u64| if n == 0 { default } else { n };
    let count = |n: u64, default: usize| usize::try_from(or(n, default as u64)).unwrap_or(usize::MAX);
    Ok(ServerOptions {
        any_user: o.flags & MPROC_MANAGER_ANY_USER != 0,
        max_clients: count(o.max_clients.into(), default.max_clients),
        max_unauthenticated: count(o.max_unauthenticated.into(), default.max_unauthenticated),
        max_waiting: count(o.max_waiting.into(), default.max_waiting),
        client_in_flight: count(o.client_in_flight.into(), default.client_in_flight),
        max_objects: count(o.max_objects, default.max_objects),
        max_bytes: or(o.max_bytes, default.max_bytes),
        client_objects: count(o.client_objects, default.client_objects),
        client_bytes: or(o.client_bytes, default.client_bytes),
        max_message: count(o.max_message, default.max_message),
        handshake: duration(o.handshake_timeout_ns, default.handshake)?,
        keepalive: duration(o.keepalive_ns, default.keepalive)?,
        listeners: default.listeners,
    })
}

fn connect_options(options: Option<mproc_connect_options_t>) -> Result<ConnectOptions> {
    let default = ConnectOptions::default();
    let Some(o) = options else { return Ok(default) };
    if o.flags & !MPROC_CONNECT_PROXY != 0 || o.reserved != 0 {
        return Err(Error::invalid("unknown flags of a connection"));
    }
    Ok(ConnectOptions {
        proxies: o.flags & MPROC_CONNECT_PROXY != 0,
        timeout: duration(o.timeout_ns, default.timeout)?,
        reconnect: if o.reconnect_ns == -1 { Duration::ZERO } else { duration(o.reconnect_ns, default.reconnect)? },
        keepalive: duration(o.keepalive_ns, default.keepalive)?,
    })
}

fn duration(ns: i64, default: Duration) -> Result<Duration> {
    match u64::try_from(ns) {
        Ok(0) => Ok(default),
        Ok(ns) => Ok(Duration::from_nanos(ns)),
        Err(_) => Err(Error::invalid("a time is negative")),
    }
}
