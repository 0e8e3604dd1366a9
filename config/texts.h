// The files of a configuration in force as texts, and all of them as one file, from which a later start can take them.
// No secret is in them: they name the files of secrets. Pure.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace warren::config {

struct Generation;

struct Texts {
    std::string appliance;                                      // warren.toml
    std::map<std::string, std::string, std::less<>> customers;  // customers/ID.toml, by id

    bool operator==(const Texts&) const = default;
};

// A customer whose file has errors since has the text that is in force.
[[nodiscard]] Texts texts_of(const Generation& generation);

struct PackedTexts {
    Texts texts;
    WallTime packed{};
};

// The first line has the form, the version of the program and the time; the last one a checksum.
[[nodiscard]] std::string pack(const Texts& texts, std::string_view version, WallTime now);
// kInvalid: damaged, of another form, or of a program with another major version than `version`.
[[nodiscard]] Result<PackedTexts> unpack(std::string_view packed, std::string_view version);

}  // namespace warren::config
