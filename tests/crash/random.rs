//! Random operations in one to three processes that die at random points. At the end nothing that was committed is
//! lost, nothing came twice, nothing was torn, nobody has anything any more, and the whole room is back.
//!
//! Every choice follows from the round's seed, which a failure names; with several children the scheduler has its
//! part, too. `MPROC_RANDOM_SEED` sets the first seed, `MPROC_RANDOM_ROUNDS` how many follow, for each test.

use crate::engine::{count_deaths, directory, domain, soon};
use crate::inplace::{read, write};
use crate::Test;
use mproc::sys::crash;
use mproc::{Error, Limits, Pipe, PipeOptions, Queue, QueueOptions, Result, View};
use std::fs::OpenOptions;
use std::mem::MaybeUninit;
use std::os::unix::fs::FileExt;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

pub const TESTS: &[Test] = &[
    ("random_queue", || rounds(Kind::Queue)),
    ("random_joinable", || rounds(Kind::Joinable)),
    ("random_lease", || rounds(Kind::Lease)),
    ("random_pipe", || rounds(Kind::Pipe)),
    ("random_exclusive_pipe", || rounds(Kind::ExclusivePipe)),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Queue,
    Joinable,
    Lease,
    Pipe,
    ExclusivePipe,
}

/// Rounds of each test, and their first seed, unless the environment says otherwise.
const ROUNDS: u64 = 50;
const FIRST_SEED: u64 = 1;

/// The smallest ring there is, so that it is often full, and records often go around its end.
const CAPACITY: u64 = 4096;
/// More than a round's children put.
const MESSAGES: usize = 512;
const CHILDREN: usize = 3;
/// Most messages that a child holds, and most reservations that it has open.
const OPEN: usize = 4;

/// Nothing here takes longer, however slow the machine.
const CHILD_SECONDS: u32 = 30;
const ROUND_SECONDS: u32 = 90;

fn rounds(kind: Kind) {
    let log = Log::map();
    let first = from_environment("MPROC_RANDOM_SEED", FIRST_SEED);
    let count = from_environment("MPROC_RANDOM_ROUNDS", ROUNDS);
    assert!(count > 0, "no rounds");
    let mut messages = 0;
    for seed in first..first + count {
        // SAFETY: winds the engine's watchdog up, which guards one round at a time here.
        unsafe { libc::alarm(ROUND_SECONDS) };
        log.clear();
        match catch_unwind(AssertUnwindSafe(|| round(kind, seed, log))) {
            Ok(died) => count_deaths(died as u64),
            Err(_) => panic!("the round of MPROC_RANDOM_SEED={seed} MPROC_RANDOM_ROUNDS=1"),
        }
        messages += log.next.load(SeqCst);
    }
    println!("{count} rounds from seed {first}: {messages} messages");
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: not a number")))
}

/// Returns how many children died.
fn round(kind: Kind, seed: u64, log: &'static Log) -> usize {
    let mut random = Random(seed ^ (kind as u64) << 56);
    let name = format!("random-{seed}");
    let max_items = if random.one_in(3) { 1 + random.below(6) as u32 } else { 0 };
    let mut channel = Channel::create(kind, &name, max_items, &mut random);
    if random.one_in(2) {
        channel.move_to_the_end_of_numbers(&name, &mut random);
    }
    for _ in 0..random.below(6) {
        channel.pass_through(random.below(channel.most()));
    }
    let longest = random.pick(&[20, 200, 1500, 3900]);
    let sides = match kind {
        Kind::ExclusivePipe => &[Side::Sender, Side::Receiver][..],
        _ => &[Side::Both; CHILDREN][..1 + random.below(CHILDREN)],
    };
    let pids: Vec<_> = sides
        .iter()
        .enumerate()
        .map(|(number, &side)| {
            let (own, dies_at) = (Random(random.next()), 1 + random.below(400) as u64);
            let child =
                Child { channel: &channel, log, number, side, longest, random: own, claims: vec![], holds: vec![] };
            child.fork(dies_at)
        })
        .collect();
    // All of them first: a failure must not leave any behind.
    let statuses = pids.into_iter().map(wait).collect::<Vec<_>>();
    let deaths = statuses.into_iter().filter(|&status| has_died(status)).count();

    let ends = random.one_in(2);
    if ends {
        channel.end();
    }
    channel.drain(log, ends);
    log.check();
    channel.check_empty();
    if !ends {
        channel.check_room(max_items);
    }
    deaths
}

