"""What the lints share: the project's files, C++ text without comments, and one way to run and report."""
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ["core", "crypto", "storage", "connectors", "sandbox", "tests", "bench"]
CPP = (".hpp", ".cpp")


def files(folders=FOLDERS, endings=CPP):
    """Paths relative to the root, sorted. Not by git: an exported tree is checked too."""
    found = []
    for folder in folders:
        for place, below, names in os.walk(ROOT / folder):
            below[:] = [name for name in below if name not in ("node_modules", "__pycache__", "build")]
            found += [Path(place, name).relative_to(ROOT).as_posix() for name in names if name.endswith(tuple(endings))]
    return sorted(found)


TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<raw>(?:u8|[uUL])?R"(?P<mark>[^()\\ \n]{0,16})\((?P<rawtext>.*?)\)(?P=mark)")
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<char>(?<![0-9A-Fa-f])'(?:[^'\\\n]|\\.)+')""",
    re.VERBOSE | re.DOTALL,
)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    """The same text, same line numbers, comments as spaces."""
    return TOKEN.sub(lambda m: _blank(m.group()) if m.group("comment") else m.group(), text)


def code_only(text):
    """The same text, same line numbers, comments and the insides of literals as spaces."""

    def cover(match):
        token = match.group()
        if match.group("comment"):
            return _blank(token)
        return token[0] + _blank(token[1:-1]) + token[-1]

    return TOKEN.sub(cover, text)


def literals(text):
    """(line, text) of every string literal; neighbours that the compiler joins are joined."""
    joined = []
    last_end = None
    for match in TOKEN.finditer(text):
        if match.group("comment") or match.group("char"):
            continue
        value = match.group("rawtext") if match.group("raw") else match.group("string")[1:-1]
        if last_end is not None and not text[last_end : match.start()].strip():
            joined[-1] = (joined[-1][0], joined[-1][1] + value)
        else:
            joined.append((line_of(text, match.start()), value))
        last_end = match.end()
    return joined


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def run(name, check, cases, paths):
    """Proves `check(path, text) -> [(line, fault)]` on its own cases, then applies it to `paths`. Ends the program."""
    for path, text, expected in cases:
        found = check(path, text)
        if len(found) != expected:
            sys.exit(f"{name}: self-test failed for {path}: expected {expected} faults, found {found} in\n{text}")
    count = 0
    for path in paths:
        text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
        for line, fault in check(path, text):
            print(f"{path}:{line}: {fault}")
            count += 1
    if count:
        sys.exit(f"{name}: {count} fault(s)")
    print(f"{name}: {len(paths)} files, no fault")
