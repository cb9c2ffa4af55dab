//! Datums as JSON, and back.
//!
//! What JSON has no form for is a map with one key that says so:
//! bytes `{"$bytes": "base64"}`; floats that are not finite `{"$float": "nan"}` (or `"inf"`, `"-inf"`); references
//! `{"$ref": {"kind": "queue", "name": "jobs"}}`, to containers with `arena`, `place` and `generation` in place of
//! `name`, in hexadecimal; maps with other keys than strings `{"$map": [[key, value], …]}`. A map that itself has just
//! one such key is written as a `$map`, too.

use super::encoded::Encoded;
use super::msgpack::{head, length, one, token, Token};
use super::{Builder, Datum, Items, Reference, MAX_DEPTH};
use crate::shm::header::Kind;
use crate::{Error, Result};
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::Deserializer;
use std::borrow::Cow;
use std::fmt::{self, Write};

const BYTES: &str = "$bytes";
const FLOAT: &str = "$float";
const REF: &str = "$ref";
const MAP: &str = "$map";

/// JSON's levels for [`MAX_DEPTH`] levels of a datum: a map can take three, a reference two.
const JSON_DEPTH: usize = 3 * MAX_DEPTH + 2;

fn is_special(key: &str) -> bool {
    [BYTES, FLOAT, REF, MAP].contains(&key)
}

/// The JSON of a datum. Integers keep their digits, floats have a point or an exponent; a map's pairs stay as they are,
/// also if a key comes twice.
///
/// # Errors
/// [`Error::Invalid`]: the bytes are not a datum's.
pub fn to_json(bytes: &[u8], pretty: bool) -> Result<String> {
    let mut writer = Writer { text: String::new(), pretty, depth: 0, fresh: true };
    writer.value(&super::decode(bytes)?)?;
    Ok(writer.text)
}

struct Writer {
    text: String,
    pretty: bool,
    depth: usize,
    /// Nothing was written since the last opening bracket.
    fresh: bool,
}

impl Writer {
    fn value(&mut self, datum: &Datum) -> Result<()> {
        match *datum {
            Datum::Nil => self.text.push_str("null"),
            Datum::Bool(is) => self.text.push_str(if is { "true" } else { "false" }),
            Datum::Int(n) => self.display(n),
            Datum::UInt(n) => self.display(n),
            // As Debug, a float has the fewest digits that lead back to it, and a point or an exponent.
            Datum::Float(f) if f.is_finite() => self.display(format_args!("{f:?}")),
            Datum::Float(f) if f.is_nan() => self.special(FLOAT, |w| w.string("nan")),
            Datum::Float(f) => self.special(FLOAT, |w| w.string(if f > 0.0 { "inf" } else { "-inf" })),
            Datum::Str(text) => self.string(text),
            Datum::Bytes(bytes) => self.special(BYTES, |w| w.base64(bytes)),
            Datum::List(bytes) => {
                self.open('[');
                for element in Items::new(bytes)? {
                    self.item();
                    self.value(&element?)?;
                }
                self.close(']');
            }
            Datum::Map(bytes) => self.map(bytes)?,
            Datum::Ref(r) => self.reference(r.kind.into(), |w| {
                for (key, number) in [("arena", r.arena), ("place", r.place), ("generation", r.generation.into())] {
                    w.key(key);
                    w.display(format_args!("\"{number:x}\""));
                }
            }),
            Datum::Named(kind, name) => self.reference(kind, |w| {
                w.key("name");
                w.string(name);
            }),
            Datum::New(_) | Datum::Absent => return Err(Error::invalid("a new container or nothing has no JSON")),
        }
        Ok(())
    }

    fn map(&mut self, bytes: &[u8]) -> Result<()> {
        let pairs = Items::new(bytes)?;
        let mut is_object = true;
        for key in pairs.clone().step_by(2) {
            is_object &= matches!(key?, Datum::Str(key) if pairs.len() > 1 || !is_special(key));
        }
        self.open('{');
        if !is_object {
            self.key(MAP);
            self.open('[');
        }
        let mut items = pairs;
        while let (Some(key), Some(value)) = (items.next().transpose()?, items.next().transpose()?) {
            match key {
                Datum::Str(key) if is_object => {
                    self.key(key);
                    self.value(&value)?;
                }
                _ => {
                    self.item();
                    self.open('[');
                    for each in [key, value] {
                        self.item();
                        self.value(&each)?;
                    }
                    self.close(']');
                }
            }
        }
        if !is_object {
            self.close(']');
        }
        self.close('}');
        Ok(())
    }

    fn special(&mut self, key: &str, value: impl FnOnce(&mut Writer)) {
        self.open('{');
        self.key(key);
        value(self);
        self.close('}');
    }

    fn reference(&mut self, kind: u32, rest: impl FnOnce(&mut Writer)) {
        self.special(REF, |w| {
            w.open('{');
            w.key("kind");
            w.string(Kind::parse(kind).map_or("", Kind::name)); // what was decoded has a kind
            rest(w);
            w.close('}');
        });
    }

