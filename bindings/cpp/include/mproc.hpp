/*
 * libmproc for C++17 and later: a header-only layer over mproc.h.
 *
 * Value, array, queue, pipe, mutexes, semaphore, condition, event, barrier, dict, list and namespace that several
 * processes share, and that stay correct when any of them is killed with SIGKILL at any instant.
 *
 *     mproc::value<int>  counter(0);          // anonymous: for this process and the ones it forks
 *     mproc::array<double> m({3, 4});         // 3 x 4, zeroed, row-major
 *     mproc::queue jobs = mproc::queue::create("jobs");   // named: for everybody in the domain
 *     auto [mine, yours] = mproc::pipe();     // messages between two ends, both ways
 *     mproc::dict stock{{"apple", 3}, {"pear", 2.5}};     // dynamic values, and containers in containers
 *     stock["apple"] += 4;                    // atomic; mproc::list and mproc::name_space likewise
 *     std::lock_guard guard(counter.mutex()); // every lock is TimedLockable
 *     mproc::condition ready;                 // std::unique_lock lock(ready.mutex()); ready.wait(lock, ...);
 *     mproc::wait({mproc::on_readable(jobs), mproc::on_set(stop)});   // until one of many things is ready
 *     auto office = mproc::manager::connect("tcp:10.0.0.1:7000", mproc::key::load("office.key"));
 *     auto rates = mproc::dict::open(office.domain(), "rates");       // all of these, on another machine
 *
 * Conventions
 * -----------
 * Handles    Move-only, closed by the destructor. Closing ends the handle, never the object: that
 *            lives until its last user is gone. A constructor makes an anonymous object; create(),
 *            open() and create_or_open() work on names. Using a moved-from handle throws
 *            errc::invalid_argument.
 * Errors     Every failure throws mproc::error (a std::system_error in mproc::category()); compare
 *            with `e.code() == mproc::errc::closed`. A timeout is an outcome, not a failure: try_x(),
 *            try_x_for() and try_x_until() return false, an empty optional or 0. Cancellation
 *            (errc::canceled), use of a queue that was shut down (errc::closed), of a pipe whose other
 *            end is gone (errc::end_of_file, errc::broken_pipe) and of a broken barrier (errc::broken_barrier)
 *            do throw.
 * Recovered  A lock whose holder died is handed over. lock() then succeeds like always;
 *            recovered() is true until unlock(), and a callback given to on_recovered() has been
 *            called with the lock held. See mproc::mutex. A message whose consumer died, or put it back,
 *            is delivered again: then redelivered() is true.
 * In place   reserve() and peek() give messages where they are in shared memory. What is destroyed without
 *            commit() is not put; what is destroyed without release() or ack() is put back, not lost.
 * Datums     dict, list and name_space hold dynamic values: mproc::datum. Functions take whatever one can be made from,
 *            and in braces a list. container[key] is no value: it reads and writes when it is used, so give what you
 *            read a type.
 * Managers   Every class works in the domain of a mproc::manager, too. Where it is near, objects are memory as always;
 *            where it is far (is_remote()), each operation is a request, what is about memory itself throws
 *            errc::not_supported, and a lost connection errc::connection. unlock() does not throw that: see lost().
 * Timeouts   Any std::chrono duration or time point, converted to nanoseconds: rounded up, negative
 *            means 0, too long means 292 years. Functions without a timeout wait for ever.
 * Cancel     Every function that can sleep takes a cancel_token as an optional last argument.
 * Signals    A signal whose handler returns does not end a wait, unless the handle was made with the option
 *            return_on_signal: then the function throws errc::interrupted.
 * Threads    Every object may be used by many threads at once, except that destroying, moving and
 *            on_recovered() need it for themselves.
 * Processes  A forked child uses the handles it inherited; it does not hold its parent's locks, reservations
 *            and messages. Every other process opens an object by its name, or from a mproc::handle: given to
 *            a program by mproc::process, or sent through a unix socket.
 * Cost       No operation makes more than one call into the library; the operations of std::atomic on
 *            scalar values and direct access to array elements make none, where memory is near. The exceptions:
 *            creating and opening also fetch pointer and shape, taking a message that is longer than those before, or a
 *            datum of more than 1 KiB, may need a second call, starting a program makes a handle on each object it
 *            is given, and lists, maps and iterators take a call for each of their elements.
 *
 * Everything the wrapper does not cover is reachable through native_handle() and mproc.h.
 */
#ifndef MPROC_HPP
#define MPROC_HPP

#include <mproc.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__has_include)
#if __has_include(<version>)
#include <version>
#endif
#endif
#if defined(__cpp_lib_span)
#include <span>
#endif

namespace mproc {

// ---------------------------------------------------------------------------------------------
// Errors
// ---------------------------------------------------------------------------------------------

/// Why a call failed: the MPROC_E... numbers of mproc.h. Compares with std::error_code.
enum class errc : int {
  invalid_argument = MPROC_EINVAL,   ///< out of range, unknown flag or type, or an empty handle
  timed_out = MPROC_ETIMEDOUT,       ///< never thrown: the try_ functions return it as their outcome
  canceled = MPROC_ECANCELED,        ///< the cancel token was set
  closed = MPROC_ECLOSED,            ///< the queue was shut down (and is drained), or its producers are gone
  buffer_too_small = MPROC_EMSGSIZE, ///< the message stays where it is; see mproc::buffer_too_small
  too_big = MPROC_E2BIG,             ///< the message can never fit into this queue or pipe; a value is over 32 MiB
  already_exists = MPROC_EEXIST,     ///< the name is taken by a living object
  not_found = MPROC_ENOENT,          ///< there is no object of that name, no such key, or it is gone
  wrong_kind = MPROC_EKIND,          ///< the name belongs to another kind of object
  type_mismatch = MPROC_ETYPE,       ///< type, size, shape, mode or schema differ from the object's or datum's
  out_of_range = MPROC_ERANGE,       ///< an index or a slice is out of bounds
  not_owner = MPROC_EPERM,           ///< this process does not hold the lock, the reservation, the message
  access_denied = MPROC_EACCES,      ///< wrong owner, type or mode of a file, or permission denied
  no_space = MPROC_ENOSPC,           ///< the file system has no room; nothing was left behind
  no_memory = MPROC_ENOMEM,          ///< machine or control group has no room; nothing was left behind
  busy = MPROC_EBUSY,                ///< an internal lock was held for longer than busy_timeout
  corrupt = MPROC_ECORRUPT,          ///< the shared memory does not make sense
  version_mismatch = MPROC_EVERSION, ///< another layout version or byte order
  domain_mismatch = MPROC_EDOMAIN,   ///< the object belongs to another domain
  bad_name = MPROC_ENAME,            ///< not 1 to 200 of [A-Za-z0-9._-], or starting with a dot
  no_slots = MPROC_ESLOTS,           ///< 1022 living processes have joined the domain
  not_supported = MPROC_ENOTSUP,     ///< this type or mode of object does not have that operation
  system_call = MPROC_ESYS,          ///< a system call failed: see error::sys_errno()
  panic = MPROC_EPANIC,              ///< a bug in the library was caught at its boundary
  stale = MPROC_ESTALE,              ///< the domain was removed meanwhile; another instance of the manager answers
  broken_pipe = MPROC_EPIPE,         ///< the other end (of a pipe or socket) is gone: nobody will read it
  end_of_file = MPROC_EOF,           ///< the other end is gone, and nothing is left
  interrupted = MPROC_EINTR,         ///< a signal handler ran (only with the option return_on_signal)
  broken_barrier = MPROC_EBROKEN,    ///< the barrier is broken, or was reset while waiting
  overflow = MPROC_EOVERFLOW,        ///< a number would exceed its bound: permits, levels of a lock, a sum
  full = MPROC_EFULL,                ///< a table in shared memory, or an arena, is full
  changed = MPROC_ECHANGED,          ///< the container changed while it was iterated
  connection = MPROC_ECONNECTION,    ///< nobody answers at that address, or the connection is lost
  refused = MPROC_EAUTH,             ///< another key, no key, another user, or not a manager
  protocol = MPROC_EPROTOCOL,        ///< the other side speaks another version of the protocol, or does not make sense
  quota = MPROC_EQUOTA,              ///< a limit of the manager's is reached
  fenced = MPROC_EFENCED,            ///< the token is older than one that was used on the object
};

namespace detail {

class status_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "mproc"; }

  std::string message(int status) const override { return ::mproc_strerror(status); }

  // Lets portable code ask `e.code() == std::errc::timed_out` without knowing this library.
  std::error_condition default_error_condition(int status) const noexcept override {
    switch (static_cast<errc>(status)) {
      case errc::invalid_argument:
      case errc::bad_name: return std::errc::invalid_argument;
      case errc::timed_out: return std::errc::timed_out;
      case errc::canceled: return std::errc::operation_canceled;
      case errc::closed:
      case errc::broken_pipe: return std::errc::broken_pipe;
      case errc::buffer_too_small:
      case errc::too_big: return std::errc::message_size;
      case errc::already_exists: return std::errc::file_exists;
      case errc::not_found: return std::errc::no_such_file_or_directory;
      case errc::out_of_range: return std::errc::result_out_of_range;
      case errc::not_owner: return std::errc::operation_not_permitted;
      case errc::access_denied: return std::errc::permission_denied;
      case errc::no_space: return std::errc::no_space_on_device;
      case errc::no_memory: return std::errc::not_enough_memory;
      case errc::busy: return std::errc::device_or_resource_busy;
      case errc::not_supported: return std::errc::operation_not_supported;
      case errc::interrupted: return std::errc::interrupted;
      case errc::overflow: return std::errc::value_too_large;
      case errc::full: return std::errc::resource_unavailable_try_again;
      case errc::connection: return std::errc::not_connected;
      case errc::refused: return std::errc::permission_denied;
      case errc::protocol: return std::errc::protocol_error;
      default: return {status, *this};
    }
  }
};

}  // namespace detail

/// The category of every error code of this library; messages come from mproc_strerror().
inline const std::error_category& category() noexcept {
  static const detail::status_category instance;
  return instance;
}

/// Makes `code == mproc::errc::...` work.
inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), category()}; }

}  // namespace mproc

template <>
struct std::is_error_code_enum<mproc::errc> : std::true_type {};

namespace mproc {

/// What every failing call throws. code() is the status, what() also says what happened in detail.
class error : public std::system_error {
 public:
  /// An error noticed by the library: `status` is what it returned, the detail its last error text.
  error(int status, const char* operation) : error(status, operation, last_error()) {}

  /// An error noticed by this header.
  error(errc code, const std::string& detail) : std::system_error(make_error_code(code), detail) {}

  /// errno of the system call behind it, or 0.
  int sys_errno() const noexcept { return sys_errno_; }

 private:
  error(int status, const char* operation, const mproc_error_t& last)
      : std::system_error(status, category(),
                          std::string("mproc_") + operation +
                              (last.status == status && last.message[0] != '\0'
                                   ? std::string(": ") + last.message
                                   : std::string())),
        sys_errno_(last.status == status ? last.sys_errno : 0) {}

  static mproc_error_t last_error() noexcept {
    mproc_error_t last{};
    ::mproc_last_error(&last, sizeof last);
    return last;
  }

  int sys_errno_ = 0;
};

/// errc::buffer_too_small: the message did not fit into the memory given and stays where it is.
class buffer_too_small : public error {
 public:
  buffer_too_small(const char* operation, std::size_t needed)
      : error(MPROC_EMSGSIZE, operation), needed_(needed) {}

  /// Bytes that the message at the front needs.
  std::size_t needed() const noexcept { return needed_; }

 private:
  std::size_t needed_;
};

/// A batch of puts that failed part of the way (closed, canceled, ...): some messages are in the queue.
class batch_error : public error {
 public:
  batch_error(int status, const char* operation, std::size_t done) : error(status, operation), done_(done) {}

  /// How many messages are in the queue, counted from the first of the batch.
  std::size_t done() const noexcept { return done_; }

 private:
  std::size_t done_;
};

/// A process as shared memory knows it, for people and logs: see mproc_owner_t.
using owner_info = mproc_owner_t;
/// What a value is: see mproc_value_info_t.
using value_info = mproc_value_info_t;
/// What an array is: see mproc_array_info_t.
using array_info = mproc_array_info_t;
/// Bounds, fill and state of a queue: see mproc_queue_info_t.
using queue_info = mproc_queue_info_t;
/// Bounds, fill and peer of an end of a pipe: see mproc_pipe_info_t.
using pipe_info = mproc_pipe_info_t;
/// Who holds a recursive mutex, and how often: see mproc_rlock_info_t.
using recursive_mutex_info = mproc_rlock_info_t;
/// Who reads and writes under a shared mutex: see mproc_rwlock_info_t.
using shared_mutex_info = mproc_rwlock_info_t;
/// Permits of a semaphore: see mproc_semaphore_info_t.
using semaphore_info = mproc_semaphore_info_t;
/// Who waits for a condition, and under which kind of lock: see mproc_condition_info_t.
using condition_info = mproc_condition_info_t;
/// How many parties wait at a barrier, and what became of earlier ones: see mproc_barrier_info_t.
using barrier_info = mproc_barrier_info_t;
/// What a manager's server does: see mproc_manager_info_t.
using manager_info = mproc_manager_info_t;

// ---------------------------------------------------------------------------------------------
// Helpers: statuses, handles, time
// ---------------------------------------------------------------------------------------------

namespace detail {

// Success (0 or positive news) passes through; a failure throws.
inline int check(int status, const char* operation) {
  if (status < 0) throw error(status, operation);
  return status;
}

// As check(), but a timeout is an outcome: false.
inline bool in_time(int status, const char* operation) {
  if (status == MPROC_ETIMEDOUT) return false;
  check(status, operation);
  return true;
}

template <auto Close>
struct closer {
  template <class Handle>
  void operator()(Handle* handle) const noexcept {
    Close(handle);
  }
};

template <class Handle, auto Close>
using unique_handle = std::unique_ptr<Handle, closer<Close>>;

// As unique_handle, but what is held in place through the handle keeps it open.
template <class Handle, auto Close>
class shared_handle {
 public:
  shared_handle() noexcept = default;
  explicit shared_handle(Handle* handle) {
    if (handle != nullptr) shared_.reset(handle, closer<Close>());
  }
  shared_handle(shared_handle&&) noexcept = default;
  shared_handle& operator=(shared_handle&&) noexcept = default;

  Handle* get() const noexcept { return shared_.get(); }
  const std::shared_ptr<Handle>& share() const noexcept { return shared_; }
  void reset() noexcept { shared_.reset(); }

 private:
  std::shared_ptr<Handle> shared_;
};

[[noreturn]] inline void empty_handle() {
  throw error(errc::invalid_argument, "the handle is empty (moved from or closed)");
}

// The library would say the same of NULL; saying it here keeps the message clear and inline paths safe.
template <class Pointer>
Pointer live(Pointer pointer) {
  if (pointer == nullptr) empty_handle();
  return pointer;
}

// The C interface would silently cut a name at a NUL byte.
inline const char* c_name(const std::string& name) {
  if (name.find('\0') != std::string::npos) throw error(errc::bad_name, "the name contains a NUL byte");
  return name.c_str();
}

// A text that the library fills in: fetch(buffer, capacity, &needed), again with more room if it asks for that.
template <class Fetch>
std::string fetch_text(const Fetch& fetch, const char* operation) {
  std::string text(256, '\0');
  for (;;) {
    std::size_t needed = 0;
    const int status = fetch(text.data(), text.size(), &needed);
    if (status != MPROC_EMSGSIZE) {
      check(status, operation);
      text.resize(std::strlen(text.c_str()));
      return text;
    }
    text.resize(needed + 1);
  }
}

// A relaxed atomic hint that moves with its owner (moving is never concurrent with use).
template <class T>
class movable_atomic {
 public:
  explicit movable_atomic(T initial) noexcept : value_(initial) {}
  movable_atomic(movable_atomic&& other) noexcept : value_(other.get()) {}
  movable_atomic& operator=(movable_atomic&& other) noexcept {
    set(other.get());
    return *this;
  }
  T get() const noexcept { return value_.load(std::memory_order_relaxed); }
  void set(T value) noexcept { value_.store(value, std::memory_order_relaxed); }

 private:
  std::atomic<T> value_;
};

// Whole nanoseconds for the C interface: never shorter than asked, never negative, saturating.
template <class Rep, class Period>
constexpr std::int64_t to_ns(const std::chrono::duration<Rep, Period>& wait) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  constexpr std::intmax_t second = 1'000'000'000;
  if (!(wait > wait.zero())) return 0;  // not `<=`: NaN counts as "do not wait"
  if constexpr (std::is_integral_v<Rep> && second % Period::den == 0) {
    if constexpr (Period::num <= most / (second / Period::den)) {
      constexpr auto per_tick = static_cast<std::uintmax_t>(Period::num * (second / Period::den));
      const auto ticks = static_cast<std::uintmax_t>(wait.count());
      return ticks > static_cast<std::uintmax_t>(most) / per_tick ? most
                                                                 : static_cast<std::int64_t>(ticks * per_tick);
    }
  }
  const long double ns = static_cast<long double>(wait.count()) * Period::num / Period::den * second;
  if (ns >= static_cast<long double>(most)) return most;
  const auto whole = static_cast<std::int64_t>(ns);
  return static_cast<long double>(whole) < ns ? whole + 1 : whole;
}

// How long it is until then.
template <class Clock, class Duration>
std::int64_t ns_until(const std::chrono::time_point<Clock, Duration>& when) {
  const auto now = Clock::now();
  return when <= now ? std::int64_t{0} : to_ns(when - now);
}

// Runs `attempt(ns)` until it succeeds or `when` has come. A steady clock needs one attempt; a clock
// that may be set while we sleep is looked at again.
template <class Clock, class Duration, class Attempt>
auto until(const std::chrono::time_point<Clock, Duration>& when, Attempt&& attempt) {
  for (;;) {
    auto outcome = attempt(ns_until(when));
    if (outcome || Clock::is_steady || Clock::now() >= when) return outcome;
  }
}

// What is left of a timeout when a call has to be repeated.
class deadline {
 public:
  explicit deadline(std::int64_t timeout_ns) : timeout_ns_(timeout_ns) {
    if (timeout_ns > 0) start_ = std::chrono::steady_clock::now();
  }
  std::int64_t left() const {
    if (timeout_ns_ <= 0) return timeout_ns_;
    const std::int64_t gone = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start_).count();
    return gone >= timeout_ns_ ? 0 : timeout_ns_ - gone;
  }

 private:
  std::int64_t timeout_ns_;
  std::chrono::steady_clock::time_point start_{};
};

}  // namespace detail

// ---------------------------------------------------------------------------------------------
// Cancelling
// ---------------------------------------------------------------------------------------------

/// A cancel token: set() makes every call of this process that waits with it throw errc::canceled
/// promptly, and so does every later one that would have to wait, until clear().
class cancel_token {
 public:
  cancel_token() {
    mproc_cancel_t* made = nullptr;
    detail::check(::mproc_cancel_create(&made), "cancel_create");
    handle_.reset(made);
  }

  /// Ends the waits. Allowed from a signal handler, through mproc_cancel_set(native_handle()).
  void set() { detail::check(::mproc_cancel_set(handle_.get()), "cancel_set"); }

  /// Makes the token usable again. Only when no call is waiting with it.
  void clear() { detail::check(::mproc_cancel_clear(handle_.get()), "cancel_clear"); }

  bool is_set() const {
    int set = 0;
    detail::check(::mproc_cancel_is_set(handle_.get(), &set), "cancel_is_set");
    return set != 0;
  }

  mproc_cancel_t* native_handle() const noexcept { return handle_.get(); }

 private:
  detail::unique_handle<mproc_cancel_t, &::mproc_cancel_close> handle_;
};

/// How functions take an optional cancel_token: pass the token itself, or nothing.
class cancel_ref {
 public:
  cancel_ref() noexcept = default;
  cancel_ref(const cancel_token& token) : handle_(detail::live(token.native_handle())) {}  // NOLINT: implicit on purpose
  const mproc_cancel_t* native_handle() const noexcept { return handle_; }

 private:
  const mproc_cancel_t* handle_ = nullptr;
};

// ---------------------------------------------------------------------------------------------
// Domain
// ---------------------------------------------------------------------------------------------

/// How to open a domain.
struct domain_options {
  bool group = false;     ///< for the members of the directory's group, not only for this user
  bool existing = false;  ///< fail with errc::not_found instead of creating it
  std::chrono::nanoseconds busy_timeout{0};  ///< longest wait for an internal lock; 0: 5 seconds
};

/// A set of processes and objects that know each other: a directory on tmpfs, or anonymous.
/// A default-constructed domain stands for the default one (MPROC_DOMAIN, else /dev/shm/mproc-<euid>)
/// and opens nothing by itself; so does one that was moved from. Objects keep their domain alive.
class domain {
 public:
  domain() noexcept = default;

  /// Opens the domain in that directory (absolute), creating it if need be, and joins it.
  static domain open(const std::string& path, const domain_options& options = {}) {
    return domain(detail::c_name(path), 0, options);
  }

  /// A domain without a name in the file system, shared with forked children.
  static domain anonymous(const domain_options& options = {}) {
    return domain(nullptr, MPROC_DOMAIN_ANONYMOUS, options);
  }

  /// Removes a whole domain directory that nobody uses, persistent objects included; errc::busy if
  /// somebody does.
  static void remove(const std::string& path) {
    detail::check(::mproc_domain_remove(detail::c_name(path)), "domain_remove");
  }

  /// The directory; empty for an anonymous domain.
  std::string path() const {
    return detail::fetch_text(
        [&](char* to, std::size_t room, std::size_t* needed) { return ::mproc_domain_path(raw_, to, room, needed); },
        "domain_path");
  }

  /// The 128-bit identity recorded in the registry and in every object.
  std::array<std::uint8_t, 16> id() const {
    std::array<std::uint8_t, 16> bytes{};
    detail::check(::mproc_domain_id(raw_, bytes.data()), "domain_id");
    return bytes;
  }

  /// This process as the other members see it.
  owner_info self() const {
    owner_info me{};
    detail::check(::mproc_domain_self(raw_, &me, sizeof me), "domain_self");
    return me;
  }

  /// Removes the name of an object of any kind; its users go on. errc::not_found if there is none.
  void unlink(const std::string& name) const {
    detail::check(::mproc_domain_unlink(raw_, detail::c_name(name)), "domain_unlink");
  }

  /// Removes what killed processes left behind (create and open do it too, now and then).
  std::size_t sweep() const {
    std::size_t removed = 0;
    detail::check(::mproc_domain_sweep(raw_, &removed), "domain_sweep");
    return removed;
  }

  /// A view of one that somebody else closes, after its last use: see manager::domain().
  static domain borrowed(const mproc_domain_t* from) { return domain(detail::live(from)); }

  domain(domain&& other) noexcept
      : handle_(std::move(other.handle_)), raw_(std::exchange(other.raw_, nullptr)) {}
  domain& operator=(domain&& other) noexcept {
    handle_ = std::move(other.handle_);
    raw_ = std::exchange(other.raw_, nullptr);
    return *this;
  }
  ~domain() = default;

  /// NULL stands for the default domain.
  const mproc_domain_t* native_handle() const noexcept { return raw_; }

 private:
  domain(const char* path, std::uint32_t flags, const domain_options& options) {
    mproc_domain_options_t o = MPROC_DOMAIN_OPTIONS_INIT;
    o.path = path;
    o.flags = flags;
    if (options.group) o.flags |= MPROC_DOMAIN_GROUP;
    if (options.existing) o.flags |= MPROC_DOMAIN_EXISTING;
    o.busy_timeout_ns = options.busy_timeout.count();
    mproc_domain_t* made = nullptr;
    detail::check(::mproc_domain_open(&o, &made), "domain_open");
    handle_.reset(made);
    raw_ = made;
  }
  explicit domain(const mproc_domain_t* from) noexcept : raw_(from) {}

  detail::unique_handle<mproc_domain_t, &::mproc_domain_close> handle_;  // nothing, of one that is borrowed
  const mproc_domain_t* raw_ = nullptr;
};

// ---------------------------------------------------------------------------------------------
// Handles that travel
// ---------------------------------------------------------------------------------------------

/// What an object is.
enum class object_kind : std::uint32_t {
  lock = MPROC_KIND_LOCK,
  value = MPROC_KIND_VALUE,
  array = MPROC_KIND_ARRAY,
  queue = MPROC_KIND_QUEUE,
  pipe = MPROC_KIND_PIPE,      ///< one end of it
  rlock = MPROC_KIND_RLOCK,    ///< a recursive_mutex
  rwlock = MPROC_KIND_RWLOCK,  ///< a shared_mutex
  semaphore = MPROC_KIND_SEMAPHORE,
  condition = MPROC_KIND_CONDITION,
  event = MPROC_KIND_EVENT,
  barrier = MPROC_KIND_BARRIER,
  dict = MPROC_KIND_DICT,
  list = MPROC_KIND_LIST,
  name_space = MPROC_KIND_NAMESPACE,
};

namespace detail {

// What is the same of every object: what a manager has to do with it.
template <class Self, object_kind Kind>
class placed {
 public:
  /// Whether each operation is a request to a manager's server, not access to memory.
  bool is_remote() const {
    int remote = 0;
    check(::mproc_object_is_remote(static_cast<std::uint32_t>(Kind), self(), &remote), "object_is_remote");
    return remote != 0;
  }

  /// Under which name other clients of the manager open it: its own, or "#" and a number if it is anonymous.
  /// errc::not_found if no manager has it.
  std::string name() const {
    return fetch_text(
        [&](char* to, std::size_t room, std::size_t* needed) {
          return ::mproc_object_name(static_cast<std::uint32_t>(Kind), self(), to, room, needed);
        },
        "object_name");
  }

 protected:
  placed() noexcept = default;
  placed(placed&&) noexcept = default;
  placed& operator=(placed&&) noexcept = default;
  ~placed() = default;

 private:
  const void* self() const { return live(static_cast<const Self&>(*this).native_handle()); }
};

// An inline path that found no memory: the handle is empty, or a manager has it.
[[noreturn]] inline void no_memory_here(const void* handle) {
  live(handle);
  throw error(errc::not_supported, "a manager has the object, behind a connection: there is no memory to point to");
}

}  // namespace detail

/// A handle on an object of any kind, ready to travel: to a program that mproc::process starts, or through
/// a unix socket. Made by export_handle() of the object; the receiver opens the object with open(handle):
///
///     queue.export_handle().send(socket);                             // here
///     auto queue = mproc::queue::open(mproc::handle::recv(socket));   // there
class handle {
 public:
  /// The two descriptors that a child has to inherit. They stay the handle's.
  struct descriptor_pair {
    int registry;  ///< that of the domain's registry
    int object;    ///< that of the object
  };

  /// Takes over a handle that was made through mproc.h.
  explicit handle(mproc_handle_t* made) noexcept : handle_(made) {}

  /// The handle that a token stands for, in the process that inherited its descriptors, which become this
  /// handle's. errc::not_found if they are not there.
  static handle from_token(const std::string& token) {
    if (token.find('\0') != std::string::npos) throw error(errc::invalid_argument, "the token contains a NUL byte");
    mproc_handle_t* made = nullptr;
    detail::check(::mproc_handle_from_token(token.c_str(), &made), "handle_from_token");
    return handle(made);
  }

  /// Waits for a handle that somebody sends through a connected unix socket. Throws errc::end_of_file when
  /// the other side closed it.
  static handle recv(int socket, cancel_ref cancel = {}) { return *received(socket, MPROC_FOREVER, cancel); }
  static std::optional<handle> try_recv(int socket) { return received(socket, 0, {}); }
  template <class Rep, class Period>
  static std::optional<handle> try_recv_for(int socket, const std::chrono::duration<Rep, Period>& wait,
                                            cancel_ref cancel = {}) {
    return received(socket, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  static std::optional<handle> try_recv_until(int socket, const std::chrono::time_point<Clock, Duration>& when,
                                              cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return received(socket, ns, cancel); });
  }

  /// Sends it through a connected unix socket, and keeps it. Throws errc::broken_pipe when nobody will read it.
  void send(int socket, cancel_ref cancel = {}) const { send_ns(socket, MPROC_FOREVER, cancel); }
  bool try_send(int socket) const { return send_ns(socket, 0, {}); }
  template <class Rep, class Period>
  bool try_send_for(int socket, const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) const {
    return send_ns(socket, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  bool try_send_until(int socket, const std::chrono::time_point<Clock, Duration>& when,
                      cancel_ref cancel = {}) const {
    return detail::until(when, [&](std::int64_t ns) { return send_ns(socket, ns, cancel); });
  }

  /// What it leads to.
  object_kind kind() const {
    std::uint32_t what = 0;
    detail::check(::mproc_handle_kind(handle_.get(), &what), "handle_kind");
    return static_cast<object_kind>(what);
  }

  /// The descriptors behind it, both close-on-exec.
  descriptor_pair descriptors() const {
    descriptor_pair fds{-1, -1};
    detail::check(::mproc_handle_descriptors(handle_.get(), &fds.registry, &fds.object), "handle_descriptors");
    return fds;
  }

  /// The handle as a short text, for launchers of your own (mproc::process does all of it): from_token() in
  /// a child that inherits the descriptors under the numbers given, or under those that they have here (which
  /// takes a second call to ask). Not for this process itself: two handles would then own the same descriptors.
  std::string token(int registry_fd, int object_fd) const {
    return detail::fetch_text(
        [&](char* to, std::size_t room, std::size_t* needed) {
          return ::mproc_handle_token(handle_.get(), registry_fd, object_fd, to, room, needed);
        },
        "handle_token");
  }
  std::string token() const {
    const descriptor_pair fds = descriptors();
    return token(fds.registry, fds.object);
  }

  /// Ends the handle now. What was opened from it stays open.
  void close() noexcept { handle_.reset(); }

  const mproc_handle_t* native_handle() const noexcept { return handle_.get(); }

 private:
  static std::optional<handle> received(int socket, std::int64_t timeout_ns, cancel_ref cancel) {
    mproc_handle_t* made = nullptr;
    const int status = ::mproc_recv_handle(socket, &made, timeout_ns, cancel.native_handle());
    if (!detail::in_time(status, "recv_handle")) return std::nullopt;
    return handle(made);
  }

  bool send_ns(int socket, std::int64_t timeout_ns, cancel_ref cancel) const {
    const int status = ::mproc_send_handle(socket, handle_.get(), timeout_ns, cancel.native_handle());
    return detail::in_time(status, "send_handle");
  }

  detail::unique_handle<mproc_handle_t, &::mproc_handle_close> handle_;
};

/// The handle that this program was given under that name by the one that started it. Each can be taken
/// once; errc::not_found if there is none, or not any more.
inline handle inherited(const std::string& name) {
  mproc_handle_t* made = nullptr;
  detail::check(::mproc_inherited(detail::c_name(name), &made), "inherited");
  return handle(made);
}

// ---------------------------------------------------------------------------------------------
// Lock
// ---------------------------------------------------------------------------------------------

class condition;

namespace detail {

// How often a lock was taken that can be taken only once.
struct one_level {
  bool enter() noexcept { return true; }  // whether this is the first level
  bool leave() noexcept { return true; }  // whether this was the last level
  void restart() noexcept {}
  std::uint32_t save() const noexcept { return 1; }
  void restore(std::uint32_t) noexcept {}
};

// How often its thread took a recursive lock through one handle: recovered() has to last as long. Written with the
// lock held; atomic because a thread that does not hold it may try to unlock.
class thread_levels {
 public:
  explicit thread_levels(bool recursive = true) noexcept : recursive_(recursive) {}

  bool enter() noexcept {
    const bool nested = recursive_ && mine() && count_.get() > 0;
    restore(nested ? count_.get() + 1 : 1);
    return !nested;
  }
  bool leave() noexcept {
    if (!recursive_) return true;
    if (!mine() || count_.get() == 0) return false;
    count_.set(count_.get() - 1);
    return count_.get() == 0;
  }
  void restart() noexcept { restore(1); }
  std::uint32_t save() const noexcept { return mine() ? count_.get() : 1; }
  void restore(std::uint32_t count) noexcept {
    owner_.set(std::this_thread::get_id());
    count_.set(count);
  }

 private:
  bool mine() const noexcept { return owner_.get() == std::this_thread::get_id(); }

  bool recursive_;
  movable_atomic<std::thread::id> owner_{std::thread::id()};
  movable_atomic<std::uint32_t> count_{0};
};

// A TimedLockable over one kind of lock of the library. `Calls` names its C functions.
template <class Calls>
class lockable {
  using handle_type = typename Calls::handle;
  using levels = typename Calls::levels;

 public:
  /// Waits for the lock. A dead holder's lock passes on (see recovered()); a stopped holder is never
  /// robbed. Throws errc::canceled when the token is set.
  void lock(cancel_ref cancel = {}) { acquire(MPROC_FOREVER, cancel); }

  /// Takes the lock if that is possible at once.
  bool try_lock() { return acquire(0, {}); }

  /// Waits for at most that long.
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return acquire(to_ns(wait), cancel);
  }

  /// Waits until that time at most.
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& when, cancel_ref cancel = {}) {
    return until(when, [&](std::int64_t ns) { return acquire(ns, cancel); });
  }

  /// Releases the lock; any thread of the process may. (A recursive one: one level of it, and only the thread
  /// that holds it may.) Throws errc::not_owner if this process does not hold it (in the destructor of a guard
  /// that ends the program, as it should), but not if the connection to a manager is lost: see lost().
  void unlock() {
    // Before the release: afterwards the flag may already be another thread's.
    if (levels_.leave() && recovered_.get()) recovered_.set(false);
    released(Calls::unlock(live(raw_)), Calls::unlock_name);
  }

  /// Whether the latest unlock() through this handle found the connection to the manager lost. Then the lock has been
  /// released for this process, as if it had died, at some time while it was inside. Never so where memory is near.
  bool lost() const noexcept { return lost_.get(); }

  /// The fencing token of the present holder, which is to be this process (errc::not_owner): a number greater than
  /// those of all holders before. With it, set_if_token() and the like refuse the late writes of a holder that has lost
  /// the lock and does not know. (A shared_mutex: of the writer. Not for the mutex() of a value, array or condition.)
  template <class C = Calls, class = decltype(&C::token)>
  std::uint64_t token() const {
    std::uint64_t out = 0;
    check(C::token(live(raw_), &out), C::token_name);
    return out;
  }

  /// Whether the latest acquisition through this handle took over from a holder that died inside: what
  /// the lock protects may be half done. Meaningful while holding the lock; unlock() clears it (of a recursive
  /// one: that of the last level, through the handle that took it).
  bool recovered() const noexcept { return recovered_.get(); }

  /// Called with the lock held, before lock() returns, whenever an acquisition through this handle takes
  /// over from a dead holder: the place to repair what the lock protects. If it throws, the lock is
  /// released and lock() throws the same. Set it before threads share the handle; {} removes it.
  void on_recovered(std::function<void()> callback) { on_recovered_ = std::move(callback); }

  /// Who holds the lock right now, a snapshot for people and logs; empty when it is free. (A shared_mutex and
  /// the lock of a condition do not have this.)
  template <class C = Calls, class = decltype(&C::owner)>
  std::optional<owner_info> owner() const {
    owner_info who{};
    check(Calls::owner(live(raw_), &who), Calls::owner_name);
    if (who.held == 0) return std::nullopt;
    return who;
  }

 protected:
  lockable() noexcept = default;
  void attach(const handle_type* handle) noexcept { raw_ = handle; }
  void set_recovered(bool recovered) noexcept {
    if (recovered_.get() != recovered) recovered_.set(recovered);
  }
  // Who has lost the connection has lost the lock with it; to throw would end the program in the destructor of a guard.
  void released(int status, const char* operation) {
    const bool lost = status == MPROC_ECONNECTION || status == MPROC_ESTALE;
    if (lost_.get() != lost) lost_.set(lost);
    if (!lost) check(status, operation);
  }

 public:
  // For the objects that own the handle; user code has no reason to make one.
  explicit lockable(const handle_type* handle, levels start = levels()) noexcept
      : raw_(handle), levels_(std::move(start)) {}
  lockable(lockable&& other) noexcept
      : raw_(std::exchange(other.raw_, nullptr)),
        levels_(std::move(other.levels_)),
        recovered_(std::move(other.recovered_)),
        lost_(std::move(other.lost_)),
        on_recovered_(std::move(other.on_recovered_)) {}
  lockable& operator=(lockable&& other) noexcept {
    raw_ = std::exchange(other.raw_, nullptr);
    levels_ = std::move(other.levels_);
    recovered_ = std::move(other.recovered_);
    lost_ = std::move(other.lost_);
    on_recovered_ = std::move(other.on_recovered_);
    return *this;
  }
  ~lockable() = default;

 private:
  friend class ::mproc::condition;

  bool acquire(std::int64_t timeout_ns, cancel_ref cancel) {
    const int status = Calls::lock(live(raw_), timeout_ns, cancel.native_handle());
    if (!in_time(status, Calls::lock_name)) return false;
    if (status == MPROC_RECOVERED) {
      levels_.restart();
      taken_over();
    } else if (levels_.enter()) {
      set_recovered(false);  // left by an acquisition that was released through another handle
    }
    return true;
  }

  void taken_over() {
    recovered_.set(true);
    if (!on_recovered_) return;
    try {
      on_recovered_();
    } catch (...) {
      // A guard does not release what lock() did not return from.
      levels_.leave();
      recovered_.set(false);
      Calls::unlock(raw_);
      throw;
    }
  }

  // Runs a wait that gives the lock up, with all its levels, and takes it again. The lock is held afterwards, also
  // when this throws.
  template <class Wait>
  int given_up_during(const Wait& wait) {
    const std::uint32_t depth = levels_.save();
    const int status = wait();
    switch (status) {
      case MPROC_OK:
      case MPROC_RECOVERED:
      case MPROC_ETIMEDOUT:
      case MPROC_ECANCELED:
      case MPROC_EINTR:
        // Meanwhile other threads had it.
        levels_.restore(depth);
        set_recovered(status == MPROC_RECOVERED);
        if (status == MPROC_RECOVERED && on_recovered_) on_recovered_();
        break;
      default: break;  // it was not given up
    }
    return status;
  }

  const handle_type* raw_ = nullptr;
  levels levels_;
  movable_atomic<bool> recovered_{false};
  movable_atomic<bool> lost_{false};
  std::function<void()> on_recovered_;
};

struct lock_calls {
  using handle = mproc_lock_t;
  using levels = one_level;
  static constexpr const char* lock_name = "lock_lock";
  static constexpr const char* unlock_name = "lock_unlock";
  static constexpr const char* owner_name = "lock_owner";
  static constexpr const char* token_name = "lock_token";
  static int lock(const handle* h, std::int64_t ns, const mproc_cancel_t* c) { return ::mproc_lock_lock(h, ns, c); }
  static int unlock(const handle* h) { return ::mproc_lock_unlock(h); }
  static int owner(const handle* h, owner_info* who) { return ::mproc_lock_owner(h, who, sizeof *who); }
  static int token(const handle* h, std::uint64_t* out) { return ::mproc_lock_token(h, out); }
};

struct value_calls {
  using handle = mproc_value_t;
  using levels = one_level;
  static constexpr const char* lock_name = "value_lock";
  static constexpr const char* unlock_name = "value_unlock";
  static constexpr const char* owner_name = "value_lock_owner";
  static int lock(const handle* h, std::int64_t ns, const mproc_cancel_t* c) { return ::mproc_value_lock(h, ns, c); }
  static int unlock(const handle* h) { return ::mproc_value_unlock(h); }
  static int owner(const handle* h, owner_info* who) { return ::mproc_value_lock_owner(h, who, sizeof *who); }
};

struct array_calls {
  using handle = mproc_array_t;
  using levels = one_level;
  static constexpr const char* lock_name = "array_lock";
  static constexpr const char* unlock_name = "array_unlock";
  static constexpr const char* owner_name = "array_lock_owner";
  static int lock(const handle* h, std::int64_t ns, const mproc_cancel_t* c) { return ::mproc_array_lock(h, ns, c); }
  static int unlock(const handle* h) { return ::mproc_array_unlock(h); }
  static int owner(const handle* h, owner_info* who) { return ::mproc_array_lock_owner(h, who, sizeof *who); }
};

inline std::uint32_t common_flags(bool persist, bool spin, bool return_on_signal, bool exist_ok) noexcept {
  return (persist ? std::uint32_t{MPROC_PERSIST} : 0u) | (spin ? 0u : std::uint32_t{MPROC_NO_SPIN}) |
         (return_on_signal ? std::uint32_t{MPROC_RETURN_ON_SIGNAL} : 0u) |
         (exist_ok ? std::uint32_t{MPROC_EXIST_OK} : 0u);
}

}  // namespace detail

