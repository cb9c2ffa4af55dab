// The worker in C++. What the commands mean is said in agreed.h.
#include "agreed.h"

#include <mproc.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using std::chrono::milliseconds;
using words = std::vector<std::string>;

// ---- answers ----

void say(const std::string& line) { std::cout << line << std::endl; }

std::string word_of(const mproc::error& e) {
  static const std::map<mproc::errc, const char*> known{
      {mproc::errc::timed_out, "timeout"},     {mproc::errc::canceled, "canceled"},  {mproc::errc::closed, "closed"},
      {mproc::errc::type_mismatch, "type"},    {mproc::errc::wrong_kind, "kind"},    {mproc::errc::not_found, "notfound"},
      {mproc::errc::already_exists, "exists"}, {mproc::errc::out_of_range, "range"}, {mproc::errc::too_big, "toobig"},
      {mproc::errc::not_owner, "notholder"}};
  for (const auto& [code, word] : known) {
    if (e.code() == code) return word;
  }
  return std::string("other ") + e.what();
}

std::string hex(std::uint64_t bits) {
  std::ostringstream out;
  out << std::hex << bits;
  return out.str();
}

// What was not foreseen: it ends the worker.
[[noreturn]] void wrong(const std::string& what) { throw std::runtime_error(what); }

// ---- words of a command ----

std::int64_t number(const std::string& word) { return std::stoll(word); }
std::uint64_t bits_of(const std::string& word) { return std::stoull(word, nullptr, 16); }

std::uint64_t schema_of(const std::string& word) {
  return word == "agreed" ? SCHEMA_AGREED : word == "other" ? SCHEMA_OTHER : 0;
}

// ---- helpers ----

void pass_gate(const std::string& name) {
  auto gate = mproc::value<std::int32_t>::create_or_open(name);
  ++gate;
  while (gate.load() < 2) std::this_thread::yield();
}

// A token that another thread sets after a while.
class canceller {
 public:
  explicit canceller(milliseconds after)
      : thread_([this, after] {
          std::this_thread::sleep_for(after);
          token.set();
        }) {}
  ~canceller() { thread_.join(); }
  canceller(const canceller&) = delete;
  canceller& operator=(const canceller&) = delete;

  mproc::cancel_token token;

 private:
  std::thread thread_;
};

// ---- lock ----

struct any_lock {
  virtual ~any_lock() = default;
  virtual std::string take(std::int64_t ms) = 0;
  virtual std::string cancel(milliseconds after) = 0;
  virtual void give() = 0;
  virtual std::string owner() = 0;
  virtual void add_slowly(mproc::value<std::int64_t>& plain, std::int64_t count) = 0;
};

template <class Object>
class lock_of final : public any_lock {
 public:
  explicit lock_of(Object object) : object_(std::move(object)) {}

  std::string take(std::int64_t ms) override {
    auto& m = mutex();
    // As a program would: the guard takes it; here the lock outlives the guard.
    std::unique_lock guard(m, std::defer_lock);
    if (ms < 0) guard.lock();
    else if (!(ms == 0 ? guard.try_lock() : guard.try_lock_for(milliseconds(ms)))) return "error timeout";
    guard.release();
    return m.recovered() ? "recovered" : "held";
  }
  std::string cancel(milliseconds after) override {
    const canceller in_time(after);
    mutex().lock(in_time.token);
    return "held";
  }
  void give() override { mutex().unlock(); }
  std::string owner() override {
    const auto who = mutex().owner();
    return who ? std::to_string(who->pid) : "nobody";
  }
  void add_slowly(mproc::value<std::int64_t>& plain, std::int64_t count) override {
    for (; count > 0; --count) {
      const std::lock_guard guard(mutex());
      plain.store(plain.load() + 1);
    }
  }

 private:
  auto& mutex() {
    if constexpr (std::is_same_v<Object, mproc::mutex>) return object_;
    else return object_.mutex();
  }
  Object object_;
};

std::unique_ptr<any_lock> lock;

template <class Object>
void set_lock(Object object) {
  lock = std::make_unique<lock_of<Object>>(std::move(object));
}