fn wait(pid: libc::pid_t) -> libc::c_int {
    let mut status = 0;
    // SAFETY: a valid output; our own child.
    let waited = unsafe { libc::waitpid(pid, &mut status, 0) };
    assert_eq!(waited, pid);
    status
}

fn has_died(status: libc::c_int) -> bool {
    if libc::WIFSIGNALED(status) {
        let signal = libc::WTERMSIG(status);
        assert_ne!(signal, libc::SIGALRM, "a child hangs");
        assert_eq!(signal, libc::SIGKILL, "a child crashed by itself");
        return true;
    }
    assert_eq!(libc::WEXITSTATUS(status), 0, "a child's operation failed");
    false
}

/// The generator splitmix64: any seed will do, also 1, 2, 3.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Mostly an attempt only.
    fn limits(&mut self) -> Limits<'static> {
        if self.one_in(8) {
            Limits::within(Duration::from_millis(self.below(4) as u64))
        } else {
            Limits::none()
        }
    }
}

/// Message `id` of `len` bytes: both numbers, and then what stands in no other message or place.
fn message(id: usize, len: usize) -> Vec<u8> {
    let mut bytes = [(id as u16).to_ne_bytes(), (len as u16).to_ne_bytes()].concat();
    bytes.extend((SHORTEST..len).map(|i| (id * 31 + i) as u8));
    bytes
}

/// Bytes of the two numbers.
const SHORTEST: usize = 4;

/// The message's number; it must be whole.
fn identify(bytes: &[u8]) -> usize {
    let head: [u8; 2] = bytes.get(..2).and_then(|b| b.try_into().ok()).expect("no message is that short");
    let id = usize::from(u16::from_ne_bytes(head));
    assert!(id < MESSAGES && bytes == message(id, bytes.len()), "garbage: {bytes:?}");
    id
}

// What became of a message on its way in.
const NOT_SENT: u32 = 0;
/// Its sender is sending it, or has died of that.
const IN_DOUBT: u32 = 1;
const SENT: u32 = 2;

/// What happened, in memory shared with all children. They die in the library's operations only, so what they note
/// after an operation is noted if it has returned.
struct Log {
    /// The next message's number.
    next: AtomicU32,
    sent: [AtomicU32; MESSAGES],
    /// How often a message was taken for good.
    taken: [AtomicU32; MESSAGES],
    /// Its holder is releasing it, or has died of that.
    releasing: [AtomicU32; MESSAGES],
    /// The child is taking a message without holding it, or has died of that.
    getting: [AtomicU32; CHILDREN],
}

impl Log {
    fn map() -> &'static Log {
        // SAFETY: a new mapping of that size, aligned to a page; zeros are a Log; it stays.
        unsafe {
            let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
            let at = libc::mmap(std::ptr::null_mut(), size_of::<Log>(), access, flags, -1, 0);
            assert_ne!(at, libc::MAP_FAILED);
            &*at.cast::<Log>()
        }
    }

    fn clear(&self) {
        let all = [&self.sent[..], &self.taken, &self.releasing, &self.getting].into_iter().flatten();
        all.chain([&self.next]).for_each(|word| word.store(0, SeqCst));
    }

    fn new_message(&self) -> usize {
        self.next.fetch_add(1, SeqCst) as usize
    }

    fn check(&self) {
        let is = |words: &[AtomicU32; MESSAGES], id: usize| words[id].load(SeqCst);
        let those = |what: &dyn Fn(usize) -> bool| (0..MESSAGES).filter(|&id| what(id)).collect::<Vec<_>>();
        let invented = those(&|id| is(&self.sent, id) == NOT_SENT && is(&self.taken, id) > 0);
        assert!(invented.is_empty(), "taken, and never sent: {invented:?}");
        let twice = those(&|id| is(&self.taken, id) > 1);
        assert!(twice.is_empty(), "taken more than once: {twice:?}");
        let lost = those(&|id| is(&self.sent, id) == SENT && is(&self.taken, id) + is(&self.releasing, id) == 0);
        // What a dead child was taking.
        let allowed: u32 = self.getting.iter().map(|word| word.load(SeqCst)).sum();
        assert!(lost.len() <= allowed as usize, "lost: {lost:?}, and only {allowed} can have been in flight");
    }
}

