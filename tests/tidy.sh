#!/bin/sh
# clang-tidy over everything that runs in production, with the checks of .clang-tidy. It takes what
# the tests beside it leave idle.
set -eu
root=$1
build=$2
command -v clang-tidy-19 >/dev/null || { echo "clang-tidy-19 is not installed"; exit 77; }
cd "$root"
# The compiler's warning options are GCC's; clang does not know all of them.
find common ctld spank -name '*.cpp' -print0 |
  nice -n 19 xargs -0 -n 4 -P "$(nproc)" clang-tidy-19 -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option
