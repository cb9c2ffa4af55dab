use super::*;
use crate::shm::header::Kind;
use proptest::collection::vec;
use proptest::prelude::*;
use std::cmp::Ordering;

/// A datum as a tree, to hold the library's against.
#[derive(Debug, Clone, PartialEq)]
enum Tree {
    Nil,
    Bool(bool),
    Int(i128),
    /// The bits: not-a-number is equal to itself.
    Float(u64),
    Str(String),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
    Ref(Reference),
    Named(u32, String),
}

const NAN: u64 = 0x7ff8_0000_0000_0000;

impl Tree {
    /// The one form, as the specification's tables have it.
    fn encode(&self, to: &mut Vec<u8>) {
        self.encode_as(&mut || 0, to)
    }

    /// Any form: `longer` says by how many steps to miss the shortest header.
    fn encode_as(&self, longer: &mut impl FnMut() -> usize, to: &mut Vec<u8>) {
        let mut header = |forms: &[(u128, u8, usize)], number: u128| {
            let fitting: Vec<_> = forms.iter().filter(|(most, ..)| number <= *most).collect();
            let (_, first, width) = fitting[longer().min(fitting.len() - 1)];
            if *width == 0 {
                to.push(first | number as u8);
            } else {
                to.push(*first);
                to.extend(&number.to_be_bytes()[16 - width..]);
            }
        };
        let (b1, b2, b4, b8) = (0xff, 0xffff, 0xffff_ffff, u128::from(u64::MAX));
        match self {
            Tree::Nil => to.push(0xc0),
            Tree::Bool(is) => to.push(0xc2 + u8::from(*is)),
            Tree::Int(n @ 0..) => {
                let unsigned = [(127, 0, 0), (b1, 0xcc, 1), (b2, 0xcd, 2), (b4, 0xce, 4), (b8, 0xcf, 8)];
                header(&unsigned, *n as u128)
            }
            Tree::Int(n) => {
                let forms =
                    [(-32, 0xe0, 0), (-128, 0xd0, 1), (-32768, 0xd1, 2), (-(1 << 31), 0xd2, 4), (i128::MIN, 0xd3, 8)];
                let fitting: Vec<_> = forms.iter().filter(|(least, ..)| n >= least).collect();
                let (_, first, width) = fitting[longer().min(fitting.len() - 1)];
                match width {
                    0 => to.push(*n as u8),
                    _ => {
                        to.push(*first);
                        to.extend(&n.to_be_bytes()[16 - width..]);
                    }
                }
            }
            Tree::Float(bits) => {
                let narrow = f64::from_bits(*bits) as f32;
                if longer() > 0 && f64::from(narrow).to_bits() == *bits {
                    to.push(0xca);
                    to.extend(narrow.to_be_bytes());
                } else if longer() > 0 && *bits == NAN {
                    to.push(0xcb);
                    to.extend(0xfff8_0000_0000_1234u64.to_be_bytes());
                } else {
                    to.push(0xcb);
                    to.extend(bits.to_be_bytes());
                }
            }
            Tree::Str(text) => {
                header(&[(31, 0xa0, 0), (b1, 0xd9, 1), (b2, 0xda, 2), (b4, 0xdb, 4)], text.len() as u128);
                to.extend(text.as_bytes());
            }
            Tree::Bytes(bytes) => {
                header(&[(b1, 0xc4, 1), (b2, 0xc5, 2), (b4, 0xc6, 4)], bytes.len() as u128);
                to.extend(bytes);
            }
            Tree::List(elements) => {
                header(&[(15, 0x90, 0), (b2, 0xdc, 2), (b4, 0xdd, 4)], elements.len() as u128);
                elements.iter().for_each(|each| each.encode_as(longer, to));
            }
            Tree::Map(pairs) => {
                header(&[(15, 0x80, 0), (b2, 0xde, 2), (b4, 0xdf, 4)], pairs.len() as u128);
                pairs.iter().for_each(|(key, value)| {
                    key.encode_as(longer, to);
                    value.encode_as(longer, to);
                });
            }
            Tree::Ref(r) => {
                match longer() {
                    0 => to.extend([0xc7, 21, 1]),
                    1 => to.extend([0xc8, 0, 21, 1]),
                    _ => to.extend([0xc9, 0, 0, 0, 21, 1]),
                }
                to.push(r.kind);
                to.extend(r.arena.to_be_bytes());
                to.extend(r.place.to_be_bytes());
                to.extend(r.generation.to_be_bytes());
            }
            Tree::Named(kind, name) => {
                let len = 1 + name.len();
                match (len, longer()) {
                    (1 | 2 | 4 | 8 | 16, 0) => to.push(0xd4 + len.ilog2() as u8),
                    (_, 0 | 1) => to.extend([0xc7, len as u8]),
                    _ => to.extend([0xc8, 0, len as u8]),
                }
                to.extend([2, *kind as u8]);
                to.extend(name.as_bytes());
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes
    }

    fn of(datum: &Datum) -> Tree {
        match *datum {
            Datum::Nil => Tree::Nil,
            Datum::Bool(is) => Tree::Bool(is),
            Datum::Int(n) => Tree::Int(n.into()),
            Datum::UInt(n) => Tree::Int(n.into()),
            Datum::Float(f) if f.is_nan() => Tree::Float(NAN),
            Datum::Float(f) => Tree::Float(f.to_bits()),
            Datum::Str(text) => Tree::Str(text.into()),
            Datum::Bytes(bytes) => Tree::Bytes(bytes.into()),
            Datum::List(bytes) => {
                let items = Items::new(bytes).expect("a list");
                let count = items.len();
                let elements: Vec<_> = items.map(|each| Tree::of(&each.expect("an element"))).collect();
                assert_eq!(elements.len(), count);
                Tree::List(elements)
            }
            Datum::Map(bytes) => {
                let items = Items::new(bytes).expect("a map");
                let count = items.len();
                let both: Vec<_> = items.map(|each| Tree::of(&each.expect("a key or value"))).collect();
                assert_eq!(both.len(), 2 * count);
                Tree::Map(both.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
            }
            Datum::Ref(reference) => Tree::Ref(reference),
            Datum::Named(kind, name) => Tree::Named(kind, name.into()),
            Datum::New(_) | Datum::Absent => panic!("has no encoding"),
        }
    }

    fn build(&self, builder: &mut Builder) -> Result<()> {
        match self {
            Tree::Nil => builder.add(&Datum::Nil),
            Tree::Bool(is) => builder.add(&Datum::Bool(*is)),
            Tree::Int(n) => match i64::try_from(*n) {
                Ok(n) => builder.add(&Datum::Int(n)),
                Err(_) => builder.add(&Datum::UInt(*n as u64)),
            },
            Tree::Float(bits) => builder.add(&Datum::Float(f64::from_bits(*bits))),
            Tree::Str(text) => builder.add(&Datum::Str(text)),
            Tree::Bytes(bytes) => builder.add(&Datum::Bytes(bytes)),
            Tree::List(elements) => {
                builder.begin_list()?;
                elements.iter().try_for_each(|each| each.build(builder))?;
                builder.end()
            }
            Tree::Map(pairs) => {
                builder.begin_map()?;
                for (key, value) in pairs {
                    key.build(builder)?;
                    value.build(builder)?;
                }
                builder.end()
            }
            Tree::Ref(reference) => builder.add(&Datum::Ref(*reference)),
            Tree::Named(kind, name) => builder.add(&Datum::Named(*kind, name)),
        }
    }
}

fn number() -> impl Strategy<Value = Tree> {
    let near = |n: i128| (n - 2..=n + 2).prop_filter("64 bits", |n| (i64::MIN.into()..=u64::MAX.into()).contains(n));
    let edge = prop::sample::select(vec![
        0,
        1 << 7,
        1 << 8,
        1 << 15,
        1 << 16,
        1 << 31,
        1 << 32,
        1i128 << 53,
        1 << 63,
        1 << 64,
    ]);
    let edges = (edge, any::<bool>()).prop_map(|(edge, less)| if less && edge <= 1 << 63 { -edge } else { edge });
    let special = [
        0.0,
        -0.0,
        1.0,
        0.1,
        2e53,
        f64::MAX,
        f64::MIN_POSITIVE,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1.8446744073709552e19,
    ];
    prop_oneof![
        edges.prop_flat_map(near).prop_map(Tree::Int),
        any::<i64>().prop_map(|n| Tree::Int(n.into())),
        any::<u64>().prop_map(|n| Tree::Int(n.into())),
        prop::sample::select(special.to_vec()).prop_map(|f| Tree::Float(f.to_bits())),
        any::<f32>().prop_map(|f| Tree::of(&Datum::Float(f.into()))),
        any::<f64>().prop_map(|f| Tree::of(&Datum::Float(f))),
        (any::<i64>(), 0..4).prop_map(|(n, k)| Tree::Float(((n >> (16 * k)) as f64 / 2.0).to_bits())),
        Just(Tree::Float(NAN)),
    ]
}

fn leaf() -> impl Strategy<Value = Tree> {
    let reference = (13u8..=15, any::<u64>(), any::<u64>(), any::<u32>())
        .prop_map(|(kind, arena, place, generation)| Reference { kind, arena, place, generation });
    prop_oneof![
        1 => Just(Tree::Nil),
        1 => any::<bool>().prop_map(Tree::Bool),
        4 => number(),
        2 => "\\PC{0,5}".prop_map(Tree::Str),
        1 => "[a-z\"\\\\\u{0}-\u{1f}é🦀]{0,40}".prop_map(Tree::Str),
        1 => "[ -~]{240,300}".prop_map(Tree::Str),
        1 => prop::sample::select(vec!["$bytes", "$map", "$float", "$ref"]).prop_map(|key| Tree::Str(key.into())),
        1 => vec(any::<u8>(), 0..40).prop_map(Tree::Bytes),
        1 => vec(any::<u8>(), 250..260).prop_map(Tree::Bytes),
        1 => reference.prop_map(Tree::Ref),
        1 => (2u32..=15, "[A-Za-z0-9_-]{1,20}").prop_map(|(kind, name)| Tree::Named(kind, name)),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    leaf().prop_recursive(6, 60, 20, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Tree::List),
            vec((inner.clone(), inner.clone()), 0..4).prop_map(Tree::Map),
            vec(("[a-c$]{0,2}".prop_map(Tree::Str), inner.clone()), 0..20).prop_map(Tree::Map),
            (prop::sample::select(vec!["$bytes", "$map", "$float", "$ref"]), inner)
                .prop_map(|(key, value)| Tree::Map(vec![(Tree::Str(key.into()), value)])),
        ]
    })
}

fn nested(levels: usize) -> Vec<u8> {
    let mut bytes = vec![0x91; levels];
    bytes.push(0x01);
    bytes
}

fn from_json(json: &str) -> Result<Vec<u8>> {
    let mut builder = Builder::new();
    builder.add_json(json)?;
    builder.finish().map(<[u8]>::to_vec)
}

fn float(f: f64) -> Datum<'static> {
    Datum::Float(f)
}

