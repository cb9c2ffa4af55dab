//! Values and arrays, seen from outside.

use super::object::{Count, Eye, Object, Rate};
use crate::objects::array::{self, Layout};
use crate::objects::value;
use crate::objects::{ElemType, Element, MAX_DIMS};
use crate::sync::raw::WAITERS;
use crate::tool::output::{printable, size, PLAIN};
use crate::Error;
use serde_json::{json, Value};
use std::fmt::Write;

/// How often to read a SNAPSHOT that is being written.
const TRIES: usize = 100;
/// Most bytes of a struct that are shown.
const SHOWN: usize = 4096;
/// Of these, to people.
const SHOWN_TO_PEOPLE: usize = 64;
/// Most bytes of elements that are read.
const MOST: usize = 64 << 20;
/// Bytes of text that are shown.
const TEXT: usize = 60;

/// A type's name, as on the command line.
pub(in crate::tool) fn type_name(ty: ElemType) -> &'static str {
    match ty {
        ElemType::I8 => "i8",
        ElemType::U8 => "u8",
        ElemType::I16 => "i16",
        ElemType::U16 => "u16",
        ElemType::I32 => "i32",
        ElemType::U32 => "u32",
        ElemType::I64 => "i64",
        ElemType::U64 => "u64",
        ElemType::F32 => "f32",
        ElemType::F64 => "f64",
        ElemType::Char8 => "char8",
        ElemType::Char32 => "char32",
        ElemType::Bool => "bool",
        ElemType::Struct => "struct",
    }
}

/// An element, in memory: for programs and for people.
pub(in crate::tool) fn decode(ty: ElemType, bytes: &[u8]) -> (Value, String) {
    fn of<const N: usize>(bytes: &[u8]) -> [u8; N] {
        let mut all = [0; N];
        all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        all
    }
    let number = |n: i64| (json!(n), n.to_string());
    match ty {
        ElemType::I8 => number(i8::from_ne_bytes(of(bytes)).into()),
        ElemType::U8 => number(u8::from_ne_bytes(of(bytes)).into()),
        ElemType::I16 => number(i16::from_ne_bytes(of(bytes)).into()),
        ElemType::U16 => number(u16::from_ne_bytes(of(bytes)).into()),
        ElemType::I32 => number(i32::from_ne_bytes(of(bytes)).into()),
        ElemType::U32 => number(u32::from_ne_bytes(of(bytes)).into()),
        ElemType::I64 => number(i64::from_ne_bytes(of(bytes))),
        ElemType::U64 => {
            let n = u64::from_ne_bytes(of(bytes));
            (json!(n), n.to_string())
        }
        ElemType::F32 => float(f32::from_ne_bytes(of(bytes)).into(), f32::from_ne_bytes(of(bytes)).to_string()),
        ElemType::F64 => float(f64::from_ne_bytes(of(bytes)), f64::from_ne_bytes(of(bytes)).to_string()),
        ElemType::Bool => {
            let set = bytes.iter().any(|&b| b != 0);
            (json!(set), set.to_string())
        }
        ElemType::Char8 => character(bytes.first().copied().unwrap_or(0).into(), 0x80),
        ElemType::Char32 => character(u32::from_ne_bytes(of(bytes)), u32::MAX),
        ElemType::Struct => {
            let shown = &bytes[..bytes.len().min(SHOWN)];
            (json!(hex(shown, "")), hex(&shown[..shown.len().min(SHOWN_TO_PEOPLE)], " "))
        }
    }
}

/// JSON has no words for what is not finite: strings, then.
fn float(n: f64, text: String) -> (Value, String) {
    (if n.is_finite() { json!(n) } else { json!(text) }, text)
}

/// A character below `limit`; another code is told as a number.
fn character(code: u32, limit: u32) -> (Value, String) {
    match char::from_u32(code).filter(|_| code < limit) {
        Some(c) => (json!(c), format!("'{}'", printable(&c.to_string()))),
        None => (json!(code), format!("{code:#x}")),
    }
}

