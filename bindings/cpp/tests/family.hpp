// What the tests of the lock family need besides check.hpp.
#ifndef MPROC_TESTS_FAMILY_HPP
#define MPROC_TESTS_FAMILY_HPP

#include "check.hpp"

#include <pthread.h>

#include <atomic>
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

}  // namespace family

#endif