std::string do_lock(const words& w) {
  if (w[1] == "create" || w[1] == "open") {
    using value = mproc::value<std::int32_t>;
    using array = mproc::array<std::int32_t>;
    const bool create = w[1] == "create";
    if (w[2] == "lock") set_lock(create ? mproc::mutex::create(w[3]) : mproc::mutex::open(w[3]));
    else if (w[2] == "value") set_lock(create ? value::create(w[3]) : value::open(w[3]));
    else set_lock(create ? array::create(w[3], 4) : array::open(w[3], 4));
    return "ok";
  }
  if (w[1] == "take") return lock->take(number(w[2]));
  if (w[1] == "give") return lock->give(), "ok";
  if (w[1] == "owner") return lock->owner();
  if (w[1] == "cancel") return lock->cancel(milliseconds(number(w[2])));
  if (w[1] == "race") {
    auto plain = mproc::value<std::int64_t>::open(w[3]);
    pass_gate(w[2]);
    lock->add_slowly(plain, number(w[4]));
    return "ok";
  }
  lock.reset();
  return "ok";
}

// ---- value ----

template <std::size_t Size>
using word_of_size = std::conditional_t<
    Size == 1, std::uint8_t,
    std::conditional_t<Size == 2, std::uint16_t, std::conditional_t<Size == 4, std::uint32_t, std::uint64_t>>>;

template <class T>
std::uint64_t to_bits(T t) {
  word_of_size<sizeof t> word;
  std::memcpy(&word, &t, sizeof t);
  return word;
}

template <class T>
T from_bits(std::uint64_t bits) {
  const auto word = static_cast<word_of_size<sizeof(T)>>(bits);
  T t;
  std::memcpy(&t, &word, sizeof t);
  return t;
}

struct any_value {
  virtual ~any_value() = default;
  virtual std::uint64_t load() = 0;
  virtual void store(std::uint64_t bits) = 0;
  virtual std::uint64_t fetch(const std::string& operation, std::uint64_t bits) = 0;
  virtual void add(std::int64_t count, std::uint64_t bits) = 0;
};

template <class T>
class value_of final : public any_value {
 public:
  explicit value_of(mproc::value<T> value) : value_(std::move(value)) {}

  std::uint64_t load() override { return to_bits(value_.load()); }
  void store(std::uint64_t bits) override { value_ = from_bits<T>(bits); }

  std::uint64_t fetch(const std::string& operation, std::uint64_t bits) override {
    [[maybe_unused]] const T operand = from_bits<T>(bits);
    if constexpr (!std::is_same_v<T, bool>) {
      if (operation == "add") return to_bits(value_.fetch_add(operand));
      if (operation == "sub") return to_bits(value_.fetch_sub(operand));
      if (operation == "min") return to_bits(value_.fetch_min(operand));
      if (operation == "max") return to_bits(value_.fetch_max(operand));
    }
    if constexpr (!std::is_floating_point_v<T>) {
      if (operation == "and") return to_bits(value_.fetch_and(operand));
      if (operation == "or") return to_bits(value_.fetch_or(operand));
      if (operation == "xor") return to_bits(value_.fetch_xor(operand));
    }
    wrong("no such operation");
  }

  void add(std::int64_t count, std::uint64_t bits) override {
    if constexpr (std::is_same_v<T, bool>) wrong("no such operation");
    else {
      const T operand = from_bits<T>(bits);
      for (; count > 0; --count) value_ += operand;
    }
  }

 private:
  mproc::value<T> value_;
};

template <class T>
std::unique_ptr<any_value> make_value(const words& w) {
  mproc::value_options options;
  options.persist = w[1] == "keep";
  return std::make_unique<value_of<T>>(w[1] == "open" ? mproc::value<T>::open(w[2])
                                                      : mproc::value<T>::create(w[2], T(), options));
}

std::unique_ptr<any_value> value;

