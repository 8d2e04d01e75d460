#!/usr/bin/env bash
# Trains core/nlp/default.model from core/nlp/training/*.csv: run it after a change of those, of the entity rules or of
# the features, and commit the new file with the change.
#
#   scripts/train-default-model.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
set_up_ccache

cmake --preset release >/dev/null
cmake --build build/release --target train_default_model -j "$(build_jobs)"
build/release/core/nlp/train_default_model core/nlp/default.model.new
mv core/nlp/default.model.new core/nlp/default.model
say "core/nlp/default.model is written; build again to embed it"
