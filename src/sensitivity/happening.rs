//! From what a run tells of its events to lists of linear instructions.
//!
//! Where no derivative exists an error names the event and the time: where a condition is only touched, and where events
//! meet whose times move apart and whose order matters.

use super::linear::{Linear, Part};
use super::moment::{Called, MEETING, Moment, Op, Point, Row, Source, Target, agree, time_of, values_of};
use super::onto::Given;
use super::spare::Spare;
use crate::solve::problem::Problem;
use crate::solve::{Cause, ErrorKind, Turn};
use crate::system::{Events, Logic, Matrix, System, Trigger};

const AT_START: &str = "it happens just at the start of the run, and a little earlier it would not happen";
const SECOND_MEETING: &str = "it meets another event, which second derivatives do not go through yet";
const SECOND_CAUSED: &str = "it does not happen by itself, which second derivatives do not go through yet";
const SECOND_JUMP: &str = "the equations jump there, which second derivatives do not go through yet";
const TOUCHED: &str = "its condition is only touched: where the event happens does not move smoothly";

/// Derivatives of numbers by states, by parameters and discrete quantities, and by time.
struct Numbers {
    by_state: Part,
    by_parameter: Part,
    by_time: Part,
}

impl Numbers {
    fn new(system: &dyn System, [by_state, by_parameter, by_time]: [Matrix; 3]) -> Result<Self, ErrorKind> {
        Ok(Numbers {
            by_state: Part::new(system, by_state)?,
            by_parameter: Part::new(system, by_parameter)?,
            by_time: Part::new(system, by_time)?,
        })
    }

    fn evaluate(&mut self, problem: &Problem, t: f64, y: &[f64]) {
        let p = problem.parameters();
        [&mut self.by_state, &mut self.by_parameter, &mut self.by_time]
            .into_iter()
            .for_each(|m| m.evaluate(t, y, p, &[]));
    }

    fn row(&self, k: usize, spare: &mut Spare) -> Row {
        let [mut y, mut p, mut t] = [(); 3].map(|()| spare.entries());
        self.by_state.row(k, &mut y);
        self.by_parameter.row(k, &mut p);
        self.by_time.row(k, &mut t);
        let by_time = t.first().map_or(0.0, |x| x.1);
        spare.take_row(Row { y: t, ..Row::default() });
        Row { y, p, t: by_time }
    }
}

/// Follows what happens at the moments of a run and makes lists of it.
pub struct Moments {
    surfaces: Numbers,
    resets: Numbers,
    schedule: Part,
    discretes_at: usize,
    /// Of a run for second derivatives: how many states are the model's.
    own: Option<usize>,
    /// Of systems with algebraic unknowns, when first asked for.
    linear: Option<Linear>,
    moment: Option<Building>,
    spare: Spare,
    /// Which were executed, for the same in another order; how what meets moves; a point near by; values of resets.
    executed: Vec<(usize, usize, Cause)>,
    known: Vec<Op>,
    moved: Vec<f64>,
    values: Vec<f64>,
}

/// A moment in the making.
struct Building {
    moment: Moment,
    /// Where it began, and f there.
    start: Point,
    f: Vec<f64>,
    /// What has met whose times move differently.
    contested: bool,
    /// An event fired because of another.
    caused: bool,
    /// A switch was only touched.
    touched: Option<ErrorKind>,
    tau: bool,
    /// The length of the last step.
    h: f64,
}

impl Moments {
    /// For a system with events.
    ///
    /// # Errors
    /// If it has no derivatives.
    pub fn new(system: &dyn System, own: Option<usize>) -> Result<Option<Self>, ErrorKind> {
        if system.events().is_none() {
            return Ok(None);
        }
        let shape = system.shape();
        Ok(Some(Moments {
            surfaces: Numbers::new(system, [Matrix::SurfaceStates, Matrix::SurfaceParameters, Matrix::SurfaceTime])?,
            resets: Numbers::new(system, [Matrix::ResetStates, Matrix::ResetParameters, Matrix::ResetTime])?,
            schedule: Part::new(system, Matrix::Schedule)?,
            discretes_at: shape.discretes_at,
            own,
            linear: None,
            moment: None,
            spare: Spare::default(),
            executed: Vec::new(),
            known: Vec::new(),
            moved: Vec::new(),
            values: Vec::new(),
        }))
    }

