//! The schemas of answers.

use rollcall_domain::{Capabilities, CheckOutcome, IdpKind, Role, Status};
use rollcall_schema::{Profile, ProfileName};
use serde_json::{Value, json};

use super::{
    count, flag, id, list, moment, nullable, object, one_of, reference, said, switches, text,
    with_all, with_all_but,
};

/// Each by its name.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let mut schemas = vec![
        ("Organization", organization()),
        ("Connection", connection()),
        ("Limits", limits()),
        ("Rate", rate()),
        ("Token", token()),
        ("Rotation", rotation()),
        ("Job", job()),
        ("Work", work()),
        ("AdminKey", admin_key()),
        ("Status", status()),
        ("Validation", validation()),
        ("Check", check()),
        ("Preview", preview()),
        ("Definitions", definitions()),
        ("Document", json!({"type": "object", "description": "An OpenAPI 3.1 document."})),
        ("Problem", problem()),
    ];
    for (name, of) in [
        ("OrganizationList", "Organization"),
        ("ConnectionList", "Connection"),
        ("TokenList", "Token"),
        ("AdminKeyList", "AdminKey"),
    ] {
        schemas.push((name, page(of)));
    }
    schemas
}

fn page(of: &str) -> Value {
    let next = json!({
        "type": ["string", "null"],
        "description": "The cursor of the next page; null on the last.",
    });
    with_all(object("A page of a list.", [("items", list(&reference(of))), ("next", next)]))
}

fn organization() -> Value {
    with_all(object(
        "A customer of the SaaS.",
        [
            ("organizationId", id("org")),
            ("name", text()),
            ("created", moment()),
            ("revision", count()),
        ],
    ))
}

fn base_path() -> Value {
    said("The path of the SCIM base, as the server has it.")
}

fn base_url() -> Value {
    said("The SCIM base URL, which the IdP gets.")
}

fn connection() -> Value {
    let switch_names = Profile::SWITCHES.iter().map(|switch| switch.name);
    let connection = object(
        "One IdP directory of an organization, with what follows from defaults.",
        [
            ("connectionId", id("conn")),
            ("configId", said("The connection and its revision.")),
            ("organizationId", id("org")),
            ("basePath", base_path()),
            ("baseUrl", base_url()),
            ("name", nullable(&text())),
            ("idp", one_of(IdpKind::ALL.map(IdpKind::name))),
            ("status", one_of(Status::ALL.map(Status::name))),
            ("created", moment()),
            ("revision", count()),
            ("profile", one_of(ProfileName::ALL.map(ProfileName::name))),
            ("switches", with_all(switches(switch_names, &flag()))),
            ("capabilities", capabilities()),
            ("limits", reference("Limits")),
            (
                "security",
                with_all(object("What guards it.", [("maxRequestSize", nullable(&count()))])),
            ),
            ("quietAfterHours", nullable(&count())),
            ("resourceTypes", list(&text())),
            ("removal", nullable(&id("job"))),
            ("tokenId", id("tok")),
            ("token", nullable(&said("The secret of its first token, shown this once."))),
        ],
    );
    with_all_but(connection, &["tokenId", "token"])
}

fn capabilities() -> Value {
    with_all(switches(Capabilities::NAMES, &flag()))
}

fn limits() -> Value {
    object(
        "What is set; the server's defaults count for the rest.",
        [
            ("maxRequestSize", count()),
            ("bulkOperations", count()),
            ("bulkPayload", count()),
            ("pageDefault", count()),
            ("pageMax", count()),
            ("rate", reference("Rate")),
        ],
    )
}

fn rate() -> Value {
    with_all(object(
        "A sustained rate with a burst above it.",
        [("perSecond", json!({"type": "integer", "minimum": 25})), ("burst", count())],
    ))
}

fn token() -> Value {
    let token = object(
        "A credential of a connection.",
        [
            ("tokenId", id("tok")),
            ("connectionId", id("conn")),
            ("basePath", base_path()),
            ("baseUrl", base_url()),
            ("name", nullable(&text())),
            ("kind", one_of(["bearer", "clientSecret", "clientKey", "trustedIssuer"])),
            ("scopes", said("The scopes, apart by spaces.")),
            ("user", nullable(&said("The user whose own token it is."))),
            ("certificate", nullable(&text())),
            ("created", moment()),
            ("expires", nullable(&moment())),
            ("lastUsed", nullable(&moment())),
            ("revoked", nullable(&moment())),
            ("replaces", nullable(&id("tok"))),
            ("revision", count()),
            ("token", said("The secret, shown this once.")),
            ("clientId", text()),
            ("tokenEndpoint", said("Where it gets access tokens, unless it is a bearer token.")),
            ("jwks", json!({"type": "object"})),
            ("issuer", text()),
            ("subject", text()),
            ("audience", text()),
            ("jwksUri", text()),
        ],
    );
    // Inside of a rotation a credential says no place.
    let optional = [
        "basePath",
        "baseUrl",
        "token",
        "clientId",
        "tokenEndpoint",
        "jwks",
        "issuer",
        "subject",
        "audience",
        "jwksUri",
    ];
    with_all_but(token, &optional)
}

