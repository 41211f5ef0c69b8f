"""From `results.json`: work–precision plots (`benches/plots/*.svg`) and the section on peers of `benches/REPORT.md`."""

import json
import math
import pathlib
import platform
import subprocess
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

from problems import CHOSEN, ROOT
from workers import EASY, LARGE, LIKELIHOOD, STIFF

TITLES = {
    "rober": "Robertson", "orego": "Oregonator", "vdpol_1e3": "Van der Pol, μ = 10³", "vdpol_1e6": "Van der Pol, μ = 10⁶",
    "hires": "HIRES", "pollu": "Pollution", "medakzo": "Medical Akzo Nobel", "bruss2d": "Brusselator in two dimensions",
    "egfr": "EGF receptor network", "lotka_volterra": "Lotka–Volterra", "lorenz63": "Lorenz", "arenstorf": "Arenstorf orbit",
    "pleiades": "Pleiades", "rigid_body": "Rigid body", "fitzhugh_nagumo": "FitzHugh–Nagumo",
    "lcdm": "Flat ΛCDM, 30 supernovae",
}  # fmt: skip
TARGETS = {STIFF: range(-3, -10, -1), LARGE: range(-3, -8, -1), EASY: range(-3, -13, -1), LIKELIHOOD: range(-3, -13, -1)}
BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"


def front(points):
    """The points no other point of the same solver beats in both error and time, by falling error."""
    best, kept = math.inf, []
    for p in sorted(points, key=lambda p: (p["error"], p["seconds"])):
        if p["seconds"] < best and math.isfinite(p["error"]):
            kept.append((max(p["error"], 1e-17), p["seconds"]))
            best = p["seconds"]
    return kept[::-1]


def time_at(points, error):
    """Seconds a solver takes for an error: between two measured points by a straight line in the log–log plot."""
    line = front(points)
    if not line or line[-1][0] > error:
        return None
    for (e0, s0), (e1, s1) in zip(line, line[1:]):
        if e1 <= error < e0:
            w = math.log(e0 / error) / math.log(e0 / e1)
            return s0 * (s1 / s0) ** w
    return line[0][1]


def fastest(solvers, error, keep):
    """The least time for an error among some solvers, and who needs it."""
    times = [(time_at(row["points"], error), name) for name, row in solvers.items() if keep(name, row)]
    return min(((t, n) for t, n in times if t is not None), default=(None, ""))


def duration(seconds):
    if seconds is None:
        return "–"
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def mean(ratios):
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else math.nan


# ---- tables ----


def compare(result):
    """Per error: our best, auto, the best peer, and the two ratios."""
    rows = []
    for exponent in TARGETS[result["group"]]:
        error = 10.0**exponent
        ours, method = fastest(result["solvers"], error, lambda n, r: r["ours"] and n != "auto")
        auto, _ = fastest(result["solvers"], error, lambda n, r: n == "auto")
        peer, who = fastest(result["solvers"], error, lambda n, r: not r["ours"])
        if ours or peer:
            rows.append((exponent, ours, method, auto, peer, who))
    return rows


def tables(results):
    text, ratios, autos, over = [], {}, {}, []
    for group in (STIFF, LARGE, EASY, LIKELIHOOD):
        text.append(f"### {group.capitalize()}\n")
        text.append("| problem (n) | error | our best | `auto` | best peer | peer/ours | peer/`auto` | `auto`/ours |\n|---|---|---|---|---|---|---|---|")
        for name, result in results.items():
            if result["group"] != group:
                continue
            for exponent, ours, method, auto, peer, who in compare(result):
                show = lambda a, b: f"{a / b:.2f}" if a and b else "–"
                text.append(
                    f"| {TITLES[name]} ({result['n']}) | 1e{exponent} | {duration(ours)} {method} | {duration(auto)} | "
                    f"{duration(peer)} {who} | {show(peer, ours)} | {show(peer, auto)} | {show(auto, ours)} |"
                )
                if ours and peer:
                    ratios.setdefault(group, {}).setdefault(name, []).append(peer / ours)
                if auto and peer:
                    autos.setdefault(group, {}).setdefault(name, []).append(peer / auto)
                if auto and ours:
                    over.append((auto / ours, name, exponent))
        text.append("")
    return "\n".join(text), ratios, autos, over


