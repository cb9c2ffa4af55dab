// What mproc.hpp adds to mproc.h: types, exceptions, time, cancelling, and how RECOVERED surfaces; with
// real processes where it matters. The behaviour behind it is the library's, and tested there.
#include "check.hpp"

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <limits>
#include <mutex>
#include <numeric>
#include <ratio>
#include <string_view>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using check::signal_flag;
using mproc::errc;

// Defined in second_unit.cpp.
const std::error_category* second_unit_category();
int second_unit_work(mproc::value<int>&, mproc::array<int>&, mproc::queue&, mproc::pipe&);
void second_unit_throws();

namespace {

struct point {
  double x = 0, y = 0;
  std::int32_t n = 0, spare = 0;
  friend bool operator==(const point& a, const point& b) {
    return a.x == b.x && a.y == b.y && a.n == b.n && a.spare == b.spare;
  }
};

struct alignas(64) line {
  std::uint64_t word[8] = {};
};

enum class color : std::uint16_t { red = 1, green = 2 };

static_assert(mproc::is_shareable<point> && mproc::is_shareable<line> && mproc::is_shareable<color>);
static_assert(mproc::is_shareable<bool> && mproc::is_shareable<char32_t> && mproc::is_shareable<std::byte>);
static_assert(mproc::is_shareable<std::array<char, 100>> && mproc::is_shareable<unsigned long long>);
static_assert(!mproc::is_shareable<int*> && !mproc::is_shareable<std::string> && !mproc::is_shareable<long double>);

template <class T, class = void>
struct is_timed_lockable : std::false_type {};
template <class T>
struct is_timed_lockable<
    T, std::void_t<decltype(std::declval<T&>().lock()), decltype(std::declval<T&>().unlock()),
                   std::enable_if_t<std::is_same_v<bool, decltype(std::declval<T&>().try_lock())>>,
                   std::enable_if_t<std::is_same_v<bool, decltype(std::declval<T&>().try_lock_for(1s))>>,
                   std::enable_if_t<std::is_same_v<bool, decltype(std::declval<T&>().try_lock_until(
                                                             std::chrono::system_clock::now()))>>>>
    : std::true_type {};
static_assert(is_timed_lockable<mproc::mutex>::value && is_timed_lockable<mproc::lock>::value);
static_assert(is_timed_lockable<mproc::value<int>::mutex_type>::value);
static_assert(is_timed_lockable<mproc::array<point>::mutex_type>::value);

// A child that takes the lock, changes nothing else and never comes back.
template <class Mutex>
void kill_a_holder(Mutex& mutex) {
  check::kill_after([&] {
    mutex.lock();
    return 0;
  });
}

template <class T>
void round_trip(T first, T second) {
  mproc::value<T> v(first);
  CHECK(v.load() == first);
  v.store(second);
  CHECK(v == second);
  CHECK(v.exchange(first) == second);
  T expected = second;
  CHECK(!v.compare_exchange(expected, second) && expected == first);
  CHECK(v.compare_exchange(expected, second) && v.load() == second);
  T through_c{};
  CHECK(mproc_value_load(v.native_handle(), &through_c, sizeof through_c) == MPROC_OK && through_c == second);
  CHECK(v.info().elem_size == sizeof(T));
}

TEST("errors: codes, conditions and texts") {
  CHECK(std::string(mproc::category().name()) == "mproc");
  CHECK(mproc::make_error_code(errc::closed).message() == mproc_strerror(MPROC_ECLOSED));
  CHECK(mproc::make_error_code(errc::timed_out) == std::errc::timed_out);
  CHECK(mproc::make_error_code(errc::canceled) == std::errc::operation_canceled);
  CHECK(mproc::make_error_code(errc::corrupt) != std::errc::invalid_argument);
  const std::error_code code = errc::busy;
  CHECK(code.value() == MPROC_EBUSY && code.category() == mproc::category());
  try {
    mproc::mutex::open("nobody-made-this");
    CHECK(!"opened");
  } catch (const std::system_error& e) {
    CHECK(e.code() == errc::not_found && e.code() == std::errc::no_such_file_or_directory);
    mproc_error_t last{};
    CHECK(mproc_last_error(&last, sizeof last) == MPROC_OK && last.status == MPROC_ENOENT);
    const std::string what = e.what();
    CHECK(what.find(last.message) != std::string::npos);
    CHECK(what.find(mproc_strerror(MPROC_ENOENT)) != std::string::npos);
    CHECK(what.find("mproc_lock_open") != std::string::npos);
  }
  CHECK_THROWS(errc::bad_name, mproc::mutex::create("a/b"));
  CHECK_THROWS(errc::bad_name, mproc::mutex::create(std::string("a\0b", 3)));
}

TEST("errors: sys_errno of the call behind it") {
  try {
    mproc::domain::open("/proc/no-domain-here");
    CHECK(!"opened");
  } catch (const mproc::error& e) {
    mproc_error_t last{};
    mproc_last_error(&last, sizeof last);
    CHECK(e.code().value() == last.status && e.sys_errno() == last.sys_errno);
  }
}

TEST("durations become nanoseconds: rounded up, saturating, never negative") {
  using mproc::detail::to_ns;
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  CHECK(to_ns(0ns) == 0 && to_ns(-1ns) == 0 && to_ns(1ns) == 1 && to_ns(3s) == 3'000'000'000);
  CHECK(to_ns(std::chrono::nanoseconds::max()) == most && to_ns(std::chrono::nanoseconds::min()) == 0);
  CHECK(to_ns(std::chrono::hours::max()) == most && to_ns(std::chrono::seconds::max()) == most);
  CHECK(to_ns(std::chrono::duration<double>(0.25)) == 250'000'000);
  CHECK(to_ns(std::chrono::duration<double>(1e300)) == most);
  CHECK(to_ns(std::chrono::duration<double>(INFINITY)) == most && to_ns(std::chrono::duration<double>(-INFINITY)) == 0);
  CHECK(to_ns(std::chrono::duration<double>(std::nan(""))) == 0);
  CHECK(to_ns(std::chrono::duration<int, std::pico>(1)) == 1 && to_ns(std::chrono::duration<int, std::pico>(1001)) == 2);
  CHECK(to_ns(std::chrono::duration<int, std::ratio<1, 3>>(1)) == 333'333'334);
  CHECK(to_ns(std::chrono::duration<unsigned, std::milli>(~0u)) == 4'294'967'295'000'000);
  CHECK(to_ns(std::chrono::duration<long, std::exa>(1)) == most);
}

TEST("domain: default, by path, anonymous") {
  const mproc::domain standard;
  CHECK(standard.path() == std::getenv("MPROC_DOMAIN"));
  CHECK(standard.self().pid == ::getpid() && standard.self().is_self == 1);
  const auto again = mproc::domain::open(standard.path());
  CHECK(again.id() == standard.id());
  CHECK_THROWS(errc::busy, mproc::domain::remove(standard.path()));
  CHECK_THROWS(errc::not_found, standard.unlink("nothing"));
  CHECK_THROWS(errc::invalid_argument, mproc::domain::open("relative/path"));
  mproc::domain_options existing;
  existing.existing = true;
  CHECK_THROWS(errc::not_found, mproc::domain::open(standard.path() + "-other", existing));

  const auto private_domain = mproc::domain::anonymous();
  CHECK(private_domain.path().empty() && private_domain.id() != standard.id());
  mproc::value<int> inside(private_domain, 5);
  CHECK(inside == 5);
  CHECK_THROWS(errc::not_supported, private_domain.unlink("x"));
}

TEST("domain: another directory, objects keep it alive, remove") {
  const std::string path = mproc::domain().path() + "-second";
  check::child user([&] {
    mproc::domain_options options;
    options.busy_timeout = 2s;
    auto domain = std::make_unique<mproc::domain>(mproc::domain::open(path, options));
    auto counter = mproc::value<int>::create(*domain, "counter", 1);
    CHECK_THROWS(errc::not_found, mproc::value<int>::open("counter"));  // not in the default domain
    CHECK(mproc::value<int>::open(*domain, "counter") == 1);
    domain.reset();
    CHECK(++counter == 2);
  });
  CHECK(user.wait() == 0);
  mproc::domain::remove(path);
  CHECK(!std::filesystem::exists(path));
}

TEST("names: create, open, create_or_open, unlink, other kinds") {
  auto made = mproc::mutex::create("thing");
  CHECK(!made.existed());
  CHECK_THROWS(errc::already_exists, mproc::mutex::create("thing"));
  CHECK(mproc::mutex::create_or_open("thing").existed());
  CHECK_THROWS(errc::wrong_kind, mproc::queue::open("thing"));
  CHECK_THROWS(errc::wrong_kind, mproc::value<int>::create_or_open("thing"));
  auto opened = mproc::mutex::open("thing");
  made.lock();
  CHECK(!opened.try_lock());
  opened.unlock();  // any handle of the process that holds it
  mproc::domain().unlink("thing");
  CHECK_THROWS(errc::not_found, mproc::mutex::open("thing"));
  auto fresh = mproc::mutex::create_or_open("thing");
  CHECK(!fresh.existed());
}

TEST("names: persist keeps an object that nobody uses") {
  mproc::value_options keep;
  keep.persist = true;
  mproc::value<int>::create("kept", 7, keep).close();
  mproc::value<int>::create("dropped", 7).close();
  CHECK(mproc::value<int>::open("kept") == 7);
  CHECK_THROWS(errc::not_found, mproc::value<int>::open("dropped"));
  mproc::domain().unlink("kept");
}

TEST("handles: moved-from and closed ones throw") {
  mproc::value<int> v(1);
  mproc::value<int> w = std::move(v);
  CHECK(w == 1);
  CHECK_THROWS(errc::invalid_argument, v.load());
  CHECK_THROWS(errc::invalid_argument, v += 1);
  CHECK_THROWS(errc::invalid_argument, v.mutex().lock());
  v = std::move(w);
  CHECK(v == 1);
  v.close();
  CHECK_THROWS(errc::invalid_argument, v.store(2));

  mproc::mutex m;
  m.close();
  CHECK_THROWS(errc::invalid_argument, m.lock());
  CHECK_THROWS(errc::invalid_argument, m.owner());
  mproc::queue q;
  q.close();
  CHECK_THROWS(errc::invalid_argument, q.put("x"));
  CHECK_THROWS(errc::invalid_argument, q.size());
  mproc::array<int> a(3);
  a.close();
  CHECK(a.size() == 0 && a.begin() == a.end());
  CHECK_THROWS(errc::out_of_range, a.at(0));
  CHECK_THROWS(errc::invalid_argument, a.get(0));
  CHECK_THROWS(errc::invalid_argument, a.read());
  mproc::pipe p;
  mproc::pipe_end end = std::move(p.end0);
  end.send("x");
  CHECK(p.end1.recv() == "x");
  CHECK_THROWS(errc::invalid_argument, p.end0.send("x"));
  CHECK_THROWS(errc::invalid_argument, p.end0.try_reserve(1));
  end.close();
  CHECK_THROWS(errc::invalid_argument, end.try_peek());
  CHECK_THROWS(errc::invalid_argument, end.info());
  mproc::cancel_token token;
  mproc::cancel_token other = std::move(token);
  CHECK_THROWS(errc::invalid_argument, mproc::mutex().lock(token));
}

TEST("mutex: the standard guards") {
  mproc::mutex a, b;
  {
    std::lock_guard guard(a);
    CHECK(!a.try_lock() && !a.try_lock_for(1ms));
    CHECK(!a.try_lock_until(std::chrono::steady_clock::now() + 1ms));
    CHECK(!a.try_lock_until(std::chrono::system_clock::now() + 1ms));
    CHECK(!a.try_lock_until(std::chrono::steady_clock::time_point::min()));
  }
  {
    std::scoped_lock both(a, b);
    CHECK(a.owner() && b.owner());
  }
  {
    std::unique_lock guard(a, std::try_to_lock);
    CHECK(guard.owns_lock());
    std::unique_lock second(a, 5ms);
    CHECK(!second.owns_lock());
    guard.unlock();
    CHECK(second.try_lock_for(1s));
  }
  {
    std::unique_lock guard(a, std::chrono::system_clock::now() + 1h);
    CHECK(guard.owns_lock());
    std::condition_variable_any changed;  // any Lockable will do
    CHECK(changed.wait_for(guard, 1ms) == std::cv_status::timeout);
  }
  CHECK(a.try_lock_until(std::chrono::steady_clock::time_point::max()));
  a.unlock();
  CHECK(!a.owner() && !b.owner() && !a.recovered());
}

TEST("mutex: who holds it, and who may release it") {
  mproc::mutex m;
  CHECK_THROWS(errc::not_owner, m.unlock());
  signal_flag holding, release;
  check::child holder([&] {
    m.lock();
    holding.set();
    release.wait();
    m.unlock();
  });
  holding.wait();
  const auto owner = m.owner();
  CHECK(owner && owner->held == 1 && owner->alive == 1 && owner->is_self == 0 && owner->pid == holder.pid());
  CHECK(!m.try_lock());
  CHECK(!m.try_lock_for(20ms));
  CHECK_THROWS(errc::not_owner, m.unlock());
  release.set();
  m.lock();
  CHECK(m.owner()->is_self == 1 && !m.recovered());
  m.unlock();
  CHECK(holder.wait() == 0);
}

TEST("mutex: a forked child does not hold its parent's lock") {
  mproc::mutex m;
  m.lock();
  check::child child([&] {
    CHECK(!m.try_lock());
    CHECK_THROWS(errc::not_owner, m.unlock());
  });
  CHECK(child.wait() == 0);
  m.unlock();
}

TEST("mutex: counts of two processes under the lock add up") {
  mproc::mutex m;
  mproc::raw_value<point> shared;
  const auto work = [&] {
    for (int i = 0; i < 2000; ++i) {
      std::lock_guard guard(m);
      shared->n = shared->n + 1;
    }
  };
  check::child other(work);
  work();
  CHECK(other.wait() == 0);
  CHECK(shared->n == 4000);
}

TEST("recovered: a killed holder's lock is handed over and says so") {
  mproc::mutex m;
  kill_a_holder(m);
  m.lock();
  CHECK(m.recovered());
  CHECK(m.owner()->is_self == 1);
  m.unlock();
  CHECK(!m.recovered());
  m.lock();
  CHECK(!m.recovered());
  m.unlock();
}

TEST("recovered: through every timed form, and per handle") {
  auto m = mproc::mutex::create("recovered-forms");
  auto other = mproc::mutex::open("recovered-forms");
  kill_a_holder(m);
  CHECK(m.try_lock_for(1min) && m.recovered() && !other.recovered());
  m.unlock();
  kill_a_holder(m);
  CHECK(other.try_lock_until(std::chrono::system_clock::now() + 1min) && other.recovered() && !m.recovered());
  m.unlock();  // released through the other handle: the flag of `other` stays until its next use
  CHECK(other.try_lock() && !other.recovered());
  other.unlock();
  kill_a_holder(m);
  std::unique_lock guard(m, std::defer_lock);
  while (!guard.try_lock()) std::this_thread::sleep_for(1ms);
  CHECK(m.recovered());
}

TEST("recovered: the callback runs with the lock held, once per takeover") {
  mproc::mutex m;
  int calls = 0;
  m.on_recovered([&] {
    ++calls;
    CHECK(m.owner()->is_self == 1 && m.recovered());
  });
  m.lock();
  m.unlock();
  CHECK(calls == 0);
  kill_a_holder(m);
  {
    std::lock_guard guard(m);
    CHECK(calls == 1);
  }
  m.lock();
  m.unlock();
  CHECK(calls == 1);

  m.on_recovered([&] { ++calls; });
  mproc::mutex moved = std::move(m);  // the callback goes with the handle
  kill_a_holder(moved);
  moved.lock();
  CHECK(calls == 2);
  moved.unlock();
  moved.on_recovered({});
  kill_a_holder(moved);
  moved.lock();
  CHECK(calls == 2 && moved.recovered());
  moved.unlock();
}

TEST("recovered: a callback that throws leaves the lock free") {
  mproc::mutex m;
  m.on_recovered([] { throw std::runtime_error("cannot repair"); });
  kill_a_holder(m);
  bool thrown = false;
  try {
    m.lock();
  } catch (const std::runtime_error& e) {
    thrown = std::string(e.what()) == "cannot repair";
  }
  CHECK(thrown && !m.owner() && !m.recovered());
  CHECK(m.try_lock());
  m.unlock();
}

TEST("recovered: the locks of a value and an array") {
  mproc::raw_value<point> v;
  mproc::array<int> a(4);
  signal_flag half_done;
  check::child killed([&] {
    v.mutex().lock();
    v->x = 1;  // and never y
    std::lock_guard guard(a.mutex());
    a[0] = 1;
    half_done.set();
    for (;;) ::pause();
  });
  half_done.wait();
  CHECK(v.mutex().owner()->pid == killed.pid() && a.mutex().owner()->pid == killed.pid());
  killed.kill();

  a.mutex().on_recovered([&] { a[0] = 0; });
  std::unique_lock guard(v.mutex());
  CHECK(v.mutex().recovered() && v->x == 1 && v->y == 0);
  v->y = 1;
  std::unique_lock second(a.mutex(), 1min);
  CHECK(second.owns_lock() && a.mutex().recovered() && a[0] == 0);
  CHECK(v.info().steals >= 1 && a.info().steals >= 1);
}

TEST("a stopped holder is not robbed") {
  mproc::mutex m;
  signal_flag holding;
  check::child holder([&] {
    m.lock();
    holding.set();
    for (;;) ::pause();
  });
  holding.wait();
  holder.signal(SIGSTOP);
  CHECK(!m.try_lock_for(300ms));
  CHECK(m.owner()->pid == holder.pid() && m.owner()->alive == 1);
}

TEST("cancel: ends waits for locks and queues") {
  mproc::cancel_token token;
  CHECK(!token.is_set());
  mproc::mutex m;
  mproc::queue q;
  mproc::queue_options bounds;
  bounds.max_items = 1;
  mproc::queue full(bounds);
  full.put("only one");
  m.lock();
  for (int round = 0; round < 2; ++round) {
    int ended = 0;
    std::thread waiter([&] {
      const auto canceled = [&](auto&& call) {
        try {
          call();
        } catch (const mproc::error& e) {
          if (e.code() == errc::canceled) ++ended;
        }
      };
      canceled([&] { m.lock(token); });
      canceled([&] { m.try_lock_for(1h, token); });
      canceled([&] { m.try_lock_until(std::chrono::steady_clock::now() + 1h, token); });
      canceled([&] { q.get(token); });
      canceled([&] { q.try_get_for(1h, token); });
      canceled([&] { q.get_many(3, token); });
      canceled([&] { q.next(token); });
      canceled([&] { full.put("x", token); });
      canceled([&] { full.try_put_for("x", 1h, token); });
      canceled([&] { full.put_many({"x", "y"}, token); });
    });
    token.set();
    waiter.join();
    CHECK(ended == 10 && token.is_set());
    // What can finish without waiting still does.
    q.put("x", token);
    CHECK(q.get(token) == "x");
    token.clear();
    CHECK(!token.is_set());
  }
  m.unlock();
  m.lock(token);
  m.unlock();
}

TEST("value: every scalar type") {
  round_trip<bool>(false, true);
  round_trip<char>('a', '\xff');
  round_trip<signed char>(-128, 127);
  round_trip<unsigned char>(0, 255);
  round_trip<short>(-32768, 32767);
  round_trip<unsigned short>(0, 65535);
  round_trip<int>(std::numeric_limits<int>::min(), std::numeric_limits<int>::max());
  round_trip<unsigned>(0, ~0u);
  round_trip<long>(std::numeric_limits<long>::min(), std::numeric_limits<long>::max());
  round_trip<unsigned long>(0, ~0ul);
  round_trip<long long>(-1, 1);
  round_trip<unsigned long long>(0, ~0ull);
  round_trip<float>(-0.5f, 1e30f);
  round_trip<double>(3.1415927, -1e300);
  round_trip<char16_t>(u'\u00e9', u'z');
  round_trip<char32_t>(U'\U0001F600', U'z');
  round_trip<wchar_t>(L'\u00e9', L'z');
  round_trip<std::byte>(std::byte{1}, std::byte{2});
  round_trip<color>(color::red, color::green);
#if defined(__cpp_char8_t)
  round_trip<char8_t>(u8'a', u8'b');
#endif
  CHECK(mproc::value<bool>().info().type_code == MPROC_TYPE_BOOL);
  CHECK(mproc::value<char>().info().type_code == MPROC_TYPE_CHAR8);
  CHECK(mproc::value<wchar_t>().info().type_code == MPROC_TYPE_CHAR32);
  CHECK(mproc::value<long>().info().type_code == MPROC_TYPE_I64);
  CHECK(mproc::value<unsigned long long>().info().type_code == MPROC_TYPE_U64);
  CHECK(mproc::value<color>().info().type_code == MPROC_TYPE_U16);
  CHECK(mproc::value<double>().info().type_code == MPROC_TYPE_F64);
}

TEST("value: integers like std::atomic, wrapping") {
  mproc::value<int> v(10);
  CHECK(v.fetch_add(5) == 10 && v.fetch_sub(3) == 15 && v == 12);
  CHECK((v += 8) == 20 && (v -= 5) == 15 && ++v == 16 && v++ == 16 && --v == 16 && v-- == 16 && v == 15);
  CHECK(v.fetch_and(6) == 15 && v.fetch_or(8) == 6 && v.fetch_xor(3) == 14 && v == 13);
  CHECK((v &= 12) == 12 && (v |= 1) == 13 && (v ^= 2) == 15);
  CHECK(v.fetch_min(-4) == 15 && v == -4 && v.fetch_max(7) == -4 && v == 7);
  CHECK(v.fetch_min(100) == 7 && v.fetch_max(-100) == 7 && v == 7);
  v = std::numeric_limits<int>::max();
  CHECK(++v == std::numeric_limits<int>::min());
  const int copy = v;
  CHECK(copy == std::numeric_limits<int>::min());
  CHECK((v = 3) == 3);

  mproc::value<std::uint64_t> u(~std::uint64_t{0});
  CHECK(u.fetch_min(5) == ~std::uint64_t{0} && u == 5);
  CHECK(u.fetch_max(~std::uint64_t{0} - 1) == 5 && u == ~std::uint64_t{0} - 1);
  CHECK((u += 3) == 1 && (u -= 2) == ~std::uint64_t{0});
  mproc::value<std::int8_t> small(127);
  CHECK(++small == -128 && (small -= 1) == 127 && small.fetch_min(-5) == 127 && small == -5);
  mproc::value<unsigned short> s(65535);
  CHECK(s++ == 65535 && s == 0 && --s == 65535);
  CHECK(*v.ptr() == 3);
#if defined(__cpp_lib_atomic_ref)
  std::atomic_ref<int>(*v.ptr()).fetch_add(1);
  CHECK(v == 4);
#endif
}

TEST("value: floats and bools") {
  mproc::value<double> d(1.5);
  CHECK(d.fetch_add(2.0) == 1.5 && d == 3.5 && (d -= 1.0) == 2.5 && (d += 0.25) == 2.75);
  CHECK(d.fetch_min(1.0) == 2.75 && d.fetch_max(9.0) == 1.0 && d == 9.0);
  mproc::value<float> f(0.5f);
  CHECK((f += 0.25f) == 0.75f && f.fetch_sub(0.5f) == 0.75f && f == 0.25f && f.fetch_max(2.0f) == 0.25f && f == 2.0f);
  mproc::value<bool> b(true);
  CHECK(b.fetch_and(false) && !b && !b.fetch_or(true) && b && b.fetch_xor(true) && !b);
  CHECK((b |= true) && !(b &= false) && (b ^= true) && b.exchange(false) && !b);
  *reinterpret_cast<unsigned char*>(b.ptr()) = 4;  // spoiled by somebody: still a bool
  CHECK(b.load() == true);
}

TEST("value: atomic updates of two processes add up") {
  mproc::value<std::int64_t> count;
  mproc::value<double> sum;
  const auto work = [&] {
    for (int i = 0; i < 20000; ++i) {
      ++count;
      if (i % 10 == 0) sum += 0.5;
    }
  };
  check::child other(work);
  work();
  CHECK(other.wait() == 0);
  CHECK(count == 40000 && sum == 2000.0);
}

TEST("value: snapshot structs are whole") {
  mproc::value<point> v(point{1, 2, 3, 0});
  CHECK(v.load() == (point{1, 2, 3, 0}));
  CHECK(v.exchange(point{4, 5, 6, 0}) == (point{1, 2, 3, 0}));
  point expected{};
  CHECK(!v.compare_exchange(expected, point{}) && expected == (point{4, 5, 6, 0}));
  CHECK(v.compare_exchange(expected, point{7, 7, 7, 7}));
  v = point{7, 7, 7, 7};
  signal_flag done;
  check::child writer([&] {
    for (std::int32_t i = 0; i < 5000; ++i) v.store(point{double(i), double(i), i, i});
    done.set();
  });
  point last{};
  do {
    last = v;
    CHECK(last.x == last.y && last.n == last.spare && last.x == last.n);
  } while (last.n != 4999);
  CHECK(writer.wait() == 0);

  mproc::value<line> aligned;
  line wide;
  wide.word[7] = 42;
  aligned.store(wide);
  CHECK(aligned.load().word[7] == 42 && aligned.info().elem_align == 64);
  mproc::value<std::array<char, 1 << 20>> large;
  auto text = std::make_unique<std::array<char, 1 << 20>>();
  text->fill('x');
  large.store(*text);
  text->fill('y');
  CHECK(mproc_value_load(large.native_handle(), text->data(), text->size()) == MPROC_OK && text->back() == 'x');
}

TEST("value: raw structs have a pointer") {
  mproc::raw_value<line> v;
  CHECK(reinterpret_cast<std::uintptr_t>(v.ptr()) % alignof(line) == 0);
  check::child writer([&] {
    std::lock_guard guard(v.mutex());
    v->word[3] = 33;
  });
  CHECK(writer.wait() == 0);
  std::lock_guard guard(v.mutex());
  CHECK(v.ptr()->word[3] == 33 && v.load().word[3] == 33);
  CHECK((v.info().flags & MPROC_RAW) != 0);
}

TEST("value: what is opened must match") {
  auto number = mproc::value<int>::create("number", 5);
  CHECK(mproc::value<int>::open("number") == 5);
  CHECK_THROWS(errc::type_mismatch, mproc::value<unsigned>::open("number"));
  CHECK_THROWS(errc::type_mismatch, mproc::value<float>::create_or_open("number"));
  auto again = mproc::value<int>::create_or_open("number", 99);
  CHECK(again.existed() && again == 5);
  again = 6;
  CHECK(number == 6);

  mproc::value_options one, two;
  one.schema = 1;
  two.schema = 2;
  auto place = mproc::value<point>::create("place", {}, one);
  CHECK(mproc::value<point>::open("place", one).info().schema == 1);
  CHECK_THROWS(errc::type_mismatch, mproc::value<point>::open("place", two));
  CHECK(mproc::value<point>::open("place").load() == point{});  // none given: not compared
  CHECK_THROWS(errc::type_mismatch, mproc::raw_value<point>::open("place"));
  CHECK_THROWS(errc::type_mismatch, mproc::value<line>::open("place"));
}

TEST("value: made and opened through C with default alignment") {
  mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
  options.type_code = MPROC_TYPE_STRUCT;
  options.elem_size = sizeof(point);
  mproc_value_t* made = nullptr;
  CHECK(mproc_value_create(nullptr, "from-c", &options, &made) == MPROC_OK);
  mproc::value<point>::open("from-c").store(point{1, 1, 1, 1});
  point out;
  CHECK(mproc_value_load(made, &out, sizeof out) == MPROC_OK && out == (point{1, 1, 1, 1}));
  mproc_value_close(made);
}

TEST("array: shapes, elements and bounds") {
  mproc::array<int> ten(10);
  CHECK(ten.size() == 10 && !ten.empty() && ten.shape().size() == 1 && ten.shape()[0] == 10);
  CHECK(std::accumulate(ten.begin(), ten.end(), 0) == 0);
  std::iota(ten.begin(), ten.end(), 0);
  CHECK(ten[9] == 9 && ten.at(9) == 9 && ten.get(9) == 9 && *ten.data() == 0);
  CHECK_THROWS(errc::out_of_range, ten.at(10));
  CHECK_THROWS(errc::out_of_range, ten.at(-1));
  CHECK_THROWS(errc::out_of_range, ten.at(1, 1));
  CHECK_THROWS(errc::out_of_range, ten.get(10));
  CHECK_THROWS(errc::out_of_range, ten.set(10, 1));

  mproc::array<double> matrix({2, 3}, {1, 2, 3, 4, 5});
  CHECK(matrix.shape() == mproc::shape({2, 3}) && matrix.size() == 6);
  CHECK(matrix.at(1, 1) == 5 && matrix.at(1, 2) == 0);  // what the list does not cover is zero
  matrix.at(1, 2) = 7;
  CHECK(matrix[5] == 7 && matrix.index(1, 2) == 5);
  CHECK_THROWS(errc::out_of_range, matrix.at(2, 0));
  CHECK_THROWS(errc::out_of_range, matrix.at(0, 3));
  CHECK_THROWS(errc::out_of_range, matrix.at(0));

  mproc::array<std::uint8_t> deep({1, 2, 1, 2, 1, 2, 1, 2});
  deep.at(0, 1, 0, 1, 0, 1, 0, 1) = 9;
  const std::size_t corner[8] = {0, 1, 0, 1, 0, 1, 0, 1};
  std::size_t flat = 0;
  CHECK(mproc_array_index(deep.native_handle(), corner, 8, &flat) == MPROC_OK && flat == 15 && deep[flat] == 9);
  CHECK_THROWS(errc::invalid_argument, mproc::array<int>({1, 1, 1, 1, 1, 1, 1, 1, 1}));
  CHECK_THROWS(errc::invalid_argument, mproc::array<int>(1, {1, 2}));  // more elements than room

  mproc::array<int> none(0);
  CHECK(none.empty() && none.read().empty());
  none.write(0, {});
  CHECK_THROWS(errc::out_of_range, none.get(0));
}

TEST("array: slices") {
  mproc::array<int> a(6, std::vector<int>{0, 1, 2, 3, 4, 5});
  CHECK(a.read() == (std::vector<int>{0, 1, 2, 3, 4, 5}) && a.read(2, 3) == (std::vector<int>{2, 3, 4}));
  CHECK(a.read(6, 0).empty());
  a.write(1, {10, 20});
  const int more[] = {30, 40};
  a.write(3, more);
  a.write(5, std::array<int, 1>{50});
  int out[6];
  a.read(0, out, 6);
  CHECK(std::accumulate(out, out + 6, 0) == 150);
  CHECK_THROWS(errc::out_of_range, a.read(4, 3));
  CHECK_THROWS(errc::out_of_range, a.read(7, 0));
  CHECK_THROWS(errc::out_of_range, a.read(1, ~std::size_t{0}));
  CHECK_THROWS(errc::out_of_range, a.write(5, {1, 2}));
  CHECK(a[5] == 50);
#if defined(__cpp_lib_span)
  const std::span<int> all = a.span();
  all[0] = 99;
  std::array<int, 2> two{};
  a.read(0, std::span<int>(two));
  CHECK(all.size() == 6 && two[0] == 99 && two[1] == 10);
  a.write(0, std::span<const int>(two).subspan(1));
  CHECK(a[0] == 10);
#endif
}

TEST("array: bools, characters, structs") {
  mproc::array<bool> flags(3);
  flags.write(0, {true, false, true});
  CHECK(flags[0] && !flags[1] && flags.read() == (std::vector<bool>{true, false, true}) && flags.get(2));
  mproc::array<char> text(8, std::string_view("shared"));
  CHECK(std::string(text.data()) == "shared" && text.info().type_code == MPROC_TYPE_CHAR8);
  mproc::array<point> points(3);
  points.set(1, point{1, 2, 3, 4});
  points.write(2, {point{5, 5, 5, 5}});
  CHECK(points.get(1) == (point{1, 2, 3, 4}) && points.read(1, 2)[1].x == 5 && points[1].y == 2);
  points.at(0).n = 7;
  CHECK(points.get(0).n == 7);
  mproc::array<line> lines(2);
  CHECK(reinterpret_cast<std::uintptr_t>(lines.data()) % alignof(line) == 0 && lines.info().elem_size == 64);
}

TEST("array: shared with a child, under its lock") {
  mproc::array<long> counts({2, 50});
  const auto work = [&] {
    for (int i = 0; i < 200; ++i) {
      std::lock_guard guard(counts.mutex());
      for (long& n : counts) ++n;
    }
  };
  check::child other(work);
  work();
  CHECK(other.wait() == 0);
  for (const long n : counts.read()) CHECK(n == 400);
}

TEST("array: names and what must match") {
  auto made = mproc::array<int>::create("numbers", {2, 3}, {1, 2, 3, 4, 5, 6});
  auto opened = mproc::array<int>::open("numbers");
  CHECK(opened.shape() == mproc::shape({2, 3}) && opened.at(1, 0) == 4);
  opened.at(1, 0) = -4;
  CHECK(made[3] == -4);
  CHECK(mproc::array<int>::open("numbers", {2, 3}).size() == 6 && mproc::array<int>::open("numbers", {}).size() == 6);
  CHECK_THROWS(errc::invalid_argument, mproc::array<int>({}));
  CHECK_THROWS(errc::type_mismatch, mproc::array<int>::open("numbers", {3, 2}));
  CHECK_THROWS(errc::type_mismatch, mproc::array<int>::open("numbers", 6));
  CHECK_THROWS(errc::type_mismatch, mproc::array<unsigned>::open("numbers"));
  CHECK(mproc::array<int>::create_or_open("numbers", {2, 3}).existed());
  CHECK_THROWS(errc::type_mismatch, mproc::array<int>::create_or_open("numbers", 7));
  CHECK_THROWS(errc::already_exists, mproc::array<int>::create("numbers", 1));
  mproc::array<int> moved = std::move(opened);
  CHECK(moved.at(0, 2) == 3 && opened.size() == 0);
  opened = std::move(moved);
  CHECK(opened.at(0, 2) == 3);
}

TEST("array: one that cannot fit is refused") {
  bool refused = false;
  try {
    mproc::array<char> a(std::size_t{1} << 46);
  } catch (const mproc::error& e) {
    refused = e.code() == errc::no_memory || e.code() == errc::no_space || e.code() == errc::invalid_argument;
  }
  CHECK(refused);
}

TEST("queue: everything that can be put, and how it comes out") {
  mproc::queue q;
  CHECK(q.empty() && !q.full() && q.size() == 0);
  const std::string text("with\0nul", 8);
  q.put("literal");
  q.put(text);
  q.put(std::string_view("view"));
  q.put(std::vector<unsigned char>{1, 2, 3});
  q.put(std::array<double, 2>{1.0, 2.0});
  q.put({text.data(), 4});
  q.put("");
  q.put({});
  CHECK(q.size() == 8);
  CHECK(q.get() == "literal" && q.get() == text && q.get() == "view");
  CHECK(q.get<std::vector<std::byte>>() == (std::vector<std::byte>{std::byte{1}, std::byte{2}, std::byte{3}}));
  double pair[2];
  CHECK(q.get_raw(pair, sizeof pair) == sizeof pair && pair[1] == 2.0);
  CHECK(q.try_get() == "with");
  CHECK(q.get().empty() && q.try_get() == "");
  CHECK(!q.try_get() && !q.try_get_for(1ms) && !q.try_get_until(std::chrono::system_clock::now() + 1ms));
  std::string out = "stale";
  CHECK(!q.try_get_into(out) && out.empty());
  CHECK(!q.try_get_raw(pair, sizeof pair) && !q.try_get_raw_for(pair, sizeof pair, 1ms));
#if defined(__cpp_lib_span)
  q.put(std::span<const double>(pair));
  double copy[2] = {};
  CHECK(q.get_raw(std::span(copy)) == sizeof copy && copy[0] == 1.0);
#endif
}

TEST("queue: long messages, buffers that grow, buffers that do not") {
  mproc::queue q;
  for (const std::size_t size : {1023u, 1024u, 1025u, 5000u, 70000u, 200000u, 10u, 70000u, 0u, 2000u}) {
    std::string message(size, 'm');
    if (size > 0) message.back() = '!';
    q.put(message);
    q.put(message);
    q.put(message);
    CHECK(q.get() == message);
    std::string reused = "old";
    q.get_into(reused);
    CHECK(reused == message);
    CHECK(q.try_get_for<std::vector<char>>(1s)->size() == size);
  }
  q.put("twelve bytes");
  char small[5];
  try {
    q.get_raw(small, sizeof small);
    CHECK(!"fitted");
  } catch (const mproc::buffer_too_small& e) {
    CHECK(e.needed() == 12 && e.code() == errc::buffer_too_small);
  }
  CHECK(q.size() == 1 && q.get() == "twelve bytes");
}

TEST("queue: bounds") {
  mproc::queue_options bounds;
  bounds.max_items = 2;
  bounds.capacity_bytes = 4096;
  mproc::queue q(bounds);
  CHECK(q.info().capacity_bytes == 4096 && q.info().max_items == 2 && q.info().state == MPROC_QUEUE_OPEN);
  CHECK(q.try_put("1") && q.try_put("2"));
  CHECK(q.full() && !q.try_put("3") && !q.try_put_for("3", 1ms));
  CHECK(!q.try_put_until("3", std::chrono::steady_clock::now() + 1ms));
  CHECK_THROWS(errc::too_big, q.put(std::string(5000, 'x')));
  CHECK(q.get() == "1" && q.try_put("3") && q.get() == "2" && q.get() == "3");
  std::string longest(q.info().max_message, 'y');
  CHECK(q.try_put(longest) && q.get() == longest);
  CHECK_THROWS(errc::too_big, q.try_put(longest + "y"));
}

TEST("queue: batches") {
  mproc::queue q;
  CHECK(q.put_many({"one", "three", ""}) == 3);
  CHECK(q.put_many(std::vector<std::string>{"four", std::string(3000, 'l')}) == 2);
  CHECK(q.put_many(std::vector<std::string>{}) == 0 && q.size() == 5);
  mproc::batch batch(4, 64);
  CHECK(q.get_many(batch) == 4 && batch.size() == 4 && batch[0] == "one" && batch[1] == "three" && batch[3] == "four");
  CHECK(batch[2].empty());
  CHECK(q.get_many(batch) == 1 && batch[0].size() == 3000);  // larger than the buffer: it grows
  CHECK(q.try_get_many(batch) == 0 && batch.empty() && q.try_get_many_for(batch, 1ms) == 0);
  CHECK(q.try_get_many_until(batch, std::chrono::steady_clock::now() + 1ms) == 0);
  const std::array<std::string_view, 3> views{"a", "b", "c"};
  q.put_many(views);
  CHECK(q.get_many(2) == (std::vector<std::string>{"a", "b"}) && q.try_get_many(9) == (std::vector<std::string>{"c"}));
  CHECK(q.try_get_many_for(9, 1ms).empty());
  CHECK_THROWS(errc::invalid_argument, q.get_many(0));

  mproc::queue_options two;
  two.max_items = 2;
  mproc::queue small(two);
  CHECK(small.try_put_many({"1", "2", "3"}) == 2 && small.size() == 2);
  CHECK(small.try_put_many_for({"3"}, 1ms) == 0);
  CHECK(small.try_put_many_until({"3"}, std::chrono::system_clock::now() + 1ms) == 0);
  CHECK_THROWS(errc::too_big, small.try_put_many(std::vector<std::string>{"x", std::string(5 << 20, 'x')}));
  small.get();
  mproc::cancel_token token;
  token.set();
  try {
    small.put_many({"3", "4", "5"}, token);
    CHECK(!"put all");
  } catch (const mproc::batch_error& e) {
    CHECK(e.code() == errc::canceled && e.done() == 1);
  }
  CHECK(small.get() == "2" && small.get() == "3" && small.empty());
}

TEST("queue: shutdown is the end of a loop") {
  mproc::queue q;
  check::child producer([&] {
    for (int i = 0; i < 100; ++i) q.put(std::to_string(i));
    q.shutdown();
  });
  int expected = 0;
  while (auto message = q.next()) CHECK(*message == std::to_string(expected++));
  CHECK(expected == 100 && producer.wait() == 0);
  CHECK_THROWS(errc::closed, q.get());
  CHECK_THROWS(errc::closed, q.try_get());
  CHECK_THROWS(errc::closed, q.put("late"));
  CHECK_THROWS(errc::closed, q.try_put_many({"late"}));

  mproc::queue dropped;
  dropped.put("never seen");
  dropped.shutdown(mproc::shutdown_mode::graceful);
  CHECK(dropped.info().state == MPROC_QUEUE_DRAINING);
  dropped.shutdown(mproc::shutdown_mode::immediate);
  CHECK(dropped.info().state == MPROC_QUEUE_CLOSED);
  CHECK(!dropped.next());
  CHECK_THROWS(errc::closed, dropped.try_get());
}

TEST("queue: names and what must match") {
  mproc::queue_options bounds;
  bounds.max_items = 5;
  auto made = mproc::queue::create("jobs", bounds);
  auto opened = mproc::queue::open("jobs");
  opened.put("job");
  CHECK(made.get() == "job" && opened.info().max_items == 5);
  bounds.max_items = 6;
  CHECK_THROWS(errc::type_mismatch, mproc::queue::open("jobs", bounds));
  CHECK(mproc::queue::create_or_open("jobs").existed());
  mproc::queue moved = std::move(opened);
  moved.put("again");
  CHECK(made.try_get_for(1min) == "again");
}

TEST("queue: what a killed producer had put stays") {
  mproc::queue q;
  signal_flag put;
  check::child producer([&] {
    for (int i = 0; i < 50; ++i) q.put("message " + std::to_string(i));
    put.set();
    for (;;) ::pause();
  });
  put.wait();
  producer.kill();
  for (int i = 0; i < 50; ++i) CHECK(q.get() == "message " + std::to_string(i));
  CHECK(q.empty());
  q.put("and goes on");
  CHECK(q.get() == "and goes on");
}

TEST("queue: a waiting process is woken") {
  mproc::queue there, back;
  check::child echo([&] {
    while (auto message = there.next()) back.put(*message + "!");
  });
  for (int i = 0; i < 100; ++i) {
    there.put(std::to_string(i));
    CHECK(back.get() == std::to_string(i) + "!");
  }
  there.shutdown();
  CHECK(echo.wait() == 0);
}

// Two connected sockets, closed in the end.
class socket_pair {
 public:
  socket_pair() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds_) != 0) throw std::runtime_error("socketpair failed");
  }
  socket_pair(const socket_pair&) = delete;
  socket_pair& operator=(const socket_pair&) = delete;
  ~socket_pair() {
    close(0);
    close(1);
  }
  int operator[](int side) const { return fds_[side]; }
  void close(int side) {
    if (fds_[side] >= 0) ::close(fds_[side]);
    fds_[side] = -1;
  }

