// TOML text -> structs -> cross-checks -> diagnostics, as a customer's file and as warren.toml; and the text as a
// preshared key and as a list of users. It may be anything.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "config/diff.h"
#include "config/psk.h"
#include "config/validate.h"

namespace {

using namespace warren::config;

const std::string kAppliance =
    "schema = 1\n[wireguard]\nprivate_key = { secret = \"uplink\" }\n[ipsec]\n[ipsec.gateway]\nidentity = "
    "\"vpn.example.net\"\ncertificate = \"gateway.pem\"\nprivate_key = { secret = \"gateway\" }\n";

Secrets some_secrets() {
    std::array<std::uint8_t, 32> key{};
    key.fill(0x42);
    Secrets out;
    out.put({"uplink"}, warren::crypto::Secret<32>(key));
    out.put_problem({"problem"}, "is missing");
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    static const Secrets secrets = some_secrets();
    std::vector<Diagnostic> diagnostics;

    Parsed<Appliance> appliance = parse_appliance("warren.toml", kAppliance, diagnostics);
    WARREN_CHECK(diagnostics.empty() && appliance.valid);
    std::vector<Parsed<Customer>> customers;
    customers.push_back(parse_customer("acme.toml", "acme", text, diagnostics));
    customers.push_back(parse_customer("globex.toml", "globex", text, diagnostics));
    validate(appliance, customers, secrets, diagnostics);
    WARREN_CHECK(appliance.valid);
    // An invalid file has an error, and a valid one has none.
    WARREN_CHECK(has_errors(diagnostics) == !(customers[0].valid && customers[1].valid));
    WARREN_CHECK(diff(customers[0].value, secrets, customers[0].value, secrets).empty());

    Parsed<Appliance> other = parse_appliance("warren.toml", text, diagnostics);
    std::vector<Parsed<Customer>> nobody;
    validate(other, nobody, secrets, diagnostics);
    sort(diagnostics);
    for (const Diagnostic& diagnostic : diagnostics) WARREN_CHECK(!format(diagnostic).empty());

    // The text of a file of secrets, which may be anything too.
    const ReadSecret psk = parse_psk(text, kPskLength);
    WARREN_CHECK(!psk.problem.empty() || psk.secret.size() >= kPskLength.bytes);
    (void)users_problem(text);
    return 0;
}
