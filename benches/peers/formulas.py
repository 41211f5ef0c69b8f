"""Infix formulas, and the same formula in the notation of each program that is compared.

A formula is what `problem.toml` holds: `+ - * / ^`, calls, `if(cond, a, b)`. It is read once into Python's own syntax
tree; every notation is one walk over that tree, so that all programs get the same operations in the same order.
"""

import ast


def read(text):
    """The syntax tree of a formula."""
    return ast.parse(text.replace("^", "**").replace("if(", "where(").strip(), mode="eval").body


class Notation:
    """A walk over the tree; subclasses say how a power and a condition are spelled."""

    operators = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
    comparisons = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}

    def __init__(self, rename=lambda name: name):
        self.rename = rename

    def text(self, node):
        match node:
            case ast.Constant():
                return self.number(node.value)
            case ast.Name():
                return self.rename(node.id)
            case ast.UnaryOp(op=ast.USub()):
                return f"(-{self.text(node.operand)})"
            case ast.UnaryOp():
                return self.text(node.operand)
            case ast.BinOp(op=ast.Pow()):
                return self.power(node.left, node.right)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return f"({self.sum(node)})"
            case ast.BinOp():
                return f"({self.text(node.left)} {self.operators[type(node.op)]} {self.text(node.right)})"
            case ast.Compare():
                sign = self.comparisons[type(node.ops[0])]
                return f"({self.text(node.left)} {sign} {self.text(node.comparators[0])})"
            case ast.Call(func=ast.Name(id="where")):
                return self.where(*node.args)
            case ast.Call():
                return self.call(node.func.id, [self.text(a) for a in node.args])
        raise ValueError(ast.dump(node))

    def sum(self, node):
        """A chain of sums needs one pair of parentheses, not one for each of hundreds of terms."""
        terms = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
            terms.append(f"{self.operators[type(node.op)]} {self.text(node.right)}")
            node = node.left
        return " ".join([self.text(node), *reversed(terms)])

    def number(self, value):
        return repr(float(value))

    def call(self, name, arguments):
        return f"{name}({', '.join(arguments)})"

    def where(self, condition, yes, no):
        return f"where({self.text(condition)}, {self.text(yes)}, {self.text(no)})"

    def power(self, base, exponent):
        """Small whole powers are products and halves roots, as a careful author would write them by hand."""
        base, value = self.text(base), constant(exponent)
        if value in (2.0, 3.0, 4.0):
            return "(" + "*".join([base] * int(value)) + ")"
        if value == 1.5:
            return f"({base}*{self.call('sqrt', [base])})"
        return self.general_power(base, self.text(exponent))

    def general_power(self, base, exponent):
        return self.call("pow", [base, exponent])


class C(Notation):
    def where(self, condition, yes, no):
        return f"({self.text(condition)} ? {self.text(yes)} : {self.text(no)})"


class Python(Notation):
    """Scalar Python for JAX and SymPy; `where` and the functions are in scope under these names."""

    def general_power(self, base, exponent):
        return f"({base})**({exponent})"


class Heyoka(Python):
    """heyoka recognises powers by itself, and prefers them whole."""

    def power(self, base, exponent):
        return f"({self.text(base)})**{constant(exponent)!r}"

    def where(self, condition, yes, no):
        left, right = self.text(condition.left), self.text(condition.comparators[0])
        name = {ast.Lt: "lt", ast.LtE: "lte", ast.Gt: "gt", ast.GtE: "gte"}[type(condition.ops[0])]
        return f"select({name}({left}, {right}), {self.text(yes)}, {self.text(no)})"


class DiffSl(Notation):
    def number(self, value):
        return f"{float(value):.17g}" if "e" in repr(float(value)) else repr(float(value))

    def where(self, condition, yes, no):
        """Smooth enough on either side: a Heaviside step (the only conditional DiffSL has)."""
        left, right = self.text(condition.left), self.text(condition.comparators[0])
        step = f"heaviside({right} - {left})"
        if isinstance(condition.ops[0], (ast.Gt, ast.GtE)):
            step = f"heaviside({left} - {right})"
        return f"({step}*({self.text(yes)}) + (1.0 - {step})*({self.text(no)}))"


class Rhapsode(Notation):
    def where(self, condition, yes, no):
        return f"(if {self.text(condition)} then {self.text(yes)} else {self.text(no)})"

    def power(self, base, exponent):
        return f"({self.text(base)})^({self.text(exponent)})"


def constant(node):
    """The value of a formula without names, or None."""
    try:
        return float(eval(compile(ast.Expression(node), "", "eval"), {"__builtins__": {}}))
    except Exception:
        return None