 private:
  int fds_[2];
};

// Not "/proc/self/exe" itself: this also works where a tool runs the program.
std::string this_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

// What this program does when a test starts it with an argument.
int worker(const std::string& task) {
  ::alarm(120);  // bounds a hang, also if the test that started it is gone
  try {
    if (task == "objects") {
      auto number = mproc::value<int>::open(mproc::inherited("number"));
      auto place = mproc::value<point>::open(mproc::inherited("place"));
      auto list = mproc::array<double>::open(mproc::inherited("list"), {2, 3});
      auto mutex = mproc::mutex::open(mproc::inherited("mutex"));
      auto news = mproc::queue::open(mproc::inherited("news"));
      CHECK_THROWS(errc::not_found, mproc::inherited("news"));  // taken already
      CHECK_THROWS(errc::not_found, mproc::inherited("nothing"));
      CHECK(number == 41 && place.load().n == 3 && list.at(1, 2) == 6 && !mutex.try_lock());
      ++number;
      place.store(point{4, 5, 6, 7});
      list.at(1, 2) = 7;
      news.put("from another program");
      return 7;
    }
    if (task == "hold") {
      auto mutex = mproc::mutex::open(mproc::inherited("mutex"));
      mutex.lock();
      mproc::queue::open(mproc::inherited("news")).put("holding");
      for (;;) ::pause();
    }
    if (task == "environment") {
      const char* greeting = std::getenv("GREETING");
      return greeting != nullptr && greeting == std::string("hello") && std::getenv("MPROC_DOMAIN") == nullptr ? 0 : 1;
    }
    if (task == "pipe") {
      auto end = mproc::pipe_end::open(mproc::inherited("end"));
      while (auto message = end.next()) end.send(*message + "!");
      return 0;
    }
    if (task == "containers") {
      // The outermost container comes as a handle, the one inside as a reference in a message.
      auto groups = mproc::dict::open(mproc::inherited("groups"));
      auto calls = mproc::queue::open(mproc::inherited("calls"));
      while (const auto call = calls.next_datum()) {
        auto group = groups.follow<mproc::list>((*call)["group"].as<mproc::reference>());
        group.append((*call)["name"]);
        ++groups["calls"];
      }
      return 0;
    }
    if (task == "echo") {
      auto there = mproc::queue::open(mproc::inherited("there"));
      auto back = mproc::queue::open(mproc::inherited("back"));
      while (auto message = there.next()) back.put(*message + "!");
      return 0;
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "  worker: %s\n", e.what());
    return 1;
  }
  return 2;
}

