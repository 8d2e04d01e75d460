"""The live hub, with rows of every kind, answers as docs/openapi.yaml says."""

import os
import pathlib
import subprocess
import sys
import unittest

from hub import HubTest, SECRET_HEADER, call, clean_environment, prepared_hub, wait_for

CHECKER = pathlib.Path(os.path.abspath(__file__)).parents[1] / "integration" / "api" / "check_openapi.py"


class ApiContract(HubTest):
    @classmethod
    def prepare(cls):
        prepared_hub(cls)
        cls.hub.start()
        wait_for("the first messages", lambda: len(cls.hub.messages()) >= 6)
        cls.hub.cli("sync", "run", "wildberries")
        conversation = cls.hub.all("/conversations")[0]["id"]
        for text in ("Здравствуйте!", "Чем помочь?"):
            cls.hub.cli("send", conversation, text, "--button", "Заказ=order", "--button", "Сайт=https://shop.example/")
        status, _, _ = call(cls.hub.port, "POST", cls.door.path, "not JSON",
                            {SECRET_HEADER: cls.door.secret, "Content-Type": "application/json"})
        assert status == 200, status

    def test_every_answer_fits_the_file(self):
        done = subprocess.run([sys.executable, str(CHECKER), f"http://127.0.0.1:{self.hub.port}", self.hub.token],
                              capture_output=True, text=True, timeout=120, env=clean_environment())
        print(done.stdout[-400:], flush=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_empty_lists_fit_too(self):
        hub = self.hub
        viewer = hub.cli_json("user", "add", "other@shop.example")
        token = hub.cli_json("token", "create", "--name", "other", "--tenant", viewer["tenant_id"])["token"]
        done = subprocess.run([sys.executable, str(CHECKER), f"http://127.0.0.1:{hub.port}", token],
                              capture_output=True, text=True, timeout=120, env=clean_environment())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(hub.api("GET", "/integrations", token=token)["items"], [], "another tenant sees nothing")
        self.assertEqual(hub.api("GET", "/orders", token=token)["items"], [])
        self.assertEqual(hub.api("GET", "/conversations", token=token)["items"], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
