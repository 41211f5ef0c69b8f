"""A worker: gradients of one misfit by Diffrax, CasADi or AMICI. `peers.py FOLDER`, then lines `solver rtol seconds` on standard
input, each answered with one line of JSON: the median time of a value and gradient, of a value alone, and the numbers."""

import json
import pathlib
import statistics
import sys
import time

import numpy as np
from fits import arrays, python

folder = pathlib.Path(sys.argv[1])
problem = json.loads((folder / "problem.json").read_text())
p0 = np.array(list(problem["parameters"].values()))
y0, times = np.array(problem["y0"]), np.array(problem["times"])
data, scale = np.array(problem["data"]), np.array(problem["scale"])


def diffrax(solver):
    import diffrax as dx
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    if "reactions" in problem:
        k, first, second, factors, rows, columns, values = arrays(problem)

        def field(t, y, p):
            extended = jnp.append(y, 1.0)
            flux = factors * p[k] * extended[first] * extended[second]
            return jnp.zeros_like(y).at[rows].add(values * flux[columns])
    else:
        names = {s: f"y[{k}]" for k, s in enumerate(problem["states"])}
        names |= {s: f"p[{k}]" for k, s in enumerate(problem["parameters"])}
        code = compile(python(problem["equations"], names), "field", "eval")

        def field(t, y, p):
            return jnp.stack(eval(code, {"y": y, "p": p}))

    term = dx.ODETerm(field)

    def misfit(p, rtol):
        controller = dx.PIDController(rtol=rtol, atol=rtol * problem["atol"], pcoeff=0.3, icoeff=0.4)
        solution = dx.diffeqsolve(
            term, getattr(dx, solver)(), 0.0, times[-1], None, jnp.array(y0), p, saveat=dx.SaveAt(ts=jnp.array(times)),
            stepsize_controller=controller, max_steps=4096, adjoint=dx.RecursiveCheckpointAdjoint(),
        )
        return 0.5 * jnp.sum(((solution.ys - data) / scale) ** 2)

    both, value = jax.jit(jax.value_and_grad(misfit)), jax.jit(misfit)
    p = jnp.array(p0)
    wait = jax.block_until_ready
    return (lambda rtol: wait(both(p, rtol))), (lambda rtol: wait(value(p, rtol)))


def casadi(_):
    import casadi as ca

    y, p = ca.SX.sym("y", len(y0)), ca.SX.sym("p", len(p0))
    if "reactions" in problem:
        k, first, second, factors, rows, columns, values = arrays(problem)
        extended = ca.vertcat(y, 1)
        flux = ca.DM(factors) * p[k.tolist()] * extended[first.tolist()] * extended[second.tolist()]
        matrix = ca.DM(ca.Sparsity.triplet(len(y0), len(k), rows.tolist(), columns.tolist()), values)
        right = matrix @ flux
    else:
        names = {s: f"y[{k}]" for k, s in enumerate(problem["states"])}
        names |= {s: f"p[{k}]" for k, s in enumerate(problem["parameters"])}
        right = ca.vertcat(*eval(python(problem["equations"], names), {"y": y, "p": p}))
    made = {}

    def functions(rtol):
        if rtol not in made:
            options = dict(reltol=rtol, abstol=rtol * problem["atol"], max_num_steps=100_000)
            if not problem["stiff"]:
                options |= dict(linear_multistep_method="adams", nonlinear_solver_iteration="functional")
            step = ca.integrator("F", "cvodes", dict(x=y, p=p, ode=right), 0, times.tolist(), options)
            q = ca.MX.sym("q", len(p0))
            out = step(x0=y0, p=q)["xf"]
            cost = 0.5 * ca.sumsqr((out - data.T) / ca.repmat(ca.DM(scale), 1, len(times)))
            made[rtol] = (ca.Function("g", [q], [cost, ca.gradient(cost, q)]), ca.Function("v", [q], [cost]))
        return made[rtol]

    return (lambda rtol: tuple(map(np.array, functions(rtol)[0](p0)))), (lambda rtol: functions(rtol)[1](p0))


