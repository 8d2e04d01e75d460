"""SIGTERM: what is under way is answered or given back, and the next start goes on at once."""

import concurrent.futures
import http.client
import json
import threading
import unittest

from hub import HubTest, SECRET_HEADER, call, prepared_hub, wait_for


class Shutdown(HubTest):
    @classmethod
    def prepare(cls):
        prepared_hub(cls, "--orders", "2000", settings={"server.log_level": "info"})
        cls.shop = cls.integrations["wildberries"]["id"]

    def setUp(self):
        self.hub.run("db", "start")
        self.hub.start()

    def tearDown(self):
        self.sandbox.clear_faults()
        if self.hub.process.runs():
            self.assertEqual(self.hub.stop(), 0)

    def orders_stream(self):
        return next(s for s in self.hub.api("GET", "/sync/status")["items"] if s["stream"] == "orders")

    def test_during_a_sync(self):
        wait_for("the first messages", lambda: self.hub.messages())
        self.sandbox.fault(platform="wildberries", kind="slow", delay_ms=700, path_prefix="/api/v3/orders")
        self.hub.sync(self.shop, stream="orders", from_start=True)
        wait_for("pages are being read", lambda: self.orders_stream()["state"] == "running")
        self.assertEqual(self.hub.stop(), 0)
        self.sandbox.clear_faults()

        self.hub.run("db", "start")
        self.hub.start()
        # well within the lease of 60 s: it was given back
        wait_for("the sync goes on", lambda: self.hub.logged("sync.ended"), 30)
        wait_for("all orders are there", lambda: sorted(self.hub.order_ids()) == sorted(self.sandbox.order_ids()), 30)

    def test_under_webhook_load(self):
        wait_for("the secret is known", lambda: self.door.secret and self.hub.messages())
        port = self.hub.port
        headers = {SECRET_HEADER: self.door.secret, "Content-Type": "application/json"}
        stopped = threading.Event()
        acknowledged, refused, cut_off = set(), [], []

        def deliver(sender):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            for number in range(sender * 100_000, (sender + 1) * 100_000):
                if stopped.is_set():
                    break
                chat = {"id": 9_000_000 + sender, "type": "private", "first_name": "Load"}
                update = json.dumps({"update_id": 4_000_000_000 + number, "message": {
                    "message_id": number, "date": 1_790_000_000, "text": f"load {number}", "chat": chat,
                    "from": {"id": chat["id"], "is_bot": False, "first_name": "Load"}}})
                try:
                    connection.request("POST", self.door.path, update, headers)
                except OSError:
                    break  # the port is closed: this request never reached the hub
                try:
                    reply = connection.getresponse()
                    reply.read()
                except http.client.RemoteDisconnected:
                    break  # an idle kept-alive connection may end just as it is used again
                except (OSError, http.client.HTTPException) as error:
                    cut_off.append(error)
                    break
                if reply.status == 200:
                    acknowledged.add(number)
                else:
                    refused.append(reply.status)
                if reply.will_close:
                    break
            connection.close()

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            senders = [pool.submit(deliver, number + 1) for number in range(8)]
            wait_for("the load flows", lambda: len(acknowledged) > 200)
            self.assertEqual(self.hub.stop(), 0)
            stopped.set()
            for sender in senders:
                sender.result()
        self.assertEqual([type(e).__name__ for e in cut_off if isinstance(e, http.client.IncompleteRead)], [],
                         "an answer was cut in two")
        self.assertLessEqual(set(refused), {503})
        self.hub.run("db", "start")
        self.hub.start()
        stored = [m["content"] for m in self.hub.messages() if m["content"].startswith("load ")]
        self.assertEqual(len(stored), len(set(stored)))
        self.assertEqual({f"load {n}" for n in acknowledged} - set(stored), set(), "acknowledged and lost")
        print(f"  {len(acknowledged)} acknowledged, {len(stored)} stored, {len(refused)} refused, {len(cut_off)} cut off", flush=True)

    def test_an_answer_under_way_is_given(self):
        """A request whose work takes a while gets its answer although SIGTERM comes first."""
        self.sandbox.fault(platform="telegram", kind="slow", delay_ms=1500, path_prefix="/getMe", count=1)
        bot = self.integrations["telegram"]["id"]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            polls = self.sandbox.state()["telegram"]["answered"]
            asked = pool.submit(call, self.hub.port, "POST", f"/api/v1/integrations/{bot}/check", None,
                                {"Authorization": f"Bearer {self.hub.token}"})
            wait_for("the platform is being asked", lambda: not asked.done() and self.sandbox.state()["faults"]["faults"] == [] or
                     self.sandbox.state()["telegram"]["answered"] != polls)
            self.assertEqual(self.hub.stop(), 0)
            status, _, body = asked.result()
        self.assertEqual(status, 200, body)
        self.assertTrue(json.loads(body)["check"]["ok"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
