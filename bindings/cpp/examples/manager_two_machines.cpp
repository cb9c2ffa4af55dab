// A server and a client on two machines: the client takes jobs from the server's queue, and puts the results into its
// dict. Both have the same key, without which nobody gets in, and with which nobody can listen.
//
//   manager_two_machines key office.key                              once; bring the file to the other machine, too
//   manager_two_machines server tcp:10.0.0.1:7000 office.key         on one
//   manager_two_machines client tcp:10.0.0.1:7000 office.key         on the other
//
// Without arguments it is the server, and starts itself as the client, on this machine.
//
//   c++ -std=c++17 manager_two_machines.cpp -o manager_two_machines $(pkg-config --cflags --libs mproc)
//
// prints
//   server: ready
//   client: 10 jobs done, by requests
//   server: the squares are 0 1 4 9 16 25 36 49 64 81
#include <mproc.hpp>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>

namespace {

void client(const std::string& address, const std::string& file) {
  const auto office = mproc::manager::connect(address, mproc::key::load(file));
  auto line = mproc::pipe_end::open(office.domain(), "line", 1);
  auto jobs = mproc::queue::open(office.domain(), "jobs");
  auto squares = mproc::dict::open(office.domain(), "squares");
  int done = 0;
  for (; const auto job = jobs.next_datum(); ++done) {  // until the queue is shut down and empty
    const long n = job->as<long>();
    squares[n] = n * n;
  }
  std::cout << "client: " << done << " jobs done, " << (jobs.is_remote() ? "by requests" : "in memory") << std::endl;
  line.send("done");
}

// Serves until a client has come and gone. With `start_client` that is this program, too.
void server(const std::string& listen, const std::string& file, bool start_client) {
  const auto office = mproc::manager::start(listen, mproc::key::load(file));
  const auto squares = mproc::dict::create(office.domain(), "squares");
  auto line = mproc::pipe_end::create(office.domain(), "line", 0);
  auto jobs = mproc::queue::create(office.domain(), "jobs");
  for (int i = 0; i < 10; ++i) jobs.put_datum(i);
  jobs.shutdown();
  std::cout << "server: ready" << std::endl;
  if (start_client) {
    mproc::process other({"/proc/self/exe", "client", office.address(), file});
    if (!other.wait().success()) throw std::runtime_error("server: the client has failed");
  }

  // The line ends when the client has closed it, or is gone with its connection.
  bool done = false;
  while (line.next()) done = true;
  if (!done) throw std::runtime_error("server: the client has gone without a word");
  std::cout << "server: the squares are";
  for (int i = 0; i < 10; ++i) std::cout << ' ' << squares[i];
  std::cout << '\n';
}

// A key file for as long as this object lives.
class key_for_now {
 public:
  key_for_now() {
    std::string pattern = std::filesystem::temp_directory_path() / "two-machines-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    directory_ = pattern;
    mproc::key::generate().save(path());
  }
  key_for_now(const key_for_now&) = delete;
  key_for_now& operator=(const key_for_now&) = delete;
  ~key_for_now() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  std::string path() const { return directory_ / "office.key"; }

 private:
  std::filesystem::path directory_;
};

}  // namespace

int main(int argc, char** argv) try {
  const std::string role = argc > 1 ? argv[1] : "";
  if (argc == 1) server("tcp:127.0.0.1:0", key_for_now().path(), true);
  else if (argc == 3 && role == "key") mproc::key::generate().save(argv[2]);
  else if (argc == 4 && role == "server") server(argv[2], argv[3], false);
  else if (argc == 4 && role == "client") client(argv[2], argv[3]);
  else throw std::invalid_argument("usage: [key FILE | server ADDRESS FILE | client ADDRESS FILE]");
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
