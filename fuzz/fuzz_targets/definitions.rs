//! Any text as schemas and resource types: refused with places that are in the text, or types that
//! compile under every profile and take or refuse bodies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall_schema::{Accept, Catalog, Definitions, Fault, Profile, ProfileName};
use serde_json::{Map, Value, json};

/// Each removal checks all that is left.
const MOST_REMOVED: usize = 8;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Definitions::read(text) {
        Ok(read) => {
            let kept = serde_json::to_string(&read).expect("definitions are JSON");
            assert_eq!(Definitions::read(&kept).as_ref(), Ok(&read), "as `{kept}`");
        }
        Err(faults) => points(&faults, text),
    }
    match Definitions::default().amend(text) {
        Ok(whole) => {
            assert_eq!(whole.check(), Ok(()));
            assert_eq!(whole.amend(text).as_ref(), Ok(&whole), "added once more");
            compiles(&whole);
            goes(whole);
        }
        Err(faults) => points(&faults, text),
    }
});

fn points(faults: &[Fault], text: &str) {
    assert!(!faults.is_empty());
    for fault in faults {
        let line = text.split('\n').nth(fault.line - 1).expect("a line of the text");
        assert!(fault.column <= line.chars().count() + 1, "{fault:?}");
        assert_eq!(fault.to_string().lines().count(), 1, "{fault:?}");
    }
}

fn compiles(whole: &Definitions) {
    for name in ProfileName::ALL {
        let profile = Profile::of(name);
        accept_bodies(&Catalog::compile(whole, &profile).expect("checked definitions"), &profile);
    }
}

/// Gives every attribute of every type a value that may or may not fit.
fn accept_bodies(catalog: &Catalog, profile: &Profile) {
    for ty in catalog.types() {
        for value in [json!("a"), json!(1), json!({"value": "a"}), json!([{"value": "a"}])] {
            let names = ty.attrs().iter().map(|attr| (attr.name.to_string(), value.clone()));
            let body: Map<String, Value> = names.collect();
            if let Ok(accepted) = ty.accept(Value::Object(body), Accept::Create, profile) {
                ty.index_keys(&accepted.document);
            }
        }
    }
}

/// Takes away what can be taken; what stays fits together.
fn goes(mut whole: Definitions) {
    let types = whole.resource_types.iter().map(|ty| ty.name.clone());
    let schemas = whole.schemas.iter().map(|schema| schema.id.clone());
    let names: Vec<String> = types.chain(schemas).take(MOST_REMOVED).collect();
    for name in names {
        let before = whole.clone();
        match whole.remove(&name) {
            Ok(_) => assert_eq!(whole.check(), Ok(()), "without `{name}`"),
            Err(_) => assert_eq!(whole, before),
        }
    }
}
