#!/usr/bin/env python3
"""SQL stands in storage/ and migrations/ only: one place to read every statement, to prepare and to review it."""
import re

import sources

STATEMENT = re.compile(
    r"""^\s*(
        select\s.+?\sfrom\s | select\s+(pg_\w+|count|nextval|set_config|current_setting)\s*\( | with\s+\w+\s+as\s*\(
      | insert\s+into\s | update\s+[\w."]+\s+(as\s+\w+\s+)?set\s | delete\s+from\s | merge\s+into\s
      | (create|alter|drop)\s+(unique\s+)?(table|index|role|type|schema|database|function|policy|view|sequence)\s
      | truncate\s+(table\s+)?\w+\s*$ | copy\s+\w+.*\s(from|to)\s+std(in|out)
      | (un)?listen\s+\w+\s*$ | notify\s+\w+\s*(,|$) | set\s+(local\s+)?\w+(\.\w+)?\s*(=|to)\s )""",
    re.VERBOSE | re.DOTALL,
)


def check(path, text):
    if path.startswith(("storage/", "tests/", "bench/")) or "/tests/" in path:
        return []
    found = []
    for line, literal in sources.literals(text):
        # written in one case throughout, as SQL is; a sentence for people begins with one capital letter
        for form in (literal, literal.lower() if literal[:7].isupper() else ""):
            if STATEMENT.match(form.replace("\\n", "\n")):
                found.append((line, "SQL outside storage/: " + " ".join(literal.split())[:60]))
                break
    return found


CASES = [
    ("core/sync/a.cpp", 'auto s = "select id from users where x";', 1),
    ("core/sync/a.cpp", 'auto s = R"sql(\n  insert into orders\n  values ($1))sql";', 1),
    ("core/sync/a.cpp", 'auto s = "update users "\n  "set name = $1";', 1),
    ("core/sync/a.cpp", 'auto s = "DELETE FROM users";', 1),
    ("core/sync/a.cpp", '// "select id from users"\n', 0),
    ("core/sync/a.cpp", 'say("Select one of the accounts from the list");', 0),
    ("core/sync/a.cpp", 'say("could not update the order, set it by hand");', 0),
    ("core/sync/a.cpp", 'say("create the user first");', 0),
    ("core/sync/a.cpp", 'help("drop-in");', 0),
    ("storage/a.cpp", 'auto s = "select id from users";', 0),
    ("tests/integration/a.cpp", 'auto s = "select id from users";', 0),
]

if __name__ == "__main__":
    sources.run("check_sql_outside", check, CASES, sources.files())
