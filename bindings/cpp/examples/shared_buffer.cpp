// A bounded buffer of your own: ten numbers in shared memory, a mutex, and two conditions under it. Three producers
// fill it, three consumers empty it. (For messages there is mproc::queue; conditions are for everything else that
// processes wait for.)
//
//   c++ -std=c++17 shared_buffer.cpp -o shared_buffer $(pkg-config --cflags --libs mproc)
//
// prints
//   3000 numbers went through a buffer of 10, their sum is 4498500
#include <mproc.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <system_error>

namespace {

constexpr int producers = 3, consumers = 3, numbers = 3000;
constexpr std::uint64_t size = 10;

class buffer {
 public:
  void put(int number) {
    std::unique_lock lock(mutex_);
    not_full_.wait(lock, [&] { return put_ - taken_ < size; });
    slots_[put_ % size] = number;
    ++put_;
    not_empty_.notify_one();
  }

  int take() {
    std::unique_lock lock(mutex_);
    not_empty_.wait(lock, [&] { return put_ > taken_; });
    const int number = slots_[taken_ % size];
    ++taken_;
    not_full_.notify_one();
    return number;
  }

 private:
  mproc::mutex mutex_;
  mproc::condition not_full_{mutex_}, not_empty_{mutex_};
  mproc::array<int> slots_{size};
  mproc::value<std::uint64_t> put_{0}, taken_{0};
};

template <class Body>
void start(Body body) {
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    alarm(60);  // should another one be killed, this one does not wait for its numbers for ever
    body();
    _exit(EXIT_SUCCESS);
  }
}

}  // namespace

int main() try {
  buffer shared;
  mproc::value<std::int64_t> sum(0);
  for (int p = 0; p < producers; ++p) {
    start([&] {
      for (int i = p; i < numbers; i += producers) shared.put(i);
    });
  }
  for (int c = 0; c < consumers; ++c) {
    start([&] {
      for (int i = 0; i < numbers / consumers; ++i) sum += shared.take();
    });
  }
  bool done = true;
  for (int i = 0; i < producers + consumers; ++i) {
    int status = 0;
    if (wait(&status) < 0 || status != 0) done = false;
  }
  if (!done) throw std::runtime_error("a child failed");
  std::cout << numbers << " numbers went through a buffer of " << size << ", their sum is " << sum << '\n';
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
