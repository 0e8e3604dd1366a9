#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "clients/import.h"

namespace warren::clients {

namespace {

constexpr std::array<std::string_view, 8> kColumns{"name",          "public_key", "networks",  "description",
                                                   "preshared_key", "endpoint",   "keepalive", "enabled"};

struct Row {
    unsigned line = 0;
    std::vector<std::string> cells;
};

// RFC 4180: quoted cells may contain separators and newlines, "" is a quote.
std::vector<Row> rows_of(std::string_view text, char separator, std::vector<ImportNote>& errors) {
    std::vector<Row> out;
    unsigned line = 1;
    std::size_t at = 0;
    while (at < text.size()) {
        Row row{line, {""}};
        bool ended = false;
        while (!ended && at < text.size()) {
            const char c = text[at++];
            if (c == '"' && row.cells.back().empty()) {
                bool closed = false;
                while (!closed && at < text.size()) {
                    const char inner = text[at++];
                    if (inner == '\n') ++line;
                    if (inner != '"') {
                        row.cells.back() += inner;
                    } else if (at < text.size() && text[at] == '"') {
                        row.cells.back() += text[at++];
                    } else {
                        closed = true;
                    }
                }
                if (!closed) errors.push_back({row.line, "a quote is not closed"});
            } else if (c == separator) {
                row.cells.emplace_back();
            } else if (c == '\n') {
                ++line;
                ended = true;
            } else if (c != '\r') {
                row.cells.back() += c;
            }
        }
        const bool is_empty = row.cells.size() == 1 && row.cells[0].find_first_not_of(" \t") == std::string::npos;
        if (!is_empty) out.push_back(std::move(row));
    }
    return out;
}

std::string trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

class Reader {
  public:
    Imported read(std::string_view text) {
        if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a byte order mark, from a spreadsheet
        const std::string_view first = text.substr(0, text.find('\n'));
        const bool has_semicolons = first.find(';') != std::string_view::npos;
        const auto rows = rows_of(text, has_semicolons ? ';' : ',', out_.errors);
        if (rows.empty()) {
            out_.errors.push_back({1, "there is no header row"});
            return std::move(out_);
        }
        read_header(rows.front());
        if (!out_.errors.empty()) return std::move(out_);
        for (std::size_t i = 1; i < rows.size(); ++i) read_row(rows[i]);
        return std::move(out_);
    }

  private:
    void error(const Row& row, std::string_view column, std::string_view what) {
        out_.errors.push_back({row.line, fmt::format("column {}: {}", column, what)});
    }

    void read_header(const Row& row) {
        for (const std::string& cell : row.cells) {
            std::string name = trimmed(cell);
            std::transform(name.begin(), name.end(), name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
            const bool is_known = std::find(kColumns.begin(), kColumns.end(), name) != kColumns.end();
            if (!is_known) out_.notes.push_back({row.line, fmt::format("column \"{}\" is not translated", name)});
            if (is_known && std::find(header_.begin(), header_.end(), name) != header_.end())
                error(row, name, "is there twice");
            header_.push_back(is_known ? name : "");
        }
        for (const std::string_view needed : {"name", "public_key"}) {
            if (std::find(header_.begin(), header_.end(), needed) == header_.end())
                error(row, needed,
                      fmt::format("is missing in the header row; known are {}", fmt::join(kColumns, ", ")));
        }
    }

    void read_row(const Row& row) {
        if (row.cells.size() > header_.size()) {
            out_.errors.push_back(
                {row.line, fmt::format("has {} cells; the header row has {}", row.cells.size(), header_.size())});
            return;
        }
        ImportedPeer peer;
        for (std::size_t i = 0; i < row.cells.size(); ++i) read_cell(row, header_[i], trimmed(row.cells[i]), peer);
        if (peer.name.empty()) error(row, "name", "is empty");
        if (peer.public_key.empty()) error(row, "public_key", "is empty");
        out_.peers.push_back(std::move(peer));
    }

    void read_cell(const Row& row, const std::string& column, const std::string& cell, ImportedPeer& peer) {
        if (column == "name") peer.name = cell;
        if (column == "description") peer.description = cell;
        if (column == "preshared_key") peer.preshared_key = cell;
        if (cell.empty()) return;
        if (column == "public_key") {
            if (!crypto::parse_public_key(cell)) error(row, column, "is no public key");
            peer.public_key = cell;
        } else if (column == "networks") {
            read_networks(row, cell, peer);
        } else if (column == "endpoint") {
            peer.endpoint = parse_endpoint(cell);
            if (!peer.endpoint) error(row, column, fmt::format("\"{}\" is no numeric address and port", cell));
        } else if (column == "keepalive") {
            const auto [end, problem] =
                std::from_chars(cell.data(), cell.data() + cell.size(), peer.persistent_keepalive_seconds);
            if (problem != std::errc() || end != cell.data() + cell.size())
                error(row, column, fmt::format("\"{}\" is no number of seconds", cell));
        } else if (column == "enabled") {
            peer.enabled = cell == "true" || cell == "yes" || cell == "1";
            if (!peer.enabled && cell != "false" && cell != "no" && cell != "0")
                error(row, column, fmt::format("\"{}\" is neither true nor false", cell));
        }
    }

    void read_networks(const Row& row, const std::string& cell, ImportedPeer& peer) {
        std::size_t at = 0;
        while (at < cell.size()) {
            const std::size_t end = std::min(cell.find_first_of(" |,;", at), cell.size());
            const std::string part = cell.substr(at, end - at);
            at = end + 1;
            if (part.empty()) continue;
            const auto network = parse_prefix(part);
            if (!network) {
                error(row, "networks", fmt::format("\"{}\" is no network", part));
            } else {
                peer.networks.push_back(network->network());
                if (network->has_host_bits())
                    out_.notes.push_back(
                        {row.line, fmt::format("{} became {}", to_string(*network), to_string(network->network()))});
            }
        }
    }

    Imported out_;
    std::vector<std::string> header_;  // by column; "": not translated
};

}  // namespace

Imported import_csv(std::string_view text) {
    return Reader().read(text);
}

}  // namespace warren::clients
