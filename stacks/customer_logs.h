// The log of each customer of which rules of the firewall tell (`log = true`), or that has services: RUN_DIR/log/ID,
// short and bounded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/renames.h"
#include "base/result.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "config/generation.h"

namespace warren::stacks {

// Lines of one customer: when a file is full it becomes ID.1, and the one before is gone.
inline constexpr std::size_t kLogFileSize = std::size_t{16} << 10;
// What exceeds that is counted and left out; the kernel leaves out more for each rule before (plan/policy.h).
inline constexpr TokenRate kLogLines{20, 100};
inline constexpr std::size_t kMostLogs = 4'096;  // customers: each has a descriptor and at most 32 kB of the run-dir

// One thread, in the network namespace of the uplink. A customer's flood costs the others nothing but a bounded read
// ten times a second.
class CustomerLogs {
  public:
    explicit CustomerLogs(std::string run_dir) : run_dir_(std::move(run_dir)) {}

    // Listens in the stacks of those customers that log now, and in no others; files of customers that are gone go too.
    // Again and again: a stack may have been made anew since.
    void follow(const config::Generation& generation);
    // The same of this one, whose stack came or went. A socket in one that went would keep it in the kernel.
    void follow_stack(const config::Customer& customer);
    // Of customers and their stacks: what was told of one goes with it, and nobody else reads it. Undone by the
    // reverse.
    void rename(const std::vector<Rename>& renames);
    // Readable when run() has something to do; -1: nobody logs, or not before next_deadline().
    [[nodiscard]] int fd(Instant now) const { return ready_.valid() && now >= due_ ? ready_.get() : -1; }
    [[nodiscard]] Instant next_deadline(Instant now) const { return ready_.valid() && now < due_ ? due_ : kNever; }
    // A bounded share of what there is.
    void run(Instant now, WallTime wall);
    // Lines of something else, each with its end; bounding them is the caller's business.
    void add(const std::string& customer, const std::string& lines);

  private:
    struct Reader {
        UniqueFd socket;
        std::uint64_t stack = 0;                     // the number of its namespace
        std::map<std::uint32_t, std::string> names;  // of its devices
        TokenBucket lines;
        std::uint64_t left_out = 0;
    };
    void follow_stack(const std::string& customer);
    [[nodiscard]] Status listen(const std::string& customer, std::uint64_t stack);
    void read(const std::string& customer, Reader& reader, Instant now, WallTime wall);
    [[nodiscard]] Status append(const std::string& customer, const std::string& lines) const;
    void remove_others(const config::Generation& generation) const;

    std::string run_dir_;
    UniqueFd home_;
    UniqueFd ready_;                         // epoll
    std::map<std::string, Reader> readers_;  // epoll has the addresses of its nodes
    std::vector<std::uint8_t> space_;        // for what is read
    Instant due_ = kLongAgo;
    std::size_t not_read_ = 0;  // customers beyond kMostLogs
    bool has_failed_ = false;   // to write; said once
};

}  // namespace warren::stacks
