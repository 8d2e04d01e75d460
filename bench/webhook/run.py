#!/usr/bin/env python3
"""Measures acknowledged-durable Telegram webhooks of the hub beside other receivers, on one machine in one run.

Needs the performance harness (load generator and peers); EASYFLOW_BENCH_HARNESS names its folder. Everything is
written below EASYFLOW_BENCH_WORK (default: easyflow-bench in the temporary folder) and listens on 127.0.0.1.
bench/README.md tells how to read the table."""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HUB = "easyflow"
UNREAD = "easyflow-unread"       # the hub, storing messages without reading what they mean
NODE = "fastify-pg"              # idiomatic Node: a transaction a webhook
YARDSTICK = "beast-batch-async"  # the least a durable receiver in C++ can do
GOAL_CONNS, GOAL_RATIO = 64, 3.0
GOAL_READING = 0.85              # of the throughput without reading
GOAL_IDLE_MIB, GOAL_START_S = 60, 1.0

# The peers' tables are emptied by the harness, these beside them.
HUB_TABLES = ("inbound_events, inbound_bodies, messages, conversations, contacts, outbound_messages, outbox_events, "
              "automatic_acts")

# Whatever of the acknowledged webhooks is not there exactly once, in every table it belongs to. Kept in bench_faults,
# since the tables are emptied before the next measurement; the harness takes the number. One webhook in 100,000,000 has
# the message_id 0, by which Telegram says that there is none yet; it is stored as none.
FAULTS_TABLE = "create table bench_faults (at timestamptz not null default now(), fault text, subject text)"
HUB_VERIFY = """
with wanted as (select 'update:' || id as dedup_key, (id::bigint % 100000000)::text as message_id from acked),
faults as (
    select 'event or body missing' as fault, dedup_key as subject from wanted w where not exists (
            select from inbound_events e join inbound_bodies b on b.id = e.body_id
             where e.dedup_key = w.dedup_key and e.state = 'processed')
    union all
    select 'message, conversation, contact or outbox event missing', message_id from wanted w where not exists (
            select from messages m join conversations c on c.id = m.conversation_id
                                   join contacts p on p.id = m.contact_id
                                   join outbox_events o on o.subject_id = m.id
             where coalesce(m.platform_message_id, '0') = w.message_id)
    union all
    select 'message stored ' || count(*) || ' times', platform_message_id from messages group by 2 having count(*) > 1
    union all
    select 'conversation counts ' || messages_count || ' messages and has ' || coalesce(m.count, 0), session_id
      from conversations c left join (select conversation_id, count(*) from messages group by 1) m
           on m.conversation_id = c.id
     where messages_count <> coalesce(m.count, 0)),
kept as (insert into bench_faults (fault, subject) select fault, subject from faults returning 1)
select count(*) from kept""".strip()


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, **options):
    """Runs a step of the preparation; its output is shown only when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(command[:3])} failed:\n{done.stdout}")
    return done.stdout


class Harness:
    """A copy of the harness in the work folder, built and with its PostgreSQL running."""

    def __init__(self, source, work):
        self.home = os.path.join(work, "harness")
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(source, self.home)
        for folder in ("run", "results", "build", "npm"):
            os.makedirs(os.path.join(work, folder), exist_ok=True)
        read = ["bash", "-c", f'export WORK="$1"; . "{self.home}/env.sh" && env -0', "-", work]
        self.env = dict(pair.split("=", 1) for pair in run(read).split("\0") if "=" in pair)

    def build(self):
        sources = {"whload": "loadgen/whload.cpp", "beast_bench": "peers/beast/beast_bench.cpp"}
        for name, source in sources.items():
            source, target = os.path.join(self.home, source), os.path.join(self.env["BUILD"], name)
            if os.path.exists(target) and os.path.getmtime(target) > os.path.getmtime(source):
                continue
            say(f"building {name} ...")
            run(["g++", "-std=c++20", "-O2", "-DNDEBUG", "-I/usr/include/postgresql", "-o", target, source,
                 "-lpq", "-lcrypto", "-lpthread"])

    def install_node_packages(self):
        tree = os.path.join(self.env["NPM"], "js20")
        if os.path.isdir(os.path.join(tree, "node_modules", "fastify")):
            return
        say("installing fastify and pg ...")
        os.makedirs(tree, exist_ok=True)
        with open(os.path.join(tree, "package.json"), "w") as file:
            json.dump({"name": "bench-peers", "private": True}, file)
        run(["npm", "install", "--no-audit", "--no-fund", "fastify@5", "pg@8"], cwd=tree)

    def start_postgres(self):
        if not os.path.exists(os.path.join(self.env["PGDATA_DIR"], "PG_VERSION")):
            say("creating a PostgreSQL cluster ...")
            run(["bash", f"{self.home}/pg.sh", "init"], env=self.env)
        elif not os.path.exists(os.path.join(self.env["PGDATA_DIR"], "postmaster.pid")):
            run(["bash", f"{self.home}/pg.sh", "start"], env=self.env)
        self.psql("drop schema public cascade; create schema public")
        run(["bash", f"{self.home}/pg.sh", "reset"], env=self.env)
        self.psql("drop table orders cascade")  # of another measurement, and the hub has a table of that name

    def stop_postgres(self):
        run(["bash", f"{self.home}/pg.sh", "stop"], env=self.env)

    def psql(self, sql):
        return run(["psql", "-h", self.env["PGSOCK"], "-p", self.env["PGPORT"], "-U", self.env["PGUSER"], "-d",
                    self.env["PGDATABASE"], "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", sql]).strip()

    def dsn(self, user):
        return f"host=127.0.0.1 port={self.env['PGPORT']} user={user} dbname={self.env['PGDATABASE']}"

    def add_peers(self, added):
        path = os.path.join(self.home, "peers", "peers.json")
        with open(path) as file:
            peers = json.load(file)
        peers.update(added)
        peers[YARDSTICK]["cmd"] += ["--conn", self.dsn(self.env["PGUSER"]) +
                                    " options='-c enable_nestloop=off -c plan_cache_mode=force_generic_plan'"]
        with open(path, "w") as file:
            json.dump(peers, file, indent=2)

    def truncate_also(self, tables):
        with open(os.path.join(self.home, "lib.py"), "a") as file:
            file.write(f"\n_truncate_peers = pg_truncate\n"
                       f"def pg_truncate():\n    psql('truncate {tables}'); _truncate_peers()\n")


class Hub:
    """The hub, set up as a user would: migrations, a user, a Telegram bot of the sandbox."""

    def __init__(self, program, harness, work):
        self.program = program
        self.data = os.path.join(work, "hub")
        shutil.rmtree(self.data, ignore_errors=True)
        self.env = {
            "EASYFLOW_DATA_DIR": self.data,
            "EASYFLOW_DATABASE_DSN": harness.dsn("easyflow_app"),
            "EASYFLOW_DATABASE_OWNER_DSN": harness.dsn(harness.env["PGUSER"]),
        }
        self.secret = harness.env["TG_SECRET"]
        self.sandbox = None

    def command(self, *words, **extra):
        return run([self.program, *words], env=dict(os.environ, **self.env, **extra))

    def start_sandbox(self):
        log = open(os.path.join(os.path.dirname(self.data), "run", "sandbox.log"), "w")
        self.sandbox = subprocess.Popen(
            [self.program, "--json", "sandbox", "--wildberries-port", "0", "--telegram-port", "0", "--message-every",
             "0", "--order-every", "0"], stdout=subprocess.PIPE, stderr=log, text=True)
        text = ""
        for line in self.sandbox.stdout:
            text += line
            try:
                telegram = json.loads(text)["telegram"]
            except json.JSONDecodeError:
                continue
            self.env["EASYFLOW_PLATFORMS_TELEGRAM_BASE_URL"] = telegram["base_url"]
            return telegram["bot_token"]
        sys.exit("the sandbox did not start:\n" + text)

    def set_up(self, harness):
        """Returns the path of the bot's webhook."""
        token = self.start_sandbox()
        self.command("migrate", "up")
        harness.psql("alter role easyflow_app login")
        self.command("user", "add", "--no-password", "bench@example.org")
        added = json.loads(self.command(
            "--json", "integrations", "add", "telegram", "--credential", "bot_token=env:BENCH_BOT_TOKEN", "--credential",
            "webhook_secret=env:BENCH_WEBHOOK_SECRET", BENCH_BOT_TOKEN=token, BENCH_WEBHOOK_SECRET=self.secret))
        path = harness.psql(f"select webhook_path from integrations where id = '{added['integration']['id']}'")
        return f"/hooks/telegram/{path}"

    def as_peer(self, path, **settings):
        return {"cmd": [self.program, "serve", "--port", "{PEER_PORT}"], "env": dict(self.env, **settings),
                "paths": {"telegram": path}, "ready": "/health/ready", "kinds": ["telegram"], "verify_sql": HUB_VERIFY}

    def stop(self):
        if self.sandbox is not None:
            self.sandbox.terminate()
            self.sandbox.wait(20)


