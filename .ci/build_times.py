#!/usr/bin/env python3
"""Prints the ten slowest steps of a build folder's last builds: .ci/build_times.py build/debug"""
import sys
from pathlib import Path


def main(folder):
    slowest = {}
    for line in (Path(folder) / ".ninja_log").read_text().splitlines():
        fields = line.split("\t")
        if len(fields) == 5:
            start, end, _, output, _ = fields
            slowest[output] = (int(end) - int(start)) / 1000
    for output, seconds in sorted(slowest.items(), key=lambda item: -item[1])[:10]:
        print(f"   {seconds:6.1f} s  {output}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "build/debug")
