#!/usr/bin/env bash
# Builds and runs the benchmark of message understanding, and prints its table.
#
#   EASYFLOW_NLP_DATA=folder EASYFLOW_NLP_DEV=file.tsv bench/nlp/run.sh [--validate] [part...]
#
#   EASYFLOW_NLP_DATA  folder of the public sets (clinc150, banking77, hwu64, ru_nlu_eval, hint3, duckling_corpora)
#   EASYFLOW_NLP_DEV   the e-commerce development set, columns id, lang, intent, text, entities
#   --validate         measures on validation parts instead of test parts: what settings are chosen by
#   part               memory latency training duckling clinc banking hwu ru hint3 folds shop; verbose lists the errors
#
# Without the variables only what needs no data is measured, and the table says what it left out.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
cd "$root"
set_up_ccache
cmake --preset release -DEASYFLOW_BENCH=ON >/dev/null
cmake --build build/release --target nlp_bench -j "$(build_jobs)" | tail -n 1
exec build/release/bench/nlp_bench "$@"
