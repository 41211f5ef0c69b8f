"""The problems: equations once, as formulas, and from them the texts each program is given.

Most are read from `../shared/data` (facts and references nobody on the project wrote); the generated ones say where they
come from. `write(folder)` makes one folder per problem with everything the workers need.
"""

import json
import pathlib
import sys
import tomllib

from formulas import C, DiffSl, Heyoka, Python, Rhapsode, constant, read

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "../shared/data"

# Group, atol/rtol. An absolute tolerance must lie below what the error measure sees of a component that is small.
CHOSEN = {
    "rober": ("small stiff", 1e-8),
    "orego": ("small stiff", 1e-3),
    "vdpol_1e3": ("small stiff", 1e-4),
    "vdpol_1e6": ("small stiff", 1e-4),
    "hires": ("small stiff", 1e-5),
    "pollu": ("small stiff", 1e-10),
    "medakzo": ("large stiff", 1e-8),
    "bruss2d": ("large stiff", 1e-2),
    "egfr": ("large stiff", 1e-2),
    "lotka_volterra": ("non-stiff", 1e-2),
    "lorenz63": ("non-stiff", 1e-2),
    "arenstorf": ("non-stiff", 1e-2),
    "pleiades": ("non-stiff", 1e-2),
    "rigid_body": ("non-stiff", 1e-2),
    "fitzhugh_nagumo": ("non-stiff", 1e-2),
    "lcdm": ("likelihood", 1e-2),
}


class Problem:
    """States, parameters, intermediate quantities and right-hand sides as formulas; span, times, references."""

    def __init__(self, name, states, y0, equations, times, *, params=(), aux=(), t0=0.0, reference=None, note=""):
        self.name, self.states, self.y0, self.times, self.t0 = name, states, y0, times, t0
        self.params, self.aux = dict(params), dict(aux)
        self.equations = equations
        self.reference, self.note = reference, note
        self.group, self.atol_over_rtol = CHOSEN[name]
        self.texts = {}
        self.linear = "sparse" if len(states) > 60 else "dense"


def from_shared(name):
    folder = DATA / "ivp" / name
    table = tomllib.loads((folder / "problem.toml").read_text())
    lines = (folder / "reference.csv").read_text().split()[1:]
    rows = [[float(x) for x in line.split(",")] for line in lines]
    note = ""
    if name == "arenstorf":
        # Rounded to doubles, the initial velocity alone spoils the end of the orbit (1.7 digits); at half of the period two
        # components are 0 by symmetry, and a relative error of zero says nothing.
        rows = [row for k, row in enumerate(rows) if k not in (4, 9)]
        note = "without the end, which double constants do not determine, and half the period, where components are 0"
    aux = table.get("aux", {})
    problem = Problem(
        name,
        table["states"],
        table["y0_num"],
        [table["equations"][s] for s in table["states"]],
        [row[0] for row in rows],
        params={k: float(constant(read(v))) for k, v in table.get("params", {}).items()},
        aux={k: aux["expr"][k] for k in aux.get("order", [])},
        t0=table["t0"],
        reference=[row[1:] for row in rows],
        note=note,
    )
    return problem


def van_der_pol_1e6():
    """Hairer & Wanner IV.10: VDPOL with ε = 1e-6; reference computed (see `reference.py`)."""
    times = [0.5, 1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 9.0, 10.0, 11.0]
    equations = ["y2", "((1 - y1^2)*y2 - y1)*mu"]
    return Problem("vdpol_1e6", ["y1", "y2"], [2.0, -0.66], equations, times, params={"mu": 1e6})


