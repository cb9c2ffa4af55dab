//! Datums.

use super::boundary::{borrow, bytes, bytes_mut, free, give, opt_out, out, run, Out};
use super::status::{MPROC_END, MPROC_OK};
use crate::objects::datum::{self, Head, Items};
use crate::objects::{Builder, Datum, Encoded, Reference};
use crate::shm::Stored;
use crate::{Error, Result};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::mem::MaybeUninit;

/// mproc_datum_t.type: nothing.
pub const MPROC_DATUM_NIL: i32 = 0;
/// mproc_datum_t.type: as.i is 0 or 1.
pub const MPROC_DATUM_BOOL: i32 = 1;
/// mproc_datum_t.type: as.i, signed.
pub const MPROC_DATUM_INT: i32 = 2;
/// mproc_datum_t.type: as.u, unsigned. What comes out as this type does not fit MPROC_DATUM_INT; in goes any.
pub const MPROC_DATUM_UINT: i32 = 3;
/// mproc_datum_t.type: as.d.
pub const MPROC_DATUM_FLOAT: i32 = 4;
/// mproc_datum_t.type: text: data,len in UTF-8. It may contain NULs, and does not end with one.
pub const MPROC_DATUM_STR: i32 = 5;
/// mproc_datum_t.type: bytes: data,len.
pub const MPROC_DATUM_BYTES: i32 = 6;
/// mproc_datum_t.type: a list: data,len is its whole MessagePack encoding.
pub const MPROC_DATUM_LIST: i32 = 7;
/// mproc_datum_t.type: a map: data,len is its whole MessagePack encoding.
pub const MPROC_DATUM_MAP: i32 = 8;
/// mproc_datum_t.type: a weak reference: to a container in an arena (data is NULL: kind, as.u, place and len say
/// which), or to a named object (kind, and data,len is its name).
pub const MPROC_DATUM_REF: i32 = 9;
/// mproc_datum_t.type: only as a value for a container: a new, empty container of `kind` inside the arena.
pub const MPROC_DATUM_NEW: i32 = 10;
/// mproc_datum_t.type: only for compare-and-exchange: there is no such key, or remove it.
pub const MPROC_DATUM_ABSENT: i32 = 11;

/// The scalar of a datum.
#[repr(C)]
#[derive(Clone, Copy)]
pub union mproc_datum_scalar_t {
    /// MPROC_DATUM_BOOL, MPROC_DATUM_INT
    pub i: i64,
    /// MPROC_DATUM_UINT; MPROC_DATUM_REF: the arena
    pub u: u64,
    /// MPROC_DATUM_FLOAT
    pub d: f64,
}

/// A dynamic value. It is passed by value and owns nothing: data belongs to whoever has made it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_datum_t {
    /// MPROC_DATUM_...
    pub r#type: i32,
    /// MPROC_KIND_... of MPROC_DATUM_REF and MPROC_DATUM_NEW, else 0.
    pub kind: u32,
    /// The scalar.
    pub r#as: mproc_datum_scalar_t,
    /// MPROC_DATUM_REF on a container: where in its arena.
    pub place: u64,
    /// The bytes.
    pub data: *const c_void,
    /// How many.
    pub len: usize,
}

impl From<Datum<'_>> for mproc_datum_t {
    fn from(datum: Datum<'_>) -> mproc_datum_t {
        let empty = mproc_datum_t {
            r#type: MPROC_DATUM_NIL,
            kind: 0,
            r#as: mproc_datum_scalar_t { u: 0 },
            place: 0,
            data: std::ptr::null(),
            len: 0,
        };
        let scalar = |r#type, u| mproc_datum_t { r#type, r#as: mproc_datum_scalar_t { u }, ..empty };
        let bytes = |r#type, b: &[u8]| mproc_datum_t { r#type, data: b.as_ptr().cast(), len: b.len(), ..empty };
        match datum {
            Datum::Nil => empty,
            Datum::Bool(b) => scalar(MPROC_DATUM_BOOL, u64::from(b)),
            Datum::Int(i) => scalar(MPROC_DATUM_INT, i as u64),
            Datum::UInt(u) => match i64::try_from(u) {
                Ok(_) => scalar(MPROC_DATUM_INT, u),
                Err(_) => scalar(MPROC_DATUM_UINT, u),
            },
            Datum::Float(d) => scalar(MPROC_DATUM_FLOAT, d.to_bits()),
            Datum::Str(s) => bytes(MPROC_DATUM_STR, s.as_bytes()),
            Datum::Bytes(b) => bytes(MPROC_DATUM_BYTES, b),
            Datum::List(b) => bytes(MPROC_DATUM_LIST, b),
            Datum::Map(b) => bytes(MPROC_DATUM_MAP, b),
            Datum::Ref(Reference { kind, arena, place, generation }) => mproc_datum_t {
                kind: u32::from(kind),
                place,
                len: generation as usize,
                ..scalar(MPROC_DATUM_REF, arena)
            },
            Datum::Named(kind, name) => mproc_datum_t { kind, ..bytes(MPROC_DATUM_REF, name.as_bytes()) },
            Datum::New(kind) => mproc_datum_t { kind, ..scalar(MPROC_DATUM_NEW, 0) },
            Datum::Absent => scalar(MPROC_DATUM_ABSENT, 0),
        }
    }
}

