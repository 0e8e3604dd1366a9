// Whose log is whose when names change.
#include "stacks/customer_logs.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

using namespace warren;
using namespace warren::stacks;

namespace {

struct RunDirectory {
    std::string path = "/tmp/warren-logs-XXXXXX";
    RunDirectory() {
        REQUIRE(::mkdtemp(path.data()) != nullptr);
        std::filesystem::create_directory(path + "/log");
    }
    ~RunDirectory() { std::filesystem::remove_all(path); }
    void write(const std::string& name, const std::string& text) const { std::ofstream(path + "/log/" + name) << text; }
    [[nodiscard]] std::string read(const std::string& name) const {
        std::ostringstream out;
        out << std::ifstream(path + "/log/" + name).rdbuf();
        return out.str();
    }
    [[nodiscard]] std::size_t count() const {
        std::size_t out = 0;
        for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator(path + "/log")) ++out;
        return out;
    }
};

}  // namespace

TEST_CASE("a log goes with its customer when that is renamed, and its old name has none") {
    const RunDirectory directory;
    directory.write("acme", "new");
    directory.write("acme.1", "old");
    directory.write("globex.1", "of one that had the name before");
    directory.write("other", "stays");
    CustomerLogs logs(directory.path);
    logs.rename({{"acme", "globex"}});
    CHECK(directory.read("globex") == "new");
    CHECK(directory.read("globex.1") == "old");
    CHECK(directory.read("other") == "stays");
    CHECK(directory.count() == 3);
}

TEST_CASE("two customers whose names change places keep their own logs, and so they do when it is taken back") {
    const RunDirectory directory;
    directory.write("a", "of the first");
    directory.write("b", "of the second");
    directory.write("b.1", "of the second, before");
    CustomerLogs logs(directory.path);
    logs.rename({{"a", "b"}, {"b", "a"}});
    CHECK(directory.read("b") == "of the first");
    CHECK(directory.read("a") == "of the second");
    CHECK(directory.read("a.1") == "of the second, before");
    CHECK(directory.count() == 3);
    logs.rename({{"b", "a"}, {"a", "b"}});
    CHECK(directory.read("a") == "of the first");
    CHECK(directory.read("b.1") == "of the second, before");
}
