#include "alerts/model/formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/utc_text.h"
#include "crypto/hmac_sha.h"

namespace warren::alerts {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr int kDaemonFacility = 3;  // RFC 5424 §6.2.1
constexpr std::size_t kBase64Line = 76;

// Of the sequence that begins there; 0: it is none (RFC 3629 §4).
std::size_t sequence_length(std::string_view text) {
    const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = at(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                               : first >= 0xe0 && first <= 0xef ? 3
                               : first >= 0xf0 && first <= 0xf4 ? 4
                                                                : 0;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((at(i) & 0xc0U) != 0x80) return 0;
    }
    const bool is_overlong = (first == 0xe0 && at(1) < 0xa0) || (first == 0xf0 && at(1) < 0x90);
    const bool is_no_character = (first == 0xed && at(1) >= 0xa0) || (first == 0xf4 && at(1) >= 0x90);
    return is_overlong || is_no_character ? 0 : length;
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t bits = 0;
        const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
        for (std::size_t j = 0; j < 3; ++j)
            bits = (bits << 8U) | (j < have ? static_cast<unsigned char>(bytes[i + j]) : 0U);
        for (std::size_t j = 0; j < 4; ++j) out += j <= have ? kDigits[(bits >> (18 - 6 * j)) & 0x3fU] : '=';
    }
    return out;
}

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// The value of a header: an encoded word of RFC 2047 where it has more than ASCII. At most 45 bytes of text each.
std::string header_text(std::string_view text) {
    if (is_ascii(text) && text.find("=?") == std::string_view::npos) return std::string(text);
    std::string out;
    while (!text.empty()) {
        std::size_t size = std::min<std::size_t>(text.size(), 45);
        while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80) --size;
        if (!out.empty()) out += "\r\n ";
        out += fmt::format("=?UTF-8?B?{}?=", base64(text.substr(0, size)));
        text.remove_prefix(size);
    }
    return out;
}

// One on each line: a line has at most 998 octets (RFC 5322 §2.1.1).
std::string recipients_text(const std::vector<std::string>& recipients) {
    std::string out;
    for (const std::string& recipient : recipients) out += (out.empty() ? "" : ",\r\n ") + harmless(recipient);
    return out;
}

// "Mon, 30 Nov 2026 14:38:02 +0000" (RFC 5322 §3.3).
std::string mail_date(WallTime at) {
    constexpr std::array<std::string_view, 7> kDays{"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::string text = utc_text(at);  // 2026-11-30T14:38:02Z
    const std::int64_t days = std::max<std::int64_t>(at.nanoseconds, 0) / kSecond / 86'400;
    const auto month = static_cast<std::size_t>((text[5] - '0') * 10 + text[6] - '0');
    return fmt::format("{}, {} {} {} {} +0000", kDays[static_cast<std::size_t>(days % 7)], text.substr(8, 2),
                       kMonths.at(std::clamp<std::size_t>(month, 1, 12) - 1), text.substr(0, 4), text.substr(11, 8));
}

// A PARAM-VALUE of RFC 5424 §6.3.3.
std::string parameter(std::string_view text) {
    std::string out;
    for (const char c : harmless(text)) {
        if (c == '"' || c == '\\' || c == ']') out += '\\';
        out += c;
    }
    return out;
}

// A field of the header of RFC 5424: printable ASCII without spaces.
std::string syslog_field(std::string_view text, std::size_t most) {
    std::string out;
    for (const char c : text.substr(0, most)) out += c > ' ' && c < 0x7f ? c : '_';
    return out.empty() ? "-" : out;
}

int priority(Severity severity) {
    const int level = severity == Severity::kCritical ? 2 : severity == Severity::kWarning ? 4 : 6;
    return kDaemonFacility * 8 + level;
}

}  // namespace

