// Writes log lines to a descriptor without ever waiting for its reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

namespace warren {

// Keeps lines that cannot be written yet, up to kMostBytes; lines beyond it are lost and counted. Any thread.
class LogSink {
  public:
    static constexpr std::size_t kMostBytes = 64 * 1024;

    // Does not own `fd`. `lost_line` makes the line that says how many lines were lost; it is written where they are
    // missing.
    LogSink(int fd, std::function<std::string(std::uint64_t)> lost_line) : fd_(fd), lost_line_(std::move(lost_line)) {}

    // Makes the descriptor non-blocking for this process and its children. Opens its file anew, because O_NONBLOCK
    // belongs to the open file that other programs share. Without effect on sockets (which need none of it), on regular
    // files (which have no reader to wait for) and where the file may not be opened: then a write can wait only if
    // another program fills the last free space at the same moment.
    void detach();

    // `line` ends with a newline.
    void put(std::string line);
    // Writes what waits and fits.
    void flush();
    // Something waits, so that flush() is worth calling.
    [[nodiscard]] bool has_waiting() const;

  private:
    void write_waiting();
    [[nodiscard]] std::size_t write_line(const char* begin, std::size_t size) const;

    const int fd_;
    const std::function<std::string(std::uint64_t)> lost_line_;
    mutable std::mutex mutex_;  // guards what follows
    std::string waiting_;
    std::uint64_t lost_ = 0;  // since the last lost_line_
};

}  // namespace warren
