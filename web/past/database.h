// SQLite in our words. database.cc and file_system.cc are its only users.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace warren::web {

// A prepared statement. Its database must outlive it. Parameters count from 1, columns from 0.
class Statement {
  public:
    Statement() = default;
    Statement& bind(int parameter, std::int64_t value);
    Statement& bind(int parameter, std::string_view text);
    // True: there is a row. Afterwards, and after an error, reset() begins again.
    [[nodiscard]] Result<bool> step();
    // Runs one that gives no rows, and resets it.
    [[nodiscard]] Status run();
    void reset();
    [[nodiscard]] std::int64_t number(int column) const;
    [[nodiscard]] std::string text(int column) const;

  private:
    friend class Database;
    struct Finish {
        void operator()(sqlite3_stmt* statement) const;
    };
    [[nodiscard]] Error error() const;
    std::unique_ptr<sqlite3_stmt, Finish> statement_;
};

// kInvalid: SQLite cannot use the file (corrupt, foreign). kUnavailable: the disk is full. kFailed: anything else.
class Database {
  public:
    // The one of PastFiles, which must outlive it.
    [[nodiscard]] static Result<Database> open();

    [[nodiscard]] Status run(const std::string& statements);
    [[nodiscard]] Result<Statement> prepare(std::string_view statement);
    // Of a statement with one row and one column.
    [[nodiscard]] Result<std::int64_t> number(std::string_view statement);

  private:
    struct Close {
        void operator()(sqlite3* database) const;
    };
    std::unique_ptr<sqlite3, Close> database_;
};

// Everything until commit() is one: without it, the end takes it back.
class Transaction {
  public:
    [[nodiscard]] static Result<Transaction> begin(Database& database);
    Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    [[nodiscard]] Status commit();

  private:
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
};

}  // namespace warren::web
