// A disk in memory that forgets what was not synced, and whose calls can fail one after the other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "history/disk.h"

namespace warren::history {

class FakeDisk final : public Disk {
  public:
    std::size_t calls = 0;            // that change something
    std::size_t fails_at = SIZE_MAX;  // this one fails: the disk is full
    std::size_t cut_at = SIZE_MAX;    // this one and all later ones do nothing: the power is cut

    [[nodiscard]] Result<std::string> read(const std::string& name) const override {
        const auto found = names.find(name);
        if (found == names.end()) return fail(ErrorCode::kNotFound, name);
        return contents.at(found->second).now;
    }
    [[nodiscard]] Status write(const std::string& name, std::string_view content) override {
        const Status begun = begin();
        if (!begun && calls > cut_at) return begun;
        names[name] = contents.size();
        // A full disk takes the first half.
        contents.push_back({std::string(begun ? content : content.substr(0, content.size() / 2)), ""});
        return begun;
    }
    [[nodiscard]] Status sync_file(const std::string& name) override {
        WARREN_TRY(begin());
        Content& content = contents.at(names.at(name));
        content.synced = content.now;
        return {};
    }
    [[nodiscard]] Status sync_all() override {
        WARREN_TRY(begin());
        for (Content& each : contents) each.synced = each.now;
        durable = names;
        return {};
    }
    [[nodiscard]] Status rename(const std::string& from, const std::string& to) override {
        WARREN_TRY(begin());
        names[to] = names.at(from);
        names.erase(from);
        return {};
    }
    [[nodiscard]] Status remove(const std::string& name) override {
        WARREN_TRY(begin());
        names.erase(name);
        return {};
    }
    [[nodiscard]] Status make_directory(const std::string& /*name*/) override { return begin(); }
    [[nodiscard]] Status sync_directory(const std::string& name) override {
        WARREN_TRY(begin());
        std::erase_if(durable,
                      [&](const auto& each) { return is_in(each.first, name) && !names.contains(each.first); });
        for (const auto& [each, content] : names) {
            if (is_in(each, name)) durable[each] = content;
        }
        return {};
    }
    [[nodiscard]] Result<std::vector<std::string>> list(const std::string& directory) const override {
        std::vector<std::string> out;
        for (const auto& [name, content] : names) {
            if (is_in(name, directory)) out.push_back(name.substr(directory.size() + 1));
        }
        return out;
    }

    // After a power cut. `is_lazy`: no name that was not synced got to the disk, else all of them did. A file whose
    // content was not synced is empty.
    [[nodiscard]] FakeDisk after_power_cut(bool is_lazy) const {
        FakeDisk out;
        out.contents = contents;
        for (Content& each : out.contents) each.now = each.synced;
        out.names = is_lazy ? durable : names;
        out.durable = out.names;
        return out;
    }

  private:
    struct Content {
        std::string now;
        std::string synced;
    };

    [[nodiscard]] Status begin() {
        const std::size_t call = calls++;
        if (call >= cut_at) return fail(ErrorCode::kFailed, "no power");
        if (call == fails_at) return fail(ErrorCode::kUnavailable, "no space left on device");
        return {};
    }
    // Directly; "": the store's own directory.
    [[nodiscard]] static bool is_in(const std::string& name, const std::string& directory) {
        const auto slash = name.rfind('/');
        return (slash == std::string::npos ? "" : name.substr(0, slash)) == directory;
    }

    std::vector<Content> contents;
    std::map<std::string, std::size_t> names;
    std::map<std::string, std::size_t> durable;
};

}  // namespace warren::history
