//! What a value or an array element is.

use crate::{Error, Result};

/// Element types under fixed-width names. The numbers are part of the layout and of the C ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum ElemType {
    /// Typecode 'b'.
    I8 = 1,
    /// Typecode 'B'.
    U8 = 2,
    /// Typecode 'h'.
    I16 = 3,
    /// Typecode 'H'.
    U16 = 4,
    /// Typecode 'i'.
    I32 = 5,
    /// Typecode 'I'.
    U32 = 6,
    /// Typecodes 'l' and 'q'.
    I64 = 7,
    /// Typecodes 'L' and 'Q'.
    U64 = 8,
    /// Typecode 'f'.
    F32 = 9,
    /// Typecode 'd'.
    F64 = 10,
    /// One byte of text, typecode 'c'.
    Char8 = 11,
    /// One wide character, typecode 'u'.
    Char32 = 12,
    /// One byte, 0 or 1.
    Bool = 13,
    /// A struct without pointers.
    Struct = 14,
}

const ALL: [ElemType; 14] = [
    ElemType::I8,
    ElemType::U8,
    ElemType::I16,
    ElemType::U16,
    ElemType::I32,
    ElemType::U32,
    ElemType::I64,
    ElemType::U64,
    ElemType::F32,
    ElemType::F64,
    ElemType::Char8,
    ElemType::Char32,
    ElemType::Bool,
    ElemType::Struct,
];

impl ElemType {
    /// The number in the C ABI.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// From the number in the C ABI.
    ///
    /// # Errors
    /// [`Error::Invalid`] for unknown numbers.
    pub fn from_code(code: i32) -> Result<ElemType> {
        ALL.into_iter().find(|t| t.code() == code).ok_or(Error::invalid("unknown type"))
    }

    /// As [`ElemType::from_code`], but not a struct.
    pub(crate) fn scalar_from_code(code: i32) -> Result<ElemType> {
        match ElemType::from_code(code)? {
            ElemType::Struct => Err(Error::invalid("a struct has no size of its own")),
            scalar => Ok(scalar),
        }
    }

    /// From a typecode of Python's `array` or `multiprocessing`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for unknown letters.
    pub fn from_typecode(letter: u8) -> Result<ElemType> {
        Ok(match letter {
            b'b' => ElemType::I8,
            b'B' => ElemType::U8,
            b'h' => ElemType::I16,
            b'H' => ElemType::U16,
            b'i' => ElemType::I32,
            b'I' => ElemType::U32,
            b'l' | b'q' => ElemType::I64,
            b'L' | b'Q' => ElemType::U64,
            b'f' => ElemType::F32,
            b'd' => ElemType::F64,
            b'c' => ElemType::Char8,
            b'u' => ElemType::Char32,
            _ => return Err(Error::invalid("unknown typecode")),
        })
    }

    /// Bytes of a scalar; 0 for a struct.
    pub(crate) fn scalar_size(self) -> usize {
        match self {
            ElemType::I8 | ElemType::U8 | ElemType::Char8 | ElemType::Bool => 1,
            ElemType::I16 | ElemType::U16 => 2,
            ElemType::I32 | ElemType::U32 | ElemType::F32 | ElemType::Char32 => 4,
            ElemType::I64 | ElemType::U64 | ElemType::F64 => 8,
            ElemType::Struct => 0,
        }
    }

    pub(crate) fn is_signed(self) -> bool {
        matches!(self, ElemType::I8 | ElemType::I16 | ElemType::I32 | ElemType::I64)
    }

    pub(crate) fn is_float(self) -> bool {
        matches!(self, ElemType::F32 | ElemType::F64)
    }
}

/// Type, size, alignment and schema of a value or an array element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    elem_type: ElemType,
    size: usize,
    align: usize,
    schema: u64,
}

/// Largest struct.
const MAX_STRUCT: usize = 1 << 20;
/// Largest alignment: a page, since segments begin on one.
const MAX_ALIGN: usize = 4096;

impl Element {
    /// A scalar.
    ///
    /// # Panics
    /// For [`ElemType::Struct`], which needs a size: [`Element::structure`].
    pub fn scalar(elem_type: ElemType) -> Element {
        let size = elem_type.scalar_size();
        assert!(size > 0, "a struct needs a size");
        Element { elem_type, size, align: size, schema: 0 }
    }

    /// A struct of `size` bytes (1 to 1 MiB) aligned to `align` (a power of two to 4096); `schema` is a
    /// number of your own for its layout, 0 for none.
    ///
    /// # Errors
    /// [`Error::Invalid`] for absurd sizes or alignments.
    pub fn structure(size: usize, align: usize, schema: u64) -> Result<Element> {
        Element::new(ElemType::Struct, size, align, schema)
    }

    /// From the C ABI: scalars may leave size and alignment 0; a struct's alignment 0 is the largest power
    /// of two up to 8 that divides its size.
    pub(crate) fn new(elem_type: ElemType, size: usize, align: usize, schema: u64) -> Result<Element> {
        if elem_type != ElemType::Struct {
            let natural = elem_type.scalar_size();
            if !(size == 0 || size == natural) || !(align == 0 || align == natural) {
                return Err(Error::invalid("size or alignment does not fit the scalar type"));
            }
            return Ok(Element { elem_type, size: natural, align: natural, schema });
        }
        if !(1..=MAX_STRUCT).contains(&size) {
            return Err(Error::invalid("a struct has 1 byte to 1 MiB"));
        }
        let align = if align == 0 { 1 << size.trailing_zeros().min(3) } else { align };
        if !align.is_power_of_two() || align > MAX_ALIGN {
            return Err(Error::invalid("an alignment is a power of two up to 4096"));
        }
        Ok(Element { elem_type, size, align, schema })
    }

    /// Array elements follow each other: the size must keep them aligned.
    pub(crate) fn for_array(self) -> Result<Element> {
        if self.size % self.align != 0 {
            return Err(Error::invalid("a struct's size is not a multiple of its alignment"));
        }
        Ok(self)
    }

    /// From a header in shared memory, checked.
    pub(super) fn parse(code: u32, size: u64, align: u64, schema: u64) -> Result<Element> {
        let wrong = |_| Error::Corrupt("impossible element type");
        let elem_type = ElemType::from_code(code as i32).map_err(wrong)?;
        let (size, align) = (usize::try_from(size).unwrap_or(0), usize::try_from(align).unwrap_or(0));
        if size == 0 || align == 0 {
            return Err(Error::Corrupt("impossible element size"));
        }
        Element::new(elem_type, size, align, schema).map_err(wrong)
    }

    /// Fails unless an object with this element is what the opener expects.
    pub(crate) fn matches(&self, expected: &Element) -> Result<()> {
        if self.elem_type != expected.elem_type {
            return Err(Error::Type("another element type"));
        }
        if self.size != expected.size || self.align != expected.align {
            return Err(Error::Type("another element size or alignment"));
        }
        if self.schema != 0 && expected.schema != 0 && self.schema != expected.schema {
            return Err(Error::Type("another schema"));
        }
        Ok(())
    }

    /// The type.
    pub fn elem_type(&self) -> ElemType {
        self.elem_type
    }

    /// Bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Bytes.
    pub fn align(&self) -> usize {
        self.align
    }

    /// The user's number for the layout, or 0.
    pub fn schema(&self) -> u64 {
        self.schema
    }
}
