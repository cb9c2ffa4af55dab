//! Dict, list and namespace: at every point of every operation, in several states of the heap, the content is that of
//! before or that of after, the heap has lost no block, and everybody goes on.

use crate::engine::{child, directory, domain, every_pair, every_point, member, End};
use crate::Test;
use mproc::{
    Arena, Builder, ContainerOptions, Datum, Dict, Encoded, Error, List, Namespace, ObjectOptions, Reference, Stored,
};
use std::cell::RefCell;
use std::os::unix::fs::FileExt;

pub const TESTS: &[Test] = &[
    ("container_dict", dict_operations),
    ("container_dict_grows", dict_grows),
    ("container_dict_shrinks", dict_shrinks),
    ("container_dict_update", dict_update),
    ("container_list", list_operations),
    ("container_list_segments", list_segments),
    ("container_list_aside", list_aside),
    ("container_nested", nested),
    ("container_handles", handles),
    ("container_large", large),
    ("container_old_kernel", old_kernel),
    ("container_full", full),
    ("container_cycle", cycle),
    ("container_doomed", doomed),
    ("container_locked_memory", locked_memory),
    ("container_impossible_lengths", impossible_lengths),
    ("container_closures", closures),
    ("container_created", created),
    ("container_recovery", recovery),
    ("container_random", random),
];

/// A dict at the root, with a list in it, and what else a case needs.
struct Things {
    root: Dict,
    list: List,
}

fn text(s: &str) -> Encoded<'_> {
    Datum::Str(s).encode().expect("text")
}

fn int(n: i64) -> Encoded<'static> {
    Datum::Int(n).encode().expect("int")
}

fn new_list() -> Encoded<'static> {
    Datum::New(14).encode().expect("new")
}

fn new_dict() -> Encoded<'static> {
    Datum::New(13).encode().expect("new")
}

fn bytes(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 7 + n) as u8).collect()
}

fn referred(stored: &Stored) -> mproc::Result<Reference> {
    Ok(Reference::decode(&stored.to_vec()?).expect("a reference"))
}

fn inner_list(root: &Dict, key: &str) -> List {
    let reference = root.get(&text(key), referred).expect("the inner list");
    List::follow(root.arena(), reference).expect("follow")
}

fn inner_dict(root: &Dict, key: &str) -> Dict {
    let reference = root.get(&text(key), referred).expect("the inner dict");
    Dict::follow(root.arena(), reference).expect("follow")
}

fn things_within(limit: u64) -> Things {
    let options = ContainerOptions { limit, ..ContainerOptions::default() };
    let root = Dict::create(&domain(), None, options).expect("create").0;
    root.set(&text("list"), &new_list()).expect("an inner list");
    let list = inner_list(&root, "list");
    Things { root, list }
}

fn things() -> Things {
    things_within(0)
}

/// With so many items and elements, short and long ones.
fn filled(items: usize, elements: usize) -> Things {
    let things = things();
    for i in 0..items {
        let value = bytes(i % 90);
        things.root.set(&text(&format!("key {i}")), &Datum::Bytes(&value).encode().expect("bytes")).expect("set");
    }
    for i in 0..elements {
        let value = bytes(i % 40);
        let value = if i % 3 == 0 { int(i as i64) } else { Datum::Bytes(&value).encode().expect("bytes") };
        things.list.append(&value).expect("append");
    }
    things
}

/// All there is in it, inner containers and all.
fn content(root: &Dict) -> Vec<u8> {
    let mut builder = Builder::new();
    root.copy(true, &mut builder).expect("copy");
    builder.finish().expect("finish").to_vec()
}

fn sound(arena: &Arena) {
    arena.check().expect("the heap is sound");
}

type Step = fn(&Things) -> mproc::Result<()>;

/// Kills each operation at every point: the content is that of before or after.
fn all_or_nothing(setup: fn() -> Things, steps: &[Step]) {
    for (case, step) in steps.iter().enumerate() {
        // SAFETY: winds the engine's watchdog up: for each case, not for all.
        unsafe { libc::alarm(90) };
        let before = content(&setup().root);
        let other = setup();
        step(&other).unwrap_or_else(|e| panic!("case {case} fails: {e}"));
        let after = content(&other.root);
        every_point(
            setup,
            |things| step(things).expect("the operation"),
            |things, end| {
                let now = content(&things.root);
                let whole = now == after || (end == End::Died && now == before);
                assert!(whole, "case {case}: neither what was before nor what should be after");
                sound(things.root.arena());
                go_on(things);
                sound(things.root.arena());
            },
        );
    }
}

/// Nothing keeps anybody from anything.
fn go_on(things: &Things) {
    things.root.set(&text("after"), &int(1)).expect("set");
    things.root.delete(&text("after")).expect("delete");
    if let Ok(len) = things.list.len() {
        things.list.append(&int(1)).expect("append");
        things.list.pop(-1, |_| Ok(())).expect("pop");
        assert_eq!(things.list.len(), Ok(len));
    }
}

