// The little of SQLite that the store needs, with statuses for errors.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace gloo::state {

class Database;

// A prepared statement. Bind parameters in order, then Step(); Run() steps once and makes it ready for the next.
class Statement {
 public:
  static absl::StatusOr<Statement> Prepare(Database& db, const std::string& sql);
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // The bytes must stay until the next Run() or Step().
  Statement& Bind(int64_t value);
  Statement& Bind(std::string_view text);
  Statement& BindBlob(std::string_view bytes);

  // True: there is a row.
  absl::StatusOr<bool> Step();
  absl::Status Run();

  int64_t Integer(int column) const;
  std::string Bytes(int column) const;

 private:
  Statement(Database& db, sqlite3_stmt* stmt) : db_(&db), stmt_(stmt) {}
  Database* db_;
  sqlite3_stmt* stmt_;
  int next_ = 1;
};

// kDataLoss: the file is damaged, or no database at all.
class Database {
 public:
  enum class Mode {
    kWrite,
    kRead,
    // For a database that nobody writes, in a folder that cannot be written.
    kImmutable,
  };
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  absl::Status Execute(const std::string& sql);
  // Prepared when it is asked for first and kept: most of what a small transaction costs is reading its SQL. For
  // statements that are run, one use at a time.
  absl::StatusOr<Statement*> Kept(const char* sql);
  absl::StatusOr<int64_t> Integer(const std::string& sql);
  // "ok", or the first fault found.
  absl::StatusOr<std::string> QuickCheck();

  sqlite3* handle() const { return db_; }

 private:
  explicit Database(sqlite3* db) : db_(db) {}
  sqlite3* const db_;
  std::map<std::string, Statement, std::less<>> kept_;
};

}  // namespace gloo::state