/// mproc_datum_to_json(): on several lines, indented.
pub const MPROC_JSON_PRETTY: u32 = 1;

/// Makes a datum of others: lists and maps. It owns its memory. One thread at a time.
#[derive(Default)]
pub struct mproc_builder_t(pub(super) Builder);

/// Reads a list or a map. It owns nothing: the bytes that it was given must stay. One thread at a time. The fields are
/// the library's.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_reader_t {
    /// Where it has come to.
    pub at: *const u8,
    /// Bytes from there on.
    pub left: usize,
    /// Datums from there on.
    pub count: u64,
}

/// Nothing.
///
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub extern "C" fn mproc_datum_nil() -> mproc_datum_t {
    Datum::Nil.into()
}

/// True or false.
///
/// @param b  0: false; anything else: true
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub extern "C" fn mproc_datum_bool(b: c_int) -> mproc_datum_t {
    Datum::Bool(b != 0).into()
}

/// A signed integer.
///
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub extern "C" fn mproc_datum_int(i: i64) -> mproc_datum_t {
    Datum::Int(i).into()
}

/// An unsigned integer; it equals the signed one of the same value.
///
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub extern "C" fn mproc_datum_uint(u: u64) -> mproc_datum_t {
    Datum::UInt(u).into()
}

/// A float. All NaNs are one and the same.
///
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub extern "C" fn mproc_datum_float(d: f64) -> mproc_datum_t {
    Datum::Float(d).into()
}

/// Text. That it is UTF-8 is checked when it is used.
///
/// @param text  NUL-terminated; NULL gives nil. It is not copied: it must stay as long as the datum is used.
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_datum_str(text: *const c_char) -> mproc_datum_t {
    if text.is_null() {
        return Datum::Nil.into();
    }
    // SAFETY: not NULL, so NUL-terminated (contract of the function).
    let len = unsafe { CStr::from_ptr(text) }.count_bytes();
    raw(MPROC_DATUM_STR, text.cast(), len)
}

/// Text of a length, with NULs in it or not.
///
/// @param text,len  not copied; text may be NULL when len is 0
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub extern "C" fn mproc_datum_strn(text: *const c_char, len: usize) -> mproc_datum_t {
    raw(MPROC_DATUM_STR, text.cast(), len)
}

/// Bytes.
///
/// @param data,len  not copied; data may be NULL when len is 0
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub extern "C" fn mproc_datum_bytes(data: *const c_void, len: usize) -> mproc_datum_t {
    raw(MPROC_DATUM_BYTES, data, len)
}

/// What MessagePack encodes, in any of its forms: a list or map as it is; a scalar, string or bytes as such. It is
/// checked when it is used: what is not the encoding of one datum, or contains extension types that are not the
/// library's, is MPROC_EINVAL there.
///
/// @param msgpack,len  not copied
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_datum_packed(msgpack: *const c_void, len: usize) -> mproc_datum_t {
    // SAFETY: NULL or valid as documented.
    let given = unsafe { bytes(msgpack, len) };
    match given.and_then(Items::new).map(|items| items.is_map()) {
        Ok(false) => raw(MPROC_DATUM_LIST, msgpack, len),
        Ok(true) => raw(MPROC_DATUM_MAP, msgpack, len),
        // SAFETY: as above.
        Err(_) => match unsafe { bytes(msgpack, len) }.and_then(datum::decode) {
            Ok(datum) => datum.into(),
            Err(_) => raw(MPROC_DATUM_LIST, msgpack, len), // is refused when it is used
        },
    }
}

