//! The C header is generated, committed and current; status codes agree on both sides of the boundary.
#![allow(missing_docs)]

use mproc::{ffi, Error};
use std::path::Path;

#[test]
fn header_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("include/mproc.h");
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let mut generated = Vec::new();
    cbindgen::generate_with_config(root, config).expect("generate the header").write(&mut generated);
    let generated = String::from_utf8(generated).expect("UTF-8");
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(&path, &generated).expect("write the header");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "include/mproc.h is not what src/ffi says; run:\n\n    UPDATE_HEADER=1 cargo test --test header\n"
    );
}

/// Nothing but the library's own names: whoever includes the header has names, too.
#[test]
fn header_keeps_to_its_names() {
    let header =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("include/mproc.h")).expect("header");
    let macros = header.lines().filter_map(|line| line.strip_prefix("#define "));
    let foreign: Vec<_> = macros.filter(|name| !name.starts_with("MPROC_")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

/// Every error has the number of its constant, a name and a description of its own.
#[test]
fn statuses_agree() {
    let table = [
        (Error::Invalid("x"), ffi::MPROC_EINVAL),
        (Error::TimedOut, ffi::MPROC_ETIMEDOUT),
        (Error::Canceled, ffi::MPROC_ECANCELED),
        (Error::Closed, ffi::MPROC_ECLOSED),
        (Error::MessageSize { needed: 1 }, ffi::MPROC_EMSGSIZE),
        (Error::TooBig { len: 2, max: 1 }, ffi::MPROC_E2BIG),
        (Error::Exists, ffi::MPROC_EEXIST),
        (Error::NotFound("x"), ffi::MPROC_ENOENT),
        (Error::Kind { found: "a", wanted: "b" }, ffi::MPROC_EKIND),
        (Error::Type("x"), ffi::MPROC_ETYPE),
        (Error::Range { index: 1, len: 1 }, ffi::MPROC_ERANGE),
        (Error::NotOwner, ffi::MPROC_EPERM),
        (Error::Access("x"), ffi::MPROC_EACCES),
        (Error::NoSpace(1), ffi::MPROC_ENOSPC),
        (Error::NoMemory(1), ffi::MPROC_ENOMEM),
        (Error::Busy, ffi::MPROC_EBUSY),
        (Error::Corrupt("x"), ffi::MPROC_ECORRUPT),
        (Error::Version("x"), ffi::MPROC_EVERSION),
        (Error::Domain, ffi::MPROC_EDOMAIN),
        (Error::Name, ffi::MPROC_ENAME),
        (Error::Slots, ffi::MPROC_ESLOTS),
        (Error::NotSupported("x"), ffi::MPROC_ENOTSUP),
        (Error::Sys { call: "open", errno: 24 }, ffi::MPROC_ESYS),
        (Error::Stale, ffi::MPROC_ESTALE),
        (Error::BrokenPipe, ffi::MPROC_EPIPE),
        (Error::EndOfFile, ffi::MPROC_EOF),
        (Error::Interrupted, ffi::MPROC_EINTR),
        (Error::Broken, ffi::MPROC_EBROKEN),
        (Error::Overflow("x"), ffi::MPROC_EOVERFLOW),
        (Error::Full("x"), ffi::MPROC_EFULL),
        (Error::Changed, ffi::MPROC_ECHANGED),
    ];
    let mut seen = std::collections::HashSet::new();
    for (error, status) in table {
        assert_eq!(error.status(), status, "{error}");
        assert!(seen.insert(status), "{status} twice");
    }
    seen.insert(ffi::MPROC_EPANIC);
    assert_eq!(seen.len(), 32, "the codes are -1 to -32 without a gap");
    assert!(seen.iter().all(|s| (-32..=-1).contains(s)));
}
