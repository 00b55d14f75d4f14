// Asks the control plane's admin endpoint. Blocking; for programs that have nothing else to do.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"

namespace gloo::cli {

class AdminClient {
 public:
  // `address` is HOST:PORT; "http://" before and "/" after are taken too.
  explicit AdminClient(std::string address, std::chrono::milliseconds timeout = std::chrono::seconds(10));

  // The body of GET `target` ("/api/v1/info"). Unavailable: nothing answers there; NotFound: 404, with the server's
  // text; Internal: anything else that is no answer.
  absl::StatusOr<std::string> Get(const std::string& target) const;

  const std::string& address() const { return address_; }

 private:
  std::string address_;
  std::string host_;
  std::string port_;
  std::chrono::milliseconds timeout_;
};

// Percent-encodes a query parameter's value.
std::string QueryEscape(const std::string& text);

}  // namespace gloo::cli