/// A weak reference to a named object. It keeps nothing alive: whoever reads it may open the object, if there is one.
///
/// @param kind  MPROC_KIND_...   @param name  the object's name, NUL-terminated. Not copied.
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_datum_ref(kind: u32, name: *const c_char) -> mproc_datum_t {
    // Without data it would be a reference to a container; "" is refused when it is used.
    let name = if name.is_null() { c"".as_ptr() } else { name };
    // SAFETY: NUL-terminated (contract of the function).
    let len = unsafe { CStr::from_ptr(name) }.count_bytes();
    mproc_datum_t { kind, ..raw(MPROC_DATUM_REF, name.cast(), len) }
}

/// A new, empty container, made where it is stored: only as a value for a dict, list or namespace.
///
/// @param kind  MPROC_KIND_DICT, MPROC_KIND_LIST or MPROC_KIND_NAMESPACE
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub extern "C" fn mproc_datum_new(kind: u32) -> mproc_datum_t {
    Datum::New(kind).into()
}

/// That there is nothing: only for compare-and-exchange in dicts and namespaces.
///
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub extern "C" fn mproc_datum_absent() -> mproc_datum_t {
    Datum::Absent.into()
}

/// Whether a datum is one: its type exists, text is UTF-8, a list or map is the MessagePack encoding of one and at most
/// 64 levels deep, a reference has a kind and the name of an object.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  it is not; mproc_last_error() says why
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_datum_check(datum: mproc_datum_t) -> c_int {
    run(|| {
        // SAFETY: its data is NULL or valid as documented.
        unsafe { datum_in(&datum) }?.encode().map(|_| MPROC_OK)
    })
}

/// The order of two datums, which is that of mproc_list_sort(): numbers by their value, exactly, whatever their type,
/// NaN last; false before true; strings and bytes by their bytes; lists by the first elements that differ; nil equals
/// nil.
///
/// @param[out] order_out  -1, 0 or 1: a comes before b, they are equal, a comes after b
/// @retval MPROC_OK  @retval MPROC_ETYPE  the two have no order   @retval MPROC_EINVAL  NULL, or one is no datum
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_datum_compare(a: mproc_datum_t, b: mproc_datum_t, order_out: *mut c_int) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (order_out, a, b) = unsafe { (out(order_out)?, datum_in(&a)?, datum_in(&b)?) };
        order_out.write(match datum::compare(&a, &b)? {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        });
        Ok(MPROC_OK)
    })
}

/// Whether two datums are the same key: of the same type and value. 1, 1.0 and true are three different ones, and so
/// are 0.0 and -0.0; maps are equal if their pairs are, in the same order.
///
/// @param[out] equal_out  1 or 0
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or one is no datum   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_datum_equal(a: mproc_datum_t, b: mproc_datum_t, equal_out: *mut c_int) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (equal_out, a, b) = unsafe { (out(equal_out)?, datum_in(&a)?.encode()?, datum_in(&b)?.encode()?) };
        equal_out.write(c_int::from(a.special() == b.special() && a.head() == b.head() && a.body() == b.body()));
        Ok(MPROC_OK)
    })
}

/// The encoding of a datum: MessagePack, in the one form that the library uses. Each datum has exactly one: the
/// shortest header, floats as 64 bits, one NaN. So equal bytes are equal datums.
///
/// @param datum         its bytes may be in buf
/// @param buf,cap       where to, and its size; buf may be NULL when cap is 0
/// @param[out] len_out  bytes of it; on MPROC_EMSGSIZE the size needed. Not NULL.
/// @retval MPROC_OK      @retval MPROC_EMSGSIZE  cap is too small
/// @retval MPROC_EINVAL  NULL, no datum, or MPROC_DATUM_NEW or MPROC_DATUM_ABSENT, which have no encoding
/// @retval MPROC_ENOMEM
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_datum_encode(
    datum: mproc_datum_t,
    buf: *mut c_void,
    cap: usize,
    len_out: *mut usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            bytes_mut(buf, cap)?;
            let len_out = out(len_out)?;
            let encoded = plain_in(&datum)?;
            copy_out(encoded.head(), encoded.body(), buf, cap, len_out)
        }
    })
}

