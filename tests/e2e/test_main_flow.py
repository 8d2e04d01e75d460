"""A small seller's day: connect, sync, read, answer, report; with webhooks and without."""

import json
import unittest

from hub import HubTest, SECRET_HEADER, call, prepared_hub, wait_for


class MainFlow:
    """What holds however messages come in."""

    public = True

    @classmethod
    def prepare(cls):
        prepared_hub(cls, public=cls.public)
        cls.shop = cls.integrations["wildberries"]["id"]
        cls.bot = cls.integrations["telegram"]["id"]
        cls.hub.start()
        if cls.public:
            wait_for("the webhook is registered", lambda: cls.sandbox.state()["telegram"]["webhook_is_set"])

    # --- helpers --------------------------------------------------------------------------------------------------

    def buyer(self, index):
        return self.sandbox.state()["telegram"]["buyers"][index]["chat_id"]

    def conversation_with(self, chat_id):
        found = [c for c in self.hub.all("/conversations") if c["chat_id"] == str(chat_id)]
        self.assertLessEqual(len(found), 1, "one chat, one conversation")
        return found[0] if found else None

    def messages_with(self, chat_id):
        conversation = self.conversation_with(chat_id)
        return self.hub.all(f"/conversations/{conversation['id']}/messages") if conversation else []

    def arrived(self, chat_id, content, content_type=None):
        return wait_for(f"'{content}' has arrived", lambda: [
            m for m in self.messages_with(chat_id) if m["direction"] == "inbound" and m["content"] == content
            and content_type in (None, m["content_type"])])

    def ended(self, outbound_id):
        """The outbound message once it is settled."""
        return wait_for("the message is settled", lambda: (
            lambda o: o if o["state"] in ("sent", "failed", "unknown") else None)(self.hub.api("GET", f"/outbound/{outbound_id}")))

    def stream(self, name):
        rows = [s for s in self.hub.api("GET", "/sync/status")["items"] if s["stream"] == name]
        self.assertEqual(len(rows), 1)
        return rows[0]

    def latest_run(self, stream):
        runs = [r for r in self.hub.all(f"/sync/runs?integration={self.shop}") if r["stream"] == stream]
        return runs[0] if runs else None

    # --- marketplace ----------------------------------------------------------------------------------------------

    def test_orders_come_once_and_a_second_sync_brings_exactly_the_new_ones(self):
        self.hub.cli("sync", "run", "wildberries")
        first = self.hub.order_ids()
        self.assertEqual(sorted(first), sorted(self.sandbox.order_ids()))
        self.assertEqual(len(self.hub.all("/products")), len(self.sandbox.state()["wildberries"]["products"]))

        # by the API, run by the hub
        new = self.sandbox.order(7)
        before = self.latest_run("orders")["id"]
        self.hub.sync(self.shop, stream="orders")
        wait_for("the orders' run has ended", lambda: (lambda r: r["id"] != before and r["status"] != "running")(self.latest_run("orders")))
        second = self.hub.order_ids()
        self.assertEqual(set(second) - set(first), new)
        self.assertEqual(len(second), len(set(second)))

        # by the command line, beside the running hub
        more = self.sandbox.order(3)
        ran = self.hub.cli_json("sync", "run", "wildberries", "orders")["items"][0]
        self.assertEqual(ran["status"], "success")
        third = self.hub.order_ids()
        self.assertEqual(set(third) - set(second), more)
        self.assertEqual(len(third), len(set(third)))

        # nothing new
        self.hub.cli("sync", "run", "wildberries", "orders", "--from-start")
        self.assertEqual(sorted(self.hub.order_ids()), sorted(third))

    def test_status_report(self):
        self.hub.cli("sync", "run", "wildberries")
        for name in ("orders", "products"):
            stream = self.stream(name)
            self.assertEqual(stream["platform"], "wildberries")
            self.assertEqual(stream["failures"], 0)
            self.assertIsNone(stream["last_error"])
            self.assertIsNotNone(stream["last_success_at"])
            self.assertGreater(stream["rows"], 0)
            self.assertIn(stream["state"], ("fresh", "running", "due"))
        self.assertEqual({s["stream"] for s in self.hub.cli_json("sync", "status")["items"]}, {"orders", "products"})
        printed = self.hub.cli("sync", "status")
        self.assertIn("wildberries", printed)
        self.assertIn("orders", printed)
        run = self.hub.cli_json("sync", "log", "--limit", "1")["items"][0]
        self.assertEqual(run["id"], self.hub.api("GET", f"/sync/runs/{run['id']}")["id"])

    def test_a_failing_platform_is_reported_and_heals(self):
        self.sandbox.fault(platform="wildberries", kind="status_500", path_prefix="/api/v3/orders")
        done = self.hub.run("sync", "run", "wildberries", "orders")
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(self.stream("orders")["last_error"])
        self.assertGreater(self.stream("orders")["failures"], 0)
        self.sandbox.clear_faults()
        self.hub.cli("sync", "run", "wildberries", "orders")
        self.assertIsNone(self.stream("orders")["last_error"])
        self.assertEqual(self.stream("orders")["failures"], 0)
        self.assertEqual(sorted(self.hub.order_ids()), sorted(self.sandbox.order_ids()))

    # --- conversations --------------------------------------------------------------------------------------------

    def test_a_buyer_writes_and_is_answered_once(self):
        chat = self.buyer(0)
        self.sandbox.write(chat, "Где мой заказ?")
        self.arrived(chat, "Где мой заказ?", "text")
        conversation = self.conversation_with(chat)
        self.assertEqual(conversation["platform"], "telegram")
        self.assertTrue(conversation["contact_active"])

        # by the API: repeating the key sends nothing
        request = {"text": "Уже в пути 🚚", "idempotency_key": f"answer-{chat}-1"}
        queued = self.hub.api("POST", f"/conversations/{conversation['id']}/messages", request, expect=202)
        again = self.hub.api("POST", f"/conversations/{conversation['id']}/messages", request, expect=202)
        self.assertEqual(queued["id"], again["id"])
        sent = self.ended(queued["id"])
        self.assertEqual(sent["state"], "sent", sent)
        self.assertEqual(self.sandbox.sent_texts().count("Уже в пути 🚚"), 1)

        # by the command line
        told = self.hub.cli_json("send", conversation["id"], "Приедет завтра", "--idempotency-key", f"answer-{chat}-2")
        self.assertEqual(told["state"], "sent", told)
        repeated = self.hub.cli_json("send", conversation["id"], "Приедет завтра", "--idempotency-key", f"answer-{chat}-2")
        self.assertEqual(repeated["id"], told["id"])
        self.assertEqual(self.sandbox.sent_texts().count("Приедет завтра"), 1)

        outbound = {m["content"]: m for m in self.messages_with(chat) if m["direction"] == "outbound"}
        self.assertEqual(set(outbound), {"Уже в пути 🚚", "Приедет завтра"})
        self.assertTrue(all(m["platform_message_id"] for m in outbound.values()))
        shown = self.hub.cli("conversations", "show", conversation["id"])
        self.assertLess(shown.index("Где мой заказ?"), shown.index("Приедет завтра"))
        self.assertRegex(shown, r"Где мой заказ\?\n +order_status \d+ %\n")

    def test_buttons_edits(self):
        chat = self.buyer(1)
        self.sandbox.write(chat, "Здравствуйте")
        self.arrived(chat, "Здравствуйте")
        conversation = self.conversation_with(chat)
        queued = self.hub.api("POST", f"/conversations/{conversation['id']}/messages",
                              {"text": "Что вас интересует?", "keyboard": [[{"text": "Заказ", "data": "order"}]]})
        sent = self.ended(queued["id"])
        self.assertEqual(sent["state"], "sent", sent)
        self.sandbox.control("POST", f"buyers/{chat}/press", {"message_id": int(sent["platform_message_id"]), "data": "order"})
        pressed = self.arrived(chat, "order", "callback")
        self.assertEqual(len(pressed), 1)

        self.sandbox.write(chat, "Хачу вернуть")
        mistyped = self.arrived(chat, "Хачу вернуть")[0]
        self.sandbox.control("POST", f"buyers/{chat}/edit",
                             {"message_id": int(mistyped["platform_message_id"]), "text": "Хочу вернуть"})
        edited = self.arrived(chat, "Хочу вернуть")
        self.assertEqual(len(edited), 1)
        self.assertEqual(edited[0]["platform_message_id"], mistyped["platform_message_id"])

    def test_a_buyer_who_blocks_is_left_alone(self):
        chat = self.buyer(2)
        self.sandbox.write(chat, "Не пишите мне")
        self.arrived(chat, "Не пишите мне")
        conversation = self.conversation_with(chat)
        self.sandbox.control("POST", f"buyers/{chat}/block", {})
        wait_for("the contact is inactive", lambda: not self.conversation_with(chat)["contact_active"])
        status, _, answer = self.hub.request("POST", f"/api/v1/conversations/{conversation['id']}/messages",
                                             {"text": "Только одна скидка"})
        self.assertEqual(status, 409, answer)
        self.assertIn("block", answer["detail"])
        done = self.hub.run("send", conversation["id"], "Только одна скидка")
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("Только одна скидка", self.sandbox.sent_texts())

        self.sandbox.control("POST", f"buyers/{chat}/unblock", {})
        wait_for("the contact is active again", lambda: self.conversation_with(chat)["contact_active"])
        queued = self.hub.api("POST", f"/conversations/{conversation['id']}/messages", {"text": "С возвращением"})
        self.assertEqual(self.ended(queued["id"])["state"], "sent")

    def test_pause_and_resume(self):
        chat = self.buyer(3)
        self.sandbox.write(chat, "Hello")
        self.arrived(chat, "Hello")
        conversation = self.conversation_with(chat)
        self.hub.api("POST", f"/integrations/{self.bot}/pause")
        self.hub.cli("integrations", "pause", "wildberries")
        self.assertTrue(all(i["paused"] for i in self.hub.all("/integrations")))
        self.assertEqual(self.stream("orders")["state"], "paused")
        queued = self.hub.api("POST", f"/conversations/{conversation['id']}/messages", {"text": "Paused hello"})
        told = self.hub.cli_json("send", conversation["id"], "Paused hello too", "--wait", "2")
        self.assertEqual(told["state"], "queued")
        self.assertEqual(self.hub.api("GET", f"/outbound/{queued['id']}")["state"], "queued")
        self.hub.api("POST", f"/integrations/{self.shop}/resume")
        self.hub.cli("integrations", "resume", "telegram")
        self.assertFalse(any(i["paused"] for i in self.hub.all("/integrations")))
        for id in (queued["id"], told["id"]):
            self.assertEqual(self.ended(id)["state"], "sent")
        self.assertEqual([t for t in self.sandbox.sent_texts() if t.startswith("Paused")], ["Paused hello", "Paused hello too"])
        self.sandbox.write(chat, "Still there?")
        self.arrived(chat, "Still there?")
        new = self.sandbox.order(2)
        self.hub.sync(self.shop, stream="orders")
        wait_for("the new orders", lambda: new <= set(self.hub.order_ids()))

    # --- the rest -------------------------------------------------------------------------------------------------

    def test_pages_and_events_walk_through_everything_once(self):
        self.hub.cli("sync", "run", "wildberries", "orders")
        whole = [o["id"] for o in self.hub.all("/orders")]
        in_small_pages = [o["id"] for o in self.hub.all("/orders", limit=7)]
        self.assertEqual(in_small_pages, whole)
        self.assertEqual(len(set(whole)), len(whole))
        status, _, problem = self.hub.request("GET", "/api/v1/orders?cursor=garbage")
        self.assertEqual(status, 400, problem)

        events = self.hub.all("/events", limit=50)
        ids = [e["id"] for e in events]
        self.assertEqual(len(set(ids)), len(ids))
        order_events = {e["subject_id"] for e in events if e["type"].startswith("order.")}
        self.assertLessEqual(set(whole), order_events)
        chat = self.buyer(4)
        seen = ids[-1]
        self.sandbox.write(chat, "Есть вопрос")
        message = self.arrived(chat, "Есть вопрос")[0]
        fresh = self.hub.api("GET", f"/events?cursor={seen}")["items"]
        self.assertIn(("message.received", message["id"]), [(e["type"], e["subject_id"]) for e in fresh])

    def test_keys_rotate_while_the_hub_runs(self):
        chat = self.buyer(5)
        self.sandbox.write(chat, "До смены ключа")
        self.arrived(chat, "До смены ключа")
        rotated = self.hub.api("POST", "/keys/rotate")
        self.assertNotEqual(rotated["new_master_key_id"], rotated["old_master_key_id"])
        self.check_it_works(chat, "После смены ключа")
        told = self.hub.cli_json("keys", "rotate")
        self.assertEqual(told["old_master_key_id"], rotated["new_master_key_id"])
        self.check_it_works(chat, "После второй смены")
        states = {k["id"]: k["state"] for k in self.hub.cli_json("keys", "list")["items"]}
        self.assertEqual(states[told["new_master_key_id"]], "active")

        self.assertEqual(self.hub.stop(), 0)
        self.hub.start()
        self.check_it_works(chat, "После перезапуска")
        self.assertTrue(any(m["content"] == "До смены ключа" for m in self.messages_with(chat)))

    def check_it_works(self, chat, text):
        """Credentials open, webhooks are believed, messages go out."""
        for id in (self.shop, self.bot):
            checked = self.hub.api("POST", f"/integrations/{id}/check")
            self.assertTrue(checked["check"]["ok"], checked)
        self.sandbox.write(chat, text)
        self.arrived(chat, text)
        queued = self.hub.api("POST", f"/conversations/{self.conversation_with(chat)['id']}/messages", {"text": "Re: " + text})
        self.assertEqual(self.ended(queued["id"])["state"], "sent")
        self.hub.cli("sync", "run", "wildberries", "orders")

    def test_the_page_shows_both_accounts(self):
        status, _, page = self.hub.request("GET", "/", token="")
        self.assertIn(status, (200, 303, 302))
        status, _, metrics = self.hub.request("GET", "/metrics", token="")
        self.assertEqual(status, 200)
        self.assertIn("easyflow_", metrics)


