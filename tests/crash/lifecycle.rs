//! Creating, opening, closing, unlinking, sweeping, and the domain itself.

use crate::engine::{child, directory, domain, every_point, member, soon, End};
use crate::Test;
use mproc::{
    Array, ArrayOptions, Domain, DomainOptions, ElemType, Element, Error, Lock, ObjectOptions, Queue, QueueOptions,
    Value, ValueOptions,
};

pub const TESTS: &[Test] = &[
    ("create_appears_whole", create_appears_whole),
    ("create_leaves_nothing", create_leaves_nothing),
    ("create_over_leftover", create_over_leftover),
    ("open_dies", open_dies),
    ("close_dies", close_dies),
    ("unlink_dies", unlink_dies),
    ("sweep_dies", sweep_dies),
    ("domain_creation_dies", domain_creation_dies),
    ("domain_removal_dies", domain_removal_dies),
    ("anonymous_domain", anonymous_domain),
];

const NAME: &str = "object";

fn names() -> Vec<String> {
    let dir = std::fs::read_dir(directory()).expect("list the domain");
    dir.filter_map(|e| e.ok()?.file_name().into_string().ok()).filter(|n| !n.starts_with('.')).collect()
}

fn object(persist: bool) -> ObjectOptions {
    ObjectOptions { persist, ..Default::default() }
}

/// Something that creates an object of each kind, and something that opens it and checks its content.
type Kind = (fn(bool), fn() -> mproc::Result<()>);

const KINDS: [Kind; 5] = [
    (
        |p| drop(Lock::create(&domain(), Some(NAME), object(p)).expect("create")),
        || {
            let lock = Lock::open(&domain(), NAME, object(false))?;
            lock.lock(soon()).and(lock.unlock())
        },
    ),
    (
        |p| {
            let element = Element::scalar(ElemType::I64);
            let options = ValueOptions { object: object(p), element, initial: Some(&[9; 8]) };
            drop(Value::create(&domain(), Some(NAME), &options).expect("create"));
        },
        || {
            let value = Value::open(&domain(), NAME, object(false), None)?;
            assert_eq!(value.load()?, [9; 8], "opened before it was initialised");
            Ok(())
        },
    ),
    (
        |p| {
            let element = Element::structure(100, 4, 7).expect("element");
            let options = ValueOptions { object: object(p), element, initial: Some(&[9; 100]) };
            drop(Value::create(&domain(), Some(NAME), &options).expect("create"));
        },
        || {
            let value = Value::open(&domain(), NAME, object(false), None)?;
            assert_eq!(value.load()?, [9; 100], "opened before it was initialised");
            Ok(())
        },
    ),
    (
        |p| {
            let element = Element::scalar(ElemType::I32);
            let options = ArrayOptions { object: object(p), element, shape: vec![10, 10], initial: &[9; 400] };
            drop(Array::create(&domain(), Some(NAME), &options).expect("create"));
        },
        || {
            let array = Array::open(&domain(), NAME, object(false), None, None)?;
            assert_eq!(array.read(0, 100)?, [9; 400], "opened before it was initialised");
            Ok(())
        },
    ),
    (
        |p| {
            let options = QueueOptions { object: object(p), capacity_bytes: 4096, max_items: 5, ..Default::default() };
            drop(Queue::create(&domain(), Some(NAME), &options).expect("create"));
        },
        || {
            let queue = Queue::open(&domain(), NAME, &QueueOptions { max_items: 5, ..Default::default() })?;
            queue.put(b"x", soon())?;
            assert_eq!(queue.get(soon())?, b"x");
            Ok(())
        },
    ),
];

/// A persistent object's creator dies: the name leads to a whole object, or is not there.
fn create_appears_whole() {
    for (create, open_and_check) in KINDS {
        every_point(
            || (),
            |()| create(true),
            |(), end| {
                match open_and_check() {
                    Ok(()) => domain().unlink(NAME).expect("unlink"),
                    Err(Error::NotFound(_)) => assert_eq!(end, End::Died),
                    Err(e) => panic!("half made: {e}"),
                }
                assert_eq!(names(), Vec::<String>::new());
            },
        );
    }
}

/// A creator dies and nobody else uses the object: whoever looks next finds nothing, and nothing stays.
fn create_leaves_nothing() {
    for (create, open_and_check) in KINDS {
        every_point(
            || (),
            |()| create(false),
            |(), _| {
                assert!(matches!(open_and_check(), Err(Error::NotFound(_))));
                assert_eq!(names(), Vec::<String>::new());
            },
        );
    }
}

/// The name is taken by what a dead process left behind: it is swept on the way, at every point.
fn create_over_leftover() {
    let (create, _) = KINDS[1];
    every_point(
        || {
            let end = child(
                0,
                || (),
                || {
                    let options = QueueOptions::default();
                    std::mem::forget(Queue::create(&domain(), Some(NAME), &options).expect("create"));
                },
            );
            assert_eq!(end, End::Returned);
            assert_eq!(names(), [NAME], "a leftover was expected");
        },
        |()| create(false),
        |(), _| {
            domain().sweep().expect("sweep");
            assert_eq!(names(), Vec::<String>::new());
        },
    );
}

