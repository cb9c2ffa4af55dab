// A double and an int array shared with a worker process, which sets the one and negates the other.
//
//   c++ -std=c++17 value_and_array.cpp -o value_and_array $(pkg-config --cflags --libs mproc)
//
// prints
//   3.1415927
//   [0, -1, -2, -3, -4, -5, -6, -7, -8, -9]
#include <mproc.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <system_error>

namespace {

void negate(mproc::value<double>& number, mproc::array<int>& list) {
  number = 3.1415927;
  for (int& n : list) n = -n;
}

}  // namespace

int main() try {
  mproc::value<double> number(0.0);
  mproc::array<int> list(10);
  std::iota(list.begin(), list.end(), 0);

  // The worker uses what it inherited; _exit, because the parent's streams are not its to flush.
  const pid_t worker = fork();
  if (worker < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (worker == 0) {
    negate(number, list);
    _exit(EXIT_SUCCESS);
  }
  waitpid(worker, nullptr, 0);

  std::cout << std::setprecision(8) << number << "\n[";
  const char* separator = "";
  for (const int n : list) {
    std::cout << separator << n;
    separator = ", ";
  }
  std::cout << "]\n";
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