fn hex(bytes: &[u8], between: &str) -> String {
    let mut out = String::with_capacity(bytes.len() * (2 + between.len()));
    for (i, byte) in bytes.iter().enumerate() {
        let _ = write!(out, "{}{byte:02x}", if i == 0 { "" } else { between });
    }
    out
}

/// Says what an element is.
fn describe(object: &mut Object, element: &Element) {
    let r = &mut object.report;
    r.fact("type", type_name(element.elem_type()), type_name(element.elem_type()));
    if element.elem_type() == ElemType::Struct {
        r.fact("element_size", element.size(), size(element.size() as u64));
        r.fact("element_align", element.align(), element.align().to_string());
    } else {
        r.hidden("element_size", element.size());
        r.hidden("element_align", element.align());
    }
    let schema = if element.schema() == 0 { String::new() } else { format!("{:#x}", element.schema()) };
    r.fact("schema", element.schema(), schema);
}

pub(super) fn value(object: &mut Object, eye: &Eye) -> Result<(), Error> {
    let element = value::get_element(&eye.header)?;
    let mode = eye.header.u32(value::AT_MODE);
    let is_struct = element.elem_type() == ElemType::Struct;
    if (mode == value::SCALAR) == is_struct || mode > value::RAW {
        return Err(Error::Corrupt("impossible mode of value"));
    }
    object.expect_len(value::shape(&element, mode).len)?;
    let mode_name = match mode {
        value::SCALAR => "scalar",
        value::SNAPSHOT => "snapshot",
        _ => "raw",
    };
    object.shape = type_name(element.elem_type()).to_owned();
    if is_struct {
        object.shape = format!("struct of {}, {mode_name}", size(element.size() as u64));
    }
    describe(object, &element);
    object.report.fact("mode", mode_name, if is_struct { mode_name } else { "" });
    object.approximate = false;
    let at = value::AT_STRUCT as u64;
    let bytes = match mode {
        value::SCALAR => eye.page.all()[value::AT_SCALAR..][..element.size()].to_vec(),
        value::RAW => {
            let (bytes, steady) = eye.file.read_steady(at, element.size())?;
            object.approximate = !steady;
            bytes.all().to_vec()
        }
        _ => snapshot(object, eye, &element)?,
    };
    let (json, text) = decode(element.elem_type(), &bytes);
    let cut = is_struct && bytes.len() > SHOWN_TO_PEOPLE;
    let shown = if cut { format!("{text} …") } else { text.clone() };
    object.report.fact("value", json, shown);
    if is_struct {
        object.report.hidden("value_cut", bytes.len() > SHOWN);
    }
    let holder = object.user_lock(eye);
    object.say(
        if holder.is_some() { "held" } else { "free" },
        if is_struct { String::new() } else { format!("= {text}") },
    );
    if let Some(holder) = holder {
        object.add(&format!("locked by {}", holder.text()), PLAIN);
    }
    object.report.if_any("notified", u64::from(eye.page.u32(value::AT_NOTIFIED)));
    let waits = object.report.eventcount("waiting", &eye.page, value::AT_CHANGED);
    object.waiting = Some(waits || object.waiting == Some(true));
    if mode == value::SNAPSHOT {
        let flips = eye.page.u64(value::AT_FLIP);
        object.counts.push(Count { what: Rate::In, value: flips, bits: 64 });
        object.report.number("writes", flips);
        internal_lock(object, eye, value::AT_WRITE_LOCK, "write_lock");
    }
    Ok(())
}

/// A SNAPSHOT's value: one that was there.
fn snapshot(object: &mut Object, eye: &Eye, element: &Element) -> Result<Vec<u8>, Error> {
    let flip = || eye.file.read(value::AT_FLIP as u64, 8).map(|bytes| bytes.u64(0));
    let mut before = flip()?;
    for _ in 0..TRIES {
        let copy = value::AT_STRUCT + (before & 1) as usize * value::copy_len(element.size());
        let bytes = eye.file.read(copy as u64, element.size())?;
        let after = flip()?;
        if after == before {
            return Ok(bytes.all().to_vec());
        }
        before = after;
    }
    object.approximate = true;
    let copy = value::AT_STRUCT + (before & 1) as usize * value::copy_len(element.size());
    Ok(eye.file.read(copy as u64, element.size())?.all().to_vec())
}

