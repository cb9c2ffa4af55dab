//! Elements as text: what people and scripts write for a number, a character, a bool, or a struct's bytes.

use super::super::output::printable;
use crate::{ElemType, Element};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::Value;

const TYPES: [(&str, ElemType); 13] = [
    ("i8", ElemType::I8),
    ("u8", ElemType::U8),
    ("i16", ElemType::I16),
    ("u16", ElemType::U16),
    ("i32", ElemType::I32),
    ("u32", ElemType::U32),
    ("i64", ElemType::I64),
    ("u64", ElemType::U64),
    ("f32", ElemType::F32),
    ("f64", ElemType::F64),
    ("char8", ElemType::Char8),
    ("char32", ElemType::Char32),
    ("bool", ElemType::Bool),
];

/// What `--help` says about the texts.
pub(super) const HELP: &str = "\
How elements are written:
  i8 … u64      decimal, or hexadecimal with 0x; a number that does not fit the type is an error
  f32, f64      decimal, with or without exponent; nan, inf, -inf (behind --, so that it is no option)
  bool          true, false, 1, 0
  char8         one byte: a printable ASCII character, or one of \\n \\r \\t \\0 \\\\ \\xNN
  char32        one character, or an escape as before, or \\u{HEX}
  struct        its bytes in hexadecimal (structs cannot be made here, but be read and written)
With --json numbers are numbers (nan and infinities: strings), bools bools, all others strings.";

/// Parses a type's name.
pub(super) fn type_parser() -> impl TypedValueParser<Value = ElemType> {
    PossibleValuesParser::new(TYPES.map(|(name, _)| name)).map(|text| {
        // The parser lets nothing else pass.
        TYPES.into_iter().find(|(name, _)| *name == text).map_or(ElemType::I64, |(_, ty)| ty)
    })
}

pub(super) fn type_name(ty: ElemType) -> &'static str {
    TYPES.into_iter().find(|(_, t)| *t == ty).map_or("struct", |(name, _)| name)
}

/// The smallest and the largest number of an integer type.
fn range(ty: ElemType) -> Option<(i128, i128)> {
    Some(match ty {
        ElemType::I8 => (i8::MIN.into(), i8::MAX.into()),
        ElemType::U8 => (0, u8::MAX.into()),
        ElemType::I16 => (i16::MIN.into(), i16::MAX.into()),
        ElemType::U16 => (0, u16::MAX.into()),
        ElemType::I32 => (i32::MIN.into(), i32::MAX.into()),
        ElemType::U32 => (0, u32::MAX.into()),
        ElemType::I64 => (i64::MIN.into(), i64::MAX.into()),
        ElemType::U64 => (0, u64::MAX.into()),
        _ => return None,
    })
}

fn integer(text: &str) -> Result<i128, String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(rest) => (rest, 16),
        None => (digits, 10),
    };
    let number = (!digits.starts_with(['-', '+'])).then(|| i128::from_str_radix(digits, radix).ok()).flatten();
    let number = number.ok_or_else(|| format!("'{}' is not an integer", printable(text)))?;
    Ok(if negative { -number } else { number })
}

fn within(number: i128, ty: ElemType, (least, most): (i128, i128)) -> Result<i128, String> {
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{number} is out of range for {} ({least} to {most})", type_name(ty)))
    }
}

fn float(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_infinite() && text.contains(|c: char| c.is_ascii_digit()) => {
            Err(format!("{text} is out of range for f64"))
        }
        other => other.map_err(|_| format!("'{}' is not a number", printable(text))),
    }
}

/// A float as the type has it: what is finite must stay so.
fn narrowed(number: f64, ty: ElemType) -> Result<f64, String> {
    if ty == ElemType::F32 && number.is_finite() && !(number as f32).is_finite() {
        return Err(format!("{number:?} is out of range for f32"));
    }
    Ok(number)
}

/// One character, or an escape for one: its number.
fn character(text: &str) -> Result<u32, String> {
    let wrong = || format!("'{}' is not one character, nor an escape for one", printable(text));
    let hex = |digits: &str| {
        let fine = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        fine.then(|| u32::from_str_radix(digits, 16).ok()).flatten().ok_or_else(wrong)
    };
    match text {
        "\\n" => return Ok(10),
        "\\r" => return Ok(13),
        "\\t" => return Ok(9),
        "\\0" => return Ok(0),
        "\\\\" => return Ok(92),
        _ => {}
    }
    if let Some(digits) = text.strip_prefix("\\x") {
        return if digits.len() == 2 { hex(digits) } else { Err(wrong()) };
    }
    if let Some(digits) = text.strip_prefix("\\u{").and_then(|rest| rest.strip_suffix('}')) {
        return hex(digits);
    }
    let mut all = text.chars();
    match (all.next(), all.next()) {
        (Some(one), None) if one != '\\' => Ok(u32::from(one)),
        _ => Err(wrong()),
    }
}

