#include "auth/chain/known_chains.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "crypto/sha.h"

namespace warren::auth {

// Of the digests of each: where one certificate ends is part of what is said.
ChainDigest digest_of(std::span<const std::vector<std::uint8_t>> chain) {
    std::vector<std::uint8_t> all;
    for (const auto& certificate : chain) {
        ChainDigest one;
        crypto::digest(crypto::Sha::kSha256, {certificate}, one);
        all.insert(all.end(), one.begin(), one.end());
    }
    ChainDigest out;
    crypto::digest(crypto::Sha::kSha256, {all}, out);
    return out;
}

// --- all parts -----------------------------------------------------------------------------------

// Of several with as much, the one whose oldest chain is the oldest.
KnownPart& KnownChains::most(Measure measure) const {
    const auto found = std::max_element(parts_.begin(), parts_.end(), [measure](const auto* one, const auto* other) {
        return std::pair((one->*measure)(), other->chains_.front().number) <
               std::pair((other->*measure)(), one->chains_.front().number);
    });
    WARREN_CHECK(found != parts_.end());
    return **found;
}

void KnownChains::make_room() {
    while (size_ > kMostKnown) most(&KnownPart::size).forget_oldest();
    while (bytes_ > kMostKnownBytes) most(&KnownPart::bytes).forget_oldest();
}

// --- one part ------------------------------------------------------------------------------------

KnownPart::~KnownPart() {
    while (!chains_.empty()) forget_oldest();
}

const KnownChain* KnownPart::find(const ChainDigest& digest) const {
    const auto found = places_.find(digest);
    return found == places_.end() ? nullptr : &found->second->known;
}

void KnownPart::put(KnownChain known) {
    const ChainDigest digest = known.chain.digest;
    drop(digest);
    if (chains_.empty()) all_.parts_.push_back(this);
    bytes_ += known.chain.bytes;
    all_.bytes_ += known.chain.bytes;
    ++all_.size_;
    chains_.push_back({all_.next_number_++, std::move(known)});
    places_[digest] = std::prev(chains_.end());
    while (size() > kMostKnownOfTrust || bytes() > kMostKnownBytesOfTrust) forget_oldest();
    all_.make_room();
}

void KnownPart::drop(const ChainDigest& digest) {
    const auto found = places_.find(digest);
    if (found != places_.end()) forget(found->second);
}

void KnownPart::forget(Place place) {
    const ReadChain& chain = place->known.chain;
    bytes_ -= chain.bytes;
    all_.bytes_ -= chain.bytes;
    --all_.size_;
    places_.erase(chain.digest);
    chains_.erase(place);
    if (chains_.empty()) std::erase(all_.parts_, this);
}

}  // namespace warren::auth