    fn open(&mut self, bracket: char) {
        self.text.push(bracket);
        self.depth += 1;
        self.fresh = true;
    }

    fn close(&mut self, bracket: char) {
        self.depth -= 1;
        if !self.fresh {
            self.line();
        }
        self.text.push(bracket);
        self.fresh = false;
    }

    /// Before each element.
    fn item(&mut self) {
        if !self.fresh {
            self.text.push(',');
        }
        self.fresh = false;
        self.line();
    }

    fn line(&mut self) {
        if self.pretty {
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n("  ", self.depth));
        }
    }

    fn key(&mut self, key: &str) {
        self.item();
        self.string(key);
        self.text.push_str(if self.pretty { ": " } else { ":" });
    }

    fn display(&mut self, what: impl fmt::Display) {
        // Writing to a String does not fail.
        let _ = write!(self.text, "{what}");
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.text.extend(['\\', c]),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                ..' ' => self.display(format_args!("\\u{:04x}", u32::from(c))),
                _ => self.text.push(c),
            }
        }
        self.text.push('"');
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.text.push('"');
        for three in bytes.chunks(3) {
            let bits = three.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - three.len()));
            for place in 0..4 {
                let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
                self.text.push(if place <= three.len() { digit.into() } else { '=' });
            }
        }
        self.text.push('"');
    }
}

/// RFC 4648, section 4.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn from_base64(text: &str) -> Result<Vec<u8>> {
    const WRONG: Error = Error::invalid("$bytes is not base64 with padding");
    let text = text.as_bytes();
    if text.len() % 4 != 0 {
        return Err(WRONG);
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for (i, four) in text.chunks(4).enumerate() {
        let padding = four.iter().rev().take_while(|&&c| c == b'=').count();
        if padding > 2 || (padding > 0 && 4 * (i + 1) != text.len()) {
            return Err(WRONG);
        }
        let mut bits = 0u32;
        for &c in &four[..4 - padding] {
            let digit = match c {
                b'A'..=b'Z' => c - b'A',
                b'a'..=b'z' => c - b'a' + 26,
                b'0'..=b'9' => c - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return Err(WRONG),
            };
            bits = bits << 6 | u32::from(digit);
        }
        bits <<= 6 * padding;
        let [_, three @ ..] = bits.to_be_bytes();
        let (kept, unused) = three.split_at(3 - padding);
        if unused.iter().any(|&byte| byte != 0) {
            return Err(WRONG);
        }
        bytes.extend_from_slice(kept);
    }
    Ok(bytes)
}

/// What a JSON text says, as a datum in a builder of its own; nesting is not checked yet.
pub(super) fn from_json(json: &str) -> Result<Builder> {
    let mut reading = Reading { made: Builder::deep(JSON_DEPTH), failed: None };
    let mut reader = serde_json::Deserializer::from_str(json);
    reader.disable_recursion_limit(); // the builder has one
    let result = Any(&mut reading).deserialize(&mut reader).and_then(|()| reader.end());
    match (result, reading.failed) {
        (Ok(()), _) => Ok(reading.made),
        (Err(_), Some(error)) => Err(error),
        (Err(error), None) => Err(Error::Json(error.to_string())),
    }
}

struct Reading {
    made: Builder,
    /// An error that is not the text's.
    failed: Option<Error>,
}

impl Reading {
    /// An error as the reader's own, which will say where.
    fn told<T, E: serde::de::Error>(&mut self, result: Result<T>) -> std::result::Result<T, E> {
        result.map_err(|error| match error {
            Error::Invalid(why) => E::custom(why),
            error => {
                let told = E::custom(&error);
                self.failed = Some(error);
                told
            }
        })
    }

    fn add<E: serde::de::Error>(&mut self, datum: &Datum) -> std::result::Result<(), E> {
        let added = self.made.add(datum);
        self.told(added)
    }
}