    /// Forgets another run of the same system.
    pub fn begin_anew(&mut self) {
        self.moment = None;
        self.linear.iter_mut().for_each(Linear::renew);
    }

    /// Takes a moment back, for its memory.
    pub fn take(&mut self, moment: Moment) {
        self.spare.take_moment(moment);
    }

    /// Hears of a turn; gives the moment when it is over. `h` is the length of the last step.
    ///
    /// # Errors
    /// Where there is no derivative.
    pub fn turn(
        &mut self,
        problem: &mut Problem,
        t: f64,
        y: &[f64],
        turn: Turn,
        h: f64,
    ) -> Result<Option<Moment>, ErrorKind> {
        match turn {
            Turn::Begin { causes } => self.begin(problem, (t, y), causes, h)?,
            Turn::Keep { ticket, group, element } => {
                self.resets.evaluate(problem, t, y);
                let event = &events(problem).groups[group];
                let mut rows = self.spare.rows();
                rows.extend(event.assignments.iter().map(|a| self.resets.row(a.value + element, &mut self.spare)));
                self.add(Op::Remember(values_of(ticket), rows));
            }
            Turn::PutOff { ticket, group, element } => {
                self.resets.evaluate(problem, t, y);
                let delay = events(problem).groups[group].delay;
                let row = delay.map(|delay| self.resets.row(delay + element, &mut self.spare));
                let mut row = row.unwrap_or_default();
                row.t += 1.0;
                let mut rows = self.spare.rows();
                rows.push(row);
                self.add(Op::Remember(time_of(ticket), rows));
            }
            Turn::Execute { group, element, cause, ticket } => {
                self.execute(problem, (t, y), (group, element), cause, ticket)?;
            }
            Turn::Settle { given, set } => {
                if problem.system.constraints().is_some() {
                    let point = Point::of(problem, t, given, &mut self.spare);
                    let set = self.spare.places(set);
                    self.add(Op::Project(point, Some(set)));
                } else if !problem.algebraic.is_empty() {
                    let point = Point::of(problem, t, y, &mut self.spare);
                    self.add(Op::Settle(point));
                }
            }
            Turn::End { stopped } => return self.end(problem, (t, y), stopped).map(Some),
        }
        Ok(None)
    }

    /// How fast the state moves, algebraic unknowns included.
    fn slope(&mut self, problem: &mut Problem, t: f64, y: &[f64]) -> Result<Vec<f64>, ErrorKind> {
        let mut f = self.spare.zeros(y.len());
        problem.rhs(t, y, &mut f);
        if !problem.algebraic.is_empty() {
            problem.clear_algebraic(&mut f);
            let columns = self.linear(problem)?.columns();
            let still = self.spare.zeros(columns);
            let linear = self.linear(problem)?;
            linear.follow(problem, (t, y), (&still, &[1.0]), 1, &mut f)?;
            self.spare.take(still);
        }
        Ok(f)
    }

    fn linear(&mut self, problem: &Problem) -> Result<&mut Linear, ErrorKind> {
        Ok(match &mut self.linear {
            Some(linear) => linear,
            none => none.insert(Linear::new(problem.system)?),
        })
    }

    fn add(&mut self, op: Op) {
        if let Some(building) = &mut self.moment {
            building.moment.ops.push(op);
        }
    }