const DICT: &[Step] = &[
    |t| t.root.set(&text("new"), &int(1)),
    |t| t.root.set(&text("new"), &Datum::Bytes(&bytes(700)).encode()?),
    |t| t.root.set(&text(&"k".repeat(200)), &text(&"v".repeat(50))),
    |t| t.root.setdefault(&text("new"), &text("value"), |_| Ok(())).map(|_| ()),
    |t| t.root.setdefault(&text("new"), &new_dict(), |_| Ok(())).map(|_| ()),
    |t| t.root.add(&text("count"), &Datum::Int(3)).map(|_| ()),
    |t| t.root.append_to(&text("new list"), &int(7)),
    |t| t.root.append_to(&text("list"), &text("an element that does not fit a slot")),
    |t| t.root.compare_exchange(&text("new"), &Datum::Absent.encode()?, &int(1)).map(|_| ()),
    |t| t.root.set(&text("also"), &Datum::Ref(t.list.reference()).encode()?),
    |t| t.root.set(&text("inner"), &new_dict()),
    |t| t.root.delete(&text("list")),
    |t| t.root.popitem(|_, _| Ok(())),
    |t| t.root.clear(),
];

const EXISTING: &[Step] = &[
    |t| t.root.set(&text("key 3"), &int(1)),
    |t| t.root.set(&text("key 3"), &Datum::Bytes(&bytes(60)).encode()?),
    |t| t.root.set(&text("key 3"), &Datum::Bytes(&bytes(3000)).encode()?),
    |t| t.root.set(&text("key 4"), &new_list()),
    |t| t.root.set(&text("list"), &int(1)),
    |t| t.root.delete(&text("key 0")),
    |t| t.root.delete(&text("key 3")),
    |t| t.root.pop(&text("key 5"), |_| Ok(())),
    |t| t.root.compare_exchange(&text("key 0"), &Datum::Bytes(&[]).encode()?, &Datum::Absent.encode()?).map(|_| ()),
    |t| t.root.compare_exchange(&text("key 0"), &Datum::Bytes(&[]).encode()?, &text("other")).map(|_| ()),
];

fn dict_operations() {
    all_or_nothing(things, DICT);
    all_or_nothing(|| filled(6, 3), DICT);
    all_or_nothing(|| filled(6, 3), EXISTING);
}

/// The ninth and the thousand and twenty-fifth bucket, and the second slab.
fn dict_grows() {
    let new: &[Step] = &[|t| t.root.set(&text("one more"), &text("with a value"))];
    for items in [7, 8, 15, 1023, 1024] {
        static ITEMS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        ITEMS.store(items, std::sync::atomic::Ordering::Relaxed);
        all_or_nothing(|| filled(ITEMS.load(std::sync::atomic::Ordering::Relaxed), 0), new);
    }
}

fn dict_shrinks() {
    fn setup() -> Things {
        let things = filled(64, 0);
        for i in 0..55 {
            things.root.delete(&text(&format!("key {i}"))).expect("delete");
        }
        things
    }
    all_or_nothing(setup, &[|t| t.root.delete(&text("key 60")), |t| t.root.popitem(|_, _| Ok(()))]);
}