std::string do_value(const words& w) {
  static const std::map<std::string, std::unique_ptr<any_value> (*)(const words&)> makers{
      {"i8", make_value<std::int8_t>},    {"u8", make_value<std::uint8_t>},   {"i16", make_value<std::int16_t>},
      {"u16", make_value<std::uint16_t>}, {"i32", make_value<std::int32_t>},  {"u32", make_value<std::uint32_t>},
      {"i64", make_value<std::int64_t>},  {"u64", make_value<std::uint64_t>}, {"f32", make_value<float>},
      {"f64", make_value<double>},        {"char8", make_value<char>},        {"char32", make_value<char32_t>},
      {"bool", make_value<bool>}};
  if (w[1] == "create" || w[1] == "keep" || w[1] == "open") {
    value.reset();
    value = makers.at(w[3])(w);
  } else if (w[1] == "load") return hex(value->load());
  else if (w[1] == "store") value->store(bits_of(w[2]));
  else if (w[1] == "fetch") return hex(value->fetch(w[2], bits_of(w[3])));
  else if (w[1] == "add") {
    pass_gate(w[2]);
    value->add(number(w[3]), bits_of(w[4]));
  } else value.reset();
  return "ok";
}

// ---- record ----

std::unique_ptr<mproc::value<record_t>> record;

std::string text(const record_t& r) {
  std::ostringstream out;
  out << r.id << ' ' << hex(to_bits(r.ratio)) << ' ' << r.count << ' ' << r.level << ' ' << r.on << ' ' << int(r.code)
      << ' ' << std::string(r.tag, sizeof r.tag) << ' ' << hex(to_bits(r.weight[0])) << ' ' << hex(to_bits(r.weight[1]));
  return out.str();
}

std::string do_record(const words& w) {
  using value = mproc::value<record_t>;
  if (w[1] == "create" || w[1] == "open") {
    mproc::value_options options;
    options.schema = schema_of(w[3]);
    record.reset();
    record = std::make_unique<value>(w[1] == "open" ? value::open(w[2], options) : value::create(w[2], record_t(), options));
    return "ok";
  }
  if (w[1] == "store") {
    const record_t r = agreed_record(static_cast<int>(number(w[2])));
    record->store(r);
    return text(r);
  }
  return text(record->load());
}

// ---- block: a larger struct, for those who are killed in the middle ----

struct block_pair {
  mproc::value<block_t> block;
  mproc::value<std::uint64_t> done;
};
std::unique_ptr<block_pair> block;

block_t make_block(std::uint64_t serial) {
  block_t b;
  b.serial = serial;
  agreed_fill(serial, b.words, BLOCK_WORDS);
  return b;
}

void block_store(std::uint64_t serial) {
  block->block.store(make_block(serial));
  block->done.store(serial);
}

std::string do_block(const words& w) {
  if (w[1] == "create" || w[1] == "open") {
    const bool create = w[1] == "create";
    mproc::value_options options;
    options.schema = SCHEMA_AGREED;
    block = std::make_unique<block_pair>(
        block_pair{create ? mproc::value<block_t>::create(w[2], make_block(0), options) : mproc::value<block_t>::open(w[2], options),
                   create ? mproc::value<std::uint64_t>::create(w[3]) : mproc::value<std::uint64_t>::open(w[3])});
    return "ok";
  }
  if (w[1] == "storm") {
    std::uint64_t serial = block->block.load().serial;
    block->done.store(serial);
    block_store(++serial);
    say("started");
    for (;;) block_store(++serial);
  }
  if (w[1] == "check") {
    std::uint64_t last = 0, done = 0;
    for (std::int64_t count = number(w[2]); count > 0; --count) {
      done = block->done.load();
      const block_t b = block->block.load();
      if (!agreed_whole(b.serial, b.words, BLOCK_WORDS) || b.serial < done || b.serial < last) {
        return "torn or old: serial " + std::to_string(b.serial) + " after " + std::to_string(last) + ", done " +
               std::to_string(done);
      }
      last = b.serial;
    }
    return "ok " + std::to_string(last) + " " + std::to_string(done);
  }
  if (w[1] == "store") {
    block_store(block->block.load().serial + 1);
    return "ok";
  }
  return std::to_string(block->block.info().steals) + " 0";
}

// ---- array ----

struct any_array {
  virtual ~any_array() = default;
  virtual std::string shape() = 0;
  virtual std::string read() = 0;
  virtual std::int64_t get(std::size_t i, std::size_t j) = 0;
  virtual void set(std::size_t i, std::size_t j, std::int64_t n) = 0;
  virtual void write(std::size_t start, std::size_t count, std::int64_t n) = 0;
  virtual void negate() = 0;
  virtual std::string weave(std::size_t parity, std::int64_t rounds) = 0;
};

