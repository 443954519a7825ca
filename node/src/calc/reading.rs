//! Whether an expression is one, and if not, what is wrong with it (pure).
//!
//! It is read once, token by token: all that is to be known is whether a value or an operator comes next, and which parentheses
//! are open. What is wrong is said in words of our own, by whoever asks, before the leader is asked.

use super::ExpressionError;
use crate::text;

/// How many parentheses may be open at once: more than anybody writes, and no burden for a stack.
const MAX_DEPTH: usize = 64;

/// How much of what is wrong is told, in characters.
const MAX_TOLD: usize = 200;

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    Constant,
    /// Of the value behind it.
    One,
    /// Of two values, in parentheses.
    Two,
}

/// The expression, with a space between tokens, and each `min(a, b)` written as `((a) min (b))`: between two values.
///
/// # Errors
///
/// It is no expression.
pub(super) fn read(expression: &str, known: impl Fn(&str) -> Option<Known>) -> Result<String, ExpressionError> {
    let mut reading = Reading { read: Vec::new(), open: Vec::new(), wants_value: true, last: "" };
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, behind) = rest.split_at(length(rest, first));
        reading.take(token, first, &known)?;
        rest = behind.trim_start();
        if reading.wants_pair() && !rest.starts_with('(') {
            return Err(syntax(format!("`{token}` is of two values: {token}(a, b)")));
        }
    }
    reading.end()
}

struct Reading<'a> {
    read: Vec<&'a str>,
    open: Vec<Open<'a>>,
    /// Whether a value comes next, rather than an operator.
    wants_value: bool,
    last: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open<'a> {
    Group,
    /// A function of two values, before its parenthesis.
    Pair(&'a str),
    First(&'a str),
    Second,
}

impl<'a> Reading<'a> {
    fn take(
        &mut self,
        token: &'a str,
        first: char,
        known: &impl Fn(&str) -> Option<Known>,
    ) -> Result<(), ExpressionError> {
        match first {
            '0'..='9' | '.' => {
                self.begin_value(token)?;
                let value: f64 = token.parse().map_err(|_| syntax(format!("`{token}` is no number")))?;
                if !value.is_finite() {
                    return Err(ExpressionError::NotFinite);
                }
                self.wants_value = false;
                self.read.push(token);
            }
            '(' => self.open()?,
            ')' => self.close()?,
            ',' => self.part()?,
            '+' | '-' | '*' | '/' | '^' => {
                if self.wants_value && !matches!(first, '+' | '-') {
                    return Err(syntax(format!("something is missing before `{token}`")));
                }
                self.wants_value = true;
                self.read.push(token);
            }
            _ if first.is_ascii_alphabetic() || first == '_' => {
                let named = known(token);
                self.begin_value(token)?;
                match named.ok_or_else(|| ExpressionError::UnknownName(told(token)))? {
                    Known::Constant => self.wants_value = false,
                    Known::One => {}
                    Known::Two => {
                        self.open.push(Open::Pair(token));
                        self.last = token;
                        return Ok(());
                    }
                }
                self.read.push(token);
            }
            _ => return Err(syntax(format!("`{token}` has no meaning"))),
        }
        self.last = token;
        Ok(())
    }

    fn begin_value(&self, token: &str) -> Result<(), ExpressionError> {
        if self.wants_value {
            return Ok(());
        }
        Err(syntax(format!("there is no operator between `{}` and `{token}`", self.last)))
    }

    fn open(&mut self) -> Result<(), ExpressionError> {
        if let Some(Open::Pair(name)) = self.open.last().copied() {
            self.open.pop();
            self.open.push(Open::First(name));
            self.read.extend(["(", "("]);
        } else {
            self.begin_value("(")?;
            self.open.push(Open::Group);
            self.read.push("(");
        }
        if self.open.len() > MAX_DEPTH { Err(ExpressionError::TooDeep) } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), ExpressionError> {
        let open = self.open.pop().ok_or_else(|| syntax("a `)` closes nothing".into()))?;
        if self.wants_value {
            return Err(syntax("something is missing before `)`".into()));
        }
        match open {
            Open::Group => self.read.push(")"),
            Open::Second => self.read.extend([")", ")"]),
            Open::First(name) | Open::Pair(name) => {
                return Err(syntax(format!("`{name}` is of two values: {name}(a, b)")));
            }
        }
        Ok(())
    }

    fn part(&mut self) -> Result<(), ExpressionError> {
        let Some(Open::First(name)) = self.open.last().copied() else {
            let why = "a `,` stands between the two values of min, max or atan2 only; a number has a `.`";
            return Err(syntax(why.into()));
        };
        if self.wants_value {
            return Err(syntax("something is missing before `,`".into()));
        }
        self.open.pop();
        self.open.push(Open::Second);
        self.read.extend([")", name, "("]);
        self.wants_value = true;
        Ok(())
    }

    fn wants_pair(&self) -> bool {
        matches!(self.open.last(), Some(Open::Pair(_)))
    }

    fn end(self) -> Result<String, ExpressionError> {
        if self.last.is_empty() {
            return Err(syntax("it is empty".into()));
        }
        if self.wants_value {
            return Err(syntax(format!("something is missing behind `{}`", self.last)));
        }
        if !self.open.is_empty() {
            return Err(syntax("a `(` is not closed".into()));
        }
        Ok(self.read.join(" "))
    }
}

/// How long the token is that a text begins with.
fn length(text: &str, first: char) -> usize {
    let run = |from: usize, is_in: fn(u8) -> bool| text.as_bytes()[from..].iter().take_while(|b| is_in(**b)).count();
    let digits = |from: usize| run(from, |b| b.is_ascii_digit());
    if first.is_ascii_alphabetic() || first == '_' {
        return run(0, |b| b.is_ascii_alphanumeric() || b == b'_');
    }
    if !first.is_ascii_digit() && first != '.' {
        return first.len_utf8();
    }
    let mut end = digits(0);
    if text[end..].starts_with('.') {
        end += 1 + digits(end + 1);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

fn syntax(why: String) -> ExpressionError {
    ExpressionError::Syntax(told(&why))
}

/// A text that does not grow without bound on its way back.
pub(super) fn told(text: &str) -> String {
    text::escape(&text.chars().take(MAX_TOLD).collect::<String>()).into_owned()
}
