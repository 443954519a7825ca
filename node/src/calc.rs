//! Arithmetic (pure): what `calc` asks the leader for. The only file that names exmex.
//!
//! The expression comes from anybody, so it is bounded before it is parsed: its length, how deep it nests, and the characters
//! that it may have. What is left is evaluated in one pass over at most a thousand operators.

use std::fmt;

use exmex::prelude::*;
use exmex::{BinOp, FloatOpsFactory, MakeOperators, MatchLiteral, Operator, literal_matcher_from_pattern};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text;

/// The most bytes of an expression.
pub(crate) const MAX_EXPRESSION_BYTES: usize = 1_000;

/// How many parentheses may be open at once: more than anybody writes, and no burden for a stack.
const MAX_DEPTH: usize = 64;

/// How much of what is wrong is told, in characters.
const MAX_TOLD: usize = 200;

/// What an expression may be written with, beside letters, digits and white space.
const SIGNS: &str = "+-*/^().,_";

/// Why an expression has no value.
#[derive(Clone, PartialEq, Eq, Debug, Error, Serialize, Deserialize)]
pub enum ExpressionError {
    /// Longer than 1,000 bytes.
    #[error("{0} bytes are too long for an expression: at most {MAX_EXPRESSION_BYTES}")]
    TooLong(u64),
    /// It nests too deep.
    #[error("more than {MAX_DEPTH} parentheses are open at once: write it flatter")]
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

/// exmex's own operators, but for those that would make a number of a division by zero again: `1/(1/0)` has no value.
#[derive(Clone, Debug)]
struct Operators;

impl MakeOperators<f64> for Operators {
    fn make<'a>() -> Vec<Operator<'a, f64>> {
        let apart = ["/", "^", "min", "max"];
        let mut operators = FloatOpsFactory::<f64>::make();
        operators.retain(|operator| !apart.contains(&operator.repr()));
        let binary =
            |name, prio, is_commutative, apply| Operator::make_bin(name, BinOp { apply, prio, is_commutative });
        operators.extend([
            binary("/", 3, false, |a, b| if b == 0.0 { f64::NAN } else { a / b }),
            binary("^", 4, false, |a, b| if a.is_nan() { a } else { a.powf(b) }),
            binary("min", 1, true, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }),
            binary("max", 1, true, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }),
        ]);
        operators
    }
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
    check(expression)?;
    let spaced: String = expression.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let parsed = FlatEx::<f64, Operators, number::Number>::parse(spaced.trim()).map_err(|error| syntax(&error))?;
    if let Some(name) = parsed.var_names().first() {
        return Err(ExpressionError::UnknownName(told(name)));
    }
    let value = parsed.eval(&[]).map_err(|error| syntax(&error))?;
    // The sign of a zero is nothing that anybody asks for.
    if value.is_finite() { Ok(value + 0.0) } else { Err(ExpressionError::NotFinite) }
}

/// What can be said before it is parsed.
pub(crate) fn check(expression: &str) -> Result<(), ExpressionError> {
    if expression.len() > MAX_EXPRESSION_BYTES {
        return Err(ExpressionError::TooLong(expression.len() as u64));
    }
    if expression.trim().is_empty() {
        return Err(ExpressionError::Syntax("it is empty".into()));
    }
    let mut depth = 0_usize;
    for c in expression.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if c.is_ascii_alphanumeric() || c.is_whitespace() || SIGNS.contains(c) => {}
            _ => return Err(ExpressionError::Syntax(format!("`{}` has no meaning", text::escape(&c.to_string())))),
        }
        if depth > MAX_DEPTH {
            return Err(ExpressionError::TooDeep);
        }
    }
    Ok(())
}

fn syntax(error: &impl fmt::Display) -> ExpressionError {
    ExpressionError::Syntax(told(&error.to_string()))
}

/// A text that does not grow without bound on its way back.
fn told(text: &str) -> String {
    text::escape(&text.chars().take(MAX_TOLD).collect::<String>()).into_owned()
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
        ] {
            assert!((value(expression) - expected).abs() < 1e-12, "{expression} is {}", value(expression));
        }
        assert!(value("0 * -1").is_sign_positive());
    }

    #[test]
    fn what_has_no_finite_value_is_an_error() {
        for expression in ["1/0", "0/0", "1/(2-2)", "1/(1/0)", "(1/0)^0", "min(1/0, 1)", "sqrt(-1)", "10^400", "ln(0)"]
        {
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
            if let Ok(value) = evaluate(&parts.concat()) {
                prop_assert!(value.is_finite());
            }
        }
    }
}
