#!/usr/bin/env bash
# Every benchmark of the project, one after the other; options go to the webhook benchmark.
set -euo pipefail
exec python3 "$(dirname "${BASH_SOURCE[0]}")/webhook/run.py" "$@"
