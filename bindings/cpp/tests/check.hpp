// The few lines of test harness that the tests need: named tests, checks, forked children, a
// watchdog. A failed check ends its test; the tests go on.
#ifndef MPROC_TESTS_CHECK_HPP
#define MPROC_TESTS_CHECK_HPP

#include <mproc.hpp>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace check {

struct failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct test {
  const char* name;
  void (*body)();
};

inline std::vector<test>& tests() {
  static std::vector<test> all;
  return all;
}

struct registration {
  registration(const char* name, void (*body)()) { tests().push_back({name, body}); }
};

[[noreturn]] inline void fail(const char* file, int line, const std::string& what) {
  throw failure(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

// A child process; killed at the latest when this object goes, so that a failing test leaves nothing behind.
class child {
 public:
  template <class Body>
  explicit child(Body&& body) {
    const pid_t parent = ::getpid();
    std::fflush(stdout);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(3);
    int status = 0;
    try {
      std::forward<Body>(body)();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "  child: %s\n", e.what());
      status = 1;
    }
    ::_exit(status);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    if (pid_ > 0) kill();
  }

  pid_t pid() const { return pid_; }

  void signal(int number) const { ::kill(pid_, number); }

  void kill() {
    signal(SIGKILL);
    wait();
  }

  // The exit status, or minus the signal that ended it.
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

// Tells the other process "so far": a flag that cannot hang a test longer than its watchdog.
class signal_flag {
 public:
  void set() { flag_.store(true); }
  void wait() const {
    while (!flag_.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

 private:
  mproc::value<bool> flag_{false};
};

// A child that does that much and is killed; what the body returns lives until then.
template <class Body>
void kill_after(Body&& body) {
  signal_flag done;
  child victim([&] {
    [[maybe_unused]] const auto kept = std::forward<Body>(body)();
    done.set();
    for (;;) ::pause();
  });
  done.wait();
  victim.kill();
}

inline const char*& running() {
  static const char* name = "start";
  return name;
}

inline void watchdog(int) {
  const char* parts[] = {"hang in test \"", running(), "\"\n"};
  for (const char* part : parts) {
    if (::write(STDERR_FILENO, part, std::strlen(part)) < 0) break;
  }
  ::_exit(124);
}

struct totals {
  int passed;
  int failed;
};

inline void run_all(totals& sum) {
  std::signal(SIGALRM, watchdog);
  for (const test& t : tests()) {
    running() = t.name;
    std::string why;
    ::alarm(120);  // bounds a hang, not a duration: also enough under valgrind on a busy machine
    try {
      t.body();
    } catch (const std::exception& e) {
      why = e.what();
    }
    ::alarm(0);
    ++(why.empty() ? sum.passed : sum.failed);
    std::printf("%s  %s\n", why.empty() ? "ok  " : "FAIL", t.name);
    if (!why.empty()) std::printf("      %s\n", why.c_str());
    std::fflush(stdout);
  }
}

// Runs the tests in a child and a private domain, so that this process, which has not joined, can see
// that the domain can be removed afterwards.
inline int main() {
  void* memory = ::mmap(nullptr, sizeof(totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  totals& sum = *static_cast<totals*>(memory);
  const std::string directory = "/dev/shm/mproc-cpptest-" + std::to_string(::getpid());
  ::setenv("MPROC_DOMAIN", directory.c_str(), 1);

  child runner([&] { run_all(sum); });
  const int status = runner.wait();
  if (status != 0) {
    std::printf("FAIL  the test process ended with %d\n", status);
    ++sum.failed;
  }

  const char* const last = "nothing is left of the domain";
  try {
    mproc::domain::remove(directory);
    if (std::filesystem::exists(directory)) throw std::runtime_error("the directory is still there");
    ++sum.passed;
    std::printf("ok    %s\n", last);
  } catch (const std::exception& e) {
    ++sum.failed;
    std::printf("FAIL  %s\n      %s\n", last, e.what());
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }
  std::printf("%d passed, %d failed\n", sum.passed, sum.failed);
  return sum.failed == 0 ? 0 : 1;
}

}  // namespace check

#define CHECK_JOIN_(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN_(a, b)

// TEST("what it shows") { ... }
#define TEST(name) CHECK_TEST(name, CHECK_JOIN(test_, __LINE__))
#define CHECK_TEST(name, function)                                                  \
  static void function();                                                           \
  static const check::registration CHECK_JOIN(register_, function){name, function}; \
  static void function()

#define CHECK(...)                                                                \
  do {                                                                            \
    if (!(__VA_ARGS__)) check::fail(__FILE__, __LINE__, "not so: " #__VA_ARGS__); \
  } while (false)

// The expression throws an mproc::error with that code.
#define CHECK_THROWS(code_, ...)                                                                                  \
  do {                                                                                                            \
    bool thrown_ = false;                                                                                         \
    try {                                                                                                         \
      static_cast<void>(__VA_ARGS__);                                                                             \
    } catch (const mproc::error& e_) {                                                                            \
      thrown_ = true;                                                                                             \
      if (e_.code() != (code_)) check::fail(__FILE__, __LINE__, std::string(#__VA_ARGS__ " threw ") + e_.what()); \
    }                                                                                                             \
    if (!thrown_) check::fail(__FILE__, __LINE__, "did not throw: " #__VA_ARGS__);                                \
  } while (false)

#endif
