"""Counts instructions with callgrind: see `outside`."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

# Methods, and two numbers of solves whose counts are subtracted.
SMALL = ("Rodas5P", "Rosenbrock23", "BDF", "Radau"), (40, 140)
CASES = {
    "rober": SMALL,
    "hires": SMALL,
    "pollu": SMALL,
    "lorenz63": (("DOP853", "Taylor"), (40, 140)),
    "bruss2d": (("DOP853", "RKC"), (1, 3)),
    "egfr": (("Adams",), (1, 5)),
}


def count(work, ours, name, method, solves):
    """Instructions (all, in compiled kernels) and steps of one solve's count."""
    problem = json.loads((work / "problems" / name / "problem.json").read_text())
    rtol = 1e-6
    line = f"{method} {rtol!r} {rtol * problem['atol_over_rtol']!r} {-solves}\n"
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", ours,
                   str(work / "problems" / name / "problem.ode"), repr(problem["t0"]), *map(repr, problem["times"])]  # fmt: skip
        done = subprocess.run(command, input=line, capture_output=True, text=True)
        answer = json.loads(done.stdout)
        if "error" in answer:
            return None
        everything, kernels, in_kernel, skip, objects = 0, 0, False, False, {}
        for row in out.read_text().splitlines():
            if row.startswith(("ob=", "cob=")):
                # A name stands where its number is first used, also that of a called function's file.
                number, _, path = row.partition("=")[2].partition(" ")
                if path:
                    objects[number] = path
                if row.startswith("ob="):
                    in_kernel = objects.get(number, "") == "???"
            elif row.startswith("calls="):
                skip = True  # the next line is what was called, inclusively
            elif re.match(r"[+\-*\d]", row):
                if not skip:
                    cost = int(row.split()[1])
                    everything += cost
                    kernels += cost if in_kernel else 0
                skip = False
        return everything, kernels, answer["steps"]


def main():
    work, ours = pathlib.Path(sys.argv[1]), sys.argv[2]
    lines = ["### Outside compiled kernels", "", "Instructions of a warm solve at rtol 1e-6 by callgrind (`benches/peers/outside`), "
             "outside over all; asked: at most 20 %.", "", "| problem | method | steps | instructions a step | outside kernels |",
             "|---|---|---|---|---|"]  # fmt: skip
    for name, (methods, solves) in CASES.items():
        for method in methods:
            few, many = (count(work, ours, name, method, number) for number in solves)
            if few is None or many is None:
                continue
            total, kernels = ((many[k] - few[k]) / (solves[1] - solves[0]) for k in (0, 1))
            lines.append(f"| {name} | {method} | {few[2]} | {total / few[2]:.0f} | {100 * (1 - kernels / total):.0f} % |")
            print(lines[-1], flush=True)
    (work / "figures.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
