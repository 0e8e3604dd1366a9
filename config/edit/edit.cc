#include "config/edit/edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "config/edit/meaning.h"
#include "config/edit/statements.h"

namespace warren::config {

namespace {

using Kind = Statement::Kind;
constexpr std::size_t kNone = Statement::kNoHeader;

std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> out;
    while (!path.empty()) {
        const auto dot = path.find('.');
        out.emplace_back(path.substr(0, dot));
        path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
    }
    return out;
}

bool begins_with(const std::vector<std::string>& path, const std::vector<std::string>& beginning) {
    return path.size() >= beginning.size() && std::equal(beginning.begin(), beginning.end(), path.begin());
}

tl::unexpected<Error> form_unknown(std::string_view what) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} is written in a form that cannot be edited here; edit it by hand", what));
}

// How the keys of a table are written: taken from the keys of a neighbour.
struct KeyStyle {
    std::string indent;
    std::string before_equals = " ";
    std::string after_equals = " ";
    std::size_t width = 0;  // of the keys when their equals signs stand below each other, else 0
};

// One change to one text.
class Editing {
  public:
    explicit Editing(std::string_view text)
        : text_(text), statements_(statements_of(text)), newline_(ends_in_crlf(text) ? "\r\n" : "\n") {}

    // The number of the table's header, kNone for the top.
    [[nodiscard]] Result<std::size_t> header_of(const TableName& table, const Node& tree) const {
        if (table.path.empty()) return kNone;
        const auto headers = headers_at(table.path, table.element.empty() ? Kind::kTable : Kind::kElement);
        if (table.element.empty()) {
            if (!headers.empty()) return headers.front();
            return fail(ErrorCode::kNotFound, fmt::format("there is no [{}]", table.path));
        }
        const auto number = number_of(tree, table);
        const Node* const list = tree.at(table.path);
        if (!number || *number == list->items.size())
            return fail(ErrorCode::kNotFound, fmt::format("there is no {} \"{}\"", table.path, table.element));
        if (headers.size() != list->items.size()) return form_unknown(table.path);
        return headers[*number];
    }

    [[nodiscard]] Result<std::string> set(std::size_t header, const TableName& table, const std::string& key,
                                          const std::string& value) const {
        if (const Statement* const present = find_key(header, table, key); present != nullptr)
            return replaced(present->value_begin, present->end, value);
        const KeyStyle style = style_of(header);
        const std::string line = key_line(key, value, style);
        const auto own = keys_of(header);
        if (!own.empty()) return inserted_behind_line(own.back()->end, line);
        if (header != kNone) return inserted_behind_line(statements_[header].end, line);
        const std::size_t first = statements_.empty() ? text_.size() : top_of(statements_.front().begin);
        return replaced(first, first, line + (first == text_.size() ? "" : std::string(newline_)));
    }

    [[nodiscard]] Result<std::string> remove_key(std::size_t header, const TableName& table,
                                                 const std::string& key) const {
        const Statement* const present = find_key(header, table, key);
        if (present == nullptr) return form_unknown(key);
        return replaced(line_at(text_, present->begin).begin, line_at(text_, present->end).end, "");
    }

    [[nodiscard]] std::string add_table(const std::string& path, const Fields& fields) const {
        const std::string block = block_text(fmt::format("[{}]", path), "", fields, {});
        return appended(block);
    }

    [[nodiscard]] std::string add_elements(const std::string& path, const std::vector<Fields>& elements) const {
        const auto headers = headers_at(path, Kind::kElement);
        KeyStyle style;
        std::string indent;
        std::string blank_lines(newline_);
        if (!headers.empty()) {
            const std::size_t last = headers.back();
            style = style_of(last);
            indent = indent_of(statements_[last].begin);
            if (headers.size() > 1 && !has_blank_line_above(top_of(statements_[last].begin))) blank_lines.clear();
        }
        std::string out;
        for (const Fields& fields : elements)
            out += (out.empty() && headers.empty() ? "" : blank_lines) +
                   block_text(fmt::format("[[{}]]", path), indent, fields, style);
        if (headers.empty()) return appended(out);
        const std::size_t at = bottom_of(headers.back());
        return replaced(at, at, (ends_line(at) ? "" : std::string(newline_)) + out);
    }

    // With the comments that belong to it and the blank lines below, or above when it is the last thing of the file.
    [[nodiscard]] std::string remove_block(std::size_t header) const {
        std::size_t begin = top_of(statements_[header].begin);
        std::size_t end = bottom_of(header);
        while (end < text_.size() && is_blank(line_text(end))) end = line_at(text_, end).end;
        while (end == text_.size() && begin > 0 && is_blank(line_text(begin - 1)))
            begin = line_at(text_, begin - 1).begin;
        return replaced(begin, end, "");
    }

    [[nodiscard]] std::vector<std::string> key_names(std::size_t header) const {
        std::vector<std::string> out;
        for (const Statement* key : keys_of(header)) out.push_back(key->path.back());
        return out;
    }

