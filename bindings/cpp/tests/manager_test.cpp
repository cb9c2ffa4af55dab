// Managers: near, near by requests, and far; what the wrapper adds to each class there, keys, procedures, batches,
// tokens, and what is left when a server or a client is killed. The behaviour behind it is the library's, and tested
// there.
#include "family.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <mutex>
#include <numeric>
#include <optional>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using check::signal_flag;
using mproc::datum;
using mproc::errc;
using mproc::manager;

namespace {

// A directory of its own, gone with this object.
class directory {
 public:
  directory() {
    std::string pattern = "/tmp/mproc-cpptest-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;
  ~directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const char* name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

// How a client gets at a server.
enum class way { near, requests, far };

// A server in a process of its own: it serves until it is killed, or this object goes.
class server {
 public:
  server() : server([](manager&) {}) {}
  template <class Prepare>
  explicit server(Prepare prepare, const mproc::manager_options& options = {}, bool with_key = true)
      : secret_(mproc::key::generate()),
        process_([&] {
          std::string addresses = "unix:" + (here_ / "socket");
          if (with_key) addresses += ",tcp:127.0.0.1:0";
          auto made = with_key ? manager::start(addresses, secret_, options) : manager::start(addresses, {}, options);
          prepare(made);
          said_.put(made.address(0));
          said_.put(with_key ? made.address(1) : std::string());
          for (;;) ::pause();
        }) {
    near_ = said_.get();
    far_ = said_.get();
  }

  const mproc::key& secret() const { return secret_; }
  const std::string& near() const { return near_; }
  const std::string& far() const { return far_; }

  manager connect(way how, mproc::connect_options options = {}) const {
    options.proxy = how == way::requests;
    return manager::connect(how == way::far ? far_ : near_, secret_, options);
  }
  // One that does not try again when the connection is lost.
  manager connect_once(way how) const {
    mproc::connect_options options;
    options.reconnect = -1ns;
    return connect(how, options);
  }

  void kill() { process_.kill(); }

 private:
  directory here_;
  mproc::key secret_;
  mproc::queue said_;
  std::string near_, far_;
  check::child process_;
};

// The cable to a server's tcp address: it can be cut, and mended. Who has connected notices, who listens does not.
class cable {
 public:
  explicit cable(const std::string& address) : to_(loopback(address)) {
    sockaddr_in any = loopback("tcp:127.0.0.1:0");
    socklen_t size = sizeof any;
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&any), size) != 0 || ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&any), &size) != 0) {
      throw std::runtime_error("no cable");
    }
    address_ = "tcp:127.0.0.1:" + std::to_string(ntohs(any.sin_port));
    mend();
  }
  cable(const cable&) = delete;
  cable& operator=(const cable&) = delete;
  ~cable() { ::close(listener_); }

  const std::string& address() const { return address_; }

  void cut() { process_.reset(); }
  void mend() {
    process_.emplace([this] {
      for (;;) {
        const int client = ::accept(listener_, nullptr, nullptr);
        const int there = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::connect(there, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) != 0) ::_exit(1);
        std::thread(pass_on, client, there).detach();
        std::thread(pass_on, there, client).detach();
      }
    });
  }

 private:
  static sockaddr_in loopback(const std::string& address) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    return out;
  }

  static void pass_on(int from, int to) {
    char buffer[4096];
    for (ssize_t got; (got = ::read(from, buffer, sizeof buffer)) > 0;) {
      for (ssize_t sent = 0; sent < got;) {
        const ssize_t now = ::send(to, buffer + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
        if (now <= 0) return;
        sent += now;
      }
    }
    ::shutdown(to, SHUT_WR);
  }

  sockaddr_in to_;
  int listener_ = -1;
  std::string address_;
  std::optional<check::child> process_;
};

struct point {
  double x = 0, y = 0;
  friend bool operator==(const point& a, const point& b) { return a.x == b.x && a.y == b.y; }
};

enum class color : std::uint16_t { red = 1, green = 2 };

// Two clients of one server, who came in the same way.
template <class Body>
void for_each_way(Body body) {
  const server there;
  for (const way how : {way::near, way::requests, way::far}) {
    const manager one = there.connect(how), other = there.connect(how);
    // The names are of this way only: the server is the same.
    body(one, other, how != way::near);
    for (const auto& left : one.list()) one.domain().unlink(left.name);
  }
}

template <class T>
void scalar_round_trip(const manager& one, const manager& other, T first, T second) {
  auto v = mproc::value<T>::create(one.domain(), "scalar", first);
  auto w = mproc::value<T>::open(other.domain(), "scalar");
  CHECK(v.load() == first && w == first);
  v.store(second);
  CHECK(w.load() == second && w.exchange(first) == second && v == first);
  T expected = second;
  CHECK(!v.compare_exchange(expected, second) && expected == first);
  CHECK(v.compare_exchange(expected, second) && w.load() == second);
  CHECK(!w.wait_for(second, 0s) && w.wait_for(first, 10s));
  one.domain().unlink("scalar");
}

