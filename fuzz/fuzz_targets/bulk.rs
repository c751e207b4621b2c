//! Any body as a bulk request to the service over an empty directory: never its own fault, and one
//! answer at most per operation.
#![no_main]

use std::sync::{Arc, LazyLock};

use http_body_util::{BodyExt as _, Full};
use libfuzzer_sys::fuzz_target;
use rollcall_domain::{
    Admin, Authenticator, Caller, Directory, NewConnection, SystemClock, UuidIds,
};
use rollcall_http::{App, Settings};
use rollcall_testkit::MemoryStore;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));

fuzz_target!(|data: &[u8]| RUNTIME.block_on(answer(data)));

async fn answer(data: &[u8]) {
    let store = Arc::new(MemoryStore::new());
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidIds));
    let admin = Admin::new(store.clone(), store.clone(), clock.clone(), ids.clone());
    let made = admin.connect(&Caller::CLI, "Acme", &NewConnection::default()).await;
    let minted = made.expect("a connection").minted.expect("its first token");
    let directory = Directory::new(store.clone(), clock, ids);
    let settings = Settings { bulk_operations: 100, ..Settings::default() };
    let app = App::new(directory, Authenticator::new(store.clone()), store, settings);
    let request = http::Request::post("/scim/v2/Bulk")
        .header("authorization", format!("Bearer {}", minted.reveal()))
        .header("content-type", "application/scim+json")
        .body(Full::new(data.to_vec().into()) as Full<bytes::Bytes>)
        .expect("a request");
    let (head, body) = app.handle(request).await.into_parts();
    assert!(head.status.as_u16() < 500, "{}", head.status);
    let body = body.collect().await.expect("the answer is whole").to_bytes();
    let body: Value = serde_json::from_slice(&body).expect("the answer is JSON");
    if head.status == 200 {
        let answers = body["Operations"].as_array().expect("answers").len();
        let asked: Value = serde_json::from_slice(data.trim_ascii()).unwrap_or_default();
        let asked = asked["Operations"].as_array().map_or(usize::MAX, Vec::len);
        assert!(answers <= asked, "{answers} answers to {asked} operations");
    }
}
