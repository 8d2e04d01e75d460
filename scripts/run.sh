#!/usr/bin/env bash
# From a fresh machine to a running hub: installs what is missing, builds, and starts the hub with its own PostgreSQL
# and the sandbox platforms connected. Arguments go to `easyflow up`.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/install-dependencies.sh" --for run
"$root/scripts/build.sh" release
say "starting the hub with the sandbox platforms (Ctrl-C stops it)"
exec "$root/build/release/easyflow" up --sandbox "$@"
