#include "web/model/http.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace warren::web {

namespace {

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<std::string> decoded(std::string_view text, bool plus_is_space) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 2 < text.size() ? digit_of(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? digit_of(text[i + 2]) : -1;
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return std::nullopt;
        out += c;
    }
    return out;
}

// Calls `part` with each piece between separators; stops and returns false when a call returns false.
template <typename Part>
bool split(std::string_view text, char separator, Part part) {
    while (true) {
        const auto end = text.find(separator);
        if (!part(text.substr(0, end))) return false;
        if (end == std::string_view::npos) return true;
        text.remove_prefix(end + 1);
    }
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

const Headers& security_headers() {
    static const Headers headers{
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
         "frame-ancestors 'none'; form-action 'self'; base-uri 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Strict-Transport-Security", "max-age=31536000"},
    };
    return headers;
}

std::string_view reason_phrase(unsigned status) {
    switch (status) {
        case 200: return "OK";
        case 204: return "No Content";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 409: return "Conflict";
        case 405: return "Method Not Allowed";
        case 408: return "Request Timeout";
        case 413: return "Content Too Large";
        case 415: return "Unsupported Media Type";
        case 421: return "Misdirected Request";
        case 422: return "Unprocessable Content";
        case 423: return "Locked";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 502: return "Bad Gateway";
        case 504: return "Gateway Timeout";
        case 503: return "Service Unavailable";
        default: return "Error";
    }
}

Reply problem(unsigned status, std::string detail) {
    nlohmann::ordered_json body{{"type", "about:blank"}, {"title", reason_phrase(status)}, {"status", status}};
    if (!detail.empty()) body["detail"] = std::move(detail);
    return {status,
            "application/problem+json",
            body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n",
            {}};
}

const std::string* Target::find(std::string_view name) const {
    const auto found = std::find_if(query.begin(), query.end(), [name](const auto& one) { return one.first == name; });
    return found == query.end() ? nullptr : &found->second;
}

std::optional<Target> parse_target(std::string_view text) {
    if (!text.starts_with('/')) return std::nullopt;
    Target out;
    const auto mark = text.find('?');
    const std::string_view path = text.substr(0, mark);
    const bool path_reads = split(path.substr(1), '/', [&](std::string_view part) {
        auto segment = decoded(part, false);
        if (!segment || *segment == "." || *segment == "..") return false;
        out.path += '/' + *segment;
        out.segments.push_back(std::move(*segment));
        return true;
    });
    const auto empty = std::find(out.segments.begin(), out.segments.end(), std::string());
    if (!path_reads || (empty != out.segments.end() && empty + 1 != out.segments.end())) return std::nullopt;
    if (mark == std::string_view::npos) return out;
    const bool query_reads = split(text.substr(mark + 1), '&', [&](std::string_view part) {
        if (part.empty()) return true;
        const auto equals = part.find('=');
        auto name = decoded(part.substr(0, equals), true);
        auto value = decoded(equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1), true);
        if (!name || !value) return false;
        out.query.emplace_back(std::move(*name), std::move(*value));
        return true;
    });
    if (!query_reads) return std::nullopt;
    return out;
}

std::optional<std::string> cookie_value(std::string_view header, std::string_view name) {
    std::optional<std::string> out;
    split(header, ';', [&](std::string_view part) {
        const auto equals = part.find('=');
        if (equals == std::string_view::npos || trimmed(part.substr(0, equals)) != name) return true;
        out = trimmed(part.substr(equals + 1));
        return false;
    });
    return out;
}

bool accepts_gzip(std::string_view header) {
    std::optional<bool> gzip;
    bool any = false;
    split(header, ',', [&](std::string_view part) {
        const auto end = part.find(';');
        const std::string_view coding = trimmed(part.substr(0, end));
        const std::string_view weight = end == std::string_view::npos ? "" : trimmed(part.substr(end + 1));
        const bool wanted = !weight.starts_with("q=0") || weight.find_first_of("123456789") != std::string_view::npos;
        if (coding == "gzip" || coding == "x-gzip") gzip = wanted;
        if (coding == "*") any = wanted;
        return true;
    });
    return gzip.value_or(any);
}

std::optional<std::string> bearer_token(std::string_view header) {
    constexpr std::string_view kScheme = "bearer ";
    if (header.size() <= kScheme.size()) return std::nullopt;
    const bool is_bearer = std::equal(kScheme.begin(), kScheme.end(), header.begin(), [](char a, char b) {
        return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b);
    });
    if (!is_bearer) return std::nullopt;
    return std::string(trimmed(header.substr(kScheme.size())));
}

IpAddress site_of(const IpAddress& address) {
    if (address.is_v4_mapped()) return IpAddress::from_bytes(Bytes(address.octets).last(4));
    return address.is_v4() ? address : address.masked(64);
}

std::string host_name(std::string_view header) {
    const auto colon =
        header.starts_with('[') ? header.find(':', std::min(header.find(']'), header.size())) : header.find(':');
    std::string out(header.substr(0, colon));
    if (out.starts_with('[')) {
        if (!out.ends_with(']')) return {};
        out = out.substr(1, out.size() - 2);
    }
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return out;
}

}  // namespace warren::web
