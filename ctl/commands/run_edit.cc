// edit: a customer's file in the operator's editor, as visudo(8) does it
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <map>
#include <optional>
#include <ostream>

#include "base/fd.h"
#include "base/printable.h"
#include "config/load.h"
#include "ctl/ask/program.h"
#include "ctl/commands/change.h"
#include "ctl/commands/terminal.h"
#include "ctl/files/customer_file.h"
#include "ctl/files/files.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

// The copy that is edited; removed at the end unless it is kept for the operator.
class Draft {
  public:
    explicit Draft(const std::string& id) : path_(fmt::format("/tmp/vpnctl-{}-XXXXXX.toml", id)) {}
    ~Draft() {
        if (is_made_ && !is_kept_) (void)::unlink(path_.c_str());
    }
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

    // A new file that only we can read.
    Status make(const std::string& text) {
        const UniqueFd file(::mkostemps(path_.data(), 5, O_CLOEXEC));
        if (!file.valid()) return fail_errno("make a file in /tmp", errno);
        is_made_ = true;
        return replace_file(path_, text);
    }
    void keep() { is_kept_ = true; }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
    bool is_made_ = false;
    bool is_kept_ = false;
};

std::string editor() {
    for (const char* name : {"VISUAL", "EDITOR"}) {
        const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
        if (value != nullptr && *value != '\0') return value;
    }
    return "editor";  // Debian's alternative
}

// The editor may have arguments ("code --wait"), so a shell splits it. Its exit status must be 0.
Status run_editor(const std::string& path) {
    const std::string command = editor() + " \"$1\"";
    const pid_t child = ::fork();
    if (child < 0) return fail_errno("start the editor", errno);
    if (child == 0) {
        ::execl("/bin/sh", "sh", "-c", command.c_str(), "sh", path.c_str(), static_cast<char*>(nullptr));
        ::_exit(127);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return fail_errno("wait for the editor", errno);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return fail(ErrorCode::kFailed, fmt::format("the editor ({}) failed", editor()));
}

enum class Choice { kWrite, kAgain, kQuit };

Choice ask(std::string_view question, bool may_write, Output& output) {
    const auto line = read_line(question, Echo::kShown, output);
    if (line && (*line == "e" || *line == "edit")) return Choice::kAgain;
    if (line && may_write && (*line == "y" || *line == "yes")) return Choice::kWrite;
    return Choice::kQuit;
}

// Edits and checks until the operator decides. Nothing: not to write.
std::optional<std::string> edited(const Invocation& invocation, const std::string& id, const FileState& before,
                                  Draft& draft, Output& output) {
    const std::string path = customer_path(invocation.config_dir, id);
    while (true) {
        if (const Status done = run_editor(draft.path()); !done) {
            (void)complain(output, kFailed, done.error().what);
            return std::nullopt;
        }
        auto text = read_text(draft.path());
        if (!text || *text == before.text) {
            output.err << "vpnctl: nothing was changed\n";
            return std::nullopt;
        }
        const std::map<std::string, std::optional<std::string>> changed{{id, *text}};
        const config::Loaded next = config::load(invocation.config_dir, {.changed = &changed});
        print_diagnostics(amend::diagnostics_of(next, id), output);
        Choice choice = Choice::kQuit;
        if (amend::is_valid(next, id)) {
            const auto difference = run_program({"diff", "-u", path, draft.path()});
            if (difference) output.out << printable(difference->output, "\n\t") << std::flush;
            choice = ask("vpnctl: write this and apply it, or edit it again? [y/e/N] ", true, output);
        } else {
            choice = ask("vpnctl: there are errors: edit it again, or quit? [e/Q] ", false, output);
        }
        if (choice == Choice::kWrite) return *text;
        if (choice == Choice::kAgain) continue;
        draft.keep();
        output.err << fmt::format("vpnctl: nothing was written; what you wrote is in {}\n", draft.path());
        return std::nullopt;
    }
}

}  // namespace

int run_edit(const Invocation& invocation, Output& output) {
    const std::string& id = invocation.arguments[0];
    if (const std::string problem = customer_problem(id); !problem.empty()) return complain(output, kUsage, problem);
    const std::string path = customer_path(invocation.config_dir, id);
    const auto before = read_state(path);
    if (!before) return complain(output, kFailed, before.error().what);
    if (!before->exists) return complain(output, kFailed, fmt::format("there is no customer {}: no {}", id, path));
    if (const Status writable = check_writable(path, *before); !writable)
        return complain(output, kFailed, writable.error().what);
    Draft draft(id);
    if (const Status made = draft.make(before->text); !made) return complain(output, kFailed, made.error().what);
    const auto text = edited(invocation, id, *before, draft, output);
    if (!text) return kAnswerIsNo;
    CustomerChange change;
    change.id = id;
    change.edit = [&](const std::string& now, const config::Customer& /*now*/) -> Result<std::string> {
        if (now != before->text)
            return fail(ErrorCode::kConflict,
                        fmt::format("{} was changed meanwhile; what you wrote is in {}", path, draft.path()));
        return *text;
    };
    if (const int status = write_customer(change, invocation, output); status != kDone) {
        draft.keep();
        return status;
    }
    return apply_change(invocation, "", output);
}

}  // namespace warren::ctl
