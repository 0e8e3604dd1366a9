#include "ipc/certificate_facts.h"

#include <cstdint>
#include <sstream>

namespace warren::ipc {

namespace {

constexpr const char* kWord = "certificate";
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMostSeconds = INT64_MAX / kSecond;

}  // namespace

std::string text_of(const CertificateFact& fact) {
    std::ostringstream out;
    out << kWord << " " << fact.field << " " << fact.file << " " << fact.not_after.nanoseconds / kSecond;
    return out.str();
}

std::optional<CertificateFact> parse_certificate_fact(std::string_view text) {
    std::istringstream in{std::string(text)};
    std::string word;
    CertificateFact fact;
    std::int64_t seconds = 0;
    if (!(in >> word) || word != kWord) return std::nullopt;
    if (!(in >> fact.field >> fact.file >> seconds)) return std::nullopt;
    if (seconds < 0 || seconds > kMostSeconds || in >> word) return std::nullopt;
    fact.not_after = WallTime{seconds * kSecond};
    return fact;
}

}  // namespace warren::ipc