/// The datum that MessagePack encodes, in any of its forms.
///
/// @param msgpack,len      exactly one datum
/// @param[out] datum_out   its strings, bytes, lists, maps and names point into msgpack
/// @retval MPROC_OK        @retval MPROC_EINVAL  NULL, or not the encoding of one datum: cut off, more than one, text
///                         that is not UTF-8, more than 64 levels deep, or an extension type that is not the library's
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_datum_decode(
    msgpack: *const c_void,
    len: usize,
    datum_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (msgpack, datum_out) = unsafe { (bytes(msgpack, len)?, out(datum_out)?) };
        datum_out.write(datum::decode(msgpack)?.into());
        Ok(MPROC_OK)
    })
}

/// A datum as JSON. What JSON has no form for is a map with one key that says so: see mproc_builder_add_json(), which
/// makes the same datum of it again.
///
/// @param flags         0 or MPROC_JSON_PRETTY
/// @param buf,cap       where to, and its size with the NUL; buf may be NULL when cap is 0
/// @param[out] len_out  bytes needed with the NUL; also written on MPROC_EMSGSIZE. May be NULL.
/// @retval MPROC_OK      @retval MPROC_EMSGSIZE  cap is too small
/// @retval MPROC_EINVAL  NULL, unknown flag, no datum, or MPROC_DATUM_NEW or MPROC_DATUM_ABSENT   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_datum_to_json(
    datum: mproc_datum_t,
    flags: u32,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> c_int {
    run(|| {
        if flags & !MPROC_JSON_PRETTY != 0 {
            return Err(Error::invalid("unknown flags"));
        }
        // SAFETY: NULL or valid as documented.
        unsafe {
            bytes_mut(buf.cast(), cap)?;
            let text = datum::to_json(&message(&plain_in(&datum)?), flags & MPROC_JSON_PRETTY != 0)?;
            copy_out(text.as_bytes(), &[0], buf.cast(), cap, opt_out(len_out))
        }
    })
}

/// Creates a builder: an empty one.
///
/// @param[out] builder_out  close it with mproc_builder_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: the child has a copy.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_builder_create(builder_out: *mut *mut mproc_builder_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { out(builder_out) }?.write(give(mproc_builder_t(Builder::new())));
        Ok(MPROC_OK)
    })
}

/// Ends the builder, and what its datum points to. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_builder_close(builder: *mut mproc_builder_t) {
    // SAFETY: NULL or a builder that is not closed yet.
    unsafe { free(builder) }
}

/// Empties the builder. It keeps its memory for the next datum.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_builder_reset(builder: *mut mproc_builder_t) -> c_int {
    run(|| {
        // SAFETY: NULL or live, and nobody else uses it meanwhile.
        unsafe { building(builder) }?.reset();
        Ok(MPROC_OK)
    })
}

/// Adds a datum: to the list or map that has begun last (in a map: a key, its value, a key, its value …), or as the one
/// that the builder is to make. It is copied. A call that fails changes nothing.
///
/// @retval MPROC_OK      added
/// @retval MPROC_EINVAL  NULL, no datum, MPROC_DATUM_NEW or MPROC_DATUM_ABSENT, more than 64 levels deep here, or the
///                       builder has its one datum already    @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_builder_add(builder: *mut mproc_builder_t, datum: mproc_datum_t) -> c_int {
    run(|| {
        // SAFETY: NULL or live, and nobody else uses it meanwhile; the datum is valid as documented.
        unsafe { building(builder)?.add(&datum_in(&datum)?) }.map(|()| MPROC_OK)
    })
}

/// Begins a list: what is added up to mproc_builder_end() are its elements.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, more than 64 levels deep, or the builder has its one datum already
/// @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_builder_begin_list(builder: *mut mproc_builder_t) -> c_int {
    run(|| {
        // SAFETY: NULL or live, and nobody else uses it meanwhile.
        unsafe { building(builder) }?.begin_list().map(|()| MPROC_OK)
    })
}

/// Begins a map: what is added up to mproc_builder_end() are its keys and values in turn. The order of the pairs is
/// kept; a key may come twice.
///
/// @retval MPROC_OK  @retval others  as mproc_builder_begin_list()
/// Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_builder_begin_map(builder: *mut mproc_builder_t) -> c_int {
    run(|| {
        // SAFETY: NULL or live, and nobody else uses it meanwhile.
        unsafe { building(builder) }?.begin_map().map(|()| MPROC_OK)
    })
}