/// How to create or open a mutex.
struct mutex_options {
  bool persist = false;           ///< keep the name until it is unlinked, also when nobody uses it
  bool spin = true;               ///< false: this handle never spins before it sleeps
  bool any_release = false;       ///< any process may release it, not only its holder; decided when it is created
  bool return_on_signal = false;  ///< a signal handler that ran ends waits through this handle: errc::interrupted
};

/// A robust mutual-exclusion lock between processes (and their threads). TimedLockable, so
/// std::lock_guard, std::unique_lock and std::scoped_lock work on it; recovered(), on_recovered() and
/// owner() are its additions. The process is the holder, not the thread; not recursive. The destructor
/// does not unlock. With the option any_release it can be handed over, or be a signal: any process may
/// unlock() it.
///
///     std::unique_lock guard(mutex);
///     if (mutex.recovered()) repair();   // the previous holder was killed in here
class mutex : public detail::lockable<detail::lock_calls>, public detail::placed<mutex, object_kind::lock> {
 public:
  /// Anonymous: for this process and the ones it forks.
  explicit mutex(const mutex_options& options = {}) : mutex(domain(), options) {}
  explicit mutex(const domain& in, const mutex_options& options = {}) { make(in, nullptr, options, false); }

  /// Creates a lock with a name; errc::already_exists if it is taken.
  static mutex create(const std::string& name, const mutex_options& options = {}) {
    return create(domain(), name, options);
  }
  static mutex create(const domain& in, const std::string& name, const mutex_options& options = {}) {
    return mutex(in, name, options, false);
  }

  /// Creates the lock, or opens the one of that name.
  static mutex create_or_open(const std::string& name, const mutex_options& options = {}) {
    return create_or_open(domain(), name, options);
  }
  static mutex create_or_open(const domain& in, const std::string& name, const mutex_options& options = {}) {
    return mutex(in, name, options, true);
  }

  /// Opens the lock of that name; errc::not_found if there is none. Of the options only `spin` and
  /// `return_on_signal` count.
  static mutex open(const std::string& name, const mutex_options& options = {}) {
    return open(domain(), name, options);
  }
  static mutex open(const domain& in, const std::string& name, const mutex_options& options = {}) {
    mproc_lock_options_t o = MPROC_LOCK_OPTIONS_INIT;
    o.flags = detail::common_flags(false, options.spin, options.return_on_signal, false);
    mproc_lock_t* opened = nullptr;
    detail::check(::mproc_lock_open(in.native_handle(), detail::c_name(name), &o, &opened), "lock_open");
    return mutex(opened);
  }

  /// Opens the lock that a handle from another process leads to; errc::wrong_kind if it is none.
  static mutex open(const handle& from, const mutex_options& options = {}) {
    mproc_lock_options_t o = MPROC_LOCK_OPTIONS_INIT;
    o.flags = detail::common_flags(false, options.spin, options.return_on_signal, false);
    mproc_lock_t* opened = nullptr;
    detail::check(::mproc_lock_import(from.native_handle(), &o, &opened), "lock_import");
    return mutex(opened);
  }

  /// A handle on the lock that can travel to other processes, also if it is anonymous.
  handle export_handle() const {
    mproc_handle_t* made = nullptr;
    detail::check(::mproc_lock_export(handle_.get(), &made), "lock_export");
    return handle(made);
  }

  /// Whether create_or_open() found it there.
  bool existed() const noexcept { return existed_; }

  /// Ends the handle now. A lock that is held stays held.
  void close() noexcept { *this = mutex(static_cast<mproc_lock_t*>(nullptr)); }

  const mproc_lock_t* native_handle() const noexcept { return handle_.get(); }

 private:
  explicit mutex(mproc_lock_t* opened) noexcept : handle_(opened) { attach(opened); }
  mutex(const domain& in, const std::string& name, const mutex_options& options, bool exist_ok) {
    make(in, detail::c_name(name), options, exist_ok);
  }

  void make(const domain& in, const char* name, const mutex_options& options, bool exist_ok) {
    mproc_lock_options_t o = MPROC_LOCK_OPTIONS_INIT;
    o.flags = detail::common_flags(options.persist, options.spin, options.return_on_signal, exist_ok);
    if (options.any_release) o.flags |= MPROC_ANY_RELEASE;
    mproc_lock_t* made = nullptr;
    existed_ =
        detail::check(::mproc_lock_create(in.native_handle(), name, &o, &made), "lock_create") == MPROC_EXISTED;
    handle_.reset(made);
    attach(made);
  }

  detail::unique_handle<mproc_lock_t, &::mproc_lock_close> handle_;
  bool existed_ = false;
};

/// The library's own word for it. (The class cannot be called that: it has a member function lock().)
using lock = mutex;

// ---------------------------------------------------------------------------------------------
// What the following objects have in common
// ---------------------------------------------------------------------------------------------

/// How to create or open a recursive_mutex, a shared_mutex, an event or a barrier.
struct sync_options {
  bool persist = false;           ///< keep the name until it is unlinked, also when nobody uses it
  bool spin = true;               ///< false: this handle never spins before it sleeps
  bool return_on_signal = false;  ///< a signal handler that ran ends waits through this handle: errc::interrupted
};

namespace detail {

// An object with its handle: making, opening, passing on. `Calls` names its C functions, `Extra` is what a new
// one needs besides options: the first parameters of Self's constructors.
template <class Self, class Calls, class... Extra>
class object : public placed<Self, Calls::kind> {
  using options_type = typename Calls::options;
  using handle_type = typename Calls::handle;

 public:
  /// Creates one with a name; errc::already_exists if it is taken.
  static Self create(const std::string& name, Extra... extra, const options_type& options = {}) {
    return create(domain(), name, extra..., options);
  }
  static Self create(const domain& in, const std::string& name, Extra... extra, const options_type& options = {}) {
    return Self(make(in, c_name(name), extra..., options, false), options);
  }

  /// Creates it, or opens the one of that name; errc::type_mismatch if that was made with something else.
  static Self create_or_open(const std::string& name, Extra... extra, const options_type& options = {}) {
    return create_or_open(domain(), name, extra..., options);
  }
  static Self create_or_open(const domain& in, const std::string& name, Extra... extra,
                             const options_type& options = {}) {
    return Self(make(in, c_name(name), extra..., options, true), options);
  }

  /// Opens the one of that name; errc::not_found if there is none. Of the options only `spin` and
  /// `return_on_signal` count (and the lock that a condition is bound to).
  static Self open(const std::string& name, const options_type& options = {}) {
    return open(domain(), name, options);
  }
  static Self open(const domain& in, const std::string& name, const options_type& options = {}) {
    const auto o = Calls::to_open(options);
    handle_type* opened = nullptr;
    check(Calls::open(in.native_handle(), c_name(name), &o, &opened), Calls::open_name);
    return Self(made(opened), options);
  }

  /// Opens the one that a handle from another process leads to; errc::wrong_kind if that is something else.
  static Self open(const handle& from, const options_type& options = {}) {
    const auto o = Calls::to_open(options);
    handle_type* opened = nullptr;
    check(Calls::import(from.native_handle(), &o, &opened), Calls::import_name);
    return Self(made(opened), options);
  }

  /// A handle on it that can travel to other processes, also if it is anonymous.
  handle export_handle() const {
    mproc_handle_t* exported = nullptr;
    check(Calls::export_to(handle_.get(), &exported), Calls::export_name);
    return handle(exported);
  }

  /// Whether create_or_open() found it there.
  bool existed() const noexcept { return existed_; }

  /// Ends the handle now. A lock that is held stays held.
  void close() noexcept { static_cast<Self&>(*this) = Self(made(nullptr), options_type{}); }

  const handle_type* native_handle() const noexcept { return handle_.get(); }

 protected:
  // What Self is constructed from.
  struct made {
    explicit made(handle_type* opened, bool found = false) : handle(opened), existed(found) {}
    typename Calls::holder handle;
    bool existed;
  };

  static made make(const domain& in, const char* name, Extra... extra, const options_type& options, bool exist_ok) {
    const auto o = Calls::to_create(extra..., options, exist_ok);
    handle_type* out = nullptr;
    const int status = check(Calls::create(in.native_handle(), name, &o, &out), Calls::create_name);
    return made(out, status == MPROC_EXISTED);
  }

  explicit object(made what) noexcept : handle_(std::move(what.handle)), existed_(what.existed) {}
  object(object&&) noexcept = default;
  object& operator=(object&&) noexcept = default;
  ~object() = default;

  typename Calls::holder handle_;

 private:
  bool existed_;
};

// What sync_options are to the C interface.
template <class Native>
Native with_flags(Native o, const sync_options& options, bool exist_ok) noexcept {
  o.flags = common_flags(options.persist, options.spin, options.return_on_signal, exist_ok);
  return o;
}

}  // namespace detail

// ---------------------------------------------------------------------------------------------
// Recursive and shared mutexes
// ---------------------------------------------------------------------------------------------

namespace detail {

struct rlock_calls {
  static constexpr object_kind kind = object_kind::rlock;
  using handle = mproc_rlock_t;
  using options = sync_options;
  using levels = thread_levels;
  using holder = unique_handle<handle, &::mproc_rlock_close>;
  static constexpr auto create = &::mproc_rlock_create;
  static constexpr auto open = &::mproc_rlock_open;
  static constexpr auto import = &::mproc_rlock_import;
  static constexpr auto export_to = &::mproc_rlock_export;
  static constexpr const char* create_name = "rlock_create";
  static constexpr const char* open_name = "rlock_open";
  static constexpr const char* import_name = "rlock_import";
  static constexpr const char* export_name = "rlock_export";
  static constexpr const char* lock_name = "rlock_lock";
  static constexpr const char* unlock_name = "rlock_unlock";
  static constexpr const char* owner_name = "rlock_info";
  static constexpr const char* token_name = "rlock_token";

  static mproc_rlock_options_t to_create(const options& options, bool exist_ok) noexcept {
    return with_flags(mproc_rlock_options_t MPROC_RLOCK_OPTIONS_INIT, options, exist_ok);
  }
  static mproc_rlock_options_t to_open(const options& options) noexcept { return to_create(options, false); }
  static int lock(const handle* h, std::int64_t ns, const mproc_cancel_t* c) { return ::mproc_rlock_lock(h, ns, c); }
  static int unlock(const handle* h) { return ::mproc_rlock_unlock(h); }
  static int owner(const handle* h, owner_info* who) {
    recursive_mutex_info now{};
    const int status = ::mproc_rlock_info(h, &now, sizeof now);
    *who = now.owner;
    return status;
  }
  static int token(const handle* h, std::uint64_t* out) { return ::mproc_rlock_token(h, out); }
};

struct rwlock_calls {
  static constexpr object_kind kind = object_kind::rwlock;
  using handle = mproc_rwlock_t;
  using options = sync_options;
  using levels = one_level;
  using holder = unique_handle<handle, &::mproc_rwlock_close>;
  static constexpr auto create = &::mproc_rwlock_create;
  static constexpr auto open = &::mproc_rwlock_open;
  static constexpr auto import = &::mproc_rwlock_import;
  static constexpr auto export_to = &::mproc_rwlock_export;
  static constexpr const char* create_name = "rwlock_create";
  static constexpr const char* open_name = "rwlock_open";
  static constexpr const char* import_name = "rwlock_import";
  static constexpr const char* export_name = "rwlock_export";
  static constexpr const char* lock_name = "rwlock_write_lock";
  static constexpr const char* unlock_name = "rwlock_write_unlock";
  static constexpr const char* token_name = "rwlock_token";

  static mproc_rwlock_options_t to_create(const options& options, bool exist_ok) noexcept {
    return with_flags(mproc_rwlock_options_t MPROC_RWLOCK_OPTIONS_INIT, options, exist_ok);
  }
  static mproc_rwlock_options_t to_open(const options& options) noexcept { return to_create(options, false); }
  static int lock(const handle* h, std::int64_t ns, const mproc_cancel_t* c) {
    return ::mproc_rwlock_write_lock(h, ns, c);
  }
  static int unlock(const handle* h) { return ::mproc_rwlock_write_unlock(h); }
  static int token(const handle* h, std::uint64_t* out) { return ::mproc_rwlock_token(h, out); }
};

}  // namespace detail

/// A robust mutual-exclusion lock between threads, of this process and of others, that the thread that holds it can
/// take again; as often as it took it, it has to unlock it. TimedLockable, with recovered(), on_recovered() and
/// owner() like mproc::mutex. When the holder's process dies, all its levels go at once. The destructor does not
/// unlock. (For owners that are not threads: mproc_rlock_lock_as() on native_handle().)
class recursive_mutex : public detail::object<recursive_mutex, detail::rlock_calls>,
                        public detail::lockable<detail::rlock_calls> {
 public:
  /// Anonymous: for this process and the ones it forks.
  explicit recursive_mutex(const sync_options& options = {}) : recursive_mutex(domain(), options) {}
  explicit recursive_mutex(const domain& in, const sync_options& options = {})
      : recursive_mutex(make(in, nullptr, options, false), options) {}

  /// Who holds it and how often, a snapshot for people and logs.
  recursive_mutex_info info() const {
    recursive_mutex_info what{};
    detail::check(::mproc_rlock_info(handle_.get(), &what, sizeof what), "rlock_info");
    return what;
  }

 private:
  friend object;
  recursive_mutex(made what, const sync_options&) noexcept : object(std::move(what)), lockable(handle_.get()) {}
};

/// A robust readers-writer lock between processes: any number of readers, or one writer. A writer that waits keeps
/// new readers out. SharedTimedMutex, so std::shared_lock, std::unique_lock and std::scoped_lock work on it. The
/// process is the holder, not the thread; not recursive, also for readers. The destructor does not unlock.
///
/// A reader that dies is simply gone. After a writer died inside, recovered() is true for every reader and writer,
/// until a writer has unlocked it; on_recovered() is called for writers only. A reader that sees recovered() can
/// unlock_shared(), and lock() to repair.
class shared_mutex : public detail::object<shared_mutex, detail::rwlock_calls>,
                     public detail::lockable<detail::rwlock_calls> {
 public:
  /// Anonymous: for this process and the ones it forks.
  explicit shared_mutex(const sync_options& options = {}) : shared_mutex(domain(), options) {}
  explicit shared_mutex(const domain& in, const sync_options& options = {})
      : shared_mutex(make(in, nullptr, options, false), options) {}

  /// Takes the lock for reading; the try_ forms are false while a writer has it or waits for it.
  void lock_shared(cancel_ref cancel = {}) { acquire_shared(MPROC_FOREVER, cancel); }
  bool try_lock_shared() { return acquire_shared(0, {}); }
  template <class Rep, class Period>
  bool try_lock_shared_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return acquire_shared(detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  bool try_lock_shared_until(const std::chrono::time_point<Clock, Duration>& when, cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return acquire_shared(ns, cancel); });
  }

  /// Gives up one read lock of this process; errc::not_owner if it holds none. As unlock(), it does not throw if the
  /// connection to a manager is lost.
  void unlock_shared() {
    released(::mproc_rwlock_read_unlock(detail::live(handle_.get())), "rwlock_read_unlock");
  }

  /// Who reads and writes right now, a snapshot for people and logs.
  shared_mutex_info info() const {
    shared_mutex_info what{};
    detail::check(::mproc_rwlock_info(handle_.get(), &what, sizeof what), "rwlock_info");
    return what;
  }

 private:
  friend object;
  shared_mutex(made what, const sync_options&) noexcept : object(std::move(what)), lockable(handle_.get()) {}

  // All readers who are inside at the same time are told the same: nobody could write meanwhile.
  bool acquire_shared(std::int64_t timeout_ns, cancel_ref cancel) {
    const int status = ::mproc_rwlock_read_lock(detail::live(handle_.get()), timeout_ns, cancel.native_handle());
    if (!detail::in_time(status, "rwlock_read_lock")) return false;
    set_recovered(status == MPROC_RECOVERED);
    return true;
  }
};

/// The library's own words for them.
using rlock = recursive_mutex;
using rwlock = shared_mutex;

// ---------------------------------------------------------------------------------------------
// Semaphore
// ---------------------------------------------------------------------------------------------

/// How to create or open a counting_semaphore.
struct semaphore_options {
  bool persist = false;           ///< keep the name until it is unlinked, also when nobody uses it
  bool spin = true;               ///< false: this handle never spins before it sleeps
  bool bounded = false;           ///< releasing above the initial value throws errc::overflow
  bool accounting = false;        ///< permits belong to processes, and come back when these die
  bool return_on_signal = false;  ///< a signal handler that ran ends waits through this handle: errc::interrupted
};

namespace detail {

struct semaphore_calls {
  static constexpr object_kind kind = object_kind::semaphore;
  using handle = mproc_semaphore_t;
  using options = semaphore_options;
  using holder = unique_handle<handle, &::mproc_semaphore_close>;
  static constexpr auto create = &::mproc_semaphore_create;
  static constexpr auto open = &::mproc_semaphore_open;
  static constexpr auto import = &::mproc_semaphore_import;
  static constexpr auto export_to = &::mproc_semaphore_export;
  static constexpr const char* create_name = "semaphore_create";
  static constexpr const char* open_name = "semaphore_open";
  static constexpr const char* import_name = "semaphore_import";
  static constexpr const char* export_name = "semaphore_export";

  static mproc_semaphore_options_t to_create(std::uint32_t initial, const options& options, bool exist_ok) noexcept {
    mproc_semaphore_options_t o = to_open(options);
    o.flags = common_flags(options.persist, options.spin, options.return_on_signal, exist_ok);
    if (options.bounded) o.flags |= MPROC_SEMAPHORE_BOUNDED;
    if (options.accounting) o.flags |= MPROC_SEMAPHORE_ACCOUNTING;
    o.initial = initial;
    return o;
  }
  static mproc_semaphore_options_t to_open(const options& options) noexcept {
    mproc_semaphore_options_t o = MPROC_SEMAPHORE_OPTIONS_INIT;
    o.flags = common_flags(false, options.spin, options.return_on_signal, false);
    return o;
  }
};

}  // namespace detail

/// A counting semaphore between processes, with the operations of std::counting_semaphore.
///
/// Plain, anybody may release, also who never acquired, and a process that dies keeps what it took. With the option
/// accounting permits belong to the processes that took them: only they can release them, and what a process has
/// when it dies comes back within about 100 ms. The acquire() that notices succeeds as always, calls the callback
/// given to on_recovered(), and sets recovered(): what the semaphore guards may be half done.
class counting_semaphore : public detail::object<counting_semaphore, detail::semaphore_calls, std::uint32_t> {
 public:
  /// Anonymous, with that many permits: for this process and the ones it forks. 0 to max(); with accounting 1 to
  /// max(). (To create() and create_or_open() the initial value is given after the name.)
  explicit counting_semaphore(std::uint32_t initial, const semaphore_options& options = {})
      : counting_semaphore(domain(), initial, options) {}
  explicit counting_semaphore(const domain& in, std::uint32_t initial, const semaphore_options& options = {})
      : counting_semaphore(make(in, nullptr, initial, options, false), options) {}

  /// The highest value.
  static constexpr std::uint32_t max() noexcept { return MPROC_SEMAPHORE_MAX; }

  /// Takes a permit; the try_ forms are false when none was free in time.
  void acquire(cancel_ref cancel = {}) { acquire_ns(MPROC_FOREVER, cancel); }
  bool try_acquire() { return acquire_ns(0, {}); }
  template <class Rep, class Period>
  bool try_acquire_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return acquire_ns(detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& when, cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return acquire_ns(ns, cancel); });
  }

  /// Gives permits back, all at once. errc::overflow if the value would exceed max(), or (bounded) the initial one;
  /// errc::not_owner if this process has fewer (accounting). Then nothing was given.
  void release(std::uint32_t n = 1) {
    // Before the release: afterwards the flag may already be another thread's.
    if (recovered_.get()) recovered_.set(false);
    detail::check(::mproc_semaphore_release(handle_.get(), n), "semaphore_release");
  }

  /// Whether an acquisition through this handle noticed, since the last release() through it, that permits of a
  /// process that died came back. It is told once. (Do several threads use the handle, only the callback of
  /// on_recovered() tells which of them noticed.)
  bool recovered() const noexcept { return recovered_.get(); }

  /// Called with the permit taken, before acquire() returns, whenever an acquisition through this handle notices
  /// that. If it throws, the permit is given back and acquire() throws the same. Set it before threads share the
  /// handle; {} removes it.
  void on_recovered(std::function<void()> callback) { on_recovered_ = std::move(callback); }

  semaphore_info info() const {
    semaphore_info what{};
    detail::check(::mproc_semaphore_info(handle_.get(), &what, sizeof what), "semaphore_info");
    return what;
  }

 private:
  friend object;
  counting_semaphore(made what, const semaphore_options&) noexcept : object(std::move(what)) {}

  bool acquire_ns(std::int64_t timeout_ns, cancel_ref cancel) {
    const int status = ::mproc_semaphore_acquire(handle_.get(), timeout_ns, cancel.native_handle());
    if (!detail::in_time(status, "semaphore_acquire")) return false;
    if (status != MPROC_RECOVERED) return true;
    recovered_.set(true);
    if (!on_recovered_) return true;
    try {
      on_recovered_();
    } catch (...) {
      recovered_.set(false);
      ::mproc_semaphore_release(handle_.get(), 1);
      throw;
    }
    return true;
  }

  detail::movable_atomic<bool> recovered_{false};
  std::function<void()> on_recovered_;
};

/// The library's own word for it.
using semaphore = counting_semaphore;

// ---------------------------------------------------------------------------------------------
// Condition
// ---------------------------------------------------------------------------------------------

/// How a condition's options name the lock it is bound to: pass the mutex or recursive_mutex itself, or nothing.
class lock_ref {
 public:
  lock_ref() noexcept = default;
  lock_ref(const mutex& to) : lock_(detail::live(to.native_handle())) {}              // NOLINT: implicit on purpose
  lock_ref(const recursive_mutex& to) : rlock_(detail::live(to.native_handle())) {}  // NOLINT: implicit on purpose
  const mproc_lock_t* lock() const noexcept { return lock_; }
  const mproc_rlock_t* rlock() const noexcept { return rlock_; }

 private:
  const mproc_lock_t* lock_ = nullptr;
  const mproc_rlock_t* rlock_ = nullptr;
};

/// How to create or open a condition: `condition::open("ready", {mutex})`.
struct condition_options {
  lock_ref bound_to = {};         ///< a mutex of the same domain instead of its own; whoever opens it, too, names it
  bool persist = false;           ///< keep the name until it is unlinked, also when nobody uses it
  bool spin = true;               ///< false: this handle never spins before it sleeps
  bool return_on_signal = false;  ///< a signal handler that ran ends waits through this handle: errc::interrupted
};

namespace detail {

struct condition_calls {
  static constexpr object_kind kind = object_kind::condition;
  using handle = mproc_condition_t;
  using options = condition_options;
  using levels = thread_levels;
  using holder = unique_handle<handle, &::mproc_condition_close>;
  static constexpr auto create = &::mproc_condition_create;
  static constexpr auto open = &::mproc_condition_open;
  static constexpr auto import = &::mproc_condition_import;
  static constexpr auto export_to = &::mproc_condition_export;
  static constexpr const char* create_name = "condition_create";
  static constexpr const char* open_name = "condition_open";
  static constexpr const char* import_name = "condition_import";
  static constexpr const char* export_name = "condition_export";
  static constexpr const char* lock_name = "condition_lock";
  static constexpr const char* unlock_name = "condition_unlock";

  static mproc_condition_options_t to_create(const options& options, bool exist_ok) noexcept {
    mproc_condition_options_t o = MPROC_CONDITION_OPTIONS_INIT;
    o.flags = common_flags(options.persist, options.spin, options.return_on_signal, exist_ok);
    o.lock = options.bound_to.lock();
    o.rlock = options.bound_to.rlock();
    return o;
  }
  static mproc_condition_options_t to_open(const options& options) noexcept { return to_create(options, false); }
  static int lock(const handle* h, std::int64_t ns, const mproc_cancel_t* c) {
    return ::mproc_condition_lock(h, ns, c);
  }
  static int unlock(const handle* h) { return ::mproc_condition_unlock(h); }
};

template <class Predicate>
using if_predicate = std::enable_if_t<std::is_invocable_r_v<bool, Predicate&>>;

}  // namespace detail

/// A condition to wait for, with the operations of std::condition_variable_any, between processes. It has its own
/// recursive lock, mutex(), or is bound to a mutex or recursive_mutex when it is created; several can be bound to
/// the same one.
///
///     mproc::condition ready;
///     std::unique_lock lock(ready.mutex());
///     ready.wait(lock, [&] { return !jobs.empty(); });
///
/// Waiting takes a std::unique_lock on mutex() or on the very mutex that it is bound to, gives that up, with all its
/// levels, and holds it again when it returns or throws, in every case. Wake-ups may be spurious: look at what was
/// waited for, in a loop, or give a predicate. A notification goes to the one who has waited longest; if that one
/// dies before wait() has returned, it passes on to the next. If a process dies with the lock, the next holder is
/// told by recovered() and on_recovered() of the mutex that it waited with, as after lock().
class condition : public detail::object<condition, detail::condition_calls> {
 public:
  using mutex_type = detail::lockable<detail::condition_calls>;

  /// Anonymous: for this process and the ones it forks.
  explicit condition(const condition_options& options = {}) : condition(domain(), options) {}
  explicit condition(const domain& in, const condition_options& options = {})
      : condition(make(in, nullptr, options, false), options) {}

  /// Anonymous and bound to that mutex or recursive_mutex, which is of the default domain.
  explicit condition(lock_ref bound_to) : condition(condition_options{bound_to}) {}

  /// Waits to be notified.
  template <class Mutex>
  void wait(std::unique_lock<Mutex>& guard, cancel_ref cancel = {}) {
    wait_ns(guard, MPROC_FOREVER, cancel);
  }

  /// Waits until the predicate holds, which is asked with the lock held.
  template <class Mutex, class Predicate, class = detail::if_predicate<Predicate>>
  void wait(std::unique_lock<Mutex>& guard, Predicate predicate, cancel_ref cancel = {}) {
    while (!predicate()) wait_ns(guard, MPROC_FOREVER, cancel);
  }

  /// Waits for at most that long; to take the lock again may exceed it. Without a predicate it tells whether the
  /// time was up, with one whether that holds.
  template <class Mutex, class Rep, class Period>
  std::cv_status wait_for(std::unique_lock<Mutex>& guard, const std::chrono::duration<Rep, Period>& wait,
                          cancel_ref cancel = {}) {
    return wait_ns(guard, detail::to_ns(wait), cancel) ? std::cv_status::no_timeout : std::cv_status::timeout;
  }
  template <class Mutex, class Rep, class Period, class Predicate, class = detail::if_predicate<Predicate>>
  bool wait_for(std::unique_lock<Mutex>& guard, const std::chrono::duration<Rep, Period>& wait, Predicate predicate,
                cancel_ref cancel = {}) {
    const detail::deadline deadline(detail::to_ns(wait));
    while (!predicate()) {
      if (!wait_ns(guard, deadline.left(), cancel)) return predicate();
    }
    return true;
  }

  /// The same until that time. (If the clock was set back meanwhile, it was no timeout.)
  template <class Mutex, class Clock, class Duration>
  std::cv_status wait_until(std::unique_lock<Mutex>& guard, const std::chrono::time_point<Clock, Duration>& when,
                            cancel_ref cancel = {}) {
    if (wait_ns(guard, detail::ns_until(when), cancel)) return std::cv_status::no_timeout;
    return Clock::now() < when ? std::cv_status::no_timeout : std::cv_status::timeout;
  }
  template <class Mutex, class Clock, class Duration, class Predicate, class = detail::if_predicate<Predicate>>
  bool wait_until(std::unique_lock<Mutex>& guard, const std::chrono::time_point<Clock, Duration>& when,
                  Predicate predicate, cancel_ref cancel = {}) {
    while (!predicate()) {
      if (wait_until(guard, when, cancel) == std::cv_status::timeout) return predicate();
    }
    return true;
  }

  /// Notifies those who wait now: one, up to `n`, or all of them, the longest waiting first. Never waits for anybody,
  /// needs no lock, and is not remembered.
  void notify_one() { notify(1); }
  void notify(std::uint32_t n) { detail::check(::mproc_condition_notify(handle_.get(), n), "condition_notify"); }
  void notify_all() { detail::check(::mproc_condition_notify_all(handle_.get()), "condition_notify_all"); }

  /// The condition's lock, a TimedLockable with recovered() and on_recovered() like mproc::mutex: its own, which is
  /// recursive, or the one it is bound to. Lives in this object: do not move the condition while it is locked
  /// through it.
  mutex_type& mutex() const noexcept { return mutex_; }

  condition_info info() const {
    condition_info what{};
    detail::check(::mproc_condition_info(handle_.get(), &what, sizeof what), "condition_info");
    return what;
  }

