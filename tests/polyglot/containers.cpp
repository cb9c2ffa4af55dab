// The worker's commands for dict, list and namespace.
#include "worker.hpp"

#include <cstddef>
#include <limits>
#include <map>

namespace worker {
namespace {

using std::uint64_t;

std::unique_ptr<mproc::dict> dict;
std::unique_ptr<mproc::list> list;
std::unique_ptr<mproc::name_space> space;

mproc::datum datum_of(const std::string& json) { return mproc::datum::from_json(json); }

std::string truth(bool what) { return what ? "true" : "false"; }

std::string info_of(const mproc::arena& arena) {
  const auto info = arena.info();
  return std::to_string(info.steals) + " " + std::to_string(info.rollbacks);
}

template <class Object>
std::string make(std::unique_ptr<Object>& object, const words& w) {
  object.reset();
  object = std::make_unique<Object>(w[1] == "open" ? Object::open(w[2]) : Object::create(w[2]));
  return "ok";
}

// ---- entries of a storm ----

// An entry is a list of its serial and a text whose length follows from that.
mproc::datum::list storm_entry(uint64_t serial) { return {serial, std::string(agreed_text(serial), 'x')}; }

uint64_t storm_serial(const mproc::datum& entry) {
  const auto parts = entry.as<mproc::datum::list>();
  if (parts.size() != 2) wrong("wrong: another list");
  const auto serial = parts[0].as<uint64_t>();
  if (parts[1].text() != std::string(agreed_text(serial), 'x')) wrong("wrong: another text");
  return serial;
}

// Entries that follow each other.
struct succession {
  uint64_t first = 0, next = 0;

