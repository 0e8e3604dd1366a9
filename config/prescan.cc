#include "config/prescan.h"

#include <fmt/format.h>

namespace warren::config {

namespace {

// Walks through the text, one byte at a time, and knows whether it is in a string or a comment.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    std::optional<Refusal> scan() {
        if (is_utf16()) return Refusal{{1, 1, 0}, "this file is UTF-16; save it as UTF-8"};
        if (text_.find('\r') != std::string_view::npos && text_.find('\n') == std::string_view::npos)
            return Refusal{{1, 1, 0}, "this file ends its lines with CR alone; save it with LF or CRLF"};
        if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;  // a byte order mark
        for (; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (auto refused = check_character(c)) return refused;
            if (c == '\n') {
                next_line();
                continue;
            }
            if (auto refused = step(c)) return refused;
            if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++column_;
        }
        return std::nullopt;
    }

  private:
    // By its byte order mark, or because one of the first two bytes, ASCII in every sensible file, is zero.
    [[nodiscard]] bool is_utf16() const {
        if (text_.starts_with("\xff\xfe") || text_.starts_with("\xfe\xff")) return true;
        return text_.size() >= 2 && (text_[0] == '\0') != (text_[1] == '\0');
    }

    [[nodiscard]] Refusal refuse(std::string message) const { return {{line_, column_, 1}, std::move(message)}; }

    [[nodiscard]] std::optional<Refusal> check_character(char c) const {
        const auto byte = static_cast<unsigned char>(c);
        const bool ends_line = c == '\n' || (c == '\r' && text_.substr(at_, 2) == "\r\n");
        if ((byte < 0x20 && c != '\t' && !ends_line) || byte == 0x7f)
            return refuse(fmt::format("not TOML: a control character (0x{:02x})", byte));
        if (byte >= 0x80 && quote_ == 0 && !in_comment_) {
            return refuse("not TOML: non-ASCII characters are allowed in strings and comments only");
        }
        return std::nullopt;
    }

    void next_line() {
        ++line_;
        column_ = 1;
        dots_ = 0;
        quote_ = 0;  // a string ends with its line; the library complains when it should not have
        in_comment_ = false;
    }

    std::optional<Refusal> step(char c) {
        if (in_comment_) return std::nullopt;
        if (quote_ != 0) {
            const bool escapes = c == '\\' && quote_ == '"' && at_ + 1 < text_.size();
            if (escapes && (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\')) {
                ++at_;
                ++column_;
            }
            if (c == quote_) quote_ = 0;
            return std::nullopt;
        }
        switch (c) {
            case '"':
            case '\'':
                if (text_.substr(at_, 3) == std::string(3, c))
                    return refuse("a string of several lines; accepted: strings that end on their line");
                quote_ = c;
                break;
            case '#': in_comment_ = true; break;
            case '.':
                if (++dots_ > kMaxKeyDots) return refuse(fmt::format("a key with more than {} dots", kMaxKeyDots));
                break;
            case '=':
            case ',':
            case '{': dots_ = 0; break;
            default: break;
        }
        return std::nullopt;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned line_ = 1;
    unsigned column_ = 1;
    unsigned dots_ = 0;  // since the last thing that ends a key
    char quote_ = 0;     // of the string that we are in
    bool in_comment_ = false;
};

}  // namespace

std::optional<Refusal> prescan(std::string_view text) {
    return Scanner(text).scan();
}

}  // namespace warren::config
