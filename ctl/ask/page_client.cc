#include "ctl/ask/page_client.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <variant>

#include "ctl/ask/daemon.h"
#include "ipc/page_messages.h"

namespace warren::ctl {

namespace {

// statusd is the program that strangers talk to: it may have been taken over.
constexpr std::size_t kMostBody = 64 << 20;  // bytes

std::string encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                              c == '_' || c == '.' || c == '~';
        out += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

// Of problem+json (RFC 9457).
std::string detail_of(const std::string& body) {
    const auto document = nlohmann::json::parse(body, nullptr, false);
    for (const char* key : {"detail", "title"}) {
        if (document.is_object() && document.contains(key) && document[key].is_string())
            return document[key].get<std::string>();
    }
    return "statusd gives no reason";
}

}  // namespace

std::string page_target(std::string path, const std::vector<std::pair<std::string_view, std::string>>& parameters) {
    char before = '?';
    for (const auto& [name, value] : parameters) {
        if (value.empty()) continue;
        path += fmt::format("{}{}={}", before, name, encoded(value));
        before = '&';
    }
    return path;
}

Result<std::string> ask_page(const std::string& run_dir, const std::string& target, int patience_seconds) {
    auto channel = connect_daemon("statusd", run_dir + "/status.sock");
    if (!channel)
        return fail(
            ErrorCode::kUnavailable,
            channel.error().what + "; the past and rates are statusd's, which runs when warren.toml has [status]");
    WARREN_TRY(limit_waiting(*channel, patience_seconds));
    std::vector<std::uint8_t> wire;
    WARREN_TRY(ipc::encode(ipc::PageQuestion{target}, wire));
    std::string body;
    while (true) {
        WARREN_TRY(channel->send(wire));
        std::vector<std::uint8_t> space;
        const auto bytes = receive_from(*channel, "statusd", space);
        if (!bytes) return tl::unexpected<Error>(bytes.error());
        auto message = ipc::decode_page(*bytes);
        if (!message) return with_context("statusd", message.error());
        auto* piece = std::get_if<ipc::PagePiece>(&*message);
        if (piece == nullptr) return fail(ErrorCode::kFailed, "statusd: an unexpected message");
        if (body.size() + piece->text.size() > kMostBody || (piece->more && piece->text.empty()))
            return fail(ErrorCode::kFailed, "statusd: an answer without an end");
        body += piece->text;
        if (!piece->more) {
            if (piece->status == 200) return body;
            if (piece->status == 404) return fail(ErrorCode::kNotFound, "there is no such customer or peer");
            return fail(piece->status == 400 ? ErrorCode::kInvalid : ErrorCode::kUnavailable, detail_of(body));
        }
        wire.clear();
        WARREN_TRY(ipc::encode(ipc::PageNext{}, wire));
    }
}

}  // namespace warren::ctl