template <class T>
class array_of final : public any_array {
 public:
  explicit array_of(mproc::array<T> array) : array_(std::move(array)) {}

  std::string shape() override {
    std::string out;
    for (const auto n : array_.shape()) out += (out.empty() ? "" : "x") + std::to_string(n);
    return out;
  }
  std::string read() override {
    std::string out;
    for (const auto n : array_.read()) out += (out.empty() ? "" : " ") + std::to_string(n);
    return out;
  }
  std::int64_t get(std::size_t i, std::size_t j) override { return array_.get(array_.index(i, j)); }
  void set(std::size_t i, std::size_t j, std::int64_t n) override { array_.set(array_.index(i, j), static_cast<T>(n)); }
  void write(std::size_t start, std::size_t count, std::int64_t n) override {
    std::vector<T> list;
    for (std::size_t i = 0; i < count; ++i) list.push_back(static_cast<T>(n++));
    array_.write(start, list);
  }
  void negate() override {
    for (T& n : array_) n = static_cast<T>(-n);
  }
  std::string weave(std::size_t parity, std::int64_t rounds) override {
    for (std::int64_t round = 1; round <= rounds; ++round) {
      const auto wanted = [&](std::size_t i) { return static_cast<T>(round + static_cast<std::int64_t>(i)); };
      for (std::size_t i = parity; i < array_.size(); i += 2) array_.set(i, wanted(i));
      for (std::size_t i = parity; i < array_.size(); i += 2) {
        if (const T seen = array_.get(i); seen != wanted(i)) {
          return "element " + std::to_string(i) + " is " + std::to_string(seen) + " in round " + std::to_string(round);
        }
      }
    }
    return "ok";
  }

 private:
  mproc::array<T> array_;
};

mproc::shape shape_of(const std::string& word) {
  std::istringstream in(word);
  std::vector<std::size_t> dimensions;
  for (std::string n; std::getline(in, n, 'x');) dimensions.push_back(std::stoull(n));
  return {dimensions.data(), dimensions.size()};
}

template <class T>
std::unique_ptr<any_array> make_array(const words& w) {
  using array = mproc::array<T>;
  if (w[1] == "open") {
    return std::make_unique<array_of<T>>(w[4] == "any" ? array::open(w[2]) : array::open(w[2], shape_of(w[4])));
  }
  const auto shape = shape_of(w[4]);
  std::size_t elements = 1;
  for (const auto n : shape) elements *= n;
  std::vector<T> initial;
  for (std::size_t i = 0; i < elements; ++i) initial.push_back(static_cast<T>(i));
  return std::make_unique<array_of<T>>(array::create(w[2], shape, initial));
}

std::unique_ptr<any_array> array;

std::string do_array(const words& w) {
  static const std::map<std::string, std::unique_ptr<any_array> (*)(const words&)> makers{
      {"i8", make_array<std::int8_t>},
      {"i32", make_array<std::int32_t>},
      {"u32", make_array<std::uint32_t>},
      {"i64", make_array<std::int64_t>}};
  const auto n = [&](std::size_t i) { return number(w.at(i)); };
  const auto index = [&](std::size_t i) { return static_cast<std::size_t>(number(w.at(i))); };
  if (w[1] == "create" || w[1] == "open") {
    array.reset();
    array = makers.at(w[3])(w);
  } else if (w[1] == "shape") return array->shape();
  else if (w[1] == "read") return array->read();
  else if (w[1] == "get") return std::to_string(array->get(index(2), index(3)));
  else if (w[1] == "set") array->set(index(2), index(3), n(4));
  else if (w[1] == "write") array->write(index(2), index(3), n(4));
  else if (w[1] == "negate") array->negate();
  else if (w[1] == "weave") {
    pass_gate(w[2]);
    return array->weave(index(3), n(4));
  } else array.reset();
  return "ok";
}

// ---- cells: an array of structs ----

std::unique_ptr<mproc::array<cell_t>> cells;

cell_t make_cell(std::uint64_t serial, std::size_t i) {
  cell_t c;
  c.serial = serial;
  agreed_fill(serial + i, c.words, CELL_WORDS);
  return c;
}

