"""Secrets stay secret: not in the database, not in a log, not among the arguments of a process."""

import pathlib
import subprocess
import unittest

from hub import HubTest, PATIENCE, as_cluster_user, clean_environment, postgres_program, prepared_hub, wait_for


class Secrets(HubTest):
    @classmethod
    def prepare(cls):
        """The main flow, watched while it runs."""
        cls.arguments = set()
        prepared_hub(cls)
        cls.hub.start()
        chat = cls.sandbox.state()["telegram"]["buyers"][0]["chat_id"]
        wait_for("the first messages", lambda: len(cls.hub.messages()) >= 6)
        cls.look_at_processes()
        conversation = next(c for c in cls.hub.all("/conversations") if c["chat_id"] == str(chat))
        cls.hub.cli("sync", "run", "wildberries")
        cls.hub.cli("send", conversation["id"], "Здравствуйте!")
        # errors are where secrets slip out
        cls.sandbox.fault(platform="telegram", kind="status_500", count=1, path_prefix="/sendMessage")
        cls.hub.run("send", conversation["id"], "Ещё раз", "--wait", "5")
        cls.sandbox.fault(platform="wildberries", kind="cut", count=2, after_bytes=10)
        cls.hub.run("sync", "run", "wildberries")
        cls.sandbox.clear_faults()
        cls.hub.api("POST", "/keys/rotate")
        cls.hub.api("POST", f"/integrations/{cls.integrations['telegram']['id']}/check")
        cls.look_at_processes()
        cls.secrets = {
            "bot token": cls.sandbox.bot_token,
            "second half of the bot token": cls.sandbox.bot_token.split(":")[1],
            "API key": cls.sandbox.api_key,
            "signature of the API key": cls.sandbox.api_key.split(".")[2],
            "webhook secret": cls.door.secret,
            "API token": cls.hub.token,
            "password": cls.hub.user["password"],
        }
        for line in (cls.hub.data_dir / "master.key").read_text().splitlines():
            for word in line.replace("=", " ").replace(":", " ").split():
                if len(word) >= 40:
                    cls.secrets[f"master key {word[:4]}..."] = word

    @classmethod
    def look_at_processes(cls):
        for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                cls.arguments.add(process.read_bytes().replace(b"\0", b" "))
            except OSError:
                pass  # it has ended

    def check(self, where, content):
        for name, secret in self.secrets.items():
            for form, text in (("", secret), (" in hexadecimal", secret.encode().hex())):
                self.assertFalse(text.encode() in content, f"the {name}{form} is in {where}")

    def test_there_is_something_to_look_for(self):
        self.assertGreaterEqual(len(self.secrets), 9)
        self.assertTrue(all(self.secrets.values()))

    def test_the_database_holds_none(self):
        dump = subprocess.run([postgres_program("pg_dump"), "-h", str(self.hub.data_dir / "run"), "-U", "postgres", "easyflow"],
                              capture_output=True, timeout=PATIENCE, cwd="/", env=clean_environment(), **as_cluster_user())
        self.assertEqual(dump.returncode, 0, dump.stderr)
        self.assertIn(self.integrations["telegram"]["id"].encode(), dump.stdout)
        self.check("the dump of the database", dump.stdout)

    def test_the_logs_hold_none(self):
        log = self.hub.log.read_bytes()
        self.assertIn(b'"level":"debug"', log)
        self.check("the hub's log", log)
        self.check("PostgreSQL's log", (self.hub.data_dir / "postgres.log").read_bytes())

    def test_the_api_and_the_page_show_none(self):
        for path in ("/integrations", "/platforms", "/tokens", "/keys", "/events", "/outbound", "/sync/runs", "/me"):
            self.check(path, str(self.hub.api("GET", path)).encode())
        self.check("/metrics", self.hub.request("GET", "/metrics", token="")[2].encode())
        for command in (["config", "show"], ["integrations", "show", "telegram"], ["keys", "list"], ["token", "list"], ["doctor"]):
            for json in ([], ["--json"]):
                self.check(" ".join(command), self.hub.cli(*json, *command).encode())

    def test_no_process_was_given_one(self):
        self.assertTrue(any(b" serve " in line for line in self.arguments))
        for line in self.arguments:
            self.check("the arguments of a process", line)

    def test_files_are_for_their_owner_only(self):
        for file in self.hub.data_dir.rglob("*"):
            if file.is_file() and "key" in file.name:
                self.assertEqual(file.stat().st_mode & 0o077, 0, file)

    def test_z_a_ciphertext_in_another_row_does_not_open(self):
        shop, bot = self.integrations["wildberries"]["id"], self.integrations["telegram"]["id"]
        original = self.hub.psql(f"select credentials_encrypted from integrations where id = '{shop}'")[0]
        self.hub.psql(f"update integrations i set credentials_encrypted = o.credentials_encrypted, "
                      f"encryption_key_id = o.encryption_key_id from integrations o where i.id = '{shop}' and o.id = '{bot}'")
        self.assertEqual(self.hub.stop(), 0)
        self.hub.run("db", "start")
        self.hub.start()
        status, _, answer = self.hub.request("POST", f"/api/v1/integrations/{shop}/check")
        self.assertGreaterEqual(status, 400, answer)
        self.assertNotIn(self.sandbox.bot_token, str(answer))
        self.assertTrue(answer["detail"])
        self.assertNotEqual(self.hub.run("sync", "run", "wildberries", "orders").returncode, 0)
        self.assertTrue(self.hub.process.runs())
        self.assertTrue(self.hub.api("POST", f"/integrations/{bot}/check")["check"]["ok"], "the other account works on")
        doctor = self.hub.run("--json", "doctor")
        self.assertNotEqual(doctor.returncode, 0)

        self.hub.psql(f"update integrations set credentials_encrypted = '{original}' where id = '{shop}'")
        self.assertEqual(self.hub.stop(), 0)
        self.hub.run("db", "start")
        self.hub.start()
        self.assertTrue(self.hub.api("POST", f"/integrations/{shop}/check")["check"]["ok"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
