# Shared by the scripts of this repository: where things are, how they speak. Sourced, never run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_dir=${GLOO_BUILD_DIR:-build}
[[ $build_dir == /* ]] || build_dir=$root/$build_dir
build_dir=$(realpath -m "$build_dir")

# say TEXT...: one line of progress, on standard error.
say() { printf '==> %s\n' "$*" >&2; }

# die TEXT...: the one line that says what is wrong and what to do.
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# port_in_use PORT: true when something listens on it at loopback.
port_in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
