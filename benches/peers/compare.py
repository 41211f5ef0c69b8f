"""Measures everything, side by side: `results.json` in the work folder.

For each problem all programs run at once and are asked in turn, tolerance by tolerance, several rounds. A round's time of
a solver is the median of as many solves as fit into a slice of time, at least three; the time stated is that of its
fastest round (whatever else the machine does can only add). The error is the measure of `../shared/data/README.md` against the references at their times, which are everyone's output
times: the largest |difference| / max(|y|, 1e-9·max_t |y|) over times and components.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

import numpy as np

from problems import CHOSEN
from workers import EASY, LARGE, LIKELIHOOD, OURS, PEERS, Workers


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("ours")
    parser.add_argument("--quick", action="store_true", help="fewer tolerances and rounds, no SciPy, Diffrax, scikit-SUNDAE")
    parser.add_argument("--only", nargs="*", default=[], help="problems")
    parser.add_argument("--no-python", action="store_true", help="without the peers that live in Python, but heyoka")
    o = parser.parse_args()
    path = o.work / "results.json"
    results = json.loads(path.read_text()) if o.only and path.exists() else {}
    for name in o.only or CHOSEN:
        begun = time.time()
        problem = json.loads((o.work / "problems" / name / "problem.json").read_text())
        workers = Workers(o.work, problem, o.ours)
        results[name] = dict(measure(problem, workers, o), quick=o.quick)
        workers.end()
        path.write_text(json.dumps(results))
        print(f"{name}: {time.time() - begun:.0f} s", flush=True)
    if not o.only:
        results["first solutions"] = first_solutions(o)
        path.write_text(json.dumps(results))


def measure(problem, workers, o):
    group, name = problem["group"], problem["name"]
    reference = np.array(problem["reference"] or computed(problem, workers, o.work))
    floor = 1e-9 * np.abs(reference).max(axis=0)
    scale = np.maximum(np.maximum(np.abs(reference), floor), 1e-300)
    solvers = [(m, "ours", m, True) for m in OURS[group]] + [(*peer, False) for peer in PEERS[group]]
    if problem["n"] == 1:
        solvers = [s for s in solvers if s[0] != "diffsol BDF"]
    if o.quick or o.no_python:
        solvers = [s for s in solvers if s[1] != "python" or s[2] == "heyoka:"]
    last = -14 if group in (EASY, LIKELIHOOD) else -12
    exponents = range(-3, last, -2) if o.quick else range(-2, last, -1)
    rounds, slice_ = (2, 0.005) if o.quick else (3, 0.01)
    # Who needs longer than this for a solve is not asked again: it is out of the race by orders of magnitude.
    cap, limit = (1.0, 40.0) if group == LARGE else (0.1, 30.0)
    rows = {shown: dict(ours=ours, points=[], errors=[], compile=None) for shown, _, _, ours in solvers}
    stopped = set()
    for rtol in [10.0**e for e in exponents]:
        times, answers = {}, {}
        for turn in range(rounds):
            for shown, worker, solver, _ in solvers:
                if shown in stopped:
                    continue
                ask = (worker, solver, rtol, rtol * problem["atol_over_rtol"])
                if turn == 0 and not rows[shown]["points"] and group != LARGE:
                    warm = workers.ask(*ask, 4 * slice_, limit)  # compiled, in the caches
                    rows[shown]["compile"] = rows[shown]["compile"] or warm.get("compile")
                answer = workers.ask(*ask, slice_, limit)
                row = rows[shown]
                if "error" in answer:
                    row["errors"].append([rtol, answer["error"]])
                    if "not installed" in answer["error"]:
                        stopped.add(shown)
                    elif "more than" in answer["error"] and worker == "diffsol":
                        stopped.update(s for s, w, _, _ in solvers if w == worker)  # its compiler: the others would too
                    elif "more than" in answer["error"]:
                        stopped.add(shown)
                    continue
                times.setdefault(shown, []).append(answer["seconds"])
                answers[shown] = answer
                row["compile"] = row["compile"] or answer.get("compile")
                if answer["seconds"] > cap:
                    stopped.add(shown)
        for shown, spent in times.items():
            values = np.array(answers[shown].pop("values"))
            if values.shape != reference.shape:
                rows[shown]["errors"].append([rtol, f"gave {len(values)} of {len(reference)} output times"])
                continue
            error = float((np.abs(values - reference) / scale).max())
            more = {k: answers[shown][k] for k in ("steps", "rejected", "rhs", "method", "linear") if k in answers[shown]}
            rows[shown]["points"].append(dict(rtol=rtol, seconds=min(spent), error=error, **more))
    return dict(group=group, n=problem["n"], note=problem["note"], solvers=rows)


def first_solutions(o):
    """Seconds from text to the first solution in fresh processes: compiling, and the first solve that follows."""
    found = {}
    for name, times, tolerances in (("pollu", ["60.0"], "1e-6 1e-16"), ("egfr", ["10.0"], "1e-6 1e-8"), ("generated", ["1.0"], "1e-6 1e-9")):
        path = o.work / "problems" / name / "problem.ode"
        turns = []
        for _ in range(2 if name == "generated" else 5):
            done = subprocess.run([o.ours, path, "0.0", *times], input=f"auto {tolerances} 0\n", capture_output=True, text=True)
            answer = json.loads(done.stdout or '{"error": "crashed"}')
            if "error" in answer:
                print(f"  first solution of {name}: {answer['error']}", flush=True)
                break
            turns.append((answer["compile"] + answer["first"], answer["compile"], answer["first"], answer["method"]))
        if turns:
            found[name] = min(turns)
    return found


def computed(problem, workers, work):
    """Where nothing is published: three programs as exact as they can, and the median of the three per value."""
    path = work / "problems" / problem["name"] / "reference.json"
    if path.exists():
        return json.loads(path.read_text())["reference"]
    tries = {
        "vdpol_1e6": [("ours", "Radau"), ("cvode7", "dense"), ("python", "scipy:Radau")],
        "egfr": [("ours", "Vern9"), ("cvode7", "klu"), ("python", "scipy:DOP853")],
        "bruss2d": [("ours", "Radau"), ("cvode7", "klu"), ("ours", "RKC")],
    }[problem["name"]]
    found = []
    for worker, solver in tries:
        for rtol in (1e-13, 1e-12, 1e-11, 1e-10):
            answer = workers.ask(worker, solver, rtol, rtol * problem["atol_over_rtol"], 0.0, limit=300.0)
            if "error" not in answer:
                found.append(np.array(answer["values"]))
                break
            print(f"  reference of {problem['name']}: {solver} at {rtol:g}: {answer['error']}", flush=True)
    middle = np.median(np.array(found), axis=0)
    scale = np.maximum(np.abs(middle), 1e-9 * np.abs(middle).max(axis=0))
    apart = sorted(float((np.abs(f - middle) / scale).max()) for f in found)
    print(f"  reference of {problem['name']}: {len(found)} programs, from their median {apart}", flush=True)
    path.write_text(json.dumps(dict(reference=middle.tolist(), apart=apart, programs=tries)))
    return middle.tolist()


if __name__ == "__main__":
    sys.exit(main())
