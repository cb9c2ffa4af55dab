// Recursive and shared mutexes, semaphores, locks that any process may release, and signals that end waits; with
// real processes where it matters. The behaviour behind it is the library's, and tested there.
#include "family.hpp"

#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

using namespace std::chrono_literals;
using family::check_interrupted;
using family::elsewhere;
using family::eventually;
using mproc::errc;

namespace {

template <class T>
auto timed_lockable(T& m) -> decltype(m.lock(), m.unlock(), m.try_lock() && m.try_lock_for(1s) &&
                                      m.try_lock_until(std::chrono::system_clock::now()));
template <class T>
auto shared_lockable(T& m)
    -> decltype(m.lock_shared(), m.unlock_shared(), m.try_lock_shared() && m.try_lock_shared_for(1s) &&
                m.try_lock_shared_until(std::chrono::steady_clock::now()));
static_assert(std::is_same_v<bool, decltype(timed_lockable(std::declval<mproc::recursive_mutex&>()))>);
static_assert(std::is_same_v<bool, decltype(timed_lockable(std::declval<mproc::condition::mutex_type&>()))>);
static_assert(std::is_same_v<bool, decltype(timed_lockable(std::declval<mproc::shared_mutex&>()))>);
static_assert(std::is_same_v<bool, decltype(shared_lockable(std::declval<mproc::shared_mutex&>()))>);
static_assert(std::is_same_v<mproc::rlock, mproc::recursive_mutex>);
static_assert(std::is_same_v<mproc::rwlock, mproc::shared_mutex>);
static_assert(mproc::counting_semaphore::max() == MPROC_SEMAPHORE_MAX);

// They can be given to a program that mproc::process starts.
template <class T>
inline constexpr bool can_be_given = std::is_constructible_v<mproc::named_handle, std::string, const T&>;
static_assert(can_be_given<mproc::recursive_mutex> && can_be_given<mproc::shared_mutex>);
static_assert(can_be_given<mproc::counting_semaphore> && can_be_given<mproc::condition>);
static_assert(can_be_given<mproc::event> && can_be_given<mproc::barrier>);

mproc::mutex_options any_release() {
  mproc::mutex_options options;
  options.any_release = true;
  return options;
}

mproc::semaphore_options accounting() {
  mproc::semaphore_options options;
  options.accounting = true;
  return options;
}

// Named and anonymous, opened and passed on: the same for every kind. `extra` is what a new one needs.
template <class T, class Options, class... Extra>
void names(const std::string& name, mproc::object_kind kind, const Options& options, Extra... extra) {
  const mproc::domain in;
  auto made = T::create(name, extra..., options);
  CHECK(!made.existed() && made.native_handle() != nullptr);
  CHECK_THROWS(errc::already_exists, T::create(name, extra..., options));
  CHECK_THROWS(errc::already_exists, T::create(in, name, extra..., options));
  CHECK(T::create_or_open(name, extra..., options).existed());
  CHECK(T::create_or_open(in, name, extra..., options).existed());
  CHECK(!T::open(name, options).existed() && T::open(in, name, options).native_handle() != nullptr);
  CHECK_THROWS(errc::not_found, T::open("no-such-" + name, options));
  CHECK_THROWS(errc::bad_name, T::create("a/b", extra..., options));
  CHECK_THROWS(errc::bad_name, T::open(std::string("a\0b", 3), options));
  CHECK_THROWS(errc::wrong_kind, mproc::queue::open(name));
  CHECK_THROWS(errc::wrong_kind, mproc::mutex::create_or_open(name));
  mproc::queue other;
  CHECK_THROWS(errc::wrong_kind, T::open(other.export_handle(), options));

  const mproc::handle travels = made.export_handle();
  CHECK(travels.kind() == kind);
  auto imported = T::open(travels, options);
  auto moved = std::move(imported);
  CHECK(imported.native_handle() == nullptr && moved.native_handle() != nullptr);
  imported = std::move(moved);
  CHECK(moved.native_handle() == nullptr && imported.native_handle() != nullptr);
  imported.close();
  CHECK(imported.native_handle() == nullptr);
  CHECK_THROWS(errc::invalid_argument, imported.export_handle());
  imported.close();

  mproc::domain().unlink(name);
  CHECK_THROWS(errc::not_found, T::open(name, options));
  Options keep = options;
  keep.persist = true;
  T::create(name, extra..., keep).close();
  CHECK(T::open(name, options).native_handle() != nullptr);
  mproc::domain().unlink(name);

  const auto apart = mproc::domain::anonymous();
  T inside(apart, extra..., Options{});
  CHECK(T::open(inside.export_handle(), Options{}).native_handle() != nullptr);
}

TEST("family: names, handles, domains") {
  using kind = mproc::object_kind;
  names<mproc::recursive_mutex>("a-recursive-mutex", kind::rlock, mproc::sync_options{});
  names<mproc::shared_mutex>("a-shared-mutex", kind::rwlock, mproc::sync_options{});
  names<mproc::event>("an-event", kind::event, mproc::sync_options{});
  names<mproc::barrier>("a-barrier", kind::barrier, mproc::sync_options{}, std::uint32_t{3});
  names<mproc::counting_semaphore>("a-semaphore", kind::semaphore, mproc::semaphore_options{}, std::uint32_t{3});
  names<mproc::counting_semaphore>("an-accounting-semaphore", kind::semaphore, accounting(), std::uint32_t{3});
  names<mproc::condition>("a-condition", kind::condition, mproc::condition_options{});
  mproc::mutex mutex;
  names<mproc::condition>("a-condition-with-mutex", kind::condition, mproc::condition_options{mutex});
  mproc::recursive_mutex recursive;
  names<mproc::condition>("a-condition-with-recursive-mutex", kind::condition, mproc::condition_options{recursive});
}

TEST("family: what must match") {
  auto semaphore = mproc::counting_semaphore::create("permits", 2);
  mproc::semaphore_options bounded;
  bounded.bounded = true;
  CHECK_THROWS(errc::type_mismatch, mproc::counting_semaphore::create_or_open("permits", 2, bounded));
  CHECK_THROWS(errc::type_mismatch, mproc::counting_semaphore::create_or_open("permits", 2, accounting()));
  auto barrier = mproc::barrier::create("parties", 2);
  CHECK_THROWS(errc::type_mismatch, mproc::barrier::create_or_open("parties", 3));
  CHECK_THROWS(errc::invalid_argument, mproc::barrier(0));
  CHECK_THROWS(errc::invalid_argument, mproc::barrier(MPROC_BARRIER_MAX + 1));
  CHECK_THROWS(errc::invalid_argument, mproc::counting_semaphore(mproc::counting_semaphore::max() + 1));
  CHECK_THROWS(errc::invalid_argument, mproc::counting_semaphore(0, accounting()));
  auto plain = mproc::mutex::create("released-by-its-holder");
  CHECK_THROWS(errc::type_mismatch, mproc::mutex::create_or_open("released-by-its-holder", any_release()));
}

TEST("family: new codes, and their conditions") {
  CHECK(mproc::make_error_code(errc::interrupted) == std::errc::interrupted);
  CHECK(mproc::make_error_code(errc::overflow) == std::errc::value_too_large);
  CHECK(mproc::make_error_code(errc::full) == std::errc::resource_unavailable_try_again);
  CHECK(mproc::make_error_code(errc::broken_barrier).message() == mproc_strerror(MPROC_EBROKEN));
  CHECK(std::string(mproc_status_name(static_cast<int>(errc::full))) == "MPROC_EFULL");
}

TEST("family: anonymous objects through a socket") {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) throw std::runtime_error("socketpair failed");
  check::child receiver([&] {
    auto permits = mproc::counting_semaphore::open(mproc::handle::recv(sockets[1]));
    auto recursive = mproc::recursive_mutex::open(mproc::handle::recv(sockets[1]));
    auto shared = mproc::shared_mutex::open(mproc::handle::recv(sockets[1]));
    auto ready = mproc::event::open(mproc::handle::recv(sockets[1]));
    auto meeting = mproc::barrier::open(mproc::handle::recv(sockets[1]));
    auto mutex = mproc::mutex::open(mproc::handle::recv(sockets[1]));
    auto turn = mproc::condition::open(mproc::handle::recv(sockets[1]), {mutex});
    CHECK(!recursive.try_lock() && !shared.try_lock() && shared.try_lock_shared() && !mutex.try_lock());
    shared.unlock_shared();
    permits.release(2);
    ready.set();
    std::unique_lock lock(mutex);
    turn.notify_all();
    lock.unlock();
    meeting.arrive_and_wait();
  });
  // Made after the fork: the child has them from nowhere else.
  mproc::counting_semaphore permits(0);
  mproc::recursive_mutex recursive;
  mproc::shared_mutex shared;
  mproc::event ready;
  mproc::barrier meeting(2);
  mproc::mutex mutex;
  mproc::condition turn(mutex);
  std::unique_lock held(recursive);
  std::shared_lock reading(shared);
  std::unique_lock lock(mutex);
  permits.export_handle().send(sockets[0]);
  recursive.export_handle().send(sockets[0]);
  shared.export_handle().send(sockets[0]);
  ready.export_handle().send(sockets[0]);
  meeting.export_handle().send(sockets[0]);
  mutex.export_handle().send(sockets[0]);
  turn.export_handle().send(sockets[0]);
  CHECK(permits.try_acquire_for(1min) && permits.try_acquire_for(1min) && ready.wait_for(1min));
  CHECK(turn.wait_for(lock, 1min) == std::cv_status::no_timeout);
  lock.unlock();
  CHECK(meeting.arrive_and_wait_for(1min));
  CHECK(receiver.wait() == 0);
  ::close(sockets[0]);
  ::close(sockets[1]);
}

