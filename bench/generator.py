"""Runs wgblast from Python: one process that plays all peers of one hub."""

import json
import select
import subprocess

from tests.lab import netlab


def public_keys(program, seed, count):
    return netlab.run(program, "keys", seed, str(count), timeout=120).stdout.split()


class Generator:
    """A wgblast in namespace `ns`, on `core`, with the handshakes of all its peers done."""

    def __init__(self, ns, program, core, **town):
        command = ns.command("taskset", "-c", core, program)
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      text=True)
        ns.lab.at_end(self.stop)
        self.connected = self._ask(town, 30 + town.get("peers", 0) * 0.02)
        if self.connected.get("missing"):
            raise netlab.LabError(f"{self.connected['missing']} of {town['peers']} peers have no session")

    @property
    def pid(self):
        return self.popen.pid

    def _ask(self, document, patience):
        self.popen.stdin.write(json.dumps(document) + "\n")
        self.popen.stdin.flush()
        ready, _, _ = select.select([self.popen.stdout], [], [], patience)
        answer = self.popen.stdout.readline() if ready else ""
        if not answer:
            self.popen.kill()
            raise netlab.LabError(f"wgblast does not answer: {self.popen.communicate()[1].strip()}")
        return json.loads(answer)

    def run(self, seconds, **activities):
        """Runs the activities (see bench/wgblast/spec.h) and returns wgblast's report."""
        return self._ask({"seconds": seconds, **activities}, seconds + 60)

    def stop(self):
        if self.popen.poll() is None:
            self.popen.stdin.close()
            try:
                self.popen.wait(5)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