/// What the messages go through.
#[allow(clippy::large_enum_variant)] // there is one at a time
enum Channel {
    Queue { queue: Queue, joinable: bool, lease: bool },
    Pipe { to: Option<Pipe>, from: Pipe },
}

impl Channel {
    fn create(kind: Kind, name: &str, max_items: u32, random: &mut Random) -> Channel {
        let domain = domain();
        if let Kind::Pipe | Kind::ExclusivePipe = kind {
            let exclusive = kind == Kind::ExclusivePipe;
            let options = PipeOptions { capacity_bytes: CAPACITY, exclusive, ..Default::default() };
            return match Pipe::create(&domain, Some(name), &options, [true, true]).expect("create").0 {
                [Some(from), to] => Channel::Pipe { to, from },
                _ => panic!("an end is missing"),
            };
        }
        let lease = kind == Kind::Lease;
        let joinable = kind == Kind::Joinable || lease && random.one_in(2);
        let options = QueueOptions { capacity_bytes: CAPACITY, max_items, lease, joinable, ..Default::default() };
        let (queue, _) = Queue::create(&domain, Some(name), &options).expect("create");
        Channel::Queue { queue, joinable, lease }
    }

    /// Lets the ring begin shortly before positions and counts start again at 0: they are the low and the high half of
    /// each of these words, and wrap around at 2^32, which takes 32 GiB of messages to come to.
    fn move_to_the_end_of_numbers(&self, name: &str, random: &mut Random) {
        const HEAD_SEEN: u64 = 8;
        const TAIL: u64 = 128;
        const SENDING: u64 = 144;
        const TAIL_SEEN: u64 = 264;
        const HEAD: u64 = 384;
        // Behind the header; in a pipe behind two lines for each end, too, and then the ring to end 0 comes first.
        let words = match self {
            Channel::Queue { .. } => 512,
            Channel::Pipe { .. } => 512 + 256,
        };
        // So near that many rounds get there.
        let (position, count) =
            (0u32.wrapping_sub(random.below(700) as u32), 0u32.wrapping_sub(random.below(30) as u32));
        let mark = |position: u32, count: u32| (u64::from(position) | u64::from(count) << 32).to_ne_bytes();
        let file = OpenOptions::new().read(true).write(true).open(directory().join(name)).expect("open the ring");
        for at in [HEAD_SEEN, TAIL, SENDING, TAIL_SEEN, HEAD] {
            file.write_all_at(&mark(position, count), words + at).expect("write the ring's words");
        }
        // If these are not the ring's words any more: one message, of two units, must have moved the tail.
        self.pass_through(8);
        let mut tail = [0; 8];
        file.read_exact_at(&mut tail, words + TAIL).expect("read the tail");
        assert_eq!(tail, mark(position.wrapping_add(2), count.wrapping_add(1)), "the ring did not begin there");
    }

    fn most(&self) -> usize {
        let most = match self {
            Channel::Queue { queue, .. } => queue.info().expect("info").max_message,
            Channel::Pipe { from, .. } => from.info().expect("info").max_message,
        };
        most as usize
    }

    fn send_end(&self) -> &Pipe {
        match self {
            Channel::Pipe { to: Some(to), .. } => to,
            _ => panic!("no end to send to"),
        }
    }

    fn put(&self, bytes: &[u8], limits: Limits) -> Result<()> {
        match self {
            Channel::Queue { queue, .. } => queue.put(bytes, limits),
            Channel::Pipe { .. } => self.send_end().send(bytes, limits),
        }
    }

    fn reserve(&self, len: usize, limits: Limits) -> Result<View> {
        match self {
            Channel::Queue { queue, .. } => queue.reserve(len, limits),
            Channel::Pipe { .. } => self.send_end().reserve(len, limits),
        }
    }

    fn commit(&self, id: u64, len: usize) -> Result<()> {
        match self {
            Channel::Queue { queue, .. } => queue.commit(id, len),
            Channel::Pipe { .. } => self.send_end().commit(id, len),
        }
    }

    fn abort(&self, id: u64) -> Result<()> {
        match self {
            Channel::Queue { queue, .. } => queue.abort(id),
            Channel::Pipe { .. } => self.send_end().abort(id),
        }
    }