 private:
  friend object;
  condition(made what, const condition_options& options) noexcept
      : object(std::move(what)),
        lock_(options.bound_to.lock()),
        rlock_(options.bound_to.rlock()),
        mutex_(handle_.get(), detail::thread_levels(lock_ == nullptr)) {}

  // Whether it was notified, or woken up for no reason. The lock is held again, also when this throws.
  template <class Mutex>
  bool wait_ns(std::unique_lock<Mutex>& guard, std::int64_t timeout_ns, cancel_ref cancel) {
    check_lock(guard);
    const int status = guard.mutex()->given_up_during(
        [&] { return ::mproc_condition_wait(detail::live(handle_.get()), timeout_ns, cancel.native_handle()); });
    return detail::in_time(status, "condition_wait");
  }

  template <class Mutex>
  void check_lock(const std::unique_lock<Mutex>& guard) const {
    constexpr bool own = std::is_same_v<Mutex, mutex_type>;
    constexpr bool plain = std::is_same_v<Mutex, mproc::mutex>;
    static_assert(own || plain || std::is_same_v<Mutex, recursive_mutex>,
                  "a condition is waited for with its mutex(), or with the mutex or recursive_mutex it is bound to");
    detail::live(handle_.get());
    bool right = guard.mutex() != nullptr;
    if constexpr (own) {
      right = right && guard.mutex() == &mutex_;
    } else if constexpr (plain) {
      right = right && lock_ != nullptr && guard.mutex()->native_handle() == lock_;
    } else {
      right = right && rlock_ != nullptr && guard.mutex()->native_handle() == rlock_;
    }
    if (!right) throw error(errc::invalid_argument, "the lock is on another mutex than the condition's");
    if (!guard.owns_lock()) throw error(errc::not_owner, "a condition is waited for with its mutex locked");
  }

  // What it is bound to: to recognise it, not to use it.
  const mproc_lock_t* lock_;
  const mproc_rlock_t* rlock_;
  mutable mutex_type mutex_;
};

// ---------------------------------------------------------------------------------------------
// Event
// ---------------------------------------------------------------------------------------------

namespace detail {

struct event_calls {
  static constexpr object_kind kind = object_kind::event;
  using handle = mproc_event_t;
  using options = sync_options;
  using holder = unique_handle<handle, &::mproc_event_close>;
  static constexpr auto create = &::mproc_event_create;
  static constexpr auto open = &::mproc_event_open;
  static constexpr auto import = &::mproc_event_import;
  static constexpr auto export_to = &::mproc_event_export;
  static constexpr const char* create_name = "event_create";
  static constexpr const char* open_name = "event_open";
  static constexpr const char* import_name = "event_import";
  static constexpr const char* export_name = "event_export";

  static mproc_event_options_t to_create(const options& options, bool exist_ok) noexcept {
    return with_flags(mproc_event_options_t MPROC_EVENT_OPTIONS_INIT, options, exist_ok);
  }
  static mproc_event_options_t to_open(const options& options) noexcept { return to_create(options, false); }
};

}  // namespace detail

/// A flag that processes can wait for.
class event : public detail::object<event, detail::event_calls> {
 public:
  /// Anonymous: for this process and the ones it forks.
  explicit event(const sync_options& options = {}) : event(domain(), options) {}
  explicit event(const domain& in, const sync_options& options = {})
      : event(make(in, nullptr, options, false), options) {}

  /// Sets the event and wakes everybody who waits for it, also if it is cleared again at once. This, clear() and
  /// is_set() throw nothing and are allowed in a signal handler, unless it is_remote(); of an empty handle they do
  /// nothing, and it is not set.
  void set() {
    if (handle_) detail::check(::mproc_event_set(handle_.get()), "event_set");
  }
  void clear() {
    if (handle_) detail::check(::mproc_event_clear(handle_.get()), "event_clear");
  }

  /// Whether it is set. What was written before it was set is visible then.
  bool is_set() const {
    int answer = 0;
    if (handle_) detail::check(::mproc_event_is_set(handle_.get(), &answer), "event_is_set");
    return answer != 0;
  }