// The same operations on a value of a manager and on one here have the same results.
template <class T>
void integers_agree(const manager& one, T first) {
  mproc::value<T> near(first), there(one.domain(), first);
  const auto most = std::numeric_limits<T>::max();
  for (const T operand : {T(1), T(7), most, std::numeric_limits<T>::min()}) {
    CHECK(near.fetch_add(operand) == there.fetch_add(operand) && near.load() == there.load());
    CHECK(near.fetch_sub(T(3)) == there.fetch_sub(T(3)) && (near += operand) == (there += operand));
    CHECK((near -= T(5)) == (there -= T(5)) && ++near == ++there && near-- == there--);
    CHECK(near.fetch_max(operand) == there.fetch_max(operand) && near.fetch_min(T(9)) == there.fetch_min(T(9)));
    CHECK(near.fetch_xor(operand) == there.fetch_xor(operand) && (near |= T(6)) == (there |= T(6)));
    CHECK(near.fetch_and(T(14)) == there.fetch_and(T(14)) && near.load() == there.load());
  }
}

TEST("manager: scalar values, near and far") {
  for_each_way([](const manager& one, const manager& other, bool remote) {
    scalar_round_trip<int>(one, other, -5, 7);
    scalar_round_trip<std::uint64_t>(one, other, std::numeric_limits<std::uint64_t>::max(), 1);
    scalar_round_trip<double>(one, other, 1.5, -0.25);
    scalar_round_trip<bool>(one, other, true, false);
    scalar_round_trip<char>(one, other, 'a', 'z');
    scalar_round_trip<color>(one, other, color::red, color::green);
    scalar_round_trip<point>(one, other, point{1, 2}, point{3, 4});
    integers_agree<int>(one, 40);
    integers_agree<std::uint8_t>(one, 200);
    integers_agree<std::int64_t>(one, -1);
    integers_agree<std::uint64_t>(one, std::numeric_limits<std::uint64_t>::max() - 2);

    mproc::value<float> f(one.domain(), 1.5f);
    CHECK(f.fetch_add(2.0f) == 1.5f && (f -= 0.5f) == 3.0f && f.fetch_max(9.0f) == 3.0f && f == 9.0f);
    mproc::value<bool> b(one.domain());
    CHECK(!b.fetch_or(true) && b.fetch_xor(true) && !b.fetch_and(true) && !b);
    mproc::value<int> n(one.domain(), 3);
    CHECK(n.is_remote() == remote && n.name()[0] == '#' && n.info().elem_size == 4);
    CHECK(mproc::value<int>::open(other.domain(), n.name()) == 3);
    {
      const std::lock_guard guard(n.mutex());
      CHECK(n.mutex().owner());
    }
    CHECK(!n.mutex().owner());

    mproc::raw_value<point> raw(one.domain(), point{1, 2});
    raw.store(point{5, 6});
    CHECK(raw.load() == point{5, 6});
    if (remote) {
      CHECK_THROWS(errc::not_supported, raw->x);
      CHECK_THROWS(errc::not_supported, n.ptr());
      CHECK_THROWS(errc::not_supported, n.export_handle());
    } else {
      raw->x = 7;
      *n.ptr() = 8;
      CHECK(raw.load() == point{7, 6} && n == 8);
    }
    n.close();
    CHECK_THROWS(errc::invalid_argument, n.load());
    CHECK_THROWS(errc::invalid_argument, n.ptr());
    CHECK_THROWS(errc::invalid_argument, n.is_remote());
  });
}

TEST("manager: arrays, near and far") {
  for_each_way([](const manager& one, const manager& other, bool remote) {
    auto a = mproc::array<int>::create(one.domain(), "a", {2, 3}, {1, 2, 3});
    auto b = mproc::array<int>::open(other.domain(), "a");
    CHECK(b.shape() == mproc::shape({2, 3}) && b.size() == 6 && b.is_remote() == remote && b.name() == "a");
    b.set(4, 50);
    a.write(0, {10, 20});
    CHECK(b.read() == std::vector<int>{10, 20, 3, 0, 50, 0} && a.get(4) == 50 && a.index(1, 1) == 4);
    CHECK_THROWS(errc::out_of_range, a.get(6));
    CHECK_THROWS(errc::out_of_range, a.at(2, 0));
    CHECK_THROWS(errc::type_mismatch, mproc::array<double>::open(other.domain(), "a"));
    CHECK_THROWS(errc::already_exists, mproc::array<int>::create(other.domain(), "a", 6));
    CHECK_THROWS(errc::wrong_kind, mproc::queue::open(other.domain(), "a"));
    if (remote) {
      CHECK_THROWS(errc::not_supported, a.data());
      CHECK_THROWS(errc::not_supported, a.begin());
      CHECK_THROWS(errc::not_supported, a.at(0, 1));
    } else {
      a.at(0, 1) = 21;
      for (int& x : a) ++x;
      CHECK(b[1] == 22 && b.get(0) == 11);
    }
    mproc::array<point> points(one.domain(), 2, {{1, 2}});
    points.set(1, {3, 4});
    CHECK(points.get(0) == point{1, 2} && points.read(1, 1)[0] == point{3, 4});
    a.close();
    CHECK(a.data() == nullptr && a.begin() == a.end());
  });
}