// --- a mutex that any process may release --------------------------------------------------------------------

TEST("mutex: any process may release it, if it was made so") {
  mproc::mutex handed(any_release()), own;
  handed.lock();
  own.lock();
  check::child other([&] {
    handed.unlock();
    CHECK(handed.try_lock());
    CHECK_THROWS(errc::not_owner, own.unlock());
  });
  CHECK(other.wait() == 0);
  CHECK(own.owner() && own.owner()->is_self);
  CHECK(handed.try_lock_for(1min) && handed.recovered());  // the child has died with it
  handed.unlock();
  CHECK(handed.try_lock() && !handed.recovered());
  handed.unlock();
  CHECK_THROWS(errc::not_owner, handed.unlock());
}

// --- recursive_mutex -----------------------------------------------------------------------------------------

TEST("recursive_mutex: levels belong to a thread") {
  mproc::recursive_mutex mutex;
  CHECK(!mutex.owner() && mutex.info().count == 0 && mutex.info().token == 0);
  {
    std::lock_guard one(mutex);
    std::unique_lock two(mutex, 1s);
    CHECK(two && mutex.try_lock() && mutex.try_lock_until(std::chrono::system_clock::now()));
    CHECK(mutex.info().count == 4 && mutex.owner()->pid == ::getpid() && mutex.info().owner.is_self == 1);
    CHECK(!elsewhere([&] { return mutex.try_lock() || mutex.try_lock_for(1ms); }));
    CHECK(elsewhere([&] {
      CHECK_THROWS(errc::not_owner, mutex.unlock());
      return true;
    }));
    check::child other([&] {
      CHECK(!mutex.try_lock());
      CHECK_THROWS(errc::not_owner, mutex.unlock());
    });
    CHECK(other.wait() == 0 && mutex.info().count == 4);
    mutex.unlock();
    mutex.unlock();
    CHECK(mutex.info().count == 2);
  }
  CHECK_THROWS(errc::not_owner, mutex.unlock());
  CHECK(elsewhere([&] {
    const std::lock_guard guard(mutex);
    return mutex.info().count;
  }) == 1);
  mproc::recursive_mutex another;
  std::scoped_lock both(mutex, another);
  CHECK(mutex.info().count == 1 && another.info().count == 1);
}