  private:
    static bool ends_in_crlf(std::string_view text) {
        const auto newline = text.find('\n');
        return newline != std::string_view::npos && newline > 0 && text[newline - 1] == '\r';
    }

    [[nodiscard]] std::string_view line_text(std::size_t at) const {
        const Line line = line_at(text_, at);
        return text_.substr(line.begin, line.end - line.begin);
    }
    [[nodiscard]] bool ends_line(std::size_t at) const { return at == 0 || text_[at - 1] == '\n'; }

    [[nodiscard]] std::string replaced(std::size_t begin, std::size_t end, std::string_view by) const {
        std::string out(text_.substr(0, begin));
        out += by;
        out += text_.substr(end);
        return out;
    }

    // A line of its own below the one that `at` is in.
    [[nodiscard]] std::string inserted_behind_line(std::size_t at, const std::string& line) const {
        const std::size_t end = line_at(text_, at).end;
        return replaced(end, end, (ends_line(end) ? "" : std::string(newline_)) + line);
    }

    [[nodiscard]] std::string appended(const std::string& block) const {
        std::string before;
        if (!text_.empty() && !ends_line(text_.size())) before += newline_;
        const bool needs_blank = !text_.empty() && !is_blank(line_text(text_.size() - 1));
        if (needs_blank) before += newline_;
        return std::string(text_) + before + block;
    }

    [[nodiscard]] std::vector<std::size_t> headers_at(std::string_view path, Kind kind) const {
        const auto wanted = split(path);
        std::vector<std::size_t> out;
        for (std::size_t i = 0; i < statements_.size(); ++i) {
            if (statements_[i].kind == kind && statements_[i].path == wanted) out.push_back(i);
        }
        return out;
    }

    // Directly below the header, not those of tables inside of it.
    [[nodiscard]] std::vector<const Statement*> keys_of(std::size_t header) const {
        std::vector<const Statement*> out;
        for (std::size_t i = header == kNone ? 0 : header + 1; i < statements_.size(); ++i) {
            if (statements_[i].kind != Kind::kKey) break;
            out.push_back(&statements_[i]);
        }
        return out;
    }

    [[nodiscard]] const Statement* find_key(std::size_t header, const TableName& table, const std::string& key) const {
        auto wanted = split(table.path);
        wanted.push_back(key);
        const auto keys = keys_of(header);
        const auto found = std::find_if(keys.begin(), keys.end(), [&](const auto* one) { return one->path == wanted; });
        return found == keys.end() ? nullptr : *found;
    }

    // The first line of the comment that stands right above the line of `at`, or that line.
    [[nodiscard]] std::size_t top_of(std::size_t at) const {
        std::size_t begin = line_at(text_, at).begin;
        while (begin > 0 && is_comment(line_text(begin - 1))) begin = line_at(text_, begin - 1).begin;
        return begin;
    }

    [[nodiscard]] bool has_blank_line_above(std::size_t begin) const {
        return begin > 0 && is_blank(line_text(begin - 1));
    }

    // Behind the last line of the header's table and the tables inside of it. A comment below belongs to it unless
    // the next header follows at once.
    [[nodiscard]] std::size_t bottom_of(std::size_t header) const {
        std::size_t last = header;
        for (std::size_t i = header + 1; i < statements_.size(); ++i) {
            const Statement& next = statements_[i];
            const bool is_inside = next.kind == Kind::kKey || (begins_with(next.path, statements_[header].path) &&
                                                               next.path.size() > statements_[header].path.size());
            if (!is_inside) break;
            last = i;
        }
        const std::size_t end = line_at(text_, statements_[last].end).end;
        std::size_t behind = end;
        while (behind < text_.size() && is_comment(line_text(behind))) behind = line_at(text_, behind).end;
        return behind == text_.size() || is_blank(line_text(behind)) ? behind : end;
    }

    [[nodiscard]] std::string indent_of(std::size_t at) const {
        const std::size_t begin = line_at(text_, at).begin;
        return std::string(text_.substr(begin, at - begin));
    }

    [[nodiscard]] KeyStyle style_of(std::size_t header) const {
        KeyStyle out;
        const auto keys = keys_of(header);
        if (header != kNone) out.indent = indent_of(statements_[header].begin);
        if (keys.empty()) return out;
        const Statement& last = *keys.back();
        out.indent = indent_of(last.begin);
        const auto equals_of = [this](const Statement& key) {
            return text_.find('=', key.key_end) - line_at(text_, key.begin).begin;
        };
        const auto gap_of = [this](const Statement& key) { return text_.find('=', key.key_end) - key.key_end; };
        const std::size_t equals = text_.find('=', last.key_end);
        out.after_equals = std::string(text_.substr(equals + 1, last.value_begin - equals - 1));
        if (gap_of(last) == 0) out.before_equals = "";
        const bool same_column = std::all_of(keys.begin(), keys.end(),
                                             [&](const Statement* key) { return equals_of(*key) == equals_of(last); });
        const bool is_padded = std::any_of(keys.begin(), keys.end(), [&](const auto* key) { return gap_of(*key) > 1; });
        if (keys.size() > 1 && same_column && is_padded)
            out.width = equals_of(last) - out.indent.size() - out.before_equals.size();
        return out;
    }

