// Named network namespaces, as ip-netns(8) keeps them: files below /run/netns that a namespace is mounted on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/kernel_names.h"
#include "base/result.h"

namespace warren::stacks {

// Moves the calling thread into another network namespace, and back at the end. If returning fails the process aborts:
// it must never continue in the wrong namespace.
class InNamespace {
  public:
    // `home` must outlive it.
    [[nodiscard]] static Result<InNamespace> enter(int target, int home);
    // A new namespace that only this thread holds.
    [[nodiscard]] static Result<InNamespace> enter_new(int home);
    InNamespace(InNamespace&& other) noexcept : home_(std::exchange(other.home_, -1)) {}
    InNamespace& operator=(InNamespace&&) = delete;
    InNamespace(const InNamespace&) = delete;
    InNamespace& operator=(const InNamespace&) = delete;
    ~InNamespace();

  private:
    explicit InNamespace(int home) : home_(home) {}
    int home_;
};

// The namespace that the calling thread is in.
[[nodiscard]] Result<UniqueFd> current_namespace();
// A namespace by name; kNotFound when there is none, or when the file exists without a mount.
[[nodiscard]] Result<UniqueFd> open_namespace(const std::string& name);
// Gives the calling thread's namespace a name.
[[nodiscard]] Status name_current_namespace(const std::string& name);
// Tells the namespace of this name from all others of the machine; kNotFound as above.
[[nodiscard]] Result<std::uint64_t> namespace_number(const std::string& name);
// Removes a name; no error when there is none.
[[nodiscard]] Status remove_namespace_name(const std::string& name);
// All names that begin with `prefix`, sorted.
[[nodiscard]] Result<std::vector<std::string>> namespace_names(const std::string& prefix);

}  // namespace warren::stacks
