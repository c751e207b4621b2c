//! Every route of the admin API, as its own document has them, so that none can be forgotten.

use rollcall_tests::client::Request;
use rollcall_tests::on_both_stores;
use rollcall_tests::operator::Operator;
use rollcall_tests::server::{PUBLIC_URL, Server};
use serde_json::{Value, json};

use super::fresh;

on_both_stores!(the_document_is_open_and_names_every_route);

/// One operation.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    /// The least role that does it; none where nobody is asked who they are.
    pub(super) role: Option<String>,
    /// Whether a key of one organization can't do it.
    pub(super) everywhere: bool,
    has_body: bool,
    needs: Vec<String>,
}

/// Every operation of the document.
pub(super) async fn routes(server: &Server) -> Vec<Route> {
    let document = Request::new("GET", "/api/v1/openapi.json");
    let document = server.client.send(document).await.is(200).json();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("there are paths") {
        for (method, operation) in methods.as_object().expect("there are operations") {
            let parameters = operation["parameters"].as_array().expect("parameters");
            let needed = parameters
                .iter()
                .filter(|one| one["in"] == "query" && one["required"] == true)
                .map(|one| one["name"].as_str().expect("a name").to_owned());
            routes.push(Route {
                id: operation["operationId"].as_str().expect("it has an id").into(),
                method: method.to_uppercase(),
                path: path.clone(),
                role: operation["x-role"].as_str().map(str::to_owned),
                everywhere: operation["x-everywhere"] == true,
                has_body: operation.get("requestBody").is_some(),
                needs: needed.collect(),
            });
        }
    }
    assert!(routes.len() >= 28, "{} routes", routes.len());
    routes
}

impl Route {
    /// The names of the variable parts of the path.
    pub(super) fn variables(&self) -> Vec<&str> {
        let segments = self.path.split('/');
        segments.filter_map(|one| one.strip_prefix('{')?.strip_suffix('}')).collect()
    }

    /// A request that is well formed, with these in the variable parts of the path.
    pub(super) fn request(&self, by: &Operator, ids: &[(&str, &str)]) -> Request {
        let mut path = self.path.clone();
        for (name, id) in ids {
            path = path.replace(&format!("{{{name}}}"), id);
        }
        assert!(!path.contains('{'), "{path}");
        let query: Vec<&str> = self
            .needs
            .iter()
            .map(|name| match name.as_str() {
                "people" => "people=keep",
                other => panic!("{}: say what `{other}` may be", self.id),
            })
            .collect();
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        match self.has_body {
            true => by.asking(&self.method, &path, &self.body()),
            false => by.request(&self.method, &path),
        }
    }

    /// A body that could be sent.
    fn body(&self) -> Value {
        match self.id.as_str() {
            "createOrganization" | "changeOrganization" => json!({"name": fresh("Named")}),
            "createConnection" | "createToken" | "startRotation" => json!({}),
            "configureConnection" => json!({"limits": {"pageMax": 77}}),
            "addSchemas" => json!({"pack": "okta-entitlements"}),
            "finishRotation" => json!({"force": true}),
            "createAdminKey" => json!({"name": "made by a test", "role": "read-only"}),
            other => panic!("say what `{other}` takes"),
        }
    }
}

async fn the_document_is_open_and_names_every_route(server: &Server) {
    let request = Request::new("GET", "/api/v1/openapi.json");
    let answer = server.client.send(request).await.is(200);
    assert!(answer.header("content-type").is_some_and(|t| t.starts_with("application/json")));
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], json!(format!("{PUBLIC_URL}/api/v1")));
    let routes = routes(server).await;
    let open: Vec<_> = routes.iter().filter(|route| route.role.is_none()).collect();
    assert!(matches!(open.as_slice(), [one] if one.path == "/openapi.json"), "{open:?}");
    for path in [
        "/organizations",
        "/organizations/{org}",
        "/organizations/{org}/connections",
        "/organizations/{org}/connections/{connection}",
        "/organizations/{org}/connections/{connection}/status",
        "/organizations/{org}/connections/{connection}/validate",
        "/organizations/{org}/connections/{connection}/tokens",
        "/organizations/{org}/connections/{connection}/schemas",
        "/admin/keys",
    ] {
        assert!(routes.iter().any(|route| route.path == path), "no {path}");
    }
    // Whatever is not in it is not there.
    let owner = server.owner();
    for route in &routes {
        let ids: Vec<(&str, &str)> =
            route.variables().into_iter().map(|name| (name, "x")).collect();
        let mut known: Vec<_> =
            routes.iter().filter(|one| one.path == route.path).map(|one| &*one.method).collect();
        known.push("HEAD");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let other = Route { method: method.into(), has_body: false, ..route.clone() };
            let answer = owner.send(other.request(&owner, &ids)).await;
            assert_eq!(answer.status == 405, !known.contains(&method), "{answer}");
        }
    }
}
