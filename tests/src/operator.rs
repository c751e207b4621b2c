//! An operator with an admin key: what they know and send.

use rollcall_domain::{Scope, Store};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::client::{Answer, Client, Request};
use crate::idp::Idp;
use crate::wait::until;

/// Where the admin API is.
pub const API: &str = "/api/v1";

/// Somebody with an admin key. The form of every answer is checked.
#[derive(Clone, Debug)]
pub struct Operator {
    /// The wire.
    pub client: Client,
    /// The admin key.
    pub key: String,
}

/// A connection that was made through the API, as the answer named it.
#[derive(Clone, Debug)]
pub struct Made {
    /// The whole answer.
    pub shown: Value,
    /// The path of the connection below `/api/v1`.
    pub path: String,
}

impl Operator {
    /// The same with another key.
    pub fn with(&self, key: impl Into<String>) -> Self {
        Self { client: self.client.clone(), key: key.into() }
    }

    /// A request below `/api/v1`, with the key.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, format!("{API}{path}")).bearer(&self.key)
    }

    /// The same with a JSON body.
    pub fn asking(&self, method: &str, path: &str, body: &Value) -> Request {
        let request = self.request(method, path).header("content-type", "application/json");
        request.body(body.to_string())
    }

    /// Sends a request.
    pub async fn send(&self, request: Request) -> Answer {
        well_formed(self.client.send(request).await)
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    /// Makes or does something.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.asking("POST", path, body)).await
    }

    /// Does something that nothing is said about.
    pub async fn act(&self, path: &str) -> Answer {
        self.send(self.request("POST", path)).await
    }

    /// Changes.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.asking("PATCH", path, body)).await
    }

    /// Deletes or ends.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path)).await
    }

    /// Makes an organization. Answers its path.
    pub async fn organization(&self, name: &str) -> String {
        let made = self.post("/organizations", &json!({"name": name})).await.is(201).json();
        format!("/organizations/{}", text(&made, "organizationId"))
    }

    /// Makes a connection of the organization at this path.
    pub async fn connection(&self, organization: &str, body: Value) -> Made {
        let shown = self.post(&format!("{organization}/connections"), &body).await.is(201).json();
        let path = format!("{organization}/connections/{}", text(&shown, "connectionId"));
        Made { shown, path }
    }

    /// Makes an admin key.
    pub async fn colleague(&self, body: Value) -> Self {
        let made = self.post("/admin/keys", &body).await.is(201).json();
        self.with(text(&made, "key"))
    }

    /// Every page of a list, each of so many.
    pub async fn pages(&self, path: &str, limit: usize) -> Vec<Vec<Value>> {
        let (mut pages, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?limit={limit}{after}")).await.is(200).json();
            pages.push(page["items"].as_array().expect("a list has items").clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return pages,
            }
        }
    }

    /// Waits until a job is finished, while `step` is done again and again.
    pub async fn finished(&self, job: &str, step: impl AsyncFn()) -> Value {
        until("the job is finished", async || {
            step().await;
            let shown = self.get(job).await.is(200).json();
            (shown["state"] == "finished").then_some(shown)
        })
        .await
    }
}

impl Made {
    /// A text of the answer.
    #[track_caller]
    pub fn text(&self, name: &str) -> String {
        text(&self.shown, name)
    }

    /// The connection as its IdP sees it.
    pub fn idp(&self, client: &Client, store: &Arc<dyn Store>) -> Idp {
        let id = |name: &str| self.text(name);
        Idp {
            client: client.clone(),
            base: format!("/connections/{}/scim/v2", id("connectionId")),
            token: id("token"),
            token_id: id("tokenId").parse().expect("the id of a token"),
            at: Scope {
                organization: id("organizationId").parse().expect("the id of an organization"),
                connection: id("connectionId").parse().expect("the id of a connection"),
            },
            store: Arc::clone(store),
        }
    }
}

/// A text in an object.
#[track_caller]
pub fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {object}")).to_owned()
}

/// Asserts what holds for every answer of the admin API, whatever was asked.
#[track_caller]
pub fn well_formed(answer: Answer) -> Answer {
    assert!(answer.status < 500, "the server failed: {answer}");
    assert!(answer.header("x-request-id").is_some(), "{answer}");
    if answer.status >= 400 {
        // RFC 9457 §3.
        let media_type = answer.header("content-type").unwrap_or_default();
        assert!(media_type.starts_with("application/problem+json"), "`{media_type}`: {answer}");
        let body = answer.json();
        assert_eq!(body["status"], json!(answer.status), "{answer}");
        for member in ["type", "title", "detail"] {
            let told = body[member].as_str().unwrap_or_default();
            assert!(!told.is_empty(), "no `{member}`: {answer}");
        }
    }
    answer
}
