// Conditions, events and barriers; with real processes where it matters. The behaviour behind it is the library's,
// and tested there.
#include "family.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using family::elsewhere;
using family::eventually;
using mproc::errc;

namespace {

using own_lock = std::unique_lock<mproc::condition::mutex_type>;

// --- condition -----------------------------------------------------------------------------------------------

TEST("condition: two processes take turns") {
  mproc::condition moved;
  mproc::value<int> turn(0);
  const auto play = [&](int me) {
    for (int i = 0; i < 500; ++i) {
      own_lock lock(moved.mutex());
      moved.wait(lock, [&] { return turn % 2 == me; });
      ++turn;
      moved.notify_one();
    }
  };
  check::child other([&] { play(1); });
  play(0);
  CHECK(other.wait() == 0 && turn == 1000 && moved.info().waiters == 0);
  CHECK(moved.info().lock_kind == MPROC_CONDITION_OWN);
}

// One slot between a producer and a consumer, with two conditions under one mutex.
template <class Mutex>
void hand_over(Mutex& mutex, std::uint32_t lock_kind) {
  mproc::condition filled(mutex), emptied(mutex);
  CHECK(filled.info().lock_kind == lock_kind);
  mproc::value<int> slot(0);
  check::child consumer([&] {
    for (int i = 1; i <= 300; ++i) {
      std::unique_lock lock(mutex);
      filled.wait(lock, [&] { return slot != 0; });
      CHECK(slot.exchange(0) == i);
      emptied.notify_one();
    }
  });
  for (int i = 1; i <= 300; ++i) {
    std::unique_lock lock(mutex);
    CHECK(emptied.wait_for(lock, 1min, [&] { return slot == 0; }));
    slot = i;
    lock.unlock();
    filled.notify_one();
  }
  CHECK(consumer.wait() == 0);
}

TEST("condition: bound to a mutex, bound to a recursive_mutex") {
  mproc::mutex mutex;
  hand_over(mutex, MPROC_KIND_LOCK);
  mproc::recursive_mutex recursive;
  hand_over(recursive, MPROC_KIND_RLOCK);

  // Its lock is that mutex, by whatever name.
  mproc::condition bound(recursive);
  {
    const std::lock_guard guard(recursive);
    CHECK(bound.mutex().try_lock() && recursive.info().count == 2);
    bound.mutex().unlock();
    CHECK(!elsewhere([&] { return bound.mutex().try_lock(); }));
  }
  mproc::condition plain(mutex);
  {
    const std::lock_guard guard(mutex);
    CHECK(!plain.mutex().try_lock());
  }
  // And as that one it is the process's, not the thread's.
  check::kill_after([&] {
    mutex.lock();
    return 0;
  });
  plain.mutex().lock();
  CHECK(plain.mutex().recovered() && !plain.mutex().try_lock());
  CHECK(elsewhere([&] {
    plain.mutex().unlock();
    return !plain.mutex().recovered();
  }));
  plain.mutex().lock();
  CHECK(!plain.mutex().recovered());
  plain.mutex().unlock();
}

TEST("condition: who opens it names its lock") {
  auto mutex = mproc::mutex::create("lock-of-ready");
  auto ready = mproc::condition::create("ready", {mutex});
  std::unique_lock lock(mutex);
  check::child other([&] {
    auto same_mutex = mproc::mutex::open("lock-of-ready");
    auto same = mproc::condition::open("ready", {same_mutex});
    const std::lock_guard guard(same_mutex);
    same.notify_all();
  });
  CHECK(ready.wait_for(lock, 1min) == std::cv_status::no_timeout && other.wait() == 0);
  mproc::recursive_mutex unrelated;
  CHECK_THROWS(errc::type_mismatch, mproc::condition::create_or_open("ready", {unrelated}));
  const auto apart = mproc::domain::anonymous();
  CHECK_THROWS(errc::domain_mismatch, mproc::condition(apart, {mutex}));
}

TEST("condition: the wrong lock, or none") {
  mproc::mutex mutex, other_mutex;
  mproc::recursive_mutex recursive, other_recursive;
  mproc::condition own, other_own, bound(mutex), bound_recursive(recursive);
  own_lock right(own.mutex());
  CHECK_THROWS(errc::invalid_argument, other_own.wait(right));
  CHECK_THROWS(errc::invalid_argument, bound.wait(right));
  std::unique_lock a(mutex), b(other_mutex);
  CHECK_THROWS(errc::invalid_argument, bound.wait(b));
  CHECK_THROWS(errc::invalid_argument, own.wait(a));
  CHECK_THROWS(errc::invalid_argument, bound_recursive.wait_for(a, 1ms));
  std::unique_lock c(recursive), d(other_recursive);
  CHECK_THROWS(errc::invalid_argument, bound_recursive.wait_until(d, std::chrono::steady_clock::now()));
  CHECK_THROWS(errc::invalid_argument, bound.wait(c, [] { return false; }));
  own_lock nothing;
  CHECK_THROWS(errc::invalid_argument, own.wait(nothing));
  CHECK(a.owns_lock() && b.owns_lock() && c.owns_lock() && d.owns_lock() && right.owns_lock());
  right.unlock();
  CHECK_THROWS(errc::not_owner, own.wait(right));
  const own_lock outer(own.mutex());
  CHECK_THROWS(errc::not_owner, own.wait_for(right, 1ms));  // the thread has the lock, but not by this guard
  own_lock adopted(other_own.mutex(), std::adopt_lock);  // a lie, which the library notices
  CHECK_THROWS(errc::not_owner, other_own.wait(adopted));
  adopted.release();

  auto moved = std::move(other_own);
  CHECK_THROWS(errc::invalid_argument, other_own.notify_one());
  CHECK_THROWS(errc::invalid_argument, other_own.info());
  CHECK_THROWS(errc::invalid_argument, other_own.mutex().lock());
  own_lock after(moved.mutex());
  CHECK(moved.wait_for(after, 1ms) == std::cv_status::timeout);
}

TEST("condition: time, predicates and cancelling") {
  mproc::condition condition;
  own_lock lock(condition.mutex());
  const auto never = [] { return false; };
  const auto always = [] { return true; };
  CHECK(condition.wait_for(lock, 0s) == std::cv_status::timeout);
  CHECK(condition.wait_for(lock, 1ms) == std::cv_status::timeout);
  CHECK(condition.wait_until(lock, std::chrono::steady_clock::now() + 1ms) == std::cv_status::timeout);
  CHECK(condition.wait_until(lock, std::chrono::system_clock::now() - 1h) == std::cv_status::timeout);
  CHECK(!condition.wait_for(lock, 1ms, never) && condition.wait_for(lock, 1ms, always));
  CHECK(!condition.wait_until(lock, std::chrono::system_clock::now() + 1ms, never));
  CHECK(condition.wait_until(lock, std::chrono::steady_clock::now(), always));
  int asked = 0;
  CHECK(condition.wait_for(lock, 1ms, [&] { return ++asked == 2; }));  // once more when the time is up
  condition.wait(lock, always);

  mproc::cancel_token token;
  token.set();
  const auto held = [&] { return lock.owns_lock() && !elsewhere([&] { return condition.mutex().try_lock(); }); };
  CHECK_THROWS(errc::canceled, condition.wait(lock, token));
  CHECK(held());
  CHECK_THROWS(errc::canceled, condition.wait(lock, never, token));
  CHECK_THROWS(errc::canceled, condition.wait_for(lock, 1h, token));
  CHECK_THROWS(errc::canceled, condition.wait_for(lock, 1h, never, token));
  CHECK_THROWS(errc::canceled, condition.wait_until(lock, std::chrono::system_clock::now() + 1h, token));
  CHECK_THROWS(errc::canceled, condition.wait_until(lock, std::chrono::system_clock::now() + 1h, never, token));
  CHECK(held());
  token.clear();
  family::thread canceller([&] {
    eventually([&] { return condition.info().waiters == 1; });
    token.set();
  });
  CHECK_THROWS(errc::canceled, condition.wait(lock, token));
  CHECK(held() && condition.info().waiters == 0);
}

TEST("condition: the longest waiting first, and nothing is remembered") {
  mproc::condition condition;
  condition.notify_one();
  condition.notify(5);
  condition.notify_all();
  condition.notify(0);
  std::array<std::atomic<bool>, 5> woken{};
  std::vector<std::unique_ptr<family::thread>> waiters;
  for (std::size_t i = 0; i < woken.size(); ++i) {
    waiters.push_back(std::make_unique<family::thread>([&, i] {
      own_lock lock(condition.mutex());
      condition.wait(lock);
      woken[i] = true;
    }));
    eventually([&] { return condition.info().waiters == i + 1; });
  }
  CHECK(!woken[0]);
  condition.notify_one();
  waiters[0]->join();
  CHECK(woken[0] && !woken[1] && condition.info().waiters == 4);
  waiters.erase(waiters.begin());
  condition.notify(2);
  waiters[0]->join();
  waiters[1]->join();
  CHECK(woken[1] && woken[2] && !woken[3] && !woken[4] && condition.info().waiters == 2);
  condition.notify_all();
  waiters[2]->join();
  waiters[3]->join();
  CHECK(woken[3] && woken[4] && condition.info().waiters == 0);
}

TEST("condition: all levels are given up, and taken again") {
  mproc::recursive_mutex mutex;
  mproc::condition condition(mutex);
  std::unique_lock outer(mutex);
  std::unique_lock inner(mutex);
  family::thread other([&] {
    eventually([&] { return condition.info().waiters == 1; });
    const std::lock_guard one(mutex);
    const std::lock_guard two(mutex);
    CHECK(mutex.info().count == 2);
    condition.notify_one();
  });
  condition.wait(inner);
  CHECK(mutex.info().count == 2 && inner.owns_lock());
  inner.unlock();
  CHECK(mutex.info().count == 1 && !elsewhere([&] { return mutex.try_lock(); }));
}

TEST("condition: a process dies with the lock, and whoever waits is told") {
  mproc::condition condition;
  int repaired = 0;
  condition.mutex().on_recovered([&] { ++repaired; });
  const auto notify_and_die = [&] {
    mproc::event go, ready;
    check::child victim([&] {
      go.wait();
      condition.mutex().lock();
      condition.notify_all();
      ready.set();
      for (;;) ::pause();
    });
    family::thread killer([&] {
      eventually([&] { return condition.info().waiters == 1; });
      condition.mutex().lock();  // through the object that is waited with
      condition.mutex().unlock();
      go.set();
      ready.wait();
      victim.kill();
    });
    own_lock outer(condition.mutex());
    own_lock inner(condition.mutex());
    CHECK(!condition.mutex().recovered());
    condition.wait(inner);
    CHECK(condition.mutex().recovered());
    inner.unlock();
    CHECK(condition.mutex().recovered());
    outer.unlock();
    CHECK(!condition.mutex().recovered());
  };
  notify_and_die();
  CHECK(repaired == 1);

  condition.mutex().on_recovered([] { throw std::runtime_error("cannot be repaired"); });
  try {
    notify_and_die();
    CHECK(!"repaired");
  } catch (const std::runtime_error& e) {
    CHECK(std::string(e.what()) == "cannot be repaired");
  }
  CHECK(elsewhere([&] {
    // The guards that held it through the exception have released it.
    const bool free = condition.mutex().try_lock();
    if (free) condition.mutex().unlock();
    return free;
  }));
}

TEST("condition: what a killed waiter was notified of passes on") {
  mproc::condition condition;
  std::optional<check::child> first;
  first.emplace([&] {
    own_lock lock(condition.mutex());
    condition.wait(lock);
    ::_exit(9);
  });
  eventually([&] { return condition.info().waiters == 1; });
  family::thread second([&] {
    own_lock lock(condition.mutex());
    CHECK(condition.wait_for(lock, 1min) == std::cv_status::no_timeout);
  });
  eventually([&] { return condition.info().waiters == 2; });
  {
    const own_lock lock(condition.mutex());  // so that the first one cannot return
    condition.notify_one();
    CHECK(condition.info().waiters == 1 && !second.done());
    first->signal(SIGKILL);
    CHECK(first->wait() == -SIGKILL);
  }
  second.join();
  CHECK(condition.info().waiters == 0 && condition.info().regranted == 1);
}

// --- event ---------------------------------------------------------------------------------------------------

TEST("event: set, clear, wait") {
  mproc::event event;
  CHECK(!event.is_set() && !event.wait_for(0s) && !event.wait_for(1ms));
  CHECK(!event.wait_until(std::chrono::system_clock::now() + 1ms));
  mproc::value<int> written(0);
  check::child other([&] {
    written = 1;
    event.set();
  });
  event.wait();
  CHECK(event.is_set() && written == 1 && other.wait() == 0);
  CHECK(event.wait_for(0s) && event.wait_until(std::chrono::steady_clock::now() - 1s));
  event.set();
  event.clear();
  CHECK(!event.is_set());

  mproc::cancel_token token;
  token.set();
  CHECK_THROWS(errc::canceled, event.wait(token));
  CHECK_THROWS(errc::canceled, event.wait_for(1h, token));
  CHECK_THROWS(errc::canceled, event.wait_until(std::chrono::system_clock::now() + 1h, token));
  event.set();
  event.wait(token);

  auto moved = std::move(event);
  CHECK(moved.is_set() && !event.is_set());
  event.set();
  event.clear();
  CHECK(moved.is_set() && !event.is_set());
  CHECK_THROWS(errc::invalid_argument, event.wait());
}

TEST("event: set and cleared at once wakes, too") {
  mproc::event event;
  family::thread waiter([&] { event.wait(); });
  eventually([&] {
    event.set();
    event.clear();
    return waiter.done();
  });
  waiter.join();
  CHECK(!event.is_set());
}

mproc::event* from_handler = nullptr;

TEST("event: from a signal handler") {
  mproc::event event;
  from_handler = &event;
  struct sigaction action {}, before {};
  action.sa_handler = [](int) {
    from_handler->set();
    from_handler->clear();
    if (!from_handler->is_set()) from_handler->set();
  };
  ::sigaction(SIGUSR2, &action, &before);
  family::thread waiter([&] { event.wait(); });
  waiter.signal(SIGUSR2);  // in the waiting thread itself
  waiter.join();
  ::sigaction(SIGUSR2, &before, nullptr);
  CHECK(event.is_set());
}

// --- barrier -------------------------------------------------------------------------------------------------

TEST("barrier: threads of two processes, round after round") {
  constexpr std::uint32_t parties = 4;
  constexpr int rounds = 200;
  mproc::barrier barrier(parties);
  mproc::array<int> seen({rounds, parties});
  mproc::array<int> actions(rounds);
  const auto party = [&] {
    for (int round = 0; round < rounds; ++round) {
      const std::uint32_t index = barrier.arrive_and_wait([&] { ++actions[static_cast<std::size_t>(round)]; });
      ++seen.at(round, index);
    }
  };
  const auto two = [&] {
    family::thread other(party);
    party();
    other.join();
  };
  check::child there(two);
  two();
  CHECK(there.wait() == 0);
  CHECK(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));  // each index once in each round
  CHECK(std::all_of(actions.begin(), actions.end(), [](int n) { return n == 1; }));
  CHECK(barrier.info().parties == parties && barrier.info().waiting == 0 && barrier.info().broken == 0);
  CHECK(mproc::barrier(1).arrive_and_wait() == 0);
}

