// The records of one month, and the file in which they outlive this process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/usage_record.h"

namespace warren::vpnd {

// In memory as well: a file system that is full loses nothing while this process lives. One thread.
class UsageFile {
  public:
    // Sums begin at zero, without a file.
    explicit UsageFile(Month month = 0) : month_(month) {}
    // From now on the records are kept there too. What the first file has, of other processes, is added; a later one
    // takes its place and adds nothing.
    [[nodiscard]] Status keep_in(UniqueFd file);

    [[nodiscard]] Month month() const { return month_; }
    [[nodiscard]] bool has_file() const { return file_.valid(); }
    // The file, for another object; this one has none from now on.
    [[nodiscard]] UniqueFd release() { return std::move(file_); }
    // Made when there is none. It stays where it is while this object lives. kMostUsageRecords and more: one that is
    // not kept.
    [[nodiscard]] std::size_t find_or_make(std::string_view customer, std::string_view peer, std::uint64_t closed = 0);
    // Null when there is none.
    [[nodiscard]] const UsageRecord* find(std::string_view customer, std::string_view peer) const;
    [[nodiscard]] const UsageRecord& at(std::size_t place) const { return records_[place]; }
    // Grows with each change().
    [[nodiscard]] std::uint64_t version() const { return version_; }
    // To be changed, and written with the next write().
    [[nodiscard]] UsageRecord& change(std::size_t place);
    // `names`: old -> new. Those of a customer that had the new name before are kept under it, below the other's.
    void rename(const std::unordered_map<std::string, std::string>& names);
    // The id is free: what the customer used stays, but is nobody's who has the id next.
    void close(std::string_view customer, WallTime now);
    [[nodiscard]] const std::vector<UsageRecord>& records() const { return records_; }

    // What has changed since the last one. What fails is tried again with the next.
    [[nodiscard]] Status write();
    [[nodiscard]] bool is_full() const { return records_.size() > kMostUsageRecords; }

  private:
    [[nodiscard]] static std::string key_of(std::string_view customer, std::string_view peer, std::uint64_t closed = 0);
    [[nodiscard]] static std::string key_of(const UsageRecord& record);
    void add(const UsageRecord& record);
    [[nodiscard]] Status write(std::size_t first, std::size_t last);

    Month month_;
    UniqueFd file_;
    std::vector<UsageRecord> records_;  // in the order of the file
    std::unordered_map<std::string, std::size_t> places_;
    std::vector<std::size_t> changed_;
    std::vector<bool> is_changed_;  // by place
    std::uint64_t version_ = 0;
};

}  // namespace warren::vpnd
