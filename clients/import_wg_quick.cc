#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "clients/import.h"

namespace warren::clients {

namespace {

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

std::optional<std::uint16_t> number_of(std::string_view text) {
    std::uint16_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return out;
}

bool is_base64(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
           c == '=';
}

// As long as the text of a key, which has 44 characters; one that lost a few is secret enough.
bool has_long_base64(std::string_view text) {
    constexpr std::size_t kShortest = 40;
    std::size_t run = 0;
    return std::any_of(text.begin(), text.end(),
                       [&run](char c) { return (run = is_base64(c) ? run + 1 : 0) >= kShortest; });
}

// A line of a key that was commented out, or anything as long as a key: no name, whatever it is.
bool may_be_key(std::string_view comment) {
    const auto key = lower(comment).find("key");
    return has_long_base64(comment) ||
           (key != std::string_view::npos && comment.find_first_of("=:", key) != std::string_view::npos);
}

// What wg-quick(8) and wg(8) know, in small letters.
constexpr std::array<std::string_view, 17> kWords{
    "address", "allowedips",          "dns",       "endpoint",   "fwmark",  "listenport",
    "mtu",     "persistentkeepalive", "postdown",  "postup",     "predown", "presharedkey",
    "preup",   "privatekey",          "publickey", "saveconfig", "table"};

class Reader {
  public:
    Imported read(std::string_view text) {
        while (!text.empty()) {
            ++line_;
            const auto newline = std::min(text.find('\n'), text.size());
            read_line(text.substr(0, newline));
            text.remove_prefix(std::min(newline + 1, text.size()));
        }
        end_section();
        return std::move(out_);
    }

  private:
    enum class Section { kNone, kInterface, kPeer, kOther };

    void note(std::string text) { out_.notes.push_back({line_, std::move(text)}); }
    void error(std::string text) { out_.errors.push_back({line_, std::move(text)}); }

    void read_line(std::string_view whole) {
        const auto hash = whole.find('#');
        const std::string_view line = trimmed(whole.substr(0, hash));
        const std::string_view comment =
            hash == std::string_view::npos ? std::string_view() : trimmed(whole.substr(hash + 1));
        if (line.empty()) return read_comment(comment);
        if (line.front() == '[') {
            begin_section(lower(line), comment);
            return;
        }
        const auto equals = line.find('=');
        if (equals == std::string_view::npos) return error("no \"=\" in it; accepted: a section or a key with a value");
        read_key(trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)));
        if (!comment.empty()) note_comment(comment);
        is_first_ = false;
    }

    // One before a [Peer] or at its beginning names it. "Name = x" and "### Client x" are what tools write.
    void read_comment(std::string_view comment) {
        if (comment.empty()) return;
        if (may_be_key(comment)) return note_comment(comment);
        if (section_ == Section::kPeer && is_first_ && out_.peers.back().name.empty()) {
            out_.peers.back().name = name_in(comment);
            return;
        }
        if (!comment_.empty()) note_comment(comment_, comment_line_);
        comment_ = comment;
        comment_line_ = line_;
    }

    static std::string name_in(std::string_view comment) {
        comment = comment.substr(std::min(comment.find_first_not_of("# \t"), comment.size()));
        for (const std::string_view key : {"name", "client", "friendly_name", "begin_peer"}) {
            if (!lower(comment.substr(0, key.size())).starts_with(key)) continue;
            const std::string_view rest = comment.substr(key.size());
            if (rest.empty() || std::string_view(" \t=:").find(rest.front()) == std::string_view::npos) continue;
            comment = rest.substr(std::min(rest.find_first_not_of(" \t=:"), rest.size()));
            break;
        }
        return std::string(trimmed(comment));
    }

    void note_comment(std::string_view comment, unsigned line = 0) {
        out_.notes.push_back({line == 0 ? line_ : line, fmt::format("a comment: {}", shown(comment))});
    }

    // No key in a message: a commented-out one may stand in a comment.
    static std::string shown(std::string_view text) {
        constexpr std::size_t kLongest = 60;
        if (has_long_base64(text) || lower(text).find("key") != std::string::npos) return "(a key)";
        return std::string(text.substr(0, kLongest)) + (text.size() > kLongest ? "..." : "");
    }

