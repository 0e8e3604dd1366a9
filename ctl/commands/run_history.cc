// history, show, diff --revision
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <system_error>

#include "base/printable.h"
#include "config/customer_files.h"
#include "config/customer_id.h"
#include "ctl/ask/program.h"
#include "ctl/commands/change.h"
#include "ctl/commands/history.h"
#include "ctl/commands/known_customer.h"
#include "ctl/files/customer_file.h"
#include "ctl/files/files.h"
#include "ctl/runners.h"
#include "ctl/show/history_views.h"
#include "ctl/show/json.h"
#include "history/lines.h"

namespace warren::ctl {

namespace {

std::string customer_of(const Invocation& invocation) {
    return invocation.arguments.empty() ? "" : invocation.arguments[0];
}

// "" also when there is none.
std::string customer_problem_of(const Invocation& invocation) {
    const std::string customer = customer_of(invocation);
    return customer.empty() ? "" : customer_problem(customer);
}

// Two directories with the files that differ, gone at the end.
class Trees {
  public:
    Trees() = default;
    ~Trees() {
        std::error_code ignored;
        if (!root_.empty()) std::filesystem::remove_all(root_, ignored);
    }
    Trees(const Trees&) = delete;
    Trees& operator=(const Trees&) = delete;

    Status make() {
        std::string name = "/tmp/vpnctl-diff-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) return fail_errno("make a directory in /tmp", errno);
        root_ = name;
        for (const char* each : {"/revision", "/revision/customers", "/now", "/now/customers"})
            WARREN_TRY(ensure_directory(root_ + each, 0700));
        return {};
    }
    Status put(const std::string& name, const std::string* before, const std::string* now) {
        if (before != nullptr) WARREN_TRY(put_one("/revision/", name, *before));
        return now != nullptr ? put_one("/now/", name, *now) : Status();
    }
    // Without our directory's name.
    [[nodiscard]] Result<std::string> difference() const {
        const auto ran = run_program({"diff", "-ruN", root_ + "/revision", root_ + "/now"}, {},
                                     {std::chrono::seconds(60), std::size_t{64} << 20U});
        if (!ran) return tl::unexpected<Error>(ran.error());
        std::string out = ran->output;
        for (auto at = out.find(root_ + "/"); at != std::string::npos; at = out.find(root_ + "/", at))
            out.erase(at, root_.size() + 1);
        return out;
    }

  private:
    // With the directories of resellers.
    Status put_one(const std::string& side, const std::string& name, const std::string& text) const {
        for (auto at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1))
            WARREN_TRY(ensure_directory(root_ + side + name.substr(0, at), 0700));
        return create_file(root_ + side + name, text);
    }

    std::string root_;
};

// The files of now. An unreadable one is an error.
Result<config::Texts> texts_of_files(const std::string& directory) {
    config::Texts out;
    auto appliance = read_text(directory + "/warren.toml");
    if (!appliance) return tl::unexpected<Error>(appliance.error());
    out.appliance = std::move(*appliance);
    const config::CustomerFiles files = config::list_customer_files(directory);
    if (!files.complete) return fail(ErrorCode::kFailed, directory + "/customers cannot be read");
    for (const std::string& id : files.ids) {
        auto text = read_text(fmt::format("{}/{}", directory, config::customer_file(id)));
        if (!text) return tl::unexpected<Error>(text.error());
        out.customers.emplace(id, std::move(*text));
    }
    return out;
}

const std::string* find(const config::Texts& texts, const std::string& id) {
    const auto found = texts.customers.find(id);
    return found == texts.customers.end() ? nullptr : &found->second;
}

// False: nothing differs.
Result<bool> fill(Trees& trees, const config::Texts& before, const config::Texts& now, const std::string& customer) {
    bool differs = false;
    const auto add = [&](const std::string& name, const std::string* old, const std::string* fresh) -> Status {
        const bool same = old != nullptr && fresh != nullptr ? *old == *fresh : old == fresh;
        differs = differs || !same;
        return same ? Status() : trees.put(name, old, fresh);
    };
    if (customer.empty()) WARREN_TRY(add("warren.toml", &before.appliance, &now.appliance));
    std::set<std::string> ids;
    for (const config::Texts* each : {&before, &now})
        for (const auto& [id, text] : each->customers) ids.insert(id);
    for (const std::string& id : ids) {
        if (customer.empty() || customer == id)
            WARREN_TRY(add(config::customer_file(id), find(before, id), find(now, id)));
    }
    return differs;
}

}  // namespace

