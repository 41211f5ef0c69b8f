//! Names of units: `table.txt` read once, prefixes, and the units a model has used so far.

use std::sync::LazyLock;

use indexmap::IndexMap;
use rustc_hash::FxHashMap;

use super::exact::{BASE_UNITS, DIMENSIONS, Dims, Exact};
use super::linear::{Base, Linear, UnitId};
use super::ratio::Ratio;
use crate::diag::{Diagnostic, closest, codes};
use crate::lang::ast::{Factor, Unit, UnitBase};
use crate::lang::parse_unit;
use crate::source::Span;

/// Symbol, word and size of the prefixes; those from kilo up are `large`.
const PREFIXES: [(&str, &str, i32); 26] = [
    ("Q", "quetta", 30),
    ("R", "ronna", 27),
    ("Y", "yotta", 24),
    ("Z", "zetta", 21),
    ("E", "exa", 18),
    ("P", "peta", 15),
    ("T", "tera", 12),
    ("G", "giga", 9),
    ("M", "mega", 6),
    ("k", "kilo", 3),
    ("h", "hecto", 2),
    ("da", "deca", 1),
    ("d", "deci", -1),
    ("c", "centi", -2),
    ("m", "milli", -3),
    ("µ", "micro", -6),
    ("μ", "micro", -6), // the Greek letter
    ("u", "micro", -6),
    ("n", "nano", -9),
    ("p", "pico", -12),
    ("f", "femto", -15),
    ("a", "atto", -18),
    ("z", "zepto", -21),
    ("y", "yocto", -24),
    ("r", "ronto", -27),
    ("q", "quecto", -30),
];

/// Symbol, word and power of 1024.
const BINARY: [(&str, &str, i32); 6] =
    [("Ki", "kibi", 1), ("Mi", "mebi", 2), ("Gi", "gibi", 3), ("Ti", "tebi", 4), ("Pi", "pebi", 5), ("Ei", "exbi", 6)];

/// Which prefixes a unit takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prefixes {
    None,
    Si,
    Large,
    Binary,
}

/// A line of the table.
struct Row {
    symbols: Vec<&'static str>,
    words: Vec<&'static str>,
    prefixes: Prefixes,
    exact: Exact,
    /// Where its zero lies, in units of itself.
    offset: Option<f64>,
    about: &'static str,
}

/// The table, with the row of each name.
struct Table {
    rows: Vec<Row>,
    symbols: FxHashMap<&'static str, usize>,
    words: FxHashMap<&'static str, usize>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table { rows: Vec::new(), symbols: FxHashMap::default(), words: FxHashMap::default() };
    for line in include_str!("table.txt").lines().filter(|line| !line.starts_with('#')) {
        // A line that cannot be read is left out; a test says that there is none.
        let Some(row) = table.row(line) else { continue };
        let place = table.rows.len();
        table.symbols.extend(row.symbols.iter().map(|name| (*name, place)));
        table.words.extend(row.words.iter().map(|name| (*name, place)));
        table.rows.push(row);
    }
    table
});

impl Table {
    /// Reads a line with the rows above it.
    fn row(&self, line: &'static str) -> Option<Row> {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [names, prefixes, definition, about] = cells.as_slice() else { return None };
        let (symbols, words) = names.split_once(';')?;
        let prefixes = match *prefixes {
            "-" => Prefixes::None,
            "si" => Prefixes::Si,
            "large" => Prefixes::Large,
            "binary" => Prefixes::Binary,
            _ => return None,
        };
        let (definition, offset) = match definition.split_once(" + ") {
            Some((definition, offset)) => (definition, Some(offset.parse().ok()?)),
            None => (*definition, None),
        };
        let exact = match definition.strip_prefix("base ") {
            Some(name) => Exact::base(DIMENSIONS.iter().position(|known| *known == name)?),
            None => self.exact(&parse_unit(definition)?)?,
        };
        let list = |names: &'static str| names.split_whitespace().collect();
        Some(Row { symbols: list(symbols), words: list(words), prefixes, exact, offset, about })
    }

    fn exact(&self, unit: &Unit) -> Option<Exact> {
        unit.factors.iter().try_fold(Exact::default(), |product, factor| {
            let exact = match &factor.base {
                UnitBase::Name(name) if name == "pi" => Exact::pi(),
                UnitBase::Name(name) => self.find(name)?.0,
                UnitBase::Number(value) => Exact::number(*value),
                UnitBase::Group(unit) => self.exact(unit)?,
            };
            Some(product.times(&exact, power(factor.how, factor.exponent)))
        })
    }

