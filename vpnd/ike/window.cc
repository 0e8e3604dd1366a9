#include "vpnd/ike/window.h"

#include <array>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "vpnd/ike/limits.h"

namespace warren::ike {

Window::Place Window::place_of(std::uint32_t id) const {
    if (id == next_from_peer_) return Place::kNext;
    return id + 1 == next_from_peer_ ? Place::kLast : Place::kOutside;
}

void Window::answered(Datagrams response) {
    response_ = std::move(response);
    ++next_from_peer_;
}

void Window::sent(Instant now, ExchangeType exchange, Datagrams request, crypto::RandomSource& random) {
    WARREN_CHECK(!is_waiting_);
    exchange_ = exchange;
    ++next_id_;
    is_waiting_ = true;
    changed(now, std::move(request), random);
}

void Window::changed(Instant now, Datagrams request, crypto::RandomSource& random) {
    WARREN_CHECK(is_waiting_);
    request_ = std::move(request);
    sendings_ = 0;
    schedule(now, random);
}

const Datagrams* Window::again(Instant now, crypto::RandomSource& random) {
    if (sendings_ >= kRetransmit.size()) return nullptr;
    schedule(now, random);
    return &request_;
}

Window Window::resume(Kept kept) {
    Window out;
    out.next_from_peer_ = kept.next_from_peer;
    out.next_id_ = kept.next_id;
    out.is_waiting_ = kept.is_waiting;
    out.exchange_ = kept.exchange;
    out.request_ = std::move(kept.request);
    out.response_ = std::move(kept.response);
    if (out.is_waiting_) out.resend_at_ = kLongAgo;
    return out;
}

// With a tenth of jitter: ten thousand peers that were lost at once are not asked at once.
void Window::schedule(Instant now, crypto::RandomSource& random) {
    const Duration usual = kRetransmit[sendings_++];
    resend_at_ = now + random_between(usual - usual / 20, usual + usual / 20, random);
}

Duration random_between(Duration least, Duration most, crypto::RandomSource& random) {
    std::array<std::uint8_t, 8> bytes{};
    random.fill(bytes);
    const auto range = static_cast<std::uint64_t>((most - least).count()) + 1;
    return least + Duration(static_cast<std::int64_t>(load_le<std::uint64_t>(bytes.data()) % range));
}

}  // namespace warren::ike
