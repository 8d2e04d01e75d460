#!/usr/bin/env bash
# The lints, each about one fault. --fast: only those that need no build.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

failed=()
lint() {
  local name="$1"
  shift
  "$@" || failed+=("$name")
}
if [[ "${1:-}" != --built ]]; then
  "$root/scripts/install-dependencies.sh" --for test
fi

lint format "$root/scripts/format.sh" --check
for name in includes sql_outside no_sleeps secrets_in_fixtures; do
  lint "$name" python3 "$root/.ci/check_$name.py"
done
if [[ "${1:-}" != --fast ]]; then
  # The other lints see what the compiler sees: headers, types, expanded templates.
  if [[ "${1:-}" != --built ]]; then
    configure debug
    build debug
  fi
  lint headers build debug -k 0 headers
  EASYFLOW_JOBS="$(build_jobs)" lint coroutines python3 "$root/.ci/check_coroutines.py"
  EASYFLOW_JOBS="$(build_jobs)" lint tidy python3 "$root/.ci/check_tidy.py"
fi
if ((${#failed[@]} > 0)); then
  fail "lints with faults: ${failed[*]}"
fi
