"""Three fits whose gradients are compared: the misfit Σ ½((y − d)/s)² of all states to data at some times, by all rates.

`write(folder)` makes one folder per problem: `model.ode` and `data.csv` for Rhapsode, `problem.json` for the others.
The data are the solution at other rates, the widths the largest value of each state: made up, but of the shape of a fit.
"""

import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from problems import egfr, from_shared  # noqa: E402

# HIRES as its twelve reactions have it (Schäfer 1975; the constants of `../shared/data/ivp/hires`).
HIRES = dict(k1=1.71, k2=0.43, k3=8.32, oks=0.0007, k4=8.75, k5=10.03, k6=0.035, k7=1.12, k8=1.745, kp=280.0, k9=0.69, km=1.81)
HIRES_EQUATIONS = [
    "-k1*y1 + k2*y2 + k3*y3 + oks",
    "k1*y1 - k4*y2",
    "-k5*y3 + k2*y4 + k6*y5",
    "k3*y2 + k1*y3 - k7*y4",
    "-k8*y5 + k2*y6 + k2*y7",
    "-kp*y6*y8 + k9*y4 + k1*y5 - k2*y6 + k9*y7",
    "kp*y6*y8 - km*y7",
    "-kp*y6*y8 + km*y7",
]


def network(problem):
    """Reactions as lists: rate constant, one or two reactants, what changes, a factor."""
    names = {s: k for k, s in enumerate(problem.states)}
    rates = list(problem.params)
    reactions = []
    for name, rate in problem.aux.items():
        words = rate.split("*")
        factor = np.prod([float(word) for word in words if word not in names and word not in rates])
        (constant,) = (rates.index(word) for word in words if word in rates)
        reactions.append((name, constant, [names[word] for word in words if word in names], [], float(factor)))
    places = {name: k for k, (name, *_) in enumerate(reactions)}
    for state, equation in enumerate(problem.equations):
        for term in equation.split():
            if term != "0":
                sign = -1 if term[0] == "-" else 1
                factor, _, own = term[1:].rpartition("*")
                reactions[places[own]][3].append((state, sign * int(factor or 1)))
    return [list(reaction[1:]) for reaction in reactions]


def lotka_volterra():
    p = from_shared("lotka_volterra")
    return dict(name="lotka_volterra", states=p.states, y0=p.y0, parameters=p.params, equations=p.equations, times=p.times,
                stiff=False, atol=1e-2)


def hires():
    p = from_shared("hires")
    return dict(name="hires", states=p.states, y0=p.y0, parameters=HIRES, equations=HIRES_EQUATIONS, times=p.times, stiff=True,
                atol=1e-5)


def egfr_network():
    p = egfr()
    # Only rate constants that occur: the others are amounts at the start.
    used = {word for rate in p.aux.values() for word in rate.split("*")}
    p.params = {k: v for k, v in p.params.items() if k in used}
    return dict(name="egfr", states=p.states, y0=p.y0, parameters=p.params, equations=p.equations, times=p.times, stiff=True,
                atol=1e-2, aux=p.aux, reactions=network(p))


def field(problem):
    """f(t, y, p) of NumPy arrays, for the data."""
    if "reactions" in problem:
        k, first, second, factors, rows, columns, values = arrays(problem)

        def f(t, y, p):
            extended = np.append(y, 1.0)
            flux = factors * p[k] * extended[first] * extended[second]
            out = np.zeros(len(y))
            np.add.at(out, rows, values * flux[columns])
            return out

        return f
    names = {s: f"y[{k}]" for k, s in enumerate(problem["states"])}
    names |= {s: f"p[{k}]" for k, s in enumerate(problem["parameters"])}
    return lambda t, y, p: np.array(eval(python(problem["equations"], names), {"y": y, "p": p}))


def python(equations, names):
    """A list of formulas with names replaced."""
    import re

    return "[" + ", ".join(re.sub(r"[A-Za-z_]\w*", lambda m: names[m.group()], e).replace("^", "**") for e in equations) + "]"


def arrays(problem):
    """Rate constants, reactants (the number of states stands for none), factors, and the changes as rows, columns, values."""
    n = len(problem["states"])
    reactions = problem["reactions"]
    pad = lambda reactants, k: reactants[k] if k < len(reactants) else n
    k = np.array([r[0] for r in reactions])
    first, second = (np.array([pad(r[1], place) for r in reactions]) for place in (0, 1))
    changes = [(state, column, change) for column, r in enumerate(reactions) for state, change in r[2]]
    rows, columns, values = (np.array(list(part)) for part in zip(*changes))
    return k, first, second, np.array([r[3] for r in reactions]), rows, columns, values.astype(float)


def write(folder):
    from scipy.integrate import solve_ivp

    for problem in (lotka_volterra(), hires(), egfr_network()):
        own = pathlib.Path(folder) / problem["name"]
        own.mkdir(parents=True, exist_ok=True)
        f, p = field(problem), np.array(list(problem["parameters"].values()))
        times = problem["times"]
        other = p * np.where(np.arange(len(p)) % 2 == 0, 1.05, 0.96)
        run = lambda p: solve_ivp(f, (0, times[-1]), problem["y0"], t_eval=times, args=(p,), rtol=1e-9, atol=1e-12, method="BDF" if len(p) > 4 else "DOP853").y.T
        data, scale = run(other), np.maximum(np.abs(run(p)).max(axis=0), 1e-6)
        problem["data"], problem["scale"] = data.tolist(), scale.tolist()
        states = problem["states"]
        lines = [f"model {problem['name']}"] + [f"param {k} = {v!r}" for k, v in problem["parameters"].items()]
        lines += [f"{k} = {v}" for k, v in problem.get("aux", {}).items()]
        for state, start, equation in zip(states, problem["y0"], problem["equations"]):
            lines += [f"init {state} = {start!r}", f"{state}' = {equation}"]
        # A density with its factor 1/(s √2π): the logarithm is the misfit with its sign changed, and a constant.
        lines += [f"observe d_{state} ~ Normal({state}, {s!r})" for state, s in zip(states, scale.tolist())]
        lines += [f"solve t = 0..{times[-1]!r} {{ rtol = 1e-6 }}"]
        (own / "model.ode").write_text("\n".join(lines) + "\n")
        rows = ["t," + ",".join(f"d_{state}" for state in states)]
        rows += [",".join(repr(float(x)) for x in [t, *row]) for t, row in zip(times, data.tolist())]
        (own / "data.csv").write_text("\n".join(rows) + "\n")
        (own / "problem.json").write_text(json.dumps(problem))


if __name__ == "__main__":
    write(sys.argv[1])