// The whole array in one call, then again one by one.
void cells_store(std::uint64_t serial) {
  std::vector<cell_t> all;
  for (std::size_t i = 0; i < cells->size(); ++i) all.push_back(make_cell(serial, i));
  cells->write(0, all);
  for (std::size_t i = 0; i < cells->size(); ++i) cells->set(i, make_cell(serial + 1, i));
}

std::string do_cells(const words& w) {
  using array = mproc::array<cell_t>;
  if (w[1] == "create" || w[1] == "open") {
    const auto count = static_cast<std::size_t>(number(w[3]));
    mproc::array_options options;
    options.schema = schema_of(w[4]);
    cells.reset();
    cells = std::make_unique<array>(w[1] == "open" ? array::open(w[2], count, options) : array::create(w[2], count, {}, options));
    return "ok";
  }
  if (w[1] == "storm") {
    std::uint64_t serial = cells->get(0).serial;
    cells_store(++serial);
    say("started");
    for (;;) cells_store(serial += 2);
  }
  if (w[1] == "store") {
    cells_store(cells->get(0).serial + 1);
    return "ok";
  }
  if (w[1] == "check") {
    const auto all = cells->read();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const cell_t c = cells->get(i);
      if (!agreed_whole(all[i].serial + i, all[i].words, CELL_WORDS) || !agreed_whole(c.serial + i, c.words, CELL_WORDS) ||
          c.serial < all[i].serial) {
        wrong("element " + std::to_string(i) + " is torn or old: serials " + std::to_string(all[i].serial) + ", then " +
              std::to_string(c.serial));
      }
    }
    return "ok";
  }
  const auto info = cells->info();
  return std::to_string(info.steals) + " " + std::to_string(info.rollbacks);
}

// ---- queue ----

std::unique_ptr<mproc::queue> queue;

std::string message(std::uint64_t i) {
  std::string bytes(MAX_MESSAGE, '\0');
  bytes.resize(agreed_message(i, reinterpret_cast<unsigned char*>(bytes.data())));
  return bytes;
}

// Puts some messages with one call; gives how many are in: fewer than wanted when the time was up.
std::size_t put_batch(std::uint64_t from, std::size_t count, std::int64_t ms) {
  if (count > 1) {
    std::vector<std::string> messages;
    for (std::size_t i = 0; i < count; ++i) messages.push_back(message(from + i));
    return ms < 0    ? queue->put_many(messages)
           : ms == 0 ? queue->try_put_many(messages)
                     : queue->try_put_many_for(messages, milliseconds(ms));
  }
  const auto one = message(from);
  if (ms < 0) return queue->put(one), 1;
  return ms == 0 ? queue->try_put(one) : queue->try_put_for(one, milliseconds(ms));
}

std::string queue_put(std::uint64_t next, std::uint64_t end, std::int64_t ms, std::size_t batch) {
  try {
    while (next < end) {
      const auto count = std::min<std::uint64_t>(end - next, batch);
      const auto done = put_batch(next, count, ms);
      next += done;
      if (done < count) return "error timeout " + std::to_string(next);
    }
  } catch (const mproc::batch_error& e) {
    return "error " + word_of(e) + " " + std::to_string(next + e.done());
  } catch (const mproc::error& e) {
    return "error " + word_of(e) + " " + std::to_string(next);
  }
  return "ok " + std::to_string(next);
}

[[noreturn]] void wrong_message(std::size_t length, std::uint64_t instead_of) {
  wrong("wrong: " + std::to_string(length) + " bytes instead of message " + std::to_string(instead_of));
}

std::string queue_get(std::uint64_t next, std::uint64_t end, std::int64_t ms, bool may_miss) {
  try {
    while (next < end) {
      const auto bytes = ms < 0 ? queue->next() : ms == 0 ? queue->try_get() : queue->try_get_for(milliseconds(ms));
      // next() says that the queue is closed, the others that the time is up.
      if (!bytes) return (ms < 0 ? "error closed " : "error timeout ") + std::to_string(next);
      if (may_miss && *bytes != message(next)) ++next;
      may_miss = false;
      if (*bytes != message(next)) wrong_message(bytes->size(), next);
      ++next;
    }
  } catch (const mproc::error& e) {
    return "error " + word_of(e) + " " + std::to_string(next);
  }
  return "ok " + std::to_string(next);
}

