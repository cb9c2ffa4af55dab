//! Arrays: after any death each element is old or new.

use crate::engine::{domain, every_pair, every_point, soon, End};
use crate::Test;
use mproc::{Array, ArrayOptions, ElemType, Element, ObjectOptions};

pub const TESTS: &[Test] = &[
    ("array_scalar_write", scalar_write),
    ("array_struct_set", struct_set),
    ("array_struct_write", struct_write),
    ("array_struct_recovery", struct_recovery),
    ("array_own_lock", own_lock),
];

fn array(element: Element, shape: &[usize], byte: u8) -> Array {
    let bytes = vec![byte; shape.iter().product::<usize>() * element.size()];
    let options = ArrayOptions { object: ObjectOptions::default(), element, shape: shape.to_vec(), initial: &bytes };
    Array::create(&domain(), None, &options).expect("create").0
}

fn structure(size: usize) -> Element {
    Element::structure(size, 1, 0).expect("element")
}

/// Every element is all `old` or all `new`; all are `new` if the operation returned. Returns how many are new.
fn whole(a: &Array, end: End, start: usize, count: usize, old: u8, new: u8) {
    let size = a.element().size();
    let all = a.read(0, a.len()).expect("read");
    for (i, element) in all.chunks(size).enumerate() {
        let is = |byte: u8| element.iter().all(|&b| b == byte);
        let inside = (start..start + count).contains(&i);
        let fine = if !inside { is(old) } else { is(new) || (end == End::Died && is(old)) };
        assert!(fine, "element {i} is {element:?}");
    }
}

fn scalar_write() {
    for ty in [ElemType::U8, ElemType::I16, ElemType::F32, ElemType::U64] {
        let element = Element::scalar(ty);
        for (start, count) in [(0, 1), (1, 9), (3, 20), (0, 32)] {
            every_point(
                || array(element, &[4, 8], 1),
                |a| a.write(start, count, &vec![2; count * element.size()]).expect("write"),
                |a, end| whole(a, end, start, count, 1, 2),
            );
        }
    }
    // A bool array in more than one piece.
    every_point(
        || array(Element::scalar(ElemType::Bool), &[130], 1),
        |a| a.write(0, 130, &[0; 130]).expect("write"),
        |a, end| whole(a, end, 0, 130, 1, 0),
    );
}

fn struct_set() {
    for size in [1, 12, 64, 5000] {
        every_point(
            || array(structure(size), &[3], 1),
            |a| a.set(1, &vec![2; size]).expect("set"),
            |a, end| {
                whole(a, end, 1, 1, 1, 2);
                a.set(1, &vec![3; size]).expect("set after a death");
                a.set(1, &vec![1; size]).expect("set after a death");
                whole(a, End::Returned, 0, 0, 1, 1);
            },
        );
    }
}

fn struct_write() {
    every_point(
        || array(structure(20), &[2, 3], 1),
        |a| a.write(1, 4, &[2; 80]).expect("write"),
        |a, end| whole(a, end, 1, 4, 1, 2),
    );
}

fn struct_recovery() {
    every_pair(
        || array(structure(24), &[4], 1),
        |a| a.set(2, &[2; 24]).expect("set"),
        |a| drop(a.read(0, 4).expect("read")), // taking the lock over rolls back
        |a, _| {
            whole(a, End::Died, 2, 1, 1, 2);
            a.set(2, &[1; 24]).expect("set");
            whole(a, End::Returned, 0, 0, 1, 1);
        },
    );
    // Rollbacks really happen: somewhere along the way one element was half written.
    let rollbacks = std::cell::Cell::new(0);
    every_point(
        || array(structure(24), &[4], 1),
        |a| a.set(2, &[2; 24]).expect("set"),
        |a, _| {
            a.read(0, 4).expect("read");
            rollbacks.set(rollbacks.get() + a.rollbacks());
        },
    );
    assert!(rollbacks.get() >= 3, "{} rollbacks", rollbacks.get());
}

fn own_lock() {
    every_point(
        || array(structure(24), &[4], 1),
        |a| {
            a.lock(soon()).expect("lock");
            a.set(0, &[2; 24]).expect("set");
            a.unlock().expect("unlock");
        },
        |a, _| {
            a.lock(soon()).expect("stuck");
            a.unlock().expect("unlock");
        },
    );
}