def summary(ratios, autos, over):
    asked = {STIFF: "≥ 5, never below 2", LARGE: "≥ 3 each", EASY: "≥ 2, never below 1.2", LIKELIHOOD: "–"}
    lines = ["| group | asked: peer/ours | our best: geometric mean (least) | `auto`: geometric mean (least) |", "|---|---|---|---|"]
    for group, want in asked.items():
        flat = lambda table: [x for row in table.get(group, {}).values() for x in row]
        cell = lambda xs: f"{mean(xs):.2f} ({min(xs):.2f})" if xs else "–"
        lines.append(f"| {group} | {want} | {cell(flat(ratios))} | {cell(flat(autos))} |")
    lines += ["", "| problem | peer/ours: geometric mean (least) | peer/`auto` |", "|---|---|---|"]
    for group in asked:
        for name in ratios.get(group, {}):
            mine, auto = ratios[group][name], autos.get(group, {}).get(name, [])
            lines.append(f"| {TITLES[name]} | {mean(mine):.2f} ({min(mine):.2f}) | {mean(auto):.2f} ({min(auto, default=math.nan):.2f}) |")
    worst = sorted(over, reverse=True)
    above = [w for w in worst if w[0] > 1.25]
    lines += [
        "",
        f"`auto` over our best single method at equal error: geometric mean {mean([w[0] for w in over]):.2f}; above the asked "
        f"1.25 at {len(above)} of {len(worst)} points, worst: "
        + ", ".join(f"{TITLES[n]} 1e{e} {r:.2f}" for r, n, e in worst[:6]) + ".",
    ]  # fmt: skip
    return "\n".join(lines)


def compile_times(results):
    lines = ["| problem | Rhapsode | heyoka | Diffrax |", "|---|---|---|---|"]
    for name, result in results.items():
        rows = result["solvers"]
        first = lambda key: next((r["compile"] for n, r in rows.items() if key(n, r) and r["compile"]), None)
        cells = [first(lambda n, r: r["ours"]), first(lambda n, r: n == "heyoka"), first(lambda n, r: n.startswith("Diffrax"))]
        lines.append(f"| {TITLES[name]} | " + " | ".join(duration(c) for c in cells) + " |")
    return "\n".join(lines)


def first_solutions(found):
    asked = {"pollu": ("pollution, 20 states", "10 ms"), "egfr": ("EGF receptor network, 356 species", "300 ms"),
             "generated": ("generated network, 1,122 species, 24,388 reactions", "1.5 s")}  # fmt: skip
    lines = ["| text → first solution, fresh process, `auto` at rtol 1e-6 | reached | of which compiling | asked |", "|---|---|---|---|"]
    for name, (title, limit) in asked.items():
        row = found.get(name)
        lines.append(f"| {title} | {duration(row[0])} | {duration(row[1])} | ≤ {limit} |" if row else f"| {title} | failed | – | ≤ {limit} |")
    return "\n".join(lines)


def failures(results):
    own, others, absent = [], [], set()
    for name, result in results.items():
        for solver, row in result["solvers"].items():
            for rtol, error in row["errors"][:1]:
                if "not installed" in error or "not here" in error:
                    absent.add(f"{solver}: {error}")
                else:
                    (own if row["ours"] else others).append(f"- {TITLES[name]}, {solver}, rtol {rtol:.0e}: {error.splitlines()[0].replace(f'{ROOT}/', '')}")
    lines = ["Absent: " + ("; ".join(sorted(absent)) if absent else "none") + ".", ""]
    lines += ["Failures of ours:", *(own or ["- none"]), "", "Failures of peers:", *(others or ["- none"])]
    return "\n".join(lines)


# ---- figures ----

