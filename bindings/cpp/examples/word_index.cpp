// Two processes index texts: a shared dict counts the words, and has a list inside for each word, of the places where
// it stands. Adding to a count and appending to a list are atomic, so the workers need no lock.
//
//   c++ -std=c++17 word_index.cpp -o word_index $(pkg-config --cflags --libs mproc)
//
// prints
//   4 texts, 24 words, 9 of them different
//   sea stands 4 times: [["harbour",2],["harbour",5],["night",6],["storm",2]]
//   ship stands 3 times: [["harbour",6],["night",2],["storm",6]]
//   The counts as JSON: {"a":1,"and":1,"at":1,"over":1,"quiet":2,"sea":4,"ship":3,"the":9,"wind":2}
#include <mproc.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

void index_texts(mproc::list& texts, mproc::dict& counts, mproc::dict& places) {
  // Each text goes to one of the workers: what is popped, nobody else gets.
  while (const auto text = texts.try_pop(0)) {
    const auto name = (*text)["name"].as<std::string>();
    std::istringstream words((*text)["content"].as<std::string>());
    std::string word;
    for (int position = 1; words >> word; ++position) {
      ++counts[word];                            // a word that was not there counts as 0
      places.append_to(word, {name, position});  // makes the list if it was not there
    }
  }
}

void show(const mproc::dict& counts, const mproc::dict& places, const std::string& word) {
  auto where = places.get_list(word);
  where.sort();  // the workers have come by in any order
  std::cout << word << " stands " << counts[word] << " times: " << where.to_json() << '\n';
}

}  // namespace

int main() try {
  using map = mproc::datum::map;
  mproc::list texts{map{{"name", "harbour"}, {"content", "the sea and the sea ship"}},
                    map{{"name", "night"}, {"content", "a ship at the quiet sea"}},
                    map{{"name", "storm"}, {"content", "the sea over the wind ship"}},
                    map{{"name", "wind"}, {"content", "the quiet the the the wind"}}};
  const std::size_t total = texts.size();
  mproc::dict counts, places;

  std::vector<pid_t> workers;
  for (int i = 0; i < 2; ++i) {
    const pid_t worker = fork();
    if (worker < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (worker == 0) {
      try {
        index_texts(texts, counts, places);
        _exit(EXIT_SUCCESS);
      } catch (const std::exception& e) {
        std::cerr << "worker: " << e.what() << '\n';
        _exit(EXIT_FAILURE);
      }
    }
    workers.push_back(worker);
  }
  for (const pid_t worker : workers) {
    int status = 0;
    if (waitpid(worker, &status, 0) != worker || status != 0) throw std::runtime_error("a worker failed");
  }

  int words = 0;
  for (const int count : counts.values<int>()) words += count;
  std::cout << total << " texts, " << words << " words, " << counts.size() << " of them different\n";
  show(counts, places, "sea");
  show(counts, places, "ship");
  auto sorted = counts.items();
  std::sort(sorted.begin(), sorted.end());
  std::cout << "The counts as JSON: " << mproc::datum(sorted) << '\n';
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return EXIT_FAILURE;
}
