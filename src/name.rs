//! How a name is spelled with its subscripts: `u[3,4]`, and `c[3].V` for the quantity `V` of an instance in an array.
//!
//! All elements of an array share one name. Empty brackets in it say where its first subscripts go: `c[].V` with the
//! subscript 3 is `c[3].V`, `c[,].u` with 1, 2 and 5 is `c[1,2].u[5]`; what is left of them stands at the end. In the
//! name of a sensitivity, `d[u]/d[k]`, they belong to what is differentiated: `d[u[3]]/d[k]`.

/// The name with its subscripts in place.
pub fn with_subscripts<S: AsRef<str>>(name: &str, subscripts: &[S]) -> String {
    if let Some((of, by)) = name.split_once("]/d[") {
        return format!("{}]/d[{by}", with_subscripts(of, subscripts));
    }
    let mut text = String::with_capacity(name.len() + 4 * subscripts.len());
    let (mut rest, mut subscripts) = (name, subscripts);
    while let Some((before, count, after)) = first_slot(rest) {
        let (filled, left) = subscripts.split_at(count.min(subscripts.len()));
        text.push_str(before);
        bracketed(&mut text, filled);
        (rest, subscripts) = (after, left);
    }
    text.push_str(rest);
    if !subscripts.is_empty() {
        bracketed(&mut text, subscripts);
    }
    text
}

/// The name and the subscripts of a spelled element, as they are written (none for a scalar): the inverse of
/// [`with_subscripts`]. `None` where brackets do not match.
pub fn split(spelled: &str) -> Option<(String, Vec<&str>)> {
    let sensitivity = spelled.strip_prefix("d[").and_then(|rest| rest.split_once("]/d["));
    if let Some((of, by)) = sensitivity {
        let (name, subscripts) = split(of)?;
        return Some((format!("d[{name}]/d[{by}"), subscripts));
    }
    let (mut name, mut subscripts, mut rest) = (String::with_capacity(spelled.len()), Vec::new(), spelled);
    while let Some((before, after)) = rest.split_once('[') {
        let (inside, after) = after.split_once(']')?;
        let parts: Vec<&str> = inside.split(',').map(str::trim).collect();
        name.push_str(before.trim_end());
        if !after.is_empty() {
            name.push('[');
            name.extend(std::iter::repeat_n(',', parts.len() - 1));
            name.push(']');
        }
        subscripts.extend(parts);
        rest = after;
    }
    name.push_str(rest);
    Some((name, subscripts))
}

/// The two parts of something at another time, `x` and `t - tau` of `x(t - tau)`, which is its name as a whole.
pub fn at_another_time(name: &str) -> Option<(&str, &str)> {
    let (base, time) = name.strip_suffix(')')?.split_once('(')?;
    (!base.is_empty()).then_some((base, time))
}

/// A spelled state with a prime, which stands before the subscripts of its own: `u'[3]`, `c[3].V'`.
pub fn primed(spelled: &str) -> String {
    let own = spelled.rfind('.').unwrap_or(0);
    match spelled[own..].find('[') {
        Some(place) => format!("{}'{}", &spelled[..own + place], &spelled[own + place..]),
        None => format!("{spelled}'"),
    }
}

/// The name as one would ask for all its elements, without the places of subscripts: `c.V` for `c[].V`.
pub fn plain(name: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(name.len()), name);
    while let Some((before, _, after)) = first_slot(rest) {
        text.push_str(before);
        rest = after;
    }
    text + rest
}

/// The parts of a name between its dots, each with how many subscripts it has a place for: `c[,].V` has `c` with two and
/// `V` with none.
pub fn parts(name: &str) -> impl Iterator<Item = (&str, usize)> {
    let whole = name.contains("]/d[");
    name.split(move |c| c == '.' && !whole).map(|part| match first_slot(part) {
        Some((base, count, "")) => (base, count),
        _ => (part, 0),
    })
}

/// What stands before the first empty brackets, how many subscripts they take, and what follows.
fn first_slot(name: &str) -> Option<(&str, usize, &str)> {
    let mut from = 0;
    loop {
        let open = from + name[from..].find('[')?;
        let commas = name[open + 1..].bytes().take_while(|byte| *byte == b',').count();
        if let Some(after) = name[open + 1 + commas..].strip_prefix(']') {
            return Some((&name[..open], commas + 1, after));
        }
        from = open + 1;
    }
}

fn bracketed<S: AsRef<str>>(text: &mut String, subscripts: &[S]) {
    text.push('[');
    for (place, subscript) in subscripts.iter().enumerate() {
        text.push_str(if place == 0 { "" } else { "," });
        text.push_str(subscript.as_ref());
    }
    text.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_inverts_spelling() {
        let names = [
            ("A", vec![], "A"),
            ("u", vec!["3", "4"], "u[3,4]"),
            ("a.V", vec![], "a.V"),
            ("c[].V", vec!["3"], "c[3].V"),
            ("c[,].u", vec!["1", "2", "5"], "c[1,2].u[5]"),
            ("c[].s[].g'", vec!["1", "2"], "c[1].s[2].g'"),
            ("d[u]/d[W[1,2]]", vec!["7"], "d[u[7]]/d[W[1,2]]"),
            ("d[c[].V]/d[c[2].g]", vec!["3"], "d[c[3].V]/d[c[2].g]"),
        ];
        for (name, subscripts, spelled) in names {
            assert_eq!(with_subscripts(name, &subscripts), spelled);
            assert_eq!(split(spelled), Some((name.to_string(), subscripts)), "{spelled}");
        }
        assert_eq!(split("u[1, 3]"), Some(("u".to_string(), vec!["1", "3"])));
        assert_eq!(split("u[1"), None);
    }

    #[test]
    fn primes_stand_before_the_last_subscripts() {
        let primed = ["x", "u[3]", "c[3].V", "c[3].u[i+1]"].map(primed);
        assert_eq!(primed, ["x'", "u'[3]", "c[3].V'", "c[3].u'[i+1]"]);
        let found: Vec<_> = parts("c[,].s.u").collect();
        assert_eq!(found, [("c", 2), ("s", 0), ("u", 0)]);
        assert_eq!(["u", "c[].V", "c[,].s[].g"].map(plain), ["u", "c.V", "c.s.g"]);
    }
}
