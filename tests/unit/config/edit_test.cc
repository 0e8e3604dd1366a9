#include "config/edit/edit.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "config/edit/meaning.h"
#include "config/edit/statements.h"

namespace warren::config {
namespace {

std::string done(std::string_view text, const Operation& operation) {
    const auto out = edit(text, operation);
    REQUIRE_MESSAGE(out.has_value(), (out ? "" : out.error().what));
    return *out;
}

ErrorCode refused(std::string_view text, const Operation& operation) {
    const auto out = edit(text, operation);
    REQUIRE_FALSE(out.has_value());
    return out.error().code;
}

const std::string kText = R"(# Acme, since 2019
schema = 1
name   = "Acme"  # for people

[stack]
addresses = ["10.0.0.1/24"]   # ours

# Ask Ms. Novak before a change.
[[wireguard.peer]]
name        = "graz"
public_key  = "a"
allowed_ips = [
    "10.43.0.0/16",  # the office
]
# endpoint = "not yet"

# The other one.
[[wireguard.peer]]
name        = "linz"
public_key  = "b"
allowed_ips = ["10.44.0.0/16"]

# --- what follows is the LAN ---
[handoff]
type = "veth"
)";

std::string without(std::string text, std::string_view piece) {
    const auto at = text.find(piece);
    REQUIRE(at != std::string::npos);
    return text.erase(at, piece.size());
}

std::string with(std::string text, std::string_view behind, std::string_view piece) {
    const auto at = text.find(behind);
    REQUIRE(at != std::string::npos);
    return text.insert(at + behind.size(), piece);
}

}  // namespace

TEST_CASE("a value is replaced, and the comment behind it stays") {
    CHECK(done(kText, SetKey{{""}, "name", "\"Acme GmbH\""}) ==
          with(without(kText, "\"Acme\""), "name   = ", "\"Acme GmbH\""));
    CHECK(done(kText, SetKey{{"wireguard.peer", "graz"}, "allowed_ips", "[]"}).find("allowed_ips = []\n# endpoint") !=
          std::string::npos);
}

TEST_CASE("a new key stands behind the last one of its table and looks like it") {
    CHECK(done(kText, SetKey{{"stack"}, "mtu", "1400"}) == with(kText, "# ours\n", "mtu = 1400\n"));
    CHECK(done(kText, SetKey{{""}, "state", "\"suspended\""}) ==
          with(kText, "# for people\n", "state  = \"suspended\"\n"));
    CHECK(done(kText, SetKey{{"wireguard.peer", "linz"}, "enabled", "false"}) ==
          with(kText, "[\"10.44.0.0/16\"]\n", "enabled     = false\n"));
}

TEST_CASE("an added element stands behind the last one and looks like it") {
    const Fields fields{{"name", "\"wels\""}, {"public_key", "\"c\""}};
    CHECK(done(kText, AddElements{"wireguard.peer", {fields}}) ==
          with(kText, "[\"10.44.0.0/16\"]\n", "\n[[wireguard.peer]]\nname        = \"wels\"\npublic_key  = \"c\"\n"));
    CHECK(
        done("schema = 1", AddElements{"wireguard.peer", {fields, {{"name", "\"x\""}}}}) ==
        "schema = 1\n\n[[wireguard.peer]]\nname = \"wels\"\npublic_key = \"c\"\n\n[[wireguard.peer]]\nname = \"x\"\n");
    CHECK(done("a = 1\r\n  [[b]]\r\n    name=\"1\"\r\n", AddElements{"b", {{{"name", "\"2\""}}}}) ==
          "a = 1\r\n  [[b]]\r\n    name=\"1\"\r\n\r\n  [[b]]\r\n    name=\"2\"\r\n");
}

