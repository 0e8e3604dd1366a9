// Proposals that we send, and what comes back.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "vpnd/ike/proposal.h"

namespace warren::ike {

namespace {

constexpr std::uint16_t kNoneId = 0;  // NONE: of integrity and of key exchange

std::vector<std::uint8_t> spi_bytes(std::uint64_t spi, std::size_t size) {
    std::array<std::uint8_t, 8> whole{};
    store_be(whole.data(), spi);
    return {whole.end() - static_cast<std::ptrdiff_t>(size), whole.end()};
}

void append(const Algorithm* algorithm, std::vector<Transform>& out) {
    if (algorithm != nullptr) out.push_back(algorithm->transform());
}

void append(const std::vector<const Algorithm*>& algorithms, std::vector<Transform>& out) {
    for (const Algorithm* const algorithm : algorithms) append(algorithm, out);
}

// The groups of a line, `first` before the others.
void append_groups(const Acceptable& line, const Algorithm* first, std::vector<Transform>& out) {
    const auto& groups = line.key_exchange;
    const bool has_first = std::find(groups.begin(), groups.end(), first) != groups.end();
    if (has_first) append(first, out);
    for (const Algorithm* const group : groups) {
        if (!has_first || group != first) append(group, out);
    }
}

// What an answer names, by type; NONE is as if it were not there.
struct Answered {
    ProposalView proposal;
    const Proposal* offered = nullptr;
    std::array<const Algorithm*, 5> algorithms{};  // by TransformType; not of ESN
    std::optional<std::uint16_t> esn;
    bool has_integrity_none = false;

