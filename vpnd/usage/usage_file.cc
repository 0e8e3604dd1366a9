#include "vpnd/usage/usage_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ratio>
#include <utility>

namespace warren::vpnd {

namespace {

constexpr std::size_t kAtOnce = 4'096;  // records of a read or a write
constexpr std::size_t kGap = 16;        // unchanged records between changed ones that are written with them

off_t offset_of(std::size_t place) {
    return static_cast<off_t>(place * UsageRecord::kSize);
}

}  // namespace

std::string UsageFile::key_of(std::string_view customer, std::string_view peer, std::uint64_t closed) {
    std::string key(customer);
    key += '/';
    key += peer;
    if (closed != 0) key += '/' + std::to_string(closed);
    return key;
}

std::string UsageFile::key_of(const UsageRecord& record) {
    return key_of(record.customer, record.peer, record.closed);
}

Status UsageFile::keep_in(UniqueFd file) {
    if (file_.valid()) {  // what another one has of this month is ours, or an old copy of it
        file_ = std::move(file);
        for (std::size_t place = 0; place < records_.size(); ++place) (void)change(place);
        if (::ftruncate(file_.get(), offset_of(records_.size())) != 0) return fail_errno("set the size", errno);
        return {};
    }
    // The records of the file come first, so that they stay where they are in it.
    std::vector<UsageRecord> own = std::exchange(records_, {});
    places_.clear();
    std::vector<std::uint8_t> bytes(kAtOnce * UsageRecord::kSize);
    std::size_t read = 0;
    const std::size_t counted = own.size();
    std::vector<std::size_t> twice;  // places that are free from now on
    while (read < kMostUsageRecords) {
        const ssize_t got = ::pread(file.get(), bytes.data(), bytes.size(), offset_of(read));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            const int error = errno;
            records_.clear();
            places_.clear();
            own.resize(counted);
            for (const UsageRecord& record : own) add(record);
            return fail_errno("read the records of the month", error);
        }
        const std::size_t whole = static_cast<std::size_t>(got) / UsageRecord::kSize;
        for (std::size_t i = 0; i < whole; ++i) {
            const auto at = std::span(bytes).subspan(i * UsageRecord::kSize).first<UsageRecord::kSize>();
            // One that was half written when the machine lost power is free.
            auto record = decode_usage(at);
            if (record && !places_.try_emplace(key_of(*record), records_.size()).second) {
                own.push_back(std::move(*record));  // a second one of the same is added to the first
                twice.push_back(records_.size());
                record.reset();
            }
            records_.push_back(record.value_or(UsageRecord{}));
        }
        read += whole;
        if (whole < kAtOnce) break;
    }
    file_ = std::move(file);
    changed_.clear();
    is_changed_.assign(records_.size(), false);
    for (const std::size_t place : twice) (void)change(place);
    for (const UsageRecord& record : own) {
        if (!record.customer.empty()) add(record);
    }
    return {};
}

void UsageFile::add(const UsageRecord& record) {
    UsageRecord& sum = change(find_or_make(record.customer, record.peer, record.closed));
    sum.rx_bytes = saturating_sum(sum.rx_bytes, record.rx_bytes);
    sum.tx_bytes = saturating_sum(sum.tx_bytes, record.tx_bytes);
    if (record.quota != 0) sum.quota = record.quota;
    sum.told_expiry = std::max(sum.told_expiry, record.told_expiry);
    sum.is_told_nearly = sum.is_told_nearly || record.is_told_nearly;
    sum.is_told_spent = sum.is_told_spent || record.is_told_spent;
}

std::size_t UsageFile::find_or_make(std::string_view customer, std::string_view peer, std::uint64_t closed) {
    const auto [found, is_new] = places_.try_emplace(key_of(customer, peer, closed), records_.size());
    if (is_new) {
        UsageRecord record;
        record.customer = customer;
        record.peer = peer;
        record.closed = closed;
        records_.push_back(std::move(record));
    }
    return found->second;
}

const UsageRecord* UsageFile::find(std::string_view customer, std::string_view peer) const {
    const auto found = places_.find(key_of(customer, peer));
    return found == places_.end() ? nullptr : &records_[found->second];
}

UsageRecord& UsageFile::change(std::size_t place) {
    if (is_changed_.size() <= place) is_changed_.resize(records_.size());
    if (!is_changed_[place]) changed_.push_back(place);
    is_changed_[place] = true;
    ++version_;
    return records_[place];
}

void UsageFile::rename(const std::unordered_map<std::string, std::string>& names) {
    std::vector<std::size_t> moved;
    for (std::size_t place = 0; place < records_.size(); ++place) {
        if (records_[place].closed == 0 && names.contains(records_[place].customer)) moved.push_back(place);
    }
    for (const std::size_t place : moved) places_.erase(key_of(records_[place].customer, records_[place].peer));
    for (const std::size_t place : moved) {
        UsageRecord record = std::exchange(change(place), UsageRecord{});
        record.customer = names.at(record.customer);
        const auto [found, is_new] = places_.try_emplace(key_of(record.customer, record.peer), place);
        if (is_new) {
            records_[place] = std::move(record);
        } else {
            add(record);  // of one that was removed before, and had the name in this month
        }
    }
}

void UsageFile::close(std::string_view customer, WallTime now) {
    const auto seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(now.nanoseconds / std::nano::den, 1));
    for (std::size_t place = 0; place < records_.size(); ++place) {
        if (records_[place].closed != 0 || records_[place].customer != customer) continue;
        UsageRecord record = std::exchange(change(place), UsageRecord{});
        places_.erase(key_of(record));
        record.closed = seconds;
        const bool is_new = places_.try_emplace(key_of(record), place).second;
        if (is_new) {
            records_[place] = std::move(record);
        } else {
            add(record);  // of one that went in the same second
        }
    }
}

Status UsageFile::write() {
    if (!file_.valid() || changed_.empty()) return {};
    std::sort(changed_.begin(), changed_.end());
    for (std::size_t i = 0; i < changed_.size();) {
        std::size_t end = i + 1;
        while (end < changed_.size() && changed_[end] - changed_[end - 1] <= kGap &&
               changed_[end] - changed_[i] < kAtOnce)
            ++end;
        if (const Status written = write(changed_[i], changed_[end - 1]); !written) {
            changed_.erase(changed_.begin(), changed_.begin() + static_cast<std::ptrdiff_t>(i));
            return written;
        }
        for (std::size_t done = i; done < end; ++done) is_changed_[changed_[done]] = false;
        i = end;
    }
    changed_.clear();
    return {};
}

Status UsageFile::write(std::size_t first, std::size_t last) {
    if (first >= kMostUsageRecords) return {};
    last = std::min(last, kMostUsageRecords - 1);
    std::vector<std::uint8_t> bytes((last - first + 1) * UsageRecord::kSize);
    for (std::size_t place = first; place <= last; ++place) {
        const auto to = std::span(bytes).subspan((place - first) * UsageRecord::kSize).first<UsageRecord::kSize>();
        if (!records_[place].customer.empty()) encode(records_[place], to);
    }
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t wrote = ::pwrite(file_.get(), bytes.data() + done, bytes.size() - done,
                                       offset_of(first) + static_cast<off_t>(done));
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return fail_errno("write the records of the month", wrote < 0 ? errno : ENOSPC);
        done += static_cast<std::size_t>(wrote);
    }
    return {};
}

}  // namespace warren::vpnd
