//! Crossings within a step: `solve/events/locate.rs` as functions that stand alone.

use super::Drive;
use super::events::Table;
use super::memory::{Cell, PANELS};
use super::series::{next, sign};
use crate::kernel::control::Kind::{Count, Pointer, Real};
use crate::kernel::control::{
    Expr, Function, Local, Number, Whole, Writer, converted, element, less, moved, same, select, truncated, whole,
};
use crate::system::constants::{HALVINGS, RESOLVED};

/// What all of these functions begin with: the caller's memory, the states before and after the step.
const STEP: [(&str, crate::kernel::control::Kind); 3] = [("memory", Pointer), ("before", Pointer), ("here", Pointer)];

/// The locals of a function that looks along a step.
#[derive(Clone, Copy)]
struct Along {
    memory: Local,
    before: Local,
    here: Local,
}

impl Along {
    /// Arguments for a function that looks along the same step.
    fn and(self, more: impl IntoIterator<Item = Expr>) -> Vec<Expr> {
        [self.memory, self.before, self.here].into_iter().map(Expr::from).chain(more).collect()
    }
}

impl Drive {
    pub(super) fn location_functions(&self, table: &Table) -> Vec<Function> {
        vec![self.look(table), table.refine(), table.found(), table.on_panel(), self.crossings(table)]
    }

    /// `look(memory, before, here, t, place)`: the watched functions at a time inside the last step, of which one is given;
    /// the state there stays in memory.
    fn look(&self, table: &Table) -> Function {
        let [memory, before, here] = STEP;
        let parameters = [memory, before, here, ("t", Real), ("place", Count)];
        let (mut f, [memory, before, here, t, place]) = Writer::new("look", Real, parameters);
        let at = table.at(memory);
        let i = f.count("i", 0);
        f.choose(
            t.equals(at.get(Cell::Here)),
            |f| f.times(i, self.n as i64, |f| f.store(at.y(), i, element(here, i))),
            |f| {
                let theta = (t - at.get(Cell::Before)) / at.get(Cell::Length);
                f.kernel("dense", [theta, before.into(), at.dense(), here.into(), at.work(), at.y()]);
            },
        );
        f.kernel("surfaces", [t.into(), at.y(), at.bound(), memory.into(), at.work(), at.g_at()]);
        f.finish(element(at.g_at(), place))
    }

    /// `crossings(memory, before, here)`: all crossings of the last step in order of time; how many.
    fn crossings(&self, table: &Table) -> Function {
        let (mut f, [memory, before, here]) = Writer::new("crossings", Count, STEP);
        let (at, along) = (table.at(memory), Along { memory, before, here });
        let (m, terms) = (table.watched as i64, table.terms as i64);
        let [count, k, i, j, finite, split] = ["count", "k", "i", "j", "finite", "split"].map(|name| f.count(name, 0));
        let [a, b, depth, middle, t, value] = ["a", "b", "depth", "middle", "t", "value"].map(|name| f.real(name, 0.0));
        let [t0, t1] = [("t0", Cell::Before), ("t1", Cell::Here)].map(|(name, cell)| f.real(name, at.get(cell)));
        f.times(k, m, |f| {
            f.set(value, element(at.g(), k).size());
            f.when(value.finite(), |f| f.store(at.largest(), k, element(at.largest(), k).most(value)));
        });
        let top = f.count("top", 1);
        let panel = f.pointer("panel", at.panels());
        let push = |f: &mut Writer, values: [Expr; 3]| {
            f.set(panel, moved(at.panels(), whole(Whole::Mul, top, 3)));
            values.into_iter().enumerate().for_each(|(place, value)| f.store(panel, place as i64, value));
            f.advance(top);
        };
        f.set(top, 0);
        push(&mut f, [t0.into(), t1.into(), 0.0.into()]);
        f.repeat(less(0, top), |f| {
            f.set(top, whole(Whole::Sub, top, 1));
            f.set(panel, moved(at.panels(), whole(Whole::Mul, top, 3)));
            [a, b, depth].into_iter().enumerate().for_each(|(k, local)| f.set(local, element(panel, k as i64)));
            f.times(k, terms, |f| {
                f.set(t, a + (b - a) * 0.5 * (element(Expr::Table(table.points), k) + 1.0));
                f.call(value, "look", along.and([t.into(), 0.into()]));
                f.set(j, whole(Whole::Mul, k, m));
                f.times(i, m, |f| f.store(moved(at.samples(), j), i, element(at.g_at(), i)));
            });
            f.set(split, 0);
            for surface in table.unresolved() {
                f.set(i, 0);
                f.repeat(less(i, surface.len as i64).and(depth.below(f64::from(HALVINGS))), |f| {
                    f.call(finite, "expand", vec![memory.into(), whole(Whole::Add, i, surface.first as i64)]);
                    f.when(at.get(Cell::Tail).at_most(RESOLVED).negated(), |f| f.set(split, 1));
                    f.advance(i);
                });
            }
            f.set(middle, Expr::from(0.5) * (a + b));
            let divides = less(0, split).and(a.below(middle)).and(middle.below(b)).and(less(top, PANELS as i64 - 1));
            f.choose(
                divides,
                |f| {
                    push(f, [middle.into(), b.into(), depth + 1.0]);
                    push(f, [a.into(), middle.into(), depth + 1.0]);
                },
                |f| {
                    for (end, ends) in [(a, at.ends(0)), (b, at.ends(1))] {
                        f.call(value, "look", along.and([end.into(), 0.into()]));
                        f.times(i, m, |f| {
                            let inner = select(end.equals(t1), element(at.g_end(), i), element(at.g_at(), i));
                            f.store(ends.clone(), i, select(end.equals(t0), element(at.g(), i), inner));
                        });
                    }
                    f.times(k, m, |f| {
                        f.call(count, "on_panel", along.and([a.into(), b.into(), k.into(), count.into()]));
                    });
                },
            );
        });
        sort(&mut f, at.crossings(), count, [i, j]);
        f.finish(count)
    }
}

