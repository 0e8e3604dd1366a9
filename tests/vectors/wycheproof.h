// Third-party vectors. They are not part of the repository: they are looked for in $WARREN_VECTORS, else in
// ../shared/vectors beside the source tree. A test that finds none says "skipped" and passes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warren::test {

// The path of one file of vectors; nothing, and a line that says so on stdout, when it is absent.
[[nodiscard]] std::optional<std::string> find_vectors(std::string_view file_name);

// One test of Wycheproof's AeadTest. `valid` is false when opening must fail.
struct AeadVector {
    int id = 0;
    bool valid = false;
    std::vector<std::uint8_t> key, nonce, associated, plaintext, ciphertext, tag;
};
// Empty when the file is absent. Aborts when it is there and cannot be read.
[[nodiscard]] std::vector<AeadVector> load_aead_vectors(std::string_view file_name);

// One test of Wycheproof's XdhComp over Curve25519.
struct X25519Vector {
    int id = 0;
    std::vector<std::uint8_t> public_key, private_key, shared;
};
[[nodiscard]] std::vector<X25519Vector> load_x25519_vectors(std::string_view file_name);

}  // namespace warren::test
