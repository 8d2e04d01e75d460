#!/usr/bin/env bash
# Configures and builds a preset of CMakePresets.json: scripts/build.sh [preset] [target...], release by default.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

preset="${1:-release}"
shift || true
started=$SECONDS
configure "$preset"
build "$preset" "$@"
say "built $preset in $((SECONDS - started)) s"
