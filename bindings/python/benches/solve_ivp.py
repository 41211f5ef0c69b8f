"""Measures what calls from Python cost: `python bindings/python/benches/solve_ivp.py`, with SciPy and a release build installed.

Prints the cost of `Model.solve` beyond the integration itself, the first call of `solve_ivp` (trace, compile, solve), and warm calls
beside SciPy's fastest method for the same tolerances. Times are medians; a busy machine makes all of them larger.
"""

import pathlib
import statistics
import sys
import time

import numpy as np
from scipy import integrate

import rhapsode

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))
from functions import hires, lorenz, lotka_volterra  # noqa: E402


def robertson(t, y):
    a, b, c = y
    return [-0.04 * a + 1e4 * b * c, 0.04 * a - 1e4 * b * c - 3e7 * b**2, 3e7 * b**2]


PROBLEMS = [
    (lorenz, (0, 20), [1.0, 1.0, 1.0], (10.0, 28.0, 8 / 3), False),
    (lotka_volterra, (0, 30), [10.0, 5.0], (1.5, 1.0, 3.0, 1.0), False),
    (robertson, (0, 1e5), [1.0, 0.0, 0.0], (), True),
    (hires, (0, 321.8122), [1.0, 0, 0, 0, 0, 0, 0, 0.0057], (), True),
]
TOLERANCES = dict(rtol=1e-6, atol=1e-9)


def median(call, seconds=1.0):
    times = []
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(times) < 3:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def overhead():
    model = rhapsode.compile("model decay\nparam k = 2\ninit x = 1\nx' = -k*x\n")
    model.solve((0.0, 1.0), k=3.0)
    beyond = []
    for _ in range(20_000):
        begin = time.perf_counter()
        solution = model.solve((0.0, 1.0), k=3.0)
        whole = time.perf_counter() - begin
        beyond.append(whole - solution.statistics["solve_seconds"])
    print(f"model.solve beyond the integration: {1e6 * statistics.median(beyond):.2f} µs")


def main():
    overhead()
    ratios = []
    for fun, span, y0, args, stiff in PROBLEMS:
        ours = ["LSODA", "BDF", "Radau"] if stiff else ["LSODA", "RK45", "DOP853"]

        def run(solve, method):
            result = solve(fun, span, y0, method=method, args=args, **TOLERANCES)
            assert result.success
            return result

        begin = time.perf_counter()
        assert run(rhapsode.solve_ivp, "LSODA").traced
        first = time.perf_counter() - begin
        best = min(median(lambda: run(rhapsode.solve_ivp, method)) for method in ours)
        theirs = {method: median(lambda: run(integrate.solve_ivp, method)) for method in ours}
        method = min(theirs, key=theirs.get)
        ratios.append(theirs[method] / best)
        print(
            f"{fun.__name__:>15}: first call {1e3 * first:.1f} ms, warm {1e6 * best:.0f} µs, "
            f"SciPy ({method}) {1e3 * theirs[method]:.2f} ms: {ratios[-1]:.0f} times"
        )
    print(f"geometric mean: {np.exp(np.mean(np.log(ratios))):.0f} times")


if __name__ == "__main__":
    main()
