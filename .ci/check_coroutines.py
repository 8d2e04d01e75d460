#!/usr/bin/env python3
"""Finds what g++ 12 miscompiles next to co_await, and coroutine parameters that dangle (docs/coroutines.md).

A parameter that looks at the caller's data is let through where a comment right above the function, or beside the
parameter, says what outlives the frame: `// borrows: request() awaits this and owns them all`.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import compiled
from sources import ROOT

QUERY = "clang-query-14"
RULES = (ROOT / ".ci" / "coroutine_hazards.clang-query").read_text()
CASES = ROOT / ".ci" / "coroutine_hazards_cases.cpp"
FOUND = re.compile(r'^(?P<place>.+?:\d+):\d+: note: "(?P<what>.+)" binds here$', re.MULTILINE)


def query(path, rules, compiling):
    """`compiling` says how: ["-p", build folder] or ["--", compiler arguments]."""
    place = [*compiling, str(path)] if compiling[0] == "-p" else [str(path), *compiling]
    run = subprocess.run([QUERY, "-f", rules, *place], capture_output=True, text=True, check=False)
    errors = re.findall(r"^.*(?:\berror: |Error parsing|Error while).*$", run.stdout + run.stderr, re.MULTILINE)
    if errors or run.returncode:
        return {f"{path}: {QUERY} could not look at it: {(errors or [run.stderr.strip()])[0]}"}
    shown = {(m["place"], m["what"]) for m in FOUND.finditer(run.stdout)
             if m["what"] != "coroutine" and not (m["what"].startswith("parameter") and borrows(m["place"]))}
    return {f"{Path(place).relative_to(ROOT) if place.startswith(str(ROOT)) else place}: {what}" for place, what in shown}


def borrows(place):
    path, line = place.rsplit(":", 1)
    near = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()[max(0, int(line) - 5) : int(line)]
    return any(re.search(r"//.*\bborrows: \w", text) for text in near)


def self_test(rules):
    found = query(CASES, rules, ["--", "-std=c++20", "-DBOOST_ASIO_SEPARATE_COMPILATION"])
    found_lines = {int(fault.split(":")[1]) for fault in found if re.match(r"[^:]+:\d+: ", fault)}
    marked = {i for i, line in enumerate(CASES.read_text().splitlines(), 1) if line.endswith("// HAZARD")}
    if found_lines != marked:
        sys.exit(f"check_coroutines: self-test failed: missed {sorted(marked - found_lines)}, "
                 f"wrongly found {sorted(found_lines - marked)} in {CASES.name}\n" + "\n".join(sorted(found)))


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".clang-query") as rules:
        folders = "core|crypto|storage|connectors|sandbox|tests|bench|[.]ci"
        root = re.sub(r"([^\w/-])", r"[\1]", str(ROOT))
        rules.write(RULES.replace("@SOURCES@", f"^{root}/({folders})/"))
        rules.flush()
        self_test(rules.name)
        compiled.look("check_coroutines", uses_coroutines, RULES + QUERY,
                      lambda path: query(path, rules.name, ["-p", str(compiled.BUILD)]))


def uses_coroutines(path):
    return re.search(r"\bco_(await|return)\b", path.read_text(encoding="utf-8", errors="replace")) is not None


if __name__ == "__main__":
    main()