STYLE = {
    "auto": ("#000000", "-", "o"), "Rodas5P": ("#0b6fa4", "-", "s"), "Rodas4": ("#5aa9d6", "-", "v"), "Rosenbrock23": ("#9ccbe8", "-", "^"),
    "BDF": ("#00856f", "-", "D"), "Radau": ("#6f4fa3", "-", "P"), "KenCarp4": ("#b08fd8", "-", "X"), "Kvaerno5": ("#cbb7e6", "-", "*"),
    "Tsit5": ("#9ccbe8", "-", "^"), "DOP853": ("#0b6fa4", "-", "s"), "Vern7": ("#5aa9d6", "-", "v"), "Vern9": ("#6f4fa3", "-", "P"),
    "Taylor": ("#00856f", "-", "D"), "Adams": ("#b08fd8", "-", "X"), "RKC": ("#8c8c3c", "-", "*"),
}  # fmt: skip
PEER_COLOURS = ["#c8361d", "#e8871e", "#a0522d", "#d6569a", "#b8860b", "#7a1f1f", "#f0a58f", "#8a5a00", "#c06c84", "#555555", "#999999"]


def draw(name, result, folder):
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif", "font.size": 9})
    figure, axes = plt.subplots(figsize=(8.4, 4.8), layout="constrained")
    colours = iter(PEER_COLOURS)
    for solver, row in result["solvers"].items():
        line = [(p["error"], p["seconds"]) for p in row["points"] if 1e-16 < p["error"] < 1]
        colour, dash, marker = STYLE[solver] if row["ours"] else (next(colours), "--", ".")
        if line:
            width = 2.2 if solver == "auto" else 1.3
            axes.plot(*zip(*line), color=colour, linestyle=dash, marker=marker, markersize=4, linewidth=width, label=solver,
                      zorder=4 if row["ours"] else 3)  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.invert_xaxis()
    axes.set_xlabel("achieved error (largest over output times and components, relative)")
    axes.set_ylabel("seconds for one warm solve")
    axes.set_title(f"{TITLES[name]}, n = {result['n']}", loc="left", fontweight="bold")
    axes.grid(True, which="major", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    ours = [h for h, l in zip(handles, labels) if result["solvers"][l]["ours"]]
    peers = [h for h, l in zip(handles, labels) if not result["solvers"][l]["ours"]]
    first = figure.legend(handles=ours, title="Rhapsode", loc="outside right upper", frameon=False, alignment="left")
    figure.add_artist(first)
    figure.legend(handles=peers, title="peers", loc="outside right lower", frameon=False, alignment="left")
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


# ---- the machine and the versions ----


def machine():
    def run(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=ROOT).stdout.strip()
        except OSError:
            return ""

    cpu = next((l.split(":")[1].strip() for l in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if l.startswith("model name")), "")
    flags = "AVX-512" if "avx512f" in pathlib.Path("/proc/cpuinfo").read_text() else "AVX2"
    load = pathlib.Path("/proc/loadavg").read_text().split()[0]
    from importlib.metadata import PackageNotFoundError, version

    def of(package):
        try:
            return version(package)
        except PackageNotFoundError:
            return "absent"

    debian = lambda package: run("dpkg-query", "-W", "-f=${Version}", package) or "absent"
    lock = (ROOT / "benches/peers/diffsol/Cargo.lock").read_text()
    locked = lambda crate: lock.split(f'name = "{crate}"\nversion = "')[1].split('"')[0]
    header = ROOT / "target/peers/sundials/install/include/sundials/sundials_config.h"
    sundials = next((l.split('"')[1] for l in header.read_text().splitlines() if "SUNDIALS_VERSION " in l), "7") if header.exists() else "absent"
    return "\n".join([
        f"Machine: {cpu}, {flags}, one thread of {run('nproc')} cores, Linux {platform.release().split('-')[0]}; load average at the end {load}. "
        f"Date: {run('date', '+%Y-%m-%d %H:%M')}; commit {run('git', 'rev-parse', '--short', 'HEAD')}; {run('rustc', '--version')}.",
        "",
        "| peer | version | how it was built |",
        "|---|---|---|",
        f"| CVODE 7 | SUNDIALS {sundials} | from source, gcc {run('gcc', '-dumpfullversion')} `-O3 -march=native -DNDEBUG`, exact Jacobian in C; KLU of Debian's SuiteSparse {debian('libsuitesparse-dev')} |",
        f"| CVODE 6.4 | Debian {debian('libsundials-dev')} | Debian's build (`-O2`, error checks on, no `-march`), same C code and Jacobian |",
        f"| LSODA, DOP853 | numbalsoda {of('numbalsoda')} | the libraries of its wheel, called from C with the same right-hand side (`-O3 -march=native`); LSODA forms its own Jacobian by differences |",
        f"| diffsol | {locked('diffsol')}, diffsl {locked('diffsl')} (Cranelift) | release, fat LTO; dense LU of nalgebra, sparse LU of faer |",
        f"| heyoka | heyoka.py {of('heyoka')} | wheel; LLVM for this machine; compact mode above 60 states |",
        f"| SciPy | {of('scipy')}, NumPy {of('numpy')} | wheel; right-hand side and Jacobian in C through ctypes |",
        f"| Diffrax | {of('diffrax')}, JAX {of('jax')} | wheel; CPU, float64, one thread, `jit` |",
        f"| scikit-SUNDAE | {of('scikit-sundae')} | wheel (bundles CVODE 7.9, built by its authors without `-march`); right-hand side and Jacobian in C through ctypes |",
    ])  # fmt: skip


def write(text, marks=(BEGIN, END)):
    path = ROOT / "benches/REPORT.md"
    page = path.read_text()
    begin, end = marks
    section = f"{begin}\n{text}\n{end}"
    if begin in page:
        page = page[: page.index(begin)] + section + page[page.index(end) + len(end) :]
    else:
        page = page.rstrip() + "\n\n" + section + "\n"
    path.write_text(page)


def main():
    work = pathlib.Path(sys.argv[1])
    found = json.loads((work / "results.json").read_text()).get("first solutions", {})
    results = {n: r for n, r in json.loads((work / "results.json").read_text()).items() if n in CHOSEN}
    results = {n: results[n] for n in CHOSEN if n in results}
    plots = ROOT / "benches/plots"
    plots.mkdir(exist_ok=True)
    for name, result in results.items():
        draw(name, result, plots)
    table, ratios, autos, over = tables(results)
    extra = work / "figures.md"
    quick = any(r["quick"] for r in results.values())
    notes = [f"{TITLES[n]}: {r['note']}." for n, r in results.items() if r["note"]]
    for name in ("vdpol_1e6", "egfr", "bruss2d"):
        path = work / "problems" / name / "reference.json"
        if path.exists():
            r = json.loads(path.read_text())
            names = ", ".join(f"{w} {s}" for w, s in r["programs"])
            notes.append(f"{TITLES[name]}: reference computed, the median of {names}, which differ from it by {', '.join(f'{a:.0e}' for a in r['apart'])}.")
    write("\n".join([
        "## Beside the peers",
        "",
        "`benches/peers/run` makes this section and the plots in `benches/plots`"
        + (" (this run: `--quick`, fewer tolerances and rounds, without SciPy, Diffrax and scikit-SUNDAE)." if quick else ".")
        + " How it measures, and what each program is given, is told in `benches/peers/README.md`.",
        "",
        machine(),
        "",
        "Times at equal achieved error, between measured tolerances by straight lines in the log–log plot. peer/ours above 1: "
        "we are faster. A dash: nobody there reaches that error.",
        "",
        "### Against what was asked",
        "",
        summary(ratios, autos, over),
        "",
        first_solutions(found),
        "",
        extra.read_text() if extra.exists() else "",
        table,
        "### Compile times, not contained above",
        "",
        "Rhapsode: text to native code. heyoka and Diffrax: first solve, which compiles. The C of CVODE, LSODA, DOP853 and SciPy "
        "was compiled beforehand.",
        "",
        compile_times(results),
        "",
        "### Notes",
        "",
        *[f"- {n}" for n in notes],
        "",
        failures(results),
    ]))  # fmt: skip
    print(summary(ratios, autos, over))


if __name__ == "__main__":
    main()