/// Sorts crossings by time, then by place; they nearly are.
fn sort(f: &mut Writer, list: Expr, count: Local, [i, j]: [Local; 2]) {
    let one = f.pointer("one", list.clone());
    let swapped = f.real("swapped", 0.0);
    f.times(i, count, |f| {
        f.set(j, i);
        f.repeat(less(0, j), |f| {
            f.set(one, moved(list.clone(), whole(Whole::Mul, j, 4)));
            let (mine, before) = (|k: i64| element(one, k), |k: i64| element(one, k - 4));
            let late = before(0).equals(mine(0)).and(mine(1).below(before(1)));
            f.choose(
                mine(0).below(before(0)).or(late),
                |f| {
                    for k in 0..4 {
                        f.set(swapped, mine(k));
                        f.store(one, k, before(k));
                        f.store(one, k - 4, swapped);
                    }
                    f.set(j, whole(Whole::Sub, j, 1));
                },
                |f| f.set(j, 0),
            );
        });
    });
}

impl Table {
    /// `refine(memory, before, here, lo, hi, end, place)`: the first time, to neighbouring numbers, at which the sign is
    /// `end`, that at hi (Illinois, and halving where that is slow).
    fn refine(&self) -> Function {
        let [memory, before, here] = STEP;
        let parameters = [memory, before, here, ("lo", Real), ("hi", Real), ("end", Real), ("place", Count)];
        let (mut f, [memory, before, here, lo, hi, end, place]) = Writer::new("refine", Real, parameters);
        let along = Along { memory, before, here };
        let [at_lo, at_hi, width, secant, t, g, slow, side, above] =
            ["at_lo", "at_hi", "width", "secant", "t", "g", "slow", "side", "above"].map(|name| f.real(name, 0.0));
        f.call(at_lo, "look", along.and([lo.into(), place.into()]));
        f.call(at_hi, "look", along.and([hi.into(), place.into()]));
        f.set(above, next(lo, true));
        f.repeat(above.below(hi), |f| {
            f.set(width, hi - lo);
            f.set(secant, lo - at_lo * width / (at_hi - at_lo));
            f.set(t, select(slow.below(3.0).and(secant.finite()), secant, lo + Expr::from(0.5) * width));
            f.set(t, t.most(above).least(next(hi, false)));
            f.call(g, "look", along.and([t.into(), place.into()]));
            f.choose(
                sign(g).equals(end),
                |f| {
                    f.set(hi, t);
                    f.set(at_hi, g);
                    f.set(at_lo, at_lo * select(Expr::from(0.0).below(side), 0.5, 1.0));
                    f.set(side, 1.0);
                },
                |f| {
                    f.set(lo, t);
                    f.set(at_lo, g);
                    f.set(at_hi, at_hi * select(side.below(0.0), 0.5, 1.0));
                    f.set(side, -1.0);
                },
            );
            f.set(slow, select((width * 0.5).below(hi - lo), slow + 1.0, 0.0));
            f.set(above, next(lo, true));
        });
        f.finish(hi)
    }