/// The bytes of an element that a text stands for.
pub(super) fn parse(element: &Element, text: &str) -> Result<Vec<u8>, String> {
    let ty = element.elem_type();
    if let Some(range) = range(ty) {
        return Ok(low_bytes(within(integer(text)?, ty, range)?, element.size()));
    }
    Ok(match ty {
        ElemType::F32 => (narrowed(float(text)?, ty)? as f32).to_ne_bytes().to_vec(),
        ElemType::F64 => float(text)?.to_ne_bytes().to_vec(),
        ElemType::Bool => match text {
            "true" | "1" => vec![1],
            "false" | "0" => vec![0],
            _ => return Err(format!("'{}' is not a bool: true, false, 1 or 0", printable(text))),
        },
        ElemType::Char8 => match character(text)? {
            // Beyond ASCII it would be several bytes of text; `\xNN` is one.
            code @ 0..=0x7f => vec![code as u8],
            code @ 0x80..=0xff if text.starts_with('\\') => vec![code as u8],
            _ => return Err(format!("'{}' is not one byte", printable(text))),
        },
        ElemType::Char32 => character(text)?.to_ne_bytes().to_vec(),
        _ => {
            let pairs = text.as_bytes().chunks_exact(2);
            let fine = text.bytes().all(|b| b.is_ascii_hexdigit()) && text.len() == 2 * element.size();
            if !fine {
                return Err(format!("not the {} bytes of the struct in hexadecimal", element.size()));
            }
            let digit = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8; // all of them were looked at
            pairs.map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
        }
    })
}

/// The low bytes of a number in two's complement.
fn low_bytes(number: i128, size: usize) -> Vec<u8> {
    let bits = number as u64;
    match size {
        1 => vec![bits as u8],
        2 => (bits as u16).to_ne_bytes().to_vec(),
        4 => (bits as u32).to_ne_bytes().to_vec(),
        _ => bits.to_ne_bytes().to_vec(),
    }
}

/// An integer, character or bool; extended with its sign, if it can have one.
fn number(element: &Element, bytes: &[u8]) -> i128 {
    let mut all = [0; 8];
    let bits = match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_ne_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_ne_bytes([a, b, c, d])),
        _ => {
            let len = bytes.len().min(8);
            all[..len].copy_from_slice(&bytes[..len]);
            u64::from_ne_bytes(all)
        }
    };
    match element.elem_type() {
        ElemType::I8 => (bits as i8).into(),
        ElemType::I16 => (bits as i16).into(),
        ElemType::I32 => (bits as i32).into(),
        ElemType::I64 => (bits as i64).into(),
        _ => bits.into(),
    }
}

/// What to add to an integer: the bits, in two's complement. A summand that the type cannot hold even with the other
/// sign is a mistake.
pub(super) fn summand(element: &Element, text: &str) -> Result<i64, String> {
    let ty = element.elem_type();
    let number = integer(text)?;
    let (least, most) = match ty {
        ElemType::Char8 => (-0xff, 0xff),
        ElemType::Char32 => (-0xffff_ffff, 0xffff_ffff),
        _ => range(ty).map_or((0, 0), |(least, most)| (least.min(-most), most)),
    };
    Ok(within(number, ty, (least, most))? as i64)
}

/// What to add to a float.
pub(super) fn float_summand(element: &Element, text: &str) -> Result<f64, String> {
    narrowed(float(text)?, element.elem_type())
}

/// The bytes of an element that was `before` when `summand` was added to it.
pub(super) fn sum(element: &Element, before: i64, summand: i64) -> Vec<u8> {
    low_bytes(before.wrapping_add(summand).into(), element.size())
}

/// The bytes of a number that came from an operation on an element.
pub(super) fn integer_bytes(element: &Element, number: i64) -> Vec<u8> {
    low_bytes(number.into(), element.size())
}

/// The bytes of a float.
pub(super) fn float_bytes(element: &Element, number: f64) -> Vec<u8> {
    match element.elem_type() {
        ElemType::F32 => (number as f32).to_ne_bytes().to_vec(),
        _ => number.to_ne_bytes().to_vec(),
    }
}

fn f32_of(bytes: &[u8]) -> f32 {
    bytes.try_into().map_or(f32::NAN, f32::from_ne_bytes)
}

fn f64_of(bytes: &[u8]) -> f64 {
    bytes.try_into().map_or(f64::NAN, f64::from_ne_bytes)
}

fn char_text(code: u32, bytes_only: bool) -> String {
    match (code, char::from_u32(code)) {
        (0, _) => "\\0".into(),
        (9, _) => "\\t".into(),
        (10, _) => "\\n".into(),
        (13, _) => "\\r".into(),
        (92, _) => "\\\\".into(),
        (0x20..=0x7e, Some(c)) => c.into(),
        (0..=0xff, _) if bytes_only || code < 0xa0 => format!("\\x{code:02x}"),
        // What shows nothing, or changes how others are shown, is longer when it is made safe.
        (_, Some(c)) if printable(c.encode_utf8(&mut [0; 4])).chars().eq([c]) => c.into(),
        _ => format!("\\u{{{code:x}}}"),
    }
}

