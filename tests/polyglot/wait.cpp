// The worker's commands for waiting: for any of many things, and with descriptors.
#include "worker.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace worker {

std::string do_wait(const words& w) {
  words things;
  std::vector<mproc::wait_item> items;
  for (std::size_t i = 3; i < w.size() && !w[i].empty(); ++i) {
    const auto end = std::min(w[i].find('='), w[i].size());
    things.push_back(w[i].substr(0, end));
    items.push_back(item_of(things.back(), w[i].substr(std::min(end + 1, w[i].size()))));
  }
  const auto look = [&] {
    if (w[1] == "cancel") {
      const canceller in_time{milliseconds(number(w[2]))};
      return mproc::wait(items, in_time.token);
    }
    const auto ms = number(w[2]);
    return ms < 0 ? mproc::wait(items) : mproc::wait_for(items, milliseconds(ms));
  };
  const auto ready = look();
  if (!ready) return "error timeout";
  std::string all = "ready";
  for (const auto i : ready) all += " " + things.at(i);
  return all;
}

// ---- descriptors ----

deadline deadline_of(std::int64_t ms) {
  if (ms < 0) return std::nullopt;
  return std::chrono::steady_clock::now() + milliseconds(ms);
}

bool poll_until(int fd, deadline end) {
  for (;;) {
    int left = -1;
    if (end) {
      const auto rest = std::chrono::ceil<milliseconds>(*end - std::chrono::steady_clock::now()).count();
      left = static_cast<int>(std::max<std::int64_t>(rest, 0));
    }
    pollfd one{fd, POLLIN, 0};
    const int count = poll(&one, 1, left);
    if (count == 1) {
      if ((one.revents & POLLIN) == 0) wrong("the descriptor is broken: " + std::to_string(one.revents));
      return true;
    }
    if (count < 0 && errno != EINTR) wrong(std::string("poll: ") + std::strerror(errno));
    if (count == 0 && left == 0) return false;
  }
}

}  // namespace worker
