// A table for people: aligned columns, two blanks between, none after the last.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warren::ctl {

enum class Align { kLeft, kRight };

struct Column {
    std::string_view title;
    Align align = Align::kLeft;
};

class Table {
  public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    // As many cells as columns. Control characters are shown as "?".
    void add(std::vector<std::string> cells);
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    // Titles, then the rows.
    [[nodiscard]] std::string text() const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace warren::ctl
