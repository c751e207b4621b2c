//! The crate arrows: which of our crates may use which.

use serde_json::Value;

/// The pure core that every adapter may use.
const CORE: &[&str] = &["rollcall-filter", "rollcall-schema", "rollcall-domain"];

/// The drawing in `docs/architecture.md`: each crate and those it may use; `*` is every published one.
const ARROWS: &[(&str, &[&str])] = &[
    ("rollcall-filter", &[]),
    ("rollcall-schema", &["rollcall-filter"]),
    ("rollcall-domain", &["rollcall-filter", "rollcall-schema"]),
    ("rollcall-testkit", CORE),
    ("rollcall-postgres", CORE),
    ("rollcall-sqlite", CORE),
    ("rollcall-http", CORE),
    ("rollcall-oauth", CORE),
    ("rollcall-outbound", CORE),
    ("rollcall-console", CORE),
    (
        "rollcall-server",
        &[
            "rollcall-filter",
            "rollcall-schema",
            "rollcall-domain",
            "rollcall-postgres",
            "rollcall-sqlite",
            "rollcall-http",
            "rollcall-oauth",
            "rollcall-outbound",
            "rollcall-console",
        ],
    ),
    ("rollcall-bench", &["*"]),
    ("rollcall-tests", &["*"]),
    ("xtask", &[]),
];

/// Crates that nothing may use, whatever its own arrows say.
const LEAVES: &[&str] = &["rollcall-tests", "rollcall-bench", "xtask"];

/// Compares `cargo metadata` with the drawing.
pub(super) fn check(metadata: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in list(metadata, "packages") {
        let name = text(package, "name");
        let Some((_, allowed)) = ARROWS.iter().find(|(crate_name, _)| *crate_name == name) else {
            complaints.push(format!("`{name}` is not in the drawing"));
            continue;
        };
        for dependency in list(package, "dependencies") {
            let (used, kind) = (text(dependency, "name"), text(dependency, "kind"));
            let ours = dependency.get("path").is_some_and(Value::is_string);
            if ours && !may_use(allowed, used, kind) {
                complaints.push(format!("`{name}` may not use `{used}`"));
            }
        }
    }
    complaints
}

fn may_use(allowed: &[&str], used: &str, kind: &str) -> bool {
    if LEAVES.contains(&used) {
        return false;
    }
    allowed.contains(&"*")
        || allowed.contains(&used)
        || (kind == "dev" && used == "rollcall-testkit")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn arrow(from: &str, to: &str, kind: Option<&str>, expect: &[&str]) {
        let dependency = json!({"name": to, "kind": kind, "path": "/somewhere"});
        let foreign = json!({"name": "serde", "kind": null, "path": null});
        let package = json!({"name": from, "dependencies": [foreign, dependency]});
        assert_eq!(check(&json!({"packages": [package]})), expect);
    }

    #[test]
    fn arrows_of_the_drawing_pass() {
        arrow("rollcall-schema", "rollcall-filter", None, &[]);
        arrow("rollcall-sqlite", "rollcall-domain", None, &[]);
        arrow("rollcall-server", "rollcall-http", None, &[]);
        arrow("rollcall-tests", "rollcall-testkit", None, &[]);
        arrow("rollcall-filter", "rollcall-testkit", Some("dev"), &[]);
    }

    #[test]
    fn other_arrows_are_named() {
        arrow(
            "rollcall-filter",
            "rollcall-schema",
            None,
            &["`rollcall-filter` may not use `rollcall-schema`"],
        );
        arrow(
            "rollcall-http",
            "rollcall-sqlite",
            None,
            &["`rollcall-http` may not use `rollcall-sqlite`"],
        );
        arrow(
            "rollcall-http",
            "rollcall-sqlite",
            Some("dev"),
            &["`rollcall-http` may not use `rollcall-sqlite`"],
        );
        arrow(
            "rollcall-server",
            "rollcall-testkit",
            None,
            &["`rollcall-server` may not use `rollcall-testkit`"],
        );
        arrow("rollcall-tests", "xtask", None, &["`rollcall-tests` may not use `xtask`"]);
        arrow(
            "xtask",
            "rollcall-domain",
            Some("build"),
            &["`xtask` may not use `rollcall-domain`"],
        );
        arrow(
            "rollcall-common",
            "rollcall-filter",
            None,
            &["`rollcall-common` is not in the drawing"],
        );
    }
}
