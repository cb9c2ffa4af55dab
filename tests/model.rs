//! Random operations against a model from the standard library, in one process.
#![allow(missing_docs)]

use mproc::{
    wait_any, Array, ArrayOptions, Domain, DomainOptions, ElemType, Element, Error, FetchOp, Limits, Lock,
    ObjectOptions, On, Pipe, PipeOptions, Queue, QueueOptions, Semaphore, SemaphoreOptions, Value, ValueOptions, View,
};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::mem::MaybeUninit;

fn domain() -> Domain {
    Domain::open(&DomainOptions { anonymous: true, ..Default::default() }).expect("open")
}

#[derive(Debug, Clone)]
enum QueueOp {
    Put(Vec<u8>),
    PutMany(Vec<Vec<u8>>),
    Get,
    GetInto(usize),
    GetMany(usize, usize),
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => proptest::collection::vec(any::<u8>(), 0..200),
        1 => proptest::collection::vec(any::<u8>(), 4000..4100),
    ]
}

fn queue_op() -> impl Strategy<Value = QueueOp> {
    prop_oneof![
        message().prop_map(QueueOp::Put),
        proptest::collection::vec(message(), 0..6).prop_map(QueueOp::PutMany),
        Just(QueueOp::Get),
        (0usize..300).prop_map(QueueOp::GetInto),
        (0usize..2000, 1usize..6).prop_map(|(cap, max)| QueueOp::GetMany(cap, max)),
    ]
}

/// What the queue promises, over a std deque.
struct QueueModel {
    inside: VecDeque<Vec<u8>>,
    capacity: usize,
    max_items: usize,
}

impl QueueModel {
    fn bytes(m: &[u8]) -> usize {
        m.len().next_multiple_of(8) + 8
    }

    fn fits(&self, m: &[u8]) -> bool {
        let used: usize = self.inside.iter().map(|m| QueueModel::bytes(m)).sum();
        used + QueueModel::bytes(m) <= self.capacity && (self.max_items == 0 || self.inside.len() < self.max_items)
    }

