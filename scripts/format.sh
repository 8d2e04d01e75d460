#!/usr/bin/env bash
# Formats the C++ sources in place with clang-format 14; with --check only names what is not formatted, and fails.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mode=(-i)
[[ "${1:-}" == --check ]] && mode=(--dry-run --Werror)
cd "$root"
# Versions of clang-format disagree with each other, so this one is pinned.
find core crypto storage connectors sandbox tests bench .ci \( -name '*.hpp' -o -name '*.cpp' \) -not -path '*/build/*' \
  -print0 2>/dev/null | xargs -0 -r -n 20 -P "$(nproc)" clang-format-14 "${mode[@]}"
