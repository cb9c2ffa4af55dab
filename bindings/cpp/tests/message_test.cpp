// Messages in place and under a lease, joining, and producers: what the classes promise when they are moved,
// destroyed and thrown past, and when their process is killed.
#include "check.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using mproc::errc;

namespace {

// Reserves that text and writes it, without committing it.
mproc::queue::reservation written(mproc::queue& q, std::string_view text) {
  auto room = q.reserve(text.size());
  std::memcpy(room.data(), text.data(), text.size());
  return room;
}

mproc::queue_options joinable() {
  mproc::queue_options options;
  options.joinable = true;
  return options;
}

mproc::queue_options leases() {
  mproc::queue_options options;
  options.lease = true;
  return options;
}

bool aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % 8 == 0; }

TEST("reservation: written in place, committed whole or in part") {
  mproc::queue q;
  auto room = q.reserve(16);
  CHECK(room && room.size() == 16 && room.end() - room.begin() == 16 && aligned(room.data()));
  CHECK(q.info().reserved == 1 && q.empty() && !q.try_get());
  std::memcpy(room.data(), "hello, world", 12);
  room.commit(5);
  CHECK(!room && room.data() == nullptr && room.size() == 0 && q.info().reserved == 0);
  CHECK(q.size() == 1 && q.get() == "hello");
  CHECK_THROWS(errc::invalid_argument, room.commit());
  CHECK_THROWS(errc::invalid_argument, room.abort());

  room = written(q, "all of it");
  CHECK_THROWS(errc::out_of_range, room.commit(10));
  CHECK(room && q.empty());
  room.commit();
  q.reserve(0).commit();
  q.reserve(8).commit(0);
  CHECK(q.get() == "all of it" && q.get().empty() && q.get().empty() && q.empty());
}

TEST("reservation: given up when aborted, destroyed, replaced or thrown past") {
  mproc::queue q;
  auto room = q.reserve(8);
  room.abort();
  CHECK(!room && q.info().reserved == 0);
  { auto forgotten = q.reserve(8); }
  CHECK(q.info().reserved == 0);
  try {
    auto half = q.reserve(8);
    throw std::runtime_error("in the middle");
  } catch (const std::runtime_error&) {
  }
  CHECK(q.info().reserved == 0);

  auto first = written(q, "first");
  auto moved = std::move(first);
  CHECK(!first && moved && moved.size() == 5 && q.info().reserved == 1);
  CHECK_THROWS(errc::invalid_argument, first.commit());
  moved = written(q, "second");
  CHECK(q.info().reserved == 1);
  moved.commit();
  CHECK(q.get() == "second" && q.empty());
}

TEST("reservation: does not hold up what was put after it") {
  mproc::queue q;
  auto early = written(q, "early");
  q.put("late");
  CHECK(q.get() == "late");
  q.put("later");
  early.commit();
  CHECK(q.get() == "early" && q.get() == "later");
}

TEST("reservation: bounds, time and cancelling") {
  mproc::queue_options bounds;
  bounds.capacity_bytes = 4096;
  mproc::queue q(bounds);
  const std::size_t most = q.info().max_message;
  CHECK_THROWS(errc::too_big, q.reserve(most + 1));
  auto all = q.try_reserve(most);
  CHECK(all && all->size() == most && q.full());
  CHECK(!q.try_reserve(1) && !q.try_reserve_for(1, 1ms) && !q.try_put("x"));
  CHECK(!q.try_reserve_until(1, std::chrono::system_clock::now() + 1ms));
  mproc::cancel_token token;
  token.set();
  CHECK_THROWS(errc::canceled, q.reserve(1, token));
  CHECK_THROWS(errc::canceled, q.try_reserve_for(1, 1h, token));
  std::thread releaser([&] { all->abort(); });
  q.reserve(1).abort();
  releaser.join();
  CHECK(q.try_reserve_until(1, std::chrono::steady_clock::now() + 1h));
}

TEST("reservation: shutting down") {
  mproc::queue q;
  check::signal_flag reserved, shut;
  check::child producer([&] {
    auto room = written(q, "still comes");
    reserved.set();
    shut.wait();
    CHECK_THROWS(errc::closed, q.reserve(1));
    room.commit();
  });
  reserved.wait();
  q.shutdown();
  CHECK(!q.try_get() && !q.try_peek());  // not the end yet
  shut.set();
  CHECK(q.next() == "still comes" && !q.next() && !q.next_message());
  CHECK(producer.wait() == 0);

  mproc::queue dropped;
  auto late = written(dropped, "never seen"), later = written(dropped, "nor this");
  dropped.shutdown(mproc::shutdown_mode::immediate);
  CHECK_THROWS(errc::closed, late.commit());
  CHECK(!late);
  later.abort();
  CHECK(!later);
}

