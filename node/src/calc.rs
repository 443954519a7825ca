//! Arithmetic (pure): what `calc` asks the leader for. The only file that names exmex.
//!
//! The expression comes from anybody, so it is read before it is parsed: its length, how deep it nests, and whether it is one at
//! all. What is left is evaluated in one pass over at most a thousand operators.

mod reading;

use exmex::prelude::*;
use exmex::{BinOp, MakeOperators, MatchLiteral, Operator, literal_matcher_from_pattern};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::reading::Known;

/// The most bytes of an expression.
pub(crate) const MAX_EXPRESSION_BYTES: usize = 1_000;

/// Why an expression has no value.
#[derive(Clone, PartialEq, Eq, Debug, Error, Serialize, Deserialize)]
pub enum ExpressionError {
    /// Longer than 1,000 bytes.
    #[error("{0} bytes are too long for an expression: at most {MAX_EXPRESSION_BYTES}")]
    TooLong(u64),
    /// It nests too deep.
    #[error("more than 64 parentheses are open at once: write it flatter")]
    TooDeep,
    /// It is no expression, and why.
    #[error("this is not an expression: {0}")]
    Syntax(String),
    /// It has a name that means nothing.
    #[error("`{0}` means nothing here: known are PI, E, TAU and functions such as sqrt, sin, ln, round, min(a, b)")]
    UnknownName(String),
    /// It has no finite value.
    #[error("it has no finite value: something is divided by zero, too large, or outside of where it is defined")]
    NotFinite,
}

/// What may stand in an expression. No operator takes what is not finite: `1/(1/0)` has no value, nor has `1^(1/0)`.
#[derive(Clone, Debug)]
struct Operators;

/// One operator of one or two finite values.
macro_rules! of {
    (|$a:ident| $value:expr) => {
        |$a: f64| if $a.is_finite() { $value } else { f64::NAN }
    };
    (|$a:ident, $b:ident| $value:expr) => {
        |$a: f64, $b: f64| if $a.is_finite() && $b.is_finite() { $value } else { f64::NAN }
    };
}

impl MakeOperators<f64> for Operators {
    fn make<'a>() -> Vec<Operator<'a, f64>> {
        let binary = |prio, is_commutative, apply| BinOp { apply, prio, is_commutative };
        let mut operators = vec![
            Operator::make_bin_unary("+", binary(0, true, of!(|a, b| a + b)), of!(|a| a)),
            Operator::make_bin_unary("-", binary(1, false, of!(|a, b| a - b)), of!(|a| -a)),
            Operator::make_bin("*", binary(2, true, of!(|a, b| a * b))),
            Operator::make_bin("/", binary(3, false, of!(|a, b| if b == 0.0 { f64::NAN } else { a / b }))),
            Operator::make_bin("^", binary(4, false, of!(|a, b| a.powf(b)))),
        ];
        let constants = CONSTANTS.iter().map(|(name, value)| Operator::make_constant(name, *value));
        let of_one = OF_ONE.iter().map(|(name, apply)| Operator::make_unary(name, *apply));
        let of_two = OF_TWO.iter().map(|(name, apply)| Operator::make_bin(name, binary(0, false, *apply)));
        operators.extend(constants.chain(of_one).chain(of_two));
        operators
    }
}

const CONSTANTS: &[(&str, f64)] = {
    use std::f64::consts::{E, PI, TAU};
    &[("PI", PI), ("pi", PI), ("E", E), ("e", E), ("TAU", TAU), ("tau", TAU)]
};

type OfOne = fn(f64) -> f64;
type OfTwo = fn(f64, f64) -> f64;

const OF_ONE: &[(&str, OfOne)] = &[
    ("sqrt", of!(|a| a.sqrt())),
    ("cbrt", of!(|a| a.cbrt())),
    ("abs", of!(|a| a.abs())),
    ("signum", of!(|a| if a == 0.0 { 0.0 } else { a.signum() })),
    ("sin", of!(|a| a.sin())),
    ("cos", of!(|a| a.cos())),
    ("tan", of!(|a| a.tan())),
    ("asin", of!(|a| a.asin())),
    ("acos", of!(|a| a.acos())),
    ("atan", of!(|a| a.atan())),
    ("sinh", of!(|a| a.sinh())),
    ("cosh", of!(|a| a.cosh())),
    ("tanh", of!(|a| a.tanh())),
    ("asinh", of!(|a| a.asinh())),
    ("acosh", of!(|a| a.acosh())),
    ("atanh", of!(|a| a.atanh())),
    ("exp", of!(|a| a.exp())),
    ("ln", of!(|a| a.ln())),
    ("log", of!(|a| a.ln())),
    ("log2", of!(|a| a.log2())),
    ("log10", of!(|a| a.log10())),
    ("floor", of!(|a| a.floor())),
    ("ceil", of!(|a| a.ceil())),
    ("round", of!(|a| a.round())),
    ("trunc", of!(|a| a.trunc())),
    ("fract", of!(|a| a.fract())),
];

