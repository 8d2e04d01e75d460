"""kill -9 of the hub, of its PostgreSQL, and of both, at random moments under full load: nothing is lost, nothing doubled.

The moments follow from a seed, which is printed; EASYFLOW_SEED repeats one.
"""

import collections
import http.client
import itertools
import json
import os
import random
import threading
import time
import unittest

from hub import HubTest, SECRET_HEADER, call, prepared_hub, wait_for

KILLS = ["hub"] * 14 + ["postgres"] * 3 + ["both"] * 3
ORDERS = 3000
SENDERS = 6
CHATS = 40


class Load:
    """Webhooks and outbound messages that keep coming, whatever happens to the hub."""

    def __init__(self, hub, door, conversations, seed):
        self.hub, self.door, self.conversations = hub, door, conversations
        self.numbers = itertools.count(1)
        self.acknowledged = set()  # updates that got their 200
        self.given_up = set()      # updates that did not, and were not repeated: kept or not, both are right
        self.repeated = 0
        self.queued = {}           # outbound id -> text, once the hub said 202
        self.offered = set()       # texts that were offered at all
        self.unexpected = []       # anything but success, 503 and a broken connection
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._deliver, args=(random.Random(seed + n),)) for n in range(SENDERS)]
        self.threads.append(threading.Thread(target=self._send))

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Every update that is repeated and every message on its way gets its answer first."""
        self.stopped.set()
        for thread in self.threads:
            thread.join(120)
            if thread.is_alive():
                raise AssertionError("the hub does not answer any more")

    def _deliver(self, moments):
        headers = {"Content-Type": "application/json", SECRET_HEADER: self.door.secret}
        while not self.stopped.wait(moments.uniform(0.01, 0.06)):
            number = next(self.numbers)
            chat = 8_000_000_000 + number % CHATS
            person = {"id": chat, "is_bot": False, "first_name": f"Buyer {chat % 1000}", "language_code": "ru"}
            update = json.dumps({"update_id": 2_000_000_000 + number, "message": {
                "message_id": number, "date": int(time.time()), "text": f"update {number}", "from": person,
                "chat": {"id": chat, "type": "private", "first_name": person["first_name"]}}})
            insist = moments.random() < 0.7  # a platform repeats; another sender might not
            end = time.monotonic() + 100
            while True:
                status = self._post(self.door.path, update, headers)
                if status == 200:
                    with self.lock:
                        self.acknowledged.add(number)
                    break
                if status not in (None, 503):
                    with self.lock:
                        self.unexpected.append((number, status))
                if not insist or time.monotonic() > end:
                    with self.lock:
                        self.given_up.add(number)
                    break
                with self.lock:
                    self.repeated += 1
                time.sleep(0.05)  # sleeps on purpose: a platform repeats after a while

    def _post(self, path, body, headers):
        try:
            return call(self.hub.port, "POST", path, body, headers, timeout=20)[0]
        except (OSError, http.client.HTTPException):
            return None

    def _send(self):
        for number in itertools.count(1):
            text = f"answer {number}"
            conversation = self.conversations[number % len(self.conversations)]
            self.offered.add(text)
            end = time.monotonic() + 100
            while time.monotonic() < end:
                try:
                    status, _, answer = self.hub.request("POST", f"/api/v1/conversations/{conversation}/messages",
                                                         {"text": text, "idempotency_key": text}, timeout=20)
                except (OSError, http.client.HTTPException, ValueError):
                    status = None
                if status == 202:
                    self.queued[answer["id"]] = text
                    break
                if status not in (None, 503):
                    self.unexpected.append((text, status, answer))
                    break
                time.sleep(0.1)  # sleeps on purpose: a caller tries again after a while
            if self.stopped.wait(0.4):
                return


class KillNine(HubTest):
    @classmethod
    def prepare(cls):
        prepared_hub(cls, "--orders", str(ORDERS), settings={"server.log_level": "info"})
        cls.shop = cls.integrations["wildberries"]["id"]
        cls.hub.start()
        wait_for("the buyers of the sandbox have written", lambda: len(cls.hub.all("/conversations")) >= 6)
        cls.answerable = [c["id"] for c in cls.hub.all("/conversations")]

    def orders_stream(self):
        return next(s for s in self.hub.api("GET", "/sync/status")["items"] if s["stream"] == "orders")

    def is_ready(self):
        try:
            return self.hub.request("GET", "/health/ready", token="", timeout=5)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def test_nothing_is_lost_and_nothing_is_doubled(self):
        seed = int(os.environ.get("EASYFLOW_SEED", random.SystemRandom().randrange(1_000_000)))
        print(f"seed {seed}", flush=True)
        moments = random.Random(seed)
        kills = KILLS[:]
        moments.shuffle(kills)
        self.sandbox.fault(platform="wildberries", kind="slow", delay_ms=120, path_prefix="/api/v3/orders")
        self.sandbox.fault(platform="wildberries", kind="status_500", probability=0.05)
        self.sandbox.fault(platform="telegram", kind="slow", delay_ms=250, probability=0.5, path_prefix="/sendMessage")

        load = Load(self.hub, self.door, self.answerable, seed)
        load.start()
        try:
            for victim in kills:
                self.sandbox.order(moments.randrange(1, 20))
                self.hub.sync(self.shop, stream="orders", from_start=True)
                wait_for("the sync runs", lambda: self.orders_stream()["state"] == "running")
                began = time.monotonic()
                moment = moments.uniform(0, 1.8)
                time.sleep(moment)  # sleeps on purpose: the random moment
                killed = self.hub.kill_postmaster() if victim in ("postgres", "both") else None
                if victim in ("hub", "both"):
                    self.hub.kill()
                    self.hub.start()
                wait_for("PostgreSQL runs", lambda: self.hub.postmaster() not in (None, killed))
                wait_for("the hub is ready again", self.is_ready)
                print(f"  {victim} killed {moment:.2f} s into the sync, ready {time.monotonic() - began - moment:.1f} s later",
                      flush=True)
        finally:
            load.stop()
            self.sandbox.clear_faults()
        print(f"  {len(load.acknowledged)} updates acknowledged, {load.repeated} repeats, {len(load.given_up)} given up, "
              f"{len(load.queued)} messages queued", flush=True)
        self.assertEqual(load.unexpected, [])
        self.assertGreater(load.repeated + len(load.given_up), 0, "no kill met an update on its way")

        self.check_messages(load)
        self.check_outbound(load)
        self.check_orders()

    def check_messages(self, load):
        stored = collections.Counter(m["content"] for m in self.hub.messages()
                                     if m["direction"] == "inbound" and m["content"].startswith("update "))
        numbers = {int(text.split()[1]) for text in stored}
        self.assertEqual(load.acknowledged - numbers, set(), "acknowledged and lost")
        self.assertEqual({text: n for text, n in stored.items() if n != 1}, {}, "doubled")
        self.assertLessEqual(numbers, load.acknowledged | load.given_up, "a message without an update")
        counted = sum(c["messages_count"] for c in self.hub.all("/conversations"))
        self.assertEqual(counted, len(self.hub.messages()), "messages_count")

    def check_outbound(self, load):
        def settled():
            rows = self.hub.all("/outbound")
            return rows if all(r["state"] in ("sent", "unknown", "failed") for r in rows) else None
        rows = wait_for("all messages are settled", settled, 120, every=0.5)
        arrived = collections.Counter(self.sandbox.sent_texts())
        self.assertEqual({text: n for text, n in arrived.items() if n != 1}, {}, "sent twice")
        self.assertLessEqual(set(load.queued), {r["id"] for r in rows}, "accepted and lost")
        self.assertEqual([r for r in rows if r["state"] == "failed"], [])
        for row in rows:
            self.assertIn(row["text"], load.offered)
            if row["state"] == "sent":
                self.assertEqual(arrived[row["text"]], 1, row)
        states = collections.Counter(r["state"] for r in rows)
        print(f"  outbound: {dict(states)}", flush=True)

    def check_orders(self):
        before = self.hub.all(f"/sync/runs?integration={self.shop}")[0]["started_at"]
        self.hub.sync(self.shop, stream="orders")
        wait_for("a last sync ends well", lambda: any(
            r["stream"] == "orders" and r["status"] == "success" and r["started_at"] > before
            for r in self.hub.api("GET", f"/sync/runs?integration={self.shop}")["items"]), 120)
        stored = collections.Counter(self.hub.order_ids())
        self.assertEqual({order: n for order, n in stored.items() if n != 1}, {}, "stored twice")
        self.assertEqual(set(stored), self.sandbox.order_ids())
        runs = self.hub.all(f"/sync/runs?integration={self.shop}")
        cut_off = sum((r["error_message"] or "").startswith("interrupted") for r in runs)
        print(f"  {len(stored)} orders, {len(runs)} sync runs, {cut_off} of them cut off", flush=True)
        self.assertGreater(cut_off, 0, "no kill met a sync under way")


if __name__ == "__main__":
    unittest.main(verbosity=2)