    fn get(&self, limits: Limits) -> Result<Vec<u8>> {
        match self {
            Channel::Queue { queue, .. } => queue.get(limits),
            Channel::Pipe { from, .. } => from.recv(limits),
        }
    }

    /// Takes a message and keeps it where it is; under a lease if the queue wants that.
    fn hold(&self, limits: Limits) -> Result<View> {
        match self {
            Channel::Queue { queue, lease: true, .. } => {
                let mut copy = [MaybeUninit::uninit(); CAPACITY as usize];
                queue.lease_into(&mut copy, limits)
            }
            Channel::Queue { queue, .. } => queue.peek(limits),
            Channel::Pipe { from, .. } => from.peek(limits),
        }
    }

    fn release(&self, id: u64) -> Result<()> {
        match self {
            Channel::Queue { queue, .. } => queue.release(id),
            Channel::Pipe { from, .. } => from.release(id),
        }
    }

    fn put_back(&self, id: u64) -> Result<()> {
        match self {
            Channel::Queue { queue, .. } => queue.put_back(id),
            Channel::Pipe { from, .. } => from.put_back(id),
        }
    }

    /// A message of so many bytes goes in and comes out.
    fn pass_through(&self, len: usize) {
        self.put(&vec![0x55; len], soon()).expect("put");
        let view = self.hold(soon()).expect("take");
        assert!(read(view) == vec![0x55; len], "another message came out");
        self.release(view.id()).expect("release");
    }

    /// There will be no more messages.
    fn end(&mut self) {
        match self {
            Channel::Queue { queue, .. } => queue.shutdown(false).expect("shut down"),
            Channel::Pipe { to, .. } => drop(to.take()),
        }
    }

    /// Takes everything that the dead children have left; of what has `ended`, up to its end.
    fn drain(&self, log: &Log, ended: bool) {
        // Whoever waits so long looks for the dead in its next attempt. So two failures in a row mean that no
        // message is there, and none comes back.
        let a_while = Limits::within(Duration::from_millis(15));
        let mut failures = 0;
        while failures < 2 {
            match self.hold(if ended { soon() } else { a_while }) {
                Ok(view) => {
                    log.taken[identify(&read(view))].fetch_add(1, SeqCst);
                    self.release(view.id()).expect("release");
                    failures = 0;
                }
                Err(Error::Closed | Error::EndOfFile) if ended => break,
                Err(Error::TimedOut) if !ended => failures += 1,
                Err(e) => panic!("drain: {e}"),
            }
        }
    }

    fn check_empty(&self) {
        match self {
            Channel::Queue { queue, joinable, lease } => {
                let info = queue.info().expect("info");
                let inside = (info.items, info.used_bytes, info.held, info.reserved, info.unfinished);
                assert_eq!(inside, (0, 0, 0, 0, 0), "items, bytes, held, reserved, unfinished");
                if *joinable || *lease {
                    queue.join(soon()).expect("join");
                }
            }
            Channel::Pipe { from, .. } => assert_eq!(from.info().expect("info").incoming, 0),
        }
    }

    /// There is room for the longest message, and for as many as are allowed.
    fn check_room(&self, max_items: u32) {
        self.pass_through(self.most());
        if let Channel::Queue { queue, .. } = self {
            (0..max_items).for_each(|_| queue.put(b"one", soon()).expect("room for another item"));
            assert!(max_items == 0 || queue.is_full(), "more room than there ever was");
        }
    }
}

/// Which operations a child does.
#[derive(Clone, Copy)]
enum Side {
    Both,
    Sender,
    Receiver,
}

struct Child<'a> {
    channel: &'a Channel,
    log: &'static Log,
    number: usize,
    side: Side,
    /// About the most bytes of a message.
    longest: usize,
    random: Random,
    claims: Vec<View>,
    /// With the number of the message.
    holds: Vec<(View, usize)>,
}