TEST_CASE("a removed element takes the comments along that belong to it, and no others") {
    const auto from = kText.find("# Ask");
    const auto to = kText.find("# The other");
    CHECK(done(kText, RemoveElement{{"wireguard.peer", "graz"}}) == kText.substr(0, from) + kText.substr(to));
    const std::string left = done(kText, RemoveElement{{"wireguard.peer", "linz"}});
    CHECK(left.find("The other one") == std::string::npos);
    CHECK(left.find("\n\n# --- what follows is the LAN ---\n[handoff]") != std::string::npos);
    CHECK(done("a = 1\n\n[[b]]\nname = \"1\"\n", RemoveElement{{"b", "1"}}) == "a = 1\n");
}

TEST_CASE("a replaced element keeps the comments of the keys that stay") {
    const std::string text = "[[b]]\nname = \"1\" # first\nx = 1\ny = 2 # why\n";
    CHECK(done(text, ReplaceElement{{"b", "1"}, {{"name", "\"1\""}, {"y", "3"}, {"z", "4"}}}) ==
          "[[b]]\nname = \"1\" # first\ny = 3 # why\nz = 4\n");
}

TEST_CASE("a table that is not there is added at the end") {
    CHECK(done("a = 1\n", AddTable{"clients", {{"pool", "[]"}}}) == "a = 1\n\n[clients]\npool = []\n");
    CHECK(done("a = 1\n[[s.r]]\nname = \"1\"\n", SetKey{{"s"}, "m", "1"}) ==
          "a = 1\n[[s.r]]\nname = \"1\"\n\n[s]\nm = 1\n");
}

TEST_CASE("what is not there, or there already, is an error") {
    CHECK(refused(kText, RemoveElement{{"wireguard.peer", "wien"}}) == ErrorCode::kNotFound);
    CHECK(refused(kText, RemoveKey{{"stack"}, "mtu"}) == ErrorCode::kNotFound);
    CHECK(refused(kText, RemoveKey{{"traffic"}, "share"}) == ErrorCode::kNotFound);
    CHECK(refused(kText, AddTable{"stack", {}}) == ErrorCode::kConflict);
    CHECK(refused(kText, AddElements{"wireguard.peer", {{{"name", "\"graz\""}}}}) == ErrorCode::kConflict);
    CHECK(refused(kText, AddElements{"wireguard.peer", {{{"name", "\"x\""}}, {{"name", "\"x\""}}}}) ==
          ErrorCode::kConflict);
    CHECK(refused(kText, SetKey{{""}, "name", "not a value"}) == ErrorCode::kInvalid);
    CHECK(refused(kText, SetKey{{""}, "name", "1\nstate = 2"}) == ErrorCode::kInvalid);
    CHECK(refused("a = ", SetKey{{""}, "a", "1"}) == ErrorCode::kInvalid);
}

TEST_CASE("a form that cannot be edited is refused, never guessed at") {
    CHECK(refused("stack = { mtu = 1 }\n", SetKey{{"stack"}, "mtu", "2"}) == ErrorCode::kUnsupported);
    CHECK(refused("stack.mtu = 1\n", SetKey{{"stack"}, "mtu", "2"}) == ErrorCode::kUnsupported);
    CHECK(refused("b = [ { name = \"1\" } ]\n", RemoveElement{{"b", "1"}}) == ErrorCode::kUnsupported);
    CHECK(refused("b = [ { name = \"1\" } ]\n", AddElements{"b", {{{"name", "\"2\""}}}}) == ErrorCode::kUnsupported);
    CHECK(refused("[[b]]\nname = \"1\"\nx.y = 1\n", RemoveKey{{"b", "1"}, "x"}) == ErrorCode::kUnsupported);
}

TEST_CASE("strings are written so that they are read back") {
    for (const std::string text : {"", "a\"b\\c", "tab\tline\n", "Käse 🧀", "\x7f#'"}) {
        const auto tree = tree_of("a = " + toml_string(text) + "\n");
        REQUIRE(tree.has_value());
        CHECK(tree->find("a")->text == text);
    }
}

