// Pipes: both directions, names and handles, the end of the other side, and messages in place.
#include "check.hpp"

#include <sys/socket.h>

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
mproc::pipe_end::reservation written(mproc::pipe_end& end, std::string_view text) {
  auto room = end.reserve(text.size());
  std::memcpy(room.data(), text.data(), text.size());
  return room;
}

mproc::pipe_options one_page() {
  mproc::pipe_options options;
  options.capacity_bytes = 4096;
  return options;
}

TEST("pipe: everything that can be sent, both ways, and how it comes out") {
  auto [a, b] = mproc::pipe();
  CHECK(a.info().end == 0 && b.info().end == 1 && a.info().peer == MPROC_PEER_OPEN && !a.existed());
  const std::string text("with\0nul", 8);
  a.send("literal");
  a.send(text);
  a.send(std::string_view("view"));
  a.send(std::vector<unsigned char>{1, 2, 3});
  a.send(std::array<double, 2>{1.0, 2.0});
  a.send({text.data(), 4});
  a.send("");
  a.send({});
  CHECK(a.info().outgoing == 8 && b.info().incoming == 8 && a.info().incoming == 0);
  b.send("the other way");
  CHECK(a.recv() == "the other way");
  CHECK(b.recv() == "literal" && b.recv() == text && b.recv() == "view");
  CHECK(b.recv<std::vector<std::byte>>() == (std::vector<std::byte>{std::byte{1}, std::byte{2}, std::byte{3}}));
  double pair[2];
  CHECK(b.recv_raw(pair, sizeof pair) == sizeof pair && pair[1] == 2.0);
  CHECK(b.try_recv() == "with" && b.recv().empty() && b.next() == "");
  CHECK(!b.try_recv() && !b.try_recv_for(1ms) && !b.try_recv_until(std::chrono::system_clock::now() + 1ms));
  std::string out = "stale";
  CHECK(!b.try_recv_into(out) && out.empty() && !b.try_recv_into_for(out, 1ms));
  CHECK(!b.try_recv_into_until(out, std::chrono::steady_clock::now() + 1ms));
  CHECK(!b.try_recv_raw(pair, sizeof pair) && !b.try_recv_raw_for(pair, sizeof pair, 1ms));
  CHECK(!b.try_recv_raw_until(pair, sizeof pair, std::chrono::system_clock::now() + 1ms));
#if defined(__cpp_lib_span)
  a.send(std::span<const double>(pair));
  double copy[2] = {};
  CHECK(b.recv_raw(std::span(copy)) == sizeof copy && copy[0] == 1.0);
#endif
}

TEST("pipe: long messages, buffers that grow, buffers that do not") {
  auto [a, b] = mproc::pipe();
  for (const std::size_t size : {1023u, 1024u, 1025u, 5000u, 70000u, 200000u, 10u, 70000u, 0u, 2000u}) {
    std::string message(size, 'm');
    if (size > 0) message.back() = '!';
    for (int i = 0; i < 3; ++i) a.send(message);
    CHECK(b.recv() == message);
    std::string reused = "old";
    b.recv_into(reused);
    CHECK(reused == message);
    CHECK(b.try_recv_for<std::vector<char>>(1s)->size() == size);
  }
  a.send("twelve bytes");
  char small[5];
  try {
    b.recv_raw(small, sizeof small);
    CHECK(!"fitted");
  } catch (const mproc::buffer_too_small& e) {
    CHECK(e.needed() == 12 && e.code() == errc::buffer_too_small);
  }
  CHECK(b.recv() == "twelve bytes");
}

TEST("pipe: bounds, time and cancelling") {
  auto [a, b] = mproc::pipe(one_page());
  CHECK(a.info().capacity_bytes == 4096);
  const std::string longest(a.info().max_message, 'l');
  CHECK_THROWS(errc::too_big, a.send(longest + "x"));
  CHECK_THROWS(errc::too_big, a.reserve(longest.size() + 1));
  CHECK(a.try_send(longest) && !a.try_send("x") && !a.try_send_for("x", 1ms));
  CHECK(!a.try_send_until("x", std::chrono::system_clock::now() + 1ms));
  CHECK(!a.try_reserve(1) && !a.try_reserve_for(1, 1ms));
  CHECK(!a.try_reserve_until(1, std::chrono::steady_clock::now() + 1ms));
  CHECK(b.try_send("the other direction has room of its own") && a.try_poll() && b.try_poll());
  CHECK(b.recv() == longest && a.recv().size() == 39);

  CHECK(!a.try_poll() && !a.try_poll_for(1ms) && !a.try_poll_until(std::chrono::system_clock::now() + 1ms));
  CHECK(!a.try_peek() && !a.try_peek_for(1ms) && !a.try_peek_until(std::chrono::system_clock::now() + 1ms));
  mproc::cancel_token token;
  token.set();
  CHECK_THROWS(errc::canceled, a.recv(token));
  CHECK_THROWS(errc::canceled, a.try_recv_for(1h, token));
  CHECK_THROWS(errc::canceled, a.next(token));
  CHECK_THROWS(errc::canceled, a.poll(token));
  CHECK_THROWS(errc::canceled, a.try_poll_for(1h, token));
  CHECK_THROWS(errc::canceled, a.peek(token));
  CHECK_THROWS(errc::canceled, a.next_message(token));
  b.send(longest);
  CHECK_THROWS(errc::canceled, b.send("x", token));
  CHECK_THROWS(errc::canceled, b.reserve(1, token));
  a.poll(token);
  CHECK(a.recv(token) == longest);
}

