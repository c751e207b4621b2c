//! A SCIM server in memory, for the tests of a client: std, serde_json and this crate.
//!
//! `cargo run -p rollcall-schema --example mock_server -- 127.0.0.1:8080 [definitions.json]`
//! `curl 'http://127.0.0.1:8080/Users?filter=userName%20eq%20%22ada%22'`
//!
//! It takes one request at a time, forgets everything when it ends, and asks nobody who they are.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write, stdout};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rollcall_filter::parse_filter;
use rollcall_schema::{
    Accept, Base, Catalog, Definitions, Document, Instant, Link, LinkChange, PatchError, Profile,
    ResourceType, View, Violation, standard,
};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let mut definitions = Definitions::default();
    if let Some(path) = arguments.next() {
        let text = std::fs::read_to_string(&path)?;
        definitions = definitions.amend(&text).map_err(|faults| {
            let lines: Vec<_> = faults.iter().map(|fault| format!("{path}: {fault}")).collect();
            lines.join("\n")
        })?;
    }
    let profile = Profile::GENERIC;
    let catalog = Catalog::compile(&definitions, &profile)?;
    let mut mock = Mock { catalog, profile, held: BTreeMap::new(), clock: 0 };
    let listener = TcpListener::bind(address)?;
    writeln!(stdout(), "http://{}", listener.local_addr()?)?;
    for stream in listener.incoming() {
        // A client that goes away is no reason to end.
        let _ = serve(&mut mock, stream?);
    }
    Ok(())
}

/// Everything there is, by type and id.
struct Mock {
    catalog: Catalog,
    profile: Profile,
    held: BTreeMap<(String, String), Held>,
    /// Moves by one with every write, so that a run can be repeated exactly.
    clock: u32,
}

struct Held {
    created: u32,
    modified: u32,
    document: Document,
    links: Vec<Link>,
}

/// A status and a body.
type Answer = (u16, Value);

impl Mock {
    fn answer(&mut self, method: &str, target: &str, body: &str) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut steps = path.split('/').filter(|step| !step.is_empty());
        let (endpoint, id) = (steps.next().unwrap_or_default(), steps.next());
        let types = self.catalog.types();
        let Some(ty) = types.iter().find(|ty| ty.endpoint() == endpoint).map(Arc::clone) else {
            return refuse(404, None, "no such endpoint");
        };
        let sent = match method {
            "GET" | "DELETE" => Ok(Value::Null),
            _ => serde_json::from_str(body),
        };
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) => return refuse(400, Some("invalidSyntax"), &error.to_string()),
        };
        match (method, id) {
            ("GET", None) => self.find(&ty, query),
            ("GET", Some(id)) => self.get(&ty, id),
            ("POST", None) => self.create(&ty, sent),
            ("PUT", Some(id)) => self.replace(&ty, id, sent),
            ("PATCH", Some(id)) => self.patch(&ty, id, sent),
            ("DELETE", Some(id)) => self.delete(&ty, id),
            _ => refuse(405, None, "the method doesn't go with the path"),
        }
    }

    fn find(&self, ty: &ResourceType, query: &str) -> Answer {
        let filter = query.split('&').find_map(|pair| pair.strip_prefix("filter="));
        let filter = filter.map_or_else(|| "id pr".into(), decode);
        let parsed = parse_filter(&filter).map_err(|error| error.to_string());
        let condition = parsed.and_then(|filter| {
            ty.condition(&filter, &self.profile).map_err(|error| error.to_string())
        });
        let condition = match condition {
            Ok(condition) => condition,
            Err(detail) => return refuse(400, Some("invalidFilter"), &detail),
        };
        let of_type = self.held.iter().filter(|((kind, _), _)| kind == ty.name());
        let found = of_type.filter(|((_, id), held)| condition.matches(ty, &held.view(id)));
        let resources: Vec<_> = found.map(|((_, id), held)| held.render(ty, id)).collect();
        let count = resources.len();
        (
            200,
            json!({"schemas": [standard::LIST_RESPONSE], "totalResults": count, "startIndex": 1,
                "itemsPerPage": count, "Resources": resources}),
        )
    }

    fn get(&self, ty: &ResourceType, id: &str) -> Answer {
        match self.held.get(&key(ty, id)) {
            Some(held) => (200, held.render(ty, id)),
            None => refuse(404, None, "no such resource"),
        }
    }

    fn create(&mut self, ty: &ResourceType, sent: Value) -> Answer {
        match ty.accept(sent, Accept::Create, &self.profile) {
            Ok(accepted) => {
                let id = format!("{:04}", self.clock + 1);
                self.write(ty, &id, accepted.document, &accepted.links, 201)
            }
            Err(violation) => violated(&violation),
        }
    }

    fn replace(&mut self, ty: &ResourceType, id: &str, sent: Value) -> Answer {
        let Some(held) = self.held.get(&key(ty, id)) else {
            return refuse(404, None, "no such resource");
        };
        let how = Accept::Replace { id, before: &held.document };
        match ty.accept(sent, how, &self.profile) {
            Ok(accepted) => self.write(ty, id, accepted.document, &accepted.links, 200),
            Err(violation) => violated(&violation),
        }
    }

    fn patch(&mut self, ty: &ResourceType, id: &str, sent: Value) -> Answer {
        let Some(held) = self.held.get(&key(ty, id)) else {
            return refuse(404, None, "no such resource");
        };
        let patch = ty.patch(sent, &self.profile);
        match patch.and_then(|patch| patch.apply(ty, &held.view(id), &self.profile)) {
            Ok(patched) => self.write(ty, id, patched.document, &patched.links, 200),
            Err(error) => {
                // Shown, the error begins with the place in the request.
                let scim_type = match &error {
                    PatchError::Path { .. } => "invalidPath",
                    PatchError::Filter { .. } => "invalidFilter",
                    PatchError::NoTarget { .. } => "noTarget",
                    PatchError::Violation { violation, .. } => scim_type(violation),
                    _ => "invalidSyntax",
                };
                refuse(400, Some(scim_type), &error.to_string())
            }
        }
    }

    fn delete(&mut self, ty: &ResourceType, id: &str) -> Answer {
        if self.held.remove(&key(ty, id)).is_none() {
            return refuse(404, None, "no such resource");
        }
        for held in self.held.values_mut() {
            held.links.retain(|link| link.id != id);
        }
        (204, Value::Null)
    }

    /// Keeps a resource, unless another has a value that must be unique.
    fn write(
        &mut self,
        ty: &ResourceType,
        id: &str,
        document: Document,
        changes: &[LinkChange],
        status: u16,
    ) -> Answer {
        let unique = |document: &Document| {
            ty.index_keys(document).into_iter().filter(|key| key.unique).collect::<Vec<_>>()
        };
        let wanted = unique(&document);
        let others = self.held.iter().filter(|((kind, other), _)| kind == ty.name() && other != id);
        for (_, held) in others {
            if let Some(taken) = unique(&held.document).iter().find(|key| wanted.contains(key)) {
                let detail = format!("`{}` is taken", ty.attr(taken.attr).path);
                return refuse(409, Some("uniqueness"), &detail);
            }
        }
        let mut links =
            self.held.get(&key(ty, id)).map_or_else(Vec::new, |held| held.links.clone());
        for change in changes {
            let gone =
                |link: &Link| change.base == Base::Nothing || change.remove.contains(&link.id);
            links.retain(|link| !gone(link));
            for member in &change.add {
                if links.iter().any(|link| link.id == *member) {
                    continue;
                }
                let Some((kind, _)) = self.held.keys().find(|(_, held)| held == member) else {
                    return refuse(400, Some("invalidValue"), "no such member");
                };
                links.push(Link { id: member.clone(), kind: kind.clone(), display: None });
            }
        }
        self.clock += 1;
        let created = self.held.get(&key(ty, id)).map_or(self.clock, |held| held.created);
        let held = Held { created, modified: self.clock, document, links };
        let body = held.render(ty, id);
        self.held.insert(key(ty, id), held);
        (status, body)
    }
}