TEST_CASE("two trees are the same only if they say the same") {
    const auto tree = [](std::string_view text) { return *tree_of(text); };
    CHECK(same(tree("a = 1\n[b]\nc = \"x\"\n"), tree("a = 0x1\nb = { c = 'x' }\n")));
    for (const std::string_view other :
         {"a = 2\n[b]\nc = \"x\"\n", "a = 1\n[b]\nc = \"y\"\n", "a = 1\n", "a = \"1\"\n[b]\nc = \"x\"\n",
          "a = 1\n[b]\nc = \"x\"\nd = true\n", "a = 1\n[b]\nc = [\"x\"]\n"})
        CHECK_FALSE(same(tree("a = 1\n[b]\nc = \"x\"\n"), tree(other)));
    CHECK_FALSE(same(tree("a = [1, 2]\n"), tree("a = [2, 1]\n")));
    CHECK_FALSE(same(tree("a = []\n"), tree("")));
    CHECK_FALSE(same(tree("a = true\n"), tree("a = false\n")));
}

// --- random files, random operations -------------------------------------------------------------

namespace {

using Keys = std::vector<std::pair<std::string, std::string>>;  // key -> value as TOML

// What a file says.
struct Model {
    Keys top;
    std::vector<std::pair<std::string, Keys>> tables;
    std::vector<Keys> peers;

    [[nodiscard]] std::string plain() const {
        std::string out;
        const auto put = [&out](const Keys& keys) {
            for (const auto& [key, value] : keys) out += key + " = " + value + "\n";
        };
        put(top);
        for (const auto& [name, keys] : tables) {
            out += "[" + name + "]\n";
            put(keys);
        }
        for (const Keys& keys : peers) {
            out += "[[wireguard.peer]]\n";
            put(keys);
        }
        return out;
    }
};

struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;
};

// A file as somebody may have written it, and the places of its parts.
class Written {
  public:
    Written(const Model& model, std::mt19937& random) : random_(random), newline_(one_in(3) ? "\r\n" : "\n") {
        noise();
        put(model.top, "", "");
        // In any order: tables and peers mixed.
        std::size_t table = 0;
        std::size_t peer = 0;
        while (table < model.tables.size() || peer < model.peers.size()) {
            const bool is_table = peer == model.peers.size() || (table < model.tables.size() && one_in(2));
            gap();
            const std::size_t begin = text.size();
            const std::string indent(one_in(3) ? 2 : 0, ' ');
            if (one_in(3)) line(indent + "# belongs to the header");
            if (is_table) {
                const auto& [name, keys] = model.tables[table++];
                line(indent + "[" + name + "]" + comment());
                put(keys, name, indent);
            } else {
                const Keys& keys = model.peers[peer++];
                line(indent + (one_in(4) ? "[[ wireguard . \"peer\" ]]" : "[[wireguard.peer]]") + comment());
                put(keys, "peer" + std::to_string(peer - 1), indent);
                blocks.push_back({begin, text.size()});
            }
        }
        if (one_in(2)) gap();
        if (one_in(4)) text.resize(text.find_last_not_of("\r\n") + 1);
    }

    std::string text;
    std::map<std::pair<std::string, std::string>, Span> values;  // by table and key
    std::map<std::pair<std::string, std::string>, Span> lines;
    std::vector<Span> blocks;  // of the peers