TEST("pipe: one way") {
  mproc::pipe_options options;
  options.one_way = true;
  auto [in, out] = mproc::pipe(options);
  CHECK(in.info().flags == MPROC_PIPE_ONEWAY);
  out.send("down");
  CHECK(in.recv() == "down");
  CHECK_THROWS(errc::not_supported, in.send("up"));
  CHECK_THROWS(errc::not_supported, in.reserve(1));
  CHECK_THROWS(errc::not_supported, out.recv());
  CHECK_THROWS(errc::not_supported, out.try_peek());
}

TEST("pipe: names, and what must match") {
  auto [a, b] = mproc::pipe::create("line", one_page());
  auto other = mproc::pipe_end::open("line", 1);
  a.send("for whoever asks first");
  CHECK(other.recv() == "for whoever asks first" && other.info().capacity_bytes == 4096);
  CHECK_THROWS(errc::already_exists, mproc::pipe::create("line"));
  CHECK_THROWS(errc::already_exists, mproc::pipe_end::create("line", 0));
  CHECK_THROWS(errc::wrong_kind, mproc::queue::open("line"));
  CHECK_THROWS(errc::not_found, mproc::pipe_end::open("no-such-line", 0));
  CHECK_THROWS(errc::invalid_argument, mproc::pipe_end::open("line", 2));
  CHECK_THROWS(errc::invalid_argument, mproc::pipe_end::create("another", -1));
  CHECK_THROWS(errc::bad_name, mproc::pipe::create(std::string("a\0b", 3)));
  mproc::pipe_options differs;
  differs.capacity_bytes = 8192;
  CHECK_THROWS(errc::type_mismatch, mproc::pipe_end::open("line", 0, differs));
  CHECK_THROWS(errc::type_mismatch, mproc::pipe::create_or_open("line", differs));
  differs = one_page();
  differs.exclusive = true;
  CHECK_THROWS(errc::type_mismatch, mproc::pipe_end::create_or_open("line", 0, differs));
  auto both = mproc::pipe::create_or_open("line");
  CHECK(both.end0.existed() && both.end1.existed() && both.end1.info().end == 1);

  auto first = mproc::pipe_end::create_or_open("met-by-name", 0);
  CHECK(!first.existed() && first.info().peer == MPROC_PEER_AWAITED);
  first.send("you are late");
  CHECK(!first.try_recv());  // nobody was there yet: not the end
  auto second = mproc::pipe_end::create_or_open("met-by-name", 1);
  CHECK(second.existed() && second.recv() == "you are late" && first.info().peer == MPROC_PEER_OPEN);
  second.close();
  CHECK_THROWS(errc::end_of_file, first.try_recv());
  auto third = mproc::pipe_end::open("met-by-name", 1);
  third.send("goes on");
  CHECK(first.recv() == "goes on");

  const auto domain = mproc::domain::anonymous();
  mproc::pipe inside(domain);
  inside.end0.send("x");
  CHECK(inside.end1.recv() == "x");
}

TEST("pipe: the other end closed") {
  auto [a, b] = mproc::pipe();
  b.send("one");
  b.send("two");
  b.close();
  CHECK(a.info().peer == MPROC_PEER_GONE);
  CHECK_THROWS(errc::broken_pipe, a.send("nobody there"));
  CHECK_THROWS(errc::broken_pipe, a.try_reserve(1));
  a.poll();
  CHECK(a.recv() == "one" && a.next() == "two" && !a.next() && !a.next_message());
  CHECK_THROWS(errc::end_of_file, a.recv());
  CHECK_THROWS(errc::end_of_file, a.try_recv());
  CHECK_THROWS(errc::end_of_file, a.try_recv_for(1h));
  CHECK_THROWS(errc::end_of_file, a.poll());
  CHECK_THROWS(errc::end_of_file, a.try_poll());
  CHECK_THROWS(errc::end_of_file, a.peek());
  char byte;
  CHECK_THROWS(errc::end_of_file, a.try_recv_raw(&byte, 1));
}

TEST("pipe: the other end's process killed") {
  mproc::pipe p;
  check::kill_after([&] {
    p.end0.close();
    p.end1.send("last words");
    return 0;
  });
  CHECK(p.end0.recv() == "last words" && !p.end0.try_recv());  // this process has the other end, too
  p.end1.close();
  CHECK(!p.end0.next());

  mproc::pipe q;
  check::child worker([&] {
    q.end0.close();
    for (;;) ::pause();
  });
  q.end1.close();
  CHECK(!q.end0.try_recv_for(1ms));
  std::thread killer([&] { worker.kill(); });
  CHECK(!q.end0.next());
  killer.join();
  CHECK_THROWS(errc::broken_pipe, q.end0.send("nobody there"));
}