TEST("reservation: of a killed process is dropped") {
  mproc::queue_options bounds;
  bounds.capacity_bytes = 4096;
  mproc::queue q(bounds);
  const std::string longest(q.info().max_message, 'l');
  check::kill_after([&] { return written(q, longest); });
  CHECK(q.try_put_for(longest, 1min) && q.get() == longest && q.empty());
}

TEST("message: read in place, then released") {
  mproc::queue q;
  q.put("first");
  q.put("second");
  auto message = q.peek();
  CHECK(message && message.view() == "first" && aligned(message.data()) && !message.redelivered());
  CHECK(message.size() == 5 && !message.empty() && message.end() - message.begin() == 5);
  CHECK(*message.begin() == std::byte{'f'});
  CHECK(q.info().held == 1 && q.size() == 1 && q.get() == "second" && !q.try_get());
  message.release();
  CHECK(!message && message.data() == nullptr && message.view().empty() && q.info().held == 0 && !q.try_get());
  CHECK_THROWS(errc::invalid_argument, message.release());
  CHECK_THROWS(errc::invalid_argument, message.put_back());
  q.put("");
  auto nothing = q.peek();
  CHECK(nothing && nothing.empty());
  nothing.release();
}

TEST("message: put back when not released, in front of the others") {
  mproc::queue q;
  q.put("first");
  q.put("second");
  { auto seen = q.peek(); }
  auto again = q.peek();
  CHECK(again.view() == "first" && again.redelivered());
  again.put_back();
  CHECK(!again && q.size() == 2);
  try {
    auto half = q.peek();
    CHECK(half.view() == "first");
    throw std::runtime_error("in the middle");
  } catch (const std::runtime_error&) {
  }
  auto moved = q.peek();
  auto first = std::move(moved);
  CHECK(!moved && first.view() == "first" && q.info().held == 1);
  auto second = q.peek();
  CHECK(second.view() == "second" && !second.redelivered());
  first = std::move(second);  // "first" goes back
  CHECK(first.view() == "second" && q.info().held == 1 && q.get() == "first");
  first.release();
  CHECK(q.empty() && q.info().held == 0);
}

TEST("message: time, cancelling, the end of a loop") {
  mproc::queue q;
  CHECK(!q.try_peek() && !q.try_peek_for(1ms) && !q.try_peek_until(std::chrono::system_clock::now() + 1ms));
  mproc::cancel_token token;
  token.set();
  CHECK_THROWS(errc::canceled, q.peek(token));
  CHECK_THROWS(errc::canceled, q.try_peek_for(1h, token));
  CHECK_THROWS(errc::canceled, q.next_message(token));
  check::child producer([&] {
    for (int i = 0; i < 100; ++i) q.put(std::to_string(i));
    q.shutdown();
  });
  int expected = 0;
  while (auto message = q.next_message()) {
    CHECK(message->view() == std::to_string(expected++));
    message->release();
  }
  CHECK(expected == 100 && producer.wait() == 0);
  CHECK_THROWS(errc::closed, q.peek());
  CHECK_THROWS(errc::closed, q.try_peek());

  mproc::queue dropped;
  dropped.put("held");
  auto held = dropped.peek();
  dropped.shutdown(mproc::shutdown_mode::immediate);
  held.release();
  CHECK(!held);
}

TEST("message: what a killed consumer had goes to the next one") {
  mproc::queue q;
  q.put("one");
  q.put("two");
  check::kill_after([&] { return std::array{q.peek(), q.peek()}; });
  auto one = q.try_peek_for(1min);
  CHECK(one && one->view() == "one" && one->redelivered());
  one->release();
  q.put("three");
  CHECK(q.get() == "two" && q.get() == "three" && q.empty());
}

TEST("messages in place keep their handle open") {
  auto other = mproc::queue::create("held-open");
  auto q = mproc::queue::open("held-open");
  other.put("first");
  other.put("second");
  std::optional<mproc::queue::message> first = q.peek(), second = q.peek();
  auto room = written(q, "third");
  q.close();
  CHECK_THROWS(errc::invalid_argument, q.peek());
  CHECK(first->view() == "first" && second->view() == "second" && other.info().held == 2 && !other.try_get());
  first->release();
  second.reset();
  CHECK(other.get() == "second");
  room.commit();
  CHECK(other.get() == "third" && other.info().held == 0);
}