  /// Waits until the event is set, or was set since the call began; false when it was not in time.
  void wait(cancel_ref cancel = {}) const { wait_ns(MPROC_FOREVER, cancel); }
  template <class Rep, class Period>
  bool wait_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) const {
    return wait_ns(detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  bool wait_until(const std::chrono::time_point<Clock, Duration>& when, cancel_ref cancel = {}) const {
    return detail::until(when, [&](std::int64_t ns) { return wait_ns(ns, cancel); });
  }

 private:
  friend object;
  event(made what, const sync_options&) noexcept : object(std::move(what)) {}

  bool wait_ns(std::int64_t timeout_ns, cancel_ref cancel) const {
    return detail::in_time(::mproc_event_wait(handle_.get(), timeout_ns, cancel.native_handle()), "event_wait");
  }
};

// ---------------------------------------------------------------------------------------------
// Barrier
// ---------------------------------------------------------------------------------------------

namespace detail {

struct barrier_calls {
  static constexpr object_kind kind = object_kind::barrier;
  using handle = mproc_barrier_t;
  using options = sync_options;
  using holder = shared_handle<handle, &::mproc_barrier_close>;
  static constexpr auto create = &::mproc_barrier_create;
  static constexpr auto open = &::mproc_barrier_open;
  static constexpr auto import = &::mproc_barrier_import;
  static constexpr auto export_to = &::mproc_barrier_export;
  static constexpr const char* create_name = "barrier_create";
  static constexpr const char* open_name = "barrier_open";
  static constexpr const char* import_name = "barrier_import";
  static constexpr const char* export_name = "barrier_export";

  static mproc_barrier_options_t to_create(std::uint32_t parties, const options& options, bool exist_ok) noexcept {
    mproc_barrier_options_t o = with_flags(to_open(options), options, exist_ok);
    o.parties = parties;
    return o;
  }
  static mproc_barrier_options_t to_open(const options& options) noexcept {
    return with_flags(mproc_barrier_options_t MPROC_BARRIER_OPTIONS_INIT, options, false);
  }
};

template <class Action>
using if_action = std::enable_if_t<std::is_invocable_v<Action&>>;

// Runs a barrier's action for the C interface, which no exception may pass through.
template <class Action>
struct barrier_action {
  Action& action;
  std::exception_ptr thrown{};

  static int run(void* context) noexcept {
    auto& self = *static_cast<barrier_action*>(context);
    try {
      self.action();
      return 0;
    } catch (...) {
      self.thrown = std::current_exception();
      return 1;
    }
  }
};

}  // namespace detail

/// A place where a fixed number of parties (threads of any processes) wait for each other, again and again.
///
/// It breaks when a party gives up waiting (time, cancelling, a signal), calls abort(), or dies while it waits, and
/// when a process dies that has registered. Then everybody who waits, and whoever comes until reset(), gets
/// errc::broken_barrier.
class barrier : public detail::object<barrier, detail::barrier_calls, std::uint32_t> {
 public:
  /// The promise of this process to come: if it dies before the registration is gone, the barrier breaks. Move-only;
  /// keeps the handle it was made through open. A forked child has not registered, whatever it inherits.
  class registration {
   public:
    registration(registration&&) noexcept = default;
    registration& operator=(registration&& other) noexcept {
      if (this == &other) return *this;
      give_up();
      handle_ = std::move(other.handle_);
      return *this;
    }
    ~registration() { give_up(); }

    /// Takes the registration back; so does the destructor. errc::not_owner in a forked child.
    void end() {
      detail::check(::mproc_barrier_unregister(handle_.get()), "barrier_unregister");
      handle_.reset();
    }

    /// Whether it has not been taken back, nor moved from.
    explicit operator bool() const noexcept { return handle_ != nullptr; }

   private:
    friend class barrier;
    explicit registration(std::shared_ptr<const mproc_barrier_t> from) noexcept : handle_(std::move(from)) {}

    // A failure leaves it to the close of the handle, and a forked child has not registered.
    void give_up() noexcept {
      if (handle_) static_cast<void>(::mproc_barrier_unregister(handle_.get()));
      handle_.reset();
    }

    std::shared_ptr<const mproc_barrier_t> handle_;
  };

  /// Anonymous, for that many parties, 1 to 1022: for this process and the ones it forks. (To create() and
  /// create_or_open() their number is given after the name.)
  explicit barrier(std::uint32_t parties, const sync_options& options = {}) : barrier(domain(), parties, options) {}
  explicit barrier(const domain& in, std::uint32_t parties, const sync_options& options = {})
      : barrier(make(in, nullptr, parties, options, false), options) {}

  /// Arrives, and waits until all parties have. Returns an index from 0 to parties - 1, another for each party of a
  /// round. With an action, the last party to come runs its own before anybody passes; if that throws, the barrier
  /// breaks, and this party gets the exception. The action must not wait for this barrier.
  std::uint32_t arrive_and_wait(cancel_ref cancel = {}) { return *pass(MPROC_FOREVER, cancel); }
  template <class Action, class = detail::if_action<Action>>
  std::uint32_t arrive_and_wait(Action&& action, cancel_ref cancel = {}) {
    return *pass(action, MPROC_FOREVER, cancel);
  }

  /// Passes if this is the last party to come; otherwise it is empty, has not arrived, and breaks nothing.
  std::optional<std::uint32_t> try_arrive_and_wait() { return pass(0, {}); }
  template <class Action, class = detail::if_action<Action>>
  std::optional<std::uint32_t> try_arrive_and_wait(Action&& action) {
    return pass(action, 0, {});
  }

  /// Waits for at most that long; empty if not all came in time: then this call broke the barrier. (If there was no
  /// time at all, as try_arrive_and_wait().)
  template <class Rep, class Period>
  std::optional<std::uint32_t> arrive_and_wait_for(const std::chrono::duration<Rep, Period>& wait,
                                                   cancel_ref cancel = {}) {
    return pass(detail::to_ns(wait), cancel);
  }
  template <class Rep, class Period, class Action, class = detail::if_action<Action>>
  std::optional<std::uint32_t> arrive_and_wait_for(const std::chrono::duration<Rep, Period>& wait, Action&& action,
                                                   cancel_ref cancel = {}) {
    return pass(action, detail::to_ns(wait), cancel);
  }

  /// The same until that time. (A clock that is set meanwhile changes nothing.)
  template <class Clock, class Duration>
  std::optional<std::uint32_t> arrive_and_wait_until(const std::chrono::time_point<Clock, Duration>& when,
                                                     cancel_ref cancel = {}) {
    return pass(detail::ns_until(when), cancel);
  }
  template <class Clock, class Duration, class Action, class = detail::if_action<Action>>
  std::optional<std::uint32_t> arrive_and_wait_until(const std::chrono::time_point<Clock, Duration>& when,
                                                     Action&& action, cancel_ref cancel = {}) {
    return pass(action, detail::ns_until(when), cancel);
  }

  /// Breaks the barrier, until it is reset.
  void abort() { detail::check(::mproc_barrier_abort(handle_.get()), "barrier_abort"); }

  /// Makes the barrier as new: those who wait get errc::broken_barrier, whoever comes then begins a new round.
  void reset() { detail::check(::mproc_barrier_reset(handle_.get()), "barrier_reset"); }

  /// Promises that this process will come, as long as the registration lives.
  [[nodiscard]] registration register_process() {
    detail::check(::mproc_barrier_register(handle_.get()), "barrier_register");
    return registration(handle_.share());
  }

  barrier_info info() const {
    barrier_info what{};
    detail::check(::mproc_barrier_info(handle_.get(), &what, sizeof what), "barrier_info");
    return what;
  }

 private:
  friend object;
  barrier(made what, const sync_options&) noexcept : object(std::move(what)) {}

  std::optional<std::uint32_t> pass(std::int64_t timeout_ns, cancel_ref cancel) {
    std::uint32_t index = 0;
    const int status = ::mproc_barrier_wait(handle_.get(), timeout_ns, cancel.native_handle(), &index);
    if (!detail::in_time(status, "barrier_wait")) return std::nullopt;
    return index;
  }

  template <class Action>
  std::optional<std::uint32_t> pass(Action& action, std::int64_t timeout_ns, cancel_ref cancel) {
    detail::barrier_action<Action> call{action};
    std::uint32_t index = 0;
    const int status = ::mproc_barrier_wait_action(handle_.get(), &detail::barrier_action<Action>::run, &call,
                                                   timeout_ns, cancel.native_handle(), &index);
    if (call.thrown) std::rethrow_exception(call.thrown);
    if (!detail::in_time(status, "barrier_wait_action")) return std::nullopt;
    return index;
  }
};

// ---------------------------------------------------------------------------------------------
// Types
// ---------------------------------------------------------------------------------------------

namespace detail {

template <class T, class = void>
struct scalar_as {
  using type = T;
};
template <class T>
struct scalar_as<T, std::enable_if_t<std::is_enum_v<T>>> {
  using type = std::underlying_type_t<T>;
};

// The MPROC_TYPE_... that T is shared as, or 0 if it cannot be shared.
template <class T>
constexpr std::int32_t code_of() {
  using U = typename scalar_as<T>::type;
  if constexpr (std::is_same_v<U, bool>) return MPROC_TYPE_BOOL;
  else if constexpr (std::is_same_v<U, char>) return MPROC_TYPE_CHAR8;
  else if constexpr (std::is_same_v<U, char32_t>) return MPROC_TYPE_CHAR32;
  else if constexpr (std::is_same_v<U, wchar_t> && sizeof(wchar_t) == 4) return MPROC_TYPE_CHAR32;
  else if constexpr (std::is_same_v<U, float>) return MPROC_TYPE_F32;
  else if constexpr (std::is_same_v<U, double>) return MPROC_TYPE_F64;
  else if constexpr (std::is_integral_v<U> && sizeof(U) <= 8) {
    constexpr bool s = std::is_signed_v<U>;
    return sizeof(U) == 1   ? (s ? MPROC_TYPE_I8 : MPROC_TYPE_U8)
           : sizeof(U) == 2 ? (s ? MPROC_TYPE_I16 : MPROC_TYPE_U16)
           : sizeof(U) == 4 ? (s ? MPROC_TYPE_I32 : MPROC_TYPE_U32)
                            : (s ? MPROC_TYPE_I64 : MPROC_TYPE_U64);
  } else if constexpr (std::is_class_v<U> || std::is_union_v<U>) {
    return std::is_trivially_copyable_v<U> && sizeof(U) <= (1u << 20) ? MPROC_TYPE_STRUCT : 0;
  } else {
    return 0;
  }
}

template <class T>
inline constexpr bool is_struct = code_of<T>() == MPROC_TYPE_STRUCT;

// Languages agree on a struct's alignment when all leave it at the default, which suffices up to 8.
template <class T>
inline constexpr std::size_t align_of = is_struct<T> && alignof(T) > 8 ? alignof(T) : 0;

// Receives one T from the library. A bool byte that somebody spoiled must not become a bad bool.
template <class T>
class receiver {
 public:
  void* data() noexcept { return bytes_; }
  T get() const noexcept {
    if constexpr (std::is_same_v<T, bool>) {
      return bytes_[0] != 0;
    } else {
      return *std::launder(reinterpret_cast<const T*>(bytes_));
    }
  }

 private:
  alignas(T) unsigned char bytes_[sizeof(T)];
};

// Whether C has contiguous elements behind data() and size(), and which.
template <class C, class = void>
struct element_of {
  using type = void;
};
template <class C>
struct element_of<C, std::void_t<decltype(std::declval<C&>().data()), decltype(std::declval<C&>().size())>> {
  using type = std::remove_pointer_t<decltype(std::declval<C&>().data())>;
};

// Elements to copy into an array: a container with data() and size(), a C array, or a braced list.
// Only for parameters: it does not own what it points to.
template <class T>
class elements {
 public:
  constexpr elements() noexcept = default;
  constexpr elements(const T* data, std::size_t count) noexcept : data_(data), count_(count) {}
  template <std::size_t N>
  constexpr elements(const T (&list)[N]) noexcept : elements(list, N) {}
  constexpr elements(std::initializer_list<T> list) noexcept : elements(std::data(list), list.size()) {}
  template <class C, class = std::enable_if_t<std::is_same_v<
                         std::remove_const_t<typename element_of<const C>::type>, T>>>
  constexpr elements(const C& container) noexcept : elements(container.data(), container.size()) {}

  constexpr const T* data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return count_; }

 private:
  const T* data_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace detail

/// Whether T can be shared: bool, characters, integers up to 64 bits, float, double, enums of those,
/// and trivially copyable structs of up to 1 MiB. (A struct must not contain pointers either: they mean
/// nothing in another process.)
template <class T>
inline constexpr bool is_shareable = detail::code_of<T>() != 0;

// ---------------------------------------------------------------------------------------------
// Value
// ---------------------------------------------------------------------------------------------

/// How a struct is kept.
enum class storage {
  snapshot,  ///< two copies: consistent reads without a lock, writes all or nothing even when killed
  raw,       ///< one copy in place, with a pointer, protected by the user's lock
};

/// How to create a value, or what to expect when opening one.
struct value_options {
  bool persist = false;           ///< keep the name until it is unlinked, also when nobody uses it
  bool spin = true;               ///< false: the value's lock never spins before it sleeps
  std::uint64_t schema = 0;       ///< a number of your own for a struct's layout; two that are given must match
  bool return_on_signal = false;  ///< a signal handler that ran ends waits through this handle: errc::interrupted
};

/// One shared value. Scalars behave like std::atomic<T> (every operation is sequentially consistent and
/// runs in place, without a call, unless it is_remote()); structs are loaded and stored as a whole. For updates of
/// more than one step there is a lock that everybody has to take: mutex().
template <class T, storage Storage = storage::snapshot>
class value : public detail::placed<value<T, Storage>, object_kind::value> {
  static_assert(std::is_same_v<T, std::remove_cv_t<T>>, "T must not be const or volatile");
  static_assert(is_shareable<T>, "T must be a scalar of up to 64 bits or a trivially copyable struct up to 1 MiB");

  static constexpr bool is_struct = detail::is_struct<T>;
  static constexpr bool is_raw = Storage == storage::raw;
  static_assert(is_struct || !is_raw, "only structs have a raw form");
  static constexpr bool has_pointer = !is_struct || is_raw;

  static constexpr bool is_bool = std::is_same_v<T, bool>;
  static constexpr bool is_integer = std::is_integral_v<T> && !is_bool;
  static constexpr bool is_float = std::is_floating_point_v<T>;
  // What the word is to the compiler's atomic operations; a bool is handled as the byte it is.
  using word = std::conditional_t<is_bool, unsigned char, T>;

 public:
  using value_type = T;
  using mutex_type = detail::lockable<detail::value_calls>;

  /// Anonymous: for this process and the ones it forks.
  explicit value(const T& initial = T(), const value_options& options = {}) : value(domain(), initial, options) {}
  explicit value(const domain& in, const T& initial = T(), const value_options& options = {})
      : value(in, nullptr, initial, options, false) {}

  /// Creates a value with a name; errc::already_exists if it is taken.
  static value create(const std::string& name, const T& initial = T(), const value_options& options = {}) {
    return create(domain(), name, initial, options);
  }
  static value create(const domain& in, const std::string& name, const T& initial = T(),
                      const value_options& options = {}) {
    return value(in, detail::c_name(name), initial, options, false);
  }

  /// Creates the value, or opens the one of that name (then `initial` is ignored).
  static value create_or_open(const std::string& name, const T& initial = T(), const value_options& options = {}) {
    return create_or_open(domain(), name, initial, options);
  }
  static value create_or_open(const domain& in, const std::string& name, const T& initial = T(),
                              const value_options& options = {}) {
    return value(in, detail::c_name(name), initial, options, true);
  }

  /// Opens the value of that name: errc::not_found if there is none, errc::type_mismatch if it is not a T.
  static value open(const std::string& name, const value_options& options = {}) {
    return open(domain(), name, options);
  }
  static value open(const domain& in, const std::string& name, const value_options& options = {}) {
    const mproc_value_options_t o = native(options, false);
    mproc_value_t* opened = nullptr;
    detail::check(::mproc_value_open(in.native_handle(), detail::c_name(name), &o, &opened), "value_open");
    return value(opened, false);
  }

  /// Opens the value that a handle from another process leads to: errc::wrong_kind if it is none,
  /// errc::type_mismatch if it is not a T.
  static value open(const handle& from, const value_options& options = {}) {
    const mproc_value_options_t o = native(options, false);
    mproc_value_t* opened = nullptr;
    detail::check(::mproc_value_import(from.native_handle(), &o, &opened), "value_import");
    return value(opened, false);
  }

  value(value&& other) noexcept
      : handle_(std::move(other.handle_)),
        pointer_(std::exchange(other.pointer_, nullptr)),
        existed_(other.existed_),
        mutex_(std::move(other.mutex_)) {}
  value& operator=(value&& other) noexcept {
    handle_ = std::move(other.handle_);
    pointer_ = std::exchange(other.pointer_, nullptr);
    existed_ = other.existed_;
    mutex_ = std::move(other.mutex_);
    return *this;
  }
  ~value() = default;

  /// Reads it: a scalar in one atomic load, a snapshot struct consistently without a lock, a raw struct
  /// as a plain copy.
  T load() const {
    if constexpr (!is_struct) {
      if (const auto p = at()) {
        word now;
        __atomic_load(p, &now, __ATOMIC_SEQ_CST);
        return from_word(now);
      }
    }
    detail::receiver<T> out;
    detail::check(::mproc_value_load(handle_.get(), out.data(), sizeof(T)), "value_load");
    return out.get();
  }
  operator T() const { return load(); }

  /// Writes it: a scalar in one atomic store, a snapshot struct all or nothing, a raw struct as a plain copy.
  void store(const T& desired) {
    if constexpr (!is_struct) {
      if (const auto p = at()) {
        word next = desired;
        __atomic_store(p, &next, __ATOMIC_SEQ_CST);
        return;
      }
    }
    detail::check(::mproc_value_store(handle_.get(), &desired, sizeof(T)), "value_store");
  }
  T operator=(const T& desired) {
    store(desired);
    return desired;
  }

  /// Writes it and returns what was there, atomically. Not for raw structs.
  T exchange(const T& desired) {
    static_assert(!is_raw, "a raw struct has no atomic operations: take mutex() and use ptr()");
    if constexpr (!is_struct) {
      if (const auto p = at()) {
        word next = desired, old;
        __atomic_exchange(p, &next, &old, __ATOMIC_SEQ_CST);
        return from_word(old);
      }
    }
    detail::receiver<T> old;
    detail::check(::mproc_value_exchange(handle_.get(), &desired, old.data(), sizeof(T)), "value_exchange");
    return old.get();
  }

  /// Writes `desired` if the value equals `expected`, atomically; else stores the value found in
  /// `expected` and returns false. Bytes are compared, of a struct the padding too. Not for raw structs.
  bool compare_exchange(T& expected, const T& desired) {
    static_assert(!is_raw, "a raw struct has no atomic operations: take mutex() and use ptr()");
    if constexpr (!is_struct) {
      if (const auto p = at()) {
        word seen = expected, next = desired;
        if (__atomic_compare_exchange(p, &seen, &next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return true;
        expected = from_word(seen);
        return false;
      }
    }
    detail::receiver<T> seen;
    int swapped = 0;
    detail::check(::mproc_value_compare_exchange(handle_.get(), &expected, &desired, sizeof(T), seen.data(), &swapped),
                  "value_compare_exchange");
    if (swapped == 0) expected = seen.get();
    return swapped != 0;
  }

  /// Atomic arithmetic; each returns the value before. Integers wrap around. For integers and floats;
  /// for char and wchar_t, min and max compare without sign.
  T fetch_add(T operand) {
    static_assert(is_integer || is_float, "arithmetic needs an integer or a float");
    if constexpr (is_integer) {
      if (const auto p = at()) return __atomic_fetch_add(p, operand, __ATOMIC_SEQ_CST);
    }
    return call(MPROC_OP_ADD, operand);
  }
  T fetch_sub(T operand) {
    static_assert(is_integer || is_float, "arithmetic needs an integer or a float");
    if constexpr (is_integer) {
      if (const auto p = at()) return __atomic_fetch_sub(p, operand, __ATOMIC_SEQ_CST);
    }
    return call(MPROC_OP_SUB, operand);
  }
  T fetch_min(T operand) {
    static_assert(is_integer || is_float, "arithmetic needs an integer or a float");
    return call(MPROC_OP_MIN, operand);
  }
  T fetch_max(T operand) {
    static_assert(is_integer || is_float, "arithmetic needs an integer or a float");
    return call(MPROC_OP_MAX, operand);
  }

  /// Atomic bit operations, for integers and bool; each returns the value before.
  T fetch_and(T operand) {
    static_assert(is_integer || is_bool, "bit operations need an integer or a bool");
    if (const auto p = at()) return from_word(__atomic_fetch_and(p, word(operand), __ATOMIC_SEQ_CST));
    return call(MPROC_OP_AND, operand);
  }
  T fetch_or(T operand) {
    static_assert(is_integer || is_bool, "bit operations need an integer or a bool");
    if (const auto p = at()) return from_word(__atomic_fetch_or(p, word(operand), __ATOMIC_SEQ_CST));
    return call(MPROC_OP_OR, operand);
  }
  T fetch_xor(T operand) {
    static_assert(is_integer || is_bool, "bit operations need an integer or a bool");
    if (const auto p = at()) return from_word(__atomic_fetch_xor(p, word(operand), __ATOMIC_SEQ_CST));
    return call(MPROC_OP_XOR, operand);
  }

  /// The same as operators; like those of std::atomic they return the new value, postfix ones the old.
  T operator+=(T operand) { return static_cast<T>(wrap_add(fetch_add(operand), operand)); }
  T operator-=(T operand) { return static_cast<T>(wrap_sub(fetch_sub(operand), operand)); }
  T operator&=(T operand) { return static_cast<T>(fetch_and(operand) & operand); }
  T operator|=(T operand) { return static_cast<T>(fetch_or(operand) | operand); }
  T operator^=(T operand) { return static_cast<T>(fetch_xor(operand) ^ operand); }
  T operator++() { return *this += T(1); }
  T operator--() { return *this -= T(1); }
  T operator++(int) { return fetch_add(T(1)); }
  T operator--(int) { return fetch_sub(T(1)); }

  /// Waits, as std::atomic::wait(), until the value is not `old` any more; false when it was not in time. Bytes are
  /// compared, of a struct the padding too. It may be `old` again when this returns. (A change that nobody notifies of
  /// is noticed within about 100 ms.)
  void wait(const T& old, cancel_ref cancel = {}) const { wait_ns(&old, MPROC_FOREVER, cancel); }
  template <class Rep, class Period>
  bool wait_for(const T& old, const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) const {
    return wait_ns(&old, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  bool wait_until(const T& old, const std::chrono::time_point<Clock, Duration>& when, cancel_ref cancel = {}) const {
    return detail::until(when, [&](std::int64_t ns) { return wait_ns(&old, ns, cancel); });
  }

  /// Waits for the next notification, whatever the value is.
  void wait_notified(cancel_ref cancel = {}) const { wait_ns(nullptr, MPROC_FOREVER, cancel); }
  template <class Rep, class Period>
  bool wait_notified_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) const {
    return wait_ns(nullptr, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  bool wait_notified_until(const std::chrono::time_point<Clock, Duration>& when, cancel_ref cancel = {}) const {
    return detail::until(when, [&](std::int64_t ns) { return wait_ns(nullptr, ns, cancel); });
  }

  /// Wakes those who wait for the value: one, up to `n`, or all of them. To be called after changing it: no store and
  /// no operator does that by itself. Not remembered, and cheap if nobody waits.
  void notify_one() { notify(1); }
  void notify(std::uint32_t n) { detail::check(::mproc_value_notify(handle_.get(), n), "value_notify"); }
  void notify_all() { notify(UINT32_MAX); }

  /// The value in shared memory, valid as long as this handle: scalars (use atomic operations of exactly
  /// its width, for example std::atomic_ref) and raw structs (hold mutex()). errc::not_supported if it is_remote().
  T* ptr() const {
    static_assert(has_pointer, "a snapshot struct has no pointer; use load() and store(), or raw_value");
    if (pointer_ == nullptr) detail::no_memory_here(handle_.get());
    return pointer_;
  }
  T* operator->() const { return ptr(); }

  /// The value's own lock, a TimedLockable with recovered(), on_recovered() and owner() like
  /// mproc::mutex. It protects what everybody who takes it agrees on; load(), store() and the atomic
  /// operations do not wait for it. Lives in this object: do not move the value while it is locked
  /// through it.
  mutex_type& mutex() const noexcept { return mutex_; }

  value_info info() const {
    value_info what{};
    detail::check(::mproc_value_info(handle_.get(), &what, sizeof what), "value_info");
    return what;
  }

  /// A handle on the value that can travel to other processes, also if it is anonymous.
  handle export_handle() const {
    mproc_handle_t* made = nullptr;
    detail::check(::mproc_value_export(handle_.get(), &made), "value_export");
    return handle(made);
  }

  /// Whether create_or_open() found it there.
  bool existed() const noexcept { return existed_; }

  /// Ends the handle now; pointers from ptr() end with it.
  void close() noexcept {
    mutex_ = mutex_type(nullptr);
    pointer_ = nullptr;
    handle_.reset();
  }

  const mproc_value_t* native_handle() const noexcept { return handle_.get(); }

 private:
  value(mproc_value_t* opened, bool existed) : handle_(opened), existed_(existed), mutex_(opened) {
    if constexpr (has_pointer) {
      void* p = nullptr;
      const int status = ::mproc_value_ptr(opened, &p);
      if (status != MPROC_ENOTSUP) detail::check(status, "value_ptr");  // a manager has it
      pointer_ = static_cast<T*>(p);
    }
  }

  value(const domain& in, const char* name, const T& initial, const value_options& options, bool exist_ok)
      : value(make(in, name, initial, options, exist_ok)) {}
  explicit value(std::pair<mproc_value_t*, bool> made) : value(made.first, made.second) {}

  static std::pair<mproc_value_t*, bool> make(const domain& in, const char* name, const T& initial,
                                              const value_options& options, bool exist_ok) {
    mproc_value_options_t o = native(options, exist_ok);
    o.initial = &initial;
    mproc_value_t* made = nullptr;
    const int status = detail::check(::mproc_value_create(in.native_handle(), name, &o, &made), "value_create");
    return {made, status == MPROC_EXISTED};
  }

  static mproc_value_options_t native(const value_options& options, bool exist_ok) noexcept {
    mproc_value_options_t o = MPROC_VALUE_OPTIONS_INIT;
    o.type_code = detail::code_of<T>();
    o.flags = detail::common_flags(options.persist, options.spin, options.return_on_signal, exist_ok) |
              (is_raw ? std::uint32_t{MPROC_RAW} : 0u);
    o.elem_size = sizeof(T);
    o.elem_align = detail::align_of<T>;
    o.schema = options.schema;
    return o;
  }

  bool wait_ns(const T* old, std::int64_t timeout_ns, cancel_ref cancel) const {
    const int status = ::mproc_value_wait(handle_.get(), old, old == nullptr ? 0 : sizeof(T), timeout_ns,
                                          cancel.native_handle());
    return detail::in_time(status, "value_wait");
  }

  // NULL: it has to be asked for.
  word* at() const {
    static_assert(__atomic_always_lock_free(sizeof(word), nullptr), "not lock-free on this machine");
    if (pointer_ == nullptr) detail::live(handle_.get());
    return reinterpret_cast<word*>(pointer_);
  }

  static T from_word(word w) noexcept {
    if constexpr (is_bool) return w != 0;
    else return w;
  }

  T call(std::int32_t op, T operand) {
    if constexpr (is_float) {
      double old = 0;
      detail::check(::mproc_value_fetch_f64(handle_.get(), op, static_cast<double>(operand), &old), "value_fetch_f64");
      return static_cast<T>(old);
    } else {
      std::int64_t old = 0;
      detail::check(::mproc_value_fetch_i64(handle_.get(), op, static_cast<std::int64_t>(operand), &old),
                    "value_fetch_i64");
      return static_cast<T>(old);
    }
  }

  // Signed overflow is undefined in C++, in shared memory the number wraps: compute what is there now.
  static auto wrap_add(T a, T b) noexcept {
    if constexpr (is_integer) return static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b);
    else return a + b;
  }
  static auto wrap_sub(T a, T b) noexcept {
    if constexpr (is_integer) return static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b);
    else return a - b;
  }

  detail::unique_handle<mproc_value_t, &::mproc_value_close> handle_;
  T* pointer_ = nullptr;
  bool existed_ = false;
  mutable mutex_type mutex_;
};

/// A struct kept in place, with a pointer, protected by the user's lock.
template <class T>
using raw_value = value<T, storage::raw>;

// ---------------------------------------------------------------------------------------------
// Array
// ---------------------------------------------------------------------------------------------

/// The dimensions of an array, 1 to 8, the slowest first: a number, or a braced list. A default-constructed
/// one stands for any shape when an array is opened.
class shape {
 public:
  shape() noexcept : ndim_(0) {}
  shape(std::size_t length) noexcept : ndim_(1), n_{length} {}  // NOLINT: implicit on purpose
  shape(std::initializer_list<std::size_t> dimensions) : shape(dimensions.begin(), dimensions.size()) {}
  shape(const std::size_t* dimensions, std::size_t count) : ndim_(count) {
    if (count == 0 || count > MPROC_MAX_DIMS) throw error(errc::invalid_argument, "an array has 1 to 8 dimensions");
    for (std::size_t i = 0; i < count; ++i) n_[i] = dimensions[i];
  }

  /// How many dimensions.
  std::size_t size() const noexcept { return ndim_; }
  /// Elements in dimension i.
  std::size_t operator[](std::size_t i) const noexcept { return n_[i]; }
  const std::size_t* begin() const noexcept { return n_.data(); }
  const std::size_t* end() const noexcept { return n_.data() + ndim_; }
  friend bool operator==(const shape& a, const shape& b) noexcept { return a.ndim_ == b.ndim_ && a.n_ == b.n_; }
  friend bool operator!=(const shape& a, const shape& b) noexcept { return !(a == b); }

 private:
  std::size_t ndim_;
  std::array<std::size_t, MPROC_MAX_DIMS> n_{};
};

/// How to create an array, or what to expect when opening one.
struct array_options {
  bool persist = false;           ///< keep the name until it is unlinked, also when nobody uses it
  bool spin = true;               ///< false: the array's lock never spins before it sleeps
  std::uint64_t schema = 0;       ///< a number of your own for a struct's layout; two that are given must match
  bool return_on_signal = false;  ///< a signal handler that ran ends waits through this handle: errc::interrupted
};

/// A shared array of scalars or structs with 1 to 8 dimensions, row-major.
///
/// Two ways to the elements: operator[], at(), iterators, data() and span() are the memory itself (as
/// fast as a local array; concurrent access needs the lock or std::atomic_ref, and a struct that is half
/// written when its writer is killed stays so); get(), set(), read() and write() go through the library,
/// are checked, and keep every single element whole whatever is killed. Of an array that is_remote() there are only
/// the latter: the others throw errc::not_supported, but for operator[], which checks nothing.
template <class T>
class array : public detail::placed<array<T>, object_kind::array> {
  static_assert(std::is_same_v<T, std::remove_cv_t<T>>, "T must not be const or volatile");
  static_assert(is_shareable<T>, "T must be a scalar of up to 64 bits or a trivially copyable struct up to 1 MiB");

 public:
  using value_type = T;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using reference = T&;
  using const_reference = const T&;
  using pointer = T*;
  using const_pointer = const T*;
  using iterator = T*;
  using const_iterator = const T*;
  using mutex_type = detail::lockable<detail::array_calls>;
  /// A container with data() and size(), a C array, or a braced list of T.
  using elements = detail::elements<T>;

  /// Anonymous: for this process and the ones it forks. `array<int>(10)` has ten zeros,
  /// `array<int>({2, 3})` has two rows of three, `array<int>(3, {7, 8, 9})` starts with those elements;
  /// what `initial` does not cover is zero.
  explicit array(const mproc::shape& dimensions, elements initial = {}, const array_options& options = {})
      : array(domain(), dimensions, initial, options) {}
  explicit array(const domain& in, const mproc::shape& dimensions, elements initial = {},
                 const array_options& options = {})
      : array(in, nullptr, dimensions, initial, options, false) {}

  /// Creates an array with a name; errc::already_exists if it is taken.
  static array create(const std::string& name, const mproc::shape& dimensions, elements initial = {},
                      const array_options& options = {}) {
    return create(domain(), name, dimensions, initial, options);
  }
  static array create(const domain& in, const std::string& name, const mproc::shape& dimensions,
                      elements initial = {}, const array_options& options = {}) {
    return array(in, detail::c_name(name), dimensions, initial, options, false);
  }

  /// Creates the array, or opens the one of that name and shape (then `initial` is ignored).
  static array create_or_open(const std::string& name, const mproc::shape& dimensions, elements initial = {},
                              const array_options& options = {}) {
    return create_or_open(domain(), name, dimensions, initial, options);
  }
  static array create_or_open(const domain& in, const std::string& name, const mproc::shape& dimensions,
                              elements initial = {}, const array_options& options = {}) {
    return array(in, detail::c_name(name), dimensions, initial, options, true);
  }

  /// Opens the array of that name: errc::not_found if there is none, errc::type_mismatch if its elements
  /// are not T or its shape is not the one expected (any, unless you give one).
  static array open(const std::string& name, const mproc::shape& expected = {}, const array_options& options = {}) {
    return open(domain(), name, expected, options);
  }
  static array open(const domain& in, const std::string& name, const mproc::shape& expected = {},
                    const array_options& options = {}) {
    mproc_array_options_t o = native(options, false);
    put_shape(o, expected);
    mproc_array_t* opened = nullptr;
    detail::check(::mproc_array_open(in.native_handle(), detail::c_name(name), &o, &opened), "array_open");
    return array(opened, false, nullptr);
  }

  /// Opens the array that a handle from another process leads to: errc::wrong_kind if it is none,
  /// errc::type_mismatch as above.
  static array open(const handle& from, const mproc::shape& expected = {}, const array_options& options = {}) {
    mproc_array_options_t o = native(options, false);
    put_shape(o, expected);
    mproc_array_t* opened = nullptr;
    detail::check(::mproc_array_import(from.native_handle(), &o, &opened), "array_import");
    return array(opened, false, nullptr);
  }

  array(array&& other) noexcept
      : handle_(std::move(other.handle_)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        shape_(std::exchange(other.shape_, mproc::shape(0))),
        existed_(other.existed_),
        mutex_(std::move(other.mutex_)) {}
  array& operator=(array&& other) noexcept {
    handle_ = std::move(other.handle_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    shape_ = std::exchange(other.shape_, mproc::shape(0));
    existed_ = other.existed_;
    mutex_ = std::move(other.mutex_);
    return *this;
  }
  ~array() = default;

  /// Elements altogether.
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  const mproc::shape& shape() const noexcept { return shape_; }

  // The memory itself.

  /// The element at a flat (row-major) index, unchecked.
  T& operator[](std::size_t index) noexcept { return data_[index]; }
  const T& operator[](std::size_t index) const noexcept { return data_[index]; }

  /// The element at one index per dimension; errc::out_of_range if they do not fit.
  template <class... Index>
  T& at(Index... indices) {
    const std::size_t flat = index(indices...);
    return memory()[flat];
  }
  template <class... Index>
  const T& at(Index... indices) const {
    const std::size_t flat = index(indices...);
    return memory()[flat];
  }

  /// The flat index of one index per dimension, checked like at().
  template <class... Index>
  std::size_t index(Index... indices) const {
    static_assert(sizeof...(Index) >= 1 && sizeof...(Index) <= MPROC_MAX_DIMS, "one index for each dimension");
    static_assert((std::is_integral_v<Index> && ...), "an index is an integer");
    const std::array<std::size_t, sizeof...(Index)> wanted{static_cast<std::size_t>(indices)...};
    if (wanted.size() != shape_.size()) {
      throw error(errc::out_of_range, std::to_string(wanted.size()) + " indices for an array with " +
                                          std::to_string(shape_.size()) + " dimensions");
    }
    std::size_t flat = 0;
    for (std::size_t d = 0; d < wanted.size(); ++d) {
      if (wanted[d] >= shape_[d]) {
        throw error(errc::out_of_range, "index " + std::to_string(wanted[d]) + " in dimension " + std::to_string(d) +
                                            ", which has " + std::to_string(shape_[d]) + " elements");
      }
      flat = flat * shape_[d] + wanted[d];
    }
    return flat;
  }

  /// The first element in shared memory; valid as long as this handle.
  T* data() { return memory(); }
  const T* data() const { return memory(); }
  iterator begin() { return memory(); }
  iterator end() { return memory() + size_; }
  const_iterator begin() const { return memory(); }
  const_iterator end() const { return memory() + size_; }
  const_iterator cbegin() const { return memory(); }
  const_iterator cend() const { return memory() + size_; }
#if defined(__cpp_lib_span)
  /// All elements, row-major.
  std::span<T> span() { return {memory(), size_}; }
  std::span<const T> span() const { return {memory(), size_}; }
#endif

  // Through the library: checked, every element whole.

  /// Reads the element at a flat index; errc::out_of_range.
  T get(std::size_t index) const {
    detail::receiver<T> out;
    detail::check(::mproc_array_get(handle_.get(), index, out.data(), sizeof(T)), "array_get");
    return out.get();
  }

  /// Writes the element at a flat index; errc::out_of_range.
  void set(std::size_t index, const T& element) {
    detail::check(::mproc_array_set(handle_.get(), index, &element, sizeof(T)), "array_set");
  }

  /// Copies `count` elements from flat index `start` on; errc::out_of_range. Every element is whole; the
  /// run is a snapshot only if the lock keeps writers out.
  std::vector<T> read(std::size_t start, std::size_t count) const {
    check_run(start, count);  // before memory is allocated for a count that makes no sense
    if constexpr (std::is_same_v<T, bool>) {
      // std::vector<bool> has no memory to copy to; 0 or 1 in each byte is what the library delivers.
      const std::unique_ptr<unsigned char[]> bytes(new unsigned char[count + 1]);
      copy_out(start, count, bytes.get());
      return std::vector<bool>(bytes.get(), bytes.get() + count);
    } else {
      std::vector<T> out(count);
      copy_out(start, count, out.data());
      return out;
    }
  }
  /// All elements.
  std::vector<T> read() const { return read(0, size_); }
  /// The same into memory that has room for `count` elements.
  void read(std::size_t start, T* out, std::size_t count) const { copy_out(start, count, out); }
#if defined(__cpp_lib_span)
  /// The same into a span, which gives the number of elements.
  void read(std::size_t start, std::span<T> out) const { copy_out(start, out.size(), out.data()); }
#endif

  /// Copies elements in from flat index `start` on; errc::out_of_range.
  void write(std::size_t start, elements list) {
    const void* from = list.data();
    const unsigned char nothing = 0;  // the library wants a buffer even for no elements
    if (list.size() == 0) from = &nothing;
    detail::check(::mproc_array_write(handle_.get(), start, list.size(), from, list.size() * sizeof(T)),
                  "array_write");
  }

  /// The array's own lock, a TimedLockable with recovered(), on_recovered() and owner() like
  /// mproc::mutex. It protects what everybody who takes it agrees on. Lives in this object: do not move
  /// the array while it is locked through it.
  mutex_type& mutex() const noexcept { return mutex_; }

  array_info info() const {
    array_info what{};
    detail::check(::mproc_array_info(handle_.get(), &what, sizeof what), "array_info");
    return what;
  }

  /// A handle on the array that can travel to other processes, also if it is anonymous.
  handle export_handle() const {
    mproc_handle_t* made = nullptr;
    detail::check(::mproc_array_export(handle_.get(), &made), "array_export");
    return handle(made);
  }

  /// Whether create_or_open() found it there.
  bool existed() const noexcept { return existed_; }

  /// Ends the handle now; pointers and iterators end with it.
  void close() noexcept {
    mutex_ = mutex_type(nullptr);
    data_ = nullptr;
    size_ = 0;
    shape_ = mproc::shape(0);
    handle_.reset();
  }

  const mproc_array_t* native_handle() const noexcept { return handle_.get(); }

 private:
  explicit array(mproc_array_t* opened, bool existed, const mproc::shape* known)
      : handle_(opened), shape_(0), existed_(existed), mutex_(opened) {
    void* p = nullptr;
    const int status = ::mproc_array_ptr(opened, &p);
    if (status != MPROC_ENOTSUP) detail::check(status, "array_ptr");  // a manager has it
    data_ = static_cast<T*>(p);
    if (known != nullptr) {
      shape_ = *known;
    } else {
      const array_info what = info();
      std::array<std::size_t, MPROC_MAX_DIMS> n{};
      for (std::size_t i = 0; i < n.size(); ++i) n[i] = static_cast<std::size_t>(what.shape[i]);
      shape_ = mproc::shape(n.data(), static_cast<std::size_t>(what.ndim));
    }
    size_ = 1;
    for (const std::size_t n : shape_) size_ *= n;
  }

  array(const domain& in, const char* name, const mproc::shape& dimensions, elements initial,
        const array_options& options, bool exist_ok)
      : array(make(in, name, dimensions, initial, options, exist_ok), &dimensions) {}
  array(std::pair<mproc_array_t*, bool> made, const mproc::shape* known) : array(made.first, made.second, known) {}

  static std::pair<mproc_array_t*, bool> make(const domain& in, const char* name, const mproc::shape& dimensions,
                                              elements initial, const array_options& options, bool exist_ok) {
    mproc_array_options_t o = native(options, exist_ok);
    put_shape(o, dimensions);
    o.initial = initial.data();
    o.initial_count = initial.size();
    mproc_array_t* made = nullptr;
    const int status = detail::check(::mproc_array_create(in.native_handle(), name, &o, &made), "array_create");
    return {made, status == MPROC_EXISTED};
  }

  static mproc_array_options_t native(const array_options& options, bool exist_ok) noexcept {
    mproc_array_options_t o = MPROC_ARRAY_OPTIONS_INIT;
    o.type_code = detail::code_of<T>();
    o.flags = detail::common_flags(options.persist, options.spin, options.return_on_signal, exist_ok);
    o.elem_size = sizeof(T);
    o.elem_align = detail::align_of<T>;
    o.schema = options.schema;
    return o;
  }

  static void put_shape(mproc_array_options_t& o, const mproc::shape& dimensions) noexcept {
    o.ndim = dimensions.size();
    for (std::size_t i = 0; i < dimensions.size(); ++i) o.shape[i] = dimensions[i];
  }

  // Nothing at all, once it is closed.
  T* memory() const {
    if (data_ == nullptr && handle_ != nullptr) detail::no_memory_here(handle_.get());
    return data_;
  }

  void check_run(std::size_t start, std::size_t count) const {
    detail::live(handle_.get());
    if (start > size_ || count > size_ - start) {
      throw error(errc::out_of_range, "elements " + std::to_string(start) + " + " + std::to_string(count) +
                                          " of an array of " + std::to_string(size_));
    }
  }

  void copy_out(std::size_t start, std::size_t count, void* out) const {
    unsigned char nothing = 0;  // the library wants a buffer even for no elements
    if (count == 0) out = &nothing;
    detail::check(::mproc_array_read(handle_.get(), start, count, out, count * sizeof(T)), "array_read");
  }

  detail::unique_handle<mproc_array_t, &::mproc_array_close> handle_;
  T* data_ = nullptr;
  std::size_t size_ = 0;
  mproc::shape shape_;
  bool existed_ = false;
  mutable mutex_type mutex_;
};

// ---------------------------------------------------------------------------------------------
// Messages
// ---------------------------------------------------------------------------------------------

/// A message to put or send: text, a container with data() and size() of trivially copyable elements
/// (std::string, std::vector, std::array, std::span, ...), or a pointer and a size in bytes.
/// Only for parameters: it does not own what it points to.
class bytes {
 public:
  constexpr bytes() noexcept = default;
  constexpr bytes(const void* data, std::size_t size) noexcept : data_(data), size_(size) {}
  bytes(const char* text) noexcept : bytes(text, std::strlen(text)) {}  // NOLINT: implicit on purpose
  template <class C, class Element = typename detail::element_of<const C>::type,
            class = std::enable_if_t<std::is_trivially_copyable_v<Element> && !std::is_pointer_v<Element>>>
  constexpr bytes(const C& container) noexcept  // NOLINT: implicit on purpose
      : bytes(container.data(), container.size() * sizeof(Element)) {}

  constexpr const void* data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }

 private:
  const void* data_ = nullptr;
  std::size_t size_ = 0;
};

namespace detail {

// Small messages are received on the stack. For longer ones the buffer gets the size of the longest seen
// lately, so that one call suffices; beyond `hint_limit` zeroing memory on a guess costs more than asking.
inline constexpr std::size_t stack_bytes = 1024;
inline constexpr std::size_t hint_limit = 64 * 1024;

// Takes a message into a buffer that grows. `take(to, capacity, &length, timeout_ns)` is the library's call.
template <class Buffer, class Take>
int receive(Buffer& out, movable_atomic<std::size_t>& hint, std::int64_t timeout_ns, const Take& take) {
  static_assert(sizeof(typename Buffer::value_type) == 1, "a message is received as bytes");
  const deadline deadline(timeout_ns);
  std::size_t room = hint.get();
  out.clear();
  for (;;) {
    std::size_t length = 0;
    int status;
    if (room <= stack_bytes) {
      unsigned char small[stack_bytes];
      status = take(small, sizeof small, &length, deadline.left());
      if (status >= 0) {
        const auto* first = reinterpret_cast<const typename Buffer::value_type*>(small);
        out.assign(first, first + length);
      }
    } else {
      out.resize(room);
      status = take(out.data(), out.size(), &length, deadline.left());
      out.resize(status >= 0 ? length : 0);
    }
    // A "needed" size that is not larger makes no sense: report it instead of asking again for ever.
    if (status != MPROC_EMSGSIZE || length <= (room <= stack_bytes ? stack_bytes : room)) return status;
    room = length;
    if (length > hint.get()) hint.set(length < hint_limit ? length : hint_limit);
  }
}

// The calls of one kind of object that holds messages.
struct queue_calls {
  using handle = mproc_queue_t;
  static constexpr auto close = &::mproc_queue_close;
  static constexpr auto reserve = &::mproc_queue_reserve;
  static constexpr auto commit = &::mproc_queue_commit;
  static constexpr auto abort = &::mproc_queue_abort;
  static constexpr auto peek = &::mproc_queue_peek;
  static constexpr auto release = &::mproc_queue_release;
  static constexpr auto put_back = &::mproc_queue_putback;
  static constexpr const char* reserve_name = "queue_reserve";
  static constexpr const char* commit_name = "queue_commit";
  static constexpr const char* abort_name = "queue_abort";
  static constexpr const char* peek_name = "queue_peek";
  static constexpr const char* release_name = "queue_release";
  static constexpr const char* put_back_name = "queue_putback";
  static constexpr int no_reader = MPROC_ECLOSED;  // commit() has dropped the reservation
  static constexpr int no_more = MPROC_ECLOSED;    // next_message() is empty
};

struct pipe_calls {
  using handle = mproc_pipe_t;
  static constexpr auto close = &::mproc_pipe_close;
  static constexpr auto reserve = &::mproc_pipe_reserve;
  static constexpr auto commit = &::mproc_pipe_commit;
  static constexpr auto abort = &::mproc_pipe_abort;
  static constexpr auto peek = &::mproc_pipe_peek;
  static constexpr auto release = &::mproc_pipe_release;
  static constexpr auto put_back = &::mproc_pipe_putback;
  static constexpr const char* reserve_name = "pipe_reserve";
  static constexpr const char* commit_name = "pipe_commit";
  static constexpr const char* abort_name = "pipe_abort";
  static constexpr const char* peek_name = "pipe_peek";
  static constexpr const char* release_name = "pipe_release";
  static constexpr const char* put_back_name = "pipe_putback";
  static constexpr int no_reader = MPROC_EPIPE;
  static constexpr int no_more = MPROC_EOF;
};

// A reservation or a message that this process holds. Destroyed while it is held, it is given up: aborted or
// put back. It keeps the handle open, and with it the memory.
template <class Handle, auto GiveUp>
class claim {
 public:
  claim() noexcept = default;
  claim(std::shared_ptr<const Handle> from, const mproc_view_t& what) noexcept
      : handle_(std::move(from)), view_(what) {}
  claim(claim&& other) noexcept
      : handle_(std::move(other.handle_)), view_(std::exchange(other.view_, mproc_view_t{})) {}
  claim& operator=(claim&& other) noexcept {
    if (this == &other) return *this;
    give_up();
    handle_ = std::move(other.handle_);
    view_ = std::exchange(other.view_, mproc_view_t{});
    return *this;
  }
  ~claim() { give_up(); }

  bool held() const noexcept { return handle_ != nullptr; }
  void* data() const noexcept { return view_.data; }
  std::size_t size() const noexcept { return view_.len; }

  // Runs call(handle, id, more...); on success, or with the status `dropped`, nothing is held any more.
  template <class Call, class... More>
  void end(Call call, const char* operation, int dropped, More... more) {
    if (!held()) throw error(errc::invalid_argument, "nothing is held any more (ended before, or moved from)");
    const int status = call(handle_.get(), view_.id, more...);
    if (status >= 0 || status == dropped) forget();
    check(status, operation);
  }

 private:
  // A failure leaves it to the close of the handle, and a forked child does not hold what its parent holds.
  void give_up() noexcept {
    if (!held()) return;
    static_cast<void>(GiveUp(handle_.get(), view_.id));
    forget();
  }

  void forget() noexcept {
    view_ = mproc_view_t{};
    handle_.reset();
  }

  std::shared_ptr<const Handle> handle_;
  mproc_view_t view_{};
};

// Room for a message: see in_place::reservation.
template <class Calls>
class reservation {
 public:
  /// The room, aligned to 8 bytes, to be written to; nothing once it is committed or aborted.
  std::byte* data() const noexcept { return static_cast<std::byte*>(claim_.data()); }
  std::size_t size() const noexcept { return claim_.size(); }
  std::byte* begin() const noexcept { return data(); }
  std::byte* end() const noexcept { return data() + size(); }

  /// Puts or sends the message: all of it, or its first `length` bytes. errc::out_of_range if that is more
  /// than was reserved; the reservation stays.
  void commit() { commit(size()); }
  void commit(std::size_t length) { claim_.end(Calls::commit, Calls::commit_name, Calls::no_reader, length); }

  /// Gives the reservation up; so does the destructor.
  void abort() { claim_.end(Calls::abort, Calls::abort_name, MPROC_OK); }

  /// Whether it can still be committed.
  explicit operator bool() const noexcept { return claim_.held(); }

 private:
  template <class>
  friend class in_place;
  using claim_type = claim<typename Calls::handle, Calls::abort>;

  explicit reservation(claim_type claimed) noexcept : claim_(std::move(claimed)) {}

  claim_type claim_;
};

// A message where it is: see in_place::message.
template <class Calls>
class message {
 public:
  /// The message, aligned to 8 bytes; nothing once it is released or put back. Other processes could write
  /// there, too: copy what must not change between a check and its use.
  const std::byte* data() const noexcept { return static_cast<const std::byte*>(claim_.data()); }
  std::size_t size() const noexcept { return claim_.size(); }
  bool empty() const noexcept { return size() == 0; }
  const std::byte* begin() const noexcept { return data(); }
  const std::byte* end() const noexcept { return data() + size(); }

  /// The same as text.
  std::string_view view() const noexcept { return {static_cast<const char*>(claim_.data()), size()}; }

  /// Whether somebody had it before, and died or put it back.
  bool redelivered() const noexcept { return redelivered_; }

  /// Takes the message for good; its room is free again.
  void release() { claim_.end(Calls::release, Calls::release_name, MPROC_OK); }

  /// Puts the message back to the front; so does the destructor.
  void put_back() { claim_.end(Calls::put_back, Calls::put_back_name, MPROC_OK); }

  /// Whether it is neither released nor put back.
  explicit operator bool() const noexcept { return claim_.held(); }

 private:
  template <class>
  friend class in_place;
  using claim_type = claim<typename Calls::handle, Calls::put_back>;

  message(claim_type claimed, bool redelivered) noexcept : claim_(std::move(claimed)), redelivered_(redelivered) {}

  claim_type claim_;
  bool redelivered_;
};

// What queues and pipes have in common: the handle, and messages in place. `Calls` names the C functions.
template <class Calls>
class in_place {
 public:
  /// Room for a message, to be written in place; commit() puts or sends it, the destructor aborts. Move-only,
  /// keeps the handle it was made through open, and is for one thread at a time.
  using reservation = detail::reservation<Calls>;

  /// A message taken in place, until release(); the destructor puts it back. Move-only, keeps the handle it
  /// was taken through open, and is for one thread at a time. Meanwhile others get the messages after it.
  using message = detail::message<Calls>;

  /// Reserves room for a message of at most `size` bytes. Several may be open at a time. errc::too_big if it
  /// can never fit.
  reservation reserve(std::size_t size, cancel_ref cancel = {}) { return *reserve_ns(size, MPROC_FOREVER, cancel); }
  std::optional<reservation> try_reserve(std::size_t size) { return reserve_ns(size, 0, {}); }
  template <class Rep, class Period>
  std::optional<reservation> try_reserve_for(std::size_t size, const std::chrono::duration<Rep, Period>& wait,
                                             cancel_ref cancel = {}) {
    return reserve_ns(size, to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  std::optional<reservation> try_reserve_until(std::size_t size, const std::chrono::time_point<Clock, Duration>& when,
                                               cancel_ref cancel = {}) {
    return until(when, [&](std::int64_t ns) { return reserve_ns(size, ns, cancel); });
  }

  /// Takes the next message without copying it.
  message peek(cancel_ref cancel = {}) { return *peek_ns(MPROC_FOREVER, cancel); }
  std::optional<message> try_peek() { return peek_ns(0, {}); }
  template <class Rep, class Period>
  std::optional<message> try_peek_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return peek_ns(to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  std::optional<message> try_peek_until(const std::chrono::time_point<Clock, Duration>& when,
                                        cancel_ref cancel = {}) {
    return until(when, [&](std::int64_t ns) { return peek_ns(ns, cancel); });
  }

  /// peek(), but empty once there will be no more: as next().
  std::optional<message> next_message(cancel_ref cancel = {}) {
    mproc_view_t view{};
    const int status = Calls::peek(handle_.get(), &view, MPROC_FOREVER, cancel.native_handle());
    if (status == Calls::no_more) return std::nullopt;
    check(status, Calls::peek_name);
    return taken_in_place(view, status);
  }

 protected:
  using handle_type = typename Calls::handle;

  in_place() noexcept = default;
  explicit in_place(handle_type* opened) : handle_(opened) {}
  in_place(in_place&&) noexcept = default;
  in_place& operator=(in_place&&) noexcept = default;
  ~in_place() = default;

  void attach(handle_type* opened) { handle_ = shared_handle<handle_type, Calls::close>(opened); }

  shared_handle<handle_type, Calls::close> handle_;

 private:
  std::optional<reservation> reserve_ns(std::size_t size, std::int64_t timeout_ns, cancel_ref cancel) {
    mproc_view_t view{};
    const int status = Calls::reserve(handle_.get(), size, &view, timeout_ns, cancel.native_handle());
    if (!in_time(status, Calls::reserve_name)) return std::nullopt;
    return reservation({handle_.share(), view});
  }

  std::optional<message> peek_ns(std::int64_t timeout_ns, cancel_ref cancel) {
    mproc_view_t view{};
    const int status = Calls::peek(handle_.get(), &view, timeout_ns, cancel.native_handle());
    if (!in_time(status, Calls::peek_name)) return std::nullopt;
    return taken_in_place(view, status);
  }

  message taken_in_place(const mproc_view_t& view, int status) const noexcept {
    return message({handle_.share(), view}, status == MPROC_RECOVERED);
  }
};

}  // namespace detail

/// A message taken by queue::lease(): a copy of it, while the queue keeps the message until ack(). The
/// destructor puts it back to the front, if it was not acknowledged. Move-only, keeps the handle it was taken
/// through open, and is for one thread at a time.
template <class Buffer = std::string>
class leased {
 public:
  /// The copy. It is the caller's, also after ack().
  Buffer& value() noexcept { return value_; }
  const Buffer& value() const noexcept { return value_; }

  /// Whether a consumer had it before, and died or put it back: it may be half done.
  bool redelivered() const noexcept { return redelivered_; }

  /// The message is done and leaves the queue.
  void ack() { claim_.end(&::mproc_queue_ack, "queue_ack", MPROC_OK); }

  /// Puts the message back to the front: whoever asks next gets it.
  void put_back() { claim_.end(&::mproc_queue_putback, "queue_putback", MPROC_OK); }

  /// Whether it is neither acknowledged nor put back.
  explicit operator bool() const noexcept { return claim_.held(); }

 private:
  friend class queue;
  leased() = default;

  Buffer value_;
  bool redelivered_ = false;
  detail::claim<mproc_queue_t, &::mproc_queue_putback> claim_;
};

// ---------------------------------------------------------------------------------------------
// Datums: dynamic values
// ---------------------------------------------------------------------------------------------

/// What a datum is.
enum class datum_type : std::int32_t {
  nil = MPROC_DATUM_NIL,
  boolean = MPROC_DATUM_BOOL,
  integer = MPROC_DATUM_INT,             ///< what fits a std::int64_t
  unsigned_integer = MPROC_DATUM_UINT,   ///< what only fits a std::uint64_t
  floating = MPROC_DATUM_FLOAT,          ///< a double
  string = MPROC_DATUM_STR,              ///< text in UTF-8
  bytes = MPROC_DATUM_BYTES,
  list = MPROC_DATUM_LIST,
  map = MPROC_DATUM_MAP,
  reference = MPROC_DATUM_REF,           ///< to another object: see mproc::reference
};

class datum;
class datum_ref;
class reference;
class dict;
class list;
class name_space;

/// As the value of a dict, a list or a namespace: a new, empty container inside it.
///
///     tree["left"] = mproc::new_dict;
///     auto names = groups.setdefault<mproc::list>("staff", mproc::new_list);   // the one that is there, or a new one
struct new_container {
  object_kind kind;
};
inline constexpr new_container new_dict{object_kind::dict};
inline constexpr new_container new_list{object_kind::list};
inline constexpr new_container new_namespace{object_kind::name_space};

/// For compare_exchange(): there is no such key, or remove it.
struct absent_t {};
inline constexpr absent_t absent{};

namespace detail {

template <class Owner>
class element;

template <class T>
using plain_t = std::remove_cv_t<std::remove_reference_t<T>>;

template <class T>
inline constexpr bool is_element = false;
template <class Owner>
inline constexpr bool is_element<element<Owner>> = true;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_pair = false;
template <class A, class B>
inline constexpr bool is_pair<std::pair<A, B>> = true;

template <class T>
inline constexpr bool is_container =
    std::is_same_v<T, dict> || std::is_same_v<T, list> || std::is_same_v<T, name_space>;

// What begin() of a T leads to; void if it has none.
template <class T, class = void>
struct item_of {
  using type = void;
};
template <class T>
struct item_of<T, std::void_t<decltype(std::begin(std::declval<const T&>()) != std::end(std::declval<const T&>()))>> {
  using type = plain_t<decltype(*std::begin(std::declval<const T&>()))>;
};
template <class T>
using item_of_t = typename item_of<T>::type;

// One byte, but not a bool.
template <class T>
inline constexpr bool is_byte = std::is_same_v<T, std::byte> || std::is_same_v<T, unsigned char> ||
                                std::is_same_v<T, signed char> || std::is_same_v<T, char>;

// A character is neither text nor a number.
template <class T>
inline constexpr bool is_character = std::is_same_v<T, char> || std::is_same_v<T, wchar_t> ||
                                     std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>
#if defined(__cpp_char8_t)
                                     || std::is_same_v<T, char8_t>
#endif
    ;

// What a T is as a datum.
enum class form { none, nil, boolean, integer, floating, text, bytes, optional, list, map, datum, reference };

template <class T>
constexpr form form_of() {
  if constexpr (is_container<T> || is_element<T>) {
    return form::none;
  } else if constexpr (std::is_same_v<T, mproc::datum>) {
    return form::datum;
  } else if constexpr (std::is_same_v<T, mproc::reference>) {
    return form::reference;
  } else if constexpr (std::is_same_v<T, std::nullptr_t>) {
    return form::nil;
  } else if constexpr (std::is_same_v<T, bool>) {
    return form::boolean;
  } else if constexpr (std::is_integral_v<T>) {
    return is_character<T> || sizeof(T) > sizeof(std::uint64_t) ? form::none : form::integer;
  } else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    return form::floating;
  } else if constexpr (std::is_same_v<T, mproc::bytes>) {
    return form::bytes;
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return form::text;
  } else if constexpr (is_byte<std::remove_cv_t<typename element_of<const T>::type>>) {
    return form::bytes;
  } else if constexpr (is_optional<T>) {
    return form_of<typename T::value_type>() == form::none ? form::none : form::optional;
  } else {
    using item = item_of_t<T>;
    if constexpr (std::is_void_v<item> || std::is_same_v<item, T>) {
      return form::none;
    } else if constexpr (is_pair<item>) {
      return form_of<plain_t<typename item::first_type>>() != form::none &&
                     form_of<plain_t<typename item::second_type>>() != form::none
                 ? form::map
                 : form::none;
    } else {
      return form_of<item>() == form::none ? form::none : form::list;
    }
  }
}

// Whether a datum can be made from a T.
template <class T>
inline constexpr bool is_plain = form_of<plain_t<T>>() != form::none;

// Whether a T can be added to, at its end or where it belongs.
template <class T, class = void>
struct can_insert : std::false_type {};
template <class T>
struct can_insert<T, std::void_t<decltype(std::declval<T&>().insert(std::declval<T&>().end(),
                                                                   std::declval<typename T::value_type>()))>>
    : std::true_type {};

// Whether a datum can become a T that stands for itself: not a view of what belongs to somebody else.
template <class T>
constexpr bool is_readable_form() {
  if constexpr (is_container<T>) {
    return true;
  } else {
    constexpr form what = form_of<T>();
    if constexpr (what == form::none || what == form::nil) return false;
    else if constexpr (what == form::text) return std::is_same_v<T, std::string>;
    else if constexpr (what == form::bytes || what == form::list || what == form::map) return can_insert<T>::value;
    else return true;
  }
}
template <class T>
inline constexpr bool is_readable = std::is_same_v<T, plain_t<T>> && is_readable_form<T>();

inline mproc_datum_t native_datum(datum_type type) noexcept {
  mproc_datum_t out{};
  out.type = static_cast<std::int32_t>(type);
  return out;
}

inline mproc_datum_t native_datum(datum_type type, const void* data, std::size_t size) noexcept {
  mproc_datum_t out = native_datum(type);
  out.data = data;
  out.len = size;
  return out;
}

inline mproc_datum_t native_datum(const new_container& what) noexcept {
  mproc_datum_t out{};
  out.type = MPROC_DATUM_NEW;
  out.kind = static_cast<std::uint32_t>(what.kind);
  return out;
}

inline mproc_datum_t native_datum(absent_t) noexcept {
  mproc_datum_t out{};
  out.type = MPROC_DATUM_ABSENT;
  return out;
}

// What needs no encoding. Points to the memory of `x`.
template <class T>
mproc_datum_t native_datum(const T& x) {
  constexpr form what = form_of<T>();
  if constexpr (what == form::nil) {
    return native_datum(datum_type::nil);
  } else if constexpr (what == form::boolean) {
    mproc_datum_t out = native_datum(datum_type::boolean);
    out.as.i = x ? 1 : 0;
    return out;
  } else if constexpr (what == form::integer) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    mproc_datum_t out = native_datum(datum_type::integer);
    if (std::is_unsigned_v<T> && static_cast<std::uint64_t>(x) > most) {
      out = native_datum(datum_type::unsigned_integer);
      out.as.u = static_cast<std::uint64_t>(x);
    } else {
      out.as.i = static_cast<std::int64_t>(x);
    }
    return out;
  } else if constexpr (what == form::floating) {
    mproc_datum_t out = native_datum(datum_type::floating);
    out.as.d = static_cast<double>(x);
    return out;
  } else if constexpr (what == form::text) {
    const std::string_view text = x;
    return native_datum(datum_type::string, text.data(), text.size());
  } else if constexpr (what == form::bytes) {
    return native_datum(datum_type::bytes, x.data(), x.size());
  } else {
    static_assert(what == form::datum || what == form::reference);
    return x.native();
  }
}

// Encodes lists and maps, and owns the encoding.
class packer {
 public:
  packer() {
    mproc_builder_t* made = nullptr;
    check(::mproc_builder_create(&made), "builder_create");
    builder_.reset(made);
  }

  template <class T>
  void add(const T& x) {
    constexpr form what = form_of<T>();
    if constexpr (what == form::optional) {
      if (x) add(*x);
      else add(nullptr);
    } else if constexpr (what == form::list) {
      begin_list();
      for (const item_of_t<T>& item : x) add(item);
      end();
    } else if constexpr (what == form::map) {
      check(::mproc_builder_begin_map(get()), "builder_begin_map");
      for (const auto& [key, value] : x) {
        add(key);
        add(value);
      }
      end();
    } else {
      add_native(native_datum(x));
    }
  }

  void add_native(const mproc_datum_t& x) { check(::mproc_builder_add(get(), x), "builder_add"); }
  void begin_list() { check(::mproc_builder_begin_list(get()), "builder_begin_list"); }
  void end() { check(::mproc_builder_end(get()), "builder_end"); }

  // The one datum that was added.
  mproc_datum_t native() const {
    mproc_datum_t out{};
    check(::mproc_builder_datum(get(), &out), "builder_datum");
    return out;
  }

  mproc_builder_t* get() const noexcept { return builder_.get(); }
  unique_handle<mproc_builder_t, &::mproc_builder_close> release() noexcept { return std::move(builder_); }

 private:
  unique_handle<mproc_builder_t, &::mproc_builder_close> builder_;
};

// The bytes that a datum points to.
inline std::string text_of(const mproc_datum_t& d) {
  return d.len == 0 ? std::string() : std::string(static_cast<const char*>(d.data), d.len);
}

inline const char* type_name(std::int32_t type) noexcept {
  switch (type) {
    case MPROC_DATUM_NIL: return "nil";
    case MPROC_DATUM_BOOL: return "a boolean";
    case MPROC_DATUM_INT:
    case MPROC_DATUM_UINT: return "an integer";
    case MPROC_DATUM_FLOAT: return "a float";
    case MPROC_DATUM_STR: return "a string";
    case MPROC_DATUM_BYTES: return "bytes";
    case MPROC_DATUM_LIST: return "a list";
    case MPROC_DATUM_MAP: return "a map";
    case MPROC_DATUM_REF: return "a reference";
    default: return "of an unknown type";
  }
}

inline void expect(const mproc_datum_t& d, std::int32_t type) {
  if (d.type == type) return;
  throw error(errc::type_mismatch, std::string("the datum is ") + type_name(d.type) + ", not " + type_name(type));
}

// Goes through a list (each element) or a map (keys and values in turn).
class unpacker {
 public:
  explicit unpacker(const mproc_datum_t& list_or_map) {
    check(::mproc_reader_init(&reader_, list_or_map, &count_), "reader_init");
  }

  // Elements, or pairs.
  std::size_t count() const noexcept { return count_; }

  bool next(mproc_datum_t& out) {
    return check(::mproc_reader_next(&reader_, &out), "reader_next") != MPROC_END;
  }

 private:
  mproc_reader_t reader_{};
  std::size_t count_ = 0;
};

template <class T>
T decoded_integer(const mproc_datum_t& d) {
  if (d.type != MPROC_DATUM_UINT) expect(d, MPROC_DATUM_INT);
  const bool negative = d.type == MPROC_DATUM_INT && d.as.i < 0;
  const std::uint64_t magnitude = d.type == MPROC_DATUM_INT ? static_cast<std::uint64_t>(d.as.i) : d.as.u;
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
  bool fits = magnitude <= most;
  if (negative) fits = std::is_signed_v<T> && d.as.i >= static_cast<std::int64_t>(std::numeric_limits<T>::min());
  if (!fits) {
    const std::string text = negative ? std::to_string(d.as.i) : std::to_string(magnitude);
    throw error(errc::overflow, "the datum is " + text + ", which the type asked for cannot hold");
  }
  return static_cast<T>(magnitude);
}

// The datum as a T of its own.
template <class T>
T decoded(const mproc_datum_t& d) {
  static_assert(is_readable<T> && !is_container<T>, "a datum cannot become this type");
  constexpr form what = form_of<T>();
  if constexpr (what == form::datum || what == form::reference) {
    return T(d);
  } else if constexpr (what == form::boolean) {
    expect(d, MPROC_DATUM_BOOL);
    return d.as.i != 0;
  } else if constexpr (what == form::integer) {
    return decoded_integer<T>(d);
  } else if constexpr (what == form::floating) {
    if (d.type == MPROC_DATUM_INT) return static_cast<T>(d.as.i);
    if (d.type == MPROC_DATUM_UINT) return static_cast<T>(d.as.u);
    expect(d, MPROC_DATUM_FLOAT);
    return static_cast<T>(d.as.d);
  } else if constexpr (what == form::text) {
    expect(d, MPROC_DATUM_STR);
    return text_of(d);
  } else if constexpr (what == form::bytes) {
    expect(d, MPROC_DATUM_BYTES);
    const auto* first = static_cast<const typename T::value_type*>(d.data);
    return T(first, first + d.len);
  } else if constexpr (what == form::optional) {
    if (d.type == MPROC_DATUM_NIL) return std::nullopt;
    return decoded<typename T::value_type>(d);
  } else if constexpr (what == form::list) {
    expect(d, MPROC_DATUM_LIST);
    T out;
    unpacker elements(d);
    for (mproc_datum_t item{}; elements.next(item);) out.insert(out.end(), decoded<typename T::value_type>(item));
    return out;
  } else {
    static_assert(what == form::map);
    using pair = item_of_t<T>;
    expect(d, MPROC_DATUM_MAP);
    T out;
    unpacker pairs(d);
    for (mproc_datum_t key{}, value{}; pairs.next(key) && pairs.next(value);) {
      using key_type = plain_t<typename pair::first_type>;
      out.insert(out.end(), pair(decoded<key_type>(key), decoded<typename pair::second_type>(value)));
    }
    return out;
  }
}

// Fetches a datum: with memory on the stack, and as often as needed with as much as it asks for. Calls
// fetch(buffer, capacity, &out), then use(out) while the memory is there. Returns the status of the last fetch.
template <class Fetch, class Use>
int fetch_datum(const Fetch& fetch, const Use& use) {
  unsigned char small[stack_bytes];
  mproc_datum_t out{};
  std::size_t room = sizeof small;
  int status = fetch(small, room, &out);
  std::unique_ptr<unsigned char[]> large;
  // A "needed" size that is not larger makes no sense: report it instead of asking again for ever.
  while (status == MPROC_EMSGSIZE && out.len > room) {
    room = out.len;
    large.reset(new unsigned char[room]);
    status = fetch(large.get(), room, &out);
  }
  if (status >= 0) use(out);
  return status;
}

}  // namespace detail

/// A weak reference to an object: to one that has a name, of the same domain, or to a container in an arena. It does
/// not keep the object, and may lead to nothing any more. (But the value of a dict, list or namespace that is a
/// container of the same arena keeps it, and is read as a reference.) Follow that to a container with follow() of any
/// container of its arena, and open the others by kind() and name().
class reference {
 public:
  /// To the object of that kind and name.
  reference(object_kind kind, std::string name) : name_(std::move(name)) {
    native_ = detail::native_datum(datum_type::reference);
    native_.kind = static_cast<std::uint32_t>(kind);
  }

  /// Takes one that was made through mproc.h; errc::type_mismatch if that is another datum.
  explicit reference(const mproc_datum_t& made) : native_(made) {
    detail::expect(made, MPROC_DATUM_REF);
    if (made.data != nullptr) name_ = detail::text_of(made);
    native_.data = nullptr;
  }

  object_kind kind() const noexcept { return static_cast<object_kind>(native_.kind); }

  /// Whether it is one to a container in an arena: then it has no name.
  bool in_arena() const noexcept { return !name_; }

  /// The name; empty if it has none.
  std::string name() const { return name_.value_or(std::string()); }

  /// As the C interface takes it. Valid as long as this reference.
  mproc_datum_t native() const noexcept {
    mproc_datum_t out = native_;
    if (name_) {
      out.data = name_->data();
      out.len = name_->size();
    }
    return out;
  }

  friend bool operator==(const reference& a, const reference& b) noexcept {
    if (a.native_.kind != b.native_.kind || a.name_ != b.name_) return false;
    return a.name_ || (a.native_.as.u == b.native_.as.u && a.native_.place == b.native_.place &&
                       a.native_.len == b.native_.len);
  }
  friend bool operator!=(const reference& a, const reference& b) noexcept { return !(a == b); }

 private:
  mproc_datum_t native_;
  std::optional<std::string> name_;
};

/// A dynamic value: nil, a boolean, an integer, a float, text, bytes, a list, a map, or a reference. It owns its
/// memory, and does not change but by assignment: to change a list or a map, take it out with as(), and make a new one.
///
///     mproc::datum point = mproc::datum::map{{"x", 1}, {"y", 2.5}, {"tags", mproc::datum::list{"a", nullptr}}};
///     int x = point["x"].as<int>();
///     auto tags = point["tags"].as<mproc::datum::list>();
///
/// It is made from nullptr, bool, integers, float and double, text (const char*, std::string, std::string_view),
/// mproc::bytes and containers of a one-byte type (bytes), std::optional (nil if it is empty), mproc::reference, and
/// from ranges of all these: a range of pairs, as std::map, becomes a map in the order of the range, any other a list.
/// A char is none of them: it might be meant as text or as a number.
///
/// Equal is what has an equal encoding, so what is the same key: 1, 1.0 and true differ, not-a-number is equal to
/// itself, and the order of a map's pairs counts. <, >, <= and >= are the order of list::sort(), and throw
/// errc::type_mismatch for two that it would not sort.
class datum {
 public:
  /// Lists and maps to be made in place: `datum::list{1, "two", nullptr}`, `datum::map{{"one", 1}, {2, "two"}}`.
  using list = std::vector<datum>;
  using map = std::vector<std::pair<datum, datum>>;

  /// Nil.
  datum() noexcept : native_(detail::native_datum(datum_type::nil)) {}

  template <class T, class = std::enable_if_t<detail::is_plain<T> && !std::is_same_v<detail::plain_t<T>, datum>>>
  datum(const T& from) {  // NOLINT: implicit on purpose
    constexpr detail::form what = detail::form_of<T>();
    if constexpr (what == detail::form::list || what == detail::form::map || what == detail::form::optional) {
      detail::packer packed;
      packed.add(from);
      assign(packed.native());
    } else {
      assign(detail::native_datum(from));
    }
  }

  /// A copy of one that was made through mproc.h.
  explicit datum(const mproc_datum_t& made) { assign(made); }

  // What was moved from is nil.
  datum(const datum& other) = default;
  datum(datum&& other) noexcept
      : native_(std::exchange(other.native_, detail::native_datum(datum_type::nil))),
        named_(std::exchange(other.named_, false)),
        owned_(std::move(other.owned_)) {
    other.owned_.clear();
  }
  datum& operator=(const datum& other) = default;
  datum& operator=(datum&& other) noexcept {
    if (this == &other) return *this;
    native_ = std::exchange(other.native_, detail::native_datum(datum_type::nil));
    named_ = std::exchange(other.named_, false);
    owned_ = std::move(other.owned_);
    other.owned_.clear();
    return *this;
  }
  ~datum() = default;

  datum_type type() const noexcept { return static_cast<datum_type>(native_.type); }
  bool is_nil() const noexcept { return type() == datum_type::nil; }

  /// The datum as a bool, an integer, float or double, std::string, bytes (a std::vector of a one-byte type), a
  /// std::vector or std::map (or their kin) of these, mproc::reference, or a std::optional (empty for nil).
  /// errc::type_mismatch if it is something else: only integers become floats by themselves. errc::overflow if an
  /// integer does not fit.
  template <class T>
  T as() const {
    return detail::decoded<T>(native());
  }

  /// The text, without a copy: valid until the datum changes. errc::type_mismatch if it is not a string.
  std::string_view text() const& {
    detail::expect(native_, MPROC_DATUM_STR);
    return owned_;
  }
  std::string_view text() const&& = delete;

  /// Elements of a list, pairs of a map, bytes of text and of bytes; errc::type_mismatch for the others.
  std::size_t size() const {
    switch (type()) {
      case datum_type::string:
      case datum_type::bytes: return owned_.size();
      case datum_type::list:
      case datum_type::map: return detail::unpacker(native()).count();
      default: wrong_type("nothing that has a size");
    }
  }

  /// The value of a key, if there is one, of a map; the element with an index (negative ones count from the end), if
  /// there is one, of a list. errc::type_mismatch if it is neither. It takes as long as the map or list is.
  std::optional<datum> find(const datum_ref& key) const;

  /// The same; errc::not_found if there is no such key, errc::out_of_range if there is no such index.
  datum operator[](const datum_ref& key) const;

  /// As JSON: text in quotes. What JSON does not have is an object with one key that starts with a '$': bytes as
  /// {"$bytes": "base64"}, floats that are not finite as {"$float": "nan"}, maps with keys that are not text as
  /// {"$map": [[key, value]]}, references as {"$ref": {...}}. from_json() understands that.
  std::string to_json(bool pretty = false) const {
    std::string text(detail::stack_bytes, '\0');
    for (;;) {
      std::size_t needed = 0;
      const int status =
          ::mproc_datum_to_json(native(), pretty ? MPROC_JSON_PRETTY : 0, text.data(), text.size(), &needed);
      if (status != MPROC_EMSGSIZE || needed <= text.size()) {
        detail::check(status, "datum_to_json");
        text.resize(needed - 1);
        return text;
      }
      text.resize(needed);
    }
  }

  /// The datum that a JSON text stands for; errc::invalid_argument, with the place, if it is none.
  static datum from_json(std::string_view text) {
    const detail::packer packed;
    detail::check(::mproc_builder_add_json(packed.get(), text.data(), text.size()), "builder_add_json");
    return datum(packed.native());
  }

  /// As MessagePack, in the one form that every datum has here.
  std::vector<std::byte> to_msgpack() const {
    std::vector<std::byte> out(owned_.size() + 32);
    for (;;) {
      std::size_t needed = 0;
      const int status = ::mproc_datum_encode(native(), out.data(), out.size(), &needed);
      if (status != MPROC_EMSGSIZE || needed <= out.size()) {
        detail::check(status, "datum_encode");
        out.resize(needed);
        return out;
      }
      out.resize(needed);
    }
  }

  /// The one datum that is encoded as MessagePack, in any of its forms; errc::invalid_argument if it is none.
  static datum from_msgpack(bytes encoded) {
    mproc_datum_t seen{};
    detail::check(::mproc_datum_decode(encoded.data(), encoded.size(), &seen), "datum_decode");
    detail::packer packed;
    packed.add_native(seen);
    return datum(packed.native());
  }

  /// As the C interface takes it. Valid as long as this datum does not change.
  mproc_datum_t native() const noexcept {
    mproc_datum_t out = native_;
    if (has_bytes()) {
      out.data = owned_.data();
      out.len = owned_.size();
    }
    return out;
  }

  friend bool operator==(const datum& a, const datum& b) noexcept {
    if (a.native_.type != b.native_.type || a.owned_ != b.owned_) return false;
    switch (a.type()) {
      case datum_type::boolean:
      case datum_type::integer: return a.native_.as.i == b.native_.as.i;
      case datum_type::unsigned_integer: return a.native_.as.u == b.native_.as.u;
      case datum_type::floating: return same_float(a.native_.as.d, b.native_.as.d);
      case datum_type::reference:
        return a.native_.kind == b.native_.kind && a.native_.as.u == b.native_.as.u &&
               a.native_.place == b.native_.place && a.native_.len == b.native_.len;
      default: return true;
    }
  }
  friend bool operator!=(const datum& a, const datum& b) noexcept { return !(a == b); }
  friend bool operator<(const datum& a, const datum& b) { return compare(a, b) < 0; }
  friend bool operator>(const datum& a, const datum& b) { return compare(a, b) > 0; }
  friend bool operator<=(const datum& a, const datum& b) { return compare(a, b) <= 0; }
  friend bool operator>=(const datum& a, const datum& b) { return compare(a, b) >= 0; }

  /// Writes it as JSON.
  template <class Traits>
  friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const datum& d) {
    return out << d.to_json();
  }

 private:
  static int compare(const datum& a, const datum& b) {
    int order = 0;
    detail::check(::mproc_datum_compare(a.native(), b.native(), &order), "datum_compare");
    return order;
  }

  // Whether they have the same encoding: 0.0 and -0.0 have not.
  static bool same_float(double a, double b) noexcept {
    return a != a ? b != b : std::memcmp(&a, &b, sizeof a) == 0;
  }

  bool has_bytes() const noexcept {
    return type() == datum_type::string || type() == datum_type::bytes || type() == datum_type::list ||
           type() == datum_type::map || (type() == datum_type::reference && named_);
  }

  void assign(const mproc_datum_t& made) {
    native_ = made;
    native_.data = nullptr;
    named_ = made.type == MPROC_DATUM_REF && made.data != nullptr;
    if (!has_bytes()) return;
    owned_ = detail::text_of(made);
    native_.len = 0;
  }

  [[noreturn]] void wrong_type(const char* wanted) const {
    throw error(errc::type_mismatch, std::string("the datum is ") + detail::type_name(native_.type) + ": " + wanted);
  }

  mproc_datum_t native_;  // without the bytes
  bool named_ = false;    // a reference with a name
  std::string owned_;     // text, bytes, the encoding of a list or map, the name of a reference
};

/// How functions take a datum: give them what a datum can be made from, a container of the library (which stands for a
/// reference to it), new_dict and the like, or a list in braces: `list.append({1, "two", {3.0, nullptr}})`. Only for
/// parameters: it does not own what it points to. Numbers and text need no memory.
class datum_ref {
 public:
  // A container that ends with the statement cannot be meant, or its ref() is.
  template <class From, class T = detail::plain_t<From>,
            class = std::enable_if_t<detail::is_plain<T> || detail::is_element<T> ||
                                     (detail::is_container<T> && std::is_lvalue_reference_v<From>)>>
  datum_ref(From&& from) {  // NOLINT: implicit on purpose
    constexpr detail::form what = detail::form_of<T>();
    if constexpr (detail::is_element<T>) {
      own(from.template as<datum>());
    } else if constexpr (detail::is_container<T>) {
      native_ = from.ref().native();  // it has no name to point to
    } else if constexpr (what == detail::form::list || what == detail::form::map || what == detail::form::optional) {
      detail::packer packed;
      packed.add(from);
      own(packed);
    } else {
      native_ = detail::native_datum(from);
    }
  }
  datum_ref(std::initializer_list<datum_ref> elements) {
    detail::packer packed;
    packed.begin_list();
    for (const datum_ref& item : elements) packed.add_native(item.native());
    packed.end();
    own(packed);
  }
  datum_ref(new_container what) noexcept : native_(detail::native_datum(what)) {}  // NOLINT: implicit on purpose
  datum_ref(absent_t nothing) noexcept : native_(detail::native_datum(nothing)) {}  // NOLINT: implicit on purpose
  datum_ref(const datum_ref&) = delete;
  datum_ref& operator=(const datum_ref&) = delete;

  /// As the C interface takes it. Valid as long as this object and what it was made from.
  const mproc_datum_t& native() const noexcept { return native_; }

 private:
  void own(const datum& from) {
    detail::packer packed;
    packed.add(from);
    own(packed);
  }
  void own(detail::packer& packed) {
    native_ = packed.native();
    packed_ = packed.release();
  }

  mproc_datum_t native_;
  detail::unique_handle<mproc_builder_t, &::mproc_builder_close> packed_;
};

/// A message that was taken as a datum, and is none (errc::invalid_argument).
class not_a_datum : public error {
 public:
  not_a_datum(const char* operation, const mproc_datum_t& taken)
      : error(MPROC_EINVAL, operation),
        message_(std::make_shared<const std::string>(detail::text_of(taken))) {}

  /// Its bytes.
  const std::string& message() const noexcept { return *message_; }

 private:
  std::shared_ptr<const std::string> message_;  // shared: copying an exception must not throw
};

inline std::optional<datum> datum::find(const datum_ref& key) const {
  if (type() == datum_type::map) {
    const datum wanted(key.native());
    detail::unpacker pairs(native());
    for (mproc_datum_t k{}, value{}; pairs.next(k) && pairs.next(value);) {
      if (datum(k) == wanted) return datum(value);
    }
    return std::nullopt;
  }
  if (type() != datum_type::list) wrong_type("neither a map nor a list");
  detail::unpacker elements(native());
  auto left = detail::decoded<std::int64_t>(key.native());
  if (left < 0) left += static_cast<std::int64_t>(elements.count());
  for (mproc_datum_t item{}; left >= 0 && elements.next(item); --left) {
    if (left == 0) return datum(item);
  }
  return std::nullopt;
}

inline datum datum::operator[](const datum_ref& key) const {
  std::optional<datum> found = find(key);
  if (found) return std::move(*found);
  if (type() == datum_type::list) throw error(errc::out_of_range, "the list has no element with that index");
  throw error(errc::not_found, "the map does not have that key");
}

// ---------------------------------------------------------------------------------------------
// Queue
// ---------------------------------------------------------------------------------------------

/// Memory for queue::get_many() that is used again and again: at most `max_messages` at a time, and a
/// buffer that grows when a single message needs more.
class batch {
 public:
  explicit batch(std::size_t max_messages, std::size_t buffer_bytes = 64 * 1024)
      : lengths_(max_messages), capacity_(buffer_bytes), buffer_(new unsigned char[buffer_bytes + 1]) {
    messages_.reserve(max_messages);
  }

  /// The messages taken last, in order; valid until the batch is used again.
  std::size_t size() const noexcept { return messages_.size(); }
  bool empty() const noexcept { return messages_.empty(); }
  std::string_view operator[](std::size_t i) const noexcept { return messages_[i]; }
  const std::string_view* begin() const noexcept { return messages_.data(); }
  const std::string_view* end() const noexcept { return messages_.data() + messages_.size(); }

 private:
  friend class queue;

  void reserve(std::size_t buffer_bytes) {
    if (buffer_bytes <= capacity_) return;
    buffer_.reset(new unsigned char[buffer_bytes]);
    capacity_ = buffer_bytes;
  }

  // Each message stands at the next multiple of 8 bytes.
  void set_count(std::size_t count) {
    std::size_t offset = 0;
    for (std::size_t i = 0; i < count; ++i) {
      messages_.emplace_back(reinterpret_cast<const char*>(buffer_.get()) + offset, lengths_[i]);
      offset += (lengths_[i] + 7) / 8 * 8;
    }
  }

  std::vector<std::size_t> lengths_;
  std::vector<std::string_view> messages_;
  std::size_t capacity_;
  std::unique_ptr<unsigned char[]> buffer_;
};

/// How to create or open a queue.
struct queue_options {
  bool persist = false;             ///< keep the name until it is unlinked, also when nobody uses it
  bool spin = true;                 ///< false: this handle never spins before it sleeps
  std::uint32_t max_items = 0;      ///< most messages at a time; 0: as many as fit
  std::uint64_t capacity_bytes = 0; ///< bytes for messages, 8 more for each; 0: 1 MiB
  bool lease = false;               ///< messages are taken by lease() or peek() only; get() is refused
  bool joinable = false;            ///< counts unfinished messages, for task_done() and join()
  bool return_on_signal = false;    ///< a signal handler that ran ends waits through this handle: errc::interrupted
  bool pollable = false;            ///< handles have readable_fd() and writable_fd(); decided when it is created
};

/// How queue::shutdown() ends the queue.
enum class shutdown_mode {
  graceful,   ///< nothing goes in any more; what is inside can be taken
  immediate,  ///< the messages inside are dropped; nothing goes in or out
};

/// How everything that was put into a queue was finished: see queue::join().
enum class join_outcome {
  all_done,   ///< taken and reported done
  some_lost,  ///< or taken by a consumer that died before it reported; said once for each handle
};

/// A first-in-first-out queue of messages (byte strings), many producers, many consumers, bounded.
///
/// x() waits for ever, try_x() not at all, try_x_for() and try_x_until() as long as you say; the try_
/// forms return false, an empty optional or 0 when there was no room or no message in time. All of them
/// throw errc::closed once the queue is shut down (and, after a graceful shutdown, empty), and those that take
/// also when it is empty and its producers are gone (see producer()); next() turns that into the end of a loop.
///
/// The ways to take a message differ in what happens when the consumer dies with it: after get() it is gone,
/// after lease() and peek() it goes back to the front unless ack() or release() was called.
///
///     while (auto job = jobs.next_lease()) {   // a copy
///       work(job->value());
///       job->ack();
///     }
///
/// reserve() and peek() work in place, without a copy: see queue::reservation and queue::message. A reservation
/// is not a lock: other producers go on, and what they put can be taken before it.
class queue : public detail::in_place<detail::queue_calls>, public detail::placed<queue, object_kind::queue> {
 public:
  /// Anonymous: for this process and the ones it forks.
  explicit queue(const queue_options& options = {}) : queue(domain(), options) {}
  explicit queue(const domain& in, const queue_options& options = {}) : queue(in, nullptr, options, false) {}

  /// Creates a queue with a name; errc::already_exists if it is taken.
  static queue create(const std::string& name, const queue_options& options = {}) {
    return create(domain(), name, options);
  }
  static queue create(const domain& in, const std::string& name, const queue_options& options = {}) {
    return queue(in, detail::c_name(name), options, false);
  }

  /// Creates the queue, or opens the one of that name; bounds that are given must match.
  static queue create_or_open(const std::string& name, const queue_options& options = {}) {
    return create_or_open(domain(), name, options);
  }
  static queue create_or_open(const domain& in, const std::string& name, const queue_options& options = {}) {
    return queue(in, detail::c_name(name), options, true);
  }

  /// Opens the queue of that name; errc::not_found if there is none. Bounds that are given must match.
  static queue open(const std::string& name, const queue_options& options = {}) {
    return open(domain(), name, options);
  }
  static queue open(const domain& in, const std::string& name, const queue_options& options = {}) {
    const mproc_queue_options_t o = native(options, false);
    mproc_queue_t* opened = nullptr;
    detail::check(::mproc_queue_open(in.native_handle(), detail::c_name(name), &o, &opened), "queue_open");
    return queue(opened);
  }

  /// Opens the queue that a handle from another process leads to; errc::wrong_kind if it is none. Bounds
  /// that are given must match.
  static queue open(const handle& from, const queue_options& options = {}) {
    const mproc_queue_options_t o = native(options, false);
    mproc_queue_t* opened = nullptr;
    detail::check(::mproc_queue_import(from.native_handle(), &o, &opened), "queue_import");
    return queue(opened);
  }

  // Putting. When it returns (true), the message is in the queue, whatever happens to this process.

  /// Puts a message at the end. errc::too_big if it can never fit.
  void put(bytes content, cancel_ref cancel = {}) { put_ns(content, MPROC_FOREVER, cancel); }
  bool try_put(bytes content) { return put_ns(content, 0, {}); }
  template <class Rep, class Period>
  bool try_put_for(bytes content, const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return put_ns(content, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  bool try_put_until(bytes content, const std::chrono::time_point<Clock, Duration>& when, cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return put_ns(content, ns, cancel); });
  }

  /// The same, but errc::fenced, and nothing is put, if somebody has put with a greater token: see mutex::token().
  void put_if_token(bytes content, std::uint64_t token, cancel_ref cancel = {}) {
    put_fenced_ns(content, token, MPROC_FOREVER, cancel);
  }
  bool try_put_if_token(bytes content, std::uint64_t token) { return put_fenced_ns(content, token, 0, {}); }
  template <class Rep, class Period>
  bool try_put_if_token_for(bytes content, std::uint64_t token, const std::chrono::duration<Rep, Period>& wait,
                            cancel_ref cancel = {}) {
    return put_fenced_ns(content, token, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  bool try_put_if_token_until(bytes content, std::uint64_t token,
                              const std::chrono::time_point<Clock, Duration>& when, cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return put_fenced_ns(content, token, ns, cancel); });
  }

  /// Puts several messages in order (a range of anything that put() takes), with as few lock operations
  /// as possible. Returns how many are in: all of them, or fewer when the time was up. Any other end is
  /// a batch_error, whose done() says how many are in; errc::too_big if one of them can never fit (then
  /// none is).
  template <class Range = std::initializer_list<bytes>>
  std::size_t put_many(const Range& messages, cancel_ref cancel = {}) {
    return put_all(list(messages), MPROC_FOREVER, cancel);
  }
  template <class Range = std::initializer_list<bytes>>
  std::size_t try_put_many(const Range& messages) {
    return put_all(list(messages), 0, {});
  }
  template <class Range = std::initializer_list<bytes>, class Rep, class Period>
  std::size_t try_put_many_for(const Range& messages, const std::chrono::duration<Rep, Period>& wait,
                               cancel_ref cancel = {}) {
    return put_all(list(messages), detail::to_ns(wait), cancel);
  }
  template <class Range = std::initializer_list<bytes>, class Clock, class Duration>
  std::size_t try_put_many_until(const Range& messages, const std::chrono::time_point<Clock, Duration>& when,
                                 cancel_ref cancel = {}) {
    return put_all(list(messages), detail::ns_until(when), cancel);
  }

  // Taking. Buffer is std::string or a std::vector of a one-byte type.

  /// Takes the message at the front.
  template <class Buffer = std::string>
  Buffer get(cancel_ref cancel = {}) {
    Buffer out;
    take(out, MPROC_FOREVER, cancel);
    return out;
  }
  template <class Buffer = std::string>
  std::optional<Buffer> try_get() {
    return taken<Buffer>(0, {});
  }
  template <class Buffer = std::string, class Rep, class Period>
  std::optional<Buffer> try_get_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return taken<Buffer>(detail::to_ns(wait), cancel);
  }
  template <class Buffer = std::string, class Clock, class Duration>
  std::optional<Buffer> try_get_until(const std::chrono::time_point<Clock, Duration>& when, cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return taken<Buffer>(ns, cancel); });
  }

  /// Waits for the next message; empty once the queue is shut down (and drained):
  /// `while (auto message = jobs.next()) ...`
  template <class Buffer = std::string>
  std::optional<Buffer> next(cancel_ref cancel = {}) {
    std::optional<Buffer> out(std::in_place);
    const int status = take_status(*out, MPROC_FOREVER, cancel);
    if (status == MPROC_ECLOSED) return std::nullopt;
    detail::check(status, "queue_get");
    return out;
  }

  /// The same into a buffer whose memory is used again. It is empty unless a message was taken.
  template <class Buffer>
  void get_into(Buffer& out, cancel_ref cancel = {}) {
    take(out, MPROC_FOREVER, cancel);
  }
  template <class Buffer>
  bool try_get_into(Buffer& out) {
    return take(out, 0, {});
  }
  template <class Buffer, class Rep, class Period>
  bool try_get_into_for(Buffer& out, const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return take(out, detail::to_ns(wait), cancel);
  }
  template <class Buffer, class Clock, class Duration>
  bool try_get_into_until(Buffer& out, const std::chrono::time_point<Clock, Duration>& when, cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return take(out, ns, cancel); });
  }

  // Datums: dynamic values, each one message, which is its MessagePack.

  /// Puts a datum at the end, as put().
  void put_datum(const datum_ref& content, cancel_ref cancel = {}) { put_datum_ns(content, MPROC_FOREVER, cancel); }
  bool try_put_datum(const datum_ref& content) { return put_datum_ns(content, 0, {}); }
  template <class Rep, class Period>
  bool try_put_datum_for(const datum_ref& content, const std::chrono::duration<Rep, Period>& wait,
                         cancel_ref cancel = {}) {
    return put_datum_ns(content, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  bool try_put_datum_until(const datum_ref& content, const std::chrono::time_point<Clock, Duration>& when,
                           cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return put_datum_ns(content, ns, cancel); });
  }

  /// Takes the datum at the front. Throws not_a_datum, which has the message, if that is none.
  datum get_datum(cancel_ref cancel = {}) { return *taken_datum(MPROC_FOREVER, cancel); }
  std::optional<datum> try_get_datum() { return taken_datum(0, {}); }
  template <class Rep, class Period>
  std::optional<datum> try_get_datum_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return taken_datum(detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  std::optional<datum> try_get_datum_until(const std::chrono::time_point<Clock, Duration>& when,
                                           cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return taken_datum(ns, cancel); });
  }

  /// get_datum(), but empty once the queue is shut down (and drained): as next().
  std::optional<datum> next_datum(cancel_ref cancel = {}) {
    std::optional<datum> out;
    const int status = take_datum_status(out, MPROC_FOREVER, cancel);
    if (status != MPROC_ECLOSED) detail::check(status, "queue_get_datum");
    return out;
  }

  /// Takes the message at the front into memory of a fixed size and returns its length. Throws
  /// buffer_too_small, which knows the size needed, and leaves the message in the queue if it does not fit.
  std::size_t get_raw(void* out, std::size_t capacity, cancel_ref cancel = {}) {
    return *take_raw(out, capacity, MPROC_FOREVER, cancel);
  }
  std::optional<std::size_t> try_get_raw(void* out, std::size_t capacity) { return take_raw(out, capacity, 0, {}); }
  template <class Rep, class Period>
  std::optional<std::size_t> try_get_raw_for(void* out, std::size_t capacity,
                                             const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return take_raw(out, capacity, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  std::optional<std::size_t> try_get_raw_until(void* out, std::size_t capacity,
                                               const std::chrono::time_point<Clock, Duration>& when,
                                               cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return take_raw(out, capacity, ns, cancel); });
  }
#if defined(__cpp_lib_span)
  /// The same into a span; the length is in bytes.
  template <class Element, std::size_t Extent>
  std::size_t get_raw(std::span<Element, Extent> out, cancel_ref cancel = {}) {
    static_assert(std::is_trivially_copyable_v<Element> && !std::is_const_v<Element>, "needs memory to write to");
    return get_raw(out.data(), out.size_bytes(), cancel);
  }
#endif

  /// Waits for a message, then takes as many as are there, fit and are wanted, with one lock operation.
  /// Returns how many (0: the time was up).
  std::size_t get_many(batch& out, cancel_ref cancel = {}) { return take_many(out, MPROC_FOREVER, cancel); }
  std::size_t try_get_many(batch& out) { return take_many(out, 0, {}); }
  template <class Rep, class Period>
  std::size_t try_get_many_for(batch& out, const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return take_many(out, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  std::size_t try_get_many_until(batch& out, const std::chrono::time_point<Clock, Duration>& when,
                                 cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return take_many(out, ns, cancel); });
  }

  /// The same as strings, at most `max` (at least 1) of them.
  std::vector<std::string> get_many(std::size_t max, cancel_ref cancel = {}) {
    return strings(max, MPROC_FOREVER, cancel);
  }
  std::vector<std::string> try_get_many(std::size_t max) { return strings(max, 0, {}); }
  template <class Rep, class Period>
  std::vector<std::string> try_get_many_for(std::size_t max, const std::chrono::duration<Rep, Period>& wait,
                                            cancel_ref cancel = {}) {
    return strings(max, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  std::vector<std::string> try_get_many_until(std::size_t max, const std::chrono::time_point<Clock, Duration>& when,
                                              cancel_ref cancel = {}) {
    batch memory(max);
    try_get_many_until(memory, when, cancel);
    return {memory.begin(), memory.end()};
  }

  // Leases. A message that is not acknowledged is worked on again, by whoever takes it next.

  /// Takes a copy of the message at the front, which the queue keeps until ack(). Works on every queue. The
  /// message keeps its room, and that of everything behind it.
  template <class Buffer = std::string>
  leased<Buffer> lease(cancel_ref cancel = {}) {
    return *lease_ns<Buffer>(MPROC_FOREVER, cancel);
  }
  template <class Buffer = std::string>
  std::optional<leased<Buffer>> try_lease() {
    return lease_ns<Buffer>(0, {});
  }
  template <class Buffer = std::string, class Rep, class Period>
  std::optional<leased<Buffer>> try_lease_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return lease_ns<Buffer>(detail::to_ns(wait), cancel);
  }
  template <class Buffer = std::string, class Clock, class Duration>
  std::optional<leased<Buffer>> try_lease_until(const std::chrono::time_point<Clock, Duration>& when,
                                                cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return lease_ns<Buffer>(ns, cancel); });
  }

  /// lease(), but empty once the queue is shut down (and drained): as next().
  template <class Buffer = std::string>
  std::optional<leased<Buffer>> next_lease(cancel_ref cancel = {}) {
    leased<Buffer> out;
    const int status = lease_status(out, MPROC_FOREVER, cancel);
    if (status == MPROC_ECLOSED) return std::nullopt;
    detail::check(status, "queue_lease");
    return out;
  }

  // Who works on it. The process is counted, not the thread.

  /// Reports one message done that this process took with get() or get_many() from a joinable queue (what was
  /// taken by lease() or peek() is done with ack() or release()). errc::not_owner if it has taken none any more.
  void task_done() { detail::check(::mproc_queue_task_done(handle_.get()), "queue_task_done"); }

  /// Waits until everything that was put has been taken and reported done; the try_ forms are empty when the
  /// time was up. Only for joinable queues and those with leases.
  join_outcome join(cancel_ref cancel = {}) { return *join_ns(MPROC_FOREVER, cancel); }
  std::optional<join_outcome> try_join() { return join_ns(0, {}); }
  template <class Rep, class Period>
  std::optional<join_outcome> try_join_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return join_ns(detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  std::optional<join_outcome> try_join_until(const std::chrono::time_point<Clock, Duration>& when,
                                             cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return join_ns(ns, cancel); });
  }

  /// Another handle on the queue, a producer's: once somebody has had one, and the last of them is closed or
  /// its processes are dead, taking from the empty queue throws errc::closed instead of waiting for ever. A new
  /// producer may come later. A forked child is a producer, too, until it closes the handle.
  queue producer() const {
    mproc_queue_t* made = nullptr;
    detail::check(::mproc_queue_producer(handle_.get(), &made), "queue_producer");
    return queue(made);
  }

  // State. Other processes may change it right after.

  /// Messages that can be taken right now (not reservations, and not what somebody holds).
  std::size_t size() const {
    std::size_t items = 0;
    detail::check(::mproc_queue_size(handle_.get(), &items), "queue_size");
    return items;
  }
  bool empty() const {
    int answer = 0;
    detail::check(::mproc_queue_empty(handle_.get(), &answer), "queue_empty");
    return answer != 0;
  }
  /// Whether not even an empty message would fit.
  bool full() const {
    int answer = 0;
    detail::check(::mproc_queue_full(handle_.get(), &answer), "queue_full");
    return answer != 0;
  }
  queue_info info() const {
    queue_info what{};
    detail::check(::mproc_queue_info(handle_.get(), &what, sizeof what), "queue_info");
    return what;
  }

  /// Ends the queue for every process, for good, and wakes everybody who waits.
  void shutdown(shutdown_mode mode = shutdown_mode::graceful) {
    detail::check(::mproc_queue_shutdown(handle_.get(), mode == shutdown_mode::immediate ? 1 : 0), "queue_shutdown");
  }

  /// A handle on the queue that can travel to other processes, also if it is anonymous.
  handle export_handle() const {
    mproc_handle_t* made = nullptr;
    detail::check(::mproc_queue_export(handle_.get(), &made), "queue_export");
    return handle(made);
  }

  /// A descriptor for event loops (epoll, poll, asio, libuv) that becomes readable (POLLIN) when there might be a
  /// message, or will be no more. errc::not_supported if the queue was not made with the option pollable.
  ///
  /// Use it as that of a socket that does not block: when it is readable, take messages (try_get(), try_peek() or
  /// try_lease()) until there is none; that, and only that, makes it unreadable until there are more. It may become
  /// readable for nothing. It belongs to this handle, which closes it: do not read or close it, and take it out of the
  /// event loop before close(). A forked child asks again, and gets one of its own.
  int readable_fd() const {
    int fd = -1;
    detail::check(::mproc_queue_readable_fd(handle_.get(), &fd), "queue_readable_fd");
    return fd;
  }

  /// The same for room, also readable (POLLIN): when a put might find room, or the queue is shut down. Put with
  /// try_put() until there is no room, then poll.
  int writable_fd() const {
    int fd = -1;
    detail::check(::mproc_queue_writable_fd(handle_.get(), &fd), "queue_writable_fd");
    return fd;
  }

  /// Whether create_or_open() found it there.
  bool existed() const noexcept { return existed_; }

  /// Ends the handle now, or with the last reservation, message or lease made through it. Messages stay in
  /// the queue.
  void close() noexcept { handle_.reset(); }

  const mproc_queue_t* native_handle() const noexcept { return handle_.get(); }

 private:
  explicit queue(mproc_queue_t* opened) : in_place(opened) {}

  queue(const domain& in, const char* name, const queue_options& options, bool exist_ok) {
    const mproc_queue_options_t o = native(options, exist_ok);
    mproc_queue_t* made = nullptr;
    existed_ =
        detail::check(::mproc_queue_create(in.native_handle(), name, &o, &made), "queue_create") == MPROC_EXISTED;
    attach(made);
  }

  static mproc_queue_options_t native(const queue_options& options, bool exist_ok) noexcept {
    mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
    o.flags = detail::common_flags(options.persist, options.spin, options.return_on_signal, exist_ok);
    if (options.lease) o.flags |= MPROC_QUEUE_LEASE;
    if (options.joinable) o.flags |= MPROC_QUEUE_JOINABLE;
    if (options.pollable) o.flags |= MPROC_POLLABLE;
    o.max_items = options.max_items;
    o.capacity_bytes = options.capacity_bytes;
    return o;
  }

  bool put_ns(bytes content, std::int64_t timeout_ns, cancel_ref cancel) {
    const int status =
        ::mproc_queue_put(handle_.get(), content.data(), content.size(), timeout_ns, cancel.native_handle());
    return detail::in_time(status, "queue_put");
  }

  bool put_fenced_ns(bytes content, std::uint64_t token, std::int64_t timeout_ns, cancel_ref cancel) {
    const int status = ::mproc_queue_put_if_token(handle_.get(), content.data(), content.size(), token, timeout_ns,
                                                  cancel.native_handle());
    return detail::in_time(status, "queue_put_if_token");
  }

  template <class Range>
  static std::vector<mproc_message_t> list(const Range& messages) {
    using item = decltype(*std::begin(messages));
    using plain = std::remove_cv_t<std::remove_reference_t<item>>;
    static_assert(std::is_lvalue_reference_v<item> || std::is_same_v<plain, std::string_view> ||
                      std::is_same_v<plain, bytes>,
                  "the range makes its messages on the fly: they would be gone before they are put");
    std::vector<mproc_message_t> out;
    for (const auto& message : messages) {
      const bytes view(message);
      out.push_back({view.data(), view.size()});
    }
    return out;
  }

  std::size_t put_all(const std::vector<mproc_message_t>& messages, std::int64_t timeout_ns, cancel_ref cancel) {
    // An empty batch is legal, but the library wants a pointer and an empty vector may have none.
    const mproc_message_t none{nullptr, 0};
    std::size_t done = 0;
    const int status = ::mproc_queue_put_many(handle_.get(), messages.empty() ? &none : messages.data(),
                                              messages.size(), &done, timeout_ns, cancel.native_handle());
    if (status < 0 && status != MPROC_ETIMEDOUT) throw batch_error(status, "queue_put_many", done);
    return done;
  }

  template <class Buffer>
  int take_status(Buffer& out, std::int64_t timeout_ns, cancel_ref cancel) {
    const auto get = [&](void* to, std::size_t capacity, std::size_t* length, std::int64_t ns) {
      return ::mproc_queue_get(handle_.get(), to, capacity, length, ns, cancel.native_handle());
    };
    return detail::receive(out, hint_, timeout_ns, get);
  }

  template <class Buffer>
  bool take(Buffer& out, std::int64_t timeout_ns, cancel_ref cancel) {
    return detail::in_time(take_status(out, timeout_ns, cancel), "queue_get");
  }

  template <class Buffer>
  std::optional<Buffer> taken(std::int64_t timeout_ns, cancel_ref cancel) {
    std::optional<Buffer> out(std::in_place);
    if (!take(*out, timeout_ns, cancel)) out.reset();
    return out;
  }

  std::optional<std::size_t> take_raw(void* out, std::size_t capacity, std::int64_t timeout_ns, cancel_ref cancel) {
    std::size_t length = 0;
    const int status = ::mproc_queue_get(handle_.get(), out, capacity, &length, timeout_ns, cancel.native_handle());
    if (status == MPROC_EMSGSIZE) throw buffer_too_small("queue_get", length);
    if (!detail::in_time(status, "queue_get")) return std::nullopt;
    return length;
  }

  bool put_datum_ns(const datum_ref& content, std::int64_t timeout_ns, cancel_ref cancel) {
    const int status =
        ::mproc_queue_put_datum(handle_.get(), content.native(), timeout_ns, cancel.native_handle());
    return detail::in_time(status, "queue_put_datum");
  }

  int take_datum_status(std::optional<datum>& out, std::int64_t timeout_ns, cancel_ref cancel) {
    const detail::deadline deadline(timeout_ns);
    return detail::fetch_datum(
        [&](void* to, std::size_t room, mproc_datum_t* d) {
          const int status =
              ::mproc_queue_get_datum(handle_.get(), to, room, d, deadline.left(), cancel.native_handle());
          if (status == MPROC_EINVAL && d->type == MPROC_DATUM_BYTES) throw not_a_datum("queue_get_datum", *d);
          return status;
        },
        [&](const mproc_datum_t& d) { out.emplace(d); });
  }

  std::optional<datum> taken_datum(std::int64_t timeout_ns, cancel_ref cancel) {
    std::optional<datum> out;
    detail::in_time(take_datum_status(out, timeout_ns, cancel), "queue_get_datum");
    return out;
  }

  std::size_t take_many(batch& out, std::int64_t timeout_ns, cancel_ref cancel) {
    const detail::deadline deadline(timeout_ns);
    out.messages_.clear();
    for (;;) {
      std::size_t count = 0;
      const int status =
          ::mproc_queue_get_many(handle_.get(), out.buffer_.get(), out.capacity_, out.lengths_.data(),
                                 out.lengths_.size(), &count, deadline.left(), cancel.native_handle());
      if (status == MPROC_EMSGSIZE && out.lengths_[0] > out.capacity_) {
        out.reserve(out.lengths_[0]);
        continue;
      }
      if (!detail::in_time(status, "queue_get_many")) return 0;
      out.set_count(count);
      return count;
    }
  }

  std::vector<std::string> strings(std::size_t max, std::int64_t timeout_ns, cancel_ref cancel) {
    batch memory(max);
    take_many(memory, timeout_ns, cancel);
    return {memory.begin(), memory.end()};
  }

  template <class Buffer>
  int lease_status(leased<Buffer>& out, std::int64_t timeout_ns, cancel_ref cancel) {
    const auto take = [&](void* to, std::size_t capacity, std::size_t* length, std::int64_t ns) {
      mproc_view_t held{};
      const int status =
          ::mproc_queue_lease(handle_.get(), to, capacity, length, &held.id, ns, cancel.native_handle());
      // At once: if the copy then finds no memory, the message is put back.
      if (status >= 0) out.claim_ = {handle_.share(), held};
      out.redelivered_ = status == MPROC_RECOVERED;
      return status;
    };
    return detail::receive(out.value_, hint_, timeout_ns, take);
  }

  template <class Buffer>
  std::optional<leased<Buffer>> lease_ns(std::int64_t timeout_ns, cancel_ref cancel) {
    leased<Buffer> out;
    if (!detail::in_time(lease_status(out, timeout_ns, cancel), "queue_lease")) return std::nullopt;
    return out;
  }

  std::optional<join_outcome> join_ns(std::int64_t timeout_ns, cancel_ref cancel) {
    const int status = ::mproc_queue_join(handle_.get(), timeout_ns, cancel.native_handle());
    if (!detail::in_time(status, "queue_join")) return std::nullopt;
    return status == MPROC_RECOVERED ? join_outcome::some_lost : join_outcome::all_done;
  }

  bool existed_ = false;
  detail::movable_atomic<std::size_t> hint_{0};
};

