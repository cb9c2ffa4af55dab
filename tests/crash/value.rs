//! Values: scalars and SNAPSHOT structs are old or new after any death, never half.

use crate::engine::{domain, every_pair, every_point, member, soon, End};
use crate::Test;
use mproc::{ElemType, Element, FetchOp, ObjectOptions, Value, ValueOptions};
use std::mem::MaybeUninit;

pub const TESTS: &[Test] = &[
    ("value_scalar", scalar),
    ("value_snapshot_store", snapshot_store),
    ("value_snapshot_exchange", snapshot_exchange),
    ("value_snapshot_recovery", snapshot_recovery),
    ("value_own_lock", own_lock),
];

const SCALARS: [ElemType; 13] = [
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
];

fn value(element: Element, initial: &[u8], raw: bool) -> Value {
    let object = ObjectOptions { raw, ..Default::default() };
    Value::create(&domain(), None, &ValueOptions { object, element, initial: Some(initial) }).expect("create").0
}

fn old_or_new(v: &Value, end: End, old: &[u8], new: &[u8]) {
    let now = v.load().expect("load");
    assert!(now == new || (end == End::Died && now == old), "neither old nor new: {now:?} ({end:?})");
}

fn scalar() {
    for ty in SCALARS {
        let element = Element::scalar(ty);
        let old = vec![1; element.size()];
        let new = if ty == ElemType::Bool { vec![0; 1] } else { vec![3; element.size()] };
        every_point(
            || value(element, &old, false),
            |v| v.store(&new).expect("store"),
            |v, end| old_or_new(v, end, &old, &new),
        );
        every_point(
            || value(element, &old, false),
            |v| v.exchange(&new, None).expect("exchange"),
            |v, end| old_or_new(v, end, &old, &new),
        );
        every_point(
            || value(element, &old, false),
            |v| assert!(v.compare_exchange(&old, &new, None).expect("compare")),
            |v, end| old_or_new(v, end, &old, &new),
        );
    }
    for op in [FetchOp::Add, FetchOp::Sub, FetchOp::Min, FetchOp::Max, FetchOp::And, FetchOp::Or, FetchOp::Xor] {
        for ty in [ElemType::I8, ElemType::U16, ElemType::I32, ElemType::U64] {
            let element = Element::scalar(ty);
            let seven = |v: &Value| {
                v.set_i64(7).expect("set");
            };
            let expected = {
                let v = value(element, &vec![0; element.size()], false);
                seven(&v);
                assert_eq!(v.fetch_i64(op, 5), Ok(7));
                v.get_i64().expect("get")
            };
            every_point(
                || {
                    let v = value(element, &vec![0; element.size()], false);
                    seven(&v);
                    v
                },
                |v| drop(v.fetch_i64(op, 5).expect("fetch")),
                |v, end| {
                    let now = v.get_i64().expect("get");
                    assert!(now == expected || (end == End::Died && now == 7));
                },
            );
        }
    }
}

const SIZES: [usize; 5] = [1, 9, 64, 1000, 70_000];

fn structure(size: usize) -> Element {
    Element::structure(size, 1, 0).expect("element")
}

/// A SNAPSHOT of `size` bytes, written `writes` times before.
fn snapshot(size: usize, writes: usize) -> Value {
    let v = value(structure(size), &vec![1; size], false);
    for _ in 0..writes {
        v.store(&vec![1; size]).expect("store");
    }
    v
}

fn snapshot_store() {
    for size in SIZES {
        for writes in 0..3 {
            every_point(
                || snapshot(size, writes),
                |v| v.store(&vec![2; size]).expect("store"),
                |v, end| {
                    old_or_new(v, end, &vec![1; size], &vec![2; size]);
                    v.store(&vec![3; size]).expect("store after a death");
                    assert_eq!(v.load().expect("load"), vec![3; size]);
                },
            );
        }
    }
}

fn snapshot_exchange() {
    let size = 100;
    let (one, two) = (vec![1; size], vec![2; size]);
    every_point(
        || snapshot(size, 1),
        |v| {
            let mut old = vec![MaybeUninit::uninit(); size];
            v.exchange(&two, Some(&mut old)).expect("exchange");
        },
        |v, end| old_or_new(v, end, &one, &two),
    );
    every_point(
        || snapshot(size, 1),
        |v| assert!(v.compare_exchange(&one, &two, None).expect("compare")),
        |v, end| old_or_new(v, end, &one, &two),
    );
    every_point(
        || snapshot(size, 1),
        |v| assert!(!v.compare_exchange(&two, &two, None).expect("compare")),
        |v, _| assert_eq!(v.load().expect("load"), one),
    );
}

fn snapshot_recovery() {
    let size = 100;
    every_pair(
        || snapshot(size, 1),
        |v| v.store(&vec![2; size]).expect("store"),
        |v| v.store(&vec![3; size]).expect("store"),
        |v, _| {
            let now = v.load().expect("load");
            assert!((1..=3).any(|n| now == vec![n; size]), "torn: {now:?}");
            v.store(&vec![4; size]).expect("store");
            assert_eq!(v.load().expect("load"), vec![4; size]);
        },
    );
}

fn own_lock() {
    for (element, raw) in [(Element::scalar(ElemType::I64), false), (structure(24), false), (structure(24), true)] {
        every_point(
            || value(element, &vec![0; element.size()], raw),
            |v| {
                v.lock(soon()).expect("lock");
                v.unlock().expect("unlock");
            },
            |v, _| {
                v.lock(soon()).expect("stuck");
                v.unlock().expect("unlock");
            },
        );
        let v = value(element, &vec![0; element.size()], raw);
        member(0, || drop(v.lock(soon())));
        assert_eq!(v.lock(soon()), Ok(mproc::Acquired::Recovered));
        v.unlock().expect("unlock");
    }
}