TEST("manager: queues and pipes, near and far") {
  for_each_way([](const manager& one, const manager& other, bool remote) {
    auto put = mproc::queue::create(one.domain(), "jobs");
    auto get = mproc::queue::open(other.domain(), "jobs");
    CHECK(put.is_remote() == remote && get.name() == "jobs" && !get.try_get() && !get.try_get_for(1ms));
    family::thread producer([&] {
      put.put("first");
      put.put(std::string(100'000, 'x'));
      put.put_datum({1, "two"});
      put.put_many({"a", "b", "c"});
    });
    CHECK(get.get() == "first" && get.get() == std::string(100'000, 'x'));
    CHECK(get.get_datum() == datum::list{1, "two"});
    producer.join();
    CHECK(get.size() == 3 && get.get_many(10) == std::vector<std::string>{"a", "b", "c"} && get.empty());
    put.put("leased");
    {
      const auto lease = get.lease();
      CHECK(lease.value() == "leased" && get.empty());
    }
    auto again = get.lease();
    CHECK(again.redelivered() && again.value() == "leased");
    again.ack();
    if (remote) {
      CHECK_THROWS(errc::not_supported, put.reserve(8));
      CHECK_THROWS(errc::not_supported, get.peek());
    } else {
      auto room = put.reserve(2);
      std::memcpy(room.data(), "ok", 2);
      room.commit();
      CHECK(get.peek().view() == "ok");
      CHECK(get.get() == "ok");
    }
    mproc::cancel_token stop;
    family::thread waiter([&] { CHECK_THROWS(errc::canceled, get.get(stop)); });
    stop.set();
    waiter.join();
    put.shutdown();
    CHECK_THROWS(errc::closed, get.get());
    CHECK(!get.next());

    mproc::pipe ends(one.domain());
    CHECK(ends.end0.is_remote() == remote);
    ends.end0.send("ping");
    CHECK(ends.end1.recv() == "ping" && !ends.end1.try_recv());
    ends.end1.send_datum({nullptr, 2});
    CHECK(ends.end0.recv_datum() == datum::list{nullptr, 2});
    auto line = mproc::pipe_end::create(one.domain(), "line", 0);
    auto far_end = mproc::pipe_end::open(other.domain(), "line", 1);
    far_end.send("last words");
    far_end.close();
    CHECK(line.next() == "last words" && !line.next());
    CHECK_THROWS(errc::broken_pipe, line.send("nobody there"));
  });
}

TEST("manager: locks and meeting points, near and far") {
  for_each_way([](const manager& one, const manager& other, bool remote) {
    auto mutex = mproc::mutex::create(one.domain(), "mutex");
    auto theirs = mproc::mutex::open(other.domain(), "mutex");
    CHECK(mutex.is_remote() == remote && mutex.name() == "mutex" && theirs.name() == "mutex");
    std::uint64_t first = 0;
    {
      const std::lock_guard guard(mutex);
      first = mutex.token();
      CHECK(first > 0 && mutex.owner());
      // Near, both clients are this process; far, each is a holder of its own.
      CHECK(!theirs.try_lock() && !theirs.try_lock_for(1ms));
    }
    CHECK_THROWS(errc::not_owner, mutex.token());
    CHECK_THROWS(errc::not_owner, mutex.unlock());
    {
      const std::lock_guard guard(theirs);
      CHECK(theirs.token() > first && !theirs.recovered() && !theirs.lost());
    }

    mproc::recursive_mutex nested(one.domain());
    {
      const std::lock_guard outer(nested);
      const std::lock_guard inner(nested);
      CHECK(nested.info().count == 2 && nested.token() > 0);
      CHECK(!family::elsewhere([&] { return nested.try_lock(); }));
    }
    mproc::shared_mutex book(one.domain());
    {
      const std::shared_lock reader(book);
      CHECK(book.try_lock_shared() && !book.try_lock());
      book.unlock_shared();
    }
    {
      const std::lock_guard writer(book);
      CHECK(book.token() > 0 && !book.try_lock_shared());
    }

    mproc::semaphore permits(one.domain(), 2, {false, true, true});
    CHECK(permits.try_acquire() && permits.try_acquire() && !permits.try_acquire_for(1ms));
    permits.release(2);
    CHECK_THROWS(errc::overflow, permits.release());

    auto flag = mproc::event::create(one.domain(), "flag");
    auto seen = mproc::event::open(other.domain(), "flag");
    CHECK(!seen.is_set() && !seen.wait_for(1ms));
    family::thread setter([&] { flag.set(); });
    seen.wait();
    setter.join();
    CHECK(seen.is_set());
    seen.clear();
    CHECK(!flag.is_set());

    auto ready = mproc::condition::create(one.domain(), "ready");
    auto there = mproc::condition::open(other.domain(), "ready");
    mproc::value<int> count(one.domain());
    family::thread notifier([&] {
      const std::lock_guard guard(there.mutex());
      count = 1;
      there.notify_all();
    });
    {
      std::unique_lock lock(ready.mutex());
      ready.wait(lock, [&] { return count == 1; });
      CHECK(lock.owns_lock() && ready.wait_for(lock, 1ms) == std::cv_status::timeout);
    }
    notifier.join();
    auto bound_lock = mproc::mutex::create(one.domain(), "bound-lock");
    mproc::condition bound(one.domain(), {bound_lock});
    {
      std::unique_lock lock(bound_lock);
      CHECK(bound.wait_for(lock, 1ms) == std::cv_status::timeout && lock.owns_lock());
    }

    auto step = mproc::barrier::create(one.domain(), "step", 2);
    auto their_step = mproc::barrier::open(other.domain(), "step");
    bool merged = false;
    family::thread party([&] { their_step.arrive_and_wait([&] { merged = true; }); });
    step.arrive_and_wait([&] { merged = true; });
    party.join();
    CHECK(merged && !step.try_arrive_and_wait());
    step.abort();
    CHECK_THROWS(errc::broken_barrier, their_step.arrive_and_wait());
  });
}

TEST("manager: dict, list and namespace, near and far") {
  for_each_way([](const manager& one, const manager& other, bool remote) {
    mproc::dict d(one.domain(), {{"apple", 3}, {2, "two"}});
    auto e = mproc::dict::open(other.domain(), d.name());
    CHECK(d.is_remote() == remote && e["apple"] == 3 && e.size() == 2);
    ++e["apple"];
    d["apple"] += 2;
    d[0.25] = nullptr;
    CHECK(e["apple"] == 6 && e.to_json().find("apple") != std::string::npos && e.keys().back() == datum(0.25));
    CHECK(e.compare_exchange("apple", 6, mproc::absent) && !d.contains("apple") && !d.get("apple"));
    CHECK_THROWS(errc::not_found, d.at("apple"));
    CHECK(d.setdefault<int>("n", 5) == 5 && d.pop("n") == datum(5) && d.erase(2) && !d.erase(2));
    d["big"] = std::string(50'000, 'x');
    CHECK(e.at<std::string>("big").size() == 50'000 && e.popitem()->first == datum("big"));
    d["orders"] = mproc::new_list;
    auto orders = e.get_list("orders");
    orders.append({"pear", 1});
    CHECK(orders.is_remote() == remote && d.get_list("orders")[0] == datum::list{"pear", 1});
    d.append_to("orders", 2);
    CHECK(d.deep_copy()["orders"].size() == 2);
    e.update(datum::map{{"x", 1}, {"y", 2}});
    std::size_t met = 0;
    for (const auto& [k, v] : e) met += !k.is_nil() || !v.is_nil();
    CHECK(met == d.size() && d.items().size() == met && d.arena().info().used_bytes > 0);

    mproc::list l(one.domain(), {1, "two", {3.0, nullptr}});
    auto m = mproc::list::open(other.domain(), l.name());
    m.append("four");
    l.reverse();
    CHECK(m.items() == datum::list{"four", datum::list{3.0, nullptr}, "two", 1} && m[-1] == 1 && l.pop() == 1);
    CHECK_THROWS(errc::out_of_range, m.at(7));
    m.assign_slice(0, 2, {5, 4});
    m.erase(-1);
    m.sort();
    CHECK(l.slice<int>() == std::vector<int>{4, 5} && l.index(5) == 1u && l.count(4) == 1);
    l.extend(std::vector<int>{1, 2});
    l.extend_from(l);
    CHECK(m.size() == 8 && m.contains(2) && std::vector<datum>(m.begin(), m.end()).size() == 8);

    auto config = mproc::name_space::create(one.domain(), "config");
    auto same = mproc::name_space::create_or_open(other.domain(), "config");
    CHECK(!config.existed() && same.existed());
    config["rate"] = 0.5;
    CHECK(same["rate"] == 0.5 && same.get_or("missing", 7) == 7 && same.items().size() == 1 && same.erase("rate"));
  });
}

TEST("manager: fencing tokens refuse who is late") {
  for_each_way([](const manager& one, const manager& other, bool) {
    auto mutex = mproc::mutex::create(one.domain(), "guard");
    auto next = mproc::mutex::open(other.domain(), "guard");
    mproc::dict d(one.domain());
    mproc::list l(one.domain(), {0});
    mproc::name_space n(one.domain());
    mproc::queue q(one.domain());
    mutex.lock();
    const std::uint64_t late = mutex.token();
    mutex.unlock();
    next.lock();
    const std::uint64_t now = next.token();
    next.unlock();

    d.set_if_token("a", 1, late);
    d.set_if_token("a", 2, now);
    CHECK_THROWS(errc::fenced, d.set_if_token("a", 3, late));
    CHECK_THROWS(errc::fenced, d.erase_if_token("a", late));
    CHECK(d["a"] == 2 && d.erase_if_token("a", now) && !d.erase_if_token("a", now));
    l.append_if_token(1, now);
    l.set_if_token(0, 5, now);
    CHECK_THROWS(errc::fenced, l.append_if_token(2, late));
    CHECK_THROWS(errc::fenced, l.set_if_token(0, 6, late));
    CHECK(l.slice<int>() == std::vector<int>{5, 1});
    n.set_if_token("rate", 1, now);
    CHECK_THROWS(errc::fenced, n.set_if_token("rate", 2, late));
    CHECK(n["rate"] == 1 && n.erase_if_token("rate", now));
    q.put_if_token("new", now);
    CHECK_THROWS(errc::fenced, q.put_if_token("old", late));
    CHECK(q.try_put_if_token("newer", now) && q.try_put_if_token_for("newest", now, 1s));
    CHECK(q.get_many(9) == std::vector<std::string>{"new", "newer", "newest"});
    CHECK_THROWS(errc::invalid_argument, d.set_if_token("a", 1, 0));
  });
}

TEST("manager: batches") {
  for_each_way([](const manager& one, const manager&, bool) {
    mproc::dict d(one.domain(), {{"apple", 3}});
    mproc::list l(one.domain(), {"zero"});
    mproc::name_space n(one.domain());
    mproc::queue q(one.domain());
    mproc::value<int> v(one.domain(), 10);
    mproc::value<std::uint64_t> u(one.domain(), std::numeric_limits<std::uint64_t>::max());
    mproc::event flag(one.domain());
    mproc::operation_batch batch(one);
    const auto apple = batch.get(d, "apple");
    const auto pear = batch.set(d, "pear", {1, 2});
    const auto sum = batch.add(d, "apple", 4);
    const auto missing = batch.get(d, "nothing");
    const auto gone = batch.erase(d, "pear");
    batch.append(l, "one");
    batch.set(l, 0, "null");
    const auto last = batch.get(l, -1);
    const auto beyond = batch.get(l, 9);
    batch.set(n, "rate", 0.5);
    const auto rate = batch.get(n, "rate");
    batch.try_put(q, "message");
    const auto taken = batch.try_get(q);
    const auto empty = batch.try_get(q);
    const auto before = batch.fetch_add(v, 5);
    batch.fetch_sub(v, 1);
    const auto wrapped = batch.fetch_add(u, std::uint64_t{1});
    batch.set(flag);
    CHECK(apple == 0 && pear == 1 && batch.size() == 18 && d["apple"] == 3);
    batch.run();
    CHECK(batch.result<int>(apple) == 3 && batch.result(pear).is_nil() && batch.result<int>(sum) == 7);
    CHECK(batch.status(missing) == errc::not_found && batch.status(beyond) == errc::out_of_range);
    CHECK(!batch.status(gone) && !d.contains("pear"));
    CHECK_THROWS(errc::not_found, batch.result(missing));
    CHECK(batch.result<std::string>(last) == "one" && batch.result<double>(rate) == 0.5);
    const std::string message = "message";
    CHECK(batch.result<std::vector<char>>(taken) == std::vector<char>(message.begin(), message.end()));
    CHECK(batch.status(empty) == errc::timed_out && batch.result<int>(before) == 10);
    CHECK(!batch.status(wrapped) && u == 0 && v == 14 && flag.is_set() && !d.contains("pear") && l[0] == "null");
    batch.reset();
    CHECK(batch.size() == 0);
    for (int i = 0; i < 1000; ++i) batch.append(l, i);
    batch.run();
    CHECK(l.size() == 1002 && l[-1] == 999);
    CHECK_THROWS(errc::invalid_argument, batch.append(l, 1));  // it has run
    CHECK_THROWS(errc::out_of_range, batch.result(1000));
    CHECK_THROWS(errc::out_of_range, batch.status(1000));
    batch.reset();
    auto moved = std::move(batch);
    moved.reset();
    moved.set(d, "moved", true);
    moved.run();
    CHECK(d["moved"] == true && !moved.status(0) && batch.size() == 0);
    CHECK_THROWS(errc::invalid_argument, batch.run());
  });
}

TEST("manager: procedures") {
  std::atomic<int> calls{0};
  signal_flag go_on;
  directory here;
  const mproc::key secret = mproc::key::generate();
  auto office = manager::start("unix:" + (here / "socket") + ",tcp:127.0.0.1:0", secret);
  office.register_procedure("sum", [](const datum& numbers) {
    const auto all = numbers.as<std::vector<double>>();
    return std::accumulate(all.begin(), all.end(), 0.0);
  });
  office.register_procedure("count", [&calls](const datum&) { ++calls; });
  office.register_procedure("echo", [](const datum& x) -> const datum& { return x; });
  office.register_procedure("refuse", [](const datum&) -> int {
    throw mproc::error(errc::out_of_range, "not that one");
  });
  office.register_procedure("fail", [](const datum&) -> int { throw std::runtime_error("no good"); });
  office.register_procedure("throw", [](const datum&) -> int { throw 5; });
  office.register_procedure("wait", [&go_on](const datum&) { go_on.wait(); });
  // A state that lives as long as the server.
  office.register_procedure("next", [n = std::make_unique<std::atomic<int>>(0)](const datum&) { return ++*n; });
  CHECK_THROWS(errc::already_exists, office.register_procedure("sum", [](const datum&) {}));
  CHECK(office.info().procedures == 8);

  check::child client([&] {
    for (const auto& address : {office.address(0), office.address(0) + "?memory=never", office.address(1)}) {
      const auto there = manager::connect(address, secret);
      CHECK(there.call("sum", {1, 2.5, 3}) == 6.5 && there.call("count").is_nil());
      const std::string long_text(200'000, 'x');
      CHECK(there.call("echo", long_text) == long_text && there.call("echo", datum::map{{1, nullptr}})[1].is_nil());
      CHECK_THROWS(errc::not_found, there.call("nothing"));
      CHECK_THROWS(errc::out_of_range, there.call("refuse"));
      CHECK_THROWS(errc::invalid_argument, there.call("fail"));
      for (const auto& [name, text] : {std::pair{"refuse", "not that one"}, std::pair{"fail", "no good"}}) {
        try {
          there.call(name);
        } catch (const mproc::error& e) {
          CHECK(std::string(e.what()).find(text) != std::string::npos);
        }
      }
      CHECK_THROWS(errc::panic, there.call("throw"));
      CHECK_THROWS(errc::type_mismatch, there.call("sum", "no numbers"));
      CHECK(there.try_call_for("echo", 5, 10s) == datum(5) && !there.try_call_for("wait", nullptr, 1ms));
      mproc::cancel_token stop;
      stop.set();
      CHECK_THROWS(errc::canceled, there.call("wait", nullptr, stop));
      there.call("next");
    }
  });
  const int status = client.wait();
  go_on.set();
  CHECK(status == 0 && calls == 3 && office.call("next") == 4);
  CHECK_THROWS(errc::not_supported,
               manager::connect(office.address(0), secret).register_procedure("mine", [](const datum&) {}));
  auto moved = std::move(office);
  CHECK(moved.call("echo", "moved") == "moved");
  CHECK_THROWS(errc::invalid_argument, office.call("echo"));
}

TEST("manager: keys and their files") {
  directory here;
  const auto path = here / "office.key";
  const auto secret = mproc::key::generate();
  secret.save(path);
  CHECK_THROWS(errc::already_exists, secret.save(path));
  struct stat facts {};
  CHECK(::stat(path.c_str(), &facts) == 0 && (facts.st_mode & 0777) == 0600);
  const auto loaded = mproc::key::load(path);
  CHECK(std::memcmp(loaded.native().bytes, secret.native().bytes, sizeof(mproc_key_t)) == 0);
  CHECK(std::memcmp(mproc::key::generate().native().bytes, secret.native().bytes, sizeof(mproc_key_t)) != 0);
  ::chmod(path.c_str(), 0644);
  CHECK_THROWS(errc::access_denied, mproc::key::load(path));
  CHECK_THROWS(errc::not_found, mproc::key::load(here / "nothing"));
  const auto bad = here / "bad.key";
  std::ofstream(bad) << "not a key\n";
  ::chmod(bad.c_str(), 0600);
  CHECK_THROWS(errc::invalid_argument, mproc::key::load(bad));
  CHECK_THROWS(errc::bad_name, mproc::key::load(std::string("a\0b", 3)));
}

TEST("manager: who has no key, or another one, is refused") {
  directory here;
  CHECK_THROWS(errc::refused, manager::start("tcp:127.0.0.1:0"));
  const server there;
  for (const auto& address : {there.near(), there.far()}) {
    CHECK_THROWS(errc::refused, manager::connect(address));
    CHECK_THROWS(errc::refused, manager::connect(address, mproc::key::generate()));
    manager::connect(address, there.secret()).ping();
  }
  CHECK_THROWS(errc::connection, manager::connect("unix:" + (here / "nobody")));
  CHECK_THROWS(errc::invalid_argument, manager::connect("office"));
  // Without a key, a unix socket takes this user.
  const server open([](manager&) {}, {}, false);
  manager::connect(open.near()).ping();
}

TEST("manager: what it says of itself") {
  const server there([](manager& m) {
    for (const char* name : {"b", "a"}) {
      static std::vector<mproc::dict> kept;
      kept.push_back(mproc::dict::create(m.domain(), name));
    }
  });
  for (const way how : {way::near, way::requests, way::far}) {
    const auto client = there.connect(how);
    client.ping();
    client.ping_for(10s);
    const auto info = client.info();
    CHECK(info.pid != static_cast<std::uint32_t>(::getpid()) && info.clients >= 1 && info.objects >= 2);
    const auto queue = mproc::queue::create_or_open(client.domain(), "c");
    const auto all = client.list();
    CHECK(all.size() == 3 && all[0].name == "a" && all[1].name == "b" && all[2].name == "c");
    CHECK(all[0].kind == mproc::object_kind::dict && all[2].kind == mproc::object_kind::queue);
    CHECK(all[2].clients >= 1 && all[2].bytes > 0);
    client.domain().unlink("c");
    CHECK_THROWS(errc::not_found, client.domain().unlink("c"));
    CHECK(client.address().rfind(how == way::far ? there.far() : there.near(), 0) == 0);
    CHECK_THROWS(errc::not_found, client.address(1));
    CHECK(client.list().size() == 2);
  }
}

TEST("manager: a private place, and the objects of a manager that goes away") {
  auto office = manager::start();
  const std::string address = office.address();
  CHECK(address.rfind("unix:", 0) == 0);
  CHECK_THROWS(errc::not_found, office.address(1));
  // The domain is a view: it can be moved, and ends nothing.
  auto view = office.domain();
  const mproc::domain moved = std::move(view);
  mproc::dict kept(moved, {{1, "one"}});
  const mproc::dict other(office.domain());
  CHECK(!kept.is_remote() && moved.native_handle() != nullptr && view.native_handle() == nullptr);
  CHECK_THROWS(errc::invalid_argument, mproc::domain::borrowed(nullptr));
  check::child client([&] {
    mproc::dict::open(manager::connect(address).domain(), kept.name())[2] = "two";
  });
  CHECK(client.wait() == 0 && kept[2] == "two");
  // A fork of the server's process is a client, and ends nothing either.
  check::child fork([&] {
    kept["forked"] = true;
    office.ping();
    office.close();
  });
  CHECK(fork.wait() == 0 && kept["forked"] == true);
  office.ping();
  office.close();
  CHECK_THROWS(errc::invalid_argument, office.domain());
  CHECK_THROWS(errc::connection, manager::connect(address));
  kept[3] = "three";
  CHECK(kept.size() == 4);
  mproc::dict nobodys;
  CHECK(!nobodys.is_remote());
  CHECK_THROWS(errc::not_found, nobodys.name());
}

TEST("manager: anonymous objects go with their clients, named ones stay") {
  const server there;
  for (const way how : {way::near, way::requests, way::far}) {
    const auto client = there.connect(how);
    mproc::queue name_of_it;
    signal_flag look;
    check::child other([&] {
      const auto mine = there.connect(how);
      const mproc::list anonymous(mine.domain(), {1, 2, 3});
      auto named = mproc::list::create(mine.domain(), "named");
      named.append("stays");
      name_of_it.put(anonymous.name());
      for (;;) ::pause();
    });
    const std::string name = name_of_it.get();
    CHECK(mproc::list::open(client.domain(), name).size() == 3);
    other.kill();
    family::eventually([&] {
      try {
        mproc::list::open(client.domain(), name);
        return false;
      } catch (const mproc::error& e) {
        if (e.code() != errc::not_found) throw;
        return true;
      }
    });
    CHECK(mproc::list::open(client.domain(), "named")[0] == "stays");
    client.domain().unlink("named");
  }
}

TEST("manager: the lock of a client that was killed passes on") {
  const server there;
  for (const way how : {way::near, way::requests, way::far}) {
    const auto client = there.connect(how);
    auto mutex = mproc::mutex::create(client.domain(), "guard");
    mproc::semaphore permits = mproc::semaphore::create(client.domain(), "permits", 1, {false, true, true, true});
    check::kill_after([&] {
      auto mine = std::make_unique<manager>(there.connect(how));
      auto held = mproc::mutex::open(mine->domain(), "guard");
      auto permit = mproc::semaphore::open(mine->domain(), "permits");
      held.lock();
      permit.acquire();
      return std::make_tuple(std::move(mine), std::move(held), std::move(permit));
    });
    bool told = false;
    mutex.on_recovered([&] { told = true; });
    mutex.lock();
    CHECK(mutex.recovered() && told);
    mutex.unlock();
    permits.acquire();
    permits.release();
    client.domain().unlink("guard");
    client.domain().unlink("permits");
  }
}

TEST("manager: a server that was killed") {
  for (const way how : {way::near, way::requests, way::far}) {
    server there;
    const auto client = there.connect_once(how);
    mproc::dict d(client.domain(), {{"a", 1}});
    mproc::mutex mutex(client.domain());
    mproc::queue queue(client.domain());
    if (how == way::near) {
      mutex.lock();
      there.kill();
      mutex.unlock();
      d["a"] = 2;
      CHECK(d["a"] == 2 && !mutex.lost());
    } else {
      family::thread waiter([&] { CHECK_THROWS(errc::connection, queue.get()); });
      {
        const std::lock_guard guard(mutex);
        there.kill();
        CHECK_THROWS(errc::connection, d.at("a"));
      }  // does not end the program
      CHECK(mutex.lost());
      waiter.join();
      CHECK_THROWS(errc::connection, mutex.lock());
    }
    CHECK_THROWS(errc::connection, client.ping());
    CHECK_THROWS(errc::connection, mproc::dict(client.domain()));
    CHECK_THROWS(errc::connection, there.connect(how));
  }
}

TEST("manager: a connection that is lost is made again, but what was held is not") {
  const server there;
  cable line(there.far());
  mproc::connect_options options;
  options.reconnect = 30s;
  const auto client = manager::connect(line.address(), there.secret(), options);
  const auto other = there.connect(way::near);
  auto d = mproc::dict::create(client.domain(), "d");
  auto mutex = mproc::mutex::create(client.domain(), "mutex");
  auto book = mproc::shared_mutex::create(client.domain(), "book");
  auto theirs = mproc::mutex::open(other.domain(), "mutex");
  for (int round = 0; round < 3; ++round) {
    mutex.lock();
    {
      const std::lock_guard guard(book);
      const auto late = mutex.token();
      line.cut();
      // Nobody told this client, but the others have gone on.
      theirs.lock();
      CHECK(theirs.recovered() && theirs.token() > late);
      mproc::dict::open(other.domain(), "d").set_if_token("n", round, theirs.token());
      theirs.unlock();
      line.mend();
      CHECK(d["n"] == round);
      CHECK_THROWS(errc::fenced, d.set_if_token("n", -1, late));
      CHECK(d["n"] == round);
    }
    CHECK(book.lost());
    mutex.unlock();
    CHECK(mutex.lost());
    const std::lock_guard guard(mutex);
    CHECK(!mutex.recovered());
  }
  CHECK(!mutex.lost());
}

TEST("manager: waiting for many things, near or far") {
  for_each_way([](const manager& one, const manager& other, bool remote) {
    auto flag = mproc::event::create(one.domain(), "flag");
    auto jobs = mproc::queue::create(one.domain(), "jobs");
    auto theirs = mproc::queue::open(other.domain(), "jobs");
    auto seen = mproc::value<int>::create(one.domain(), "seen", 7);
    const mproc::mutex guard(one.domain());
    const mproc::pipe line(one.domain());
    const std::vector<mproc::wait_item> items{mproc::on_set(flag),           mproc::on_readable(jobs),
                                              mproc::on_change(seen, 7),     mproc::on_readable(line.end1),
                                              mproc::on_closed(line.end0)};
    CHECK(!mproc::wait_for(items, 1ms));
    CHECK(mproc::wait_for({mproc::on_set(flag), mproc::on_free(guard)}, 10s).contains(1));
    {
      family::thread producer([&] { theirs.put("work"); });
      const auto ready = mproc::wait(items);
      producer.join();
      CHECK(ready.size() == 1 && ready.contains(1) && jobs.try_get() == "work");
    }
    {
      family::thread writer([&] {
        auto same = mproc::value<int>::open(other.domain(), "seen");
        same = 8;
        same.notify_all();
      });
      CHECK(mproc::wait(items).contains(2));
      writer.join();
    }
    mproc::cancel_token stop;
    stop.set();
    CHECK_THROWS(errc::canceled, mproc::wait({mproc::on_set(flag)}, stop));
    const mproc::event here;
    if (remote) CHECK_THROWS(errc::not_supported, mproc::wait_for({mproc::on_set(flag), mproc::on_set(here)}, 1ms));
  });
}

TEST("manager: limits") {
  mproc::manager_options options;
  options.client_objects = 2;
  const server there([](manager&) {}, options);
  const auto client = there.connect(way::far);
  const mproc::event one(client.domain());
  {
    const mproc::event two(client.domain());
    CHECK_THROWS(errc::quota, mproc::event(client.domain()));
  }
  const mproc::event again(client.domain());
}

}  // namespace
