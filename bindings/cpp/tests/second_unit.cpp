// The header in a second translation unit of the same program: it must link, and both units must mean
// the same things.
#include <mproc.hpp>
#include <mproc.hpp>  // twice: the include guard

#include <chrono>
#include <cstring>
#include <mutex>

const std::error_category* second_unit_category() { return &mproc::category(); }

int second_unit_work(mproc::value<int>& counter, mproc::array<int>& numbers, mproc::queue& lines, mproc::pipe& ends) {
  counter += 1;
  numbers.at(0) += 1;
  mproc::queue::reservation line = lines.reserve(20);
  std::memcpy(line.data(), "from the second unit", line.size());
  line.commit();
  ends.end0.send("likewise");
  mproc::mutex own;
  own.lock();
  own.unlock();
  mproc::condition ready;
  std::unique_lock lock(ready.mutex());
  ready.wait(lock, [&] { return mproc::barrier(1).arrive_and_wait([&] { ready.notify_one(); }) == 0; });
  mproc::dict words{{"one", 1}, {"more", mproc::new_list}};
  words.get_list("more").append({2, nullptr});
  for (const auto& [word, meaning] : words) {
    if (mproc::datum(word).is_nil() || meaning.is_nil()) return -1;
  }
  if (++words["one"] != 2) return -1;
  auto office = mproc::manager::start();
  office.register_procedure("same", [](const mproc::datum& x) { return x; });
  mproc::operation_batch batch(office);
  mproc::list there(office.domain(), {1});
  batch.append(there, 2);
  batch.run();
  if (office.call("same", there.size()) != 2) return -1;
  if (!mproc::wait_for({mproc::on_readable(lines), mproc::on_change(counter, 0)}, std::chrono::seconds(0))) return -1;
  return counter;
}

void second_unit_throws() { mproc::mutex::open("no-such-lock"); }