    /// `found(memory, count, t, place, before, after)`: one more crossing.
    fn found(&self) -> Function {
        let parameters =
            [("memory", Pointer), ("count", Count), ("t", Real), ("place", Count), ("before", Real), ("after", Real)];
        let (mut f, [memory, count, t, place, before, after]) = Writer::new("found", Count, parameters);
        let at = self.at(memory);
        f.when(less(self.most_crossings() as i64 - 1, count), |f| {
            at.set(f, Cell::Overflow, 1.0);
            f.give(count);
        });
        let one = f.pointer("one", moved(at.crossings(), whole(Whole::Mul, count, 4)));
        let values = [t.into(), converted(place), before.into(), after.into()];
        values.into_iter().enumerate().for_each(|(k, value)| f.store(one, k as i64, value));
        f.finish(whole(Whole::Add, count, 1))
    }

    /// `on_panel(memory, before, here, a, b, place, count)`: the crossings of one function on a part of the step that has
    /// been sampled; how many there are then.
    fn on_panel(&self) -> Function {
        let [memory, before, here] = STEP;
        let parameters = [memory, before, here, ("a", Real), ("b", Real), ("place", Count), ("count", Count)];
        let (mut f, [memory, before, here, a, b, place, count]) = Writer::new("on_panel", Count, parameters);
        let (at, along) = (self.at(memory), Along { memory, before, here });
        let [t0, t1] = [("t0", Cell::Before), ("t1", Cell::Here)].map(|(name, cell)| f.real(name, at.get(cell)));
        let [left, right] = [("left", 0), ("right", 1)].map(|(name, k)| f.real(name, sign(element(at.ends(k), place))));
        let [inner_left, inner_right, t, h, value] =
            ["inner_left", "inner_right", "t", "h", "value"].map(|name| f.real(name, 0.0));
        let [finite, pieces, yes, k] = ["finite", "pieces", "yes", "k"].map(|name| f.count(name, 0));
        let look = |f: &mut Writer, t: Expr| f.call(value, "look", along.and([t, place.into()]));
        let refine = |f: &mut Writer, lo: Expr, hi: Local, end: Local| {
            f.call(t, "refine", along.and([lo, hi.into(), end.into(), place.into()]));
        };
        let found = |f: &mut Writer, t: Expr, before: Local, after: Local| {
            let arguments = vec![memory.into(), count.into(), t, place.into(), before.into(), after.into()];
            f.call(count, "found", arguments);
        };
        // Where it is close at the start it may be leaving the surface it was put on, or turning back from it.
        let close = f.real("close", select(a.equals(t0), element(at.close(), place), 0.0));
        f.store(at.close(), place, 0.0);
        f.set(inner_left, left);
        f.set(inner_right, right);
        f.call(finite, "expand", vec![memory.into(), place.into()]);
        let numbers = left.equals(left).and(right.equals(right));
        f.choose(
            less(0, finite).and(numbers.clone()),
            |f| {
                // What jumps where the step begins or ends (a saw of time) has another sign there than next to it.
                for (x, end, inner) in [(-1.0, left, inner_left), (1.0, right, inner_right)] {
                    f.call(value, "clenshaw", vec![at.series(), x.into()]);
                    f.set(value, select(value.size().at_most(at.get(Cell::Noise)), 0.0, sign(value)));
                    f.set(inner, select(value.differs(0.0).and(end.differs(0.0)), value, end));
                }
                f.call(yes, "one_signed", vec![at.series(), (self.terms as i64).into(), at.get(Cell::Noise)]);
                let ends = inner_left.equals(left).and(inner_right.equals(right)).and(left.equals(right));
                f.when(less(0, yes).and(ends).and(left.differs(0.0)), |f| f.give(count));
                f.call(pieces, "isolate", vec![memory.into(), inner_left.into(), inner_right.into()]);
            },
            |f| {
                // No series: the ends are all there is.
                f.when(left.differs(right).and(numbers), |f| {
                    let whole = vec![memory.into(), 0.into(), (-1.0).into(), 1.0.into(), 0.0.into()];
                    f.call(pieces, "add_piece", whole);
                });
            },
        );
        // The sign so far, and where it was last certain: within rounding of zero the function may flicker.
        let side = f.real("side", inner_left);
        let [certain, touch] = ["certain", "touch"].map(|name| f.real(name, f64::NAN));
        let known = |x: Local| x.equals(x);
        f.when(inner_left.differs(left).and(known(left)), |f| {
            // Rounding decides where it is seen.
            f.set(t, next(a, true).least(b));
            f.set(h, Expr::from(f64::EPSILON) * a.size());
            look(f, t.into());
            f.repeat(t.below(b).and(sign(value).differs(inner_left)), |f| {
                f.set(h, (h * 2.0).most(t - a));
                f.set(t, (a + h).least(b));
                look(f, t.into());
            });
            found(f, t.into(), left, inner_left);
        });
        let [lo, hi, end, after] = ["lo", "hi", "end", "after"].map(|name| f.real(name, 0.0));
        let [undecided, open] = ["undecided", "open"].map(|name| f.count(name, 0));
        let one = f.pointer("one", at.pieces());
        f.times(k, pieces, |f| {
            f.set(one, moved(at.pieces(), whole(Whole::Mul, k, 3)));
            for (x, local) in [(0, lo), (1, hi)] {
                f.set(value, element(one, x));
                f.set(local, a + (b - a) * 0.5 * (value + 1.0));
                f.set(local, select(value.equals(-1.0), a, select(value.equals(1.0), b, local)));
            }
            f.set(undecided, truncated(element(one, 2)));
            f.set(end, inner_right);
            f.set(open, 0);
            f.when(hi.differs(b), |f| {
                look(f, hi.into());
                f.set(end, value);
                f.when(end.size().at_most(at.get(Cell::Noise)), |f| f.set(open, 1));
            });
            f.set(after, select(less(0, open), side, sign(end)));
            let inside = lo.differs(t0).and(hi.differs(t1)).and(side.differs(0.0));
            f.when(less(0, undecided).and(inside).and(known(touch).negated()), |f| {
                f.set(touch, Expr::from(0.5) * (lo + hi));
            });
            let from = f.real("from", select(known(certain), certain, lo));
            f.choose(
                side.differs(after),
                |f| {
                    // A reset has put it on the surface, which it leaves at once.
                    f.set(t, next(lo, true).least(hi));
                    f.set(yes, 0);
                    f.when(side.equals(0.0).and(lo.equals(a)), |f| {
                        look(f, t.into());
                        f.when(sign(value).equals(after), |f| f.set(yes, 1));
                    });
                    f.when(less(yes, 1), |f| refine(f, from.into(), hi, after));
                    found(f, t.into(), side, after);
                    f.set(touch, f64::NAN);
                },
                |f| {
                    let edge = |end: Local, edge: Local| less(0, undecided).and(end.equals(edge));
                    f.choose(
                        edge(hi, t1),
                        |f| f.store(at.close(), place, select(side.differs(0.0), 1.0, 0.0)),
                        |f| {
                            f.choose(
                                edge(lo, t0).and(close.differs(0.0)).and(side.differs(0.0)),
                                |f| found(f, next(lo, true), side, after),
                                |f| {
                                    f.when(same(open, 0).and(known(touch)), |f| {
                                        touches(f, touch, side, value, look, found);
                                        f.set(touch, f64::NAN);
                                    });
                                },
                            );
                        },
                    );
                },
            );
            f.set(certain, select(less(0, open), from, f64::NAN));
            f.set(side, after);
        });
        f.choose(
            side.differs(inner_right),
            |f| {
                let from = select(known(certain), certain, a);
                refine(f, from, b, inner_right);
                found(f, t.into(), side, inner_right);
                f.set(side, inner_right);
            },
            |f| f.when(known(touch), |f| touches(f, touch, side, value, look, found)),
        );
        f.when(side.differs(right), |f| found(f, b.into(), side, right));
        f.finish(count)
    }
}

/// A function comes to zero at about t and goes back; or it passes zero twice closer than can be told.
fn touches(
    f: &mut Writer,
    t: Local,
    side: Local,
    value: Local,
    look: impl Fn(&mut Writer, Expr),
    found: impl Fn(&mut Writer, Expr, Local, Local),
) {
    look(f, t.into());
    let between = f.real("between", sign(value));
    f.choose(
        between.differs(side).and(between.differs(0.0)),
        |f| {
            found(f, t.into(), side, between);
            found(f, next(t, true), between, side);
        },
        |f| found(f, t.into(), side, side),
    );
}