// The same program again, killed and reaped at the latest when this object goes.
struct spawned : mproc::process {
  spawned(const char* task, const std::vector<mproc::named_handle>& handles, const mproc::spawn_options& options = {})
      : process({this_program(), task}, handles, options) {}
  ~spawned() {
    try {
      kill();
      wait();
    } catch (const std::exception&) {
      // A test that fails has said why already.
    }
  }
};

TEST("handles: open every kind, check kind and type") {
  mproc::mutex m;
  mproc::value<int> v(5);
  mproc::raw_value<point> raw;
  mproc::array<int> a({2, 3}, {1, 2, 3, 4, 5, 6});
  auto q = mproc::queue::create("travels");
  mproc::pipe p;
  CHECK(m.export_handle().kind() == mproc::object_kind::lock && v.export_handle().kind() == mproc::object_kind::value);
  CHECK(a.export_handle().kind() == mproc::object_kind::array && q.export_handle().kind() == mproc::object_kind::queue);
  CHECK(p.end0.export_handle().kind() == mproc::object_kind::pipe);

  auto m2 = mproc::mutex::open(m.export_handle());
  m.lock();
  CHECK(!m2.try_lock() && m2.owner()->is_self == 1);
  m.unlock();
  auto v2 = mproc::value<int>::open(v.export_handle());
  CHECK(v2 == 5 && ++v2 == 6 && v == 6 && !v2.existed());
  mproc::raw_value<point>::open(raw.export_handle())->n = 9;
  CHECK(raw->n == 9);
  const auto from = a.export_handle();
  auto a2 = mproc::array<int>::open(from);
  CHECK(a2.shape() == mproc::shape({2, 3}) && a2.at(1, 0) == 4 && mproc::array<int>::open(from, {2, 3}).size() == 6);
  auto q2 = mproc::queue::open(q.export_handle());
  q2.put("through a handle");
  CHECK(q.get() == "through a handle");
  auto end = mproc::pipe_end::open(p.end1.export_handle());
  end.send("through another");
  CHECK(p.end0.recv() == "through another" && end.info().end == 1);

  CHECK_THROWS(errc::wrong_kind, mproc::queue::open(from));
  CHECK_THROWS(errc::wrong_kind, mproc::pipe_end::open(from));
  CHECK_THROWS(errc::wrong_kind, mproc::queue::open(p.end0.export_handle()));
  CHECK_THROWS(errc::wrong_kind, mproc::mutex::open(from));
  CHECK_THROWS(errc::wrong_kind, mproc::value<int>::open(from));
  CHECK_THROWS(errc::wrong_kind, mproc::array<int>::open(v.export_handle()));
  CHECK_THROWS(errc::type_mismatch, mproc::array<int>::open(from, {3, 2}));
  CHECK_THROWS(errc::type_mismatch, mproc::array<float>::open(from));
  CHECK_THROWS(errc::type_mismatch, mproc::value<unsigned>::open(v.export_handle()));
  CHECK_THROWS(errc::type_mismatch, mproc::value<point>::open(raw.export_handle()));
  mproc::queue_options bounds;
  bounds.max_items = 3;
  CHECK_THROWS(errc::type_mismatch, mproc::queue::open(q.export_handle(), bounds));
}

