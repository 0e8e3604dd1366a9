#include "ctl/show/ways.h"

#include <fmt/format.h>

#include "base/printable.h"
#include "ctl/show/json.h"

namespace warren::ctl {

namespace {

std::string text_of(const diagnosis::Way& way) {
    std::string out = diagnosis::text_of(way.packet) + '\n';
    for (const diagnosis::WayPart& part : way.parts)
        out += fmt::format("  {:<9} {}\n", part.name, printable(part.text));
    return out + printable(way.sentence) + '\n';
}

Json json_of(const diagnosis::Way& way) {
    Json out{
        {"packet", diagnosis::text_of(way.packet)}, {"passes", way.passes},           {"sentence", way.sentence},
        {"reason", text_or_null(way.reason)},       {"rule", text_or_null(way.rule)}, {"end", text_or_null(way.end)}};
    out["parts"] = Json::array();
    for (const diagnosis::WayPart& part : way.parts) out["parts"].push_back({{"name", part.name}, {"text", part.text}});
    return out;
}

}  // namespace

std::string way_text(const diagnosis::Way& way, const std::optional<diagnosis::Way>& answer) {
    return text_of(way) + (answer ? "\nand the answer:\n" + text_of(*answer) : std::string());
}

std::string way_json(const diagnosis::Way& way, const std::optional<diagnosis::Way>& answer) {
    Json out = json_of(way);
    out["answer"] = answer ? json_of(*answer) : Json();
    return dump(out);
}

}  // namespace warren::ctl