/// An element as text that [`parse`] understands.
pub(super) fn text(element: &Element, bytes: &[u8]) -> String {
    match element.elem_type() {
        // The shortest that is read back as the same number.
        ElemType::F32 => format!("{:?}", f32_of(bytes)),
        ElemType::F64 => format!("{:?}", f64_of(bytes)),
        ElemType::Bool => (number(element, bytes) != 0).to_string(),
        ElemType::Char8 => char_text(number(element, bytes) as u32, true),
        ElemType::Char32 => char_text(number(element, bytes) as u32, false),
        ElemType::Struct => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        _ => number(element, bytes).to_string(),
    }
}

/// An element for programs.
pub(super) fn json(element: &Element, bytes: &[u8]) -> Value {
    let finite = |n: f64, text: String| serde_json::Number::from_f64(n).map_or(Value::String(text), Value::Number);
    match element.elem_type() {
        ElemType::F32 => {
            // The digits of the narrow type, not those of the same number with twice as many bits.
            let short: f64 = format!("{:?}", f32_of(bytes)).parse().unwrap_or(f64::NAN);
            finite(short, text(element, bytes))
        }
        ElemType::F64 => finite(f64_of(bytes), text(element, bytes)),
        ElemType::Bool => Value::Bool(number(element, bytes) != 0),
        ElemType::Char8 | ElemType::Char32 | ElemType::Struct => Value::String(text(element, bytes)),
        ElemType::U64 => Value::from(number(element, bytes) as u64),
        _ => Value::from(number(element, bytes) as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(ty: ElemType, texts: &[&str]) {
        let element = Element::scalar(ty);
        for wanted in texts {
            let bytes = parse(&element, wanted).unwrap_or_else(|why| panic!("{wanted}: {why}"));
            assert_eq!(text(&element, &bytes), *wanted, "{ty:?}");
        }
    }

    #[test]
    fn texts() {
        there_and_back(ElemType::I8, &["-128", "0", "127"]);
        there_and_back(ElemType::U64, &["0", "18446744073709551615"]);
        there_and_back(ElemType::I64, &["-9223372036854775808", "9223372036854775807"]);
        there_and_back(ElemType::F64, &["-0.0", "0.1", "1e300", "NaN", "-inf"]);
        there_and_back(ElemType::F32, &["0.1", "3.4028235e38"]);
        there_and_back(ElemType::Bool, &["true", "false"]);
        there_and_back(ElemType::Char8, &["A", " ", "\\n", "\\0", "\\\\", "\\x7f", "\\xff"]);
        there_and_back(ElemType::Char32, &["A", "é", "\\x1b", "\\u{202e}", "\\u{d800}", "\\u{ffffffff}", "😀"]);
        let pair = Element::structure(2, 1, 0).expect("a struct");
        assert_eq!(text(&pair, &parse(&pair, "0aFF").expect("hexadecimal")), "0aff");
    }

    #[test]
    fn refused() {
        for (ty, wrong) in [
            (ElemType::U8, "256"),
            (ElemType::U8, "-1"),
            (ElemType::I8, "0x80"),
            (ElemType::I64, "9223372036854775808"),
            (ElemType::I64, "--1"),
            (ElemType::I64, "+-1"),
            (ElemType::I64, "0x-1"),
            (ElemType::I64, "1.0"),
            (ElemType::I64, ""),
            (ElemType::F32, "1e39"),
            (ElemType::F64, "one"),
            (ElemType::F64, "1e400"),
            (ElemType::Bool, "2"),
            (ElemType::Char8, "é"),
            (ElemType::Char8, "ab"),
            (ElemType::Char8, "\\x1"),
            (ElemType::Char8, "\\x+1"),
            (ElemType::Char8, "\\u{100}"),
            (ElemType::Char32, "\\u{}"),
            (ElemType::Char32, "\\"),
        ] {
            assert!(parse(&Element::scalar(ty), wrong).is_err(), "{ty:?} {wrong}");
        }
        let pair = Element::structure(2, 1, 0).expect("a struct");
        assert!(parse(&pair, "0a").is_err() && parse(&pair, "0a+f").is_err());
    }

    #[test]
    fn sums() {
        let byte = Element::scalar(ElemType::U8);
        assert_eq!(summand(&byte, "-1"), Ok(-1));
        assert!(summand(&byte, "256").is_err() && summand(&byte, "-256").is_err());
        assert_eq!(sum(&byte, 255, 1), [0]);
        let wide = Element::scalar(ElemType::U64);
        let most = summand(&wide, "18446744073709551615").expect("fits");
        assert_eq!(text(&wide, &sum(&wide, 1, most)), "0");
    }
}
