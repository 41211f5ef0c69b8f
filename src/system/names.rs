//! Names of vector components, made when asked for: half a million array elements need no half a million strings. Clones
//! share them.

use std::ops::Range;
use std::sync::Arc;

use crate::name::{plain, split, with_subscripts};

/// The names of the components of a vector: scalars and arrays laid out one after the other, arrays in row-major
/// order with one-based (or declared) subscripts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    blocks: Arc<Vec<Block>>,
    len: usize,
}

/// One named scalar or array.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Its name.
    pub name: String,
    /// First component.
    pub offset: usize,
    /// (first subscript, number of subscripts) per dimension; empty for a scalar.
    pub dims: Vec<(i64, usize)>,
}

impl Block {
    /// Number of components.
    pub fn len(&self) -> usize {
        self.dims.iter().map(|(_, n)| n).product()
    }

    /// Whether it has no component (an empty index set).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Names {
    /// Scalars with these names.
    pub fn scalars<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut result = Names::default();
        for name in names {
            result.push(name, Vec::new());
        }
        result
    }

    /// Appends a scalar (`dims` empty) or an array, and returns its first component.
    pub fn push(&mut self, name: impl Into<String>, dims: Vec<(i64, usize)>) -> usize {
        let block = Block { name: name.into(), offset: self.len, dims };
        self.len += block.len();
        Arc::make_mut(&mut self.blocks).push(block);
        self.len - self.blocks[self.blocks.len() - 1].len()
    }

    /// Number of components.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The scalars and arrays.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The name of component `k`, e.g. `A` or `u[3,4]`.
    ///
    /// # Panics
    /// If `k` is not below [`Self::len`].
    pub fn get(&self, k: usize) -> String {
        assert!(k < self.len, "component {k} of {}", self.len);
        let block = &self.blocks[self.blocks.partition_point(|block| block.offset + block.len() <= k)];
        if block.dims.is_empty() {
            return block.name.clone();
        }
        let mut rest = k - block.offset;
        let mut subscripts = vec![String::new(); block.dims.len()];
        for (text, (lo, n)) in subscripts.iter_mut().zip(&block.dims).rev() {
            *text = (lo + (rest % n) as i64).to_string();
            rest /= n;
        }
        with_subscripts(&block.name, &subscripts)
    }

    /// The component with that name, as [`Self::get`] spells it (blanks allowed after commas).
    pub fn find(&self, name: &str) -> Option<usize> {
        if let Some(block) = self.blocks.iter().find(|block| block.name == name) {
            return block.dims.is_empty().then_some(block.offset);
        }
        let (base, parts) = split(name)?;
        let block = self.blocks.iter().find(|block| block.name == base)?;
        if parts.len() != block.dims.len() {
            return None;
        }
        let mut place = 0;
        for (part, (lo, n)) in parts.iter().zip(&block.dims) {
            let k = part.trim().parse::<i64>().ok()? - lo;
            if k < 0 || k as usize >= *n {
                return None;
            }
            place = place * n + k as usize;
        }
        Some(block.offset + place)
    }

    /// The scalar or array of that name, as it is stored or without the brackets of arrays of instances.
    pub fn block(&self, name: &str) -> Option<&Block> {
        self.blocks.iter().find(|block| block.name == name || plain(&block.name) == name)
    }

    /// The components that a name means: all of a scalar or array, or one element.
    pub fn range(&self, name: &str) -> Option<Range<usize>> {
        match self.block(name) {
            Some(block) => Some(block.offset..block.offset + block.len()),
            None => self.find(name).map(|k| k..k + 1),
        }
    }

    /// All names in order.
    pub fn iter(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.len).map(|k| self.get(k))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_places_are_inverse() {
        let mut names = Names::default();
        names.push("A", vec![]);
        names.push("u", vec![(0, 2), (1, 3)]);
        names.push("B", vec![]);
        names.push("d[B]/d[k]", vec![]);
        names.push("d[u]/d[W[1,2]]", vec![(1, 2)]);
        names.push("c[].u", vec![(1, 2), (0, 2)]);
        assert_eq!(names.get(10), "d[u[2]]/d[W[1,2]]");
        assert_eq!(names.len(), 15);
        assert_eq!(names.get(13), "c[2].u[0]");
        assert_eq!(names.iter().collect::<Vec<_>>()[..4], ["A", "u[0,1]", "u[0,2]", "u[0,3]"]);
        for k in 0..names.len() {
            assert_eq!(names.find(&names.get(k)), Some(k));
        }
        assert_eq!(names.find("u[1, 3]"), Some(6));
        assert_eq!(names.find("u[2,1]"), None);
        assert_eq!(names.find("u"), None);
        assert_eq!([names.range("A"), names.range("u"), names.range("u[1,1]")], [Some(0..1), Some(1..7), Some(4..5)]);
        assert_eq!(
            [names.range("c.u"), names.range("c[2].u[0]"), names.range("v")],
            [Some(11..15), Some(13..14), None]
        );
    }
}
