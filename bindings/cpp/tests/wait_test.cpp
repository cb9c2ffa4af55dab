// Waiting for values, for many things at once, and with descriptors in an event loop; with real processes where it
// matters. The behaviour behind it is the library's, and tested there.
#include "family.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using family::check_interrupted;
using family::elsewhere;
using family::eventually;
using mproc::errc;
using mproc::on_available;
using mproc::on_change;
using mproc::on_closed;
using mproc::on_free;
using mproc::on_notified;
using mproc::on_readable;
using mproc::on_set;
using mproc::on_writable;

namespace {

struct point {
  int x;
  int y;
};

enum class colour : std::uint16_t { red = 1, green = 2 };

// Leaves a process that waits the time to fall asleep; nothing depends on that it does.
void a_moment() { std::this_thread::sleep_for(5ms); }

template <class Options>
Options pollable() {
  Options options{};
  options.pollable = true;
  return options;
}

// --- values --------------------------------------------------------------------------------------------------

TEST("value wait: two processes take turns") {
  mproc::value<int> turn(0);
  const auto play = [&](int me) {
    for (int i = 0; i < 500; ++i) {
      turn.wait(2 * i + me - 1);
      CHECK(turn == 2 * i + me);
      ++turn;
      turn.notify_one();
    }
  };
  check::child other([&] { play(1); });
  play(0);
  CHECK(other.wait() == 0 && turn == 1000);
}

// As it is: every form waits until the time is up. Otherwise none does.
template <class Value, class T>
void waits_while(const Value& value, const T& as_it_is, const T& otherwise) {
  CHECK(!value.wait_for(as_it_is, 0s) && !value.wait_for(as_it_is, 1ms));
  CHECK(!value.wait_until(as_it_is, std::chrono::system_clock::now() + 1ms));
  CHECK(!mproc::wait_for({on_change(value, as_it_is)}, 1ms));
  value.wait(otherwise);
  CHECK(value.wait_for(otherwise, 0s) && value.wait_until(otherwise, std::chrono::steady_clock::now() - 1s));
  CHECK(mproc::wait({on_change(value, otherwise)}).contains(0));
}

TEST("value wait: scalars of every width, structs of both kinds, byte for byte") {
  waits_while(mproc::value<bool>(true), true, false);
  waits_while(mproc::value<signed char>(-3), static_cast<signed char>(-3), static_cast<signed char>(3));
  waits_while(mproc::value<colour>(colour::green), colour::green, colour::red);
  waits_while(mproc::value<char32_t>(U'x'), U'x', U'y');
  waits_while(mproc::value<float>(1.5f), 1.5f, 2.5f);
  waits_while(mproc::value<std::int64_t>(-1), std::int64_t{-1}, std::int64_t{0xffffffff});
  const double nothing = std::numeric_limits<double>::quiet_NaN();
  waits_while(mproc::value<double>(nothing), nothing, 0.0);  // a number that is not equal to itself
  waits_while(mproc::value<double>(0.0), 0.0, -0.0);         // and two that are equal
  waits_while(mproc::value<point>(point{1, 2}), point{1, 2}, point{1, 3});
  waits_while(mproc::raw_value<point>(point{1, 2}), point{1, 2}, point{2, 2});
  const std::array<int, 1000> large{}, other{1};
  waits_while(mproc::value<std::array<int, 1000>>(large), large, other);
}

TEST("value wait: a struct is changed by another process") {
  mproc::value<point> place(point{1, 1});
  check::child other([&] {
    a_moment();
    place = point{1, 2};
    place.notify_all();
  });
  place.wait(point{1, 1});
  CHECK(place.load().y == 2 && other.wait() == 0);
}

TEST("value wait: every way to notify ends waits") {
  mproc::value<int> value(0);
  // Whether it ends three that wait for nothing but a notification, however late they begin.
  const auto ends = [&](auto notify) {
    std::vector<std::unique_ptr<family::thread>> waiters;
    for (int i = 0; i < 3; ++i) waiters.push_back(std::make_unique<family::thread>([&] { value.wait_notified(); }));
    eventually([&] {
      notify();
      return waiters[0]->done() && waiters[1]->done() && waiters[2]->done();
    });
    for (const auto& waiter : waiters) waiter->join();
  };
  ends([&] { value.notify_one(); });
  ends([&] { value.notify(2); });
  ends([&] { value.notify_all(); });
  value.notify(0);
}

TEST("value wait: for the next notification, which is not remembered") {
  mproc::value<int> value(7);
  value.notify_all();
  CHECK(!value.wait_notified_for(0s) && !value.wait_notified_for(1ms));
  CHECK(!value.wait_notified_until(std::chrono::system_clock::now() + 1ms));
  CHECK(!mproc::wait_for({on_notified(value)}, 1ms));
  mproc::event done;
  check::child other([&] {
    while (!done.wait_for(1ms)) value.notify_all();
  });
  value.wait_notified();
  CHECK(value.wait_notified_for(1min) && value.wait_notified_until(std::chrono::steady_clock::now() + 1min));
  CHECK(mproc::wait({on_notified(value)}).contains(0));
  done.set();
  CHECK(other.wait() == 0 && value == 7);
}

TEST("value wait: cancelling, signals, an empty handle") {
  mproc::value<int> value(0);
  mproc::cancel_token token;
  token.set();
  CHECK_THROWS(errc::canceled, value.wait(0, token));
  CHECK_THROWS(errc::canceled, value.wait_for(0, 1h, token));
  CHECK_THROWS(errc::canceled, value.wait_until(0, std::chrono::system_clock::now() + 1h, token));
  CHECK_THROWS(errc::canceled, value.wait_notified(token));
  CHECK_THROWS(errc::canceled, value.wait_notified_for(1h, token));
  CHECK_THROWS(errc::canceled, value.wait_notified_until(std::chrono::system_clock::now() + 1h, token));
  value.wait(1, token);  // what need not wait still works
  token.clear();
  family::thread canceller([&] {
    a_moment();
    token.set();
  });
  CHECK_THROWS(errc::canceled, value.wait(0, token));
  canceller.join();

  mproc::value_options options;
  options.return_on_signal = true;
  mproc::value<int> interruptible(0, options);
  check_interrupted([&] { interruptible.wait(0); });
  check_interrupted([&] { interruptible.wait_notified(); });

  auto moved = std::move(value);
  CHECK_THROWS(errc::invalid_argument, value.wait(0));
  CHECK_THROWS(errc::invalid_argument, value.wait_notified());
  CHECK_THROWS(errc::invalid_argument, value.notify_one());
  moved.wait(1);
}

// --- many things: each kind ----------------------------------------------------------------------------------

// After prepare() in another process the item is not ready; after change() there it is, and remains so: nothing is
// taken.
template <class Prepare, class Change>
void becomes_ready(const mproc::wait_item& item, Prepare prepare, Change change) {
  check::signal_flag prepared, go;
  check::child other([&] {
    prepare();
    prepared.set();
    go.wait();
    a_moment();
    change();
  });
  prepared.wait();
  CHECK(!mproc::wait_for({item}, 0s) && !mproc::wait_for({item}, 1ms));
  go.set();
  const auto ready = mproc::wait({item});
  CHECK(ready && ready.size() == 1 && ready.contains(0) && !ready.contains(1));
  CHECK(other.wait() == 0);
  CHECK(mproc::wait_for({item}, 0s).contains(0));
}

template <class Change>
void becomes_ready(const mproc::wait_item& item, Change change) {
  becomes_ready(item, [] {}, change);
}

TEST("wait: a queue with a message, with room, shut down") {
  mproc::queue_options options;
  options.max_items = 1;
  mproc::queue queue(options);
  becomes_ready(on_readable(queue), [&] { queue.put("one"); });
  becomes_ready(on_writable(queue, 3), [&] { CHECK(queue.get() == "one"); });
  queue.put("two");
  CHECK(queue.try_get() == "two");
  becomes_ready(on_readable(queue), [&] { queue.shutdown(); });
  CHECK_THROWS(errc::closed, queue.try_get());
  CHECK(mproc::wait({on_writable(queue, 3)}));
  CHECK_THROWS(errc::closed, queue.try_put("no"));

  options.max_items = 0;
  options.capacity_bytes = 4096;
  mproc::queue small(options);
  const std::string half(2048, 'x');
  small.put(half);
  CHECK(mproc::wait_for({on_writable(small, 100)}, 0s) && !mproc::wait_for({on_writable(small, 2048)}, 0s));
  becomes_ready(on_writable(small, 2048), [&] { small.get(); });
  CHECK_THROWS(errc::too_big, mproc::wait({on_writable(small, 5000)}));
}

TEST("wait: a queue whose producers are gone") {
  mproc::queue queue;
  check::kill_after([&] {
    auto producer = queue.producer();
    CHECK(!mproc::wait_for({on_readable(queue)}, 0s));
    return producer;
  });
  CHECK(mproc::wait({on_readable(queue)}));
  CHECK_THROWS(errc::closed, queue.try_get());
}

TEST("wait: a pipe with a message, with room, whose other end is gone") {
  mproc::pipe_options options;
  options.capacity_bytes = 4096;
  mproc::pipe ends(options);
  becomes_ready(on_readable(ends.end0), [&] { ends.end1.send("hello"); });
  CHECK(ends.end0.recv() == "hello");
  ends.end0.send(std::string(2048, 'x'));
  becomes_ready(on_writable(ends.end0, 2048), [&] { ends.end1.recv(); });
  CHECK_THROWS(errc::too_big, mproc::wait({on_writable(ends.end0, 5000)}));

  check::signal_flag sent;
  check::child peer([&] {
    ends.end0.close();
    ends.end1.send("last words");
    sent.set();
    for (;;) ::pause();
  });
  ends.end1.close();
  sent.wait();
  CHECK(mproc::wait({on_readable(ends.end0)}) && !mproc::wait_for({on_closed(ends.end0)}, 0s));
  peer.signal(SIGKILL);
  CHECK(mproc::wait({on_closed(ends.end0)}));  // also while there is something to read
  CHECK(peer.wait() == -SIGKILL);
  CHECK(ends.end0.recv() == "last words");
  const auto ready = mproc::wait({on_readable(ends.end0), on_writable(ends.end0, 1), on_closed(ends.end0)});
  CHECK(ready.size() == 3);
  CHECK_THROWS(errc::end_of_file, ends.end0.try_recv());
  CHECK_THROWS(errc::broken_pipe, ends.end0.try_send("x"));
}

TEST("wait: an end that has only one direction") {
  mproc::pipe_options options;
  options.one_way = true;
  mproc::pipe ends(options);
  CHECK(!mproc::wait_for({on_readable(ends.end0), on_closed(ends.end0), on_closed(ends.end1)}, 0s));
  CHECK(mproc::wait({on_writable(ends.end1, 1)}));
  CHECK_THROWS(errc::not_supported, mproc::wait({on_writable(ends.end0, 1)}));
  CHECK_THROWS(errc::not_supported, mproc::wait({on_readable(ends.end1)}));
}

TEST("wait: locks that become free, or whose holder dies") {
  mproc::mutex mutex;
  becomes_ready(on_free(mutex), [&] { mutex.lock(); }, [&] { mutex.unlock(); });
  CHECK(mutex.try_lock() && !mutex.recovered() && !mproc::wait_for({on_free(mutex)}, 0s));
  mutex.unlock();
  becomes_ready(on_free(mutex), [&] { mutex.lock(); }, [] {});
  CHECK(mutex.try_lock() && mutex.recovered());
  mutex.unlock();

  mproc::recursive_mutex recursive;
  becomes_ready(on_free(recursive), [&] { recursive.lock(); }, [&] { recursive.unlock(); });
  CHECK(recursive.try_lock() && mproc::wait_for({on_free(recursive)}, 0s));  // this thread could take it again
  CHECK(!elsewhere([&] { return bool(mproc::wait_for({on_free(recursive)}, 0s)); }));
  recursive.unlock();
  becomes_ready(on_free(recursive), [&] { recursive.lock(); }, [] {});
  CHECK(recursive.try_lock() && recursive.recovered());
  recursive.unlock();
}

TEST("wait: permits, also those of the dead") {
  mproc::counting_semaphore permits(0);
  becomes_ready(on_available(permits), [&] { permits.release(); });
  CHECK(permits.try_acquire() && !permits.try_acquire());

  mproc::semaphore_options options;
  options.accounting = true;
  mproc::counting_semaphore counted(1, options);
  becomes_ready(on_available(counted), [&] { counted.acquire(); }, [] {});
  CHECK(counted.try_acquire() && counted.recovered());
}

TEST("wait: an event that is set, or was") {
  mproc::event event;
  becomes_ready(on_set(event), [&] { event.set(); });
  event.clear();
  mproc::event done;
  check::child pulses([&] {
    while (!done.wait_for(1ms)) {
      event.set();
      event.clear();
    }
  });
  CHECK(mproc::wait({on_set(event)}).contains(0));
  done.set();
  CHECK(pulses.wait() == 0 && !event.is_set());
}

TEST("wait: a value that changes") {
  mproc::value<int> value(1);
  becomes_ready(on_change(value, 1), [&] {
    value = 2;
    value.notify_all();
  });
  mproc::value<point> place(point{1, 1});
  const point was{1, 1};
  becomes_ready(on_change(place, was), [&] {
    place = point{1, 2};
    place.notify_all();
  });
}

// --- many things: at once ------------------------------------------------------------------------------------

TEST("wait: all that is ready, by ascending index, and the same object more than once") {
  mproc::queue queue;
  mproc::event event;
  mproc::counting_semaphore permits(1);
  const auto look = [&] {
    const auto ready = mproc::wait_for(
        {on_set(event), on_readable(queue), on_writable(queue, 1), on_set(event), on_available(permits)}, 0s);
    return std::vector<std::size_t>(ready.begin(), ready.end());
  };
  CHECK(look() == (std::vector<std::size_t>{2, 4}));
  event.set();
  CHECK(look() == (std::vector<std::size_t>{0, 2, 3, 4}));
  queue.put("x");
  permits.acquire();
  CHECK(look() == (std::vector<std::size_t>{0, 1, 2, 3}));
  const auto nothing = mproc::wait_for({on_available(permits)}, 0s);
  CHECK(nothing.empty() && nothing.size() == 0 && !nothing && !nothing.contains(0));
}

TEST("wait: workers share a queue, and end by an event") {
  constexpr int jobs_in_all = 300;
  mproc::queue jobs, results;
  mproc::event stop;
  std::vector<std::unique_ptr<check::child>> workers;
  for (int i = 0; i < 3; ++i) {
    workers.push_back(std::make_unique<check::child>([&] {
      for (;;) {
        const auto ready = mproc::wait({on_readable(jobs), on_set(stop)});
        if (ready.contains(1)) return;
        if (const auto job = jobs.try_get()) results.put(*job);
      }
    }));
  }
  long sum = 0;
  family::thread producer([&] {
    for (int i = 0; i < jobs_in_all; ++i) jobs.put(std::to_string(i));
  });
  for (int i = 0; i < jobs_in_all; ++i) {
    CHECK(mproc::wait_for({on_readable(results)}, 1min));
    const auto result = results.try_get();  // nobody else takes any
    CHECK(result);
    sum += std::stol(*result);
  }
  CHECK(sum == jobs_in_all * (jobs_in_all - 1) / 2);
  stop.set();
  for (const auto& worker : workers) CHECK(worker->wait() == 0);
}

TEST("wait: who only looks takes no wake-up away") {
  mproc::counting_semaphore permits(0);
  mproc::event stop;
  check::child looks([&] {
    while (!mproc::wait({on_set(stop), on_available(permits)}).contains(0)) std::this_thread::yield();
  });
  check::child takes([&] {
    for (int i = 0; i < 300; ++i) permits.acquire();
  });
  for (int i = 0; i < 300; ++i) permits.release();
  CHECK(takes.wait() == 0 && permits.info().value == 0);
  stop.set();
  CHECK(looks.wait() == 0);
}

TEST("wait: items in every kind of container, 1 to 126 of them") {
  mproc::event event;
  const std::vector<mproc::wait_item> vector(126, on_set(event));
  const std::array<mproc::wait_item, 2> array{on_set(event), on_set(event)};
  const mproc::wait_item list[] = {on_set(event)};
  const auto looks = [&](std::size_t n) {
    const auto all = mproc::wait_for(vector, 0s);
    return all.size() == 126 * n && (n == 0 || (all.contains(0) && all.contains(125) && !all.contains(126))) &&
           mproc::wait_until(array, std::chrono::system_clock::now()).size() == 2 * n &&
           mproc::wait_for(list, 1ms).size() == n;
  };
  CHECK(looks(0));
  event.set();
  CHECK(looks(1) && mproc::wait(vector).size() == 126);
#if defined(__cpp_lib_span)
  CHECK(mproc::wait(std::span(vector).first(5)).size() == 5 && mproc::wait(std::span(array)).size() == 2);
#endif
  auto too_many = vector;
  too_many.push_back(on_set(event));
  CHECK_THROWS(errc::invalid_argument, mproc::wait(too_many));
  CHECK_THROWS(errc::invalid_argument, mproc::wait(std::vector<mproc::wait_item>()));
}

TEST("wait: items are kept, copied, and outlive the number that was expected") {
  mproc::value<long> value(5);
  mproc::event event;
  std::vector<mproc::wait_item> items;
  {
    long expected = 5;
    items.push_back(on_change(value, expected));
    items.push_back(on_set(event));
    expected = 6;
  }
  for (int i = 0; i < 50; ++i) items.push_back(items[0]);  // which moves them all in memory
  const auto copy = items;
  items.clear();
  CHECK(!mproc::wait_for(copy, 0s));
  auto moved_value = std::move(value);
  const auto moved_event = std::move(event);
  CHECK(!mproc::wait_for(copy, 0s));
  moved_value = 7;
  CHECK(mproc::wait(copy).size() == 51 && !mproc::wait(copy).contains(1));
  CHECK_THROWS(errc::invalid_argument, on_change(value, 5));
  CHECK_THROWS(errc::invalid_argument, on_set(event));
}

TEST("wait: items made through mproc.h") {
  mproc::event event;
  event.set();
  mproc_wait_item_t item{MPROC_WAIT_EVENT, 0, event.native_handle(), nullptr, 0};
  CHECK(mproc::wait({mproc::wait_item(item)}).contains(0));
  CHECK(mproc::wait_item(item).native().object == event.native_handle());
  item.reserved = 1;
  CHECK_THROWS(errc::invalid_argument, mproc::wait({mproc::wait_item(item)}));
  item = {1000, 0, event.native_handle(), nullptr, 0};
  CHECK_THROWS(errc::invalid_argument, mproc::wait({mproc::wait_item(item)}));
}

TEST("wait: cancelling, and signals") {
  mproc::event event;
  mproc::queue queue;
  mproc::cancel_token token;
  token.set();
  CHECK_THROWS(errc::canceled, mproc::wait({on_set(event), on_readable(queue)}, token));
  CHECK_THROWS(errc::canceled, mproc::wait_for({on_set(event)}, 1h, token));
  CHECK_THROWS(errc::canceled, mproc::wait_until({on_set(event)}, std::chrono::system_clock::now() + 1h, token));
  token.clear();
  family::thread canceller([&] {
    a_moment();
    token.set();
  });
  CHECK_THROWS(errc::canceled, mproc::wait({on_set(event), on_readable(queue)}, token));
  canceller.join();

  mproc::sync_options options;
  options.return_on_signal = true;
  mproc::event interruptible(options);
  check_interrupted([&] { mproc::wait({on_readable(queue), on_set(interruptible)}); });
  check_interrupted([&] { mproc::wait_for({on_set(interruptible), on_readable(queue)}, 1h); });
}

// --- what does not compile -----------------------------------------------------------------------------------

template <class Object, class = void>
inline constexpr bool can_be_free = false;
template <class Object>
inline constexpr bool can_be_free<Object, std::void_t<decltype(on_free(std::declval<Object>()))>> = true;
static_assert(can_be_free<mproc::mutex&> && can_be_free<const mproc::recursive_mutex&>);
static_assert(!can_be_free<mproc::shared_mutex&> && !can_be_free<mproc::event&>);
static_assert(!can_be_free<mproc::value<int>::mutex_type&> && !can_be_free<mproc::condition::mutex_type&>);
static_assert(!can_be_free<mproc::mutex>);  // gone before it could be waited for

template <class Object, class = void>
inline constexpr bool can_be_read = false;
template <class Object>
inline constexpr bool can_be_read<Object, std::void_t<decltype(on_readable(std::declval<Object>()))>> = true;
static_assert(can_be_read<const mproc::queue&> && can_be_read<mproc::pipe_end&>);
static_assert(!can_be_read<mproc::queue> && !can_be_read<mproc::pipe_end> && !can_be_read<mproc::pipe&>);

template <class Value, class Expected, class = void>
inline constexpr bool can_change = false;
template <class Value, class Expected>
inline constexpr bool can_change<
    Value, Expected, std::void_t<decltype(on_change(std::declval<Value>(), std::declval<Expected>()))>> = true;
static_assert(can_change<mproc::value<long>&, int> && can_change<mproc::value<colour>&, const colour&>);
static_assert(can_change<mproc::value<point>&, const point&> && can_change<mproc::raw_value<point>&, point&>);
static_assert(!can_change<mproc::value<point>&, point> && !can_change<mproc::value<point>&, int>);
static_assert(!can_change<mproc::value<long>, int> && !can_change<mproc::array<long>&, int>);

// --- descriptors ---------------------------------------------------------------------------------------------

bool is_readable(int fd, int timeout_ms = 0) {
  pollfd entry{fd, POLLIN, 0};
  const int n = ::poll(&entry, 1, timeout_ms);
  CHECK(n >= 0 && (entry.revents & ~POLLIN) == 0);
  return n == 1;
}

// To take until there is nothing makes the descriptor unreadable. (For a moment: it may become readable for nothing.)
template <class Take>
void becomes_unreadable(int fd, Take take) {
  eventually([&] {
    while (take()) {
    }
    return !is_readable(fd);
  });
}

TEST("descriptor: a queue in an event loop") {
  mproc::queue queue(pollable<mproc::queue_options>());
  CHECK((queue.info().flags & MPROC_POLLABLE) != 0);
  const int fd = queue.readable_fd();
  CHECK(fd >= 0 && queue.readable_fd() == fd && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(is_readable(fd));  // as it begins
  becomes_unreadable(fd, [&] { return queue.try_get().has_value(); });

  constexpr int messages = 200;
  check::child producer([&] {
    for (int i = 0; i < messages; ++i) {
      queue.put(std::to_string(i));
      if (i % 50 == 0) a_moment();
    }
    queue.shutdown();
  });
  int seen = 0;
  try {
    for (;;) {
      CHECK(is_readable(fd, 60'000));
      while (const auto message = queue.try_get()) CHECK(*message == std::to_string(seen++));
    }
  } catch (const mproc::error& e) {
    CHECK(e.code() == errc::closed);
  }
  CHECK(seen == messages && producer.wait() == 0 && is_readable(fd, 60'000));
}

TEST("descriptor: room in a queue") {
  auto options = pollable<mproc::queue_options>();
  options.max_items = 2;
  mproc::queue queue(options);
  const int fd = queue.writable_fd();
  CHECK(fd >= 0 && queue.writable_fd() == fd && fd != queue.readable_fd() && is_readable(fd));
  becomes_unreadable(fd, [&] { return queue.try_put("x"); });
  check::child consumer([&] {
    for (int i = 0; i < 100; ++i) queue.get();
  });
  for (int put = 2; put < 100;) {
    CHECK(is_readable(fd, 60'000));
    while (put < 100 && queue.try_put("x")) ++put;
  }
  CHECK(consumer.wait() == 0 && !queue.try_get());
}

TEST("descriptor: both directions of a pipe, in one epoll with a queue") {
  mproc::pipe ends(pollable<mproc::pipe_options>());
  mproc::queue queue(pollable<mproc::queue_options>());
  CHECK((ends.end0.info().flags & MPROC_POLLABLE) != 0);
  check::child peer([&] {
    ends.end0.close();
    while (const auto text = ends.end1.next()) {
      ends.end1.send(*text);
      queue.put(*text);
    }
  });
  ends.end1.close();
  const int in = ends.end0.readable_fd(), out = ends.end0.writable_fd(), side = queue.readable_fd();
  const std::unique_ptr<int, void (*)(int*)> loop(new int(::epoll_create1(EPOLL_CLOEXEC)), [](int* fd) {
    ::close(*fd);
    delete fd;
  });
  for (const int fd : {in, out, side}) {
    epoll_event interest{};
    interest.events = EPOLLIN | EPOLLET;
    interest.data.fd = fd;
    CHECK(::epoll_ctl(*loop, EPOLL_CTL_ADD, fd, &interest) == 0);
  }
  int sent = 0, echoed = 0, put = 0;
  while (echoed < 100 || put < 100) {
    std::array<epoll_event, 3> ready{};
    const int n = ::epoll_wait(*loop, ready.data(), static_cast<int>(ready.size()), 60'000);
    CHECK(n > 0);
    for (int i = 0; i < n; ++i) {
      const int fd = ready[static_cast<std::size_t>(i)].data.fd;
      while (fd == out && sent < 100 && ends.end0.try_send(std::to_string(sent))) ++sent;
      while (fd == in && ends.end0.try_recv()) ++echoed;
      while (fd == side && queue.try_get()) ++put;
    }
  }
  CHECK(sent == 100 && echoed == 100 && put == 100);
  becomes_unreadable(in, [&] { return ends.end0.try_poll(); });
  peer.kill();
  eventually([&] {
    CHECK(is_readable(in, 60'000));
    try {
      return ends.end0.try_recv().has_value();  // spurious, or the end
    } catch (const mproc::error& e) {
      CHECK(e.code() == errc::end_of_file);
      return true;
    }
  });
}

TEST("descriptor: each handle and each process has its own") {
  const auto options = pollable<mproc::queue_options>();
  auto queue = mproc::queue::create("pollable", options);
  auto same = mproc::queue::open("pollable");
  CHECK(queue.readable_fd() != same.readable_fd());
  check::child child([&] {
    const int fd = queue.readable_fd();
    CHECK(is_readable(fd));
    becomes_unreadable(fd, [&] { return queue.try_get().has_value(); });
    queue.put("from the child");
  });
  CHECK(child.wait() == 0);
  for (const mproc::queue* each : {&queue, &same}) CHECK(is_readable(each->readable_fd(), 60'000));
  CHECK(same.try_get() == "from the child");

  const int fd = same.readable_fd();
  same.close();
  CHECK(::fcntl(fd, F_GETFD) < 0 && errno == EBADF);
  CHECK_THROWS(errc::invalid_argument, same.readable_fd());
  CHECK_THROWS(errc::invalid_argument, same.writable_fd());
}

TEST("descriptor: only of what was made for it, and in the directions it has") {
  auto plain = mproc::queue::create("not-pollable");
  CHECK((plain.info().flags & MPROC_POLLABLE) == 0);
  CHECK_THROWS(errc::not_supported, plain.readable_fd());
  CHECK_THROWS(errc::not_supported, plain.writable_fd());
  CHECK_THROWS(errc::type_mismatch, mproc::queue::create_or_open("not-pollable", pollable<mproc::queue_options>()));
  mproc::pipe line;
  CHECK((line.end0.info().flags & MPROC_POLLABLE) == 0);
  CHECK_THROWS(errc::not_supported, line.end0.readable_fd());
  CHECK_THROWS(errc::not_supported, line.end1.writable_fd());
  auto options = pollable<mproc::pipe_options>();
  options.one_way = true;
  mproc::pipe ends(options);
  CHECK(ends.end0.readable_fd() >= 0 && ends.end1.writable_fd() >= 0);
  CHECK_THROWS(errc::not_supported, ends.end0.writable_fd());
  CHECK_THROWS(errc::not_supported, ends.end1.readable_fd());
  ends.end0.close();
  CHECK_THROWS(errc::invalid_argument, ends.end0.readable_fd());
}

}  // namespace
