// The parameters of a request's query, checked. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "web/model/http.h"

namespace warren::web {

// Reads parameters one by one; the first that is wrong is remembered, and `problem()` says what is accepted.
class Query {
  public:
    explicit Query(const Target& target) : target_(target) {}

    // `fallback` when absent.
    [[nodiscard]] std::uint64_t number(std::string_view name, std::uint64_t least, std::uint64_t most,
                                       std::uint64_t fallback);
    // The position in `accepted`; nothing when absent.
    [[nodiscard]] std::optional<std::size_t> choice(std::string_view name, std::span<const std::string_view> accepted);
    // In lower case; "" when absent.
    [[nodiscard]] std::string search(std::string_view name, std::size_t most);

    [[nodiscard]] bool ok() const { return problem_.empty(); }
    [[nodiscard]] Reply error_reply() const { return problem(400, problem_); }

  private:
    const Target& target_;
    std::string problem_;
};

[[nodiscard]] std::string lower(std::string_view text);

}  // namespace warren::web
