# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_metrics.py - what is counted while an app talks, as real scrapers see it
"""
import json
import re
import shutil
import ssl
import subprocess
import urllib.parse

import lab as labs
import service
import talking
from suite import check, skip, test

PORT = 9476
SAMPLE = re.compile(r"^(turnout_\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)
WAY = '{relay="relay",transport="tls",path="proxy"}'


def missing(*programs):
    """For skip(): nothing, if they are all there."""
    gone = [name for name in programs if not shutil.which(name)]
    return f"{' and '.join(gone)} not installed" if gone else None


def samples(text):
    return {name: float(value) for name, value in SAMPLE.findall(text)}


def begin(lab, name, more):
    """A tunneld through which an app has talked for a while."""
    lab.set_mood("drop")
    config = lab.config(name, extra=f"[metrics]\n{more}")
    daemon = service.Tunneld(lab, config)
    line, = talking.Talk(lab, config, "--seconds", 3, f"{labs.WORLD}/7001",
                         daemon=daemon).end()
    talking.check_whole(line)
    return daemon


def fetch(lab, url):
    told = subprocess.run([*lab.inside.enter, "curl", "-sS", "--noproxy", "*",
                           url], capture_output=True, text=True, check=False)
    check(told.returncode == 0, told.stderr)
    return told.stdout


def expect_numbers(lab, found):
    """Those of an app that has sent and got datagrams through the relay."""
    for name in ('turnout_datagrams_total{direction="from_apps"}',
                 'turnout_datagrams_total{direction="to_apps"}',
                 'turnout_relay_bytes_total{direction="to_relay"}',
                 'turnout_relay_bytes_total{direction="from_relay"}',
                 "turnout_relay_round_trip_seconds_count",
                 "turnout_relay_last_round_trip_seconds" + WAY):
        check(found.get(name, 0) > 0, f"{name}: {found.get(name)}")
    check(found["turnout_relay_up" + WAY] == 1, "the relay is not up")
    check(found["turnout_relay_preferred" + WAY] == 1, "nor preferred")
    waited = sum(value for name, value in found.items()
                 if name.startswith("turnout_queue_delay_seconds_count"))
    check(waited > 0, "what waited for the first allocation is not counted")
    # What the relay itself has shown.
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in",
         lab.dir / "server.pem"], check=True, capture_output=True, text=True)
    ends = ssl.cert_time_to_seconds(shown.stdout.strip().partition("=")[2])
    name = "turnout_relay_certificate_expiry_timestamp_seconds" + WAY
    check(found[name] == ends, f"{name}: {found[name]}, not {ends}")


@test("metrics-prometheus")
def prometheus(lab):
    """Prometheus scrapes the listener, and can be asked for what it saw."""
    skip(missing("prometheus", "promtool", "curl"))
    daemon = begin(lab, "metrics-prometheus", f"listen = {PORT}\n")
    place = daemon.config.parent
    text = fetch(lab, f"http://127.0.0.1:{PORT}/metrics")
    expect_numbers(lab, samples(text))
    checked = subprocess.run(["promtool", "check", "metrics"], input=text,
                             text=True, capture_output=True, check=False)
    check(checked.returncode == 0 and not checked.stderr, checked.stderr)
    (place / "prometheus.yml").write_text(
        "global:\n  scrape_interval: 1s\n"
        f"rule_files: [{labs.TOP}/contrib/prometheus/turnout.rules.yml]\n"
        "scrape_configs:\n- job_name: turnout\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{PORT}']}}]\n")
    lab.inside.start("prometheus", f"--config.file={place}/prometheus.yml",
                     f"--storage.tsdb.path={place}/data",
                     "--web.listen-address=127.0.0.1:9490",
                     log="prometheus.log")

    def query(expression):
        asked = subprocess.run(
            [*lab.inside.enter, "curl", "-sS", "--noproxy", "*",
             "http://127.0.0.1:9490/api/v1/query?query="
             + urllib.parse.quote(expression)],
            capture_output=True, text=True, check=False)
        if asked.returncode != 0 or not asked.stdout.startswith("{"):
            return []
        return json.loads(asked.stdout)["data"]["result"]

    labs.wait_for("a scrape", lambda: query('up{job="turnout"} == 1'), 30)
    found, = labs.wait_for("the relay", lambda: query("turnout_relay_up"), 30)
    check(found["metric"]["relay"] == "relay" and found["value"][1] == "1",
          found)
    # By OpenMetrics, which Prometheus asks for, the name is the same.
    check(query("turnout_datagrams_total > 0"), "no datagrams")
    check(not query("ALERTS"), f"alerts: {query('ALERTS')}")


@test("metrics-node-exporter")
def node_exporter(lab):
    """node_exporter shows the file, and says that it could read it."""
    skip(missing("prometheus-node-exporter", "curl"))
    place = lab.inside.dir / "textfile"
    place.mkdir(exist_ok=True)
    daemon = begin(lab, "metrics-node-exporter",
                   f"textfile = {place}/turnout.prom\ninterval = 5\n")
    lab.inside.start("prometheus-node-exporter", "--collector.disable-defaults",
                     "--collector.textfile",
                     f"--collector.textfile.directory={place}",
                     "--web.listen-address=127.0.0.1:9491",
                     log="node-exporter.log")

    def shown():
        asked = subprocess.run(
            [*lab.inside.enter, "curl", "-sS", "--noproxy", "*",
             "http://127.0.0.1:9491/metrics"], capture_output=True, text=True,
            check=False)
        found = samples(asked.stdout)
        if found.get('turnout_datagrams_total{direction="to_apps"}'):
            return asked.stdout
        return None

    text = labs.wait_for("the numbers", shown, 30)
    check("node_textfile_scrape_error 0" in text, text[-2000:])
    # It sorts labels by their names.
    check(re.search(r'turnout_relay_up{path="proxy",relay="relay",'
                    r'transport="tls"} 1', text), text)
    daemon.child.terminate()
    daemon.child.wait(20)
    check(not list(place.iterdir()), "the file outlives tunneld")