def quiet_rows(rows):
    """Those not disturbed by other users of the machine, as long as there are any."""
    quiet = [row for row in rows if row["foreign_cpu"] <= 0.25]
    return quiet or sorted(rows, key=lambda row: row["foreign_cpu"])[:3]


def paired_ratios(rows, other, conns):
    """The hub's throughput by that of `other` measured next to it, quiet or not: the machine's speed falls out."""
    by_rep = {(row["peer"], row["rep"]): row["req_s"] for row in rows if row["conns"] == conns}
    return [rate / by_rep[other, rep] for (peer, rep), rate in by_rep.items() if peer == HUB and (other, rep) in by_rep]


def summarize(path, peers, conns):
    """Prints the table. Returns whether every goal was met."""
    with open(path) as file:
        rows = [json.loads(line) for line in file]
    groups = {}
    for row in rows:
        groups.setdefault((row["peer"], row["conns"]), []).append(row)

    def median(peer, count, key):
        values = [row[key] for row in quiet_rows(groups.get((peer, count), [])) if row.get(key) is not None]
        return statistics.median(values) if values else None

    def show(value, digits=0):
        return "-" if value is None else f"{value:,.{digits}f}"

    def ratio(count, other):
        mine, theirs = median(HUB, count, "req_s"), median(other, count, "req_s")
        return mine / theirs if mine and theirs else None

    lost, complete = 0, True
    print(f"\n| conns | receiver | webhooks/s | hub is | p50 ms | p99 ms | CPU us/webhook: receiver | PostgreSQL | lost or"
          f" doubled | errors | runs |\n|---|---|---|---|---|---|---|---|---|---|---|")
    for count in conns:
        for peer in peers:
            own = groups.get((peer, count), [])
            complete = complete and bool(own)
            gone = sum(row.get("lost", 0) for row in own)
            failed = sum(row["errors"] + row["io_errors"] + row["timeouts"] for row in own)
            lost += gone
            times = "" if peer == HUB else show(ratio(count, peer), 2) + "x"
            print(f"| {count} | {peer} | {show(median(peer, count, 'req_s'))} | {times} |"
                  f" {show(median(peer, count, 'p50_ms'), 2)} | {show(median(peer, count, 'p99_ms'), 2)} |"
                  f" {show(median(peer, count, 'server_us'))} | {show(median(peer, count, 'pg_us'))} | {gone} | {failed} |"
                  f" {len(own)} |")

    mine = [row for row in rows if row["peer"] == HUB]
    if not mine:
        print("\nThe hub was not measured.")
        return False
    idle, start = statistics.median(r["idle_rss_mib"] for r in mine), statistics.median(r["start_s"] for r in mine)
    peak = max(row["peak_rss_mib"] for row in mine)
    print(f"\nThe hub: {idle:.1f} MiB resident when idle (goal: below {GOAL_IDLE_MIB}), {peak:.1f} MiB at most under load; "
          f"ready {start:.2f} s after its start (goal: below {GOAL_START_S:.0f}).")
    met = lost == 0 and complete and idle < GOAL_IDLE_MIB and start < GOAL_START_S
    reached = ratio(GOAL_CONNS, NODE)
    if reached is not None:
        print(f"At {GOAL_CONNS} connections it takes {reached:.2f} times what {NODE} takes (goal: {GOAL_RATIO:.0f}).")
        met = met and reached >= GOAL_RATIO
        cpu = {peer: median(peer, GOAL_CONNS, "server_us") + median(peer, GOAL_CONNS, "pg_us") for peer in (HUB, NODE)}
        print(f"There a webhook costs {cpu[HUB]:.0f} us of CPU, receiver and PostgreSQL together, at {NODE} {cpu[NODE]:.0f}: "
              f"{cpu[NODE] / cpu[HUB]:.2f} times as much. On a machine that others use too, this is the steadier number.")
    unread = ratio(GOAL_CONNS, UNREAD)
    if unread is not None:
        print(f"At {GOAL_CONNS} connections, reading what messages mean leaves {unread:.1%} of the throughput "
              f"(goal: {GOAL_READING:.0%}).")
        pairs = paired_ratios(rows, UNREAD, GOAL_CONNS)
        if len(pairs) > 1:
            print(f"Pair by pair it is {statistics.mean(pairs):.1%}, with a standard error of "
                  f"{statistics.stdev(pairs) / len(pairs) ** 0.5:.1%}.")
        met = met and unread >= GOAL_READING
    if lost:
        print(f"{lost} times an acknowledged webhook was lost or doubled.")
    return met


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--hub", default=os.path.join(ROOT, "build", "release", "easyflow"), help="the binary to measure")
    options.add_argument("--peers", default=f"{HUB},{NODE},{YARDSTICK}")
    options.add_argument("--conns", default="1,16,64,256", help="connections of the load generator")
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--duration", type=float, default=6, help="seconds of each measurement")
    options.add_argument("--quiet", type=float, default=45, help="longest wait for a quiet machine, in seconds")
    options.add_argument("--crash", choices=["", "peer", "pg"], default="",
                         help="kill -9 the receiver, or PostgreSQL, in the middle of every measurement")
    options.add_argument("--dup-pct", type=float, default=0, help="percentage of webhooks delivered twice")
    wanted = options.parse_args()

    source = os.environ.get("EASYFLOW_BENCH_HARNESS", "")
    if not os.path.exists(os.path.join(source, "bench_webhook.py")):
        sys.exit("EASYFLOW_BENCH_HARNESS must name the folder of the performance harness (the one with bench_webhook.py): "
                 "it has the load generator and the receivers to compare with.")
    if not os.access(wanted.hub, os.X_OK):
        sys.exit(f"There is no {wanted.hub}: build it (make build), or name another with --hub.")
    if os.geteuid() != 0:
        sys.exit("Run this as root: the harness starts PostgreSQL as the user postgres.")
    for tool in ("node", "npm", "g++", "psql"):
        if shutil.which(tool) is None:
            sys.exit(f"'{tool}' is missing: install the packages nodejs, npm, g++ and postgresql-15.")

    work = os.environ.get("EASYFLOW_BENCH_WORK", os.path.join(tempfile.gettempdir(), "easyflow-bench"))
    os.makedirs(work, exist_ok=True)
    os.chmod(work, 0o755)  # PostgreSQL runs as another user
    harness = Harness(source, work)
    harness.build()
    harness.install_node_packages()
    harness.start_postgres()
    hub = Hub(os.path.abspath(wanted.hub), harness, work)
    try:
        path = hub.set_up(harness)
        harness.add_peers({HUB: hub.as_peer(path), UNREAD: hub.as_peer(path, EASYFLOW_NLP_ENABLED="false")})
        harness.psql(FAULTS_TABLE)
        harness.truncate_also(HUB_TABLES)
        out = time.strftime("webhook-%Y%m%d-%H%M%S")
        measured = subprocess.run(
            [sys.executable, "bench_webhook.py", "--peers", wanted.peers, "--conns", wanted.conns, "--repeat",
             str(wanted.repeat), "--duration", str(wanted.duration), "--quiet", str(wanted.quiet), "--crash", wanted.crash,
             "--dup-pct", str(wanted.dup_pct), "--out", out], cwd=harness.home, env=harness.env, stdout=sys.stderr)
        faults = harness.psql("select at, fault, subject from bench_faults order by at, fault limit 100")
    finally:
        hub.stop()
        harness.stop_postgres()
    if measured.returncode not in (0, 1):
        sys.exit("the measurement failed, see above")
    results = os.path.join(harness.env["RESULTS"], out + ".jsonl")
    if faults:
        print(f"\nWhat was lost or doubled:\n{faults}")
    met = summarize(results, wanted.peers.split(","), [int(count) for count in wanted.conns.split(",")])
    say(f"\nAll measurements: {results}")
    return 0 if met and measured.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