    void begin_section(const std::string& header, std::string_view comment) {
        end_section();
        if (may_be_key(comment)) {
            note_comment(comment);
            comment = {};
        }
        is_first_ = true;
        if (header == "[peer]") {
            section_ = Section::kPeer;
            out_.peers.emplace_back();
            peer_line_ = line_;
            const std::string_view name = comment.empty() ? std::string_view(comment_) : comment;
            out_.peers.back().name = name_in(name);
            if (!comment.empty() && !comment_.empty()) note_comment(comment_, comment_line_);
        } else {
            if (!comment_.empty()) note_comment(comment_, comment_line_);
            section_ = header == "[interface]" ? Section::kInterface : Section::kOther;
            if (section_ == Section::kOther) error("an unknown section; accepted: [Interface] and [Peer]");
        }
        comment_.clear();
    }

    void end_section() {
        if (section_ != Section::kPeer) return;
        if (out_.peers.back().public_key.empty()) out_.errors.push_back({peer_line_, "this [Peer] has no PublicKey"});
        section_ = Section::kNone;
    }

    void read_key(std::string_view key, std::string_view value) {
        const std::string name = lower(key);
        const bool known = section_ == Section::kInterface ? read_interface(name, value)
                           : section_ == Section::kPeer    ? read_peer(name, value)
                                                           : false;
        if (!known) note(fmt::format("{} is not translated", shown_key(key)));
    }

    // Nothing else of the line: a key's text, which ends with "=", may stand where a word does.
    static std::string shown_key(std::string_view key) {
        const bool is_word = std::find(kWords.begin(), kWords.end(), lower(key)) != kWords.end();
        return is_word ? std::string(key) : "a line";
    }

    bool read_interface(const std::string& key, std::string_view value) {
        if (key == "address") {
            for_each_part(value, [&](std::string_view part) {
                const auto prefix = parse_prefix(part);
                if (!prefix) return error(fmt::format("Address: \"{}\" is no address", part));
                out_.addresses.push_back(*prefix);
            });
        } else if (key == "listenport") {
            out_.listen_port = number_of(value);
            if (!out_.listen_port) error("ListenPort is no number");
        } else if (key == "mtu") {
            out_.mtu = number_of(value);
            if (!out_.mtu) error("MTU is no number");
        } else if (key == "privatekey") {
            out_.private_key = value;
        } else {
            return false;
        }
        return true;
    }

    bool read_peer(const std::string& key, std::string_view value) {
        ImportedPeer& peer = out_.peers.back();
        if (key == "publickey") {
            if (!crypto::parse_public_key(value)) error("PublicKey is no public key");
            peer.public_key = value;
        } else if (key == "presharedkey") {
            peer.preshared_key = value;
        } else if (key == "allowedips") {
            for_each_part(value, [&](std::string_view part) { read_network(part, peer); });
        } else if (key == "endpoint") {
            peer.endpoint = parse_endpoint(value);
            if (!peer.endpoint) note("Endpoint is a name, which is not resolved: only the peer can initiate");
        } else if (key == "persistentkeepalive") {
            if (lower(value) == "off") return true;
            const auto seconds = number_of(value);
            if (!seconds) error("PersistentKeepalive is no number");
            peer.persistent_keepalive_seconds = seconds.value_or(0);
        } else {
            return false;
        }
        return true;
    }

    void read_network(std::string_view part, ImportedPeer& peer) {
        const auto network = parse_prefix(part);
        if (!network) return error(fmt::format("AllowedIPs: \"{}\" is no network", part));
        if (network->has_host_bits())
            note(fmt::format("AllowedIPs: {} became {}", to_string(*network), to_string(network->network())));
        peer.networks.push_back(network->network());
    }

    template <typename Use>
    static void for_each_part(std::string_view value, const Use& use) {
        while (true) {
            const auto comma = value.find(',');
            if (const auto part = trimmed(value.substr(0, comma)); !part.empty()) use(part);
            if (comma == std::string_view::npos) return;
            value.remove_prefix(comma + 1);
        }
    }

    Imported out_;
    unsigned line_ = 0;
    Section section_ = Section::kNone;
    bool is_first_ = false;  // no key of the section was read
    unsigned peer_line_ = 0;
    std::string comment_;  // the last one, which may name the next peer
    unsigned comment_line_ = 0;
};

}  // namespace

Imported import_wg_quick(std::string_view text) {
    return Reader().read(text);
}

}  // namespace warren::clients
