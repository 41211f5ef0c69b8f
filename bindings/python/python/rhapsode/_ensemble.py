"""Many runs of one model: by the library's own ensembles, or on whatever maps functions over rows."""

import numpy as np

from ._core import ensemble_runs
from ._errors import InputError, SolveError


class Ensemble:
    """The runs of one model with many parameters.

    `ensemble["B"]` has a row per run where all runs kept as many points, `ensemble[k]` is run k, `errors` tells of the runs
    that failed, whose values are what was computed until then.
    """

    def __init__(self, names, params, runs):
        self.names = names
        self.params = params
        self.t = [t for t, _, _ in runs]
        self.rows = [rows for _, rows, _ in runs]
        self.errors = {k: error for k, (_, _, error) in enumerate(runs) if error is not None}

    def __len__(self):
        return len(self.t)

    def __getitem__(self, key):
        if isinstance(key, str):
            try:
                column = self.names.index(key)
            except ValueError:
                raise KeyError(f"no state or output is called `{key}`") from None
            return np.stack([rows[:, column] for rows in self.rows])
        return {"t": self.t[key]} | dict(zip(self.names, self.rows[key].T))

    def to_pandas(self):
        """A DataFrame with a row per run and point: the run's number, its parameters, time, states and outputs."""
        import pandas

        frames = []
        for k, (t, rows) in enumerate(zip(self.t, self.rows)):
            frame = pandas.DataFrame(rows, columns=self.names)
            frame.insert(0, "t", t)
            for name, values in reversed(self.params.items()):
                # A first value is called like the state that it begins.
                frame.insert(0, f"first {name}" if name in self.names else name, values[k])
            frame.insert(0, "run", k)
            frames.append(frame)
        return pandas.concat(frames, ignore_index=True)

    def __repr__(self):
        return f"<rhapsode.Ensemble: {len(self)} runs, {len(self.errors)} failed>"


def run(job):
    """One run, as plain arrays, so that it may be done anywhere."""
    model, params, span, options = job
    try:
        solution = model.solve(span, params, **options)
    except SolveError as error:
        return error.partial.t, error.partial.rows, str(error)
    return solution.t, solution.rows, None


def ensemble(model, params, span, executor, threads, options):
    params, options = _columns(params), options or {}
    if executor is None:
        runs = ensemble_runs(model, params, span, threads, options)
    else:
        rows = [dict(zip(params, row)) for row in zip(*(values.tolist() for values in params.values()))]
        runs = _mapped(executor, [(model, row, span, options) for row in rows])
    return Ensemble(model.states + model.outputs, params, runs)


def _columns(params):
    """The columns of a table by name, all of one length."""
    if isinstance(params, type) or not hasattr(params, "keys"):
        raise InputError(f"params must be a dict of arrays or a DataFrame, found {params!r}")
    try:
        columns = {str(name): np.asarray(params[name], dtype=float) for name in params.keys()}
    except (TypeError, ValueError) as error:
        raise InputError(f"params must have columns of numbers: {error}") from error
    lengths = sorted({column.shape for column in columns.values()})
    if len(lengths) != 1 or len(lengths[0]) != 1:
        raise InputError(f"params must have columns of one length, found shapes {lengths}")
    return columns


#: Elsewhere so many runs are done at a time at most: a worker compiles the model once for them.
MOST_AT_ONCE = 100


def run_all(jobs):
    """Several runs, one after the other."""
    return [run(job) for job in jobs]


def _mapped(executor, jobs):
    """The results of all jobs, in their order."""
    size = min(MOST_AT_ONCE, max(1, len(jobs) // 16))
    parts = [jobs[k : k + size] for k in range(0, len(jobs), size)]
    if hasattr(executor, "gather"):
        # A Dask client: parts of a worker that dies are done by another.
        results = executor.gather(executor.map(run_all, parts, pure=False))
    elif hasattr(executor, "remote") and hasattr(executor, "get"):
        # The module ray.
        remote = executor.remote(max_retries=-1)(run_all)
        results = executor.get([remote.remote(part) for part in parts])
    elif not isinstance(executor, type) and callable(getattr(executor, "map", None)):
        results = executor.map(run_all, parts)
    else:
        raise InputError(f"executor must have a method map, or be a Dask client or the module ray, found {executor!r}")
    return [result for part in results for result in part]