impl Held {
    fn view<'a>(&'a self, id: &'a str) -> View<'a> {
        View {
            id,
            version: self.modified.into(),
            created: Instant::from_millis(self.created.into()),
            modified: Instant::from_millis(self.modified.into()),
            document: &self.document,
            links: &self.links,
            incoming: &[],
        }
    }

    fn render(&self, ty: &ResourceType, id: &str) -> Value {
        let mut body = self.document.body().clone();
        let carried = ty.extensions().iter().filter(|extension| body.contains_key(&*extension.urn));
        let urns = std::iter::once(ty.schema()).chain(carried.map(|extension| &*extension.urn));
        let schemas: Value = urns.collect();
        if let Some(relation) = ty.relation().filter(|_| !self.links.is_empty()) {
            let links = self.links.iter().map(|link| json!({"value": link.id, "type": link.kind}));
            body.insert(relation.name.to_string(), links.collect());
        }
        let seen = self.view(id);
        let meta = json!({"resourceType": ty.name(), "created": seen.created.to_string(),
            "lastModified": seen.modified.to_string(), "version": format!("W/\"{}\"", seen.version)});
        body.extend([("schemas".into(), schemas), ("id".into(), id.into()), ("meta".into(), meta)]);
        Value::Object(body)
    }
}

fn key(ty: &ResourceType, id: &str) -> (String, String) {
    (ty.name().to_owned(), id.to_owned())
}

fn violated(violation: &Violation) -> Answer {
    refuse(400, Some(scim_type(violation)), &violation.to_string())
}

fn scim_type(violation: &Violation) -> &'static str {
    match violation {
        Violation::Syntax(_) => "invalidSyntax",
        Violation::Mutability(_) => "mutability",
        _ => "invalidValue",
    }
}

fn refuse(status: u16, scim_type: Option<&str>, detail: &str) -> Answer {
    let mut body =
        json!({"schemas": [standard::ERROR], "status": status.to_string(), "detail": detail});
    if let (Some(scim_type), Some(body)) = (scim_type, body.as_object_mut()) {
        body.insert("scimType".into(), scim_type.into());
    }
    (status, body)
}

/// Percent-decodes a query value.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digits = if byte == b'%' { rest.clone().take(2).collect() } else { Vec::new() };
        let digits = String::from_utf8(digits).unwrap_or_default();
        match u8::from_str_radix(&digits, 16) {
            Ok(decoded) => {
                bytes.push(decoded);
                rest.nth(1);
            }
            Err(_) => bytes.push(if byte == b'+' { b' ' } else { byte }),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One request and its answer; then the connection ends.
fn serve(mock: &mut Mock, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) =
        (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = String::new();
    reader.by_ref().take(length).read_to_string(&mut body)?;
    let (status, answer) = mock.answer(&method, &target, &body);
    let answer = if answer.is_null() { String::new() } else { answer.to_string() };
    let head = format!(
        "HTTP/1.1 {status} \r\nContent-Type: application/scim+json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        answer.len()
    );
    reader.get_mut().write_all((head + &answer).as_bytes())
}
