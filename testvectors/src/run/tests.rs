use std::collections::BTreeMap;

use toml::{Table, Value};

use super::*;
use crate::load::{self, FILES};

fn failures(document: &Document) -> Vec<Outcome> {
    super::document(document).into_iter().filter(|outcome| outcome.result.is_err()).collect()
}

#[test]
fn every_published_vector_holds() {
    for document in load::all().expect("our own files") {
        let outcomes = super::document(&document);
        assert!(!outcomes.is_empty(), "{} has no vectors", document.document);
        for outcome in outcomes {
            assert_eq!(outcome.result, Ok(()), "{} {} {}", outcome.document, outcome.kind, outcome.id);
        }
    }
}

/// What was taken from each document: a file that lost vectors would go unnoticed otherwise.
#[test]
fn as_many_as_the_documents_print() {
    let mut vectors: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for document in load::all().expect("our own files") {
        for outcome in
            super::document(&document).iter().filter(|outcome| outcome.backend != Some(Backend::Pure))
        {
            *vectors.entry((outcome.document.clone(), outcome.kind)).or_default() += 1;
        }
    }
    let counted: Vec<_> =
        vectors.iter().map(|((document, kind), count)| (document.as_str(), *kind, *count)).collect();
    assert_eq!(
        counted,
        [
            ("FIPS 203", "agree", 6),
            ("FIPS 203", "kex", 6),
            ("NIST SP 800-38A", "cbc", 3),
            ("RFC 2202", "integ", 1),
            ("RFC 2202", "prf", 7),
            ("RFC 3526", "group", 5),
            ("RFC 3602", "cbc", 8),
            ("RFC 4231", "prf", 21),
            ("RFC 4754", "signature", 3),
            ("RFC 4868", "integ", 12),
            ("RFC 4868", "prf", 18),
            ("RFC 5114", "kex", 3),
            ("RFC 5869", "prf", 7),
            ("RFC 5869", "prf_plus", 7),
            ("RFC 5903", "kex", 3),
            ("RFC 6979", "signature", 12),
            ("RFC 7634", "open_esp", 1),
            ("RFC 7634", "seal", 2),
            ("RFC 7748", "agree", 2),
            ("RFC 7748", "iterate", 2),
            ("RFC 7748", "kex", 1),
            ("RFC 8031", "kex", 1),
            ("RFC 8032", "signature", 5),
            ("RFC 8439", "seal", 2),
            ("The Galois/Counter Mode of Operation (McGrew, Viega)", "seal", 12),
            ("adit", "kex", 12),
            ("adit", "open_esp", 36),
            ("adit", "seal_esp", 20),
        ]
    );
}

#[test]
fn what_has_two_backends_runs_on_both() {
    for document in load::all().expect("our own files") {
        for outcome in super::document(&document) {
            let one_backend =
                ["prf", "prf_plus", "kex", "agree", "iterate", "group", "signature"].contains(&outcome.kind);
            assert_eq!(outcome.backend.is_none(), one_backend, "{}", outcome.kind);
        }
    }
}

/// The text of a hexadecimal field with one bit in its middle changed; `None` for what is no such field. Of an
/// ML-KEM seed that is the end of d where a key is made, and the start of z where a ciphertext is rejected: z plays
/// no part in the one, d none in the other.
fn spoil(name: &str, text: &str) -> Option<String> {
    if ["id", "note", "document", "title", "suite", "prf", "integ", "method", "scheme"].contains(&name) {
        return None;
    }
    let mut hex = Hex::parse(text)?;
    let before = usize::from(name == "private_i");
    let middle = hex.0.len().saturating_sub(before) / 2;
    *hex.0.get_mut(middle)? ^= 0x10;
    Some(hex.to_string())
}

