// The demo's worker in C++: counts, sends and receives letters, answers questions, sells in the shop of a manager, and
// plays the one who dies with the lock. The director starts it; see director.c.
#include "scene.h"

#include <mproc.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

void say(const std::string& line) { std::cout << line << std::endl; }

void await_cue(const mproc::value<std::int32_t>& cue, int wanted) {
  while (cue.load() < wanted) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// One round: 1 is added to every cell. Whoever dies in the middle leaves them unequal.
void play_round(mproc::array<std::int64_t>& board) {
  const std::lock_guard guard(board.mutex());
  if (board.mutex().recovered()) {
    int changed = 0;
    // Cells are changed in order: the last one is still the old.
    for (; changed < CELLS && board[changed] != board[CELLS - 1]; ++changed) board[changed] = board[CELLS - 1];
    say("I have the lock, with the news that its holder died inside. It had changed " + std::to_string(changed) + " of " +
        std::to_string(CELLS) + " cells: I take that back.");
    say("@repaired " + std::to_string(changed));
  }
  for (const auto cell : board) {
    if (cell != board[0]) throw std::runtime_error("the board is torn");
  }
  for (auto& cell : board) ++cell;
}

void count(int additions, int rounds) {
  auto counter = mproc::value<std::int64_t>::open(COUNTER);
  auto cue = mproc::value<std::int32_t>::open(CUE);
  auto board = mproc::array<std::int64_t>::open(BOARD);
  for (int i = 0; i < additions; ++i) ++counter;
  for (int i = 0; i < rounds; ++i) {
    if (i == rounds / 2) {
      say(std::to_string(additions) + " additions and " + std::to_string(i) + " rounds on the board are done.");
      say("@half");
      await_cue(cue, CUE_GO_ON);
    }
    play_round(board);
  }
  say("All " + std::to_string(rounds) + " rounds are done.");
}

// Plays some rounds, and then never lets go of the lock, in the middle of a round.
[[noreturn]] void hold(int rounds) {
  auto cue = mproc::value<std::int32_t>::open(CUE);
  auto board = mproc::array<std::int64_t>::open(BOARD);
  for (int i = 0; i < rounds; ++i) play_round(board);
  say("My " + std::to_string(rounds) + " rounds on the board are done, I start one more.");
  say("@half");
  await_cue(cue, CUE_GRAB);
  board.mutex().lock();
  for (int i = 0; i < HALF_DONE; ++i) ++board[i];
  say("I hold the board's lock and have changed " + std::to_string(HALF_DONE) + " of " + std::to_string(CELLS) + " cells ...");
  say("@holding");
  for (;;) pause();
}

void send_letters(int sender, int letters) {
  auto mail = mproc::queue::open(MAIL);
  for (letter_t letter{sender, 0}; letter.number < letters; ++letter.number) mail.put({&letter, sizeof letter});
  say("All " + std::to_string(letters) + " letters are posted.");
}

// Receives until the post office closes. At letter `pause_at` of sender `doomed` it waits for the cue: so that
// sender cannot come to the end of its batch before the director has killed it.
void receive_letters(int width, int doomed, int pause_at) {
  auto mail = mproc::queue::open(MAIL);
  auto ledger = mproc::array<std::int32_t>::open(LEDGER);
  auto cue = mproc::value<std::int32_t>::open(CUE);
  int latest[3] = {-1, -1, -1};
  int taken = 0;
  while (const auto message = mail.next()) {
    letter_t letter{-1, -1};
    if (message->size() == sizeof letter) std::memcpy(&letter, message->data(), sizeof letter);
    if (letter.sender < 0 || letter.sender > 2 || letter.number <= latest[letter.sender] || letter.number >= width) {
      throw std::runtime_error("a letter is out of order");
    }
    latest[letter.sender] = letter.number;
    __atomic_fetch_add(&ledger.at(letter.sender, letter.number), 1, __ATOMIC_RELAXED);
    ++taken;
    if (letter.sender == doomed && letter.number >= pause_at) await_cue(cue, CUE_MAIL);
  }
  say("The post office is closed; I took " + std::to_string(taken) + " letters.");
  say("@taken " + std::to_string(taken));
}

// Answers each number with its square, until nobody asks any more.
void answer_questions(const std::string& name) {
  auto questioner = mproc::pipe_end::open(name, 1);
  int answers = 0;
  while (const auto question = questioner.next()) {
    std::int64_t number = 0;
    if (question->size() != sizeof number) throw std::runtime_error("not a number");
    std::memcpy(&number, question->data(), sizeof number);
    number *= number;
    questioner.send({&number, sizeof number});
    ++answers;
  }
  say("The pipe has come to its end; I gave " + std::to_string(answers) + " answers.");
  say("@answered " + std::to_string(answers));
}

// One sale: a line in the book, and the sum. Whoever dies in the middle leaves the book longer than the sum says.
void sell_one(mproc::mutex& till, mproc::list& book, mproc::dict& sums, const std::string& name) {
  const std::lock_guard guard(till);
  const std::int64_t sales = sums[SALES];
  if (till.recovered()) {
    int lines = 0;
    for (; static_cast<std::int64_t>(book.size()) > sales; ++lines) book.pop();
    say("I have the till, with the news that its holder died inside. Lines too many in the book: " +
        std::to_string(lines) + ". I strike them out.");
    say("@repaired " + std::to_string(lines));
  }
  if (static_cast<std::int64_t>(book.size()) != sales) throw std::runtime_error("the book and the sum differ");
  book.append(name);
  sums[SALES] = sales + 1;
}

void sell(const std::string& address, const std::string& key, const std::string& name, int visits, int sales) {
  auto manager = mproc::manager::connect(address, mproc::key::load(key));
  auto till = mproc::mutex::open(manager.domain(), TILL);
  auto book = mproc::list::open(manager.domain(), BOOK);
  auto sums = mproc::dict::open(manager.domain(), SUMS);
  auto go_on = mproc::event::open(manager.domain(), GO_ON);
  for (int i = 0; i < visits; ++i) ++sums[VISITS];
  for (int i = 0; i < sales; ++i) {
    if (i == sales / 2) {
      say(std::to_string(visits) + " visits and " + std::to_string(i) + " sales are done" +
          (sums.is_remote() ? ", each step a request." : ", in the memory itself."));
      say("@half");
      go_on.wait();
    }
    sell_one(till, book, sums, name);
  }
  say("All " + std::to_string(sales) + " sales are done.");
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string role = argc > 1 ? argv[1] : "";
  const auto number = [&](int i) { return i + 2 < argc ? std::atoi(argv[i + 2]) : 0; };
  if (role == "count") {
    count(number(0), number(1));
  } else if (role == "hold") {
    hold(number(0));
  } else if (role == "send") {
    send_letters(number(0), number(1));
  } else if (role == "receive") {
    receive_letters(number(0), number(1), number(2));
  } else if (role == "answer" && argc > 2) {
    answer_questions(argv[2]);
  } else if (role == "sell" && argc > 6) {
    sell(argv[2], argv[3], argv[4], number(3), number(4));
  } else {
    std::cerr << argv[0] << " is started by the director\n";
    return 2;
  }
  return 0;
} catch (const std::exception& e) {
  say(e.what());
  return 1;
}