TEST("handles: moved-from and closed ones throw, what was opened stays") {
  mproc::value<int> v(1);
  auto first = v.export_handle();
  mproc::handle second = std::move(first);
  CHECK(second.kind() == mproc::object_kind::value);
  CHECK_THROWS(errc::invalid_argument, first.kind());
  CHECK_THROWS(errc::invalid_argument, first.token());
  CHECK_THROWS(errc::invalid_argument, mproc::value<int>::open(first));
  CHECK_THROWS(errc::invalid_argument, mproc::process({this_program()}, {{"v", first}}));
  auto opened = mproc::value<int>::open(second);
  second.close();
  v.close();
  CHECK(opened == 1);
  CHECK_THROWS(errc::invalid_argument, v.export_handle());
}

TEST("handles: as a token, for inherited descriptors") {
  mproc::value<int> v(5);
  const auto original = v.export_handle();
  const auto fds = original.descriptors();
  CHECK(original.token() == original.token(fds.registry, fds.object));
  // Copies, as a child has them.
  const int registry = ::dup(fds.registry), object = ::dup(fds.object);
  const auto token = original.token(registry, object);
  auto arrived = mproc::handle::from_token(token);
  CHECK(arrived.kind() == mproc::object_kind::value && arrived.descriptors().object == object);
  CHECK(mproc::value<int>::open(arrived) == 5);
  arrived.close();
  CHECK_THROWS(errc::not_found, mproc::handle::from_token(token));
  CHECK_THROWS(errc::invalid_argument, mproc::handle::from_token("nonsense"));
  CHECK_THROWS(errc::invalid_argument, mproc::handle::from_token(token + std::string("\0", 1)));
}