    fn begin(
        &mut self,
        problem: &mut Problem,
        (t, y): (f64, &[f64]),
        causes: &[Cause],
        h: f64,
    ) -> Result<(), ErrorKind> {
        let f = self.slope(problem, t, y)?;
        let called = causes.first().map_or(Called::Cause(Cause::Nothing), |cause| Called::Cause(*cause));
        let moment = Moment::new(t, called, &mut self.spare);
        let start = Point::of(problem, t, y, &mut self.spare);
        self.moment =
            Some(Building { moment, start, f, contested: false, caused: false, touched: None, tau: false, h });
        self.executed.clear();
        let (mut known, mut touched) = (std::mem::take(&mut self.known), None::<(Cause, ErrorKind)>);
        for cause in causes {
            let op = match self.time(problem, (t, y), *cause, h) {
                Ok(op) => op,
                Err(error) => {
                    touched = touched.or(Some((*cause, error)));
                    continue;
                }
            };
            if h == 0.0 && !matches!(&op, Op::Time(row) if row.is_still()) {
                let event = name(problem, *cause);
                return Err(ErrorKind::NoDerivative { event, time: t, why: AT_START });
            }
            let mut same = false;
            for known in &known {
                same |= match (known, &op) {
                    (Op::Time(a), Op::Time(b)) => a.is_close(b) || self.coincide(problem, (t, y), [a, b])?,
                    (Op::Recall(a), Op::Recall(b)) => a == b,
                    _ => false,
                };
            }
            if same {
                self.spare.take_op(op);
            } else {
                known.push(op);
            }
        }
        let Some(building) = &mut self.moment else { return Ok(()) };
        match touched {
            // A function that stands still is carried through zero by what jumps at the same time.
            Some(_) if !known.is_empty() => {}
            // A switch that is only touched does not matter where f does not jump.
            Some((cause, error)) if is_switch(problem, cause) => building.touched = Some(error),
            Some((_, error)) => return Err(error),
            None => {}
        }
        match known.len() {
            0 => {}
            1 => {
                building.moment.ops.append(&mut known);
                building.moment.ops.push(Op::Along(self.spare.copy(&building.f), 1.0));
                building.tau = true;
                if !problem.algebraic.is_empty() {
                    let Point { t, inside, .. } = building.start;
                    let (y, p) = (self.spare.copy(&building.start.y), self.spare.copy(&building.start.p));
                    building.moment.ops.push(Op::Settle(Point { t, y, p, inside }));
                }
            }
            _ => building.contested = true,
        }
        known.drain(..).for_each(|op| self.spare.take_op(op));
        self.known = known;
        Ok(())
    }

    /// Whether two numbers change alike wherever the algebraic equations and constraints hold: by what is left of them when
    /// the states that follow from others are told by those.
    fn coincide(&mut self, problem: &mut Problem, (t, y): (f64, &[f64]), rows: [&Row; 2]) -> Result<bool, ErrorKind> {
        if problem.system.constraints().is_none() && problem.algebraic.is_empty() {
            return Ok(false);
        }
        let [a, b] = [self.told(problem, (t, y), rows[0])?, self.told(problem, (t, y), rows[1])?];
        let same = agree(&a, &b);
        [a, b].into_iter().for_each(|list| self.spare.take(list));
        Ok(same)
    }

    /// What a number changes by with states that follow from nothing, with parameters, and with time.
    fn told(&mut self, problem: &mut Problem, (t, y): (f64, &[f64]), row: &Row) -> Result<Vec<f64>, ErrorKind> {
        let columns = self.linear(problem)?.columns();
        let (mut s, mut q, mut tau) = (self.spare.zeros(y.len()), self.spare.zeros(columns), [row.t]);
        row.y.iter().for_each(|(place, c)| s[*place] += c);
        row.p.iter().for_each(|(place, c)| q[*place] += c);
        let linear = self.linear(problem)?;
        match problem.system.constraints().is_some() {
            true => linear.project_back(problem, Given { t, y, set: Some(&[]) }, &mut s, &mut q, &mut tau)?,
            false => linear.follow_back(problem, (t, y), &mut s, &mut q, &mut tau)?,
        }
        s.extend(q.iter().chain(&tau));
        self.spare.take(q);
        Ok(s)
    }

