#include "ctl/ask/learned.h"

#include <optional>
#include <utility>

#include "ctl/ask/control_client.h"

namespace warren::ctl {

namespace {

constexpr int kPatienceSeconds = 5;

}  // namespace

std::vector<ipc::LearnedFact> learned_of(const std::string& run_dir, const std::string& customer) {
    std::vector<ipc::LearnedFact> out;
    const auto take = [&](const ipc::ControlText& text) {
        if (text.kind != ipc::ControlText::Kind::kFact || text.customer != customer) return;
        if (auto fact = ipc::parse_learned_fact(text.text)) out.push_back(std::move(*fact));
    };
    const ipc::ControlRequest request{ipc::ControlVerb::kStatus, std::nullopt, customer};
    // What is shown beside it is true without this.
    (void)send_request(run_dir, request, take, {}, kPatienceSeconds);
    return out;
}

}  // namespace warren::ctl
