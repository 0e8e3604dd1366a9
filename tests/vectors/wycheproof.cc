#include "tests/vectors/wycheproof.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "base/check.h"
#include "tests/vectors/hex.h"

namespace warren::test {

namespace {

template <typename Visit>
void for_each_test(std::string_view file_name, Visit visit) {
    const auto path = find_vectors(file_name);
    if (!path) return;
    std::ifstream file(*path);
    const nlohmann::json document = nlohmann::json::parse(file, nullptr, false);
    WARREN_CHECK(!document.is_discarded());
    for (const auto& group : document.at("testGroups")) {
        for (const auto& test : group.at("tests")) {
            if constexpr (std::is_invocable_v<Visit, const nlohmann::json&, const nlohmann::json&>) {
                visit(group, test);
            } else {
                visit(test);
            }
        }
    }
}

std::vector<std::uint8_t> field(const nlohmann::json& test, const char* name) {
    return from_hex(test.at(name).get_ref<const std::string&>());
}

int number(const nlohmann::json& test) {
    return test.at("tcId").get<int>();
}

bool is_valid(const nlohmann::json& test) {
    return test.at("result").get<std::string>() == "valid";
}

}  // namespace

std::optional<std::string> find_vectors(std::string_view file_name) {
    const char* const chosen = std::getenv("WARREN_VECTORS");
    const std::filesystem::path directory = chosen != nullptr ? chosen : WARREN_SOURCE_DIR "/../shared/vectors";
    const std::filesystem::path path = directory / file_name;
    if (std::filesystem::exists(path)) return path.string();
    std::printf("skipped: no %s (set WARREN_VECTORS to where it is)\n", path.c_str());
    return std::nullopt;
}

std::vector<EcdhVector> load_ecdh_vectors(std::string_view file_name) {
    std::vector<EcdhVector> out;
    for_each_test(file_name, [&out](const nlohmann::json& test) {
        out.push_back(
            {number(test), is_valid(test), field(test, "public"), field(test, "private"), field(test, "shared")});
    });
    return out;
}

std::vector<MacVector> load_mac_vectors(std::string_view file_name) {
    std::vector<MacVector> out;
    for_each_test(file_name, [&out](const nlohmann::json& test) {
        out.push_back({number(test), is_valid(test), field(test, "key"), field(test, "msg"), field(test, "tag")});
    });
    return out;
}

std::vector<CbcVector> load_cbc_vectors(std::string_view file_name) {
    std::vector<CbcVector> out;
    for_each_test(file_name, [&out](const nlohmann::json& test) {
        out.push_back({number(test), is_valid(test), field(test, "key"), field(test, "iv"), field(test, "msg"),
                       field(test, "ct")});
    });
    return out;
}

std::vector<AeadVector> load_aead_vectors(std::string_view file_name) {
    std::vector<AeadVector> out;
    for_each_test(file_name, [&out](const nlohmann::json& test) {
        out.push_back({number(test), is_valid(test), field(test, "key"), field(test, "iv"), field(test, "aad"),
                       field(test, "msg"), field(test, "ct"), field(test, "tag")});
    });
    return out;
}

std::vector<SignatureVector> load_signature_vectors(std::string_view file_name) {
    std::vector<SignatureVector> out;
    for_each_test(file_name, [&out](const nlohmann::json& group, const nlohmann::json& test) {
        out.push_back({number(test), is_valid(test), test.at("result").get<std::string>() == "acceptable",
                       field(group, "publicKeyDer"), field(test, "msg"), field(test, "sig")});
    });
    return out;
}

std::vector<X25519Vector> load_x25519_vectors(std::string_view file_name) {
    std::vector<X25519Vector> out;
    for_each_test(file_name, [&out](const nlohmann::json& test) {
        out.push_back({number(test), field(test, "public"), field(test, "private"), field(test, "shared")});
    });
    return out;
}

}  // namespace warren::test
