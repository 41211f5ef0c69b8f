"""Solutions as tables of other packages."""


def to_pandas(solution):
    """A DataFrame: a column per state and output, element by element, indexed by time."""
    import pandas

    t = pandas.Index(solution.t, name=solution.model.independent)
    # All at once: adding columns one by one takes long where there are many.
    return pandas.DataFrame({name: solution[name] for name in solution.names}, index=t)


def to_xarray(solution):
    """A Dataset: a variable per state and output; an array `u[i,j]` has the dimensions `u_0`, `u_1` and time, with its
    subscripts as coordinates."""
    import xarray

    time = solution.model.independent
    variables, coordinates = {}, {time: solution.t}
    for name, extent, first, kind in solution.quantities:
        dims = [f"{name}_{k}" for k in range(len(extent))]
        for dim, n, lo in zip(dims, extent, first):
            coordinates[dim] = range(lo, lo + n)
        attributes = {"kind": kind}
        if doc := solution.model.doc(name):
            attributes["long_name"] = doc
        variables[name] = (dims + [time], solution[name], attributes)
    statistics = {key: value for key, value in solution.statistics.items() if value not in ("", [])}
    return xarray.Dataset(variables, coordinates, attrs={"model": solution.model.name, **statistics})
