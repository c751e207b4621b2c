//! Every route of the admin API.

use rollcall_domain::Role;

use super::{Call, Kind, PEOPLE, Parameter, Route, Sent, Verb};

const PAGE: &[Parameter] = &[
    Parameter {
        name: "limit",
        about: "How many at most: 1 to 1000, or 100 where nothing is said.",
        kind: Kind::Count,
        required: false,
    },
    Parameter {
        name: "after",
        about: "The cursor that the page before gave as `next`.",
        kind: Kind::Text,
        required: false,
    },
];

const REMOVAL: &[Parameter] = &[
    Parameter {
        name: "people",
        about: "What becomes of the people: `keep` leaves their access as it is, `deactivate` \
                ends it, `handOver` gives them to the connection `to`.",
        kind: Kind::OneOf(PEOPLE),
        required: true,
    },
    Parameter {
        name: "to",
        about: "The connection of the same organization that takes them over, with `handOver` \
                alone.",
        kind: Kind::Text,
        required: false,
    },
];

const ORGANIZATION: &str = "/organizations/{org}";
const CONNECTIONS: &str = "/organizations/{org}/connections";
const CONNECTION: &str = "/organizations/{org}/connections/{connection}";
const TOKENS: &str = "/organizations/{org}/connections/{connection}/tokens";
const TOKEN: &str = "/organizations/{org}/connections/{connection}/tokens/{token}";
const ROTATION: &str = "/organizations/{org}/connections/{connection}/tokens/{token}/rotation";
const FINISH: &str = "/organizations/{org}/connections/{connection}/tokens/{token}/rotation/finish";
const SCHEMAS: &str = "/organizations/{org}/connections/{connection}/schemas";
const KEYS: &str = "/admin/keys";
const KEY: &str = "/admin/keys/{key}";
const MADE_TOKEN: &str = "/organizations/{org}/connections/{connection}/tokens/{tokenId}";
const MADE_JOB: &str = "/organizations/{org}/jobs/{jobId}";

/// Every route.
pub(in crate::admin) const ROUTES: &[Route] = &[
    get("/openapi.json", Call::Document, "getOpenApi", "This document", "Document").open(),
    get(
        "/organizations",
        Call::Organizations,
        "listOrganizations",
        "The organizations that the key may see",
        "OrganizationList",
    )
    .paged(),
    post(
        "/organizations",
        Call::CreateOrganization,
        "createOrganization",
        "Make an organization",
        "Organization",
    )
    .takes("NewOrganization")
    .everywhere()
    .made("/organizations/{organizationId}"),
    get(ORGANIZATION, Call::Organization, "getOrganization", "One organization", "Organization"),
    patch(
        ORGANIZATION,
        Call::ChangeOrganization,
        "changeOrganization",
        "Change an organization",
        "Organization",
    )
    .takes("OrganizationChange")
    .everywhere()
    .if_match(),
    delete(
        ORGANIZATION,
        Call::DeleteOrganization,
        "deleteOrganization",
        "Erase an organization with everything that it has, once it has no connections",
        "Job",
    )
    .by(Role::Owner)
    .everywhere()
    .if_match()
    .accepted(MADE_JOB),
    get(
        CONNECTIONS,
        Call::Connections,
        "listConnections",
        "The connections of an organization",
        "ConnectionList",
    )
    .paged(),
    post(
        CONNECTIONS,
        Call::CreateConnection,
        "createConnection",
        "Make a connection with its first token",
        "Connection",
    )
    .may_take("NewConnection")
    .made("/organizations/{org}/connections/{connectionId}"),
    get(CONNECTION, Call::Connection, "getConnection", "One connection", "Connection"),
    patch(
        CONNECTION,
        Call::Configure,
        "configureConnection",
        "Change how a connection is set up; what is left out stays as it is",
        "Connection",
    )
    .takes("ConnectionChange")
    .if_match(),
    delete(
        CONNECTION,
        Call::DeleteConnection,
        "deleteConnection",
        "End a connection, and say what becomes of its people",
        "Job",
    )
    .asks(REMOVAL)
    .if_match()
    .accepted(MADE_JOB),
    get(
        "/organizations/{org}/connections/{connection}/removal",
        Call::Removal,
        "previewRemoval",
        "What would become of the people of a connection",
        "Preview",
    )
    .asks(REMOVAL),
    get(
        "/organizations/{org}/connections/{connection}/status",
        Call::Status,
        "getConnectionStatus",
        "How a connection is",
        "Status",
    ),
    get(
        "/organizations/{org}/connections/{connection}/validate",
        Call::Validate,
        "validateConnection",
        "Look at a connection closely",
        "Validation",
    ),
    get(
        SCHEMAS,
        Call::Schemas,
        "getSchemas",
        "The schemas and resource types that were added to a connection",
        "Definitions",
    ),
    post(
        SCHEMAS,
        Call::AddSchemas,
        "addSchemas",
        "Add schemas and resource types, or a pack of them",
        "Connection",
    )
    .takes("NewDefinitions")
    .if_match()
    .done(),
    delete(
        "/organizations/{org}/connections/{connection}/schemas/{name}",
        Call::RemoveSchema,
        "removeSchema",
        "Remove the schema of this URN or the resource type of this name",
        "Connection",
    )
    .if_match(),
    get(
        TOKENS,
        Call::Tokens,
        "listTokens",
        "The credentials of a connection, those that have ended included",
        "TokenList",
    )
    .paged(),
    post(
        TOKENS,
        Call::CreateToken,
        "createToken",
        "Make one more credential; the others go on working",
        "Token",
    )
    .may_take("NewToken")
    .made(MADE_TOKEN),
    get(TOKEN, Call::Token, "getToken", "One credential", "Token"),
    delete(TOKEN, Call::RevokeToken, "revokeToken", "End a credential at once", "Token").if_match(),
    post(
        ROTATION,
        Call::StartRotation,
        "startRotation",
        "Make a credential in the place of another; both live until the rotation is finished",
        "Token",
    )
    .may_take("RotationStart")
    .if_match()
    .made(MADE_TOKEN),
    get(
        ROTATION,
        Call::Rotation,
        "getRotation",
        "How far a rotation is, and whether the new credential has been seen",
        "Rotation",
    ),
    post(
        FINISH,
        Call::FinishRotation,
        "finishRotation",
        "Finish a rotation: the old credential ends",
        "Token",
    )
    .may_take("RotationFinish")
    .done(),
    get(
        "/organizations/{org}/jobs/{job}",
        Call::Job,
        "getJob",
        "How far a job of an organization is",
        "Job",
    ),
    get(KEYS, Call::Keys, "listAdminKeys", "The admin keys that the key may see", "AdminKeyList")
        .by(Role::Owner)
        .paged(),
    post(KEYS, Call::CreateKey, "createAdminKey", "Make an admin key", "AdminKey")
        .takes("NewAdminKey")
        .by(Role::Owner)
        .made("/admin/keys/{adminKeyId}"),
    get(KEY, Call::Key, "getAdminKey", "One admin key", "AdminKey").by(Role::Owner),
    delete(KEY, Call::RevokeKey, "revokeAdminKey", "End an admin key at once", "AdminKey")
        .by(Role::Owner)
        .if_match(),
];