TEST("handles: through a socket") {
  socket_pair sockets;
  check::child receiver([&] {
    sockets.close(0);
    auto number = mproc::value<int>::open(mproc::handle::recv(sockets[1]));
    auto news = mproc::queue::open(*mproc::handle::try_recv_for(sockets[1], 1min));
    news.put("the number is " + std::to_string(number));
    CHECK_THROWS(errc::end_of_file, mproc::handle::recv(sockets[1]));
  });
  sockets.close(1);
  // Made after the fork: the child has them from nowhere else.
  mproc::value<int> number(42);
  mproc::queue news;
  number.export_handle().send(sockets[0]);
  CHECK(news.export_handle().try_send_for(sockets[0], 1min));
  CHECK(news.try_get_for(1min) == "the number is 42");
  sockets.close(0);
  CHECK(receiver.wait() == 0);
}

TEST("handles: a socket's timeouts, cancelling and ends") {
  socket_pair sockets;
  mproc::value<int> v(1);
  const auto given = v.export_handle();
  CHECK(!mproc::handle::try_recv(sockets[1]) && !mproc::handle::try_recv_for(sockets[1], 1ms));
  CHECK(!mproc::handle::try_recv_until(sockets[1], std::chrono::system_clock::now() + 1ms));
  CHECK(given.try_send(sockets[0]) && given.try_send_until(sockets[0], std::chrono::steady_clock::now() + 1h));
  CHECK(mproc::value<int>::open(*mproc::handle::try_recv(sockets[1])) == 1);
  CHECK(mproc::handle::try_recv_until(sockets[1], std::chrono::system_clock::now() + 1h));
  mproc::cancel_token token;
  token.set();
  CHECK_THROWS(errc::canceled, mproc::handle::recv(sockets[1], token));
  CHECK_THROWS(errc::canceled, mproc::handle::try_recv_for(sockets[1], 1h, token));

  CHECK(::send(sockets[0], std::string(64, 'x').data(), 64, 0) == 64);
  CHECK_THROWS(errc::corrupt, mproc::handle::recv(sockets[1]));
  CHECK_THROWS(errc::system_call, given.send(-1));
  sockets.close(1);
  CHECK_THROWS(errc::broken_pipe, given.send(sockets[0]));
  CHECK(mproc::make_error_code(errc::broken_pipe) == std::errc::broken_pipe);
}

