//! What is logged of a request to the admin API, and what never is.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing_subscriber::fmt::format::FmtSpan;

use crate::world::World;

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

/// R-E-13.
#[tokio::test]
async fn r_e_13_spans_name_the_actor_and_no_secret() {
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
    let world = World::new().await;
    let made = {
        let _logging = tracing::subscriber::set_default(subscriber);
        let body = json!({"name": "hunter2 of Ada"});
        let made = world.post(&format!("{}/tokens", world.a.at()), body).await.is(201).clone();
        world.get("/organizations/hunter2").await.is(404);
        world.get("/hunter2").await.is(404);
        made
    };
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for secret in ["hunter2", &*world.root, &made.text_of("token")] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let spans = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let spans: Vec<Value> = spans.map(|line| line["span"].clone()).collect();
    let [write, read, nowhere] = spans.as_slice() else { panic!("three: {text}") };
    let route = "/api/v1/organizations/{org}/connections/{connection}/tokens";
    assert_eq!((&write["route"], &write["method"]), (&json!(route), &json!("POST")));
    assert_eq!((&write["status"], &write["connection"]), (&json!(201), &json!(world.a.connection)));
    assert_eq!(write["organization"], json!(world.a.org));
    assert!(write["actor"].as_str().unwrap().starts_with("adm_"));
    assert_eq!((&read["organization"], &read["status"]), (&Value::Null, &json!(404)));
    assert_eq!(nowhere["route"], "unknown");
}