  private:
    bool one_in(unsigned n) { return random_() % n == 0; }
    void line(const std::string& line) { text += line + newline_; }
    std::string comment() { return one_in(3) ? "  # [not] = \"a ] header" : ""; }
    void noise() {
        for (auto i = random_() % 3; i > 0; --i) line(one_in(2) ? "" : "# [[wireguard.peer]] name = 'no'");
    }
    void gap() {
        line("");
        for (auto i = random_() % 3; i > 0; --i) line(one_in(2) ? "\t" : "");
        if (one_in(4)) {
            line("# stands alone");
            line("");
        }
    }
    void put(const Keys& keys, const std::string& table, const std::string& indent) {
        std::size_t width = 0;
        if (one_in(2))
            for (const auto& [key, value] : keys) width = std::max(width, key.size());
        const std::string equals = one_in(4) ? "=" : " = ";
        for (const auto& [key, value] : keys) {
            if (one_in(6)) line(indent + "# about " + key);
            const std::size_t begin = text.size();
            text += fmt::format("{}{:<{}}{}", indent, one_in(5) ? "\"" + key + "\"" : key, width, equals);
            const std::size_t value_begin = text.size();
            text += laid_out(value);
            values[{table, key}] = {value_begin, text.size()};
            line(comment());
            lines[{table, key}] = {begin, text.size()};
        }
    }
    // A list may take several lines.
    std::string laid_out(const std::string& value) {
        if (value.front() != '[' || !one_in(2)) return value;
        std::string out;
        for (const char c : value) {
            if (c == ']') out += newline_;
            out += c;
            if (c == '[' || c == ',') out += std::string(one_in(3) ? "  # \"quoted [" : "") + newline_ + "    ";
        }
        return out;
    }

    std::mt19937& random_;
    std::string newline_;
};

std::string random_value(std::mt19937& random) {
    static const std::vector<std::string> kValues{
        "1",         "true",  "\"x # y\"",          "'a\"]'", "[]",
        "[\"a\"]",   "-7",    "[\"a\", \"b = c\"]", "\"\"",   "{ secret = \"s\" }",
        "\"\\\"[\"", "false", "[1, 2, 3]"};
    return kValues[random() % kValues.size()];
}

Keys random_keys(std::mt19937& random) {
    static const std::vector<std::string> kKeys{"mtu", "enabled", "allowed_ips", "k", "preshared_key"};
    Keys out;
    for (const std::string& key : kKeys) {
        if (random() % 2 == 0) out.emplace_back(key, random_value(random));
    }
    return out;
}

Model random_model(std::mt19937& random) {
    Model out;
    out.top = {{"schema", "1"}};
    if (random() % 2 == 0) out.top.emplace_back("state", "\"active\"");
    for (const char* name : {"stack", "clients", "handoff"}) {
        if (random() % 2 == 0) out.tables.emplace_back(name, random_keys(random));
    }
    for (auto i = random() % 4; i > 0; --i) {
        Keys keys{{"name", fmt::format("\"p{}\"", i)}};
        for (auto& one : random_keys(random)) keys.push_back(std::move(one));
        out.peers.push_back(std::move(keys));
    }
    return out;
}

void set(Keys& keys, const std::string& key, const std::string& value) {
    for (auto& one : keys) {
        if (one.first == key) {
            one.second = value;
            return;
        }
    }
    keys.emplace_back(key, value);
}

// How many bytes of `before` are not in `after`, which begins and ends as it does.
std::size_t touched(const std::string& before, const std::string& after) {
    const auto limit = std::min(before.size(), after.size());
    std::size_t front = 0;
    while (front < limit && before[front] == after[front]) ++front;
    std::size_t back = 0;
    while (back < limit - front && before[before.size() - 1 - back] == after[after.size() - 1 - back]) ++back;
    return before.size() - front - back;
}

void check_says(const std::string& text, const Model& model) {
    const auto is = tree_of(text);
    const auto shall = tree_of(model.plain());
    REQUIRE(is.has_value());
    REQUIRE(shall.has_value());
    CHECK(same(*is, *shall));
}

}  // namespace

