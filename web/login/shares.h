// A bounded resource that all viewers use, for example open event streams: each user, customer and role has a limit,
// and a part is reserved for operators. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "web/login/viewer.h"

namespace warren::web {

// Not thread-safe.
class Shares {
  public:
    struct Limits {
        std::size_t total;
        std::size_t each;       // for one user or token; those of a customer share one
        std::size_t customers;  // for the roles customer and reseller in all
        std::size_t others;     // for all roles but operator together; the rest is reserved for operators
    };

    explicit Shares(Limits limits) : limits_(limits) {}
    Shares(const Shares&) = delete;
    Shares& operator=(const Shares&) = delete;

    // One unit, returned when this is destroyed. The Shares must outlive it.
    class Place {
      public:
        Place(Place&& other) noexcept : shares_(std::exchange(other.shares_, nullptr)), key_(std::move(other.key_)) {}
        Place& operator=(Place&& other) noexcept {
            std::swap(shares_, other.shares_);
            std::swap(key_, other.key_);
            return *this;
        }
        ~Place() {
            if (shares_ != nullptr) shares_->release(key_);
        }

      private:
        friend class Shares;
        using Key = std::pair<access::Role, std::string>;
        Place(Shares* shares, Key key) : shares_(shares), key_(std::move(key)) {}
        Shares* shares_;
        Key key_;
    };

    // Nothing when the viewer's share is used up.
    [[nodiscard]] std::optional<Place> take(const Viewer& viewer);
    [[nodiscard]] std::size_t size() const { return count(access::Role::kOperator) + count_others(); }

  private:
    [[nodiscard]] std::size_t count(access::Role role) const { return by_role_.at(static_cast<std::size_t>(role)); }
    [[nodiscard]] std::size_t count_others() const { return count(access::Role::kViewer) + count_customers(); }
    [[nodiscard]] std::size_t count_customers() const {
        return count(access::Role::kCustomer) + count(access::Role::kReseller);
    }
    void release(const Place::Key& key);

    Limits limits_;
    std::map<Place::Key, std::size_t> by_part_;
    std::array<std::size_t, access::kRoles> by_role_{};
};

}  // namespace warren::web
