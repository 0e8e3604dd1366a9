// Secrets that only some machines can read.
#include "crypto/sealed_text.h"

#include <doctest/doctest.h>

#include <string>

#include "crypto/random.h"
#include "crypto/x25519.h"

namespace warren::crypto {
namespace {

KeyPair new_pair() {
    SystemRandom random;
    return key_pair_of(generate_private_key(random));
}

const std::string kPlain = "this is a secret\n";

}  // namespace

TEST_CASE("those it is sealed to can open it, and nobody else") {
    const KeyPair one = new_pair();
    const KeyPair two = new_pair();
    const KeyPair other = new_pair();
    const auto sealed =
        seal_text(as_bytes(kPlain), "secrets/uplink", 7, {{"vie-1", one.public_key}, {"vie-2", two.public_key}});
    REQUIRE(sealed);
    CHECK(sealed->find("this is") == std::string::npos);
    for (const auto& [name, pair] : {std::pair("vie-1", &one), std::pair("vie-2", &two)}) {
        const auto opened = open_text(*sealed, "secrets/uplink", name, pair->private_key);
        REQUIRE(opened);
        CHECK(opened->plain == SecretBuffer(as_bytes(kPlain)));
        CHECK(opened->revision == 7);
    }
    CHECK(open_text(*sealed, "secrets/uplink", "vie-3", other.private_key).error().code == ErrorCode::kPermission);
    CHECK(open_text(*sealed, "secrets/uplink", "vie-1", other.private_key).error().code == ErrorCode::kPermission);
}

TEST_CASE("under another name, as another revision, or changed, it opens for nobody") {
    const KeyPair one = new_pair();
    const auto sealed = seal_text(as_bytes(kPlain), "secrets/a", 7, {{"vie-1", one.public_key}});
    REQUIRE(sealed);
    CHECK_FALSE(open_text(*sealed, "secrets/b", "vie-1", one.private_key));
    std::string other = *sealed;
    other.replace(other.find("revision 7"), 10, "revision 8");
    CHECK_FALSE(open_text(other, "secrets/a", "vie-1", one.private_key));
    for (std::size_t i = 0; i < sealed->size(); ++i) {
        std::string changed = *sealed;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        const auto opened = open_text(changed, "secrets/a", "vie-1", one.private_key);
        CHECK_FALSE(opened);
    }
}

TEST_CASE("what is no sealed secret is refused") {
    const KeyPair one = new_pair();
    for (const char* text : {"", "warren-sealed 1", "warren-sealed 1\nrevision x\nnonce AA==\nbox AA==\n",
                             "warren-sealed 2\nrevision 7\nnonce AA==\nbox AA==\n", "\n\n\n\n"})
        CHECK(open_text(text, "a", "vie-1", one.private_key).error().code == ErrorCode::kInvalid);
    CHECK_FALSE(seal_text(as_bytes(kPlain), "a", 1, {}));
    // A point of small order is nobody's key.
    CHECK_FALSE(seal_text(as_bytes(kPlain), "a", 1, {{"vie-1", PublicKey{}}}));
}

}  // namespace warren::crypto