// ---------------------------------------------------------------------------------------------
// Pipe
// ---------------------------------------------------------------------------------------------

/// How to create or open a pipe.
struct pipe_options {
  bool persist = false;              ///< keep the name until it is unlinked, also when nobody uses it
  bool spin = true;                  ///< false: this handle never spins before it sleeps
  bool one_way = false;              ///< end 0 receives, end 1 sends
  bool exclusive = false;            ///< a promise: no two use the same end in the same direction at a time
  std::uint64_t capacity_bytes = 0;  ///< bytes for messages in each direction, 8 more for each; 0: 1 MiB
  bool return_on_signal = false;     ///< a signal handler that ran ends waits through this handle: errc::interrupted
  bool pollable = false;             ///< ends have readable_fd() and writable_fd(); decided when it is created
};

/// One end of a pipe: messages (byte strings) between two ends, in order, boundaries kept. Made by mproc::pipe,
/// or from a name or handle.
///
/// x() waits for ever, try_x() not at all, try_x_for() and try_x_until() as long as you say; the try_
/// forms return false or an empty optional when there was no room or no message in time. Once the other end is
/// closed, in every process that has it, or its processes are dead (noticed within about 100 ms), sending
/// throws errc::broken_pipe, and receiving errc::end_of_file after the messages that are on the way; next()
/// turns that into the end of a loop. For that each process has to close the end that it does not use.
///
/// reserve() and peek() work in place, without a copy: see pipe_end::reservation and pipe_end::message. Messages
/// arrive in the order in which they were reserved: an open reservation holds up what was sent after it.
class pipe_end : public detail::in_place<detail::pipe_calls>, public detail::placed<pipe_end, object_kind::pipe> {
 public:
  /// Creates a pipe with a name and opens one of its ends, 0 or 1; errc::already_exists if the name is taken.
  static pipe_end create(const std::string& name, int end, const pipe_options& options = {}) {
    return create(domain(), name, end, options);
  }
  static pipe_end create(const domain& in, const std::string& name, int end, const pipe_options& options = {}) {
    return make(in, name, end, options, false);
  }

