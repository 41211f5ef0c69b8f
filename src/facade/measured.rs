//! Measured values: the rows of a file of data that observations read, and when they were measured.

use super::objective_error::ObjectiveError;
use crate::model::{self, ColumnName};
use crate::source::DataFile;

/// Rows in the order of their times.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// When each was measured, ascending.
    pub times: Vec<f64>,
    /// Row by row, a number per column that observations read.
    pub values: Vec<f64>,
    /// The row of the file that each was, counted from 1 below the headings.
    pub rows: Vec<usize>,
    /// Number of columns.
    pub width: usize,
}

impl Measured {
    /// The columns that a model's observations read, and that of its independent variable.
    ///
    /// # Errors
    /// If the file lacks a column, or a cell has no number.
    pub fn read(model: &model::Model, file: &DataFile) -> Result<Self, ObjectiveError> {
        let fault = |fault: crate::source::data::Fault| ObjectiveError::Data {
            file: file.name().to_string(),
            message: fault.message,
            help: fault.help,
        };
        let column = |name: &ColumnName| {
            let layout = file.layout().map_err(fault)?;
            let place = model::column_of(layout, name).ok_or_else(|| missing(model, file, layout, name))?;
            file.column(place).map_err(|found| {
                let of_file = found.of_file;
                match fault(found) {
                    ObjectiveError::Data { file, message, help } if !of_file => {
                        ObjectiveError::Data { file, message: format!("column {}: {message}", shown(name)), help }
                    }
                    error => error,
                }
            })
        };
        let times = column(&ColumnName::Heading(model.time.clone()))?;
        let columns = model.asked.columns.iter().map(|c| column(&c.name)).collect::<Result<Vec<_>, _>>()?;
        let mut order: Vec<usize> = (0..times.len()).collect();
        order.sort_by(|a, b| times[*a].total_cmp(&times[*b]));
        Ok(Measured {
            times: order.iter().map(|k| times[*k]).collect(),
            values: order.iter().flat_map(|k| columns.iter().map(|column| column[*k])).collect(),
            rows: order.iter().map(|k| k + 1).collect(),
            width: columns.len(),
        })
    }

    /// The numbers of a row.
    pub fn row(&self, k: usize) -> &[f64] {
        &self.values[k * self.width..(k + 1) * self.width]
    }
}

fn shown(name: &ColumnName) -> String {
    match name {
        ColumnName::Heading(heading) => format!("`{heading}`"),
        ColumnName::Place(place) => place.to_string(),
    }
}

fn missing(
    model: &model::Model,
    file: &DataFile,
    layout: &crate::source::data::Layout,
    name: &ColumnName,
) -> ObjectiveError {
    let headings = layout.headings.as_deref().unwrap_or_default();
    let known = headings.iter().map(String::as_str).chain(model.symbols.iter().map(|s| s.name.as_str()));
    let help = match (name, layout.headings.is_some()) {
        (ColumnName::Place(_), _) => format!("it has columns 1 to {}", layout.width),
        (_, false) => "its first line has no headings".to_string(),
        (ColumnName::Heading(heading), true) => {
            match crate::diag::closest(heading, known.filter(|other| other != heading)) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => format!(
                    "its columns are {}",
                    headings.iter().map(|h| format!("`{h}`")).collect::<Vec<_>>().join(", ")
                ),
            }
        }
    };
    let what = match name {
        ColumnName::Heading(heading) if *heading == model.time => " of times",
        _ => "",
    };
    ObjectiveError::Data {
        file: file.name().to_string(),
        message: format!("there is no column {}{what}", shown(name)),
        help: Some(help),
    }
}
