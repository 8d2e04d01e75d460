"""What messages mean: tried, trained and measured from the command line, and on a running hub."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from hub import BINARY, HubTest, clean_environment, prepared_hub, wait_for

FRUIT = ["apple", "pear", "plum", "fig", "kiwi", "lime", "peach", "mango", "lemon", "cherry", "quince", "melon"]


def shop_csv():
    """Two intents that are easily told apart; small enough to train on in no time."""
    lines = ["text,intent,lang"]
    for word in FRUIT:
        for about in ("a", "one", "my", "that"):
            lines.append(f'"how much is {about} {word}, please",price_question,en')
            lines.append(f'"take {about} {word} back from me",return_request,en')
    return "\n".join(lines) + "\n"


class WithoutDatabase(unittest.TestCase):
    """Nothing but the binary: no configuration, no database."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="easyflow-e2e-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def nlp(self, *arguments, input=None, code=0):
        done = subprocess.run([BINARY, "nlp", *arguments], input=input, capture_output=True, text=True, timeout=300,
                              cwd=self.folder, env=clean_environment())
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def json(self, *arguments, **options):
        return json.loads(self.nlp(*arguments, "--json", **options).stdout)

    def test_a_text_is_read(self):
        text = "Где мой заказ #66102? Жду завтра"
        meaning = self.json("parse", text, "--now", "2026-11-20T23:30:00+03:00")
        self.assertEqual(meaning["text"], text)
        self.assertTrue(0 <= meaning["confidence"] <= 1)
        self.assertTrue(meaning["model"].startswith("default-"))
        entities = {entity["type"]: entity for entity in meaning["entities"]}
        order = entities["order_number"]
        self.assertEqual((order["text"], order["value"]), ("#66102", "66102"))
        self.assertEqual(text[order["start"]:order["end"]], "#66102")
        self.assertEqual(entities["datetime"]["value"], "2026-11-21", "tomorrow where the offset says it is still the 20th")

        printed = self.nlp("parse", "-", input=text).stdout
        self.assertIn("order_number", printed)
        self.assertIn("66102", printed)
        card = self.json("parse", "карта 4242 4242 4242 4242")
        self.assertNotIn("4242 4242 4242", json.dumps(card))

    def test_many_texts_become_one_line_each(self):
        tsv = self.file("in.tsv", "id\tlang\tintent\ttext\tentities\n"
                                  "a1\ten\t\tWhere is order 55120?\t[]\n"
                                  "a\"2\tru\t\tцвет «чёрный» 🙂\t\n"
                                  "\n"
                                  "a3\ten\t\t\t\n")
        out = self.folder / "out.jsonl"
        self.nlp("parse", "--in", tsv, "--out", str(out), "--now", "2026-11-20T12:00:00+03:00")
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        self.assertEqual([line["id"] for line in lines], ["a1", 'a"2', "a3"])
        for line in lines:
            self.assertTrue(line["intent"])
            self.assertTrue(0 <= line["confidence"] <= 1)
            for entity in line["entities"]:
                self.assertLess(entity["start"], entity["end"])
        self.assertEqual(lines[0]["entities"][0]["value"], "55120")
        self.assertEqual(self.nlp("parse", "--in", tsv).stdout.count("\n"), 3, "standard output by default")

        for text, where in (("text\nhello\n", "line 1, id"), ("id\ttext\na\n", "line 2, text"), ("", "line 1")):
            done = self.nlp("parse", "--in", self.file("bad.tsv", text), "--out", str(out), code=1)
            self.assertIn(where, done.stderr)
        self.assertEqual(len(out.read_text().splitlines()), 3, "what can't be read replaces nothing")

    def test_wrong_use_is_explained(self):
        self.assertIn("--in", self.nlp("parse", code=105).stderr)
        self.assertIn("--now", self.nlp("parse", "x", "--now", "tomorrow", code=1).stderr)
        self.assertIn("no model", self.nlp("parse", "x", "--model", self.file("x.model", "nonsense"), code=1).stderr)
        self.assertIn("can't be read", self.nlp("parse", "x", "--model", "/no/such.model", code=1).stderr)
        rules = self.file("rules.csv", "kind,type,pattern,value\nlookup,line,nordic light,nl\nregex,line,(,\n")
        self.assertIn("line 3, pattern", self.nlp("parse", "x", "--rules", rules, code=1).stderr)
        self.assertEqual(len(self.json("intents")["items"]), 26)

    def test_wrong_data_is_named_by_line_and_column(self):
        for text, where in (("text,label\nhello,greeting\n", "line 1, intent"),
                            ("text,intent\nhello,greeting\nbye,Good Bye\n", "line 3, intent"),
                            ("text,intent\nhello,greeting\n,thanks\n", "line 3, text"),
                            ('text,intent\n"hello,greeting\n', "line 2, text"),
                            ("text,intent\n", "line 2")):
            data = self.file("bad.csv", text)
            for command in (("train", data, "--out", "x.model"), ("test", data)):
                self.assertIn(where, self.nlp(*command, code=1).stderr)
        self.assertFalse((self.folder / "x.model").exists())
        one = self.file("one.csv", "text,intent\nhello,greeting\nhi,greeting\n")
        self.assertIn("two intents", self.nlp("train", one, "--base", "none", "--out", "x.model", code=1).stderr)

    def test_a_model_is_trained_measured_and_used(self):
        data = self.file("shop.csv", shop_csv())
        model = str(self.folder / "fruit.model")
        dry = self.json("train", data, "--base", "none", "--out", model, "--dry-run")
        self.assertIsNone(dry["out"])
        self.assertFalse(pathlib.Path(model).exists())

        trained = self.json("train", data, "--base", "none", "--name", "fruit", "--out", model)
        self.assertTrue(trained["accepted"], trained)
        self.assertEqual(trained["report"]["examples"], 8 * len(FRUIT))
        self.assertTrue(trained["version"].startswith("fruit-"))
        meaning = self.json("parse", "how much is my apple please", "--model", model)
        self.assertEqual(meaning["intent"], "price_question")
        self.assertEqual(meaning["model"], trained["version"])
        again = self.json("train", data, "--base", "none", "--name", "fruit", "--out", model)
        self.assertEqual(again["version"], trained["version"], "the same data make the same model")

        page = self.folder / "report.html"
        tested = self.json("test", data, "--model", model, "--html", str(page))
        self.assertEqual(tested["examples"], 8 * len(FRUIT))
        self.assertGreater(tested["accuracy"], 0.9)
        self.assertIn("<svg", page.read_text())
        printed = self.nlp("test", data, "--folds", "3", "--base", "none").stdout
        for word in ("price_question", "macro-F1", "calibration error", "can't be trusted"):
            self.assertIn(word, printed)

    def test_a_worse_model_is_refused_unless_forced(self):
        # the model before knows the words; in the new data each stands once, so what is held out can't be learnt
        before = ["text,intent"] + [line for word in FRUIT for line in
                                    (f"a {word} please,fruit", f"where is the {word},fruit", f"one {word} for me,fruit")]
        tools = ["hammer", "saw", "drill", "wrench", "chisel", "pliers", "axe", "shovel", "rake", "clamp", "vise", "awl",
                 "trowel", "mallet", "anvil", "lathe", "crowbar", "ratchet"]
        before += [line for word in tools for line in
                   (f"a {word} please,tools", f"where is the {word},tools", f"one {word} for me,tools")]
        old = str(self.folder / "old.model")
        self.nlp("train", self.file("old.csv", "\n".join(before) + "\n"), "--base", "none", "--out", old)
        new = self.file("new.csv", "text,intent\n" + "".join(f"my {word} has come,fruit\n" for word in FRUIT) +
                        "".join(f"my {word} has come,tools\n" for word in tools))
        out = self.folder / "new.model"
        refused = self.nlp("train", new, "--base", "none", "--out", str(out), "--against", old, code=1)
        self.assertIn("macro-F1 on 30 of your examples falls from", refused.stderr)
        self.assertIn("--force", refused.stderr)
        self.assertFalse(out.exists())
        self.nlp("train", new, "--base", "none", "--out", str(out), "--against", old, "--force")
        self.assertTrue(out.exists())


