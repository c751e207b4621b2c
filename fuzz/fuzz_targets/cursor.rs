//! Any text as a cursor, and any bytes as what one holds: nothing opens that was not sealed.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use rollcall_domain::{
    ConnectionId, Cursor, Cursors, Error, Keyring, OrganizationId, Scope, Search, Walk,
};
use rollcall_schema::Instant;

static CURSORS: LazyLock<Cursors> = LazyLock::new(|| {
    let keys = Keyring::parse("test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    Cursors::new(Arc::new(keys.expect("a key")), Duration::from_secs(3600))
});

static WALK: LazyLock<Walk> = LazyLock::new(|| {
    let organization = OrganizationId::from_uuid(uuid::Uuid::nil());
    let connection = ConnectionId::from_uuid(uuid::Uuid::nil());
    Walk::new(Scope { organization, connection }, ["User"], &Search::default())
});

fuzz_target!(|data: &[u8]| {
    let _held = Cursor::from_bytes(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let opened = CURSORS.open(&WALK, Instant::from_millis(0), text);
    assert!(matches!(opened, Err(Error::InvalidCursor)), "{opened:?}");
    let _keys = Keyring::parse(text);
});