TEST("process: another program works on anonymous objects") {
  mproc::value<int> number(41);
  mproc::value<point> place(point{1, 2, 3, 4});
  mproc::array<double> list({2, 3}, {1, 2, 3, 4, 5, 6});
  mproc::mutex mutex;
  mproc::queue news;
  const auto kept = list.export_handle();
  mutex.lock();
  spawned child("objects", {{"number", number},
                            {"place", place.export_handle()},
                            {"list", kept},
                            {"mutex", mutex},
                            {"news", news}});
  CHECK(child.pid() > 0 && child.pid() != ::getpid());
  const auto how = child.wait();
  CHECK(how.code == 7 && how.signal == 0 && !how.success());
  CHECK(child.try_wait()->code == 7);  // can be asked again
  child.kill();                        // does nothing any more
  CHECK(number == 42 && place.load() == (point{4, 5, 6, 7}) && list.at(1, 2) == 7);
  CHECK(news.try_get() == "from another program" && mutex.owner()->is_self == 1);
  mutex.unlock();
  CHECK(kept.kind() == mproc::object_kind::array);
}

TEST("process: talks while it runs") {
  mproc::queue there, back;
  spawned echo("echo", {{"there", there}, {"back", back}});
  for (int i = 0; i < 100; ++i) {
    there.put(std::to_string(i));
    CHECK(back.try_get_for(1min) == std::to_string(i) + "!");
  }
  there.shutdown();
  CHECK(echo.wait().success());
}

