//! What is logged and counted of a request, and what never is.

use std::io::Write;
use std::sync::{Arc, Mutex};

use http::Method;
use metrics_exporter_prometheus::PrometheusBuilder;
use rollcall_domain::{Dialects, SystemClock};
use rollcall_schema::standard;
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::world::{Tenant, World};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What this thread logs, from the beginning to the end.
pub(crate) struct Logged {
    lines: Lines,
    _logging: DefaultGuard,
}

impl Logged {
    pub(crate) fn begin() -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_span_events(FmtSpan::CLOSE)
            .with_writer(move || writer.clone())
            .finish();
        // A scoped subscriber that is the only one isn't asked by other threads: what they reach
        // first would stay off here too.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
        Self { lines, _logging: tracing::subscriber::set_default(subscriber) }
    }

    pub(crate) fn end(self) -> String {
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }
}

async fn some_requests(world: &World) -> String {
    let body = json!({"userName": "ada@secret.example", "password": "hunter2hunter2"});
    let id = world.made(&world.a, "/Users", &body).await;
    world.get(&format!("/Users/{id}")).await.is(200);
    world.get("/Users/ada@secret.example").await.is_error(404, "");
    world.get("/Users?filter=userName%20eq%20%22ada@secret.example%22").await.is(200);
    let nobody = Tenant { token: "hunter2hunter2".into(), ..world.a.clone() };
    world.send(&nobody, Method::GET, "/Users", &[], "").await.is_error(401, "");
    id
}

#[tokio::test]
async fn spans_name_the_connection_and_no_person() {
    // R-SEC-03, R-E-13
    let world = World::new().await;
    let logged = Logged::begin();
    let id = some_requests(&world).await;
    let text = logged.end();
    for secret in ["hunter2", "secret.example", &world.a.token] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let spans = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let spans: Vec<Value> = spans.map(|line| line["span"].clone()).collect();
    let [_, read, missing, list, nobody] = spans.as_slice() else { panic!("five: {text}") };
    assert_eq!((&read["route"], &read["method"]), (&json!("/Users/{id}"), &json!("GET")));
    assert_eq!((&read["status"], &read["resource.id"]), (&json!(200), &json!(id)));
    assert_eq!(read["resource.type"], "User");
    assert!(world.a.path.contains(read["connection"].as_str().unwrap()));
    assert!(read["organization"].as_str().unwrap().starts_with("org_"));
    assert!(read["actor"].as_str().unwrap().starts_with("tok_"));
    assert!(read["duration_ms"].is_number() && read["request_id"].is_string());
    assert_eq!((&missing["status"], &missing["resource.id"]), (&json!(404), &Value::Null));
    assert_eq!(list["route"], "/Users");
    assert_eq!((&nobody["status"], &nobody["connection"]), (&json!(401), &Value::Null));
}

#[test]
fn metrics_have_templates_and_no_names() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let id = metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async { some_requests(&World::new().await).await })
    });
    let text = handle.render();
    for line in [
        r#"rollcall_http_requests_total{method="POST",route="/Users",status="201"} 1"#,
        r#"rollcall_http_requests_total{method="GET",route="/Users/{id}",status="404"} 1"#,
        r#"rollcall_http_request_seconds_count{method="GET",route="/Users/{id}"} 2"#,
        "rollcall_http_requests_in_flight 0",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    for name in [id.as_str(), "conn_", "org_", "secret"] {
        assert!(!text.contains(name), "{name} in {text}");
    }
}

#[tokio::test]
async fn dialects_are_seen_and_change_nothing() {
    let world = World::new().await;
    let clock = Arc::new(SystemClock);
    let dialects = Dialects::new(world.registry.clone(), clock);
    let world = world.serving(|app| app.with_dialects(dialects));
    let dialect = async |tenant: &Tenant| world.connection(tenant).await.traffic.dialect;
    let plain = world.get("/Users?startIndex=1&count=100").await.is(200).json();
    assert_eq!(dialect(&world.a).await, None);
    let okta = [("user-agent", "Okta SCIM Client 1.0.0")];
    let path = "/Users?startIndex=1&count=100";
    let seen = world.send(&world.a, Method::GET, path, &okta, "").await;
    assert_eq!(seen.is(200).json(), plain);
    assert_eq!(dialect(&world.a).await.as_deref(), Some("okta"));
    // By how a body is worded, though it is refused (E-ENTRA-04, E-ENTRA-05).
    let body = json!({"schemas": [standard::PATCH_OP],
        "Operations": [{"op": "Replace", "path": "active", "value": "False"}]});
    world.send(&world.b, Method::PATCH, "/Users/none", &[], &body).await.is_error(404, "");
    assert_eq!(dialect(&world.b).await.as_deref(), Some("entra-legacy"));
    let flag = "/Users?aadOptscim062020&filter=userName%20eq%20%22x%22";
    world.send(&world.entra, Method::GET, flag, &[], "").await.is(200);
    assert_eq!(dialect(&world.entra).await.as_deref(), Some("entra"));
}
