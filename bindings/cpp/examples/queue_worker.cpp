// A worker process sends a message through a queue. It has ended before the message is taken: what put()
// has returned for is in the queue, whatever happens to the process that put it.
//
//   c++ -std=c++17 queue_worker.cpp -o queue_worker $(pkg-config --cflags --libs mproc)
//
// prints
//   Received from worker: Data from worker
#include <mproc.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <system_error>

namespace {

void work(mproc::queue& results) {
  results.put("Data from worker");
}

}  // namespace

int main() try {
  mproc::queue results;

  const pid_t worker = fork();
  if (worker < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (worker == 0) {
    work(results);
    _exit(EXIT_SUCCESS);
  }
  waitpid(worker, nullptr, 0);

  // Not get(): if the worker was killed before it put anything, this program should not wait for ever.
  if (const auto message = results.try_get()) {
    std::cout << "Received from worker: " << *message << '\n';
    return EXIT_SUCCESS;
  }
  std::cerr << "the worker ended without a message\n";
  return EXIT_FAILURE;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
