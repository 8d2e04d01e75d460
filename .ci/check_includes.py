#!/usr/bin/env python3
"""The dependency rule: which folder may include which, and where the heavy libraries may appear."""
import re
import sys

import sources

LOW = ["core/base"]
STORE = LOW + ["core/async", "crypto", "storage", "storage/repositories", "connectors/sdk"]
ENGINE = STORE + ["core/net", "core/platforms"]

# folder -> folders it may include, besides itself. Adding an edge is a decision: say why in the commit.
ALLOWED = {
    "core/base": [],
    "core/config": LOW,
    "core/async": LOW,
    "core/net": LOW + ["core/async"],
    "crypto": LOW,
    "storage": LOW + ["core/async"],
    "storage/repositories": STORE,
    "connectors/sdk": LOW + ["crypto"],
    "connectors": LOW + ["connectors/sdk", "connectors/*"],  # the registry, the one place that names connectors
    "connectors/*": LOW + ["connectors/sdk", "crypto"],
    "core/nlp": LOW + ["crypto"],  # pure: text in, meaning out
    "core/platforms": ENGINE,
    "core/keys": STORE + ["core/platforms"],
    "core/understanding": ENGINE + ["core/nlp"],
    "core/training": ENGINE + ["core/nlp"],
    "core/automation": ENGINE,
    "core/auth": STORE,
    "core/ingest": ENGINE + ["core/nlp", "core/understanding"],
    "core/sync": ENGINE,
    "core/messaging": ENGINE,
    "core/api": ENGINE + ["core/auth", "core/keys", "core/ingest", "core/sync", "core/messaging", "core/config",
                         "core/nlp", "core/understanding", "core/training", "core/automation"],
    "core/app": None,  # the composition root: everything
    "sandbox": LOW + ["core/async", "core/net"],  # a stand-in that shared the connectors' code would share their errors
    "tests": None,
    "bench": None,
}

