#!/usr/bin/env python3
"""clang-tidy with the checks of .clang-tidy, every finding an error. Not over tests: they run under the sanitizers."""
import re
import subprocess

import compiled
from sources import ROOT

TIDY = "clang-tidy-14"
RULES = (ROOT / ".clang-tidy").read_text()


def tidy(path):
    run = subprocess.run([TIDY, "-p", str(compiled.BUILD), "--quiet", str(path)], capture_output=True, text=True, check=False)
    found = set(re.findall(r"^\S+:\d+:\d+: (?:error|warning): .*$", run.stdout, re.MULTILINE))
    if run.returncode and not found:
        found = {f"{path}: {TIDY} could not look at it: {run.stderr.strip()[-300:]}"}
    return {fault.replace(str(ROOT) + "/", "") for fault in found}


def ships(path):
    parts = path.relative_to(ROOT).parts
    return "tests" not in parts and "fuzz" not in parts and parts[0] != "bench"


if __name__ == "__main__":
    compiled.look("check_tidy", ships, RULES + TIDY, tidy)