fn rotation() -> Value {
    with_all(object(
        "How far a rotation is.",
        [
            ("old", reference("Token")),
            ("new", reference("Token")),
            ("newTokenSeen", flag()),
            ("oldTokenInUse", flag()),
        ],
    ))
}

fn job() -> Value {
    with_all(object(
        "Work that goes on behind a request.",
        [
            ("jobId", id("job")),
            ("organizationId", nullable(&id("org"))),
            ("work", reference("Work")),
            ("state", one_of(["running", "stuck", "finished"])),
            ("done", count()),
            ("total", count()),
            ("stuck", nullable(&text())),
            ("created", moment()),
            ("touched", moment()),
            ("finished", nullable(&moment())),
        ],
    ))
}

fn work() -> Value {
    let work = object(
        "What a job does.",
        [
            ("work", one_of(["removeConnection", "eraseOrganization"])),
            ("connection", id("conn")),
            ("people", people()),
            ("to", id("conn")),
        ],
    );
    with_all_but(work, &["connection", "people", "to"])
}

fn people() -> Value {
    one_of(super::super::table::PEOPLE.iter().copied())
}

fn admin_key() -> Value {
    let key = object(
        "A credential of this API.",
        [
            ("adminKeyId", id("adm")),
            ("name", text()),
            ("role", one_of(Role::ALL.map(Role::name))),
            ("organizationId", nullable(&id("org"))),
            ("subject", nullable(&text())),
            ("created", moment()),
            ("expires", nullable(&moment())),
            ("lastUsed", nullable(&moment())),
            ("revoked", nullable(&moment())),
            ("revision", count()),
            ("key", said("The secret, shown this once.")),
        ],
    );
    with_all_but(key, &["key"])
}

fn status() -> Value {
    let refused = with_all(object(
        "A credential that had expired, and when somebody came with it.",
        [("at", moment()), ("tokenId", id("tok"))],
    ));
    with_all(object(
        "How a connection is.",
        [
            ("connectionId", id("conn")),
            ("organizationId", id("org")),
            ("basePath", base_path()),
            ("baseUrl", base_url()),
            ("status", one_of(Status::ALL.map(Status::name))),
            ("configured", flag()),
            ("ready", flag()),
            ("capabilities", capabilities()),
            ("checks", list(&reference("Check"))),
            ("dialect", nullable(&text())),
            ("lastSeen", nullable(&moment())),
            ("connectionTestPassed", nullable(&moment())),
            ("expiredTokenRefused", nullable(&refused)),
            ("quietSince", nullable(&moment())),
        ],
    ))
}

fn validation() -> Value {
    with_all(object(
        "What was found when a connection was looked at closely.",
        [
            ("connectionId", id("conn")),
            ("organizationId", id("org")),
            ("basePath", base_path()),
            ("baseUrl", base_url()),
            ("checks", list(&reference("Check"))),
            ("capabilities", capabilities()),
        ],
    ))
}

fn check() -> Value {
    let outcomes = [CheckOutcome::Pass, CheckOutcome::Warn, CheckOutcome::Fail];
    with_all(object(
        "One thing that was looked at.",
        [
            ("name", text()),
            ("outcome", one_of(outcomes.map(CheckOutcome::name))),
            ("detail", text()),
            ("fix", nullable(&said("What would mend it."))),
        ],
    ))
}

fn preview() -> Value {
    let preview = object(
        "What would become of the people of a connection.",
        [
            ("people", people()),
            ("to", id("conn")),
            ("resources", json!({"type": "object", "additionalProperties": count()})),
            ("activeUsers", count()),
            ("outcome", text()),
            ("conflicts", list(&text())),
            ("compared", count()),
        ],
    );
    with_all_but(preview, &["to"])
}

fn definitions() -> Value {
    let any = json!({"type": "object"});
    object(
        "Schemas (RFC 7643 §7), resource types (§6), and extensions of types that are there \
         already.",
        [("schemas", list(&any)), ("resourceTypes", list(&any)), ("extensions", list(&any))],
    )
}

fn problem() -> Value {
    let flaw = with_all(object(
        "One thing that is wrong with definitions.",
        [
            ("line", count()),
            ("column", count()),
            ("pointer", said("A JSON pointer into what was sent (RFC 6901).")),
            ("detail", text()),
        ],
    ));
    let problem = object(
        "Why a request was not answered as it hoped (RFC 9457).",
        [
            ("type", text()),
            ("title", text()),
            ("status", json!({"type": "integer"})),
            ("detail", said("What is wrong, and how to mend it.")),
            ("instance", said("The id of the request, as in `X-Request-Id`.")),
            ("errors", list(&flaw)),
        ],
    );
    with_all_but(problem, &["errors"])
}
