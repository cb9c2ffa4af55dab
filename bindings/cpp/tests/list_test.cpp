// The shared list: elements, indices as in Python, slices, sorting, iteration, and what processes see of each other.
// The behaviour behind it is the library's, and tested there.
#include "check.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using mproc::datum;
using mproc::dict;
using mproc::errc;
using mproc::list;

namespace {

using ints = std::vector<int>;

list numbers(int count) {
  list out;
  ints values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  out.extend(values);
  return out;
}

TEST("list: elements are read and written where they are") {
  list l{1, "two", {3.0, nullptr}, datum::map{{"x", 4}}};
  CHECK(l.size() == 4 && !l.empty() && l[0] == 1 && l[-1].as()["x"] == 4 && l[2] == datum::list{3.0, nullptr});
  const int one = l[0];
  const std::string two = l[1];
  CHECK(one == 1 && two == "two" && l.at<int>(0) == 1 && l.get<std::string>(-3) == "two" && !l.get(4) && !l.get(-5));
  CHECK(l.get_or(9, "none") == "none" && l.get_or(1, "none") == "two");
  l[0] = 10;
  l[-1] = {1, 2};
  l.set(1, "zwei");
  CHECK((l[0] += 5) == 15 && ++l[0] == 16 && (l[0] -= 6) == 10 && l.add(0, 0.5) == 10.5);
  CHECK(l[1] == "zwei" && l[3] == datum::list{1, 2});
  l[1] = l[3];
  CHECK(l[1] == l[3] && l[0] != l[1]);
  CHECK_THROWS(errc::out_of_range, l[4].as());
  CHECK_THROWS(errc::out_of_range, l[4] = 1);
  CHECK_THROWS(errc::out_of_range, l[-5] += 1);
  CHECK_THROWS(errc::type_mismatch, l[1] += 1);
  CHECK_THROWS(errc::type_mismatch, static_cast<int>(l[1]));
  CHECK(l.compare_exchange(0, 10.5, 7) && !l.compare_exchange(0, 10.5, 8) && l[0] == 7);
  CHECK_THROWS(errc::invalid_argument, l.compare_exchange(0, mproc::absent, 1));
  std::ostringstream out;
  out << l[1] << l.to_json();
  CHECK(out.str() == "[1,2][7,[1,2],[3.0,null],[1,2]]");
  const list& fixed = l;
  CHECK(fixed[0] == 7 && fixed.at(0) == 7);
}

TEST("list: adding and removing") {
  list l;
  l.append(1);
  l.push_back("two");
  l.extend({3, {4}});
  l.extend(ints{5, 6});
  l.extend(datum(datum::list{7}));
  CHECK(l.items() == datum::list{1, "two", 3, datum::list{4}, 5, 6, 7});
  CHECK_THROWS(errc::invalid_argument, l.extend(1));
  l.insert(0, 0);
  l.insert(-1, 6.5);
  l.insert(100, 8);
  l.insert(-100, -1);
  CHECK(l.items() == datum::list{-1, 0, 1, "two", 3, datum::list{4}, 5, 6, 6.5, 7, 8});
  CHECK(l.pop() == 8 && l.pop(0) == -1 && l.pop(-2) == 6.5 && l.try_pop(1) == datum(1) && !l.try_pop(50));
  CHECK_THROWS(errc::out_of_range, l.pop(50));
  CHECK(l.remove(3) && !l.remove(3) && !l.remove(5.0));
  l.erase(0);
  l.erase(-1);
  CHECK(l.items() == datum::list{"two", datum::list{4}, 5, 6});
  CHECK_THROWS(errc::out_of_range, l.erase(4));
  l.extend_from(list{"x"});
  l.extend_from(l);
  CHECK(l.size() == 10 && l[9] == "x" && l[4] == "x");
  l.clear();
  CHECK(l.empty() && !l.try_pop());
  CHECK_THROWS(errc::out_of_range, l.pop());
  l.append("ab");
  l.repeat(3);
  CHECK(l.items<std::string>() == std::vector<std::string>{"ab", "ab", "ab"});
  l.repeat(0);
  CHECK(l.empty());
  std::copy_n(ints{1, 2, 3}.begin(), 3, std::back_inserter(l));
  CHECK(l.items<int>() == ints{1, 2, 3});
  l.arena().check();
}

TEST("list: values of every length") {
  list l;
  for (const std::size_t size : {0u, 31u, 32u, 255u, 1000u, 1023u, 1024u, 1025u, 70000u, 1000000u}) {
    const std::string text(size, 'v');
    l.append(text);
    l.append({text});
    CHECK(l[-2] == text && l[-1].as()[0] == text && l.count(text) == 1 && l.index(text) == l.size() - 2);
    CHECK(l.pop() == datum::list{text} && l.pop() == text && l.empty());
    l.append(1);
    l[0] = text;
    l[0] = 1;
    l.clear();
  }
  l.arena().check();
}

TEST("list: finding, sorting, reversing") {
  list l{3, 1, 2, 1, "x"};
  CHECK(l.index(1) == 1 && l.index(1, 2) == 3 && !l.index(1, 2, 3) && !l.index(9) && l.index(1, -2) == 3);
  CHECK(l.count(1) == 2 && l.count(1.0) == 0 && l.contains("x") && !l.contains("y"));
  CHECK_THROWS(errc::type_mismatch, l.sort());
  CHECK(l.items() == datum::list{3, 1, 2, 1, "x"});
  CHECK(l.pop() == "x");
  l.append(1.5);
  l.sort();
  CHECK(l.items() == datum::list{1, 1, 1.5, 2, 3});
  l.sort(mproc::sort_order::descending);
  CHECK(l.items() == datum::list{3, 2, 1.5, 1, 1});
  l.reverse();
  CHECK(l.items() == datum::list{1, 1, 1.5, 2, 3});
  list words{"pear", "apple", "fig"};
  words.sort();
  CHECK(words.items<std::string>() == std::vector<std::string>{"apple", "fig", "pear"});
}

// What Python says of list(range(n))[start:stop:step].
ints sliced(int n, std::optional<std::int64_t> start, std::optional<std::int64_t> stop, std::int64_t step) {
  const auto clip = [&](std::int64_t i, std::int64_t low, std::int64_t high) {
    return std::clamp(i < 0 ? i + n : i, low, high);
  };
  std::int64_t from, to;
  if (step > 0) {
    from = start ? clip(*start, 0, n) : 0;
    to = stop ? clip(*stop, 0, n) : n;
  } else {
    from = start ? clip(*start, -1, n - 1) : n - 1;
    to = stop ? clip(*stop, -1, n - 1) : -1;
  }
  ints out;
  for (std::int64_t i = from; step > 0 ? i < to : i > to; i += step) out.push_back(static_cast<int>(i));
  return out;
}

TEST("list: slices as in Python") {
  const list ten = numbers(10);
  CHECK(ten.slice<int>(2, 5) == ints{2, 3, 4} && ten.slice<int>(-2) == ints{8, 9});
  CHECK(ten.slice<int>({}, 2) == ints{0, 1});
  CHECK(ten.slice<int>({}, {}, -3) == ints{9, 6, 3, 0} && ten.slice<int>(8, 2, -2) == ints{8, 6, 4});
  CHECK(ten.slice() == ten.items() && ten.slice(5, 5).empty());
  const std::vector<std::optional<std::int64_t>> bounds{std::nullopt, -5, -4, -3, -1, 0, 1, 2, 3, 4, 9};
  for (const int n : {0, 1, 3}) {
    const list l = numbers(n);
    for (const auto& start : bounds) {
      for (const auto& stop : bounds) {
        for (const std::int64_t step : {1, 2, -1, -2}) {
          CHECK(l.slice<int>(start, stop, step) == sliced(n, start, stop, step));
          list rest = numbers(n);
          ints expected;
          const ints gone = sliced(n, start, stop, step);
          for (int i = 0; i < n; ++i) {
            if (std::find(gone.begin(), gone.end(), i) == gone.end()) expected.push_back(i);
          }
          rest.erase_slice(start, stop, step);
          CHECK(rest.items<int>() == expected);
        }
      }
    }
  }
  CHECK_THROWS(errc::invalid_argument, ten.slice({}, {}, 0));
}

TEST("list: slices are replaced as a whole") {
  list l = numbers(6);
  l.assign_slice(1, 3, {"a", "b", "c"});
  CHECK(l.items() == datum::list{0, "a", "b", "c", 3, 4, 5});
  l.assign_slice(1, 4, ints{});
  CHECK(l.items<int>() == ints{0, 3, 4, 5});
  l.assign_slice(2, 2, ints{7, 8});
  CHECK(l.items<int>() == ints{0, 3, 7, 8, 4, 5});
  l.assign_slice({}, {}, {10, 11, 12}, 2);
  CHECK(l.items<int>() == ints{10, 3, 11, 8, 12, 5});
  l.assign_slice({}, {}, {1, 2, 3, 4, 5, 6}, -1);
  CHECK(l.items<int>() == ints{6, 5, 4, 3, 2, 1});
  CHECK_THROWS(errc::invalid_argument, l.assign_slice({}, {}, {1}, 2));
  CHECK(l.items<int>() == ints{6, 5, 4, 3, 2, 1});
  l.assign_slice(6, {}, {0});
  CHECK(l.pop() == 0);
  l.arena().check();
}

TEST("list: iteration is live") {
  list l{1, 2, 3};
  int sum = 0;
  for (const datum& x : l) sum += x.as<int>();
  CHECK(sum == 6 && datum::list(l.begin(), l.end()) == l.items());
  auto i = l.begin();
  CHECK(*i == 1 && i->as<int>() == 1 && *i++ == 1 && *i == 2 && i != l.end());
  for (const datum& x : l) {
    if (l.size() < 6) l.append(x.as<int>() + 3);
  }
  CHECK(l.items<int>() == ints{1, 2, 3, 4, 5, 6});
  CHECK(list().begin() == list().end());

  // Some are fetched ahead, but not all of a long list.
  list many = numbers(1000);
  int seen = 0;
  for (const datum& x : many) {
    CHECK(x == seen);
    if (++seen == 10) many.clear();
  }
  CHECK(seen >= 10 && seen < 1000 && many.empty());
}

TEST("list: containers inside") {
  list l{mproc::new_dict, mproc::new_list};
  l.get_dict(0)["x"] = 1;
  l.get_list(-1).append("in");
  const list inner = l[1];
  CHECK(inner[0] == "in" && l.get_dict(0)["x"] == 1 && l.get<list>(1)->size() == 1 && !l.get<list>(2));
  CHECK_THROWS(errc::out_of_range, l.get_list(2));
  CHECK_THROWS(errc::type_mismatch, l.get_list(0));
  l.append(inner);
  l.insert(0, inner);
  l[0] = inner;
  CHECK(l.count(inner) == 3 && l.index(inner) == 0);
  const datum inside = datum::list{"in"};
  CHECK(l.deep_copy() == datum::list{inside, datum::map{{"x", 1}}, inside, inside});
  list other;
  CHECK_THROWS(errc::type_mismatch, other.extend_from(l));
  CHECK(other.empty());
  l.erase_slice(0, 2);
  CHECK(l.arena().info().containers == 2);
  l.clear();
  CHECK(l.arena().info().containers == 2 && inner.size() == 1);  // the handle keeps it
  l.arena().check();
}

TEST("list: by name and by handle") {
  list l = list::create("lines");
  l.append("first");
  check::child writer([] {
    auto lines = list::open("lines");
    for (int i = 0; i < 200; ++i) lines.append({"line", i});
  });
  CHECK(writer.wait() == 0 && l.size() == 201 && l[-1] == datum::list{"line", 199});
  CHECK_THROWS(errc::wrong_kind, dict::open("lines"));
  CHECK(list::create_or_open("lines").existed() && list::open(l.export_handle())[0] == "first");
  CHECK(l.export_handle().kind() == mproc::object_kind::list);
  l.close();
  CHECK_THROWS(errc::invalid_argument, l.append(1));
  CHECK_THROWS(errc::invalid_argument, l.begin());
}

TEST("list: processes take from both ends, and nothing is lost") {
  list jobs = numbers(2000), done;
  const auto work = [&](std::int64_t end) {
    while (const auto job = jobs.try_pop(end)) done.append(*job);
  };
  check::child first([&] { work(0); }), second([&] { work(-1); });
  work(0);
  CHECK(first.wait() == 0 && second.wait() == 0 && jobs.empty());
  done.sort();
  ints all(2000);
  std::iota(all.begin(), all.end(), 0);
  CHECK(done.items<int>() == all);
}

}  // namespace
