#!/usr/bin/env python3
"""Holds a running hub against the OpenAPI file it serves.

    check_openapi.py <base_url> <token>

Walks every GET operation (ids come from the lists), sends wrong input, and checks status, content type and body of
every answer against the file. The token needs all scopes; nothing is changed but for refused requests.
Ends with 0 when everything fits, 1 when something does not, 2 when it could not be checked.
Needs Debian's python3-yaml and python3-jsonschema.
"""
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"check_openapi.py: {missing.name} is missing: apt-get install python3-yaml python3-jsonschema")
    sys.exit(2)

UNKNOWN_ID = "00000000-0000-7000-8000-000000000000"
# where the names of a path come from: the list, and the member of its items
NAME_SOURCES = {
    "{intent}": ("/api/v1/automation/intents", "intent"),
}
# where the ids of a path come from
ID_SOURCES = {
    "/api/v1/integrations/{id}": "/api/v1/integrations",
    "/api/v1/sync/runs/{id}": "/api/v1/sync/runs",
    "/api/v1/orders/{id}": "/api/v1/orders",
    "/api/v1/conversations/{id}": "/api/v1/conversations",
    "/api/v1/conversations/{id}/messages": "/api/v1/conversations",
    "/api/v1/outbound/{id}": "/api/v1/outbound",
    "/api/v1/quarantine/{id}/body": "/api/v1/quarantine",
}
# a body wrong for every operation that takes one, and the field the refusal must name
WRONG_BODIES = [
    (b"{", "application/json", 400, None),
    (b"[1]", "application/json", 400, None),
    (b'{"no_such_field": 1}', "application/json", 400, "no_such_field"),
    (b"hello", "text/plain", 415, None),
]