  /// Creates the pipe, or opens that end of the one of that name; what is given must match.
  static pipe_end create_or_open(const std::string& name, int end, const pipe_options& options = {}) {
    return create_or_open(domain(), name, end, options);
  }
  static pipe_end create_or_open(const domain& in, const std::string& name, int end,
                                 const pipe_options& options = {}) {
    return make(in, name, end, options, true);
  }

  /// Opens that end of the pipe of that name; errc::not_found if there is none. What is given must match. An
  /// end can be opened more than once, and again after all its holders are gone: the other end then goes on.
  static pipe_end open(const std::string& name, int end, const pipe_options& options = {}) {
    return open(domain(), name, end, options);
  }
  static pipe_end open(const domain& in, const std::string& name, int end, const pipe_options& options = {}) {
    const mproc_pipe_options_t o = native(options, false);
    mproc_pipe_t* opened = nullptr;
    detail::check(::mproc_pipe_open(in.native_handle(), detail::c_name(name), &o, end, &opened), "pipe_open");
    return pipe_end(opened, false);
  }

  /// Opens the end that a handle from another process leads to; errc::wrong_kind if it is none. What is given
  /// must match. The handle holds the end open, too: do not keep it.
  static pipe_end open(const handle& from, const pipe_options& options = {}) {
    const mproc_pipe_options_t o = native(options, false);
    mproc_pipe_t* opened = nullptr;
    detail::check(::mproc_pipe_import(from.native_handle(), &o, &opened), "pipe_import");
    return pipe_end(opened, false);
  }

  // Sending. When it returns (true), the message is on its way, whatever happens to this process.

  /// Sends a message to the other end. errc::too_big if it can never fit.
  void send(bytes content, cancel_ref cancel = {}) { send_ns(content, MPROC_FOREVER, cancel); }
  bool try_send(bytes content) { return send_ns(content, 0, {}); }
  template <class Rep, class Period>
  bool try_send_for(bytes content, const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return send_ns(content, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  bool try_send_until(bytes content, const std::chrono::time_point<Clock, Duration>& when, cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return send_ns(content, ns, cancel); });
  }

  // Receiving. Buffer is std::string or a std::vector of a one-byte type.

  /// Takes the next message from the other end.
  template <class Buffer = std::string>
  Buffer recv(cancel_ref cancel = {}) {
    Buffer out;
    take(out, MPROC_FOREVER, cancel);
    return out;
  }
  template <class Buffer = std::string>
  std::optional<Buffer> try_recv() {
    return taken<Buffer>(0, {});
  }
  template <class Buffer = std::string, class Rep, class Period>
  std::optional<Buffer> try_recv_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return taken<Buffer>(detail::to_ns(wait), cancel);
  }
  template <class Buffer = std::string, class Clock, class Duration>
  std::optional<Buffer> try_recv_until(const std::chrono::time_point<Clock, Duration>& when, cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return taken<Buffer>(ns, cancel); });
  }

  /// Waits for the next message; empty once the other end is gone and nothing is left:
  /// `while (auto message = end.next()) ...`
  template <class Buffer = std::string>
  std::optional<Buffer> next(cancel_ref cancel = {}) {
    std::optional<Buffer> out(std::in_place);
    const int status = take_status(*out, MPROC_FOREVER, cancel);
    if (status == MPROC_EOF) return std::nullopt;
    detail::check(status, "pipe_recv");
    return out;
  }

  /// The same into a buffer whose memory is used again. It is empty unless a message was taken.
  template <class Buffer>
  void recv_into(Buffer& out, cancel_ref cancel = {}) {
    take(out, MPROC_FOREVER, cancel);
  }
  template <class Buffer>
  bool try_recv_into(Buffer& out) {
    return take(out, 0, {});
  }
  template <class Buffer, class Rep, class Period>
  bool try_recv_into_for(Buffer& out, const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return take(out, detail::to_ns(wait), cancel);
  }
  template <class Buffer, class Clock, class Duration>
  bool try_recv_into_until(Buffer& out, const std::chrono::time_point<Clock, Duration>& when,
                           cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return take(out, ns, cancel); });
  }

  // Datums: dynamic values, each one message, which is its MessagePack.

  /// Sends a datum to the other end, as send().
  void send_datum(const datum_ref& content, cancel_ref cancel = {}) { send_datum_ns(content, MPROC_FOREVER, cancel); }
  bool try_send_datum(const datum_ref& content) { return send_datum_ns(content, 0, {}); }
  template <class Rep, class Period>
  bool try_send_datum_for(const datum_ref& content, const std::chrono::duration<Rep, Period>& wait,
                          cancel_ref cancel = {}) {
    return send_datum_ns(content, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  bool try_send_datum_until(const datum_ref& content, const std::chrono::time_point<Clock, Duration>& when,
                            cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return send_datum_ns(content, ns, cancel); });
  }

  /// Takes the next datum from the other end. Throws not_a_datum, which has the message, if that is none.
  datum recv_datum(cancel_ref cancel = {}) { return *taken_datum(MPROC_FOREVER, cancel); }
  std::optional<datum> try_recv_datum() { return taken_datum(0, {}); }
  template <class Rep, class Period>
  std::optional<datum> try_recv_datum_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return taken_datum(detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  std::optional<datum> try_recv_datum_until(const std::chrono::time_point<Clock, Duration>& when,
                                            cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return taken_datum(ns, cancel); });
  }

  /// recv_datum(), but empty once the other end is gone and nothing is left: as next().
  std::optional<datum> next_datum(cancel_ref cancel = {}) {
    std::optional<datum> out;
    const int status = take_datum_status(out, MPROC_FOREVER, cancel);
    if (status != MPROC_EOF) detail::check(status, "pipe_recv_datum");
    return out;
  }

  /// Takes the next message into memory of a fixed size and returns its length. Throws buffer_too_small, which
  /// knows the size needed, and leaves the message where it is if it does not fit.
  std::size_t recv_raw(void* out, std::size_t capacity, cancel_ref cancel = {}) {
    return *take_raw(out, capacity, MPROC_FOREVER, cancel);
  }
  std::optional<std::size_t> try_recv_raw(void* out, std::size_t capacity) { return take_raw(out, capacity, 0, {}); }
  template <class Rep, class Period>
  std::optional<std::size_t> try_recv_raw_for(void* out, std::size_t capacity,
                                              const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return take_raw(out, capacity, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  std::optional<std::size_t> try_recv_raw_until(void* out, std::size_t capacity,
                                                const std::chrono::time_point<Clock, Duration>& when,
                                                cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return take_raw(out, capacity, ns, cancel); });
  }
#if defined(__cpp_lib_span)
  /// The same into a span; the length is in bytes.
  template <class Element, std::size_t Extent>
  std::size_t recv_raw(std::span<Element, Extent> out, cancel_ref cancel = {}) {
    static_assert(std::is_trivially_copyable_v<Element> && !std::is_const_v<Element>, "needs memory to write to");
    return recv_raw(out.data(), out.size_bytes(), cancel);
  }
#endif

  /// Waits until there is a message, and takes nothing; the try_ forms are false when there was none in time.
  /// (Another thread or holder of this end may take it first.) Throws errc::end_of_file as recv() would.
  void poll(cancel_ref cancel = {}) { poll_ns(MPROC_FOREVER, cancel); }
  bool try_poll() { return poll_ns(0, {}); }
  template <class Rep, class Period>
  bool try_poll_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return poll_ns(detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  bool try_poll_until(const std::chrono::time_point<Clock, Duration>& when, cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return poll_ns(ns, cancel); });
  }

  /// Bounds, fill, and what is known of the other end. Other processes may change it right after.
  pipe_info info() const {
    pipe_info what{};
    detail::check(::mproc_pipe_info(handle_.get(), &what, sizeof what), "pipe_info");
    return what;
  }

  /// A handle on this end that can travel to other processes, also if the pipe is anonymous. While it exists,
  /// the end counts as open.
  handle export_handle() const {
    mproc_handle_t* made = nullptr;
    detail::check(::mproc_pipe_export(handle_.get(), &made), "pipe_export");
    return handle(made);
  }

  /// A descriptor for event loops, as queue::readable_fd(): readable when there might be a message, or the end of
  /// file. Receive with try_recv() or try_peek() until there is nothing (try_poll(), if it finds nothing, also makes it
  /// unreadable). errc::not_supported without the option pollable, or if this end only sends.
  int readable_fd() const {
    int fd = -1;
    detail::check(::mproc_pipe_readable_fd(handle_.get(), &fd), "pipe_readable_fd");
    return fd;
  }

  /// The same for room, also readable (POLLIN): when a send might find room, or the other end is gone. Send with
  /// try_send() until there is no room, then poll. errc::not_supported if this end only receives.
  int writable_fd() const {
    int fd = -1;
    detail::check(::mproc_pipe_writable_fd(handle_.get(), &fd), "pipe_writable_fd");
    return fd;
  }

  /// Whether create_or_open() found it there.
  bool existed() const noexcept { return existed_; }

  /// Ends the handle now, or with the last reservation or message made through it. Messages that were sent
  /// arrive.
  void close() noexcept { handle_.reset(); }

  const mproc_pipe_t* native_handle() const noexcept { return handle_.get(); }

 private:
  friend struct pipe;

  pipe_end() noexcept = default;
  pipe_end(mproc_pipe_t* opened, bool existed) : in_place(opened), existed_(existed) {}

  static pipe_end make(const domain& in, const std::string& name, int end, const pipe_options& options,
                       bool exist_ok) {
    if (end != 0 && end != 1) throw error(errc::invalid_argument, "a pipe has ends 0 and 1");
    const mproc_pipe_options_t o = native(options, exist_ok);
    mproc_pipe_t* made = nullptr;
    const int status = ::mproc_pipe_create(in.native_handle(), detail::c_name(name), &o, end == 0 ? &made : nullptr,
                                           end == 1 ? &made : nullptr);
    detail::check(status, "pipe_create");
    return pipe_end(made, status == MPROC_EXISTED);
  }

  static mproc_pipe_options_t native(const pipe_options& options, bool exist_ok) noexcept {
    mproc_pipe_options_t o = MPROC_PIPE_OPTIONS_INIT;
    o.flags = detail::common_flags(options.persist, options.spin, options.return_on_signal, exist_ok);
    if (options.one_way) o.flags |= MPROC_PIPE_ONEWAY;
    if (options.exclusive) o.flags |= MPROC_PIPE_EXCLUSIVE;
    if (options.pollable) o.flags |= MPROC_POLLABLE;
    o.capacity_bytes = options.capacity_bytes;
    return o;
  }

  bool send_ns(bytes content, std::int64_t timeout_ns, cancel_ref cancel) {
    const int status =
        ::mproc_pipe_send(handle_.get(), content.data(), content.size(), timeout_ns, cancel.native_handle());
    return detail::in_time(status, "pipe_send");
  }

  template <class Buffer>
  int take_status(Buffer& out, std::int64_t timeout_ns, cancel_ref cancel) {
    const auto recv = [&](void* to, std::size_t capacity, std::size_t* length, std::int64_t ns) {
      return ::mproc_pipe_recv(handle_.get(), to, capacity, length, ns, cancel.native_handle());
    };
    return detail::receive(out, hint_, timeout_ns, recv);
  }

  template <class Buffer>
  bool take(Buffer& out, std::int64_t timeout_ns, cancel_ref cancel) {
    return detail::in_time(take_status(out, timeout_ns, cancel), "pipe_recv");
  }

  template <class Buffer>
  std::optional<Buffer> taken(std::int64_t timeout_ns, cancel_ref cancel) {
    std::optional<Buffer> out(std::in_place);
    if (!take(*out, timeout_ns, cancel)) out.reset();
    return out;
  }

  std::optional<std::size_t> take_raw(void* out, std::size_t capacity, std::int64_t timeout_ns, cancel_ref cancel) {
    std::size_t length = 0;
    const int status = ::mproc_pipe_recv(handle_.get(), out, capacity, &length, timeout_ns, cancel.native_handle());
    if (status == MPROC_EMSGSIZE) throw buffer_too_small("pipe_recv", length);
    if (!detail::in_time(status, "pipe_recv")) return std::nullopt;
    return length;
  }

  bool send_datum_ns(const datum_ref& content, std::int64_t timeout_ns, cancel_ref cancel) {
    const int status =
        ::mproc_pipe_send_datum(handle_.get(), content.native(), timeout_ns, cancel.native_handle());
    return detail::in_time(status, "pipe_send_datum");
  }

  int take_datum_status(std::optional<datum>& out, std::int64_t timeout_ns, cancel_ref cancel) {
    const detail::deadline deadline(timeout_ns);
    return detail::fetch_datum(
        [&](void* to, std::size_t room, mproc_datum_t* d) {
          const int status =
              ::mproc_pipe_recv_datum(handle_.get(), to, room, d, deadline.left(), cancel.native_handle());
          if (status == MPROC_EINVAL && d->type == MPROC_DATUM_BYTES) throw not_a_datum("pipe_recv_datum", *d);
          return status;
        },
        [&](const mproc_datum_t& d) { out.emplace(d); });
  }

  std::optional<datum> taken_datum(std::int64_t timeout_ns, cancel_ref cancel) {
    std::optional<datum> out;
    detail::in_time(take_datum_status(out, timeout_ns, cancel), "pipe_recv_datum");
    return out;
  }

  bool poll_ns(std::int64_t timeout_ns, cancel_ref cancel) {
    return detail::in_time(::mproc_pipe_poll(handle_.get(), timeout_ns, cancel.native_handle()), "pipe_poll");
  }

  bool existed_ = false;
  detail::movable_atomic<std::size_t> hint_{0};
};

/// Both ends of a pipe, each a handle of its own: keep one, give the other to another process and close it here.
///
///     auto [mine, yours] = mproc::pipe();
///     if (fork() == 0) { mine.close(); yours.send("hello"); _exit(0); }
///     yours.close();   // so that mine sees the end of the child
struct pipe {
  /// Anonymous: for this process and the ones it forks.
  explicit pipe(const pipe_options& options = {}) : pipe(domain(), options) {}
  explicit pipe(const domain& in, const pipe_options& options = {}) : pipe(in, nullptr, options, false) {}

  /// Creates a pipe with a name and opens both ends; errc::already_exists if it is taken. (For one of them:
  /// pipe_end::create(), pipe_end::open().)
  static pipe create(const std::string& name, const pipe_options& options = {}) {
    return create(domain(), name, options);
  }
  static pipe create(const domain& in, const std::string& name, const pipe_options& options = {}) {
    return pipe(in, detail::c_name(name), options, false);
  }

  /// Creates the pipe, or opens both ends of the one of that name; what is given must match.
  static pipe create_or_open(const std::string& name, const pipe_options& options = {}) {
    return create_or_open(domain(), name, options);
  }
  static pipe create_or_open(const domain& in, const std::string& name, const pipe_options& options = {}) {
    return pipe(in, detail::c_name(name), options, true);
  }

  pipe_end end0;  ///< one way: receives
  pipe_end end1;  ///< one way: sends

 private:
  pipe(const domain& in, const char* name, const pipe_options& options, bool exist_ok) {
    const mproc_pipe_options_t o = pipe_end::native(options, exist_ok);
    mproc_pipe_t *first = nullptr, *second = nullptr;
    const int status = detail::check(::mproc_pipe_create(in.native_handle(), name, &o, &first, &second), "pipe_create");
    // Owned both, before anything can throw.
    detail::unique_handle<mproc_pipe_t, &::mproc_pipe_close> own_first(first), own_second(second);
    end0 = pipe_end(own_first.release(), status == MPROC_EXISTED);
    end1 = pipe_end(own_second.release(), status == MPROC_EXISTED);
  }
};

// ---------------------------------------------------------------------------------------------
// Dict, list, namespace
// ---------------------------------------------------------------------------------------------

/// How to create or open a dict, a list or a name_space.
struct container_options {
  bool persist = false;           ///< keep the name until it is unlinked, also when nobody uses it
  bool spin = true;               ///< false: this handle never spins before it sleeps
  std::uint64_t limit_bytes = 0;  ///< how far its arena may grow, 1 MiB to 1 TiB; 0: 1 GiB. Only when it is created
};

/// What an arena is like right now: see mproc_arena_info_t.
using arena_info = mproc_arena_info_t;

/// The memory in which a container lives, with all containers inside it. Borrowed from a handle on any of them, and
/// valid as long as that is open.
class arena {
 public:
  /// Takes one that came from mproc.h.
  explicit arena(const mproc_arena_t* borrowed) noexcept : raw_(borrowed) {}

  /// A snapshot for people and logs.
  arena_info info() const {
    arena_info what{};
    detail::check(::mproc_arena_info(raw_, &what, sizeof what), "arena_info");
    return what;
  }

  /// Walks all of it, while nobody else gets in: for tests, and for people who look for a fault. Throws errc::corrupt,
  /// with what is wrong, if anything is.
  void check() const { detail::check(::mproc_arena_check(raw_, nullptr, 0), "arena_check"); }

  /// Frees containers that lead to each other in a circle and that nobody can reach any more, and what dead processes
  /// held; whatever else is out of reach is freed without it. Returns how many containers that were.
  std::uint64_t collect() const {
    std::uint64_t freed = 0;
    detail::check(::mproc_arena_collect(raw_, &freed), "arena_collect");
    return freed;
  }

  const mproc_arena_t* native_handle() const noexcept { return raw_; }

 private:
  const mproc_arena_t* raw_;
};

/// An input iterator over a container, or over a snapshot of it. Default-constructed it is the end. Going on, and
/// begin(), throw like other functions of the library.
template <class Item>
class container_iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = Item;
  using difference_type = std::ptrdiff_t;
  using pointer = const Item*;
  using reference = const Item&;

  container_iterator() noexcept = default;

  /// Takes over an iterator that was made through mproc.h, and fetches the first item.
  explicit container_iterator(mproc_iter_t* made) {
    detail::unique_handle<mproc_iter_t, &::mproc_iter_close> owned(made);
    state_ = std::make_shared<state>();
    state_->handle = std::move(owned);
    ++*this;
  }

  const Item& operator*() const noexcept { return state_->item; }
  const Item* operator->() const noexcept { return &state_->item; }

  container_iterator& operator++() {
    mproc_datum_t key{}, value{};
    if (detail::check(::mproc_iter_next(state_->handle.get(), &key, &value), "iter_next") == MPROC_END) {
      state_.reset();
    } else if constexpr (detail::is_pair<Item>) {
      state_->item = Item(datum(key), datum(value));
    } else {
      state_->item = datum(value);
    }
    return *this;
  }

  /// What `*i++` needs.
  class previous {
   public:
    const Item& operator*() const noexcept { return item_; }

   private:
    friend container_iterator;
    explicit previous(const Item& item) : item_(item) {}
    Item item_;
  };
  previous operator++(int) {
    previous before(**this);
    ++*this;
    return before;
  }

  friend bool operator==(const container_iterator& a, const container_iterator& b) noexcept {
    return a.state_ == b.state_;
  }
  friend bool operator!=(const container_iterator& a, const container_iterator& b) noexcept { return !(a == b); }

 private:
  // Shared by the copies, which go on together, as those of other input iterators.
  struct state {
    detail::unique_handle<mproc_iter_t, &::mproc_iter_close> handle;
    Item item;
  };

  std::shared_ptr<state> state_;
};

namespace detail {

// What a snapshot has, each made by take(key, value).
template <class T, class Take>
std::vector<T> drained(mproc_iter_t* made, const Take& take) {
  const unique_handle<mproc_iter_t, &::mproc_iter_close> iter(made);
  std::uint64_t count = 0;
  check(::mproc_iter_len(iter.get(), &count), "iter_len");
  std::vector<T> out;
  out.reserve(static_cast<std::size_t>(count));
  mproc_datum_t key{}, value{};
  while (check(::mproc_iter_next(iter.get(), &key, &value), "iter_next") != MPROC_END) out.push_back(take(key, value));
  return out;
}

// How functions take the name of an attribute. Only for parameters.
class attribute {
 public:
  attribute(const char* name) noexcept : name_(name) {}  // NOLINT: implicit on purpose
  attribute(const std::string& name) : name_(name.c_str()) {  // NOLINT: implicit on purpose
    // The C interface would silently cut it there.
    if (name.find('\0') != std::string::npos) throw error(errc::invalid_argument, "the name contains a NUL byte");
  }
  const char* native() const noexcept { return name_; }

 private:
  const char* name_;
};

// How functions take an index.
class position {
 public:
  position(std::int64_t index) noexcept : index_(index) {}  // NOLINT: implicit on purpose
  std::int64_t native() const noexcept { return index_; }

 private:
  std::int64_t index_;
};

struct container_calls {
  using options = container_options;

