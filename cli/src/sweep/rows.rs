//! Results as rows: of trajectories as they are read from the journal, or of a small table made of all of them.

use std::io;

use super::journal::Trajectory;
use super::plan::{Kept, Plan};
use super::source::Source;
use crate::write::rows::{BATCH, Kind, Rows, Take, Values};

impl Rows for Source {
    /// `trajectory`, what varied, the independent variable, what is kept, `status`: a row at the end of each trajectory, for
    /// each time, or for each event (one without a name, where there was none).
    fn columns(&self) -> Vec<(String, Kind)> {
        let Plan { varied, columns, kept, independent, .. } = &self.plan;
        let numbers = |names: &[String]| names.iter().map(|name| (name.clone(), Kind::Number)).collect::<Vec<_>>();
        let mut list = vec![("trajectory".to_string(), Kind::Whole)];
        list.extend(numbers(varied));
        match kept {
            Kept::Events => list.extend([("event".to_string(), Kind::Text), (independent.clone(), Kind::Number)]),
            _ => {
                list.push((independent.clone(), Kind::Number));
                list.extend(numbers(columns));
            }
        }
        list.push(("status".to_string(), Kind::Text));
        list
    }

    fn batches(&self, take: &mut Take) -> io::Result<()> {
        let empty = || self.columns().iter().map(|(_, kind)| Values::new(*kind)).collect::<Vec<_>>();
        let mut batch = empty();
        for trajectory in self.trajectories()? {
            let (k, trajectory) = trajectory?;
            append(&mut batch, &self.plan, k, &trajectory);
            if batch[0].len() >= BATCH {
                take(&batch)?;
                batch = empty();
            }
        }
        if batch[0].len() > 0 { take(&batch) } else { Ok(()) }
    }
}

/// The rows of a trajectory.
fn append(batch: &mut [Values], plan: &Plan, k: u64, (row, record): &Trajectory) {
    let status = record.failure.as_deref().unwrap_or("ok");
    let width = plan.columns.len();
    let mut line = |event: Option<&str>, time: f64, values: &[f64]| {
        let mut numbers = row.iter().chain([&time]).chain(values).copied();
        let mut texts = event.into_iter().chain([status]);
        for column in batch.iter_mut() {
            match column {
                Values::Wholes(list) => list.push(k as i64),
                Values::Numbers(list) => list.extend(numbers.next()),
                Values::Texts(list) => list.extend(texts.next().map(str::to_string)),
            }
        }
    };
    match &plan.kept {
        Kept::Events if record.events.is_empty() => line(Some(""), f64::NAN, &[]),
        Kept::Events => record.events.iter().for_each(|(time, name)| line(Some(name), *time, &[])),
        Kept::Final => line(None, record.times.first().copied().unwrap_or(f64::NAN), &record.values),
        Kept::Times(times) | Kept::Quantiles(times, _) => {
            for (time, values) in times.iter().zip(record.values.chunks(width.max(1))) {
                line(None, *time, values);
            }
        }
    }
}

/// A table in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Small {
    columns: Vec<(String, Values)>,
}

impl Small {
    /// With a column more.
    pub fn with(mut self, name: impl Into<String>, values: Values) -> Small {
        self.columns.push((name.into(), values));
        self
    }
}

impl Rows for Small {
    fn columns(&self) -> Vec<(String, Kind)> {
        let kind = |values: &Values| match values {
            Values::Numbers(_) => Kind::Number,
            Values::Wholes(_) => Kind::Whole,
            Values::Texts(_) => Kind::Text,
        };
        self.columns.iter().map(|(name, values)| (name.clone(), kind(values))).collect()
    }

    fn batches(&self, take: &mut Take) -> io::Result<()> {
        take(&self.columns.iter().map(|(_, values)| values.clone()).collect::<Vec<_>>())
    }
}
