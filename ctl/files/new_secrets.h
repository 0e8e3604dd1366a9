// Files below secrets/ that a command makes, and takes back when the rest of it fails.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace warren::ctl {

class NewSecrets {
  public:
    explicit NewSecrets(const std::string& config_directory) : directory_(config_directory + "/secrets") {}
    // Removes what was not kept.
    ~NewSecrets();
    NewSecrets(const NewSecrets&) = delete;
    NewSecrets& operator=(const NewSecrets&) = delete;

    // Writes `secret` (one line) to CUSTOMER/NAME, or NAME-2, ... when that is there: never over a file. Returns the
    // name as a configuration has it. What a name of a file may not have becomes "_".
    [[nodiscard]] Result<std::string> add(const std::string& customer, std::string_view name, std::string_view suffix,
                                          std::string_view secret);
    void keep() { made_.clear(); }

  private:
    std::string directory_;
    std::vector<std::string> made_;  // paths
};

}  // namespace warren::ctl
