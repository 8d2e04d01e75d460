"""An idle hub costs next to nothing."""

import pathlib
import re
import time
import unittest

from hub import Hub, HubTest, prepared_hub

WATCHED = 20  # seconds


class Idle(HubTest):
    def rss_megabytes(self, hub):
        status = pathlib.Path(f"/proc/{hub.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) / 1024

    def statements(self, hub, since):
        """What the hub sent, but for the ends of transactions, out of the server's own log (pg_stat_database would count
        the transactions of autovacuum too)."""
        written = (hub.data_dir / "postgres.log").read_text(errors="replace")[since:]
        found = re.findall(r"easyflow_app@easyflow LOG:  (?:statement|execute [^:]*): *(.*)", written)
        return [text for text in found if not re.match(r"(begin|select; commit|commit|rollback)\b", text.strip(), re.IGNORECASE)]

    def watch(self, hub, name):
        hub.psql("alter system set log_statement = 'all'")
        hub.psql("select pg_reload_conf()")
        # what the start itself asks is over when a poll of each kind has passed
        time.sleep(6)  # sleeps on purpose: the start settles
        since = len((hub.data_dir / "postgres.log").read_text(errors="replace"))
        time.sleep(WATCHED)  # sleeps on purpose: the hub is watched doing nothing
        statements = self.statements(hub, since)
        hub.psql("alter system reset log_statement")
        hub.psql("select pg_reload_conf()")
        memory = self.rss_megabytes(hub)
        print(f"  {name}: {len(statements) / WATCHED:.2f} statements/s, {memory:.0f} MB", flush=True)
        self.assertGreater(len(statements), 0, "the log shows nothing: it cannot be believed")
        self.assertLess(len(statements), WATCHED, "\n".join(statements))
        self.assertLess(memory, 60)

    def test_nothing_connected(self):
        hub = self.keep(Hub(settings={"server.log_level": "info"}))
        hub.set_up()
        took = hub.start()
        print(f"  ready {took:.2f} s after the start, PostgreSQL was up", flush=True)
        self.watch(hub, "nothing connected")
        self.assertEqual(hub.stop(), 0)

    def test_accounts_that_are_paused(self):
        hub = prepared_hub(type(self), settings={"server.log_level": "info"})
        hub.start()
        hub.cli("sync", "run", "wildberries")
        for platform in ("wildberries", "telegram"):
            hub.cli("integrations", "pause", platform)
        self.watch(hub, "paused")
        self.assertEqual(hub.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