def amici(way):
    import amici.sim.sundials as sundials

    model = amici_model()
    ids = [model.get_free_parameter_ids().index(name) for name in problem["parameters"]]
    model.set_timepoints(times)
    measured = sundials.ExpData(model)
    places = {name: k for k, name in enumerate(model.get_observable_ids())}
    rows = np.empty_like(data)
    for k, state in enumerate(problem["states"]):
        rows[:, places[f"d_{state}"]] = data[:, k]
    measured.set_measurements(rows.ravel())
    # What the likelihood has beside the misfit.
    beside = len(times) * np.sum(0.5 * np.log(2 * np.pi * scale**2))
    solvers = {}

    def run(rtol, order):
        if (rtol, order) not in solvers:
            solver = solvers[rtol, order] = model.create_solver()
            solver.set_sensitivity_order(getattr(sundials.SensitivityOrder, order))
            solver.set_sensitivity_method(getattr(sundials.SensitivityMethod, way))
            solver.set_return_data_reporting_mode(sundials.RDataReporting.likelihood)
            for tolerance in ("", "_b", "_fsa", "_quadratures"):
                getattr(solver, f"set_relative_tolerance{tolerance}")(rtol)
                getattr(solver, f"set_absolute_tolerance{tolerance}")(rtol * problem["atol"])
            solver.set_max_steps(100_000)
            solver.set_max_steps_backward_problem(100_000)
            if not problem["stiff"]:
                solver.set_linear_multistep_method(sundials.LinearMultistepMethod.adams)
                solver.set_stability_limit_flag(False)
        result = sundials.run_simulation(model, solvers[rtol, order], measured)
        if result.status != sundials.AMICI_SUCCESS:
            raise RuntimeError(f"status {result.status}")
        return result

    def both(rtol):
        result = run(rtol, "first")
        return -result.llh - beside, -np.asarray(result.sllh)[ids]

    return both, (lambda rtol: run(rtol, "none").llh)


def amici_model():
    """The model as AMICI imports it from SBML, generated and compiled once."""
    import amici as package
    from amici.importers.sbml import MeasurementChannel, SbmlImporter

    name, made = f"amici_{problem['name']}", (folder / "amici").resolve()
    if not made.exists():
        seen = [MeasurementChannel(f"d_{s}", formula=s, sigma=width) for s, width in zip(problem["states"], problem["scale"])]
        importer = SbmlImporter(sbml(), from_file=False)
        # Mass action has nothing that its search for simpler forms, of hours, could find.
        importer.sbml2amici(name, made, observation_model=seen, compute_conservation_laws=False, simplify=None)
    return package.import_model_module(name, made).get_model()


def sbml():
    """The problem as SBML: reactions where it has them, else a rate rule per state."""
    import libsbml

    document = libsbml.SBMLDocument(3, 2)
    model = document.createModel(problem["name"])
    compartment = model.createCompartment()
    compartment.setId("everywhere"), compartment.setSize(1.0), compartment.setConstant(True)
    for state, start in zip(problem["states"], problem["y0"]):
        species = model.createSpecies()
        species.setId(state), species.setCompartment("everywhere"), species.setInitialAmount(start)
        species.setHasOnlySubstanceUnits(True), species.setBoundaryCondition(False), species.setConstant(False)
    for name, value in problem["parameters"].items():
        parameter = model.createParameter()
        parameter.setId(name), parameter.setValue(value), parameter.setConstant(True)
    rates, states = list(problem["parameters"]), problem["states"]
    for number, (k, reactants, changes, factor) in enumerate(problem.get("reactions", [])):
        reaction = model.createReaction()
        reaction.setId(f"r{number}"), reaction.setReversible(False)
        for state, change in changes:
            side = reaction.createProduct() if change > 0 else reaction.createReactant()
            side.setSpecies(states[state]), side.setStoichiometry(abs(change)), side.setConstant(True)
        changed = {state for state, change in changes if change < 0}
        for state in set(reactants) - changed:
            reaction.createModifier().setSpecies(states[state])
        law = "*".join([repr(factor), rates[k], *(states[r] for r in reactants)])
        reaction.createKineticLaw().setMath(libsbml.parseL3Formula(law))
    if "reactions" not in problem:
        for state, equation in zip(states, problem["equations"]):
            rule = model.createRateRule()
            rule.setVariable(state), rule.setMath(libsbml.parseL3Formula(equation))
    return libsbml.writeSBMLToString(document)


MAKERS = {"diffrax": diffrax, "casadi": casadi, "amici": amici}
made = {}


def median(call, budget):
    call()
    begun, spent = time.perf_counter(), []
    while len(spent) < 3 or (time.perf_counter() - begun < budget and len(spent) < 10_000):
        before = time.perf_counter()
        call()
        spent.append(time.perf_counter() - before)
        if time.perf_counter() - begun > 20 * budget:
            break
    return statistics.median(spent)


for line in sys.stdin:
    solver, rtol, budget = line.split()
    rtol, budget = float(rtol), float(budget)
    try:
        kind, _, method = solver.partition(":")
        if solver not in made:
            made[solver] = MAKERS[kind](method)
        both, value = made[solver]
        v, g = both(rtol)
        answer = dict(value=float(np.asarray(v).ravel()[0]), gradient=np.asarray(g).ravel().tolist(), seconds=median(lambda: both(rtol), budget),
                      plain=median(lambda: value(rtol), budget))
    except Exception as error:
        answer = dict(error=f"{solver}: {type(error).__name__}: {str(error)[:300]}")
    print(json.dumps(answer), flush=True)