/// A lock of the object's own, that users do not see.
fn internal_lock(object: &mut Object, eye: &Eye, at: usize, key: &'static str) {
    let word = eye.page.u32(at);
    let holder = object.hold_lock(eye, word, "internal lock");
    object.waiting = Some(object.waiting.unwrap_or(false) || word & WAITERS != 0);
    object.report.lock(key, word, holder.as_ref());
}

pub(super) fn array(object: &mut Object, eye: &Eye) -> Result<(), Error> {
    let wrong = |_| Error::Corrupt("impossible array");
    let element = value::get_element(&eye.header)?.for_array().map_err(wrong)?;
    let ndim = eye.header.u64(array::AT_NDIM);
    if !(1..=MAX_DIMS as u64).contains(&ndim) {
        return Err(Error::Corrupt("impossible number of dimensions"));
    }
    let shape: Vec<usize> = (0..ndim as usize).map(|i| eye.header.u64(array::AT_SHAPE + 8 * i) as usize).collect();
    let layout = Layout::new(&element, &shape).map_err(wrong)?;
    object.expect_len(layout.shape.len)?;
    let dimensions: Vec<String> = shape.iter().map(usize::to_string).collect();
    let of = match element.elem_type() {
        ElemType::Struct => format!("struct of {}", size(element.size() as u64)),
        ty => type_name(ty).to_owned(),
    };
    object.shape = format!("{of}[{}]", dimensions.join("x"));
    object.approximate = false;
    describe(object, &element);
    object.report.fact("shape", shape.clone(), dimensions.join(" x "));
    object.report.number("elements", layout.len as u64);
    let holder = object.user_lock(eye);
    object.say(if holder.is_some() { "held" } else { "free" }, "");
    if let Some(holder) = holder {
        object.add(&format!("locked by {}", holder.text()), PLAIN);
    }
    if element.elem_type() == ElemType::Struct {
        internal_lock(object, eye, array::AT_ELEMENT_LOCK, "element_lock");
        journal(object, eye, layout.len);
    }
    if eye.depth.deep {
        first_elements(object, eye, &element, &layout)?;
    }
    Ok(())
}

/// The element that is being written, or was when its writer died.
fn journal(object: &mut Object, eye: &Eye, len: usize) {
    let open = eye.page.u64(array::AT_JOURNAL);
    let index = open.checked_sub(1);
    if index.is_some_and(|index| index >= len as u64) {
        object.damaged("the journal names an element that does not exist");
    }
    object.report.fact("being_written", index, index.map_or_else(String::new, |index| format!("element {index}")));
}

fn first_elements(object: &mut Object, eye: &Eye, element: &Element, layout: &Layout) -> Result<(), Error> {
    let n = layout.len.min(eye.depth.elements).min(MOST / element.size());
    let bytes = eye.file.read(layout.data as u64, n * element.size())?;
    let parts: Vec<(Value, String)> =
        bytes.all().chunks_exact(element.size()).map(|bytes| decode(element.elem_type(), bytes)).collect();
    let more = if layout.len > n { " …" } else { "" };
    let text = match element.elem_type() {
        // Text reads best as such.
        ElemType::Char8 => format!("{:?}{more}", String::from_utf8_lossy(&bytes.all()[..n.min(TEXT)])),
        ElemType::Struct => {
            let all: Vec<String> = parts.iter().map(|(_, text)| format!("{{{text}}}")).collect();
            format!("{}{more}", all.join(" "))
        }
        _ => {
            let all: Vec<&str> = parts.iter().map(|(_, text)| text.as_str()).collect();
            format!("{}{more}", all.join(" "))
        }
    };
    let json: Vec<Value> = parts.into_iter().map(|(json, _)| json).collect();
    object.report.fact("first_elements", json, text);
    Ok(())
}
