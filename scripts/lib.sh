# Shared by the scripts in this folder: where the project lies, how many jobs fit, how progress is printed.
# Sourced, not run. Nothing here assumes root, a terminal, or a current folder.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export LC_ALL="${LC_ALL:-C.UTF-8}"
export NINJA_STATUS="${NINJA_STATUS:-[%f/%t, %es] }"

say() { printf '== %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# One job a processor, but no more than memory carries: the largest source files ask for about 700 MB each.
build_jobs() {
  local processors memory_mb by_memory
  processors="$(nproc)"
  memory_mb="$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)"
  by_memory=$((memory_mb / 700))
  ((by_memory < 1)) && by_memory=1
  echo $((processors < by_memory ? processors : by_memory))
}

# What was compiled in one checkout serves in another: paths inside of it are told relative to it, also to the debugger
# (-fdebug-prefix-map in cmake/targets.cmake). ccache gives up, and with it the build, when it cannot write its folder
# (an account without a home).
set_up_ccache() {
  export CCACHE_BASEDIR="$root" CCACHE_ABSSTDERR=true
  [[ -n "${CCACHE_DIR:-}" ]] && return 0
  if [[ -z "${HOME:-}" || ! -w "${HOME:-/nonexistent}" ]]; then
    export CCACHE_DIR="$root/build/.ccache"
  fi
}

# A tree that root has built in cannot be built in by anyone else: say so before the compiler does.
require_writable_build_folder() {
  local probe="$root"
  [[ -e "$root/build" ]] && probe="$root/build"
  if [[ ! -w "$probe" ]]; then
    fail "$probe is not writable for $(id -un): it belongs to $(stat -c %U "$probe").
       Build as that user, or take it over: sudo chown -R $(id -un) $probe"
  fi
  if [[ "$(id -u)" != 0 ]] && [[ -d "$root/build" ]]; then
    local foreign
    foreign="$(find "$root/build" -mindepth 1 -maxdepth 1 ! -user "$(id -un)" -print -quit)"
    [[ -z "$foreign" ]] || fail "$foreign was built by $(stat -c %U "$foreign").
       Build as that user, or take it over: sudo chown -R $(id -un) $root/build"
  fi
}

# configure PRESET [cmake arguments]: quiet when nothing changed, the whole output when it fails.
configure() {
  local preset="$1" log
  shift
  require_writable_build_folder
  set_up_ccache
  mkdir -p "$root/build"
  log="$root/build/configure-$preset.log"
  say "configuring $preset"
  if ! (cd "$root" && cmake --preset "$preset" "$@") >"$log" 2>&1; then
    cat "$log" >&2
    fail "cmake could not configure the preset $preset (the lines above say why)"
  fi
}

# build PRESET TARGET...: on a terminal ninja's own moving line, elsewhere every twentieth step and all complaints.
build() {
  local preset="$1"
  shift
  set_up_ccache
  if [[ -t 1 ]]; then
    ninja -C "$root/build/$preset" -j "$(build_jobs)" "$@"
  else
    ninja -C "$root/build/$preset" -j "$(build_jobs)" "$@" 2>&1 |
      awk '/^\[[0-9]+\/[0-9]+,/ { split(substr($1, 2), n, /[\/,]/); if (n[1] % 20 && n[1] != n[2]) next }
           /^ninja: Entering|^ninja: no work/ { next } { print; fflush() }'
    return "${PIPESTATUS[0]}"
  fi
}
