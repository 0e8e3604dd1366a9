#include "vpnd/listeners/message_queue.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "vpnd/control/rate_limiter.h"

namespace warren::io {

bool MessageQueue::push(const control::Arrival& arrival, Bytes message) {
    WARREN_CHECK(message.size() <= kMostBytes);
    const std::size_t number = hash_(control::source_prefix_of(arrival.from.address)) % kBuckets;
    const auto is_full = [&] { return size_ == kCapacity || bytes_ + message.size() > kMostBytes; };
    const bool pushes_out = is_full();
    while (is_full()) {
        const auto longest = std::max_element(buckets_.begin(), buckets_.end(),
                                              [](const Bucket& a, const Bucket& b) { return a.size < b.size; });
        drop_oldest(static_cast<std::size_t>(longest - buckets_.begin()));
    }
    std::uint16_t at = free_;
    if (at != kNone) {
        free_ = places_[at].next;
    } else {
        at = static_cast<std::uint16_t>(places_.size());
        places_.emplace_back();
    }
    Place& place = places_[at];
    place.next = kNone;
    place.waiting.arrival = arrival;
    place.waiting.bytes.assign(message.begin(), message.end());
    bytes_ += message.size();

    Bucket& bucket = buckets_[number];
    (bucket.size == 0 ? bucket.oldest : places_[bucket.newest].next) = at;
    bucket.newest = at;
    ++bucket.size;
    ++size_;
    waiting_ |= std::uint64_t{1} << number;
    return !pushes_out;
}

const WaitingMessage& MessageQueue::front() const {
    return places_[buckets_[next_in_turn()].oldest].waiting;
}

void MessageQueue::pop() {
    const std::size_t bucket = next_in_turn();
    drop_oldest(bucket);
    turn_ = (bucket + 1) % kBuckets;
    if (size_ > 0 || places_.size() <= kKeptWhenEmpty) return;
    places_ = {};
    free_ = kNone;
}

std::size_t MessageQueue::next_in_turn() const {
    WARREN_CHECK(waiting_ != 0);
    const auto from_turn = std::rotr(waiting_, static_cast<int>(turn_));
    return (turn_ + static_cast<std::size_t>(std::countr_zero(from_turn))) % kBuckets;
}

void MessageQueue::drop_oldest(std::size_t number) {
    Bucket& bucket = buckets_[number];
    const std::uint16_t at = bucket.oldest;
    bucket.oldest = places_[at].next;
    bytes_ -= places_[at].waiting.bytes.size();
    if (--bucket.size == 0) {
        bucket.newest = kNone;
        waiting_ &= ~(std::uint64_t{1} << number);
    }
    places_[at].next = free_;
    free_ = at;
    --size_;
}

}  // namespace warren::io
