// What nodes tell each other about themselves: the roster, which says who may read secrets and is signed by the fleet's
// authority, and each node's certificates. etcd only keeps them; who takes one checks it. PURE.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fleet/ownership/ownership.h"

namespace warren::fleet {

inline constexpr std::size_t kMostPaper = 64 * 1024;  // bytes
inline constexpr std::size_t kMostPapers = 200;

// "roster", or "certificates/NODE".
[[nodiscard]] bool is_paper_key(std::string_view key);

struct Paper {
    std::string key;
    Revision changed = 0;
    std::string text;
};
[[nodiscard]] std::string papers_request();
// What is too large, or has another name, is left out.
[[nodiscard]] Result<std::vector<Paper>> parse_papers(const std::string& body);
// If it was last changed at `changed`; without a text it is removed.
[[nodiscard]] std::string paper_request(const std::string& key, Revision changed,
                                        const std::optional<std::string>& text);

}  // namespace warren::fleet
