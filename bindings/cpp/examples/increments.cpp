// A worker increments a shared number five times, under the number's own lock, and announces each step
// over a queue.
//
//   c++ -std=c++17 increments.cpp -o increments $(pkg-config --cflags --libs mproc)
//
// prints
//   Incremented to 1
//   Incremented to 2
//   Incremented to 3
//   Incremented to 4
//   Incremented to 5
//   Final shared number: 5
#include <mproc.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

namespace {

using namespace std::chrono_literals;

void work(mproc::value<int>& number, mproc::queue& news) {
  for (int i = 0; i < 5; ++i) {
    int reached = 0;
    {
      std::lock_guard guard(number.mutex());
      reached = number + 1;
      number = reached;
    }
    news.put("Incremented to " + std::to_string(reached));
    std::this_thread::sleep_for(100ms);
  }
  news.shutdown();  // the reader's loop ends when it has taken everything
}

}  // namespace

int main() try {
  mproc::value<int> number(0);
  mproc::queue news;

  const pid_t worker = fork();
  if (worker < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (worker == 0) {
    work(number, news);
    _exit(EXIT_SUCCESS);
  }

  // Empty at the shutdown. (A reader that must outlive a killed worker takes try_get_for() and looks.)
  while (const auto message = news.next()) std::cout << *message << std::endl;

  waitpid(worker, nullptr, 0);
  std::cout << "Final shared number: " << number << '\n';
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