// A party in another thread, which will hear that the barrier is broken.
class broken_party {
 public:
  explicit broken_party(mproc::barrier& barrier)
      : thread_([&] { CHECK_THROWS(errc::broken_barrier, barrier.arrive_and_wait()); }) {
    eventually([&] { return barrier.info().waiting == 1; });
  }
  void join() { thread_.join(); }

 private:
  family::thread thread_;
};

TEST("barrier: who gives up breaks it") {
  mproc::barrier barrier(3);
  mproc::cancel_token token;
  CHECK(!barrier.try_arrive_and_wait() && !barrier.arrive_and_wait_for(0s));
  CHECK(!barrier.try_arrive_and_wait([] {}) && !barrier.arrive_and_wait_for(-1s, [] {}));
  CHECK(!barrier.arrive_and_wait_until(std::chrono::system_clock::now() - 1s));
  CHECK(!barrier.arrive_and_wait_until(std::chrono::system_clock::now() - 1s, [] {}));
  CHECK(barrier.info().broken == 0 && barrier.info().waiting == 0);

  const auto broken_by = [&](auto breaks) {
    broken_party other(barrier);
    breaks();
    other.join();
    CHECK(barrier.info().broken == 1);
    CHECK_THROWS(errc::broken_barrier, barrier.arrive_and_wait());
    CHECK_THROWS(errc::broken_barrier, barrier.try_arrive_and_wait());
    CHECK_THROWS(errc::broken_barrier, barrier.arrive_and_wait_for(1h, [] {}));
    barrier.reset();
    CHECK(barrier.info().broken == 0);
  };
  broken_by([&] { CHECK(!barrier.arrive_and_wait_for(1ms)); });
  broken_by([&] { CHECK(!barrier.arrive_and_wait_until(std::chrono::system_clock::now() + 5ms, [] {})); });
  broken_by([&] {
    token.set();
    CHECK_THROWS(errc::canceled, barrier.arrive_and_wait(token));
    token.clear();
  });
  broken_by([&] { barrier.abort(); });
  broken_by([&] {
    check::kill_after([&] {
      auto party = std::make_unique<family::thread>([&] { barrier.arrive_and_wait(); });
      eventually([&] { return barrier.info().waiting == 2; });
      return party;
    });
  });
  CHECK(barrier.info().deaths == 1);

  broken_party other(barrier);
  barrier.reset();  // without being broken: those who wait are sent away
  other.join();
  family::thread first([&] { barrier.arrive_and_wait(); }), second([&] { barrier.arrive_and_wait(); });
  CHECK(barrier.arrive_and_wait_until(std::chrono::steady_clock::now() + 1min, [] {}, token));
  first.join();
  second.join();
}

