//! The schemas of bodies that are sent.

use rollcall_domain::{Capabilities, IdpKind, Role, Status};
use rollcall_schema::{Profile, ProfileName, packs};
use serde_json::{Value, json};

use super::{
    count, flag, id, moment, nullable, object, one_of, reference, said, switches, text,
    with_all_but,
};

/// Each by its name.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("NewOrganization", with_all_but(object("", [("name", text())]), &[])),
        ("OrganizationChange", object("What is left out stays as it is.", [("name", text())])),
        ("NewConnection", new_connection()),
        ("ConnectionChange", connection_change()),
        ("LimitsChange", limits_change()),
        ("NewToken", new_token()),
        ("RotationStart", rotation_start()),
        ("RotationFinish", rotation_finish()),
        ("NewDefinitions", new_definitions()),
        ("NewAdminKey", new_admin_key()),
    ]
}

fn new_connection() -> Value {
    let token = json!({
        "anyOf": [reference("NewToken"), {"type": "null"}],
        "description": "Its first token: a bearer token where nothing is said, none for null.",
    });
    object(
        "",
        [
            ("idp", one_of(IdpKind::ALL.map(IdpKind::name))),
            ("settings", reference("ConnectionChange")),
            ("token", token),
        ],
    )
}

fn connection_change() -> Value {
    let profiles = one_of(ProfileName::ALL.map(ProfileName::name));
    let switch_names = Profile::SWITCHES.iter().map(|switch| switch.name);
    object(
        "What is left out stays as it is; null takes back what was decided.",
        [
            ("name", nullable(&text())),
            ("status", one_of(Status::ALL.map(Status::name))),
            ("security", object("", [("maxRequestSize", nullable(&count()))])),
            ("quietAfterHours", nullable(&count())),
            ("profile", nullable(&profiles)),
            ("switches", switches(switch_names, &nullable(&flag()))),
            ("capabilities", switches(Capabilities::NAMES, &nullable(&flag()))),
            ("limits", reference("LimitsChange")),
        ],
    )
}

fn limits_change() -> Value {
    object(
        "Null takes the server's default.",
        [
            ("maxRequestSize", nullable(&count())),
            ("bulkOperations", nullable(&count())),
            ("bulkPayload", nullable(&count())),
            ("pageDefault", nullable(&count())),
            ("pageMax", nullable(&count())),
            ("rate", nullable(&reference("Rate"))),
        ],
    )
}

fn new_token() -> Value {
    let certificate = "The SHA-256 of the client certificate that it is bound to, in base64url.";
    object(
        "",
        [
            ("name", nullable(&text())),
            ("proof", proof()),
            ("scopes", nullable(&said("The scopes, apart by spaces; all where nothing is said."))),
            ("expires", nullable(&moment())),
            ("certificate", nullable(&said(certificate))),
            ("user", nullable(&said("The `userName` or id of the user whose own token it is."))),
        ],
    )
}

/// How the bearer of a credential proves to be the one.
fn proof() -> Value {
    let kind = |name: &'static str| ("kind", one_of([name]));
    let plain = |name| with_all_but(object("", [kind(name)]), &[]);
    json!({
        "description": "How its bearer proves to be the one: a bearer token where nothing is said.",
        "oneOf": [
            plain("bearer"),
            plain("clientSecret"),
            with_all_but(
                object("", [kind("clientKey"), ("jwks", json!({"type": "object"}))]),
                &[],
            ),
            with_all_but(
                object("", [
                    kind("trustedIssuer"),
                    ("issuer", text()),
                    ("subject", text()),
                    ("audience", text()),
                    ("jwksUri", text()),
                ]),
                &[],
            ),
        ],
    })
}

fn rotation_start() -> Value {
    object("", [("expires", nullable(&moment()))])
}

fn rotation_finish() -> Value {
    let force = json!({
        "type": "boolean",
        "default": false,
        "description": "Whether to finish although the new credential has not been seen.",
    });
    object("", [("force", force)])
}

fn new_definitions() -> Value {
    let names = packs::all().iter().map(|pack| pack.name);
    let pack = with_all_but(object("", [("pack", one_of(names))]), &[]);
    json!({
        "description": "A pack by its name, or definitions: an object of that form, one schema, \
                        one resource type, or a list of these.",
        "anyOf": [
            pack,
            reference("Definitions"),
            {"type": "object"},
            {"type": "array", "items": {"type": "object"}},
        ],
    })
}

fn new_admin_key() -> Value {
    let key = object(
        "",
        [
            ("name", text()),
            ("role", one_of(Role::ALL.map(Role::name))),
            ("organizationId", nullable(&id("org"))),
            ("expires", nullable(&moment())),
            (
                "subject",
                nullable(&said(
                    "The subject whose tokens of the issuer that operators sign in with stand in \
                     for a secret. Naming one takes a key for every organization.",
                )),
            ),
        ],
    );
    with_all_but(key, &["organizationId", "expires", "subject"])
}