class Checker:
    def __init__(self, base_url, token):
        self.base_url = base_url.rstrip("/")
        self.token = token
        self.checks = 0
        self.faults = []
        status, _, body = self.request("GET", "/api/v1/openapi.yaml", token=None)
        if status != 200:
            raise SystemExit(f"check_openapi.py: {self.base_url} answers {status} instead of its OpenAPI file")
        self.document = yaml.safe_load(body)

    def request(self, method, target, token, body=None, content_type=None):
        headers = {}
        if token is not None:
            headers["Authorization"] = "Bearer " + token
        if content_type is not None:
            headers["Content-Type"] = content_type
        request = urllib.request.Request(self.base_url + target, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, answer.read()

    def resolve(self, node):
        while "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def fault(self, what, why):
        self.faults.append(f"{what}: {why}")

    def check(self, method, path, target, expected=None, token="", body=None, content_type=None, field=None):
        """One request. Its status must be documented (and be `expected`), its body must fit the schema."""
        self.checks += 1
        what = f"{method} {target}"
        token = self.token if token == "" else token
        status, headers, answer = self.request(method, target, token, body, content_type)
        # a hub with several tenants refuses what concerns all of them
        refused = status == 403 and b"installation-wide" in answer
        if expected is not None and status != expected and not refused:
            self.fault(what, f"status {status} instead of {expected}: {answer[:300]!r}")
            return None
        responses = self.document["paths"][path][method.lower()]["responses"]
        if str(status) not in responses:
            self.fault(what, f"status {status} is not documented: {answer[:300]!r}")
            return None
        if not headers.get("X-Request-Id"):
            self.fault(what, "no X-Request-Id")
        content = self.resolve(responses[str(status)]).get("content")
        if not content:
            if answer:
                self.fault(what, f"a body where none is documented: {answer[:100]!r}")
            return None
        media_type = headers.get("Content-Type", "").split(";")[0].strip()
        if media_type not in content:
            self.fault(what, f"content type {media_type} is not documented")
            return None
        if not media_type.endswith("json"):
            return None
        value = json.loads(answer)
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema",
                  "components": self.document["components"], **content[media_type]["schema"]}
        validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        for error in list(validator.iter_errors(value))[:3]:
            where = "/".join(str(part) for part in error.absolute_path)
            self.fault(what, f"status {status}, at '{where}': {error.message[:300]}")
        if media_type == "application/problem+json":
            if value.get("status") != status:
                self.fault(what, "the problem's status is another one")
            if value.get("request_id") != headers.get("X-Request-Id"):
                self.fault(what, "the problem's request_id is not X-Request-Id")
            if field is not None and value.get("field") != field:
                self.fault(what, f"field '{value.get('field')}' instead of '{field}'")
        return value

    def ids(self, list_path, member="id"):
        status, _, body = self.request("GET", list_path + ("?limit=5" if member == "id" else ""), self.token)
        return [item[member] for item in json.loads(body)["items"]] if status == 200 else []

    def is_open(self, operation):
        return operation.get("security", None) is not None and ({} in operation["security"] or not operation["security"])

    def walk(self):
        for path, item in self.document["paths"].items():
            has_id = "{id}" in path
            for method, operation in item.items():
                if method == "parameters":
                    continue
                method = method.upper()
                unknown = path.replace("{id}", UNKNOWN_ID).replace("{version}", "no-such-model")
                if not self.is_open(operation):
                    self.check(method, path, unknown, expected=401, token=None)
                    self.check(method, path, unknown, expected=401, token="ef_" + "x" * 43)
                if method == "GET":
                    self.walk_get(path, operation, has_id, unknown)
                elif has_id and "requestBody" not in operation:
                    self.check(method, path, unknown, expected=404)
                    self.check(method, path, path.replace("{id}", "no-id"), expected=404, field="id")
                elif "{version}" in path:
                    self.check(method, path, unknown, expected=404, field="version")
                if "requestBody" in operation:
                    for body, content_type, status, field in WRONG_BODIES:
                        self.check(method, path, unknown, expected=status, body=body, content_type=content_type, field=field)

    def walk_get(self, path, operation, has_id, unknown):
        for name, (list_path, member) in NAME_SOURCES.items():
            if name not in path:
                continue
            self.check("GET", path, path.replace(name, "no-such-name"), expected=404, field=member)
            for known in self.ids(list_path, member):
                self.check("GET", path, path.replace(name, urllib.parse.quote(known, safe="")), expected=200)
            return
        if has_id:
            self.check("GET", path, unknown, expected=404)
            self.check("GET", path, path.replace("{id}", "no-id"), expected=404)
            for known in self.ids(ID_SOURCES[path]):
                self.check("GET", path, path.replace("{id}", known), expected=200)
            return
        page = self.check("GET", path, path, expected=200)
        parameters = [self.resolve(parameter) for parameter in operation.get("parameters", [])]
        names = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
        if not names:
            return
        self.check("GET", path, path + "?no_such_parameter=1", expected=400, field="no_such_parameter")
        for parameter in parameters:
            if "enum" in parameter["schema"]:
                for value in parameter["schema"]["enum"]:
                    self.check("GET", path, f"{path}?{parameter['name']}={value}", expected=200)
                self.check("GET", path, f"{path}?{parameter['name']}=no-such", expected=400, field=parameter["name"])
        if "limit" in names:
            for wrong in ("0", "201", "-1", "many"):
                self.check("GET", path, f"{path}?limit={wrong}", expected=400, field="limit")
            self.check("GET", path, path + "?cursor=no-such-cursor", expected=400, field="cursor")
            first = self.check("GET", path, path + "?limit=1", expected=200)
            if page and first and first.get("next"):
                self.check("GET", path, path + "?limit=1&cursor=" + urllib.parse.quote(first["next"], safe=""), expected=200)


def main():
    if len(sys.argv) != 3:
        print(__doc__)
        return 2
    checker = Checker(sys.argv[1], sys.argv[2])
    checker.walk()
    for fault in checker.faults:
        print("FAULT", fault)
    print(f"{checker.checks} requests, {len(checker.faults)} faults")
    return 1 if checker.faults else 0


if __name__ == "__main__":
    sys.exit(main())
