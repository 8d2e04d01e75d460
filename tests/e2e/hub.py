"""Drives the built `easyflow`: a hub with a data folder of its own, a sandbox, and a front door for webhooks.

The path of the binary comes from the environment variable EASYFLOW. Every process is started here and ended by its id.
"""

import http.client
import http.server
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

BINARY = os.path.abspath(os.environ["EASYFLOW"])
PATIENCE = 60  # seconds a condition may take on a busy machine
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"


def wait_for(what, condition, seconds=PATIENCE, every=0.05):
    """Returns the first true result of `condition`, or fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)
    return result


def call(port, method, path, body=None, headers=None, timeout=30):
    """One HTTP request to this machine. Returns status, headers and body bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read()
    finally:
        connection.close()


def port_of(url):
    return urllib.parse.urlsplit(url).port


def is_root():
    return os.geteuid() == 0


def cluster_user():
    """Who runs the embedded PostgreSQL: `postgres` for root, otherwise the caller."""
    return pwd.getpwnam("postgres") if is_root() else pwd.getpwuid(os.geteuid())


def as_cluster_user():
    """Arguments for subprocess that run a program as that user."""
    if not is_root():
        return {}
    user = cluster_user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def postgres_program(name):
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[-3]))
    path = str(found[-1]) if found else shutil.which(name)
    if not path:
        raise AssertionError(f"{name} of PostgreSQL is not installed")
    return path


def clean_environment(extra=None):
    """No setting of whoever runs the tests may reach the hub."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    kept.update(extra or {})
    return kept


def tail(path, lines=80):
    try:
        text = pathlib.Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return "(none)"
    return "\n".join(text[-lines:])


class Process:
    """A child whose output goes to a file."""

    def __init__(self, arguments, log, environment=None, **options):
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as output:
            self.log_start = output.tell()
            self.child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                          env=clean_environment(environment), **options)

    @property
    def pid(self):
        return self.child.pid

    def output(self):
        """What this process wrote; the file may hold more of those before it."""
        with open(self.log, "rb") as file:
            file.seek(self.log_start)
            return file.read().decode(errors="replace")

    def runs(self):
        return self.child.poll() is None

    def kill(self):
        if self.runs():
            self.child.kill()
        return self.child.wait()

    def stop(self, seconds=PATIENCE):
        """SIGTERM; returns the exit code."""
        if self.runs():
            self.child.terminate()
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"process did not end within {seconds} s of SIGTERM:\n{tail(self.log)}") from None


class Sandbox:
    """The platforms' local stand-ins, silent unless told to do something."""

    def __init__(self, folder, *options):
        self.log = pathlib.Path(folder) / "sandbox.log"
        arguments = [BINARY, "sandbox", "--json", "--order-every", "0", "--message-every", "0", "--react-after", "0"]
        self.process = Process([*arguments, *options], self.log, cwd=folder)
        said = wait_for("the sandbox tells its addresses", self._said)
        self.wildberries_url = said["wildberries"]["base_url"]
        self.telegram_url = said["telegram"]["base_url"]
        self.api_key = said["wildberries"]["api_key"]
        self.bot_token = said["telegram"]["bot_token"]

    def _said(self):
        if not self.process.runs():
            raise AssertionError(f"the sandbox ended:\n{tail(self.log)}")
        try:
            said, _ = json.JSONDecoder().raw_decode(self.process.output().lstrip())
            return said
        except ValueError:
            return None

    def control(self, method, path, body=None):
        status, _, answer = call(port_of(self.telegram_url), method, "/sandbox/" + path,
                                 None if body is None else json.dumps(body))
        if status != 200:
            raise AssertionError(f"sandbox: {method} {path} -> {status} {answer[:300]}")
        return json.loads(answer) if answer else None

    def state(self):
        return self.control("GET", "state")

    def order_ids(self):
        return {str(order) for order in self.state()["wildberries"]["order_ids"]}

    def sent_texts(self):
        return [message["text"] for message in self.state()["telegram"]["sent"]]

    def order(self, count):
        return {str(order) for order in self.control("POST", "orders", {"count": count})["order_ids"]}

    def write(self, chat_id, text):
        """A buyer writes; returns the id of the update."""
        return self.control("POST", "messages", {"count": 1, "text": text, "chat_id": chat_id})["update_ids"][0]

    def fault(self, **fault):
        self.control("POST", "faults", fault)

    def clear_faults(self):
        self.control("DELETE", "faults")

    def close(self):
        self.process.stop()


