// The id of a customer: "acme", or "acme.north" for a customer of the reseller acme, to depth kMostLevels. Which file
// it has, and whose customer it is, is said here alone. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace warren::config {

// All of it: names of devices, marks in the kernel and records of usage have room for so much.
inline constexpr std::size_t kMaxCustomerId = 31;
inline constexpr std::size_t kMostLevels = 3;

// A stack that gets another name has one that ends with it meanwhile (stacks/plan/renames.h): no reseller's customer
// is called so.
inline constexpr std::string_view kReservedName = "new";

// Parts of [a-z][a-z0-9-]*, with dots between them.
[[nodiscard]] bool is_customer_id(std::string_view text);
// One part: the name of a file without ".toml", or of a reseller's directory.
[[nodiscard]] bool is_customer_name(std::string_view text);

// "customers/acme/north.toml" for "acme.north".
[[nodiscard]] std::string customer_file(std::string_view id);
// The id in such a name; "": it is none.
[[nodiscard]] std::string customer_of_file(std::string_view name);

// The reseller whose customer it is; "": it is nobody's.
[[nodiscard]] std::string_view reseller_of(std::string_view id);
// All of them, the outermost first.
[[nodiscard]] std::vector<std::string> resellers_of(std::string_view id);
// At any level, but not the reseller itself.
[[nodiscard]] bool is_customer_of(std::string_view id, std::string_view reseller);
// Of its parts: 1 is nobody's customer.
[[nodiscard]] std::size_t level_of(std::string_view id);

}  // namespace warren::config