    fn put(&mut self, m: &[u8]) -> Result<(), Error> {
        if m.len() > self.capacity - 8 {
            return Err(Error::TooBig { len: m.len(), max: self.capacity - 8 });
        }
        if !self.fits(m) {
            return Err(Error::TimedOut);
        }
        self.inside.push_back(m.to_vec());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn queue_is_a_bounded_fifo(max_items in 0u32..8, ops in proptest::collection::vec(queue_op(), 1..120)) {
        let options = QueueOptions { capacity_bytes: 4096, max_items, ..Default::default() };
        let (q, _) = Queue::create(&domain(), None, &options).expect("create");
        let mut model = QueueModel { inside: VecDeque::new(), capacity: 4096, max_items: max_items as usize };
        for op in ops {
            match op {
                QueueOp::Put(m) => prop_assert_eq!(q.put(&m, Limits::none()), model.put(&m)),
                QueueOp::PutMany(ms) => {
                    let (done, result) = q.put_many(ms.len(), |i| &ms[i], Limits::none());
                    if let Some(big) = ms.iter().find(|m| m.len() > 4088) {
                        prop_assert_eq!((done, result), (0, Err(Error::TooBig { len: big.len(), max: 4088 })));
                        continue;
                    }
                    let mut expected = Ok(());
                    let mut count = 0;
                    for m in &ms {
                        expected = model.put(m);
                        if expected.is_err() {
                            break;
                        }
                        count += 1;
                    }
                    prop_assert_eq!((done, result), (count, expected));
                }
                QueueOp::Get => {
                    prop_assert_eq!(q.get(Limits::none()), model.inside.pop_front().ok_or(Error::TimedOut));
                }
                QueueOp::GetInto(cap) => {
                    let mut buf = vec![MaybeUninit::new(0xEE); cap];
                    let got = q.get_into(&mut buf, Limits::none());
                    match model.inside.front() {
                        None => prop_assert_eq!(got, Err(Error::TimedOut)),
                        Some(m) if m.len() > cap => prop_assert_eq!(got, Err(Error::MessageSize { needed: m.len() })),
                        Some(m) => {
                            prop_assert_eq!(got, Ok(m.len()));
                            model.inside.pop_front();
                        }
                    }
                }
                QueueOp::GetMany(cap, max) => {
                    let mut buf = vec![MaybeUninit::new(0u8); cap];
                    let mut lens = vec![MaybeUninit::new(0usize); max];
                    let got = q.get_many_into(&mut buf, &mut lens, Limits::none());
                    let (mut count, mut end) = (0, 0);
                    while count < max && model.inside.get(count).is_some_and(|m| end + m.len() <= cap) {
                        end = (end + model.inside[count].len()).next_multiple_of(8);
                        count += 1;
                    }
                    match (count, model.inside.front()) {
                        (0, None) => prop_assert_eq!(got, Err(Error::TimedOut)),
                        (0, Some(m)) => prop_assert_eq!(got, Err(Error::MessageSize { needed: m.len() })),
                        _ => {
                            prop_assert_eq!(got, Ok(count));
                            model.inside.drain(..count);
                        }
                    }
                }
            }
            prop_assert_eq!(q.len(), model.inside.len());
            prop_assert_eq!(q.is_empty(), model.inside.is_empty());
            prop_assert_eq!(q.is_full(), !model.fits(&[]));
        }
        for m in model.inside {
            prop_assert_eq!(q.get(Limits::none()), Ok(m));
        }
    }

    #[test]
    fn scalar_slices_are_a_vec(ops in proptest::collection::vec((0usize..40, proptest::collection::vec(any::<u8>(), 0..40)), 1..40), width in 0usize..4) {
        let ty = [ElemType::U8, ElemType::I16, ElemType::F32, ElemType::U64][width];
        let size = 1 << width;
        let options = ArrayOptions { object: ObjectOptions::default(), element: Element::scalar(ty), shape: vec![5, 8], initial: &[] };
        let (a, _) = Array::create(&domain(), None, &options).expect("create");
        let mut model = vec![0u8; 40 * size];
        for (start, bytes) in ops {
            let count = bytes.len() / size;
            let bytes = &bytes[..count * size];
            let result = a.write(start, count, bytes);
            if start + count <= 40 {
                prop_assert_eq!(result, Ok(()));
                model[start * size..(start + count) * size].copy_from_slice(bytes);
                prop_assert_eq!(a.read(start, count).unwrap(), bytes);
            } else {
                prop_assert_eq!(result, Err(Error::Range { index: start + count, len: 40 }));
            }
        }
        prop_assert_eq!(a.read(0, 40).unwrap(), model);
    }

    #[test]
    fn indices_are_row_major(shape in proptest::collection::vec(1usize..5, 1..=8), at in proptest::collection::vec(0usize..6, 1..=8)) {
        let element = Element::scalar(ElemType::U8);
        let options = ArrayOptions { object: ObjectOptions::default(), element, shape: shape.clone(), initial: &[] };
        let (a, _) = Array::create(&domain(), None, &options).expect("create");
        prop_assert_eq!(a.len(), shape.iter().product::<usize>());
        let got = a.index(&at);
        if at.len() != shape.len() {
            prop_assert_eq!(got, Err(Error::Range { index: at.len(), len: shape.len() }));
        } else if let Some((&index, &len)) = at.iter().zip(&shape).find(|(i, n)| i >= n) {
            prop_assert_eq!(got, Err(Error::Range { index, len }));
        } else {
            let flat = (0..at.len()).map(|d| at[d] * shape[d + 1..].iter().product::<usize>()).sum();
            prop_assert_eq!(got, Ok(flat));
        }
    }

    #[test]
    fn integers_are_those_of_the_language(start: i64, ops in proptest::collection::vec((0usize..7, any::<i64>()), 1..30), which in 0usize..8) {
        const OPS: [FetchOp; 7] = [FetchOp::Add, FetchOp::Sub, FetchOp::Min, FetchOp::Max, FetchOp::And, FetchOp::Or, FetchOp::Xor];
        macro_rules! check {
            ($t:ty, $ty:expr) => {{
                let element = Element::scalar($ty);
                let options = ValueOptions { object: ObjectOptions::default(), element, initial: None };
                let (v, _) = Value::create(&domain(), None, &options).expect("create");
                v.set_i64(start).unwrap();
                let mut model = start as $t;
                for (op, operand) in ops {
                    let x = operand as $t;
                    prop_assert_eq!(v.fetch_i64(OPS[op], operand).unwrap(), model as i64);
                    model = match OPS[op] {
                        FetchOp::Add => model.wrapping_add(x),
                        FetchOp::Sub => model.wrapping_sub(x),
                        FetchOp::Min => model.min(x),
                        FetchOp::Max => model.max(x),
                        FetchOp::And => model & x,
                        FetchOp::Or => model | x,
                        FetchOp::Xor => model ^ x,
                    };
                    prop_assert_eq!(v.get_i64().unwrap(), model as i64);
                    prop_assert_eq!(v.load().unwrap(), model.to_ne_bytes().to_vec());
                }
            }};
        }
        match which {
            0 => check!(i8, ElemType::I8),
            1 => check!(u8, ElemType::U8),
            2 => check!(i16, ElemType::I16),
            3 => check!(u16, ElemType::U16),
            4 => check!(i32, ElemType::I32),
            5 => check!(u32, ElemType::U32),
            6 => check!(i64, ElemType::I64),
            _ => check!(u64, ElemType::U64),
        }
    }
}

#[derive(Debug, Clone)]
enum ChannelOp {
    Put(usize),
    Get,
    Reserve(usize),
    Commit,
    Abort,
    Hold,
    Release,
    PutBack,
    Shutdown(bool),
    Send(bool, usize),
    Recv(bool),
    Lock,
    Unlock,
    Acquire,
    Permit,
}

fn channel_op() -> impl Strategy<Value = ChannelOp> {
    let len = || prop_oneof![6 => 0usize..300, 2 => 1500usize..2500, 1 => 4000usize..4080];
    prop_oneof![
        6 => len().prop_map(ChannelOp::Put),
        6 => Just(ChannelOp::Get),
        3 => len().prop_map(ChannelOp::Reserve),
        2 => Just(ChannelOp::Commit),
        1 => Just(ChannelOp::Abort),
        3 => Just(ChannelOp::Hold),
        2 => Just(ChannelOp::Release),
        1 => Just(ChannelOp::PutBack),
        1 => any::<bool>().prop_map(ChannelOp::Shutdown),
        4 => (any::<bool>(), len()).prop_map(|(end, len)| ChannelOp::Send(end, len)),
        4 => any::<bool>().prop_map(ChannelOp::Recv),
        1 => Just(ChannelOp::Lock),
        1 => Just(ChannelOp::Unlock),
        1 => Just(ChannelOp::Acquire),
        1 => Just(ChannelOp::Permit),
    ]
}

/// Whether a descriptor is readable now.
#[allow(unsafe_code)]
fn is_readable(fd: i32) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid entry.
    unsafe { libc::poll(&mut poll, 1, 0) == 1 }
}

