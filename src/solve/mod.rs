//! Integrators: a [`crate::system::System`] and [`Options`] in, a [`Solution`] out.
//!
//! [`integrate`] drives a [`stepper::Stepper`]; each method is one file in [`methods`].

mod auto;
mod candidates;
mod characteristic;
pub mod collocation;
pub(crate) mod consistent;
mod dense;
pub mod differences;
mod drive;
pub mod esdirk;
pub mod events;
pub mod explicit;
mod failure;
mod fused;
mod lanes;
pub mod local;
pub mod low_storage;
pub mod methods;
mod options;
mod past;
mod points;
pub mod problem;
mod repeated;
pub mod rosenbrock;
#[cfg(feature = "serde")]
mod serial;
mod settled;
mod solution;
mod spectrum;
mod steady;
pub mod stepper;
pub mod symplectic;
pub mod tableau;
pub mod taken;

pub use dense::Dense;
pub use drive::{Abreast, End, Go, Observer, Passed, Step, Steps, integrate, integrate_to, integrate_told, steps};
pub use events::Occurrence;
pub use failure::{ErrorKind, Failure, no_derivative};
pub use lanes::{Lanes, Member, Number};
pub use options::{Options, Precision, Save, Tolerance};
pub use past::{Memory, Origin, Past};
pub use repeated::Repeated;
pub use solution::{Solution, Statistics, UnknownColumn};
pub use steady::{Approach, Stability, SteadyState, steady};
pub use taken::{Cause, Echo, Formula, Place, Recorder, Taken, Turn};

/// The integrators. `name()` is what the command line and Python accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Starts right for the problem and switches on evidence measured along the path.
    Auto,
    /// Explicit Runge–Kutta 3(2), Bogacki & Shampine 1989.
    Bosh3,
    /// Explicit Runge–Kutta 5(4), Tsitouras 2011.
    Tsit5,
    /// Explicit Runge–Kutta 7(6), Verner 2010.
    Vern7,
    /// Explicit Runge–Kutta 8(5,3), Dormand & Prince, Hairer.
    Dop853,
    /// Explicit Runge–Kutta 9(8), Verner 2010.
    Vern9,
    /// Taylor series of an order chosen by the tolerance, Jorba & Zou 2005.
    Taylor,
    /// Adams–Bashforth–Moulton of orders 1 to 12, Shampine & Gordon 1975: for dear right-hand sides.
    Adams,
    /// Explicit Runge–Kutta 4(3) in four vectors of memory, Ranocha et al. 2022: for partial differential equations.
    Rdpk3Sp49,
    /// Runge–Kutta–Chebyshev of order 2, Sommeijer, Shampine & Verwer 1998: for parabolic problems.
    Rkc,
    /// Runge–Kutta–Nyström 6(4), Dormand & Prince 1987: for x'' = g(t, x).
    Dprkn6,
    /// Störmer–Verlet, order 2, steps of one length: for x'' = g(t, x).
    Verlet,
    /// Symplectic of order 4, McLachlan & Atela 1992: for x'' = g(t, x).
    McLachlan4,
    /// Symplectic of order 6, Kahan & Li 1997: for x'' = g(t, x).
    KahanLi6,
    /// Symplectic of order 8, Kahan & Li 1997: for x'' = g(t, x).
    KahanLi8,
    /// Rosenbrock–Wanner 2(3), Shampine & Reichelt: for loose tolerances.
    Rosenbrock23,
    /// Rosenbrock–Wanner 4(3), Hairer & Wanner.
    Rodas4,
    /// Rosenbrock–Wanner 5(4), Steinebach 2023.
    Rodas5P,
    /// ESDIRK 2(3), trapezoidal rule and BDF2, Hosea & Shampine 1996: for loose tolerances.
    TrBdf2,
    /// ESDIRK 4(3), Kennedy & Carpenter 2003.
    KenCarp4,
    /// ESDIRK 5(4), Kværnø 2004.
    Kvaerno5,
    /// Radau IIA of order 5, Hairer & Wanner.
    RadauIIA5,
    /// Radau IIA of orders 5, 9 and 13, changing between them.
    Radau,
    /// Variable-order backward differentiation, orders 1 to 5.
    Bdf,
}

impl Method {
    /// All of them.
    pub const ALL: &'static [Method] = &[
        Method::Auto,
        Method::Bosh3,
        Method::Tsit5,
        Method::Vern7,
        Method::Dop853,
        Method::Vern9,
        Method::Taylor,
        Method::Adams,
        Method::Rdpk3Sp49,
        Method::Rkc,
        Method::Dprkn6,
        Method::Verlet,
        Method::McLachlan4,
        Method::KahanLi6,
        Method::KahanLi8,
        Method::Rosenbrock23,
        Method::Rodas4,
        Method::Rodas5P,
        Method::TrBdf2,
        Method::KenCarp4,
        Method::Kvaerno5,
        Method::RadauIIA5,
        Method::Radau,
        Method::Bdf,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Method::Auto => "auto",
            Method::Bosh3 => "Bosh3",
            Method::Tsit5 => "Tsit5",
            Method::Vern7 => "Vern7",
            Method::Dop853 => "DOP853",
            Method::Vern9 => "Vern9",
            Method::Taylor => "Taylor",
            Method::Adams => "Adams",
            Method::Rdpk3Sp49 => "RDPK3Sp49",
            Method::Rkc => "RKC",
            Method::Dprkn6 => "DPRKN6",
            Method::Verlet => "Verlet",
            Method::McLachlan4 => "McLachlan4",
            Method::KahanLi6 => "KahanLi6",
            Method::KahanLi8 => "KahanLi8",
            Method::Rosenbrock23 => "Rosenbrock23",
            Method::Rodas4 => "Rodas4",
            Method::Rodas5P => "Rodas5P",
            Method::TrBdf2 => "TRBDF2",
            Method::KenCarp4 => "KenCarp4",
            Method::Kvaerno5 => "Kvaerno5",
            Method::RadauIIA5 => "RadauIIA5",
            Method::Radau => "Radau",
            Method::Bdf => "BDF",
        }
    }

    /// Whether it is meant for stiff systems too.
    pub fn suits_stiff(self) -> bool {
        let non_stiff = matches!(self, Method::Taylor | Method::Adams | Method::Rdpk3Sp49 | Method::Rkc);
        methods::tableau(self).is_none() && !non_stiff && !self.is_second_order()
    }

    /// Whether it solves equations x'' = g(t, x) only.
    pub fn is_second_order(self) -> bool {
        self == Method::Dprkn6 || methods::symplectic_method(self).is_some()
    }

    /// The method of that name, upper or lower case.
    pub fn find(name: &str) -> Option<Method> {
        Method::ALL.iter().copied().find(|method| method.name().eq_ignore_ascii_case(name))
    }
}
