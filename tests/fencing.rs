//! Fencing tokens of containers against a model: an operation with an older one than was used before does nothing.
#![allow(missing_docs)]

use mproc::{ContainerOptions, Datum, Dict, Domain, DomainOptions, Encoded, Error, List, Namespace, Result};
use proptest::prelude::*;
use std::collections::HashMap;

fn domain() -> Domain {
    Domain::open(&DomainOptions { anonymous: true, ..Default::default() }).expect("open")
}

fn int(n: i64) -> Encoded<'static> {
    Datum::Int(n).encode().expect("encode")
}

/// What the arena has seen: says what an operation with a token comes to, if it would succeed otherwise.
#[derive(Default)]
struct Fence(u64);

impl Fence {
    fn pass(&mut self, token: u64, otherwise: Result<()>) -> Result<()> {
        if token == 0 {
            return Err(Error::Invalid("a fencing token is not 0"));
        }
        if token < self.0 {
            return Err(Error::Fenced);
        }
        // What fails for another reason has not been done, and leaves no token.
        otherwise.inspect(|()| self.0 = token)
    }
}

#[derive(Debug, Clone)]
enum Op {
    DictSet(i64, i64, u64),
    DictDelete(i64, u64),
    Plain(i64, i64),
    ListSet(i64, i64, u64),
    ListAppend(i64, u64),
    NamespaceSet(u8, i64, u64),
    NamespaceDelete(u8, u64),
}

fn op() -> impl Strategy<Value = Op> {
    let token = || 0u64..12;
    prop_oneof![
        (0..4i64, any::<i64>(), token()).prop_map(|(k, v, t)| Op::DictSet(k, v, t)),
        (0..4i64, token()).prop_map(|(k, t)| Op::DictDelete(k, t)),
        (0..4i64, any::<i64>()).prop_map(|(k, v)| Op::Plain(k, v)),
        (-4..4i64, any::<i64>(), token()).prop_map(|(i, v, t)| Op::ListSet(i, v, t)),
        (any::<i64>(), token()).prop_map(|(v, t)| Op::ListAppend(v, t)),
        (0..3u8, any::<i64>(), token()).prop_map(|(n, v, t)| Op::NamespaceSet(n, v, t)),
        (0..3u8, token()).prop_map(|(n, t)| Op::NamespaceDelete(n, t)),
    ]
}

fn number(stored: &mproc::Stored) -> Result<i64> {
    match mproc::datum::decode(&stored.to_vec()?)? {
        Datum::Int(n) => Ok(n),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_older_token_does_nothing(ops in proptest::collection::vec(op(), 1..80)) {
        let domain = domain();
        let (dict, _) = Dict::create(&domain, None, ContainerOptions::default()).expect("dict");
        // All in one arena, which has one fence.
        let made = |kind: u32| {
            dict.setdefault(&int(100 + i64::from(kind)), &Datum::New(kind).encode()?, |stored| stored.to_vec())
        };
        let reference = |kind: u32| match mproc::datum::decode(&made(kind).expect("new").1) {
            Ok(Datum::Ref(reference)) => reference,
            other => panic!("{other:?}"),
        };
        let list = List::follow(dict.arena(), reference(14)).expect("list");
        let namespace = Namespace::follow(dict.arena(), reference(15)).expect("namespace");
        let (mut fence, mut keys, mut elements, mut names) =
            (Fence::default(), HashMap::new(), Vec::new(), HashMap::new());
        for op in ops {
            let (seen, expected) = match op {
                Op::DictSet(k, v, t) => {
                    let expected = fence.pass(t, Ok(()));
                    if expected.is_ok() {
                        keys.insert(k, v);
                    }
                    (dict.set_if_token(&int(k), &int(v), t), expected)
                }
                Op::DictDelete(k, t) => {
                    let there = keys.contains_key(&k);
                    let expected = fence.pass(t, there.then_some(()).ok_or(Error::NotFound("the key")));
                    if expected.is_ok() {
                        keys.remove(&k);
                    }
                    (dict.delete_if_token(&int(k), t), expected)
                }
                Op::Plain(k, v) => {
                    keys.insert(k, v);
                    (dict.set(&int(k), &int(v)), Ok(()))
                }
                Op::ListSet(i, v, t) => {
                    let len = elements.len();
                    let at = if i < 0 { len.checked_sub(i.unsigned_abs() as usize) } else { Some(i as usize) };
                    let at = at.filter(|at| *at < len).ok_or(Error::Range { index: i.unsigned_abs() as usize, len });
                    let expected = fence.pass(t, at.clone().map(|_| ()));
                    if let (Ok(at), Ok(())) = (at, &expected) {
                        elements[at] = v;
                    }
                    (list.set_if_token(i, &int(v), t), expected)
                }
                Op::ListAppend(v, t) => {
                    let expected = fence.pass(t, Ok(()));
                    if expected.is_ok() {
                        elements.push(v);
                    }
                    (list.append_if_token(&int(v), t), expected)
                }
                Op::NamespaceSet(n, v, t) => {
                    let expected = fence.pass(t, Ok(()));
                    if expected.is_ok() {
                        names.insert(n, v);
                    }
                    (namespace.set_if_token(&format!("n{n}"), &int(v), t), expected)
                }
                Op::NamespaceDelete(n, t) => {
                    let there = names.contains_key(&n);
                    let expected = fence.pass(t, there.then_some(()).ok_or(Error::NotFound("the key")));
                    if expected.is_ok() {
                        names.remove(&n);
                    }
                    (namespace.delete_if_token(&format!("n{n}"), t), expected)
                }
            };
            prop_assert_eq!(seen, expected);
        }
        for k in 0..4 {
            let expected = keys.get(&k).copied().ok_or(Error::NotFound("the key"));
            prop_assert_eq!(dict.get(&int(k), number), expected);
        }
        for n in 0..3 {
            let expected = names.get(&n).copied().ok_or(Error::NotFound("the key"));
            prop_assert_eq!(namespace.get(&format!("n{n}"), number), expected);
        }
        prop_assert_eq!(list.len(), Ok(elements.len() as u64));
        for (i, &v) in elements.iter().enumerate() {
            prop_assert_eq!(list.get(i as i64, number), Ok(v));
        }
        dict.arena().check().expect("sound");
    }
}

/// Each arena has a fence of its own, which every handle on it sees.
#[test]
fn a_fence_is_the_arenas() {
    let domain = domain();
    let (one, _) = Dict::create(&domain, None, ContainerOptions::default()).expect("dict");
    let (other, _) = Dict::create(&domain, None, ContainerOptions::default()).expect("dict");
    let again = Dict::import(&one.export().expect("export"), Default::default()).expect("import");
    one.set_if_token(&int(1), &int(1), 7).expect("set");
    assert_eq!(again.set_if_token(&int(1), &int(2), 6), Err(Error::Fenced));
    assert_eq!(again.set_if_token(&int(1), &int(2), 7), Ok(()));
    assert_eq!(other.set_if_token(&int(1), &int(2), 1), Ok(()));
    assert_eq!(one.set_if_token(&int(1), &int(3), u64::MAX), Ok(()));
    assert_eq!(one.delete_if_token(&int(1), u64::MAX - 1), Err(Error::Fenced));
    assert_eq!(one.get(&int(1), number), Ok(3));
}
