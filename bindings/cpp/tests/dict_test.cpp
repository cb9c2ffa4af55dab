// Dict and namespace: elements, snapshots, iteration, containers inside, and what processes see of each other. The
// behaviour behind it is the library's, and tested there.
#include "check.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using check::signal_flag;
using mproc::datum;
using mproc::datum_type;
using mproc::dict;
using mproc::errc;
using mproc::list;
using mproc::name_space;

namespace {

constexpr auto most = std::numeric_limits<std::uint64_t>::max();

template <class Key, class Value, class = void>
struct can_set : std::false_type {};
template <class Key, class Value>
struct can_set<Key, Value, std::void_t<decltype(std::declval<dict&>().set(std::declval<Key>(), std::declval<Value>()))>>
    : std::true_type {};
static_assert(can_set<const char*, int>::value && can_set<double, dict&>::value && can_set<int, const list&>::value);
// A container that ends with the statement, a pointer, a character.
static_assert(!can_set<int, dict>::value && !can_set<int, void*>::value && !can_set<int, char>::value);
static_assert(!std::is_convertible_v<mproc::container_options, dict>);
#if defined(__cpp_lib_ranges)
static_assert(std::ranges::input_range<dict> && std::ranges::input_range<list> && std::ranges::input_range<name_space>);
#endif

TEST("dict: elements are read and written where they are") {
  dict d;
  CHECK(d.empty() && d.size() == 0);
  d["a"] = 1;
  d["text"] = "some text";
  d["float"] = 2.5;
  d["flag"] = true;
  d["nil"] = nullptr;
  d["list"] = {1, "two", {3.0, nullptr}};
  d["map"] = datum::map{{"x", 1}};
  d[7] = std::vector<int>{1, 2};
  d[datum::list{1, "key"}] = std::map<std::string, int>{{"y", 2}};
  CHECK(d.size() == 9);

  const std::int64_t n = d["a"];
  const int small = d["a"];
  const double number = d["a"];
  const double real = d["float"];
  const std::string text = d["text"];
  const std::string again(d["text"]);
  const bool flag = d["flag"];
  const std::vector<int> numbers = d[7];
  const datum any = d["list"];
  const std::map<std::string, int> table = d[datum::list{1, "key"}];
  CHECK(n == 1 && small == 1 && number == 1.0 && real == 2.5 && text == "some text" && again == text && flag);
  CHECK(numbers == std::vector<int>{1, 2} && table.at("y") == 2);
  CHECK(any == datum::list{1, "two", datum::list{3.0, nullptr}});
  CHECK(d["map"].as()["x"] == 1 && d["nil"].as().is_nil() && d["text"].as<std::string>() == text);
  std::string assigned;
  assigned = d["text"];
  const std::string braces{d["text"]};
  const std::vector<int> copied(d[7]);
  const int parens(d["a"]);
  CHECK(assigned == text && braces == text && copied == numbers && parens == 1 && d["nil"] == nullptr);
  const auto later = d["a"];  // not the value, but where it is
  ++d["a"];
  CHECK(later == 2);
  d["a"] = 1;
  CHECK(later == 1 && static_cast<int>(later) == 1);
  bool seen = false;
  if (d["flag"]) seen = true;
  CHECK(seen);

  CHECK(d["a"] == 1 && 1 == d["a"] && d["a"] != 1.0 && d["text"] == "some text" && d["a"] != d["text"]);
  CHECK(d["list"] == datum::list{1, "two", datum::list{3.0, nullptr}} && d["a"] == d["a"]);
  d["copy"] = d["list"];
  d["list"] = d["a"];
  CHECK(d["copy"] == any && d["list"] == 1);
  d["list"] = {};
  CHECK(d["list"] == datum::list{});
  d["list"] = {5};
  CHECK(d["list"] == datum::list{5});

  CHECK_THROWS(errc::not_found, d["missing"].as());
  CHECK_THROWS(errc::not_found, static_cast<int>(d["missing"]));
  CHECK_THROWS(errc::type_mismatch, static_cast<int>(d["text"]));
  CHECK_THROWS(errc::overflow, static_cast<std::uint8_t>(d["big"] = 256));
  std::ostringstream out;
  out << d["copy"] << d["a"];
  CHECK(out.str() == "[1,\"two\",[3.0,null]]1");

  const dict& fixed = d;
  const int one = fixed["a"];
  CHECK(one == 1 && fixed["a"] == 1 && fixed["copy"].as().size() == 3);
}

TEST("dict: adding is atomic, and begins with 0") {
  dict d;
  CHECK((d["n"] += 2) == 2 && (d["n"] -= 5) == -3 && ++d["n"] == -2 && --d["n"] == -3);
  d["n"]++;
  d["m"]--;
  CHECK(d["n"] == -2 && d["m"] == -1 && d.add("n", 12) == 10 && d.add("n", 0.5) == 10.5 && (d["n"] -= 0.25) == 10.25);
  d["most"] = most;
  CHECK_THROWS(errc::overflow, ++d["most"]);
  CHECK(d["most"] == most && (d["least"] -= std::uint64_t{1} << 63) == std::numeric_limits<std::int64_t>::min());
  CHECK_THROWS(errc::overflow, d["n"] -= std::numeric_limits<std::int64_t>::min());
  d["text"] = "x";
  CHECK_THROWS(errc::type_mismatch, d["text"] += 1);
  CHECK(d["text"] == "x");

  dict counts;
  const auto count = [&] {
    for (int i = 0; i < 1000; ++i) ++counts["n"];
  };
  check::child first(count), second(count);
  count();
  CHECK(first.wait() == 0 && second.wait() == 0 && counts["n"] == 3000);
}

TEST("dict: get, at, get_or, contains, erase") {
  dict d{{"a", 1}, {"b", "x"}, {3, {1, 2}}};
  CHECK(d.get<int>("a") == 1 && d.get("b") == datum("x") && !d.get("c") && d.get<std::string>("b") == "x");
  CHECK(d.at<std::vector<int>>(3) == std::vector<int>{1, 2} && d.at("a") == 1);
  CHECK_THROWS(errc::not_found, d.at("c"));
  CHECK_THROWS(errc::type_mismatch, d.get<int>("b"));
  CHECK(d.get_or("a", 5) == 1 && d.get_or("c", 5) == 5 && d.get_or<std::int64_t>("c", 5) == 5);
  CHECK(d.get_or("b", "none") == "x" && d.get_or("c", "none") == "none" && d.get_or("c", std::string("s")) == "s");
  CHECK(d.get_or("c", datum(1.5)) == 1.5 && d.get_or("c", std::string_view("view")) == "view");
  static_assert(std::is_same_v<decltype(d.get_or("b", "none")), std::string>);
  CHECK(d.get<std::optional<int>>("a") == std::optional<int>(1));
  CHECK(d.contains("a") && !d.contains("c") && d.contains(3) && !d.contains(3.0));
  CHECK(d.erase("a") && !d.erase("a") && !d.contains("a") && d.size() == 2);
  CHECK_THROWS(errc::invalid_argument, d.set(datum::map{{"a", 1}}, 1));
  CHECK_THROWS(errc::invalid_argument, d.set("\xff", 1));
  CHECK_THROWS(errc::invalid_argument, d.set("a", mproc::absent));
  CHECK(d.size() == 2);
  d.clear();
  CHECK(d.empty());
}

TEST("dict: values of every length") {
  dict d;
  for (const std::size_t size : {0u, 1u, 31u, 32u, 255u, 1000u, 1023u, 1024u, 1025u, 70000u, 1000000u}) {
    const std::string text(size, 'v');
    d[size] = text;
    d["list"] = {text, text};
    CHECK(d[size] == text && d["list"] == datum::list{text, text});
    CHECK(d.setdefault<std::string>(size, "other") == text);
    d.set(text, size);
    CHECK(d.at<std::size_t>(text) == size && d.erase(text));
    d.set(text, text);
    const auto last = d.popitem();
    CHECK(last && last->first == text && last->second == text);
    CHECK(d.pop(size) == datum(text) && !d.pop(size));
  }
  d.arena().check();
}

TEST("dict: pop, popitem, setdefault, update, append_to") {
  dict d{{"a", 1}, {"b", 2}};
  CHECK(d.pop("a") == datum(1) && !d.pop("a"));
  CHECK(d.popitem() == std::pair<datum, datum>("b", 2) && !d.popitem());
  CHECK(d.setdefault("n", 1) == 1 && d.setdefault("n", 2) == 1 && d.setdefault<int>("n", 3) == 1);
  d.update({{"n", 5}, {"m", "text"}, {"inner", mproc::new_list}});
  d.update(std::map<std::string, int>{{"x", 1}, {"y", 2}});
  d.update(datum::map{{"z", nullptr}});
  d.update(datum(datum::map{{"z", 3}}));
  CHECK(d.size() == 6 && d["n"] == 5 && d["y"] == 2 && d["z"] == 3 && d.get_list("inner").empty());
  CHECK_THROWS(errc::invalid_argument, d.update(datum(1)));

  d.append_to("inner", 1);
  d.append_to("new", "first");
  d["plain"] = {1};
  d.append_to("plain", 2);
  CHECK(d.get_list("inner")[0] == 1 && d.get_list("new")[-1] == "first" && d["plain"] == datum::list{1, 2});
  CHECK_THROWS(errc::type_mismatch, d.append_to("n", 1));
}

TEST("dict: compare and exchange") {
  dict d{{"leader", 1}};
  CHECK(!d.compare_exchange("leader", 2, 3) && d["leader"] == 1);
  CHECK(d.compare_exchange("leader", 1, "two") && d["leader"] == "two");
  CHECK(!d.compare_exchange("leader", mproc::absent, 1) && d.compare_exchange("new", mproc::absent, {1, 2}));
  CHECK(d["new"] == datum::list{1, 2} && d.compare_exchange("new", {1, 2}, mproc::absent));
  CHECK(!d.contains("new") && d.compare_exchange("new", mproc::absent, mproc::absent));
  CHECK(!d.compare_exchange("leader", 1.0, 5));
}

TEST("dict: iteration in the order of insertion") {
  dict d{{"z", 1}, {"a", 2}, {3, "three"}};
  std::vector<std::pair<datum, datum>> seen;
  for (const auto& [key, value] : d) seen.emplace_back(key, value);
  const datum::map expected{{"z", 1}, {"a", 2}, {3, "three"}};
  CHECK(seen == expected && d.items() == expected && datum::map(d.begin(), d.end()) == expected);
  CHECK(d.keys() == datum::list{"z", "a", 3} && d.values() == datum::list{1, 2, "three"});
  CHECK_THROWS(errc::type_mismatch, d.keys<std::string>());
  CHECK(d.erase(3) && d.keys<std::string>() == std::vector<std::string>{"z", "a"});
  CHECK(d.values<int>() == std::vector<int>{1, 2} && d.values<double>() == std::vector<double>{1, 2});
  auto i = d.begin();
  CHECK(i->first == "z" && (*i++).second == 1 && i->first == "a" && ++i == d.end() && i == dict::iterator());
  CHECK(std::count_if(d.begin(), d.end(), [](const auto& pair) { return pair.second == 2; }) == 1);
  CHECK(dict().begin() == dict::iterator() && dict().items().empty());

  // Values may change under it, keys may not.
  for (const auto& [key, value] : d) d.set(key, value.as<int>() * 10);
  CHECK(d.values<int>() == std::vector<int>{10, 20});
  CHECK_THROWS(errc::changed, [&] {
    for (const auto& pair : d) d.set({"copy of", pair.first}, pair.second);
  }());
  CHECK_THROWS(errc::changed, [&] {
    for (const auto& pair : d) d.erase(pair.first);
  }());
  for (const auto& [key, value] : d.items()) d.erase(key);
  CHECK(d.empty());
}

TEST("dict: many keys, and an iterator that outlives the handle") {
  dict d;
  constexpr int count = 3000;
  for (int i = 0; i < count; ++i) d[i] = std::to_string(i);
  CHECK(d.size() == count);
  int next = 0;
  for (const auto& [key, value] : d) {
    CHECK(key == next && value == std::to_string(next));
    ++next;
  }
  CHECK(next == count);
  for (int i = 0; i < count; i += 2) CHECK(d.erase(i));
  CHECK(d.size() == count / 2 && d.keys<int>().front() == 1 && !d.contains(0) && d[2999] == "2999");
  d.arena().check();
}

TEST("dict: containers inside") {
  dict tree;
  tree["inner"] = mproc::new_dict;
  tree["log"] = mproc::new_list;
  tree["state"] = mproc::new_namespace;
  auto inner = tree.get_dict("inner");
  inner["x"] = 1;
  tree.get_list("log").append({"started", nullptr});
  tree.get_namespace("state")["phase"] = "warm";
  inner["deeper"] = mproc::new_dict;
  inner.get_dict("deeper")["y"] = 2;
  CHECK(tree.get_dict("inner")["x"] == 1 && tree.get_dict("inner").get_dict("deeper")["y"] == 2);
  const dict same = tree["inner"];
  CHECK(same.size() == 2 && same.ref() == inner.ref() && same.ref() != tree.ref());
  CHECK(tree.get<list>("log")->size() == 1 && !tree.get<list>("missing"));
  CHECK(tree["inner"].as().type() == datum_type::reference);
  const auto reference = tree.at<mproc::reference>("inner");
  CHECK(reference.in_arena() && reference.name().empty() && reference.kind() == mproc::object_kind::dict);
  CHECK(reference == inner.ref() && tree.follow<dict>(reference)["x"] == 1);
  CHECK_THROWS(errc::not_found, tree.get_list("missing"));
  CHECK_THROWS(errc::type_mismatch, tree.get_list("inner"));
  CHECK_THROWS(errc::type_mismatch, inner.get_dict("x"));
  CHECK_THROWS(errc::invalid_argument, dict().follow<dict>(reference));

  // Found or made, by whoever comes first.
  auto staff = tree.setdefault<list>("staff", mproc::new_list);
  staff.append("ann");
  CHECK(tree.setdefault<list>("staff", mproc::new_list)[0] == "ann");

  // The same container in two places, and a circle.
  tree["alias"] = inner;
  inner["root"] = tree;
  tree.get_dict("alias")["x"] = 5;
  CHECK(inner["x"] == 5 && tree.copy().size() == 5);
  CHECK_THROWS(errc::type_mismatch, tree.deep_copy());
  CHECK(inner.erase("root") && tree.erase("alias"));

  const datum copy = tree.copy();
  CHECK(copy["inner"].type() == datum_type::reference);
  const datum deep = tree.deep_copy();
  CHECK(deep["inner"] == datum::map{{"x", 5}, {"deeper", datum::map{{"y", 2}}}});
  CHECK(deep["log"] == datum::list{datum::list{"started", nullptr}} && deep["state"]["phase"] == "warm");
  CHECK(datum::from_json(tree.to_json()) == deep && datum::from_json(tree.to_json(true)) == deep);
  tree.arena().check();
}

TEST("dict: an inner container lives as long as somebody has it") {
  dict d;
  d["inner"] = mproc::new_dict;
  const auto before = d.arena().info();
  CHECK(before.containers == 2 && before.handles == 0);
  std::optional<dict> inner = d.get_dict("inner");
  CHECK(d.arena().info().handles == 1);
  const auto reference = inner->ref();
  CHECK(d.erase("inner"));
  (*inner)["still"] = "here";
  CHECK((*inner)["still"] == "here" && d.follow<dict>(reference).size() == 1);
  inner.reset();
  CHECK_THROWS(errc::not_found, d.follow<dict>(reference));
  CHECK(d.arena().info().handles == 0);

  // A circle that nobody can reach.
  d["a"] = mproc::new_dict;
  {
    auto a = d.get_dict("a");
    a["b"] = mproc::new_list;
    a.get_list("b").append(a);
  }
  CHECK(d.erase("a") && d.arena().info().containers >= 3);
  CHECK(d.arena().collect() >= 2);
  CHECK(d.arena().info().containers == 1 && d.empty());
  d.arena().check();
  CHECK(d.arena().native_handle() != nullptr);
}

TEST("dict: its limit") {
  mproc::container_options small;
  small.limit_bytes = 1 << 20;
  dict d(small);
  CHECK(d.arena().info().limit_bytes == 1 << 20);
  const std::string block(10000, 'b');
  int stored = 0;
  CHECK_THROWS(errc::full, [&] {
    for (;; ++stored) d[stored] = block;
  }());
  CHECK(stored > 50 && d.size() == static_cast<std::size_t>(stored) && d[0] == block && d[stored - 1] == block);
  d.arena().check();
  d.clear();
  d["again"] = block;
  CHECK(d["again"] == block);
  small.limit_bytes = 1;
  CHECK_THROWS(errc::invalid_argument, dict(small));
}

TEST("dict: by name, by handle, and what closing means") {
  auto d = dict::create("stock");
  CHECK(!d.existed());
  d["apple"] = 3;
  CHECK_THROWS(errc::already_exists, dict::create("stock"));
  auto same = dict::create_or_open("stock");
  CHECK(same.existed() && same["apple"] == 3);
  CHECK_THROWS(errc::wrong_kind, list::open("stock"));
  CHECK_THROWS(errc::not_found, dict::open("nothing-of-that-name"));
  CHECK_THROWS(errc::bad_name, dict::create("a/b"));
  auto handle = d.export_handle();
  CHECK(handle.kind() == mproc::object_kind::dict);
  auto third = dict::open(handle);
  third["pear"] = 1;
  CHECK(d.size() == 2);
  d["inner"] = mproc::new_dict;
  CHECK_THROWS(errc::not_supported, d.get_dict("inner").export_handle());
  d.close();
  CHECK_THROWS(errc::invalid_argument, d.size());
  CHECK_THROWS(errc::invalid_argument, d["apple"].as());
  CHECK_THROWS(errc::invalid_argument, d.set("x", 1));
  auto moved = std::move(same);
  CHECK_THROWS(errc::invalid_argument, same.get("apple"));  // NOLINT: what it is after a move is promised
  CHECK(moved["apple"] == 3);

  mproc::container_options kept;
  kept.persist = true;
  {
    auto persistent = dict::create("kept", kept);
    persistent["x"] = 1;
  }
  CHECK(dict::open("kept")["x"] == 1);
  mproc::domain().unlink("kept");
  const auto elsewhere = mproc::domain::anonymous();
  dict other(elsewhere);
  other["x"] = 2;
  CHECK(other["x"] == 2);
}

TEST("dict: braces of every kind") {
  const dict nothing{};
  const dict one{{"a", "b"}};
  const dict parens({{"a", 1}, {"b", {1, {2}}}});
  CHECK(nothing.empty() && one.size() == 1 && one["a"] == "b" && parens["b"] == datum::list{1, datum::list{2}});
  mproc::container_options options;
  options.limit_bytes = 2 << 20;
  const dict bounded{options};
  const dict both({{"a", 1}}, options);
  CHECK(bounded.empty() && both["a"] == 1 && both.arena().info().limit_bytes == 2 << 20);
  list inner{1};
  list moved{std::move(inner)};  // not a list with a list in it
  CHECK(moved.size() == 1 && moved[0] == 1);
}

TEST("dict: two processes") {
  auto d = dict::create("shared");
  d["done"] = 0;
  check::child writer([] {
    auto mine = dict::open("shared");
    mine["results"] = mproc::new_list;
    auto results = mine.get_list("results");
    for (int i = 0; i < 500; ++i) {
      results.append({i, i * i});
      ++mine["done"];
    }
  });
  for (int i = 0; i < 500; ++i) d.append_to("ours", i);
  CHECK(writer.wait() == 0 && d["done"] == 500);
  const auto results = d.get_list("results");
  CHECK(results.size() == 500 && results[499] == datum::list{499, 499 * 499} && d.get_list("ours").size() == 500);
  d.arena().check();
}

TEST("dict: killed processes leave it whole") {
  dict d;
  d["log"] = mproc::new_list;
  for (int round = 0; round < 10; ++round) {
    signal_flag started;
    check::child victim([&] {
      auto log = d.get_list("log");
      for (int i = 0;; ++i) {
        d[i % 50] = std::string(static_cast<std::size_t>(i % 3000), 'k');
        log.append(i);
        if (i > 20) log.pop(0);
        if (i % 50 == 49) d.erase(i % 50);
        if (i == 60) started.set();
      }
    });
    started.wait();
    victim.kill();
    d.arena().check();
    for (const auto& [key, value] : d) CHECK(key == "log" || value.type() == datum_type::string);
    d.get_list("log").clear();
    CHECK(d.size() >= 1 && d.size() <= 51);
  }
  // What the dead held inside goes, too.
  check::kill_after([&] {
    auto log = d.get_list("log");
    d.erase("log");
    return log;
  });
  d.arena().collect();
  CHECK(d.arena().info().containers == 1 && d.arena().info().handles == 0);
  d.arena().check();
}

TEST("dict: threads of one process") {
  dict d;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&d, t] {
      for (int i = 0; i < 300; ++i) {
        d.set({t, i}, i);
        ++d["sum"];
        d.append_to("all", t);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(d["sum"] == 1200 && d.get_list("all").size() == 1200 && d.size() == 1202);
  for (int t = 0; t < 4; ++t) CHECK(d.get_list("all").count(t) == 300);
}

TEST("namespace: attributes by name") {
  name_space config = name_space::create("config");
  config["rate"] = 0.5;
  config["name"] = "ann";
  config["sizes"] = {1, 2};
  config["\u00e4"] = 1;
  const double rate = config["rate"];
  const std::string name = config["name"];
  CHECK(rate == 0.5 && name == "ann" && config["sizes"] == datum::list{1, 2} && config.size() == 4);
  auto same = name_space::open("config");
  CHECK((same["rate"] += 1) == 1.5 && ++same["count"] == 1 && config["count"] == 1);
  CHECK(config.get<int>("count") == 1 && !config.get("missing") && config.get_or("missing", 3) == 3);
  CHECK(config.contains("rate") && config.erase("rate") && !config.erase("rate") && !config.contains("rate"));
  CHECK(config.compare_exchange("count", 1, 2) && config.compare_exchange("lock", mproc::absent, "me"));
  config.append_to("sizes", 3);
  config.append_to("events", "start");
  CHECK(config["sizes"].as().size() == 3 && config.get_list("events")[0] == "start");
  CHECK_THROWS(errc::not_found, config["missing"].as());
  CHECK_THROWS(errc::invalid_argument, config["_private"] = 1);
  CHECK_THROWS(errc::invalid_argument, config[""] = 1);
  CHECK_THROWS(errc::invalid_argument, config[std::string("a\0b", 3)] = 1);
  CHECK_THROWS(errc::invalid_argument, config[std::string(256, 'n')] = 1);
  config[std::string(255, 'n')] = 1;
  CHECK(config.erase(std::string(255, 'n')));

  std::vector<std::string> names;
  for (const auto& [key, value] : config) names.push_back(key.as<std::string>());
  const std::vector<std::string> sorted{"count", "events", "lock", "name", "sizes", "\u00e4"};
  CHECK(names == sorted && config.items().size() == 6 && config.items()[0].second == 2);
  CHECK(config.deep_copy()["events"] == datum::list{"start"} && config.copy().size() == 6);
  config["tree"] = mproc::new_dict;
  config.get_dict("tree")["x"] = 1;
  CHECK(config.deep_copy()["tree"]["x"] == 1 && config.export_handle().kind() == mproc::object_kind::name_space);
  config.arena().check();
}

}  // namespace
