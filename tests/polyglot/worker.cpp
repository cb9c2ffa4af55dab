// The worker in C++. What the commands mean is said in agreed.h.
#include "worker.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>

namespace {

using namespace worker;

// ---- answers ----

std::string word_of(const mproc::error& e) {
  static const std::map<mproc::errc, const char*> known{
      {mproc::errc::timed_out, "timeout"},     {mproc::errc::canceled, "canceled"},  {mproc::errc::closed, "closed"},
      {mproc::errc::type_mismatch, "type"},    {mproc::errc::wrong_kind, "kind"},    {mproc::errc::not_found, "notfound"},
      {mproc::errc::already_exists, "exists"}, {mproc::errc::out_of_range, "range"}, {mproc::errc::too_big, "toobig"},
      {mproc::errc::not_owner, "notholder"},   {mproc::errc::end_of_file, "eof"},    {mproc::errc::broken_pipe, "broken"},
      {mproc::errc::overflow, "overflow"},     {mproc::errc::not_supported, "unsupported"},
      {mproc::errc::broken_barrier, "shattered"}};
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

// ---- words of a command ----

std::uint64_t bits_of(const std::string& word) { return std::stoull(word, nullptr, 16); }

std::uint64_t schema_of(const std::string& word) {
  return word == "agreed" ? SCHEMA_AGREED : word == "other" ? SCHEMA_OTHER : 0;
}

// ---- lock ----

struct any_lock {
  virtual ~any_lock() = default;
  virtual std::string take(std::int64_t ms) = 0;
  virtual std::string cancel(milliseconds after) = 0;
  virtual void give() = 0;
  virtual std::string owner() = 0;
  virtual std::string count() = 0;
  virtual mproc::lock_ref reference() = 0;
  virtual mproc::handle export_handle() = 0;
  virtual mproc::wait_item on_free() = 0;
  virtual void add_slowly(mproc::value<std::int64_t>& plain, std::int64_t count) = 0;
};

template <class Object>
class lock_of final : public any_lock {
 public:
  explicit lock_of(Object object) : object_(std::move(object)) {}

  std::string take(std::int64_t ms) override {
    if constexpr (is_recursive) return take_level(ms);
    else return worker::take(mutex(), ms);
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
  std::string count() override {
    if constexpr (is_recursive) return std::to_string(object_.info().count);
    else wrong("not recursive");
  }
  mproc::lock_ref reference() override {
    if constexpr (is_recursive || is_mutex) return object_;
    else wrong("not for conditions");
  }
  mproc::handle export_handle() override { return object_.export_handle(); }
  mproc::wait_item on_free() override {
    if constexpr (is_recursive || is_mutex) return mproc::on_free(object_);
    else wrong("not to be waited for");
  }
  void add_slowly(mproc::value<std::int64_t>& plain, std::int64_t count) override {
    for (; count > 0; --count) {
      const std::lock_guard guard(mutex());
      plain.store(plain.load() + 1);
    }
  }

 private:
  static constexpr bool is_mutex = std::is_same_v<Object, mproc::mutex>;
  static constexpr bool is_recursive = std::is_same_v<Object, mproc::recursive_mutex>;

  auto& mutex() {
    if constexpr (is_mutex || is_recursive) return object_;
    else return object_.mutex();
  }

  // recovered() lasts as long as the first level; the answer is about this one only.
  std::string take_level(std::int64_t ms) {
    bool told = false;
    object_.on_recovered([&] { told = true; });
    const auto how = worker::take(object_, ms);
    object_.on_recovered({});
    if (told && how != "recovered") wrong("wrong: told, but " + how);
    return how == "recovered" && !told ? "held" : how;
  }

  Object object_;
};

std::unique_ptr<any_lock> lock;

template <class Object>
void set_lock(Object object) {
  lock = std::make_unique<lock_of<Object>>(std::move(object));
}

std::string open_lock(const mproc::handle& from) {
  lock.reset();
  if (from.kind() == mproc::object_kind::rlock) set_lock(mproc::recursive_mutex::open(from));
  else set_lock(mproc::mutex::open(from));
  return "ok";
}

std::string do_lock(const words& w) {
  if (w[1] == "create" || w[1] == "open") {
    using value = mproc::value<std::int32_t>;
    using array = mproc::array<std::int32_t>;
    const bool create = w[1] == "create";
    if (w[2] == "lock" || w[2] == "any") {
      mproc::mutex_options options;
      options.any_release = w[2] == "any";
      set_lock(!create       ? mproc::mutex::open(w[3])
               : w[3] == "-" ? mproc::mutex(options)
                             : mproc::mutex::create(w[3], options));
    } else if (w[2] == "rlock") {
      using recursive = mproc::recursive_mutex;
      set_lock(!create ? recursive::open(w[3]) : w[3] == "-" ? recursive() : recursive::create(w[3]));
    } else if (w[2] == "value") set_lock(create ? value::create(w[3]) : value::open(w[3]));
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
  if (w[1] == "count") return lock->count();
  if (w[1] == "send") return send_handle(w[2], lock->export_handle()), "ok";
  if (w[1] == "receive") return open_lock(receive_handle(w[2]));
  if (w[1] == "spawn") return spawn(w, lock->export_handle());
  if (w[1] == "inherit") return open_lock(mproc::inherited(GIVEN));
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
  virtual bool wait(std::uint64_t bits, std::int64_t ms) = 0;
  virtual void wait(std::uint64_t bits, mproc::cancel_ref cancel) = 0;
  virtual bool wait_notified(std::int64_t ms) = 0;
  virtual void wait_notified(mproc::cancel_ref cancel) = 0;
  virtual void notify(const std::string& count) = 0;
  virtual mproc::wait_item on_change(std::uint64_t bits) = 0;
  virtual mproc::wait_item on_notified() = 0;
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

  bool wait(std::uint64_t bits, std::int64_t ms) override {
    if (ms >= 0) return value_.wait_for(from_bits<T>(bits), milliseconds(ms));
    value_.wait(from_bits<T>(bits));
    return true;
  }
  void wait(std::uint64_t bits, mproc::cancel_ref cancel) override { value_.wait(from_bits<T>(bits), cancel); }
  bool wait_notified(std::int64_t ms) override {
    if (ms >= 0) return value_.wait_notified_for(milliseconds(ms));
    value_.wait_notified();
    return true;
  }
  void wait_notified(mproc::cancel_ref cancel) override { value_.wait_notified(cancel); }
  void notify(const std::string& count) override {
    if (count == "all") value_.notify_all();
    else value_.notify(static_cast<std::uint32_t>(number(count)));
  }
  mproc::wait_item on_change(std::uint64_t bits) override { return mproc::on_change(value_, from_bits<T>(bits)); }
  mproc::wait_item on_notified() override { return mproc::on_notified(value_); }

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
  } else if (w[1] == "wait") {
    const auto ms = number(w[3]);
    if (w[2] == "any") return value->wait_notified(ms) ? "notified" : "error timeout";
    return value->wait(bits_of(w[2]), ms) ? "changed" : "error timeout";
  } else if (w[1] == "cancel") {
    const canceller in_time{milliseconds(number(w[3]))};
    if (w[2] == "any") return value->wait_notified(in_time.token), "notified";
    return value->wait(bits_of(w[2]), in_time.token), "changed";
  } else if (w[1] == "notify") value->notify(w[2]);
  else value.reset();
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

// ---- queue, pipe: what both can do ----

std::unique_ptr<mproc::queue> queue;
std::unique_ptr<mproc::pipe_end> near_end, far_end;  // far_end: that of a pair, until it is handed over

template <class Channel>
inline constexpr bool is_queue = std::is_same_v<Channel, mproc::queue>;

bool put(mproc::queue& to, const std::string& one, std::int64_t ms) {
  if (ms < 0) return to.put(one), true;
  return ms == 0 ? to.try_put(one) : to.try_put_for(one, milliseconds(ms));
}

bool put(mproc::pipe_end& to, const std::string& one, std::int64_t ms) {
  if (ms < 0) return to.send(one), true;
  return ms == 0 ? to.try_send(one) : to.try_send_for(one, milliseconds(ms));
}

std::optional<std::string> get(mproc::queue& from, std::int64_t ms) {
  return ms < 0 ? from.next() : ms == 0 ? from.try_get() : from.try_get_for(milliseconds(ms));
}

std::optional<std::string> get(mproc::pipe_end& from, std::int64_t ms) {
  return ms < 0 ? from.next() : ms == 0 ? from.try_recv() : from.try_recv_for(milliseconds(ms));
}

std::optional<mproc::leased<>> lease(mproc::queue& from, std::int64_t ms) {
  return ms < 0 ? from.next_lease() : ms == 0 ? from.try_lease() : from.try_lease_for(milliseconds(ms));
}

template <class Channel>
std::optional<typename Channel::message> peek(Channel& from, std::int64_t ms) {
  return ms < 0 ? from.next_message() : ms == 0 ? from.try_peek() : from.try_peek_for(milliseconds(ms));
}

template <class Channel>
std::optional<typename Channel::reservation> reserve(Channel& in, std::size_t size, std::int64_t ms) {
  if (ms < 0) return in.reserve(size);
  return ms == 0 ? in.try_reserve(size) : in.try_reserve_for(size, milliseconds(ms));
}

// What it means that there was nothing: next() and the like say so when there will be no more.
template <class Channel>
std::string nothing(std::int64_t ms) {
  return ms >= 0 ? "timeout" : is_queue<Channel> ? "closed" : "eof";
}

// Sleeps with the descriptor, or without one (-1) until the item is ready; false: that was not in time.
bool nap(int fd, const mproc::wait_item& item, deadline end) {
  if (fd >= 0) return poll_until(fd, end);
  return bool(end ? mproc::wait_until({item}, *end) : mproc::wait({item}));
}

// As one does with a socket that does not block: tries, and sleeps when that has found nothing.
template <class Channel>
bool put_trying(Channel& to, const std::string& one, std::int64_t ms, std::int64_t way) {
  const int fd = way == POLLED ? to.writable_fd() : -1;
  const auto end = deadline_of(ms);
  while (!put(to, one, 0)) {
    if (!nap(fd, mproc::on_writable(to, one.size()), end)) return false;
  }
  return true;
}

template <class Channel>
std::optional<std::string> get_trying(Channel& from, std::int64_t ms, std::int64_t way) {
  const int fd = way == POLLED ? from.readable_fd() : -1;
  const auto end = deadline_of(ms);
  try {
    for (;;) {
      if (auto one = get(from, 0)) return one;
      if (!nap(fd, mproc::on_readable(from), end)) return std::nullopt;
    }
  } catch (const mproc::error& e) {  // as next(), which has no limit either
    const bool over = e.code() == mproc::errc::closed || e.code() == mproc::errc::end_of_file;
    if (ms < 0 && over) return std::nullopt;
    throw;
  }
}

// Takes a message, has it looked at, and is done with it. False: there was none.
template <class Channel, class Look>
bool take(Channel& from, std::int64_t way, std::int64_t ms, Look look) {
  if (way == 0) {
    auto one = peek(from, ms);
    if (!one) return false;
    look(one->view());
    one->release();
    return true;
  }
  if constexpr (is_queue<Channel>) {
    if (way == -1) {
      auto one = lease(from, ms);
      if (!one) return false;
      look(one->value());
      one->ack();
      return true;
    }
  }
  const auto one = way < 0 ? get_trying(from, ms, way) : get(from, ms);
  if (one) look(*one);
  return one.has_value();
}

// ---- numbered messages ----

std::string message(std::uint64_t i) {
  std::string bytes(MAX_MESSAGE, '\0');
  bytes.resize(agreed_message(i, reinterpret_cast<unsigned char*>(bytes.data())));
  return bytes;
}

void expect_message(std::string_view bytes, std::uint64_t i) {
  if (bytes != message(i)) {
    wrong("wrong: " + std::to_string(bytes.size()) + " bytes instead of message " + std::to_string(i));
  }
}

// Reserves a little more than the message needs, and writes it.
template <class Channel>
std::optional<typename Channel::reservation> write_in_place(Channel& to, const std::string& one, std::int64_t ms) {
  auto room = reserve(to, one.size() + SLACK, ms);
  if (room) std::memcpy(room->data(), one.data(), one.size());
  return room;
}

// Puts some messages with one call, or one in place (0) or trying (< 0); gives how many are in: fewer than wanted when
// the time was up.
template <class Channel>
std::size_t put_batch(Channel& to, std::uint64_t from, std::int64_t way, std::int64_t ms) {
  if constexpr (is_queue<Channel>) {
    if (way > 1) {
      std::vector<std::string> messages;
      for (std::int64_t i = 0; i < way; ++i) messages.push_back(message(from + static_cast<std::uint64_t>(i)));
      return ms < 0    ? to.put_many(messages)
             : ms == 0 ? to.try_put_many(messages)
                       : to.try_put_many_for(messages, milliseconds(ms));
    }
  }
  const auto one = message(from);
  if (way < 0) return put_trying(to, one, ms, way);
  if (way == 1) return put(to, one, ms);
  auto room = write_in_place(to, one, ms);
  if (room) room->commit(one.size());
  return room.has_value();
}

template <class Channel>
std::string put_messages(Channel& to, std::uint64_t next, std::uint64_t end, std::int64_t ms, std::int64_t way) {
  try {
    while (next < end) {
      const auto count = std::min(static_cast<std::int64_t>(end - next), way);
      const auto done = put_batch(to, next, count, ms);
      next += done;
      const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(count, 1));
      if (done < wanted) return "error timeout " + std::to_string(next);
    }
  } catch (const mproc::batch_error& e) {
    return "error " + word_of(e) + " " + std::to_string(next + e.done());
  } catch (const mproc::error& e) {
    return "error " + word_of(e) + " " + std::to_string(next);
  }
  return "ok " + std::to_string(next);
}

template <class Channel>
std::string get_messages(Channel& from, std::uint64_t next, std::uint64_t end, std::int64_t ms, std::int64_t way,
                         bool may_miss = false) {
  try {
    while (next < end) {
      const auto look = [&](std::string_view bytes) {
        if (may_miss && bytes != message(next)) ++next;
        may_miss = false;
        expect_message(bytes, next++);
      };
      if (!take(from, way, ms, look)) return "error " + nothing<Channel>(ms) + " " + std::to_string(next);
    }
  } catch (const mproc::error& e) {
    return "error " + word_of(e) + " " + std::to_string(next);
  }
  return "ok " + std::to_string(next);
}

std::string get_batches(std::uint64_t next, std::uint64_t end, std::int64_t ms, std::size_t most) {
  try {
    while (next < end) {
      mproc::batch batch(std::min<std::uint64_t>(end - next, most), 100);
      const auto count = ms < 0    ? queue->get_many(batch)
                         : ms == 0 ? queue->try_get_many(batch)
                                   : queue->try_get_many_for(batch, milliseconds(ms));
      if (count == 0) return "error timeout " + std::to_string(next);
      for (const auto bytes : batch) expect_message(bytes, next++);
    }
  } catch (const mproc::error& e) {
    return "error " + word_of(e) + " " + std::to_string(next);
  }
  return "ok " + std::to_string(next);
}

// Runs rounds that say which message is the next one, for ever.
template <class Round>
[[noreturn]] void storm(const std::string& done_name, Round round) {
  auto done = mproc::value<std::uint64_t>::open(done_name);
  for (bool first = true;; first = false) {
    done.store(round());
    if (first) say("started");
  }
}

// ---- reservations and messages that are kept from one command to another ----

template <class Channel>
struct kept_of {
  std::map<std::uint64_t, typename Channel::reservation> reservations;
  std::map<std::uint64_t, typename Channel::message> messages;
  std::map<std::uint64_t, mproc::leased<>> leases;
};
template <class Channel>
kept_of<Channel> kept;

template <class Channel>
std::string keep(Channel& channel, const std::string& verb, std::uint64_t number, std::int64_t ms) {
  const auto add = [&](auto& all, auto one, std::string_view bytes) -> std::string {
    expect_message(bytes, number);
    const bool again = one->redelivered();
    all.emplace(number, std::move(*one));
    return again ? "recovered" : "taken";
  };
  if (verb == "reserve") {
    auto room = write_in_place(channel, message(number), ms);
    if (!room) return "error timeout";
    kept<Channel>.reservations.emplace(number, std::move(*room));
    return "ok";
  }
  if (verb == "peek") {
    auto one = peek(channel, ms);
    const auto bytes = one ? one->view() : std::string_view();
    return one ? add(kept<Channel>.messages, std::move(one), bytes) : "error " + nothing<Channel>(ms);
  }
  if constexpr (is_queue<Channel>) {
    auto one = lease(channel, ms);
    const std::string bytes = one ? one->value() : "";
    if (one) return add(kept<Channel>.leases, std::move(one), bytes);
  }
  return "error " + nothing<Channel>(ms);
}

template <class Channel>
void end_kept(const std::string& verb, std::uint64_t number) {
  auto& [reservations, messages, leases] = kept<Channel>;
  if (verb == "commit") reservations.extract(number).mapped().commit(message(number).size());
  else if (verb == "abort") reservations.extract(number).mapped().abort();
  else if (verb == "release") messages.extract(number).mapped().release();
  else if (verb == "ack") leases.extract(number).mapped().ack();
  else if (auto one = messages.extract(number)) one.mapped().put_back();
  else leases.extract(number).mapped().put_back();
}

// ---- jobs: messages for several workers ----

std::unique_ptr<mproc::array<std::uint32_t>> marks;

std::string job(std::uint64_t i) {
  std::string bytes(MAX_JOB, '\0');
  bytes.resize(agreed_job(i, reinterpret_cast<unsigned char*>(bytes.data())));
  return bytes;
}

// Checks a job, and counts it as done.
void do_job(std::string_view bytes) {
  std::uint64_t i = std::numeric_limits<std::uint64_t>::max();
  if (bytes.size() >= sizeof i) std::memcpy(&i, bytes.data(), sizeof i);
  if (i >= marks->size() || bytes != job(i)) wrong("wrong: " + std::to_string(bytes.size()) + " bytes are no job");
  count_mark(i);
}

template <class Channel>
std::string work(Channel& from, std::int64_t way) {
  std::uint64_t done = 0;
  for (; take(from, way, -1, do_job); ++done) {
    if constexpr (is_queue<Channel>) {
      if (way > 0) from.task_done();
    }
    if (done == 0) say("started");
  }
  return "ok " + std::to_string(done);
}

std::string do_marks(const words& w) {
  using array = mproc::array<std::uint32_t>;
  if (w[1] == "create" || w[1] == "open") {
    const auto count = static_cast<std::size_t>(number(w[3]));
    marks.reset();
    marks = std::make_unique<array>(w[1] == "open" ? array::open(w[2], count) : array::create(w[2], count));
    return "ok";
  }
  const auto all = marks->read();
  const auto never = std::count(all.begin(), all.end(), 0U);
  const auto again = std::count_if(all.begin(), all.end(), [](auto times) { return times > 1; });
  return std::to_string(never) + " " + std::to_string(again);
}

// ---- handles that travel ----

mproc::handle hand_over(const std::unique_ptr<mproc::queue>& from) { return from->export_handle(); }

// A pair's far end is handed over: it is the receiver's alone.
mproc::handle hand_over(const std::unique_ptr<mproc::pipe_end>& from) {
  const auto end = std::move(far_end);
  return (end ? end : from)->export_handle();
}

template <class Channel>
void open_handle(std::unique_ptr<Channel>& to, const mproc::handle& from) {
  to.reset();
  to = std::make_unique<Channel>(Channel::open(from));
}

// ---- queue and pipe ----

// What both have in common.
template <class Channel>
std::string do_channel(std::unique_ptr<Channel>& channel, const words& w) {
  const auto n = [&](std::size_t i) { return static_cast<std::uint64_t>(number(w.at(i))); };
  const auto& verb = w[1];
  if (verb == "put") return put_messages(*channel, n(2), n(2) + n(3), number(w[4]), number(w[5]));
  if (verb == "get" && number(w[5]) > 1) return get_batches(n(2), n(2) + n(3), number(w[4]), n(5));
  if (verb == "get") return get_messages(*channel, n(2), n(2) + n(3), number(w[4]), number(w[5]));
  if (verb == "resume") {
    return get_messages(*channel, n(2), std::numeric_limits<std::uint64_t>::max(), 0, 1, true);
  }
  if (verb == "storm") {
    storm(w[3], [&, next = n(2), way = number(w[4])]() mutable { return next += put_batch(*channel, next, way, -1); });
  }
  if (verb == "devour") {
    storm(w[3], [&, next = n(2)]() mutable {
      if (!take(*channel, 1, -1, [&](std::string_view bytes) { expect_message(bytes, next); })) wrong("no more");
      return ++next;
    });
  }
  if (verb == "reserve" || verb == "peek" || verb == "lease") return keep(*channel, verb, n(2), number(w[3]));
  if (verb == "commit" || verb == "abort" || verb == "release" || verb == "ack" || verb == "putback") {
    return end_kept<Channel>(verb, n(2)), "ok";
  }
  if (verb == "jobs") {
    for (std::uint64_t i = 0; i < n(2); ++i) put(*channel, job(i), -1);
    return "ok";
  }
  if (verb == "work") return work(*channel, number(w[2]));
  if (verb == "give") return send_handle(w[2], hand_over(channel)), "ok";
  if (verb == "take") return open_handle(channel, receive_handle(w[2])), "ok";
  if (verb == "spawn") return spawn(w, hand_over(channel));
  if (verb == "inherit") return open_handle(channel, mproc::inherited(GIVEN)), "ok";
  if (verb == "close") {
    kept<Channel> = {};
    channel.reset();
    return "ok";
  }
  return "unknown command: " + w[0] + " " + verb;
}

std::string do_queue(const words& w) {
  if (w[1] == "create" || w[1] == "open") {
    mproc::queue_options options;
    options.capacity_bytes = static_cast<std::uint64_t>(number(w[3]));
    options.lease = w[4] == "lease";
    options.joinable = w[4] == "joinable";
    options.pollable = w[4] == "pollable";
    queue.reset();
    queue = std::make_unique<mproc::queue>(w[1] == "open" ? mproc::queue::open(w[2], options)
                                           : w[2] == "-"  ? mproc::queue(options)
                                                          : mproc::queue::create(w[2], options));
    return "ok";
  }
  if (w[1] == "done") return queue->task_done(), "ok";
  if (w[1] == "join") {
    const auto ms = number(w[2]);
    const auto how = ms < 0    ? std::optional(queue->join())
                     : ms == 0 ? queue->try_join()
                               : queue->try_join_for(milliseconds(ms));
    return !how ? "error timeout" : *how == mproc::join_outcome::some_lost ? "recovered" : "ok";
  }
  if (w[1] == "produce") {
    queue = std::make_unique<mproc::queue>(queue->producer());
    return "ok";
  }
  if (w[1] == "cancel") {
    const canceller in_time{milliseconds(number(w[3]))};
    if (w[2] == "get") queue->get(in_time.token);
    else queue->put("x", in_time.token);
    return "ok";
  }
  if (w[1] == "shutdown") {
    queue->shutdown(w[2] == "immediate" ? mproc::shutdown_mode::immediate : mproc::shutdown_mode::graceful);
    return "ok";
  }
  if (w[1] == "size") return std::to_string(queue->size());
  if (w[1] == "info") return std::to_string(queue->info().steals) + " 0";
  return do_channel(queue, w);
}

std::string exchange(std::uint64_t out, std::uint64_t in, std::uint64_t count, std::int64_t put_way,
                     std::int64_t get_way) {
  std::string put_answer, get_answer;
  std::thread putter([&] { put_answer = put_messages(*near_end, out, out + count, -1, put_way); });
  try {
    get_answer = get_messages(*near_end, in, in + count, -1, get_way);
  } catch (const std::exception& e) {
    say(e.what());
    std::_Exit(1);  // the other thread may wait for ever
  }
  putter.join();
  if (get_answer.compare(0, 3, "ok ") != 0) return get_answer;
  return put_answer.compare(0, 3, "ok ") != 0 ? put_answer : "ok";
}

std::string do_pipe(const words& w) {
  const auto n = [&](std::size_t i) { return static_cast<std::uint64_t>(number(w.at(i))); };
  mproc::pipe_options options;
  if (w[1] == "create" || w[1] == "open") {
    using end = mproc::pipe_end;
    const auto which = static_cast<int>(number(w[4]));
    options.capacity_bytes = n(3);
    options.one_way = w[5] == "oneway";
    options.pollable = w[5] == "pollable";
    near_end.reset();
    near_end = std::make_unique<end>(w[1] == "open" ? end::open(w[2], which, options)
                                                    : end::create(w[2], which, options));
    return "ok";
  }
  if (w[1] == "pair") {
    options.capacity_bytes = n(2);
    mproc::pipe made(options);
    near_end = std::make_unique<mproc::pipe_end>(std::move(made.end0));
    far_end = std::make_unique<mproc::pipe_end>(std::move(made.end1));
    return "ok";
  }
  if (w[1] == "exchange") return exchange(n(2), n(3), n(4), number(w[5]), number(w[6]));
  if (w[1] == "poll") {
    const auto ms = number(w[2]);
    if (ms < 0) return near_end->poll(), "ok";
    return (ms == 0 ? near_end->try_poll() : near_end->try_poll_for(milliseconds(ms))) ? "ok" : "error timeout";
  }
  if (w[1] == "cancel") {
    const canceller in_time{milliseconds(number(w[3]))};
    if (w[2] == "get") near_end->recv(in_time.token);
    else near_end->send("x", in_time.token);
    return "ok";
  }
  if (w[1] == "peer") {
    const auto peer = near_end->info().peer;
    return peer == MPROC_PEER_AWAITED ? "awaited" : peer == MPROC_PEER_OPEN ? "open" : "gone";
  }
  if (w[1] == "size") {
    const auto info = near_end->info();
    return std::to_string(info.incoming) + " " + std::to_string(info.outgoing);
  }
  if (w[1] == "info") return std::to_string(near_end->info().steals) + " 0";
  return do_channel(near_end, w);
}

// ---- all commands ----

std::string answer(const words& w) {
  static const std::map<std::string, std::string (*)(const words&)> commands{
      {"lock", do_lock},           {"value", do_value},         {"record", do_record}, {"block", do_block},
      {"array", do_array},         {"cells", do_cells},         {"queue", do_queue},   {"pipe", do_pipe},
      {"rwlock", do_rwlock},       {"semaphore", do_semaphore}, {"event", do_event},   {"barrier", do_barrier},
      {"condition", do_condition}, {"marks", do_marks},         {"wait", do_wait},     {"dict", do_dict},
      {"list", do_list},           {"space", do_space}};
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

// ---- what worker.hpp promises ----

namespace worker {
namespace {

std::string program;  // this one, whose neighbours are the workers in other languages

class connection {
 public:
  explicit connection(int descriptor) : descriptor_(descriptor) {
    if (descriptor < 0) wrong(std::string("no connection: ") + std::strerror(errno));
  }
  ~connection() { close(descriptor_); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

void pass_gate(const std::string& name) {
  auto gate = mproc::value<std::int32_t>::create_or_open(name);
  ++gate;
  while (gate.load() < 2) std::this_thread::yield();
}

void count_mark(std::size_t i) { marks->set(i, marks->get(i) + 1); }

mproc::lock_ref lock_to_bind() { return lock->reference(); }

mproc::wait_item item_of(const std::string& thing, const std::string& rest) {
  const auto bytes = [&] { return static_cast<std::size_t>(number(rest)); };
  if (thing == "queue") return mproc::on_readable(*queue);
  if (thing == "room") return mproc::on_writable(*queue, bytes());
  if (thing == "pipe") return mproc::on_readable(*near_end);
  if (thing == "space") return mproc::on_writable(*near_end, bytes());
  if (thing == "hangup") return mproc::on_closed(*near_end);
  if (thing == "lock") return lock->on_free();
  if (thing == "permit") return on_permit();
  if (thing == "event") return on_event();
  if (thing == "value") return value->on_change(bits_of(rest));
  if (thing == "notified") return value->on_notified();
  wrong("unknown thing: " + thing);
}

void send_handle(const std::string& address, const mproc::handle& from) {
  const connection to(connect_to(address.c_str()));
  from.send(to.get());
}

mproc::handle receive_handle(const std::string& address) {
  const connection from(accept_at(address.c_str()));
  return mproc::handle::recv(from.get());
}

std::string spawn(const words& w, mproc::handle given) {
  std::vector<std::string> arguments{program.substr(0, program.rfind('-') + 1) + w[2]};
  for (std::size_t i = 3; i < w.size(); ++i) {
    if (w[i] == "/") arguments.emplace_back();
    else arguments.back() += w[i] + " ";
  }
  mproc::process child(arguments, {{GIVEN, std::move(given)}});
  return "ended " + std::to_string(child.wait().code);
}

}  // namespace worker

int main(int argc, char** argv) try {
  program = argv[0];
  for (int i = 1; i < argc; ++i) run(argv[i]);
  for (std::string line; argc == 1 && std::getline(std::cin, line);) run(line);
  return 0;
} catch (const std::exception& e) {
  say(e.what());
  return 1;
}