    /// What a name means: itself, or a prefix and what follows.
    fn find(&self, name: &str) -> Option<(Exact, Option<f64>)> {
        let known = |place: &usize| (self.rows[*place].exact.clone(), self.rows[*place].offset);
        let word = self.words.get(name).or_else(|| self.words.get(name.strip_suffix('s')?));
        if let Some(place) = self.symbols.get(name).or(word) {
            return Some(known(place));
        }
        let si = PREFIXES.iter().map(|p| (*p, 10.0, false));
        let binary = BINARY.iter().map(|p| (*p, 1024.0, true));
        si.chain(binary).find_map(|((symbol, word, power), base, is_binary)| {
            let found = |rest: Option<&str>, names: &FxHashMap<&'static str, usize>| {
                let place = names.get(rest?)?;
                let allowed = match self.rows[*place].prefixes {
                    Prefixes::None => false,
                    Prefixes::Si => !is_binary,
                    Prefixes::Large => !is_binary && power >= 3,
                    Prefixes::Binary => is_binary || power >= 3,
                };
                allowed.then_some(*place)
            };
            let rest = name.strip_prefix(word);
            let place = found(name.strip_prefix(symbol), &self.symbols)
                .or_else(|| found(rest, &self.words))
                .or_else(|| found(rest?.strip_suffix('s'), &self.words))?;
            let size = Exact::number(base);
            Some((self.rows[place].exact.clone().times(&size, Ratio::new(power.into(), 1)), None))
        })
    }
}

fn power(how: Factor, (n, d): (i32, i32)) -> Ratio {
    let power = Ratio::new(n.into(), d.into());
    if how == Factor::Over { -power } else { power }
}

/// All units by name with what they measure, for documentation and completion.
pub fn known_units() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.rows.iter().flat_map(|row| row.symbols.iter().chain(&row.words).map(|name| (*name, row.about)))
}

/// A unit as it stands in a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// What it is a product of.
    pub linear: Linear,
    /// The unit with an offset it is, alone.
    pub point: Option<UnitId>,
}

/// The units a model uses, in order of first mention.
#[derive(Default)]
pub struct Registry {
    used: IndexMap<String, (Exact, Option<f64>)>,
}

impl Registry {
    /// One that knows the scales with offsets.
    pub fn new() -> Registry {
        let mut registry = Registry::default();
        for name in
            TABLE.rows.iter().filter(|row| row.offset.is_some()).flat_map(|row| row.symbols.iter().chain(&row.words))
        {
            registry.intern(name);
        }
        registry
    }

    /// The place of a unit of that name.
    pub fn intern(&mut self, name: &str) -> Option<UnitId> {
        if let Some(place) = self.used.get_index_of(name) {
            return Some(UnitId(place as u32));
        }
        let found = if name == "pi" { (Exact::pi(), None) } else { TABLE.find(name)? };
        Some(UnitId(self.used.insert_full(name.to_string(), found).0 as u32))
    }

    fn number(&mut self, value: f64) -> UnitId {
        let name = Unit::number_text(value);
        let entry = self.used.entry(name);
        let place = entry.index();
        entry.or_insert_with(|| (Exact::number(value), None));
        UnitId(place as u32)
    }

    /// What a unit of the text means; `None` after a diagnostic.
    pub fn read(&mut self, unit: &Unit, diagnostics: &mut Vec<Diagnostic>) -> Option<Given> {
        let alone = matches!(unit.factors.as_slice(), [factor] if factor.exponent == (1, 1));
        let mut given = Given { linear: Linear::default(), point: None };
        let mut good = true;
        for factor in &unit.factors {
            let id = match &factor.base {
                UnitBase::Number(1.0) => continue,
                UnitBase::Number(0.0) => {
                    let message = "a unit has no factor 0";
                    diagnostics.push(Diagnostic::new(codes::units::UNKNOWN_UNIT, factor.span, message));
                    good = false;
                    continue;
                }
                UnitBase::Number(value) => self.number(*value),
                UnitBase::Group(inner) => {
                    match self.read(inner, diagnostics) {
                        Some(inner) if inner.point.is_none() || alone => {
                            let power = power(factor.how, factor.exponent);
                            given.linear = given.linear.plus(&inner.linear, power);
                            given.point = inner.point;
                        }
                        Some(_) => good = self.refuse_offset(factor.span, diagnostics),
                        None => good = false,
                    }
                    continue;
                }
                UnitBase::Name(name) => match self.intern(name) {
                    Some(id) => id,
                    None => {
                        diagnostics.push(unknown(name, factor.span));
                        good = false;
                        continue;
                    }
                },
            };
            if self.offset(id).is_some() {
                if !alone {
                    good = self.refuse_offset(factor.span, diagnostics);
                    continue;
                }
                given.point = Some(id);
            }
            given.linear = given.linear.plus(&Linear::unit(id), power(factor.how, factor.exponent));
        }
        good.then_some(given)
    }

