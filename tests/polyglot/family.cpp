// The worker's commands for rwlock, semaphore, condition, event and barrier.
#include "worker.hpp"

#include <condition_variable>
#include <optional>
#include <shared_mutex>

namespace worker {
namespace {

// Creates an object, "-": anonymous, or opens it. `extra` is what a new one needs.
template <class Object, class... Extra>
std::string make(std::unique_ptr<Object>& object, const words& w, const Extra&... extra) {
  object = std::make_unique<Object>(w[1] == "open" ? Object::open(w[2])
                                    : w[2] == "-"  ? Object(extra...)
                                                   : Object::create(w[2], extra...));
  return "ok";
}

std::uint32_t count(const std::string& word) { return static_cast<std::uint32_t>(number(word)); }

mproc::value<std::int64_t> i64_value(const std::string& name) { return mproc::value<std::int64_t>::open(name); }

}  // namespace

// ---- rwlock ----

namespace {

std::unique_ptr<mproc::shared_mutex> rwlock;

std::string take_to_read(std::int64_t ms) {
  std::shared_lock guard(*rwlock, std::defer_lock);
  if (ms < 0) guard.lock();
  else if (!(ms == 0 ? guard.try_lock() : guard.try_lock_for(milliseconds(ms)))) return "error timeout";
  guard.release();
  return rwlock->recovered() ? "recovered" : "held";
}

void rwlock_race(const std::string& gate, const std::string& name, std::int64_t times) {
  auto even = i64_value(name);
  const auto look = [&] {
    const auto now = even.load();
    if (now % 2 != 0) wrong("wrong: somebody writes meanwhile");
    return now;
  };
  pass_gate(gate);
  for (; times > 0; --times) {
    if (times % 4 == 0) {
      const std::scoped_lock guard(*rwlock);
      const auto now = look();
      even.store(now + 1);
      even.store(now + 2);
    } else {
      const std::shared_lock guard(*rwlock);
      look();
    }
  }
}

}  // namespace

std::string do_rwlock(const words& w) {
  const bool writing = w[2] == "write";
  if (w[1] == "create" || w[1] == "open") return make(rwlock, w);
  if (w[1] == "take") return writing ? take(*rwlock, number(w[3])) : take_to_read(number(w[3]));
  if (w[1] == "give") return writing ? rwlock->unlock() : rwlock->unlock_shared(), "ok";
  if (w[1] == "cancel") {
    const canceller in_time{milliseconds(number(w[3]))};
    if (writing) rwlock->lock(in_time.token);
    else rwlock->lock_shared(in_time.token);
    return "held";
  }
  if (w[1] == "info") {
    const auto info = rwlock->info();
    return std::to_string(info.readers) + (info.writing ? " writing" : info.writer.held ? " waiting" : " nobody") +
           (info.inconsistent ? " inconsistent" : " clean");
  }
  if (w[1] == "race") return rwlock_race(w[2], w[3], number(w[4])), "ok";
  return travel(rwlock, w);
}

// ---- semaphore ----

namespace {

std::unique_ptr<mproc::counting_semaphore> semaphore;

// recovered() lasts until a release; the answer is about this acquisition only.
std::string take_permit(std::int64_t ms) {
  bool told = false;
  semaphore->on_recovered([&] { told = true; });
  bool taken = true;
  if (ms < 0) semaphore->acquire();
  else taken = ms == 0 ? semaphore->try_acquire() : semaphore->try_acquire_for(milliseconds(ms));
  semaphore->on_recovered({});
  if (told && !semaphore->recovered()) wrong("wrong: told, but not recovered");
  return !taken ? "error timeout" : told ? "recovered" : "held";
}

void semaphore_race(const std::string& gate, const std::string& name, std::int64_t times) {
  auto inside = i64_value(name);
  pass_gate(gate);
  for (; times > 0; --times) {
    semaphore->acquire();
    if (inside.fetch_add(1) != 0) wrong("wrong: somebody else is inside");
    inside.fetch_sub(1);
    semaphore->release();
  }
}

}  // namespace

std::string do_semaphore(const words& w) {
  if (w[1] == "create") {
    mproc::semaphore_options options;
    options.bounded = w[4] == "bounded";
    options.accounting = w[4] == "accounting";
    return make(semaphore, w, count(w[3]), options);
  }
  if (w[1] == "open") return make(semaphore, w, 0U);
  if (w[1] == "take") return take_permit(number(w[2]));
  if (w[1] == "give") return semaphore->release(count(w[2])), "ok";
  if (w[1] == "cancel") {
    const canceller in_time{milliseconds(number(w[2]))};
    semaphore->acquire(in_time.token);
    return "held";
  }
  if (w[1] == "info") {
    const auto info = semaphore->info();
    return std::to_string(info.value) + " " + std::to_string(info.held) + " " + std::to_string(info.holders) + " " +
           std::to_string(info.reclaimed);
  }
  if (w[1] == "race") return semaphore_race(w[2], w[3], number(w[4])), "ok";
  if (w[1] == "storm") {
    for (bool first = true;; first = false) {
      semaphore->acquire();
      semaphore->release();
      if (first) say("started");
    }
  }
  return travel(semaphore, w);
}

mproc::wait_item on_permit() { return mproc::on_available(*semaphore); }

// ---- condition ----

namespace {

std::unique_ptr<mproc::condition> condition;

// Waits with a lock that was taken by an earlier command, and that outlives this one, too. `wait` says whether it was
// notified in time.
template <class Wait>
std::string wait_locked(Wait wait) {
  auto& m = condition->mutex();
  std::unique_lock guard(m, std::adopt_lock);
  try {
    const bool in_time = wait(guard);
    guard.release();
    return !in_time ? "error timeout" : m.recovered() ? "recovered" : "notified";
  } catch (...) {
    guard.release();
    throw;
  }
}

void condition_turns(const std::string& name, std::int64_t of, std::int64_t mine, std::int64_t times) {
  auto turn = i64_value(name);
  for (; times > 0; --times) {
    std::unique_lock guard(condition->mutex());
    condition->wait(guard, [&] { return turn.load() % of == mine; });
    turn.store(turn.load() + 1);
    condition->notify_all();
  }
}

}  // namespace

std::string do_condition(const words& w) {
  if (w[1] == "create" || w[1] == "open") {
    mproc::condition_options options;
    if (w[3] == "bound") options.bound_to = lock_to_bind();
    condition = std::make_unique<mproc::condition>(w[1] == "open" ? mproc::condition::open(w[2], options)
                                                   : w[2] == "-"  ? mproc::condition(options)
                                                                  : mproc::condition::create(w[2], options));
    return "ok";
  }
  if (w[1] == "take") return take(condition->mutex(), number(w[2]));
  if (w[1] == "give") return condition->mutex().unlock(), "ok";
  if (w[1] == "wait") {
    return wait_locked([&, ms = number(w[2])](auto& guard) {
      if (ms >= 0) return condition->wait_for(guard, milliseconds(ms)) == std::cv_status::no_timeout;
      condition->wait(guard);
      return true;
    });
  }
  if (w[1] == "cancel") {
    const canceller in_time{milliseconds(number(w[2]))};
    return wait_locked([&](auto& guard) {
      condition->wait(guard, in_time.token);
      return true;
    });
  }
  if (w[1] == "notify") return w[2] == "all" ? condition->notify_all() : condition->notify(count(w[2])), "ok";
  if (w[1] == "info") {
    const auto info = condition->info();
    return std::to_string(info.waiters) + " " + std::to_string(info.regranted);
  }
  if (w[1] == "turns") return condition_turns(w[2], number(w[3]), number(w[4]), number(w[5])), "ok";
  return travel(condition, w);
}

// ---- event ----

namespace {

std::unique_ptr<mproc::event> event;

}  // namespace

std::string do_event(const words& w) {
  if (w[1] == "create" || w[1] == "open") return make(event, w);
  if (w[1] == "set" || w[1] == "pulse") event->set();
  if (w[1] == "clear" || w[1] == "pulse") event->clear();
  if (w[1] == "set" || w[1] == "clear" || w[1] == "pulse") return "ok";
  if (w[1] == "ask") return event->is_set() ? "set" : "clear";
  if (w[1] == "wait") {
    const auto ms = number(w[2]);
    if (ms < 0) event->wait();
    else if (!event->wait_for(milliseconds(ms))) return "error timeout";
    return "set";
  }
  if (w[1] == "cancel") {
    const canceller in_time{milliseconds(number(w[2]))};
    event->wait(in_time.token);
    return "set";
  }
  return travel(event, w);
}

mproc::wait_item on_event() { return mproc::on_set(*event); }

// ---- barrier ----

namespace {

std::unique_ptr<mproc::barrier> barrier;
std::vector<mproc::barrier::registration> registrations;

std::string passed(std::optional<std::uint32_t> index) {
  return index ? "passed " + std::to_string(*index) : "error timeout";
}

std::string pass(std::int64_t ms) {
  return passed(ms < 0    ? std::optional(barrier->arrive_and_wait())
                : ms == 0 ? barrier->try_arrive_and_wait()
                          : barrier->arrive_and_wait_for(milliseconds(ms)));
}

std::string fail_to_pass(std::int64_t ms) {
  struct own_failure {};
  const auto action = [] { throw own_failure(); };
  try {
    return passed(ms < 0    ? std::optional(barrier->arrive_and_wait(action))
                  : ms == 0 ? barrier->try_arrive_and_wait(action)
                            : barrier->arrive_and_wait_for(milliseconds(ms), action));
  } catch (const own_failure&) {
    return "failed";
  }
}

void barrier_rounds(std::int64_t times, const std::string& name) {
  auto rounds = i64_value(name);
  const std::size_t parties = barrier->info().parties;
  for (std::int64_t i = 0; i < times; ++i) {
    const auto index = barrier->arrive_and_wait([&] { rounds += 1; });
    if (rounds.load() < i + 1) wrong("wrong: passed round " + std::to_string(i) + " before the action");
    count_mark(static_cast<std::size_t>(i) * parties + index);
  }
}

}  // namespace

std::string do_barrier(const words& w) {
  if (w[1] == "create") return make(barrier, w, count(w[3]));
  if (w[1] == "open") return make(barrier, w, 0U);
  if (w[1] == "wait") return pass(number(w[2]));
  if (w[1] == "fail") return fail_to_pass(number(w[2]));
  if (w[1] == "cancel") {
    const canceller in_time{milliseconds(number(w[2]))};
    return passed(barrier->arrive_and_wait(in_time.token));
  }
  if (w[1] == "abort") return barrier->abort(), "ok";
  if (w[1] == "reset") return barrier->reset(), "ok";
  if (w[1] == "register") return registrations.push_back(barrier->register_process()), "ok";
  if (w[1] == "unregister") {
    if (registrations.empty()) return "error notholder";  // what is not there cannot be ended in C++
    registrations.back().end();
    registrations.pop_back();
    return "ok";
  }
  if (w[1] == "info") {
    const auto info = barrier->info();
    return std::to_string(info.waiting) + (info.broken ? " broken " : " whole ") + std::to_string(info.registered);
  }
  if (w[1] == "rounds") return barrier_rounds(number(w[2]), w[3]), "ok";
  if (w[1] == "storm") {
    const auto promise = barrier->register_process();
    for (bool first = true;; first = false) {  // until it breaks
      barrier->arrive_and_wait();
      if (first) say("started");
    }
  }
  if (w[1] == "close") registrations.clear();
  return travel(barrier, w);
}

}  // namespace worker
