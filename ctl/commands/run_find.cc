// find, top
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "ctl/ask/page_client.h"
#include "ctl/commands/page_answers.h"
#include "ctl/runners.h"
#include "ctl/show/json.h"
#include "ctl/show/past_views.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kRowsFound = 500;
constexpr std::size_t kRowsTop = 10;
constexpr std::size_t kMostTop = 100;

void say_stale(const Json& answer, Output& output) {
    if (answer.value("stale", false))
        output.err << "vpnctl: vpnd does not answer; this is of " << answer.value("as_of", "an unknown time") << "\n";
}

int show_found(const Invocation& invocation, Output& output) {
    const auto body = ask_page(
        invocation.run_dir,
        page_target("/api/v1/find", {{"text", invocation.arguments[0]}, {"limit", std::to_string(kRowsFound)}}));
    if (!body) return complain_of_page(body.error(), {}, output);
    const Json answer = Json::parse(*body, nullptr, false);
    (void)answer.at("items").get_ref<const Json::array_t&>();
    if (invocation.json) {
        output.out << dump({{"found", answer["items"]}, {"has_more", answer.value("has_more", false)}});
    } else {
        output.out << found_text(answer["items"]);
        if (answer.value("has_more", false)) output.err << "vpnctl: there are more; give more of the text\n";
    }
    say_stale(answer, output);
    return answer["items"].empty() ? kAnswerIsNo : kDone;
}

int show_top(const Invocation& invocation, Output& output) {
    const std::size_t rows = std::min(invocation.past.count.value_or(kRowsTop), kMostTop);
    const auto body = ask_page(invocation.run_dir,
                               page_target("/api/v1/top", {{"limit", std::to_string(std::max<std::size_t>(rows, 1))}}));
    if (!body) return complain_of_page(body.error(), {}, output);
    const Json answer = Json::parse(*body, nullptr, false);
    for (const char* key : {"customers", "peers"}) (void)answer.at(key).get_ref<const Json::array_t&>();
    output.out << (invocation.json ? dump(answer) : top_text(answer));
    say_stale(answer, output);
    return kDone;
}

}  // namespace

int run_find(const Invocation& invocation, Output& output) {
    return show_answer(output, [&] { return show_found(invocation, output); });
}

int run_top(const Invocation& invocation, Output& output) {
    return show_answer(output, [&] { return show_top(invocation, output); });
}

}  // namespace warren::ctl
