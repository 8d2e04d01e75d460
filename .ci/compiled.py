"""Runs a clang tool over the sources of the debug build, a few at a time, and remembers which were clean.

A source is looked at again when it, one of our headers it includes, its compile command or the tool's rules changed.
What was clean in one checkout is clean in another: marks are kept beside other caches of the user, without paths.
"""
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sources import ROOT

BUILD = ROOT / "build" / "debug"
INCLUDED_FROM = str(BUILD.resolve())


def sources_of_build():
    """{source: compile command} of our own sources; generated ones are not ours to mend."""
    database = BUILD / "compile_commands.json"
    if not database.exists():
        sys.exit("no build/debug/compile_commands.json: run scripts/build.sh debug first")
    found = {}
    for entry in json.loads(database.read_text()):
        path = Path(entry["file"])
        if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "build"):
            found[path] = entry["command"]
    return found


def our_headers():
    """{object: [our headers]} as ninja recorded them at the last build."""
    listing = subprocess.run(["ninja", "-C", str(BUILD), "-t", "deps"], capture_output=True, text=True, check=True).stdout
    found, current = {}, None
    for line in listing.splitlines():
        if line.startswith("    "):
            path = os.path.normpath(os.path.join(INCLUDED_FROM, line.strip()))
            if current is not None and path.startswith(f"{ROOT}/"):
                current.append(path)
        elif ": #deps" in line:
            current = found.setdefault(line.split(":")[0], [])
        else:
            current = None
    return found


def _marks(name):
    """The folder of the marks; below the build where the account has no home to write in."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "easyflow-lint" / name
        cache.mkdir(parents=True, exist_ok=True)
        if os.access(cache, os.W_OK):
            return cache
    except (OSError, RuntimeError):
        pass
    local = ROOT / "build" / ".lint" / name
    local.mkdir(parents=True, exist_ok=True)
    return local


def _key(path, command, headers, rules):
    def relative(text):
        return re.sub(rf"{re.escape(str(ROOT))}(?=[/\s=]|$)", ".", text).encode()

    digest = hashlib.sha256(rules.encode())
    for program in (__file__, sys.argv[0]):
        digest.update(Path(program).read_bytes())
    digest.update(relative(command))
    for file in [str(path)] + sorted(headers):
        digest.update(relative(file) + b"\0")
        digest.update(Path(file).read_bytes() if os.path.exists(file) else b"")
    return digest.hexdigest()


def look(name, wanted, rules, look_at):
    """Calls `look_at(path) -> faults` for every source `wanted(path)` that is not known to be clean. Ends the program."""
    started = time.monotonic()
    known_clean = _marks(name)
    headers = our_headers()
    by_output = {}
    todo, total = [], 0
    for path, command in sorted(sources_of_build().items()):
        if not wanted(path):
            continue
        total += 1
        # "... -o OBJECT -c SOURCE", the object relative to the build folder
        by_output[path] = command.split(" -o ")[1].split(" -c ")[0].strip()
        mark = known_clean / _key(path, command, headers.get(by_output[path], []), rules)
        if not (mark.exists() and by_output[path] in headers):
            todo.append((path, mark))
    faults, done = set(), 0
    with ThreadPoolExecutor(max_workers=int(os.environ.get("EASYFLOW_JOBS") or os.cpu_count() or 1)) as pool:
        for (path, mark), found in zip(todo, pool.map(lambda item: look_at(item[0]), todo)):
            done += 1
            if found:
                faults.update(found)
            else:
                mark.touch()
            if done % 20 == 0:
                print(f"   {name}: {done} of {len(todo)} after {time.monotonic() - started:.0f} s", flush=True)
    for fault in sorted(faults):
        print(fault)
    if faults:
        sys.exit(f"{name}: {len(faults)} fault(s)")
    print(f"{name}: {total} files, {len(todo)} looked at, no fault")
