// What waits for a confirmation outlives stackd, and its files come back; the history is kept, and a disk that is full
// prevents nothing.
#include "stacks/confirmation.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "history/disk.h"
#include "room.h"
#include "stacks/history_keeper.h"

namespace warren::stacks {
namespace {

constexpr Duration kPatience = std::chrono::seconds(30);

config::Generation generation_of(const std::string& acme) {
    config::Generation out;
    out.text = "appliance";
    config::AcceptedCustomer accepted;
    accepted.customer.id = "acme";
    accepted.text = acme;
    out.customers.push_back(std::make_shared<const config::AcceptedCustomer>(std::move(accepted)));
    return out;
}

struct Place {
    Place() { std::filesystem::create_directories(config + "/customers"); }
    ~Place() { std::filesystem::remove_all(root); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    void put(const std::string& name, const std::string& text) const { std::ofstream(config + "/" + name) << text; }
    [[nodiscard]] std::string text(const std::string& name) const {
        std::ifstream file(config + "/" + name);
        std::stringstream out;
        out << file.rdbuf();
        return out.str();
    }
    std::uint64_t keep(const std::string& acme) {
        history.keep(generation_of(acme), {history::Origin::Kind::kStart, 0, "", ""}, {}, now);
        const auto number = history.settle(kPatience, now);
        REQUIRE(number);
        return *number;
    }
    // Until the files are written.
    static void finish(Confirmation& confirmation) {
        for (int i = 0; i < 3000 && confirmation.waiting(); ++i) {
            confirmation.run();
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        CHECK_FALSE(confirmation.waiting());
    }

    std::string root = fresh_directory();
    std::string config = root + "/etc";
    std::string state = root + "/state";
    Instant now{1};
    HistoryKeeper history{state};
};

TEST_CASE("what waits is found by the next stackd, and a confirmation ends it") {
    Place place;
    const std::uint64_t base = place.keep("old");
    Confirmation first(place.state, place.config);
    first.open();
    CHECK_FALSE(first.waiting());
    CHECK(first.problem().empty());
    REQUIRE(first.begin(base, std::chrono::minutes(5)));
    CHECK_FALSE(first.is_due());
    CHECK(first.problem().find("revision 1 comes back at") == 0);
    Confirmation second(place.state, place.config);
    second.open();
    REQUIRE(second.waiting());
    CHECK(*second.waiting() == *first.waiting());
    CHECK(second.left() > std::chrono::minutes(4));
    REQUIRE(second.confirm());
    Confirmation third(place.state, place.config);
    third.open();
    CHECK_FALSE(third.waiting());
}

TEST_CASE("an apply that fails puts back what waited before") {
    Place place;
    Confirmation confirmation(place.state, place.config);
    REQUIRE(confirmation.begin(place.keep("old"), std::chrono::minutes(5)));
    const auto before = confirmation.waiting();
    REQUIRE(confirmation.begin(place.keep("new"), std::chrono::hours(5)));
    CHECK(confirmation.waiting()->base == before->base);
    REQUIRE(confirmation.put_back(before));
    Confirmation next(place.state, place.config);
    next.open();
    CHECK(next.waiting() == before);
    REQUIRE(confirmation.put_back(std::nullopt));
    next.open();
    CHECK_FALSE(confirmation.waiting());
}

TEST_CASE("the base comes back with its files; what is in no revision is kept beside") {
    Place place;
    const std::uint64_t base = place.keep("old");
    (void)place.keep("new");
    place.put("warren.toml", "appliance");
    place.put("customers/acme.toml", "newer than new");
    place.put("customers/globex.toml", "a stranger");
    place.put("customers/notes.txt", "not ours");
    Confirmation confirmation(place.state, place.config);
    REQUIRE(confirmation.begin(base, Duration(0)));
    CHECK(confirmation.is_due());
    auto texts = confirmation.base_texts();
    REQUIRE(texts);
    CHECK(texts->customers.at("acme") == "old");
    confirmation.returned(std::move(*texts));
    CHECK_FALSE(confirmation.is_due());
    Place::finish(confirmation);
    CHECK(place.text("customers/acme.toml") == "old");
    CHECK(place.text("customers/notes.txt") == "not ours");
    CHECK_FALSE(std::filesystem::exists(place.config + "/customers/globex.toml"));
    std::size_t kept = 0;
    for (const auto& entry : std::filesystem::directory_iterator(place.config + "/customers"))
        kept += entry.path().filename().string().find(".toml.kept-") != std::string::npos ? 1U : 0U;
    CHECK(kept == 2);
    Confirmation next(place.state, place.config);
    next.open();
    CHECK_FALSE(next.waiting());
}

TEST_CASE("files that cannot be written are a problem, and whoever confirms leaves them") {
    Place place;
    Confirmation confirmation(place.state, place.config);
    REQUIRE(confirmation.begin(place.keep("old"), Duration(0)));
    std::filesystem::create_symlink("elsewhere", place.config + "/customers/acme.toml");
    confirmation.returned(*confirmation.base_texts());
    for (int i = 0; i < 3000 && confirmation.problem().find("cannot be written") == std::string::npos; ++i) {
        confirmation.run();
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(confirmation.problem().find("symbolic link") != std::string::npos);
    CHECK(confirmation.waiting()->is_returned);
    CHECK_FALSE(confirmation.is_due());
    // The next stackd goes on.
    Confirmation next(place.state, place.config);
    next.open();
    CHECK(next.is_due());
    REQUIRE(confirmation.confirm());
    CHECK(confirmation.problem().empty());
}

TEST_CASE("what was asked for early comes back also after a crash, and takes effect once") {
    Place place;
    Confirmation confirmation(place.state, place.config);
    REQUIRE(confirmation.begin(place.keep("old"), std::chrono::minutes(5)));
    CHECK_FALSE(confirmation.is_due());
    REQUIRE(confirmation.begin_return());
    CHECK(confirmation.is_due());
    CHECK_FALSE(confirmation.is_writing_files());
    Confirmation next(place.state, place.config);
    next.open();
    CHECK(next.is_due());
}

TEST_CASE("nothing waits for a base that cannot come back, nor without the number of this boot") {
    Place place;
    const std::uint64_t base = place.keep("old");
    Confirmation elsewhere(place.state, place.config, "");
    CHECK_FALSE(elsewhere.begin(base, std::chrono::minutes(5)));
    Confirmation confirmation(place.state, place.config);
    CHECK_FALSE(confirmation.begin(base + 1, std::chrono::minutes(5)));
    for (const auto& text : std::filesystem::directory_iterator(place.state + "/history/texts"))
        std::ofstream(text.path()) << "damaged";
    CHECK_FALSE(confirmation.begin(base, std::chrono::minutes(5)));
    CHECK_FALSE(confirmation.waiting());
    CHECK_FALSE(std::filesystem::exists(place.state + "/history/unconfirmed"));
}

TEST_CASE("a file that says what is not so, because a disk failed in the middle, is written anew") {
    Place place;
    Confirmation confirmation(place.state, place.config);
    REQUIRE(confirmation.begin(place.keep("old"), std::chrono::minutes(5)));
    const std::string path = place.state + "/history/unconfirmed";
    const std::string before = path + ".before";
    std::filesystem::rename(path, before);
    std::filesystem::create_directories(path + "/in-the-way");
    CHECK_FALSE(confirmation.confirm());
    CHECK(confirmation.waiting());
    std::filesystem::remove_all(path);  // as a confirmation that removed it and could not sync
    for (int i = 0; i < 3000 && confirmation.next_pause() < std::chrono::minutes(1); ++i) {
        confirmation.run();
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    Confirmation next(place.state, place.config);
    next.open();
    CHECK(next.waiting() == confirmation.waiting());
}

TEST_CASE("while another process writes to the store, no two write at once, and what is due does not wait for it") {
    Place place;
    Confirmation confirmation(place.state, place.config);
    REQUIRE(confirmation.begin(place.keep("old"), Duration(0)));
    auto lock = history::lock_store(place.state + "/history");
    REQUIRE(lock);
    place.history.keep(generation_of("new"), {}, {}, place.now);
    CHECK_FALSE(place.history.settle(std::chrono::milliseconds(200), place.now));
    CHECK_FALSE(place.history.in_force());
    CHECK(confirmation.is_due());
    confirmation.returned(*confirmation.base_texts());
    confirmation.run();
    CHECK(confirmation.waiting());
    lock->reset();
    REQUIRE(place.history.settle(kPatience, place.now));
    CHECK(place.history.in_force() == 2);
    std::ofstream(place.config + "/warren.toml") << "";
    Place::finish(confirmation);
}

TEST_CASE("all that waits for the disk has one patience together") {
    Place place;
    (void)place.keep("old");
    auto lock = history::lock_store(place.state + "/history");
    REQUIRE(lock);
    for (const char* text : {"1", "2", "3", "4", "5"}) place.history.keep(generation_of(text), {}, {}, place.now);
    const auto began = std::chrono::steady_clock::now();
    CHECK_FALSE(place.history.settle(std::chrono::milliseconds(200), place.now));
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::milliseconds(900));
    lock->reset();
    CHECK(place.history.settle(kPatience, place.now));
}

TEST_CASE("a damaged file of what waits is not used") {
    Place place;
    Confirmation confirmation(place.state, place.config);
    REQUIRE(confirmation.begin(place.keep("old"), std::chrono::minutes(5)));
    std::ofstream(place.state + "/history/unconfirmed", std::ios::app) << "x";
    Confirmation next(place.state, place.config);
    next.open();
    CHECK_FALSE(next.waiting());
    CHECK_FALSE(next.damage().empty());
    REQUIRE(next.begin(1, std::chrono::minutes(5)));
    CHECK(next.damage().empty());
}

TEST_CASE("a disk that takes nothing is a problem until it does, and then every revision is there") {
    Place place;
    CHECK(place.keep("one") == 1);
    std::filesystem::rename(place.state + "/history/texts", place.state + "/texts");
    std::ofstream(place.state + "/history/texts") << "in the way";
    for (const char* text : {"two", "three"}) place.history.keep(generation_of(text), {}, {}, place.now);
    CHECK_FALSE(place.history.settle(kPatience, place.now));
    CHECK_FALSE(place.history.problem().empty());
    CHECK(place.history.next_deadline() == place.now + HistoryKeeper::kRetryPause);
    std::filesystem::remove(place.state + "/history/texts");
    std::filesystem::rename(place.state + "/texts", place.state + "/history/texts");
    const auto last = place.history.settle(kPatience, place.now);
    REQUIRE(last);
    CHECK(*last == 3);
    CHECK(place.history.problem().empty());
}

TEST_CASE("a history that waits for its disk says so before it loses a revision") {
    Place place;
    CHECK(place.keep("one") == 1);
    std::filesystem::rename(place.state + "/history/texts", place.state + "/texts");
    std::ofstream(place.state + "/history/texts") << "in the way";
    for (std::size_t i = 0; i < HistoryKeeper::kMostWaiting / 2; ++i) {
        CHECK_FALSE(place.history.is_behind());
        place.history.keep(generation_of(std::to_string(i)), {}, {}, place.now);
    }
    CHECK(place.history.is_behind());
}

TEST_CASE("without a state directory nothing is kept, and nothing can wait") {
    HistoryKeeper history("");
    history.keep(generation_of("x"), {}, {}, {1});
    CHECK_FALSE(history.is_on());
    CHECK_FALSE(history.settle(kPatience, {1}));
    CHECK(history.problem().empty());
    Confirmation confirmation("", "/nowhere");
    confirmation.open();
    CHECK_FALSE(confirmation.waiting());
}

}  // namespace
}  // namespace warren::stacks