std::string harmless(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        const auto first = static_cast<unsigned char>(text[0]);
        // C1 controls, the separators of lines and paragraphs, and what turns the direction of the text after it.
        const bool is_c1 = length == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
        const auto last = length == 3 ? static_cast<unsigned char>(text[2]) : 0U;
        const bool is_line = (text.starts_with("\xe2\x80") && last >= 0xa8 && last <= 0xae) ||
                             (text.starts_with("\xe2\x81") && last >= 0xa6 && last <= 0xa9);
        if (length == 0) {
            out += '?';
        } else if (first < 0x20 || first == 0x7f || is_c1 || is_line) {
            out += ' ';
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return out;
}

std::string webhook_body(const std::string& appliance, const Outbox::Batch& batch) {
    nlohmann::ordered_json out{{"version", 1}, {"appliance", harmless(appliance)}, {"dropped", batch.dropped}};
    out["alerts"] = nlohmann::ordered_json::array();
    for (const Alert& alert : batch.alerts)
        out["alerts"].push_back({{"id", std::to_string(alert.id)},
                                 {"state", name_of(alert.state)},
                                 {"severity", name_of(alert.severity)},
                                 {"kind", harmless(alert.subject.kind)},
                                 {"customer", harmless(alert.subject.customer)},
                                 {"name", harmless(alert.subject.name)},
                                 {"text", harmless(alert.text)},
                                 {"since", utc_text(alert.since)},
                                 {"at", utc_text(alert.at)}});
    return out.dump();
}

std::string signature(Bytes key, std::int64_t seconds, std::string_view body) {
    const std::string time = std::to_string(seconds);
    std::array<std::uint8_t, 32> mac{};
    crypto::hmac(crypto::Sha::kSha256, key, {as_bytes(time), as_bytes(std::string_view(".")), as_bytes(body)}, mac);
    std::string out = fmt::format("t={},v1=", time);
    for (const std::uint8_t byte : mac) out += fmt::format("{:02x}", byte);
    return out;
}

std::string syslog_message(const std::string& appliance, const Alert& alert) {
    // The number of an enterprise is not ours to use; 32473 is the one for documentation (RFC 5612).
    const std::string data =
        fmt::format(R"([warren@32473 id="{}" state="{}" severity="{}" kind="{}" customer="{}" name="{}" since="{}"])",
                    alert.id, name_of(alert.state), name_of(alert.severity), parameter(alert.subject.kind),
                    parameter(alert.subject.customer), parameter(alert.subject.name), utc_text(alert.since));
    return fmt::format("<{}>1 {} {} warren - {} {} \xef\xbb\xbf{}", priority(alert.severity), utc_text(alert.at),
                       syslog_field(appliance, 255), syslog_field(alert.subject.kind, 32), data, harmless(alert.text));
}

Alert dropped_alert(std::uint64_t dropped, WallTime now) {
    return {0,
            AlertState::kEvent,
            Severity::kWarning,
            {"alerts_dropped", "", ""},
            fmt::format("{} earlier alerts were dropped: too many waited, or for too long.", dropped),
            now,
            now};
}

std::string syslog_frame(const std::string& message) {
    return fmt::format("{} {}", message.size(), message);
}

std::string mail_text(const Envelope& envelope, const Outbox::Batch& batch, WallTime now) {
    const Alert& first = batch.alerts.front();
    const std::string appliance = harmless(envelope.appliance);
    std::string subject = batch.alerts.size() == 1
                              ? fmt::format("[{}] {}", appliance, harmless(first.text))
                              : fmt::format("[{}] {} alerts: {}", appliance, batch.alerts.size(), harmless(first.text));
    if (subject.size() > 200) {
        std::size_t cut = 200;
        while ((static_cast<unsigned char>(subject[cut]) & 0xc0U) == 0x80) --cut;
        subject.resize(cut);
    }
    std::string body;
    for (const Alert& alert : batch.alerts)
        body += fmt::format("{}  {}, {}: {}\r\n    since {}, {}, id {}\r\n\r\n", utc_text(alert.at),
                            name_of(alert.state), name_of(alert.severity), harmless(alert.text), utc_text(alert.since),
                            harmless(alert.subject.kind), alert.id);
    if (batch.dropped > 0) body += dropped_alert(batch.dropped, now).text + "\r\n\r\n";
    body += fmt::format("-- \r\nWarren on {}\r\n", appliance);
    const std::string domain = envelope.from.substr(envelope.from.find('@') + 1);
    std::string out = fmt::format("Date: {}\r\nFrom: {}\r\nTo: {}\r\nSubject: {}\r\n", mail_date(now),
                                  harmless(envelope.from), recipients_text(envelope.to), header_text(subject));
    // The same alerts have the same id, so that a reader may show a mail that came twice once.
    out += fmt::format("Message-ID: <{}.{}@{}>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n", first.id,
                       batch.alerts.size(), harmless(domain));
    out += "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    const std::string encoded = base64(body);
    for (std::size_t i = 0; i < encoded.size(); i += kBase64Line) out += encoded.substr(i, kBase64Line) + "\r\n";
    return out;
}

}  // namespace warren::alerts
