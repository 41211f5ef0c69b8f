//! Jumps of the solution that delays bring back: where x(t − τ) jumps so does f, at a time that moves with τ and with the time of
//! the jump itself. Like an event put off by τ that changes f and nothing else: behind it S is less by (f⁺ − f⁻) times that motion. What
//! jumps less than the solution itself does not matter, as f is continuous there.

use super::happening::alike;
use super::linear::Part;
use super::moment::{Called, MEETING, Moment, Op, Row};
use super::spare::Spare;
use crate::solve::problem::Problem;
use crate::solve::{Echo, ErrorKind};
use crate::system::Matrix;

/// Where what is remembered of jumps begins, behind all tickets.
const FIRST: usize = usize::MAX / 2;

/// The jumps of a run so far.
#[derive(Default)]
pub struct Echoes {
    lags: Option<Part>,
    /// Their times, in the order in which they are remembered.
    from: Vec<f64>,
}

impl Echoes {
    /// How the delay at a place changes.
    fn lag(&mut self, problem: &Problem, t: f64, place: usize) -> Result<Row, ErrorKind> {
        let lags = match &mut self.lags {
            Some(lags) => lags,
            none => none.insert(Part::new(problem.system, Matrix::Lags)?),
        };
        lags.evaluate(t, &vec![0.0; problem.dim()], problem.parameters(), &[]);
        let mut row = Row::default();
        lags.row(place, &mut row.p);
        Ok(row)
    }

    /// What a moment sets is read by every delay later: when, is remembered.
    ///
    /// # Errors
    /// Where its time is not one.
    pub fn remember(&mut self, problem: &Problem, moment: &mut Moment) -> Result<(), ErrorKind> {
        let Some(table) = problem.system.delays() else { return Ok(()) };
        let sets = |op: &Op| matches!(op, Op::Assign(_));
        if !moment.ops.iter().any(sets) || moment.stopped {
            return Ok(());
        }
        if moment.other.is_some()
            || moment.ops.iter().filter(|op| matches!(op, Op::Time(_) | Op::Recall(_))).count() != 1
        {
            return Err(moment.none(problem, MEETING));
        }
        let first = FIRST + self.from.len() * table.lags;
        self.from.push(moment.t);
        for place in 0..table.lags {
            let row = Row { t: 1.0, ..self.lag(problem, moment.t, place)? };
            moment.ops.push(Op::Remember(first + place, vec![row]));
        }
        Ok(())
    }

    /// The moment at which jumps come back; none if f does not jump.
    ///
    /// # Errors
    /// Where jumps come back at one time that move apart.
    pub fn come_back(
        &mut self,
        problem: &Problem,
        t: f64,
        [before, behind]: [&[f64]; 2],
        echoes: &[Echo],
    ) -> Result<Option<Moment>, ErrorKind> {
        let Some(first) = echoes.first().filter(|_| !alike(before, behind)) else { return Ok(None) };
        let called = Called::Words("a delay that brings a jump back");
        let mut moment = Moment { jumped: true, ..Moment::new(t, called, &mut Spare::default()) };
        let row = self.lag(problem, t, first.lag)?;
        for echo in echoes {
            if echo.from != first.from || !self.lag(problem, t, echo.lag)?.is_close(&row) {
                return Err(moment.none(problem, MEETING));
            }
        }
        let lags = problem.system.delays().map_or(0, |table| table.lags);
        moment.ops.push(match self.from.iter().rposition(|from| *from == first.from) {
            Some(at) => Op::Recall(FIRST + at * lags + first.lag),
            // The jump at the start does not move.
            None => Op::Time(row),
        });
        moment.ops.extend([Op::Along(before.to_vec(), 1.0), Op::Along(behind.to_vec(), -1.0)]);
        Ok(Some(moment))
    }
}
