#!/usr/bin/env python3
"""No real credential in fixtures, tests, examples or documents.

A credential that only looks real says so: it holds a word such as `test`, `example` or `sandbox`, or is visibly made up
(few different characters, an alphabet in order).
"""
import base64
import json
import re

import sources

# what a real one looks like -> name
SHAPES = [
    (re.compile(r"\b\d{8,10}:[A-Za-z0-9_-]{35}\b"), "a Telegram bot token"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}"), "a JSON web token"),
    (re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s*[A-Za-z0-9+/=\s\\n]{64,}"), "a private key"),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "an AWS key id"),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b"), "a GitHub token"),
    (re.compile(r"\bEAA[A-Za-z0-9]{60,}\b"), "a Meta access token"),
    (re.compile(r"postgres(?:ql)?://[^\s:/@]+:(?P<part>[^\s@*<]{6,})@(?!localhost|127\.|example)"), "a database password"),
]
ADMITTED = re.compile(r"test|example|sample|sandbox|fake|dummy|madeup|made-up|secret|hunter2|placeholder|fixture|not-?a-?real|x{6}", re.I)
ORDERED = re.compile(r"abcdef|012345|123456789|ABCDEF", re.I)


def made_up(candidate):
    text = candidate
    for part in candidate.split("."):
        try:  # the admission of a JSON web token is inside its payload
            decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("utf-8")
            json.loads(decoded)
            text += decoded
        except (ValueError, UnicodeDecodeError):
            pass
    secret = candidate.split(":")[-1]
    monotonous = len(secret) >= 24 and len(set(secret)) <= 12
    return bool(monotonous or ADMITTED.search(text) or ORDERED.search(text))


def check(path, text):
    found = []
    for shape, name in SHAPES:
        for match in shape.finditer(text):
            candidate = match.groupdict().get("part") or match.group()
            if not made_up(candidate):
                found.append((sources.line_of(text, match.start()), f"{name} that nothing marks as made up: {match.group()[:12]}..."))
    return found


def _token(payload):
    parts = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in ({"alg": "ES256"}, payload)]
    return ".".join(parts + ["qZ8Kc1Vn4TgR7yWm2XpL9sDf"])


CASES = [
    ("a.json", '"7300112233' + ':AAHk9dLq2ZpWx7RtVnB3mCyGf5sJuE8oTiQ"', 1),
    ("a.json", '"123456789:AAtest_token_for_the_unit_tests_only_"', 0),
    ("a.json", '"7300112233:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"', 0),
    ("a.json", _token({"sid": "b1c2"}), 1),
    ("a.json", _token({"sid": "b1c2", "note": "made-up"}), 0),
    ("a.toml", 'dsn = "postgresql://hub' + ':Vq8rT2mmZz@db.shop.ru/hub"', 1),
    ("a.toml", 'dsn = "postgresql://hub:***@db.shop.ru/hub"', 0),
    ("a.pem", "-----BEGIN PRIVATE " + "KEY-----\n" + "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgq8ZrT2Xv1LkWm9Ys\n" * 2, 1),
]

if __name__ == "__main__":
    endings = (".json", ".toml", ".md", ".txt", ".yaml", ".yml", ".pem", ".key", ".env", ".hpp", ".cpp", ".py", ".sh", ".http")
    folders = sources.FOLDERS + ["config", "docs", "scripts", "migrations", "web"]
    sources.run("check_secrets_in_fixtures", check, CASES, sources.files(folders, endings))
