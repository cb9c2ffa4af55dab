// A pool of workers that wait for three things at once: a job, the end, and, when there is neither for a while, a
// moment to tidy up. The end is an event: a worker finishes the job it is at, and stops at once if it waits.
//
// Jobs are leased: that of a worker that is killed goes to another one. It may then be done twice, so its result is
// stored, not added up.
//
//   c++ -std=c++17 worker_pool.cpp -o worker_pool $(pkg-config --cflags --libs mproc)
//
// prints
//   100 jobs done, the squares add up to 328350
//   3 workers have stopped
#include <mproc.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr int workers = 3;
constexpr std::size_t jobs_in_all = 100;

mproc::queue_options joinable() {
  mproc::queue_options options;
  options.joinable = true;
  return options;
}

// What the processes share.
struct pool {
  mproc::queue jobs{joinable()};
  mproc::event stop;
  mproc::array<long> results{jobs_in_all};
};

void tidy_up() {}

void work(pool& shared) {
  enum { stopping, job_waiting };  // the order of the items
  const mproc::wait_item items[] = {mproc::on_set(shared.stop), mproc::on_readable(shared.jobs)};
  for (;;) {
    const auto ready = mproc::wait_for(items, 500ms);
    if (!ready) tidy_up();
    if (ready.contains(stopping)) return;
    if (!ready.contains(job_waiting)) continue;
    // Ready is not taken: another worker may have been faster.
    if (auto job = shared.jobs.try_lease()) {
      const std::size_t number = std::stoul(job->value());
      shared.results.at(number) = static_cast<long>(number * number);
      job->ack();
    }
  }
}

}  // namespace

int main() try {
  pool shared;
  std::vector<pid_t> children;
  for (int i = 0; i < workers; ++i) {
    const pid_t child = fork();
    if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (child == 0) {
      try {
        work(shared);
        _exit(EXIT_SUCCESS);
      } catch (const std::exception& e) {
        std::cerr << "worker: " << e.what() << '\n';
        _exit(EXIT_FAILURE);
      }
    }
    children.push_back(child);
  }

  for (std::size_t i = 0; i < jobs_in_all; ++i) shared.jobs.put(std::to_string(i));
  const bool complete = shared.jobs.try_join_for(20s).has_value();  // without workers nobody would finish them
  shared.stop.set();
  int stopped = 0, status = 0;
  for (const pid_t child : children) stopped += waitpid(child, &status, 0) == child && status == 0;

  if (!complete) throw std::runtime_error("the jobs were not done in time");
  std::cout << jobs_in_all << " jobs done, the squares add up to "
            << std::accumulate(shared.results.begin(), shared.results.end(), 0L) << '\n'
            << stopped << " workers have stopped\n";
  return stopped == workers ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
