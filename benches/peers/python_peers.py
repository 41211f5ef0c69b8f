"""The peers that live in Python: SciPy, heyoka, Diffrax and scikit-SUNDAE; a worker like the others of this folder.

`python_peers.py FOLDER` reads lines `solver rtol atol seconds` and answers each with one line of JSON. SciPy and
scikit-SUNDAE call the same compiled C right-hand side and Jacobian as the native worker (`problem.so`), which costs them
about a microsecond a call and is the best they can have; heyoka and JAX compile their own text of it.
"""

import ctypes
import json
import os
import pathlib
import statistics
import sys
import time

os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
sys.setrecursionlimit(100_000)

import numpy as np

folder = pathlib.Path(sys.argv[1])
problem = json.loads((folder / "problem.json").read_text())
n, t0, times = problem["n"], problem["t0"], np.array(problem["times"])
y0 = np.array(problem["y0"])
made = {}


class Compiled:
    """The right-hand side and Jacobian in C."""

    def __init__(self):
        library = ctypes.CDLL(str(folder / "problem.so"))
        self.f, self.j = library.rhs, library.jacobian
        self.f.argtypes = self.j.argtypes = [ctypes.c_double, ctypes.c_void_p, ctypes.c_void_p]
        self.f.restype = self.j.restype = None
        nnz = ctypes.c_int.in_dll(library, "nnz").value
        self.starts = np.array((ctypes.c_int * (n + 1)).in_dll(library, "starts"))
        self.columns = np.array((ctypes.c_int * nnz).in_dll(library, "columns"))
        self.rows = np.repeat(np.arange(n), np.diff(self.starts))
        self.values = np.zeros(nnz)

    def rhs(self, t, y):
        dy = np.empty(n)
        self.f(t, np.ascontiguousarray(y).ctypes.data, dy.ctypes.data)
        return dy

    def jacobian(self, t, y):
        self.j(t, np.ascontiguousarray(y).ctypes.data, self.values.ctypes.data)
        if n > 60:
            from scipy.sparse import csc_matrix

            return csc_matrix((self.values, (self.rows, self.columns)), shape=(n, n))
        J = np.zeros((n, n))
        J[self.rows, self.columns] = self.values
        return J


def scipy(method):
    from scipy.integrate import solve_ivp

    c = Compiled()
    # LSODA cannot use a sparse Jacobian; its own differences are cheaper than a dense exact one there.
    more = {"jac": c.jacobian} if method in ("BDF", "Radau") or (method == "LSODA" and n <= 60) else {}

    def solve(rtol, atol):
        r = solve_ivp(c.rhs, (t0, times[-1]), y0, method=method, t_eval=times, rtol=max(rtol, 3e-14), atol=atol, **more)
        if not r.success:
            raise RuntimeError(r.message)
        return r.y.T, 0

    return solve


def heyoka(_):
    import heyoka as hy

    scope = {k: getattr(hy, k) for k in dir(hy)}
    text = (folder / "heyoka.py").read_text()
    integrators = {}

    def system():
        names, make = {}, lambda name: names.setdefault(name, hy.make_vars(name))
        local = {**scope, "make_vars": make}
        exec(text, local)
        return local["system"]

    grid = np.concatenate([[t0], times])

    def solve(rtol, _atol):
        # heyoka has one tolerance, relative to the largest component unless that is below one.
        if rtol not in integrators:
            integrators[rtol] = hy.taylor_adaptive(system(), y0.copy(), tol=rtol, compact_mode=n > 60)
        ta = integrators[rtol]
        ta.time = t0
        ta.state[:] = y0
        outcome = ta.propagate_grid(grid)
        return outcome[-1][1:], outcome[3]

    return solve


def diffrax(name):
    import diffrax as dx
    import jax
    import jax.numpy as jnp

    local = {"jnp": jnp, "sqrt": jnp.sqrt, "sin": jnp.sin, "cos": jnp.cos, "exp": jnp.exp, "where": jnp.where}
    exec((folder / "field.py").read_text(), local)
    term, solver = dx.ODETerm(local["field"]), getattr(dx, name)()
    start, grid = jnp.array(y0), jnp.array(times)

    @jax.jit
    def run(rtol, atol):
        controller = dx.PIDController(rtol=rtol, atol=atol, pcoeff=0.3, icoeff=0.4)
        s = dx.diffeqsolve(term, solver, t0, grid[-1], None, start, saveat=dx.SaveAt(ts=grid),
                           stepsize_controller=controller, max_steps=200_000, throw=False)
        return s.ys, s.stats["num_steps"], s.result == dx.RESULTS.successful

    def solve(rtol, atol):
        ys, steps, fine = jax.block_until_ready(run(rtol, atol))
        if not bool(fine):
            raise RuntimeError("Diffrax gave up")
        return np.asarray(ys), int(steps)

    return solve


def sundae(_):
    from sksundae.cvode import CVODE

    c = Compiled()

    def rhs(t, y, dy):
        c.f(t, y.ctypes.data, dy.ctypes.data)

    def jac(t, y, dy, J):
        c.j(t, y.ctypes.data, c.values.ctypes.data)
        J[c.rows, c.columns] = c.values

    grid = np.concatenate([[t0], times])

    def solve(rtol, atol):
        r = CVODE(rhs, method="BDF", rtol=rtol, atol=atol, max_num_steps=200_000, **({"jacfn": jac} if n <= 60 else {})).solve(grid, y0)
        if not r.success:
            raise RuntimeError(r.message)
        return r.y[1:], 0

    return solve


MAKERS = {"scipy": scipy, "heyoka": heyoka, "diffrax": diffrax, "sundae": sundae}

for line in sys.stdin:
    solver, rtol, atol, budget = line.split()
    rtol, atol, budget = float(rtol), float(atol), float(budget)
    try:
        kind, _, method = solver.partition(":")
        begun = time.perf_counter()
        compile_seconds = None
        if solver not in made:
            made[solver] = MAKERS[kind](method)
        fresh = (solver, rtol) not in made
        made[solver, rtol] = True
        if fresh and kind in ("heyoka", "diffrax"):
            made[solver](rtol, atol)  # compiles
            compile_seconds = time.perf_counter() - begun
        begun, spent = time.perf_counter(), []
        while True:
            before = time.perf_counter()
            values, steps = made[solver](rtol, atol)
            spent.append(time.perf_counter() - before)
            so_far = time.perf_counter() - begun
            if so_far > budget and (len(spent) > 2 or so_far > 10 * budget):
                break
        answer = dict(seconds=statistics.median(spent), steps=int(steps), values=np.nan_to_num(values, nan=1e300).tolist())
        if compile_seconds is not None:
            answer["compile"] = compile_seconds
    except Exception as error:
        answer = dict(error=f"{solver}: {type(error).__name__}: {str(error)[:200]}")
    print(json.dumps(answer), flush=True)
