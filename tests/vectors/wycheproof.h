// Third-party vectors, which are not part of the repository. They are read from $WARREN_VECTORS, else from
// ../shared/vectors beside the source tree. A test without vectors prints "skipped" and passes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warren::test {

// The path of one file of vectors. If it is absent: nothing, and a line about it on stdout.
[[nodiscard]] std::optional<std::string> find_vectors(std::string_view file_name);

// One test of Wycheproof's AeadTest. `valid` is false if opening must fail.
struct AeadVector {
    int id = 0;
    bool valid = false;
    std::vector<std::uint8_t> key, nonce, associated, plaintext, ciphertext, tag;
};
// Empty if the file is absent. Aborts if it exists and cannot be read.
[[nodiscard]] std::vector<AeadVector> load_aead_vectors(std::string_view file_name);

// One test of Wycheproof's XdhComp over Curve25519.
struct X25519Vector {
    int id = 0;
    std::vector<std::uint8_t> public_key, private_key, shared;
};
[[nodiscard]] std::vector<X25519Vector> load_x25519_vectors(std::string_view file_name);

// One test of Wycheproof's EcdhEcpointTest: the public key is a point in SEC 1's form, compressed in some.
struct EcdhVector {
    int id = 0;
    bool valid = false;
    std::vector<std::uint8_t> public_key, private_key, shared;
};
[[nodiscard]] std::vector<EcdhVector> load_ecdh_vectors(std::string_view file_name);

// One test of Wycheproof's MacTest; the tag may be cut.
struct MacVector {
    int id = 0;
    bool valid = false;
    std::vector<std::uint8_t> key, message, tag;
};
[[nodiscard]] std::vector<MacVector> load_mac_vectors(std::string_view file_name);

// One test of Wycheproof's IndCpaTest: AES-CBC with the padding of PKCS7.
struct CbcVector {
    int id = 0;
    bool valid = false;
    std::vector<std::uint8_t> key, iv, plaintext, ciphertext;
};
[[nodiscard]] std::vector<CbcVector> load_cbc_vectors(std::string_view file_name);

// One test of Wycheproof's EcdsaVerify, EddsaVerify, RsassaPkcs1Verify or RsassaPssVerify: the public key in DER.
// `is_optional`: a verifier may take it or not.
struct SignatureVector {
    int id = 0;
    bool valid = false;
    bool is_optional = false;
    std::vector<std::uint8_t> public_key, message, signature;
};
[[nodiscard]] std::vector<SignatureVector> load_signature_vectors(std::string_view file_name);

}  // namespace warren::test