TEST("messages in place are not the forked child's") {
  mproc::queue q;
  q.put("message");
  auto message = q.peek();
  auto room = written(q, "reserved");
  check::child child([&] {
    CHECK_THROWS(errc::not_owner, message.release());
    CHECK_THROWS(errc::not_owner, message.put_back());
    CHECK_THROWS(errc::not_owner, room.commit());
    CHECK_THROWS(errc::not_owner, room.abort());
    CHECK(message && room);
    // What the child destroys, it does not give up for its parent.
    auto mine = std::move(message);
    auto reserved = std::move(room);
  });
  CHECK(child.wait() == 0);
  CHECK(q.info().held == 1 && q.info().reserved == 1 && message.view() == "message");
  message.release();
  room.commit();
  CHECK(q.get() == "reserved" && q.empty());
}

TEST("messages in place: threads of one process, and two processes") {
  mproc::queue_options bounds;
  bounds.capacity_bytes = 4096;
  mproc::queue q(bounds), sums;
  constexpr int each = 2000;
  constexpr int total = 3 * each;
  const auto produce = [&](int first) {
    for (int i = first; i < first + each; ++i) {
      auto room = q.reserve(sizeof i + static_cast<std::size_t>(i % 50));
      std::memcpy(room.data(), &i, sizeof i);
      room.commit(sizeof i);
    }
  };
  const auto consume = [&] {
    std::int64_t sum = 0;
    while (auto message = q.next_message()) {
      int number = 0;
      CHECK(message->size() == sizeof number);
      std::memcpy(&number, message->data(), sizeof number);
      if (number % 7 == 0 && !message->redelivered()) continue;  // destroyed: put back
      sum += number;
      message->release();
    }
    sums.put({&sum, sizeof sum});
  };
  check::child first([&] { produce(0); }), second([&] { produce(each); }), consumer(consume);
  std::thread third([&] { produce(2 * each); }), reader(consume);
  third.join();
  CHECK(first.wait() == 0 && second.wait() == 0);
  q.shutdown();
  reader.join();
  CHECK(consumer.wait() == 0);
  std::int64_t sum = 0, part = 0;
  for (int i = 0; i < 2; ++i) {
    CHECK(sums.try_get_raw(&part, sizeof part));
    sum += part;
  }
  CHECK(sum == std::int64_t{total} * (total - 1) / 2);
}

TEST("messages in place are containers of bytes") {
  mproc::queue q, other;
  q.put("pass it on");
  auto message = q.peek();
  other.put(message);  // one copy, from memory to memory
  message.release();
  CHECK(other.get() == "pass it on");
#if defined(__cpp_lib_span)
  auto room = q.reserve(3);
  const std::span<std::byte> to(room);
  to[0] = to[1] = to[2] = std::byte{7};
  room.commit();
  message = q.peek();
  const std::span<const std::byte> from(message);
  CHECK(from.size() == 3 && from[2] == std::byte{7});
#endif
}

TEST("lease: a copy until it is acknowledged") {
  mproc::queue q(leases());
  CHECK((q.info().flags & MPROC_QUEUE_LEASE) != 0);
  q.put("job");
  q.put("next");
  CHECK_THROWS(errc::not_supported, q.get());
  CHECK_THROWS(errc::not_supported, q.get_many(2));
  auto job = q.lease();
  CHECK(job && job.value() == "job" && !job.redelivered() && q.info().held == 1 && q.size() == 1);
  job.ack();
  CHECK(!job && job.value() == "job" && q.info().held == 0);
  CHECK_THROWS(errc::invalid_argument, job.ack());
  CHECK_THROWS(errc::invalid_argument, job.put_back());
  { auto forgotten = q.lease(); }
  auto again = q.try_lease();
  CHECK(again && again->value() == "next" && again->redelivered());
  again->put_back();
  auto moved = std::move(*q.try_lease_for(1min));
  mproc::leased<> kept = std::move(moved);
  CHECK(!moved && kept.value() == "next" && q.info().held == 1);
  kept.ack();
  q.put("in place, too");
  q.peek().release();
  CHECK(!q.try_lease() && !q.try_lease_for(1ms) && !q.try_lease_until(std::chrono::system_clock::now() + 1ms));
  mproc::cancel_token token;
  token.set();
  CHECK_THROWS(errc::canceled, q.lease(token));
  CHECK_THROWS(errc::canceled, q.next_lease(token));
  CHECK(q.try_join() == mproc::join_outcome::all_done);
}

TEST("lease: on every queue, messages of every length") {
  mproc::queue q;
  for (const std::size_t size : {0u, 10u, 1024u, 1025u, 70000u, 5u, 200000u}) {
    const std::string message(size, 'm');
    q.put(message);
    auto text = q.lease();
    CHECK(text.value() == message);
    text.put_back();
    auto bytes = q.lease<std::vector<std::byte>>();
    CHECK(bytes.redelivered() && bytes.value().size() == size);
    bytes.ack();
  }
  CHECK(q.empty() && q.info().held == 0);
  mproc::queue_options bounds = leases();
  const auto named = mproc::queue::create("leases", bounds);
  CHECK(mproc::queue::open("leases").info().flags == MPROC_QUEUE_LEASE);
  bounds.joinable = true;
  CHECK_THROWS(errc::type_mismatch, mproc::queue::open("leases", bounds));
}

