"""How models and solutions look in notebooks, and figures."""

from html import escape

import numpy as np

#: Solutions with more curves than this are drawn as their first ones, unless names are given.
MOST_CURVES = 12


def model_latex(model):
    return f"$${model.show('equations', 'latex')}$$"


def model_html(model):
    """Name, equations and parameters."""
    # The page has a head and a style of its own, which do not belong into a notebook.
    page = model.page()
    body = page[page.index("<body>") + len("<body>") : page.rindex("</body>")]
    return f'<div class="rhapsode-model">{body}</div>'


def solution_html(solution):
    """A table of the first and the last points, and how the run went."""
    names = solution.names[:8]
    rows = list(range(len(solution.t)))
    shown = rows if len(rows) <= 8 else rows[:4] + [None] + rows[-4:]
    columns = [solution.t] + [solution[name] for name in names]
    heads = [solution.model.independent] + names + (["…"] if len(solution.names) > len(names) else [])
    lines = ["".join(f"<th>{escape(head)}</th>" for head in heads)]
    for row in shown:
        cells = ["…"] * len(columns) if row is None else [f"{column[row]:.6g}" for column in columns]
        lines.append("".join(f"<td>{cell}</td>" for cell in cells))
    table = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table>{table}</table><p>{escape(repr(solution)[1:-1])}</p>"


def plot(solution, names, ax=None, style=None):
    """Draws the named states and outputs, or the first ones, over time."""
    import matplotlib.pyplot as plt

    ax = plt.gca() if ax is None else ax
    # A smooth curve through few points of the method's own steps, where there is a curve between them.
    for name in names or solution.names[:MOST_CURVES]:
        values = np.atleast_2d(solution[name].reshape(-1, len(solution.t)))
        for k, curve in enumerate(values):
            label = name if len(values) == 1 else (f"{name}, all {len(values)}" if k == 0 else None)
            ax.plot(solution.t, curve, label=label, **(style or {}))
    ax.set_xlabel(solution.model.independent)
    ax.legend()
    return ax
