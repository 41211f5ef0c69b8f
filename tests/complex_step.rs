//! Jacobians against the complex step: ∂f/∂y = Im f(y + i h e)/h with h = 1e-30, which rounds as f does and truncates
//! nothing (Squire & Trapp, SIAM Review 40 (1998) 110).
//!
//! The lowered right-hand side runs in complex arithmetic here, so this check shares nothing with the differentiation
//! it judges: neither rules nor graph.

#[path = "common/network.rs"]
mod network;

use rhapsode::backend::interpret::Interpreter;
use rhapsode::kernel::program::{
    Address, Affine, Binary, Buffer, Compare, Kernel, LoopVar, Op, Program, Stmt, Unary, Value,
};
use rhapsode::kernel::{Form, Target64, lower, lower_as};
use rhapsode::math::{Entry, Function};
use rhapsode::{Backend, Model};

const H: f64 = 1e-30;

/// A complex number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct C(f64, f64);

impl C {
    fn times(self, b: C) -> C {
        C(self.0 * b.0 - self.1 * b.1, self.0 * b.1 + self.1 * b.0)
    }

    fn plus(self, b: C) -> C {
        C(self.0 + b.0, self.1 + b.1)
    }

    fn minus(self, b: C) -> C {
        C(self.0 - b.0, self.1 - b.1)
    }

    fn over(self, b: C) -> C {
        // b's imaginary part is tiny: its square vanishes beside that of the real part.
        let size = b.0 * b.0 + b.1 * b.1;
        C((self.0 * b.0 + self.1 * b.1) / size, (self.1 * b.0 - self.0 * b.1) / size)
    }

    fn exp(self) -> C {
        let size = self.0.exp();
        C(size * self.1.cos(), size * self.1.sin())
    }

    fn log(self) -> C {
        C(self.0.hypot(self.1).ln(), self.1.atan2(self.0))
    }

    fn sqrt(self) -> C {
        let root = self.0.sqrt();
        C(root, if root == 0.0 { f64::NAN } else { 0.5 * self.1 / root })
    }

    fn sin(self) -> C {
        C(self.0.sin() * self.1.cosh(), self.0.cos() * self.1.sinh())
    }

    fn cos(self) -> C {
        C(self.0.cos() * self.1.cosh(), -self.0.sin() * self.1.sinh())
    }

    fn sinh(self) -> C {
        C(self.0.sinh() * self.1.cos(), self.0.cosh() * self.1.sin())
    }

    fn cosh(self) -> C {
        C(self.0.cosh() * self.1.cos(), self.0.sinh() * self.1.sin())
    }

    /// Of a real number from the library, with the imaginary part of the complex formula.
    fn with(self, function: Function, im: f64) -> C {
        match function.entry() {
            Entry::One(f) => C(f(self.0), im),
            Entry::Two(_) => C(f64::NAN, f64::NAN),
        }
    }
}

/// Analytic functions by their complex definitions; `None` for those that have none here.
fn function(f: Function, a: C) -> Option<C> {
    let one = C(1.0, 0.0);
    Some(match f {
        Function::Exp => a.exp(),
        Function::Expm1 => a.with(f, a.exp().1),
        Function::Log => a.log(),
        Function::Log1p => a.with(f, one.plus(a).log().1),
        Function::Log10 => a.with(f, a.log().1 / std::f64::consts::LN_10),
        Function::Log2 => a.with(f, a.log().1 / std::f64::consts::LN_2),
        Function::Cbrt => {
            // |a|^(1/3) on the negative side too: the real cube root.
            let side = if a.0 < 0.0 { C(-1.0, 0.0) } else { one };
            side.times(C(1.0 / 3.0, 0.0).times(side.times(a).log()).exp())
        }
        Function::Sin => a.sin(),
        Function::Cos => a.cos(),
        Function::Tan => a.sin().over(a.cos()),
        Function::Sinh => a.sinh(),
        Function::Cosh => a.cosh(),
        Function::Tanh => a.sinh().over(a.cosh()),
        _ => return None,
    })
}

