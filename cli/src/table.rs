//! A result as a table: the independent variable and named columns of numbers, borrowed from the solution. Elements of
//! one array stand together as a series, so that writers and figures can treat them as the array they are.

use rhapsode::name::{plain, with_subscripts};

/// A table: every column has the length of `axis`.
pub struct Table<'a> {
    /// The model's name.
    pub model: String,
    /// Name of the independent variable.
    pub independent: String,
    /// Its unit, where the model has one.
    pub unit: Option<String>,
    /// Its values.
    pub axis: &'a [f64],
    /// The scalars and arrays, in order.
    pub series: Vec<Series<'a>>,
}

/// A scalar (no `dims`) or an array, one column per element.
#[derive(Clone)]
pub struct Series<'a> {
    /// Its name, without subscripts (with them for a single element of an array).
    pub name: String,
    /// (first subscript, number of subscripts) per dimension.
    pub dims: Vec<(i64, usize)>,
    /// Its unit, where the model has one.
    pub unit: Option<String>,
    /// The columns, in row-major order of the subscripts.
    pub columns: Vec<&'a [f64]>,
}

impl<'a> Series<'a> {
    /// A scalar.
    pub fn scalar(name: impl Into<String>, values: &'a [f64]) -> Self {
        Series { name: name.into(), dims: Vec::new(), unit: None, columns: vec![values] }
    }

    /// The name of column `k`: `A`, `u[3,4]`.
    pub fn column_name(&self, k: usize) -> String {
        if self.dims.is_empty() {
            return self.name.clone();
        }
        let mut subscripts = vec![0; self.dims.len()];
        let mut rest = k;
        for (subscript, (lo, n)) in subscripts.iter_mut().zip(&self.dims).rev() {
            *subscript = lo + (rest % n) as i64;
            rest /= n;
        }
        let text: Vec<String> = subscripts.iter().map(i64::to_string).collect();
        with_subscripts(&self.name, &text)
    }
}

impl<'a> Table<'a> {
    /// Every column after the independent variable, with its name.
    pub fn columns(&self) -> impl Iterator<Item = (String, &'a [f64])> + '_ {
        self.series.iter().flat_map(|s| s.columns.iter().enumerate().map(|(k, values)| (s.column_name(k), *values)))
    }

    /// Number of columns after the independent variable.
    pub fn width(&self) -> usize {
        self.series.iter().map(|s| s.columns.len()).sum()
    }

    /// The table with only the named columns, in the order asked for; the name of an array stands for all of it.
    ///
    /// # Errors
    /// The first name that is neither a column nor an array.
    pub fn select(self, names: &[String]) -> Result<Table<'a>, String> {
        let mut series = Vec::new();
        for name in names {
            match self.series.iter().find(|s| s.name == *name || plain(&s.name) == *name) {
                Some(s) => {
                    series.push(s.clone());
                }
                None => {
                    let elements = |s: &Series<'a>| (0..s.columns.len()).find(|k| s.column_name(*k) == *name);
                    let found = self.series.iter().find_map(|s| Some((s, elements(s)?)));
                    let (s, k) = found.ok_or_else(|| name.clone())?;
                    series.push(Series { unit: s.unit.clone(), ..Series::scalar(name, s.columns[k]) });
                }
            }
        }
        Ok(Table { series, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_selection() {
        let (t, a, b, c) = ([0.0, 1.0], [1.0, 2.0], [3.0, 4.0], [5.0, 6.0]);
        let table = || Table {
            model: "m".into(),
            independent: "t".into(),
            unit: None,
            axis: &t,
            series: vec![
                Series::scalar("A", &a),
                Series { name: "u".into(), dims: vec![(0, 1), (3, 2)], unit: Some("m".into()), columns: vec![&b, &c] },
            ],
        };
        let names = |t: &Table| t.columns().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(&table()), ["A", "u[0,3]", "u[0,4]"]);
        let chosen = table().select(&["u[0,4]".into(), "A".into()]);
        let units = |t: &Table| t.series.iter().map(|s| s.unit.clone()).collect::<Vec<_>>();
        let expected = (vec!["u[0,4]".into(), "A".into()], vec![Some("m".into()), None]);
        assert_eq!(chosen.map(|t| (names(&t), units(&t))), Ok(expected));
        let all = table().select(&["u".into()]);
        assert_eq!(all.map(|t| (names(&t), t.series[0].dims.len())), Ok((vec!["u[0,3]".into(), "u[0,4]".into()], 2)));
        assert_eq!(table().select(&["B".into()]).err(), Some("B".into()));
    }
}
