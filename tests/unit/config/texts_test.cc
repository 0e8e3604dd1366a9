// One file for all texts of a configuration: what was packed comes out again, and nothing else ever does.
#include "config/texts.h"

#include <doctest/doctest.h>

#include <memory>

#include "config/generation.h"

using namespace warren;
using namespace warren::config;

namespace {

Texts some_texts() {
    return {"schema = 1\n# end 0\nwarren.toml 3\n", {{"acme", "name = \"Ä\""}, {"empty", ""}, {"globex", "\n\n"}}};
}

std::string refusal_of(const std::string& packed, std::string_view version = "1.2.3") {
    const auto unpacked = unpack(packed, version);
    return unpacked ? "" : unpacked.error().what;
}

}  // namespace

TEST_CASE("what was packed comes out again") {
    const std::string packed = pack(some_texts(), "1.2.3", {1'790'000'000'000'000'000});
    const auto unpacked = unpack(packed, "1.9.0-dev");
    REQUIRE_MESSAGE(unpacked.has_value(), unpacked.error().what);
    CHECK(unpacked->texts == some_texts());
    CHECK(unpacked->packed.nanoseconds == 1'790'000'000'000'000'000);
}

TEST_CASE("a damaged file is refused, wherever the damage is") {
    const std::string packed = pack(some_texts(), "1.2.3", {5});
    for (std::size_t size = 0; size < packed.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(unpack(packed.substr(0, size), "1.2.3").has_value());
    }
    for (std::size_t at = 0; at < packed.size(); ++at) {
        std::string damaged = packed;
        damaged[at] ^= 1;
        CAPTURE(at);
        CHECK_FALSE(unpack(damaged, "1.2.3").has_value());
    }
    CHECK(refusal_of(packed + "x") == "it is damaged");
}

TEST_CASE("another form and another major version are refused, and say so") {
    CHECK(refusal_of("") == "it has another form");
    CHECK(refusal_of("schema = 1\n") == "it has another form");
    CHECK(refusal_of("warren-configuration 10 1.2.3 5\n") == "it has another form");
    CHECK(refusal_of(pack(some_texts(), "2.0.0", {5})) == "it was written by version 2.0.0");
    CHECK(refusal_of(pack(some_texts(), "1.0.0", {5}), "10.0.0") == "it was written by version 1.0.0");
}

TEST_CASE("the name of a customer is one, so that none leads elsewhere") {
    CHECK(refusal_of(pack({"x", {{"../acme", "y"}}}, "1.2.3", {5})) == "it is damaged");
    CHECK(refusal_of(pack({"x", {{"", "y"}}}, "1.2.3", {5})) == "it is damaged");
}

TEST_CASE("the texts of a generation are those that are in force") {
    Generation generation;
    generation.text = "appliance";
    AcceptedCustomer acme;
    acme.customer.id = "acme";
    acme.text = "its file";
    generation.customers.push_back(std::make_shared<const AcceptedCustomer>(std::move(acme)));
    CHECK(texts_of(generation) == Texts{"appliance", {{"acme", "its file"}}});
}