def egfr():
    """The 356 species and 3,749 mass-action reactions of the EGF receptor network, from its BioNetGen file."""
    sections, current = {}, None
    for line in (DATA / "net/egfr_net/egfr_net.net").read_text().splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] == "begin":
            current = sections.setdefault(words[1], [])
        elif words[0] == "end":
            current = None
        elif current is not None:
            current.append(words)
    values = {words[1]: float(words[2]) for words in sections["parameters"]}
    names = [f"s{k}" for k in range(1, len(sections["species"]) + 1)]
    y0 = [float(eval(words[2], {}, values)) for words in sections["species"]]
    terms = [[] for _ in names]
    places = lambda text: [int(k) - 1 for k in text.split(",") if k != "0"]
    reactions = {}
    for number, words in enumerate(sections["reactions"], 1):
        reactants, products = places(words[1]), places(words[2])
        rate = "*".join([words[3]] + [names[k] for k in reactants])
        change = {}
        for k in reactants:
            change[k] = change.get(k, 0) - 1
        for k in products:
            change[k] = change.get(k, 0) + 1
        if not any(change.values()):
            continue
        reactions[f"r{number}"] = rate
        for k, c in change.items():
            if c:
                terms[k].append(("+" if c > 0 else "-") + ("" if abs(c) == 1 else f"{abs(c)}*") + f"r{number}")
    equations = [" ".join(t) if t else "0" for t in terms]
    times = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    return Problem("egfr", names, y0, equations, times, params=values, aux=reactions)