TEST("process: containers, and those inside them") {
  mproc::dict groups;
  mproc::queue calls;
  spawned child("containers", {{"groups", groups}, {"calls", calls}});
  groups["staff"] = mproc::new_list;
  const auto staff = groups.get_list("staff");
  for (const char* name : {"ann", "bob"}) {
    calls.put_datum(mproc::datum::map{{"group", staff.ref()}, {"name", name}});
  }
  calls.shutdown();
  CHECK(child.wait().success());
  CHECK(staff.items<std::string>() == std::vector<std::string>{"ann", "bob"} && groups["calls"] == 2);
}

TEST("process: an end of a pipe is over with the program that had it") {
  auto [mine, yours] = mproc::pipe();
  spawned first("pipe", {{"end", yours}});
  mine.send("hello");
  CHECK(mine.try_recv_for(1min) == "hello!");
  spawned second("pipe", {{"end", yours}});
  yours.close();
  first.kill();
  first.wait();
  mine.send("again");  // the second one still has the end
  CHECK(mine.try_recv_for(1min) == "again!");
  second.kill();
  CHECK(!mine.next());
  CHECK_THROWS(errc::broken_pipe, mine.send("nobody there"));
  CHECK(mine.info().peer == MPROC_PEER_GONE);

  auto [here, there] = mproc::pipe();
  spawned third("pipe", {{"end", there.export_handle()}});
  there.close();
  here.send("bye");
  CHECK(here.try_recv_for(1min) == "bye!");
  here.close();
  CHECK(third.wait().success());
}

