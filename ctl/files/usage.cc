#include "ctl/files/usage.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <tuple>

#include "base/fd.h"
#include "config/parse.h"
#include "config/values.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kAtOnce = 4'096;  // records of a read
constexpr int kTries = 3;               // of a record that is being written

using Form = std::array<std::uint8_t, UsageRecord::kSize>;

// vpnd wrote it, whoever is in that: bills have names of customers and peers, and nothing else.
bool is_sound(const UsageRecord& record) {
    return config::is_customer_id(record.customer) && (record.peer.empty() || config::is_identifier(record.peer));
}

auto key_of(const UsageRecord& record) {
    return std::tie(record.customer, record.closed, record.peer);
}

// In order, and each once.
void put_in_order(std::vector<UsageRecord>& records) {
    std::stable_sort(records.begin(), records.end(),
                     [](const UsageRecord& a, const UsageRecord& b) { return key_of(a) < key_of(b); });
    std::size_t count = 0;
    for (UsageRecord& record : records) {
        if (count > 0 && key_of(records[count - 1]) == key_of(record)) {
            UsageRecord& sum = records[count - 1];
            sum.rx_bytes = saturating_sum(sum.rx_bytes, record.rx_bytes);
            sum.tx_bytes = saturating_sum(sum.tx_bytes, record.tx_bytes);
            continue;
        }
        if (&records[count] != &record) records[count] = std::move(record);
        ++count;
    }
    records.resize(count);
}

// Nothing: it is free, or was half written when the machine lost power.
std::optional<UsageRecord> read_again(int file, off_t at) {
    for (int i = 0; i < kTries; ++i) {
        if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        Form bytes{};
        if (::pread(file, bytes.data(), bytes.size(), at) != static_cast<ssize_t>(bytes.size())) return std::nullopt;
        if (auto record = decode_usage(bytes)) return record;
    }
    return std::nullopt;
}

Result<std::vector<UsageRecord>> read_file(int file, const std::string& path, const std::string& customer) {
    std::vector<UsageRecord> out;
    std::vector<std::uint8_t> bytes(kAtOnce * UsageRecord::kSize);
    const Form none{};
    for (std::size_t read = 0; read < kMostUsageRecords;) {
        const auto offset = static_cast<off_t>(read * UsageRecord::kSize);
        const ssize_t got = ::pread(file, bytes.data(), bytes.size(), offset);
        if (got < 0) return fail_errno("read " + path, errno);
        const std::size_t whole = static_cast<std::size_t>(got) / UsageRecord::kSize;
        for (std::size_t i = 0; i < whole; ++i) {
            const auto form = std::span(bytes).subspan(i * UsageRecord::kSize).first<UsageRecord::kSize>();
            auto record = decode_usage(form);
            if (!record && !std::equal(form.begin(), form.end(), none.begin()))
                record = read_again(file, offset + static_cast<off_t>(i * UsageRecord::kSize));
            if (record && is_sound(*record) && (customer.empty() || record->customer == customer))
                out.push_back(std::move(*record));
        }
        read += whole;
        if (whole < kAtOnce) break;
    }
    return out;
}

}  // namespace

Result<std::vector<UsageRecord>> read_usage(const std::string& run_dir, const std::string& state_dir, Month month,
                                            const std::string& customer) {
    for (const std::string& directory : {run_dir, state_dir}) {
        const std::string path = directory + "/usage/" + month_text(month);
        const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (!file.valid() && errno == ENOENT) continue;
        if (!file.valid()) return fail_errno("open " + path, errno);
        auto records = read_file(file.get(), path, customer);
        if (!records) return records;
        put_in_order(*records);
        return records;
    }
    return std::vector<UsageRecord>();
}

}  // namespace warren::ctl