TEST("lease: a killed worker's job is done by the next one") {
  mproc::queue q(leases());
  for (int i = 0; i < 3; ++i) q.put("job " + std::to_string(i));
  check::kill_after([&] {
    q.lease().ack();
    return q.lease();
  });
  q.shutdown();
  std::vector<std::string> done;
  bool again = false;
  while (auto job = q.next_lease()) {
    done.push_back(job->value());
    again = again || job->redelivered();
    job->ack();
  }
  // Which of the two comes first depends on when the death is noticed; none is lost, none comes twice.
  CHECK(done.size() == 2 && again && done[0] != done[1] && (done[0] == "job 1" || done[1] == "job 1"));
  CHECK_THROWS(errc::closed, q.lease());
}

TEST("join: waits for what is taken and not done") {
  mproc::queue q(joinable());
  CHECK((q.info().flags & MPROC_QUEUE_JOINABLE) != 0 && q.join() == mproc::join_outcome::all_done);
  CHECK_THROWS(errc::not_owner, q.task_done());
  q.put_many({"1", "2", "3", "4"});
  CHECK(q.info().unfinished == 4 && !q.try_join() && !q.try_join_for(1ms));
  CHECK(q.get_many(2).size() == 2);
  q.task_done();
  q.task_done();
  CHECK_THROWS(errc::not_owner, q.task_done());
  q.peek().release();
  q.lease().ack();
  CHECK(q.info().unfinished == 0 && q.try_join() == mproc::join_outcome::all_done);

  q.put("5");
  CHECK(q.get() == "5" && !q.try_join_until(std::chrono::system_clock::now() + 1ms));
  mproc::cancel_token token;
  token.set();
  CHECK_THROWS(errc::canceled, q.join(token));
  CHECK_THROWS(errc::canceled, q.try_join_for(1h, token));
  std::thread worker([&] { q.task_done(); });
  CHECK(q.join() == mproc::join_outcome::all_done);
  worker.join();

  check::child consumer([&] {
    while (q.next()) q.task_done();
  });
  for (int i = 0; i < 1000; ++i) q.put("job");
  CHECK(q.try_join_for(1min) == mproc::join_outcome::all_done && q.info().unfinished == 0);
  q.shutdown();
  CHECK(consumer.wait() == 0);

  mproc::queue plain;
  CHECK_THROWS(errc::not_supported, plain.task_done());
  CHECK_THROWS(errc::not_supported, plain.try_join());
}

TEST("join: tells of consumers that died, once") {
  mproc::queue q(joinable());
  q.put_many({"1", "2", "3"});
  check::kill_after([&] {
    q.get();
    q.get();
    q.task_done();
    return q.peek();  // goes back, is not lost
  });
  CHECK(q.try_get_for(1min) == "3");
  q.task_done();
  CHECK(q.try_join_for(1min) == mproc::join_outcome::some_lost);
  CHECK(q.try_join() == mproc::join_outcome::all_done);
}

TEST("producers: the last one's end is the end of the loop") {
  mproc::queue q;
  CHECK(q.info().producers == MPROC_PRODUCERS_NONE);
  std::optional<mproc::queue> one = q.producer();
  auto two = one->producer();
  CHECK(q.info().producers == MPROC_PRODUCERS_OPEN);
  one->put("from one");
  two.put("from two");
  one.reset();
  CHECK(q.next() == "from one" && q.next() == "from two" && !q.try_get());
  two.put("last");
  two.close();
  CHECK(q.info().producers == MPROC_PRODUCERS_GONE);
  CHECK(q.next() == "last" && !q.next() && !q.next_message() && !q.next_lease());
  CHECK_THROWS(errc::closed, q.get());
  CHECK_THROWS(errc::closed, q.try_peek());

  auto three = q.producer();
  CHECK(!q.try_get());
  three.put("goes on");
  CHECK(q.next() == "goes on");
  // A handle on a producer's is one, too.
  auto four = mproc::queue::open(three.export_handle());
  three.close();
  CHECK(q.info().producers == MPROC_PRODUCERS_OPEN && !q.try_get());
  four.close();
  CHECK(!q.next());
}

TEST("producers: killed ones are noticed") {
  mproc::queue q;
  check::kill_after([&] {
    auto producer = q.producer();
    producer.put("before the end");
    return producer;
  });
  CHECK(q.next() == "before the end" && !q.next());
}

}  // namespace