    /// How the time of a moment moves.
    fn time(&mut self, problem: &mut Problem, (t, y): (f64, &[f64]), cause: Cause, h: f64) -> Result<Op, ErrorKind> {
        Ok(match cause {
            Cause::Nothing => Op::Time(Row::default()),
            Cause::Delay(ticket) => Op::Recall(time_of(ticket)),
            Cause::Time { first, period } => {
                self.schedule.evaluate(problem.scheduled_at(), y, problem.parameters(), &[]);
                let mut p = self.spare.entries();
                if let Some(place) = first {
                    self.schedule.row(place, &mut p);
                }
                if let Some((place, count)) = period.filter(|(_, count)| *count != 0.0) {
                    let mut own = self.spare.entries();
                    self.schedule.row(place, &mut own);
                    for (column, value) in &own {
                        match p.iter_mut().find(|(known, _)| known == column) {
                            Some((_, sum)) => *sum += count * value,
                            None => p.push((*column, count * value)),
                        }
                    }
                    self.spare.take_row(Row { p: own, ..Row::default() });
                }
                Op::Time(Row { p, ..Row::default() })
            }
            Cause::Surface(place) => {
                let f = self.slope(problem, t, y)?;
                self.surfaces.evaluate(problem, t, y);
                let row = self.surfaces.row(place, &mut self.spare);
                let rate = |row: &Row, f: &[f64]| row.t + row.y.iter().map(|(k, c)| c * f[*k]).sum::<f64>();
                let speed = rate(&row, &f);
                // How fast the speed itself changes, a little before.
                let back = 1e-4 * h;
                let mut moved = std::mem::take(&mut self.moved);
                moved.clear();
                moved.extend(y.iter().zip(&f).map(|(y, f)| y - back * f));
                let slope_back = self.slope(problem, t - back, &moved)?;
                self.surfaces.evaluate(problem, t - back, &moved);
                self.moved = moved;
                let row_back = self.surfaces.row(place, &mut self.spare);
                let bend = (speed - rate(&row_back, &slope_back)) / back;
                self.spare.take_row(row_back);
                self.spare.take(slope_back);
                // What rounding and the location leave of g.
                let reach = |(k, c): &(usize, f64)| c.abs() * y[*k].abs().max((h * f[*k]).abs());
                let size = row.y.iter().map(reach).sum::<f64>() + row.t.abs() * t.abs().max(h.abs());
                self.spare.take(f);
                let touches = !(speed * speed > 2e-10 * size * bend.abs());
                if touches || !speed.is_finite() {
                    let event = name(problem, cause);
                    return Err(ErrorKind::NoDerivative { event, time: t, why: TOUCHED });
                }
                let row = Row { t: 0.0, ..row };
                Op::Time(row.scaled(-1.0 / speed))
            }
        })
    }

    fn execute(
        &mut self,
        problem: &mut Problem,
        (t, y): (f64, &[f64]),
        (group, element): (usize, usize),
        cause: Cause,
        ticket: Option<usize>,
    ) -> Result<(), ErrorKind> {
        let Some(building) = &self.moment else { return Ok(()) };
        let (contested, h) = (building.contested, building.h);
        if contested && cause != Cause::Nothing {
            let time = self.time(problem, (t, y), cause, h)?;
            let f = self.slope(problem, t, y)?;
            let Some(building) = &mut self.moment else { return Ok(()) };
            if building.tau {
                building.moment.ops.push(Op::Along(self.spare.copy(&f), -1.0));
            }
            building.moment.ops.extend([time, Op::Along(f, 1.0)]);
            building.tau = true;
        }
        self.resets.evaluate(problem, t, y);
        let list = self.assignments(problem, (group, element), ticket);
        self.executed.push((group, element, cause));
        let Some(building) = &mut self.moment else { return Ok(()) };
        building.caused |= cause == Cause::Nothing || ticket.is_some();
        building.moment.jumped = true;
        if matches!(building.moment.called, Called::Cause(Cause::Nothing)) {
            building.moment.called = Called::Event(group, element);
        }
        building.moment.ops.push(Op::Assign(list));
        Ok(())
    }

    /// The derivatives of an event's assignments, at the point where they were evaluated.
    fn assignments(
        &mut self,
        problem: &Problem,
        (group, element): (usize, usize),
        ticket: Option<usize>,
    ) -> Vec<(Target, Source)> {
        let event = &events(problem).groups[group];
        let mut list = self.spare.assignments();
        let each = event.assignments.iter().enumerate().map(|(k, assignment)| {
            let place = assignment.places[element];
            let target =
                if assignment.state { Target::State(place) } else { Target::Discrete(self.discretes_at + place) };
            let source = match ticket.filter(|_| event.values_at_trigger) {
                Some(ticket) => Source::Kept(values_of(ticket), k),
                None => Source::Row(self.resets.row(assignment.value + element, &mut self.spare)),
            };
            (target, source)
        });
        list.extend(each);
        list
    }

