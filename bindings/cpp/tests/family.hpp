// What the tests of the lock family and of waiting need besides check.hpp.
#ifndef MPROC_TESTS_FAMILY_HPP
#define MPROC_TESTS_FAMILY_HPP

#include "check.hpp"

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace family {

// Waits until it is so; the test's watchdog bounds it.
template <class Condition>
void eventually(const Condition& condition) {
  while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// A thread whose failed checks are the test's. Joined at the latest when this object goes.
class thread {
 public:
  template <class Body>
  explicit thread(Body body)
      : thread_([this, body = std::move(body)]() mutable {
          try {
            body();
          } catch (const std::exception& e) {
            what_ = e.what();
          }
          done_ = true;
        }) {}
  thread(const thread&) = delete;
  thread& operator=(const thread&) = delete;
  ~thread() {
    if (thread_.joinable()) thread_.join();
  }

  bool done() const { return done_; }

  void join() {
    thread_.join();
    if (what_) throw check::failure(*what_);
  }

  void signal(int number) { ::pthread_kill(thread_.native_handle(), number); }

 private:
  std::atomic<bool> done_{false};
  std::optional<std::string> what_;
  std::thread thread_;  // last: it uses the others
};

// What another thread sees.
template <class Body>
auto elsewhere(Body body) {
  std::optional<decltype(body())> seen;
  thread other([&] { seen = body(); });
  other.join();
  return *seen;
}

inline std::atomic<int> handled{0};
inline void count(int) { ++handled; }

// With a handler for SIGUSR1, and the old one again at the end.
class with_handler {
 public:
  explicit with_handler(int flags) {
    struct sigaction action {};
    action.sa_handler = count;
    action.sa_flags = flags;
    ::sigaction(SIGUSR1, &action, &before_);
  }
  with_handler(const with_handler&) = delete;
  with_handler& operator=(const with_handler&) = delete;
  ~with_handler() { ::sigaction(SIGUSR1, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

// Waits in another thread, which gets signals until the wait has ended.
template <class Wait>
void check_interrupted(Wait wait) {
  for (const int flags : {0, SA_RESTART}) {
    const with_handler handler(flags);
    thread waiter([&] { CHECK_THROWS(mproc::errc::interrupted, wait()); });
    eventually([&] {
      if (!waiter.done()) waiter.signal(SIGUSR1);
      return waiter.done();
    });
    waiter.join();
  }
}

}  // namespace family

#endif