TEST("recursive_mutex: recovered() lasts as long as its levels") {
  mproc::recursive_mutex mutex;
  int repaired = 0;
  const auto kill_a_holder = [&] {
    check::kill_after([&] {
      for (int i = 0; i < 3; ++i) mutex.lock();
      return 0;
    });
  };
  kill_a_holder();
  mutex.on_recovered([&] {
    const std::lock_guard nested(mutex);
    CHECK(mutex.info().count == 2 && mutex.recovered());
    ++repaired;
  });
  mutex.lock();
  CHECK(mutex.recovered() && repaired == 1 && mutex.info().count == 1 && mutex.info().steals == 1);
  mutex.lock();
  CHECK(mutex.recovered());
  mutex.unlock();
  CHECK(mutex.recovered());  // the outer level still has to hear of it
  mutex.unlock();
  CHECK(!mutex.recovered() && mutex.info().count == 0);
  mutex.lock();
  CHECK(!mutex.recovered() && repaired == 1);
  mutex.unlock();

  kill_a_holder();
  mutex.on_recovered([] { throw std::runtime_error("cannot be repaired"); });
  try {
    mutex.lock();
    CHECK(!"locked");
  } catch (const std::runtime_error& e) {
    CHECK(std::string(e.what()) == "cannot be repaired");
  }
  CHECK(!mutex.recovered() && mutex.info().count == 0);
  mutex.on_recovered({});

  // Acquisitions through another handle of the same thread are levels, too.
  kill_a_holder();
  auto same = mproc::recursive_mutex::open(mutex.export_handle());
  std::lock_guard outer(mutex);
  std::lock_guard inner(same);
  CHECK(mutex.recovered() && !same.recovered() && same.info().count == 2);
}