impl Child<'_> {
    /// Works in a forked process, which dies at a crash point, or ends with whatever it has open.
    fn fork(mut self, dies_at: u64) -> libc::pid_t {
        // SAFETY: this program has one thread, so the child may do anything.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork failed");
        if pid > 0 {
            return pid;
        }
        // SAFETY: a deadly signal instead of the engine's report, which the parent makes.
        unsafe {
            libc::signal(libc::SIGALRM, libc::SIG_DFL);
            libc::alarm(CHILD_SECONDS);
        }
        let result = catch_unwind(AssertUnwindSafe(|| {
            domain().me().expect("join");
            crash::arm(dies_at);
            (0..10 + self.random.below(80)).for_each(|_| self.operation());
            crash::arm(0);
        }));
        // SAFETY: ends this process without running the parent's destructors.
        unsafe { libc::_exit(if result.is_ok() { 0 } else { 1 }) };
    }

    fn operation(&mut self) {
        let choice = match self.side {
            Side::Both => self.random.below(9),
            Side::Sender => self.random.below(5),
            Side::Receiver => 5 + self.random.below(4),
        };
        match choice {
            0 | 1 => self.put(),
            2 => self.reserve(),
            3 => self.commit(),
            4 => self.abort(),
            5 => self.get(),
            6 => self.hold(),
            7 => self.release(),
            _ => self.put_back(),
        }
    }

    fn length(&mut self) -> usize {
        SHORTEST + self.random.below(self.longest)
    }

    fn put(&mut self) {
        let (id, len) = (self.log.new_message(), self.length());
        let sent = &self.log.sent[id];
        sent.store(IN_DOUBT, SeqCst);
        let done = in_time("put", self.channel.put(&message(id, len), self.random.limits()));
        sent.store(if done.is_some() { SENT } else { NOT_SENT }, SeqCst);
    }

    fn reserve(&mut self) {
        let len = self.length();
        if self.claims.len() < OPEN {
            self.claims.extend(in_time("reserve", self.channel.reserve(len, self.random.limits())));
        }
    }

    fn commit(&mut self) {
        let Some(view) = take_any(&mut self.claims, &mut self.random) else { return };
        let len =
            if self.random.one_in(2) { view.len() } else { SHORTEST + self.random.below(view.len() - SHORTEST + 1) };
        let id = self.log.new_message();
        write(view, &message(id, len));
        self.log.sent[id].store(IN_DOUBT, SeqCst);
        self.channel.commit(view.id(), len).expect("commit");
        self.log.sent[id].store(SENT, SeqCst);
    }

    fn abort(&mut self) {
        if let Some(view) = take_any(&mut self.claims, &mut self.random) {
            self.channel.abort(view.id()).expect("abort");
        }
    }

    fn get(&mut self) {
        if let Channel::Queue { lease: true, .. } = self.channel {
            return self.hold();
        }
        let getting = &self.log.getting[self.number];
        getting.store(1, SeqCst);
        let got = in_time("get", self.channel.get(self.random.limits()));
        if let Some(bytes) = &got {
            self.log.taken[identify(bytes)].fetch_add(1, SeqCst);
        }
        getting.store(0, SeqCst);
        if let (Some(_), Channel::Queue { queue, joinable: true, .. }) = (got, self.channel) {
            // Or not: then it is unfinished until this process ends.
            if self.random.one_in(2) {
                queue.task_done().expect("task_done");
            }
        }
    }

    fn hold(&mut self) {
        if self.holds.len() < OPEN {
            let view = in_time("hold", self.channel.hold(self.random.limits()));
            self.holds.extend(view.map(|view| (view, identify(&read(view)))));
        }
    }

    fn release(&mut self) {
        if let Some((view, id)) = self.end_hold() {
            self.log.releasing[id].store(1, SeqCst);
            self.channel.release(view.id()).expect("release");
            self.log.taken[id].fetch_add(1, SeqCst);
            self.log.releasing[id].store(0, SeqCst);
        }
    }

    fn put_back(&mut self) {
        if let Some((view, _)) = self.end_hold() {
            self.channel.put_back(view.id()).expect("put back");
        }
    }

    /// One of the messages that are held, which must be what it was.
    fn end_hold(&mut self) -> Option<(View, usize)> {
        let (view, id) = take_any(&mut self.holds, &mut self.random)?;
        assert_eq!(identify(&read(view)), id, "the message that was held is another one");
        Some((view, id))
    }
}

fn take_any<T>(from: &mut Vec<T>, random: &mut Random) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(random.below(from.len())))
}

/// What an operation that may time out has resulted in.
fn in_time<T>(what: &str, result: Result<T>) -> Option<T> {
    match result {
        Ok(done) => Some(done),
        Err(Error::TimedOut) => None,
        Err(e) => panic!("{what}: {e}"),
    }
}
