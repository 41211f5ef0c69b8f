//! The values of flags: `0..100`, `k1=0.05`, `0,1,2`, `90s`. Each parser returns a sentence that says what was
//! expected; clap puts the flag's name in front.

use std::time::Duration;

/// A number as the language writes it: `1e-3`, `.5`, `2.`, with a sign.
///
/// # Errors
/// A sentence, when the text is no finite number.
pub fn number(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("expected a number, found `{}`", text.trim())),
    }
}

/// A number above zero.
///
/// # Errors
/// A sentence, when it is not.
pub fn positive(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value > 0.0 { Ok(value) } else { Err(format!("expected a number above 0, found `{}`", text.trim())) }
}

/// A number that is at least zero.
///
/// # Errors
/// A sentence, when it is not.
pub fn not_negative(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value >= 0.0 { Ok(value) } else { Err(format!("expected a number of at least 0, found `{}`", text.trim())) }
}

/// `A..B` with A < B; `A..steady` ends at infinity.
///
/// # Errors
/// A sentence, when it is no such span.
pub fn span(text: &str) -> Result<(f64, f64), String> {
    let Some((from, to)) = text.split_once("..") else {
        return Err(format!("expected a span such as `0..100`, found `{text}`"));
    };
    if to.trim() == "steady" {
        return Ok((number(from)?, f64::INFINITY));
    }
    let (from, to) = (number(from)?, number(to)?);
    if from < to {
        Ok((from, to))
    } else if from == to {
        Err(format!("the span {from}..{to} is empty"))
    } else {
        Err(format!("the span {from}..{to} ends before it begins; write `{to}..{from}`"))
    }
}

/// `NAME=VALUE`, as in `k1=0.05` or `u[3]=1`.
///
/// # Errors
/// A sentence, when a name, the sign or a number is missing.
pub fn assignment(text: &str) -> Result<(String, f64), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!("expected `NAME=VALUE`, as in `k1=0.05`, found `{text}`"));
    };
    let name: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    if name.is_empty() {
        return Err(format!("expected a name before `=` in `{text}`"));
    }
    Ok((name, number(value)?))
}

/// A number of points: a whole number from 2 to a hundred million.
///
/// # Errors
/// A sentence, when it is not.
pub fn count(text: &str) -> Result<usize, String> {
    match number(text)? {
        n if (2.0..=1e8).contains(&n) && n.fract() == 0.0 => Ok(n as usize),
        _ => Err(format!("expected a whole number of points, at least 2 and at most 1e8, found `{}`", text.trim())),
    }
}

/// A number of steps: a whole number of at least 1, `1e6` allowed.
///
/// # Errors
/// A sentence, when it is not.
pub fn steps(text: &str) -> Result<u64, String> {
    match number(text)? {
        n if (1.0..=1e18).contains(&n) && n.fract() == 0.0 => Ok(n as u64),
        _ => Err(format!("expected a whole number of at least 1, found `{}`", text.trim())),
    }
}

/// A wall-clock duration: seconds, or with a unit `ms`, `s`, `min`, `h`.
///
/// # Errors
/// A sentence, when it is not.
pub fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let units = [("ms", 1e-3), ("min", 60.0), ("h", 3600.0), ("s", 1.0)];
    let (digits, unit) = units
        .iter()
        .find_map(|(suffix, seconds)| text.strip_suffix(suffix).map(|digits| (digits, *seconds)))
        .unwrap_or((text, 1.0));
    let seconds = positive(digits).map_err(|_| format!("expected a time such as `30s` or `5min`, found `{text}`"))?;
    Duration::try_from_secs_f64(seconds * unit).map_err(|_| format!("the time `{text}` is too long"))
}

/// The names of one `--columns`.
#[derive(Clone, Debug)]
pub struct Columns(pub Vec<String>);

/// Names separated by commas; commas inside brackets belong to subscripts.
///
/// # Errors
/// A sentence, when a name is missing.
pub fn columns(text: &str) -> Result<Columns, String> {
    let mut names = vec![String::new()];
    let mut depth = 0;
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ',' if depth == 0 => {
                names.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(name) = names.last_mut() {
            name.push(c);
        }
    }
    if names.iter().any(String::is_empty) {
        return Err(format!("expected names separated by commas, found `{text}`"));
    }
    Ok(Columns(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        assert_eq!(span("0..100"), Ok((0.0, 100.0)));
        assert_eq!(span("-1e3..2.5"), Ok((-1000.0, 2.5)));
        assert_eq!(span("2..steady"), Ok((2.0, f64::INFINITY)));
        assert_eq!(span("0...5"), Ok((0.0, 0.5)));
        assert!(span("5..1").is_err_and(|e| e.contains("write `1..5`")));
        assert!(span("1..1").is_err_and(|e| e.contains("empty")));
        assert!(span("0:100").is_err_and(|e| e.contains("0..100")));
        assert!(span("0..inf").is_err_and(|e| e.contains("expected a number")));
    }

    #[test]
    fn assignments() {
        assert_eq!(assignment("k1=0.05"), Ok(("k1".into(), 0.05)));
        assert_eq!(assignment("W[1, 2] = -3e-2"), Ok(("W[1,2]".into(), -0.03)));
        assert!(assignment("k1").is_err_and(|e| e.contains("NAME=VALUE")));
        assert!(assignment("=3").is_err_and(|e| e.contains("name")));
        assert!(assignment("k1=fast").is_err_and(|e| e.contains("`fast`")));
        assert!(assignment("k1=NaN").is_err());
    }

    #[test]
    fn counts_and_durations() {
        assert_eq!(count("1e3"), Ok(1000));
        assert!(count("1").is_err() && count("2.5").is_err() && count("1e9").is_err());
        assert_eq!(steps("1e6"), Ok(1_000_000));
        assert!(steps("0").is_err());
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1.5min"), Ok(Duration::from_secs(90)));
        assert!(duration("-1").is_err() && duration("soon").is_err() && duration("1e30h").is_err());
    }

    #[test]
    fn commas_inside_brackets_do_not_separate() {
        let names = |text| columns(text).map(|c| c.0);
        assert_eq!(names("A, u[1,2],B"), Ok(vec!["A".into(), "u[1,2]".into(), "B".into()]));
        assert!(names("A,,B").is_err() && names("").is_err());
    }
}
