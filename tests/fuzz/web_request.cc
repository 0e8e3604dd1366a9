// A stranger's request: the parts are separated by a zero byte (target, host, cookie, authorization, origin,
// Last-Event-ID, body). No request without a credential gets data or a session.
#include <array>
#include <string>

#include "base/check.h"
#include "web/api/router.h"
#include "web/model/page.h"

namespace {

using namespace warren;
using namespace warren::web;

constexpr Now kNow{{1'000'000'000'000}, {1'700'000'000'000'000'000}};

std::string cut(std::string& text) {
    const auto end = std::min(text.find('\0'), text.size());
    std::string out = text.substr(0, end);
    text.erase(0, end + 1);
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string rest(data, data + size);
    Request request;
    request.target = cut(rest);
    request.host = cut(rest);
    request.cookie = cut(rest);
    request.authorization = cut(rest);
    request.origin = cut(rest);
    request.last_event_id = cut(rest);
    request.body = rest;
    request.accept = "text/event-stream";
    request.content_type = "application/json";

    Census census;
    Gate gate("$argon2id$nobody");
    SystemFacts facts;
    Router router(census, gate, facts, {}, "life");
    if (const auto target = parse_target(request.target)) {
        WARREN_CHECK(target->path.starts_with('/') && !target->segments.empty());
        for (const std::string& segment : target->segments) WARREN_CHECK(segment != "..");
    }
    for (const char* method : {"GET", "POST", "OPTIONS"}) {
        request.method = method;
        const Outcome outcome = router.handle(kNow, request);
        WARREN_CHECK(!std::holds_alternative<Stream>(outcome));
        if (const auto* check = std::get_if<PasswordCheck>(&outcome)) {
            WARREN_CHECK(check->argon2id == "$argon2id$nobody");
            WARREN_CHECK(check->client.device.empty());
            WARREN_CHECK(router.finish_login(kNow, *check, true).status == 401);
        }
        const auto* reply = std::get_if<Reply>(&outcome);
        // These answer 200 without a credential: the page, which is not built here, "ok" and the appliance's name.
        if (reply != nullptr && reply->status == 200)
            WARREN_CHECK(reply->body == kPageNotBuilt || reply->body == "ok\n" || reply->body == R"({"appliance":""})");
    }
    return 0;
}