/// A kernel in complex arithmetic.
struct Run<'a> {
    t: C,
    y: &'a [C],
    p: &'a [C],
    w: Vec<C>,
    out: Vec<C>,
    values: Vec<C>,
    loops: Vec<i64>,
    /// An operation without a complex meaning was met: nothing is claimed.
    real_only: bool,
}

impl Run<'_> {
    fn place(&self, affine: &Affine) -> usize {
        usize::try_from(affine.eval(&self.loops)).unwrap()
    }

    fn load(&self, address: &Address) -> C {
        let at = self.place(&address.element);
        match address.buffer {
            Buffer::Y => self.y[at],
            Buffer::P => self.p[at],
            Buffer::W => self.w[at],
            Buffer::V | Buffer::Out => panic!("read of a buffer that the right-hand side does not have"),
        }
    }

    fn op(&mut self, op: &Op) -> C {
        let v = |value: &Value| self.values[value.0 as usize];
        let truth = |c: bool| C(f64::from(c), 0.0);
        match op {
            Op::Const(x) => C(*x, 0.0),
            Op::Time => self.t,
            Op::Index(LoopVar(var)) => C(self.loops[*var as usize] as f64, 0.0),
            Op::Load(address) => self.load(address),
            Op::Unary(Unary::Neg, a) => C(-v(a).0, -v(a).1),
            Op::Unary(Unary::Abs, a) => {
                if v(a).0 < 0.0 {
                    C(-v(a).0, -v(a).1)
                } else {
                    v(a)
                }
            }
            Op::Unary(Unary::Sqrt, a) => v(a).sqrt(),
            Op::Unary(Unary::Floor, a) => C(v(a).0.floor(), 0.0),
            Op::Unary(Unary::Ceil, a) => C(v(a).0.ceil(), 0.0),
            Op::Binary(Binary::Add, a, b) => v(a).plus(v(b)),
            Op::Binary(Binary::Sub, a, b) => v(a).minus(v(b)),
            Op::Binary(Binary::Mul, a, b) => v(a).times(v(b)),
            Op::Binary(Binary::Div, a, b) => v(a).over(v(b)),
            Op::Binary(Binary::Min, a, b) => {
                if v(a).0 < v(b).0 {
                    v(a)
                } else {
                    v(b)
                }
            }
            Op::Binary(Binary::Max, a, b) => {
                if v(a).0 > v(b).0 {
                    v(a)
                } else {
                    v(b)
                }
            }
            Op::Fma(a, b, c) => v(a).times(v(b)).plus(v(c)),
            Op::Foreign(foreign, ..) => panic!("there is no host with {}", foreign.name),
            Op::Curve(curve, order, a) => C(curve.value(*order, v(a).0), curve.value(order + 1, v(a).0) * v(a).1),
            Op::Call1(f, a) => {
                let a = v(a);
                function(*f, a).unwrap_or_else(|| {
                    self.real_only = true;
                    a.with(*f, f64::NAN)
                })
            }
            Op::Call2(Function::Pow, a, b) if v(a).0 > 0.0 => v(b).times(v(a).log()).exp(),
            Op::Call2(..) => {
                self.real_only = true;
                C(f64::NAN, f64::NAN)
            }
            Op::Compare(how, a, b) => {
                let (a, b) = (v(a).0, v(b).0);
                truth(match how {
                    Compare::Lt => a < b,
                    Compare::Le => a <= b,
                    Compare::Eq => a == b,
                    Compare::Ne => a != b,
                })
            }
            Op::And(a, b) => truth(v(a).0 != 0.0 && v(b).0 != 0.0),
            Op::Or(a, b) => truth(v(a).0 != 0.0 || v(b).0 != 0.0),
            Op::Not(a) => truth(v(a).0 == 0.0),
            Op::Select(c, a, b) => {
                if v(c).0 != 0.0 {
                    v(a)
                } else {
                    v(b)
                }
            }
        }
    }

    fn body(&mut self, body: &[Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::Let { dst, op } => self.values[dst.0 as usize] = self.op(op),
                Stmt::Store { to, value } => {
                    let (at, value) = (self.place(&to.element), self.values[value.0 as usize]);
                    match to.buffer {
                        Buffer::W => self.w[at] = value,
                        _ => self.out[at] = value,
                    }
                }
                Stmt::Wrap { var, of, extent } => {
                    self.loops[var.0 as usize] = of.eval(&self.loops).rem_euclid(*extent);
                }
                Stmt::Lookup { var, table, at } => {
                    self.loops[var.0 as usize] = i64::from(table[at.eval(&self.loops) as usize]);
                }
                Stmt::Loop { var, lo, hi, carried, body } => {
                    for c in carried {
                        self.values[c.acc.0 as usize] = self.values[c.init.0 as usize];
                    }
                    for turn in *lo..=*hi {
                        self.loops[var.0 as usize] = turn;
                        self.body(body);
                        let next: Vec<C> = carried.iter().map(|c| self.values[c.next.0 as usize]).collect();
                        for (c, next) in carried.iter().zip(next) {
                            self.values[c.acc.0 as usize] = next;
                        }
                    }
                    for c in carried {
                        self.values[c.result.0 as usize] = self.values[c.acc.0 as usize];
                    }
                }
            }
        }
    }
}

