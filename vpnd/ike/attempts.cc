#include "vpnd/ike/attempts.h"

#include <array>

#include "vpnd/ike/suite.h"

namespace warren::ike {

namespace {

// Types of transforms in the order in which people name them.
constexpr std::array kOrder{TransformType::kEncryption, TransformType::kIntegrity, TransformType::kPrf,
                            TransformType::kKeyExchange, TransformType::kEsn};

// False: no more fits.
bool append(std::string& out, std::string_view separator, std::string_view text) {
    if (out.size() + separator.size() + text.size() > kMostNoteText) return false;
    if (!out.empty()) out += separator;
    out += text;
    return true;
}

std::string limited(std::string text) {
    if (text.size() > kMostNoteText) text.resize(kMostNoteText);
    return text;
}

std::string name_of(const Transform& transform) {
    if (transform.type == TransformType::kEsn) return transform.id == 0 ? "noesn" : "esn";
    if (const Algorithm* const known = find_algorithm(transform)) return std::string(known->name);
    return std::to_string(transform.id) +
           (transform.key_bits == 0 ? std::string() : "_" + std::to_string(transform.key_bits));
}

std::string text_of(const ProposalView& proposal) {
    std::string out;
    for (const TransformType type : kOrder) {
        std::string names;
        for (const Transform& transform : proposal.transforms) {
            if (transform.type == type && !append(names, "/", name_of(transform))) break;
        }
        if (!names.empty() && !append(out, "-", names)) break;
    }
    return out;
}

std::string names_of(const std::vector<const Algorithm*>& algorithms) {
    std::string out;
    for (const Algorithm* const one : algorithms) {
        if (!append(out, "/", one->name)) break;
    }
    return out;
}

std::string or_nobody(const std::string& text) {
    return text.empty() ? "nobody" : text;
}

std::string why_missing(const AttemptNote& note, const Directory& directory) {
    const Attempt& attempt = note.attempt;
    const CustomerConfig* const customer = directory.find(note.customer);
    const std::string whose = customer == nullptr ? "any customer" : customer->name;
    switch (note.missing) {
        case Missing::kNothing: break;
        case Missing::kCustomer: return "it asks for " + attempt.asked_identity + ", which no customer is";
        case Missing::kGateway: return "it does not say whom it wants, and there is no ipsec.gateway";
        case Missing::kElsewhere: return "the connection of " + whose + " that expects that is for another address";
        case Missing::kSuite:
            return "the connection of " + whose + " that expects that does not allow " + attempt.offered;
        case Missing::kAmbiguous: return "several connections expect that equally well";
        case Missing::kConnection: {
            std::string out = "no connection of " + whose + " expects that";
            if (const Connection* const nearest = directory.nearest(note.customer, attempt.peer_identity))
                out += "; nearest: " + nearest->name + " (" + to_string(nearest->remote_identity) + ")";
            return out;
        }
    }
    return {};
}

}  // namespace

void Attempts::add(AttemptNote note) {
    if (notes_.size() == kAttemptsKept) notes_.pop_front();
    note.attempt.peer_identity = limited(std::move(note.attempt.peer_identity));
    note.attempt.asked_identity = limited(std::move(note.attempt.asked_identity));
    note.attempt.offered = limited(std::move(note.attempt.offered));
    note.attempt.accepted = limited(std::move(note.attempt.accepted));
    notes_.push_back(std::move(note));
}

std::vector<Attempt> Attempts::tell(const Directory& directory, const Connection* of) const {
    std::vector<Attempt> out;
    for (const AttemptNote& note : notes_) {
        out.push_back(note.attempt);
        out.back().sentence = sentence_of(note, directory, of);
    }
    return out;
}

std::string sentence_of(const AttemptNote& note, const Directory& directory, const Connection* of) {
    const Attempt& attempt = note.attempt;
    std::string out = to_string(attempt.peer.address);
    if (!attempt.peer_identity.empty()) out += " says it is " + attempt.peer_identity;
    if (attempt.is_ours) out = "we called " + out;
    if (!attempt.failure) return out + "; the connection is up";
    if (note.missing != Missing::kNothing) return out + "; " + why_missing(note, directory);
    switch (*attempt.failure) {
        case DropReason::kIkeNoProposal:
            return out + "; it offers " + or_nobody(attempt.offered) + "; taken is " + attempt.accepted;
        case DropReason::kIkeTsUnacceptable:
            return out + "; it wants " + or_nobody(attempt.offered) + "; the connection has " + attempt.accepted;
        case DropReason::kIkeAuthFailed:
            if (of != nullptr && of->auth != Auth::kPsk) break;
            return out + "; its preshared key is not that of " + (of == nullptr ? "the connection" : of->name);
        case DropReason::kIkePeerSilent: return out + "; it did not answer " + note.detail;
        case DropReason::kIkePeerRefused: return out + "; it answered " + note.detail;
        default: break;
    }
    out += "; " + std::string(row_of(*attempt.failure).meaning);
    return note.detail.empty() ? out : out + " (" + note.detail + ")";
}

std::string text_of(const SaPayload& offer) {
    std::string out;
    for (const ProposalView& proposal : offer.proposals) {
        if (!append(out, "; ", text_of(proposal))) return out + " ...";
    }
    return out;
}

std::string text_of(const Policy& policy) {
    std::string out;
    for (const Acceptable& line : policy.lines) {
        std::string text = names_of(line.encryption);
        for (const auto* const names : {&line.integrity, &line.prf, &line.key_exchange}) {
            if (!names->empty() && !append(text, "-", names_of(*names))) break;
        }
        if (!append(out, "; ", text)) return out + " ...";
    }
    return out;
}

}  // namespace warren::ike