/// Whatever the bytes are: nothing panics, and everything agrees about whether they are a datum.
fn anything(bytes: &[u8]) {
    let decoded = decode(bytes);
    assert_eq!(decoded.is_ok(), canonical(bytes).is_ok(), "{bytes:02x?}");
    assert_eq!(decoded.is_ok(), to_json(bytes, false).is_ok(), "{bytes:02x?}");
    if let Ok(datum) = &decoded {
        let one = canonical(bytes).expect("canonical");
        assert_eq!(datum.encode().expect("encode").to_vec(), *one);
        assert_eq!(canonical(&one).expect("again"), one);
        let tree = Tree::of(datum);
        assert_eq!(tree.bytes(), *one);
        assert_eq!(compare(datum, datum).ok().unwrap_or(Ordering::Equal), Ordering::Equal);
        assert!(check_key(&datum.encode().expect("encode")).is_ok() == is_key(&tree));
    }
    if let Ok(items) = Items::new(bytes) {
        let read = items.clone().take_while(|each| each.is_ok()).count();
        assert!(read <= bytes.len());
        assert_eq!(items.into_iter().all(|each| each.is_ok()), decoded.is_ok(), "{bytes:02x?}");
    }
    // As something stored: a head that is accepted has a body that is there.
    for total in bytes.len().saturating_sub(1)..bytes.len() + 2 {
        match Head::parse(&bytes[..bytes.len().min(Head::LEN)], total) {
            Ok(Head::Whole(datum)) => {
                assert_eq!(Some(Tree::of(&datum)), decode(&bytes[..total]).ok().as_ref().map(Tree::of))
            }
            Ok(Head::Body { kind, skip, len }) => {
                assert_eq!(skip + len, total);
                if total == bytes.len() {
                    let finished = finish(kind, &bytes[skip..skip + len]);
                    assert_eq!(finished.map(|d| Tree::of(&d)).ok(), decoded.as_ref().ok().map(Tree::of));
                }
            }
            Err(error) => {
                assert!(matches!(error, Error::Corrupt(_)));
                assert!(total != bytes.len() || decoded.is_err() || bytes.len() > Head::LEN, "{bytes:02x?}");
            }
        }
    }
}