/// Each pair is set or not, in order.
fn dict_update() {
    let mut builder = Builder::new();
    builder.add_json(r#"{"a": 1, "key 2": "two", "b": [1, 2, 3], "c": {"x": null}}"#).expect("json");
    let map = builder.finish().expect("finish").to_vec();
    let states = RefCell::new(Vec::new());
    let pairs = ["{}", r#"{"a": 1}"#, r#"{"a": 1, "key 2": "two"}"#, r#"{"a": 1, "key 2": "two", "b": [1, 2, 3]}"#];
    for json in pairs {
        let (things, mut part) = (filled(5, 0), Builder::new());
        part.add_json(json).expect("json");
        things.root.update(part.finish().expect("finish")).expect("update");
        states.borrow_mut().push(content(&things.root));
    }
    let whole = filled(5, 0);
    whole.root.update(&map).expect("update");
    let after = content(&whole.root);
    every_point(
        || filled(5, 0),
        |t| t.root.update(&map).expect("update"),
        |t, end| {
            let now = content(&t.root);
            assert!(now == after || (end == End::Died && states.borrow().contains(&now)), "not a prefix");
            sound(t.root.arena());
            go_on(t);
        },
    );
}

const LIST: &[Step] = &[
    |t| t.list.append(&int(5)),
    |t| t.list.append(&text("an element that does not fit a slot")),
    |t| t.list.append(&new_dict()),
    |t| t.list.insert(0, &text("an element that does not fit a slot")),
    |t| t.list.insert(1, &int(1)),
    |t| t.list.extend(&json(r#"[1, "two", "three, which is longer than sixteen bytes", [4]]"#)),
    |t| t.list.extend_from(&t.list),
    |t| t.list.repeat(3),
    |t| t.list.reverse(),
    |t| t.list.clear(),
    |t| t.list.slice_set(Some(0), Some(2), 1, &json(r#"["x", "a long replacement for two elements", 3]"#)),
];

const ELEMENTS: &[Step] = &[
    |t| t.list.set(0, &int(-1)),
    |t| t.list.set(1, &int(-1)),
    |t| t.list.set(2, &text("an element that does not fit a slot")),
    |t| t.list.set(-1, &new_list()),
    |t| t.list.pop(-1, |_| Ok(())),
    |t| t.list.pop(0, |_| Ok(())),
    |t| t.list.delete(2),
    |t| t.list.remove(&int(3)),
    |t| t.list.add(0, &Datum::Float(0.5)).map(|_| ()),
    |t| t.list.compare_exchange(0, &int(0), &text("an element that does not fit a slot")).map(|_| ()),
    |t| t.list.slice_delete(Some(1), None, 2),
    |t| t.list.slice_set(None, None, 3, &json("[null, true]")),
];

fn json(text: &str) -> Vec<u8> {
    let mut builder = Builder::new();
    builder.add_json(text).expect("json");
    builder.finish().expect("finish").to_vec()
}

fn list_operations() {
    all_or_nothing(things, &LIST[..10]);
    all_or_nothing(|| filled(0, 6), LIST);
    all_or_nothing(|| filled(0, 6), ELEMENTS);
    let sorting: &[Step] = &[|t| t.list.sort(false), |t| t.list.sort(true)];
    fn numbers() -> Things {
        let things = things();
        things.list.extend(&json("[3, 1.5, -2, 18446744073709551615, 0]")).expect("extend");
        things
    }
    all_or_nothing(numbers, sorting);
}

/// Where the array is replaced by a larger one, and where its second, third and last segment begin and end.
fn list_segments() {
    fn setup<const N: usize>() -> Things {
        let things = things();
        let many = format!("[{}]", vec!["7"; N].join(","));
        things.list.extend(&json(&many)).expect("extend");
        things
    }
    let ends: &[Step] = &[|t| t.list.append(&int(5)), |t| t.list.pop(-1, |_| Ok(())), |t| t.list.insert(-3, &int(1))];
    all_or_nothing(setup::<8>, ends);
    all_or_nothing(setup::<16>, ends);
    all_or_nothing(setup::<1024>, ends);
    all_or_nothing(setup::<2048>, ends);
    all_or_nothing(setup::<9216>, ends);
    fn shrunk() -> Things {
        let things = setup::<3073>();
        for _ in 0..1024 {
            things.list.pop(-1, |_| Ok(())).expect("pop");
        }
        things
    }
    all_or_nothing(shrunk, ends);
}

/// What is too much for one change is built aside.
fn list_aside() {
    fn setup() -> Things {
        let things = things();
        for i in 0..540 {
            let value = bytes(20);
            let value = if i % 100 == 0 { Datum::Bytes(&value).encode().expect("bytes") } else { int(i) };
            things.list.append(&value).expect("append");
        }
        things
    }
    let steps: &[Step] = &[
        |t| t.list.insert(1, &text("an element that does not fit a slot")),
        |t| t.list.pop(0, |_| Ok(())),
        |t| t.list.remove(&int(1)),
        |t| t.list.reverse(),
        |t| t.list.slice_delete(Some(0), Some(40), 1),
        |t| t.list.slice_delete(Some(100), Some(200), 3),
        |t| t.list.slice_set(Some(10), Some(60), 1, &json(r#"[1, "a long replacement for many elements"]"#)),
        |t| t.list.clear(),
    ];
    all_or_nothing(setup, steps);
}

/// Inner containers of inner containers go when nothing refers to them any more, and not before.
fn nested() {
    fn setup() -> Things {
        let things = things();
        things.root.set(&text("tree"), &new_dict()).expect("set");
        let tree = inner_dict(&things.root, "tree");
        for key in ["a", "b"] {
            tree.set(&text(key), &new_list()).expect("set");
            let list = inner_list(&tree, key);
            for i in 0..5 {
                list.append(&text(&format!("leaf number {i} of this list"))).expect("append");
            }
            list.append(&new_dict()).expect("append");
        }
        let shared = inner_list(&tree, "a").reference();
        things.list.append(&Datum::Ref(shared).encode().expect("reference")).expect("append");
        things
    }
    let steps: &[Step] = &[
        |t| t.root.delete(&text("tree")),
        |t| t.root.set(&text("tree"), &int(1)),
        |t| t.list.pop(-1, |_| Ok(())),
        |t| t.list.clear(),
        |t| t.root.clear(),
        |t| t.root.pop(&text("tree"), |stored| referred(stored).map(|_| ())),
    ];
    all_or_nothing(setup, steps);
    // What is referred to twice at each of many levels is copied, and not level by level twice as long.
    let levels = things();
    for _ in 0..16 {
        levels.root.set(&text("next"), &new_list()).expect("set");
        let next = inner_list(&levels.root, "next");
        let last = levels.root.get(&text("last"), referred).map(Datum::Ref).unwrap_or(Datum::Int(1));
        next.append(&last.encode().expect("reference")).expect("append");
        next.append(&last.encode().expect("reference")).expect("append");
        levels.root.set(&text("last"), &Datum::Ref(next.reference()).encode().expect("reference")).expect("set");
    }
    assert!(content(&levels.root).len() > 2 << 16);
    sound(levels.root.arena());
    // Without a handle and without a reference everything is freed.
    let things = setup();
    let blocks = things.root.arena().info().expect("info").containers;
    things.root.delete(&text("tree")).expect("delete");
    things.list.clear().expect("clear");
    let info = things.root.arena().info().expect("info");
    assert!(info.containers == 2 && blocks == 7 && info.doomed == 0, "{info:?}, {blocks} before");
}

/// Handles on inner containers are counted for each process; a dead one's do not count.
fn handles() {
    fn setup() -> Things {
        let things = things();
        things.root.set(&text("inner"), &new_dict()).expect("set");
        inner_dict(&things.root, "inner").set(&text("x"), &int(1)).expect("set");
        things
    }
    // Follow, and die anywhere; follow and close, and die anywhere.
    for close in [false, true] {
        every_point(
            setup,
            |t| {
                let inner = inner_dict(&t.root, "inner");
                if close {
                    drop(inner);
                } else {
                    std::mem::forget(inner);
                }
            },
            |t, _| {
                sound(t.root.arena());
                t.root.delete(&text("inner")).expect("delete");
                let info = t.root.arena().info().expect("info");
                assert!(info.containers == 2 && info.handles == 1, "a dead process keeps a container: {info:?}");
                sound(t.root.arena());
            },
        );
    }
    // A handle keeps what nothing else refers to.
    let things = setup();
    let inner = inner_dict(&things.root, "inner");
    things.root.delete(&text("inner")).expect("delete");
    assert_eq!(inner.len(), Ok(1));
    let reference = inner.reference();
    drop(inner);
    assert!(matches!(Dict::follow(things.root.arena(), reference), Err(Error::NotFound(_))));
    // Stored again while a handle holds it.
    let things = setup();
    let inner = inner_dict(&things.root, "inner");
    things.root.delete(&text("inner")).expect("delete");
    things.root.set(&text("again"), &Datum::Ref(inner.reference()).encode().expect("reference")).expect("set");
    drop(inner);
    assert_eq!(inner_dict(&things.root, "again").len(), Ok(1));
    sound(things.root.arena());
    // A forked child that uses an inherited handle is a holder of its own.
    let things = setup();
    let inner = inner_dict(&things.root, "inner");
    assert_eq!(member(0, || assert_eq!(inner.len(), Ok(1))), End::Returned);
    let info = things.root.arena().info().expect("info");
    assert_eq!(info.handles, 2, "the child's is gone with it: {info:?}");
}

/// Values of several chunks.
fn large() {
    fn setup() -> Things {
        let things = things();
        let value = bytes(200_000);
        things.root.set(&text("large"), &Datum::Bytes(&value).encode().expect("bytes")).expect("set");
        things.list.append(&Datum::Bytes(&value).encode().expect("bytes")).expect("append");
        things
    }
    let steps: &[Step] = &[
        |t| t.root.set(&text("large"), &Datum::Bytes(&bytes(400_000)).encode()?),
        |t| t.root.set(&text("large 2"), &Datum::Bytes(&bytes(70_000)).encode()?),
        |t| t.root.delete(&text("large")),
        |t| t.list.append(&Datum::Bytes(&bytes(1_500_000)).encode()?),
        |t| t.list.pop(-1, |_| Ok(())),
    ];
    all_or_nothing(setup, steps);
    let things = setup();
    let much = Datum::Bytes(&bytes(4 << 20)).encode().expect("bytes").to_vec();
    things.root.set(&text("huge"), &mproc::Datum::Bytes(&much).encode().expect("bytes")).expect("set");
    let with = things.root.arena().info().expect("info").committed;
    things.root.delete(&text("huge")).expect("delete");
    let without = things.root.arena().info().expect("info").committed;
    assert!(with - without > 3 << 20, "memory is not given back: {with} bytes, then {without}");
    // A value that becomes small does not keep a large block.
    things.root.set(&text("large"), &Datum::Nil.encode().expect("nil")).expect("set");
    let used = things.root.arena().info().expect("info").used;
    assert!(used < 1 << 20, "a small value keeps {used} bytes");
    // Many of them at once: more than the journal has room for.
    let value = bytes(12 << 20);
    let value = Datum::Bytes(&value).encode().expect("bytes");
    for _ in 0..11 {
        things.list.append(&value).expect("append");
    }
    things.list.slice_delete(Some(1), None, 1).expect("delete");
    assert_eq!(things.list.len(), Ok(1));
    sound(things.root.arena());
}

/// Without MADV_POPULATE_WRITE memory is taken through a descriptor, also of a named object.
fn old_kernel() {
    fn setup() -> Things {
        let things = filled(3, 3);
        let value = bytes(200_000);
        things.root.set(&text("large"), &Datum::Bytes(&value).encode().expect("bytes")).expect("set");
        things
    }
    mproc::sys::mapping::force_fallback(true);
    let steps: &[Step] = &[
        |t| t.root.set(&text("large 2"), &Datum::Bytes(&bytes(1_500_000)).encode()?),
        |t| t.root.delete(&text("large")),
        |t| t.root.clear(),
    ];
    all_or_nothing(setup, steps);
    let named = List::create(&domain(), Some("container-old"), ContainerOptions::default()).expect("create").0;
    let value = bytes(4 << 20);
    named.append(&Datum::Bytes(&value).encode().expect("bytes")).expect("append");
    let with = named.arena().info().expect("info").committed;
    named.clear().expect("clear");
    let without = named.arena().info().expect("info").committed;
    assert!(with - without > 3 << 20, "memory is not given back: {with} bytes, then {without}");
    mproc::sys::mapping::force_fallback(false);
}

/// At its limit an arena says so, keeps what it has, and takes more once there is room.
fn full() {
    fn setup() -> Things {
        let things = things_within(1 << 20);
        let value = bytes(500);
        for i in 0.. {
            let value = Datum::Bytes(&value).encode().expect("bytes");
            match things.root.set(&text(&format!("key {i}")), &value) {
                Ok(()) => {}
                Err(Error::Full(_)) => break,
                Err(other) => panic!("{other}"),
            }
        }
        things
    }
    let things = setup();
    let before = content(&things.root);
    let much = bytes(100_000);
    let much = Datum::Bytes(&much).encode().expect("bytes");
    assert!(matches!(things.root.set(&text("key 1"), &much), Err(Error::Full(_))));
    assert!(matches!(things.list.append(&much), Err(Error::Full(_))));
    assert!(matches!(things.root.set(&text("more"), &new_list()), Ok(()) | Err(Error::Full(_))));
    let _ = things.root.delete(&text("more"));
    let used = things.root.arena().info().expect("info").used;
    let long = format!("[{}]", vec![r#""an element that does not fit a slot""#; 3000].join(","));
    assert!(matches!(things.list.extend(&json(&long)), Err(Error::Full(_))));
    let long = format!("[{}]", vec!["1"; 40_000].join(","));
    assert!(matches!(things.list.extend(&json(&long)), Err(Error::Full(_))));
    assert!(matches!(things.list.repeat(1 << 39), Ok(()) | Err(Error::Full(_))));
    let after = things.root.arena().info().expect("info").used;
    assert!(after <= used + 1024, "what has failed keeps memory: {used} bytes, then {after}");
    assert_eq!(content(&things.root), before);
    sound(things.root.arena());
    // What fails for want of room does so at every point, too.
    every_point(
        setup,
        |t| {
            assert!(matches!(
                t.list.append(&Datum::Bytes(&bytes(100_000)).encode().expect("bytes")),
                Err(Error::Full(_))
            ))
        },
        |t, _| {
            assert_eq!(t.list.len(), Ok(0));
            sound(t.root.arena());
        },
    );
    // Clearing needs no room, and makes some.
    things.root.clear().expect("clear");
    sound(things.root.arena());
    things.root.set(&text("key 1"), &much).expect("there is room again");
}

/// What is being freed is gone for everybody, though it takes a while.
fn doomed() {
    let things = things();
    things.root.set(&text("a"), &new_dict()).expect("set");
    let inner = inner_dict(&things.root, "a");
    for i in 0..2000 {
        inner.set(&int(i), &int(i)).expect("set");
    }
    let reference = inner.reference();
    drop(inner);
    // Killed when it has freed a little of it.
    assert_eq!(member(600, || things.root.set(&text("a"), &int(1)).expect("set")), End::Died);
    let info = things.root.arena().info().expect("info");
    assert_eq!(info.doomed, 1, "it was freed at once: is this a test? {info:?}");
    let weak = Datum::Ref(reference).encode().expect("reference");
    assert!(matches!(things.root.set(&text("b"), &weak), Err(Error::NotFound(_))));
    assert!(matches!(things.list.append(&weak), Err(Error::NotFound(_))));
    assert!(matches!(things.root.append_to(&text("list"), &weak), Err(Error::NotFound(_))));
    assert!(matches!(Dict::follow(things.root.arena(), reference), Err(Error::NotFound(_))));
    content(&things.root);
    sound(things.root.arena());
    things.root.arena().collect().expect("collect");
    assert_eq!(things.root.arena().info().expect("info").containers, 2);
    sound(things.root.arena());
}

/// Where memory cannot be given back in the usual way, it is in another, and nothing that was done is reported as if it
/// were not.
fn locked_memory() {
    let end = member(0, || {
        // SAFETY: no preconditions; it ends with this process.
        let locked = unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT as libc::c_int) };
        if locked != 0 {
            println!("note: mlockall is not permitted: not tested with locked memory");
            return;
        }
        let things = things();
        let value = bytes(4 << 20);
        things.root.set(&text("large"), &Datum::Bytes(&value).encode().expect("bytes")).expect("set");
        let with = things.root.arena().info().expect("info").committed;
        things.root.pop(&text("large"), |_| Ok(())).expect("pop");
        let without = things.root.arena().info().expect("info").committed;
        assert!(with - without > 3 << 20, "memory is not given back: {with} bytes, then {without}");
        sound(things.root.arena());
    });
    assert_eq!(end, End::Returned);
}

/// Containers that refer to each other stay until they are collected.
fn cycle() {
    fn setup() -> Things {
        let things = things();
        for key in ["a", "b"] {
            things.root.set(&text(key), &new_dict()).expect("set");
        }
        let (a, b) = (inner_dict(&things.root, "a"), inner_dict(&things.root, "b"));
        a.set(&text("b"), &Datum::Ref(b.reference()).encode().expect("reference")).expect("set");
        b.set(&text("a"), &Datum::Ref(a.reference()).encode().expect("reference")).expect("set");
        b.set(&text("b"), &Datum::Ref(b.reference()).encode().expect("reference")).expect("set");
        drop((a, b));
        for key in ["a", "b"] {
            things.root.delete(&text(key)).expect("delete");
        }
        things
    }
    assert_eq!(setup().root.arena().info().expect("info").containers, 4);
    every_point(
        setup,
        |t| assert_eq!(t.root.arena().collect(), Ok(2)),
        |t, _| {
            t.root.arena().collect().expect("collect");
            assert_eq!(t.root.arena().info().expect("info").containers, 2);
            sound(t.root.arena());
        },
    );
    // What contains itself cannot be copied, and what is reachable is not collected.
    let things = setup();
    things.list.append(&Datum::Ref(things.list.reference()).encode().expect("reference")).expect("append");
    assert!(matches!(things.root.copy(true, &mut Builder::new()), Err(Error::Type(_))));
    things.root.arena().collect().expect("collect");
    assert_eq!(things.list.len(), Ok(1));
    sound(things.root.arena());
}

/// Elements that say they are longer than all memory together are an error, and not the end of the process that reads
/// them.
fn impossible_lengths() {
    const NAME: &str = "container-lengths";
    let reads: [fn(&List) -> mproc::Result<()>; 5] = [
        |l| l.sort(false),
        |l| l.snapshot().map(|_| ()),
        |l| l.copy(true, &mut Builder::new()),
        |l| l.extend_from(l),
        |l| l.repeat(2),
    ];
    for (case, read) in reads.into_iter().enumerate() {
        let options = ContainerOptions { limit: 16 << 20, ..ContainerOptions::default() };
        let list = List::create(&domain(), Some(NAME), options).expect("create").0;
        for _ in 0..1000 {
            list.append(&text("twenty bytes of text")).expect("append");
        }
        let file = std::fs::OpenOptions::new().read(true).write(true).open(directory().join(NAME)).expect("open");
        let mut bytes = vec![0; 1 << 20];
        file.read_exact_at(&mut bytes, 0).expect("read");
        let mut changed = 0;
        // A slot: 255, three bytes, the length, the place.
        for at in (1 << 16..bytes.len()).step_by(16) {
            if bytes[at] == 0xff && bytes[at + 4..at + 8] == 21u32.to_ne_bytes() {
                file.write_all_at(&(12u32 << 20).to_ne_bytes(), at as u64 + 4).expect("write");
                changed += 1;
            }
        }
        assert!(changed >= 1000, "{changed} slots found: is this a test?");
        let end = member(0, || {
            let limit = libc::rlimit { rlim_cur: 4 << 30, rlim_max: 4 << 30 };
            // SAFETY: a valid argument.
            unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) };
            let result = read(&list);
            assert!(matches!(result, Err(Error::Corrupt(_) | Error::NoMemory(_))), "case {case}: {result:?}");
        });
        assert_eq!(end, End::Returned);
    }
}

/// What a caller's function answers is handed on as it is, also where the heap knows the same error; it runs once, and
/// what it has refused has not happened.
fn closures() {
    let things = filled(3, 3);
    for error in [Error::Full("a queue of the caller's"), Error::Corrupt("the caller's own data"), Error::Canceled] {
        let mut times = 0;
        let mut refuse = |_: &Stored| -> mproc::Result<()> {
            times += 1;
            Err(error.clone())
        };
        assert_eq!(things.root.pop(&text("key 1"), &mut refuse), Err(error.clone()));
        assert_eq!(things.list.pop(0, &mut refuse), Err(error.clone()));
        assert_eq!(things.list.pop(-1, &mut refuse), Err(error.clone()));
        assert_eq!(things.root.setdefault(&text("new"), &int(1), &mut refuse), Err(error.clone()));
        assert_eq!(things.root.popitem(|_, value| refuse(value)), Err(error.clone()));
        assert_eq!(times, 5);
        assert_eq!(things.root.contains(&text("new")), Ok(false));
    }
    assert_eq!(things.root.len(), Ok(4));
    assert_eq!(things.list.len(), Ok(3));
    sound(things.root.arena());
}

/// A named dict is there, with its root, or not at all; and whoever opens it first after a death finds it sound.
fn created() {
    for k in 1.. {
        let name = "container-created";
        let end = member(k, || drop(Dict::create(&domain(), Some(name), ContainerOptions::default()).expect("create")));
        match Dict::open(&domain(), name, ObjectOptions::default()) {
            Ok(dict) => {
                dict.set(&text("x"), &int(1)).expect("set");
                sound(dict.arena());
            }
            Err(Error::NotFound(_)) => {}
            Err(other) => panic!("{other}"),
        }
        if end == End::Returned {
            break;
        }
    }
    let namespace = Namespace::create(&domain(), None, ContainerOptions::default()).expect("create").0;
    namespace.set("x", &int(1)).expect("set");
    every_point(|| (), |()| drop(namespace.add("x", &Datum::Int(1)).expect("add")), |(), _| sound(namespace.arena()));
    assert!(matches!(namespace.set("_x", &int(1)), Err(Error::Invalid(_))));
}

/// Recovery may itself be killed, anywhere.
fn recovery() {
    let steps: [Step; 3] = [
        |t| t.root.set(&text("new"), &text("value")),
        |t| t.list.insert(0, &text("an element that does not fit a slot")),
        |t| t.root.delete(&text("list")),
    ];
    for step in steps {
        let before = content(&filled(3, 3).root);
        let other = filled(3, 3);
        step(&other).expect("the operation");
        let after = content(&other.root);
        every_pair(
            || filled(3, 3),
            |t| step(t).expect("the operation"),
            |t| drop(t.root.len()),
            |t, _| {
                let now = content(&t.root);
                assert!(now == before || now == after, "neither what was before nor what should be after");
                sound(t.root.arena());
            },
        );
    }
}

/// A dict and a list, as the standard library would have them.
#[derive(Clone, Default, PartialEq, Debug)]
struct Model {
    dict: Vec<(Vec<u8>, Vec<u8>)>,
    list: Vec<Vec<u8>>,
}

/// What one random step does: to the real thing, and to the model.
#[derive(Debug, Clone)]
enum Act {
    Set(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    PopItem,
    ClearDict,
    Append(Vec<u8>),
    Insert(i64, Vec<u8>),
    Pop(i64),
    Put(i64, Vec<u8>),
    Reverse,
    Extend(Vec<Vec<u8>>),
    DeleteSlice(i64, i64, i64),
    SetSlice(i64, i64, Vec<Vec<u8>>),
    ClearList,
}

fn plain(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = Builder::new();
    builder.begin_list().expect("begin");
    for element in elements {
        builder.add_encoded(element).expect("add");
    }
    builder.end().expect("end");
    builder.finish().expect("finish").to_vec()
}

fn clip(index: i64, len: usize) -> usize {
    if index < 0 {
        (index + len as i64).max(0) as usize
    } else {
        (index as usize).min(len)
    }
}

impl Act {
    fn run(&self, dict: &Dict, list: &List) -> mproc::Result<()> {
        let decoded = |bytes: &[u8]| mproc::datum::decode(bytes).and_then(|d| Ok(d.encode()?.to_vec()));
        let e = |bytes: &Vec<u8>| decoded(bytes).expect("canonical");
        macro_rules! encoded {
            ($bytes:expr) => {
                mproc::datum::decode(&e($bytes))?.encode()?
            };
        }
        match self {
            Act::Set(key, value) => dict.set(&encoded!(key), &encoded!(value)),
            Act::Delete(key) => dict.delete(&encoded!(key)),
            Act::PopItem => dict.popitem(|_, _| Ok(())),
            Act::ClearDict => dict.clear(),
            Act::Append(value) => list.append(&encoded!(value)),
            Act::Insert(index, value) => list.insert(*index, &encoded!(value)),
            Act::Pop(index) => list.pop(*index, |_| Ok(())),
            Act::Put(index, value) => list.set(*index, &encoded!(value)),
            Act::Reverse => list.reverse(),
            Act::Extend(values) => list.extend(&plain(values)),
            Act::DeleteSlice(start, stop, step) => list.slice_delete(Some(*start), Some(*stop), *step),
            Act::SetSlice(start, stop, values) => list.slice_set(Some(*start), Some(*stop), 1, &plain(values)),
            Act::ClearList => list.clear(),
        }
    }

    fn model(&self, model: &mut Model) {
        let (dict, list) = (&mut model.dict, &mut model.list);
        let len = list.len();
        let index = |i: i64| Some(if i < 0 { i + len as i64 } else { i }).filter(|i| (0..len as i64).contains(i));
        match self {
            Act::Set(key, value) => match dict.iter_mut().find(|(k, _)| k == key) {
                Some(pair) => pair.1.clone_from(value),
                None => dict.push((key.clone(), value.clone())),
            },
            Act::Delete(key) => dict.retain(|(k, _)| k != key),
            Act::PopItem => drop(dict.pop()),
            Act::ClearDict => dict.clear(),
            Act::Append(value) => list.push(value.clone()),
            Act::Insert(i, value) => list.insert(clip(*i, len), value.clone()),
            Act::Pop(i) => drop(index(*i).map(|i| list.remove(i as usize))),
            Act::Put(i, value) => drop(index(*i).map(|i| list[i as usize].clone_from(value))),
            Act::Reverse => list.reverse(),
            Act::Extend(values) => list.extend(values.iter().cloned()),
            Act::DeleteSlice(start, stop, step) => {
                let (mut i, stop) = (clip(*start, len), clip(*stop, len));
                let mut gone = Vec::new();
                while i < stop {
                    gone.push(i);
                    i += *step as usize;
                }
                for i in gone.into_iter().rev() {
                    list.remove(i);
                }
            }
            Act::SetSlice(start, stop, values) => {
                let start = clip(*start, len);
                list.splice(start..clip(*stop, len).max(start), values.iter().cloned());
            }
            Act::ClearList => list.clear(),
        }
    }

    fn random(seed: &mut u64) -> Act {
        let mut next = |n: u64| {
            // xorshift64 (Marsaglia, 2003)
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            *seed % n
        };
        fn value(next: &mut dyn FnMut(u64) -> u64) -> Vec<u8> {
            match next(12) {
                0..4 => Datum::Int(next(1000) as i64 - 500).encode().expect("int").to_vec(),
                4 => Datum::Float(next(9) as f64 / 2.0).encode().expect("float").to_vec(),
                11 => Datum::Bytes(&bytes(next(5000) as usize)).encode().expect("bytes").to_vec(),
                _ => Datum::Bytes(&bytes(next(100) as usize)).encode().expect("bytes").to_vec(),
            }
        }
        let key = |n: u64| Datum::Str(&format!("key {n}")).encode().expect("key").to_vec();
        match next(40) {
            0..12 => Act::Set(key(next(60)), value(&mut next)),
            12..17 => Act::Delete(key(next(60))),
            17 => Act::PopItem,
            18 => {
                if next(8) == 0 {
                    Act::ClearDict
                } else {
                    Act::PopItem
                }
            }
            19..26 => Act::Append(value(&mut next)),
            26..28 => Act::Insert(next(60) as i64 - 30, value(&mut next)),
            28..31 => Act::Pop(next(60) as i64 - 30),
            31..34 => Act::Put(next(60) as i64 - 30, value(&mut next)),
            34 => Act::Reverse,
            35..37 => Act::Extend((0..next(30)).map(|_| value(&mut next)).collect()),
            37 => Act::DeleteSlice(next(80) as i64 - 40, next(80) as i64 - 40, 1 + next(3) as i64),
            38 => {
                let values = (0..next(6)).map(|_| value(&mut next)).collect();
                Act::SetSlice(next(80) as i64 - 40, next(80) as i64 - 40, values)
            }
            _ => {
                if next(4) == 0 {
                    Act::ClearList
                } else {
                    Act::Reverse
                }
            }
        }
    }
}

fn seen(dict: &Dict, list: &List) -> Model {
    let (items, elements) = (dict.snapshot(mproc::What::Items).expect("items"), list.snapshot().expect("elements"));
    Model {
        dict: (0..items.len())
            .map(|i| (items.get(i).0.expect("key").to_vec(), items.get(i).1.expect("value").to_vec()))
            .collect(),
        list: (0..elements.len()).map(|i| elements.get(i).1.expect("value").to_vec()).collect(),
    }
}

/// Random operations by processes of which many die within them, against a model; `MPROC_RANDOM_SEED` sets the seed,
/// `MPROC_RANDOM_ROUNDS` how many hundreds of steps.
fn random() {
    let from = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number in the environment"))
    };
    let (first, hundreds) = (from("MPROC_RANDOM_SEED", 1), from("MPROC_RANDOM_ROUNDS", 40));
    let mut seed = first.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let root =
        Dict::create(&domain(), None, ContainerOptions { limit: 8 << 20, ..Default::default() }).expect("create").0;
    for key in ["dict", "list"] {
        root.set(&text(key), &if key == "dict" { new_dict() } else { new_list() }).expect("set");
    }
    let (dict, list) = (inner_dict(&root, "dict"), inner_list(&root, "list"));
    let (mut model, mut died) = (Model::default(), 0);
    for step in 0..hundreds * 100 {
        if step % 100 == 0 {
            // SAFETY: winds the engine's watchdog up.
            unsafe { libc::alarm(90) };
        }
        let act = Act::random(&mut seed);
        let mut after = model.clone();
        act.model(&mut after);
        let k = if seed % 3 == 0 { 0 } else { seed / 3 % 150 + 1 };
        let end = child(
            k,
            || drop(domain().me().expect("join")),
            || match act.run(&dict, &list) {
                Ok(()) | Err(Error::NotFound(_) | Error::Range { .. }) => {}
                Err(other) => panic!("{act:?}: {other}"),
            },
        );
        let now = seen(&dict, &list);
        let whole = now == after || (end == End::Died && now == model);
        assert!(whole, "seed {first}, step {step}: {act:?} at point {k} is neither done nor not done");
        root.arena().check().unwrap_or_else(|e| panic!("seed {first}, step {step}: {act:?} at point {k}: {e}"));
        died += u64::from(end == End::Died);
        model = now;
    }
    assert!(died > hundreds * 20, "only {died} processes died: is this a test?");
    assert!(root.arena().info().expect("info").rollbacks > 0, "nothing was ever taken back: is this a test?");
}
