#include "vpnd/ike/proposal.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "base/ids.h"

namespace warren::ike {

namespace {

constexpr std::uint16_t kNoneId = 0;  // NONE: of integrity and of key exchange

std::uint32_t esp_spi(Bytes spi) {
    return load_be<std::uint32_t>(spi.data());
}

// The best of one type that a proposal offers and a line takes.
struct Best {
    const Algorithm* algorithm = nullptr;
    std::size_t rank = SIZE_MAX;
    bool is_offered = false;  // the proposal has the type at all
    bool has_none = false;    // and NONE among it

    void consider(const Transform& transform, const std::vector<const Algorithm*>& taken) {
        is_offered = true;
        if (transform.id == kNoneId && !transform.has_unknown_attribute) has_none = true;
        for (std::size_t i = 0; i < std::min(taken.size(), rank); ++i) {
            if (taken[i]->transform() == transform) *this = {taken[i], i, true, has_none};
        }
    }
    // The offer can do without.
    [[nodiscard]] bool may_be_none() const { return !is_offered || has_none; }
};

struct BestEsn {
    EsnId id = EsnId::kNo;
    std::size_t rank = SIZE_MAX;
    bool is_offered = false;

    void consider(std::uint16_t offered, const std::vector<EsnId>& taken) {
        for (std::size_t i = 0; i < std::min(taken.size(), rank); ++i) {
            if (static_cast<std::uint16_t>(taken[i]) == offered) {
                id = taken[i];
                rank = i;
            }
        }
    }
};

// What is best in one proposal, type by type. They are independent of each other.
struct Candidates {
    Best encryption;
    Best prf;
    Best integrity;
    Best key_exchange;
    BestEsn esn;
    bool has_foreign_type = false;  // then the proposal is not to be chosen (RFC 7296 §3.3.6)
};

Candidates candidates_in(const ProposalView& proposal, const Acceptable& line) {
    Candidates out;
    const bool is_ike = proposal.protocol == ProtocolId::kIke;
    for (const Transform& transform : proposal.transforms) {
        switch (transform.type) {
            case TransformType::kEncryption: out.encryption.consider(transform, line.encryption); continue;
            case TransformType::kIntegrity: out.integrity.consider(transform, line.integrity); continue;
            case TransformType::kKeyExchange: out.key_exchange.consider(transform, line.key_exchange); continue;
            case TransformType::kPrf:
                if (!is_ike) break;
                out.prf.consider(transform, line.prf);
                continue;
            case TransformType::kEsn:
                if (is_ike) break;
                out.esn.is_offered = true;
                if (!transform.has_unknown_attribute) out.esn.consider(transform.id, line.esn);
                continue;
        }
        out.has_foreign_type = true;
    }
    // RFC 7296 §3.3.3 makes the type mandatory, but the meaning of its absence is not in doubt.
    if (!out.esn.is_offered) out.esn.consider(static_cast<std::uint16_t>(EsnId::kNo), line.esn);
    return out;
}

// Encryption, and the integrity that belongs to it: none beside an AEAD.
bool is_protected(const Candidates& found) {
    if (found.has_foreign_type || found.encryption.algorithm == nullptr) return false;
    return found.encryption.algorithm->is_aead() ? found.integrity.may_be_none() : found.integrity.algorithm != nullptr;
}

// Whether a key exchange as `pfs` wants it can be had; drops the one that is not wanted.
bool settle_key_exchange(Pfs pfs, bool has_ke, Best& best) {
    if (pfs == Pfs::kRequired) return best.algorithm != nullptr;
    if (pfs == Pfs::kOptional && has_ke && best.algorithm != nullptr) return true;
    best = {nullptr, SIZE_MAX, best.is_offered, best.has_none};
    return pfs == Pfs::kNone || best.may_be_none();
}

using Rank = std::tuple<std::size_t, std::size_t, std::size_t, std::size_t, std::size_t>;

Rank rank_of(const Candidates& found) {
    return {found.encryption.rank, found.key_exchange.rank, found.prf.rank, found.integrity.rank, found.esn.rank};
}

// `fits(proposal, candidates)` says whether a proposal can be chosen; `choice_of` makes the result.
template <typename Fits, typename ChoiceOf>
auto choose(const SaPayload& offer, const Policy& policy, Fits fits, ChoiceOf choice_of) {
    std::optional<decltype(choice_of(ProposalView(), Candidates()))> best;
    for (const Acceptable& line : policy.lines) {
        Rank best_rank;
        for (const ProposalView& proposal : offer.proposals) {
            Candidates found = candidates_in(proposal, line);
            if (!is_protected(found) || !fits(proposal, found)) continue;
            const Rank rank = rank_of(found);
            if (best && best_rank <= rank) continue;
            best = choice_of(proposal, found);
            best_rank = rank;
        }
        if (best) return best;
    }
    return best;
}

}  // namespace

std::optional<IkeChoice> choose_ike(const SaPayload& offer, const Policy& policy, bool is_rekey) {
    const std::size_t spi_size = is_rekey ? 8 : 0;  // RFC 7296 §3.3.1
    const auto fits = [&](const ProposalView& proposal, const Candidates& found) {
        return proposal.protocol == ProtocolId::kIke && proposal.spi.size() == spi_size &&
               (!is_rekey || load_be<std::uint64_t>(proposal.spi.data()) != 0) && found.prf.algorithm != nullptr &&
               found.key_exchange.algorithm != nullptr;
    };
    return choose(offer, policy, fits, [&](const ProposalView& proposal, const Candidates& found) {
        const bool is_aead = found.encryption.algorithm->is_aead();
        return IkeChoice{.number = proposal.number,
                         .suite = {.encryption = found.encryption.algorithm,
                                   .prf = found.prf.algorithm,
                                   .integrity = is_aead ? nullptr : found.integrity.algorithm,
                                   .key_exchange = found.key_exchange.algorithm},
                         .spi = is_rekey ? load_be<std::uint64_t>(proposal.spi.data()) : 0,
                         .has_integrity_none = is_aead && found.integrity.has_none};
    });
}

std::optional<ChildChoice> choose_child(const SaPayload& offer, const Policy& policy, Pfs pfs, bool has_ke) {
    const auto fits = [&](const ProposalView& proposal, Candidates& found) {
        return proposal.protocol == ProtocolId::kEsp && proposal.spi.size() == 4 &&
               esp_spi(proposal.spi) >= SessionId::kLeast && found.esn.rank != SIZE_MAX &&
               settle_key_exchange(pfs, has_ke, found.key_exchange);
    };
    return choose(offer, policy, fits, [](const ProposalView& proposal, const Candidates& found) {
        const bool is_aead = found.encryption.algorithm->is_aead();
        return ChildChoice{
            .number = proposal.number,
            .suite = {.encryption = found.encryption.algorithm,
                      .integrity = is_aead ? nullptr : found.integrity.algorithm,
                      .key_exchange = found.key_exchange.algorithm,
                      .esn = found.esn.id == EsnId::kYes},
            .spi = esp_spi(proposal.spi),
            .has_integrity_none = is_aead && found.integrity.has_none,
            .has_key_exchange_none = found.key_exchange.algorithm == nullptr && found.key_exchange.has_none,
            .has_esn = found.esn.is_offered};
    });
}

}  // namespace warren::ike
