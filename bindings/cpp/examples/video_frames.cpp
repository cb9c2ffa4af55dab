// Video frames from one process to another without a copy: the camera paints each frame where the viewer reads
// it. Two frames fit into the pipe, so the camera works on the next one while the viewer looks at this one.
//
//   c++ -std=c++17 video_frames.cpp -o video_frames $(pkg-config --cflags --libs mproc)
//
// prints
//   8 frames of 6220800 bytes, all intact
#include <mproc.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <system_error>

namespace {

constexpr int frames = 8;
constexpr std::size_t frame_bytes = std::size_t{1920} * 1080 * 3;

// Every byte depends on the frame and on its place, so that what is missing, shifted or mixed up shows.
std::byte pixel(int frame, std::size_t place) {
  return static_cast<std::byte>(place * 31 + (place >> 8) + static_cast<std::size_t>(frame) * 17);
}

void camera(mproc::pipe_end& viewer) {
  for (int frame = 0; frame < frames; ++frame) {
    auto picture = viewer.reserve(frame_bytes);
    for (std::size_t i = 0; i < picture.size(); ++i) picture.data()[i] = pixel(frame, i);
    picture.commit();
  }
}

bool intact(const mproc::pipe_end::message& picture, int frame) {
  if (picture.size() != frame_bytes) return false;
  for (std::size_t i = 0; i < picture.size(); ++i) {
    if (picture.data()[i] != pixel(frame, i)) return false;
  }
  return true;
}

}  // namespace

int main() try {
  mproc::pipe_options options;
  options.one_way = true;
  options.capacity_bytes = 2 * (frame_bytes + 8);
  auto [in, out] = mproc::pipe(options);

  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    in.close();
    camera(out);
    _exit(EXIT_SUCCESS);
  }
  out.close();

  int seen = 0, good = 0;
  while (auto picture = in.next_message()) {  // until the camera is gone and nothing is left
    if (intact(*picture, seen)) ++good;
    ++seen;
    picture->release();
  }
  waitpid(child, nullptr, 0);
  std::cout << seen << " frames of " << frame_bytes << " bytes, ";
  if (seen == frames && good == frames) {
    std::cout << "all intact\n";
    return EXIT_SUCCESS;
  }
  std::cout << good << " of " << frames << " intact\n";
  return EXIT_FAILURE;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
