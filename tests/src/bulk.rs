//! Bulk requests as a client builds them.

use serde_json::{Value, json};

use crate::client::{BULK, PATCH};
use crate::data::{GROUP, USER};
use crate::idp::Idp;

/// A request of these operations.
pub fn request(operations: &[Value]) -> Value {
    json!({"schemas": [BULK], "Operations": operations})
}

/// A POST that others refer to as `id`.
pub fn post(id: &str, path: &str, data: &Value) -> Value {
    json!({"method": "POST", "bulkId": id, "path": path, "data": data})
}

/// A POST of a user of this name, who is referred to by it.
pub fn user(name: &str) -> Value {
    post(name, "/Users", &json!({"schemas": [USER], "userName": name}))
}

/// A POST of a group of this name, which is referred to by it.
pub fn group(name: &str, members: impl IntoIterator<Item = impl AsRef<str>>) -> Value {
    let members = members.into_iter().map(|id| json!({"value": id.as_ref()}));
    let members: Vec<Value> = members.collect();
    post(name, "/Groups", &json!({"schemas": [GROUP], "displayName": name, "members": members}))
}

/// A PATCH of one operation.
pub fn patch(path: &str, operation: &Value) -> Value {
    let data = json!({"schemas": [PATCH], "Operations": [operation]});
    json!({"method": "PATCH", "path": path, "data": data})
}

/// A DELETE.
pub fn delete(path: &str) -> Value {
    json!({"method": "DELETE", "path": path})
}

/// Sends operations in one request, which is answered with a result of each that was processed.
pub async fn send(idp: &Idp, operations: &[Value]) -> Vec<Value> {
    idp.post("/Bulk", &request(operations)).await.operations()
}

/// The statuses of results.
#[track_caller]
pub fn statuses(results: &[Value]) -> Vec<&str> {
    let status = |result: &Value| result["status"].as_str().map(str::len);
    assert!(results.iter().all(|result| status(result) == Some(3)), "{results:?}");
    results.iter().filter_map(|result| result["status"].as_str()).collect()
}

/// The id at the end of a result's location.
#[track_caller]
pub fn id(result: &Value) -> String {
    let location = result["location"].as_str();
    let id = location.and_then(|location| location.rsplit('/').next());
    id.unwrap_or_else(|| panic!("no location: {result}")).to_owned()
}
