#!/usr/bin/env bash
# Formats the C++ sources in place with clang-format 14; with --check only names the files it would change, and fails.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cd "$root"
sources() {
  find core crypto storage connectors sandbox tests bench .ci \( -name '*.hpp' -o -name '*.cpp' \) -print0 2>/dev/null || true
}
# Versions of clang-format disagree with each other, so this one is pinned.
if [[ "${1:-}" != --check ]]; then
  sources | xargs -0 -r -n 20 -P "$(nproc)" clang-format-14 -i
  exit 0
fi
unformatted="$(sources | xargs -0 -r -n 20 -P "$(nproc)" clang-format-14 --dry-run 2>&1 |
  sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: warning: code should be clang-formatted.*/\1/p' | sort -u)"
if [[ -n "$unformatted" ]]; then
  echo "$unformatted"
  fail "$(wc -l <<<"$unformatted") files are not formatted: make format"
fi
echo "format: $(sources | tr -cd '\0' | wc -c) files, no fault"
