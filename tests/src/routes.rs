//! Every route below a SCIM base, for tests that try each.

use serde_json::{Value, json};

use crate::client::{BULK, PATCH, SEARCH};
use crate::data::{GROUP, USER};

/// An id that nobody has.
pub const NOBODY: &str = "01890000-0000-7000-8000-00000000000a";

/// A transaction that nobody began.
pub const NO_TRANSACTION: &str = "txn_0189000000007000800000000000000a";

/// Every route with each of its methods, below a SCIM base.
pub fn scim() -> Vec<(&'static str, String, Value)> {
    let mut routes = Vec::new();
    let search = json!({"schemas": [SEARCH]});
    let patch = json!({"schemas": [PATCH], "Operations": [
        {"op": "replace", "path": "displayName", "value": "taken over"},
    ]});
    for (endpoint, schema) in [("/Users", USER), ("/Groups", GROUP)] {
        let body = json!({"schemas": [schema], "userName": "intruder", "displayName": "intruder"});
        let one = format!("{endpoint}/{NOBODY}");
        routes.push(("GET", endpoint.to_owned(), Value::Null));
        routes.push(("GET", format!("{endpoint}?filter=garbage"), Value::Null));
        routes.push(("HEAD", endpoint.to_owned(), Value::Null));
        routes.push(("POST", endpoint.to_owned(), body.clone()));
        routes.push(("DELETE", endpoint.to_owned(), Value::Null));
        routes.push(("POST", format!("{endpoint}/.search"), search.clone()));
        routes.push(("GET", one.clone(), Value::Null));
        routes.push(("PUT", one.clone(), body));
        routes.push(("PATCH", one.clone(), patch.clone()));
        routes.push(("DELETE", one.clone(), Value::Null));
        routes.push(("POST", one, Value::Null));
    }
    for path in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes", "/ResourceTypes/User"] {
        routes.push(("GET", path.to_owned(), Value::Null));
        routes.push(("POST", path.to_owned(), Value::Null));
    }
    routes.push(("GET", format!("/Schemas/{USER}"), Value::Null));
    let operations = json!([{"method": "DELETE", "path": format!("/Users/{NOBODY}")}]);
    routes.push(("POST", "/Bulk".into(), json!({"schemas": [BULK], "Operations": operations})));
    routes.push(("GET", "/Users?cursor&count=1".into(), Value::Null));
    routes.push(("GET", "/Users?cursor=garbage".into(), Value::Null));
    routes.push(("PUT", "/Me".into(), json!({"schemas": [USER], "userName": "intruder"})));
    routes.push(("GET", format!("/AsyncResults/{NO_TRANSACTION}"), Value::Null));
    routes.push(("DELETE", format!("/AsyncResults/{NO_TRANSACTION}"), Value::Null));
    for path in ["/Me", "/Bulk", "/.search", "/Nope", "/Nope/x/y", "", "/"] {
        for method in ["GET", "POST", "PATCH", "DELETE", "OPTIONS"] {
            routes.push((method, path.to_owned(), search.clone()));
        }
    }
    routes
}