  void add(uint64_t serial) {
    if (next != 0 && serial != next) wrong("wrong: a gap at " + std::to_string(serial));
    if (next == 0) first = serial;
    next = serial + 1;
  }
  std::string answer(const mproc::arena& arena) const {
    arena.check();
    return "ok " + std::to_string(first) + " " + std::to_string(next);
  }
};

// Adds entry after entry.
template <class Add>
[[noreturn]] void storm(const words& w, const Add& add) {
  auto done = mproc::value<uint64_t>::open(w[3]);
  const auto from = static_cast<uint64_t>(number(w[2]));
  for (auto serial = from;; ++serial) {
    add(serial);
    done.store(serial);
    if (serial == from) say("started");
  }
}

// ---- dict ----

const std::vector<std::byte> agreed_bytes{std::byte{0}, std::byte{255}, std::byte{10}};
const mproc::datum::list agreed_list{1, "two", mproc::datum::list{0.5}};
constexpr auto agreed_large = std::numeric_limits<uint64_t>::max();

// One of everything.
std::string fill() {
  auto& d = *dict;
  d["nothing"] = nullptr;
  d["yes"] = true;
  d["small"] = -5;
  d["large"] = agreed_large;
  d["half"] = 0.5;
  d["text"] = AGREED_TEXT;
  d["bytes"] = agreed_bytes;
  d["list"] = agreed_list;
  d[7] = "seven";
  d[true] = "true";
  return "ok";
}

std::string look() {
  const auto& d = *dict;
  const bool right = d["nothing"].as().is_nil() && d["yes"].as<bool>() && d["small"].as<int>() == -5 &&
                     d["large"].as<uint64_t>() == agreed_large && d["half"].as<double>() == 0.5 &&
                     d["text"].as<std::string>() == AGREED_TEXT &&
                     d["bytes"].as<std::vector<std::byte>>() == agreed_bytes && d["list"] == agreed_list &&
                     d[7] == "seven" && d[true] == "true" && d.at("yes").type() == mproc::datum_type::boolean &&
                     d.at("half").type() == mproc::datum_type::floating;
  return right ? "ok" : "wrong";
}

std::string count(const words& w) {
  const auto key = datum_of(w[3]);
  pass_gate(w[2]);
  for (auto i = number(w[4]); i > 0; --i) ++(*dict)[key];
  return "ok";
}

// Counts by reading and comparing, until nobody has come between.
std::string swaps(const words& w) {
  const auto key = datum_of(w[3]);
  pass_gate(w[2]);
  for (auto i = number(w[4]); i > 0; --i) {
    for (std::int64_t old = (*dict)[key]; !dict->compare_exchange(key, old, old + 1);) old = (*dict)[key];
  }
  return "ok";
}

void add_entry(uint64_t serial) {
  (*dict)[serial] = storm_entry(serial);
  for (std::size_t size; (size = dict->size()) > STORM_WINDOW;) {
    if (!dict->erase(serial + 1 - size)) wrong("wrong: the first entry is not there");
  }
}

std::string check_dict() {
  succession all;
  for (const auto& [key, entry] : *dict) {
    if (key.as<uint64_t>() != storm_serial(entry)) wrong("wrong: another key");
    all.add(key.as<uint64_t>());
  }
  return all.answer(dict->arena());
}

}  // namespace

std::string do_dict(const words& w) {
  const auto key = [&] { return datum_of(w[2]); };
  if (w[1] == "create" || w[1] == "open") return make(dict, w);
  if (w[1] == "fill") return fill();
  if (w[1] == "look") return look();
  if (w[1] == "set") return dict->set(key(), datum_of(w[3])), "ok";
  if (w[1] == "get") return dict->at(key()).to_json();
  if (w[1] == "delete") return dict->erase(key()) ? "ok" : "error notfound";
  if (w[1] == "has") return truth(dict->contains(key()));
  if (w[1] == "size") return std::to_string(dict->size());
  if (w[1] == "add") return dict->add(key(), datum_of(w[3])).to_json();
  if (w[1] == "append") return dict->append_to(key(), datum_of(w[3])), "ok";
  if (w[1] == "swap") return truth(dict->compare_exchange(key(), datum_of(w[3]), datum_of(w[4])));
  if (w[1] == "nest") return dict->set(key(), mproc::new_list), "ok";
  if (w[1] == "enter") return list = std::make_unique<mproc::list>(dict->get_list(key())), "ok";
  if (w[1] == "dump") return dict->to_json();
  if (w[1] == "count") return count(w);
  if (w[1] == "swaps") return swaps(w);
  if (w[1] == "storm") storm(w, add_entry);
  if (w[1] == "check") return check_dict();
  if (w[1] == "info") return info_of(dict->arena());
  return "unknown command: dict " + w[1];
}

// ---- list ----

namespace {

// Pairs of who and how many before.
std::string race(const words& w) {
  pass_gate(w[2]);
  for (std::int64_t i = 0; i < number(w[4]); ++i) list->append({w[3], i});
  return "ok";
}

std::string raced() {
  std::map<std::string, std::int64_t> next;
  std::size_t count = 0;
  for (const auto& pair : *list) {
    if (next[pair[0].as<std::string>()]++ != pair[1].as<std::int64_t>()) wrong("wrong: another pair");
    ++count;
  }
  return std::to_string(count);
}

void add_element(uint64_t serial) {
  list->append(storm_entry(serial));
  while (list->size() > STORM_WINDOW) list->pop(0);
}

std::string check_list() {
  succession all;
  for (const auto& entry : list->items()) all.add(storm_serial(entry));
  return all.answer(list->arena());
}

}  // namespace

std::string do_list(const words& w) {
  const auto index = [&] { return number(w[2]); };
  if (w[1] == "create" || w[1] == "open") return make(list, w);
  if (w[1] == "append") return list->push_back(datum_of(w[2])), "ok";
  if (w[1] == "extend") return list->extend(datum_of(w[2])), "ok";
  if (w[1] == "insert") return list->insert(index(), datum_of(w[3])), "ok";
  if (w[1] == "get") return list->at(index()).to_json();
  if (w[1] == "set") return (*list)[index()] = datum_of(w[3]), "ok";
  if (w[1] == "pop") return list->pop(index()).to_json();
  if (w[1] == "size") return std::to_string(list->size());
  if (w[1] == "sort") return list->sort(), "ok";
  if (w[1] == "dump") return list->to_json();
  if (w[1] == "race") return race(w);
  if (w[1] == "raced") return raced();
  if (w[1] == "storm") storm(w, add_element);
  if (w[1] == "check") return check_list();
  if (w[1] == "info") return info_of(list->arena());
  return "unknown command: list " + w[1];
}

// ---- namespace ----

std::string do_space(const words& w) {
  if (w[1] == "create" || w[1] == "open") return make(space, w);
  if (w[1] == "set") return (*space)[w[2]] = datum_of(w[3]), "ok";
  if (w[1] == "get") return space->at(w[2]).to_json();
  if (w[1] == "delete") return space->erase(w[2]) ? "ok" : "error notfound";
  if (w[1] == "has") return truth(space->contains(w[2]));
  if (w[1] == "size") return std::to_string(space->size());
  if (w[1] == "add") return space->add(w[2], datum_of(w[3])).to_json();
  if (w[1] == "dump") return space->to_json();
  return "unknown command: space " + w[1];
}

}  // namespace worker