TEST("recursive_mutex: time and cancelling") {
  mproc::recursive_mutex mutex;
  mproc::cancel_token token;
  token.set();
  mutex.lock();
  CHECK(elsewhere([&] {
    CHECK_THROWS(errc::canceled, mutex.lock(token));
    CHECK_THROWS(errc::canceled, mutex.try_lock_for(1h, token));
    CHECK_THROWS(errc::canceled, mutex.try_lock_until(std::chrono::system_clock::now() + 1h, token));
    return !mutex.try_lock_until(std::chrono::steady_clock::now() + 1ms);
  }));
  mutex.lock(token);  // need not wait
  mutex.unlock();
  mutex.unlock();
}

// --- shared_mutex --------------------------------------------------------------------------------------------

TEST("shared_mutex: many readers or one writer") {
  mproc::shared_mutex mutex;
  {
    std::shared_lock one(mutex);
    std::shared_lock two(mutex, 1s);
    CHECK(two && mutex.info().readers == 2 && mutex.info().reading_processes == 1 && mutex.info().writing == 0);
    check::child reader([&] {
      const std::shared_lock guard(mutex);
      CHECK(mutex.info().readers == 3 && mutex.info().reading_processes == 2);
      CHECK(!mutex.try_lock() && !mutex.try_lock_for(1ms));
      CHECK(!mutex.try_lock_until(std::chrono::system_clock::now() + 1ms));
      CHECK_THROWS(errc::not_owner, mutex.unlock());
    });
    CHECK(reader.wait() == 0);
  }
  CHECK_THROWS(errc::not_owner, mutex.unlock_shared());
  {
    std::unique_lock writer(mutex);
    CHECK(mutex.info().writing == 1 && mutex.info().writer.pid == ::getpid() && mutex.info().readers == 0);
    CHECK(!mutex.try_lock_shared() && !mutex.try_lock_shared_for(1ms));
    CHECK(!mutex.try_lock_shared_until(std::chrono::steady_clock::now() + 1ms) && !mutex.try_lock());
    mproc::cancel_token token;
    token.set();
    CHECK_THROWS(errc::canceled, mutex.lock_shared(token));
    CHECK_THROWS(errc::canceled, mutex.try_lock_shared_for(1h, token));
    CHECK_THROWS(errc::canceled, mutex.lock(token));
    check::child other([&] {
      CHECK_THROWS(errc::not_owner, mutex.unlock());
      CHECK_THROWS(errc::not_owner, mutex.unlock_shared());
    });
    CHECK(other.wait() == 0);
  }
  CHECK_THROWS(errc::not_owner, mutex.unlock());
  mproc::mutex plain;
  std::scoped_lock both(mutex, plain);
  CHECK(mutex.info().writing == 1 && plain.owner());
}