/// Ends the list or map that has begun last.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, none has begun, or the last key of the map has no value
/// @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_builder_end(builder: *mut mproc_builder_t) -> c_int {
    run(|| {
        // SAFETY: NULL or live, and nobody else uses it meanwhile.
        unsafe { building(builder) }?.end().map(|()| MPROC_OK)
    })
}

/// Adds the datum that a JSON text is, as mproc_builder_add() does. Numbers with a point or an exponent are floats, and
/// so are integers beyond 64 bits; a map's pairs stay as they are, also if a key comes twice.
///
/// What JSON has no form for is a map with one key that says so. Bytes: {"$bytes": "base64"}. Floats that are not
/// finite: {"$float": "nan"}, "inf" or "-inf". Maps with other keys than strings: {"$map": [[key, value], ...]}. Weak
/// references: {"$ref": {"kind": "queue", "name": "jobs"}}, or {"$ref": {"kind": "dict", "arena": "1f", "place": "2a",
/// "generation": "1"}} with numbers in hexadecimal. A map that itself has exactly one pair, with such a key, is written
/// {"$map": [["$ref", ...]]}; as it is, it would be refused, or taken for what it looks like. The deepest text takes
/// some 90 KiB of stack.
///
/// @param json,len  UTF-8; a NUL at the end is not part of it
/// @retval MPROC_OK      added
/// @retval MPROC_EINVAL  NULL, not JSON (mproc_last_error() says where), not the JSON of a datum, more than 64 levels
///                       deep here, or the builder has its one datum already. Nothing was added.    @retval
///                       MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_builder_add_json(
    builder: *mut mproc_builder_t,
    json: *const c_char,
    len: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live, and nobody else uses it meanwhile; the text is valid as documented.
        let (builder, json) = unsafe { (building(builder)?, bytes(json.cast(), len)?) };
        builder.add_json(text(json)?).map(|()| MPROC_OK)
    })
}

/// The datum that was made.
///
/// @param[out] datum_out  points into the builder until the next call on it that adds, resets or closes
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, there is none yet, or a list or map has not ended
/// Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_builder_datum(builder: *const mproc_builder_t, datum_out: *mut mproc_datum_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (builder, datum_out) = unsafe { (borrow(builder)?, out(datum_out)?) };
        datum_out.write(builder.0.datum()?.into());
        Ok(MPROC_OK)
    })
}

/// Begins to read a list or a map. All of it is checked here. A reader needs no close.
///
/// @param[out] reader_out  for mproc_reader_next()
/// @param list_or_map      its bytes must stay as they are while it is read, and as long as what was read is used
/// @param[out] count_out   elements of the list, pairs of the map. May be NULL.
/// @retval MPROC_OK  @retval MPROC_ETYPE  it is another datum   @retval MPROC_EINVAL  NULL, or no datum
/// Blocks: no.  Threads: any.  Fork: the child has a copy.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_reader_init(
    reader_out: *mut mproc_reader_t,
    list_or_map: mproc_datum_t,
    count_out: *mut usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (reader_out, given) = unsafe { (out(reader_out)?, datum_in(&list_or_map)?) };
        let (Datum::List(inside) | Datum::Map(inside)) = given else {
            return Err(Error::Type("neither a list nor a map"));
        };
        let whole = datum::decode(inside)?;
        if matches!(whole, Datum::List(_)) != matches!(given, Datum::List(_)) {
            return Err(Error::invalid("a list that is a map, or a map that is a list"));
        }
        let items = Items::new(inside)?;
        reader_out.write(mproc_reader_t::from(&items));
        // SAFETY: NULL or valid as documented.
        unsafe { opt_out(count_out) }.write(items.len());
        Ok(MPROC_OK)
    })
}