TEST_CASE("random operations on random files change what they name and not a byte more") {
    std::mt19937 random(0x5eed);
    for (int round = 0; round < 3000; ++round) {
        CAPTURE(round);
        Model model = random_model(random);
        const Written file(model, random);
        CAPTURE(file.text);
        check_says(file.text, model);
        const std::string value = random_value(random);
        const bool has_peers = !model.peers.empty();
        const std::size_t peer = has_peers ? random() % model.peers.size() : 0;
        const std::string name = has_peers ? model.peers[peer][0].second.substr(1, 2) : "";
        switch (random() % 6) {
            case 0: {  // a key of a table
                const std::string table = model.tables.empty() ? "stack" : model.tables.front().first;
                const std::string after = done(file.text, SetKey{{table}, "mtu", value});
                const auto old = file.values.find({table, "mtu"});
                CHECK(touched(file.text, after) <=
                      (old == file.values.end() ? 0 : old->second.end - old->second.begin));
                if (model.tables.empty()) model.tables.emplace_back(table, Keys());
                set(model.tables.front().second, "mtu", value);
                check_says(after, model);
                break;
            }
            case 1: {  // a key of a peer
                if (!has_peers) break;
                const std::string after = done(file.text, SetKey{{"wireguard.peer", name}, "k", value});
                const auto old = file.values.find({"peer" + std::to_string(peer), "k"});
                CHECK(touched(file.text, after) <=
                      (old == file.values.end() ? 0 : old->second.end - old->second.begin));
                set(model.peers[peer], "k", value);
                check_says(after, model);
                break;
            }
            case 2: {  // one key less
                if (!has_peers || model.peers[peer].size() < 2) break;
                const std::string key = model.peers[peer].back().first;
                const std::string after = done(file.text, RemoveKey{{"wireguard.peer", name}, key});
                const Span line = file.lines.at({"peer" + std::to_string(peer), key});
                const std::size_t end = std::min(line.end, file.text.size());
                CHECK(after == file.text.substr(0, line.begin) + file.text.substr(end));
                model.peers[peer].pop_back();
                check_says(after, model);
                break;
            }
            case 3: {  // one peer less
                if (!has_peers) break;
                const std::string after = done(file.text, RemoveElement{{"wireguard.peer", name}});
                const Span block = file.blocks[peer];
                std::string cut = file.text.substr(0, block.begin);
                std::string rest = file.text.substr(std::min(block.end, file.text.size()));
                const auto ends_with_rest = [&] {  // blank lines beside it may go
                    const auto first = rest.find_first_not_of(" \t\r\n");
                    const std::string tail = first == std::string::npos ? "" : rest.substr(first);
                    return after.starts_with(cut.substr(0, cut.find_last_not_of(" \t\r\n") + 1)) &&
                           after.ends_with(tail) && after.size() <= cut.size() + rest.size();
                };
                CHECK(ends_with_rest());
                CHECK(std::count(after.begin(), after.end(), '#') ==
                      std::count(cut.begin(), cut.end(), '#') + std::count(rest.begin(), rest.end(), '#'));
                model.peers.erase(model.peers.begin() + static_cast<std::ptrdiff_t>(peer));
                check_says(after, model);
                break;
            }
            case 4: {  // two peers more
                const Keys one{{"name", "\"new\""}, {"allowed_ips", value}};
                const Keys two{{"name", "\"newer\""}};
                const std::string after = done(file.text, AddElements{"wireguard.peer", {one, two}});
                CHECK(touched(file.text, after) == 0);
                model.peers.push_back(one);
                model.peers.push_back(two);
                check_says(after, model);
                break;
            }
            default: {  // a key at the top
                const std::string after = done(file.text, SetKey{{""}, "state", value});
                const auto old = file.values.find({"", "state"});
                CHECK(touched(file.text, after) <=
                      (old == file.values.end() ? 0 : old->second.end - old->second.begin));
                set(model.top, "state", value);
                check_says(after, model);
                break;
            }
        }
    }
}

TEST_CASE("no text makes the reader of statements read beyond its end") {
    std::mt19937 random(7);
    static constexpr std::string_view kPieces = "[]{}=.\"'#\\\n\r \tab1,";
    for (int round = 0; round < 20000; ++round) {
        std::string text;
        for (auto i = random() % 24; i > 0; --i) text += kPieces[random() % kPieces.size()];
        for (const Statement& one : statements_of(text)) {
            CHECK(one.begin <= one.end);
            CHECK(one.end <= text.size());
        }
        (void)edit(text, SetKey{{"a"}, "b", "1"});
    }
}

}  // namespace warren::config
