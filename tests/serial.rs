//! Solutions as data: what serde writes is read again, and what does not fit together is refused.

use rhapsode::Model;
use rhapsode::solve::Solution;

const TEXT: &str = "model m\nindex i = 0..1\nindex j = 1..3\nparam k = 0.5\ninit u[i,j] = i + j, x = 1\n\
    u[i,j]' = -k*u[i,j]\nx' = -x\noutput twice = 2*x\nwhen x < 0.25 { stop }\n";

fn solution() -> Solution {
    Model::parse(TEXT).unwrap().compile().unwrap().problem().span(0.0..5.0).dense().solve().unwrap()
}

#[test]
fn a_solution_comes_back_whole() {
    let before = solution();
    let after: Solution = serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap();
    assert_eq!(after.times(), before.times());
    assert_eq!(after.column("u[1,3]").unwrap(), before.column("u[1,3]").unwrap());
    assert_eq!(after.column("twice").unwrap(), before.column("twice").unwrap());
    assert_eq!(after.state_names(), before.state_names());
    assert_eq!(after.stopped_by(), before.stopped_by());
    assert!(after.stopped_by().is_some());
    assert_eq!((after.dense(), &after.statistics), (before.dense(), &before.statistics));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let good = serde_json::to_value(solution()).unwrap();
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = good.clone();
        change(&mut value);
        serde_json::from_value::<Solution>(value).unwrap_err().to_string()
    };
    let len = good["times"].as_array().unwrap().len();
    let sentence = refused(&|value| _ = value["states"].as_array_mut().unwrap().pop());
    assert_eq!(sentence, format!("7 states at {len} times are not {} numbers", 7 * len - 1));
    let huge = serde_json::json!(["w", [[1, u64::MAX], [1, 3]]]);
    let sentence = refused(&|value| value["output_names"].as_array_mut().unwrap().push(huge.clone()));
    assert_eq!(sentence, "the arrays of outputs have too many elements");
    assert_eq!(refused(&|value| value["events"][0]["group"] = 7.into()), "event 7 has no name");
    for field in ["first", "degree"] {
        let sentence = refused(&|value| value["dense"]["pieces"][0][field] = u64::MAX.into());
        assert_eq!(sentence, "the dense output is not one of these states");
    }
    assert!(refused(&|value| value["times"] = "now".into()).starts_with("invalid type: string \"now\""));
}
