"""A provider reads messages too: nothing private reaches it, nothing waits for it, and kill -9 loses no verdict."""

import http.server
import json
import re
import subprocess
import threading
import unittest

from hub import HubTest, as_cluster_user, call, clean_environment, postgres_program, prepared_hub, wait_for

TOKEN = "sk-of-the-test"


class Provider:
    """Talks as OpenAI's chat completions do. A text that is held waits for its answer until `open` is set."""

    def __init__(self):
        self.asked = []
        self.held = ""
        self.open = threading.Event()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
                self.answer(200 if known and self.path == "/v1/models" else 401, {})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                provider.asked.append((self.path, self.headers.get("Authorization"), body))
                if body["messages"][1]["content"] == provider.held:
                    provider.open.wait(60)
                label = json.dumps({"intent": "wholesale", "confidence": 0.9})
                self.answer(200, {"choices": [{"message": {"role": "assistant", "content": label}, "finish_reason": "stop"}],
                                  "usage": {"prompt_tokens": 100, "completion_tokens": 10}})

            def answer(self, status, body):
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a hub that went away

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def texts(self):
        return [body["messages"][1]["content"] for _, _, body in self.asked]

    def close(self):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class RowLock:
    """Holds a message's row, so that nothing about it can be committed."""

    def __init__(self, hub, message_id):
        self.child = subprocess.Popen(
            [postgres_program("psql"), "-X", "-q", "-A", "-t", "-h", str(hub.data_dir / "run"), "-U", "postgres", "-d", "easyflow"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/", env=clean_environment(), **as_cluster_user())
        self.child.stdin.write(f"begin; select 'held' from messages where id = '{message_id}' for update;\n")
        self.child.stdin.flush()
        if self.child.stdout.readline().strip() != "held":
            raise AssertionError("the row is not locked")

    def release(self):
        self.child.communicate("rollback;\n", timeout=30)


class NlpRemote(HubTest):
    @classmethod
    def prepare(cls):
        cls.provider = cls.keep(Provider())
        prepared_hub(cls, settings={"nlp.provider": "openai", "nlp.provider_url": cls.provider.url,
                                    "nlp.provider_model": "small", "nlp.provider_timeout": "30s"})
        cls.hub.environment["EASYFLOW_NLP_PROVIDER_TOKEN"] = TOKEN
        cls.hub.start()
        wait_for("the webhook is registered", lambda: cls.sandbox.state()["telegram"]["webhook_is_set"])

    def setUp(self):
        self.provider.asked.clear()
        self.provider.open.clear()

    def buyer(self, index):
        return self.sandbox.state()["telegram"]["buyers"][index]["chat_id"]

    def rows(self, text):
        """Id, intent, model and metadata.nlp of a message."""
        literal = text.replace("'", "''")
        found = self.hub.psql("select id, intent, nlp_model, coalesce(metadata->'nlp', '{}') from messages "
                              f"where content = '{literal}'")
        return [(*line.split("\t")[:3], json.loads(line.split("\t")[3])) for line in found]

    def understood(self, text):
        return wait_for("the provider's verdict is stored", lambda: [row for row in self.rows(text) if row[2] == "openai:small"])

    def test_a_message_is_stored_before_the_provider_answers_and_nothing_private_reaches_it(self):
        text = "позвоните +7 916 123-45-67 или пишите ivan@mail.ru"
        masked = self.provider.held = "позвоните [phone] или пишите [email]"
        self.sandbox.write(self.buyer(0), text)
        [(_, intent, model, _)] = wait_for("the message is stored", lambda: self.rows(text))
        self.assertTrue(model.startswith("default-"), "the hub's own model has read it")
        wait_for("the provider is asked", lambda: masked in self.provider.texts())
        self.provider.open.set()
        [(_, verdict, _, details)] = self.understood(text)
        self.assertEqual(verdict, "wholesale")
        self.assertEqual(details["embedded"]["intent"], intent)
        self.assertEqual(details["confidence_source"], "verbal")
        self.assertEqual(details["tokens"], {"prompt": 100, "completion": 10})
        for asked in self.provider.texts():
            # an order number of another buyer may hold these digits further in
            self.assertNotRegex(asked, r"(?<!\d)[78]?916|123-45-67|1234567|ivan|mail\.ru")
        path, authorization, _ = self.provider.asked[0]
        self.assertEqual((path, authorization), ("/v1/chat/completions", f"Bearer {TOKEN}"))
        _, _, page = call(self.hub.port, "GET", "/metrics")
        self.assertRegex(page.decode(), r'easyflow_nlp_remote_requests_total\{outcome="understood"\} [1-9]')
        self.assertRegex(page.decode(), r"easyflow_nlp_remote_breaker_state 0\b")
        self.assertNotIn(TOKEN, self.hub.process.output())

    def test_killed_between_answer_and_commit_it_asks_again(self):
        text = self.provider.held = "хочу стать вашим дилером"
        self.sandbox.write(self.buyer(1), text)
        [(message, _, _, _)] = wait_for("the message is stored", lambda: self.rows(text))
        wait_for("the provider is asked", lambda: text in self.provider.texts())
        lock = RowLock(self.hub, message)
        self.provider.open.set()
        wait_for("the answer is being stored", lambda: self.hub.psql(
            "select 1 from pg_stat_activity where usename = 'easyflow_app' and wait_event_type = 'Lock'"))
        self.hub.kill()
        lock.release()
        [(_, _, model, _)] = self.rows(text)
        self.assertTrue(model.startswith("default-"), "the verdict was not committed")
        self.assertEqual(self.hub.psql(f"select count(*) from nlp_requests where message_id = '{message}'"), ["1"])
        self.hub.start()
        [(_, verdict, _, _)] = self.understood(text)
        self.assertEqual(verdict, "wholesale")
        self.assertEqual(self.provider.texts().count(text), 2)
        self.assertEqual(self.hub.psql("select count(*) from outbox_events where type = 'message.understood' "
                                       f"and subject_id = '{message}'"), ["1"])
        wait_for("nothing waits any more", lambda: self.hub.psql("select count(*) from nlp_requests") == ["0"])

    def test_doctor_asks_whether_the_provider_answers(self):
        def finding():
            done = self.hub.run("--json", "doctor")
            return next(check for check in json.loads(done.stdout)["checks"] if check["check"] == "NLP provider")
        self.assertEqual(finding()["state"], "ok")
        self.hub.environment["EASYFLOW_NLP_PROVIDER_TOKEN"] = "sk-wrong"
        refused = finding()
        self.assertEqual(refused["state"], "failed")
        self.assertTrue(re.search(r"401.*nlp\.provider_token", refused["detail"]), refused)
        self.hub.environment["EASYFLOW_NLP_PROVIDER_TOKEN"] = TOKEN


if __name__ == "__main__":
    unittest.main(verbosity=2)
