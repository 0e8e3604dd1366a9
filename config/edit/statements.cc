#include "config/edit/statements.h"

#include <algorithm>
#include <utility>

namespace warren::config {

namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Walks from statement to statement. Every step ends at the text's end at the latest, whatever the text is.
class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text), at_(text.starts_with(kByteOrderMark) ? 3 : 0) {}

    std::vector<Statement> read() {
        while (at_ < text_.size()) {
            skip(kBlanks);
            const char c = here();
            if (c == '[') {
                read_header();
            } else if (c != '#' && c != '\n' && c != '\r' && at_ < text_.size()) {
                read_key();
            }
            at_ = std::min(text_.find('\n', at_), text_.size() - 1) + 1;
        }
        return std::move(out_);
    }

  private:
    [[nodiscard]] char here() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    void skip(std::string_view characters) { at_ = std::min(text_.find_first_not_of(characters, at_), text_.size()); }

    void read_header() {
        Statement header;
        header.begin = at_;
        header.kind = text_.substr(at_, 2) == "[[" ? Statement::Kind::kElement : Statement::Kind::kTable;
        const std::size_t brackets = header.kind == Statement::Kind::kElement ? 2 : 1;
        at_ += brackets;
        read_path(']', header.path);
        at_ = std::min(at_ + brackets, text_.size());
        header.end = at_;
        header_ = out_.size();
        out_.push_back(std::move(header));
    }

    void read_key() {
        Statement key;
        key.begin = at_;
        key.header = header_;
        if (header_ != Statement::kNoHeader) key.path = out_[header_].path;
        key.key_end = read_path('=', key.path);
        at_ = std::min(at_ + 1, text_.size());
        skip(kBlanks);
        key.value_begin = at_;
        key.end = skip_value();
        out_.push_back(std::move(key));
    }

    // Appends the parts of a dotted key, and stops at `end` or at the end of the line. Returns where the last one ends.
    std::size_t read_path(char end, std::vector<std::string>& to) {
        std::size_t behind = at_;
        while (at_ < text_.size() && here() != end && here() != '\n') {
            if (here() == '.' || kBlanks.find(here()) != std::string_view::npos) {
                ++at_;
                continue;
            }
            const std::size_t begin = at_;
            if (here() == '"' || here() == '\'') {
                skip_string();
                to.emplace_back(text_.substr(begin + 1, at_ - begin - std::min<std::size_t>(2, at_ - begin)));
            } else {
                while (at_ < text_.size() && here() != end &&
                       std::string_view(". \t\n").find(here()) == std::string_view::npos)
                    ++at_;
                to.emplace_back(text_.substr(begin, at_ - begin));
            }
            behind = at_;
        }
        return behind;
    }

    void skip_string() {
        const char quote = here();
        for (++at_; at_ < text_.size() && here() != quote && here() != '\n'; ++at_) {
            if (quote == '"' && here() == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
        }
        if (here() == quote) ++at_;
    }

    // To the end of the line, or of the last line of an array. Returns where the value ends.
    std::size_t skip_value() {
        std::size_t depth = 0;
        std::size_t behind = at_;
        while (at_ < text_.size()) {
            const char c = here();
            if (c == '"' || c == '\'') {
                skip_string();
                behind = at_;
                continue;
            }
            if (c == '#') {
                if (depth == 0) break;
                at_ = std::min(text_.find('\n', at_), text_.size());
                continue;
            }
            if (c == '\n' && depth == 0) break;
            if (c == '[' || c == '{') ++depth;
            if ((c == ']' || c == '}') && depth > 0) --depth;
            ++at_;
            if (c != ' ' && c != '\t' && c != '\r' && c != '\n') behind = at_;
        }
        return behind;
    }

    std::string_view text_;
    std::size_t at_;
    std::size_t header_ = Statement::kNoHeader;
    std::vector<Statement> out_;
};

}  // namespace

std::vector<Statement> statements_of(std::string_view text) {
    return Reader(text).read();
}

Line line_at(std::string_view text, std::size_t at) {
    const std::size_t before = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    const std::size_t newline = text.find('\n', at);
    return {before == std::string_view::npos ? 0 : before + 1,
            newline == std::string_view::npos ? text.size() : newline + 1};
}

bool is_blank(std::string_view line) {
    return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

bool is_comment(std::string_view line) {
    const auto first = line.find_first_not_of(kBlanks);
    return first != std::string_view::npos && line[first] == '#';
}

}  // namespace warren::config
