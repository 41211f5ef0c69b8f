//! dev
mod exit;
mod plot;
mod table;
mod values;
mod write;
fn main() {}
#[cfg(test)]
mod demo {
    use crate::plot::*;
    use crate::table::*;
    #[test]
    fn demo() {
        let log: Vec<f64> = (0..200).map(|k| 10f64.powf(-6.0 + 17.0 * k as f64 / 199.0)).collect();
        let lin: Vec<f64> = (0..1001).map(|k| k as f64 * 0.02).collect();
        let out = |name: &str, t: &Table| {
            std::fs::write(format!("/tmp/fig_{name}.png"), render(t, Format::Png).unwrap()).unwrap();
            let s = render(t, Format::Svg).unwrap();
            eprintln!("{name} {}", s.len());
            std::fs::write(format!("/tmp/fig_{name}.svg"), s).unwrap();
        };
        let a: Vec<f64> = log.iter().map(|t| 1.0 / (1.0 + 0.04 * t)).collect();
        let b: Vec<f64> = log.iter().map(|t| 3.6e-5 * (1.0 - (-t * 3e3).exp()) / (1.0 + 0.01 * t)).collect();
        let c: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 1.0 - a - b).collect();
        let s: Vec<f64> = a.iter().zip(&b).zip(&c).map(|((a, b), c)| a + b + c).collect();
        out(
            "rob",
            &Table {
                model: "robertson".into(),
                independent: "t".into(),
                axis: &log,
                series: vec![
                    Series::scalar("A", &a),
                    Series::scalar("B", &b),
                    Series::scalar("C", &c),
                    Series::scalar("total", &s),
                ],
            },
        );
        let cols: Vec<Vec<f64>> =
            (0..15).map(|k| lin.iter().map(|t| (t * (1.0 + 0.1 * k as f64)).sin()).collect()).collect();
        out(
            "many",
            &Table {
                model: "many".into(),
                independent: "z".into(),
                axis: &lin,
                series: cols.iter().enumerate().map(|(k, c)| Series::scalar(format!("species_{k}"), c)).collect(),
            },
        );
        let spikes: Vec<f64> = lin.iter().map(|t| 1.0 + 1e5 * (-((t % 7.0) - 3.0).powi(2) * 30.0).exp()).collect();
        let sp2: Vec<f64> = lin.iter().map(|t| 20.0 + 1e3 * (-((t % 7.0) - 3.0).powi(2) * 3.0).exp()).collect();
        out(
            "orego",
            &Table {
                model: "oregonator".into(),
                independent: "t".into(),
                axis: &lin,
                series: vec![Series::scalar("HBrO2", &spikes), Series::scalar("Br", &sp2)],
            },
        );
        let field: Vec<Vec<f64>> =
            (0..60).map(|k| lin.iter().map(|t| (t - 0.1 * k as f64).sin() * (-0.05 * t).exp()).collect()).collect();
        let r: Vec<f64> = lin.iter().map(|t| 0.5 + 0.3 * (t * 0.5).tanh()).collect();
        out(
            "hist",
            &Table {
                model: "ring".into(),
                independent: "t".into(),
                axis: &lin,
                series: vec![
                    Series {
                        name: "u".into(),
                        dims: vec![(1, 60)],
                        columns: field.iter().map(|v| v.as_slice()).collect(),
                    },
                    Series::scalar("r", &r),
                ],
            },
        );
        let f2: Vec<Vec<f64>> =
            (0..32 * 32).map(|k| vec![0.0, (k as f64 / 32.0 / 5.0).sin() * ((k % 32) as f64 / 4.0).cos()]).collect();
        let s2 = |n: &str| Series {
            name: n.into(),
            dims: vec![(1, 32), (1, 32)],
            columns: f2.iter().map(|v| v.as_slice()).collect(),
        };
        out(
            "snap",
            &Table {
                model: "brusselator_2d".into(),
                independent: "t".into(),
                axis: &[0.0, 11.5],
                series: vec![s2("u"), s2("v")],
            },
        );
        let x: Vec<f64> = lin.iter().map(|t| 10.0 * t.sin()).collect();
        out(
            "one",
            &Table { model: "one".into(), independent: "t".into(), axis: &lin, series: vec![Series::scalar("x", &x)] },
        );
    }
}