  static mproc_container_options_t to_create(const options& options, bool exist_ok) noexcept {
    mproc_container_options_t o = MPROC_CONTAINER_OPTIONS_INIT;
    o.flags = common_flags(options.persist, options.spin, false, exist_ok);
    o.limit_bytes = options.limit_bytes;
    return o;
  }
  static mproc_container_options_t to_open(const options& options) noexcept {
    mproc_container_options_t o = MPROC_CONTAINER_OPTIONS_INIT;
    o.flags = common_flags(false, options.spin, false, false);
    return o;
  }
};

struct dict_calls : container_calls {
  static constexpr object_kind kind = object_kind::dict;
  using handle = mproc_dict_t;
  using holder = unique_handle<handle, &::mproc_dict_close>;
  using key = datum_ref;
  using stored_key = datum;
  static constexpr int missing = MPROC_ENOENT;
  static constexpr auto create = &::mproc_dict_create;
  static constexpr auto open = &::mproc_dict_open;
  static constexpr auto import = &::mproc_dict_import;
  static constexpr auto export_to = &::mproc_dict_export;
  static constexpr auto arena = &::mproc_dict_arena;
  static constexpr auto ref = &::mproc_dict_ref;
  static constexpr auto follow = &::mproc_dict_follow;
  static constexpr auto len = &::mproc_dict_len;
  static constexpr auto copy = &::mproc_dict_copy;
  static constexpr auto get = &::mproc_dict_get;
  static constexpr auto set = &::mproc_dict_set;
  static constexpr auto add = &::mproc_dict_add;
  static constexpr auto compare_exchange = &::mproc_dict_compare_exchange;
  static constexpr auto contains = &::mproc_dict_contains;
  static constexpr auto remove = &::mproc_dict_delete;
  static constexpr auto set_if_token = &::mproc_dict_set_if_token;
  static constexpr auto remove_if_token = &::mproc_dict_delete_if_token;
  static constexpr auto append_to = &::mproc_dict_append_to;
  static constexpr auto iter = &::mproc_dict_iter;
  static constexpr auto items = &::mproc_dict_items;
  static constexpr const char* create_name = "dict_create";
  static constexpr const char* open_name = "dict_open";
  static constexpr const char* import_name = "dict_import";
  static constexpr const char* export_name = "dict_export";
  static constexpr const char* arena_name = "dict_arena";
  static constexpr const char* ref_name = "dict_ref";
  static constexpr const char* follow_name = "dict_follow";
  static constexpr const char* len_name = "dict_len";
  static constexpr const char* copy_name = "dict_copy";
  static constexpr const char* get_name = "dict_get";
  static constexpr const char* set_name = "dict_set";
  static constexpr const char* add_name = "dict_add";
  static constexpr const char* compare_exchange_name = "dict_compare_exchange";
  static constexpr const char* contains_name = "dict_contains";
  static constexpr const char* remove_name = "dict_delete";
  static constexpr const char* set_if_token_name = "dict_set_if_token";
  static constexpr const char* remove_if_token_name = "dict_delete_if_token";
  static constexpr const char* append_to_name = "dict_append_to";
  static constexpr const char* iter_name = "dict_iter";
  static constexpr const char* items_name = "dict_items";
};

struct list_calls : container_calls {
  static constexpr object_kind kind = object_kind::list;
  using handle = mproc_list_t;
  using holder = unique_handle<handle, &::mproc_list_close>;
  using key = position;
  using stored_key = std::int64_t;
  static constexpr int missing = MPROC_ERANGE;
  static constexpr auto create = &::mproc_list_create;
  static constexpr auto open = &::mproc_list_open;
  static constexpr auto import = &::mproc_list_import;
  static constexpr auto export_to = &::mproc_list_export;
  static constexpr auto arena = &::mproc_list_arena;
  static constexpr auto ref = &::mproc_list_ref;
  static constexpr auto follow = &::mproc_list_follow;
  static constexpr auto len = &::mproc_list_len;
  static constexpr auto copy = &::mproc_list_copy;
  static constexpr auto get = &::mproc_list_get;
  static constexpr auto set = &::mproc_list_set;
  static constexpr auto set_if_token = &::mproc_list_set_if_token;
  static constexpr auto add = &::mproc_list_add;
  static constexpr auto compare_exchange = &::mproc_list_compare_exchange;
  static constexpr const char* create_name = "list_create";
  static constexpr const char* open_name = "list_open";
  static constexpr const char* import_name = "list_import";
  static constexpr const char* export_name = "list_export";
  static constexpr const char* arena_name = "list_arena";
  static constexpr const char* ref_name = "list_ref";
  static constexpr const char* follow_name = "list_follow";
  static constexpr const char* len_name = "list_len";
  static constexpr const char* copy_name = "list_copy";
  static constexpr const char* get_name = "list_get";
  static constexpr const char* set_name = "list_set";
  static constexpr const char* set_if_token_name = "list_set_if_token";
  static constexpr const char* add_name = "list_add";
  static constexpr const char* compare_exchange_name = "list_compare_exchange";
};

struct namespace_calls : container_calls {
  static constexpr object_kind kind = object_kind::name_space;
  using handle = mproc_namespace_t;
  using holder = unique_handle<handle, &::mproc_namespace_close>;
  using key = attribute;
  using stored_key = std::string;
  static constexpr int missing = MPROC_ENOENT;
  static constexpr auto create = &::mproc_namespace_create;
  static constexpr auto open = &::mproc_namespace_open;
  static constexpr auto import = &::mproc_namespace_import;
  static constexpr auto export_to = &::mproc_namespace_export;
  static constexpr auto arena = &::mproc_namespace_arena;
  static constexpr auto ref = &::mproc_namespace_ref;
  static constexpr auto follow = &::mproc_namespace_follow;
  static constexpr auto len = &::mproc_namespace_len;
  static constexpr auto copy = &::mproc_namespace_copy;
  static constexpr auto get = &::mproc_namespace_get;
  static constexpr auto set = &::mproc_namespace_set;
  static constexpr auto add = &::mproc_namespace_add;
  static constexpr auto compare_exchange = &::mproc_namespace_compare_exchange;
  static constexpr auto contains = &::mproc_namespace_contains;
  static constexpr auto remove = &::mproc_namespace_delete;
  static constexpr auto set_if_token = &::mproc_namespace_set_if_token;
  static constexpr auto remove_if_token = &::mproc_namespace_delete_if_token;
  static constexpr auto append_to = &::mproc_namespace_append_to;
  static constexpr auto iter = &::mproc_namespace_items;
  static constexpr auto items = &::mproc_namespace_items;
  static constexpr const char* create_name = "namespace_create";
  static constexpr const char* open_name = "namespace_open";
  static constexpr const char* import_name = "namespace_import";
  static constexpr const char* export_name = "namespace_export";
  static constexpr const char* arena_name = "namespace_arena";
  static constexpr const char* ref_name = "namespace_ref";
  static constexpr const char* follow_name = "namespace_follow";
  static constexpr const char* len_name = "namespace_len";
  static constexpr const char* copy_name = "namespace_copy";
  static constexpr const char* get_name = "namespace_get";
  static constexpr const char* set_name = "namespace_set";
  static constexpr const char* add_name = "namespace_add";
  static constexpr const char* compare_exchange_name = "namespace_compare_exchange";
  static constexpr const char* contains_name = "namespace_contains";
  static constexpr const char* remove_name = "namespace_delete";
  static constexpr const char* set_if_token_name = "namespace_set_if_token";
  static constexpr const char* remove_if_token_name = "namespace_delete_if_token";
  static constexpr const char* append_to_name = "namespace_append_to";
  static constexpr const char* iter_name = "namespace_items";
  static constexpr const char* items_name = "namespace_items";
};

// What container[key] is: reads and writes go to the container when they are made. It keeps the key, and a pointer to
// the container's handle, which must stay where it is meanwhile.
template <class Owner>
class element {
  using container_type = std::remove_const_t<Owner>;
  using key_type = typename container_type::calls::stored_key;

 public:
  element(const element&) = delete;

  /// The value; errc::not_found (list: errc::out_of_range) if there is none, errc::type_mismatch if it is another type.
  template <class T = datum>
  T as() const {
    return owner_->template at<T>(key_);
  }
  template <class T, class = std::enable_if_t<is_readable<T>>>
  operator T() const {  // NOLINT: implicit on purpose
    return as<T>();
  }

  /// Sets the value.
  element& operator=(const datum_ref& value) {
    owner_->set(key_, value);
    return *this;
  }
  element& operator=(const element& other) {
    owner_->set(key_, other);
    return *this;
  }

  /// Adds to the number, atomically, as add() of the container; the result is the new one.
  template <class Number, class = std::enable_if_t<std::is_arithmetic_v<Number>>>
  datum operator+=(Number delta) {
    return owner_->add(key_, delta);
  }
  template <class Number, class = std::enable_if_t<std::is_arithmetic_v<Number>>>
  datum operator-=(Number delta) {
    if constexpr (std::is_floating_point_v<Number>) return owner_->add(key_, -delta);
    else return owner_->add(key_, negative(native_datum(delta)));
  }
  datum operator++() { return owner_->add(key_, 1); }
  datum operator--() { return owner_->add(key_, -1); }
  void operator++(int) { owner_->add(key_, 1); }
  void operator--(int) { owner_->add(key_, -1); }

  /// Compares the value as datums are compared.
  template <class T, class = std::enable_if_t<is_plain<T>>>
  friend bool operator==(const element& a, const T& b) {
    return a.as() == datum(b);
  }
  template <class T, class = std::enable_if_t<is_plain<T>>>
  friend bool operator==(const T& a, const element& b) {
    return datum(a) == b.as();
  }
  friend bool operator==(const element& a, const element& b) { return a.as() == b.as(); }
  template <class T, class = std::enable_if_t<is_plain<T>>>
  friend bool operator!=(const element& a, const T& b) {
    return !(a == b);
  }
  template <class T, class = std::enable_if_t<is_plain<T>>>
  friend bool operator!=(const T& a, const element& b) {
    return !(a == b);
  }
  friend bool operator!=(const element& a, const element& b) { return !(a == b); }

  /// Writes the value as JSON.
  template <class Traits>
  friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const element& e) {
    return out << e.as();
  }

 private:
  template <class, class>
  friend class container;

  // What nobody else has: with two parameters, a list in braces might be meant.
  struct made_here {};
  element(Owner& owner, key_type&& key, made_here) : owner_(&owner), key_(std::move(key)) {}

  static std::int64_t negative(const mproc_datum_t& delta) {
    // The smallest integer has no counterpart; that of one more than the greatest is the smallest.
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (delta.type == MPROC_DATUM_INT && delta.as.i != std::numeric_limits<std::int64_t>::min()) return -delta.as.i;
    if (delta.type == MPROC_DATUM_UINT && delta.as.u == most + 1) return std::numeric_limits<std::int64_t>::min();
    throw error(errc::overflow, "the number to subtract has no negative counterpart in 64 bits");
  }

  Owner* owner_;
  key_type key_;
};

// Text that is given in whatever form is owned as a std::string.
template <class T>
using owned_t = std::conditional_t<std::is_convertible_v<const T&, std::string_view>, std::string, T>;

// What all containers have in common. `Calls` names the C functions.
template <class Self, class Calls>
class container : public object<Self, Calls> {
  using key = typename Calls::key;
  using stored_key = typename Calls::stored_key;

 public:
  using calls = Calls;

  // One value.

  /// The value of the key, as a T: what datum::as() can give, or dict, list or name_space, which opens the container
  /// that is there. errc::not_found (list: errc::out_of_range) if there is none, errc::type_mismatch if it is
  /// something else.
  template <class T = datum>
  T at(const key& which) const {
    std::optional<T> out = get<T>(which);
    if (!out) throw error(Calls::missing, Calls::get_name);
    return std::move(*out);
  }

  /// The same, but empty if there is none.
  template <class T = datum>
  std::optional<T> get(const key& which) const {
    static_assert(is_readable<T>, "a value cannot be read as this type");
    std::optional<T> out;
    if constexpr (is_container<T>) {
      // A reference that leads to nothing was replaced meanwhile: look again.
      for (std::optional<reference> seen, before;; before = std::move(seen)) {
        seen = get<reference>(which);
        if (!seen) return out;
        out = follow_if_there<T>(*seen);
        if (out) return out;
        if (seen == before) throw error(MPROC_ENOENT, T::calls::follow_name);
      }
    } else {
      const int status = fetch_datum(
          [&](void* to, std::size_t room, mproc_datum_t* d) {
            return Calls::get(this->handle_.get(), which.native(), to, room, d);
          },
          [&](const mproc_datum_t& d) { out.emplace(decoded<T>(d)); });
      if (status != Calls::missing) check(status, Calls::get_name);
      return out;
    }
  }

  /// The same, but `otherwise` if there is none. It says the type: get_or("rate", 0.5) is a double,
  /// get_or<long>("n", 0) a long; text is a std::string.
  template <class T>
  owned_t<T> get_or(const key& which, const T& otherwise) const {
    std::optional<owned_t<T>> out = get<owned_t<T>>(which);
    return out ? std::move(*out) : owned_t<T>(otherwise);
  }

  /// The container that is the value: at<dict>(), at<list>(), at<name_space>(). It lives at least as long as the
  /// handle, also if nothing leads to it any more.
  dict get_dict(const key& which) const;
  list get_list(const key& which) const;
  name_space get_namespace(const key& which) const;

  /// Sets the value. As from all that needs memory in the arena, errc::full if it has reached its limit, and
  /// errc::too_big if a key or value has more than 32 MiB; then nothing was changed.
  void set(const key& which, const datum_ref& value) {
    check(Calls::set(this->handle_.get(), which.native(), value.native()), Calls::set_name);
  }

  /// The same, but errc::fenced, and nothing is changed, if somebody has used a greater token on this container, or on
  /// another of its arena: see mutex::token().
  void set_if_token(const key& which, const datum_ref& value, std::uint64_t token) {
    check(Calls::set_if_token(this->handle_.get(), which.native(), value.native(), token), Calls::set_if_token_name);
  }

  /// container[key] reads, writes and adds: `int n = d["n"]; d["n"] = 5; d["n"] += 2;`
  element<Self> operator[](stored_key which) {
    return {static_cast<Self&>(*this), std::move(which), typename element<Self>::made_here()};
  }
  element<const Self> operator[](stored_key which) const {
    return {static_cast<const Self&>(*this), std::move(which), typename element<const Self>::made_here()};
  }

  /// Adds to a number, atomically, and returns the sum: integers stay integers (errc::overflow if the sum fits neither
  /// a std::int64_t nor a std::uint64_t), with a float it is one. (Where there is no number yet, dict and name_space
  /// begin with 0.)
  datum add(const key& which, const datum_ref& delta) {
    mproc_datum_t sum{};
    check(Calls::add(this->handle_.get(), which.native(), delta.native(), &sum), Calls::add_name);
    return datum(sum);
  }

  /// Replaces the value if it is the expected one, atomically; false if it is not. Compared as datums are. (In dict and
  /// name_space, `absent` stands for "there is none" and for "remove it".)
  bool compare_exchange(const key& which, const datum_ref& expected, const datum_ref& desired) {
    int swapped = 0;
    check(Calls::compare_exchange(this->handle_.get(), which.native(), expected.native(), desired.native(), &swapped),
          Calls::compare_exchange_name);
    return swapped != 0;
  }

  // The whole.

  std::size_t size() const {
    std::uint64_t count = 0;
    check(Calls::len(this->handle_.get(), &count), Calls::len_name);
    return static_cast<std::size_t>(count);
  }
  bool empty() const { return size() == 0; }

  /// A copy of the whole, as it was at one moment: a map, or a list. Containers inside are references.
  datum copy() const { return copied(0); }

  /// The same with what is in the containers inside, and in those, as plain maps and lists. errc::type_mismatch beyond
  /// a depth of 64, or if one is inside itself.
  datum deep_copy() const { return copied(MPROC_COPY_DEEP); }

  /// The deep copy as JSON.
  std::string to_json(bool pretty = false) const { return deep_copy().to_json(pretty); }

  // Containers inside containers.

  /// A reference to this container: see mproc::reference.
  reference ref() const {
    mproc_datum_t out{};
    check(Calls::ref(this->handle_.get(), &out), Calls::ref_name);
    return reference(out);
  }

  /// Opens the dict, list or name_space of the same arena that a reference leads to. errc::not_found if it is gone,
  /// errc::type_mismatch if it is another kind of container, errc::invalid_argument if it is of another arena.
  template <class T>
  T follow(const reference& to) const {
    std::optional<T> out = follow_if_there<T>(to);
    if (!out) throw error(MPROC_ENOENT, T::calls::follow_name);
    return std::move(*out);
  }

  /// The memory that the container lives in, valid as long as this handle.
  mproc::arena arena() const {
    const mproc_arena_t* out = nullptr;
    check(Calls::arena(this->handle_.get(), &out), Calls::arena_name);
    return mproc::arena(out);
  }

 protected:
  using base = object<Self, Calls>;
  using typename base::made;

  explicit container(made what) noexcept : base(std::move(what)) {}
  container(container&&) noexcept = default;
  container& operator=(container&&) noexcept = default;
  ~container() = default;

  template <class T>
  std::optional<T> follow_if_there(const reference& to) const {
    static_assert(is_container<T>, "a reference is followed to a dict, a list or a name_space");
    typename T::calls::handle* opened = nullptr;
    const int status = T::calls::follow(arena().native_handle(), to.native(), &opened);
    if (status == MPROC_ENOENT) return std::nullopt;
    check(status, T::calls::follow_name);
    return T(typename T::made(opened), container_options());
  }

 private:
  datum copied(std::uint32_t flags) const {
    const packer into;
    check(Calls::copy(this->handle_.get(), flags, into.get()), Calls::copy_name);
    return datum(into.native());
  }
};

// What dict and name_space have in common.
template <class Self, class Calls>
class keyed : public container<Self, Calls> {
  using key = typename Calls::key;

 public:
  using value_type = std::pair<datum, datum>;
  using iterator = container_iterator<value_type>;
  using const_iterator = iterator;

  bool contains(const key& which) const {
    int found = 0;
    check(Calls::contains(this->handle_.get(), which.native(), &found), Calls::contains_name);
    return found != 0;
  }

  /// Removes it; false if it was not there.
  bool erase(const key& which) {
    const int status = Calls::remove(this->handle_.get(), which.native());
    if (status == MPROC_ENOENT) return false;
    check(status, Calls::remove_name);
    return true;
  }
  /// The same with a token, as set_if_token().
  bool erase_if_token(const key& which, std::uint64_t token) {
    const int status = Calls::remove_if_token(this->handle_.get(), which.native(), token);
    if (status == MPROC_ENOENT) return false;
    check(status, Calls::remove_if_token_name);
    return true;
  }

  /// Appends to the list that is the value, atomically: to a mproc::list inside, or to a plain list. If there is no
  /// value, it becomes a new mproc::list. errc::type_mismatch if it is something else.
  void append_to(const key& which, const datum_ref& value) {
    check(Calls::append_to(this->handle_.get(), which.native(), value.native()), Calls::append_to_name);
  }

  /// Everything, as it was at one moment.
  datum::map items() const {
    return drained<value_type>(opened(Calls::items, Calls::items_name),
                               [](const auto& k, const auto& v) { return value_type(datum(k), datum(v)); });
  }

  iterator begin() const { return iterator(opened(Calls::iter, Calls::iter_name)); }
  iterator end() const noexcept { return {}; }

 protected:
  explicit keyed(typename container<Self, Calls>::made what) noexcept : container<Self, Calls>(std::move(what)) {}

  template <class Call>
  mproc_iter_t* opened(Call call, const char* operation) const {
    mproc_iter_t* iter = nullptr;
    check(call(this->handle_.get(), &iter), operation);
    return iter;
  }
};

}  // namespace detail

/// A shared dict: values under keys, in the order in which the keys were inserted. A key is any datum without a map or
/// a reference in it, and the same if it has the same encoding: 1, 1.0 and true are three keys. A value is any datum,
/// or another container.
///
///     mproc::dict stock{{"apple", 3}, {"pear", 2.5}};
///     int apples = stock["apple"];                    // throws if there are none, or it is not an integer
///     auto plums = stock.get<int>("plum");            // std::optional<int>
///     stock["apple"] += 4;                            // atomic
///     stock["orders"] = mproc::new_list;              // a container inside, which everybody can append to
///     stock.get_list("orders").append({"pear", 1});   // a plain list as one element
///     for (const auto& [name, value] : stock) std::cout << name << ": " << value << '\n';
///
/// Each operation is atomic: it has happened wholly or not at all, whatever is killed. (Except update(), and the
/// constructor with values: each of their pairs is.) What is read is a copy; a list or a map that was stored as a datum
/// is read and replaced as a whole. Containers inside live as long as a value leads to them or a handle is open.
///
/// The iterators go through the living dict, in its order, and fetch some pairs ahead: values may be set meanwhile, but
/// if keys are added or removed they throw errc::changed. items(), keys() and values() are snapshots.
class dict : public detail::keyed<dict, detail::dict_calls> {
 public:
  /// A key and its value, in braces.
  struct entry {
    datum_ref key;
    datum_ref value;
  };

  /// Anonymous: for this process and the ones it forks.
  explicit dict(const container_options& options = {}) : dict(domain(), options) {}
  explicit dict(const domain& in, const container_options& options = {})
      : dict(make(in, nullptr, options, false), options) {}

  /// The same, with values.
  dict(std::initializer_list<entry> entries, const container_options& options = {})
      : dict(domain(), entries, options) {}
  dict(const domain& in, std::initializer_list<entry> entries, const container_options& options = {})
      : dict(in, options) {
    update(entries);
  }

  /// The value of the key, which becomes `value` if there was none: see at().
  template <class T = datum>
  T setdefault(const datum_ref& which, const datum_ref& value) {
    if constexpr (detail::is_container<T>) {
      // As get(): what leads to nothing was replaced meanwhile.
      for (std::optional<reference> seen, before;; before = std::move(seen)) {
        seen = setdefault<reference>(which, value);
        if (std::optional<T> out = follow_if_there<T>(*seen)) return std::move(*out);
        if (seen == before) throw error(MPROC_ENOENT, T::calls::follow_name);
      }
    } else {
      std::optional<T> out;
      const int status = detail::fetch_datum(
          [&](void* to, std::size_t room, mproc_datum_t* d) {
            return ::mproc_dict_setdefault(handle_.get(), which.native(), value.native(), to, room, d);
          },
          [&](const mproc_datum_t& d) { out.emplace(detail::decoded<T>(d)); });
      detail::check(status, "dict_setdefault");
      return std::move(*out);
    }
  }

  /// Removes a key and returns its value; empty if it was not there. A container that nothing else leads to, and that
  /// no handle is open on, is gone with it: open it before, to keep it.
  std::optional<datum> pop(const datum_ref& which) {
    std::optional<datum> out;
    const int status = detail::fetch_datum(
        [&](void* to, std::size_t room, mproc_datum_t* d) {
          return ::mproc_dict_pop(handle_.get(), which.native(), to, room, d);
        },
        [&](const mproc_datum_t& d) { out.emplace(d); });
    if (status != MPROC_ENOENT) detail::check(status, "dict_pop");
    return out;
  }

  /// Removes the key that was inserted last and returns it with its value; empty if the dict is.
  std::optional<value_type> popitem() {
    unsigned char small_key[detail::stack_bytes], small_value[detail::stack_bytes];
    std::unique_ptr<unsigned char[]> large_key, large_value;
    void *key_at = small_key, *value_at = small_value;
    std::size_t key_room = sizeof small_key, value_room = sizeof small_value;
    for (;;) {
      mproc_datum_t first{}, second{};
      const int status = ::mproc_dict_popitem(handle_.get(), key_at, key_room, value_at, value_room, &first, &second);
      if (status == MPROC_ENOENT) return std::nullopt;
      if (status != MPROC_EMSGSIZE || (first.len <= key_room && second.len <= value_room)) {
        detail::check(status, "dict_popitem");
        return value_type(datum(first), datum(second));
      }
      if (first.len > key_room) {
        key_room = first.len;
        key_at = (large_key = std::unique_ptr<unsigned char[]>(new unsigned char[key_room])).get();
      }
      if (second.len > value_room) {
        value_room = second.len;
        value_at = (large_value = std::unique_ptr<unsigned char[]>(new unsigned char[value_room])).get();
      }
    }
  }

  /// Sets what a map has, or what is given in braces: each pair atomically, in order. If an error or the end of this
  /// process comes in between, the first ones are set.
  template <class Map, class = std::enable_if_t<detail::form_of<Map>() == detail::form::map ||
                                                detail::form_of<Map>() == detail::form::datum>>
  void update(const Map& map) {
    const datum_ref pairs(map);
    detail::check(::mproc_dict_update(handle_.get(), pairs.native()), "dict_update");
  }
  void update(std::initializer_list<entry> entries) {
    for (const entry& pair : entries) set(pair.key, pair.value);
  }

  /// Removes everything.
  void clear() { detail::check(::mproc_dict_clear(handle_.get()), "dict_clear"); }

  /// All keys, or all values, as they were at one moment: as datums, or as what datum::as() can give.
  template <class T = datum>
  std::vector<T> keys() const {
    return detail::drained<T>(opened(&::mproc_dict_keys, "dict_keys"),
                              [](const auto& k, const auto&) { return detail::decoded<T>(k); });
  }
  template <class T = datum>
  std::vector<T> values() const {
    return detail::drained<T>(opened(&::mproc_dict_values, "dict_values"),
                              [](const auto&, const auto& value) { return detail::decoded<T>(value); });
  }

 private:
  friend object;
  friend class detail::container<name_space, detail::namespace_calls>;
  friend class detail::container<list, detail::list_calls>;
  friend container;
  dict(made what, const container_options&) noexcept : keyed(std::move(what)) {}
};

/// How list::sort() sorts.
enum class sort_order {
  ascending,
  descending,
};

/// A shared list: elements with an index. Indices from -1 down count from the end. An element is any datum, or another
/// container.
///
///     mproc::list log{1, "two", {3.0, nullptr}};   // the third is a plain list
///     log.append("four");
///     std::string last = log[-1];
///     log[0] += 10;                                // atomic
///     for (const mproc::datum& x : log) std::cout << x << '\n';
///
/// Each operation is atomic: it has happened wholly or not at all, whatever is killed. (Except the constructor with
/// elements: each of them is.) What is read is a copy; a plain list or map is read and replaced as a whole.
///
/// The iterators go through the living list by index, and fetch some elements ahead: what is appended meanwhile is met,
/// and what is inserted or removed before makes them meet an element twice or miss one. items() and slice() are
/// snapshots.
class list : public detail::container<list, detail::list_calls> {
  using maybe = std::optional<std::int64_t>;

 public:
  using value_type = datum;
  using iterator = container_iterator<datum>;
  using const_iterator = iterator;

  /// Anonymous: for this process and the ones it forks.
  explicit list(const container_options& options = {}) : list(domain(), options) {}
  explicit list(const domain& in, const container_options& options = {})
      : list(make(in, nullptr, options, false), options) {}

  /// The same, with elements.
  list(std::initializer_list<datum_ref> elements, const container_options& options = {})
      : list(domain(), elements, options) {}
  list(const domain& in, std::initializer_list<datum_ref> elements, const container_options& options = {})
      : list(in, options) {
    for (const datum_ref& item : elements) append(item);
  }

  /// Adds an element at the end.
  void append(const datum_ref& value) {
    detail::check(::mproc_list_append(handle_.get(), value.native()), "list_append");
  }
  void push_back(const datum_ref& value) { append(value); }
  /// The same with a token, as set_if_token().
  void append_if_token(const datum_ref& value, std::uint64_t token) {
    detail::check(::mproc_list_append_if_token(handle_.get(), value.native(), token), "list_append_if_token");
  }

  /// Adds all elements of a list at the end, or none: a range, a datum that is a list, or elements in braces.
  void extend(const datum_ref& elements) {
    detail::check(::mproc_list_extend(handle_.get(), elements.native()), "list_extend");
  }
  /// The same of another shared list, or of this one, as it was at one moment.
  void extend_from(const list& other) {
    detail::check(::mproc_list_extend_from(handle_.get(), other.handle_.get()), "list_extend_from");
  }

  /// Adds an element before the one with that index; beyond the ends, at that end.
  void insert(std::int64_t index, const datum_ref& value) {
    detail::check(::mproc_list_insert(handle_.get(), index, value.native()), "list_insert");
  }

  /// Removes an element and returns it; errc::out_of_range if there is none with that index, or (try_pop) empty. A
  /// container that nothing else leads to, and that no handle is open on, is gone with it.
  datum pop(std::int64_t index = -1) {
    std::optional<datum> out = try_pop(index);
    if (!out) throw error(MPROC_ERANGE, "list_pop");
    return std::move(*out);
  }
  std::optional<datum> try_pop(std::int64_t index = -1) {
    std::optional<datum> out;
    const int status = detail::fetch_datum(
        [&](void* to, std::size_t room, mproc_datum_t* d) {
          return ::mproc_list_pop(handle_.get(), index, to, room, d);
        },
        [&](const mproc_datum_t& d) { out.emplace(d); });
    if (status != MPROC_ERANGE) detail::check(status, "list_pop");
    return out;
  }

  /// Removes an element; errc::out_of_range if there is none with that index.
  void erase(std::int64_t index) { detail::check(::mproc_list_delete(handle_.get(), index), "list_delete"); }

  /// Removes the first element that is equal to the datum; false if there is none.
  bool remove(const datum_ref& value) {
    const int status = ::mproc_list_remove(handle_.get(), value.native());
    if (status == MPROC_ENOENT) return false;
    detail::check(status, "list_remove");
    return true;
  }

  /// The index of the first element that is equal to the datum, in all or in a part of the list.
  std::optional<std::size_t> index(const datum_ref& value, std::int64_t start = 0,
                                   std::int64_t stop = MPROC_SLICE_END) const {
    std::uint64_t found = 0;
    const int status = ::mproc_list_index(handle_.get(), value.native(), start, stop, &found);
    if (status == MPROC_ENOENT) return std::nullopt;
    detail::check(status, "list_index");
    return static_cast<std::size_t>(found);
  }
  bool contains(const datum_ref& value) const { return index(value).has_value(); }

  /// How many elements are equal to the datum.
  std::size_t count(const datum_ref& value) const {
    std::uint64_t found = 0;
    detail::check(::mproc_list_count(handle_.get(), value.native(), &found), "list_count");
    return static_cast<std::size_t>(found);
  }

  void reverse() { detail::check(::mproc_list_reverse(handle_.get()), "list_reverse"); }

  /// Sorts numbers by value (what is not a number last), text and bytes by their bytes, lists element by element, false
  /// before true; equal ones keep their order. errc::type_mismatch, and nothing is done, if the types are mixed.
  void sort(sort_order order = sort_order::ascending) {
    const std::uint32_t flags = order == sort_order::descending ? MPROC_SORT_DESCENDING : 0;
    detail::check(::mproc_list_sort(handle_.get(), flags), "list_sort");
  }

  /// Makes it so many repetitions of itself.
  void repeat(std::size_t times) { detail::check(::mproc_list_repeat(handle_.get(), times), "list_repeat"); }

  /// Removes everything.
  void clear() { detail::check(::mproc_list_clear(handle_.get()), "list_clear"); }

  // Parts of the list. Start, stop and step mean what they mean in Python; std::nullopt is to leave one out.

  /// A part of the list, as it was at one moment: as datums, or as what datum::as() can give.
  template <class T = datum>
  std::vector<T> slice(maybe start = {}, maybe stop = {}, std::int64_t step = 1) const {
    mproc_iter_t* iter = nullptr;
    detail::check(::mproc_list_slice(handle_.get(), first(start, step), last(stop, step), step, &iter), "list_slice");
    return detail::drained<T>(iter, [](const auto&, const auto& value) { return detail::decoded<T>(value); });
  }

  /// Replaces a part by the elements of a list, all or nothing. With a step of 1 it may have any length, with another
  /// one only that of the part: errc::invalid_argument.
  void assign_slice(maybe start, maybe stop, const datum_ref& elements, std::int64_t step = 1) {
    detail::check(
        ::mproc_list_slice_set(handle_.get(), first(start, step), last(stop, step), step, elements.native()),
        "list_slice_set");
  }

  /// Removes a part.
  void erase_slice(maybe start, maybe stop, std::int64_t step = 1) {
    detail::check(::mproc_list_slice_delete(handle_.get(), first(start, step), last(stop, step), step),
                  "list_slice_delete");
  }

  /// Everything, as it was at one moment.
  template <class T = datum>
  std::vector<T> items() const {
    mproc_iter_t* iter = nullptr;
    detail::check(::mproc_list_items(handle_.get(), &iter), "list_items");
    return detail::drained<T>(iter, [](const auto&, const auto& value) { return detail::decoded<T>(value); });
  }

  iterator begin() const {
    mproc_iter_t* iter = nullptr;
    detail::check(::mproc_list_iter(handle_.get(), &iter), "list_iter");
    return iterator(iter);
  }
  iterator end() const noexcept { return {}; }

 private:
  friend object;
  friend class detail::container<name_space, detail::namespace_calls>;
  friend class detail::container<dict, detail::dict_calls>;
  friend container;
  list(made what, const container_options&) noexcept : container(std::move(what)) {}

  static std::int64_t first(maybe start, std::int64_t step) noexcept {
    return start.value_or(step < 0 ? MPROC_SLICE_END : 0);
  }
  static std::int64_t last(maybe stop, std::int64_t step) noexcept {
    return stop.value_or(step < 0 ? MPROC_SLICE_BEGIN : MPROC_SLICE_END);
  }
};

/// A shared namespace: values under names, for configuration and state. A name has 1 to 255 bytes of UTF-8 and does not
/// begin with '_'. A value is any datum, or another container. Otherwise as a dict; it is iterated as it was at one
/// moment, in the order of the names. (A class of C++ cannot be called namespace.)
///
///     mproc::name_space config = mproc::name_space::create_or_open("config");
///     config["rate"] = 0.5;
///     double rate = config["rate"];
class name_space : public detail::keyed<name_space, detail::namespace_calls> {
 public:
  /// Anonymous: for this process and the ones it forks.
  explicit name_space(const container_options& options = {}) : name_space(domain(), options) {}
  explicit name_space(const domain& in, const container_options& options = {})
      : name_space(make(in, nullptr, options, false), options) {}

 private:
  friend object;
  friend class detail::container<dict, detail::dict_calls>;
  friend class detail::container<list, detail::list_calls>;
  friend container;
  name_space(made what, const container_options&) noexcept : keyed(std::move(what)) {}
};

namespace detail {

template <class Self, class Calls>
dict container<Self, Calls>::get_dict(const key& which) const {
  return at<dict>(which);
}
template <class Self, class Calls>
list container<Self, Calls>::get_list(const key& which) const {
  return at<list>(which);
}
template <class Self, class Calls>
name_space container<Self, Calls>::get_namespace(const key& which) const {
  return at<name_space>(which);
}

}  // namespace detail

