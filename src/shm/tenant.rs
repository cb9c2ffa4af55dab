//! A process of the domain, for records that stay.

const SLOT_BITS: u32 = 10;
/// The bits of a generation that are recorded.
const GENERATIONS: u64 = (1 << 40) - 1;

/// A slot's tenant: slot + 1 in the low 10 bits, 40 bits of its generation above. Never 0. The low 31 bits are the
/// owner word of lock words, which repeats after some 2·10⁹ joins; this one does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenant(pub u64);

impl Tenant {
    /// Of a slot, in a generation.
    #[inline]
    pub fn new(slot: usize, generation: u64) -> Tenant {
        Tenant((generation & GENERATIONS) << SLOT_BITS | (slot as u64 + 1))
    }

    /// The slot; a large number if there is none.
    #[inline]
    pub fn slot(self) -> usize {
        ((self.0 & ((1 << SLOT_BITS) - 1)) as usize).wrapping_sub(1)
    }

    /// Where its entry is in a table of 1024: slot + 1.
    #[inline(always)]
    pub fn entry(self) -> usize {
        (self.0 & ((1 << SLOT_BITS) - 1)) as usize
    }

    /// The low 40 bits of the generation.
    #[inline]
    pub fn generation(self) -> u64 {
        self.0 >> SLOT_BITS & GENERATIONS
    }

    /// The owner word.
    #[inline]
    pub fn word(self) -> u32 {
        self.0 as u32 & !(1 << 31)
    }
}

/// Where a tenant's entry is in a [`super::store::Table`], and what it is when it holds nothing: worked out once, for the
/// fastest paths.
#[derive(Debug, Clone, Copy)]
pub struct Seat {
    /// The place in memory, in words.
    pub place: usize,
    /// The entry.
    pub empty: u64,
}

/// The bits of an entry that count.
pub(crate) const COUNT_BITS: u32 = 24;

impl Seat {
    /// In a table of which this says where its entries are.
    #[inline(always)]
    pub fn new(tenant: Tenant, place: impl FnOnce(usize) -> usize) -> Seat {
        Seat { place: place(tenant.entry()), empty: tenant.generation() << COUNT_BITS }
    }
}
