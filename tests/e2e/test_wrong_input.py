"""What goes wrong is said, with what to do about it; nothing is lost meanwhile."""

import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from hub import FrontDoor, Hub, HubTest, SECRET_HEADER, Sandbox, call, clean_environment, free_port, is_root, prepared_hub, wait_for


class WrongInput(HubTest):
    def refused(self, done, *words):
        """The command failed, in words for people."""
        self.assertNotEqual(done.returncode, 0, done.stdout)
        for word in words:
            self.assertIn(word, done.stderr + done.stdout)
        for noise in ("terminate called", "std::", "pqxx", "what()", "SELECT", "select "):
            self.assertNotIn(noise, done.stderr)

    def ended(self, hub, *words):
        """`serve` ended by itself, in words for people."""
        code = hub.process.child.wait(60)
        said = hub.process.output()
        self.assertNotEqual(code, 0)
        self.assertGreater(code, 0, f"ended by a signal: {said}")
        for word in words:
            self.assertIn(word, said)


class Commands(WrongInput):
    @classmethod
    def prepare(cls):
        prepared_hub(cls)
        cls.hub.start()
        wait_for("the webhook is registered", lambda: cls.sandbox.state()["telegram"]["webhook_is_set"])
        cls.shop = cls.integrations["wildberries"]["id"]
        cls.buyer = cls.sandbox.state()["telegram"]["buyers"][0]["chat_id"]
        cls.sandbox.write(cls.buyer, "Здравствуйте")
        wait_for("the secret is known", lambda: cls.door.secret)

    def add(self, platform, *credentials, **environment):
        return self.hub.run("integrations", "add", platform, "--account", "second",
                            *(part for c in credentials for part in ("--credential", c)), environment=environment)

    def test_unknown_platform(self):
        self.refused(self.add("telegramm", "bot_token=env:T", T="1:a"), "telegramm", "Did you mean", "telegram")
        status, _, answer = self.hub.request("POST", "/api/v1/integrations", {"platform": "wildbery", "credentials": {}})
        self.assertIn(status, (400, 404), answer)
        self.assertIn("wildberries", answer["detail"])

    def test_credentials(self):
        secret = self.sandbox.bot_token[:-3] + "xyz"
        self.refused(self.add("telegram"), "Bot token", "missing", "@BotFather")
        self.refused(self.add("telegram", "bot_tokn=env:T", T="1:a"), "bot_tokn", "bot_token")
        self.refused(self.add("telegram", "bot_token=env:NOWHERE"), "NOWHERE", "not set")
        self.refused(self.add("telegram", "bot_token=@/no/such/file"), "/no/such/file")
        for given, platform in ((secret, "telegram"), ("not-a-token", "wildberries")):
            name = {"telegram": "bot_token", "wildberries": "api_key"}[platform]
            on_the_command_line = self.add(platform, f"{name}={given}")
            self.refused(on_the_command_line, "command line", "env:", "@file")
            self.assertNotIn(given, on_the_command_line.stderr + on_the_command_line.stdout)
            wrong = self.add(platform, f"{name}=env:T", T=given)
            self.refused(wrong)
            self.assertNotIn(given, wrong.stderr + wrong.stdout)
            status, _, answer = self.hub.request("POST", "/api/v1/integrations",
                                                 {"platform": platform, "account": "second", "credentials": {name: given}})
            self.assertIn(status, (400, 422), answer)
            self.assertNotIn(given, json.dumps(answer))
        expired = self.sandbox.control("POST", "tokens", {"expires_in_days": -1})["wildberries_token"]
        self.refused(self.add("wildberries", "api_key=env:T", T=expired), "expired")
        twice = self.hub.run("integrations", "add", "telegram", "--credential", "bot_token=env:T",
                             environment={"T": self.sandbox.bot_token})
        self.refused(twice, "already connected", "default", "remove it first")
        self.assertEqual(len(self.hub.all("/integrations")), 2)

    def test_names_that_do_not_exist(self):
        self.refused(self.hub.run("sync", "run", "wildberries", "orderz"), "orderz", "Did you mean", "orders")
        self.refused(self.hub.run("sync", "run", "telegram"), "no streams")
        self.refused(self.hub.run("integrations", "show", "nothing"), "nothing", "integrations list")
        self.refused(self.hub.run("send", "00000000-0000-0000-0000-000000000000", "hello"), "conversation")
        self.refused(self.hub.run("quarantine", "replay", "x"))
        self.refused(self.hub.run("integrations", "remove", "telegram"), "--yes")
        self.refused(self.hub.run("migrate", "down"), "--yes")
        self.refused(self.hub.run("sinc"), "sinc", "Did you mean", "sync")
        self.refused(self.hub.run("sync", "rum"), "rum", "run")
        as_json = self.hub.run("--json", "integrations", "show", "nothing")
        self.assertEqual(json.loads(as_json.stdout)["error"]["kind"], "not_found")

    def test_users(self):
        """Addresses are stored in small letters; who types capitals means the same person."""
        changed = self.hub.cli_json("user", "set", "Owner@Shop.Example", "--time-zone", "Europe/Moscow")
        self.assertEqual(changed["time_zone"], "Europe/Moscow")
        self.hub.cli("token", "create", "--name", "second", "--user", "OWNER@shop.example")
        self.refused(self.hub.run("user", "set", "nobody@shop.example", "--time-zone", "Europe/Moscow"), "nobody", "user list")
        self.refused(self.hub.run("user", "set", "", "--time-zone", "Europe/Moscow"), "email")
        self.refused(self.hub.run("token", "create", "--name", "x", "--user", "nobody@shop.example"), "nobody", "user list")

    def test_configuration(self):
        self.refused(self.hub.run("--set", "server.prot=1", "config", "check"), "server.prot", "server.port")
        self.refused(self.hub.run("--set", "server.port=70000", "config", "check"), "server.port", "65535")
        self.refused(self.hub.run("config", "check", environment={"EASYFLOW_SERVER_PROT": "1"}), "EASYFLOW_SERVER_PROT", "EASYFLOW_SERVER_PORT")
        self.refused(self.hub.run("--set", "sync.lease=soon", "config", "check"), "sync.lease", "soon")
        file = self.hub.folder / "wrong.toml"
        file.write_text("[sync]\npoll_intervall = \"5s\"\n")
        self.refused(self.hub.run("--config", str(file), "config", "check"), "poll_intervall", "poll_interval", str(file))
        file.write_text("[sync\n")
        self.refused(self.hub.run("--config", str(file), "config", "check"), str(file), "1")
        self.refused(self.hub.run("--config", "/no/such.toml", "config", "check"), "/no/such.toml")

    def test_tokens(self):
        for token in ("ef_" + "x" * 43, "nonsense", self.hub.token[:-1] + "A" * (self.hub.token[-1] != "A") + "B" * (self.hub.token[-1] == "A")):
            status, headers, answer = self.hub.request("GET", "/api/v1/me", token=token)
            self.assertEqual(status, 401, answer)
            self.assertEqual(headers["WWW-Authenticate"].split()[0], "Bearer")
        self.assertEqual(self.hub.request("GET", "/api/v1/me", token="")[0], 401)
        reader = self.hub.cli_json("token", "create", "--name", "reader", "--scope", "read")
        status, _, answer = self.hub.request("POST", f"/api/v1/integrations/{self.shop}/sync", {}, token=reader["token"])
        self.assertEqual(status, 403, answer)
        self.assertIn("write", answer["detail"])
        self.assertEqual(self.hub.request("GET", "/api/v1/me", token=reader["token"])[0], 200)
        self.hub.cli("token", "revoke", reader["id"])
        # the running hub hears of it; without that it would go on for 30 s
        wait_for("the token is refused", lambda: self.hub.request("GET", "/api/v1/me", token=reader["token"])[0] == 401, 15)

    def test_requests(self):
        path = f"/api/v1/integrations/{self.shop}/sync"
        status, headers, answer = self.hub.request("POST", path, '{"stream": ')
        self.assertEqual(status, 400, answer)
        self.assertTrue(headers["Content-Type"].startswith("application/problem+json"))
        self.assertEqual(answer["type"], "urn:easyflow:problem:invalid-input")
        self.assertIn("JSON", answer["detail"])
        status, _, answer = self.hub.request("POST", path, {"straem": "orders"})
        self.assertEqual((status, answer["field"]), (400, "straem"))
        self.assertIn("stream", answer["detail"])
        status, _, answer = self.hub.request("POST", path, {"stream": 5})
        self.assertEqual(status, 400, answer)
        status, _, answer = self.hub.request("POST", path, "[" * 100_000)
        self.assertEqual(status, 400)
        status, _, answer = self.hub.request("POST", path, "stream=orders", headers={"Content-Type": "text/plain"})
        self.assertEqual(status, 415, answer)
        self.assertEqual(self.hub.request("GET", "/api/v1/nothing")[0], 404)
        self.assertEqual(self.hub.request("DELETE", "/api/v1/orders")[0], 405)
        self.assertEqual(self.hub.request("GET", "/api/v1/orders?limit=0")[0], 400)
        self.assertEqual(self.hub.request("GET", "/api/v1/integrations/not-an-id")[0], 404)

    def test_ten_megabytes(self):
        body = b'{"update_id": 1, "message": "' + b"x" * 10 * 1024 * 1024 + b'"}'
        for path in (self.door.path, f"/api/v1/integrations/{self.shop}/sync"):
            head = (f"POST {path} HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\nAuthorization: Bearer {self.hub.token}\r\n"
                    f"{SECRET_HEADER}: {self.door.secret}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
            with socket.create_connection(("127.0.0.1", self.hub.port), timeout=30) as connection:
                connection.sendall(head)
                try:
                    connection.sendall(body)
                except OSError:
                    pass  # refused unread
                self.assertIn(b" 413 ", self.first_line(connection))
        # as chunks, without saying how long it is
        with socket.create_connection(("127.0.0.1", self.hub.port), timeout=30) as connection:
            connection.sendall((f"POST {self.door.path} HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
                                f"{SECRET_HEADER}: {self.door.secret}\r\nTransfer-Encoding: chunked\r\n\r\n").encode())
            try:
                for _ in range(10):
                    connection.sendall(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
            except OSError:
                pass
            self.assertIn(b" 413 ", self.first_line(connection))
        self.assertEqual(self.hub.request("GET", "/health/ready", token="")[0], 200)

    def first_line(self, connection):
        try:
            return connection.recv(4096).split(b"\r\n")[0]
        except ConnectionResetError:
            self.fail("the connection was reset before the answer could be read")

    def test_slow_and_strange_clients_harm_nobody(self):
        idle = [socket.create_connection(("127.0.0.1", self.hub.port), timeout=30) for _ in range(50)]
        try:
            for number, connection in enumerate(idle):
                connection.sendall([b"", b"POST /hooks/tele", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
                                    b"\x16\x03\x01\x02\x00\x01\x00\x01"][number % 4])
            self.sandbox.write(self.buyer, "Сквозь медленных")
            wait_for("a webhook passes the slow ones by", lambda: any(
                m["content"] == "Сквозь медленных" for m in self.hub.messages()), 10)
            # what never becomes a request is ended by the hub
            garbage = idle[3]
            answer = garbage.recv(4096)
            self.assertTrue(answer == b"" or b" 400 " in answer.split(b"\r\n")[0], answer)
            unfinished = idle[1]
            unfinished.settimeout(90)
            answer = unfinished.recv(4096)
            self.assertTrue(answer == b"" or b" 408 " in answer.split(b"\r\n")[0], answer)
        finally:
            for connection in idle:
                connection.close()

    def test_port_in_use(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            hub = Hub(settings={"server.public_url": ""})
            self.addCleanup(hub.close)
            hub.set_up()
            done = hub.run("serve", "--port", str(port))
            self.refused(done, str(port), "in use")

    def test_second_hub_on_the_same_folder(self):
        done = self.hub.run("serve", "--port", "0")
        self.refused(done, str(self.hub.process.pid), str(self.hub.data_dir), "--data-dir")
        self.assertEqual(self.hub.request("GET", "/health/ready", token="")[0], 200)

    def test_doctor_finds_what_is_wrong(self):
        well = self.hub.cli_json("doctor")
        self.assertTrue(well["ok"], well)
        self.assertTrue({"configuration", "data folder", "migrations", "database role", "clock", "keys"}
                        <= {c["check"] for c in well["checks"]})


class Database(WrongInput):
    def hub_of_its_own(self, **settings):
        hub = Hub(settings=settings)
        self.addCleanup(hub.close)
        self.kept = [hub]
        return hub

    def print_logs(self):
        for hub in self.kept or []:
            hub.print_log()

    def test_dsn_to_nowhere(self):
        port = free_port()
        hub = self.hub_of_its_own(**{"database.acquire_timeout": "2s"})
        hub.environment["EASYFLOW_DATABASE_DSN"] = f"host=127.0.0.1 port={port} dbname=shop user=shop password=hunter-2-secret"
        for command in (["serve", "--port", "0"], ["integrations", "list"], ["migrate", "up"], ["doctor"]):
            done = hub.run(*command)
            self.refused(done, str(port))
            self.assertNotIn("hunter-2-secret", done.stdout + done.stderr)

    def test_missing_migrations(self):
        hub = self.hub_of_its_own()
        hub.cli("db", "start")
        self.refused(hub.run("serve", "--port", "0"), "easyflow migrate up")
        self.refused(hub.run("integrations", "list"), "easyflow migrate up")
        hub.cli("migrate", "up", "--to", "2")
        self.refused(hub.run("serve", "--port", "0"), "easyflow migrate up")
        hub.cli("migrate", "up")
        hub.start()
        self.assertEqual(hub.stop(), 0)

    def test_superuser_is_refused(self):
        hub = self.hub_of_its_own()
        hub.set_up()
        socket_dir = hub.data_dir / "run"
        other = self.hub_of_its_own()
        other.environment["EASYFLOW_DATABASE_DSN"] = f"host={socket_dir} dbname=easyflow user=easyflow_owner"
        shutil.copy(hub.data_dir / "master.key", other.folder / "master.key")
        other.settings["keys.file"] = str(other.folder / "master.key")
        self.refused(other.run("serve", "--port", "0"), "easyflow_owner", "easyflow_app", "row-level security")
        hub.psql("alter role easyflow_app bypassrls")
        self.refused(hub.run("serve", "--port", "0"), "easyflow_app", "row-level security")
        hub.psql("alter role easyflow_app nobypassrls")
        hub.start()
        self.assertEqual(hub.stop(), 0)

    def test_wrong_master_key(self):
        hub = self.hub_of_its_own()
        hub.set_up()
        key = hub.data_dir / "master.key"
        right = key.read_bytes()
        wanted = hub.cli_json("keys", "list")["items"][0]["id"]
        stranger = self.hub_of_its_own()
        stranger.set_up()
        key.write_bytes((stranger.data_dir / "master.key").read_bytes())
        self.refused(hub.run("serve", "--port", "0"), wanted)
        key.unlink()
        self.refused(hub.run("serve", "--port", "0"), str(key))
        self.assertFalse(key.exists(), "a fresh key must not take the place of the lost one")
        key.write_text("nonsense")
        self.refused(hub.run("serve", "--port", "0"), str(key))
        key.write_bytes(right)
        key.chmod(0o644)
        self.refused(hub.run("serve", "--port", "0"), str(key), "600")
        key.chmod(0o600)
        hub.start()
        self.assertEqual(hub.stop(), 0)


class DatabaseStops(WrongInput):
    @classmethod
    def prepare(cls):
        prepared_hub(cls)
        cls.hub.start()
        cls.buyer = cls.sandbox.state()["telegram"]["buyers"][0]["chat_id"]
        wait_for("the first messages", lambda: cls.hub.messages())

    def status(self, path="/health/ready"):
        try:
            return self.hub.request("GET", path, timeout=20)[0]
        except (OSError, http.client.HTTPException):
            return None

    def test_postgresql_stops_and_comes_back(self):
        """Stopped so that nobody can start it: 503 meanwhile, and all is well afterwards."""
        cluster = self.hub.data_dir / "postgres"
        hidden = self.hub.data_dir / "postgres.hidden"
        self.hub.kill_postmaster()
        cluster.rename(hidden)
        try:
            wait_for("not ready", lambda: self.status() == 503)
            self.assertEqual(self.status("/health/live"), 200)
            status, headers, answer = self.hub.request("GET", "/api/v1/integrations")
            self.assertEqual(status, 503, answer)
            self.assertIn("database", answer["detail"])
            self.assertTrue(headers["Retry-After"])
            for _ in range(20):
                status, headers, _ = call(self.hub.port, "POST", self.door.path, '{"update_id": 77}',
                                          {SECRET_HEADER: self.door.secret, "Content-Type": "application/json"})
                self.assertEqual(status, 503)
                self.assertTrue(headers["Retry-After"])
            self.assertEqual(len(self.hub.logged("ingest.storage_down")), 1, "an outage is told once")
            self.sandbox.write(self.buyer, "Пока базы нет")
        finally:
            hidden.rename(cluster)
        wait_for("ready again", lambda: self.status() == 200)
        self.sandbox.control("POST", "updates/retry", {})
        wait_for("the message of meanwhile", lambda: [m for m in self.hub.messages() if m["content"] == "Пока базы нет"])
        self.assertEqual(len([m for m in self.hub.messages() if m["content"] == "Пока базы нет"]), 1)
        self.assertEqual(len(self.hub.logged("ingest.storage_back")), 1)
        self.hub.cli("sync", "run", "wildberries", "orders")
        self.assertEqual(sorted(self.hub.order_ids()), sorted(self.sandbox.order_ids()))


class DiskFull(WrongInput):
    """A file system of a few hundred megabytes that fills up under the hub. Where it cannot be mounted (an ordinary
    user), a limit on the size of files stands for it at the start, and a folder that may not be written to."""

    def small_disk(self, megabytes):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="easyflow-e2e-disk-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0711", "tmpfs", str(folder)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            return None
        self.addCleanup(subprocess.run, ["umount", "-l", str(folder)], capture_output=True)
        return folder

    def test_no_room_for_a_new_cluster(self):
        disk = self.small_disk(12) if is_root() else None
        if disk:
            hub = Hub(data_dir=disk / "data")
            self.addCleanup(hub.close)
            self.refused(hub.run("db", "start"), str(disk / "data"), "free some space")
        else:
            print("  no small disk can be mounted here: a limit on file sizes stands for it", flush=True)
            hub = Hub()
            self.addCleanup(hub.close)
            done = subprocess.run(["prlimit", "--fsize=65536", *hub.arguments("db", "start")], capture_output=True, text=True,
                                  cwd=hub.folder, env=clean_environment(), timeout=60)
            self.refused(done, str(hub.data_dir))
        self.assertFalse((hub.data_dir / "postgres").exists(), "half a cluster")

    def test_folder_that_may_not_be_written_to(self):
        for folder in ("/proc/easyflow", "/dev/null/easyflow"):
            hub = Hub(data_dir=folder)
            self.addCleanup(shutil.rmtree, hub.folder, ignore_errors=True)
            self.refused(hub.run("serve", "--port", "0"), folder, "--data-dir")

    def test_disk_fills_up_while_the_hub_runs(self):
        disk = self.small_disk(260) if is_root() else None
        if disk is None:
            print("  no small disk can be mounted here: covered only for the start", flush=True)
            return
        folder = tempfile.mkdtemp(prefix="easyflow-e2e-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        sandbox = Sandbox(folder)
        self.addCleanup(sandbox.close)
        door = FrontDoor()
        self.addCleanup(door.close)
        hub = Hub(sandbox, door, data_dir=disk / "data")
        self.addCleanup(hub.close)
        hub.set_up()
        hub.connect(sandbox)
        hub.start()
        wait_for("the first messages", lambda: len(hub.messages()) >= 6)
        headers = {SECRET_HEADER: door.secret, "Content-Type": "application/json"}

        filler = open(disk / "filler", "wb", buffering=0)
        try:
            while True:
                filler.write(b"\0" * 65536)
        except OSError:
            pass
        filler.close()
        # the write-ahead log has room of its own for a while: go on until the hub must refuse
        refused = None
        acknowledged = set()
        end = time.monotonic() + 90
        number = 0
        while refused is None and time.monotonic() < end:
            number += 1
            status = self.post_update(hub, door, headers, number)
            if status == 200:
                acknowledged.add(number)
            else:
                refused = status
        self.assertEqual(refused, 503, f"after {len(acknowledged)} updates")
        self.assertTrue(hub.process.runs())
        self.assertEqual(hub.request("GET", "/health/live", token="")[0], 200)

        (disk / "filler").unlink()
        wait_for("updates are taken again", lambda: self.post_update(hub, door, headers, number) == 200)
        acknowledged.add(number)
        wait_for("ready", lambda: hub.request("GET", "/health/ready", token="")[0] == 200)
        kept = [m["content"] for m in hub.messages() if m["content"].startswith("big ")]
        self.assertEqual(sorted(kept), sorted(set(kept)), "doubled")
        self.assertEqual({f"big {n}" for n in acknowledged} - {k.split(":")[0] for k in kept}, set(), "acknowledged and lost")

    def post_update(self, hub, door, headers, number):
        chat = {"id": 5, "type": "private", "first_name": "Big"}
        noise = os.urandom(300_000).hex()  # not compressible, near the limit of a request
        update = {"update_id": 3_000_000_000 + number, "message": {
            "message_id": number, "date": 1_790_000_000, "text": f"big {number}: ", "chat": chat,
            "from": {"id": 5, "is_bot": False, "first_name": "Big"}, "unknown": noise}}
        try:
            return call(hub.port, "POST", door.path, json.dumps(update), headers)[0]
        except (OSError, http.client.HTTPException):
            return 503


if __name__ == "__main__":
    unittest.main(verbosity=2)
