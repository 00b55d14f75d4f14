// Early return for absl::Status and absl::StatusOr.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define GLOO_RETURN_IF_ERROR(expr)                                                   \
  do {                                                                               \
    if (absl::Status gloo_status_ = (expr); !gloo_status_.ok()) return gloo_status_; \
  } while (false)

#define GLOO_CONCAT_INNER_(a, b) a##b
#define GLOO_CONCAT_(a, b) GLOO_CONCAT_INNER_(a, b)

// GLOO_ASSIGN_OR_RETURN(auto x, Compute());
#define GLOO_ASSIGN_OR_RETURN(lhs, expr) GLOO_ASSIGN_OR_RETURN_(GLOO_CONCAT_(gloo_or_, __LINE__), lhs, expr)
#define GLOO_ASSIGN_OR_RETURN_(tmp, lhs, expr)   \
  auto tmp = (expr);                             \
  if (!tmp.ok()) return std::move(tmp).status(); \
  lhs = *std::move(tmp)
