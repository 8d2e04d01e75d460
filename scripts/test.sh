#!/usr/bin/env bash
# Everything that has to pass: the tests, the sanitizers, fuzzing, the lints.
#
#   scripts/test.sh [step...]      steps: lints debug asan tsan gcc fuzz (default: all of them, in the order below)
#
# Prints a line with its time for each part and ends with "N passed, N failed". Fails when anything failed, and when a
# test that has to run was skipped. Needs no terminal and no root; PostgreSQL tests make clusters of their own.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

steps=("$@")
((${#steps[@]} > 0)) || steps=(debug lints asan gcc tsan fuzz)
for step in "${steps[@]}"; do
  [[ "$step" =~ ^(lints|debug|asan|tsan|gcc|fuzz)$ ]] || fail "unknown step $step (known: lints debug asan tsan gcc fuzz)"
done

passed=0
failed=0
faults=()
results="$root/build/test-results"

succeed() {
  passed=$((passed + 1))
  say "$1: passed after $2 s ($SECONDS s in all)"
}
blame() {
  failed=$((failed + 1))
  faults+=("$1")
  say "$1: FAILED after $2 s ($SECONDS s in all)"
}

# part NAME COMMAND...: one thing that passes or fails as a whole
part() {
  local name="$1" started=$SECONDS
  shift
  say "$name"
  if "$@"; then
    succeed "$name" $((SECONDS - started))
  else
    blame "$name" $((SECONDS - started))
    return 1
  fi
}

# built PRESET TARGET...: configures and builds
built() {
  local preset="$1"
  shift
  (configure "$preset" && build "$preset" "$@")
}

# tested PRESET LABELS: runs the tests of the build whose labels match, and counts each. No matching test is a failure.
tested() {
  local preset="$1" labels="$2" name started=$SECONDS counts good bad report at_once
  at_once="$(nproc)"
  name="tests of $preset ($labels)"
  report="$results/$preset-${labels//[^a-z]/-}.xml"
  say "$name"
  rm -f "$report"
  # whole programs being killed and restarted get the machine for themselves
  [[ "$labels" == '^e2e$' ]] && at_once=1
  (cd "$root/build/$preset" && ctest -L "$labels" -j "$at_once" --no-tests=error --output-on-failure \
    --test-output-size-passed 200000 --output-junit "$report" </dev/null) |
    grep -vE '^ *[0-9]+/[0-9]+ Test .* Passed|^ *Start +[0-9]+:'
  if ! counts="$(python3 "$root/.ci/count_tests.py" "$report")"; then
    blame "$name: no test ran" $((SECONDS - started))
    return
  fi
  read -r good bad <<<"$counts"
  passed=$((passed + good))
  failed=$((failed + bad))
  if ((bad > 0 || good == 0)); then
    ((good + bad > 0)) || failed=$((failed + 1))
    faults+=("$name")
  fi
  say "$name: $good passed, $bad failed after $((SECONDS - started)) s ($SECONDS s in all)"
}

# Every fuzz target for the same time, as many at once as there are processors.
fuzzed() {
  local seconds="${EASYFLOW_FUZZ_SECONDS:-20}" program seeds work name names=() pids=() started=$SECONDS
  say "fuzzing each target for $seconds s"
  while read -r program seeds; do
    name="$(basename "$program")"
    # what the fuzzer finds interesting is kept there and starts the next run
    work="$root/build/fuzz/corpus/$name"
    mkdir -p "$work"
    run_fuzzer "$program" "$seconds" "$work" ${seeds:+"$seeds"} &
    pids+=($!)
    names+=("$name")
    ((${#pids[@]} % $(nproc) == 0)) && wait "${pids[@]}" 2>/dev/null
  done <"$root/build/fuzz/fuzzers.txt"
  ((${#pids[@]} > 0)) || blame "fuzzing: no target" 0
  local i
  for i in "${!pids[@]}"; do
    if wait "${pids[i]}"; then
      succeed "${names[i]}: $(sed -n 's/^stat::number_of_executed_units: *//p' "$root/build/fuzz/corpus/${names[i]}.log") inputs" \
        $((SECONDS - started))
    else
      tail -n 60 "$root/build/fuzz/corpus/${names[i]}.log"
      blame "fuzzing ${names[i]}" $((SECONDS - started))
    fi
  done
}
run_fuzzer() {
  local program="$1" seconds="$2" work="$3" log="$3.log"
  shift 2
  "$program" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$work.finding." "$@" >"$log" 2>&1 </dev/null
}

step_debug() {
  part "build with clang" built debug || return
  python3 "$root/.ci/build_times.py" "$root/build/debug"
  tested debug '^unit$'
  tested debug '^integration$'
  tested debug '^e2e$'
}
step_lints() {
  part "build with clang" built debug || return
  part "lints" "$root/scripts/lint.sh" --built
}
# Memory errors and undefined behaviour, everywhere but in the end-to-end tests
step_asan() {
  part "build with address and undefined-behaviour sanitizers" built asan tests_unit tests_integration || return
  tested asan '^(unit|integration)$'
}
# g++ accepts all of it without a warning, and its coroutines destroy nothing twice (docs/coroutines.md)
step_gcc() {
  part "build with g++ and the address sanitizer" built asan-gcc || return
  tested asan-gcc '^unit$'
}
step_tsan() {
  part "build with the thread sanitizer" built tsan tests_threads || return
  tested tsan '^threads$'
}
step_fuzz() {
  part "build of the fuzz targets" built fuzz fuzzers || return
  fuzzed
}

export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:${UBSAN_OPTIONS:-}"
export LSAN_OPTIONS="suppressions=$root/.ci/lsan.supp:print_suppressions=0:${LSAN_OPTIONS:-}"
export TSAN_OPTIONS="suppressions=$root/.ci/tsan.supp:halt_on_error=0:second_deadlock_stack=1:${TSAN_OPTIONS:-}"

"$root/scripts/install-dependencies.sh" --for test || exit 1
(require_writable_build_folder) || exit 1
mkdir -p "$results" || exit 1
for step in "${steps[@]}"; do
  "step_$step"
done

say "after $SECONDS s"
for fault in "${faults[@]}"; do
  echo "   failed: $fault"
done
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
