// What is kept survives every failure of the disk, and a power cut at every step.
#include "history/store.h"

#include <doctest/doctest.h>

#include <memory>

#include "fake_disk.h"
#include "history/unconfirmed.h"

namespace warren::history {
namespace {

config::Generation generation_of(const std::string& appliance, const std::map<std::string, std::string>& customers) {
    config::Generation out;
    out.text = appliance;
    for (const auto& [id, text] : customers) {
        config::AcceptedCustomer accepted;
        accepted.customer.id = id;
        accepted.text = text;
        out.customers.push_back(std::make_shared<const config::AcceptedCustomer>(std::move(accepted)));
    }
    return out;
}

Result<std::uint64_t> record(Disk& disk, const config::Generation& generation, const Limits& limits = {}) {
    return Store(disk).record(generation, {7}, {Origin::Kind::kRequest, 0, "ada", "why"}, {{"acme", "x: 1 -> 2"}},
                              limits);
}

config::Texts texts_at(Disk& disk, std::uint64_t number) {
    const Store store(disk);
    const auto revisions = store.revisions();
    REQUIRE(revisions);
    const auto out = store.texts_at(*revisions, number);
    REQUIRE_MESSAGE(out, (out ? "" : out.error().what));
    return *out;
}

std::size_t count_of_texts(const Disk& disk) {
    return disk.list("texts")->size();
}

// All revisions of the list can be read.
void check_whole(Disk& disk) {
    const Store store(disk);
    const auto revisions = store.revisions();
    REQUIRE(revisions);
    for (const Revision& revision : revisions->all) {
        const auto texts = store.texts_at(*revisions, revision.number);
        REQUIRE_MESSAGE(texts, (texts ? "" : texts.error().what));
    }
}

TEST_CASE("a revision is found again, and what did not change is stored once") {
    FakeDisk disk;
    CHECK(*record(disk, generation_of("a", {{"acme", "1"}, {"globex", "g"}})) == 1);
    CHECK(*record(disk, generation_of("a", {{"acme", "2"}, {"globex", "g"}})) == 2);
    CHECK(*record(disk, generation_of("a", {{"acme", "2"}, {"globex", "g"}})) == 2);  // nothing changed
    CHECK(count_of_texts(disk) == 4);
    CHECK(texts_at(disk, 1) == config::Texts{"a", {{"acme", "1"}, {"globex", "g"}}});
    CHECK(texts_at(disk, 2) == config::Texts{"a", {{"acme", "2"}, {"globex", "g"}}});
    const auto revisions = Store(disk).revisions();
    CHECK(revisions->all[1].origin.comment == "why");
    CHECK(customers_of(revisions->all[1]) == std::set<std::string>{"acme"});
    CHECK(revisions->all[1].changes.size() == 1);
    CHECK(Store(disk).texts_at(*revisions, 3).error().code == ErrorCode::kNotFound);
}

TEST_CASE("one changed file among 10,000 costs its text and no other") {
    FakeDisk disk;
    std::map<std::string, std::string> customers;
    for (int i = 0; i < 10'000; ++i) customers.emplace("c" + std::to_string(i), "text of " + std::to_string(i));
    REQUIRE(record(disk, generation_of("a", customers)));
    const std::size_t texts = count_of_texts(disk);
    const std::size_t calls = disk.calls;
    customers["c77"] = "another text";
    CHECK(*record(disk, generation_of("a", customers)) == 2);
    CHECK(count_of_texts(disk) == texts + 1);
    CHECK(disk.calls - calls < 12);
    CHECK(texts_at(disk, 1).customers.at("c77") == "text of 77");
}

TEST_CASE("the oldest leave with the texts that only they had; the newest stays, however large") {
    FakeDisk disk;
    const Limits few{3, 1U << 20U};
    for (int i = 0; i < 10; ++i) REQUIRE(record(disk, generation_of("a", {{"acme", std::to_string(i)}}), few));
    auto revisions = Store(disk).revisions();
    CHECK(revisions->all.size() == 3);
    CHECK(revisions->last() == 10);
    CHECK(count_of_texts(disk) == 4);
    CHECK(texts_at(disk, 8).customers.at("acme") == "7");
    check_whole(disk);
    // A text that comes again is needed again.
    REQUIRE(record(disk, generation_of("a", {{"acme", "7"}}), few));
    REQUIRE(record(disk, generation_of("a", {{"acme", "x"}}), few));
    check_whole(disk);
    REQUIRE(record(disk, generation_of(std::string(5000, 'a'), {}), {200, 1000}));
    revisions = Store(disk).revisions();
    CHECK(revisions->all.size() == 1);
    CHECK(texts_at(disk, revisions->last()).appliance == std::string(5000, 'a'));
}

TEST_CASE("a disk that is full at any step leaves the list as it was or as it will be, and the next attempt succeeds") {
    FakeDisk prepared;
    REQUIRE(record(prepared, generation_of("a", {{"acme", "1"}, {"globex", "g"}})));
    const config::Generation next = generation_of("b", {{"acme", "2"}, {"new", "n"}});
    FakeDisk whole = prepared;
    REQUIRE(record(whole, next));
    const std::size_t steps = whole.calls - prepared.calls;
    REQUIRE(steps > 8);
    for (std::size_t step = 0; step < steps; ++step) {
        FakeDisk disk = prepared;
        disk.fails_at = disk.calls + step;
        (void)record(disk, next);
        check_whole(disk);
        CHECK(texts_at(disk, 1).customers.at("globex") == "g");
        disk.fails_at = SIZE_MAX;
        CHECK(*record(disk, next) == 2);
        check_whole(disk);
        CHECK(texts_at(disk, 2).customers.at("new") == "n");
        CHECK(count_of_texts(disk) == count_of_texts(whole));
    }
}

TEST_CASE("a power cut at any step leaves the old list or the new one, whole") {
    for (const bool drops : {false, true}) {
        const Limits limits{drops ? std::size_t{1} : std::size_t{200}, 1U << 20U};
        FakeDisk prepared;
        REQUIRE(record(prepared, generation_of("a", {{"acme", "1"}, {"globex", "g"}}), limits));
        const config::Generation next = generation_of("b", {{"acme", "2"}, {"new", "n"}});
        FakeDisk whole = prepared;
        REQUIRE(record(whole, next, limits));
        for (std::size_t step = 0; step <= whole.calls - prepared.calls; ++step) {
            FakeDisk running = prepared;
            running.cut_at = running.calls + step;
            (void)record(running, next, limits);
            for (const bool is_lazy : {false, true}) {
                FakeDisk disk = running.after_power_cut(is_lazy);
                check_whole(disk);
                const std::uint64_t last = Store(disk).revisions()->last();
                CHECK((last == 1 || last == 2));
                CHECK(texts_at(disk, last).appliance == (last == 1 ? "a" : "b"));
                CHECK(*record(disk, next, limits) == 2);
                check_whole(disk);
            }
        }
    }
}

TEST_CASE("many texts are synced at once") {
    FakeDisk disk;
    std::map<std::string, std::string> customers;
    for (int i = 0; i < 100; ++i) customers.emplace("c" + std::to_string(i), std::to_string(i));
    REQUIRE(record(disk, generation_of("a", customers)));
    FakeDisk after = disk.after_power_cut(true);
    check_whole(after);
    CHECK(texts_at(after, 1).customers.size() == 100);
}

TEST_CASE("a damaged list is set aside, and a damaged text is said") {
    FakeDisk disk;
    REQUIRE(record(disk, generation_of("a", {{"acme", "1"}})));
    const Store store(disk);
    const auto revisions = store.revisions();
    REQUIRE(disk.write("texts/" + hash_of("1"), "2"));
    CHECK(store.texts_at(*revisions, 1).error().code == ErrorCode::kInvalid);
    std::string list = *disk.read("list");
    list[list.size() / 2] ^= 1;
    REQUIRE(disk.write("list", list));
    CHECK(store.revisions().error().code == ErrorCode::kInvalid);
    CHECK(*record(disk, generation_of("b", {})) == 2);  // no number is given twice
    CHECK(*disk.read("list.damaged") == list);
    CHECK(texts_at(disk, 2).appliance == "b");
    CHECK(Store(disk).check(1).error().code == ErrorCode::kNotFound);
    CHECK(Store(disk).check(2));
    REQUIRE(disk.write("texts/" + hash_of("b"), "x"));
    CHECK(Store(disk).check(2).error().code == ErrorCode::kInvalid);
}

TEST_CASE("what comes back unless somebody confirms does not leave, however many come after it") {
    FakeDisk disk;
    const Limits few{3, 1U << 20U};
    for (const char* text : {"1", "2"}) REQUIRE(record(disk, generation_of("a", {{"acme", text}}), few));
    const Unconfirmed waiting = extended(std::nullopt, 2, {}, {}, std::chrono::minutes(5), "boot");
    REQUIRE(Store(disk).put(kUnconfirmedFile, encode(waiting)));
    for (int i = 3; i < 10; ++i) REQUIRE(record(disk, generation_of("a", {{"acme", std::to_string(i)}}), few));
    REQUIRE(record(disk, generation_of(std::string(5000, 'a'), {}), {3, 1000}));
    CHECK(texts_at(disk, 2).customers.at("acme") == "2");
    CHECK_FALSE(Store(disk).check(1));
    check_whole(disk);
    REQUIRE(Store(disk).remove(kUnconfirmedFile));
    REQUIRE(record(disk, generation_of("b", {}), few));
    CHECK(Store(disk).revisions()->all.size() == 3);
}

TEST_CASE("a list that was damaged while something waits gives no number up to its base again") {
    FakeDisk disk;
    REQUIRE(record(disk, generation_of("a", {})));
    const Unconfirmed waiting = extended(std::nullopt, 7, {}, {}, std::chrono::minutes(5), "boot");
    REQUIRE(Store(disk).put(kUnconfirmedFile, encode(waiting)));
    REQUIRE(disk.write("list", "nothing of a list"));
    CHECK(*record(disk, generation_of("b", {})) == 8);
}

TEST_CASE("a small file is whole or as it was, wherever it fails") {
    FakeDisk prepared;
    REQUIRE(Store(prepared).put("unconfirmed", "old"));
    for (std::size_t step = 0; step < 4; ++step) {
        FakeDisk disk = prepared;
        disk.cut_at = disk.calls + step;
        (void)Store(disk).put("unconfirmed", "new");
        for (const bool is_lazy : {false, true}) {
            const auto text = disk.after_power_cut(is_lazy).read("unconfirmed");
            REQUIRE(text);
            CHECK((*text == "old" || *text == "new"));
        }
    }
}

}  // namespace
}  // namespace warren::history