fn named_queue() -> Queue {
    let q = Queue::create(&domain(), Some(NAME), &QueueOptions::default()).expect("create").0;
    q.put(b"kept", soon()).expect("put");
    q
}

/// Whoever dies while opening or closing takes nothing from those who use the object.
fn still_there(q: &Queue) {
    domain().sweep().expect("sweep");
    assert_eq!(names(), [NAME], "somebody else's exit removed a live object");
    let again = Queue::open(&domain(), NAME, &QueueOptions::default()).expect("open");
    assert_eq!(again.get(soon()).expect("get"), b"kept");
    q.put(b"kept", soon()).expect("put");
}

fn open_dies() {
    let open = || std::mem::forget(Queue::open(&domain(), NAME, &QueueOptions::default()).expect("open"));
    let q = named_queue();
    every_point(|| (), |()| open(), |(), _| still_there(&q));
    drop(q);
    assert_eq!(names(), Vec::<String>::new(), "the last user's close leaves nothing");
}

fn close_dies() {
    let q = named_queue();
    every_point(
        || (),
        |()| drop(Queue::open(&domain(), NAME, &QueueOptions::default()).expect("open")),
        |(), _| still_there(&q),
    );
    drop(q);
    // The last user dies while closing.
    every_point(
        || (),
        |()| drop(named_queue()),
        |(), _| {
            domain().sweep().expect("sweep");
            assert_eq!(names(), Vec::<String>::new());
        },
    );
}

fn unlink_dies() {
    every_point(
        || {
            let q = Queue::create(&domain(), Some(NAME), &QueueOptions { object: object(true), ..Default::default() });
            q.expect("create").0
        },
        |_| domain().unlink(NAME).expect("unlink"),
        |q, end| {
            let there = names() == [NAME];
            assert!(!there || end == End::Died);
            q.put(b"works", soon()).expect("an unlinked object works on");
            assert_eq!(q.get(soon()).expect("get"), b"works");
            if there {
                domain().unlink(NAME).expect("unlink again");
            }
            assert_eq!(domain().unlink(NAME), Err(Error::NotFound("the object")));
        },
    );
}

fn sweep_dies() {
    every_point(
        || {
            // Two leftovers, and one that is used.
            member(0, || {
                for name in ["left-1", "left-2"] {
                    std::mem::forget(Lock::create(&domain(), Some(name), object(false)).expect("create"));
                }
            });
            named_queue()
        },
        |_| drop(domain().sweep().expect("sweep")),
        |q, _| {
            still_there(q);
            assert_eq!(names(), [NAME]);
        },
    );
}

fn domain_creation_dies() {
    let path = directory().with_extension("new");
    let open = || Domain::open(&DomainOptions::at(&path));
    for k in 1.. {
        let end = child(k, || (), || drop(open().expect("open")));
        let d = open().expect("a half-made domain is in the way");
        let (lock, _) = Lock::create(&d, Some("works"), object(false)).expect("create");
        lock.lock(soon()).and(lock.unlock()).expect("lock");
        drop((lock, d));
        Domain::remove(&path).expect("remove");
        assert!(!path.exists());
        if end == End::Returned {
            break;
        }
    }
}

fn domain_removal_dies() {
    let path = directory().with_extension("old");
    for k in 1.. {
        let d = Domain::open(&DomainOptions::at(&path)).expect("open");
        drop(Lock::create(&d, Some("persistent"), object(true)).expect("create"));
        child(0, || (), || assert_eq!(Domain::remove(&path), Err(Error::Busy), "removed under a member"));
        drop(d);
        let end = child(k, || (), || Domain::remove(&path).expect("remove"));
        let d = Domain::open(&DomainOptions::at(&path)).expect("open after a removal that died");
        let (lock, _) = Lock::create(&d, Some("works"), object(false)).expect("create");
        lock.lock(soon()).and(lock.unlock()).expect("lock");
        drop((lock, d));
        Domain::remove(&path).expect("remove");
        assert!(!path.exists());
        if end == End::Returned {
            break;
        }
    }
}

/// A domain without a directory: shared with forked children, which die at every point of joining it.
fn anonymous_domain() {
    let d = Domain::open(&DomainOptions { anonymous: true, ..Default::default() }).expect("open");
    let (q, _) = Queue::create(&d, None, &QueueOptions::default()).expect("create");
    for k in 1.. {
        let end = child(k, || (), || q.put(b"from the child", soon()).expect("put"));
        match q.get(mproc::Limits::none()) {
            Ok(m) => assert_eq!(m, b"from the child"),
            Err(Error::TimedOut) => assert_eq!(end, End::Died),
            Err(e) => panic!("{e}"),
        }
        if end == End::Returned {
            break;
        }
    }
    assert!(matches!(Lock::create(&d, Some("name"), object(false)), Err(Error::NotSupported(_))));
}
