// A worker process sends a message through a pipe. The parent closes its copy of the worker's end: should the
// worker die before it has sent anything, the parent gets the end of file, and does not wait for ever.
//
//   c++ -std=c++17 pipe_worker.cpp -o pipe_worker $(pkg-config --cflags --libs mproc)
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

void work(mproc::pipe_end& parent) {
  parent.send("Data from worker");
}

}  // namespace

int main() try {
  auto [mine, workers] = mproc::pipe();

  const pid_t worker = fork();
  if (worker < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (worker == 0) {
    mine.close();
    work(workers);
    _exit(EXIT_SUCCESS);
  }
  workers.close();

  const auto message = mine.next();  // empty at the end of file
  waitpid(worker, nullptr, 0);
  if (message) {
    std::cout << "Received from worker: " << *message << '\n';
    return EXIT_SUCCESS;
  }
  std::cerr << "the worker ended without a message\n";
  return EXIT_FAILURE;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