std::string queue_get_many(std::uint64_t next, std::uint64_t end, std::int64_t ms, std::size_t most) {
  try {
    while (next < end) {
      mproc::batch batch(std::min<std::uint64_t>(end - next, most), 100);
      const auto count = ms < 0    ? queue->get_many(batch)
                         : ms == 0 ? queue->try_get_many(batch)
                                   : queue->try_get_many_for(batch, milliseconds(ms));
      if (count == 0) return "error timeout " + std::to_string(next);
      for (const auto bytes : batch) {
        if (bytes != message(next)) wrong_message(bytes.size(), next);
        ++next;
      }
    }
  } catch (const mproc::error& e) {
    return "error " + word_of(e) + " " + std::to_string(next);
  }
  return "ok " + std::to_string(next);
}

std::string do_queue(const words& w) {
  const auto n = [&](std::size_t i) { return static_cast<std::uint64_t>(number(w.at(i))); };
  const auto ms = [&](std::size_t i) { return number(w.at(i)); };
  if (w[1] == "create" || w[1] == "open") {
    mproc::queue_options options;
    options.capacity_bytes = n(3);
    queue.reset();
    queue = std::make_unique<mproc::queue>(w[1] == "open" ? mproc::queue::open(w[2], options)
                                                          : mproc::queue::create(w[2], options));
    return "ok";
  }
  if (w[1] == "put") return queue_put(n(2), n(2) + n(3), ms(4), n(5));
  if (w[1] == "get") {
    return n(5) > 1 ? queue_get_many(n(2), n(2) + n(3), ms(4), n(5)) : queue_get(n(2), n(2) + n(3), ms(4), false);
  }
  if (w[1] == "resume") return queue_get(n(2), std::numeric_limits<std::uint64_t>::max(), 0, true);
  if (w[1] == "storm") {
    auto done = mproc::value<std::uint64_t>::open(w[3]);
    auto next = n(2);
    for (bool first = true;; first = false) {
      done.store(next += put_batch(next, n(4), -1));
      if (first) say("started");
    }
  }
  if (w[1] == "devour") {
    auto done = mproc::value<std::uint64_t>::open(w[3]);
    auto next = n(2);
    std::string bytes;
    for (bool first = true;; first = false) {
      queue->get_into(bytes);
      if (bytes != message(next)) wrong_message(bytes.size(), next);
      done.store(++next);
      if (first) say("started");
    }
  }
  if (w[1] == "cancel") {
    const canceller in_time{milliseconds(ms(3))};
    if (w[2] == "get") queue->get(in_time.token);
    else queue->put("x", in_time.token);
    return "ok";
  }
  if (w[1] == "shutdown") {
    queue->shutdown(w[2] == "immediate" ? mproc::shutdown_mode::immediate : mproc::shutdown_mode::graceful);
    return "ok";
  }
  if (w[1] == "size") return std::to_string(queue->size());
  return std::to_string(queue->info().steals) + " 0";
}

// ---- all commands ----

std::string answer(const words& w) {
  static const std::map<std::string, std::string (*)(const words&)> commands{
      {"lock", do_lock},   {"value", do_value}, {"record", do_record}, {"block", do_block},
      {"array", do_array}, {"cells", do_cells}, {"queue", do_queue}};
  if (w[0] == "unlink") return mproc::domain().unlink(w[1]), "ok";
  if (w[0] == "sweep") return mproc::domain().sweep(), "ok";
  return commands.at(w[0])(w);
}

void run(const std::string& line) {
  std::istringstream in(line);
  words w;
  for (std::string word; in >> word;) w.push_back(word);
  w.resize(std::max<std::size_t>(w.size(), 6));
  try {
    say(answer(w));
  } catch (const mproc::error& e) {
    say("error " + word_of(e));
  }
}

}  // namespace

int main(int argc, char** argv) try {
  for (int i = 1; i < argc; ++i) run(argv[i]);
  for (std::string line; argc == 1 && std::getline(std::cin, line);) run(line);
  return 0;
} catch (const std::exception& e) {
  say(e.what());
  return 1;
}