/// The next element of a list; of a map in turn a key and its value. A list or map inside comes as such: it has a
/// reader of its own.
///
/// @param[out] datum_out  points into what is read
/// @retval MPROC_OK  @retval MPROC_END  there is no more; it stays so
/// @retval MPROC_EINVAL  NULL, or the bytes have changed and are no datum any more
/// Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_reader_next(reader: *mut mproc_reader_t, datum_out: *mut mproc_datum_t) -> c_int {
    run(|| {
        if reader.is_null() {
            return Err(Error::invalid("the reader is NULL"));
        }
        // SAFETY: NULL or valid as documented; the reader is not NULL, and what it reads is as it was at init.
        let (datum_out, now) = unsafe { (out(datum_out)?, reader.read_unaligned()) };
        // SAFETY: as above.
        let mut items = Items::at(unsafe { bytes(now.at.cast(), now.left) }?, now.count);
        let Some(next) = items.next().transpose()? else { return Ok(MPROC_END) };
        datum_out.write(next.into());
        // SAFETY: as above.
        unsafe { reader.write_unaligned((&items).into()) };
        Ok(MPROC_OK)
    })
}

impl From<&Items<'_>> for mproc_reader_t {
    fn from(items: &Items<'_>) -> mproc_reader_t {
        let (rest, count) = items.position();
        mproc_reader_t { at: rest.as_ptr(), left: rest.len(), count }
    }
}

fn raw(r#type: i32, data: *const c_void, len: usize) -> mproc_datum_t {
    mproc_datum_t { r#type, data, len, ..Datum::Nil.into() }
}

/// Whether it is ASCII: a word at a time, the last one overlapping.
#[inline(always)]
fn is_ascii(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else { return bytes.iter().all(u8::is_ascii) };
    let mut any = u64::from_ne_bytes(*last);
    let mut rest = bytes;
    while let Some((word, more)) = rest.split_first_chunk::<8>() {
        any |= u64::from_ne_bytes(*word);
        rest = more;
    }
    any & 0x8080_8080_8080_8080 == 0
}

#[inline]
fn text(bytes: &[u8]) -> Result<&str> {
    if is_ascii(bytes) {
        // SAFETY: ASCII is UTF-8. (Most text is, and this is several times faster to find out.)
        return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    std::str::from_utf8(bytes).map_err(|_| Error::invalid("a string is not UTF-8"))
}

/// Copies one after the other into the caller's buffer, in which the second may already stand somewhere. That one is
/// therefore no reference: nothing else may be written where a reference leads, and the compiler relies on it.
///
/// # Safety
/// `second` is valid for reading; `buf` has `cap` bytes, or `cap` is 0.
unsafe fn copy_out(
    first: &[u8],
    second: *const [u8],
    buf: *mut c_void,
    cap: usize,
    len_out: Out<usize>,
) -> Result<c_int> {
    let (needed, to) = (first.len() + second.len(), buf.cast::<u8>());
    len_out.write(needed);
    if cap < needed {
        return Err(Error::MessageSize { needed });
    }
    // SAFETY: cap ≥ needed bytes at buf (checked; this function's contract); copy() allows overlap, and the first part,
    // which the library has made, is elsewhere.
    unsafe {
        std::ptr::copy(second.cast::<u8>(), to.add(first.len()), second.len());
        std::ptr::copy(first.as_ptr(), to, first.len());
    }
    Ok(MPROC_OK)
}

/// The builder, to be changed.
///
/// # Safety
/// `builder` is NULL or live for `'a`, and nobody else uses it meanwhile.
unsafe fn building<'a>(builder: *mut mproc_builder_t) -> Result<&'a mut Builder> {
    // SAFETY: this function's contract.
    unsafe { builder.as_mut() }.map(|builder| &mut builder.0).ok_or(Error::invalid("the builder is NULL"))
}

/// The datum that the caller means.
///
/// # Safety
/// `data` is NULL or has `len` bytes for `'a`.
#[inline(always)]
pub(super) unsafe fn datum_in(datum: &mproc_datum_t) -> Result<Datum<'_>> {
    // The usual ones, without a detour.
    // SAFETY: this function's contract.
    unsafe {
        match datum.r#type {
            MPROC_DATUM_STR => Ok(Datum::Str(text(bytes(datum.data, datum.len)?)?)),
            MPROC_DATUM_BYTES => Ok(Datum::Bytes(bytes(datum.data, datum.len)?)),
            _ => datum_in_any(datum),
        }
    }
}