TEST("barrier: an action that throws") {
  mproc::barrier barrier(2);
  broken_party other(barrier);
  int runs = 0;
  const auto fails = [&] {
    ++runs;
    throw std::runtime_error("the step failed");
  };
  try {
    barrier.arrive_and_wait(fails);
    CHECK(!"passed");
  } catch (const std::runtime_error& e) {
    CHECK(std::string(e.what()) == "the step failed");
  }
  other.join();
  CHECK(runs == 1 && barrier.info().broken == 1);
  CHECK_THROWS(errc::broken_barrier, barrier.arrive_and_wait(fails));
  CHECK(runs == 1);

  barrier.reset();
  family::thread waiter([&] { barrier.arrive_and_wait(fails); });  // not the last: its action is not run
  eventually([&] { return barrier.info().waiting == 1; });
  CHECK(barrier.try_arrive_and_wait([&] { runs = 10; }));
  waiter.join();
  CHECK(runs == 10);
}

TEST("barrier: the promise to come") {
  mproc::barrier barrier(2);
  {
    auto promise = barrier.register_process();
    auto again = barrier.register_process();
    CHECK(promise && barrier.info().registered == 2);
    check::child other([&] {
      CHECK_THROWS(errc::not_owner, promise.end());
      auto inherited = std::move(again);  // its end is nothing to the parent
      auto own = barrier.register_process();
      CHECK(barrier.info().registered == 3);
    });
    CHECK(other.wait() == 0 && barrier.info().registered == 2);
    auto moved = std::move(promise);
    CHECK(moved && !promise && barrier.info().registered == 2);
    CHECK_THROWS(errc::invalid_argument, promise.end());
    moved.end();
    CHECK(!moved && barrier.info().registered == 1);
    moved = std::move(again);
    CHECK(moved && !again && barrier.info().registered == 1);
  }
  CHECK(barrier.info().registered == 0 && barrier.info().broken == 0);

  check::child comes([&] {
    const auto promise = barrier.register_process();
    barrier.arrive_and_wait();
  });
  barrier.arrive_and_wait();
  CHECK(comes.wait() == 0);

  mproc::value<bool> registered(false);
  check::child dies([&] {
    const auto promise = barrier.register_process();
    registered = true;
    for (;;) ::pause();
  });
  eventually([&] { return registered.load(); });
  broken_party waits(barrier);
  dies.kill();
  waits.join();
  CHECK(barrier.info().broken == 1 && barrier.info().deaths == 1);
  barrier.reset();

  // It keeps the handle open, and the process a member.
  std::optional<mproc::barrier::registration> kept;
  {
    auto opened = mproc::barrier::open(barrier.export_handle());
    kept.emplace(opened.register_process());
    opened.close();
    CHECK_THROWS(errc::invalid_argument, opened.arrive_and_wait());
  }
  CHECK(barrier.info().registered == 1);
  kept.reset();
  CHECK(barrier.info().registered == 0);
}

}  // namespace
