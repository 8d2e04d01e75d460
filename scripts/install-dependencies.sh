#!/usr/bin/env bash
# Installs the Debian packages the project needs, and only those that are missing. Silent when none is.
#
#   scripts/install-dependencies.sh [--for run|test] [--list] [--replace-boost]
#
#   --for run        what building and running the hub takes (default)
#   --for test       that, and what the tests and lints take
#   --list           print the packages of the set and stop
#   --replace-boost  agree that Boost -dev packages of another version are removed (they cannot stand beside 1.81)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

run_packages=(
  ca-certificates clang lld cmake ninja-build ccache pkg-config make
  libboost1.81-dev libboost-url1.81-dev
  libpqxx-dev libpq-dev libsodium-dev libssl-dev
  nlohmann-json3-dev libspdlog-dev libfmt-dev libcli11-dev libtomlplusplus-dev prometheus-cpp-dev
  libre2-dev libcctz-dev tzdata
  postgresql-15)
test_packages=(
  g++ libgtest-dev libgmock-dev libbenchmark-dev
  clang-format clang-tidy clang-tools-14 libclang-rt-14-dev
  python3 python3-yaml python3-jsonschema curl)

purpose=run
list=no
replace_boost=no
while (($# > 0)); do
  case "$1" in
    --for)
      purpose="${2:-}"
      shift 2 || fail "--for takes run or test"
      ;;
    --list) list=yes && shift ;;
    --replace-boost) replace_boost=yes && shift ;;
    *) fail "unknown argument $1 (known: --for run|test, --list, --replace-boost)" ;;
  esac
done
case "$purpose" in
  run) packages=("${run_packages[@]}") ;;
  test) packages=("${run_packages[@]}" "${test_packages[@]}") ;;
  *) fail "--for takes run or test, not '$purpose'" ;;
esac
if [[ "$list" == yes ]]; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || fail "this script knows Debian only. Install what \
corresponds to: ${packages[*]}"

# One look at the package database: this is all that happens when everything is there.
installed="$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${packages[@]}" 2>/dev/null | sed -n 's/^ii *//p' || true)"
missing=()
for package in "${packages[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
((${#missing[@]} == 0)) && exit 0

say "${#missing[@]} of ${#packages[@]} packages are missing: ${missing[*]}"
by_hand="apt-get install --no-install-recommends ${missing[*]}"
as_root=()
if [[ "$(id -u)" != 0 ]]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  elif command -v sudo >/dev/null && [[ -t 0 ]]; then
    say "sudo may ask for your password"
    as_root=(sudo)
  else
    fail "installing packages takes root or sudo, and $(id -un) has neither here. As root, run this once and try again:
  $by_hand"
  fi
fi
run_as_root() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@"; }

apt_options=(-y -q --no-install-recommends
  -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 -o Dpkg::Options::=--force-confold)

say "refreshing the package lists"
# A list of some other source may fail without harm, so the decision is left to the install step.
run_as_root apt-get update -q </dev/null >/dev/null || say "apt-get update reported an error, going on with the lists at hand"

unknown=()
for package in "${missing[@]}"; do
  apt-cache show "$package" >/dev/null 2>&1 || unknown+=("$package")
done
if ((${#unknown[@]} > 0)); then
  distribution="$(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-unknown}")"
  fail "the package sources of this machine ($distribution) do not offer: ${unknown[*]}.
       The project is built for Debian 12 with its main section; check the network and /etc/apt/sources.list*"
fi

# The -dev packages of two Boost versions exclude each other, and apt-get would resolve that by removing one unasked.
plan="$(run_as_root apt-get --simulate "${apt_options[@]}" install "${missing[@]}" </dev/null 2>&1)" ||
  fail "apt-get sees no way to install them:
$plan"
removed="$(sed -n 's/^Remv \([^ ]*\).*/\1/p' <<<"$plan" | tr '\n' ' ')"
if [[ -n "$removed" && "$replace_boost" == no ]]; then
  fail "installing would REMOVE these packages: $removed
       The usual reason: Debian's default Boost 1.74 -dev packages, which exclude the Boost 1.81 the project needs (1.74
       lacks the coroutine support). To agree to the removal: scripts/install-dependencies.sh --for $purpose --replace-boost"
fi

# The hub starts PostgreSQL clusters of its own. Installing the server would make and start one more, "main", which
# nobody asked for: switched off for the time of this installation only, the machine's own setting stays as it was.
no_main_cluster=/etc/postgresql-common/createcluster.d/easyflow-install.conf
if [[ " ${missing[*]} " == *" postgresql-15 "* ]]; then
  trap 'run_as_root rm -f "$no_main_cluster"' EXIT
  run_as_root mkdir -p "$(dirname "$no_main_cluster")"
  run_as_root sh -c "echo 'create_main_cluster = false' >'$no_main_cluster'"
fi

log="$(mktemp)"
total="$(grep -c '^Inst ' <<<"$plan" || true)"
install_missing() {
  local line count=0
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    case "$line" in
      "Need to get"*) echo "   ${line/%. */}" ;;
      "Setting up "*)
        count=$((count + 1))
        ((count % 25 == 0)) && echo "   $count of $total packages set up"
        ;;
    esac
  done < <(run_as_root apt-get "${apt_options[@]}" install "${missing[@]}" </dev/null 2>&1; echo "apt-get ended with $?")
  grep -qx 'apt-get ended with 0' <<<"$(tail -n 1 "$log")"
}
say "installing $total packages, with what they need (a few minutes on a fresh machine)"
if ! install_missing; then
  say "that failed; refreshing the package lists and trying once more"
  run_as_root apt-get update -q </dev/null >/dev/null || true
  if ! install_missing; then
    tail -n 30 "$log" >&2
    fail "apt-get could not install the packages (its last lines stand above, all of them in $log).
       Once the cause is mended, run as root: $by_hand"
  fi
fi
rm -f "$log"
say "all packages are there"