/// As [`datum_in`], for any type.
///
/// # Safety
/// As [`datum_in`].
unsafe fn datum_in_any(datum: &mproc_datum_t) -> Result<Datum<'_>> {
    // SAFETY: each is read as the type that says it was written; all bits are valid in each.
    let (i, u, d) = unsafe { (datum.r#as.i, datum.r#as.u, datum.r#as.d) };
    // SAFETY: this function's contract.
    let data = || unsafe { bytes(datum.data, datum.len) };
    Ok(match datum.r#type {
        MPROC_DATUM_NIL => Datum::Nil,
        MPROC_DATUM_BOOL if (0..=1).contains(&i) => Datum::Bool(i == 1),
        MPROC_DATUM_BOOL => return Err(Error::invalid("a bool is 0 or 1")),
        MPROC_DATUM_INT => Datum::Int(i),
        MPROC_DATUM_UINT => Datum::UInt(u),
        MPROC_DATUM_FLOAT => Datum::Float(d),
        MPROC_DATUM_STR => Datum::Str(text(data()?)?),
        MPROC_DATUM_BYTES => Datum::Bytes(data()?),
        MPROC_DATUM_LIST => Datum::List(data()?),
        MPROC_DATUM_MAP => Datum::Map(data()?),
        MPROC_DATUM_REF if datum.data.is_null() => {
            let wrong = |_| Error::invalid("a reference to a container is not as it was given");
            let (kind, generation) = (u8::try_from(datum.kind), u32::try_from(datum.len));
            let (kind, generation) = (kind.map_err(wrong)?, generation.map_err(wrong)?);
            Datum::Ref(Reference { kind, arena: u, place: datum.place, generation })
        }
        MPROC_DATUM_REF => Datum::Named(datum.kind, text(data()?)?),
        MPROC_DATUM_NEW => Datum::New(datum.kind),
        MPROC_DATUM_ABSENT => Datum::Absent,
        _ => return Err(Error::invalid("there is no such type of datum")),
    })
}

/// A datum of the caller's that has an encoding.
///
/// # Safety
/// As [`datum_in`].
pub(super) unsafe fn plain_in(datum: &mproc_datum_t) -> Result<Encoded<'_>> {
    // SAFETY: this function's contract.
    match unsafe { datum_in(datum) }? {
        Datum::New(_) | Datum::Absent => Err(Error::invalid("a new container or nothing has no encoding")),
        plain => plain.encode(),
    }
}

/// An encoding in one piece, which it often is in already.
pub(super) fn message<'a>(encoded: &'a Encoded<'_>) -> Cow<'a, [u8]> {
    match (encoded.head(), encoded.body()) {
        (head, []) => Cow::Borrowed(head),
        ([], body) => Cow::Borrowed(body),
        _ => Cow::Owned(encoded.to_vec()),
    }
}

const NIL: mproc_datum_t = mproc_datum_t {
    r#type: MPROC_DATUM_NIL,
    kind: 0,
    r#as: mproc_datum_scalar_t { u: 0 },
    place: 0,
    data: std::ptr::null(),
    len: 0,
};

/// The encoding of a datum: in an arena, or in private memory.
pub(super) trait Source {
    fn len(&self) -> usize;
    fn byte(&self, index: usize) -> Result<u8>;
    /// Copies the bytes from `skip` on out; all of `to` is initialised on success.
    fn read(&self, skip: usize, to: &mut [MaybeUninit<u8>]) -> Result<()>;
}

impl Source for Stored<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn byte(&self, index: usize) -> Result<u8> {
        self.byte(index)
    }

    #[inline(always)]
    fn read(&self, skip: usize, to: &mut [MaybeUninit<u8>]) -> Result<()> {
        self.read(skip, to)
    }
}

impl Source for [u8] {
    fn len(&self) -> usize {
        self.len()
    }

    fn byte(&self, index: usize) -> Result<u8> {
        self.get(index).copied().ok_or(Error::Range { index, len: self.len() })
    }

    fn read(&self, skip: usize, to: &mut [MaybeUninit<u8>]) -> Result<()> {
        let from = self.get(skip..).and_then(|rest| rest.get(..to.len()));
        let from = from.ok_or(Error::Range { index: skip.saturating_add(to.len()), len: self.len() })?;
        for (to, &from) in to.iter_mut().zip(from) {
            to.write(from);
        }
        Ok(())
    }
}

