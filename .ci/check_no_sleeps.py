#!/usr/bin/env python3
"""No fixed sleeps in tests: they are too short on a busy machine and too long on any other.

Wait for the thing itself, or move a FakeClock. Let through: a sleep inside a loop that polls and has a way out; one of
0 or 1 ms (gives others a turn); one of hours (stands for "until cancelled"); and one where a comment above or beside it says
why: `sleeps on purpose: a slow peer`.
"""
import re

import sources

CPP_SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\s*\(|(?<![\w.:])(?:::)?sleep\s*\(|\bpg_sleep\s*\(")
PYTHON_SLEEP = re.compile(r"\btime\.sleep\s*\(|\basyncio\.sleep\s*\(")
SHELL_SLEEP = re.compile(r"^\s*sleep\s+[0-9.]", re.MULTILINE)
TURN_OR_FOREVER = re.compile(
    r"\s*(?:std::chrono::milliseconds\s*[({]\s*[01]\s*[)}]|[01](?:ms|us)\b|\d+h\b|std::chrono::hours|kForever)")
PURPOSE = "sleeps on purpose:"
WAY_OUT = re.compile(r"\b(return|break|co_return|throw|FAIL|ADD_FAILURE)\b")


def in_polling_loop(code, position):
    """True when a `while` or `for` around `position` has a condition on more than a count, or a way out of its body."""
    depth = 0
    for i in range(position - 1, -1, -1):
        if code[i] == "}":
            depth += 1
        elif code[i] == "{":
            if depth:
                depth -= 1
                continue
            header = re.split(r"[;{}](?![^()]*\))", code[:i])[-1]
            if re.search(r"\b(while|for|do)\b", header):
                if re.search(r"\bwhile\b", header) and not re.search(r"while\s*\(\s*(true|1)\s*\)", header):
                    return True
                if WAY_OUT.search(body_from(code, i)):
                    return True
        elif code[i] == ";" and depth == 0:
            continue
    # a loop without braces: `while (!ready()) sleep_for(...)`
    statement = re.split(r"[;{}]", code[:position])[-1]
    return bool(re.search(r"\bwhile\s*\(", statement))


def body_from(code, brace):
    depth = 0
    for i in range(brace, len(code)):
        depth += {"{": 1, "}": -1}.get(code[i], 0)
        if depth == 0:
            return code[brace:i]
    return code[brace:]


def check(path, text):
    if not (path.startswith("tests/") or "/tests/" in path):
        return []
    lines = text.splitlines()
    if path.endswith(".py"):
        code, pattern = re.sub(r"#[^\n]*", "", text), PYTHON_SLEEP
    elif path.endswith(".sh"):
        code, pattern = text, SHELL_SLEEP
    else:
        code, pattern = sources.code_only(text), CPP_SLEEP
    found = []
    for match in pattern.finditer(code):
        line = sources.line_of(code, match.start() + len(match.group()) - len(match.group().lstrip()))
        before = lines[max(0, line - 4) : line]
        if any(PURPOSE in near for near in before):
            continue
        if path.endswith((".hpp", ".cpp")):
            if TURN_OR_FOREVER.match(code, match.end()) or in_polling_loop(code, match.start()):
                continue
        if path.endswith(".py") and re.search(r"^(\s*)(while|for)\b", "\n".join(before), re.MULTILINE):
            continue
        found.append((line, f"a fixed sleep in a test: poll for what it waits for, or say in a comment `{PURPOSE} ...`"))
    return found


CASES = [
    ("tests/a.cpp", "void f() { std::this_thread::sleep_for(1s); }", 1),
    ("tests/a.cpp", "void f() { co_await sleep_for(1s); }", 1),
    ("tests/a.cpp", "void f() { co_await sleep_for(1ms); co_await sleep_for(kForever); co_await sleep_for(24h); }", 0),
    ("tests/a.cpp", "void f() { std::this_thread::sleep_for(10ms); ::sleep(1); }", 2),
    ("tests/a.cpp", "void f() { // sleep_for(1s)\n}", 0),
    ("tests/a.cpp", "void f() { while (!ready()) { std::this_thread::sleep_for(1ms); } }", 0),
    ("tests/a.cpp", "void f() { while (!ready()) sleep_for(1ms); }", 0),
    ("tests/a.cpp", "void f() { for (int i = 0; i < 100; ++i) { if (ready()) return; sleep_for(1ms); } }", 0),
    ("tests/a.cpp", "void f() { for (int i = 0; i < 3; ++i) { sleep_for(1s); } }", 1),
    ("tests/a.cpp", "// sleeps on purpose: the slow peer\nvoid f() { sleep_for(1s); }", 0),
    ("tests/a.py", "time.sleep(3)\n", 1),
    ("tests/a.py", "while not ready():\n    time.sleep(0.05)\n", 0),
    ("tests/a.sh", "sleep 5\n", 1),
    ("core/a.cpp", "void f() { sleep_for(1s); }", 0),
]

if __name__ == "__main__":
    sources.run("check_no_sleeps", check, CASES, sources.files(["tests", "connectors"], (".hpp", ".cpp", ".py", ".sh")))