def brusselator(n=32, alpha=0.1):
    """Hairer & Wanner IV.10 without its forcing, which jumps: N × N places of a torus, α = 0.1."""
    states = [f"u{i}_{j}" for i in range(n) for j in range(n)] + [f"v{i}_{j}" for i in range(n) for j in range(n)]
    y0 = [22 * ((j / (n - 1)) * (1 - j / (n - 1))) ** 1.5 for i in range(n) for j in range(n)]
    y0 += [27 * ((i / (n - 1)) * (1 - i / (n - 1))) ** 1.5 for i in range(n) for j in range(n)]
    problem = Problem("bruss2d", states, y0, None, [0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 11.5])
    d, m = alpha * (n - 1) ** 2, n * n
    problem.texts["rhapsode"] = f"""model bruss2d
const N = {n}
index i, j = 1..N periodic
param alpha = {alpha}, A = 3.4, B = 1
init u[i,j] = 22*(((j - 1)/(N - 1))*(1 - (j - 1)/(N - 1)))^1.5
init v[i,j] = 27*(((i - 1)/(N - 1))*(1 - (i - 1)/(N - 1)))^1.5
lap_u[i,j] = (u[i-1,j] + u[i+1,j] + u[i,j-1] + u[i,j+1] - 4*u[i,j])*(N - 1)^2
lap_v[i,j] = (v[i-1,j] + v[i+1,j] + v[i,j-1] + v[i,j+1] - 4*v[i,j])*(N - 1)^2
u[i,j]' = B + u[i,j]^2*v[i,j] - (A + 1)*u[i,j] + alpha*lap_u[i,j]
v[i,j]' = A*u[i,j] - u[i,j]^2*v[i,j] + alpha*lap_v[i,j]
"""
    neighbours = lambda i, j: [((i - 1) % n, j), ((i + 1) % n, j), (i, (j - 1) % n), (i, (j + 1) % n)]
    laplacian = [
        f"({i * n + j}, {i * n + j}): {-4 * d!r}, " + ", ".join(f"({i * n + j}, {a * n + b}): {d!r}" for a, b in neighbours(i, j))
        for i in range(n)
        for j in range(n)
    ]
    start = lambda part: ", ".join(repr(x) for x in part)
    problem.texts["diffsl"] = f"""L_ij {{ {", ".join(laplacian)} }}
a_i {{ {start(y0[:m])} }}
b_i {{ {start(y0[m:])} }}
u_i {{ x = a_i, y = b_i }}
dx_i {{ L_ij * x_j }}
dy_i {{ L_ij * y_j }}
F_i {{ 1.0 + x_i*x_i*y_i - 4.4*x_i + dx_i, 3.4*x_i - x_i*x_i*y_i + dy_i }}
"""
    pattern = []
    for row in range(2 * m):
        place, base, other = row % m, row - row % m, (row + m) % (2 * m)
        near = [base + a * n + b for a, b in neighbours(place // n, place % n)]
        pattern.append(sorted(near + [row, other]))
    problem.pattern = pattern
    problem.texts["c"] = brusselator_c(n, m, d, pattern)
    problem.texts["jax"] = f"""
def field(t, y, args):
    u, v = y[:{m}].reshape({n}, {n}), y[{m}:].reshape({n}, {n})
    lap = lambda w: jnp.roll(w, 1, 0) + jnp.roll(w, -1, 0) + jnp.roll(w, 1, 1) + jnp.roll(w, -1, 1) - 4.0*w
    q = u*u*v
    return jnp.concatenate([(1.0 + q - 4.4*u + {d!r}*lap(u)).ravel(), (3.4*u - q + {d!r}*lap(v)).ravel()])
"""
    return problem


def brusselator_c(n, m, d, pattern):
    """The stencil as loops, and the Jacobian row by row in the order of the pattern."""
    return f"""
void rhs(double t, const double *y, double *dy) {{
    const double *u = y, *v = y + {m};
    for (int i = 0; i < {n}; i++) {{
        const int up = ((i + {n - 1}) % {n})*{n}, down = ((i + 1) % {n})*{n}, here = i*{n};
        for (int j = 0; j < {n}; j++) {{
            const int k = here + j, l = here + (j + {n - 1}) % {n}, r = here + (j + 1) % {n};
            const double q = u[k]*u[k]*v[k];
            dy[k] = 1.0 + q - 4.4*u[k] + {d!r}*(u[up + j] + u[down + j] + u[l] + u[r] - 4.0*u[k]);
            dy[{m} + k] = 3.4*u[k] - q + {d!r}*(v[up + j] + v[down + j] + v[l] + v[r] - 4.0*v[k]);
        }}
    }}
}}
void jacobian(double t, const double *y, double *values) {{
    for (int k = 0; k < {2 * m}; k++) {{
        const double u = y[k % {m}], v = y[{m} + k % {m}];
        for (int e = starts[k]; e < starts[k + 1]; e++) {{
            const int c = columns[e];
            if (c == k) values[e] = k < {m} ? 2.0*u*v - 4.4 - {4 * d!r} : -u*u - {4 * d!r};
            else if (c == (k + {m}) % {2 * m}) values[e] = k < {m} ? u*u : 3.4 - 2.0*u*v;
            else values[e] = {d!r};
        }}
    }}
}}
"""


def lcdm():
    """Comoving distance to the 30 supernovae of a flat ΛCDM likelihood; the reference is a quadrature."""
    import mpmath

    mpmath.mp.dps = 30
    lines = (DATA / "bayes/flat_lcdm_sn/data.csv").read_text().split()[1:]
    times = sorted({float(line.split(",")[0]) for line in lines})
    slope = lambda x: 1 / mpmath.sqrt(mpmath.mpf(0.3) * (1 + x) ** 3 + 1 - mpmath.mpf(0.3))
    chi = lambda z: float(mpmath.quad(slope, [0, z]))
    equation = "1/sqrt(Om*(1 + t)^3 + 1 - Om)"
    return Problem("lcdm", ["chi"], [0.0], [equation], times, params={"Om": 0.3}, reference=[[chi(z)] for z in times])


def load(name):
    match name:
        case "vdpol_1e6":
            return van_der_pol_1e6()
        case "egfr":
            return egfr()
        case "bruss2d":
            return brusselator()
        case "lcdm":
            return lcdm()
    return from_shared(name)


def texts(problem):
    """Fills in the texts that are not there already."""
    p, t = problem, problem.texts
    place = {s: k for k, s in enumerate(p.states)}
    # Rhapsode: parameters stay parameters; names as they are.
    own = Rhapsode(lambda name: name)
    lines = [f"model {p.name}"] + [f"param {k} = {v!r}" for k, v in p.params.items()]
    if "rhapsode" not in t:
        lines += [f"{k} = {own.text(read(v))}" for k, v in p.aux.items()]
        for state, start, equation in zip(p.states, p.y0, p.equations):
            lines += [f"init {state} = {start!r}", f"{state}' = {own.text(read(equation))}"]
        t["rhapsode"] = "\n".join(lines) + "\n"
    if "diffsl" not in t:
        sl = DiffSl(lambda name: name if name == "t" else "q" + name.replace("_", "x"))
        rows = [f"{sl.rename(k)} {{ {v!r} }}" for k, v in p.params.items()]
        rows.append("u_i {\n" + "".join(f"  {sl.rename(s)} = {v!r},\n" for s, v in zip(p.states, p.y0)) + "}")
        rows += [f"{sl.rename(k)} {{ {sl.text(read(v))} }}" for k, v in p.aux.items()]
        rows.append("F_i {\n" + "".join(f"  {sl.text(read(e))},\n" for e in p.equations) + "}")
        t["diffsl"] = "\n".join(rows) + "\n"
    if "c" not in t:
        c = C(lambda name: f"y[{place[name]}]" if name in place else name)
        head = [f"static const double {k} = {v!r};" for k, v in p.params.items()]
        body = [f"    const double {k} = {c.text(read(v))};" for k, v in p.aux.items()]
        body += [f"    dy[{k}] = {c.text(read(e))};" for k, e in enumerate(p.equations)]
        t["c"] = "\n".join(head + ["void rhs(double t, const double *y, double *dy) {"] + body + ["}"])
        t["c"] += "\n" + jacobian(p, c)
    if "jax" not in t and len(p.states) <= 60:
        jx = Python(lambda name: f"y[{place[name]}]" if name in place else name)
        body = [f"    {k} = {v!r}" for k, v in p.params.items()]
        body += [f"    {k} = {jx.text(read(v))}" for k, v in p.aux.items()]
        body += ["    return jnp.stack([" + ", ".join(f"{jx.text(read(e))} + 0.0*t" for e in p.equations) + "])"]
        t["jax"] = "\n".join(["def field(t, y, args):"] + body) + "\n"
    if "heyoka" not in t and p.equations is not None and p.group != "small stiff":
        hy = Heyoka(lambda name: "time" if name == "t" else name)
        body = [f"{s} = make_vars('{s}')" for s in p.states] + [f"{k} = {v!r}" for k, v in p.params.items()]
        body += [f"{k} = {hy.text(read(v))}" for k, v in p.aux.items()]
        body += ["system = [" + ", ".join(f"({s}, expression(1.0)*({hy.text(read(e))}))" for s, e in zip(p.states, p.equations)) + "]"]
        t["heyoka"] = "\n".join(body) + "\n"


def jacobian(p, c):
    """The exact Jacobian in C: each right-hand side differentiated by SymPy, through the intermediate quantities."""
    import sympy
    from sympy.printing.c import C99CodePrinter

    symbols = {n: sympy.Symbol(n) for n in [*p.states, *p.params, *p.aux, "t"]}
    scope = {"where": lambda cond, a, b: sympy.Piecewise((a, cond), (b, True)), "sqrt": sympy.sqrt, "sin": sympy.sin, "cos": sympy.cos}
    formula = Python()
    # Fractions of literals must stay numbers, not turn into exact rationals of hundreds of digits.
    value = lambda text: eval(formula.text(read(text)), {**scope, **symbols})
    of_states = set(p.states)
    # ∂(aux)/∂(state), one aux after the other; few states stand in each.
    known, names = {}, {}
    aux_symbols = {}
    for name, text in p.aux.items():
        expression = value(text)
        slopes = {}
        for free in expression.free_symbols:
            d = sympy.diff(expression, free)
            if free.name in of_states:
                slopes[free.name] = slopes.get(free.name, 0) + d
            elif free.name in known:
                for state, inner in known[free.name].items():
                    slopes[state] = slopes.get(state, 0) + d * inner
        known[name] = slopes
    place = {s: k for k, s in enumerate(p.states)}
    rows, entries = [], []
    for equation in p.equations:
        slopes = {}
        expression = sympy.sympify(value(equation))
        for free in expression.free_symbols:
            d = sympy.diff(expression, free)
            if free.name in of_states:
                slopes[free.name] = slopes.get(free.name, 0) + d
            elif free.name in known:
                for state, inner in known[free.name].items():
                    slopes[state] = slopes.get(state, 0) + d * inner
        ordered = sorted((place[s], d) for s, d in slopes.items() if d != 0)
        rows.append([k for k, _ in ordered])
        entries += [d for _, d in ordered]
    p.pattern = rows
    replaced, reduced = sympy.cse(entries, order="none") if len(entries) < 20_000 else ([], entries)
    printer = C99CodePrinter()
    plain = {s: sympy.Symbol(f"y[{k}]") for s, k in place.items()}
    swap = {symbols[s]: plain[s] for s in p.states}

    def show(expression):
        return power_free(printer, sympy.sympify(expression).xreplace(swap))

    used = {n for e in list(reduced) + [e for _, e in replaced] for n in (f.name for f in sympy.sympify(e).free_symbols)}
    body = [f"    const double {k} = {c.text(read(v))};" for k, v in p.aux.items() if k in used]
    body += [f"    const double {k} = {show(e)};" for k, e in replaced]
    body += [f"    values[{k}] = {show(e)};" for k, e in enumerate(reduced)]
    return "\n".join(["void jacobian(double t, const double *y, double *values) {"] + body + ["}"])


def power_free(printer, expression):
    """C text in which small whole powers are products."""
    import re

    text = printer.doprint(expression)
    return re.sub(r"pow\((\w+(?:\[\d+\])?), 2\)", r"(\1*\1)", text)


def generated_network(species=1122, reactions=24_388):
    """Text for Rhapsode only: binding and unbinding between complexes with a few dozen rate constants, as rule-based
    networks have them; mass action, every reaction its own term."""
    import random

    pick = random.Random(4)
    lines = ["model generated"] + [f"param k{i} = {10 ** pick.uniform(-3, -1):.4g}" for i in range(40)]
    terms = [[] for _ in range(species)]
    pairs = []
    for number in range(reactions // 2):
        a, b, c = pick.randrange(species), pick.randrange(species), pick.randrange(species)
        while len({a, b, c}) < 3:
            b, c = pick.randrange(species), pick.randrange(species)
        pairs.append((a, b, c))
    for number, (a, b, c) in enumerate(pairs):
        on, off = pick.randrange(20), 20 + pick.randrange(20)
        lines += [f"f{number} = k{on}*s{a}*s{b}", f"g{number} = k{off}*s{c}"]
        for place, sign, other in ((a, "-", "+"), (b, "-", "+"), (c, "+", "-")):
            terms[place] += [f"{sign} f{number}", f"{other} g{number}"]
    for k in range(species):
        lines += [f"init s{k} = {pick.uniform(0, 0.1):.4g}", f"s{k}' = {' '.join(terms[k]) or '0'}"]
    return "\n".join(lines) + "\n"


def put(path, text):
    """Writes what has changed only: what was compiled from the rest stays good."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def write(name, folder):
    problem = load(name)
    folder.mkdir(parents=True, exist_ok=True)
    texts(problem)
    p = problem
    pattern = p.pattern
    starts = [0]
    for row in pattern:
        starts.append(starts[-1] + len(row))
    columns = [c for row in pattern for c in row]
    head = f"""#include <math.h>
#define N {len(p.states)}
#define NNZ {starts[-1]}
const int dim = N, nnz = NNZ, output_count = {len(p.times)};
const int starts[] = {{{", ".join(map(str, starts))}}};
const int columns[] = {{{", ".join(map(str, columns))}}};
const double start[] = {{{", ".join(map(repr, p.y0))}}};
const double times[] = {{{", ".join(map(repr, [p.t0, *p.times]))}}};
"""
    put(folder / "problem.c", head + p.texts["c"])
    for kind, file in {"rhapsode": "problem.ode", "diffsl": "problem.dsl", "jax": "field.py", "heyoka": "heyoka.py"}.items():
        if kind in p.texts:
            put(folder / file, p.texts[kind])
    description = dict(
        name=name, group=p.group, n=len(p.states), t0=p.t0, y0=p.y0, times=p.times, reference=p.reference, note=p.note,
        atol_over_rtol=p.atol_over_rtol, linear=p.linear, pattern=pattern if p.linear == "sparse" else None,
    )
    put(folder / "problem.json", json.dumps(description))


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    (target / "generated").mkdir(parents=True, exist_ok=True)
    put(target / "generated/problem.ode", generated_network())
    for name in sys.argv[2:] or CHOSEN:
        write(name, target / name)
        print(name, "written", flush=True)