// Sends each number to the other process and back.
void ping_pong(const mproc::pipe_options& options) {
  mproc::pipe p(options);
  check::child echo([&] {
    p.end0.close();
    while (auto message = p.end1.next()) p.end1.send(*message + "!");
  });
  p.end1.close();
  for (int i = 0; i < 1000; ++i) {
    p.end0.send(std::to_string(i));
    CHECK(p.end0.recv() == std::to_string(i) + "!");
  }
  p.end0.close();
  CHECK(echo.wait() == 0);
}

TEST("pipe: a child answers until this end is closed") {
  ping_pong({});
  mproc::pipe_options options;
  options.exclusive = true;
  ping_pong(options);
  options.spin = false;
  ping_pong(options);
}

TEST("pipe: in place, in the order of reservation") {
  auto [a, b] = mproc::pipe();
  auto first = written(a, "first, in part");
  a.send("second");
  CHECK(!b.try_recv() && !b.try_peek());
  CHECK_THROWS(errc::out_of_range, first.commit(15));
  CHECK(first && !b.try_poll());
  first.commit(5);
  CHECK(!first && b.recv() == "first" && b.recv() == "second");
  {
    auto forgotten = written(a, "given up");
    a.send("after it");
  }
  CHECK(b.try_recv_for(1min) == "after it");

  a.send("one");
  a.send("two");
  { auto seen = b.peek(); }
  auto one = b.peek();
  CHECK(one.view() == "one" && one.redelivered() && b.recv() == "two" && !b.try_recv());
  one.put_back();
  auto again = b.next_message();
  CHECK(again && again->view() == "one" && again->redelivered());
  again->release();
  CHECK(!*again && !b.try_recv());
  CHECK_THROWS(errc::invalid_argument, again->release());
}

TEST("pipe: in place, with the other end gone") {
  auto [a, b] = mproc::pipe();
  auto room = written(a, "nobody will read it");
  auto late = a.reserve(8);
  b.send("held");
  auto message = a.peek();
  b.close();
  CHECK_THROWS(errc::broken_pipe, room.commit());
  CHECK(!room);
  late.abort();
  message.put_back();
  CHECK(a.recv() == "held" && !a.next_message());
}

TEST("pipe: in place, what a killed process held") {
  mproc::pipe p;
  p.end0.send("received, not released");
  check::kill_after([&] { return std::pair{written(p.end1, "never sent"), p.end1.peek()}; });
  p.end1.send("after it");
  CHECK(p.end0.try_recv_for(1min) == "after it");
  auto message = p.end1.try_peek_for(1min);
  CHECK(message && message->view() == "received, not released" && message->redelivered());
  message->release();
  CHECK(!p.end1.try_recv() && !p.end0.try_recv());
}

TEST("pipe: in place, not the forked child's") {
  mproc::pipe p;
  p.end1.send("message");
  auto message = p.end0.peek();
  auto room = written(p.end0, "reserved");
  check::child child([&] {
    CHECK_THROWS(errc::not_owner, message.release());
    CHECK_THROWS(errc::not_owner, room.commit());
    auto mine = std::move(message);
    auto reserved = std::move(room);
  });
  CHECK(child.wait() == 0);
  CHECK(message.view() == "message");
  message.release();
  room.commit();
  CHECK(p.end1.recv() == "reserved" && !p.end0.try_recv());
}

TEST("pipe: an end is open as long as something is held through it") {
  auto [a, b] = mproc::pipe();
  b.send("still here");
  std::optional<mproc::pipe_end::message> message = a.peek();
  a.close();
  CHECK_THROWS(errc::invalid_argument, a.recv());
  CHECK(message->view() == "still here" && b.info().peer == MPROC_PEER_OPEN && !b.try_recv());
  message.reset();
  CHECK(!b.next());

  auto [c, d] = mproc::pipe();
  auto room = written(c, "the last one");
  c.close();
  CHECK(!d.try_recv());
  room.commit();
  CHECK(d.next() == "the last one" && !d.next());
}

TEST("pipe: an end through a socket") {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) throw std::runtime_error("socketpair failed");
  check::child receiver([&] {
    auto end = mproc::pipe_end::open(mproc::handle::recv(sockets[1]));
    CHECK(end.info().end == 1);
    while (auto message = end.next()) end.send(*message + "!");
  });
  // Made after the fork: the child has it from nowhere else.
  auto [mine, yours] = mproc::pipe();
  {
    const auto travels = yours.export_handle();
    CHECK(travels.kind() == mproc::object_kind::pipe);
    yours.close();
    CHECK(mine.info().peer == MPROC_PEER_OPEN && !mine.try_recv());  // the handle holds the end open
    travels.send(sockets[0]);
  }
  mine.send("hello");
  CHECK(mine.try_recv_for(1min) == "hello!");
  mine.close();
  CHECK(receiver.wait() == 0);
  ::close(sockets[0]);
  ::close(sockets[1]);
}

}  // namespace