    fn refuse_offset(&self, span: Span, diagnostics: &mut Vec<Diagnostic>) -> bool {
        let message = "a temperature scale with an offset cannot be part of a product of units";
        diagnostics.push(
            Diagnostic::new(codes::units::OFFSET, span, message)
                .label("counts from its own zero")
                .help("write `K`: differences of a degree Celsius and of a kelvin are the same"),
        );
        false
    }

    /// The name of a unit.
    pub fn name(&self, id: UnitId) -> &str {
        self.used.get_index(id.0 as usize).map_or("?", |(name, _)| name)
    }

    /// Where the zero of a unit lies, in units of itself.
    pub fn offset(&self, id: UnitId) -> Option<f64> {
        self.used.get_index(id.0 as usize)?.1.1
    }

    /// The unit of differences on a scale with an offset.
    pub fn interval(&mut self, scale: UnitId) -> Linear {
        let kelvin = self.intern("K").filter(|kelvin| self.size(*kelvin) == self.size(scale));
        Linear::unit(kelvin.unwrap_or(scale))
    }

    /// The scale with an offset that a unit of the text is.
    pub fn peek_point(&self, unit: &Unit) -> Option<UnitId> {
        match unit.factors.as_slice() {
            [factor] if factor.exponent == (1, 1) => match &factor.base {
                UnitBase::Name(name) => {
                    let id = UnitId(self.used.get_index_of(name.as_str())? as u32);
                    self.offset(id).map(|_| id)
                }
                UnitBase::Group(inner) => self.peek_point(inner),
                UnitBase::Number(_) => None,
            },
            _ => None,
        }
    }

    fn size(&self, id: UnitId) -> &Exact {
        static ONE: LazyLock<Exact> = LazyLock::new(Exact::default);
        self.used.get_index(id.0 as usize).map_or(&ONE, |(_, (exact, _))| exact)
    }

    /// What a product of named units is, its terms with atoms and its unknowns left out.
    pub fn exact(&self, unit: &Linear) -> Exact {
        unit.terms().fold(Exact::default(), |product, (base, monomial, value)| match base {
            Base::Unit(id) if monomial.is_empty() => product.times(self.size(id), value),
            _ => product,
        })
    }

    /// The dimension of what stands under each product of atoms, and the size.
    pub fn exact_by_atoms(&self, unit: &Linear) -> Vec<Exact> {
        let mut parts: Vec<(&[super::linear::Atom], Exact)> = Vec::new();
        for (base, monomial, value) in unit.terms() {
            let Base::Unit(id) = base else { continue };
            let place = parts.iter().position(|(known, _)| *known == monomial.as_slice()).unwrap_or(parts.len());
            if place == parts.len() {
                parts.push((monomial, Exact::default()));
            }
            let part = std::mem::take(&mut parts[place].1);
            parts[place].1 = part.times(self.size(id), value);
        }
        parts.into_iter().filter(|(monomial, _)| !monomial.is_empty()).map(|(_, exact)| exact).collect()
    }
}

