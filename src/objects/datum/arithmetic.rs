//! The order of sort, and sums.

use super::{Datum, Items, MAX_DEPTH};
use crate::{Error, Result};
use std::cmp::Ordering;

/// The order of sort: numbers by their exact value, whatever their type, not-a-number last and equal to itself; bools;
/// strings and bytes by their bytes; lists by their first difference.
///
/// # Errors
/// [`Error::Type`]: the two have no order. [`Error::Invalid`]: a list that is none.
pub fn compare(a: &Datum, b: &Datum) -> Result<Ordering> {
    let mut mixed = false;
    let order = order(a, b, 0, &mut mixed)?;
    if mixed {
        return Err(Error::Type("these two have no order: it has numbers, bools, strings, bytes, or lists of such"));
    }
    Ok(order)
}

/// As [`compare`], but of datums that have no order it says so in `mixed`, and puts their types in some order: sorting
/// needs a total one even where it fails in the end.
pub(crate) fn order_of(a: &Datum, b: &Datum, mixed: &mut bool) -> Ordering {
    order(a, b, 0, mixed).unwrap_or_else(|_| {
        *mixed = true;
        Ordering::Equal
    })
}

/// Datums of the same rank have an order.
fn rank(datum: &Datum) -> u8 {
    match datum {
        Datum::Nil => 0,
        Datum::Bool(_) => 1,
        Datum::Int(_) | Datum::UInt(_) | Datum::Float(_) => 2,
        Datum::Str(_) => 3,
        Datum::Bytes(_) => 4,
        Datum::List(_) => 5,
        _ => 6,
    }
}

fn order(a: &Datum, b: &Datum, depth: usize, mixed: &mut bool) -> Result<Ordering> {
    if let (Some(a), Some(b)) = (Number::of(a), Number::of(b)) {
        return Ok(a.compare(b));
    }
    match (*a, *b) {
        (Datum::Nil, Datum::Nil) => Ok(Ordering::Equal),
        (Datum::Bool(a), Datum::Bool(b)) => Ok(a.cmp(&b)),
        (Datum::Str(a), Datum::Str(b)) => Ok(a.as_bytes().cmp(b.as_bytes())),
        (Datum::Bytes(a), Datum::Bytes(b)) => Ok(a.cmp(b)),
        (Datum::List(_), Datum::List(_)) if depth >= MAX_DEPTH => Err(Error::invalid("lists are nested too deeply")),
        (Datum::List(a), Datum::List(b)) => {
            let (mut a, mut b) = (Items::new(a)?, Items::new(b)?);
            loop {
                match (a.next().transpose()?, b.next().transpose()?) {
                    (None, None) => return Ok(Ordering::Equal),
                    (None, Some(_)) => return Ok(Ordering::Less),
                    (Some(_), None) => return Ok(Ordering::Greater),
                    (Some(a), Some(b)) => match order(&a, &b, depth + 1, mixed)? {
                        Ordering::Equal => {}
                        unequal => return Ok(unequal),
                    },
                }
            }
        }
        _ => {
            *mixed = true;
            Ok(rank(a).cmp(&rank(b)))
        }
    }
}

/// The sum: of integers exactly, else as floats.
///
/// # Errors
/// [`Error::Overflow`]: an integer beyond 64 bits. [`Error::Type`]: not numbers.
pub fn add(a: &Datum, b: &Datum) -> Result<Datum<'static>> {
    match (Number::of(a), Number::of(b)) {
        (Some(Number::Int(a)), Some(Number::Int(b))) => {
            let sum = a + b;
            let signed = i64::try_from(sum).map(Datum::Int);
            let either = signed.or_else(|_| u64::try_from(sum).map(Datum::UInt));
            either.map_err(|_| Error::Overflow("the sum of two integers has more than 64 bits"))
        }
        (Some(a), Some(b)) => Ok(Datum::Float(a.to_f64() + b.to_f64())),
        _ => Err(Error::Type("only numbers can be added")),
    }
}

#[derive(Clone, Copy)]
enum Number {
    /// Of 64 bits, signed or unsigned.
    Int(i128),
    Float(f64),
}

impl Number {
    fn of(datum: &Datum) -> Option<Number> {
        match *datum {
            Datum::Int(n) => Some(Number::Int(n.into())),
            Datum::UInt(n) => Some(Number::Int(n.into())),
            Datum::Float(f) => Some(Number::Float(f)),
            _ => None,
        }
    }

    fn to_f64(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Float(f) => f,
        }
    }

    fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(&b),
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b).unwrap_or(a.is_nan().cmp(&b.is_nan())),
            (Number::Int(a), Number::Float(b)) => with_float(a, b),
            (Number::Float(a), Number::Int(b)) => with_float(b, a).reverse(),
        }
    }
}

/// Exactly, also where a float cannot tell neighbouring integers apart.
fn with_float(n: i128, f: f64) -> Ordering {
    if f.is_nan() {
        return Ordering::Less;
    }
    // Saturates far beyond 64 bits. Of what is left only the fraction can decide.
    match n.cmp(&(f.trunc() as i128)) {
        Ordering::Equal if f.fract() > 0.0 => Ordering::Less,
        Ordering::Equal if f.fract() < 0.0 => Ordering::Greater,
        order => order,
    }
}
