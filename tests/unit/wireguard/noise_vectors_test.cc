// The Noise framework's own vectors for IKpsk2, if they are available (tests/vectors/wycheproof.h).
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/unit/wireguard/harness.h"
#include "tests/vectors/wycheproof.h"

namespace warren::wireguard {
namespace {

template <typename Key>
Key secret_of(const nlohmann::json& text) {
    Key key;
    const auto bytes = test::from_hex(text.get<std::string>());
    REQUIRE(bytes.size() == 32);
    std::copy(bytes.begin(), bytes.end(), key.secret.writable().begin());
    return key;
}

void run(const nlohmann::json& vector) {
    const auto key_pair = [](const nlohmann::json& text) {
        return crypto::key_pair_of(secret_of<crypto::PrivateKey>(text));
    };
    const crypto::KeyPair initiator = key_pair(vector["init_static"]);
    const crypto::KeyPair responder = key_pair(vector["resp_static"]);
    const crypto::KeyPair initiator_ephemeral = key_pair(vector["init_ephemeral"]);
    const crypto::KeyPair responder_ephemeral = key_pair(vector["resp_ephemeral"]);
    const auto preshared_key = secret_of<crypto::PresharedKey>(vector["init_psks"][0]);
    const auto static_static = crypto::x25519(initiator.private_key, responder.public_key);
    REQUIRE(static_static.has_value());
    const auto prologue = test::from_hex(vector["init_prologue"].get<std::string>());
    const auto& messages = vector["messages"];
    const auto payload = [&](std::size_t i) { return test::from_hex(messages[i]["payload"].get<std::string>()); };
    const auto ciphertext = [&](std::size_t i) { return test::from_hex(messages[i]["ciphertext"].get<std::string>()); };

    SymmetricState initiator_state(prologue);
    SymmetricState responder_state(prologue);

    std::vector<std::uint8_t> first(32 + 48 + payload(0).size() + crypto::kTagSize);
    const MutableBytes first_bytes(first);
    REQUIRE(create_first_message(initiator_state, initiator, initiator_ephemeral, responder.public_key, *static_static,
                                 payload(0), first_bytes.subspan<0, 32>(), first_bytes.subspan<32, 48>(),
                                 first_bytes.subspan(80)));
    CHECK(first == ciphertext(0));

    crypto::PublicKey sent_ephemeral;
    std::copy_n(first.begin(), 32, sent_ephemeral.bytes.begin());
    CHECK(consume_first_message_static(responder_state, responder, sent_ephemeral, first_bytes.subspan(32, 48)) ==
          initiator.public_key);
    std::vector<std::uint8_t> got(payload(0).size());
    REQUIRE(consume_first_message_payload(responder_state, *static_static, first_bytes.subspan(80), got));
    CHECK(got == payload(0));

    std::vector<std::uint8_t> second(32 + payload(1).size() + crypto::kTagSize);
    const MutableBytes second_bytes(second);
    REQUIRE(create_second_message(responder_state, responder_ephemeral, sent_ephemeral, initiator.public_key,
                                  preshared_key, payload(1), second_bytes.subspan<0, 32>(), second_bytes.subspan(32)));
    CHECK(second == ciphertext(1));
    std::copy_n(second.begin(), 32, sent_ephemeral.bytes.begin());
    got.resize(payload(1).size());
    REQUIRE(consume_second_message(initiator_state, initiator, initiator_ephemeral.private_key, sent_ephemeral,
                                   preshared_key, second_bytes.subspan(32), got));
    CHECK(got == payload(1));

    const auto hash = test::from_hex(vector["handshake_hash"].get<std::string>());
    CHECK(Bytes(initiator_state.handshake_hash()).size() == hash.size());
    CHECK(std::equal(hash.begin(), hash.end(), initiator_state.handshake_hash().begin()));
    CHECK(initiator_state.handshake_hash() == responder_state.handshake_hash());

    const SymmetricState::Keys keys = initiator_state.split();
    for (std::size_t i = 2; i < messages.size(); ++i) {
        const crypto::AeadKey& key = i % 2 == 0 ? keys.initiator_sends : keys.responder_sends;
        std::vector<std::uint8_t> sealed(payload(i).size() + crypto::kTagSize);
        crypto::aead_seal(key.secret, (i - 2) / 2, {}, payload(i), sealed);
        CHECK(sealed == ciphertext(i));
    }
}

TEST_CASE("H10: the Noise framework's vectors for IKpsk2 hold") {
    const auto path = test::find_vectors("noise_ik_25519_chachapoly_blake2s.json");
    if (!path) return;
    std::ifstream file(*path);
    std::size_t ran = 0;
    const auto document = nlohmann::json::parse(file);
    for (const auto& vector : document["vectors"]) {
        if (vector["protocol_name"] != std::string(kConstruction)) continue;
        run(vector);
        ++ran;
    }
    CHECK(ran >= 1);
}

}  // namespace
}  // namespace warren::wireguard
