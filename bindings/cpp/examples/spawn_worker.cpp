// Another program, not a fork, shares a value and a queue that have no name: the parent starts it with handles
// on them, as Python does with Process(target, args=(total, messages)). Here it is this program once more.
//
//   c++ -std=c++17 spawn_worker.cpp -o spawn_worker $(pkg-config --cflags --libs mproc)
//
// prints
//   Received from worker: Hello from the spawned worker
//   Total after worker: 42
#include <mproc.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

namespace {

void work() {
  auto total = mproc::value<int>::open(mproc::inherited("total"));
  auto messages = mproc::queue::open(mproc::inherited("messages"));
  total += 2;
  messages.put("Hello from the spawned worker");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc > 1 && argv[1] == std::string("worker")) {
    work();
    return EXIT_SUCCESS;
  }

  mproc::value<int> total(40);
  mproc::queue messages;
  mproc::process worker({"/proc/self/exe", "worker"}, {{"total", total}, {"messages", messages}});
  if (!worker.wait().success()) {
    std::cerr << "the worker failed\n";
    return EXIT_FAILURE;
  }

  // Not get(): what the worker put is there by now, or will never be.
  std::cout << "Received from worker: " << messages.try_get().value_or("nothing") << '\n';
  std::cout << "Total after worker: " << total << '\n';
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
