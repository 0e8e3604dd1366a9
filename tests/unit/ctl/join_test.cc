// What a new node and its fleet say to each other.
#include <doctest/doctest.h>

#include <string>

#include "crypto/authority.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "ctl/commands/fleet_host.h"
#include "ctl/files/join_token.h"
#include "ctl/files/roster.h"

using namespace warren;
using namespace warren::ctl;

namespace {

crypto::SecretBuffer secret_of(char letter) {
    return crypto::SecretBuffer(as_bytes(std::string(kJoinSecret, letter)));
}

JoinToken token() {
    return {"vie-2",
            {*parse_endpoint("10.9.0.1:2381"), *parse_endpoint("[2001:db8::1]:2381")},
            "0123456789abcdef0123456789abcdef",
            secret_of('s')};
}

}  // namespace

TEST_CASE("a token is one word that says all of it, and a part of one or a changed one is none") {
    const std::string text = format_join_token(token());
    CHECK(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == std::string::npos);
    const auto read = parse_join_token(text);
    REQUIRE(read);
    CHECK(read->node == "vie-2");
    REQUIRE(read->addresses.size() == 2);
    CHECK(to_string(read->addresses[1]) == "[2001:db8::1]:2381");
    CHECK(read->fingerprint == token().fingerprint);
    CHECK(read->secret == token().secret);
    for (std::size_t size = 0; size < text.size(); ++size) CHECK_FALSE(parse_join_token(text.substr(0, size)));
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string changed = text;
        changed[at] = changed[at] == '0' ? '1' : '0';
        CHECK_FALSE(parse_join_token(changed));
    }
    CHECK_FALSE(parse_join_token(text + "00"));
    CHECK_FALSE(parse_join_token(std::string(5000, '0')));
}

TEST_CASE("a message is opened with the same secret, as the kind that it is, and a reply for its request alone") {
    crypto::SystemRandom random;
    const auto request = seal_join_message(secret_of('s'), JoinMessage::kRequest, {}, "please", random);
    CHECK(open_join_message(secret_of('s'), JoinMessage::kRequest, {}, request) == "please");
    CHECK_FALSE(open_join_message(secret_of('t'), JoinMessage::kRequest, {}, request));
    CHECK_FALSE(open_join_message(secret_of('s'), JoinMessage::kReply, {}, request));
    const auto reply = seal_join_message(secret_of('s'), JoinMessage::kReply, request, "here", random);
    CHECK(open_join_message(secret_of('s'), JoinMessage::kReply, request, reply) == "here");
    const auto other = seal_join_message(secret_of('s'), JoinMessage::kRequest, {}, "please", random);
    CHECK_FALSE(open_join_message(secret_of('s'), JoinMessage::kReply, other, reply));
    for (std::size_t at = 0; at < reply.size(); ++at) {
        auto changed = reply;
        changed[at] ^= 1;
        CHECK_FALSE(open_join_message(secret_of('s'), JoinMessage::kReply, request, changed));
        CHECK_FALSE(open_join_message(secret_of('s'), JoinMessage::kReply, request, Bytes(reply).first(at)));
    }
}

TEST_CASE("requests and replies have their form, and hostile ones are refused") {
    crypto::SystemRandom random;
    const auto key = crypto::public_key_of(crypto::generate_private_key(random));
    const auto read = parse_join_request(format_join_request({"vie-2", "10.9.0.2", key, "one", "two"}));
    REQUIRE(read);
    CHECK(read->reader == key);
    CHECK(read->address == "10.9.0.2");
    for (const char* bad : {"", "[]", "{}", "null", R"({"reader":7,"address":"10.9.0.2"})"})
        CHECK_FALSE(parse_join_request(bad));
    CHECK_FALSE(parse_join_request(format_join_request({"vie-2", "0.0.0.0", key, "", ""})));
    CHECK_FALSE(parse_join_request(format_join_request({"vie-2", "10.9.0.2,IP:10.9.0.1", key, "", ""})));
    CHECK(parse_join_reply(format_join_reply({"no", "", "", "", "", "", "", ""}))->error == "no");
    CHECK_FALSE(parse_join_reply("7"));
}

TEST_CASE("a list of nodes is taken from the authority alone, whole and as it was") {
    const auto key = crypto::make_key().value();
    const WallTime now{1'800'000'000LL * 1'000'000'000};
    const std::string authority = crypto::make_authority(key.reveal(), "Fleet", now).value();
    crypto::SystemRandom random;
    const Roster roster{3,
                        {{"vie-1", crypto::public_key_of(crypto::generate_private_key(random))},
                         {"vie-2", crypto::public_key_of(crypto::generate_private_key(random))}},
                        {{"vie-2", {std::string(64, 'a'), std::string(64, 'b')}}}};
    const std::string text = sign_roster(roster, key.reveal()).value();
    const auto read = verify_roster(text, authority);
    REQUIRE(read);
    CHECK(read->version == 3);
    CHECK(read->readers == roster.readers);
    CHECK(read->keys == roster.keys);
    const auto other = crypto::make_key().value();
    const std::string forged = sign_roster(roster, other.reveal()).value();
    CHECK(verify_roster(forged, authority).error().code == ErrorCode::kPermission);
    for (std::size_t at = 0; at < text.size(); at += 3) {
        std::string changed = text;
        changed[at] = changed[at] == 'a' ? 'b' : 'a';
        CHECK_FALSE(verify_roster(changed, authority));
        CHECK_FALSE(verify_roster(text.substr(0, at), authority));
    }
    CHECK_FALSE(parse_roster("warren-fleet-nodes 1\nvie-1\nsignature 00\n"));
    const std::string line = "warren-fleet-nodes 1\nvie-1 " + crypto::to_base64(roster.readers.at("vie-1"));
    CHECK(parse_roster(line + "\nsignature 00\n"));
    for (const std::string& more :
         {" " + std::string(64, 'a'), std::string(" a b"), " " + std::string(64, 'a') + " " + std::string(63, 'b'),
          " " + std::string(64, 'a') + " " + std::string(64, 'B'), std::string(" ")})
        CHECK_FALSE(parse_roster(line + more + "\nsignature 00\n"));
    CHECK_FALSE(parse_roster("warren-fleet-nodes x\nsignature 00\n"));
}
