#!/bin/sh
# Holds what nobody should have to look for: formatting, and what the plugins inside Slurm link.
set -eu
root=$1
build=$2
cd "$root"

if command -v clang-format-19 >/dev/null; then
  find common ctld spank include tests bench -name '*.cpp' -o -name '*.h' -o -name '*.c' |
    xargs clang-format-19 --dry-run --Werror
fi

# A C++ runtime symbol in a plugin would be a library that every slurmctld and slurmstepd loads, or,
# where it is not linked, a daemon that does not start.
for plugin in spank/spank_sluice.so ctld/prep/prep_sluice.so ctld/jobcomp/jobcomp_sluice.so; do
  if nm -D -u "$build/$plugin" | grep -E ' (_Z|__cxa_[^f]|__gxx)'; then
    echo "$plugin needs the C++ runtime"
    exit 1
  fi
  # It shows in a distribution's build alone, so the flag is looked for.
  target=$(basename "$plugin" .so)
  if grep -E "\"command\".*/($target|sluice_hook)\.dir/" "$build/compile_commands.json" |
    grep -v -e -D_GLIBCXX_NO_ASSERTIONS; then
    echo "$plugin is compiled with assertions of libstdc++"
    exit 1
  fi
  needed=$(readelf -d "$build/$plugin" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')
  [ "$needed" = "libc.so.6" ] || { echo "$plugin links: $needed"; exit 1; }
done
