//! Subscripts: integer-affine functions of index variables, optionally wrapped around a periodic dimension.

use super::VarId;

/// `offset + Σ coefficient·variable`, terms in ascending order of variable, no zero coefficients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Affine {
    /// The constant part.
    pub offset: i64,
    /// Variables and their coefficients.
    pub terms: Vec<(VarId, i64)>,
}

/// One subscript of an array.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subscript {
    /// Its value before wrapping.
    pub affine: Affine,
    /// Whether it is taken modulo the dimension it subscripts.
    pub wrap: bool,
}

/// The integers `lo..=hi` that an index variable runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexRange {
    /// The variable.
    pub var: VarId,
    /// First value.
    pub lo: i64,
    /// Last value.
    pub hi: i64,
}

impl IndexRange {
    /// Number of values.
    pub fn len(self) -> usize {
        (self.hi - self.lo + 1).max(0) as usize
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.hi < self.lo
    }
}

/// Calls `f` with every choice of index values, the last index fastest; none of the ranges is empty.
pub fn for_each_turn(ranges: &[IndexRange], mut f: impl FnMut(&[(VarId, i64)])) {
    let mut indices: Vec<(VarId, i64)> = ranges.iter().map(|r| (r.var, r.lo)).collect();
    'turns: loop {
        f(&indices);
        for (index, range) in indices.iter_mut().zip(ranges).rev() {
            if index.1 < range.hi {
                index.1 += 1;
                continue 'turns;
            }
            index.1 = range.lo;
        }
        break;
    }
}

/// The same one by one, for walks that end early.
pub fn turns(ranges: &[IndexRange]) -> impl Iterator<Item = Vec<(VarId, i64)>> + '_ {
    let total: usize = ranges.iter().map(|r| r.len()).product();
    (0..total).map(move |mut k| {
        let mut indices: Vec<_> = ranges
            .iter()
            .rev()
            .map(|range| {
                let value = range.lo + (k % range.len()) as i64;
                k /= range.len();
                (range.var, value)
            })
            .collect();
        indices.reverse();
        indices
    })
}

impl Affine {
    /// A constant.
    pub fn constant(offset: i64) -> Self {
        Affine { offset, terms: Vec::new() }
    }

    /// A variable.
    pub fn var(var: VarId) -> Self {
        Affine { offset: 0, terms: vec![(var, 1)] }
    }

    /// `self + k·other`; `None` when a number leaves the range of `i64`.
    pub fn add_scaled(&self, other: &Affine, k: i64) -> Option<Affine> {
        let mut result = self.clone();
        result.offset = result.offset.checked_add(other.offset.checked_mul(k)?)?;
        for &(var, c) in &other.terms {
            let c = c.checked_mul(k)?;
            match result.terms.binary_search_by_key(&var, |term| term.0) {
                Ok(at) => {
                    result.terms[at].1 = result.terms[at].1.checked_add(c)?;
                    if result.terms[at].1 == 0 {
                        result.terms.remove(at);
                    }
                }
                Err(at) if c != 0 => result.terms.insert(at, (var, c)),
                Err(_) => {}
            }
        }
        Some(result)
    }

    /// Its value if it has no variables.
    pub fn as_constant(&self) -> Option<i64> {
        self.terms.is_empty().then_some(self.offset)
    }

    /// The variable, if it is just one variable.
    pub fn as_var(&self) -> Option<VarId> {
        match (self.offset, self.terms.as_slice()) {
            (0, [(var, 1)]) => Some(*var),
            _ => None,
        }
    }

    /// With variables replaced. Overflow saturates the offset, which range checks then reject.
    pub fn substitute(&self, with: &dyn Fn(VarId) -> Option<Affine>) -> Affine {
        let mut result = Affine::constant(self.offset);
        for &(var, k) in &self.terms {
            let term = with(var).unwrap_or_else(|| Affine::var(var));
            result = result.add_scaled(&term, k).unwrap_or(Affine::constant(i64::MAX / 4));
        }
        result
    }

    /// Its value, given those of the variables.
    pub fn eval(&self, value: &dyn Fn(VarId) -> i64) -> i64 {
        self.terms.iter().fold(self.offset, |sum, (var, k)| sum + k * value(*var))
    }

    /// Smallest and largest value while each variable stays in its range; a variable without a range is an error of
    /// the caller and counts as 0.
    pub fn bounds(&self, ranges: &[IndexRange]) -> (i64, i64) {
        let (mut lo, mut hi) = (self.offset, self.offset);
        for &(var, k) in &self.terms {
            if let Some(range) = ranges.iter().rev().find(|range| range.var == var) {
                let (a, b) = (range.lo.saturating_mul(k), range.hi.saturating_mul(k));
                lo = lo.saturating_add(a.min(b));
                hi = hi.saturating_add(a.max(b));
            }
        }
        (lo, hi)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_cancel_and_bounds_hold() {
        let (i, j) = (VarId(0), VarId(1));
        let a = Affine::var(i).add_scaled(&Affine::var(j), -2).unwrap();
        assert_eq!(a.add_scaled(&Affine::var(i), -1).unwrap().terms, vec![(j, -2)]);
        let ranges = [IndexRange { var: i, lo: 1, hi: 4 }, IndexRange { var: j, lo: 2, hi: 3 }];
        assert_eq!(a.bounds(&ranges), (1 - 6, 4 - 4));
        let shifted = a.substitute(&|v| (v == i).then(|| Affine { offset: 1, terms: vec![(j, 2)] }));
        assert_eq!(shifted.as_constant(), Some(1));
    }
}
