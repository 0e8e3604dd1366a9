#include "vpnd/ike/fragment.h"

#include <algorithm>

#include "base/check.h"

namespace warren::ike {

std::vector<std::vector<std::uint8_t>> seal_in_fragments(Sealer& sealer, const Header& header, const Chain& chain,
                                                         std::size_t fragment_size, Family family,
                                                         crypto::RandomSource& random) {
    WARREN_CHECK(chain.ok() && fragment_size >= kLeastFragmentSize);
    const std::size_t message_size = fragment_size - outer_size(family);
    std::vector<std::vector<std::uint8_t>> out;
    if (sealer.message_size(chain.bytes().size(), false) <= message_size) {
        out.push_back(sealer.seal(header, chain, random));
        return out;
    }
    const std::size_t most = sealer.most_chain(message_size, true);
    const std::size_t total = (chain.bytes().size() + most - 1) / most;
    Bytes rest = chain.bytes();
    for (std::size_t number = 1; number <= total; ++number) {
        const Bytes part = rest.first(std::min(most, rest.size()));
        rest = rest.subspan(part.size());
        const PayloadType first = number == 1 ? chain.first() : PayloadType::kNone;  // RFC 7383 §2.5
        out.push_back(sealer.seal_fragment(header, first, static_cast<std::uint16_t>(number),
                                           static_cast<std::uint16_t>(total), part, random));
    }
    return out;
}

bool Reassembly::is_current(Instant now, const Key& key) const {
    return total_ != 0 && key_ == key && now - started_ < kReassemblyTime;
}

bool Reassembly::has(std::uint16_t number) const {
    return std::any_of(parts_.begin(), parts_.end(), [number](const Part& part) { return part.number == number; });
}

bool Reassembly::wants(Instant now, const Header& header, const SkfPayload& payload) const {
    if (payload.number == 0 || payload.number > payload.total || payload.total > kMostFragments) return false;
    if (!is_current(now, {header.message_id, header.is_response, header.exchange})) return true;
    return payload.total > total_ || (payload.total == total_ && !has(payload.number));
}

Reassembly::Verdict Reassembly::add(Instant now, const Header& header, const SkfPayload& payload,
                                    std::vector<std::uint8_t> part) {
    if (payload.number == 0 || payload.number > payload.total || payload.total > kMostFragments) {
        return Verdict::kRefused;
    }
    if (!wants(now, header, payload)) return Verdict::kIgnored;
    const Key key = {header.message_id, header.is_response, header.exchange};
    if (!is_current(now, key) || payload.total > total_) {
        clear();
        key_ = key;
        total_ = payload.total;
        started_ = now;
    }
    size_ += part.size();
    if (size_ > kMostMessage) {
        crypto::wipe(part);
        clear();
        return Verdict::kRefused;
    }
    if (payload.number == 1) first_ = payload.first;
    parts_.push_back({payload.number, std::move(part)});
    return parts_.size() == total_ ? Verdict::kComplete : Verdict::kWaiting;
}

Opened Reassembly::take() {
    WARREN_CHECK(total_ != 0 && parts_.size() == total_);
    std::sort(parts_.begin(), parts_.end(), [](const Part& a, const Part& b) { return a.number < b.number; });
    std::vector<std::uint8_t> chain;
    chain.reserve(size_);
    for (const Part& part : parts_) chain.insert(chain.end(), part.bytes.begin(), part.bytes.end());
    Opened out(first_, std::move(chain));
    clear();
    return out;
}

Instant Reassembly::deadline() const {
    return total_ == 0 ? kNever : started_ + kReassemblyTime;
}

void Reassembly::clear() {
    for (Part& part : parts_) crypto::wipe(part.bytes);
    parts_.clear();
    size_ = 0;
    total_ = 0;
    first_ = PayloadType::kNone;
}

}  // namespace warren::ike