Status History::read() {
    auto found = store_.revisions();
    if (!found && found.error().system_error == EACCES)
        return fail(ErrorCode::kPermission, "only root may read the history");
    if (!found) return tl::unexpected<Error>(found.error());
    revisions_ = std::move(*found);
    if (revisions_.all.empty())
        return fail(ErrorCode::kNotFound, "there is no history: stackd has kept nothing in its state directory");
    return {};
}

Result<std::uint64_t> revision_of(const std::string& text, const history::Revisions& revisions) {
    if (text.empty()) return revisions.last();
    const auto number = history::number_of<std::uint64_t>(text);
    if (!number) return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is no number of a revision", text));
    if (revisions.find(*number) == nullptr)
        return fail(ErrorCode::kNotFound, fmt::format("there is no revision {}; the history has {} to {}", *number,
                                                      revisions.all.front().number, revisions.last()));
    return *number;
}

int run_history(const Invocation& invocation, Output& output) {
    if (const std::string problem = customer_problem_of(invocation); !problem.empty())
        return complain(output, kUsage, problem);
    History history(invocation.state_dir);
    if (const Status read = history.read(); !read) return complain(output, kFailed, read.error().what);
    const std::string customer = customer_of(invocation);
    const auto& all = history.revisions().all;
    const bool is_there = customer.empty() || std::any_of(all.begin(), all.end(), [&customer](const auto& revision) {
                              return history::customers_of(revision).contains(customer);
                          });
    if (!is_there && !is_known_customer(invocation, customer))
        return complain(output, kFailed, no_such_customer(invocation, customer));
    output.out << (invocation.json ? history_json(history.revisions(), customer)
                                   : history_text(history.revisions(), customer));
    return kDone;
}

namespace {

// The revision that the command line names, with its texts; nothing: why not is told, and `status` is the exit status.
struct Named {
    std::uint64_t number = 0;
    config::Texts texts;
};
std::optional<Named> named_revision(const Invocation& invocation, Output& output, int& status) {
    if (const std::string problem = customer_problem_of(invocation); !problem.empty()) {
        status = complain(output, kUsage, problem);
        return std::nullopt;
    }
    History history(invocation.state_dir);
    const auto give_up = [&](const Error& error) {
        status = complain(output, kFailed, error.what);
        return std::nullopt;
    };
    if (const Status read = history.read(); !read) return give_up(read.error());
    const auto number = revision_of(invocation.revision, history.revisions());
    if (!number) return give_up(number.error());
    auto texts = history.texts_at(*number);
    if (!texts) return give_up(texts.error());
    return Named{*number, std::move(*texts)};
}

}  // namespace

int run_show(const Invocation& invocation, Output& output) {
    int status = kDone;
    const auto revision = named_revision(invocation, output, status);
    if (!revision) return status;
    const auto& [number, texts] = *revision;
    const std::string customer = customer_of(invocation);
    if (!customer.empty()) {
        const std::string* text = find(texts, customer);
        if (text == nullptr)
            return complain(output, kAnswerIsNo, fmt::format("revision {} has no customer {}", number, customer));
        output.out << (invocation.json ? dump({{"revision", number}, {"files", {{customer, *text}}}}) : *text);
        return kDone;
    }
    if (invocation.json) {
        output.out << dump({{"revision", number}, {"appliance", texts.appliance}, {"customers", texts.customers}});
        return kDone;
    }
    output.out << fmt::format("# --- warren.toml of revision {}\n{}", number, texts.appliance);
    for (const auto& [id, text] : texts.customers)
        output.out << fmt::format("\n# --- {} of revision {}\n{}", config::customer_file(id), number, text);
    return kDone;
}

int run_diff_revision(const Invocation& invocation, Output& output) {
    int status = kDone;
    const auto revision = named_revision(invocation, output, status);
    if (!revision) return status;
    const auto now = texts_of_files(invocation.config_dir);
    if (!now) return complain(output, kFailed, now.error().what);
    Trees trees;
    if (const Status made = trees.make(); !made) return complain(output, kFailed, made.error().what);
    const auto differs = fill(trees, revision->texts, *now, customer_of(invocation));
    if (!differs) return complain(output, kFailed, differs.error().what);
    if (!*differs) return kDone;
    const auto text = trees.difference();
    if (!text) return complain(output, kFailed, text.error().what);
    output.out << printable(*text, "\n\t");
    return kAnswerIsNo;
}

}  // namespace warren::ctl
