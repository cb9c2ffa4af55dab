// Datums: what they are made from and what they become, how they compare, JSON and MessagePack, and as messages.
#include "check.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using mproc::datum;
using mproc::datum_type;
using mproc::errc;

namespace {

using blob = std::vector<std::byte>;

constexpr auto least = std::numeric_limits<std::int64_t>::min();
constexpr auto most = std::numeric_limits<std::int64_t>::max();
constexpr auto most_unsigned = std::numeric_limits<std::uint64_t>::max();

template <class T>
inline constexpr bool becomes_datum = std::is_convertible_v<T, datum>;

static_assert(becomes_datum<std::nullptr_t> && becomes_datum<bool> && becomes_datum<short> && becomes_datum<float>);
static_assert(becomes_datum<const char*> && becomes_datum<std::string_view> && becomes_datum<std::optional<int>>);
static_assert(becomes_datum<std::set<std::string>> && becomes_datum<std::map<std::string, std::vector<int>>>);
// What might be meant otherwise, or means nothing elsewhere.
static_assert(!becomes_datum<char> && !becomes_datum<wchar_t> && !becomes_datum<int*> && !becomes_datum<const void*>);
static_assert(!becomes_datum<long double> && !becomes_datum<std::vector<int*>> && !becomes_datum<mproc::new_container>);
static_assert(!becomes_datum<mproc::dict> && !becomes_datum<mproc::list&> && !becomes_datum<std::tuple<int>>);

std::vector<std::byte> as_bytes(std::initializer_list<int> values) {
  blob out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

TEST("datum: what it is made from") {
  CHECK(datum().is_nil() && datum(nullptr).is_nil() && datum().type() == datum_type::nil);
  CHECK(datum(true).type() == datum_type::boolean && datum(true).as<bool>() && !datum(false).as<bool>());
  CHECK(datum(7).type() == datum_type::integer && datum(7).as<int>() == 7);
  CHECK(datum(least).as<std::int64_t>() == least && datum(most_unsigned).as<std::uint64_t>() == most_unsigned);
  CHECK(datum(most_unsigned).type() == datum_type::unsigned_integer);
  CHECK(datum(std::uint64_t{7}).type() == datum_type::integer && datum(std::uint64_t{7}) == 7);
  CHECK(datum(std::int8_t{-3}) == -3 && datum(std::uint8_t{200}) == 200);
  CHECK(datum(2.5).type() == datum_type::floating && datum(2.5).as<double>() == 2.5 && datum(0.5f) == 0.5);
  CHECK(datum("text").type() == datum_type::string && datum("text").as<std::string>() == "text");
  CHECK(datum(std::string("a\0b", 3)).as<std::string>().size() == 3 && datum(std::string_view("view")) == "view");
  CHECK(datum("").as<std::string>().empty() && datum("").type() == datum_type::string);
  CHECK(datum(as_bytes({1, 0, 255})).type() == datum_type::bytes);
  CHECK(datum(as_bytes({1, 0, 255})).as<blob>() == as_bytes({1, 0, 255}) && datum(blob()).as<blob>().empty());
  CHECK(datum(std::array<unsigned char, 2>{4, 5}) == as_bytes({4, 5}));
  CHECK(datum(mproc::bytes("abc", 3)).as<std::vector<char>>() == std::vector<char>{'a', 'b', 'c'});
  CHECK(datum(std::optional<int>()).is_nil() && datum(std::optional<int>(3)) == 3);
  const datum text = "a text that is too long to be kept without memory of its own";
  CHECK(text.text() == text.as<std::string>() && text.size() == text.text().size());
}

TEST("datum: lists and maps, and what they become") {
  const datum list = datum::list{1, "two", nullptr, datum::list{3.0, true}, datum::map{{"k", "v"}}};
  CHECK(list.type() == datum_type::list && list.size() == 5);
  const auto elements = list.as<datum::list>();
  CHECK(elements.size() == 5 && elements[0] == 1 && elements[1] == "two" && elements[2].is_nil());
  CHECK(elements[3] == datum::list{3.0, true} && elements[4]["k"] == "v");
  CHECK(list[0] == 1 && list[-2][1] == true && list[4]["k"].as<std::string>() == "v");
  CHECK(!list.find(5) && !list.find(-6) && *list.find(-5) == 1);
  CHECK_THROWS(errc::out_of_range, list[5]);
  CHECK_THROWS(errc::type_mismatch, list["k"]);

  const datum map = datum::map{{"z", 1}, {"a", datum::list{}}, {1, "int"}, {1.0, "float"}, {true, "bool"}};
  CHECK(map.type() == datum_type::map && map.size() == 5 && map["z"] == 1 && map["a"].size() == 0);
  CHECK(map[1] == "int" && map[1.0] == "float" && map[true] == "bool" && !map.find(2) && !map.find("zz"));
  CHECK_THROWS(errc::not_found, map["missing"]);
  CHECK(map.as<datum::map>()[0].first == "z" && map.as<datum::map>()[1].first == "a");
  CHECK_THROWS(errc::type_mismatch, datum(1)["k"]);
  CHECK_THROWS(errc::type_mismatch, datum(1).size());

  const std::vector<int> numbers{1, 2, 3};
  CHECK(datum(numbers) == datum::list{1, 2, 3} && datum(numbers).as<std::vector<int>>() == numbers);
  const int array[] = {4, 5};
  CHECK(datum(array) == datum::list{4, 5} && datum(std::vector<bool>{true, false}) == datum::list{true, false});
  CHECK(datum(std::set<std::string>{"b", "a"}) == datum::list{"a", "b"});
  CHECK((datum(datum::list{"b", "a", "b"}).as<std::set<std::string>>() == std::set<std::string>{"a", "b"}));
  CHECK((datum(std::deque<float>{0.5f}).as<std::deque<double>>() == std::deque<double>{0.5}));
  const std::map<std::string, std::vector<int>> table{{"even", {2, 4}}, {"odd", {1}}};
  const datum packed = table;
  CHECK(packed["even"] == datum::list{2, 4} && packed.as<std::decay_t<decltype(table)>>() == table);
  CHECK((packed.as<std::unordered_map<std::string, datum>>().at("odd") == datum::list{1}));
  const std::vector<std::pair<std::string, int>> ordered{{"z", 1}, {"a", 2}};
  CHECK(datum(ordered) == datum::map{{"z", 1}, {"a", 2}} && datum(ordered) != datum::map{{"a", 2}, {"z", 1}});
  CHECK((datum(ordered).as<std::map<std::string, int>>() == std::map<std::string, int>{{"a", 2}, {"z", 1}}));
  const std::vector<std::optional<int>> holes{1, std::nullopt, 3};
  CHECK(datum(holes) == datum::list{1, nullptr, 3} && datum(holes).as<std::decay_t<decltype(holes)>>() == holes);
}

TEST("datum: what it does not become") {
  CHECK_THROWS(errc::type_mismatch, datum(1).as<bool>());
  CHECK_THROWS(errc::type_mismatch, datum(true).as<int>());
  CHECK_THROWS(errc::type_mismatch, datum(1.0).as<int>());
  CHECK_THROWS(errc::type_mismatch, datum(1).as<std::string>());
  CHECK_THROWS(errc::type_mismatch, datum("text").as<blob>());
  CHECK_THROWS(errc::type_mismatch, datum(blob()).as<std::string>());
  CHECK_THROWS(errc::type_mismatch, datum().as<int>());
  CHECK_THROWS(errc::type_mismatch, datum(datum::list{1, "2"}).as<std::vector<int>>());
  CHECK_THROWS(errc::type_mismatch, datum(datum::list{}).as<datum::map>());
  CHECK_THROWS(errc::type_mismatch, datum(1).as<mproc::reference>());
  CHECK(datum(3).as<double>() == 3.0 && datum(most_unsigned).as<double>() == 18446744073709551616.0);
  CHECK_THROWS(errc::overflow, datum(256).as<std::uint8_t>());
  CHECK_THROWS(errc::overflow, datum(-1).as<std::uint64_t>());
  CHECK_THROWS(errc::overflow, datum(-129).as<std::int8_t>());
  CHECK_THROWS(errc::overflow, datum(most_unsigned).as<std::int64_t>());
  CHECK(datum(-128).as<std::int8_t>() == -128 && datum(255).as<std::uint8_t>() == 255);
  try {
    datum("x").as<int>();
    CHECK(!"became an int");
  } catch (const mproc::error& e) {
    const std::string what = e.what();
    CHECK(what.find("a string") != std::string::npos && what.find("an integer") != std::string::npos);
  }
  const datum not_utf8 = "\xff\xfe";
  CHECK_THROWS(errc::invalid_argument, datum(datum::list{not_utf8}));
  CHECK_THROWS(errc::invalid_argument, not_utf8.to_msgpack());
  datum deep = 1;
  for (int depth = 0; depth < 64; ++depth) deep = datum::list{deep};
  CHECK_THROWS(errc::invalid_argument, datum(datum::list{deep}));
}

TEST("datum: copies, moves, assignment") {
  datum a = datum::list{1, 2};
  datum b = a;
  CHECK(b == a);
  const datum c = std::move(b);
  CHECK(c == a && b.is_nil() && b == datum());  // NOLINT: what it is after a move is promised
  a = "text";
  b = a;
  a = std::move(b);
  const datum& same = a;
  a = same;
  CHECK(a == "text" && b.is_nil());
  a = nullptr;
  CHECK(a.is_nil());
  const datum braces{c};
  CHECK(braces == c);  // not a list of one
}

TEST("datum: equal is what has an equal encoding") {
  CHECK(datum(1) != 1.0 && datum(1) != true && datum("a") != mproc::bytes("a") && datum(0) != nullptr);
  CHECK(datum(std::nan("")) == std::nan("") && datum(0.0) != -0.0 && datum("a") == "a" && "a" == datum("a"));
  const std::vector<datum> different{
      nullptr, false, true, 0, 1, -1, most, most_unsigned, 0.0, -0.0, 1.0, std::nan(""), "", "a", mproc::bytes(),
      mproc::bytes("a"), datum::list{}, datum::list{1}, datum::list{1.0}, datum::map{}, datum::map{{1, 2}},
      mproc::reference(mproc::object_kind::queue, "q"), mproc::reference(mproc::object_kind::event, "q")};
  for (std::size_t i = 0; i < different.size(); ++i) {
    for (std::size_t j = 0; j < different.size(); ++j) {
      int equal = -1;
      CHECK(mproc_datum_equal(different[i].native(), different[j].native(), &equal) == MPROC_OK);
      CHECK((different[i] == different[j]) == (i == j) && (equal != 0) == (i == j));
    }
  }
}

TEST("datum: the order of sorting") {
  CHECK(datum(1) < 2 && datum(1) < 1.5 && datum(2.5) > 2 && datum(1) <= 1.0 && datum(1) >= 1.0);
  CHECK(datum("a") < "b" && datum(false) < true && datum(datum::list{1, 2}) < datum::list{1, 3});
  CHECK(datum(datum::list{1}) < datum::list{1, 0} && datum(most_unsigned) > most && datum(most) > 1.5);
  CHECK_THROWS(errc::type_mismatch, datum("a") < 1);
  CHECK_THROWS(errc::type_mismatch, datum(datum::map{}) < datum::map{});
}

TEST("datum: JSON") {
  const datum all = datum::map{{"nil", nullptr},
                               {"yes", true},
                               {"int", -5},
                               {"most", most_unsigned},
                               {"float", 1.0},
                               {"text", std::string("\"\\\n\u00e9\0x", 7)},
                               {"list", datum::list{1, datum::list{}, datum::map{}}},
                               {"blob", as_bytes({0, 1, 255})},
                               {"nan", std::nan("")},
                               {"inf", -INFINITY},
                               {"keys", datum::map{{1, "one"}, {false, "no"}}},
                               {"$bytes", "not what it looks like"},
                               {"job", mproc::reference(mproc::object_kind::queue, "jobs")}};
  const std::string text = all.to_json();
  CHECK(text.find('\n') == std::string::npos && text.find("\"float\":1.0") != std::string::npos);
  CHECK(datum::from_json(text) == all);
  const std::string pretty = all.to_json(true);
  CHECK(pretty.find('\n') != std::string::npos && datum::from_json(pretty) == all);
  CHECK(datum::from_json(" [1, 2.0, \"x\", null] ") == datum::list{1, 2.0, "x", nullptr});
  CHECK(datum(datum::list{1, "x"}).to_json() == "[1,\"x\"]" && datum("x").to_json() == "\"x\"");
  const datum escaped = datum::map{{"$bytes", "x"}};
  CHECK(datum::from_json(escaped.to_json()) == escaped);
  const datum large = std::string(100000, 'x');
  CHECK(datum::from_json(large.to_json()) == large);
  CHECK_THROWS(errc::invalid_argument, datum::from_json("[1, 2"));
  CHECK_THROWS(errc::invalid_argument, datum::from_json(""));
  CHECK_THROWS(errc::invalid_argument, datum::from_json("1 2"));
  std::ostringstream out;
  out << datum(datum::list{"a", 1.5});
  CHECK(out.str() == "[\"a\",1.5]");
}

TEST("datum: MessagePack") {
  CHECK(datum(5).to_msgpack() == as_bytes({0x05}) && datum().to_msgpack() == as_bytes({0xc0}));
  CHECK(datum(datum::list{true, "a"}).to_msgpack() == as_bytes({0x92, 0xc3, 0xa1, 'a'}));
  // A form that is longer than need be, and the datum all the same.
  CHECK(datum::from_msgpack(as_bytes({0xcd, 0x00, 0x05})) == 5);
  CHECK(datum::from_msgpack(as_bytes({0xdc, 0x00, 0x01, 0xcc, 0x05})) == datum::list{5});
  CHECK(datum::from_msgpack(as_bytes({0xdc, 0x00, 0x01, 0xcc, 0x05})).to_msgpack() == as_bytes({0x91, 0x05}));
  const datum large = datum::list{std::string(70000, 'x'), std::vector<int>(1000, 7)};
  CHECK(datum::from_msgpack(large.to_msgpack()) == large);
  for (const auto& bad : {as_bytes({}), as_bytes({0x92, 0x01}), as_bytes({0x01, 0x02}), as_bytes({0xc1}),
                          as_bytes({0xa2, 0xff, 0xff}), as_bytes({0xdd, 0xff, 0xff, 0xff, 0xff})}) {
    CHECK_THROWS(errc::invalid_argument, datum::from_msgpack(bad));
  }
}

TEST("datum: a reference by name") {
  const mproc::reference jobs(mproc::object_kind::queue, "jobs");
  const datum d = jobs;
  CHECK(d.type() == datum_type::reference && d.as<mproc::reference>() == jobs);
  CHECK(!jobs.in_arena() && jobs.name() == "jobs" && jobs.kind() == mproc::object_kind::queue);
  CHECK(jobs != mproc::reference(mproc::object_kind::event, "jobs") && d != mproc::reference(jobs.kind(), "job"));
  auto q = mproc::queue::create("jobs");
  q.put_datum({"look here", d});
  const auto where = q.get_datum()[1].as<mproc::reference>();
  mproc::queue::open(where.name()).put("found");
  CHECK(q.get() == "found");
}

TEST("queue: datums") {
  mproc::queue q;
  q.put_datum(1);
  q.put_datum("two");
  q.put_datum({3, {"four", nullptr}, 5.0});
  q.put_datum(datum::map{{"six", 6}});
  q.put_datum(std::map<int, int>{{7, 8}});
  CHECK(q.size() == 5 && q.get_datum() == 1 && *q.try_get_datum() == "two");
  CHECK(*q.try_get_datum_for(1min) == datum::list{3, datum::list{"four", nullptr}, 5.0});
  CHECK((*q.try_get_datum_until(std::chrono::steady_clock::now() + 1min))["six"] == 6);
  CHECK((q.get_datum().as<std::map<int, int>>() == std::map<int, int>{{7, 8}}));
  CHECK(!q.try_get_datum() && !q.try_get_datum_for(1ms));
  CHECK(!q.try_get_datum_until(std::chrono::system_clock::now() + 1ms));
  // Shorter and longer than what is kept on the stack.
  for (const std::size_t size : {0u, 1000u, 1020u, 1024u, 1030u, 70000u, 500000u}) {
    const datum sent = datum::list{std::string(size, 's')};
    q.put_datum(sent);
    CHECK(q.get_datum() == sent);
    q.put_datum(sent[0]);
    CHECK(q.get_datum() == sent[0]);
  }
  // A message is its MessagePack, whoever puts it.
  q.put(as_bytes({0x92, 0x01, 0x02}));
  CHECK(q.get_datum() == datum::list{1, 2});
  q.put_datum(datum::list{1, 2});
  CHECK(q.get<blob>() == as_bytes({0x92, 0x01, 0x02}));
}

TEST("queue: datums, time, room, cancelling, the end") {
  mproc::queue_options bounds;
  bounds.max_items = 1;
  bounds.capacity_bytes = 4096;
  mproc::queue q(bounds);
  CHECK(q.try_put_datum(1) && !q.try_put_datum(2) && !q.try_put_datum_for(2, 1ms));
  CHECK(!q.try_put_datum_until(2, std::chrono::system_clock::now() + 1ms));
  mproc::cancel_token token;
  token.set();
  CHECK_THROWS(errc::canceled, q.put_datum(2, token));
  CHECK(q.get_datum() == 1);
  CHECK_THROWS(errc::canceled, q.get_datum(token));
  CHECK_THROWS(errc::canceled, q.next_datum(token));
  CHECK_THROWS(errc::too_big, q.put_datum(std::string(10000, 'x')));
  CHECK_THROWS(errc::invalid_argument, q.put_datum("\xff"));
  CHECK_THROWS(errc::invalid_argument, q.put_datum(mproc::new_dict));
  CHECK(q.empty());
  check::child producer([&] {
    for (int i = 0; i < 100; ++i) q.put_datum({i, "squared is", i * i});
    q.shutdown();
  });
  int expected = 0;
  while (const auto d = q.next_datum()) {
    CHECK(*d == datum(datum::list{expected, "squared is", expected * expected}));
    ++expected;
  }
  CHECK(expected == 100 && producer.wait() == 0);
  CHECK_THROWS(errc::closed, q.get_datum());
  CHECK_THROWS(errc::closed, q.try_get_datum());
  CHECK_THROWS(errc::closed, q.put_datum(1));
}

TEST("queue: a message that is no datum") {
  mproc::queue q;
  for (const std::string& message : {std::string(), std::string("\xc1"), std::string(5000, 'x')}) {
    q.put(message);
    try {
      q.get_datum();
      CHECK(!"became a datum");
    } catch (const mproc::not_a_datum& e) {
      CHECK(e.code() == errc::invalid_argument && e.message() == message);
    }
    CHECK(q.empty());
  }
  auto [mine, yours] = mproc::pipe();
  mine.send("\x01\x02");
  CHECK_THROWS(errc::invalid_argument, yours.recv_datum());
  CHECK(!yours.try_recv_datum());
}

TEST("pipe: datums") {
  auto [mine, yours] = mproc::pipe();
  mine.send_datum({"hello", 1});
  CHECK(yours.recv_datum() == datum::list{"hello", 1} && !yours.try_recv_datum() && !yours.try_recv_datum_for(1ms));
  CHECK(!yours.try_recv_datum_until(std::chrono::system_clock::now() + 1ms));
  const datum large = std::string(300000, 'l');
  CHECK(mine.try_send_datum(large) && *yours.try_recv_datum() == large);
  CHECK(mine.try_send_datum_for(nullptr, 1min) && yours.recv_datum().is_nil());
  CHECK(mine.try_send_datum_until(true, std::chrono::steady_clock::now() + 1min) && yours.recv_datum() == true);
  mproc::cancel_token token;
  token.set();
  CHECK_THROWS(errc::canceled, yours.recv_datum(token));
  check::child echo([mine = &mine, yours = &yours] {
    mine->close();
    while (const auto d = yours->next_datum()) yours->send_datum({"echo", *d});
  });
  yours.close();
  for (int i = 0; i < 50; ++i) {
    mine.send_datum(i);
    CHECK(mine.recv_datum() == datum::list{"echo", i});
  }
  echo.kill();
  CHECK(!mine.next_datum());
  CHECK_THROWS(errc::end_of_file, mine.recv_datum());
  CHECK_THROWS(errc::broken_pipe, mine.send_datum(1));
}

TEST("datum: by two threads, each its own") {
  mproc::queue q;
  std::thread producer([&] {
    for (int i = 0; i < 1000; ++i) q.put_datum({{"n", i}, std::string(static_cast<std::size_t>(i), 'x')});
    q.shutdown();
  });
  int count = 0;
  while (const auto d = q.next_datum()) {
    const auto text = (*d)[1].as<std::string>();
    CHECK((*d)[0][1] == count && text == std::string(static_cast<std::size_t>(count), 'x'));
    ++count;
  }
  producer.join();
  CHECK(count == 1000);
}

}  // namespace
