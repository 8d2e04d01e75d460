#!/usr/bin/env bash
# Every benchmark of the project, one after the other; options go to the webhook benchmark.
set -euo pipefail
here="$(dirname "${BASH_SOURCE[0]}")"
"$here/nlp/run.sh"
exec python3 "$here/webhook/run.py" "$@"
