"""From `ensembles.csv`: the section on ensembles of `benches/REPORT.md`, and the plots of time per trajectory against error.

The book shows the plot of single beside double precision (`docs/src/figures/precision.svg`).
"""

import csv
import math
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

from report import ROOT, duration, fastest, mean, write

BEGIN, END = "<!-- ensembles: begin -->", "<!-- ensembles: end -->"
TITLES = {"lorenz": "Lorenz, t = 0…1", "robertson": "Robertson, t = 0…10⁵", "pollution": "Pollution, t = 0…60"}
ERRORS = range(-3, -9, -1)


def ours(name):
    return name.endswith("lanes") or name.endswith("alone")


def read(path):
    """Per problem and program the points of a line, as `report.fastest` wants them."""
    found = {}
    for row in csv.reader(path.open()):
        if len(row) == 5 and row[0] in TITLES and math.isfinite(float(row[4])):
            problem, program, _, micros, error = row
            solver = found.setdefault(problem, {}).setdefault(program, {"points": [], "ours": ours(program)})
            solver["points"].append({"error": float(error), "seconds": 1e-6 * float(micros)})
    return found


def table(found):
    lines = [
        "| 10,000 of | error | one by one | lanes | in single precision | best peer | peer/lanes |",
        "|---|---|---|---|---|---|---|",
    ]
    for problem, solvers in found.items():
        ratios = []
        for exponent in ERRORS:
            best = lambda keep: fastest(solvers, 10.0**exponent, keep)
            alone, _ = best(lambda n, r: n.endswith("alone"))
            lanes, method = best(lambda n, r: n.endswith("lanes") and "f32" not in n)
            single, _ = best(lambda n, r: "f32" in n)
            peer, who = best(lambda n, r: not r["ours"])
            if not lanes:
                continue
            ratio = f"{peer / lanes:.2f}" if peer else "–"
            ratios += [peer / lanes] if peer else []
            lines.append(
                f"| {TITLES[problem]} | 1e{exponent} | {duration(alone)} | {duration(lanes)} {method} | {duration(single)} | "
                f"{duration(peer)} {who} | {ratio} |"
            )
        lines.append(f"| {TITLES[problem]} | mean | | | | | {mean(ratios):.2f} |")
    return "\n".join(lines)


def draw(found, path):
    """Single beside double precision, in lanes."""
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "precision", "font.family": "sans-serif", "font.size": 9})
    figure, places = plt.subplots(1, len(found), figsize=(3.1 * len(found), 3.2), layout="constrained", squeeze=False)
    for axes, (problem, solvers) in zip(places[0], found.items()):
        for name, row in solvers.items():
            if not name.endswith("lanes"):
                continue
            single = "f32" in name
            line = sorted((p["error"], 1e6 * p["seconds"]) for p in row["points"] if 1e-13 < p["error"] < 1)
            axes.plot(*zip(*line), marker="o" if single else ".", linestyle="-" if single else "--", markersize=4, linewidth=1.3,
                      color="#c4532b" if single else "#2b6cb0", label="single precision" if single else "double precision")  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.invert_xaxis()
        axes.set_xlabel("achieved error")
        axes.set_title(TITLES[problem], loc="left", fontweight="bold", fontsize=9)
        axes.grid(True, which="major", color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    places[0][0].set_ylabel("µs per trajectory")
    handles = dict(reversed([(label, handle) for axes in places[0] for handle, label in zip(*axes.get_legend_handles_labels())]))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", frameon=False, ncols=2)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main():
    found = read(pathlib.Path(sys.argv[1]))
    draw(found, ROOT / "docs/src/figures/precision.svg")
    write(
        "\n".join([
            "## Ensembles",
            "",
            "`benches/peers/ensembles`, one core: 10,000 trajectories whose parameters differ by up to a tenth, microseconds per",
            "trajectory at equal error (between measured tolerances by straight lines in the log–log plot). The best of our methods",
            "and of the peers at each error; a dash: nobody there reaches it. Peers: heyoka's batch mode, LSODA and DOP853 (numbalsoda) in",
            "a compiled loop, diffsol in a loop, Diffrax under `vmap`, SciPy in a loop.",
            "",
            table(found),
        ]),
        (BEGIN, END),
    )  # fmt: skip


if __name__ == "__main__":
    main()
