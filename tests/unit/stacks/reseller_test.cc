// Resellers in the reconciler: who stays, who goes along, and who is suspended with them.
#include <doctest/doctest.h>

#include "config/resellers.h"
#include "config/texts.h"
#include "room.h"
#include "stacks/plan/services.h"

namespace warren::stacks {
namespace {

const std::string kStack = "schema = 1\nname = \"R\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n";

// The reseller acme with two customers, in force.
struct Place {
    Place() {
        std::filesystem::create_directories(room.directory_ + "/customers/acme");
        reseller("");
        for (const char* id : {"a", "z"}) room.write(std::string("customers/acme/") + id + ".toml", kStack);
        room.write_customer("plain", 'B');
        room.adopt();
        REQUIRE(room.apply().exit_status == 0);
    }
    void reseller(const std::string& keys, const std::string& top = "") const {
        room.write("customers/acme.toml", "schema = 1\n" + top + kStack.substr(11) + "[reseller]\n" + keys);
    }
    // As a stackd that starts later has them.
    [[nodiscard]] std::string served_after(const std::optional<config::Texts>& last_good) {
        Reconciler::Options options;
        options.config_directory = room.directory_;
        options.run_dir = kTestRunDir;
        options.last_good = [last_good]() -> std::optional<config::PackedTexts> {
            if (!last_good) return std::nullopt;
            return config::PackedTexts{*last_good, {1'790'000'000'000'000'000}};
        };
        Reconciler next(room.kernel, std::move(options));
        VpndLink none;
        CHECK(next.apply(none, Reconciler::Removals::kKeep).accepted);
        std::string out;
        for (const auto& accepted : next.current().customers) out += accepted->customer.id + " ";
        return out;
    }
    Room room;
};

TEST_CASE("a start serves those below a reseller whose file has errors as they were, and no new ones") {
    Place place;
    const config::Texts before = config::texts_of(place.room.reconciler.current());
    SUBCASE("a typo") {
        place.room.break_customer("acme");
        CHECK(place.served_after(before) == "acme acme.a acme.z plain ");
        CHECK(place.served_after(std::nullopt) == "plain ");
    }
    SUBCASE("it is no reseller any more") {
        place.room.write("customers/acme.toml", kStack);
        CHECK(place.served_after(before) == "acme acme.a acme.z plain ");
    }
    SUBCASE("a cap is lower than what was in use, and one is new") {
        place.reseller("max_customers = 1\n");
        place.room.write("customers/acme/b.toml", kStack);
        CHECK(place.served_after(before) == "acme acme.a acme.z plain ");
        CHECK(place.served_after(std::nullopt) == "acme acme.a acme.b acme.z plain ");
    }
    SUBCASE("what was in force does not go with the appliance of now") {
        place.room.break_customer("acme");
        config::Texts other = before;
        other.customers["acme"] = "schema = 1\nname = \"R\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\nmtu = 3\n";
        CHECK(place.served_after(other) == "plain ");
    }
}

TEST_CASE("a draft of a reseller's file has the errors that it would make for its customers, and no older ones") {
    Place place;
    const std::string draft = ipc::draft_path(place.room.directory_, "acme");
    place.room.write(draft.substr(place.room.directory_.size() + 1), kStack + "[reseller]\nmax_customers = 1\n");
    CHECK(place.room.reconciler.check("acme").exit_status == 1);
    place.room.write(draft.substr(place.room.directory_.size() + 1), kStack + "[reseller]\nmax_customers = 2\n");
    CHECK(place.room.reconciler.check("acme").exit_status == 0);
    place.room.write("customers/acme/z.toml", "typo = 1\n");
    (void)place.room.apply();
    CHECK(place.room.reconciler.check("acme").exit_status == 0);
}

TEST_CASE("a customer whose reseller is not in force stays as it is when it is applied alone") {
    Place place;
    place.room.break_customer("acme");
    Reconciler::Options options;
    options.config_directory = place.room.directory_;
    options.run_dir = kTestRunDir;
    Reconciler next(place.room.kernel, std::move(options));
    VpndLink none;
    CHECK(next.apply(none, Reconciler::Removals::kKeep).accepted);
    const Report report = next.apply(none, Reconciler::Removals::kAsk, {}, "", Reconciler::Source{nullptr, "acme.a"});
    CHECK(report.exit_status == 1);
    CHECK(std::any_of(report.texts.begin(), report.texts.end(), [](const ipc::ControlText& text) {
        return text.customer == "acme.a" && text.text.find("its reseller acme is not in force") != std::string::npos;
    }));
    CHECK(place.room.has_stack("acme.a"));
}

TEST_CASE("who names a reseller that is gone is asked about those below it whose files are there") {
    Place place;
    std::filesystem::remove(place.room.directory_ + "/customers/acme.toml");
    CHECK(place.room.apply(Reconciler::Removals::kAsk, {}, "acme").exit_status == 1);
    CHECK(place.room.has_stack("acme.a"));
    std::filesystem::remove_all(place.room.directory_ + "/customers/acme");
    CHECK(place.room.apply(Reconciler::Removals::kAsk, {}, "acme").accepted);
    CHECK_FALSE(place.room.has_stack("acme.a"));
}

TEST_CASE("a reseller that is suspended suspends the services below it") {
    config::Customer customer = acme();
    customer.id = "acme.north";
    customer.dns.emplace();
    customer.dns->listen = {ip("10.0.0.1")};
    customer.above = {{"acme", 1, false}};
    CHECK(services_of(customer).size() == 1);
    customer.above.front().suspended = true;
    CHECK(services_of(customer).empty());
}

}  // namespace
}  // namespace warren::stacks