/// The kernel's result, or `None` where it uses what has no complex meaning.
fn run(kernel: &Kernel, t: C, y: &[C], p: &[C]) -> Option<Vec<C>> {
    let (w, out) = (vec![C::default(); kernel.lengths.w], vec![C::default(); kernel.lengths.out]);
    let mut run = Run { t, y, p, w, out, values: Vec::new(), loops: Vec::new(), real_only: false };
    for piece in &kernel.pieces {
        run.values = vec![C::default(); piece.values as usize];
        run.loops = vec![0; piece.loops as usize];
        run.body(&piece.body);
    }
    (!run.real_only).then_some(run.out)
}

fn kernel<'a>(program: &'a Program, name: &str) -> &'a Kernel {
    program.kernel(name).unwrap()
}

/// How many derivatives of the model were compared; 0 where its right-hand side has no complex meaning.
fn compare(name: &str, text: &str) -> usize {
    let model = Model::parse_with(&rhapsode::FileLoader, name, text).unwrap_or_else(|e| panic!("{e}"));
    let lowered = lower(model.checked(), model.derivatives(), Target64 { fma: false });
    let rhs = kernel(&lowered.program, "rhs");
    let compiled = model.compile_with(Backend::Interpret).unwrap();
    let bound = compiled.bind(&compiled.problem().parameter_values().unwrap());
    let mut y = compiled.initial(0.3, &bound);
    // Off the initial values, which may be kinks or roots.
    y.iter_mut().enumerate().for_each(|(k, y)| *y += 0.05 + 0.01 * ((k * 7) % 13) as f64);
    let system = compiled.system();
    let (pattern, n) = (system.jacobian_pattern(), y.len());
    let mut w = vec![0.0; system.shape().work];
    let mut values = vec![0.0; pattern.nnz()];
    system.jacobian(0.3, &y, &bound, &mut w, &mut values);
    let complex = |list: &[f64]| list.iter().map(|x| C(*x, 0.0)).collect::<Vec<_>>();
    let (p, mut z) = (complex(&bound), complex(&y));
    let mut compared = 0;
    for j in 0..n {
        z[j].1 = H;
        let Some(slopes) = run(rhs, C(0.3, 0.0), &z, &p) else { return 0 };
        z[j].1 = 0.0;
        for (i, slope) in slopes.iter().enumerate() {
            let (expected, found) = (slope.1 / H, pattern.place(i, j).map_or(0.0, |k| values[k]));
            let size = 1.0 + expected.abs();
            assert!((found - expected).abs() <= 1e-11 * size, "{name}: d[{i}]/d[{j}] is {found:e}, not {expected:e}");
            compared += 1;
        }
    }
    if model.derivatives().time.is_empty() {
        return compared;
    }
    let mut ft = vec![0.0; n];
    system.time_derivative(0.3, &y, &bound, &mut w, &mut ft);
    let Some(slopes) = run(rhs, C(0.3, H), &z, &p) else { return 0 };
    for (found, slope) in ft.iter().zip(slopes) {
        let expected = slope.1 / H;
        assert!((found - expected).abs() <= 1e-11 * (1.0 + expected.abs()), "{name}: by time {found:e}, {expected:e}");
    }
    compared
}

