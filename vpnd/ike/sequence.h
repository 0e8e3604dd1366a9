// Values one after another in bytes that a reader has checked; they are decoded one by one, nothing is copied.
#pragma once

#include <cstddef>
#include <iterator>

#include "base/bytes.h"

namespace warren::ike {

// `Value::take(Bytes& rest)` decodes the first value of `rest` and leaves what is behind it. The bytes must outlive the
// sequence; only the reader makes one, after it has checked that all of it decodes.
template <typename Value>
class Sequence {
  public:
    Sequence() = default;
    Sequence(Bytes checked, std::size_t count) : bytes_(checked), count_(count) {}

    class Iterator {
      public:
        using value_type = Value;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        Iterator(Bytes rest, std::size_t left) : rest_(rest), left_(left) {
            if (left_ > 0) value_ = Value::take(rest_);
        }
        const Value& operator*() const { return value_; }
        const Value* operator->() const { return &value_; }
        Iterator& operator++() {
            if (--left_ > 0) value_ = Value::take(rest_);
            return *this;
        }
        Iterator operator++(int) {
            Iterator before = *this;
            ++*this;
            return before;
        }
        bool operator==(const Iterator& other) const { return left_ == other.left_; }

      private:
        Bytes rest_;
        std::size_t left_ = 0;
        Value value_{};
    };

    [[nodiscard]] Iterator begin() const { return {bytes_, count_}; }
    [[nodiscard]] Iterator end() const { return {}; }
    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] bool empty() const { return count_ == 0; }
    // As on the wire.
    [[nodiscard]] Bytes bytes() const { return bytes_; }

  private:
    Bytes bytes_;
    std::size_t count_ = 0;
};

}  // namespace warren::ike