/// Spoils each hexadecimal field of a table in turn, sub-tables included, and hands the table over.
fn each_spoilt(table: &Table, check: &mut dyn FnMut(Table, &str)) {
    for (name, value) in table {
        match value {
            Value::String(text) => {
                if let Some(spoilt) = spoil(name, text) {
                    let mut copy = table.clone();
                    copy.insert(name.clone(), Value::String(spoilt));
                    check(copy, name);
                }
            }
            Value::Array(items) => {
                for (place, item) in items.iter().enumerate() {
                    let Value::Table(inner) = item else { continue };
                    each_spoilt(inner, &mut |spoilt, inner_name| {
                        let mut copy = table.clone();
                        let mut items = items.clone();
                        items[place] = Value::Table(spoilt);
                        copy.insert(name.clone(), Value::Array(items));
                        check(copy, inner_name);
                    });
                }
            }
            _ => {}
        }
    }
}

/// The runner can fail: one bit changed in any field of any vector, and that vector fails on every backend.
#[test]
fn every_field_of_every_vector_is_tested() {
    let mut spoilt_fields = 0;
    for (path, text) in FILES {
        let whole: Table = text.parse().expect("TOML");
        for (kind, vectors) in &whole {
            let Value::Array(vectors) = vectors else { continue };
            // The thousand rounds need not be run once a field.
            for vector in vectors.iter().filter_map(Value::as_table).filter(|vector| {
                vector.get("iterations").and_then(Value::as_integer).is_none_or(|iterations| iterations < 10)
            }) {
                each_spoilt(vector, &mut |spoilt, field| {
                    let id = vector["id"].as_str().expect("an id");
                    let mut file = Table::new();
                    file.insert("document".into(), whole["document"].clone());
                    file.insert("title".into(), whole["title"].clone());
                    file.insert(kind.clone(), Value::Array(vec![Value::Table(spoilt)]));
                    let document = load::parse(path, &file.to_string()).expect("still a vector file");
                    let runs = super::document(&document).len();
                    assert_eq!(failures(&document).len(), runs, "{path} {id}: {field} is not tested");
                    spoilt_fields += 1;
                });
            }
        }
    }
    assert!(spoilt_fields > 400, "{spoilt_fields}");
}

#[test]
fn numbers_and_flags_are_tested_too() {
    let spoil = |path: &str, from: &str, to: &str| {
        let (_, text) = FILES.iter().find(|(name, _)| *name == path).expect("a file of ours");
        assert!(text.contains(from), "{path} has no {from}");
        let document = load::parse(path, &text.replace(from, to)).expect("still a vector file");
        assert!(!failures(&document).is_empty(), "{path}: {from} could be {to}");
    };
    spoil("rfc7634/chacha20_poly1305.toml", "sequence = 5", "sequence = 6");
    spoil("rfc7634/chacha20_poly1305.toml", "next_header = 4", "next_header = 41");
    spoil("rfc7634/chacha20_poly1305.toml", "esn = false", "esn = true");
    spoil("rfc3526/modp.toml", "generator = 2", "generator = 5");
    spoil("rfc7748/x25519.toml", "iterations = 1\n", "iterations = 2\n");
    spoil("rfc4231/hmac.toml", "cut = 16", "cut = 17");
    spoil("rfc4231/hmac.toml", "PRF_HMAC_SHA2_384", "PRF_HMAC_SHA2_512");
    spoil("gcm/appendix_b.toml", "AES_GCM_16_256", "AES_GCM_16_128");
}

#[test]
fn a_failure_says_what_and_where() {
    let (path, text) = FILES[0];
    let mut document = load::parse(path, text).expect("our own file");
    document.open_esp[0].packets[1].payload.0[0] ^= 1;
    let failed = failures(&document);
    assert_eq!(failed.len(), 2, "both backends");
    assert_eq!(failed[0].id, document.open_esp[0].id);
    let said = failed[0].result.clone().expect_err("failed").to_string();
    assert!(said.starts_with("payload is ") && said.contains(" instead of "), "{said}");
}
