// The thread that has the database of the past: the loop of statusd never waits for a disk.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "web/model/past.h"

namespace warren::web {

// Belongs to the thread of the loop, and never waits for its own thread but in stop(). Make it before the system calls
// are restricted.
class PastKeeper {
  public:
    using Id = std::uint64_t;
    // Questions that wait; those beyond are refused.
    static constexpr std::size_t kMostQuestions = 64;

    PastKeeper();
    ~PastKeeper();
    PastKeeper(const PastKeeper&) = delete;
    PastKeeper& operator=(const PastKeeper&) = delete;

    // The answer is Restored. Replaces the database that was open. kInvalid: the file is of no use.
    void open(UniqueFd database, UniqueFd log);
    // One at a time: not while is_writing().
    void write(PastBatch batch, Now now);
    [[nodiscard]] bool is_writing() const { return is_writing_; }
    // False: too many wait.
    [[nodiscard]] bool ask(Id id, PastQuestion question);

    struct Restored {
        Result<RestoredPast> past;
    };
    // kInvalid: the file is of no use any more.
    struct Written {
        Status status;
    };
    struct Answered {
        Id id = 0;
        Result<PastAnswer> answer;
    };
    using News = std::variant<Restored, Written, Answered>;

    // Readable when there is news.
    [[nodiscard]] int fd() const;
    [[nodiscard]] std::vector<News> take();
    // Waits until everything so far is written, or for `patience`. The end.
    void stop(Duration patience);

  private:
    struct Shared;
    static void run(Shared& shared);

    std::shared_ptr<Shared> shared_;  // with a thread that may hang in the disk
    bool is_writing_ = false;
    std::size_t questions_ = 0;
};

}  // namespace warren::web
