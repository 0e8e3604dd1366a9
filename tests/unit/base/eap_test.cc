#include "base/eap.h"

#include <doctest/doctest.h>

#include <string>

namespace warren::eap {
namespace {

using Octets = std::vector<std::uint8_t>;

TEST_CASE("a response is read and written") {
    const Octets bytes{2, 7, 0, 10, 1, 'a', 'l', 'i', 'c', 'e'};
    const auto message = read_message(bytes);
    REQUIRE(message);
    CHECK(message->code == Code::kResponse);
    CHECK(message->identifier == 7);
    CHECK(message->type == Type::kIdentity);
    CHECK(name_in(message->data) == "alice");
    CHECK(write_message(*message) == bytes);
}

TEST_CASE("success and failure have no type") {
    CHECK(write_message({Code::kSuccess, 9, Type::kNone, {}}) == Octets{3, 9, 0, 4});
    CHECK(read_message(Octets{4, 9, 0, 4}).has_value());
    CHECK(!read_message(Octets{3, 9, 0, 5, 1}));
}

TEST_CASE("what follows a message is padding") {
    const Octets bytes{2, 7, 0, 6, 1, 'a', 'x', 'x'};
    const auto message = read_message(bytes);
    REQUIRE(message);
    CHECK(name_in(message->data) == "a");
}

TEST_CASE("what is shorter than it says is no message") {
    const Octets bytes{2, 7, 0, 10, 1, 'a', 'l', 'i', 'c', 'e'};
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK(!read_message(Bytes(bytes).first(size)));
    CHECK(!read_message(Octets{2, 7, 0, 4}));
    CHECK(!read_message(Octets{2, 7, 0, 3, 1}));
    CHECK(!read_message(Octets{0, 7, 0, 5, 1}));
    CHECK(!read_message(Octets{5, 7, 0, 5, 1}));
}

TEST_CASE("a name has a user and perhaps a realm") {
    const auto is = [](std::string_view name, std::string_view user, std::string_view realm) {
        const UserName split = split_name(name);
        return split.user == user && split.realm == realm;
    };
    CHECK(is("alice@acme.example", "alice", "acme.example"));
    CHECK(is("ACME\\alice", "alice", "ACME"));
    CHECK(is("alice", "alice", ""));
    CHECK(is("@acme.example", "", "acme.example"));
    CHECK(is("ACME\\alice@home", "alice@home", "ACME"));
    CHECK(is("a@b@acme.example", "a@b", "acme.example"));
}

TEST_CASE("a name is printable text of a bounded length") {
    const auto is_name = [](const std::string& name) { return name_in(as_bytes(name)).has_value(); };
    CHECK(is_name(std::string(kMostIdentity, 'a')));
    CHECK(!is_name(std::string(kMostIdentity + 1, 'a')));
    CHECK(!is_name(""));
    CHECK(!is_name(std::string("a\0b", 3)));
    CHECK(!is_name("a\nb"));
    CHECK(!is_name("a\xff"));
    CHECK(is_name("\xc3\xa4lice"));
}

TEST_CASE("realms have no case") {
    CHECK(is_same_realm("ACME.example", "acme.Example"));
    CHECK(!is_same_realm("acme.example", "acme.exampl"));
    CHECK(!is_same_realm("", "acme"));
}

}  // namespace
}  // namespace warren::eap