TEST("process: killed inside a lock") {
  mproc::mutex mutex;
  mproc::queue news;
  spawned child("hold", {{"mutex", mutex}, {"news", news}});
  CHECK(news.try_get_for(1min) == "holding");
  CHECK(mutex.owner()->pid == child.pid() && !mutex.try_lock());
  CHECK(!child.try_wait() && !child.try_wait_for(1ms));
  CHECK(!child.try_wait_until(std::chrono::system_clock::now() + 1ms));
  mproc::cancel_token token;
  token.set();
  CHECK_THROWS(errc::canceled, child.wait(token));
  CHECK_THROWS(errc::canceled, child.try_wait_for(1h, token));
  mproc::process& same = child;
  mproc::process moved = std::move(same);
  CHECK_THROWS(errc::invalid_argument, same.pid());
  moved.kill();
  const auto how = moved.try_wait_for(1min);
  CHECK(how && how->code == -1 && how->signal == SIGKILL && !how->success());
  CHECK(mutex.try_lock_for(1min) && mutex.recovered());
  mutex.unlock();
}

TEST("process: environment, search along PATH, and what cannot be started") {
  mproc::spawn_options options;
  options.environment.emplace();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::string_view(*entry).substr(0, 13) != "MPROC_DOMAIN=") options.environment->push_back(*entry);
  }
  options.environment->push_back("GREETING=hello");
  spawned child("environment", {}, options);
  CHECK(child.wait().success());
  CHECK(mproc::process({"true"}).wait().success() && mproc::process({"sh", "-c", "exit 3"}).wait().code == 3);
  mproc::process terminated({"sleep", "60"});
  terminated.kill(SIGTERM);
  CHECK(terminated.wait().signal == SIGTERM);

  mproc::value<int> v;
  CHECK_THROWS(errc::not_found, mproc::process({"/nowhere/to/be/found"}));
  CHECK_THROWS(errc::access_denied, mproc::process({"/dev/null"}));
  CHECK_THROWS(errc::invalid_argument, mproc::process({}));
  CHECK_THROWS(errc::invalid_argument, mproc::process({std::string("a\0b", 3)}));
  CHECK_THROWS(errc::invalid_argument, mproc::process({"true"}, {{"same", v}, {"same", v}}));
  CHECK_THROWS(errc::bad_name, mproc::process({"true"}, {{"a,b", v}}));
  CHECK_THROWS(errc::bad_name, mproc::process({"true"}, {{std::string("a\0b", 3), v}}));
  CHECK_THROWS(errc::not_found, mproc::inherited("nothing"));
}

TEST("two translation units share one meaning") {
  CHECK(second_unit_category() == &mproc::category());
  mproc::value<int> counter(41);
  mproc::array<int> numbers(1);
  mproc::queue lines;
  mproc::pipe ends;
  CHECK(second_unit_work(counter, numbers, lines, ends) == 42 && numbers[0] == 1);
  CHECK(lines.get() == "from the second unit" && ends.end1.recv() == "likewise");
  CHECK_THROWS(errc::not_found, second_unit_throws());
}

}  // namespace

int main(int argc, char** argv) { return argc > 1 ? worker(argv[1]) : check::main(); }