/// Whether a try did what it should, or said something else than "not now".
fn at_once<T>(result: &Result<T, Error>) -> bool {
    !matches!(result, Err(Error::TimedOut))
}

const LENS: [usize; 3] = [0, 1000, 4000];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is said to be ready is what a try finds, in every state; and a descriptor that is not readable means that there
    /// is nothing.
    #[test]
    fn ready_is_what_a_try_finds(max_items in 0u32..4, shutdown: bool, ops in proptest::collection::vec(channel_op(), 1..60)) {
        let (domain, none) = (domain(), Limits::none());
        let options = QueueOptions { capacity_bytes: 4096, max_items, pollable: true, ..Default::default() };
        let queue = Queue::create(&domain, None, &options).expect("create").0;
        let options = PipeOptions { capacity_bytes: 4096, pollable: true, ..Default::default() };
        let ends = Pipe::create(&domain, None, &options, [true, true]).expect("create").0.map(|end| end.expect("both"));
        let lock = Lock::create(&domain, None, ObjectOptions::default()).expect("create").0;
        let semaphore = Semaphore::create(&domain, None, SemaphoreOptions { initial: 1, ..Default::default() }).expect("create").0;
        let fds = [
            queue.readable_fd().expect("fd"), queue.writable_fd().expect("fd"),
            ends[0].readable_fd().expect("fd"), ends[1].readable_fd().expect("fd"), ends[0].writable_fd().expect("fd"),
        ];
        let (mut claims, mut holds): (Vec<View>, Vec<View>) = (Vec::new(), Vec::new());
        for op in ops {
            // Whether it works is not the point here.
            match op {
                ChannelOp::Put(len) => drop(queue.put(&vec![1; len], none)),
                ChannelOp::Get => drop(queue.get(none)),
                ChannelOp::Reserve(len) => claims.extend(queue.reserve(len, none)),
                ChannelOp::Commit => drop(claims.pop().map(|v| queue.commit(v.id(), v.len().min(9)))),
                ChannelOp::Abort => drop(claims.pop().map(|v| queue.abort(v.id()))),
                ChannelOp::Hold => holds.extend(queue.peek(none)),
                ChannelOp::Release => drop(holds.pop().map(|v| queue.release(v.id()))),
                ChannelOp::PutBack => drop(holds.pop().map(|v| queue.put_back(v.id()))),
                ChannelOp::Shutdown(now) => if shutdown { queue.shutdown(now).expect("shutdown") },
                ChannelOp::Send(end, len) => drop(ends[usize::from(end)].send(&vec![2; len], none)),
                ChannelOp::Recv(end) => drop(ends[usize::from(end)].recv(none)),
                ChannelOp::Lock => drop(lock.lock(none)),
                ChannelOp::Unlock => drop(lock.unlock()),
                ChannelOp::Acquire => drop(semaphore.acquire(none)),
                ChannelOp::Permit => semaphore.release(1).expect("release"),
            }
            let mut on = vec![
                On::QueueReadable(&queue), On::PipeReadable(&ends[0]), On::PipeReadable(&ends[1]),
                On::Lock(&lock), On::Semaphore(&semaphore),
            ];
            for len in LENS {
                on.extend([On::QueueWritable(&queue, len), On::PipeWritable(&ends[0], len), On::PipeWritable(&ends[1], len)]);
            }
            let together = wait_any(&on, none).unwrap_or_default();
            for (index, on) in on.iter().enumerate() {
                // Right before the try: one that reserves and gives up leaves something behind.
                let ready = at_once(&wait_any(std::slice::from_ref(on), none));
                prop_assert!(index > 4 || ready == together.contains(&index));
                let heard = fds.map(is_readable);
                let (now, fd) = match *on {
                    On::QueueReadable(queue) => {
                        let held = queue.peek(none);
                        let now = at_once(&held);
                        held.into_iter().for_each(|v| queue.put_back(v.id()).expect("back"));
                        (now, Some(0))
                    }
                    On::PipeReadable(end) => (at_once(&end.poll(none)), Some(index + 1)),
                    On::Lock(lock) => {
                        let held = lock.lock(none);
                        held.iter().for_each(|_| lock.unlock().expect("unlock"));
                        (at_once(&held), None)
                    }
                    On::Semaphore(semaphore) => {
                        let held = semaphore.acquire(none);
                        held.iter().for_each(|_| semaphore.release(1).expect("release"));
                        (at_once(&held), None)
                    }
                    On::QueueWritable(queue, len) => {
                        let room = queue.reserve(len, none);
                        let now = at_once(&room);
                        room.into_iter().for_each(|v| queue.abort(v.id()).expect("abort"));
                        // Rung for whatever room there is, but quiet since the longest did not fit.
                        (now, (len == 4000).then_some(1))
                    }
                    On::PipeWritable(end, len) => {
                        let room = end.reserve(len, none);
                        let now = at_once(&room);
                        room.into_iter().for_each(|v| end.abort(v.id()).expect("abort"));
                        (now, (len == 4000 && std::ptr::eq(end, &ends[0])).then_some(4))
                    }
                    _ => unreachable!("not waited for here"),
                };
                prop_assert_eq!(ready, now, "thing {}", index);
                if let Some(fd) = fd {
                    prop_assert!(heard[fd] || !now, "quiet, but there is something: {}", index);
                }
            }
        }
    }
}