    fn end(&mut self, problem: &mut Problem, (t, y): (f64, &[f64]), stopped: bool) -> Result<Moment, ErrorKind> {
        let Some(mut building) = self.moment.take() else {
            return Err(ErrorKind::Options("a moment ends that has not begun".to_string()));
        };
        self.second(problem, (t, y), &building)?;
        if building.contested {
            self.in_another_order(problem, (t, y), &mut building, stopped)?;
        }
        let jumps = self.jumps(problem, (t, y), &building)?;
        let Building { mut moment, start, f: before, tau, touched, .. } = building;
        if let Some(error) = touched.filter(|_| jumps) {
            return Err(error);
        }
        moment.stopped = stopped;
        if tau && !stopped {
            let f = self.slope(problem, t, y)?;
            moment.jumped |= jumps;
            if moment.jumped || moment.ops.iter().any(|op| matches!(op, Op::Remember(..))) {
                if let Some(other) = &mut moment.other {
                    let f = self.spare.copy(&f);
                    close(other, problem, f, (t, y), &mut self.spare);
                }
                close(&mut moment.ops, problem, f, (t, y), &mut self.spare);
            } else {
                // Nothing was set, and f is the same on both sides.
                moment.ops.drain(..).for_each(|op| self.spare.take_op(op));
                self.spare.take(f);
            }
        }
        self.spare.take(before);
        self.spare.take_point(start);
        Ok(moment)
    }

    /// Whether f is another behind the moment than before. Where nothing was set that is asked at one point: what the state has
    /// moved by in coming back onto its equations is rounding, and slopes of unknowns that these hardly determine are far apart by
    /// that.
    fn jumps(&mut self, problem: &mut Problem, (t, y): (f64, &[f64]), building: &Building) -> Result<bool, ErrorKind> {
        let y = if self.executed.is_empty() { &building.start.y } else { y };
        let f = self.slope(problem, t, y)?;
        let same = alike(&building.f, &f);
        self.spare.take(f);
        Ok(!same)
    }

    /// Of a run for second derivatives: whether what happened is what the events of the model with its derivative know of
    /// (`diff/saltation.rs`).
    fn second(&mut self, problem: &mut Problem, (t, y): (f64, &[f64]), building: &Building) -> Result<(), ErrorKind> {
        let Some(own) = self.own else { return Ok(()) };
        let event = name_of(problem, building.moment.called);
        let none = |why| Err(ErrorKind::NoDerivative { event, time: t, why });
        if building.contested {
            return none(SECOND_MEETING);
        }
        let fixed = |op: &Op| matches!(op, Op::Time(row) if row.is_still());
        match self.executed.first() {
            // What has not been reached by itself does not say how its time moves.
            Some((group, _, Cause::Nothing))
                if matches!(events(problem).groups[*group].trigger, Trigger::Condition(_)) =>
            {
                none(SECOND_CAUSED)
            }
            Some(_) => Ok(()),
            None if building.moment.ops.first().is_none_or(fixed) => Ok(()),
            None => {
                let f = self.slope(problem, t, y)?;
                if alike(&building.f[..own], &f[..own]) { Ok(()) } else { none(SECOND_JUMP) }
            }
        }
    }