    [[nodiscard]] const Algorithm* of(TransformType type) const { return algorithms[static_cast<std::size_t>(type)]; }
};

bool offers(const Proposal& proposal, TransformType type) {
    return std::any_of(proposal.transforms.begin(), proposal.transforms.end(),
                       [type](const Transform& one) { return one.type == type; });
}

bool offers(const Proposal& proposal, const Transform& transform) {
    return std::find(proposal.transforms.begin(), proposal.transforms.end(), transform) != proposal.transforms.end();
}

// One transform of the answer. False when it cannot be there.
bool note(const Transform& transform, Answered& answered) {
    // Beside an AEAD some name it though we did not (RFC 7296 §3.3.3 allows both).
    const bool is_integrity_none = transform.type == TransformType::kIntegrity && transform.id == kNoneId;
    if (is_integrity_none && !offers(*answered.offered, TransformType::kIntegrity)) {
        return !std::exchange(answered.has_integrity_none, true);
    }
    if (!offers(*answered.offered, transform)) return false;
    if (transform.type == TransformType::kEsn) {
        if (answered.esn) return false;
        answered.esn = transform.id;
        return true;
    }
    const Algorithm*& place = answered.algorithms[static_cast<std::size_t>(transform.type)];
    if (place != nullptr) return false;
    place = find_algorithm(transform);
    return place != nullptr;
}

std::optional<Answered> read_answer(const SaPayload& answer, std::span<const Proposal> offered) {
    if (answer.proposals.size() != 1) return std::nullopt;
    Answered out;
    out.proposal = *answer.proposals.begin();
    const auto found = std::find_if(offered.begin(), offered.end(),
                                    [&](const Proposal& one) { return one.number == out.proposal.number; });
    if (found == offered.end() || found->protocol != out.proposal.protocol ||
        found->spi.size() != out.proposal.spi.size()) {
        return std::nullopt;
    }
    out.offered = &*found;
    for (const Transform& transform : out.proposal.transforms) {
        if (!note(transform, out)) return std::nullopt;
    }
    using enum TransformType;
    for (const TransformType type : {kEncryption, kPrf, kIntegrity, kKeyExchange}) {
        if (offers(*found, type) && out.of(type) == nullptr) return std::nullopt;
    }
    const Transform no_esn = {.type = kEsn, .id = static_cast<std::uint16_t>(EsnId::kNo)};
    if (offers(*found, kEsn) && !out.esn && !offers(*found, no_esn)) return std::nullopt;
    return out;
}

}  // namespace

Proposal IkeChoice::answer(std::uint64_t our_spi) const {
    Proposal out = {.number = number,
                    .protocol = ProtocolId::kIke,
                    .spi = spi_bytes(our_spi, our_spi != 0 ? 8 : 0),
                    .transforms = {}};
    append(suite.encryption, out.transforms);
    append(suite.prf, out.transforms);
    append(suite.integrity, out.transforms);
    if (has_integrity_none) out.transforms.push_back({.type = TransformType::kIntegrity, .id = kNoneId});
    append(suite.key_exchange, out.transforms);
    return out;
}

Proposal ChildChoice::answer(std::uint32_t our_spi) const {
    Proposal out = {.number = number, .protocol = ProtocolId::kEsp, .spi = spi_bytes(our_spi, 4), .transforms = {}};
    append(suite.encryption, out.transforms);
    append(suite.integrity, out.transforms);
    if (has_integrity_none) out.transforms.push_back({.type = TransformType::kIntegrity, .id = kNoneId});
    append(suite.key_exchange, out.transforms);
    if (has_key_exchange_none) out.transforms.push_back({.type = TransformType::kKeyExchange, .id = kNoneId});
    if (has_esn) out.transforms.push_back({.type = TransformType::kEsn, .id = suite.esn ? std::uint16_t{1} : kNoneId});
    return out;
}

std::vector<Proposal> offer_ike(const Policy& policy, std::uint64_t spi, const Algorithm* first) {
    std::vector<Proposal> out;
    for (const Acceptable& line : policy.lines) {
        Proposal proposal = {.number = static_cast<std::uint8_t>(out.size() + 1),
                             .protocol = ProtocolId::kIke,
                             .spi = spi_bytes(spi, spi != 0 ? 8 : 0),
                             .transforms = {}};
        append(line.encryption, proposal.transforms);
        append(line.prf, proposal.transforms);
        append(line.integrity, proposal.transforms);
        append_groups(line, first, proposal.transforms);
        out.push_back(std::move(proposal));
    }
    return out;
}

std::vector<Proposal> offer_child(const Policy& policy, Pfs pfs, std::uint32_t spi, const Algorithm* first) {
    std::vector<Proposal> out;
    const auto add = [&](const Acceptable& line, bool has_groups) {
        Proposal proposal = {.number = static_cast<std::uint8_t>(out.size() + 1),
                             .protocol = ProtocolId::kEsp,
                             .spi = spi_bytes(spi, 4),
                             .transforms = {}};
        append(line.encryption, proposal.transforms);
        append(line.integrity, proposal.transforms);
        if (has_groups) append_groups(line, first, proposal.transforms);
        for (const EsnId esn : line.esn) {
            proposal.transforms.push_back({.type = TransformType::kEsn, .id = static_cast<std::uint16_t>(esn)});
        }
        out.push_back(std::move(proposal));
    };
    const bool may_exchange = pfs == Pfs::kOptional || pfs == Pfs::kRequired;
    for (const Acceptable& line : policy.lines) {
        if (may_exchange && !line.key_exchange.empty()) add(line, true);
    }
    for (const Acceptable& line : policy.lines) {
        if (pfs != Pfs::kRequired) add(line, false);
    }
    return out;
}

const Algorithm* first_method(std::span<const Proposal> offered) {
    for (const Proposal& proposal : offered) {
        for (const Transform& transform : proposal.transforms) {
            if (transform.type == TransformType::kKeyExchange) return find_algorithm(transform);
        }
    }
    return nullptr;
}

std::optional<IkeChoice> accept_ike(const SaPayload& answer, std::span<const Proposal> offered) {
    const auto found = read_answer(answer, offered);
    if (!found || found->proposal.protocol != ProtocolId::kIke) return std::nullopt;
    using enum TransformType;
    IkeChoice out = {.number = found->proposal.number,
                     .suite = {.encryption = found->of(kEncryption),
                               .prf = found->of(kPrf),
                               .integrity = found->of(kIntegrity),
                               .key_exchange = found->of(kKeyExchange)},
                     .spi = 0,
                     .has_integrity_none = found->has_integrity_none};
    if (found->proposal.spi.empty()) return out;
    out.spi = load_be<std::uint64_t>(found->proposal.spi.data());
    if (out.spi == 0) return std::nullopt;
    return out;
}

std::optional<ChildChoice> accept_child(const SaPayload& answer, std::span<const Proposal> offered) {
    const auto found = read_answer(answer, offered);
    if (!found || found->proposal.protocol != ProtocolId::kEsp) return std::nullopt;
    const auto spi = load_be<std::uint32_t>(found->proposal.spi.data());
    if (spi < SessionId::kLeast) return std::nullopt;
    using enum TransformType;
    return ChildChoice{.number = found->proposal.number,
                       .suite = {.encryption = found->of(kEncryption),
                                 .integrity = found->of(kIntegrity),
                                 .key_exchange = found->of(kKeyExchange),
                                 .esn = found->esn == static_cast<std::uint16_t>(EsnId::kYes)},
                       .spi = spi,
                       .has_integrity_none = found->has_integrity_none,
                       .has_key_exchange_none = false,
                       .has_esn = found->esn.has_value()};
}

}  // namespace warren::ike
