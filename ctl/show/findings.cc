#include "ctl/show/findings.h"

#include <fmt/format.h>

#include "base/printable.h"
#include "ctl/show/json.h"

namespace warren::ctl {

std::string findings_text(const std::vector<diagnosis::Finding>& findings) {
    std::string out;
    for (const diagnosis::Finding& one : findings) {
        if (!out.empty()) out += '\n';
        const std::string about = one.customer + (one.peer.empty() ? "" : "/" + one.peer);
        out += fmt::format("{}{}{}\n  seen: {}\n  do:   {}\n", about, about.empty() ? "" : ": ",
                           printable(one.sentence), printable(one.evidence), printable(one.advice));
    }
    return out;
}

std::string findings_json(const std::vector<diagnosis::Finding>& findings) {
    Json out;
    out["findings"] = Json::array();
    for (const diagnosis::Finding& one : findings) {
        out["findings"].push_back({{"kind", std::string(diagnosis::name_of(one.kind))},
                                   {"customer", text_or_null(one.customer)},
                                   {"peer", text_or_null(one.peer)},
                                   {"sentence", one.sentence},
                                   {"evidence", one.evidence},
                                   {"advice", one.advice}});
    }
    return dump(out);
}

}  // namespace warren::ctl