/// A stored datum; its bytes go into `buf`. [`Error::MessageSize`] if they do not fit: then nothing was written.
#[inline(always)]
pub(super) fn fetch<S: Source + ?Sized>(stored: &S, buf: &mut [MaybeUninit<u8>]) -> Result<mproc_datum_t> {
    let total = stored.len();
    // Strings and bytes with a length of one byte, the usual case.
    if total < 2 {
        return fetch_any(stored, buf);
    }
    let (kind, skip, len) = match stored.byte(0)? {
        first @ 0xa0..=0xbf => (MPROC_DATUM_STR, 1, usize::from(first & 0x1f)),
        0xd9 => (MPROC_DATUM_STR, 2, usize::from(stored.byte(1)?)),
        0xc4 => (MPROC_DATUM_BYTES, 2, usize::from(stored.byte(1)?)),
        _ => return fetch_any(stored, buf),
    };
    if skip + len != total {
        return Err(Error::Corrupt("a stored datum has another length than it says, or is none"));
    }
    let buf = buf.get_mut(..len).ok_or(Error::MessageSize { needed: len })?;
    stored.read(skip, buf)?;
    // SAFETY: read() has initialised all of it.
    let bytes = unsafe { initialised(buf) };
    if kind == MPROC_DATUM_STR {
        text(bytes).map_err(|_| Error::Corrupt("a stored datum is damaged"))?;
    }
    Ok(mproc_datum_t { r#type: kind, data: bytes.as_ptr().cast(), len, ..NIL })
}

/// As [`fetch`], of any datum.
fn fetch_any<S: Source + ?Sized>(stored: &S, buf: &mut [MaybeUninit<u8>]) -> Result<mproc_datum_t> {
    let mut first = [MaybeUninit::uninit(); Head::LEN];
    let total = stored.len();
    let first = &mut first[..total.min(Head::LEN)];
    stored.read(0, first)?;
    // SAFETY: read() has initialised all of it.
    match Head::parse(unsafe { initialised(first) }, total)? {
        Head::Whole(datum) => Ok(datum.into()),
        Head::Body { kind, skip, len } => {
            let buf = buf.get_mut(..len).ok_or(Error::MessageSize { needed: len })?;
            stored.read(skip, buf)?;
            // SAFETY: read() has initialised all of it.
            datum::finish(kind, unsafe { initialised(buf) }).map(Into::into)
        }
    }
}

/// # Safety
/// All of it is initialised.
unsafe fn initialised(bytes: &[MaybeUninit<u8>]) -> &[u8] {
    // SAFETY: MaybeUninit<u8> is laid out as u8, and initialised (this function's contract).
    unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

/// Bytes that are put together on the stack.
const SHORT: usize = 512;

/// Puts a datum as a message.
///
/// # Safety
/// As [`datum_in`].
pub(super) unsafe fn send(datum: &mproc_datum_t, put: impl FnOnce(&[u8]) -> Result<()>) -> Result<c_int> {
    // SAFETY: this function's contract.
    let encoded = unsafe { plain_in(datum) }?;
    let (head, body) = (encoded.head(), encoded.body());
    // A short text needs no memory for its header and itself in one piece.
    if !head.is_empty() && !body.is_empty() && encoded.len() <= SHORT {
        let mut short = [0; SHORT];
        let short = &mut short[..encoded.len()];
        let (first, rest) = short.split_at_mut(head.len());
        first.copy_from_slice(head);
        rest.copy_from_slice(body);
        put(short)?;
    } else {
        put(&message(&encoded))?;
    }
    Ok(MPROC_OK)
}

/// Takes a message into `buf` and makes a datum of it. If it is none, its bytes are handed out nevertheless.
///
/// # Safety
/// `datum_out` is NULL or valid for one write.
pub(super) unsafe fn receive(
    buf: &mut [MaybeUninit<u8>],
    datum_out: *mut mproc_datum_t,
    take: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<usize>,
) -> Result<c_int> {
    // SAFETY: this function's contract.
    let out = unsafe { out(datum_out) }?;
    let len = take(buf).inspect_err(|error| {
        if let Error::MessageSize { needed } = error {
            // SAFETY: not NULL (out()), so valid; C may not have aligned it.
            unsafe { (&raw mut (*datum_out).len).write_unaligned(*needed) }
        }
    })?;
    // SAFETY: the message has initialised so much of it.
    let message = unsafe { initialised(&buf[..len]) };
    let datum = datum::decode(message);
    out.write(datum.as_ref().map_or(Datum::Bytes(message), |datum| *datum).into());
    datum.map(|_| MPROC_OK)
}
