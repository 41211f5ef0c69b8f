"""The programs that are compared: how each is started, which solvers it offers for which problem, how it is asked.

A worker is a process for one problem that answers lines `solver rtol atol seconds` with a line of JSON each. All of them
stay alive while a problem is measured, and are asked in turn.
"""

import json
import os
import pathlib
import selectors
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
STIFF, LARGE, EASY, LIKELIHOOD = "small stiff", "large stiff", "non-stiff", "likelihood"

# Solvers by group of problem: (shown name, worker, its solver).
OURS = {
    STIFF: ["auto", "Rodas5P", "Rodas4", "Rosenbrock23", "BDF", "Radau", "KenCarp4", "Kvaerno5"],
    LARGE: ["auto", "Rodas5P", "Rodas4", "Rosenbrock23", "BDF", "Radau", "KenCarp4", "DOP853", "Adams", "RKC"],
    EASY: ["auto", "Tsit5", "DOP853", "Vern7", "Vern9", "Taylor", "Adams"],
    LIKELIHOOD: ["auto", "Tsit5", "DOP853", "Vern7", "Vern9", "Taylor"],
}
PEERS = {
    STIFF: [
        ("CVODE 7", "cvode7", "dense"),
        ("CVODE 7 + KLU", "cvode7", "klu"),
        ("CVODE 6.4 (Debian)", "cvode6", "dense"),
        ("LSODA (numbalsoda)", "cvode7", "lsoda"),
        ("diffsol BDF", "diffsol", "bdf"),
        ("diffsol ESDIRK34", "diffsol", "esdirk34"),
        ("diffsol TR-BDF2", "diffsol", "tr_bdf2"),
        ("SciPy LSODA", "python", "scipy:LSODA"),
        ("SciPy Radau", "python", "scipy:Radau"),
        ("Diffrax Kvaerno5", "python", "diffrax:Kvaerno5"),
        ("scikit-SUNDAE", "python", "sundae:BDF"),
    ],
    LARGE: [
        ("CVODE 7 + KLU", "cvode7", "klu"),
        ("CVODE 7 Adams", "cvode7", "adams"),
        ("CVODE 6.4 + KLU (Debian)", "cvode6", "klu"),
        ("LSODA (numbalsoda)", "cvode7", "lsoda"),
        ("DOP853 (numbalsoda)", "cvode7", "dop853"),
        ("diffsol BDF, sparse", "diffsol", "bdf_sparse"),
        ("diffsol ESDIRK34, sparse", "diffsol", "esdirk34_sparse"),
        ("SciPy BDF", "python", "scipy:BDF"),
        ("heyoka", "python", "heyoka:"),
    ],
    EASY: [
        ("heyoka", "python", "heyoka:"),
        ("DOP853 (numbalsoda)", "cvode7", "dop853"),
        ("LSODA (numbalsoda)", "cvode7", "lsoda"),
        ("CVODE 7 Adams", "cvode7", "adams"),
        ("diffsol Tsit45", "diffsol", "tsit45"),
        ("diffsol BDF", "diffsol", "bdf"),
        ("SciPy DOP853", "python", "scipy:DOP853"),
        ("Diffrax Tsit5", "python", "diffrax:Tsit5"),
        ("Diffrax Dopri8", "python", "diffrax:Dopri8"),
    ],
}
PEERS[LIKELIHOOD] = PEERS[EASY]


class Workers:
    """The processes of one problem, started when first asked."""

    def __init__(self, work, problem, ours):
        self.folder, self.work, self.problem, self.ours = work / "problems" / problem["name"], work, problem, ours
        self.processes = {}

    def command(self, worker):
        p = self.problem
        times = [repr(t) for t in p["times"]]
        match worker:
            case "ours":
                return [self.ours, str(self.folder / "problem.ode"), repr(p["t0"]), *times]
            case "diffsol":
                return [str(self.work / "diffsol/release/peer-diffsol"), str(self.folder / "problem.dsl"), *times]
            case "python":
                return [sys.executable, str(HERE / "python_peers.py"), str(self.folder)]
        return [str(self.folder / worker)]

    def ask(self, worker, solver, rtol, atol, seconds, limit=60.0):
        """The answer, or {"error": …}: also if the program crashed or took longer than `limit` seconds."""
        process = self.processes.get(worker)
        if process is None or process.poll() is not None:
            command = self.command(worker)
            if not os.path.exists(command[0]):
                return {"error": f"{worker} is not installed"}
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            self.processes[worker] = process
        try:
            process.stdin.write(f"{solver} {rtol!r} {atol!r} {seconds!r}\n")
            process.stdin.flush()
        except BrokenPipeError:
            return {"error": f"{worker} has ended"}
        wait = selectors.DefaultSelector()
        wait.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not wait.select(limit):
                process.kill()
                process.wait()
                return {"error": f"more than {limit:g} s"}
            line = process.stdout.readline()
            if not line:
                return {"error": f"{worker} ended while it solved"}
            if line.startswith("{"):
                return json.loads(line)

    def end(self):
        for process in self.processes.values():
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
