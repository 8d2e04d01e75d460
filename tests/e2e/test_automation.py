"""What happens by itself on a message: from the buyer's text to the answer, once, whatever happens to the hub."""

import collections
import unittest

from hub import HubTest, prepared_hub, wait_for

ASKS_FOR_A_PERSON = "Позовите оператора, хочу поговорить с человеком"
ANSWER = "Здравствуйте, {name}! Сейчас ответит человек."


class Automation(HubTest):
    @classmethod
    def prepare(cls):
        prepared_hub(cls).start()

    def acts(self, state=""):
        return self.hub.all("/automation/acts" + (f"?state={state}" if state else ""))

    def settled(self, count):
        acts = self.acts()
        return len(acts) >= count and all(act["state"] != "pending" for act in acts) and acts

    def asked(self, chat):
        """One more message is stored; what is to be done on it with it."""
        self.sandbox.write(chat, ASKS_FOR_A_PERSON)
        wait_for("the message is in", lambda: self.sandbox.state()["telegram"]["pending"] == 0)
        return self.acts()

    def test_1_the_command_line_names_what_is_wrong(self):
        for wrong, field in [(["--min-confidence", "2", "--escalate"], "min_confidence"),
                             (["--quiet", "22-8", "--escalate"], "quiet"),
                             (["--reply", "Hello {nmae}"], "reply"), ([], "reply")]:
            done = self.hub.run("automation", "set", "operator_request", *wrong)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(field, done.stderr)
        self.assertIn("Nothing happens by itself yet", self.hub.cli("automation", "list"))
        done = self.hub.run("automation", "set", "order_statsu", "--tag", "order")
        self.assertIn("Did you mean 'order_status'?", done.stderr)
        self.hub.cli("automation", "remove", "order_statsu")

    def test_2_each_person_is_answered_once_though_the_hub_is_killed(self):
        wait_for("what buyers wrote before is in", lambda: self.sandbox.state()["telegram"]["pending"] == 0)
        self.hub.cli("automation", "set", "operator_request", "--reply", ANSWER, "--escalate", "--tag", "person",
                     "--min-confidence", "0.3")
        self.assertEqual(self.hub.cli_json("automation", "list")["items"][0]["intent"], "operator_request")
        chats = [buyer["chat_id"] for buyer in self.sandbox.state()["telegram"]["buyers"]]
        self.assertGreater(len(chats), 3)
        # the command line is another process: messages of the next moment may still be read as before
        wait_for("the hub knows the rule", lambda: self.asked(chats[0]))
        for number, chat in enumerate(chats[1:]):
            self.sandbox.write(chat, ASKS_FOR_A_PERSON)
            if number % 3 == 1:
                self.hub.kill()
                self.hub.start()
        acts = wait_for("every act is settled", lambda: self.settled(len(chats)))
        self.assertEqual([act["reason"] for act in acts if act["state"] != "done"], [])
        answers = collections.Counter(
            message["conversation_id"] for message in self.hub.messages() if message["automatic"])
        self.assertEqual(len(answers), len(chats))
        self.assertEqual(set(answers.values()), {1})
        for conversation in self.hub.all("/conversations"):
            self.assertEqual((conversation["status"], conversation["tags"]), ("escalated", ["person"]))
        wait_for("the answers are out", lambda: not self.hub.all("/outbound?state=queued"))
        sent = collections.Counter(message["chat_id"] for message in self.sandbox.state()["telegram"]["sent"])
        self.assertLessEqual(max(sent.values()), 1, "nobody is answered twice")

    def test_3_an_act_is_undone_from_the_command_line(self):
        act = self.acts("done")[0]
        said = self.hub.cli("automation", "undo", act["id"])
        self.assertIn("Undone: escalate, tag", said)
        self.assertIn("Left as it is: reply", said)
        conversation = self.hub.api("GET", f"/conversations/{act['conversation_id']}")
        self.assertEqual((conversation["status"], conversation["tags"]), ("active", []))
        self.assertEqual(conversation["acts"][0]["state"], "undone")
        self.assertIn("undone", self.hub.cli("automation", "acts", "--conversation", act["conversation_id"]))
        self.hub.cli("automation", "remove", "operator_request")
        done = self.hub.run("automation", "remove", "operator_request")
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
