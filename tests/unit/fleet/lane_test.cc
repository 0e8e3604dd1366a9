// What is asked of stackd and BIRD, and in which order: a slow BIRD must not let a group end that is served already.
#include "fleet/rim/lane.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "fleet/rim/control.h"

namespace warren::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What happened, in order; others wait for it.
class Book {
  public:
    void note(const std::string& what) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(what);
        change_.notify_all();
    }
    bool has(const std::string& what, std::size_t times, milliseconds patience) {
        std::unique_lock lock(mutex_);
        return change_.wait_for(lock, patience, [&] {
            return static_cast<std::size_t>(std::count(lines_.begin(), lines_.end(), what)) >= times;
        });
    }
    std::vector<std::string> lines() {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable change_;
    std::vector<std::string> lines_;
};

// Answers the first request, and none after it.
class SlowBird {
  public:
    explicit SlowBird(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.c_str(), path.size());
        REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(socket_.get(), 8) == 0);
        thread_ = std::thread([this] {
            const UniqueFd first(::accept(socket_.get(), nullptr, nullptr));
            const std::string greeting = "0001 BIRD is ready.\n";
            const std::string answer = "0003 Reconfigured\n";
            std::array<char, 64> order{};
            (void)!::write(first.get(), greeting.data(), greeting.size());
            (void)!::read(first.get(), order.data(), order.size());
            is_told = true;
            (void)!::write(first.get(), answer.data(), answer.size());
        });
    }
    ~SlowBird() { thread_.join(); }
    std::atomic<bool> is_told = false;

  private:
    UniqueFd socket_;
    std::thread thread_;
};

struct Room {
    explicit Room(bool has_bird = true) {
        std::string name = "/tmp/warren-lane-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        directory = name;
        if (has_bird) start_bird();
        auto listening = Control::listen(directory + "/fleet.sock", [this](const ipc::ControlRequest& request) {
            const bool stops = request.verb == ipc::ControlVerb::kGroupStop;
            if (stops || request.verb == ipc::ControlVerb::kGroupServe)
                book.note((stops ? "stop " : "serve ") + std::to_string(request.group));
            return ControlReply{{}, 0, ""};
        });
        REQUIRE(listening);
        stackd = std::move(*listening);
        lane = std::make_unique<Lane>(
            Lane::Options{directory + "/fleet.sock", directory, directory + "/bird.ctl",
                          [this](GroupNumber group, std::uint64_t) { book.note("stopped " + std::to_string(group)); },
                          [this](GroupNumber group, bool is_done) {
                              book.note((is_done ? "served " : "failed ") + std::to_string(group));
                          }});
    }
    ~Room() {
        lane.reset();
        stackd.reset();
        bird.reset();
        std::filesystem::remove_all(directory);
    }
    void start_bird() { bird = std::make_unique<SlowBird>(directory + "/bird.ctl"); }
    void serve(GroupNumber group, std::uint64_t epoch = 1) {
        Lane::Wish wish;
        wish.group = group;
        wish.serves = true;
        wish.epoch = epoch;
        wish.until = read_instant() + seconds(60);
        wish.addresses = {IpAddress::v4(192, 0, 2, static_cast<std::uint8_t>(16 + group))};
        lane->push(wish);
    }
    void stop(GroupNumber group) {
        Lane::Wish wish;
        wish.group = group;
        lane->push(wish);
    }

    std::string directory;
    Book book;
    std::unique_ptr<SlowBird> bird;
    std::unique_ptr<Control> stackd;
    std::unique_ptr<Lane> lane;
};

}  // namespace

TEST_CASE("a group that is served goes on while another one waits for BIRD") {
    Room room;
    room.serve(0);
    REQUIRE(room.book.has("served 0", 1, seconds(5)));
    room.serve(1);  // BIRD does not answer any more
    std::this_thread::sleep_for(milliseconds(50));
    room.serve(0);
    CHECK(room.book.has("served 0", 2, milliseconds(1000)));
    CHECK_FALSE(room.book.has("serve 1", 1, milliseconds(0)));
    CHECK(room.book.has("served 1", 1, seconds(5)));
    std::ifstream include(room.directory + "/bird.conf");
    std::ostringstream text;
    text << include.rdbuf();
    CHECK(text.str().find("192.0.2.16/32") != std::string::npos);
    CHECK(text.str().find("192.0.2.17/32") != std::string::npos);
}

TEST_CASE("what waits to be served is dropped by a stop, and nothing of the group follows it") {
    Room room;
    room.serve(0);
    REQUIRE(room.book.has("served 0", 1, seconds(5)));
    room.serve(1);  // keeps the changing side busy
    std::this_thread::sleep_for(milliseconds(50));
    room.serve(2);
    room.stop(2);
    room.stop(0);
    CHECK(room.book.has("stopped 0", 1, seconds(10)));
    CHECK(room.book.has("stopped 2", 1, seconds(10)));
    const auto lines = room.book.lines();
    CHECK(std::count(lines.begin(), lines.end(), "serve 2") == 0);
    CHECK(std::find(std::find(lines.begin(), lines.end(), "stop 0"), lines.end(), "serve 0") == lines.end());
}

TEST_CASE("with another epoch a group is announced anew before it is served") {
    Room room;
    room.serve(0, 1);
    REQUIRE(room.book.has("served 0", 1, seconds(5)));
    room.serve(0, 2);
    CHECK(room.book.has("served 0", 2, seconds(5)));
    std::ifstream include(room.directory + "/bird.conf");
    std::ostringstream text;
    text << include.rdbuf();
    CHECK(text.str().find("4294967293") != std::string::npos);  // of epoch 2
}

TEST_CASE("a BIRD that was not there for an order is told of it when it is") {
    Room room(false);
    room.serve(0);
    REQUIRE(room.book.has("served 0", 1, seconds(5)));  // it is served all the same
    room.start_bird();
    for (int i = 0; i < 200 && !room.bird->is_told; ++i) std::this_thread::sleep_for(milliseconds(50));
    CHECK(room.bird->is_told);
}

}  // namespace warren::fleet