TEST("shared_mutex: a writer that waits goes first") {
  mproc::shared_mutex mutex;
  mutex.lock_shared();
  family::thread writer([&] {
    const std::lock_guard guard(mutex);
    CHECK(mutex.info().writing == 1 && mutex.info().readers == 0);
  });
  eventually([&] {
    if (!mutex.try_lock_shared()) return true;
    mutex.unlock_shared();
    return false;
  });
  CHECK(!writer.done());
  mutex.unlock_shared();
  writer.join();
  CHECK(mutex.try_lock_shared());
  mutex.unlock_shared();
}

TEST("shared_mutex: readers and writers that are killed") {
  mproc::shared_mutex mutex;
  const auto kill_a_writer = [&] {
    check::kill_after([&] {
      mutex.lock();
      return 0;
    });
  };
  int repaired = 0;
  mutex.on_recovered([&] { ++repaired; });

  check::kill_after([&] {
    mutex.lock_shared();
    return 0;
  });
  CHECK(mutex.try_lock_for(1min) && !mutex.recovered() && repaired == 0);
  mutex.unlock();

  kill_a_writer();
  CHECK(mutex.try_lock_shared_for(1min) && mutex.recovered() && mutex.info().inconsistent == 1);
  mutex.lock_shared();
  CHECK(mutex.recovered());
  mutex.unlock_shared();
  CHECK(mutex.recovered() && repaired == 0);  // the other reader of this process is still inside
  mutex.unlock_shared();
  check::child reader([&] {
    const std::shared_lock guard(mutex);
    CHECK(mutex.recovered());
  });
  CHECK(reader.wait() == 0);
  mutex.lock();
  CHECK(mutex.recovered() && repaired == 1);
  mutex.unlock();
  CHECK(!mutex.recovered() && mutex.info().inconsistent == 0);
  mutex.lock_shared();
  CHECK(!mutex.recovered());
  mutex.unlock_shared();

  kill_a_writer();
  mutex.on_recovered([] { throw std::runtime_error("cannot be repaired"); });
  try {
    mutex.lock();
    CHECK(!"locked");
  } catch (const std::runtime_error& e) {
    CHECK(std::string(e.what()) == "cannot be repaired");
  }
  CHECK(mutex.info().writing == 0 && mutex.try_lock_shared());
  mutex.unlock_shared();
}

// --- counting_semaphore --------------------------------------------------------------------------------------