fn unknown(name: &str, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::new(codes::units::UNKNOWN_UNIT, span, format!("unknown unit `{name}`"));
    // A prefix where none may stand is the likelier mistake than a slip in a short name.
    let prefixed = PREFIXES.iter().find_map(|(symbol, word, power)| {
        let words = |prefix: &str| {
            let rest = name.strip_prefix(prefix)?;
            TABLE.words.get_key_value(rest).or_else(|| TABLE.words.get_key_value(rest.strip_suffix('s')?))
        };
        let symbols = || TABLE.symbols.get_key_value(name.strip_prefix(symbol)?).filter(|(u, _)| u.chars().count() > 1);
        let (unit, place) = words(word).or_else(|| words(symbol)).or_else(symbols)?;
        Some(match TABLE.rows[*place].prefixes {
            Prefixes::Si => format!("did you mean `{word}{unit}`?"),
            _ => format!("`{unit}` takes no such prefix: write `1e{power}*{unit}`"),
        })
    });
    let guess = closest(name, known_units().map(|(name, _)| name));
    match (prefixed, guess) {
        (Some(help), _) => diagnostic.help(help),
        (None, Some(guess)) => diagnostic.help(format!("did you mean `{guess}`?")),
        (None, None) => {
            diagnostic.help("units are written like `mg/L`, `1/hour` or `kg*m/s^2`; pure numbers have the unit `1`")
        }
    }
}

/// A unit of base units for a dimension.
pub fn in_base_units(dims: &Dims) -> String {
    let terms = BASE_UNITS.iter().zip(dims).map(|(name, exponent)| (name.to_string(), *exponent));
    product(terms.filter(|(_, exponent)| !exponent.is_zero()))
}