class OnAHub(HubTest):
    @classmethod
    def prepare(cls):
        prepared_hub(cls)
        cls.hub.start()
        wait_for("the webhook is registered", lambda: cls.sandbox.state()["telegram"]["webhook_is_set"])
        cls.buyer = cls.sandbox.state()["telegram"]["buyers"][0]["chat_id"]

    def message(self, text):
        """A buyer writes; the message as the hub stored it."""
        self.sandbox.write(self.buyer, text)
        stored = lambda: [message for message in self.hub.messages() if message["content"] == text]
        return wait_for("the message arrives", stored)[0]

    def file(self, name, text):
        path = self.hub.folder / name
        path.write_text(text)
        return str(path)

    def test_a_tenants_own_model_reads_the_next_message(self):
        first = self.message("how much is that durian, please")
        self.assertTrue(first["nlp"]["model"].startswith("default-"), first)
        self.assertTrue(first["intent"])
        trained = self.hub.cli_json("nlp", "train", self.file("shop.csv", shop_csv()), "--base", "none", "--name", "fruit",
                                    "--force", timeout=300)
        self.assertTrue(trained["installed"])
        number = iter(range(1000))

        def read_by_the_new_model():
            message = self.message(f"how much is my apple, please {next(number)}")
            return message if message["nlp"]["model"] == trained["version"] else None
        message = wait_for("the hub takes the model on", read_by_the_new_model)
        told = self.hub.cli_json("nlp", "parse", "--installed", message["content"])
        self.assertEqual((told["intent"], told["model"]), (message["intent"], trained["version"]))

        models = {model["version"]: model for model in self.hub.cli_json("nlp", "models")["items"]}
        self.assertTrue(models[trained["version"]]["active"])
        rescored = self.hub.cli_json("nlp", "rescore")
        self.assertEqual(rescored["model"], trained["version"])
        self.assertTrue(rescored["finished_at"])
        again = [m for m in self.hub.messages() if m["id"] == first["id"]][0]
        self.assertEqual(again["nlp"]["model"], trained["version"])
        self.assertEqual(self.hub.cli_json("nlp", "rescore", "--status")["model"], trained["version"])

        self.hub.cli("nlp", "models", "default")
        self.assertFalse(self.hub.api("GET", "/nlp/models")["items"][0]["active"])
        self.assertIn("no model 'fruit-0'", self.hub.run("nlp", "models", "activate", "fruit-0").stderr)

    def test_a_label_becomes_an_example(self):
        message = self.message("куда пропал курьер с моей коробкой")
        self.hub.cli("nlp", "label", message["id"], "order_status")
        stored = [m for m in self.hub.messages() if m["id"] == message["id"]][0]
        self.assertEqual((stored["intent"], stored["confidence"], stored["nlp"]["model"]), ("order_status", 1, "operator"))
        self.assertEqual(stored["nlp"]["before"]["intent"], message["intent"])
        examples = [e for e in self.hub.all("/nlp/examples") if e["message_id"] == message["id"]]
        self.assertEqual([(e["text"], e["intent"], e["source"]) for e in examples],
                         [(message["content"], "order_status", "operator")])
        refused = self.hub.run("nlp", "label", message["id"], "order_staus")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("order_status", refused.stderr)
        self.assertIn(message["content"], self.hub.cli("nlp", "examples", "export"))
        self.assertEqual(self.hub.cli_json("nlp", "test", "--installed")["reliable"], False)
        report = self.hub.api("GET", "/nlp/report")
        self.assertGreaterEqual(report["messages"], 1)
        self.assertFalse(report["calibration"]["reliable"])

    def test_rules_of_ones_own(self):
        rules = self.file("rules.csv", "kind,type,pattern,value\nlookup,product_line,nordic light,nordic_light\n")
        self.hub.cli("nlp", "rules", "import", rules)
        meaning = self.hub.cli_json("nlp", "parse", "--installed", "is Nordic Light in stock")
        self.assertEqual([(e["type"], e["value"]) for e in meaning["entities"]], [("product_line", "nordic_light")])
        bad = self.file("bad.csv", "kind,type,pattern,value\nregex,x,(,\n")
        self.assertIn("line 2, pattern", self.hub.run("nlp", "rules", "import", bad).stderr)
        self.assertIn("nordic light", self.hub.cli("nlp", "rules"))
        self.hub.cli("nlp", "rules", "clear")
        self.assertEqual(self.hub.cli_json("nlp", "rules")["csv"], "")

    def test_imported_examples(self):
        data = self.file("examples.csv", "text,intent,lang\nhello there,greeting,en\nhello there,thanks,en\n")
        self.assertEqual(self.hub.cli_json("nlp", "examples", "import", data), {"read": 2, "written": 1})
        listed = [e for e in self.hub.cli_json("nlp", "examples")["items"] if e["text"] == "hello there"]
        self.assertEqual([e["intent"] for e in listed], ["thanks"])
        self.hub.cli("nlp", "examples", "remove", listed[0]["id"])
        self.assertNotEqual(self.hub.run("nlp", "examples", "remove", listed[0]["id"]).returncode, 0)


if __name__ == "__main__":
    unittest.main()
