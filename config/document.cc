#include "config/document.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
// The library's assertions can be reached by text ("[,]" is enough) and it reports an error right after them; with
// NDEBUG it would assume them to hold.
#define TOML_ASSERT(claim) static_assert(true)
#pragma push_macro("NDEBUG")
#undef NDEBUG
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "config/prescan.h"

namespace warren::config {

namespace {

Place place_from(const toml::source_region& region) {
    if (region.begin.line == 0) return {};
    Place place{region.begin.line, region.begin.column, 1};
    if (region.end.line == region.begin.line && region.end.column > region.begin.column)
        place.width = region.end.column - region.begin.column;
    return place;
}

// Of a day its beginning.
void put_moment(Node& to, const toml::date& date, const toml::time& time, const toml::time_offset& offset) {
    const std::chrono::year_month_day day{std::chrono::year(date.year), std::chrono::month(date.month),
                                          std::chrono::day(date.day)};
    if (!day.ok()) return;
    const std::chrono::seconds of_day = std::chrono::hours(time.hour) + std::chrono::minutes(time.minute) +
                                        std::chrono::seconds(time.second) - std::chrono::minutes(offset.minutes);
    to.integer = (std::chrono::sys_days(day).time_since_epoch() + of_day).count();
    to.boolean = true;
}

Node node_from(const toml::node& from) {
    Node out;
    out.place = place_from(from.source());
    if (const auto* table = from.as_table()) {
        out.kind = Node::Kind::kTable;
        for (const auto& [key, value] : *table) {
            out.entries.push_back({std::string(key.str()), place_from(key.source()), node_from(value)});
        }
    } else if (const auto* array = from.as_array()) {
        out.kind = Node::Kind::kArray;
        for (const auto& item : *array) out.items.push_back(node_from(item));
    } else if (const auto* text = from.as_string()) {
        out.kind = Node::Kind::kString;
        out.text = text->get();
    } else if (const auto* integer = from.as_integer()) {
        out.kind = Node::Kind::kInteger;
        out.integer = integer->get();
    } else if (const auto* boolean = from.as_boolean()) {
        out.kind = Node::Kind::kBoolean;
        out.boolean = boolean->get();
    } else if (from.is_floating_point()) {
        out.kind = Node::Kind::kFloat;
    } else {
        out.kind = Node::Kind::kDate;
        if (const auto* day = from.as_date()) put_moment(out, day->get(), {}, {});
        if (const auto* moment = from.as_date_time(); moment != nullptr && moment->get().offset)
            put_moment(out, moment->get().date, moment->get().time, *moment->get().offset);
    }
    return out;
}

std::string_view line_of(std::string_view text, unsigned line) {
    for (unsigned i = 1; i < line; ++i) {
        const auto end = text.find('\n');
        if (end == std::string_view::npos) return {};
        text.remove_prefix(end + 1);
    }
    text = text.substr(0, text.find('\n'));
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
}

// Removes the first step from "a.b[2].c": the key "a" or the index "2".
std::string_view pop_step(std::string_view& path) {
    if (path.starts_with('[')) {
        const auto end = path.find(']');
        const auto step = path.substr(1, end - 1);
        path.remove_prefix(std::min(end, path.size() - 1) + 1);
        if (path.starts_with('.')) path.remove_prefix(1);
        return step;
    }
    const auto end = std::min(path.find_first_of(".["), path.size());
    const auto step = path.substr(0, end);
    path.remove_prefix(end);
    if (path.starts_with('.')) path.remove_prefix(1);
    return step;
}

const Node* step_into(const Node& node, std::string_view step) {
    if (node.kind == Node::Kind::kTable) return node.find(step);
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
    const bool is_index = error == std::errc() && end == step.data() + step.size() && !step.empty();
    return is_index && node.kind == Node::Kind::kArray && index < node.items.size() ? &node.items[index] : nullptr;
}

}  // namespace

const Node* Node::find(std::string_view key) const {
    const auto found =
        std::find_if(entries.begin(), entries.end(), [key](const Entry& entry) { return entry.key == key; });
    return found == entries.end() ? nullptr : &found->value;
}

const Node* Node::at(std::string_view path) const {
    const Node* node = this;
    while (node != nullptr && !path.empty()) node = step_into(*node, pop_step(path));
    return node;
}

std::string_view name_of(Node::Kind kind) {
    switch (kind) {
        case Node::Kind::kString: return "a string";
        case Node::Kind::kInteger: return "a whole number";
        case Node::Kind::kFloat: return "a number with a fraction";
        case Node::Kind::kBoolean: return "true or false";
        case Node::Kind::kDate: return "a date or time";
        case Node::Kind::kArray: return "an array";
        case Node::Kind::kTable: return "a table";
    }
    return "a value";
}

Diagnostic Source::diagnose(Severity severity, Place place, std::string message) const {
    Diagnostic diagnostic{severity, file, customer, place, std::move(message), mask_keys(line_of(text, place.line))};
    cut_source_line(diagnostic);
    return diagnostic;
}

Diagnostic Source::error(std::string_view path, std::string message) const {
    return diagnose(Severity::kError, place_of(path), std::move(message));
}

Diagnostic Source::warning(std::string_view path, std::string message) const {
    return diagnose(Severity::kWarning, place_of(path), std::move(message));
}

Place Source::place_of(std::string_view path) const {
    const Node* node = &root;
    Place place{1, 1, 0};
    while (!path.empty()) {
        node = step_into(*node, pop_step(path));
        if (node == nullptr) return place;
        if (node->place.width != 0) place = node->place;
    }
    return place;
}

std::string Source::cite(std::string_view path) const {
    const Place place = place_of(path);
    return fmt::format("{}:{}:{}", file, place.line, place.column);
}

bool read_document(Source& source, std::vector<Diagnostic>& out) {
    source.root = {};
    if (source.text.size() > kMaxDocumentSize) {
        out.push_back(source.diagnose(
            Severity::kError, {1, 1, 0},
            fmt::format("the file has {} bytes; accepted: up to {}", source.text.size(), kMaxDocumentSize)));
        return false;
    }
    if (const auto refused = prescan(source.text)) {
        out.push_back(source.diagnose(Severity::kError, refused->place, refused->message));
        return false;
    }
    const toml::parse_result parsed = toml::parse(std::string_view(source.text), std::string_view(source.file));
    if (!parsed) {
        const toml::parse_error& error = parsed.error();
        out.push_back(source.diagnose(Severity::kError, place_from(error.source()),
                                      fmt::format("not TOML: {}", mask_keys(error.description()))));
        return false;
    }
    source.root = node_from(parsed.table());
    return true;
}

}  // namespace warren::config