    [[nodiscard]] std::string key_line(const std::string& key, const std::string& value, const KeyStyle& style) const {
        return fmt::format("{}{:<{}}{}={}{}{}", style.indent, key, style.width, style.before_equals, style.after_equals,
                           value, newline_);
    }

    [[nodiscard]] std::string block_text(const std::string& header, const std::string& indent, const Fields& fields,
                                         KeyStyle style) const {
        std::string out = indent + header + std::string(newline_);
        if (style.width != 0)
            for (const auto& [key, value] : fields) style.width = std::max(style.width, key.size());
        for (const auto& [key, value] : fields) out += key_line(key, value, style);
        return out;
    }

    std::string_view text_;
    std::vector<Statement> statements_;
    std::string_view newline_;
};

Result<std::string> change(std::string_view text, const Node& tree, const SetKey& set) {
    const Editing editing(text);
    const auto header = editing.header_of(set.table, tree);
    if (header) return editing.set(*header, set.table, set.key, set.value);
    if (header.error().code != ErrorCode::kNotFound || !set.table.element.empty())
        return tl::unexpected<Error>(header.error());
    return editing.add_table(set.table.path, {{set.key, set.value}});
}

Result<std::string> change(std::string_view text, const Node& tree, const RemoveKey& removal) {
    const Editing editing(text);
    const auto header = editing.header_of(removal.table, tree);
    if (!header) return tl::unexpected<Error>(header.error());
    return editing.remove_key(*header, removal.table, removal.key);
}

Result<std::string> change(std::string_view text, const Node& /*tree*/, const AddTable& added) {
    return Editing(text).add_table(added.path, added.fields);
}

Result<std::string> change(std::string_view text, const Node& tree, const AddElements& added) {
    if (added.elements.empty()) return std::string(text);
    std::set<std::string> names;
    if (const Node* const list = tree.at(added.path); list != nullptr)
        for (const Node& item : list->items)
            if (const Node* const name = item.find("name"); name != nullptr) names.insert(toml_string(name->text));
    for (const Fields& fields : added.elements) {
        const auto name = std::find_if(fields.begin(), fields.end(), [](const auto& f) { return f.first == "name"; });
        if (name == fields.end()) return fail(ErrorCode::kInvalid, fmt::format("a {} has no name", added.path));
        if (!names.insert(name->second).second)
            return fail(ErrorCode::kConflict, fmt::format("there is a {} {} already", added.path, name->second));
    }
    return Editing(text).add_elements(added.path, added.elements);
}

Result<std::string> change(std::string_view text, const Node& tree, const ReplaceElement& replacement) {
    std::string out(text);
    const auto header = Editing(out).header_of(replacement.table, tree);
    if (!header) return tl::unexpected<Error>(header.error());
    // The header stays the one of this number: only keys below it change.
    const auto is_new = [&](const std::string& key) {
        return std::any_of(replacement.fields.begin(), replacement.fields.end(),
                           [&key](const auto& field) { return field.first == key; });
    };
    for (const auto& [key, value] : replacement.fields) {
        auto next = Editing(out).set(*header, replacement.table, key, value);
        if (!next) return next;
        out = std::move(*next);
    }
    for (const std::string& key : Editing(out).key_names(*header)) {
        if (is_new(key)) continue;
        auto next = Editing(out).remove_key(*header, replacement.table, key);
        if (!next) return next;
        out = std::move(*next);
    }
    return out;
}

Result<std::string> change(std::string_view text, const Node& tree, const RemoveElement& removal) {
    const Editing editing(text);
    const auto header = editing.header_of(removal.table, tree);
    if (!header) return tl::unexpected<Error>(header.error());
    return editing.remove_block(*header);
}

}  // namespace

Result<std::string> edit(std::string_view text, const Operation& operation) {
    auto tree = tree_of(text);
    if (!tree) return fail(ErrorCode::kInvalid, "the file is not TOML");
    Node expected = *tree;
    WARREN_TRY(apply(operation, expected));
    auto out = std::visit([&](const auto& one) { return change(text, *tree, one); }, operation);
    if (!out) return out;
    const auto result = tree_of(*out);
    if (!result || !same(*result, expected)) return form_unknown("the file");
    return out;
}

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
            out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string toml_strings(const std::vector<std::string>& texts) {
    std::vector<std::string> quoted;
    for (const std::string& text : texts) quoted.push_back(toml_string(text));
    return fmt::format("[{}]", fmt::join(quoted, ", "));
}

}  // namespace warren::config
