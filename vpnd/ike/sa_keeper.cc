#include "vpnd/ike/sa_keeper.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "crypto/secret.h"

namespace warren::ike {

namespace {

constexpr std::uint64_t kMagic = 0x73746f6c'5f696b65;
constexpr std::size_t kLockedAtOnce = 64;  // places: half a megabyte

// The first place is the header: kMagic, written last, where others have their state; then the form, and the first
// place that was never used.
constexpr std::size_t kFormAt = 0;
constexpr std::size_t kUsedAt = 8;

std::uint64_t used_of(std::span<const KeptSa> table) {
    return load_le<std::uint64_t>(table.front().record.data() + kUsedAt);
}
void set_used(std::span<KeptSa> table, std::uint64_t used) {
    store_le(table.front().record.data() + kUsedAt, used);
}

std::uint64_t start_of(const ConnectionName& name) {
    return load_le<std::uint64_t>(name.data());
}

}  // namespace

void KeptSa::free() {
    state.store(kFree, std::memory_order_release);
    crypto::wipe(MutableBytes(record).first(used()));
}

void KeptSa::clear() {
    state.store(kFree, std::memory_order_release);
    crypto::wipe(record);
}

std::size_t KeptSa::used() const {
    return std::min(size_of_record(record), record.size());
}

SaKeeper::SaKeeper(std::span<KeptSa> table, Lock lock) : table_(table), lock_(std::move(lock)) {
    WARREN_CHECK(table_.size() >= 2);
    const KeptSa& header = table_.front();
    const std::uint64_t magic = header.state.load();
    if (magic == 0) {
        begin();
    } else if (magic == kMagic && load_le<std::uint64_t>(header.record.data() + kFormAt) == kSaForm) {
        inherit();
    } else {
        found_ = Found::kOtherForm;
    }
}

void SaKeeper::begin() {
    store_le(table_.front().record.data() + kFormAt, std::uint64_t{kSaForm});
    set_used(table_, 1);
    table_.front().state.store(kMagic);
}

void SaKeeper::inherit() {
    const std::uint64_t used = std::clamp<std::uint64_t>(used_of(table_), 1, table_.size());
    set_used(table_, used);
    (void)lock_up_to(used);  // as far as it goes: what is there is there
    for (std::uint32_t at = 1; at < used; ++at) {
        if (const auto record = read(at)) {
            const std::uint64_t start = start_of(record->owner.connection);
            inherited_.emplace(start, at);
            start_of_.emplace(at, start);
            found_ = Found::kSas;
        } else {
            table_[at].clear();
            freed_.push_back(at);
        }
    }
}

std::vector<std::uint32_t> SaKeeper::find(const ConnectionName& connection) const {
    std::vector<std::uint32_t> out;
    const auto [first, last] = inherited_.equal_range(start_of(connection));
    for (auto it = first; it != last; ++it) out.push_back(it->second);
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<std::uint32_t> SaKeeper::rest() const {
    std::vector<std::uint32_t> out;
    for (const auto& [place, start] : start_of_) out.push_back(place);
    std::sort(out.begin(), out.end());
    return out;
}

std::optional<SaRecord> SaKeeper::read(std::uint32_t place) const {
    const KeptSa& kept = table_[place];
    if (kept.state.load(std::memory_order_acquire) != KeptSa::kUsed) return std::nullopt;
    return ike::read(kept.record);
}

void SaKeeper::disinherit(std::uint32_t place) {
    const auto held = start_of_.find(place);
    WARREN_CHECK(held != start_of_.end());
    const auto [first, last] = inherited_.equal_range(held->second);
    inherited_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == place; }));
    start_of_.erase(held);
}

void SaKeeper::take_over(std::uint32_t place, CustomerIndex customer) {
    disinherit(place);
    customer_of_[place] = customer;
    ++of_customer_[customer];
}

void SaKeeper::forget(std::uint32_t place) {
    disinherit(place);
    table_[place].free();
    freed_.push_back(place);
}

bool SaKeeper::lock_up_to(std::size_t places) {
    while (lock_ && locked_ < places) {
        const auto part = table_.subspan(locked_, std::min(kLockedAtOnce, table_.size() - locked_));
        if (!lock_(part)) return false;
        locked_ += part.size();
    }
    return true;
}

std::optional<std::uint32_t> SaKeeper::allocate(CustomerIndex customer) {
    const std::size_t left = table_.size() - 1 - customer_of_.size() - inherited_.size();
    const auto present = of_customer_.find(customer);
    if ((present == of_customer_.end() ? 0 : present->second) >= left) return std::nullopt;
    std::uint32_t place = 0;
    if (!freed_.empty()) {
        place = freed_.front();
        freed_.pop_front();
    } else {
        const std::uint64_t next = used_of(table_);
        if (next >= table_.size() || !lock_up_to(next + 1)) return std::nullopt;
        set_used(table_, next + 1);
        place = static_cast<std::uint32_t>(next);
    }
    customer_of_[place] = customer;
    ++of_customer_[customer];
    return place;
}

bool SaKeeper::write(std::uint32_t place, const SaOwner& owner, const IkeSa& sa) {
    KeptSa& kept = table_[place];
    const std::size_t size = ike::write(owner, sa, scratch_);
    const auto from = Bytes(scratch_).first(size);
    const bool is_same =
        size != 0 && kept.state.load() == KeptSa::kUsed && std::equal(from.begin(), from.end(), kept.record.begin());
    if (size != 0 && !is_same) {
        const std::size_t before = kept.used();
        kept.state.store(KeptSa::kFree, std::memory_order_release);
        std::copy(from.begin(), from.end(), kept.record.begin());
        if (before > size) crypto::wipe(MutableBytes(kept.record).subspan(size, before - size));
        kept.state.store(KeptSa::kUsed, std::memory_order_release);
    }
    crypto::wipe(scratch_);
    return size != 0;
}

void SaKeeper::free(std::uint32_t place) {
    const auto held = customer_of_.find(place);
    WARREN_CHECK(held != customer_of_.end());
    const auto customer = of_customer_.find(held->second);
    if (--customer->second == 0) of_customer_.erase(customer);
    customer_of_.erase(held);
    table_[place].free();
    freed_.push_back(place);
}

}  // namespace warren::ike