class FrontDoor:
    """The proxy before a hub, as in production. It hands webhooks on and remembers where they went and their secret."""

    def __init__(self):
        self.target = None  # port of the hub
        self.path = None
        self.secret = None
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                secret = self.headers.get(SECRET_HEADER)
                if secret:
                    door.path, door.secret = self.path, secret
                status, answer = 503, b""
                if door.target:
                    try:
                        status, _, answer = call(door.target, "POST", self.path, body,
                                                 {"Content-Type": "application/json", SECRET_HEADER: secret or ""})
                    except (OSError, http.client.HTTPException):
                        pass  # the hub is down: 503, and the platform repeats
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # a peer that went away

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Hub:
    """One data folder and the hub that works on it."""

    def __init__(self, sandbox=None, door=None, settings=None, environment=None, data_dir=None):
        # /tmp and not TMPDIR: the user `postgres` must be able to pass through
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="easyflow-e2e-", dir="/tmp"))
        self.folder.chmod(0o711)
        self.data_dir = pathlib.Path(data_dir) if data_dir else self.folder / "data"
        self.log = self.folder / "hub.log"
        self.door = door
        self.environment = dict(environment or {})
        self.process = None
        self.port = None
        self.token = None
        self.settings = {"server.log_format": "json", "server.log_level": "debug"}
        if sandbox:
            self.settings["platforms.wildberries.base_url"] = sandbox.wildberries_url
            self.settings["platforms.telegram.base_url"] = sandbox.telegram_url
        if door:
            self.settings["server.public_url"] = door.url
        self.settings.update(settings or {})

    # --- command line ---------------------------------------------------------------------------------------------

    def arguments(self, *command):
        pairs = [text for key, value in self.settings.items() for text in ("--set", f"{key}={value}")]
        return [BINARY, "--data-dir", str(self.data_dir), *pairs, *command]

    def run(self, *command, input=None, environment=None, timeout=PATIENCE):
        """One command, to its end."""
        return subprocess.run(self.arguments(*command), input=input, capture_output=True, text=True, timeout=timeout,
                              cwd=self.folder, env=clean_environment({**self.environment, **(environment or {})}))

    def cli(self, *command, **options):
        done = self.run(*command, **options)
        if done.returncode != 0:
            raise AssertionError(f"easyflow {' '.join(command)} -> {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def cli_json(self, *command, **options):
        return json.loads(self.cli("--json", *command, **options))

    def set_up(self):
        """Database, schema, a user and a token. The database runs on, so that the commands that follow are quick."""
        self.cli("db", "start")
        self.cli("migrate", "up")
        self.user = self.cli_json("user", "add", "owner@shop.example")
        self.token = self.cli_json("token", "create", "--name", "tests")["token"]

    def connect(self, sandbox):
        """Connects both accounts; returns their integrations by platform."""
        secrets = {"SHOP_KEY": sandbox.api_key, "SHOP_BOT": sandbox.bot_token}
        self.cli("integrations", "add", "wildberries", "--credential", "api_key=env:SHOP_KEY", environment=secrets)
        self.cli("integrations", "add", "telegram", "--credential", "bot_token=env:SHOP_BOT", environment=secrets)
        return {row["platform"]: row for row in self.cli_json("integrations", "list")["items"]}

    # --- the server -----------------------------------------------------------------------------------------------

    def launch(self, **options):
        """Starts `serve` and does not wait for it."""
        self.process = Process(self.arguments("serve", "--port", "0"), self.log, self.environment, cwd=self.folder, **options)
        return self.process

    def start(self, seconds=PATIENCE, **options):
        """Starts `serve`, waits until it answers; returns the seconds that took."""
        began = time.monotonic()
        self.launch(**options)
        self.port = wait_for("the hub is ready", self._ready_port, seconds)
        if self.door:
            self.door.target = self.port
        return time.monotonic() - began

    def _ready_port(self):
        if not self.process.runs():
            raise AssertionError(f"the hub ended with {self.process.child.returncode}:\n{self.process.output()}")
        ready = self.logged("hub.ready")
        return port_of(ready[0]["address"]) if ready else None

    def logged(self, event):
        """The entries of this name that the running hub has logged."""
        entries = []
        for line in self.process.output().splitlines():
            if f'"{event}"' in line:
                try:
                    entries.append(json.loads(line))
                except ValueError:
                    pass  # a line that is being written
        return [entry for entry in entries if entry.get("event") == event]

    def kill(self):
        """kill -9"""
        if self.door:
            self.door.target = None
        return self.process.kill()

    def stop(self):
        if self.door:
            self.door.target = None
        return self.process.stop()

    # --- API ------------------------------------------------------------------------------------------------------

    def request(self, method, path, body=None, token=None, headers=None, timeout=30):
        """Status, headers and JSON (or text) of an API call."""
        sent = {"Authorization": f"Bearer {token or self.token}"} if token != "" else {}
        data = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        sent.update(headers or {})
        status, answered, raw = call(self.port, method, path, data, sent, timeout)
        kind = answered.get("Content-Type", "")
        return status, answered, json.loads(raw) if "json" in kind and raw else raw.decode(errors="replace")

    def api(self, method, path, body=None, expect=None, **options):
        """The body of a call that must succeed (or answer `expect`)."""
        status, _, answer = self.request(method, "/api/v1" + path, body, **options)
        if status != expect if expect else status >= 300:
            raise AssertionError(f"{method} {path} -> {status} {answer}")
        return answer

    def all(self, path, limit=200):
        """All items of a list, page by page."""
        items, cursor = [], None
        while True:
            query = {"limit": limit, **({"cursor": cursor} if cursor else {})}
            page = self.api("GET", path + ("&" if "?" in path else "?") + urllib.parse.urlencode(query))
            items += page["items"]
            cursor = page["next"]
            if not cursor:
                return items

    def order_ids(self):
        """External ids, one entry a row: a row stored twice shows twice."""
        return [order["external_id"] for order in self.all("/orders")]

    def messages(self):
        """All messages of all conversations."""
        return [message for conversation in self.all("/conversations")
                for message in self.all(f"/conversations/{conversation['id']}/messages")]

    def sync(self, integration_id, **request):
        return self.api("POST", f"/integrations/{integration_id}/sync", request)

    # --- the database ---------------------------------------------------------------------------------------------

    def postmaster(self):
        """Process id of the embedded PostgreSQL, if it runs."""
        try:
            pid = int((self.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
            comm = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        except (OSError, ValueError, IndexError):
            return None
        return pid if comm == "postgres" else None

    def kill_postmaster(self):
        pid = self.postmaster()
        if pid:
            os.kill(pid, signal.SIGKILL)
        return pid

    def psql(self, statement, role="postgres"):
        """Runs SQL in the embedded database; by default as its superuser. Returns lines of tab-separated values."""
        done = subprocess.run(
            [postgres_program("psql"), "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", str(self.data_dir / "run"),
             "-U", role, "-d", "easyflow", "-c", statement],
            capture_output=True, text=True, timeout=PATIENCE, cwd="/", env=clean_environment(), **as_cluster_user())
        if done.returncode != 0:
            raise AssertionError(f"psql: {done.stderr}")
        return done.stdout.splitlines()

    # --- the end --------------------------------------------------------------------------------------------------

    def close(self):
        if self.process and self.process.runs():
            self.process.kill()
        if self.data_dir.exists():
            self.run("db", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def print_log(self):
        print(f"\n--- end of the hub's log ---\n{tail(self.log)}\n--- end of PostgreSQL's log ---\n"
              f"{tail(self.data_dir / 'postgres.log', 20)}\n---", flush=True)


class HubTest(unittest.TestCase):
    """A test whose hub's log is shown when it fails. What is given to `keep` is closed at the end of the class."""

    kept = None
    hub = None

    @classmethod
    def keep(cls, thing):
        if "kept" not in cls.__dict__ or cls.kept is None:
            cls.kept = []
        cls.kept.append(thing)
        cls.addClassCleanup(thing.close)
        return thing

    @classmethod
    def setUpClass(cls):
        try:
            cls.prepare()
        except BaseException:
            cls.print_logs()
            raise

    @classmethod
    def prepare(cls):
        """What all tests of the class share."""

    @classmethod
    def print_logs(cls):
        for thing in cls.__dict__.get("kept") or []:
            if isinstance(thing, Hub):
                thing.print_log()

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            self.print_logs()
        return result


def free_port():
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepared_hub(test, *sandbox_options, public=True, settings=None):
    """Sandbox, door (when public) and a hub set up with both accounts, all kept by the test class. Not started."""
    folder = tempfile.mkdtemp(prefix="easyflow-e2e-", dir="/tmp")
    test.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
    test.sandbox = test.keep(Sandbox(folder, *sandbox_options))
    test.door = test.keep(FrontDoor()) if public else None
    test.hub = test.keep(Hub(test.sandbox, test.door, settings))
    test.hub.set_up()
    test.integrations = test.hub.connect(test.sandbox)
    return test.hub
