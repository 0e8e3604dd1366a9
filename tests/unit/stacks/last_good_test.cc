// What a later start finds of the configuration that was in force.
#include "stacks/last_good.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "room.h"

namespace warren::stacks {
namespace {

config::Generation generation_of(const std::string& text) {
    config::Generation generation;
    generation.text = text;
    config::AcceptedCustomer acme;
    acme.customer.id = "acme";
    acme.text = "of acme";
    generation.customers.push_back(std::make_shared<const config::AcceptedCustomer>(std::move(acme)));
    return generation;
}

constexpr Duration kPatience = std::chrono::seconds(30);

// A state directory, which is gone at the end.
// Children that other tests left behind, which await_writer() would take for the writer.
void bury_the_children_of_other_tests() {
    for (int i = 0; i < 1000 && ::waitpid(-1, nullptr, WNOHANG) >= 0; ++i) ::usleep(10'000);
}

struct State {
    State() { bury_the_children_of_other_tests(); }
    ~State() { std::filesystem::remove_all(root); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void keep(const config::Generation& generation) {
        last_good.keep(generation, now);
        last_good.finish(generation, kPatience, now);
    }
    // The text of the appliance that a start would use.
    [[nodiscard]] std::string found() const {
        const auto found = last_good.read();
        return found ? found->texts.appliance : "(nothing)";
    }
    [[nodiscard]] struct stat about() const {
        struct stat out {};
        REQUIRE(::lstat(file.c_str(), &out) == 0);
        return out;
    }

    std::string root = fresh_directory();
    std::string file = root + "/state/last-good";
    Instant now = Instant{} + std::chrono::seconds(1000);
    LastGood last_good{root + "/state"};
};

TEST_CASE("the configuration in force is found again, and only root may read it") {
    State state;
    CHECK(state.found() == "(nothing)");
    state.keep(generation_of("first"));
    CHECK(state.found() == "first");
    CHECK(state.last_good.read()->texts.customers.at("acme") == "of acme");
    CHECK((state.about().st_mode & 07777U) == 0600);
    struct stat directory {};
    REQUIRE(::stat((state.root + "/state").c_str(), &directory) == 0);
    CHECK((directory.st_mode & 07777U) == 0700);
}

TEST_CASE("the latest one counts, also when it comes while another is written") {
    State state;
    const config::Generation first = generation_of("first");
    const config::Generation second = generation_of("second");
    state.last_good.keep(first, state.now);
    state.last_good.keep(second, state.now);
    state.last_good.finish(second, kPatience, state.now);
    CHECK(state.found() == "second");
}

TEST_CASE("the same configuration is not written twice") {
    State state;
    state.keep(generation_of("first"));
    const ino_t written = state.about().st_ino;
    state.keep(generation_of("first"));
    CHECK(state.about().st_ino == written);
    state.keep(generation_of("second"));
    CHECK(state.found() == "second");
}

TEST_CASE("where the new one cannot be written, the old one does not stay: it may have what was revoked since") {
    State state;
    state.keep(generation_of("first"));
    std::filesystem::create_directories(state.file + ".new/in-the-way");
    state.keep(generation_of("second"));
    CHECK(state.found() == "(nothing)");
    CHECK_FALSE(std::filesystem::exists(state.file));

    // It is tried again, not at once.
    std::filesystem::remove_all(state.file + ".new");
    const Instant again = state.now + LastGood::kRetryPause;
    CHECK(state.last_good.next_deadline() == again);
    const config::Generation second = generation_of("second");
    state.last_good.run(second, again - std::chrono::milliseconds(1));
    CHECK(state.last_good.next_deadline() == again);
    state.last_good.run(second, again);
    state.last_good.finish(second, kPatience, again);
    CHECK(state.found() == "second");
    CHECK(state.last_good.next_deadline() == kNever);
}

// Begins to write with a process that SIGXFSZ kills.
void keep_in_vain(State& state, const config::Generation& generation) {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit nothing{0, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &nothing) == 0);
    state.last_good.keep(generation, state.now);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
}

// Returns when the process has ended; run() sees it then.
void await_writer() {
    siginfo_t about{};
    REQUIRE(::waitid(P_ALL, 0, &about, WEXITED | WNOWAIT) == 0);
}

TEST_CASE("what a killed process did not write is written at the next attempt") {
    State state;
    state.keep(generation_of("first"));
    const config::Generation second = generation_of("second");
    keep_in_vain(state, second);
    await_writer();
    state.last_good.run(second, state.now);
    CHECK(state.found() == "first");
    CHECK(state.last_good.next_deadline() == state.now + LastGood::kRetryPause);
    state.keep(second);
    CHECK(state.found() == "second");
}

TEST_CASE("a newer one does not wait for the next attempt of one that was not written") {
    State state;
    keep_in_vain(state, generation_of("first"));
    await_writer();
    const config::Generation second = generation_of("second");
    state.last_good.keep(second, state.now);
    CHECK(state.last_good.next_deadline() == kNever);  // it is being written
    state.last_good.finish(second, kPatience, state.now);
    CHECK(state.found() == "second");
}

TEST_CASE("a stop writes what a process that is killed just then did not write") {
    State state;
    const config::Generation first = generation_of("first");
    keep_in_vain(state, first);
    state.last_good.finish(first, kPatience, state.now);
    CHECK(state.found() == "first");
    CHECK(state.last_good.next_deadline() == kNever);
}

// Standard error is a pipe.
struct Errors {
    Errors() {
        std::array<int, 2> ends{};
        REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
        read_end = UniqueFd(ends[0]);
        const UniqueFd write_end(ends[1]);
        REQUIRE(::dup2(write_end.get(), STDERR_FILENO) == STDERR_FILENO);
    }
    ~Errors() { ::dup2(before.get(), STDERR_FILENO); }
    Errors(const Errors&) = delete;
    Errors& operator=(const Errors&) = delete;

    static void fill() {
        const std::string page(4096, 'x');
        while (::write(STDERR_FILENO, page.data(), page.size()) > 0) {
        }
    }
    [[nodiscard]] std::string read() const {
        std::string out;
        std::array<char, 4096> piece{};
        for (ssize_t size = 0; (size = ::read(read_end.get(), piece.data(), piece.size())) > 0;)
            out.append(piece.data(), static_cast<std::size_t>(size));
        return out;
    }

    UniqueFd before{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)};
    UniqueFd read_end;
};

std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

TEST_CASE("what waits to be logged is logged once, and so is why nothing was written") {
    State state;
    const config::Generation first = generation_of("first");
    std::filesystem::create_directories(state.file + ".new/in-the-way");
    std::string text;
    bool waits = false;
    {
        const Errors errors;
        Errors::fill();
        log_text("a line that waits");
        waits = log_has_waiting();
        (void)errors.read();
        state.last_good.keep(first, state.now);
        await_writer();
        state.last_good.run(first, state.now);
        flush_log();
        text = errors.read();
    }
    CHECK(waits);
    CHECK(count_of(text, "a line that waits") == 1);
    CHECK(count_of(text, "event=last_good_not_kept") == 1);
    CHECK(text.find("last-good.new") != std::string::npos);
    CHECK(text.find("serves nobody") != std::string::npos);
}

TEST_CASE("a stop tries once more what could not be written") {
    State state;
    std::filesystem::create_directories(state.file + ".new/in-the-way");
    state.keep(generation_of("first"));
    std::filesystem::remove_all(state.file + ".new");
    state.last_good.finish(generation_of("first"), kPatience, state.now);
    CHECK(state.found() == "first");
}

TEST_CASE("a state directory that cannot be made does no harm") {
    State state;
    std::ofstream(state.root + "/state") << "a file";
    state.keep(generation_of("first"));
    CHECK(state.found() == "(nothing)");
    LastGood none("");
    none.keep(generation_of("first"), state.now);
    none.finish(generation_of("first"), kPatience, state.now);
    CHECK_FALSE(none.read().has_value());
}

TEST_CASE("a file that is damaged, or that somebody else can write, is not used") {
    State state;
    state.keep(generation_of("first"));
    SUBCASE("damaged") {
        std::ofstream(state.file, std::ios::app) << "x";
    }
    SUBCASE("another user can write it") {
        REQUIRE(::chmod(state.file.c_str(), 0620) == 0);
    }
    SUBCASE("a symbolic link") {
        std::filesystem::rename(state.file, state.root + "/elsewhere");
        std::filesystem::create_symlink(state.root + "/elsewhere", state.file);
    }
    SUBCASE("a directory") {
        std::filesystem::remove(state.file);
        std::filesystem::create_directory(state.file);
    }
    CHECK(state.found() == "(nothing)");
}

// --- the reconciler uses it ----------------------------------------------------------------------

// A new process, after one that had the configuration of these texts in force.
Reconciler::Options options_after(const Room& room, const std::optional<config::Texts>& texts) {
    Reconciler::Options options;
    options.config_directory = room.directory_;
    options.run_dir = kTestRunDir;
    options.last_good = [texts]() -> std::optional<config::PackedTexts> {
        if (!texts) return std::nullopt;
        return config::PackedTexts{*texts, {1'790'000'000'000'000'000}};
    };
    return options;
}

TEST_CASE("when warren.toml has errors, the first configuration is the last good one, and later ones are not") {
    Room room;
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.adopt();
    REQUIRE(room.apply().accepted);
    const config::Texts texts = config::texts_of(room.reconciler.current());
    CHECK(texts.customers.size() == 2);

    room.write("warren.toml", "schema = 1\nlisten_prt = 1\n");
    room.break_customer("acme");
    room.remove_customer("globex");
    Reconciler next(room.kernel, options_after(room, texts));
    VpndLink none;
    const auto apply = [&] { return next.apply(none, Reconciler::Removals::kKeep); };
    const auto says_so = [&] {
        const auto& problems = next.problems();
        return std::count_if(problems.begin(), problems.end(), [](const ipc::ControlText& text) {
            return text.kind == ipc::ControlText::Kind::kLastGood && text.customer.empty() &&
                   text.text.find("the configuration of 2026-09-21 14:13:20 UTC is in force") == 0 &&
                   text.text.find("warren.toml:2:") != std::string::npos;
        });
    };
    Report report = apply();
    CHECK(report.accepted);
    CHECK(mentions(report, "", "warren.toml:2:"));
    CHECK(next.uses_last_good());
    CHECK(says_so() == 1);
    CHECK(next.current().customers.size() == 2);
    CHECK(config::texts_of(next.current()) == texts);
    CHECK((room.has_stack("acme") && room.has_stack("globex")));

    report = apply();
    CHECK_FALSE(report.accepted);
    CHECK(next.uses_last_good());
    CHECK(says_so() == 1);

    room.write("warren.toml", room.appliance());
    room.write_customer("acme", 'C');
    room.write_customer("globex", 'B');
    report = apply();
    CHECK(report.accepted);
    CHECK_FALSE(next.uses_last_good());
    CHECK(says_so() == 0);
    CHECK(config::texts_of(next.current()) != texts);

    // Something is in force now, and stays.
    room.write("warren.toml", "schema = 1\nlisten_prt = 1\n");
    CHECK_FALSE(apply().accepted);
    CHECK_FALSE(next.uses_last_good());
    CHECK(config::texts_of(next.current()) != texts);
}

TEST_CASE("the reason for the last good configuration is an error of warren.toml") {
    Room room;
    room.write_customer("acme", 'A');
    room.adopt();
    REQUIRE(room.apply().accepted);
    Reconciler next(room.kernel, options_after(room, config::texts_of(room.reconciler.current())));
    room.write("warren.toml", "schema = 1\nlisten_prt = 1\n");
    room.write("customers/Acme.toml", "schema = 1\n");  // no id
    VpndLink none;
    const Report report = next.apply(none, Reconciler::Removals::kKeep);
    CHECK(report.accepted);
    CHECK(mentions(report, "", "Acme.toml"));
    REQUIRE(next.problems().size() > 1);
    const ipc::ControlText& first = next.problems().front();  // of many the page shows only some
    CHECK(first.kind == ipc::ControlText::Kind::kLastGood);
    CHECK(first.text.find("warren.toml:2:") != std::string::npos);
}

TEST_CASE("without a last good configuration that can be used, errors in warren.toml let nothing come into force") {
    Room room;
    room.write_customer("acme", 'A');
    const std::string broken = "schema = 1\nlisten_prt = 1\n";
    room.write("warren.toml", broken);
    std::optional<config::Texts> texts;
    SUBCASE("there is none") {}
    SUBCASE("it has errors too") {
        texts = config::Texts{broken, {}};
    }
    SUBCASE("its key is gone") {
        texts = config::Texts{Room::appliance(), {}};
        std::filesystem::remove(room.directory_ + "/secrets/uplink");
    }
    Reconciler next(room.kernel, options_after(room, texts));
    VpndLink none;
    const Report report = next.apply(none, Reconciler::Removals::kKeep);
    CHECK_FALSE(report.accepted);
    CHECK(report.exit_status == 1);
    CHECK_FALSE(next.uses_last_good());
    CHECK(mentions(report, "", "warren.toml:2:"));
}

TEST_CASE("files without errors are used, whatever was in force before") {
    Room room;
    room.write_customer("acme", 'A');
    Reconciler next(room.kernel, options_after(room, config::Texts{Room::appliance(), {}}));
    VpndLink none;
    CHECK(next.apply(none, Reconciler::Removals::kKeep).accepted);
    CHECK_FALSE(next.uses_last_good());
    CHECK(next.current().customers.size() == 1);
}

}  // namespace
}  // namespace warren::stacks
