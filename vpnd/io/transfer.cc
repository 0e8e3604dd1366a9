#include "vpnd/io/transfer.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace warren::io {

bool TransferRing::push(const dataplane::Transfer& packet) {
    const std::size_t need = (sizeof(Record) + packet.train.bytes.size() + kAlignment - 1) / kAlignment * kAlignment;
    const std::uint64_t tail = tail_.load();
    const std::size_t at = tail % kSize;
    // A record lies in one piece: what is left at the end is skipped when it is too little.
    const std::size_t skipped = at + need > kSize ? kSize - at : 0;
    if (tail + skipped + need - head_.load() > kSize) return false;
    if (memory_ == nullptr) memory_ = std::make_unique_for_overwrite<std::uint8_t[]>(kSize);

    Record record{static_cast<std::uint32_t>(skipped), true, {}};
    // Only the beginning of it, which is all that is read: the end may be nearer than the whole record is long.
    if (skipped > 0) std::memcpy(memory_.get() + at, &record, std::min(skipped, sizeof record));
    std::uint8_t* const to = memory_.get() + (at + skipped) % kSize;
    record = {static_cast<std::uint32_t>(need), false, packet};
    std::memcpy(to, &record, sizeof record);
    if (!packet.train.bytes.empty())
        std::memcpy(to + sizeof record, packet.train.bytes.data(), packet.train.bytes.size());
    tail_.store(tail + skipped + need);
    return true;
}

std::optional<dataplane::Transfer> TransferRing::pop() {
    while (popped_ != tail_.load()) {
        const std::size_t at = popped_ % kSize;
        Record record;
        std::memcpy(&record, memory_.get() + at, std::min(kSize - at, sizeof record));
        popped_ += record.size;
        if (record.is_padding) continue;
        record.packet.train.bytes = MutableBytes(memory_.get() + at + sizeof record, record.packet.train.bytes.size());
        return record.packet;
    }
    return std::nullopt;
}

Result<std::unique_ptr<TransferExchange>> TransferExchange::make(std::uint32_t workers) {
    std::unique_ptr<TransferExchange> out(new TransferExchange);
    for (std::uint32_t i = 0; i < workers; ++i) {
        auto fd = Doorbell::make_fd();
        if (!fd) return tl::unexpected(std::move(fd).error());
        out->bells_.push_back(std::make_unique<Doorbell>(std::move(*fd)));
    }
    out->rings_ = std::make_unique<TransferRing[]>(std::size_t{workers} * workers);
    return out;
}

bool TransferPort::push(const dataplane::Transfer& packet) {
    WARREN_CHECK(exchange_ != nullptr && packet.worker < exchange_->workers() && packet.worker != worker_);
    if (!exchange_->ring(worker_, packet.worker).push(packet)) {
        counters_.refused += packet.packets();
        return false;
    }
    counters_.given += packet.packets();
    to_wake_ |= std::uint64_t{1} << packet.worker;
    return true;
}

void TransferPort::wake() {
    for (; to_wake_ != 0; to_wake_ &= to_wake_ - 1)
        exchange_->bell(static_cast<std::uint32_t>(std::countr_zero(to_wake_))).raise();
}

std::optional<dataplane::Transfer> TransferPort::front(std::uint32_t from) {
    auto packet = exchange_->ring(from, worker_).pop();
    if (packet) counters_.taken += packet->packets();
    return packet;
}

}  // namespace warren::io
