#!/usr/bin/env bash
# Builds the release binary and the benchmarks, then measures: bench/README.md says what and how to read it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/install-dependencies.sh" --for test
configure release -DEASYFLOW_BENCH=ON
build release
exec "$root/bench/run.sh" "$@"
