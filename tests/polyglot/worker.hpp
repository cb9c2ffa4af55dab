// What the worker in C++ is made of: worker.cpp has the commands for everything but the objects of family.cpp.
#ifndef POLYGLOT_WORKER_HPP
#define POLYGLOT_WORKER_HPP

#include "agreed.h"
#include "sockets.h"

#include <mproc.hpp>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace worker {

using std::chrono::milliseconds;
using words = std::vector<std::string>;

inline void say(const std::string& line) { std::cout << line << std::endl; }

// What was not foreseen: it ends the worker.
[[noreturn]] inline void wrong(const std::string& what) { throw std::runtime_error(what); }

inline std::int64_t number(const std::string& word) { return std::stoll(word); }

void pass_gate(const std::string& name);

// A token that another thread sets after a while.
class canceller {
 public:
  explicit canceller(milliseconds after)
      : thread_([this, after] {
          std::this_thread::sleep_for(after);
          token.set();
        }) {}
  ~canceller() { thread_.join(); }
  canceller(const canceller&) = delete;
  canceller& operator=(const canceller&) = delete;

  mproc::cancel_token token;

 private:
  std::thread thread_;
};

// As a program would take it: with a guard; here what was taken outlives the guard.
template <class Mutex>
std::string take(Mutex& m, std::int64_t ms) {
  std::unique_lock guard(m, std::defer_lock);
  if (ms < 0) guard.lock();
  else if (!(ms == 0 ? guard.try_lock() : guard.try_lock_for(milliseconds(ms)))) return "error timeout";
  guard.release();
  return m.recovered() ? "recovered" : "held";
}

// The mark of one job: once more.
void count_mark(std::size_t i);

// The worker's lock, for a condition.
mproc::lock_ref lock_to_bind();

// ---- handles that travel ----

void send_handle(const std::string& address, const mproc::handle& from);
mproc::handle receive_handle(const std::string& address);

// What is between the slashes becomes the other worker's arguments.
std::string spawn(const words& w, mproc::handle given);

// send, receive, spawn, inherit, close: for every object but queues and pipes.
template <class Object>
std::string travel(std::unique_ptr<Object>& object, const words& w) {
  const auto open = [&](const mproc::handle& from) {
    object = std::make_unique<Object>(Object::open(from));
    return "ok";
  };
  if (w[1] == "send") return send_handle(w[2], object->export_handle()), "ok";
  if (w[1] == "receive") return open(receive_handle(w[2]));
  if (w[1] == "spawn") return spawn(w, object->export_handle());
  if (w[1] == "inherit") return open(mproc::inherited(GIVEN));
  if (w[1] == "close") return object.reset(), "ok";
  return "unknown command: " + w[0] + " " + w[1];
}

// What a word like "room=300" means, of what the worker has open.
mproc::wait_item item_of(const std::string& thing, const std::string& rest);

// ---- family.cpp ----

std::string do_rwlock(const words& w);
std::string do_semaphore(const words& w);
std::string do_condition(const words& w);
std::string do_event(const words& w);
std::string do_barrier(const words& w);

mproc::wait_item on_permit();
mproc::wait_item on_event();

// ---- containers.cpp ----

std::string do_dict(const words& w);
std::string do_list(const words& w);
std::string do_space(const words& w);

// ---- wait.cpp ----

std::string do_wait(const words& w);

// When a wait of some milliseconds (-1: without limit), which begins now, is over.
using deadline = std::optional<std::chrono::steady_clock::time_point>;
deadline deadline_of(std::int64_t ms);

// Sleeps until the descriptor is readable; false: it was not in time.
bool poll_until(int fd, deadline end);

}  // namespace worker

#endif