#[test]
fn jacobians_of_the_examples() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models");
    let mut compared = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "ode") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        // The same equations on a coarser grid: the cost here grows with the square of the size.
        let text = std::fs::read_to_string(&path).unwrap();
        let text = ["32", "64", "100", "200"]
            .iter()
            .fold(text, |text, size| text.replace(&format!("const N = {size}\n"), "const N = 8\n"));
        if text.contains("use \"") {
            continue;
        }
        let count = compare(&path.to_string_lossy(), &text);
        println!("{name}: {count}");
        compared.push(count);
    }
    assert!(compared.iter().filter(|count| **count > 0).count() >= 15, "{compared:?}");
}

/// The Jacobian of a network as loops over tables, against its right-hand side in the same form and as straight-line code.
#[test]
fn jacobians_of_networks_as_tables() {
    let model = Model::parse(&network::network(40, 250, 3)).unwrap_or_else(|e| panic!("{e}"));
    for form in [Form::Tables, Form::Straight] {
        let lowered = lower_as(model.checked(), model.derivatives(), Target64 { fma: false }, Form::Tables);
        let interpreter = Interpreter::new(&lowered.program).unwrap_or_else(|e| panic!("{e}"));
        let mut p = model.compile_with(Backend::Interpret).unwrap().problem().parameter_values().unwrap();
        p.extend(network::call(&interpreter, "bind", &[], &p));
        let y: Vec<f64> = (0..40).map(|k| 0.05 + 0.01 * ((k * 7) % 13) as f64).collect();
        let (pattern, places) = lowered.jacobian.pattern();
        assert!(places.is_none());
        let values = network::call(&interpreter, "jacobian", &y, &p);
        let other = lower_as(model.checked(), model.derivatives(), Target64 { fma: false }, form);
        let own = Interpreter::new(&other.program).unwrap_or_else(|e| panic!("{e}"));
        let mut q = p[..lowered.parameters].to_vec();
        q.extend(network::call(&own, "bind", &[], &q));
        let complex = |list: &[f64]| list.iter().map(|x| C(*x, 0.0)).collect::<Vec<_>>();
        let (q, mut z) = (complex(&q), complex(&y));
        for j in 0..y.len() {
            z[j].1 = H;
            let slopes = run(kernel(&other.program, "rhs"), C(0.7, 0.0), &z, &q).unwrap();
            z[j].1 = 0.0;
            for (i, slope) in slopes.iter().enumerate() {
                let (expected, found) = (slope.1 / H, pattern.place(i, j).map_or(0.0, |k| values[k]));
                assert!((found - expected).abs() <= 1e-12 * (1.0 + expected.abs()), "[{i}, {j}]: {found} {expected}");
            }
        }
    }
}

#[test]
fn jacobians_of_functions() {
    for (k, f) in
        ["exp", "expm1", "log", "log1p", "log10", "log2", "cbrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sqrt"]
            .iter()
            .enumerate()
    {
        let text =
            format!("init x = 0.3, z = 0.7\nx' = {f}(x*z)^2*z^2.5/(z + {k})\nz' = t*{f}(z + t*x) - abs(x - 2)^x\n");
        assert_eq!(compare(f, &text), 4, "{f}");
    }
}

/// The check itself can fail: a wrong imaginary part is seen.
#[test]
fn the_step_sees_a_derivative() {
    let x = C(0.7, H);
    let f = function(Function::Tanh, x.times(x)).unwrap();
    let exact = 2.0 * 0.7 / 0.49f64.cosh().powi(2);
    assert!((f.1 / H - exact).abs() < 1e-15, "{} {exact}", f.1 / H);
}