type Text = &'static str;

const fn route(
    verb: Verb,
    (path, call): (Text, Call),
    (id, summary): (Text, Text),
    answer: Text,
    role: Role,
) -> Route {
    Route {
        verb,
        path,
        call,
        id,
        summary,
        answer,
        status: 200,
        role: Some(role),
        everywhere: false,
        body: None,
        query: &[],
        if_match: false,
        location: None,
    }
}

const fn get(path: Text, call: Call, id: Text, summary: Text, answer: Text) -> Route {
    route(Verb::Get, (path, call), (id, summary), answer, Role::ReadOnly)
}

const fn post(path: Text, call: Call, id: Text, summary: Text, answer: Text) -> Route {
    route(Verb::Post, (path, call), (id, summary), answer, Role::Operator)
}

const fn patch(path: Text, call: Call, id: Text, summary: Text, answer: Text) -> Route {
    route(Verb::Patch, (path, call), (id, summary), answer, Role::Operator)
}

const fn delete(path: Text, call: Call, id: Text, summary: Text, answer: Text) -> Route {
    route(Verb::Delete, (path, call), (id, summary), answer, Role::Operator)
}

impl Route {
    const fn open(self) -> Self {
        Self { role: None, ..self }
    }

    const fn by(self, role: Role) -> Self {
        Self { role: Some(role), ..self }
    }

    const fn everywhere(self) -> Self {
        Self { everywhere: true, ..self }
    }

    const fn takes(self, schema: Text) -> Self {
        Self { body: Some(Sent { schema, optional: false }), ..self }
    }

    const fn may_take(self, schema: Text) -> Self {
        Self { body: Some(Sent { schema, optional: true }), ..self }
    }

    const fn asks(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    const fn paged(self) -> Self {
        self.asks(PAGE)
    }

    const fn if_match(self) -> Self {
        Self { if_match: true, ..self }
    }

    const fn made(self, location: Text) -> Self {
        Self { status: 201, location: Some(location), ..self }
    }

    const fn accepted(self, location: Text) -> Self {
        Self { status: 202, location: Some(location), ..self }
    }

    const fn done(self) -> Self {
        Self { status: 200, ..self }
    }
}
