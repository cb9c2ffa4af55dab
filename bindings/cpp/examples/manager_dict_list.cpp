// A manager with a dict and a list, and a worker that is another program: it connects to the address that it is given,
// and changes both. (Here the other program is this one again, started with arguments.)
//
//   c++ -std=c++17 manager_dict_list.cpp -o manager_dict_list $(pkg-config --cflags --libs mproc)
//
// prints
//   {1: '1', '2': 2, 0.25: None}
//   [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
#include <mproc.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

namespace {

void work(const std::string& address, const std::string& dict_name, const std::string& list_name) {
  const auto manager = mproc::manager::connect(address);
  auto d = mproc::dict::open(manager.domain(), dict_name);
  auto l = mproc::list::open(manager.domain(), list_name);
  d[1] = "1";
  d["2"] = 2;
  d[0.25] = nullptr;
  l.reverse();
}

// As Python writes what can be in here.
void print(const mproc::datum& x) {
  const char* comma = "";
  switch (x.type()) {
    case mproc::datum_type::nil: std::cout << "None"; break;
    case mproc::datum_type::string: std::cout << '\'' << x.text() << '\''; break;
    case mproc::datum_type::list:
      std::cout << '[';
      for (const auto& item : x.as<mproc::datum::list>()) {
        std::cout << comma;
        print(item);
        comma = ", ";
      }
      std::cout << ']';
      break;
    case mproc::datum_type::map:
      std::cout << '{';
      for (const auto& [key, value] : x.as<mproc::datum::map>()) {
        std::cout << comma;
        print(key);
        std::cout << ": ";
        print(value);
        comma = ", ";
      }
      std::cout << '}';
      break;
    default: std::cout << x;  // numbers are the same as in JSON
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 4) {
    work(argv[1], argv[2], argv[3]);
    return EXIT_SUCCESS;
  }

  const auto manager = mproc::manager::start();
  const mproc::dict d(manager.domain());
  mproc::list l(manager.domain());
  for (int i = 0; i < 10; ++i) l.append(i);

  // Both are anonymous: these names are for whoever is told them.
  mproc::process worker({"/proc/self/exe", manager.address(), d.name(), l.name()});
  if (!worker.wait().success()) {
    std::cerr << "the worker failed\n";
    return EXIT_FAILURE;
  }

  print(d.copy());
  std::cout << '\n';
  print(l.copy());
  std::cout << '\n';
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