TEST("counting_semaphore: permits, from anybody") {
  mproc::counting_semaphore permits(2);
  permits.acquire();
  CHECK(permits.try_acquire() && !permits.try_acquire() && !permits.try_acquire_for(1ms));
  CHECK(!permits.try_acquire_until(std::chrono::system_clock::now() + 1ms));
  CHECK(permits.info().value == 0 && permits.info().initial == 2 && permits.info().flags == 0);
  check::child other([&] {
    permits.release();
    permits.release(3);  // more than there were: anybody may
    permits.release(0);
  });
  CHECK(permits.try_acquire_for(1min) && other.wait() == 0 && permits.info().value == 3);
  CHECK_THROWS(errc::overflow, permits.release(mproc::counting_semaphore::max() - 2));
  CHECK(permits.info().value == 3 && !permits.recovered());

  mproc::counting_semaphore none(0);
  mproc::cancel_token token;
  token.set();
  CHECK_THROWS(errc::canceled, none.acquire(token));
  CHECK_THROWS(errc::canceled, none.try_acquire_for(1h, token));
  CHECK_THROWS(errc::canceled, none.try_acquire_until(std::chrono::steady_clock::now() + 1h, token));
  family::thread waiter([&] { none.acquire(); });
  none.release();
  waiter.join();
  mproc::counting_semaphore most(mproc::counting_semaphore::max());
  CHECK_THROWS(errc::overflow, most.release());
}

TEST("counting_semaphore: bounded") {
  mproc::semaphore_options options;
  options.bounded = true;
  mproc::counting_semaphore permits(2, options);
  CHECK(permits.info().flags == MPROC_SEMAPHORE_BOUNDED);
  CHECK_THROWS(errc::overflow, permits.release());
  permits.acquire();
  permits.acquire();
  CHECK_THROWS(errc::overflow, permits.release(3));
  CHECK(permits.info().value == 0);
  permits.release(2);
  CHECK(permits.info().value == 2);
}

TEST("counting_semaphore: permits of the dead come back") {
  mproc::counting_semaphore permits(3, accounting());
  int noticed = 0;
  permits.on_recovered([&] { ++noticed; });
  permits.acquire();
  CHECK(permits.info().held == 1 && permits.info().holders == 1 && !permits.recovered());
  CHECK_THROWS(errc::not_owner, permits.release(2));
  check::child other([&] { CHECK_THROWS(errc::not_owner, permits.release()); });
  CHECK(other.wait() == 0);

  const auto kill_a_holder = [&] {
    check::kill_after([&] {
      permits.acquire();
      permits.acquire();
      return 0;
    });
  };
  kill_a_holder();
  CHECK(permits.try_acquire_for(1min) && permits.recovered() && noticed == 1 && permits.info().reclaimed == 1);
  CHECK(permits.try_acquire() && permits.recovered() && noticed == 1);  // told once, remembered until release()
  CHECK(!permits.try_acquire() && permits.info().held == 3);
  permits.release(3);
  CHECK(!permits.recovered() && permits.info().value == 3);

  permits.on_recovered([] { throw std::runtime_error("look at it"); });
  kill_a_holder();
  bool thrown = false;
  std::uint32_t taken = 0;
  try {
    for (; taken < 3; ++taken) CHECK(permits.try_acquire_for(1min));
  } catch (const std::runtime_error& e) {
    thrown = std::string(e.what()) == "look at it";
  }
  CHECK(thrown && !permits.recovered());
  CHECK(permits.info().held == taken && permits.info().value == 3 - taken);  // the call that threw took none
  permits.on_recovered({});
}

// --- signals -------------------------------------------------------------------------------------------------

// Waits in another thread, which gets some signals; `end` then ends the wait as it should end.
template <class Begin, class Wait, class End>
void check_not_interrupted(Begin begin, Wait wait, End end) {
  for (const int flags : {0, SA_RESTART}) {
    const family::with_handler handler(flags);
    begin();
    family::thread waiter([&] { wait(); });
    const int before = family::handled;
    eventually([&] {
      if (!waiter.done()) waiter.signal(SIGUSR1);
      return waiter.done() || family::handled >= before + 20;
    });
    const bool early = waiter.done();
    end();
    waiter.join();
    CHECK(!early);
  }
}

template <class Options>
Options on_signal() {
  Options options{};
  options.return_on_signal = true;
  return options;
}