// ---------------------------------------------------------------------------------------------
// Waiting for many things
// ---------------------------------------------------------------------------------------------

namespace detail {

// A parameter that takes no part in deduction: on_change(counter, 5) for a value<long>.
template <class T>
struct given {
  using type = T;
};
template <class T>
using given_t = typename given<T>::type;

}  // namespace detail

/// One thing to wait for, made by on_readable(), on_writable(), on_closed(), on_free(), on_available(), on_set(),
/// on_change() or on_notified(). Copyable, small, owns nothing: the object has to stay open as long as the item is used
/// (it may be moved), and so has the struct that on_change() was given. Items can be kept and used again.
class wait_item {
 public:
  /// Takes one that was made through mproc.h.
  explicit wait_item(const mproc_wait_item_t& item) noexcept : item_(item) {}

  /// As the C interface takes it. Valid as long as this item.
  mproc_wait_item_t native() const noexcept {
    mproc_wait_item_t item = item_;
    if (copied_) item.expected = word_;
    return item;
  }

 private:
  template <class T, storage Storage>
  friend wait_item on_change(const value<T, Storage>& object, const detail::given_t<T>& expected);

  mproc_wait_item_t item_;
  bool copied_ = false;  // a scalar that is expected is kept in the item itself
  unsigned char word_[8] = {};
};

/// There is a message to take, or there will be no more.
inline wait_item on_readable(const queue& from) {
  return wait_item({MPROC_WAIT_QUEUE_READABLE, 0, detail::live(from.native_handle()), nullptr, 0});
}
inline wait_item on_readable(const pipe_end& from) {
  return wait_item({MPROC_WAIT_PIPE_READABLE, 0, detail::live(from.native_handle()), nullptr, 0});
}

/// There is room for a message of `size` bytes, or nobody will read it (shut down, the other end gone).
inline wait_item on_writable(const queue& to, std::size_t size) {
  return wait_item({MPROC_WAIT_QUEUE_WRITABLE, 0, detail::live(to.native_handle()), nullptr, size});
}
inline wait_item on_writable(const pipe_end& to, std::size_t size) {
  return wait_item({MPROC_WAIT_PIPE_WRITABLE, 0, detail::live(to.native_handle()), nullptr, size});
}

/// The other end is gone, whether or not messages are left. (Not yet opened is not gone.)
inline wait_item on_closed(const pipe_end& end) {
  return wait_item({MPROC_WAIT_PIPE_CLOSED, 0, detail::live(end.native_handle()), nullptr, 0});
}

/// The lock is free, or its holder is dead; a recursive one also if the calling thread holds it.
inline wait_item on_free(const mutex& held) {
  return wait_item({MPROC_WAIT_LOCK, 0, detail::live(held.native_handle()), nullptr, 0});
}
inline wait_item on_free(const recursive_mutex& held) {
  return wait_item({MPROC_WAIT_RLOCK, 0, detail::live(held.native_handle()), nullptr, 0});
}

/// There is a permit, or (accounting) permits of the dead.
inline wait_item on_available(const counting_semaphore& permits) {
  return wait_item({MPROC_WAIT_SEMAPHORE, 0, detail::live(permits.native_handle()), nullptr, 0});
}

/// The event is set, or was since the wait began.
inline wait_item on_set(const event& flag) {
  return wait_item({MPROC_WAIT_EVENT, 0, detail::live(flag.native_handle()), nullptr, 0});
}

/// The value is not `expected` any more, as value::wait(). A scalar is copied into the item, a struct is not.
template <class T, storage Storage>
wait_item on_change(const value<T, Storage>& object, const detail::given_t<T>& expected) {
  wait_item item({MPROC_WAIT_VALUE, 0, detail::live(object.native_handle()), &expected, sizeof(T)});
  if constexpr (!detail::is_struct<T>) {
    static_assert(sizeof(T) <= sizeof item.word_);
    std::memcpy(item.word_, &expected, sizeof(T));
    item.copied_ = true;
  }
  return item;
}

/// The value was notified since the wait began, whatever it is.
template <class T, storage Storage>
wait_item on_notified(const value<T, Storage>& object) {
  return wait_item({MPROC_WAIT_VALUE, 0, detail::live(object.native_handle()), nullptr, 0});
}

// What is gone with the end of the statement cannot be waited for.
wait_item on_readable(const queue&&) = delete;
wait_item on_readable(const pipe_end&&) = delete;
wait_item on_writable(const queue&&, std::size_t) = delete;
wait_item on_writable(const pipe_end&&, std::size_t) = delete;
wait_item on_closed(const pipe_end&&) = delete;
wait_item on_free(const mutex&&) = delete;
wait_item on_free(const recursive_mutex&&) = delete;
wait_item on_available(const counting_semaphore&&) = delete;
wait_item on_set(const event&&) = delete;
template <class T, storage Storage>
wait_item on_change(const value<T, Storage>&&, const detail::given_t<T>&) = delete;
template <class T, storage Storage, class = std::enable_if_t<detail::is_struct<T>>>
wait_item on_change(const value<T, Storage>&, const detail::given_t<T>&&) = delete;
template <class T, storage Storage>
wait_item on_notified(const value<T, Storage>&&) = delete;

class ready_set;

namespace detail {

ready_set wait_ns(elements<wait_item> items, std::int64_t timeout_ns, cancel_ref cancel);

}  // namespace detail

/// What wait() found ready: the indices of those items, ascending. Holds them itself, without an allocation.
class ready_set {
 public:
  using value_type = std::uint32_t;
  using const_iterator = const std::uint32_t*;

  const_iterator begin() const noexcept { return indices_.data(); }
  const_iterator end() const noexcept { return begin() + size_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Whether anything is; nothing is when the time was up.
  explicit operator bool() const noexcept { return size_ != 0; }

  /// Whether the item with that index is.
  bool contains(std::size_t index) const noexcept {
    for (const std::uint32_t ready : *this) {
      if (ready == index) return true;
    }
    return false;
  }

 private:
  friend ready_set detail::wait_ns(detail::elements<wait_item>, std::int64_t, cancel_ref);

  ready_set() noexcept = default;

  std::size_t size_ = 0;
  std::array<std::uint32_t, MPROC_WAIT_MAX> indices_{};
};

namespace detail {

inline ready_set wait_ns(elements<wait_item> items, std::int64_t timeout_ns, cancel_ref cancel) {
  if (items.size() > MPROC_WAIT_MAX) throw error(errc::invalid_argument, "more than 126 things to wait for");
  mproc_wait_item_t native[MPROC_WAIT_MAX];
  for (std::size_t i = 0; i < items.size(); ++i) native[i] = items.data()[i].native();
  ready_set ready;
  const int status = ::mproc_wait(native, items.size(), timeout_ns, cancel.native_handle(), ready.indices_.data(),
                                  &ready.size_);
  in_time(status, "wait");
  return ready;
}

}  // namespace detail

/// Waits until at least one of 1 to 126 things is ready, and says which: a poll() for objects. The items are given as a
/// braced list, or in a container with data() and size() or an array that is used again; the same object may come more
/// than once. wait_for() and wait_until() find nothing when the time was up; wait_for(items, 0s) looks once.
///
///     enum { stopping, job };   // the order of the items
///     while (true) {
///       const auto ready = mproc::wait_for({mproc::on_set(stop), mproc::on_readable(jobs)}, 1s);
///       if (!ready) idle();
///       if (ready.contains(stopping)) break;
///       if (auto text = jobs.try_get()) work(*text);   // somebody else may have been faster
///     }
///
/// Ready means that the call which belongs to it would have returned at once, with success or with an error. Nothing is
/// taken, and no wake-up is taken away from others: use the form of that call that does not wait, and wait again if it
/// finds nothing. A death is noticed within about 100 ms. errc::not_supported if a pipe's end only sends and is to be
/// readable, or only receives and is to be writable, and if some are remote, but not all through the same connection;
/// errc::too_big if a message of that size can never fit. If any handle was made with the option return_on_signal, a
/// signal handler that ran throws errc::interrupted.
inline ready_set wait(const detail::elements<wait_item>& items, cancel_ref cancel = {}) {
  return detail::wait_ns(items, MPROC_FOREVER, cancel);
}
template <class Rep, class Period>
ready_set wait_for(const detail::elements<wait_item>& items, const std::chrono::duration<Rep, Period>& wait,
                   cancel_ref cancel = {}) {
  return detail::wait_ns(items, detail::to_ns(wait), cancel);
}
template <class Clock, class Duration>
ready_set wait_until(const detail::elements<wait_item>& items, const std::chrono::time_point<Clock, Duration>& when,
                     cancel_ref cancel = {}) {
  return detail::until(when, [&](std::int64_t ns) { return detail::wait_ns(items, ns, cancel); });
}

// ---------------------------------------------------------------------------------------------
// Processes
// ---------------------------------------------------------------------------------------------

/// What to give a program under a name (1 to 200 of [A-Za-z0-9._-], not starting with a dot): an object,
/// or a handle. A handle that is not moved in has to live until the program was started.
class named_handle {
 public:
  named_handle(std::string name, const handle& given) : name_(std::move(name)), given_(nothing(), &given) {}
  named_handle(std::string name, handle&& given)
      : name_(std::move(name)), given_(std::make_shared<const handle>(std::move(given))) {}
  template <class Object, class = std::enable_if_t<std::is_same_v<
                              handle, decltype(std::declval<const Object&>().export_handle())>>>
  named_handle(std::string name, const Object& object) : named_handle(std::move(name), object.export_handle()) {}

  const std::string& name() const noexcept { return name_; }
  const handle& given() const noexcept { return *given_; }

 private:
  using nothing = std::shared_ptr<const handle>;

  std::string name_;
  std::shared_ptr<const handle> given_;
};

/// How to start a program.
struct spawn_options {
  std::optional<std::vector<std::string>> environment;  ///< "NAME=value" texts; without it: this process's
};

/// How a process ended.
struct exit_status {
  int code = 0;    ///< its exit code; -1 if a signal killed it
  int signal = 0;  ///< the signal that killed it, else 0

  /// Whether it exited with 0.
  bool success() const noexcept { return code == 0; }
};

/// A program that was started with objects to share: the counterpart of Python's
/// Process(target, args=(value, queue)). The program takes them with mproc::inherited().
///
///     mproc::process worker({"worker", "--fast"}, {{"counter", counter}, {"jobs", jobs}});     // here
///     auto counter = mproc::value<int>::open(mproc::inherited("counter"));                     // there
///
/// The destructor ends the handle, not the child; a child that was not waited for stays a zombie until this
/// process ends, unless it has ended by then.
class process {
 public:
  /// Starts the program argv[0], looked for along PATH if it has no slash. errc::not_found if there is no
  /// such program, errc::access_denied if it cannot be executed.
  explicit process(const std::vector<std::string>& argv, const std::vector<named_handle>& handles = {},
                   const spawn_options& options = {}) {
    std::vector<mproc_named_handle_t> named;
    for (const named_handle& h : handles) {
      named.push_back({detail::c_name(h.name()), detail::live(h.given().native_handle())});
    }
    const std::vector<const char*> words = pointers(argv);
    std::vector<const char*> environment;
    mproc_spawn_options_t o = MPROC_SPAWN_OPTIONS_INIT;
    if (options.environment) {
      environment = pointers(*options.environment);
      o.envp = environment.data();
    }
    mproc_process_t* started = nullptr;
    detail::check(::mproc_spawn(words.data(), named.empty() ? nullptr : named.data(), named.size(), &o, &started),
                  "spawn");
    handle_.reset(started);
  }

  /// The child's process id.
  int pid() const {
    int id = 0;
    detail::check(::mproc_process_pid(handle_.get(), &id), "process_pid");
    return id;
  }

  /// Waits for the child to end; the try_ forms are empty while it runs. Can be asked again.
  exit_status wait(cancel_ref cancel = {}) { return *ended(MPROC_FOREVER, cancel); }
  std::optional<exit_status> try_wait() { return ended(0, {}); }
  template <class Rep, class Period>
  std::optional<exit_status> try_wait_for(const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) {
    return ended(detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  std::optional<exit_status> try_wait_until(const std::chrono::time_point<Clock, Duration>& when,
                                            cancel_ref cancel = {}) {
    return detail::until(when, [&](std::int64_t ns) { return ended(ns, cancel); });
  }

  /// Sends it a signal; nothing happens if it has ended. Never hits a later process of the same pid.
  void kill(int signal = SIGKILL) { detail::check(::mproc_process_kill(handle_.get(), signal), "process_kill"); }

  /// Ends the handle now; the child goes on.
  void close() noexcept { handle_.reset(); }

  const mproc_process_t* native_handle() const noexcept { return handle_.get(); }

 private:
  static std::vector<const char*> pointers(const std::vector<std::string>& words) {
    std::vector<const char*> out;
    for (const std::string& word : words) {
      // The C interface would silently cut it there.
      if (word.find('\0') != std::string::npos) throw error(errc::invalid_argument, "an argument contains a NUL byte");
      out.push_back(word.c_str());
    }
    out.push_back(nullptr);
    return out;
  }

  std::optional<exit_status> ended(std::int64_t timeout_ns, cancel_ref cancel) {
    exit_status how;
    const int status =
        ::mproc_process_wait(handle_.get(), &how.code, &how.signal, timeout_ns, cancel.native_handle());
    if (!detail::in_time(status, "process_wait")) return std::nullopt;
    return how;
  }

  detail::unique_handle<mproc_process_t, &::mproc_process_close> handle_;
};

// ---------------------------------------------------------------------------------------------
// Managers
// ---------------------------------------------------------------------------------------------

/// A secret that a manager and its clients share: who has it may connect, and nobody else can read what they say. A
/// copy is erased from memory with its last use.
class key {
 public:
  /// Takes one that was made through mproc.h.
  explicit key(const mproc_key_t& made) noexcept : raw_(made) {}

  key(const key&) noexcept = default;
  key& operator=(const key&) noexcept = default;
  ~key() {
    for (volatile std::uint8_t& byte : raw_.bytes) byte = 0;
  }

  /// A new one, of random bytes.
  static key generate() {
    mproc_key_t made{};
    detail::check(::mproc_key_generate(&made), "key_generate");
    return taken(made);
  }

  /// Reads one from a file. errc::access_denied unless that is a regular file of this user's (or root's) that nobody
  /// else can read; errc::invalid_argument if there is no key in it.
  static key load(const std::string& path) {
    mproc_key_t made{};
    detail::check(::mproc_key_load(detail::c_name(path), &made), "key_load");
    return taken(made);
  }

  /// Writes it to a new file that only this user can read; errc::already_exists if there is one of that name.
  void save(const std::string& path) const {
    detail::check(::mproc_key_save(&raw_, detail::c_name(path)), "key_save");
  }

  /// As the C interface takes it. Valid as long as this key.
  const mproc_key_t& native() const noexcept { return raw_; }

 private:
  static key taken(mproc_key_t& made) noexcept {
    key out(made);
    for (volatile std::uint8_t& byte : made.bytes) byte = 0;
    return out;
  }

  mproc_key_t raw_;
};

/// How functions take an optional key: pass the key itself, or nothing.
class key_ref {
 public:
  key_ref() noexcept = default;
  key_ref(const key& secret) noexcept : raw_(&secret.native()) {}  // NOLINT: implicit on purpose
  const mproc_key_t* native() const noexcept { return raw_; }

 private:
  const mproc_key_t* raw_ = nullptr;
};

/// How to start a manager. What is 0 has its default.
struct manager_options {
  bool any_user = false;                 ///< unix: any user may connect, with the key; else only this one, and root
  std::uint32_t max_clients = 0;         ///< most clients at a time; 0: 10,000
  std::uint32_t max_unauthenticated = 0; ///< most connections that are not clients yet; 0: 64, then the oldest goes
  std::uint32_t max_waiting = 0;         ///< most requests that wait at a time, each a thread; 0: 4096
  std::uint32_t client_in_flight = 0;    ///< the same of one client; 0: 1024
  std::uint64_t max_objects = 0;         ///< most objects in all; 0: 100,000
  std::uint64_t max_bytes = 0;           ///< most memory that they may take, containers their limits; 0: no bound
  std::uint64_t client_objects = 0;      ///< most objects that one client made and that exist; 0: 10,000
  std::uint64_t client_bytes = 0;        ///< most memory of these; 0: no bound
  std::uint64_t max_message = 0;         ///< longest message either way; 0: 16 MiB
  std::chrono::nanoseconds handshake_timeout{0};  ///< how long a connection may take to become a client's; 0: 5 s
  std::chrono::nanoseconds keepalive{0};  ///< tcp: a client whose machine is silent for so long is gone; 0: 15 s
};

/// How to connect to a manager. What is 0 has its default.
struct connect_options {
  bool proxy = false;                    ///< unix: requests, as over tcp, instead of the memory itself
  std::chrono::nanoseconds timeout{0};   ///< for connecting, and for answers beyond a call's own timeout; 0: 10 s
  std::chrono::nanoseconds reconnect{0}; ///< how long a lost connection is tried anew; 0: 2 s (-1ns: never)
  std::chrono::nanoseconds keepalive{0}; ///< tcp: a server whose machine is silent for so long is gone; 0: 15 s
};

/// One of a manager's objects: see manager::list().
struct served_object {
  std::string name;       ///< its name
  object_kind kind;       ///< what it is
  std::uint64_t clients;  ///< how many clients have it open
  std::uint64_t bytes;    ///< its memory
};

/// A server that owns objects, or the connection to one: the counterpart of Python's Manager.
///
///     auto office = mproc::manager::start("unix:/run/office,tcp:10.0.0.1:7000", mproc::key::load("office.key"));
///     mproc::dict rates(office.domain(), {{"EUR", 1}});         // anonymous: others open it by rates.name()
///     auto log = mproc::list::create(office.domain(), "log");   // until office.domain().unlink("log")
///
///     auto office = mproc::manager::connect("tcp:10.0.0.1:7000", mproc::key::load("office.key"));   // there
///     mproc::list::open(office.domain(), "log").append("hello");
///
/// Addresses are "unix:/path" and "tcp:host:port" ("tcp:[::1]:7000"). Who comes through a unix socket gets the memory
/// itself (or not, with the option proxy, or "unix:/path?memory=never"), who comes by tcp works by requests, encrypted
/// with the key, without which tcp is refused. Both see the same objects at the same time.
///
/// Named objects live until they are unlinked or the server ends, anonymous ones as long as a client has them (the
/// option persist means nothing). A connection ends with the last object that was made through it. When a client is
/// gone, what it held goes on as when a process dies. A connection that is lost is made again by itself, to the same
/// server only, and plain operations are repeated, never executed twice; those that hold something for the client, as
/// locks, throw errc::connection. errc::stale if another server answers.
///
/// Threads: any, but closing. Fork: a child connects by itself, when it needs to; a server stays the parent's.
class manager {
 public:
  /// Starts a server in this process, with threads of its own. Several addresses are separated by ','; without one it
  /// gets a unix socket in a private place: see address(). Port 0 is any that is free.
  static manager start(const std::string& addresses = {}, key_ref secret = {}, const manager_options& options = {}) {
    mproc_manager_options_t o = MPROC_MANAGER_OPTIONS_INIT;
    if (options.any_user) o.flags |= MPROC_MANAGER_ANY_USER;
    o.max_clients = options.max_clients;
    o.max_unauthenticated = options.max_unauthenticated;
    o.max_waiting = options.max_waiting;
    o.client_in_flight = options.client_in_flight;
    o.max_objects = options.max_objects;
    o.max_bytes = options.max_bytes;
    o.client_objects = options.client_objects;
    o.client_bytes = options.client_bytes;
    o.max_message = options.max_message;
    o.handshake_timeout_ns = options.handshake_timeout.count();
    o.keepalive_ns = options.keepalive.count();
    manager out;
    mproc_manager_t* made = nullptr;
    detail::check(::mproc_manager_start(addresses.empty() ? nullptr : detail::c_name(addresses), secret.native(), &o,
                                        &made),
                  "manager_start");
    out.state_->handle.reset(made);
    return out;
  }

  /// Connects to a server. errc::connection if there is none, errc::refused if it does not take this user or key,
  /// errc::protocol if it speaks another version.
  static manager connect(const std::string& address, key_ref secret = {}, const connect_options& options = {}) {
    mproc_connect_options_t o = MPROC_CONNECT_OPTIONS_INIT;
    if (options.proxy) o.flags |= MPROC_CONNECT_PROXY;
    o.timeout_ns = options.timeout.count();
    o.reconnect_ns = options.reconnect.count() < 0 ? -1 : options.reconnect.count();
    o.keepalive_ns = options.keepalive.count();
    manager out;
    mproc_manager_t* made = nullptr;
    detail::check(::mproc_manager_connect(detail::c_name(address), secret.native(), &o, &made), "manager_connect");
    out.state_->handle.reset(made);
    return out;
  }

  /// Where its objects are made and found: the domain to give to their constructors, create(), open() and
  /// create_or_open(). A view, valid as long as this manager.
  mproc::domain domain() const {
    const mproc_domain_t* out = nullptr;
    detail::check(::mproc_manager_domain(live(), &out), "manager_domain");
    return mproc::domain::borrowed(out);
  }

  /// The address number `index` that a started server listens at, with its real port: what clients connect to. Of a
  /// client, where it has connected to. errc::not_found if there is none of that number.
  std::string address(std::uint32_t index = 0) const {
    return detail::fetch_text(
        [&](char* to, std::size_t room, std::size_t* needed) {
          return ::mproc_manager_address(live(), index, to, room, needed);
        },
        "manager_address");
  }

  /// The named objects, in the order of their names.
  std::vector<served_object> list() const {
    mproc_iter_t* iter = nullptr;
    detail::check(::mproc_manager_list(live(), &iter), "manager_list");
    return detail::drained<served_object>(iter, [](const auto& name, const auto& facts) {
      const datum about(facts);
      return served_object{detail::text_of(name), static_cast<object_kind>(about["kind"].template as<std::uint32_t>()),
                           about["clients"].template as<std::uint64_t>(),
                           about["bytes"].template as<std::uint64_t>()};
    });
  }

  /// What the server does right now.
  manager_info info() const {
    manager_info what{};
    detail::check(::mproc_manager_info(live(), &what, sizeof what), "manager_info");
    return what;
  }

  /// Asks the server for an answer: for at most that long, or as long as its connect_options say. errc::connection if
  /// there is none.
  void ping() const { ping_for(std::chrono::nanoseconds::zero()); }
  template <class Rep, class Period>
  void ping_for(const std::chrono::duration<Rep, Period>& wait) const {
    detail::check(::mproc_manager_ping(live(), detail::to_ns(wait)), "manager_ping");
  }

  /// Gives the clients of a started server a procedure: the counterpart of Python's register(), for objects of types
  /// of your own.
  /// It is called with a datum, in a thread of the server's, several at a time, and returns what a datum can be made
  /// from, or nothing. What it throws, the caller gets as mproc::error: of the same code if it was one, else as
  /// errc::invalid_argument (no std::exception: errc::panic), with its text.
  /// errc::already_exists if there is one of that name.
  ///
  ///     office.register_procedure("sum", [](const mproc::datum& numbers) {
  ///       const auto all = numbers.as<std::vector<double>>();
  ///       return std::accumulate(all.begin(), all.end(), 0.0);
  ///     });
  template <class Procedure, class = std::enable_if_t<std::is_invocable_v<Procedure&, const datum&>>>
  void register_procedure(const std::string& name, Procedure&& procedure) {
    using type = std::decay_t<Procedure>;
    using result = std::invoke_result_t<type&, const datum&>;
    static_assert(std::is_void_v<result> || std::is_convertible_v<result, datum>, "the result cannot become a datum");
    // Shared: what can only be moved is welcome, too.
    auto made = std::make_unique<body>([run = std::make_shared<type>(std::forward<Procedure>(procedure))](
                                           const datum& given) {
      if constexpr (std::is_void_v<result>) {
        (*run)(given);
        return datum();
      } else {
        return datum((*run)(given));
      }
    });
    live();
    const std::lock_guard guard(state_->registering);
    state_->procedures.reserve(state_->procedures.size() + 1);  // so that what is registered is kept
    detail::check(::mproc_manager_register(live(), detail::c_name(name), &manager::run, made.get()),
                  "manager_register");
    state_->procedures.push_back(std::move(made));
  }

  /// Calls a procedure of the server's with one datum; try_call_for() and try_call_until() are empty if the answer
  /// did not come in time (the procedure may have run nevertheless). errc::not_found if there is none of that name.
  datum call(const std::string& name, const datum_ref& argument = nullptr, cancel_ref cancel = {}) const {
    return *call_ns(name, argument, MPROC_FOREVER, cancel);
  }
  template <class Rep, class Period>
  std::optional<datum> try_call_for(const std::string& name, const datum_ref& argument,
                                    const std::chrono::duration<Rep, Period>& wait, cancel_ref cancel = {}) const {
    return call_ns(name, argument, detail::to_ns(wait), cancel);
  }
  template <class Clock, class Duration>
  std::optional<datum> try_call_until(const std::string& name, const datum_ref& argument,
                                      const std::chrono::time_point<Clock, Duration>& when,
                                      cancel_ref cancel = {}) const {
    return call_ns(name, argument, detail::ns_until(when), cancel);
  }

  /// Ends the handle, and if it was started the server: clients get errc::connection, and keep the memory that they
  /// have. Waits for procedures that are running. Objects made through it stay open, its domain() does not.
  void close() noexcept { state_.reset(); }

  const mproc_manager_t* native_handle() const noexcept { return state_ ? state_->handle.get() : nullptr; }

 private:
  using body = std::function<datum(const datum&)>;

  struct state {
    std::mutex registering;
    std::vector<std::unique_ptr<body>> procedures;
    // Last: closed while the procedures are there.
    detail::unique_handle<mproc_manager_t, &::mproc_manager_close> handle;
  };

  manager() : state_(std::make_unique<state>()) {}

  const mproc_manager_t* live() const { return detail::live(native_handle()); }

  // No exception may pass through the C interface: its status does, and its text.
  static int run(mproc_datum_t argument, mproc_builder_t* result, void* payload) noexcept {
    try {
      const datum out = (*static_cast<body*>(payload))(datum(argument));
      return ::mproc_builder_add(result, out.native());
    } catch (const error& e) {
      return failed(result, e.code().value(), e.what());
    } catch (const std::bad_alloc&) {
      return MPROC_ENOMEM;
    } catch (const std::exception& e) {
      return failed(result, MPROC_EINVAL, e.what());
    } catch (...) {
      return MPROC_EPANIC;
    }
  }

  // Without a text, if that cannot be had: the status is what counts.
  static int failed(mproc_builder_t* result, int status, const char* why) noexcept {
    static_cast<void>(::mproc_builder_add(result, detail::native_datum(datum_type::string, why, std::strlen(why))));
    return status;
  }

  std::optional<datum> call_ns(const std::string& name, const datum_ref& argument, std::int64_t timeout_ns,
                               cancel_ref cancel) const {
    const detail::packer result;
    const int status = ::mproc_manager_call(live(), detail::c_name(name), argument.native(), result.get(), timeout_ns,
                                            cancel.native_handle());
    if (!detail::in_time(status, "manager_call")) return std::nullopt;
    return datum(result.native());
  }

  std::unique_ptr<state> state_;
};

/// Several operations on a manager's objects in one message: where it is far, they cost one journey. (Where it is near,
/// they are done one after the other.) In order, each atomic by itself, not all together; none of them waits.
///
///     mproc::operation_batch batch(office);
///     const auto apples = batch.get(stock, "apple");
///     batch.set(stock, "pear", 3);
///     batch.append(log, "counted");
///     batch.run();
///     std::cout << batch.result(apples);
///
/// Each function adds an operation, and returns its index. The objects are the manager's, and stay open until run().
/// For one thread at a time.
class operation_batch {
 public:
  explicit operation_batch(const manager& of) {
    mproc_batch_t* made = nullptr;
    detail::check(::mproc_batch_create(of.native_handle(), &made), "batch_create");
    handle_.reset(made);
  }
  operation_batch(operation_batch&& other) noexcept
      : handle_(std::move(other.handle_)), size_(std::exchange(other.size_, 0)) {}
  operation_batch& operator=(operation_batch&& other) noexcept {
    handle_ = std::move(other.handle_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~operation_batch() = default;

  // Their results: the value.
  std::size_t get(const dict& from, const datum_ref& which) {
    return added(::mproc_batch_dict_get(handle_.get(), from.native_handle(), which.native()), "batch_dict_get");
  }
  std::size_t get(const mproc::list& from, std::int64_t index) {
    return added(::mproc_batch_list_get(handle_.get(), from.native_handle(), index), "batch_list_get");
  }
  std::size_t get(const name_space& from, const detail::attribute& which) {
    return added(::mproc_batch_namespace_get(handle_.get(), from.native_handle(), which.native()),
                 "batch_namespace_get");
  }

  // Their results: nil.
  std::size_t set(dict& in, const datum_ref& which, const datum_ref& value) {
    return added(::mproc_batch_dict_set(handle_.get(), in.native_handle(), which.native(), value.native()),
                 "batch_dict_set");
  }
  std::size_t set(mproc::list& in, std::int64_t index, const datum_ref& value) {
    return added(::mproc_batch_list_set(handle_.get(), in.native_handle(), index, value.native()), "batch_list_set");
  }
  std::size_t set(name_space& in, const detail::attribute& which, const datum_ref& value) {
    return added(::mproc_batch_namespace_set(handle_.get(), in.native_handle(), which.native(), value.native()),
                 "batch_namespace_set");
  }
  std::size_t append(mproc::list& to, const datum_ref& value) {
    return added(::mproc_batch_list_append(handle_.get(), to.native_handle(), value.native()), "batch_list_append");
  }
  std::size_t erase(dict& from, const datum_ref& which) {
    return added(::mproc_batch_dict_delete(handle_.get(), from.native_handle(), which.native()), "batch_dict_delete");
  }
  std::size_t set(event& flag) {
    return added(::mproc_batch_event_set(handle_.get(), flag.native_handle()), "batch_event_set");
  }

  /// Its result: the sum.
  std::size_t add(dict& in, const datum_ref& which, const datum_ref& delta) {
    return added(::mproc_batch_dict_add(handle_.get(), in.native_handle(), which.native(), delta.native()),
                 "batch_dict_add");
  }

  /// Their results: the integer before. As value::fetch_add() and value::fetch_sub().
  template <class T>
  std::size_t fetch_add(value<T>& of, const T& operand) {
    return fetch(of, MPROC_OP_ADD, operand);
  }
  template <class T>
  std::size_t fetch_sub(value<T>& of, const T& operand) {
    return fetch(of, MPROC_OP_SUB, operand);
  }

  /// As queue::try_put() and queue::try_get(): errc::timed_out is the result if there was no room or no message, bytes
  /// if there was one.
  std::size_t try_put(queue& to, bytes content) {
    return added(::mproc_batch_queue_put(handle_.get(), to.native_handle(), content.data(), content.size()),
                 "batch_queue_put");
  }
  std::size_t try_get(queue& from) {
    return added(::mproc_batch_queue_get(handle_.get(), from.native_handle()), "batch_queue_get");
  }

  /// How many operations there are.
  std::size_t size() const noexcept { return size_; }

  /// Does them all, in order, also if some fail: see status() and result(). Once, until reset().
  void run() { detail::check(::mproc_batch_run(handle_.get()), "batch_run"); }

  /// What the operation with that index gave; it throws the error that its own function would have thrown.
  template <class T = datum>
  T result(std::size_t index) const {
    mproc_datum_t out{};
    detail::check(::mproc_batch_result(handle_.get(), index, &out), "batch_result");
    return detail::decoded<T>(out);
  }

  /// Its error, or none.
  std::error_code status(std::size_t index) const {
    if (index >= size_) throw error(errc::out_of_range, "the batch has no operation with that index");
    const int status = ::mproc_batch_result(handle_.get(), index, nullptr);
    return status < 0 ? std::error_code(status, category()) : std::error_code();
  }

  /// Makes it empty, to be filled again.
  void reset() {
    detail::check(::mproc_batch_reset(handle_.get()), "batch_reset");
    size_ = 0;
  }

  mproc_batch_t* native_handle() const noexcept { return handle_.get(); }

 private:
  std::size_t added(int status, const char* operation) {
    detail::check(status, operation);
    return size_++;
  }

  template <class T>
  std::size_t fetch(value<T>& of, std::int32_t op, T operand) {
    static_assert(std::is_integral_v<T> && !std::is_same_v<T, bool>, "arithmetic in a batch needs an integer");
    return added(::mproc_batch_value_fetch_i64(handle_.get(), of.native_handle(), op,
                                               static_cast<std::int64_t>(operand)),
                 "batch_value_fetch_i64");
  }

  detail::unique_handle<mproc_batch_t, &::mproc_batch_close> handle_;
  std::size_t size_ = 0;
};

// ---------------------------------------------------------------------------------------------
// What the types promise
// ---------------------------------------------------------------------------------------------

namespace detail {

template <class T>
inline constexpr bool is_handle = std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                                  !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
                                  std::is_nothrow_destructible_v<T>;

static_assert(is_handle<domain> && is_handle<cancel_token> && is_handle<mutex> && is_handle<queue>);
static_assert(is_handle<recursive_mutex> && is_handle<shared_mutex> && is_handle<counting_semaphore>);
static_assert(is_handle<condition> && is_handle<event> && is_handle<barrier> && is_handle<barrier::registration>);
static_assert(is_handle<dict> && is_handle<list> && is_handle<name_space>);
static_assert(std::is_nothrow_move_constructible_v<datum> && std::is_nothrow_move_assignable_v<datum>);
static_assert(is_handle<handle> && is_handle<process> && is_handle<pipe_end> && is_handle<pipe>);
static_assert(is_handle<queue::reservation> && is_handle<queue::message> && is_handle<leased<>>);
static_assert(is_handle<pipe_end::reservation> && is_handle<pipe_end::message>);
static_assert(is_handle<manager> && is_handle<operation_batch> && std::is_nothrow_copy_constructible_v<key>);
static_assert(std::is_trivially_copyable_v<wait_item> && std::is_trivially_copyable_v<ready_set>);
static_assert(is_handle<value<int>> && is_handle<array<int>> && std::is_nothrow_move_constructible_v<batch>);
static_assert(std::is_base_of_v<std::system_error, error> && std::is_error_code_enum_v<errc>);
static_assert(to_ns(std::chrono::hours::max()) == std::numeric_limits<std::int64_t>::max());
static_assert(to_ns(std::chrono::milliseconds(-5)) == 0 && to_ns(std::chrono::milliseconds(5)) == 5'000'000);

}  // namespace detail

}  // namespace mproc

#endif  // MPROC_HPP