    /// What met by chance is executed in the reverse order as well: only if that comes to the same is there a derivative.
    fn in_another_order(
        &mut self,
        problem: &mut Problem,
        (t, y): (f64, &[f64]),
        building: &mut Building,
        stopped: bool,
    ) -> Result<(), ErrorKind> {
        let (event, called) = (name_of, building.moment.called);
        let none = |problem: &Problem| ErrorKind::NoDerivative { event: event(problem, called), time: t, why: MEETING };
        if self.executed.is_empty() {
            // Switches only: they do not matter where f does not jump.
            return if self.jumps(problem, (t, y), building)? { Err(none(problem)) } else { Ok(()) };
        }
        let follows = !problem.algebraic.is_empty() || problem.system.constraints().is_some();
        if building.caused || stopped || follows || self.executed.len() < 2 {
            return Err(none(problem));
        }
        let here = (self.spare.copy(problem.parameters()), problem.interval());
        problem.place(&building.start.p, building.start.inside);
        let mut state = self.spare.copy(&building.start.y);
        let mut ops = self.spare.ops();
        let (executed, mut values) = (std::mem::take(&mut self.executed), std::mem::take(&mut self.values));
        values.clear();
        values.resize(events(problem).values, 0.0);
        for (count, (group, element, cause)) in executed.iter().rev().enumerate() {
            let f = self.slope(problem, t, &state)?;
            if count > 0 {
                ops.push(Op::Along(self.spare.copy(&f), -1.0));
            }
            ops.extend([self.time(problem, (t, &state), *cause, building.h)?, Op::Along(f, 1.0)]);
            self.resets.evaluate(problem, t, &state);
            ops.push(Op::Assign(self.assignments(problem, (*group, *element), None)));
            problem.resets(t, &state, &mut values);
            for assignment in &events(problem).groups[*group].assignments {
                let (place, value) = (assignment.places[*element], values[assignment.value + element]);
                if assignment.state {
                    state[place] = value;
                } else {
                    problem.set_discrete(place, value);
                }
            }
        }
        let discretes = self.discretes_at..self.discretes_at + problem.system.shape().discretes.len();
        let same = alike(&state, y) && alike(&problem.parameters()[discretes.clone()], &here.0[discretes]);
        problem.place(&here.0, here.1);
        (self.executed, self.values) = (executed, values);
        self.spare.take(state);
        self.spare.take(here.0);
        if !same {
            return Err(none(problem));
        }
        building.moment.other = Some(ops);
        Ok(())
    }
}

/// From the moving time back to a fixed one.
fn close(ops: &mut Vec<Op>, problem: &Problem, f: Vec<f64>, (t, y): (f64, &[f64]), spare: &mut Spare) {
    ops.push(Op::Along(f, -1.0));
    if !problem.algebraic.is_empty() {
        ops.extend([Op::Time(Row::default()), Op::Settle(Point::of(problem, t, y, spare))]);
    }
}

/// Whether two vectors are the same but for rounding.
pub fn alike(a: &[f64], b: &[f64]) -> bool {
    let size = a.iter().chain(b).fold(0.0f64, |size, x| size.max(x.abs()));
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-11 * a.abs().max(b.abs()) + 1e-14 * size)
}

/// Whether a moment comes from a switch of the equations alone.
fn is_switch(problem: &Problem, cause: Cause) -> bool {
    match cause {
        Cause::Surface(_) => event_of(problem, cause).is_none(),
        _ => false,
    }
}

fn events<'s>(problem: &Problem<'s>) -> &'s Events {
    match problem.system.events() {
        Some(events) => events,
        None => Events::none(),
    }
}

/// What a moment is called in an error.
pub fn name_of(problem: &Problem, called: Called) -> String {
    match called {
        Called::Cause(Cause::Nothing) => String::new(),
        Called::Cause(cause) => name(problem, cause),
        Called::Event(group, element) => events(problem).groups[group].element(element),
        Called::Words(words) => words.to_string(),
    }
}

/// What a reason is called.
fn name(problem: &Problem, cause: Cause) -> String {
    let other = match cause {
        Cause::Surface(_) => "a switch of the equations",
        _ => "an event at a time",
    };
    event_of(problem, cause).unwrap_or_else(|| other.to_string())
}

/// The event whose condition watches a function.
fn event_of(problem: &Problem, cause: Cause) -> Option<String> {
    let Cause::Surface(place) = cause else { return None };
    events(problem).groups.iter().find_map(|group| {
        let Trigger::Condition(condition) = &group.trigger else { return None };
        let first = condition.iter().find_map(|step| match step {
            Logic::Negative(first) | Logic::NotPositive(first) | Logic::Zero(first)
                if (*first..first + group.len()).contains(&place) =>
            {
                Some(*first)
            }
            _ => None,
        });
        first.map(|first| group.element(place - first))
    })
}
