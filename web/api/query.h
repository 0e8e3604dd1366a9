// Parses and checks the query parameters of a request. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/time.h"
#include "web/model/http.h"

namespace warren::web {

// Reads parameters one by one and remembers the first invalid one; error_reply() says what it accepts.
class Query {
  public:
    explicit Query(const Target& target) : target_(target) {}

    // `fallback` when absent.
    [[nodiscard]] std::uint64_t number(std::string_view name, std::uint64_t least, std::uint64_t most,
                                       std::uint64_t fallback);
    // The position in `accepted`; nothing when absent or invalid.
    [[nodiscard]] std::optional<std::size_t> choice(std::string_view name, std::span<const std::string_view> accepted);
    // As parse_utc() reads it.
    [[nodiscard]] std::optional<WallTime> time(std::string_view name);
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
