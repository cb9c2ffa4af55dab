// One hundred processes add 1 to a counter, first without a lock, then with one.
//
//   c++ -std=c++17 race_counter.cpp -o race_counter $(pkg-config --cflags --libs mproc)
//
// prints for example
//   Unsafe final value: 87
//   Safe final value: 100
//
// The first number may be less than 100: load() and store() are atomic, but two processes can load the same
// number. (For a plain counter `++counter` is atomic by itself; a lock is for updates that are more than that.)
#include <mproc.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <mutex>
#include <system_error>
#include <thread>

namespace {

constexpr int processes = 100;

void add_one(mproc::value<int>& counter) {
  const int seen = counter.load();
  std::this_thread::yield();  // a computation that takes its time
  counter.store(seen + 1);
}

void add_one_locked(mproc::value<int>& counter, mproc::mutex& mutex) {
  std::lock_guard guard(mutex);
  add_one(counter);
}

// Runs the body in one hundred processes at once and waits for them all.
template <class Body>
void race(Body body) {
  int started = 0;
  for (; started < processes; ++started) {
    const pid_t child = fork();
    if (child < 0) break;
    if (child == 0) {
      body();
      _exit(EXIT_SUCCESS);
    }
  }
  const int reason = errno;
  for (int i = 0; i < started; ++i) wait(nullptr);
  if (started < processes) throw std::system_error(reason, std::generic_category(), "fork");
}

}  // namespace

int main() try {
  mproc::value<int> counter(0);
  race([&] { add_one(counter); });
  std::cout << "Unsafe final value: " << counter << std::endl;

  counter = 0;
  mproc::mutex mutex;
  race([&] { add_one_locked(counter, mutex); });
  std::cout << "Safe final value: " << counter << '\n';
  return counter == processes ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