/// A product of powers as text; `1` for none.
pub fn product(terms: impl Iterator<Item = (String, Ratio)>) -> String {
    let (mut above, mut below) = (Vec::new(), String::new());
    for (name, exponent) in terms {
        let size = if exponent.is_negative() { -exponent } else { exponent };
        let power = if size == Ratio::ONE { name } else { format!("{name}^{size}") };
        if exponent.is_negative() {
            below += &format!("/{power}");
        } else {
            above.push(power);
        }
    }
    let above = if above.is_empty() { "1".to_string() } else { above.join("*") };
    above + &below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> f64 {
        TABLE.exact(&parse_unit(text).unwrap_or_else(|| panic!("{text}"))).unwrap_or_else(|| panic!("{text}")).value()
    }

    fn dims(text: &str) -> String {
        in_base_units(&TABLE.exact(&parse_unit(text).unwrap()).unwrap().dims)
    }

    #[test]
    fn every_line_of_the_table_is_read_and_no_name_is_given_twice() {
        let lines = include_str!("table.txt").lines().filter(|line| line.contains('|') && !line.starts_with('#'));
        assert_eq!(lines.count(), TABLE.rows.len());
        let mut names: Vec<_> = known_units().map(|(name, _)| name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(count, names.len());
        for name in names {
            let text = parse_unit(name).unwrap_or_else(|| panic!("{name} cannot be written"));
            assert!(matches!(&text.factors[0].base, UnitBase::Name(read) if read == name), "{name}");
        }
    }

    /// Values stated in the sources themselves, not derived from the table.
    #[test]
    fn sizes_are_those_of_the_sources() {
        let list = [
            ("min", 60.0, "s"),
            ("hours", 3600.0, "s"),
            ("day", 86_400.0, "s"),
            ("week", 604_800.0, "s"),
            ("yr", 31_557_600.0, "s"),
            ("month", 2_629_800.0, "s"),
            ("km", 1e3, "m"),
            ("nm", 1e-9, "m"),
            ("Å", 1e-10, "m"),
            ("inch", 0.0254, "m"),
            ("ft", 0.3048, "m"),
            ("yard", 0.9144, "m"),
            ("miles", 1609.344, "m"),
            ("au", 1.495978707e11, "m"),
            ("ly", 9.4607304725808e15, "m"),
            ("pc", 3.085677581491367e16, "m"),
            ("Mpc", 3.085677581491367e22, "m"),
            ("ha", 1e4, "m^2"),
            ("L", 1e-3, "m^3"),
            ("mL", 1e-6, "m^3"),
            ("cm^3", 1e-6, "m^3"),
            ("gal", 3.785411784e-3, "m^3"),
            ("mph", 0.44704, "m/s"),
            ("kn", 1852.0 / 3600.0, "m/s"),
            ("g", 1e-3, "kg"),
            ("µg", 1e-9, "kg"),
            ("ng", 1e-12, "kg"),
            ("tonne", 1e3, "kg"),
            ("Da", 1.66053906892e-27, "kg"),
            ("kDa", 1.66053906892e-24, "kg"),
            ("lb", 0.45359237, "kg"),
            ("oz", 0.028349523125, "kg"),
            ("M", 1e3, "mol/m^3"),
            ("mM", 1.0, "mol/m^3"),
            ("nM", 1e-6, "mol/m^3"),
            ("N", 1.0, "m*kg/s^2"),
            ("lbf", 4.4482216152605, "m*kg/s^2"),
            ("kgf", 9.80665, "m*kg/s^2"),
            ("Pa", 1.0, "kg/m/s^2"),
            ("bar", 1e5, "kg/m/s^2"),
            ("atm", 101_325.0, "kg/m/s^2"),
            ("Torr", 133.322_368_421_052_63, "kg/m/s^2"),
            ("mmHg", 133.322387415, "kg/m/s^2"),
            ("cmH2O", 98.0665, "kg/m/s^2"),
            ("psi", 6_894.757_293_168_361, "kg/m/s^2"),
            ("J", 1.0, "m^2*kg/s^2"),
            ("eV", 1.602176634e-19, "m^2*kg/s^2"),
            ("keV", 1.602176634e-16, "m^2*kg/s^2"),
            ("cal", 4.184, "m^2*kg/s^2"),
            ("kcal", 4184.0, "m^2*kg/s^2"),
            ("kWh", 3.6e6, "m^2*kg/s^2"),
            ("erg", 1e-7, "m^2*kg/s^2"),
            ("hp", 745.699_871_582_270_2, "m^2*kg/s^3"),
            ("mV", 1e-3, "m^2*kg/s^3/A"),
            ("pA", 1e-12, "A"),
            ("mS/cm^2", 10.0, "s^3*A^2/m^4/kg"),
            ("µF/cm^2", 1e-2, "s^4*A^2/m^4/kg"),
            ("MΩ", 1e6, "m^2*kg/s^3/A^2"),
            ("G", 1e-4, "kg/s^2/A"),
            ("Ci", 3.7e10, "1/s"),
            ("Jy", 1e-26, "kg/s^2"),
            ("cP", 1e-3, "kg/m/s"),
            ("%", 1e-2, "1"),
            ("‰", 1e-3, "1"),
            ("ppm", 1e-6, "1"),
            ("deg", 0.017_453_292_519_943_295, "1"),
            ("arcsec", 4.848_136_811_095_36e-6, "1"),
            ("rpm", 0.104_719_755_119_659_77, "1/s"),
            ("rev", std::f64::consts::TAU, "1"),
            ("KiB", 8192.0, "bit"),
            ("kB", 8000.0, "bit"),
            ("molecules", 1.0, "1"),
            ("cells/mL", 1e6, "1/m^3"),
            ("kat", 1.0, "mol/s"),
            ("Msun", 1.98841e30, "kg"),
            ("km/s/Mpc", 3.240_779_289_444_364_8e-20, "1/s"),
            ("degF", 5.0 / 9.0, "K"),
            ("millivolts", 1e-3, "m^2*kg/s^3/A"),
        ];
        for (name, size, base) in list {
            assert_eq!(dims(name), base, "{name}");
            assert!((value(name) / size - 1.0).abs() < 1e-15, "{name}: {} against {size}", value(name));
        }
    }

    #[test]
    fn no_prefixed_name_means_two_things() {
        let mut meanings: FxHashMap<String, Exact> = FxHashMap::default();
        let mut doubtful = Vec::new();
        for row in &TABLE.rows {
            let prefixes: Vec<(&str, f64, i32)> = match row.prefixes {
                Prefixes::None => Vec::new(),
                Prefixes::Si => PREFIXES.iter().map(|p| (p.0, 10.0, p.2)).collect(),
                Prefixes::Large => PREFIXES.iter().filter(|p| p.2 >= 3).map(|p| (p.0, 10.0, p.2)).collect(),
                Prefixes::Binary => BINARY
                    .iter()
                    .map(|p| (p.0, 1024.0, p.2))
                    .chain(PREFIXES.iter().filter(|p| p.2 >= 3).map(|p| (p.0, 10.0, p.2)))
                    .collect(),
            };
            for symbol in &row.symbols {
                for (prefix, base, power) in std::iter::once(&("", 10.0, 0)).chain(&prefixes) {
                    let exact = row.exact.clone().times(&Exact::number(*base), Ratio::new(i64::from(*power), 1));
                    let name = format!("{prefix}{symbol}");
                    match meanings.get(&name) {
                        Some(known) if *known != exact => doubtful.push(name),
                        _ => _ = meanings.insert(name, exact),
                    }
                }
            }
        }
        doubtful.sort();
        assert!(doubtful.is_empty(), "{doubtful:?}");
    }
}
