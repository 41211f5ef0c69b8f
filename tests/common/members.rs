//! Trajectories of one model to be run alone and together, and what is compared of them.

use rhapsode::Compiled;
use rhapsode::solve::{Failure, Member, Method, Options, Save, Solution, Tolerance, integrate};

use super::material::Random;

/// `count` trajectories with parameters and initial values moved by up to these shares.
pub fn members(compiled: &Compiled, count: usize, (by_parameter, by_state): (f64, f64)) -> Vec<Member> {
    let values = compiled.problem().parameter_values().unwrap();
    let mut random = Random(7);
    let mut moved = |x: &f64, share: f64| x * (1.0 + share * random.next());
    (0..count)
        .map(|number| {
            let own: Vec<f64> = values.iter().map(|value| moved(value, by_parameter)).collect();
            let p = compiled.bind(&own);
            let y = compiled.initial(0.0, &p).iter().map(|y| moved(y, by_state)).collect();
            Member { number, y, p }
        })
        .collect()
}

pub fn options(method: Method, rtol: f64, end: f64, save: Save) -> Options<'static> {
    let mut options = Options::new(0.0, end);
    (options.method, options.rtol, options.atol) = (method, rtol, Tolerance::Scalar(rtol * 1e-2));
    options.save = save;
    options
}

/// Everything about a result but the clock, in words and in bits.
pub type Found = (String, Vec<u64>);

/// That of a result.
pub fn fingerprint(result: &Result<Solution, Failure>) -> Found {
    let (solution, end) = match result {
        Ok(solution) => (solution, String::new()),
        Err(failure) => (failure.partial.as_ref(), format!("{:?} {:e} {:e}", failure.kind, failure.time, failure.step)),
    };
    let mut numbers = solution.times().to_vec();
    (0..solution.state_names().len()).for_each(|k| numbers.extend(solution.state(k)));
    (0..solution.output_names().len()).for_each(|k| numbers.extend(solution.output(k)));
    let mut statistics = solution.statistics.clone();
    statistics.solve_seconds = 0.0;
    let events: Vec<_> = solution.events().collect();
    (
        format!("{end} {statistics:?} {events:?} {:?}", solution.stopped_by()),
        numbers.iter().map(|x| x.to_bits()).collect(),
    )
}

fn alone(compiled: &Compiled, members: &[Member], options: &Options) -> Vec<Found> {
    let run = |member: &Member| fingerprint(&integrate(compiled.system(), &member.y, &member.p, options));
    members.iter().map(run).collect()
}

/// What `together` makes of members, in several numbers and in both orders, is what each is alone, which is given back.
pub fn as_alone(
    name: &str,
    compiled: &Compiled,
    members: &[Member],
    options: &Options,
    together: impl Fn(&Compiled, &[Member], &Options) -> Vec<(usize, Found)>,
) -> Vec<Found> {
    let expected = alone(compiled, members, options);
    let reversed: Vec<Member> = members.iter().rev().cloned().collect();
    for part in [&members[..1], &members[..3], members, &reversed] {
        let found = together(compiled, part, options);
        assert_eq!(found.len(), part.len(), "{name}: every trajectory ends once");
        for (number, found) in found {
            let name = format!("{name}, {}, trajectory {number} of {}", options.method.name(), part.len());
            assert_eq!(found.0, expected[number].0, "{name}");
            assert!(found.1 == expected[number].1, "{name}: other numbers");
        }
    }
    expected
}