const OF_TWO: &[(&str, OfTwo)] =
    &[("min", of!(|a, b| a.min(b))), ("max", of!(|a, b| a.max(b))), ("atan2", of!(|a, b| a.atan2(b)))];

fn known(name: &str) -> Option<Known> {
    let constant = CONSTANTS.iter().any(|(constant, _)| *constant == name).then_some(Known::Constant);
    let of_one = || OF_ONE.iter().any(|(function, _)| *function == name).then_some(Known::One);
    let of_two = || OF_TWO.iter().any(|(function, _)| *function == name).then_some(Known::Two);
    constant.or_else(of_one).or_else(of_two)
}

mod number {
    #![allow(missing_docs, unreachable_pub)]
    use super::{MatchLiteral, literal_matcher_from_pattern};

    literal_matcher_from_pattern!(Number, r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?");
}

/// The value of an expression.
///
/// # Errors
///
/// It is none, or has none.
pub(crate) fn evaluate(expression: &str) -> Result<f64, ExpressionError> {
    let read = read(expression)?;
    // What exmex does not understand of it is our own fault, and told in our own words.
    let unread = |_| ExpressionError::Syntax("it cannot be read".into());
    let value =
        FlatEx::<f64, Operators, number::Number>::parse(&read).and_then(|parsed| parsed.eval(&[])).map_err(unread)?;
    // The sign of a zero is nothing that anybody asks for.
    if value.is_finite() { Ok(value + 0.0) } else { Err(ExpressionError::NotFinite) }
}

/// Whether it is an expression: what can be said before the leader is asked.
pub(crate) fn check(expression: &str) -> Result<(), ExpressionError> {
    read(expression).map(drop)
}

fn read(expression: &str) -> Result<String, ExpressionError> {
    if expression.len() > MAX_EXPRESSION_BYTES {
        return Err(ExpressionError::TooLong(expression.len() as u64));
    }
    reading::read(expression, known)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn value(expression: &str) -> f64 {
        evaluate(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    #[test]
    fn arithmetic_is_what_it_is_in_school() {
        for (expression, expected) in [
            ("2*(3+4)", 14.0),
            (" 1 + 2\t* 3 ", 7.0),
            ("10 - 2 - 3", 5.0),
            ("12/4*3", 9.0),
            ("2^3^0", 1.0),
            ("7/2", 3.5),
            ("-3 + 1", -2.0),
            ("2*-3", -6.0),
            (".5 + 1.", 1.5),
            ("1e3 + 2E-1", 1000.2),
            ("sqrt(16) + abs(-2)", 6.0),
            ("min(3, 2) + max(1, 5)", 7.0),
            ("round(PI)", 3.0),
            ("0 * -1", 0.0),
            ("max(1, min(2, 3)) * 2", 4.0),
            ("min(max(1, 2), max(3, 4)) - 1", 1.0),
            ("min((1), (2)*3)^2", 1.0),
            ("atan2(0, 1) + sin -0 + abs sqrt 4", 2.0),
            ("pi - PI + e - E + tau - TAU", 0.0),
            ("signum(-0) + signum(0)", 0.0),
            ("signum(-3)", -1.0),
        ] {
            assert!((value(expression) - expected).abs() < 1e-12, "{expression} is {}", value(expression));
        }
        assert!(value("0 * -1").is_sign_positive());
    }

    #[test]
    fn what_has_no_finite_value_is_an_error() {
        for expression in [
            "1/0",
            "0/0",
            "1/(2-2)",
            "1/(1/0)",
            "(1/0)^0",
            "1^(1/0)",
            "0*(1/0)",
            "min(1/0, 1)",
            "atan(1/0)",
            "sqrt(-1)",
            "10^400",
            "1/10^400",
            "exp(-10^400)",
            "1e400",
            "1/1e400",
            "exp(-1e400)",
            "signum(1/0)",
            "ln(0)",
        ] {
            assert_eq!(evaluate(expression), Err(ExpressionError::NotFinite), "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_is_said_to_be_none() {
        for expression in
            ["", "  ", "1+", "*2", "(1", "1)", "()", "1 2", "2(3)", "{x}", "1;2", "\"a\"", "1\u{7}", "é", ",", "1e"]
        {
            let error = evaluate(expression).unwrap_err();
            let told = error.to_string();
            assert!(
                matches!(error, ExpressionError::Syntax(_) | ExpressionError::UnknownName(_)),
                "{expression}: {told}"
            );
            assert!(!told.contains('\u{7}') && told.len() < 1_500, "{told}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_words_of_our_own() {
        for (expression, why) in [
            ("1_000", "there is no operator between `1` and `_000`"),
            ("1 1", "there is no operator between `1` and `1`"),
            ("2(3)", "there is no operator between `2` and `(`"),
            ("PI()", "there is no operator between `PI` and `(`"),
            ("(1)2", "there is no operator between `)` and `2`"),
            ("1+", "something is missing behind `+`"),
            ("1*/2", "something is missing before `/`"),
            ("()", "something is missing before `)`"),
            ("sin", "something is missing behind `sin`"),
            ("(1", "a `(` is not closed"),
            ("1)", "a `)` closes nothing"),
            ("1,5", "a `,` stands between the two values of min, max or atan2 only; a number has a `.`"),
            ("min(1)", "`min` is of two values: min(a, b)"),
            ("1 min 2", "there is no operator between `1` and `min`"),
            ("min 1", "`min` is of two values: min(a, b)"),
            ("max", "`max` is of two values: max(a, b)"),
            ("2 + .", "`.` is no number"),
            ("1 & 2", "`&` has no meaning"),
        ] {
            assert_eq!(check(expression), Err(ExpressionError::Syntax(why.into())), "{expression}");
        }
    }

    #[test]
    fn a_name_that_means_nothing_is_named() {
        assert_eq!(evaluate("2*foo"), Err(ExpressionError::UnknownName("foo".into())));
        assert_eq!(evaluate("PI5 + 1"), Err(ExpressionError::UnknownName("PI5".into())));
    }

    #[test]
    fn what_is_too_long_or_too_deep_is_refused_before_it_is_read() {
        assert_eq!(evaluate(&"1".repeat(1_001)), Err(ExpressionError::TooLong(1_001)));
        let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(evaluate(&nested(65)), Err(ExpressionError::TooDeep));
        assert_eq!(evaluate(&nested(64)), Ok(1.0));
    }

    /// As much as fits, of whatever makes a parser work, on a stack that is a quarter of what a thread usually has.
    #[test]
    fn the_worst_that_fits_takes_neither_the_stack_nor_the_time() {
        let worst = [
            "-".repeat(999) + "1",
            "1+".repeat(499) + "1",
            "2^".repeat(499) + "1",
            "(".repeat(64) + &"1+".repeat(430) + "1" + &")".repeat(64),
            "sin ".repeat(249) + "1",
            "max(1,".repeat(64) + "1" + &")".repeat(64),
            "9".repeat(1_000),
            "x".repeat(1_000),
            ",".repeat(1_000),
            "min ".repeat(250),
        ];
        let work = move || {
            for expression in worst {
                let began = Instant::now();
                drop(evaluate(&expression));
                assert!(began.elapsed() < Duration::from_secs(1), "{expression}: {:?}", began.elapsed());
            }
        };
        std::thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap().join().unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn nothing_that_is_typed_makes_it_panic(
            parts in proptest::collection::vec(
                prop::sample::select(vec![
                    "1", "2.5", ".", "e", "E", "1e3", "+", "-", "*", "/", "^", "(", ")", ",", " ", "sin", "min", "max",
                    "atan2", "PI", "x", "_", "0", "\t", "é", "{", "}", "log", "log2", "2",
                ]),
                0..24,
            ),
        ) {
            match evaluate(&parts.concat()) {
                Ok(value) => prop_assert!(value.is_finite()),
                Err(error) => prop_assert!(!error.to_string().contains("cannot be read"), "{}: {error}", parts.concat()),
            }
        }
    }
}
