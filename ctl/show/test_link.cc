#include "ctl/show/test_link.h"

#include <fmt/format.h>

#include "config/emulation_text.h"

namespace warren::ctl {

namespace {

std::string text_of(const ipc::LinkEmulation& emulation) {
    config::LinkEmulation out;
    out.delay = std::chrono::microseconds(emulation.delay_us);
    out.jitter = std::chrono::microseconds(emulation.jitter_us);
    out.loss = emulation.loss;
    out.reorder = emulation.reorder;
    out.duplicate = emulation.duplicate;
    out.rate = emulation.rate;
    const std::string text = config::summary_of(out);
    return text.empty() ? "nothing" : text;
}

Json json_of(const ipc::LinkEmulation& emulation) {
    Json out;
    out["delay_us"] = emulation.delay_us;
    out["jitter_us"] = emulation.jitter_us;
    out["loss"] = emulation.loss;
    out["reorder"] = emulation.reorder;
    out["duplicate"] = emulation.duplicate;
    out["rate"] = emulation.rate == 0 ? Json() : Json(emulation.rate);
    return out;
}

}  // namespace

bool is_test_link(const ipc::CustomerSettings& settings) {
    return settings.emulate_up != ipc::LinkEmulation{} || settings.emulate_down != ipc::LinkEmulation{};
}

std::string test_link_line(const ipc::CustomerSettings& settings) {
    if (!is_test_link(settings)) return {};
    return fmt::format("test link   up: {}; down: {}\n", text_of(settings.emulate_up), text_of(settings.emulate_down));
}

Json test_link_of(const ipc::CustomerSettings& settings) {
    if (!is_test_link(settings)) return {};
    Json out;
    out["up"] = json_of(settings.emulate_up);
    out["down"] = json_of(settings.emulate_down);
    return out;
}

}  // namespace warren::ctl
