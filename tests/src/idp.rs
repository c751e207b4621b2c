//! An IdP with its connection: what a client knows and sends.

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rollcall_domain::{Scope, Store, TokenId};
use serde_json::{Value, json};

use crate::client::{Answer, BULK, Client, PATCH, Request};

/// One connection as its IdP sees it. Every answer's form is checked.
#[derive(Clone)]
pub struct Idp {
    /// The wire.
    pub client: Client,
    /// The path of the SCIM base: `/connections/conn_…/scim/v2`.
    pub base: String,
    /// The bearer token.
    pub token: String,
    /// The token's id.
    pub token_id: TokenId,
    /// The organization and connection.
    pub at: Scope,
    /// The store behind the server, for what no request can prepare.
    pub store: Arc<dyn Store>,
}

impl Idp {
    /// A request below the SCIM base, with the token.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, format!("{}{path}", self.base)).bearer(&self.token)
    }

    /// Sends a request.
    pub async fn send(&self, request: Request) -> Answer {
        self.client.send(request).await.well_formed()
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    /// Creates or searches.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request("POST", path).json(body)).await
    }

    /// Replaces.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request("PUT", path).json(body)).await
    }

    /// Patches with one operation or a list of them.
    pub async fn patch(&self, path: &str, operations: Value) -> Answer {
        let operations = if operations.is_array() { operations } else { json!([operations]) };
        let body = json!({"schemas": [PATCH], "Operations": operations});
        self.send(self.request("PATCH", path).json(&body)).await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path)).await
    }

    /// Sends operations in bulk.
    pub async fn bulk(&self, operations: Value) -> Answer {
        self.post("/Bulk", &json!({"schemas": [BULK], "Operations": operations})).await
    }

    /// Walks a list by cursor: `/Users`, `count=2`. Answers the ids page by page.
    pub async fn walk(&self, endpoint: &str, query: &str) -> Vec<Vec<String>> {
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{endpoint}?{query}&cursor={cursor}")).await.is(200);
            pages.push(page.ids());
            match page.json()["nextCursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => return pages,
            }
        }
    }

    /// Waits until a request that was answered before it was done is done. Answers what came of it.
    pub async fn outcome(&self, transaction: &str) -> Answer {
        loop {
            let answer = self.get(&format!("/AsyncResults/{transaction}")).await;
            if answer.status != 202 {
                return answer;
            }
            assert!(answer.header("retry-after").is_some(), "{answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lists what satisfies a filter: `/Users`, `userName eq "ada"`.
    pub async fn find(&self, endpoint: &str, filter: &str) -> Answer {
        self.get(&format!("{endpoint}?filter={}", encoded(filter))).await
    }

    /// Creates a user with this userName. Answers its id.
    pub async fn user(&self, name: &str) -> String {
        self.post("/Users", &json!({"schemas": [crate::data::USER], "userName": name}))
            .await
            .is(201)
            .id()
    }

    /// Creates a group of these members. Answers its id.
    pub async fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        let body =
            json!({"schemas": [crate::data::GROUP], "displayName": name, "members": members});
        self.post("/Groups", &body).await.is(201).id()
    }

    /// The ids of a group's members, sorted.
    pub async fn members(&self, group: &str) -> Vec<String> {
        let group = self.get(&format!("/Groups/{group}")).await.is(200).json();
        member_ids(&group)
    }
}

impl std::fmt::Debug for Idp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idp").field("base", &self.base).finish_non_exhaustive()
    }
}

/// The ids of the members in a group's body, sorted.
pub fn member_ids(group: &Value) -> Vec<String> {
    let members = group["members"].as_array().into_iter().flatten();
    let mut ids: Vec<String> =
        members.map(|member| member["value"].as_str().expect("members have ids").into()).collect();
    ids.sort();
    ids
}

/// Text as it stands in a query.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Texts in order, for comparing sets.
pub fn sorted<T: Ord + Clone>(list: &[T]) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort();
    list
}
