// A list of a manager's, to which another program appends. (Here the other program is this one again, started with an
// argument.)
//
//   c++ -std=c++17 manager_list.cpp -o manager_list $(pkg-config --cflags --libs mproc)
//
// prints
//   Shared list after worker modification: ['Data from worker']
#include <mproc.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

int main(int argc, char** argv) try {
  if (argc == 2) {
    const auto manager = mproc::manager::connect(argv[1]);
    mproc::list::open(manager.domain(), "shared").append("Data from worker");
    return EXIT_SUCCESS;
  }

  const auto manager = mproc::manager::start();
  const auto shared = mproc::list::create(manager.domain(), "shared");
  mproc::process worker({"/proc/self/exe", manager.address()});
  if (!worker.wait().success()) {
    std::cerr << "the worker failed\n";
    return EXIT_FAILURE;
  }

  std::cout << "Shared list after worker modification: [";
  const char* comma = "";
  for (const auto& text : shared.items<std::string>()) {
    std::cout << comma << '\'' << text << '\'';
    comma = ", ";
  }
  std::cout << "]\n";
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
