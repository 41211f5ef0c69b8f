"""Many trajectories beside the peers: time per trajectory and error of 10,000, on one thread. `benches/peers/ensembles` calls it.

The same members for everyone: parameters moved by up to a tenth, written by `cargo bench --bench ensembles -- --peers` with the ends at
rtol 1e-13. Peers: heyoka's batch mode, LSODA and DOP853 (numbalsoda) in a compiled loop, diffsol in a loop, Diffrax under vmap; SciPy in a
loop of Python over the first 100 of them, with a compiled right-hand side. A time is
the least of several runs over all members, compiled before; an error the largest |difference| / max(|y|, 1e-9·max |y|) over
members and states, as in compare.py. Writes lines `problem,program,rtol,microseconds,error` to standard output.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np

from formulas import DiffSl, read

RUNS = 3
TOLERANCES = [1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9]


class Problem:
    """What Rhapsode's worker wrote, and right-hand sides made of its equations."""

    def __init__(self, folder):
        self.folder = folder
        table = json.loads((folder / "problem.json").read_text())
        self.name, self.end, self.stiff = table["name"], table["end"], table["stiff"]
        self.atol = table["atol_over_rtol"]
        self.states, self.parameters, self.equations = table["states"], table["parameters"], table["equations"]
        self.aux = table["aux"]
        rows = np.loadtxt(folder / "members.csv", delimiter=",", ndmin=2)
        n, m = len(self.states), len(self.parameters)
        self.y0, self.p, self.ends = rows[:, :n].copy(), rows[:, n : n + m].copy(), rows[:, n + m :].copy()

    def local(self, y, p):
        """The names of states and parameters, as what they are called in some program."""
        names = dict(zip(self.states, y)) | dict(zip(self.parameters, p))
        for name, text in self.aux:
            names[name] = eval(text.replace("^", "**"), {}, names)
        return [eval(text.replace("^", "**"), {}, names) for text in self.equations]

    def source(self, head, give):
        """A function's text with every name in the place of an element."""
        lines = [head]
        lines += [f"    {name} = y_[{k}]" for k, name in enumerate(self.states)]
        lines += [f"    {name} = p_[{k}]" for k, name in enumerate(self.parameters)]
        lines += [f"    {name} = {text.replace('^', '**')}" for name, text in self.aux]
        return "\n".join(lines + give([text.replace("^", "**") for text in self.equations])) + "\n"

    def error(self, ends):
        scale = np.maximum(np.abs(self.ends), 1e-9 * np.abs(self.ends).max(axis=0))
        few = len(ends)
        return float(np.max(np.abs(ends - self.ends[:few]) / scale[:few]))


def heyoka(problem):
    import heyoka as hy

    width = hy.recommended_simd_size()
    count, n = problem.y0.shape
    states = hy.make_vars(*problem.states)
    right = problem.local(states, [hy.par[k] for k in range(len(problem.parameters))])
    whole = count - count % width

    def prepare(rtol):
        system = list(zip(states, right))
        ta = hy.taylor_adaptive_batch(system, np.zeros((n, width)), tol=rtol)

        def run():
            ends = np.empty_like(problem.y0)
            for at in [*range(0, whole, width), *([count - width] if whole < count else [])]:
                ta.set_time(0.0)
                ta.state[:] = problem.y0[at : at + width].T
                ta.pars[:] = problem.p[at : at + width].T
                ta.propagate_until(problem.end)
                ends[at : at + width] = ta.state.T
            return ends

        return run

    return prepare


def native(name):
    def make(problem):
        import numbalsoda
        from numba import carray, cfunc, njit

        solver = getattr(numbalsoda, name)
        n, m = len(problem.states), len(problem.parameters)
        give = lambda texts: [f"    dy_[{k}] = {text}" for k, text in enumerate(texts)]
        scope = {}
        exec(problem.source("def right(t_, y_, dy_, p_):", give), scope)
        inner = njit(scope["right"])

        @cfunc(numbalsoda.lsoda_sig)
        def field(t, y, dy, p):
            inner(t, y, dy, carray(p, (m,)))

        address, grid = field.address, np.array([0.0, problem.end])

        @njit
        def loop(y0, p, rtol, atol, ends):
            for k in range(y0.shape[0]):
                values, fine = solver(address, y0[k], grid, p[k], rtol=rtol, atol=atol)
                if fine:
                    ends[k] = values[1]
                else:
                    ends[k] = np.nan

        def prepare(rtol):
            def run():
                ends = np.empty_like(problem.y0)
                loop(problem.y0, problem.p, rtol, rtol * problem.atol, ends)
                return ends

            return run

        return prepare

    return make


