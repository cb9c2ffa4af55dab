// An object of a type that the library does not have, statistics, behind procedures of a manager: only the server has
// it, and clients call what it can do. Three workers, programs of their own, record numbers; one of them is killed.
// (Here they are this program again, started with arguments.)
//
//   c++ -std=c++17 manager_procedure.cpp -o manager_procedure $(pkg-config --cflags --libs mproc) -pthread
//
// prints
//   2 of 3 workers have finished; text is refused: yes
//   {"count":300,"least":0,"most":299,"mean":149.5}
#include <mproc.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <mutex>
#include <string>
#include <vector>

namespace {

constexpr int workers = 3, each = 100;

// Procedures run in threads of the server's, several at a time: hence the mutex.
class statistics {
 public:
  long record(long number) {
    const std::lock_guard guard(mutex_);
    least_ = count_ == 0 ? number : std::min(least_, number);
    most_ = count_ == 0 ? number : std::max(most_, number);
    sum_ += number;
    return ++count_;
  }

  mproc::datum report() const {
    const std::lock_guard guard(mutex_);
    const double mean = count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
    return mproc::datum::map{{"count", count_}, {"least", least_}, {"most", most_}, {"mean", mean}};
  }

 private:
  mutable std::mutex mutex_;
  long count_ = 0, sum_ = 0, least_ = 0, most_ = 0;
};

void work(const std::string& address, int number) {
  const auto manager = mproc::manager::connect(address);
  for (int i = 0; i < each; ++i) manager.call("record", number * each + i);
  if (number == workers - 1) std::raise(SIGKILL);  // no goodbye
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 3) {
    work(argv[1], std::atoi(argv[2]));
    return EXIT_SUCCESS;
  }

  statistics seen;  // longer than the manager
  auto manager = mproc::manager::start();
  manager.register_procedure("record", [&](const mproc::datum& number) { return seen.record(number.as<long>()); });
  manager.register_procedure("report", [&](const mproc::datum&) { return seen.report(); });

  std::vector<mproc::process> started;
  for (int i = 0; i < workers; ++i) {
    started.emplace_back(std::vector<std::string>{"/proc/self/exe", manager.address(), std::to_string(i)});
  }
  int finished = 0;
  for (auto& worker : started) finished += worker.wait().success();

  // The server calls as a client does. What a procedure throws, its caller gets.
  bool refused = false;
  try {
    manager.call("record", "no number");
  } catch (const mproc::error& e) {
    refused = e.code() == mproc::errc::type_mismatch;
  }
  std::cout << finished << " of " << workers << " workers have finished; text is refused: " << (refused ? "yes" : "no")
            << '\n'
            << manager.call("report") << '\n';
  return finished == workers - 1 ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
