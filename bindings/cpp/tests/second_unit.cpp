// The header in a second translation unit of the same program: it must link, and both units must mean
// the same things.
#include <mproc.hpp>
#include <mproc.hpp>  // twice: the include guard

const std::error_category* second_unit_category() { return &mproc::category(); }

int second_unit_work(mproc::value<int>& counter, mproc::array<int>& numbers, mproc::queue& lines) {
  counter += 1;
  numbers.at(0) += 1;
  lines.put("from the second unit");
  mproc::mutex own;
  own.lock();
  own.unlock();
  return counter;
}

void second_unit_throws() { mproc::mutex::open("no-such-lock"); }