fn is_key(tree: &Tree) -> bool {
    match tree {
        Tree::List(elements) => elements.iter().all(is_key),
        Tree::Map(_) | Tree::Ref(_) | Tree::Named(..) => false,
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn built_encoded_and_read_again(tree in tree()) {
        let bytes = tree.bytes();
        let mut builder = Builder::new();
        tree.build(&mut builder).expect("build");
        prop_assert_eq!(builder.finish().expect("finish"), &bytes);
        prop_assert_eq!(&Tree::of(&builder.datum().expect("a datum")), &tree);
        prop_assert_eq!(&Tree::of(&decode(&bytes).expect("decode")), &tree);
        prop_assert!(matches!(canonical(&bytes), Ok(Cow::Borrowed(_))));
        anything(&bytes);
    }

    #[test]
    fn every_form_has_one_canonical_one(tree in tree(), steps in vec(0usize..5, 1..50)) {
        let (mut loose, mut steps) = (Vec::new(), steps.iter().cycle());
        tree.encode_as(&mut || *steps.next().expect("a cycle"), &mut loose);
        prop_assert_eq!(&Tree::of(&decode(&loose).expect("decode")), &tree);
        prop_assert_eq!(&*canonical(&loose).expect("canonical"), &tree.bytes());
        let mut builder = Builder::new();
        builder.add_encoded(&loose).expect("add");
        prop_assert_eq!(builder.finish().expect("finish"), &tree.bytes());
    }

    #[test]
    fn json_and_back(tree in tree(), pretty in any::<bool>()) {
        let bytes = tree.bytes();
        let json = to_json(&bytes, pretty).expect("to JSON");
        prop_assert_eq!(from_json(&json).expect(&json), bytes, "{}", json);
    }

    #[test]
    fn damaged(
        tree in tree(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = tree.bytes();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        anything(&bytes);
        anything(&bytes[..cut.index(bytes.len())]);
        bytes.push(0);
        anything(&bytes);
    }

    #[test]
    fn noise(bytes in vec(prop_oneof![any::<u8>(), 0x80u8..=0xdf], 0..60)) {
        anything(&bytes);
    }

    #[test]
    fn noise_as_json(text in "[\\[\\]{}\":,0-9a-z$. \\\\]{0,60}") {
        if let Ok(bytes) = from_json(&text) {
            anything(&bytes);
        }
    }

    #[test]
    fn numbers_have_one_order(numbers in vec(number(), 3)) {
        let bytes: Vec<_> = numbers.iter().map(Tree::bytes).collect();
        let [a, b, c] = [0, 1, 2].map(|i| decode(&bytes[i]).expect("decode"));
        let order = |a, b| compare(a, b).expect("numbers");
        prop_assert_eq!(order(&a, &a), Ordering::Equal);
        prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
        if order(&a, &b) != Ordering::Greater && order(&b, &c) != Ordering::Greater {
            prop_assert_ne!(order(&a, &c), Ordering::Greater);
        }
        if let (Tree::Int(a_is), Tree::Int(b_is)) = (&numbers[0], &numbers[1]) {
            prop_assert_eq!(order(&a, &b), a_is.cmp(b_is));
            match add(&a, &b) {
                Ok(sum) => prop_assert_eq!(Tree::of(&sum), Tree::Int(a_is + b_is)),
                Err(error) => {
                    prop_assert!(matches!(error, Error::Overflow(_)));
                    prop_assert!(!(i64::MIN.into()..=u64::MAX.into()).contains(&(a_is + b_is)));
                }
            }
        }
    }
}

#[test]
fn encodings_of_the_specification() {
    let long = "x".repeat(32);
    let cases: [(Datum, &[u8]); 20] = [
        (Datum::Nil, &[0xc0]),
        (Datum::Bool(false), &[0xc2]),
        (Datum::Bool(true), &[0xc3]),
        (Datum::Int(0), &[0x00]),
        (Datum::Int(127), &[0x7f]),
        (Datum::UInt(127), &[0x7f]),
        (Datum::Int(128), &[0xcc, 0x80]),
        (Datum::Int(300), &[0xcd, 0x01, 0x2c]),
        (Datum::Int(70000), &[0xce, 0, 1, 0x11, 0x70]),
        (Datum::Int(1 << 32), &[0xcf, 0, 0, 0, 1, 0, 0, 0, 0]),
        (Datum::UInt(u64::MAX), &[0xcf, 255, 255, 255, 255, 255, 255, 255, 255]),
        (Datum::Int(-1), &[0xff]),
        (Datum::Int(-32), &[0xe0]),
        (Datum::Int(-33), &[0xd0, 0xdf]),
        (Datum::Int(-129), &[0xd1, 0xff, 0x7f]),
        (Datum::Int(-32769), &[0xd2, 0xff, 0xff, 0x7f, 0xff]),
        (Datum::Int(i64::MIN), &[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        (float(1.0), &[0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]),
        (Datum::Str("ab"), &[0xa2, b'a', b'b']),
        (Datum::Bytes(b"\0"), &[0xc4, 1, 0]),
    ];
    for (datum, bytes) in cases {
        assert_eq!(datum.encode().expect("encode").to_vec(), bytes, "{datum:?}");
    }
    assert_eq!(Datum::Str(&long).encode().expect("encode").head(), [0xd9, 32]);
    assert_eq!(float(-f64::NAN).encode().expect("encode").to_vec(), [0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]);
    let named = Datum::Named(Kind::Queue as u32, "job");
    assert_eq!(named.encode().expect("encode").to_vec(), [0xd6, 2, 5, b'j', b'o', b'b']);
}

#[test]
fn encoding_copies_nothing_that_is_canonical() {
    let (text, list) = ("some text".to_string(), nested(3));
    let borrowed = |datum: Datum, from: &[u8]| datum.encode().expect("encode").body().as_ptr() == from.as_ptr();
    assert!(borrowed(Datum::Str(&text), text.as_bytes()));
    assert!(borrowed(Datum::Bytes(text.as_bytes()), text.as_bytes()));
    assert!(borrowed(Datum::List(&list), &list));
}

#[test]
fn all_of_one_and_two_bytes() {
    anything(&[]);
    for first in 0..=u8::MAX {
        anything(&[first]);
        for second in 0..=u8::MAX {
            anything(&[first, second]);
        }
    }
}

#[test]
fn depth() {
    assert!(decode(&nested(MAX_DEPTH)).is_ok());
    assert!(matches!(decode(&nested(MAX_DEPTH + 1)), Err(Error::Invalid(_))));
    assert!(decode(&nested(1 << 20)).is_err());
    assert!(to_json(&nested(MAX_DEPTH), true).is_ok());
    let maps: Vec<u8> = [0x81, 0x01].repeat(MAX_DEPTH);
    assert!(decode(&[&maps[..], &[0xc0]].concat()).is_ok());
    assert!(decode(&[&[0x81, 0x01], &maps[..], &[0xc0]].concat()).is_err());
    // A map takes three levels of JSON, and comes back all the same.
    let bytes = [&maps[..], &[0xc4, 1, 7]].concat();
    let json = to_json(&bytes, false).expect("to JSON");
    assert_eq!(from_json(&json).expect("from JSON"), bytes);

    let mut builder = Builder::new();
    for _ in 0..MAX_DEPTH {
        builder.begin_list().expect("begin");
    }
    assert!(matches!(builder.begin_map(), Err(Error::Invalid(_))));
    assert!(matches!(builder.add_encoded(&[0x90]), Err(Error::Invalid(_))));
    assert!(matches!(builder.add_json("[]"), Err(Error::Invalid(_))));
    builder.add(&Datum::Nil).expect("a scalar");
    for _ in 0..MAX_DEPTH {
        builder.end().expect("end");
    }
    assert!(decode(builder.finish().expect("finish")).is_ok());
    for bomb in ["[", "{\"a\":", "{\"$map\":[[1,"] {
        let error = from_json(&bomb.repeat(1 << 16)).expect_err("a bomb");
        assert!(matches!(error, Error::Json(_)), "{error}");
    }
    assert!(matches!(from_json(&format!("{}{}", "[".repeat(65), "]".repeat(65))), Err(Error::Invalid(_))));
}

#[test]
fn lengths_that_lie() {
    for first in [0xc6, 0xc9, 0xdb, 0xdd, 0xdf, 0xc5, 0xc8, 0xda, 0xdc, 0xde, 0xc4, 0xc7, 0xd9] {
        for more in [0, 4, 5, 30] {
            let bytes = [&[first, 0xff, 0xff, 0xff, 0xff][..], &vec![0x01; more]].concat();
            assert!(decode(&bytes).is_err(), "{bytes:02x?}");
            assert!(Items::new(&bytes).is_err(), "{bytes:02x?}");
            assert!(Head::parse(&bytes[..bytes.len().min(Head::LEN)], bytes.len()).is_err(), "{bytes:02x?}");
            anything(&bytes);
        }
    }
    for bytes in [&[0x92, 1][..], &[0x81, 1], &[0x82, 1, 2, 3]] {
        assert!(Items::new(bytes).is_err(), "{bytes:02x?}");
    }
}

#[test]
fn what_is_no_datum() {
    let refused: [&[u8]; 11] = [
        &[],
        &[0xc1],
        &[0x01, 0x01],
        &[0xa1, 0xff],
        &[0x91, 0xa1, 0xff],
        &[0xd4, 3, 1],             // an extension of somebody else's
        &[0xd6, 0xff, 0, 0, 0, 0], // a time stamp
        &[0xd5, 2, 1, b'a'],       // the registry
        &[0xd5, 2, 5, b'/'],
        &[0xd4, 2, 5],
        &[0xc7, 20, 1, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    for bytes in refused {
        assert!(matches!(decode(bytes), Err(Error::Invalid(_))), "{bytes:02x?}");
    }
    for datum in [
        Datum::List(&[0x80]),
        Datum::Map(&[0x90]),
        Datum::List(&[]),
        Datum::List(&[0x91]),
        Datum::New(Kind::Queue as u32),
        Datum::Named(Kind::Queue as u32, ""),
        Datum::Named(1, "a"),
        Datum::Named(99, "a"),
        Datum::Ref(Reference { kind: 5, arena: 0, place: 0, generation: 0 }),
    ] {
        assert!(matches!(datum.encode(), Err(Error::Invalid(_))), "{datum:?}");
    }
}

#[test]
fn order() {
    let two_53 = (1i64 << 53) as f64;
    let ascending = [
        float(f64::NEG_INFINITY),
        float(-1e300),
        Datum::Int(i64::MIN),
        Datum::Int(-1),
        float(-0.5),
        Datum::Int(0),
        float(0.5),
        Datum::Int((1 << 53) - 1),
        float(two_53),
        Datum::Int((1 << 53) + 1),
        Datum::Int(i64::MAX),
        float(i64::MAX as f64),
        Datum::UInt((1 << 63) + 1),
        Datum::UInt(u64::MAX),
        float(u64::MAX as f64),
        float(f64::INFINITY),
        float(f64::NAN),
    ];
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(compare(a, b), Ok(i.cmp(&j)), "{a:?} {b:?}");
        }
    }
    for (a, b) in [(float(-0.0), Datum::Int(0)), (float(two_53), Datum::Int(1 << 53)), (float(2.0), Datum::UInt(2))] {
        assert_eq!(compare(&a, &b), Ok(Ordering::Equal));
    }
    assert_eq!(compare(&Datum::Str("B"), &Datum::Str("a")), Ok(Ordering::Less));
    assert_eq!(compare(&Datum::Bool(false), &Datum::Bool(true)), Ok(Ordering::Less));
    assert_eq!(compare(&Datum::Nil, &Datum::Nil), Ok(Ordering::Equal));
    let (deep, list) = (nested(MAX_DEPTH), Datum::List);
    assert_eq!(compare(&list(&[0x91, 1]), &list(&[0x92, 1, 0])), Ok(Ordering::Less));
    assert_eq!(compare(&list(&[0x92, 1, 0xc0]), &list(&[0x92, 2, 1])), Ok(Ordering::Less));
    assert_eq!(compare(&list(&[0x91, 0x91, 3]), &list(&[0x91, 0x91, 2])), Ok(Ordering::Greater));
    assert_eq!(compare(&list(&deep), &list(&deep)), Ok(Ordering::Equal));
    for (a, b) in [
        (Datum::Int(1), Datum::Str("1")),
        (Datum::Int(1), Datum::Bool(true)),
        (Datum::Nil, Datum::Int(0)),
        (Datum::Str("a"), Datum::Bytes(b"a")),
        (Datum::Map(&[0x80]), Datum::Map(&[0x80])),
        (list(&[0x92, 1, 0xc0]), list(&[0x92, 1, 1])),
        (Datum::Absent, Datum::Absent),
    ] {
        assert!(matches!(compare(&a, &b), Err(Error::Type(_))), "{a:?} {b:?}");
    }
}

#[test]
fn sums() {
    let int = Datum::Int;
    assert_eq!(add(&int(2), &Datum::UInt(3)), Ok(int(5)));
    assert_eq!(add(&int(i64::MAX), &int(1)), Ok(Datum::UInt(1 << 63)));
    assert_eq!(add(&Datum::UInt(u64::MAX), &int(-1)), Ok(Datum::UInt(u64::MAX - 1)));
    assert_eq!(add(&Datum::UInt(1 << 63), &int(-1)), Ok(int(i64::MAX)));
    assert_eq!(add(&int(1), &float(0.5)), Ok(float(1.5)));
    assert_eq!(add(&float(0.5), &float(0.5)), Ok(float(1.0)));
    for (a, b) in [(int(i64::MIN), int(-1)), (Datum::UInt(u64::MAX), int(1))] {
        assert!(matches!(add(&a, &b), Err(Error::Overflow(_))));
    }
    for other in [Datum::Nil, Datum::Bool(true), Datum::Str("1"), Datum::List(&[0x90]), Datum::Absent] {
        assert!(matches!(add(&other, &int(1)), Err(Error::Type(_))));
        assert!(matches!(add(&float(1.0), &other), Err(Error::Type(_))));
    }
}

#[test]
fn keys() {
    let reference = Reference { kind: 13, arena: 1, place: 2, generation: 3 };
    let key = |datum: Datum| check_key(&datum.encode().expect("encode"));
    for datum in [Datum::Nil, Datum::Int(1), Datum::Str("\u{81}"), Datum::Bytes(&[0x81]), Datum::List(&[0x91, 0x90])] {
        assert_eq!(key(datum), Ok(()), "{datum:?}");
    }
    let named = Datum::Named(5, "jobs").encode().expect("encode").to_vec();
    let inside = [&[0x91], &named[..]].concat();
    for datum in [
        Datum::Map(&[0x80]),
        Datum::List(&[0x92, 1, 0x80]),
        Datum::List(&inside),
        Datum::Ref(reference),
        Datum::Named(5, "jobs"),
        Datum::New(13),
        Datum::Absent,
    ] {
        assert!(matches!(key(datum), Err(Error::Invalid(_))), "{datum:?}");
    }
    assert!(check_key(&Encoded::stored(&reference.encode())).is_err());
    assert!(check_key(&Encoded::stored(&[0x80])).is_err());
    assert!(check_key(&Encoded::stored(&[0xa1, b'a'])).is_ok());
}

#[test]
fn a_builder_misused() {
    let mut builder = Builder::new();
    let refused = |result: Result<()>| assert!(matches!(result, Err(Error::Invalid(_))), "{result:?}");
    refused(builder.finish().map(|_| ()));
    refused(builder.end());
    refused(builder.add(&Datum::New(13)));
    refused(builder.add(&Datum::Absent));
    refused(builder.add(&Datum::List(&[0x91])));
    refused(builder.add_encoded(&[0x91]));
    builder.begin_map().expect("map");
    builder.add(&Datum::Int(1)).expect("key");
    refused(builder.end());
    refused(builder.finish().map(|_| ()));
    builder.begin_list().expect("list");
    assert!(matches!(builder.add_json("[1, 2"), Err(Error::Json(_))));
    builder.add_json("[1, 2]").expect("JSON");
    builder.end().expect("list");
    builder.end().expect("map");
    assert_eq!(builder.finish(), Ok(&[0x81, 1, 0x91, 0x92, 1, 2][..]));
    refused(builder.add(&Datum::Nil));
    refused(builder.begin_list());
    refused(builder.add_json("1"));
    refused(builder.end());
    assert_eq!(builder.finish(), Ok(&[0x81, 1, 0x91, 0x92, 1, 2][..]), "what was refused changed nothing");
    builder.reset();
    builder.add(&Datum::Nil).expect("anew");
    assert_eq!(builder.finish(), Ok(&[0xc0][..]));
}

/// Headers of all lengths, put in when the list ends.
#[test]
fn long_lists() {
    for (count, header) in [(15usize, 1), (16, 3), (65535, 3), (65536, 5)] {
        let mut builder = Builder::new();
        builder.begin_list().expect("outer");
        builder.begin_list().expect("begin");
        for _ in 0..count {
            builder.add(&Datum::Nil).expect("add");
        }
        builder.end().expect("end");
        builder.add(&Datum::Int(7)).expect("add");
        builder.end().expect("outer");
        let bytes = builder.finish().expect("finish");
        assert_eq!(bytes.len(), 1 + header + count + 1);
        let outer: Vec<_> = Items::new(bytes).expect("list").map(|each| each.expect("element")).collect();
        let Datum::List(inner) = outer[0] else { panic!("a list") };
        assert_eq!((Items::new(inner).expect("list").len(), outer[1]), (count, Datum::Int(7)));
    }
}

#[test]
fn json_texts() {
    let same = [
        "null",
        "true",
        "-1",
        "18446744073709551615",
        "1.0",
        "-0.0",
        "1e300",
        "0.1",
        "\"a\\\"\\\\\\n\\u0000é🦀\"",
        "[]",
        "{}",
        "[1,[2.5,{\"a\":null,\"a\":[]}]]",
        "{\"$bytes\":\"\"}",
        "{\"$bytes\":\"AA==\"}",
        "{\"$bytes\":\"AAE=\"}",
        "{\"$bytes\":\"/+8A\"}",
        "{\"$float\":\"nan\"}",
        "{\"$float\":\"inf\"}",
        "{\"$float\":\"-inf\"}",
        "{\"$map\":[[1,2],[{\"$bytes\":\"AA==\"},{}]]}",
        "{\"$map\":[[\"$ref\",\"#/a\"]]}",
        "{\"$bytes\":1,\"b\":2}",
        "{\"$ref\":{\"kind\":\"queue\",\"name\":\"jobs\"}}",
        "{\"$ref\":{\"kind\":\"dict\",\"arena\":\"ffffffffffffffff\",\"place\":\"2a\",\"generation\":\"ffffffff\"}}",
    ];
    for text in same {
        let bytes = from_json(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(to_json(&bytes, false).as_deref(), Ok(text));
    }
    let read_as = [
        ("18446744073709551616", float(18446744073709551616.0)),
        ("-9223372036854775809", float(-9223372036854775808.0)),
        ("1E0", float(1.0)),
        (" \n-0 ", float(-0.0)),
        ("\"\\ud83e\\udd80\"", Datum::Str("🦀")),
        ("{\"$map\":[]}", Datum::Map(&[0x80])),
        ("{\"$map\":[[\"a\",1]]}", Datum::Map(&[0x81, 0xa1, b'a', 1])),
    ];
    for (text, datum) in read_as {
        assert_eq!(from_json(text).expect(text), datum.encode().expect("encode").to_vec(), "{text}");
    }
    let pretty = "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"$bytes\": \"AA==\"\n  }\n}";
    assert_eq!(to_json(&from_json(pretty).expect("JSON"), true).as_deref(), Ok(pretty));
}

#[test]
fn json_refused() {
    let refused = [
        ("", "line 1 column 0"),
        ("[1,]", "line 1 column 4"),
        ("[1]\n 2", "line 2 column 2"),
        ("{\"a\":1,\n \"b\"}", "line 2"),
        ("{1:2}", "line 1 column 2"),
        ("nul", "line 1"),
        ("1e999", "line 1"),
        ("\"\\ud83e\"", "line 1"),
        ("[{\"$bytes\":\"AB==\"}]", "base64"),
        ("{\"$bytes\":\"AA\"}", "line 1 column"),
        ("{\"$bytes\":\"A===\"}", "base64"),
        ("{\"$bytes\":\"AA==AAAA\"}", "base64"),
        ("{\"$bytes\":1}", "$map"),
        ("{\"$float\":\"NaN\"}", "$map"),
        ("{\"$map\":[[1]]}", "$map"),
        ("{\"$map\":[[1,2,3]]}", "$map"),
        ("{\"$map\":{}}", "$map"),
        ("{\"$ref\":\"#/a\"}", "$map"),
        ("{\"$ref\":{\"kind\":\"queue\"}}", "$map"),
        ("{\"$ref\":{\"kind\":\"queue\",\"name\":\"a\",\"name\":\"b\"}}", "$map"),
        ("{\"$ref\":{\"kind\":\"cucumber\",\"name\":\"a\"}}", "kind"),
        ("{\"$ref\":{\"kind\":\"registry\",\"name\":\"a\"}}", "kind"),
        ("{\"$ref\":{\"kind\":\"queue\",\"name\":\"a b\"}}", "name"),
        ("{\"$ref\":{\"kind\":\"dict\",\"arena\":\"+1\",\"place\":\"0\",\"generation\":\"0\"}}", "hexadecimal"),
        ("{\"$ref\":{\"kind\":\"dict\",\"arena\":\"1\",\"place\":\"0\",\"generation\":\"100000000\"}}", "32 bits"),
    ];
    for (text, why) in refused {
        match from_json(text) {
            Err(error @ Error::Json(_)) => assert!(error.to_string().contains(why), "{text}: {error}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn stored_ones_that_are_damaged() {
    let corrupt = |kind, bytes| assert!(matches!(finish(kind, bytes), Err(Error::Corrupt(_))), "{kind:?} {bytes:?}");
    corrupt(BodyKind::Str, &[0xff][..]);
    corrupt(BodyKind::List, &[0x80]);
    corrupt(BodyKind::List, &[0x91]);
    corrupt(BodyKind::List, &[0x91, 1, 1]);
    corrupt(BodyKind::Map, &[0x90]);
    corrupt(BodyKind::Named(5), b"a/b");
    assert!(Head::parse(&[0xa2, b'a'], 3).is_err(), "fewer bytes than were to be given");
    assert!(Head::parse(&[0xc0, 0xc0], 2).is_err());
    assert!(Head::parse(&[], 0).is_err());
    assert_eq!(Head::parse(&[0xa1, b'a'], 2), Ok(Head::Body { kind: BodyKind::Str, skip: 1, len: 1 }));
    assert_eq!(Head::parse(&[0xd5, 2, 5, b'a'], 4), Ok(Head::Body { kind: BodyKind::Named(5), skip: 3, len: 1 }));
}
