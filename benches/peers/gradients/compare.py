"""Runs the workers beside each other, compares at equal error of the gradient, writes `benches/GRADIENTS.md`."""

import json
import math
import pathlib
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

work, ours = pathlib.Path(sys.argv[1]), sys.argv[2]
here = pathlib.Path(__file__).parent
AMICI = ["amici:adjoint", "amici:forward"]
SOLVERS = {
    "lotka_volterra": (["DOP853", "Vern9", "Tsit5"], ["diffrax:Tsit5", "diffrax:Dopri8", "casadi", *AMICI]),
    "hires": (["Rodas5P", "BDF", "KenCarp4"], ["diffrax:Kvaerno5", "casadi", *AMICI]),
    "egfr": (["BDF", "Rodas5P"], ["diffrax:Kvaerno5", "casadi", *AMICI]),
}
TOLERANCES = [1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9]
ERRORS = [1e-3, 1e-4, 1e-5, 1e-6]
# A solver that takes so many seconds for one gradient is not asked for smaller errors.
SLOW = 3.0


class Worker:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=here)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        return json.loads(answer) if answer else {"error": "the worker ended"}


def error(gradient, reference, rates):
    """The largest difference of derivatives by the logarithms of rates, in units of the largest."""
    top = max(abs(g * p) for g, p in zip(reference, rates))
    return max(abs((a - b) * p) for a, b, p in zip(gradient, reference, rates)) / top


def time_at(points, wanted):
    """The least time for an error, between points of the front in logarithms."""
    best = None
    for e, t in points:
        if e <= wanted:
            best = t if best is None else min(best, t)
    pairs = sorted(points)
    for (e0, t0), (e1, t1) in zip(pairs, pairs[1:]):
        if e0 <= wanted <= e1 and e0 > 0:
            share = math.log(wanted / e0) / math.log(e1 / e0)
            between = math.exp(math.log(t0) + share * math.log(t1 / t0))
            best = between if best is None else min(best, between)
    return best


def shown(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def measure(name, budget, asked):
    """Measures what is asked for, and keeps the other results of earlier runs."""
    folder = work / "gradients" / name
    kept = folder / "results.json"
    problem = json.loads((folder / "problem.json").read_text())
    own = Worker([ours, str(folder / "model.ode"), str(folder / "data.csv"), ",".join(problem["parameters"])])
    peers = Worker([sys.executable, "peers.py", str(folder)])
    methods, others = SOLVERS[name]
    found = json.loads(kept.read_text()) if kept.exists() else {}
    solvers = [solver for solver in methods + others if not asked or name in asked or solver in asked]
    if asked and not any(other in asked for other in (name, *methods, *others)):
        return problem, methods, found
    reference = own.ask(f"{methods[0]} 1e-12 {1e-12 * problem['atol']:e} 0")["gradient"]
    for solver in solvers:
        found[solver] = []
        for rtol in TOLERANCES:
            if solver in methods:
                answer = own.ask(f"{solver} {rtol:e} {rtol * problem['atol']:e} {budget}")
            else:
                answer = peers.ask(f"{solver} {rtol:e} {budget}")
            if "error" in answer:
                print(f"  {name} {solver} {rtol:g}: {answer['error']}", flush=True)
                continue
            e = error(answer["gradient"], reference, problem["parameters"].values())
            found[solver].append((e, answer["seconds"], answer["plain"]))
            print(f"  {name} {solver} {rtol:g}: error {e:.1e}, {shown(answer['seconds'])}, alone {shown(answer['plain'])}", flush=True)
            kept.write_text(json.dumps(found))
            if answer["seconds"] > SLOW:
                break
    return problem, methods, found


def main():
    budget = 0.3 if "--quick" in sys.argv else 1.0
    asked = sys.argv[sys.argv.index("--only") + 1 :] if "--only" in sys.argv else []
    lines = [
        "# Gradients beside the peers",
        "",
        "The misfit Σ ½((y − d)/s)² of all states to data at some times, and its gradient by all rates: value and gradient in one",
        "call, warm, one thread, at equal error of the gradient (largest difference of derivatives by logarithms of rates, in units",
        "of the largest, from Rhapsode at rtol 1e-12, which agrees with the peers' own limit). `benches/peers/gradients/run` writes this page.",
        "",
        f"Machine: {platform.machine()}, Python {platform.python_version()}.",
    ]
    for package in ("diffrax", "jax", "casadi", "amici"):
        try:
            lines.append(f"{package} {version(package)}.")
        except PackageNotFoundError:
            lines.append(f"{package}: absent.")
    for name in SOLVERS:
        problem, methods, found = measure(name, budget, asked)
        lines += ["", f"## {name}: {len(problem['states'])} states, {len(problem['parameters'])} rates", ""]
        lines += ["| error | Rhapsode | " + " | ".join(s for s in SOLVERS[name][1]) + " | against the best peer |", "|---" * (len(SOLVERS[name][1]) + 3) + "|"]
        fronts = {s: [(e, t) for e, t, _ in points] for s, points in found.items()}
        for wanted in ERRORS:
            own = [(time_at(fronts.get(m, []), wanted), m) for m in methods]
            own = min((pair for pair in own if pair[0]), default=None)
            others = [time_at(fronts.get(s, []), wanted) for s in SOLVERS[name][1]]
            cells = [f"{shown(own[0])} ({own[1]})" if own else "–"] + [shown(t) if t else "–" for t in others]
            best = min((t for t in others if t), default=None)
            cells.append(f"{best / own[0]:.1f} ×" if best and own else "–")
            lines.append(f"| {wanted:g} | " + " | ".join(cells) + " |")
        lines += ["", "Value and gradient over the value alone, at rtol 1e-6 or so: " + ", ".join(
            f"{s} {points[len(points) // 2][1] / points[len(points) // 2][2]:.1f}" for s, points in found.items() if points) + "."]
    page = pathlib.Path(__file__).resolve().parents[2] / "GRADIENTS.md"
    page.write_text("\n".join(lines) + "\n")
    print(f"wrote {page}")


main()