TEST("signals: end a wait if the handle was made so") {
  const auto sync = on_signal<mproc::sync_options>();
  mproc::mutex mutex(on_signal<mproc::mutex_options>());
  mutex.lock();
  check_interrupted([&] { mutex.lock(); });
  check_interrupted([&] { return mutex.try_lock_for(1h); });

  mproc::recursive_mutex recursive(sync);
  recursive.lock();
  check_interrupted([&] { recursive.lock(); });

  mproc::shared_mutex shared(sync);
  shared.lock_shared();
  check_interrupted([&] { shared.lock(); });
  shared.unlock_shared();
  shared.lock();
  check_interrupted([&] { shared.lock_shared(); });

  mproc::counting_semaphore permits(0, on_signal<mproc::semaphore_options>());
  check_interrupted([&] { permits.acquire(); });
  auto counted_options = accounting();
  counted_options.return_on_signal = true;
  mproc::counting_semaphore counted(1, counted_options);
  counted.acquire();
  check_interrupted([&] { counted.acquire(); });

  mproc::event event(sync);
  check_interrupted([&] { event.wait(); });
  mproc::cancel_token token;
  check_interrupted([&] { event.wait(token); });

  mproc::barrier barrier(2, sync);
  check_interrupted([&] {
    if (barrier.info().broken != 0) barrier.reset();
    barrier.arrive_and_wait();
  });
  CHECK(barrier.info().broken == 1);

  mproc::condition condition(on_signal<mproc::condition_options>());
  check_interrupted([&] {
    std::unique_lock lock(condition.mutex());
    try {
      condition.wait(lock);
    } catch (const mproc::error&) {
      CHECK(lock.owns_lock() && !elsewhere([&] { return condition.mutex().try_lock(); }));
      throw;
    }
  });

  mproc::value<int> value(0, on_signal<mproc::value_options>());
  value.mutex().lock();
  check_interrupted([&] { value.mutex().lock(); });
  mproc::array<int> array(1, {}, on_signal<mproc::array_options>());
  array.mutex().lock();
  check_interrupted([&] { array.mutex().lock(); });
  mproc::queue queue(on_signal<mproc::queue_options>());
  check_interrupted([&] { queue.get(); });
  check_interrupted([&] { queue.peek(); });
  mproc::pipe pipe(on_signal<mproc::pipe_options>());
  check_interrupted([&] { pipe.end0.recv(); });
  check_interrupted([&] { pipe.end0.poll(); });
  queue.put("and goes on");
  CHECK(queue.get() == "and goes on");

  // The option belongs to the handle, not to the object.
  auto named = mproc::event::create("interrupted-or-not");
  auto opened = mproc::event::open("interrupted-or-not", sync);
  check_interrupted([&] { opened.wait(); });
  check_interrupted([handle = mproc::event::open(named.export_handle(), sync)] { handle.wait(); });
}

TEST("signals: do not end a wait otherwise") {
  const auto nothing = [] {};
  mproc::event event;
  check_not_interrupted([&] { event.clear(); }, [&] { event.wait(); }, [&] { event.set(); });
  mproc::counting_semaphore permits(0);
  check_not_interrupted(nothing, [&] { permits.acquire(); }, [&] { permits.release(); });
  mproc::recursive_mutex recursive;
  check_not_interrupted([&] { recursive.lock(); }, [&] { const std::lock_guard guard(recursive); },
                        [&] { recursive.unlock(); });
  mproc::shared_mutex shared;
  check_not_interrupted([&] { shared.lock_shared(); }, [&] { const std::lock_guard guard(shared); },
                        [&] { shared.unlock_shared(); });
  mproc::barrier barrier(2);
  check_not_interrupted(nothing, [&] { barrier.arrive_and_wait(); }, [&] { barrier.arrive_and_wait(); });
  mproc::condition condition;
  check_not_interrupted(
      nothing,
      [&] {
        std::unique_lock lock(condition.mutex());
        condition.wait(lock);
      },
      [&] {
        eventually([&] { return condition.info().waiters == 1; });
        condition.notify_one();
      });
}

}  // namespace
