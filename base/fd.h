// One owner for every descriptor.
#pragma once

#include <utility>

namespace warren {

// Owns a file descriptor, closes it at the end. Movable, not copyable.
class UniqueFd {
  public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() { reset(); }

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool valid() const { return fd_ >= 0; }
    // Gives the descriptor away: the caller closes it.
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    void reset();
    // A second descriptor for the same file, close-on-exec; invalid when there are none left.
    [[nodiscard]] UniqueFd duplicate() const;

  private:
    int fd_ = -1;
};

// Opens /dev/null at each of the descriptors 0 to 2 that is closed, so that no socket gets such a number, and with it
// what is written to standard error. Call it before anything else is opened.
void open_standard_streams();

}  // namespace warren