class WithWebhooks(MainFlow, HubTest):

    def test_a_webhook_that_makes_no_sense_is_kept_and_can_be_replayed(self):
        self.sandbox.write(self.buyer(0), "Привет")
        self.arrived(self.buyer(0), "Привет")
        junk = '{"update_id": "soon", "message": ['.encode()
        headers = {"Content-Type": "application/json", SECRET_HEADER: self.door.secret}
        status, _, _ = call(self.hub.port, "POST", self.door.path, junk, headers)
        self.assertEqual(status, 200)
        kept = wait_for("it is in quarantine", lambda: self.hub.all("/quarantine"))
        self.assertEqual(len(kept), 1)
        status, _, body = call(self.hub.port, "GET", f"/api/v1/quarantine/{kept[0]['id']}/body",
                               headers={"Authorization": f"Bearer {self.hub.token}"})
        self.assertEqual((status, body), (200, junk))
        status, _, answer = self.hub.request("POST", f"/api/v1/quarantine/{kept[0]['id']}/replay")
        self.assertEqual(status, 422, answer)
        self.assertNotEqual(self.hub.run("quarantine", "replay", kept[0]["id"]).returncode, 0)
        self.assertIn(kept[0]["id"], self.hub.cli("quarantine", "list"))

        # without the secret, or with another one, nothing is kept
        for wrong in ({}, {SECRET_HEADER: "x" * len(self.door.secret)}):
            status, _, _ = call(self.hub.port, "POST", self.door.path, junk, wrong)
            self.assertEqual(status, 401)
        status, _, _ = call(self.hub.port, "POST", "/hooks/telegram/nobody-lives-here", junk, headers)
        self.assertEqual(status, 404)
        self.assertEqual(len(self.hub.all("/quarantine")), 1)

    def test_a_repeated_webhook_is_one_message(self):
        chat = self.buyer(4)
        update = {"update_id": 7_000_000_001, "message": {
            "message_id": 910_000_001, "date": 1_790_000_000, "text": "Дважды доставлено",
            "chat": {"id": chat, "type": "private", "first_name": "Светлана"},
            "from": {"id": chat, "is_bot": False, "first_name": "Светлана"}}}
        self.sandbox.write(chat, "Сначала")
        self.arrived(chat, "Сначала")
        headers = {"Content-Type": "application/json", SECRET_HEADER: self.door.secret}
        for _ in range(3):
            status, _, _ = call(self.hub.port, "POST", self.door.path, json.dumps(update), headers)
            self.assertEqual(status, 200)
        self.assertEqual(len(self.arrived(chat, "Дважды доставлено")), 1)


class WithPolling(MainFlow, HubTest):
    public = False

    def test_no_webhook_is_registered(self):
        state = self.sandbox.state()["telegram"]
        self.assertFalse(state["webhook_is_set"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