/// Reads any value into the builder.
struct Any<'r>(&'r mut Reading);

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> std::result::Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> std::result::Result<(), E> {
        self.0.add(&Datum::Nil)
    }

    fn visit_bool<E: serde::de::Error>(self, is: bool) -> std::result::Result<(), E> {
        self.0.add(&Datum::Bool(is))
    }

    fn visit_i64<E: serde::de::Error>(self, n: i64) -> std::result::Result<(), E> {
        self.0.add(&Datum::Int(n))
    }

    fn visit_u64<E: serde::de::Error>(self, n: u64) -> std::result::Result<(), E> {
        self.0.add(&Datum::UInt(n))
    }

    fn visit_f64<E: serde::de::Error>(self, f: f64) -> std::result::Result<(), E> {
        self.0.add(&Datum::Float(f))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<(), E> {
        self.0.add(&Datum::Str(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> std::result::Result<(), A::Error> {
        let begun = self.0.made.begin_list();
        self.0.told(begun)?;
        while elements.next_element_seed(Any(self.0))?.is_some() {}
        let ended = self.0.made.end();
        self.0.told(ended)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> std::result::Result<(), A::Error> {
        let from = self.0.made.position();
        let begun = self.0.made.begin_map();
        self.0.told(begun)?;
        let (mut count, mut special) = (0u64, false);
        while let Some(is_special) = pairs.next_key_seed(Key(self.0))? {
            pairs.next_value_seed(Any(self.0))?;
            (count, special) = (count + 1, is_special);
        }
        let ended = self.0.made.end();
        self.0.told(ended)?;
        if special && count == 1 {
            let replaced = special_of(self.0.made.since(from)).and_then(|datum| self.0.made.replace(from, &datum));
            self.0.told(replaced)?;
        }
        Ok(())
    }
}

/// Reads a key into the builder, and says whether it is one of ours.
struct Key<'r>(&'r mut Reading);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> std::result::Result<bool, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> std::result::Result<bool, E> {
        self.0.add(&Datum::Str(key))?;
        Ok(is_special(key))
    }
}

/// What a map with one pair, of which the key is one of ours, stands for.
fn special_of(map: &[u8]) -> Result<Encoded<'static>> {
    let odd =
        || Error::invalid("a map whose one key is $bytes, $float, $ref or $map is not what it has to be (see $map)");
    let pair = map.get(token(map)?.1..).unwrap_or_default();
    let (key, key_len) = one::<JSON_DEPTH>(pair)?;
    let (value, _) = one::<JSON_DEPTH>(pair.get(key_len..).unwrap_or_default())?;
    match (key, value) {
        (Datum::Str(BYTES), Datum::Str(text)) => {
            let bytes = from_base64(text)?;
            Ok(Encoded::new(head(Token::Bytes(length(bytes.len())?)).as_bytes(), Cow::Owned(bytes)))
        }
        (Datum::Str(FLOAT), Datum::Str("nan")) => Datum::Float(f64::NAN).encode(),
        (Datum::Str(FLOAT), Datum::Str("inf")) => Datum::Float(f64::INFINITY).encode(),
        (Datum::Str(FLOAT), Datum::Str("-inf")) => Datum::Float(f64::NEG_INFINITY).encode(),
        (Datum::Str(REF), Datum::Map(fields)) => reference(fields)?.ok_or_else(odd),
        (Datum::Str(MAP), Datum::List(pairs)) => {
            let (Token::List(count), mut at) = token(pairs)? else { return Err(odd()) };
            let mut made = head(Token::Map(count)).as_bytes().to_vec();
            for _ in 0..count {
                let rest = pairs.get(at..).unwrap_or_default();
                let (pair, len) = one::<JSON_DEPTH>(rest)?;
                let Datum::List([first, inside @ ..]) = pair else { return Err(odd()) };
                // The builder's lists are canonical: one byte for the header of two.
                if *first != 0x92 {
                    return Err(odd());
                }
                made.extend_from_slice(inside);
                at += len;
            }
            Ok(Encoded::new(&[], Cow::Owned(made)))
        }
        _ => Err(odd()),
    }
}

fn reference(fields: &[u8]) -> Result<Option<Encoded<'static>>> {
    let mut texts = [None; 5];
    let mut items = Items::new(fields)?;
    while let (Some(key), Some(value)) = (items.next().transpose()?, items.next().transpose()?) {
        let place = ["kind", "name", "arena", "place", "generation"].iter().position(|&k| key == Datum::Str(k));
        let (Some(place), Datum::Str(text)) = (place, value) else { return Ok(None) };
        if texts[place].replace(text).is_some() {
            return Ok(None);
        }
    }
    let hex = |text: &str| match text.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => u64::from_str_radix(text, 16).map_err(|_| Error::invalid("a number in $ref has more than 64 bits")),
        false => Err(Error::invalid("a number in $ref is not hexadecimal")),
    };
    let kind = |name| {
        let kind = (0..=u8::MAX).find(|&k| Kind::parse(k.into()).is_some_and(|kind| kind.name() == name));
        kind.ok_or(Error::invalid("the kind in $ref is not one of objects"))
    };
    match texts {
        [Some(k), Some(name), None, None, None] => {
            let encoded = Datum::Named(kind(k)?.into(), name).encode()?;
            Ok(Some(Encoded::new(&[], Cow::Owned(encoded.to_vec()))))
        }
        [Some(k), None, Some(arena), Some(place), Some(generation)] => {
            let generation = u32::try_from(hex(generation)?);
            let generation = generation.map_err(|_| Error::invalid("a generation in $ref has more than 32 bits"))?;
            Datum::Ref(Reference { kind: kind(k)?, arena: hex(arena)?, place: hex(place)?, generation })
                .encode()
                .map(Some)
        }
        _ => Ok(None),
    }
}