# library -> (how its includes begin, folders where they may stand)
LIBRARIES = {
    "Beast": (r"boost/beast", ["core/net"]),
    "TLS": (r"(boost/asio/ssl|openssl/)", ["core/net", "crypto"]),
    "Asio": (r"boost/asio", ["core/async", "core/net", "storage", "sandbox", "core/app", "core/api", "core/auth", "core/keys",
                             "core/platforms", "core/ingest", "core/sync", "core/messaging", "core/understanding",
                             "core/training", "core/automation"]),
    "libpqxx": (r"(pqxx/|libpq)", ["storage", "storage/repositories"]),
    "libsodium": (r"sodium", ["crypto", "core/base", "sandbox"]),
    "spdlog": (r"spdlog/", ["core/base"]),
    "prometheus-cpp": (r"prometheus/", ["core/base"]),
    "toml++": (r"toml", ["core/config"]),
    "CLI11": (r"CLI/", ["core/app"]),
    "RE2": (r"re2/", ["core/nlp"]),
    "cctz": (r"cctz/", ["core/understanding", "core/automation", "core/auth"]),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def folder_of(path):
    """The entry of ALLOWED that a path belongs to; tests and fuzz targets inside a connector are tests."""
    parts = path.split("/")[:-1]
    if parts[0] in ("tests", "bench") or "tests" in parts or "fuzz" in parts:
        return "tests"
    for length in (2, 1):
        candidate = "/".join(parts[:length])
        if candidate in ALLOWED and candidate != "connectors":
            return candidate
    if parts[0] == "connectors":
        return "/".join(parts[:2]) if len(parts) > 1 else "connectors"
    return "/".join(parts[:2])


def allowed_for(folder):
    if folder in ALLOWED:
        return ALLOWED[folder]
    if folder.startswith("connectors/"):
        return ALLOWED["connectors/*"]
    return []


def check(path, text):
    folder = folder_of(path)
    allowed = allowed_for(folder)
    found = []
    if folder not in ALLOWED and not folder.startswith("connectors/"):
        found.append((1, f"{folder} is not in the table of .ci/check_includes.py: say there what it may use"))
    for match in INCLUDE.finditer(sources.without_comments(text)):
        line = sources.line_of(text, match.start(0) + len(match.group(0)) - len(match.group(0).lstrip()))
        own, outside = match.groups()
        if own and own.split("/")[0] not in sources.FOLDERS and "/" in own:
            own, outside = None, own  # a library's header in quotes
        if own:
            if "/" not in own:
                found.append((line, f'include "{own}" by its path from the root'))
                continue
            target = folder_of(own)
            if allowed is None or target == folder:
                continue
            if target == "tests":
                found.append((line, f"{folder} must not include test code"))
            elif target not in allowed and not ("connectors/*" in allowed and target.startswith("connectors/")):
                found.append((line, f"{folder} must not include {target} ({own})"))
        elif folder != "tests":
            for library, (begins, places) in LIBRARIES.items():
                if re.match(begins, outside) and folder not in places:
                    if library == "Asio" and re.match(LIBRARIES["TLS"][0], outside):
                        continue  # the stricter rule speaks
                    found.append((line, f"{library} must not be included in {folder} (allowed: {', '.join(places)})"))
    return found


def includes_of(paths):
    graph = {}
    known = set(paths)
    for path in paths:
        text = sources.without_comments((sources.ROOT / path).read_text(encoding="utf-8", errors="replace"))
        graph[path] = [own for own, _ in INCLUDE.findall(text) if own in known]
    return graph


def cycle_in(graph):
    """A list of nodes that lead back to the first, or None."""
    state = {}

    def visit(node, way):
        state[node] = "open"
        for target in graph.get(node, []):
            if state.get(target) == "open":
                return way[way.index(target) :] + [target] if target in way else [node, target]
            if target not in state:
                ring = visit(target, way + [target])
                if ring:
                    return ring
        state[node] = "done"
        return None

    for node in graph:
        if node not in state:
            ring = visit(node, [node])
            if ring:
                return ring
    return None


def check_cycles(paths):
    assert cycle_in({"a": ["b"], "b": ["c"], "c": ["a"]}) == ["a", "b", "c", "a"]
    assert cycle_in({"a": ["b", "c"], "b": ["c"], "c": []}) is None
    graph = includes_of(paths)
    ring = cycle_in(graph)
    if ring:
        sys.exit("check_includes: headers include each other: " + " -> ".join(ring))
    folders = {}
    for path, targets in graph.items():
        folder = folder_of(path)
        if folder != "tests":
            own = folders.setdefault(folder, [])
            own += [t for t in map(folder_of, targets) if t != folder and t not in own]
    ring = cycle_in(folders)
    if ring:
        sys.exit("check_includes: folders depend on each other: " + " -> ".join(ring))


CASES = [
    ("core/base/a.hpp", '#include "core/base/b.hpp"\n#include <string>\n', 0),
    ("core/base/a.hpp", '#include "core/net/server.hpp"\n', 1),
    ("core/base/a.hpp", '// #include "core/net/server.hpp"\n', 0),
    ("core/base/a.hpp", '#include "b.hpp"\n', 1),
    ("connectors/ozon/a.cpp", '#include "connectors/wildberries/wildberries.hpp"\n', 1),
    ("connectors/ozon/a.cpp", '#include "connectors/ozon/b.hpp"\n#include "crypto/signatures.hpp"\n', 0),
    ("connectors/ozon/a.cpp", "#include <boost/asio/awaitable.hpp>\n", 1),
    ("connectors/ozon/tests/a.cpp", '#include "tests/support/run_task.hpp"\n', 0),
    ("connectors/registry.cpp", '#include "connectors/telegram/telegram.hpp"\n', 0),
    ("core/api/a.cpp", "#include <boost/beast/http.hpp>\n", 1),
    ("core/api/a.cpp", '#include "pqxx/pqxx"\n', 1),
    ("core/api/a.cpp", "#include <boost/asio/ssl.hpp>\n", 1),
    ("core/sync/a.cpp", '#include "connectors/telegram/telegram.hpp"\n', 1),
    ("core/sync/a.cpp", '#include "core/app/main.hpp"\n', 1),
    ("core/sync/a.cpp", '#include "tests/support/x.hpp"\n', 1),
    ("core/unheard/a.cpp", "int x;\n", 1),
    ("storage/repositories/a.cpp", '#include <pqxx/pqxx>\n#include "storage/database.hpp"\n', 0),
]

if __name__ == "__main__":
    paths = sources.files()
    check_cycles(paths)
    sources.run("check_includes", check, CASES, paths)
