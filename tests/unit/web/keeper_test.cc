// The thread of the past: what is handed over is written in order and answered, and nobody waits for it.
#include "web/past/keeper.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "web/past/file_system.h"

using namespace warren;
using namespace warren::web;

namespace {

// Until `count` pieces of news are there.
std::vector<PastKeeper::News> wait_for(PastKeeper& keeper, std::size_t count) {
    std::vector<PastKeeper::News> out;
    while (out.size() < count) {
        pollfd waiting{keeper.fd(), POLLIN, 0};
        REQUIRE(::poll(&waiting, 1, 20'000) == 1);
        for (PastKeeper::News& one : keeper.take()) out.push_back(std::move(one));
    }
    return out;
}

}  // namespace

TEST_CASE("what is written is in the answers of later questions, and too many questions are refused") {
    REQUIRE(PastFiles::start_sqlite());
    PastKeeper keeper;
    keeper.open(UniqueFd(::memfd_create("past", 0)), UniqueFd(::memfd_create("past-wal", 0)));
    REQUIRE(std::get<PastKeeper::Restored>(wait_for(keeper, 1)[0]).past);
    PastBatch batch;
    batch.events = {{7, {7000}, EventKind::kOnline, "acme", "graz", {}, {}, {}}};
    keeper.write(batch, {{}, {7000}});
    CHECK(keeper.is_writing());
    std::size_t asked = 0;
    while (keeper.ask(asked, EventQuestion{})) ++asked;
    CHECK(asked == PastKeeper::kMostQuestions);
    const auto news = wait_for(keeper, 1 + asked);
    CHECK(std::get<PastKeeper::Written>(news[0]).status);
    CHECK(!keeper.is_writing());
    const auto& last = std::get<PastKeeper::Answered>(news.back());
    CHECK(last.id == asked - 1);
    CHECK(std::get<std::vector<Event>>(*last.answer).at(0).id == 7);
    CHECK(keeper.ask(asked, EventQuestion{}));
    keeper.stop(std::chrono::seconds(20));
}

TEST_CASE("without a database, or with a useless one, every question has an answer that says so") {
    REQUIRE(PastFiles::start_sqlite());
    PastKeeper keeper;
    UniqueFd broken(::memfd_create("past", 0));
    const std::string text(8192, 'x');
    REQUIRE(::pwrite(broken.get(), text.data(), text.size(), 0) == 8192);
    keeper.open(std::move(broken), UniqueFd(::memfd_create("past-wal", 0)));
    const auto opened = wait_for(keeper, 1);
    REQUIRE(!std::get<PastKeeper::Restored>(opened[0]).past);
    CHECK(std::get<PastKeeper::Restored>(opened[0]).past.error().code == ErrorCode::kInvalid);
    REQUIRE(keeper.ask(1, EventQuestion{}));
    CHECK(!std::get<PastKeeper::Answered>(wait_for(keeper, 1)[0]).answer);
    keeper.write({}, {});
    CHECK(!std::get<PastKeeper::Written>(wait_for(keeper, 1)[0]).status);
    keeper.stop(std::chrono::seconds(20));
}