def diffrax(name):
    def make(problem):
        import diffrax as dx
        import jax
        import jax.numpy as jnp

        give = lambda texts: ["    return jnp.stack([" + ", ".join(texts) + "])"]
        scope = {"jnp": jnp}
        exec(problem.source("def field(t_, y_, p_):", give), scope)
        term, solver = dx.ODETerm(scope["field"]), getattr(dx, name)()

        def prepare(rtol):
            controller = dx.PIDController(rtol=rtol, atol=rtol * problem.atol, pcoeff=0.3, icoeff=0.4)

            def one(y0, p):
                found = dx.diffeqsolve(term, solver, 0.0, problem.end, None, y0, p, stepsize_controller=controller,
                                       max_steps=100_000, throw=False)
                return found.ys[-1]

            all_of_them = jax.jit(jax.vmap(one))
            y0, p = jnp.array(problem.y0), jnp.array(problem.p)
            return lambda: np.asarray(jax.block_until_ready(all_of_them(y0, p)))

        return prepare

    return make


def diffsol(name):
    def make(problem):
        sl = DiffSl(lambda name: name if name == "t" else "q" + name.replace("_", "x"))
        first = {f"first{name}": value for name, value in zip(problem.states, problem.y0[0])}
        inputs = first | dict(zip(problem.parameters, problem.p[0]))
        rows = ["in_i {" + ", ".join(f"{sl.rename(name)} = {float(value)!r}" for name, value in inputs.items()) + "}"]
        rows.append("u_i {" + ", ".join(f"{sl.rename(s)} = {sl.rename('first' + s)}" for s in problem.states) + "}")
        rows += [f"{sl.rename(name)} {{ {sl.text(read(text))} }}" for name, text in problem.aux]
        rows.append("F_i {\n" + "".join(f"  {sl.text(read(text))},\n" for text in problem.equations) + "}")
        path = problem.folder / "problem.dsl"
        path.write_text("\n".join(rows) + "\n")
        worker = problem.folder.parent.parent / "diffsol/release/peer-diffsol"
        command = [worker, "--ensemble", path, problem.folder / "members.csv", repr(problem.end)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def prepare(rtol):
            def run():
                print(name, rtol, rtol * problem.atol, file=process.stdin, flush=True)
                answer = json.loads(process.stdout.readline())
                if "error" in answer:
                    raise RuntimeError(answer["error"])
                # The numbers' way through the pipe is not counted.
                return np.array(answer["ends"]), answer["seconds"]

            return run

        return prepare

    return make


def scipy(name, few=100):
    def make(problem):
        from numba import njit
        from scipy.integrate import solve_ivp

        give = lambda texts: [f"    d_[{k}] = {text}" for k, text in enumerate(texts)] + ["    return d_"]
        scope = {"np": np}
        exec(problem.source("def right(t_, y_, p_):", lambda texts: ["    d_ = np.empty(len(y_))"] + give(texts)), scope)
        right, span = njit(scope["right"]), (0.0, problem.end)

        def prepare(rtol):
            def run():
                ends = [solve_ivp(right, span, y0, method=name, rtol=rtol, atol=rtol * problem.atol, args=(p,)).y[:, -1]
                        for y0, p in zip(problem.y0[:few], problem.p[:few])]
                return np.array(ends)

            return run

        return prepare

    return make


def programs(problem):
    if problem.stiff:
        # Diffrax needs minutes for one run over stiff members: it is no rival there.
        return {"LSODA": native("lsoda"), "diffsol BDF": diffsol("bdf"), "diffsol ESDIRK34": diffsol("esdirk34"), "SciPy LSODA": scipy("LSODA")}
    return {"heyoka batch": heyoka, "DOP853": native("dop853"), "LSODA": native("lsoda"), "diffsol Tsit45": diffsol("tsit45"),
            "Diffrax Tsit5": diffrax("Tsit5"), "Diffrax Dopri8": diffrax("Dopri8"), "SciPy DOP853": scipy("DOP853")}


def timed(result):
    """Ends, and the seconds they took where the program says so itself."""
    return result if isinstance(result, tuple) else (result, None)


for folder in sorted(path for path in pathlib.Path(sys.argv[1]).iterdir() if path.is_dir()):
    problem = Problem(folder)
    for name, make in programs(problem).items():
        try:
            prepare = make(problem)
            for rtol in TOLERANCES:
                run = prepare(rtol)
                run()
                spent = []
                for _ in range(RUNS):
                    before = time.perf_counter()
                    ends, seconds = timed(run())
                    spent.append(seconds or time.perf_counter() - before)
                microseconds = min(spent) / len(ends) * 1e6
                print(f"{problem.name},{name},{rtol:e},{microseconds:.3f},{problem.error(ends):.2e}", flush=True)
        except Exception as error:
            print(f"{problem.name},{name}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
