"""The shipped rules and the dashboard of package/monitoring: Prometheus reads them, and each metric in them is one that
docs/metrics.md has, which a test compares with what statusd writes. Usage: monitoring.py ROOT"""

import json
import re
import shutil
import subprocess
import sys
import tempfile

METRIC = re.compile(r"\b(?:warren|wireguard|ipsec)_[a-z_]+\b")
ROW = re.compile(r"^\| `([a-z_]+)` \|", re.M)
# What Grafana fills in.
VARIABLES = {"$customer": ".*", "$instance": ".*"}


def expressions(dashboard):
    """Every expression of the panels and variables."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        query = variable["query"]
        if isinstance(query, dict):
            series = re.fullmatch(r"label_values\((.*), \w+\)", query["query"])
            yield variable["name"], series[1]


def unknown_metrics(text, known):
    return sorted(set(METRIC.findall(text)) - known)


def problems(root):
    with open(f"{root}/docs/metrics.md") as file:
        known = set(ROW.findall(file.read()))
    folder = f"{root}/package/monitoring"
    with open(f"{folder}/dashboard.json") as file:
        dashboard = json.load(file)
    with open(f"{folder}/alerts.yml") as file:
        rules = file.read()
    # Alerts are named in CamelCase, so that this finds metrics only.
    yield from (f"alerts.yml: no such metric: {name}" for name in unknown_metrics(rules, known))
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(ids) != len(set(ids)):
        yield "dashboard.json: two panels have one id"
    found = list(expressions(dashboard))
    for title, text in found:
        yield from (f"dashboard.json: {title}: no such metric: {name}" for name in unknown_metrics(text, known))
    if shutil.which("promtool") is None:
        print("monitoring: there is no promtool (tools/setup test); the expressions are not parsed")
        return
    lines = ["groups:", "- name: dashboard", "  rules:"]
    for number, (_, text) in enumerate(found):
        for name, value in VARIABLES.items():
            text = text.replace(name, value)
        lines += [f"  - record: panel:{number}", f"    expr: {json.dumps(text)}"]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        yield from failure("dashboard.json", ["promtool", "check", "rules", file.name])
    yield from failure("alerts.yml", ["promtool", "check", "rules", "alerts.yml"], folder)
    yield from failure("alerts_test.yml", ["promtool", "test", "rules", "alerts_test.yml"], folder)


def failure(name, command, folder=None):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        yield f"{name}: {done.stdout}{done.stderr}"


if __name__ == "__main__":
    found = list(problems(sys.argv[1]))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)
