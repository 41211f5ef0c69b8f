//! The trajectories of a sweep, read back in order from its journal, or from those of its shards.

use std::io;
use std::path::PathBuf;

use super::journal::{self, Records, Trajectory};
use super::plan::Plan;

/// Journals that together have all trajectories.
pub struct Source {
    /// The sweep; with one journal, the part that this is of.
    pub plan: Plan,
    /// By shard.
    pub journals: Vec<PathBuf>,
}

/// What they come to, for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    pub trajectories: u64,
    pub failed: u64,
    /// The first that failed, and why.
    pub first: Option<(u64, String)>,
    pub steps: u64,
    pub rejected: u64,
    pub rhs: u64,
    /// Of quantiles: the share of the trajectories by which ranks may be wrong.
    pub rank_error: f64,
}

impl Source {
    /// All trajectories in order, with their numbers in the whole sweep.
    ///
    /// # Errors
    /// What reading the journals reports.
    pub fn trajectories(&self) -> io::Result<impl Iterator<Item = io::Result<(u64, Trajectory)>> + '_> {
        let mut parts = Vec::with_capacity(self.journals.len());
        for path in &self.journals {
            parts.push(journal::read(path)?.1);
        }
        let single = self.journals.len() == 1;
        let next = move |k: u64| {
            let place = if single { 0 } else { k as usize % parts.len() };
            let part: &mut Records = &mut parts[place];
            let trajectory = part.next().unwrap_or_else(|| Err(io::Error::from(io::ErrorKind::UnexpectedEof)));
            let number = if single { self.plan.shard.trajectory(k) } else { k };
            trajectory.map(|trajectory| (number, trajectory))
        };
        let count = if single { self.plan.share() } else { self.plan.count };
        Ok((0..count).map(next))
    }

    /// Counts over all trajectories.
    ///
    /// # Errors
    /// What reading the journals reports.
    pub fn totals(&self) -> io::Result<Totals> {
        let mut totals = Totals::default();
        for trajectory in self.trajectories()? {
            let (k, (_, record)) = trajectory?;
            totals.trajectories += 1;
            totals.steps += record.steps;
            totals.rejected += record.rejected;
            totals.rhs += record.rhs;
            if let Some(reason) = record.failure {
                totals.failed += 1;
                totals.first.get_or_insert((k, reason));
            }
        }
        Ok(totals)
    }
}
