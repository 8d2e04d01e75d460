#!/usr/bin/env python3
"""Reads a JUnit file of ctest. Prints "passed failed"; names failed tests, and skipped ones that have to run here."""
import os
import re
import sys
import xml.etree.ElementTree as xml

# (text of the reason a test gives for skipping itself, whether that is a reason here). Everything else has to run.
REASONS = [
    ("EASYFLOW_TEST_SPECS", lambda report: True),  # the platforms' published descriptions are not part of the project
    ("needs root", lambda report: os.geteuid() != 0),
    ("as an ordinary user already", lambda report: os.geteuid() != 0),
    ("the sanitizers", lambda report: re.search("asan|tsan", report)),
]
SKIPPED = re.compile(r": Skipped\n(?P<reason>[^\n]*)\n(?:(?!: Skipped\n)[^\n]*\n)*?\[  SKIPPED \] (?P<name>\S+)")


def judge(report, case):
    """Faults of one ctest: its own failure, and what was skipped inside it without need."""
    name = case.get("name", "")
    output = case.findtext("system-out") or ""
    skips = [(m["name"], m["reason"]) for m in SKIPPED.finditer(output)]
    faults = []
    if case.find("failure") is not None or case.get("status") == "fail":
        # a binary that is one ctest names what failed inside it
        inside = sorted(set(re.findall(r"^\[  FAILED  \] (\S+?),? .*\(\d+ ms\)$", output, re.MULTILINE)))
        faults += [f"{inner} failed" for inner in inside] or [f"{name} failed"]
    elif not skips and (case.find("skipped") is not None or case.get("status") in ("notrun", "disabled")):
        faults.append(f"{name} did not run")
    for skipped, reason in skips:
        if any(text in reason and here(report) for text, here in REASONS):
            print(f"   skipped, as it may be: {skipped}: {reason}", file=sys.stderr)
        else:
            faults.append(f"{skipped} was skipped and has to run: {reason}")
    return faults


def main(path):
    report = os.path.basename(path)
    passed, bad = 0, []
    for case in xml.parse(path).getroot().iter("testcase"):
        faults = judge(report, case)
        bad += faults
        succeeded = len(re.findall(r"^\[       OK \] ", case.findtext("system-out") or "", re.MULTILINE))
        if case.find("skipped") is None:
            passed += succeeded if succeeded or faults else 1
    for fault in bad:
        print(f"   {fault}", file=sys.stderr)
    print(passed, len(bad))


def self_test():
    def faults(status, inside, report="debug.xml"):
        return len(judge(report, xml.fromstring(f'<testcase name="A.b" status="{status}">{inside}</testcase>')))

    skip = "<system-out>[ RUN ] A.b\na.cpp:1: Skipped\n{}\n\n[  SKIPPED ] A.b (0 ms)\n</system-out>"
    assert faults("run", "") == 0
    assert faults("fail", "<failure/>") == 1
    assert faults("fail", "<failure/><system-out>[  FAILED  ] A.b (3 ms)\n[  FAILED  ] A.c, where x = 1 (3 ms)\n</system-out>") == 2
    assert faults("notrun", "<skipped/>") == 1
    assert faults("notrun", "<skipped/>" + skip.format("no time today")) == 1
    assert faults("run", skip.format("no time today")) == 1
    stderr, sys.stderr = sys.stderr, open(os.devnull, "w")
    assert faults("notrun", "<skipped/>" + skip.format("EASYFLOW_TEST_SPECS names no folder")) == 0
    assert faults("run", skip.format("the sanitizers disagree")) == 1
    assert faults("run", skip.format("the sanitizers disagree"), "asan-unit.xml") == 0
    sys.stderr = stderr


if __name__ == "__main__":
    self_test()
    main(sys.argv[1])
