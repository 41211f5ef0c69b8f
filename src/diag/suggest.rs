//! The likely intent behind a misspelt name.

/// The candidate closest to `name` by edit distance, if one is close enough to be worth naming.
pub fn closest<'a>(_name: &str, _candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    None
}
